# Needs only make and Python >= 3.11; everything else is installed into .venv, once.
PYTHON ?= python3
ARGS ?=
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help backtest correlate test format gpu clean

help:  ## List the targets
	@grep -E '^[a-z]+:.*## ' $(firstword $(MAKEFILE_LIST)) | sed -E 's/:.*## /|/' | awk -F'|' '{printf "  make %-11s %s\n", $$1, $$2}'

backtest: .venv/.runtime  ## Backtest on the built-in synthetic market (ARGS="strategy=rich_correlation ..." to vary)
	@$(BIN)/python -m engine.run $(ARGS)

correlate: .venv/.runtime  ## Implied correlation of every date, tenor and delta (ARGS="market=... market.path=...")
	@$(BIN)/python -m engine.correlate $(ARGS)

test: .venv/.dev  ## Lint, format check, type check, all tests and the lines they run, exactly as CI does it
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/basedpyright
	$(BIN)/python -m pytest -q --cov --cov-report=
	$(BIN)/python tests/coverage_by_room.py

format: .venv/.dev  ## Format the code and sort its imports
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

gpu: .venv/.gpu  ## On a machine with a CUDA device: parity tests, then the benchmark
	$(BIN)/python -m pytest -q -m gpu
	$(BIN)/python -m engine.benchmark benchmark=full backend=cupy $(ARGS)

clean:  ## Remove .venv and caches; results stay
	rm -rf .venv .pytest_cache .ruff_cache .hypothesis .coverage htmlcov build dist *.egg-info

# Stamps inside .venv: a second call installs nothing, a changed pyproject.toml installs again.
.venv/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: Python 3.11 or newer is needed, $(PYTHON) is $$($(PYTHON) -V 2>&1 || true); try: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -m venv .venv || { echo "make: $(PYTHON) cannot make a virtual environment (on Debian and Ubuntu: apt install python3-venv)" >&2; exit 1; }
	@touch $@

.venv/.runtime: pyproject.toml | .venv/.created
	@echo "Installing dispersion-engine into .venv (first time only)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

.venv/.dev: pyproject.toml | .venv/.created
	@echo "Installing dispersion-engine and its development tools into .venv (first time only)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch .venv/.runtime $@

.venv/.gpu: pyproject.toml | .venv/.created
	@echo "Installing dispersion-engine with CuPy and the CUDA toolkit into .venv (first time only)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,gpu]'
	@touch .venv/.runtime .venv/.dev $@
