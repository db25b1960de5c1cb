"""Measures the program beside its peers: `make bench`, or python benchmarks [--quick] [--output FOLDER].

Without --quick, it writes results.json and machine.json beside this file, and docs/performance.md from them.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from importlib import metadata
from pathlib import Path

import page
import stages
from page import Result
from plan import EXTRACTS, FULL, QUICK, Numbers, Plan
from siting import NEW_YORK

HERE = Path(__file__).resolve().parent
TOOLS = ("ours", "scipy", "networkx", "pandana")
LARGEST = "generated-10m"  # only ours and scipy run on it
APART = ("generated-1m", LARGEST)  # each tool in a process of its own: preparing these twice takes too long

Run = Callable[..., Numbers]


def row(name: str, ours: float, theirs: float, unit: str) -> Result:
    """A result; the ratio says how many times smaller our figure is."""
    return {"name": name, "ours": ours, "theirs": theirs, "ratio": theirs / max(ours, 1e-9), "unit": unit}


def measure(plan: Plan, scratch: Path, apart: bool) -> tuple[list[Result], Numbers]:
    """All results; and of the run, the speed of the memory and the sizes of the networks."""

    def run(stage: str, *arguments: object) -> Numbers:
        begin = time.monotonic()
        numbers = stages.run(stage, plan, scratch, *arguments, apart=apart)
        print(f"{time.monotonic() - begin:6.1f} s", stage, *arguments, file=sys.stderr)
        return numbers

    real = [name for name in plan.real if (EXTRACTS / name).is_dir()]
    tools = [tool for tool in TOOLS if stages.installed(tool)]
    copied = run("bandwidth")["copy_gb_s"]
    results: list[Result] = []
    sizes: dict[str, Numbers] = {}
    for name in (*real, *plan.sizes):
        sizes[name] = run("make", name)
        results += network_rows(run, name, tools[:2] if name == LARGEST else tools, copied)
    settled = {result["name"]: result["ours"] for result in results if result["name"].startswith("settled-")}
    for kind in ("", "-on-one-core", "-renumbered"):
        least, most = (settled[f"settled{kind}-{name}"] for name in ("generated-0.1m", LARGEST))
        results.append(row(f"growth{kind}", most / least, 2.5, "times"))
    for name in real:
        if name == "porto_alegre":
            results += catchment_rows(run, name, tools)
        results += isochrone_rows(run, name, stages.installed("osmnx") and name in plan.drawn_by_osmnx)
        seconds = run("reading", name)
        results.append(row(f"reading-{name}", seconds["ours"], seconds["osmium"], "s"))
    if "liechtenstein" in real and "networkx" in tools:
        seconds = run("scenarios", "liechtenstein")["seconds"]
        results.append(row("scenario-scratch-liechtenstein", seconds["with-gaps"], seconds["coverage"], "s"))
        results.append(row("scenario-networkx-liechtenstein", seconds["answer"], seconds["networkx"], "s"))
    seconds = run("ready")
    results.append(row("ready", seconds["ours"], seconds["imports"], "s"))
    results += siting_rows(run, plan is FULL)
    counts = {what: getattr(plan, what) for what in ("demand", "sources", "catchments")}
    return results, {"copy_gb_s": copied, **counts, "networks": sizes}


def siting_rows(run: Run, full: bool) -> list[Result]:
    """Results of siting; New York's only in the full plan, where its table is present."""
    seconds = run("town_sites")
    results = [row("sites-scipy", seconds["ours"], seconds["scipy"], "s")]
    if full and NEW_YORK.is_file():
        fifty, hundred = run("new_york", 50), run("new_york", 100)
        results.append(row("sites-new-york-50", fifty["seconds"], 60.0, "s"))  # all of the time if not proven
        results.append(row("sites-new-york-100-gap", 100 * hundred["gap"], 0.1, "%"))
    return results


def named(what: str, name: str) -> str:
    """A result's name: results of Porto Alegre do not name the network."""
    return what if name == "porto_alegre" else f"{what}-{name}"


def network_rows(run: Run, name: str, tools: list[str], copied: float) -> list[Result]:
    """Results of one network: preparation, questions, memory, equality, and ours beside the speed of the memory."""
    # Ours and scipy are timed alone for the growth; `together` below times all tools in turn.
    numbers = {tool: run("alone", name, tool, name in APART or tool in tools[:2]) for tool in tools}
    ours = numbers["ours"]
    results = []
    seconds = {what: {tool: numbers[tool][what] for tool in tools} for what in ("every-node", "demand")}
    sources = None
    if name not in APART:
        in_turn = run("together", name, tools)
        seconds, sources = {what: in_turn[what] for what in seconds}, in_turn.get("sources")
    for tool in tools[1:]:
        results += [
            row(named(f"{what}-{tool}", name), by_tool["ours"], by_tool[tool], "s") for what, by_tool in seconds.items()
        ]
        for what, unit in (("prepare", "s"), ("memory", "GB")):
            results.append(row(named(f"{what}-{tool}", name), ours[what], numbers[tool][what], unit))
    if sources is not None:
        with_sources = sources + seconds["every-node"]["pandana"]
        results.append(row(named("set-and-every-node-pandana", name), seconds["every-node"]["ours"], with_sources, "s"))
    differences = run("compare", name, tools)
    results.append(row(f"equal-{name}", differences["ours"], 0.01, "s"))
    results += [row(f"difference-{tool}-{name}", differences["ours"], differences[tool], "s") for tool in tools[2:]]
    theirs = numbers["scipy"]["every-node"]
    for kind, what in (("", "own-order"), ("-on-one-core", "one-core"), ("-renumbered", "every-node")):
        per_node = (seconds / ours["settled"] * 1e9 for seconds in (ours[what], theirs))
        results.append(row(f"settled{kind}-{name}", *per_node, "ns"))
    results.append(row(f"bandwidth-{name}", ours["one-core"], ours["touched"] / copied / 1e9, "s"))
    if name == LARGEST:
        results.append(row("memory-10m", ours["memory"], 4.0, "GB"))
    return results


def catchment_rows(run: Run, name: str, tools: list[str]) -> list[Result]:
    """Results of catchments, and of opening a prepared network again."""
    seconds = run("catchments", name, [tool for tool in tools if tool != "networkx"])["seconds"]
    results = [row("catchments-scipy", seconds["ours"], seconds["scipy"], "s")]
    reopened = run("reopen", name, tools)["seconds"]
    if "pandana" in tools:
        searched, precomputed = seconds["pandana"], seconds["pandana-precomputed"]
        results.append(row("catchments-pandana", seconds["ours"], min(searched, precomputed), "s"))
        results.append(row("reopen-pandana", reopened["ours"], reopened["pandana"], "s"))
    return results


def isochrone_rows(run: Run, name: str, drawn: bool) -> list[Result]:
    """Results of isochrones around junctions of a real place."""
    numbers = run("isochrones", name, drawn)
    results = []
    for mode in ("walk", "drive"):
        ours = numbers[mode]["ours"]
        inside = row(f"isochrone-inside-{name}-{mode}", ours["inside"], 0.99, "share")
        results += [inside | {"ratio": ours["inside"] / 0.99}]  # here a larger figure is better
        results += [row(f"isochrone-beyond-{name}-{mode}", ours["beyond"], 0.02, "share")]
    if "osmnx" in numbers["walk"]:
        ours, theirs = (numbers["walk"][tool] for tool in ("ours", "osmnx"))
        results.append(row(named("isochrone-osmnx", name), ours["seconds"], theirs["seconds"], "s"))
        inside = row(f"osmnx-inside-{name}", ours["inside"], theirs["inside"], "share")
        results.append(inside | {"ratio": ours["inside"] / theirs["inside"]})
        results.append(row(f"osmnx-beyond-{name}", ours["beyond"], theirs["beyond"], "share"))
    return results


def about(run: Numbers) -> Numbers:
    """The machine, the day and the libraries, with the figures of the run."""
    libraries = ("numba", "numpy", "scipy", "networkx", "pandana", "osmnx", "osmium")
    return {
        "date": date.today().isoformat(),
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "python": platform.python_version(),
        "libraries": {name: metadata.version(name) for name in libraries if stages.installed(name)},
        **run,
    }


def processor() -> str:
    """The processor's name, or its architecture where the system does not name it."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="small networks, few repeats; writes nothing without --output"
    )
    parser.add_argument("--output", type=Path, help="folder for results.json and machine.json")
    options = parser.parse_args()
    # pandana's threads wait for each other actively, so that its preparation takes four times as long while other
    # programs run. Passive waiting avoids that.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    with tempfile.TemporaryDirectory() as scratch:
        plan = QUICK if options.quick else FULL
        results, run = measure(plan, Path(scratch), apart=not options.quick)
    machine = about(run)
    output = options.output or (None if options.quick else HERE)
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
        write(output / "results.json", "[\n" + ",\n".join(json.dumps(result) for result in results) + "\n]\n")
        write(output / "machine.json", json.dumps(machine, indent=1, ensure_ascii=False) + "\n")
    if output == HERE:
        page.draw(results, machine, page.PICTURE)
        write(page.PAGE, page.render(results, machine))


def write(file: Path, text: str) -> None:
    file.write_text(text, "utf-8", newline="\n")


if __name__ == "__main__":
    main()
