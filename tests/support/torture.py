"""Kill writers while they edit the register, and check afterwards that no edit is lost: ``make torture``.

Each writer reads a facility, increases a counter in it, and writes it back unless another writer was faster. It logs
every edit that the register has acknowledged in a file of its own, which can still be read after the writer is killed.
"""

import argparse
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter, defaultdict
from contextlib import ExitStack
from multiprocessing.process import BaseProcess
from pathlib import Path

import shapely
from shapely.geometry.base import BaseGeometry

from geo.study import study
from geo.study.study import Study
from service.register.history import FacilityRow, fields_of
from service.register.register import Register, StaleVersionError
from support import postgres, town

FACILITIES, WRITERS = 20, 8
"""So few facilities that writers often edit the same one at the same time."""
MIN_KILLS = 10
MIN_LOGGED_BYTES = 100
"""How much the writers log between two kills: some three edits."""
FORK = multiprocessing.get_context("fork")  # starts a writer at once, without importing anything again


def _edit_until_killed(edited_study: Study, url: str, log_file: Path, seed: int) -> None:
    """Edit random facilities; log a line “id version token” for each edit that was acknowledged."""
    register, chance = Register(edited_study, url), random.Random(seed)
    with log_file.open("a") as log:
        while True:
            facility_id = f"r{chance.randrange(FACILITIES)}"
            facility, token = register.get(facility_id), f"{seed}-{chance.random()}"
            # Count from what was read before: only the check of the version keeps another's edit from being lost.
            count = facility.frame.iloc[0]["extra"]["count"] + 1

            def change(old: FacilityRow, count: int = count, token: str = token) -> tuple[FacilityRow, BaseGeometry]:
                fields = {**fields_of(old), "extra": {"count": count, "token": token}}
                return fields, shapely.from_wkb(old["geometry"])

            try:
                edited = register.edit(facility_id, [facility.version], f"writer {seed}", "patch", change)
            except StaleVersionError:
                continue
            log.write(f"{facility_id} {edited.version} {token}\n")
            log.flush()


def run(edited_study: Study, url: str, folder: Path, seconds: float, seed: int = 0) -> Counter[str]:
    """Let writers edit an empty database for ``seconds``, and kill and replace one after another.

    Returns the numbers of kills, of edits in the history and of acknowledged edits. AssertionError if an edit is lost.
    """
    register = Register(edited_study, url)
    for number in range(FACILITIES):
        properties = {"category": "clinic", "name": f"{number}", "extra": {"count": 0}}
        register.create(f"r{number}", properties, shapely.Point(*town.place(5, 5)), "torture")
    register.database.close()  # a connection must not be shared with a forked process
    chance, seeds = random.Random(seed), iter(range(seed * 100_000, sys.maxsize))

    def start_writer() -> BaseProcess:
        number = next(seeds)
        arguments = (edited_study, url, folder / f"{number}.log", number)
        writer = FORK.Process(target=_edit_until_killed, args=arguments, daemon=True)
        writer.start()
        return writer

    def logged_bytes() -> int:
        return sum(log.stat().st_size for log in folder.glob("*.log"))

    writers, kills, end = [start_writer() for _ in range(WRITERS)], 0, time.monotonic() + seconds
    while time.monotonic() < end or kills < MIN_KILLS:
        before = logged_bytes()
        time.sleep(chance.uniform(0.02, 0.2))
        # On a busy machine, wait until the writers have written: killed too early, none would ever write.
        while logged_bytes() - before < MIN_LOGGED_BYTES and all(writer.is_alive() for writer in writers):
            time.sleep(0.02)
        victim = chance.randrange(WRITERS)
        assert writers[victim].is_alive(), "a writer failed"
        os.kill(writers[victim].pid or 0, signal.SIGKILL)
        writers[victim].join()
        writers[victim] = start_writer()
        kills += 1
    for writer in writers:
        writer.kill()
        writer.join()
    return Counter(kills=kills) + _check(Register(edited_study, url), _read_logs(folder))


def _read_logs(folder: Path) -> dict[str, set[tuple[int, str]]]:
    """The version and token of every acknowledged edit, by the facility's id."""
    acknowledged = defaultdict(set)
    for log in folder.glob("*.log"):
        for line in log.read_text().splitlines(keepends=True):
            if line.endswith("\n"):  # a killed writer may leave half a line
                facility_id, version, token = line.split()
                acknowledged[facility_id].add((int(version), token))
    return acknowledged


def _check(register: Register, acknowledged: dict[str, set[tuple[int, str]]]) -> Counter[str]:
    """Compare every facility with its history and the logs; return the numbers of edits."""
    counts: Counter[str] = Counter()
    revisions = []
    for number in range(FACILITIES):
        facility, history = register.get(f"r{number}"), register.history(f"r{number}")
        assert [change.version for change in history] == list(range(1, facility.version + 1)), "the history has gaps"
        extra = {"count": 0}
        for change in history[1:]:
            before, after = change.fields["extra"]
            assert before == extra, "an update was lost"
            assert after["count"] == extra["count"] + 1
            extra = after
        assert facility.frame.iloc[0]["extra"] == extra, "the facility differs from its history"
        edits = {(change.version, change.fields["extra"][1]["token"]) for change in history[1:]}
        assert acknowledged[f"r{number}"] <= edits, "an acknowledged edit is lost"
        counts["edits"] += len(edits)
        counts["acknowledged"] += len(acknowledged[f"r{number}"])
        revisions += [change.revision for change in history]
    assert len(set(revisions)) == len(revisions), "two changes have one revision"
    assert max(revisions) == register.revision
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--database", action="append", help="URL of an empty database; default: new ones of each kind")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pg") as folder, ExitStack() as servers:
        urls = options.database or [f"sqlite:///{folder}/register.sqlite", _postgresql(servers)]
        for number, url in enumerate(urls):
            run_folder = Path(folder) / f"{number}"
            edited_study = study.read(town.make(run_folder / "town"))
            print(url.partition(":")[0], dict(run(edited_study, url, run_folder, options.seconds)))


def _postgresql(servers: ExitStack) -> str:
    try:
        return servers.enter_context(postgres.running()).database()
    except postgres.UnavailableError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
