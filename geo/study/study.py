"""A study: one place and everything known of it, read from a folder and checked once.

The folder's files and columns are described in docs/study.md.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo, available_timezones

import geopandas as gpd
import pandas as pd
import shapely
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator
from pyproj import CRS, Proj
from pyproj.exceptions import CRSError

from geo.choices import Mode
from geo.errors import StudyError, TableError, UnknownNameError
from geo.study import areas, demand, facilities, standards, streets
from geo.study.areas import LEVELS
from geo.study.standards import Standard

Words = Annotated[str, BeforeValidator(lambda value: facilities.clean(value) or "")]
Speed = Annotated[float, Field(gt=0, le=200)]


class Speeds(BaseModel):
    """Speeds in km/h. Driving takes the legal speed, else the class's, times ``drive_factor``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    walk_kph: Speed = 4.0
    walk_slower_kph: Speed = 3.2
    walk_faster_kph: Speed = 4.8
    cycle_kph: Speed = 15.0
    drive_factor: Annotated[float, Field(gt=0, le=1)] = 0.8
    drive_other_kph: Speed = 30.0
    drive_class_kph: Mapping[str, Speed] = {
        "motorway": 100.0,
        "motorway_link": 60.0,
        "trunk": 80.0,
        "trunk_link": 50.0,
        "primary": 60.0,
        "primary_link": 40.0,
        "secondary": 50.0,
        "secondary_link": 40.0,
        "tertiary": 40.0,
        "tertiary_link": 30.0,
        "unclassified": 30.0,
        "residential": 30.0,
        "road": 30.0,
        "living_street": 15.0,
        "service": 15.0,
    }

    def kph(self, mode: Mode) -> float | None:
        """The one speed of ``mode``; None for driving, whose speed is each street's own."""
        return {"walk": self.walk_kph, "cycle": self.cycle_kph}.get(mode)


class About(BaseModel):
    """What `study.toml` says of a study."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,80}$")]
    name: Annotated[Words, Field(min_length=1, max_length=200)]
    name_en: Annotated[Words, Field(max_length=200)] = ""
    sample: bool = False
    notice: Words = ""
    notice_en: Words = ""
    data_date: date | None = None
    timezone: str = "Asia/Shanghai"
    attribution: Words = ""
    projection: str
    max_connector_m: Annotated[float, Field(gt=0, le=20_000)] = 1000.0
    detour: Annotated[float, Field(ge=1, le=5)] = 1.3
    speeds: Speeds = Speeds()

    @field_validator("timezone")
    @classmethod
    def _known_timezone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError(f"{value!r} is no time zone such as Asia/Shanghai")
        return value

    @field_validator("projection")
    @classmethod
    def _metric(cls, value: str) -> str:
        try:
            crs = CRS.from_user_input(value)
        except CRSError as error:
            raise ValueError(f"{value!r} is no coordinate reference system") from error
        if not crs.is_projected or any(axis.unit_name != "metre" for axis in crs.axis_info):
            raise ValueError(f"{value!r} is not a projection in metres")
        return value


@dataclass(frozen=True)
class Study:
    """One frozen bundle of demand, areas, streets and facilities, plus the standards.

    Attributes
    ----------
    facilities : GeoDataFrame
        As `geo.study.facilities.frame` gives it. The register's facilities are the truth once it is filled.
    demand : DataFrame
        `geo.study.demand.COLUMNS` and any more of the file; ``urban`` is 1, 0 or NaN, ``area_code`` None outside all
        areas.
    areas : GeoDataFrame
        `geo.study.areas.COLUMNS` and ``geometry``, indexed by ``code``.
    streets : GeoDataFrame or None
        As `geo.study.streets` gives it; None where the study has no street network.
    """

    folder: Path
    about: About
    standards: tuple[Standard, ...]
    facilities: gpd.GeoDataFrame
    demand: pd.DataFrame
    areas: gpd.GeoDataFrame
    streets: gpd.GeoDataFrame | None

    def standard(self, name: str) -> Standard:
        """The standard with id ``name``; UnknownNameError if there is none."""
        for standard in self.standards:
            if standard.id == name:
                return standard
        raise UnknownNameError("standard", name, [standard.id for standard in self.standards])

    @cached_property
    def ground(self) -> Any:
        """Where the study is, a WGS84 (Multi)Polygon: its areas as far as they are drawn, else where its people are."""
        drawn = self.areas.geometry[shapely.get_dimensions(self.areas.geometry) == 2]
        if len(drawn):
            return shapely.union_all(drawn.to_numpy())
        people = shapely.multipoints(self.demand[["lon", "lat"]].to_numpy())
        return shapely.buffer(shapely.convex_hull(people), 0.02)

    def today(self) -> date:
        """The day it is in the study's time zone."""
        return datetime.now(ZoneInfo(self.about.timezone)).date()

    @property
    def reporting_level(self) -> str | None:
        """The level that results are summed over: towns where there are any, else the units there are."""
        levels = set(self.areas["level"])
        return next((level for level in LEVELS if level in levels), None)

    def reporting_codes(self, codes: pd.Series) -> pd.Series:
        """For each smallest unit's code that of its area at the reporting level; None where it has none."""
        own = self.areas["level"] == self.reporting_level
        upward = self.areas.index.to_series().where(own, self.areas["parent"])
        above = {code: reported if isinstance(reported, str) else None for code, reported in upward.items()}
        return pd.Series([above.get(code) for code in codes], index=codes.index, dtype=object)


def read(folder: Path) -> Study:
    """The study in ``folder``.

    Raises
    ------
    StudyError, TableError
        A file is missing, unreadable or wrong, or two files contradict each other.
    """
    if not (folder / "study.toml").is_file():
        raise StudyError(f"{folder}: is no study folder (it has no study.toml); make one with `fuwuquan build`")
    about = read_about(folder / "study.toml")
    units = areas.read(folder / "areas.geojson")
    people = demand.read(folder / "demand.csv")
    unknown = people.loc[people["area_code"].notna() & ~people["area_code"].isin(units.index), "area_code"]
    if not unknown.empty:
        raise TableError(
            folder / "demand.csv",
            [f"row {row + 2}: area_code {code!r} is not in areas.geojson" for row, code in unknown.items()],
        )
    _check_scale(about, people, folder / "study.toml")
    path = folder / "streets.parquet"
    return Study(
        folder=folder,
        about=about,
        standards=standards.read(folder / "standards.toml"),
        facilities=facilities.read(folder / "facilities.geojson"),
        demand=people,
        areas=units,
        streets=streets.read(path) if path.exists() else None,
    )


def _check_scale(about: About, people: pd.DataFrame, path: Path) -> None:
    """Distances are compared in the projection: there they must be true within two per cent."""
    proj, places = Proj(about.projection), people[["lon", "lat"]]
    for lon, lat in (places.min(), places.max()) if len(places) else ():
        factors = proj.get_factors(lon, lat)
        if not (0.98 <= factors.meridional_scale <= 1.02 and 0.98 <= factors.parallel_scale <= 1.02):
            raise StudyError(
                f"{path}: projection: {about.projection} stretches lengths at {lon:.3f}, {lat:.3f}; take UTM"
            )


def read_about(path: Path) -> About:
    """The settings of a `study.toml`; StudyError says which one is wrong."""
    try:
        return About(**tomllib.loads(path.read_text("utf-8")))
    except OSError as error:
        raise StudyError(f"{path}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        problem = error.errors()[0]
        field = ".".join(str(part) for part in problem["loc"])
        raise StudyError(f"{path}: {field}: {problem['msg'].removeprefix('Value error, ')}") from error
    except ValueError as error:
        raise StudyError(f"{path}: is not TOML: {error}") from error
