"""The street network: streets cut where they meet, without loose pieces."""

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from shapely import Point

import land
from geo.geodesy.distance import geodesic_lengths
from geo.study.streets import from_lines
from land import Land
from streets import RANKS, Street

MAXSPEED_KPH = {"motorway": 100.0, "motorway_link": 60.0, "trunk": 80.0, "primary": 60.0}
NO_WALKING = ["motorway", "motorway_link"]
NO_CYCLING = [*NO_WALKING, "path", "footway"]
NO_DRIVING = ["track", "path", "footway"]


def noded(streets: list[Street], ground: Land) -> pd.DataFrame:
    """The streets in degrees, cut where they meet: `line` (in the direction of a one-way), `highway`, `oneway`.

    A piece that several streets share takes the class and direction of the most important of them.
    """
    sources = ground.lonlat([street.line for street in streets])
    rank = np.array([RANKS[street.highway] for street in streets])
    parts = shapely.get_parts(shapely.union_all(sources, grid_size=1e-6))
    halves = [half for part in parts for half in land.cut(part, [part.length / 2] if part.is_closed else [])]
    lines = shapely.normalize(shapely.transform(np.array(halves), lambda xy: xy.round(6)))
    middles = shapely.line_interpolate_point(lines, 0.5, normalized=True)
    piece, source = shapely.STRtree(sources).query(middles, predicate="dwithin", distance=3e-6)
    order = np.lexsort((source, rank[source], piece))
    piece, first = np.unique(piece[order], return_index=True)
    rows = []
    for line, street in zip(lines[piece], source[order][first], strict=True):
        start, end = (sources[street].project(Point(line.coords[k])) for k in (0, -1))
        against = streets[street].oneway and start > end
        rows.append((line.reverse() if against else line, streets[street].highway, streets[street].oneway))
    return pd.DataFrame(rows, columns=["line", "highway", "oneway"])


def table(surface: list[Street], bridges: list[Street], ground: Land) -> gpd.GeoDataFrame:
    """The frame of streets, as docs/study.md describes it: the largest connected part, without stubs.

    Lines are drawn a little beyond those that they should meet, which leaves stubs of a few metres.
    """
    edges = pd.concat([noded(surface, ground), noded(bridges, ground)], keys=["surface", "bridge"])
    for _ in range(2):  # the first time removes stubs, the second what is loose without them
        lines = edges["line"].to_numpy()
        length = geodesic_lengths(lines)
        ends_xy = shapely.get_coordinates(shapely.get_point(lines, [[0], [-1]]))
        nodes = np.unique(ends_xy, axis=0, return_inverse=True)[1].reshape(2, -1)
        u, v = nodes
        on_surface = edges.index.get_level_values(0) == "surface"
        graph = coo_array((np.ones(on_surface.sum()), nodes[:, on_surface]), shape=(nodes.max() + 1,) * 2)
        part = connected_components(graph, directed=False)[1]
        main = part[u] == np.bincount(part[u[on_surface]]).argmax()
        stub = (np.bincount(nodes.ravel())[nodes] == 1).any(axis=0) & (length < 25)
        keep = (~on_surface | main & ~stub) & (u != v) & (length > 0)
        edges, ends = edges[keep], nodes.T[keep]
    highway = edges["highway"]
    cycle, drive = ~highway.isin(NO_CYCLING), ~highway.isin(NO_DRIVING)
    attributes = pd.DataFrame({
        "highway": highway, "maxspeed_kph": highway.map(MAXSPEED_KPH), "walk": ~highway.isin(NO_WALKING),
        "cycle_forward": cycle, "cycle_backward": cycle,
        "drive_forward": drive, "drive_backward": drive & ~edges["oneway"],
    })  # fmt: skip
    streets = from_lines(edges["line"].to_numpy(), ends, attributes)
    streets["length_m"] = streets["length_m"].round(2)
    return streets.sort_values(["u", "v", "length_m"], kind="stable", ignore_index=True)
