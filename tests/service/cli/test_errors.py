"""Mistakes of the user: each is one line on standard error, without a traceback and without an answer."""

import subprocess
from pathlib import Path

import pytest

from support import program, town

HERE = ("--lon=120.01", "--lat=28.89")
MISTAKES = {
    "unknown standard": (["coverage", "--standard", "nonsense"], "nonsense"),
    "unknown standard of a map": (["map", "nonsense", "-o", "{tmp}/x.html"], "nonsense"),
    "no study": (["coverage", "--study", "{tmp}/nowhere"], "nowhere"),
    "unknown category": (["nearest", *HERE, "--category", "bakery"], "bakery"),
    "unwritable map": (["map", "park-500", "-o", "{tmp}/no/x.html"], "x.html"),
    "unwritable answer": (["coverage", "--format", "csv", "-o", "{tmp}/town/study.toml/x"], "study.toml/x"),
    "a folder as the output": (["coverage", "--format", "csv", "-o", "{tmp}"], "cannot be written"),
    "a missing list": (["import", "{tmp}/nowhere.csv"], "nowhere.csv"),
    "a list of an unknown format": (["import", "{tmp}/town/study.toml"], "study.toml"),
    "a report in csv": (["import", "{tmp}/town/facilities.geojson", "--format", "csv"], "table or json"),
    "nearest in csv": (["nearest", *HERE, "--format", "csv"], "table or json"),
    "far from all streets": (["nearest", "--lon=0", "--lat=0"], "no street within 1000 m"),
    "an ending that names no format": (["gaps", "health-20", "-o", "{tmp}/gaps.pdf"], ".csv, .xlsx"),
    "sites without a standard": (["sites"], "name a standard"),
    "isochrones without a place": (["isochrones", "--lon=120.01"], "lat"),
}


def error_line(process: subprocess.CompletedProcess[bytes]) -> str:
    """The one line of an error; the study's notice may stand before it."""
    lines = process.stderr.decode().splitlines()
    assert process.returncode in (1, 2), (process.returncode, lines)
    assert process.stdout == b""
    errors = [line for line in lines if not line.startswith("Schematic sample") and line != town.NAMES[0]]
    assert len(errors) == 1, errors
    return errors[0]


def test_the_installed_program_ends_with_one_line(tmp_path: Path):
    process = program.run("coverage", "--study", tmp_path, FUWUQUAN_PORT="abc")
    assert "FUWUQUAN_PORT" in error_line(process)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line(town_folder: Path, tmp_path: Path, mistake: str):
    arguments, text = MISTAKES[mistake]
    arguments = [argument.format(tmp=tmp_path) for argument in arguments]
    study = [] if "--study" in arguments else ["--study", town_folder]
    assert text in error_line(program.call(*arguments, *study))
    assert not (tmp_path / "x.html").exists()


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (["nearest", *HERE, "--coordinates", "mars"], "coordinates"),
        (["nearest", "--lon=200", "--lat=28.9"], "--lon"),
        (["nearest", "--lon=nan", "--lat=28.9"], "--lon"),
        (["nearest", *HERE, "--limit=0"], "--limit"),
        (["nearest", *HERE, "--mode", "fly"], "--mode"),
        (["coverage", "--format", "pdf"], "--format"),
        (["coverage", "--on", "2021-02-30"], "--on"),
        (["nonsense"], "nonsense"),
        (["coverage", "--nonsense"], "--nonsense"),
    ],
)
def test_a_wrong_option_is_named(arguments: list[str], option: str):
    process = program.call(*arguments)
    assert process.returncode == 2
    assert process.stdout == b""
    assert option in process.stderr.decode()
    assert b"Traceback" not in process.stderr


@pytest.mark.parametrize(
    ("setting", "value"),
    [("PORT", "abc"), ("PORT", "65536"), ("WORKERS", "0"), ("RATE", "fast"), ("RATE", "0/minute")],
)
def test_a_wrong_setting_is_named(town_folder: Path, setting: str, value: str):
    process = program.call("coverage", "--study", town_folder, **{f"FUWUQUAN_{setting}": value})
    assert f"FUWUQUAN_{setting}" in error_line(process)


@pytest.mark.parametrize(
    ("file", "content", "reason"),
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
def test_a_bad_file_of_a_study_is_named(town_folder: Path, file: str, content: str | bytes, reason: str):
    (town_folder / file).write_bytes(content if isinstance(content, bytes) else content.encode())
    line = error_line(program.call("coverage", "--study", town_folder))
    assert file in line
    assert reason in line


def test_a_build_that_fails_is_one_line_and_leaves_no_folder(liechtenstein_extract: Path, tmp_path: Path):
    truncated, missing = tmp_path / "truncated.osm.pbf", tmp_path / "missing.osm.pbf"
    truncated.write_bytes(liechtenstein_extract.read_bytes()[:1_000_000])
    for options, text in (
        (["--osm", truncated], "truncated.osm.pbf"),
        (["--osm", missing], "missing.osm.pbf"),
        (["--osm", liechtenstein_extract, "--area", "Atlantis"], "Atlantis"),
        (["--osm", liechtenstein_extract, "--elevation", tmp_path / "missing.tif"], "missing.tif"),
    ):
        process = program.call("build", tmp_path / "out", *options)
        assert process.returncode == 1
        assert process.stdout == b""
        *_, line = process.stderr.decode().splitlines()  # progress bars may stand before it
        assert line.startswith("fuwuquan: ")
        assert text in line
        assert not (tmp_path / "out").exists()
