"""ASGI middleware: HEAD, request ids, entity tags of compressed answers, internal errors, limits of rate and of bodies.

`app` stacks these; where the order matters, a docstring says so.
"""

import re
import time
from collections.abc import Mapping, Sequence
from uuid import uuid4

from limits import RateLimitItem
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.errors import internal_error_response, problem_response

REQUEST_ID = "X-Request-ID"
_VALID_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
CODINGS = ("gzip", "br", "zstd")
# A compressed answer is another representation with a tag of its own (RFC 9110, 8.8.3.3): "abc" becomes "abc-gzip".
_CODING_SUFFIX = re.compile(rb'-(gzip|br|zstd)"')
_CONDITIONS = (b"if-none-match", b"if-match")


class RequestEnvelope:
    """Answers HEAD as GET without a body, gives each request an id, and gives compressed answers tags of their own.

    It stands outside of the compression, which it removes from the tags of requests and adds to those of responses.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request (ASGI)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id, tags, headers = "", "", []
        for name, value in scope["headers"]:
            if name in _CONDITIONS:
                tags += value.decode("latin-1")
                value = _CODING_SUFFIX.sub(b'"', value)
            elif name == b"x-request-id" and _VALID_REQUEST_ID.fullmatch(text := value.decode("latin-1")):
                request_id = text
            headers.append((name, value))
        request_id = request_id or uuid4().hex
        is_head = scope["method"] == "HEAD"
        scope = {**scope, "headers": headers, "method": "GET" if is_head else scope["method"]}
        scope.setdefault("state", {})["request_id"] = request_id

        async def send_changed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": _response_headers(message, request_id, tags)}
            elif is_head:
                message = {**message, "body": b""}
            await send(message)

        await self._app(scope, receive, send_changed)


def _response_headers(message: Message, request_id: str, requested_tags: str) -> list[tuple[bytes, bytes]]:
    """The headers of a response, with the request's id and with the coding in the entity tag.

    ``requested_tags`` are the tags of the request's conditions, as the client sent them.
    """
    headers = MutableHeaders(raw=list(message["headers"]))
    headers[REQUEST_ID] = request_id
    tag, coding = headers.get("etag"), headers.get("content-encoding")
    if tag and message["status"] == 304 and tag not in requested_tags:  # the client has a compressed representation
        coding = next((name for name in CODINGS if f'{tag[:-1]}-{name}"' in requested_tags), None)
    if tag and coding:
        headers["ETag"] = f'{tag[:-1]}-{coding}"'
    if message["status"] == 304:  # it needs the Vary header that the full answer would have
        headers.add_vary_header("Accept-Encoding")
    return headers.raw


class InternalErrors:
    """Makes a problem response of every exception that no handler has handled.

    It stands inside of what adds headers, so that pages of other origins can read the response.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request (ASGI)."""
        started = False

        async def send_noticed(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, send_noticed)
        except Exception as error:
            if started or scope["type"] != "http":
                raise
            await internal_error_response(scope, error)(scope, receive, send)


class RateLimit:
    """Refuses (429) requests from a client's address that come more often than each of ``rates`` allows.

    Only paths at and below ``prefix`` count.
    """

    def __init__(self, app: ASGIApp, rates: Sequence[RateLimitItem], prefix: str) -> None:
        self._app, self._rates, self._prefix = app, rates, prefix
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request (ASGI)."""
        client = (scope.get("client") or ("",))[0]
        if scope["type"] != "http" or not f"{scope['path']}/".startswith(f"{self._prefix}/"):
            await self._app(scope, receive, send)
            return
        # All rates are tested before any is hit: a refused request does not count.
        waits = {self._wait(rate, client): rate for rate in self._rates if not self._limiter.test(rate, client)}
        if waits:
            wait = max(waits)
            detail = f"more than {waits[wait]}; ask again in {wait} s"
            await problem_response(429, detail, {"Retry-After": str(wait)})(scope, receive, send)
            return
        for rate in self._rates:
            self._limiter.hit(rate, client)
        await self._app(scope, receive, send)

    def _wait(self, rate: RateLimitItem, client: str) -> int:
        """The whole seconds until ``client`` may ask again, at least 1."""
        return max(1, round(self._limiter.get_window_stats(rate, client).reset_time - time.time() + 0.5))


class BodyLimit:
    """Refuses (413) bodies longer than ``max_bytes``, or than the path's own limit in ``max_bytes_by_path``.

    Starlette has a limit too, but answers in plain text.
    """

    def __init__(self, app: ASGIApp, max_bytes: int, max_bytes_by_path: Mapping[str, int]) -> None:
        self._app, self._max_bytes, self._max_bytes_by_path = app, max_bytes, max_bytes_by_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request (ASGI)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        max_bytes, received = self._max_bytes_by_path.get(scope["path"], self._max_bytes), 0
        detail = f"the body is longer than {max_bytes / 2**20:g} MB"
        length = Headers(scope=scope).get("content-length", "")
        if length.isdecimal() and int(length) > max_bytes:
            await problem_response(413, detail)(scope, receive, send)
            return

        async def receive_counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > max_bytes:
                raise HTTPException(413, detail)
            return message

        await self._app(scope, receive_counted, send)
