"""The command line: the same answers as the API, on standard output alone, and each mistake in one line."""

import csv
import io
import json
import shutil
import subprocess
from pathlib import Path

import openpyxl
import pytest
from starlette.testclient import TestClient

from support import program, town

COMMANDS = ("serve", "build", "coverage", "nearest", "isochrones", "map", "import")
FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", '=HYPERLINK("http://x","y")')
MARKUP = ("[red]x[/red]", "[/]", "[bold", "a\\[b]", "[link=http://x]y[/link]", ":smile:")


def succeeded(done: subprocess.CompletedProcess[bytes]) -> bytes:
    assert done.returncode == 0, done.stderr.decode()
    assert b"Traceback" not in done.stderr
    return done.stdout


def failed(done: subprocess.CompletedProcess[bytes]) -> str:
    """The one line of an error; the sample's own note may stand before it."""
    lines = done.stderr.decode().splitlines()
    assert done.returncode in (1, 2), (done.returncode, lines)
    assert done.stdout == b""
    said = [line for line in lines if not line.startswith("Schematic sample") and line != town.NAMES[0]]
    assert len(said) == 1, said
    return said[0]


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_of_each_command(command: str):
    said = succeeded(program.call(*command.split(), "--help")).decode()
    usage = next(line for line in said.splitlines() if "Usage:" in line)
    assert f" {command} ".rstrip() in usage
    assert "--study" in said if command not in ("", "build") else "Commands" in said or "--osm" in said
    if not command:
        assert all(f" {one} " in said for one in COMMANDS)


def test_coverage_as_json_is_the_apis_answer(served_folder: Path, client: TestClient):
    done = program.run("coverage", "--study", served_folder, "--format", "json")
    assert json.loads(succeeded(done))["standards"] == client.get("/v1/coverage").json()["standards"]
    assert "Not for decisions" in done.stderr.decode()
    one = program.call("coverage", "--study", served_folder, "--format", "json", "--standard", "park-500")
    (told,) = json.loads(succeeded(one))["standards"]
    assert told.items() <= client.get("/v1/coverage/park-500").json().items()


def test_nearest_as_json_is_the_apis_answer(served_folder: Path, client: TestClient):
    asked = {
        "lon": "120.0345",
        "lat": "28.8951",
        "category": "clinic",
        "mode": "cycle",
        "limit": "3",
        "coordinates": "gcj02",
    }
    options = [part for name, value in asked.items() for part in (f"--{name}", value)]
    done = program.run("nearest", *options, "--format", "json", FUWUQUAN_STUDY=str(served_folder))
    answer = json.loads(succeeded(done))
    assert answer == client.get("/v1/nearest", params=asked).json()
    assert len(answer["features"]) == 3


def test_a_spreadsheet_has_a_row_for_each_standard_and_area(town_folder: Path, tmp_path: Path, make_client):
    text = succeeded(program.call("coverage", "--study", town_folder, "--format", "csv"))
    assert text.startswith(b"\xef\xbb\xbf")  # or Excel takes it for another encoding
    rows = list(csv.DictReader(io.StringIO(text.decode("utf-8-sig"), newline="")))
    expected = []
    for one in make_client(town_folder).get("/v1/coverage").json()["standards"]:
        expected.append((one["standard"], "", _text(one["total"]), _text(one["covered"]), _text(one["share"])))
        for area in one["areas"]:
            figures = (area["code"], _text(area["total"]), _text(area["covered"]), _text(area["share"]))
            expected.append((one["standard"], *figures))
    found = [(row["standard"], row["area_code"], row["total"], row["covered"], row["share"]) for row in rows]
    assert found == expected
    assert len(rows) == 9 * (1 + 2)

    file = tmp_path / "figures.xlsx"
    assert succeeded(program.call("coverage", "--study", town_folder, "--format", "xlsx", "-o", file)) == b""
    book = openpyxl.load_workbook(file)
    head, *cells = book.active.iter_rows(values_only=True)
    assert list(head) == list(rows[0])
    assert [[_plain(cell) for cell in row] for row in cells] == [
        [_plain(cell) for cell in row.values()] for row in rows
    ]
    book.close()


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _plain(cell: object) -> object:
    """A cell of either file: a spreadsheet has days with midnight, and whole numbers without a point."""
    text = _text(cell).removesuffix(" 00:00:00")
    try:
        return float(text)
    except ValueError:
        return text


def test_names_that_look_like_formulas_do_not_run(tmp_path: Path):
    folder = town.make(tmp_path / "town", names=FORMULAS)
    text = succeeded(program.call("coverage", "--study", folder, "--format", "csv")).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert {row["area_name"] for row in rows} >= {"'=1+1", "'+1"}
    # A number may be negative; no text begins like a formula.
    assert [cell for row in rows for cell in row.values() if cell[:1] in ("=", "+", "-", "@", "\t", "\r")] == []
    content = succeeded(program.call("coverage", "--study", folder, "--format", "xlsx"))
    book = openpyxl.load_workbook(io.BytesIO(content))
    cells = [cell for row in book.active.iter_rows() for cell in row]
    assert any("=1+1" in str(cell.value) for cell in cells)
    assert [cell.value for cell in cells if cell.data_type == "f"] == []
    book.close()


def test_names_with_markup_are_printed_as_they_are(tmp_path: Path):
    folder = town.make(tmp_path / "town", names=MARKUP)
    said = succeeded(program.call("coverage", "--study", folder, "--standard", "park-500", COLUMNS="200")).decode()
    assert "[red]x[/red]" in said
    assert " [/] " in said
    lon, lat = town.place(3, 3)
    said = succeeded(
        program.call("nearest", f"--lon={lon}", f"--lat={lat}", "--limit=20", "--study", folder, COLUMNS="200")
    ).decode()
    assert [name for name in MARKUP if f" {name} " not in said] == []


def test_tables_are_for_reading(town_folder: Path, tmp_path: Path):
    done = program.call("coverage", "--study", town_folder, COLUMNS="140")
    said = succeeded(done).decode()
    line = next(line for line in said.splitlines() if "hall-presence" in line)
    assert "1 / 4" in line
    assert "25.0%" in line
    assert "≥ 90% ✗" in line
    assert town.NAMES[0] in done.stderr.decode()  # the notice, which is no part of the answer
    file = tmp_path / "table.txt"
    assert succeeded(program.call("coverage", "--study", town_folder, "-o", file, COLUMNS="140")) == b""
    assert file.read_text("utf-8") == said


def test_map_writes_one_file_that_needs_no_other(town_folder: Path, tmp_path: Path):
    file = tmp_path / "gaps.html"
    assert succeeded(program.call("map", "health-20", "-o", file, "--study", town_folder)) == b""
    page = file.read_text("utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert "农村20分钟医疗卫生服务圈" in page
    assert 'src="' not in page


@pytest.mark.parametrize("command", [["coverage", "--format", "json", "-o"], ["import", "--coordinates", "wgs84"]])
def test_a_note_is_one_line_however_long_its_path(town_folder: Path, tmp_path: Path, command: list[str]):
    file = tmp_path / ("long-" * 40 + "name.geojson")
    file.write_bytes((town_folder / "facilities.geojson").read_bytes())
    done = program.call(*command, file, "--study", town_folder)
    succeeded(done)
    assert done.stderr.decode().count("\n") == 2  # the sample's notice stands before it
    assert file.name in done.stderr.decode()


def test_a_reader_that_stops_early_is_no_error(served_folder: Path):
    command = f"'{program.FUWUQUAN}' coverage --format csv --study '{served_folder}' | head -c 3"
    done = subprocess.run(
        ["bash", "-c", command],
        env=program.environment(),
        capture_output=True,
        timeout=program.LIMIT_SECONDS,
        check=False,
    )
    assert done.stdout == b"\xef\xbb\xbf"
    assert b"Traceback" not in done.stderr
    assert b"Exception" not in done.stderr


HERE = ("--lon=120.01", "--lat=28.89")
MISTAKES = {
    "unknown standard": (["coverage", "--standard", "nonsense"], "nonsense"),
    "unknown standard of a map": (["map", "nonsense", "-o", "{tmp}/x.html"], "nonsense"),
    "no study": (["coverage", "--study", "{tmp}/nowhere"], "nowhere"),
    "unknown category": (["nearest", *HERE, "--category", "bakery"], "bakery"),
    "unwritable map": (["map", "park-500", "-o", "{tmp}/no/x.html"], "x.html"),
    "unwritable answer": (["coverage", "--format", "csv", "-o", "{tmp}/town/study.toml/x"], "study.toml/x"),
    "a folder as the output": (["coverage", "--format", "csv", "-o", "{tmp}"], "cannot be written"),
    "a file that is not there": (["import", "{tmp}/nowhere.csv"], "nowhere.csv"),
    "a file of another kind": (["import", "{tmp}/town/study.toml"], "study.toml"),
    "nearest in csv": (["nearest", *HERE, "--format", "csv"], "table or json"),
    "far away": (["nearest", "--lon=0", "--lat=0"], "no street within 1000 m"),
}


def test_a_mistake_ends_the_program_itself_with_one_line(tmp_path: Path):
    assert "FUWUQUAN_PORT" in failed(program.run("coverage", "--study", tmp_path, FUWUQUAN_PORT="abc"))


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line(town_folder: Path, tmp_path: Path, mistake: str):
    arguments, said = MISTAKES[mistake]
    filled = [argument.format(tmp=tmp_path) for argument in arguments]
    study = [] if "--study" in filled else ["--study", town_folder]
    assert said in failed(program.call(*filled, *study))
    assert not (tmp_path / "x.html").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nearest", *HERE, "--coordinates", "mars"], "coordinates"),
        (["nearest", "--lon=200", "--lat=28.9"], "--lon"),
        (["nearest", "--lon=nan", "--lat=28.9"], "--lon"),
        (["nearest", *HERE, "--limit=0"], "--limit"),
        (["nearest", *HERE, "--mode", "fly"], "--mode"),
        (["coverage", "--format", "pdf"], "--format"),
        (["nonsense"], "nonsense"),
        (["coverage", "--nonsense"], "--nonsense"),
    ],
)
def test_a_wrong_option_is_named(town_folder: Path, arguments: list[str], said: str):
    done = program.call(*arguments, *([] if arguments == ["nonsense"] else ["--study", town_folder]))
    assert done.returncode in (1, 2)
    assert done.stdout == b""
    assert said in done.stderr.decode()
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("setting", "value"),
    [("PORT", "abc"), ("PORT", "65536"), ("WORKERS", "0")],
)
def test_a_wrong_setting_is_named(town_folder: Path, setting: str, value: str):
    said = failed(program.call("coverage", "--study", town_folder, **{f"FUWUQUAN_{setting}": value}))
    assert f"FUWUQUAN_{setting}" in said


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("study.toml", 'id = "town"\nname = "x"\nprojection = "EPSG:4549"\nnonsense = 1\n', "nonsense"),
        ("study.toml", "id =", "study.toml"),
        ("study.toml", b"\xff\xfe", "study.toml"),
        ("standards.toml", '[[standard]]\nid = "x"\nmeasure = "magic"\n', "standards.toml"),
        ("demand.csv", "lon,lat\n120,29\n", "population"),
        ("demand.csv", "lon,lat,population\n120,29,many\n", "row 2"),
        ("areas.geojson", "{}", "areas.geojson"),
        ("facilities.geojson", "[", "facilities.geojson"),
        ("streets.parquet", "no parquet", "streets.parquet"),
    ],
)
def test_a_spoilt_study_is_one_line_with_the_file(town_folder: Path, file: str, content: str | bytes, said: str):
    (town_folder / file).write_bytes(content if isinstance(content, bytes) else content.encode())
    line = failed(program.call("coverage", "--study", town_folder))
    assert file in line
    assert said in line


def test_build_makes_a_study_that_coverage_answers(liechtenstein_extract: Path, tmp_path: Path):
    folder = tmp_path / "liechtenstein"
    done = program.run("build", folder, "--osm", liechtenstein_extract, "--area", "Liechtenstein", COLUMNS="120")
    said = succeeded(done).decode()
    assert "37,269" in said  # people
    assert "kindergarten 幼儿园" in said
    assert "hall-new: no opening date is known" in said
    answer = json.loads(succeeded(program.run("coverage", "--study", folder, "--format", "json")))
    assert [one["standard"] for one in answer["standards"]] == [
        "health-15", "health-20", "park-500", "kindergarten-town", "kindergarten-300",
    ]  # fmt: skip
    assert all(len(one["areas"]) == 11 and one["sample"] is False for one in answer["standards"])


def test_what_cannot_be_built_is_one_line_and_leaves_nothing(liechtenstein_extract: Path, tmp_path: Path):
    cut = tmp_path / "cut.osm.pbf"
    cut.write_bytes(liechtenstein_extract.read_bytes()[:1_000_000])
    none = tmp_path / "none.osm.pbf"
    for arguments, said in (
        (["--osm", cut], "cut.osm.pbf"),
        (["--osm", none], "none.osm.pbf"),
        (["--osm", liechtenstein_extract, "--area", "Atlantis"], "Atlantis"),
        (["--osm", liechtenstein_extract, "--elevation", tmp_path / "none.tif"], "none.tif"),
    ):
        done = program.call("build", tmp_path / "out", *arguments)
        assert done.returncode == 1
        assert done.stdout == b""
        *_, line = done.stderr.decode().splitlines()  # bars of progress may stand before it
        assert line.startswith("fuwuquan: ")
        assert said in line
        assert not (tmp_path / "out").exists()


def test_the_files_ending_says_how_it_is_written(sample_folder: Path, tmp_path: Path) -> None:
    for name, begins in (("a.xlsx", b"PK"), ("a.csv", b"\xef\xbb\xbf"), ("a.json", b"{"), ("a.txt", b"\n")):
        assert program.call("coverage", "--study", sample_folder, "-o", tmp_path / name).returncode == 0
        assert (tmp_path / name).read_bytes().lstrip(b" ").startswith(begins)


def test_a_terminal_that_lacks_the_signs_gets_others(sample_folder: Path) -> None:
    done = program.run("coverage", "--study", sample_folder, PYTHONIOENCODING="latin-1")
    assert (done.returncode, b"Traceback" in done.stderr) == (0, False)
    assert b"health-15" in done.stdout


def test_straight_line_times_are_said_to_be(sample_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "straight"
    shutil.copytree(sample_folder, folder)
    (folder / "streets.parquet").unlink()
    done = program.run("coverage", "--study", folder, "--standard", "health-15")
    assert "straight-line" in done.stderr.decode()
    assert "straight line × 1.3" in done.stdout.decode()
