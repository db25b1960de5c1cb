"""A street network of one mode as a prepared graph: contracted, ordered for the processor's cache, kept in a file."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from geo.arrays import AnyArray, BoolArray, Float64Array, Int32Array, Int64Array, UInt64Array
from geo.traveltime import contraction, turns
from geo.traveltime.array_tables import Arcs, ChainNodes, Chains, Core, Edges, Hierarchy, NetworkEdges
from geo.traveltime.positions import ChainPositions

HILBERT_BITS = 16
# A node of a street network never has so many neighbours when its turn comes. In other networks the elimination stops
# here, or the shortcuts would fill the memory.
MOST_NEIGHBOURS = 64

Table = TypeVar("Table", Edges, Chains, ChainNodes, Hierarchy, Core)


@dataclass(frozen=True)
class Graph:
    """The contracted network of one mode.

    Nodes are junctions, numbered along a Hilbert curve, and chains are numbered by the node where they start. Junctions
    where turns are restricted have further nodes, which come last. No arc leads to a dead end or from one, unless turns
    are restricted at the other end of its chain, so that cars turn round there. So searches leave dead ends out: the
    times of points there are computed over the other end of their chain, or along it.

    Attributes
    ----------
    edges : where each edge of the network lies on its chain
    chains : the chains between junctions
    network_node : shape (nodes,), the number that each node had in the edges
    component : shape (junctions,), the strongly connected component of the network that each junction is in,
        whatever turns are restricted
    origins, destinations : the nodes that ways reach which begin on a chain, and those that they come from to end on it
    outgoing, incoming : the arcs out of each node; and the arcs into it, for searches against the travel
    outgoing_chain, incoming_chain : shape (arcs,), the chain that each arc runs along; −1 between nodes of a junction
    outgoing_against : shape (arcs,), whether an outgoing arc runs against its chain
    hierarchy, core : what `geo.traveltime.contraction.eliminate` makes of the arcs
    """

    edges: Edges
    chains: Chains
    network_node: Int32Array
    component: Int32Array
    origins: ChainNodes
    destinations: ChainNodes
    outgoing: Arcs
    outgoing_chain: Int32Array
    outgoing_against: BoolArray
    incoming: Arcs
    incoming_chain: Int32Array
    hierarchy: Hierarchy
    core: Core

    @classmethod
    def prepare(
        cls, edges: NetworkEdges, x: Float64Array, y: Float64Array, forbidden: Collection[turns.Path] = ()
    ) -> "Graph":
        """Contract the edges of a network, whose nodes lie at ``x`` and ``y``, shape (nodes,).

        Nobody follows one of the ``forbidden`` paths. A way may turn round at junctions and dead ends, but not where a
        street just goes on.

        Raises
        ------
        ValueError
            An edge takes negative seconds, or the edges of a forbidden path do not follow each other.
        """
        if not (edges.forward_seconds >= 0).all() or not (edges.backward_seconds >= 0).all():
            raise ValueError("seconds must not be negative: the search would not end")
        forbidden = turns.followable(forbidden, edges)
        kept = turns.nodes_on(forbidden, edges, len(x))
        unordered_edges, unordered_chains, between_junctions = contraction.contract(len(x), edges, kept)
        chains, network_node, chain_number = _ordered(unordered_chains, x, y)
        chained_edges = unordered_edges._replace(chain=chain_number[unordered_edges.chain])
        junctions = len(network_node)
        forbidden_chains = turns.on_chains(forbidden, chained_edges)
        forbidden_chains |= turns.no_turning_round(chains, np.flatnonzero((kept & between_junctions)[network_node]))
        expanded = turns.prepare(chains, junctions, forbidden_chains)
        nodes, arcs = len(expanded.junction), _usable(expanded, chains)
        outgoing, outgoing_arc = _arcs(nodes, arcs.tail, arcs.head, arcs)
        incoming, incoming_arc = _arcs(nodes, arcs.head, arcs.tail, arcs)
        outgoing_chain, incoming_chain = (arcs.directed_chain[arc] >> 1 for arc in (outgoing_arc, incoming_arc))
        hierarchy, core = contraction.eliminate(outgoing, incoming, MOST_NEIGHBOURS)
        if np.array_equal(hierarchy.up_seconds, hierarchy.down_seconds):  # one array instead of two in the cache
            hierarchy = hierarchy._replace(down_seconds=hierarchy.up_seconds)
        if all(map(np.array_equal, (*outgoing[:3], outgoing_chain), (*incoming[:3], incoming_chain))):
            incoming, incoming_chain = outgoing, outgoing_chain
        return cls(
            edges=chained_edges,
            chains=chains,
            network_node=network_node[expanded.junction],
            component=_components(junctions, chains),
            origins=expanded.origins,
            destinations=expanded.destinations,
            outgoing=outgoing,
            outgoing_chain=outgoing_chain,
            outgoing_against=(arcs.directed_chain[outgoing_arc] & 1).astype(bool),
            incoming=incoming,
            incoming_chain=incoming_chain,
            hierarchy=hierarchy,
            core=core,
        )

    def arrays(self) -> dict[str, AnyArray]:
        """All of the graph as named arrays, for `from_arrays`."""
        arrays: dict[str, AnyArray] = {"network_node": self.network_node, "component": self.component}
        for name, table in (
            ("edges", self.edges),
            ("chains", self.chains),
            ("hierarchy", self.hierarchy),
            ("core", self.core),
        ):
            arrays |= {f"{name}_{field}": array for field, array in table._asdict().items()}
        if self.origins is not self.destinations:
            arrays |= {f"origins_{field}": array for field, array in self.origins._asdict().items()}
            arrays |= {f"destinations_{field}": array for field, array in self.destinations._asdict().items()}
        arrays |= _arc_arrays("outgoing", self.outgoing, self.outgoing_chain)
        arrays["outgoing_against"] = self.outgoing_against
        if self.incoming is not self.outgoing:
            arrays |= _arc_arrays("incoming", self.incoming, self.incoming_chain)
        if self.hierarchy.down_seconds is self.hierarchy.up_seconds:
            del arrays["hierarchy_down_seconds"]
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, AnyArray]) -> "Graph":
        """The graph that gave these `arrays`; nothing is copied."""
        arrays = {"hierarchy_down_seconds": arrays["hierarchy_up_seconds"], **arrays}

        def table(table_type: type[Table], name: str) -> Table:
            return table_type(*(arrays[f"{name}_{field}"] for field in table_type._fields))

        chains = table(Chains, "chains")
        origins = destinations = turns.unrestricted(chains)
        if "origins_start" in arrays:
            origins, destinations = table(ChainNodes, "origins"), table(ChainNodes, "destinations")
        outgoing, outgoing_chain = _arcs_from_arrays("outgoing", arrays)
        incoming, incoming_chain = outgoing, outgoing_chain
        if "incoming_heads" in arrays:
            incoming, incoming_chain = _arcs_from_arrays("incoming", arrays)
        return cls(
            edges=table(Edges, "edges"),
            chains=chains,
            network_node=arrays["network_node"],
            component=arrays["component"],
            origins=origins,
            destinations=destinations,
            outgoing=outgoing,
            outgoing_chain=outgoing_chain,
            outgoing_against=arrays["outgoing_against"],
            incoming=incoming,
            incoming_chain=incoming_chain,
            hierarchy=table(Hierarchy, "hierarchy"),
            core=table(Core, "core"),
        )

    def positions(self, edge: NDArray[np.integer], fraction: Float64Array) -> ChainPositions:
        """Where on the chains points are that lie at a ``fraction`` along an ``edge`` (−1: on none)."""
        edges = self.edges
        if not len(edges.chain):  # the mode may use no street
            zeros = np.zeros((2, len(edge)), np.float32)
            return ChainPositions(self, np.full(len(edge), np.int32(-1)), np.zeros(len(edge)), *zeros)
        off_network = edge < 0
        edge = np.where(off_network, 0, edge)
        fraction_along_chain = np.where(edges.along_chain[edge], fraction, 1.0 - fraction)
        return ChainPositions(
            graph=self,
            chain=np.where(off_network, -1, edges.chain[edge]).astype(np.int32),
            coordinate=edges.index_on_chain[edge] + fraction_along_chain,
            forward_seconds=(edges.forward_before[edge] + fraction_along_chain * edges.forward_seconds[edge]).astype(
                np.float32
            ),
            backward_seconds=(edges.backward_before[edge] + fraction_along_chain * edges.backward_seconds[edge]).astype(
                np.float32
            ),
        )

    def metres_before(self, edge: NDArray[np.integer], fraction: Float64Array) -> Float64Array:
        """Metres from the start of their chains to points at a ``fraction`` along an ``edge``, shape (points,)."""
        fraction_along_chain = np.where(self.edges.along_chain[edge], fraction, 1.0 - fraction)
        return np.asarray(self.edges.metres_before[edge] + fraction_along_chain * self.edges.metres[edge])

    @cached_property
    def chain_edges(self) -> tuple[Int32Array, Int32Array]:
        """The edges of each chain in their order, in CSR form: where they begin (chains + 1,), and the edges."""
        order = np.lexsort((self.edges.index_on_chain, self.edges.chain)).astype(np.int32)
        return np.append(0, np.cumsum(self.chains.edge_count)).astype(np.int32), order

    def arcs(self, towards: bool) -> tuple[Arcs, Int32Array]:
        """The arcs along which a search from facilities runs, and their chains: against the travel ``towards`` them."""
        return (self.incoming, self.incoming_chain) if towards else (self.outgoing, self.outgoing_chain)

    @cached_property
    def _sweeps(self) -> tuple[tuple[Hierarchy, Arcs], tuple[Hierarchy, Arcs]]:
        hierarchy, core = self.hierarchy, self.core
        seconds = np.concatenate([core.forward_seconds, core.backward_seconds])
        longest = float(seconds[np.isfinite(seconds)].max(initial=0.0))
        reversed_ = hierarchy._replace(up_seconds=hierarchy.down_seconds, down_seconds=hierarchy.up_seconds)
        return (
            (hierarchy, Arcs(core.indptr, core.heads, core.forward_seconds, longest)),
            (reversed_, Arcs(core.indptr, core.heads, core.backward_seconds, longest)),
        )

    def sweep(self, towards: bool) -> tuple[Hierarchy, Arcs]:
        """The hierarchy and the arcs of the core as `geo.traveltime.search.sweep` takes them, as in `arcs`."""
        return self._sweeps[1 if towards else 0]

    def component_metres(self) -> Float64Array:
        """Metres of street in the strongly connected component that each chain is in, shape (chains,).

        0 for a chain that only leads from one component into another.
        """
        chains = self.chains
        component = self.component[chains.start_node]
        inner = component == self.component[chains.end_node]
        count = int(self.component.max(initial=-1)) + 1
        metres = np.bincount(component[inner], weights=chains.metres[inner], minlength=count)
        return np.where(inner, metres[component] if len(metres) else 0.0, 0.0)


def _ordered(chains: Chains, x: Float64Array, y: Float64Array) -> tuple[Chains, Int32Array, Int32Array]:
    """Number junctions along a Hilbert curve, and chains by where they start.

    Gives the chains in their new order; the old number of each new node; and the new number of each old chain.
    """
    junctions, ends = np.unique(np.concatenate([chains.start_node, chains.end_node]), return_inverse=True)
    order = np.argsort(_hilbert(x[junctions], y[junctions]), kind="stable")
    rank = np.empty(len(junctions), np.int32)
    rank[order] = np.arange(len(junctions), dtype=np.int32)
    network_node = junctions[order].astype(np.int32)
    start, end = rank[ends].reshape(2, -1)
    by_start = np.argsort(start, kind="stable")
    number = np.empty(len(start), np.int32)
    number[by_start] = np.arange(len(start), dtype=np.int32)
    renumbered = chains._replace(start_node=start, end_node=end)
    return Chains._make(column[by_start] for column in renumbered), network_node, number


def _hilbert(x: Float64Array, y: Float64Array) -> UInt64Array:
    if not len(x):
        return np.empty(0, np.uint64)
    span = max(float(np.ptp(x)), float(np.ptp(y)), 1e-9)
    column, row = (((c - c.min()) / span * (2**HILBERT_BITS - 1)).astype(np.uint32) for c in (x, y))
    return contraction.hilbert(column, row, HILBERT_BITS)


def _components(nodes: int, chains: Chains) -> Int32Array:
    """The strongly connected component of each node."""
    forward, backward = np.isfinite(chains.forward_seconds), np.isfinite(chains.backward_seconds)
    tails = np.concatenate([chains.start_node[forward], chains.end_node[backward]])
    heads = np.concatenate([chains.end_node[forward], chains.start_node[backward]])
    graph = csr_array((np.ones(len(tails), np.int8), (tails, heads)), shape=(nodes, nodes))
    return connected_components(graph, directed=True, connection="strong")[1].astype(np.int32)  # type: ignore[no-any-return]


def _usable(expanded: turns.Turns, chains: Chains) -> turns.DirectedArcs:
    """The arcs with an end in time that lead to another node, without those to and from dead ends.

    Dead ends beside a junction with restricted turns keep their arcs: one may turn round there and then turn.
    """
    junctions, nodes = len(expanded.restricted), len(expanded.junction)
    ends = np.concatenate([chains.start_node, chains.end_node])
    kept = np.ones(nodes, dtype=bool)
    kept[:junctions] = np.bincount(ends, minlength=junctions) > 1
    if expanded.restricted.any():
        beside = expanded.restricted[chains.start_node] | expanded.restricted[chains.end_node]
        kept[chains.start_node[beside]] = kept[chains.end_node[beside]] = True
    tail, head, seconds, _ = expanded.arcs
    used = np.isfinite(seconds) & (tail != head) & kept[tail] & kept[head]
    return turns.DirectedArcs._make(column[used] for column in expanded.arcs)


def _arcs(nodes: int, tails: Int32Array, heads: Int32Array, arcs: turns.DirectedArcs) -> tuple[Arcs, Int64Array]:
    """Arcs from ``tails`` to ``heads`` in CSR form, the fastest of parallel ones, and their rows among ``arcs``."""
    rows = np.lexsort((arcs.directed_chain, arcs.seconds, heads, tails))
    tails, heads = tails[rows], heads[rows]
    fastest = np.ones(len(rows), dtype=bool)  # the first of parallel arcs
    fastest[1:] = (tails[1:] != tails[:-1]) | (heads[1:] != heads[:-1])
    rows = rows[fastest]
    indptr = np.zeros(nodes + 1, np.int32)
    np.cumsum(np.bincount(tails[fastest], minlength=nodes), out=indptr[1:])
    seconds = arcs.seconds[rows]
    return Arcs(indptr, heads[fastest], seconds, float(seconds.max(initial=0.0))), rows


def _arc_arrays(name: str, arcs: Arcs, chain: Int32Array) -> dict[str, AnyArray]:
    arrays: dict[str, AnyArray] = {f"{name}_indptr": arcs.indptr, f"{name}_heads": arcs.heads}
    arrays |= {f"{name}_seconds": arcs.seconds, f"{name}_chain": chain}
    return arrays | {f"{name}_longest_seconds": np.array([arcs.longest_seconds])}


def _arcs_from_arrays(name: str, arrays: Mapping[str, AnyArray]) -> tuple[Arcs, Int32Array]:
    indptr, heads, seconds, chain, longest = (
        arrays[f"{name}_{field}"] for field in ("indptr", "heads", "seconds", "chain", "longest_seconds")
    )
    return Arcs(indptr, heads, seconds, float(longest[0])), chain
