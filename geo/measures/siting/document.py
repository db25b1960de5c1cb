"""The document of a siting question: which standard, how many sites and where. docs/planning.md says more."""

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from geo.study import texts

MAX_CANDIDATES = 5_000
MAX_COUNT = 500
MAX_FIXED = 500
MAX_WEIGHT = 1_000.0
MAX_COST = 1e12
MAX_SECONDS = 3_600.0
MAX_VERTICES = 20_000
"""The most vertices that all forbidden polygons have together."""

Objective: TypeAlias = Literal["most_people", "fewest_sites", "least_time"]
Degrees = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False, strict=True)]
Text = Annotated[Annotated[str, Field(max_length=300)] | None, BeforeValidator(texts.clean)]
Identifier = Annotated[str, BeforeValidator(texts.clean), Field(min_length=1, max_length=200)]
Cost = Annotated[float, Field(ge=0, le=MAX_COST, allow_inf_nan=False, strict=True)]
Weight = Annotated[float, Field(ge=0, le=MAX_WEIGHT, allow_inf_nan=False, strict=True)]


class SitePlace(BaseModel):
    """A place where a site may be: a position, or an existing facility that would be enlarged so that it counts."""

    model_config = ConfigDict(extra="forbid")

    lon: Degrees | None = None
    lat: Degrees | None = None
    facility: Annotated[Identifier | None, Field(description="id of an existing facility, instead of lon and lat")] = (
        None
    )
    name: Text = None

    @model_validator(mode="after")
    def _check_is_one_place(self) -> "SitePlace":
        has_position = self.lon is not None or self.lat is not None
        if has_position == (self.facility is not None):
            raise ValueError("needs lon and lat, or a facility")
        if has_position and (self.lon is None or self.lat is None):
            raise ValueError("needs both lon and lat")
        return self


class Weights(BaseModel):
    """How much one child and one elder count; everybody else counts 1."""

    model_config = ConfigDict(extra="forbid")

    children_3_6: Weight = 1.0
    elders_65: Weight = 1.0


class SitesRequest(BaseModel):
    """Where new facilities should be built for one standard."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"standard": "health-15", "objective": "most_people", "count": 3}},
    )

    standard: Annotated[str, Field(max_length=100, description="id of a standard of travel time or radius")]
    objective: Annotated[
        Objective, Field(description="most people inside; fewest sites for a share; least travel time")
    ] = "most_people"
    count: Annotated[
        int | None, Field(ge=1, le=MAX_COUNT, strict=True, description="how many sites at most, fixed ones included")
    ] = None
    share: Annotated[
        float | None,
        Field(gt=0, le=1, allow_inf_nan=False, strict=True, description="of fewest_sites: the share to be inside"),
    ] = None
    candidates: Annotated[
        list[SitePlace] | None,
        Field(min_length=1, max_length=MAX_CANDIDATES, description="where a site may be; default: street junctions"),
    ] = None
    fixed: Annotated[
        list[SitePlace] | None,
        Field(max_length=MAX_FIXED, description="places that are decided: every choice has them"),
    ] = None
    forbidden: Annotated[
        dict[str, Any] | list[Any] | None,
        Field(description="GeoJSON polygons where no site may be: a geometry, feature or collection, or a list"),
    ] = None
    costs: Annotated[
        list[Cost] | None,
        Field(max_length=MAX_CANDIDATES, description="what each of the candidates costs, in their order"),
    ] = None
    budget: Annotated[
        Cost | None, Field(description="what the sites may cost together; needs costs, and candidates")
    ] = None
    weights: Weights | None = None
    seconds: Annotated[
        float | None,
        Field(gt=0, le=MAX_SECONDS, allow_inf_nan=False, strict=True, description="how long to search at most"),
    ] = None

    @model_validator(mode="after")
    def _check_members_fit(self) -> "SitesRequest":
        if self.objective == "fewest_sites":
            if self.count is not None:
                raise ValueError("count: fewest_sites finds the count; give share, or another objective")
            if self.budget is not None:
                raise ValueError("budget: fewest_sites finds the least cost; give share, or another objective")
        elif self.share is not None:
            raise ValueError(f"share: {self.objective} takes a count; only fewest_sites takes a share")
        elif self.count is None and self.budget is None:
            raise ValueError(f"count: {self.objective} needs a count of sites, such as 5, or a budget")
        if self.costs is not None and (self.candidates is None or len(self.costs) != len(self.candidates)):
            raise ValueError("costs: needs one cost for each of the candidates, in their order")
        if self.budget is not None and self.costs is None:
            raise ValueError("budget: needs costs of the candidates; without costs, give a count")
        return self
