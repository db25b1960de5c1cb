"""Coverage by the hour: which share of people has an open facility within the limit, at each hour of a usual week.

The share of an hour counts the facilities that are open when the hour begins: that of Monday 12:00 those that are open
on Monday at noon. A facility whose hours are unknown may be open or not, so each hour has two shares: the lower counts
it as closed, the upper as open. A usual week has no public holidays. Where hours differ between weeks, as with seasons,
those of one week hold.

Facilities with the same week form a group. One search for each group finds the people within its limit; whether
somebody is covered at an hour is then whether a group that is open reaches them. So there are as many searches as
different weeks, which are few, instead of one for each of the 168 hours.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import shapely

from geo.arrays import BoolArray, Int64Array
from geo.errors import FuwuquanError, UnknownNameError
from geo.geodesy.distance import TOLERANCE_M
from geo.geodesy.projection import projection
from geo.measures.counting import TOLERANCE_MIN, CountedUnits
from geo.study import opening_hours
from geo.study.opening_hours import HOURS_OF_WEEK
from geo.study.standards import Radius, Standard, TravelTime
from geo.traveltime import nearest
from geo.traveltime.travel import Travel

WEEKDAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
MAX_GROUPS = 400
"""More different weeks than this are refused: each is a search."""


class NoHoursError(UnknownNameError):
    """The standard has no coverage by the hour; the message says why."""

    def __init__(self, reason: str) -> None:
        FuwuquanError.__init__(self, reason)


@dataclass(frozen=True)
class HourShare:
    """The coverage at the beginning of one hour of a usual week.

    ``covered`` and ``share`` count facilities of unknown hours as closed, ``covered_at_most`` and ``share_at_most`` as
    open. ``open`` and ``unknown`` are numbers of facilities.
    """

    weekday: str
    hour: int
    covered: float
    share: float | None
    covered_at_most: float
    share_at_most: float | None
    open: int
    unknown: int


@dataclass(frozen=True)
class Hours:
    """The coverage of a standard by the hour.

    ``hours`` has `HOURS_OF_WEEK` elements from Monday 00:00. ``best`` and ``worst`` are those with the most and the
    fewest people covered, the earliest of equal ones. ``once`` are the people covered in at least one hour, ``always``
    those in every hour, ``never`` those in none although a facility is within their limit; each with facilities of
    unknown hours closed, and (``_at_most``, ``_at_least``) open. ``beyond`` are the people who have no facility within
    the limit, whatever its hours. ``unknown_hours`` says of how many facilities no hour is known, by reason.
    """

    week: date
    hours: list[HourShare]
    best: HourShare
    worst: HourShare
    once: float
    once_at_most: float
    always: float
    always_at_most: float
    never: float
    never_at_least: float
    beyond: float
    facilities: int
    unknown_hours: dict[str, int]
    seasonal: int
    notes: list[str]


def monday_of(day: date) -> date:
    """The Monday of the week of ``day``."""
    return day - timedelta(days=day.weekday())


def measure(travel: Travel, standard: Standard, counted: CountedUnits, day: date) -> Hours:
    """Return the coverage by the hour of what ``standard`` counts, in the week of ``day``.

    Raises
    ------
    NoHoursError
        The standard is not one of travel time or radius, or its facilities have more than `MAX_GROUPS` different weeks.
    """
    standard = check(standard)
    monday = monday_of(day)
    weeks = [opening_hours.usual_week(text, monday) for text in counted.facilities["opening_hours"]]
    states = np.array([week.states for week in weeks], dtype=object).reshape(len(weeks), HOURS_OF_WEEK)
    is_open, is_unknown = states == "open", states == "unknown"
    masks, group = np.unique(np.concatenate([is_open, is_unknown], axis=1), axis=0, return_inverse=True)
    if len(masks) > MAX_GROUPS:
        raise NoHoursError(f"the facilities of {standard.id} have {len(masks)} different weeks, more than {MAX_GROUPS}")
    weight = counted.rows["weight"].to_numpy()
    candidates = counted.rows["inside"].to_numpy()
    reached = _reached(travel, standard, counted, np.asarray(group).reshape(-1), len(masks))
    open_masks = masks[:, :HOURS_OF_WEEK]
    surely = _covered_hours(reached, open_masks)
    perhaps = _covered_hours(reached, open_masks | masks[:, HOURS_OF_WEEK:])
    people = weight[candidates]
    total = float(weight.sum())

    def share(covered: float) -> float | None:
        return round(covered / total, 6) if total and counted.is_known else None

    shares = []
    for hour, (least, most) in enumerate(zip(people @ surely, people @ perhaps, strict=True)):
        least, most = float(least), float(most)
        numbers = int(is_open[:, hour].sum()), int(is_unknown[:, hour].sum())
        weekday = WEEKDAYS[hour // 24]
        shares.append(
            HourShare(weekday, hour % 24, round(least, 1), share(least), round(most, 1), share(most), *numbers)
        )
    inside = float(people.sum())
    once, once_at_most, always, always_at_most = (
        float(people[rows].sum())
        for rows in (surely.any(axis=1), perhaps.any(axis=1), surely.all(axis=1), perhaps.all(axis=1))
    )
    unknown = Counter(str(week.reason) for week in weeks if set(week.states) == {"unknown"})
    seasonal = sum(week.depends_on_date for week in weeks)
    return Hours(
        week=monday,
        hours=shares,
        best=max(shares, key=lambda entry: entry.covered),
        worst=min(shares, key=lambda entry: entry.covered),
        once=round(once, 1),
        once_at_most=round(once_at_most, 1),
        always=round(always, 1),
        always_at_most=round(always_at_most, 1),
        never=round(inside - once, 1),
        never_at_least=round(inside - once_at_most, 1),
        beyond=round(total - inside, 1),
        facilities=len(weeks),
        unknown_hours=dict(sorted(unknown.items())),
        seasonal=seasonal,
        notes=_notes(len(weeks), is_unknown, seasonal, monday),
    )


def check(standard: Standard) -> TravelTime | Radius:
    """Return ``standard``; NoHoursError if it can have no coverage by the hour."""
    if not isinstance(standard, TravelTime | Radius):
        counts = "openings" if standard.measure == "opened" else "units that have a facility"
        raise NoHoursError(
            f"{standard.id} counts {counts}: only standards of travel_time and radius have a coverage by the hour"
        )
    return standard


def _covered_hours(reached: BoolArray, masks: BoolArray) -> BoolArray:
    """Whether each person is covered at each hour: shape (people, hours), from (people, groups) and (groups, hours)."""
    # Float matrices multiply fast; the sums are small whole numbers, so they are exact.
    columns, hour = np.unique(masks, axis=1, return_inverse=True)
    covered = reached.astype(np.float32) @ columns.astype(np.float32) > 0
    return np.asarray(covered[:, np.asarray(hour).reshape(-1)])


def _reached(
    travel: Travel, standard: TravelTime | Radius, counted: CountedUnits, group: Int64Array, groups: int
) -> BoolArray:
    """Whether each group of facilities is within the limit of each row inside, shape (rows inside, groups).

    ``group`` is the group of each facility, shape (facilities,).
    """
    rows = np.flatnonzero(travel.study.demand.index.isin(counted.rows.index[counted.rows["inside"]]))
    if isinstance(standard, Radius):
        columns = _within_metres(travel, standard, counted, group, groups, rows)
    elif travel.method == "network":
        columns = _within_minutes(travel, standard, counted, group, groups, rows)
    else:
        lon, lat = (travel.study.demand[name].to_numpy()[rows] for name in ("lon", "lat"))
        frames = (counted.facilities.iloc[np.flatnonzero(group == number)] for number in range(groups))
        times = (travel.times(frame, lon, lat, standard.mode).seconds / 60.0 for frame in frames)
        columns = [minutes <= standard.minutes + TOLERANCE_MIN for minutes in times]
    return np.column_stack(columns) if columns else np.zeros((len(rows), 0), dtype=bool)


def _within_minutes(
    travel: Travel, standard: TravelTime, counted: CountedUnits, group: Int64Array, groups: int, rows: Int64Array
) -> list[BoolArray]:
    limit = standard.minutes + TOLERANCE_MIN
    network, points = travel.network(standard.mode), travel.demand_points(standard.mode)[rows]
    positions = travel.demand_positions(standard.mode)[rows]
    connector_s = np.where(points.edge < 0, np.inf, points.connector_m) / network.walk_mps
    stretches = network.chain_stretches(network.edge_stretches(counted.facilities.geometry.to_numpy()))
    columns: list[BoolArray] = []
    for number in range(groups):
        of_group = stretches[group[stretches.facility] == number]
        seconds = nearest.position_seconds(network, of_group, positions, limit=60.0 * limit).seconds
        columns.append((seconds + connector_s) / 60.0 <= limit)
    return columns


def _within_metres(
    travel: Travel, standard: Radius, counted: CountedUnits, group: Int64Array, groups: int, rows: Int64Array
) -> list[BoolArray]:
    metric = projection(travel.study.settings.projection)
    lon, lat = (travel.study.demand[name].to_numpy()[rows] for name in ("lon", "lat"))
    points, shapes = metric.points(lon, lat), metric.forward(counted.facilities.geometry.to_numpy())
    radii = standard.radii(counted.facilities)
    columns: list[BoolArray] = []
    for number in range(groups):
        within = np.zeros(len(rows), dtype=bool)
        for metres in np.unique(radii[group == number]):
            of_group = shapes[(group == number) & (radii == metres)]
            # The projection is true to a thousandth, so farther shapes are beyond the limit.
            tree = shapely.STRtree(of_group)
            near, shape = tree.query_nearest(points, max_distance=1.01 * metres + 1.0, all_matches=False)
            within[near] |= metric.geodesic_distances(points[near], of_group[shape]) <= metres + TOLERANCE_M
        columns.append(within)
    return columns


def _notes(facilities: int, is_unknown: BoolArray, seasonal: int, monday: date) -> list[str]:
    notes = [
        "每个钟点按整点时开放的设施计；一周不含节假日 each hour counts the facilities that are open when it begins; "
        "the week has no holidays"
    ]
    never_known = int(is_unknown.all(axis=1).sum())
    sometimes = int(is_unknown.any(axis=1).sum()) - never_known
    if never_known:
        notes.append(
            f"{facilities} 处设施中 {never_known} 处开放时间不详：下限视为不开放，上限视为开放 the hours of "
            f"{never_known} of {facilities} facilities are unknown: closed in the lower share, open in the upper"
        )
    if sometimes:
        notes.append(
            f"{sometimes} 处设施部分钟点是否开放不详，同样处理 at some hours it is unknown of {sometimes} facilities "
            "whether they are open: likewise"
        )
    if seasonal:
        notes.append(
            f"{seasonal} 处设施的开放时间随日期变化，按 {monday} 起的一周计 the hours of {seasonal} facilities differ "
            f"between weeks: those of the week of {monday} count"
        )
    return notes
