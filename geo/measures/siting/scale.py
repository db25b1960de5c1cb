"""In which unit a choice is valued, and how the benefit of sites becomes that value.

A benefit (`geo.measures.siting.problem`) is what sites achieve beside today's facilities: weight newly inside, or
weight × seconds (metres) saved. A value is what a reader sees: people inside, or the mean time of everybody.
"""

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

from geo.measures.siting.document import SitesRequest
from geo.measures.siting.problem import Problem
from geo.study.standards import TravelTime

Unit: TypeAlias = Literal["people", "weighted people", "sites", "cost", "mean minutes", "mean metres"]


@dataclass(frozen=True)
class Scale:
    """How benefits become values.

    Attributes
    ----------
    unit : of the values
    more_is_better : whether a higher value is a better one
    start : the value without sites, exact
    per_benefit : by how much one unit of benefit changes the value
    decimals : with how many a value is stated
    """

    unit: Unit
    more_is_better: bool
    start: float
    per_benefit: float
    decimals: int

    @staticmethod
    def of(problem: Problem, standard: object, request: SitesRequest) -> "Scale":
        """The scale of the curve and of replacements: people, weighted if asked, or the mean time or distance."""
        people = problem.people
        if problem.is_covering:
            is_weighted = request.weights is not None
            return Scale("weighted people" if is_weighted else "people", True, people.covered, 1.0, 1)
        is_time = isinstance(standard, TravelTime)
        per_benefit = -1.0 / (people.total * (60.0 if is_time else 1.0))
        start = -per_benefit * float((people.weight * people.base).sum())
        return Scale("mean minutes" if is_time else "mean metres", False, start, per_benefit, 3)

    def value(self, benefit: float) -> float:
        """The value of sites with a benefit, rounded."""
        return round(self.start + self.per_benefit * benefit, self.decimals)

    def bound(self, benefit: float) -> float:
        """The value that no choice betters if none has more than this benefit, rounded to the safe side."""
        exact = (self.start + self.per_benefit * benefit) * 10**self.decimals
        rounded = math.ceil(exact - 1e-6) if self.more_is_better else math.floor(exact + 1e-6)
        return float(rounded / 10**self.decimals)

    def loss(self, benefit: float) -> float:
        """By how much a value is worse with so much less benefit."""
        return round(abs(self.per_benefit) * benefit, self.decimals) + 0.0
