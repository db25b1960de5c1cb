"""Names of facilities in a plain form, in which two spellings of one name are alike.

Used to find duplicates, and to tell a corrected name from that of another facility.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from rapidfuzz import fuzz

from geo.study.categories import Categories, Category

_DIGITS = {**{char: digit for digit, char in enumerate("零一二三四五六七八九")}, "〇": 0}
_POWERS = {"十": 10, "百": 100}
_NUMBER = re.compile("[零〇一二三四五六七八九十百]+|[0-9]+")
_DISTINGUISHING_WORDS = "东南西北甲乙丙丁"
_LEGAL_FORMS = re.compile("示例|股份有限公司|有限责任公司|有限公司")
_PROVINCE, _CITY = re.compile("([^省市县]{2,3})省"), re.compile("([^省市县]{2,3})[市县]")
_LEVEL_ENDINGS = (re.compile("省$"), re.compile("[市县]$"), re.compile("(?:街道|[镇乡])$"), re.compile("(?:社区|村)?$"))
_TOWN, _VILLAGE = 2, 3
_BRANCH = re.compile(
    "分(?:院|部|中心|园|馆|校|店|所|站|室|点)|[东南西北新老]?(?:院区|园区|校区)|(?<![养敬托])[东南西北新老](?:院|区)|教学点"
)
_IN_BRACKETS = re.compile(r"\(([^()]*)\)|\[([^\[\]]*)\]|【([^【】]*)】|〔([^〔〕]*)〕")
MIN_CORRECTED = 0.8
"""Names that are less similar than this, from 0 to 1, are not spellings of one name."""

Identity = tuple[tuple[str, ...], tuple[tuple[int, str], ...]]
"""The marks and units of a name."""


@dataclass(frozen=True, slots=True)
class Units:
    """Administrative units that names may begin with.

    Attributes
    ----------
    by_name
        (level, short name) of each unit by its plain name, in full and in short.
    longest
        The length of the longest of these names.
    """

    by_name: Mapping[str, tuple[int, str]]
    longest: int


@dataclass(frozen=True, slots=True)
class PlainName:
    """A name in its plain form.

    Attributes
    ----------
    text
        Without spaces, brackets and punctuation, with narrow characters, with numbers as digits (一 is 1, 02 is 2),
        and without legal forms, 示例 and the administrative units that it begins with.
    without_category
        ``text`` without the category's words at its end, such as 卫生室.
    units
        The units that the name begins with, {0: province, 1: city or county, 2: town, 3: village}.
    marks
        The numbers and words such as 东 or 甲 in it, which tell one facility from another.
    """

    text: str
    without_category: str
    units: Mapping[int, str]
    marks: tuple[str, ...]

    @property
    def identity(self) -> Identity:
        """The marks and units, by which two names may contradict each other."""
        return self.marks, tuple(self.units.items())


def contradict(a: Identity, b: Identity) -> bool:
    """Whether names with these marks and units can hardly be of one facility."""
    (marks, units), (other_marks, other_units) = (a[0], dict(a[1])), (b[0], dict(b[1]))
    marks_differ = not (_contains(other_marks, marks) or _contains(marks, other_marks))
    return marks_differ or any(other_units.get(level, unit) != unit for level, unit in units.items())


def _contains(marks: tuple[str, ...], others: tuple[str, ...]) -> bool:
    """Whether all of ``others`` are among ``marks``, as often."""
    return all(others.count(mark) <= marks.count(mark) for mark in others)


def plain_name(name: object, category: Category, units: Units) -> PlainName | None:
    """The plain form of a facility's name; None if nothing is left of it."""
    text, own_units = without_units(plain_text(name), units)
    without_category = next(
        (text.removesuffix(word) for word in _category_words(category) if text.endswith(word)), text
    )
    marks = tuple(re.findall(f"[0-9]+|[{_DISTINGUISHING_WORDS}]", text))
    return PlainName(text, without_category, own_units, marks) if text else None


def plain_text(text: object) -> str:
    """The letters, Chinese characters and numbers of a text, written alike where they mean the same; "" for no text."""
    if not isinstance(text, str):
        return ""
    narrow = unicodedata.normalize("NFKC", text).casefold()
    return _NUMBER.sub(_as_digits, _LEGAL_FORMS.sub("", "".join(char for char in narrow if char.isalnum())))


def _as_digits(match: re.Match[str]) -> str:
    run = match[0]
    if run[0] in "0123456789":
        return run.lstrip("0") or "0"
    if not any(char in _POWERS for char in run):
        return "".join(str(_DIGITS[char]) for char in run).lstrip("0") or "0"
    total, digit = 0, 0
    for position, char in enumerate(run):
        if char in _POWERS:
            total += (digit if position and run[position - 1] in _DIGITS else 1) * _POWERS[char]
            digit = 0
        else:
            digit = _DIGITS[char]
    return str(total + digit)


def units_of(area_names: Iterable[str]) -> Units:
    """The units that names may begin with; the name of a village does not include its town's."""
    levels = {area: _level(area) for area in sorted({plain_text(area) for area in area_names} - {""})}
    towns = {area for area, level in levels.items() if level == _TOWN}
    units: dict[str, tuple[int, str]] = {}
    for area, level in sorted(levels.items(), key=lambda item: item[1]):  # a town goes before a village of its name
        ends = range(1, len(area) + 1) if level == _VILLAGE else ()
        town = next((area[:end] for end in ends if area[:end] in towns), "")
        full = area.removeprefix(town)
        short = _LEVEL_ENDINGS[level].sub("", full)
        short = short if len(short) > 1 else full
        units.setdefault(full, (level, short))
        units.setdefault(short, (level, short))
    return Units(units, max(map(len, units), default=0))


def _level(area: str) -> int:
    return next(level for level, ending in enumerate(_LEVEL_ENDINGS) if ending.search(area))


def without_units(text: str, units: Units) -> tuple[str, dict[int, str]]:
    """A plain text without the units that it begins with, as long as anything is left; and these units by level."""
    removed: dict[int, str] = {}
    for level, pattern in ((0, _PROVINCE), (1, _CITY)):
        unit = pattern.match(text)
        if unit and unit.end() < len(text):
            removed[level], text = unit[1], text[unit.end() :]
    by_name = units.by_name
    while True:
        ends = range(min(units.longest, len(text) - 1), 0, -1)
        end = next((end for end in ends if text[:end] in by_name and by_name[text[:end]][0] not in removed), 0)
        # A number is not cut: 村12 does not begin with 村1.
        if not end or text[end - 1 : end + 1].isdigit():
            return text, removed
        level, short = by_name[text[:end]]
        removed[level], text = short, text[end:]


@lru_cache(maxsize=64)
def _category_words(category: Category) -> tuple[str, ...]:
    """What facilities of a category are called in general, the shortest word first."""
    words = {
        category.label,
        *(zh for zh, _ in category.subtypes.values()),
        *(part for part, _ in category.subtypes_by_name_part),
    }
    return tuple(sorted(words, key=lambda word: (len(word), word)))


def is_longer_form(name: str, other: str, categories: Categories) -> bool:
    """Whether two names are equal or one is a longer form of the other.

    诊所 alone is no form of 东城诊所, and a branch, such as 县医院（东院区）, is another facility than 县医院.
    """
    shorter, longer = sorted((plain_text(name), plain_text(other)), key=len)
    if shorter == longer:
        return bool(shorter)
    if not shorter or shorter not in longer or branches(shorter) != branches(longer):
        return False
    return all(shorter != plain_text(word) for word in categories.by_name)


def branches(text: str) -> tuple[str, ...]:
    """The words of a name that make it a branch's, such as 分院 or 东院区."""
    return tuple(sorted(_BRANCH.findall(text)))


def is_correction(name: str, other: str, category: Category, units: Units) -> bool:
    """Whether two names differ so little, brackets apart, that one probably corrects the other."""
    a, b = (plain_name(_without_brackets(text), category, units) for text in (name, other))
    if a is None or b is None or contradict(a.identity, b.identity) or branches(a.text) != branches(b.text):
        return False
    ratios = fuzz.ratio(a.text, b.text) + fuzz.ratio(a.without_category, b.without_category)
    return ratios / 200 >= MIN_CORRECTED


def _without_brackets(name: str) -> str:
    """A name without what stands in brackets, unless this makes it a branch's."""
    narrow = unicodedata.normalize("NFKC", name)
    return _IN_BRACKETS.sub(lambda match: match[0] if _BRANCH.search(match[0]) else "", narrow)
