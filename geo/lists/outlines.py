"""What a list should know of its shapes that are kept in another form than it gives them."""

from shapely.geometry.base import BaseGeometry

_WORDS = {
    "LineString": "line",
    "LinearRing": "line",
    "MultiLineString": "lines",
    "Polygon": "outline",
    "MultiPolygon": "outlines",
    "MultiPoint": "points",
    "GeometryCollection": "points, lines and outlines",
}


def what_became(given: BaseGeometry, kept: BaseGeometry) -> str | None:
    """A note on a shape, given in WGS84, of which a point or an outline was kept; None if nothing changed."""
    parts = len(getattr(given, "geoms", (given,)))
    if given.geom_type == kept.geom_type or (given.geom_type == "MultiPoint" and parts == 1):
        return None
    words = _WORDS.get(given.geom_type, given.geom_type)
    subject = f"its {parts} points" if given.geom_type == "MultiPoint" else f"its {words}"
    if kept.geom_type == "Point":
        advice = "" if "outline" in words else ": give one point, or an outline, if that is not where it is"
        return f"of {subject} the point {kept.x:.6f}, {kept.y:.6f} was taken{advice}"
    if "line" in words and "outline" not in words:
        return f"{subject} is closed and was read as its outline"
    return f"of {subject} the outlines were kept" if given.geom_type == "GeometryCollection" else None
