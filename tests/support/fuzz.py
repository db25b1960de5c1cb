"""Sends a server generated requests that the API definition allows or forbids: `make fuzz`.

schemathesis makes the requests and checks the answers: no 5xx; no status, media type, header or body that the
definition does not have; what it forbids is refused and what it allows is accepted; what was deleted is gone; and so
on. Two of the checks expect more than a JSON schema can express, and schemathesis_checks.py narrows them.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from support import ogc, program
from support.json_types import JsonObject

DATA = Path(__file__).parents[2] / "data"
SCHEMATHESIS = Path(sys.executable).parent / "st"


class Run(NamedTuple):
    """The result of a run of schemathesis."""

    cases: int
    operations: int
    failures: Counter[str]
    """How often each check failed, with the operations."""
    output: str
    """What schemathesis printed."""


def dictionaries(document: JsonObject, tag: str) -> dict[str, list[str]]:
    """By parameter, values that mean something in the sample; half of the requests use them.

    ``tag`` is the entity tag of a facility's first version.
    """
    facilities = json.loads((DATA / "facilities.geojson").read_text("utf-8"))["features"]
    areas = json.loads((DATA / "areas.geojson").read_text("utf-8"))["features"]
    ids = (
        [feature["id"] for feature in facilities[::100]]
        + [feature["properties"]["code"] for feature in areas[::50]]
        + ["0", "1"]
    )
    crs = "http://www.opengis.net/def/crs/"
    systems = [crs + name for name in ("OGC/1.3/CRS84", "EPSG/0/4326", "EPSG/0/4490", "EPSG/0/4549", "EPSG/0/9999999")]
    results = {
        "query.datetime": ["2021-06-01", "2021-06-01T00:00:00Z", "2021-01-01/2021-12-31", "../2000-01-01",
                           "2020-01-01/..", "0001-01-01", "9999-12-31T23:59:60Z", "2021-02-29", "../.."],
        "query.filter": ["category = 'park'", "capacity > 100 OR NOT name LIKE '%a'", "population BETWEEN 1 AND 1e3",
                         "S_INTERSECTS(geometry, POINT(120 28.9))", "opened < DATE('2020-01-01')", "share IS NULL",
                         "S_INTERSECTS(geometry, POLYGON((120 28, 121 29, 120 29, 120 28)))", "population / 0 > 1",
                         "CASEI(name) = CASEI('A')", "1 = 1", "S_INTERSECTS(geometry, POINT(1e308 1))"],
        "query.sortby": ["category", "-opened", "+name,-id", "-population", "code,-share", "geometry", "name,name"],
        **{f"query.{name}": ["2020-12-31", "2021-06-30", "1900-01-01", "2026-02-29"] for name in ("on", "from", "to")},
        "query.category": ["park", "clinic", "kindergarten", "cultural_hall"],
        "query.facility": ids[:5],
        "query.ids": ["plan-a,plan-b", "plan-a", "plan-a,plan-a"],
        "query.minutes": ["5", "5,10,15", "120", "0.001"],
        **{f"query.{name}": systems for name in ("crs", "bbox-crs", "filter-crs")},
        "header.If-Match": ["*", tag, tag.replace("1", "2", 1)],
        "header.if-match": ["*", tag, tag.replace("1", "2", 1)],
    }  # fmt: skip
    known_names = {
        "standard": ["health-15", "park-500", "hall-new"],
        "collection": ["facilities", "demand", "nothing"],
        "scenario": ["plan-a", "plan-b", "compare"],
    }
    for path in document["paths"]:
        for part in path.split("{")[1:]:
            name = part.partition("}")[0]
            results[f"path.{name}"] = known_names.get(name, ids)
    return results


def configuration(key: str, tag: str, document: JsonObject, folder: Path) -> Path:
    """The file of schemathesis' settings."""
    lines = ["[checks.not_a_server_error]", 'expected-statuses = ["2xx", "3xx", "4xx"]']
    for name, statuses in EXPECTED.items():
        lines += [f"[checks.{name}]", "expected-statuses = " + json.dumps(statuses)]
    for scheme in document["components"]["securitySchemes"]:
        lines += [f"[auth.openapi.{scheme}]", f"bearer = {json.dumps(key)}"]
    values_by_parameter = dictionaries(document, tag)
    for number, values in enumerate(values_by_parameter.values()):
        lines += [f"[dictionaries.words{number}]", f"values = {json.dumps(values, ensure_ascii=False)}"]
    lines.append("[parameters]")
    for number, name in enumerate(values_by_parameter):
        lines.append(f'"{name}" = {{ dictionary = "words{number}", probability = 0.5 }}')
    file = folder / "schemathesis.toml"
    file.write_text("\n".join(lines) + "\n", "utf-8")
    return file


# For the checks in schemathesis_checks.py: the statuses that valid data may get, which may be about something that does
# not exist or has changed meanwhile, and those that invalid data may get.
EXPECTED = {
    "positive_data_acceptance": ["2xx", "304", "401", "404", "409", "410", "412", "428"],
    "negative_data_rejection": ["400", "401", "404", "405", "409", "410", "412", "413", "415", "422", "428"],
}


@contextmanager
def serving(folder: Path) -> Iterator[tuple[str, str, Path]]:
    """A server of a copy of the sample: its address, a key to edit, and its log, which is complete at the end."""
    study, log = ogc.copy_study(folder / "study"), folder / "server.log"
    key = program.output_of(program.call("keys", "add", "fuzz", "--study", study)).decode().strip()
    with program.serving(study) as (address, process), log.open("wb") as file:
        reader = threading.Thread(target=shutil.copyfileobj, args=(process.stderr, file))
        reader.start()
        try:
            yield address, key, log
            with urllib.request.urlopen(f"{address}/ready", timeout=program.LIMIT_SECONDS) as answer:
                assert answer.status == 200
            assert process.poll() is None, "the server has ended"
        finally:
            process.terminate()
            reader.join()


def fuzz(folder: Path, address: str, key: str, *options: str) -> Run:
    """One run of schemathesis with further ``options``."""
    with urllib.request.urlopen(f"{address}/openapi.json", timeout=program.LIMIT_SECONDS) as answer:
        document = json.load(answer)
    with urllib.request.urlopen(
        f"{address}/v1/collections/facilities/items/yk-park-001", timeout=program.LIMIT_SECONDS
    ) as answer:
        tag = answer.headers["ETag"]
    report = folder / "report.json"
    command = [
        SCHEMATHESIS, "--config-file", configuration(key, tag, document, folder), "run", f"{address}/openapi.json",
        "--checks", "all", "--exclude-checks", ",".join(EXPECTED), "--continue-on-failure", "--no-color",
        "--report", "json", "--report-json-path", report, "--warnings", "off",
        "--generation-database", "none", "--request-timeout", program.LIMIT_SECONDS, *options,
    ]  # fmt: skip
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": "schemathesis_checks", "PYTHONPATH": str(Path(__file__).parent)}
    result = subprocess.run(
        [str(part) for part in command], cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, check=False,
    )  # fmt: skip
    content = json.loads(report.read_text("utf-8")) if report.exists() else {}
    if not content.get("operations") or result.returncode not in (0, 1):
        raise AssertionError(f"schemathesis could not run:\n{result.stdout}")
    failures = Counter(
        {f"{failure['title']}: {', '.join(failure['operations'])}": failure["count"] for failure in content["failures"]}
    )
    failures.update({f"error: {failure['title']}": failure["count"] for failure in content["errors"]})
    if result.returncode and not failures:
        failures["schemathesis failed"] = 1
    return Run(content["test_cases"]["generated"], content["operations"]["tested"], failures, result.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=20_000, help="at least so many requests")
    parser.add_argument(
        "--examples", type=int, default=100, help="at most so many requests of one operation in a round"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="leave out the slow phases")
    options = parser.parse_args()
    cases, failures, round_ = 0, Counter[str](), 0
    with tempfile.TemporaryDirectory(prefix="fuzz") as place, serving(Path(place)) as (address, key, log):
        while cases < options.cases:
            chosen = ["--seed", str(options.seed + round_), "--max-examples", str(options.examples)]
            chosen += ["--phases", "fuzzing,stateful"] if options.quick else []
            result = fuzz(Path(place), address, key, *chosen)
            cases, failures, round_ = cases + result.cases, failures + result.failures, round_ + 1
            if result.failures:
                print(result.output, file=sys.stderr)
            summary = f"{result.cases} cases of {result.operations} operations, {len(result.failures)} failures"
            print(f"round {round_}: {summary}")
        faults = log.read_text("utf-8", "replace").count("Traceback (most recent call last)")
        failures += Counter({"tracebacks in the server's log": faults})
    print(f"{cases} cases, {failures.total()} failures")
    for what, count in failures.items():
        print(f"{count:6} {what}")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
