"""Facilities: parks, clinics, kindergartens and cultural halls, with names and dates."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import shapely
from shapely import Point
from shapely.geometry import mapping

import land
from land import Land, Rng
from places import Unit
from streets import BANK_M


class Kind(NamedTuple):
    """What a facility's subtype says of it; it may have opened in any of the years."""

    category: str
    label: str
    label_en: str
    hours: str
    capacity: range | None
    years: range


DAYTIME, LATE = "Mo-Fr 08:00-11:30,13:30-17:00", "Mo-Su 08:00-11:30,13:30-17:30"
KINDS = {
    "hospital": Kind("clinic", "医院", "hospital", "24/7", range(150, 901, 50), range(1985, 2013)),
    "community_health_centre": Kind(
        "clinic", "社区卫生服务中心", "community health centre", "24/7", range(20, 81, 10), range(1996, 2019)),
    "community_health_station": Kind(
        "clinic", "卫生服务站", "community health station", LATE, None, range(2002, 2025)),
    "township_health_centre": Kind(
        "clinic", "卫生院", "township health centre", "24/7", range(20, 121, 10), range(1985, 2009)),
    "village_clinic": Kind("clinic", "卫生室", "village clinic", DAYTIME, None, range(1988, 2025)),
    "public": Kind("kindergarten", "幼儿园", "public kindergarten",
                   "Mo-Fr 07:30-16:30", range(180, 421, 30), range(1986, 2025)),
    "private": Kind("kindergarten", "民办幼儿园", "private kindergarten",
                    "Mo-Fr 07:30-17:00", range(90, 271, 30), range(1995, 2020)),
    "hall": Kind("cultural_hall", "文化礼堂", "cultural hall",
                 "Mo-Su 08:30-20:30", range(80, 401, 20), range(2013, 2025)),
    "pocket": Kind("park", "口袋公园", "pocket park", "24/7", None, range(2008, 2025)),
    "community": Kind("park", "社区公园", "community park", "24/7", None, range(1998, 2025)),
    "comprehensive": Kind("park", "公园", "comprehensive park", "24/7", None, range(1985, 2017)),
}  # fmt: skip
GREAT_PARKS_HA = {("东城街道", 16): 32, ("西城街道", 14): 24, ("江南街道", 11): 28,
                  ("古山镇", 6): 15, ("芝英镇", 6): 18, ("象珠镇", 5): 12}  # fmt: skip
HOSPITALS = [("东城街道", 2), ("东城街道", 9), ("西城街道", 4), ("江南街道", 3),
             ("古山镇", 2), ("龙山镇", 2), ("象珠镇", 2), ("芝英镇", 3)]  # fmt: skip
CLOSED = {"village_clinic": ("2019-09-30", "2022-06-30"), "private": ("2020-08-31",)}


@dataclass(eq=False)
class Facility:
    subtype: str
    unit: Unit
    shape: Any
    chief: bool = False  # the one each town has: 镇中心幼儿园
    opened: str | None = None
    closed: str | None = None


def great_parks(rng: Rng, country: list[Unit], ground: Land) -> list[Facility]:
    """Comprehensive and community parks: laid out before the streets, which they interrupt."""
    sites = {(unit.town.name, unit.number): unit.site for unit in country}
    found = []
    for (town, number), hectares in GREAT_PARKS_HA.items():
        centre = sites[town, number] + [0.0, 230.0 if town == "西城街道" else -150.0]
        shape = land.blob(rng, centre, (hectares * 1e4 / np.pi) ** 0.5, 40, 0.05)
        unit = next(unit for unit in country if unit.cell.contains(shape.centroid))
        found.append(Facility("comprehensive", unit, shape))
    urban = [unit for unit in country if unit.urban]
    bank = ground.river.buffer(BANK_M + 110)
    for unit in (urban[index] for index in rng.permutation(len(urban))):
        taken = shapely.union_all([park.shape for park in found])
        room = unit.cell.buffer(-130).difference(taken.buffer(250)).difference(bank)
        place = land.inside(rng, room, unit.site, 130, 420)
        if place is not None and len(found) < len(GREAT_PARKS_HA) + 38:
            radius = (float(rng.uniform(0.55, 3.1)) * 1e4 / np.pi) ** 0.5
            found.append(Facility("community", unit, land.blob(rng, place, radius, 20, 0.07)))
    return found


def nearby(rng: Rng, unit: Unit, parks: Any) -> Point:
    """A place for a facility: some doors away from where people of the unit live."""
    clusters = [cluster for cluster in unit.clusters if cluster.weight > 0.4]
    home = clusters[int(rng.integers(len(clusters)))].place
    place = land.inside(rng, unit.cell.buffer(-15).difference(parks), home, 12, 70)
    return Point(home if place is None else place)


def all_of(rng: Rng, country: list[Unit], parks: list[Facility]) -> list[Facility]:
    """The parks and everything else."""
    def some(among: list[Unit], count: int) -> list[Unit]:
        return [among[index] for index in np.sort(rng.permutation(len(among))[:count])]

    by_number = {(unit.town.name, unit.number): unit for unit in country}
    chiefs = [unit for unit in country if unit.number == 1]
    centred = [unit for unit in chiefs if unit.town.in_city]
    communities = [unit for unit in country if unit.level == "community" and unit not in centred]
    villages = [unit for unit in country if unit.level == "village"]
    urban = [unit for unit in country if unit.urban]
    second = some([unit for unit in urban if not unit.town.in_city and unit not in chiefs], 12)
    plan = [
        ("hospital", [by_number[key] for key in HOSPITALS]),
        ("community_health_centre", centred),
        ("community_health_station", some(communities, 40)),
        ("township_health_centre", [unit for unit in chiefs if not unit.town.in_city]),
        ("village_clinic", some(villages, 243)),
        ("public", chiefs),
        ("public", second + some([unit for unit in urban if unit.town.in_city], 16)),
        ("private", some(urban, 88) + some([unit for unit in country if not unit.urban], 22)),
        ("hall", some(villages, 366)),
    ]
    blocked = shapely.union_all([park.shape for park in parks])
    found = [
        Facility(subtype, unit, nearby(rng, unit, blocked), subtype == "public" and among is chiefs)
        for subtype, among in plan
        for unit in among
    ]
    return found + parks + pocket_parks(rng, urban, blocked, 110 - len(parks))


def pocket_parks(rng: Rng, urban: list[Unit], parks: Any, count: int) -> list[Facility]:
    found = []
    for number, index in enumerate(rng.permutation(len(urban))[:count]):
        shape: Any = nearby(rng, urban[index], parks.buffer(90))
        if number % 5 < 3:
            radius = (float(rng.uniform(550, 4_100)) / np.pi) ** 0.5
            shape = land.blob(rng, np.array(shape.coords[0]), radius, 10, 0.1)
        found.append(Facility("pocket", urban[index], shape))
    return found


def date_all(rng: Rng, known: list[Facility]) -> None:
    """Dates that make the plan of 2021 countable: so many in that year, all the others outside it."""
    def day(year: int, first_month: int = 1) -> str:
        return f"{year}-{rng.integers(first_month, 13):02d}-{rng.integers(1, 29):02d}"

    for facility in known:
        opened = day(int(rng.choice([year for year in KINDS[facility.subtype].years if year != 2021])))
        facility.opened = opened if rng.uniform() > 0.08 else None
    in_2021 = [
        (21, [f for f in known if f.subtype == "hall"]),
        (17, [f for f in known if f.subtype in ("pocket", "community")]),
        (4, [f for f in known if f.subtype == "public" and not (f.chief or f.unit.town.in_city)]),
    ]
    for count, among in in_2021:
        for index in rng.permutation(len(among))[:count]:
            among[index].opened = day(2021, 3)
    for subtype, days in CLOSED.items():
        among = [f for f in known if f.subtype == subtype and (f.opened or "9") < "2015"]
        for index, closed in zip(rng.permutation(len(among)), days, strict=False):
            among[index].closed = closed


def features(rng: Rng, known: list[Facility], ground: Land) -> list[dict[str, Any]]:
    """GeoJSON features, by category and subtype, with the properties of docs/study.md."""
    known = sorted(known, key=lambda f: (list(KINDS).index(f.subtype), f.unit.code))
    numbers = dict.fromkeys((kind.category for kind in KINDS.values()), 0)
    found = []
    for facility, shape in zip(known, ground.lonlat([f.shape for f in known]), strict=True):
        subtype, kind, unit = facility.subtype, KINDS[facility.subtype], facility.unit
        numbers[kind.category] += 1
        number = f"{numbers[kind.category]:03d}"
        owner = f"{unit.town.name}示例" if facility.chief or subtype == "comprehensive" else unit.name
        name = f"{owner}{'中心' if facility.chief else ''}{kind.label}{number if kind.category == 'park' else ''}"
        found.append({
            "type": "Feature", "id": f"yk-{kind.category.replace('_', '-')}-{number}",
            "properties": {
                "category": kind.category, "subtype": None if subtype == "hall" else subtype,
                "name": name, "name_en": f"Sample {kind.label_en} {number}",
                "area_code": unit.code, "address": None, "phone": None,
                "opened": facility.opened, "closed": facility.closed, "opening_hours": kind.hours,
                "capacity": int(rng.choice(kind.capacity)) if kind.capacity else None, "provenance": "schematic",
            },
            "geometry": mapping(shape),
        })  # fmt: skip
    return found
