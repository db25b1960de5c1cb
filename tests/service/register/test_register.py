"""The register: filled once, kept, refused to strangers, changed all or not at all."""

import json
import multiprocessing
import os
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import orjson
import pytest
from sqlalchemy import create_engine, text

from geo.lists import reader
from geo.lists.reader import ListOptions
from geo.measures import counting
from geo.study import facilities, study
from geo.traveltime import nearest
from service.answers.engine import Answers
from service.answers.nearest import NearestFinder, NearestOptions
from service.register import imports
from service.register.database import RegisterError
from service.register.register import Register
from service.settings import Settings
from support import program, town


@pytest.fixture(autouse=True)
def the_database(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that all of a test uses, of each kind."""
    monkeypatch.setenv("FUWUQUAN_DATABASE_URL", database_url)


def url() -> str:
    return os.environ["FUWUQUAN_DATABASE_URL"]


def opened(folder: Path) -> Register:
    return Register(study.read(folder), url())


def take(register: Register, path: Path, dry_run: bool = False) -> dict[str, list[str]]:
    """Import a file; the ids that each outcome has."""
    found = reader.read(path, ListOptions(within=register.study.territory, coordinates="wgs84"))
    report = imports.apply_list(register, found, "test", dry_run=dry_run)
    outcomes: dict[str, list[str]] = {name: [] for name in report.counts}
    for row in report.rows:
        outcomes[row.outcome].append(row.id)
    return outcomes | {"missing": report.missing}


def rewrite(path: Path, change: Callable[[list[dict]], object], to: Path | None = None) -> Path:
    """Change the features of a GeoJSON file, or write them so to another."""
    content = json.loads(path.read_text("utf-8"))
    change(content["features"])
    (to or path).write_text(json.dumps(content), "utf-8")
    return to or path


def renamed(features: list[dict]) -> None:
    features[0]["properties"]["name"] = "新名"


def rows() -> list[tuple]:
    """All that is in the database, past the program."""
    engine = create_engine(url().replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        found = [
            tuple(row)
            for table, order in (("facility", "id"), ("change", "number"), ("fact", "key"))
            for row in connection.execute(text(f"SELECT * FROM {table} ORDER BY {order}"))
        ]
    engine.dispose()
    return found


def test_it_is_filled_from_the_study_on_first_use(town_folder: Path):
    register = opened(town_folder)
    found = register.facilities()
    file = facilities.read(town_folder / "facilities.geojson").sort_index()
    assert list(found.index) == list(file.index)
    for name in facilities.FIELDS:
        if name != "id":
            assert list(found[name]) == list(file[name]), name
    assert found.geometry.geom_equals(file.geometry).all()
    assert (register.revision, register.warning) == (1, None)
    assert isinstance(found.loc["k1", "opened"], date)


def test_what_is_in_it_stays_when_it_is_opened_again(town_folder: Path):
    take(opened(town_folder), rewrite(town_folder / "facilities.geojson", renamed, town_folder / "own.geojson"))
    before = rows()
    again = opened(town_folder)
    assert again.facilities().loc["c1", "name"] == "新名"
    assert again.revision == 2
    assert rows() == before


def test_properties_that_nobody_knows_are_kept(town_folder: Path):
    def more(features: list[dict]) -> None:
        features[0]["properties"] |= {"beds": 12, "nested": {"a": [1, "二"]}}

    rewrite(town_folder / "facilities.geojson", more)
    assert opened(town_folder).facilities().loc["c1", "extra"] == {"beds": 12, "nested": {"a": [1, "二"]}}


def test_another_studys_database_is_refused(tmp_path: Path):
    first = town.make(tmp_path / "first")
    opened(first)
    second = town.make(tmp_path / "second")
    about = (second / "study.toml").read_text("utf-8")
    (second / "study.toml").write_text(about.replace('id = "town"', 'id = "elsewhere"'), "utf-8")
    before = rows()
    with pytest.raises(RegisterError, match=r"'town', not of 'elsewhere'.*FUWUQUAN_DATABASE_URL"):
        Register(study.read(second), url())
    assert rows() == before


def test_a_changed_file_is_reported_with_the_command_that_imports_it(town_folder: Path):
    register = opened(town_folder)
    path = rewrite(town_folder / "facilities.geojson", renamed)
    warning = opened(town_folder).warning
    assert warning == register.warning
    assert str(path) in warning
    command = warning.rpartition(": ")[2].split()
    assert command[:2] == ["fuwuquan", "import"]
    assert opened(town_folder).facilities().loc["c1", "name"] != "新名"  # not by itself

    done = program.run(*command[1:], FUWUQUAN_DATABASE_URL=url())
    assert done.returncode == 0, done.stderr.decode()
    assert "1 changed" in done.stderr.decode()
    assert "name: 甲 → 新名" in done.stdout.decode()
    assert register.warning is None
    assert opened(town_folder).facilities().loc["c1", "name"] == "新名"
    assert "import" not in program.call("coverage", "--study", town_folder, FUWUQUAN_DATABASE_URL=url()).stderr.decode()


def test_importing_another_file_does_not_clear_the_warning(town_folder: Path):
    register = opened(town_folder)
    other = rewrite(town_folder / "facilities.geojson", renamed, town_folder / "own.geojson")
    rewrite(town_folder / "facilities.geojson", lambda features: features.pop())
    take(register, other)
    assert register.warning is not None


def test_an_import_says_what_it_did_and_keeps_what_the_file_has_not(town_folder: Path):
    def change(features: list[dict]) -> None:
        renamed(features)
        features.append(json.loads(json.dumps(features[1])) | {"id": "new"})
        del features[2]

    register = opened(town_folder)
    other = rewrite(town_folder / "facilities.geojson", change, town_folder / "own.geojson")
    changes = take(register, other)
    assert (changes["added"], changes["changed"], changes["missing"]) == (["new"], ["c1"], 1)
    assert len(changes["unchanged"]) == 7
    assert "c3" in register.facilities().index
    assert register.facilities().loc["new", "name"] == register.facilities().loc["c2", "name"]


def test_importing_twice_changes_nothing_more(town_folder: Path):
    register = opened(town_folder)
    other = rewrite(town_folder / "facilities.geojson", renamed, town_folder / "own.geojson")
    take(register, other)
    before, revision = rows(), register.revision
    again = take(register, other)
    assert (again["added"], again["changed"]) == ([], [])
    assert len(again["unchanged"]) == 9
    assert (rows(), register.revision) == (before, revision)


@pytest.mark.parametrize("change", ["geometry", "wheelchair", "capacity", "opened", "closed"])
def test_whatever_differs_is_a_change(town_folder: Path, change: str):
    register = opened(town_folder)

    def changed(features: list[dict]) -> None:
        if change == "geometry":
            features[0]["geometry"]["coordinates"][0] += 1.2e-5  # more than a metre
        else:
            features[0]["properties"][change] = {"capacity": 5}.get(change, "2021-02-03")

    other = rewrite(town_folder / "facilities.geojson", changed, town_folder / "own.geojson")
    assert take(register, other, dry_run=True)["changed"] == ["c1"]


def test_what_has_moved_by_less_than_a_metre_has_not_changed(town_folder: Path):
    register = opened(town_folder)

    def moved(features: list[dict]) -> None:
        for feature in features:
            text = json.dumps(feature["geometry"]["coordinates"])
            shifted = re.sub(r"120\.\d+", lambda number: str(float(number[0]) + 0.8e-5), text)
            feature["geometry"]["coordinates"] = json.loads(shifted)

    before = rows()
    other = rewrite(town_folder / "facilities.geojson", moved, town_folder / "own.geojson")
    assert len(take(register, other)["unchanged"]) == 9
    assert rows() == before


def test_a_dry_run_changes_nothing(town_folder: Path):
    opened(town_folder)
    before = rows()
    path = rewrite(town_folder / "facilities.geojson", renamed)
    done = program.call("import", path, "--study", town_folder, "--dry-run", FUWUQUAN_DATABASE_URL=url())
    assert done.returncode == 0
    assert "1 would be changed" in done.stderr.decode()
    assert rows() == before
    assert opened(town_folder).warning is not None


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"category": "bakery"}, "bakery"),
        ({"opened": "yesterday"}, "yesterday"),
        ({"capacity": -1}, "capacity"),
        ({"name": "长" * 301}, "name"),
    ],
)
def test_a_bad_row_leaves_the_register_untouched(town_folder: Path, wrong: dict, said: str):
    def spoil(features: list[dict]) -> None:
        renamed(features)
        features[-1]["properties"] |= wrong

    opened(town_folder)
    before = rows()
    other = rewrite(town_folder / "facilities.geojson", spoil, town_folder / "own.geojson")
    done = program.call("import", other, "--study", town_folder, FUWUQUAN_DATABASE_URL=url())
    assert done.returncode == 1
    assert "nothing of it was imported, because 1 row is unusable" in done.stderr.decode()
    assert "Traceback" not in done.stderr.decode()
    told = done.stdout.decode().splitlines()[3]
    assert ("feature 9" in told, "unusable" in told, said in told) == (True, True, True)
    assert rows() == before


def test_a_csv_in_gcj02_lands_where_it_belongs(town_folder: Path):
    lon, lat = town.place(4, 4)
    own = town_folder / "own.csv"
    own.write_text(f"id,category,name,lon,lat\nx1,clinic,诊所,{lon},{lat}\n", "utf-8-sig")
    done = program.call("import", own, "--study", town_folder, "--coordinates", "gcj02", FUWUQUAN_DATABASE_URL=url())
    assert "1 added" in " ".join(done.stderr.decode().split())
    place = opened(town_folder).facilities().geometry["x1"]
    assert (place.x, place.y) == (
        pytest.approx(lon - 454 / 97_600, abs=2e-4),
        pytest.approx(lat + 318 / 110_840, abs=2e-4),
    )


ROUNDS = 6


def _fill(folder: str, urls: list[str], start, results) -> None:
    about = study.read(Path(folder))
    for number, address in enumerate(urls):
        start.wait(program.LIMIT_SECONDS)
        try:
            register = Register(about, address)
            results.put((number, len(register.facilities()), register.revision))
            register.database.close()
        except Exception as error:
            results.put((number, repr(error), 0))


def test_processes_that_fill_it_at_once_end_with_one_full_register(town_folder: Path, request: pytest.FixtureRequest):
    embedded = [f"sqlite:///{town_folder}/{number}.sqlite" for number in range(ROUNDS)]
    server = None if url().startswith("sqlite") else request.getfixturevalue("postgresql")
    urls = embedded if server is None else [server.database(postgis=False) for _ in range(ROUNDS)]
    context = multiprocessing.get_context("spawn")
    start, results = context.Barrier(2), context.Queue()
    processes = [context.Process(target=_fill, args=(str(town_folder), urls, start, results)) for _ in range(2)]
    for process in processes:
        process.start()
    found = [results.get(timeout=program.LIMIT_SECONDS) for _ in range(2 * ROUNDS)]
    for process in processes:
        process.join(program.LIMIT_SECONDS)
    assert sorted(found, key=str) == [(number, 9, 1) for number in range(ROUNDS) for _ in processes]


def test_a_database_that_cannot_be_written_is_one_clear_line(town_folder: Path, tmp_path: Path):
    (tmp_path / "file").write_text("")
    done = program.run(
        "coverage", "--study", town_folder, FUWUQUAN_DATABASE_URL=f"sqlite:///{tmp_path}/file/register.sqlite"
    )
    assert done.returncode == 1
    assert done.stdout == b""
    assert done.stderr.decode().count("\n") == 1
    assert "register.sqlite" in done.stderr.decode()
    assert "unable to open" in done.stderr.decode()


@pytest.mark.parametrize(
    "address", ["nonsense", "postgresql+psycopg://me:geheim@127.0.0.1:1/x", "sqlite:///{}/none.db"]
)
def test_a_wrong_address_is_one_clear_line_without_the_password(town_folder: Path, address: str):
    (town_folder / "none.db").write_text("this is no database, but a text that is long enough to be none" * 50)
    done = program.call("coverage", "--study", town_folder, FUWUQUAN_DATABASE_URL=address.format(town_folder))
    assert done.returncode == 1
    assert done.stderr.decode().count("\n") == 1, done.stderr.decode()
    assert b"geheim" not in done.stderr


def test_a_change_is_seen_by_others_in_their_next_answer(town_folder: Path):
    """Two servers, say, on one database; what each has computed before is not given again."""
    settings = Settings(study=town_folder)
    first, second = Answers(settings), Answers(settings)
    lon, lat = town.place(5, 5)

    def clinics(answers: Answers) -> list[str]:
        found = orjson.loads(
            orjson.dumps(NearestFinder(answers, answers.states.current(), NearestOptions(("clinic",))).around(lon, lat))
        )["features"]
        return [feature["id"] for feature in found]

    before = second.coverage("health-20")
    assert first.coverage("health-20") == before
    map_before = second.gap_map("health-20", "linked")
    assert clinics(second)[0] != "new"

    def add(features: list[dict]) -> None:
        features[:] = [features[1] | {"id": "new", "geometry": {"type": "Point", "coordinates": [lon, lat]}}]

    other = rewrite(town_folder / "facilities.geojson", add, town_folder / "own.geojson")
    revision = second.register.revision
    take(first.register, other)

    assert second.register.revision > revision
    assert clinics(second)[0] == "new"
    after = second.coverage("health-20")
    assert after.facilities == before.facilities + 1
    assert after.covered >= before.covered
    assert after == first.coverage("health-20") == second.all_coverage()[1]
    assert second.gap_map("health-20", "linked") != map_before
    assert second.register.get("new").version == 1


def test_a_change_of_one_category_leaves_what_is_known_of_the_others(
    town_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    answers = Answers(Settings(study=town_folder))
    before = {one.standard: one for one in answers.all_coverage()}

    def further(features: list[dict]) -> None:
        features[:] = features[:1]
        features[0]["geometry"]["coordinates"] = list(town.place(8, 8))

    moved = rewrite(town_folder / "facilities.geojson", further, tmp_path / "moved.geojson")
    counted = []
    count_units = counting.count_units

    def recording(travel, facilities, standard, day):
        counted.append(standard)
        return count_units(travel, facilities, standard, day)

    monkeypatch.setattr(counting, "count_units", recording)
    searched = []
    search = nearest.junction_seconds
    monkeypatch.setattr(nearest, "junction_seconds", lambda *a, **k: searched.append(a) or search(*a, **k))
    take(opened(town_folder), moved)
    after = {one.standard: one for one in answers.all_coverage()}
    assert {standard.category for standard in counted} == {"clinic"}
    assert len(counted) == sum(one.category == "clinic" for one in before.values()) == 2
    assert searched
    for name, one in after.items():
        assert (one is before[name]) == (one.category != "clinic")
    assert after["health-15"].covered != before["health-15"].covered
    # The same set of facilities again is not searched again.
    searched.clear()
    first = rewrite(town_folder / "facilities.geojson", lambda features: features.__delitem__(slice(1, None)),
                    tmp_path / "first.geojson")  # fmt: skip
    take(opened(town_folder), first)
    assert {one.standard: one.covered for one in answers.all_coverage()} == {
        name: one.covered for name, one in before.items()
    }
    assert not searched


def test_many_who_wait_to_write_keep_nobody_from_reading(
    town_folder: Path, database_url: str, open_register: Callable[[Path, str], Register]
):
    register = open_register(town_folder, database_url)

    def rename(number: int) -> int:
        row = register.get("c1").frame.iloc[0]
        fields = {name: row[name] for name in facilities.FIELDS if name != "id"} | {"name": f"{number}"}
        return register.edit("c1", None, "me", "patch", lambda old: (fields, row["geometry"])).version

    with ThreadPoolExecutor(30) as several:
        with register.transaction("somebody"):
            waiting = [several.submit(rename, number) for number in range(30)]
            for _ in range(20):
                assert register.revision == 1
                assert len(register.facilities()) == 9
        assert sorted(one.result(timeout=program.LIMIT_SECONDS) for one in waiting) == list(range(2, 32))
