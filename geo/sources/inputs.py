"""What a build is asked for: the files to use, and the place in them that the study is of."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from geo.arrays import Float64Array
from geo.choices import UrbanSource
from geo.errors import FieldError
from geo.geodesy.projection import projection, utm
from geo.lists.table_locations import StatedSystem
from geo.sources.osm import boundaries, opl
from geo.sources.osm.boundaries import Boundaries, Boundary


@dataclass(frozen=True)
class Sources:
    """The files that a study is built from, and what to take of them.

    Attributes
    ----------
    osm : OpenStreetMap extract
    area : name or id of the boundary to cut out; None takes the whole extract as one area
    population : CSV table, polygons or raster of people; None spreads people over residential buildings
    people : how many people there are in total; None takes the numbers of the source
    urban : where it is from who is urban: ``stated`` by areas or people, ``grid`` (the Degree of Urbanisation) or
        ``none``; None takes what is stated, else the grid if there is a source of people
    areas : own towns and villages; None takes the extract's boundaries
    level : the admin_level of the sub-areas; None takes the finest that covers the area
    facilities : own lists, added to the extract's facilities
    land : polygons of residential land; None takes the extract's areas of landuse=residential
    land_field : the column of their class of land; None takes all polygons as residential
    land_classes : the classes that count; none takes those of `geo.lists.land_reader`
    elevation : raster of heights in metres; None takes all streets as flat
    coordinates : the coordinate system of own files; None takes what each file states, else WGS84
    crs : EPSG code of the reference system of own lists, such as “EPSG:4549”; None if they are in degrees
    categories : the study's own categories; None takes those that the study has already
    margin_m : how far beyond the area streets and facilities are kept, in metres
    """

    osm: Path
    area: str | None = None
    population: Path | None = None
    people: float | None = None
    urban: UrbanSource | None = None
    areas: Path | None = None
    level: int | None = None
    facilities: Sequence[Path] = ()
    land: Path | None = None
    land_field: str | None = None
    land_classes: Sequence[str] = ()
    elevation: Path | None = None
    coordinates: str | None = None
    crs: str | None = None
    categories: Path | None = None
    margin_m: float = 15_000.0

    def check(self) -> None:
        """Raise an error if options contradict each other or need another.

        Raises
        ------
        FieldError
            Two options contradict each other, or one is missing that another needs.
        UnknownNameError
            There is no such coordinate system.
        """
        self.stated.check()
        if self.land is None and self.land_field is not None:
            raise FieldError([("land_field", "--land-field names a column of --land FILE: give that too")])
        if self.land_field is None and self.land_classes:
            raise FieldError([("land_classes", "--land-class needs --land-field, the column that names the class")])
        if not all(each.strip() for each in self.land_classes):
            raise FieldError([("land_classes", "--land-class must not be empty")])

    @property
    def stated(self) -> StatedSystem:
        """What the user states of the positions of own lists."""
        return StatedSystem(self.coordinates, self.crs)


@dataclass(frozen=True)
class Place:
    """The place that a study is of: a boundary of the extract, or the whole extract where ``boundary`` is None.

    ``outline`` is the boundary's polygon. ``surroundings`` is that polygon widened by the margin, within which streets
    and facilities are kept. Both are WGS84, and None for the whole extract.
    """

    id: str
    name: str
    name_en: str
    boundary: Boundary | None
    outline: BaseGeometry | None
    surroundings: BaseGeometry | None


def find_place(sources: Sources, drawn: Boundaries) -> Place:
    """The place that the sources name.

    Raises
    ------
    ExtractError
        The extract has no boundary of that name or id, or several.
    """
    if sources.area is None:
        name = sources.osm.name.split(".")[0]
        return Place(_slug(name), name, "", None, None, None)
    boundary = boundaries.find(drawn, sources.area)
    return Place(
        id=f"{_slug(boundary.name)}-{boundary.osm_id}",
        name=boundary.name,
        name_en=boundary.name_en or "",
        boundary=boundary,
        outline=boundary.geometry,
        surroundings=widened(boundary.geometry, sources.margin_m),
    )


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "study"


def widened(outline: BaseGeometry, margin_m: float) -> BaseGeometry:
    """A WGS84 polygon with all that lies within a margin of it on its side of the 180th meridian.

    Raises
    ------
    InputError
        The polygon lies on both sides of that meridian, or beyond 80° south or 84° north.
    """
    metric = projection(utm(outline))
    surroundings = metric.inverse(metric.forward(outline).buffer(margin_m))
    west, _, east, _ = surroundings.bounds
    if east - west <= 180:
        return surroundings
    # Longitudes beyond the meridian came out with the other sign, so that the polygon goes round the Earth.
    middle = (outline.bounds[0] + outline.bounds[2]) / 2

    def on_this_side(lonlat: Float64Array) -> Float64Array:
        return np.column_stack([middle + (lonlat[:, 0] - middle + 180) % 360 - 180, lonlat[:, 1]])

    return shapely.transform(surroundings, on_this_side).intersection(shapely.box(*opl.WORLD))
