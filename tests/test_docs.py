"""What can be used is documented: a command, setting, endpoint or module without a word fails here."""

from pathlib import Path

import pytest

from service.api.routes import facilities, files, travel
from service.cli.main import app
from service.settings import Settings

ROOT = Path(__file__).parent.parent


def read(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


@pytest.mark.parametrize("field", sorted(Settings.model_fields))
def test_every_setting_is_explained(field: str) -> None:
    assert f"| `FUWUQUAN_{field.upper()}` |" in read("docs/operation.md")


def test_every_command_is_named() -> None:
    apps = [app, *(group.typer_instance for group in app.registered_groups)]
    commands = [command for one in apps for command in one.registered_commands]
    names = {command.name or command.callback.__name__ for command in commands if command.callback}
    assert len(names) >= 10
    assert not [
        name for name in names if f"`{name}`" not in read("README.md") and f"fuwuquan {name}" not in read("README.md")
    ]


def test_every_endpoint_is_named() -> None:
    paths = {route.path for one in (travel, facilities, files) for route in one.router.routes if hasattr(route, "path")}
    assert len(paths) >= 12
    pages = read("README.md") + read("docs/register.md") + read("docs/api.md")
    told = {
        path: path.replace("/v1/collections/facilities/items/{feature_id:facility_id}", "…/items/{id}")
        for path in paths
    }
    assert not [path for path, text in told.items() if text not in pages]


@pytest.mark.parametrize("package", ["geo", "maps", "service"])
def test_every_module_is_on_the_map_of_the_house(package: str) -> None:
    page = read("CONTRIBUTING.md")
    modules = [path.name for path in (ROOT / package).glob("*.py") if path.name != "__init__.py"]
    assert modules
    assert not [name for name in modules if name not in page]
