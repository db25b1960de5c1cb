"""One table from exception to status, and one body for every error: RFC 9457 problem details."""

import logging
from collections.abc import Mapping
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from geo.errors import FieldError, FuwuquanError, TableError, UnknownNameError
from service.database import RegisterError
from service.register import GoneError, LostRaceError, TakenError

MEDIA_TYPE = "application/problem+json"
STATUS: dict[type[FuwuquanError], int] = {
    FieldError: 400,
    UnknownNameError: 404,
    TakenError: 409,
    GoneError: 410,
    LostRaceError: 412,
    TableError: 422,
    FuwuquanError: 503,
}
TITLES = {
    400: "Bad request",
    401: "Key needed",
    404: "Not found",
    405: "Method not allowed",
    409: "Taken",
    410: "Gone",
    412: "Changed since",
    413: "Too large",
    422: "Unusable file",
    428: "If-Match needed",
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


class BodyLimit:
    """Refuses bodies that are longer than ``most`` bytes, of ``longer`` paths than theirs.

    Starlette's own limit answers in plain text.
    """

    def __init__(self, app: ASGIApp, most: int, longer: Mapping[str, int]) -> None:
        self._app, self._most, self._longer = app, most, longer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most, had = self._longer.get(scope["path"], self._most), 0
        too_large = f"the body is longer than {most / 2**20:g} MB"
        length = Headers(scope=scope).get("content-length", "")
        if length.isdecimal() and int(length) > most:
            await problem(413, too_large)(scope, receive, send)
            return

        async def counting() -> Message:
            nonlocal had
            message = await receive()
            had += len(message.get("body", b""))
            if had > most:
                raise HTTPException(413, too_large)
            return message

        await self._app(scope, counting, send)


def install(app: FastAPI) -> None:
    """Make every error of ``app`` a problem."""

    @app.exception_handler(RequestValidationError)
    async def bad_parameter(_: Request, error: RequestValidationError) -> Response:
        parameters = [{"name": _named(one), "reason": _reason(one)} for one in error.errors()]
        detail = "; ".join(f"{one['name']}: {one['reason']}" for one in parameters)
        return problem(400, detail, parameters=parameters)

    @app.exception_handler(HTTPException)
    async def refused(_: Request, error: HTTPException) -> Response:
        return problem(error.status_code, str(error.detail), error.headers)

    @app.exception_handler(FuwuquanError)
    async def ours(_: Request, error: FuwuquanError) -> Response:
        status = next(status for kind, status in STATUS.items() if isinstance(error, kind))
        if isinstance(error, RegisterError):  # it names the database, which is nobody's business
            _log.error("%s", error)
            return problem(status, "the register of facilities cannot be used; the server's log says why")
        if isinstance(error, FieldError):
            parameters = [{"name": name, "reason": reason} for name, reason in error.problems]
            return problem(status, str(error), parameters=parameters)
        return problem(status, str(error))

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, error: Exception) -> Response:
        _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
        return problem(500, "something went wrong here; the server's log says what")


def _named(one: Any) -> str:
    """The parameter; of a body that cannot be read there is only the number of the byte."""
    return "body" if one["loc"][0] == "body" and isinstance(one["loc"][-1], int) else str(one["loc"][-1])[:100]


def _reason(one: Any) -> str:
    if one["loc"] == ("body",) and one["type"] == "model_attributes_type":
        return "needs a JSON object, sent with Content-Type: application/json"
    if one["type"] == "extra_forbidden":
        return "there is no such parameter"
    return str(one["msg"]).removeprefix("Value error, ")
