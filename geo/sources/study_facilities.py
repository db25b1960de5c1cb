"""The facilities of a study that is built: those of the extract and of own lists, in and around the place."""

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.errors import InputError
from geo.geodesy.projection import projection
from geo.sources import own_lists
from geo.sources.inputs import Place, Sources
from geo.sources.osm.extract import Extract
from geo.sources.osm.facilities import COUNTS_AS_POINT
from geo.sources.summary import Summary
from geo.study import area_codes, facilities
from geo.study.categories import Categories
from geo.study.settings import StudySettings

_MENTIONED = 20


def collect(
    extract: Extract,
    sources: Sources,
    place: Place,
    units: gpd.GeoDataFrame,
    crs: str,
    categories: Categories,
    summary: Summary,
) -> gpd.GeoDataFrame:
    """Facilities, as `geo.study.facilities` frames them, each with the code of its area.

    Parameters
    ----------
    units : the study's areas
    crs : the study's projection
    categories : the study's categories of facilities

    Raises
    ------
    InputError
        A list is unusable, or two files have a facility of the same id.
    """
    extent = None if place.outline is not None else shapely.box(*extract.streets.total_bounds)
    frames = [
        facilities.from_rows(extract.facility_rows, extract.path, categories),
        *(
            own_lists.read_facilities(path, place.outline, extent, sources.stated, summary, categories)
            for path in sources.facilities
        ),
    ]
    for path, frame in zip([sources.osm, *sources.facilities], frames, strict=True):
        for category_id, count in frame["category"].value_counts(sort=False).items():
            category = categories[str(category_id)]
            summary.add(f"{category.label_en.lower()} {category.label}", count, f"from {path.name}")
        far = 0 if place.surroundings is None else int((~frame.intersects(place.surroundings)).sum())
        left_out = {"farther than the margin from the area": far}
        if path == sources.osm:
            left_out |= extract.facilities_left_out
        read = len(frame) - far + sum(left_out.values())
        summary.account("facilities", path.name, read, {"facilities": len(frame) - far}, left_out)
    filled = [frame for frame in frames if len(frame)] or frames[:1]
    register = gpd.GeoDataFrame(pd.concat(filled)) if len(filled) > 1 else filled[0]
    repeated = register.index[register.index.duplicated()]
    if len(repeated):
        raise InputError(
            f"facility id {repeated[0]!r} stands in more than one file; ids must differ: give the column of ids of one "
            "of them another heading, such as 序号, and its facilities get ids of the file's name"
        )
    if place.surroundings is not None:
        near = register.intersects(place.surroundings)
        if not near.all():
            summary.left_out(int((~near).sum()), "facilities farther than the margin from the area")
        register = register[near]
    _name_unreached(register, extract, crs, summary)
    broken = [name for facility_id, name in extract.broken_outlines.items() if facility_id in register.index]
    if broken:
        summary.note(len(broken), COUNTS_AS_POINT, broken)
    return register.assign(area_code=_area_codes(register, place, units, crs, summary))


def _name_unreached(register: gpd.GeoDataFrame, extract: Extract, crs: str, summary: Summary) -> None:
    """Name the facilities that have no street for walkers, or for cars, within the usual distance of a connector."""
    metric = projection(crs)
    shapes = metric.forward(register.geometry.to_numpy())
    most_m = StudySettings.model_fields["max_connector_m"].default
    for column, goers in (("walk", "walkers"), ("drive", "cars")):
        streets = extract.streets
        is_open = streets["walk"] if column == "walk" else streets["drive_forward"] | streets["drive_backward"]
        attracting = streets.geometry[is_open & streets[f"{column}_attracts"]].to_numpy()
        tree = shapely.STRtree(metric.forward(attracting))
        reached = np.zeros(len(register), dtype=bool)
        reached[tree.query(shapes, predicate="dwithin", distance=most_m)[0]] = True
        if not reached.all():
            names = [f"{name or ''} ({osm_id})".lstrip() for osm_id, name in register["name"][~reached].items()]
            remark = f"facilities have no street for {goers} within {most_m:,.0f} m: nobody reaches them that way"
            summary.note(len(names), remark, names)


def _area_codes(
    register: gpd.GeoDataFrame, place: Place, units: gpd.GeoDataFrame, crs: str, summary: Summary
) -> pd.Series:
    """The code of each facility's area by its own code and its position, as `area_codes.settle` compares them."""
    stated = [code if isinstance(code, str) else None for code in register["area_code"]]
    settled = area_codes.settle(units, crs, stated, register.geometry.to_numpy())
    remarks = [
        f"{facility} {name or ''}: {code.remark}"
        for facility, name, code in zip(register.index, register["name"], settled, strict=True)
        if code.remark is not None
    ]
    for remark in remarks[:_MENTIONED]:
        summary.note(1, remark)
    if len(remarks) > _MENTIONED:
        summary.note(len(remarks) - _MENTIONED, "further facilities with an area code that was not taken as stated")
    codes = np.array([code.code for code in settled], dtype=object)
    if place.outline is not None:
        # Where areas are points, the nearest one is located also for a facility across the border.
        is_outside = ~register.representative_point().intersects(place.outline).to_numpy()
        codes[is_outside & np.array([code is None for code in stated], dtype=bool)] = None
    return pd.Series(codes, index=register.index, dtype=object)
