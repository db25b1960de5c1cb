"""Draw a map of a standard's coverage from the API alone: towns shaded by share, and the facilities that count.

    python examples/coverage_map.py http://127.0.0.1:8000 map.html park-500

It needs folium. The page that it writes loads Leaflet, Bootstrap and more from other machines, as pages of folium do;
the program's own maps (/maps/park-500, `fuwuquan map`) load nothing from anywhere else.
"""

import html
import json
import sys
from datetime import date
from urllib.parse import quote
from urllib.request import urlopen

import folium

SHADES = ((0.2, "#f7fbff"), (0.4, "#dbe9f6"), (0.6, "#b5d4e9"), (0.8, "#86b9dc"), (float("inf"), "#5299cb"))
PANEL = "position: fixed; z-index: 1000; left: 1em; bottom: 1em; max-width: 26em; padding: 0.5em; background: white"


def get(address):
    with urlopen(address, timeout=60) as response:
        return json.load(response)


def items(address):
    """All features of a collection, page after page, but those without a place."""
    while address:
        page = get(address)
        yield from (one for one in page["features"] if one["geometry"])
        address = next((link["href"] for link in page["links"] if link["rel"] == "next"), None)


def percent(share):
    return "—" if share is None else f"{share:.1%}"


def safe(lines):
    """Lines as HTML. Folium escapes nothing, and runs what it writes as a template of Jinja: no braces, then."""
    return "<br>".join(html.escape(line).replace("{", "&#123;") for line in lines if line)


def shown(feature, weight, colour, *lines):
    style = {"fillColor": colour, "fillOpacity": 1, "color": "#41556b", "weight": weight}
    return {"type": "Feature", "geometry": feature["geometry"], "properties": {"style": style, "told": safe(lines)}}


def layer(map_, features):
    whole, dot = {"type": "FeatureCollection", "features": features}, folium.CircleMarker(radius=3)
    tooltip = folium.GeoJsonTooltip(["told"], labels=False) if features else None
    return folium.GeoJson(whole, lambda one: one["properties"]["style"], marker=dot, tooltip=tooltip).add_to(map_)


def draw(server, standard):
    api, name = server.rstrip("/") + "/v1", quote(standard, safe="")
    answer, about = get(f"{api}/coverage/{name}"), get(f"{api}/collections/coverage-{name}")
    people = {one["id"]: one["properties"]["population"] for one in items(f"{api}/collections/areas/items?limit=1000")}
    map_, areas = folium.Map(tiles=None), []
    for one in items(f"{api}/collections/coverage-{name}/items"):
        own, share = one["properties"], one["properties"]["share"]
        colour = "#e8e8e8" if share is None else next(shade for most, shade in SHADES if share <= most)
        counts = f"{own['covered']:,.0f} / {own['total']:,.0f} {answer['unit']}, 人口 people {people[one['id']]:,.0f}"
        areas.append(shown(one, 1.4, colour, own["name"], percent(share), counts))
    wanted = f"category={answer['category']}&datetime={date.today()}&limit=1000"
    found = items(f"{api}/collections/facilities/items?{wanted}")
    facilities = [shown(one, 0.5, "#2e7d32", one["properties"]["name"] or one["id"]) for one in found]
    map_.fit_bounds(layer(map_, areas).get_bounds())
    layer(map_, facilities)
    how = (f"{key} {answer[key]}" for key in ("measure", "method", "mode", "speed_kph", "minutes", "metres"))
    lines = [f"{answer['name']} {percent(answer['share'])}", ", ".join(one for one in how if "None" not in one)]
    lines += [answer["source"], "示例数据 sample" if answer["sample"] else "", about["notice"], about["attribution"]]
    map_.get_root().html.add_child(folium.Element(f'<div style="{PANEL}">{safe(lines)}</div>'))
    return map_


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(f"needs the server, the file to write and perhaps the standard:\n{__doc__}")
    server, page, standard = [*sys.argv[1:], "park-500"][:3]
    draw(server, standard).save(page)
