"""Commands about the register: lists taken in and out, twins, history, keys."""

import getpass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from geo.choices import Coordinates
from geo.errors import FuwuquanError
from service.cli.options import CoordinatesOption, Format, StudyOption, answers_of, note, progress, register_of, write

app = typer.Typer()
keys = typer.Typer(help="Keys of those who may edit over the API.", no_args_is_help=True)
app.add_typer(keys, name="keys")

MOST_ROWS = 100  # of a report, in the terminal

ByOption = Annotated[str | None, typer.Option("--by", help="who does it, for the history; default: the user")]


@app.command("import")
def import_(
    files: Annotated[list[Path], typer.Argument(help=".xlsx, .csv, .geojson, .gpkg, .shp or zipped, .osm.pbf")],
    coordinates: Annotated[
        Coordinates | None, typer.Option(help="coordinate system of the lists; default: what they say themselves")
    ] = None,
    category: Annotated[str | None, typer.Option(help="of all rows, where there is no column of it")] = None,
    column: Annotated[
        list[str] | None, typer.Option(help="HEADING=FIELD where a heading is not recognised; may be repeated")
    ] = None,
    verified: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="the day when the office has seen to all of it")
    ] = None,
    leave_out: Annotated[bool, typer.Option("--leave-out", help="take the rest where rows are unusable")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what would change, change nothing")] = False,
    format: Annotated[Format, typer.Option(help="table or json")] = Format.table,
    by: ByOption = None,
    study: StudyOption = None,
) -> None:
    """Take lists of facilities over into the register: all of a list or nothing of it."""
    from geo.lists import reader
    from geo.study import categories
    from service.register import imports

    if format not in (Format.table, Format.json):
        raise FuwuquanError("a report is written as table or json")
    if category is not None:
        categories.category(category)
    columns = dict(_pair(one) for one in column or ())
    register, who = register_of(study), by or _user()
    reports = []
    for file in files:
        with progress(transient=True) as advance:
            found = reader.read(
                file,
                within=register.study.territory,
                coordinates=coordinates or ("wgs84" if register.is_source(file) else None),
                columns=columns,
                category=category,
                advance=lambda rows: advance("读取 read", rows),
            )
            report = imports.apply_list(
                register,
                found,
                who,
                dry_run=dry_run,
                leave_out=leave_out,
                verified=verified and verified.date(),
                advance=lambda rows: advance("比较 compare", rows),
            )
        reports.append(report)
        _say(report)
        if format is Format.table:
            _print(report)
        if not report.applied and not dry_run:
            break
    if format is Format.json:
        write(orjson.dumps([report.as_json() for report in reports], option=orjson.OPT_INDENT_2) + b"\n", None)
    refused = sum(report.counts["unusable"] for report in reports if not report.applied)
    if refused and not dry_run:
        raise FuwuquanError(
            f"{reports[-1].file}: nothing of it was taken over, for {refused} rows are unusable; "
            "--leave-out takes the rest"
        )


def _pair(text: str) -> tuple[str, str]:
    heading, equals, name = text.rpartition("=")
    if not equals:
        raise FuwuquanError(f"--column {text}: is not HEADING=FIELD")
    return heading, name


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        return "command line"


def _say(report: Any) -> None:
    for text in report.notes:
        note(f"{report.file}: {text}", "yellow")
    further = [heading for heading, name in report.columns.items() if name == "extra"]
    if further:
        note(f"{report.file}: kept as further properties: {', '.join(further[:10])}", "yellow")
    counts, would = report.counts, "" if report.applied else "would be "
    done = f"{counts['added']} {would}added, {counts['changed']} {would}changed, {counts['unchanged']} unchanged"
    left = "".join(f", {counts[what]} {what}" for what in ("left out", "unusable") if counts[what])
    note(f"{report.file}: {done}{left}; {report.missing} of the register not in the file, kept")


def _print(report: Any) -> None:
    from service.cli import tables

    told = report.notable_rows()
    if not told:
        return
    rows = [
        (row.where, row.outcome, row.id or "", row.name or "", "; ".join((*_changes(row.fields), *row.why)))
        for row in told[:MOST_ROWS]
    ]
    console = tables.console()
    console.print(tables.table(("行 row", "结果 outcome", "编号 id", "名称 name", "说明 why"), rows, right=()))
    if len(told) > MOST_ROWS:
        note(f"and {len(told) - MOST_ROWS} more rows; --format json tells all")


def _changes(fields: dict[str, list[Any]]) -> list[str]:
    return [f"{name}: {_short(before)} → {_short(after)}" for name, (before, after) in fields.items()]


def _short(value: Any) -> str:
    if isinstance(value, dict) and value.get("type") == "Point":
        return f"{value['coordinates'][0]:.6f}, {value['coordinates'][1]:.6f}"
    text = "—" if value is None else value["type"] if isinstance(value, dict) and "type" in value else str(value)
    return text if len(text) <= 60 else f"{text[:59]}…"


@app.command()
def export(
    out: Annotated[Path, typer.Argument(help="file to write: .geojson, .csv, .xlsx or .gpkg")],
    coordinates: CoordinatesOption = "wgs84",
    study: StudyOption = None,
) -> None:
    """Write the register into a file that imports again."""
    from geo.lists import writer

    written = writer.write(register_of(study).facilities(), out.suffix.lower().removeprefix("."), coordinates)
    for text in written.notes:
        note(text, "yellow")
    write(written.content, out)


@app.command()
def history(
    facility: Annotated[str, typer.Argument(help="id of a facility")],
    study: StudyOption = None,
) -> None:
    """Who changed what of a facility, and when."""
    from service.cli import tables

    rows = [
        (
            f"{change.at.astimezone():%Y-%m-%d %H:%M:%S}",
            f"{change.facility_id} {change.version}",
            change.who,
            change.action,
            "; ".join(_changes(change.fields)),
        )
        for change in register_of(study).history(facility)
    ]
    heads = ("时间 when", "版本 version", "何人 who", "操作 action", "内容 what")
    tables.console().print(tables.table(heads, rows, right=()))


@app.command()
def duplicates(
    category: Annotated[str | None, typer.Option(help="of one category; default all")] = None,
    least: Annotated[float, typer.Option(help="the lowest score that is told", min=0, max=1)] = 0.6,
    study: StudyOption = None,
) -> None:
    """Likely twins in the register, the likeliest first."""
    from service.cli import tables

    rows = [
        (
            f"{one['score']:.2f}",
            *(f"{one[which]} {name or ''}" for which, name in zip("ab", one["names"], strict=True)),
            f"{one['metres']:.0f}",
            "; ".join(one["reasons"]),
        )
        for one in answers_of(study).find_duplicates(category, least)
    ]
    heads = ("分数 score", "甲 a", "乙 b", "米 m", "依据 why")
    tables.console().print(tables.table(heads, rows, right=(0, 3)))


@keys.command("add")
def add_key(
    name: Annotated[str, typer.Argument(help="whose key; the history shows it")],
    study: StudyOption = None,
) -> None:
    """Make a key; it is said once and never again."""
    from service.register import keys as kept

    write(kept.create(register_of(study).database, name).encode() + b"\n", None)


@keys.command("list")
def list_keys(study: StudyOption = None) -> None:
    """Whose keys there are."""
    from service.cli import tables
    from service.register import keys as kept

    rows = [
        (key.name, key.role, f"{key.made:%Y-%m-%d}", "" if key.revoked is None else f"{key.revoked:%Y-%m-%d}")
        for key in kept.list_keys(register_of(study).database)
    ]
    heads = ("名称 name", "角色 role", "生成 made", "撤销 revoked")
    tables.console().print(tables.table(heads, rows, right=()))


@keys.command("revoke")
def revoke_key(name: Annotated[str, typer.Argument(help="whose key")], study: StudyOption = None) -> None:
    """Make a key good for nothing from now on."""
    from service.register import keys as kept

    kept.revoke(register_of(study).database, name)
