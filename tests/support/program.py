"""The installed program, run as people run it: commands to their end, and a server on a free port."""

import io
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from unittest import mock

from service.cli import main

FUWUQUAN = Path(sys.executable).parent / "fuwuquan"


def environment(**settings: str) -> dict[str, str]:
    """This process's environment with only the given FUWUQUAN settings."""
    return {key: value for key, value in os.environ.items() if not key.startswith("FUWUQUAN_")} | settings


def run(*arguments: object, **settings: str) -> subprocess.CompletedProcess[bytes]:
    """Run ``fuwuquan`` with ``arguments`` to its end."""
    command = [str(FUWUQUAN), *(str(argument) for argument in arguments)]
    return subprocess.run(command, env=environment(**settings), capture_output=True, timeout=120, check=False)


def call(*arguments: object, **settings: str) -> subprocess.CompletedProcess[bytes]:
    """What `run` does, in this process: some twenty times faster. A traceback comes out as the exception it is."""
    command = ["fuwuquan", *(str(argument) for argument in arguments)]
    output, errors = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    status = 0
    with (
        mock.patch.dict(os.environ, environment(**settings), clear=True),
        mock.patch.object(sys, "argv", command),
        redirect_stdout(output),
        redirect_stderr(errors),
    ):
        try:
            main.main()
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else int(end.code is not None)
    written = [stream.buffer.getvalue() for stream in (output, errors)]
    return subprocess.CompletedProcess(command, status, *written)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(study: Path, *arguments: str, **settings: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """``fuwuquan serve`` on a free port: its address, once it is ready, and its process."""
    port = free_port()
    command = [str(FUWUQUAN), "serve", "--study", str(study), "--port", str(port), *arguments]
    with subprocess.Popen(
        command, env=environment(**settings), stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    ) as process:
        try:
            address = f"http://127.0.0.1:{port}"
            wait(address, process)
            yield address, process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def wait(address: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120  # on a busy machine the imports alone take long
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise AssertionError(f"the server ended with {process.returncode}: {process.communicate()}")
        try:
            with urllib.request.urlopen(f"{address}/ready", timeout=5):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.05)
    raise AssertionError("the server was not ready in 120 s")
