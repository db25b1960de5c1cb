"""How texts from files and requests are normalised before they are stored or compared.

Every reader of facilities, areas and settings calls `clean`; whoever compares names calls `name_key`.
"""

import unicodedata


def clean(value: object) -> object:
    """Normalise a text; return any other value unchanged.

    A text is returned in Unicode form NFC, without control characters, and with single spaces. An empty text becomes
    None, since an empty cell means that the value is unknown.
    """
    # Control characters break databases and terminals and mean nothing in a name.
    if isinstance(value, str):
        if not value.isprintable():
            value = "".join(c if c.isprintable() else " " for c in value)
        value = " ".join(value.split())
        if not value.isascii():
            value = unicodedata.normalize("NFC", value)
    return None if value == "" else value


def name_key(name: str) -> str:
    """Return ``name`` without differences of character width, case and spaces, for comparing names."""
    return "".join(unicodedata.normalize("NFKC", name).casefold().split())
