"""The streets of a study that is built: those in and around the place, with slopes where heights are given."""

from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from geo.errors import ExtractError
from geo.geodesy.projection import utm
from geo.sources import elevation
from geo.sources.inputs import Place, Sources
from geo.sources.osm import restrictions
from geo.sources.osm.extract import Extract
from geo.sources.summary import Summary
from geo.study.restrictions import Path as TurnRestriction
from geo.study.streets import BUILD_COLUMNS, PACE_COLUMNS


def collect(
    extract: Extract, sources: Sources, place: Place, summary: Summary
) -> tuple[gpd.GeoDataFrame, list[TurnRestriction], str]:
    """The streets, as `geo.study.streets` frames them, the turns that cars may not take, and the study's projection.

    Raises
    ------
    InputError
        No street is in or around the place, the place is too near a pole for UTM, or the raster of heights is unusable.
    """
    streets = extract.streets if place.surroundings is None else _streets_within(extract.streets, place.surroundings)
    summary.add("streets 街道", len(streets), f"edges, {streets['length_m'].sum() / 1000:,.0f} km")
    turn_restrictions, applied, left_out = restrictions.forbidden_paths(extract.turn_restrictions, streets)
    if applied:
        summary.add("turns 转弯限制", applied, "turn restrictions for cars")
    extract.fates["relations"].add(applied, left_out)
    summary.account(
        "street edges",
        sources.osm.name,
        len(extract.streets),
        {"in and around the area": len(streets)},
        {"beyond the surroundings": len(extract.streets) - len(streets)},
    )
    for reason, count in sorted(left_out.items()):
        summary.left_out(count, reason)
    crs = utm(shapely.box(*streets.total_bounds) if place.outline is None else place.outline)
    if sources.elevation is not None:
        streets = _with_slopes(streets, sources.elevation, crs, summary)
    return streets.drop(columns=list(BUILD_COLUMNS)), turn_restrictions, crs


def _with_slopes(streets: gpd.GeoDataFrame, path: Path, crs: str, summary: Summary) -> gpd.GeoDataFrame:
    """Streets with the columns `PACE_COLUMNS`, from a raster of heights."""
    slopes = elevation.slopes_along(streets, path, crs)
    remark = f"edges, from {path.name}: slopes {slopes.mean:.1%} on average, {slopes.steepest:.0%} at most"
    summary.add("elevation 高程", slopes.heights_known.sum(), remark)
    if slopes.clipped:
        limit = f"{elevation.STEEPEST:.0%}"
        summary.note(slopes.clipped, f"edges have pieces steeper than {limit}, which count as {limit} steep")
    if not slopes.heights_known.all():
        km = streets["length_m"][~slopes.heights_known].sum() / 1000
        summary.note(
            (~slopes.heights_known).sum(), f"edges, {km:,.1f} km, have no height in {path.name}; they count as flat"
        )
    forward, backward = PACE_COLUMNS
    columns = {forward: slopes.forward.astype(np.float32), backward: slopes.backward.astype(np.float32)}
    return streets.assign(**columns)


def _streets_within(streets: gpd.GeoDataFrame, polygon: BaseGeometry) -> gpd.GeoDataFrame:
    """The streets that touch a polygon, with their nodes numbered anew."""
    touching = streets[streets.intersects(polygon)].reset_index(drop=True)
    if not touching["length_m"].any():
        raise ExtractError("the extract holds no street in or around the area")
    nodes = np.unique(touching[["u", "v"]].to_numpy(), return_inverse=True)[1].reshape(-1, 2)
    return touching.assign(u=nodes[:, 0].astype(np.int32), v=nodes[:, 1].astype(np.int32))
