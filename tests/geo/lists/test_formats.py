"""Files of every type give the same facilities, whatever they are called; hostile ones are refused."""

import io
import json
import shlex
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import pyogrio
import pytest
import shapely

from geo import limited_process
from geo.errors import TableError
from geo.lists import file_types, kml_files, option_hints
from geo.sources import facility_lists
from support import binary_workbooks, opendocument
from support.list_files import A, B, read, refusal

HEAD = ["名称", "类别", "经度", "纬度", "电话"]
ROWS = [["甲诊所", "诊所", *A, "0579-1"], ["乙诊所", "诊所", *B, "0579-2"]]
Make = Callable[[Path], object]


def frame() -> gpd.GeoDataFrame:
    columns = {"名称": ["甲诊所", "乙诊所"], "类别": ["诊所", "诊所"], "电话": ["0579-1", "0579-2"]}
    return gpd.GeoDataFrame(columns, geometry=[shapely.Point(A), shapely.Point(B)], crs="EPSG:4326")


def features() -> list[str]:
    return [
        json.dumps({
            "type": "Feature",
            "properties": dict(zip(HEAD, row, strict=True)) | {"经度": None, "纬度": None},
            "geometry": {"type": "Point", "coordinates": row[2:4]},
        })
        for row in ROWS
    ]  # fmt: skip


def text(content: str) -> Make:
    return lambda path: path.write_text(content, "utf-8")


def driver(name: str) -> Make:
    def make(path: Path) -> None:
        pyogrio.write_dataframe(frame(), path.with_suffix(".made"), driver=name)  # a folder, if it ended otherwise
        made = path.with_suffix(".made")
        (next(made.iterdir()) if made.is_dir() else made).rename(path)

    return make


def kml(body: str = "") -> str:
    def place(row: list[Any]) -> str:
        data = "".join(
            f'<Data name="{head}"><value>{cell}</value></Data>' for head, cell in zip(HEAD[1:], row[1:], strict=True)
        )
        return (
            f"<Placemark><name>{row[0]}</name><ExtendedData>{data}</ExtendedData>"
            f"<Point><coordinates>{row[2]},{row[3]},0</coordinates></Point></Placemark>"
        )

    places = "".join(map(place, ROWS))
    head = '<?xml version="1.0" encoding="UTF-8"?><kml xmlns="http://www.opengis.net/kml/2.2">'
    return f"{head}<Document><name>list</name>{body}{places}</Document></kml>"


def kmz(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("doc.kml", kml())


MAKERS: dict[str, Make] = {
    "kml": text(kml()),
    "kmz": kmz,
    "ods": lambda path: opendocument.write(path, [HEAD, *ROWS]),
    "xlsb": lambda path: binary_workbooks.write(path, {"名单": [HEAD, *ROWS]}),
    "fgb": driver("FlatGeobuf"),
    "parquet": lambda path: frame().to_parquet(path),
    "lines.geojson": text("\n".join(features()) + "\n"),
    "records.geojson": text("".join(f"\x1e{feature}\n" for feature in features())),
    "records_of_lines.json": text(
        "".join("\x1e" + json.dumps(json.loads(feature), indent=1) for feature in features())
    ),
    "collections.json": text(
        "\n".join(f'{{"type":"FeatureCollection","features":[{feature}]}}' for feature in features())
    ),
}


@pytest.mark.parametrize("ending", MAKERS)
def test_a_file_gives_its_facilities_under_its_own_name_and_another(ending: str, tmp_path: Path) -> None:
    for name in (f"list.{ending}", "renamed.xls"):
        facility_list = read(tmp_path / name, MAKERS[ending], coordinates="wgs84")
        rows = {row.values["name"]: row for row in facility_list.rows}
        assert [row.problems for row in facility_list.rows] == [(), ()]
        for given in ROWS:
            row = rows[given[0]]
            assert (row.values["category"], row.values["phone"]) == ("clinic", given[4])
            assert row.geometry is not None
            assert row.geometry.distance(shapely.Point(given[2:4])) < 1e-9
    assert any("is called .xls but is" in note for note in facility_list.notes)


def test_one_feature_alone_is_a_list(tmp_path: Path) -> None:
    assert len(read(tmp_path / "a.geojson", text(features()[0])).rows) == 1


def test_a_line_that_is_no_feature_is_named(tmp_path: Path) -> None:
    broken = "\n".join([features()[0], features()[1][:-5]])
    assert "line 2 is not JSON" in refusal(tmp_path / "a.geojson", text(broken))
    assert "line 2 is no GeoJSON feature" in refusal(tmp_path / "b.geojson", text(features()[0] + "\n[1]"))


@pytest.mark.parametrize("coordinates", ["12", [True, 28.9], [120.0], {"lon": 120}])
def test_a_point_without_two_numbers_is_unusable(coordinates: object, tmp_path: Path) -> None:
    point = {"type": "Point", "coordinates": coordinates}
    feature = {"type": "Feature", "geometry": point, "properties": {"name": "甲诊所", "category": "clinic"}}
    (row,) = read(tmp_path / "a.geojson", text(json.dumps(feature))).rows
    assert row.problems == ("its geometry cannot be read",)


def test_a_place_that_kml_does_not_show_is_said(tmp_path: Path) -> None:
    hidden = kml().replace("<Placemark><name>甲", "<Placemark><visibility>0</visibility><name>甲", 1)
    first, second = read(tmp_path / "a.kml", text(hidden)).rows
    assert ("not shown" in " ".join(first.notes), second.notes) == (True, ())
    folders = kml().replace("<Placemark>", "<Folder><name>旧</name><visibility>0</visibility><Placemark>", 1)
    first, second = read(tmp_path / "b.kml", text(folders.replace("</Placemark>", "</Placemark></Folder>", 1))).rows
    assert ("not shown" in " ".join(first.notes), second.notes) == (True, ())
    assert (first.values["extra"]["folder"], "folder" in second.values["extra"]) == ("旧", False)


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ("<gx:Track xmlns:gx='x'/>", "is a Track"),
        ("<Point><coordinates>120.04;28.89</coordinates></Point>", "cannot be read"),
        ("<Point/>", "cannot be read"),
        ("<Polygon><outerBoundaryIs/></Polygon>", "cannot be read"),
        ("<MultiGeometry>" * 3000 + "</MultiGeometry>" * 3000, "cannot be read"),
    ],
)
def test_a_placemark_whose_geometry_cannot_be_read_is_unusable(shape: str, said: str, tmp_path: Path) -> None:
    broken = kml().replace(f"<Point><coordinates>{A[0]},{A[1]},0</coordinates></Point>", shape)
    first, second = read(tmp_path / "a.kml", text(broken)).rows
    assert (said in " ".join(first.problems), second.problems) == (True, ())


def test_kml_without_placemarks_is_refused(tmp_path: Path) -> None:
    assert "holds no features" in refusal(tmp_path / "a.kml", text('<kml xmlns="http://www.opengis.net/kml/2.2"/>'))


def test_the_folder_of_a_placemark_can_be_its_category(tmp_path: Path) -> None:
    folder = (
        kml()
        .replace('<Data name="类别"><value>诊所</value></Data>', "")
        .replace("<Document><name>list", "<Folder><name>诊所")
    )
    facility_list = read(
        tmp_path / "a.kml", text(folder.replace("</Document>", "</Folder>")), columns={"folder": "category"}
    )
    assert [row.values["category"] for row in facility_list.rows] == ["clinic", "clinic"]


def test_links_to_other_files_are_said(tmp_path: Path) -> None:
    linked = read(tmp_path / "a.kml", text(kml("<NetworkLink><Link><href>http://x/</href></Link></NetworkLink>")))
    assert any("1 links to other files" in note for note in linked.notes)


def test_two_names_of_a_placemark_are_one_field(tmp_path: Path) -> None:
    both = kml().replace('<Data name="类别">', '<Data name="机构名称"><value>全称</value></Data><Data name="类别">')
    assert [row.values["name"] for row in read(tmp_path / "a.kml", text(both)).rows] == ["全称", "全称"]


@pytest.mark.parametrize("ending", ["kmz", "ods", "xlsb", "fgb", "parquet"])
def test_a_truncated_file_is_refused(ending: str, tmp_path: Path) -> None:
    whole = io.BytesIO()
    path = tmp_path / f"a.{ending}"
    MAKERS[ending](path)
    whole.write(path.read_bytes())
    path.write_bytes(whole.getvalue()[: len(whole.getvalue()) * 6 // 10])
    with pytest.raises(TableError, match="truncated"):
        facility_lists.read_in_this_process(path)


def test_zips_that_unpack_to_too_much_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kml_files, "MAX_UNPACKED_BYTES", 100)
    assert "would unpack to more" in refusal(tmp_path / "a.kmz", kmz)


@pytest.mark.parametrize("name", ["deep.kml", "deep.ods", "laughs.ods"])
def test_hostile_xml_ends_as_one_line(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limited_process, "MAX_BYTES", 1 << 30)  # a lower limit is exceeded sooner
    path = tmp_path / name
    if name == "deep.kml":
        text(kml("<Folder>" * 200_000))(path)
    elif name == "deep.ods":
        opendocument.write(path, [HEAD, *ROWS], sheet_end="<text:p>" * 200_000)
    else:
        opendocument.write(path, [HEAD, *ROWS])
        laughs = '<!DOCTYPE x [<!ENTITY a "' + "ha" * 5_000 + '">'
        for before, letter in zip("abcdef", "bcdefg", strict=True):
            laughs += f'<!ENTITY {letter} "{f"&{before};" * 20}">'
        with zipfile.ZipFile(path) as archive:
            members = {other: archive.read(other) for other in archive.namelist()}
        content = members["content.xml"].decode().replace("甲诊所", "&g;")
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for other, member in (members | {"content.xml": f"{laughs}]>{content}".encode()}).items():
                archive.writestr(other, member)
    try:
        rows = facility_lists.read(path).rows
    except TableError as error:
        assert str(path) in str(error)
    else:
        assert all(len(row.values.get("name", "")) < 20_000 for row in rows)


def test_a_parquet_file_without_places_is_refused(tmp_path: Path) -> None:
    said = refusal(tmp_path / "a.parquet", lambda path: frame().drop(columns="geometry").to_parquet(path))
    assert "without places" in said


def test_every_file_type_is_described() -> None:
    assert file_types.ENDINGS.keys() == file_types.DESCRIPTIONS.keys()


@pytest.mark.parametrize(("display", "is_hidden"), [("false", True), ("true", False)])
def test_rows_of_a_folded_group_of_an_ods_are_hidden(display: str, is_hidden: bool, tmp_path: Path) -> None:
    group = f'table:display="{display}"'
    listed = read(tmp_path / "a.ods", lambda path: opendocument.write(path, [HEAD, *ROWS], group=group))
    assert [any("hidden" in note for note in row.notes) for row in listed.rows] == [False, is_hidden]


def test_an_id_among_the_properties_that_differs_from_the_features_is_kept_and_reported(tmp_path: Path) -> None:
    others = [json.loads(feature) for feature in features()]
    others[0] |= {"id": "c-1"}
    others[0]["properties"]["id"] = "EAST-9"
    others[1] |= {"id": 7}
    others[1]["properties"]["id"] = "7"
    content = json.dumps({"type": "FeatureCollection", "features": others})
    first, second = read(tmp_path / "a.geojson", text(content)).rows
    assert (first.values["id"], first.values["extra"]["properties.id"]) == ("c-1", "EAST-9")
    assert any("EAST-9" in note for note in first.notes)
    assert "properties.id" not in second.values.get("extra", {})


@pytest.mark.parametrize(
    ("heading", "written"),
    [
        ("电话", "--column 电话=extra "),
        ("电话 (2)", '--column "电话 (2)=extra" '),
        ("单价$", "--column '单价$=extra' "),
        ("a'b", '--column "a\'b=extra" '),
    ],
)
def test_advice_quotes_what_a_shell_would_take_apart(heading: str, written: str) -> None:
    advice = option_hints.column(heading, "extra")
    assert written in advice
    assert shlex.split(advice.partition(" (HTTP")[0])[-1] == f"{heading}=extra"


def test_a_kml_file_without_categories_gets_advice_about_its_folders(tmp_path: Path) -> None:
    placemark = "<Placemark><name>甲</name><Point><coordinates>120.05,28.9</coordinates></Point></Placemark>"
    content = f'<kml xmlns="http://www.opengis.net/kml/2.2"><Folder><name>诊所</name>{placemark}</Folder></kml>'
    assert "--column folder=category" in refusal(tmp_path / "a.kml", text(content))
