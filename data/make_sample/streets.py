"""Streets on the plane: grids of the town centres, roads, lanes, tracks, ways around parks, and the motorway."""

from itertools import pairwise, product
from typing import NamedTuple

import numpy as np
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra
from shapely import LineString, Polygon
from shapely.geometry.base import BaseGeometry
from shapely.ops import split

import land
from land import Land, Rng
from places import Town, Unit

OVERSHOOT_M = 4.0  # lines are drawn so far beyond a line that they should meet, so that the two cross
MOTORWAY = [(119.89, 28.985), (119.96, 28.985), (120.015, 28.95), (120.07, 28.94), (120.12, 28.962),
            (120.19, 28.952), (120.26, 28.925), (120.33, 28.95)]  # fmt: skip
CLASSES = ("motorway", "motorway_link", "trunk", "primary", "secondary", "tertiary",
           "unclassified", "residential", "track", "path", "footway")  # fmt: skip
RANKS = {highway: rank for rank, highway in enumerate(CLASSES)}  # a piece that two lines share gets the lower rank


class Street(NamedTuple):
    """A street on the plane, drawn in its direction if it is one-way; ``highway`` as in OpenStreetMap."""

    highway: str
    line: LineString
    oneway: bool = False


def surface(
    rng: Rng, towns: list[Town], units: list[Unit], ground: Land,
    cores: list[Polygon], lanes: list[LineString], parks: list[Polygon],
) -> list[Street]:  # fmt: skip
    """All streets except the motorway; they end at parks and at the river, which only main streets cross."""
    parkland = shapely.union_all([park.buffer(4) for park in parks])
    parks_and_water = parkland.union(ground.river.buffer(land.WATER_M))
    inner_city = cores[0].buffer(-OVERSHOOT_M)  # country roads end here, where the city's own grid begins
    grids = city_streets(rng, cores[0], towns, ground)
    grids += [street for core in cores[1:] for street in grid(rng, core, 132, 3, "secondary")]
    streets = [street for street in grids if street.highway == "primary" or street.line.is_closed]
    minor = [street for street in grids if street not in streets]
    minor += [Street("unclassified" if lane.length > 350 else "residential", lane) for lane in lanes]
    country_roads = roads(rng, towns, units, ground, shapely.union_all(cores))
    excluded = [(road, Polygon() if road.highway == "trunk" else inner_city) for road in country_roads]
    excluded += [(street, parkland if street.highway == "secondary" else parks_and_water) for street in minor]
    for street, area in excluded:
        streets += [street._replace(line=piece) for piece in shapely.get_parts(street.line.difference(area))]
    streets += tracks(rng, units, ground)
    return streets + [way for park in parks if park.area > 1e5 for way in park_ways(park)]


def grid(rng: Rng, area: Polygon, block_m: float, blocks: int, main: str) -> list[Street]:
    """The grid of streets of a town centre.

    Main streets are `blocks` blocks apart; each field between them is divided by streets of its own.
    """
    centre, rotation = np.array(area.centroid.coords[0]).round(2), land.rotation(rng.uniform(-0.35, 0.35))
    west, south, east, north = area.bounds
    reach, step = float(np.hypot(east - west, north - south)) / 2 + 1_500, block_m * blocks
    even = np.arange(-reach, reach, step)
    xs, ys = even + rng.uniform(-0.14, 0.14, (2, len(even))) * step
    lines = [
        (main if i % 2 else "tertiary", at, -reach, reach, upright)
        for stops, upright in ((xs, True), (ys, False))
        for i, at in enumerate(stops)
    ]
    for x, y in product(pairwise(xs), pairwise(ys)):
        for (low, high), (start, end), upright in ((x, y, True), (y, x, False)):
            parts = max(2, round((high - low) / block_m))
            for k in range(1, parts):
                at = low + (high - low) * (k + rng.uniform(-0.16, 0.16)) / parts
                chance, a, b = rng.uniform(), start - OVERSHOOT_M, end + OVERSHOOT_M
                if chance < 0.16:  # some streets are dead ends
                    a, b = (a, (a + b) / 2) if chance < 0.08 else ((a + b) / 2, b)
                lines.append(("residential", at, a, b, upright))
    streets = []
    for (highway, at, a, b, upright), one_way in zip(lines, rng.uniform(size=len(lines)) < 0.14, strict=True):
        ends = np.array([(at, a), (at, b)] if upright else [(a, at), (b, at)])
        line = LineString((centre + ends @ rotation).round(2)).intersection(area.buffer(OVERSHOOT_M))
        oneway = bool(one_way) and highway == "residential" and block_m > 140
        streets += [Street(highway, piece, oneway) for piece in shapely.get_parts(line)]
    return streets


def city_streets(rng: Rng, city: Polygon, towns: list[Town], ground: Land) -> list[Street]:
    """The city: three grids, each turned by an angle of its own, bridges and roads along the river, and a ring road."""
    river, reach = ground.river, city.buffer(OVERSHOOT_M)
    band = river.buffer(land.BANK_M)
    streets = [Street("secondary", LineString(city.exterior))]
    streets += [Street("tertiary", bank) for bank in shapely.get_parts(band.exterior.intersection(reach))]
    north, south = sorted(split(city, river).geoms, key=lambda part: -part.centroid.y)
    east, west = towns[0].centre, towns[1].centre
    across = (east - west) @ land.rotation(np.pi / 2) / land.metres(east, west) * 9_000
    border = LineString([(east + west) / 2 - across, (east + west) / 2 + across])
    streets.append(Street("primary", border.intersection(reach)))
    for part in [*split(north, border).geoms, south]:
        streets += grid(rng, part.difference(band), 178, 4, "secondary")
    channel = river.intersection(city)
    for at in np.arange(260, channel.length - 200, 720):
        near, far = (np.array(channel.interpolate(at + d).coords[0]) for d in (-5, 5))
        normal = np.array([near[1] - far[1], far[0] - near[0]]) / 10 * (land.BANK_M + OVERSHOOT_M)
        streets.append(Street("secondary", LineString(((near + far) / 2 + [[1], [-1]] * normal).round(2))))
    return streets


def roads(rng: Rng, towns: list[Town], units: list[Unit], ground: Land, cores: BaseGeometry) -> list[Street]:
    """Roads between villages; those on the shortest path from one town to another are main roads."""
    sites = np.array([unit.site for unit in units])
    pairs, needed = land.neighbours(sites, relative=False), set(land.neighbours(sites, relative=True))
    ends = np.array(pairs)
    metres = land.metres(sites[ends[:, 0]], sites[ends[:, 1]])
    both_in_core = shapely.contains_xy(cores, sites)[ends].all(axis=1)
    steep = ground.hilliness(sites[ends].mean(axis=1)) > 0.4
    ranks = np.full(len(pairs), RANKS["unclassified"])
    starts = [index for index, unit in enumerate(units) if unit.number == 1]
    trips = [
        (starts[i], starts[j], "primary" if towns[i].in_city else "secondary", 1.0)
        for i, j in land.neighbours(np.array([town.centre for town in towns]), relative=False)
    ]
    east, west = (int(np.argmax((sites @ direction).round(2))) for direction in ([1.0, 0.35], [-1.0, -0.6]))
    trips.append((west, east, "trunk", 20.0))  # the factor leads the trunk road around the centres
    for start, end, highway, core_factor in trips:
        cost = metres * np.where(both_in_core, core_factor, 1) * np.where(ranks < RANKS["tertiary"], 0.75, 1)
        graph = coo_array((cost.round(3), ends.T), shape=(len(sites),) * 2)
        previous = dijkstra(graph, directed=False, indices=start, return_predecessors=True)[1].tolist()
        while end != start:
            step = pairs.index((min(end, previous[end]), max(end, previous[end])))
            ranks[step] = min(ranks[step], RANKS[highway])
            end = previous[end]
    streets = []
    for pair, rank, length, in_core, hilly in zip(pairs, ranks, metres, both_in_core, steep, strict=True):
        main, spare = rank < RANKS["tertiary"], rank >= RANKS["tertiary"] and pair not in needed
        if not in_core and not (spare and (hilly or length > 2_600 or rng.uniform() < 0.3)):
            highway = CLASSES[rank] if main else "unclassified" if spare or hilly else "tertiary"
            streets.append(Street(highway, LineString(sites[list(pair)])))
    return streets


def tracks(rng: Rng, units: list[Unit], ground: Land) -> list[Street]:
    """Tracks that lead from villages into the hills, away from the town; the last part is a path."""
    streets, inland = [], ground.edge.buffer(-150)
    hilliness_of_units = ground.hilliness(np.array([unit.site for unit in units]))
    for unit, hilliness in zip(units, hilliness_of_units, strict=True):
        if unit.urban or hilliness < 0.25 or rng.uniform() < 0.45:
            continue
        east, north = unit.site - unit.town.centre
        heading = np.arctan2(north, east) + rng.normal(0, 0.8)
        headings = heading + rng.normal(0, 0.35, rng.integers(7, 16)).cumsum()
        line = land.smooth(unit.site + np.vstack([[0, 0], (130 * land.unit_vectors(headings)).cumsum(axis=0)]), 2)
        line = line[: int(np.argmin(np.append(shapely.contains_xy(inland, line), False)))]
        if len(line) > 20:
            streets += [Street("track", LineString(line[:-12])), Street("path", LineString(line[-13:]))]
    return streets


def park_ways(park: Polygon) -> list[Street]:
    """The ways of a comprehensive park: a street around it, a footway around its pond, and footways between the two."""
    around, centre = park.buffer(9).exterior, np.array(park.centroid.coords[0])
    outer = np.array(around.coords)
    inner = (centre + 0.45 * (outer - centre)).round(2)
    gates = range(0, len(outer) - 1, max(1, (len(outer) - 1) // 6))
    return [
        Street("residential", LineString(outer)),
        Street("footway", LineString(inner)),
        *(Street("footway", LineString([inner[gate], outer[gate]])) for gate in gates),
    ]


def motorway(streets: list[Street], ground: Land) -> tuple[list[Street], list[Street]]:
    """The motorway with its ramps, and the other streets, cut where a ramp meets them.

    The motorway is on a bridge all along: only its ramps, each of them one-way, touch other streets.
    """
    middle: LineString = LineString(land.smooth(land.on_plane(MOTORWAY), 4)).intersection(ground.edge)
    crossings = [
        (round(middle.project(point), 2), index)
        for index, street in enumerate(streets)
        if RANKS[street.highway] <= RANKS["tertiary"] and (point := street.line.intersection(middle))
        if min(at := street.line.project(point), street.line.length - at) > 230
    ]
    chosen: list[tuple[float, int]] = []
    for at, index in sorted(crossings):
        if all(at - other > 4_500 for other, _ in chosen):
            chosen.append((at, index))
    cuts: dict[int, list[float]] = {index: [] for _, index in chosen}
    carriageways, ramps = [], []
    for lane in (middle.offset_curve(-13), middle.offset_curve(13).reverse()):  # traffic drives on the right
        stops, shoulder = [], lane.offset_curve(-45)
        for at, index in chosen:
            road, crossing = streets[index].line, middle.interpolate(at)
            crossing_at, lane_at = road.project(crossing), lane.project(crossing)
            end_at = min((crossing_at - 210, crossing_at + 210), key=lambda at: lane.distance(road.interpolate(at)))
            cuts[index].append(end_at)
            ramp_end = road.interpolate(end_at)
            for offset in (-480.0, 480.0):
                stops.append(lane_at + offset)
                top, beside = lane.interpolate(lane_at + offset), lane.interpolate(lane_at + offset * 0.45)
                bend = shoulder.interpolate(shoulder.project(beside))
                way = land.smooth(shapely.get_coordinates([top, bend, ramp_end]), 3)
                ramps.append(Street("motorway_link", LineString(way if offset < 0 else way[::-1]), True))
        carriageways += [Street("motorway", part, True) for part in land.cut(lane, stops)]
    cut_streets = [
        street._replace(line=part)
        for index, street in enumerate(streets)
        for part in (land.cut(street.line, cuts[index]) if index in cuts else [street.line])
    ]
    return carriageways + ramps, cut_streets
