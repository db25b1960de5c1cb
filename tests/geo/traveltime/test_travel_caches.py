"""What `Travel` keeps of its searches is bounded in bytes."""

import numpy as np
import pytest

from geo.study.study import Study
from geo.traveltime import travel
from geo.traveltime.nearest import NearestFacilities
from geo.traveltime.travel import Travel


@pytest.fixture(scope="module")
def searched(sample: Study) -> NearestFacilities:
    """All that is computed of some facilities, for the sizes of it."""
    network = Travel(sample).network("walk")
    stretches = network.chain_stretches(network.edge_stretches(sample.facilities.geometry.to_numpy()))
    nearest = NearestFacilities(network, stretches)
    nearest.prepare_ranking()
    _ = nearest.junction_times
    return nearest


def test_bytes_of_a_search_are_counted_before_it_runs(searched: NearestFacilities) -> None:
    tables = (*searched.junction_times, *searched.several_of_junctions, *searched.stretches.table(towards=True))
    assert sum(array.nbytes for array in tables) <= searched.nbytes < 1.2 * sum(array.nbytes for array in tables)


@pytest.mark.parametrize(("kept", "searches"), [(10, 4), (2, 6), (0, 6)])
def test_the_least_recently_used_searches_are_dropped(
    sample: Study, searched: NearestFacilities, monkeypatch: pytest.MonkeyPatch, kept: int, searches: int
) -> None:
    monkeypatch.setattr(travel, "NEAREST_CACHE_BYTES", int((kept + 0.5) * searched.nbytes))
    counted: list[int] = []
    compute = Travel._compute_nearest_facilities

    def count(self: Travel, key: object) -> NearestFacilities:
        counted.append(1)
        return compute(self, key)

    monkeypatch.setattr(Travel, "_compute_nearest_facilities", count)
    asked = Travel(sample)
    halves = [sample.facilities.iloc[first::4] for first in range(4)]
    for facilities in (*halves, halves[3], *halves[:2]):
        asked.ranker(facilities, "walk")
    assert len(counted) == searches


def test_the_latest_times_are_kept_however_large(sample: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(travel, "TIMES_CACHE_BYTES", 10)
    asked = Travel(sample)
    times = asked.demand_times(sample.facilities, "walk")
    assert asked.demand_times(sample.facilities, "walk") is times
    other = asked.demand_times(sample.facilities.iloc[::2], "walk")
    again = asked.demand_times(sample.facilities, "walk")
    assert again is not times
    assert other is not again
    assert np.array_equal(again.seconds, times.seconds)
