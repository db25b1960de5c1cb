"""Gaps: the places where people live outside a standard, or the units that have no facility, the worst first.

Two demand points outside a standard of travel time or radius belong to the same gap if they lie in the same reporting
area and are at most ``gap_m`` metres apart, directly or through other points outside. Every unit without a facility is
a gap of a standard of presence. Together, the gaps count what `geo.measures.coverage` calls total − covered. Standards
of openings have no gaps, nor have standards about facilities of which nothing is known.
"""

import itertools
from dataclasses import dataclass
from typing import Literal

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import Delaunay, QhullError

from geo.arrays import Float64Array, GeometryArray, Int64Array, ObjectArray
from geo.geodesy.distance import TOLERANCE_M, geodesic_distance
from geo.geodesy.projection import Projection, projection
from geo.measures.counting import CountedUnits
from geo.study.standards import Opened, Presence, Standard
from geo.study.study import Study
from geo.traveltime import straight_line
from geo.traveltime.travel import Travel

TEXT_COLUMNS = ("name", "area_code", "town", "nearest_id", "nearest_name")
COLUMNS = (
    "name",
    "area_code",
    "town",
    "people",
    "residents",
    "children_3_6",
    "elders_65",
    "mean_beyond",
    "worst_beyond",
    "out_of_reach",
    "nearest_id",
    "nearest_name",
    "nearest_value",
)
"""The columns of a frame of gaps before its geometry. docs/planning.md describes them."""
SIMPLIFY_M = 10.0
_POLYGON_GRID = 6
"""The polygon of a gap is drawn around the cells of a grid, this many to ``gap_m``, in which its points lie."""


@dataclass(frozen=True)
class Gaps:
    """The gaps of one standard.

    Attributes
    ----------
    frame : GeoDataFrame
        One row for each gap, the worst first, with `COLUMNS` (numbers with three decimals) and a polygon in WGS84
        degrees; the index is its rank as a text, from 1. Where a unit's outline is unknown, its geometry is a point.
    count : how many gaps there are; the frame may have the worst of them only
    unit : people, towns or villages: what total − covered counts
    beyond_unit : the unit of ``mean_beyond``, ``worst_beyond`` and ``nearest_value``; None for a standard of openings
    """

    frame: gpd.GeoDataFrame
    count: int
    unit: str
    beyond_unit: Literal["minutes", "metres"] | None


def measure(travel: Travel, standard: Standard, counted: CountedUnits, limit: int | None = None) -> Gaps:
    """Group what ``counted``, the rows of ``standard``, has outside the limit; describe the worst ``limit`` gaps."""
    frame, count = _frame([], np.array([], dtype=object)), 0
    if isinstance(standard, Opened):
        return Gaps(frame, count, counted.unit, None)
    if isinstance(standard, Presence):
        if counted.is_known:
            frame = _units_without(travel, counted)
        return Gaps(frame.iloc[:limit], len(frame), counted.unit, "metres")
    if counted.is_known:
        frame, count = _places_beyond(travel, counted, limit)
    return Gaps(frame, count, counted.unit, "minutes" if standard.measure == "travel_time" else "metres")


def _frame(records: list[dict[str, object]] | pd.DataFrame, shapes: GeometryArray) -> gpd.GeoDataFrame:
    """A frame of gaps from records in any order, the worst first."""
    table = pd.DataFrame(records, columns=[*COLUMNS, "excess"])
    # Of equally many people those come first who are farther beyond; what is out of reach is farthest of all.
    order = _worst_first(table["people"].to_numpy(float), table["excess"].to_numpy(float))
    table = table.drop(columns="excess").iloc[order]
    numbers = [name for name in COLUMNS if name not in TEXT_COLUMNS]
    table[numbers] = table[numbers].astype(float).round(3)
    for name in TEXT_COLUMNS:  # pandas would make NaN of None
        table[name] = table[name].astype(object).where(table[name].notna(), None)
    table.index = pd.Index([str(rank) for rank in range(1, len(table) + 1)])
    return gpd.GeoDataFrame(table, geometry=shapes[order], crs="EPSG:4326")


def _places_beyond(travel: Travel, counted: CountedUnits, limit: int | None) -> tuple[gpd.GeoDataFrame, int]:
    """The worst ``limit`` gaps of a standard that counts people, and how many there are."""
    study = travel.study
    outside = counted.rows[~counted.rows["inside"]]
    demand = study.demand.loc[outside.index]
    lon, lat = demand["lon"].to_numpy(), demand["lat"].to_numpy()
    metric = projection(study.settings.projection)
    gap_of_row = group(lon, lat, outside["area_code"].to_numpy(), study.settings.gap_m, metric)
    count = int(gap_of_row.max(initial=-1)) + 1
    if limit is not None and limit < count:
        is_worst = np.isin(gap_of_row, _worst(gap_of_row, outside, limit))
        outside, demand, lon, lat = outside[is_worst], demand[is_worst], lon[is_worst], lat[is_worst]
        gap_of_row = np.unique(gap_of_row[is_worst], return_inverse=True)[1].astype(np.int64)
    table = demand[["population", "children_3_6", "elders_65", "area_code"]].assign(
        town=outside["area_code"], weight=outside["weight"], beyond=outside["beyond"], nearest=outside["nearest"]
    )
    table["value"] = outside["value"]
    places = _places(table.assign(gap=gap_of_row), study.areas["name"], counted.facilities)
    outlines = _outlines(lon, lat, gap_of_row, study.settings.gap_m, metric)
    _name_by_nearest_area(places, outlines, study)
    return _frame(places, outlines), count


def _worst(gap_of_row: Int64Array, outside: pd.DataFrame, limit: int) -> Int64Array:
    """The numbers of the ``limit`` gaps that stand first in a frame of all gaps."""
    sums = outside.assign(excess=outside["weight"] * outside["beyond"]).groupby(gap_of_row)[["weight", "excess"]].sum()
    return _worst_first(sums["weight"].to_numpy(), sums["excess"].to_numpy())[:limit]


def _worst_first(people: Float64Array, excess: Float64Array) -> Int64Array:
    """The order of gaps; sums are rounded, since those of the same numbers may differ in their last digits."""
    return np.lexsort((-excess.round(6), -people.round(6))).astype(np.int64)


def _places(rows: pd.DataFrame, names: pd.Series, facilities: gpd.GeoDataFrame) -> pd.DataFrame:
    """One row for each gap, in the order of their numbers; ``rows`` are the demand points outside, with their ``gap``.

    Each column is computed for all gaps together: one gap after another would take seconds for a thousand.
    """
    rows = rows.assign(unit=rows["area_code"].fillna(""), excess=rows["weight"] * rows["beyond"])
    in_reach = rows[np.isfinite(rows["beyond"])]
    gaps = rows.groupby("gap")
    unit = _with_most_people(rows, "unit")
    nearest = _with_most_people(in_reach, "nearest")
    to_nearest = in_reach[in_reach["nearest"] == in_reach["gap"].map(nearest)]
    facility = facilities.iloc[nearest]
    people = gaps["weight"].sum()
    places = pd.DataFrame(
        {
            "name": unit.map(names),
            "area_code": unit.where(unit != "", None),
            "town": gaps["town"].agg("first").map(names),
            "people": people,
            "residents": gaps["population"].sum(),
            "children_3_6": gaps["children_3_6"].sum(min_count=1),
            "elders_65": gaps["elders_65"].sum(min_count=1),
            "mean_beyond": _mean_of_people(in_reach, "beyond"),
            "worst_beyond": in_reach.groupby("gap")["beyond"].max(),
            "out_of_reach": people.sub(in_reach.groupby("gap")["weight"].sum(), fill_value=0.0),
            "nearest_id": pd.Series(facility.index.astype(str), nearest.index, dtype=object),
            "nearest_name": pd.Series(facility["name"].to_numpy(), nearest.index, dtype=object),
            "nearest_value": _mean_of_people(to_nearest, "value"),
            "excess": gaps["excess"].sum(),
        }
    )
    return places.astype(dict.fromkeys(TEXT_COLUMNS, object))


def _with_most_people(rows: pd.DataFrame, column: str) -> pd.Series:
    """The value of a column that most people of each gap have, by gap; of equal ones the first."""
    people = rows.groupby(["gap", column], as_index=False)["weight"].sum()
    most_first = people.sort_values(["gap", "weight", column], ascending=[True, False, True])
    return most_first.drop_duplicates("gap").set_index("gap")[column]


def _mean_of_people(rows: pd.DataFrame, column: str) -> pd.Series:
    """The mean of a column, weighted with people, by gap."""
    gap, people = rows["gap"], rows["weight"]
    return (rows[column] * people).groupby(gap).sum() / people.groupby(gap).sum()


def _name_by_nearest_area(places: pd.DataFrame, outlines: GeometryArray, study: Study) -> None:
    """Name each gap that lies outside all areas after the nearest smallest area, as “near” it."""
    nameless = places["name"].isna().to_numpy()
    units = study.areas[~study.areas.index.isin(study.areas["parent"].dropna())]
    if nameless.any() and len(units):
        centres = shapely.centroid(outlines[nameless])
        lon, lat = shapely.get_x(centres), shapely.get_y(centres)
        _, nearest = straight_line.nearest(units, lon, lat, study.settings.projection)
        places.loc[nameless, "name"] = [f"{unit}附近 near {unit}" for unit in units["name"].iloc[nearest]]


def group(lon: Float64Array, lat: Float64Array, codes: ObjectArray, gap_m: float, metric: Projection) -> Int64Array:
    """Group points that have the same code and are at most ``gap_m`` geodesic metres apart, directly or through others.

    The shortest tree that connects points lies in their Delaunay triangulation, so only its edges are compared.

    Parameters
    ----------
    lon, lat : degrees WGS84, shape (points,)
    codes : the area of each point, None outside all areas, shape (points,)
    gap_m : metres
    metric : the projection in which the points are triangulated

    Returns
    -------
    The number of each point's group, from 0, shape (points,)
    """
    area = pd.factorize(codes, use_na_sentinel=False)[0]
    points = np.column_stack([area, lon, lat])
    places, place = np.unique(points, axis=0, return_inverse=True)
    xy = shapely.get_coordinates(metric.points(places[:, 1], places[:, 2]))
    ends = [np.empty((0, 2), dtype=np.int64)]
    starts = np.searchsorted(places[:, 0], np.arange(area.max(initial=-1) + 2))
    for start, stop in itertools.pairwise(starts):
        ends.append(_candidate_edges(xy[start:stop]) + start)
    a, b = np.concatenate(ends).T
    metres = geodesic_distance(places[a, 1], places[a, 2], places[b, 1], places[b, 2])
    is_near = metres <= gap_m + TOLERANCE_M
    graph = coo_array((np.ones(is_near.sum()), (a[is_near], b[is_near])), shape=(len(places),) * 2)
    groups: Int64Array = connected_components(graph, directed=False)[1][place.ravel()].astype(np.int64)
    return groups


def _candidate_edges(xy: Float64Array) -> Int64Array:
    """Pairs of different points, shape (pairs, 2), among which are the edges of their shortest connecting tree."""
    if len(xy) < 2:
        return np.empty((0, 2), dtype=np.int64)
    along_line = np.lexsort((xy[:, 1], xy[:, 0]))
    consecutive = np.column_stack([along_line[:-1], along_line[1:]])
    if len(xy) == 2:
        return consecutive
    try:
        # Points that Qhull leaves out of the triangulation for rounding are joined to the nearest that is in it.
        triangulation = Delaunay(xy - xy.mean(axis=0))
    except QhullError:  # all points lie on one line
        return consecutive
    corners = triangulation.simplices
    edges = np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [2, 0]]])
    return np.concatenate([edges, triangulation.coplanar[:, [0, 2]]]).astype(np.int64)


def _outlines(
    lon: Float64Array, lat: Float64Array, gap_of_row: Int64Array, gap_m: float, metric: Projection
) -> GeometryArray:
    """A WGS84 polygon around the points of each gap, with a margin of at least half of ``gap_m``."""
    xy = shapely.get_coordinates(metric.points(lon, lat))
    cell_m = gap_m / _POLYGON_GRID
    cells = np.unique(np.column_stack([gap_of_row, np.round(xy / cell_m).astype(np.int64)]), axis=0)
    circles = shapely.buffer(shapely.points(cells[:, 1:] * cell_m), gap_m / 2 + cell_m, quad_segs=4)
    starts = np.searchsorted(cells[:, 0], np.arange(gap_of_row.max(initial=-1) + 2))
    unions = [shapely.union_all(circles[a:b]) for a, b in itertools.pairwise(starts)]
    return metric.inverse(shapely.simplify(np.array(unions, dtype=object), min(SIMPLIFY_M, gap_m / 10)))


def _units_without(travel: Travel, counted: CountedUnits) -> gpd.GeoDataFrame:
    """The gaps of a standard of presence: the units without a facility, with the straight way to the nearest one."""
    study = travel.study
    units = study.areas.loc[counted.rows.index[~counted.rows["inside"]]]
    centres = shapely.point_on_surface(units.geometry.to_numpy())
    metres, nearest = straight_line.nearest(
        counted.facilities, shapely.get_x(centres), shapely.get_y(centres), study.settings.projection
    )
    people = _people_of_units(study)
    records = []
    for row, (code, unit) in enumerate(units.iterrows()):
        numbers = people.loc[code] if code in people.index else pd.Series(dtype=float)
        facility = None if nearest[row] < 0 else counted.facilities.iloc[nearest[row]]
        records.append(
            {
                "name": unit["name"],
                "area_code": code,
                "town": study.areas["name"].get(counted.rows["area_code"][code]),
                "people": float(numbers.get("population", 0.0)),
                "residents": float(numbers.get("population", 0.0)),
                "children_3_6": numbers.get("children_3_6"),
                "elders_65": numbers.get("elders_65"),
                "out_of_reach": 0.0,
                "nearest_id": None if facility is None else str(facility.name),
                "nearest_name": None if facility is None else facility["name"],
                "nearest_value": None if facility is None else float(metres[row]),
                "excess": float(metres[row]),
            }
        )
    return _frame(records, units.geometry.to_numpy())


def _people_of_units(study: Study) -> pd.DataFrame:
    """The people of each unit and of each unit's town, by code; numbers of a group known nowhere in it are NaN."""
    columns = ["population", "children_3_6", "elders_65"]
    of_units = study.demand.groupby("area_code")[columns].sum(min_count=1)
    parents = study.areas["parent"].reindex(of_units.index)
    of_parents = of_units.groupby(parents).sum(min_count=1)
    return pd.concat([of_units, of_parents]).groupby(level=0).sum(min_count=1)
