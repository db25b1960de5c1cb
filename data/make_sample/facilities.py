"""Facilities with their locations, names and dates; subtypes.csv has what all facilities of a subtype share."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import shapely
from shapely.geometry.base import BaseGeometry

import land
from land import Floats, Land, Rng
from places import Unit

SUBTYPES = {row.subtype: row for row in pd.read_csv(Path(__file__).with_name("subtypes.csv")).itertuples()}
# Keys are the codes of units without the county's 330784.
COMPREHENSIVE_PARKS_HA = {"001S16": 32, "002S14": 24, "003S11": 28, "108S06": 15, "115S06": 18, "112S05": 12}
HOSPITALS = {"001S02", "001S09", "002S04", "003S03", "108S02", "110S02", "112S02", "115S03"}
CLOSING_DAYS = {"village_clinic": ("2019-09-30", "2022-06-30"), "private": ("2020-08-31",)}


@dataclass(eq=False)
class Facility:
    """A facility on the plane; ``is_central`` marks the public kindergarten that each town has (镇中心幼儿园)."""

    subtype: str
    unit: Unit
    shape: BaseGeometry
    is_central: bool = False
    opened: str | None = None
    closed: str | None = None


def park(rng: Rng, subtype: str, unit: Unit, centre: Floats, square_metres: float) -> Facility:
    """A park with an irregular outline of about that area."""
    corners, roughness = {"comprehensive": (40, 0.05), "community": (20, 0.07), "pocket": (10, 0.1)}[subtype]
    return Facility(subtype, unit, land.blob(rng, centre, (square_metres / np.pi) ** 0.5, corners, roughness))


def large_parks(rng: Rng, units: list[Unit], ground: Land) -> list[Facility]:
    """Comprehensive and community parks. They are laid out before the streets, since streets end at them."""
    by_code, parks = {unit.code[6:]: unit for unit in units}, []
    for code, hectares in COMPREHENSIVE_PARKS_HA.items():
        centre = by_code[code].site + np.array([0, 230 if code == "002S14" else -150])
        parks.append(park(rng, "comprehensive", by_code[code], centre, hectares * 1e4))
    urban, bank = [unit for unit in units if unit.urban], ground.river.buffer(land.BANK_M + 110)
    for unit in (urban[index] for index in rng.permutation(len(urban))):
        near_parks = shapely.union_all([other.shape for other in parks]).buffer(250)
        free = unit.cell.buffer(-130).difference(near_parks).difference(bank)
        centre = land.random_point(rng, free, unit.site, 130, 420)
        if centre is not None and len(parks) < 44:
            parks.append(park(rng, "community", unit, centre, rng.uniform(0.55, 3.1) * 1e4))
    return parks


def near_homes(rng: Rng, unit: Unit, parks: BaseGeometry) -> Floats:
    """A location for a facility, 12 to 70 m from where people of the unit live, outside parks."""
    clusters = [cluster for cluster in unit.clusters if cluster.weight > 0.4]
    home = clusters[int(rng.integers(len(clusters)))].location
    location = land.random_point(rng, unit.cell.buffer(-15).difference(parks), home, 12, 70)
    return home if location is None else location


def place_all(rng: Rng, units: list[Unit], large_parks: list[Facility]) -> list[Facility]:
    """The facilities of all categories, with the large parks among them."""

    def draw(candidates: list[Unit], count: int) -> list[Unit]:
        return [candidates[index] for index in np.sort(rng.permutation(len(candidates))[:count])]

    central = [unit for unit in units if unit.number == 1]
    central_in_city = [unit for unit in central if unit.town.in_city]
    communities = [unit for unit in units if unit.level == "community" and unit not in central_in_city]
    villages = [unit for unit in units if unit.level == "village"]
    urban = [unit for unit in units if unit.urban]
    second_in_town = draw([unit for unit in urban if not unit.town.in_city and unit not in central], 12)
    plan = [
        ("hospital", [unit for unit in units if unit.code[6:] in HOSPITALS]),
        ("community_health_centre", central_in_city),
        ("community_health_station", draw(communities, 40)),
        ("township_health_centre", [unit for unit in central if not unit.town.in_city]),
        ("village_clinic", draw(villages, 243)),
        ("public", central),
        ("public", second_in_town + draw([unit for unit in urban if unit.town.in_city], 16)),
        ("private", draw(urban, 88) + draw([unit for unit in units if not unit.urban], 22)),
        ("hall", draw(villages, 366)),
    ]
    park_shapes = shapely.union_all([park.shape for park in large_parks])
    facilities = [
        Facility(
            subtype, unit, shapely.Point(near_homes(rng, unit, park_shapes)), subtype == "public" and chosen is central
        )
        for subtype, chosen in plan
        for unit in chosen
    ] + large_parks
    for number, index in enumerate(rng.permutation(len(urban))[: 110 - len(large_parks)]):
        unit, location = urban[index], near_homes(rng, urban[index], park_shapes.buffer(90))
        if number % 5 < 3:  # the others stay points, as small parks are in many lists
            facilities.append(park(rng, "pocket", unit, location, rng.uniform(550, 4_100)))
        else:
            facilities.append(Facility("pocket", unit, shapely.Point(location)))
    return facilities


def date_all(rng: Rng, facilities: list[Facility]) -> None:
    """Set opening and closing dates: numbers near the goals of the plan of 2021 open in that year, no others do."""

    def day(year: int, first_month: int = 1) -> str:
        return f"{year}-{rng.integers(first_month, 13):02d}-{rng.integers(1, 29):02d}"

    for facility in facilities:
        years = SUBTYPES[facility.subtype]
        opened = day(rng.choice([year for year in range(years.first_year, years.last_year + 1) if year != 2021]))
        facility.opened = opened if rng.uniform() > 0.08 else None
    halls = [f for f in facilities if f.subtype == "hall"]
    parks = [f for f in facilities if f.subtype in ("pocket", "community")]
    kindergartens = [f for f in facilities if f.subtype == "public" and not (f.is_central or f.unit.town.in_city)]
    for count, candidates in ((21, halls), (17, parks), (4, kindergartens)):
        for index in rng.permutation(len(candidates))[:count]:
            candidates[index].opened = day(2021, 3)
    for subtype, days in CLOSING_DAYS.items():
        candidates = [f for f in facilities if f.subtype == subtype and (f.opened or "9") < "2015"]
        for index, closed in zip(rng.permutation(len(candidates)), days, strict=False):
            candidates[index].closed = closed


def features(rng: Rng, facilities: list[Facility], ground: Land) -> list[dict[str, object]]:
    """GeoJSON features in the order of subtypes.csv, with the properties of docs/study.md."""
    facilities = sorted(facilities, key=lambda f: (SUBTYPES[f.subtype].Index, f.unit.code))
    numbers = dict.fromkeys((row.category for row in SUBTYPES.values()), 0)
    features = []
    for facility, shape in zip(facilities, ground.lonlat([f.shape for f in facilities]), strict=True):
        subtype, row, unit = facility.subtype, SUBTYPES[facility.subtype], facility.unit
        numbers[row.category] += 1
        number = f"{numbers[row.category]:03d}"
        place_name = f"{unit.town.name}示例" if facility.is_central or subtype == "comprehensive" else unit.name
        label = f"中心{row.label}" if facility.is_central else row.label
        name = f"{place_name}{label}{number if row.category == 'park' else ''}"
        sizes = row.capacity_min, row.capacity_max + 1, row.capacity_step
        capacity = int(rng.choice(np.arange(*sizes))) if row.capacity_min > 0 else None
        features.append({
            "type": "Feature", "id": f"yk-{row.category.replace('_', '-')}-{number}",
            "properties": {
                "category": row.category, "subtype": None if subtype == "hall" else subtype,
                "name": name, "name_en": f"Sample {row.label_en} {number}",
                "area_code": unit.code, "address": None, "phone": None,
                "opened": facility.opened, "closed": facility.closed, "opening_hours": row.hours,
                "capacity": capacity, "provenance": "schematic",
            },
            "geometry": shapely.geometry.mapping(shape),
        })  # fmt: skip
    return features
