"""The summary of a build: what was read, kept and left out."""

from dataclasses import dataclass, field


@dataclass
class Summary:
    """What was read, kept and left out, line by line: (what, how many, remark)."""

    lines: list[tuple[str, float, str]] = field(default_factory=list)

    def add(self, what: str, count: float, remark: str = "") -> None:
        self.lines.append((what, count, remark))
