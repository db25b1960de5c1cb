"""The endpoints that edit facilities, which need a key (OGC API – Features Part 4), and a facility's history."""

import hashlib
import json
import re
from collections.abc import Callable
from typing import Annotated, Literal
from urllib.parse import quote

import shapely
from fastapi import APIRouter, Depends, Header, HTTPException, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, JsonValue
from shapely.geometry.base import BaseGeometry

from geo.choices import Coordinates
from geo.errors import FieldError
from geo.geodesy import crs, datums
from geo.study import facilities, files, geojson
from service.answers.json_types import JsonObject
from service.answers.state import RegisterState
from service.api.auth import Editor
from service.api.feature_documents import facility_document
from service.api.queries import CoordinatesQuery, QueryRoute
from service.api.responses import GEOJSON, answers_of, describe_responses, json_response, respond
from service.register import history as register_history
from service.register.history import FacilityRow
from service.register.register import IdempotentRequest, StoredFacility

ITEMS = "/collections/facilities/items"
ITEM = ITEMS + "/{feature_id:facility_id}"

router = APIRouter(prefix="/v1", tags=["register"], route_class=QueryRoute, default_response_class=Response)


class FeatureMembers(BaseModel):
    """The members that GET gives a facility besides geometry and properties; a client may send them back."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["Feature"] = "Feature"
    id: Annotated[
        str | None, Field(min_length=1, max_length=200, description="of a new facility; default: one is made")
    ] = None
    coordinate_system: Annotated[
        Coordinates | None, Field(description="that of the geometry; default: that of the query")
    ] = None
    sample: Annotated[bool | None, Field(description="changes nothing")] = None
    links: Annotated[JsonValue, Field(description="change nothing")] = None
    remarks: Annotated[JsonValue, Field(description="on an edit, in its answer; change nothing")] = None


class Feature(FeatureMembers):
    """A facility as a GeoJSON Feature; properties that the register has no field for are kept."""

    geometry: Annotated[dict[str, JsonValue], Field(description="GeoJSON geometry in `coordinates`")]
    properties: Annotated[dict[str, JsonValue], Field(description="category, name, address, opened and so on")]


class FeaturePatch(FeatureMembers):
    """What is to change: a merge patch (RFC 7396) of a Feature; null removes a property."""

    geometry: Annotated[dict[str, JsonValue], Field(description="GeoJSON geometry in `coordinates`")] = {}
    properties: Annotated[dict[str, JsonValue], Field(description="only those that change")] = {}


class Twin(BaseModel):
    """The other record of the same facility."""

    model_config = ConfigDict(extra="forbid")

    twin: Annotated[str, Field(description="its id; it leaves the register and its history is kept")]
    twin_version: Annotated[int | None, Field(description="refused if the record has another version by now")] = None


IfMatch = Annotated[str | None, Header(description="ETag of the facility as it was read, or *")]


def allowed_versions(request: Request, if_match: IfMatch = None) -> list[int] | None:
    """The versions of the facility that an If-Match header allows to be edited; None: any.

    Raises
    ------
    HTTPException
        Status 428: there is no such header.
    """
    if if_match is None:
        raise HTTPException(428, "give If-Match with the ETag that GET gave, so that nobody's edit is lost")
    if if_match.strip() == "*":
        return None
    tag = rf'(?<!W/)"(\d{{1,9}})-{answers_of(request).version_hash}-[a-z0-9]+"'
    return [int(version) for version in re.findall(tag, if_match)]


AllowedVersions = Annotated[list[int] | None, Depends(allowed_versions)]


def _facility_response(request: Request, record: StoredFacility, coordinates: str, status: int = 200) -> Response:
    document, headers = facility_document(request, record, coordinates)
    if record.remarks:
        document["remarks"] = list(record.remarks)
    if status == 201:
        headers["Location"] = str(request.url.replace(query="")) + "/" + quote(record.id, safe="")
    return json_response(document, GEOJSON, status, headers)


def _check_content_crs(request: Request, body: FeatureMembers, query: CoordinatesQuery) -> None:
    """FieldError if the Content-Crs header contradicts the coordinate system of the body or the query."""
    header = request.headers.get("content-crs", "").strip().removeprefix("<").removesuffix(">")
    expected = crs.by_name(body.coordinate_system or query.coordinates).uri
    if header not in ("", expected):
        reason = f"Content-Crs is {header[:60]!r}, not {expected}; coordinates= says in which system a place is sent"
        raise FieldError([("Content-Crs", reason)])


def _body_geometry(
    body: Feature | FeaturePatch, query: CoordinatesQuery, previous: FacilityRow | None = None
) -> BaseGeometry:
    """The body's geometry in WGS84.

    If it is what GET answers for the ``previous`` row, that row's own geometry is returned: converting the coordinates
    back would move the facility a little with each edit.
    """
    geometry, coordinates = body.geometry, body.coordinate_system or query.coordinates
    in_body = body.coordinate_system
    if in_body and "coordinates" in query.model_fields_set and in_body != query.coordinates:
        reason = f"coordinate_system is {in_body} in the body, {query.coordinates} not"
        raise FieldError([("coordinate_system", reason)])
    previous_geometry = None if previous is None else shapely.from_wkb(previous["geometry"])
    if previous_geometry is not None and geojson.geometry(previous_geometry, coordinates) == geometry:
        return previous_geometry
    converted = datums.geometry_to_wgs84(files.parse_geometry({"geometry": geometry}), coordinates)
    if converted is None:
        raise FieldError([("geometry", "geometry is no GeoJSON geometry")])
    return converted


def _checked_properties(properties: dict[str, JsonValue], editor: str) -> dict[str, JsonValue]:
    """The body's properties; ``editor`` becomes ``verified_by`` if they say when it was verified, but not by whom."""
    extra = properties.get("extra")
    misplaced = [name for name in extra if name in facilities.FIELDS] if isinstance(extra, dict) else []
    misplaced += ["id"] if "id" in properties else []
    if misplaced:  # answers show fields and further properties side by side, so a name must not be both
        raise FieldError((name, f"{name} is a field of its own, and no further property") for name in misplaced)
    verified = properties.get("verified") is not None and "verified_by" not in properties
    return properties | {"verified_by": editor} if verified else properties


def _patched(previous: FacilityRow, properties: dict[str, JsonValue]) -> FacilityRow:
    """The fields of a row after a merge patch; further properties go to ``extra``, and null removes them."""
    fields = register_history.fields_of(previous)
    extra = properties.get("extra", {})
    if not isinstance(extra, dict):
        raise FieldError([("extra", "extra is no JSON object")])
    further = {name: value for name, value in properties.items() if name not in fields} | extra
    fields |= {name: value for name, value in properties.items() if name in fields and name != "extra"}
    extra = fields["extra"] | further
    return fields | {"extra": {name: value for name, value in extra.items() if value is not None}}


@router.post(
    ITEMS,
    status_code=201,
    responses=describe_responses(
        "the facility; Location has its address", "Item", 401, 409, 413, status=201, media_type=GEOJSON
    ),
    summary="Add a facility",
)
def create(
    request: Request,
    feature: Feature,
    query: Annotated[CoordinatesQuery, Query()],
    editor: Editor,
    idempotency_key: Annotated[
        str | None, Header(max_length=200, description="a request repeated with the same key adds nothing")
    ] = None,
) -> Response:
    idempotent = None
    if idempotency_key is not None:
        content = json.dumps([feature.model_dump(), query.coordinates], sort_keys=True)
        idempotent = IdempotentRequest(editor, idempotency_key, hashlib.sha256(content.encode()).hexdigest())
    _check_content_crs(request, feature, query)
    geometry, properties = _body_geometry(feature, query), _checked_properties(feature.properties, editor)
    record = answers_of(request).register.create(feature.id, properties, geometry, editor, idempotent)
    return _facility_response(request, record, feature.coordinate_system or query.coordinates, 201)


@router.get(
    ITEM + "/history",
    responses=describe_responses("its changes, the oldest first; those of records merged into it too", "History", 404),
    summary="The changes of a facility: what, when and by whom",
)
async def history(request: Request, feature_id: str, query: Annotated[CoordinatesQuery, Query()]) -> Response:
    register = answers_of(request).register

    def json_value(field: str, value: object) -> object:
        if field != "geometry" or value is None:
            return value
        return geojson.geometry(files.parse_geometry({"geometry": value}), query.coordinates)

    def compute(state: RegisterState) -> JsonObject:
        members = ("facility_id", "version", "revision", "at", "who", "action", "source")
        changes = [
            {name: getattr(change, name) for name in members}
            | {
                "fields": {
                    field: {"from": json_value(field, before), "to": json_value(field, after)}
                    for field, (before, after) in change.fields.items()
                }
            }
            for change in register.history(feature_id)
        ]
        return {"id": feature_id, "changes": changes, "coordinate_system": query.coordinates}

    return await respond(request, compute)


EDIT_RESPONSES = describe_responses(
    "the facility as it is now", "Item", 401, 404, 409, 410, 412, 413, 428, media_type=GEOJSON
)


def _edit(
    request: Request,
    feature_id: str,
    body: Feature | FeaturePatch,
    query: CoordinatesQuery,
    editor: str,
    versions: list[int] | None,
    action: str,
    merge_fields: Callable[[FacilityRow, dict[str, JsonValue]], FacilityRow],
) -> Response:
    """Change a facility as ``body`` says.

    ``merge_fields`` makes the new fields of the old row and the body's properties. The facility moves if the body has
    a geometry.
    """
    _check_content_crs(request, body, query)
    if body.id not in (None, feature_id):
        raise FieldError([("id", f"id = {body.id!r}: is not that of the address, {feature_id!r}")])
    properties = _checked_properties(body.properties, editor)

    def change(previous: FacilityRow) -> tuple[FacilityRow, BaseGeometry]:
        moves = "geometry" in body.model_fields_set
        geometry = _body_geometry(body, query, previous) if moves else shapely.from_wkb(previous["geometry"])
        return merge_fields(previous, properties), geometry

    sets_area = properties.get("area_code") is not None
    record = answers_of(request).register.edit(feature_id, versions, editor, action, change, sets_area)
    return _facility_response(request, record, body.coordinate_system or query.coordinates)


@router.put(ITEM, responses=EDIT_RESPONSES, summary="Replace a facility")
def replace(
    request: Request,
    feature_id: str,
    feature: Feature,
    query: Annotated[CoordinatesQuery, Query()],
    editor: Editor,
    versions: AllowedVersions,
) -> Response:
    def merge_fields(previous: FacilityRow, properties: dict[str, JsonValue]) -> FacilityRow:
        # The provenance stays with the record, unless the body has another.
        return {"provenance": previous["provenance"], **properties}

    return _edit(request, feature_id, feature, query, editor, versions, "replace", merge_fields)


@router.patch(ITEM, responses=EDIT_RESPONSES, summary="Change a part of a facility")
def patch(
    request: Request,
    feature_id: str,
    change: FeaturePatch,
    query: Annotated[CoordinatesQuery, Query()],
    editor: Editor,
    versions: AllowedVersions,
) -> Response:
    return _edit(request, feature_id, change, query, editor, versions, "patch", _patched)


@router.delete(
    ITEM,
    status_code=204,
    responses=describe_responses("the facility was removed", None, 401, 404, 410, 412, 428, status=204),
    summary="Remove a facility from the register; it can be restored",
)
def remove(
    request: Request,
    feature_id: str,
    query: Annotated[CoordinatesQuery, Query()],
    editor: Editor,
    versions: AllowedVersions,
) -> Response:
    answers_of(request).register.remove(feature_id, versions, editor)
    return Response(status_code=204)


@router.post(ITEM + "/restore", responses=EDIT_RESPONSES, summary="Restore a facility that was removed or merged")
def restore(
    request: Request,
    feature_id: str,
    query: Annotated[CoordinatesQuery, Query()],
    editor: Editor,
    versions: AllowedVersions,
) -> Response:
    record = answers_of(request).register.restore(feature_id, versions, editor)
    return _facility_response(request, record, query.coordinates)


@router.post(ITEM + "/merge", responses=EDIT_RESPONSES, summary="Merge two records of one facility")
def merge(
    request: Request,
    feature_id: str,
    other: Twin,
    query: Annotated[CoordinatesQuery, Query()],
    editor: Editor,
    versions: AllowedVersions,
) -> Response:
    register = answers_of(request).register
    record = register.merge(feature_id, versions, other.twin, other.twin_version, editor)
    return _facility_response(request, record, query.coordinates)
