"""Telephone numbers that spreadsheets made numbers of, and opening hours in words."""

from datetime import date
from pathlib import Path

import pytest

from geo.lists import contact_values
from geo.lists.remarks import WithNote
from support.list_files import HEAD, A, book, clinic, read, table


def value_of(parsed: str | WithNote) -> object:
    return parsed.value if isinstance(parsed, WithNote) else parsed


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("87112345.0", "87112345"), ("87112345.00", "87112345"), ('="0579-87112345"', "0579-87112345"),
        ("8.7112345E+07", "87112345"), ("8.7112345e7", "87112345"), ("1.3867912345E+10", "13867912345"),
        ("８７１１２３４５", "87112345"), ("０５７９－８７１１２３４５", "0579-87112345"),
        ("0579-87112345转8001", "0579-87112345转8001"),
        ("87112345", "87112345"), ("0579-1", "0579-1"), ("见门口", "见门口"), ("①", "①"),
    ],
)  # fmt: skip
def test_telephone_numbers_keep_their_digits(text: str, expected: str) -> None:
    assert value_of(contact_values.parse_phone(text)) == expected


@pytest.mark.parametrize("text", ["1.38679E+10", "8.7E+07", "5.79871E+11", "8.71123455E+07", "1E+10"])
def test_telephone_numbers_that_lost_digits_are_refused(text: str, tmp_path: Path) -> None:
    if text != "8.71123455E+07":
        with pytest.raises(ValueError, match="lost its last digits"):
            contact_values.parse_phone(text)
    (row,) = read(tmp_path / "a.csv", table([*clinic(1, A), text], head=[*HEAD, "电话"])).rows
    assert "format the column as text" in row.problems[0]


def test_formulas_that_hold_a_text_are_that_text_in_every_column(tmp_path: Path) -> None:
    make = table(["c1", "诊所", '="甲""乙"', *A, '="0579-87112345"'], head=[*HEAD, "电话"])
    (row,) = read(tmp_path / "a.csv", make).rows
    assert (row.values["name"], row.values["phone"]) == ('甲"乙', "0579-87112345")


def test_a_number_in_a_workbook_is_a_telephone_number(tmp_path: Path) -> None:
    rows = [[*clinic(1, A), 87112345.0], [*clinic(2, A), 57987112345]]
    facility_list = read(tmp_path / "a.xlsx", book([*HEAD, "电话"], *rows))
    assert [row.values["phone"] for row in facility_list.rows] == ["87112345", "57987112345"]


@pytest.mark.parametrize(
    ("text", "expected", "said"),
    [
        ("周一至周五 8:00-17:00", "Mo-Fr 08:00-17:00", "read as Mo-Fr 08:00-17:00"),
        ("Mo-Fr 08:00-17:00", "Mo-Fr 08:00-17:00", None),
        ("24/7", "24/7", None),
        ("夏令时 8:00-17:30", "夏令时 8:00-17:30", "cannot be read as hours"),
        ("电话预约", "电话预约", "cannot be read as hours"),
        ("8:00-5:00", "8:00-5:00", "is the afternoon"),
        ("08:00-11:30,02:00-05:30", "08:00-11:30,02:00-05:30", "is the afternoon"),
        ("18:00-02:00", "18:00-02:00", None),
        ("8:00-25:00", "8:00-25:00", "past midnight"),
        ("18:00-26:00", "18:00-26:00", None),
        ("13:00-5:00", "13:00-5:00", "is the afternoon"),
        ("12:00-8:00", "12:00-8:00", "is the afternoon"),
        ("双休日休息", "双休日休息", "cannot be read as hours"),
        ("节假日休息", "节假日休息", "cannot be read as hours"),
        ("周一闭馆", "周一闭馆", "cannot be read as hours"),
        ("Sa-Su off", "Sa-Su off", None),
    ],
)
def test_opening_hours_are_read_or_kept_with_a_remark(
    text: str, expected: str, said: str | None, tmp_path: Path
) -> None:
    (row,) = read(tmp_path / "a.csv", table([*clinic(1, A), text], head=[*HEAD, "开放时间"])).rows
    assert row.values["opening_hours"] == expected
    assert (row.notes == ()) if said is None else (said in row.notes[0])


@pytest.mark.parametrize(
    ("column", "text", "expected", "said"),
    [
        ("开业时间", "202103", date(2021, 3, 1), "first day of that month"),
        ("开业时间", "210301", None, "two-digit years"),
        ("开业时间", "189912", None, "two-digit years"),
        ("开业时间", "202113", None, "is no day"),
        ("开业时间", "2099-01-01", date(2099, 1, 1), "more than 30 years ahead"),
        ("开业时间", "2200-12-31", date(2200, 12, 31), None),
        ("停业时间", "至今", None, None),
        ("停业时间", "2099-01-01", date(2099, 1, 1), None),
    ],
)
def test_days_that_are_hardly_meant_are_reported(
    column: str, text: str, expected: date | None, said: str | None, tmp_path: Path
) -> None:
    (row,) = read(tmp_path / "a.csv", table([*clinic(1, A), text], head=[*HEAD, column])).rows
    assert row.values.get("opened" if column == "开业时间" else "closed") == expected
    remarks = row.notes + row.problems
    assert (said in remarks[0]) if said else remarks == ()


def test_ids_and_area_codes_are_read_without_wide_digits_and_decimals(tmp_path: Path) -> None:
    lines = [[*clinic(1, A), "３３０７８４００１"], [*clinic(2, A), "330784001.0"], [*clinic(3, A), "330"]]
    for line, identity in zip(lines, ["２", "3.0", "002"], strict=True):
        line[0] = identity
    rows = read(tmp_path / "a.csv", table(*lines, head=[*HEAD, "区划代码"])).rows
    assert [row.values["id"] for row in rows] == ["2", "3", "002"]
    assert [row.values["area_code"] for row in rows] == ["330784001", "330784001", "330"]
    assert rows[0].notes == ()
    assert rows[1].notes == ("id '3.0' read as 3", "area_code '330784001.0' read as 330784001")
    assert "differs only in zeros" in rows[2].notes[0]
