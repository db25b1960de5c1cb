"""Residential land in OpenStreetMap."""

from collections.abc import Mapping

TAG = "landuse=residential"


def is_residential(tags: Mapping[str, str]) -> bool:
    """Whether tags mark residential land."""
    return tags.get("landuse") == "residential"
