# Everything is installed in .venv, nothing globally.
PYTHON ?= python3
UV := .venv/bin/uv
export UV_COMPILE_BYTECODE := 1
export UV_PYTHON := .venv/bin/python
# Containers often set this, and each of the many programs that tests start would then compile all modules again.
unexport PYTHONDONTWRITEBYTECODE
# On CI the libraries that the benchmark compares with are installed too, so that no test is skipped.
ifeq ($(CI),true)
SYNC ?= --group bench
endif

.PHONY: serve test test-long slowest check format sample readme pictures bench bench-api fuzz torture image setup

serve: setup
	.venv/bin/fuwuquan serve

# Tests run on all cores; those that compare times run afterwards, one by one, from the few files that have any.
TEST = .venv/bin/pytest -n auto --dist worksteal -m "not alone" $(PYTEST) && \
    .venv/bin/pytest -m alone $(PYTEST) $$(grep -rl --include='*.py' 'mark\.alone' tests)

test: setup
	$(TEST)

slowest: PYTEST := --durations=10
slowest: setup
	$(TEST)

# Three times as many generated examples.
test-long: export TEST_LONG := 1
test-long: setup
	$(TEST)

check: setup
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports

format: setup
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

sample: setup
	.venv/bin/python data/make_sample

readme: setup
	cd tests && ../.venv/bin/python -m support.readme

pictures: setup
	.venv/bin/python docs/pictures.py

bench: setup
	$(UV) sync --locked --all-extras --group bench
	.venv/bin/python benchmarks

bench-api: setup
	.venv/bin/python benchmarks/api.py

fuzz: setup
	cd tests && ../.venv/bin/python -m support.fuzz

torture: setup
	cd tests && ../.venv/bin/python -m support.torture

image:
	docker build -t fuwuquan .

setup: .venv/installed

.venv/installed: pyproject.toml uv.lock | $(UV)
	$(UV) sync --locked --all-extras $(SYNC)
	touch $@

$(UV):
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet "uv>=0.8,<1"
