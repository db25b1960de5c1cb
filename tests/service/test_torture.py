"""A short run of what `make torture` does for longer."""

import re
import subprocess
import sys
from pathlib import Path


def test_no_acknowledged_edit_is_lost_when_writers_are_killed(database_url: str):
    script = Path(__file__).parents[1] / "torture.py"
    command = [sys.executable, script, "--seconds", "4", "--database", database_url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    counts = {name: int(count) for name, count in re.findall(r"'(\w+)': (\d+)", done.stdout)}
    assert counts["kills"] > 5
    assert counts["edits"] >= counts["acknowledged"] > 20
