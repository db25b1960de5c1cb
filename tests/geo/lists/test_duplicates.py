"""Likely duplicates: names, distances and contacts in the score, and that crowds are compared in little time."""

import time
from collections.abc import Iterable
from itertools import combinations
from typing import Any

import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod

from geo.lists import candidate_pairs, duplicates
from geo.lists.duplicates import DuplicatePair
from geo.study.study import Study
from support import handmade
from support.examples import examples

TOWNS = ("芝英镇", "古山镇", "东城街道", "西城街道", "芝英镇一村", "芝英镇二村", "大陈村", "大后村")


def frame(*rows: tuple[Any, ...], category: str = "clinic") -> Any:
    """Facilities of (id, name, metres east, properties), or of a shape instead of metres."""
    made = []
    for key, name, place, *more in rows:
        properties: dict[str, Any] = {"name": name} | (more[0] if more else {})
        where = (float(place), 0.0) if isinstance(place, int | float) else place
        made.append(handmade.Facility(key, properties.pop("category", category), where, properties))
    return handmade.facility_frame(made)


def find(rows: Any, **more: Any) -> list[DuplicatePair]:
    return duplicates.find(rows, handmade.PROJECTION, **{"areas": TOWNS} | more)


def pair(
    one: str | None, two: str | None, metres: float = 0, category: str = "clinic", **more: Any
) -> DuplicatePair | None:
    duplicate_pairs = find(frame(("a", one, 0), ("b", two, metres), category=category), least=0.01, **more)
    assert len(duplicate_pairs) <= 1
    return duplicate_pairs[0] if duplicate_pairs else None


def keys(duplicate_pairs: Iterable[DuplicatePair]) -> set[tuple[str, str]]:
    return {(duplicate.a, duplicate.b) for duplicate in duplicate_pairs}


# --- names -------------------------------------------------------------------------------------------------------


def test_three_spellings_of_one_clinic_are_duplicates() -> None:
    duplicate_pairs = find(
        frame(
            ("excel", "浙江省永康市芝英镇中心卫生院", 0, {"source": "卫健局"}),
            ("osm", "芝英中心卫生院", 60, {"source": "OpenStreetMap"}),
            ("map", "永康市芝英镇中心卫生院（示例）", 120),
            ("else", "永康市古山镇中心卫生院", 30),
        )
    )
    assert keys(duplicate_pairs) == {("excel", "osm"), ("map", "osm"), ("excel", "map")}
    assert {duplicate.likeness for duplicate in duplicate_pairs} == {1.0}
    assert duplicate_pairs[0].reasons == ("same name",)
    assert [duplicate.metres for duplicate in duplicate_pairs] == pytest.approx([60, 60, 120], abs=0.001)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("永康市第一人民医院", "永康市第1人民医院"),
        ("第十二幼儿园", "第12 幼儿园"),
        ("第二十幼儿园", "第２０幼儿园"),
        ("第一百零三卫生室", "第103卫生室"),
        ("示例村02卫生室", "村二卫生室"),
        ("阳光（诊所）", "阳光诊所"),
        ("永康市阳光诊所有限公司", "阳光诊所"),
        ("阳光诊所有限责任公司", "阳光-诊所"),
        ("ＳＯＳ诊所", "sos诊所"),
        ("东城街道阳光诊所", "永康市阳光诊所"),
        ("芝英镇一村卫生室", "一村卫生室"),
        ("大陈村卫生室", "大陈卫生室"),
    ],
)
def test_names_that_differ_in_spelling_only_are_alike(one: str, two: str) -> None:
    duplicate_pairs = pair(one, two)
    assert duplicate_pairs is not None
    assert (duplicate_pairs.likeness, duplicate_pairs.score) == (1.0, 1.0)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("第一幼儿园", "第二幼儿园"),
        ("第1幼儿园", "第二幼儿园"),
        ("第十二幼儿园", "第二十幼儿园"),
        ("示例村02卫生室", "示例村12卫生室"),
        ("一村卫生室", "二村卫生室"),
        ("芝英镇一村卫生室", "芝英镇二村卫生室"),
        ("大陈村卫生室", "大后村卫生室"),
        ("东城街道卫生院", "西城街道卫生院"),
        ("永康市人民医院", "武义县人民医院"),
        ("江南诊所", "江北诊所"),
        ("甲诊所", "乙诊所"),
    ],
)
def test_names_with_different_numbers_or_units_are_no_duplicates(one: str, two: str) -> None:
    same = {"phone": "0579-87112345", "address": "金城路12号"}
    assert find(frame(("a", one, 0, same), ("b", two, 0, same)), least=0) == []


def test_a_number_in_one_name_only_is_no_contradiction() -> None:
    duplicate_pairs = pair("第一幼儿园", "幼儿园", category="kindergarten")
    assert duplicate_pairs is not None
    assert duplicate_pairs.likeness is not None
    assert 0 < duplicate_pairs.likeness < 0.9


def test_likeness_is_the_mean_of_whole_names_and_of_names_without_category_words() -> None:
    duplicate_pairs = pair("蓝天白云幼儿园", "蓝天白芸幼儿园", category="kindergarten")
    assert duplicate_pairs is not None
    assert duplicate_pairs.likeness == pytest.approx((6 / 7 + 3 / 4) / 2, abs=0.001)
    assert duplicate_pairs.reasons == ()


def test_a_category_word_in_common_makes_no_duplicates() -> None:
    assert find(frame(("a", "王氏卫生室", 0), ("b", "陈家卫生室", 0))) == []


def test_facilities_without_names_are_scored_by_distance() -> None:
    here, near, far = pair(None, "阳光诊所"), pair(None, None, 50), pair("", None, 190)
    assert here is not None and near is not None and far is not None
    assert (here.score, here.likeness, here.reasons) == (0.8, None, ("a name is unknown",))
    assert near.score == pytest.approx(0.8 * (1 - 50 / 200), abs=0.001)
    assert far.score == pytest.approx(0.8 * (1 - 190 / 200), abs=0.001)
    assert pair("！？", "🙂", 50) == near


# --- place, telephone, address -----------------------------------------------------------------------------------


def test_the_largest_distance_is_inclusive() -> None:
    limit = pair("阳光诊所", "阳光诊所", 150, near_m=150.0)
    assert limit is not None
    assert limit.score == pytest.approx(0.6, abs=0.001)
    assert pair("阳光诊所", "阳光诊所", 150.01, near_m=150.0) is None
    assert pair("阳光诊所", "阳光诊所", 0, near_m=0.0) is not None
    assert pair("阳光诊所", "阳光诊所", 1, near_m=0.0) is None


def test_facilities_of_different_categories_are_no_duplicates() -> None:
    rows = frame(("a", "阳光", 0), ("b", "阳光", 0, {"category": "kindergarten"}))
    assert find(rows, least=0) == []


def test_the_distance_of_parks_is_between_their_edges() -> None:
    rows = frame(
        ("a", "人民公园", shapely.box(0, 0, 500, 500)),
        ("b", "人民公园", shapely.box(600, 0, 900, 500)),
        ("c", "人民公园", (250.0, 250.0)),
        category="park",
    )
    assert {(duplicate.a, duplicate.b): duplicate.metres for duplicate in find(rows)} == {
        ("a", "b"): pytest.approx(100, abs=0.01),
        ("a", "c"): 0,
    }


@pytest.mark.parametrize(
    ("one", "two", "factor", "reasons"),
    [
        ({"phone": "0579-87112345"}, {"phone": "87112345"}, (1, 0.3), ("same phone",)),
        ({"phone": "0579 87112345/13800000000"}, {"phone": "+86 138-0000-0000"}, (1, 0.3), ("same phone",)),
        ({"phone": "(0579)87112345"}, {"phone": "87112345转801"}, (1, 0.3), ("same phone",)),
        ({"phone": "0579-87112345"}, {"phone": "0579-87112346"}, (0.9, 0), ("other phone",)),
        ({"phone": "87123456 87654321"}, {"phone": "0579-87123456"}, (1, 0.3), ("same phone",)),
        ({"phone": "0579-87112345"}, {"phone": None}, (1, 0), ()),
        ({"address": "永康市金城路十二号"}, {"address": "金城路12号"}, (1, 0.3), ("same address",)),
        ({"address": "金城路12号"}, {"address": "金城路12号3楼"}, (1, 0), ()),
        ({"address": "金城路12号"}, {"address": "金都路1号"}, (0.9, 0), ("other address",)),
    ],
)
def test_telephone_and_address_change_the_score(
    one: Any, two: Any, factor: tuple[float, float], reasons: tuple[str, ...]
) -> None:
    """The score goes part of its way to 1, or loses part of itself."""
    plain = pair("阳光诊所", "阳光诊所", 100)
    assert plain is not None
    (duplicate_pairs,) = find(frame(("a", "阳光诊所", 0, one), ("b", "阳光诊所", 100, two)))
    less, more = factor
    expected = plain.score * less + (1 - plain.score * less) * more
    assert duplicate_pairs.score == pytest.approx(expected, abs=0.001)
    assert duplicate_pairs.reasons == ("same name", *reasons)


# --- all pairs, and none twice -----------------------------------------------------------------------------------

NAMES = st.one_of(
    st.none(),
    st.sampled_from(["阳光诊所", "阳光门诊所", "永康市阳光诊所", "第一诊所", "第二诊所", "芝英镇卫生院", "芝英卫生院"]),
    st.text(st.sampled_from("永康市阳光第一二诊所芝英镇()Ａa 1"), max_size=12),
)
PLACES = st.tuples(st.integers(-3, 3), st.integers(-3, 3))
ROWS = st.lists(
    st.tuples(NAMES, PLACES, st.sampled_from(["clinic", "park"]), st.sampled_from([None, "87112345", "87112346"])),
    max_size=12,
)


def _frame(rows: list[Any]) -> Any:
    shapes = [
        shapely.box(60 * x, 60 * y, 60 * x + 50, 60 * y + 30) if kind == "park" and x % 2 else (60 * x, 60 * y)
        for _, (x, y), kind, _ in rows
    ]
    return handmade.facility_frame(
        handmade.Facility(f"f{number}", kind, shape, {"name": name, "phone": phone})
        for number, ((name, _, kind, phone), shape) in enumerate(zip(rows, shapes, strict=True))
    )


@settings(max_examples=examples(60))
@given(ROWS, st.randoms(use_true_random=False))
def test_all_pairs_are_found_in_any_order_of_the_facilities(rows: list[Any], chance: Any) -> None:
    whole = _frame(rows)
    alone = [duplicate for a, b in combinations(whole.index, 2) for duplicate in find(whole.loc[[b, a]])]
    duplicate_pairs = find(whole)
    assert sorted(duplicate_pairs, key=lambda duplicate: (duplicate.a, duplicate.b)) == sorted(
        alone, key=lambda duplicate: (duplicate.a, duplicate.b)
    )
    assert [duplicate.score for duplicate in duplicate_pairs] == sorted(
        (duplicate.score for duplicate in duplicate_pairs), reverse=True
    )
    order = list(whole.index)
    chance.shuffle(order)
    assert find(whole.loc[order]) == duplicate_pairs
    wgs84 = Geod(ellps="WGS84")
    for duplicate in duplicate_pairs:
        assert duplicate.a < duplicate.b
        assert 0 <= duplicate.score <= 1
        a, b = whole.geometry[duplicate.a], whole.geometry[duplicate.b]
        if a.geom_type == b.geom_type == "Point":
            assert duplicate.metres == pytest.approx(wgs84.inv(a.x, a.y, b.x, b.y)[2], abs=0.002)


@settings(max_examples=examples(60))
@given(NAMES, NAMES, st.floats(0, 250), st.floats(0, 250), st.booleans(), st.booleans())
def test_a_larger_distance_never_raises_the_score(
    one: str | None, two: str | None, near: float, far: float, same_phone: bool, same_address: bool
) -> None:
    here = {"phone": "87112345", "address": "金城路12号"}
    there = {"phone": "87112345" if same_phone else "87112346", "address": "金城路12号" if same_address else "东门"}

    def score(metres: float) -> float:
        duplicate_pairs = find(frame(("a", one, 0, here), ("b", two, metres, there)), least=0)
        return duplicate_pairs[0].score if duplicate_pairs else 0.0

    near, far = sorted((near, far))
    assert score(far) <= score(near) + 0.001


def test_no_facilities_or_one_have_no_duplicates() -> None:
    assert find(frame()) == []
    assert find(frame(("a", "阳光诊所", 0))) == []


def test_the_sample_has_no_duplicates_until_it_is_copied(sample: Study) -> None:
    crs, areas = sample.settings.projection, sample.areas["name"]
    assert duplicates.find(sample.facilities, crs, areas=areas) == []
    whole = sample.facilities
    copy = whole.rename(index=lambda key: f"{key}-again")
    duplicate_pairs = duplicates.find(pd.concat([whole, copy]), crs, areas=areas)
    assert {(key, f"{key}-again") for key in whole.index} == keys(duplicate_pairs)
    assert {duplicate.score for duplicate in duplicate_pairs} == {1.0}


# --- piles -------------------------------------------------------------------------------------------------------


@pytest.mark.alone
def test_thousands_of_facilities_at_one_point_are_compared_in_time() -> None:
    """Facilities with similar names are found in a pile, from either end of the name.

    Four times as many facilities take less than 16 times as long.
    """
    letters = "阳光蓝天白云星花桥清风明月"
    names = [a + b + c + "诊所" for a in letters for b in letters for c in letters if a != b]
    pile = [(f"p{number:04}", names[number % len(names)], 0) for number in range(5000)]
    pile += [("x1", "金石为开中西医结合诊所", 0), ("x2", "永康市金石为开中西医结合诊所有限公司", 0)]
    pile += [("y1", "新金石堂骨科诊所", 0), ("y2", "金石堂骨科诊所", 0)]
    rows = frame(*pile)
    find(rows[:10])  # projections are made on first use
    seconds = []
    for part in (rows[:1250], rows):
        taken = []
        for _ in range(3):
            started = time.process_time()
            duplicate_pairs = find(part)
            taken.append(time.process_time() - started)
        seconds.append(min(taken))
    assert {("x1", "x2"), ("y1", "y2")} <= keys(duplicate_pairs)
    assert keys(duplicate_pairs) >= {
        (f"p{number:04}", f"p{number + len(names):04}") for number in range(5000 - len(names))
    }
    assert len(duplicate_pairs) < 5000 * 2 * candidate_pairs.WINDOW
    assert seconds[1] < 8 * seconds[0]


def test_a_facility_beside_a_crowd_is_compared_with_all_of_it() -> None:
    """A facility outside the crowd is compared with all of it, and crowds in neighbouring squares with each other."""
    pile = [(f"p{number:03}", f"{chr(0x4E00 + 97 * number)}氏诊所", (1.0, 1.0)) for number in range(200)]
    edge = [(f"q{number:03}", f"{chr(0x8000 + 53 * number)}记诊所", (-150.0, -30.0)) for number in range(200)]
    rows = frame(*pile, *edge, ("x", "阳光诊所", (1.0, 1.0)), ("y", "永康市阳光诊所", (-150.0, -30.0)))
    assert ("x", "y") in keys(find(rows))
    beside = frame(*pile, ("x", "阳光诊所", (1.0, 1.0)), ("y", "永康市阳光诊所", (150.0, 900.0)))
    assert ("x", "y") in keys(find(beside, near_m=1000.0, least=0.5))
