"""Studies small enough to compute by hand, drawn in metres east and north of a point in China.

A transverse Mercator projection through that point keeps lengths true to about 1e-8 over the few kilometres used here.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import Transformer
from shapely.geometry.base import BaseGeometry

from geo.study import areas as geo_areas
from geo.study import demand as geo_demand
from geo.study import facilities as geo_facilities
from geo.study import geojson
from geo.study import standards as geo_standards
from geo.study import streets as geo_streets
from geo.study import study as geo_study
from geo.study.settings import StudySettings
from geo.study.standards import Standard
from geo.study.study import Study

CENTRE = (120.0, 28.9)
PROJECTION = f"+proj=tmerc +lat_0={CENTRE[1]} +lon_0={CENTRE[0]} +k=1 +datum=WGS84 +units=m +type=crs"
Metres = tuple[float, float]
"""A position: metres east and north of `CENTRE`."""

_TO_DEGREES = Transformer.from_crs(PROJECTION, "EPSG:4326", always_xy=True)


def lonlat(x: float, y: float) -> tuple[float, float]:
    """WGS84 longitude and latitude of a position in metres."""
    lon, lat = _TO_DEGREES.transform(x, y)
    return float(lon), float(lat)


def to_degrees(shape: BaseGeometry) -> BaseGeometry:
    """A geometry in metres, converted to WGS84 degrees."""
    return shapely.transform(shape, lambda xy: np.column_stack(_TO_DEGREES.transform(xy[:, 0], xy[:, 1])))


@dataclass(frozen=True)
class Street:
    """A street along a line in metres. Streets that begin or end at the same position meet there."""

    line: Sequence[Metres]
    highway: str = "residential"
    maxspeed_kph: float = float("nan")
    walk: bool = True
    cycle: tuple[bool, bool] = (True, True)
    drive: tuple[bool, bool] = (True, True)


@dataclass(frozen=True)
class Facility:
    """A facility at a position or with a shape, both in metres."""

    id: str
    category: str
    place: Metres | BaseGeometry
    properties: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class People:
    """A demand point; ``attributes`` may hold children_3_6, elders_65, area_code and urban."""

    place: Metres
    population: float
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Area:
    """An area with a polygon, or marked by a point, in metres."""

    code: str
    level: str
    place: Metres | BaseGeometry
    parent: str | None = None
    urban: bool | None = None


def standard(measure: str, **fields: Any) -> Standard:
    """A checked standard; about clinics unless ``fields`` give another category."""
    row = {"id": "goal", "name": "目标", "name_en": "Goal", "source": "here", "category": "clinic", "measure": measure}
    models: dict[str, Any] = {
        "travel_time": geo_standards.TravelTime,
        "radius": geo_standards.Radius,
        "presence": geo_standards.Presence,
        "opened": geo_standards.Opened,
    }
    checked: Standard = models[measure](**(row | fields))
    return checked


def facility_frame(facilities: Iterable[Facility]) -> gpd.GeoDataFrame:
    """Facilities as `geo.study.facilities` frames them."""
    rows = [(facility.id, _properties(facility), to_degrees(_shape(facility.place))) for facility in facilities]
    return geo_facilities.from_rows(rows, "by hand")


def _properties(facility: Facility) -> dict[str, Any]:
    return {"id": facility.id, "category": facility.category, **facility.properties}


def street_frame(streets: Sequence[Street]) -> gpd.GeoDataFrame:
    """Streets as `geo.study.streets` frames them."""
    nodes: dict[Metres, int] = {}
    ends = np.array(
        [[nodes.setdefault(street.line[at], len(nodes)) for at in (0, -1)] for street in streets], dtype=np.int64
    )
    lines = np.array([to_degrees(shapely.LineString(street.line)) for street in streets], dtype=object)
    attributes = pd.DataFrame(
        [(s.highway, s.maxspeed_kph, s.walk, *s.cycle, *s.drive) for s in streets],
        columns=[name for name in geo_streets.COLUMNS if name not in ("u", "v", "length_m")],
    )
    return geo_streets.from_lines(lines, ends, attributes)


def study(
    streets: Sequence[Street] | None = None,
    facilities: Sequence[Facility] = (),
    people: Sequence[People] = (),
    areas: Sequence[Area] = (),
    standards: Sequence[Standard] = (),
    folder: Path | None = None,
    **settings: Any,
) -> Study:
    """A study in memory; or, with ``folder``, written there and read back, with the shipped standards.

    ``settings`` are further settings of `study.toml`.
    """
    all_settings = {"id": "small", "name": "小", "projection": PROJECTION} | settings
    units = geo_areas.from_rows(
        [
            (
                area.code,
                {"code": area.code, "level": area.level, "parent": area.parent, "urban": area.urban},
                to_degrees(_shape(area.place)),
            )
            for area in areas
        ],
        "by hand",
    )
    rows = [
        {**dict(zip(("lon", "lat"), lonlat(*group.place), strict=True)), "population": group.population}
        | dict(group.attributes)
        for group in people
    ]
    table = pd.DataFrame(rows).reindex(columns=list(geo_demand.COLUMNS))
    numbers = [name for name in geo_demand.COLUMNS if name != "area_code"]
    table[numbers] = table[numbers].astype(float)
    codes = table["area_code"].astype(object)
    table["area_code"] = codes.where(codes.notna(), None)
    small = Study(
        folder=folder or Path("in memory"),
        settings=StudySettings(**all_settings),
        standards=tuple(standards),
        facilities=facility_frame(facilities),
        demand=table,
        areas=units,
        streets=None if streets is None else street_frame(streets),
    )
    return small if folder is None else _written_and_read(small, folder, all_settings)


def _written_and_read(small: Study, folder: Path, settings: Mapping[str, Any]) -> Study:
    import json
    from importlib import resources

    import tomli_w

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "study.toml").write_text(tomli_w.dumps(settings), "utf-8")
    (folder / "standards.toml").write_bytes(resources.files("geo.study").joinpath("standards.toml").read_bytes())
    for name, content in (
        ("areas", geo_areas.to_geojson(small.areas)),
        ("facilities", geojson.feature_collection(small.facilities)),
    ):
        (folder / f"{name}.geojson").write_text(json.dumps(content, ensure_ascii=False), "utf-8")
    geo_demand.write(small.demand, folder / "demand.csv")
    if small.streets is not None:
        small.streets.to_parquet(folder / "streets.parquet")
    return geo_study.read(folder)


def _shape(place: Metres | BaseGeometry) -> BaseGeometry:
    return shapely.Point(place) if isinstance(place, tuple) else place
