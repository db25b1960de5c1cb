"""Fixtures of a small country's extract."""

from pathlib import Path

import pytest

from support import country
from support.extracts import Extract


@pytest.fixture(name="country")
def small_country() -> Extract:
    """The extract of `support.country`, to which a test may add."""
    return country.make_extract()


@pytest.fixture
def country_pbf(country: Extract, tmp_path: Path) -> Path:
    """A file of that extract."""
    return country.write(tmp_path / "country.osm.pbf")
