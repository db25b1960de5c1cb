"""The help of each command."""

import pytest

from support import program
from support.program import output_of

COMMANDS = ("serve", "build", "coverage", "nearest", "isochrones", "map", "import", "export", "history", "duplicates")


def test_the_programs_help_lists_every_command():
    help_text = output_of(program.call("--help")).decode()
    assert "Usage:" in help_text
    assert [command for command in (*COMMANDS, "keys") if f" {command} " not in help_text] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_a_commands_help_shows_its_usage_and_options(command: str):
    help_text = output_of(program.call(command, "--help")).decode()
    usage = next(line for line in help_text.splitlines() if "Usage:" in line)
    assert f" {command} " in usage
    assert ("--osm" if command == "build" else "--study") in help_text
