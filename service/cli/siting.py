"""The command for siting: where new facilities of a standard should be built."""

import io
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from geo.errors import InputError
from service.cli.options import (
    CoordinatesOption,
    Format,
    FormatOption,
    OutputOption,
    StudyOption,
    check_finite,
    check_takes_spreadsheet,
    chosen_format,
    note,
    open_answers,
    stderr_console,
    write,
)

if TYPE_CHECKING:
    from geo.measures.siting.document import SitesRequest

app = typer.Typer()
_DEFAULT_SECONDS = 30.0


@app.command()
def sites(
    standard: Annotated[str | None, typer.Argument(help="id of a standard of travel time or radius")] = None,
    objective: Annotated[
        str | None, typer.Option(help="most_people (default), fewest_sites or least_time", show_default=False)
    ] = None,
    count: Annotated[int | None, typer.Option(help="how many sites at most, fixed ones included", min=1)] = None,
    share: Annotated[
        float | None, typer.Option(help="of fewest_sites: the share to be inside", callback=check_finite)
    ] = None,
    request: Annotated[
        Path | None,
        typer.Option(help="JSON file of the whole question: candidates, fixed, forbidden, costs, budget, weights, …"),
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(help="how long to search at most; default 30", callback=check_finite)
    ] = None,
    coordinates: CoordinatesOption = "wgs84",
    format: FormatOption = None,
    output: OutputOption = None,
    study: StudyOption = None,
) -> None:
    """Where new facilities should be built, and how good that is at most. Ctrl-C ends with the best so far."""
    from service.answers import sites as site_answers
    from service.cli import site_tables, terminal_tables

    format = chosen_format(format, output)
    if format is Format.xlsx:
        check_takes_spreadsheet(output)
    if standard is None and request is None:
        raise InputError("name a standard, such as: fuwuquan sites health-15 --count 5; `fuwuquan coverage` lists them")
    document = _read_request(
        request,
        {"standard": standard, "objective": objective, "count": count, "share": share, "seconds": seconds},
    )
    answers = open_answers(study)
    effort = site_answers.long_effort(document.seconds)
    with _interruptible() as stop:
        siting = site_answers.choose(
            answers, answers.states.current(), document, coordinates, effort, _show_progress, stop.is_set
        )
    match format:
        case Format.table:
            text = io.StringIO()
            site_tables.print_siting(terminal_tables.console(text if output else None), siting, document)
            if output is not None:
                write(text.getvalue().encode(), output)
        case Format.json if output is not None and output.suffix.lower() == ".geojson":
            write(orjson.dumps(site_answers.as_collection(siting, coordinates)) + b"\n", output)
        case Format.json:
            answer = site_answers.as_json(answers, siting, document, coordinates)
            write(orjson.dumps(answer, option=orjson.OPT_INDENT_2) + b"\n", output)
        case Format.csv:
            write(site_tables.as_csv(siting, coordinates), output)
        case Format.xlsx:
            write(site_tables.as_xlsx(siting, coordinates), output)
    if format is not Format.table:
        for remark in siting.notes:
            note(remark)


def _read_request(file: Path | None, options: dict[str, Any]) -> "SitesRequest":
    """The question in a file, with the options of the command line in place of its members.

    Raises
    ------
    InputError
        The file cannot be read, or the question is wrong; the message names the member.
    """
    from pydantic import ValidationError

    from geo.measures.siting.document import SitesRequest

    members: object = {}
    try:
        if file is not None:
            members = orjson.loads(file.read_bytes())
    except OSError as error:
        raise InputError(f"{file}: cannot be read: {error.strerror}") from error
    except orjson.JSONDecodeError as error:
        raise InputError(f"{file}: is not JSON: {error}") from error
    if not isinstance(members, dict):
        raise InputError(f"{file}: is no JSON object")
    members |= {name: value for name, value in options.items() if value is not None}
    try:
        return SitesRequest.model_validate(members)
    except ValidationError as error:
        problems = [
            ": ".join(filter(None, [".".join(map(str, problem["loc"])), problem["msg"].removeprefix("Value error, ")]))
            for problem in error.errors()[:5]
        ]
        raise InputError(f"{f'{file}: ' if file else ''}{'; '.join(problems)}") from error


def _show_progress(value: float, bound: float) -> None:
    gap = abs(value - bound) / max(abs(bound), 1e-12)
    text = f"现得 {value:,.2f}  界 {bound:,.2f}  差距 {gap:.2%}   value, bound, gap"
    stderr_console.print(text, markup=False, style="dim", end="\r" if stderr_console.is_terminal else "\n")


@contextmanager
def _interruptible() -> Iterator[threading.Event]:
    """An event that the first Ctrl-C sets; the second ends the program as usual."""
    stop = threading.Event()

    def interrupted(number: int, frame: FrameType | None) -> None:
        stop.set()
        note("结束搜索，给出现有最好结果 ending the search with the best so far (Ctrl-C again: at once)")
        signal.signal(signal.SIGINT, signal.default_int_handler)

    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = signal.signal(signal.SIGINT, interrupted)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)
