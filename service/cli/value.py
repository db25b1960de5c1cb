"""The commands ``fuwuquan value`` and ``fuwuquan fragility``: what new facilities would bring, and closures cost."""

import io
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import orjson
import typer

from service.cli.options import (
    CoordinatesOption,
    Format,
    FormatOption,
    OutputOption,
    StudyOption,
    check_takes_spreadsheet,
    chosen_format,
    note,
    open_answers,
    write,
)

if TYPE_CHECKING:
    from service.answers.engine import Answers
    from service.answers.state import RegisterState
    from service.cli.value_tables import ValueTable

app = typer.Typer()
ROWS = 20
"""How many rows a table in the terminal has, unless the user asks for another number."""

StandardArgument = Annotated[str, typer.Argument(help="id of a standard")]
LimitOption = Annotated[int | None, typer.Option(help=f"how many; default all, {ROWS} in a table", min=1)]


@app.command()
def value(
    standard: StandardArgument,
    limit: LimitOption = None,
    every: Annotated[
        bool, typer.Option("--every", help="value every junction, also where that takes more than some seconds")
    ] = False,
    coordinates: CoordinatesOption = "wgs84",
    format: FormatOption = None,
    output: OutputOption = None,
    study: StudyOption = None,
) -> None:
    """How many people a new facility at each junction would bring inside a standard, the best first."""
    from service.answers import site_value
    from service.answers import value_geojson as value_answers
    from service.cli import value_tables

    answers, state, format = _open(study, format, output)
    coverage, values = site_value.values(answers, state, standard, every)
    notes = [*coverage.notes, *values.notes]
    if format is Format.json:
        answer = value_answers.value_as_geojson(answers, state, standard, coordinates, limit, every=every)
        write(orjson.dumps(answer, option=orjson.OPT_INDENT_2) + b"\n", output)
    else:
        table = value_tables.of_values(coverage, values, coordinates)
        _write_table(table, notes, limit, format, output)
    if format is not Format.table:
        for remark in notes:
            note(remark)


@app.command()
def fragility(
    standard: StandardArgument,
    limit: LimitOption = None,
    coordinates: CoordinatesOption = "wgs84",
    format: FormatOption = None,
    output: OutputOption = None,
    study: StudyOption = None,
) -> None:
    """How many people each facility's closure would put outside a standard, and who would have a longer way."""
    from service.answers import site_value
    from service.answers import value_geojson as value_answers
    from service.cli import value_tables

    answers, state, format = _open(study, format, output)
    coverage, losses = site_value.losses(answers, state, standard)
    if format is Format.json:
        answer = value_answers.fragility_as_geojson(answers, state, standard, coordinates, limit)
        write(orjson.dumps(answer, option=orjson.OPT_INDENT_2) + b"\n", output)
    else:
        table = value_tables.of_fragility(coverage, losses, coordinates)
        _write_table(table, coverage.notes, limit, format, output)
    if format is not Format.table:
        for remark in coverage.notes:
            note(remark)


def _open(study: Path | None, format: Format | None, output: Path | None) -> tuple["Answers", "RegisterState", Format]:
    chosen = chosen_format(format, output)
    if chosen is Format.xlsx:
        check_takes_spreadsheet(output)
    answers = open_answers(study)
    return answers, answers.states.current(), chosen


def _write_table(table: "ValueTable", notes: list[str], limit: int | None, format: Format, output: Path | None) -> None:
    """Write the first ``limit`` rows of a table: to the terminal or as text with the notes, as CSV or as a workbook."""
    from service.cli import terminal_tables

    if format is Format.csv:
        write(table.as_csv(limit), output)
    elif format is Format.xlsx:
        write(table.as_xlsx(limit), output)
    else:
        text = io.StringIO()
        table.print(terminal_tables.console(text if output else None), limit or ROWS, notes)
        if output is not None:
            write(text.getvalue().encode(), output)
