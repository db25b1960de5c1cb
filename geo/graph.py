"""A street network as a prepared graph: contracted, and ordered for the processor's cache."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo import kernel

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]

BITS = 16


@dataclass(frozen=True)
class Arcs:
    """Arcs in CSR form: ``indptr`` (nodes + 1,); ``heads``, ``seconds`` and the ``chain`` they run along (arcs,)."""

    indptr: Ints
    heads: Ints
    seconds: Floats
    chain: Ints


@dataclass(frozen=True)
class Positions:
    """Where places are on the graph, arrays of shape (n,).

    ``chain`` (−1: nowhere) with its ends ``start`` and ``end``; seconds to and from them in the direction of travel
    (infinity: closed); ``ahead`` and ``behind``, seconds along the chain from its start and against it back there;
    ``at``, how many edges of the chain lie before, with the part of the edge; ``metres`` from its start.
    """

    chain: Ints
    start: Ints
    end: Ints
    to_start: Floats
    to_end: Floats
    from_start: Floats
    from_end: Floats
    ahead: Floats
    behind: Floats
    at: Floats
    metres: Floats


@dataclass(frozen=True)
class Graph:
    """A network for one mode.

    Edges, shape (edges,): the ``chain`` each is part of, whether it points ``along`` it, its ``turn`` on it (0, 1, …),
    seconds ``ahead`` from the chain's start to where it begins, ``behind`` from there back and metres ``before``; its
    own ``forward`` and ``backward`` seconds, in the chain's direction, and ``metres``. Chains, shape (chains,):
    ``start``, ``end``, seconds ``there`` and ``back``, ``length`` in metres, and how many ``edges`` they have. Nodes
    are junctions, numbered along a Hilbert curve; ``origin`` (nodes,) is the number that each had in the edges. Arcs
    lead ``out`` of nodes, or ``into`` them against the travel.
    """

    chain: Ints
    along: NDArray[np.bool_]
    turn: Ints
    ahead: Floats
    behind: Floats
    before: Floats
    forward: Floats
    backward: Floats
    metres: Floats
    start: Ints
    end: Ints
    there: Floats
    back: Floats
    length: Floats
    edges: Ints
    origin: Ints
    out: Arcs
    into: Arcs

    @classmethod
    def prepare(
        cls,
        u: NDArray[np.integer],
        v: NDArray[np.integer],
        forward: Floats,
        backward: Floats,
        metres: Floats,
        x: Floats,
        y: Floats,
    ) -> "Graph":
        """From edges, shape (edges,), with seconds along and against each (infinity: closed), and node coordinates.

        Chains of nodes of degree two become single arcs with nothing lost: a position on an edge is one on its chain.
        """
        if not (forward >= 0).all() or not (backward >= 0).all():
            raise ValueError("seconds must not be negative: the search would not end")
        chain, along, turn, ahead, behind, before, start, end, there, back, length, edges = kernel.chains(
            len(x), u.astype(np.int32), v.astype(np.int32), forward, backward, metres
        )
        kept, ends = np.unique(np.concatenate([start, end]), return_inverse=True)
        order = np.argsort(_hilbert(x[kept], y[kept]), kind="stable")
        rank = np.empty(len(kept), np.int32)
        rank[order] = np.arange(len(kept), dtype=np.int32)
        start, end = rank[ends].reshape(2, -1)
        tails, heads = np.concatenate([start, end]), np.concatenate([end, start])
        seconds = np.concatenate([there, back])
        number = np.tile(np.arange(len(start), dtype=np.int32), 2)
        used = np.isfinite(seconds) & (tails != heads)
        tails, heads, seconds, number = tails[used], heads[used], seconds[used], number[used]
        return cls(
            chain=chain,
            along=along,
            turn=turn,
            ahead=ahead,
            behind=behind,
            before=before,
            forward=np.where(along, forward, backward),
            backward=np.where(along, backward, forward),
            metres=metres,
            start=start,
            end=end,
            there=there,
            back=back,
            length=length,
            edges=edges,
            origin=kept[order].astype(np.int32),
            out=_arcs(len(kept), tails, heads, seconds, number),
            into=_arcs(len(kept), heads, tails, seconds, number),
        )

    def positions(self, edge: NDArray[np.integer], fraction: Floats) -> Positions:
        """Where on the graph places are that lie at a ``fraction`` along an ``edge`` (−1: nowhere)."""
        if not len(self.chain):  # nobody may use any street
            nothing, never = np.full(len(edge), np.int32(-1)), np.full(len(edge), np.inf)
            return Positions(nothing, nothing, nothing, *(never,) * 8)
        nowhere = edge < 0
        edge = np.where(nowhere, 0, edge)
        part = np.where(self.along[edge], fraction, 1.0 - fraction)
        chain, at = self.chain[edge], self.turn[edge] + part
        there, back = self.there[chain], self.back[chain]
        closed_ahead, closed_behind = np.isinf(there), np.isinf(back)
        with np.errstate(invalid="ignore"):  # 0 × ∞ and ∞ − ∞ on closed chains, masked below
            ahead = self.ahead[edge] + part * self.forward[edge]
            behind = self.behind[edge] + part * self.backward[edge]
            to_end, from_end = there - ahead, back - behind
        # At a chain's end one stands on the node, and no one-way binds.
        at_start, at_end = at == 0, at == self.edges[chain]
        return Positions(
            chain=np.where(nowhere, -1, chain).astype(np.int32),
            start=np.where(nowhere, -1, self.start[chain]).astype(np.int32),
            end=np.where(nowhere, -1, self.end[chain]).astype(np.int32),
            to_start=np.where(at_start, 0.0, np.where(closed_behind, np.inf, behind)),
            to_end=np.where(at_end, 0.0, np.where(closed_ahead, np.inf, to_end)),
            from_start=np.where(at_start, 0.0, np.where(closed_ahead, np.inf, ahead)),
            from_end=np.where(at_end, 0.0, np.where(closed_behind, np.inf, from_end)),
            ahead=ahead,
            behind=behind,
            at=at,
            metres=self.before[edge] + part * self.metres[edge],
        )


def _hilbert(x: Floats, y: Floats) -> NDArray[np.uint64]:
    if not len(x):
        return np.empty(0, np.uint64)
    span = max(float(np.ptp(x)), float(np.ptp(y)), 1e-9)
    column, row = (((c - c.min()) / span * (2**BITS - 1)).astype(np.uint32) for c in (x, y))
    return kernel.hilbert(column, row, BITS)


def _arcs(nodes: int, tails: Ints, heads: Ints, seconds: Floats, chain: Ints) -> Arcs:
    order = np.lexsort((seconds, heads, tails))
    tails, heads, seconds, chain = tails[order], heads[order], seconds[order], chain[order]
    first = np.ones(len(tails), dtype=bool)  # of parallel arcs the fastest
    first[1:] = (tails[1:] != tails[:-1]) | (heads[1:] != heads[:-1])
    indptr = np.searchsorted(tails[first], np.arange(nodes + 1)).astype(np.int32)
    return Arcs(indptr, heads[first].astype(np.int32), seconds[first], chain[first])
