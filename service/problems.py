"""One table from exception to status, and one body for every error: RFC 9457 problem details."""

import logging
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from geo.errors import FuwuquanError, UnknownNameError

MEDIA_TYPE = "application/problem+json"
STATUS: dict[type[FuwuquanError], int] = {UnknownNameError: 404, FuwuquanError: 503}
TITLES = {
    400: "Bad request",
    404: "Not found",
    405: "Method not allowed",
    500: "Internal error",
    503: "Not available",
}
SCHEMA = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "parameters": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name", "reason"],
                "properties": {"name": {"type": "string"}, "reason": {"type": "string"}},
            },
        },
    },
}
_log = logging.getLogger("fuwuquan")


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` of a route that can fail with ``statuses``."""
    return {status: {"description": TITLES[status], "content": {MEDIA_TYPE: {"schema": SCHEMA}}} for status in statuses}


def problem(status: int, detail: str, headers: Any = None, **more: Any) -> Response:
    """The error's response; ``more`` are further members of its body."""
    title = TITLES.get(status, "Error")
    kind = f"urn:fuwuquan:problem:{title.lower().replace(' ', '-')}"
    body = {"type": kind, "title": title, "status": status, "detail": detail, **more}
    return Response(orjson.dumps(body), status, media_type=MEDIA_TYPE, headers=headers)


def install(app: FastAPI) -> None:
    """Make every error of ``app`` a problem."""

    @app.exception_handler(RequestValidationError)
    async def bad_parameter(_: Request, error: RequestValidationError) -> Response:
        parameters = [{"name": str(one["loc"][-1])[:100], "reason": _reason(one)} for one in error.errors()]
        detail = "; ".join(f"{one['name']}: {one['reason']}" for one in parameters)
        return problem(400, detail, parameters=parameters)

    @app.exception_handler(HTTPException)
    async def refused(_: Request, error: HTTPException) -> Response:
        return problem(error.status_code, str(error.detail), error.headers)

    @app.exception_handler(FuwuquanError)
    async def ours(_: Request, error: FuwuquanError) -> Response:
        status = next(status for kind, status in STATUS.items() if isinstance(error, kind))
        return problem(status, str(error))

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, error: Exception) -> Response:
        _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
        return problem(500, "something went wrong here; the server's log says what")


def _reason(one: Any) -> str:
    if one["type"] == "extra_forbidden":
        return "there is no such parameter"
    return str(one["msg"]).removeprefix("Value error, ")
