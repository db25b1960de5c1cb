"""A small frame with values of every data type, on which the tests of filters run."""

from datetime import date
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from geo.errors import FieldError
from geo.features import cql2
from geo.features.cql2.reader import ToWgs84
from geo.features.data_types import DataType

DATA_TYPES: dict[str, DataType] = {
    "name": "string",
    "Name": "string",
    "size": "number",
    "beds": "integer",
    "public": "boolean",
    "sold": "boolean",
    "opened": "date",
    "closed": "date",
    "it's": "number",
    "geometry": "geometry",
}
SQUARE = shapely.box(120, 28, 121, 29)
ROWS: list[dict[str, Any]] = [
    dict(zip(DATA_TYPES, row, strict=True))
    for row in [
        ("永康公园", "永康公园", 5.0, 3, True, 1.0, date(2021, 1, 1), None, 1, shapely.Point(120.5, 28.5)),
        ("O'Neill", "o'neill", 2.5, None, False, 0.0, date(2020, 6, 30), date(2021, 1, 1), 2, SQUARE),
        ("50%_\\", None, None, 7, None, np.nan, None, date(2021, 1, 2), 3, shapely.Point(121, 28.5)),
        (None, "x", -4.0, 0, True, np.nan, date(2021, 1, 2), date(2021, 1, 2), 4, None),
        ("", "", 0.0, -3, False, 1.0, date(1000, 1, 1), date(9999, 12, 31), 5, shapely.box(120.5, 28.5, 122, 30)),
        ("København", "KØBENHAVN", 7.0, 2, None, 0.0, date(2021, 1, 1), date(2021, 2, 1), 6, shapely.Point(10, 50)),
        ("two\nlines", "Straße", 1e9, 5, True, 1.0, None, None, None, shapely.LineString([(119, 28.5), (122, 28.5)])),
    ]
]


def frame_of(rows: list[dict[str, Any]]) -> gpd.GeoDataFrame:
    columns = {name: pd.Series([row[name] for row in rows], dtype=object) for name in DATA_TYPES if name != "geometry"}
    columns["sold"], columns["size"] = columns["sold"].astype(float), columns["size"].astype(float)
    return gpd.GeoDataFrame(columns, geometry=[row["geometry"] for row in rows], crs="EPSG:4326")


FRAME = frame_of(ROWS)


def kept_rows(text: str, to_wgs84: ToWgs84 | None = None) -> list[int]:
    """The numbers of the rows of `FRAME` of which a filter is true."""
    mask = cql2.parse(text, DATA_TYPES, to_wgs84).mask(FRAME)
    assert mask.shape == (len(ROWS),)
    assert mask.dtype == bool
    return np.flatnonzero(mask).tolist()


def refusal(text: str) -> str:
    """The message with which a filter is refused."""
    with pytest.raises(FieldError) as caught:
        cql2.parse(text, DATA_TYPES)
    (field, reason), *others = caught.value.problems
    assert (field, others) == ("filter", [])
    assert len(reason) < 200
    return reason
