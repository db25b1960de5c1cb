"""/v1/standards and /v1/coverage: the goals, and where the place stands."""

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
    return {one["standard"]: one for one in answer.json()["standards"]}


def test_coverage_has_the_nine_standards_in_the_files_order(client: TestClient, coverage: dict, served_folder: Path):
    file = tomllib.loads((served_folder / "standards.toml").read_text("utf-8"))["standard"]
    answer = client.get("/v1/standards").json()
    assert [one["id"] for one in answer["standards"]] == [one["id"] for one in file] == list(coverage) == PLAN
    for said, written in zip(answer["standards"], file, strict=True):
        assert (said["name"], said["source"], said["measure"]) == (
            written["name"],
            written["source"],
            written["measure"],
        )
    assert answer["sample"] is True


@pytest.mark.parametrize("standard", PLAN)
def test_single_standard_equals_its_entry_in_the_list(client: TestClient, coverage: dict, standard: str):
    answer = client.get(f"/v1/coverage/{standard}")
    assert answer.status_code == 200
    said = {"coordinate_system", "notice", "attribution"}  # of the whole list, there
    assert answer.json() == coverage[standard] | {name: client.get("/v1/coverage").json()[name] for name in said}


@pytest.mark.parametrize("standard", PLAN)
def test_coverage_has_every_documented_member(coverage: dict, standard: str):
    one = coverage[standard]
    assert one.keys() >= FIELDS
    assert one["areas"]
    assert all(area.keys() >= AREA_FIELDS for area in one["areas"])
    assert all(other.keys() >= ALTERNATIVE_FIELDS for other in one["alternatives"])
    assert one["sample"] is True
    assert one["source"]


@pytest.mark.parametrize("standard", PLAN)
def test_totals_shares_and_areas_are_consistent(coverage: dict, standard: str):
    one = coverage[standard]
    base = one["target"] if one["measure"] == "opened" else one["total"]
    assert 0 < one["covered"] <= one["total"]
    assert one["share"] == pytest.approx(one["covered"] / base, abs=1e-4)
    assert one["people"] == (one["total"] if one["unit"] == "people" else None)
    # Everybody in the sample lives in some town, so the towns make up the whole.
    assert sum(area["total"] for area in one["areas"]) == pytest.approx(one["total"], abs=2)
    assert sum(area["covered"] for area in one["areas"]) == pytest.approx(one["covered"], abs=2)
    if one["target"] is None:
        assert one["meets_target"] is None
    elif one["measure"] == "opened":
        assert one["meets_target"] is (one["covered"] >= one["target"])
    else:
        assert one["meets_target"] is (one["share"] >= one["target"])
    for area in one["areas"] if one["measure"] != "opened" else ():
        assert area["share"] == (pytest.approx(area["covered"] / area["total"], abs=1e-3) if area["total"] else None)


@pytest.mark.parametrize("standard", PLAN)
def test_members_that_do_not_apply_are_null(coverage: dict, standard: str):
    one = coverage[standard]
    timed = one["measure"] == "travel_time"
    for field in ("method", "mode", "speed_kph", "minutes"):
        if timed:
            assert one[field] is not None
    assert (one["minutes"] is None, one["mode"] is None, one["speed_kph"] is None) == (not timed,) * 3
    assert bool(one["alternatives"]) is timed
    units = {"travel_time": {"people"}, "radius": {"people"}, "presence": {"villages", "towns"}}
    assert one["unit"] in units.get(one["measure"], {"facilities"})


def test_health_circles_have_no_target(coverage: dict):
    for standard in ("health-15", "health-20"):
        assert coverage[standard]["target"] is None
        assert coverage[standard]["meets_target"] is None


def test_walking_has_alternatives_at_slower_and_faster_speed(coverage: dict):
    one = coverage["health-15"]
    assert (one["mode"], one["speed_kph"], one["method"]) == ("walk", 4.0, "network")
    slower, faster = sorted(one["alternatives"], key=lambda other: other["speed_kph"])
    assert (slower["speed_kph"], faster["speed_kph"]) == (3.2, 4.8)
    assert slower["covered"] < one["covered"] < faster["covered"]


def test_rural_circle_is_by_e_bike_with_walking_and_driving_as_alternatives(coverage: dict):
    one = coverage["health-20"]
    assert (one["mode"], one["speed_kph"]) == ("cycle", 15.0)
    others = {(other["mode"], other["speed_kph"]) for other in one["alternatives"]}
    assert others == {("walk", 4.0), ("walk", 3.2), ("walk", 4.8), ("drive", None)}


def test_unknown_standard_is_404_and_names_the_known_ones(client: TestClient):
    answer = client.get("/v1/coverage/nonsense")
    assert answer.status_code == 404
    assert "nonsense" in answer.json()["detail"]
    assert "health-15" in answer.json()["detail"]


def test_coverage_of_the_small_town_equals_a_computation_by_hand(town_client: TestClient):
    """Small enough to count: who is where stands in tests/town.py."""
    coverage = {one["standard"]: one for one in town_client.get("/v1/coverage").json()["standards"]}
    halls = coverage["hall-presence"]
    assert (halls["covered"], halls["total"], halls["unit"], halls["meets_target"]) == (1, 4, "villages", False)
    # Opened on the first and on the last day of the year: both count.
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
    # The hospital closed in 2020 counts nowhere.
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
