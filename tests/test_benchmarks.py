"""The benchmark runs, its answers are scipy's, and docs/performance.md says what benchmarks/results.json holds."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from support import program
from support.requirements import unavailable

pytestmark = pytest.mark.alone  # and so that the quick run is made once

ROOT = Path(__file__).resolve().parents[1]
BENCHMARKS = ROOT / "benchmarks"
NETWORKS = ("porto_alegre", "liechtenstein", "generated-0.1m", "generated-1m", "generated-10m")
ALWAYS = {
    *("every-node-scipy", "demand-scipy", "catchments-scipy", "growth", "growth-renumbered", "memory-10m", "ready"),
    *("every-node-scipy-liechtenstein", "reading-liechtenstein", "reading-porto_alegre"),
    *(f"equal-{name}" for name in NETWORKS),
    *(
        f"isochrone-{what}-{name}-{mode}"
        for what in ("inside", "beyond")
        for name in NETWORKS[:2]
        for mode in ("walk", "drive")
    ),
}
BY_PEER = {
    "networkx": {"demand-networkx"},
    "osmnx": {"isochrone-osmnx"},
    "pandana": {"every-node-pandana", "demand-pandana", "catchments-pandana", "reopen-pandana"},
}


def needs(peer: str) -> None:
    if find_spec(peer) is None:
        unavailable(f"{peer} is not installed: `uv sync --all-extras --group bench` does so")


@pytest.fixture(scope="module")
def quick(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict]:
    """Results of a quick run, by name; its networks are small, its times mean nothing."""
    needs("scipy")
    folder = tmp_path_factory.mktemp("benchmarks")
    command = [sys.executable, str(BENCHMARKS), "--quick", "--output", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=10 * program.LIMIT_SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    return {one["name"]: one for one in json.loads((folder / "results.json").read_text("utf-8"))}


def test_every_result_is_there(quick: dict[str, dict]) -> None:
    assert not ALWAYS - set(quick)
    for one in quick.values():
        assert set(one) == {"name", "ours", "theirs", "ratio", "unit"}
        assert all(isinstance(one[key], float) for key in ("ours", "theirs", "ratio"))


@pytest.mark.parametrize("peer", BY_PEER)
def test_every_peer_is_compared_with(peer: str, quick: dict[str, dict]) -> None:
    needs(peer)
    assert not BY_PEER[peer] - set(quick)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_node_has_scipys_seconds(name: str, quick: dict[str, dict]) -> None:
    assert quick[f"equal-{name}"]["ours"] <= 0.01


def test_the_page_says_what_was_measured() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import page; print(page.current(), end='')"],
        cwd=BENCHMARKS,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == (ROOT / "docs" / "performance.md").read_text("utf-8")


def test_the_results_are_all_of_a_full_run() -> None:
    names = {one["name"] for one in json.loads((BENCHMARKS / "results.json").read_text("utf-8"))}
    assert not (ALWAYS | set.union(*BY_PEER.values())) - names
