"""The gap map of one standard: areas shaded by share, people beyond the limit by how many and how far, facilities."""

import html
from typing import Any

import folium
import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.geodesy.projection import projection
from geo.measures.counting import CountedUnits
from geo.measures.coverage import Coverage
from geo.study import categories
from geo.study.study import Study
from maps import labels
from maps.offline import Assets, Html, OfflineFigure, offline_map, templates

# Blue for shares, orange to brown for gaps: apart for every kind of colour blindness (ColorBrewer Blues and YlOrBr).
SHARES = ((0.2, "#f7fbff"), (0.4, "#dbe9f6"), (0.6, "#b5d4e9"), (0.8, "#86b9dc"), (1.0, "#5299cb"))
NO_SHARE = "#e8e8e8"
NEAR, FAR, FARTHEST, LOST = "#fec44f", "#ec7014", "#993404", "#111111"
STEPS = {"minutes": (5.0, 15.0), "metres": (250.0, 1000.0)}
MAIN_ROADS = ("motorway", "trunk", "primary", "secondary")
MOST_MARKS = 600
MOST_VERTICES = 80_000


def render(
    study: Study,
    answer: Coverage,
    counted: CountedUnits,
    assets: Assets = "inline",
    static_url: str = "/static",
    tiles: str | None = None,
    tiles_attribution: str = "",
) -> str:
    """The page as HTML.

    Parameters
    ----------
    answer, counted : what `geo.measures.coverage` says of it, summed and row by row
    assets : "inline" makes one file that opens from disk, "linked" takes Leaflet from ``static_url``
    tiles, tiles_attribution : address template of the operator's own background tiles, and whom the map names for
        them; None: no background, no request
    """
    figure = OfflineFigure(assets, static_url, f"{answer.name} · {study.settings.name}")
    map_ = offline_map(figure, tiles, _inert(tiles_attribution))
    _add_areas(map_, study, answer)
    _add_streets(map_, study)
    marks = _add_gaps(map_, study, answer, counted)
    _add_facilities(map_, counted.facilities, answer)
    _add_names(map_, study)
    folium.LayerControl(collapsed=True).add_to(map_)
    west, south, east, north = bounds(study)
    panel = _panel(study, answer, marks) | {
        "map_name": map_.get_name(),
        "bounds": [[south, west], [north, east]],
        "credit": html.escape(study.settings.attribution),
    }
    figure.html.add_child(Html(templates.get_template("gapmap.html").render(**panel)))
    return figure.render()


def _panel(study: Study, answer: Coverage, marks: str | None) -> dict[str, Any]:
    low, high = STEPS["metres" if answer.metres else "minutes"]
    unit = "米 m" if answer.metres else "分钟 min"
    return {
        "about": study.settings,
        "answer": answer,
        "headline": labels.headline(answer),
        "limit": labels.limit(answer),
        "unit": labels.UNITS[answer.unit],
        "shares": None if answer.measure == "opened" else SHARES,
        "gaps": [
            (NEAR, f"超出 over by ≤ {low:g} {unit}"),
            (FAR, f"超出 over by {low:g}–{high:g} {unit}"),
            (FARTHEST, f"超出 over by > {high:g} {unit}"),
            (LOST, "不可达 out of reach"),
        ]
        if marks == "people"
        else [],
        "marks": marks,
        "category": categories.category(answer.category),
    }


def _add_areas(map_: folium.Map, study: Study, answer: Coverage) -> None:
    shares = {area.code: area for area in answer.areas}
    units = study.areas[study.areas.index.isin(shares) & (study.areas.geom_type != "Point")]
    features = []
    for code, shape in units.geometry.items():
        area = shares[code]
        # A single area would be one block of colour that hides all else.
        fill = NO_SHARE if area.share is None or len(units) == 1 else _shade(area.share)
        share = "—" if area.share is None else f"{area.share:.1%}"
        if answer.measure == "opened":
            share = f"{area.covered:g}"
        features.append(
            _feature(
                shape,
                {"color": "#41556b", "weight": 1.4, "fillColor": fill, "fillOpacity": 1.0},
                名称=area.name,
                达标=share,
                数量=f"{area.covered:,.0f} / {area.total:,.0f} {labels.UNITS[answer.unit]}",
                人口=f"{area.people:,.0f}",
            )
        )
    _layer(map_, "区域 areas", features, ["名称", "达标", "数量", "人口"])


def _shade(share: float) -> str:
    return next(colour for upper, colour in SHARES if share <= upper or upper == 1.0)


def _add_streets(map_: folium.Map, study: Study) -> None:
    if study.streets is None:
        return
    lines = shapely.simplify(study.streets.geometry.to_numpy(), 5e-5)  # degrees, some 5 m
    main = study.streets["highway"].str.removesuffix("_link").isin(MAIN_ROADS).to_numpy()
    for name, part, style in (
        ("街巷 streets", lines[~main], {"color": "#8a8f98", "weight": 0.6, "opacity": 0.55}),
        ("干道 main roads", lines[main], {"color": "#6b5b4b", "weight": 1.6, "opacity": 0.8}),
    ):
        if len(part) and shapely.get_num_coordinates(part).sum() <= MOST_VERTICES:
            _layer(map_, name, [_feature(shapely.multilinestrings(part), style)], [])


def _add_gaps(map_: folium.Map, study: Study, answer: Coverage, counted: CountedUnits) -> str | None:
    """Draw what is outside the standard; says which marks were drawn: people, units or none."""
    outside = counted.rows[~counted.rows["inside"]]
    if answer.measure == "opened" or outside.empty:
        return None
    if answer.unit != "people":
        units = study.areas.loc[outside.index]
        style = {"color": FARTHEST, "weight": 1.5, "fillColor": FAR, "fillOpacity": 0.65, "radius": 5}
        features = [
            _feature(row.geometry, style, 名称=row.name_)
            for row in units.rename(columns={"name": "name_"}).itertuples()
        ]
        _layer(map_, "缺口 gaps", features, ["名称"])
        return "units"
    unit = "metres" if answer.metres is not None else "minutes"
    marks = _clusters(study, outside)
    largest = marks["weight"].max()
    features = []
    for mark in marks.sort_values("weight", ascending=False).itertuples():
        far = "—" if np.isinf(mark.beyond) else f"+{mark.beyond:.0f} {'米' if unit == 'metres' else '分钟'}"
        style = {
            "color": "#ffffff" if np.isinf(mark.beyond) else "#5a2a00",
            "weight": 0.7,
            "fillColor": _gap_colour(mark.beyond, unit),
            "fillOpacity": 0.75,
            "radius": round(2.5 + 9 * float(np.sqrt(mark.weight / largest)), 1),
        }
        features.append(
            _feature(
                shapely.Point(mark.lon, mark.lat),
                style,
                人数=f"{mark.weight:,.0f}",
                超出=far,
                原因=mark.reason or "—",
            )
        )
    _layer(map_, "缺口 gaps", features, ["人数", "超出", "原因"])
    return "people"


def _gap_colour(beyond: float, unit: str) -> str:
    low, high = STEPS[unit]
    return LOST if np.isinf(beyond) else NEAR if beyond <= low else FAR if beyond <= high else FARTHEST


def _clusters(study: Study, outside: pd.DataFrame) -> pd.DataFrame:
    """People outside, summed over square cells just wide enough that a map can hold them.

    Columns: ``lon, lat, beyond`` (means weighted by people), ``weight``, ``reason``; those out of reach apart.
    """
    lon, lat = (study.demand.loc[outside.index, name].to_numpy() for name in ("lon", "lat"))
    xy = shapely.get_coordinates(projection(study.settings.projection).points(lon, lat))
    table = outside.assign(lon=lon, lat=lat, lost=np.isinf(outside["beyond"]))
    table["reason"] = table["reason"].fillna("")
    metres = 100.0
    while True:
        cells = [table["lost"], table["reason"], *np.floor(xy / metres).T]
        groups = table.groupby([np.asarray(cell) for cell in cells], sort=True)
        if groups.ngroups <= MOST_MARKS:
            break
        metres *= 1.5
    for name in ("lon", "lat", "beyond"):
        table[name] *= table["weight"]
    marks = groups.agg({"lon": "sum", "lat": "sum", "beyond": "sum", "weight": "sum", "reason": "first"}).reset_index(
        drop=True
    )
    for name in ("lon", "lat", "beyond"):
        marks[name] /= marks["weight"]
    return marks


def _add_facilities(map_: folium.Map, chosen: gpd.GeoDataFrame, answer: Coverage) -> None:
    category = categories.category(answer.category)
    features = []
    for row in chosen.itertuples():
        new = answer.measure == "opened" and row.opened is not None and answer.since <= row.opened <= answer.until
        zh, en = category.subtypes.get(row.subtype, (category.label, category.label_en))
        style = {
            "color": "#00441b" if new else "#1b4d3e",
            "weight": 2.2 if new else 1.2,
            "fillColor": "#f0027f" if new else "#ffffff",
            "fillOpacity": 1.0 if row.geometry.geom_type == "Point" else 0.5,
            "radius": 6 if new else 3.6,
        }
        texts = {"名称": row.name or category.label, "类型": f"{zh} {en}"}
        features.append(_feature(row.geometry, style, **texts))
        if new and row.geometry.geom_type != "Point":  # a pocket park is smaller than a pixel
            features.append(_feature(row.geometry.representative_point(), style | {"fillOpacity": 1.0}, **texts))
    _layer(map_, f"{category.label} {category.label_en}", features, ["名称", "类型"])


def _add_names(map_: folium.Map, study: Study) -> None:
    group = folium.FeatureGroup(name="地名 names")
    units = study.areas[study.areas["level"] == study.reporting_level]
    parts = units.geometry.explode()
    size = gpd.GeoSeries(parts, crs=4326).to_crs(study.settings.projection).area
    largest = parts.iloc[size.argsort()].groupby(level=0).last()
    for name, point in zip(units["name"], largest[units.index].representative_point(), strict=True):
        # The icon's HTML stands in a script: no quote, no bracket and no backslash of a name gets there as it is.
        text = "".join(c if c.isalnum() or c in " -·（）" else f"&#{ord(c)};" for c in str(name))
        icon = folium.DivIcon(html=f'<span class="fwq-name">{text}</span>', icon_size=(0, 0))
        folium.Marker((point.y, point.x), icon=icon, interactive=False).add_to(group)
    group.add_to(map_)


def _feature(shape: Any, style: dict[str, Any], **properties: str) -> dict[str, Any]:
    shape = shapely.transform(shape, lambda xy: xy.round(5))
    escaped = {key: _inert(value) for key, value in properties.items()}
    return {
        "type": "Feature",
        "geometry": shapely.geometry.mapping(shape),
        "properties": {"style": style, **escaped},
    }


def _inert(text: object) -> str:
    # Leaflet shows properties as HTML, and branca runs every finished script once more as a Jinja template.
    return html.escape(str(text)).replace("{", "&#123;")


def _layer(map_: folium.Map, name: str, features: list[dict[str, Any]], fields: list[str]) -> None:
    if not features:
        return
    for number, feature in enumerate(features):
        feature["id"] = str(number)
    folium.GeoJson(
        {"type": "FeatureCollection", "features": features},
        name=name,
        style_function=lambda feature: feature["properties"]["style"],
        marker=folium.CircleMarker(fill=True),
        tooltip=folium.GeoJsonTooltip(fields=fields, aliases=fields) if fields else None,
    ).add_to(map_)


def bounds(study: Study) -> tuple[float, float, float, float]:
    """West, south, east and north of what a map of the study should show, WGS84 degrees."""
    extent = study.areas.total_bounds
    if (study.areas.geom_type == "Point").all():
        places = study.demand[["lon", "lat"]]
        extent = np.concatenate([places.min(), places.max()])
    west, south, east, north = (round(float(bound), 5) for bound in extent)
    return west, south, east, north
