"""JSON schemas of the answers about saved scenarios, for the OpenAPI document."""

from service.api.schemas import (
    COORDINATES,
    COUNT,
    LINKS,
    STANDARD_CHANGES,
    STUDY_MEMBERS,
    TEXT,
    Schema,
    list_of,
    nullable,
    object_with,
)

SAVED_SCENARIO = {
    "id": TEXT,
    "name": nullable(TEXT),
    "saved": nullable({"type": "string", "format": "date-time"}),
    "changed_since": list_of(TEXT),
    "notes": list_of(TEXT),
}
"""See `service.answers.saved_scenarios.members`."""
ABOUT = {"coordinate_system": COORDINATES, **STUDY_MEMBERS}
PROBLEMS = list_of(object_with({"name": TEXT, "reason": TEXT}))

SCHEMAS: dict[str, Schema] = {
    "SavedScenarioMembers": object_with({**SAVED_SCENARIO, "coordinate_system": COORDINATES}),
    "SavedScenario": object_with(
        {**SAVED_SCENARIO, "document": {"type": "object"}, "problems": PROBLEMS, "standards": STANDARD_CHANGES, **ABOUT}
    ),
    "Scenarios": object_with(
        {
            "scenarios": list_of(object_with({**SAVED_SCENARIO, "changes": COUNT, "href": TEXT})),
            "numberMatched": COUNT,
            "numberReturned": COUNT,
            "links": LINKS,
            **ABOUT,
        }
    ),
    "ScenarioComparison": object_with(
        {
            "scenarios": list_of(object_with({**SAVED_SCENARIO, "problems": PROBLEMS})),
            "standards": list_of(object_with({"standard": TEXT, "results": list_of(nullable({"type": "object"}))})),
            **ABOUT,
        }
    ),
}
