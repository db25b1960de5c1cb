"""Writers that are killed while they edit: a short run of `make torture`."""

import re
import subprocess
import sys
from pathlib import Path

from support import program

TESTS = Path(__file__).parents[2]


def test_no_acknowledged_edit_is_lost_when_writers_are_killed(database_url: str):
    command = [sys.executable, "-m", "support.torture", "--seconds", "2", "--database", database_url]
    process = subprocess.run(
        command, cwd=TESTS, capture_output=True, text=True, timeout=program.LIMIT_SECONDS, check=False
    )
    assert process.returncode == 0, process.stderr
    counts = {name: int(count) for name, count in re.findall(r"'(\w+)': (\d+)", process.stdout)}
    assert counts["kills"] > 5
    assert counts["edits"] >= counts["acknowledged"] > 20
