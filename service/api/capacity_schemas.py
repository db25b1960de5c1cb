"""The JSON schema of the answer about capacity, for the OpenAPI document."""

from service.api.schemas import (
    COORDINATES,
    COUNT,
    NUMBER,
    STUDY_MEMBERS,
    TEXT,
    Schema,
    list_of,
    nullable,
    object_with,
    ref,
)

CAPACITY_NUMBERS = {
    "accessibility": nullable(NUMBER),
    **{name: nullable(NUMBER) for name in ("served", "served_nearest_first", "full", "capacity_unknown")},
    "out_of_reach": NUMBER,
}
"""How the people of an area, or of the study, are served; see `geo.measures.capacity`."""

SCHEMAS: dict[str, Schema] = {
    "Capacity": object_with(
        {
            "standard": TEXT,
            "total": NUMBER,
            "covered": NUMBER,
            **CAPACITY_NUMBERS,
            "people_per_place": nullable(NUMBER),
            "people_per_place_source": nullable(TEXT),
            "weights": list_of(NUMBER),
            "zones": list_of(NUMBER),
            "zone_unit": {"type": "string", "enum": ["minutes", "metres"]},
            "assume": {"type": "string", "enum": ["none", "median"]},
            "capacity": NUMBER,
            "stated": COUNT,
            "assumed": COUNT,
            "unstated": COUNT,
            "areas": list_of(object_with({"code": TEXT, "name": TEXT, "total": NUMBER, **CAPACITY_NUMBERS})),
            "facilities": object_with({"type": TEXT, "features": list_of(ref("GeoJsonFeature"))}),
            "without_stated_capacity": list_of(object_with({"id": TEXT, "name": nullable(TEXT)})),
            "notes": list_of(TEXT),
            "coordinate_system": COORDINATES,
            **STUDY_MEMBERS,
        }
    ),
}
