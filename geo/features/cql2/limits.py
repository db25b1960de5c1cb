r"""Limits of a filter's text, checked before it is parsed.

The parser recurses until the stack is full, which ends the process; a thread on macOS has half a megabyte, enough for
some 150 levels. It also tries each bracket first as an expression and then as a list, which doubles its time with each
level of brackets. So the text is split into tokens here, and levels and brackets are counted.
"""

import re

from geo.features.cql2.errors import filter_error

MAX_CHARACTERS = 8_000
MAX_NESTING = 30
MAX_JUNCTIONS = 200
"""AND and OR in a filter."""
MAX_WORK = 20_000
"""The sum over all tokens of two to the number of unnamed brackets around the token."""

# In this order: a text in ' ', a name in " ", a word, a number, white space, any other character.
_TOKEN = re.compile(r"""'(?:''|\\.|[^'\\])*'|"(?:""|[^"])*"|[^\W\d]\w*|[\d.]+|\s+|.""", re.DOTALL)
_ESCAPES = {
    r"\'": "''",
    "\\\\": "\\",
    r"\a": "\a",
    r"\b": "\b",
    r"\t": "\t",
    r"\n": "\n",
    r"\v": "\v",
    r"\f": "\f",
    r"\r": "\r",
}
_WORD_OPERATORS = ("and", "or", "not", "in", "like", "between", "div")
_SIGNS = "+-*/^%=<>"


def limit_text(text: str) -> str:
    """The text with its escape sequences written so that the parser understands them.

    Raises
    ------
    FieldError
        The text is too long, nested too deep, or would take the parser too long.
    """
    if len(text) > MAX_CHARACTERS:
        raise filter_error(f"is longer than {MAX_CHARACTERS} characters")
    tokens = [_resolve_escapes(token) for token in _TOKEN.findall(text)]
    _check_nesting(tokens)
    return "".join(tokens)


def _resolve_escapes(token: str) -> str:
    if token[0] != "'" or len(token) == 1:
        return token
    return re.sub(r"\\.", lambda escape: _ESCAPES.get(escape[0], escape[0]), token, flags=re.DOTALL)


def _check_nesting(tokens: list[str]) -> None:
    # One item for each level of brackets: operators since the last comma, AND or OR, and the unnamed brackets so far.
    operators, unnamed_brackets = [0], [0]
    junctions = work = 0
    previous = ""
    for token in tokens:
        if token.isspace():
            continue
        word = token.lower()
        if token == "(":
            is_named = (previous[:1].isalpha() or previous[:1] in ("_", '"')) and previous not in _WORD_OPERATORS
            unnamed_brackets.append(unnamed_brackets[-1] + (not is_named))
            operators.append(0)
        elif token == ")" and len(operators) > 1:
            operators.pop()
            unnamed_brackets.pop()
        elif word in ("and", "or", ","):
            junctions += word != ","
            operators[-1] = 0
        elif word in _WORD_OPERATORS or token in _SIGNS:
            operators[-1] += 1
        work += 2 ** min(unnamed_brackets[-1], 20)
        previous = word
        if len(operators) - 1 + sum(operators) > MAX_NESTING:
            raise filter_error(f"is nested deeper than {MAX_NESTING}; use fewer brackets, signs and NOT")
    if junctions > MAX_JUNCTIONS:
        raise filter_error(f"has more than {MAX_JUNCTIONS} AND and OR; use IN (…)")
    if work > MAX_WORK:
        raise filter_error("has too many brackets inside brackets; use fewer of them")
