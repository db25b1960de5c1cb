"""Lists taken into the register: what is reported of them, all or nothing, and twice the same as once."""

import csv
import io
import json
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from geo.choices import COORDINATE_SYSTEMS
from geo.errors import FuwuquanError, TableError
from geo.geodesy import datums
from geo.lists import reader, writer
from geo.lists.reader import ListOptions
from geo.sources import facility_lists
from geo.study import study
from service.api.app import create_app
from service.register import imports, keys
from service.register.import_report import ImportReport, RowOutcome
from service.register.register import Register
from service.settings import Settings
from support import hostile, program, town

HEAD = ("名称", "类别", "经度", "纬度")


@pytest.fixture
def register(town_folder: Path, database_url: str, open_register: Callable[[Path, str], Register]) -> Register:
    """The small town's register on each kind of database."""
    return open_register(town_folder, database_url)


def written(folder: Path, *rows: Sequence[Any], head: Sequence[str] = HEAD, name: str = "名单.csv") -> Path:
    content = io.StringIO()
    csv.writer(content).writerows([head, *rows])
    (folder / name).write_text(content.getvalue(), "utf-8-sig")
    return folder / name


def take(register: Register, path: Path, coordinates: str | None = "wgs84", **options: Any) -> ImportReport:
    found = reader.read(path, ListOptions(within=register.study.territory, coordinates=coordinates))
    return imports.apply_list(register, found, "王工", **options)


def only(report: ImportReport) -> RowOutcome:
    (row,) = report.rows
    return row


def state(register: Register) -> str:
    """All that the register knows, to be compared."""
    frame = register.facilities()
    return writer.write(frame, "geojson").content.decode() + str(sorted(register.revisions().items()))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def yongkang(
    request: pytest.FixtureRequest, sample: study.Study, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Register]:
    """The sample's register, changed by what can be taken of hostile files."""
    embedded = f"sqlite:///{tmp_path_factory.mktemp('hostile')}/register.sqlite"
    url = embedded if request.param == "sqlite" else request.getfixturevalue("postgresql").database()
    register = Register(sample, url)
    yield register
    register.database.close()


@pytest.mark.parametrize("name", [one.name for one in hostile.FILES])
def test_a_hostile_file_is_taken_whole_or_not_at_all(name: str, yongkang: Register, tmp_path: Path):
    (one,) = (one for one in hostile.FILES if one.name == name)
    path, before = hostile.make(tmp_path, name)[name], state(yongkang)

    def taken(**options: Any) -> ImportReport:
        found = facility_lists.read(path, ListOptions(within=yongkang.study.territory, **one.options))
        return imports.apply_list(yongkang, found, "test", **options)

    try:
        report = taken(dry_run=True)
    except FuwuquanError as error:
        assert one.refused, error
        assert error.args[0].startswith(str(path))
        assert state(yongkang) == before
        return
    assert state(yongkang) == before
    assert not report.applied
    if one.rows > 10_000:  # taken over for good where its time is measured
        return
    wanted = taken()
    assert wanted.applied == (wanted.counts["unusable"] == 0)
    if not wanted.applied:
        assert state(yongkang) == before
        taken(leave_out=True)
    after, again = state(yongkang), taken(leave_out=True)
    assert (again.counts["added"], again.counts["changed"]) == (0, 0), again.notable_rows()
    assert state(yongkang) == after


def test_a_list_without_ids_is_found_again(register: Register, tmp_path: Path):
    x, y = town.place(3, 3)
    park = ("", "公园", x, y)
    path = written(tmp_path, ("甲诊所", "诊所", x, y), ("甲诊所", "诊所", x + 0.004, y), park)
    first = take(register, path)
    assert first.counts["added"] == 3
    assert {register.get(row.id).frame["source"].iloc[0] for row in first.rows} == {"名单.csv"}
    before = state(register)
    second = take(register, path)
    assert second.counts["unchanged"] == 3
    assert [row.id for row in second.rows] == [row.id for row in first.rows]
    assert state(register) == before
    # From another office, in other places and another spelling.
    other = written(tmp_path, (" 甲 诊所", "诊所", x + 0.001, y, "123"), head=(*HEAD, "电话"), name="other.csv")
    third = only(take(register, other))
    assert (third.outcome, third.id) == ("changed", first.rows[0].id)
    assert set(third.fields) == {"name", "phone", "geometry"}
    assert register.get(third.id).frame["source"].iloc[0] == "名单.csv"


def test_a_row_of_the_same_name_far_away_is_another_facility(register: Register, tmp_path: Path):
    row = only(take(register, written(tmp_path, ("甲", "诊所", *town.place(8, 8)))))  # c1 is called so
    assert (row.outcome, row.id == "c1") == ("added", False)


def test_a_list_without_places_changes_what_is_known_by_name(register: Register, tmp_path: Path):
    head = ("名称", "类别", "电话")
    path = written(tmp_path, ("甲", "诊所", "0579-1"), ("谁", "诊所", "2"), head=head)
    report = take(register, path, leave_out=True)
    assert [row.outcome for row in report.rows] == ["changed", "unusable"]
    assert register.get("c1").frame["phone"].iloc[0] == "0579-1"
    assert "no place" in report.rows[1].why[-1]
    # Two of a name cannot be told apart.
    take(register, written(tmp_path, ("甲", "诊所", *town.place(8, 8))))
    assert "give its id" in only(take(register, written(tmp_path, ("甲", "诊所", "3"), head=head))).why[-1]


def test_an_empty_cell_keeps_what_is_known_and_a_null_clears_it(register: Register, tmp_path: Path):
    phone = register.get("c1").frame["phone"].iloc[0]
    assert phone
    take(register, written(tmp_path, ("c1", "", "新地址"), head=("编号", "电话", "地址")))
    frame = register.get("c1").frame.iloc[0]
    assert (frame["phone"], frame["address"], frame["name"]) == (phone, "新地址", "甲")
    path = tmp_path / "null.geojson"
    feature = {"type": "Feature", "id": "c1", "geometry": None, "properties": {"phone": None}}
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    assert only(take(register, path)).fields == {"phone": [phone, None]}


def test_a_row_without_a_place_of_its_own_keeps_it(register: Register, tmp_path: Path):
    row = only(take(register, written(tmp_path, ("c1", "x"), head=("编号", "地址"))))
    assert set(row.fields) == {"address"}


def test_an_id_that_counts_in_another_office_is_refused(register: Register, tmp_path: Path):
    head = ("编号", *HEAD)
    x, y = town.place(1, 1)
    report = take(register, written(tmp_path, ("c1", "甲公园", "公园", x, y), head=head))
    assert not report.applied
    assert "column of ids is extra" in only(report).why[-1]
    far = take(register, written(tmp_path, ("c1", "完全另一家医院", "诊所", *town.place(7, 7)), head=head))
    assert "km from here" in only(far).why[-1]
    assert (
        only(take(register, written(tmp_path, ("c1", "甲", "诊所", *town.place(7, 7)), head=head))).outcome == "changed"
    )


def test_rows_that_say_the_same_twice_are_one(register: Register, tmp_path: Path):
    at = town.place(3, 3)
    path = written(tmp_path, ("丁诊所", "诊所", *at), ("丁诊所", "诊所", *at))
    report = take(register, path)
    assert [row.outcome for row in report.rows] == ["added", "left out"]
    assert "row 2 again" in report.rows[1].why[-1]
    head = (*HEAD, "电话")
    unlike = written(tmp_path, ("戊诊所", "诊所", *at, "1"), ("戊诊所", "诊所", *at, "2"), head=head)
    assert [row.outcome for row in take(register, unlike).rows] == ["added", "unusable"]


def test_what_was_merged_or_taken_out_does_not_come_back(register: Register, tmp_path: Path):
    path = tmp_path / "all.csv"
    path.write_bytes(writer.write(register.facilities(), "csv").content)
    register.merge("c1", None, "c2", None, "me")
    register.remove("c3", None, "me")
    before = state(register)
    report = take(register, path)
    left = {row.id: row.why[-1] for row in report.rows if row.outcome == "left out"}
    assert left.keys() == {"c2", "c3"}
    assert ("merged into c1" in left["c2"], "taken out" in left["c3"]) == (True, True)
    assert (report.counts["added"], report.counts["changed"]) == (0, 0)
    assert state(register) == before


@pytest.mark.parametrize("kind", writer.FORMATS)
@pytest.mark.parametrize("coordinates", COORDINATE_SYSTEMS)
def test_what_was_exported_changes_nothing(kind: str, coordinates: str, register: Register, tmp_path: Path):
    before = state(register)
    path = tmp_path / f"out.{kind}"
    path.write_bytes(writer.write(register.facilities(), kind, coordinates).content)
    report = take(register, path, coordinates=None)
    assert report.counts == {"added": 0, "changed": 0, "unchanged": 9, "left out": 0, "unusable": 0}
    assert state(register) == before


def test_what_was_exported_makes_the_same_register_elsewhere(
    register: Register, tmp_path: Path, open_register: Callable[[Path, str], Register]
):
    path = tmp_path / "out.gpkg"
    path.write_bytes(writer.write(register.facilities(), "gpkg", "bd09").content)
    empty = town.make(tmp_path / "empty")
    (empty / "facilities.geojson").write_text('{"type": "FeatureCollection", "features": []}')
    other = open_register(empty, f"sqlite:///{tmp_path / 'other.sqlite'}")
    assert take(other, path, coordinates=None).counts["added"] == 9
    texts = [writer.write(one.facilities(), "csv").content.decode() for one in (register, other)]
    assert texts[0] == texts[1]


def test_the_extract_that_a_study_was_built_from_changes_nothing(
    liechtenstein: study.Study,
    liechtenstein_extract: Path,
    tmp_path: Path,
    open_register: Callable[[Path, str], Register],
):
    folder = shutil.copytree(liechtenstein.folder, tmp_path / "study")
    register = open_register(folder, f"sqlite:///{tmp_path / 'register.sqlite'}")
    report = take(register, liechtenstein_extract, coordinates=None)
    assert report.counts["unchanged"] > 40
    assert [(row.id, row.fields) for row in report.rows if row.outcome == "changed"] == []


def test_coordinates_are_doubted_by_what_is_known_by_name(register: Register, tmp_path: Path):
    frame = register.facilities()
    at = {name: datums.from_wgs84(*frame.geometry[name].coords[0], "gcj02") for name in ("c1", "c2", "c3", "k1")}
    rows = [(frame["name"][name], frame["category"][name], float(x), float(y)) for name, (x, y) in at.items()]
    path = written(tmp_path, *rows)
    before = state(register)
    with pytest.raises(TableError, match="say coordinates gcj02, or wgs84"):
        take(register, path, coordinates=None)
    assert state(register) == before
    assert any("in gcj02 they would lie 0 m from there" in note for note in take(register, path, dry_run=True).notes)
    assert take(register, path, coordinates="gcj02").counts["unchanged"] == 4


def test_an_office_can_say_that_it_has_seen_to_all_of_a_list(register: Register, tmp_path: Path):
    path = written(tmp_path, ("c1", "x"), ("c2", "x"), head=("编号", "地址"))
    take(register, path, verified=date(2026, 3, 1))
    frame = register.facilities()
    assert [str(one) for one in frame.loc[["c1", "c2", "c3"], "verified"]] == ["2026-03-01", "2026-03-01", "None"]
    assert frame["verified_by"]["c1"] == "王工"
    assert take(register, path, verified=date(2026, 3, 1)).counts["unchanged"] == 2


def test_a_park_keeps_its_outline_where_a_list_has_a_point_in_it(register: Register, tmp_path: Path):
    outline = register.facilities().geometry["p1"]
    inside = outline.representative_point()
    head = ("编号", "经度", "纬度")
    assert only(take(register, written(tmp_path, ("p1", inside.x, inside.y), head=head))).outcome == "unchanged"
    beside = only(take(register, written(tmp_path, ("p1", outline.bounds[2] + 0.0002, inside.y), head=head)))
    assert (beside.outcome, "kept" in beside.why[-1]) == ("unchanged", True)
    away = only(take(register, written(tmp_path, ("p1", outline.bounds[2] + 0.002, inside.y), head=head)))
    assert (away.outcome, "replaces" in away.why[-1]) == ("changed", True)


def test_the_history_says_who_took_which_list_over(register: Register, tmp_path: Path):
    take(register, written(tmp_path, ("c1", "x"), head=("编号", "地址")))
    last = register.history("c1")[-1]
    assert (last.who, last.action, last.source, last.fields) == ("王工", "import", "名单.csv", {"address": [None, "x"]})


def test_the_nearest_of_a_name_is_meant_whichever_row_comes_first(register: Register, tmp_path: Path):
    x, y = town.place(3, 3)
    name = "口袋公园"
    known = only(take(register, written(tmp_path, (name, "公园", x, y)))).id
    report = take(register, written(tmp_path, (name, "公园", x + 0.003, y), (name, "公园", x + 2e-5, y), name="b.csv"))
    assert [row.outcome for row in report.rows] == ["added", "changed"]
    assert report.rows[1].id == known
    assert take(register, tmp_path / "b.csv").counts["unchanged"] == 2


def test_what_is_gone_does_not_shadow_what_stands(register: Register, tmp_path: Path):
    x, y = town.place(3, 3)
    rows = [("戊诊所", "诊所", x + shift, y) for shift in (0, 0.001, 0.002)]
    gone, stands, twin = (row.id for row in take(register, written(tmp_path, *rows)).rows)
    register.remove(gone, None, "me")
    register.merge(stands, None, twin, None, "me")
    head = (*HEAD, "电话")
    for number, (_, _, at, _) in enumerate(rows):
        row = only(take(register, written(tmp_path, ("戊诊所", "诊所", at, y, f"{number}"), head=head)))
        assert (row.id, row.outcome, row.fields["phone"][1]) == (stands, "changed", f"{number}")
    head = ("名称", "类别", "电话")
    assert only(take(register, written(tmp_path, ("戊诊所", "诊所", "9"), head=head))).id == stands
    register.remove(stands, None, "me")
    assert only(take(register, written(tmp_path, ("戊诊所", "诊所", x, y)))).outcome == "left out"


def test_an_area_that_a_list_states_is_kept_however_often_it_comes(register: Register, tmp_path: Path):
    head = ("编号", "经度", "纬度", "区划代码")
    path = written(tmp_path, ("c1", *town.place(2, 6), "T1S"), head=head)  # which lies in T1N
    assert set(only(take(register, path)).fields) == {"geometry"}
    assert only(take(register, path)).outcome == "unchanged"
    moved = written(tmp_path, ("c1", *town.place(12, 2)), head=head[:3])
    assert only(take(register, moved)).fields["area_code"] == ["T1S", "T2S"]


def test_nameless_facilities_that_moved_by_less_than_a_metre_are_the_same(register: Register, tmp_path: Path):
    x, y = town.place(3, 3)
    head = ("类别", "经度", "纬度")
    for shift in range(8):
        report = take(register, written(tmp_path, ("公园", x + shift * 1e-6, y), head=head))
        assert only(report).outcome == ("unchanged" if shift else "added")


def test_an_older_day_of_verification_replaces_no_newer(register: Register, tmp_path: Path):
    path = written(tmp_path, ("c1", "x"), head=("编号", "地址"))
    take(register, path, verified=date(2026, 5, 1))
    assert only(take(register, path, verified=date(2020, 1, 1))).outcome == "unchanged"
    assert str(register.get("c1").frame["verified"].iloc[0]) == "2026-05-01"


def test_another_offices_ids_do_not_add_what_is_known_by_name(register: Register, tmp_path: Path):
    x, y = register.get("c1").frame.geometry.iloc[0].coords[0]
    row = only(take(register, written(tmp_path, ("1001", "甲", "诊所", x, y), head=("编号", *HEAD))))
    assert (row.outcome, "as c1" in row.why[-1]) == ("unusable", True)
    # 上村 and 下村 are two villages, however alike their clinics' names are.
    head = ("编号", *HEAD)
    take(register, written(tmp_path, ("1", "上村卫生室", "诊所", *town.place(1, 1)), head=head))
    row = only(take(register, written(tmp_path, ("1", "下村卫生室", "诊所", *town.place(7, 7)), head=head)))
    assert (row.outcome, "km from here" in row.why[-1]) == ("unusable", True)


def test_what_a_list_has_twice_is_one_also_where_the_register_knows_it(register: Register, tmp_path: Path):
    x, y = register.get("c1").frame.geometry.iloc[0].coords[0]
    report = take(register, written(tmp_path, ("甲", "诊所", x, y), ("甲", "诊所", x, y)))
    assert [(row.outcome, row.id) for row in report.rows] == [("unchanged", "c1"), ("left out", None)]
    head = (*HEAD, "电话")
    report = take(register, written(tmp_path, ("甲", "诊所", x, y, "1"), ("甲", "诊所", x, y, "2"), head=head))
    assert [row.outcome for row in report.rows] == ["changed", "unusable"]
    near = take(register, written(tmp_path, ("己诊所", "诊所", x, y), ("己诊所", "诊所", x + 1e-4, y)))
    assert "row 2 has this name too, 10 m away" in near.rows[1].why[-1]


def test_single_rows_in_other_coordinates_are_found(register: Register, tmp_path: Path):
    frame = register.facilities()
    there = {name: frame.geometry[name].coords[0] for name in ("c1", "c2", "c3")}
    moved = [float(one) for one in datums.from_wgs84(*there["c3"], "gcj02")]
    rows = [("甲", "诊所", *there["c1"]), ("乙", "诊所", *there["c2"]), ("丙", "诊所", *moved)]
    report = take(register, written(tmp_path, *rows), coordinates=None)
    assert [row.outcome for row in report.rows] == ["unchanged", "unchanged", "unusable"]
    assert "as c3, just where this row would be in gcj02" in report.rows[2].why[-1]
    assert take(register, written(tmp_path, *rows)).rows[2].outcome == "added"  # if it is said


def test_a_dry_run_waits_for_nobody(register: Register, tmp_path: Path):
    path = written(tmp_path, ("丁诊所", "诊所", *town.place(5, 5)))
    with register.transaction("somebody"):
        assert take(register, path, dry_run=True).counts["added"] == 1


# --- over HTTP ---------------------------------------------------------------------------------------------------


@pytest.fixture
def client(town_folder: Path, database_url: str) -> Iterator[TestClient]:
    app = create_app(Settings(study=town_folder, database_url=database_url, most_upload_mb=1))
    with TestClient(app, raise_server_exceptions=False) as client:
        client.headers["Authorization"] = f"Bearer {keys.create(app.state.answers.register.database, '王工')}"
        yield client


def send(client: TestClient, path: Path, **query: Any) -> Any:
    return client.post("/v1/imports", files={"file": (path.name, path.read_bytes())}, params=query)


def test_a_list_is_sent_looked_at_and_taken_over(client: TestClient, tmp_path: Path):
    x, y = town.place(5, 5)
    path = written(tmp_path, ("丁医院", x, y, "诊所", "0579-1"), head=("机构", "经度", "纬度", "类别", "电话"))
    query = {"coordinates": "wgs84", "columns": '{"机构": "name"}', "verified": "2026-01-02"}
    looked = send(client, path, dry_run="true", **query)
    assert looked.status_code == 200, looked.text
    assert (looked.json()["applied"], looked.json()["counts"]["added"]) == (False, 1)
    taken = send(client, path, **query).json()
    assert (taken["applied"], taken["file"], taken["columns"]["机构"]) == (True, "名单.csv", "name")
    (row,) = taken["rows"]
    nearest = client.get("/v1/nearest", params={"lon": x, "lat": y, "category": "clinic"}).json()["features"][0]
    assert (nearest["id"], nearest["properties"]["name"]) == (row["id"], "丁医院")
    assert nearest["properties"]["verified_by"] == "王工"
    assert send(client, path, **query).json()["counts"]["unchanged"] == 1


def test_a_list_that_cannot_be_taken_is_told_why(client: TestClient, tmp_path: Path):
    before = client.get("/v1/collections/facilities/items").json()
    path = written(tmp_path, ("丁", "诊所", *town.place(5, 5)), ("戊", "面包店", *town.place(5, 6)))
    answer = send(client, path, coordinates="wgs84")
    assert answer.status_code == 422
    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert (problem["counts"]["unusable"], problem["rows"][0]["where"]) == (1, "row 3")
    assert "面包店" in problem["rows"][0]["why"][0]
    nonsense = tmp_path / "x.xlsx"
    nonsense.write_bytes(b"PK\x03\x04 no zip")
    refused = send(client, nonsense)
    assert (refused.status_code, str(tmp_path) in refused.text) == (422, False)
    assert refused.json()["detail"].startswith("x.xlsx: ")
    assert client.get("/v1/collections/facilities/items").json() == before
    assert send(client, path, coordinates="wgs84", leave_out="true").json()["counts"]["added"] == 1


def test_what_is_wrong_with_the_question_is_told(client: TestClient, tmp_path: Path):
    path = written(tmp_path, ("丁", "诊所", *town.place(5, 5)))
    for query in ({"coordinates": "mars"}, {"columns": "{"}, {"columns": "[]"}, {"columns": '{"名称": "none"}'},
                  {"category": "bakery"}, {"verified": "2026-13-01"}, {"nonsense": "1"}):  # fmt: skip
        answer = send(client, path, **query)
        assert answer.status_code in (400, 422), answer.text
        assert answer.headers["content-type"] == "application/problem+json"
    assert client.post("/v1/imports").status_code == 400
    assert client.post("/v1/imports", data={"file": "text"}).status_code == 400
    path.write_bytes(b"x" * 2**21)
    assert send(client, path).status_code == 413
    client.headers.pop("Authorization")
    assert send(client, path).status_code in (401, 413)
    path.write_bytes(b"x")
    assert send(client, path).status_code == 401


def test_a_files_name_leads_nowhere(client: TestClient, tmp_path: Path):
    content = written(tmp_path, ("丁", "诊所", *town.place(5, 5))).read_bytes()
    for name in (
        "../../etc/passwd.csv",
        "C:\\x\\y.csv",
        "a" * 500 + ".csv",
        ".csv",
        "名\u202e单.csv",
        "..",
        "名" * 200,
    ):
        answer = client.post("/v1/imports", files={"file": (name, content)}, params={"coordinates": "wgs84"})
        assert answer.status_code == 200, (name, answer.text)
        assert "/" not in answer.json()["file"]
        assert answer.json()["file"] not in ("", ".", "..")


def test_the_register_is_sent_as_a_file(client: TestClient, tmp_path: Path):
    for kind in writer.FORMATS:
        answer = client.get(f"/v1/exports/facilities.{kind}", params={"coordinates": "gcj02"})
        assert answer.status_code == 200
        assert answer.headers["content-type"] == writer.MEDIA_TYPES[kind]
        path = tmp_path / f"facilities.{kind}"
        path.write_bytes(answer.content)
        assert send(client, path).json()["counts"]["unchanged"] == 9
    assert client.get("/v1/exports/facilities.doc").status_code in (400, 404)


def test_likely_twins_are_listed(client: TestClient):
    address = "/v1/collections/facilities/items/c1"
    renamed = client.patch(address, json={"properties": {"name": "中山诊所"}}, headers={"If-Match": "*"}).json()
    properties = {"category": "clinic", "name": "永康市中山（诊所）"}
    twin = {"type": "Feature", "geometry": renamed["geometry"], "properties": properties}
    made = client.post("/v1/collections/facilities/items", json=twin).json()
    told = client.get("/v1/duplicates").json()
    assert {told["duplicates"][0]["a"], told["duplicates"][0]["b"]} == {"c1", made["id"]}
    assert 0 < told["duplicates"][0]["score"] <= 1
    assert client.get("/v1/duplicates", params={"category": "park"}).json()["numberMatched"] == 0
    merged = client.post(
        "/v1/collections/facilities/items/c1/merge", json={"twin": made["id"]}, headers={"If-Match": "*"}
    )
    assert merged.status_code == 200
    assert client.get("/v1/duplicates").json()["numberMatched"] == told["numberMatched"] - 1


# --- on the command line -----------------------------------------------------------------------------------------


def test_commands_of_the_register(town_folder: Path, tmp_path: Path):
    def done(*arguments: object, status: int = 0) -> tuple[str, str]:
        ended = program.call(*arguments, "--study", town_folder)
        assert ended.returncode == status, ended.stderr.decode()
        return ended.stdout.decode(), ended.stderr.decode()

    out = tmp_path / "名单.xlsx"
    done("export", out, "--coordinates", "bd09")
    assert "9 unchanged" in done("import", out)[1]
    path = written(tmp_path, ("丁诊所", "诊所", *town.place(5, 5)), ("戊", "面包店", *town.place(5, 6)))
    told, said = done("import", path, "--coordinates", "wgs84", "--dry-run")
    assert "1 would be added" in " ".join(said.split())
    assert "面包店" in told
    assert "nothing of it was imported" in done("import", path, "--coordinates", "wgs84", status=1)[1]
    told = done("import", path, "--coordinates", "wgs84", "--leave-out", "--by", "李工", "--format", "json")[0]
    (report,) = json.loads(told)
    (added,) = (row["id"] for row in report["rows"] if row["outcome"] == "added")
    assert "李工" in done("history", added)[0]
    assert "分数 score" in done("duplicates")[0]
    key = done("keys", "add", "王工")[0].strip()
    assert key.startswith("fwq_")
    assert "王工" in done("keys", "list")[0]
    done("keys", "revoke", "王工")
    assert "unknown key" in done("keys", "revoke", "王工", status=1)[1]
    assert "is not HEADING=FIELD" in done("import", path, "--column", "x", status=1)[1]
    assert "kind of file" in done("export", tmp_path / "out.doc", status=1)[1]
    assert "unknown facility" in done("history", "nobody", status=1)[1]


# --- how fast ----------------------------------------------------------------------------------------------------


@pytest.mark.alone
def test_many_rows_are_taken_over_at_a_small_multiple_of_a_bare_insert(
    town_folder: Path, tmp_path: Path, open_register: Callable[[Path, str], Register]
):
    """100,000 rows, in one transaction, in at most 6 times what executemany takes for the rows that come of them."""
    count = 100_000
    places = [town.place(number % 1500 / 100, number % 799 / 100) for number in range(count)]
    path = written(
        tmp_path,
        *(
            (f"n{n}", f"第{n}诊所", "诊所", f"{x:.6f}", f"{y:.6f}", f"中山路{n}号", n % 50)
            for n, (x, y) in enumerate(places)
        ),
        head=("编号", *HEAD, "地址", "床位"),
    )
    register = open_register(town_folder, f"sqlite:///{tmp_path / 'ours.sqlite'}")
    seen = []
    begin = time.perf_counter()
    found = reader.read(path, ListOptions(within=register.study.territory, coordinates="wgs84"), advance=seen.append)
    report = imports.apply_list(register, found, "test", advance=seen.append)
    ours = time.perf_counter() - begin
    assert report.counts["added"] == count
    assert sum(seen) == 2 * count
    open_register(town_folder, f"sqlite:///{tmp_path / 'bare.sqlite'}")
    with (
        closing(sqlite3.connect(tmp_path / "ours.sqlite")) as full,
        closing(sqlite3.connect(tmp_path / "bare.sqlite")) as bare,
    ):
        tables = {name: full.execute(f"SELECT * FROM {name}").fetchall() for name in ("facility", "change")}
        for name in tables:
            bare.execute(f"DELETE FROM {name}")
        bare.commit()
        begin = time.perf_counter()
        for name, rows in tables.items():
            bare.executemany(f"INSERT INTO {name} VALUES ({','.join('?' * len(rows[0]))})", rows)
        bare.commit()
        theirs = time.perf_counter() - begin
    assert ours <= 6 * theirs, f"{ours:.1f} s against {theirs:.1f} s"
    print(f"{ours:.1f} s, {ours / theirs:.1f} times a bare insert")
