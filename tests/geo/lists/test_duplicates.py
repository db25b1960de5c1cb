"""Likely twins: what is one facility spelled twice, what is two, and that a pile of them stays cheap."""

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

TOWNS = ("芝英镇", "古山镇", "东城街道", "西城街道", "芝英镇一村", "芝英镇二村", "大陈村", "大后村")


def frame(*rows: tuple[Any, ...], category: str = "clinic") -> Any:
    """Facilities of (id, name, metres east, properties), or of a shape instead of metres."""
    made = []
    for key, name, place, *more in rows:
        properties: dict[str, Any] = {"name": name} | (more[0] if more else {})
        where = (float(place), 0.0) if isinstance(place, int | float) else place
        made.append(handmade.Facility(key, properties.pop("category", category), where, properties))
    return handmade.facility_frame(made)


def twins(rows: Any, **more: Any) -> list[DuplicatePair]:
    return duplicates.find(rows, handmade.PROJECTION, **{"areas": TOWNS} | more)


def pair(
    one: str | None, two: str | None, metres: float = 0, category: str = "clinic", **more: Any
) -> DuplicatePair | None:
    found = twins(frame(("a", one, 0), ("b", two, metres), category=category), least=0.01, **more)
    assert len(found) <= 1
    return found[0] if found else None


def keys(found: Iterable[DuplicatePair]) -> set[tuple[str, str]]:
    return {(twin.a, twin.b) for twin in found}


# --- names -------------------------------------------------------------------------------------------------------


def test_three_spellings_of_one_clinic() -> None:
    found = twins(
        frame(
            ("excel", "浙江省永康市芝英镇中心卫生院", 0, {"source": "卫健局"}),
            ("osm", "芝英中心卫生院", 60, {"source": "OpenStreetMap"}),
            ("map", "永康市芝英镇中心卫生院（示例）", 120),
            ("else", "永康市古山镇中心卫生院", 30),
        )
    )
    assert keys(found) == {("excel", "osm"), ("map", "osm"), ("excel", "map")}
    assert {twin.likeness for twin in found} == {1.0}
    assert found[0].reasons == ("same name",)
    assert [twin.metres for twin in found] == pytest.approx([60, 60, 120], abs=0.001)


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
def test_alike_but_for_the_spelling(one: str, two: str) -> None:
    found = pair(one, two)
    assert found is not None
    assert (found.likeness, found.score) == (1.0, 1.0)


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
def test_names_that_contradict(one: str, two: str) -> None:
    same = {"phone": "0579-87112345", "address": "金城路12号"}
    assert twins(frame(("a", one, 0, same), ("b", two, 0, same)), least=0) == []


def test_a_number_that_only_one_has_is_no_contradiction() -> None:
    found = pair("第一幼儿园", "幼儿园", category="kindergarten")
    assert found is not None
    assert found.likeness is not None
    assert 0 < found.likeness < 0.9


def test_likeness_is_the_mean_of_whole_names_and_of_their_own_parts() -> None:
    found = pair("蓝天白云幼儿园", "蓝天白芸幼儿园", category="kindergarten")
    assert found is not None
    assert found.likeness == pytest.approx((6 / 7 + 3 / 4) / 2, abs=0.001)
    assert found.reasons == ()


def test_what_all_of_a_category_are_called_makes_nobody_twins() -> None:
    assert twins(frame(("a", "王氏卫生室", 0), ("b", "陈家卫生室", 0))) == []


def test_unknown_names_count_by_place() -> None:
    here, near, far = pair(None, "阳光诊所"), pair(None, None, 50), pair("", None, 190)
    assert here is not None and near is not None and far is not None
    assert (here.score, here.likeness, here.reasons) == (0.8, None, ("a name is unknown",))
    assert near.score == pytest.approx(0.8 * (1 - 50 / 200), abs=0.001)
    assert far.score == pytest.approx(0.8 * (1 - 190 / 200), abs=0.001)
    assert pair("！？", "🙂", 50) == near


# --- place, telephone, address -----------------------------------------------------------------------------------


def test_near_is_near_inclusive() -> None:
    limit = pair("阳光诊所", "阳光诊所", 150, near_m=150.0)
    assert limit is not None
    assert limit.score == pytest.approx(0.6, abs=0.001)
    assert pair("阳光诊所", "阳光诊所", 150.01, near_m=150.0) is None
    assert pair("阳光诊所", "阳光诊所", 0, near_m=0.0) is not None
    assert pair("阳光诊所", "阳光诊所", 1, near_m=0.0) is None


def test_other_categories_never() -> None:
    rows = frame(("a", "阳光", 0), ("b", "阳光", 0, {"category": "kindergarten"}))
    assert twins(rows, least=0) == []


def test_parks_are_as_far_apart_as_their_edges() -> None:
    rows = frame(
        ("a", "人民公园", shapely.box(0, 0, 500, 500)),
        ("b", "人民公园", shapely.box(600, 0, 900, 500)),
        ("c", "人民公园", (250.0, 250.0)),
        category="park",
    )
    assert {(twin.a, twin.b): twin.metres for twin in twins(rows)} == {
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
def test_telephone_and_address(one: Any, two: Any, factor: tuple[float, float], reasons: tuple[str, ...]) -> None:
    """The score goes part of its way to 1, or loses part of itself."""
    plain = pair("阳光诊所", "阳光诊所", 100)
    assert plain is not None
    (found,) = twins(frame(("a", "阳光诊所", 0, one), ("b", "阳光诊所", 100, two)))
    less, more = factor
    expected = plain.score * less + (1 - plain.score * less) * more
    assert found.score == pytest.approx(expected, abs=0.001)
    assert found.reasons == ("same name", *reasons)


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


@settings(max_examples=60, deadline=None)
@given(ROWS, st.randoms(use_true_random=False))
def test_the_same_as_each_pair_by_itself_in_any_order(rows: list[Any], chance: Any) -> None:
    whole = _frame(rows)
    alone = [twin for a, b in combinations(whole.index, 2) for twin in twins(whole.loc[[b, a]])]
    found = twins(whole)
    assert sorted(found, key=lambda twin: (twin.a, twin.b)) == sorted(alone, key=lambda twin: (twin.a, twin.b))
    assert [twin.score for twin in found] == sorted((twin.score for twin in found), reverse=True)
    order = list(whole.index)
    chance.shuffle(order)
    assert twins(whole.loc[order]) == found
    wgs84 = Geod(ellps="WGS84")
    for twin in found:
        assert twin.a < twin.b
        assert 0 <= twin.score <= 1
        a, b = whole.geometry[twin.a], whole.geometry[twin.b]
        if a.geom_type == b.geom_type == "Point":
            assert twin.metres == pytest.approx(wgs84.inv(a.x, a.y, b.x, b.y)[2], abs=0.002)


@settings(max_examples=60, deadline=None)
@given(NAMES, NAMES, st.floats(0, 250), st.floats(0, 250), st.booleans(), st.booleans())
def test_farther_is_never_likelier(
    one: str | None, two: str | None, near: float, far: float, same_phone: bool, same_address: bool
) -> None:
    here = {"phone": "87112345", "address": "金城路12号"}
    there = {"phone": "87112345" if same_phone else "87112346", "address": "金城路12号" if same_address else "东门"}

    def score(metres: float) -> float:
        found = twins(frame(("a", one, 0, here), ("b", two, metres, there)), least=0)
        return found[0].score if found else 0.0

    near, far = sorted((near, far))
    assert score(far) <= score(near) + 0.001


def test_no_facilities_and_one() -> None:
    assert twins(frame()) == []
    assert twins(frame(("a", "阳光诊所", 0))) == []


def test_the_sample_has_no_twins_until_one_is_copied(sample: Study) -> None:
    crs, areas = sample.settings.projection, sample.areas["name"]
    assert duplicates.find(sample.facilities, crs, areas=areas) == []
    whole = sample.facilities
    copy = whole.rename(index=lambda key: f"{key}-again")
    found = duplicates.find(pd.concat([whole, copy]), crs, areas=areas)
    assert {(key, f"{key}-again") for key in whole.index} == keys(found)
    assert {twin.score for twin in found} == {1.0}


# --- piles -------------------------------------------------------------------------------------------------------


@pytest.mark.alone
def test_thousands_on_one_point() -> None:
    """Alike by name are found in a pile, from either end of the name, and four times as many do not take 16 times."""
    letters = "阳光蓝天白云星花桥清风明月"
    names = [a + b + c + "诊所" for a in letters for b in letters for c in letters if a != b]
    pile = [(f"p{number:04}", names[number % len(names)], 0) for number in range(5000)]
    pile += [("x1", "金石为开中西医结合诊所", 0), ("x2", "永康市金石为开中西医结合诊所有限公司", 0)]
    pile += [("y1", "新金石堂骨科诊所", 0), ("y2", "金石堂骨科诊所", 0)]
    rows = frame(*pile)
    twins(rows[:10])  # projections are made on first use
    seconds = []
    for part in (rows[:1250], rows):
        taken = []
        for _ in range(3):
            started = time.perf_counter()
            found = twins(part)
            taken.append(time.perf_counter() - started)
        seconds.append(min(taken))
    assert {("x1", "x2"), ("y1", "y2")} <= keys(found)
    assert keys(found) >= {(f"p{number:04}", f"p{number + len(names):04}") for number in range(5000 - len(names))}
    assert len(found) < 5000 * 2 * candidate_pairs.WINDOW
    assert seconds[1] < 8 * seconds[0]


def test_a_pile_does_not_hide_who_stands_beside_it() -> None:
    """A facility outside the crowd is compared with all of it, and crowds in neighbouring squares with each other."""
    pile = [(f"p{number:03}", f"{chr(0x4E00 + 97 * number)}氏诊所", (1.0, 1.0)) for number in range(200)]
    edge = [(f"q{number:03}", f"{chr(0x8000 + 53 * number)}记诊所", (-150.0, -30.0)) for number in range(200)]
    rows = frame(*pile, *edge, ("x", "阳光诊所", (1.0, 1.0)), ("y", "永康市阳光诊所", (-150.0, -30.0)))
    assert ("x", "y") in keys(twins(rows))
    beside = frame(*pile, ("x", "阳光诊所", (1.0, 1.0)), ("y", "永康市阳光诊所", (150.0, 900.0)))
    assert ("x", "y") in keys(twins(beside, near_m=1000.0, least=0.5))
