"""Checks of documents that tests of OGC API – Features share."""

from urllib.parse import quote, urlsplit

import jsonschema
from starlette.testclient import TestClient

from support import ogc
from support.ogc import (
    COLLECTIONS,
    HTML,
    ROOT,
    get,
    items_of,
    links,
)
from support.ogc_schemas import LINKS


def resources(client: TestClient) -> list[str]:
    """One address of each kind of resource and collection that has JSON and HTML."""
    addresses = [ROOT, f"{ROOT}/conformance", f"{ROOT}/collections"]
    for collection in COLLECTIONS:
        addresses += [
            f"{ROOT}/collections/{collection}",
            f"{items_of(collection)}?limit=3",
            item_of(client, collection),
        ]
    return addresses


def item_of(client: TestClient, collection: str, offset: int = 0) -> str:
    """The address of one item of a collection."""
    (feature,) = get(client, items_of(collection), limit=1, offset=offset)["features"]
    return f"{items_of(collection)}/{quote(str(feature['id']), safe='')}"


def check_links(document: dict, address: str, media_type: str, *, alternate: str = HTML) -> None:
    """A document links to itself and to its other format, each with rel and type."""
    jsonschema.validate(document["links"], LINKS)
    (own,) = links(document, "self")
    assert own["type"] == media_type
    assert ogc.is_same_address(own["href"], address), own
    (other,) = links(document, "alternate", alternate)
    assert urlsplit(other["href"]).path == urlsplit(address).path
