"""The commands for planning by numbers: the gaps of a standard, and scenarios."""

import io
from pathlib import Path
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
    day_of,
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
    coverage, gaps = answers.gaps(state, standard, day_of(on))
    match format:
        case Format.table:
            text = io.StringIO()
            gap_tables.print_gaps(terminal_tables.console(text if output else None), coverage, gaps, limit)
            if output is not None:
                write(text.getvalue().encode(), output)
        case Format.json:
            answer = gap_answers.as_geojson(answers, state, standard, coordinates, limit, day_of(on))
            write(orjson.dumps(answer, option=orjson.OPT_INDENT_2) + b"\n", output)
        case Format.csv:
            write(gap_tables.as_csv(gaps, limit), output)
        case Format.xlsx:
            check_takes_spreadsheet(output)
            write(gap_tables.as_xlsx(gaps, limit), output)
    if format is not Format.table:
        for remark in coverage.notes:
            note(remark)


@app.command()
def scenario(
    file: Annotated[Path, typer.Argument(help="JSON file of the changes, as docs/planning.md describes it")],
    gaps: Annotated[int, typer.Option(help="how many of the gaps that remain JSON describes; 0: none", min=0)] = 10,
    coordinates: CoordinatesOption = "wgs84",
    format: FormatOption = None,
    output: OutputOption = None,
    study: StudyOption = None,
) -> None:
    """What adding, moving, closing or changing facilities does to the standards, compared with today."""
    from geo.measures import scenario_document
    from service.answers import scenarios as scenario_answers
    from service.cli import scenario_tables, terminal_tables

    format = chosen_format(format, output)
    if format is Format.xlsx:
        check_takes_spreadsheet(output)
    document = scenario_document.read(file)
    answers = open_answers(study)
    state = answers.states.current()
    if format is Format.json:
        answer = scenario_answers.answer(answers, state, document, coordinates, gaps)
        write(orjson.dumps(answer, option=orjson.OPT_INDENT_2) + b"\n", output)
        return
    most_gaps = 1 if format is Format.table else 0  # a table says how many there are
    comparisons = scenario_answers.compare(answers, state, document, coordinates, most_gaps)
    if format is Format.table:
        text = io.StringIO()
        scenario_tables.print_comparisons(terminal_tables.console(text if output else None), comparisons)
        if output is not None:
            write(text.getvalue().encode(), output)
        return
    write((scenario_tables.as_csv if format is Format.csv else scenario_tables.as_xlsx)(comparisons), output)
    for remark in dict.fromkeys(remark for result in comparisons for remark in result.after.notes):
        note(remark)
