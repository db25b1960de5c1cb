"""Rasters: opened with rasterio, an extra, and with one clear line where that does not work."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from geo.errors import InputError


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """The rasterio dataset of a file that says where on earth it lies.

    Raises
    ------
    InputError
        rasterio is not installed, the file cannot be read as a raster (also later, inside the block), or it has no
        coordinate reference system.
    """
    try:
        import rasterio
    except ImportError as error:
        raise InputError(f"{path}: rasters need rasterio; install fuwuquan[raster]") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)  # refused below
            dataset = rasterio.open(path)
        with dataset:
            if dataset.crs is None:
                raise InputError(
                    f"{path}: the raster does not say its coordinate reference system; save it as a GeoTIFF with one"
                )
            yield dataset
    except rasterio.errors.RasterioError as error:
        raise InputError(f"{path}: cannot be read as a raster: {error}") from error
