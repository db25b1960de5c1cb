"""The command line. Answers go to standard output, progress and notes to standard error."""

import io
import os
import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from geo.datum import Coordinates
from geo.errors import FuwuquanError
from geo.standards import Direction, Mode
from service.settings import Settings

app = typer.Typer(
    help="服务圈: where a county city's public services reach people, and where they don't.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
notes = Console(stderr=True, highlight=False)


class Format(StrEnum):
    """How an answer is written."""

    table = "table"
    json = "json"
    csv = "csv"
    xlsx = "xlsx"


StudyOption = Annotated[Path | None, typer.Option("--study", help="study folder; default ./data")]
CoordinatesOption = Annotated[
    Coordinates, typer.Option(help="coordinate system of the places in the question and in the answer")
]


def main() -> None:
    """Entry point: whatever a user can cause ends as one clear line, never as a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # what the terminal's encoding lacks
    try:
        app()
    except FuwuquanError as error:
        notes.print(f"fuwuquan: {error}", markup=False, soft_wrap=True)
        sys.exit(1)
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            notes.print(f"fuwuquan: cannot be written: {error.strerror}", markup=False, soft_wrap=True)
        sys.exit(1)


def _settings(study: Path | None, **more: Any) -> Settings:
    given = {key: value for key, value in {"study": study, **more}.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        problem = error.errors()[0]
        name = "_".join(str(part) for part in problem["loc"])
        raise FuwuquanError(f"setting {name} (FUWUQUAN_{name.upper()}): {problem['msg']}") from error


def _answers(study: Path | None) -> Any:
    from service.answers import Answers  # what computes is slow to import; --help need not wait for it

    answers = Answers(_settings(study))
    straight = (
        "无街道数据，时间按直线估算 no streets here: times are straight-line" if answers.study.streets is None else None
    )
    for note in filter(None, (answers.register.warning, answers.study.about.notice_en, straight)):
        notes.print(note, markup=False, style="yellow", soft_wrap=True)
    return answers


@app.command()
def serve(
    study: StudyOption = None,
    host: Annotated[str | None, typer.Option(help="address to listen on; default 127.0.0.1")] = None,
    port: Annotated[int | None, typer.Option(help="default 8000")] = None,
    workers: Annotated[int | None, typer.Option(help="processes; default 1")] = None,
) -> None:
    """Serve a study: pages, maps and the API."""
    import uvicorn

    from service.app import create_app

    settings = _settings(study, host=host, port=port, workers=workers)
    answers = _answers(settings.study)  # a study that cannot be served is said here, in one line
    notes.print(f"服务圈 http://{settings.host}:{settings.port}/", markup=False, soft_wrap=True)
    listen: dict[str, Any] = {"host": settings.host, "port": settings.port, "log_level": "warning"}
    if settings.workers == 1:
        uvicorn.run(create_app(settings, answers), workers=1, **listen)  # whatever WEB_CONCURRENCY says
    else:
        # Worker processes make their settings from the environment.
        os.environ["FUWUQUAN_STUDY"] = str(settings.study)
        uvicorn.run("service.app:create_app", factory=True, workers=settings.workers, **listen)


@app.command()
def build(
    out: Annotated[Path, typer.Argument(help="study folder to make")],
    osm: Annotated[Path, typer.Option(help="OpenStreetMap extract, .osm.pbf")],
    area: Annotated[str | None, typer.Option(help="name or relation id of the boundary to cut out")] = None,
    population: Annotated[Path | None, typer.Option(help="raster .tif, or .csv with lon, lat, population")] = None,
    people: Annotated[float | None, typer.Option(help="how many people all together", min=1, max=1e10)] = None,
    areas: Annotated[
        Path | None,
        typer.Option(help="own towns and villages: .geojson or .csv with code, name, level, parent, urban"),
    ] = None,
    level: Annotated[int | None, typer.Option(help="admin_level of the sub-areas", min=1, max=15)] = None,
    facilities: Annotated[
        list[Path] | None, typer.Option(help="own facilities: .geojson or .csv with name, category, lon, lat")
    ] = None,
    elevation: Annotated[
        Path | None, typer.Option(help="heights in metres, raster .tif: slopes then count on foot")
    ] = None,
    coordinates: Annotated[Coordinates, typer.Option(help="coordinate system of the own files")] = "wgs84",
) -> None:
    """Make a study folder from an OpenStreetMap extract."""
    from geo import build as builder
    from service import tables

    sources = builder.Sources(
        osm=osm,
        area=area,
        population=population,
        people=people,
        areas=areas,
        level=level,
        facilities=facilities or (),
        elevation=elevation,
        coordinates=coordinates,
    )
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=notes) as bars:
        summary = builder.build(out, sources, _bar(bars))
    rows = [(what, f"{count:,.0f}", remark) for what, count, remark in summary.lines]
    console = tables.console()
    console.print(tables.table(("内容 what", "数量 count", "说明 remark"), rows, right=(1,)))


def _bar(bars: Progress) -> Callable[[str, int], None]:
    tasks: dict[str, Any] = {}

    def advance(step: str, count: int) -> None:
        if step not in tasks:
            tasks[step] = bars.add_task(step, total=None)
        bars.advance(tasks[step], count)

    return advance


@app.command()
def coverage(
    study: StudyOption = None,
    standard: Annotated[str | None, typer.Option(help="id of one standard; default all")] = None,
    format: Annotated[Format | None, typer.Option(help="how to write it; default by FILE's ending, or table")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="file; default standard output")] = None,
) -> None:
    """Where the place stands on its goals: in total, and by area for one standard or a spreadsheet."""
    from service import tables

    ending = output.suffix.removeprefix(".") if output else ""
    format = format or (Format(ending) if ending in list(Format) else Format.table)
    answers = _answers(study)
    found = answers.all_coverage() if standard is None else [answers.coverage(standard)]
    if format is Format.table:
        text = io.StringIO()
        console = tables.console(text if output else None)
        console.print(tables.overview(found))
        if standard is not None:
            tables.print_details(console, found[0])
        if output is not None:
            _write(text.getvalue().encode(), output)
    elif format is Format.json:
        _write(orjson.dumps({"standards": found}, option=orjson.OPT_INDENT_2) + b"\n", output)
    elif format is Format.csv:
        _write(tables.as_csv(found), output)
    elif output is None and sys.stdout.isatty():
        raise FuwuquanError("a spreadsheet does not go to a terminal: give --output FILE.xlsx")
    else:
        _write(tables.as_xlsx(found), output)


def _write(content: bytes, output: Path | None) -> None:
    if output is None:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    try:
        output.write_bytes(content)
    except OSError as error:
        raise FuwuquanError(f"{output}: cannot be written: {error.strerror}") from error
    notes.print(f"{output}", markup=False, soft_wrap=True)


@app.command()
def nearest(
    lon: Annotated[float, typer.Option(help="degrees", min=-180, max=180)],
    lat: Annotated[float, typer.Option(help="degrees", min=-90, max=90)],
    category: Annotated[str | None, typer.Option(help="park, clinic, kindergarten, cultural_hall; default all")] = None,
    mode: Annotated[Mode, typer.Option(help="how people travel")] = "walk",
    limit: Annotated[int, typer.Option(help="how many", min=1)] = 5,
    path: Annotated[bool, typer.Option("--path", help="the ways there too, in json")] = False,
    coordinates: CoordinatesOption = "wgs84",
    format: Annotated[Format, typer.Option(help="table or json")] = Format.table,
    study: StudyOption = None,
) -> None:
    """The nearest facilities by travel time from one place."""
    if format not in (Format.table, Format.json):
        raise FuwuquanError("nearest is written as table or json")
    from service import tables

    answer = _answers(study).nearest(lon, lat, category, mode, limit, coordinates, path)
    if format is Format.json:
        _write(orjson.dumps(answer, option=orjson.OPT_INDENT_2) + b"\n", None)
        return
    if answer["reason"]:
        raise FuwuquanError(f"nothing in reach: {answer['reason']}")
    found = [(feature["id"], feature["properties"]) for feature in answer["features"]]
    rows = [
        (f"{one['minutes']:.1f}", f"{one['metres']:,.0f}", one["name"] or id_, one["subtype"] or one["category"])
        for id_, one in found
    ]
    heads = ("分钟 min", "米 m", "名称 name", "类别 category")
    tables.console().print(tables.table(heads, rows, right=(0, 1)))


@app.command()
def isochrones(
    lon: Annotated[float | None, typer.Option(help="degrees", min=-180, max=180)] = None,
    lat: Annotated[float | None, typer.Option(help="degrees", min=-90, max=90)] = None,
    facility: Annotated[str | None, typer.Option(help="id of a facility, instead of lon and lat")] = None,
    minutes: Annotated[str, typer.Option(help="the contours, up to 120")] = "5,10,15",
    mode: Annotated[Mode, typer.Option(help="how people travel")] = "walk",
    direction: Annotated[Direction, typer.Option(help="whether people travel from the place or to it")] = "from",
    coordinates: CoordinatesOption = "wgs84",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="file; default standard output")] = None,
    study: StudyOption = None,
) -> None:
    """What lies within some minutes of a place or a facility, as GeoJSON."""
    from service.api import IsochronesQuery, contours

    try:
        query = IsochronesQuery(lon=lon, lat=lat, facility=facility, minutes=minutes, mode=mode)
    except ValidationError as error:
        raise FuwuquanError(error.errors()[0]["msg"].removeprefix("Value error, ")) from error
    answer = _answers(study).isochrones(query.place, contours(minutes), mode, direction, coordinates)
    _write(orjson.dumps(answer) + b"\n", output)


@app.command("map")
def gap_map(
    standard: Annotated[str, typer.Argument(help="id of a standard")],
    output: Annotated[Path, typer.Option("--output", "-o", help="HTML file to write")],
    study: StudyOption = None,
) -> None:
    """Write the gap map of one standard as one file that opens without a network."""
    _write(_answers(study).gap_map(standard, "inline").encode(), output)


@app.command("import")
def import_(
    files: Annotated[list[Path], typer.Argument(help="facilities: .geojson or .csv")],
    coordinates: CoordinatesOption = "wgs84",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what would change, change nothing")] = False,
    study: StudyOption = None,
) -> None:
    """Take facilities over into the register, by id: all of a file or nothing of it."""
    from geo import facilities

    register = _answers(study).register
    incoming = [(file, facilities.read(file, coordinates, own_ids=True)) for file in files]
    for file, frame in incoming:
        own = file if coordinates in ("wgs84", "cgcs2000") else None
        changes = register.take_over(frame, own, dry_run)
        would = "would be " if dry_run else ""
        notes.print(
            f"{file}: {len(changes.added)} {would}added, {len(changes.changed)} {would}changed, "
            f"{len(changes.unchanged)} unchanged; {len(changes.missing)} of the register not in the file, kept",
            markup=False,
            soft_wrap=True,
        )
