"""A short run of what `make fuzz` does for longer."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from support import program

TESTS = Path(__file__).parents[2]


@pytest.mark.long
def test_every_answer_to_generated_requests_is_documented():
    command = [sys.executable, "-m", "support.fuzz", "--quick", "--cases", "200", "--examples", "2"]
    done = subprocess.run(
        command, cwd=TESTS, capture_output=True, text=True, timeout=10 * program.LIMIT_SECONDS, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (counted,) = re.findall(r"^(\d+) cases, 0 failures$", done.stdout, re.MULTILINE)
    assert int(counted) >= 200
