"""What happens to every request and answer: HEAD, request ids, tags of encodings, limits of bodies and of rates."""

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

from service.api.errors import problem, unforeseen

REQUEST_ID = "X-Request-ID"
_GOOD_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
# What is compressed is another representation, with a tag of its own (RFC 9110, section 8.8.3.3).
_ENCODED = re.compile(rb'-(gzip|br|zstd)"')
CODINGS = ("gzip", "br", "zstd")
_CONDITIONS = (b"if-none-match", b"if-match")


class Envelope:
    """Answers HEAD as GET without its body; gives each request an id; keeps the tags of compressed answers apart.

    It stands around what compresses.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An ASGI application."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id, tags, headers = "", "", []
        for name, value in scope["headers"]:
            if name in _CONDITIONS:
                tags += value.decode("latin-1")
                value = _ENCODED.sub(b'"', value)
            elif name == b"x-request-id" and _GOOD_ID.fullmatch(given := value.decode("latin-1")):
                request_id = given
            headers.append((name, value))
        request_id = request_id or uuid4().hex
        head = scope["method"] == "HEAD"
        scope = {**scope, "headers": headers, "method": "GET" if head else scope["method"]}
        scope.setdefault("state", {})["request_id"] = request_id

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                told = MutableHeaders(raw=list(message["headers"]))
                told[REQUEST_ID] = request_id
                tag, coded = told.get("etag"), told.get("content-encoding")
                if tag and message["status"] == 304 and tag not in tags:  # the client has a compressed one
                    coded = next((one for one in CODINGS if f'{tag[:-1]}-{one}"' in tags), None)
                if tag and coded:
                    told["ETag"] = f'{tag[:-1]}-{coded}"'
                if message["status"] == 304:  # as the answer itself would have it
                    told.add_vary_header("Accept-Encoding")
                message = {**message, "headers": told.raw}
            elif head:
                message = {**message, "body": b""}
            await send(message)

        await self._app(scope, receive, sending)


class Faults:
    """Makes a problem of what nobody foresaw, inside of what adds headers, so that pages can read it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An ASGI application."""
        started = False

        async def sending(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception as error:
            if started or scope["type"] != "http":
                raise
            await unforeseen(scope, error)(scope, receive, send)


class RateLimit:
    """Refuses whoever asks more often than each of ``rates`` allows, by the address of the client."""

    def __init__(self, app: ASGIApp, rates: Sequence[RateLimitItem], prefix: str) -> None:
        self._app, self._rates, self._prefix = app, rates, prefix
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An ASGI application."""
        client = (scope.get("client") or ("",))[0]
        if scope["type"] != "http" or not f"{scope['path']}/".startswith(f"{self._prefix}/"):
            await self._app(scope, receive, send)
            return
        # What one of them refuses counts for none.
        waits = {self._wait(rate, client): rate for rate in self._rates if not self._limiter.test(rate, client)}
        if waits:
            wait = max(waits)
            refused = problem(429, f"more than {waits[wait]}; ask again in {wait} s", {"Retry-After": str(wait)})
            await refused(scope, receive, send)
            return
        for rate in self._rates:
            self._limiter.hit(rate, client)
        await self._app(scope, receive, send)

    def _wait(self, rate: RateLimitItem, client: str) -> int:
        """The seconds until ``client`` may ask again."""
        return max(1, round(self._limiter.get_window_stats(rate, client).reset_time - time.time() + 0.5))


class BodyLimit:
    """Refuses bodies that are longer than ``most`` bytes, of ``longer`` paths than theirs.

    Starlette's own limit answers in plain text.
    """

    def __init__(self, app: ASGIApp, most: int, longer: Mapping[str, int]) -> None:
        self._app, self._most, self._longer = app, most, longer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An ASGI application."""
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
