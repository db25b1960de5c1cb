"""The document of a scenario: which facilities are added, moved, closed or changed. docs/planning.md describes it."""

from pathlib import Path
from typing import Annotated, Literal

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from geo.choices import MODES, Mode
from geo.errors import InputError
from geo.study import texts

MAX_CHANGES = 50
MAX_STANDARDS = 50
Degrees = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False, strict=True)]
Kph = Annotated[float, Field(ge=0.1, le=200, allow_inf_nan=False, strict=True)]
LegalShare = Annotated[float, Field(ge=0.01, le=1, allow_inf_nan=False, strict=True)]
Text = Annotated[Annotated[str, Field(max_length=300)] | None, BeforeValidator(texts.clean)]
Identifier = Annotated[str, BeforeValidator(texts.clean), Field(min_length=1, max_length=200)]


class Change(BaseModel):
    """One change. `ALLOWED` says which members an action takes; a member that is null becomes unknown."""

    model_config = ConfigDict(extra="forbid")

    action: Literal["add", "move", "close", "change"]
    id: Annotated[Identifier | None, Field(description="of the facility; of an added one: default scenario-N")] = None
    category: Annotated[str | None, Field(max_length=100, description="of an added facility")] = None
    subtype: Text = None
    name: Text = None
    lon: Degrees | None = None
    lat: Degrees | None = None
    capacity: Annotated[int, Field(ge=0, lt=2**31, strict=True)] | None = None
    opening_hours: Text = None


ATTRIBUTES = ("subtype", "name", "capacity", "opening_hours")
ALLOWED = {
    "add": ("id", "category", "lon", "lat", *ATTRIBUTES),
    "move": ("id", "lon", "lat"),
    "close": ("id",),
    "change": ("id", *ATTRIBUTES),
}
REQUIRED = {"add": ("category", "lon", "lat"), "move": ("id", "lon", "lat"), "close": ("id",), "change": ("id",)}


class ScenarioSpeeds(BaseModel):
    """Speeds other than the study's, before and after alike; a mode that is absent or null goes at its usual speed."""

    model_config = ConfigDict(extra="forbid")

    walk: Annotated[Kph | None, Field(description="km/h")] = None
    cycle: Annotated[Kph | None, Field(description="km/h of an e-bike")] = None
    drive: Annotated[LegalShare | None, Field(description="a car drives at the legal speed times this")] = None

    @property
    def paces(self) -> dict[Mode, float]:
        """The speeds that are given, as `geo.study.settings.Speeds.pace` means them."""
        return {mode: pace for mode in MODES if (pace := getattr(self, mode)) is not None}


class Scenario(BaseModel):
    """The document of a scenario. Without ``standards`` those count whose category a change touches."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "name": "new kindergarten",
                "changes": [{"action": "add", "category": "kindergarten", "lon": 120.0475, "lat": 28.889}],
            }
        },
    )

    name: Text = None
    changes: Annotated[list[Change], Field(min_length=1, max_length=MAX_CHANGES)]
    standards: Annotated[list[str] | None, Field(min_length=1, max_length=MAX_STANDARDS)] = None
    speeds: ScenarioSpeeds | None = None


def read(path: Path) -> Scenario:
    """Read the document of a scenario from a JSON file.

    Raises
    ------
    InputError
        The file cannot be read, is no JSON, or is no such document; the message names the member.
    """
    try:
        return Scenario.model_validate(orjson.loads(path.read_bytes()))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except orjson.JSONDecodeError as error:
        raise InputError(f"{path}: is not JSON: {error}") from error
    except ValidationError as error:
        problems = [
            f"{'.'.join(map(str, problem['loc'])) or 'the document'}: {problem['msg'].removeprefix('Value error, ')}"
            for problem in error.errors()[:5]
        ]
        raise InputError(f"{path}: {'; '.join(problems)}") from error
