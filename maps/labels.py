"""What maps, pages and tables call units, modes of travel and the results of a standard; Chinese first."""

from geo.measures.coverage import Coverage

UNITS = {"people": "人", "villages": "个村", "towns": "个镇街", "facilities": "处"}
"""The unit of ``Coverage.total`` and ``Coverage.covered``."""
MODES = {"walk": "步行 walk", "cycle": "电动自行车 e-bike", "drive": "驾车 drive"}


def headline(coverage: Coverage) -> str:
    """The main number of a standard: a share in per cent, or a count and its target."""
    if coverage.measure == "opened":
        return f"{coverage.covered:g}" + (f" / {coverage.target:g}" if coverage.target else "")
    return "—" if coverage.share is None else f"{coverage.share:.1%}"


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
        return f"直线 straight ≤ {coverage.metres:g} 米 m"
    if coverage.measure == "opened":
        return f"{coverage.since} — {coverage.until}"
    if coverage.measure == "presence":
        return "有或无 has one or not"
    raise ValueError(f"labels.limit has no words for the measure {coverage.measure!r}")
