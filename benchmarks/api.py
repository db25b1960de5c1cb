"""Measure the HTTP API beside routes that return ready bytes: `make bench-api`, or python benchmarks/api.py [--quick].

One worker on one core, the client on another. A control route declares the same parameters in the same way and returns
the same bytes, made before; *bare* declares none. All are asked in turn, over 50 connections, each of which sends its
next request when the last one is answered.
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
from pathlib import Path
from typing import Annotated, Any

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
WANTED = {"nearest": 0.5, "items": 0.5, "not-modified": 0.8}
P99_MOST = 4.0


def served() -> FastAPI:
    """The application, with the control routes beside."""
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

    # Routes are tried in turn: the control's come first, so that they do not wait for ours.
    app.router.routes[:0] = router.routes
    return app


class _Client(asyncio.Protocol):
    """One connection that asks until the time is over, and notes how long each answer took."""

    def __init__(self, ask: Callable[[], bytes], status: bytes, end: float, done: asyncio.Future[None]) -> None:
        self._ask, self._status, self._end, self._done = ask, status, end, done
        self.taken: list[float] = []

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._send()

    def _send(self) -> None:
        self._had, self._length = b"", -1
        self._begin = time.perf_counter()
        self._transport.write(self._ask())

    def data_received(self, data: bytes) -> None:
        self._had += data
        if self._length < 0:
            head, found, _ = self._had.partition(b"\r\n\r\n")
            if not found:
                return
            if not head.startswith(b"HTTP/1.1 " + self._status):
                self._fail(f"answered {head[:200]!r}")
                return
            sizes = [line[15:] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            self._length = len(head) + 4 + (int(sizes[0]) if sizes else 0)
        if len(self._had) >= self._length:
            now = time.perf_counter()
            self.taken.append(now - self._begin)
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


async def load(ask: Callable[[], bytes], status: bytes, seconds: float) -> list[float]:
    """Seconds that each answer took, asked for ``seconds`` by all connections at once."""
    loop, end = asyncio.get_running_loop(), time.perf_counter() + seconds
    clients = [_Client(ask, status, end, loop.create_future()) for _ in range(CONNECTIONS)]
    for client in clients:
        await loop.create_connection(lambda client=client: client, "127.0.0.1", PORT)  # type: ignore[misc]
    await asyncio.gather(*(client._done for client in clients))
    return sorted(one for client in clients for one in client.taken)


def asking(path: str, tags: dict[str, str] | None = None) -> Callable[[], bytes]:
    """Requests of ``path`` at seeded places or pages, with the tags of these pages if they are given."""
    seeded = random.Random(1)

    def ask() -> bytes:
        lon, lat = seeded.uniform(120.0, 120.1), seeded.uniform(28.85, 28.93)
        where = path.format(lon=lon, lat=lat, offset=100 * seeded.randrange(9))
        tag = f"If-None-Match: {tags[where]}\r\n" if tags else ""
        return f"GET {where} HTTP/1.1\r\nHost: 127.0.0.1:{PORT}\r\n{tag}\r\n".encode()

    return ask


def _get(path: str, method: str = "GET", body: bytes | None = None) -> tuple[bytes, Any]:
    request = urllib.request.Request(f"http://127.0.0.1:{PORT}{path}", body, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read(), answer.headers


def measure(rounds: int, seconds: float) -> list[dict[str, Any]]:
    """Rate, median and 99th percentile of each route, the medians over the rounds."""
    for where in (NEAREST.format(lon=120.05, lat=28.89), NEAREST.format(lon=120.06, lat=28.9)):
        ready, _ = _get("/v1/nearest" + where)
    _get("/control/nearest", "POST", ready)
    items = "/v1/collections/facilities/items"
    _get("/control/items", "POST", _get(f"{items}?limit=100")[0])
    pages = [f"{items}{ITEMS.format(offset=100 * number)}" for number in range(9)]
    tags = {page: _get(page)[1]["ETag"] for page in pages}
    routes = {
        "bare": (asking("/control/bare"), b"200"),
        "nearest-ready": (asking("/control/nearest" + NEAREST), b"200"),
        "nearest": (asking("/v1/nearest" + NEAREST), b"200"),
        "items-ready": (asking("/control/items" + ITEMS), b"200"),
        "items": (asking(items + ITEMS), b"200"),
        "not-modified": (asking(items + ITEMS, tags), b"304"),
    }
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in routes}
    for number in range(-1, rounds):
        for name, (ask, status) in routes.items():
            taken = uvloop.run(load(ask, status, seconds if number >= 0 else 0.3))
            if number >= 0:
                told = (len(taken) / seconds, taken[len(taken) // 2] * 1e3, taken[int(len(taken) * 0.99)] * 1e3)
                found[name].append(told)
    rows = []
    for name, each in found.items():
        rate, median, p99 = (sorted(figures)[len(figures) // 2] for figures in zip(*each, strict=True))
        rows.append({"name": name, "rate": round(rate), "median_ms": round(median, 2), "p99_ms": round(p99, 2)})
    return rows


def main() -> None:
    """Serve, measure, print; keep the figures and write the page, unless it was quick."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a moment for each: the figures mean nothing")
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


def misses(rows: list[dict[str, Any]]) -> list[str]:
    """What is not as it should be."""
    by_name = {row["name"]: row for row in rows}
    found = []
    for name, least in WANTED.items():
        ready = by_name["nearest-ready" if name == "nearest" else "items-ready"]
        ratio, late = by_name[name]["rate"] / ready["rate"], by_name[name]["p99_ms"] / ready["p99_ms"]
        if ratio < least or late > P99_MOST:
            found.append(f"{name}: {ratio:.2f} of the ready route's rate, wanted {least}; p99 {late:.1f} times")
    return found


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
