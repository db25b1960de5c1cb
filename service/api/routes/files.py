"""The endpoints that import and export whole lists of facilities, and the one that finds duplicates in the register."""

import dataclasses
import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import Field, field_validator
from starlette.datastructures import UploadFile

from geo.choices import Coordinates
from geo.errors import ExtractError, FieldError, TableError, UnknownNameError
from geo.lists import duplicates, writer
from geo.lists.reader import FacilityList, ListOptions
from geo.lists.table_locations import StatedSystem
from geo.sources import facility_lists
from geo.study import texts
from service.answers.engine import Answers
from service.answers.json_types import JsonObject
from service.answers.state import RegisterState
from service.api.auth import Editor
from service.api.errors import problem_response
from service.api.queries import (
    BOOLEAN_TEXT,
    DATE_TEXT,
    INTEGER_TEXT,
    NUMBER_TEXT,
    CoordinatesQuery,
    KnownParametersOnly,
    QueryRoute,
    check_category,
    limit_field,
)
from service.api.responses import answers_of, describe_responses, json_response, respond
from service.register import imports
from service.register.imports import ImportOptions

MAX_DUPLICATES = 1000
MAX_FILES, MAX_FORM_FIELDS = 20, 100

router = APIRouter(prefix="/v1", tags=["register"], route_class=QueryRoute, default_response_class=Response)


class ImportQuery(KnownParametersOnly):
    """The parameters of an import: how the list is read, and what is done with its rows."""

    coordinates: Annotated[
        Coordinates | None, Field(description="coordinate system of the list, where it does not say itself")
    ] = None
    crs: Annotated[
        str | None, Field(description="EPSG code of the positions, if they are in metres", examples=["EPSG:4549"])
    ] = None
    sheet: Annotated[
        str | None, Field(description="the one sheet or layer to read, hidden or not; default: all visible ones")
    ] = None
    category: Annotated[
        str | None,
        Field(description="of all rows, where the list has no column for it"),
    ] = None
    columns: Annotated[
        str | None, Field(description="which heading is which field, as JSON", examples=['{"机构": "name"}'])
    ] = None
    verified: Annotated[date | None, Field(description="the day on which its office verified all of it"), DATE_TEXT] = (
        None
    )
    source: Annotated[
        str | None, Field(min_length=1, max_length=60, description="whose ids these are: put before each of them")
    ] = None
    update: Annotated[
        bool, Field(description="an id is the register's even if name, place or category is another"), BOOLEAN_TEXT
    ] = False
    dry_run: Annotated[bool, Field(description="report what would change, and change nothing"), BOOLEAN_TEXT] = False
    leave_out: Annotated[bool, Field(description="import the list without its unusable rows"), BOOLEAN_TEXT] = False

    _check_category = field_validator("category")(check_category)

    @field_validator("crs")
    @classmethod
    def _check_crs(cls, value: str | None) -> str | None:
        try:
            StatedSystem(crs=value).check()
        except UnknownNameError as error:
            raise ValueError(str(error)) from error
        return value

    @field_validator("columns")
    @classmethod
    def _check_columns(cls, value: str | None) -> str | None:
        parse_columns(value)
        return value


def parse_columns(text: str | None) -> Mapping[str, str]:
    """The field of each heading, from JSON such as ``{"机构": "name"}``; ValueError if the text is something else."""
    try:
        columns = {} if text is None else json.loads(text)
    except (ValueError, RecursionError):
        columns = None
    if not isinstance(columns, dict) or not all(isinstance(name, str) for name in columns.values()):
        raise ValueError('needs JSON such as {"机构": "name"}')
    return columns


FILE_SCHEMA = {"type": "string", "format": "binary", "description": "the list; several such parts are several lists"}
UPLOAD_BODY = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {"file": FILE_SCHEMA},
            }
        }
    },
}


@router.post(
    "/imports",
    responses=describe_responses("what each row of the list changed, or would change", "Report", 401, 413, 422),
    summary="Import lists of facilities: spreadsheets, CSV, GeoJSON, KML, GeoPackage, zipped shapefiles, OSM extracts",
    openapi_extra={"requestBody": UPLOAD_BODY},
)
async def import_list(request: Request, query: Annotated[ImportQuery, Query()], editor: Editor) -> Response:
    # FastAPI would read the whole body before it checks the key, so the body is read here.
    async with request.form(max_files=MAX_FILES, max_fields=MAX_FORM_FIELDS) as form:
        reason = "is no part of the form, which has only “file”: options are parameters of the address"
        unknown = dict.fromkeys(name for name in form if name != "file")
        if unknown:
            raise FieldError([(name[:60], f"{name[:60]} {reason}, such as ?dry_run=true") for name in unknown])
        files = form.getlist("file")
        uploads = [file for file in files if isinstance(file, UploadFile)]
        if not files or len(uploads) < len(files):
            raise FieldError([("file", "file is missing: send the list as multipart/form-data, in the part “file”")])
        return await run_in_threadpool(_import, answers_of(request), uploads, query, editor)


def _import(answers: Answers, files: Sequence[UploadFile], query: ImportQuery, editor: str) -> Response:
    lists: list[FacilityList] = []
    reports_or_errors: list[JsonObject | None] = []  # of each file; None where its report is still to be made
    errors: list[str] = []
    for file in files:
        try:
            lists.append(_read(answers, file, query))
            reports_or_errors.append(None)
        except TableError as error:
            if len(files) == 1:
                raise
            errors.append(str(error))
            reports_or_errors.append({"file": _name(file), "applied": False, "error": str(error)})
    options = ImportOptions(
        dry_run=query.dry_run or bool(errors),
        leave_out=query.leave_out,
        verified=query.verified,
        source=query.source,
        update=query.update,
    )
    reports = imports.apply_lists(answers.register, lists, editor, options)
    made = iter(reports)
    contents = [next(made).as_json() if entry is None else entry for entry in reports_or_errors]
    content = (
        contents[0]
        if len(contents) == 1
        else {"applied": reports[0].applied if reports else False, "reports": contents}
    )
    if errors:
        detail = f"nothing was imported, because files cannot be used: {'; '.join(errors)}"
        return problem_response(422, detail, None, **content)
    # A list of pairs, because two lists may have the same name.
    unusable = [(report.file, report.counts["unusable"]) for report in reports if report.counts["unusable"]]
    if unusable and not query.dry_run and not query.leave_out:
        detail = "; ".join(f"{name}: {count} of its rows are unusable" for name, count in unusable)
        return problem_response(422, f"nothing was imported, because rows are unusable: {detail}", None, **content)
    return json_response(content)


def _read(answers: Answers, file: UploadFile, query: ImportQuery) -> FacilityList:
    """The list in an uploaded file; TableError, with the client's name of the file, if it cannot be read."""
    name = _name(file)
    with tempfile.TemporaryDirectory() as folder:
        # The client's name for the file may have another folder in it, or be too long for the file system.
        path = Path(folder) / f"list{''.join(Path(name).suffixes[-2:])[-10:]}"
        with path.open("wb") as copy:
            shutil.copyfileobj(file.file, copy)
        try:
            options = ListOptions(
                within=answers.study.territory,
                coordinates=query.coordinates,
                crs=query.crs,
                sheets=() if query.sheet is None else (query.sheet,),
                columns=parse_columns(query.columns),
                category=query.category,
                categories=answers.study.categories,
            )
            facility_list = facility_lists.read(path, options)
        except TableError as error:
            raise TableError(name, error.problems) from error
        except ExtractError as error:
            raise TableError(name, [str(error).removeprefix(f"{path}: ")]) from error
    return dataclasses.replace(facility_list, file=Path(name))


def _name(file: UploadFile) -> str:
    """The client's name of an uploaded file, without folders."""
    name = Path((file.filename or "").replace("\\", "/")).name
    return str(texts.clean(name[-100:].lstrip(".")) or "list")


@router.get(
    "/exports/facilities.{kind}",
    responses=describe_responses("the register as a file that can be imported again", None, 404),
    summary="All facilities as geojson, csv, xlsx or gpkg",
    response_class=Response,
)
def export(request: Request, kind: writer.Format, query: Annotated[CoordinatesQuery, Query()]) -> Response:
    answers = answers_of(request)
    file = writer.write(answers.register.facilities(), kind, query.coordinates, answers.study.categories)
    headers = {"Content-Disposition": f'attachment; filename="facilities.{kind}"'}
    return Response(file.content, media_type=writer.MEDIA_TYPES[kind], headers=headers)


class DuplicatesQuery(CoordinatesQuery):
    """The parameters of the search for duplicates."""

    category: Annotated[
        str | None,
        Field(description="one category; all"),
    ] = None
    least: Annotated[
        float, Field(ge=duplicates.MIN_SCORE, le=1, description="the lowest score of a pair"), NUMBER_TEXT
    ] = duplicates.MIN_SCORE
    limit: Annotated[int, limit_field(MAX_DUPLICATES), INTEGER_TEXT] = 100

    _check_category = field_validator("category")(check_category)


@router.get(
    "/duplicates",
    responses=describe_responses("pairs, the likeliest first", "Duplicates"),
    summary="Probable duplicates in the register",
    name="twins",  # part of the operationId, which generated clients use
)
async def duplicate_pairs(request: Request, query: Annotated[DuplicatesQuery, Query()]) -> Response:
    answers = answers_of(request)

    def compute(state: RegisterState) -> JsonObject:
        pairs = answers.find_duplicates(query.category, query.least)
        return {
            "duplicates": pairs[: min(query.limit, MAX_DUPLICATES)],
            "numberMatched": len(pairs),
            "coordinate_system": query.coordinates,
        }

    return await respond(request, compute)
