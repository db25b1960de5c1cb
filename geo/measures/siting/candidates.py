"""The places where a site may be: junctions of the street network, given places, existing facilities to enlarge."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from weakref import WeakKeyDictionary

import geopandas as gpd
import numpy as np
import shapely
from shapely.errors import ShapelyError
from shapely.geometry.base import BaseGeometry

from geo.arrays import BoolArray, Float64Array, GeometryArray, Int64Array, ObjectArray
from geo.choices import Mode
from geo.errors import FieldError
from geo.geodesy import datums
from geo.geodesy.distance import distances_outside
from geo.geodesy.projection import projection
from geo.lists.locations import MAX_KM_OUTSIDE
from geo.measures import gaps
from geo.measures.siting.document import MAX_VERTICES, SitePlace
from geo.study import area_codes
from geo.study.study import Study
from geo.traveltime import straight_line
from geo.traveltime.network import Network
from geo.traveltime.travel import Travel

DECIMALS = 7
"""Positions of candidates are rounded as answers are, so that a site that is imported lies where it was computed."""
_JUNCTIONS: "WeakKeyDictionary[Travel, dict[Mode | None, Candidates]]" = WeakKeyDictionary()
"""Those of each `Travel` that was asked, since making them takes as long as searching them."""
GRID_STEP_M = 25.0
"""The width of the cells of the grid that thins candidates is a multiple of this."""


@dataclass(frozen=True)
class Candidates:
    """Where sites may be, shape (candidates,) each.

    Attributes
    ----------
    shapes : WGS84 points, or the shapes of existing facilities
    facility : ids of existing facilities that would be enlarged, None elsewhere
    name : names that the caller gave, None elsewhere
    costs : what each costs; 1 where no costs are known
    is_fixed : which ones every choice has
    thinned_to_m : the width of the grid of which each cell kept one junction; None if all were kept
    notes : remarks for the reader of the result, Chinese and English
    """

    shapes: GeometryArray
    facility: ObjectArray
    name: ObjectArray
    costs: Float64Array
    is_fixed: BoolArray
    thinned_to_m: float | None
    notes: list[str]

    def __len__(self) -> int:
        return len(self.shapes)

    def rows(self, rows: Int64Array | BoolArray) -> "Candidates":
        """Some of the candidates."""
        return replace(
            self,
            shapes=self.shapes[rows],
            facility=self.facility[rows],
            name=self.name[rows],
            costs=self.costs[rows],
            is_fixed=self.is_fixed[rows],
        )

    @property
    def points(self) -> GeometryArray:
        """A WGS84 point of each candidate."""
        return np.asarray(shapely.point_on_surface(self.shapes))


def of_places(
    study: Study,
    facilities: gpd.GeoDataFrame,
    places: Sequence[SitePlace],
    coordinates: str,
    member: str,
    costs: Sequence[float] | None = None,
    is_fixed: bool = False,
) -> Candidates:
    """Candidates at places that a caller gave as the ``member`` of a document.

    ``facilities`` are those that stand today, of all categories; positions are in the system ``coordinates``.

    Raises
    ------
    FieldError
        A facility does not stand, or a position is not in the study's territory or near it; the message names it.
    """
    shapes = np.empty(len(places), dtype=object)
    problems = []
    given = [number for number, place in enumerate(places) if place.facility is None]
    for number, place in enumerate(places):
        if place.facility is None:
            continue
        if place.facility not in facilities.index:
            reason = f"{member}[{number}]: no facility with the id {place.facility!r} stands today"
            problems.append((f"{member}[{number}].facility", reason))
        else:
            shapes[number] = facilities.geometry[place.facility]
    if given:
        lon, lat = (np.array([getattr(places[number], name) for number in given], float) for name in ("lon", "lat"))
        problems += _misplaced(study, lon, lat, coordinates, [f"{member}[{number}]" for number in given])
        if not problems:
            positions = datums.to_wgs84(lon, lat, coordinates)
            shapes[given] = shapely.points(*(np.round(column, DECIMALS) for column in positions))
    if problems:
        raise FieldError(problems)
    return Candidates(
        shapes=shapes,
        facility=np.array([place.facility for place in places], dtype=object),
        name=np.array([place.name for place in places], dtype=object),
        costs=np.ones(len(places)) if costs is None else np.array(costs, dtype=float),
        is_fixed=np.full(len(places), is_fixed),
        thinned_to_m=None,
        notes=[],
    )


def _misplaced(
    study: Study, lon: Float64Array, lat: Float64Array, coordinates: str, names: Sequence[str]
) -> list[tuple[str, str]]:
    """What is wrong with positions: they are no degrees, or lie too far outside the study's territory."""
    is_position = np.abs(lat) <= 90
    problems = [
        (f"{names[row]}.lat", f"{names[row]}: latitude {lat[row]:g} is not between -90 and 90 (swapped?)")
        for row in np.flatnonzero(~is_position).tolist()
    ]
    rows = np.flatnonzero(is_position)
    points = np.asarray(shapely.points(*datums.to_wgs84(lon[rows], lat[rows], coordinates)))
    far = distances_outside(study.territory, points) / 1000
    problems += [
        (
            f"{names[row]}.lon",
            f"{names[row]}: position {lon[row]:g}, {lat[row]:g} lies {km:,.0f} km outside the territory of "
            f"{study.settings.name}",
        )
        for row, km in zip(rows.tolist(), far, strict=True)
        if not km <= MAX_KM_OUTSIDE
    ]
    return problems


def joined(parts: Sequence[Candidates]) -> Candidates:
    """Candidates of several origins, one after another."""
    return Candidates(
        shapes=np.concatenate([part.shapes for part in parts]),
        facility=np.concatenate([part.facility for part in parts]),
        name=np.concatenate([part.name for part in parts]),
        costs=np.concatenate([part.costs for part in parts]),
        is_fixed=np.concatenate([part.is_fixed for part in parts]),
        thinned_to_m=next((part.thinned_to_m for part in parts if part.thinned_to_m is not None), None),
        notes=[note for part in parts for note in part.notes],
    )


def junctions(travel: Travel, mode: Mode | None) -> Candidates:
    """The junctions and ends of streets inside the study's territory; where no streets are known, where people live.

    ``mode`` is that of the standard; None, for straight lines, takes the streets that people walk on.
    """
    known = _JUNCTIONS.setdefault(travel, {})
    if mode not in known:
        known[mode] = _junctions(travel, mode)
    return known[mode]


def _junctions(travel: Travel, mode: Mode | None) -> Candidates:
    study = travel.study
    notes = []
    if travel.method == "straight-line":
        lonlat = study.demand.loc[study.demand["population"] > 0, ["lon", "lat"]].to_numpy()
        notes.append(
            "无街道数据，以居民点为候选点 no streets are known here: the candidates are the places where people live"
        )
    else:
        lonlat = _junction_positions(travel.network(mode or "walk"))
    points = np.asarray(shapely.points(np.unique(np.round(lonlat, DECIMALS), axis=0)))
    shapely.prepare(study.territory)
    points = points[np.asarray(shapely.intersects(study.territory, points), dtype=bool)]
    count = len(points)
    nothing = np.full(count, None, dtype=object)
    return Candidates(points, nothing, nothing, np.ones(count), np.zeros(count, dtype=bool), None, notes)


def _junction_positions(network: Network) -> Float64Array:
    """WGS84 positions of the junctions where a trip may begin or end, shape (junctions, 2)."""
    graph, attraction = network.graph, network.snapper.attraction
    if not len(graph.chains.start_node):
        return np.empty((0, 2))
    first_edge, edges = graph.chain_edges
    ends = []
    for rows, at_start in ((first_edge[:-1], True), (first_edge[1:] - 1, False)):
        edge = edges[rows]
        edge = edge[attraction[edge] > 0]
        vertex = np.where(graph.edges.along_chain[edge] == at_start, 0, -1)
        ends.append(shapely.get_coordinates(shapely.get_point(network.lines[edge], vertex)))
    xy = np.unique(np.concatenate(ends).round(3), axis=0)
    return np.asarray(shapely.get_coordinates(network.metric.inverse(np.asarray(shapely.points(xy)))))


def polygons(document: object, coordinates: str) -> BaseGeometry:
    """The WGS84 area of GeoJSON polygons, features or collections of them, or a list of these; empty of None.

    Raises
    ------
    FieldError
        It is no such thing, or its polygons have more than `MAX_VERTICES` vertices together.
    """
    shapes: list[BaseGeometry] = []
    vertices = 0
    for number, geometry in enumerate(_geometries(document)):
        vertices += _count_vertices(geometry, number, MAX_VERTICES - vertices)
        shapes.append(_polygon(geometry, number))
    if not shapes:
        return shapely.Polygon()

    def convert(xy: Float64Array) -> Float64Array:
        return np.column_stack(datums.to_wgs84(xy[:, 0], xy[:, 1], coordinates))

    area: BaseGeometry = shapely.transform(shapely.union_all(np.array(shapes, dtype=object)), convert)
    return area


def _geometries(document: object) -> list[dict[str, Any]]:
    """The geometries of a GeoJSON object, or of a list of them; not deeper, so that nobody nests a thousand lists."""
    geometries: list[dict[str, Any]] = []
    for element in document if isinstance(document, list) else [] if document is None else [document]:
        features: Any = [element]
        if isinstance(element, dict) and element.get("type") == "FeatureCollection":
            features = element.get("features")
        for feature in features if isinstance(features, list) else [features]:
            geometry = feature
            if isinstance(feature, dict) and feature.get("type") == "Feature":
                geometry = feature.get("geometry")
            if not isinstance(geometry, dict):
                raise _bad_polygon(len(geometries), "is no GeoJSON object")
            geometries.append(geometry)
    return geometries


def _count_vertices(geometry: dict[str, Any], number: int, most: int) -> int:
    """How many vertices a GeoJSON Polygon or MultiPolygon has; FieldError if its members are wrong."""
    if geometry.get("type") not in ("Polygon", "MultiPolygon") or not isinstance(geometry.get("coordinates"), list):
        raise _bad_polygon(number, "is no GeoJSON Polygon or MultiPolygon with coordinates")
    coordinates = geometry["coordinates"]
    parts = [coordinates] if geometry["type"] == "Polygon" else coordinates
    vertices = 0
    for part in parts:
        for ring in part if isinstance(part, list) else [None]:
            if not isinstance(ring, list):
                raise _bad_polygon(number, "has rings that are no lists of positions")
            vertices += len(ring)
            if vertices > most:
                reason = f"forbidden: the polygons have more than {MAX_VERTICES:,} vertices: simplify them"
                raise FieldError([("forbidden", reason)])
            for position in ring:
                is_pair = isinstance(position, list) and 2 <= len(position) <= 4
                if not (is_pair and all(type(value) in (int, float) for value in position[:2])):
                    raise _bad_polygon(number, "has a position that is no longitude and latitude")
                if not (abs(position[0]) <= 180 and abs(position[1]) <= 90):
                    raise _bad_polygon(number, f"has a position {position[:2]} that is not in degrees")
    return vertices


def _polygon(geometry: dict[str, Any], number: int) -> BaseGeometry:
    coordinates = geometry["coordinates"]
    parts = [coordinates] if geometry["type"] == "Polygon" else coordinates
    try:
        shape = shapely.multipolygons(
            [shapely.Polygon(part[0], part[1:]) if part else shapely.Polygon() for part in _flat(parts)]
        )
    except (ShapelyError, ValueError) as error:
        raise _bad_polygon(number, f"is no polygon: {str(error).splitlines()[0]}") from error
    valid: BaseGeometry = shapely.make_valid(shape)
    return valid


def _flat(parts: list[Any]) -> list[list[list[tuple[float, float]]]]:
    """The positions of polygons without heights."""
    return [[[(position[0], position[1]) for position in ring] for ring in part] for part in parts]


def _bad_polygon(number: int, reason: str) -> FieldError:
    return FieldError([("forbidden", f"forbidden: geometry {number + 1} {reason}")])


def thinned(candidates: Candidates, most: int, crs: str) -> Candidates:
    """At most ``most`` of the candidates, spread evenly: of each cell of a grid, the one nearest to its middle.

    The grid is the finest one, in steps of `GRID_STEP_M`, whose occupied cells are few enough. Fixed candidates stay.
    """
    if len(candidates) <= most:
        return candidates
    metric = projection(crs)
    xy = shapely.get_coordinates(metric.forward(candidates.points))
    width = GRID_STEP_M
    while True:
        cell, first = _first_of_cells(xy, width)
        if cell <= most:
            break
        width += GRID_STEP_M
    kept = candidates.is_fixed.copy()
    kept[first] = True
    chosen = candidates.rows(np.flatnonzero(kept))
    note = (
        f"候选点 {len(candidates):,} 个，按 {width:g} 米网格每格取一，余 {len(chosen):,} 个，上界只对这些候选点成立 "
        f"of {len(candidates):,} candidates, {len(chosen):,} were kept, one in each cell of a grid of {width:g} m: the "
        "bound holds for these"
    )
    return replace(chosen, thinned_to_m=width, notes=[*chosen.notes, note])


def _first_of_cells(xy: Float64Array, width: float) -> tuple[int, Int64Array]:
    """How many cells of a grid are occupied, and the row of the point nearest to the middle of each."""
    cell = np.floor(xy / width)
    off_middle = np.hypot(*(xy - (cell + 0.5) * width).T)
    order = np.lexsort((off_middle, cell[:, 1], cell[:, 0]))
    ordered = cell[order]
    is_first = np.ones(len(order), dtype=bool)
    is_first[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    return int(is_first.sum()), order[is_first].astype(np.int64)


def named(study: Study, points: GeometryArray) -> list[tuple[str | None, str | None]]:
    """The code of the smallest unit in which each WGS84 point lies, and what the place is called.

    A place outside all units has no code, and is called “near” the nearest of them, as gaps are.
    """
    if not len(study.areas) or not len(points):
        return [(None, None)] * len(points)
    settled = area_codes.settle(study.areas, study.settings.projection, [None] * len(points), points)
    units = study.areas[~study.areas.index.isin(study.areas["parent"].dropna())]
    lon, lat = shapely.get_x(points), shapely.get_y(points)
    _, nearest = straight_line.nearest(units, lon, lat, study.settings.projection)
    near = units["name"].to_numpy()[nearest]
    names = study.areas["name"]
    return [
        (code, gaps.near(unit) if code is None else str(names[code]))
        for (code, _), unit in zip(settled, near, strict=True)
    ]
