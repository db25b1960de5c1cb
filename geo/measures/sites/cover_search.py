"""Local search for maximal covering: swaps of sites, repeated from many beginnings (iterated local search)."""

from functools import cache
from typing import NamedTuple

import numpy as np
from scipy import sparse

from geo.arrays import BoolArray, Float64Array, Int32Array
from geo.compiled import compiled

_MINIMUM_GAIN = 1e-9
_FAR_BEHIND = 0.002
"""The search returns to the best choice when another is worse by this share."""


class Tables(NamedTuple):
    """A maximal covering problem for compiled loops.

    Attributes
    ----------
    site_start, site_rows : the rows that site s covers are ``site_rows[site_start[s]:site_start[s + 1]]``
    row_start, row_sites : the sites that cover a row, likewise
    weights, costs : shape (rows,) and (sites,)
    places, budget : how many sites may be opened, and for how much
    over : shape (1,), True when the search has to end
    """

    site_start: Int32Array
    site_rows: Int32Array
    row_start: Int32Array
    row_sites: Int32Array
    weights: Float64Array
    costs: Float64Array
    places: int
    budget: float
    over: BoolArray

    @staticmethod
    def of(
        cover: sparse.csr_array, weights: Float64Array, costs: Float64Array, places: int, budget: float, over: BoolArray
    ) -> "Tables":
        """The tables of a matrix rows × sites."""
        columns = cover.tocsc()
        site_start, site_rows, row_start, row_sites = (
            part.astype(np.int32) for part in (columns.indptr, columns.indices, cover.indptr, cover.indices)
        )
        return Tables(site_start, site_rows, row_start, row_sites, weights, costs, places, budget, over)


class State(NamedTuple):
    """A choice that changes: open sites, by how many each row is covered, and the weight that each site would add.

    ``totals`` has the number of open sites, their costs, and the weight that they cover.
    """

    is_open: BoolArray
    covered_by: Int32Array
    gain: Float64Array
    totals: Float64Array


@compiled
def _flip(site: int, tables: Tables, state: State) -> None:
    """Open a closed site, or close an open one."""
    opening = not state.is_open[site]
    step, before = (1, 0) if opening else (-1, 1)
    if opening:
        state.totals[2] += state.gain[site]
    for entry in range(tables.site_start[site], tables.site_start[site + 1]):
        row = tables.site_rows[entry]
        if state.covered_by[row] == before:
            change = step * tables.weights[row]
            for other in range(tables.row_start[row], tables.row_start[row + 1]):
                state.gain[tables.row_sites[other]] -= change
        state.covered_by[row] += step
    if not opening:
        state.totals[2] -= state.gain[site]
    state.totals[0] += step
    state.totals[1] += step * tables.costs[site]
    state.is_open[site] = opening


@compiled
def _fill(tables: Tables, state: State, added: Int32Array) -> int:
    """Open the site that gains most, and so on while there is room; list them in ``added``, return how many."""
    number = 0
    while state.totals[0] < tables.places and not tables.over[0]:
        chosen, most = -1, _MINIMUM_GAIN
        for site in range(len(tables.costs)):
            if (
                state.gain[site] > most
                and not state.is_open[site]
                and state.totals[1] + tables.costs[site] <= tables.budget
            ):
                chosen, most = site, state.gain[site]
        if chosen < 0:
            break
        _flip(chosen, tables, state)
        added[number] = chosen
        number += 1
    return number


@compiled
def _shake(tables: Tables, state: State) -> None:
    """Close one to three sites at random, and perhaps open others so that filling up does not bring them back."""
    free = np.flatnonzero(state.is_open)
    np.random.shuffle(free)
    for closing in free[: 1 + np.random.randint(0, 3)]:
        _flip(int(closing), tables, state)
        other = np.random.randint(0, len(tables.costs))
        if (
            not state.is_open[other]
            and state.gain[other] > 0
            and np.random.random() < 0.5
            and state.totals[0] < tables.places
            and state.totals[1] + tables.costs[other] <= tables.budget
        ):
            _flip(other, tables, state)


@compiled
def _swap(tables: Tables, state: State, added: Int32Array) -> None:
    """Close one site and fill up, as long as that helps."""
    improving = True
    while improving:
        improving = False
        turns = np.flatnonzero(state.is_open)
        np.random.shuffle(turns)
        for out in turns:
            if tables.over[0]:
                return
            if not state.is_open[out]:
                continue
            before = state.totals[2]
            _flip(int(out), tables, state)
            number = _fill(tables, state, added)
            if state.totals[2] > before + _MINIMUM_GAIN * (1.0 + abs(before)):
                improving = True
            elif not (number == 1 and added[0] == out):
                for site in added[:number]:
                    _flip(int(site), tables, state)
                _flip(int(out), tables, state)


@compiled
def search(tables: Tables, best: BoolArray, rounds: int, seed: int) -> float:
    """Improve ``best``, shape (sites,), by ``rounds`` of local search, in place; return the weight that it covers.

    A round closes some sites of the choice at random, fills it up, and then, as long as that helps, closes one site and
    opens those that gain most. The first round does not close any. Without rounds the choice is filled up only, which
    is greedy from an empty one.
    """
    np.random.seed(seed)
    sites = len(tables.costs)
    gain = np.zeros(sites)
    for site in range(sites):
        for entry in range(tables.site_start[site], tables.site_start[site + 1]):
            gain[site] += tables.weights[tables.site_rows[entry]]
    state = State(np.zeros(sites, dtype=np.bool_), np.zeros(len(tables.weights), dtype=np.int32), gain, np.zeros(3))
    added = np.zeros(sites, dtype=np.int32)
    for site in range(sites):
        if best[site]:
            _flip(site, tables, state)
    if rounds == 0:
        _fill(tables, state, added)
        best[:] = state.is_open
    best_value = state.totals[2]
    for round_number in range(rounds):
        if round_number > 0:
            _shake(tables, state)
        _fill(tables, state, added)
        _swap(tables, state, added)
        value = state.totals[2]
        if value > best_value + _MINIMUM_GAIN * (1.0 + abs(best_value)):
            best_value = value
            best[:] = state.is_open
        elif value < best_value * (1.0 - _FAR_BEHIND):
            for closing in (True, False):
                for site in range(sites):
                    if state.is_open[site] != best[site] and state.is_open[site] == closing:
                        _flip(site, tables, state)
        if tables.over[0]:
            break
    return float(best_value)


@cache
def compile_or_load() -> None:
    """Compile the loops or load them from the cache, so that the time of the first search is its own."""
    tables = Tables.of(
        sparse.csr_array(np.ones((1, 1))), np.ones(1), np.ones(1), 1, np.inf, np.zeros(1, dtype=np.bool_)
    )
    search(tables, np.zeros(1, dtype=np.bool_), 1, 0)
