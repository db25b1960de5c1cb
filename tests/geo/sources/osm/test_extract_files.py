"""Files that are refused because they hold more than one state of the world, or no places in degrees, or no extract."""

import bz2
import gzip
from pathlib import Path

import osmium
import pytest
from osmium.osm import mutable

from geo.errors import ExtractError
from geo.sources.osm import boundaries
from geo.sources.osm import extract as osm
from geo.study.categories import BUILT_IN
from support.extracts import Extract, add_nearby_objects

NODES = "n1 v1 dV T x10 y50\nn2 v1 dV T x10.01 y50\n"
WAYS = "w1 v1 dV Thighway=path Nn1,n2\n"
XML_NODES = '<node id="1" version="1" lat="50" lon="10"/>\n<node id="2" version="1" lat="50" lon="10.01"/>\n'
XML_WAY = '<way id="1" version="1"><nd ref="1"/><nd ref="2"/><tag k="highway" v="path"/></way>\n'
BOUNDARY = "r1 v1 dV Tadmin_level=8,boundary=administrative,name=A,type=boundary Mw1@outer\n"


def quiet(step: str, count: int) -> None:
    pass


def refusal(path: Path) -> str:
    """What `boundaries.read`, `extract.read` and `extract.read_facilities` say of a file; all the same, in one line."""
    messages = set()
    for read in (
        lambda: osm.read(path, boundaries.read(path, quiet), None, quiet),
        lambda: osm.read(path, boundaries.Boundaries(), None, quiet),
        lambda: osm.read_facilities(path, None, BUILT_IN),
    ):
        with pytest.raises(ExtractError) as error:
            read()
        messages.add(str(error.value))
    [message] = messages
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message


def xml(objects: str, root: str = "osm") -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} version="0.6">\n{objects}</{root}>\n'


def test_the_files_of_these_tests_are_read_without_what_spoils_them(tmp_path: Path) -> None:
    for name, content in (("a.opl", NODES + WAYS + BOUNDARY), ("a.osm", xml(XML_NODES + XML_WAY))):
        path = tmp_path / name
        path.write_text(content, "utf-8")
        assert len(osm.read(path, boundaries.read(path, quiet), None, quiet).streets) == 1


@pytest.mark.parametrize("name", ["a.osh.pbf", "a.osh", "a.osh.gz", "a.osc", "a.osc.bz2", "history.osm.pbf"])
def test_histories_and_lists_of_changes_are_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    written = path if name.startswith("a") else tmp_path / "b.osh.pbf"
    with osmium.SimpleWriter(str(written)) as writer:
        for number, lon in ((1, 10.0), (2, 10.01)):
            writer.add_node(mutable.Node(id=number, version=1, visible=True, location=(lon, 50.0)))
        writer.add_way(mutable.Way(id=1, version=1, visible=True, nodes=[1, 2], tags={"highway": "path"}))
    written.rename(path)
    assert refusal(path).startswith(f"{path}: is a history")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.opl", NODES + "n3 v2 dD T x y\n" + WAYS),
        ("a.opl", NODES + WAYS + "w2 v2 dD Thighway=path Nn1,n2\n"),
        ("a.opl", NODES + WAYS + "r-3 dD Ttype=multipolygon M\n"),
        ("a.osm", xml(XML_NODES + XML_WAY.replace('id="1"', 'id="1" visible="false"'))),
        ("a.osm", xml(XML_NODES + XML_WAY.replace('id="1"', "id='1' action='delete' visible='true'"))),
        ("a.osm", xml(XML_NODES + XML_WAY.replace('id="1"', 'id="1"\n user="&lt;&gt;"\n visible="false"'))),
        ("a.osm", xml(f"<modify>{XML_NODES}</modify><delete>{XML_WAY}</delete>", "osmChange")),
    ],
)
@pytest.mark.parametrize("packed", ["", ".gz", ".bz2"])
def test_files_with_deleted_objects_are_refused(tmp_path: Path, name: str, content: str, packed: str) -> None:
    pack = {"": bytes, ".gz": gzip.compress, ".bz2": bz2.compress}[packed]
    path = tmp_path / (name + packed)
    path.write_bytes(pack(content.encode()))
    assert refusal(path).startswith(f"{path}: is a history")


def test_a_deleted_object_far_into_a_file_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from geo.sources.osm import extract_files

    path = tmp_path / "a.osm"
    spoilt = XML_WAY.replace('id="1"', 'id="1" version="2" visible="false"')
    path.write_text(xml(XML_NODES + spoilt), "utf-8")
    for size in range(20, 60, 7):
        monkeypatch.setattr(extract_files, "_BLOCK_BYTES", size)
        assert refusal(path).startswith(f"{path}: is a history")


def test_text_that_only_speaks_of_deleting_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.osm"
    tags = """<tag k="note" v="visible='false'"/><tag k="fixme" v="&lt;way visible='false'&gt;"/>"""
    path.write_text(xml(XML_NODES + XML_WAY.replace("</way>", f"{tags}</way>")), "utf-8")
    assert len(osm.read(path, boundaries.Boundaries(), None, quiet).streets) == 1


@pytest.mark.parametrize(
    ("content", "object_name"),
    [
        (NODES.replace("n2", "n1") + WAYS, "node 1"),
        (NODES + NODES.replace("n2", "n3") + WAYS, "node 1"),  # not one after the other
        (NODES + WAYS + WAYS.replace("highway=path", ""), "way 1"),
        (NODES + WAYS + WAYS.replace("w1", "w2") + WAYS, "way 1"),
        (NODES + WAYS + BOUNDARY + BOUNDARY, "relation 1"),
        (NODES.replace("n1", "n-7").replace("n2", "n-7") + WAYS, "node -7"),
    ],
)
def test_an_id_that_is_there_twice_is_named(tmp_path: Path, content: str, object_name: str) -> None:
    path = tmp_path / "a.opl"
    path.write_text(content, "utf-8")
    with pytest.raises(ExtractError, match=f"has {object_name} more than once; .*osmium merge"):
        osm.read(path, boundaries.read(path, quiet), None, quiet)


@pytest.mark.parametrize(
    ("lon", "lat"),
    [
        ("3199999.5", "5000000"),
        ("", ""),
        ("181", "50"),
        ("10", "-90.5"),
        ("x", "y"),
        ("NaN", "50"),
        ("1e9", "50"),
        ("10", ""),
    ],
)
@pytest.mark.parametrize("name", ["a.osm", "a.opl"])
def test_coordinates_that_are_no_degrees_are_refused(tmp_path: Path, name: str, lon: str, lat: str) -> None:
    path = tmp_path / name
    nodes = f"n3 v1 dV T x{lon} y{lat}\n", f'<node id="3" version="1" lat="{lat}" lon="{lon}"/>\n'
    path.write_text(NODES + nodes[0] + WAYS if name == "a.opl" else xml(XML_NODES + nodes[1] + XML_WAY), "utf-8")
    assert "no degrees of longitude and latitude" in refusal(path)


def test_a_node_without_coordinates_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.osm"
    path.write_text(xml(XML_NODES + '<node id="-3" version="1"/>\n' + XML_WAY), "utf-8")
    assert "node -3" in refusal(path)


@pytest.mark.parametrize("name", ["a.osm.pbf", "a.osm", "a.osm.gz", "a.osm.bz2", "a.opl", "a.o5m", "a.pbf", "a.txt"])
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"x\n",
        b"<html><body>404</body></html>",
        b'{"type": "FeatureCollection"}',
        b"\x00\x00\x00\x0d\x0a\x09OSMHeader",
        b"PK\x03\x04",
        bytes(range(256)) * 9,
    ],
)
def test_files_that_are_no_extracts_are_refused(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    refusal(path)


@pytest.mark.parametrize("name", ["a.osm.pbf", "a.osm", "a.osm.gz", "a.osm.bz2"])
def test_truncated_files_are_refused(tmp_path: Path, name: str) -> None:
    extract = Extract()
    add_nearby_objects(extract)
    content = extract.write(tmp_path / name).read_bytes()
    for share in (0.1, 0.5, 0.9, 0.99):
        path = tmp_path / f"cut-{share}-{name}"
        path.write_bytes(content[: int(len(content) * share)])
        refusal(path)
