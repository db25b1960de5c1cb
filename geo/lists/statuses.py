"""Whether a facility stands, as a column 状态 says it, and what that means for its days of opening and closing.

The register knows two days of a facility: `opened` and `closed`. A facility that does not stand yet and has no day of
opening gets the day `facilities.NOT_YET`, on which it counts nowhere.
"""

import re
import unicodedata
from collections.abc import Mapping
from datetime import date
from typing import Literal, NamedTuple, TypeAlias

from geo.lists import values
from geo.lists.remarks import WithNote
from geo.study import facilities

Status: TypeAlias = Literal["planned", "standing", "closed", "paused"]

# fmt: off
_WORDS: dict[Status, tuple[str, ...]] = {
    "planned": (
        "在建", "在建中", "建设中", "正在建设", "施工中", "施工", "新建中", "改建中", "扩建中", "规划", "规划中",
        "拟规划", "拟建", "筹建", "筹建中", "筹备", "筹备中", "待建", "待开工", "未开工", "未建", "未建成", "未竣工",
        "未开放", "未开业", "未开园", "未运营", "未营业", "未投用", "未启用", "未投入使用", "尚未开放", "尚未投用",
        "暂未开放", "待开放", "待开业", "待启用", "即将开放", "即将开业", "立项", "前期", "planned", "proposed",
        "construction", "under construction", "not open", "not yet open",
    ),
    "standing": (
        "正常", "运营", "运营中", "正在运营", "正常运营", "已运营", "营业", "营业中", "正常营业", "开放", "开放中",
        "正常开放", "已开放", "对外开放", "在营", "在用", "使用中", "正常使用", "已使用", "已建", "已建成", "建成",
        "已投用", "已投入使用", "投入使用", "投用", "已启用", "启用", "已开业", "开业", "已开园", "开园", "在园",
        "在办", "在业", "存续", "存续（在营、开业、在册）", "有效", "执业", "正常执业", "已竣工", "竣工", "试运营",
        "试运行", "open", "opened", "operating", "operational", "active", "in use", "normal", "existing",
    ),
    "closed": (
        "停业", "已停业", "关闭", "已关闭", "永久关闭", "关停", "已关停", "撤销", "已撤销", "撤并", "已撤并", "注销",
        "已注销", "吊销", "已吊销", "停办", "已停办", "停用", "已停用", "停运", "已停运", "停止运营", "歇业",
        "已歇业", "拆除", "已拆除", "废弃", "已废弃", "已拆迁", "倒闭", "终止", "closed", "permanently closed",
        "abandoned", "demolished", "disused", "inactive",
    ),
    "paused": (
        "暂停营业", "暂停运营", "暂停开放", "暂停服务", "暂停使用", "暂停", "暂时停业", "暂时关闭", "暂时停用",
        "临时关闭", "临时停业", "停业整顿", "停业整改", "停业装修", "停业维修", "歇业整顿", "歇业装修", "闭馆装修",
        "闭馆维修", "闭馆改造", "装修", "装修中", "正在装修", "整修中", "维修中", "修缮中", "改造中", "整顿中",
        "整改中", "temporarily closed", "closed temporarily", "suspended", "under renovation",
    ),
}
# fmt: on


def _key(words: str) -> str:
    return "".join(unicodedata.normalize("NFKC", words).casefold().split())


_WITH_BRACKETS = re.compile(r"([^()]+)\(([^()]*)\)")

_STATUS_BY_WORD = {_key(word): status for status, words in _WORDS.items() for word in words}


class Days(NamedTuple):
    """The days of opening and closing that a status changes, by the name of the field, and remarks."""

    changes: dict[str, date | None]
    remarks: tuple[str, ...]


def days(words: str, stated: Mapping[str, object], known: Mapping[str, object], today: date) -> Days:
    """What a status means for a facility's days.

    Parameters
    ----------
    words : the status as the list writes it
    stated : the fields that the list states of the facility
    known : the fields that the register has of it; empty for a new facility
    """
    status, in_brackets = _status_and_brackets(words)
    day, remarks_on_brackets = _day_in_brackets(in_brackets)
    if day is not None and status == "closed" and _day(stated.get("closed")) is None:
        return Days({"closed": day}, (f"status {words[:40]!r}: closed from {day} on",))
    result = _days_of_status(status, words, stated, known, today)
    return Days(result.changes, (*result.remarks, *remarks_on_brackets)) if status else result


def _status_and_brackets(words: str) -> tuple[Status | None, str | None]:
    """The status that words mean, and what stands in brackets behind them; None for either where there is none."""
    key = _key(words)
    if key not in _STATUS_BY_WORD and (match := _WITH_BRACKETS.fullmatch(key)):
        return _STATUS_BY_WORD.get(match[1]), match[2]
    return _STATUS_BY_WORD.get(key), None


def _day_in_brackets(in_brackets: str | None) -> tuple[date | None, tuple[str, ...]]:
    """The day that brackets name, None where they name none; and a remark that what they say was not used."""
    if not in_brackets:
        return None, ()
    remark = (f"{in_brackets[:40]!r} in the brackets of its status was not used",)
    try:
        day = values.parse_day(re.sub("(?:起|停业|关闭|撤销|停办)$", "", in_brackets))
    except ValueError:
        return None, remark
    return _day(day.value if isinstance(day, WithNote) else day), remark


def _days_of_status(
    status: Status | None, words: str, stated: Mapping[str, object], known: Mapping[str, object], today: date
) -> Days:
    """As `days`, for a status without brackets."""
    opened, closed = (_day(stated.get(name)) or _day(known.get(name)) for name in ("opened", "closed"))
    said = f"status {words[:40]!r}"
    if status is None:
        return Days({}, (f"{said} is not understood, and the facility counts by its days alone",))
    if status == "planned":
        if opened is None:
            return Days({"opened": facilities.NOT_YET}, (f"{said}: it does not count until a day of opening is given",))
        return Days({}, () if opened > today else (f"{said} contradicts its day of opening, {opened}, which was kept",))
    if status in ("closed", "paused"):
        if closed is None:
            changes: dict[str, date | None] = {"closed": today}
            changes |= {"opened": None} if opened == facilities.NOT_YET else {}
            later = (
                "give the day if it is known" if status == "closed" else "clear its day of closing when it opens again"
            )
            for_now = "" if status == "closed" else "for now, "
            return Days(changes, (f"{said} without a day: {for_now}closed from {today} on; {later}",))
        return Days({}, (f"{said} contradicts its day of closing, {closed}, which was kept",) if closed > today else ())
    remarks = []
    if closed is not None and closed <= today:
        remarks.append(f"{said} contradicts its day of closing, {closed}, which was kept; give null or the right day")
    if opened == facilities.NOT_YET:
        return Days({"opened": None}, (*remarks, f"{said}: it counts from now on, its day of opening is not known"))
    if opened is not None and opened > today:
        remarks.append(f"{said} contradicts its day of opening, {opened}, which was kept")
    return Days({}, tuple(remarks))


def _day(value: object) -> date | None:
    return value if isinstance(value, date) else None
