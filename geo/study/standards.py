"""Standards (标准): goals, each stating which facilities, which people, how it is measured, the target and its source.

Standards are data: `standards.toml` in the study folder. Another county changes that file and no code.

A new way to measure is a new class of the union `Standard`; CONTRIBUTING.md says what else needs a case for it.
"""

import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import geopandas as gpd
import numpy as np
import shapely
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.dataclasses import dataclass

from geo.arrays import Float64Array
from geo.choices import Mode
from geo.errors import StudyError
from geo.geodesy.distance import geodesic_area
from geo.study import texts
from geo.study.categories import BUILT_IN, Categories

PeopleGroup: TypeAlias = Literal["all", "urban", "rural", "children_3_6", "elders_65"]
Words = Annotated[str, BeforeValidator(texts.clean)]
Share = Annotated[float, Field(gt=0, le=1)]
Metres = Annotated[float, Field(gt=0, le=50_000)]
AREA_TOLERANCE = 1e-9
"""How far an outline may be smaller than a class, relative to it, and still belong to it: rounding."""


def _categories_of(info: ValidationInfo) -> Categories:
    """The categories that `read` passes to the models as their context."""
    return info.context if isinstance(info.context, Categories) else BUILT_IN


class _Goal(BaseModel):
    """What all standards state. `select` says which facilities count if ``subtypes`` are named."""

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
    def _category_exists(cls, value: str, info: ValidationInfo) -> str:
        return _categories_of(info).check_id(value)

    @model_validator(mode="after")
    def _subtypes_exist(self, info: ValidationInfo) -> "_Goal":
        known = _categories_of(info)[self.category].subtypes
        unknown = [subtype for subtype in self.subtypes if subtype not in known]
        if unknown:
            raise ValueError(f"subtypes {unknown} are not among {list(known)} of {self.category}")
        return self


class _ShareGoal(_Goal):
    """A goal measured as a share, with one or more target shares.

    ``targets`` lists all target shares. ``target`` decides whether the goal is met; by default it is the highest.
    """

    target: Share | None = None
    targets: tuple[Share, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _highest_target_decides(cls, values: object) -> object:
        targets = values.get("targets") if isinstance(values, dict) else None
        if targets and isinstance(targets, list | tuple) and isinstance(values, dict) and values.get("target") is None:
            return {**values, "target": max(targets)}
        return values


class _PeopleGoal(_ShareGoal):
    """A goal about people within a limit.

    For `geo.measures.capacity`: ``people_per_place`` is how many people one unit of capacity (a bed, a place) serves,
    and ``people_per_place_source`` who says so; ``catchment_weights`` are weights of zones of equal width up to the
    limit, the nearest first.
    """

    people: PeopleGroup = "all"
    people_per_place: Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)] | None = None
    people_per_place_source: Words | None = None
    catchment_weights: Annotated[tuple[Annotated[float, Field(ge=0.001, le=1)], ...], Field(max_length=12)] = ()

    @model_validator(mode="after")
    def _ratio_has_a_source(self) -> "_PeopleGoal":
        if (self.people_per_place is None) != (self.people_per_place_source is None):
            raise ValueError("people_per_place and people_per_place_source go together: state both, or neither")
        return self


class TravelTime(_PeopleGoal):
    """The share of people within ``minutes`` (≤) of the nearest facility, travelling by ``mode``."""

    measure: Literal["travel_time"]
    mode: Mode = "walk"
    minutes: Annotated[float, Field(gt=0, le=120)]
    alternatives: tuple[Mode, ...] = ()


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class RadiusClass:
    """The radius of facilities whose outline has at least ``least_m2`` square metres, and less than a larger class."""

    least_m2: Annotated[float, Field(gt=0, le=1e12)]
    metres: Metres


class Radius(_PeopleGoal):
    """The share of people within ``metres`` (≤) of the nearest facility's point or polygon, in a straight line.

    With ``radius_by_area``, the largest class first, a facility has the radius of its class. Facilities smaller than
    all classes do not count. Those of unknown size, which are points, have the radius ``metres``.
    """

    measure: Literal["radius"]
    metres: Metres
    radius_by_area: tuple[RadiusClass, ...] = ()

    @field_validator("radius_by_area")
    @classmethod
    def _largest_class_first(cls, classes: tuple[RadiusClass, ...], info: ValidationInfo) -> tuple[RadiusClass, ...]:
        if not classes:
            return classes
        if len({each.least_m2 for each in classes}) < len(classes):
            raise ValueError("two classes have the same least_m2")
        category = info.data.get("category")
        if category is not None and not _categories_of(info)[category].keeps_outline:
            raise ValueError(f"facilities of {category} are points without a size; only metres can be set")
        return tuple(sorted(classes, key=lambda each: -each.least_m2))

    def radii(self, facilities: gpd.GeoDataFrame) -> Float64Array:
        """The radius of each facility in metres, shape (facilities,); NaN for those too small to count."""
        radii = np.full(len(facilities), self.metres)
        if not self.radius_by_area:
            return radii
        shapes = facilities.geometry.to_numpy()
        has_size = shapely.get_dimensions(shapes) == 2
        square_metres = np.array([geodesic_area(shape) for shape in shapes[has_size]])
        radii[has_size] = np.nan
        for each in reversed(self.radius_by_area):
            is_large = square_metres >= each.least_m2 * (1.0 - AREA_TOLERANCE)
            radii[np.flatnonzero(has_size)[is_large]] = each.metres
        return radii


class Presence(_ShareGoal):
    """The share of units (villages or towns) that have a facility."""

    measure: Literal["presence"]
    units: Literal["village", "town"]


class Opened(_Goal):
    """The number of facilities that opened from ``since`` to ``until``, both inclusive; ``target`` is a number too."""

    measure: Literal["opened"]
    since: date
    until: date
    target: Annotated[int, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _until_after_since(self) -> "Opened":
        if self.until < self.since:
            raise ValueError(f"until {self.until} is before since {self.since}")
        return self


Standard: TypeAlias = TravelTime | Radius | Presence | Opened
_STANDARDS: TypeAdapter[list[Standard]] = TypeAdapter(list[Annotated[Standard, Field(discriminator="measure")]])


def read(path: Path, categories: Categories = BUILT_IN) -> tuple[Standard, ...]:
    """Read the ``[[standard]]`` tables of a TOML file, in the file's order; they may name ``categories``.

    Raises
    ------
    StudyError
        The file cannot be read or a standard in it is wrong; the message names the standard and the field.
    """
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise StudyError(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise StudyError(f"{path}: is not TOML: {error}") from error
    tables = content.pop("standard", [])
    if content:
        raise StudyError(
            f"{path}: {next(iter(content))!r} is an unknown key; each standard is a table headed [[standard]]"
        )
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise StudyError(f"{path}: each standard is a table headed [[standard]]")
    try:
        standards = _STANDARDS.validate_python(tables, context=categories)
    except ValidationError as error:
        raise StudyError(f"{path}: {_explain(error, tables)}") from error
    ids = [standard.id for standard in standards]
    for repeated in sorted({name for name in ids if ids.count(name) > 1}):
        raise StudyError(f"{path}: standard {repeated} is there twice")
    return tuple(standards)


def _explain(error: ValidationError, tables: Sequence[dict[str, object]]) -> str:
    """Turn pydantic's first error into “standard ID: field: reason”."""
    problem = error.errors()[0]
    # The location is (number of the table, measure, field, …).
    number, *field = problem["loc"]
    name = tables[number].get("id", f"number {number + 1}") if isinstance(number, int) else number
    where = ".".join(str(part) for part in field[1:]) or "the table"
    return f"standard {name}: {where}: {problem['msg'].removeprefix('Value error, ')}"


def select(
    facilities: gpd.GeoDataFrame, standard: Standard, categories: Categories = BUILT_IN
) -> tuple[gpd.GeoDataFrame, list[str]]:
    """Return the facilities that count for ``standard``, and notes on facilities whose subtype is unknown.

    A standard that names subtypes counts only these as soon as there is one facility of any of them, open or closed.
    Until then all facilities of the category count. ``facilities`` must be the whole register rather than those of one
    day, so that a closure does not change this rule.
    """
    of_category = facilities[facilities["category"] == standard.category]
    counts = Counter(name if isinstance(name, str) else None for name in of_category["subtype"])
    only_subtypes, notes = subtypes_that_count(counts, standard, categories)
    return of_category[of_category["subtype"].isin(standard.subtypes)] if only_subtypes else of_category, notes


def subtypes_that_count(
    facilities: Mapping[str | None, int], standard: Standard, categories: Categories = BUILT_IN
) -> tuple[bool, list[str]]:
    """Whether only the subtypes that ``standard`` names count, and the notes of `select`.

    ``facilities`` is how many of the standard's category each subtype has, open or closed; None: of unknown subtype.
    """
    if not standard.subtypes or not any(facilities.values()):
        return False, []
    category = categories[standard.category]
    zh, en = (
        separator.join(names)
        for separator, names in zip(
            ("、", ", "), zip(*(category.subtypes[name] for name in standard.subtypes), strict=True), strict=True
        )
    )
    if not any(facilities.get(name) for name in standard.subtypes):
        return False, [
            f"没有{zh}的资料，全部{category.label}计入 no facility is known to be one of: {en}; "
            f"every {category.label_en.lower()} counts"
        ]
    unknown = facilities.get(None, 0)
    if not unknown:
        return True, []
    return True, [f"{unknown} 处{category.label}细分不详，不计入 {unknown} of unknown subtype do not count"]
