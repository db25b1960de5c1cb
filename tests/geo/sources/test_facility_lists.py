"""OpenStreetMap extracts read as lists of facilities."""

from pathlib import Path

import pytest
import shapely

from geo.errors import ExtractError, TableError
from geo.lists.reader import ListOptions
from geo.sources import facility_lists
from support.list_files import WITHIN


def test_an_extract_gives_its_facilities(liechtenstein_extract: Path) -> None:
    found = facility_lists.read_in_this_process(liechtenstein_extract)
    assert found.coordinates == "wgs84"
    assert len(found.rows) > 40
    assert not [row for row in found.rows if row.problems]
    kinds = {row.values["category"] for row in found.rows}
    assert {"kindergarten", "park", "clinic"} <= kinds
    assert all(row.geometry is not None and row.values["id"].startswith("osm-") for row in found.rows)
    some = shapely.box(9.5, 47.1, 9.53, 47.2)
    assert {
        row.values["id"]
        for row in facility_lists.read_in_this_process(liechtenstein_extract, ListOptions(within=some)).rows
    } == {row.values["id"] for row in found.rows if row.geometry is not None and row.geometry.intersects(some)}
    with pytest.raises(TableError, match="states that its coordinates are wgs84"):
        facility_lists.read_in_this_process(liechtenstein_extract, ListOptions(coordinates="gcj02"))


def test_an_extract_without_facilities_in_the_area_is_refused(liechtenstein_extract: Path) -> None:
    with pytest.raises(TableError, match="holds no facility within the area"):
        facility_lists.read_in_this_process(liechtenstein_extract, ListOptions(within=WITHIN))


def test_a_truncated_extract_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.osm.pbf"
    path.write_bytes(b"\0\0\0\x0d\x0a\x09OSMHeader\x18\x7c" + bytes(40))
    with pytest.raises(ExtractError, match="truncated"):
        facility_lists.read_in_this_process(path)


@pytest.mark.parametrize(("levels", "usable"), [(100, True), (600, False), (900, False)])
def test_a_property_with_too_many_levels_makes_its_row_unusable(levels: int, usable: bool, tmp_path: Path) -> None:
    nested = "[" * levels + "1" + "]" * levels
    feature = (
        '{"type": "Feature", "geometry": {"type": "Point", "coordinates": [120.05, 28.9]}, '
        f'"properties": {{"name": "示例", "category": "clinic", "nested": {nested}}}}}'
    )
    path = tmp_path / "deep.geojson"
    path.write_text(f'{{"type": "FeatureCollection", "features": [{feature}]}}', "utf-8")
    (row,) = facility_lists.read(path).rows
    assert row.problems == (() if usable else ("nested: its value has too many levels of lists or objects",))
