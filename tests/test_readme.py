"""The README is true: its commands print what it says, and `make serve` serves."""

import os
import re
import shutil
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import program, readme


@pytest.fixture
def workplace(shared: Path, tmp_path: Path) -> Path:
    return readme.workplace(tmp_path)


@pytest.fixture
def server(workplace: Path) -> Iterator[str]:
    with program.serving(workplace / "data") as (address, _):
        yield address.removeprefix("http://")


@pytest.mark.parametrize("page", readme.PAGES, ids=lambda page: page.name)
def test_commands_print_what_the_page_says(page: Path, workplace: Path, server: str) -> None:
    found = readme.commands(page.read_text("utf-8"))
    assert found
    if shutil.which("curl") is None and "curl" in "".join(command for command, _ in found):
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("curl is missing")
    for command, printed in found:
        assert readme.run(command, workplace, server) == printed, command


@pytest.mark.parametrize("page", readme.PAGES, ids=lambda page: page.name)
def test_links_and_pictures_exist(page: Path) -> None:
    text = page.read_text("utf-8")
    targets = re.findall(r"\]\(([^)#]+)\)", text) + re.findall(r'src="([^"]+)"', text)
    assert targets
    missing = [one for one in targets if "://" not in one and not (readme.ROOT / one).exists()]
    assert not missing


def test_make_serve_serves() -> None:
    port = program.free_port()
    settings = program.environment(FUWUQUAN_PORT=str(port))
    with subprocess.Popen(
        ["make", "serve"],
        cwd=readme.ROOT,
        env=settings,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            address = f"http://127.0.0.1:{port}"
            program.wait(address, process)
            with urllib.request.urlopen(f"{address}/", timeout=20) as response:
                assert "示例" in response.read().decode()
        finally:
            os.killpg(process.pid, signal.SIGTERM)
