"""Errors: the table from exception to HTTP status, and their one form, problem details (RFC 9457).

An endpoint raises an exception of `geo.errors` or of the register; the handlers here make a response of it.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any, TypedDict, cast

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match, Mount
from starlette.types import Scope

from geo.errors import FieldError, FuwuquanError, TableError, UnknownNameError
from service.answers.json_types import JsonObject
from service.register.database import RegisterError
from service.register.register import ConflictError, GoneError, StaleVersionError

MEDIA_TYPE = "application/problem+json"
STATUSES: dict[type[FuwuquanError], int] = {
    FieldError: 400,
    UnknownNameError: 404,
    ConflictError: 409,
    GoneError: 410,
    StaleVersionError: 412,
    TableError: 422,
    FuwuquanError: 503,
}
"""The status of each exception; the first class that fits counts, so the base class stands last."""
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
PROBLEM_SCHEMA = {
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
EXAMPLES: dict[int, JsonObject] = {
    400: {
        "detail": "lon: Input should be less than or equal to 180",
        "parameters": [{"name": "lon", "reason": "Input should be less than or equal to 180"}],
    },
    401: {"detail": "needs a key: Authorization: Bearer …, made by `fuwuquan keys add NAME`"},
    404: {"detail": "unknown standard 'health-30'; known: health-15, health-20"},
    409: {"detail": "facility 'clinic-1' exists already or existed once"},
    410: {"detail": "facility 'clinic-1' was removed from the register on 2026-03-01"},
    412: {"detail": "facility 'clinic-1' has changed since you read it; it is now version 3"},
    413: {"detail": "the body is longer than 1 MB"},
    422: {"detail": "nothing was imported, because rows are unusable: list.csv: 2 of its rows are unusable"},
    428: {"detail": "give If-Match with the ETag that GET gave, so that nobody's edit is lost"},
    429: {"detail": "more than 600 per 1 minute; ask again in 12 s"},
    503: {"detail": "the register of facilities cannot be used; the server's log says why"},
}
_log = logging.getLogger("fuwuquan")


class ErrorDetails(TypedDict):
    """What pydantic and FastAPI report about one invalid value: where it is, and what is wrong with it."""

    loc: tuple[str | int, ...]
    type: str
    msg: str


def describe_errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` of a route that can fail with ``statuses``, for the OpenAPI document."""
    return {status: _describe_error(status) for status in statuses}


def _describe_error(status: int) -> dict[str, Any]:
    title = TITLES[status]
    example = {"type": problem_type(status), "title": title, "status": status}
    example |= EXAMPLES.get(status, {"detail": "…"})
    schema = {"$ref": "#/components/schemas/Problem"}
    page = {"text/html": {"schema": {"type": "string"}}}  # for browsers
    return {"description": title, "content": {MEDIA_TYPE: {"schema": schema, "example": example}, **page}}


def problem_type(status: int) -> str:
    """The URN that identifies the problems with a status; it never changes."""
    return f"urn:fuwuquan:problem:{TITLES.get(status, 'Error').lower().replace(' ', '-')}"


def problem_response(status: int, detail: str, headers: Mapping[str, str] | None = None, **members: object) -> Response:
    """The response to an error; ``members`` are further members of its body."""
    title = TITLES.get(status, "Error")
    body = {"type": problem_type(status), "title": title, "status": status, "detail": detail, **members}
    return Response(orjson.dumps(body), status, media_type=MEDIA_TYPE, headers=headers)


def install(app: FastAPI, make_page: Callable[[Request, int, str], Response | None]) -> None:
    """Make every error of ``app`` a problem response.

    ``make_page`` takes the request, the status and the detail, and returns a page to answer instead, or None.
    """

    def respond(
        request: Request, status: int, detail: str, headers: Mapping[str, str] | None = None, **members: object
    ) -> Response:
        page = make_page(request, status, detail)
        if page is None:
            return problem_response(status, detail, headers, **members)
        page.headers.update(headers or {})
        return page

    @app.exception_handler(RequestValidationError)
    async def handle_invalid_parameters(request: Request, error: RequestValidationError) -> Response:
        problems = cast(list[ErrorDetails], error.errors())
        parameters = [{"name": _parameter_name(details), "reason": _reason(details)} for details in problems]
        detail = "; ".join(f"{parameter['name']}: {parameter['reason']}" for parameter in parameters)
        return respond(request, 400, detail, parameters=parameters)

    @app.exception_handler(HTTPException)
    async def handle_http_exception(request: Request, error: HTTPException) -> Response:
        status, detail = error.status_code, str(error.detail)
        headers = dict(error.headers or {})
        if status == 405:  # Starlette names the methods of the first matching route only
            headers["Allow"] = ", ".join(sorted(_allowed_methods(app, request)))
        members = {"parameters": [{"name": "body", "reason": detail}]} if status == 400 else {}
        return respond(request, status, detail, headers, **members)

    @app.exception_handler(FuwuquanError)
    async def handle_fuwuquan_error(request: Request, error: FuwuquanError) -> Response:
        status = next(status for error_class, status in STATUSES.items() if isinstance(error, error_class))
        if isinstance(error, RegisterError):  # its message names the database, which clients must not see
            _log.error("%s", error)
            return respond(request, status, "the register of facilities cannot be used; the server's log says why")
        if isinstance(error, FieldError):
            parameters = [{"name": name, "reason": reason} for name, reason in error.problems]
            return respond(request, status, str(error), parameters=parameters)
        return respond(request, status, str(error))


def internal_error_response(scope: Scope, error: Exception) -> Response:
    """The response (500) to an exception that no handler expects; the log gets its traceback."""
    request_id = scope.get("state", {}).get("request_id", "")
    _log.error("%s %s failed (request %s)", scope["method"], scope["path"], request_id, exc_info=error)
    return problem_response(500, "something went wrong here; the server's log says what")


def _allowed_methods(app: FastAPI, request: Request) -> set[str]:
    """The methods that the request's path allows."""
    allowed: set[str] = set()
    for method in METHODS:
        routes = (route for route in app.routes if method == "GET" or not isinstance(route, Mount))
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in routes):
            allowed.add(method)
    allowed = allowed or {"GET"}  # below a mount the scope's path is only the rest of it, which matches no route
    return allowed | ({"HEAD"} if "GET" in allowed else set())


def _parameter_name(details: ErrorDetails) -> str:
    """The name of an invalid parameter, or the path of an invalid value in the body's lists, as ``places[3].lon``.

    Where the body is not JSON, ``loc`` ends with the position of a character; then the name is ``body``.
    """
    where, *names = details["loc"]
    if where == "body" and any(isinstance(name, int) for name in names[1:]):
        return "".join(f"[{name}]" if isinstance(name, int) else f".{name}" for name in names)[1:100]
    last = details["loc"][-1]
    return "body" if where == "body" and isinstance(last, int) else str(last)[:100]


def _reason(details: ErrorDetails) -> str:
    if details["loc"] == ("body",) and details["type"] == "model_attributes_type":
        return "needs a JSON object, sent with Content-Type: application/json"
    if details["type"] == "extra_forbidden":
        return "there is no such parameter"
    return details["msg"].removeprefix("Value error, ")
