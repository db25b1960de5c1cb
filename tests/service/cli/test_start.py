"""The command line answers questions about itself without importing the libraries that compute and serve."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from support import program

TESTS = Path(__file__).parents[2]
SLOW_TO_IMPORT = ("pandas", "numba", "geopandas", "shapely", "numpy", "sqlalchemy", "sqlmodel", "fastapi", "pydantic")
COMMANDS = ("serve", "build", "coverage", "nearest", "isochrones", "map", "import", "export", "history", "duplicates")
CALLS = [
    ("--help", 0, "Usage:"),
    *((f"{command} --help", 0, "Usage:") for command in COMMANDS),
    ("keys add --help", 0, "Usage:"),
    ("covrage", 2, "No such command"),
    ("coverage --standrad x", 2, "No such option"),
    ("nearest --lon east --lat 28.9", 2, "not a valid float"),
    ("nearest --lon nan --lat 28.9", 2, "is no number"),
]
SCRIPT = """
import json, sys
from support import program

results = {}
for line in json.loads(sys.argv[1]):
    process = program.call(*line.split())
    output = (process.stdout + process.stderr).decode()
    results[line] = process.returncode, output, sorted(sys.modules)
print(json.dumps(results))
"""


@pytest.fixture(scope="module")
def results() -> dict[str, tuple[int, str, list[str]]]:
    """For each of `CALLS`, in one new process: the exit status, the output and the modules imported by then."""
    lines = json.dumps([line for line, _, _ in CALLS])
    command = [sys.executable, "-c", SCRIPT, lines]
    process = subprocess.run(command, cwd=TESTS, capture_output=True, timeout=program.LIMIT_SECONDS, check=True)
    return json.loads(process.stdout)


@pytest.mark.parametrize(("line", "status", "text"), CALLS)
def test_help_and_mistyped_commands_import_no_slow_library(
    line: str, status: int, text: str, results: dict[str, tuple[int, str, list[str]]]
):
    returned, output, modules = results[line]
    assert (returned, set(SLOW_TO_IMPORT) & set(modules)) == (status, set())
    assert text in output
    assert "typer" in modules
