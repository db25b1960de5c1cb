"""A siting problem: rows of people, columns of candidates, and what each candidate is worth to each row.

What a set of sites achieves beside today's facilities is Σ over rows of the largest benefit that one of the sites has
for the row. For covering, the benefit of a pair within the limit is the weight of the row; for least time it is the
weight times the seconds (or metres) that the site saves.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse

from geo.arrays import BoolArray, Float64Array, Int64Array
from geo.measures.counting import CountedUnits
from geo.measures.siting import reach
from geo.measures.siting.candidates import Candidates
from geo.measures.siting.document import Objective, Weights
from geo.study.standards import Radius, TravelTime
from geo.study.study import Study
from geo.traveltime import travel as traveltime
from geo.traveltime.travel import Travel

HORIZON = 4.0
"""For least time, nobody counts as farther from a facility than this many times the standard's limit."""


@dataclass(frozen=True)
class People:
    """The rows of a problem: demand points, shape (rows,) each.

    Attributes
    ----------
    demand_rows : rows of the study's demand
    counted : people of the standard's group, as the coverage counts them
    weight : the same, with the weights of the request
    base : seconds (metres of a radius) to the nearest of today's facilities, at most `horizon`
    inside : which are inside the standard today
    total, covered : weights of everybody, and of those who are inside today, also if they are no rows here
    inside_today : people inside today, not weighted
    limit, horizon : seconds or metres: the standard's limit; and beyond which nobody is searched
    """

    demand_rows: Int64Array
    counted: Float64Array
    weight: Float64Array
    base: Float64Array
    inside: BoolArray
    total: float
    covered: float
    inside_today: float
    limit: float
    horizon: float

    @staticmethod
    def of(
        study: Study, standard: TravelTime | Radius, counted: CountedUnits, objective: Objective, weights: Weights
    ) -> tuple["People", list[str]]:
        """The people of a standard, and notes; for covering only those who are outside it today."""
        rows = counted.rows
        unit = 60.0 if isinstance(standard, TravelTime) else 1.0
        limit = unit * (standard.minutes if isinstance(standard, TravelTime) else standard.metres)
        horizon = HORIZON * limit if objective == "least_time" else limit
        weight, notes = _weighted(study, rows["weight"].to_numpy(), rows.index.to_numpy(), weights)
        inside = rows["inside"].to_numpy(dtype=bool)
        kept = weight > 0
        if objective != "least_time":
            kept &= ~inside
        people = People(
            demand_rows=study.demand.index.get_indexer(rows.index[kept]).astype(np.int64),
            counted=rows["weight"].to_numpy()[kept],
            weight=weight[kept],
            base=np.minimum(rows["value"].to_numpy()[kept] * unit, horizon),
            inside=inside[kept],
            total=float(weight.sum()),
            covered=float(weight[inside].sum()),
            inside_today=float(rows["weight"].to_numpy()[inside].sum()),
            limit=limit,
            horizon=horizon,
        )
        return people, notes


def _weighted(
    study: Study, counted: Float64Array, labels: Int64Array, weights: Weights
) -> tuple[Float64Array, list[str]]:
    """The weights of rows that are labelled as the study's demand is, and notes on people whose age is unknown."""
    weight, notes = counted.copy(), []
    demand = study.demand.loc[labels]
    for name, zh, en in (("children_3_6", "儿童", "children"), ("elders_65", "老人", "elders")):
        factor = getattr(weights, name)
        if factor == 1:
            continue
        group = demand[name].to_numpy(dtype=float)
        unknown = np.isnan(group)
        weight += (factor - 1.0) * np.where(unknown, 0.0, group)
        if unknown.any():
            people = float(counted[unknown].sum())
            notes.append(
                f"{people:,.0f} 人中{zh}数不详，按每人 1 计 of {people:,.0f} people it is unknown how many are {en}: "
                "each of them counts 1"
            )
    return np.maximum(weight, 0.0), notes


@dataclass(frozen=True)
class Problem:
    """People, candidates, and which pairs of them are within the limit (for least time: the horizon).

    Attributes
    ----------
    people, candidates : the rows and the columns
    values : sparse array rows × candidates: seconds or metres; missing entries are beyond the limit
    same : shape (candidates,), how many candidates reach exactly the same people, of which this one is kept
    is_covering : whether being within the limit is all that counts
    unreached : how many candidates no street reaches
    """

    people: People
    candidates: Candidates
    values: sparse.csc_array
    same: Int64Array
    is_covering: bool
    unreached: int

    @cached_property
    def benefits(self) -> sparse.csc_array:
        """What each candidate is worth to each row, more than 0."""
        people, values = self.people, self.values
        if self.is_covering:
            data = people.weight[values.indices]
        else:
            data = people.weight[values.indices] * np.maximum(people.base[values.indices] - values.data, 0.0)
        return _entries(values, data)

    @cached_property
    def cover(self) -> sparse.csr_array:
        """Ones where a candidate is within the standard's limit of a row, rows × candidates."""
        values = self.values
        inside = values.data <= self.people.limit + traveltime.TOLERANCE_S + reach.ROUNDING_S
        return sparse.csr_array(_entries(values, inside.astype(float)))

    @cached_property
    def _by_site(self) -> sparse.csr_array:
        return sparse.csr_array((np.ones(len(self.benefits.data)), self.benefits.indices, self.benefits.indptr),
                                self.benefits.shape[::-1])  # fmt: skip

    def reached(self, sites: Sequence[int] | Int64Array) -> Float64Array:
        """The largest benefit of ``sites`` for each row, shape (rows,)."""
        best = np.zeros(len(self.people.weight))
        for site in sites:
            entries = slice(*self.benefits.indptr[int(site) : int(site) + 2])
            rows = self.benefits.indices[entries]
            best[rows] = np.maximum(best[rows], self.benefits.data[entries])
        return best

    def gains(self, reached: Float64Array) -> Float64Array:
        """How much each candidate would add where `reached` is what others give already, shape (candidates,)."""
        if self.is_covering:
            return np.asarray(self._by_site @ np.where(reached > 0, 0.0, self.people.weight))
        more = np.maximum(self.benefits.data - reached[self.benefits.indices], 0.0)
        sums = np.concatenate([[0.0], np.cumsum(more)])
        return np.asarray(sums[self.benefits.indptr[1:]] - sums[self.benefits.indptr[:-1]])

    def newly_inside(self, sites: Sequence[int] | Int64Array) -> float:
        """How many people, not weighted, are inside the standard with ``sites`` and outside it today."""
        chosen = np.zeros(self.cover.shape[1])
        chosen[np.asarray(sites, dtype=np.int64)] = 1.0
        new = (self.cover @ chosen > 0) & ~self.people.inside
        return float(self.people.counted[new].sum())


def _entries(pattern: sparse.csc_array, data: Float64Array) -> sparse.csc_array:
    """Other data at the entries of an array, without those that are 0; nothing is shared with it."""
    matrix = sparse.csc_array((data, pattern.indices.copy(), pattern.indptr.copy()), pattern.shape)
    matrix.eliminate_zeros()
    return matrix


def build(
    travel: Travel,
    standard: TravelTime | Radius,
    people: People,
    candidates: Candidates,
    is_covering: bool,
    keep_all: bool,
) -> Problem:
    """Compute which people each candidate reaches.

    Unless ``keep_all``, candidates that reach nobody are left out and, for covering, of candidates that reach exactly
    the same people one is kept: the one to which these travel least.
    """
    if isinstance(standard, TravelTime):
        values, unreached = reach.by_time(travel, standard.mode, candidates.shapes, people.demand_rows, people.horizon)
    else:
        unreached = np.empty(0, dtype=np.int64)
        values = reach.by_radius(travel, candidates.shapes, people.demand_rows, people.horizon, exact=not is_covering)
    same = np.ones(len(candidates), dtype=np.int64)
    if not keep_all:
        kept = np.flatnonzero((np.diff(values.indptr) > 0) | candidates.is_fixed)
        values, candidates, same = values[:, kept], candidates.rows(kept), same[kept]
        if is_covering:
            kept, same = _distinct(values, people.weight, candidates)
            values, candidates = values[:, kept], candidates.rows(kept)
    return Problem(people, candidates, sparse.csc_array(values), same, is_covering, len(unreached))


def _distinct(values: sparse.csc_array, weight: Float64Array, candidates: Candidates) -> tuple[Int64Array, Int64Array]:
    """The columns to keep, one of each set of equal ones, and how many each stands for.

    Columns are compared by two sums of random numbers, one for each of their rows. Fixed candidates and those that cost
    something else are others.
    """
    random = np.random.default_rng(0).integers(1, 2**61, (values.shape[0], 2), dtype=np.uint64)
    columns = values.shape[1]
    column = np.repeat(np.arange(columns), np.diff(values.indptr))
    keys = np.zeros((columns, 4), dtype=np.uint64)
    occupied = np.flatnonzero(np.diff(values.indptr))
    if len(occupied):
        keys[occupied, :2] = np.add.reduceat(random[values.indices], values.indptr[occupied], axis=0)
    keys[:, 2] = candidates.costs.view(np.uint64)
    keys[candidates.is_fixed, 3] = 1 + np.flatnonzero(candidates.is_fixed)
    _, group = np.unique(keys, axis=0, return_inverse=True)
    travelled = np.bincount(column, values.data * weight[values.indices], minlength=columns)
    order = np.lexsort((travelled, group.ravel()))
    first = order[np.flatnonzero(np.diff(group.ravel()[order], prepend=-1))]
    size = np.bincount(group.ravel())
    kept = np.sort(first)
    return kept.astype(np.int64), size[group.ravel()[kept]].astype(np.int64)
