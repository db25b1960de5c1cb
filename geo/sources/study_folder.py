"""Writes a built study to its folder, all of it or nothing, and keeps what people edited there."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import geopandas as gpd
import pandas as pd
import tomli_w

from geo.errors import StudyError
from geo.sources.summary import Progress
from geo.study import areas, demand, geojson, land, restrictions, standards, study
from geo.study import folder as study_files
from geo.study.categories import FILE, Categories
from geo.study.settings import StudySettings, read_settings


@dataclass(frozen=True)
class Contents:
    """What a study folder holds.

    ``settings`` become `study.toml`; ``standards`` and ``categories`` are the texts of `standards.toml` and
    `categories.toml`, the latter None if the study has no categories of its own; ``report`` is that of `build.json`.
    """

    settings: Mapping[str, object]
    standards: str
    categories: str | None
    areas: gpd.GeoDataFrame
    facilities: gpd.GeoDataFrame
    demand: pd.DataFrame
    streets: gpd.GeoDataFrame
    turn_restrictions: Sequence[restrictions.Path]
    residential_land: gpd.GeoDataFrame
    report: str


def check_usable(folder: Path) -> None:
    """Refuse a folder that holds something other than a study.

    Raises
    ------
    StudyError
        It is a file, or it holds files but no `study.toml`. A file of categories may be there first.
    """
    if folder.is_dir():
        study_files.recover(folder)
    if not folder.exists():
        return
    if not folder.is_dir() or (
        {file.name for file in folder.iterdir() if not study_files.is_leftover(file)} - {FILE}
        and not (folder / "study.toml").exists()
    ):
        raise StudyError(f"{folder}: exists and is no study folder; give another name")


def existing(folder: Path, study_id: str) -> StudySettings | None:
    """The settings of the study that ``folder`` holds already; None if it holds none.

    Raises
    ------
    StudyError
        It holds another study, or its settings cannot be read.
    """
    if not (folder / "study.toml").exists():
        return None
    about = read_settings(folder / "study.toml")
    if about.id != study_id:
        raise StudyError(f"{folder}: holds the study {about.id!r}, and this is {study_id!r}; give another name")
    return about


def existing_standards(folder: Path, categories: Categories) -> str:
    """The text of a study's standards, checked; they may name ``categories``.

    Raises
    ------
    StudyError
        The file cannot be read, or a standard in it is wrong.
    """
    standards.read(folder / "standards.toml", categories)
    return (folder / "standards.toml").read_text("utf-8")


def write(folder: Path, contents: Contents, progress: Progress) -> None:
    """Write a study: first into a draft, which replaces the old files once all files are written and can be read.

    Raises
    ------
    StudyError
        The folder cannot be written.
    """
    try:
        with study_files.draft(folder) as scratch:
            _write_files(scratch, contents)
            study.read(scratch)
            study_files.replace_files(folder, scratch)
        progress("files written", 1)
    except OSError as error:
        raise StudyError(f"{folder}: cannot be written: {error.strerror}") from error


def _write_files(folder: Path, contents: Contents) -> None:
    (folder / "build.json").write_text(contents.report, "utf-8")
    _write_json(areas.to_geojson(contents.areas), folder / "areas.geojson")
    _write_json(geojson.feature_collection(contents.facilities), folder / "facilities.geojson")
    demand.write(contents.demand, folder / "demand.csv")
    contents.streets.to_parquet(folder / "streets.parquet", compression="zstd")
    restrictions.write(contents.turn_restrictions, folder / restrictions.FILE)
    land.write(contents.residential_land, folder / land.FILE)
    settings = {key: value for key, value in contents.settings.items() if value is not None}
    (folder / "study.toml").write_text(tomli_w.dumps(settings), "utf-8")
    (folder / "standards.toml").write_text(contents.standards, "utf-8")
    if contents.categories is not None:
        (folder / FILE).write_text(contents.categories, "utf-8")


def _write_json(collection: Mapping[str, object], path: Path) -> None:
    features = ",\n".join(
        json.dumps(feature, ensure_ascii=False) for feature in cast(list[object], collection["features"])
    )
    path.write_text('{"type": "FeatureCollection", "features": [\n' + features + "\n]}\n", "utf-8")
