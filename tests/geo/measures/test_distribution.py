"""Distributions: by hand, against people counted one by one, and against the coverage of real places."""

from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.geodesy.distance import TOLERANCE_M
from geo.measures import counting, coverage, distribution
from geo.measures.distribution import Distribution, Spread
from geo.study.standards import Standard
from geo.study.study import Study
from geo.traveltime.travel import Travel
from support import two_towns
from support.examples import examples
from support.handmade import standard
from support.two_towns import TODAY, with_demand


def measure(study: Study, goal: Standard, day: date = TODAY) -> Distribution:
    travel = Travel(study)
    return distribution.measure(travel, goal, counting.count_units(travel, study.facilities, goal, day))


def by_group(answer: Distribution) -> dict[str, Spread]:
    return {group.group: group.spread for group in answer.groups}


def test_numbers_of_a_county_by_hand() -> None:
    # People live 200, 900, 1,500, 2,500 and 3,900 m from the clinic, at 4 km/h 3, 13.5, 22.5, 37.5 and 58.5 minutes;
    # 130 of 280 reach nothing.
    answer = measure(two_towns.study(), standard("travel_time", minutes=15))
    spread = by_group(answer)["standard"]
    assert (answer.unit, answer.limit, answer.steps) == ("minutes", 15, list(range(31)))
    assert (spread.people, spread.reached, spread.covered) == (280, 150, 30)
    assert spread.mean == pytest.approx((10 * 3 + 20 * 13.5 + 30 * 22.5 + 40 * 37.5 + 50 * 58.5) / 150, abs=1e-3)
    assert (spread.within[2], spread.within[3], spread.within[14], spread.within[30]) == (0, 10, 30, 60)
    # 28 people are the first tenth, 70 the first quarter, 140 the first half; three quarters reach nothing.
    assert list(spread.percentiles.values()) == pytest.approx([13.5, 37.5, 58.5] + [None] * 3, abs=1e-3)


def test_groups_and_areas_of_a_county() -> None:
    answer = measure(two_towns.study(), standard("travel_time", minutes=15, people="urban"))
    groups = by_group(answer)
    assert list(groups) == ["standard", "all", "urban", "rural", "children_3_6"]
    assert groups["standard"] == groups["urban"]
    assert (groups["rural"].people, groups["children_3_6"].people, groups["all"].people) == (140, 11, 280)
    assert [(area.code, area.spread.people, area.spread.reached) for area in answer.areas] == [
        ("A", 30, 30),
        ("B", 40, 40),
    ]
    # The number of children is known of three of seven points: 60 + 40 + 70 people are in doubt.
    assert [note for note in answer.notes if "170" in note and "children" in note]


def test_people_in_one_place_are_equal() -> None:
    spread = distribution.spread(np.full(3, 7.0), np.array([1.0, 2.0, 3.0]), np.ones(3, dtype=bool), [0.0, 10.0])
    assert (spread.gini, spread.palma, spread.mean) == (0.0, 0.25, 7.0)


@pytest.mark.parametrize(("values", "weight"), [([], []), ([np.inf], [5.0]), ([0.0, 0.0], [2.0, 3.0])])
def test_where_nobody_travels_inequality_is_unknown(values: list[float], weight: list[float]) -> None:
    spread = distribution.spread(np.array(values), np.array(weight), np.zeros(len(values), dtype=bool), [0.0, 10.0])
    assert (spread.gini, spread.palma) == (None, None)
    assert spread.people == sum(weight)


@settings(max_examples=examples(60), deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 60) | st.just(np.inf), st.integers(0, 9)), min_size=1, max_size=12),
    st.integers(1, 60),
)
def test_numbers_equal_those_of_people_counted_one_by_one(points: list[tuple[float, int]], limit: int) -> None:
    values, weight = (np.array(column, dtype=float) for column in zip(*points, strict=True))
    steps = distribution.curve_steps(limit)
    spread = distribution.spread(values, weight, values <= limit, steps)
    persons = sorted(value for value, people in points for _ in range(people))
    reaching = [value for value in persons if np.isfinite(value)]
    assert (spread.people, spread.reached) == (len(persons), len(reaching))
    assert spread.covered == sum(value <= limit for value in persons) == spread.within[steps.index(limit)]
    assert spread.within == [sum(value <= step for value in persons) for step in steps]
    for percent, value in spread.percentiles.items():
        # The least value within which at least so many of all persons are.
        enough = [
            own for own in reaching if sum(other <= own for other in persons) * 100 >= int(percent) * len(persons)
        ]
        assert value == (enough[0] if enough else None)
    if sum(reaching) == 0:
        assert (spread.gini, spread.palma) == (None, None)
        return
    mean = sum(reaching) / len(reaching)
    differences = sum(abs(one - other) for one in reaching for other in reaching)
    assert spread.mean == pytest.approx(mean, abs=1e-3)
    assert spread.gini == pytest.approx(differences / (2 * len(reaching) ** 2 * mean), abs=1e-6)
    tenths = [value for value in reaching for _ in range(10)]  # so that 40 % and 10 % are whole numbers
    nearest, farthest = sum(tenths[: 4 * len(reaching)]), sum(tenths[9 * len(reaching) :])
    assert spread.palma == (pytest.approx(farthest / nearest, rel=1e-5, abs=1e-6) if nearest else None)


@pytest.mark.parametrize("limit", [0.1, 7.5, 15, 20, 60, 61, 120, 300, 500, 1000, 50_000])
def test_steps_reach_twice_the_limit(limit: float) -> None:
    steps = distribution.curve_steps(limit)
    assert steps == sorted(set(steps))
    assert steps[0] == 0
    assert limit in steps
    assert 2 * limit <= steps[-1] < 2 * limit + steps[-1] - steps[-2] + 1
    assert len(steps) <= distribution.MOST_STEPS + 2


def test_share_is_unknown_where_nothing_is_known_of_the_facilities() -> None:
    answer = measure(two_towns.study(), standard("radius", metres=500, category="park"))
    assert {spread.share for spread in by_group(answer).values()} == {None}
    assert [area.spread.share for area in answer.areas] == [None, None]


@pytest.mark.parametrize("measure_", ["presence", "opened"])
def test_standards_that_count_no_people_have_none(measure_: str) -> None:
    fields = {"units": "village"} if measure_ == "presence" else {"since": TODAY, "until": TODAY}
    answer = measure(two_towns.study(), standard(measure_, **fields))
    assert (answer.unit, answer.limit, answer.steps, answer.groups, answer.areas) == (None, None, [], [], [])
    assert "counts no people" in answer.notes[0]


def test_without_people_and_without_facilities() -> None:
    county = two_towns.study()
    goal = standard("travel_time", minutes=15, category="park")
    spread = by_group(measure(county, goal))["standard"]
    assert (spread.people, spread.reached, spread.mean, spread.gini) == (280, 0, None, None)
    assert set(spread.percentiles.values()) == {None}
    nobody = by_group(measure(with_demand(county, population=0.0), standard("radius", metres=500)))["standard"]
    assert (nobody.people, nobody.share, nobody.mean, nobody.palma) == (0, None, None, None)


@pytest.mark.parametrize("name", ["sample", "liechtenstein", "porto_alegre"])
def test_curve_and_inequality_of_real_places_equal_plain_numpy(name: str, request: pytest.FixtureRequest) -> None:
    study: Study = request.getfixturevalue(name)
    travel = Travel(study)
    for goal in study.standards:
        if goal.measure not in ("travel_time", "radius"):
            continue
        counted = counting.count_units(travel, study.facilities, goal, TODAY)
        answer, summary = distribution.measure(travel, goal, counted), coverage.summarise(travel, goal, counted)
        spread = by_group(answer)["standard"]
        assert (spread.people, spread.covered) == (summary.total, summary.covered)
        assert sum(area.spread.covered for area in answer.areas) == pytest.approx(
            sum(area.covered for area in summary.areas), abs=1
        )
        value, weight = (counted.rows[column].to_numpy() for column in ("value", "weight"))
        tolerance = counting.TOLERANCE_MIN if answer.unit == "minutes" else TOLERANCE_M
        expected = [weight[value <= step + tolerance].sum() for step in answer.steps]
        assert spread.within == pytest.approx(expected, abs=0.1)
        value, weight = value[np.isfinite(value)], weight[np.isfinite(value)]
        order = np.argsort(value)
        value, weight, mean = value[order], weight[order], np.average(value, weights=weight)
        # The mean difference of two people is the integral of 2 F (1 - F), F being the share of people within a value.
        up_to = np.cumsum(weight) / weight.sum()
        difference = 2 * np.sum(up_to[:-1] * (1 - up_to[:-1]) * np.diff(value))
        assert spread.gini == pytest.approx(difference / (2 * mean), abs=1e-6)
        nearest = np.clip(0.4 - (up_to - weight / weight.sum()), 0, weight / weight.sum())
        farthest = np.clip(up_to - 0.9, 0, weight / weight.sum())
        assert spread.palma == pytest.approx((farthest @ value) / (nearest @ value), rel=1e-5)
