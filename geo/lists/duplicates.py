"""Likely twins: facilities of one category that stand near each other and are called alike, from whatever source.

A score says how likely two of them are one. It is made so that a planner can do the sum again:

1. **Names.** A name is put into its plain form (`Name`). Where two names contradict each other, they are no twins,
   however near: each has a number, or a word like 东 or 甲, that the other has not (第一幼儿园, 第二幼儿园), or they
   begin with two provinces, cities, towns or villages. Else their likeness is the mean of two: of the whole plain
   names, and of what is left of them without the category's own words, such as 卫生室, since that all have. Either is
   twice the characters in common, in order, over the characters of both.
2. **Place.** The score is that likeness less up to `FARTHEST` of it: nothing at 0 m, all of that at ``near_m``, evenly
   between. Where a name is unknown, place alone counts: `UNNAMED` at 0 m, nothing at ``near_m``.
3. **Telephone and address.** The same telephone takes the score `SAME` of its way to 1, and the same address so again;
   another telephone takes `OTHER` of the score away, and another address so again.

Moving two apart never raises their score, and it does not matter which stands first.
"""

import operator
import re
import unicodedata
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from rapidfuzz import fuzz, process

from geo.arrays import BoolArray, Float64Array, Int64Array
from geo.geodesy.distance import TOLERANCE_M, geodesic_lengths
from geo.geodesy.projection import projection
from geo.study import categories

NEAR_M, MIN_SCORE = 200.0, 0.6
FARTHEST, UNNAMED, SAME, OTHER = 0.4, 0.8, 0.3, 0.1

CROWD = 64
"""Of a category, within three times three squares of ``near_m``: where more stand, not all pairs are looked at."""
WINDOW = 8
"""With how many of the next, by name, each of a crowd is compared."""

_DIGITS = {**{char: n for n, char in enumerate("零一二三四五六七八九")}, "〇": 0}
_UNITS = {"十": 10, "百": 100}
_NUMBER = re.compile("[零〇一二三四五六七八九十百]+|[0-9]+")
_TELLING = "东南西北甲乙丙丁"
_NO_MEANING = re.compile("示例|股份有限公司|有限责任公司|有限公司")
_PROVINCE, _CITY = re.compile("([^省市县]{2,3})省"), re.compile("([^省市县]{2,3})[市县]")
_LEVELS = (re.compile("省$"), re.compile("[市县]$"), re.compile("(?:街道|[镇乡])$"), re.compile("(?:社区|村)?$"))


@dataclass(frozen=True, slots=True)
class DuplicatePair:
    """Two facilities that may be one: ids in order of text, ``score`` from 0 to 1, geodesic ``metres`` between them.

    ``likeness`` of their names is from 0 to 1, None where one is unknown; ``reasons`` say what speaks for or against.
    """

    a: str
    b: str
    score: float
    metres: float
    likeness: float | None
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Name:
    """A name in its plain form.

    ``text`` is the name without spaces, brackets and punctuation, full-width characters made narrow, numbers as
    digits (一 is 1, 02 is 2), legal forms, 示例 and the ``units`` it begins with taken off: {0: province, 1: city or
    county, 2: town, 3: village}. ``own`` is the text without the category's words at its end; ``marks`` are the
    numbers and telling words in it.
    """

    text: str
    own: str
    units: Mapping[int, str]
    marks: tuple[str, ...]


def find(
    frame: gpd.GeoDataFrame, crs: str, near_m: float = NEAR_M, least: float = MIN_SCORE, areas: Iterable[str] = ()
) -> list[DuplicatePair]:
    """Likely twins among ``frame``, as `geo.study.facilities.from_rows` has it, the likeliest first.

    Distances are between shapes, in metres found in the projection ``crs`` and measured as geodesics; ``near_m``
    itself is near. ``areas`` are names of towns and villages, with which names may begin or not. Work and memory grow
    with the number of facilities, not with its square: where more than `CROWD` of a category stand close together, on
    one point say, each is compared with the `WINDOW` next of these by name only, read forwards, and read backwards.
    """
    # One order whatever the frame's, so that ties fall the same way.
    frame = frame.iloc[np.argsort(frame.index.to_numpy().astype(str), kind="stable")]
    metric = projection(crs)
    shapes = metric.forward(frame.geometry.to_numpy())
    units = _units(areas)
    names = [_name(*row, units) for row in zip(frame["name"], frame["category"], strict=True)]
    one, two = _candidates(shapes, frame["category"].to_numpy(), names, near_m)

    close = shapely.distance(shapes[one], shapes[two]) <= near_m * 1.01 + 1  # the projection's metres are not exact
    close &= ~_asked([name and (name.marks, tuple(name.units.items())) for name in names], one, two, _contradict)
    one, two = one[close], two[close]
    metres = geodesic_lengths(metric.inverse(shapely.shortest_line(shapes[one], shapes[two])))
    likeness = _likeness(names, one, two)
    known = np.isfinite(likeness)
    share = np.minimum(metres / near_m, 1) if near_m > 0 else np.zeros(len(metres))
    score = np.where(known, likeness * (1 - FARTHEST * share), UNNAMED * (1 - share))

    reasons = [("a name is unknown", ~known), ("same name", likeness == 1)]
    phones = [_phones(text) or None for text in frame["phone"]]
    addresses = [_without_units(_plain(text), units)[0] or None for text in frame["address"]]
    for what, values, alike, apart in (
        ("phone", phones, _meet, lambda a, b: not _meet(a, b)),
        ("address", addresses, operator.eq, _neither_within),
    ):
        same, other = _asked(values, one, two, alike), _asked(values, one, two, apart)
        score = np.where(same, score + (1 - score) * SAME, np.where(other, score * (1 - OTHER), score))
        reasons += [(f"same {what}", same), (f"other {what}", other)]

    ids = frame.index.to_numpy().astype(str)
    found = [
        DuplicatePair(
            a=str(ids[one[row]]),
            b=str(ids[two[row]]),
            score=round(float(score[row]), 3),
            metres=round(float(metres[row]), 3),
            likeness=round(float(likeness[row]), 3) if known[row] else None,
            reasons=tuple(reason for reason, holds in reasons if holds[row]),
        )
        for row in np.flatnonzero((metres <= near_m + TOLERANCE_M) & (score >= least))
    ]
    return sorted(found, key=lambda twin: (-twin.score, twin.metres, twin.a, twin.b))


def _asked(
    values: Sequence[Hashable], one: Int64Array, two: Int64Array, question: Callable[[Any, Any], bool]
) -> BoolArray:
    """The answer for each pair of values, asked once for equal pairs; False where one is None."""
    numbers: dict[Hashable, int] = {}
    kinds = np.array([-1 if value is None else numbers.setdefault(value, len(numbers)) for value in values], dtype=int)
    different, distinct = list(numbers), max(len(numbers), 1)
    known = (kinds[one] >= 0) & (kinds[two] >= 0)
    pairs, pair = np.unique(kinds[one[known]] * distinct + kinds[two[known]], return_inverse=True)
    answers = [question(different[a], different[b]) for a, b in zip(*np.divmod(pairs, distinct), strict=True)]
    result = np.zeros(len(one), dtype=bool)
    result[known] = np.array(answers, dtype=bool)[pair]
    return result


# --- names -------------------------------------------------------------------------------------------------------


def _plain(text: object) -> str:
    """Letters, Chinese characters and numbers of a text, alike where they mean the same."""
    if not isinstance(text, str):
        return ""
    narrow = unicodedata.normalize("NFKC", text).casefold()
    return _NUMBER.sub(_as_digits, _NO_MEANING.sub("", "".join(char for char in narrow if char.isalnum())))


def _as_digits(found: re.Match[str]) -> str:
    run = found[0]
    if run[0] in "0123456789":
        return run.lstrip("0") or "0"
    if not any(char in _UNITS for char in run):
        return "".join(str(_DIGITS[char]) for char in run).lstrip("0") or "0"
    total, digit = 0, 0
    for number, char in enumerate(run):
        if char in _UNITS:
            total += (digit if number and run[number - 1] in _DIGITS else 1) * _UNITS[char]
            digit = 0
        else:
            digit = _DIGITS[char]
    return str(total + digit)


def _units(areas: Iterable[str]) -> dict[str, tuple[int, str]]:
    """{plain name of a unit, in full and in short: (level, short name)}; a village's is without its town's."""
    plain = {area: _level(area) for area in sorted({_plain(area) for area in areas} - {""})}
    towns = [area for area, level in plain.items() if level == 2]
    units: dict[str, tuple[int, str]] = {}
    for area, level in sorted(plain.items(), key=lambda item: item[1]):  # 芝英 is the town, if it is a village too
        town = next((town for town in towns if level == 3 and area.startswith(town)), "")
        full = area.removeprefix(town)
        short = _LEVELS[level].sub("", full)
        short = short if len(short) > 1 else full
        units.setdefault(full, (level, short))
        units.setdefault(short, (level, short))
    return units


def _level(area: str) -> int:
    return next(level for level, ending in enumerate(_LEVELS) if ending.search(area))


def _name(text: object, category: str, units: Mapping[str, tuple[int, str]]) -> Name | None:
    rest, found = _without_units(_plain(text), units)
    own = next((rest.removesuffix(word) for word in _words(category) if rest.endswith(word)), rest)
    return Name(rest, own, found, tuple(re.findall(f"[0-9]+|[{_TELLING}]", rest))) if rest else None


def _without_units(text: str, units: Mapping[str, tuple[int, str]]) -> tuple[str, dict[int, str]]:
    """A plain text without the units it begins with, as long as anything is left; and these."""
    found: dict[int, str] = {}
    for level, pattern in ((0, _PROVINCE), (1, _CITY)):
        unit = pattern.match(text)
        if unit and unit.end() < len(text):
            found[level], text = unit[1], text[unit.end() :]
    longest = max(map(len, units), default=0)
    while True:
        ends = range(min(longest, len(text) - 1), 0, -1)
        end = next((end for end in ends if text[:end] in units and units[text[:end]][0] not in found), 0)
        # A number goes on where its digits do: 村1 is not what 村12 begins with.
        if not end or text[end - 1 : end + 1].isdigit():
            return text, found
        level, short = units[text[:end]]
        found[level], text = short, text[end:]


@lru_cache(maxsize=64)
def _words(category: str) -> tuple[str, ...]:
    kind = categories.category(category)
    words = {kind.label, *(zh for zh, _ in kind.subtypes.values()), *(part for part, _ in kind.subtypes_by_name_part)}
    return tuple(sorted(words, key=lambda word: (len(word), word)))


def _likeness(names: list[Name | None], one: Int64Array, two: Int64Array) -> Float64Array:
    """Likeness of each pair's names; NaN where one is unknown."""
    result = np.full(len(one), np.nan)
    known = np.array([name is not None for name in names], dtype=bool)
    rows = np.flatnonzero(known[one] & known[two])
    if len(rows):
        for part in ("text", "own"):
            texts = np.array([getattr(name, part, None) for name in names], dtype=object)
            ratio = process.cpdist(texts[one[rows]], texts[two[rows]], scorer=fuzz.ratio, dtype=np.float64) / 200
            result[rows] = ratio if part == "text" else result[rows] + ratio
    return result


def _contradict(one: tuple[Any, Any], two: tuple[Any, Any]) -> bool:
    """Whether two names of such marks and units can hardly be of one facility."""
    (here, units), (there, others) = (one[0], dict(one[1])), (two[0], dict(two[1]))
    marks_differ = here != there and not (_within(here, there) or _within(there, here))
    return marks_differ or any(others.get(level, unit) != unit for level, unit in units.items())


def _within(few: tuple[str, ...], many: tuple[str, ...]) -> bool:
    """Whether everything of ``few`` is among ``many``, as often."""
    return all(few.count(one) <= many.count(one) for one in few)


# --- telephone and address ---------------------------------------------------------------------------------------


def _phones(text: object) -> frozenset[str]:
    """The last seven digits of each number, since area codes are given or not."""
    if not isinstance(text, str):
        return frozenset()
    narrow = unicodedata.normalize("NFKC", text)
    numbers = re.findall(r"\d{7,}", narrow) or [re.sub(r"\D", "", narrow)]
    return frozenset(number[-7:] for number in numbers if number)


def _meet(one: frozenset[str], two: frozenset[str]) -> bool:
    return not one.isdisjoint(two)


def _neither_within(one: str, two: str) -> bool:
    """Whether neither address is the other given more fully."""
    return one not in two and two not in one


# --- which pairs to look at --------------------------------------------------------------------------------------


def _candidates(
    shapes: NDArray[Any], categories: NDArray[Any], names: list[Name | None], near_m: float
) -> tuple[Int64Array, Int64Array]:
    """Pairs of rows (lower, higher), each once, among which the twins are."""
    kind = np.unique(categories.astype(str), return_inverse=True)[1]
    step = max(near_m, 1.0)
    bounds = shapely.bounds(shapes).reshape(-1, 4)
    middle = (bounds[:, :2] + bounds[:, 2:]) / 2
    cells = np.floor(np.where(np.isfinite(middle), middle, 0) / step).astype(np.int64)
    crowded = _around(kind, cells) > CROWD
    pairs = [_paired(shapes, kind, np.flatnonzero(~crowded), near_m)]
    rows = np.flatnonzero(crowded)
    if len(rows):
        texts = [name.own + name.text if name else "" for name in names]
        for text in (texts, [text[::-1] for text in texts]):
            rank = pd.factorize(np.array(text, dtype=object), sort=True)[0]
            pairs += _neighbours(kind[rows], cells[rows], rank[rows], rows)
    either = np.sort(np.concatenate(pairs), axis=1)
    lower, higher = np.divmod(np.unique(either[:, 0] * len(shapes) + either[:, 1]), max(len(shapes), 1))
    return lower, higher


def _around(kind: Int64Array, cells: Int64Array) -> Int64Array:
    """How many of its kind are in a row's square and the eight around it."""
    squares, square, count = np.unique(np.column_stack([kind, cells]), axis=0, return_inverse=True, return_counts=True)
    number = {tuple(one): int(many) for one, many in zip(squares.tolist(), count, strict=True)}
    near = [(x, y) for x in (-1, 0, 1) for y in (-1, 0, 1)]
    sums = [sum(number.get((kind, x + dx, y + dy), 0) for dx, dy in near) for kind, x, y in squares.tolist()]
    return np.array(sums, dtype=np.int64)[square.reshape(-1)] if len(sums) else np.zeros(0, dtype=np.int64)


def _paired(shapes: NDArray[Any], kind: Int64Array, rows: Int64Array, near_m: float) -> Int64Array:
    """Pairs of ``rows`` with whatever of their kind is near."""
    found = [np.zeros((0, 2), dtype=np.int64)]
    for one in np.unique(kind):
        all_of_it = np.flatnonzero(kind == one)
        asked = rows[kind[rows] == one]
        a, b = shapely.STRtree(shapes[all_of_it]).query(shapes[asked], predicate="dwithin", distance=near_m * 1.01 + 1)
        pairs = np.column_stack([asked[a], all_of_it[b]])
        found.append(pairs[pairs[:, 0] != pairs[:, 1]])
    return np.concatenate(found)


def _neighbours(kind: Int64Array, cells: Int64Array, rank: Int64Array, rows: Int64Array) -> list[Int64Array]:
    """Pairs of ``rows`` that follow each other by ``rank`` within a block of two squares by two.

    Blocks are laid in four ways, half over one another, so that any two that are near share one.
    """
    found = []
    for shift in ((0, 0), (0, 1), (1, 0), (1, 1)):
        block = (cells + shift) // 2
        order = np.lexsort((rows, rank, block[:, 1], block[:, 0], kind))
        keys = np.column_stack([kind, block])[order]
        for ahead in range(1, WINDOW + 1):
            together = np.flatnonzero((keys[:-ahead] == keys[ahead:]).all(axis=1))
            found.append(np.column_stack([rows[order[together]], rows[order[together + ahead]]]))
    return found
