"""Standards (标准): goals, each saying which facilities, which people, how measured, what target, and who says so.

They are data, `standards.toml` in the study folder: another county changes that file and nothing else.
"""

import tomllib
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import geopandas as gpd
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)

from geo.choices import Mode
from geo.errors import StudyError
from geo.study import categories, texts

PeopleGroup: TypeAlias = Literal["all", "urban", "rural", "children_3_6", "elders_65"]
Words = Annotated[str, BeforeValidator(texts.clean)]
Share = Annotated[float, Field(gt=0, le=1)]


class _Base(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,60}$")]
    name: Words
    name_en: Words
    source: Words
    category: str
    subtypes: tuple[str, ...] = ()
    note: Words | None = None

    @field_validator("category")
    @classmethod
    def _known_category(cls, value: str) -> str:
        return categories.validate_id(value)

    @model_validator(mode="after")
    def _known_subtypes(self) -> "_Base":
        known = categories.category(self.category).subtypes
        unknown = [subtype for subtype in self.subtypes if subtype not in known]
        if unknown:
            raise ValueError(f"subtypes {unknown} are not among {list(known)} of {self.category}")
        return self


class _Shared(_Base):
    """Measured as a share. ``targets`` are all that are asked for; ``target`` is the one that decides."""

    target: Share | None = None
    targets: tuple[Share, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _highest_decides(cls, values: Any) -> Any:
        targets = values.get("targets") if isinstance(values, dict) else None
        if targets and values.get("target") is None and isinstance(targets, list | tuple):
            return {**values, "target": max(targets)}
        return values


class TravelTime(_Shared):
    """Share of people within ``minutes`` (≤) of the nearest facility, by ``mode``."""

    measure: Literal["travel_time"]
    people: PeopleGroup = "all"
    mode: Mode = "walk"
    minutes: Annotated[float, Field(gt=0, le=120)]
    alternatives: tuple[Mode, ...] = ()


class Radius(_Shared):
    """Share of people within ``metres`` (≤) of the nearest facility's point or polygon, in a straight line."""

    measure: Literal["radius"]
    people: PeopleGroup = "all"
    metres: Annotated[float, Field(gt=0, le=50_000)]


class Presence(_Shared):
    """Share of units, villages or towns, that have a facility."""

    measure: Literal["presence"]
    units: Literal["village", "town"]


class Opened(_Base):
    """How many facilities opened from ``since`` to ``until``, both inclusive; ``target`` is a count."""

    measure: Literal["opened"]
    since: date
    until: date
    target: Annotated[int, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _ordered(self) -> "Opened":
        if self.until < self.since:
            raise ValueError(f"until {self.until} is before since {self.since}")
        return self


Standard: TypeAlias = TravelTime | Radius | Presence | Opened
_LIST: TypeAdapter[list[Standard]] = TypeAdapter(list[Annotated[Standard, Field(discriminator="measure")]])


def read(path: Path) -> tuple[Standard, ...]:
    """The ``[[standard]]`` tables of a TOML file, in its order.

    Raises
    ------
    StudyError
        The file cannot be read or a standard in it is wrong; says which and what.
    """
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise StudyError(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise StudyError(f"{path}: is not TOML: {error}") from error
    rows = table.pop("standard", [])
    if table:
        raise StudyError(f"{path}: {next(iter(table))!r} is unknown there; each goal is a table headed [[standard]]")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise StudyError(f"{path}: each standard is a table headed [[standard]]")
    try:
        standards = _LIST.validate_python(rows)
    except ValidationError as error:
        problem = error.errors()[0]
        place, *field = problem["loc"]
        name = rows[place].get("id", f"number {int(place) + 1}") if isinstance(place, int) else place
        where = ".".join(str(part) for part in field[1:]) or "the table"
        reason = problem["msg"].removeprefix("Value error, ")
        raise StudyError(f"{path}: standard {name}: {where}: {reason}") from error
    ids = [standard.id for standard in standards]
    for twice in sorted({name for name in ids if ids.count(name) > 1}):
        raise StudyError(f"{path}: standard {twice} stands there twice")
    return tuple(standards)


def select(facilities: gpd.GeoDataFrame, standard: Standard) -> tuple[gpd.GeoDataFrame, list[str]]:
    """The facilities that count for ``standard``, and notes on how they were told apart.

    Where most facilities of the category have no subtype, subtypes are not known here: then all of the category count.
    Ask with all of the register, not with what stands today, so that a closure does not change the rule.
    """
    chosen = facilities[facilities["category"] == standard.category]
    if not standard.subtypes or chosen.empty:
        return chosen, []
    category = categories.category(standard.category)
    label = category.label_en.lower()
    unknown = int(chosen["subtype"].isna().sum())
    if 2 * unknown > len(chosen):
        return chosen, [f"类别细分不详，全部{category.label}计入 subtypes are not known here: every {label} counts"]
    notes = []
    if unknown:
        notes = [f"{unknown} 处{category.label}细分不详，不计入 {unknown} of unknown subtype do not count"]
    return chosen[chosen["subtype"].isin(standard.subtypes)], notes
