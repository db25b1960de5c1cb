"""What all pages share: their templates, the static files that they link to, and the extent of their maps.

This module does not import Folium, which only gap maps need.
"""

from pathlib import Path

import jinja2
import numpy as np
from xstatic.pkg import leaflet

from geo.study.study import Study

LEAFLET_FOLDER = Path(leaflet.BASE_DIR)
"""Leaflet's script, style and images, to be served at ``/static/leaflet``."""
STATIC_FOLDER = Path(__file__).parent / "static"
"""The project's own scripts and style, to be served at ``/static``."""

templates = jinja2.Environment(
    loader=jinja2.PackageLoader("maps"), autoescape=True, trim_blocks=True, lstrip_blocks=True
)
"""The templates of pages; they escape all values."""


def map_bounds(study: Study) -> tuple[float, float, float, float]:
    """West, south, east and north of what a map of the study should show, WGS84 degrees."""
    extent = study.areas.total_bounds
    if (study.areas.geom_type == "Point").all():
        positions = study.demand[["lon", "lat"]]
        extent = np.concatenate([positions.min(), positions.max()])
    west, south, east, north = (round(float(side), 5) for side in extent)
    return west, south, east, north
