"""Writers that are killed while they edit the register, and what must be true of it afterwards: `make torture`.

Each writer reads a facility, counts one up in it, and writes it back if nobody else has. What was acknowledged it puts
into a file of its own, so that it is known when the writer is gone.
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
from pathlib import Path

import shapely

from geo.study import facilities, study
from geo.study.study import Study
from service.register.register import Register, StaleVersionError
from support import postgres, town

RECORDS, WRITERS = 200, 8
LEAST_KILLS, LEAST_BYTES = 10, 100
"""Kills in a run, and what the writers log between two of them: some three edits."""
FORK = multiprocessing.get_context("fork")  # a writer is there again at once


def _write(about: Study, url: str, acknowledged: Path, seed: int) -> None:
    register, chance = Register(about, url), random.Random(seed)
    with acknowledged.open("a") as log:
        while True:
            facility_id = f"r{chance.randrange(RECORDS)}"
            held = register.get(facility_id)
            row = held.frame.iloc[0]
            token = f"{seed}-{chance.random()}"
            fields = {name: row[name] for name in facilities.FIELDS if name != "id"}
            fields["extra"] = {"count": row["extra"]["count"] + 1, "token": token}
            new = fields, row["geometry"]
            try:
                after = register.edit(facility_id, [held.version], f"writer {seed}", "patch", lambda old, new=new: new)
            except StaleVersionError:
                continue
            log.write(f"{facility_id} {after.version} {token}\n")
            log.flush()


def run(about: Study, url: str, folder: Path, seconds: float, seed: int = 0) -> Counter[str]:
    """Edit for so long, writers killed and started again; what was counted. AssertionError if anything is lost."""
    register = Register(about, url)
    for number in range(RECORDS):
        given = {"category": "clinic", "name": f"{number}", "extra": {"count": 0}}
        register.create(f"r{number}", given, shapely.Point(*town.place(5, 5)), "torture")
    register.database.close()  # a connection must not be shared with a fork
    chance, seeds = random.Random(seed), iter(range(seed * 100_000, sys.maxsize))

    def started() -> multiprocessing.process.BaseProcess:
        number = next(seeds)
        writer = FORK.Process(target=_write, args=(about, url, folder / f"{number}.log", number), daemon=True)
        writer.start()
        return writer

    def written() -> int:
        return sum(log.stat().st_size for log in folder.glob("*.log"))

    writers, kills, end = [started() for _ in range(WRITERS)], 0, time.monotonic() + seconds
    while time.monotonic() < end or kills < LEAST_KILLS:
        before = written()
        time.sleep(chance.uniform(0.02, 0.2))
        # On a busy machine the writers get their turn first: killed too early, none would ever write.
        while written() - before < LEAST_BYTES and all(writer.is_alive() for writer in writers):
            time.sleep(0.02)
        victim = chance.randrange(WRITERS)
        assert writers[victim].is_alive(), "a writer failed"
        os.kill(writers[victim].pid or 0, signal.SIGKILL)
        writers[victim].join()
        writers[victim] = started()
        kills += 1
    for writer in writers:
        writer.kill()
        writer.join()
    return Counter(kills=kills) + _examined(Register(about, url), folder)


def _examined(register: Register, folder: Path) -> Counter[str]:
    acknowledged = defaultdict(set)
    for log in folder.glob("*.log"):
        for line in log.read_text().splitlines(keepends=True):
            if line.endswith("\n"):  # a writer may have been killed while it wrote the line
                facility_id, version, token = line.split()
                acknowledged[facility_id].add((int(version), token))
    counted: Counter[str] = Counter()
    revisions = []
    for number in range(RECORDS):
        held, history = register.get(f"r{number}"), register.history(f"r{number}")
        assert [change.version for change in history] == list(range(1, held.version + 1)), "the history has gaps"
        extra = {"count": 0}
        for change in history[1:]:
            before, after = change.fields["extra"]
            assert before == extra, "an update was lost"
            assert after["count"] == extra["count"] + 1
            extra = after
        assert held.frame.iloc[0]["extra"] == extra, "the record is not what its history says"
        written = {(change.version, change.fields["extra"][1]["token"]) for change in history[1:]}
        assert acknowledged[f"r{number}"] <= written, "an acknowledged edit is lost"
        counted["edits"] += len(written)
        counted["acknowledged"] += len(acknowledged[f"r{number}"])
        revisions += [change.revision for change in history]
    assert len(set(revisions)) == len(revisions), "two changes have one revision"
    assert max(revisions) == register.revision
    return counted


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--database", action="append", help="address of an empty one; default: a new one of each kind")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pg") as place, ExitStack() as servers:
        addresses = options.database or [f"sqlite:///{place}/register.sqlite", _postgresql(servers)]
        for number, url in enumerate(addresses):
            folder = Path(place) / f"{number}"
            about = study.read(town.make(folder / "town"))
            print(url.partition(":")[0], dict(run(about, url, folder, options.seconds)))


def _postgresql(servers: ExitStack) -> str:
    try:
        return servers.enter_context(postgres.running()).database()
    except postgres.UnavailableError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
