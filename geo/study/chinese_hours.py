"""Opening hours as Chinese offices write them, such as 周一至周五 8:00-17:00, in OpenStreetMap's syntax.

A text is read whole or not at all: a word that is not known here may change what the others mean. Hours of which the
half of the day is unclear (8:00-5:00 without 下午) and seasons without months (夏令时) are not read, nor is a text that
only says when a facility is closed.
"""

import re
import unicodedata
from dataclasses import dataclass, field
from itertools import pairwise

_DAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
_SIGNS = ("一1", "二2", "三3", "四4", "五5", "六6", "日天7")
_DAY_OF_SIGN = {sign: number for number, signs in enumerate(_SIGNS) for sign in signs}
_DAY = "[一二三四五六日天1-7]"
_WEEK = r"(?:周|星期|礼拜)"
_MONTH = r"(?:1[0-2]|0?[1-9])月(?:份)?"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_HALF = r"(?:上午|早上|早晨|早|中午|下午|晚上|晚间|晚|凌晨|次日|翌日|第二天)"
_TO = r"\s*(?:-|至|到|—|–)+\s*"
_DAY_LIST = rf"{_WEEK}{_DAY}(?:\s*[、,和及]?\s*{_WEEK}?{_DAY}(?![\d:.时点]))*"
_SEASON_NAME = "(?:夏季|冬季|夏令时|冬令时|夏时制|春夏季?|秋冬季?)?"


def _time(number: int) -> str:
    half, hour, minute = (rf"?P<{name}{number}>" for name in ("half", "hour", "minute"))
    return rf"({half}{_HALF}*)\s*({hour}\d{{1,2}})\s*(?:[:.时点]({minute}\d{{2}}|半)?分?)"


_PATTERNS = {
    "season": rf"{_SEASON_NAME}\s*[(]?\s*{_MONTH}{_TO}(?:次年|翌年)?{_MONTH}\s*[)]?",
    "holidays": "(?:国家)?(?:法定)?(?:节假日|假日|节日)",
    "workdays": "工作日|平日|平时",
    "weekend": rf"周末|双休日|{_WEEK}六\s*[、,和]?\s*{_WEEK}?[日天]",
    "every": "每天|每日|天天|全周|全年无休|全年|无休",
    "range": rf"{_WEEK}{_DAY}{_TO}{_WEEK}?{_DAY}",
    "list": _DAY_LIST,
    "all_day": r"全天候?|24\s*小时制?|二十四小时",
    "span": _time(1) + _TO + _time(2),
    "closed": "不营业|不开放|不上班|不开诊|休息|休诊|闭馆|闭园|停诊|关闭|除外|休",
    "label": (
        r"(?:营业|对外开放|开放|服务|门诊|工作|上班|开园|开馆|就诊|接诊|诊疗)时间\s*(?:为|是)?\s*:?"
        rf"|正常|对外|每(?={_WEEK})|(?:营业|开放|上班|服务|开诊|应诊)"
    ),
    "separator": r"[\s,;、。/()\[\]:及和与]+",
}
_TOKEN = re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in _PATTERNS.items()))
_ALL_DAY = "00:00-24:00"


@dataclass
class _Rule:
    season: str = ""
    days: list[str] = field(default_factory=list)
    spans: list[str] = field(default_factory=list)
    is_closed: bool = False

    @property
    def says_when(self) -> bool:
        """Whether the rule says more than its days."""
        return bool(self.spans) or self.is_closed

    @property
    def day_set(self) -> set[str]:
        """The days of the week, and PH."""
        result = set()
        for days in self.days or ["Mo-Su"]:
            first, _, last = days.partition("-")
            if first not in _DAYS:
                result.add(days)
                continue
            begin, end = _DAYS.index(first), _DAYS.index(last or first)
            result |= {_DAYS[number % 7] for number in range(begin, end + 1 + 7 * (end < begin))}
        return result

    def as_text(self) -> str:
        what = "off" if self.is_closed else ",".join(self.spans)
        return " ".join(filter(None, (self.season, ",".join(self.days), what)))


def to_osm(text: str) -> str | None:
    """The opening hours in OpenStreetMap's syntax; None where any part of the text is not understood."""
    plain = unicodedata.normalize("NFKC", text.strip()[:300]).replace("~", "-")
    rules = [_Rule()]
    at = 0
    while at < len(plain):
        match = _TOKEN.match(plain, at)
        if match is None or match.end() == at:
            return None
        at = match.end()
        try:
            if not _add(rules, match):
                return None
        except ValueError:
            return None
    if len(rules) == 2 and rules[0].spans and not (rules[0].days or rules[0].season or rules[1].says_when):
        rules = [_Rule(rules[1].season, rules[1].days, rules[0].spans)]  # “8:00-17:00 周一至周五”
    rules = _merged(rules)
    if not all(rule.says_when for rule in rules) or all(rule.is_closed for rule in rules):
        return None
    if any(not _in_order(rule.spans) for rule in rules):
        return None
    if any(_overlap_partly(a, b) for number, a in enumerate(rules) for b in rules[number + 1 :]):
        return None
    return "; ".join(rule.as_text() for rule in rules)


def _add(rules: list[_Rule], match: re.Match[str]) -> bool:
    """Add what a token says to the rules; False if it contradicts them."""
    rule, token = rules[-1], next(name for name in _PATTERNS if match[name] is not None)
    if token in ("separator", "label"):
        return True
    if token == "season":
        if not rule.says_when and not rule.days and not rule.season:
            del rules[-1]
        rules.append(_Rule(_season(match["season"])))
        return True
    if token == "all_day":
        rule.spans.append(_ALL_DAY)
        return not rule.is_closed and len(rule.spans) == 1
    if token == "span":
        rule.spans.append(_span(match))
        return not rule.is_closed and rule.spans[0] != _ALL_DAY
    if token == "closed":
        rule.is_closed = True
        return bool(rule.days) and not rule.spans and not _may_be_two_rules(rule.days)
    if token == "list" and {"、", ","} <= set(match[token]):
        return False  # in “周一、三，周五休息” the last may be the only day that is meant
    days = _days(token, match[token])
    if rule.says_when:
        rules.append(_Rule(rule.season, days))
    else:
        rule.days += days
    return True


def _may_be_two_rules(closed_days: list[str]) -> bool:
    """Whether the days before a word such as 休息 may be open in part: “8:00-17:00 周一至周四，周五休息”."""
    return len(closed_days) > 1 and any("-" in days and days != "Sa-Su" for days in closed_days)


def _merged(rules: list[_Rule]) -> list[_Rule]:
    """The rules with those of the same days joined, because a later rule replaces an earlier one of its days."""
    result: list[_Rule] = []
    for rule in rules:
        same = [other for other in result if (other.season, other.days) == (rule.season, rule.days)]
        if same and rule.spans and same[0].spans:
            same[0].spans += rule.spans
        else:
            result.append(rule)
    return result


def _overlap_partly(earlier: _Rule, later: _Rule) -> bool:
    """Whether a later rule is of some days of an earlier one and of others: it is unclear what it replaces.

    A later rule of fewer days is an exception of the earlier one.
    """
    if earlier.season != later.season:
        return bool(earlier.season) != bool(later.season)
    before, after = earlier.day_set, later.day_set
    return not (after < before or before.isdisjoint(after))


def _days(token: str, words: str) -> list[str]:
    if token == "holidays":
        return ["PH"]
    if token == "workdays":
        return ["Mo-Fr"]
    if token == "weekend":
        return ["Sa-Su"]
    if token == "every":
        return ["Mo-Su"]
    numbers = [_DAY_OF_SIGN[sign] for sign in re.sub(r"周|星期|礼拜", "", words) if sign in _DAY_OF_SIGN]
    if token == "range":
        return [f"{_DAYS[numbers[0]]}-{_DAYS[numbers[1]]}"]
    return [_DAYS[number] for number in numbers]


def _season(words: str) -> str:
    first, last = (int(month) for month in re.findall(r"(\d{1,2})月", words))
    return f"{_MONTHS[first - 1]}-{_MONTHS[last - 1]}"


def _span(match: re.Match[str]) -> str:
    """“08:00-17:00”; ValueError if it is no span of one day, or its end is unclear."""
    begin = _minutes(match["half1"], match["hour1"], match["minute1"])
    end = _minutes(match["half2"], match["hour2"], match["minute2"])
    if re.search("次日|翌日|第二天|凌晨", match["half2"]) and end <= begin:
        return f"{_clock(begin)}-{_clock(end)}"
    if not match["half2"] and match["half1"] in ("下午", "晚上", "晚间", "晚") and end + 720 > begin >= end:
        end += 720  # “下午2:00-5:30”
    if end <= begin or end > 1440:
        raise ValueError("ends before it begins")
    return f"{_clock(begin)}-{_clock(end)}"


def _minutes(half: str, hour: str, minute: str | None) -> int:
    hours, minutes = int(hour), 30 if minute == "半" else int(minute or 0)
    if hours > 24 or minutes > 59:
        raise ValueError("is no time of day")
    if re.search("下午|晚", half) and (hours < 12 or (hours == 12 and "晚" in half)):
        hours += 12
    if "凌晨" in half and hours == 12:
        hours = 0
    if re.search("中午", half) and hours < 3:
        hours += 12
    return 60 * hours + minutes


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def _in_order(spans: list[str]) -> bool:
    """Whether no span begins before the one before it ends."""
    return all(before.split("-")[1] <= after.split("-")[0] for before, after in pairwise(spans))
