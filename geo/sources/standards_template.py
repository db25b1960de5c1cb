"""The standards that a new study starts with: those of the template that its data can answer."""

import re
import tomllib
from collections.abc import Mapping
from importlib import resources

import geopandas as gpd
import pandas as pd

from geo.sources.summary import Summary
from geo.study.categories import Categories


def answerable(
    facilities: gpd.GeoDataFrame,
    areas: gpd.GeoDataFrame,
    people: pd.DataFrame,
    categories: Categories,
    summary: Summary,
) -> str:
    """The text of a `standards.toml` with the standards that the study's data can answer.

    The summary names each standard that is left out, and the reason.
    """
    template = resources.files("geo.study").joinpath("standards.toml").read_text("utf-8")
    head, *blocks = re.split(r"(?m)^(?=\[\[standard\]\])", template)
    kept = []
    for block in blocks:
        standard = tomllib.loads(block)["standard"][0]
        missing = _missing(standard, facilities, areas, categories) or _without_people(standard, people)
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


def _without_people(standard: Mapping[str, str], people: pd.DataFrame) -> str | None:
    """That a standard is about urban or rural people, where it is known of everybody that there is none; else None."""
    group, urban = standard.get("people"), people["urban"]
    if group not in ("urban", "rural") or urban.isna().any():
        return None
    has_some = people["population"][urban == (1 if group == "urban" else 0)].sum() > 0
    return None if has_some else f"nobody here is {group}"
