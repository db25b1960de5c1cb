"""Queries: the models that describe parameters, the types that read their values, and the route that checks them.

Every parameter that a model does not name is refused, as OGC API requires (17-069r4, 7.5.2).
"""

import inspect
import json
import math
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from datetime import date
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints
from urllib.parse import parse_qsl

from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.params import Query
from fastapi.routing import APIRoute
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, ValidationInfo
from pydantic.config import JsonDict, JsonValue
from starlette.convertors import PathConvertor, register_url_convertor

from geo.choices import Coordinates
from geo.features.data_types import DataType, parse_value
from geo.study import facilities
from geo.study.categories import Categories

MAX_PARAMETERS = 40


class KnownParametersOnly(BaseModel):
    """The base of all queries: a parameter that the model does not name is refused. By itself it allows none.

    `service.api.errors` makes a response with status 400 of the error.
    """

    model_config = ConfigDict(extra="forbid")


class CoordinatesQuery(KnownParametersOnly):
    """The parameter that every endpoint takes."""

    coordinates: Annotated[
        Coordinates, Field(description="coordinate system of all places in the question and in the answer")
    ] = "wgs84"


Format = Annotated[Literal["json", "html"] | None, Field(description="json or html; default: as Accept says")]
"""The parameter ``f``."""


def _json_text(data_type: DataType) -> BeforeValidator:
    """Read a value only as JSON writes it; pydantic would also take ``1_0``, ``yes`` and other scripts' digits."""
    return BeforeValidator(lambda value: parse_value(value, data_type) if isinstance(value, str) else value)


INTEGER_TEXT, NUMBER_TEXT = _json_text("integer"), _json_text("number")
BOOLEAN_TEXT, DATE_TEXT = _json_text("boolean"), _json_text("date")


OnDay = Annotated[
    date | None,
    Field(
        description="the day that the answer holds for, by the opening and closing dates of the register; today",
        examples=["2020-12-31"],
    ),
    DATE_TEXT,
]
"""The parameter ``on``; `geo.measures.days.check` refuses days that are too far away."""


class DayQuery(CoordinatesQuery):
    """The parameters of answers about any day."""

    on: OnDay = None


class MapQuery(KnownParametersOnly):
    """The parameters of a gap map."""

    on: OnDay = None


def limit_field(maximum: int) -> Any:
    """The field of a ``limit``. The endpoint must count a higher one as ``maximum`` (OGC 17-069r4, 7.15.3 B)."""
    return Field(
        ge=1,
        description=f"at most {maximum}; a higher limit counts as {maximum}",
        json_schema_extra={"maximum": maximum},
    )


def list_schema(items: JsonDict, **further: JsonValue) -> JsonDict:
    """The JSON schema of a parameter whose text is a list of ``items`` with commas between."""
    return {"type": "array", "items": items, "minItems": 1, **further}


def check_category(value: str | None, info: ValidationInfo) -> str | None:
    """``value``, if it is a category of the study or None; else ValueError.

    `QueryRoute` passes the study's categories as the context of its validation.
    """
    if value is not None and isinstance(info.context, Categories):
        info.context.check_id(value)
    return value


class QueryRoute(APIRoute):
    """A route that parses its query itself, if one model describes all parameters besides those in the path.

    FastAPI's own way through dependencies takes longer than most answers do (docs/performance.md). Whichever way, a
    parameter that occurs twice is refused, because the two values may contradict each other.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The function that answers requests."""
        handle, endpoint = super().get_route_handler(), self.endpoint
        model, is_only_input = _query_model(endpoint)
        path_names = list(self.param_convertors)
        is_coroutine = inspect.iscoroutinefunction(endpoint)
        if is_only_input and (self.dependencies or self.response_model or self.status_code not in (None, 200)):
            raise TypeError(
                f"{self.path} bypasses FastAPI, so it cannot have dependencies, a response model or a status"
            )

        async def handle_with_fastapi(request: Request) -> Response:
            parameters = query_parameters(request)
            if model is not None:  # FastAPI validates them again, without the study
                _validate(model, parameters, request)
            if "json" in request.headers.get("content-type", ""):
                _check_numbers(await request.body())
            return await handle(request)

        if model is None or not is_only_input:
            return handle_with_fastapi

        async def handle_directly(request: Request) -> Response:
            query = _validate(model, query_parameters(request), request)
            path_values = {name: request.path_params[name] for name in path_names}
            response: Response
            if is_coroutine:
                response = await endpoint(request=request, query=query, **path_values)
            else:
                response = await run_in_threadpool(endpoint, request=request, query=query, **path_values)
            return response

        return handle_directly


def _validate(model: type[BaseModel], parameters: dict[str, str], request: Request) -> BaseModel:
    """The query, which may name the study's categories; RequestValidationError if a parameter is wrong."""
    try:
        return model.model_validate(parameters, context=request.app.state.answers.study.categories)
    except ValidationError as error:
        raise RequestValidationError(
            [details | {"loc": ("query", *details["loc"])} for details in error.errors()]
        ) from error


def _query_model(endpoint: Callable[..., object]) -> tuple[type[BaseModel] | None, bool]:
    """The model of an endpoint's query, and whether it takes nothing else but ``request`` and texts of its path."""
    hints = get_type_hints(endpoint, include_extras=True)
    hints.pop("return", None)
    path_names = [name for name, hint in hints.items() if hint is str]
    request, query = hints.pop("request", None), hints.pop("query", None)
    annotated = get_args(query) if get_origin(query) is Annotated else ()
    has_query = any(isinstance(annotation, Query) for annotation in annotated)
    model = annotated[0] if has_query else None
    return model, request is Request and len(hints) == len(path_names) and has_query


def query_parameters(request: Request) -> dict[str, str]:
    """The query's parameters by name.

    Raises
    ------
    RequestValidationError
        A parameter occurs twice, or there are more than `MAX_PARAMETERS`.
    """
    pairs = parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
    parameters = dict(pairs)
    if len(parameters) == len(pairs) <= MAX_PARAMETERS:
        return parameters
    occurrences = Counter(name for name, _ in pairs)
    repeated = [name for name, count in occurrences.items() if count > 1]
    problems = [(name, "is given more than once") for name in repeated[:MAX_PARAMETERS]]
    if len(occurrences) > MAX_PARAMETERS:
        problems.append((next(reversed(occurrences)), f"is one of more than {MAX_PARAMETERS} parameters"))
    raise parameter_error(problems)


def parameter_error(problems: Sequence[tuple[str, str]]) -> RequestValidationError:
    """The error for query parameters that are wrong: a name and a reason for each."""
    return RequestValidationError(
        [{"loc": ("query", name), "type": "parameter", "msg": reason} for name, reason in problems]
    )


def _check_numbers(body: bytes) -> None:
    """RequestValidationError if a JSON body has NaN, Infinity or a number such as 1e999, which JSON does not allow."""

    def finite(text: str) -> float:
        if math.isfinite(number := float(text)):
            return number
        reason = f"{text[:40]} is no number that JSON allows; null stands for an unknown value"
        raise RequestValidationError([{"loc": ("body",), "type": "json_invalid", "msg": reason}])

    with suppress(ValueError, RecursionError):  # FastAPI reports what is no JSON at all
        json.loads(body, parse_float=finite, parse_constant=finite)


class FacilityIdConvertor(PathConvertor):
    """Matches a facility's id in a path. It may contain slashes, but not end like a path below it, as ``/history``."""

    regex = ".*" + "".join(f"(?<!{ending})" for ending in facilities.RESERVED_ENDINGS)


register_url_convertor("facility_id", FacilityIdConvertor())
