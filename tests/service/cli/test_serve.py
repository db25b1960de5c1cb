"""``fuwuquan serve`` in processes of its own: it answers, sees edits of others, and ends when it is told to."""

import json
import signal
import socket
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from support import program, town
from support.examples import only_long
from support.program import output_of


def get(url: str) -> dict:
    with urllib.request.urlopen(url, timeout=program.LIMIT_SECONDS) as response:
        assert response.status == 200
        return json.load(response)


@pytest.mark.parametrize("workers", [pytest.param(1, marks=only_long), 2])
def test_the_server_answers_until_it_is_terminated(town_folder: Path, workers: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WEB_CONCURRENCY", "3")  # uvicorn's own setting must not override --workers
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
    host, port = address.removeprefix("http://").split(":")
    with pytest.raises(ConnectionRefusedError), socket.create_connection((host, int(port)), timeout=5):
        pass


@pytest.mark.parametrize("database_url", ["sqlite", pytest.param("postgresql", marks=only_long)], indirect=True)
def test_an_edit_on_one_server_is_in_the_next_answer_of_another(town_folder: Path, database_url: str):
    """Two servers on one register, each on its own port, so that the test knows which one answers."""
    process = program.call("keys", "add", "王工", "--study", town_folder, FUWUQUAN_DATABASE_URL=database_url)
    key = output_of(process).decode().strip()
    headers = {"Authorization": f"Bearer {key}", "If-Match": "*", "Content-Type": "application/json"}
    lon, lat = town.place(5, 5)
    items = "/v1/collections/facilities/items"
    geometry = {"type": "Point", "coordinates": [lon, lat]}
    feature = {"type": "Feature", "id": "new", "geometry": geometry, "properties": {"category": "clinic"}}

    def edit(method: str, path: str, body: object = None) -> None:
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(first + path, content, headers, method=method)
        with urllib.request.urlopen(request, timeout=program.LIMIT_SECONDS) as response:
            assert response.status in (201, 204)

    def nearest_and_count(address: str) -> tuple[str, int]:
        nearest = get(f"{address}/v1/nearest?lon={lon}&lat={lat}&category=clinic")["features"][0]["id"]
        return nearest, get(f"{address}/v1/coverage/health-20")["facilities"]

    with (
        program.serving(town_folder, FUWUQUAN_DATABASE_URL=database_url) as (first, _),
        program.serving(town_folder, FUWUQUAN_DATABASE_URL=database_url) as (second, _),
    ):
        nearest, count = nearest_and_count(second)
        assert nearest != "new"
        assert nearest_and_count(first) == (nearest, count)
        edit("POST", items, feature)
        assert [nearest_and_count(address) for address in (second, first)] == [("new", count + 1)] * 2
        edit("DELETE", f"{items}/new")
        assert [nearest_and_count(address) for address in (second, first)] == [(nearest, count)] * 2


def test_a_port_in_use_is_reported(town_folder: Path):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        process = program.run("serve", "--study", town_folder, "--port", listener.getsockname()[1])
    assert process.returncode in (1, 3)  # 3 is uvicorn's
    assert b"in use" in process.stderr
    assert b"Traceback" not in process.stderr


def test_a_missing_study_is_one_line_and_no_server(tmp_path: Path):
    process = program.call("serve", "--study", tmp_path / "nowhere", "--workers", "2")
    assert process.returncode == 1
    assert process.stderr.decode().count("\n") == 1
    assert "nowhere" in process.stderr.decode()
