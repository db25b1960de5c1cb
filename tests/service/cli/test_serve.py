"""``fuwuquan serve`` for real: two processes, one port, a clean end."""

import json
import signal
import socket
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from support import program, town


def get(address: str) -> dict:
    with urllib.request.urlopen(address, timeout=program.LIMIT_SECONDS) as answer:
        assert answer.status == 200
        return json.load(answer)


@pytest.mark.parametrize("workers", [1, 2])
def test_it_serves_until_it_is_asked_to_end(town_folder: Path, workers: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WEB_CONCURRENCY", "3")  # uvicorn's own setting does not decide
    with program.serving(town_folder, "--workers", str(workers)) as (address, process):
        assert get(f"{address}/ready")["study"] == "town"
        lon, lat = town.place(1, 1)
        answers = [get(f"{address}/v1/nearest?lon={lon}&lat={lat}&category=clinic") for _ in range(6)]
        assert [answer["features"][0]["id"] for answer in answers] == ["c1"] * 6
        with pytest.raises(urllib.error.HTTPError, match="400") as refused:
            get(f"{address}/v1/nearest?lon=x")
        assert refused.value.headers["content-type"] == "application/problem+json"
        refused.value.close()
        process.send_signal(signal.SIGTERM)
        output, errors = process.communicate(timeout=program.LIMIT_SECONDS)
    assert process.returncode in (0, -signal.SIGTERM), (process.returncode, errors)
    assert output == b""
    assert b"Traceback" not in errors
    with pytest.raises(ConnectionRefusedError), socket.create_connection(address_of(address), timeout=5):
        pass


def test_an_edit_through_one_worker_is_in_the_next_answer_of_another(town_folder: Path, database_url: str):
    """Two processes on one register, each with a port of its own, so that it is known which answers."""
    key = program.run("keys", "add", "王工", "--study", town_folder, FUWUQUAN_DATABASE_URL=database_url)
    headers = {"Authorization": f"Bearer {key.stdout.decode().strip()}", "If-Match": "*"}
    lon, lat = town.place(5, 5)
    item = "/v1/collections/facilities/items/new"
    feature = {"type": "Feature", "id": "new", "geometry": {"type": "Point", "coordinates": [lon, lat]},
               "properties": {"category": "clinic"}}  # fmt: skip

    def edit(method: str, path: str, body: object = None) -> None:
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            address + path, content, headers | {"Content-Type": "application/json"}, method=method
        )
        with urllib.request.urlopen(request, timeout=program.LIMIT_SECONDS) as answer:
            assert answer.status in (201, 204)

    def seen(address: str) -> tuple[str, int]:
        nearest = get(f"{address}/v1/nearest?lon={lon}&lat={lat}&category=clinic")["features"][0]["id"]
        return nearest, get(f"{address}/v1/coverage/health-20")["facilities"]

    with (
        program.serving(town_folder, FUWUQUAN_DATABASE_URL=database_url) as (address, _),
        program.serving(town_folder, FUWUQUAN_DATABASE_URL=database_url) as (other, _),
    ):
        nearest, count = seen(other)
        assert nearest != "new"
        assert seen(address) == (nearest, count)  # so that both have computed it
        edit("POST", item.removesuffix("/new"), feature)
        assert [seen(one) for one in (other, address)] == [("new", count + 1)] * 2
        edit("DELETE", item)
        assert [seen(one) for one in (other, address)] == [(nearest, count)] * 2


def address_of(address: str) -> tuple[str, int]:
    host, port = address.removeprefix("http://").split(":")
    return host, int(port)


def test_a_port_in_use_is_said(town_folder: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = program.run("serve", "--study", town_folder, "--port", taken.getsockname()[1])
    assert done.returncode in (1, 3)  # 3 is uvicorn's
    assert b"in use" in done.stderr
    assert b"Traceback" not in done.stderr


def test_no_study_is_one_line_and_no_server(tmp_path: Path):
    done = program.run("serve", "--study", tmp_path / "nowhere", "--workers", "2")
    assert done.returncode == 1
    assert done.stderr.decode().count("\n") == 1
    assert "nowhere" in done.stderr.decode()
