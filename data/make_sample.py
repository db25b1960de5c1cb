"""Write the shipped study of Yongkang (永康): a county modelled around real figures.

    python data/make_sample.py [OUT_FOLDER]

Real are the towns' names, codes and numbers of villages, the outline (to 2 km) and the census total; see
facts/README.md. Every place, street and facility is modelled, says `schematic`, and carries 示例 in its name.

Everything is first drawn on a *flat* plane (metres around the county's middle) with straight lines. `Land`
then bends that plane smoothly, which gives borders and roads their curves. A bend without folds keeps what
touches touching and what is apart apart, so neighbours stay exact neighbours and no new crossing arises.
"""

import argparse
import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import geopandas
import numpy as np
import numpy.typing as npt
import pyproj
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components, dijkstra
from shapely import LineString, Point, Polygon
from shapely.geometry import mapping
from shapely.ops import split, substring

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Rng = np.random.Generator

SEED = 330784
PEOPLE = 964_203  # census of 2020
URBAN_SHARE = 0.68  # the bulletin of 2024 says 69.7 % of all residents
CITY_RADIUS_M = 3_600.0
BANK_M, WATER_M = 80.0, 55.0  # from the river's middle to its bank roads, and to dry land
OVERSHOOT_M = 4.0  # lines run this far past the line they should meet, so that the two cross
RIVER = [(120.21, 28.93), (120.13, 28.908), (120.08, 28.893), (120.05, 28.884), (120.03, 28.8885),
         (120.0, 28.892), (119.975, 28.884), (119.93, 28.87)]  # fmt: skip
MOTORWAY = [(119.89, 28.985), (119.96, 28.985), (120.015, 28.95), (120.07, 28.94), (120.12, 28.962),
            (120.19, 28.952), (120.26, 28.925), (120.33, 28.95)]  # fmt: skip
FLAT = pyproj.Proj(proj="tmerc", lon_0=120.1, lat_0=28.92, ellps="WGS84")
GEOD = pyproj.Geod(ellps="WGS84")


class Mode(NamedTuple):
    """Who may use a class of street; the table's order is also its rank where two lines coincide."""

    walk: bool
    cycle: bool
    drive: bool
    maxspeed_kph: float = float("nan")


MODES = {
    "motorway": Mode(False, False, True, 100), "motorway_link": Mode(False, False, True, 60),
    "trunk": Mode(True, True, True, 80), "primary": Mode(True, True, True, 60),
    "secondary": Mode(True, True, True), "tertiary": Mode(True, True, True),
    "unclassified": Mode(True, True, True), "residential": Mode(True, True, True),
    "track": Mode(True, True, False), "path": Mode(True, False, False), "footway": Mode(True, False, False),
}  # fmt: skip
RANKS = {highway: rank for rank, highway in enumerate(MODES)}


class Street(NamedTuple):
    highway: str
    line: LineString
    oneway: bool = False


class Town(NamedTuple):
    code: str
    name: str
    communities: int
    villages: int
    urban: int
    census: float  # people of 2000 per village-level unit: how full the countryside is
    centre: Floats
    core_m: float  # how far the built-up centre reaches

    @property
    def in_city(self) -> bool:
        return self.name.endswith("街道")


class Cluster(NamedTuple):
    place: Floats
    weight: float


@dataclass(eq=False)
class Unit:
    code: str
    name: str
    level: str
    town: Town
    urban: bool
    site: Floats
    cell: Any
    people: int = 0
    clusters: list[Cluster] = field(default_factory=list)
    hamlets: list[Floats] = field(default_factory=list)


@dataclass(frozen=True)
class Land:
    """The plane's bend, and where the hills are. Both are sums of a few sine waves, hence smooth."""

    waves: Floats  # one row a wave: its direction times its wave number
    pushes: Floats  # how many metres each wave moves a place east and north
    phases: Floats
    centres: Floats

    def bent(self, flat: Floats) -> Floats:
        # The city lies in a calm basin, where streets run nearly straight.
        away = np.clip(np.hypot(*(flat - self.centres[0]).T) / 7_000, 0, 1)
        calm = 0.25 + 0.75 * away**2 * (3 - 2 * away)
        moved: Floats = flat + calm[:, None] * (np.sin(flat @ self.waves.T + self.phases) @ self.pushes)
        return moved

    def hill(self, flat: Floats) -> Floats:
        """0 in the basins around the towns … 1 up in the hills."""
        basin = np.min(np.hypot(*(flat[:, None] - self.centres[None]).transpose(2, 0, 1)), axis=1)
        noise = np.sin(flat @ (self.waves[2:6] * 0.6).T + self.phases[2:6]).sum(axis=1)
        height: Floats = np.clip((basin - 1_800) / 4_200 + 0.18 * noise, 0, 1).round(6)
        return height

    def lonlat(self, shapes: Any, piece_m: float = 60.0) -> Any:
        """Bent shapes in degrees, rounded before anything else is derived from them."""
        return shapely.transform(
            shapely.segmentize(np.asarray(shapes), piece_m),
            lambda flat: np.stack(FLAT(*self.bent(flat).T, inverse=True), axis=1).round(6),  # type: ignore[misc]
        )


def flat_places(lonlat: Sequence[tuple[float, float]]) -> Floats:
    return np.stack(FLAT(*np.array(lonlat).T), axis=1).round(2)


def land(rng: Rng, centres: Floats) -> Land:
    lengths = np.repeat([9_000, 4_600, 2_100, 950, 480], 2)
    angles = rng.uniform(0, 2 * np.pi, len(lengths))
    sizes = np.repeat([330.0, 170.0, 75.0, 28.0, 9.0], 2)  # much steeper, and the plane would fold
    waves = (np.stack([np.cos(angles), np.sin(angles)], axis=1) * 2 * np.pi / lengths[:, None]).round(9)
    turns = rng.uniform(0, 2 * np.pi, len(lengths))
    pushes = (np.stack([np.cos(turns), np.sin(turns)], axis=1) * sizes[:, None]).round(3)
    bend = Land(waves, pushes, rng.uniform(0, 2 * np.pi, len(lengths)).round(6), centres)
    flat = centres.copy()
    for _ in range(60):  # the known centres must come out where they are, so look for what bends onto them
        flat = flat + centres - bend.bent(flat)
    return Land(waves, pushes, bend.phases, flat.round(2))


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def towns(table: list[dict[str, str]], centres: Floats) -> list[Town]:
    streets = [row for row in table if row["kind"] == "街道"]
    jointly = 185_055 / sum(int(row["communities"]) + int(row["villages"]) for row in streets)
    found = []
    for row, centre in zip(table, centres, strict=True):
        communities, villages = int(row["communities"]), int(row["villages"])
        urban = sum(int(row[f"class_{kind}"]) for kind in (111, 112, 121, 122))
        census = row["census_2000_population"]
        density = float(census) / (communities + villages) if census else jointly
        core = CITY_RADIUS_M if row["kind"] == "街道" else 300 + 130 * urban**0.5
        found.append(Town(row["code"], row["name"], communities, villages, urban, density, centre, core))
    return found


def smooth(line: Floats, times: int, ring: bool = False) -> Floats:
    """Chaikin's corner cutting."""
    for _ in range(times):
        after = np.roll(line, -1, axis=0) if ring else line[1:]
        before = line if ring else line[:-1]
        cut = np.stack([0.75 * before + 0.25 * after, 0.25 * before + 0.75 * after], axis=1).reshape(-1, 2)
        line = cut if ring else np.vstack([line[:1], cut, line[-1:]])
    return line.round(2)


def blob(rng: Rng, centre: Floats, radius: float, corners: int, rough: float) -> Polygon:
    angle = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    phase = rng.uniform(0, 2 * np.pi, 3)
    waves = np.sin(2 * angle + phase[0]) + np.sin(3 * angle + phase[1]) + np.sin(5 * angle + phase[2]) / 2
    rays = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return Polygon((centre + (radius * (1 + rough * waves))[:, None] * rays).round(2))


def neighbours(places: Floats, lune: bool) -> list[tuple[int, int]]:
    """Pairs with no third place between them: the Gabriel graph, or (`lune`) relative neighbours.

    Both are planar and hang together, as do the roads between villages.
    """
    square = ((places[:, None] - places[None]) ** 2).sum(axis=2).round(3)
    found = []
    for i, near in enumerate(square):
        detour = np.maximum(near, square) if lune else near + square
        free = detour.min(axis=1) >= near
        found += [(i, int(j)) for j in np.flatnonzero(free) if j > i]
    return found


def apportion(total: int, weights: Floats) -> Ints:
    """Whole numbers in proportion to the weights that add up to the total exactly (largest remainders)."""
    exact = (weights / weights.sum() * total).round(9)
    whole: Ints = np.floor(exact).astype(np.int64)
    whole[np.argsort(whole - exact, kind="stable")[: total - whole.sum()]] += 1
    return whole


# --- units ----------------------------------------------------------------------------------------


def sites(rng: Rng, county: list[Town], ground: Land, edge: Polygon) -> list[Floats]:
    """The villages' places, town by town: close in the centre, wide apart outside, widest in the hills."""
    west, south, east, north = edge.bounds
    pool = rng.uniform((west, south), (east, north), (60_000, 2)).round(2)
    pool = pool[shapely.contains_xy(edge.buffer(-300), pool)]
    apart = np.hypot(*(pool[:, None] - np.array([town.centre for town in county])[None]).transpose(2, 0, 1))
    pool, apart = (part[np.diff(np.partition(apart, 1)[:, :2]).ravel() > 300] for part in (pool, apart))
    owner = np.argmin(apart.round(2), axis=1)  # nobody settles right on a border, or towns would fall apart
    hill = ground.hill(pool)
    downtown = np.mean([town.centre for town in county if town.in_city], axis=0)
    found = []
    for number, town in enumerate(county):
        own = pool[owner == number]
        heart = downtown if town.in_city else town.centre
        beyond = np.hypot(*(own - heart).T) / town.core_m - 1
        spacing = np.clip(1 + 0.9 * beyond, 1, 3.2) * (1 + 0.7 * hill[owner == number])
        chosen = [town.centre]
        nearest = np.full(len(own), np.inf)
        for _ in range(town.communities + town.villages - 1):
            nearest = np.minimum(nearest, np.hypot(*(own - chosen[-1]).T))
            # The widest hole would give a lattice; a random share of it looks settled over centuries.
            chosen.append(own[np.argmax((nearest / spacing * rng.uniform(0.6, 1, len(own))).round(9))])
        order = np.argsort(np.hypot(*(np.array(chosen[1:]) - heart).T).round(2), kind="stable")
        found.append(np.vstack([chosen[:1], np.array(chosen[1:])[order]]))
    return found


def units(rng: Rng, county: list[Town], ground: Land, edge: Polygon) -> list[Unit]:
    """All village-level units with their cells; communities, then urban villages, lie nearest the centre."""
    places = sites(rng, county, ground, edge)
    cells = shapely.voronoi_polygons(
        shapely.MultiPoint(np.vstack(places)), extend_to=edge.buffer(5_000), ordered=True
    ).geoms
    found: list[Unit] = []
    for town, own in zip(county, places, strict=True):
        for number, site in enumerate(own, start=1):
            level = "community" if number <= town.communities else "village"
            # Never a real village: its last three digits would be figures.
            code = f"{town.code[:9]}S{number:02d}"
            name = f"{town.name}示例{'社区' if level == 'community' else '村'}{number:02d}"
            cell = shapely.intersection(cells[len(found)], edge)
            found.append(Unit(code, name, level, town, number <= town.urban, site, cell))
    weight = np.array([
        rng.lognormal(0, 0.3) * ((1.25 if unit.town.in_city else 1.0) if unit.urban else unit.town.census)
        for unit in found
    ])  # fmt: skip
    urban = np.array([unit.urban for unit in found])
    for side, share in ((urban, URBAN_SHARE), (~urban, 1 - URBAN_SHARE)):
        people = apportion(round(PEOPLE * share), weight[side])
        for index, number in zip(np.flatnonzero(side), people, strict=True):
            found[index].people = int(number)
    return found


def inside(rng: Rng, area: Any, centre: Floats, low: float, high: float) -> Floats | None:
    """A random place in the area, `low` to `high` metres from the centre; None if forty throws miss."""
    for _ in range(40):
        angle, distance = rng.uniform(0, 2 * np.pi), high * (rng.uniform((low / high) ** 2, 1)) ** 0.5
        place: Floats = (centre + distance * np.array([np.cos(angle), np.sin(angle)])).round(2)
        if shapely.contains_xy(area, *place):
            return place
    return None


def settle(rng: Rng, unit: Unit, built: Any, parks: Any) -> list[Street]:
    """Give a unit its clusters of people, and a village its lanes (streets of the centres come as grids)."""
    room = unit.cell.buffer(-40).difference(parks)
    count = int(np.clip(round(2.6 + unit.people / 900 + rng.uniform(-0.5, 0.5)), 3, 7))
    if shapely.contains_xy(built, *unit.site):
        homes = room.intersection(built)
        thrown = [inside(rng, homes, unit.site, 0, 150 + 90 * step) for step in range(count + 3)]
        places = [place for place in thrown if place is not None][:count]
        unit.clusters = [Cluster(place, rng.uniform(0.6, 1.4)) for place in places]
        return []
    columns = int(np.clip(round((unit.people / 130) ** 0.5), 3, 6))
    across, up = np.meshgrid(np.arange(columns), np.arange(columns - int(rng.integers(2))))
    lattice = np.stack([across.ravel(), up.ravel()], axis=1) - (columns - 1) // 2
    turn = rng.uniform(0, np.pi)
    spin = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    web = unit.site + rng.uniform(65, 95) * lattice @ spin + rng.normal(0, 11, lattice.shape)
    web[(lattice == 0).all(axis=1)] = unit.site  # where the roads from the neighbours arrive
    web = web[shapely.contains_xy(room.buffer(30), web)]
    away = 1 + int(not unit.urban) * int(rng.integers(0, count - 1))
    for _ in range(away - 1):
        hamlet = inside(rng, room, unit.site, 500, 1_500)
        if hamlet is not None and all(np.hypot(*(hamlet - other).T) > 300 for other in unit.hamlets):
            unit.hamlets.append(hamlet)
    spurs = [hamlet + rng.normal(0, 45, (4, 2)) for hamlet in unit.hamlets]
    core = web[rng.permutation(len(web))[: count - len(unit.hamlets)]] + rng.normal(0, 10, 2)
    core = core[shapely.contains_xy(room, core)].round(2)
    unit.clusters = [Cluster(place, rng.uniform(0.7, 1.3)) for place in core]
    unit.clusters += [Cluster(hamlet, rng.uniform(0.15, 0.4)) for hamlet in unit.hamlets]
    while len(unit.clusters) < 3:
        place = inside(rng, unit.cell.buffer(-15), unit.site, 0, 200)
        unit.clusters += [Cluster(place, 0.5)] if place is not None else []
    web = np.vstack([web, *[hamlet[None] for hamlet in unit.hamlets], *spurs]).round(2)
    lanes = shapely.line_merge(shapely.MultiLineString([web[[i, j]] for i, j in neighbours(web, lune=True)]))
    return [Street("unclassified" if lane.length > 350 else "residential", lane) for lane in pieces(lanes)]


# --- streets --------------------------------------------------------------------------------------


def grid(rng: Rng, area: Polygon, block_m: float, blocks: int, main: str) -> list[Street]:
    """Main streets some `blocks` blocks apart; each field between them is divided in its own way."""
    centre, turn = np.array(area.centroid.coords[0]).round(2), rng.uniform(-0.35, 0.35)
    spin = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    reach = float(np.hypot(area.bounds[2] - area.bounds[0], area.bounds[3] - area.bounds[1])) / 2 + 1_500
    step = block_m * blocks
    xs, ys = (np.arange(-reach, reach, step) + rng.uniform(-0.14, 0.14, int(2 * reach // step) + 1) * step
              for _ in range(2))  # fmt: skip
    drawn: list[tuple[str, float, float, float, float]] = []
    drawn += [(main if i % 2 else "tertiary", x, -reach, x, reach) for i, x in enumerate(xs)]
    drawn += [(main if i % 2 else "tertiary", -reach, y, reach, y) for i, y in enumerate(ys)]
    for (x0, x1), (y0, y1) in ((x, y) for x in pairwise(xs) for y in pairwise(ys)):
        for low, high, start, end, upright in ((x0, x1, y0, y1, True), (y0, y1, x0, x1, False)):
            parts = max(2, round((high - low) / block_m))
            for k in range(1, parts):
                at = low + (high - low) * (k + rng.uniform(-0.16, 0.16)) / parts
                fate, a, b = rng.uniform(), start - OVERSHOOT_M, end + OVERSHOOT_M
                if fate < 0.16:  # a street that ends inside the field
                    a, b = (a, (a + b) / 2) if fate < 0.08 else ((a + b) / 2, b)
                drawn.append(("residential", at, a, at, b) if upright else ("residential", a, at, b, at))
    lines = [(highway, LineString((centre + np.array([(x, y), (u, v)]) @ spin).round(2)))
             for highway, x, y, u, v in drawn]  # fmt: skip
    oneway = rng.uniform(size=len(lines)) < 0.14
    return [
        Street(highway, piece, bool(single) and highway == "residential" and block_m > 140)
        for (highway, line), single in zip(lines, oneway, strict=True)
        for piece in pieces(line.intersection(area.buffer(OVERSHOOT_M)))
    ]


def pieces(shape: Any) -> list[LineString]:
    return [part for part in shapely.get_parts(shape) if part.geom_type == "LineString" and part.length > 0.5]


def city_streets(rng: Rng, city: Polygon, river: LineString, county: list[Town]) -> list[Street]:
    """Three grids with a turn of their own, bank roads and bridges between them, a ring road around."""
    band = river.buffer(BANK_M)
    found = [Street("secondary", LineString(city.exterior))]
    banks = band.exterior.intersection(city.buffer(OVERSHOOT_M))
    found += [Street("tertiary", bank) for bank in pieces(banks)]
    north, south = sorted(split(city, river).geoms, key=lambda part: -part.centroid.y)
    middle = (county[0].centre + county[1].centre) / 2
    toward = county[0].centre - county[1].centre
    across = np.array([-toward[1], toward[0]]) / np.hypot(*toward) * 9_000
    border = LineString([middle - across, middle + across])
    avenue: Any = border.intersection(city.buffer(OVERSHOOT_M))
    found.append(Street("primary", avenue))
    for part in [*split(north, border).geoms, south]:
        found += grid(rng, part.difference(band), 178, 4, "secondary")
    channel = river.intersection(city)
    for at in np.arange(260, channel.length - 200, 720):
        near, far = (np.array(channel.interpolate(at + d).coords[0]) for d in (-5, 5))
        normal = np.array([near[1] - far[1], far[0] - near[0]]) / 10 * (BANK_M + OVERSHOOT_M)
        found.append(Street("secondary", LineString(((near + far) / 2 + [[1], [-1]] * normal).round(2))))
    return found


def roads(rng: Rng, country: list[Unit], county: list[Town], ground: Land, built: Any) -> list[Street]:
    """Roads from village to village; those that carry the way from town to town are main roads."""
    places = np.array([unit.site for unit in country])
    pairs = neighbours(places, lune=False)
    needed = set(neighbours(places, lune=True))
    ends = np.array(pairs)
    metres = np.hypot(*(places[ends[:, 0]] - places[ends[:, 1]]).T)
    urban = shapely.contains_xy(built, places)
    both_built = urban[ends].all(axis=1)
    steep = ground.hill(places[ends].mean(axis=1)) > 0.4
    ranks = np.full(len(pairs), RANKS["unclassified"])
    starts = [next(i for i, unit in enumerate(country) if unit.town is town) for town in county]
    trips = [
        (starts[i], starts[j], "primary" if county[i].in_city else "secondary", 1.0)
        for i, j in neighbours(np.array([town.centre for town in county]), lune=False)
    ]
    east, west = (int(np.argmax((places @ way).round(2))) for way in ([1.0, 0.35], [-1.0, -0.6]))
    trips.append((west, east, "trunk", 20.0))  # the trunk road goes around the centres
    for start, end, highway, through in trips:
        cost = metres * np.where(both_built, through, 1) * np.where(ranks < RANKS["tertiary"], 0.75, 1)
        graph = coo_array((cost.round(3), (ends[:, 0], ends[:, 1])), shape=(len(places),) * 2).tocsr()
        _, before = dijkstra(graph, directed=False, indices=[start], return_predecessors=True)
        while end != start:
            step = pairs.index((min(end, int(before[0, end])), max(end, int(before[0, end]))))
            ranks[step] = min(ranks[step], RANKS[highway])
            end = int(before[0, end])
    names = list(MODES)
    found = []
    for pair, rank, length, core, hilly in zip(pairs, ranks, metres, both_built, steep, strict=True):
        main = rank < RANKS["tertiary"]
        spare = not main and pair not in needed
        if core or (spare and (hilly or length > 2_600 or rng.uniform() < 0.3)):
            continue
        highway = names[rank] if main else "tertiary" if pair in needed and not hilly else "unclassified"
        found.append(Street(highway, LineString(places[list(pair)])))
    return found


def tracks(rng: Rng, country: list[Unit], ground: Land, edge: Polygon) -> list[Street]:
    """Ways up the hills behind a village, away from its town, the last part a path."""
    found = []
    for unit, hill in zip(country, ground.hill(np.array([unit.site for unit in country])), strict=True):
        if unit.urban or hill < 0.25 or rng.uniform() < 0.45:
            continue
        out = unit.site - unit.town.centre
        heading = np.arctan2(out[1], out[0]) + rng.normal(0, 0.8)
        way = [unit.site]
        for _ in range(int(rng.integers(7, 16))):
            heading += rng.normal(0, 0.35)
            way.append(way[-1] + 130 * np.array([np.cos(heading), np.sin(heading)]))
        line = smooth(np.array(way), 2)
        line = line[: int(np.argmin(np.append(shapely.contains_xy(edge.buffer(-150), line), False)))]
        if len(line) > 20:
            found += [Street("track", LineString(line[:-12])), Street("path", LineString(line[-13:]))]
    return found


def park_ways(park: Polygon) -> list[Street]:
    """A street around a great park, a footway round its pond, and footways from the one to the other."""
    around, centre = park.buffer(9).exterior, np.array(park.centroid.coords[0])
    ring = np.array(around.coords[:-1])
    inner = (centre + 0.45 * (ring - centre)).round(2)
    gates = range(0, len(ring), max(1, len(ring) // 6))
    return [
        Street("residential", LineString(around.coords)),
        Street("footway", LineString([*inner, inner[0]])),
        *(Street("footway", LineString([inner[gate], ring[gate]])) for gate in gates),
    ]


def cut(line: LineString, places: Iterable[float]) -> list[LineString]:
    stops = sorted({0.0, line.length, *(min(max(at, 0.0), line.length) for at in places)})
    return [part for a, b in pairwise(stops) if (part := substring(line, a, b)).geom_type == "LineString"]


def motorway(streets: list[Street], edge: Polygon) -> tuple[list[Street], list[Street]]:
    """The motorway with its ramps, and the streets cut where a ramp meets them.

    It bridges everything: only its ramps, each one-way, touch the other streets.
    """
    middle: Any = LineString(smooth(flat_places(MOTORWAY), 4)).intersection(edge)
    crossings = [
        (round(middle.project(point), 2), index)
        for index, street in enumerate(streets)
        if RANKS[street.highway] <= RANKS["tertiary"] and street.line.length > 600
        for point in shapely.get_parts(street.line.intersection(middle))
        if min(at := street.line.project(point), street.line.length - at) > 230
    ]
    chosen: list[tuple[float, int]] = []
    for at, index in sorted(crossings):
        if 1_500 < at < middle.length - 1_500 and all(at - other > 4_500 for other, _ in chosen):
            chosen.append((at, index))
    ahead: Any = middle.offset_curve(-13)  # traffic keeps to the right
    back: Any = middle.offset_curve(13).reverse()
    ramps, stops, cuts = [], {0: [0.0], 1: [0.0]}, {index: [0.0] for _, index in chosen}
    for at, index in chosen:
        road, crossing = streets[index].line, middle.interpolate(at)
        meet = road.project(crossing)
        for side, lane in enumerate((ahead, back)):
            here = lane.project(crossing)
            away = max((-210.0, 210.0), key=lambda d: _side(lane, here, road.interpolate(meet + d)))
            cuts[index].append(meet + away)
            foot = road.interpolate(meet + away)
            for leave in (-480.0, 480.0):
                stops[side].append(here + leave)
                top, beside = lane.interpolate(here + leave), lane.interpolate(here + leave * 0.45)
                shoulder = lane.offset_curve(-45).interpolate(lane.offset_curve(-45).project(beside))
                inner = smooth(np.array([*top.coords, *shoulder.coords, *foot.coords]), 3)[1:-1]
                way = [*top.coords, *map(tuple, inner), *foot.coords]
                ramps.append(Street("motorway_link", LineString(way if leave < 0 else way[::-1]), True))
    lanes = [
        Street("motorway", part, True) for side, lane in enumerate((ahead, back)) for part in cut(lane, stops[side])
    ]
    kept = [
        Street(street.highway, part, street.oneway)
        for index, street in enumerate(streets)
        for part in (cut(street.line, cuts[index]) if index in cuts else [street.line])
    ]
    return lanes + ramps, kept


def _side(lane: LineString, at: float, place: Point) -> float:
    """How far the place lies to the right of the lane."""
    a, b = (np.array(lane.interpolate(at + d).coords[0]) for d in (-5, 5))
    along, off = b - a, np.array(place.coords[0]) - a
    return round(float(along[1] * off[0] - along[0] * off[1]), 3)


def noded(streets: list[Street], ground: Land) -> list[tuple[str, bool, LineString]]:
    """The streets in degrees, cut where they meet, each piece with its class and one-way pieces turned."""
    sources = ground.lonlat([street.line for street in streets])
    rank = np.array([RANKS[street.highway] for street in streets])
    parts = shapely.get_parts(shapely.union_all(sources, grid_size=1e-6))
    halves = [half for part in parts for half in (cut(part, [part.length / 2]) if part.is_closed else [part])]
    lines = shapely.normalize(shapely.transform(np.array(halves), lambda xy: xy.round(6)))
    middles = shapely.line_interpolate_point(lines, 0.5, normalized=True)
    piece, source = shapely.STRtree(sources).query(middles, predicate="dwithin", distance=3e-6)
    order = np.lexsort((source, rank[source], piece))
    piece, first = np.unique(piece[order], return_index=True)
    found = []
    for line, owner in zip(lines[piece], source[order][first], strict=True):
        street, way = streets[owner], sources[owner]
        start, end = (way.project(Point(line.coords[k])) for k in (0, -1))
        turned = street.oneway and start > end
        found.append((street.highway, street.oneway, line.reverse() if turned else line))
    return found


def street_table(surface: list[Street], bridges: list[Street], ground: Land) -> geopandas.GeoDataFrame:
    """The network as docs/study.md has it: what hangs together, without the stubs of overshooting lines."""
    edges = noded(surface, ground)
    walked = len(edges)
    edges += noded(bridges, ground)
    for _ in range(2):  # once without stubs, once without what then hangs loose
        lines = np.array([line for _, _, line in edges])
        length = np.array([round(GEOD.geometry_length(line), 2) for line in lines])
        ends = np.stack([shapely.get_coordinates(shapely.get_point(lines, k)) for k in (0, -1)], axis=1)
        nodes, number = np.unique(ends.reshape(-1, 2), axis=0, return_inverse=True)
        u, v = number.reshape(-1, 2).T
        ground_level = np.arange(len(edges)) < walked
        stub = (np.bincount(number.ravel())[np.stack([u, v])] == 1).any(axis=0) & (length < 25)
        graph = coo_array((np.ones(walked), (u[:walked], v[:walked])), shape=(len(nodes),) * 2)
        part = connected_components(graph, directed=False)[1]
        main = np.bincount(part[u[:walked]]).argmax()
        keep = (~ground_level | (part[u] == main)) & ~(stub & ground_level) & (u != v) & (length > 0)
        edges = [edge for edge, kept in zip(edges, keep, strict=True) if kept]
        walked = int((keep & ground_level).sum())
        u, v, length, lines = u[keep], v[keep], length[keep], lines[keep]
    number = np.unique(np.stack([u, v]), return_inverse=True)[1].reshape(2, -1)
    mode = [MODES[highway] for highway, _, _ in edges]
    single = np.array([oneway for _, oneway, _ in edges])
    table = geopandas.GeoDataFrame(
        {
            "u": number[0].astype(np.int32), "v": number[1].astype(np.int32), "length_m": length,
            "highway": [highway for highway, _, _ in edges],
            "maxspeed_kph": np.array([m.maxspeed_kph for m in mode], dtype=np.float32),
            "walk": [m.walk for m in mode], "cycle_forward": [m.cycle for m in mode],
            "cycle_backward": [m.cycle for m in mode], "drive_forward": [m.drive for m in mode],
            "drive_backward": np.array([m.drive for m in mode]) & ~single,
        },
        geometry=lines, crs="EPSG:4326",
    )  # fmt: skip
    return table.sort_values(["u", "v", "length_m"], kind="stable", ignore_index=True)


# --- people and facilities ------------------------------------------------------------------------


def hill_hamlets(rng: Rng, country: list[Unit], streets: list[Street], ground: Land) -> None:
    """A few households too far from any street: they must stay in the count, as not reached."""
    tree = shapely.STRtree([shapely.transform(shapely.segmentize(s.line, 60), ground.bent) for s in streets])
    found = 0
    for index in rng.permutation(len(country)):
        unit = country[index]
        if unit.urban or found == 7:
            continue
        west, south, east, north = unit.cell.bounds
        throws = rng.uniform((west, south), (east, north), (200, 2)).round(2)
        throws = throws[shapely.contains_xy(unit.cell.buffer(-60), throws)]
        if not len(throws):
            continue
        points = shapely.points(ground.bent(throws))
        _, metres = tree.query_nearest(points, all_matches=False, return_distance=True)
        if metres.max() > 1_040:
            unit.clusters.append(Cluster(throws[np.argmax(metres.round(2))], -rng.uniform(18, 60)))
            found += 1


def demand(rng: Rng, country: list[Unit], ground: Land) -> list[dict[str, Any]]:
    """One row a cluster. A negative weight is a number of people as it stands: the hill hamlets."""
    table = []
    for unit in country:
        weight = np.array([cluster.weight for cluster in unit.clusters])
        fixed = np.where(weight < 0, -weight, 0).astype(np.int64)
        people = apportion(unit.people - int(fixed.sum()), np.maximum(weight, 0)) + fixed
        places = shapely.get_coordinates(ground.lonlat(shapely.points([c.place for c in unit.clusters])))
        children = rng.binomial(people, 0.034 if unit.urban else 0.031)
        elders = rng.binomial(people, np.where(unit.urban, 0.098, 0.17))
        for (lon, lat), number, young, old in zip(places, people, children, elders, strict=True):
            table.append({
                "lon": f"{lon:.6f}", "lat": f"{lat:.6f}", "population": int(number),
                "children_3_6": int(young),
                "elders_65": int(old), "area_code": unit.code, "urban": int(unit.urban),
            })  # fmt: skip
    return table


class Kind(NamedTuple):
    """What a facility's subtype says of it: labels, hours, capacity and the years it may have opened in."""

    label: str
    label_en: str
    hours: str | None
    capacity: tuple[int, int, int] | None  # lowest, highest, step
    years: tuple[int, int]


DAYTIME = "Mo-Fr 08:00-11:30,13:30-17:00"
KINDS = {
    "hospital": Kind("医院", "hospital", "24/7", (150, 900, 50), (1985, 2012)),
    "community_health_centre": Kind("社区卫生服务中心", "community health centre",
                                    "24/7", (20, 80, 10), (1996, 2018)),
    "community_health_station": Kind("卫生服务站", "community health station",
                                     "Mo-Su 08:00-11:30,13:30-17:30", None, (2002, 2024)),
    "township_health_centre": Kind("卫生院", "township health centre", "24/7", (20, 120, 10), (1985, 2008)),
    "village_clinic": Kind("卫生室", "village clinic", DAYTIME, None, (1988, 2024)),
    "public": Kind("幼儿园", "public kindergarten", "Mo-Fr 07:30-16:30", (180, 420, 30), (1986, 2024)),
    "private": Kind("民办幼儿园", "private kindergarten", "Mo-Fr 07:30-17:00", (90, 270, 30), (1995, 2019)),
    "hall": Kind("文化礼堂", "cultural hall", "Mo-Su 08:30-20:30", (80, 400, 20), (2013, 2024)),
    "pocket": Kind("口袋公园", "pocket park", "24/7", None, (2008, 2024)),
    "community": Kind("社区公园", "community park", "24/7", None, (1998, 2024)),
    "comprehensive": Kind("公园", "comprehensive park", "24/7", None, (1985, 2016)),
}  # fmt: skip
IN_2021 = {"hall": 21, "park": 17, "kindergarten": 4}
CLOSED = {"village_clinic": ("2019-09-30", "2022-06-30"), "private": ("2020-08-31",)}


@dataclass(eq=False)
class Facility:
    category: str
    subtype: str
    unit: Unit
    shape: Any
    chief: bool = False  # the one each town has: 镇中心幼儿园
    opened: str | None = None
    closed: str | None = None


def nearby(rng: Rng, unit: Unit, parks: Any) -> Any:
    """A place for a facility: some doors away from where people of the unit live."""
    room = unit.cell.buffer(-15)
    clusters = [cluster for cluster in unit.clusters if cluster.weight > 0.4]
    home = clusters[int(rng.integers(len(clusters)))].place
    place = inside(rng, room.difference(parks), home, 12, 70)
    return Point(home if place is None else place)


def great_parks(rng: Rng, country: list[Unit], river: LineString) -> list[Facility]:
    """Comprehensive and community parks: laid out before the streets, which they interrupt."""
    urban = [unit for unit in country if unit.urban]
    great = {"东城街道": ("16", 32), "西城街道": ("14", 24), "江南街道": ("11", 28),
             "古山镇": ("06", 15), "芝英镇": ("06", 18), "象珠镇": ("05", 12)}  # fmt: skip
    found = []
    for name, (number, hectares) in great.items():
        site = next(unit.site for unit in urban if unit.town.name == name and unit.code[-2:] == number)
        centre = site + np.array([0.0, 230.0 if name == "西城街道" else -150.0])
        shape = blob(rng, centre, (hectares * 1e4 / np.pi) ** 0.5, 40, 0.05)
        unit = next(unit for unit in country if unit.cell.contains(shape.centroid))
        found.append(Facility("park", "comprehensive", unit, shape))
    for index in rng.permutation(len(urban)):
        unit, taken = urban[index], shapely.union_all([park.shape for park in found])
        room = unit.cell.buffer(-130).difference(taken.buffer(250)).difference(river.buffer(BANK_M + 110))
        place = inside(rng, room, unit.site, 130, 420)
        if place is not None and sum(park.subtype == "community" for park in found) < 38:
            radius = (float(rng.uniform(0.55, 3.1)) * 1e4 / np.pi) ** 0.5
            found.append(Facility("park", "community", unit, blob(rng, place, radius, 20, 0.07)))
    return found


def pocket_parks(rng: Rng, country: list[Unit], parks: Any, count: int) -> list[Facility]:
    urban = [unit for unit in country if unit.urban]
    found = []
    for number, index in enumerate(rng.permutation(len(urban))[:count]):
        unit = urban[index]
        shape = nearby(rng, unit, parks.buffer(90))
        if number % 5 < 3:
            radius = (float(rng.uniform(550, 4_100)) / np.pi) ** 0.5
            shape = blob(rng, np.array(shape.coords[0]), radius, 10, 0.1)
        found.append(Facility("park", "pocket", unit, shape))
    return found


def facilities(rng: Rng, country: list[Unit], parks: list[Facility]) -> list[Facility]:
    chiefs = [unit for unit in country if unit.code.endswith("S01")]
    villages = [unit for unit in country if unit.level == "village"]
    centred = [unit for unit in chiefs if unit.town.in_city]
    communities = [unit for unit in country if unit.level == "community" and unit not in centred]
    blocked = shapely.union_all([park.shape for park in parks])

    def some(among: list[Unit], count: int) -> list[Unit]:
        return [among[index] for index in np.sort(rng.permutation(len(among))[:count])]

    urban = [unit for unit in country if unit.urban]
    hospitals = [unit for unit in country if (unit.town.name, unit.code[-2:]) in
                 {("东城街道", "02"), ("东城街道", "09"), ("西城街道", "04"), ("江南街道", "03"),
                  ("古山镇", "02"), ("芝英镇", "03"), ("象珠镇", "02"), ("龙山镇", "02")}]  # fmt: skip
    second = some([unit for unit in urban if not unit.town.in_city and unit not in chiefs], 12)
    plan: list[tuple[str, str, Sequence[Unit]]] = [
        ("clinic", "hospital", hospitals),
        ("clinic", "community_health_centre", centred),
        ("clinic", "community_health_station", some(communities, 40)),
        ("clinic", "township_health_centre", [unit for unit in chiefs if not unit.town.in_city]),
        ("clinic", "village_clinic", some(villages, 243)),
        ("kindergarten", "public", chiefs),
        ("kindergarten", "public", second + some([unit for unit in urban if unit.town.in_city], 16)),
        ("kindergarten", "private", some(urban, 88) + some([unit for unit in country if not unit.urban], 22)),
        ("cultural_hall", "hall", some(villages, 366)),
    ]
    found = [
        Facility(category, subtype, unit, nearby(rng, unit, blocked), subtype == "public" and among is chiefs)
        for category, subtype, among in plan
        for unit in among
    ]
    return found + parks + pocket_parks(rng, country, blocked, 110 - len(parks))


def opening_dates(rng: Rng, known: list[Facility]) -> None:
    """Dates that make the plan of 2021 countable: so many in that year, all the others outside it."""
    for facility in known:
        first, last = KINDS[facility.subtype].years
        year = int(rng.choice([year for year in range(first, last + 1) if year != 2021]))
        opened = f"{year}-{rng.integers(1, 13):02d}-{rng.integers(1, 29):02d}"
        facility.opened = opened if rng.uniform() > 0.08 else None
    choices = {
        "hall": [f for f in known if f.subtype == "hall"],
        "park": [f for f in known if f.subtype in ("pocket", "community")],
        "kindergarten": [f for f in known if f.subtype == "public" and not (f.chief or f.unit.town.in_city)],
    }
    for name, among in choices.items():
        for index in rng.permutation(len(among))[: IN_2021[name]]:
            among[index].opened = f"2021-{rng.integers(3, 13):02d}-{rng.integers(1, 29):02d}"
    for subtype, days in CLOSED.items():
        among = [f for f in known if f.subtype == subtype and (f.opened or "9") < "2015"]
        for index, day in zip(rng.permutation(len(among)), days, strict=False):
            among[index].closed = day


def facility_features(rng: Rng, known: list[Facility], ground: Land) -> list[dict[str, Any]]:
    found = []
    order = {"clinic": 0, "kindergarten": 1, "cultural_hall": 2, "park": 3}
    subtypes = list(KINDS)
    known = sorted(known, key=lambda f: (order[f.category], subtypes.index(f.subtype), f.unit.code))
    numbers = dict.fromkeys(order, 0)
    for facility, shape in zip(known, ground.lonlat([f.shape for f in known]), strict=True):
        numbers[facility.category] += 1
        number, kind, unit = numbers[facility.category], KINDS[facility.subtype], facility.unit
        hall, centre = facility.subtype == "hall", "中心" if facility.chief else ""
        capacity = int(rng.choice(np.arange(kind.capacity[0], kind.capacity[1] + 1, kind.capacity[2]))) \
            if kind.capacity else None  # fmt: skip
        townwide = facility.chief or facility.subtype == "comprehensive"
        serial = f"{number:03d}" if facility.category == "park" else ""
        found.append({
            "type": "Feature", "id": f"yk-{facility.category.replace('_', '-')}-{number:03d}",
            "properties": {
                "category": facility.category, "subtype": None if hall else facility.subtype,
                "name": f"{unit.town.name + '示例' if townwide else unit.name}{centre}{kind.label}{serial}",
                "name_en": f"Sample {kind.label_en} {number:03d}", "area_code": unit.code, "address": None,
                "phone": None, "opened": facility.opened, "closed": facility.closed,
                "opening_hours": kind.hours, "capacity": capacity, "provenance": "schematic",
            },
            "geometry": mapping(shape),
        })  # fmt: skip
    return found


def area_features(country: list[Unit], county: list[Town], ground: Land) -> list[dict[str, Any]]:
    """Towns, then their units, simplified as one coverage, so that neighbours keep one common border."""
    cells = shapely.coverage_simplify(ground.lonlat([unit.cell for unit in country], 120), 1.5e-4)
    towns_, units_ = [], []
    for town in county:
        own = [index for index, unit in enumerate(country) if unit.town is town]
        towns_.append({
            "code": town.code, "name": town.name, "level": "town", "parent": None, "urban": None,
            "population": sum(country[index].people for index in own),
            "geometry": shapely.coverage_union_all(cells[own]),
        })  # fmt: skip
        units_ += [{
            "code": country[i].code, "name": country[i].name, "level": country[i].level, "parent": town.code,
            "urban": country[i].urban, "population": country[i].people, "geometry": cells[i],
        } for i in own]  # fmt: skip
    return [
        {"type": "Feature", "properties": row, "geometry": mapping(shapely.normalize(row.pop("geometry")))}
        for row in towns_ + units_
    ]


# --- files ----------------------------------------------------------------------------------------


def write_geojson(file: Path, features: list[dict[str, Any]]) -> None:
    """One feature a line, so that a difference reads well."""
    lines = ",\n".join(json.dumps(feature, ensure_ascii=False, separators=(",", ":")) for feature in features)
    text = f'{{"type":"FeatureCollection","features":[\n{lines}\n]}}\n'
    file.write_text(text, encoding="utf-8", newline="\n")


def main(out: Path) -> None:
    rng = np.random.default_rng(SEED)
    facts = Path(__file__).resolve().parent / "facts"
    table = rows(facts / "towns.csv")
    centres = flat_places([(float(row["centre_lon"]), float(row["centre_lat"])) for row in table])
    ground = land(rng, centres)
    county = towns(table, ground.centres)
    corners = flat_places([(float(row["lon"]), float(row["lat"])) for row in rows(facts / "outline.csv")])
    edge = Polygon(smooth(corners, 3, ring=True))
    river = LineString(smooth(flat_places(RIVER), 3))
    country = units(rng, county, ground, edge)

    downtown = np.mean([town.centre for town in county if town.in_city], axis=0).round(2)
    city = blob(rng, downtown, CITY_RADIUS_M, 72, 0.07)
    cores = [blob(rng, town.centre, town.core_m, 32, 0.08) for town in county if not town.in_city]
    built = shapely.union_all([city, *cores])
    parks = great_parks(rng, country, river)
    closed = shapely.union_all([park.shape.buffer(4) for park in parks])
    free, gridded = closed.union(river.buffer(90)), built.buffer(-60)
    lanes = [lane for unit in country for lane in settle(rng, unit, gridded, free)]

    grids = city_streets(rng, city, river, county)
    for core in cores:
        grids += grid(rng, core, 132, 3, "secondary")
    inner_city = city.buffer(-OVERSHOOT_M)  # there the city's own grid takes over from the country roads
    avenues = [street for street in grids if street.highway == "primary" or street.line.is_closed]
    streets = avenues + [
        Street(road.highway, piece)
        for road in roads(rng, country, county, ground, built)
        for piece in pieces(road.line if road.highway == "trunk" else road.line.difference(inner_city))
    ]
    barrier = closed.union(river.buffer(WATER_M))
    streets += [
        Street(street.highway, piece, street.oneway)
        for street in [street for street in grids if street not in avenues] + lanes
        for piece in pieces(street.line.difference(closed if street.highway == "secondary" else barrier))
    ]
    streets += tracks(rng, country, ground, edge)
    streets += [way for park in parks if park.subtype == "comprehensive" for way in park_ways(park.shape)]
    bridges, streets = motorway(streets, edge)

    hill_hamlets(rng, country, streets, ground)
    known = facilities(rng, country, parks)
    opening_dates(rng, known)
    out.mkdir(parents=True, exist_ok=True)
    with (out / "demand.csv").open("w", encoding="utf-8", newline="") as file:
        people = demand(rng, country, ground)
        writer = csv.DictWriter(file, list(people[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(people)
    write_geojson(out / "facilities.geojson", facility_features(rng, known, ground))
    write_geojson(out / "areas.geojson", area_features(country, county, ground))
    street_table(streets, bridges, ground).to_parquet(out / "streets.parquet", compression="zstd")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description="Write the shipped study of Yongkang.")
    arguments.add_argument("out", nargs="?", type=Path, default=Path(__file__).resolve().parent)
    main(arguments.parse_args().out)
