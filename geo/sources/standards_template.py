"""The standards that a new study starts with: those of the template that its data can answer."""

import re
import tomllib
from collections.abc import Mapping
from importlib import resources

import geopandas as gpd

from geo.sources.summary import Summary
from geo.study.categories import Categories


def answerable(facilities: gpd.GeoDataFrame, areas: gpd.GeoDataFrame, categories: Categories, summary: Summary) -> str:
    """The text of a `standards.toml` with the standards that the study's data can answer.

    The summary names each standard that is left out, and the reason.
    """
    template = resources.files("geo.study").joinpath("standards.toml").read_text("utf-8")
    head, *blocks = re.split(r"(?m)^(?=\[\[standard\]\])", template)
    kept = []
    for block in blocks:
        standard = tomllib.loads(block)["standard"][0]
        missing = _missing(standard, facilities, areas, categories)
        if missing:
            summary.add("standard left out 未采用标准", 1, f"{standard['id']}: {missing}")
        else:
            kept.append(block)
    summary.add("standards 标准", len(kept), "in standards.toml, to be edited")
    return head + "".join(kept)


def _missing(
    standard: Mapping[str, str], facilities: gpd.GeoDataFrame, areas: gpd.GeoDataFrame, categories: Categories
) -> str | None:
    """What the data lack to answer a standard; None if nothing."""
    chosen = facilities[facilities["category"] == standard["category"]]
    if chosen.empty:
        return f"no {categories[standard['category']].label_en.lower()} is known"
    if standard["measure"] == "opened" and chosen["opened"].isna().all():
        return "no opening date is known"
    if standard["measure"] == "presence" and not (areas["level"] == standard["units"]).any():
        return f"no {standard['units']} is known"
    return None
