"""Fixtures for the tests of OGC API – Features."""

from collections.abc import Iterator
from functools import cache

import pytest
from starlette.testclient import TestClient

from service.api.app import create_app
from service.settings import Settings
from support.ogc import (
    ROOT,
    copy_study,
    features_of,
    get,
    links,
)
from support.ogc_properties import AllFeatures

PLAIN = {"accept-encoding": "identity"}


@pytest.fixture(scope="session")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """The API of the sample with a standard of each measure."""
    folder = copy_study(tmp_path_factory.mktemp("ogc") / "study")
    with TestClient(create_app(Settings(study=folder)), raise_server_exceptions=False, headers=PLAIN) as client:
        yield client


@pytest.fixture(scope="module")
def document(client: TestClient) -> dict:
    """The API definition, from the landing page's link."""
    (link,) = links(get(client, ROOT), "service-desc")
    return get(client, link["href"])


@pytest.fixture(scope="session")
def all_features(client: TestClient) -> AllFeatures:
    """All features of a collection, asked for once. Tests must not change them."""
    return cache(lambda collection: features_of(client, collection))
