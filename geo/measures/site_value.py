"""The value of sites: how many people a new facility at each junction would bring inside a standard.

Everybody counts who is outside the standard today and would be within its limit of a facility at the junction, whatever
else is near. So the value of a site is what a scenario gains that adds a facility there; the values of two sites do not
add up, since some people are near both.

Only junctions are searched that somebody outside reaches in time: one search from all these people together shows which
(`geo.traveltime.nearest`). Then each of these junctions has its catchment among the people outside computed
(`geo.traveltime.catchments`), which is a look-up of all whom one bounded search against the travel reaches.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from scipy.spatial import cKDTree

from geo.arrays import Float64Array, Int64Array, ObjectArray
from geo.geodesy.distance import TOLERANCE_M, geodesic_distance
from geo.geodesy.projection import projection
from geo.measures import gaps
from geo.measures.counting import TOLERANCE_MIN, CountedUnits
from geo.measures.siting import candidates
from geo.study import areas
from geo.study.standards import Opened, Presence, Radius, Standard, TravelTime
from geo.study.study import Study
from geo.traveltime import catchments, nearest, straight_line
from geo.traveltime.array_tables import Catchments
from geo.traveltime.positions import ChainPositions
from geo.traveltime.snapping import SEARCH_FACTOR
from geo.traveltime.stretches import EdgeStretches
from geo.traveltime.travel import Travel

TEXT_COLUMNS = ("name", "area_code", "town")
COLUMNS = ("name", "area_code", "town", "people", "residents", "children_3_6", "elders_65", "share")
"""The columns of a frame of values before its geometry. docs/planning.md describes them."""
MOST_SITES = 50_000
"""How many junctions are looked at; of more, one in each square of a grid."""
MOST_STEPS = 1.2e7
"""How many junctions and people all catchments together may have, estimated: three quarters of a second of one core.

Where there would be more, fewer junctions are valued, and a note says how many."""
_STEPS_OF_DISTANCE = 2.5
"""Comparing a distance takes as long as so many of these."""
_PAIRS_AT_ONCE = 1_000_000
_SAMPLE = 32
"""So many catchments, evenly spread over the junctions, tell how many junctions and people one has."""
_SMALLEST_CELL_M = 50

Pairs = tuple[Int64Array, Int64Array]
"""Numbers of candidates, and of the people that a facility there would bring inside, pair by pair."""


@dataclass(frozen=True)
class SiteValues:
    """What a new facility would bring to one standard, site by site.

    Attributes
    ----------
    frame : GeoDataFrame
        One row for each site that brings anybody inside, the best first, with `COLUMNS` (numbers with three decimals)
        and a point in WGS84 degrees; the index is its rank as a text, from 1. Sites are those of
        `geo.measures.siting.candidates.junctions`; for a standard of presence a point in each unit without a facility.
    sites : how many sites were looked at
    notes : remarks for the reader, Chinese and English
    """

    frame: gpd.GeoDataFrame
    sites: int
    notes: list[str]


@dataclass(frozen=True)
class _Reach:
    """Which people a facility at each of some candidates would bring inside.

    Attributes
    ----------
    lonlat : WGS84 positions of the candidates that somebody reaches within the limit, shape (candidates, 2)
    steps : an estimate of how many junctions and people one catchment has
    pairs : takes numbers of candidates, yields pairs of their places in that array, and rows of people
    """

    lonlat: Float64Array
    steps: float
    pairs: Callable[[Int64Array], Iterator[Pairs]]


def measure(
    travel: Travel, standard: Standard, counted: CountedUnits, most_steps: float | None = MOST_STEPS
) -> SiteValues:
    """The value of every site for ``standard``, whose rows are ``counted``.

    A standard of openings has none, since they count wherever they are; nor has a standard about facilities of which
    nothing is known. ``most_steps`` bounds the work, as `MOST_STEPS` does; with None every junction is valued, however
    long it takes.
    """
    study = travel.study
    if isinstance(standard, Opened) or not counted.is_known:
        return none(study)
    if isinstance(standard, Presence):
        return _of_units(study, counted)
    outside = counted.rows[~counted.rows["inside"]]
    rows = study.demand.index.get_indexer(outside.index).astype(np.int64)
    most = None if most_steps is None else MOST_SITES
    if isinstance(standard, TravelTime) and travel.method == "network":
        sites = shapely.get_coordinates(candidates.junctions(travel, standard.mode).shapes)
        kept, cell_m = _thinned(study, sites, most)
        reach = _within_time(travel, standard, rows, sites[kept])
    else:
        sites = shapely.get_coordinates(candidates.junctions(travel, None).shapes)
        kept, cell_m = _thinned(study, sites, most)
        reach = _within_distance(travel, standard, rows, sites[kept])
    most = None if most_steps is None else int(most_steps / max(1.0, reach.steps))
    chosen, larger_cell_m = _thinned(study, reach.lonlat, most)
    cell_m, notes = larger_cell_m or cell_m, []
    if cell_m is not None:
        notes.append(
            f"路口太多：每 {cell_m} 米方格只评价一个 valuing every junction would take too long: of {len(sites):,}, "
            f"one in each square of {cell_m} m is valued"
        )
    table = _sums(study.demand.iloc[rows].assign(weight=outside["weight"]), len(chosen), reach.pairs(chosen))
    table["share"] = table["people"] / counted.rows["weight"].sum()
    has_value = (table["people"] > 0).to_numpy()
    return SiteValues(_frame(study, table[has_value], reach.lonlat[chosen[has_value]]), len(sites), notes)


def none(study: Study) -> SiteValues:
    """Values of no sites."""
    return SiteValues(_frame(study, pd.DataFrame(columns=COLUMNS), np.empty((0, 2))), 0, [])


def _within_time(travel: Travel, standard: TravelTime, rows: Int64Array, sites: Float64Array) -> _Reach:
    """The reach of ``sites``, shape (sites, 2), by travel time, on people of ``rows`` of the demand."""
    network, limit = travel.network(standard.mode), (standard.minutes + TOLERANCE_MIN) * 60.0
    points, positions = travel.demand_points(standard.mode)[rows], travel.demand_positions(standard.mode)[rows]
    connector_s = np.where(points.edge < 0, np.inf, points.connector_m) / network.walk_mps
    stretches = network.edge_stretches(np.asarray(shapely.points(sites)))
    junctions = network.graph.positions(stretches.edge, stretches.start_fraction)
    people = network.chain_stretches(EdgeStretches.at_points(points))
    seconds = nearest.position_seconds(network, people, junctions, towards=False, limit=limit).seconds
    reached = np.sort(stretches.facility[seconds + stretches.connector_m / network.walk_mps <= limit])

    def catchments_of(junction: Int64Array, points: ChainPositions) -> Catchments:
        own = network.chain_stretches(stretches.of_facilities(junction))
        return catchments.within(network.graph, own, len(junction), points, limit)

    sample = reached[_evenly(len(reached))]
    people_in_reach = len(catchments_of(sample, positions).point) / max(1, len(sample))
    steps = people_in_reach + len(catchments_of(sample, junctions).point) / max(1, len(sample))

    def pairs(chosen: Int64Array) -> Iterator[Pairs]:
        for batch in _batches(len(chosen), people_in_reach):
            catchment = catchments_of(reached[chosen[batch]], positions)
            inside = catchment.seconds + connector_s[catchment.point] <= limit
            yield np.repeat(batch, np.diff(catchment.indptr))[inside], catchment.point[inside].astype(np.int64)

    return _Reach(sites[reached], steps, pairs)


def _within_distance(travel: Travel, standard: TravelTime | Radius, rows: Int64Array, sites: Float64Array) -> _Reach:
    """The reach of ``sites``, shape (sites, 2), in a straight line, on people of ``rows`` of the demand."""
    study, metric = travel.study, projection(travel.study.settings.projection)
    if isinstance(standard, Radius):
        limit = standard.metres + TOLERANCE_M
    else:
        speed = straight_line.speed_mps(study.settings, standard.mode)
        limit = (standard.minutes + TOLERANCE_MIN) * 60.0 * speed / study.settings.detour
    people = study.demand[["lon", "lat"]].to_numpy()[rows]
    xy, people_xy = (shapely.get_coordinates(metric.points(*positions.T)) for positions in (sites, people))
    farthest = limit * SEARCH_FACTOR
    tree = cKDTree(people_xy)
    reached = np.flatnonzero(np.isfinite(tree.query(xy, distance_upper_bound=farthest)[0])) if len(rows) else rows
    sample = xy[reached[_evenly(len(reached))]]
    steps = float(tree.query_ball_point(sample, farthest, return_length=True).mean()) if len(sample) else 0.0

    def pairs(chosen: Int64Array) -> Iterator[Pairs]:
        for batch in _batches(len(chosen), steps):
            site = reached[chosen[batch]]
            near = cKDTree(xy[site]).sparse_distance_matrix(tree, farthest, output_type="ndarray")
            number, person = near["i"], near["j"]
            # Only where the projection's error might matter, geodesics decide.
            inside = near["v"] * SEARCH_FACTOR <= limit
            unsure = np.flatnonzero(~inside)
            ends = (sites[site[number[unsure]]], people[person[unsure]])
            inside[unsure] = geodesic_distance(*ends[0].T, *ends[1].T) <= limit
            yield batch[number[inside]], person[inside]

    return _Reach(sites[reached], _STEPS_OF_DISTANCE * steps, pairs)


def _evenly(count: int) -> Int64Array:
    """At most `_SAMPLE` of ``count`` numbers from 0, evenly spread."""
    return np.unique(np.linspace(0, count - 1, min(count, _SAMPLE)).astype(np.int64))


def _batches(count: int, pairs_of_each: float) -> list[Int64Array]:
    """The numbers up to ``count`` in batches that have some `_PAIRS_AT_ONCE` pairs each, so that memory suffices."""
    size = max(catchments.PARALLEL_FROM, int(_PAIRS_AT_ONCE / max(1.0, pairs_of_each)))
    return [np.arange(first, min(first + size, count)) for first in range(0, count, size)]


def _thinned(study: Study, lonlat: Float64Array, most: int | None) -> tuple[Int64Array, int | None]:
    """Rows of positions: all, or if they are more than ``most`` the first in each square of a grid.

    Also gives the metres of a side of its squares, None where all are kept.
    """
    if most is None or len(lonlat) <= most:
        return np.arange(len(lonlat)), None
    xy = shapely.get_coordinates(projection(study.settings.projection).points(*lonlat.T))
    cell_m = _SMALLEST_CELL_M
    chosen = first_of_cells(xy, cell_m)
    while len(chosen) > max(1, most):
        # The number falls with the square of the side; a last step that is too small is made up by the next.
        cell_m = round(cell_m * max(1.05, np.sqrt(len(chosen) / max(1, most))))
        chosen = first_of_cells(xy, cell_m)
    return chosen, cell_m


def first_of_cells(xy: Float64Array, cell_m: float) -> Int64Array:
    """The row of the first of some points, shape (n, 2), in each square of ``cell_m`` metres; rows in rising order."""
    _, first = np.unique(np.floor(xy / cell_m), axis=0, return_index=True)
    return np.sort(first).astype(np.int64)


def _sums(demand: pd.DataFrame, candidates: int, pairs: Iterator[Pairs]) -> pd.DataFrame:
    """What a facility at each candidate brings inside; numbers of a group that are known for nobody there are NaN."""
    groups = [name for name in ("children_3_6", "elders_65") if demand[name].notna().any()]
    columns = {"people": demand["weight"], "residents": demand["population"]} | {name: demand[name] for name in groups}
    if columns["people"].equals(columns["residents"].rename("weight")):
        del columns["residents"]
    known = {f"{name} known": demand[name].notna() for name in groups if not demand[name].notna().all()}
    weights = {name: values.fillna(0.0).to_numpy(float) for name, values in (columns | known).items()}
    sums = {name: np.zeros(candidates) for name in weights}
    for candidate, person in pairs:
        for name, weight in weights.items():
            sums[name] += np.bincount(candidate, weights=weight[person], minlength=candidates)
    for name in known:
        group = name.removesuffix(" known")
        sums[group] = np.where(sums.pop(name) > 0, sums[group], np.nan)
    nobody_knows = np.full(candidates, np.nan)
    return pd.DataFrame({"residents": sums["people"], "children_3_6": nobody_knows, "elders_65": nobody_knows} | sums)


def _of_units(study: Study, counted: CountedUnits) -> SiteValues:
    """The sites of a standard of presence: a point in each unit without a facility, which brings that unit inside."""
    without = counted.rows.index[~counted.rows["inside"]]
    people = gaps.people_of_units(study).reindex(without)
    table = people.rename(columns={"population": "residents"}).assign(people=people["population"])
    table[["people", "residents"]] = table[["people", "residents"]].fillna(0.0)
    table["share"] = 1.0 / max(1, len(counted.rows))
    points = shapely.point_on_surface(study.areas.geometry.loc[without].to_numpy())
    frame = _frame(study, table.reset_index(drop=True), shapely.get_coordinates(points), without.to_numpy())
    return SiteValues(frame, len(without), [])


def _frame(
    study: Study, table: pd.DataFrame, lonlat: Float64Array, codes: ObjectArray | None = None
) -> gpd.GeoDataFrame:
    """A frame of values from ``table`` in any order, the best first; ``codes`` are those of the sites' units."""
    if codes is None:
        codes = areas.locate(study.areas, lonlat[:, 0], lonlat[:, 1], study.settings.projection)
    town = study.reporting_codes(pd.Series(codes, dtype=object))
    names = study.areas["name"]
    points = shapely.points(lonlat)
    table = table.reset_index(drop=True).assign(
        name=pd.Series(codes, dtype=object).map(names), area_code=codes, town=town.map(names)
    )
    nameless = table["name"].isna().to_numpy()
    units = study.areas[~study.areas.index.isin(study.areas["parent"].dropna())]
    if nameless.any() and len(units):
        lon, lat = lonlat[nameless].T
        _, nearest_unit = straight_line.nearest(units, lon, lat, study.settings.projection)
        table.loc[nameless, "name"] = [gaps.near(unit) for unit in units["name"].iloc[nearest_unit]]
    # Sums of the same numbers may differ in their last digits: equal values come in the order of their positions.
    order = np.lexsort((lonlat[:, 1], lonlat[:, 0], -table["people"].to_numpy(float).round(6)))
    table = table[list(COLUMNS)].iloc[order]
    numbers = [name for name in COLUMNS if name not in TEXT_COLUMNS]
    table[numbers] = table[numbers].astype(float).round({name: 3 for name in numbers if name != "share"}).round(6)
    for name in TEXT_COLUMNS:  # pandas would make NaN of None
        table[name] = table[name].astype(object).where(table[name].notna(), None)
    table.index = pd.Index([str(rank) for rank in range(1, len(table) + 1)], dtype=object)
    return gpd.GeoDataFrame(table, geometry=points[order], crs="EPSG:4326")
