"""The report of an import: the outcome of each row of a list, and counts.

`service.register.imports` makes it; the command line prints it and the API sends it as JSON.
"""

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Literal, TypeAlias, get_args

from service.register.history import FieldChanges

Outcome: TypeAlias = Literal["added", "changed", "unchanged", "left out", "unusable"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)

MAX_JSON_ROWS = 10_000
"""Notable rows that a report lists as JSON."""
_NOTABLE: tuple[Outcome, ...] = ("unusable", "left out", "changed", "added", "unchanged")


@dataclass(frozen=True)
class RowOutcome:
    """What an import does with one row of a list.

    Attributes
    ----------
    where : the row in the file, such as “row 7”
    id, name : the facility's, None if not known
    why : reasons and remarks, in words
    fields : for a changed facility, the fields that change, each with its values before and after
    """

    where: str
    outcome: Outcome
    id: str | None = None
    name: str | None = None
    why: tuple[str, ...] = ()
    fields: FieldChanges = field(default_factory=dict)


@dataclass(frozen=True)
class ImportReport:
    """What an import did, or would do if it were applied.

    Attributes
    ----------
    file : name of the list's file
    coordinates : coordinate system that the list's places were read in
    columns : the field of each of the list's headings
    notes : remarks about the whole list
    rows : the outcome of each row
    missing : how many present facilities of the register are not in the list; an import keeps them
    applied : whether the register was changed
    """

    file: str
    coordinates: str
    columns: dict[str, str]
    notes: list[str]
    rows: list[RowOutcome]
    missing: int
    applied: bool

    @property
    def counts(self) -> dict[Outcome, int]:
        """How many rows have each outcome."""
        counter = Counter(row.outcome for row in self.rows)
        return {outcome: counter[outcome] for outcome in OUTCOMES}

    def notable_rows(self) -> list[RowOutcome]:
        """The rows that change something or need attention: unusable ones first, then left out, changed and added.

        Unchanged rows are among them if there is a remark on them.
        """
        notable = (row for row in self.rows if row.outcome != "unchanged" or row.why)
        return sorted(notable, key=lambda row: _NOTABLE.index(row.outcome))

    def as_json(self) -> dict[str, object]:
        """The members of the report's JSON object, with at most `MAX_JSON_ROWS` of its notable rows."""
        notable = self.notable_rows()
        rows = [asdict(row) for row in notable[:MAX_JSON_ROWS]]
        return {
            "file": self.file,
            "coordinates": self.coordinates,
            "columns": self.columns,
            "notes": self.notes,
            "rows": rows,
            "missing": self.missing,
            "applied": self.applied,
            "counts": self.counts,
            "rows_not_told": len(notable) - len(rows),
        }
