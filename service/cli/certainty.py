"""The commands about how far people are from a facility, and about how sure the result of a standard is."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import orjson
import typer

from service.cli.options import (
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

app = typer.Typer()
StandardArgument = Annotated[str, typer.Argument(help="id of a standard")]


@app.command()
def distribution(
    standard: StandardArgument,
    format: FormatOption = None,
    output: OutputOption = None,
    study: StudyOption = None,
) -> None:
    """How many people are how far from a facility, by group and area, and how equally."""
    from service.answers import certainty
    from service.cli import certainty_tables as tables

    format, answers = chosen_format(format, output), open_answers(study)
    state = answers.states.current()
    result = answers.distribution(state, standard)
    match format:
        case Format.table:
            content = tables.distribution_table(*result, to_file=output is not None)
        case Format.json:
            content = _json(certainty.distribution(answers, state, standard, "wgs84"))
        case Format.csv:
            content = tables.distribution_csv(*result)
        case Format.xlsx:
            check_takes_spreadsheet(output)
            content = tables.distribution_xlsx(*result)
    _write(content, format, output, [*result[0].notes, *result[1].notes])


@app.command()
def sensitivity(
    standard: StandardArgument,
    format: FormatOption = None,
    output: OutputOption = None,
    study: StudyOption = None,
) -> None:
    """How sure a result is: at other speeds, by other modes, straight, and what the unknowns could change."""
    from service.answers import certainty
    from service.cli import certainty_tables as tables

    format, answers = chosen_format(format, output), open_answers(study)
    state = answers.states.current()
    result = answers.sensitivity(state, standard)
    match format:
        case Format.table:
            content = tables.sensitivity_table(*result, to_file=output is not None)
        case Format.json:
            content = _json(certainty.sensitivity(answers, state, standard, "wgs84"))
        case Format.csv:
            content = tables.sensitivity_csv(*result)
        case Format.xlsx:
            check_takes_spreadsheet(output)
            content = tables.sensitivity_xlsx(*result)
    _write(content, format, output, result[1].notes)


def _json(answer: object) -> bytes:
    return orjson.dumps(answer, option=orjson.OPT_INDENT_2) + b"\n"


def _write(content: bytes, format: Format, output: Path | None, notes: Iterable[str]) -> None:
    """Write an answer; tables have the notes in them already."""
    write(content, output)
    if format is not Format.table:
        for remark in notes:
            note(remark)
