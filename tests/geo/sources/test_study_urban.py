"""Who is urban in a study that is built: as the sources say, or by the grid of its own people and those around."""

import json
from pathlib import Path

import numpy as np
import pytest
import shapely

from geo.measures import coverage
from geo.measures.counting import URBAN_FROM_GRID_NOTE
from geo.sources import urbanisation
from geo.study.study import Study
from geo.traveltime.travel import Travel
from support.country import build_study, lines_of
from support.slow_urbanisation import slowly
from support.two_towns import TODAY

# The country lies in 10–10.04° east and 50–50.02° north: 2.9 by 2.2 km, some 6 cells.


def table_of(path: Path, positions: np.ndarray, people: float, urban: str = "") -> Path:
    heading = "lon,lat,population" + (",urban" if urban else "")
    rows = [f"{lon},{lat},{people}" + (f",{urban}" if urban else "") for lon, lat in positions]
    path.write_text("\n".join([heading, *rows]) + "\n", "utf-8")
    return path


def grid(west: float, south: float, east: float, north: float, step: float = 0.002) -> np.ndarray:
    lon, lat = np.meshgrid(
        west + (np.arange(round((east - west) / step)) + 0.5) * step,
        south + (np.arange(round((north - south) / step)) + 0.5) * step,
    )
    return np.column_stack([lon.ravel(), lat.ravel()])


INSIDE, AROUND = grid(10.0, 50.0, 10.04, 50.02), grid(9.9, 49.95, 10.14, 50.07)


def said(summary: object, subject: str) -> list[tuple[float, str]]:
    return lines_of(summary, subject)  # type: ignore[arg-type]


def test_table_without_a_word_on_it_is_told_apart_by_its_grid(country_pbf: Path, tmp_path: Path) -> None:
    # 200 points with 40 people: 1,300 a km², 8,000 in all, a cluster; with 10 people there are too few.
    for people, is_urban in ((40, 1.0), (10, 0.0)):
        table = table_of(tmp_path / "people.csv", INSIDE, people)
        land, summary = build_study(tmp_path / str(people), country_pbf, area="Land", population=table)
        assert set(land.demand["urban"]) == {is_urban}
        assert land.settings.urban_from_grid
        assert any("not the statistics bureau's" in remark for _, remark in said(summary, "note"))
        assert any("ends at the border" in remark for _, remark in said(summary, "note"))
        name = "urban cluster" if is_urban else "rural grid cells"
        assert [count for count, _ in said(summary, name)] == [pytest.approx(200 * people)]
        # Standards about people who are not there are left out.
        other = "health-20" if is_urban else "health-15"
        assert any(remark.startswith(f"{other}: nobody here is") for _, remark in said(summary, "standard left out"))
        assert other not in [standard.id for standard in land.standards]
        own = land.standard("health-15" if is_urban else "health-20")
        answer = coverage.measure(Travel(land), land.facilities, own, TODAY)
        assert URBAN_FROM_GRID_NOTE in answer.notes
        assert answer.people_counted == own.people  # type: ignore[union-attr]


@pytest.mark.parametrize("kind", ["table", "polygons", "raster"])
def test_people_beyond_the_border_count_towards_clusters(country_pbf: Path, tmp_path: Path, kind: str) -> None:
    # 1,900 people a km²: 11,000 in the country, which is a cluster, and 200,000 around it, together a centre.
    people = 60.0
    if kind == "table":
        path = table_of(tmp_path / "people.csv", AROUND, people)
    elif kind == "polygons":
        features = [
            {"type": "Feature", "geometry": shapely.geometry.mapping(shapely.Point(place).buffer(0.001, cap_style=3)),
             "properties": {"population": people}} for place in AROUND
        ]  # fmt: skip
        path = tmp_path / "people.geojson"
        path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), "utf-8")
    else:
        rasterio = pytest.importorskip("rasterio")
        path = tmp_path / "people.tif"
        cells = np.full((1, 60, 120), people, dtype="float32")
        where = rasterio.Affine(0.002, 0, 9.9, 0, -0.002, 50.07)
        kind_of_file = {"driver": "GTiff", "height": 60, "width": 120, "count": 1, "dtype": "float32"}
        with rasterio.open(path, "w", **kind_of_file, crs="EPSG:4326", transform=where) as file:
            file.write(cells)
    land, summary = build_study(tmp_path / "study", country_pbf, area="Land", population=path)
    assert set(land.demand["urban"]) == {1.0}
    assert [count for count, _ in said(summary, "urban centre")] == [pytest.approx(land.demand["population"].sum())]
    (beyond,) = [count for count, remark in said(summary, "note") if "beyond the border count" in remark]
    assert beyond + land.demand["population"].sum() == pytest.approx(people * len(AROUND), rel=0.02)
    # With half as many people, all of them scaled alike, there are 950 a km²: no centre.
    scaled, summary = build_study(
        tmp_path / "scaled", country_pbf, area="Land", population=path, people=land.demand["population"].sum() / 2
    )
    assert [count for count, _ in said(summary, "urban centre")] == [0]
    assert set(scaled.demand["urban"]) == {1.0}


def test_what_the_population_says_counts_unless_the_grid_is_asked_for(country_pbf: Path, tmp_path: Path) -> None:
    table = table_of(tmp_path / "people.csv", INSIDE, 40, urban="0")
    expected = {None: {0.0}, "stated": {0.0}, "grid": {1.0}}
    for urban, values in expected.items():
        land, summary = build_study(tmp_path / str(urban), country_pbf, area="Land", population=table, urban=urban)
        assert set(land.demand["urban"]) == values
        assert land.settings.urban_from_grid == (urban == "grid")
    assert any(count == 8000 and "urban in one and rural" in remark for count, remark in said(summary, "note"))
    land, _ = build_study(tmp_path / "none", country_pbf, area="Land", population=table, urban="none")
    assert land.demand["urban"].isna().all()


def test_people_of_buildings_are_told_apart_only_if_asked_for(country_pbf: Path, tmp_path: Path) -> None:
    land, summary = build_study(tmp_path / "study", country_pbf, area="Land", people=9000)
    assert land.demand["urban"].isna().all()
    assert any("--urban grid" in remark for _, remark in said(summary, "note"))
    land, summary = build_study(tmp_path / "grid", country_pbf, area="Land", people=9000, urban="grid")
    assert land.demand["urban"].notna().all()
    assert any("spread over buildings" in remark for _, remark in said(summary, "note"))


def test_many_people_at_one_point_are_pointed_out(country_pbf: Path, tmp_path: Path) -> None:
    table = table_of(tmp_path / "people.csv", INSIDE[:2], 6000)
    _, summary = build_study(tmp_path / "study", country_pbf, area="Land", population=table)
    assert any(count == 12_000 and "single points" in remark for count, remark in said(summary, "note"))


def test_porto_alegre_is_urban_but_for_its_edges(porto_alegre: Study) -> None:
    people = porto_alegre.demand["population"].to_numpy()
    lonlat = porto_alegre.demand[["lon", "lat"]].to_numpy()
    result = urbanisation.of_points(lonlat, people, len(people))
    assert result is not None
    # The grid made in another way: cells in a dictionary, classes by sets of cells.
    to_grid = urbanisation.Transformer.from_crs("EPSG:4326", urbanisation.GRID_CRS, always_xy=True)
    cells = [(int(x // 1000), int(y // 1000)) for x, y in (to_grid.transform(*place) for place in lonlat)]
    west, south = min(x for x, _ in cells), min(y for _, y in cells)
    table = np.zeros((max(x for x, _ in cells) - west + 1, max(y for _, y in cells) - south + 1))
    for (x, y), count in zip(cells, people, strict=True):
        table[x - west, y - south] += count
    classes = slowly(table)
    assert result.classes.tolist() == [classes[x - west][y - south] for x, y in cells]
    assert people[result.classes == urbanisation.CENTRE].sum() / people.sum() > 0.97
    assert porto_alegre.demand["urban"].tolist() == (result.classes > 0).astype(float).tolist()
