"""The command `fuwuquan scenario`: scenarios from files and saved ones, one of them or several side by side."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import orjson
import typer

from geo.errors import FuwuquanError
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
    user_name,
    write,
)

if TYPE_CHECKING:
    from rich.console import Console

    from service.answers.engine import Answers
    from service.answers.saved_scenarios import NamedScenario

app = typer.Typer()
INDENT = orjson.OPT_INDENT_2


@app.command()
def scenario(
    scenarios: Annotated[
        list[str] | None,
        typer.Argument(help="JSON files of changes, as docs/planning.md describes them, or ids of saved scenarios"),
    ] = None,
    gaps: Annotated[int, typer.Option(help="how many of the gaps that remain JSON describes; 0: none", min=0)] = 10,
    save: Annotated[str | None, typer.Option(metavar="ID", help="save the file's scenario under this id")] = None,
    remove: Annotated[str | None, typer.Option(metavar="ID", help="remove a saved scenario")] = None,
    list_saved: Annotated[bool, typer.Option("--list", help="list the saved scenarios")] = False,
    coordinates: CoordinatesOption = "wgs84",
    format: FormatOption = None,
    output: OutputOption = None,
    study: StudyOption = None,
) -> None:
    """What adding, moving, closing or changing facilities does to the standards; several scenarios side by side."""
    from service.answers import saved_scenarios as saved_answers
    from service.register import saved_scenarios

    format = chosen_format(format, output)
    if format is Format.xlsx:
        check_takes_spreadsheet(output)
    sources = scenarios or []
    if bool(sources) + (remove is not None) + list_saved != 1:
        raise FuwuquanError("give scenarios (files or ids), or --list, or --remove ID")
    if save is not None and len(sources) != 1:
        raise FuwuquanError("--save ID saves one file: give it")
    answers = open_answers(study)
    if list_saved:
        _write_list(answers, format, output)
    elif remove is not None:
        saved_scenarios.remove(answers.register.database, remove)
        note(f"{remove} 已删除 removed")
    else:
        named = [_read(answers, source, coordinates) for source in sources]
        if save is not None:
            state = answers.states.current()
            _, is_new = saved_answers.save(answers, state, save, named[0].scenario, named[0].coordinates, user_name())
            note(f"{save} 已保存 saved" if is_new else f"{save} 早已保存 was saved before")
        if len(named) == 1:
            _write_answer(answers, named[0], gaps, coordinates, format, output)
        else:
            _write_comparison(answers, named, coordinates, format, output)


def _read(answers: "Answers", source: str, coordinates: str) -> "NamedScenario":
    """The scenario in a file, or the saved one with that id."""
    from geo.measures import scenario_document
    from service.answers import saved_scenarios as saved_answers
    from service.register import saved_scenarios

    path = Path(source)
    if path.exists() or path.suffix or saved_scenarios.is_no_id(source):
        return saved_answers.NamedScenario(path.stem, scenario_document.read(path), coordinates)
    return saved_answers.opened(answers, source)


def _write_list(answers: "Answers", format: Format, output: Path | None) -> None:
    from geo.lists import spreadsheets
    from service.answers import saved_scenarios as saved_answers
    from service.cli import terminal_tables
    from service.register import saved_scenarios

    records, _ = saved_scenarios.page(answers.register.database, saved_scenarios.MAX_SAVED)
    state = answers.states.current()
    named = [saved_answers.of_record(record) for record in records]
    if format is Format.json:
        listed = [saved_answers.members(each, state) for each in named]
        write(orjson.dumps({"scenarios": listed}, option=INDENT) + b"\n", output)
        return
    headings = ("代码 id", "名称 name", "保存 saved", "何人 who", "此后变动 changed since")
    rows = [
        [
            each.label,
            each.scenario.name or "",
            record.saved.isoformat(timespec="seconds"),
            record.who,
            ", ".join(saved_answers.changed_since(each, state)),
        ]
        for each, record in zip(named, records, strict=True)
    ]
    if format is Format.table:
        _write_table(output, lambda console: console.print(terminal_tables.table(headings, rows, right=())))
    elif format is Format.csv:
        write(spreadsheets.as_csv(["id", "name", "saved", "who", "changed_since"], rows), output)
    else:
        write(spreadsheets.as_xlsx("方案", list(headings), rows), output)


def _write_answer(
    answers: "Answers", named: "NamedScenario", gaps: int, coordinates: str, format: Format, output: Path | None
) -> None:
    from service.answers import saved_scenarios as saved_answers
    from service.answers import scenarios as scenario_answers
    from service.cli import scenario_tables

    state = answers.states.current()
    if format is Format.json:
        if named.record is not None:
            answer = saved_answers.answer(answers, state, named.label, coordinates, gaps)
        else:
            answer = scenario_answers.answer(answers, state, named.scenario, coordinates, gaps)
        write(orjson.dumps(answer, option=INDENT) + b"\n", output)
        return
    most_gaps = 1 if format is Format.table else 0  # a table says how many there are
    for text in saved_answers.notes(named, state):
        note(text, "yellow")
    comparisons = scenario_answers.compare(answers, state, named.scenario, named.coordinates, most_gaps)
    if format is Format.table:
        _write_table(output, lambda console: scenario_tables.print_comparisons(console, comparisons))
        return
    write((scenario_tables.as_csv if format is Format.csv else scenario_tables.as_xlsx)(comparisons), output)
    for remark in dict.fromkeys(remark for result in comparisons for remark in result.after.notes):
        note(remark)


def _write_comparison(
    answers: "Answers", named: "Sequence[NamedScenario]", coordinates: str, format: Format, output: Path | None
) -> None:
    from service.answers import saved_scenarios as saved_answers
    from service.cli import scenario_tables

    state = answers.states.current()
    if format is Format.json:
        answer = saved_answers.comparison(answers, state, named, coordinates)
        write(orjson.dumps(answer, option=INDENT) + b"\n", output)
        return
    compared = saved_answers.side_by_side(answers, state, named)
    for each in compared:
        for text in saved_answers.notes(each.named, state):
            note(f"{each.named.label}: {text}", "yellow")
        for problem in each.problems:
            note(f"{each.named.label}: {problem['reason']}", "yellow")
    if format is Format.table:
        _write_table(output, lambda console: scenario_tables.print_side_by_side(console, compared))
    elif format is Format.csv:
        write(scenario_tables.side_by_side_csv(compared), output)
    else:
        write(scenario_tables.side_by_side_xlsx(compared), output)


def _write_table(output: Path | None, print_to: "Callable[[Console], None]") -> None:
    """Print a table to standard output, or write it to a file."""
    from service.cli import terminal_tables

    text = io.StringIO()
    print_to(terminal_tables.console(None if output is None else text))
    if output is not None:
        write(text.getvalue().encode(), output)
