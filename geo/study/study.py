"""A study: everything the program knows about one place, read from a folder and checked once.

docs/study.md describes the files of the folder and their columns.
"""

from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import Proj
from shapely.geometry.base import BaseGeometry

from geo.arrays import BoolArray, GeometryArray
from geo.errors import StudyError, TableError, UnknownNameError
from geo.geodesy.projection import projection
from geo.study import areas, categories, demand, facilities, land, restrictions, standards, streets
from geo.study import folder as study_files
from geo.study.areas import LEVELS
from geo.study.categories import BUILT_IN, Categories
from geo.study.land import ResidentialLand
from geo.study.settings import StudySettings, read_settings
from geo.study.standards import Standard


@dataclass(frozen=True)
class Study:
    """The demand, areas, streets, facilities, standards and settings of one place.

    Attributes
    ----------
    folder : the folder that the study was read from
    settings : what `study.toml` states
    standards : the goals, in the order of `standards.toml`
    facilities : GeoDataFrame
        A frame as `geo.study.facilities` describes it. The register's facilities replace these once it is filled.
    demand : DataFrame
        The columns `geo.study.demand.COLUMNS`, then further columns of the file.
    areas : GeoDataFrame
        The columns `geo.study.areas.COLUMNS` and ``geometry``, indexed by ``code``.
    streets : GeoDataFrame or None
        A frame as `geo.study.streets` describes it; None if the study has no street network.
    categories : the built-in categories of facilities, with those of `categories.toml`
    turn_restrictions : paths of streets that cars may not follow, as `geo.study.restrictions` describes them
    land : the residential land; None if none is known
    """

    folder: Path
    settings: StudySettings
    standards: tuple[Standard, ...]
    facilities: gpd.GeoDataFrame
    demand: pd.DataFrame
    areas: gpd.GeoDataFrame
    streets: gpd.GeoDataFrame | None
    categories: Categories = BUILT_IN
    turn_restrictions: tuple[restrictions.Path, ...] = ()
    land: ResidentialLand | None = None

    def standard(self, standard_id: str) -> Standard:
        """Return the standard with this id; raise UnknownNameError if there is none."""
        for standard in self.standards:
            if standard.id == standard_id:
                return standard
        raise UnknownNameError("standard", standard_id, [standard.id for standard in self.standards])

    @cached_property
    def territory(self) -> BaseGeometry:
        """The WGS84 polygon that the study covers: the union of its areas, else a hull around its people."""
        polygons = self.areas.geometry[shapely.get_dimensions(self.areas.geometry) == 2]
        union: BaseGeometry
        if len(polygons):
            union = shapely.union_all(polygons.to_numpy())
            return union
        people = shapely.multipoints(self.demand[["lon", "lat"]].to_numpy())
        return shapely.convex_hull(people).buffer(0.02)

    @cached_property
    def area_locator(self) -> areas.AreaLocator:
        """Finds the smallest area of a position."""
        return areas.AreaLocator(self.areas, self.settings.projection)

    @cached_property
    def _walked_streets(self) -> shapely.STRtree | None:
        if self.streets is None:
            return None
        walked = self.streets.geometry[self.streets["walk"]].to_numpy()
        return shapely.STRtree(projection(self.settings.projection).forward(walked))

    def are_off_streets(self, geometries: GeometryArray) -> BoolArray:
        """Whether WGS84 geometries lie farther than `max_connector_m` from every street that is walked, shape (n,)."""
        result = np.zeros(len(geometries), dtype=bool)
        if self._walked_streets is not None and len(geometries):
            shapes = projection(self.settings.projection).forward(geometries)
            near, _ = self._walked_streets.query_nearest(
                shapes, max_distance=self.settings.max_connector_m, all_matches=False
            )
            result[:] = True
            result[near] = False
        return result

    def today(self) -> date:
        """Return the date of today in the study's time zone."""
        return datetime.now(ZoneInfo(self.settings.timezone)).date()

    @property
    def reporting_level(self) -> str | None:
        """The level of the areas that results are summed over: towns if there are any, else the level there is."""
        levels = set(self.areas["level"])
        return next((level for level in LEVELS if level in levels), None)

    @cached_property
    def demand_areas(self) -> pd.Series:
        """The code of the area at the reporting level of each demand point; None outside all areas."""
        return self.reporting_codes(self.demand["area_code"])

    @cached_property
    def land_areas(self) -> pd.Series:
        """The code of the area at the reporting level of each polygon of residential land; None outside all areas."""
        codes = pd.Series(dtype=object) if self.land is None else self.land.frame["area_code"]
        return self.reporting_codes(codes)

    def reporting_codes(self, codes: pd.Series) -> pd.Series:
        """Return for each code of a smallest unit the code of its area at the reporting level; None if it has none."""
        at_level = self.areas["level"] == self.reporting_level
        upward = self.areas.index.to_series().where(at_level, self.areas["parent"])
        reporting = {code: parent if isinstance(parent, str) else None for code, parent in upward.items()}
        return pd.Series([reporting.get(code) for code in codes], index=codes.index, dtype=object)


def read(folder: Path | str) -> Study:
    """Read and check the study in ``folder``.

    Raises
    ------
    StudyError, TableError
        A file is missing, unreadable or wrong, or two files contradict each other.
    """
    folder = Path(folder)
    study_files.recover(folder)
    if not (folder / "study.toml").is_file():
        raise StudyError(f"{folder}: is not a study folder (it has no study.toml); make one with `fuwuquan build`")
    settings = read_settings(folder / "study.toml")
    own_categories = categories.read_of_study(folder)
    area_frame = areas.read(folder / "areas.geojson")
    people = demand.read(folder / "demand.csv")
    unknown = people.loc[people["area_code"].notna() & ~people["area_code"].isin(area_frame.index), "area_code"]
    if not unknown.empty:
        raise TableError(
            folder / "demand.csv",
            [f"row {row + 2}: area_code {code!r} is not in areas.geojson" for row, code in unknown.items()],
        )
    _check_scale(settings, people, folder / "study.toml")
    street_file, restriction_file = folder / "streets.parquet", folder / restrictions.FILE
    street_frame = streets.read(street_file) if street_file.exists() else None
    land_file = folder / land.FILE
    restricted = street_frame is not None and restriction_file.exists()
    return Study(
        folder=folder,
        settings=settings,
        standards=standards.read(folder / "standards.toml", own_categories),
        facilities=facilities.read(folder / "facilities.geojson", own_categories),
        demand=people,
        areas=area_frame,
        streets=street_frame,
        categories=own_categories,
        turn_restrictions=restrictions.read(restriction_file, street_frame) if restricted else (),
        land=land.read(land_file, area_frame) if land_file.exists() else None,
    )


def _check_scale(settings: StudySettings, people: pd.DataFrame, path: Path) -> None:
    """Raise StudyError unless lengths in the projection are true within two per cent where people are.

    Distances are compared in the projection.
    """
    proj, lonlat = Proj(settings.projection), people[["lon", "lat"]]
    for lon, lat in (lonlat.min(), lonlat.max()) if len(lonlat) else ():
        factors = proj.get_factors(lon, lat)
        if not (0.98 <= factors.meridional_scale <= 1.02 and 0.98 <= factors.parallel_scale <= 1.02):
            raise StudyError(
                f"{path}: projection: {settings.projection} stretches lengths at {lon:.3f}, {lat:.3f}; take UTM"
            )
