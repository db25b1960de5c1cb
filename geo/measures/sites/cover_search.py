"""Local search for maximal covering: swaps of sites, repeated from many beginnings (iterated local search)."""

import numpy as np

from geo.arrays import BoolArray, Float64Array, Int32Array
from geo.compiled import compiled

_MINIMUM_GAIN = 1e-9


@compiled
def _flip(
    site: int,
    step: int,
    site_start: Int32Array,
    site_rows: Int32Array,
    row_start: Int32Array,
    row_sites: Int32Array,
    weights: Float64Array,
    covered_by: Int32Array,
    gain: Float64Array,
) -> None:
    """Open (``step`` 1) or close (−1) a site: update how many sites cover each row, and what each site would gain."""
    before = 0 if step > 0 else 1
    for entry in range(site_start[site], site_start[site + 1]):
        row = site_rows[entry]
        if covered_by[row] == before:
            change = step * weights[row]
            for other in range(row_start[row], row_start[row + 1]):
                gain[row_sites[other]] -= change
        covered_by[row] += step


@compiled
def search(
    site_start: Int32Array,
    site_rows: Int32Array,
    row_start: Int32Array,
    row_sites: Int32Array,
    weights: Float64Array,
    costs: Float64Array,
    count: int,
    budget: float,
    best: BoolArray,
    rounds: int,
    seed: int,
) -> float:
    """Improve ``best``, shape (sites,), by ``rounds`` of local search, in place; return the weight that it covers.

    A round closes some sites of the best choice at random, fills it up, and then, as long as that helps, closes one
    site and opens those that gain most. The first round does not close any, so that it is greedy from an empty choice.
    """
    np.random.seed(seed)
    sites = len(costs)
    covered_by = np.zeros(len(weights), dtype=np.int32)
    gain = np.zeros(sites)
    for site in range(sites):
        for entry in range(site_start[site], site_start[site + 1]):
            gain[site] += weights[site_rows[entry]]
    is_open = np.zeros(sites, dtype=np.bool_)
    added = np.zeros(sites, dtype=np.int32)
    used, money, value = 0, 0.0, 0.0
    for site in range(sites):
        if best[site]:
            value += gain[site]
            _flip(site, 1, site_start, site_rows, row_start, row_sites, weights, covered_by, gain)
            is_open[site] = True
            used += 1
            money += costs[site]
    best_value = value
    for round_number in range(rounds):
        if round_number > 0:
            free = np.flatnonzero(is_open)
            closing = min(len(free), 1 + np.random.randint(0, 3))
            np.random.shuffle(free)
            for site in free[:closing]:
                _flip(site, -1, site_start, site_rows, row_start, row_sites, weights, covered_by, gain)
                value -= gain[site]
                is_open[site] = False
                used -= 1
                money -= costs[site]
                # A site elsewhere, so that filling up does not bring the same sites back.
                other = np.random.randint(0, sites)
                if (
                    not is_open[other]
                    and gain[other] > 0
                    and np.random.random() < 0.5
                    and used < count
                    and money + costs[other] <= budget
                ):
                    value += gain[other]
                    _flip(other, 1, site_start, site_rows, row_start, row_sites, weights, covered_by, gain)
                    is_open[other] = True
                    used += 1
                    money += costs[other]
        improving = True
        while improving:
            improving = False
            # The first turn closes nothing and fills up; the others close one open site each.
            turns = np.flatnonzero(is_open)
            np.random.shuffle(turns)
            for turn in range(-1, len(turns)):
                out = turns[turn] if turn >= 0 else -1
                before = value
                if out >= 0:
                    _flip(out, -1, site_start, site_rows, row_start, row_sites, weights, covered_by, gain)
                    value -= gain[out]
                    is_open[out] = False
                    used -= 1
                    money -= costs[out]
                number = 0
                while used < count:
                    chosen, most = -1, _MINIMUM_GAIN
                    for site in range(sites):
                        if gain[site] > most and not is_open[site] and money + costs[site] <= budget:
                            chosen, most = site, gain[site]
                    if chosen < 0:
                        break
                    value += gain[chosen]
                    _flip(chosen, 1, site_start, site_rows, row_start, row_sites, weights, covered_by, gain)
                    is_open[chosen] = True
                    used += 1
                    money += costs[chosen]
                    added[number] = chosen
                    number += 1
                if value > before + _MINIMUM_GAIN * (1.0 + abs(before)):
                    improving = True
                elif out >= 0 and not (number == 1 and added[0] == out):
                    for site in added[:number]:
                        _flip(site, -1, site_start, site_rows, row_start, row_sites, weights, covered_by, gain)
                        value -= gain[site]
                        is_open[site] = False
                        used -= 1
                        money -= costs[site]
                    value += gain[out]
                    _flip(out, 1, site_start, site_rows, row_start, row_sites, weights, covered_by, gain)
                    is_open[out] = True
                    used += 1
                    money += costs[out]
        if value > best_value + _MINIMUM_GAIN * (1.0 + abs(best_value)):
            best_value = value
            best[:] = is_open
        elif value < best_value * (1.0 - 0.002):
            # Back to the best choice when this one is far behind.
            for site in range(sites):
                if is_open[site] and not best[site]:
                    _flip(site, -1, site_start, site_rows, row_start, row_sites, weights, covered_by, gain)
                    value -= gain[site]
            for site in range(sites):
                if best[site] and not is_open[site]:
                    value += gain[site]
                    _flip(site, 1, site_start, site_rows, row_start, row_sites, weights, covered_by, gain)
            is_open[:] = best
            used, money = 0, 0.0
            for site in range(sites):
                if best[site]:
                    used += 1
                    money += costs[site]
    return best_value
