"""The commands about time: coverage by the hour of the week, what changed between two days, and the plan's progress."""

import io
from typing import Annotated

import orjson
import typer

from service.cli.options import (
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
def hours(
    standard: Annotated[str, typer.Argument(help="id of a standard of travel time or radius")],
    on: OnOption = None,
    format: FormatOption = None,
    output: OutputOption = None,
    study: StudyOption = None,
) -> None:
    """Which share of people has an open facility within the limit, at each hour of a usual week."""
    from service.answers import hours as hour_answers
    from service.cli import hours_tables, terminal_tables

    format, day = chosen_format(format, output), day_of(on)
    if format is Format.xlsx:
        check_takes_spreadsheet(output)
    answers = open_answers(study)
    state = answers.states.current()
    if format is Format.json:
        answer = hour_answers.answer(answers, state, standard, "wgs84", day)
        write(orjson.dumps(answer, option=orjson.OPT_INDENT_2) + b"\n", output)
        return
    coverage, by_week = hour_answers.measure(answers, state, standard, day)
    notes = [*by_week.notes, *coverage.notes]
    if format is Format.table:
        text = io.StringIO()
        hours_tables.print_hours(terminal_tables.console(text if output else None), coverage, by_week, notes)
        if output is not None:
            write(text.getvalue().encode(), output)
        return
    write((hours_tables.as_csv if format is Format.csv else hours_tables.as_xlsx)(by_week), output)
    for remark in notes:
        note(remark)
