"""The HTTP API under ``/v1``. Each query is a model that refuses what it does not know; each answer is ready bytes."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, Field, ValidationInfo, field_validator

from geo import facilities
from geo.coverage import Coverage
from geo.standards import Direction, Mode
from service.web import GEOJSON, Common, answers_of, documented, json_response, known_category, no_repeats

MOST_NEAREST = 100
MOST_CONTOURS = 10
MOST_MINUTES = 120

router = APIRouter(prefix="/v1", dependencies=[Depends(no_repeats)])


class NearestQuery(Common):
    """Where, what, how, how many."""

    lon: Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False, description="degrees")]
    lat: Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False, description="degrees")]
    category: Annotated[str | None, Field(description=f"one of {', '.join(facilities.CATEGORIES)}; all")] = None
    mode: Annotated[Mode, Field(description="how people travel")] = "walk"
    limit: Annotated[int, Field(ge=1, description=f"at most {MOST_NEAREST} are given")] = 5
    path: Annotated[bool, Field(description="whether each facility has the way there, a LineString")] = False

    _category = field_validator("category")(known_category)


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


class CoverageList(BaseModel):
    """All standards and where the place stands on them."""

    standards: list[Coverage]


@router.get("/standards", responses=documented("the goals"), summary="The goals, as data")
def standards(request: Request, query: Annotated[Common, Query()]) -> Response:
    study = answers_of(request).study
    return json_response(
        {"standards": [one.model_dump(mode="json") for one in study.standards], "sample": study.about.sample}
    )


@router.get("/coverage", responses=documented("every goal's figures", CoverageList), summary="Where the place stands")
def coverage(request: Request, query: Annotated[Common, Query()]) -> Response:
    return json_response({"standards": answers_of(request).all_coverage()})


@router.get(
    "/coverage/{standard}",
    responses=documented("one goal's figures", Coverage, 404),
    summary="Where the place stands on one goal",
)
def coverage_of(request: Request, standard: str, query: Annotated[Common, Query()]) -> Response:
    return json_response(answers_of(request).coverage(standard))


@router.get(
    "/nearest",
    responses=documented("a GeoJSON FeatureCollection, nearest first, with minutes and metres"),
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
    return json_response(answer, GEOJSON)


@router.get(
    "/isochrones",
    responses=documented("a GeoJSON FeatureCollection, one feature a contour, the shortest first", None, 404),
    summary="What lies within some minutes of a place or a facility",
)
def isochrones(request: Request, query: Annotated[IsochronesQuery, Query()]) -> Response:
    answer = answers_of(request).isochrones(
        query.place, contours(query.minutes), query.mode, query.direction, query.coordinates
    )
    return json_response(answer, GEOJSON)
