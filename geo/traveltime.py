"""Seconds to the nearest facility, for everybody, in one pass; then every answer is a look-up.

The search starts at all facilities at once, on the graph against the direction of travel (people travel *to* the
facility), and every place reads its time off the two ends of its chain: Dijkstra's algorithm with many sources, as in
Erwig (2000), "The graph Voronoi diagram with applications", Networks 36(3).
"""

import hashlib
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from threading import RLock
from typing import Any, Literal

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo import kernel, prepared, route, straightline
from geo import network as net
from geo.graph import Positions
from geo.network import Access, Network, Places, Stretches
from geo.standards import Mode
from geo.study import Study

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Method = Literal["network", "straight-line"]

NEAREST = 8
"""How many facilities are kept for every junction."""

# 15 minutes exactly are inside, also when they were added up another way and differ in the last bits: a millionth of
# the unit that a limit is in, minutes, metres or seconds.
TOLERANCE = 1e-6
NO_STREET = "{metres:g} 米内无街道 no street within {metres:g} m"
NO_FACILITY = "沿街道到不了任何设施 no facility can be reached on the network"
NONE_THERE = "没有这类设施 there is no such facility"

PREPARED = ".prepared"
"""The folder in a study's own that its networks are kept in, ready to be mapped into memory."""
_FORMAT = b"1"


def reasons(lost: NDArray[np.bool_], reason: str) -> NDArray[np.object_]:
    """``reason`` where ``lost``, else None, shape (n,)."""
    texts = np.full(len(lost), None, dtype=object)
    texts[lost] = reason
    return texts


@dataclass(frozen=True)
class Times:
    """Travel times from places to their nearest facility.

    Attributes
    ----------
    seconds : shape (places,), infinity where none can be reached
    facility : shape (places,), row of the nearest facility in the frame asked about, −1 where none
    reason : shape (places,), why none can be reached; None where one can
    """

    seconds: Floats
    facility: Ints
    reason: NDArray[np.object_]


@dataclass(frozen=True)
class Ranking:
    """Facilities by travel time from one place, those out of reach left out.

    ``rows``, ``seconds`` and ``metres`` (travelled) have shape (reached,), nearest first; ``paths`` are the ways there
    as WGS84 LineStrings, if they were asked for. ``snapped`` is the WGS84 place on the street and ``connector_m`` the
    way to it; None without a network. ``reason``: why ``rows`` is empty.
    """

    rows: Ints
    seconds: Floats
    metres: Floats
    snapped: tuple[float, float] | None
    connector_m: float | None
    reason: str | None
    paths: NDArray[np.object_] | None = None

    @classmethod
    def none(cls, reason: str) -> "Ranking":
        """Nothing is reached, for ``reason``."""
        return cls(np.empty(0, dtype=int), np.empty(0), np.empty(0), None, None, reason)


@dataclass(frozen=True)
class _Chosen:
    """Facilities and a mode, equal to others of the same ids and places in the same order."""

    mode: Mode
    digest: bytes
    facilities: gpd.GeoDataFrame = field(compare=False)


class Reach:
    """What every junction of a network needs to reach some facilities: searched once, on first use, and looked up."""

    def __init__(self, network: Network, access: Access) -> None:
        self.network, self.stretches = network, network.stretches(access)

    @cached_property
    def nearest(self) -> tuple[Floats, NDArray[np.int32]]:
        """Seconds from every junction to the nearest facility, and its row; as `junction_seconds` gives them."""
        return junction_seconds(self.network, self.stretches)

    @cached_property
    def several(self) -> tuple[Floats, NDArray[np.int32], NDArray[np.float32]]:
        """Seconds, rows and travelled metres to the `NEAREST` facilities, shape (junctions, NEAREST), nearest first."""
        return several(self.network, self.stretches, NEAREST)

    def from_place(self, place: Places, limit: int = NEAREST) -> tuple[Ints, Floats, Floats]:
        """Rows, seconds and metres of up to ``limit`` (≤ `NEAREST`) facilities by travel time from one place."""
        graph, stretches = self.network.graph, self.stretches
        at = graph.positions(place.edge, place.fraction)
        metres = graph.metres_before(place.edge, place.fraction)
        chain = int(at.chain[0])
        node_seconds, node_owner, node_metres = self.several
        own = slice(*np.searchsorted(stretches.low.chain, [chain, chain + 1]))
        along_s, along_m = route.along(graph, at, metres, stretches, own)
        to_start, to_end = graph.over_ends(at, towards=True)
        start, end = graph.start[chain], graph.end[chain]
        seconds = np.concatenate([node_seconds[start] + to_start, node_seconds[end] + to_end, along_s])
        owner = np.concatenate([node_owner[start], node_owner[end], stretches.owner[own]])
        metres = np.concatenate([node_metres[start] + metres, node_metres[end] + graph.length[chain] - metres, along_m])
        chosen = first_of_each(owner, seconds)[:limit]
        connector_m = place.connector_m[0]
        return (
            owner[chosen].astype(np.int64),
            seconds[chosen] + connector_m / self.network.walk_mps,
            metres[chosen].astype(float) + connector_m,
        )


class Travel:
    """Travel on one study: the networks of its modes, prepared on first use, and its demand snapped onto them."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self.method: Method = "straight-line" if study.streets is None else "network"
        self._lock = RLock()  # what one request prepares, others wait for
        self._prepared: dict[Mode, tuple[Network, Places]] = {}
        self._positions: dict[Mode, Positions] = {}
        self._reach = lru_cache(maxsize=64)(self._make_reach)
        self._times = lru_cache(maxsize=64)(self._make_times)

    def speed_kph(self, mode: Mode) -> float | None:
        """The one speed of ``mode``; None for driving on streets, each of which has its own."""
        speeds = self.study.about.speeds
        if mode == "drive" and self.method == "straight-line":
            return speeds.drive_other_kph * speeds.drive_factor
        return speeds.kph(mode)

    def network(self, mode: Mode) -> Network:
        """The network of ``mode``; ValueError if the study has no streets."""
        return self._ready(mode)[0]

    def demand_places(self, mode: Mode) -> Places:
        """The study's demand, snapped onto the network of ``mode``."""
        return self._ready(mode)[1]

    def demand_positions(self, mode: Mode) -> Positions:
        """Where on the graph of ``mode`` the study's demand is."""
        network, places = self._ready(mode)
        with self._lock:
            if mode not in self._positions:
                self._positions[mode] = network.graph.positions(places.edge, places.fraction)
            return self._positions[mode]

    def _ready(self, mode: Mode) -> tuple[Network, Places]:
        if self.study.streets is None:
            raise ValueError("the study has no street network")
        with self._lock:
            if mode not in self._prepared:
                self._prepared[mode] = self._reopened(mode) or self._newly_prepared(mode)
            return self._prepared[mode]

    def _file(self, mode: Mode) -> Path:
        return self.study.folder / PREPARED / f"{mode}-{self._digest}.npy"

    @cached_property
    def _digest(self) -> str:
        """Changes with all that prepared networks are made of."""
        study, streets = self.study, self.study.streets
        assert streets is not None
        about = study.about.model_dump_json(include={"speeds", "projection", "max_connector_m"})
        about += f"{net.ISLAND_M} {net.ISLAND_SHARE}"
        xy, line = shapely.get_coordinates(streets.geometry.to_numpy(), return_index=True)
        table = pd.util.hash_pandas_object(pd.DataFrame(streets.drop(columns="geometry")), index=False)
        demand = study.demand[["lon", "lat"]].to_numpy()
        return _hash(_FORMAT, about.encode(), xy, line, table.to_numpy(), demand).hex()

    def _reopened(self, mode: Mode) -> tuple[Network, Places] | None:
        try:
            arrays = prepared.read(self._file(mode))
            places = Places(*(arrays[f"demand_{name}"] for name in ("edge", "fraction", "connector_m", "moved")))
            return Network.from_arrays(self.study.about, arrays), places
        except (OSError, ValueError, KeyError):  # there is none yet, or it was cut short
            return None

    def _newly_prepared(self, mode: Mode) -> tuple[Network, Places]:
        demand, streets = self.study.demand, self.study.streets
        assert streets is not None
        network = Network.prepare(streets, self.study.about, mode)
        places = network.snap(demand["lon"].to_numpy(), demand["lat"].to_numpy())
        path = self._file(mode)
        if (self.study.folder / "streets.parquet").is_file():
            try:
                prepared.write(path, network.arrays() | {f"demand_{name}": a for name, a in vars(places).items()})
                for old in path.parent.glob(f"{mode}-*.npy"):
                    if old != path:
                        old.unlink(missing_ok=True)
            except OSError:  # on read-only media it is prepared anew each time
                pass
        return network, places

    def reach(self, facilities: gpd.GeoDataFrame, mode: Mode) -> Reach:
        """What of ``facilities`` is reached from everywhere; kept for as long as the same ones are asked for."""
        return self._reach(_chosen(facilities, mode))

    def _make_reach(self, chosen: _Chosen) -> Reach:
        network = self.network(chosen.mode)
        return Reach(network, network.access(chosen.facilities.geometry.to_numpy()))

    def demand_times(self, facilities: gpd.GeoDataFrame, mode: Mode) -> Times:
        """From every demand point of the study, in its order, to the nearest of ``facilities``."""
        return self._times(_chosen(facilities, mode))

    def _make_times(self, chosen: _Chosen) -> Times:
        if self.method == "straight-line":
            demand = self.study.demand
            lon, lat = demand["lon"].to_numpy(), demand["lat"].to_numpy()
            return self._straight(chosen.facilities, lon, lat, chosen.mode)
        places, at = self.demand_places(chosen.mode), self.demand_positions(chosen.mode)
        return _to_nearest(self._reach(chosen), places, at, chosen.facilities.empty)

    def times(self, facilities: gpd.GeoDataFrame, lon: Floats, lat: Floats, mode: Mode) -> Times:
        """From WGS84 places to the nearest of ``facilities``."""
        if self.method == "straight-line":
            return self._straight(facilities, lon, lat, mode)
        network = self.network(mode)
        places = network.snap(lon, lat)
        at = network.graph.positions(places.edge, places.fraction)
        return _to_nearest(self.reach(facilities, mode), places, at, facilities.empty)

    def _straight(self, facilities: gpd.GeoDataFrame, lon: Floats, lat: Floats, mode: Mode) -> Times:
        about = self.study.about
        metres, found = straightline.nearest(facilities, lon, lat, about.projection)
        seconds = metres * about.detour / straightline.metres_per_second(about, mode)
        return Times(seconds, found, reasons(found < 0, NONE_THERE))

    def ranked(
        self,
        facilities: gpd.GeoDataFrame,
        lon: float,
        lat: float,
        mode: Mode,
        limit: int | None = None,
        paths: bool = False,
    ) -> Ranking:
        """The first ``limit`` of ``facilities`` by travel time from one WGS84 place, nearest first.

        ``paths`` asks for the ways there too; without streets there are none.
        """
        about = self.study.about
        if facilities.empty:
            return Ranking.none(NONE_THERE)
        if self.method == "straight-line":
            metres = straightline.to_each(facilities, lon, lat, about.projection) * about.detour
            order = np.argsort(metres, kind="stable")[:limit]
            seconds = metres[order] / straightline.metres_per_second(about, mode)
            return Ranking(order, seconds, metres[order], None, None, None)
        network = self.network(mode)
        place = network.snap(np.array([lon]), np.array([lat]))
        if place.edge[0] < 0:
            return Ranking.none(NO_STREET.format(metres=network.max_connector_m))
        reach = self.reach(facilities, mode)
        ways = None
        if limit is not None and limit <= NEAREST:
            rows, seconds, metres = reach.from_place(place, limit)
        if limit is None or limit > NEAREST or paths:
            farthest = np.inf if limit is None or limit > NEAREST else seconds.max(initial=0.0)
            search = route.FromPlace(network, reach.stretches, place, farthest + 1.0)
            chosen = first_of_each(reach.stretches.owner, search.seconds)[:limit]
            rows, seconds = reach.stretches.owner[chosen].astype(np.int64), search.seconds[chosen]
            metres = np.array([search.metres(stretch) for stretch in chosen])
            if paths:
                ends = facilities.geometry.iloc[rows]
                ways = np.array(
                    [search.path(one, (lon, lat), end) for one, end in zip(chosen, ends, strict=True)], dtype=object
                )
        reason = None if len(rows) else NO_FACILITY
        snapped = network.position(place.edge[0], place.fraction[0])
        return Ranking(rows, seconds, metres, snapped, float(place.connector_m[0]), reason, ways)


def _hash(*parts: bytes | NDArray[Any]) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(part if isinstance(part, bytes) else np.ascontiguousarray(part).tobytes())
        digest.update(b"\0")
    return digest.digest()


def _chosen(facilities: gpd.GeoDataFrame, mode: Mode) -> _Chosen:
    places = b"".join(shapely.to_wkb(facilities.geometry.to_numpy()))
    return _Chosen(mode, _hash("\0".join(map(str, facilities.index)).encode(), places), facilities)


def _to_nearest(reach: Reach, places: Places, at: Positions, none: bool) -> Times:
    """From each of ``places``, ``at`` their positions, to the nearest facility, exact.

    A place's time is its connector, plus the least of: to either end of its chain of edges and on from there, or along
    the chain where a facility is reached on the same one; plus the facility's connector.
    """
    network = reach.network
    seconds, facility = reached(network, reach.stretches, at, junctions=reach.nearest)
    reason = reasons(~np.isfinite(seconds), NONE_THERE if none else NO_FACILITY)
    if not none:
        reason[places.edge < 0] = NO_STREET.format(metres=network.max_connector_m)
    connector_s = np.where(places.edge >= 0, places.connector_m, np.inf) / network.walk_mps
    return Times(seconds + connector_s, facility.astype(np.int64), reason)


def first_of_each(owner: NDArray[np.int32], seconds: Floats) -> Ints:
    """Rows in the order of ``seconds``, of each ``owner`` the first, those out of reach left out."""
    order = np.lexsort((owner, seconds))
    order = order[np.isfinite(seconds[order])]
    return np.asarray(order[np.sort(np.unique(owner[order], return_index=True)[1])])


def junction_seconds(
    network: Network, stretches: Stretches, towards: bool = True, limit: float = np.inf
) -> tuple[Floats, NDArray[np.int32]]:
    """Seconds between all junctions and the nearest of ``stretches``, within ``limit`` (≤), and its facility.

    Two arrays of shape (junctions,): seconds (infinity: out of reach) and facility (−1). At a dead end they are those
    of a search that went no farther than the junction before it; `reached` reads what is there off the chain.
    """
    arcs, seeds = network.graph.into if towards else network.graph.out, stretches.seeds(network.graph, towards)
    return kernel.search(
        arcs.indptr,
        arcs.heads,
        arcs.seconds,
        arcs.longest,
        seeds.node,
        seeds.seconds,
        seeds.owner,
        limit,
        kernel.INHERIT,
        kernel.BATCH_BITS,
    )


def several(
    network: Network, stretches: Stretches, k: int, limit: float = np.inf
) -> tuple[Floats, NDArray[np.int32], NDArray[np.float32]]:
    """Seconds from all junctions to their ``k`` nearest facilities, the facilities, and metres travelled.

    Three arrays of shape (junctions, k), nearest first: seconds (infinity: fewer are reached), facility (−1), metres.
    """
    graph, seeds = network.graph, stretches.seeds(network.graph, towards=True)
    return kernel.search_several(
        graph.into.indptr,
        graph.into.heads,
        graph.into.seconds,
        graph.length[graph.into.chain],
        graph.into.longest,
        seeds.node,
        seeds.seconds,
        seeds.metres,
        seeds.owner,
        k,
        limit,
        kernel.BATCH_BITS,
    )


def reached(
    network: Network,
    stretches: Stretches,
    at: Positions,
    towards: bool = True,
    junctions: tuple[Floats, NDArray[np.int32]] | None = None,
) -> tuple[Floats, NDArray[np.int32]]:
    """Seconds between positions on the network and the nearest of ``stretches``, whose connectors they include.

    ``towards`` the stretches or from them; ``junctions`` is what `junction_seconds` gave, if it is at hand. Two arrays
    of shape (positions,): seconds (infinity: out of reach) and the facility that the stretch belongs to (−1).
    """
    graph, places = network.graph, at.by_chain
    rows = places.rows
    node_seconds, node_facility = junctions or junction_seconds(network, stretches, towards)
    home, over = (graph.back, graph.there) if towards else (graph.there, graph.back)
    onto, off = (rows.behind, rows.ahead) if towards else (rows.ahead, rows.behind)
    return kernel.read_off(
        node_seconds,
        node_facility,
        graph.start,
        graph.end,
        home,
        over,
        graph.pieces,
        places.chains,
        places.first,
        rows.at,
        onto,
        off,
        places.order,
        stretches.low.chain,
        stretches.ends(towards),
        stretches.extra,
        stretches.owner,
        len(at.chain),
    )
