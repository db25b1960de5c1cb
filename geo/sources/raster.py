"""Opens rasters with rasterio, an optional dependency; `people_raster` and `elevation` read them."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from geo.errors import InputError

if TYPE_CHECKING:
    from rasterio.io import DatasetReader


@contextmanager
def opened(path: Path) -> Iterator["DatasetReader"]:
    """The rasterio dataset of a file that states its coordinate reference system.

    Raises
    ------
    InputError
        rasterio is not installed; the file cannot be read as a raster, be it at once or later inside the ``with``
        block; or it does not state its coordinate reference system.
    """
    try:
        import rasterio
    except ImportError as error:
        raise InputError(f"{path}: rasters need rasterio; install fuwuquan[raster]") from error
    try:
        with warnings.catch_warnings():
            # Such a file is refused below, so the warning adds nothing.
            warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
            dataset = rasterio.open(path)
        with dataset:
            if dataset.crs is None:
                raise InputError(
                    f"{path}: the raster does not state its coordinate reference system; save it as a GeoTIFF with one"
                )
            yield dataset
    except rasterio.errors.RasterioError as error:
        raise InputError(f"{path}: cannot be read as a raster: {error}") from error
