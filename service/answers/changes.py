"""The answer about what changed between two days: facilities that opened and closed, edits, and each standard."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import geopandas as gpd

from geo.errors import FieldError
from geo.measures import days, scenarios
from geo.measures.scenarios import Comparison
from geo.study import geojson
from service.answers.engine import Answers
from service.answers.json_types import JsonObject
from service.answers.scenarios import comparison_members
from service.answers.state import RegisterState
from service.register import changes as register_changes
from service.register.changes import EditsBetween
from service.register.tables import ChangeRecord


@dataclass(frozen=True)
class Changes:
    """What changed after the day ``first`` and until the end of the day ``last``.

    ``opened`` and ``closed`` are facilities in the order of the days on which they did. A facility that opened and
    closed within the period is in both.
    """

    first: date
    last: date
    opened: gpd.GeoDataFrame
    closed: gpd.GeoDataFrame
    edits: EditsBetween
    comparisons: list[Comparison]
    notes: list[str]


def between(answers: Answers, state: RegisterState, first: date | None, last: date | None, limit: int) -> Changes:
    """What changed after ``first`` (default: the first day there is) until ``last`` (default today), both by their end.

    ``limit`` is how many edits are described.

    Raises
    ------
    FieldError
        A day is too far away, or the period ends before it begins.
    """
    first = days.FIRST_DAY if first is None else days.check(first, state.today, "from")
    last = state.today if last is None else days.check(last, state.today, "to")
    if first > last:
        raise FieldError([("from", f"from = {first}: is after to = {last}")])
    frame = answers.facilities(state, None)
    opened, closed = (_within(frame, name, first, last) for name in ("opened", "closed"))
    zone = ZoneInfo(answers.study.settings.timezone)
    after, until = (datetime.combine(day + timedelta(days=1), time(), zone) for day in (first, last))
    edits = register_changes.between(answers.register.database, after, until, limit)
    comparisons = []
    for standard in answers.study.standards:
        then, now = (answers.measured_on(state, standard, day) for day in (first, last))
        comparisons.append(scenarios.compare_counted(answers.study, standard, then, now))
    return Changes(first, last, opened, closed, edits, comparisons, _notes(answers, state, first, last, edits))


def _within(frame: gpd.GeoDataFrame, column: str, first: date, last: date) -> gpd.GeoDataFrame:
    """The facilities whose day in ``column`` is after ``first`` and not after ``last``, in the order of these days."""
    rows = frame.loc[[day is not None and first < day <= last for day in frame[column]]]
    return rows.sort_values(column, kind="stable")


def _notes(answers: Answers, state: RegisterState, first: date, last: date, edits: EditsBetween) -> list[str]:
    notes = [
        f"比较 {first} 与 {last} 当日终了时的情况，按登记册现有的开办、停办日期；人口、街道和区划为现状 the ends of "
        f"{first} and {last} are compared, by the days of opening and closing that the register has now; people, "
        "streets and areas are those of today"
    ]
    frame = answers.facilities(state, None)
    unknown = int(frame["opened"].isna().sum())
    if unknown:
        notes.append(
            f"{len(frame)} 处设施中 {unknown} 处开办日期不详，视为一直存在 {unknown} of {len(frame)} facilities have "
            "no opening date: they count as standing always, and never as opened"
        )
    first_of_month = sum(day is not None and first < day <= last and day.day == 1 for day in frame["opened"])
    if first_of_month:
        notes.append(
            f"{first_of_month} 处登记为某月1日开办，可能只知年份或月份 {first_of_month} are registered as opened on "
            "the first of a month, which may mean that only the year or the month is known"
        )
    if last > state.today:
        notes.append(
            f"{last} 在今天之后：计入登记册中的计划 {last} lies ahead: what the register has as planned is counted"
        )
    zone = ZoneInfo(answers.study.settings.timezone)
    begins = None if edits.begins is None else edits.begins.astimezone(zone).date()
    if begins is None or begins > first:
        zh = "登记册尚无修改记录" if begins is None else f"登记册的修改记录始于 {begins}，此前的修改无从得知"
        en = "the history is empty" if begins is None else f"the history begins on {begins}: no earlier edit is known"
        notes.append(f"{zh} {en}")
    return notes


def answer(
    answers: Answers,
    state: RegisterState,
    first: date | None,
    last: date | None,
    limit: int,
    coordinates: str,
    names_editors: bool = False,
) -> JsonObject:
    """What `between` returns, as GeoJSON of the facilities that opened and closed.

    At most ``limit`` of each and of the edits are described. ``names_editors`` says whether edits name who made them.
    """
    changes = between(answers, state, first, last, limit)
    features = [
        _feature(row, facility_id, change, coordinates)
        for change, frame in (("opened", changes.opened), ("closed", changes.closed))
        for facility_id, row in zip(frame.index[:limit], frame.iloc[:limit].to_dict("records"), strict=True)
    ]
    return {
        "type": "FeatureCollection",
        "features": features,
        "from": changes.first,
        "to": changes.last,
        "opened": {"count": len(changes.opened), "by_category": dict(Counter(changes.opened["category"]))},
        "closed": {"count": len(changes.closed), "by_category": dict(Counter(changes.closed["category"]))},
        "edits": {
            "count": sum(changes.edits.by_action.values()),
            "by_action": changes.edits.by_action,
            "facilities": changes.edits.facilities,
            "history_begins": changes.edits.begins,
            "latest": edit_members(answers, state, changes.edits.latest, names_editors),
        },
        "standards": [comparison_members(comparison, coordinates) for comparison in changes.comparisons],
        "notes": changes.notes,
        "coordinate_system": coordinates,
        **answers.study_metadata,
    }


def _feature(row: JsonObject, facility_id: object, change: str, coordinates: str) -> JsonObject:
    members = ("category", "subtype", "name", "area_code", "opened", "closed")
    return {
        "type": "Feature",
        "id": f"{facility_id}",
        "geometry": geojson.geometry(row["geometry"], coordinates),
        "properties": {"change": change, "day": row[change], **{name: row[name] for name in members}},
    }


def edit_members(
    answers: Answers, state: RegisterState, edits: list[ChangeRecord], names_editors: bool
) -> list[JsonObject]:
    """Each edit as JSON: what, when, how and which fields; if ``names_editors``, also by whom and from which file."""
    names = answers.facilities(state, None)["name"]
    rows = []
    for edit in edits:
        row: JsonObject = {
            "facility_id": edit.facility_id,
            "name": names.get(edit.facility_id),  # None too if it was removed from the register
            "at": edit.at,
            "action": edit.action,
            "version": edit.version,
            "fields": list(edit.fields),
        }
        rows.append(row | {"who": edit.who, "source": edit.source} if names_editors else row)
    return rows
