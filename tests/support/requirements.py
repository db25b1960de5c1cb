"""Skip tests that need what this machine does not have, and fail them on CI, which has everything."""

import os
import shutil
from typing import NoReturn

import pytest


def unavailable(reason: str) -> NoReturn:
    """End the current test because of ``reason``: skipped on a developer's machine, failed on CI."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason}, and CI runs every test", pytrace=False)
    pytest.skip(reason)


def require_program(name: str) -> None:
    """End the current test if there is no program ``name`` on the path."""
    if shutil.which(name) is None:
        unavailable(f"{name} is not installed")
