"""Keeps the prepared networks of a study in files beside it, to be mapped into memory the next time."""

import hashlib
import time
from functools import lru_cache
from pathlib import Path
from tokenize import TokenError

import numba
import numpy as np
import pandas as pd
import pyproj
import scipy
import shapely

from geo.arrays import AnyArray
from geo.choices import Mode
from geo.study.study import Study
from geo.traveltime import mapped_arrays
from geo.traveltime import network as networks
from geo.traveltime.network import Network
from geo.traveltime.snapping import SnappedPoints

FOLDER = ".prepared"
"""The folder, in the study's own, that networks are kept in; it may be deleted at any time."""
DRAFTS_S = 3600.0
"""Seconds after which a draft is taken for that of a process that was killed."""
_POINT_FIELDS = ("edge", "fraction", "connector_m", "island_skipped")


def network(study: Study, mode: Mode) -> tuple[Network, SnappedPoints]:
    """The network of a mode and the study's demand snapped onto it, from a file if one was made of the same content.

    Where the study is a folder that can be written, a newly prepared network is kept there.

    Raises
    ------
    ValueError
        The study has no streets.
    """
    if study.streets is None:
        raise ValueError("the study has no street network")
    path = study.folder / FOLDER / f"{mode}-{_content_hash(study).hex()}.npy"
    reopened = _reopen(study, path)
    if reopened is not None:
        return reopened
    prepared = Network.prepare(study.streets, study.settings, mode, study.turn_restrictions)
    points = prepared.snapper.snap(study.demand["lon"].to_numpy(), study.demand["lat"].to_numpy())
    if (study.folder / "streets.parquet").is_file():
        _keep(path, mode, prepared, points)
    return prepared, points


def digest(*parts: bytes | AnyArray) -> bytes:
    """A hash of byte strings and arrays."""
    hasher = hashlib.blake2b(digest_size=16)
    for part in parts:
        hasher.update(part if isinstance(part, bytes) else np.ascontiguousarray(part).tobytes())
        hasher.update(b"\0")
    return hasher.digest()


def _content_hash(study: Study) -> bytes:
    """A hash that changes with everything that prepared networks are made from, the program's own code included."""
    settings = study.settings.model_dump_json(include={"speeds", "projection", "max_connector_m"})
    settings += f"{networks.ISLAND_M} {networks.ISLAND_SHARE}"
    streets = pd.DataFrame(study.streets)
    xy, line = shapely.get_coordinates(streets["geometry"].to_numpy(), return_index=True)
    table = pd.util.hash_pandas_object(streets.drop(columns="geometry"), index=False)
    turns = repr(study.turn_restrictions).encode()
    demand = study.demand[["lon", "lat"]].to_numpy()
    return digest(_program_hash(), settings.encode(), xy, line, table.to_numpy(), turns, demand)


@lru_cache(maxsize=1)
def _program_hash() -> bytes:
    """A hash of the code that prepares networks: the sources of these packages, and the libraries that they use."""
    package = Path(__file__).parent.parent
    folders = (package / "traveltime", package / "geodesy", package / "study")
    sources = sorted(file for folder in folders for file in folder.glob("*.py"))
    libraries = (np, numba, scipy, shapely, pyproj)
    versions = [*(library.__version__ for library in libraries), shapely.geos_version_string, pyproj.proj_version_str]
    return digest(*(file.read_bytes() for file in sources), " ".join(versions).encode())


def _reopen(study: Study, path: Path) -> tuple[Network, SnappedPoints] | None:
    """The network and the demand in a file; None if the file does not exist or is damaged."""
    try:
        arrays = mapped_arrays.read(path)
        points = SnappedPoints(*(arrays[f"demand_{name}"] for name in _POINT_FIELDS))
        return Network.from_arrays(study.settings, arrays), points
    except (OSError, ValueError, KeyError, TokenError):
        return None


def _keep(path: Path, mode: Mode, prepared: Network, points: SnappedPoints) -> None:
    """Write a network and the demand to a file, and delete older files and drafts of the mode."""
    try:
        mapped_arrays.write(
            path, prepared.arrays() | {f"demand_{name}": getattr(points, name) for name in _POINT_FIELDS}
        )
        for file in path.parent.glob(f"{mode}-*.npy"):
            if file != path:
                file.unlink(missing_ok=True)
        for draft in path.parent.glob(f".{mode}-*"):
            if time.time() - draft.stat().st_mtime > DRAFTS_S:
                draft.unlink(missing_ok=True)
    except OSError:  # on read-only media, networks are prepared each time
        pass
