"""The register over HTTP: facilities edited by those who have a key, and their history."""

import hashlib
import json
import re
from collections.abc import Callable
from typing import Annotated, Any, Literal
from urllib.parse import quote

import shapely
from fastapi import APIRouter, Depends, Header, HTTPException, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from geo.choices import Coordinates
from geo.errors import FieldError
from geo.geodesy import crs, datums
from geo.study import facilities, files, geojson
from service.api.auth import Editor
from service.api.responses import GEOJSON, Common, QueryRoute, answer, answers_of, documented, json_response
from service.api.routes import features
from service.register import history as ledger
from service.register.history import FacilityRow
from service.register.register import IdempotentRequest, StoredFacility

ITEMS = "/collections/facilities/items"
ITEM = ITEMS + "/{feature_id:facility_id}"

router = APIRouter(prefix="/v1", tags=["register"], route_class=QueryRoute, default_response_class=Response)


class Told(BaseModel):
    """What GET tells of a facility besides its place and properties, and may be sent back."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["Feature"] = "Feature"
    id: Annotated[str | None, Field(min_length=1, max_length=200, description="of a new one; default: one is made")] = (
        None
    )
    coordinate_system: Annotated[
        Coordinates | None, Field(description="that of the geometry; default: that of the query")
    ] = None
    sample: Annotated[bool | None, Field(description="changes nothing")] = None
    links: Annotated[JsonValue, Field(description="change nothing")] = None


class Feature(Told):
    """A facility as a GeoJSON Feature; properties that nobody knows are kept."""

    geometry: Annotated[dict[str, JsonValue], Field(description="GeoJSON geometry in `coordinates`")]
    properties: Annotated[dict[str, JsonValue], Field(description="category, name, address, opened and so on")]


class FeaturePatch(Told):
    """What is to change: a merge patch (RFC 7396) of a Feature; null takes a property away."""

    geometry: Annotated[dict[str, JsonValue], Field(description="GeoJSON geometry in `coordinates`")] = {}
    properties: Annotated[dict[str, JsonValue], Field(description="only those that change")] = {}


class Twin(BaseModel):
    """The other record of the same facility."""

    model_config = ConfigDict(extra="forbid")

    twin: Annotated[str, Field(description="its id; it is taken out of the register and its history kept")]
    twin_version: Annotated[int | None, Field(description="refused if it has another version by now")] = None


IfMatch = Annotated[str | None, Header(description="ETag of the facility as it was read, or *")]


def expected(request: Request, if_match: IfMatch = None) -> list[int] | None:
    """The versions that an If-Match header allows; None: any."""
    if if_match is None:
        raise HTTPException(428, "give If-Match with the ETag that GET gave, so that nobody's edit is lost")
    if if_match.strip() == "*":
        return None
    tag = rf'(?<!W/)"(\d{{1,9}})-{answers_of(request).edition}-[a-z0-9]+"'
    return [int(version) for version in re.findall(tag, if_match)]


Expected = Annotated[list[int] | None, Depends(expected)]


def _feature(request: Request, held: StoredFacility, coordinates: str, status: int = 200) -> Response:
    told, headers = features.facility(request, held, coordinates)
    if status == 201:
        headers["Location"] = str(request.url.replace(query="")) + "/" + quote(held.id, safe="")
    return json_response(told, GEOJSON, status, headers)


def _in_its_system(request: Request, body: Feature | FeaturePatch, query: Common) -> None:
    """FieldError if the body's header says another system than it and the query do."""
    said = request.headers.get("content-crs", "").strip().removeprefix("<").removesuffix(">")
    meant = crs.by_coordinates(body.coordinate_system or query.coordinates).uri
    if said not in ("", meant):
        reason = f"Content-Crs is {said[:60]!r}, not {meant}; coordinates= says in which system a place is sent"
        raise FieldError([("Content-Crs", reason)])


def _place(body: Feature | FeaturePatch, query: Common, old: FacilityRow | None = None) -> Any:
    """The WGS84 shape of a body's geometry; the ``old`` row's, if it is what was told of that."""
    geometry, coordinates = body.geometry, body.coordinate_system or query.coordinates
    if (
        body.coordinate_system
        and "coordinates" in query.model_fields_set
        and body.coordinate_system != query.coordinates
    ):
        raise FieldError(
            [
                (
                    "coordinate_system",
                    f"coordinate_system is {body.coordinate_system} in the body, {query.coordinates} not",
                )
            ]
        )
    shape = None if old is None else shapely.from_wkb(old["geometry"])
    if shape is not None and geojson.geometry(shape, coordinates) == geometry:
        return shape
    given = datums.geometry_to_wgs84(files.parse_geometry({"geometry": geometry}), coordinates)
    if given is None:
        raise FieldError([("geometry", "geometry is no GeoJSON geometry")])
    return given


def _given(properties: dict[str, Any], who: str) -> dict[str, Any]:
    """A body's properties, with the name of who verified it, where they say when and not by whom."""
    extra = properties.get("extra")
    taken = [name for name in extra if name in facilities.FIELDS] if isinstance(extra, dict) else []
    taken += ["id"] if "id" in properties else []
    if taken:  # properties are shown side by side, where two of a name would be one
        raise FieldError((name, f"{name} is a field of its own, and no further property") for name in taken)
    verified = properties.get("verified") is not None and "verified_by" not in properties
    return properties | {"verified_by": who} if verified else properties


def _patched(old: FacilityRow, properties: dict[str, Any]) -> dict[str, Any]:
    known = ledger.fields_of(old)
    further = properties.get("extra", {})
    if not isinstance(further, dict):
        raise FieldError([("extra", "extra is no JSON object")])
    known |= {name: value for name, value in properties.items() if name in known and name != "extra"}
    further = {name: value for name, value in properties.items() if name not in known} | further
    extra = known["extra"] | further
    return known | {"extra": {name: value for name, value in extra.items() if value is not None}}


@router.post(
    ITEMS,
    status_code=201,
    responses=documented(
        "the facility; Location says where it is", "Item", 401, 409, 413, status=201, media_type=GEOJSON
    ),
    summary="Add a facility",
)
def create(
    request: Request,
    feature: Feature,
    query: Annotated[Common, Query()],
    who: Editor,
    idempotency_key: Annotated[
        str | None, Header(max_length=200, description="the same key and request again add nothing")
    ] = None,
) -> Response:
    once = None
    if idempotency_key is not None:
        content = json.dumps([feature.model_dump(), query.coordinates], sort_keys=True)
        once = IdempotentRequest(who, idempotency_key, hashlib.sha256(content.encode()).hexdigest())
    _in_its_system(request, feature, query)
    place, properties = _place(feature, query), _given(feature.properties, who)
    held = answers_of(request).register.create(feature.id, properties, place, who, once)
    return _feature(request, held, feature.coordinate_system or query.coordinates, 201)


@router.get(
    ITEM + "/history",
    responses=documented("its changes, the oldest first; those of records merged into it too", "History", 404),
    summary="Who changed what of a facility, and when",
)
async def history(request: Request, feature_id: str, query: Annotated[Common, Query()]) -> Response:
    register = answers_of(request).register

    def told(name: str, value: Any) -> Any:
        if name != "geometry" or value is None:
            return value
        return geojson.geometry(files.parse_geometry({"geometry": value}), query.coordinates)

    def make(_: Any) -> dict[str, Any]:
        fields = ("facility_id", "version", "revision", "at", "who", "action", "source")
        changes = [
            {name: getattr(change, name) for name in fields}
            | {
                "fields": {
                    name: {"from": told(name, before), "to": told(name, after)}
                    for name, (before, after) in change.fields.items()
                }
            }
            for change in register.history(feature_id)
        ]
        return {"id": feature_id, "changes": changes, "coordinate_system": query.coordinates}

    return await answer(request, make)


EDITED = documented("the facility as it is now", "Item", 401, 404, 409, 410, 412, 413, 428, media_type=GEOJSON)


def _edited(
    request: Request,
    feature_id: str,
    body: Feature | FeaturePatch,
    query: Common,
    who: str,
    versions: list[int] | None,
    action: str,
    merged: Callable[[FacilityRow, dict[str, Any]], dict[str, Any]],
) -> Response:
    """Change a facility to what ``merged`` makes of its row and the body's properties, at the body's place if any."""
    _in_its_system(request, body, query)
    if body.id not in (None, feature_id):
        raise FieldError([("id", f"id = {body.id!r}: is not that of the address, {feature_id!r}")])
    properties = _given(body.properties, who)

    def new(old: FacilityRow) -> tuple[FacilityRow, Any]:
        moved = "geometry" in body.model_fields_set
        return merged(old, properties), _place(body, query, old) if moved else shapely.from_wkb(old["geometry"])

    in_area = properties.get("area_code") is not None
    held = answers_of(request).register.edit(feature_id, versions, who, action, new, in_area)
    return _feature(request, held, body.coordinate_system or query.coordinates)


@router.put(ITEM, responses=EDITED, summary="Replace a facility")
def replace(
    request: Request,
    feature_id: str,
    feature: Feature,
    query: Annotated[Common, Query()],
    who: Editor,
    versions: Expected,
) -> Response:
    def merged(old: FacilityRow, properties: dict[str, Any]) -> dict[str, Any]:
        # The provenance stays with the record, unless another is given.
        return {"provenance": old["provenance"], **properties}

    return _edited(request, feature_id, feature, query, who, versions, "replace", merged)


@router.patch(ITEM, responses=EDITED, summary="Change some of a facility")
def patch(
    request: Request,
    feature_id: str,
    change: FeaturePatch,
    query: Annotated[Common, Query()],
    who: Editor,
    versions: Expected,
) -> Response:
    return _edited(request, feature_id, change, query, who, versions, "patch", _patched)


@router.delete(
    ITEM,
    status_code=204,
    responses=documented("it is taken out", None, 401, 404, 410, 412, 428, status=204),
    summary="Take a facility out of the register, so that it can be restored",
)
def remove(
    request: Request, feature_id: str, query: Annotated[Common, Query()], who: Editor, versions: Expected
) -> Response:
    answers_of(request).register.remove(feature_id, versions, who)
    return Response(status_code=204)


@router.post(ITEM + "/restore", responses=EDITED, summary="Bring back what was taken out or merged")
def restore(
    request: Request, feature_id: str, query: Annotated[Common, Query()], who: Editor, versions: Expected
) -> Response:
    return _feature(request, answers_of(request).register.restore(feature_id, versions, who), query.coordinates)


@router.post(ITEM + "/merge", responses=EDITED, summary="Make two records of one facility one")
def merge(
    request: Request,
    feature_id: str,
    other: Twin,
    query: Annotated[Common, Query()],
    who: Editor,
    versions: Expected,
) -> Response:
    held = answers_of(request).register.merge(feature_id, versions, other.twin, other.twin_version, who)
    return _feature(request, held, query.coordinates)
