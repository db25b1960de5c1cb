"""Studies small enough to compute by hand, drawn in metres east and north of a place in China.

A transverse Mercator through that place keeps metres true to some 1e-8 over the few kilometres used here.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapely
from pyproj import Transformer

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

_TO_DEGREES = Transformer.from_crs(PROJECTION, "EPSG:4326", always_xy=True)


def lonlat(x: float, y: float) -> tuple[float, float]:
    """Return longitude and latitude of a place in metres."""
    lon, lat = _TO_DEGREES.transform(x, y)
    return float(lon), float(lat)


def degrees(shape: Any) -> Any:
    """Return a shapely geometry in metres as one in WGS84 degrees."""
    return shapely.transform(shape, lambda xy: np.column_stack(_TO_DEGREES.transform(xy[:, 0], xy[:, 1])))


@dataclass(frozen=True)
class Street:
    """A line in metres; two streets meet where they begin or end at the same place."""

    line: Sequence[Metres]
    highway: str = "residential"
    maxspeed_kph: float = float("nan")
    walk: bool = True
    cycle: tuple[bool, bool] = (True, True)
    drive: tuple[bool, bool] = (True, True)


@dataclass(frozen=True)
class Facility:
    id: str
    category: str
    place: Any  # (x, y) or a shapely geometry, in metres
    properties: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class People:
    place: Metres
    population: float
    more: Mapping[str, Any] = field(default_factory=dict)  # children_3_6, elders_65, area_code, urban


@dataclass(frozen=True)
class Area:
    code: str
    level: str
    place: Any  # (x, y) or a shapely geometry, in metres
    parent: str | None = None
    urban: bool | None = None


def standard(measure: str, **more: Any) -> Standard:
    """Return a checked standard with this measure; its category is clinic unless ``more`` says otherwise."""
    row = {"id": "goal", "name": "目标", "name_en": "Goal", "source": "here", "category": "clinic", "measure": measure}
    classes: dict[str, Any] = {
        "travel_time": geo_standards.TravelTime,
        "radius": geo_standards.Radius,
        "presence": geo_standards.Presence,
        "opened": geo_standards.Opened,
    }
    goal: Standard = classes[measure](**(row | more))
    return goal


def facility_frame(facilities: Iterable[Facility]) -> Any:
    rows = [
        (each.id, {"id": each.id, "category": each.category, **each.properties}, degrees(_shape(each.place)))
        for each in facilities
    ]
    return geo_facilities.from_rows(rows, "by hand")


def street_frame(streets: Sequence[Street]) -> Any:
    nodes: dict[Metres, int] = {}
    ends = np.array(
        [[nodes.setdefault(street.line[at], len(nodes)) for at in (0, -1)] for street in streets], dtype=np.int64
    )
    lines = np.array([degrees(shapely.LineString(street.line)) for street in streets], dtype=object)
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
    **more: Any,
) -> Study:
    """Return a study in memory; with ``folder``, write it there, with the shipped standards, and read it back."""
    settings = {"id": "small", "name": "小", "projection": PROJECTION} | more
    units = geo_areas.from_rows(
        [
            (each.code, {"code": each.code, "level": each.level, "parent": each.parent, "urban": each.urban}, place)
            for each in areas
            for place in [degrees(_shape(each.place))]
        ],
        "by hand",
    )
    rows = [dict(zip(("lon", "lat"), lonlat(*p.place), strict=True), population=p.population, **p.more) for p in people]
    table = pd.DataFrame(rows).reindex(columns=list(geo_demand.COLUMNS))
    numbers = [name for name in geo_demand.COLUMNS if name != "area_code"]
    table[numbers] = table[numbers].astype(float)
    codes = table["area_code"].astype(object)
    table["area_code"] = codes.where(codes.notna(), None)
    result = Study(
        folder=folder or Path("in memory"),
        settings=StudySettings(**settings),
        standards=tuple(standards),
        facilities=facility_frame(facilities),
        demand=table,
        areas=units,
        streets=None if streets is None else street_frame(streets),
    )
    return result if folder is None else _write_and_read(result, folder, settings)


def _write_and_read(small: Study, folder: Path, settings: Mapping[str, Any]) -> Study:
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


def _shape(place: Any) -> Any:
    return shapely.Point(place) if isinstance(place, tuple) else place
