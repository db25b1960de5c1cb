"""pandana on the raw network: contraction hierarchies in C++, on all cores; it rounds lengths to thousandths."""

import numpy as np
import pandana
import pandas as pd
from numpy.typing import NDArray

from networks import Ends, Floats, Ints, Network

CATEGORY = "sources"


class Prepared:
    """``net`` has two-way edges if all streets take the same time in both directions, else one-way arcs."""

    def __init__(self, network: Network) -> None:
        u, v, seconds = network.u, network.v, network.forward
        if not network.both_ways:
            forward, backward = np.isfinite(network.forward), np.isfinite(network.backward)
            u, v = np.concatenate([u[forward], v[backward]]), np.concatenate([v[forward], u[backward]])
            seconds = np.concatenate([network.forward[forward], network.backward[backward]])
        self.net = pandana.Network(
            pd.Series(network.x),
            pd.Series(network.y),
            pd.Series(u.astype(np.int64)),
            pd.Series(v.astype(np.int64)),
            pd.DataFrame({"seconds": seconds}),
            twoway=network.both_ways,
        )
        self.network = network


prepare = Prepared


def place_demand(prepared: Prepared, edge: Ints, fraction: Floats) -> Ends:
    return Ends.of(prepared.network, edge, fraction)


def set_sources(prepared: Prepared, source_nodes: Ints, limit_s: float) -> None:
    """Give pandana a set of sources, which it needs before a question about them."""
    x, y = pd.Series(prepared.network.x[source_nodes]), pd.Series(prepared.network.y[source_nodes])
    prepared.net.set_pois(CATEGORY, maxdist=limit_s, maxitems=1, x_col=x, y_col=y)


def every_node(prepared: Prepared, source_nodes: Ints, limit_s: float) -> Floats:
    """Seconds to the nearest of the sources that `set_sources` gave, shape (nodes,)."""
    return np.asarray(prepared.net.nearest_pois(limit_s, CATEGORY, num_pois=1, max_distance=np.inf)[1].to_numpy())


def demand(prepared: Prepared, places: Ends, source_nodes: Ints, limit_s: float) -> Floats:
    """Seconds to the nearest of the sources that `set_sources` gave, shape (places,)."""
    return places.least(every_node(prepared, source_nodes, limit_s), limit_s)


def precompute(prepared: Prepared, limit_s: float) -> None:
    """Let pandana compute and keep what every node reaches; `catchments` then looks that up."""
    prepared.net.precompute(limit_s)


def catchments(prepared: Prepared, nodes: Ints, limit_s: float) -> pd.DataFrame:
    """What each node reaches: source, destination and seconds."""
    return prepared.net.nodes_in_range(nodes, limit_s)


def rows(frame: pd.DataFrame) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
    """The columns of `catchments`."""
    return tuple(frame[name].to_numpy() for name in ("source", "destination", "seconds"))  # type: ignore[return-value]
