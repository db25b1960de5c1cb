"""The HTTP API under ``/v1``. Each query is a model that refuses what it does not know; each answer is ready bytes."""

from collections import Counter
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from geo import facilities
from geo.coverage import Coverage
from geo.datum import Coordinates
from geo.errors import UnknownNameError
from geo.standards import Direction, Mode
from service import problems
from service.answers import Answers

GEOJSON = "application/geo+json"
MOST_NEAREST = 100
MOST_ITEMS = 10_000
MOST_CONTOURS = 10
MOST_MINUTES = 120
MOST_PARAMETERS = 20


def no_repeats(request: Request) -> None:
    """Refuse a parameter that is given twice, as nobody can say which is meant, and more than anybody needs."""
    names = Counter(name for name, _ in request.query_params.multi_items())
    twice = [name for name, times in names.items() if times > 1]
    problems = [(name, "is given more than once") for name in twice[:MOST_PARAMETERS]]
    if len(names) > MOST_PARAMETERS:
        problems.append((next(reversed(names)), f"is one of more than {MOST_PARAMETERS} parameters"))
    if problems:
        raise RequestValidationError(
            [{"loc": ("query", name), "type": "repeated", "msg": reason} for name, reason in problems]
        )


router = APIRouter(prefix="/v1", dependencies=[Depends(no_repeats)])


class NoQuery(BaseModel):
    """No parameters at all."""

    model_config = ConfigDict(extra="forbid")


class Common(NoQuery):
    """Parameters that every endpoint takes."""

    coordinates: Annotated[
        Coordinates, Field(description="coordinate system of all places in the question and in the answer")
    ] = "wgs84"


def _known_category(value: str | None) -> str | None:
    return None if value is None else facilities.known_category(value)


class NearestQuery(Common):
    """Where, what, how, how many."""

    lon: Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False, description="degrees")]
    lat: Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False, description="degrees")]
    category: Annotated[str | None, Field(description=f"one of {', '.join(facilities.CATEGORIES)}; all")] = None
    mode: Annotated[Mode, Field(description="how people travel")] = "walk"
    limit: Annotated[int, Field(ge=1, description=f"at most {MOST_NEAREST} are given")] = 5
    path: Annotated[bool, Field(description="whether each facility has the way there, a LineString")] = False

    _category = field_validator("category")(_known_category)


class IsochronesQuery(Common):
    """Around what, how long, how."""

    lon: Annotated[float | None, Field(ge=-180, le=180, allow_inf_nan=False, description="degrees")] = None
    lat: Annotated[float | None, Field(ge=-90, le=90, allow_inf_nan=False, description="degrees")] = None
    facility: Annotated[
        str | None, Field(description="id of a facility, instead of lon and lat", validate_default=True)
    ] = None
    minutes: Annotated[
        str, Field(description=f"the contours, at most {MOST_CONTOURS} of up to {MOST_MINUTES}", examples=["5,10,15"])
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


class ItemsQuery(Common):
    """Which part of a collection."""

    bbox: Annotated[
        str | None,
        Field(description="west,south,east,north in `coordinates`", examples=["120.0,28.8,120.1,28.9"]),
    ] = None
    category: Annotated[str | None, Field(description=f"one of {', '.join(facilities.CATEGORIES)}")] = None
    limit: Annotated[int, Field(ge=1, description=f"at most {MOST_ITEMS} are given")] = 100
    offset: Annotated[int, Field(ge=0, le=2**31, description="how many to pass over")] = 0

    _category = field_validator("category")(_known_category)

    @field_validator("bbox")
    @classmethod
    def _box(cls, value: str | None) -> str | None:
        if value is not None:
            _numbers(value)
        return value


def _numbers(bbox: str) -> tuple[float, float, float, float]:
    try:
        west, south, east, north = (float(part) for part in bbox.split(","))
    except ValueError:
        raise ValueError("needs four numbers: west,south,east,north") from None
    # Chained comparisons are false for NaN too.
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise ValueError("needs -180 ≤ west ≤ east ≤ 180 and -90 ≤ south ≤ north ≤ 90")
    return west, south, east, north


def answers_of(request: Request) -> Answers:
    """What the application answers from."""
    answers: Answers = request.app.state.answers
    return answers


def _json(content: Any, media_type: str = "application/json") -> Response:
    return Response(orjson.dumps(content), media_type=media_type)


class CoverageList(BaseModel):
    """All standards and where the place stands on them."""

    standards: list[Coverage]


def _documented(description: str, model: Any = None, *statuses: int) -> dict[int | str, dict[str, Any]]:
    ok: dict[str, Any] = {"description": description}
    if model is not None:
        ok["model"] = model
    return {200: ok} | problems.documented(400, *statuses)


@router.get("/standards", responses=_documented("the goals"), summary="The goals, as data")
def standards(request: Request, query: Annotated[Common, Query()]) -> Response:
    study = answers_of(request).study
    return _json({"standards": [one.model_dump(mode="json") for one in study.standards], "sample": study.about.sample})


@router.get("/coverage", responses=_documented("every goal's figures", CoverageList), summary="Where the place stands")
def coverage(request: Request, query: Annotated[Common, Query()]) -> Response:
    return _json({"standards": answers_of(request).all_coverage()})


@router.get(
    "/coverage/{standard}",
    responses=_documented("one goal's figures", Coverage, 404),
    summary="Where the place stands on one goal",
)
def coverage_of(request: Request, standard: str, query: Annotated[Common, Query()]) -> Response:
    return _json(answers_of(request).coverage(standard))


@router.get(
    "/nearest",
    responses=_documented("a GeoJSON FeatureCollection, nearest first, with minutes and metres"),
    summary="The nearest facilities by travel time",
)
def nearest(request: Request, query: Annotated[NearestQuery, Query()]) -> Response:
    answer = answers_of(request).nearest(
        query.lon,
        query.lat,
        query.category,
        query.mode,
        min(query.limit, MOST_NEAREST),
        query.coordinates,
        query.path,
    )
    return _json(answer, GEOJSON)


@router.get(
    "/isochrones",
    responses=_documented("a GeoJSON FeatureCollection, one feature a contour, the shortest first", None, 404),
    summary="What lies within some minutes of a place or a facility",
)
def isochrones(request: Request, query: Annotated[IsochronesQuery, Query()]) -> Response:
    answer = answers_of(request).isochrones(
        query.place, contours(query.minutes), query.mode, query.direction, query.coordinates
    )
    return _json(answer, GEOJSON)


@router.get(
    "/collections/facilities/items",
    responses=_documented("a GeoJSON FeatureCollection"),
    summary="Facilities, page by page",
)
def items(request: Request, query: Annotated[ItemsQuery, Query()]) -> Response:
    answers, limit = answers_of(request), min(query.limit, MOST_ITEMS)
    bbox = None if query.bbox is None else _numbers(query.bbox)
    page, matched = answers.register.page(bbox, query.category, limit, query.offset, query.coordinates)
    content = facilities.to_geojson(page, query.coordinates) | {
        "numberMatched": matched,
        "numberReturned": len(page),
        "links": _links(request, query, limit, matched),
        "coordinates": query.coordinates,
        "sample": answers.study.about.sample,
    }
    return _json(content, GEOJSON)


def _links(request: Request, query: ItemsQuery, limit: int, matched: int) -> list[dict[str, str]]:
    def link(rel: str, offset: int) -> dict[str, str]:
        url = request.url.include_query_params(limit=limit, offset=offset)
        return {"rel": rel, "type": GEOJSON, "href": str(url)}

    links = [{"rel": "self", "type": GEOJSON, "href": str(request.url)}]
    if query.offset + limit < matched:
        links.append(link("next", query.offset + limit))
    if query.offset > 0:
        links.append(link("prev", max(0, query.offset - limit)))
    return links


@router.get(
    "/collections/facilities/items/{facility_id:path}",
    responses=_documented("a GeoJSON Feature", None, 404),
    summary="One facility",
)
def item(request: Request, facility_id: str, query: Annotated[Common, Query()]) -> Response:
    answers = answers_of(request)
    found = answers.register.get(facility_id)
    if found.empty:
        raise UnknownNameError("facility", facility_id, ["see /v1/collections/facilities/items"])
    feature = facilities.geojson_feature(found.iloc[0], facility_id, query.coordinates)
    return _json(feature | {"coordinates": query.coordinates, "sample": answers.study.about.sample}, GEOJSON)
