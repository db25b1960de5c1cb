"""What is measured. Each stage runs in a process of its own and gives plain numbers."""

import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

import timing
from networks import Floats, Ints, Network, generate

Numbers = dict[str, Any]

LIMIT_S = 900.0
MINUTES = (5.0, 10.0, 15.0)
SEED = 330784
TOOLS = {"ours": "ours", "scipy": "by_scipy", "networkx": "by_networkx", "pandana": "by_pandana", "osmnx": "by_osmnx"}
ROOT = Path(__file__).resolve().parents[1]
EXTRACTS = ROOT.parent / "shared" / "data"


@dataclass(frozen=True)
class Plan:
    """How much is measured.

    ``sizes`` are the nodes of the generated networks by name; of real ones there is what lies ``within_m`` metres of
    the middle. A task is run in so many ``rounds``, and for ``patience_s`` seconds. ``demand``, ``sources`` of real
    places, ``catchments`` and isochrones' ``starts`` are numbers of places.
    """

    sizes: dict[str, int]
    within_m: float
    rounds: int
    patience_s: float
    demand: int
    sources: int
    catchments: int
    starts: int
    copied_mb: int
    drawn_by_osmnx: Sequence[str]


FULL = Plan(
    sizes={"generated-0.1m": 100_000, "generated-1m": 1_000_000, "generated-10m": 10_000_000},
    within_m=np.inf,
    rounds=40,
    patience_s=2.0,
    demand=50_000,
    sources=500,
    catchments=2_000,
    starts=8,
    copied_mb=400,
    drawn_by_osmnx=("porto_alegre", "liechtenstein"),
)
QUICK = Plan(
    sizes={"generated-0.1m": 3_000, "generated-1m": 10_000, "generated-10m": 30_000},
    within_m=1000.0,
    rounds=1,
    patience_s=0.2,
    demand=2_000,
    sources=200,
    catchments=40,
    starts=2,
    copied_mb=50,
    drawn_by_osmnx=("porto_alegre",),
)


def installed(tool: str) -> bool:
    """Whether a tool can be imported here."""
    return tool == "ours" or importlib.util.find_spec(tool) is not None


@dataclass(frozen=True)
class Question:
    """Sources among the nodes of a network, shape (sources,), and places along its edges, shape (places,)."""

    sources: Ints
    edge: Ints
    fraction: Floats

    @classmethod
    def on(cls, network: Network, name: str, plan: Plan) -> "Question":
        """One source in 2,000 nodes of a generated network, a fixed number in a real place."""
        rng = np.random.default_rng(SEED)
        count = max(3, len(network) // 2000) if name in plan.sizes else plan.sources
        return cls(
            rng.choice(len(network), count, replace=False).astype(np.int32),
            rng.integers(0, len(network.u), plan.demand).astype(np.int32),
            rng.random(plan.demand),
        )


class Tool:
    """One tool with a network prepared and a question put to it."""

    def __init__(self, name: str, network: Network, question: Question) -> None:
        self.module: Any = import_module(TOOLS[name])
        self.question = question
        begin = time.perf_counter()
        self.prepared = self.module.prepare(network)
        self.preparation_s = time.perf_counter() - begin
        self.places = self.module.place_demand(self.prepared, question.edge, question.fraction)
        self.set_sources()

    def set_sources(self) -> None:
        """What only pandana asks for."""
        if hasattr(self.module, "set_sources"):
            self.module.set_sources(self.prepared, self.question.sources, LIMIT_S)

    def every_node(self) -> Floats:
        return self.module.every_node(self.prepared, self.question.sources, LIMIT_S)  # type: ignore[no-any-return]

    def demand(self) -> Floats:
        return self.module.demand(  # type: ignore[no-any-return]
            self.prepared, self.places, self.question.sources, LIMIT_S
        )


@cache
def _warm(name: str) -> None:
    """Import a tool and run all of it once, so that nothing is loaded or compiled while the clock runs."""
    small = generate(2_000, SEED)
    tool = Tool(name, small, Question.on(small, "generated-0.1m", QUICK))
    tool.every_node()
    tool.demand()


def make(plan: Plan, scratch: Path, name: str) -> Numbers:
    """Put the raw network ``name`` into ``scratch``."""
    if name in plan.sizes:
        seconds = timing.clock(lambda: generate(plan.sizes[name], SEED).save(scratch / name))
    else:
        import ours
        from places import PLACES, read

        def take() -> None:
            whole = read(PLACES[name].extract, "walk", *ours.speeds())
            whole.around_the_middle(plan.within_m).save(scratch / name)

        seconds = timing.clock(take)
    network = Network.load(scratch / name)
    return {"seconds": seconds, "nodes": len(network), "edges": len(network.u)}


def alone(plan: Plan, scratch: Path, name: str, tool: str, often: bool) -> Numbers:
    """One tool by itself on one network: preparation, questions (``often`` or once), peak memory.

    Its answers go into ``scratch``.
    """
    _warm(tool)
    network = Network.load(scratch / name)
    asked = Tool(tool, network, Question.on(network, name, plan))
    tasks: dict[str, Callable[[], Any]] = {"every-node": asked.every_node, "demand": asked.demand}
    numbers: Numbers = {"prepare": asked.preparation_s}
    for what, task in tasks.items():
        begin = time.perf_counter()
        answer = task()
        numbers[what] = time.perf_counter() - begin
        np.save(scratch / f"{name}-{what}-{tool}.npy", answer)
    numbers["memory"] = timing.peak_gb()
    tasks = {what: task for what, task in tasks.items() if often and numbers[what] <= plan.patience_s}
    numbers |= timing.interleaved(tasks, plan.rounds, plan.patience_s)
    if asked.preparation_s < plan.patience_s:
        tasks = {"prepare": lambda: asked.module.prepare(network)}
        again = timing.interleaved(tasks, min(plan.rounds, 5), plan.patience_s)
        numbers["prepare"] = min(numbers["prepare"], again["prepare"])
    if tool == "ours":

        def in_own_order() -> Floats:
            return asked.module.in_own_order(asked.prepared, asked.question.sources, LIMIT_S)  # type: ignore[no-any-return]

        numbers |= timing.interleaved({"own-order": in_own_order}, plan.rounds, plan.patience_s)
        asked.module.on_one_core()
        numbers |= timing.interleaved({"one-core": in_own_order}, plan.rounds, plan.patience_s)
        numbers["touched"] = asked.module.touched_bytes(asked.prepared)
        numbers["settled"] = int(np.isfinite(in_own_order()).sum())
    return numbers


def together(plan: Plan, scratch: Path, name: str, tools: Sequence[str]) -> Numbers:
    """Several tools in turn on one network: seconds by question and tool."""
    network = Network.load(scratch / name)
    question = Question.on(network, name, plan)
    asked = {tool: Tool(tool, network, question) for tool in tools}
    numbers: Numbers = {}
    for what in ("every-node", "demand"):
        tasks: dict[str, Callable[[], Any]] = {
            tool: (one.every_node if what == "every-node" else one.demand) for tool, one in asked.items()
        }
        numbers[what] = timing.interleaved(tasks, plan.rounds, plan.patience_s)
    if "pandana" in asked:
        numbers["sources"] = timing.interleaved(
            {"pandana": asked["pandana"].set_sources}, plan.rounds, plan.patience_s
        )["pandana"]
    return numbers


def compare(plan: Plan, scratch: Path, name: str, tools: Sequence[str]) -> Numbers:
    """The largest difference to scipy's seconds over all nodes and places of a network, by tool."""
    differences: Numbers = {}
    for tool in tools:
        worst = 0.0
        for what in ("every-node", "demand"):
            one, other = (np.load(scratch / f"{name}-{what}-{which}.npy") for which in (tool, "scipy"))
            # Who is just within the limit for one and just beyond for the other differs by the distance to the limit.
            worst = max(worst, float(np.abs(np.minimum(one, LIMIT_S) - np.minimum(other, LIMIT_S)).max()))
        differences[tool] = worst
    return differences


def catchments(plan: Plan, scratch: Path, name: str, tools: Sequence[str]) -> Numbers:
    """What some nodes reach, as rows: seconds by tool, and how many rows there are.

    RuntimeError where two tools differ by more than a hundredth of a second.
    """
    network = Network.load(scratch / name)
    nodes = np.random.default_rng(SEED).choice(len(network), plan.catchments, replace=False).astype(np.int32)
    modules = {tool: import_module(TOOLS[tool]) for tool in tools}
    prepared = {tool: module.prepare(network) for tool, module in modules.items()}
    tasks: dict[str, Callable[[], Any]] = {
        tool: (lambda module=modules[tool], ready=prepared[tool]: module.catchments(ready, nodes, LIMIT_S))
        for tool in tools
    }
    expected = _rows(tasks["scipy"](), nodes)
    for tool in tools:
        found = tasks[tool]()
        rows = modules[tool].rows(found) if tool == "pandana" else found
        _same(tool, expected, _rows(rows, nodes, indptr=tool != "pandana"))
    numbers: Numbers = timing.interleaved(tasks, min(plan.rounds, 6), 2 * plan.patience_s)
    if "pandana" in tools:
        # What pandana has found beforehand it does not search again; the better of both counts.
        modules["pandana"].precompute(prepared["pandana"], LIMIT_S)
        again = timing.interleaved({"pandana": tasks["pandana"]}, min(plan.rounds, 6), 2 * plan.patience_s)
        numbers["pandana-precomputed"] = again["pandana"]
    return {"seconds": numbers, "rows": len(expected[0])}


def _rows(found: Any, nodes: Ints, indptr: bool = True) -> tuple[Any, Floats]:
    """Rows as a key of source and node, in order, and their seconds."""
    source, node, seconds = found
    if indptr:
        source = np.repeat(nodes, np.diff(source))
    key = source.astype(np.int64) << 32 | node.astype(np.int64)
    order = np.argsort(key)
    return key[order], seconds[order]


def _same(tool: str, expected: tuple[Any, Floats], found: tuple[Any, Floats]) -> None:
    # Who is just within the limit for one may be just beyond for the other; pandana adds up whole thousandths.
    bound = 0.1 if tool == "pandana" else 0.01
    _, at, there = np.intersect1d(expected[0], found[0], return_indices=True)
    worst = np.abs(expected[1][at] - found[1][there]).max()
    alone = (np.delete(one, same) for (_, one), same in ((expected, at), (found, there)))
    missing = sum(int((seconds < LIMIT_S - bound).sum()) for seconds in alone)
    if worst > bound or missing > (len(at) // 1000 if tool == "pandana" else 0):
        raise RuntimeError(f"{tool}'s catchments differ from scipy's: by {worst:.3f} s, {missing} rows are not shared")


def reopen(plan: Plan, scratch: Path, name: str, tools: Sequence[str]) -> Numbers:
    """Seconds to have a prepared network again: ours from disk, pandana from arrays, with what every node reaches."""
    import ours

    network = Network.load(scratch / name)
    folder = scratch / f"{name}-prepared"
    folder.mkdir(exist_ok=True)
    prepared = ours.prepare(network)
    ours.save(prepared, folder)
    sources = Question.on(network, name, plan).sources
    if not np.array_equal(ours.every_node(ours.reopen(folder), sources, LIMIT_S),
                          ours.every_node(prepared, sources, LIMIT_S)):  # fmt: skip
        raise RuntimeError("a reopened network gives other seconds than the one that was saved")
    tasks: dict[str, Callable[[], Any]] = {"ours": lambda: ours.reopen(folder)}
    if "pandana" in tools:
        import by_pandana

        tasks["pandana"] = lambda: by_pandana.precompute(by_pandana.prepare(network), LIMIT_S)
    return {"seconds": timing.interleaved(tasks, min(plan.rounds, 10), 3 * plan.patience_s)}


def isochrones(plan: Plan, scratch: Path, name: str, drawn: bool) -> Numbers:
    """Isochrones around junctions of a real place: median seconds, and which share of street ends they hold.

    ``walk`` and ``drive``: of the ends that scipy finds within the time, over all starts and contours, the share
    inside; and of those beyond. On foot also as ``drawn`` by osmnx.
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
        tasks: dict[str, Callable[[int], Any]] = {
            "ours": lambda node, n=network, m=mode: ours.isochrone(travel, n.lon[node], n.lat[node], MINUTES, m)
        }
        points = {"ours": shapely.points(network.lon[ends], network.lat[ends])}
        if mode == "walk" and drawn:
            import by_osmnx

            metric = Transformer.from_crs("EPSG:4326", place.projection, always_xy=True)
            x, y = metric.transform(network.lon, network.lat)
            # Who starts within so many metres walks 1,000 on, and the rest is not asked for.
            near = network.near_the_middle(plan.within_m + 1500.0)
            kept = near[network.u] & near[network.v]
            edges = {each: getattr(network, each)[kept] for each in ("u", "v", "metres", "forward", "backward")}
            graph = by_osmnx.prepare(replace(network, x=x, y=y, **edges), place.projection)
            tasks["osmnx"] = lambda node, graph=graph: by_osmnx.isochrone(graph, int(node), MINUTES)
            points["osmnx"] = shapely.points(x[ends], y[ends])
        times: dict[str, list[float]] = {tool: [] for tool in tasks}
        held = {tool: np.zeros(4, int) for tool in tasks}
        for node in starts:
            seconds = by_scipy.every_node(outward, np.array([node]), np.inf)[ends]
            for tool, task in tasks.items():
                for minutes, shape in zip(MINUTES, task(node), strict=True):
                    shapely.prepare(shape)
                    inside, within = shapely.intersects(shape, points[tool]), seconds <= minutes * 60.0
                    held[tool] += (inside & within).sum(), within.sum(), (inside & ~within).sum(), (~within).sum()
            best = timing.interleaved(
                {tool: lambda task=task, node=node: task(node) for tool, task in tasks.items()},
                min(plan.rounds, 3),
                plan.patience_s,
            )
            for tool, one in best.items():
                times[tool].append(one)
        numbers[mode] = {
            tool: {
                "seconds": float(np.median(times[tool])),
                "inside": float(held[tool][0] / held[tool][1]),
                "beyond": float(held[tool][2] / held[tool][3]),
            }
            for tool in tasks
        }
    return numbers


def reading(plan: Plan, scratch: Path, name: str) -> Numbers:
    """Seconds to read all that a study takes from an extract, and merely to pass over it with osmium."""
    import osmium

    import ours
    from places import PLACES

    place = PLACES[name]

    def passing() -> None:
        for _ in osmium.FileProcessor(str(place.extract)).with_locations():
            pass

    tasks = {"ours": lambda: ours.read_extract(place.extract, place.area), "osmium": passing}
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
    """Seconds until ``fuwuquan serve`` is ready on the sample, and those of a process that imports its libraries."""
    found = subprocess.run([sys.executable, "-c", LIBRARIES], capture_output=True, text=True, check=True)
    importing = scratch / "importing.py"
    lines = "".join(f"    {name!r},\n" for name in found.stdout.split())
    importing.write_text(
        f"import importlib\nfor name in (\n{lines}):\n"
        "    try:\n        importlib.import_module(name)\n    except ImportError:\n        pass\n",
        "utf-8",
    )
    # Once before, so that the register is filled and the compiled loops are in their cache.
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


def bandwidth(plan: Plan, scratch: Path) -> Numbers:
    """GB a second that one core copies."""
    return {"copy_gb_s": timing.bandwidth_gb_s(max(plan.rounds // 4, 3), plan.copied_mb)}


STAGES: dict[str, Callable[..., Numbers]] = {
    stage.__name__: stage
    for stage in (make, alone, together, compare, catchments, reopen, isochrones, reading, ready, bandwidth)
}


def run(stage: str, plan: Plan, scratch: Path, *arguments: Any, apart: bool = True) -> Numbers:
    """What a stage gives; ``apart`` in a process of its own, so that its memory is its own."""
    if not apart:
        return STAGES[stage](plan, scratch, *arguments)
    answer = scratch / "answer.json"
    request = {"stage": stage, "plan": asdict(plan), "scratch": str(scratch), "arguments": arguments}
    # pandana writes to standard output as it goes.
    subprocess.run(
        [sys.executable, str(Path(__file__)), json.dumps(request), str(answer)],
        stdout=subprocess.DEVNULL,
        check=True,
    )
    numbers: Numbers = json.loads(answer.read_text("utf-8"))
    return numbers


def main() -> None:
    request = json.loads(sys.argv[1])
    numbers = STAGES[request["stage"]](Plan(**request["plan"]), Path(request["scratch"]), *request["arguments"])
    Path(sys.argv[2]).write_text(json.dumps(numbers), "utf-8")


if __name__ == "__main__":
    main()
