"""Facilities: parks, clinics and the like. This module defines their fields and checks them.

A frame of facilities is a GeoDataFrame in WGS84, indexed by ``id``, with one row per facility. Its columns are the
fields of `Facility` and ``geometry``: Points, and for categories that keep outlines, such as parks, also Polygons and
MultiPolygons. None means unknown.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import geopandas as gpd
import orjson
import pandas as pd
import shapely
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails
from shapely.geometry.base import BaseGeometry

from geo.arrays import GeometryArray
from geo.errors import FieldError, TableError
from geo.study import texts
from geo.study.categories import BUILT_IN, Categories, Category
from geo.study.files import Properties, Row, geojson_features, parse_geometry

FIRST_DAY, LAST_DAY = date(1000, 1, 1), date(2200, 12, 31)
Text = Annotated[Annotated[str, Field(max_length=300)] | None, BeforeValidator(texts.clean)]
Day = Annotated[Annotated[date, Field(ge=FIRST_DAY, le=LAST_DAY)] | None, BeforeValidator(texts.clean)]
NOT_YET = LAST_DAY
"""The day of opening of a facility that does not stand yet, as long as nobody knows when it will open."""
RESERVED_ENDINGS = ("/history", "/restore", "/merge")
"""No id may end like this, since the API uses these paths below a facility's own."""
MAX_EXTRA_BYTES = 20_000
"""How long the further properties of one facility may be as JSON."""


class Facility(BaseModel):
    """The fields of one facility except its geometry.

    Dates are ISO dates. ``capacity`` counts beds, seats or places. ``source`` names the list or office that reports the
    facility; ``verified`` is the day when somebody last confirmed the record, and ``verified_by`` says who. ``extra``
    holds all further properties of the source.
    """

    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)

    id: Annotated[str, BeforeValidator(texts.clean), Field(min_length=1, max_length=200)]
    category: str
    subtype: Text = None
    name: Text = None
    name_en: Text = None
    area_code: Text = None
    address: Text = None
    phone: Text = None
    opened: Day = None
    closed: Day = None
    opening_hours: Text = None
    capacity: Annotated[Annotated[int, Field(ge=0, lt=2**31)] | None, BeforeValidator(texts.clean)] = None
    provenance: Annotated[str, BeforeValidator(texts.clean), Field(min_length=1, max_length=300)] = "file"
    source: Text = None
    verified: Day = None
    verified_by: Text = None
    extra: dict[str, object] = Field(default_factory=dict)

    @field_validator("id")
    @classmethod
    def _id_fits_in_a_url(cls, value: str) -> str:
        if value in (".", "..") or value.endswith(RESERVED_ENDINGS):
            raise ValueError(
                f"cannot stand in a web address: an id must not be . or .. or end in {', '.join(RESERVED_ENDINGS)}"
            )
        return value

    @field_validator("category")
    @classmethod
    def _category_exists(cls, value: str, info: ValidationInfo) -> str:
        return _categories_of(info).check_id(value)

    @field_validator("closed")
    @classmethod
    def _closed_after_opened(cls, value: date | None, info: ValidationInfo) -> date | None:
        opened = info.data.get("opened")
        if value is not None and opened is not None and value < opened:
            raise ValueError(f"closed {value} is before opened {opened}")
        return value

    @field_validator("subtype")
    @classmethod
    def _subtype_by_any_name(cls, value: str | None, info: ValidationInfo) -> str | None:
        if "category" not in info.data:  # it is wrong, and reported as that
            return value
        category = _categories_of(info)[info.data["category"]]
        return category.subtypes_by_name.get(texts.name_key(value or ""), value)

    @field_validator("verified")
    @classmethod
    def _verified_in_the_past(cls, value: date | None) -> date | None:
        # A day later is allowed: it may be tomorrow already in the time zone of whoever verified the facility.
        if value is not None and value > date.today() + timedelta(days=1):
            raise ValueError("is in the future")
        return value


def _categories_of(info: ValidationInfo) -> Categories:
    """The categories that `validate_fields` passes to the model as its context."""
    context = info.context
    return context if isinstance(context, Categories) else BUILT_IN


Fields: TypeAlias = dict[str, Any]
"""The checked fields of one facility by name, with values of the types that `Facility` declares."""
FIELDS: tuple[str, ...] = tuple(Facility.model_fields)
DATE_FIELDS = ("opened", "closed", "verified")
PROPERTY_FIELDS: tuple[str, ...] = tuple(field for field in FIELDS if field not in ("id", "extra"))
"""The fields that stand among the properties of a GeoJSON feature, beside those of ``extra``."""


def from_rows(rows: Iterable[Row], file: object, categories: Categories = BUILT_IN) -> gpd.GeoDataFrame:
    """Check rows and return them as a frame of facilities; ``file`` is named in messages.

    Raises
    ------
    TableError
        A row is wrong, or two rows have the same id. The message names every such row.
    """
    records: list[Fields] = []
    geometries: list[BaseGeometry] = []
    problems: list[str] = []
    positions: dict[str, str] = {}
    for where, properties, geometry in rows:
        try:
            record, checked_geometry = validate(properties, geometry, categories)
        except FieldError as error:
            problems += [f"{where}: {problem}" for _, problem in error.problems]
            continue
        if record["id"] in positions:
            problems.append(f"{where}: id {record['id']!r} is used already in {positions[record['id']]}")
            continue
        positions[record["id"]] = where
        records.append(record)
        geometries.append(checked_geometry)
    if problems:
        raise TableError(file, problems)
    return from_records(records, geometries)


def from_records(
    records: Sequence[Mapping[str, Any]], geometries: Sequence[BaseGeometry] | GeometryArray
) -> gpd.GeoDataFrame:
    """Return records that were checked before, and their WGS84 geometries, as a frame of facilities.

    A record has at least the fields of `Facility`; further members are left out.
    """
    rows = [[record[field] for field in FIELDS] for record in records]
    table = pd.DataFrame(rows, columns=list(FIELDS), dtype=object).set_index("id")
    return gpd.GeoDataFrame(table, geometry=gpd.GeoSeries(geometries, index=table.index, crs="EPSG:4326"))


def validate(
    properties: Properties, geometry: BaseGeometry | None, categories: Categories = BUILT_IN
) -> tuple[Fields, BaseGeometry]:
    """Check one facility; return its fields (`validate_fields`) and its geometry (`facility_geometry`).

    Raises
    ------
    FieldError
        A field or the WGS84 geometry is wrong.
    """
    fields = validate_fields(properties, categories)
    try:
        return fields, facility_geometry(categories[fields["category"]], validate_geometry(geometry))
    except ValueError as error:
        raise FieldError([("geometry", str(error))]) from error


def validate_fields(properties: Properties, categories: Categories = BUILT_IN) -> Fields:
    """Return the checked fields of a `Facility`; properties that it does not have go into ``extra``.

    Raises
    ------
    FieldError
        A field is wrong.
    """
    fields = {name: value for name, value in properties.items() if name in FIELDS and name != "extra"}
    extra: object = properties.get("extra")
    if extra is None or isinstance(extra, dict):
        extra = {name: value for name, value in properties.items() if name not in FIELDS} | (extra or {})
    try:
        facility = Facility.model_validate({**fields, "extra": extra}, context=categories)
    except ValidationError as error:
        problems = ((".".join(str(part) for part in problem["loc"]), problem) for problem in error.errors())
        raise FieldError((field, _explain(field, problem)) for field, problem in problems) from error
    if facility.extra:
        try:
            text = orjson.dumps(facility.extra)
        except TypeError as error:
            raise FieldError([("extra", f"further properties: {error}")]) from error
        if len(text) > MAX_EXTRA_BYTES:
            raise FieldError([("extra", f"more than {MAX_EXTRA_BYTES} bytes of further properties")])
        # As they will be read from the database: NaN, for example, becomes None.
        facility.extra = orjson.loads(text)
    return dict(facility)


def _explain(field: str, problem: ErrorDetails) -> str:
    """Turn an error of pydantic into “field = value: reason”."""
    if problem["type"] == "missing":
        return f"{field} is missing"
    reason = str(problem["msg"]).removeprefix("Value error, ")
    if problem["type"].startswith("date"):
        reason = "is not a date such as 2021-06-30"
    return f"{field} = {str(problem['input'])[:60]!r}: {reason}"


def validate_geometry(geometry: BaseGeometry | None) -> BaseGeometry:
    """Return ``geometry`` in two dimensions and made valid; raise ValueError if it is missing or not in degrees."""
    if geometry is None or geometry.is_empty:
        raise ValueError("has no geometry")
    west, south, east, north = geometry.bounds
    if not (west >= -180 and east <= 180 and south >= -90 and north <= 90):
        raise ValueError(f"position {west:.6g}, {south:.6g} is not a longitude and latitude in degrees")
    valid: BaseGeometry = shapely.make_valid(shapely.force_2d(geometry))
    return valid


def facility_geometry(category: Category, geometry: BaseGeometry) -> BaseGeometry:
    """Return what is kept of a geometry: an outline if the category keeps outlines, else a representative point.

    A closed line is an outline too.
    """
    if geometry.geom_type == "Point":
        return geometry
    outline = outline_of(geometry) if category.keeps_outline else None
    return geometry.representative_point() if outline is None else outline


def outline_of(geometry: BaseGeometry) -> BaseGeometry | None:
    """Return the polygons of a geometry and those that its closed lines enclose; None if it has neither."""
    if geometry.geom_type in ("Polygon", "MultiPolygon"):
        return geometry
    polygons = []
    for part in getattr(geometry, "geoms", (geometry,)):
        if part.geom_type in ("LineString", "LinearRing") and part.is_closed and len(part.coords) > 3:
            part = shapely.make_valid(shapely.Polygon(part))
        if part.geom_type in ("Polygon", "MultiPolygon") and part.area > 0:
            polygons.append(part)
    return shapely.union_all(polygons) if polygons else None


def subtype_remark(category: Category, subtype: str | None) -> str | None:
    """A remark on a subtype that a category does not have; None if it has it, or if the subtype is unknown."""
    if subtype is None or subtype in category.subtypes:
        return None
    known = f"known: {', '.join(category.subtypes)}" if category.subtypes else "it has none"
    return f"subtype {subtype[:60]!r} is not one of {category.id}, and was kept as it is; {known}"


def read(path: Path, categories: Categories = BUILT_IN) -> gpd.GeoDataFrame:
    """Read the GeoJSON file of a study's facilities. A facility without an id gets one from its position in the file.

    Raises
    ------
    TableError
        The file cannot be read, or a feature is wrong.
    """
    return from_rows(_rows(path), path, categories)


def _rows(path: Path) -> Iterator[Row]:
    for where, feature in geojson_features(path):
        properties = dict(feature.get("properties") or {})
        properties["id"] = feature.get("id", properties.get("id") or f"{path.stem}-{where.split()[-1]}")
        yield where, properties, parse_geometry(feature)


def existing_on(facilities: gpd.GeoDataFrame, day: date) -> gpd.GeoDataFrame:
    """Return the facilities that exist on ``day``: opened by then and not closed by then.

    A facility whose opening date is unknown counts as opened.
    """
    exists = [
        (opened is None or opened <= day) and (closed is None or closed > day)
        for opened, closed in zip(facilities["opened"], facilities["closed"], strict=True)
    ]
    return facilities.loc[exists]
