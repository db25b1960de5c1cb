"""`/v1/nearest` with `open_at`: what is closed then is left out, compared with `opening_hours.at`."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from geo.study import opening_hours as hours
from support.json_types import JsonObject
from support.nearest_api import HERE, ITEMS, LAT, LON, NEAREST, ZONE, ask, assert_problem, full_ranking

MOMENTS = (
    "2026-11-25T10:00",  # a Wednesday
    "2026-11-25T12:15",
    "2026-11-25T23:30",
    "2026-11-26T01:15",
    "2026-11-28T10:30",  # a Saturday
    "2026-10-01T10:00",  # a public holiday
    "2026-11-25T02:00Z",
    "2026-11-25T10:00+08:00",
    "2026-11-24T21:00:59-05:00",
    "2150-01-01T10:00",
)


def study_time(moment: str) -> datetime:
    there = datetime.fromisoformat(moment)
    there = there if there.tzinfo is None else there.astimezone(ZONE).replace(tzinfo=None)
    return there.replace(second=0)


def assert_open_features(answer: JsonObject, every: list[JsonObject], moment: datetime, limit: int = 100) -> set[str]:
    """The answer has what `hours.status_at` does not call closed; returns the states that occurred."""
    facilities_and_hours = [
        (feature, hours.status_at(feature["properties"]["opening_hours"], moment)) for feature in every
    ]
    expected = [(feature, opening) for feature, opening in facilities_and_hours if opening.state != "closed"][:limit]
    assert [feature["id"] for feature in answer["features"]] == [feature["id"] for feature, _ in expected]
    assert answer["open_at"] == moment.replace(tzinfo=ZONE).isoformat(timespec="minutes")
    for feature, (_, opening) in zip(answer["features"], expected, strict=True):
        until = None if opening.until is None else opening.until.replace(tzinfo=ZONE).isoformat(timespec="minutes")
        assert feature["properties"]["open"] == {"state": opening.state, "until": until, "reason": opening.reason}
        assert (opening.reason is None) == (opening.state == "open")
    return {opening.state for _, opening in facilities_and_hours}


def set_hours(editor: TestClient, opening_hours: str | None) -> None:
    """Set the opening hours of all clinics."""
    for feature in full_ranking(editor, category="clinic"):
        change = {"properties": {"opening_hours": opening_hours}}
        answer = editor.patch(f"{ITEMS}/{feature['id']}", json=change, headers={"If-Match": "*"})
        assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("moment", MOMENTS)
def test_facilities_closed_at_the_moment_are_left_out(client: TestClient, moment: str):
    every, there = full_ranking(client), study_time(moment)
    assert all("open" not in states["properties"] for states in every)
    states = assert_open_features(ask(client, open_at=moment, limit=100), every, there)
    assert "unknown" in states
    assert_open_features(ask(client, open_at=moment, limit=3), every, there, 3)
    some = [feature for feature in every if feature["properties"]["category"] in ("clinic", "park")]
    assert_open_features(ask(client, open_at=moment, limit=100, category="clinic,park"), some, there)
    large = [feature for feature in every if (feature["properties"]["capacity"] or 0) >= 20]
    assert_open_features(ask(client, open_at=moment, limit=100, capacity=20), large, there)


def test_open_closed_and_unknown_hours_occur_in_the_town(client: TestClient):
    """The test above would pass on a town where all facilities have the same state."""
    by_hours = {}
    for moment in ("2026-11-25T10:00", "2026-11-25T12:15", "2026-11-25T23:30"):
        by_hours[moment] = {
            feature["properties"]["opening_hours"]: feature["properties"]["open"]
            for feature in ask(client, open_at=moment, limit=100)["features"]
        }
    morning, noon, night = by_hours.values()
    office = "Mo-Fr 08:00-11:30,13:30-17:00"
    assert morning[office] == {"state": "open", "until": "2026-11-25T11:30+08:00", "reason": None}
    assert office not in noon and office not in night
    assert noon["Mo-Su 08:30-20:30"]["until"] == "2026-11-25T20:30+08:00"
    assert night["Mo-Su 20:00-02:00"] == {"state": "open", "until": "2026-11-26T02:00+08:00", "reason": None}
    for states in (morning, noon, night):
        assert states["24/7"] == {"state": "open", "until": None, "reason": None}
        assert states["nonsense"]["state"] == states[None]["state"] == "unknown"
        assert "off" not in states


def test_hours_on_a_public_holiday_are_unknown(client: TestClient):
    selected = {
        feature["properties"]["opening_hours"]: feature["properties"]["open"]
        for feature in ask(client, open_at="2026-10-01T10:00", limit=100)["features"]
    }
    for usual in ("Mo-Fr 08:00-11:30,13:30-17:00", "Mo-Su 08:30-20:30"):
        assert selected[usual]["state"] == "unknown"
        assert selected[usual]["until"] is None
        assert "hours may not hold" in selected[usual]["reason"]
    assert selected["24/7"]["state"] == "open"


def test_moments_with_different_offsets_are_the_same(client: TestClient):
    same = [
        ask(client, open_at=moment, limit=100)
        for moment in ("2026-11-25T10:00", "2026-11-25T10:00+08:00", "2026-11-25T02:00Z", "2026-11-24T21:00-05:00")
    ]
    assert all(answer == same[0] for answer in same)
    spaced = client.get(f"{NEAREST}?lon={LON}&lat={LAT}&limit=100&open_at=2026-11-25T10:00+08:00")  # a bare plus
    assert spaced.json() == same[0]


@pytest.mark.parametrize("moment", ["9999-12-31T23:59Z", "9999-12-31T12:00-12:00", "0001-01-01T00:00+14:00"])
def test_moment_beyond_the_calendar_is_refused(client: TestClient, moment: str):
    assert_problem(client.get(NEAREST, params={**HERE, "open_at": moment}), "open_at")


def test_now_means_the_present_minute(client: TestClient):
    every = full_ranking(client)
    before = datetime.now(ZONE)
    answer = ask(client, open_at="now", limit=100)
    opening = datetime.fromisoformat(answer["open_at"])
    assert before - timedelta(minutes=1) <= opening <= datetime.now(ZONE)
    assert opening.utcoffset() == timedelta(hours=8)
    assert_open_features(answer, every, opening.replace(tzinfo=None))


def test_entity_tag_of_open_now_changes_every_minute(client: TestClient, monkeypatch: pytest.MonkeyPatch):
    from service.api import travel_queries

    class Clock(datetime):
        at = datetime(2026, 11, 25, 10, 0, 5, tzinfo=ZONE)

        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return cls.at.astimezone(tz)

    monkeypatch.setattr(travel_queries, "datetime", Clock)

    def tag() -> str:
        answer = client.get(NEAREST, params={**HERE, "open_at": "now"})
        assert "Last-Modified" not in answer.headers
        return answer.headers["ETag"]

    first = tag()
    assert ask(client, open_at="now")["open_at"] == "2026-11-25T10:00+08:00"
    Clock.at += timedelta(seconds=50)
    assert tag() == first
    Clock.at += timedelta(seconds=10)
    assert tag() != first
    late = {"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"}
    assert client.get(NEAREST, params={**HERE, "open_at": "now"}, headers=late).status_code == 200


def test_no_open_facility_gives_the_reason(editor: TestClient):
    set_hours(editor, "Mo-Fr 08:00-12:00")
    night = {"category": "clinic", "open_at": "2026-11-25T23:00"}
    answer = ask(editor, **night)
    assert answer["features"] == []
    assert answer["reason"] == "此时没有开放的 none of them is open then"
    assert ask(editor, **night | {"open_at": "2026-11-25T09:00"})["reason"] is None


def test_reason_is_capacity_where_no_facility_has_it(client: TestClient):
    answer = ask(client, capacity=10**6, open_at="2026-11-25T10:00")
    assert answer["features"] == []
    assert answer["reason"].endswith("none of them is as asked for")
