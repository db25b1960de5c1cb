"""People spread over residential buildings by floor area."""

import geopandas as gpd
import numpy as np
import pytest
import shapely

from geo.errors import InputError
from geo.sources import population
from geo.study import areas


def buildings(*floor_m2: float) -> gpd.GeoDataFrame:
    points = [shapely.Point(120 + 0.001 * number, 29) for number in range(len(floor_m2))]
    return gpd.GeoDataFrame({"floor_m2": np.array(floor_m2, dtype=float)}, geometry=points, crs=4326)


def areas_with(*population: float | None) -> gpd.GeoDataFrame:
    box = shapely.box(120, 28, 121, 30)
    rows = [(f"row {n}", {"code": f"A{n}", "level": "town", "population": p}, box) for n, p in enumerate(population)]
    return areas.from_rows(rows, "by hand")


def test_people_are_spread_by_floor_area() -> None:
    codes = np.array(["A0", "A0", "A1", None], dtype=object)
    frame, notes = population.from_buildings(buildings(100, 300, 50, 70), codes, areas_with(80, 9), None)
    assert frame["population"].tolist() == [20, 60, 9]  # nobody is put in the building outside all areas
    assert notes == []
    frame, _ = population.from_buildings(buildings(100, 300, 50, 50), codes, areas_with(80, None), 1000)
    assert frame["population"].tolist() == [200, 600, 100, 100]


def test_people_of_an_area_without_buildings_are_put_at_a_point_inside() -> None:
    codes = np.array(["A0"], dtype=object)
    frame, notes = population.from_buildings(buildings(100), codes, areas_with(80, 9, None), None)
    assert frame["population"].tolist() == [80, 9]
    assert shapely.box(120, 28, 121, 30).contains(shapely.Point(frame["lon"].iloc[1], frame["lat"].iloc[1]))
    assert len(notes) == 2
    assert "A1" in notes[0]
    assert "A2" in notes[1]


def test_no_people_and_no_buildings_are_refused() -> None:
    with pytest.raises(InputError, match="--people"):
        population.from_buildings(buildings(100), np.array(["A0"], dtype=object), areas_with(None), None)
    with pytest.raises(InputError, match="--population"):
        population.from_buildings(buildings(), np.array([], dtype=object), areas_with(None), 1000)


def test_people_of_towns_and_their_villages_count_once() -> None:
    """The people of a town are those of its villages; a village without a number has what its town's number leaves."""
    rows = [
        ("1", {"code": "T", "level": "town", "population": 1000}, shapely.box(0, 0, 0.2, 0.1)),
        ("2", {"code": "V1", "level": "village", "parent": "T", "population": 600}, shapely.box(0, 0, 0.1, 0.1)),
        ("3", {"code": "V2", "level": "village", "parent": "T", "population": 400}, shapely.box(0.1, 0, 0.2, 0.1)),
    ]
    houses = gpd.GeoDataFrame(
        {"floor_m2": [100.0, 300.0, 50.0]}, geometry=shapely.points([0.02, 0.05, 0.15], [0.05] * 3), crs="EPSG:4326"
    )
    codes = np.array(["V1", "V1", "V2"], dtype=object)
    people, notes = population.from_buildings(houses, codes, areas.from_rows(rows, "test"), None)
    assert people["population"].tolist() == pytest.approx([150, 450, 400])
    assert notes == []
    rows[2][1]["population"] = None
    people, notes = population.from_buildings(houses, codes, areas.from_rows(rows, "test"), None)
    assert people["population"].tolist() == pytest.approx([150, 450, 400])
    assert notes == []
    rows[0][1]["population"] = None
    people, notes = population.from_buildings(houses, codes, areas.from_rows(rows, "test"), None)
    assert people["population"].tolist() == pytest.approx([150, 450])
    assert len(notes) == 1


def test_total_is_divided_in_proportion_to_the_populations_of_areas() -> None:
    rows = [
        ("1", {"code": "A", "level": "town", "population": 300}, shapely.box(0, 0, 0.1, 0.1)),
        ("2", {"code": "B", "level": "town", "population": 100}, shapely.box(0.1, 0, 0.2, 0.1)),
    ]
    houses = gpd.GeoDataFrame(
        {"floor_m2": [100.0, 900.0]}, geometry=shapely.points([0.05, 0.15], [0.05] * 2), crs="EPSG:4326"
    )
    codes = np.array(["A", "B"], dtype=object)
    people, _ = population.from_buildings(houses, codes, areas.from_rows(rows, "test"), 800)
    assert people["population"].tolist() == pytest.approx([600, 200])
    rows[1][1]["population"] = None  # so the total is spread by floor area alone
    people, _ = population.from_buildings(houses, codes, areas.from_rows(rows, "test"), 800)
    assert people["population"].tolist() == pytest.approx([80, 720])
