"""The cache of compiled loops: a cache that another version of the program wrote does no harm."""

import subprocess
import sys
from pathlib import Path

from support import program

MODULE = """
from typing import NamedTuple

import numpy as np

from geo.compiled import compiled


class {name}(NamedTuple):
    values: np.ndarray


@compiled
def total(table):
    return table.values.sum()


print(total({name}(np.arange(4.0))), sum(total.stats.cache_hits.values()))
"""


def run(module: Path, class_name: str) -> str:
    """What the module prints if its argument has a class of this name: the sum, and how often the cache was used."""
    module.write_text(MODULE.format(name=class_name), "utf-8")
    environment = program.environment(NUMBA_CACHE_DIR=str(module.parent / "cache"))
    program_code = f"import sys; sys.path.insert(0, {str(module.parent)!r}); import {module.stem}"
    done = subprocess.run(
        [sys.executable, "-B", "-c", program_code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_cache_of_another_version_of_the_program_is_ignored(tmp_path: Path) -> None:
    module = tmp_path / "loops.py"
    assert run(module, "Before") == "6.0 0"
    assert list(tmp_path.rglob("*.nbi")), "the first run wrote a cache"
    assert run(module, "After") == "6.0 0"  # the index that the first run wrote names a class that is gone
