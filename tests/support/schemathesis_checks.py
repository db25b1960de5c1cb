"""Two checks of schemathesis, narrowed to requests whose validity a JSON schema can express.

schemathesis loads this as its module of hooks, see fuzz.py.
"""

import schemathesis
from schemathesis import Case, CheckContext, Response
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

GRAMMARS = {"bbox", "datetime", "filter", "from", "on", "open_at", "sortby", "to"}
"""Parameters whose values have a grammar, or bounds that depend on the day, which no schema expresses."""


@schemathesis.check
def allowed_data_is_accepted(ctx: CheckContext, response: Response, case: Case) -> bool | None:
    """positive_data_acceptance, but not for bodies, nor where the values of two parameters must fit each other."""
    query = case.query or {}
    inexpressible = (
        case.operation.body
        or GRAMMARS & set(query)
        or (query.get("coordinates") in ("gcj02", "bd09") and {"crs", "bbox-crs"} & set(query))
        # A place or a facility is needed, and not both.
        or (
            case.operation.path.endswith("/isochrones")
            and {"lon", "lat", "facility"} & set(query) not in ({"lon", "lat"}, {"facility"})
        )
    )
    return None if inexpressible else positive_data_acceptance(ctx, response, case)


@schemathesis.check
def forbidden_data_is_refused(ctx: CheckContext, response: Response, case: Case) -> bool | None:
    """negative_data_rejection, except for a limit above the maximum, which OGC 17-069r4 (7.15.3 B) allows."""
    limit = str((case.query or {}).get("limit", ""))
    maxima = [
        parameter.definition["schema"]["maximum"] for parameter in case.operation.query if parameter.name == "limit"
    ]
    if maxima and limit.isdecimal() and int(limit) > maxima[0]:
        return None
    return negative_data_rejection(ctx, response, case)
