"""The errors that users can cause with their files, names and values.

FuwuquanError
├── InputError             a file, folder or value cannot be used
│   ├── StudyError         a study folder cannot be read
│   ├── ExtractError       an OpenStreetMap extract cannot be used
│   ├── TableError         rows of a table or features of a GeoJSON file are wrong
│   └── FieldError         fields of one facility are wrong
└── UnknownNameError       a standard, category, mode or area does not exist (also a LookupError)

Each message is one line for the user: which file, which row, which value, and what to do.
"""

from collections.abc import Iterable


class FuwuquanError(Exception):
    """Base of all errors that a user can cause; its text is one line for that user."""


class InputError(FuwuquanError, ValueError):
    """A file, folder or value cannot be used."""


class StudyError(InputError):
    """A study folder is incomplete, or its files are wrong or contradict each other."""


class ExtractError(InputError):
    """An OpenStreetMap extract is truncated, has another format, or lacks what was asked for."""


class TableError(InputError):
    """Rows of a file are wrong; the whole file is refused.

    The message has the first `MAX_PROBLEMS_IN_MESSAGE` problems; ``problems`` has all of them.
    """

    MAX_PROBLEMS_IN_MESSAGE = 5

    def __init__(self, file: object, problems: Iterable[str]) -> None:
        self.problems = list(problems)
        more = len(self.problems) - self.MAX_PROBLEMS_IN_MESSAGE
        text = "; ".join(self.problems[: self.MAX_PROBLEMS_IN_MESSAGE]) + (f"; and {more} more" if more > 0 else "")
        super().__init__(f"{file}: {text}")


class FieldError(InputError):
    """Fields of one facility are wrong; ``problems`` has (field, message that names the field) for each."""

    def __init__(self, problems: Iterable[tuple[str, str]]) -> None:
        self.problems = list(problems)
        super().__init__("; ".join(message for _, message in self.problems))


class UnknownNameError(FuwuquanError, LookupError):
    """A name does not exist; the message lists the names that do. ``what`` is what was named, such as “standard”."""

    def __init__(self, what: str, value: object, known: Iterable[object]) -> None:
        names = ", ".join(str(name) for name in known) or "none"
        super().__init__(f"unknown {what} {value!r}; known: {names}")
