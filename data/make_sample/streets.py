"""Streets as they are drawn on the flat plane: centres' grids, roads, lanes, tracks, park ways and the motorway."""

from itertools import pairwise, product
from typing import Any, NamedTuple

import numpy as np
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra
from shapely import LineString, Polygon
from shapely.ops import split

import land
from land import Land, Rng
from places import Unit

OVERSHOOT_M = 4.0  # lines run this far past the line they should meet, so that the two cross
MOTORWAY = [(119.89, 28.985), (119.96, 28.985), (120.015, 28.95), (120.07, 28.94), (120.12, 28.962),
            (120.19, 28.952), (120.26, 28.925), (120.33, 28.95)]  # fmt: skip
CLASSES = ("motorway", "motorway_link", "trunk", "primary", "secondary", "tertiary",
           "unclassified", "residential", "track", "path", "footway")  # fmt: skip
RANKS = {highway: rank for rank, highway in enumerate(CLASSES)}  # the lower one names what two lines share


class Street(NamedTuple):
    highway: str
    line: LineString
    oneway: bool = False


def surface(
    rng: Rng, county: list[Any], country: list[Unit], ground: Land,
    cores: list[Polygon], lanes: list[LineString], parks: list[Polygon],
) -> list[Street]:  # fmt: skip
    """All streets but the motorway."""
    parkland = shapely.union_all([park.buffer(4) for park in parks])
    barrier = parkland.union(ground.river.buffer(land.WATER_M))
    inner_city = cores[0].buffer(-OVERSHOOT_M)  # there the city's own grid takes over from the country roads
    grids = city_streets(rng, cores[0], county, ground)
    grids += [street for core in cores[1:] for street in grid(rng, core, 132, 3, "secondary")]
    found = [street for street in grids if street.highway == "primary" or street.line.is_closed]
    minor = [street for street in grids if street not in found]
    minor += [Street("unclassified" if lane.length > 350 else "residential", lane) for lane in lanes]
    country_roads = roads(rng, county, country, ground, shapely.union_all(cores))
    kept_out = [(road, Polygon() if road.highway == "trunk" else inner_city) for road in country_roads]
    kept_out += [(street, parkland if street.highway == "secondary" else barrier) for street in minor]
    for street, area in kept_out:
        found += [street._replace(line=piece) for piece in shapely.get_parts(street.line.difference(area))]
    found += tracks(rng, country, ground)
    return found + [way for park in parks if park.area > 1e5 for way in park_ways(park)]


def grid(rng: Rng, area: Polygon, block_m: float, blocks: int, main: str) -> list[Street]:
    """Main streets some `blocks` blocks apart; each field between them is divided in its own way."""
    centre, spin = np.array(area.centroid.coords[0]).round(2), land.spin(rng.uniform(-0.35, 0.35))
    west, south, east, north = area.bounds
    reach, step = float(np.hypot(east - west, north - south)) / 2 + 1_500, block_m * blocks
    even = np.arange(-reach, reach, step)
    xs, ys = even + rng.uniform(-0.14, 0.14, (2, len(even))) * step
    drawn = [
        (main if i % 2 else "tertiary", at, -reach, reach, upright)
        for stops, upright in ((xs, True), (ys, False))
        for i, at in enumerate(stops)
    ]
    for x, y in product(pairwise(xs), pairwise(ys)):
        for (low, high), (start, end), upright in ((x, y, True), (y, x, False)):
            parts = max(2, round((high - low) / block_m))
            for k in range(1, parts):
                at = low + (high - low) * (k + rng.uniform(-0.16, 0.16)) / parts
                fate, a, b = rng.uniform(), start - OVERSHOOT_M, end + OVERSHOOT_M
                if fate < 0.16:  # a street that ends inside the field
                    a, b = (a, (a + b) / 2) if fate < 0.08 else ((a + b) / 2, b)
                drawn.append(("residential", at, a, b, upright))
    found = []
    for (highway, at, a, b, upright), single in zip(drawn, rng.uniform(size=len(drawn)) < 0.14, strict=True):
        ends = np.array([(at, a), (at, b)] if upright else [(a, at), (b, at)])
        line = LineString((centre + ends @ spin).round(2)).intersection(area.buffer(OVERSHOOT_M))
        oneway = bool(single) and highway == "residential" and block_m > 140
        found += [Street(highway, piece, oneway) for piece in shapely.get_parts(line)]
    return found


def city_streets(rng: Rng, city: Polygon, county: list[Any], ground: Land) -> list[Street]:
    """Three grids with a turn of their own, bank roads and bridges between them, a ring road around."""
    river, reach = ground.river, city.buffer(OVERSHOOT_M)
    band = river.buffer(land.BANK_M)
    found = [Street("secondary", LineString(city.exterior))]
    found += [Street("tertiary", bank) for bank in shapely.get_parts(band.exterior.intersection(reach))]
    north, south = sorted(split(city, river).geoms, key=lambda part: -part.centroid.y)
    east, west = county[0].centre, county[1].centre
    across = (east - west) @ land.spin(np.pi / 2) / land.metres(east, west) * 9_000
    border = LineString([(east + west) / 2 - across, (east + west) / 2 + across])
    found.append(Street("primary", border.intersection(reach)))
    for part in [*split(north, border).geoms, south]:
        found += grid(rng, part.difference(band), 178, 4, "secondary")
    channel = river.intersection(city)
    for at in np.arange(260, channel.length - 200, 720):
        near, far = (np.array(channel.interpolate(at + d).coords[0]) for d in (-5, 5))
        normal = np.array([near[1] - far[1], far[0] - near[0]]) / 10 * (land.BANK_M + OVERSHOOT_M)
        found.append(Street("secondary", LineString(((near + far) / 2 + [[1], [-1]] * normal).round(2))))
    return found


def roads(rng: Rng, county: list[Any], country: list[Unit], ground: Land, built: Any) -> list[Street]:
    """Roads from village to village; those that carry the way from town to town are main roads."""
    places = np.array([unit.site for unit in country])
    pairs, needed = land.neighbours(places, lune=False), set(land.neighbours(places, lune=True))
    ends = np.array(pairs)
    metres = land.metres(places[ends[:, 0]], places[ends[:, 1]])
    both_built = shapely.contains_xy(built, places)[ends].all(axis=1)
    steep = ground.hill(places[ends].mean(axis=1)) > 0.4
    ranks = np.full(len(pairs), RANKS["unclassified"])
    starts = [index for index, unit in enumerate(country) if unit.number == 1]
    trips = [
        (starts[i], starts[j], "primary" if county[i].in_city else "secondary", 1.0)
        for i, j in land.neighbours(np.array([town.centre for town in county]), lune=False)
    ]
    east, west = (int(np.argmax((places @ way).round(2))) for way in ([1.0, 0.35], [-1.0, -0.6]))
    trips.append((west, east, "trunk", 20.0))  # the trunk road goes around the centres
    for start, end, highway, through in trips:
        cost = metres * np.where(both_built, through, 1) * np.where(ranks < RANKS["tertiary"], 0.75, 1)
        graph = coo_array((cost.round(3), ends.T), shape=(len(places),) * 2)
        before = dijkstra(graph, directed=False, indices=start, return_predecessors=True)[1].tolist()
        while end != start:
            step = pairs.index((min(end, before[end]), max(end, before[end])))
            ranks[step] = min(ranks[step], RANKS[highway])
            end = before[end]
    found = []
    for pair, rank, length, core, hilly in zip(pairs, ranks, metres, both_built, steep, strict=True):
        main, spare = rank < RANKS["tertiary"], rank >= RANKS["tertiary"] and pair not in needed
        if not core and not (spare and (hilly or length > 2_600 or rng.uniform() < 0.3)):
            highway = CLASSES[rank] if main else "unclassified" if spare or hilly else "tertiary"
            found.append(Street(highway, LineString(places[list(pair)])))
    return found


def tracks(rng: Rng, country: list[Unit], ground: Land) -> list[Street]:
    """Ways up the hills behind a village, away from its town, the last part a path."""
    found, inland = [], ground.edge.buffer(-150)
    for unit, hill in zip(country, ground.hill(np.array([unit.site for unit in country])), strict=True):
        if unit.urban or hill < 0.25 or rng.uniform() < 0.45:
            continue
        east, north = unit.site - unit.town.centre
        heading = np.arctan2(north, east) + rng.normal(0, 0.8)
        headings = heading + rng.normal(0, 0.35, rng.integers(7, 16)).cumsum()
        line = land.smooth(unit.site + np.vstack([[0, 0], (130 * land.rays(headings)).cumsum(axis=0)]), 2)
        line = line[: int(np.argmin(np.append(shapely.contains_xy(inland, line), False)))]
        if len(line) > 20:
            found += [Street("track", LineString(line[:-12])), Street("path", LineString(line[-13:]))]
    return found


def park_ways(park: Polygon) -> list[Street]:
    """A street around a great park, a footway round its pond, and footways from the one to the other."""
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
    """The motorway with its ramps, and the streets cut where a ramp meets them.

    It bridges everything: only its ramps, each one-way, touch the other streets.
    """
    middle: Any = LineString(land.smooth(land.on_plane(MOTORWAY), 4)).intersection(ground.edge)
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
    lanes, ramps = [], []
    for lane in (middle.offset_curve(-13), middle.offset_curve(13).reverse()):  # traffic keeps to the right
        stops, shoulder = [], lane.offset_curve(-45)
        for at, index in chosen:
            road, crossing = streets[index].line, middle.interpolate(at)
            meet, here = road.project(crossing), lane.project(crossing)
            foot_at = min((meet - 210, meet + 210), key=lambda at: lane.distance(road.interpolate(at)))
            cuts[index].append(foot_at)
            foot = road.interpolate(foot_at)
            for leave in (-480.0, 480.0):
                stops.append(here + leave)
                top, beside = lane.interpolate(here + leave), lane.interpolate(here + leave * 0.45)
                bend = shoulder.interpolate(shoulder.project(beside))
                way = land.smooth(shapely.get_coordinates([top, bend, foot]), 3)
                ramps.append(Street("motorway_link", LineString(way if leave < 0 else way[::-1]), True))
        lanes += [Street("motorway", part, True) for part in land.cut(lane, stops)]
    kept = [
        street._replace(line=part)
        for index, street in enumerate(streets)
        for part in (land.cut(street.line, cuts[index]) if index in cuts else [street.line])
    ]
    return lanes + ramps, kept
