"""Draw a map of one standard's coverage with nothing but the HTTP API: areas by share, and the facilities that count.

    python examples/coverage_map.py http://127.0.0.1:8000 map.html park-500

It needs folium. Like all pages of folium, the page loads Leaflet, Bootstrap and more from other servers. The program's
own maps (/maps/park-500, `fuwuquan map`) load nothing from elsewhere.
"""

import html
import json
import sys
from datetime import date
from urllib.parse import quote
from urllib.request import urlopen

import folium

# (highest share, colour); the last step takes shares above 80 %.
COLOURS = ((0.2, "#f7fbff"), (0.4, "#dbe9f6"), (0.6, "#b5d4e9"), (0.8, "#86b9dc"), (float("inf"), "#5299cb"))
NO_SHARE_COLOUR = "#e8e8e8"
PANEL = "position: fixed; z-index: 1000; left: 1em; bottom: 1em; max-width: 26em; padding: 0.5em; background: white"


def get_json(url):
    with urlopen(url, timeout=60) as response:
        return json.load(response)


def features(url):
    """Yield all features of a collection that have a geometry, following the links to further pages."""
    while url:
        page = get_json(url)
        yield from (feature for feature in page["features"] if feature["geometry"])
        url = next((link["href"] for link in page["links"] if link["rel"] == "next"), None)


def percent(share):
    return "—" if share is None else f"{share:.1%}"


def escaped(lines):
    """Join lines as HTML. Folium escapes nothing and renders its output as a Jinja template, so braces are escaped."""
    return "<br>".join(html.escape(line).replace("{", "&#123;") for line in lines if line)


def styled_feature(feature, weight, colour, *tooltip_lines):
    style = {"fillColor": colour, "fillOpacity": 1, "color": "#41556b", "weight": weight}
    properties = {"style": style, "tooltip": escaped(tooltip_lines)}
    return {"type": "Feature", "geometry": feature["geometry"], "properties": properties}


def add_layer(map_, styled_features):
    collection = {"type": "FeatureCollection", "features": styled_features}
    tooltip = folium.GeoJsonTooltip(["tooltip"], labels=False) if styled_features else None
    layer = folium.GeoJson(
        collection,
        style_function=lambda feature: feature["properties"]["style"],
        marker=folium.CircleMarker(radius=3),
        tooltip=tooltip,
    )
    return layer.add_to(map_)


def area_features(api, name, unit):
    """Return the areas of a standard, coloured by share, with the counts in the tooltip."""
    areas = features(f"{api}/collections/areas/items?limit=1000")
    people = {area["id"]: area["properties"]["population"] for area in areas}
    styled = []
    for area in features(f"{api}/collections/coverage-{name}/items"):
        properties, share = area["properties"], area["properties"]["share"]
        colour = NO_SHARE_COLOUR if share is None else next(colour for most, colour in COLOURS if share <= most)
        counts = f"{properties['covered']:,.0f} / {properties['total']:,.0f} {unit}"
        counts += f", 人口 people {people[area['id']]:,.0f}"
        styled.append(styled_feature(area, 1.4, colour, properties["name"], percent(share), counts))
    return styled


def facility_features(api, category):
    """Return the facilities of a category that exist today."""
    facilities = features(f"{api}/collections/facilities/items?category={category}&datetime={date.today()}&limit=1000")
    return [
        styled_feature(facility, 0.5, "#2e7d32", facility["properties"]["name"] or facility["id"])
        for facility in facilities
    ]


def panel(coverage, collection):
    """Return the box with the result, how it was measured, its source, and where the data comes from."""
    members = ("measure", "method", "mode", "speed_kph", "minutes", "metres")
    lines = [
        f"{coverage['name']} {percent(coverage['share'])}",
        ", ".join(f"{member} {coverage[member]}" for member in members if coverage[member] is not None),
        coverage["source"],
        "示例数据 sample" if coverage["sample"] else "",
        collection["notice"],
        collection["attribution"],
    ]
    return folium.Element(f'<div style="{PANEL}">{escaped(lines)}</div>')


def draw(server, standard):
    """Return the folium map of a standard."""
    api, name = server.rstrip("/") + "/v1", quote(standard, safe="")
    coverage = get_json(f"{api}/coverage/{name}")
    map_ = folium.Map(tiles=None)
    areas = add_layer(map_, area_features(api, name, coverage["unit"]))
    map_.fit_bounds(areas.get_bounds())
    add_layer(map_, facility_features(api, coverage["category"]))
    map_.get_root().html.add_child(panel(coverage, get_json(f"{api}/collections/coverage-{name}")))
    return map_


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(f"give the server, the file to write and, if you like, the standard:\n{__doc__}")
    server, path, standard = [*sys.argv[1:], "park-500"][:3]
    draw(server, standard).save(path)
