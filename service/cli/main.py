"""The command ``fuwuquan``: answers go to standard output, progress and notes to standard error.

Commands import what they need when they run: importing the engine takes seconds, and ``--help`` must not wait for it.
"""

import io
import os
import sys
from pathlib import Path
from typing import Annotated

import orjson
import typer

from geo.choices import Coordinates, Direction, Mode, UrbanSource
from geo.errors import FuwuquanError
from service.cli import capacity, certainty, days, planning, register, scenarios, siting, value
from service.cli.options import (
    CoordinatesOption,
    Format,
    FormatOption,
    OnOption,
    OutputOption,
    StudyOption,
    check_finite,
    check_takes_spreadsheet,
    chosen_format,
    load_settings,
    note,
    open_answers,
    progress,
    write,
)

app = typer.Typer(
    help="服务圈: where a county city's public services reach people, and where they don't.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(planning.app)
app.add_typer(scenarios.app)
app.add_typer(siting.app)
app.add_typer(value.app)
app.add_typer(days.app)
app.add_typer(certainty.app)
app.add_typer(capacity.app)
app.add_typer(register.app)


def main() -> None:
    """Run the command line. An error that a user can cause is printed as one line, without a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # the terminal's encoding may lack Chinese characters
    try:
        app()
    except FuwuquanError as error:
        note(f"fuwuquan: {error}")
        sys.exit(1)
    except OSError as error:
        # Python flushes standard output once more when it ends, which must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            note(f"fuwuquan: cannot be written: {error.strerror}")
        sys.exit(1)


@app.command()
def serve(
    study: StudyOption = None,
    host: Annotated[str | None, typer.Option(help="address to listen on; default 127.0.0.1")] = None,
    port: Annotated[int | None, typer.Option(help="default 8000")] = None,
    workers: Annotated[int | None, typer.Option(help="processes; default 1")] = None,
) -> None:
    """Serve a study: pages, maps and the API."""
    import uvicorn

    from service.api.app import create_app

    settings = load_settings(study, host=host, port=port, workers=workers)
    answers = open_answers(settings.study)  # first, so that a study that cannot be served is one line and no traceback
    note(f"服务圈 http://{settings.host}:{settings.port}/")
    if settings.workers == 1:
        # workers=1 stands here because uvicorn would otherwise obey WEB_CONCURRENCY.
        uvicorn.run(
            create_app(settings, answers), host=settings.host, port=settings.port, log_level="warning", workers=1
        )
    else:
        # Worker processes read their settings from the environment.
        os.environ["FUWUQUAN_STUDY"] = str(settings.study)
        uvicorn.run(
            "service.api.app:create_app",
            factory=True,
            host=settings.host,
            port=settings.port,
            log_level="warning",
            workers=settings.workers,
        )


@app.command()
def build(  # noqa: PLR0913 (each option is a parameter)
    out: Annotated[Path, typer.Argument(help="study folder to make")],
    osm: Annotated[Path, typer.Option(help="OpenStreetMap extract, .osm.pbf")],
    area: Annotated[str | None, typer.Option(help="name or relation id of the boundary to cut out")] = None,
    population: Annotated[
        Path | None,
        typer.Option(
            help="raster .tif, polygons with population (.gpkg, .geojson, .shp), or .csv with lon, lat, population"
        ),
    ] = None,
    people: Annotated[
        float | None, typer.Option(help="how many people all together", min=1, max=1e10, callback=check_finite)
    ] = None,
    urban: Annotated[
        UrbanSource | None,
        typer.Option(
            help="who is urban: as areas and population say, by the density of the population grid, or nobody knows; "
            "default: as they say, else by the grid of --population"
        ),
    ] = None,
    areas: Annotated[
        Path | None,
        typer.Option(help="own towns and villages with code, name, level, parent, urban; files as for import"),
    ] = None,
    level: Annotated[int | None, typer.Option(help="admin_level of the sub-areas", min=1, max=15)] = None,
    facilities: Annotated[
        list[Path] | None, typer.Option(help="own facilities with name, category and position; files as for import")
    ] = None,
    land: Annotated[
        Path | None,
        typer.Option(help="polygons of residential land 居住用地 (.gpkg, .geojson, .shp); default: the extract's"),
    ] = None,
    land_field: Annotated[
        str | None,
        typer.Option(help="column of --land with the class of land, such as DLBM; default: all is residential"),
    ] = None,
    land_class: Annotated[
        list[str] | None,
        typer.Option(help="class of --land-field that counts, such as 0701; default 07, R, 居住用地, …"),
    ] = None,
    elevation: Annotated[
        Path | None, typer.Option(help="heights in metres, raster .tif: slopes then count on foot")
    ] = None,
    coordinates: Annotated[
        Coordinates | None, typer.Option(help="coordinate system of the own files, where they do not say themselves")
    ] = None,
    crs: Annotated[
        str | None, typer.Option(help="EPSG code of positions in metres in own areas and facilities, such as EPSG:4549")
    ] = None,
    categories: Annotated[
        Path | None, typer.Option(help="own categories of facilities, .toml; default: those of the study made again")
    ] = None,
) -> None:
    """Make a study folder from an OpenStreetMap extract."""
    from geo.sources import build as builder
    from geo.sources.inputs import Sources
    from service.cli import terminal_tables

    sources = Sources(
        osm=osm,
        area=area,
        population=population,
        people=people,
        urban=urban,
        areas=areas,
        level=level,
        facilities=facilities or (),
        land=land,
        land_field=land_field,
        land_classes=land_class or (),
        elevation=elevation,
        coordinates=coordinates,
        crs=crs,
        categories=categories,
    )
    sources.check()
    with progress() as advance:
        summary = builder.build(out, sources, advance)
    terminal_tables.print_table(("内容 what", "数量 count", "说明 remark"), summary.table(), right=(1,))


@app.command()
def coverage(
    study: StudyOption = None,
    standard: Annotated[str | None, typer.Option(help="id of one standard; default all")] = None,
    on: OnOption = None,
    format: FormatOption = None,
    output: OutputOption = None,
) -> None:
    """Where the place stands on its goals: in total, and by area for one standard or a spreadsheet."""
    from service.cli import coverage_tables, terminal_tables

    format = chosen_format(format, output)
    answers = open_answers(study)
    state, day = answers.states.current(), on
    results = answers.all_coverage(state, day) if standard is None else [answers.coverage(standard, state, day)]
    if format is Format.table:
        text = io.StringIO()
        console = terminal_tables.console(text if output else None)
        console.print(coverage_tables.overview(results))
        if standard is not None:
            coverage_tables.print_details(console, results[0])
        elif day is not None:
            of_today = {note for result in answers.all_coverage(state) for note in result.notes}
            for remark in dict.fromkeys(note for result in results for note in result.notes if note not in of_today):
                console.print(remark, markup=False)
        if output is not None:
            write(text.getvalue().encode(), output)
    elif format is Format.json:
        write(
            orjson.dumps({"standards": results, "on": day or state.today}, option=orjson.OPT_INDENT_2) + b"\n", output
        )
    elif format is Format.csv:
        write(coverage_tables.as_csv(results), output)
    else:
        check_takes_spreadsheet(output)
        write(coverage_tables.as_xlsx(results), output)


@app.command()
def nearest(
    lon: Annotated[float, typer.Option(help="degrees", min=-180, max=180, callback=check_finite)],
    lat: Annotated[float, typer.Option(help="degrees", min=-90, max=90, callback=check_finite)],
    category: Annotated[
        str | None, typer.Option(help="such as clinic, several with commas between; default all")
    ] = None,
    mode: Annotated[Mode, typer.Option(help="how people travel")] = "walk",
    limit: Annotated[int, typer.Option(help="how many", min=1)] = 5,
    path: Annotated[bool, typer.Option("--path", help="the routes too, in json")] = False,
    coordinates: CoordinatesOption = "wgs84",
    format: Annotated[Format, typer.Option(help="table or json")] = Format.table,
    study: StudyOption = None,
) -> None:
    """The nearest facilities by travel time from one place."""
    if format not in (Format.table, Format.json):
        raise FuwuquanError("nearest is written as table or json")
    from service.answers.nearest import NearestFinder, NearestOptions
    from service.cli import terminal_tables

    answers = open_answers(study)
    category_ids = tuple(answers.study.categories[name].id for name in category.split(",")) if category else ()
    options = NearestOptions(category_ids, mode=mode, limit=limit, path=path, coordinates=coordinates)
    answer = orjson.loads(orjson.dumps(NearestFinder(answers, answers.states.current(), options).around(lon, lat)))
    if format is Format.json:
        write(orjson.dumps(answer, option=orjson.OPT_INDENT_2) + b"\n", None)
        return
    if answer["reason"]:
        raise FuwuquanError(f"no facility can be reached: {answer['reason']}")
    rows = []
    for feature in answer["features"]:
        properties = feature["properties"]
        name, group = properties["name"] or feature["id"], properties["subtype"] or properties["category"]
        rows.append((f"{properties['minutes']:.1f}", f"{properties['metres']:,.0f}", name, group))
    terminal_tables.print_table(("分钟 min", "米 m", "名称 name", "类别 category"), rows, right=(0, 1))


@app.command()
def isochrones(
    lon: Annotated[float | None, typer.Option(help="degrees", min=-180, max=180, callback=check_finite)] = None,
    lat: Annotated[float | None, typer.Option(help="degrees", min=-90, max=90, callback=check_finite)] = None,
    facility: Annotated[str | None, typer.Option(help="id of a facility, instead of lon and lat")] = None,
    minutes: Annotated[str, typer.Option(help="the contours, up to 120")] = "5,10,15",
    mode: Annotated[Mode, typer.Option(help="how people travel")] = "walk",
    direction: Annotated[Direction, typer.Option(help="whether people travel from the place or to it")] = "from",
    coordinates: CoordinatesOption = "wgs84",
    output: OutputOption = None,
    study: StudyOption = None,
) -> None:
    """What lies within some minutes of a place or a facility, as GeoJSON."""
    from service.answers import isochrones as isochrone_answers

    try:
        place = isochrone_answers.check_place(lon, lat, facility)
        contours = isochrone_answers.parse_minutes(minutes)
    except ValueError as error:
        raise FuwuquanError(str(error)) from error
    answer = isochrone_answers.as_geojson(open_answers(study), place, contours, mode, direction, coordinates)
    write(orjson.dumps(answer) + b"\n", output)


@app.command("map")
def gap_map(
    standard: Annotated[str, typer.Argument(help="id of a standard")],
    output: Annotated[Path, typer.Option("--output", "-o", help="HTML file to write")],
    on: OnOption = None,
    study: StudyOption = None,
) -> None:
    """Write the gap map of one standard as one file that opens without a network."""
    write(open_answers(study).gap_map(standard, "inline", on).encode(), output)
