"""The two real places: their extracts, and their raw networks by mode."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import osmium
from pyproj import Geod

from geo.sources.osm import highways, speeds
from networks import METRES_A_DEGREE, WALK_MPS, Network
from plan import EXTRACTS


@dataclass(frozen=True)
class Place:
    """An extract; the area in it that a study is made of (None: all of it); a table of people beside it, if any."""

    name: str
    area: str | None
    people: str | None
    projection: str

    @property
    def extract(self) -> Path:
        return EXTRACTS / self.name / f"{self.name}.osm.pbf"

    @property
    def population(self) -> Path | None:
        return None if self.people is None else EXTRACTS / self.name / self.people


PLACES = {
    place.name: place
    for place in (
        Place("liechtenstein", "Liechtenstein", None, "EPSG:32632"),
        Place("porto_alegre", None, "hexgrid.csv", "EPSG:32722"),
    )
}


@cache
def _ways(extract: Path) -> list[tuple[dict[str, str], list[tuple[int, float, float] | None]]]:
    """Tags of all highways, and their nodes: number, longitude, latitude; None where one is not in the extract."""
    ways = []
    for element in osmium.FileProcessor(str(extract)).with_locations():
        if element.is_way() and "highway" in element.tags:
            nodes = [(n.ref, n.location.lon, n.location.lat) if n.location.valid() else None for n in element.nodes]
            ways.append((dict(element.tags), nodes))
    return ways


def read(extract: Path, mode: str, class_kph: Mapping[str, float], drive_factor: float) -> Network:
    """The network of ``mode``, walk or drive, in an OpenStreetMap extract; lengths are geodesic.

    Cars drive at ``drive_factor`` times the legal speed, or the speed of the street's class where none is tagged.
    """
    where: dict[int, tuple[float, float]] = {}
    pairs: list[tuple[int, int]] = []
    ways: list[tuple[int, float, bool, bool]] = []  # edges, metres per second, open forwards and backwards
    for tags, nodes in _ways(extract):
        if mode == "walk":
            mps = WALK_MPS
            forward, backward = highways.walkable(tags)
        else:
            legal = speeds.maxspeed_kph(tags)
            kph = class_kph.get(tags["highway"], np.nan) if np.isnan(legal) else legal
            mps = kph * drive_factor / 3.6
            forward, backward = highways.drivable(tags, class_kph)
        if forward or backward:
            pieces = [(a[0], b[0]) for a, b in pairwise(nodes) if a and b and a[0] != b[0]]
            where.update((node[0], node[1:]) for node in nodes if node)
            pairs += pieces
            ways.append((len(pieces), mps, forward, backward))
    refs, ends = np.unique(np.array(pairs, dtype=np.int64), return_inverse=True)
    u, v = ends.reshape(-1, 2).astype(np.int32).T
    lon, lat = np.array([where[ref] for ref in refs.tolist()]).T
    metres = np.asarray(Geod(ellps="WGS84").inv(lon[u], lat[u], lon[v], lat[v])[2])
    pieces_of, *columns = (np.array(column) for column in zip(*ways, strict=True))
    mps, forward_open, backward_open = (np.repeat(column, pieces_of) for column in columns)
    squeeze = np.cos(np.radians(lat.mean()))
    return Network(
        x=lon * METRES_A_DEGREE * squeeze,
        y=lat * METRES_A_DEGREE,
        lon=lon,
        lat=lat,
        u=np.ascontiguousarray(u),
        v=np.ascontiguousarray(v),
        metres=metres,
        forward=np.where(forward_open, metres / mps, np.inf),
        backward=np.where(backward_open, metres / mps, np.inf),
    )
