"""Runs a function in a child process with limits of memory and time, so that no file can exhaust this process.

On first use one helper process is started. It imports the modules that callers name, once, and then forks a child for
each call. The child sets its limits, calls the function, and sends the result back. The helper

* is started again after a timeout, and should it crash;
* ends when this process ends, because the socket between the two is closed then;
* imports from the same folders as this process, but never from the working directory;
* is not shared with forks of this process, which start their own;
* takes one call at a time; further threads wait.

The limits protect this process from files that take too much. They are no sandbox: the child has all the rights of
this process, and its answer is unpickled.

This needs `fork`, `resource` and sockets that carry file descriptors, so the program runs on POSIX systems only.
`multiprocessing` is not used because its start methods import the caller's ``__main__`` again, which runs scripts
without a guard twice, or fork this process with all its threads.
"""

import atexit
import contextlib
import gc
import os
import pickle
import resource
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import Any, NoReturn, TypeVar

from geo import garbage_collection
from geo.errors import FuwuquanError

R = TypeVar("R")

MAX_SECONDS = 120.0
"""How long one call may take, unless the caller says otherwise: of wall-clock and of processor time."""

MAX_BYTES = 4 << 30
"""How much memory (4 GiB) one call may take beyond the helper's own, unless the caller says otherwise."""

# A process with thread pools should not be forked. (jemalloc's thread, which pyarrow starts, is made for forks.)
_ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
# -I ignores PYTHON* variables and the working directory. The folders of this process's path follow the helper's own.
_START = (
    "import sys; sys.path += [folder for folder in sys.argv[2].split('\\n') if folder not in sys.path]; "
    "from geo.limited_process import _serve; _serve(int(sys.argv[1]), sys.argv[3:])"
)
_READY = b"!"
_HEADER = struct.Struct("!cQ")
_PROGRESS, _RESULT, _ERROR, _CRASH = b"p", b"r", b"e", b"c"


class LimitExceededError(Exception):
    """The call took more memory or time than allowed, ended its process, or returned values with too many levels.

    The text says which.
    """


class _ChildEndedError(LimitExceededError):
    """The child ended without an answer; the helper still runs."""


class HelperError(FuwuquanError):
    """The helper process cannot be started; this says nothing about the file that was to be read."""


@dataclass(frozen=True)
class _Request:
    """A call for the helper.

    ``folder`` is the caller's working directory, None if it was removed. Temporary files go to ``temporary_folder``,
    which the caller removes, because a child that is killed cannot.
    """

    function: Callable[..., object]
    arguments: tuple[object, ...]
    max_seconds: float
    max_bytes: int
    folder: str | None
    temporary_folder: str


def call(
    function: Callable[..., R],
    arguments: Sequence[object],
    advance: Callable[[int], None],
    *,
    modules: Sequence[str],
    max_seconds: float = MAX_SECONDS,
    max_bytes: int = MAX_BYTES,
) -> R:
    """What ``function(*arguments, advance)`` returns, called in a child process.

    Parameters
    ----------
    function
        A function at the top level of a module.
    arguments
        Its arguments, which can be pickled. A further argument is a function that passes counts on to ``advance``.
    advance
        Called in this thread with each count that the function reports.
    modules
        Names of modules that the helper imports when it starts, so that later calls need not.
    max_seconds
        Of wall-clock and of processor time.
    max_bytes
        Of memory, beyond what the helper has when it is forked.

    Raises
    ------
    LimitExceededError
        The call takes more than that, its process ends, or its result has too many levels to be pickled.
    HelperError
        The helper process cannot be started.
    FuwuquanError
        As the function raises it. Any other exception becomes a RuntimeError with its traceback.
    """
    with _lock, tempfile.TemporaryDirectory(prefix="fuwuquan-", ignore_cleanup_errors=True) as temporary:
        request = _Request(function, tuple(arguments), max_seconds, max_bytes, _working_directory(), temporary)
        message_type, content = _helper_of(modules).run(pickle.dumps(request), max_seconds, advance)
    if message_type == _RESULT:
        with garbage_collection.paused():
            result: R = pickle.loads(content)
        return result
    if message_type == _ERROR:
        error_type, error_arguments, attributes = pickle.loads(content)
        error: FuwuquanError | LimitExceededError = error_type.__new__(error_type, *error_arguments)
        error.__dict__.update(attributes)
        raise error
    raise RuntimeError(f"in the process with limits:\n{content.decode()}")


def _working_directory() -> str | None:
    try:
        return str(Path.cwd())
    except FileNotFoundError:
        return None


# --- the helper as this process sees it --------------------------------------------------------------------------


class _Helper:
    """The running helper process and the socket to it."""

    def __init__(self, modules: Sequence[str]) -> None:
        self._stopped = False
        with contextlib.ExitStack() as cleanup:
            try:
                self._socket, theirs = socket.socketpair()
                cleanup.enter_context(self._socket)
                with theirs:
                    self._process = self._start(theirs.fileno(), modules)
            except OSError as error:
                raise HelperError(f"no process can be started to read files in: {error.strerror}") from error
            cleanup.pop_all()  # the socket stays open
        if self._socket.recv(1) != _READY:
            self.stop()
            raise HelperError("the process to read files in ended when it started; its error output says why")

    def _start(self, descriptor: int, modules: Sequence[str]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-I", "-c", _START, str(descriptor), "\n".join(_import_folders()), *modules],
            pass_fds=(descriptor,),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            cwd="/",
            env=os.environ | _ONE_THREAD,
            start_new_session=True,  # so that Ctrl-C reaches this process only, and that all of it can be killed
        )

    @property
    def runs(self) -> bool:
        """Whether the process is alive: the socket of a process that has ended can be read to its end."""
        return not self._stopped and not select.select([self._socket], [], [], 0)[0]

    def run(self, request: bytes, max_seconds: float, advance: Callable[[int], None]) -> tuple[bytes, bytes]:
        """The type and content of the child's last message."""
        read_end, write_end = os.pipe()
        try:
            with os.fdopen(read_end, "rb", buffering=0) as pipe:
                try:
                    # The child writes to a pipe of its own: one that dies leaves no half message in the socket.
                    socket.send_fds(self._socket, [_HEADER.pack(_RESULT, len(request))], [write_end])
                    self._socket.sendall(request)
                finally:
                    os.close(write_end)
                return self._answer(pipe.fileno(), time.monotonic() + max_seconds, advance)
        except _ChildEndedError:
            raise
        except OSError as error:
            self.stop()
            raise LimitExceededError("ends the process that reads it") from error
        except BaseException:  # a timeout, Ctrl-C: the child may be running still
            self.stop()
            raise

    def _answer(self, pipe: int, deadline: float, advance: Callable[[int], None]) -> tuple[bytes, bytes]:
        while True:
            message_type, length = _HEADER.unpack(self._receive(pipe, _HEADER.size, deadline))
            content = self._receive(pipe, length, deadline)
            if message_type != _PROGRESS:
                return message_type, content
            advance(int(content))

    def _receive(self, pipe: int, length: int, deadline: float) -> bytes:
        content = bytearray()
        while len(content) < length:
            ready, _, _ = select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise LimitExceededError("takes too long")
            block = os.read(pipe, min(length - len(content), 1 << 20))
            if not block:
                raise _ChildEndedError("takes too much memory, or ends the process that reads it")
            content += block
        return bytes(content)

    def stop(self) -> None:
        """End the helper and its child, once: afterwards the number of the process may be another's."""
        if self._stopped:
            return
        self._stopped = True
        self._socket.close()
        # Nobody has waited for the helper yet, so that its number is still its own, even if it has ended.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def abandon(self) -> None:
        """In a fork of this process: leave the helper to the process that started it."""
        self._stopped = True
        self._socket.close()
        self._process.returncode = 0  # else Popen would warn that the process, which is not our child, still runs


def _import_folders() -> list[str]:
    """The folders that this process imports from, without its working directory; that of this package is the last."""
    here = str(Path(__file__).resolve().parents[1])
    others = [folder for folder in sys.path if Path(folder).is_absolute()]
    return [*(folder for folder in others if folder not in (here, _working_directory())), here]


_lock = Lock()
_helper: _Helper | None = None


def _helper_of(modules: Sequence[str]) -> _Helper:
    global _helper
    if _helper is None or not _helper.runs:
        if _helper is not None:
            _helper.stop()
        _helper = _Helper(modules)
    return _helper


def _stop_helper() -> None:
    global _helper
    if _helper is not None:
        _helper.stop()
        _helper = None


def _after_fork() -> None:
    global _helper, _lock
    _lock = Lock()
    if _helper is not None:
        _helper.abandon()
        _helper = None


atexit.register(_stop_helper)
os.register_at_fork(after_in_child=_after_fork)


# --- the helper itself -------------------------------------------------------------------------------------------


def _serve(descriptor: int, modules: Sequence[str]) -> None:
    """Fork a child for each request, until the other side closes the socket."""
    for module in modules:
        import_module(module)
    gc.disable()  # children live for one call, and collecting would copy the pages that they share
    with socket.socket(fileno=descriptor) as requests:
        requests.sendall(_READY)
        while True:
            header, descriptors, _, _ = socket.recv_fds(requests, _HEADER.size, 1)
            if not header:
                return
            _, length = _HEADER.unpack(header)
            content = bytearray()
            while len(content) < length:
                block = requests.recv(min(length - len(content), 1 << 20))
                if not block:
                    return
                content += block
            child = os.fork()
            if child == 0:
                requests.close()
                _answer(descriptors[0], bytes(content))
            os.close(descriptors[0])
            os.waitpid(child, 0)


def _answer(pipe: int, content: bytes) -> NoReturn:
    """Call the function of a request and write what it returns or raises to ``pipe``."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # what libraries print of a broken file is of no use
        request: _Request = pickle.loads(content)
        if request.folder is not None:
            os.chdir(request.folder)
        tempfile.tempdir = request.temporary_folder
        _set_limits(request)
        _write(pipe, *_outcome(request, lambda count: _write(pipe, _PROGRESS, str(count).encode())))
    finally:
        os._exit(0)  # without what was registered to run when the helper exits


def _outcome(request: _Request, advance: Callable[[int], None]) -> tuple[bytes, bytes]:
    try:
        result = request.function(*request.arguments, advance)
        try:
            return _RESULT, pickle.dumps(result, pickle.HIGHEST_PROTOCOL)
        except RecursionError:
            raise LimitExceededError("holds values with too many levels") from None
    except MemoryError:
        os._exit(1)
    except (FuwuquanError, LimitExceededError) as error:
        # By its parts: errors whose arguments differ from ``args`` cannot be pickled whole.
        return _ERROR, pickle.dumps((type(error), error.args, _picklable(error.__dict__)))
    except Exception:
        return _CRASH, traceback.format_exc().encode("utf-8", "replace")


def _picklable(attributes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in attributes.items() if isinstance(value, str | int | float | list | None)}


def _set_limits(request: _Request) -> None:
    seconds = int(request.max_seconds) + 1
    signal.alarm(seconds)  # in case that the caller is gone
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError, ValueError):  # macOS has neither /proc nor a limit of address space
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
        limit = pages * resource.getpagesize() + request.max_bytes
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _write(pipe: int, message_type: bytes, content: bytes) -> None:
    message = memoryview(_HEADER.pack(message_type, len(content)) + content)
    while message:
        message = message[os.write(pipe, message) :]
