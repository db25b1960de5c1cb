"""The stages of the benchmark: each runs in a process of its own and returns plain numbers."""

import importlib.util
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import timing
from networks import Floats, Ints, Network, generate
from plan import LIMIT_S, QUICK, SEED, Numbers, Plan
from program_stages import isochrones, reading, ready
from scenario_stages import scenarios
from siting import new_york, town_sites

TOOLS = {"ours": "ours", "scipy": "by_scipy", "networkx": "by_networkx", "pandana": "by_pandana", "osmnx": "by_osmnx"}
Rows = tuple[NDArray[np.int64], Floats]
"""Keys of source and node, sorted, and the seconds between them."""


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
    tasks: dict[str, Callable[[], object]] = {"every-node": task_tool.every_node, "demand": task_tool.demand}
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
        tasks: dict[str, Callable[[], object]] = {
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
    tasks: dict[str, Callable[[], object]] = {
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


def _rows(catchments: Any, nodes: Ints, indptr: bool = True) -> Rows:
    """Rows by a key made of source and node, sorted by it, and their seconds."""
    source, node, seconds = catchments
    if indptr:
        source = np.repeat(nodes, np.diff(source))
    key = source.astype(np.int64) << 32 | node.astype(np.int64)
    order = np.argsort(key)
    return key[order], seconds[order]


def _check_equal(tool: str, expected: Rows, actual: Rows) -> None:
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
    tasks: dict[str, Callable[[], object]] = {"ours": lambda: ours.reopen(folder)}
    if "pandana" in tools:
        import by_pandana

        tasks["pandana"] = lambda: by_pandana.precompute(by_pandana.prepare(network), LIMIT_S)
    return {"seconds": timing.interleaved(tasks, min(plan.rounds, 10), 3 * plan.patience_s)}


def bandwidth(plan: Plan, scratch: Path) -> Numbers:
    """GB per second that one core copies."""
    return {"copy_gb_s": timing.bandwidth_gb_s(max(plan.rounds // 4, 3), plan.copied_mb)}


STAGES: dict[str, Callable[..., Numbers]] = {
    stage.__name__: stage
    for stage in (
        *(make, alone, together, compare, catchments, reopen, isochrones, reading, ready, scenarios, bandwidth),
        *(town_sites, new_york),
    )
}


def run(stage: str, plan: Plan, scratch: Path, *arguments: object, apart: bool = True) -> Numbers:
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
