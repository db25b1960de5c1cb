"""Makes the collections of features: facilities, areas, demand, and one of coverage for each standard.

`engine.Answers` calls these functions and keeps what they return.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import geopandas as gpd
import numpy as np
import pandas as pd

from geo.arrays import Int64Array
from geo.features.collection import Collection, Queryable
from geo.features.data_types import DataType
from geo.measures import fragility, site_value
from geo.measures.capacity import Capacity
from geo.measures.capacity.of_standard import FACILITY_COLUMNS, POINT_COLUMNS
from geo.measures.coverage import Coverage
from geo.measures.gaps import COLUMNS as GAP_COLUMNS
from geo.measures.gaps import Gaps
from geo.study import demand, facilities, geojson
from geo.study.areas import COLUMNS as AREA_COLUMNS
from geo.study.areas import LEVELS
from geo.study.categories import Categories
from geo.study.study import Study
from service.answers.json_types import JsonObject

COVERAGE_PREFIX = "coverage-"
GAPS_PREFIX = "gaps-"
CAPACITY_PREFIX = "capacity-"
LOADS_PREFIX = "loads-"
CAPACITY_PREFIXES = (CAPACITY_PREFIX, LOADS_PREFIX)
VALUE_PREFIX = "value-"
FRAGILITY_PREFIX = "fragility-"
"""What the ids of the collections of a standard begin with, before the standard's id."""
TITLES = {
    "category": "类别 category",
    "subtype": "细分 subtype",
    "name": "名称 name",
    "name_en": "英文名 name in English",
    "area_code": "区域代码 code of the area",
    "address": "地址 address",
    "phone": "电话 telephone",
    "opened": "开办日期 opened on",
    "closed": "停办日期 closed on",
    "opening_hours": "开放时间 opening hours",
    "capacity": "床位或学位 beds or seats",
    "provenance": "来历 where the record comes from",
    "source": "来源 list or office it is known from",
    "verified": "核实日期 last verified on",
    "verified_by": "核实人 verified by",
    "code": "代码 code",
    "level": "层级 level",
    "parent": "上级代码 code of the area above",
    "urban": "城镇 urban",
    "population": "人口 people",
    "children_3_6": "3–6 岁儿童 children of 3 to 6",
    "elders_65": "65 岁以上 people of 65 and more",
    "people": "人口 people living there",
    "total": "总数 in all, in the standard's unit",
    "covered": "达到 of these, covered",
    "share": "比例 share that is covered",
    "town": "镇街 town",
    "residents": "常住人口 residents",
    "mean_beyond": "平均超出 beyond the limit, mean of the people",
    "worst_beyond": "最远超出 beyond the limit, the worst",
    "out_of_reach": "不可达人数 people out of reach",
    "nearest_id": "最近设施编号 id of the nearest facility",
    "nearest_name": "最近设施 nearest facility",
    "nearest_value": "到最近设施 to the nearest facility",
    "beyond_unit": "超出的单位 unit of distances",
    "rank": "序号 rank, the worst or the best first",
    "accessibility": "每千人容量 capacity per 1,000 people",
    "served": "有位 people who get a place",
    "served_nearest_first": "就近先得有位 people who get a place, the nearest first",
    "full": "可达但已满 people in reach of full facilities only",
    "capacity_unknown": "容量不详 people without a place in reach of facilities of unknown capacity",
    "is_assumed": "容量为假定 whether the capacity is assumed",
    "people_in_reach": "可达人数 people within the limit",
    "weighted_people": "加权人数 people within the limit, weighted",
    "ratio": "每千加权人容量 capacity per 1,000 weighted people",
    "load": "负荷 weighted people for each unit of capacity",
    "assigned": "分到此处 people who get a place here",
    "free": "余位 people for whom there is room",
    "people_per_place": "每单位容量服务人数 people served by one unit of capacity",
    "people_lost": "关停后失去服务人数 people who would be outside if it closed",
    "residents_lost": "关停后失去服务的常住人口 residents who would be outside",
    "children_3_6_lost": "其中 3–6 岁 children of 3 to 6 among them",
    "elders_65_lost": "其中 65 岁以上 people of 65 and more among them",
    "share_lost": "达标比例下降 by how much the share would fall",
    "people_longer": "路程变长人数 people inside who would have a longer way",
    "mean_longer": "平均变长 how much longer, mean of these people",
    "outside_longer": "本已未达标、路程更长人数 people outside already who would have a longer way",
    "longer_unit": "变长的单位 unit of what is longer",
    "standard": "标准 standard",
    "measure": "算法 measure",
    "unit": "单位 unit",
    "method": "方法 method",
    "mode": "方式 mode of travel",
    "speed_kph": "速度 km/h",
    "minutes": "分钟 minutes",
    "metres": "米 metres",
    "target": "目标 target",
    "people_counted": "计入人群 people who count",
    "known": "有无资料 whether anything is known",
    "data_date": "数据日期 date of the data",
    "sample": "示例 sample",
}
"""The label of each property."""
COLUMN_TYPES: dict[str, DataType] = {
    **dict.fromkeys(facilities.DATE_FIELDS, "date"),
    **dict.fromkeys(("population", "children_3_6", "elders_65", "people", "total", "covered", "share"), "number"),
    **dict.fromkeys(("residents", "mean_beyond", "worst_beyond", "out_of_reach", "nearest_value"), "number"),
    **dict.fromkeys(
        ("accessibility", "served", "served_nearest_first", "full", "capacity_unknown", "people_in_reach"), "number"
    ),
    **dict.fromkeys(("weighted_people", "ratio", "load", "assigned", "free"), "number"),
    **dict.fromkeys((name for name in fragility.COLUMNS if name not in fragility.TEXT_COLUMNS), "number"),
    **dict.fromkeys(("capacity", "rank"), "integer"),
    "is_assumed": "boolean",
    "urban": "boolean",
}
"""The type of each property that is not text."""


def _queryable(name: str, values: Sequence[str] = ()) -> Queryable:
    return Queryable(COLUMN_TYPES.get(name, "string"), TITLES[name], tuple(values))


def value_labels(categories: Categories) -> Mapping[str, Mapping[str, str]]:
    """The labels of property values, by property."""
    return {
        "category": {category.id: f"{category.label} {category.label_en}" for category in categories},
        "subtype": {subtype: " ".join(labels) for subtype, labels in categories.subtype_labels.items()},
    }


def of_facilities(frame: gpd.GeoDataFrame, categories: Categories) -> Collection:
    """The collection of facilities; ``frame`` is the register's, indexed by id."""
    queryables = {name: _queryable(name) for name in facilities.PROPERTY_FIELDS}
    labels = ", ".join(f"{category.label} {category.label_en.lower()}" for category in categories)
    queryables["category"] = _queryable("category", categories.ids)
    return Collection(
        id="facilities",
        title="设施 facilities",
        description=f"登记册中的设施 {labels}, from the register",
        frame=frame,
        queryables=queryables,
        properties=lambda rows: geojson.properties(frame.iloc[rows]),
        period_columns=("opened", "closed"),
    )


def of_areas(study: Study) -> Collection:
    """The collection of the study's towns and villages."""
    frame = study.areas.assign(code=study.areas.index)
    frame.index = frame.index.astype(str)
    queryables = {name: _queryable(name) for name in ("code", *AREA_COLUMNS)}
    queryables["level"] = _queryable("level", tuple(LEVELS))
    return _from_frame(
        "areas", "区域 areas", "镇街和村 towns and villages, over which results are summed", frame, queryables
    )


def of_demand(study: Study) -> Collection:
    """The collection of the study's demand points; their ids are row numbers from 1."""
    table = study.demand
    points = gpd.points_from_xy(table["lon"], table["lat"])
    values = table.drop(columns=["lon", "lat"])
    values["urban"] = [None if np.isnan(flag) else bool(flag) for flag in values["urban"]]
    frame = gpd.GeoDataFrame(values, geometry=points, crs="EPSG:4326")
    frame.index = pd.Index([str(row) for row in range(1, len(frame) + 1)])
    queryables = {name: _queryable(name) for name in demand.COLUMNS if name in values}
    return _from_frame(
        "demand", "人口分布 demand", "人们在哪里、有多少人 where people are, and how many", frame, queryables
    )


def of_coverage(study: Study, coverage: Coverage) -> Collection:
    """The collection of areas with their coverage of one standard."""
    of_standard = {
        name: getattr(coverage, name)
        for name in ("standard", "measure", "unit", "method", "mode", "speed_kph", "minutes", "metres", "target")
    } | {name: getattr(coverage, name) for name in ("people_counted", "known", "data_date", "sample")}
    rows = [asdict(area) for area in coverage.areas]
    names = ("code", "name", "people", "total", "covered", "share")
    table = pd.DataFrame(rows, columns=list(names), index=pd.Index([row["code"] for row in rows], dtype=object))
    geometries = study.areas.geometry.reindex(table.index).to_numpy()
    frame = gpd.GeoDataFrame(table, geometry=geometries, crs="EPSG:4326")
    queryables = {name: _queryable(name) for name in names}
    title = f"{coverage.name} {coverage.name_en}"
    description = f"{title} · {coverage.source}"
    return _from_frame(COVERAGE_PREFIX + coverage.standard, title, description, frame, queryables, of_standard)


def of_gaps(coverage: Coverage, gaps: Gaps) -> Collection:
    """The collection of the gaps of one standard, the worst first; their ids are their ranks."""
    frame = gaps.frame.assign(rank=gaps.frame.index.astype(int))
    beyond_unit = {"beyond_unit": gaps.beyond_unit}
    return _of_standard(coverage, GAPS_PREFIX, "缺口 gaps", frame, ("rank", *GAP_COLUMNS), beyond_unit)


def of_values(coverage: Coverage, frame: gpd.GeoDataFrame) -> Collection:
    """The collection of what a new facility would bring to one standard, site by site, the best first."""
    frame = frame.assign(rank=frame.index.astype(int))
    return _of_standard(coverage, VALUE_PREFIX, "新设施价值 value", frame, ("rank", *site_value.COLUMNS), {})


def of_fragility(coverage: Coverage, result: fragility.Fragility) -> Collection:
    """The collection of what the closure of each facility would cost one standard, the worst first."""
    frame = result.frame.assign(rank=np.arange(1, len(result.frame) + 1))
    longer_unit = {"longer_unit": result.longer_unit}
    return _of_standard(
        coverage, FRAGILITY_PREFIX, "关停损失 fragility", frame, ("rank", *fragility.COLUMNS), longer_unit
    )


def _of_standard(
    coverage: Coverage,
    prefix: str,
    label: str,
    frame: gpd.GeoDataFrame,
    columns: Sequence[str],
    further_properties: Mapping[str, object],
) -> Collection:
    """A collection about one standard, whose features have ``columns`` and say how they were measured."""
    names = ("standard", "unit", "method", "mode", "speed_kph", "minutes", "metres", "data_date", "sample")
    of_standard = {name: getattr(coverage, name) for name in names} | dict(further_properties)
    queryables = {name: _queryable(name) for name in columns}
    title = f"{label}: {coverage.name} {coverage.name_en}"
    description = f"{title} · {coverage.source}"
    return _from_frame(prefix + coverage.standard, title, description, frame, queryables, of_standard)


def of_capacity(study: Study, coverage: Coverage, capacity: Capacity) -> Collection:
    """The collection of the places where people of a standard are, with what they get; ids are those of the demand."""
    rows = study.demand.index.get_indexer(capacity.points.index)
    table = capacity.points.round(4)
    table.index = pd.Index([str(row + 1) for row in rows])
    table = table.assign(area_code=study.demand["area_code"].to_numpy()[rows])
    points = gpd.points_from_xy(*(study.demand[name].to_numpy()[rows] for name in ("lon", "lat")))
    frame = gpd.GeoDataFrame(table, geometry=points, crs="EPSG:4326")
    queryables = {name: _queryable(name) for name in ("area_code", "town", *POINT_COLUMNS)}
    return _of_capacity(CAPACITY_PREFIX, "服务能力 capacity", frame, queryables, coverage, capacity)


def of_loads(study: Study, coverage: Coverage, capacity: Capacity) -> Collection:
    """The collection of the facilities of a standard, those with the heaviest load first."""
    queryables = {name: _queryable(name) for name in FACILITY_COLUMNS}
    queryables["capacity"] = Queryable("number", TITLES["capacity"])  # a median may be no whole number
    frame = capacity.facilities.round(4)
    return _of_capacity(LOADS_PREFIX, "设施负荷 loads", frame, queryables, coverage, capacity)


def of_too_many(prefix: str, coverage: Coverage, reason: str) -> Collection:
    """A collection of capacity or loads without features, because there are too many pairs; it says the ``reason``."""
    names = ("area_code", "town", *POINT_COLUMNS) if prefix == CAPACITY_PREFIX else FACILITY_COLUMNS
    frame = gpd.GeoDataFrame(pd.DataFrame(columns=list(names), dtype=object), geometry=gpd.GeoSeries(crs="EPSG:4326"))
    title = f"{coverage.name} {coverage.name_en}"
    return _from_frame(prefix + coverage.standard, title, reason, frame, {name: _queryable(name) for name in names})


def _of_capacity(
    prefix: str,
    label: str,
    frame: gpd.GeoDataFrame,
    queryables: Mapping[str, Queryable],
    coverage: Coverage,
    capacity: Capacity,
) -> Collection:
    names = ("standard", "measure", "method", "mode", "speed_kph", "minutes", "metres", "people_counted")
    of_standard = {name: getattr(coverage, name) for name in names} | {"people_per_place": capacity.people_per_place}
    of_standard |= {"data_date": coverage.data_date, "sample": coverage.sample}
    title = f"{label}: {coverage.name} {coverage.name_en}"
    description = f"{title} · {coverage.source}"
    return _from_frame(prefix + coverage.standard, title, description, frame, queryables, of_standard)


def _from_frame(
    collection_id: str,
    title: str,
    description: str,
    frame: gpd.GeoDataFrame,
    queryables: Mapping[str, Queryable],
    further_properties: Mapping[str, object] | None = None,
) -> Collection:
    """A collection whose features have all queryables of ``frame`` as properties, and ``further_properties``."""
    table = frame.drop(columns=frame.geometry.name)
    # NaN is not JSON: unknown numbers become None.
    table = table.astype(object).where(table.notna(), None)

    def properties(rows: Int64Array) -> list[JsonObject]:
        return [{**record, **(further_properties or {})} for record in table.iloc[rows].to_dict("records")]

    return Collection(collection_id, title, description, frame, queryables, properties)
