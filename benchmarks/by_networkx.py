"""networkx on the raw network: Dijkstra in Python over dictionaries, from all sources at once."""

import networkx as nx
import numpy as np

from networks import Ends, Floats, Ints, Network


class Prepared:
    """``graph``: undirected if streets take the same time both ways; else its arcs run against the travel."""

    def __init__(self, network: Network) -> None:
        ends = network.u.tolist(), network.v.tolist()
        self.graph = nx.Graph() if network.both_ways else nx.DiGraph()
        self.graph.add_nodes_from(range(len(network)))
        forward, backward = network.forward.tolist(), network.backward.tolist()
        arcs = list(zip(ends[1], ends[0], forward, strict=True))
        if not network.both_ways:
            arcs += [arc for arc in zip(*ends, backward, strict=True) if arc[2] < np.inf]
        for tail, head, seconds in arcs:
            parallel = self.graph.get_edge_data(tail, head)
            if parallel is None or seconds < parallel["seconds"]:
                self.graph.add_edge(tail, head, seconds=seconds)
        self.network = network


prepare = Prepared


def place_demand(prepared: Prepared, edge: Ints, fraction: Floats) -> Ends:
    return Ends.of(prepared.network, edge, fraction)


def every_node(prepared: Prepared, source_nodes: Ints, limit_s: float) -> Floats:
    """Seconds to the nearest source, shape (nodes,)."""
    sources = set(source_nodes.tolist())
    reached = nx.multi_source_dijkstra_path_length(prepared.graph, sources, cutoff=limit_s, weight="seconds")
    seconds = np.full(len(prepared.network), np.inf)
    seconds[np.fromiter(reached.keys(), np.int64, len(reached))] = np.fromiter(
        reached.values(), np.float64, len(reached)
    )
    return seconds


def demand(prepared: Prepared, places: Ends, source_nodes: Ints, limit_s: float) -> Floats:
    """Seconds to the nearest source, shape (places,)."""
    return places.least(every_node(prepared, source_nodes, limit_s), limit_s)
