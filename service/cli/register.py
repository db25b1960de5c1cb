"""Commands about the register: importing and exporting lists, duplicates, history and keys."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from geo.choices import Coordinates
from geo.errors import FuwuquanError, InputError
from service.cli.options import (
    CoordinatesOption,
    Format,
    StudyOption,
    note,
    open_answers,
    open_register,
    progress,
    read_day,
    user_name,
    write,
)

if TYPE_CHECKING:
    from service.register.history import FieldChanges
    from service.register.import_report import ImportReport

app = typer.Typer()
keys_app = typer.Typer(help="Keys of those who may edit over the API.", no_args_is_help=True)
app.add_typer(keys_app, name="keys")

MAX_PRINTED_ROWS = 100
MAX_VALUE_LENGTH = 60
"""Characters of a value that a table shows."""

ByOption = Annotated[str | None, typer.Option("--by", help="who does it, for the history; default: the user")]


@app.command("import")
# typer makes an option of each parameter, and knows no way to make several of one dataclass.
def import_lists(  # noqa: PLR0913
    files: Annotated[
        list[Path], typer.Argument(help=".xlsx, .ods, .csv, .geojson, .kml, .gpkg, .shp or zipped, .osm.pbf …")
    ],
    coordinates: Annotated[
        Coordinates | None, typer.Option(help="coordinate system of the lists; default: what they say themselves")
    ] = None,
    crs: Annotated[
        str | None, typer.Option(help="EPSG code of the positions, if they are in metres, such as EPSG:4549")
    ] = None,
    sheet: Annotated[
        list[str] | None,
        typer.Option(help="sheet or layer to read, hidden or not; may be repeated; default: all visible"),
    ] = None,
    category: Annotated[str | None, typer.Option(help="of all rows, where there is no column of it")] = None,
    column: Annotated[
        list[str] | None, typer.Option(help="HEADING=FIELD where a heading is not recognised; may be repeated")
    ] = None,
    verified: Annotated[
        date | None, typer.Option(parser=read_day, metavar="DAY", help="the day when the office checked the whole list")
    ] = None,
    source: Annotated[
        str | None, typer.Option(help="whose ids these are, where an office has its own: put before each of them")
    ] = None,
    update: Annotated[
        bool, typer.Option("--update", help="an id is the register's even if name, place or category is another")
    ] = False,
    leave_out: Annotated[bool, typer.Option("--leave-out", help="import the rest where rows are unusable")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what would change, change nothing")] = False,
    format: Annotated[Format, typer.Option(help="table or json")] = Format.table,
    by: ByOption = None,
    study: StudyOption = None,
) -> None:
    """Import lists of facilities into the register: all rows of all lists, or nothing."""
    from geo.lists.reader import ListOptions
    from geo.sources import facility_lists
    from service.register import imports

    if format not in (Format.table, Format.json):
        raise FuwuquanError("a report is written as table or json")
    columns = dict(_heading_and_field(option) for option in column or ())
    register, who = open_register(study), by or user_name()
    options = imports.ImportOptions(
        dry_run=dry_run, leave_out=leave_out, verified=verified, source=source, update=update
    )
    lists, errors = [], {}
    with progress(transient=True) as advance:
        for file in files:
            read_options = ListOptions(
                within=register.study.territory,
                coordinates=coordinates or ("wgs84" if register.is_source(file) else None),
                crs=crs,
                sheets=tuple(sheet or ()),
                columns=columns,
                category=category,
                categories=register.study.categories,
            )
            try:
                listed = facility_lists.read(file, read_options, lambda rows: advance("读取 read", rows))
                # An upload over HTTP has a mere name; only an absolute path can be that of the study's own file.
                lists.append(replace(listed, file=file.absolute()))
            except InputError as error:
                errors[file] = str(error)
        options = replace(options, dry_run=dry_run or bool(errors))
        reports = imports.apply_lists(register, lists, who, options, lambda rows: advance("比较 compare", rows))
    for report in reports:
        _print_summary(report)
        if format is Format.table:
            _print_rows(report)
    if format is Format.json:
        documents = iter([report.as_json() for report in reports])
        unread = {file: {"file": file.name, "applied": False, "error": error} for file, error in errors.items()}
        content = [unread[file] if file in unread else next(documents) for file in files]
        write(orjson.dumps(content, option=orjson.OPT_INDENT_2) + b"\n", None)
    if errors:
        others = "; nothing of the other files was imported" if len(files) > 1 and not dry_run else ""
        raise FuwuquanError("; ".join(errors.values()) + others)
    if not dry_run and not leave_out:
        _check_all_usable(reports)


def _check_all_usable(reports: list["ImportReport"]) -> None:
    """FuwuquanError if a row of any list is unusable, so that nothing was imported."""
    unusable = {report.file: report.counts["unusable"] for report in reports if report.counts["unusable"]}
    if unusable:
        counts = ", ".join(f"{count} {'row' if count == 1 else 'rows'} of {file}" for file, count in unusable.items())
        verb = "is" if sum(unusable.values()) == 1 else "are"
        raise FuwuquanError(f"nothing was imported, because {counts} {verb} unusable; --leave-out imports the rest")


def _heading_and_field(option: str) -> tuple[str, str]:
    heading, equals, name = option.rpartition("=")
    if not equals:
        raise FuwuquanError(f"--column {option}: is not HEADING=FIELD")
    return heading, name


def _print_summary(report: "ImportReport") -> None:
    """Print the notes of a report and how many rows have each outcome to standard error."""
    for text in report.notes:
        note(f"{report.file}: {text}", "yellow")
    unknown = [heading for heading, name in report.columns.items() if name == "extra"]
    if unknown:
        note(f"{report.file}: kept as further properties: {', '.join(unknown[:10])}", "yellow")
    counts, would = report.counts, "" if report.applied else "would be "
    written = f"{counts['added']} {would}added, {counts['changed']} {would}changed, {counts['unchanged']} unchanged"
    rest = "".join(f", {counts[outcome]} {outcome}" for outcome in ("left out", "unusable") if counts[outcome])
    note(f"{report.file}: {written}{rest}; {report.missing} of the register not in the file, kept")


def _print_rows(report: "ImportReport") -> None:
    from service.cli import terminal_tables

    notable = report.notable_rows()
    if not notable:
        return
    rows = [
        (row.where, row.outcome, row.id or "", row.name or "", "; ".join((*_describe(row.fields), *row.why)))
        for row in notable[:MAX_PRINTED_ROWS]
    ]
    terminal_tables.print_table(("行 row", "结果 outcome", "编号 id", "名称 name", "说明 why"), rows)
    if len(notable) > MAX_PRINTED_ROWS:
        note(f"and {len(notable) - MAX_PRINTED_ROWS} more rows; --format json lists all")


def _describe(fields: "FieldChanges") -> list[str]:
    return [f"{name}: {_short(before)} → {_short(after)}" for name, (before, after) in fields.items()]


def _short(value: object) -> str:
    """Write a field's value in a table: a point as its coordinates, another geometry as its type."""
    match value:
        case None:
            return "—"
        case {"type": "Point", "coordinates": [float() | int() as lon, float() | int() as lat, *_]}:
            return f"{lon:.6f}, {lat:.6f}"
        case {"type": geometry_type}:
            return str(geometry_type)
    text = str(value)
    return text if len(text) <= MAX_VALUE_LENGTH else f"{text[: MAX_VALUE_LENGTH - 1]}…"


@app.command()
def export(
    out: Annotated[Path, typer.Argument(help="file to write: .geojson, .csv, .xlsx or .gpkg")],
    coordinates: CoordinatesOption = "wgs84",
    study: StudyOption = None,
) -> None:
    """Write the register into a file that imports again."""
    from geo.lists import writer

    register, kind = open_register(study), out.suffix.lower().removeprefix(".")
    written = writer.write(register.facilities(), kind, coordinates, register.study.categories)
    for text in written.notes:
        note(text, "yellow")
    write(written.content, out)


@app.command()
def history(
    facility: Annotated[str, typer.Argument(help="id of a facility")],
    study: StudyOption = None,
) -> None:
    """Who changed what of a facility, and when."""
    from service.cli import terminal_tables

    rows = [
        (
            f"{change.at.astimezone():%Y-%m-%d %H:%M:%S}",
            f"{change.facility_id} {change.version}",
            change.who,
            change.action,
            "; ".join(_describe(change.fields)),
        )
        for change in open_register(study).history(facility)
    ]
    terminal_tables.print_table(("时间 when", "版本 version", "何人 who", "操作 action", "内容 what"), rows)


@app.command()
def duplicates(
    category: Annotated[str | None, typer.Option(help="of one category; default all")] = None,
    least: Annotated[float, typer.Option(help="the lowest score that is shown", min=0, max=1)] = 0.6,
    study: StudyOption = None,
) -> None:
    """Likely duplicates in the register, the likeliest first."""
    from service.cli import terminal_tables

    rows = []
    pairs: list[Any] = list(open_answers(study).find_duplicates(category, least))
    for pair in pairs:
        first, second = (f"{pair[side]} {name or ''}" for side, name in zip("ab", pair["names"], strict=True))
        rows.append((f"{pair['score']:.2f}", first, second, f"{pair['metres']:.0f}", "; ".join(pair["reasons"])))
    terminal_tables.print_table(("分数 score", "甲 a", "乙 b", "米 m", "依据 why"), rows, right=(0, 3))


@keys_app.command("add")
def add_key(
    name: Annotated[str, typer.Argument(help="whose key; the history shows it")],
    study: StudyOption = None,
) -> None:
    """Make a key; it is shown once and never again."""
    from service.register import keys

    write(keys.create(open_register(study).database, name).encode() + b"\n", None)


@keys_app.command("list")
def list_keys(study: StudyOption = None) -> None:
    """All keys, with those that were revoked."""
    from service.cli import terminal_tables
    from service.register import keys

    rows = [
        (key.name, key.role, f"{key.made:%Y-%m-%d}", "" if key.revoked is None else f"{key.revoked:%Y-%m-%d}")
        for key in keys.list_keys(open_register(study).database)
    ]
    terminal_tables.print_table(("名称 name", "角色 role", "生成 made", "撤销 revoked"), rows)


@keys_app.command("revoke")
def revoke_key(name: Annotated[str, typer.Argument(help="whose key")], study: StudyOption = None) -> None:
    """Make a key invalid from now on."""
    from service.register import keys

    keys.revoke(open_register(study).database, name)
