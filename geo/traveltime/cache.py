"""The networks of a study, prepared once and kept beside it, to be mapped into memory the next time."""

import hashlib
import time
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo.choices import Mode
from geo.study.study import Study
from geo.traveltime import mapped_arrays
from geo.traveltime import network as net
from geo.traveltime.network import Network, SnappedPoints

FOLDER = ".prepared"
"""The folder in a study's own that its networks are kept in; it may be deleted at any time."""
DRAFTS_S = 3600.0
# To be changed with what the arrays mean: the hash knows what went in, not what was made of it.
_FORMAT = b"2"


def network(study: Study, mode: Mode) -> tuple[Network, SnappedPoints]:
    """The network of a mode and the study's demand snapped onto it, from a file if there is one of just this study.

    Where the study is a folder that can be written, what is newly prepared is kept there.

    Raises
    ------
    ValueError
        The study has no streets.
    """
    if study.streets is None:
        raise ValueError("the study has no street network")
    path = study.folder / FOLDER / f"{mode}-{_contents(study).hex()}.npy"
    found = _reopened(study, path)
    if found is None:
        demand, made = study.demand, Network.prepare(study.streets, study.settings, mode)
        found = made, made.snap(demand["lon"].to_numpy(), demand["lat"].to_numpy())
        if (study.folder / "streets.parquet").is_file():
            _keep(path, mode, *found)
    return found


def digest(*parts: bytes | NDArray[Any]) -> bytes:
    """A hash of byte strings and arrays."""
    found = hashlib.blake2b(digest_size=16)
    for part in parts:
        found.update(part if isinstance(part, bytes) else np.ascontiguousarray(part).tobytes())
        found.update(b"\0")
    return found.digest()


def _contents(study: Study) -> bytes:
    """Changes with all that prepared networks are made of."""
    about = study.settings.model_dump_json(include={"speeds", "projection", "max_connector_m"})
    about += f"{net.ISLAND_M} {net.ISLAND_SHARE}"
    streets = pd.DataFrame(study.streets)
    xy, line = shapely.get_coordinates(streets["geometry"].to_numpy(), return_index=True)
    table = pd.util.hash_pandas_object(streets.drop(columns="geometry"), index=False)
    return digest(_FORMAT, about.encode(), xy, line, table.to_numpy(), study.demand[["lon", "lat"]].to_numpy())


def _reopened(study: Study, path: Path) -> tuple[Network, SnappedPoints] | None:
    try:
        arrays = mapped_arrays.read(path)
        places = SnappedPoints(
            *(arrays[f"demand_{name}"] for name in ("edge", "fraction", "connector_m", "island_skipped"))
        )
        return Network.from_arrays(study.settings, arrays), places
    except (OSError, ValueError, KeyError, TokenError):  # there is none yet, or it was damaged
        return None


def _keep(path: Path, mode: Mode, made: Network, places: SnappedPoints) -> None:
    try:
        mapped_arrays.write(path, made.arrays() | {f"demand_{name}": array for name, array in vars(places).items()})
        for old in path.parent.glob(f"{mode}-*.npy"):
            if old != path:
                old.unlink(missing_ok=True)
        for draft in path.parent.glob(f".{mode}-*"):  # of a process that was killed
            if time.time() - draft.stat().st_mtime > DRAFTS_S:
                draft.unlink(missing_ok=True)
    except OSError:  # on read-only media it is prepared anew each time
        pass
