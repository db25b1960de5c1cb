"""The words for a standard's limit."""

from dataclasses import replace
from pathlib import Path

import pytest

from maps import labels
from service.answers.engine import Answers
from service.settings import Settings
from support import town


def test_each_measure_has_words_for_its_limit_and_an_unknown_measure_is_refused(tmp_path: Path) -> None:
    answers = Answers(Settings(study=town.make(tmp_path / "town")))
    by_measure = {coverage.measure: coverage for coverage in answers.all_coverage()}
    assert set(by_measure) == {"travel_time", "radius", "presence", "opened"}
    assert len({labels.limit(coverage) for coverage in by_measure.values()}) == 4
    assert labels.limit(by_measure["presence"]) == "有或无 has one or not"
    with pytest.raises(ValueError, match="'catchment'"):
        labels.limit(replace(by_measure["presence"], measure="catchment"))
