"""The web application: pages, maps, the API and what operations need."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any
from urllib.parse import urlsplit

import orjson
from fastapi import FastAPI, Query, Request, Response
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

from geo import facilities
from maps import finder
from maps.offline import LEAFLET, STATIC
from service import api, files, items, problems
from service.answers import Answers
from service.settings import Settings
from service.web import NoQuery, answers_of

MOST_BODY = 2**20
PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:{tiles}; object-src 'none'; base-uri 'none'; frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}


def create_app(settings: Settings | None = None, answers: Answers | None = None) -> FastAPI:
    """The application for ``settings`` (default: from the environment).

    It answers from ``answers``; without them the study is read when it starts.
    """
    settings = settings or Settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.answers = answers or Answers(settings)
        yield
        app.state.answers.register.database.close()
        del app.state.answers

    app = FastAPI(
        title="fuwuquan 服务圈",
        description="Where a county city's public services reach people, and where they don't.",
        version="1",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    problems.install(app)
    app.add_middleware(problems.BodyLimit, most=MOST_BODY, longer={"/v1/imports": settings.most_upload_mb * 2**20})
    app.openapi = lambda: _described(app)  # type: ignore[method-assign]
    app.include_router(api.router, tags=["v1"])
    app.include_router(items.router, tags=["register"])
    app.include_router(files.router, tags=["register"])
    app.mount("/static/leaflet", StaticFiles(directory=LEAFLET))
    app.mount("/static", StaticFiles(directory=STATIC))
    _add_pages(app, settings)
    _add_operations(app)
    return app


def _described(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, without the 422 that FastAPI documents and this service never answers."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        for path in document["paths"].values():
            for operation in path.values():
                if "HTTPValidationError" in str(operation["responses"].get("422")):
                    del operation["responses"]["422"]
        for name in ("HTTPValidationError", "ValidationError"):
            document["components"]["schemas"].pop(name, None)
        app.openapi_schema = document
    return app.openapi_schema


def _add_pages(app: FastAPI, settings: Settings) -> None:
    tiles = urlsplit((settings.tiles or "").replace("{s}", "*"))
    origin = f" {tiles.scheme}://{tiles.netloc}" if settings.tiles else ""
    headers = {name: value.format(tiles=origin) for name, value in PAGE_HEADERS.items()}
    # Folium writes scripts into its pages; the others have none of their own.
    strict = headers["Content-Security-Policy"].replace("script-src 'self' 'unsafe-inline'", "script-src 'self'")

    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    def home(request: Request) -> Response:
        answers = answers_of(request)
        page = finder.render(answers.study, answers.all_coverage(), facilities.CATEGORIES, answers.categories())
        return HTMLResponse(page, headers=headers | {"Content-Security-Policy": strict})

    @app.get(
        "/maps/{standard}",
        response_class=HTMLResponse,
        responses=problems.documented(400, 404),
        summary="The gap map of one standard",
        tags=["pages"],
    )
    def gap_map(request: Request, standard: str, query: Annotated[NoQuery, Query()]) -> Response:
        return HTMLResponse(answers_of(request).gap_map(standard, "linked"), headers=headers)


def _add_operations(app: FastAPI) -> None:
    @app.get("/health", summary="Whether the process is alive", tags=["operations"])
    async def health() -> Response:
        return Response(b'{"status":"ok"}', media_type="application/json")

    @app.get(
        "/ready",
        responses=problems.documented(503),
        summary="Whether it can answer: the study is read and the register open",
        tags=["operations"],
    )
    def ready(request: Request) -> Response:
        answers = answers_of(request)
        body = {
            "status": "ready",
            "study": answers.study.about.id,
            "revision": answers.register.revision,
            "warning": answers.register.warning,
        }
        return Response(orjson.dumps(body), media_type="application/json")
