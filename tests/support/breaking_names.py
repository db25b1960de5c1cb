"""Facilities whose names and further properties are made to break whatever writes or reads them."""

from typing import Any

import geopandas as gpd
import shapely

from geo.study import facilities

HOLED = shapely.Polygon(
    [(120.0, 28.9), (120.02, 28.9), (120.02, 28.92), (120.0, 28.92)],
    [[(120.005, 28.905), (120.01, 28.905), (120.01, 28.91), (120.005, 28.91)]],
)
TWO_PARTS = shapely.MultiPolygon([HOLED, shapely.box(120.03, 28.9, 120.0412345678901, 28.91)])

NAMES = (
    "=1+1", "+86", "-", "@SUM(A1)", "＝cmd|' /C calc'!A0", "'=x", "''", "'s-Hertogenbosch", "#N/A", "#REF!", "TRUE",
    "<b onclick=\"alert('1')\">粗</b>&amp;", "甲\n乙\t丙", "a\x00b\x1b[31m", "🏥👨\u200d👩 𠮷野家", "_x0041_",
    "a,b;c\"d\"", "0012", "1e5", "2021-06-30", "NULL", "nan", "{}", "[1]", "POINT (1 2)", "x" * 300, "\ufeffBOM",
    "\ufffe", "'", "''+1",
)  # fmt: skip
EXTRA: dict[str, Any] = {
    "名称": "not a name", "电话": 1, "id": "y", "extra": {"extra": []}, "type": None, "zero": 0, "half": 0.5,
    "yes": True, "list": [1, "2", {"3": None}], "text": "=1+1  two\u3000spaces\nline\x00\x7f\u2028\ufffe🏥",
    "": "no key", "  k  ": " v ", "n": -(2**53), "big": 1e300, "JSON": '{"a": "\\u0020"}', "quote": "'\"",
}  # fmt: skip


def frame() -> gpd.GeoDataFrame:
    """One clinic a name, with and without what can be known of it, and parks of every shape."""
    rows: list[tuple[str, dict[str, Any], Any]] = [
        (f"name {number}", {"id": f"{number:04}", "category": "clinic", "name": name, "address": name, "source": name},
         shapely.Point(120 + number / 777, 28.9 - number / 1313))
        for number, name in enumerate(NAMES)
    ]  # fmt: skip
    full = {
        "subtype": "village_clinic",
        "name": "示例",
        "name_en": "Full",
        "area_code": "0330784001",
        "address": "金城路1号",
        "phone": "0579-87112345",
        "opened": "1850-01-01",
        "closed": "1900-01-15",
        "opening_hours": "08:00-17:00",
        "capacity": 999_999_999,
        "provenance": "=file",
        "source": "卫健局",
        "verified": "2026-02-28",
        "verified_by": "-王",
        "extra": EXTRA,
    }
    rows += [
        ("full", {"id": "=full", "category": "clinic", **full}, shapely.Point(120.123456789012, 28.987654321098)),
        ("bare", {"id": "+1", "category": "kindergarten"}, shapely.Point(-51.2, -30.0)),
        ("own subtype", {"id": "007", "category": "park", "subtype": "湿地", "capacity": 0}, HOLED),
        ("two parts", {"id": "parts", "category": "park", "subtype": "pocket"}, TWO_PARTS),
        ("hall", {"id": "大厅", "category": "cultural_hall", "verified": "2024-02-29"}, shapely.Point(179.9, 0)),
    ]
    return facilities.from_rows(rows, "hostile")
