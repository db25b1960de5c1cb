"""What all commands share: options, notes on standard error, answers on standard output."""

import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from geo.choices import Coordinates
from geo.errors import FuwuquanError
from service.settings import Settings

notes = Console(stderr=True, highlight=False)


class Format(StrEnum):
    """How an answer is written."""

    table = "table"
    json = "json"
    csv = "csv"
    xlsx = "xlsx"


StudyOption = Annotated[Path | None, typer.Option("--study", help="study folder; default ./data")]
CoordinatesOption = Annotated[
    Coordinates, typer.Option(help="coordinate system of the places in the question and in the answer")
]


def finite(value: float | None) -> float | None:
    """The number of an option; what is none, and so within any bounds, is refused."""
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter("is no number")
    return value


def settings_of(study: Path | None, **more: Any) -> Settings:
    """Settings from the environment and the command line; FuwuquanError names the one that is wrong."""
    given = {key: value for key, value in {"study": study, **more}.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        problem = error.errors()[0]
        name = "_".join(str(part) for part in problem["loc"])
        raise FuwuquanError(f"setting {name} (FUWUQUAN_{name.upper()}): {problem['msg']}") from error


def note(text: str, style: str | None = None) -> None:
    """A line on standard error."""
    notes.print(text, markup=False, soft_wrap=True, style=style)


def answers_of(study: Path | None) -> Any:
    """What answers questions about a study; what is to be known of it is noted."""
    from service.answers.engine import Answers  # what computes is slow to import; --help need not wait for it

    answers = Answers(settings_of(study))
    straight = (
        "无街道数据，时间按直线估算 no streets here: times are straight-line" if answers.study.streets is None else None
    )
    _note_about(answers.register, straight)
    return answers


def _note_about(register: Any, *more: str | None) -> None:
    for text in filter(None, (register.warning, register.study.settings.notice_en, *more)):
        note(text, "yellow")


def register_of(study: Path | None) -> Any:
    """A study's register; what is to be known of it is noted."""
    from geo.study import study as studies
    from service.register.register import Register

    settings = settings_of(study)
    register = Register(studies.read(settings.study), settings.register_url)
    _note_about(register)
    return register


def write(content: bytes, output: Path | None) -> None:
    """Write an answer into a file, or to standard output."""
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
    """Bars on standard error, one a step; what is given takes a step and by how much it has come on.

    ``transient`` ones vanish at the end.
    """
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f}"),
        TimeElapsedColumn(),
    )
    tasks: dict[str, Any] = {}
    quiet = transient and not notes.is_terminal  # what is to vanish is not written where it cannot
    with Progress(*columns, console=notes, transient=transient, disable=quiet) as bars:

        def advance(step: str, count: int) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(step, total=None)
            bars.advance(tasks[step], count)

        yield advance
