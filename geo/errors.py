"""Everything that can be wrong with what people give the program.

FuwuquanError
├── InputError             a file or folder: which file, which row, which value, what to do
│   ├── StudyError         a study folder that cannot be read
│   ├── ExtractError       an OpenStreetMap extract that cannot be used
│   ├── TableError         a table or GeoJSON file with bad rows
│   └── FieldError         what is said of one facility is wrong
└── UnknownNameError       a standard, category, mode or area that does not exist (also a LookupError)
"""

from collections.abc import Iterable


class FuwuquanError(Exception):
    """Base of all errors a user can cause; its text is one clear line for that user."""


class InputError(FuwuquanError, ValueError):
    """A file or folder is not what it should be."""


class StudyError(InputError):
    """A study folder is incomplete or contradicts itself."""


class ExtractError(InputError):
    """An OpenStreetMap extract is truncated, of another format, or lacks what is asked of it."""


class TableError(InputError):
    """Rows of a file are unusable; nothing of the file was taken over."""

    SHOWN = 5

    def __init__(self, file: object, problems: Iterable[str]) -> None:
        self.problems = list(problems)
        more = len(self.problems) - self.SHOWN
        text = "; ".join(self.problems[: self.SHOWN]) + (f"; and {more} more" if more > 0 else "")
        super().__init__(f"{file}: {text}")


class FieldError(InputError):
    """Fields of one facility are wrong; ``problems`` are (field, what is wrong, with the field's name)."""

    def __init__(self, problems: Iterable[tuple[str, str]]) -> None:
        self.problems = list(problems)
        super().__init__("; ".join(reason for _, reason in self.problems))


class UnknownNameError(FuwuquanError, LookupError):
    """A name that the study does not have; says which ones it has."""

    def __init__(self, what: str, value: object, known: Iterable[object]) -> None:
        self.what, self.value = what, value
        names = ", ".join(str(name) for name in known) or "none"
        super().__init__(f"unknown {what} {value!r}; known: {names}")
