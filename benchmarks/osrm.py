"""Compares walking times with those of OSRM: python benchmarks/osrm.py [--programs FOLDER] [--worst N].

It builds the study of Porto Alegre (../shared/data), asks OSRM's foot profile at 4 km/h for every cell's nearest
clinic, and prints for how many people both agree. OSRM's programs come with the package osrm-bindings (Python 3.12 or
later); --programs names a folder with its ``bin`` and ``share`` where it is not installed. docs/decisions.md explains
the differences.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
import urllib.request
from datetime import date
from importlib import resources
from pathlib import Path

import numpy as np

import geo
from geo.sources import build
from geo.sources.inputs import Sources
from plan import EXTRACTS

WALK_KPH = 4.0
LIMIT_MIN = 15.0
PORT = 5055
CELLS_AT_ONCE = 50


def start_osrm(programs: Path, extract: Path, folder: Path) -> subprocess.Popen[bytes]:
    """Prepare ``extract`` with OSRM's own foot profile at our speed and serve it; returns the server's process."""
    profiles = shutil.copytree(programs / "share/profiles", folder / "profiles")
    foot = profiles / "foot.lua"
    text, changes = re.subn(r"local walking_speed = \S+", f"local walking_speed = {WALK_KPH:g}", foot.read_text())
    assert changes == 1, "the foot profile states its speed in another way now"
    foot.write_text(text)
    data = folder / "streets.osm.pbf"
    data.symlink_to(extract.resolve())
    network = folder / "streets.osrm"
    for command in (
        ["osrm-extract", "-p", foot, data],
        ["osrm-contract", network],
    ):
        run(programs, *command, check=True)
    server = subprocess.Popen(
        [executable(programs, "osrm-routed"), "--port", str(PORT), "--max-table-size", "20000", network],
        stdout=subprocess.DEVNULL,
    )
    for _ in range(600):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{PORT}/nearest/v1/foot/-51.2,-30.05")
            return server
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("osrm-routed does not answer")


def executable(programs: Path, name: str) -> Path:
    """One of OSRM's programs, which a wheel may have unpacked without its execute permission."""
    path = programs / "bin" / name
    if not os.access(path, os.X_OK):
        path.chmod(0o755)
    return path


def run(programs: Path, name: str, *arguments: object, check: bool) -> None:
    subprocess.run([executable(programs, name), *map(str, arguments)], stdout=subprocess.DEVNULL, check=check)


def osrm_minutes(places: np.ndarray, facilities: np.ndarray) -> np.ndarray:
    """OSRM's walking minutes from each place to each facility, shape (places, facilities), with the ways to the street.

    OSRM's own durations begin and end on the street; the straight pieces to it are added at the same speed, as here.
    """
    blocks = []
    for first in range(0, len(places), CELLS_AT_ONCE):
        block = places[first : first + CELLS_AT_ONCE]
        positions = ";".join(f"{lon},{lat}" for lon, lat in (*block, *facilities))
        sources = ";".join(map(str, range(len(block))))
        destinations = ";".join(map(str, range(len(block), len(block) + len(facilities))))
        address = f"http://127.0.0.1:{PORT}/table/v1/foot/{positions}?sources={sources}&destinations={destinations}"
        with urllib.request.urlopen(address) as answer:
            table = json.load(answer)
        seconds = np.array([[np.inf if s is None else s for s in row] for row in table["durations"]])
        for name, axis in (("sources", 1), ("destinations", 0)):
            metres = np.array([waypoint["distance"] for waypoint in table[name]])
            seconds += np.expand_dims(metres * 3.6 / WALK_KPH, axis)
        blocks.append(seconds / 60)
    return np.vstack(blocks)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--programs", type=Path, help="folder with OSRM's bin and share; default: osrm-bindings")
    parser.add_argument("--worst", type=int, default=0, help="also list the cells with the largest differences")
    arguments = parser.parse_args()
    programs = arguments.programs or Path(str(resources.files("osrm")))
    data = EXTRACTS / "porto_alegre"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sources = Sources(
            osm=data / "porto_alegre.osm.pbf", population=data / "hexgrid.csv", facilities=[data / "clinics.csv"]
        )
        build.build(folder / "study", sources, lambda step, count: None)
        study = geo.read_study(folder / "study")
        travel = geo.Travel(study)
        clinics = study.facilities[study.facilities["category"] == "clinic"]
        ours = travel.demand_times(clinics, "walk").seconds / 60
        server = start_osrm(programs, data / "porto_alegre.osm.pbf", folder)
        try:
            places = study.demand[["lon", "lat"]].to_numpy()
            clinic_places = np.array([(point.x, point.y) for point in clinics.geometry.representative_point()])
            theirs = osrm_minutes(places, clinic_places).min(axis=1)
        finally:
            server.terminate()
            server.wait()
    people = study.demand["population"].to_numpy()
    with np.errstate(invalid="ignore"):
        difference = np.where(np.isinf(ours) & np.isinf(theirs), 0.0, np.abs(ours - theirs))
    for minutes in (0.1, 0.5, 1.0):
        print(f"within {minutes:g} min: {people[difference <= minutes].sum() / people.sum():.2%} of the people")
    for label, times in (("fuwuquan", ours), ("OSRM", theirs)):
        print(f"{label}: {people[times <= LIMIT_MIN].sum() / people.sum():.1%} of the people within {LIMIT_MIN:g} min")
    print(f"{date.today()}, {len(places):,} cells, {people.sum():,.0f} people, {len(clinics)} clinics")
    for cell in np.argsort(-np.nan_to_num(difference, posinf=1e9), kind="stable")[: arguments.worst]:
        lon, lat = places[cell]
        print(f"{lon:.6f} {lat:.6f} {people[cell]:,.0f} people: {ours[cell]:.2f} and {theirs[cell]:.2f} min")


if __name__ == "__main__":
    main()
