"""Computes studies, street networks, travel times, coverage and isochrones; knows no web, database or drawing.

The names below are the public Python interface, which docs/python.md explains. Each is imported on first use, so that
``import geo`` itself takes no time.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from geo.measures.counting import count_units
    from geo.measures.coverage import measure as coverage
    from geo.measures.isochrones import around as isochrones
    from geo.study.study import Study
    from geo.study.study import read as read_study
    from geo.traveltime.travel import Travel

__all__ = ["Study", "Travel", "count_units", "coverage", "isochrones", "read_study"]

_MODULE_AND_NAME = {
    "Study": ("geo.study.study", "Study"),
    "Travel": ("geo.traveltime.travel", "Travel"),
    "count_units": ("geo.measures.counting", "count_units"),
    "coverage": ("geo.measures.coverage", "measure"),
    "isochrones": ("geo.measures.isochrones", "around"),
    "read_study": ("geo.study.study", "read"),
}


def __getattr__(name: str) -> object:
    """Import a public name on first use (PEP 562)."""
    if name not in _MODULE_AND_NAME:
        raise AttributeError(f"module 'geo' has no attribute {name!r}")
    module, attribute = _MODULE_AND_NAME[name]
    value: object = getattr(import_module(module), attribute)
    globals()[name] = value  # so that the next use does not come here
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
