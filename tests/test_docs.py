"""The documentation is complete: commands, settings, endpoints and folders are in it, and the files it names exist."""

import re
from pathlib import Path

import pytest

from service.api.routes import certainty, days, facilities, files, sites, travel
from service.cli.main import app
from service.settings import Settings

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("README*.md"), ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/*.md")])
PACKAGES = ("geo", "maps", "service")
TOP_FOLDERS = (*PACKAGES, "benchmarks", "data", "docs", "examples", "tests", ".ci")
WRITTEN_WHEN_RUN = ("data/register.sqlite", "data/.prepared")
"""What the program writes into the sample's folder: the repository does not have it."""


def read(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def folders() -> list[str]:
    """Return the paths of all folders of the program that hold modules."""
    paths = {path.parent.relative_to(ROOT) for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
    return sorted(path.as_posix() for path in paths if path.name != "versions")


@pytest.mark.parametrize("field", sorted(Settings.model_fields))
def test_every_setting_is_explained(field: str) -> None:
    assert f"| `FUWUQUAN_{field.upper()}` |" in read("docs/operation.md")


def test_every_command_is_in_the_readme() -> None:
    groups = [app, *(group.typer_instance for group in app.registered_groups)]
    commands = [command for group in groups for command in group.registered_commands]
    names = {command.name or command.callback.__name__ for command in commands if command.callback}
    assert len(names) >= 10
    page = read("README.md")
    assert not [name for name in names if f"`{name}`" not in page and f"fuwuquan {name}" not in page]


def test_every_endpoint_is_documented() -> None:
    modules = (travel, facilities, files, sites, days, certainty)
    paths = {route.path for module in modules for route in module.router.routes if hasattr(route, "path")}
    assert len(paths) >= 12
    pages = read("README.md") + read("docs/register.md") + read("docs/api.md")
    item, short = "/v1/collections/facilities/items/{feature_id:facility_id}", "…/items/{id}"
    assert not [path for path in paths if path.replace(item, short) not in pages]


@pytest.mark.parametrize("folder", folders())
def test_every_folder_is_in_the_tree_of_contributing(folder: str) -> None:
    """The tree in CONTRIBUTING.md has a line for it: its name or its path, a slash, and what the folder owns."""
    name = Path(folder).name
    assert re.search(rf"(?m)^[^\w\n]*(?:[\w/]+/)?{name}/[^\w\n]+\w", read("CONTRIBUTING.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_path_in_a_page_exists(page: Path) -> None:
    text = page.read_text("utf-8")
    links = [
        link for link in re.findall(r"\]\(([^)#\s]+)", text) if "://" not in link and not link.startswith("mailto:")
    ]
    tops = "|".join(map(re.escape, TOP_FOLDERS))
    named = re.findall(rf"(?<![\w./~…-])((?:{tops})/[\w./*-]*[\w*])", text)
    missing = {link for link in links if not (page.parent / link).exists()}
    missing |= {path for path in named if not any(ROOT.glob(path))}
    assert not {path for path in missing if not path.startswith(WRITTEN_WHEN_RUN)}


def test_no_module_is_longer_than_400_lines() -> None:
    """A module that grows longer owns a second thing, which belongs in a module of its own."""
    lengths = {
        path.relative_to(ROOT).as_posix(): len(path.read_text("utf-8").splitlines())
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
    }
    assert len(lengths) > 50
    assert not {path: length for path, length in lengths.items() if length > 400}
