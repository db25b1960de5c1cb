"""The first page, for residents on a phone: the nearest facilities, and how the place stands on its goals."""

from collections.abc import Collection, Sequence

import shapely

from geo.arrays import GeometryArray
from geo.measures.coverage import Coverage
from geo.study.study import Study
from maps import labels
from maps.pages import map_bounds, templates


def render(study: Study, goals: Sequence[Coverage], available: Collection[str]) -> str:
    """The page as HTML; its script requests ``/v1/nearest``.

    Parameters
    ----------
    goals : the result of each standard
    available : ids of the categories that have facilities, among which people can choose
    """
    areas = study.areas[study.areas["level"] == study.reporting_level]
    centre = study.demand[["lon", "lat"]].mean()
    data = {
        "outlines": [shapely.geometry.mapping(shape) for shape in _outlines(areas.geometry.to_numpy())],
        "bounds": map_bounds(study),
        "start": [round(float(centre["lon"]), 5), round(float(centre["lat"]), 5)],
        "credit": study.settings.attribution,
        "categories": {
            category.id: [category.label, category.label_en, dict(category.subtypes)] for category in study.categories
        },
    }
    choices = [category for category in study.categories if category.id in available]
    # Most people look for a clinic.
    default = "clinic" if "clinic" in available else next((category.id for category in choices), None)
    return templates.get_template("finder.html").render(
        settings=study.settings,
        method="straight-line" if study.streets is None else "network",
        goals=[
            (goal, labels.headline(goal), labels.counted(goal), labels.everybody(goal), labels.limit(goal))
            for goal in goals
        ],
        categories=choices,
        default=default,
        modes=labels.MODES,
        data=data,
    )


def _outlines(shapes: GeometryArray) -> GeometryArray:
    """The polygons among ``shapes``, simplified together, so that neighbours keep their common border."""
    polygons = shapes[shapely.get_dimensions(shapes) == 2]
    outlines: GeometryArray = shapely.transform(shapely.coverage_simplify(polygons, 5e-4), lambda xy: xy.round(4))
    return outlines
