"""Answers after the register has changed: new where the change matters, and kept where it does not."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import orjson
import pytest

from geo.measures import counting
from geo.traveltime import nearest
from service.answers.engine import Answers
from service.answers.nearest import NearestFinder, NearestOptions
from service.settings import Settings
from support import town
from support.lists import import_list, rewrite_geojson

OpenAnswers = Callable[[], Answers]


@pytest.fixture
def open_answers(town_folder: Path, database_url: str) -> Iterator[OpenAnswers]:
    """Opens answers about the small town, as another server on the same database would."""
    with ExitStack() as stack:

        def open_one() -> Answers:
            answers = Answers(Settings(study=town_folder, database_url=database_url))
            stack.callback(answers.register.database.close)
            return answers

        yield open_one


def nearest_clinic(answers: Answers, lon: float, lat: float) -> str:
    finder = NearestFinder(answers, answers.states.current(), NearestOptions(("clinic",)))
    return orjson.loads(orjson.dumps(finder.around(lon, lat)))["features"][0]["id"]


def test_another_server_answers_from_the_changed_register(town_folder: Path, open_answers: OpenAnswers):
    first, second = open_answers(), open_answers()
    lon, lat = town.place(5, 5)
    before = second.coverage("health-20")
    assert first.coverage("health-20") == before
    map_before = second.gap_map("health-20", "linked")
    assert nearest_clinic(second, lon, lat) != "new"

    def replace_all(features: list[dict]) -> None:
        features[:] = [features[1] | {"id": "new", "geometry": {"type": "Point", "coordinates": [lon, lat]}}]

    path = rewrite_geojson(town_folder / "facilities.geojson", replace_all, town_folder / "own.geojson")
    revision = second.register.revision
    import_list(first.register, path)

    assert second.register.revision > revision
    assert nearest_clinic(second, lon, lat) == "new"
    after = second.coverage("health-20")
    assert after.facilities == before.facilities + 1
    assert after.covered >= before.covered
    assert after == first.coverage("health-20") == second.all_coverage()[1]
    assert second.gap_map("health-20", "linked") != map_before
    assert second.register.get("new").version == 1


def test_a_changed_category_leaves_the_coverage_of_others_cached(
    town_folder: Path, open_answers: OpenAnswers, monkeypatch: pytest.MonkeyPatch
):
    counted, searches = [], []
    count_units, junction_seconds = counting.count_units, nearest.junction_seconds

    def recording_count(travel, facilities, standard, day):
        counted.append(standard)
        return count_units(travel, facilities, standard, day)

    def recording_search(*arguments, **options):
        searches.append(arguments)
        return junction_seconds(*arguments, **options)

    def move_first(features: list[dict]) -> None:
        features[:] = features[:1]
        features[0]["geometry"]["coordinates"] = list(town.place(8, 8))

    answers = open_answers()
    before = {coverage.standard: coverage for coverage in answers.all_coverage()}
    monkeypatch.setattr(counting, "count_units", recording_count)
    monkeypatch.setattr(nearest, "junction_seconds", recording_search)
    source = town_folder / "facilities.geojson"
    import_list(answers.register, rewrite_geojson(source, move_first, town_folder / "moved.geojson"))
    after = {coverage.standard: coverage for coverage in answers.all_coverage()}
    assert {standard.category for standard in counted} == {"clinic"}
    assert len(counted) == sum(coverage.category == "clinic" for coverage in before.values()) == 2
    assert searches
    for standard, coverage in after.items():
        assert (coverage is before[standard]) == (coverage.category != "clinic")
    assert after["health-15"].covered != before["health-15"].covered

    # When the facility moves back, its travel times are still cached.
    searches.clear()
    import_list(answers.register, source)
    again = {coverage.standard: coverage.covered for coverage in answers.all_coverage()}
    assert again == {standard: coverage.covered for standard, coverage in before.items()}
    assert not searches
