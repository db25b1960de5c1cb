"""The register of the small town."""

from collections.abc import Callable
from pathlib import Path

import pytest

from service.register.register import Register


@pytest.fixture
def register(town_folder: Path, database_url: str, open_register: Callable[[Path, str], Register]) -> Register:
    """The small town's register, on each kind of database."""
    return open_register(town_folder, database_url)
