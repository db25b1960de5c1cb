"""What all routes share: their queries refuse what they do not know, their answers are ready bytes."""

from collections import Counter
from typing import Annotated, Any

import orjson
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field

from geo import facilities
from geo.datum import Coordinates
from service import problems
from service.answers import Answers

GEOJSON = "application/geo+json"
MOST_PARAMETERS = 20


def no_repeats(request: Request) -> None:
    """Refuse a parameter that is given twice, as nobody can say which is meant, and more than anybody needs."""
    names = Counter(name for name, _ in request.query_params.multi_items())
    twice = [name for name, times in names.items() if times > 1]
    problems = [(name, "is given more than once") for name in twice[:MOST_PARAMETERS]]
    if len(names) > MOST_PARAMETERS:
        problems.append((next(reversed(names)), f"is one of more than {MOST_PARAMETERS} parameters"))
    if problems:
        raise RequestValidationError(
            [{"loc": ("query", name), "type": "repeated", "msg": reason} for name, reason in problems]
        )


class NoQuery(BaseModel):
    """No parameters at all."""

    model_config = ConfigDict(extra="forbid")


class Common(NoQuery):
    """Parameters that every endpoint takes."""

    coordinates: Annotated[
        Coordinates, Field(description="coordinate system of all places in the question and in the answer")
    ] = "wgs84"


def known_category(value: str | None) -> str | None:
    return None if value is None else facilities.known_category(value)


def answers_of(request: Request) -> Answers:
    """What the application answers from."""
    answers: Answers = request.app.state.answers
    return answers


def json_response(
    content: Any, media_type: str = "application/json", status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """``content`` as JSON."""
    return Response(orjson.dumps(content), status, media_type=media_type, headers=headers)


def documented(
    description: str, model: Any = None, *statuses: int, status: int = 200
) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` of a route that answers ``status``, refuses bad parameters, and can fail with ``statuses``."""
    good: dict[str, Any] = {"description": description}
    if model is not None:
        good["model"] = model
    return {status: good} | problems.documented(400, *statuses)
