"""Builds a study folder from what anyone can download: an OpenStreetMap extract, a population source, own lists.

The command line calls `build`. Each step is a module of this folder: `inputs` finds the place, `study_streets`,
`study_areas`, `study_people`, `study_land` and `study_facilities` collect what the study holds, and `study_folder`
writes it.
"""

from datetime import date
from pathlib import Path

import pandas as pd
import tzfpy

from geo.sources import (
    inputs,
    standards_template,
    study_areas,
    study_facilities,
    study_folder,
    study_land,
    study_people,
    study_streets,
    study_urban,
)
from geo.sources.inputs import Place, Sources
from geo.sources.osm import boundaries, opl
from geo.sources.osm import extract as osm
from geo.sources.summary import Progress, Summary
from geo.study import categories
from geo.study.settings import StudySettings

KEPT_SETTINGS = {"name", "name_en", "notice", "notice_en", "timezone", "max_connector_m", "detour", "gap_m", "speeds"}
"""Settings of `study.toml` that people edit, and that a second build keeps."""
OSM_LICENCE = "© OpenStreetMap contributors (ODbL)"


def build(folder: Path, sources: Sources, progress: Progress) -> Summary:
    """Make the study ``folder``, or make it again with newer sources.

    Nothing is written unless the whole study can be. A study that is made again keeps what people edit: its standards,
    its own categories, its name, time zone, speeds and distances, and a register that lies in the folder.

    Raises
    ------
    InputError
        A source is missing or unusable (ExtractError, TableError), or the folder holds something other than this
        study (StudyError).
    """
    study_folder.check_usable(folder)
    summary = Summary()
    own_categories = (
        categories.read_of_study(folder) if sources.categories is None else categories.read(sources.categories)
    )
    with opl.converted(sources.osm) as text:
        drawn = boundaries.read(text, progress)
        place = inputs.find_place(sources, drawn)
        old = study_folder.existing(folder, place.id)
        extract = osm.read(text, drawn, place.surroundings, progress, own_categories)
    streets, turn_restrictions, crs = study_streets.collect(extract, sources, place, summary)
    units = study_areas.collect(extract, sources, place, summary)
    people, scale = study_people.collect(extract, sources, place, units, crs, summary)
    urban_from_grid = study_urban.tell_apart(people, scale, extract, sources, place, crs, summary)
    progress("people", len(people))
    residential_land = study_land.collect(extract, sources, place, units, crs, summary)
    register = study_facilities.collect(extract, sources, place, units, crs, own_categories, summary)
    for reason, count in sorted(extract.left_out.items()):
        summary.left_out(count, reason)
    if drawn.incomplete:
        names = [str(boundary) for boundary in drawn.incomplete]
        summary.left_out(len(names), "administrative boundaries that are not complete in the extract", names)
    for remark, count in extract.notes.items():
        summary.note(count, remark)
    for kind, fates in extract.fates.items():
        summary.account(kind, sources.osm.name, fates.read, fates.kept, fates.left_out)
    if old is None:
        standards = standards_template.answerable(register, units, people, own_categories, summary)
    else:
        standards = study_folder.existing_standards(folder, own_categories)
        summary.add("kept 保留", 1, "name, speeds and distances of study.toml; standards.toml")
    settings = _settings(sources, place, crs, _time_zone(people), extract.data_date, old)
    settings["urban_from_grid"] = urban_from_grid
    contents = study_folder.Contents(
        settings,
        standards,
        own_categories.text,
        units,
        register,
        people,
        streets,
        turn_restrictions,
        residential_land,
        summary.as_json(),
    )
    study_folder.write(folder, contents, progress)
    return summary


def _time_zone(people: pd.DataFrame) -> str:
    """The time zone of the demand point with the most people. All of China has Asia/Shanghai."""
    lon, lat = people[["lon", "lat"]].iloc[int(people["population"].to_numpy().argmax())]
    return str(tzfpy.get_tz(float(lon), float(lat)))


def _settings(
    sources: Sources, place: Place, crs: str, timezone: str, data_date: date | None, old: StudySettings | None
) -> dict[str, object]:
    """The settings of the study's `study.toml`: defaults, those kept of the ``old`` study, and the sources' own."""
    attribution = OSM_LICENCE
    if sources.population is not None:
        attribution += f"; 人口 population: {sources.population.name}"
    if sources.land is not None:
        attribution += f"; 居住用地 residential land: {sources.land.name}"
    if sources.elevation is not None:
        attribution += f"; 高程 elevation: {sources.elevation.name}"
    name_en = "" if place.name_en == place.name else place.name_en
    defaults = StudySettings(id=place.id, name=place.name, name_en=name_en, projection=crs, timezone=timezone)
    return {
        **defaults.model_dump(exclude={"data_date", "sample"}),
        **({} if old is None else old.model_dump(include=KEPT_SETTINGS)),
        "attribution": attribution,
        "data_date": data_date,
    }
