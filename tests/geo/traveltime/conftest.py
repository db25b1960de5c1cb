"""Fixtures for tests of travel times."""

from collections.abc import Iterator

import pytest

from geo.traveltime import network


@pytest.fixture(scope="module")
def every_street_attracts() -> Iterator[None]:
    """No island counts as small: in towns this small every one-way is one. test_network.py tests small islands."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(network, "ISLAND_M", 0.0)
        yield
