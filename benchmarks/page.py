"""Renders docs/performance.md and its picture from the results, so that their figures are the measured ones.

`python benchmarks/page.py` writes the page again from results.json, machine.json and api.json, without measuring.
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypedDict

HERE = Path(__file__).resolve().parent
DOCS = HERE.parent / "docs"
PAGE, PICTURE = DOCS / "performance.md", DOCS / "images" / "growth.png"
PLACES = {"porto_alegre": "Porto Alegre", "liechtenstein": "Liechtenstein"}
TOOLS = ("ours", "scipy", "networkx", "pandana")


class Result(TypedDict):
    """One comparison: our figure, theirs or a bound, how many times smaller ours is, and the unit of both."""

    name: str
    ours: float
    theirs: float
    ratio: float
    unit: str


class Size(TypedDict):
    """The size of a network."""

    nodes: int
    edges: int


class Machine(TypedDict):
    """What machine.json holds: the machine, the libraries, and the numbers of places and networks."""

    date: str
    processor: str
    cores: int
    python: str
    libraries: dict[str, str]
    copy_gb_s: float
    demand: int
    sources: int
    catchments: int
    networks: dict[str, Size]


class ApiRow(TypedDict):
    """What `benchmarks/api.py` measured of one route."""

    name: str
    rate: int
    median_ms: float
    p99_ms: float


TEXT = """# Performance

`make bench` measures the program beside its peers and writes `benchmarks/results.json`; this page is rendered from
that file by `benchmarks/page.py`. This run: {date}, {processor}, {cores} cores, Python {python},
{libraries}.

The question is always what can be reached within 15 minutes on foot at 4 km/h.

- **Networks** are raw: every vertex of every walkable way is a node, with an edge to the next vertex. Generated
  networks are grids with gaps, dead ends, diagonals and one-way streets; their nodes are numbered at random.
- **Times** are the least of several runs in one process, after a warm-up. The tools run in turn; each turn lasts at
  least 20 ms, with the garbage collector off. From a million nodes on, each tool has a process of its own, and a task
  that takes more than two seconds runs once.
- **Cores**: scipy and networkx run on one core. pandana uses all cores; its threads sleep while they wait, because
  otherwise every other program slows them down. Ours uses all cores for catchments, and from 131,072 points on.

## In short

{short}

The ratio says how many times smaller our figure is. Where a larger figure is better (the share inside), it says how
many times larger ours is.

## Side by side

{tables}
- *Every node*: seconds to the nearest source at every raw node.
- *Demand*: the same for {demand} along edges, each over the nearer end of its edge. Sources are
  {sources}; all are drawn with a fixed seed.
- *Preparation* goes from arrays to a network that can be asked. For pandana it includes the contraction, but not
  setting the sources: `set-and-every-node-pandana` includes that.
- *Memory* is the peak of a process that loads the arrays, prepares the network and asks, libraries included.
- *Difference* is the largest difference from scipy over all nodes and places. pandana rounds to thousandths of a second
  on each edge.
- scipy gets 64-bit weights in rows, which it need not convert. networkx searches an undirected graph where possible.
- Combinations without a figure were not run.

## Growth

{growth}

![Time for each node within reach, by size of the network](images/growth.png)

The table shows nanoseconds for each node within the limit, with one source for 2,000 nodes. A prepared network keeps
its points along chains on a Hilbert curve, and the program reads answers in that order, which is the order measured
here. Ours takes {growth_factor} times as long for each of ten million nodes as for each of a hundred thousand; on one
core, {growth_alone} times. *Renumbered* answers are in the network's own, random numbering, which costs a cache miss
for each of millions of nodes. That figure grows {growth_renumbered} times; *every node* above includes the
renumbering.

## Compared with the speed of the memory

A pass over the network cannot be faster than the memory delivers the data that it must touch once: the arcs of the
hierarchy, the seconds of the junctions, the positions of nodes along streets, and the answer. One core copies
{copied} GB a second here (read and written, as STREAM counts).

{memory}

## Isochrones

Three contours, 5, 10 and 15 minutes, around seeded junctions; the time is the median over the junctions. osmnx draws
them as its examples do: an ego graph for each contour, whose edges and nodes are buffered and united, on the
simplified graph, which is prepared before. Its examples buffer one shape after the other; here one call buffers all.
osmnx starts at a given node, ours at a longitude and latitude. *Inside* is the share of street ends within the time,
by scipy, that the polygon contains, over all starts and contours. *Beyond* is the share that it contains of the
street ends farther away.

{isochrones}

## Catchments and opening a prepared network

`catchments-…` compute what {catchments} nodes of Porto Alegre reach, as rows of source, node and seconds. For pandana
the better of two ways counts: a search when asked, or `precompute` for every node before, which leaves only making
the frame. `reopen-pandana` compares our file, opened from disk, with pandana's constructor and `precompute`: pandana
can save nodes and edges only, and has to contract them again.

## Reading and starting

{others}

- *Reading* takes everything for a study from an extract: boundaries, streets, facilities and buildings. It is
  compared with a bare pass of osmium over the extract, with locations.
- *Scenario* is the answer to one new clinic in Liechtenstein, of a program that runs already. With its ten worst gaps
  it is compared with our own coverage and gaps from scratch: the study's folder read into an empty memory. Without gaps
  it is compared with networkx, which makes its graph from streets that are read already, and searches once.
- *Ready* goes from the start of `fuwuquan serve` to the first answer of `/ready`, with compiled loops in their cache.
  It is compared with a process that imports the same libraries and ends.

## The API

`make bench-api` measures one worker that serves the sample over 50 connections. Each connection sends its next
request when the last one is answered. Figures are medians of five rounds of two seconds, with the routes in turn.

- *Ready* routes declare the same parameters in the same way and return the same bytes, prepared before. *Bare*
  declares no parameters. The router tries these routes before all others.
- `nearest` computes the five nearest clinics of another place for each request.
- `items` are pages of a hundred facilities, cached by revision; `not-modified` are pages whose tag the client sends
  (304).

The targets are 0.5, 0.5 and 0.8 of the rate of the ready route, and a 99th percentile of at most four times that of
the ready route.

{api}

## All results

{everything}
"""

SHORT = (
    ("every-node-scipy", "every node of Porto Alegre; scipy"),
    ("every-node-pandana", "the same; pandana, sources set before"),
    ("demand-scipy", "demand; scipy"),
    ("demand-pandana", "demand; pandana"),
    ("demand-networkx", "demand; networkx"),
    ("catchments-scipy", "catchments as rows; scipy"),
    ("catchments-pandana", "catchments as rows; pandana"),
    ("reopen-pandana", "a prepared network again: ours from disk; pandana from arrays"),
    ("isochrone-osmnx", "an isochrone of three contours; osmnx"),
    ("growth", "time per node, ten million nodes to a hundred thousand; the bound"),
    ("memory-10m", "memory at ten million nodes; the bound"),
    ("scenario-scratch-liechtenstein", "a scenario with gaps; our own coverage and gaps from scratch"),
    ("scenario-networkx-liechtenstein", "a scenario without gaps; networkx from scratch"),
    ("sites-scipy", "maximal covering, 2,000 people × 500 sites, proven; scipy's HiGHS"),
    ("sites-new-york-50", "New York, 50 of 2,713 sites, proven; the bound"),
    ("sites-new-york-100-gap", "New York, 100 sites, gap after 300 s; the bound"),
    ("ready", "ready to serve; imports alone"),
)


def current() -> str:
    """The page, rendered from the results beside this file."""
    results, machine = (json.loads((HERE / name).read_text("utf-8")) for name in ("results.json", "machine.json"))
    return render(results, machine)


def _api() -> str:
    path = HERE / "api.json"
    return api_table(json.loads(path.read_text("utf-8"))) if path.exists() else "Not measured."


def api_table(rows: Sequence[ApiRow]) -> str:
    """The table of what `benchmarks/api.py` measured."""
    by_name = {row["name"]: row for row in rows}
    controls = {"nearest": "nearest-ready", "items": "items-ready", "not-modified": "items-ready"}

    def cells(row: ApiRow) -> tuple[str, ...]:
        control, bare = by_name[controls.get(row["name"], row["name"])], by_name["bare"]
        ratios = (row["rate"] / control["rate"], row["rate"] / bare["rate"], row["p99_ms"] / control["p99_ms"])
        shown = [f"{ratio:.2f}" for ratio in ratios] if row["name"] in controls else ["", f"{ratios[1]:.2f}", ""]
        return f"`{row['name']}`", f"{row['rate']:,}", f"{row['median_ms']:.2f}", f"{row['p99_ms']:.2f}", *shown

    heads = ("route", "requests a second", "median ms", "p99 ms", "rate to ready", "rate to bare", "p99 to ready")
    return _table(heads, (cells(row) for row in rows))


def render(results: Sequence[Result], machine: Machine) -> str:
    """The page as text."""
    by_name = {result["name"]: result for result in results}
    networks = machine["networks"]
    return TEXT.format(
        api=_api(),
        date=machine["date"],
        processor=machine["processor"],
        cores=machine["cores"],
        python=machine["python"],
        libraries=", ".join(f"{name} {version}" for name, version in machine["libraries"].items()),
        demand=f"{machine['demand']:,} places",
        sources=f"{machine['sources']} nodes in a real place, one node in 2,000 in the others",
        catchments=f"{machine['catchments']:,}",
        short=_table(
            ("", "", "ours", "theirs", "ratio"),
            ((f"`{name}`", what, *_figures(by_name[name])) for name, what in SHORT if name in by_name),
        ),
        tables="".join(_network(by_name, name, size) for name, size in networks.items()),
        growth=_table(
            ("nodes", "ours ns", "on one core", "renumbered", "scipy ns", "ratio"),
            (_growth(by_name, name, size) for name, size in _generated(networks)),
        ),
        growth_factor=_short(by_name["growth"]["ours"]),
        growth_alone=_short(by_name["growth-on-one-core"]["ours"]),
        growth_renumbered=_short(by_name["growth-renumbered"]["ours"]),
        copied=_short(machine["copy_gb_s"]),
        memory=_table(
            ("network", "bytes per node", "memory needs", "ours takes", "share of its speed"),
            (_touched(by_name[f"bandwidth-{name}"], name, size, machine) for name, size in networks.items()),
        ),
        isochrones=_isochrones(by_name, networks),
        others=_table(
            ("", "ours", "theirs", "ratio"),
            (
                (f"`{name}`", *_figures(result))
                for name, result in by_name.items()
                if name.startswith(("reading-", "scenario-", "ready"))
            ),
        ),
        everything=_table(
            ("name", "ours", "theirs", "ratio", "unit"),
            ((f"`{result['name']}`", *_plain(result), result["unit"]) for result in results),
        ),
    )


def draw(results: Sequence[Result], machine: Machine, picture: Path) -> None:
    """Draw the growth curve into the file ``picture``."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    by_name = {result["name"]: result for result in results}
    figure, axes = pyplot.subplots(figsize=(7, 3.6), layout="constrained")
    for tool in TOOLS:
        points = [
            (size["nodes"], _per_node(by_name, name, tool))
            for name, size in _generated(machine["networks"])
            if tool in ("ours", "scipy") or f"every-node-{tool}-{name}" in by_name
        ]
        if points:
            axes.plot(*zip(*points, strict=True), marker="o", linewidth=2.5 if tool == "ours" else 1.2, label=tool)
    axes.set(xscale="log", yscale="log", xlabel="nodes", ylabel="ns for each node in reach")
    axes.grid(alpha=0.3, which="both")
    axes.legend(frameon=False)
    figure.savefig(picture, dpi=120)
    pyplot.close(figure)


def _generated(networks: dict[str, Size]) -> list[tuple[str, Size]]:
    return [(name, size) for name, size in networks.items() if name not in PLACES]


def _per_node(by_name: dict[str, Result], name: str, tool: str) -> float:
    settled = by_name[f"settled-{name}"]
    if tool in ("ours", "scipy"):
        return float(settled["ours" if tool == "ours" else "theirs"])
    every_node = by_name[f"every-node-{tool}-{name}"]
    return float(by_name[f"settled-renumbered-{name}"]["ours"] * every_node["ratio"])


def _growth(by_name: dict[str, Result], name: str, size: Size) -> tuple[str, ...]:
    ours = (by_name[f"settled{kind}-{name}"]["ours"] for kind in ("", "-on-one-core", "-renumbered"))
    settled = by_name[f"settled-{name}"]
    return f"{size['nodes']:,}", *(_short(figure) for figure in (*ours, settled["theirs"], settled["ratio"]))


def _network(by_name: dict[str, Result], name: str, size: Size) -> str:
    suffix = "" if name == "porto_alegre" else f"-{name}"
    rows = []
    for tool in TOOLS:
        side, peer = ("ours", "scipy") if tool == "ours" else ("theirs", tool)
        if f"every-node-{peer}{suffix}" not in by_name:
            continue
        cells = [_time(by_name[f"{what}-{peer}{suffix}"][side]) for what in ("prepare", "every-node", "demand")]
        memory = f"{by_name[f'memory-{peer}{suffix}'][side]:.2f} GB"
        differences = {"ours": by_name[f"equal-{name}"]["ours"], "scipy": 0.0}
        worst = differences[tool] if tool in differences else by_name[f"difference-{tool}-{name}"]["theirs"]
        rows.append((tool, *cells, memory, f"{worst:.3f} s"))
    title = PLACES.get(name, "Generated")
    table = _table(("", "preparation", "every node", "demand", "memory", "difference"), rows)
    return f"### {title}: {size['nodes']:,} nodes, {size['edges']:,} edges\n\n{table}\n\n"


def _touched(result: Result, name: str, size: Size, machine: Machine) -> tuple[str, ...]:
    bytes_per_node = result["theirs"] * machine["copy_gb_s"] * 1e9 / size["nodes"]
    title = PLACES.get(name, f"{size['nodes']:,} nodes")
    return title, f"{bytes_per_node:.0f}", _time(result["theirs"]), _time(result["ours"]), f"{result['ratio']:.1%}"


def _isochrones(by_name: dict[str, Result], networks: dict[str, Size]) -> str:
    rows = []
    for name in (name for name in PLACES if name in networks):
        suffix = "" if name == "porto_alegre" else f"-{name}"
        for mode in ("walk", "drive"):
            inside, beyond = (by_name[f"isochrone-{what}-{name}-{mode}"]["ours"] for what in ("inside", "beyond"))
            by_osmnx = by_name.get(f"isochrone-osmnx{suffix}") if mode == "walk" else None
            time = _time(by_osmnx["ours"]) if by_osmnx else ""
            rows.append((PLACES[name], mode, "ours", time, f"{inside:.2%}", f"{beyond:.2%}"))
            if by_osmnx:
                shares = (by_name[f"osmnx-{what}-{name}"]["theirs"] for what in ("inside", "beyond"))
                rows.append((PLACES[name], mode, "osmnx", _time(by_osmnx["theirs"]), *(f"{s:.2%}" for s in shares)))
    return _table(("", "mode", "", "time", "inside", "beyond"), rows)


def _figures(result: Result) -> tuple[str, ...]:
    """Ours, theirs and the ratio with their units."""
    show = _time if result["unit"] == "s" else lambda figure: f"{_short(figure)} {result['unit']}"
    return show(result["ours"]), show(result["theirs"]), _short(result["ratio"])


def _plain(result: Result) -> tuple[str, ...]:
    return _short(result["ours"]), _short(result["theirs"]), _short(result["ratio"])


def _time(seconds: float) -> str:
    if seconds < 1e-3:
        return f"{_short(seconds * 1e6)} µs"
    return f"{_short(seconds * 1e3)} ms" if seconds < 1 else f"{_short(seconds)} s"


def _short(figure: float) -> str:
    """Three figures, without an exponent where that is shorter."""
    if figure == 0:
        return "0"
    if not 1e-4 <= abs(figure) < 1e6:
        return f"{figure:.1e}"
    if abs(figure) >= 100:
        return f"{figure:,.0f}"
    return f"{figure:.3g}"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    names = list(head)
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(current(), "utf-8", newline="\n")
