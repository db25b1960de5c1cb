"""The benchmark runs, its seconds equal those of scipy, and docs/performance.md shows benchmarks/results.json."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from support import program
from support.requirements import unavailable

pytestmark = pytest.mark.long  # a process takes the tests that start first in a row, so that one makes the quick run

ROOT = Path(__file__).resolve().parents[1]
BENCHMARKS = ROOT / "benchmarks"
NETWORKS = ("porto_alegre", "generated-0.1m", "generated-1m", "generated-10m")
ALWAYS = {
    *("every-node-scipy", "demand-scipy", "catchments-scipy", "growth", "growth-renumbered", "memory-10m", "ready"),
    "reading-porto_alegre",
    *(f"equal-{name}" for name in NETWORKS),
    *(f"isochrone-{what}-porto_alegre-{mode}" for what in ("inside", "beyond") for mode in ("walk", "drive")),
}
BY_PEER = {
    "networkx": {"demand-networkx"},
    "osmnx": {"isochrone-osmnx"},
    "pandana": {"every-node-pandana", "demand-pandana", "catchments-pandana", "reopen-pandana"},
}


def skip_without(peer: str) -> None:
    if find_spec(peer) is None:
        unavailable(f"{peer} is not installed: `uv sync --all-extras --group bench` does so")


@pytest.fixture(scope="module")
def quick(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict]:
    """Results of a quick run, by name. Its networks are small, so that its times mean nothing."""
    skip_without("scipy")
    folder = tmp_path_factory.mktemp("benchmarks")
    command = [sys.executable, str(BENCHMARKS), "--quick", "--output", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=10 * program.LIMIT_SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    return {result["name"]: result for result in json.loads((folder / "results.json").read_text("utf-8"))}


def test_quick_run_has_every_result(quick: dict[str, dict]) -> None:
    assert not ALWAYS - set(quick)
    for result in quick.values():
        assert set(result) == {"name", "ours", "theirs", "ratio", "unit"}
        assert all(isinstance(result[key], float) for key in ("ours", "theirs", "ratio"))


@pytest.mark.parametrize("peer", BY_PEER)
def test_quick_run_compares_with_every_installed_peer(peer: str, quick: dict[str, dict]) -> None:
    skip_without(peer)
    assert not BY_PEER[peer] - set(quick)


@pytest.mark.parametrize("name", NETWORKS)
def test_seconds_of_every_node_equal_those_of_scipy(name: str, quick: dict[str, dict]) -> None:
    assert quick[f"equal-{name}"]["ours"] <= 0.01


def test_page_is_rendered_from_the_results() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import page; print(page.current(), end='')"],
        cwd=BENCHMARKS,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == (ROOT / "docs" / "performance.md").read_text("utf-8")


def test_results_are_those_of_a_full_run() -> None:
    names = {result["name"] for result in json.loads((BENCHMARKS / "results.json").read_text("utf-8"))}
    assert not (ALWAYS | set.union(*BY_PEER.values())) - names
