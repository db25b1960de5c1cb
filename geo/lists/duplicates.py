"""Likely duplicates: facilities of one category that stand near each other and have similar names.

This compares the facilities of one frame with each other. `service.register.matching` is another question: which
facility of the register a row of a list stands for.

A score says how likely two facilities are the same. A planner can compute it by hand:

1. **Names.** Names are compared in a plain form (`geo.lists.names`). Names that contradict each other are no
   duplicates, however near: each has a number, or a word like 东 or 甲, that the other does not have (第一幼儿园,
   第二幼儿园), or they begin with different provinces, cities, towns or villages. Otherwise their similarity is the
   mean of two: that of the whole plain names, and that of the names without the category's own words, such as 卫生室.
   Each is twice the number of characters in common, in order, over the number of characters of both.
2. **Distance.** With ``d``, the metres between the two divided by ``near_m`` (from 0 to 1), the score is
   similarity × (1 - `DISTANCE_PENALTY` × d). Where a name is unknown, it is `UNNAMED_SCORE` × (1 - d).
3. **Telephone and address.** The same telephone raises the score by `SAME_BONUS` × (1 - score), and so does the same
   address. Different telephones lower the score by `DIFFERENT_PENALTY` × score, and so do different addresses.

A larger distance never raises the score, and the order of the facilities does not matter.
"""

import operator
import re
import unicodedata
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import geopandas as gpd
import numpy as np
import shapely
from rapidfuzz import fuzz, process

from geo.arrays import BoolArray, Float64Array, Int64Array
from geo.geodesy.distance import TOLERANCE_M
from geo.geodesy.projection import projection
from geo.lists import candidate_pairs, names
from geo.lists.names import PlainName, Units
from geo.study.categories import BUILT_IN, Categories

NEAR_M, MIN_SCORE = 200.0, 0.6
DISTANCE_PENALTY, UNNAMED_SCORE, SAME_BONUS, DIFFERENT_PENALTY = 0.4, 0.8, 0.3, 0.1

V = TypeVar("V", bound=Hashable)


@dataclass(frozen=True, slots=True)
class DuplicatePair:
    """Two facilities that may be the same.

    Attributes
    ----------
    a, b
        Their ids, in the order of text.
    score
        From 0 to 1.
    metres
        The geodesic distance between their shapes.
    likeness
        The similarity of their names, from 0 to 1; None where a name is unknown.
    reasons
        What speaks for or against.
    """

    a: str
    b: str
    score: float
    metres: float
    likeness: float | None
    reasons: tuple[str, ...]


def find(
    frame: gpd.GeoDataFrame,
    crs: str,
    near_m: float = NEAR_M,
    least: float = MIN_SCORE,
    areas: Iterable[str] = (),
    categories: Categories = BUILT_IN,
) -> list[DuplicatePair]:
    """Likely duplicates among facilities, the likeliest first.

    Parameters
    ----------
    frame
        Facilities, as `geo.study.facilities.from_rows` returns them.
    crs
        The study's projection, in which near facilities are looked for.
    near_m
        The largest distance between two shapes, inclusive, in metres.
    least
        The lowest score.
    areas
        The names of towns and villages, with which names of facilities may begin.
    categories
        The study's, whose words for a category are left out where names are compared.
    """
    # Sorted by id, so that the result does not depend on the order of the frame.
    frame = frame.iloc[np.argsort(frame.index.to_numpy().astype(str), kind="stable")]
    metric = projection(crs)
    shapes = metric.forward(frame.geometry.to_numpy())
    units = names.units_of(areas)
    plain = [
        names.plain_name(name, categories[category], units)
        for name, category in zip(frame["name"], frame["category"], strict=True)
    ]
    a, b = candidate_pairs.near_pairs(shapes, frame["category"].to_numpy(), plain, near_m)

    possible = shapely.distance(shapes[a], shapes[b]) <= near_m * 1.01 + 1  # the projection's metres are not exact
    possible &= ~_for_pairs([name.identity if name else None for name in plain], a, b, names.contradict)
    a, b = a[possible], b[possible]
    metres = metric.geodesic_distances(shapes[a], shapes[b])
    similarity = _similarity(plain, a, b)
    named = np.isfinite(similarity)
    share = np.minimum(metres / near_m, 1) if near_m > 0 else np.zeros(len(metres))
    score = np.where(named, similarity * (1 - DISTANCE_PENALTY * share), UNNAMED_SCORE * (1 - share))
    reasons = [("a name is unknown", ~named), ("same name", similarity == 1)]
    score, reasons_of_contact = _with_contact(frame, units, a, b, score)
    reasons += reasons_of_contact

    ids = frame.index.to_numpy().astype(str)
    pairs = [
        DuplicatePair(
            a=str(ids[a[row]]),
            b=str(ids[b[row]]),
            score=round(float(score[row]), 3),
            metres=round(float(metres[row]), 3),
            likeness=round(float(similarity[row]), 3) if named[row] else None,
            reasons=tuple(reason for reason, applies in reasons if applies[row]),
        )
        for row in np.flatnonzero((metres <= near_m + TOLERANCE_M) & (score >= least))
    ]
    return sorted(pairs, key=lambda pair: (-pair.score, pair.metres, pair.a, pair.b))


def _with_contact(
    frame: gpd.GeoDataFrame, units: Units, a: Int64Array, b: Int64Array, score: Float64Array
) -> tuple[Float64Array, list[tuple[str, BoolArray]]]:
    """The score with telephone and address taken into account, and (reason, which pairs it applies to)."""
    phones = [_phone_numbers(text) or None for text in frame["phone"]]
    addresses = [names.without_units(names.plain_text(text), units)[0] or None for text in frame["address"]]
    comparisons = (
        ("phone", _for_pairs(phones, a, b, _share_a_number), _for_pairs(phones, a, b, _share_no_number)),
        ("address", _for_pairs(addresses, a, b, operator.eq), _for_pairs(addresses, a, b, _neither_contains_other)),
    )
    reasons: list[tuple[str, BoolArray]] = []
    for field, same, different in comparisons:
        score = np.where(same, score + (1 - score) * SAME_BONUS, score)
        score = np.where(different, score * (1 - DIFFERENT_PENALTY), score)
        reasons += [(f"same {field}", same), (f"other {field}", different)]
    return score, reasons


def _for_pairs(values: Sequence[V | None], a: Int64Array, b: Int64Array, relation: Callable[[V, V], bool]) -> BoolArray:
    """Whether ``relation`` holds for the values of each pair, shape (n,); False where a value is None.

    It is computed once for equal pairs.
    """
    number_of: dict[V, int] = {}
    numbers = np.array(
        [-1 if value is None else number_of.setdefault(value, len(number_of)) for value in values], dtype=int
    )
    distinct, count = list(number_of), max(len(number_of), 1)
    both_known = (numbers[a] >= 0) & (numbers[b] >= 0)
    pairs, pair_of_row = np.unique(numbers[a[both_known]] * count + numbers[b[both_known]], return_inverse=True)
    holds = [
        relation(distinct[first], distinct[second]) for first, second in zip(*np.divmod(pairs, count), strict=True)
    ]
    result = np.zeros(len(a), dtype=bool)
    result[both_known] = np.array(holds, dtype=bool)[pair_of_row]
    return result


def _similarity(plain: Sequence[PlainName | None], a: Int64Array, b: Int64Array) -> Float64Array:
    """The similarity of each pair's names, shape (n,); NaN where a name is unknown."""
    result = np.full(len(a), np.nan)
    known = np.array([name is not None for name in plain], dtype=bool)
    rows = np.flatnonzero(known[a] & known[b])
    if len(rows):
        whole = _ratios([name.text if name else None for name in plain], a[rows], b[rows])
        without_category = _ratios([name.without_category if name else None for name in plain], a[rows], b[rows])
        result[rows] = whole / 2 + without_category / 2
    return result


def _ratios(texts: Sequence[str | None], a: Int64Array, b: Int64Array) -> Float64Array:
    array = np.array(texts, dtype=object)
    ratios: Float64Array = process.cpdist(array[a], array[b], scorer=fuzz.ratio, dtype=np.float64) / 100
    return ratios


def _phone_numbers(text: object) -> frozenset[str]:
    """The last seven digits of each number, because area codes may be missing."""
    if not isinstance(text, str):
        return frozenset()
    narrow = unicodedata.normalize("NFKC", text)
    numbers = re.findall(r"\d{7,}", narrow) or [re.sub(r"\D", "", narrow)]
    return frozenset(number[-7:] for number in numbers if number)


def _share_a_number(a: frozenset[str], b: frozenset[str]) -> bool:
    return not a.isdisjoint(b)


def _share_no_number(a: frozenset[str], b: frozenset[str]) -> bool:
    return a.isdisjoint(b)


def _neither_contains_other(a: str, b: str) -> bool:
    """Whether neither address is a fuller form of the other."""
    return a not in b and b not in a
