"""docs/performance.md, rendered from the results alone, so that its figures are theirs; and its picture."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
DOCS = HERE.parent / "docs"
PAGE, PICTURE = DOCS / "performance.md", DOCS / "images" / "growth.png"
PLACES = {"porto_alegre": "Porto Alegre", "liechtenstein": "Liechtenstein"}
TOOLS = ("ours", "scipy", "networkx", "pandana")
Result = dict[str, Any]

TEXT = """# Performance

`make bench` measures the program beside its peers and writes this page from `benchmarks/results.json`; nothing here is
typed by hand. This run: {date}, {processor}, {cores} cores, Python {python},
{libraries}.

Asked is for what is within 15 minutes on foot at 4 km/h. Networks are raw: every vertex of every walkable way is a
node, with an edge to the next. The generated ones are grids with gaps, dead ends, diagonals and one-way streets, nodes
numbered at random. A time is the least of several, in one process after a warm-up, the tools in turn, each turn at
least 20 ms long, the garbage collector off; from a million nodes on each tool has a process of its own, and what takes
more than two seconds there is run once. scipy and networkx run on one core; pandana takes all there are (its threads
sleep while they wait: otherwise it suffers badly from whatever else runs), and so does ours for catchments and from
131,072 places on.

## In short

{short}

The ratio says how many times less ours is; where more is better (the share inside), how many times more.

## Side by side

{tables}
*Every node*: seconds to the nearest source at every raw node. *Demand*: the same for {demand} along edges, the
least over both ends. Sources are {sources}, seeded.
*Preparation* is from arrays to ready. pandana's contains its contraction, but not what it takes to tell it of the
sources: that is in `set-and-every-node-pandana`. *Memory* is the most that a process has held that loads the arrays,
prepares and asks, its libraries included. *Difference* is the largest to scipy over all nodes and places: pandana
counts in whole thousandths of a second. scipy gets rows of 64-bit weights that it need not convert; networkx searches
an undirected graph where it may. What a table does not have was not run.

## Growth

{growth}

![Time for each node within reach, by size of the network](images/growth.png)

Nanoseconds for each node that is within the limit; a source in 2,000 nodes. Ours are in the order in which a prepared
network keeps its places, along chains on a Hilbert curve, and the program reads answers in that order too. Ten million
nodes take ours {growth_factor} times as long a node as a hundred thousand do; held to one core, {growth_alone} times.
*Renumbered* is with the answers handed out in the network's own numbering, which is random: a cache miss for each node
when there are millions. That grows {growth_renumbered} times, and *every node* above contains it.

## Against the memory

A pass can be no faster than memory gives what it must touch: the arcs of the hierarchy, seconds of junctions, where the
nodes lie along streets, and the answer, each once. One core copies {copied} GB a second here (read and written, as
STREAM counts).

{memory}

## Isochrones

Three contours, 5, 10 and 15 minutes, around seeded junctions; the median over them. osmnx draws them as its examples
do: an ego graph for each contour, edges and nodes buffered (both in one call, which the examples do one by one) and
united, on the simplified graph, prepared in advance. Its place to start is a node, given; ours is a longitude and
latitude. *Inside* is the share of street ends that scipy finds within the time and the polygon holds, over all starts
and contours; *beyond* the share that it holds of those farther off.

{isochrones}

## Catchments and preparing again

`catchments-…` are what {catchments} nodes of Porto Alegre reach, as rows of source, node and seconds. pandana's time is
the better of two: searched when asked for, or found beforehand for every node (`precompute`), which leaves making the
frame. `reopen-pandana` sets ours from disk against pandana's constructor and `precompute`: what pandana can save are
nodes and edges, which it contracts again.

## Reading and starting

{others}

*Reading* is all that a study takes from an extract, boundaries, streets, facilities and buildings, against osmium's
bare passage over it with locations. *Ready* is `fuwuquan serve` from its start to the first answer of `/ready`, its
compiled loops cached, against a process that imports the libraries which that brings in, and ends.

## The API

`make bench-api` asks one worker on the sample over 50 connections, each of which sends its next request when the last
is answered; medians of five rounds of two seconds, the routes in turn. *Ready* routes declare the same parameters in
the same way and return the same bytes, made before; *bare* declares none; both are tried before all others. `nearest`
are five clinics of another place each time, computed; `items` are pages of a hundred facilities, kept by revision;
`not-modified` are such pages of which the client has the tag (304). Asked for are ratios to the ready route of 0.5, 0.5
and 0.8, and a 99th percentile of at most four times that route's.

{api}

## All results

{everything}
"""

SHORT = (
    ("every-node-scipy", "every node of Porto Alegre, scipy"),
    ("every-node-pandana", "the same, pandana, sources set before"),
    ("demand-scipy", "demand, scipy"),
    ("demand-pandana", "demand, pandana"),
    ("demand-networkx", "demand, networkx"),
    ("catchments-scipy", "catchments as rows, scipy"),
    ("catchments-pandana", "catchments as rows, pandana"),
    ("reopen-pandana", "a prepared network again: ours from disk, pandana from arrays"),
    ("isochrone-osmnx", "an isochrone of three contours, osmnx"),
    ("growth", "time a node, ten million to a hundred thousand; bound"),
    ("memory-10m", "memory at ten million nodes; bound"),
    ("ready", "ready to serve; imports alone"),
)


def current() -> str:
    """The page as the results beside this file have it."""
    results, machine = (json.loads((HERE / name).read_text("utf-8")) for name in ("results.json", "machine.json"))
    return render(results, machine)


def _api() -> str:
    path = HERE / "api.json"
    return api_table(json.loads(path.read_text("utf-8"))) if path.exists() else "Not measured."


def api_table(rows: Sequence[Result]) -> str:
    """What `benchmarks/api.py` measured."""
    known = {row["name"]: row for row in rows}
    beside = {"nearest": "nearest-ready", "items": "items-ready", "not-modified": "items-ready"}

    def cells(row: Result) -> tuple[str, ...]:
        control, bare = known[beside.get(row["name"], row["name"])], known["bare"]
        ratios = (row["rate"] / control["rate"], row["rate"] / bare["rate"], row["p99_ms"] / control["p99_ms"])
        told = [f"{ratio:.2f}" for ratio in ratios] if row["name"] in beside else ["", f"{ratios[1]:.2f}", ""]
        return f"`{row['name']}`", f"{row['rate']:,}", f"{row['median_ms']:.2f}", f"{row['p99_ms']:.2f}", *told

    heads = ("route", "requests a second", "median ms", "p99 ms", "to the ready route", "to bare", "p99 to its")
    return _table(heads, (cells(row) for row in rows))


def render(results: Sequence[Result], machine: dict[str, Any]) -> str:
    """The page as text."""
    known = {one["name"]: one for one in results}
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
            ((f"`{name}`", what, *_figures(known[name])) for name, what in SHORT if name in known),
        ),
        tables="".join(_network(known, name, size) for name, size in networks.items()),
        growth=_table(
            ("nodes", "ours ns", "on one core", "renumbered", "scipy ns", "ratio"),
            (_growth(known, name, size) for name, size in _generated(networks)),
        ),
        growth_factor=_short(known["growth"]["ours"]),
        growth_alone=_short(known["growth-on-one-core"]["ours"]),
        growth_renumbered=_short(known["growth-renumbered"]["ours"]),
        copied=_short(machine["copy_gb_s"]),
        memory=_table(
            ("network", "bytes a node", "memory needs", "ours takes", "share of its speed"),
            (_touched(known[f"bandwidth-{name}"], name, size, machine) for name, size in networks.items()),
        ),
        isochrones=_isochrones(known, networks),
        others=_table(
            ("", "ours", "theirs", "ratio"),
            ((f"`{name}`", *_figures(one)) for name, one in known.items() if name.startswith(("reading-", "ready"))),
        ),
        everything=_table(
            ("name", "ours", "theirs", "ratio", "unit"),
            ((f"`{one['name']}`", *_plain(one), one["unit"]) for one in results),
        ),
    )


def draw(results: Sequence[Result], machine: dict[str, Any], picture: Path) -> None:
    """The growth curve, as a picture."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    known = {one["name"]: one for one in results}
    figure, axes = pyplot.subplots(figsize=(7, 3.6), layout="constrained")
    for tool in TOOLS:
        points = [
            (size["nodes"], _per_node(known, name, tool))
            for name, size in _generated(machine["networks"])
            if tool in ("ours", "scipy") or f"every-node-{tool}-{name}" in known
        ]
        if points:
            axes.plot(*zip(*points, strict=True), marker="o", linewidth=2.5 if tool == "ours" else 1.2, label=tool)
    axes.set(xscale="log", yscale="log", xlabel="nodes", ylabel="ns for each node in reach")
    axes.grid(alpha=0.3, which="both")
    axes.legend(frameon=False)
    figure.savefig(picture, dpi=120)
    pyplot.close(figure)


def _generated(networks: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(name, size) for name, size in networks.items() if name not in PLACES]


def _per_node(known: dict[str, Result], name: str, tool: str) -> float:
    settled = known[f"settled-{name}"]
    if tool in ("ours", "scipy"):
        return float(settled["ours" if tool == "ours" else "theirs"])
    one = known[f"every-node-{tool}-{name}"]
    return float(known[f"settled-renumbered-{name}"]["ours"] * one["ratio"])


def _growth(known: dict[str, Result], name: str, size: dict[str, Any]) -> tuple[str, ...]:
    ours = (known[f"settled{kind}-{name}"]["ours"] for kind in ("", "-on-one-core", "-renumbered"))
    settled = known[f"settled-{name}"]
    return f"{size['nodes']:,}", *(_short(one) for one in (*ours, settled["theirs"], settled["ratio"]))


def _network(known: dict[str, Result], name: str, size: dict[str, Any]) -> str:
    ending = "" if name == "porto_alegre" else f"-{name}"
    rows = []
    for tool in TOOLS:
        side, other = ("ours", "scipy") if tool == "ours" else ("theirs", tool)
        if f"every-node-{other}{ending}" not in known:
            continue
        cells = [_time(known[f"{what}-{other}{ending}"][side]) for what in ("prepare", "every-node", "demand")]
        memory = f"{known[f'memory-{other}{ending}'][side]:.2f} GB"
        off = {"ours": known[f"equal-{name}"]["ours"], "scipy": 0.0}
        worst = off[tool] if tool in off else known[f"difference-{tool}-{name}"]["theirs"]
        rows.append((tool, *cells, memory, f"{worst:.3f} s"))
    title = PLACES.get(name, "Generated")
    table = _table(("", "preparation", "every node", "demand", "memory", "difference"), rows)
    return f"### {title}: {size['nodes']:,} nodes, {size['edges']:,} edges\n\n{table}\n\n"


def _touched(one: Result, name: str, size: dict[str, Any], machine: dict[str, Any]) -> tuple[str, ...]:
    bytes_a_node = one["theirs"] * machine["copy_gb_s"] * 1e9 / size["nodes"]
    title = PLACES.get(name, f"{size['nodes']:,} nodes")
    return title, f"{bytes_a_node:.0f}", _time(one["theirs"]), _time(one["ours"]), f"{one['ratio']:.1%}"


def _isochrones(known: dict[str, Result], networks: dict[str, Any]) -> str:
    rows = []
    for name in (name for name in PLACES if name in networks):
        ending = "" if name == "porto_alegre" else f"-{name}"
        for mode in ("walk", "drive"):
            inside, beyond = (known[f"isochrone-{what}-{name}-{mode}"]["ours"] for what in ("inside", "beyond"))
            drawn = known.get(f"isochrone-osmnx{ending}") if mode == "walk" else None
            time = _time(drawn["ours"]) if drawn else ""
            rows.append((PLACES[name], mode, "ours", time, f"{inside:.2%}", f"{beyond:.2%}"))
            if drawn:
                shares = (known[f"osmnx-{what}-{name}"]["theirs"] for what in ("inside", "beyond"))
                rows.append((PLACES[name], mode, "osmnx", _time(drawn["theirs"]), *(f"{s:.2%}" for s in shares)))
    return _table(("", "mode", "", "time", "inside", "beyond"), rows)


def _figures(one: Result) -> tuple[str, ...]:
    """Ours, theirs and the ratio with their units."""
    show = _time if one["unit"] == "s" else lambda figure: f"{_short(figure)} {one['unit']}"
    return show(one["ours"]), show(one["theirs"]), _short(one["ratio"])


def _plain(one: Result) -> tuple[str, ...]:
    return _short(one["ours"]), _short(one["theirs"]), _short(one["ratio"])


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
