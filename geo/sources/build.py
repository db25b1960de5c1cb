"""Builds a study folder from what anyone can download: an OpenStreetMap extract, a population source, own lists.

The command line calls `build`. Its steps are functions here; what they need of a file format is in the modules of this
folder.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from shapely.geometry.base import BaseGeometry

from geo.errors import ExtractError, InputError
from geo.geodesy.projection import projection, utm
from geo.sources import elevation, own_lists, population, standards_template, study_folder
from geo.sources.osm import boundaries
from geo.sources.osm import extract as osm
from geo.sources.osm.boundaries import Boundary
from geo.sources.summary import Progress, Summary
from geo.study import areas, categories, demand, facilities
from geo.study.settings import StudySettings
from geo.study.streets import COLUMNS, OFF_GROUND, PACE_COLUMNS

KEPT_SETTINGS = {"name", "name_en", "notice", "notice_en", "timezone", "max_connector_m", "detour", "speeds"}
"""Settings of `study.toml` that people edit, and that a second build keeps."""
OSM_LICENCE = "© OpenStreetMap contributors (ODbL)"


@dataclass(frozen=True)
class Sources:
    """The files that a study is built from, and what to take of them.

    Attributes
    ----------
    osm : OpenStreetMap extract
    area : name or id of the boundary to cut out; None takes the whole extract as one area
    population : CSV table or raster of people; None spreads people over residential buildings
    people : how many people there are in total; None takes the numbers of the source
    areas : own towns and villages; None takes the extract's boundaries
    level : the admin_level of the sub-areas; None takes the finest that covers the area
    facilities : own lists, added to the extract's facilities
    elevation : raster of heights in metres; None takes all streets as flat
    coordinates : the coordinate system of own files; None takes what each file states, else WGS84
    margin_m : how far beyond the area streets and facilities are kept, in metres
    """

    osm: Path
    area: str | None = None
    population: Path | None = None
    people: float | None = None
    areas: Path | None = None
    level: int | None = None
    facilities: Sequence[Path] = ()
    elevation: Path | None = None
    coordinates: str | None = None
    margin_m: float = 15_000.0


@dataclass(frozen=True)
class _Place:
    """The place that a study is of: a boundary of the extract, or the whole extract where ``boundary`` is None.

    ``outline`` is the boundary's polygon, and ``surroundings`` that polygon widened by the margin, within which streets
    and facilities are kept; both are WGS84, and None for the whole extract.
    """

    id: str
    name: str
    name_en: str
    boundary: Boundary | None
    outline: BaseGeometry | None
    surroundings: BaseGeometry | None


def build(folder: Path, sources: Sources, progress: Progress) -> Summary:
    """Make the study ``folder``, or make it again with newer sources.

    Nothing is written unless the whole study can be. A study that is made again keeps what people edit: its standards,
    its name, speeds and distances, and a register that lies in the folder.

    Raises
    ------
    InputError
        A source is missing or unusable (ExtractError, TableError), or the folder holds something other than this
        study (StudyError).
    """
    study_folder.check_usable(folder)
    summary = Summary()
    drawn = boundaries.read(sources.osm, progress)
    place = _place(sources, drawn)
    old = study_folder.existing(folder, place.id)
    extract = osm.read(sources.osm, drawn, place.surroundings, progress)
    streets, crs = _streets(extract, sources, place, summary)
    units = _areas(extract, sources, place.boundary, place.outline, summary)
    people = _people(extract, sources, units, place.outline, crs, summary)
    progress("people", len(people))
    register = _facilities(extract, sources, units, place.outline, place.surroundings, crs, summary)
    for reason, count in sorted(extract.left_out.items()):
        summary.left_out(count, reason)
    if old is None:
        standards = standards_template.answerable(register, units, summary)
    else:
        standards = study_folder.existing_standards(folder)
        summary.add("kept 保留", 1, "name, speeds and distances of study.toml; standards.toml")
    settings = _settings(sources, place, crs, extract.data_date, old)
    contents = study_folder.Contents(settings, standards, units, register, people, streets)
    study_folder.write(folder, contents, progress)
    return summary


def _place(sources: Sources, drawn: Sequence[Boundary]) -> _Place:
    if sources.area is None:
        name = sources.osm.name.split(".")[0]
        return _Place(_slug(name), name, "", None, None, None)
    boundary = boundaries.find(drawn, sources.area)
    surroundings = widened(boundary.geometry, sources.margin_m)
    identity = f"{_slug(boundary.name)}-{boundary.osm_id}"
    return _Place(identity, boundary.name, boundary.name_en or "", boundary, boundary.geometry, surroundings)


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "study"


def widened(outline: BaseGeometry, margin_m: float) -> BaseGeometry:
    """A WGS84 polygon with all that lies within a margin of it."""
    metric = projection(utm(outline))
    return metric.inverse(metric.forward(outline).buffer(margin_m))


def _streets(extract: osm.Extract, sources: Sources, place: _Place, summary: Summary) -> tuple[gpd.GeoDataFrame, str]:
    """The streets in and around the place, with slopes where elevation is given, and the study's projection."""
    streets = extract.streets if place.surroundings is None else _streets_within(extract.streets, place.surroundings)
    summary.add("streets 街道", len(streets), f"edges, {streets['length_m'].sum() / 1000:,.0f} km")
    crs = utm(shapely.box(*streets.total_bounds) if place.outline is None else place.outline)
    if sources.elevation is not None:
        streets = _with_slopes(streets, sources.elevation, crs, summary)
    return streets.drop(columns=OFF_GROUND), crs


def _with_slopes(streets: gpd.GeoDataFrame, path: Path, crs: str, summary: Summary) -> gpd.GeoDataFrame:
    """Streets with the columns `PACE_COLUMNS`, from a raster of heights."""
    slopes = elevation.slopes_along(streets, path, crs)
    remark = f"edges, from {path.name}: slopes {slopes.mean:.1%} on average, {slopes.steepest:.0%} at most"
    summary.add("elevation 高程", slopes.known.sum(), remark)
    if slopes.clipped:
        limit = f"{elevation.STEEPEST:.0%}"
        summary.note(slopes.clipped, f"edges have pieces steeper than {limit}, which count as {limit} steep")
    if not slopes.known.all():
        km = streets["length_m"][~slopes.known].sum() / 1000
        summary.note((~slopes.known).sum(), f"edges, {km:,.1f} km, have no height in {path.name}; they count as flat")
    forward, backward = PACE_COLUMNS
    columns = {forward: slopes.forward.astype(np.float32), backward: slopes.backward.astype(np.float32)}
    return streets.assign(**columns)[[*COLUMNS, *PACE_COLUMNS, OFF_GROUND, "geometry"]]


def _streets_within(streets: gpd.GeoDataFrame, polygon: BaseGeometry) -> gpd.GeoDataFrame:
    """The streets that touch a polygon, with their nodes numbered anew."""
    touching = streets[streets.intersects(polygon)].reset_index(drop=True)
    if touching.empty:
        raise ExtractError("the extract holds no street in or around the area")
    nodes = np.unique(touching[["u", "v"]].to_numpy(), return_inverse=True)[1].reshape(-1, 2)
    return touching.assign(u=nodes[:, 0].astype(np.int32), v=nodes[:, 1].astype(np.int32))


def _settings(
    sources: Sources, place: _Place, crs: str, data_date: date | None, old: StudySettings | None
) -> dict[str, Any]:
    """The settings of the study's `study.toml`: defaults, those kept of the ``old`` study, and the sources' own."""
    attribution = OSM_LICENCE
    if sources.population is not None:
        attribution += f"; 人口 population: {sources.population.name}"
    if sources.elevation is not None:
        attribution += f"; 高程 elevation: {sources.elevation.name}"
    name_en = "" if place.name_en == place.name else place.name_en
    defaults = StudySettings(id=place.id, name=place.name, name_en=name_en, projection=crs)
    return {
        **defaults.model_dump(exclude={"data_date", "sample"}),
        **({} if old is None else old.model_dump(include=KEPT_SETTINGS)),
        "attribution": attribution,
        "data_date": data_date,
    }


def _areas(
    extract: osm.Extract, sources: Sources, whole: Boundary | None, outline: Any, summary: Summary
) -> gpd.GeoDataFrame:
    if sources.areas is not None:
        units = own_lists.read_areas(sources.areas, sources.coordinates, summary)
        if outline is not None:
            inside = units.representative_point().intersects(outline)
            if not inside.all():
                summary.add("left out 未采用", int((~inside).sum()), f"areas of {sources.areas.name} outside")
            units = units[inside | units.index.isin(units["parent"][inside].dropna())]
            if units.empty:
                raise InputError(f"{sources.areas}: none of its areas is in {sources.area}")
        summary.add("areas 区域", len(units), f"from {sources.areas.name}")
        return units
    level, rows = boundaries.finest(extract.boundaries, whole, sources.level)
    if rows is None:
        # Streets on one line have a box without an area; a hair around it is one.
        box = outline if outline is not None else shapely.box(*extract.streets.total_bounds).buffer(1e-6)
        name = extract.path.name.split(".")[0] if whole is None else whole.name
        code = "all" if whole is None else whole.osm_id
        people = None if whole is None else boundaries.population(whole, extract.places)
        summary.add("areas 区域", 1, "the whole is one area")
        return areas.from_rows(
            [("the whole", {"code": code, "name": name, "level": "town", "population": people}, box)],
            extract.path,
        )
    summary.add("areas 区域", len(rows), f"admin_level {level}")
    word = "village" if level is not None and level >= 10 else "town"  # 10 is the village's level in China
    return areas.from_rows(
        [
            (
                row.osm_id,
                {
                    "code": row.osm_id,
                    "name": row.name,
                    "level": word,
                    "population": boundaries.population(row, extract.places),
                },
                row.geometry,
            )
            for row in sorted(rows, key=lambda unit: (unit.name, unit.osm_id))
        ],
        extract.path,
    )


def _people(
    extract: osm.Extract,
    sources: Sources,
    units: gpd.GeoDataFrame,
    outline: BaseGeometry | None,
    crs: str,
    summary: Summary,
) -> pd.DataFrame:
    """The study's demand: people of the source, those outside the place left out, each with the code of an area."""
    if sources.population is None:
        people = _people_of_buildings(extract, sources, units, outline, crs, summary)
        origin = "spread over residential buildings by floor area"
    else:
        people = _people_of_file(sources.population, extract, sources, outline, summary)
        origin = f"from {sources.population.name}"
        if sources.people is not None:
            origin += f", scaled to {sources.people:,.0f}"
    people = people.reindex(columns=[*demand.COLUMNS, *people.columns.difference(demand.COLUMNS, sort=False)])
    people["area_code"] = areas.locate(units, people["lon"].to_numpy(), people["lat"].to_numpy(), crs)
    if people["urban"].isna().all():
        people["urban"] = people["area_code"].map(units["urban"].map({True: 1.0, False: 0.0}))
    summary.add("people 人口", people["population"].sum(), origin)
    outside = people["population"][people["area_code"].isna()].sum()
    if outside:
        summary.note(outside, "people are in no area; they count in the total only")
    return people


def _people_of_buildings(
    extract: osm.Extract,
    sources: Sources,
    units: gpd.GeoDataFrame,
    outline: BaseGeometry | None,
    crs: str,
    summary: Summary,
) -> pd.DataFrame:
    buildings = extract.buildings
    if outline is not None:
        buildings = buildings[buildings.intersects(outline)].reset_index(drop=True)
    codes = areas.locate(units, buildings.geometry.x.to_numpy(), buildings.geometry.y.to_numpy(), crs)
    people, notes = population.from_buildings(buildings, codes, units, sources.people)
    for note in notes:
        summary.note(1, note)
    return people


def _people_of_file(
    path: Path, extract: osm.Extract, sources: Sources, outline: BaseGeometry | None, summary: Summary
) -> pd.DataFrame:
    within = shapely.box(*extract.streets.total_bounds) if outline is None else outline
    people = population.from_file(path, sources.coordinates or "wgs84", within)
    if outline is not None:
        inside = shapely.intersects_xy(outline, people["lon"], people["lat"])
        if not inside.all():
            summary.left_out(people["population"][~inside].sum(), f"people of {path.name} outside {sources.area}")
        people = people[inside].reset_index(drop=True)
        if not people["population"].sum() > 0:
            raise InputError(f"{path}: nobody in it is in {sources.area}")
    if sources.people is not None:
        if not people["population"].sum() > 0:
            raise InputError(f"{path}: has no people to scale to {sources.people:g}")
        people["population"] *= sources.people / people["population"].sum()
    return people


def _facilities(
    extract: osm.Extract,
    sources: Sources,
    units: gpd.GeoDataFrame,
    outline: Any,
    reach: Any,
    crs: str,
    summary: Summary,
) -> gpd.GeoDataFrame:
    frames = [facilities.from_rows(extract.facility_rows, extract.path)]
    frames += [own_lists.read_facilities(path, outline, sources.coordinates, summary) for path in sources.facilities]
    for path, own in zip([sources.osm, *sources.facilities], frames, strict=True):
        for name, count in own["category"].value_counts(sort=False).items():
            category = categories.category(str(name))
            summary.add(f"{category.label_en.lower()} {category.label}", count, f"from {path.name}")
    filled = [own for own in frames if len(own)] or frames[:1]
    places = gpd.GeoDataFrame(pd.concat(filled)) if len(filled) > 1 else filled[0]
    twice = places.index[places.index.duplicated()]
    if len(twice):
        raise InputError(f"facility id {twice[0]!r} stands in more than one file; ids must differ")
    if reach is not None:
        near = places.intersects(reach)
        if not near.all():
            summary.add("left out 未采用", int((~near).sum()), "facilities farther than the margin from the area")
        places = places[near]
    points = places.representative_point()
    codes = areas.locate(units, points.x.to_numpy(), points.y.to_numpy(), crs)
    if outline is not None:  # the nearest of units that are points is none that a place across the border is in
        codes[~points.intersects(outline).to_numpy()] = None
    known = places["area_code"].isin(units.index).to_numpy()
    codes = np.where(known, places["area_code"], codes)
    return places.assign(area_code=pd.Series(codes, index=places.index, dtype=object))
