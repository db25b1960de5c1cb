"""JSON schemas of the answers about how far people are and how sure results are, for the OpenAPI document."""

from service.api.schemas import (
    COORDINATES,
    FLAG,
    NUMBER,
    STANDARD_MEMBERS,
    STUDY_MEMBERS,
    TEXT,
    Schema,
    list_of,
    nullable,
    object_with,
)

SPREAD = {
    **dict.fromkeys(("people", "out_of_reach", "reached", "covered"), NUMBER),
    **dict.fromkeys(("share", "mean", "gini", "palma"), nullable(NUMBER)),
    "percentiles": {"type": "object", "additionalProperties": nullable(NUMBER), "example": {"50": 16.974}},
    "within": list_of(NUMBER),
}
TALLY = object_with({"total": NUMBER, "covered": NUMBER, "share": nullable(NUMBER)})
RANGE = object_with({"lowest": TALLY, "highest": TALLY})

SCHEMAS: dict[str, Schema] = {
    "Distribution": object_with(
        {
            **STANDARD_MEMBERS,
            "value_unit": nullable({"type": "string", "enum": ["minutes", "metres"]}),
            "limit": nullable(NUMBER),
            "steps": {**list_of(NUMBER), "example": [0, 1, 2, 3]},
            "groups": list_of(object_with({"group": TEXT, "name": TEXT, "name_en": TEXT, **SPREAD})),
            "areas": list_of(object_with({"code": TEXT, "name": TEXT, **SPREAD})),
            "unreachable": list_of(object_with({"reason": TEXT, "count": NUMBER})),
            "notes": list_of(TEXT),
            "coordinate_system": COORDINATES,
            **STUDY_MEMBERS,
        }
    ),
    "Sensitivity": object_with(
        {
            **STANDARD_MEMBERS,
            "variants": list_of(
                object_with(
                    {
                        "id": {**TEXT, "example": "walk-slower"},
                        **dict.fromkeys(("name", "name_en", "method"), TEXT),
                        "mode": nullable(TEXT),
                        **dict.fromkeys(("speed_kph", "speed_factor", "share"), nullable(NUMBER)),
                        "covered": NUMBER,
                        "is_headline": FLAG,
                    }
                )
            ),
            "doubts": list_of(
                object_with(
                    {
                        "id": {**TEXT, "example": "subtype"},
                        "name": TEXT,
                        "name_en": TEXT,
                        "count": NUMBER,
                        "unit": {"type": "string", "enum": ["people", "facilities"]},
                        "of_standard": FLAG,
                        "lowest": nullable(TALLY),
                        "highest": nullable(TALLY),
                    }
                )
            ),
            "together": RANGE,
            "strict": RANGE,
            "notes": list_of(TEXT),
            "coordinate_system": COORDINATES,
            **STUDY_MEMBERS,
        }
    ),
}
