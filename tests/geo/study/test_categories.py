"""The categories of facilities: the built-in ones, those that a study adds, and messages about wrong ones."""

from pathlib import Path

import pytest

from geo.errors import FuwuquanError, StudyError, UnknownNameError
from geo.lists.reader import ListOptions
from geo.sources import facility_lists
from geo.sources.osm.facilities import classify
from geo.study import categories, texts
from geo.study.categories import BUILT_IN

PHARMACY = """
[pharmacy]
label = "药店"
label_en = "Pharmacy"
words = ["药房"]
colour = "#7b3294"
osm = [
    { tags = { amenity = ["pharmacy"], dispensing = ["yes"] }, subtype = "dispensing" },
    { tags = { amenity = ["pharmacy"] } },
    { tags = { shop = ["chemist"] } },
]
names = [["连锁", "chain"]]

[pharmacy.subtypes]
dispensing = { label = "处方药店", label_en = "dispensing", words = ["可配处方"] }
chain = { label = "连锁药店" }
"""


def own(tmp_path: Path, text: str) -> categories.Categories:
    path = tmp_path / "categories.toml"
    path.write_text(text, "utf-8")
    return categories.read(path)


def test_categories_have_the_documented_ids_labels_and_subtypes() -> None:
    labels = {"park": "公园", "clinic": "诊所", "kindergarten": "幼儿园", "cultural_hall": "文化礼堂"}
    assert {category.id: category.label for category in BUILT_IN} == labels
    assert {"hospital", "community_health_centre", "community_health_station", "township_health_centre",
            "village_clinic"} == set(BUILT_IN["clinic"].subtypes)  # fmt: skip
    assert {"public", "private"} == set(BUILT_IN["kindergarten"].subtypes)
    assert {"pocket", "community", "comprehensive"} <= set(BUILT_IN["park"].subtypes)
    assert [category.id for category in BUILT_IN if category.keeps_outline] == ["park"]


def test_unknown_category_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match="cultural_hall") as caught:
        BUILT_IN["zoo"]
    assert isinstance(caught.value, FuwuquanError)
    with pytest.raises(ValueError, match="'zoo' is not one of park"):
        BUILT_IN.check_id("zoo")


def test_subtype_is_known_by_its_id_and_labels_in_any_width_case_and_spacing() -> None:
    assert BUILT_IN["clinic"].subtypes_by_name["村卫生室"] == "village_clinic"
    for category in BUILT_IN:
        for subtype, labels in category.subtypes.items():
            for name in (subtype, labels.zh, labels.en, f" {labels.en.upper()} "):
                assert category.subtypes_by_name[texts.name_key(name)] == subtype


def test_study_without_own_categories_has_the_built_in_ones(tmp_path: Path) -> None:
    assert categories.read_of_study(tmp_path) is BUILT_IN
    assert own(tmp_path, "").ids == BUILT_IN.ids


def test_own_category_stands_beside_the_built_in_ones(tmp_path: Path) -> None:
    of_study = own(tmp_path, PHARMACY)
    assert of_study.ids == (*BUILT_IN.ids, "pharmacy")
    assert "pharmacy" not in BUILT_IN
    pharmacy = of_study["pharmacy"]
    assert (pharmacy.label, pharmacy.label_en, pharmacy.colour) == ("药店", "Pharmacy", "#7b3294")
    assert pharmacy.subtypes["chain"] == ("连锁药店", "chain")
    assert pharmacy.label_of("dispensing") == ("处方药店", "dispensing")
    assert pharmacy.label_of(None) == ("药店", "Pharmacy")
    assert not pharmacy.keeps_outline
    assert of_study.by_name["药房"] == ("pharmacy", None)
    assert of_study.by_name["可配处方"] == ("pharmacy", "dispensing")
    assert "药房" not in BUILT_IN.by_name


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"amenity": "pharmacy"}, ("pharmacy", None)),
        ({"amenity": "pharmacy", "dispensing": "yes"}, ("pharmacy", "dispensing")),
        ({"shop": "chemist", "name": "一心连锁"}, ("pharmacy", "chain")),
        ({"amenity": "clinic"}, ("clinic", None)),
        ({"amenity": "bank"}, None),
    ],
)
def test_rules_of_own_categories_recognise_objects(
    tmp_path: Path, tags: dict[str, str], expected: tuple[str, str | None] | None
) -> None:
    facility = classify(tags, own(tmp_path, PHARMACY))
    assert (facility and (facility.category.id, facility.subtype)) == expected


def test_built_in_category_is_extended(tmp_path: Path) -> None:
    """What the study's file states replaces labels, and comes before the built-in rules."""
    of_study = own(
        tmp_path,
        """
[clinic]
label = "医疗机构"
words = ["医务室"]
osm = [
    { tags = { amenity = ["clinic"], operator = ["红十字会"] }, subtype = "red_cross" },
    { tags = { healthcare = ["dentist"] } },
]
[clinic.subtypes]
red_cross = { label = "红十字诊所" }
hospital = { words = ["中心医院"] }
""",
    )
    clinic = of_study["clinic"]
    assert of_study.ids == BUILT_IN.ids
    assert (clinic.label, clinic.label_en) == ("医疗机构", "Clinic")
    assert set(clinic.subtypes) == {*BUILT_IN["clinic"].subtypes, "red_cross"}
    assert clinic.subtypes["hospital"] == BUILT_IN["clinic"].subtypes["hospital"]
    assert clinic.subtypes_by_name["中心医院"] == "hospital"
    tags_and_subtypes = [
        ({"amenity": "clinic", "operator": "红十字会"}, "red_cross"),
        ({"amenity": "hospital"}, "hospital"),
        ({"healthcare": "dentist"}, None),
        ({"amenity": "clinic", "name": "北门社区卫生服务站"}, "community_health_station"),
    ]
    for tags, subtype in tags_and_subtypes:
        facility = classify(tags, of_study)
        assert facility is not None
        assert (facility.category, facility.subtype) == (clinic, subtype)
    assert classify({"healthcare": "dentist"}, BUILT_IN) is None


def test_own_rule_wins_over_a_built_in_one(tmp_path: Path) -> None:
    of_study = own(tmp_path, '[hospital]\nlabel = "大医院"\nosm = [{ tags = { amenity = ["hospital"] } }]')
    facility = classify({"amenity": "hospital"}, of_study)
    assert facility is not None
    assert facility.category.id == "hospital"


def test_subtype_of_two_categories_does_not_tell_the_category(tmp_path: Path) -> None:
    of_study = own(
        tmp_path,
        '[school]\nlabel = "学校"\nsubtypes.public = { label = "公办" }\nsubtypes.primary = { label = "小学" }',
    )
    assert "公办" not in of_study.by_name
    assert of_study.by_name["小学"] == ("school", "primary")
    assert of_study.by_name["民办"] == ("kindergarten", "private")
    assert of_study["school"].subtypes_by_name["公办"] == "public"
    path = tmp_path / "list.csv"
    for heading in ("类别", "子类"):
        path.write_text(f"名称,{heading},经度,纬度\n甲,公办,120,28.9\n乙,小学,120,28.9\n", "utf-8")
        options = ListOptions(coordinates="wgs84", categories=of_study)
        ambiguous, clear = facility_lists.read_in_this_process(path, options).rows
        assert any(
            "subtype of 幼儿园 kindergarten, 学校 school: state the category" in why for why in ambiguous.problems
        )
        assert (clear.values["category"], clear.values["subtype"]) == ("school", "primary")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("[pharmacy]", "[Pharmacy 1]", ("is not TOML",)),
        ("[pharmacy]", '["药店"]', ("药店",)),
        ('label = "药店"', "", ("pharmacy.label", "missing")),
        ('label = "药店"', 'label = " "', ("pharmacy.label",)),
        ('label = "药店"', "label = 5", ("pharmacy.label", "string")),
        ('label = "药店"', 'label = "公园"', ("pharmacy", "公园", "park")),
        ('["药房"]', '["诊所"]', ("pharmacy", "诊所", "clinic")),
        ('["药房"]', '"药房"', ("pharmacy.words", "list")),
        ('"#7b3294"', '"purple"', ("pharmacy.colour",)),
        ("colour", "color", ("pharmacy.color", "unknown key")),
        ('amenity = ["pharmacy"] }', 'amenity = "pharmacy" }', ("pharmacy.osm.1.tags.amenity", "list")),
        ('{ shop = ["chemist"] }', "{ }", ("pharmacy.osm.2.tags",)),
        ('{ shop = ["chemist"] }', "{ shop = [] }", ("pharmacy.osm.2.tags.shop",)),
        ('subtype = "dispensing"', 'subtype = "clinic"', ("pharmacy.osm", "clinic", "dispensing, chain")),
        ('["连锁", "chain"]', '["连锁", "chains"]', ("pharmacy.names", "chains", "dispensing, chain")),
        ('["连锁", "chain"]', '["连锁"]', ("pharmacy.names.0",)),
        ('chain = { label = "连锁药店" }', "chain = { }", ("pharmacy.subtypes.chain.label", "missing")),
        ('chain = { label = "连锁药店" }', 'chain = "连锁药店"', ("pharmacy.subtypes.chain",)),
        ('label = "连锁药店"', 'label = "处方药店"', ("pharmacy.subtypes.chain", "处方药店", "dispensing")),
        ('label = "药店"', 'label = "药店', ("is not TOML",)),
    ],
)
def test_wrong_file_is_refused_in_one_line_with_the_key(
    tmp_path: Path, old: str, new: str, expected: tuple[str, ...]
) -> None:
    assert old in PHARMACY
    with pytest.raises(StudyError) as caught:
        own(tmp_path, PHARMACY.replace(old, new, 1))
    message = str(caught.value)
    assert message.count("\n") == 0
    for part in (f"{tmp_path / 'categories.toml'}: ", *expected):
        assert part in message


def test_missing_file_and_binary_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="cannot be read"):
        categories.read(tmp_path / "none.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(StudyError, match="is not TOML"):
        categories.read(tmp_path / "binary.toml")
