"""The gap map of one standard, drawn with Folium.

It shows the areas shaded by share, the streets, the people or units that do not meet the standard (its gaps), the
facilities and the names of areas (`maps.gap_layers`), on demand the value of sites and what closures would cost
(`maps.value_layers`), and a panel with the result and the legend. With
``assets="inline"`` the page needs no network; with "linked" it loads files of this service only (`maps.offline`).
"""

import html

import folium

from geo.measures.counting import CountedUnits
from geo.measures.coverage import Coverage
from geo.measures.fragility import Fragility
from geo.measures.gaps import Gaps
from geo.measures.site_value import SiteValues
from geo.study.study import Study
from maps import gap_layers, labels, value_layers
from maps.offline import Assets, Html, OfflineFigure, escape_text, offline_map
from maps.pages import map_bounds, templates


def render(
    study: Study,
    coverage: Coverage,
    counted: CountedUnits,
    gaps: Gaps,
    values: SiteValues | None,
    losses: Fragility | None,
    assets: Assets = "inline",
    static_url: str = "/static",
    tiles: str | None = None,
    tiles_attribution: str = "",
) -> str:
    """The gap map as an HTML page.

    Parameters
    ----------
    coverage : the result of the standard
    counted : what the standard counts, row by row
    gaps : the places outside the standard
    values, losses : what a new facility would bring, and what closures would cost; None: the map has no such layer
    assets : "inline" makes one file that opens from disk; "linked" loads Leaflet from ``static_url``
    tiles : URL template of the operator's own background tiles; without it the map has no background and requests none
    tiles_attribution : whom the map names as the source of the tiles
    """
    figure = OfflineFigure(assets, static_url, f"{coverage.name} · {study.settings.name}")
    map_ = offline_map(figure, tiles, escape_text(tiles_attribution))
    gap_layers.add_areas(map_, study, coverage)
    gap_layers.add_streets(map_, study)
    # Where nothing is known of the facilities, all land would lie outside.
    has_land = coverage.known and gap_layers.add_uncovered_land(map_, counted.land)
    gap_layers.add_gap_outlines(map_, gaps)
    marks = gap_layers.add_gaps(map_, study, coverage, counted)
    gap_layers.add_facilities(map_, counted.facilities, coverage, study.categories[coverage.category])
    legends = {
        "values": None if values is None else value_layers.add_values(map_, study, values),
        "losses": losses is not None and value_layers.add_losses(map_, losses),
        "loss_colour": value_layers.LOSS_COLOUR,
    }
    gap_layers.add_names(map_, study)
    folium.LayerControl(collapsed=True).add_to(map_)
    west, south, east, north = map_bounds(study)
    own = {
        "map_name": map_.get_name(),
        "bounds": [[south, west], [north, east]],
        "land_colour": gap_layers.LAND_COLOUR if has_land else None,
        "credit": html.escape(study.settings.attribution),
    }
    panel = _panel(study, coverage, marks) | legends | own
    figure.html.add_child(Html(templates.get_template("gapmap.html").render(**panel)))
    return figure.render()


def _panel(study: Study, coverage: Coverage, marks: gap_layers.GapMarks | None) -> dict[str, object]:
    """What the template of the panel needs: the result in words, and the legend."""
    near, far = gap_layers.EXCESS_CLASSES[gap_layers.excess_unit(coverage)]
    unit = "米 m" if coverage.metres else "分钟 min"
    people_legend = [
        (gap_layers.NEAR_COLOUR, f"超出 over by ≤ {near:g} {unit}"),
        (gap_layers.FAR_COLOUR, f"超出 over by {near:g}–{far:g} {unit}"),
        (gap_layers.FARTHEST_COLOUR, f"超出 over by > {far:g} {unit}"),
        (gap_layers.UNREACHABLE_COLOUR, "不可达 out of reach"),
    ]
    return {
        "settings": study.settings,
        "coverage": coverage,
        "headline": labels.headline(coverage),
        "limit": labels.limit(coverage),
        "unit": labels.UNITS[coverage.unit],
        "counted": labels.counted(coverage),
        "everybody": labels.everybody(coverage),
        "land": None if coverage.residential_land is None else _land(coverage),
        "shares": None if coverage.measure == "opened" or not coverage.known else gap_layers.SHARE_COLOURS,
        "people_legend": people_legend,
        "unit_gap_colour": gap_layers.FAR_COLOUR,
        "new_facility_colour": gap_layers.NEW_FACILITY_COLOUR,
        "marks": marks,
        "category": study.categories[coverage.category],
    }


def _land(coverage: Coverage) -> str:
    """The line about residential land."""
    return f"{labels.LAND}: {labels.land_share(coverage)} · {labels.land_counted(coverage)}"
