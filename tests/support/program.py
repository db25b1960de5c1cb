"""Run the installed program as people run it: a command to its end, or a server on a free port."""

import io
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from unittest import mock

from service.cli import main

FUWUQUAN = Path(sys.executable).parent / "fuwuquan"
LIMIT_SECONDS = 300
"""How long a test waits for a command or an answer. Each takes seconds, but a busy machine is many times slower."""


def environment(**settings: str) -> dict[str, str]:
    """Return this process's environment, in which only ``settings`` are variables of FUWUQUAN."""
    return {key: value for key, value in os.environ.items() if not key.startswith("FUWUQUAN_")} | settings


def run(*arguments: object, **settings: str) -> subprocess.CompletedProcess[bytes]:
    """Run ``fuwuquan`` with ``arguments`` to its end."""
    command = [str(FUWUQUAN), *(str(argument) for argument in arguments)]
    return subprocess.run(command, env=environment(**settings), capture_output=True, timeout=LIMIT_SECONDS, check=False)


def call(*arguments: object, **settings: str) -> subprocess.CompletedProcess[bytes]:
    """Do in this process what `run` does, some twenty times faster. An exception that nobody handles is raised here."""
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


def output_of(process: subprocess.CompletedProcess[bytes]) -> bytes:
    """Return the standard output of a command that has succeeded."""
    assert process.returncode == 0, process.stderr.decode()
    assert b"Traceback" not in process.stderr
    return process.stdout


def free_port() -> int:
    """Return a port that no program listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(study: Path, *arguments: str, **settings: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Run ``fuwuquan serve`` on a free port; yield its address, once it is ready, and its process."""
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


@contextmanager
def serving_here(study: Path) -> Iterator[str]:
    """Serve a study on a free port by a thread of this process, which starts at once; yield its address."""
    import uvicorn  # here, since test_start.py checks that the command line does without these

    from service.api.app import create_app
    from service.settings import Settings

    server = uvicorn.Server(uvicorn.Config(create_app(Settings(study=study)), port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the server has ended"
            time.sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def wait(address: str, process: subprocess.Popen[bytes]) -> None:
    """Wait until a server is ready. AssertionError if it ends or takes too long."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise AssertionError(f"the server ended with {process.returncode}: {process.communicate()}")
        try:
            with urllib.request.urlopen(f"{address}/ready", timeout=5):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.05)
    raise AssertionError(f"the server was not ready in {LIMIT_SECONDS} s")
