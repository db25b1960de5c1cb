"""Towns, the villages and communities in them, and where in these people live.

Villages and communities are called units here, as both are units of the level below towns.
"""

from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, cast

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from shapely import LineString, Polygon
from shapely.geometry.base import BaseGeometry

import land
from geo.study import areas
from land import Floats, Land, Rng

PEOPLE = 964_203  # census of 2020
CITY_PEOPLE_2000 = 185_055  # of the three 街道 only the sum is known
URBAN_SHARE = 0.68  # the bulletin of 2024 says 69.7 % of all residents
CITY_RADIUS_M = 3_600.0


class Town(Protocol):
    """A row of facts/towns.csv with further columns, as `towns` makes it.

    ``in_city`` tells the three 街道 of the city from other towns, ``core_m`` is the radius of the built-up centre,
    ``units`` and ``urban`` count all units and the urban ones, ``people_2000`` is the number of people for each unit in
    2000, and ``centre`` a point of the plane.
    """

    code: str
    name: str
    communities: int
    in_city: bool
    units: int
    urban: int
    people_2000: float
    core_m: float
    centre: Floats


class Cluster(NamedTuple):
    """A point where people live: a share of the unit's people by weight, and a fixed number more."""

    location: Floats
    weight: float
    people: int = 0


@dataclass(eq=False)
class Unit:
    """A village or community.

    ``number`` counts the units of a town from its centre outwards: communities first, then urban villages, then rural
    ones. ``site`` is its middle and ``cell`` its area on the plane.
    """

    code: str
    name: str
    level: str
    town: Town
    number: int
    urban: bool
    site: Floats
    cell: BaseGeometry
    people: int = 0
    clusters: list[Cluster] = field(default_factory=list)


def towns(table: pd.DataFrame, ground: Land) -> list[Town]:
    """The towns, in the order of facts/towns.csv."""
    in_city, units = table["kind"] == "街道", table["communities"] + table["villages"]
    urban = table.filter(like="class_1").sum(axis=1)
    people = (table["census_2000_population"] / units).fillna(CITY_PEOPLE_2000 / units[in_city].sum())
    core_m = (300 + 130 * urban**0.5).mask(in_city, CITY_RADIUS_M)
    columns = {"in_city": in_city, "units": units, "urban": urban, "people_2000": people, "core_m": core_m}
    return cast(list[Town], list(table.assign(**columns, centre=list(ground.centres)).itertuples()))


def cores(rng: Rng, towns: list[Town], ground: Land) -> list[Polygon]:
    """The built-up centres: first the city's, then those of the towns around it."""
    city = land.blob(rng, ground.downtown, CITY_RADIUS_M, 72, 0.07)
    return [city, *(land.blob(rng, town.centre, town.core_m, 32, 0.08) for town in towns if not town.in_city)]


def apportion(total: int, weights: Floats) -> NDArray[np.int64]:
    """Whole numbers in proportion to weights that add up to the total (largest remainder method)."""
    exact = (weights / weights.sum() * total).round(9)
    whole: NDArray[np.int64] = np.floor(exact).astype(np.int64)
    whole[np.argsort(whole - exact, kind="stable")[: total - whole.sum()]] += 1
    return whole


def sites(rng: Rng, towns: list[Town], ground: Land) -> list[Floats]:
    """The middles of units, an array for each town: dense in the centre, sparse outside, sparsest in the hills."""
    west, south, east, north = ground.edge.bounds
    candidates = rng.uniform((west, south), (east, north), (60_000, 2)).round(2)
    candidates = candidates[shapely.contains_xy(ground.edge.buffer(-300), candidates)]
    centre_m = land.metres(candidates[:, None], ground.centres)
    # A unit near the border between two towns could cut a town in two.
    inside_town = np.diff(np.partition(centre_m, 1)[:, :2]).ravel() > 300
    candidates, town_number = candidates[inside_town], centre_m[inside_town].round(2).argmin(axis=1)
    hilliness = ground.hilliness(candidates)
    sites_of_towns = []
    for number, town in enumerate(towns):
        own = candidates[town_number == number]
        centre = ground.downtown if town.in_city else town.centre
        beyond_core = land.metres(own, centre) / town.core_m - 1
        spacing = np.clip(1 + 0.9 * beyond_core, 1, 3.2) * (1 + 0.7 * hilliness[town_number == number])
        chosen = [town.centre]
        nearest = np.full(len(own), np.inf)
        for _ in range(town.units - 1):
            nearest = np.minimum(nearest, land.metres(own, chosen[-1]))
            # Always taking the point farthest from all others would give a lattice; a random factor looks natural.
            chosen.append(own[np.argmax((nearest / spacing * rng.uniform(0.6, 1, len(own))).round(9))])
        outward = np.argsort(land.metres(np.array(chosen[1:]), centre).round(2), kind="stable")
        sites_of_towns.append(np.array(chosen)[[0, *outward + 1]])
    return sites_of_towns


def units(rng: Rng, towns: list[Town], ground: Land) -> list[Unit]:
    """All units, town by town, with their cells and numbers of people."""
    sites_of_towns, around = sites(rng, towns, ground), ground.edge.buffer(5_000)
    all_sites = shapely.MultiPoint(np.vstack(sites_of_towns))
    cells = shapely.voronoi_polygons(all_sites, extend_to=around, ordered=True).geoms
    units: list[Unit] = []
    for town, own in zip(towns, sites_of_towns, strict=True):
        for number, site in enumerate(own, start=1):
            level, word = ("community", "社区") if number <= town.communities else ("village", "村")
            code = f"{town.code[:9]}S{number:02d}"  # no real code, since these have figures only
            name, cell = f"{town.name}示例{word}{number:02d}", cells[len(units)].intersection(ground.edge)
            units.append(Unit(code, name, level, town, number, number <= town.urban, site, cell))
    urban = np.array([unit.urban for unit in units])
    weight = rng.lognormal(0, 0.3, len(units)) * [
        (1.25 if unit.town.in_city else 1.0) if unit.urban else unit.town.people_2000 for unit in units
    ]
    for selected, share in ((urban, URBAN_SHARE), (~urban, 1 - URBAN_SHARE)):
        people = apportion(round(PEOPLE * share), weight[selected])
        for index, number in zip(np.flatnonzero(selected), people.tolist(), strict=True):
            units[index].people = number
    return units


def settle(rng: Rng, unit: Unit, town_centres: BaseGeometry, not_for_homes: BaseGeometry) -> list[LineString]:
    """Give a unit its clusters of people, and return the lanes of a village; town centres have grids of streets."""
    free = unit.cell.buffer(-40).difference(not_for_homes)
    count = int(np.clip(round(2.6 + unit.people / 900 + rng.uniform(-0.5, 0.5)), 3, 7))
    if shapely.contains_xy(town_centres, *unit.site):
        built_up = free.intersection(town_centres)
        draws = [land.random_point(rng, built_up, unit.site, 0, 150 + 90 * step) for step in range(count + 3)]
        locations = [location for location in draws if location is not None][:count]
        unit.clusters = [Cluster(location, rng.uniform(0.6, 1.4)) for location in locations]
        return []
    columns = int(np.clip(round((unit.people / 130) ** 0.5), 3, 6))
    lattice = np.mgrid[: columns - int(rng.integers(2)), :columns][::-1].reshape(2, -1).T - (columns - 1) // 2
    rotation = land.rotation(rng.uniform(0, np.pi))
    corners = unit.site + rng.uniform(65, 95) * lattice @ rotation + rng.normal(0, 11, lattice.shape)
    corners[(lattice == 0).all(axis=1)] = unit.site  # where the roads from other units arrive
    corners = corners[shapely.contains_xy(free.buffer(30), corners)]
    hamlets: list[Floats] = []
    for _ in range(int(rng.integers(0, count - 1)) * (not unit.urban)):
        hamlet = land.random_point(rng, free, unit.site, 500, 1_500)
        if hamlet is not None and all(land.metres(hamlet, other) > 300 for other in hamlets):
            hamlets.append(hamlet)
    spurs = [hamlet + rng.normal(0, 45, (4, 2)) for hamlet in hamlets]
    core = corners[rng.permutation(len(corners))[: count - len(hamlets)]] + rng.normal(0, 10, 2)
    core = core[shapely.contains_xy(free, core)].round(2)
    unit.clusters = [Cluster(location, rng.uniform(0.7, 1.3)) for location in core]
    unit.clusters += [Cluster(hamlet, rng.uniform(0.15, 0.4)) for hamlet in hamlets]
    while len(unit.clusters) < 3:
        location = land.random_point(rng, unit.cell.buffer(-15), unit.site, 0, 200)
        unit.clusters += [Cluster(location, 0.5)] if location is not None else []
    corners = np.vstack([corners, *hamlets, *spurs]).round(2)
    lanes = shapely.MultiLineString([corners[[i, j]] for i, j in land.neighbours(corners, relative=True)])
    return list(shapely.get_parts(shapely.line_merge(lanes)))


def settle_hills(rng: Rng, units: list[Unit], lines: list[LineString], ground: Land) -> None:
    """Put a few households so far from all streets that they reach no facility; coverage must still count them."""
    streets = shapely.STRtree(shapely.transform(shapely.segmentize(lines, 60), ground.bent))
    clusters = 0
    for unit in (units[index] for index in rng.permutation(len(units)) if not units[index].urban):
        west, south, east, north = unit.cell.bounds
        draws = rng.uniform((west, south), (east, north), (200, 2)).round(2)
        draws = draws[shapely.contains_xy(unit.cell.buffer(-60), draws)]
        points = shapely.points(ground.bent(draws))
        metres = streets.query_nearest(points, all_matches=False, return_distance=True)[1]
        if metres.max(initial=0) > 1_040:
            unit.clusters.append(Cluster(draws[np.argmax(metres.round(2))], 0, int(rng.uniform(18, 60))))
            clusters += 1
        if clusters == 7:
            return


def demand(rng: Rng, units: list[Unit], ground: Land) -> pd.DataFrame:
    """One row for each cluster, with the columns of docs/study.md."""
    tables = []
    for unit in units:
        fixed = np.array([cluster.people for cluster in unit.clusters])
        people = fixed + apportion(unit.people - fixed.sum(), np.array([cluster.weight for cluster in unit.clusters]))
        lon, lat = shapely.get_coordinates(
            ground.lonlat(shapely.points([cluster.location for cluster in unit.clusters]))
        ).T
        table = {
            "lon": lon, "lat": lat, "population": people,
            "children_3_6": rng.binomial(people, 0.034 if unit.urban else 0.031),
            "elders_65": rng.binomial(people, 0.098 if unit.urban else 0.17),
            "area_code": unit.code, "urban": int(unit.urban),
        }  # fmt: skip
        tables.append(pd.DataFrame(table))
    return pd.concat(tables)


def area_features(towns: list[Town], units: list[Unit], ground: Land) -> list[dict[str, object]]:
    """GeoJSON features of towns, then of units; simplified together, so that neighbours keep a common border."""
    cells = shapely.coverage_simplify(ground.lonlat([unit.cell for unit in units], 120), 1.5e-4)
    rows: list[tuple[object, ...]] = []
    for town in towns:
        own = [unit.town is town for unit in units]
        people = sum(unit.people for unit in units if unit.town is town)
        rows.append((town.code, town.name, "town", None, None, people, shapely.coverage_union_all(cells[own])))
    rows += [(u.code, u.name, u.level, u.town.code, u.urban, u.people, c) for u, c in zip(units, cells, strict=True)]
    table = gpd.GeoDataFrame(pd.DataFrame(rows, columns=["code", *areas.COLUMNS, "geometry"], dtype=object))
    collection = areas.to_geojson(table.assign(geometry=table.normalize()).set_index("code"))
    return cast(list[dict[str, object]], collection["features"])
