"""The order of features, their pages, their properties, and what their pages are called."""

import pytest
from starlette.testclient import TestClient

from support import ogc
from support.ogc import (
    COLLECTIONS,
    PROJECTED,
    ROOT,
    WGS84,
    assert_problem,
    features_in_files,
    features_of,
    get,
    items_of,
    links,
)
from support.ogc_properties import AllFeatures, property_schemas, property_value

each_collection = pytest.mark.parametrize("collection", COLLECTIONS)
SOME_COLLECTIONS = ("facilities", "areas", "demand", "coverage-health-15", "coverage-park-500")
SELECTIONS: dict[str, dict[str, object]] = {
    "all": {},
    "filter": {"filter": "S_INTERSECTS(geometry, BBOX(119.95, 28.8, 120.1, 29.0))"},
    "sortby": {"sortby": "-area_code"},
    "both, in metres": {
        "filter": "S_INTERSECTS(geometry, BBOX(119.95, 28.8, 120.1, 29.0))", "sortby": "name", "crs": PROJECTED,
    },
}  # fmt: skip


@each_collection
def test_features_are_sorted_up_and_down_with_nulls_last(
    client: TestClient, all_features: AllFeatures, collection: str
):
    """Each sortable is tried in both directions; features without a value come last in both."""
    ids = sorted(str(feature["id"]) for feature in all_features(collection))
    tried = 0
    for name in property_schemas(client, collection, "sortables"):
        for sign in ("", "-"):
            selected = features_of(client, collection, sortby=sign + name)
            values = [property_value(feature, name) for feature in selected]
            had = [value for value in values if value is not None]
            assert values[len(had) :] == [None] * (len(values) - len(had)), (sign, name)
            assert had == sorted(had, reverse=sign == "-"), (sign, name)
            assert sorted(str(feature["id"]) for feature in selected) == ids
            tried += len(set(had)) > 1
    assert tried >= 6


def test_second_sort_property_decides_among_equals(client: TestClient):
    selected = features_of(client, "facilities", sortby="-category,+opened")
    keyed = [(feature["properties"]["category"], feature["properties"]["opened"] or "9999") for feature in selected]
    assert keyed == sorted(sorted(keyed, key=lambda pair: pair[1]), key=lambda pair: pair[0], reverse=True)
    for wrong in ("category,", ",category", "category,-nothing", "geometry", "±category"):
        assert "sortby" in assert_problem(client.get(items_of("facilities"), params={"sortby": wrong}))


def test_sorting_twice_by_one_property_is_refused(client: TestClient):
    assert "sortby" in assert_problem(client.get(items_of("facilities"), params={"sortby": "name,-name"}))


@pytest.mark.parametrize("selection", SELECTIONS)
@each_collection
def test_next_links_lead_to_each_feature_once(client: TestClient, collection: str, selection: str):
    query = dict(SELECTIONS[selection])
    sortables = property_schemas(client, collection, "sortables")
    if "sortby" in query and str(query["sortby"]).lstrip("-") not in sortables:
        query["sortby"] = sorted(sortables)[-1]
    whole = features_of(client, collection, **query)
    limit = max(2, len(whole) // 7)
    pages = list(ogc.pages(client, items_of(collection), limit=limit, **query))
    selected = [feature for page in pages for feature in page["features"]]
    assert selected == whole
    assert len({str(feature["id"]) for feature in selected}) == len(selected)
    assert [len(page["features"]) for page in pages[:-1]] == [limit] * (len(pages) - 1)
    assert len(pages) >= 4
    # The prev links lead back.
    page, count = pages[-1], 1
    while back := links(page, "prev"):
        page, count = get(client, back[0]["href"]), count + 1
        assert count <= len(pages)
    assert page["features"] == pages[0]["features"]
    if selection == "all":
        assert len(selected) == len(features_in_files(collection))


@pytest.mark.parametrize("collection", SOME_COLLECTIONS)
def test_each_representation_has_its_own_entity_tag(client: TestClient, collection: str):
    """RFC 9110, 8.8.1: a strong ETag identifies the bytes, so JSON, HTML, codings and systems have different ones."""
    query = [
        ({}, {}),
        ({"f": "html"}, {}),
        ({"crs": PROJECTED}, {}),
        ({"crs": WGS84}, {}),
        ({"coordinates": "gcj02"}, {}),
        ({"limit": 3}, {}),
        ({"limit": 3, "offset": 1}, {}),
        ({}, {"Accept-Encoding": "gzip"}),
    ]
    tags: dict[str, bytes] = {}
    for parameters, headers in query:
        answer = client.get(items_of(collection), params=parameters, headers={"Accept-Encoding": "identity"} | headers)
        assert answer.status_code == 200
        tag = answer.headers["etag"]
        assert tag.startswith('"'), tag
        encoded = answer.headers.get("content-encoding", "").encode() + answer.content
        assert tags.setdefault(tag, encoded) == encoded, (parameters, headers)
    assert len(tags) >= 7


def test_coverage_collection_equals_the_coverage_endpoint(client: TestClient):
    for standard in ogc.STANDARDS:
        expected = {area["code"]: area for area in get(client, f"{ROOT}/coverage/{standard}")["areas"]}
        features = features_of(client, f"coverage-{standard}")
        assert {feature["properties"]["code"] for feature in features} == set(expected)
        for feature in features:
            for name in ("name", "people", "total", "covered", "share"):
                assert feature["properties"][name] == expected[feature["properties"]["code"]][name]


@pytest.mark.parametrize("collection", ["areas", "demand"])
def test_properties_equal_those_of_the_files(client: TestClient, collection: str):
    count = 0
    for feature in features_of(client, collection):
        expected = features_in_files(collection)[ogc.key(collection, feature)].properties
        for name, value in feature["properties"].items():
            if name not in expected or name in ("lon", "lat"):
                continue
            if isinstance(value, bool):
                assert expected[name] in (value, str(int(value))), (feature["id"], name)
            elif isinstance(value, int | float):
                assert float(expected[name]) == value, (feature["id"], name)
            else:
                assert expected[name] == value, (feature["id"], name)
            count += 1
    assert count >= 5 * len(features_in_files(collection))


def test_html_pages_have_the_title_of_their_subject(client: TestClient):
    def head(path: str) -> str:
        return client.get(f"/v1/collections/{path}", params={"f": "html"}).text.split("<h1>")[1].split("</h1>")[0]

    assert head("facilities") == head("facilities/items") == "设施 facilities"
    assert head("coverage-health-15/items").startswith("城市15分钟社区卫生服务圈")
    assert head("facilities/items/yk-park-001").startswith("东城街道")
    assert head("facilities/sortables") == "可排序 sortables"
    page = client.get(items_of("facilities"), params={"f": "html"}).text
    assert '<span title="capacity">床位或学位 beds or seats</span>' in page
