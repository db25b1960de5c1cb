"""Describing collections does not compute the features of gaps, values and fragility."""

from pathlib import Path

import pytest

from geo.measures import fragility, site_value
from service.answers.engine import Answers
from support import town


def refuse(*arguments: object, **options: object) -> None:
    raise AssertionError("computed for a description")


@pytest.mark.parametrize("path", ["/v1/collections", "/openapi.json"])
def test_descriptions_compute_no_features(
    path: str, tmp_path: Path, make_client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fragility, "measure", refuse)
    monkeypatch.setattr(site_value, "measure", refuse)
    monkeypatch.setattr(Answers, "gaps", refuse)
    assert make_client(town.make(tmp_path / "town")).get(path).status_code == 200
