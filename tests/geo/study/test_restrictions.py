"""The file of turn restrictions is checked against the streets."""

from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest

from geo.errors import StudyError
from geo.study import restrictions

STREETS = gpd.GeoDataFrame({"u": [0, 1, 3], "v": [1, 2, 1]})


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / restrictions.FILE
    for paths in ((), ((0, 2), (0, 5, 4, 1), (4, 2))):
        restrictions.write(paths, path)
        assert restrictions.read(path, STREETS) == paths


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        ({"edges": [[0, 1]]}, "has no column forward"),
        ({"edges": [0], "forward": [True]}, "must be lists"),
        ({"edges": [[0]], "forward": [[True]]}, "two or more"),
        ({"edges": [[0, 1]], "forward": [[True]]}, "two or more"),
        ({"edges": [[0.5, 1.0]], "forward": [[True, True]]}, "two or more"),
        ({"edges": [["0", "1"]], "forward": [[True, True]]}, "two or more"),
        ({"edges": [[0, 1]], "forward": [[1, 1]]}, "two or more"),
        ({"edges": [[0, 3]], "forward": [[True, True]]}, "rows of the 3 streets"),
        ({"edges": [[-1, 1]], "forward": [[True, True]]}, "rows of the 3 streets"),
        ({"edges": [[0, 1], [0, 1]], "forward": [[True, True], [True, False]]}, "row 1: an edge does not begin"),
        ({"edges": [None], "forward": [None]}, "must be lists"),
    ],
)
def test_wrong_file_is_refused(tmp_path: Path, columns: dict[str, list[object]], problem: str) -> None:
    path = tmp_path / restrictions.FILE
    pd.DataFrame(columns).to_parquet(path)
    with pytest.raises(StudyError, match=problem):
        restrictions.read(path, STREETS)


def test_file_that_is_no_parquet_is_refused(tmp_path: Path) -> None:
    (tmp_path / restrictions.FILE).write_text("edges,forward\n")
    with pytest.raises(StudyError, match="cannot be read"):
        restrictions.read(tmp_path / restrictions.FILE, STREETS)
