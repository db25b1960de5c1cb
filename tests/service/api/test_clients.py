"""Clients that others wrote, against a real server: GDAL, OWSLib, and one that is generated from the API definition.

What they ask of the server is written down, so that it is known what it answers and what the client does by itself.
"""

import importlib
import json
import sqlite3
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import ModuleType

import geopandas as gpd
import numpy as np
import pyogrio
import pyproj
import pytest
import shapely
from openapi_spec_validator import OpenAPIV30SpecValidator
from owslib.ogcapi.features import Features

from support import ogc, program, recorder

BOX = (120.0, 28.85, 120.06, 28.92)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, recorder.Log]]:
    """The address of a server of the sample, and the log of its requests."""
    folder = tmp_path_factory.mktemp("clients")
    with (
        program.serving(ogc.copy_study(folder / "study")) as (address, _),
        recorder.recording(address, folder / "asked") as recorded,
    ):
        yield recorded


@pytest.fixture
def gdal(server: tuple[str, recorder.Log]) -> str:
    """The name by which GDAL's driver OAPIF opens the server."""
    server[1].new()
    return f"OAPIF:{server[0]}{ogc.ROOT}"


def requests_for_items(log: recorder.Log, collection: str) -> list[recorder.RecordedRequest]:
    """The new requests for a collection's features."""
    return [request for request in log.new() if request.path == ogc.items_of(collection)]


def test_gdal_lists_every_collection(gdal: str):
    assert sorted(name for name, _ in pyogrio.list_layers(gdal)) == sorted(
        (*ogc.COLLECTIONS, *ogc.COMPUTED_COLLECTIONS)
    )


@pytest.mark.parametrize("collection", ogc.COLLECTIONS)
def test_gdal_counts_the_features_and_reads_the_crs(gdal: str, collection: str):
    info = pyogrio.read_info(gdal, layer=collection, force_feature_count=True)
    assert info["features"] == len(ogc.features_in_files(collection))
    assert pyproj.CRS(info["crs"]).equals("OGC:CRS84", ignore_axis_order=True)
    assert "name" in info["fields"] or collection == "demand"


def test_gdal_follows_the_pages_of_more_than_a_thousand_features(gdal: str, server: tuple[str, recorder.Log]):
    frame = pyogrio.read_dataframe(gdal, layer="demand", PAGE_SIZE="500")
    shipped = ogc.features_in_files("demand")
    places = [(round(point.x, 6), round(point.y, 6)) for point in frame.geometry]
    assert sorted(places) == sorted(shipped)
    people = [float(shipped[place].properties["population"]) for place in places]
    assert frame["population"].tolist() == people
    pages = [request for request in requests_for_items(server[1], "demand") if request.query["limit"] == "500"]
    assert sum(page.features for page in pages) >= len(shipped) > 4 * 500
    assert {page.status for page in pages} == {200}


def check_transferred(requests: list[recorder.RecordedRequest], parameters: set[str], most: int) -> None:
    """Check that all requests but the first had the parameters, and that their answers had at most ``most`` features.

    The first request is GDAL's look at what features the collection has.
    """
    first, *further = requests
    assert (set(first.query), first.features) == ({"limit"}, 20)
    assert further
    assert all(parameters <= set(request.query) for request in further), further
    assert sum(request.features for request in further) <= most, further


@pytest.mark.parametrize("collection", ["facilities", "areas", "demand"])
def test_gdal_filters_by_bbox_on_the_server(gdal: str, server: tuple[str, recorder.Log], collection: str):
    frame = pyogrio.read_dataframe(gdal, layer=collection, bbox=BOX)
    expected = ogc.keys_matching(collection, lambda feature: feature.shape.intersects(shapely.box(*BOX)))
    assert 10 < len(expected) < len(ogc.features_in_files(collection))
    check_transferred(requests_for_items(server[1], collection), {"bbox"}, len(expected))
    assert len(frame) == len(expected)


@pytest.mark.parametrize(
    ("collection", "where"),
    [
        ("facilities", "category = 'park'"),
        ("facilities", "category = 'clinic' AND subtype <> 'hospital' AND capacity >= 50"),
        ("facilities", "category = 'clinic' AND (capacity > 50 OR name LIKE '%医院%')"),
        ("facilities", "opened >= '2021-01-01' AND opened < '2022-01-01'"),
        ("demand", "urban = 1 AND population > 300"),
        ("areas", "parent = '330784001000' OR NOT (population < 20000)"),
        ("demand", "area_code = '330784001S01' AND children_3_6 > 1.5"),
    ],
)
def test_gdal_filters_by_attributes_on_the_server(
    gdal: str, server: tuple[str, recorder.Log], collection: str, where: str
):
    whole = pyogrio.read_dataframe(gdal, layer=collection)
    with closing(sqlite3.connect(":memory:")) as database:
        whole.drop(columns="geometry").to_sql("features", database)
        selected = database.execute(f"SELECT id FROM features WHERE {where} ORDER BY rowid")
        expected = [feature for (feature,) in selected]
    server[1].new()
    frame = pyogrio.read_dataframe(gdal, layer=collection, where=where)
    assert frame["id"].tolist() == expected
    assert 0 < len(frame) < len(whole)
    check_transferred(requests_for_items(server[1], collection), {"filter", "filter-lang"}, len(frame))


def test_gdal_applies_the_rest_of_a_condition_itself(gdal: str, server: tuple[str, recorder.Log]):
    """GDAL sends the part of the condition that it can translate, and evaluates the rest itself."""
    where = "category = 'clinic' AND capacity * 2 > 100"
    frame = pyogrio.read_dataframe(gdal, layer="facilities", where=where)
    clinics = ogc.keys_matching("facilities", lambda feature: feature.properties["category"] == "clinic")
    check_transferred(requests_for_items(server[1], "facilities"), {"filter"}, len(clinics))
    assert set(frame["id"]) == ogc.keys_matching(
        "facilities",
        lambda feature: feature.properties["category"] == "clinic" and (feature.properties["capacity"] or 0) > 50,
    )


@pytest.mark.parametrize("system", ["EPSG:4490", ogc.STUDY["projection"]])
def test_gdal_reads_other_systems_with_the_right_axis_order(gdal: str, server: tuple[str, recorder.Log], system: str):
    """GDAL turns the axes to easting, northing: coordinates in another order than the CRS has would be elsewhere."""
    frame = pyogrio.read_dataframe(gdal, layer="facilities", CRS=system)
    first, *further = requests_for_items(server[1], "facilities")
    assert "crs" not in first.query  # GDAL's first look at the collection
    assert {request.query["crs"] for request in further} == {ogc.EPSG + system.removeprefix("EPSG:")}
    assert pyproj.CRS(frame.crs).equals(system, ignore_axis_order=True)
    to = pyproj.Transformer.from_crs("EPSG:4490", system, always_xy=True)
    expected = gpd.GeoSeries({
        name: shapely.transform(feature.shape, to.transform, interleaved=False)
        for name, feature in ogc.features_in_files("facilities").items()
    })  # fmt: skip
    selected = gpd.GeoSeries(frame.geometry.to_numpy(), index=frame["id"])
    assert sorted(selected.index) == sorted(expected.index)
    metre = 1e-5 if system == "EPSG:4490" else 1.0
    assert np.all(shapely.hausdorff_distance(selected.loc[expected.index].array, expected.array) < 0.02 * metre)
    # A bbox in that system is understood too.
    box = tuple(shapely.total_bounds(expected.iloc[:40].array) + metre * np.array([-1, -1, 1, 1]))
    some = pyogrio.read_dataframe(gdal, layer="facilities", CRS=system, bbox=box)
    assert sorted(some["id"]) == sorted(expected.index[expected.intersects(shapely.box(*box))])
    check_transferred(requests_for_items(server[1], "facilities"), {"bbox", "bbox-crs", "crs"}, len(some))
    assert 40 <= len(some) < len(frame)


def test_geopandas_opens_a_collection_by_its_own_address(server: tuple[str, recorder.Log]):
    address = f"OAPIF:{server[0]}{ogc.ROOT}/collections/coverage-park-500"
    frame = gpd.read_file(address)
    assert sorted(frame["code"]) == sorted(ogc.features_in_files("coverage-park-500"))
    assert frame.geometry.is_valid.all()


def test_owslib_reads_definition_conformance_and_collections(server: tuple[str, recorder.Log]):
    features = Features(server[0] + ogc.ROOT)
    assert features.api()["openapi"].startswith("3.0")
    assert "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core" in features.conformance()["conformsTo"]
    assert sorted(features.feature_collections()) == sorted((*ogc.COLLECTIONS, *ogc.COMPUTED_COLLECTIONS))
    assert features.collection("areas")["id"] == "areas"
    assert "category" in features.collection_queryables("facilities")["properties"]
    assert {request.status for request in server[1].new()} == {200}


def test_owslib_selects_features(server: tuple[str, recorder.Log]):
    features = Features(server[0] + ogc.ROOT)
    page = features.collection_items("demand", limit=20, offset=5)
    assert (page["numberMatched"], len(page["features"])) == (len(ogc.features_in_files("demand")), 20)
    boxed = features.collection_items("facilities", bbox=BOX, limit=10_000)
    assert set(ogc.keys("facilities", boxed["features"])) == ogc.keys_matching(
        "facilities", lambda feature: feature.shape.intersects(shapely.box(*BOX))
    )
    parks = features.collection_items("facilities", filter="category = 'park'", limit=1)
    assert parks["numberMatched"] == len(
        ogc.keys_matching("facilities", lambda feature: feature.properties["category"] == "park")
    )
    people = [
        feature["properties"]["population"]
        for feature in features.collection_items("demand", sortby=("population", "desc"), limit=50)["features"]
    ]
    assert (
        people
        == sorted(
            (float(feature.properties["population"]) for feature in ogc.features_in_files("demand").values()),
            reverse=True,
        )[:50]
    )
    clinic = features.collection_item("facilities", "yk-clinic-001")
    assert clinic["properties"]["name"] == ogc.features_in_files("facilities")["yk-clinic-001"].properties["name"]
    old = features.collection_items("facilities", datetime_="2000-01-01T00:00:00Z", limit=1)
    assert 0 < old["numberMatched"] < len(ogc.features_in_files("facilities"))


def test_api_definition_is_valid(server: tuple[str, recorder.Log]):
    with urllib.request.urlopen(f"{server[0]}/openapi.json", timeout=program.LIMIT_SECONDS) as answer:
        assert answer.headers["content-type"].replace(" ", "") == ogc.OPENAPI
        OpenAPIV30SpecValidator(json.load(answer)).validate()


@pytest.fixture(scope="module")
def generated(server: tuple[str, recorder.Log], tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """The client that openapi-python-client generates from the API definition without a warning."""
    folder = tmp_path_factory.mktemp("generated")
    (folder / "settings.yml").write_text("post_hooks: []\n")
    # The generator itself waits 5 seconds for an address, which a busy machine exceeds.
    with urllib.request.urlopen(f"{server[0]}/openapi.json", timeout=program.LIMIT_SECONDS) as answer:
        (folder / "openapi.json").write_bytes(answer.read())
    command = [
        Path(sys.executable).parent / "openapi-python-client", "generate", "--path", folder / "openapi.json",
        "--meta", "none", "--output-path", folder / "written_client", "--config", folder / "settings.yml",
        "--fail-on-warning",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=program.LIMIT_SECONDS, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield importlib.import_module("written_client")


def operation(generated: ModuleType, address: str) -> ModuleType:
    """The module of the generated client for an address."""
    folder = Path(str(generated.__file__)).parent
    (selected,) = (
        file for file in (folder / "api").rglob("*.py")
        if f'"url": "{address}"' in file.read_text() and '"method": "get"' in file.read_text()
    )  # fmt: skip
    return importlib.import_module(".".join(selected.relative_to(folder.parent).with_suffix("").parts))


def test_generated_client_asks_for_the_nearest(generated: ModuleType, server: tuple[str, recorder.Log]):
    with generated.Client(base_url=server[0] + ogc.ROOT, raise_on_unexpected_status=True) as client:
        answer = operation(generated, "/nearest").sync_detailed(client=client, lon=120.04, lat=28.89, limit=3)
    assert answer.status_code == 200
    minutes = [feature.properties["minutes"] for feature in answer.parsed.features]
    assert len(minutes) == 3
    assert minutes == sorted(minutes)


def test_generated_client_reads_features_and_coverage(generated: ModuleType, server: tuple[str, recorder.Log]):
    with generated.Client(base_url=server[0] + ogc.ROOT, raise_on_unexpected_status=True) as client:
        items = operation(generated, "/collections/facilities/items")
        (category,) = (kind for name, kind in vars(items).items() if name.endswith("Category"))
        page = items.sync(client=client, limit=5, category=category("park"))
        assert (len(page.features), page.number_returned) == (5, 5)
        parks = ogc.keys_matching("facilities", lambda feature: feature.properties["category"] == "park")
        assert page.number_matched == len(parks)
        assert {feature.id for feature in page.features} <= parks
        coverage = operation(generated, "/coverage").sync(client=client)
        assert [summary.standard for summary in coverage.standards] == ogc.STANDARDS
        refused = items.sync_detailed(client=client, limit=0)
        assert refused.status_code == 400
        assert refused.parsed.status == 400
