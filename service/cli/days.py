"""The commands about time: coverage by the hour of the week, what changed between two days, and the plan's progress."""

import io
from datetime import date
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
    read_day,
    write,
)

app = typer.Typer()
MAX_CHANGES = 10_000


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

    format = chosen_format(format, output)
    if format is Format.xlsx:
        check_takes_spreadsheet(output)
    answers = open_answers(study)
    state = answers.states.current()
    if format is Format.json:
        answer = hour_answers.answer(answers, state, standard, "wgs84", on)
        write(orjson.dumps(answer, option=orjson.OPT_INDENT_2) + b"\n", output)
        return
    coverage, by_week = hour_answers.measure(answers, state, standard, on)
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


@app.command()
def changes(
    first: Annotated[
        date | None, typer.Option("--from", parser=read_day, metavar="DAY", help="changes after this day; default all")
    ] = None,
    last: Annotated[
        date | None,
        typer.Option("--to", parser=read_day, metavar="DAY", help="changes until its end; default today"),
    ] = None,
    facilities: Annotated[
        bool, typer.Option("--facilities", help="csv and xlsx list what opened and closed, not the standards")
    ] = False,
    coordinates: CoordinatesOption = "wgs84",
    format: FormatOption = None,
    output: OutputOption = None,
    study: StudyOption = None,
) -> None:
    """What opened, closed and was edited between two days, and what that did to the standards."""
    from service.answers import changes as change_answers
    from service.cli import change_tables, terminal_tables

    format = chosen_format(format, output)
    if format is Format.xlsx:
        check_takes_spreadsheet(output)
    answers = open_answers(study)
    state, days = answers.states.current(), (first, last)
    if format is Format.json:
        answer = change_answers.answer(answers, state, *days, MAX_CHANGES, coordinates, names_editors=True)
        write(orjson.dumps(answer, option=orjson.OPT_INDENT_2) + b"\n", output)
        return
    result = change_answers.between(answers, state, *days, MAX_CHANGES)
    if format is Format.table:
        text = io.StringIO()
        console = terminal_tables.console(text if output else None)
        change_tables.print_changes(console, result, answers.study.categories)
        if output is not None:
            write(text.getvalue().encode(), output)
        return
    write((change_tables.as_csv if format is Format.csv else change_tables.as_xlsx)(result, facilities), output)
    for remark in result.notes:
        note(remark)


@app.command()
def progress(
    on: OnOption = None,
    format: FormatOption = None,
    output: OutputOption = None,
    study: StudyOption = None,
) -> None:
    """How far the targets of the plan are met, month by month."""
    from service.answers import progress as progress_answers
    from service.cli import progress_tables, terminal_tables

    format = chosen_format(format, output)
    if format is Format.xlsx:
        check_takes_spreadsheet(output)
    answers = open_answers(study)
    state = answers.states.current()
    if format is Format.json:
        answer = progress_answers.answer(answers, state, "wgs84", on)
        write(orjson.dumps(answer, option=orjson.OPT_INDENT_2) + b"\n", output)
        return
    entries = progress_answers.measure(answers, state, on)
    if format is Format.table:
        text = io.StringIO()
        progress_tables.print_progress(terminal_tables.console(text if output else None), entries)
        if output is not None:
            write(text.getvalue().encode(), output)
        return
    write((progress_tables.as_csv if format is Format.csv else progress_tables.as_xlsx)(entries), output)
    for remark in dict.fromkeys(remark for entry in entries for remark in entry.notes):
        note(remark)
