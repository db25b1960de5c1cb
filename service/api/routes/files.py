"""Lists taken into the register and out of it over HTTP, and the twins in it."""

import dataclasses
import json
import shutil
import tempfile
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import Field, field_validator
from starlette.datastructures import UploadFile

from geo.choices import Coordinates
from geo.errors import ExtractError, FieldError, TableError
from geo.lists import duplicates, reader, writer
from geo.study import categories, texts
from service.answers.engine import Answers
from service.api.auth import Editor
from service.api.errors import problem
from service.api.responses import (
    CATEGORY,
    DAY,
    FLAG,
    NUMBER,
    WHOLE,
    Common,
    NoQuery,
    QueryRoute,
    answer,
    answers_of,
    clamped,
    documented,
    json_response,
    known_category,
)
from service.register import imports

MOST_TWINS = 1000

router = APIRouter(prefix="/v1", tags=["register"], route_class=QueryRoute, default_response_class=Response)


class ImportQuery(NoQuery):
    """How a list is to be read, and what is to be done with it."""

    coordinates: Annotated[
        Coordinates | None, Field(description="coordinate system of the list, where it does not say itself")
    ] = None
    category: Annotated[
        str | None,
        Field(description="of all rows, where the list has no column of it", json_schema_extra=CATEGORY),
    ] = None
    columns: Annotated[
        str | None, Field(description="which heading is which field, as JSON", examples=['{"机构": "name"}'])
    ] = None
    verified: Annotated[date | None, Field(description="the day on which its office has seen to all of it"), DAY] = None
    dry_run: Annotated[bool, Field(description="say what would change, change nothing"), FLAG] = False
    leave_out: Annotated[bool, Field(description="take the list over without its unusable rows"), FLAG] = False

    _category = field_validator("category")(known_category)

    @field_validator("columns")
    @classmethod
    def _mapping(cls, value: str | None) -> str | None:
        columns_of(value)
        return value


def columns_of(text: str | None) -> Mapping[str, str]:
    """Heading → field of JSON such as ``{"机构": "name"}``; ValueError if it is none."""
    try:
        columns = {} if text is None else json.loads(text)
    except (ValueError, RecursionError):
        columns = None
    if not isinstance(columns, dict) or not all(isinstance(name, str) for name in columns.values()):
        raise ValueError('needs JSON such as {"机构": "name"}')
    return columns


FORM = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {"file": {"type": "string", "format": "binary", "description": "the list"}},
            }
        }
    },
}


@router.post(
    "/imports",
    responses=documented("what each row of the list did, or would do", "Report", 401, 413, 422),
    summary="Take a list of facilities over: xlsx, csv, GeoJSON, GeoPackage, zipped Shapefile, OSM extract",
    openapi_extra={"requestBody": FORM},
)
async def import_list(request: Request, query: Annotated[ImportQuery, Query()], who: Editor) -> Response:
    # The body is read here and not by FastAPI, which would take all of it before it looks for a key.
    async with request.form(max_files=1, max_fields=1) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise FieldError([("file", "file is missing: send the list as multipart/form-data, in the part “file”")])
        return await run_in_threadpool(_taken, answers_of(request), file, query, who)


def _taken(answers: Answers, file: UploadFile, query: ImportQuery, who: str) -> Response:
    name = Path((file.filename or "").replace("\\", "/")).name
    name = str(texts.clean(name[-100:].lstrip(".")) or "list")
    with tempfile.TemporaryDirectory() as folder:
        # Its own name may lead elsewhere, or be longer than a file's may be.
        path = Path(folder) / f"list{''.join(Path(name).suffixes[-2:])[-10:]}"
        with path.open("wb") as copy:
            shutil.copyfileobj(file.file, copy)
        try:
            found = reader.read(
                path,
                within=answers.study.territory,
                coordinates=query.coordinates,
                columns=columns_of(query.columns),
                category=query.category,
            )
            report = imports.apply_list(
                answers.register,
                dataclasses.replace(found, file=Path(name)),
                who,
                dry_run=query.dry_run,
                leave_out=query.leave_out,
                verified=query.verified,
            )
        except TableError as error:
            raise TableError(name, error.problems) from error
        except ExtractError as error:
            raise TableError(name, [str(error).removeprefix(f"{path}: ")]) from error
    told = report.as_json()
    if not report.applied and not query.dry_run:
        count = report.counts["unusable"]
        return problem(422, f"{name}: nothing of it was taken over, for {count} of its rows are unusable", **told)
    return json_response(told)


@router.get(
    "/exports/facilities.{kind}",
    responses=documented("the register as a file that imports again", None, 404),
    summary="All facilities as geojson, csv, xlsx or gpkg",
    response_class=Response,
)
def export(request: Request, kind: writer.Format, query: Annotated[Common, Query()]) -> Response:
    written = writer.write(answers_of(request).register.facilities(), kind, query.coordinates)
    headers = {"Content-Disposition": f'attachment; filename="facilities.{kind}"'}
    return Response(written.content, media_type=writer.MEDIA_TYPES[kind], headers=headers)


class DuplicatesQuery(Common):
    """Of what, how sure."""

    category: Annotated[
        str | None,
        Field(description=f"one of {', '.join(categories.CATEGORIES)}; all", json_schema_extra=CATEGORY),
    ] = None
    least: Annotated[
        float, Field(ge=duplicates.MIN_SCORE, le=1, description="the lowest score that is told"), NUMBER
    ] = duplicates.MIN_SCORE
    limit: Annotated[int, clamped(MOST_TWINS), WHOLE] = 100

    _category = field_validator("category")(known_category)


@router.get(
    "/duplicates",
    responses=documented("pairs, the likeliest first", "Duplicates"),
    summary="Likely twins in the register",
)
async def twins(request: Request, query: Annotated[DuplicatesQuery, Query()]) -> Response:
    answers = answers_of(request)

    def make(_: Any) -> dict[str, Any]:
        found = answers.twins(query.category, query.least)
        told = {"duplicates": found[: min(query.limit, MOST_TWINS)], "numberMatched": len(found)}
        return told | {"coordinate_system": query.coordinates}

    return await answer(request, make)
