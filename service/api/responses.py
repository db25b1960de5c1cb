"""What all routes share: queries that refuse what they do not know, answers that are ready bytes with their tags."""

import asyncio
import hashlib
import inspect
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints
from urllib.parse import parse_qsl

import mimeparse
import orjson
from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.params import Query
from fastapi.routing import APIRoute
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.config import JsonDict
from starlette.convertors import PathConvertor, register_url_convertor

from geo.choices import Coordinates
from geo.features.collection import value_of
from geo.features.cql2 import Kind
from geo.study import categories, facilities
from service.answers.engine import Answers, State
from service.api import errors, schemas

JSON = "application/json"
GEOJSON = "application/geo+json"
HTML = "text/html"
SCHEMA = "application/schema+json"
MOST_PARAMETERS = 40
VALIDATORS = ("ETag", "Last-Modified")
SETTLED_S = 2  # a time in whole seconds cannot tell two changes of one second apart


class NoQuery(BaseModel):
    """No parameters at all."""

    model_config = ConfigDict(extra="forbid")


class Common(NoQuery):
    """Parameters that every endpoint takes."""

    coordinates: Annotated[
        Coordinates, Field(description="coordinate system of all places in the question and in the answer")
    ] = "wgs84"


def _written(kind: Kind) -> BeforeValidator:
    """Reads a text as JSON writes a value of ``kind``: pydantic takes 1_0, yes and other digits than ours."""
    return BeforeValidator(lambda value: value_of(value, kind) if isinstance(value, str) else value)


WHOLE, NUMBER, FLAG, DAY = _written("integer"), _written("number"), _written("boolean"), _written("date")


def clamped(most: int) -> Any:
    """The field of a limit, of which what is more is as if it were ``most`` (OGC 17-069r4, 7.15.3 B)."""
    return Field(ge=1, description=f"at most {most} are given", json_schema_extra={"maximum": most})


def listed(items: dict[str, Any], **more: Any) -> JsonDict:
    """The JSON schema of a parameter whose text has ``items`` with commas between."""
    return {"type": "array", "items": items, "minItems": 1, **more}


class QueryRoute(APIRoute):
    """A route that reads its query by itself, where one model describes all that it takes besides its path.

    FastAPI's way through its dependencies takes longer than most answers do. Whatever the way, a parameter that is
    given twice is refused, as nobody can say which is meant.
    """

    def get_route_handler(self) -> Callable[[Request], Any]:
        """What answers a request."""
        whole, endpoint = super().get_route_handler(), self.endpoint
        model, path = _only_query(endpoint), list(self.param_convertors)
        waits = inspect.iscoroutinefunction(endpoint)
        if model is not None and (self.dependencies or self.response_model or self.status_code not in (None, 200)):
            raise TypeError(f"{self.path} is answered past FastAPI, and cannot have what only FastAPI looks at")

        async def careful(request: Request) -> Response:
            parameters(request)
            answer: Response = await whole(request)
            return answer

        async def quick(request: Request) -> Response:
            try:
                query = model.model_validate(parameters(request))
            except ValidationError as error:
                raise RequestValidationError(
                    [one | {"loc": ("query", *one["loc"])} for one in error.errors()]
                ) from error
            values = {name: request.path_params[name] for name in path}
            if waits:
                answer: Response = await endpoint(request=request, query=query, **values)
            else:
                answer = await run_in_threadpool(endpoint, request=request, query=query, **values)
            return answer

        return careful if model is None else quick


def _only_query(endpoint: Callable[..., Any]) -> Any:
    """The model of an endpoint's query, if it takes nothing but that and what is in its path; else None."""
    hints = get_type_hints(endpoint, include_extras=True)
    hints.pop("return", None)
    path = [name for name, hint in hints.items() if hint is str]
    asked, query = hints.pop("request", None), hints.pop("query", None)
    annotated = get_args(query) if get_origin(query) is Annotated else ()
    alone = asked is Request and len(hints) == len(path) and any(isinstance(one, Query) for one in annotated)
    return annotated[0] if alone else None


def parameters(request: Request) -> dict[str, str]:
    """The query's parameters; RequestValidationError if one is given twice, or there are more than anybody needs."""
    pairs = parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
    found = dict(pairs)
    if len(found) == len(pairs) <= MOST_PARAMETERS:
        return found
    names = Counter(name for name, _ in pairs)
    twice = [name for name, times in names.items() if times > 1]
    found_wrong = [(name, "is given more than once") for name in twice[:MOST_PARAMETERS]]
    if len(names) > MOST_PARAMETERS:
        found_wrong.append((next(reversed(names)), f"is one of more than {MOST_PARAMETERS} parameters"))
    raise bad_parameters(found_wrong)


def bad_parameters(wrong: Sequence[tuple[str, str]]) -> RequestValidationError:
    """The error that says of query parameters what is wrong with them."""
    return RequestValidationError(
        [{"loc": ("query", name), "type": "parameter", "msg": reason} for name, reason in wrong]
    )


class FacilityId(PathConvertor):
    """An id, which may have slashes, but is not what lies below one."""

    regex = ".*" + "".join(f"(?<!{word})" for word in facilities.RESERVED_ENDINGS)


register_url_convertor("facility_id", FacilityId())


CATEGORY: JsonDict = {"type": "string", "enum": list(categories.CATEGORIES)}
"""The JSON schema of a category's name."""


def known_category(value: str | None) -> str | None:
    return None if value is None else categories.validate_id(value)


def answers_of(request: Request) -> Answers:
    """What the application answers from."""
    answers: Answers = request.app.state.answers
    return answers


def json_response(
    content: Any, media_type: str = JSON, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """``content`` as JSON."""
    return Response(orjson.dumps(content), status, media_type=media_type, headers=headers)


async def state_of(request: Request) -> State:
    """The state that a request is answered from.

    The database is asked once for all requests that the event loop has found at one time, after they came.
    """
    answers = answers_of(request)
    if answers.shared is None:
        answers.shared = answers.at_hand()
        asyncio.get_running_loop().call_soon(answers.part)
    found = answers.shared
    return await run_in_threadpool(answers.now) if found is None else found


async def answer(
    request: Request,
    make: Callable[[State], Any],
    media_type: str = JSON,
    headers: Mapping[str, str] | None = None,
    keep: bool = True,
    also: str = "",
    at_hand: Callable[[State], bool] = lambda _: False,
) -> Response:
    """What ``make`` makes of the state, as JSON (or as it is, if it is text), or 304 if the client has it already.

    Parameters
    ----------
    keep : the bytes are kept for who asks for the same again
    also : what the answer depends on besides the study, the register, the day and the address
    at_hand : whether making it takes so little time that nobody need wait for a thread
    """
    state = await state_of(request)
    scope = request.scope
    given = dict(scope["headers"])
    where = given.get(b"host", b""), scope["scheme"].encode(), scope["path"].encode("utf-8", "surrogatepass")
    asked = b"\0".join((*where, scope["query_string"]))
    key = hashlib.blake2b(asked + f"\0{media_type}\0{also}".encode(), key=state.tag, digest_size=12).digest()
    told = {"ETag": f'"{key.hex()}"', "Cache-Control": "no-cache", **(headers or {})}
    # What depends on more than that may change any time.
    if time.time() - state.modified_s > SETTLED_S and not also:
        told["Last-Modified"] = state.last_modified
    if b"if-none-match" in given and told["ETag"] in _tags(request):  # so it was answered before, with 200
        return Response(None, 304, told)
    body: bytes | None = state.kept.get(key) if keep else None
    if body is None:
        if at_hand(state):
            content = make(state)
        else:
            content = await run_in_threadpool(make, state)
            if "ETag" not in (headers or {}) and (await state_of(request)).tag != state.tag:  # it may be of either
                keep = False
                for name in VALIDATORS:
                    told.pop(name, None)
        body = content.encode() if isinstance(content, str) else orjson.dumps(content)
        if keep and len(body) <= state.kept.maxsize:
            state.kept[key] = body
    if (b"if-none-match" in given or b"if-modified-since" in given) and unchanged(request, told):
        return Response(None, 304, told)
    return Response(body, headers=told, media_type=media_type)


def _tags(request: Request) -> list[str]:
    lines = request.headers.getlist("if-none-match")
    return [one.strip().removeprefix("W/") for line in lines for one in line.split(",")]


def unchanged(request: Request, headers: Mapping[str, str]) -> bool:
    """Whether the client has what these headers come with (RFC 9110, section 13), which is a good answer."""
    if "if-none-match" in request.headers:
        tags = _tags(request)
        return "*" in tags or headers.get("ETag") in tags
    since = request.headers.get("if-modified-since")
    if since is None or "Last-Modified" not in headers:
        return False
    try:
        return parsedate_to_datetime(headers["Last-Modified"]) <= parsedate_to_datetime(since)
    except (ValueError, TypeError, OverflowError):  # a date that is none, or has no zone, is as if it were not there
        return False


def preferred(request: Request, asked: str | None, data: str = JSON) -> str:
    """``data`` or HTML: what ``f=`` asks for, else what the Accept header prefers."""
    if asked is not None:
        return HTML if asked == "html" else data
    return HTML if prefers_html(request, data) else data


def prefers_html(request: Request, data: str) -> bool:
    """Whether the Accept header prefers HTML to ``data``."""
    return _prefers_html(",".join(request.headers.getlist("accept")), data)


@lru_cache(maxsize=256)
def _prefers_html(accept: str, data: str) -> bool:
    try:
        html, *others = (mimeparse.quality(one, accept.lower()) for one in (HTML, data, JSON))
    except mimeparse.MimeTypeParseException:  # it is as if it were not there
        return False
    return bool(html > max(others))


Format = Annotated[Literal["json", "html"] | None, Field(description="json or html; default: as Accept says")]


def documented(
    description: str, shape: Any, *statuses: int, status: int = 200, media_type: str = JSON, html: bool = False
) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` of a route that answers ``status``, refuses bad parameters, and can fail with ``statuses``.

    ``shape`` is a model, the name of one of `schemas.SHAPES`, or None: an answer without a body.
    """
    good: dict[str, Any] = {"description": description}
    if isinstance(shape, str):
        good["content"] = {media_type: {"schema": schemas.ref(shape)}}
    elif shape is not None:
        good["model"] = shape
    if html:
        good["content"][HTML] = {"schema": schemas.TEXT}
    return {status: good} | errors.documented(400, *statuses)
