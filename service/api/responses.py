"""Responses: JSON with entity tags, answers to conditional requests (304), and the choice between JSON and HTML.

Entity tags (ETags) are made in three places:

* `respond` here makes the tag of an answer from the register's state (`service.answers.state.RegisterState.tag`), the
  address and the media type;
* `service.api.feature_documents.facility_etag` makes the tag of one facility from its version, for edits;
* `service.api.middleware` adds the coding of a compressed answer, such as ``-gzip``.

All of them change with the hash of the program and the study's files (`service.answers.fingerprint`).
"""

import asyncio
import hashlib
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any

import mimeparse
import orjson
from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool

from service.answers.engine import Answers
from service.answers.state import RegisterState
from service.api import errors, schemas

JSON = "application/json"
GEOJSON = "application/geo+json"
HTML = "text/html"
SCHEMA = "application/schema+json"
OPENAPI = "application/vnd.oai.openapi+json;version=3.0"
VALIDATORS = ("ETag", "Last-Modified")
LAST_MODIFIED_AFTER_S = 2
"""Seconds after a change during which Last-Modified is left out. It counts whole seconds, so a second change within
the same second would go unnoticed."""


def answers_of(request: Request) -> Answers:
    """The application's `Answers`."""
    answers: Answers = request.app.state.answers
    return answers


async def state_of(request: Request) -> RegisterState:
    """The register's state that a request is answered from.

    Requests that the event loop has received together share one query of the database. It runs after all of them have
    arrived, so no answer is stale.
    """
    states = answers_of(request).states
    if states.batch_state is None:
        states.batch_state = states.current_if_unchanged()
        asyncio.get_running_loop().call_soon(states.end_batch)
    state = states.batch_state
    return await run_in_threadpool(states.current) if state is None else state


def json_response(
    content: object, media_type: str = JSON, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """A response with ``content`` as JSON, without an entity tag."""
    return Response(orjson.dumps(content), status, media_type=media_type, headers=headers)


def _never(state: RegisterState) -> bool:
    return False


async def respond(
    request: Request,
    compute: Callable[[RegisterState], object],
    media_type: str = JSON,
    headers: Mapping[str, str] | None = None,
    keep: bool = True,
    varies_with: str = "",
    is_quick: Callable[[RegisterState], bool] = _never,
) -> Response:
    """A response with an entity tag; 304 without a body if the client has it already.

    Parameters
    ----------
    compute : makes the content from the register's state; text is sent as it is, anything else as JSON
    headers : further headers; an ETag among them replaces the computed one
    keep : whether the encoded body is kept for later requests
    varies_with : what the answer depends on besides the study, the register, the day and the address
    is_quick : whether ``compute`` takes so little time that it may run in the event loop; default: in a thread
    """
    state = await state_of(request)
    scope = request.scope
    request_headers = dict(scope["headers"])
    address = b"\0".join(
        (
            request_headers.get(b"host", b""),
            scope["scheme"].encode(),
            scope["path"].encode("utf-8", "surrogatepass"),
            scope["query_string"],
        )
    )
    cache_key_input = address + f"\0{media_type}\0{varies_with}".encode()
    key = hashlib.blake2b(cache_key_input, key=state.tag, digest_size=12).digest()
    response_headers = {"ETag": f'"{key.hex()}"', "Cache-Control": "no-cache", **(headers or {})}
    # An answer that depends on more than the state may change at any time, so it has no Last-Modified.
    if time.time() - state.modified_timestamp > LAST_MODIFIED_AFTER_S and not varies_with:
        response_headers["Last-Modified"] = state.last_modified
    # The client has this tag only if this question was answered before, with 200: no need to compute it again.
    if b"if-none-match" in request_headers and response_headers["ETag"] in _if_none_match(request):
        return Response(None, 304, response_headers)
    body: bytes | None = state.responses.get(key) if keep else None
    if body is None:
        if is_quick(state):
            content = compute(state)
        else:
            content = await run_in_threadpool(compute, state)
            # The register may have changed meanwhile; then the content may contain the old or the new state.
            if "ETag" not in (headers or {}) and (await state_of(request)).tag != state.tag:
                keep = False
                for name in VALIDATORS:
                    response_headers.pop(name, None)
        body = content.encode() if isinstance(content, str) else orjson.dumps(content)
        if keep and len(body) <= state.responses.maxsize:
            state.responses[key] = body
    if (b"if-none-match" in request_headers or b"if-modified-since" in request_headers) and client_is_up_to_date(
        request, response_headers
    ):
        return Response(None, 304, response_headers)
    return Response(body, headers=response_headers, media_type=media_type)


def _if_none_match(request: Request) -> list[str]:
    """The tags of the If-None-Match headers; the weak comparison of RFC 9110 ignores ``W/``."""
    values = request.headers.getlist("if-none-match")
    return [tag.strip().removeprefix("W/") for value in values for tag in value.split(",")]


def client_is_up_to_date(request: Request, headers: Mapping[str, str]) -> bool:
    """Whether the client has the representation with these response headers already (RFC 9110, section 13)."""
    if "if-none-match" in request.headers:
        tags = _if_none_match(request)
        return "*" in tags or headers.get("ETag") in tags
    since = request.headers.get("if-modified-since")
    if since is None or "Last-Modified" not in headers:
        return False
    try:
        return parsedate_to_datetime(headers["Last-Modified"]) <= parsedate_to_datetime(since)
    except (ValueError, TypeError, OverflowError):  # an invalid date, or one without a zone, is ignored
        return False


def choose_media_type(request: Request, format_: str | None, data: str = JSON) -> str:
    """HTML or the media type ``data``: as the parameter ``f`` says, else as the Accept header prefers."""
    if format_ is not None:
        return HTML if format_ == "html" else data
    return HTML if prefers_html(request, data) else data


def prefers_html(request: Request, data: str) -> bool:
    """Whether the Accept header prefers HTML to the media type ``data``."""
    return _prefers_html(",".join(request.headers.getlist("accept")), data)


@lru_cache(maxsize=256)
def _prefers_html(accept: str, data: str) -> bool:
    try:
        html, *others = (mimeparse.quality(media_type, accept.lower()) for media_type in (HTML, data, JSON))
    except mimeparse.MimeTypeParseException:  # an invalid header is ignored
        return False
    return bool(html > max(others))


def describe_responses(
    description: str,
    body: type | str | None,
    *error_statuses: int,
    status: int = 200,
    media_type: str = JSON,
    html: bool = False,
) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` of a route, for the OpenAPI document.

    Parameters
    ----------
    description : of the answer with ``status``
    body : a model, the name of one of `schemas.SCHEMAS`, or None for an answer without a body
    error_statuses : the errors that the route can answer, besides 400
    html : whether the route answers HTML too
    """
    success: dict[str, Any] = {"description": description}
    if isinstance(body, str):
        success["content"] = {media_type: {"schema": schemas.ref(body)}}
    elif body is not None:
        success["model"] = body
    if html:
        success["content"][HTML] = {"schema": schemas.TEXT}
    return {status: success} | errors.describe_errors(400, *error_statuses)
