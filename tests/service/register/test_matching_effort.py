"""Finding the facilities of a list takes time in proportion to the list, whatever its names and places.

Import holds the writers' lock. CPU time of 2,000 rows is compared with that of 8,000: four times the rows may take
eight times as long; quadratic work would take sixteen times as long.
"""

import time
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely

from geo.lists.reader import FacilityList, ListRow
from geo.study import areas
from geo.study.categories import BUILT_IN
from service.register.matching import RegisterIndex, RowMatcher

MAX_RATIO = 8


def _match(count: int, name: str | None, spread: float) -> None:
    """Match as many rows with as many facilities of a name, or of a name each, over ``spread`` degrees."""
    places = shapely.points(120 + np.random.default_rng(1).random((count, 2)) * [spread, spread] - [0, 92])
    names = [name if name != "each" else f"甲{number}" for number in range(count)]
    rows = [
        ListRow(f"row {number}", {"category": "clinic", "name": text}, place, (), (), ())
        for number, (text, place) in enumerate(zip(names, places, strict=True))
    ]
    facilities = [
        {
            "id": f"clinic-{number}",
            "category": "clinic",
            "name": row.values["name"],
            "geometry": shapely.to_wkb(row.geometry),
            "removed": None,
            "merged_into": None,
        }
        for number, row in enumerate(rows)
    ]
    matcher = RowMatcher(
        FacilityList(Path("名单.csv"), rows, [], "wgs84", True, {}, []), RegisterIndex(facilities), BUILT_IN
    )
    for row in rows:
        if matcher.find(row) is None:
            matcher.check_new(row)


def _locate(count: int, _name: str | None, _spread: float) -> None:
    towns = [f"T{number}" for number in range(count // 4)]
    side = int(len(towns) ** 0.5) + 1
    west, south = (np.array(corner) / side for corner in np.divmod(np.arange(len(towns)), side))
    squares = shapely.box(120 + west, 28 + south, 120 + west + 1 / side, 28 + south + 1 / side)
    villages = np.concatenate([shapely.centroid(squares)] * 3)
    codes = towns + [f"V{number}" for number in range(len(villages))]
    units = gpd.GeoDataFrame(
        {"name": codes, "parent": [None] * len(towns) + towns * 3},
        index=codes,
        geometry=np.concatenate([squares, villages]),
        crs="EPSG:4326",
    )
    x, y = np.random.default_rng(1).random((2, count))
    areas.locate(units, 120 + x, 28 + y, "EPSG:4549")


@pytest.mark.alone
@pytest.mark.parametrize(
    ("work", "name", "spread"),
    [
        (_match, None, 0.2),
        (_match, None, 0.0),
        (_match, "each", 0.0),
        (_match, "卫生室", 0.2),
        (_match, "卫生室", 0.004),
        (_locate, None, 0),
    ],
    ids=["nameless", "nameless at one place", "at one place", "of one name", "of one name and near", "villages"],
)
def test_effort_grows_with_the_list(work: Callable[[int, str | None, float], None], name: str | None, spread: float):
    def cpu_seconds(count: int) -> float:
        start = time.process_time()
        work(count, name, spread)
        return time.process_time() - start

    cpu_seconds(500)
    assert cpu_seconds(8000) <= MAX_RATIO * cpu_seconds(2000)
