"""Measures the HTTP API beside routes that return ready bytes: `make bench-api`, or python benchmarks/api.py [--quick].

The server has one worker on one core, the client runs on another. A control route declares the same parameters as the
measured one in the same way, and returns the same bytes, prepared before; the control route *bare* declares no
parameters. Routes are measured in turn, over 50 connections, each of which sends its next request when the last one is
answered.
"""

import argparse
import asyncio
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from email.message import Message
from pathlib import Path
from typing import Annotated, cast

import uvloop
from fastapi import APIRouter, FastAPI, Query, Request, Response

import page
from service.api.app import create_app
from service.api.feature_queries import ItemsQuery
from service.api.queries import QueryRoute
from service.api.responses import GEOJSON
from service.api.travel_queries import NearestQuery
from service.settings import Settings

HERE = Path(__file__).resolve().parent
STUDY = HERE.parent / "data"
PORT = 8899
CONNECTIONS = 50
NEAREST = "?lon={lon:.6f}&lat={lat:.6f}&category=clinic"
ITEMS = "?limit=100&offset={offset}"
LEAST_RATES = {"nearest": 0.5, "items": 0.5, "not-modified": 0.8}
MOST_P99 = 4.0


def served() -> FastAPI:
    """The application with the control routes added."""
    app = create_app(Settings())
    ready: dict[str, bytes] = {}
    router = APIRouter(prefix="/control", route_class=QueryRoute)

    @router.post("/{name}")
    async def keep(request: Request, name: str) -> Response:
        ready[name] = await request.body()
        return Response(status_code=204)

    @router.get("/bare")
    async def bare() -> Response:
        return Response(ready["nearest"], media_type=GEOJSON)

    @router.get("/nearest")
    async def nearest(request: Request, query: Annotated[NearestQuery, Query()]) -> Response:
        return Response(ready["nearest"], media_type=GEOJSON)

    @router.get("/items")
    async def items(request: Request, query: Annotated[ItemsQuery, Query()]) -> Response:
        return Response(ready["items"], media_type=GEOJSON)

    # The router tries routes in their order: control routes come first, so that they need not wait for ours.
    app.router.routes[:0] = router.routes
    return app


class _Client(asyncio.Protocol):
    """One connection that sends requests until ``end``, and records how long each answer took."""

    def __init__(
        self, next_request: Callable[[], bytes], status: bytes, end: float, done: asyncio.Future[None]
    ) -> None:
        self._next_request, self._status, self._end, self._done = next_request, status, end, done
        self.seconds: list[float] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass of it
        self._send()

    def _send(self) -> None:
        self._received, self._length = b"", -1
        self._begin = time.perf_counter()
        self._transport.write(self._next_request())

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._length < 0:
            head, separator, _ = self._received.partition(b"\r\n\r\n")
            if not separator:
                return
            if not head.startswith(b"HTTP/1.1 " + self._status):
                self._fail(f"answered {head[:200]!r}")
                return
            sizes = [line[15:] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            self._length = len(head) + 4 + (int(sizes[0]) if sizes else 0)
        if len(self._received) >= self._length:
            now = time.perf_counter()
            self.seconds.append(now - self._begin)
            if now < self._end:
                self._send()
            else:
                self._transport.close()
                self._done.set_result(None)

    def _fail(self, why: str) -> None:
        self._transport.close()
        if not self._done.done():
            self._done.set_exception(RuntimeError(why))

    def connection_lost(self, error: Exception | None) -> None:
        if not self._done.done():
            self._fail(f"connection lost: {error}")


async def load(next_request: Callable[[], bytes], status: bytes, seconds: float) -> list[float]:
    """The seconds of each answer, sorted, while all connections send requests for ``seconds``."""
    loop, end = asyncio.get_running_loop(), time.perf_counter() + seconds
    clients = [_Client(next_request, status, end, loop.create_future()) for _ in range(CONNECTIONS)]
    for client in clients:
        await loop.create_connection(lambda client=client: client, "127.0.0.1", PORT)  # type: ignore[misc]
    await asyncio.gather(*(client._done for client in clients))
    return sorted(seconds for client in clients for seconds in client.seconds)


def requests(path: str, tags: dict[str, str] | None = None) -> Callable[[], bytes]:
    """A source of requests of ``path`` at seeded places or pages, with the tags of these pages if they are given."""
    seeded = random.Random(1)

    def next_request() -> bytes:
        lon, lat = seeded.uniform(120.0, 120.1), seeded.uniform(28.85, 28.93)
        where = path.format(lon=lon, lat=lat, offset=100 * seeded.randrange(9))
        tag = f"If-None-Match: {tags[where]}\r\n" if tags else ""
        return f"GET {where} HTTP/1.1\r\nHost: 127.0.0.1:{PORT}\r\n{tag}\r\n".encode()

    return next_request


def _get(path: str, method: str = "GET", body: bytes | None = None) -> tuple[bytes, Message]:
    request = urllib.request.Request(f"http://127.0.0.1:{PORT}{path}", body, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read(), answer.headers


def measure(rounds: int, seconds: float) -> list[page.ApiRow]:
    """Rate, median and 99th percentile of each route; each figure is the median over the rounds."""
    for where in (NEAREST.format(lon=120.05, lat=28.89), NEAREST.format(lon=120.06, lat=28.9)):
        ready, _ = _get("/v1/nearest" + where)
    _get("/control/nearest", "POST", ready)
    items = "/v1/collections/facilities/items"
    _get("/control/items", "POST", _get(f"{items}?limit=100")[0])
    pages = [f"{items}{ITEMS.format(offset=100 * number)}" for number in range(9)]
    tags = {page: _get(page)[1]["ETag"] for page in pages}
    routes = {
        "bare": (requests("/control/bare"), b"200"),
        "nearest-ready": (requests("/control/nearest" + NEAREST), b"200"),
        "nearest": (requests("/v1/nearest" + NEAREST), b"200"),
        "items-ready": (requests("/control/items" + ITEMS), b"200"),
        "items": (requests(items + ITEMS), b"200"),
        "not-modified": (requests(items + ITEMS, tags), b"304"),
    }
    figures: dict[str, list[tuple[float, float, float]]] = {name: [] for name in routes}
    for number in range(-1, rounds):
        for name, (next_request, status) in routes.items():
            times = uvloop.run(load(next_request, status, seconds if number >= 0 else 0.3))
            if number >= 0:
                rate = len(times) / seconds
                figures[name].append((rate, times[len(times) // 2] * 1e3, times[int(len(times) * 0.99)] * 1e3))
    rows = []
    for name, rounds_of_route in figures.items():
        rate, median, p99 = (sorted(figure)[len(figure) // 2] for figure in zip(*rounds_of_route, strict=True))
        rows.append({"name": name, "rate": round(rate), "median_ms": round(median, 2), "p99_ms": round(p99, 2)})
    return rows


def main() -> None:
    """Start the server, measure and print; without --quick, also write api.json and the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a moment for each route; the figures mean nothing")
    quick = parser.parse_args().quick
    with tempfile.TemporaryDirectory() as folder:
        study = Path(folder) / "data"
        shutil.copytree(STUDY, study, ignore=shutil.ignore_patterns("register.sqlite*", "facts", "make_sample"))
        command = [sys.executable, "-m", "uvicorn", "api:served", "--factory", "--port", str(PORT)]
        settings = {"FUWUQUAN_STUDY": str(study), "PYTHONPATH": f"{HERE}{os.pathsep}{HERE.parent}"}
        with subprocess.Popen([*command, "--log-level", "warning"], env={**os.environ, **settings}) as server:
            try:
                _wait()
                rows = measure(1, 0.2) if quick else measure(5, 2.0)
            finally:
                server.terminate()
    print(page.api_table(rows))
    missed = [] if quick else misses(rows)
    if not quick:
        (HERE / "api.json").write_text(json.dumps(rows, indent=1) + "\n", "utf-8")
        page.PAGE.write_text(page.current(), "utf-8")
    sys.exit("\n".join(missed) or None)


def misses(rows: list[page.ApiRow]) -> list[str]:
    """A line for each route that misses its targets."""
    by_name = {row["name"]: row for row in rows}
    lines = []
    for name, least in LEAST_RATES.items():
        ready = by_name["nearest-ready" if name == "nearest" else "items-ready"]
        ratio, late = by_name[name]["rate"] / ready["rate"], by_name[name]["p99_ms"] / ready["p99_ms"]
        if ratio < least or late > MOST_P99:
            lines.append(
                f"{name}: {ratio:.2f} of the ready route's rate, at least {least} expected; p99 {late:.1f} times its"
            )
    return lines


def _wait() -> None:
    for _ in range(600):
        try:
            _get("/ready")
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("the server was not ready in a minute")


if __name__ == "__main__":
    main()
