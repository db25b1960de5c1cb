"""Compiled loops that compute the times of points on chains from those of junctions, also for catchments.

`geo.traveltime.nearest` and `geo.traveltime.catchments` call them after a search has reached the junctions.
"""

import numpy as np

from geo.arrays import Float32Array, Float64Array, Int32Array, Int64Array
from geo.compiled import compiled, unsigned
from geo.traveltime.array_tables import (
    Arcs,
    Catchments,
    ChainEnds,
    ChainNodes,
    Chains,
    ChainSides,
    Edges,
    NodeTimes,
    PointsByChain,
    PointsByNode,
    Seeds,
    SeveralNearest,
    StretchTable,
)
from geo.traveltime.search import bucket_count, new_queue, search_batch


@compiled
def _along_chain(
    coordinate: float,
    start_side: float,
    end_side: float,
    ends: Float64Array,
    row: int,
    open_start_side: bool,
    open_end_side: bool,
) -> float:
    """Seconds between a point and a stretch of its chain, along the chain; 0 on the stretch, infinity if closed.

    ``coordinate``, ``start_side`` and ``end_side`` are the point's, as in `PointsByChain`; ``ends`` are those of
    `StretchTable`; the chain may be open or closed on either side. `geo.traveltime.routes.seconds_along_chain` does the
    same with NumPy, for one point and all stretches of its chain: that happens once a search, which is not worth a
    compiled loop of its own.
    """
    if coordinate < ends[row, 0]:
        return ends[row, 1] - end_side if open_end_side else np.inf
    if coordinate > ends[row, 2]:
        return start_side - ends[row, 3] if open_start_side else np.inf
    return 0.0


@compiled
def over_ends(node_times: NodeTimes, ends: ChainEnds, limit: float, times: NodeTimes) -> None:
    """Write ``times`` of points over the nearer end of their chains, within ``limit`` seconds (≤); tables are plain."""
    node_seconds, node_label = node_times
    start, end, to_start, to_end = ends
    seconds, label = times
    # No branches: the processor cannot foresee which end is nearer.
    for point in range(len(start)):
        a, b = unsigned(start[point]), unsigned(end[point])
        over_start, over_end = node_seconds[a] + to_start[point], node_seconds[b] + to_end[point]
        nearest = a if over_start <= over_end else b
        least = min(over_start, over_end)
        seconds[point] = least if least <= limit else np.inf
        label[point] = node_label[nearest] if seconds[point] < np.inf else np.int32(-1)


@compiled
def along_chains(
    times: NodeTimes, sides: ChainSides, points: PointsByChain, stretches: StretchTable, limit: float
) -> None:
    """Shorten ``times`` of points where a stretch of their own chain is reached along it, within ``limit`` (≤).

    All tables are plain tuples.
    """
    seconds, label = times
    chain_start_side, chain_end_side = sides
    first_point, point_of, coordinate, start_side, end_side = points
    stretch_chain, ends, connector_seconds, facility, _ = stretches
    for row in range(len(stretch_chain)):
        chain = stretch_chain[row]
        open_start, open_end = chain_start_side[chain] < np.inf, chain_end_side[chain] < np.inf
        for number in range(first_point[chain], first_point[chain + 1]):
            point = unsigned(point_of[number])
            along = connector_seconds[row] + _along_chain(
                coordinate[point], start_side[point], end_side[point], ends, row, open_start, open_end
            )
            if along < seconds[point] and along <= limit:
                seconds[point], label[point] = along, facility[row]


@compiled
def seeds(chains: Chains, nodes: ChainNodes, sides: ChainSides, stretches: StretchTable) -> tuple[Seeds, Float64Array]:
    """What a search for stretches begins with: both ends of their chains, as far as a way leads there.

    The tables are plain tuples. Gives the seeds, at most twice as many as there are stretches, and the metres already
    travelled at each.
    """
    _, _, _, _, chain_metres, edge_count = chains
    start, end, start_junction, end_junction = nodes
    chain_start_side, chain_end_side = sides
    stretch_chain, ends, connector_seconds, stretch_facility, stretch_metres = stretches
    most = 2 * len(stretch_chain)
    node, seconds = np.empty(most, np.int32), np.empty(most)
    metres, facility = np.empty(most), np.empty(most, np.int32)
    count = 0
    for row in range(len(stretch_chain)):
        chain = stretch_chain[row]
        # Between the start node and the lower end people travel in the direction of the end side, as the sketch of
        # `StretchTable` shows. A stretch that begins at the junction is reached there even if the chain is closed.
        lower_seconds = ends[row, 1] if chain_end_side[chain] < np.inf else np.inf
        at_start, at_end = ends[row, 0] == 0, ends[row, 2] == edge_count[chain]
        from_start = 0.0 if at_start else lower_seconds
        upper_seconds = max(0.0, chain_start_side[chain] - ends[row, 3])
        from_end = 0.0 if at_end else upper_seconds
        if from_start < np.inf:
            node[count] = start_junction[chain] if at_start else start[chain]
            facility[count] = stretch_facility[row]
            seconds[count] = from_start + connector_seconds[row]
            metres[count] = stretch_metres[row, 2] + stretch_metres[row, 0]
            count += 1
        if from_end < np.inf:
            node[count] = end_junction[chain] if at_end else end[chain]
            facility[count] = stretch_facility[row]
            seconds[count] = from_end + connector_seconds[row]
            metres[count] = stretch_metres[row, 2] + (chain_metres[chain] - stretch_metres[row, 1])
            count += 1
    return Seeds(node[:count], seconds[:count], facility[:count]), metres[:count]


@compiled
def catchments(
    arcs: Arcs,
    first_seed: Int32Array,
    seeds: Seeds,
    first_stretch: Int32Array,
    stretches: StretchTable,
    sides: ChainSides,
    ends: ChainEnds,
    by_node: PointsByNode,
    by_chain: PointsByChain,
    limit: float,
) -> Catchments:
    """All points within ``limit`` seconds (≤) of each of some candidates.

    Parameters
    ----------
    first_seed, first_stretch : shape (candidates + 1,), where the seeds and the stretches of each candidate begin
    sides, ends, by_node, by_chain : the chains, and the points on them
    """
    start, end, to_start, to_end = ends.start_node, ends.end_node, ends.start_seconds, ends.end_seconds
    chain_start_side, chain_end_side = sides.start_side, sides.end_side
    first_point, point_of, coordinate = by_chain.first_point, by_chain.points, by_chain.coordinate
    start_side, end_side = by_chain.start_side, by_chain.end_side
    first_near, near_point, far_node = by_node.first_row, by_node.point, by_node.far_node
    near_seconds, far_seconds = by_node.near_seconds, by_node.far_seconds
    stretch_chain, stretch_ends = stretches.chain, stretches.ends
    connector_seconds = stretches.connector_seconds
    nodes, candidates = len(arcs.indptr) - 1, len(first_seed) - 1
    beyond = np.nextafter(limit, np.inf)
    times = NodeTimes(np.full(nodes, beyond), np.full(nodes, np.int32(-1)))
    seconds, label = times.seconds, times.label
    queue = new_queue(bucket_count(arcs.longest_seconds, seeds.seconds, limit), 4 * nodes + 16)
    every_seed = np.arange(len(seeds.node)).astype(np.int32)
    listed_by = np.full(len(start), np.int32(-1))  # the last candidate that lists a point for its own chains
    first_row = np.zeros(candidates + 1, np.int64)
    row_point, row_seconds = np.empty(1024, np.int32), np.empty(1024, np.float32)
    rows = np.int64(0)
    for candidate in range(candidates):
        batch = every_seed[first_seed[candidate] : first_seed[candidate + 1]]
        used = search_batch(arcs, seeds, batch, queue, False, times)
        while used < 0:
            seconds[:], label[:] = beyond, -1
            queue = new_queue(len(queue.first_entry), 2 * len(queue.node))
            used = search_batch(arcs, seeds, batch, queue, False, times)
        node_of = queue.node
        # First the points on the candidate's own chains, which have a way along the chain too.
        low, high = first_stretch[candidate], first_stretch[candidate + 1]
        for own_row in range(low, high):
            chain = stretch_chain[own_row]
            for number in range(first_point[chain], first_point[chain + 1]):
                point = point_of[number]
                if listed_by[point] == candidate:
                    continue
                listed_by[point] = candidate
                least = min(seconds[start[point]] + to_start[point], seconds[end[point]] + to_end[point])
                for row in range(low, high):
                    if stretch_chain[row] == chain:
                        open_start, open_end = chain_start_side[chain] < np.inf, chain_end_side[chain] < np.inf
                        along = _along_chain(
                            coordinate[point],
                            start_side[point],
                            end_side[point],
                            stretch_ends,
                            row,
                            open_start,
                            open_end,
                        )
                        least = min(least, along + connector_seconds[row])
                if least < beyond:
                    row_point, row_seconds = _with_room(row_point, row_seconds, rows + 1)
                    row_point[rows], row_seconds[rows] = point, least
                    rows += 1
        for number in range(used):
            node = unsigned(node_of[number])
            if label[node] < 0:  # this entry is another one of a node that was improved
                continue
            label[node] = -1
            reached = seconds[node]
            first, last = unsigned(first_near[node]), unsigned(first_near[node + unsigned(1)])
            row_point, row_seconds = _with_room(row_point, row_seconds, rows + np.int64(last - first))
            for row in range(first, last):
                # The point may be nearer over the other end of its chain. If both ends are reached, it is listed at
                # the chain's start only.
                other = far_node[row]
                other_seconds = seconds[unsigned(other if other >= 0 else ~other)]
                least = min(reached + near_seconds[row], other_seconds + far_seconds[row])
                point = near_point[row]
                row_point[unsigned(rows)], row_seconds[unsigned(rows)] = point, least
                listed = (other < 0) & (other_seconds < beyond)
                rows += (least < beyond) & (listed_by[unsigned(point)] != candidate) & (not listed)
        for number in range(used):
            seconds[unsigned(node_of[number])] = beyond
        first_row[candidate + 1] = rows
    return Catchments(first_row, row_point[:rows], row_seconds[:rows])


@compiled
def _with_room(point: Int32Array, seconds: Float32Array, rows: np.int64) -> tuple[Int32Array, Float32Array]:
    """The same arrays, longer if they are not as long as ``rows``."""
    if rows <= len(point):
        return point, seconds
    more = np.int64(len(point)) + np.int64(rows)
    return np.append(point, np.empty(more, np.int32)), np.append(seconds, np.empty(more, np.float32))


@compiled
def _insert_facility(
    seconds: Float64Array,
    facilities: Int32Array,
    metres: Float64Array,
    row: int,
    reached: float,
    facility: int,
    travelled: float,
) -> None:
    """Put a facility into the sorted list of point ``row``, shape (points, k), if it is near enough; each stands once.

    Equally near facilities are sorted by number, so that the answer does not depend on the end of the chain that is
    looked at first. The function of this name in `geo.traveltime.search` leaves them in the order in which they come.
    """
    k = seconds.shape[1]
    column = k  # where the facility stands already, or else the last one
    for other in range(k):
        if facilities[row, other] == facility:
            column = other
            break
    if column < k:
        if seconds[row, column] <= reached:
            return
    else:
        column = k - 1
        worst, worst_facility = seconds[row, column], facilities[row, column]
        if reached > worst or (reached == worst and facility > worst_facility) or reached == np.inf:
            return
    while column > 0 and (
        seconds[row, column - 1] > reached
        or (seconds[row, column - 1] == reached and facilities[row, column - 1] > facility)
    ):
        seconds[row, column], facilities[row, column] = seconds[row, column - 1], facilities[row, column - 1]
        metres[row, column] = metres[row, column - 1]
        column -= 1
    seconds[row, column], facilities[row, column], metres[row, column] = reached, facility, travelled


@compiled
def nearest_few(
    edge: Int64Array,
    fraction: Float64Array,
    connector_m: Float64Array,
    walk_mps: float,
    k: int,
    tables: tuple[Edges, Chains, ChainNodes, SeveralNearest, StretchTable],
) -> SeveralNearest:
    """The ``k`` nearest facilities of points: over both ends of their chains, or along them.

    Parameters
    ----------
    edge, fraction, connector_m : shape (points,), where the points are (−1: no street is near), and metres to there
    walk_mps : speed on connectors, in metres per second
    tables : `Edges`, `Chains`, the nodes of ways that begin on chains, the `SeveralNearest` of all nodes and the
        `StretchTable` towards the facilities, sorted by chain; all are plain tuples
    """
    edges, chains, stretches = Edges(*tables[0]), Chains(*tables[1]), StretchTable(*tables[4])
    start, end, start_junction, end_junction = tables[2]
    node_seconds, node_facility, node_metres = tables[3]
    facilities = np.full((len(edge), k), np.int32(-1))
    seconds, metres = np.full((len(edge), k), np.inf), np.zeros((len(edge), k))
    for row in range(len(edge)):
        if edge[row] < 0 or not len(edges.chain):
            continue
        point_edge = edge[row]
        chain = edges.chain[point_edge]
        fraction_along_chain = fraction[row] if edges.along_chain[point_edge] else 1.0 - fraction[row]
        coordinate = edges.index_on_chain[point_edge] + fraction_along_chain
        metres_before = edges.metres_before[point_edge] + fraction_along_chain * edges.metres[point_edge]
        start_side = np.float32(
            edges.backward_before[point_edge] + fraction_along_chain * edges.backward_seconds[point_edge]
        )
        end_side = np.float32(
            edges.forward_before[point_edge] + fraction_along_chain * edges.forward_seconds[point_edge]
        )
        open_start, open_end = chains.backward_seconds[chain] < np.inf, chains.forward_seconds[chain] < np.inf
        # A point at an end of its chain is at the junction, from which it may leave by any street.
        at_start, at_end = coordinate == 0, coordinate == chains.edge_count[chain]
        to_start = 0.0 if at_start else start_side if open_start else np.inf
        seconds_to_end = max(np.float32(chains.forward_seconds[chain] - end_side), 0.0)
        to_end = 0.0 if at_end else seconds_to_end
        start_node = start_junction[chain] if at_start else start[chain]
        end_node = end_junction[chain] if at_end else end[chain]
        for side in range(2):
            node = start_node if side == 0 else end_node
            to_node = to_start if side == 0 else to_end
            metres_to_node = metres_before if side == 0 else chains.metres[chain] - metres_before
            for column in range(node_facility.shape[1]):
                if node_facility[node, column] < 0 or to_node == np.inf:
                    break
                reached = node_seconds[node, column] + to_node
                travelled = metres_to_node + node_metres[node, column]
                _insert_facility(seconds, facilities, metres, row, reached, node_facility[node, column], travelled)
        first, last = np.searchsorted(stretches.chain, chain), np.searchsorted(stretches.chain, chain + 1)
        for stretch in range(first, last):
            along = _along_chain(
                coordinate, float(start_side), float(end_side), stretches.ends, stretch, open_start, open_end
            )
            reached = stretches.connector_seconds[stretch] + along
            lower, upper = stretches.metres[stretch, 0], stretches.metres[stretch, 1]
            travelled = max(lower - metres_before, metres_before - upper, 0.0) + stretches.metres[stretch, 2]
            if reached < np.inf:
                _insert_facility(seconds, facilities, metres, row, reached, stretches.facility[stretch], travelled)
    for row in range(len(edge)):
        for column in range(k):
            seconds[row, column] += connector_m[row] / walk_mps
            metres[row, column] += connector_m[row]
    return SeveralNearest(seconds, facilities, metres)
