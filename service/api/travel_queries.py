"""Queries and bodies of `/v1/nearest`, `/v1/isochrones`, `/v1/gaps` and `/v1/scenarios`."""

from datetime import datetime
from functools import lru_cache
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from geo.choices import Coordinates, Direction, Mode
from geo.study.categories import Categories
from service.answers.isochrones import MAX_CONTOURS, MAX_MINUTES, check_place, parse_minutes
from service.answers.nearest import NearestOptions
from service.api.queries import (
    BOOLEAN_TEXT,
    INTEGER_TEXT,
    NUMBER_TEXT,
    CoordinatesQuery,
    DayQuery,
    check_category,
    limit_field,
    list_schema,
)

MAX_NEAREST = 100
MAX_PLACES = 1000
MAX_GAPS = 10_000
MAX_SCENARIO_GAPS = 100
NOW = "now"
FIRST_YEAR, LAST_YEAR = 1900, 2200

Lon = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False, description="degrees", examples=[120.0475])]
Lat = Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False, description="degrees", examples=[28.889])]


class NearestOptionsQuery(CoordinatesQuery):
    """Which facilities are looked for, how people travel, and what each feature of the answer has."""

    category: Annotated[
        str | None,
        Field(
            description="of these categories, several with commas between; all",
            examples=["clinic"],
            json_schema_extra=list_schema({"type": "string"}),
        ),
    ] = None
    subtype: Annotated[
        str | None,
        Field(
            description="of these subtypes, several with commas between; all",
            examples=["hospital"],
            json_schema_extra=list_schema({"type": "string"}),
        ),
    ] = None
    capacity: Annotated[
        int | None, Field(ge=0, le=2**31, description="facilities with at least so many beds or seats"), INTEGER_TEXT
    ] = None
    open_at: Annotated[
        str | None,
        Field(
            description="now, or a moment (without an offset: of the study's clock): what is closed then is left out, "
            "and each facility says whether it is open, or that its hours are unknown",
            examples=[NOW, "2026-11-25T10:00"],
        ),
    ] = None
    mode: Annotated[Mode, Field(description="how people travel")] = "walk"
    limit: Annotated[int, limit_field(MAX_NEAREST), INTEGER_TEXT] = 5
    path: Annotated[bool, Field(description="whether each facility has the way there, a LineString"), BOOLEAN_TEXT] = (
        False
    )
    times: Annotated[bool, Field(description="whether each has its minutes by every mode"), BOOLEAN_TEXT] = False
    navigation: Annotated[bool, Field(description="whether each has links that open map apps"), BOOLEAN_TEXT] = False

    @field_validator("category")
    @classmethod
    def _check_categories(cls, value: str | None, info: ValidationInfo) -> str | None:
        for name in [] if value is None else value.split(","):
            check_category(name, info)
        return value

    @field_validator("subtype")
    @classmethod
    def _check_subtypes(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None or not isinstance(info.context, Categories):
            return value
        known = info.context.subtype_labels
        for name in value.split(","):
            if name not in known:
                raise ValueError(f"{name[:60]!r} is not one of {', '.join(known)}")
        return value

    @field_validator("open_at")
    @classmethod
    def _check_moment(cls, value: str | None) -> str | None:
        if value is not None and value != NOW:
            try:
                moment = _parse_moment(value)
                if not FIRST_YEAR <= moment.year <= LAST_YEAR:
                    raise ValueError
            except (ValueError, OverflowError, OSError):
                raise ValueError("is neither now nor a moment such as 2026-11-25T10:00") from None
        return value

    def options(self, timezone: str) -> NearestOptions:
        """The options that the parameters mean; ``timezone`` is the study's."""
        return _options(
            self.category,
            self.subtype,
            self.capacity,
            None if self.open_at is None else _local_minute(self.open_at, ZoneInfo(timezone)),
            self.mode,
            min(self.limit, MAX_NEAREST),
            self.path,
            self.times,
            self.navigation,
            self.coordinates,
        )


@lru_cache(maxsize=256)
def _options(
    category: str | None,
    subtype: str | None,
    capacity: int | None,
    open_at: datetime | None,
    mode: Mode,
    limit: int,
    path: bool,
    times: bool,
    navigation: bool,
    coordinates: Coordinates,
) -> NearestOptions:
    """The options; cached, because most requests differ in the place only."""
    categories = tuple(category.split(",")) if category else ()
    subtypes = tuple(subtype.split(",")) if subtype else ()
    return NearestOptions(categories, subtypes, capacity, open_at, mode, limit, path, times, navigation, coordinates)


def _parse_moment(text: str) -> datetime:
    return datetime.fromisoformat(text.strip().replace(" ", "+"))  # in an address, + means a space


def _local_minute(text: str, zone: ZoneInfo) -> datetime:
    """The moment of a checked ``open_at`` on the clock of ``zone``, without an offset and seconds."""
    moment = datetime.now(zone) if text == NOW else _parse_moment(text)
    if moment.tzinfo is not None:
        moment = moment.astimezone(zone).replace(tzinfo=None)
    return moment.replace(second=0, microsecond=0)


class NearestQuery(NearestOptionsQuery):
    """The parameters of the nearest facilities of one place."""

    lon: Annotated[Lon, NUMBER_TEXT]
    lat: Annotated[Lat, NUMBER_TEXT]


class Place(BaseModel):
    """One of the places in a body."""

    model_config = ConfigDict(extra="forbid")

    # Strict, because pydantic would otherwise take JSON's true as 1.
    lon: Annotated[Lon, Field(strict=True)]
    lat: Annotated[Lat, Field(strict=True)]
    id: Annotated[str | None, Field(max_length=200, description="repeated in the answer")] = None


class Places(BaseModel):
    """The body of `POST /v1/nearest`: places to look from."""

    model_config = ConfigDict(extra="forbid")

    places: Annotated[list[Place], Field(min_length=1, max_length=MAX_PLACES)]


class IsochronesQuery(CoordinatesQuery):
    """The parameters of isochrones: the place or facility, the contours, and how people travel."""

    lon: Annotated[Lon | None, Field(description="degrees"), NUMBER_TEXT] = None
    lat: Annotated[Lat | None, Field(description="degrees"), NUMBER_TEXT] = None
    facility: Annotated[
        str | None, Field(description="id of a facility, instead of lon and lat", validate_default=True)
    ] = None
    minutes: Annotated[
        str,
        Field(
            description=f"travel times of the contours: at most {MAX_CONTOURS}, each up to {MAX_MINUTES}",
            examples=["5,10,15"],
            json_schema_extra=list_schema(
                {"type": "number", "exclusiveMinimum": 0, "maximum": MAX_MINUTES}, maxItems=MAX_CONTOURS
            ),
        ),
    ] = "5,10,15"
    mode: Annotated[Mode, Field(description="how people travel")] = "walk"
    direction: Annotated[Direction, Field(description="whether people travel from the place or to it")] = "from"

    @field_validator("minutes")
    @classmethod
    def _check_minutes(cls, value: str) -> str:
        parse_minutes(value)
        return value

    @field_validator("facility")
    @classmethod
    def _check_place(cls, value: str | None, info: ValidationInfo) -> str | None:
        if {"lon", "lat"} <= set(info.data):  # else one of them is invalid, which is reported already
            check_place(info.data["lon"], info.data["lat"], value)
        return value

    @property
    def place(self) -> tuple[float, float] | str:
        """Longitude and latitude, or the facility's id."""
        return check_place(self.lon, self.lat, self.facility)


class GapsQuery(DayQuery):
    """The parameters of the gaps of one standard."""

    limit: Annotated[int, limit_field(MAX_GAPS), INTEGER_TEXT] = 1000


class ScenarioQuery(CoordinatesQuery):
    """How much of a scenario's answer is wanted."""

    gaps: Annotated[
        int,
        Field(
            ge=0,
            le=MAX_SCENARIO_GAPS,
            description="how many of the gaps that remain are described; 0: none, which is much quicker",
        ),
        INTEGER_TEXT,
    ] = 10
