"""Builds a study folder from what anyone can download: an OpenStreetMap extract, a population source, own lists."""

import json
import re
import tempfile
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import tomli_w

from geo.errors import ExtractError, InputError, StudyError
from geo.geodesy.projection import projection
from geo.sources import elevation, population
from geo.sources.osm import extract as osm
from geo.sources.osm.extract import Progress
from geo.study import areas, demand, facilities, study
from geo.study.streets import COLUMNS, OFF_GROUND, PACES

COVERING = 0.95  # of an area, from which on a level of administration divides it
KEPT = {"name", "name_en", "notice", "notice_en", "timezone", "max_connector_m", "detour", "speeds"}
OSM_LICENCE = "© OpenStreetMap contributors (ODbL)"


@dataclass(frozen=True)
class Sources:
    """What a study is built from; `build` says which goes where. ``coordinates`` is the system of own files."""

    osm: Path
    area: str | None = None
    population: Path | None = None
    people: float | None = None
    areas: Path | None = None
    level: int | None = None
    facilities: Sequence[Path] = ()
    elevation: Path | None = None
    coordinates: str = "wgs84"
    margin_m: float = 15_000.0


@dataclass
class Summary:
    """What was read, kept and left out, line by line: (what, how many, remark)."""

    lines: list[tuple[str, float, str]] = field(default_factory=list)

    def add(self, what: str, count: float, remark: str = "") -> None:
        self.lines.append((what, count, remark))


def build(folder: Path, sources: Sources, progress: Progress) -> Summary:
    """Make the study ``folder``, or make it again with newer sources; nothing of it is written unless all of it can be.

    What people edit is kept: standards, speeds, name, and a register that lies in the folder.

    Raises
    ------
    InputError
        (and its kinds) A source is missing or unusable, or the folder holds something that is no study.
    """
    if folder.exists() and (not folder.is_dir() or (any(folder.iterdir()) and not (folder / "study.toml").exists())):
        raise StudyError(f"{folder}: exists and is no study folder; give another name")
    summary = Summary()
    boundaries = osm.read_boundaries(sources.osm, progress)
    whole = osm.find_area(boundaries, sources.area) if sources.area else None
    identity = _slug(sources.osm.name.split(".")[0]) if whole is None else f"{_slug(whole['name'])}-{whole['osm_id']}"
    old = study.read_about(folder / "study.toml") if (folder / "study.toml").exists() else None
    if old is not None and old.id != identity:
        raise StudyError(f"{folder}: holds the study {old.id!r}, and this is {identity!r}; give another name")
    outline = None if whole is None else whole["geometry"]
    reach = outline if outline is None else _widened(outline, sources.margin_m)
    extract = osm.read(sources.osm, boundaries, reach, progress)
    streets = extract.streets if reach is None else _touching(extract.streets, reach)
    summary.add("streets 街道", len(streets), f"edges, {streets['length_m'].sum() / 1000:,.0f} km")
    crs = _utm(outline if outline is not None else shapely.box(*streets.total_bounds))
    if sources.elevation is not None:
        streets = _sloped(streets, sources.elevation, crs, summary)
    streets = streets.drop(columns=OFF_GROUND)

    units = _areas(extract, sources, whole, outline, summary)
    people = _demand(extract, sources, units, outline, crs, summary)
    progress("people", len(people))
    places = _facilities(extract, sources, units, outline, reach, crs, summary)
    for reason, count in sorted(extract.left_out.items()):
        summary.add("left out 未采用", count, reason)

    name = sources.osm.name.split(".")[0] if whole is None else whole["name"]
    english = "" if whole is None else str(whole["name_en"] or "")
    attribution = OSM_LICENCE + (f"; 人口 population: {sources.population.name}" if sources.population else "")
    attribution += f"; 高程 elevation: {sources.elevation.name}" if sources.elevation else ""
    settings: dict[str, Any] = {
        **study.About(id="x", name="x", projection=crs).model_dump(exclude={"data_date", "sample"}),
        **({} if old is None else old.model_dump(include=KEPT)),
        "id": identity,
        "attribution": attribution,
        "projection": crs,
        "data_date": extract.day,
    }
    if old is None:
        settings |= {"name": name, "name_en": "" if english == name else english}
    else:
        summary.add("kept 保留", 1, "name, speeds and distances of study.toml; standards.toml")
    try:
        with tempfile.TemporaryDirectory(dir=_parent(folder), prefix=".building-") as scratch:
            draft = Path(scratch)
            _write_json(areas.to_geojson(units), draft / "areas.geojson")
            _write_json(facilities.to_geojson(places), draft / "facilities.geojson")
            demand.write(people, draft / "demand.csv")
            streets.to_parquet(draft / "streets.parquet", compression="zstd")
            text = tomli_w.dumps({key: value for key, value in settings.items() if value is not None})
            (draft / "study.toml").write_text(text, "utf-8")
            goals = (
                _answerable(places, units, summary) if old is None else (folder / "standards.toml").read_text("utf-8")
            )
            (draft / "standards.toml").write_text(goals, "utf-8")
            study.read(draft)  # what is written can be read
            folder.mkdir(parents=True, exist_ok=True)
            for file in sorted(draft.iterdir()):
                if (folder / file.name).is_dir():
                    raise StudyError(f"{folder / file.name}: is a folder; a file of the study must go there")
            for file in sorted(draft.iterdir()):
                file.replace(folder / file.name)
                progress("files written", 1)
    except OSError as error:
        raise StudyError(f"{folder}: cannot be written: {error.strerror}") from error
    return summary


def _areas(extract: osm.Extract, sources: Sources, whole: Any, outline: Any, summary: Summary) -> gpd.GeoDataFrame:
    if sources.areas is not None:
        units = areas.read(sources.areas, sources.coordinates)
        if outline is not None:
            inside = units.representative_point().intersects(outline)
            if not inside.all():
                summary.add("left out 未采用", int((~inside).sum()), f"areas of {sources.areas.name} outside")
            units = units[inside | units.index.isin(units["parent"][inside].dropna())]
            if units.empty:
                raise InputError(f"{sources.areas}: none of its areas is in {sources.area}")
        summary.add("areas 区域", len(units), f"from {sources.areas.name}")
        return units
    level, rows = _finest(extract.boundaries, whole, outline, sources.level)
    if rows is None:
        # Streets on one line have a box without an area; a hair around it is one.
        box = outline if outline is not None else shapely.box(*extract.streets.total_bounds).buffer(1e-6)
        name = extract.path.name.split(".")[0] if whole is None else whole["name"]
        code = "all" if whole is None else whole["osm_id"]
        people = None if whole is None else _population(whole, extract.places)
        summary.add("areas 区域", 1, "the whole is one area")
        return areas.frame(
            [("the whole", {"code": code, "name": name, "level": "town", "population": people}, box)],
            extract.path,
        )
    summary.add("areas 区域", len(rows), f"admin_level {level}")
    word = "village" if level is not None and level >= 10 else "town"  # 10 is the village's level in China
    return areas.frame(
        [
            (
                row.osm_id,
                {
                    "code": row.osm_id,
                    "name": row.name,
                    "level": word,
                    "population": _population(row, extract.places),
                },
                row.geometry,
            )
            for row in rows.sort_values(["name", "osm_id"]).itertuples(index=False)
        ],
        extract.path,
    )


def _population(boundary: Any, places: gpd.GeoDataFrame) -> float | None:
    if boundary.population is not None and not np.isnan(boundary.population):
        return float(boundary.population)
    namesake = places[
        places["name"].isin(boundary.names) & places["population"].notna() & places.intersects(boundary.geometry)
    ]
    return None if namesake.empty else float(namesake["population"].max())


def _finest(
    boundaries: gpd.GeoDataFrame, whole: Any, outline: Any, level: int | None
) -> tuple[int | None, gpd.GeoDataFrame | None]:
    """The units of the finest admin_level that cover the area (or of ``level``); None where no level does."""
    if whole is None:
        if level is None:
            return None, None
        inside = boundaries
    else:
        points = boundaries.representative_point()
        inside = boundaries[points.intersects(outline) & (boundaries["admin_level"] > whole["admin_level"])]
    square = projection("EPSG:6933")  # equal areas
    for candidate in sorted(set(inside["admin_level"]), reverse=True) if level is None else [level]:
        units = inside[inside["admin_level"] == candidate]
        if level is not None:
            if units.empty:
                found = ", ".join(str(number) for number in sorted(set(inside["admin_level"]))) or "none"
                raise ExtractError(f"no complete boundary of admin_level {level} is there; levels: {found}")
            return candidate, units
        covered = shapely.intersection(shapely.union_all(units.geometry.to_numpy()), outline)
        if square.forward(covered).area >= COVERING * square.forward(outline).area:
            return candidate, units
    return None, None


def _demand(
    extract: osm.Extract,
    sources: Sources,
    units: gpd.GeoDataFrame,
    outline: Any,
    crs: str,
    summary: Summary,
) -> pd.DataFrame:
    if sources.population is None:
        buildings = extract.buildings
        if outline is not None:
            buildings = buildings[buildings.intersects(outline)].reset_index(drop=True)
        at = buildings.geometry
        codes = areas.locate(units, at.x.to_numpy(), at.y.to_numpy(), crs)
        people, notes = population.from_buildings(buildings, codes, units, sources.people)
        source = "spread over residential buildings by floor area"
        for note in notes:
            summary.add("note 注", 1, note)
    else:
        if sources.population.suffix.lower() == ".csv":
            people = demand.read(sources.population, sources.coordinates)
        else:
            box = shapely.box(*extract.streets.total_bounds)
            people = population.from_raster(sources.population, box if outline is None else outline)
        source = f"from {sources.population.name}"
        if outline is not None:
            inside = shapely.intersects_xy(outline, people["lon"], people["lat"])
            if not inside.all():
                lost = people["population"][~inside].sum()
                summary.add("left out 未采用", lost, f"people of {sources.population.name} outside {sources.area}")
            people = people[inside].reset_index(drop=True)
            if not people["population"].sum() > 0:
                raise InputError(f"{sources.population}: nobody in it is in {sources.area}")
        if sources.people is not None:
            if not people["population"].sum() > 0:
                raise InputError(f"{sources.population}: has no people to scale to {sources.people:g}")
            people["population"] *= sources.people / people["population"].sum()
            source += f", scaled to {sources.people:,.0f}"
    people = people.reindex(columns=[*demand.COLUMNS, *people.columns.difference(demand.COLUMNS, sort=False)])
    codes = areas.locate(units, people["lon"].to_numpy(), people["lat"].to_numpy(), crs)
    people["area_code"] = codes
    if people["urban"].isna().all():
        people["urban"] = people["area_code"].map(units["urban"].map({True: 1.0, False: 0.0}))
    summary.add("people 人口", people["population"].sum(), source)
    outside = people["population"][people["area_code"].isna()].sum()
    if outside:
        summary.add("note 注", outside, "people are in no area; they count in the total only")
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
    frames = [facilities.frame(extract.facility_rows, extract.path)]
    frames += [facilities.read(path, sources.coordinates) for path in sources.facilities]
    for path, own in zip([sources.osm, *sources.facilities], frames, strict=True):
        for name, count in own["category"].value_counts(sort=False).items():
            category = facilities.category(str(name))
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


def _answerable(places: gpd.GeoDataFrame, units: gpd.GeoDataFrame, summary: Summary) -> str:
    """The standards that the study's data can answer, as text; the others are named in the summary."""
    template = resources.files("geo.study").joinpath("standards.toml").read_text("utf-8")
    head, *blocks = re.split(r"(?m)^(?=\[\[standard\]\])", template)
    kept = []
    for block in blocks:
        row = tomllib.loads(block)["standard"][0]
        chosen = places[places["category"] == row["category"]]
        lacking = None
        if chosen.empty:
            lacking = f"no {facilities.category(row['category']).label_en.lower()} is known"
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


def _sloped(streets: gpd.GeoDataFrame, path: Path, crs: str, summary: Summary) -> gpd.GeoDataFrame:
    slopes = elevation.along(streets, path, crs)
    remark = f"edges, from {path.name}: slopes {slopes.mean:.1%} in the mean, {slopes.steepest:.0%} at most"
    summary.add("elevation 高程", slopes.known.sum(), remark)
    if slopes.held:
        summary.add("note 注", slopes.held, f"edges have pieces steeper than {elevation.STEEPEST:.0%}: held there")
    if not slopes.known.all():
        km = streets["length_m"][~slopes.known].sum() / 1000
        summary.add("note 注", (~slopes.known).sum(), f"edges, {km:,.1f} km, have no height in {path.name}: flat")
    paces = {name: pace.astype(np.float32) for name, pace in zip(PACES, (slopes.forward, slopes.backward), strict=True)}
    return streets.assign(**paces)[[*COLUMNS, *PACES, OFF_GROUND, "geometry"]]


def _touching(streets: gpd.GeoDataFrame, reach: Any) -> gpd.GeoDataFrame:
    kept = streets[streets.intersects(reach)].reset_index(drop=True)
    if kept.empty:
        raise ExtractError("the extract holds no street in or around the area")
    nodes = np.unique(kept[["u", "v"]].to_numpy(), return_inverse=True)[1].reshape(-1, 2)
    return kept.assign(u=nodes[:, 0].astype(np.int32), v=nodes[:, 1].astype(np.int32))


def _widened(outline: Any, metres: float) -> Any:
    metric = projection(_utm(outline))
    return metric.inverse(metric.forward(outline).buffer(metres))


def _utm(shape: Any) -> str:
    west, south, east, north = shape.bounds
    lon, lat = (west + east) / 2, (south + north) / 2
    if not (-180 <= lon <= 180 and -80 <= lat <= 84):
        raise InputError(f"no UTM zone lies at {lon:.4f}, {lat:.4f}")
    # By hand, since looking a zone up in PROJ's database takes a tenth of a second.
    zone = min(int((lon + 180) // 6) + 1, 60)
    return f"EPSG:{(32600 if lat >= 0 else 32700) + zone}"


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "study"


def _parent(folder: Path) -> Path:
    parent = folder.absolute().parent
    try:
        parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StudyError(f"{parent}: cannot be made: {error.strerror}") from error
    return parent


def _write_json(content: dict[str, Any], path: Path) -> None:
    features = ",\n".join(json.dumps(feature, ensure_ascii=False) for feature in content["features"])
    path.write_text('{"type": "FeatureCollection", "features": [\n' + features + "\n]}\n", "utf-8")
