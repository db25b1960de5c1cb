"""Extracts at the 180th meridian: a study lies on one side of it, and no street goes round the Earth."""

from pathlib import Path

import pytest
import shapely

from geo.errors import InputError
from geo.sources import inputs
from geo.sources.osm import extract as osm
from geo.sources.osm.boundaries import Boundaries
from support import country
from support.extracts import ROAD, Extract

EAST, WEST = (179.9, -17.1, 179.99, -17.0), (-179.99, -17.1, -179.9, -17.0)
"""Boxes of districts on the eastern hemisphere and on the western one."""


def extract_at_180() -> Extract:
    """A district on each side, a street in each, one across the meridian, and one that ends on it; a clinic in each."""
    extract = Extract()
    extract.boundary("Ost", 8, EAST)
    extract.boundary("West", 8, WEST)
    for lon in (179.95, -179.95):
        extract.node(lon, -17.05, {"amenity": "clinic", "name": f"{lon}"})
    extract.way([(179.94, -17.05), (179.96, -17.05), (179.995, -17.05), (-179.995, -17.05), (-179.94, -17.05)], ROAD)
    extract.way([(179.95, -17.06), (180.0, -17.06)], ROAD)
    extract.way([(0.0, -17.06), (0.1, -17.06)], ROAD)  # far from both
    return extract


@pytest.mark.parametrize("area", ["Ost", "West"])
def test_an_area_beside_the_meridian_is_built_with_what_is_on_its_side(tmp_path: Path, area: str) -> None:
    path = extract_at_180().write(tmp_path / "fiji.osm.pbf")
    people = tmp_path / "people.csv"
    people.write_text("lon,lat,population\n179.95,-17.05,100\n-179.95,-17.05,100\n")
    study, summary = country.build_study(tmp_path / "study", path, area=area, population=people)
    lon = study.streets.get_coordinates()["x"] if study.streets is not None else []
    assert set(lon > 0) == {area == "Ost"}
    assert study.streets is not None
    assert study.streets["length_m"].max() < 10_000
    assert study.facilities["name"].tolist() == ["179.95" if area == "Ost" else "-179.95"]
    assert study.demand["population"].sum() == 100
    assert (1, "streets cross the 180th meridian, and are cut there") in country.lines_of(summary, "note")


def test_a_whole_extract_on_both_sides_is_refused(tmp_path: Path) -> None:
    path = extract_at_180().write(tmp_path / "fiji.osm.pbf")
    with pytest.raises(InputError, match=r"180th meridian cannot be a study; .*--area"):
        country.build_study(tmp_path / "study", path, people=10)


@pytest.mark.parametrize("split", [False, True])
def test_an_area_on_both_sides_is_refused(tmp_path: Path, split: bool) -> None:
    """Such areas are drawn as two polygons that end at the meridian, or as one whose outline jumps across it."""
    extract = extract_at_180()
    if split:
        outer = [extract.box(179.9, -17.1, 180.0, -17.0, {}), extract.box(-180.0, -17.1, -179.9, -17.0, {})]
        tags = {"type": "boundary", "boundary": "administrative", "admin_level": "6", "name": "Taveuni"}
        extract.multipolygon([(way, "outer") for way in outer], tags)
    else:
        extract.boundary("Taveuni", 6, (179.9, -17.1, -179.9, -17.0))
    path = extract.write(tmp_path / "fiji.osm.pbf")
    with pytest.raises(InputError, match=r"180th meridian cannot be a study; .*--area"):
        country.build_study(tmp_path / "study", path, people=10, area="Taveuni")


@pytest.mark.parametrize("box", [EAST, WEST, (-0.1, 51.0, 0.1, 51.1), (179.9, 60.0, 180.0, 60.1), (-180, 1, -179, 2)])
def test_surroundings_stay_on_their_side(box: tuple[float, float, float, float]) -> None:
    outline = shapely.box(*box)
    surroundings = inputs.widened(outline, 15_000.0)
    west, _, east, _ = surroundings.bounds
    assert west >= -180
    assert east <= 180
    assert east - west < box[2] - box[0] + 1
    assert surroundings.is_valid
    assert surroundings.buffer(1e-6).contains(outline)


@pytest.mark.parametrize("direction", [-1, 1])
def test_no_street_goes_round_the_earth(tmp_path: Path, direction: int) -> None:
    extract = Extract()
    extract.way([(lon * direction, 1.0) for lon in (179.98, 179.99, -179.99, -179.98)], ROAD)
    streets = osm.read(extract.write(tmp_path / "x.osm.pbf"), Boundaries(), None, lambda step, count: None).streets
    assert len(streets) == 2
    assert (shapely.length(streets.geometry.to_numpy()) < 0.02).all()
