"""How sure the result of a standard is: computed at other speeds, by other modes, straight, and with its doubts.

All of it comes from the engine that computes the coverage, so the row of the standard's own mode and speed equals the
coverage. `geo.measures.doubts` says what the unknowns could change.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import geopandas as gpd
import numpy as np

from geo.arrays import Float64Array
from geo.choices import MODES, Mode
from geo.geodesy.distance import TOLERANCE_M
from geo.measures import counting, doubts
from geo.measures.counting import TOLERANCE_MIN, CountedUnits
from geo.measures.coverage import Coverage
from geo.measures.doubts import Case, Doubt, Doubts, Tally
from geo.study.standards import Radius, Standard, TravelTime
from geo.traveltime import straight_line
from geo.traveltime.travel import Travel

MODE_NAMES = {"walk": ("步行", "walking"), "cycle": ("电动自行车", "e-bike"), "drive": ("驾车", "driving")}
Words = tuple[str, str]
"""Chinese and English."""
PACE_NAMES = {"slower": ("较慢", "slower"), "usual": ("通常", "usual speed"), "faster": ("较快", "faster")}


@dataclass(frozen=True)
class Variant:
    """The standard computed in another way, or in its own (``is_headline``).

    ``speed_kph`` is None where streets have speeds of their own; ``speed_factor`` is the speed divided by the mode's
    usual one. ``method`` is network, straight-line (with the study's detour) or geodesic (without).
    """

    id: str
    name: str
    name_en: str
    mode: Mode | None
    method: str
    speed_kph: float | None
    speed_factor: float | None
    covered: float
    share: float | None
    is_headline: bool


class _Way(NamedTuple):
    """How people travel in a variant: see there."""

    mode: Mode | None
    method: str
    speed_kph: float | None
    speed_factor: float | None


@dataclass(frozen=True)
class Sensitivity:
    """How sure a result is: ``headline`` is the result, ``variants`` and ``doubts`` what else it may be."""

    headline: Tally
    variants: list[Variant]
    doubts: list[Doubt]
    together: tuple[Tally, Tally]
    strict: tuple[Tally, Tally]
    notes: list[str]


def measure(
    travel: Travel,
    standard: Standard,
    facilities: gpd.GeoDataFrame,
    measured: tuple[CountedUnits, Coverage],
    day: date,
) -> Sensitivity:
    """How sure the result ``measured`` of a standard is.

    Parameters
    ----------
    facilities : the register, or all of it that is of the standard's category
    measured : the standard's rows and coverage on ``day``
    """
    counted, coverage = measured
    headline = Tally(coverage.total, coverage.covered, coverage.share)
    category = facilities[facilities["category"] == standard.category]
    if category.empty:
        return Sensitivity(headline, [], [], (headline, headline), (headline, headline), list(coverage.notes))
    # Frames that differ little from the result's are searched for what differs, and their times are not kept.
    probe = travel.updating(counted.facilities)
    open_questions = doubts.measure(Case(probe, standard, category, counted, headline, day))
    variants: list[Variant] = []
    if isinstance(standard, TravelTime):
        variants = list(_by_time(travel, standard, counted, coverage))
    elif isinstance(standard, Radius):
        variants = list(_by_distance(travel, standard, counted, coverage))
    return Sensitivity(
        headline,
        variants,
        open_questions.single,
        open_questions.together,
        open_questions.strict,
        [*coverage.notes, *_notes(open_questions)],
    )


def _by_time(travel: Travel, standard: TravelTime, counted: CountedUnits, coverage: Coverage) -> Iterator[Variant]:
    """The standard by every mode at three speeds, and in a straight line."""
    weight, _ = counting.people_weights(travel.study.demand, standard.people)
    settings = travel.study.settings

    def covered(seconds: Float64Array) -> float:
        return float(weight[seconds / 60.0 <= standard.minutes + TOLERANCE_MIN].sum())

    for mode in (standard.mode, *(mode for mode in MODES if mode != standard.mode)):
        slower, faster = settings.speeds.slower_and_faster(mode)
        for pace, factor in (("slower", slower), ("usual", 1.0), ("faster", faster)):
            seconds = travel.demand_seconds_at(counted.facilities, mode, factor)
            kph = travel.speed_kph(mode)
            zh, en = (f"{MODE_NAMES[mode][language]}，{PACE_NAMES[pace][language]}" for language in (0, 1))
            yield _variant(
                coverage,
                f"{mode}-{pace}",
                (zh, en.replace("，", ", ")),
                _Way(mode, travel.method, None if kph is None else kph * factor, factor),
                covered(seconds),
                is_headline=mode == standard.mode and pace == "usual",
            )
    metres, mps = travel.demand_distances(counted.facilities).metres, straight_line.speed_mps(settings, standard.mode)
    how = _Way(standard.mode, "geodesic", mps * 3.6, 1.0)
    yield _variant(coverage, "straight", ("直线", "straight line"), how, covered(metres / mps))
    if travel.method == "network":
        names = (f"直线 × {settings.detour:g}", f"straight line × {settings.detour:g}")
        how = _Way(standard.mode, "straight-line", mps * 3.6, 1.0)
        yield _variant(coverage, "straight-detour", names, how, covered(metres * settings.detour / mps))


def _by_distance(travel: Travel, standard: Radius, counted: CountedUnits, coverage: Coverage) -> Iterator[Variant]:
    """The standard in a straight line, in one with a detour, and along the streets that people walk."""
    weight, _ = counting.people_weights(travel.study.demand, standard.people)
    settings, (facilities, radii) = travel.study.settings, counting.with_radii(counted.facilities, standard)

    def covered(detour: float) -> float:
        # A way that is longer by the detour reaches as far as a smaller circle.
        shorter = radii / detour, standard.metres / detour
        metres, limit, _ = counting.straight_distances(travel, facilities, *shorter)
        return float(weight[metres <= limit + TOLERANCE_M].sum())

    how = _Way(None, "geodesic", None, None)
    yield _variant(coverage, "straight", ("直线", "straight line"), how, covered(1.0), is_headline=True)
    names = (f"直线 × {settings.detour:g}", f"straight line × {settings.detour:g}")
    how = _Way(None, "straight-line", None, None)
    yield _variant(coverage, "straight-detour", names, how, covered(settings.detour))
    if travel.method == "network":
        # On flat ground and without ferries these are the metres of the way; slopes count as the time that they cost.
        walk_mps = straight_line.speed_mps(settings, "walk")
        inside = np.zeros(len(weight), dtype=bool)
        for radius in np.unique(radii):
            of_class = facilities if (radii == radius).all() else facilities[radii == radius]
            seconds = travel.demand_times(of_class, "walk").seconds
            inside |= seconds / 60.0 <= radius / walk_mps / 60.0 + TOLERANCE_MIN
        how = _Way("walk", "network", walk_mps * 3.6, 1.0)
        names = ("沿街道步行", "walking along streets")
        yield _variant(coverage, "walk", names, how, float(weight[inside].sum()))


def _variant(
    coverage: Coverage, variant_id: str, names: Words, way: _Way, covered: float, is_headline: bool = False
) -> Variant:
    share = round(covered / coverage.total, 6) if coverage.total else None
    return Variant(
        id=variant_id,
        name=names[0],
        name_en=names[1],
        mode=way.mode,
        method=way.method,
        speed_kph=None if way.speed_kph is None else round(way.speed_kph, 3),
        speed_factor=None if way.speed_factor is None else round(way.speed_factor, 6),
        covered=round(covered, 1),
        share=coverage.share if is_headline else share,
        is_headline=is_headline,
    )


def _notes(measured: Doubts) -> list[str]:
    return [
        f"{doubt.name}：任何结果都可能，未计入合计 {doubt.name_en}: any result is possible; not in the range of all"
        for doubt in measured.single
        if doubt.lowest is None
    ]
