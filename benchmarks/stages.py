"""The stages of the benchmark: each runs in a process of its own and returns plain numbers."""

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

    Attributes
    ----------
    sizes : the number of nodes of each generated network, by name
    within_m : metres around the median node to which real networks are cut
    rounds, patience_s : see `timing.interleaved`
    demand, sources, catchments, starts : numbers of places to look up, of sources in real places, of nodes whose
        catchments are computed, and of starts of isochrones
    copied_mb : megabytes copied to measure the memory
    drawn_by_osmnx : the real places in which osmnx draws isochrones too
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
    """One tool with a prepared network and a question about it."""

    def __init__(self, name: str, network: Network, question: Question) -> None:
        self.module: Any = import_module(TOOLS[name])
        self.question = question
        begin = time.perf_counter()
        self.prepared = self.module.prepare(network)
        self.preparation_s = time.perf_counter() - begin
        self.places = self.module.place_demand(self.prepared, question.edge, question.fraction)
        self.set_sources()

    def set_sources(self) -> None:
        """Set the sources, which only pandana needs."""
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
    """Import a tool and run it once, so that nothing is loaded or compiled while times are measured."""
    small = generate(2_000, SEED)
    tool = Tool(name, small, Question.on(small, "generated-0.1m", QUICK))
    tool.every_node()
    tool.demand()


def make(plan: Plan, scratch: Path, name: str) -> Numbers:
    """Write the raw network ``name`` into ``scratch``."""
    if name in plan.sizes:
        seconds = timing.clock(lambda: generate(plan.sizes[name], SEED).save(scratch / name))
    else:
        import ours
        from places import PLACES, read

        def read_and_save() -> None:
            whole = read(PLACES[name].extract, "walk", *ours.speeds())
            whole.around_the_middle(plan.within_m).save(scratch / name)

        seconds = timing.clock(read_and_save)
    network = Network.load(scratch / name)
    return {"seconds": seconds, "nodes": len(network), "edges": len(network.u)}


def alone(plan: Plan, scratch: Path, name: str, tool: str, often: bool) -> Numbers:
    """One tool alone on one network: seconds of preparation and questions (repeated if ``often``), and peak memory.

    Its answers are written into ``scratch``.
    """
    _warm(tool)
    network = Network.load(scratch / name)
    task_tool = Tool(tool, network, Question.on(network, name, plan))
    tasks: dict[str, Callable[[], Any]] = {"every-node": task_tool.every_node, "demand": task_tool.demand}
    numbers: Numbers = {"prepare": task_tool.preparation_s}
    for what, task in tasks.items():
        begin = time.perf_counter()
        answer = task()
        numbers[what] = time.perf_counter() - begin
        np.save(scratch / f"{name}-{what}-{tool}.npy", answer)
    numbers["memory"] = timing.peak_gb()
    tasks = {what: task for what, task in tasks.items() if often and numbers[what] <= plan.patience_s}
    numbers |= timing.interleaved(tasks, plan.rounds, plan.patience_s)
    if task_tool.preparation_s < plan.patience_s:
        tasks = {"prepare": lambda: task_tool.module.prepare(network)}
        repeated = timing.interleaved(tasks, min(plan.rounds, 5), plan.patience_s)
        numbers["prepare"] = min(numbers["prepare"], repeated["prepare"])
    if tool == "ours":

        def in_own_order() -> Floats:
            return task_tool.module.in_own_order(task_tool.prepared, task_tool.question.sources, LIMIT_S)  # type: ignore[no-any-return]

        numbers |= timing.interleaved({"own-order": in_own_order}, plan.rounds, plan.patience_s)
        task_tool.module.on_one_core()
        numbers |= timing.interleaved({"one-core": in_own_order}, plan.rounds, plan.patience_s)
        numbers["touched"] = task_tool.module.touched_bytes(task_tool.prepared)
        numbers["settled"] = int(np.isfinite(in_own_order()).sum())
    return numbers


def together(plan: Plan, scratch: Path, name: str, tools: Sequence[str]) -> Numbers:
    """Several tools in turn on one network: seconds by question and tool."""
    network = Network.load(scratch / name)
    question = Question.on(network, name, plan)
    tools_by_name = {tool: Tool(tool, network, question) for tool in tools}
    numbers: Numbers = {}
    for what in ("every-node", "demand"):
        tasks: dict[str, Callable[[], Any]] = {
            tool: (each.every_node if what == "every-node" else each.demand) for tool, each in tools_by_name.items()
        }
        numbers[what] = timing.interleaved(tasks, plan.rounds, plan.patience_s)
    if "pandana" in tools_by_name:
        numbers["sources"] = timing.interleaved(
            {"pandana": tools_by_name["pandana"].set_sources}, plan.rounds, plan.patience_s
        )["pandana"]
    return numbers


def compare(plan: Plan, scratch: Path, name: str, tools: Sequence[str]) -> Numbers:
    """The largest difference to scipy's seconds over all nodes and places of a network, by tool."""
    differences: Numbers = {}
    for tool in tools:
        worst = 0.0
        for what in ("every-node", "demand"):
            ours, scipys = (np.load(scratch / f"{name}-{what}-{which}.npy") for which in (tool, "scipy"))
            # Where only one of them is within the limit, its distance to the limit counts.
            worst = max(worst, float(np.abs(np.minimum(ours, LIMIT_S) - np.minimum(scipys, LIMIT_S)).max()))
        differences[tool] = worst
    return differences


def catchments(plan: Plan, scratch: Path, name: str, tools: Sequence[str]) -> Numbers:
    """What some nodes reach, as rows: seconds by tool, and how many rows there are.

    RuntimeError if two tools differ by more than a hundredth of a second; pandana may by a tenth.
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
        answer = tasks[tool]()
        rows = modules[tool].rows(answer) if tool == "pandana" else answer
        _check_equal(tool, expected, _rows(rows, nodes, indptr=tool != "pandana"))
    numbers: Numbers = timing.interleaved(tasks, min(plan.rounds, 6), 2 * plan.patience_s)
    if "pandana" in tools:
        # pandana looks up what it has precomputed; the better of both ways counts.
        modules["pandana"].precompute(prepared["pandana"], LIMIT_S)
        repeated = timing.interleaved({"pandana": tasks["pandana"]}, min(plan.rounds, 6), 2 * plan.patience_s)
        numbers["pandana-precomputed"] = repeated["pandana"]
    return {"seconds": numbers, "rows": len(expected[0])}


def _rows(catchments: Any, nodes: Ints, indptr: bool = True) -> tuple[Any, Floats]:
    """Rows by a key made of source and node, sorted by it, and their seconds."""
    source, node, seconds = catchments
    if indptr:
        source = np.repeat(nodes, np.diff(source))
    key = source.astype(np.int64) << 32 | node.astype(np.int64)
    order = np.argsort(key)
    return key[order], seconds[order]


def _check_equal(tool: str, expected: tuple[Any, Floats], actual: tuple[Any, Floats]) -> None:
    # A node may be just within the limit for one tool and just beyond for the other; pandana rounds to thousandths.
    bound = 0.1 if tool == "pandana" else 0.01
    _, at, there = np.intersect1d(expected[0], actual[0], return_indices=True)
    worst = np.abs(expected[1][at] - actual[1][there]).max()
    unshared = (np.delete(seconds, shared) for (_, seconds), shared in ((expected, at), (actual, there)))
    missing = sum(int((seconds < LIMIT_S - bound).sum()) for seconds in unshared)
    if worst > bound or missing > (len(at) // 1000 if tool == "pandana" else 0):
        raise RuntimeError(f"{tool}'s catchments differ from scipy's: by {worst:.3f} s, {missing} rows are not shared")


def reopen(plan: Plan, scratch: Path, name: str, tools: Sequence[str]) -> Numbers:
    """Seconds to open a prepared network again: ours from disk; pandana from arrays, with what every node reaches."""
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
        tasks: dict[str, Callable[[int], Any]] = {
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


def bandwidth(plan: Plan, scratch: Path) -> Numbers:
    """GB per second that one core copies."""
    return {"copy_gb_s": timing.bandwidth_gb_s(max(plan.rounds // 4, 3), plan.copied_mb)}


STAGES: dict[str, Callable[..., Numbers]] = {
    stage.__name__: stage
    for stage in (make, alone, together, compare, catchments, reopen, isochrones, reading, ready, bandwidth)
}


def run(stage: str, plan: Plan, scratch: Path, *arguments: Any, apart: bool = True) -> Numbers:
    """The numbers of a stage; ``apart``, it runs in a process of its own, so that its memory is measured alone."""
    if not apart:
        return STAGES[stage](plan, scratch, *arguments)
    answer = scratch / "answer.json"
    request = {"stage": stage, "plan": asdict(plan), "scratch": str(scratch), "arguments": arguments}
    # pandana writes its progress to standard output.
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
