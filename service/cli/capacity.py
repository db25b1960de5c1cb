"""The command for capacity: who is served by the facilities of a standard, and how full these are."""

import io
from enum import StrEnum
from typing import Annotated

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

app = typer.Typer()


class By(StrEnum):
    """What the rows of a CSV or a workbook are."""

    area = "area"
    facility = "facility"
    place = "place"


class Assume(StrEnum):
    """What counts as the capacity of a facility that states none."""

    none = "none"
    median = "median"


@app.command()
def capacity(
    standard: Annotated[str, typer.Argument(help="id of a standard of travel time or radius")],
    assume: Annotated[
        Assume, typer.Option(help="what counts where a facility states no capacity: nothing, or its subtype's median")
    ] = Assume.none,
    weights: Annotated[
        str | None,
        typer.Option(help="of zones of equal width up to the limit; default: the standard's, else 1,0.68,0.22"),
    ] = None,
    by: Annotated[By, typer.Option(help="the rows of a csv or xlsx")] = By.area,
    coordinates: CoordinatesOption = "wgs84",
    format: FormatOption = None,
    output: OutputOption = None,
    study: StudyOption = None,
) -> None:
    """Who is served by the facilities of a standard, who is in reach of full ones only, and how full each is."""
    from geo.measures.capacity import parse_weights
    from service.answers import capacity as capacity_answers
    from service.cli import capacity_tables, terminal_tables

    format = chosen_format(format, output)
    if format is Format.xlsx:
        check_takes_spreadsheet(output)
    zone_weights = None if weights is None else parse_weights(weights)
    answers = open_answers(study)
    state = answers.states.current()
    if format is Format.json:
        answer = capacity_answers.answer(
            answers, state, standard, coordinates, assume.value, zone_weights, most_pairs=None
        )
        write(orjson.dumps(answer, option=orjson.OPT_INDENT_2) + b"\n", output)
        return
    coverage, result = answers.capacity(state, standard, assume.value, zone_weights, most_pairs=None)
    if format is Format.table:
        text = io.StringIO()
        capacity_tables.print_capacity(terminal_tables.console(text if output else None), coverage, result)
        if output is not None:
            write(text.getvalue().encode(), output)
        return
    table = capacity_tables.table_by(by.value, answers.study, result, coordinates)
    write(table.as_csv() if format is Format.csv else table.as_xlsx(), output)
    for remark in result.notes:
        note(remark)
