"""The state of the register, and how long computed answers are kept with it."""

from datetime import UTC, date, datetime
from threading import Thread

from service.answers.state import RegisterState

TODAY = date(2026, 11, 30)


def make_state(today: date = TODAY, **revisions: int) -> RegisterState:
    return RegisterState(revisions, today, None, b"tag", datetime(2026, 11, 30, tzinfo=UTC))


def test_value_is_computed_once() -> None:
    state = make_state(clinic=1)
    calls: list[str] = []

    def compute() -> str:
        calls.append("computed")
        return "value"

    threads = [Thread(target=state.cached, args=("clinic", "name", compute)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert calls == ["computed"]
    assert state.cached("clinic", "name", lambda: "another") == "value"


def test_new_state_keeps_the_values_of_unchanged_categories_only() -> None:
    previous = make_state(clinic=1, park=1)
    for category in ("clinic", "park", None):
        previous.cached(category, "name", lambda: "old")
    state = make_state(clinic=2, park=1).take_over(previous)
    assert state.cached("park", "name", lambda: "new") == "old"
    assert state.cached("clinic", "name", lambda: "new") == "new"
    assert state.cached(None, "name", lambda: "new") == "new"


def test_new_day_keeps_no_values() -> None:
    previous = make_state(clinic=1)
    previous.cached("clinic", "name", lambda: "old")
    state = make_state(date(2026, 12, 1), clinic=1).take_over(previous)
    assert state.cached("clinic", "name", lambda: "new") == "new"
