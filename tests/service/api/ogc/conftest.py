"""Fixtures for the tests of OGC API – Features."""

import pytest
from starlette.testclient import TestClient

from support.ogc import (
    ROOT,
    get,
    links,
)


@pytest.fixture(scope="module")
def document(client: TestClient) -> dict:
    """The API definition, from the landing page's link."""
    (link,) = links(get(client, ROOT), "service-desc")
    return get(client, link["href"])
