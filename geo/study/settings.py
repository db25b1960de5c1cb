"""The settings of a study, as its `study.toml` states them: names, dates, projection, speeds and distances."""

import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated
from zoneinfo import available_timezones

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator
from pyproj import CRS
from pyproj.exceptions import CRSError

from geo.choices import Mode
from geo.errors import StudyError
from geo.study import texts

Words = Annotated[str, BeforeValidator(lambda value: texts.clean(value) or "")]
Speed = Annotated[float, Field(gt=0, le=200)]


class Speeds(BaseModel):
    """Speeds in km/h.

    A car drives at ``drive_factor`` times the street's legal speed. Where that is unknown, the speed of the street's
    class replaces it, and ``drive_other_kph`` for a class that is not listed. A slower and a faster speed of each mode
    show how much a result depends on it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    walk_kph: Speed = 4.0
    walk_slower_kph: Speed = 3.2
    walk_faster_kph: Speed = 4.8
    cycle_kph: Speed = 15.0
    cycle_slower_kph: Speed = 12.0
    cycle_faster_kph: Speed = 18.0
    drive_factor: Annotated[float, Field(gt=0, le=1)] = 0.8
    drive_slower_factor: Annotated[float, Field(gt=0, le=1)] = 0.64
    drive_faster_factor: Annotated[float, Field(gt=0, le=1)] = 0.96
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
        """Return the speed of ``mode``; None for driving, where each street has its own speed."""
        return {"walk": self.walk_kph, "cycle": self.cycle_kph}.get(mode)

    def pace(self, mode: Mode) -> float:
        """The number that says how fast ``mode`` goes: km/h, or the share of the legal speed at which cars drive."""
        return {"walk": self.walk_kph, "cycle": self.cycle_kph, "drive": self.drive_factor}[mode]

    def slower_and_faster(self, mode: Mode) -> tuple[float, float]:
        """How many times as fast as usual the slower and the faster speed of ``mode`` are."""
        slower, faster = self.slower_and_faster_pace(mode)
        return slower / self.pace(mode), faster / self.pace(mode)

    def slower_and_faster_pace(self, mode: Mode) -> tuple[float, float]:
        """The slower and the faster speed of ``mode``, in the unit of `pace`."""
        return {
            "walk": (self.walk_slower_kph, self.walk_faster_kph),
            "cycle": (self.cycle_slower_kph, self.cycle_faster_kph),
            "drive": (self.drive_slower_factor, self.drive_faster_factor),
        }[mode]

    def with_paces(self, paces: Mapping[Mode, float]) -> "Speeds":
        """These speeds with those of some modes replaced; `pace` says what the numbers mean."""
        names = {"walk": "walk_kph", "cycle": "cycle_kph", "drive": "drive_factor"}
        return self.model_copy(update={names[mode]: pace for mode, pace in paces.items()})

    def scaled(self, mode: Mode, factor: float) -> "Speeds":
        """These speeds with that of ``mode`` multiplied by ``factor``."""
        return self.with_paces({mode: self.pace(mode) * factor})


class StudySettings(BaseModel):
    """The settings of one study.

    Attributes
    ----------
    sample : True if the study is modelled and not fit for decisions; every answer then says so
    notice, notice_en : what pages show about the study in Chinese and in English
    projection : a projected coordinate reference system in metres, such as ``EPSG:32651``
    max_connector_m : the longest straight way between a place and a street, in metres
    detour : how much longer a way is than the straight line, where the study has no street network
    urban_from_grid : True if the program computed from the population grid which people are urban (results say so)
    gap_m : how far apart, in metres, two places outside a standard may be and still belong to the same gap
    """

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
    urban_from_grid: bool = False
    gap_m: Annotated[float, Field(ge=0.1, le=20_000)] = 300.0
    speeds: Speeds = Speeds()

    @field_validator("timezone")
    @classmethod
    def _known_timezone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError(f"{value!r} is not a time zone such as Asia/Shanghai")
        return value

    @field_validator("projection")
    @classmethod
    def _metric(cls, value: str) -> str:
        try:
            crs = CRS.from_user_input(value)
        except CRSError as error:
            raise ValueError(f"{value!r} is not a coordinate reference system") from error
        if not crs.is_projected or any(axis.unit_name != "metre" for axis in crs.axis_info):
            raise ValueError(f"{value!r} is not a projection in metres")
        return value


def read_settings(path: Path) -> StudySettings:
    """Read a `study.toml`.

    Raises
    ------
    StudyError
        The file cannot be read or a setting is wrong; the message names the setting.
    """
    try:
        return StudySettings(**tomllib.loads(path.read_text("utf-8")))
    except OSError as error:
        raise StudyError(f"{path}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        problem = error.errors()[0]
        field = ".".join(str(part) for part in problem["loc"])
        raise StudyError(f"{path}: {field}: {problem['msg'].removeprefix('Value error, ')}") from error
    except ValueError as error:
        raise StudyError(f"{path}: is not TOML: {error}") from error
