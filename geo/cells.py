"""Text in spreadsheets' cells, which a spreadsheet takes for a formula where it begins like one."""

import re
from typing import TypeVar

T = TypeVar("T")

_FORMULA = re.compile(r"'*[=+\-@\t\r＝＋－＠]")


def defused(value: T) -> T | str:
    """``value`` so that no spreadsheet runs it: text that begins like a formula gets an apostrophe before it."""
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value


def plain(value: T) -> T | str:
    """What `defused` was given, by what it gave."""
    defused_before = isinstance(value, str) and value.startswith("'") and _FORMULA.match(value)
    return value[1:] if isinstance(value, str) and defused_before else value
