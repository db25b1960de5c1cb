"""The README's commands print what the pages say, its links exist, and `make serve` starts a server."""

import os
import re
import signal
import subprocess
import urllib.request
from pathlib import Path

import pytest

from support import program, readme
from support.requirements import require_program


@pytest.mark.long
@pytest.mark.parametrize("page", readme.PAGES, ids=lambda page: page.name)
def test_commands_print_what_the_page_says(page: Path, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    text = page.read_text("utf-8")
    examples = readme.examples(text)
    assert examples
    require_program("bash")
    if any("curl" in example.command for example in examples):
        require_program("curl")
    if readme.needs_extracts(text):
        request.getfixturevalue("shared")
    with readme.workplace(tmp_path) as workplace:
        for example in examples:
            assert workplace.run(example.command) == example.output, example.command


@pytest.mark.parametrize("page", readme.PAGES, ids=lambda page: page.name)
def test_links_and_pictures_exist(page: Path) -> None:
    text = page.read_text("utf-8")
    targets = re.findall(r"\]\(([^)#]+)\)", text) + re.findall(r'src="([^"]+)"', text)
    assert targets
    assert not [target for target in targets if "://" not in target and not (readme.ROOT / target).exists()]


def test_make_serve_starts_a_server() -> None:
    require_program("make")
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
            with urllib.request.urlopen(f"{address}/", timeout=program.LIMIT_SECONDS) as response:
                assert "示例" in response.read().decode()
        finally:
            os.killpg(process.pid, signal.SIGTERM)
