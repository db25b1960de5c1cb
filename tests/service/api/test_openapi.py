"""/openapi.json describes the answers of the API, and the endpoints for monitoring work."""

import json
from pathlib import Path

import jsonschema
import pytest
from openapi_schema_validator import OAS30Validator
from openapi_spec_validator import validate
from starlette.testclient import TestClient

from support import town


@pytest.fixture(scope="module")
def document(client: TestClient) -> dict:
    return client.get("/openapi.json").json()


def test_openapi_document_is_valid_and_has_nearest(document: dict):
    validate(document)
    assert "/nearest" in document["paths"]


def test_every_v1_operation_documents_400(document: dict):
    operations = [
        (path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    assert operations
    for path, method, operation in operations:
        assert "400" in operation["responses"], (method, path)
        assert list(operation["responses"]["400"]["content"]) == ["application/problem+json", "text/html"], (
            method,
            path,
        )
        # FastAPI's own 422 is never answered; ours is about a list that cannot be imported.
        assert ("422" in operation["responses"]) == (path == "/imports"), (method, path)
        if "{" in path:
            assert "404" in operation["responses"], (method, path)


def test_every_parameter_is_described(document: dict):
    for path, methods in document["paths"].items():
        for operation in methods.values():
            query = [parameter for parameter in operation.get("parameters", []) if parameter["in"] == "query"]
            for parameter in query:
                assert parameter.get("description") or "enum" in parameter["schema"], (path, parameter["name"])
            assert "coordinates" in [parameter["name"] for parameter in query], path


def test_answers_match_the_document(client: TestClient, document: dict):
    for path in ("/v1/coverage", "/v1/coverage/{standard}", "/v1/capacity/{standard}"):
        declared = document["paths"][path.removeprefix("/v1")]["get"]["responses"]["200"]["content"][
            "application/json"
        ]["schema"]
        schema = {**declared, "components": document["components"]}
        answer = client.get(path.format(standard="health-20")).json()
        OAS30Validator(schema).validate(answer)
        with pytest.raises(jsonschema.ValidationError):
            OAS30Validator(schema).validate({"standards": [{}]})


def test_errors_match_the_document(client: TestClient, document: dict):
    declared = document["paths"]["/nearest"]["get"]["responses"]["400"]["content"]["application/problem+json"]["schema"]
    jsonschema.validate(client.get("/v1/nearest?lon=x").json(), {**declared, "components": document["components"]})


def test_health_answers_ok_and_ready_describes_the_study(client: TestClient):
    assert client.get("/health").json() == {"status": "ok"}
    answer = client.get("/ready")
    assert answer.status_code == 200
    body = answer.json()
    assert (body["status"], body["study"], body["revision"], body["warning"]) == ("ready", "yongkang-sample", 1, None)


def test_ready_warns_that_the_studys_file_has_changed(tmp_path: Path, make_client):
    folder = town.make(tmp_path / "town")
    client = make_client(folder)
    path = folder / "facilities.geojson"
    content = json.loads(path.read_text("utf-8"))
    content["features"].pop()
    path.write_text(json.dumps(content), "utf-8")
    body = client.get("/ready").json()
    assert body["status"] == "ready"
    assert "fuwuquan import" in body["warning"]


def test_pages_load_nothing_from_other_servers(client: TestClient):
    for path in ("/", "/maps/park-500"):
        policy = client.get(path).headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "http" not in policy
