"""The layers of a gap map: areas, streets, gaps, facilities and names, each added to a Folium map.

`maps.gap_map` calls the ``add_…`` functions in the order in which the layers lie on each other, and explains their
colours in its legend.
"""

from collections.abc import Mapping
from typing import Literal, TypeAlias

import folium
import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from shapely.geometry.base import BaseGeometry

from geo.geodesy.projection import projection
from geo.measures.counting import CountedUnits
from geo.measures.coverage import Coverage
from geo.measures.gaps import Gaps
from geo.measures.residential_land import LandCover
from geo.study.categories import Category
from geo.study.study import Study
from maps import labels
from maps.offline import escape_text

# Blue for shares, yellow to brown for gaps: people with any kind of colour blindness can tell them apart (ColorBrewer's
# Blues and YlOrBr).
SHARE_COLOURS = ((0.2, "#f7fbff"), (0.4, "#dbe9f6"), (0.6, "#b5d4e9"), (0.8, "#86b9dc"), (1.0, "#5299cb"))
"""The highest share of each class, and its colour."""
NO_SHARE_COLOUR = "#e8e8e8"
NEAR_COLOUR, FAR_COLOUR, FARTHEST_COLOUR, UNREACHABLE_COLOUR = "#fec44f", "#ec7014", "#993404", "#111111"
NEW_FACILITY_COLOUR = "#f0027f"
LAND_COLOUR = "#9970ab"
"""Of residential land that lies outside the radius."""
EXCESS_CLASSES = {"minutes": (5.0, 15.0), "metres": (250.0, 1000.0)}
"""The upper bounds of the classes *near* and *far*, in each unit; the third class, *farthest*, has none."""
MAIN_ROADS = ("motorway", "trunk", "primary", "secondary")
MAX_MARKS = 600
"""Marks of people beyond the limit. A map in a browser stays quick with so many."""
MAX_OUTLINES = 200
"""Outlines of gaps, the worst first. Smaller ones would hide under their marks."""
MAX_STREET_VERTICES = MAX_LAND_VERTICES = 80_000
"""A layer of streets, or of land, with more vertices is left out, since it would make the file too large."""

ExcessUnit: TypeAlias = Literal["minutes", "metres"]
GapMarks: TypeAlias = Literal["people", "units"]
Style: TypeAlias = dict[str, str | float]
GeoJsonFeature: TypeAlias = dict[str, object]


def excess_unit(coverage: Coverage) -> ExcessUnit:
    """The unit in which the result says how far people are beyond the limit."""
    return "minutes" if coverage.metres is None else "metres"


def add_areas(map_: folium.Map, study: Study, coverage: Coverage) -> None:
    """Draw the reporting areas, shaded by share."""
    results = {area.code: area for area in coverage.areas}
    polygons = study.areas[study.areas.index.isin(results) & (study.areas.geom_type != "Point")]
    features = []
    for code, shape in polygons.geometry.items():
        area = results[code]
        # A single area would be one block of colour that hides all else.
        fill = NO_SHARE_COLOUR if area.share is None or len(polygons) == 1 else _share_colour(area.share)
        properties = {
            "名称": area.name,
            "达标": labels.area_share(coverage, area),
            "数量": labels.counted(coverage, area),
            "人口": f"{area.people:,.0f}",
        }
        style: Style = {"color": "#41556b", "weight": 1.4, "fillColor": fill, "fillOpacity": 1.0}
        features.append(feature(shape, style, properties))
    add_layer(map_, "区域 areas", features, ["名称", "达标", "数量", "人口"])


def _share_colour(share: float) -> str:
    return next(colour for upper, colour in SHARE_COLOURS if share <= upper or upper == 1.0)


def add_streets(map_: folium.Map, study: Study) -> None:
    """Draw the streets of a study that has some, the main roads as a layer of their own."""
    if study.streets is None:
        return
    lines = shapely.simplify(study.streets.geometry.to_numpy(), 5e-5)  # degrees, some 5 m
    is_main = study.streets["highway"].str.removesuffix("_link").isin(MAIN_ROADS).to_numpy()
    layers: tuple[tuple[str, bool, Style], ...] = (
        ("街巷 streets", False, {"color": "#8a8f98", "weight": 0.6, "opacity": 0.55}),
        ("干道 main roads", True, {"color": "#6b5b4b", "weight": 1.6, "opacity": 0.8}),
    )
    for name, main, style in layers:
        drawn = lines[is_main == main]
        if len(drawn) and shapely.get_num_coordinates(drawn).sum() <= MAX_STREET_VERTICES:
            add_layer(map_, name, [feature(shapely.multilinestrings(drawn), style, {})], [])


def add_uncovered_land(map_: folium.Map, land: LandCover | None) -> bool:
    """Draw the residential land outside the radius of all facilities; returns whether there is a layer of it."""
    if land is None:
        return False
    shapes = shapely.simplify(land.uncovered, 2e-5)  # degrees, some 2 m
    if not len(shapes) or shapely.get_num_coordinates(shapes).sum() > MAX_LAND_VERTICES:
        return False
    style: Style = {"color": LAND_COLOUR, "weight": 0.5, "fillColor": LAND_COLOUR, "fillOpacity": 0.35}
    parts = shapely.get_parts(shapes)
    polygons = parts[(shapely.get_dimensions(parts) == 2) & ~shapely.is_empty(parts)]
    add_layer(map_, f"半径外的{labels.LAND} outside", [feature(shapely.multipolygons(polygons), style, {})], [])
    return True


def add_gap_outlines(map_: folium.Map, gaps: Gaps) -> None:
    """Outline the worst gaps of people; what lies in a gap of units is drawn by `add_gaps`."""
    if gaps.unit != "people":
        return
    unit = {"minutes": "分钟", "metres": "米"}[gaps.beyond_unit or "minutes"]
    style: Style = {"color": FARTHEST_COLOUR, "weight": 1.2, "fillColor": FAR_COLOUR, "fillOpacity": 0.12}
    features = []
    for rank, gap in gaps.frame.iloc[:MAX_OUTLINES].iterrows():
        has_route = gap["nearest_id"] is not None
        properties = {
            "缺口": f"{rank}. {gap['name'] or '—'}",
            "人数": f"{gap['people']:,.0f}",
            "平均超出": f"+{gap['mean_beyond']:,.0f} {unit}" if has_route else "不可达 out of reach",
            "最近设施": f"{gap['nearest_name'] or gap['nearest_id']}, {gap['nearest_value']:,.0f} {unit}"
            if has_route
            else "—",
        }
        features.append(feature(gap["geometry"], style, properties))
    add_layer(map_, "缺口范围 outlines of gaps", features, ["缺口", "人数", "平均超出", "最近设施"])


def add_gaps(map_: folium.Map, study: Study, coverage: Coverage, counted: CountedUnits) -> GapMarks | None:
    """Draw what does not meet the standard; returns what the marks stand for, None where there are none."""
    outside = counted.rows[~counted.rows["inside"]]
    if coverage.measure == "opened" or outside.empty or not coverage.known:
        return None
    if coverage.unit != "people":
        _add_unit_gaps(map_, study.areas.loc[outside.index])
        return "units"
    _add_people_gaps(map_, _cluster_people(study, outside), excess_unit(coverage))
    return "people"


def _add_unit_gaps(map_: folium.Map, areas: gpd.GeoDataFrame) -> None:
    style: Style = {
        "color": FARTHEST_COLOUR,
        "weight": 1.5,
        "fillColor": FAR_COLOUR,
        "fillOpacity": 0.65,
        "radius": 5,
    }
    features = [
        feature(shape, style, {"名称": name}) for shape, name in zip(areas.geometry, areas["name"], strict=True)
    ]
    add_layer(map_, "缺口 gaps", features, ["名称"])


def _add_people_gaps(map_: folium.Map, clusters: pd.DataFrame, unit: ExcessUnit) -> None:
    """A circle for each of `_cluster_people`, whose area grows with its people; the largest are drawn below."""
    most_people = clusters["weight"].max()
    features = []
    for cluster in clusters.sort_values("weight", ascending=False).itertuples():
        unreachable = np.isinf(cluster.beyond)
        style: Style = {
            "color": "#ffffff" if unreachable else "#5a2a00",
            "weight": 0.7,
            "fillColor": _excess_colour(cluster.beyond, unit),
            "fillOpacity": 0.75,
            "radius": round(2.5 + 9 * float(np.sqrt(cluster.weight / most_people)), 1),
        }
        properties = {
            "人数": f"{cluster.weight:,.0f}",
            "超出": "—" if unreachable else f"+{cluster.beyond:.0f} {'米' if unit == 'metres' else '分钟'}",
            "原因": cluster.reason or "—",
        }
        features.append(feature(shapely.Point(cluster.lon, cluster.lat), style, properties))
    add_layer(map_, "缺口 gaps", features, ["人数", "超出", "原因"])


def _excess_colour(beyond: float, unit: ExcessUnit) -> str:
    near, far = EXCESS_CLASSES[unit]
    if np.isinf(beyond):
        return UNREACHABLE_COLOUR
    return NEAR_COLOUR if beyond <= near else FAR_COLOUR if beyond <= far else FARTHEST_COLOUR


def _cluster_people(study: Study, outside: pd.DataFrame) -> pd.DataFrame:
    """Sum the people of demand points outside the limit over square cells, as small as `MAX_MARKS` allows.

    People out of reach are kept apart from others, and by reason.

    Returns
    -------
    DataFrame with the columns ``lon``, ``lat`` and ``beyond`` (means weighted by people; ``beyond`` in minutes or
    metres, infinite where out of reach), ``weight`` (people) and ``reason`` ("" within reach)
    """
    lon, lat = (study.demand.loc[outside.index, name].to_numpy() for name in ("lon", "lat"))
    xy = shapely.get_coordinates(projection(study.settings.projection).points(lon, lat))
    table = outside.assign(lon=lon, lat=lat, unreachable=np.isinf(outside["beyond"]))
    table["reason"] = table["reason"].fillna("")
    cell_m = 100.0
    while True:
        keys = [table["unreachable"], table["reason"], *np.floor(xy / cell_m).T]
        groups = table.groupby([np.asarray(key) for key in keys], sort=True)
        if groups.ngroups <= MAX_MARKS:
            break
        cell_m *= 1.5
    means = ["lon", "lat", "beyond"]
    for name in means:
        table[name] *= table["weight"]
    sums = dict.fromkeys([*means, "weight"], "sum")
    clusters = groups.agg(sums | {"reason": "first"}).reset_index(drop=True)
    for name in means:
        clusters[name] /= clusters["weight"]
    return clusters


def add_facilities(map_: folium.Map, facilities: gpd.GeoDataFrame, coverage: Coverage, category: Category) -> None:
    """Draw the facilities that the standard took into account; new ones stand out where it counts openings."""
    features = []
    for facility in facilities.itertuples():
        opened = facility.opened
        is_new = coverage.measure == "opened" and opened is not None and coverage.since <= opened <= coverage.until
        zh, en = category.label_of(facility.subtype)
        style: Style = {
            "color": "#00441b" if is_new else category.colour,
            "weight": 2.2 if is_new else 1.2,
            "fillColor": NEW_FACILITY_COLOUR if is_new else "#ffffff",
            "fillOpacity": 1.0 if facility.geometry.geom_type == "Point" else 0.5,
            "radius": 6 if is_new else 3.6,
        }
        properties = {"名称": facility.name or category.label, "类型": f"{zh} {en}"}
        features.append(feature(facility.geometry, style, properties))
        if is_new and facility.geometry.geom_type != "Point":  # a pocket park can be smaller than a pixel
            point_style = style | {"fillOpacity": 1.0}
            features.append(feature(facility.geometry.representative_point(), point_style, properties))
    add_layer(map_, f"{category.label} {category.label_en}", features, ["名称", "类型"])


def add_names(map_: folium.Map, study: Study) -> None:
    """Write each area's name on its largest part."""
    group = folium.FeatureGroup(name="地名 names")
    areas = study.areas[study.areas["level"] == study.reporting_level]
    parts = areas.geometry.explode()
    size = gpd.GeoSeries(parts, crs=4326).to_crs(study.settings.projection).area
    largest = parts.iloc[size.argsort()].groupby(level=0).last()
    for name, point in zip(areas["name"], largest[areas.index].representative_point(), strict=True):
        # The icon's HTML becomes part of a script, so quotes, brackets and backslashes of a name are escaped too.
        text = "".join(c if c.isalnum() or c in " -·（）" else f"&#{ord(c)};" for c in str(name))
        icon = folium.DivIcon(html=f'<span class="fwq-name">{text}</span>', icon_size=(0, 0))
        folium.Marker((point.y, point.x), icon=icon, interactive=False).add_to(group)
    group.add_to(map_)


def feature(shape: BaseGeometry, style: Style, properties: Mapping[str, str]) -> GeoJsonFeature:
    """A GeoJSON feature with coordinates to a metre, its style, and properties that its tooltip shows."""
    rounded = shapely.transform(shape, lambda xy: xy.round(5))
    return {
        "type": "Feature",
        "geometry": shapely.geometry.mapping(rounded),
        "properties": {"style": style, **{name: escape_text(value) for name, value in properties.items()}},
    }


def add_layer(
    map_: folium.Map, name: str, features: list[GeoJsonFeature], fields: list[str], is_shown: bool = True
) -> None:
    """Add a layer whose features show ``fields`` in a tooltip; no layer where there are no features.

    One that is not shown at first has to be switched on.
    """
    if not features:
        return
    for number, drawn in enumerate(features):
        drawn["id"] = str(number)
    folium.GeoJson(
        {"type": "FeatureCollection", "features": features},
        name=name,
        style_function=lambda drawn: drawn["properties"]["style"],
        show=is_shown,
        marker=folium.CircleMarker(fill=True),
        tooltip=folium.GeoJsonTooltip(fields=fields, aliases=fields) if fields else None,
    ).add_to(map_)
