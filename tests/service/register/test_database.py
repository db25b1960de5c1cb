"""Opening the register's database, and writing to it while others read."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from shapely.geometry.base import BaseGeometry

from geo.study.study import Study
from service.register.database import RegisterError
from service.register.history import FacilityRow, fields_of
from service.register.register import Register
from support import program


def test_a_database_that_cannot_be_created_is_named(town_folder: Path, tmp_path: Path):
    (tmp_path / "file").write_text("")
    url = f"sqlite:///{tmp_path}/file/register.sqlite"
    process = program.call("coverage", "--study", town_folder, FUWUQUAN_DATABASE_URL=url)
    assert (process.returncode, process.stdout) == (1, b"")
    errors = process.stderr.decode()
    assert errors.count("\n") == 1
    assert "register.sqlite" in errors
    assert "unable to open" in errors


@pytest.mark.parametrize(
    "address", ["nonsense", "postgresql+psycopg://me:geheim@127.0.0.1:1/x", "sqlite:///{}/text.db"]
)
def test_a_wrong_address_is_one_line_without_the_password(town_folder: Path, address: str):
    (town_folder / "text.db").write_text("This is a text and no database. " * 50)
    url = address.format(town_folder)
    process = program.call("coverage", "--study", town_folder, FUWUQUAN_DATABASE_URL=url)
    assert process.returncode == 1
    assert process.stderr.decode().count("\n") == 1, process.stderr.decode()
    assert b"geheim" not in process.stderr


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://localhost/x"])
def test_databases_that_cannot_hold_a_register_are_refused(sample: Study, url: str):
    with pytest.raises(RegisterError, match="sqlite:///FILE"):
        Register(sample, url)


def test_waiting_writers_do_not_keep_others_from_reading(
    town_folder: Path, database_url: str, open_register: Callable[[Path, str], Register]
):
    register, writers = open_register(town_folder, database_url), 30

    def rename(number: int) -> int:
        geometry = register.get("c1").frame.geometry.iloc[0]

        def change(old: FacilityRow) -> tuple[FacilityRow, BaseGeometry]:
            return {**fields_of(old), "name": f"{number}"}, geometry

        return register.edit("c1", None, "me", "patch", change).version

    with ThreadPoolExecutor(writers) as threads:
        with register.transaction("somebody"):
            waiting = [threads.submit(rename, number) for number in range(writers)]
            for _ in range(20):
                assert register.revision == 1
                assert len(register.facilities()) == 9
        versions = sorted(future.result(timeout=program.LIMIT_SECONDS) for future in waiting)
    assert versions == list(range(2, writers + 2))
