"""/v1/standards and /v1/coverage: the goals, and the coverage of each."""

import tomllib
from pathlib import Path

import pytest
from starlette.testclient import TestClient

FIELDS = {
    "standard", "name", "source", "measure", "method", "mode", "speed_kph", "minutes", "unit", "total", "covered",
    "share", "target", "meets_target", "people", "areas", "alternatives", "sample",
}  # fmt: skip
AREA_FIELDS = {"code", "name", "people", "total", "covered", "share"}
ALTERNATIVE_FIELDS = {"mode", "speed_kph", "covered", "share"}
PLAN = [
    "health-15", "health-20", "hall-presence", "hall-new", "park-new", "park-500", "kindergarten-new",
    "kindergarten-town", "kindergarten-300",
]  # fmt: skip


@pytest.fixture(scope="module")
def coverage(client: TestClient) -> dict[str, dict]:
    answer = client.get("/v1/coverage")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    return {summary["standard"]: summary for summary in answer.json()["standards"]}


def test_coverage_has_the_nine_standards_in_the_files_order(client: TestClient, coverage: dict, served_folder: Path):
    file = tomllib.loads((served_folder / "standards.toml").read_text("utf-8"))["standard"]
    answer = client.get("/v1/standards").json()
    assert (
        [entry["id"] for entry in answer["standards"]]
        == [standard["id"] for standard in file]
        == list(coverage)
        == PLAN
    )
    for entry, written in zip(answer["standards"], file, strict=True):
        assert (entry["name"], entry["source"], entry["measure"]) == (
            written["name"],
            written["source"],
            written["measure"],
        )
    assert answer["sample"] is True


@pytest.mark.parametrize("standard", PLAN)
def test_single_standard_equals_its_entry_in_the_list(client: TestClient, coverage: dict, standard: str):
    answer = client.get(f"/v1/coverage/{standard}")
    assert answer.status_code == 200
    list_members = {"on", "coordinate_system", "notice", "attribution"}  # these stand beside the list
    assert answer.json() == coverage[standard] | {
        name: client.get("/v1/coverage").json()[name] for name in list_members
    }


@pytest.mark.parametrize("standard", PLAN)
def test_coverage_has_every_documented_member(coverage: dict, standard: str):
    summary = coverage[standard]
    assert summary.keys() >= FIELDS
    assert summary["areas"]
    assert all(area.keys() >= AREA_FIELDS for area in summary["areas"])
    assert all(other.keys() >= ALTERNATIVE_FIELDS for other in summary["alternatives"])
    assert summary["sample"] is True
    assert summary["source"]


@pytest.mark.parametrize("standard", PLAN)
def test_totals_shares_and_areas_are_consistent(coverage: dict, standard: str):
    summary = coverage[standard]
    base = summary["target"] if summary["measure"] == "opened" else summary["total"]
    assert 0 < summary["covered"] <= summary["total"]
    assert summary["share"] == pytest.approx(summary["covered"] / base, abs=1e-4)
    assert summary["people"] == (summary["total"] if summary["unit"] == "people" else None)
    # Everybody in the sample lives in some town, so the towns make up the whole.
    assert sum(area["total"] for area in summary["areas"]) == pytest.approx(summary["total"], abs=2)
    assert sum(area["covered"] for area in summary["areas"]) == pytest.approx(summary["covered"], abs=2)
    if summary["target"] is None:
        assert summary["meets_target"] is None
    elif summary["measure"] == "opened":
        assert summary["meets_target"] is (summary["covered"] >= summary["target"])
    else:
        assert summary["meets_target"] is (summary["share"] >= summary["target"])
    for area in summary["areas"] if summary["measure"] != "opened" else ():
        assert area["share"] == (pytest.approx(area["covered"] / area["total"], abs=1e-3) if area["total"] else None)


@pytest.mark.parametrize("standard", PLAN)
def test_members_that_do_not_apply_are_null(coverage: dict, standard: str):
    summary = coverage[standard]
    timed = summary["measure"] == "travel_time"
    for field in ("method", "mode", "speed_kph", "minutes"):
        if timed:
            assert summary[field] is not None
    assert (summary["minutes"] is None, summary["mode"] is None, summary["speed_kph"] is None) == (not timed,) * 3
    assert bool(summary["alternatives"]) is timed
    units = {"travel_time": {"people"}, "radius": {"people"}, "presence": {"villages", "towns"}}
    assert summary["unit"] in units.get(summary["measure"], {"facilities"})


def test_health_circles_have_no_target(coverage: dict):
    for standard in ("health-15", "health-20"):
        assert coverage[standard]["target"] is None
        assert coverage[standard]["meets_target"] is None


def test_walking_has_alternatives_at_slower_and_faster_speed(coverage: dict):
    summary = coverage["health-15"]
    assert (summary["mode"], summary["speed_kph"], summary["method"]) == ("walk", 4.0, "network")
    slower, faster = sorted(summary["alternatives"], key=lambda other: other["speed_kph"])
    assert (slower["speed_kph"], faster["speed_kph"]) == (3.2, 4.8)
    assert slower["covered"] < summary["covered"] < faster["covered"]


def test_rural_circle_is_by_e_bike_with_walking_and_driving_as_alternatives(coverage: dict):
    summary = coverage["health-20"]
    assert (summary["mode"], summary["speed_kph"]) == ("cycle", 15.0)
    others = {(other["mode"], other["speed_kph"]) for other in summary["alternatives"]}
    assert others == {("walk", 4.0), ("walk", 3.2), ("walk", 4.8), ("drive", None)}


def test_unknown_standard_is_404_and_names_the_known_ones(client: TestClient):
    answer = client.get("/v1/coverage/nonsense")
    assert answer.status_code == 404
    assert "nonsense" in answer.json()["detail"]
    assert "health-15" in answer.json()["detail"]


def test_coverage_of_the_small_town_equals_a_computation_by_hand(town_client: TestClient):
    """The town is small enough to count; tests/support/town.py says where everybody is."""
    coverage = {summary["standard"]: summary for summary in town_client.get("/v1/coverage").json()["standards"]}
    halls = coverage["hall-presence"]
    assert (halls["covered"], halls["total"], halls["unit"], halls["meets_target"]) == (1, 4, "villages", False)
    # One opened on the first day of the year and one on the last: both count.
    assert (coverage["hall-new"]["covered"], coverage["hall-new"]["share"]) == (2, 0.1)
    assert coverage["kindergarten-town"]["share"] == 0.5
    people = [100 + column * 8 + row for column in range(8) for row in range(8)]
    assert coverage["health-15"]["total"] == sum(people)
    assert coverage["park-500"]["total"] == sum(100 + column * 8 + row for column in range(16) for row in range(8))
    # 800–1000 m of straight streets around the one health centre at column 1, row 1: its four neighbours but for the
    # far sides of the next blocks.
    assert coverage["health-15"]["covered"] == sum(
        100 + column * 8 + row
        for column in range(8)
        for row in range(8)
        if _walk_m(column, row, to=(1, 1)) <= 15 * 4000 / 60
    )
    assert coverage["health-15"]["facilities"] == 1
    # The hospital that closed in 2020 is not counted.
    assert coverage["health-20"]["facilities"] == 2


def _walk_m(column: int, row: int, to: tuple[int, int]) -> float:
    # People stand 0.3 of a block east and 0.1 north of a crossing, so their street is the one that runs east.
    along, across = 487.8, 554.2  # metres in a block at 28.9° N, WGS84
    start, offset = (column + 0.3) * along, 0.1 * across
    south_north = abs(row - to[1]) * across
    if row == to[1]:
        return offset + abs(start - to[0] * along)
    over_west = 0.3 * along + abs(column - to[0]) * along
    over_east = 0.7 * along + abs(column + 1 - to[0]) * along
    return offset + south_north + min(over_west, over_east)
