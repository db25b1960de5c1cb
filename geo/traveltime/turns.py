"""Turn restrictions: nodes and arcs that keep a way from following a forbidden path of chains.

A search that knows junctions only cannot tell who came from the west from who came from the south. So a junction that
a forbidden path runs over has more than one node:

* its own node: whoever starts here is there, and whoever comes by a chain that begins no forbidden path;
* a *state* for each beginning of a forbidden path that ends here: whoever has just followed it is there;
* an *entrance* of each chain that leaves the junction, reached by those who may turn into it;
* *arrivals*, which everybody reaches who comes here.

A state stands for the longest beginning of a forbidden path that the way so far ends with, as in the automaton of Aho
and Corasick (1975, Communications of the ACM 18(6)), so paths may overlap. Out of it lead copies of the arcs that may
be taken from there. All other junctions keep their one node, so that nothing is slower where no turn is restricted.

Directed chains are numbered 2 × chain, and one more where the chain is followed against its direction; directed edges
likewise.
"""

from collections import defaultdict
from collections.abc import Collection
from typing import NamedTuple, TypeAlias

import numpy as np

from geo.arrays import BoolArray, Float32Array, Int32Array, Int64Array
from geo.traveltime.array_tables import ChainNodes, Chains, Edges, NetworkEdges

Path: TypeAlias = tuple[int, ...]
"""Directed edges or chains that follow each other; as a restriction, two or more that may not be followed all."""


class DirectedArcs(NamedTuple):
    """Arcs in any order, shape (arcs,).

    The nodes at both ends, seconds, and the directed chain that an arc runs along; −1 where it leads from one node of a
    junction to another.
    """

    tail: Int32Array
    head: Int32Array
    seconds: Float32Array
    directed_chain: Int32Array


class Turns(NamedTuple):
    """The nodes and arcs of a graph.

    Attributes
    ----------
    junction : shape (nodes,), the junction of each node; the first nodes are the junctions themselves
    origins : the nodes that ways reach that begin on a chain
    destinations : the nodes that ways come from that end on a chain
    arcs : all arcs, also those without an end in time
    restricted : shape (junctions,), which junctions have more than one node
    """

    junction: Int32Array
    origins: ChainNodes
    destinations: ChainNodes
    arcs: DirectedArcs
    restricted: BoolArray


def followable(paths: Collection[Path], edges: NetworkEdges) -> list[Path]:
    """Those of the paths of directed edges that could be followed otherwise: all their edges are open."""
    seconds = np.column_stack([edges.forward_seconds, edges.backward_seconds]).ravel()
    return [path for path in paths if np.isfinite(seconds[list(path)]).all()]


def nodes_on(paths: Collection[Path], edges: NetworkEdges, nodes: int) -> BoolArray:
    """Which of the ``nodes`` of a network the ``paths`` of directed edges run over, shape (nodes,).

    Raises
    ------
    ValueError
        An edge of a path does not begin where the one before it ends.
    """
    tail, head = (np.column_stack(ends).ravel() for ends in ((edges.u, edges.v), (edges.v, edges.u)))
    on_path = np.zeros(nodes, dtype=bool)
    for path in paths:
        if (head[list(path[:-1])] != tail[list(path[1:])]).any():
            raise ValueError(f"the edges of the forbidden path {path} do not follow each other")
        on_path[head[list(path[:-1])]] = True
    return on_path


def on_chains(paths: Collection[Path], edges: Edges) -> set[Path]:
    """The same paths as directed chains, which begin and end at all nodes that the paths run over."""
    chain, along_chain = edges.chain, edges.along_chain
    return {tuple(int(2 * chain[d >> 1] + ((d & 1) ^ (not along_chain[d >> 1]))) for d in path) for path in paths}


def no_turning_round(chains: Chains, junctions: Int64Array) -> set[Path]:
    """Paths that turn round at one of the ``junctions``."""
    ends = np.column_stack([chains.end_node, chains.start_node]).ravel()
    return {(d, d ^ 1) for d in np.flatnonzero(np.isin(ends, junctions)).tolist()}


def unrestricted(chains: Chains) -> ChainNodes:
    """The nodes at the ends of chains where no turn is restricted: the junctions."""
    return ChainNodes(chains.start_node, chains.end_node, chains.start_node, chains.end_node)


def prepare(chains: Chains, junctions: int, forbidden: Collection[Path]) -> Turns:
    """The nodes and arcs of ``chains`` between ``junctions`` (how many there are), without the ``forbidden`` paths."""
    tail = np.column_stack([chains.start_node, chains.end_node]).ravel()
    head = np.column_stack([chains.end_node, chains.start_node]).ravel()
    seconds = np.column_stack([chains.forward_seconds, chains.backward_seconds]).ravel()
    numbers = np.arange(len(tail), dtype=np.int32)
    arrival, restricted = head.copy(), np.zeros(junctions, dtype=bool)
    entrance, arrivals = tail.copy(), np.arange(junctions, dtype=np.int32)
    if not forbidden:
        ends = unrestricted(chains)
        return Turns(arrivals, ends, ends, DirectedArcs(tail, head, seconds, numbers), restricted)
    junction_of = list(range(junctions))
    more_arcs: list[tuple[int, int, float, int]] = []

    def new_node(junction: int) -> int:
        junction_of.append(junction)
        return len(junction_of) - 1

    beginnings = sorted({path[:length] for path in forbidden for length in range(1, len(path))})
    state = {beginning: new_node(int(head[beginning[-1]])) for beginning in beginnings}
    states_at: dict[int, list[Path]] = defaultdict(list)
    for beginning in beginnings:
        states_at[int(head[beginning[-1]])].append(beginning)
        if len(beginning) == 1:
            arrival[beginning[0]] = state[beginning]
    exits: dict[int, list[int]] = {junction: [] for junction in states_at}
    for directed_chain in np.flatnonzero(np.isin(tail, list(exits)) & np.isfinite(seconds)).tolist():
        exits[int(tail[directed_chain])].append(directed_chain)

    for junction, states in states_at.items():
        restricted[junction] = True
        arrivals[junction] = new_node(junction)
        for directed_chain in exits[junction]:
            entrance[directed_chain] = new_node(junction)
        for beginning in [(), *states]:
            node = state.get(beginning, junction)
            more_arcs.append((node, int(arrivals[junction]), 0.0, -1))
            for directed_chain in exits[junction]:
                # What the way ends with after this chain, the longest first.
                last = [(*beginning, directed_chain)[first:] for first in range(len(beginning) + 1)]
                if any(path in forbidden for path in last):
                    continue
                more_arcs.append((node, int(entrance[directed_chain]), 0.0, -1))
                if beginning:
                    following = next((state[path] for path in last if path in state), int(head[directed_chain]))
                    more_arcs.append((node, following, float(seconds[directed_chain]), directed_chain))
    more = np.array(more_arcs, dtype=float).reshape(-1, 4)
    return Turns(
        np.array(junction_of, dtype=np.int32),
        ChainNodes(arrival[1::2], arrival[::2], chains.start_node, chains.end_node),
        ChainNodes(entrance[::2], entrance[1::2], arrivals[chains.start_node], arrivals[chains.end_node]),
        DirectedArcs(
            np.concatenate([tail, more[:, 0]]).astype(np.int32),
            np.concatenate([arrival, more[:, 1]]).astype(np.int32),
            np.concatenate([seconds, more[:, 2]]).astype(np.float32),
            np.concatenate([numbers, more[:, 3]]).astype(np.int32),
        ),
        restricted,
    )
