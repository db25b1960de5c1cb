"""Normalising texts before they are stored or compared."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.study.texts import clean, name_key
from support.examples import examples


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  甲 \t 乙\n", "甲 乙"),
        ("a\x00b\x1b[31m\u202ec", "a b [31m c"),
        ("e\u0301", "é"),
        ("", None),
        (" \x00 ", None),
        (None, None),
        (5, 5),
        (["a "], ["a "]),
    ],
)
def test_clean_normalises_texts_and_keeps_other_values(text: object, expected: object) -> None:
    assert clean(text) == expected


@settings(max_examples=examples(200), database=None, derandomize=True)
@given(st.text())
def test_clean_text_stays_as_it_is_and_is_printable(text: str) -> None:
    cleaned = clean(text)
    assert clean(cleaned) == cleaned
    assert cleaned is None or (isinstance(cleaned, str) and cleaned.isprintable())
    assert cleaned is None or unicodedata.is_normalized("NFC", cleaned)


def test_names_that_differ_in_width_case_and_spaces_have_one_key() -> None:
    assert {name_key(name) for name in ("Pocket Park", "pocketpark", "ＰＯＣＫＥＴ　park")} == {"pocketpark"}
    assert name_key("第一幼儿园") != name_key("第二幼儿园")
