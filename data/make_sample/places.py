"""Towns, the villages and communities in them, and where in these people live."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from shapely import LineString, Polygon

import land
from geo.study import areas
from land import Floats, Land, Rng

PEOPLE = 964_203  # census of 2020
CITY_PEOPLE_2000 = 185_055  # the three 街道 are known jointly only
URBAN_SHARE = 0.68  # the bulletin of 2024 says 69.7 % of all residents
CITY_RADIUS_M = 3_600.0


class Cluster(NamedTuple):
    """Where people live: a share of those of the unit by weight, or a number as it stands."""

    place: Floats
    weight: float
    people: int = 0


@dataclass(eq=False)
class Unit:
    code: str
    name: str
    level: str
    town: Any  # a row of `towns`
    number: int  # in the town; communities, then urban villages, lie nearest the centre
    urban: bool
    site: Floats
    cell: Any
    people: int = 0
    clusters: list[Cluster] = field(default_factory=list)


def towns(table: pd.DataFrame, ground: Land) -> list[Any]:
    """The rows of facts/towns.csv, each with its centre, how far it is built up, and people of 2000 by unit."""
    in_city, units = table["kind"] == "街道", table["communities"] + table["villages"]
    urban = table.filter(like="class_1").sum(axis=1)
    people = (table["census_2000_population"] / units).fillna(CITY_PEOPLE_2000 / units[in_city].sum())
    core_m = (300 + 130 * urban**0.5).mask(in_city, CITY_RADIUS_M)
    more = {"in_city": in_city, "units": units, "urban": urban, "people_2000": people, "core_m": core_m}
    return list(table.assign(**more, centre=list(ground.centres)).itertuples())


def cores(rng: Rng, county: list[Any], ground: Land) -> list[Polygon]:
    """The built-up centres: the city's, then those of the towns around it."""
    city = land.blob(rng, ground.downtown, CITY_RADIUS_M, 72, 0.07)
    return [city, *(land.blob(rng, town.centre, town.core_m, 32, 0.08) for town in county if not town.in_city)]


def apportion(total: int, weights: Floats) -> Any:
    """Whole numbers in proportion to the weights that add up to the total exactly (largest remainders)."""
    exact = (weights / weights.sum() * total).round(9)
    whole = np.floor(exact).astype(np.int64)
    whole[np.argsort(whole - exact, kind="stable")[: total - whole.sum()]] += 1
    return whole


def sites(rng: Rng, county: list[Any], ground: Land) -> list[Floats]:
    """The villages' places, town by town: close in the centre, wide apart outside, widest in the hills."""
    west, south, east, north = ground.edge.bounds
    pool = rng.uniform((west, south), (east, north), (60_000, 2)).round(2)
    pool = pool[shapely.contains_xy(ground.edge.buffer(-300), pool)]
    apart = land.metres(pool[:, None], ground.centres)
    settled = np.diff(np.partition(apart, 1)[:, :2]).ravel() > 300  # right on a border, and towns would fall apart
    pool, owner = pool[settled], apart[settled].round(2).argmin(axis=1)
    hill = ground.hill(pool)
    found = []
    for number, town in enumerate(county):
        own = pool[owner == number]
        heart = ground.downtown if town.in_city else town.centre
        beyond = land.metres(own, heart) / town.core_m - 1
        spacing = np.clip(1 + 0.9 * beyond, 1, 3.2) * (1 + 0.7 * hill[owner == number])
        chosen = [town.centre]
        nearest = np.full(len(own), np.inf)
        for _ in range(town.units - 1):
            nearest = np.minimum(nearest, land.metres(own, chosen[-1]))
            # The widest hole would give a lattice; a random share of it looks settled over centuries.
            chosen.append(own[np.argmax((nearest / spacing * rng.uniform(0.6, 1, len(own))).round(9))])
        outward = np.argsort(land.metres(np.array(chosen[1:]), heart).round(2), kind="stable")
        found.append(np.array(chosen)[[0, *outward + 1]])
    return found


def units(rng: Rng, county: list[Any], ground: Land) -> list[Unit]:
    """All village-level units, town by town, with their cells and numbers of people."""
    places, around = sites(rng, county, ground), ground.edge.buffer(5_000)
    cells = shapely.voronoi_polygons(shapely.MultiPoint(np.vstack(places)), extend_to=around, ordered=True).geoms
    found: list[Unit] = []
    for town, own in zip(county, places, strict=True):
        for number, site in enumerate(own, start=1):
            level, word = ("community", "社区") if number <= town.communities else ("village", "村")
            code = f"{town.code[:9]}S{number:02d}"  # never a real unit's: its last three would be figures
            name, cell = f"{town.name}示例{word}{number:02d}", cells[len(found)].intersection(ground.edge)
            found.append(Unit(code, name, level, town, number, number <= town.urban, site, cell))
    urban = np.array([unit.urban for unit in found])
    weight = rng.lognormal(0, 0.3, len(found)) * [
        (1.25 if unit.town.in_city else 1.0) if unit.urban else unit.town.people_2000 for unit in found
    ]
    for side, share in ((urban, URBAN_SHARE), (~urban, 1 - URBAN_SHARE)):
        people = apportion(round(PEOPLE * share), weight[side])
        for index, number in zip(np.flatnonzero(side), people.tolist(), strict=True):
            found[index].people = number
    return found


def settle(rng: Rng, unit: Unit, built: Any, barred: Any) -> list[LineString]:
    """Give a unit its clusters of people, and return a village's lanes (streets of the centres come as grids)."""
    room = unit.cell.buffer(-40).difference(barred)
    count = int(np.clip(round(2.6 + unit.people / 900 + rng.uniform(-0.5, 0.5)), 3, 7))
    if shapely.contains_xy(built, *unit.site):
        homes = room.intersection(built)
        thrown = [land.inside(rng, homes, unit.site, 0, 150 + 90 * step) for step in range(count + 3)]
        places = [place for place in thrown if place is not None][:count]
        unit.clusters = [Cluster(place, rng.uniform(0.6, 1.4)) for place in places]
        return []
    columns = int(np.clip(round((unit.people / 130) ** 0.5), 3, 6))
    lattice = np.mgrid[: columns - int(rng.integers(2)), :columns][::-1].reshape(2, -1).T - (columns - 1) // 2
    spin = land.spin(rng.uniform(0, np.pi))
    web = unit.site + rng.uniform(65, 95) * lattice @ spin + rng.normal(0, 11, lattice.shape)
    web[(lattice == 0).all(axis=1)] = unit.site  # where the roads from the neighbours arrive
    web = web[shapely.contains_xy(room.buffer(30), web)]
    hamlets: list[Floats] = []
    for _ in range(int(rng.integers(0, count - 1)) * (not unit.urban)):
        hamlet = land.inside(rng, room, unit.site, 500, 1_500)
        if hamlet is not None and all(land.metres(hamlet, other) > 300 for other in hamlets):
            hamlets.append(hamlet)
    spurs = [hamlet + rng.normal(0, 45, (4, 2)) for hamlet in hamlets]
    core = web[rng.permutation(len(web))[: count - len(hamlets)]] + rng.normal(0, 10, 2)
    core = core[shapely.contains_xy(room, core)].round(2)
    unit.clusters = [Cluster(place, rng.uniform(0.7, 1.3)) for place in core]
    unit.clusters += [Cluster(hamlet, rng.uniform(0.15, 0.4)) for hamlet in hamlets]
    while len(unit.clusters) < 3:
        place = land.inside(rng, unit.cell.buffer(-15), unit.site, 0, 200)
        unit.clusters += [Cluster(place, 0.5)] if place is not None else []
    web = np.vstack([web, *hamlets, *spurs]).round(2)
    lanes = shapely.MultiLineString([web[[i, j]] for i, j in land.neighbours(web, lune=True)])
    return list(shapely.get_parts(shapely.line_merge(lanes)))


def settle_hills(rng: Rng, country: list[Unit], lines: list[LineString], ground: Land) -> None:
    """A few households too far from any street: they must stay in the count, as not reached."""
    streets = shapely.STRtree(shapely.transform(shapely.segmentize(lines, 60), ground.bent))
    found = 0
    for unit in (country[index] for index in rng.permutation(len(country)) if not country[index].urban):
        west, south, east, north = unit.cell.bounds
        throws = rng.uniform((west, south), (east, north), (200, 2)).round(2)
        throws = throws[shapely.contains_xy(unit.cell.buffer(-60), throws)]
        points = shapely.points(ground.bent(throws))
        metres = streets.query_nearest(points, all_matches=False, return_distance=True)[1]
        if metres.max(initial=0) > 1_040:
            unit.clusters.append(Cluster(throws[np.argmax(metres.round(2))], 0, int(rng.uniform(18, 60))))
            found += 1
        if found == 7:
            return


def demand(rng: Rng, country: list[Unit], ground: Land) -> pd.DataFrame:
    """One row a cluster, with the columns of docs/study.md."""
    tables = []
    for unit in country:
        fixed = np.array([cluster.people for cluster in unit.clusters])
        people = fixed + apportion(unit.people - fixed.sum(), np.array([cluster.weight for cluster in unit.clusters]))
        lon, lat = shapely.get_coordinates(ground.lonlat(shapely.points([c.place for c in unit.clusters]))).T
        table = {
            "lon": lon, "lat": lat, "population": people,
            "children_3_6": rng.binomial(people, 0.034 if unit.urban else 0.031),
            "elders_65": rng.binomial(people, 0.098 if unit.urban else 0.17),
            "area_code": unit.code, "urban": int(unit.urban),
        }  # fmt: skip
        tables.append(pd.DataFrame(table))
    return pd.concat(tables)


def area_features(county: list[Any], country: list[Unit], ground: Land) -> list[dict[str, Any]]:
    """Towns, then their units, simplified as one coverage, so that neighbours keep one common border."""
    cells = shapely.coverage_simplify(ground.lonlat([unit.cell for unit in country], 120), 1.5e-4)
    rows: list[Any] = []
    for town in county:
        own = [unit.town is town for unit in country]
        people = sum(unit.people for unit in country if unit.town is town)
        rows.append((town.code, town.name, "town", None, None, people, shapely.coverage_union_all(cells[own])))
    rows += [(u.code, u.name, u.level, u.town.code, u.urban, u.people, c) for u, c in zip(country, cells, strict=True)]
    table = gpd.GeoDataFrame(pd.DataFrame(rows, columns=["code", *areas.COLUMNS, "geometry"], dtype=object))
    collection = areas.to_geojson(table.assign(geometry=table.normalize()).set_index("code"))
    return list(collection["features"])
