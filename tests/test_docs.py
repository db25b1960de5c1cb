"""What can be used is documented: a command, setting, endpoint or module without a word fails here."""

from pathlib import Path

import pytest

from service.api import router
from service.cli import app
from service.settings import Settings

ROOT = Path(__file__).parent.parent


def read(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


@pytest.mark.parametrize("field", sorted(Settings.model_fields))
def test_every_setting_is_explained(field: str) -> None:
    assert f"| `FUWUQUAN_{field.upper()}` |" in read("docs/operation.md")


def test_every_command_is_named() -> None:
    names = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    assert len(names) >= 6
    assert not [
        name for name in names if f"`{name}`" not in read("README.md") and f"fuwuquan {name}" not in read("README.md")
    ]


def test_every_endpoint_is_named() -> None:
    paths = {route.path for route in router.routes if hasattr(route, "path")}
    assert len(paths) >= 5
    readme = read("README.md")
    assert not [path for path in paths if path.removesuffix("/{facility_id:path}") not in readme]


@pytest.mark.parametrize("package", ["geo", "maps", "service"])
def test_every_module_is_on_the_map_of_the_house(package: str) -> None:
    page = read("CONTRIBUTING.md")
    modules = [path.name for path in (ROOT / package).glob("*.py") if path.name != "__init__.py"]
    assert modules
    assert not [name for name in modules if name not in page]
