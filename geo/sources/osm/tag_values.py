"""Values of OpenStreetMap tags, which are free text."""

from datetime import date


def number(text: str | None) -> float | None:
    """The number from 0 to 10¹⁰ that a value such as ``5'000`` stands for; the first of several; None if it is none."""
    digits = (text or "").replace(",", "").replace("'", "").replace(" ", "").split(";")[0]
    try:
        value = float(digits)
    except ValueError:
        return None
    return value if 0 <= value < 1e10 else None


def iso_date(text: str) -> date | None:
    """The day that ``YYYY-MM-DD`` stands for; None of anything else."""
    try:
        return date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None
