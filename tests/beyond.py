"""What no JSON Schema can say: two checks of schemathesis, asked of all requests but those that are about it.

schemathesis reads this as its module of hooks, see fuzz.py.
"""

import schemathesis
from schemathesis import Case, CheckContext, Response
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

# Parameters whose values have a grammar, or fit together, in ways that no JSON Schema says; by the end of their paths.
BEYOND = {
    "/items": {"bbox", "datetime", "filter", "sortby"},
    "/isochrones": {"minutes", "lon", "lat", "facility"},  # either a place or a facility
}
MOST_LIMIT = 10_000


@schemathesis.check
def what_is_allowed_is_taken(ctx: CheckContext, response: Response, case: Case) -> bool | None:
    """positive_data_acceptance, where a schema says all there is to say: not of bodies, and not of `BEYOND`."""
    beyond = set().union(*(names for end, names in BEYOND.items() if case.operation.path.endswith(end)))
    if beyond & set(case.query or {}) or case.operation.body:
        return None
    return positive_data_acceptance(ctx, response, case)


@schemathesis.check
def what_is_forbidden_is_refused(ctx: CheckContext, response: Response, case: Case) -> bool | None:
    """negative_data_rejection, but for a limit above the maximum, which OGC 17-069r4 says is clamped (7.15.3 B)."""
    limit = str((case.query or {}).get("limit", ""))
    if limit.isdecimal() and int(limit) > MOST_LIMIT:
        return None
    return negative_data_rejection(ctx, response, case)
