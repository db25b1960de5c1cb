"""A column 状态 says whether a facility stands."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from geo.study import facilities
from service.register.register import Register
from support import town
from support.lists import HEADINGS, import_row

WITH_DAYS = (*HEADINGS, "状态", "开业时间", "停业时间")
PAST, FUTURE = "2020-01-01", "2050-01-01"


@pytest.mark.parametrize(
    ("status", "opened", "closed", "days", "words"),
    [
        ("在建", "", "", ("NOT_YET", None), "does not count until a day of opening is given"),
        ("规划中", "", "", ("NOT_YET", None), "does not count"),
        ("未开放", FUTURE, "", (FUTURE, None), None),
        ("在建", PAST, "", (PAST, None), "contradicts its day of opening, 2020-01-01"),
        ("停业", "", "", (None, "TODAY"), "closed from"),
        ("已撤销", "", PAST, (None, PAST), None),
        ("关闭", "", FUTURE, (None, FUTURE), "contradicts its day of closing"),
        ("正常", "", "", (None, None), None),
        ("运营中", PAST, "", (PAST, None), None),
        ("开放", FUTURE, "", (FUTURE, None), "contradicts its day of opening"),
        ("运营", "", PAST, (None, PAST), "contradicts its day of closing"),
        ("丙类", "", "", (None, None), "is not understood"),
        ("无", "", "", (None, None), None),
        ("停业（2023年5月）", "", "", (None, "2023-05-01"), "closed from 2023-05-01 on"),
        ("已关闭(2023-05-07)", "", "", (None, "2023-05-07"), "closed from 2023-05-07 on"),
        ("停业（拆迁）", "", "", (None, "TODAY"), "'拆迁' in the brackets"),
        ("停业（2023年5月）", "", PAST, (None, PAST), "'2023年5月' in the brackets"),
        ("正常（2023年5月）", "", "", (None, None), "'2023年5月' in the brackets"),
        ("暂停营业", "", "", (None, "TODAY"), "for now, closed from"),
        ("停业整顿", "", "", (None, "TODAY"), "for now, closed from"),
        ("装修中（预约）", "", "", (None, "TODAY"), "for now, closed from"),
    ],
)
def test_a_status_sets_days_and_contradictions_are_reported(
    status: str,
    opened: str,
    closed: str,
    days: tuple[str | None, str | None],
    words: str | None,
    register: Register,
    tmp_path: Path,
):
    row = import_row(
        register, tmp_path, "新诊所", "诊所", *town.place(6, 6), status, opened, closed, headings=WITH_DAYS
    )
    frame = register.get(str(row.id)).frame
    named = {"TODAY": register.study.today(), "NOT_YET": facilities.NOT_YET}
    expected = tuple(day and (named.get(day) or date.fromisoformat(day)) for day in days)
    assert (frame["opened"].iloc[0], frame["closed"].iloc[0]) == expected
    assert any(words in why for why in row.why) if words else row.why == ()


def test_a_facility_that_does_not_stand_yet_counts_when_it_stands(register: Register, tmp_path: Path):
    def exists(day: date) -> bool:
        return facility in facilities.existing_on(register.facilities(), day).index

    def import_status(status: str, **days: Any) -> None:
        cells = ("新诊所", "诊所", *town.place(6, 6), status, days.get("opened", ""), "")
        assert import_row(register, tmp_path, *cells, headings=WITH_DAYS).id == facility

    today = register.study.today()
    first = import_row(register, tmp_path, "新诊所", "诊所", *town.place(6, 6), "在建", "", "", headings=WITH_DAYS)
    facility = str(first.id)
    assert not exists(today)
    import_status("在建")
    assert not exists(today + timedelta(days=9999))
    import_status("运营")
    assert exists(today)
    import_status("停业")
    assert not exists(today)
    assert exists(today - timedelta(days=1))
