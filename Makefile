# Every verb does the set-up it needs; `make demo` and `make test` are enough on a fresh clone.
PYTHON ?= python3.11
CORPUS_DIR ?= ../shared/data
BIN := .venv/bin
export CORPUS_DIR

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-long lint bench clean lock

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

setup: .venv/.ready ## Virtual environment, hashed packages, Delta jars, compiled kernels

demo: setup ## Run the real job on the bundled sample into out/quickstart
	@$(BIN)/mixcore run conf/recipes/quickstart.yaml

test: setup lint ## Lint, types and the tests of every change (at most 20 minutes on 2 cores)
	@$(BIN)/python -m pytest -m "not long"
	@echo "make test: lint, format, types and tests are all fine"

test-long: setup ## The long matrices as well: determinism, kills, large truth files
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check 'lightgbm>=4'
	@$(BIN)/python -m pytest -m long --durations=10

lint: setup ## ruff, ruff format and mypy
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

bench: setup ## Measure against peers and write bench/RESULTS.md (CORPUS_DIR: the raw corpora)
	@$(BIN)/python bench/run.py

clean: ## Remove what was built and the demo's output; Delta jars and pip's cache stay
	rm -rf .venv out/quickstart *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis spark-warehouse
	find mixcore tests -name __pycache__ -prune -exec rm -rf {} +

lock: setup ## Renew requirements.lock from pyproject.toml (needs uv on PATH)
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-annotate --no-header --quiet -o requirements.lock
	printf 'pip>=25\nsetuptools>=80\n' | uv pip compile - --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-annotate --no-header --quiet \
	  -o requirements-build.lock

# ---- set-up, step by step: a step runs again only when what it depends on has changed ----------

# What pip builds from source (pyspark) is built with the locked setuptools; pip caches the wheel.
.venv/.installed: requirements.lock requirements-build.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null || { \
	  echo "mixcore: Python 3.11 is needed, and $(PYTHON) is none or is not there" >&2; \
	  echo "  found: $$($(PYTHON) --version 2>&1 | head -1)" >&2; \
	  echo "  fix:   install python3.11 with its venv module (Debian, Ubuntu: apt-get install" \
	    "python3.11-venv) or name it: make PYTHON=/path/to/python3.11" >&2; exit 4; }
	@$(PYTHON) -m mixcore.runtime.preflight
	@echo "setting up .venv (once; pyspark takes a minute to build) ..."
	@$(PYTHON) -m venv .venv || { \
	  echo "mixcore: Python's venv module does not work (see above)" >&2; \
	  echo "  fix:   Debian, Ubuntu: apt-get install python3.11-venv" >&2; exit 4; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes \
	  -r requirements-build.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes \
	  --no-build-isolation -r requirements.lock
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps \
	  --no-build-isolation -e .
	@touch $@

.venv/.jars: .venv/.installed mixcore/runtime/jars.lock
	@$(BIN)/python -m mixcore.runtime.preflight
	@$(BIN)/python -m mixcore.runtime.jars
	@echo "teaching the JVM what it will load ..."
	@$(BIN)/python -m mixcore.runtime.class_data
	@touch $@

.venv/.ready: .venv/.jars $(wildcard mixcore/text/*.py mixcore/*/warm.py) mixcore/dedup/greedy.py
	@echo "compiling the kernels ..."
	@$(BIN)/python -m mixcore.warm
	@touch $@
