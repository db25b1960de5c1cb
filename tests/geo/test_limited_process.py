"""Calls in a process with limits: results, errors, limits of memory and time, and the life of the helper process."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from geo import limited_process
from geo.errors import TableError, UnknownNameError
from geo.limited_process import HelperError, LimitExceededError
from tests.support import limited_calls

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module", autouse=True)
def no_helper_before_and_after() -> Iterator[None]:
    """The helpers of these tests have not imported what reads lists: each later list would import it anew."""
    limited_process._stop_helper()
    yield
    limited_process._stop_helper()


def call(function: Callable[..., Any], *arguments: object, **limits: Any) -> Any:
    return limited_process.call(function, arguments, lambda count: None, modules=[limited_calls.__name__], **limits)


def test_the_result_and_the_progress_come_back() -> None:
    counts: list[int] = []
    assert limited_process.call(limited_calls.doubled, [21], counts.append, modules=[]) == 42
    assert counts == [1, 2]


def test_each_call_has_a_child_of_one_helper() -> None:
    (first, helper), (second, same_helper) = call(limited_calls.process_ids), call(limited_calls.process_ids)
    assert first != second
    assert helper == same_helper != os.getpid()


def test_errors_of_users_come_back_as_they_are() -> None:
    with pytest.raises(TableError) as table_error:
        call(limited_calls.refused)
    assert table_error.value.problems == ["row 2 is wrong", "row 3 is wrong"]
    assert str(table_error.value) == "list.csv: row 2 is wrong; row 3 is wrong"
    with pytest.raises(UnknownNameError) as name_error:
        call(limited_calls.unknown)
    assert str(name_error.value) == "unknown category 'zoo'; known: park"


def test_a_defect_comes_back_with_its_traceback() -> None:
    with pytest.raises(RuntimeError, match=r"(?s)in broken.*KeyError: 'a defect of ours'"):
        call(limited_calls.broken)


def test_a_result_with_too_many_levels_exceeds_a_limit_and_a_recursion_of_the_function_is_a_defect() -> None:
    with pytest.raises(LimitExceededError, match=r"^holds values with too many levels$"):
        call(limited_calls.nested)
    with pytest.raises(RuntimeError, match=r"(?s)in endless.*RecursionError"):
        call(limited_calls.endless)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is limited on Linux only")
def test_memory_is_limited() -> None:
    with pytest.raises(LimitExceededError):
        call(limited_calls.too_large)
    assert call(limited_calls.doubled, 1) == 2
    assert call(limited_calls.too_large, max_bytes=6 << 30) == 5 << 30


def test_time_is_limited_and_a_new_helper_is_started() -> None:
    _, helper = call(limited_calls.process_ids)
    begin = time.monotonic()
    with pytest.raises(LimitExceededError):
        call(limited_calls.too_long, max_seconds=0.5)
    assert time.monotonic() - begin < 30
    _, other = call(limited_calls.process_ids)
    assert other != helper


def test_a_child_that_ends_leaves_the_helper_alone() -> None:
    _, helper = call(limited_calls.process_ids)
    with pytest.raises(LimitExceededError):
        call(limited_calls.ended)
    assert call(limited_calls.process_ids)[1] == helper


def test_a_child_that_is_killed_leaves_no_temporary_files() -> None:
    paths: list[int] = []
    with pytest.raises(LimitExceededError):
        limited_process.call(
            limited_calls.too_long_with_a_file, (), paths.append, modules=[limited_calls.__name__], max_seconds=3
        )
    file = Path(paths[0].to_bytes(paths[0].bit_length() // 8 + 1, "big").lstrip(b"\0").decode())
    assert not file.parent.parent.exists()


def test_a_helper_is_killed_only_once(monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[int] = []
    kill = os.killpg
    monkeypatch.setattr(os, "killpg", lambda group, number: (killed.append(group), kill(group, number)))
    with pytest.raises(LimitExceededError):
        call(limited_calls.too_long, max_seconds=0.5)
    assert call(limited_calls.doubled, 1) == 2
    limited_process._stop_helper()
    limited_process._stop_helper()
    assert len(killed) == len(set(killed)) == 2


def test_a_helper_that_cannot_start_is_reported_as_that(monkeypatch: pytest.MonkeyPatch) -> None:
    limited_process._stop_helper()
    with pytest.raises(HelperError, match="ended when it started"):
        limited_process.call(limited_calls.doubled, (1,), print, modules=["no_such_module"])
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(HelperError, match="No such file"):
        call(limited_calls.doubled, 1)
    monkeypatch.undo()
    assert call(limited_calls.doubled, 1) == 2


def test_the_helper_imports_from_the_folders_of_this_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "beside.py").write_text("", "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    limited_process._stop_helper()
    assert call(limited_calls.module_files, ["beside"]) == [str(tmp_path / "beside.py")]
    limited_process._stop_helper()


def test_each_of_several_threads_gets_the_result_of_its_own_calls() -> None:
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(lambda number: call(limited_calls.doubled, number), range(12))) == list(range(0, 24, 2))


def test_a_fork_of_this_process_has_a_helper_of_its_own() -> None:
    _, helper = call(limited_calls.process_ids)
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(write_end, str(call(limited_calls.process_ids)[1]).encode())
            limited_process._stop_helper()
        finally:
            os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe:
        other = int(pipe.read())
    os.waitpid(child, 0)
    assert other != helper
    assert call(limited_calls.process_ids)[1] == helper


def test_neither_the_working_directory_nor_the_environment_brings_modules_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("json", "shapely", "injected"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('injected')", "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    limited_process._stop_helper()
    folder, threads = call(limited_calls.folder_and_threads)
    assert (folder, threads) == (str(tmp_path), "1")
    files = call(limited_calls.module_files, ["json", "shapely"])
    assert not any(str(file).startswith(str(tmp_path)) for file in files)
    with pytest.raises(RuntimeError, match="No module named 'injected'"):
        call(limited_calls.module_files, ["injected"])


SCRIPT = """
from geo import limited_process
from tests.support import limited_calls
print(*limited_process.call(limited_calls.process_ids, (), print, modules=[]), flush=True)
input()
"""


@pytest.mark.parametrize("ending", ["exits", "is killed"])
def test_the_helper_ends_with_its_parent(ending: str) -> None:
    command = [sys.executable, "-c", SCRIPT]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        helper = int(parent.stdout.readline().split()[1])
        if ending == "exits":
            parent.stdin.write("\n")
            parent.stdin.close()
        else:
            parent.kill()
    deadline = time.monotonic() + 30
    while _runs(helper):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _runs(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    try:
        return Path(f"/proc/{process_id}/stat").read_text("utf-8").rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return Path("/proc").exists() is False
