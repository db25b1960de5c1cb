r"""Long and deeply nested CQL2 filters are refused before they exhaust the parser's stack or time.

Times are of this process's CPU, which other processes on the machine do not lengthen.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import takewhile

import numpy as np
import pytest

from geo.errors import FieldError
from geo.features import cql2
from geo.features.cql2.limits import limit_text
from support import program
from support.filters import DATA_TYPES, FRAME, ROWS, frame_of, kept_rows

NESTED: dict[str, Callable[[int], str]] = {
    "brackets": lambda n: "(" * n + "size=1" + ")" * n,
    "not": lambda n: "NOT " * n + "size=1",
    "not in brackets": lambda n: "NOT(" * n + "size=1" + ")" * n,
    "not of names": lambda n: 'NOT"public"=' * n + "public",
    "signs": lambda n: "size=" + "-" * n + "1",
    "signs in brackets": lambda n: "size=" + "-(" * n + "1" + ")" * n,
    "sums": lambda n: "size=" + "1+" * n + "1",
    "sums in brackets": lambda n: "size=" + "(1+" * n + "1" + ")" * n,
    "powers": lambda n: "size=" + "1^" * n + "1",
    "comparisons": lambda n: "public=" * n + "public",
    "functions": lambda n: "CASEI(" * n + "name" + ")" * n + "='x'",
    "functions of many": lambda n: "f(" * n + "name" + ",1)" * n + "='x'",
    "like": lambda n: "name" + " LIKE 'x'" * n,
    "in": lambda n: "name" + " IN ('x')" * n,
    "lists": lambda n: "size IN " + "(" * n + "1" + ",2)" * n,
    "open lists": lambda n: "size IN " + "(" * n + "1" + ",2)" * (n // 2),
    "open brackets": lambda n: "(" * n + "1 2",
    "rings": lambda n: "S_INTERSECTS(geometry,MULTIPOLYGON" + "(" * n + "1 2",
    "collections": lambda n: "S_INTERSECTS(geometry," + "GEOMETRYCOLLECTION(" * n + "POINT(1 2)" + ")" * n + ")",
    "intervals": lambda n: "T_AFTER(opened," + "INTERVAL(" * n + "opened" + ",'..')" * n + ")",
    "and": lambda n: "TRUE AND " * n + "TRUE",
    "or": lambda n: "TRUE OR " * n + "TRUE",
    "between": lambda n: "size BETWEEN size AND " * n + "1",
    "all": lambda n: "NOT(1+(" * n + "1" + "))" * n,
    "quotes": lambda n: "name='" + "''" * n + "'" + "(" * n + "'",
    "escaped quotes": lambda n: r"name='\'' OR " + "(" * n + r"name='\''" + ")" * n,
    "double quotes": lambda n: '"\'" = 1 AND ' + "(" * n + '1="\'"' + ")" * n,
}


@pytest.mark.parametrize("name", NESTED)
def test_nested_filter_takes_seconds_at_any_depth(name: str) -> None:
    start = time.process_time()
    for n in (*range(1, 60), 100, 300, 1000, 3000, 100_000):
        try:
            cql2.parse(NESTED[name](n), DATA_TYPES).mask(FRAME)
        except FieldError as error:
            assert len(str(error)) < 200
    assert time.process_time() - start < 10  # a tenth of it is usual; without limits it would take years


def is_within_limits(text: str) -> bool:
    try:
        limit_text(text)
    except FieldError:
        return False
    return True


def test_deepest_filters_within_the_limits_fit_a_small_stack() -> None:
    # Too small a stack ends the process, so this is done in another one. macOS gives a thread 512 kB.
    script = """
import json, sys, threading
from geo import errors
from geo.features import cql2

def parse_all(texts):
    for text in texts:
        try:
            cql2.parse(text, {"name": "string", "size": "number", "public": "boolean", "opened": "date"})
        except errors.FieldError:
            pass
    print("done")

threading.stack_size(256 * 1024)
threading.Thread(target=parse_all, args=[json.load(sys.stdin)]).start()
"""
    deepest = [list(takewhile(is_within_limits, map(make, range(1, 300))))[-1] for make in NESTED.values()]
    process = subprocess.run(
        [sys.executable, "-c", script],
        input=json.dumps(deepest),
        capture_output=True,
        text=True,
        timeout=program.LIMIT_SECONDS,
    )
    assert (process.returncode, process.stdout) == (0, "done\n"), process.stderr[-500:]


def test_long_filters_with_few_levels_are_within_the_limits() -> None:
    ring = ",".join(f"{120 + np.cos(a):.5f} {28 + np.sin(a):.5f}" for a in np.linspace(0, 6.2, 300)) + ",121.00000 28.0"
    text = f"(size > 1) AND (S_INTERSECTS(geometry,MULTIPOLYGON((({ring})))))"
    assert kept_rows(text) == [0, 1, 6]
    assert kept_rows("name IN (" + ",".join(f"'{n}'" for n in range(1000)) + ",'x','')") == [4]
    assert kept_rows(" OR ".join(f"beds={n}" for n in range(3, 150))) == [0, 2, 6]
    assert kept_rows("(" * 10 + "beds=3" + ")" * 10) == [0]


@pytest.mark.parametrize("piece", ["%a", "%_", "%", "%a_", "_%a%", "a%"])
def test_like_takes_seconds_whatever_the_pattern(piece: str) -> None:
    frame = frame_of([ROWS[0] | {"name": "a" * 300}] * 10)
    start = time.process_time()
    assert not cql2.parse(f"name LIKE '{piece * 1500}%b'", DATA_TYPES).mask(frame).any()
    assert not cql2.parse(f"name LIKE '{piece * 20}%b'", DATA_TYPES).mask(frame).any()
    assert time.process_time() - start < 5
