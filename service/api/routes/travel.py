"""The HTTP API under ``/v1``: travel and coverage. Each query is a model that refuses what it does not know."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from geo.choices import Coordinates, Direction, Mode
from geo.errors import FieldError
from geo.measures.coverage import Coverage
from geo.study import categories
from service.answers.engine import Answers
from service.answers.nearest import Nearby, Wish
from service.api.responses import (
    CATEGORY,
    FLAG,
    GEOJSON,
    NUMBER,
    WHOLE,
    Common,
    QueryRoute,
    answer,
    answers_of,
    clamped,
    documented,
    json_response,
    listed,
    state_of,
)

MOST_NEAREST = 100
MOST_PLACES = 1000
MOST_BODY = 2 * 2**20  # so many places with the longest ids
MOST_FOUND = 10_000
MOST_SEARCHED, MOST_FOUND_BY_SEARCH = 100, 1_000
MOST_CONTOURS = 10
MOST_MINUTES = 120
NOW = "now"
FIRST_YEAR, LAST_YEAR = 1900, 2200
SUBTYPES = dict.fromkeys(name for one in categories.CATEGORIES.values() for name in one.subtypes)

router = APIRouter(prefix="/v1", tags=["v1"], route_class=QueryRoute, default_response_class=Response)


class WishQuery(Common):
    """What is wanted, how one gets there, and what to tell of it."""

    category: Annotated[
        str | None,
        Field(
            description=f"of {', '.join(categories.CATEGORIES)}, several with commas between; all",
            examples=["clinic"],
            json_schema_extra=listed(CATEGORY),
        ),
    ] = None
    subtype: Annotated[
        str | None,
        Field(
            description=f"of {', '.join(SUBTYPES)}, several with commas between; all",
            examples=["hospital"],
            json_schema_extra=listed({"type": "string", "enum": list(SUBTYPES)}),
        ),
    ] = None
    capacity: Annotated[int | None, Field(ge=0, le=2**31, description="at least so many beds or seats"), WHOLE] = None
    open_at: Annotated[
        str | None,
        Field(
            description="now, or a moment (without an offset: of the study's clock): what is closed then is left out, "
            "and each says whether it is open, or that nobody knows",
            examples=[NOW, "2026-11-25T10:00"],
        ),
    ] = None
    mode: Annotated[Mode, Field(description="how people travel")] = "walk"
    limit: Annotated[int, clamped(MOST_NEAREST), WHOLE] = 5
    path: Annotated[bool, Field(description="whether each facility has the way there, a LineString"), FLAG] = False
    times: Annotated[bool, Field(description="whether each has its minutes by every mode"), FLAG] = False
    navigation: Annotated[bool, Field(description="whether each has links that open map apps"), FLAG] = False

    @field_validator("category")
    @classmethod
    def _categories(cls, value: str | None) -> str | None:
        for one in [] if value is None else value.split(","):
            categories.validate_id(one)
        return value

    @field_validator("subtype")
    @classmethod
    def _subtypes(cls, value: str | None) -> str | None:
        for one in [] if value is None else value.split(","):
            if one not in SUBTYPES:
                raise ValueError(f"{one[:60]!r} is none of {', '.join(SUBTYPES)}")
        return value

    @field_validator("open_at")
    @classmethod
    def _moment(cls, value: str | None) -> str | None:
        if value not in (None, NOW):
            try:
                moment = datetime.fromisoformat(value.strip().replace(" ", "+"))  # a plus in an address is a space
                if not FIRST_YEAR <= moment.year <= LAST_YEAR:
                    raise ValueError
            except (ValueError, OverflowError, OSError):
                raise ValueError("is neither now nor a moment such as 2026-11-25T10:00") from None
        return value

    def wish(self, timezone: str) -> Wish:
        """The same for who answers it; moments are those of the study's clock."""
        return _wish(
            self.category,
            self.subtype,
            self.capacity,
            None if self.open_at is None else _local(self.open_at, ZoneInfo(timezone)),
            self.mode,
            min(self.limit, MOST_NEAREST),
            self.path,
            self.times,
            self.navigation,
            self.coordinates,
        )


@lru_cache(maxsize=256)
def _wish(category: str | None, subtype: str | None, *more: Any) -> Wish:
    """People wish for the same from many places."""
    return Wish(tuple(category.split(",")) if category else (), tuple(subtype.split(",")) if subtype else (), *more)


def _local(text: str, zone: ZoneInfo) -> datetime:
    """A moment of the study's clock, to the minute."""
    moment = datetime.now(zone) if text == NOW else datetime.fromisoformat(text.strip().replace(" ", "+"))
    if moment.tzinfo is not None:
        moment = moment.astimezone(zone).replace(tzinfo=None)
    return moment.replace(second=0, microsecond=0)


Lon = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False, description="degrees", examples=[120.0475])]
Lat = Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False, description="degrees", examples=[28.889])]


class NearestQuery(WishQuery):
    """From where, what, how, how many."""

    lon: Annotated[Lon, NUMBER]
    lat: Annotated[Lat, NUMBER]


class Place(BaseModel):
    """Somewhere one may be, and what the client calls it."""

    model_config = ConfigDict(extra="forbid")

    # JSON's true is no number.
    lon: Annotated[Lon, Field(strict=True)]
    lat: Annotated[Lat, Field(strict=True)]
    id: Annotated[str | None, Field(max_length=200, description="given back with the answer")] = None


class Places(BaseModel):
    """Where to look from."""

    model_config = ConfigDict(extra="forbid")

    places: Annotated[list[Place], Field(min_length=1, max_length=MOST_PLACES)]


class IsochronesQuery(Common):
    """Around what, how long, how."""

    lon: Annotated[Lon | None, Field(description="degrees"), NUMBER] = None
    lat: Annotated[Lat | None, Field(description="degrees"), NUMBER] = None
    facility: Annotated[
        str | None, Field(description="id of a facility, instead of lon and lat", validate_default=True)
    ] = None
    minutes: Annotated[
        str,
        Field(
            description=f"the contours, at most {MOST_CONTOURS} of up to {MOST_MINUTES}",
            examples=["5,10,15"],
            json_schema_extra=listed(
                {"type": "number", "exclusiveMinimum": 0, "maximum": MOST_MINUTES}, maxItems=MOST_CONTOURS
            ),
        ),
    ] = "5,10,15"
    mode: Annotated[Mode, Field(description="how people travel")] = "walk"
    direction: Annotated[Direction, Field(description="whether people travel from the place or to it")] = "from"

    @field_validator("minutes")
    @classmethod
    def _times(cls, value: str) -> str:
        contours(value)
        return value

    @field_validator("facility")
    @classmethod
    def _one_place(cls, value: str | None, info: ValidationInfo) -> str | None:
        given = [name for name in ("lon", "lat") if info.data.get(name) is not None]
        if not {"lon", "lat"} <= set(info.data):  # they are wrong themselves, which is said already
            return value
        if len(given) != (2 if value is None else 0):
            raise ValueError("give both lon and lat, or facility")
        return value

    @property
    def place(self) -> tuple[float, float] | str:
        """The coordinates, or the facility's id."""
        return self.facility if self.facility is not None else (self.lon or 0.0, self.lat or 0.0)


def contours(minutes: str) -> list[float]:
    """Minutes of ``5,10,15``; ValueError if they are none, too many or too long."""
    try:
        found = [float(part) for part in minutes.split(",")]
    except ValueError:
        raise ValueError("needs numbers with commas between: 5,10,15") from None
    if len(found) > MOST_CONTOURS or not all(0 < one <= MOST_MINUTES for one in found):
        raise ValueError(f"needs 1 to {MOST_CONTOURS} numbers above 0 and up to {MOST_MINUTES}")
    return found


@dataclass(frozen=True)
class Said:
    """What answers say of the study besides."""

    coordinate_system: Coordinates
    notice: str | None
    attribution: str | None


@dataclass(frozen=True)
class OneCoverage(Said, Coverage):
    """Where the place stands on one standard."""


@dataclass(frozen=True)
class CoverageList(Said):
    """All standards and where the place stands on them."""

    standards: list[Coverage]


def _said(answers: Answers, query: Common) -> dict[str, Any]:
    return vars(Said(query.coordinates, answers.said["notice"], answers.said["attribution"]))


@router.get(
    "/nearest",
    responses=documented("GeoJSON, nearest first, with minutes and metres", "Nearest", media_type=GEOJSON),
    summary="The nearest facilities by travel time",
)
async def nearest(request: Request, query: Annotated[NearestQuery, Query()]) -> Response:
    answers = answers_of(request)
    wish = query.wish(answers.study.settings.timezone)

    def make(state: Any) -> dict[str, Any]:
        return Nearby.of(answers, state, wish).around(query.lon, query.lat)

    also = "" if wish.open_at is None else str(wish.open_at)
    return await answer(request, make, GEOJSON, keep=False, also=also, at_hand=wish.at_hand)


@router.get("/standards", responses=documented("the goals", "Standards"), summary="The goals, as data")
async def standards(request: Request, query: Annotated[Common, Query()]) -> Response:
    answers = answers_of(request)

    def make(_: Any) -> dict[str, Any]:
        found = [one.model_dump(mode="json") for one in answers.study.standards]
        return {"standards": found, "sample": answers.study.settings.sample, **_said(answers, query)}

    return await answer(request, make)


@router.get("/coverage", responses=documented("every goal's figures", CoverageList), summary="Where the place stands")
async def coverage(request: Request, query: Annotated[Common, Query()]) -> Response:
    answers = answers_of(request)
    return await answer(request, lambda state: {"standards": answers.all_coverage(state), **_said(answers, query)})


@router.get(
    "/coverage/{standard}",
    responses=documented("one goal's figures", OneCoverage, 404),
    summary="Where the place stands on one goal",
)
async def coverage_of(request: Request, standard: str, query: Annotated[Common, Query()]) -> Response:
    answers = answers_of(request)
    return await answer(request, lambda state: {**vars(answers.coverage(standard, state)), **_said(answers, query)})


@router.post(
    "/nearest",
    responses=documented("for each place, in their order, its nearest facilities", "NearestOfEach", 413),
    summary="The nearest facilities of up to 1,000 places at once",
)
async def nearest_of_each(request: Request, places: Places, query: Annotated[WishQuery, Query()]) -> Response:
    wish = query.wish(answers_of(request).study.settings.timezone)
    if len(places.places) * wish.limit > MOST_FOUND:
        raise FieldError([("limit", f"limit times the number of places is more than {MOST_FOUND:,}")])
    if wish.searches and len(places.places) > MOST_SEARCHED:
        reason = f"places are more than {MOST_SEARCHED}, the most with these parameters or a limit above 8"
        raise FieldError([("places", reason)])
    if wish.searches and len(places.places) * wish.limit > MOST_FOUND_BY_SEARCH:
        reason = f"limit times places is more than {MOST_FOUND_BY_SEARCH:,}, the most with these parameters"
        raise FieldError([("limit", reason)])
    state = await state_of(request)
    return await run_in_threadpool(_nearest_of_each, request, state, places, wish)


def _nearest_of_each(request: Request, state: Any, places: Places, wish: Wish) -> Response:
    nearby = Nearby.of(answers_of(request), state, wish)
    found = [nearby.around(place.lon, place.lat) for place in places.places]
    own = ("place", "snapped", "reason", "features")
    told = [
        {"id": place.id, **{name: one[name] for name in own}} for place, one in zip(places.places, found, strict=True)
    ]
    shared = {name: value for name, value in found[0].items() if name not in (*own, "type")}
    return json_response({"answers": told, **shared})


@router.get(
    "/isochrones",
    responses=documented(
        "GeoJSON, one feature a contour, the shortest first", "Isochrones", 404, 410, media_type=GEOJSON
    ),
    summary="What lies within some minutes of a place or a facility",
)
async def isochrones(request: Request, query: Annotated[IsochronesQuery, Query()]) -> Response:
    answers = answers_of(request)

    def make(_: Any) -> dict[str, Any]:
        minutes = contours(query.minutes)
        return answers.isochrones(query.place, minutes, query.mode, query.direction, query.coordinates)

    return await answer(request, make, GEOJSON)
