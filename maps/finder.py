"""The first page: what is near me, and where the place stands on its goals. Phone first."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import shapely

from geo.measures.coverage import Coverage
from geo.study.categories import Category
from geo.study.study import Study
from maps import gap_map, labels
from maps.offline import templates


def render(study: Study, goals: Sequence[Coverage], categories: Mapping[str, Category], here: Collection[str]) -> str:
    """The page as HTML, offering the categories that are ``here``; it asks ``/static`` and ``/v1/nearest``."""
    units = study.areas[study.areas["level"] == study.reporting_level]
    middle = study.demand[["lon", "lat"]].mean()
    data: dict[str, Any] = {
        "outlines": [shapely.geometry.mapping(shape) for shape in _outlines(units.geometry.to_numpy())],
        "bounds": gap_map.bounds(study),
        "start": [round(float(middle["lon"]), 5), round(float(middle["lat"]), 5)],
        "credit": study.settings.attribution,
        "categories": {
            category.id: [category.label, category.label_en, dict(category.subtypes)]
            for category in categories.values()
        },
    }
    offered = [category for category in categories.values() if category.id in here]
    # Most people come for a clinic.
    default = "clinic" if "clinic" in here else next((category.id for category in offered), None)
    return templates.get_template("finder.html").render(
        about=study.settings,
        method="straight-line" if study.streets is None else "network",
        goals=[(goal, labels.headline(goal), labels.limit(goal)) for goal in goals],
        categories=offered,
        default=default,
        modes=labels.MODES,
        units=labels.UNITS,
        data=data,
    )


def _outlines(shapes: Any) -> Any:
    drawn = shapes[shapely.get_dimensions(shapes) == 2]
    return shapely.transform(shapely.coverage_simplify(drawn, 5e-4), lambda xy: xy.round(4))
