"""One table from exception to status, and one body for every error: RFC 9457 problem details."""

import logging
from collections.abc import Callable
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match, Mount
from starlette.types import Scope

from geo.errors import FieldError, FuwuquanError, TableError, UnknownNameError
from service.register.database import RegisterError
from service.register.register import ConflictError, GoneError, StaleVersionError

MEDIA_TYPE = "application/problem+json"
STATUS: dict[type[FuwuquanError], int] = {
    FieldError: 400,
    UnknownNameError: 404,
    ConflictError: 409,
    GoneError: 410,
    StaleVersionError: 412,
    TableError: 422,
    FuwuquanError: 503,
}
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
LABELS = {
    400: "请求有误",
    401: "需要密钥",
    404: "没有这一页",
    405: "不能这样操作",
    409: "已被占用",
    410: "已经撤下",
    412: "已被他人修改",
    413: "内容太大",
    422: "文件无法使用",
    428: "需要 If-Match",
    429: "请求太频繁",
    500: "服务器出错",
    503: "暂不可用",
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
    429: "Too many requests",
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
EXAMPLES: dict[int, dict[str, Any]] = {
    400: {
        "detail": "lon: Input should be less than or equal to 180",
        "parameters": [{"name": "lon", "reason": "Input should be less than or equal to 180"}],
    },
    401: {"detail": "needs a key: Authorization: Bearer …, made by `fuwuquan keys add NAME`"},
    404: {"detail": "unknown standard 'health-30'; known: health-15, health-20"},
    409: {"detail": "there is a facility 'clinic-1' already, or there was"},
    410: {"detail": "facility 'clinic-1' was taken out of the register on 2026-03-01"},
    412: {"detail": "facility 'clinic-1' has changed since you read it; it is now version 3"},
    413: {"detail": "the body is longer than 1 MB"},
    422: {"detail": "list.csv: nothing of it was taken over, for 2 of its rows are unusable"},
    428: {"detail": "give If-Match with the ETag that GET gave, so that nobody's edit is lost"},
    429: {"detail": "more than 600 per 1 minute; ask again in 12 s"},
    503: {"detail": "the register of facilities cannot be used; the server's log says why"},
}
_log = logging.getLogger("fuwuquan")


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` of a route that can fail with ``statuses``."""
    return {status: _documented(status) for status in statuses}


def _documented(status: int) -> dict[str, Any]:
    title, example = TITLES[status], {"type": kind(status), "title": TITLES[status], "status": status}
    example |= EXAMPLES.get(status, {"detail": "…"})
    schema = {"$ref": "#/components/schemas/Problem"}
    page = {"text/html": {"schema": {"type": "string"}}}  # for browsers
    return {"description": title, "content": {MEDIA_TYPE: {"schema": schema, "example": example}, **page}}


def kind(status: int) -> str:
    """The stable type of the problems with a status."""
    return f"urn:fuwuquan:problem:{TITLES.get(status, 'Error').lower().replace(' ', '-')}"


def problem(status: int, detail: str, headers: Any = None, **more: Any) -> Response:
    """The error's response; ``more`` are further members of its body."""
    body = {"type": kind(status), "title": TITLES.get(status, "Error"), "status": status, "detail": detail, **more}
    return Response(orjson.dumps(body), status, media_type=MEDIA_TYPE, headers=headers)


def install(app: FastAPI, page: Callable[[Request, int, str], Response | None]) -> None:
    """Make every error of ``app`` a problem; or what ``page`` makes of its request, status and detail, if anything."""

    def told(request: Request, status: int, detail: str, headers: Any = None, **more: Any) -> Response:
        shown = page(request, status, detail)
        if shown is None:
            return problem(status, detail, headers, **more)
        shown.headers.update(headers or {})
        return shown

    @app.exception_handler(RequestValidationError)
    async def bad_parameter(request: Request, error: RequestValidationError) -> Response:
        parameters = [{"name": _named(one), "reason": _reason(one)} for one in error.errors()]
        detail = "; ".join(f"{one['name']}: {one['reason']}" for one in parameters)
        return told(request, 400, detail, parameters=parameters)

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        headers = dict(error.headers or {})
        if error.status_code == 405:  # Starlette names the methods of one route only
            headers["Allow"] = ", ".join(sorted(_methods(app, request)))
        more = {"parameters": [{"name": "body", "reason": str(error.detail)}]} if error.status_code == 400 else {}
        return told(request, error.status_code, str(error.detail), headers, **more)

    @app.exception_handler(FuwuquanError)
    async def ours(request: Request, error: FuwuquanError) -> Response:
        status = next(status for kind, status in STATUS.items() if isinstance(error, kind))
        if isinstance(error, RegisterError):  # it names the database, which is nobody's business
            _log.error("%s", error)
            return told(request, status, "the register of facilities cannot be used; the server's log says why")
        if isinstance(error, FieldError):
            parameters = [{"name": name, "reason": reason} for name, reason in error.problems]
            return told(request, status, str(error), parameters=parameters)
        return told(request, status, str(error))


def unforeseen(scope: Scope, error: Exception) -> Response:
    """The answer to what nobody foresaw; the log says what it was."""
    request_id = scope.get("state", {}).get("request_id", "")
    _log.error("%s %s failed (request %s)", scope["method"], scope["path"], request_id, exc_info=error)
    return problem(500, "something went wrong here; the server's log says what")


def _methods(app: FastAPI, request: Request) -> set[str]:
    """The methods that a path has."""
    found: set[str] = set()
    for method in METHODS:
        matching = (one for one in app.routes if method == "GET" or not isinstance(one, Mount))
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in matching):
            found.add(method)
    found = found or {"GET"}  # below a mount the path is not the whole one
    return found | ({"HEAD"} if "GET" in found else set())


def _named(one: Any) -> str:
    """The parameter, in a list with its number; of a body that cannot be read there is only the number of the byte."""
    where, *names = one["loc"]
    if where == "body" and any(isinstance(name, int) for name in names[1:]):
        return "".join(f"[{name}]" if isinstance(name, int) else f".{name}" for name in names)[1:100]
    return "body" if where == "body" and isinstance(one["loc"][-1], int) else str(one["loc"][-1])[:100]


def _reason(one: Any) -> str:
    if one["loc"] == ("body",) and one["type"] == "model_attributes_type":
        return "needs a JSON object, sent with Content-Type: application/json"
    if one["type"] == "extra_forbidden":
        return "there is no such parameter"
    return str(one["msg"]).removeprefix("Value error, ")
