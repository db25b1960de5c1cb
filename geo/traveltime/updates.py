"""Updates the nearest facility of every demand point after facilities were added, moved or closed.

Only what changed is searched. A point whose nearest facility still stands keeps it; a point that lost it looks among
the others that still stand; and every point compares the result with the nearest of the facilities that are new.
"""

from collections.abc import Callable
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.arrays import Float64Array, GeometryArray, Int64Array

Nearest = tuple[Float64Array, Int64Array]
"""Seconds or metres to the nearest facility, infinity where there is none, and its row, −1 where there is none."""

_PROJECTION_ERROR = 0.05
"""More than a projection's metres may differ from geodesic ones in a study, relatively, in both directions together."""


@dataclass(frozen=True)
class FacilityChanges:
    """How one frame of facilities became another.

    Attributes
    ----------
    new_row : shape (old facilities,), the row in the new frame of each that is there unmoved, else −1
    added : rows of the new frame that are not in the old one, or elsewhere there
    """

    new_row: Int64Array
    added: Int64Array

    @classmethod
    def between(cls, old: gpd.GeoDataFrame, new: gpd.GeoDataFrame) -> "FacilityChanges":
        """The changes from ``old`` to ``new``; only ids and shapes are compared."""
        old_keys, new_keys = _keys(old), _keys(new)
        return cls(
            np.asarray(new_keys.get_indexer(old_keys), dtype=np.int64),
            np.flatnonzero(~new_keys.isin(old_keys)).astype(np.int64),
        )

    def perhaps_nearer(
        self, metres: Float64Array, added: GeometryArray, x: Float64Array, y: Float64Array
    ) -> Int64Array:
        """Rows of points, projected ``x`` and ``y``, that may be nearer to one of the projected geometries ``added``.

        ``metres`` are those to the facilities that stand. Where one of these is gone, or not all of ``added`` are
        points, all rows are returned.
        """
        if (self.new_row < 0).any() or (shapely.get_type_id(added) != shapely.GeometryType.POINT).any():
            return np.arange(len(metres))
        bound, is_near = metres * (1.0 + _PROJECTION_ERROR) + 1.0, np.zeros(len(metres), dtype=bool)
        for added_x, added_y in shapely.get_coordinates(added):
            is_near |= np.hypot(x - added_x, y - added_y) <= bound
        return np.flatnonzero(is_near)

    def update(
        self,
        before: Nearest,
        among_kept: Callable[[Int64Array], Nearest],
        among_added: Callable[[], Nearest],
    ) -> Nearest:
        """The nearest facility of every point in the new frame.

        Parameters
        ----------
        before : of every point in the old frame, shape (points,)
        among_kept : takes rows of points; their nearest among the facilities with a ``new_row``, as rows of the old
            frame
        among_added : the nearest of every point among ``added``, numbered from 0
        """
        values, old_row = before[0].copy(), before[1].copy()
        has_lost = np.flatnonzero((old_row >= 0) & (np.append(self.new_row, -1)[old_row] < 0))
        if len(has_lost):
            values[has_lost], old_row[has_lost] = np.inf, -1
            if (self.new_row >= 0).any():
                values[has_lost], old_row[has_lost] = among_kept(has_lost)
        row = np.append(self.new_row, -1)[old_row]
        if len(self.added):
            added_values, added_row = among_added()
            is_nearer = added_values < values
            values[is_nearer], row[is_nearer] = added_values[is_nearer], self.added[added_row[is_nearer]]
        return values, row


def _keys(facilities: gpd.GeoDataFrame) -> pd.MultiIndex:
    shapes = shapely.to_wkb(facilities.geometry.to_numpy())
    return pd.MultiIndex.from_arrays([facilities.index.astype(str), pd.Index(shapes, dtype=object)])
