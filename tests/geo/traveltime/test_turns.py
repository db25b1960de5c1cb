"""Turn restrictions: travel times, catchments and ways against a slow search over the edges driven last."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.traveltime import nearest, routes
from geo.traveltime.snapping import SnappedPoints
from support.examples import examples
from support.graphs import check_catchments, network_with_facilities, prepare_graph
from support.turning import Drives, restricted_searches


@given(
    case=restricted_searches(),
    towards=st.booleans(),
    sweeps=st.booleans(),
    most_neighbours=st.sampled_from([1, 3, 64]),
    limit=st.sampled_from([0.0, 5.0, 40.0, np.inf]),
)
@settings(max_examples=examples(400))
def test_seconds_and_catchments_are_those_of_the_slow_search(
    case, towards: bool, sweeps: bool, most_neighbours: int, limit: float
) -> None:
    nodes, edges, people, facilities, connectors, paths = case
    drives = Drives(edges, paths)
    expected = np.array(
        [
            [
                drives.seconds_between(*((p, f) if towards else (f, p))) + connector
                for f, connector in zip(facilities, connectors, strict=True)
            ]
            for p in people
        ]
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("geo.traveltime.graph.MOST_NEIGHBOURS", most_neighbours)
        patch.setattr(nearest, "SWEEP_FROM", 0 if sweeps else 10**6)
        graph = prepare_graph(nodes, edges, paths)
        network, stretches = network_with_facilities(graph, facilities, connectors)
        edge, fraction = (np.array(column) for column in zip(*people, strict=True))
        positions = graph.positions(edge, fraction)
        seconds, facility = nearest.position_seconds(network, stretches, positions, towards, limit=limit)
    least = expected.min(axis=1)
    np.testing.assert_allclose(seconds, np.where(least <= limit, least, np.inf), atol=1e-3)
    reached = facility >= 0
    np.testing.assert_allclose(expected[np.flatnonzero(reached), facility[reached]], seconds[reached], atol=1e-3)

    check_catchments(graph, stretches, positions, expected, limit, towards)


@given(case=restricted_searches())
@settings(max_examples=examples(200))
def test_ways_from_one_point_are_allowed_and_as_long_as_those_of_the_slow_search(case) -> None:
    nodes, edges, people, facilities, connectors, paths = case
    drives = Drives(edges, paths)
    graph = prepare_graph(nodes, edges, paths)
    network, stretches = network_with_facilities(graph, facilities, connectors)
    nearest_facilities = nearest.NearestFacilities(network, stretches)
    for edge, fraction in people:
        point = SnappedPoints(np.array([edge]), np.array([fraction]), np.array([2.0]), np.array([False]))
        expected = [
            2.0 + drives.seconds_between((edge, fraction), facility) + connector
            for facility, connector in zip(facilities, connectors, strict=True)
        ]
        finite = sorted(seconds for seconds in expected if np.isfinite(seconds))
        several = nearest_facilities.at_points(point)
        rows, seconds = several.facility[0], several.seconds[0]
        np.testing.assert_allclose(seconds[rows >= 0], finite[: nearest.FACILITIES_PER_JUNCTION], atol=1e-3)
        np.testing.assert_allclose([expected[row] for row in rows[rows >= 0]], seconds[rows >= 0], atol=1e-3)
        from_point = routes.SearchFromPoint(network, stretches, point, np.inf)
        first_stretches = nearest.first_of_each(stretches.facility, from_point.seconds)
        np.testing.assert_allclose(from_point.seconds[first_stretches], finite, atol=1e-3)
        for stretch in first_stretches.tolist():
            pieces = from_point._pieces(stretch)
            if from_point.seconds[stretch] == pytest.approx(2.0 + stretches.connector_m[stretch] / network.walk_mps):
                continue  # a drive that takes no time may go to and fro on streets without length
            check_drive(drives, graph, pieces)
            driven = sum(abs(last - first) for _, first, last in pieces)  # every edge is a metre long
            metres = 2.0 + driven + stretches.connector_m[stretch]
            assert from_point.metres(stretch) == pytest.approx(metres, abs=1e-3)


def check_drive(drives: Drives, graph, pieces) -> None:
    """The pieces join, and each of their edges may follow those before it."""
    first_edge, edges = graph.chain_edges
    driven: tuple[int, ...] = ()
    for chain, first, last in pieces:
        low, high = min(first, last), max(first, last)
        numbers = [n for n in range(int(np.floor(low)), int(np.ceil(high))) if n < high and n + 1 > low]
        for number in numbers if first < last else numbers[::-1]:
            edge = edges[first_edge[chain] + number]
            directed = int(2 * edge + ((first < last) != graph.edges.along_chain[edge]))
            if driven:
                assert drives.head[driven[-1]] == drives.tail[directed]
            assert drives.may_follow(driven, directed)
            driven = (*driven, directed)


WEST_STREET, NORTH_STREET, DEAD_END = 0, 1, 2
CROSSROADS = [(0, 1, 10.0, 10.0), (1, 2, 10.0, 10.0), (1, 3, 1.0, 1.0)]
"""Three streets that meet at node 1: two of ten seconds, and a dead end of one."""
LEFT_TURN, BACK = (2 * WEST_STREET, 2 * NORTH_STREET), (2 * DEAD_END, 2 * DEAD_END + 1)


@pytest.mark.parametrize(
    ("forbidden", "seconds"),
    [
        ([], 20),
        ([LEFT_TURN], 22),  # into the dead end, round, and back
        ([LEFT_TURN, BACK], np.inf),
        ([LEFT_TURN, (2 * WEST_STREET, 2 * DEAD_END)], np.inf),
        ([LEFT_TURN, (2 * DEAD_END + 1, 2 * NORTH_STREET)], np.inf),
        ([(2 * NORTH_STREET + 1, 2 * WEST_STREET + 1)], 20),  # the turn of those who come the other way
        # Over the dead end it is forbidden too, but whoever goes in twice comes from there and not from the west.
        ([(2 * WEST_STREET, *BACK, 2 * NORTH_STREET), LEFT_TURN], 24),
    ],
)
def test_cars_turn_round_in_a_dead_end(forbidden: list[tuple[int, ...]], seconds: float) -> None:
    graph = prepare_graph(4, CROSSROADS, forbidden)
    network, stretches = network_with_facilities(graph, [(NORTH_STREET, 1.0)], [0.0])
    start = graph.positions(np.array([WEST_STREET]), np.array([0.0]))
    assert nearest.position_seconds(network, stretches, start).seconds == pytest.approx([seconds])
    assert Drives(CROSSROADS, forbidden).seconds_between((WEST_STREET, 0.0), (NORTH_STREET, 1.0)) == seconds


def test_cars_do_not_turn_round_where_a_street_goes_on() -> None:
    # The street beyond the junction is a ring of three edges: nobody turns round at its nodes.
    ring = [(1, 3, 1.0, 1.0), (3, 4, 100.0, 100.0), (4, 1, 100.0, 100.0)]
    graph = prepare_graph(5, [*CROSSROADS[:2], *ring], [LEFT_TURN])
    network, stretches = network_with_facilities(graph, [(NORTH_STREET, 1.0)], [0.0])
    start = graph.positions(np.array([WEST_STREET]), np.array([0.0]))
    assert nearest.position_seconds(network, stretches, start).seconds == pytest.approx([221])


def test_path_whose_edges_do_not_meet_is_refused() -> None:
    with pytest.raises(ValueError, match="do not follow each other"):
        prepare_graph(4, CROSSROADS, [(2 * NORTH_STREET, 2 * WEST_STREET)])


def test_path_over_a_street_binds_only_those_who_come_by_its_beginning() -> None:
    # Two streets lead over the same link: one from node 0, one from node 5. Beyond it is node 4.
    first, link, last, second, detour = ((2 * edge,) for edge in range(5))
    streets = [(0, 1, 10.0, np.inf), (1, 3, 1.0, np.inf), (3, 4, 10.0, np.inf), (5, 1, 10.0, np.inf)]
    streets += [(3, 1, 5.0, np.inf), (3, 4, 90.0, np.inf)]
    forbidden = [(*first, *link, *last), (*second, *link, *detour)]
    graph = prepare_graph(6, streets, forbidden)
    network, stretches = network_with_facilities(graph, [(2, 1.0)], [0.0])
    places = graph.positions(np.array([0, 3, 1, 0]), np.array([0.0, 0.0, 0.5, 0.5]))
    seconds = nearest.position_seconds(network, stretches, places).seconds
    # From node 0 once round over the detour, from node 5 and from the middle of the link straight on.
    assert seconds == pytest.approx([10 + 1 + 5 + 1 + 10, 21, 10.5, 22])
    bound = prepare_graph(6, streets, [*forbidden, (*first, *link, *detour)])
    network, stretches = network_with_facilities(bound, [(2, 1.0)], [0.0])
    places = bound.positions(np.array([0]), np.array([0.0]))
    assert nearest.position_seconds(network, stretches, places).seconds == pytest.approx([101])
