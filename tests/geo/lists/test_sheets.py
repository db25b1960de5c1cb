"""Sheets with hidden rows, columns and sheets, columns without a heading, and cells that hold errors."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest

from geo.lists import workbook_details
from support import binary_workbooks, opendocument
from support.binary_workbooks import old_workbook
from support.list_files import A, B, C, book, clinic, raw, read, refusal, table

HEAD = ["名称", "类别", "经度", "纬度", "电话"]
ROWS = [["甲诊所", "诊所", *A, "0579-1"], ["乙诊所", "诊所", *B, "0579-2"], ["丙诊所", "诊所", *C, "0579-3"]]


def xlsx(path: Path) -> None:
    made = openpyxl.Workbook()
    made.remove(made.active)
    for name, state in (("名单", "visible"), ("旧", "hidden"), ("更旧", "veryHidden")):
        sheet = made.create_sheet(name)
        sheet.sheet_state = state
        for row in [HEAD, *ROWS]:
            sheet.append(row)
    made["名单"].row_dimensions[4].hidden = True
    made["名单"].column_dimensions["E"].hidden = True
    made.save(path)


def xlsb(path: Path) -> None:
    sheets = {"名单": [HEAD, *ROWS], "旧": [HEAD, *ROWS], "更旧": [HEAD, *ROWS]}
    binary_workbooks.write(path, sheets, hidden_sheets=["旧", "更旧"], hidden_rows=[3], hidden_columns=[4])


@pytest.mark.parametrize("make", [xlsx, xlsb])
def test_hidden_rows_columns_and_sheets_are_said(make: Callable[[Path], None], tmp_path: Path) -> None:
    facility_list = read(tmp_path / "a.xlsx", make, coordinates="wgs84")
    assert [row.where for row in facility_list.rows] == ["名单 row 2", "名单 row 3", "名单 row 4"]
    assert ["hidden" in " ".join(row.notes) for row in facility_list.rows] == [False, False, True]
    notes = "\n".join(facility_list.notes)
    for said in ("sheet 旧 is hidden and was not read (4 rows): give --sheet 旧", "sheet 更旧 is hidden",
                 "sheet 名单: column E (电话) is hidden; it is read"):  # fmt: skip
        assert said in notes
    old = read(tmp_path / "b.xlsx", make, coordinates="wgs84", sheets=["旧"])
    assert {row.where.split()[0] for row in old.rows} == {"旧"}
    assert "has no sheet '新'" in refusal(tmp_path / "c.xlsx", make, sheets=["新"])


@pytest.mark.parametrize("visibility", ["collapse", "filter"])
def test_hidden_rows_and_columns_of_an_opendocument_spreadsheet_are_said(visibility: str, tmp_path: Path) -> None:
    facility_list = read(
        tmp_path / "a.ods",
        lambda path: opendocument.write(path, [HEAD, *ROWS], f'table:visibility="{visibility}"'),
        coordinates="wgs84",
    )
    assert ["hidden" in " ".join(row.notes) for row in facility_list.rows] == [False, False, True]
    assert any("column E (电话) is hidden" in note for note in facility_list.notes)


def test_hidden_rows_of_an_old_workbook_are_said(tmp_path: Path) -> None:
    make = raw(old_workbook([HEAD, *ROWS], hidden_rows=[2]))
    facility_list = read(tmp_path / "a.xls", make, coordinates="wgs84")
    assert ["hidden" in " ".join(row.notes) for row in facility_list.rows] == [False, True, False]
    assert not any("cannot be told" in note for note in facility_list.notes)


def test_a_workbook_of_hidden_sheets_asks(tmp_path: Path) -> None:
    def make(path: Path) -> None:
        binary_workbooks.write(path, {"名单": [HEAD, *ROWS]}, hidden_sheets=["名单"])

    assert "all of its sheets are hidden: give --sheet 名单" in refusal(tmp_path / "a.xlsb", make)
    assert len(read(tmp_path / "b.xlsb", make, sheets=["名单"]).rows) == 3


def test_a_text_table_has_no_sheets_to_choose(tmp_path: Path) -> None:
    said = refusal(tmp_path / "a.csv", table(*ROWS, head=HEAD), sheets=["旧"])
    assert "has no sheet '旧'" in said


@pytest.mark.parametrize(
    ("head", "row", "letter"),
    [
        (["名称", "类别", "", "经度", "纬度"], ["甲诊所", "诊所", "胜利街1号", *A], "C"),
        (["", "名称", "类别", "经度", "纬度"], ["胜利街1号", "甲诊所", "诊所", *A], "A"),
        (["名称", "类别", "经度", "纬度", ""], ["甲诊所", "诊所", *A, "胜利街1号"], "E"),
        (["名称", "类别", "经度", "", "纬度"], ["甲诊所", "诊所", A[0], "胜利街1号", A[1]], "D"),
    ],
)
@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_a_column_without_a_heading_is_said_and_can_be_named(
    head: list[str], row: list[object], letter: str, ending: str, tmp_path: Path
) -> None:
    make = table(row, head=head) if ending == "csv" else book([cell or None for cell in head], row)
    facility_list = read(tmp_path / f"a.{ending}", make, coordinates="wgs84")
    (note,) = (note for note in facility_list.notes if "has no heading" in note)
    assert f"column {letter} has no heading and is not read: 1 of 1 rows fill it, such as '胜利街1号'" in note
    named = read(tmp_path / f"b.{ending}", make, coordinates="wgs84", columns={f"column {letter}": "address"})
    assert named.rows[0].values["address"] == "胜利街1号"


def test_an_empty_column_without_a_heading_is_not_mentioned(tmp_path: Path) -> None:
    facility_list = read(
        tmp_path / "a.csv", table([*clinic(1, A), "", " "], head=["编号", "类别", "名称", "经度", "纬度", "", ""])
    )
    assert not any("no heading" in note for note in facility_list.notes)


def test_a_table_without_headings_is_refused_as_that(tmp_path: Path) -> None:
    assert "its first row holds data and no headings" in refusal(tmp_path / "a.csv", table(ROWS[1], head=ROWS[0]))


@pytest.mark.parametrize("error", ["#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "Err:502"])
def test_an_error_in_a_text_table_is_a_problem(error: str, tmp_path: Path) -> None:
    make = table(["甲诊所", "诊所", error, A[1], "1"], ["乙诊所", "诊所", *B, error], head=[*HEAD[:4], "备注"])
    first, second = read(tmp_path / "a.csv", make).rows
    assert f"经度 holds the error {error}" in first.problems[0]
    assert (second.problems, second.notes[0][:10]) == ((), f"备注 holds the error {error}"[:10])


def test_an_error_in_a_workbook_names_its_cell(tmp_path: Path) -> None:
    rows = [["甲诊所", "诊所", *A, ValueError(42)], ["乙诊所", "诊所", ValueError(23), B[1], "1"]]
    first, second = read(tmp_path / "a.xlsb", lambda path: binary_workbooks.write(path, {"s": [HEAD, *rows]})).rows
    assert "cell E2 holds the error #N/A" in first.problems[0]
    assert "cell C3 holds the error #REF!" in second.problems[0]
    (row,) = read(
        tmp_path / "a.ods", lambda path: opendocument.write(path, [HEAD, ["甲诊所", "诊所", *A, "#N/A"]])
    ).rows
    assert "cell E2 holds the error #N/A" in row.problems[0]


def test_locked_workbooks_are_said_to_be_locked(tmp_path: Path) -> None:
    package = "EncryptedPackage\0".encode("utf-16-le")  # the stream of an encrypted xlsx, in place of Workbook
    locked = old_workbook([HEAD, *ROWS]).replace("Workbook\0".encode("utf-16-le").ljust(len(package), b"\0"), package)
    assert "is locked with a password" in refusal(tmp_path / "a.xlsx", raw(locked))


def test_hidden_parts_of_a_sheet_that_is_written_by_hand_are_seen(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    xlsx(path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    sheet = members["xl/worksheets/sheet1.xml"]
    for old, new in ((b'hidden="1"', b"hidden='true'"), (b'<row r="2"', b'<row ht="0" r="2"')):
        assert old in sheet
        sheet = sheet.replace(old, new)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in (members | {"xl/worksheets/sheet1.xml": sheet}).items():
            archive.writestr(name, content)
    details = workbook_details.read(path, "xlsx")
    assert details is not None
    assert (details[0].hidden_rows, details[0].hidden_columns) == ({1, 3}, {4})


def test_columns_are_lettered_as_in_spreadsheets() -> None:
    letters = [workbook_details.column_letters(column) for column in (0, 25, 26, 701, 702)]
    assert letters == ["A", "Z", "AA", "ZZ", "AAA"]
