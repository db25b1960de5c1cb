"""People of polygons, such as census tracts, hexagons or large raster cells: divided at borders, and put at points.

`geo.sources.study_people` calls it. The people of a polygon that a border cuts are divided by area. Those of a piece
are put at its residential buildings, in proportion to their floor area, or evenly over the piece if it has none.
"""

import warnings
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely
from shapely.geometry.base import BaseGeometry

from geo.arrays import Float64Array, GeometryArray, Int64Array
from geo.errors import TableError
from geo.geodesy import datums
from geo.geodesy.projection import Projection, projection
from geo.lists.headings import AREA_COLUMNS
from geo.sources import study_areas
from geo.study import demand

ENDINGS = (".gpkg", ".geojson", ".json", ".geojsonl", ".shp", ".zip", ".fgb", ".parquet", ".geoparquet")
PERSONS = ("population", "children_3_6", "elders_65")
SPACING_M = 250.0
"""How far apart the points are over which the people of a piece are spread; a smaller piece is one point."""
MOST_POINTS = 10_000
"""How many points a piece has at most; a larger one has them farther apart."""
_SEGMENT_DEGREES = 0.01
"""Longer segments of a border are cut, since a line that is straight in degrees is not in the study's projection."""
_SLIVER = 1e-4
"""Pieces with a smaller share of their polygon come from borders that were drawn twice."""


def read(path: Path, coordinates: str | None, crs: str) -> tuple[gpd.GeoDataFrame, list[str]]:
    """Read polygons or points with people from a GeoPackage, GeoJSON, shapefile, FlatGeobuf or GeoParquet file.

    Parameters
    ----------
    coordinates : the coordinate system of degrees in the file; None takes WGS84
    crs : the study's projection

    Returns
    -------
    GeoDataFrame in the study's projection with those of the columns `PERSONS` and ``urban`` that the file has,
    population under any heading of `geo/lists/area_columns.toml`; and notes on the file. The index counts features
    from 1.

    Raises
    ------
    TableError
        The file cannot be read, has no column of people, or features that cannot be used; these are named.
    """
    frame = _features(path)
    frame.index = pd.RangeIndex(1, len(frame) + 1)
    heading = _population_heading(list(frame.columns))
    if heading is None:
        others = ", ".join(str(name) for name in frame.columns if name != frame.geometry.name)
        raise TableError(path, [f"has no column population (人口); its columns: {others or 'none'}"])
    notes = [] if heading == "population" else [f"its column {heading} is read as population"]
    frame = frame.drop(columns=[heading]).assign(population=frame[heading])
    unknown = frame["population"].isna()
    if unknown.any():
        notes.append(f"{unknown.sum():,} features do not say how many people they have; nobody counts there")
    # A shapefile cuts names at ten bytes.
    frame = frame[~unknown].rename(columns={"children_3": "children_3_6"})
    columns = [name for name in (*PERSONS, "urban") if name in frame]
    values, problems = demand.numbers(frame[columns], lambda row: f"feature {row}")
    shapes = _in_degrees(frame, path, coordinates, notes)
    problems += _unusable(shapes, frame.index, values["population"])
    if problems:
        raise TableError(path, problems)
    crossing = ~shapely.is_valid(shapes) & ~shapely.is_missing(shapes)
    if crossing.any():
        first = frame.index[crossing][0]
        notes.append(f"{crossing.sum():,} outlines cross or touch themselves, the first of feature {first}: repaired")
    populated = (values["population"] > 0).to_numpy()
    metric = projection(crs).forward(shapely.make_valid(shapes[populated]))
    result = gpd.GeoDataFrame(values[populated], geometry=metric, crs=crs)
    notes += _overlaps(result)
    return result, notes


def _features(path: Path) -> gpd.GeoDataFrame:
    try:
        if path.suffix.lower() in (".parquet", ".geoparquet"):
            return gpd.read_parquet(path)
        layers = [str(name) for name, geometry_type in pyogrio.list_layers(path) if geometry_type is not None]
        with_people = [
            name for name in layers if _population_heading(pyogrio.read_info(path, layer=name)["fields"].tolist())
        ]
        if len(with_people) > 1:
            raise TableError(path, [f"has several layers with people: {', '.join(with_people)}; give a file with one"])
        with warnings.catch_warnings():
            # pyogrio warns where a column has words among numbers; such cells are reported by `read`.
            warnings.simplefilter("ignore", UserWarning)
            frame = pyogrio.read_dataframe(path, layer=next(iter(with_people or layers), None))
    except OSError as error:
        raise TableError(path, [f"cannot be read: {error.strerror or error}"]) from error
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, ValueError, RuntimeError) as error:
        raise TableError(path, [f"cannot be read as polygons of people: {error}"]) from error
    if not isinstance(frame, gpd.GeoDataFrame):
        raise TableError(path, ["has no places, only a table; give polygons or points"])
    return frame


def _population_heading(names: list[str]) -> str | None:
    by_word = {str(name).strip().casefold(): name for name in reversed(names)}
    words = ("population", *(word.casefold() for word in AREA_COLUMNS.headings["population"]))
    return next((by_word[word] for word in words if word in by_word), None)


def _in_degrees(frame: gpd.GeoDataFrame, path: Path, coordinates: str | None, notes: list[str]) -> GeometryArray:
    """The shapes in WGS84 degrees and two dimensions."""
    if frame.crs is None:
        west, south, east, north = frame.total_bounds
        if not (west >= -180 and south >= -90 and east <= 180 and north <= 90):
            raise TableError(path, [f"does not state its coordinate reference system, and {west:g}, {south:g} are no "
                                    "degrees; save it with one"])  # fmt: skip
        notes.append(
            f"states no coordinate reference system: its numbers are read as degrees ({coordinates or 'wgs84'})"
        )
    else:
        frame = frame.to_crs("EPSG:4326")
    shapes: GeometryArray = shapely.force_2d(frame.geometry.to_numpy())
    return datums.geometry_to_wgs84(shapes, coordinates or "wgs84")


def _unusable(shapes: GeometryArray, index: pd.Index, people: pd.Series) -> list[str]:
    dimensions = shapely.get_dimensions(shapes)
    problems = []
    for feature, shape, dimension, population in zip(index, shapes, dimensions, people, strict=True):
        if not population > 0:
            continue
        if shape is None or shape.is_empty:
            problems.append(f"feature {feature}: has {population:,.0f} people and no geometry")
        elif dimension == 1 or shape.geom_type in ("MultiPoint", "GeometryCollection"):
            problems.append(f"feature {feature}: is a {shape.geom_type}; needs a polygon or a point")
        elif not np.isfinite(shape.bounds).all():
            problems.append(f"feature {feature}: its coordinates are no positions on Earth")
    return problems


def _overlaps(people: gpd.GeoDataFrame) -> list[str]:
    """A note if the middles of polygons lie in others too, so that people may count twice."""
    polygons = people[shapely.get_dimensions(people.geometry.to_numpy()) == 2].geometry
    middle, _ = shapely.STRtree(polygons.to_numpy()).query(polygons.representative_point().to_numpy(), "within")
    repeated = polygons.index[np.bincount(middle, minlength=len(polygons)) > 1]
    if not len(repeated):
        return []
    return [f"{len(repeated):,} polygons overlap others, the first is feature {repeated[0]}: people may count twice"]


def at_points(
    people: gpd.GeoDataFrame, outline: BaseGeometry, units: gpd.GeoDataFrame, buildings: gpd.GeoDataFrame, crs: str
) -> tuple[pd.DataFrame, Float64Array]:
    """Divide people at the borders of the place and its areas, and put them at points.

    Parameters
    ----------
    people : GeoDataFrame in the study's projection with ``population`` and others of `PERSONS`; polygons or points
    outline : WGS84 polygon of the place
    units : the study's areas
    buildings : GeoDataFrame of residential buildings: ``floor_m2``, WGS84 points
    crs : the study's projection

    Returns
    -------
    DataFrame of those inside with ``lon``, ``lat`` and the columns of ``people``; and the share of each row of
    ``people`` that is inside.
    """
    metric = projection(crs)
    shapes = people.geometry.to_numpy()
    place = metric.forward(shapely.segmentize(outline, _SEGMENT_DEGREES))
    is_point = shapely.get_dimensions(shapes) == 0
    shapely.prepare(place)
    points_inside = np.flatnonzero(is_point & shapely.intersects(place, shapes))
    areas = metric.forward(shapely.segmentize(units.geometry.to_numpy(), _SEGMENT_DEGREES))
    parts = study_areas.divide(place, areas)
    row, pieces, share = _pieces(shapes, np.flatnonzero(~is_point), parts)
    piece, points, weight = _points_in(pieces, buildings, metric)
    row_of_point = np.concatenate([points_inside, row[piece]])
    share_of_point = np.concatenate([np.ones(len(points_inside)), share[piece] * weight])
    where = metric.inverse(np.concatenate([shapes[points_inside], points]))
    values = people.drop(columns="geometry").iloc[row_of_point].reset_index(drop=True)
    for name in PERSONS:
        if name in values:
            values[name] *= share_of_point
    values.insert(0, "lat", shapely.get_y(where))
    values.insert(0, "lon", shapely.get_x(where))
    return values, _sums(row_of_point, share_of_point, len(people))


def _pieces(
    shapes: GeometryArray, polygons: Int64Array, parts: GeometryArray
) -> tuple[Int64Array, GeometryArray, Float64Array]:
    """What the polygons and the parts of the place have in common: row of the polygon, shape, and share of its area."""
    tree = shapely.STRtree(shapes[polygons])
    part, row = tree.query(parts, "intersects")
    whole_part, whole_row = tree.query(parts, "covers")
    is_whole = np.isin(part * len(shapes) + row, whole_part * len(shapes) + whole_row)
    pieces = shapes[polygons[row]]
    pieces[~is_whole] = shapely.intersection(parts[part[~is_whole]], pieces[~is_whole])
    share = shapely.area(pieces) / shapely.area(shapes[polygons[row]])
    inside = _sums(row, share, len(polygons))
    share[share < _SLIVER] = 0.0
    # What slivers had is added to the other pieces; all of a polygon is inside if only rounding says otherwise.
    kept = _sums(row, share, len(polygons))
    inside[inside > 1 - _SLIVER] = 1.0
    share *= np.divide(inside, kept, out=np.zeros_like(kept), where=kept > 0)[row]
    some = share > 0
    return polygons[row[some]], pieces[some], share[some]


def _sums(group: Int64Array, values: Float64Array, groups: int) -> Float64Array:
    """The sum of the values of each group, shape (groups,)."""
    sums: Float64Array = np.bincount(group, values, minlength=groups).astype(float)
    return sums


def _points_in(
    pieces: GeometryArray, buildings: gpd.GeoDataFrame, metric: Projection
) -> tuple[Int64Array, GeometryArray, Float64Array]:
    """Points in each piece: number of the piece, point, and its share of the people of the piece."""
    houses = metric.forward(buildings.geometry.to_numpy())
    piece, house = shapely.STRtree(houses).query(pieces, "contains")
    floor_m2 = buildings["floor_m2"].to_numpy(dtype=float)[house]
    floor_of_piece = _sums(piece, floor_m2, len(pieces))
    has_floor = floor_of_piece > 0
    piece, house, floor_m2 = (array[has_floor[piece]] for array in (piece, house, floor_m2))
    numbers, points, weights = [piece], [houses[house]], [floor_m2 / floor_of_piece[piece]]
    small = ~has_floor & (shapely.area(pieces) <= 2 * SPACING_M**2)
    numbers.append(np.flatnonzero(small))
    points.append(_middles(pieces[small]))
    weights.append(np.ones(small.sum()))
    for number in np.flatnonzero(~has_floor & ~small):
        spread = _grid(pieces[number])
        numbers.append(np.full(len(spread), number))
        points.append(spread)
        weights.append(np.full(len(spread), 1 / len(spread)))
    return np.concatenate(numbers), np.concatenate(points), np.concatenate(weights)


def _middles(pieces: GeometryArray) -> GeometryArray:
    """The centroid of each piece, or another point inside if that lies outside."""
    middles: GeometryArray = shapely.centroid(pieces)
    outside = ~shapely.contains(pieces, middles)
    middles[outside] = shapely.point_on_surface(pieces[outside])
    return middles


def _grid(piece: BaseGeometry) -> GeometryArray:
    """Points inside a piece at the centres of a grid of at most `SPACING_M`; one point inside if none is."""
    west, south, east, north = piece.bounds
    spacing = max(SPACING_M, np.sqrt(piece.area / MOST_POINTS))
    columns, rows = (max(1, int(np.ceil(length / spacing))) for length in (east - west, north - south))
    x, y = np.meshgrid(
        west + (np.arange(columns) + 0.5) * (east - west) / columns,
        south + (np.arange(rows) + 0.5) * (north - south) / rows,
    )
    shapely.prepare(piece)
    inside = shapely.contains_xy(piece, x.ravel(), y.ravel())
    points: GeometryArray = shapely.points(x.ravel()[inside], y.ravel()[inside])
    return points if inside.any() else np.array([piece.representative_point()], dtype=object)
