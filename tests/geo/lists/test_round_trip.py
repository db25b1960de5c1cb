"""What was exported imports again: each kind of file, in each coordinate system, read as any office's list is."""

import unicodedata
from datetime import date
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyproj import Geod

from geo.choices import COORDINATE_SYSTEMS
from geo.lists import reader, writer
from geo.lists.placeholders import is_placeholder, is_zero_phone
from geo.lists.reader import ListOptions
from geo.study import categories, facilities
from geo.study.study import Study
from support import breaking_names
from support.examples import examples


def exported(frame: gpd.GeoDataFrame, kind: str, coordinates: str, folder: Path) -> Path:
    path = folder / f"register-{coordinates}.{kind}"
    path.write_bytes(writer.write(frame, kind, coordinates).content)
    return path


def imported(path: Path, expected: str, **more: Any) -> gpd.GeoDataFrame:
    """The register that a file makes of an empty one; nothing in it may be amiss, nor need a word of the user."""
    read_back = reader.read(path, ListOptions(**more))
    assert read_back.coordinates == expected
    assert read_back.left_out == []
    assert [(row.where, row.problems) for row in read_back.rows if row.problems] == []
    return facilities.from_rows([(row.where, row.values, row.geometry) for row in read_back.rows], path)


def assert_same(read_back: gpd.GeoDataFrame, frame: gpd.GeoDataFrame) -> None:
    fields = [field for field in facilities.FIELDS if field != "id"]
    pd.testing.assert_frame_equal(pd.DataFrame(read_back[fields]), pd.DataFrame(frame[fields]))
    assert read_back.geometry.geom_type.tolist() == frame.geometry.geom_type.tolist()
    a, b = (shapely.get_coordinates(one.geometry.to_numpy()) for one in (read_back, frame))
    assert np.max(Geod(ellps="WGS84").inv(*a.T, *b.T)[2], initial=0) < 0.001


def settled(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """A frame as a reader leaves it: texts in Unicode's composed form, and none that stands for an unknown value."""
    texts = [field for field in facilities.FIELDS if field not in ("id", "extra", "category", *facilities.DATE_FIELDS)]
    for field in texts:
        composed = [unicodedata.normalize("NFC", one) if isinstance(one, str) else one for one in frame[field]]
        composed = [None if isinstance(text, str) and is_placeholder(text) else text for text in composed]
        frame[field] = pd.Series(composed, index=frame.index, dtype=object)
    phones = [None if isinstance(text, str) and is_zero_phone(text) else text for text in frame["phone"]]
    frame["phone"] = pd.Series(phones, index=frame.index, dtype=object)
    return frame


@pytest.mark.parametrize("coordinates", COORDINATE_SYSTEMS)
@pytest.mark.parametrize("kind", writer.FORMATS)
def test_an_export_is_imported_again(kind: str, coordinates: str, tmp_path: Path) -> None:
    frame = settled(breaking_names.frame())
    path = exported(frame, kind, coordinates, tmp_path)
    read_back = imported(path, coordinates)
    assert_same(read_back, frame)
    if kind != "gpkg":  # which holds the time
        assert exported(read_back, kind, coordinates, tmp_path).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("coordinates", COORDINATE_SYSTEMS)
@pytest.mark.parametrize("kind", writer.FORMATS)
def test_an_export_of_the_sample_is_imported_again(kind: str, coordinates: str, sample: Study, tmp_path: Path) -> None:
    """Within its area too, where a shifted system that nobody states would have to be asked for."""
    path = exported(sample.facilities, kind, coordinates, tmp_path)
    area = shapely.box(*sample.facilities.total_bounds).buffer(0.001)
    assert_same(imported(path, coordinates, within=area), sample.facilities)
    assert_same(imported(path, coordinates, within=area, coordinates=coordinates), sample.facilities)


TEXT = st.text(max_size=20) | st.text(st.sampled_from("=+-@'\"_x0041_#N/A ,;，甲公园"), min_size=1, max_size=12)
EXTRA = (
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXT
)
FACILITIES = st.fixed_dictionaries(
    {
        "category": st.sampled_from(list(categories.BUILT_IN.ids)),
        "name": TEXT,
        "address": st.none() | TEXT,
        "verified_by": st.none() | TEXT,
        "phone": st.none() | st.from_regex(r"0[0-9]{2,3}-[0-9]{7,8}|00[0-9]{1,9}", fullmatch=True),
        "verified": st.none() | st.dates(date(1800, 1, 1), date(2026, 1, 1)),
        "capacity": st.none() | st.integers(0, 999_999_999),
        "extra": st.dictionaries(TEXT | st.sampled_from(["名称", "name", "经度", "extra", "id"]), EXTRA, max_size=3),
    }
)
PLACES = st.tuples(st.floats(73.5, 134.5), st.floats(18.5, 53.5))


@settings(max_examples=examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    st.lists(st.tuples(FACILITIES, PLACES), min_size=1, max_size=4),
    st.sampled_from(writer.FORMATS),
    st.sampled_from(COORDINATE_SYSTEMS),
)
def test_an_export_of_any_register_is_imported_again(
    tmp_path: Path, rows: list[Any], kind: str, coordinates: str
) -> None:
    made = [
        (str(number), {"id": f"f{number}", **known}, shapely.Point(place)) for number, (known, place) in enumerate(rows)
    ]
    frame = settled(facilities.from_rows(made, "register"))
    assert_same(imported(exported(frame, kind, coordinates, tmp_path), coordinates), frame)
