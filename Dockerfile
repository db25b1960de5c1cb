# The first stage installs the program as the Makefile does; the image is the second, which has no build tools.
FROM python:3.12-slim AS build
WORKDIR /app
RUN apt-get update && apt-get install -y --no-install-recommends make
# Libraries are installed first, because they change less often than the program and Docker keeps the layer.
COPY Makefile pyproject.toml uv.lock README.md LICENSE ./
RUN make setup SYNC="--no-dev --no-install-project"
COPY geo geo
COPY maps maps
COPY service service
RUN rm .venv/installed && make setup SYNC="--no-dev --no-editable" && .venv/bin/pip uninstall --quiet --yes uv

FROM python:3.12-slim
RUN useradd --create-home --uid 10001 fuwuquan
WORKDIR /app
COPY --from=build /app/.venv .venv
COPY --chown=fuwuquan data data
RUN chown fuwuquan /app
USER fuwuquan
ENV PATH=/app/.venv/bin:$PATH PYTHONUNBUFFERED=1 FUWUQUAN_HOST=0.0.0.0 FUWUQUAN_PORT=8000 NUMBA_CACHE_DIR=/app/.numba
# Fill the register of the sample, and compile every loop into a cache that any user may read.
RUN fuwuquan coverage --study data >/dev/null \
    && fuwuquan nearest --study data --lon 120.04 --lat 28.89 >/dev/null \
    && fuwuquan isochrones --study data --lon 120.04 --lat 28.89 >/dev/null \
    && chmod -R a+rX .numba
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f'http://127.0.0.1:{os.environ[\"FUWUQUAN_PORT\"]}/ready', timeout=4)"]
CMD ["fuwuquan", "serve"]
