# Two stages: one installs as the Makefile does, the other holds what runs and nothing else.
FROM python:3.12-slim AS build
WORKDIR /app
COPY Makefile pyproject.toml uv.lock README.md LICENSE ./
COPY geo geo
COPY maps maps
COPY service service
RUN apt-get update && apt-get install -y --no-install-recommends make && make setup SYNC="--no-dev --no-editable"

FROM python:3.12-slim
RUN useradd --create-home --uid 10001 fuwuquan
WORKDIR /app
COPY --from=build /app/.venv .venv
COPY --chown=fuwuquan data data
RUN chown fuwuquan /app
USER fuwuquan
ENV PATH=/app/.venv/bin:$PATH PYTHONUNBUFFERED=1 FUWUQUAN_HOST=0.0.0.0
# Opens the sample once: the register is filled and every cache is warm before the first request.
RUN fuwuquan coverage --study data >/dev/null
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/ready', timeout=4)"]
CMD ["fuwuquan", "serve"]
