"""How much the benchmark measures: in full, or quickly to see that it runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

Numbers = dict[str, Any]
"""What a stage returns: numbers by name, some of them grouped by tool."""

LIMIT_S = 900.0
MINUTES = (5.0, 10.0, 15.0)
SEED = 330784
ROOT = Path(__file__).resolve().parents[1]
EXTRACTS = ROOT.parent / "shared" / "data"


@dataclass(frozen=True)
class Plan:
    """How much is measured.

    Attributes
    ----------
    real : the names of the real places that are measured, of those whose extracts are at hand
    sizes : the number of nodes of each generated network, by name
    within_m : metres around the median node to which real networks are cut
    rounds, patience_s : see `timing.interleaved`
    demand, sources, catchments, starts : numbers of places to look up, of sources in real places, of nodes whose
        catchments are computed, and of starts of isochrones
    copied_mb : megabytes copied to measure the memory
    town, siting_s : people and sites of the generated siting problem, and the seconds that a search may take
    drawn_by_osmnx : the real places in which osmnx draws isochrones too
    """

    real: Sequence[str]
    sizes: dict[str, int]
    within_m: float
    rounds: int
    patience_s: float
    demand: int
    sources: int
    catchments: int
    starts: int
    copied_mb: int
    town: tuple[int, int]
    siting_s: float
    drawn_by_osmnx: Sequence[str]


FULL = Plan(
    real=("porto_alegre", "liechtenstein"),
    sizes={"generated-0.1m": 100_000, "generated-1m": 1_000_000, "generated-10m": 10_000_000},
    within_m=np.inf,
    rounds=40,
    patience_s=2.0,
    demand=50_000,
    sources=500,
    catchments=2_000,
    starts=8,
    copied_mb=400,
    town=(2_000, 500),
    siting_s=300.0,
    drawn_by_osmnx=("porto_alegre", "liechtenstein"),
)
QUICK = Plan(
    real=("porto_alegre",),
    sizes={"generated-0.1m": 3_000, "generated-1m": 10_000, "generated-10m": 30_000},
    within_m=1000.0,
    rounds=1,
    patience_s=0.005,
    demand=2_000,
    sources=200,
    catchments=40,
    starts=2,
    copied_mb=50,
    town=(100, 30),
    siting_s=5.0,
    drawn_by_osmnx=("porto_alegre",),
)
