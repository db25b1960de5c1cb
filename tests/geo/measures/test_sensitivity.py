"""How sure a result is: other speeds against studies that have them, and ranges against all possibilities."""

import itertools
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.choices import MODES
from geo.measures import counting, coverage, sensitivity
from geo.measures.sensitivity import Sensitivity
from geo.study.standards import Standard
from geo.study.streets import FERRY_KPH
from geo.study.study import Study
from geo.traveltime.travel import Travel
from support import handmade, two_towns
from support.examples import examples
from support.handmade import Area, Facility, People, Street, standard
from support.two_towns import TODAY, with_demand

STREETS = [Street([(0, 0), (3000, 0)])]
CENTRE, UNKNOWN = {"subtype": "community_health_centre"}, {"subtype": None}
NAMED = {"subtypes": ("community_health_centre",)}


def measure(study: Study, goal: Standard, day: date = TODAY) -> Sensitivity:
    travel = Travel(study)
    counted = counting.count_units(travel, study.facilities, goal, day)
    measured = counted, coverage.summarise(travel, goal, counted)
    answer = sensitivity.measure(travel, goal, study.facilities, measured, day)
    own = [(variant.covered, variant.share) for variant in answer.variants if variant.is_headline]
    assert own in ([], [(measured[1].covered, measured[1].share)])
    return answer


def shares(answer: Sensitivity) -> dict[str, tuple[float | None, float | None]]:
    """The lowest and the highest share of each doubt that is one, and of all together."""
    ranges = {doubt.id: (doubt.lowest, doubt.highest) for doubt in answer.doubts if doubt.count}
    ranges |= {"together": answer.together, "strict": answer.strict}
    return {name: (low and low.share, high and high.share) for name, (low, high) in ranges.items()}


def with_speed(study: Study, mode: str, factor: float) -> Study:
    speeds = study.settings.speeds.scaled(mode, factor)  # type: ignore[arg-type]
    return replace(study, settings=study.settings.model_copy(update={"speeds": speeds}))


# --- other ways to compute -----------------------------------------------------------------------------------------


def off_the_street(ferry_kph: float | None = None) -> Study:
    """People up to 800 m from streets of three classes; perhaps a ferry between two of them."""
    streets = [
        Street([(0, 0), (2000, 0)], "primary"),
        Street([(2000, 0), (2600, 0)], "residential"),
        Street([(2600, 0), (9000, 0)], "tertiary", maxspeed_kph=40),
        Street([(2000, 0), (2000, 500), (2600, 0)], "service"),
    ]
    people = [People((x, y), 6 + x / 100 + y) for x in range(-500, 9000, 130) for y in (0, 300, 800)]
    study = handmade.study(streets, [Facility("c", "clinic", (-300, 50))], people)
    if ferry_kph is not None:
        column = pd.Series([np.nan, ferry_kph, np.nan, np.nan], index=study.streets.index)  # type: ignore[union-attr]
        study = replace(study, streets=study.streets.assign(**{FERRY_KPH: column}))  # type: ignore[union-attr]
    return study


@pytest.mark.parametrize("ferry_kph", [None, 6.0], ids=["streets", "with a ferry"])
@pytest.mark.parametrize("mode", MODES)
def test_speeds_equal_studies_that_have_them(mode: str, ferry_kph: float | None) -> None:
    study = off_the_street(ferry_kph)
    clinics, travel = study.facilities, Travel(study)
    for factor in (0.6, 1.0, 1.2):
        expected = Travel(with_speed(study, mode, factor)).demand_times(clinics, mode).seconds  # type: ignore[arg-type]
        seconds = travel.demand_seconds_at(clinics, mode, factor)  # type: ignore[arg-type]
        assert seconds == pytest.approx(expected, rel=1e-6, abs=1e-3)
        assert np.isfinite(seconds).sum() > 100


def test_every_mode_at_three_speeds_in_the_coverage_of_a_real_place(porto_alegre: Study) -> None:
    goal = porto_alegre.standard("health-15").model_copy(update={"minutes": 8.0})
    answer = measure(porto_alegre, goal)
    assert [variant.id for variant in answer.variants] == [
        *(f"{mode}-{pace}" for mode in MODES for pace in ("slower", "usual", "faster")),
        "straight",
        "straight-detour",
    ]
    for variant in answer.variants[:9]:
        own = with_speed(porto_alegre, variant.mode or "", variant.speed_factor or 0)
        changed = goal.model_copy(update={"mode": variant.mode})
        result = coverage.measure(Travel(own), own.facilities, changed, TODAY)
        assert (variant.covered, variant.share) == (result.covered, result.share), variant.id
    straight, detour = answer.variants[9:]
    without_streets = replace(porto_alegre, streets=None)
    result = coverage.measure(Travel(without_streets), porto_alegre.facilities, goal, TODAY)
    assert detour.covered == result.covered < straight.covered


def test_radius_along_streets_and_with_a_detour() -> None:
    # A clinic at the end of a street; people 300, 450 and 600 m along it, and one 400 m away with a way of 800 m.
    streets = [Street([(0, 0), (1000, 0)]), Street([(0, 0), (0, -200), (400, -200), (400, -100)])]
    people = [People((300, 0), 1), People((450, 0), 2), People((600, 0), 4), People((400, -100), 8)]
    answer = measure(handmade.study(streets, [Facility("c", "clinic", (0, 0))], people), standard("radius", metres=500))
    assert {variant.id: variant.covered for variant in answer.variants} == {
        "straight": 11,
        "straight-detour": 1,
        "walk": 3,
    }
    assert answer.variants[0].is_headline


def test_study_without_streets_is_straight_anyway() -> None:
    study = handmade.study(None, [Facility("c", "clinic", (0, 0))], [People((900, 0), 1)])
    answer = measure(study, standard("travel_time", minutes=15))
    assert {variant.method for variant in answer.variants} == {"straight-line", "geodesic"}
    assert answer.variants[-1].id == "straight"
    assert (answer.variants[0].covered, answer.variants[-1].covered) == (0, 1)
    assert "facility_street" not in {doubt.id for doubt in answer.doubts}


# --- what the unknowns could change --------------------------------------------------------------------------------


def test_unknown_subtypes_may_count_or_not() -> None:
    people = [People((100, 0), 30), People((2900, 0), 70)]
    facilities = [Facility("known", "clinic", (0, 0), CENTRE), Facility("unknown", "clinic", (3000, 0), UNKNOWN)]
    goal = standard("travel_time", minutes=15, **NAMED)
    assert shares(measure(handmade.study(STREETS, facilities, people), goal))["subtype"] == (0.3, 1.0)
    # Where no centre is known, every clinic counts, and perhaps none of them should.
    assert shares(measure(handmade.study(STREETS, facilities[1:], people), goal))["subtype"] == (0.0, 0.7)


def test_a_subtype_that_nobody_knows_is_unknown_too() -> None:
    facilities = [Facility("a", "clinic", (0, 0), CENTRE), Facility("b", "clinic", (3000, 0), {"subtype": "odd"})]
    study = handmade.study(STREETS, facilities, [People((100, 0), 30), People((2900, 0), 70)])
    assert shares(measure(study, standard("travel_time", minutes=15, **NAMED)))["subtype"] == (0.3, 1.0)


def test_people_and_facilities_off_the_streets_go_straight_at_best() -> None:
    # 15 minutes are 1,000 m. A clinic 1,050 m off the street, people beside it and 1,020 m from it on the street.
    facilities = [Facility("c", "clinic", (0, 0)), Facility("off", "clinic", (2500, 1050))]
    people = [
        People((500, 0), 1),
        People((2500, 40), 2),  # 1,010 m from the clinic that no street reaches
        People((2500, 300), 4),  # 750 m from it
        People((1000, 1060), 8),  # more than 1,000 m from every street, and from both clinics
        People((2500, 1500), 16),  # off the streets, 450 m from that clinic
    ]
    answer = measure(handmade.study(STREETS, facilities, people), standard("travel_time", minutes=15))
    total = 31
    expected = {"facility_street": (1, 21), "people_street": (1, 17), "together": (1, 21)}
    got = shares(answer)
    for name, (low, high) in expected.items():
        assert got[name] == pytest.approx((low / total, high / total), abs=1e-6), name
    assert {doubt.id: doubt.count for doubt in answer.doubts if doubt.count} | {"opening_hours": 2, "capacity": 2} == {
        "facility_street": 1,
        "people_street": 24,
        "opening_hours": 2,
        "capacity": 2,
    }


def test_people_on_a_street_that_leads_nowhere() -> None:
    answer = measure(two_towns.study(), standard("travel_time", minutes=120))
    got = {doubt.id: (doubt.count, doubt.highest and doubt.highest.covered) for doubt in answer.doubts}
    # 60 people on a piece of street, 8 km from the clinic; 70 without a street, 4 km from it.
    assert (got["people_route"], got["people_street"]) == ((60, 210), (70, 220))


def test_a_group_that_is_known_nowhere_allows_any_result() -> None:
    county = with_demand(two_towns.study(), urban=np.nan)
    answer = measure(county, standard("travel_time", minutes=15, people="urban"))
    (doubt,) = [doubt for doubt in answer.doubts if doubt.id == "people_group"]
    assert (doubt.count, doubt.lowest, doubt.highest) == (280, None, None)
    assert any("any result is possible" in note for note in answer.notes)


def test_openings_without_a_date_and_without_a_subtype() -> None:
    dates = [date(2021, 5, 1), None, date(2020, 5, 1), None]
    facilities = [
        Facility(str(number), "clinic", (0, 0), {"opened": day, **(CENTRE if number < 2 else UNKNOWN)})
        for number, day in enumerate(dates)
    ]
    goal = standard("opened", since=date(2021, 1, 1), until=TODAY, target=2, **NAMED)
    answer = measure(handmade.study(None, facilities, [People((0, 0), 1)]), goal)
    assert shares(answer) == {
        "subtype": (0.5, 0.5),
        "opening_date": (0.5, 1.0),
        "together": (0.5, 1.0),
        "strict": (0.5, 1.0),
    }


def test_a_facility_in_an_unknown_village_is_in_one_that_lacks_one() -> None:
    square = shapely.box(0, 0, 10, 10)
    areas = [Area("T", "town", square), Area("S", "town", square)]
    areas += [Area(f"T{number}", "village", square, "T") for number in range(3)]
    areas += [Area(f"S{number}", "village", square, "S") for number in range(3)]
    codes = ["T0", "T", "T", "T", None]  # three in T, of which two villages lack one; one anywhere
    facilities = [Facility(str(number), "clinic", (0, 0), {"area_code": code}) for number, code in enumerate(codes)]
    answer = measure(handmade.study(None, facilities, [], areas), standard("presence", units="village"))
    assert shares(answer)["unit"] == pytest.approx((1 / 6, 4 / 6), abs=1e-6)
    towns = measure(handmade.study(None, facilities, [], areas), standard("presence", units="town"))
    assert shares(towns)["unit"] == (0.5, 1.0)


def test_nothing_known_of_a_category_has_no_range() -> None:
    answer = measure(two_towns.study(), standard("travel_time", minutes=15, category="park"))
    assert (answer.variants, answer.doubts, answer.headline.share) == ([], [], None)


@st.composite
def doubtful_studies(draw: st.DrawFn) -> Study:
    """A street of 3 km with a few clinics and people, of which some things are unknown."""
    clinics = draw(st.lists(st.tuples(st.integers(0, 30), st.booleans(), st.booleans()), min_size=1, max_size=4))
    facilities = [
        Facility(str(number), "clinic", (x * 100, 0), (CENTRE if known else UNKNOWN) | ({"capacity": 5} if has else {}))
        for number, (x, known, has) in enumerate(clinics)
    ]
    groups = st.tuples(st.integers(0, 30), st.integers(1, 9), st.sampled_from([1, 0, None]), st.booleans())
    people = [
        People((x * 100, 0), count, {"urban": urban, "area_code": "A" if inside else None})
        for x, count, urban, inside in draw(st.lists(groups, min_size=1, max_size=4))
    ]
    return handmade.study(STREETS, facilities, people, [Area("A", "town", shapely.box(-1, -1, 3001, 1))])


@settings(max_examples=examples(40), deadline=None)
@given(doubtful_studies(), st.sampled_from(["all", "urban"]), st.booleans())
def test_ranges_equal_the_least_and_the_most_of_all_possibilities(study: Study, people: str, named: bool) -> None:
    goal: Any = standard("radius", metres=450, people=people, **(NAMED if named else {}))
    answer = measure(study, goal)
    demand, clinics = study.demand, study.facilities
    positions = {row: round(float(x) * 1000) for row, x in clinics.geometry.x.items()}
    metres = pd.DataFrame(
        {row: Travel(study).demand_distances(clinics.loc[[row]]).metres for row in positions}, index=demand.index
    )
    is_centre = clinics["subtype"].notna()
    counted = set(clinics.index[is_centre]) if named and is_centre.any() else set(clinics.index)
    doubtful = set() if not named else set(clinics.index[~is_centre]) if is_centre.any() else counted
    without_capacity = {row for row in counted if clinics["capacity"][row] is None}
    group_known = people == "all" or demand["urban"].notna().any()
    everybody = people == "all" or not group_known
    certain = {row for row in demand.index if everybody or demand["urban"][row] == 1}
    unknown = set() if everybody else set(demand.index[demand["urban"].isna()])
    outside = {row for row in certain if demand["area_code"][row] is None}

    def range_of(facility_doubts: set[str], people_doubts: set[int]) -> tuple[float | None, float | None]:
        results = []
        for present in _subsets(facility_doubts):
            inside = (metres[sorted((counted - facility_doubts) | present)] <= 450.0).any(axis=1)
            for belonging in _subsets(people_doubts):
                who = sorted((certain - people_doubts) | belonging)
                total = demand["population"][who].sum()
                if total:
                    results.append(demand["population"][who][inside[who]].sum() / total)
        return (round(min(results), 6), round(max(results), 6)) if results else (None, None)

    got = shares(answer)
    every = {"subtype": (doubtful, set()), "capacity": (without_capacity, set()), "people_area": (set(), outside)}
    every["people_group"] = (set(), unknown)
    for name, doubts in every.items():
        if name in got and (name != "people_group" or group_known):
            assert got[name] == pytest.approx(range_of(*doubts), abs=2e-6), name
    together = doubtful, outside | unknown
    if any(together) and (certain - together[1]):
        assert got["together"] == pytest.approx(range_of(*together), abs=2e-6)


def _subsets(rows: set[Any]) -> list[set[Any]]:
    return [set(some) for size in range(len(rows) + 1) for some in itertools.combinations(sorted(rows), size)]
