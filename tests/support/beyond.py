"""What no JSON Schema can say: two checks of schemathesis, asked of all requests but those that are about it.

schemathesis reads this as its module of hooks, see fuzz.py.
"""

import schemathesis
from schemathesis import Case, CheckContext, Response
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

GRAMMARS = {"bbox", "datetime", "filter", "open_at", "sortby"}  # what their values must be no schema says


@schemathesis.check
def what_is_allowed_is_taken(ctx: CheckContext, response: Response, case: Case) -> bool | None:
    """positive_data_acceptance, where a schema says all: not of bodies, nor where values must fit each other."""
    query = case.query or {}
    beyond = (
        case.operation.body
        or GRAMMARS & set(query)
        or (query.get("coordinates") in ("gcj02", "bd09") and {"crs", "bbox-crs"} & set(query))
        # Around a place or a facility, one of them.
        or (
            case.operation.path.endswith("/isochrones")
            and {"lon", "lat", "facility"} & set(query) not in ({"lon", "lat"}, {"facility"})
        )
    )
    return None if beyond else positive_data_acceptance(ctx, response, case)


@schemathesis.check
def what_is_forbidden_is_refused(ctx: CheckContext, response: Response, case: Case) -> bool | None:
    """negative_data_rejection, but for a limit above the maximum, which OGC 17-069r4 says is clamped (7.15.3 B)."""
    limit = str((case.query or {}).get("limit", ""))
    most = [one.definition["schema"]["maximum"] for one in case.operation.query if one.name == "limit"]
    if most and limit.isdecimal() and int(limit) > most[0]:
        return None
    return negative_data_rejection(ctx, response, case)
