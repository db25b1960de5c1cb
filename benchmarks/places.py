"""The two real places: their extracts, and their raw networks by mode."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import osmium
from pyproj import Geod

from geo.sources.osm import highways
from networks import METRES_A_DEGREE, WALK_MPS, Network
from stages import EXTRACTS


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
    found = []
    for thing in osmium.FileProcessor(str(extract)).with_locations():
        if thing.is_way() and "highway" in thing.tags:
            nodes = [(n.ref, n.location.lon, n.location.lat) if n.location.valid() else None for n in thing.nodes]
            found.append((dict(thing.tags), nodes))
    return found


def read(extract: Path, mode: str, class_kph: Mapping[str, float], drive_factor: float) -> Network:
    """The network of ``mode``, walk or drive, in an OpenStreetMap extract; lengths are geodesic.

    Cars go at ``drive_factor`` of the legal speed, or of their class's where none is known.
    """
    where: dict[int, tuple[float, float]] = {}
    pairs: list[tuple[int, int]] = []
    ways: list[tuple[int, float, bool, bool]] = []  # pieces, metres a second, open onwards and back
    for tags, nodes in _ways(extract):
        if mode == "walk":
            mps, onward, back = WALK_MPS, highways.walkable(tags), highways.walkable(tags)
        else:
            legal = highways.maxspeed_kph(tags)
            kph = class_kph.get(tags["highway"], np.nan) if np.isnan(legal) else legal
            mps = kph * drive_factor / 3.6
            onward, back = highways.drivable(tags, class_kph)
        if onward or back:
            pieces = [(a[0], b[0]) for a, b in pairwise(nodes) if a and b and a[0] != b[0]]
            where.update((node[0], node[1:]) for node in nodes if node)
            pairs += pieces
            ways.append((len(pieces), mps, onward, back))
    refs, ends = np.unique(np.array(pairs, dtype=np.int64), return_inverse=True)
    u, v = ends.reshape(-1, 2).astype(np.int32).T
    lon, lat = np.array([where[ref] for ref in refs.tolist()]).T
    metres = np.asarray(Geod(ellps="WGS84").inv(lon[u], lat[u], lon[v], lat[v])[2])
    pieces_of, *columns = (np.array(column) for column in zip(*ways, strict=True))
    mps, onwards, backs = (np.repeat(column, pieces_of) for column in columns)
    squeeze = np.cos(np.radians(lat.mean()))
    return Network(
        x=lon * METRES_A_DEGREE * squeeze,
        y=lat * METRES_A_DEGREE,
        lon=lon,
        lat=lat,
        u=np.ascontiguousarray(u),
        v=np.ascontiguousarray(v),
        metres=metres,
        forward=np.where(onwards, metres / mps, np.inf),
        backward=np.where(backs, metres / mps, np.inf),
    )
