"""What a build tells people: its progress while it runs, and a summary at its end."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

Progress: TypeAlias = Callable[[str, int], None]
"""Called with the name of a step and how many objects it has read since the last call."""


class SummaryLine(NamedTuple):
    """One line of a summary, such as “left out” (subject), 1,220 (amount), “ways closed to everybody” (remark)."""

    subject: str
    amount: float
    remark: str


@dataclass
class Summary:
    """What a build read, kept and left out."""

    lines: list[SummaryLine] = field(default_factory=list)

    def add(self, subject: str, amount: float, remark: str) -> None:
        """Add a line."""
        self.lines.append(SummaryLine(subject, amount, remark))

    def left_out(self, amount: float, remark: str) -> None:
        """Add a line about objects of the sources that are not in the study."""
        self.add("left out 未采用", amount, remark)

    def note(self, amount: float, remark: str) -> None:
        """Add a line about something that people should know of the study."""
        self.add("note 注", amount, remark)
