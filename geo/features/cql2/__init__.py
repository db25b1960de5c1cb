"""Filters in CQL2 text (OGC 21-065r2), evaluated over all rows of a frame at once.

`parse` works in three steps, a module each: `limits` bounds the text, the library ``cql2`` parses it into the
standard's JSON encoding, and `reader` makes an expression of that. `expressions` and `operators` hold what the reader
makes expressions of. All errors of a filter are found by `parse`; `Filter.mask` raises none.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import cql2
import geopandas as gpd
import numpy as np

from geo.arrays import BoolArray
from geo.features.cql2.errors import filter_error
from geo.features.cql2.expressions import Expression
from geo.features.cql2.limits import limit_text
from geo.features.cql2.reader import ToWgs84, read_condition
from geo.features.data_types import DataType


@dataclass(frozen=True)
class Filter:
    """A parsed filter, for any frame that has the properties with which it was parsed."""

    condition: Expression

    def mask(self, frame: gpd.GeoDataFrame) -> BoolArray:
        """Whether the filter is true of each row, shape (rows,); False where it is false or unknown."""
        with np.errstate(all="ignore"):
            mask: BoolArray = self.condition.evaluate(frame).to_numpy(dtype=bool, na_value=False)
        return mask


def parse(text: str, data_types: Mapping[str, DataType], to_wgs84: ToWgs84 | None = None) -> Filter:
    """Parse a filter in CQL2 text.

    Parameters
    ----------
    data_types : the properties that the filter may use; the one of type geometry is a frame's geometry, whatever its
        name
    to_wgs84 : converts the filter's geometries (shapely) to WGS84, longitude first; None where they are that already

    Raises
    ------
    FieldError
        The text is no CQL2, is too long or nested too deep, uses unknown properties or operators, or compares values
        that cannot be compared.
    """
    limited = limit_text(text)
    try:
        tree = cql2.parse_text(limited).to_json()
    except Exception as error:  # the library raises three types of its own, one of them Exception itself
        position = re.match(r"\s*--> (\d+):(\d+)", str(error))
        where = f": line {position[1]}, character {position[2]} is not understood" if position else ""
        raise filter_error(f"is no CQL2 text{where}") from None
    return Filter(read_condition(tree, data_types, to_wgs84))
