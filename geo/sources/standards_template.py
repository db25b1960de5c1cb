"""The standards that a new study starts with."""

import re
import tomllib
from importlib import resources

import geopandas as gpd

from geo.sources.summary import Summary
from geo.study import categories


def answerable(places: gpd.GeoDataFrame, units: gpd.GeoDataFrame, summary: Summary) -> str:
    """The standards that the study's data can answer, as text; the others are named in the summary."""
    template = resources.files("geo.study").joinpath("standards.toml").read_text("utf-8")
    head, *blocks = re.split(r"(?m)^(?=\[\[standard\]\])", template)
    kept = []
    for block in blocks:
        row = tomllib.loads(block)["standard"][0]
        chosen = places[places["category"] == row["category"]]
        lacking = None
        if chosen.empty:
            lacking = f"no {categories.category(row['category']).label_en.lower()} is known"
        elif row["measure"] == "opened" and chosen["opened"].isna().all():
            lacking = "no opening date is known"
        elif row["measure"] == "presence" and not (units["level"] == row["units"]).any():
            lacking = f"no {row['units']} is known"
        if lacking:
            summary.add("standard left out 未采用标准", 1, f"{row['id']}: {lacking}")
        else:
            # For another place the plan is a template.
            kept.append(block.replace('source = "永康市', 'source = "样板 template: 永康市'))
    summary.add("standards 标准", len(kept), "in standards.toml, to be edited")
    return head + "".join(kept)
