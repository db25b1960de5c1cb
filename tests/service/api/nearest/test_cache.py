"""What `/v1/nearest` keeps between requests: it follows edits, answers many requests at once, and stays small."""

from concurrent.futures import ThreadPoolExecutor
from itertools import combinations

from starlette.testclient import TestClient

from geo.study import categories
from support.nearest_api import HERE, ITEMS, LAT, LON, NEAREST, ask, ask_many, full_ranking


def test_edit_is_visible_in_the_next_answer(editor: TestClient):
    first = ask(editor, category="clinic", limit=3)["features"]
    assert ask(editor, category="park,clinic", subtype="hospital,pocket")["features"]
    for step, change in enumerate(({"name": "改名"}, {"capacity": 77}, {"opening_hours": "Mo-Su 00:00-24:00"})):
        answer = editor.patch(f"{ITEMS}/{first[0]['id']}", json={"properties": change}, headers={"If-Match": "*"})
        assert answer.status_code == 200, answer.text
        (name, value), *_ = change.items()
        for query in ({"category": "clinic"}, {}, {"category": "clinic,park"}, {"category": "clinic", "limit": 50}):
            selected = {
                feature["id"]: feature["properties"] for feature in ask(editor, **{"limit": 8} | query)["features"]
            }
            assert selected[first[0]["id"]][name] == value, (step, query)
        reply = {
            feature["id"]: feature["properties"]
            for feature in ask_many(editor, [HERE], category="clinic")["answers"][0]["features"]
        }
        assert reply[first[0]["id"]][name] == value
    assert ask(editor, capacity=77, category="clinic", limit=1)["features"][0]["properties"]["capacity"] >= 77
    new = {
        "type": "Feature",
        "id": "new",
        "geometry": {"type": "Point", "coordinates": [LON, LAT]},
        "properties": {"category": "clinic", "name": "新", "subtype": "hospital"},
    }
    assert editor.post(ITEMS, json=new).status_code == 201
    for query in ({}, {"category": "clinic"}, {"category": "clinic,park"}, {"subtype": "hospital"}, {"limit": 20}):
        assert ask(editor, **query)["features"][0]["id"] == "new", query
    assert editor.delete(f"{ITEMS}/new", headers={"If-Match": "*"}).status_code == 204
    assert "new" not in {feature["id"] for feature in full_ranking(editor)}
    last = {
        feature["id"]: feature["properties"]["minutes"]
        for feature in ask(editor, category="clinic", limit=3)["features"]
    }
    assert list(last.items()) == [(feature["id"], feature["properties"]["minutes"]) for feature in first]


def test_concurrent_requests_get_equal_answers(editor: TestClient):
    """The requests come at once, before anything has been computed."""
    questions = [
        {"category": "clinic"}, {}, {"category": "park,clinic", "limit": 9}, {"capacity": 5, "mode": "drive"},
        {"subtype": "pocket", "coordinates": "gcj02"}, {"open_at": "2026-11-25T10:00", "times": "true"},
        {"navigation": "true", "mode": "cycle"}, {"path": "true", "limit": 2},
    ]  # fmt: skip

    def twenty(thread: int) -> list[tuple[int, bytes, str]]:
        selected = []
        for step in range(20):
            row = (thread + step) % len(questions)
            answer = editor.get(NEAREST, params={**HERE, **questions[row]})
            assert answer.status_code == 200
            selected.append((row, answer.content, answer.headers["ETag"]))
        return selected

    with ThreadPoolExecutor(16) as pool:
        reply = [feature for selected in pool.map(twenty, range(16)) for feature in selected]
    assert len(reply) == 320
    assert len({row for row, _, _ in reply}) == len(set(reply)) == len(questions)
    for row, content, _ in set(reply):
        assert editor.get(NEAREST, params={**HERE, **questions[row]}).content == content


def test_options_that_mean_the_same_are_cached_once(client: TestClient):
    """Writing the same question in many ways must not fill the memory."""
    computed = client.app.state.answers.states.current().computed
    first = ask(client, category="park,clinic", limit=3)
    size = len(computed)
    for words in ("clinic,park", "park,park,clinic", ",".join(["clinic", "park"] * 200)):
        assert ask(client, category=words, limit=3) == first
    for query in ({"subtype": "pocket"}, {"subtype": "pocket,hospital"}, {"capacity": 3}, {"times": "true"}):
        ask(client, category="park,clinic", limit=3, **query)
    ask(client, category="park,clinic", limit=99)
    assert len(client.app.state.answers.states.current().computed) <= size + 4  # `times` computes the other modes


def test_many_subtype_combinations_do_not_fill_the_cache(editor: TestClient):
    every = [subtype for category in categories.BUILT_IN for subtype in category.subtypes]
    for count in (1, 2):
        for some in combinations(every, count):
            ask(editor, subtype=",".join(some), limit=1)
    assert len(editor.app.state.answers.states.current().computed) < 60
