"""Fragility: what the closure of each facility would cost one standard.

A facility's people are those whose nearest it is. If it closes, each of them goes to the second nearest: who is inside
the standard today and finds no second facility within its limit is lost; the others only have a longer way. So the loss
of a facility is what a scenario loses that closes it; if two close, more may be lost than the sum of their losses.
"""

from dataclasses import dataclass
from typing import Literal

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.arrays import BoolArray, Float64Array, Int64Array
from geo.geodesy.distance import TOLERANCE_M
from geo.measures import gaps
from geo.measures.counting import TOLERANCE_MIN, CountedUnits
from geo.study.standards import Opened, Presence, Radius, Standard, TravelTime
from geo.study.study import Study
from geo.traveltime import straight_line
from geo.traveltime.travel import Travel

TEXT_COLUMNS = ("name", "subtype", "area_code", "town")
COLUMNS = (
    *TEXT_COLUMNS,
    "people_lost",
    "residents_lost",
    "children_3_6_lost",
    "elders_65_lost",
    "share_lost",
    "people_longer",
    "mean_longer",
    "outside_longer",
)
"""The columns of a frame of fragility before its geometry. docs/planning.md describes them."""


@dataclass(frozen=True)
class Fragility:
    """What the closure of each facility would cost one standard.

    Attributes
    ----------
    frame : GeoDataFrame
        One row for each facility that counts, the worst loss first, indexed by its id, with `COLUMNS` (numbers with
        three decimals) and a point in WGS84 degrees, which lies on the facility.
    longer_unit : the unit of ``mean_longer``; None where the standard has no limit
    """

    frame: gpd.GeoDataFrame
    longer_unit: Literal["minutes", "metres"] | None


def measure(travel: Travel, standard: Standard, counted: CountedUnits) -> Fragility:
    """What the closure of each facility would cost ``standard``, whose rows are ``counted``.

    Standards of openings lose nothing when a facility closes, and have no rows.
    """
    study, facilities = travel.study, counted.facilities
    if isinstance(standard, Opened) or facilities.empty:
        return none(study, facilities)
    if isinstance(standard, Presence):
        return Fragility(_frame(study, facilities, _of_units(study, counted)), None)
    table = _of_people(travel, standard, counted)
    return Fragility(_frame(study, facilities, table), "minutes" if isinstance(standard, TravelTime) else "metres")


def none(study: Study, facilities: gpd.GeoDataFrame) -> Fragility:
    """The fragility of no facility; only the columns of ``facilities`` are used."""
    return Fragility(_frame(study, facilities.iloc[:0], pd.DataFrame(columns=COLUMNS)), None)


def _two_nearest(
    travel: Travel, standard: TravelTime | Radius, counted: CountedUnits
) -> tuple[Float64Array, Float64Array, Float64Array, Int64Array]:
    """Minutes or metres of each row of ``counted`` to the nearest facility and to the second, the limit, the nearest.

    The limit is that of the second facility. In a straight line, a second facility counts as none if it is beyond its
    limit, and farther beyond than the nearest.
    """
    study, rows, facilities = travel.study, counted.rows, counted.facilities
    demand_row = study.demand.index.get_indexer(rows.index)
    if isinstance(standard, TravelTime) and travel.method == "network":
        seconds, facility = travel.demand_two_nearest(facilities, standard.mode)
        minutes = seconds[demand_row] / 60.0
        return minutes[:, 0], minutes[:, 1], np.full(len(rows), standard.minutes), facility[demand_row, 0]
    if isinstance(standard, TravelTime):
        metres_of_unit = 60.0 * straight_line.speed_mps(study.settings, standard.mode) / study.settings.detour
        limits = np.full(len(facilities), standard.minutes)
    else:
        metres_of_unit, limits = 1.0, standard.radii(facilities)
    lon, lat = (study.demand[name].to_numpy()[demand_row] for name in ("lon", "lat"))
    first, nearest = rows["value"].to_numpy(), rows["nearest"].to_numpy(np.int64)
    farthest = (np.maximum(first - limits[nearest], 0.0) + limits.max()) * metres_of_unit
    metres, second = straight_line.second_nearest(
        facilities, limits * metres_of_unit, lon, lat, nearest, farthest, study.settings.projection
    )
    return first, metres / metres_of_unit, limits[second], nearest


def _of_people(travel: Travel, standard: TravelTime | Radius, counted: CountedUnits) -> pd.DataFrame:
    """The numbers of each facility of a standard that counts people, indexed by the facility's row."""
    tolerance = TOLERANCE_MIN if isinstance(standard, TravelTime) else TOLERANCE_M
    first, second, limit, nearest = _two_nearest(travel, standard, counted)
    inside = counted.rows["inside"].to_numpy()
    is_lost = inside & (second > limit + tolerance)
    is_longer = second > first + tolerance
    demand = travel.study.demand.loc[counted.rows.index]
    people, count = counted.rows["weight"].to_numpy(), len(counted.facilities)

    def sums(chosen: BoolArray, values: Float64Array) -> Float64Array:
        chosen = chosen & (nearest >= 0)
        return np.bincount(nearest[chosen], weights=values[chosen], minlength=count).astype(float)

    def known(name: str) -> Float64Array:
        """The sum of a group among the people lost; NaN where it is known of none of them."""
        is_known = demand[name].notna().to_numpy()
        numbers = sums(is_lost, demand[name].fillna(0.0).to_numpy())
        is_unknown = (sums(is_lost, is_lost * 1.0) > 0) & (sums(is_lost & is_known, is_lost * 1.0) == 0)
        return np.where(is_unknown | (not is_known.any()), np.nan, numbers)

    stay = inside & ~is_lost & is_longer
    lost, longer = sums(is_lost, people), sums(stay, people)
    with np.errstate(invalid="ignore"):
        extra = np.where(stay, second - first, 0.0)
        mean_longer = sums(stay, people * extra) / np.where(longer > 0, longer, np.nan)
    return pd.DataFrame(
        {
            "people_lost": lost,
            "residents_lost": sums(is_lost, demand["population"].to_numpy()),
            "children_3_6_lost": known("children_3_6"),
            "elders_65_lost": known("elders_65"),
            "share_lost": lost / max(float(people.sum()), 1e-9),
            "people_longer": longer,
            "mean_longer": mean_longer,
            "outside_longer": sums(~inside & is_longer, people),
        }
    )


def _of_units(study: Study, counted: CountedUnits) -> pd.DataFrame:
    """The numbers of each facility of a standard of presence: a unit is lost with its only facility."""
    code, units = counted.facilities["area_code"], counted.rows.index
    unit = code.where(code.isin(units), code.map(study.areas["parent"]))  # a facility in a village is in its town too
    unit = unit.where(unit.isin(units))
    is_only = (unit.notna() & ~unit.duplicated(keep=False)).to_numpy()
    people = gaps.people_of_units(study).reindex(unit.where(is_only)).reset_index(drop=True)
    residents = people["population"].where(is_only, 0.0).fillna(0.0)
    return pd.DataFrame(
        {
            "people_lost": residents,
            "residents_lost": residents,
            "children_3_6_lost": people["children_3_6"].where(is_only, 0.0),
            "elders_65_lost": people["elders_65"].where(is_only, 0.0),
            "share_lost": is_only / max(1, len(units)),
            "people_longer": np.nan,
            "mean_longer": np.nan,
            "outside_longer": np.nan,
        }
    )


def _frame(study: Study, facilities: gpd.GeoDataFrame, numbers: pd.DataFrame) -> gpd.GeoDataFrame:
    """A frame of ``facilities`` with their ``numbers``, row by row, the worst loss first."""
    names = study.areas["name"]
    town = study.reporting_codes(facilities["area_code"]).map(names)
    own = facilities[["name", "subtype", "area_code"]].assign(town=town)
    table = own.reset_index(drop=True).join(numbers.drop(columns=list(TEXT_COLUMNS), errors="ignore"))
    table = table[list(COLUMNS)].set_axis(facilities.index.astype(str))
    for name in TEXT_COLUMNS:  # pandas would make NaN of None
        table[name] = table[name].astype(object).where(table[name].notna(), None)
    for name in COLUMNS[len(TEXT_COLUMNS) :]:
        table[name] = table[name].astype(float).round(6 if name == "share_lost" else 3)
    points = shapely.point_on_surface(facilities.geometry.to_numpy())
    keys = [-table[name].fillna(0.0).to_numpy() for name in ("people_longer", "people_lost", "share_lost")]
    order = np.lexsort((table.index.to_numpy(dtype=str), *keys))
    return gpd.GeoDataFrame(table.iloc[order], geometry=points[order], crs="EPSG:4326")
