"""A street network as a prepared graph: contracted, ordered for the processor's cache, and kept in a file."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from geo.arrays import BoolArray, Float32Array, Float64Array, Int32Array, UInt64Array
from geo.traveltime import contraction

HILBERT_BITS = 16
# Of nodes that are taken out; street networks come to an end before it, and others must not fill the memory.
MOST_NEIGHBOURS = 64
_PARTS = ("out", "into", "hierarchy")


@dataclass(frozen=True)
class Arcs:
    """Arcs in CSR form: ``indptr`` (nodes + 1,); ``heads``, ``seconds`` and the ``chain`` they run along (arcs,)."""

    indptr: Int32Array
    heads: Int32Array
    seconds: Float32Array
    chain: Int32Array

    @cached_property
    def longest(self) -> float:
        """The seconds of the longest arc."""
        return float(self.seconds.max(initial=0.0))


@dataclass(frozen=True)
class Hierarchy:
    """A graph whose nodes were taken out one by one, as `contraction.eliminate` gives it; all arrays.

    ``rank``, ``first``, ``higher``, ``up`` and ``down`` are what was taken out; ``indptr``, ``heads``, ``there`` and
    ``back`` what is left: nothing of a street network.
    """

    rank: Int32Array
    first: Int32Array
    higher: Int32Array
    up: Float32Array
    down: Float32Array
    indptr: Int32Array
    heads: Int32Array
    there: Float32Array
    back: Float32Array

    @cached_property
    def longest(self) -> float:
        """The seconds of the longest arc that is left."""
        left = np.concatenate([self.there, self.back])
        return float(left[np.isfinite(left)].max(initial=0.0))


@dataclass(frozen=True)
class Ends:
    """What places read their times off, shape (n,): the nodes at the ends of their chains, and the seconds between.

    Infinity: no way. A place that is nowhere has none. The graph has so many ``nodes``.
    """

    nodes: int
    start: Int32Array
    end: Int32Array
    to_start: Float32Array
    to_end: Float32Array

    @cached_property
    def by_node(self) -> tuple[Int32Array, Int32Array, Float32Array, Float32Array, Int32Array]:
        """The places on the chains that touch each node: where they begin (nodes + 1,), and of each the place, seconds
        to this node and to the other end of the chain, and that end; its complement where this is not the start.
        """
        apart = self.start != self.end
        node = np.concatenate([self.start, self.end[apart]])
        order = np.argsort(node, kind="stable")
        first = np.searchsorted(node[order], np.arange(self.nodes + 1)).astype(np.int32)
        place = np.concatenate([np.arange(len(apart), dtype=np.int32), np.flatnonzero(apart).astype(np.int32)])
        near = np.concatenate([self.to_start, self.to_end[apart]])
        far = np.concatenate([self.to_end, self.to_start[apart]])
        other = np.concatenate([self.end, ~self.start[apart]])
        return first, place[order], near[order], far[order], other[order]


@dataclass(frozen=True)
class ChainPositions:
    """Where places are on a ``graph``, arrays of shape (n,).

    ``chain`` (−1: nowhere); ``at``, how many edges of the chain lie before, with the part of the edge; ``ahead`` and
    ``behind``, seconds along the chain from its start and against it back there (0 where closed).
    """

    graph: "Graph" = field(repr=False)
    chain: Int32Array
    at: Float64Array
    ahead: Float32Array
    behind: Float32Array

    def __len__(self) -> int:
        return len(self.chain)

    def __getitem__(self, rows: NDArray[np.generic] | slice) -> "ChainPositions":
        return ChainPositions(self.graph, self.chain[rows], self.at[rows], self.ahead[rows], self.behind[rows])

    @cached_property
    def towards(self) -> Ends:
        """Seconds from the places to the ends of their chains."""
        return self._ends(self.graph.back, self.graph.there, self.behind, self.ahead)

    @cached_property
    def away(self) -> Ends:
        """Seconds from the ends of their chains to the places."""
        return self._ends(self.graph.there, self.graph.back, self.ahead, self.behind)

    def _ends(self, home: Float32Array, over: Float32Array, onto: Float32Array, off: Float32Array) -> Ends:
        graph, nowhere = self.graph, self.chain < 0
        if not len(graph.start):
            return Ends(0, *np.zeros((2, len(self)), np.int32), *np.full((2, len(self)), np.inf, np.float32))
        chain = np.where(nowhere, 0, self.chain)
        # At a chain's end one stands on the node, and no one-way binds.
        to_start = np.where(self.at == 0, 0.0, np.where(np.isfinite(home[chain]), onto, np.inf))
        to_end = np.where(self.at == graph.pieces[chain], 0.0, np.maximum(over[chain] - off, 0.0))
        to_start[nowhere] = to_end[nowhere] = np.inf
        start, end = graph.start[chain], graph.end[chain]
        return Ends(len(graph.origin), start, end, to_start.astype(np.float32), to_end.astype(np.float32))

    @cached_property
    def by_chain(self) -> tuple[Int32Array, Int32Array]:
        """The places on each chain in CSR form: where those of each begin (chains + 1,), and the places."""
        order = np.argsort(self.chain, kind="stable").astype(np.int32)
        first = np.searchsorted(self.chain[order], np.arange(len(self.graph.start) + 1)).astype(np.int32)
        return first, order


@dataclass(frozen=True)
class Graph:
    """A network for one mode.

    Edges, shape (edges,): the ``chain`` each is part of, whether it points ``along`` it, its ``turn`` on it (0, 1, …),
    seconds ``ahead`` from the chain's start to where it begins, ``behind`` from there back and metres ``before``; its
    own ``forward`` and ``backward`` seconds, in the chain's direction (0 where closed), and ``metres``. Chains, shape
    (chains,): ``start``, ``end``, seconds ``there`` and ``back`` (infinity: closed), ``length`` in metres, and how many
    edges they have, ``pieces``. Nodes are junctions, numbered along a Hilbert curve, and chains by where they start;
    ``origin`` (nodes,) is the number that each had in the edges, ``part`` (nodes,) the strongly connected part of the
    network that it is in. Arcs lead ``out`` of nodes, or ``into`` them against the travel; none leads to a dead end, or
    from one: what lies there is read off the chain. The ``hierarchy`` is of the arcs out.
    """

    chain: Int32Array
    along: BoolArray
    turn: Int32Array
    ahead: Float32Array
    behind: Float32Array
    before: Float32Array
    forward: Float32Array
    backward: Float32Array
    metres: Float32Array
    start: Int32Array
    end: Int32Array
    there: Float32Array
    back: Float32Array
    length: Float32Array
    pieces: Int32Array
    origin: Int32Array
    part: Int32Array
    out: Arcs
    into: Arcs
    hierarchy: Hierarchy

    @classmethod
    def prepare(
        cls,
        u: NDArray[np.integer],
        v: NDArray[np.integer],
        forward: Float64Array,
        backward: Float64Array,
        metres: Float64Array,
        x: Float64Array,
        y: Float64Array,
    ) -> "Graph":
        """From edges, shape (edges,), with seconds along and against each (infinity: closed), and node coordinates.

        Chains of nodes of degree two become single arcs with nothing lost: a position on an edge is one on its chain.
        """
        if not (forward >= 0).all() or not (backward >= 0).all():
            raise ValueError("seconds must not be negative: the search would not end")
        chain, along, turn, ahead, behind, before, start, end, there, back, length, pieces = contraction.chains(
            len(x), u.astype(np.int32), v.astype(np.int32), forward, backward, metres
        )
        kept, ends = np.unique(np.concatenate([start, end]), return_inverse=True)
        order = np.argsort(_hilbert(x[kept], y[kept]), kind="stable")
        rank = np.empty(len(kept), np.int32)
        rank[order] = np.arange(len(kept), dtype=np.int32)
        start, end = rank[ends].reshape(2, -1)
        origin = kept[order].astype(np.int32)
        del kept, ends, order, rank
        by_start = np.argsort(start, kind="stable")
        number = np.empty(len(start), np.int32)
        number[by_start] = np.arange(len(start), dtype=np.int32)
        start, end, pieces = (a[by_start] for a in (start, end, pieces))
        there, back, length = (a[by_start] for a in (there, back, length))
        out, into = _arcs(len(origin), start, end, there, back), _arcs(len(origin), end, start, there, back)
        same = all(np.array_equal(getattr(out, one.name), getattr(into, one.name)) for one in fields(Arcs))
        levels = Hierarchy(
            *contraction.eliminate(
                out.indptr, out.heads, out.seconds, into.indptr, into.heads, into.seconds, MOST_NEIGHBOURS
            )
        )
        if np.array_equal(levels.up, levels.down):  # there as back: half as much to touch
            levels = replace(levels, down=levels.up)
        onward, against = (np.where(np.isfinite(a), a, 0.0).astype(np.float32) for a in (forward, backward))
        return cls(
            chain=number[chain],
            along=along,
            turn=turn,
            ahead=ahead,
            behind=behind,
            before=before,
            forward=np.where(along, onward, against),
            backward=np.where(along, against, onward),
            metres=metres.astype(np.float32),
            start=start,
            end=end,
            there=there,
            back=back,
            length=length,
            pieces=pieces,
            origin=origin,
            part=_parts(len(origin), start, end, there, back),
            out=out,
            into=out if same else into,
            hierarchy=levels,
        )

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All of it as named arrays, for `from_arrays`."""
        arrays = {one.name: getattr(self, one.name) for one in fields(self) if one.name not in _PARTS}
        for name in _PARTS:
            part = getattr(self, name)
            if name != "into" or part is not self.out:
                arrays |= {f"{name}_{one.name}": getattr(part, one.name) for one in fields(part)}
        if self.hierarchy.down is self.hierarchy.up:
            del arrays["hierarchy_down"]
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "Graph":
        """The graph that gave these `arrays`; nothing is copied."""

        arrays = {"hierarchy_down": arrays["hierarchy_up"], **arrays}

        def part(kind: type, name: str) -> Any:
            return kind(*(arrays[f"{name}_{one.name}"] for one in fields(kind)))

        own = {one.name: arrays[one.name] for one in fields(cls) if one.name not in _PARTS}
        out = part(Arcs, "out")
        into = part(Arcs, "into") if "into_heads" in arrays else out
        return cls(**own, out=out, into=into, hierarchy=part(Hierarchy, "hierarchy"))

    def positions(self, edge: NDArray[np.integer], fraction: Float64Array) -> ChainPositions:
        """Where on the graph places are that lie at a ``fraction`` along an ``edge`` (−1: nowhere)."""
        if not len(self.chain):  # nobody may use any street
            nothing = np.zeros((2, len(edge)), np.float32)
            return ChainPositions(self, np.full(len(edge), np.int32(-1)), np.zeros(len(edge)), *nothing)
        nowhere = edge < 0
        edge = np.where(nowhere, 0, edge)
        part = np.where(self.along[edge], fraction, 1.0 - fraction)
        return ChainPositions(
            graph=self,
            chain=np.where(nowhere, -1, self.chain[edge]).astype(np.int32),
            at=self.turn[edge] + part,
            ahead=(self.ahead[edge] + part * self.forward[edge]).astype(np.float32),
            behind=(self.behind[edge] + part * self.backward[edge]).astype(np.float32),
        )

    def metres_before(self, edge: NDArray[np.integer], fraction: Float64Array) -> Float64Array:
        """Metres from the start of their chains to places, shape (n,)."""
        part = np.where(self.along[edge], fraction, 1.0 - fraction)
        return np.asarray(self.before[edge] + part * self.metres[edge])

    @cached_property
    def chain_edges(self) -> tuple[Int32Array, Int32Array]:
        """The edges of each chain in their order, in CSR form: where they begin (chains + 1,), and the edges."""
        order = np.lexsort((self.turn, self.chain)).astype(np.int32)
        return np.append(0, np.cumsum(self.pieces)).astype(np.int32), order

    def part_metres(self) -> Float64Array:
        """Metres of street in the strongly connected part of the network that each chain is in, shape (chains,).

        0 for a chain that only leads from one part into another.
        """
        part = self.part[self.start]
        inner = part == self.part[self.end]
        metres = np.bincount(part[inner], weights=self.length[inner], minlength=int(self.part.max(initial=-1)) + 1)
        return np.where(inner, metres[part] if len(metres) else 0.0, 0.0)


def _hilbert(x: Float64Array, y: Float64Array) -> UInt64Array:
    if not len(x):
        return np.empty(0, np.uint64)
    span = max(float(np.ptp(x)), float(np.ptp(y)), 1e-9)
    column, row = (((c - c.min()) / span * (2**HILBERT_BITS - 1)).astype(np.uint32) for c in (x, y))
    return contraction.hilbert(column, row, HILBERT_BITS)


def _parts(nodes: int, start: Int32Array, end: Int32Array, there: Float32Array, back: Float32Array) -> Int32Array:
    ahead, against = np.isfinite(there), np.isfinite(back)
    tails, heads = np.concatenate([start[ahead], end[against]]), np.concatenate([end[ahead], start[against]])
    graph = csr_array((np.ones(len(tails), np.int8), (tails, heads)), shape=(nodes, nodes))
    return connected_components(graph, directed=True, connection="strong")[1].astype(np.int32)  # type: ignore[no-any-return]


def _arcs(nodes: int, start: Int32Array, end: Int32Array, there: Float32Array, back: Float32Array) -> Arcs:
    """Arcs along chains in ``there`` seconds from ``start`` to ``end`` and in ``back`` seconds from there."""
    degree = np.bincount(np.concatenate([start, end]), minlength=nodes)
    tails, heads = np.concatenate([start, end]), np.concatenate([end, start])
    seconds = np.concatenate([there, back])
    used = np.isfinite(seconds) & (tails != heads) & (degree[tails] > 1) & (degree[heads] > 1)
    rows = np.flatnonzero(used)
    rows = rows[np.lexsort((seconds[rows], heads[rows], tails[rows]))]
    tails, heads = tails[rows], heads[rows]
    first = np.ones(len(rows), dtype=bool)  # of parallel arcs the fastest
    first[1:] = (tails[1:] != tails[:-1]) | (heads[1:] != heads[:-1])
    rows = rows[first]
    indptr = np.zeros(nodes + 1, np.int32)
    np.cumsum(np.bincount(tails[first], minlength=nodes), out=indptr[1:])
    return Arcs(indptr, heads[first], seconds[rows], (rows % len(start)).astype(np.int32))
