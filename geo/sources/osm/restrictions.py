"""Turn restrictions of an extract that bind cars, as paths of street edges that may not be followed.

They follow the OpenStreetMap wiki, Relation:restriction. A restriction that only allows one way on, such as
``only_straight_on``, forbids each other way from the same street.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import geopandas as gpd
import numpy as np

from geo.sources.osm import opl_lines
from geo.study.restrictions import Path
from geo.study.streets import U_ID, V_ID, WAY_ID

RULE_KEYS = ("restriction:motorcar", "restriction:motor_vehicle", "restriction")
"""The keys that hold a rule for cars; the first that a relation has decides."""
CONDITIONAL_KEYS = tuple(f"{key}:conditional" for key in RULE_KEYS)
TIME_KEYS = ("day_on", "day_off", "hour_on", "hour_off")
OTHER_KEYS = tuple(f"restriction:{vehicle}" for vehicle in ("hgv", "goods", "bus", "bicycle", "motorcycle", "caravan"))
KEYS = (*RULE_KEYS, *CONDITIONAL_KEYS, *OTHER_KEYS)
"""The keys by which relations are read."""

FOR_OTHERS = "turn restrictions that do not bind cars"
SOMETIMES = "turn restrictions that hold at some times only: they are not applied"
UNKNOWN = "turn restrictions of an unknown kind"
ELSEWHERE = "turn restrictions on no street of the study"
BROKEN = "turn restrictions with a member that is missing, is no street, or does not meet the others"
CLOSED = "turn restrictions on streets that are closed to cars anyway"

_CARS = {"motorcar", "motor_vehicle", "vehicle"}
_MEMBER = re.compile(r"[M,]([nwr])(-?\d+)@([^, \n]*)")


class _Restriction(NamedTuple):
    """A rule such as no_left_turn, the ids of the ways that it leads from, over and to, and of the node between."""

    rule: str
    from_ways: list[int]
    via_ways: list[int]
    via_nodes: list[int]
    to_ways: list[int]


def is_restriction(line: str) -> bool:
    """Whether a relation's line describes a turn restriction."""
    return re.search("[T,]type=restriction[, ]", line) is not None


def forbidden_paths(lines: Sequence[str], streets: gpd.GeoDataFrame) -> tuple[list[Path], int, Counter[str]]:
    """The paths of street edges that relations forbid cars to follow.

    Parameters
    ----------
    lines : the OPL lines of the relations
    streets : a frame of streets with the columns that exist only while a study is built

    Returns
    -------
    paths : without repetitions, as `geo.study.restrictions` describes them
    applied : how many of the relations they come from
    left_out : how many relations are left out, by reason
    """
    relations: list[list[_Restriction]] = []
    left_out: Counter[str] = Counter()
    for line in lines:
        rules = _rules(opl_lines.tags(line))
        if isinstance(rules, str):
            left_out[rules] += 1
        else:
            relations.append([_members(rule, line) for rule in rules])
    roads = _Roads(streets, {way for restrictions in relations for each in restrictions for way in _ways(each)})
    paths: dict[Path, None] = {}
    applied = 0
    for restrictions in relations:
        results = [_forbidden(restriction, roads) for restriction in restrictions]
        of_relation = [path for result in results if not isinstance(result, str) for path in result]
        if of_relation:
            applied += 1
            paths |= dict.fromkeys(of_relation)
        else:
            left_out[next(result for result in results if isinstance(result, str))] += 1
    return list(paths), applied, left_out


def _rules(tags: Mapping[str, str]) -> list[str] | str:
    """The rules that a relation has for cars, separated by semicolons in its tag; or the reason why it has none."""
    if not _CARS.isdisjoint(exempt.strip() for exempt in tags.get("except", "").split(";")):
        return FOR_OTHERS
    text = next((tags[key] for key in RULE_KEYS if key in tags), None)
    if text is None:
        return SOMETIMES if any(key in tags for key in CONDITIONAL_KEYS) else FOR_OTHERS
    if any(key in tags for key in TIME_KEYS):
        return SOMETIMES
    rules = [rule.strip() for rule in text.split(";")]
    known = re.compile("(no|only)_(left_turn|right_turn|straight_on|u_turn|entry|exit)")
    return rules if all(known.fullmatch(rule) for rule in rules) else UNKNOWN


def _members(rule: str, line: str) -> _Restriction:
    members = [(kind, int(osm_id), role) for kind, osm_id, role in _MEMBER.findall(line[line.rindex(" ") :])]

    def ids(wanted_kind: str, wanted_role: str) -> list[int]:
        return [osm_id for kind, osm_id, role in members if (kind, role) == (wanted_kind, wanted_role)]

    return _Restriction(rule, ids("w", "from"), ids("w", "via"), ids("n", "via"), ids("w", "to"))


def _ways(restriction: _Restriction) -> list[int]:
    return restriction.from_ways + restriction.via_ways + restriction.to_ways


class _Roads:
    """The directed edges of some ways, and all edges that meet them.

    Directed edges are numbered 2 × the row of the edge, and one more where it is followed from v to u.
    """

    def __init__(self, streets: gpd.GeoDataFrame, ways: set[int]) -> None:
        way, u, v = (streets[name].to_numpy() for name in (WAY_ID, U_ID, V_ID))
        is_member = np.isin(way, list(ways))
        nodes = np.unique([u[is_member], v[is_member]])
        rows = np.flatnonzero(np.isin(u, nodes) | np.isin(v, nodes))
        is_open = streets[["drive_forward", "drive_backward"]].to_numpy(dtype=bool)
        self.tail: dict[int, int] = {}
        self.head: dict[int, int] = {}
        self.open: set[int] = set()
        self.of_way: dict[int, list[int]] = defaultdict(list)
        self.exits: dict[int, list[int]] = defaultdict(list)
        for row in rows.tolist():
            ends = int(u[row]), int(v[row])
            for against in (0, 1):
                directed = 2 * row + against
                self.tail[directed], self.head[directed] = ends[against], ends[1 - against]
                self.of_way[int(way[row])].append(directed)
                self.exits[ends[against]].append(directed)
                if is_open[row, against]:
                    self.open.add(directed)


def _forbidden(restriction: _Restriction, roads: _Roads) -> list[Path] | str:
    """The paths that a restriction forbids, or the reason why it forbids none."""
    if not any(way in roads.of_way for way in _ways(restriction)):
        return ELSEWHERE
    rule, from_ways, via_ways, via_nodes, to_ways = restriction
    if not (from_ways and to_ways and (bool(via_ways) != (len(via_nodes) == 1)) and len(via_nodes) <= 1):
        return BROKEN
    only = rule.startswith("only_")
    if only and (len(from_ways) != 1 or len(to_ways) != 1):
        return BROKEN
    paths: list[Path] = []
    closed = False
    for from_way in from_ways:
        for to_way in to_ways:
            turns_round = rule.endswith("u_turn") and from_way == to_way and not via_ways
            ways = _followed(roads, from_way, via_ways, via_nodes, to_way, turns_round)
            if not ways:
                return BROKEN
            open_ways = [way for way in ways if roads.open.issuperset(way)]
            closed |= not open_ways
            if len(open_ways) > 1 and not all(way[0] ^ 1 == way[-1] for way in open_ways):
                return BROKEN  # a way goes on past the node, and from which side it is meant is not known
            paths += open_ways
    if only and paths:
        return list(_other_ways(paths[0], roads))
    return paths or (CLOSED if closed else BROKEN)


def _followed(
    roads: _Roads, from_way: int, via_ways: list[int], via_nodes: list[int], to_way: int, turns_round: bool
) -> list[Path]:
    """The paths from an edge of one way over all of ``via_ways``, or the node, to an edge of another way.

    If it ``turns_round``, a path goes back on the edge that it came by; else it does not.
    """
    via = {directed: way for way in via_ways for directed in roads.of_way.get(way, ())}
    goals: dict[int, list[int]] = defaultdict(list)
    for directed in roads.of_way.get(to_way, ()):
        goals[roads.tail[directed]].append(directed)
    paths: list[Path] = []
    for first in roads.of_way.get(from_way, ()):
        if via_nodes and roads.head[first] != via_nodes[0]:
            continue
        unfinished: list[Path] = [(first,)]
        while unfinished:
            path = unfinished.pop()
            node = roads.head[path[-1]]
            if {via[directed] for directed in path[1:]} == set(via_ways):
                paths += [(*path, goal) for goal in goals[node] if (goal == first ^ 1) == turns_round]
            visited = {directed >> 1 for directed in path}
            unfinished += [(*path, step) for step in roads.exits[node] if step in via and step >> 1 not in visited]
    return paths


def _other_ways(path: Path, roads: _Roads) -> Iterator[Path]:
    """All paths that leave ``path`` before its end."""
    for length in range(1, len(path)):
        for other in roads.exits[roads.head[path[length - 1]]]:
            if other in roads.open and other != path[length]:
                yield (*path[:length], other)
