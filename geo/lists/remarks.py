"""Remarks on single rows of a list: problems, doubts and notes."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field


def _by_row() -> defaultdict[int, list[str]]:
    return defaultdict(list)


@dataclass
class Remarks:
    """Texts by the index of the row.

    Attributes
    ----------
    problems
        Why a row cannot be used.
    doubts
        Doubts about a row's location, which can be read.
    notes
        What was understood in a way that the user should know of.
    """

    problems: defaultdict[int, list[str]] = field(default_factory=_by_row)
    doubts: defaultdict[int, list[str]] = field(default_factory=_by_row)
    notes: defaultdict[int, list[str]] = field(default_factory=_by_row)

    def add(self, other: "Remarks", rows: Mapping[int, int] | int = 0) -> None:
        """Add the remarks of ``other``, whose row i is row ``rows[i]``, or row ``i + rows``, here."""
        for mine, theirs in (
            (self.problems, other.problems),
            (self.doubts, other.doubts),
            (self.notes, other.notes),
        ):
            for row, texts in theirs.items():
                mine[row + rows if isinstance(rows, int) else rows[row]] += texts

    def of(self, row: int) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
        """The problems, doubts and notes of one row."""
        return (
            tuple(self.problems.get(row, ())),
            tuple(self.doubts.get(row, ())),
            tuple(self.notes.get(row, ())),
        )


@dataclass(frozen=True)
class WithNote:
    """A value, and what the user should know of how it was understood."""

    value: object
    note: str
