"""Fixtures for the tests of OGC API – Features."""

from functools import cache

import pytest
from starlette.testclient import TestClient

from support.ogc import (
    ROOT,
    features_of,
    get,
    links,
)
from support.ogc_properties import AllFeatures


@pytest.fixture(scope="module")
def document(client: TestClient) -> dict:
    """The API definition, from the landing page's link."""
    (link,) = links(get(client, ROOT), "service-desc")
    return get(client, link["href"])


@pytest.fixture(scope="session")
def all_features(client: TestClient) -> AllFeatures:
    """All features of a collection, asked for once. Tests must not change them."""
    return cache(lambda collection: features_of(client, collection))
