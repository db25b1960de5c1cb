"""`/v1/nearest` with categories, subtypes and capacity: the answer is the whole ranking without what does not match."""

from itertools import combinations, product
from typing import Any

import pytest
from starlette.testclient import TestClient

from geo.study import categories
from support import town
from support.json_types import JsonObject
from support.nearest_api import HERE, MODES, NEAREST, ask, assert_problem, full_ranking, ids_and_times


def has_capacity(feature: JsonObject, capacity: int) -> bool:
    computed = feature["properties"]["capacity"]
    return computed is not None and computed >= capacity


def rounded(features: list[JsonObject]) -> list[Any]:
    """Features with a tolerance in the last digit: a look-up and a search add the same numbers in another order."""
    return [
        (feature["id"], pytest.approx(feature["properties"]["minutes"], abs=0.0011), feature["properties"]["capacity"])
        for feature in features
    ]


def test_full_ranking_has_all_existing_facilities_in_order(client: TestClient):
    features = full_ranking(client)
    existing_ids = {f"f{number}" for number in range(64) if number % 16 != 9}
    assert {feature["id"] for feature in features} == existing_ids
    assert len(features) == len(existing_ids)
    assert [feature["properties"]["minutes"] for feature in features] == sorted(
        feature["properties"]["minutes"] for feature in features
    )


@pytest.mark.parametrize("limit", [1, 3, 8, 9, 100])
@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_several_categories_give_the_merged_rankings_of_each(client: TestClient, count: int, limit: int):
    for some in combinations(categories.BUILT_IN.ids, count):
        merged = [feature for category in some for feature in full_ranking(client, category=category)]
        merged.sort(key=lambda feature: feature["properties"]["minutes"])
        for order in (some, some[::-1]):
            together = ask(client, category=",".join(order), limit=limit)["features"]
            assert ids_and_times(together) == ids_and_times(merged[:limit])
            assert together == merged[:limit]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("limit", [1, 4, 8, 30])
def test_filtered_ranking_is_the_full_ranking_without_what_does_not_match(client: TestClient, mode: str, limit: int):
    every = full_ranking(client, mode=mode)
    seen = 0
    for category, subtypes, capacity in product(
        (None, "clinic", "park,clinic"), (None, "hospital", "pocket,hospital,public"), (None, 0, 1, 20, 301)
    ):
        query = {"category": category, "subtype": subtypes, "capacity": capacity}
        selected = ask(
            client, mode=mode, limit=limit, **{name: value for name, value in query.items() if value is not None}
        )
        expected = [
            feature
            for feature in every
            if (category is None or feature["properties"]["category"] in category.split(","))
            and (subtypes is None or feature["properties"]["subtype"] in subtypes.split(","))
            and (capacity is None or has_capacity(feature, capacity))
        ]  # fmt: skip
        assert rounded(selected["features"]) == rounded(expected[:limit]), query
        assert (selected["reason"] is None) == bool(expected)
        seen += len(expected)
    assert seen > 100


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ({"subtype": "nonsense"}, "subtype"), ({"subtype": "hospital,"}, "subtype"), ({"subtype": ""}, "subtype"),
        ({"category": "park,,clinic"}, "category"), ({"category": "park,Park"}, "category"),
        ({"capacity": "-1"}, "capacity"), ({"capacity": "1.5"}, "capacity"), ({"capacity": "1e400"}, "capacity"),
        ({"open_at": ""}, "open_at"), ({"open_at": "today"}, "open_at"), ({"open_at": "NOW"}, "open_at"),
        ({"open_at": "2026-02-30T10:00"}, "open_at"), ({"open_at": "10:00"}, "open_at"),
        ({"open_at": "\0"}, "open_at"), ({"times": "perhaps"}, "times"), ({"navigation": "2"}, "navigation"),
    ],
)  # fmt: skip
def test_invalid_option_is_refused_by_name(client: TestClient, query: dict[str, str], name: str):
    assert_problem(client.get(NEAREST, params={**HERE, **query}), name)


def test_no_matching_facility_gives_the_reason(client: TestClient):
    for query, reason in (
        ({"capacity": 10**6}, "none of them is as asked for"),
        ({"capacity": 10**6, "category": "park"}, "none of them is as asked for"),
        ({"category": "park", "subtype": "hospital"}, "there is no such facility"),
        ({"category": "park", "subtype": "hospital", "open_at": "now"}, "there is no such facility"),
    ):
        for extra in ({}, {"path": "true", "times": "true", "navigation": "true", "limit": 50}):
            answer = ask(client, **query, **extra)
            assert answer["features"] == []
            assert answer["reason"].endswith(reason), query


def test_place_far_from_any_street_gives_the_reason(clients: dict[str, TestClient]):
    far = dict(zip(("lon", "lat"), town.place(14, 4), strict=True))  # no streets here
    for extra in ({}, {"open_at": "2026-11-25T10:00"}, {"times": "true", "navigation": "true", "path": "true"}):
        answer = ask(clients["network"], **far, **extra)
        assert answer["features"] == []
        assert "no street within" in answer["reason"]
        assert answer["snapped"] is None
        straight = ask(clients["straight-line"], **far, **extra)
        assert len(straight["features"]) == 5
        assert straight["reason"] is None
