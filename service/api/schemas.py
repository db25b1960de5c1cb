"""JSON schemas of the answers that no pydantic model describes, for the OpenAPI document."""

from collections.abc import Mapping
from typing import TypeAlias

from geo.choices import COORDINATE_SYSTEMS

Schema: TypeAlias = dict[str, object]

TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number"}
COUNT: Schema = {"type": "integer", "minimum": 0}
FLAG: Schema = {"type": "boolean"}
DAY: Schema = {"type": "string", "format": "date"}
ANYTHING: Schema = {}
ONLY_NULL: Schema = {"type": "object", "nullable": True, "enum": [None]}
"""Null and nothing else. In OpenAPI 3.0 `nullable` has an effect only beside a type."""


def nullable(schema: Schema) -> Schema:
    """``schema``, or null. OpenAPI 3.0 ignores what stands beside a reference, so null is an alternative to that."""
    if "$ref" in schema:
        return {"anyOf": [schema, ONLY_NULL]}
    values = schema.get("enum")
    allowed: Schema = {"enum": [*values, None]} if isinstance(values, list) else {}  # null must be among the values
    return {**schema, **allowed, "nullable": True}


def list_of(schema: Schema) -> Schema:
    """A list whose elements have ``schema``."""
    return {"type": "array", "items": schema}


def ref(name: str) -> Schema:
    """A reference to the schema of that name in the document."""
    return {"$ref": f"#/components/schemas/{name}"}


def object_with(required: Mapping[str, object], optional: Mapping[str, object] | None = None) -> Schema:
    """An object with members ``required`` and perhaps ``optional``: the schema of each by its name."""
    return {"type": "object", "required": list(required), "properties": {**required, **(optional or {})}}


PLACE = object_with({"lon": NUMBER, "lat": NUMBER})
COORDINATES: Schema = {"type": "string", "enum": list(COORDINATE_SYSTEMS)}
STUDY_MEMBERS = {"sample": FLAG, "notice": nullable(TEXT), "data_date": nullable(TEXT), "attribution": nullable(TEXT)}
"""What all answers have about the study, see `Answers.study_metadata`."""
TRAVEL_MEMBERS = {
    "mode": {"type": "string", "enum": ["walk", "cycle", "drive"]},
    "speed_kph": nullable(NUMBER),
    "method": {"type": "string", "enum": ["network", "straight-line"]},
    "coordinate_system": COORDINATES,
    **STUDY_MEMBERS,
}
"""What all answers about travel times have, see `Answers.travel_metadata`."""
SNAPPED = nullable(object_with({"lon": NUMBER, "lat": NUMBER, "connector_m": NUMBER}))
LINKS = list_of(ref("Link"))
COLLECTION_MEMBERS = {
    **dict.fromkeys(("id", "title", "description", "itemType", "storageCrs"), TEXT),
    "extent": {"type": "object"},
    "crs": list_of(TEXT),
    "links": LINKS,
}
_OF_STANDARD = {
    "type": {"type": "string", "enum": ["FeatureCollection"]},
    "features": list_of(ref("GeoJsonFeature")),
    "numberMatched": COUNT,
    "numberReturned": COUNT,
    "standard": TEXT,
    "unit": TEXT,
    "total": NUMBER,
    "covered": NUMBER,
    "notes": list_of(TEXT),
    "coordinate_system": COORDINATES,
    **STUDY_MEMBERS,
}
"""What answers with sites or facilities of one standard have."""

STANDARD_MEMBERS = {
    **dict.fromkeys(("standard", "name", "name_en", "source", "measure", "unit"), TEXT),
    **dict.fromkeys(("method", "mode", "people_counted"), nullable(TEXT)),
    **dict.fromkeys(("speed_kph", "minutes", "metres", "share"), nullable(NUMBER)),
    **dict.fromkeys(("total", "covered"), NUMBER),
    "known": FLAG,
}
"""Which standard an answer is about, see `service.answers.gaps.standard_members`."""
STANDARD_CHANGES = list_of(
    object_with(
        {
            "standard": TEXT,
            "before": {"type": "object"},
            "after": {"type": "object"},
            "difference": object_with({"covered": NUMBER, "share": nullable(NUMBER)}),
            "gained": NUMBER,
            "lost": NUMBER,
            "areas": list_of({"type": "object"}),
            "places": list_of({"type": "object"}),
        }
    )
)
"""Each standard before and after something, see `service.answers.scenarios.comparison_members`."""
SCHEMAS: dict[str, Schema] = {
    "Link": object_with({"href": TEXT, "rel": TEXT, "type": TEXT, "title": TEXT}),
    "Geometry": object_with({"type": TEXT}, {"coordinates": {"type": "array", "items": ANYTHING}}),
    "GeoJsonFeature": object_with(
        {
            "type": {"type": "string", "enum": ["Feature"]},
            "geometry": nullable(ref("Geometry")),
            "properties": {"type": "object"},
        },
        {"id": TEXT},
    ),
    "Item": {
        "allOf": [
            ref("GeoJsonFeature"),
            object_with({"id": TEXT, "links": LINKS, "coordinate_system": TEXT, "sample": FLAG}),
        ]
    },
    "Items": object_with(
        {
            "type": {"type": "string", "enum": ["FeatureCollection"]},
            "features": list_of(ref("GeoJsonFeature")),
            "numberMatched": COUNT,
            "numberReturned": COUNT,
            "links": LINKS,
            "coordinate_system": TEXT,
            **STUDY_MEMBERS,
        }
    ),
    "Nearest": object_with(
        {
            "type": {"type": "string", "enum": ["FeatureCollection"]},
            "features": list_of(ref("GeoJsonFeature")),
            "place": PLACE,
            "snapped": SNAPPED,
            "reason": nullable(TEXT),
            **TRAVEL_MEMBERS,
        },
        {"open_at": TEXT},
    ),
    "NearestOfEach": object_with(
        {
            "answers": list_of(
                object_with(
                    {
                        "id": nullable(TEXT),
                        "place": PLACE,
                        "snapped": SNAPPED,
                        "reason": nullable(TEXT),
                        "features": list_of(ref("GeoJsonFeature")),
                    }
                )
            ),
            **TRAVEL_MEMBERS,
        },
        {"open_at": TEXT},
    ),
    "Isochrones": object_with(
        {
            "type": {"type": "string", "enum": ["FeatureCollection"]},
            "features": list_of(ref("GeoJsonFeature")),
            "direction": {"type": "string", "enum": ["from", "to"]},
            "snapped": SNAPPED,
            "reason": nullable(TEXT),
            **TRAVEL_MEMBERS,
        },
        {"place": PLACE, "facility": TEXT},
    ),
    "Gaps": object_with(
        {
            "type": {"type": "string", "enum": ["FeatureCollection"]},
            "features": list_of(ref("GeoJsonFeature")),
            "standard": TEXT,
            "unit": TEXT,
            "total": NUMBER,
            "covered": NUMBER,
            "gaps": COUNT,
            "beyond_unit": nullable({"type": "string", "enum": ["minutes", "metres"]}),
            "gap_m": NUMBER,
            "on": DAY,
            "notes": list_of(TEXT),
            "coordinate_system": COORDINATES,
            **STUDY_MEMBERS,
        }
    ),
    "Values": object_with({**_OF_STANDARD, "sites": COUNT}),
    "Fragility": object_with(
        {**_OF_STANDARD, "longer_unit": nullable({"type": "string", "enum": ["minutes", "metres"]})}
    ),
    "ScenarioAnswer": object_with(
        {
            "name": nullable(TEXT),
            "changes": list_of({"type": "object"}),
            "speeds": nullable({"type": "object", "additionalProperties": NUMBER}),
            "standards": list_of(
                object_with(
                    {
                        "standard": TEXT,
                        "before": {"type": "object"},
                        "after": {"type": "object"},
                        "difference": object_with({"covered": NUMBER, "share": nullable(NUMBER)}),
                        "gained": NUMBER,
                        "lost": NUMBER,
                        "areas": list_of(
                            object_with(
                                {
                                    "code": TEXT,
                                    "name": TEXT,
                                    "before": {"type": "object"},
                                    "after": {"type": "object"},
                                    "gained": NUMBER,
                                    "lost": NUMBER,
                                }
                            )
                        ),
                        "places": list_of(
                            object_with(
                                {"area_code": nullable(TEXT), "name": nullable(TEXT), "gained": NUMBER, "lost": NUMBER}
                            )
                        ),
                        "gaps": nullable(object_with({"features": list_of(ref("GeoJsonFeature")), "gaps": COUNT})),
                    }
                )
            ),
            "coordinate_system": COORDINATES,
            **STUDY_MEMBERS,
        }
    ),
    "SitesAnswer": object_with(
        {
            "objective": TEXT,
            "standard": TEXT,
            "unit": TEXT,
            "total": NUMBER,
            "covered": NUMBER,
            "share": nullable(NUMBER),
            "value": NUMBER,
            "bound": NUMBER,
            "value_unit": TEXT,
            "proven": FLAG,
            "gap": NUMBER,
            "value_before": NUMBER,
            "covered_before": NUMBER,
            "difference": object_with({"covered": NUMBER, "share": nullable(NUMBER)}),
            "beyond_horizon": nullable(object_with({"horizon": NUMBER, "before": NUMBER, "after": NUMBER})),
            "sites": object_with({"type": TEXT, "features": list_of(ref("GeoJsonFeature"))}),
            "curve": list_of(
                object_with(
                    {
                        "count": COUNT,
                        "covered": NUMBER,
                        "value": NUMBER,
                        "bound": NUMBER,
                        "proven": FLAG,
                        "planned": NUMBER,
                        "lost_by_order": NUMBER,
                    }
                )
            ),
            "areas": list_of({"type": "object"}),
            "places": list_of({"type": "object"}),
            "scenario": object_with({"changes": list_of({"type": "object"})}),
            "candidates": COUNT,
            "distinct_candidates": COUNT,
            "thinned_to_m": nullable(NUMBER),
            "seconds": NUMBER,
            "notes": list_of(TEXT),
            "coordinate_system": COORDINATES,
            **STUDY_MEMBERS,
        }
    ),
    "SiteSearch": object_with(
        {
            "id": TEXT,
            "state": {"type": "string", "enum": ["running", "done", "failed", "interrupted"]},
            "begun": TEXT,
            "seconds": NUMBER,
            "value": nullable(NUMBER),
            "bound": nullable(NUMBER),
            "gap": nullable(NUMBER),
            "request": {"type": "object"},
            "request_coordinates": COORDINATES,
            "problem": nullable(TEXT),
            "result": nullable(ref("SitesAnswer")),
            "coordinate_system": COORDINATES,
        }
    ),
    "Landing": object_with(
        {"title": TEXT, "description": TEXT, "links": LINKS, "coordinate_system": COORDINATES, **STUDY_MEMBERS}
    ),
    "Conformance": object_with({"conformsTo": list_of(TEXT), "links": LINKS, "coordinate_system": COORDINATES}),
    "Collection": object_with(COLLECTION_MEMBERS, {"coordinate_system": COORDINATES, **STUDY_MEMBERS}),
    "Collections": object_with(
        {
            "links": LINKS,
            "crs": list_of(TEXT),
            "collections": list_of(ref("Collection")),
            "coordinate_system": COORDINATES,
            **STUDY_MEMBERS,
        }
    ),
    "Schema": object_with(
        {"$schema": TEXT, "$id": TEXT, "type": TEXT, "title": TEXT, "properties": {"type": "object"}}
    ),
    "Standards": object_with(
        {
            "standards": list_of({"type": "object"}),
            "sample": FLAG,
            "coordinate_system": COORDINATES,
            "notice": nullable(TEXT),
            "attribution": nullable(TEXT),
        }
    ),
    "History": object_with({"id": TEXT, "changes": list_of({"type": "object"}), "coordinate_system": COORDINATES}),
    "Duplicates": object_with(
        {"duplicates": list_of({"type": "object"}), "numberMatched": COUNT, "coordinate_system": COORDINATES}
    ),
    "Report": {"type": "object"},
}
