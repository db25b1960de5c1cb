"""Coverage as a table for people and as a spreadsheet."""

import csv
import io
from collections.abc import Callable
from pathlib import Path

import openpyxl
from python_calamine import CalamineWorkbook
from starlette.testclient import TestClient

from support import program, town
from support.program import output_of

FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", '=HYPERLINK("http://x","y")')
MARKUP = ("[red]x[/red]", "[/]", "[bold", "a\\[b]", "[link=http://x]y[/link]", ":smile:")


def as_text(value: object) -> str:
    return "" if value is None else str(value)


def as_number(cell: object) -> object:
    """The number in a cell, else its text. A workbook writes dates with midnight and whole numbers without a point."""
    text = as_text(cell).removesuffix(" 00:00:00")
    try:
        return float(text)
    except ValueError:
        return text


def test_a_csv_has_a_row_for_each_standard_and_area(town_folder: Path, make_client: Callable[[Path], TestClient]):
    content = output_of(program.call("coverage", "--study", town_folder, "--format", "csv"))
    assert content.startswith(b"\xef\xbb\xbf")  # without a byte order mark Excel expects another encoding
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    expected = []
    for coverage in make_client(town_folder).get("/v1/coverage").json()["standards"]:
        for area in ({**coverage, "code": ""}, *coverage["areas"]):
            figures = (as_text(area[name]) for name in ("total", "covered", "share"))
            expected.append((coverage["standard"], area["code"], *figures))
    columns = ("standard", "area_code", "total", "covered", "share")
    assert [tuple(row[column] for column in columns) for row in rows] == expected
    assert len(rows) == 9 * (1 + 2)


def test_a_workbook_has_the_cells_of_the_csv(town_folder: Path, tmp_path: Path):
    content = output_of(program.call("coverage", "--study", town_folder, "--format", "csv")).decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(content, newline="")))
    file = tmp_path / "figures.xlsx"
    assert output_of(program.call("coverage", "--study", town_folder, "--format", "xlsx", "-o", file)) == b""
    book = openpyxl.load_workbook(file)
    cells = [[as_number(cell) for cell in row] for row in book.active.iter_rows(values_only=True)]
    book.close()
    assert cells[1:] == [[as_number(cell) for cell in row] for row in rows[1:]]
    assert all(heading.endswith(f" {name}") for heading, name in zip(cells[0], rows[0], strict=True))
    assert all(not heading[0].isascii() for heading in cells[0])


def test_sums_of_areas_in_a_workbook_are_those_of_the_whole(town_folder: Path, tmp_path: Path):
    """Every column of numbers counts one kind of thing in the rows of areas and in that of the whole study."""
    file = tmp_path / "figures.xlsx"
    output_of(program.call("coverage", "--study", town_folder, "--format", "xlsx", "-o", file))
    rows = CalamineWorkbook.from_path(file).get_sheet_by_index(0).to_python()
    table = [dict(zip((heading.split()[-1] for heading in rows[0]), row, strict=True)) for row in rows[1:]]
    wholes = {row["standard"]: row for row in table if row["area_code"] == ""}
    assert len(wholes) == 9
    for standard, whole in wholes.items():
        areas = [row for row in table if row["standard"] == standard and row["area_code"]]
        for column in ("total", "covered", "people", "residents"):
            numbers = [row[column] for row in areas]
            assert (sum(numbers) if "" not in numbers else "") == whole[column], (standard, column)


def test_names_that_look_like_formulas_do_not_run(tmp_path: Path):
    folder = town.make(tmp_path / "town", names=FORMULAS)
    text = output_of(program.call("coverage", "--study", folder, "--format", "csv")).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert {row["area_name"] for row in rows} >= {"'=1+1", "'+1"}
    assert [cell for row in rows for cell in row.values() if cell[:1] in ("=", "+", "-", "@", "\t", "\r")] == []
    content = output_of(program.call("coverage", "--study", folder, "--format", "xlsx"))
    book = openpyxl.load_workbook(io.BytesIO(content))
    cells = [cell for row in book.active.iter_rows() for cell in row]
    book.close()
    assert any("=1+1" in str(cell.value) for cell in cells)
    assert [cell.value for cell in cells if cell.data_type == "f"] == []


def test_names_with_markup_are_printed_as_they_are(tmp_path: Path):
    folder = town.make(tmp_path / "town", names=MARKUP)
    process = program.call("coverage", "--study", folder, "--standard", "park-500", COLUMNS="200")
    details = output_of(process).decode()
    assert "[red]x[/red]" in details
    assert " [/] " in details
    lon, lat = town.place(3, 3)
    options = (f"--lon={lon}", f"--lat={lat}", "--limit=20")
    nearest = output_of(program.call("nearest", *options, "--study", folder, COLUMNS="200")).decode()
    assert [name for name in MARKUP if f" {name} " not in nearest] == []


def test_a_table_shows_counts_shares_and_targets(town_folder: Path, tmp_path: Path):
    table = output_of(program.call("coverage", "--study", town_folder, COLUMNS="140")).decode()
    line = next(line for line in table.splitlines() if "hall-presence" in line)
    assert "1 / 4" in line
    assert "25.0%" in line
    assert "≥ 90% ✗" in line
    file = tmp_path / "table.txt"
    assert output_of(program.call("coverage", "--study", town_folder, "-o", file, COLUMNS="140")) == b""
    assert file.read_text("utf-8") == table


def test_the_ending_of_the_output_file_sets_the_format(town_folder: Path, tmp_path: Path) -> None:
    for name, start in (("a.xlsx", b"PK"), ("a.csv", b"\xef\xbb\xbf"), ("a.json", b"{"), ("a.txt", b"\n")):
        output_of(program.call("coverage", "--study", town_folder, "-o", tmp_path / name))
        assert (tmp_path / name).read_bytes().lstrip(b" ").startswith(start)
