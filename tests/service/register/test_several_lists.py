"""Several lists are imported together, or none of them."""

from pathlib import Path

import pytest

from geo.lists import reader
from geo.lists.reader import ListOptions
from service.register import imports
from service.register.import_report import ImportReport
from service.register.imports import ImportOptions
from service.register.register import Register
from support import town
from support.lists import HEADINGS, snapshot, write_csv

FIRST = (("甲诊所", "诊所", *town.place(5, 5)), ("乙诊所", "诊所", *town.place(6, 6)))
LAST = (*FIRST, ("丙诊所", "诊所", *town.place(2, 3)))


def import_lists(register: Register, *paths: Path, **options: bool) -> list[ImportReport]:
    read_options = ListOptions(within=register.study.territory, coordinates="wgs84")
    lists = [reader.read(path, read_options) for path in paths]
    return imports.apply_lists(register, lists, "王工", ImportOptions(**options))


@pytest.mark.parametrize("dry_run", [True, False])
def test_each_list_is_compared_with_what_those_before_it_change(dry_run: bool, register: Register, tmp_path: Path):
    before = snapshot(register)
    moved = (("甲诊所", "诊所", *town.place(5.02, 5), "0579-1"), ("丁诊所", "诊所", *town.place(1, 3), ""))
    paths = [
        write_csv(tmp_path, *FIRST, name="a.csv"),
        write_csv(tmp_path, *moved, headings=(*HEADINGS, "电话"), name="b.csv"),
        write_csv(tmp_path, *LAST, name="c.csv"),
    ]
    reports = import_lists(register, *paths, dry_run=dry_run)
    assert [(report.counts["added"], report.counts["changed"]) for report in reports] == [(2, 0), (1, 1), (1, 1)]
    assert {report.applied for report in reports} == {not dry_run}
    assert (snapshot(register) == before) == dry_run
    if not dry_run:
        changes = register.history(str(reports[0].rows[0].id))
        assert [(change.version, change.source) for change in changes] == [(1, "a.csv"), (2, "b.csv"), (3, "c.csv")]


@pytest.mark.parametrize("bad", [0, 1, 2])
def test_nothing_is_imported_if_one_list_has_an_unusable_row(bad: int, register: Register, tmp_path: Path):
    before = snapshot(register)
    paths = [write_csv(tmp_path, *FIRST, name=f"{number}.csv") for number in range(3)]
    write_csv(tmp_path, *FIRST, ("丁", "面包店", *town.place(5, 5)), name=f"{bad}.csv")
    reports = import_lists(register, *paths)
    assert [report.counts["unusable"] for report in reports] == [int(number == bad) for number in range(3)]
    assert [report.applied for report in reports] == [False] * 3
    assert snapshot(register) == before
    assert [report.applied for report in import_lists(register, *paths, leave_out=True)] == [True] * 3
