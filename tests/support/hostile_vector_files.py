"""GeoJSON, GeoPackages and shapefiles with defects, each with what a reader must report."""

import sqlite3
import warnings
import zipfile
from contextlib import closing
from datetime import date
from pathlib import Path

import geopandas as gpd
import pyogrio
import shapely

from support.list_files import A, HostileFile, as_other, collection, cut, feature, layer, raw, zipped


def lonely(path: Path) -> None:
    """A .shp without the files that belong to it."""
    layer("ESRI Shapefile", "EPSG:4326")(path)
    for ending in (".shx", ".dbf", ".prj", ".cpg"):
        path.with_suffix(ending).unlink()


def with_view(path: Path) -> None:
    """A GeoPackage with a layer that is computed without end."""
    layer("GPKG", "EPSG:4326")(path)
    with closing(sqlite3.connect(path)) as made, made:
        made.execute(
            "CREATE VIEW endless AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
            "SELECT i AS fid, NULL AS geom FROM n WHERE i < 0"
        )
        made.execute(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier, srs_id) "
            "VALUES ('endless', 'features', 'endless', 4326)"
        )
        made.execute("INSERT INTO gpkg_geometry_columns VALUES ('endless', 'geom', 'POINT', 4326, 0, 0)")


def virtual(path: Path) -> None:
    """A GeoPackage whose layer is a virtual table."""
    layer("GPKG", "EPSG:4326")(path)
    with closing(sqlite3.connect(path)) as made, made:
        made.execute("CREATE VIRTUAL TABLE odd USING rtree(id, a, b)")
        made.execute(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier) VALUES ('odd', 'attributes', 'odd')"
        )


def in_metres(path: Path) -> None:
    frame = gpd.GeoDataFrame({"类别": ["公园"]}, geometry=[shapely.Point(39526000, 3197000)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pyogrio.write_dataframe(frame, path, driver="GPKG")


FILES: list[HostileFile] = [
    HostileFile(
        "own_properties.geojson",
        collection(*(feature(id=number, **{f"p{number}": 1}) for number in range(7_000))),
        "7,001 different properties in 7,000 features",
    ),
    HostileFile("view.gpkg", with_view, "views or virtual tables .endless"),
    HostileFile("virtual.gpkg", virtual, "views or virtual tables .odd"),
    HostileFile("metres.gpkg", in_metres, "no CRS, and its places are in metres"),
    HostileFile("cut.geojson", cut(collection(feature()), 0.7), "truncated"),
    HostileFile("cut.gpkg", cut(layer("GPKG", "EPSG:4326"), 0.02), "truncated, or no GeoPackage"),
    HostileFile("deep.geojson", raw(b'{"a":' * 100_000), "truncated"),
    HostileFile(
        "not_numbers.geojson",
        raw(
            b'{"type":"FeatureCollection","features":[{"type":"Feature","id":1,"properties":{"category":"clinic"},'
            b'"geometry":{"type":"Point","coordinates":[NaN,Infinity]}}]}'
        ),
        row_count=1,
        problems={"feature 1": "no numbers"},
    ),
    HostileFile(
        "endless_numbers.geojson",
        raw(
            b'{"type":"FeatureCollection","features":[{"type":"Feature","id":1,"geometry":null,"properties":'
            b'{"category":"clinic","opened":1e999,"capacity":1e999,"name":["x"],"x":1,"lon":2,"wkt":"POINT("}}]}'
        ),
        row_count=1,
        problems={"feature 1": "(?s)opened = 'inf'.*capacity = 'inf'|name = "},
    ),
    HostileFile(
        "geometries.geojson",
        collection(
            feature({"type": "Circle"}, "a"),
            feature({"type": "Point", "coordinates": []}, "b"),
            feature(None, "c"),
            feature({"type": "Polygon", "coordinates": [[[120, 28]]]}, "d"),
            feature(A, "e", category=["x"]),
        ),
        row_count=5,
        problems={
            "feature 1": "cannot be read",
            "feature 2": "cannot be read",
            "feature 4": "cannot be read",
            "feature 5": "category = ",
        },
    ),
    HostileFile(
        "gbk.zip",
        zipped(layer("ESRI Shapefile", "EPSG:4326", "GBK"), without=[".cpg"]),
        row_count=1,
        notes=["read as GB18030"],
        values={"feature 1": {"name": "江滨公园", "category": "park", "opened": date(2021, 6, 30)}},
        locations={"feature 1": A},
    ),
    HostileFile(
        "no_prj.zip",
        zipped(layer("ESRI Shapefile", "EPSG:4326"), without=[".prj"]),
        row_count=1,
        notes=["no CRS"],
        locations={"feature 1": A},
    ),
    HostileFile("lonely.shp", lonely, "zip them"),
    HostileFile("no_layer.zip", lambda path: zipfile.ZipFile(path, "w").close(), "neither a workbook nor a shapefile"),
    HostileFile(
        "cgcs2000.gpkg", layer("GPKG", "EPSG:4490"), row_count=1, locations={"feature 1": A}, coordinates="cgcs2000"
    ),
    HostileFile(
        "projected.gpkg",
        layer("GPKG", "EPSG:4549", polygon=True),
        row_count=1,
        notes=["reprojected from CGCS2000"],
        coordinates="cgcs2000",
        values={"feature 1": {"category": "park"}},
    ),
    HostileFile(
        "utm.gpkg", layer("GPKG", "EPSG:32651"), row_count=1, notes=["reprojected"], locations={"feature 1": A}
    ),
    HostileFile(
        "renamed.csv", as_other(layer("GPKG", "EPSG:4326"), ".gpkg"), row_count=1, notes=["but is a GeoPackage"]
    ),
    HostileFile(
        "unknown_system.geojson", collection(feature(), coordinates="gcj-99"), "states the coordinates 'gcj-99'; known"
    ),
    HostileFile("no_collection.geojson", raw(b"[1, 2]"), "is not a GeoJSON FeatureCollection"),
    HostileFile(
        "projected.geojson",
        collection(feature((39526000.0, 3197000.0))),
        row_count=1,
        problems={"feature 1": "in metres"},
    ),
]
