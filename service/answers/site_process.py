"""Searches for sites in a process of its own, which can be killed and which ends with the process that started it.

`start` begins one for a row of `service.register.site_searches`. The new process reads the study again, searches, and
writes its progress and its result to that row. It ends

* when its time is over, or its answer is proven;
* when the row is gone, because somebody cancelled the search; `Searches.cancel` kills it at once in addition;
* when the process that started it ends: its standard input, a pipe, is then closed;
* when it takes more memory or processor time than `MOST_BYTES` and its time allow.
"""

import contextlib
import os
import resource
import subprocess
import sys
import threading
from pathlib import Path
from threading import Thread

import orjson

from geo.errors import FuwuquanError
from geo.measures.siting.document import SitesRequest
from geo.parallel import CORES
from service.answers import sites as site_answers
from service.answers.engine import Answers
from service.register import site_searches
from service.register.database import Database
from service.settings import Settings

MOST_BYTES = 6 << 30
REPORT_EVERY_S = 1.0
_SPARE_SECONDS = 300
"""Processor time for reading the study and preparing its networks, beside that of the search."""
_NICENESS = 10
"""Requests come before searches."""


class Searches:
    """The searches that this process has started."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings, self._database = settings, database
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, search_id: str) -> None:
        """Start the process of a search that was added to the database."""
        environment = os.environ | {
            "FUWUQUAN_STUDY": str(self._settings.study.absolute()),
            "PYTHONPATH": os.pathsep.join(folder for folder in sys.path if Path(folder).is_absolute()),
        }
        if self._settings.database_url:
            environment["FUWUQUAN_DATABASE_URL"] = self._settings.database_url
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "service.answers.site_process", search_id],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,  # Ctrl-C in the server's terminal reaches the server only
        )
        self._processes[search_id] = process
        Thread(target=self._watch, args=(search_id, process), daemon=True).start()

    def _watch(self, search_id: str, process: subprocess.Popen[bytes]) -> None:
        """Wait for a process to end; one that ended without an answer has failed."""
        status = process.wait()
        self._processes.pop(search_id, None)
        if process.stdin is not None:
            process.stdin.close()
        problem = f"the process that searched ended without an answer (status {status}): perhaps for lack of memory"
        with contextlib.suppress(FuwuquanError):  # the database may be closed already
            site_searches.end(self._database, search_id, site_searches.FAILED, problem=problem)

    def cancel(self, search_id: str) -> None:
        """Forget a search and end its process; UnknownNameError if there is no such search.

        A process that another one has started ends within a few seconds, when it reports.
        """
        site_searches.remove(self._database, search_id)
        process = self._processes.get(search_id)
        if process is not None:
            process.kill()

    def close(self) -> None:
        """End all processes; their searches are interrupted."""
        for search_id, process in list(self._processes.items()):
            problem = "the server was stopped"
            with contextlib.suppress(FuwuquanError):
                site_searches.end(self._database, search_id, site_searches.INTERRUPTED, problem=problem)
            process.kill()
            process.wait()


class _Progress:
    """The best value and bound so far, written to the database now and then by a thread of its own."""

    def __init__(self, database: Database, search_id: str) -> None:
        self._database, self._id = database, search_id
        self._numbers: tuple[float, float] | None = None
        self.ended = threading.Event()
        Thread(target=self._report, daemon=True).start()

    def keep(self, value: float, bound: float) -> None:
        """Remember the best value and bound."""
        self._numbers = (value, bound)

    def _report(self) -> None:
        while not self.ended.wait(REPORT_EVERY_S):
            value, bound = self._numbers or (None, None)
            with contextlib.suppress(FuwuquanError):  # a database that is busy may be free the next time
                if not site_searches.report(self._database, self._id, value, bound) and not self.ended.is_set():
                    os._exit(0)  # cancelled


def _end_with_starter(database: Database, search_id: str) -> None:
    """End this process when standard input is closed, as it is when the process that started it ends."""
    sys.stdin.buffer.read()
    with contextlib.suppress(FuwuquanError):
        site_searches.end(database, search_id, site_searches.INTERRUPTED, problem="the server was stopped")
    os._exit(0)


def _limit(seconds: float) -> None:
    os.nice(_NICENESS)
    most = int(seconds * CORES) + _SPARE_SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError, ValueError):  # macOS has no limit of address space
        resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))


def main(search_id: str) -> None:
    """Search, in the process that `Searches.start` has started."""
    settings = Settings()
    database = Database(settings.register_url)
    row = site_searches.get(database, search_id)
    Thread(target=_end_with_starter, args=(database, search_id), daemon=True).start()
    request = SitesRequest.model_validate(row.request)
    effort = site_answers.long_effort(request.seconds)
    _limit(effort.seconds)
    progress = _Progress(database, search_id)
    try:
        answers = Answers(settings)
        state = answers.states.current()
        siting = site_answers.choose(answers, state, request, row.coordinates, effort, progress.keep)
        result = orjson.dumps(site_answers.as_json(answers, siting, request))
        progress.ended.set()
        numbers = siting.value, siting.bound
        site_searches.end(database, search_id, site_searches.DONE, result, None, *numbers)
    except (FuwuquanError, MemoryError) as error:
        problem = str(error) or f"the search takes more than {MOST_BYTES >> 30} GB of memory"
        site_searches.end(database, search_id, site_searches.FAILED, problem=problem)


if __name__ == "__main__":
    main(sys.argv[1])
