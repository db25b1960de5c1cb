"""The web application: pages, maps, the API and what operations need."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated
from urllib.parse import urlsplit

import limits
import orjson
from fastapi import FastAPI, Query, Request, Response
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from starlette_compress import CompressMiddleware, add_compress_type

from geo.study import categories
from maps import feature_pages, finder
from maps.offline import LEAFLET, STATIC
from service.answers.engine import Answers
from service.api import errors, openapi
from service.api.middleware import REQUEST_ID, BodyLimit, Envelope, Faults, RateLimit
from service.api.responses import GEOJSON, SCHEMA, NoQuery, QueryRoute, answer, answers_of, prefers_html
from service.api.routes import facilities as facility_routes
from service.api.routes import features, files, travel
from service.settings import Settings

MOST_BODY = 2**20
COMPRESSED = (GEOJSON, SCHEMA, errors.MEDIA_TYPE, features.OPENAPI.partition(";")[0])
EXPOSED = ("Content-Crs", "ETag", "Last-Modified", "Link", "Location", "Retry-After", REQUEST_ID)
PAGE_HEADERS = features.PAGE_HEADERS


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
        openapi_url=None,
        redirect_slashes=False,
    )
    app.router.route_class = QueryRoute
    errors.install(app, _problem)
    _add_middleware(app, settings)
    # Not by include_router, below which each route is tried twice. What is asked most stands first.
    for part in (travel, features, facility_routes, files):
        app.router.routes.extend(part.router.routes)
    app.mount("/static/leaflet", StaticFiles(directory=LEAFLET))
    app.mount("/static/swagger", StaticFiles(directory=feature_pages.SWAGGER))
    app.mount("/static", StaticFiles(directory=STATIC))
    _add_pages(app, settings)
    _add_operations(app)
    return app


def _problem(request: Request, status: int, detail: str) -> Response | None:
    """The page of a problem, for browsers."""
    if request.method != "GET" or not prefers_html(request, errors.MEDIA_TYPE):
        return None
    about, title = answers_of(request).study.settings, errors.TITLES.get(status, "Error")
    page = feature_pages.problem(about, errors.LABELS.get(status, "出错"), title, detail)
    return HTMLResponse(page, status, PAGE_HEADERS)


def _add_middleware(app: FastAPI, settings: Settings) -> None:
    """The last that is added stands outermost."""
    app.add_middleware(Faults)
    longer = {"/v1/imports": settings.most_upload_mb * 2**20, "/v1/nearest": travel.MOST_BODY}
    app.add_middleware(BodyLimit, most=MOST_BODY, longer=longer)
    for media_type in COMPRESSED:
        add_compress_type(media_type)
    app.add_middleware(CompressMiddleware)
    if settings.rate is not None:
        app.add_middleware(RateLimit, rates=limits.parse_many(settings.rate), prefix="/v1")
    app.add_middleware(
        CORSMiddleware,
        allow_origins=settings.cors_origins.split(),
        allow_methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
        allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match", REQUEST_ID],
        expose_headers=EXPOSED,
        max_age=3600,
    )
    app.add_middleware(Envelope)


def _add_pages(app: FastAPI, settings: Settings) -> None:
    tiles = urlsplit((settings.tiles or "").replace("{s}", "*"))
    origin = f" {tiles.scheme}://{tiles.netloc}" if settings.tiles else ""
    policy = PAGE_HEADERS["Content-Security-Policy"].replace("img-src 'self' data:", f"img-src 'self' data:{origin}")
    strict = PAGE_HEADERS | {"Content-Security-Policy": policy}
    # Folium writes scripts into its pages; the others have none of their own.
    loose = policy.replace("script-src 'self'", "script-src 'self' 'unsafe-inline'")
    headers = strict | {"Content-Security-Policy": loose}

    @app.get("/docs", response_class=HTMLResponse, include_in_schema=False)
    def docs(request: Request) -> Response:
        page = feature_pages.docs(answers_of(request).study.settings, "/openapi.json")
        return HTMLResponse(page, headers=strict)

    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    def home(request: Request) -> Response:
        answers = answers_of(request)
        page = finder.render(answers.study, answers.all_coverage(), categories.CATEGORIES, answers.categories())
        return HTMLResponse(page, headers=strict)

    @app.get(
        "/maps/{standard}",
        response_class=HTMLResponse,
        include_in_schema=False,
    )
    def gap_map(request: Request, standard: str, query: Annotated[NoQuery, Query()]) -> Response:
        return HTMLResponse(answers_of(request).gap_map(standard, "linked"), headers=headers)


def _add_operations(app: FastAPI) -> None:
    @app.get("/openapi.json", include_in_schema=False)
    async def document(request: Request, query: Annotated[NoQuery, Query()]) -> Response:
        answers = answers_of(request)
        return await answer(request, lambda state: openapi.describe(app, answers, state), features.OPENAPI)

    @app.get("/health", include_in_schema=False)
    async def health() -> Response:
        return Response(b'{"status":"ok"}', media_type="application/json")

    @app.get("/ready", include_in_schema=False)
    def ready(request: Request) -> Response:
        answers = answers_of(request)
        body = {
            "status": "ready",
            "study": answers.study.settings.id,
            "revision": answers.register.revision,
            "warning": answers.register.warning,
        }
        return Response(orjson.dumps(body), media_type="application/json")
