"""The commands for planning by numbers: the gaps of a standard, and scenarios."""

import io
from typing import Annotated

import orjson
import typer

from service.cli.options import (
    CoordinatesOption,
    Format,
    FormatOption,
    OnOption,
    OutputOption,
    StudyOption,
    check_takes_spreadsheet,
    chosen_format,
    note,
    open_answers,
    write,
)

app = typer.Typer()


@app.command()
def gaps(
    standard: Annotated[str, typer.Argument(help="id of a standard")],
    limit: Annotated[
        int | None, typer.Option(help="how many, the worst first; default all, 20 in a table", min=1)
    ] = None,
    on: OnOption = None,
    coordinates: CoordinatesOption = "wgs84",
    format: FormatOption = None,
    output: OutputOption = None,
    study: StudyOption = None,
) -> None:
    """Where people live outside a standard, or which units have no facility, the worst first."""
    from service.answers import gaps as gap_answers
    from service.cli import gap_tables, terminal_tables

    format = chosen_format(format, output)
    answers = open_answers(study)
    if limit is None and format is Format.table:
        limit = 20
    state = answers.states.current()
    coverage, gaps = answers.gaps(state, standard, on)
    match format:
        case Format.table:
            text = io.StringIO()
            gap_tables.print_gaps(terminal_tables.console(text if output else None), coverage, gaps, limit)
            if output is not None:
                write(text.getvalue().encode(), output)
        case Format.json:
            answer = gap_answers.as_geojson(answers, state, standard, coordinates, limit, on)
            write(orjson.dumps(answer, option=orjson.OPT_INDENT_2) + b"\n", output)
        case Format.csv:
            write(gap_tables.as_csv(gaps, limit), output)
        case Format.xlsx:
            check_takes_spreadsheet(output)
            write(gap_tables.as_xlsx(gaps, limit), output)
    if format is not Format.table:
        for remark in coverage.notes:
            note(remark)
