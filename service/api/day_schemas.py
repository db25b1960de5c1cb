"""JSON schemas of the answers about changes between two days, progress and coverage by the hour."""

from service.api.schemas import (
    COORDINATES,
    COUNT,
    DAY,
    FLAG,
    NUMBER,
    STANDARD_CHANGES,
    STANDARD_MEMBERS,
    STUDY_MEMBERS,
    TEXT,
    Schema,
    list_of,
    nullable,
    object_with,
    ref,
)

OPENED_OR_CLOSED = object_with({"count": COUNT, "by_category": {"type": "object", "additionalProperties": COUNT}})
EDIT = object_with(
    {
        **dict.fromkeys(("facility_id", "action"), TEXT),
        "at": {"type": "string", "format": "date-time"},
        "name": nullable(TEXT),
        "version": COUNT,
        "fields": list_of(TEXT),
    },
    {"who": TEXT, "source": nullable(TEXT)},
)
PROGRESS = object_with(
    {
        **dict.fromkeys(("standard", "name", "name_en", "source", "measure", "category", "unit"), TEXT),
        **dict.fromkeys(("since", "until", "on"), DAY),
        **dict.fromkeys(("target", "before", "done", "total", "planned"), NUMBER),
        **dict.fromkeys(("share", "missing", "per_month", "needed_per_month"), nullable(NUMBER)),
        "met": nullable(FLAG),
        "met_on": nullable(DAY),
        "months": list_of(
            object_with({"day": DAY, "covered": NUMBER, "share": nullable(NUMBER), "added": NUMBER, "met": FLAG})
        ),
        "known": FLAG,
        "notes": list_of(TEXT),
    }
)
HOUR_SHARE = object_with(
    {
        "weekday": {"type": "string", "enum": ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"]},
        "hour": {"type": "integer", "minimum": 0, "maximum": 23},
        "covered": NUMBER,
        "share": nullable(NUMBER),
        "covered_at_most": NUMBER,
        "share_at_most": nullable(NUMBER),
        "open": COUNT,
        "unknown": COUNT,
    }
)

SCHEMAS: dict[str, Schema] = {
    "Changes": object_with(
        {
            "type": {"type": "string", "enum": ["FeatureCollection"]},
            "features": list_of(ref("GeoJsonFeature")),
            "from": DAY,
            "to": DAY,
            "opened": OPENED_OR_CLOSED,
            "closed": OPENED_OR_CLOSED,
            "edits": object_with(
                {
                    "count": COUNT,
                    "by_action": {"type": "object", "additionalProperties": COUNT},
                    "facilities": COUNT,
                    "history_begins": nullable({"type": "string", "format": "date-time"}),
                    "latest": list_of(EDIT),
                }
            ),
            "standards": STANDARD_CHANGES,
            "notes": list_of(TEXT),
            "coordinate_system": COORDINATES,
            **STUDY_MEMBERS,
        }
    ),
    "Progress": object_with(
        {"on": DAY, "standards": list_of(PROGRESS), "coordinate_system": COORDINATES, **STUDY_MEMBERS}
    ),
    "HourShare": HOUR_SHARE,
    "Hours": object_with(
        {
            **STANDARD_MEMBERS,
            "on": DAY,
            "week": DAY,
            "hours": {**list_of(ref("HourShare")), "minItems": 168, "maxItems": 168},
            "best": ref("HourShare"),
            "worst": ref("HourShare"),
            **dict.fromkeys(("once", "once_at_most", "always", "always_at_most"), NUMBER),
            **dict.fromkeys(("never", "never_at_least", "beyond"), NUMBER),
            "facilities": COUNT,
            "unknown_hours": {"type": "object", "additionalProperties": COUNT},
            "seasonal": COUNT,
            "notes": list_of(TEXT),
            "coordinate_system": COORDINATES,
            **STUDY_MEMBERS,
        }
    ),
}
