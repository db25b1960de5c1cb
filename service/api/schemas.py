"""The shapes of answers, for the OpenAPI document; in its own words for what no model makes."""

from typing import Any

from geo.choices import COORDINATE_SYSTEMS

Shape = dict[str, Any]

TEXT: Shape = {"type": "string"}
NUMBER: Shape = {"type": "number"}
COUNT: Shape = {"type": "integer", "minimum": 0}
FLAG: Shape = {"type": "boolean"}
ANYTHING: Shape = {}


def maybe(shape: Shape) -> Shape:
    """``shape``, or null."""
    return {**shape, "nullable": True} if "$ref" not in shape else {"allOf": [shape], "nullable": True}


def each(shape: Shape) -> Shape:
    """A list of ``shape``."""
    return {"type": "array", "items": shape}


def ref(name: str) -> Shape:
    """The shape of that name."""
    return {"$ref": f"#/components/schemas/{name}"}


def thing(required: Shape, more: Shape | None = None) -> Shape:
    """An object with the members ``required``, and perhaps ``more``."""
    return {"type": "object", "required": list(required), "properties": {**required, **(more or {})}}


PLACE = thing({"lon": NUMBER, "lat": NUMBER})
COORDINATES: Shape = {"type": "string", "enum": list(COORDINATE_SYSTEMS)}
# What all answers say of the study.
SAID = {"sample": FLAG, "notice": maybe(TEXT), "data_date": maybe(TEXT), "attribution": maybe(TEXT)}
TRAVELLED = {
    "mode": {"type": "string", "enum": ["walk", "cycle", "drive"]},
    "speed_kph": maybe(NUMBER),
    "method": {"type": "string", "enum": ["network", "straight-line"]},
    "coordinate_system": COORDINATES,
    **SAID,
}
SNAPPED = maybe(thing({"lon": NUMBER, "lat": NUMBER, "connector_m": NUMBER}))
LINKS = each(ref("Link"))
COLLECTION_MEMBERS = {
    "id": TEXT,
    "title": TEXT,
    "description": TEXT,
    "extent": {"type": "object"},
    "itemType": TEXT,
    "crs": each(TEXT),
    "storageCrs": TEXT,
    "links": LINKS,
}

SHAPES: dict[str, Shape] = {
    "Link": thing({"href": TEXT, "rel": TEXT, "type": TEXT, "title": TEXT}),
    "Geometry": thing({"type": TEXT}, {"coordinates": {"type": "array", "items": ANYTHING}}),
    "GeoJsonFeature": thing(
        {
            "type": {"type": "string", "enum": ["Feature"]},
            "geometry": maybe(ref("Geometry")),
            "properties": {"type": "object"},
        },
        {"id": TEXT},
    ),
    "Item": {
        "allOf": [ref("GeoJsonFeature"), thing({"id": TEXT, "links": LINKS, "coordinate_system": TEXT, "sample": FLAG})]
    },
    "Items": thing(
        {
            "type": {"type": "string", "enum": ["FeatureCollection"]},
            "features": each(ref("GeoJsonFeature")),
            "numberMatched": COUNT,
            "numberReturned": COUNT,
            "links": LINKS,
            "coordinate_system": TEXT,
            **SAID,
        }
    ),
    "Nearest": thing(
        {
            "type": {"type": "string", "enum": ["FeatureCollection"]},
            "features": each(ref("GeoJsonFeature")),
            "place": PLACE,
            "snapped": SNAPPED,
            "reason": maybe(TEXT),
            **TRAVELLED,
        },
        {"open_at": TEXT},
    ),
    "NearestOfEach": thing(
        {
            "answers": each(
                thing(
                    {
                        "id": maybe(TEXT),
                        "place": PLACE,
                        "snapped": SNAPPED,
                        "reason": maybe(TEXT),
                        "features": each(ref("GeoJsonFeature")),
                    }
                )
            ),
            **TRAVELLED,
        },
        {"open_at": TEXT},
    ),
    "Isochrones": thing(
        {
            "type": {"type": "string", "enum": ["FeatureCollection"]},
            "features": each(ref("GeoJsonFeature")),
            "direction": {"type": "string", "enum": ["from", "to"]},
            "snapped": SNAPPED,
            "reason": maybe(TEXT),
            **TRAVELLED,
        },
        {"place": PLACE, "facility": TEXT},
    ),
    "Landing": thing({"title": TEXT, "description": TEXT, "links": LINKS, "coordinate_system": COORDINATES, **SAID}),
    "Conformance": thing({"conformsTo": each(TEXT), "links": LINKS, "coordinate_system": COORDINATES}),
    "Collection": thing(COLLECTION_MEMBERS, {"coordinate_system": COORDINATES, **SAID}),
    "Collections": thing(
        {
            "links": LINKS,
            "crs": each(TEXT),
            "collections": each(ref("Collection")),
            "coordinate_system": COORDINATES,
            **SAID,
        }
    ),
    "Schema": thing({"$schema": TEXT, "$id": TEXT, "type": TEXT, "title": TEXT, "properties": {"type": "object"}}),
    "Standards": thing(
        {
            "standards": each({"type": "object"}),
            "sample": FLAG,
            "coordinate_system": COORDINATES,
            "notice": maybe(TEXT),
            "attribution": maybe(TEXT),
        }
    ),
    "History": thing({"id": TEXT, "changes": each({"type": "object"}), "coordinate_system": COORDINATES}),
    "Duplicates": thing(
        {"duplicates": each({"type": "object"}), "numberMatched": COUNT, "coordinate_system": COORDINATES}
    ),
    "Report": {"type": "object"},
}
