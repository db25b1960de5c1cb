"""Another day: its answers equal those of a register of that day, and what is kept of them is bounded."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict
from datetime import date, timedelta
from pathlib import Path

import pytest

from geo.errors import FieldError
from geo.measures import counting
from service.answers import changes, hours
from service.answers.engine import Answers
from service.answers.state import MAX_DAYS
from service.settings import Settings

GOALS = """
[[standard]]
id = "near"
name = "近"
name_en = "Near"
source = "here"
measure = "radius"
category = "kindergarten"
metres = 900
target = 0.2

[[standard]]
id = "quick"
name = "快"
name_en = "Quick"
source = "here"
measure = "travel_time"
category = "clinic"
minutes = 20
alternatives = ["cycle"]

[[standard]]
id = "there"
name = "有"
name_en = "There"
source = "here"
measure = "presence"
category = "cultural_hall"
units = "village"

[[standard]]
id = "new"
name = "新"
name_en = "New"
source = "here"
measure = "opened"
category = "park"
since = 2010-01-01
until = 2021-12-31
target = 2
"""
DAY = date(2019, 6, 30)


def open_answers(folder: Path) -> Answers:
    return Answers(Settings(study=folder))


@pytest.fixture(scope="module")
def folder(made_town: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy: Path = shutil.copytree(made_town, tmp_path_factory.mktemp("days") / "town")
    (copy / "standards.toml").write_text(GOALS, "utf-8")
    return copy


@pytest.fixture(scope="module")
def answers(folder: Path) -> Iterator[Answers]:
    opened = open_answers(folder)
    yield opened
    opened.register.database.close()


@pytest.mark.parametrize("day", [date(2009, 1, 1), date(2015, 1, 1), DAY, date(2021, 3, 1)])
def test_past_day_equals_a_register_of_the_facilities_of_that_day(
    answers: Answers, folder: Path, tmp_path: Path, day: date
) -> None:
    then = shutil.copytree(folder, tmp_path / "then", ignore=shutil.ignore_patterns("register.sqlite*"))
    content = json.loads((then / "facilities.geojson").read_text("utf-8"))
    content["features"] = [
        feature for feature in content["features"] if (feature["properties"]["opened"] or "") <= str(day)
    ]
    for feature in content["features"]:
        if (feature["properties"]["closed"] or "") > str(day):
            feature["properties"]["closed"] = None
    (then / "facilities.geojson").write_text(json.dumps(content), "utf-8")
    register_of_then = open_answers(then)
    differing = 0
    for past, present in zip(answers.all_coverage(day=day), register_of_then.all_coverage(), strict=True):
        if present.known:
            expected = asdict(present) | {"notes": past.notes}
            assert asdict(past) == expected
        else:  # the register of all days knows facilities that the other has never heard of
            assert past.covered == present.covered == 0
        differing += past.covered != answers.coverage(past.standard).covered
        (_, past_gaps), (_, present_gaps) = (
            answers.gaps(answers.states.current(), past.standard, day),
            register_of_then.gaps(register_of_then.states.current(), past.standard),
        )
        if present.known:
            assert past_gaps.frame.drop(columns="geometry").equals(present_gaps.frame.drop(columns="geometry"))
    assert differing
    register_of_then.register.database.close()


def test_today_needs_no_notes_and_no_second_computation(answers: Answers) -> None:
    state = answers.states.current()
    for standard in answers.study.standards:
        assert answers.measured_on(state, standard, state.today)[1] is answers.measured(state, standard)[1]


def test_days_without_a_change_between_them_are_computed_once(
    answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[date] = []
    count_units = counting.count_units
    monkeypatch.setattr(
        counting, "count_units", lambda *arguments: (calls.append(arguments[-1]), count_units(*arguments))[1]
    )
    first, last = answers.coverage("quick", day=date(2010, 1, 1)), answers.coverage("quick", day=date(2014, 12, 31))
    assert calls == [date(2010, 1, 1)]
    assert first.covered == last.covered
    assert "as of 2014-12-31" in last.notes[-2]


def test_what_is_kept_of_other_days_is_bounded(answers: Answers) -> None:
    state = answers.states.current()
    values = len(state.computed)
    for number in range(400):
        answers.state_on(state, "clinic", date(2009, 1, 1) + timedelta(days=30 * number))
    for number in range(2 * MAX_DAYS):
        state.on_day("clinic", date(2000, 1, 1) + timedelta(days=number))
    assert len(state.days) == MAX_DAYS
    assert len(state.computed) - values <= 1  # the days of change of the category


def test_hours_of_days_in_other_weeks_are_not_kept(answers: Answers) -> None:
    state = answers.states.current()
    weeks = [hours.measure(answers, state, "quick", DAY + timedelta(days=7 * number))[1].week for number in range(3)]
    assert weeks == [date(2019, 6, 24), date(2019, 7, 1), date(2019, 7, 8)]


def test_changes_are_after_the_first_day_and_until_the_last(answers: Answers) -> None:
    state = answers.states.current()

    def ids(first: str, last: str) -> tuple[list[str], list[str]]:
        days = date.fromisoformat(first), date.fromisoformat(last)
        result = changes.between(answers, state, *days, 10)
        return result.opened.index.tolist(), result.closed.index.tolist()

    assert ids("2014-12-31", "2015-01-01") == (["c1"], [])
    assert ids("2015-01-01", "2019-12-31") == (["k2"], [])
    assert ids("2019-12-31", "2021-06-30") == (["h1", "p1", "k1"], ["c3"])
    assert ids("2021-06-30", "2021-06-30") == ([], [])
    everything = changes.between(answers, state, None, None, 10)
    assert len(everything.opened) == 8  # c2 has no opening date
    assert any("1 of 9 facilities have no opening date" in note for note in everything.notes)
    # All but k1 and h2.
    assert any("6 are registered as opened on the first of a month" in note for note in everything.notes)


def test_period_that_ends_before_it_begins_is_refused(answers: Answers) -> None:
    with pytest.raises(FieldError, match="from = 2021-01-02: is after to = 2021-01-01"):
        changes.between(answers, answers.states.current(), date(2021, 1, 2), date(2021, 1, 1), 10)
