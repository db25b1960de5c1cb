"""Standards: the shipped ones, messages about wrong ones, and which facilities count."""

from datetime import date
from importlib import resources
from pathlib import Path

import pytest

from geo.errors import StudyError
from geo.study import standards
from geo.study.standards import Opened, Presence, Radius, TravelTime
from support.handmade import Facility, facility_frame, standard

GOAL = """
[[standard]]
id = "goal"
name = "目标"
name_en = "Goal"
source = "here"
category = "clinic"
measure = "travel_time"
minutes = 15
"""
CLINICS = 'category = "clinic"\nmeasure = "travel_time"\nminutes = 15'
PARKS = 'category = "park"\nmeasure = "radius"\nmetres = 300\nradius_by_area = {}'


def shipped() -> dict[str, standards.Standard]:
    with resources.as_file(resources.files("geo.study").joinpath("standards.toml")) as path:
        return {goal.id: goal for goal in standards.read(path)}


def test_shipped_standards_are_the_citys_goals() -> None:
    goals = shipped()
    assert list(goals) == [
        "health-15", "health-20", "hall-presence", "hall-new", "park-new", "park-500", "kindergarten-new",
        "kindergarten-town", "kindergarten-300",
    ]  # fmt: skip
    health, rural = goals["health-15"], goals["health-20"]
    assert isinstance(health, TravelTime)
    assert isinstance(rural, TravelTime)
    assert (health.people, health.mode, health.minutes, health.target) == ("urban", "walk", 15, None)
    assert set(health.subtypes) == {"community_health_centre", "community_health_station"}
    assert (rural.people, rural.mode, rural.minutes, rural.target) == ("rural", "cycle", 20, None)
    assert (rural.subtypes, set(rural.alternatives)) == ((), {"walk", "drive"})
    halls, towns = goals["hall-presence"], goals["kindergarten-town"]
    assert isinstance(halls, Presence)
    assert isinstance(towns, Presence)
    assert (halls.units, halls.target, halls.category) == ("village", 0.9, "cultural_hall")
    assert (towns.units, towns.target, towns.subtypes) == ("town", 1.0, ("public",))
    parks, children = goals["park-500"], goals["kindergarten-300"]
    assert isinstance(parks, Radius)
    assert isinstance(children, Radius)
    assert (parks.metres, parks.target, parks.targets, parks.people) == (500, 0.9, (0.9, 0.8), "all")
    assert (children.metres, children.target, children.people) == (300, None, "children_3_6")
    year = (date(2021, 1, 1), date(2021, 12, 31))
    for name, count in (("hall-new", 20), ("park-new", 20), ("kindergarten-new", 4)):
        new = goals[name]
        assert isinstance(new, Opened)
        assert (new.since, new.until, new.target) == (*year, count)
    assert all(goal.source for goal in goals.values())


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('"clinic"', '"zoo"', ("goal", "category", "zoo")),
        ('"clinic"', '"clinic"\nsubtypes = ["pocket"]', ("goal", "pocket", "hospital")),
        ('"travel_time"', '"magic"', ("goal", "magic", "radius")),
        ('measure = "travel_time"', "", ("goal", "measure")),
        ("= 15", "= 0", ("goal", "minutes")),
        ("= 15", "= 121", ("goal", "minutes", "120")),
        ("= 15", '= "soon"', ("goal", "minutes")),
        ("= 15", "= nan", ("goal", "minutes")),
        ("minutes = 15", "", ("goal", "minutes")),
        ("minutes = 15", 'minutes = 15\nmode = "fly"', ("goal", "mode")),
        ("minutes = 15", 'minutes = 15\npeople = "cats"', ("goal", "people")),
        ("minutes = 15", "minutes = 15\ntarget = 90", ("goal", "target")),
        ("minutes = 15", "minutes = 15\ntarget = 0", ("goal", "target")),
        ("minutes = 15", "minutes = 15\nmetres = 500", ("goal", "metres")),
        ('id = "goal"', 'id = "Goal 1"', ("Goal 1", "id")),
        ('id = "goal"', "", ("number 1", "id")),
        ("[[standard]]", "[standard]", ("standard",)),
        ("[[standard]]", "[[standard]", ("TOML",)),
        ('"travel_time"\nminutes = 15', '"radius"\nmetres = 0', ("goal", "metres")),
        ('"travel_time"\nminutes = 15', '"presence"\nunits = "province"', ("goal", "units")),
        ('"travel_time"\nminutes = 15', '"opened"\nsince = 2021-12-31\nuntil = 2021-01-01', ("goal", "2021-12-31")),
        ('"travel_time"\nminutes = 15', '"opened"\nsince = 2021-01-01', ("goal", "until")),
        (
            '"travel_time"\nminutes = 15',
            '"opened"\nsince = 2021-01-01\nuntil = 2021-12-31\ntarget = 0',
            ("goal", "target"),
        ),
        ("minutes = 15", f"minutes = 15\n{GOAL}", ("goal", "twice")),
        (CLINICS, PARKS.format("[{ least_m2 = 0, metres = 500 }]"), ("goal", "radius_by_area", "least_m2")),
        (CLINICS, PARKS.format("[{ least_m2 = nan, metres = 500 }]"), ("goal", "radius_by_area", "least_m2")),
        (CLINICS, PARKS.format("[{ least_m2 = 5, metres = 0 }]"), ("goal", "radius_by_area", "metres")),
        (CLINICS, PARKS.format("[{ least_m2 = 5 }]"), ("goal", "radius_by_area", "metres")),
        (CLINICS, PARKS.format("[{ least_m2 = 5, metres = 9, most_m2 = 7 }]"), ("goal", "radius_by_area", "most_m2")),
        (
            CLINICS,
            PARKS.format("[{ least_m2 = 5, metres = 9 }, { least_m2 = 5, metres = 8 }]"),
            ("goal", "same least_m2"),
        ),
        (
            CLINICS,
            PARKS.format("[{ least_m2 = 5, metres = 9 }]").replace("park", "clinic"),
            ("goal", "radius_by_area", "facilities of clinic are points"),
        ),
    ],
)
def test_wrong_standard_is_refused_with_its_id_and_field(
    tmp_path: Path, old: str, new: str, expected: tuple[str, ...]
) -> None:
    assert old in GOAL
    path = tmp_path / "standards.toml"
    path.write_text(GOAL.replace(old, new, 1), "utf-8")
    with pytest.raises(StudyError) as caught:
        standards.read(path)
    for part in ("standards.toml", *expected):
        assert part in str(caught.value)


@pytest.mark.parametrize("content", ["standard = 5", "standard = [1]", 'standard = ["goal"]', "standard = [[]]"])
def test_standard_that_is_not_a_table_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "standards.toml"
    path.write_text(content, "utf-8")
    with pytest.raises(StudyError, match=r"standards\.toml"):
        standards.read(path)


def test_misspelt_heading_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "standards.toml"
    path.write_text(GOAL.replace("[[standard]]", "[[standards]]"), "utf-8")
    with pytest.raises(StudyError, match="standards"):
        standards.read(path)


def test_missing_file_and_binary_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"none\.toml"):
        standards.read(tmp_path / "none.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(StudyError, match=r"binary\.toml"):
        standards.read(tmp_path / "binary.toml")


def test_standards_keep_the_order_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "standards.toml"
    path.write_text("".join(GOAL.replace('"goal"', f'"{name}"') for name in "zab"), "utf-8")
    assert [goal.id for goal in standards.read(path)] == ["z", "a", "b"]


def clinics(*subtypes: str | None) -> object:
    return facility_frame(
        [Facility(f"c{n}", "clinic", (float(n), 0.0), {"subtype": subtype}) for n, subtype in enumerate(subtypes)]
        + [Facility("park", "park", (0.0, 0.0), {"subtype": "pocket"})]
    )


def test_only_the_named_subtypes_count_where_subtypes_are_known() -> None:
    goal = standard("travel_time", minutes=15, subtypes=("hospital", "village_clinic"))
    counting, notes = standards.select(clinics("hospital", None, "community_health_centre", "village_clinic"), goal)
    assert counting.index.tolist() == ["c0", "c3"]
    (note,) = notes
    assert "1 of unknown subtype do not count" in note


@pytest.mark.parametrize(
    "subtypes",
    [
        (None, None),
        (None, None, "community_health_centre"),
        ("village_clinic", "village_clinic"),
        ("hospital", "village_clinic", None),
    ],
)
def test_all_facilities_count_until_one_of_the_named_subtypes_is_known(subtypes: tuple[str | None, ...]) -> None:
    goal = standard("travel_time", minutes=15, subtypes=("community_health_station", "township_health_centre"))
    counting, notes = standards.select(clinics(*subtypes), goal)
    assert counting.index.tolist() == [f"c{row}" for row in range(len(subtypes))]
    assert notes == [
        "没有社区卫生服务站、乡镇卫生院的资料，全部诊所计入 no facility is known to be one of: "
        "community health station, township health centre; every clinic counts"
    ]
    assert standards.select(clinics(*subtypes), standard("travel_time", minutes=15))[1] == []


@pytest.mark.parametrize("others", [(), (None,), (None, None, None), ("hospital", "village_clinic", None)])
def test_only_the_named_subtypes_count_as_soon_as_one_facility_of_them_is_known(others: tuple[str | None, ...]) -> None:
    goal = standard("travel_time", minutes=15, subtypes=("community_health_station", "township_health_centre"))
    facilities = clinics(*others, "township_health_centre")
    for closed in (None, date(2020, 1, 1)):
        facilities["closed"] = closed
        counting, _ = standards.select(facilities, goal)
        assert counting["subtype"].tolist() == ["township_health_centre"]


def test_no_facility_counts_where_the_category_has_none() -> None:
    goal = standard("travel_time", minutes=15, category="kindergarten", subtypes=("public",))
    counting, notes = standards.select(clinics("hospital"), goal)
    assert (len(counting), notes) == (0, [])
