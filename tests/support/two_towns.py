"""A county small enough to compute its coverage by hand."""

from dataclasses import replace
from datetime import date

import shapely

from geo.measures import coverage
from geo.measures.coverage import Coverage
from geo.study.standards import Standard
from geo.study.study import Study
from geo.traveltime.travel import Travel
from support import handmade
from support.handmade import Area, Facility, People, Street, facility_frame

TODAY = date(2021, 12, 31)

# Two towns along one street of 4 km, and a piece of street that nothing joins.
STREETS = [Street([(0, 0), (2000, 0)]), Street([(2000, 0), (4000, 0)]), Street([(0, 8000), (100, 8000)])]
AREAS = [
    Area("A", "town", shapely.box(-100, -100, 2000, 9000)),
    Area("B", "town", shapely.box(2000, -100, 4100, 9000)),
    Area("A1", "village", shapely.box(-100, -100, 1000, 100), "A", urban=True),
    Area("A2", "village", shapely.box(1000, -100, 2000, 100), "A", urban=False),
    Area("B1", "community", shapely.box(2000, -100, 3000, 100), "B", urban=True),
    Area("B2", "village", shapely.box(3000, -100, 4100, 100), "B", urban=False),
]
PEOPLE = [  # five points at 200 … 3900 m along the street from the clinic, and two that no street connects to it
    People((200, 0), 10, {"area_code": "A1", "urban": 1, "children_3_6": 1}),
    People((900, 0), 20, {"area_code": "A1", "urban": 1, "children_3_6": 2}),
    People((1500, 0), 30, {"area_code": "A2", "urban": 0, "children_3_6": 3}),
    People((2500, 0), 40, {"area_code": "B1", "urban": 1, "children_3_6": None}),
    People((3900, 0), 50, {"area_code": "B2", "urban": 0, "children_3_6": 5}),
    People((0, 8000), 60, {"area_code": "A", "urban": 0}),  # on the piece that nothing joins
    People((500, 4000), 70, {"urban": 1}),  # no street within 1000 m, outside all areas
]
CLINIC = Facility("c", "clinic", (0, 0), {"area_code": "A1"})


def study() -> Study:
    """Return the study in memory."""
    return handmade.study(STREETS, [CLINIC], PEOPLE, AREAS)


def measure(study: Study, goal: Standard, *facilities: Facility) -> Coverage:
    """Return the coverage on `TODAY`, with ``facilities`` instead of the study's if there are any."""
    frame = facility_frame(facilities) if facilities else study.facilities
    return coverage.measure(Travel(study), frame, goal, TODAY)


def by_area(answer: Coverage) -> dict[str, tuple[float, float, float, float | None]]:
    """Return (people, total, covered, share) of each area by code."""
    return {area.code: (area.people, area.total, area.covered, area.share) for area in answer.areas}


def with_demand(study: Study, **columns: object) -> Study:
    """Return the study with other values in columns of its demand."""
    return replace(study, demand=study.demand.assign(**columns))
