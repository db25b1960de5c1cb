"""What people write into a cell to say that they do not know its value. It means nothing: what is known is kept."""

import re
import unicodedata
from functools import lru_cache

MAX_LENGTH = 12
"""No placeholder is longer."""
# fmt: off
_WORDS = frozenset((
    "无", "暂无", "没有", "未知", "不详", "未详", "不明", "不清楚", "暂不详", "待定", "待补", "待补充", "待填",
    "待填写", "待核实", "待确认", "待查", "待完善", "未填", "未填写", "未登记", "未提供", "暂缺", "缺", "缺失", "空",
    "空白", "无数据", "无信息", "无资料", "暂无数据", "暂无信息", "暂无资料", "无此项", "不适用", "n/a", "na", "n.a.",
    "#n/a", "null", "none", "nil", "nan", "tbd", "tba", "unknown", "undefined", "missing",
))
# fmt: on
_BRACKETS = "()[]{}<>【】〔〕《》「」“”\"'"
_SIGNS = re.compile(r"[\s\-‐‑‒–—―−_/\\|.,·・。、…*?~]+")
_ZEROS = re.compile(r"[0\s()+/.-]*0[0\s()+/.-]*")
_ZERO_DAY = re.compile(r"0(?:\.0+)?|0{8}|0000\D0?0\D0?0(?:\D.*)?|1900\D0?1\D0?0(?:\D.*)?|1899\D12\D3[01](?:\D.*)?")


@lru_cache(maxsize=65_536)
def is_placeholder(text: str) -> bool:
    """Whether a text stands for an unknown value, such as 无, 暂无, （无）, —, /, N/A or 待定."""
    if len(text) > MAX_LENGTH:
        return False
    narrow = unicodedata.normalize("NFKC", text).casefold().strip()
    return narrow in _WORDS or narrow.strip(_BRACKETS + " ") in _WORDS or _SIGNS.fullmatch(narrow) is not None


def is_zero_phone(text: str) -> bool:
    """Whether a telephone number has no digit but 0."""
    return _ZEROS.fullmatch(text) is not None


def is_zero_day(text: str) -> bool:
    """Whether a text is what spreadsheets and databases write for no day: 0, 0000-00-00, 1900-01-00."""
    return _ZERO_DAY.fullmatch(text) is not None
