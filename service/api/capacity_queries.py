"""The query of `/v1/capacity`."""

from typing import Annotated

from pydantic import Field, field_validator

from geo.measures.capacity import LEAST_WEIGHT, MAX_ZONES, Assumption, parse_weights
from service.api.queries import INTEGER_TEXT, CoordinatesQuery, limit_field, list_schema

MAX_FACILITIES = 10_000


class CapacityQuery(CoordinatesQuery):
    """What counts as capacity, how distance weighs, and how many facilities the answer has."""

    assume: Annotated[
        Assumption,
        Field(description="what counts where a facility states no capacity: nothing, or the median of its subtype"),
    ] = "none"
    weights: Annotated[
        str | None,
        Field(
            description="weights of zones of equal width up to the limit, the nearest first; default: those of the "
            "standard, else 1,0.68,0.22",
            examples=["1,0.42,0.09"],
            json_schema_extra=list_schema(
                {"type": "number", "minimum": LEAST_WEIGHT, "maximum": 1}, maxItems=MAX_ZONES
            ),
        ),
    ] = None
    limit: Annotated[int, limit_field(MAX_FACILITIES), INTEGER_TEXT] = 1000

    @field_validator("weights")
    @classmethod
    def _check_weights(cls, value: str | None) -> str | None:
        if value is not None:
            parse_weights(value)
        return value

    @property
    def catchment_weights(self) -> tuple[float, ...] | None:
        """The weights; None: those of the standard."""
        return None if self.weights is None else parse_weights(self.weights)
