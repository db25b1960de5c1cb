"""A small country as an OpenStreetMap extract, and builds of studies from it."""

from pathlib import Path
from typing import Any

from geo.sources import build
from geo.sources.inputs import Sources
from geo.sources.summary import Summary
from geo.study import study
from geo.study.study import Study
from support.extracts import Extract

ROAD = {"highway": "residential"}
LAND = (10.0, 50.0, 10.04, 50.02)
"""West, south, east and north of the country; two districts lie side by side in it."""


def make_extract() -> Extract:
    """The country Land with the districts West and Ost, and a part of a country beside it.

    There are streets, houses, place nodes and facilities of every category, some of them outside.
    """
    extract = Extract()
    west, south, east, north = LAND
    extract.boundary("Land", 4, LAND, **{"name:en": "Country"})
    extract.boundary("West", 8, (west, south, 10.02, north), **{"name:en": "Westend"})
    extract.boundary("Ost", 8, (10.02, south, east, north), population="300")
    extract.boundary("Ausland", 4, (10.04, south, 10.08, north))
    extract.boundary("Fern", 8, (10.04, south, 10.08, north), population="9999")
    extract.node(10.005, 50.005, {"place": "town", "name": "West", "population": "700"})
    extract.way([(9.99, 50.01), (10.01, 50.01), (10.03, 50.01), (10.1, 50.01), (10.3, 50.01)], ROAD)
    extract.way([(10.01, 50.01), (10.01, 50.015)], {"highway": "footway"})
    for lon, levels in ((10.005, 1), (10.006, 3), (10.025, 2), (10.05, 9)):
        house = {"building": "apartments", "building:levels": str(levels)}
        extract.box(lon, 50.012, lon + 0.0005, 50.0125, house)
    extract.node(10.012, 50.011, {"amenity": "clinic", "name": "Praxis"})
    extract.node(10.1, 50.011, {"amenity": "clinic", "name": "Nachbar"})  # some 4 km beyond the border
    extract.node(10.9, 50.011, {"amenity": "clinic", "name": "Weit"})  # some 60 km
    extract.box(10.0, 50.0, 10.002, 50.001, {"leisure": "park", "name": "Park"})
    extract.box(10.003, 50.0, 10.004, 50.001, {"leisure": "park", "access": "private"})
    extract.box(10.03, 50.012, 10.0305, 50.0125, {"amenity": "kindergarten", "name": "Kita"})
    extract.node(10.02, 50.015, {"amenity": "community_centre"})
    return extract


def build_study(folder: Path, extract: Path, **options: Any) -> tuple[Study, Summary]:
    """Build a study from an extract and further `Sources`; return it as it is read, and the build's summary."""
    summary = build.build(folder, Sources(extract, **options), lambda step, count: None)
    return study.read(folder), summary


def lines_of(summary: Summary, subject: str) -> list[tuple[float, str]]:
    """Amount and remark of the lines of a summary whose subject contains a text."""
    return [(line.amount, line.remark) for line in summary.lines if subject in line.subject]
