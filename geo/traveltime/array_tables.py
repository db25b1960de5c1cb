"""Tables of arrays, as the compiled loops of this folder take and return them.

Each table is a NamedTuple, which numba passes on as its arrays: nothing is copied. A loop that runs over a table
unpacks it first, so that no reference is counted in its innermost part.

Seconds along a chain depend on the *direction of travel*: people travel from points towards facilities, or from
facilities to points. Tables that are made for one of the two keep two numbers for each chain and for each point::

      start node                  point                  end node
          o-------------------------x-----------------------o

          <------ start_side -------|                             of the point
          -------- end_side -------->                             of the point
                                    -- to the end node ----->     end_side of the chain - end_side of the point
          <------------------- start_side ------------------|     of the chain
          --------------------- end_side ------------------->     of the chain

The arrows show travel towards facilities; for travel from them, all arrows are reversed. So *start side* names the
seconds for the direction in which a point's way over the start node runs, and *end side* those for the direction in
which its way over the end node runs. Both numbers of a point are measured from the start node. Therefore the seconds
between two points of a chain are a difference of their numbers, on the side that the way takes.
"""

from typing import Any, NamedTuple, TypeVar, cast

from geo.arrays import BoolArray, Float32Array, Float64Array, Int32Array, Int64Array

Table = TypeVar("Table", bound=tuple[Any, ...])


def plain(table: Table) -> Table:
    """The arrays of a table as a plain tuple, which numba recognizes in a tenth of the time that a NamedTuple takes.

    Loops that are called for a single question, or on small networks, take their tables so, and name the arrays again.
    """
    return cast(Table, tuple(table))


class NetworkEdges(NamedTuple):
    """The edges of a network before its contraction, shape (edges,).

    The nodes ``u`` and ``v`` at the ends of each edge, seconds from u to v and back (infinity: closed), and metres.
    """

    u: Int32Array
    v: Int32Array
    forward_seconds: Float64Array
    backward_seconds: Float64Array
    metres: Float64Array


class Edges(NamedTuple):
    """Where edges lie on their chains, shape (edges,).

    Attributes
    ----------
    chain : the chain that each edge is part of
    along_chain : whether the edge points the way the chain does
    index_on_chain : how many edges of the chain come before it
    forward_before : seconds along the chain from its start to where the edge begins on it (0 where closed)
    backward_before : seconds against the chain from there to its start (0 where closed)
    metres_before : metres along the chain from its start to where the edge begins on it
    forward_seconds, backward_seconds : seconds of the edge along and against the chain (0 where closed)
    metres : length of the edge
    """

    chain: Int32Array
    along_chain: BoolArray
    index_on_chain: Int32Array
    forward_before: Float32Array
    backward_before: Float32Array
    metres_before: Float32Array
    forward_seconds: Float32Array
    backward_seconds: Float32Array
    metres: Float32Array


class Chains(NamedTuple):
    """Chains of edges between junctions, shape (chains,).

    The nodes at both ends, seconds along and against the chain (infinity: closed), its length, and its number of edges.
    """

    start_node: Int32Array
    end_node: Int32Array
    forward_seconds: Float32Array
    backward_seconds: Float32Array
    metres: Float32Array
    edge_count: Int32Array


class ChainNodes(NamedTuple):
    """The nodes of the graph at both ends of each chain, shape (chains,), for ways that begin or end on the chain.

    They are the junctions there, except where turns are restricted: see `geo.traveltime.turns`.

    Attributes
    ----------
    start, end : for a place between the ends of the chain
    start_junction, end_junction : for a place at that very end, which is at the junction
    """

    start: Int32Array
    end: Int32Array
    start_junction: Int32Array
    end_junction: Int32Array


class Arcs(NamedTuple):
    """Arcs of a graph in CSR form: those of a node are the rows ``indptr[node]`` to ``indptr[node + 1]``.

    ``indptr`` has shape (nodes + 1,); ``heads`` and ``seconds`` (≥ 0) have shape (arcs,). ``longest_seconds`` is the
    greatest of the finite seconds.
    """

    indptr: Int32Array
    heads: Int32Array
    seconds: Float32Array
    longest_seconds: float


class Hierarchy(NamedTuple):
    """The eliminated nodes of a graph, as `geo.traveltime.contraction.eliminate` orders them.

    Attributes
    ----------
    rank : shape (nodes,), the place of each node in the order: the eliminated ones first, then the others
    first_arc : shape (eliminated + 1,), where the arcs of each eliminated node begin in the three arrays that follow
    higher : shape (arcs,), the rank of a neighbour that the node had when it was eliminated
    up_seconds, down_seconds : shape (arcs,), seconds to that neighbour and from it (infinity: no way)
    """

    rank: Int32Array
    first_arc: Int32Array
    higher: Int32Array
    up_seconds: Float32Array
    down_seconds: Float32Array


class Core(NamedTuple):
    """Arcs among the nodes that were not eliminated, in CSR form, with the seconds along each arc and against it.

    A street network has an empty core.
    """

    indptr: Int32Array
    heads: Int32Array
    forward_seconds: Float32Array
    backward_seconds: Float32Array


class Seeds(NamedTuple):
    """Nodes that a search begins at, shape (seeds,): a node may have several.

    ``seconds`` are those already spent at the node; ``facility`` is the one that the seed leads to.
    """

    node: Int32Array
    seconds: Float64Array
    facility: Int32Array


class NodeTimes(NamedTuple):
    """What a search writes for each node, or a look-up for each point, shape (n,).

    ``seconds`` to the nearest seed (infinity: not reached), and as ``label`` its facility (−1: not reached). A search
    that tracks arcs writes the arc by which the node was reached instead (−2: a seed).
    """

    seconds: Float64Array
    label: Int32Array


class SeveralNearest(NamedTuple):
    """The several nearest facilities of each node or point, shape (n, k), nearest first.

    ``seconds`` (infinity: fewer are reached), ``facility`` (−1: fewer are reached), and ``metres`` travelled.
    """

    seconds: Float64Array
    facility: Int32Array
    metres: Float32Array | Float64Array


class ChainSides(NamedTuple):
    """Seconds of whole chains in one direction of travel, shape (chains,); infinity: closed.

    The sketch at the top of this module explains ``start_side`` and ``end_side``.
    """

    start_side: Float32Array
    end_side: Float32Array


class ChainEnds(NamedTuple):
    """The ends of the chains that points are on, shape (points,).

    The nodes there, and the seconds between each and the point; infinity: no way, or the point is on no chain.
    """

    start_node: Int32Array
    end_node: Int32Array
    start_seconds: Float32Array
    end_seconds: Float32Array


class PointsByChain(NamedTuple):
    """Points by the chain that they are on: those of a chain are ``points`` from ``first_point[chain]`` on.

    Attributes
    ----------
    first_point : shape (chains + 1,)
    points : shape (points,)
    coordinate : shape (points,), how many edges of its chain lie before the point, with the fraction of its own edge
    start_side, end_side : shape (points,), seconds between the chain's start node and the point: see the sketch above
    """

    first_point: Int32Array
    points: Int32Array
    coordinate: Float64Array
    start_side: Float32Array
    end_side: Float32Array


class PointsByNode(NamedTuple):
    """Points by the nodes at the ends of their chains: those of a node are the rows from ``first_row[node]``.

    Attributes
    ----------
    first_row : shape (nodes + 1,)
    point : shape (rows,)
    near_seconds : shape (rows,), seconds between the point and this node
    far_seconds : shape (rows,), seconds between the point and the other end of its chain
    far_node : shape (rows,), that other end; its complement (~) where this node is the chain's end and not its start
    """

    first_row: Int32Array
    point: Int32Array
    near_seconds: Float32Array
    far_seconds: Float32Array
    far_node: Int32Array


class StretchTable(NamedTuple):
    """Stretches of chains over which facilities are reached, in one direction of travel::

      start node    lower end     upper end             end node
          o-------------[=============]--------------------o
          -- end_side -->                                       of the lower end, which ways from the left reach first
          <------- start_side --------|                         of the upper end, which ways from the right reach first

    Attributes
    ----------
    chain : shape (stretches,), in rising order where a loop says so
    ends : shape (stretches, 4), the coordinate of the stretch's lower end on its chain and its ``end_side`` seconds;
        the coordinate of its upper end and its ``start_side`` seconds
    connector_seconds : shape (stretches,), what the straight way between the street and the facility takes
    facility : shape (stretches,)
    metres : shape (stretches, 3), metres from the chain's start to the lower end and to the upper end; the connector's
    """

    chain: Int32Array
    ends: Float64Array
    connector_seconds: Float64Array
    facility: Int32Array
    metres: Float64Array


class Catchments(NamedTuple):
    """Points within reach of candidates: those of candidate c are the rows ``indptr[c]`` to ``indptr[c + 1]``.

    Attributes
    ----------
    indptr : shape (candidates + 1,)
    point : shape (rows,), the number of the point, in no order
    seconds : shape (rows,)
    """

    indptr: Int64Array
    point: Int32Array
    seconds: Float32Array
