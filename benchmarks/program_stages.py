"""Stages that measure the whole program: isochrones, reading extracts, and starting the server."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from shapely.geometry.base import BaseGeometry

import timing
from plan import MINUTES, ROOT, SEED, Numbers, Plan


def isochrones(plan: Plan, scratch: Path, name: str, drawn: bool) -> Numbers:
    """Isochrones around junctions of a real place: median seconds, and the share of street ends that they contain.

    For ``walk`` and ``drive``, over all starts and contours: ``inside`` is the share of the ends within the time, by
    scipy, that the polygon contains, ``beyond`` that of the others. On foot, osmnx draws them too if ``drawn``.
    """
    import shapely
    from pyproj import Transformer

    import by_scipy
    import ours
    from places import PLACES, read

    place = PLACES[name]
    travel = ours.build_study(place.extract, place.area, place.population, scratch / f"{name}-study")
    numbers: Numbers = {}
    for mode in ("walk", "drive"):
        network = read(place.extract, mode, *ours.speeds())
        degree = np.bincount(np.concatenate([network.u, network.v]), minlength=len(network))
        ends = np.flatnonzero(degree != 2)
        junctions = np.flatnonzero((degree > 2) & network.near_the_middle(plan.within_m))
        starts = np.random.default_rng(SEED).choice(junctions, plan.starts, replace=False)
        outward = by_scipy.Prepared(network, outward=True)
        tasks: dict[str, Callable[[int], list[BaseGeometry]]] = {
            "ours": lambda node, n=network, m=mode: ours.isochrone(travel, n.lon[node], n.lat[node], MINUTES, m)
        }
        points = {"ours": shapely.points(network.lon[ends], network.lat[ends])}
        if mode == "walk" and drawn:
            import by_osmnx

            metric = Transformer.from_crs("EPSG:4326", place.projection, always_xy=True)
            x, y = metric.transform(network.lon, network.lat)
            # People who start within so many metres walk 1,000 m farther; the rest is not needed.
            near = network.near_the_middle(plan.within_m + 1500.0)
            kept = near[network.u] & near[network.v]
            edges = {each: getattr(network, each)[kept] for each in ("u", "v", "metres", "forward", "backward")}
            graph = by_osmnx.prepare(replace(network, x=x, y=y, **edges), place.projection)
            tasks["osmnx"] = lambda node, graph=graph: by_osmnx.isochrone(graph, int(node), MINUTES)
            points["osmnx"] = shapely.points(x[ends], y[ends])
        times: dict[str, list[float]] = {tool: [] for tool in tasks}
        contained = {tool: np.zeros(4, int) for tool in tasks}
        for node in starts:
            seconds = by_scipy.every_node(outward, np.array([node]), np.inf)[ends]
            for tool, task in tasks.items():
                for minutes, shape in zip(MINUTES, task(node), strict=True):
                    shapely.prepare(shape)
                    inside, within = shapely.intersects(shape, points[tool]), seconds <= minutes * 60.0
                    contained[tool] += (inside & within).sum(), within.sum(), (inside & ~within).sum(), (~within).sum()
            best = timing.interleaved(
                {tool: lambda task=task, node=node: task(node) for tool, task in tasks.items()},
                min(plan.rounds, 3),
                plan.patience_s,
            )
            for tool, seconds in best.items():
                times[tool].append(seconds)
        numbers[mode] = {
            tool: {
                "seconds": float(np.median(times[tool])),
                "inside": float(contained[tool][0] / contained[tool][1]),
                "beyond": float(contained[tool][2] / contained[tool][3]),
            }
            for tool in tasks
        }
    return numbers


def reading(plan: Plan, scratch: Path, name: str) -> Numbers:
    """Seconds to read everything that a study takes from an extract, and for a bare pass of osmium over it."""
    import osmium

    import ours
    from places import PLACES

    place = PLACES[name]

    def bare_pass() -> None:
        for _ in osmium.FileProcessor(str(place.extract)).with_locations():
            pass

    tasks = {"ours": lambda: ours.read_extract(place.extract, place.area), "osmium": bare_pass}
    return timing.interleaved(tasks, min(plan.rounds, 5), 3 * plan.patience_s)


LIBRARIES = """
import sys
import service.api.app, service.answers.engine
own = {"geo", "maps", "service"} | set(sys.stdlib_module_names)
for name, module in list(sys.modules.items()):
    if name.partition(".")[0] not in own and getattr(module, "__spec__", None) and name == module.__spec__.name:
        print(name)
"""


def ready(plan: Plan, scratch: Path) -> Numbers:
    """Seconds until ``fuwuquan serve`` is ready with the sample, and of a process that imports its libraries."""
    listed = subprocess.run([sys.executable, "-c", LIBRARIES], capture_output=True, text=True, check=True)
    importing = scratch / "importing.py"
    lines = "".join(f"    {name!r},\n" for name in listed.stdout.split())
    importing.write_text(
        f"import importlib\nfor name in (\n{lines}):\n"
        "    try:\n        importlib.import_module(name)\n    except ImportError:\n        pass\n",
        "utf-8",
    )
    # The warm-up fills the register and the cache of compiled loops.
    tasks = {
        "ours": lambda: _serve(scratch),
        "imports": lambda: subprocess.run([sys.executable, str(importing)], check=True),
    }
    return timing.interleaved(tasks, min(plan.rounds, 4), 10 * plan.patience_s if plan.rounds > 1 else 0.0)


def _serve(scratch: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("FUWUQUAN_")}
    environment["FUWUQUAN_DATABASE_URL"] = f"sqlite:///{scratch / 'register.sqlite'}"
    command = [str(Path(sys.executable).parent / "fuwuquan"), "serve", "--study", str(ROOT / "data")]
    with subprocess.Popen(
        [*command, "--port", str(port)], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        try:
            while server.poll() is None:
                try:
                    with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=5):
                        return
                except (urllib.error.URLError, ConnectionError, TimeoutError):
                    time.sleep(0.01)
            raise RuntimeError(f"fuwuquan serve ended with {server.returncode}")
        finally:
            server.kill()
