"""Facilities with their names and dates; what a subtype says of them stands in kinds.csv."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapely

import land
from land import Floats, Land, Rng
from places import Unit

KINDS = {kind.subtype: kind for kind in pd.read_csv(Path(__file__).with_name("kinds.csv")).itertuples()}
# Units by their codes after the county's 330784.
GREAT_PARKS_HA = {"001S16": 32, "002S14": 24, "003S11": 28, "108S06": 15, "115S06": 18, "112S05": 12}
HOSPITALS = {"001S02", "001S09", "002S04", "003S03", "108S02", "110S02", "112S02", "115S03"}
CLOSED = {"village_clinic": ("2019-09-30", "2022-06-30"), "private": ("2020-08-31",)}


@dataclass(eq=False)
class Facility:
    subtype: str
    unit: Unit
    shape: Any
    chief: bool = False  # the one each town has: 镇中心幼儿园
    opened: str | None = None
    closed: str | None = None


def park(rng: Rng, subtype: str, unit: Unit, centre: Floats, square_metres: float) -> Facility:
    corners, rough = {"comprehensive": (40, 0.05), "community": (20, 0.07), "pocket": (10, 0.1)}[subtype]
    return Facility(subtype, unit, land.blob(rng, centre, (square_metres / np.pi) ** 0.5, corners, rough))


def large_parks(rng: Rng, country: list[Unit], ground: Land) -> list[Facility]:
    """Comprehensive and community parks: laid out before the streets, which they interrupt."""
    by_code, found = {unit.code[6:]: unit for unit in country}, []
    for code, hectares in GREAT_PARKS_HA.items():
        centre = by_code[code].site + np.array([0, 230 if code == "002S14" else -150])
        found.append(park(rng, "comprehensive", by_code[code], centre, hectares * 1e4))
    urban, bank = [unit for unit in country if unit.urban], ground.river.buffer(land.BANK_M + 110)
    for unit in (urban[index] for index in rng.permutation(len(urban))):
        taken = shapely.union_all([other.shape for other in found]).buffer(250)
        room = unit.cell.buffer(-130).difference(taken).difference(bank)
        place = land.inside(rng, room, unit.site, 130, 420)
        if place is not None and len(found) < 44:
            found.append(park(rng, "community", unit, place, rng.uniform(0.55, 3.1) * 1e4))
    return found


def nearby(rng: Rng, unit: Unit, parks: Any) -> Floats:
    """A place for a facility: some doors away from where people of the unit live."""
    clusters = [cluster for cluster in unit.clusters if cluster.weight > 0.4]
    home = clusters[int(rng.integers(len(clusters)))].place
    place = land.inside(rng, unit.cell.buffer(-15).difference(parks), home, 12, 70)
    return home if place is None else place


def all_of(rng: Rng, country: list[Unit], parks: list[Facility]) -> list[Facility]:
    """The large parks and everything else."""

    def some(among: list[Unit], count: int) -> list[Unit]:
        return [among[index] for index in np.sort(rng.permutation(len(among))[:count])]

    chiefs = [unit for unit in country if unit.number == 1]
    centred = [unit for unit in chiefs if unit.town.in_city]
    communities = [unit for unit in country if unit.level == "community" and unit not in centred]
    villages = [unit for unit in country if unit.level == "village"]
    urban = [unit for unit in country if unit.urban]
    second = some([unit for unit in urban if not unit.town.in_city and unit not in chiefs], 12)
    plan = [
        ("hospital", [unit for unit in country if unit.code[6:] in HOSPITALS]),
        ("community_health_centre", centred),
        ("community_health_station", some(communities, 40)),
        ("township_health_centre", [unit for unit in chiefs if not unit.town.in_city]),
        ("village_clinic", some(villages, 243)),
        ("public", chiefs),
        ("public", second + some([unit for unit in urban if unit.town.in_city], 16)),
        ("private", some(urban, 88) + some([unit for unit in country if not unit.urban], 22)),
        ("hall", some(villages, 366)),
    ]
    blocked = shapely.union_all([other.shape for other in parks])
    found = [
        Facility(subtype, unit, shapely.Point(nearby(rng, unit, blocked)), subtype == "public" and among is chiefs)
        for subtype, among in plan
        for unit in among
    ] + parks
    for number, index in enumerate(rng.permutation(len(urban))[: 110 - len(parks)]):
        unit, place = urban[index], nearby(rng, urban[index], blocked.buffer(90))
        if number % 5 < 3:  # the others stay points, as small parks do in many a list
            found.append(park(rng, "pocket", unit, place, rng.uniform(550, 4_100)))
        else:
            found.append(Facility("pocket", unit, shapely.Point(place)))
    return found


def date_all(rng: Rng, known: list[Facility]) -> None:
    """Dates that make the plan of 2021 countable: so many in that year, all the others outside it."""

    def day(year: int, first_month: int = 1) -> str:
        return f"{year}-{rng.integers(first_month, 13):02d}-{rng.integers(1, 29):02d}"

    for facility in known:
        kind = KINDS[facility.subtype]
        opened = day(rng.choice([year for year in range(kind.first_year, kind.last_year + 1) if year != 2021]))
        facility.opened = opened if rng.uniform() > 0.08 else None
    halls = [f for f in known if f.subtype == "hall"]
    parks = [f for f in known if f.subtype in ("pocket", "community")]
    kindergartens = [f for f in known if f.subtype == "public" and not (f.chief or f.unit.town.in_city)]
    for count, among in ((21, halls), (17, parks), (4, kindergartens)):
        for index in rng.permutation(len(among))[:count]:
            among[index].opened = day(2021, 3)
    for subtype, days in CLOSED.items():
        among = [f for f in known if f.subtype == subtype and (f.opened or "9") < "2015"]
        for index, closed in zip(rng.permutation(len(among)), days, strict=False):
            among[index].closed = closed


def features(rng: Rng, known: list[Facility], ground: Land) -> list[dict[str, Any]]:
    """GeoJSON features, by category and subtype, with the properties of docs/study.md."""
    known = sorted(known, key=lambda f: (KINDS[f.subtype].Index, f.unit.code))
    numbers = dict.fromkeys((kind.category for kind in KINDS.values()), 0)
    found = []
    for facility, shape in zip(known, ground.lonlat([f.shape for f in known]), strict=True):
        subtype, kind, unit = facility.subtype, KINDS[facility.subtype], facility.unit
        numbers[kind.category] += 1
        number = f"{numbers[kind.category]:03d}"
        owner = f"{unit.town.name}示例" if facility.chief or subtype == "comprehensive" else unit.name
        name = f"{owner}{'中心' if facility.chief else ''}{kind.label}{number if kind.category == 'park' else ''}"
        sizes = kind.capacity_min, kind.capacity_max + 1, kind.capacity_step
        capacity = int(rng.choice(np.arange(*sizes))) if kind.capacity_min > 0 else None
        found.append({
            "type": "Feature", "id": f"yk-{kind.category.replace('_', '-')}-{number}",
            "properties": {
                "category": kind.category, "subtype": None if subtype == "hall" else subtype,
                "name": name, "name_en": f"Sample {kind.label_en} {number}",
                "area_code": unit.code, "address": None, "phone": None,
                "opened": facility.opened, "closed": facility.closed, "opening_hours": kind.hours,
                "capacity": capacity, "provenance": "schematic",
            },
            "geometry": shapely.geometry.mapping(shape),
        })  # fmt: skip
    return found
