"""The layers of a gap map about what could change: the value of sites, and what the closure of a facility would cost.

Both are switched off at first. `maps.gap_map` explains them in its legend.
"""

from dataclasses import dataclass

import folium
import numpy as np
import shapely

from geo.geodesy.projection import projection
from geo.measures.fragility import Fragility
from geo.measures.site_value import SiteValues, first_of_cells
from geo.study.study import Study
from maps.gap_layers import Style, add_layer, feature

# From light to dark (ColorBrewer's Purples), which people with any kind of colour blindness can tell apart; the circles
# grow with the class too.
VALUE_COLOURS = ("#dadaeb", "#9e9ac8", "#756bb1", "#3f007d")
LOSS_COLOUR = "#c51b8a"
MAX_SITES, MAX_FACILITIES = 400, 200
"""The most circles of each layer. More would make the file large, and hide each other."""
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_CELL_GROWTH = 1.25


@dataclass(frozen=True)
class ValueLegend:
    """What the layer of values shows.

    ``classes`` are colours, with the people that each stands for; ``cell_m`` is the side of the squares of which only
    the best site is drawn, None where all sites are.
    """

    classes: list[tuple[str, str]]
    cell_m: int | None


def add_values(map_: folium.Map, study: Study, values: SiteValues) -> ValueLegend | None:
    """Draw what a new facility would bring, the best site of each square; None where no site brings anything."""
    frame = values.frame[values.frame["people"] > 0]
    if frame.empty:
        return None
    xy = shapely.get_coordinates(projection(study.settings.projection).forward(frame.geometry.to_numpy()))
    chosen, cell_m = np.arange(len(frame)), 100.0
    while len(chosen) > MAX_SITES:
        cell_m *= _CELL_GROWTH
        chosen = first_of_cells(xy, cell_m)  # the best site comes first
    drawn = frame.iloc[chosen]
    step = _nice_step(float(frame["people"].iloc[0]) / len(VALUE_COLOURS))
    features = []
    for site in drawn.iloc[::-1].itertuples():  # the best lie above the others
        number = min(int(site.people / step), len(VALUE_COLOURS) - 1)
        style: Style = {
            "color": "#3f007d",
            "weight": 0.6,
            "fillColor": VALUE_COLOURS[number],
            "fillOpacity": 0.9,
            "radius": 3.0 + 1.5 * number,
        }
        properties = {"新设施价值": f"{site.people:,.0f} 人", "地点": f"{site.name or '—'}", "序号": site.Index}
        features.append(feature(site.geometry, style, properties))
    add_layer(map_, "新设施价值 value of sites", features, ["新设施价值", "地点", "序号"], is_shown=False)
    bounds = [f"{step * number:,.4g}–{step * (number + 1):,.4g}" for number in range(len(VALUE_COLOURS) - 1)]
    labels = [*bounds, f"≥ {step * (len(VALUE_COLOURS) - 1):,.4g}"]
    classes = [(colour, f"{label} 人 people") for colour, label in zip(VALUE_COLOURS, labels, strict=True)]
    return ValueLegend(classes, round(cell_m) if len(drawn) < len(frame) else None)


def _nice_step(step: float) -> float:
    """The greatest of 1, 2, 2.5 and 5 times a power of ten that is at most ``step``."""
    power = 10.0 ** np.floor(np.log10(step))
    return float(max(nice * power for nice in _STEPS if nice * power <= step * (1 + 1e-9)))


def add_losses(map_: folium.Map, losses: Fragility) -> bool:
    """Draw the facilities whose closure would put people outside, larger with their number; whether there are any."""
    frame = losses.frame[losses.frame["people_lost"] > 0].iloc[:MAX_FACILITIES]
    unit = {"minutes": "分钟 min", "metres": "米 m", None: ""}[losses.longer_unit]
    features = []
    for facility in frame.itertuples():  # the largest circles lie below the others
        style: Style = {
            "color": LOSS_COLOUR,
            "weight": 2.0,
            "fillColor": LOSS_COLOUR,
            "fillOpacity": 0.25,
            "radius": round(5 + 15 * float(np.sqrt(facility.people_lost / frame["people_lost"].iloc[0])), 1),
        }
        properties = {
            "设施": f"{facility.name or facility.Index}",
            "关停后失去": f"{facility.people_lost:,.0f} 人",
            "路程变长": f"{facility.people_longer:,.0f} 人, +{facility.mean_longer:,.1f} {unit}"
            if facility.people_longer > 0
            else "—",
        }
        features.append(feature(facility.geometry, style, properties))
    add_layer(map_, "关停损失 loss if closed", features, ["设施", "关停后失去", "路程变长"], is_shown=False)
    return bool(features)
