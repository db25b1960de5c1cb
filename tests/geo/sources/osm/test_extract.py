"""Extracts of a few objects each: which of them become streets, facilities, buildings and places."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import shapely
from pyproj import Geod

from geo.errors import ExtractError
from geo.sources.osm import boundaries
from geo.sources.osm import extract as osm
from support.extracts import Extract

GEOD = Geod(ellps="WGS84")
ROAD = {"highway": "residential"}


def quiet(step: str, count: int) -> None:
    pass


@pytest.fixture
def read(tmp_path: Path) -> Callable[[Extract], osm.Extract]:
    """A function that writes an extract and reads all of it."""

    def read_all(extract: Extract) -> osm.Extract:
        path = extract.write(tmp_path / "town.osm.pbf")
        return osm.read(path, boundaries.read(path, quiet), None, quiet)

    return read_all


@pytest.fixture
def town() -> Extract:
    """An extract with one street."""
    extract = Extract()
    extract.way([(10.0, 50.0), (10.01, 50.0)], ROAD)
    return extract


def facilities_by_id(extract: osm.Extract) -> dict[str, dict[str, object]]:
    return {row["id"]: row for _, row, _ in extract.facility_rows}


# --- streets -----------------------------------------------------------------------------------------------------


def test_ways_are_cut_at_common_nodes(read: Callable[[Extract], osm.Extract]) -> None:
    extract = Extract()
    extract.way([(10.0, 50.0), (10.01, 50.0), (10.02, 50.0), (10.03, 50.0)], {"highway": "primary", "maxspeed": "50"})
    extract.way([(10.01, 50.0), (10.01, 50.01)], {"highway": "service", "oneway": "yes"})
    extract.way([(10.025, 50.0), (10.025, 50.01)], ROAD)  # crosses the first way without a common node
    streets = read(extract).streets
    assert sorted(streets["highway"]) == ["primary", "primary", "residential", "service"]
    primary = streets[streets["highway"] == "primary"]
    expected = [GEOD.inv(10.0, 50, 10.01, 50)[2], GEOD.line_length([10.01, 10.02, 10.03], [50, 50, 50])]
    assert sorted(primary["length_m"]) == pytest.approx(sorted(expected))
    assert primary["maxspeed_kph"].tolist() == [50, 50]
    service = streets[streets["highway"] == "service"].iloc[0]
    assert (service["walk"], service["drive_forward"], service["drive_backward"]) == (True, True, False)
    assert service["u"] in set(primary["u"]) & set(primary["v"])


def test_roundabout_and_self_crossing_way_make_edges_with_two_ends(read: Callable[[Extract], osm.Extract]) -> None:
    extract = Extract()
    ring = [(10.0, 50.0), (10.01, 50.0), (10.01, 50.01), (10.0, 50.01), (10.0, 50.0)]
    extract.way(ring, {"highway": "primary", "junction": "roundabout"})
    extract.way([(10.05, 50.0), (10.06, 50.0), (10.06, 50.01), (10.055, 50.0), (10.055, 49.99)], ROAD)
    extract.way([(10.055, 50.0), (10.055, 50.0), (10.07, 50.0)], {"highway": "footway"})
    streets = read(extract).streets
    assert (streets["u"] != streets["v"]).all()
    assert (streets["length_m"] > 0).all()
    around = streets[streets["highway"] == "primary"]
    assert around["length_m"].sum() == pytest.approx(GEOD.line_length(*zip(*ring, strict=True)))
    assert around["drive_forward"].all()
    assert not around["drive_backward"].any()
    assert around["walk"].all()


def test_way_with_a_missing_node_becomes_two_edges(read: Callable[[Extract], osm.Extract]) -> None:
    extract = Extract()
    nodes = [extract.node(10 + 0.01 * n, 50.0) for n in range(4)]
    extract.way_of([*nodes[:2], 99_999, *nodes[2:]], ROAD)
    extract.way_of([nodes[0], 99_998], {"highway": "primary"})
    result = read(extract)
    assert len(result.streets) == 2
    assert result.streets["length_m"].tolist() == pytest.approx([GEOD.inv(10, 50, 10.01, 50)[2]] * 2, rel=1e-6)
    assert len(np.unique(result.streets[["u", "v"]])) == 4
    assert result.left_out["ways cut at the extract's border"] == 2


def test_ways_closed_to_everybody_are_left_out(read: Callable[[Extract], osm.Extract], town: Extract) -> None:
    for tags in ({"highway": "construction"}, {"highway": "service", "access": "private"}, {"highway": "proposed"},
                 {"highway": "pedestrian", "foot": "no"}):  # fmt: skip
        town.way([(10.0, 50.0), (10.0, 50.01)], tags)
    result = read(town)
    assert len(result.streets) == 1
    assert result.left_out["ways closed to everybody"] == 4


def test_extract_without_streets_is_refused(read: Callable[[Extract], osm.Extract]) -> None:
    extract = Extract()
    extract.node(10, 50, {"amenity": "clinic"})
    with pytest.raises(ExtractError, match="no street"):
        read(extract)


# --- facilities --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tags", "category", "subtype"),
    [
        ({"leisure": "park"}, "park", None),
        ({"leisure": "park", "name": "东门口袋公园"}, "park", "pocket"),
        ({"amenity": "hospital"}, "clinic", "hospital"),
        ({"healthcare": "hospital"}, "clinic", "hospital"),
        ({"amenity": "clinic"}, "clinic", None),
        ({"amenity": "doctors"}, "clinic", None),
        ({"healthcare": "centre"}, "clinic", None),
        ({"amenity": "clinic", "name": "东城街道社区卫生服务中心"}, "clinic", "community_health_centre"),
        ({"amenity": "clinic", "name": "大园社区卫生服务站"}, "clinic", "community_health_station"),
        ({"amenity": "clinic", "name": "石柱镇卫生院"}, "clinic", "township_health_centre"),
        ({"amenity": "doctors", "name": "甲村卫生室"}, "clinic", "village_clinic"),
        ({"amenity": "kindergarten"}, "kindergarten", None),
        ({"amenity": "kindergarten", "operator:type": "public"}, "kindergarten", "public"),
        ({"amenity": "kindergarten", "operator:type": "private"}, "kindergarten", "private"),
        ({"amenity": "community_centre"}, "cultural_hall", None),
    ],
)
def test_tags_and_name_tell_category_and_subtype(
    read: Callable[[Extract], osm.Extract], town: Extract, tags: dict[str, str], category: str, subtype: str | None
) -> None:
    osm_id = town.node(10.005, 50.0, tags)
    row = facilities_by_id(read(town))[f"osm-n{osm_id}"]
    assert (row["category"], row["subtype"], row["provenance"]) == (category, subtype, "openstreetmap")


@pytest.mark.parametrize(
    "tags", [{"amenity": "pharmacy"}, {"leisure": "garden"}, {"healthcare": "laboratory"}, {"shop": "x"}]
)
def test_other_objects_are_not_facilities(
    read: Callable[[Extract], osm.Extract], town: Extract, tags: dict[str, str]
) -> None:
    town.node(10.005, 50.0, tags)
    assert read(town).facility_rows == []


def test_tags_fill_the_fields_of_a_facility(read: Callable[[Extract], osm.Extract], town: Extract) -> None:
    tags = {
        "amenity": "clinic", "name": "甲", "name:en": "A", "opening_hours": "24/7", "capacity": "12", "phone": "123",
        "start_date": "2021-06-30", "addr:street": "Main", "addr:housenumber": "7", "wheelchair": "yes",
    }  # fmt: skip
    osm_id = town.node(10.005, 50.0, tags)
    row = facilities_by_id(read(town))[f"osm-n{osm_id}"]
    fields = {key: row[key] for key in ("name", "name_en", "opening_hours", "capacity", "phone", "opened", "address")}
    assert fields == {
        "name": "甲", "name_en": "A", "opening_hours": "24/7", "capacity": 12, "phone": "123", "opened": "2021-06-30",
        "address": "Main 7",
    }  # fmt: skip
    extra = row["extra"]
    assert isinstance(extra, dict)
    assert extra["wheelchair"] == "yes"


def test_private_facilities_are_left_out(read: Callable[[Extract], osm.Extract], town: Extract) -> None:
    town.box(10.0, 50.0, 10.001, 50.001, {"leisure": "park", "access": "private"})
    town.box(10.002, 50.0, 10.003, 50.001, {"leisure": "park", "access": "no"})
    public = town.box(10.004, 50.0, 10.005, 50.001, {"leisure": "park", "access": "yes"})
    result = read(town)
    assert list(facilities_by_id(result)) == [f"osm-w{public}"]
    assert result.left_out["facilities that are private: park"] == 2


def test_closed_way_is_one_facility_with_its_outline(read: Callable[[Extract], osm.Extract], town: Extract) -> None:
    osm_id = town.box(10.0, 50.0, 10.002, 50.001, {"leisure": "park"})
    ((_, row, outline),) = read(town).facility_rows
    assert row["id"] == f"osm-w{osm_id}"
    assert outline.equals(shapely.box(10.0, 50.0, 10.002, 50.001))


# --- buildings, places -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tags", "levels"),
    [
        ({"building": "house"}, 2),
        ({"building": "apartments", "building:levels": "5"}, 5),
        ({"building": "yes"}, 2),
        ({"building": "yes", "building:levels": "many"}, 2),
        ({"building": "yes", "building:levels": "0"}, 2),
        ({"building": "yes", "shop": "bakery"}, None),
        ({"building": "house", "shop": "bakery"}, 2),
        ({"building": "school"}, None),
        ({"building": "garage"}, None),
        ({"building": "no"}, None),
    ],
)
def test_residential_buildings_and_their_levels_are_read(
    read: Callable[[Extract], osm.Extract], town: Extract, tags: dict[str, str], levels: float | None
) -> None:
    town.box(10.0, 50.0, 10.001, 50.001, {"building": "house", "building:levels": "1"})
    town.box(10.002, 50.0, 10.003, 50.001, tags)
    floor_m2 = read(town).buildings["floor_m2"]
    assert len(floor_m2) == (1 if levels is None else 2)
    area = abs(GEOD.geometry_area_perimeter(shapely.box(10.0, 50.0, 10.001, 50.001))[0])
    assert floor_m2[0] == pytest.approx(area, rel=1e-3)
    if levels is not None:
        assert floor_m2[1] / floor_m2[0] == pytest.approx(levels, rel=1e-6)


@pytest.mark.parametrize(
    ("text", "number"), [("5000", 5000), ("5,000", 5000), ("5'000", 5000), ("5 000", 5000), ("many", None), ("", None)]
)
def test_place_nodes_and_their_population_are_read(
    read: Callable[[Extract], osm.Extract], town: Extract, text: str, number: float | None
) -> None:
    town.node(10.0, 50.0, {"place": "village", "name": "Dorf", "population": text})
    town.node(10.0, 50.0, {"place": "village"})
    town.node(10.0, 50.0, {"place": "sea", "name": "See"})
    places = read(town).places
    assert places["name"].tolist() == ["Dorf"]
    population = places["population"].tolist()[0]
    assert population == number if number is not None else population is None or np.isnan(population)


def test_xml_is_read_too(tmp_path: Path, town: Extract) -> None:
    path = town.write(tmp_path / "town.osm")
    assert len(osm.read(path, boundaries.read(path, quiet), None, quiet).streets) == 1
