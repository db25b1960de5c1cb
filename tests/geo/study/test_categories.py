"""The categories of facilities and their subtypes."""

import pytest

from geo.errors import FuwuquanError, UnknownNameError
from geo.study import categories, texts
from geo.study.categories import CATEGORIES, SUBTYPES_BY_NAME


def test_categories_have_the_documented_ids_labels_and_subtypes() -> None:
    labels = {"park": "公园", "clinic": "诊所", "kindergarten": "幼儿园", "cultural_hall": "文化礼堂"}
    assert {key: category.label for key, category in CATEGORIES.items()} == labels
    assert {"hospital", "community_health_centre", "community_health_station", "township_health_centre",
            "village_clinic"} == set(categories.category("clinic").subtypes)  # fmt: skip
    assert {"public", "private"} == set(categories.category("kindergarten").subtypes)
    assert {"pocket", "community", "comprehensive"} <= set(categories.category("park").subtypes)


def test_unknown_category_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match="cultural_hall") as caught:
        categories.category("zoo")
    assert isinstance(caught.value, FuwuquanError)
    with pytest.raises(ValueError, match="'zoo' is not one of park"):
        categories.validate_id("zoo")


def test_subtype_is_found_by_its_id_and_labels_in_any_width_case_and_spacing() -> None:
    assert SUBTYPES_BY_NAME["clinic"]["村卫生室"] == "village_clinic"
    for category in CATEGORIES.values():
        for subtype, labels in category.subtypes.items():
            for name in (subtype, labels.zh, labels.en, f" {labels.en.upper()} "):
                assert SUBTYPES_BY_NAME[category.id][texts.name_key(name)] == subtype


def test_every_subtype_in_a_rule_exists() -> None:
    for category in CATEGORIES.values():
        subtypes = {subtype for _, subtype in category.subtypes_by_name_part}
        subtypes |= {rule.subtype for rule in category.osm if rule.subtype}
        assert subtypes <= set(category.subtypes)
        assert all(isinstance(values, tuple) for rule in category.osm for values in rule.tags.values())
