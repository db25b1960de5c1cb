"""What maps, pages and tables call units, modes of travel and the results of a standard; Chinese first."""

from geo.measures.coverage import AreaLand, AreaShare, Coverage, LandShare, meets

UNITS = {"people": "人", "villages": "个村", "towns": "个镇街", "facilities": "处"}
"""The unit of ``Coverage.total`` and ``Coverage.covered``."""
MODES = {"walk": "步行 walk", "cycle": "电动自行车 e-bike", "drive": "驾车 drive"}


NOT_KNOWN = "不详 not known"
LAND = "居住用地 residential land"


def headline(coverage: Coverage) -> str:
    """The main number of a standard: a share in per cent, or a count and its target; or that it is not known."""
    if not coverage.known:
        return NOT_KNOWN
    if coverage.measure == "opened":
        return f"{coverage.covered:g}" + (f" / {coverage.target:g}" if coverage.target else "")
    return percent(coverage.share, coverage.target)


def percent(share: float | None, target: float | None = None) -> str:
    """A share in per cent, with more than one decimal where one would make it look like the target that it misses."""
    if share is None:
        return "—"
    for decimals in range(1, 10):
        text = f"{share:.{decimals}%}"
        if target is None or meets(share, target) or not meets(float(text.removesuffix("%")) / 100, target):
            break
    return text


def area_share(coverage: Coverage, area: AreaShare) -> str:
    """The share of an area, or that it is not known; for openings their number."""
    if not coverage.known:
        return NOT_KNOWN
    return f"{area.covered:g}" if coverage.measure == "opened" else percent(area.share)


def counted(coverage: Coverage, area: AreaShare | None = None) -> str:
    """How many of how many are covered, in the whole place or in one area."""
    part = coverage if area is None else area
    covered = f"{part.covered:,.0f}" if coverage.known else "—"
    return f"{covered} / {part.total:,.0f} {UNITS[coverage.unit]}"


def everybody(coverage: Coverage) -> str:
    """The words for “all people” where these count because the standard's own group is unknown; else an empty text."""
    return "" if coverage.people_counted == coverage.people_group else "全部人口 all people"


def limit(coverage: Coverage) -> str:
    """The standard's limit in words: of time or distance, the days of openings, or that a facility must be there.

    Raises
    ------
    ValueError
        The measure is none of those of `geo.study.standards`.
    """
    if coverage.minutes is not None:
        speed = f" {coverage.speed_kph:g} km/h" if coverage.speed_kph else ""
        return f"{MODES[coverage.mode or 'walk']}{speed} ≤ {coverage.minutes:g} 分钟 min"
    if coverage.metres is not None:
        classes = radius_classes(coverage)
        if classes:
            return f"直线 straight {classes} · 面积不详 of unknown size ≤ {coverage.metres:g} 米 m"
        return f"直线 straight ≤ {coverage.metres:g} 米 m"
    if coverage.measure == "opened":
        return f"{coverage.since} — {coverage.until}"
    if coverage.measure == "presence":
        return "有或无 has one or not"
    raise ValueError(f"labels.limit has no words for the measure {coverage.measure!r}")


def radius_classes(coverage: Coverage) -> str:
    """The radius of each class of area in words, the largest first; an empty text where the radius is the same."""
    classes = coverage.radius_by_area
    return ", ".join(f"≤ {each.metres:g} 米 m (≥ {each.least_m2:,.10g} m²)" for each in classes)


def land_share(coverage: Coverage) -> str:
    """The share of residential land within the radius, or that it is not known."""
    land = coverage.residential_land
    if land is None or not coverage.known:
        return NOT_KNOWN
    return percent(land.share, coverage.target)


def land_counted(coverage: Coverage) -> str:
    """How many hectares of how many lie within the radius; “—” where the study has no residential land."""
    land = coverage.residential_land
    return "—" if land is None else f"{_land_hectares(coverage, land)} 公顷 ha"


def land_of_area(coverage: Coverage, area: AreaLand) -> str:
    """How many hectares of how many of an area lie within the radius, and the share."""
    share = f" ({percent(area.share)})" if coverage.known else ""
    return f"{_land_hectares(coverage, area)}{share}"


def _land_hectares(coverage: Coverage, land: LandShare | AreaLand) -> str:
    covered = f"{land.covered_hectares:,.1f}" if coverage.known else "—"
    return f"{covered} / {land.hectares:,.1f}"
