"""Saved scenarios in each kind of database: an address always means the same document."""

import pytest

from geo.errors import FieldError, UnknownNameError
from service.register import saved_scenarios
from service.register.register import ConflictError, Register

DOCUMENT = {"name": "新", "changes": [{"action": "close", "id": "c1"}]}


def test_saved_document_is_kept_until_it_is_removed(register: Register) -> None:
    database = register.database
    record, is_new = saved_scenarios.save(database, "plan-a", DOCUMENT, {"clinic": 1}, "me")
    assert (is_new, record.document, record.revisions, record.who) == (True, DOCUMENT, {"clinic": 1}, "me")
    again, is_new = saved_scenarios.save(database, "plan-a", DOCUMENT, {"clinic": 5}, "you")
    assert (is_new, again.saved, again.who) == (False, record.saved, "me")
    with pytest.raises(ConflictError, match="exists already with another document, saved by me"):
        saved_scenarios.save(database, "plan-a", DOCUMENT | {"name": "other"}, {}, "you")
    assert saved_scenarios.get(database, "plan-a").document == DOCUMENT
    saved_scenarios.remove(database, "plan-a")
    with pytest.raises(UnknownNameError, match="unknown scenario 'plan-a'; known: none"):
        saved_scenarios.get(database, "plan-a")
    with pytest.raises(UnknownNameError):
        saved_scenarios.remove(database, "plan-a")


def test_pages_have_the_last_saved_first(register: Register) -> None:
    for name in ("a", "b", "c"):
        saved_scenarios.save(register.database, name, DOCUMENT, {}, "me")
    records, count = saved_scenarios.page(register.database, 2, 1)
    assert ([record.id for record in records], count) == (["b", "a"], 3)


def test_only_so_many_are_saved(register: Register, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved_scenarios, "MAX_SAVED", 1)
    saved_scenarios.save(register.database, "a", DOCUMENT, {}, "me")
    with pytest.raises(ConflictError, match="1 scenarios are saved, which is the most"):
        saved_scenarios.save(register.database, "b", DOCUMENT, {}, "me")
    assert not saved_scenarios.save(register.database, "a", DOCUMENT, {}, "me")[1]


@pytest.mark.parametrize("name", ["", "-a", "A", "a b", "a/b", "<b>", "a" * 65, "甲", "a\n", "../x"])
def test_ids_that_are_no_part_of_an_address_are_refused(register: Register, name: str) -> None:
    with pytest.raises(FieldError, match="small letters a-z, digits and hyphens"):
        saved_scenarios.save(register.database, name, DOCUMENT, {}, "me")


def test_id_that_is_another_address_is_refused(register: Register) -> None:
    with pytest.raises(ConflictError, match="address of the comparison"):
        saved_scenarios.save(register.database, "compare", DOCUMENT, {}, "me")
