"""Lists over HTTP: import, export and duplicates."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from geo.geodesy.projection import projection
from geo.lists import writer
from service.api.app import create_app
from service.register import keys
from service.settings import Settings
from support import binary_workbooks, town
from support.lists import write_csv

ITEMS = "/v1/collections/facilities/items"


@pytest.fixture
def client(town_folder: Path, database_url: str) -> Iterator[TestClient]:
    """The API of the small town for an editor; uploads may have 1 MB."""
    app = create_app(Settings(study=town_folder, database_url=database_url, most_upload_mb=1))
    with TestClient(app, raise_server_exceptions=False) as client:
        client.headers["Authorization"] = f"Bearer {keys.create(app.state.answers.register.database, '王工')}"
        yield client


def upload(client: TestClient, path: Path, **query: Any) -> Any:
    return client.post("/v1/imports", files={"file": (path.name, path.read_bytes())}, params=query)


def test_a_list_is_compared_and_then_imported(client: TestClient, tmp_path: Path):
    x, y = town.place(5, 5)
    headings = ("机构", "经度", "纬度", "类别", "电话")
    path = write_csv(tmp_path, ("丁医院", x, y, "诊所", "0579-1"), headings=headings)
    query = {"coordinates": "wgs84", "columns": '{"机构": "name"}', "verified": "2026-01-02"}
    dry_run = upload(client, path, dry_run="true", **query)
    assert dry_run.status_code == 200, dry_run.text
    assert (dry_run.json()["applied"], dry_run.json()["counts"]["added"]) == (False, 1)
    report = upload(client, path, **query).json()
    assert (report["applied"], report["file"], report["columns"]["机构"]) == (True, "名单.csv", "name")
    (row,) = report["rows"]
    nearest = client.get("/v1/nearest", params={"lon": x, "lat": y, "category": "clinic"}).json()["features"][0]
    assert (nearest["id"], nearest["properties"]["name"]) == (row["id"], "丁医院")
    assert nearest["properties"]["verified_by"] == "王工"
    assert upload(client, path, **query).json()["counts"]["unchanged"] == 1


def test_a_list_with_unusable_rows_is_a_problem_that_names_them(client: TestClient, tmp_path: Path):
    before = client.get(ITEMS).json()
    path = write_csv(tmp_path, ("丁", "诊所", *town.place(5, 5)), ("戊", "面包店", *town.place(5, 6)))
    response = upload(client, path, coordinates="wgs84")
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert (problem["counts"]["unusable"], problem["rows"][0]["where"]) == (1, "row 3")
    assert "面包店" in problem["rows"][0]["why"][0]
    assert client.get(ITEMS).json() == before
    assert upload(client, path, coordinates="wgs84", leave_out="true").json()["counts"]["added"] == 1


def test_an_unreadable_file_is_a_problem_without_the_servers_paths(client: TestClient, tmp_path: Path):
    path = tmp_path / "x.xlsx"
    path.write_bytes(b"PK\x03\x04 no zip")
    response = upload(client, path)
    assert (response.status_code, str(tmp_path) in response.text) == (422, False)
    assert response.json()["detail"].startswith("x.xlsx: ")


def test_a_bad_parameter_is_a_problem(client: TestClient, tmp_path: Path):
    path = write_csv(tmp_path, ("丁", "诊所", *town.place(5, 5)))
    for query in (
        {"coordinates": "mars"},
        {"columns": "{"},
        {"columns": "[]"},
        {"columns": '{"名称": "none"}'},
        {"category": "bakery"},
        {"verified": "2026-13-01"},
        {"nonsense": "1"},
    ):
        response = upload(client, path, **query)
        assert response.status_code in (400, 422), response.text
        assert response.headers["content-type"] == "application/problem+json"


def test_uploads_need_a_file_a_key_and_a_size_below_the_limit(client: TestClient, tmp_path: Path):
    assert client.post("/v1/imports").status_code == 400
    assert client.post("/v1/imports", data={"file": "text"}).status_code == 400
    path = tmp_path / "名单.csv"
    path.write_bytes(b"x" * 2**21)
    assert upload(client, path).status_code == 413
    client.headers.pop("Authorization")
    assert upload(client, path).status_code in (401, 413)
    path.write_bytes(b"x")
    assert upload(client, path).status_code == 401


def test_no_file_name_leads_out_of_the_upload_folder(client: TestClient, tmp_path: Path):
    content = write_csv(tmp_path, ("丁", "诊所", *town.place(5, 5))).read_bytes()
    for name in (
        "../../etc/passwd.csv",
        "C:\\x\\y.csv",
        "a" * 500 + ".csv",
        ".csv",
        "名\u202e单.csv",
        "..",
        "名" * 200,
    ):
        response = client.post("/v1/imports", files={"file": (name, content)}, params={"coordinates": "wgs84"})
        assert response.status_code == 200, (name, response.text)
        assert "/" not in response.json()["file"]
        assert response.json()["file"] not in ("", ".", "..")


def test_an_export_imports_without_a_change(client: TestClient, tmp_path: Path):
    for file_format in writer.FORMATS:
        response = client.get(f"/v1/exports/facilities.{file_format}", params={"coordinates": "gcj02"})
        assert response.status_code == 200
        assert response.headers["content-type"] == writer.MEDIA_TYPES[file_format]
        path = tmp_path / f"facilities.{file_format}"
        path.write_bytes(response.content)
        assert upload(client, path).json()["counts"]["unchanged"] == 9


def test_an_export_in_an_unknown_format_is_a_problem(town_client: TestClient):
    assert town_client.get("/v1/exports/facilities.doc").status_code in (400, 404)


def test_duplicates_are_listed_until_they_are_merged(client: TestClient):
    properties = {"properties": {"name": "中山诊所"}}
    renamed = client.patch(f"{ITEMS}/c1", json=properties, headers={"If-Match": "*"}).json()
    properties = {"category": "clinic", "name": "永康市中山（诊所）"}
    feature = {"type": "Feature", "geometry": renamed["geometry"], "properties": properties}
    duplicate_id = client.post(ITEMS, json=feature).json()["id"]
    before = client.get("/v1/duplicates").json()
    pair = before["duplicates"][0]
    assert {pair["a"], pair["b"]} == {"c1", duplicate_id}
    assert 0 < pair["score"] <= 1
    assert client.get("/v1/duplicates", params={"category": "park"}).json()["numberMatched"] == 0
    merged = client.post(f"{ITEMS}/c1/merge", json={"twin": duplicate_id}, headers={"If-Match": "*"})
    assert merged.status_code == 200
    assert client.get("/v1/duplicates").json()["numberMatched"] == before["numberMatched"] - 1


def test_a_list_in_metres_and_a_chosen_sheet_are_imported(client: TestClient, tmp_path: Path):
    x, y = town.place(5, 5)
    easting, northing = projection("EPSG:4549").to_metres(x, y)
    path = write_csv(tmp_path, ("丁医院", northing, easting, "诊所"), headings=("名称", "X坐标", "Y坐标", "类别"))
    report = upload(client, path, crs="EPSG:4549", dry_run="true").json()
    assert (report["counts"]["added"], "x is the northing" in " ".join(report["notes"])) == (1, True)
    book = tmp_path / "a.xlsb"
    rows = [["名称", "类别", "经度", "纬度"], ["丁医院", "诊所", x, y]]
    binary_workbooks.write(book, {"名单": rows, "旧": [*rows, ["戊医院", "诊所", x + 0.001, y]]}, hidden_sheets=["旧"])
    counts = [
        upload(client, book, coordinates="wgs84", dry_run="true", **query).json()["counts"]["added"]
        for query in ({}, {"sheet": "旧"})
    ]
    assert counts == [1, 2]
    for query in ({"crs": "EPSG:1"}, {"crs": "EPSG:4549", "coordinates": "gcj02"}):
        assert upload(client, path, **query).status_code == 400, query


def test_an_unknown_form_field_is_refused_and_nothing_is_imported(client: TestClient, tmp_path: Path):
    before = client.get(ITEMS).json()
    path = write_csv(tmp_path, ("丁", "诊所", *town.place(5, 5)))
    for field in ("dry_run", "coordinates", "files", "leave_out", "nonsense"):
        response = client.post("/v1/imports", files={"file": (path.name, path.read_bytes())}, data={field: "true"})
        assert response.status_code == 400
        assert response.json()["parameters"][0]["name"] == field
    other_part = {"file": (path.name, path.read_bytes()), "list": ("b.csv", path.read_bytes())}
    assert client.post("/v1/imports", files=other_part).json()["parameters"][0]["name"] == "list"
    assert client.get(ITEMS).json() == before


def test_several_lists_are_imported_together_or_not_at_all(client: TestClient, tmp_path: Path):
    good, more = ("丁", "诊所", *town.place(5, 5)), ("戊", "诊所", *town.place(5, 6))
    paths = [write_csv(tmp_path, good, name="a.csv"), write_csv(tmp_path, good, more, name="b.csv")]
    bad = write_csv(tmp_path, ("己", "面包店", *town.place(5, 6)), name="c.csv")

    def upload_all(*files: Path) -> Any:
        parts = [("file", (path.name, path.read_bytes())) for path in files]
        return client.post("/v1/imports", files=parts, params={"coordinates": "wgs84"})

    before = client.get(ITEMS).json()
    refused = upload_all(*paths, bad)
    assert (refused.status_code, refused.json()["applied"]) == (422, False)
    assert [report["counts"]["unusable"] for report in refused.json()["reports"]] == [0, 0, 1]
    assert upload_all(bad, bad).json()["detail"].count("c.csv: 1 of its rows") == 2
    empty = tmp_path / "empty.csv"
    empty.write_bytes(b"")
    partly_read = upload_all(paths[0], empty, bad)
    assert (partly_read.status_code, partly_read.json()["applied"]) == (422, False)
    first, second, third = partly_read.json()["reports"]
    assert (first["counts"]["added"], third["counts"]["unusable"]) == (1, 1)
    assert (second["file"], second["applied"]) == ("empty.csv", False)
    assert second["error"] in partly_read.json()["detail"]
    assert upload_all(empty, empty).json()["reports"] == [second, second]
    assert client.get(ITEMS).json() == before
    applied = upload_all(*paths).json()
    assert [(report["applied"], report["counts"]["added"]) for report in applied["reports"]] == [(True, 1), (True, 1)]


def test_an_upload_with_the_name_of_the_studys_own_file_is_not_that_file(
    client: TestClient, town_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    source = town_folder / "facilities.geojson"
    source.write_text(source.read_text("utf-8").replace("0579-0000000", "0579-1111111"), "utf-8")
    monkeypatch.chdir(town_folder)
    register = client.app.state.answers.register  # type: ignore[attr-defined]
    assert register.warning is not None
    path = write_csv(tmp_path, ("丁", "诊所", *town.place(5, 5)))
    for name in ("facilities.geojson", str(source)):
        response = client.post(
            "/v1/imports", files={"file": (name, path.read_bytes())}, params={"coordinates": "wgs84"}
        )
        assert response.status_code == 200
        assert register.warning is not None


def test_a_source_and_update_answer_a_conflict_of_ids(client: TestClient, tmp_path: Path):
    path = write_csv(
        tmp_path, ("c1", "另一诊所", "诊所", *town.place(6, 1)), headings=("编号", "名称", "类别", "经度", "纬度")
    )
    refused = upload(client, path, coordinates="wgs84")
    assert "HTTP: source=NAME" in refused.json()["rows"][0]["why"][0]
    assert upload(client, path, coordinates="wgs84", source="西城").json()["rows"][0]["id"] == "西城-c1"
    (row,) = upload(client, path, coordinates="wgs84", update="true", dry_run="true").json()["rows"]
    assert (row["id"], row["outcome"]) == ("c1", "changed")
