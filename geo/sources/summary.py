"""What a build tells people: its progress while it runs, and at its end a summary that accounts for all that it read.

The summary has two parts. *Lines* say what the study has, what was left out and what people should know. *Accounts* say
for each kind of object of each file how many were read and what became of them: read = kept + left out.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

Progress: TypeAlias = Callable[[str, int], None]
"""Called with the name of a step and how many objects it has read since the last call."""

FORMAT = 1
"""The version of `build.json`; it changes when a member changes its meaning or goes."""
LEFT_OUT, NOTE = "left out 未采用", "note 注"
_MENTIONED = 5
"""The table mentions so many names or reasons; `build.json` has all."""


class SummaryLine(NamedTuple):
    """One line of a summary, such as “left out” (subject), 1,220 (amount), “ways closed to everybody” (remark).

    ``names`` are the names or ids of the objects meant, where it helps to know them.
    """

    subject: str
    amount: float
    remark: str
    names: tuple[str, ...] = ()


class Account(NamedTuple):
    """What became of the objects of one kind in one file.

    ``kept`` has the amount kept by use, such as “streets”; ``left_out`` the amount left out by reason.
    """

    kind: str
    source: str
    read: float
    kept: Mapping[str, float]
    left_out: Mapping[str, float]

    @property
    def unexplained(self) -> float:
        """What was read and is neither kept nor left out; 0 in a correct build."""
        return self.read - sum(self.kept.values()) - sum(self.left_out.values())


@dataclass
class Summary:
    """What a build read, kept and left out."""

    lines: list[SummaryLine] = field(default_factory=list)
    accounts: list[Account] = field(default_factory=list)

    def add(self, subject: str, amount: float, remark: str, names: Sequence[str] = ()) -> None:
        """Add a line."""
        self.lines.append(SummaryLine(subject, float(amount), remark, tuple(names)))

    def left_out(self, amount: float, remark: str, names: Sequence[str] = ()) -> None:
        """Add a line about objects of the sources that are not in the study."""
        self.add(LEFT_OUT, amount, remark, names)

    def note(self, amount: float, remark: str, names: Sequence[str] = ()) -> None:
        """Add a line about something that people should know of the study."""
        self.add(NOTE, amount, remark, names)

    def account(
        self, kind: str, source: str, read: float, kept: Mapping[str, float], left_out: Mapping[str, float]
    ) -> None:
        """Add what became of the ``read`` objects of a kind: the parameters are those of `Account`."""
        self.accounts.append(Account(kind, source, float(read), _positive(kept), _positive(left_out)))

    def table(self) -> list[tuple[str, str, str]]:
        """Subject, amount and remark of each row of the table that the command line prints, with long lists cut."""
        rows = [
            (line.subject, f"{line.amount:,.0f}", line.remark + _listed(": ", line.names, "; ")) for line in self.lines
        ]
        for account in self.accounts:
            kept, left_out = sum(account.kept.values()), sum(account.left_out.values())
            remark = f"{account.kind} of {account.source}: {kept:,.0f} kept{_listed(': ', _counted(account.kept))}"
            remark += f"; {left_out:,.0f} left out{_listed(': ', _counted(account.left_out))}"
            rows.append(("read 读入", f"{account.read:,.0f}", remark))
        return rows

    def as_json(self) -> str:
        """The text of `build.json`; docs/study.md describes its members."""
        document = {
            "format": FORMAT,
            "lines": [{**line._asdict(), "amount": _plain(line.amount)} for line in self.lines],
            "accounts": [
                {
                    "kind": account.kind,
                    "source": account.source,
                    "read": _plain(account.read),
                    "kept": {use: _plain(amount) for use, amount in account.kept.items()},
                    "left_out": {reason: _plain(amount) for reason, amount in account.left_out.items()},
                }
                for account in self.accounts
            ],
        }
        return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def _positive(amounts: Mapping[str, float]) -> dict[str, float]:
    """The amounts above 0, the largest first."""
    ordered = sorted(amounts.items(), key=lambda item: (-item[1], item[0]))
    return {name: float(amount) for name, amount in ordered if amount > 0}


def _counted(amounts: Mapping[str, float]) -> list[str]:
    return [f"{amount:,.0f} {name}" for name, amount in amounts.items()]


def _listed(before: str, names: Sequence[str], between: str = ", ") -> str:
    """The first of some names after ``before``, and how many more there are; empty if there are none."""
    more = f" and {len(names) - _MENTIONED} more" if len(names) > _MENTIONED else ""
    return before + between.join(names[:_MENTIONED]) + more if names else ""


def _plain(amount: float) -> float:
    """A whole number as an int, so that JSON has no “.0”."""
    return int(amount) if amount == int(amount) else amount
