"""How long an import takes."""

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from geo.lists import reader
from geo.lists.reader import ListOptions
from service.register import imports
from service.register.register import Register
from support import town
from support.lists import ID_HEADINGS, write_csv


@pytest.mark.alone
def test_an_import_takes_at_most_6_times_as_long_as_bare_inserts(
    town_folder: Path, tmp_path: Path, open_register: Callable[[Path, str], Register]
):
    """30,000 rows, compared with inserting the same rows of both tables by executemany."""
    count = 30_000
    places = [town.place(number % 1500 / 100, number % 799 / 100) for number in range(count)]
    rows = (
        (f"n{n}", f"第{n}诊所", "诊所", f"{x:.6f}", f"{y:.6f}", f"中山路{n}号", n % 50)
        for n, (x, y) in enumerate(places)
    )
    path = write_csv(tmp_path, *rows, headings=(*ID_HEADINGS, "地址", "床位"))
    register = open_register(town_folder, f"sqlite:///{tmp_path / 'imported.sqlite'}")
    progress: list[int] = []
    begin = time.process_time()
    options = ListOptions(within=register.study.territory, coordinates="wgs84")
    facility_list = reader.read(path, options, advance=progress.append)
    (report,) = imports.apply_lists(register, [facility_list], "test", advance=progress.append)
    import_s = time.process_time() - begin
    assert report.counts["added"] == count
    assert sum(progress) == 2 * count  # rows read and rows compared
    open_register(town_folder, f"sqlite:///{tmp_path / 'bare.sqlite'}")
    with (
        closing(sqlite3.connect(tmp_path / "imported.sqlite")) as imported,
        closing(sqlite3.connect(tmp_path / "bare.sqlite")) as bare,
    ):
        tables = {name: imported.execute(f"SELECT * FROM {name}").fetchall() for name in ("facility", "change")}
        for name in tables:
            bare.execute(f"DELETE FROM {name}")
        bare.commit()
        begin = time.process_time()
        for name, records in tables.items():
            bare.executemany(f"INSERT INTO {name} VALUES ({','.join('?' * len(records[0]))})", records)
        bare.commit()
        bare_s = time.process_time() - begin
    print(f"{import_s:.1f} s, {import_s / bare_s:.1f} times a bare insert")
    assert import_s <= 6 * bare_s, f"{import_s:.1f} s against {bare_s:.1f} s"
