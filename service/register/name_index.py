"""Finds facilities of the register by category and name near a place, in a time that hardly grows with their number."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

import numpy as np
import shapely
from scipy.spatial import KDTree
from shapely.geometry.base import BaseGeometry

from geo.geodesy import distance
from geo.lists.reader import ListRow
from geo.study.texts import name_key
from service.register.history import FacilityRow

SAME_PLACE_M = 1.0
"""A facility that was moved by no more than this has not moved."""
SAME_NAME_M = 500.0
"""A row without an id stands for the facility of its name that is no farther away than this."""
MAX_NEIGHBOURS = 8
"""How many facilities of one name near a row are compared with it."""

CategoryAndName: TypeAlias = tuple[str, str]


class NameIndex:
    """Finds facilities by category and name. Those without a name are found by rows without one."""

    def __init__(self, rows: Iterable[FacilityRow], geometries: Mapping[str, BaseGeometry]) -> None:
        self._geometries = geometries
        self._rows: dict[CategoryAndName, list[FacilityRow]] = defaultdict(list)
        for row in rows:
            self._rows[row["category"], name_key(row["name"] or "")].append(row)
        self._places: dict[CategoryAndName, _Places] = {}

    def same_name(self, row: ListRow) -> list[FacilityRow]:
        """The facilities with the category and name of a row, wherever they are."""
        return self._rows.get(category_and_name(row), [])

    def nearby(self, row: ListRow) -> list[tuple[float, str]]:
        """The nearest facilities with a row's category and name that it may stand for: (metres, id), nearest first."""
        key = category_and_name(row)
        if row.geometry is None or key not in self._rows:
            return []
        limit = SAME_NAME_M if key[1] else SAME_PLACE_M
        return [(metres, facility_id) for metres, facility_id in self._nearest(key, row.geometry) if metres <= limit]

    def nearest(self, row: ListRow) -> tuple[float, str] | None:
        """About the nearest facility of a row's category and name, however far: (metres, id); None if there is none."""
        key = category_and_name(row)
        if row.geometry is None or key not in self._rows:
            return None
        return min(self._nearest(key, row.geometry), default=None)

    def _nearest(self, key: CategoryAndName, geometry: BaseGeometry) -> list[tuple[float, str]]:
        if key not in self._places:
            ids = [row["id"] for row in self._rows[key]]
            self._places[key] = _Places(ids, [self._geometries[facility_id] for facility_id in ids])
        ids = self._places[key].near(geometry)
        metres = [distance.separation(geometry, self._geometries[facility_id]) for facility_id in ids]
        return sorted(zip(metres, ids, strict=True))[:MAX_NEIGHBOURS]


class _Places:
    """The places of facilities of one name.

    Thousands may have one name, such as 卫生室, or lie at one place. So a tree is searched, and of those that lie at
    exactly one place only `MAX_NEIGHBOURS` are kept.
    """

    def __init__(self, ids: Sequence[str], geometries: Sequence[BaseGeometry]) -> None:
        ids_by_place: dict[bytes, list[str]] = defaultdict(list)
        for facility_id, wkb in zip(ids, shapely.to_wkb(np.array(geometries, dtype=object)), strict=True):
            if len(ids_by_place[wkb]) < MAX_NEIGHBOURS:
                ids_by_place[wkb].append(facility_id)
        self._ids = list(ids_by_place.values())
        shapes = shapely.from_wkb(list(ids_by_place))
        self._outlines = np.flatnonzero(shapely.get_type_id(shapes) != 0)
        self._outline_tree = shapely.STRtree(shapes[self._outlines])
        centres = shapely.get_coordinates(shapely.centroid(shapes))
        self._scale = np.array(distance.metres_per_degree(centres[:, 1].mean())).reshape(2)
        self._tree = KDTree(centres * self._scale)

    def near(self, geometry: BaseGeometry) -> list[str]:
        """The ids of the facilities nearest to a geometry, and of outlines that it touches."""
        count = min(MAX_NEIGHBOURS, len(self._ids))
        centre = shapely.get_coordinates(geometry.centroid)[0] * self._scale
        places = set(np.atleast_1d(self._tree.query(centre, k=count)[1]).tolist())
        if len(self._outlines):  # the edge of an outline may be nearer than its centre
            places |= set(self._outlines[self._outline_tree.query_nearest(geometry)[:MAX_NEIGHBOURS]].tolist())
        return [facility_id for place in sorted(places) for facility_id in self._ids[place]]


def category_and_name(row: ListRow) -> CategoryAndName:
    """The category of a row, and its name as it is compared."""
    return row.values["category"], name_key(row.values.get("name") or "")
