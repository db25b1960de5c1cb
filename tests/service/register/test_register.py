"""The register is filled from its study once, and belongs to that study."""

import multiprocessing
from collections.abc import Callable
from datetime import date
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from geo.study import facilities, study
from service.register.database import RegisterError
from service.register.register import Register
from support import program
from support.database import read_tables
from support.lists import import_list, rewrite_geojson

OpenRegister = Callable[[Path, str], Register]
ROUNDS = 6


def rename_first(features: list[dict]) -> None:
    features[0]["properties"]["name"] = "新名"


def test_a_new_register_has_the_studys_facilities(register: Register):
    frame = register.facilities()
    source = facilities.read(register.study.folder / "facilities.geojson").sort_index()
    assert list(frame.index) == list(source.index)
    for name in facilities.FIELDS:
        if name != "id":
            assert list(frame[name]) == list(source[name]), name
    assert frame.geometry.geom_equals(source.geometry).all()
    assert (register.revision, register.warning) == (1, None)
    assert isinstance(frame.loc["k1", "opened"], date)


def test_unknown_properties_are_kept(town_folder: Path, database_url: str, open_register: OpenRegister):
    extra = {"beds": 12, "nested": {"a": [1, "二"]}}
    rewrite_geojson(town_folder / "facilities.geojson", lambda features: features[0]["properties"].update(extra))
    assert open_register(town_folder, database_url).facilities().loc["c1", "extra"] == extra


def test_a_filled_register_is_not_filled_again(
    town_folder: Path, database_url: str, register: Register, open_register: OpenRegister
):
    source = town_folder / "facilities.geojson"
    import_list(register, rewrite_geojson(source, rename_first, town_folder / "own.geojson"))
    before = read_tables(database_url)
    reopened = open_register(town_folder, database_url)
    assert reopened.facilities().loc["c1", "name"] == "新名"
    assert reopened.revision == 2
    assert read_tables(database_url) == before


def test_the_register_of_another_study_is_refused(
    town_folder: Path, database_url: str, register: Register, open_register: OpenRegister
):
    settings = (town_folder / "study.toml").read_text("utf-8")
    (town_folder / "study.toml").write_text(settings.replace('id = "town"', 'id = "elsewhere"'), "utf-8")
    before = read_tables(database_url)
    with pytest.raises(RegisterError, match=r"'town', not of 'elsewhere'.*FUWUQUAN_DATABASE_URL"):
        open_register(town_folder, database_url)
    assert read_tables(database_url) == before


def fill_registers(folder: str, urls: list[str], start: Barrier, results: Queue) -> None:
    opened_study = study.read(Path(folder))
    for number, url in enumerate(urls):
        start.wait(program.LIMIT_SECONDS)
        try:
            register = Register(opened_study, url)
            results.put((number, len(register.facilities()), register.revision))
            register.database.close()
        except Exception as error:
            results.put((number, repr(error), 0))


def test_two_processes_that_fill_an_empty_database_at_once_fill_it_once(
    town_folder: Path, database_url: str, request: pytest.FixtureRequest
):
    if database_url.startswith("sqlite"):
        urls = [f"sqlite:///{town_folder}/{number}.sqlite" for number in range(ROUNDS)]
    else:
        urls = [request.getfixturevalue("postgresql").database(postgis=False) for _ in range(ROUNDS)]
    context = multiprocessing.get_context("spawn")
    start, results = context.Barrier(2), context.Queue()
    arguments = (str(town_folder), urls, start, results)
    processes = [context.Process(target=fill_registers, args=arguments) for _ in range(2)]
    for process in processes:
        process.start()
    rounds = [results.get(timeout=program.LIMIT_SECONDS) for _ in range(2 * ROUNDS)]
    for process in processes:
        process.join(program.LIMIT_SECONDS)
    assert sorted(rounds, key=str) == [(number, 9, 1) for number in range(ROUNDS) for _ in processes]
