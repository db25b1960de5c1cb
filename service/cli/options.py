"""Options, settings, notes and output that the commands of the command line share.

Answers go to standard output and notes to standard error. What computes is imported inside functions, because
importing it takes seconds and ``--help`` must not wait for it.
"""

import getpass
import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from geo.choices import Coordinates
from geo.errors import FuwuquanError

if TYPE_CHECKING:
    from rich.progress import TaskID

    from service.answers.engine import Answers
    from service.register.register import Register
    from service.settings import Settings

stderr_console = Console(stderr=True, highlight=False)


class Format(StrEnum):
    """The format that an answer is written in."""

    table = "table"
    json = "json"
    csv = "csv"
    xlsx = "xlsx"


FormatOption = Annotated[
    Format | None, typer.Option(help="default: the ending of the output file if it names a format, else table")
]
OutputOption = Annotated[Path | None, typer.Option("--output", "-o", help="file; default standard output")]
StudyOption = Annotated[Path | None, typer.Option("--study", help="study folder; default ./data")]
CoordinatesOption = Annotated[
    Coordinates, typer.Option(help="coordinate system of the places in the question and in the answer")
]


def read_day(text: str) -> date:
    """The day that an option names; typer.BadParameter if there is no such day."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no day; write it as 2020-12-31") from error


OnOption = Annotated[
    date | None,
    typer.Option("--on", parser=read_day, metavar="DAY", help="the day that the answer holds for; default today"),
]


def check_finite(value: float | None) -> float | None:
    """Refuse NaN and infinity as the value of a number option: NaN would pass typer's check of the bounds."""
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter("is no number")
    return value


def chosen_format(format: Format | None, output: Path | None) -> Format:
    """The format that the user names, else that of the output file's ending, else a table."""
    ending = output.suffix.lower().removeprefix(".") if output else ""
    if format is None and ending == "geojson":
        return Format.json
    if format is None and ending not in ("", "txt", *Format):
        raise FuwuquanError(
            f"{output}: the ending names no format that can be written; take .csv, .xlsx, .json, .geojson or .txt, or "
            "give --format"
        )
    return format or (Format(ending) if ending in list(Format) else Format.table)


def check_takes_spreadsheet(output: Path | None) -> None:
    """FuwuquanError if a workbook would be written to a terminal."""
    if output is None and sys.stdout.isatty():
        raise FuwuquanError("a spreadsheet does not go to a terminal: give --output FILE.xlsx")


def load_settings(study: Path | None, **options: str | int | None) -> "Settings":
    """Read the settings from the environment, overridden by those options that are not None.

    Raises
    ------
    FuwuquanError
        A setting has a bad value; the message names the setting and its environment variable.
    """
    from pydantic import ValidationError

    from service.settings import Settings

    overrides: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    if study is not None:
        overrides["study"] = study
    try:
        return Settings(**overrides)
    except ValidationError as error:
        problem = error.errors()[0]
        name = "_".join(str(part) for part in problem["loc"])
        raise FuwuquanError(f"setting {name} (FUWUQUAN_{name.upper()}): {problem['msg']}") from error


def note(text: str, style: str | None = None) -> None:
    """Write one line to standard error."""
    stderr_console.print(text, markup=False, soft_wrap=True, style=style)


def open_answers(study: Path | None) -> "Answers":
    """Open a study and its register to answer questions; warnings about them go to standard error."""
    from service.answers.engine import Answers

    answers = Answers(load_settings(study))
    _print_warnings(answers.register)
    if answers.study.streets is None:
        note("无街道数据，时间按直线估算 no streets here: times are straight-line", "yellow")
    return answers


def open_register(study: Path | None) -> "Register":
    """Open the register of a study; warnings about it go to standard error."""
    from geo.study import study as studies
    from service.register.register import Register

    settings = load_settings(study)
    register = Register(studies.read(settings.study), settings.register_url)
    _print_warnings(register)
    return register


def _print_warnings(register: "Register") -> None:
    for text in (register.warning, register.study.settings.notice_en):
        if text:
            note(text, "yellow")


def user_name() -> str:
    """The name of the system's user, who changes the register by the command line."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        return "command line"


def write(content: bytes, output: Path | None) -> None:
    """Write ``content`` to a file and name the file on standard error; without a file, write to standard output."""
    if output is None:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    try:
        output.write_bytes(content)
    except OSError as error:
        raise FuwuquanError(f"{output}: cannot be written: {error.strerror}") from error
    note(f"{output}")


@contextmanager
def progress(transient: bool = False) -> Iterator[Callable[[str, int], None]]:
    """Show one progress bar a step on standard error.

    Yields a function that takes the name of a step and how many units of work it has done since the last call.
    ``transient`` bars disappear at the end, and are not shown at all where standard error is not a terminal.
    """
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f}"),
        TimeElapsedColumn(),
    )
    tasks: dict[str, TaskID] = {}
    disabled = transient and not stderr_console.is_terminal
    with Progress(*columns, console=stderr_console, transient=transient, disable=disabled) as bars:

        def advance(step: str, count: int) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(step, total=None)
            bars.advance(tasks[step], count)

        yield advance
