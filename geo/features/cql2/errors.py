"""The error of a filter that cannot be used."""

from geo.errors import FieldError


def filter_error(reason: str) -> FieldError:
    """The error to raise where a filter cannot be used; ``reason`` continues a sentence whose subject is the filter."""
    return FieldError([("filter", f"filter {reason}")])


def quote(text: str) -> str:
    """The start of a part of the filter's text, in quotation marks, short enough for a message."""
    return repr(text[:40])[:60]
