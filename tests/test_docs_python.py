"""docs/python.md is true: its examples print what it says, and it names everything that `geo` offers."""

import doctest
import re
import subprocess
import sys
from pathlib import Path

import pytest

import geo

PAGE = Path(__file__).parent.parent / "docs" / "python.md"


def test_examples_print_what_the_page_says(sample_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(sample_folder.rename(sample_folder.with_name("data")).parent)
    text = "\n".join(re.findall(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL))
    examples = doctest.DocTestParser().get_doctest(text, {}, PAGE.name, str(PAGE), 0)
    assert len(examples.examples) > 20
    report: list[str] = []
    doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(examples, out=report.append)
    assert not report, "".join(report)


def test_every_public_name_exists_and_is_on_the_page() -> None:
    text = PAGE.read_text("utf-8")
    for name in geo.__all__:
        assert callable(getattr(geo, name))
        assert f"`geo.{name}" in text
    assert set(geo.__all__) <= set(dir(geo))


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'geo' has no attribute 'nothing'"):
        geo.nothing  # noqa: B018


@pytest.mark.parametrize("module", ["geo", "geo.errors", "geo.choices"])
def test_light_module_imports_no_heavy_library(module: str) -> None:
    heavy = {"numpy", "pandas", "geopandas", "shapely", "numba", "pydantic"}
    code = f"import sys, {module}; print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not heavy & set(result.stdout.split())
