"""networkx on the raw network: Dijkstra in Python over dictionaries, from all sources at once."""

import networkx as nx
import numpy as np

from networks import Ends, Floats, Ints, Network


class Prepared:
    """``graph``: undirected where all streets run both ways alike, else directed and against the travel."""

    def __init__(self, network: Network) -> None:
        ends = network.u.tolist(), network.v.tolist()
        self.graph = nx.Graph() if network.both_ways else nx.DiGraph()
        self.graph.add_nodes_from(range(len(network)))
        onward, back = network.forward.tolist(), network.backward.tolist()
        arcs = list(zip(ends[1], ends[0], onward, strict=True))
        if not network.both_ways:
            arcs += [arc for arc in zip(*ends, back, strict=True) if arc[2] < np.inf]
        for tail, head, seconds in arcs:
            known = self.graph.get_edge_data(tail, head)
            if known is None or seconds < known["seconds"]:
                self.graph.add_edge(tail, head, seconds=seconds)
        self.network = network


prepare = Prepared


def place_demand(prepared: Prepared, edge: Ints, fraction: Floats) -> Ends:
    return Ends.of(prepared.network, edge, fraction)


def every_node(prepared: Prepared, source_nodes: Ints, limit_s: float) -> Floats:
    """Seconds to the nearest source, shape (nodes,)."""
    sources = set(source_nodes.tolist())
    found = nx.multi_source_dijkstra_path_length(prepared.graph, sources, cutoff=limit_s, weight="seconds")
    seconds = np.full(len(prepared.network), np.inf)
    seconds[np.fromiter(found.keys(), np.int64, len(found))] = np.fromiter(found.values(), np.float64, len(found))
    return seconds


def demand(prepared: Prepared, places: Ends, source_nodes: Ints, limit_s: float) -> Floats:
    """Seconds to the nearest source, shape (places,)."""
    return places.least(every_node(prepared, source_nodes, limit_s), limit_s)
