"""Telephone numbers and opening hours as the cells of lists have them."""

import re
import unicodedata

from geo.lists.remarks import WithNote
from geo.lists.spreadsheets import plain_cell
from geo.study import chinese_hours, opening_hours

_WITH_DECIMALS = re.compile(r"(\d{5,15})\.0+")
_SCIENTIFIC = re.compile(r"(\d)(?:\.(\d+))?[eE]\+?(\d{1,2})")
_SPAN = re.compile(r"(\d{1,2}):(\d\d)\s*-\s*(\d{1,2}):(\d\d)")
_USUAL = re.compile(r"\d[\d ()+;,/-]*\d", re.ASCII)
_PHONE = re.compile(r"(?=(?:\D*\d){5})[\d\s()+,;/、.;转分机extEXT*#-]+")


def parse_phone(text: str) -> str | WithNote:
    """A telephone number as text.

    Spreadsheets make numbers of telephone numbers: 87112345.0 and 8.7112345E+07 are read, and so is ="0579-87112345".

    Raises
    ------
    ValueError
        Digits were lost, as in 1.38679E+10.
    """
    if _USUAL.fullmatch(text):
        return text  # a shortcut, which suffices for most numbers
    plain = plain_cell(text, in_text_file=False) if text.startswith('="') else text
    narrow = unicodedata.normalize("NFKC", plain).strip()
    if match := _WITH_DECIMALS.fullmatch(narrow):
        return WithNote(match[1], f"{text!r} read as {match[1]}")
    if match := _SCIENTIFIC.fullmatch(narrow):
        digits, exponent = match[1] + (match[2] or ""), int(match[3])
        if len(digits.rstrip("0")) > exponent + 1 or len(digits) < exponent + 1:
            lost = "has lost its last digits" if len(digits) <= exponent else "is no telephone number"
            raise ValueError(f"a spreadsheet has shortened this number, which {lost}: format the column as text")
        return WithNote(digits[: exponent + 1], f"{text!r} read as {digits[: exponent + 1]}")
    return narrow if _PHONE.fullmatch(narrow) else plain


def parse_hours(text: str) -> str | WithNote:
    """Opening hours in OpenStreetMap's syntax; the text itself, with a note, where they cannot be read."""
    if opening_hours.is_readable(text):
        if question := _unclear(text):
            return WithNote(text, f"{text[:60]!r} {question}")
        return text
    read = chinese_hours.to_osm(text)
    if read is not None and opening_hours.is_readable(read):
        return WithNote(read, f"{text[:60]!r} read as {read}")
    return WithNote(text, f"{text[:60]!r} cannot be read as hours, and was kept as it is: write Mo-Fr 08:00-17:00")


def _unclear(text: str) -> str | None:
    """The question that hours raise which end before they begin, overlap, or run past 24:00; None if they are clear."""
    for rule in text.split(";"):
        last = 0
        for span in _SPAN.findall(unicodedata.normalize("NFKC", rule)):
            begin, end = (60 * int(hour) + int(minute) for hour, minute in (span[:2], span[2:]))
            if begin >= 1440 or (end > 1440 and begin < 720):
                return f"runs until {span[2]}:{span[3]}, past midnight: is that right? It was kept as it is"
            # Whoever opens in the early afternoon and closes at 5:00 or 8:00 means the afternoon, as after 8:00-5:00.
            if (begin < 900 and 0 < end <= begin) or begin < last:
                return "has hours that end in the night: is the afternoon, such as 17:00, meant?"
            last = end
    return None
