"""How messages about a list tell the user which option settles a question: on the command line, and over HTTP.

`fuwuquan import` and ``POST /v1/imports`` take the same options; `geo.lists.reader.ListOptions` has them in Python.
"""

import json
import re
import shlex

_PLAIN = re.compile(r"[\w=.,:/%+@-]+")
_CHANGED_IN_QUOTES = re.compile(r"""[$`"\\!]""")

CRS = "say which CRS it is, such as --crs EPSG:4549 (HTTP: crs=EPSG:4549)"
"""The advice to state the reference system of positions in metres."""


def coordinates(system: str) -> str:
    """The advice to state the coordinate system of a list."""
    return f"give --coordinates {system} (HTTP: coordinates={system})"


def category(ids: str) -> str:
    """The advice to state the category of all rows."""
    return f"give --category {ids} (HTTP: category=)"


def column(heading: str, field: str) -> str:
    """The advice to state which field the column with a heading is."""
    option = _quoted(f"{heading}={field}")
    return f"give --column {option} (HTTP: columns={json.dumps({heading: field}, ensure_ascii=False)})"


def sheet(name: str) -> str:
    """The advice to name a sheet or layer that is not read by itself."""
    return f"give --sheet {_quoted(name)} (HTTP: sheet={name}) to read it"


def own_ids(difference: str) -> str:
    """The advice where a row has the id of a facility, and another ``difference`` than it, such as “name”."""
    return (
        "if the ids are the list's own, give --source NAME (HTTP: source=NAME), which is put before them; "
        f"if that facility has another {difference} now, give --update (HTTP: update=true)"
    )


def no_ids(heading: str) -> str:
    """The advice to find facilities by name, where the ids of a list are not the register's."""
    return f"if the list's ids are not the register's, import that column as extra: {column(heading, 'extra')}"


def _quoted(text: str) -> str:
    """A text as a shell needs it: in quotes if it has blanks, brackets or other signs that a shell acts on."""
    if _PLAIN.fullmatch(text):
        return text
    return shlex.quote(text) if _CHANGED_IN_QUOTES.search(text) else f'"{text}"'
