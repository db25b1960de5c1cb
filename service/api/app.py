"""The web application: pages, maps, the API, and the addresses that operation needs (health, readiness, OpenAPI)."""

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

from maps import feature_pages, finder
from maps.pages import LEAFLET_FOLDER, STATIC_FOLDER
from service.answers.engine import Answers
from service.answers.site_process import Searches
from service.api import errors, openapi
from service.api.feature_documents import PAGE_HEADERS
from service.api.middleware import REQUEST_ID, BodyLimit, InternalErrors, RateLimit, RequestEnvelope
from service.api.queries import KnownParametersOnly, MapQuery, QueryRoute
from service.api.responses import GEOJSON, OPENAPI, SCHEMA, answers_of, prefers_html, respond
from service.api.routes import capacity, certainty, days, features, files, scenarios, sites, travel, value
from service.api.routes import facilities as facility_routes
from service.settings import Settings

MAX_BODY_BYTES = 2**20
COMPRESSED = (GEOJSON, SCHEMA, errors.MEDIA_TYPE, OPENAPI.partition(";")[0])
EXPOSED = ("Content-Crs", "ETag", "Last-Modified", "Link", "Location", "Retry-After", REQUEST_ID)
"""Response headers that scripts of other origins may read."""


def create_app(settings: Settings | None = None, answers: Answers | None = None) -> FastAPI:
    """The application.

    Parameters
    ----------
    settings : default: those of the environment
    answers : what it answers from; default: the study of the settings is read when the application starts
    """
    settings = settings or Settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.answers = answers or Answers(settings)
        app.state.searches = Searches(settings, app.state.answers.register.database)
        yield
        app.state.searches.close()
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
    errors.install(app, _error_page)
    _add_middleware(app, settings)
    # Not with include_router, which makes each route be matched twice. The most frequent routes come first.
    for module in (travel, features, facility_routes, files, sites, value, days, certainty, capacity, scenarios):
        app.router.routes.extend(module.router.routes)
    app.mount("/static/leaflet", StaticFiles(directory=LEAFLET_FOLDER))
    app.mount("/static/swagger", StaticFiles(directory=feature_pages.SWAGGER_FOLDER))
    app.mount("/static", StaticFiles(directory=STATIC_FOLDER))
    _add_pages(app, settings)
    _add_operations(app)
    return app


def _error_page(request: Request, status: int, detail: str) -> Response | None:
    """The page of an error if the client is a browser, else None."""
    if request.method != "GET" or not prefers_html(request, errors.MEDIA_TYPE):
        return None
    about, title = answers_of(request).study.settings, errors.TITLES.get(status, "Error")
    page = feature_pages.problem(about, errors.LABELS.get(status, "出错"), title, detail)
    return HTMLResponse(page, status, PAGE_HEADERS)


def _add_middleware(app: FastAPI, settings: Settings) -> None:
    """Add the middleware; the last one added is the outermost."""
    app.add_middleware(InternalErrors)
    max_bytes_by_path = {
        "/v1/imports": settings.most_upload_mb * 2**20,
        "/v1/nearest": travel.MAX_BODY_BYTES,
        "/v1/scenarios": travel.MAX_SCENARIO_BYTES,
        "/v1/sites": sites.MAX_BODY_BYTES,
    }
    app.add_middleware(BodyLimit, max_bytes=MAX_BODY_BYTES, max_bytes_by_path=max_bytes_by_path)
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
    app.add_middleware(RequestEnvelope)


def _add_pages(app: FastAPI, settings: Settings) -> None:
    """Add the pages. Their content security policy allows images from the server of map tiles too."""
    tiles = urlsplit((settings.tiles or "").replace("{s}", "*"))
    origin = f" {tiles.scheme}://{tiles.netloc}" if settings.tiles else ""
    policy = PAGE_HEADERS["Content-Security-Policy"].replace("img-src 'self' data:", f"img-src 'self' data:{origin}")
    page_headers = PAGE_HEADERS | {"Content-Security-Policy": policy}
    # Folium writes scripts into the page itself; our own pages load theirs as files.
    map_policy = policy.replace("script-src 'self'", "script-src 'self' 'unsafe-inline'")
    map_headers = page_headers | {"Content-Security-Policy": map_policy}

    @app.get("/docs", response_class=HTMLResponse, include_in_schema=False)
    def docs(request: Request) -> Response:
        page = feature_pages.docs(answers_of(request).study.settings, "/openapi.json")
        return HTMLResponse(page, headers=page_headers)

    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    def home(request: Request) -> Response:
        answers = answers_of(request)
        page = finder.render(answers.study, answers.all_coverage(), answers.categories())
        return HTMLResponse(page, headers=page_headers)

    @app.get(
        "/maps/{standard}",
        response_class=HTMLResponse,
        include_in_schema=False,
    )
    def gap_map(request: Request, standard: str, query: Annotated[MapQuery, Query()]) -> Response:
        return HTMLResponse(answers_of(request).gap_map(standard, "linked", query.on), headers=map_headers)


def _add_operations(app: FastAPI) -> None:
    """Add the addresses for monitoring, `/health` (alive) and `/ready` (can answer), and `/openapi.json`."""

    @app.get("/openapi.json", include_in_schema=False)
    async def document(request: Request, query: Annotated[KnownParametersOnly, Query()]) -> Response:
        answers = answers_of(request)
        return await respond(request, lambda state: openapi.describe(app, answers, state), OPENAPI)

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
