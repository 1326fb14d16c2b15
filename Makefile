# Needs only make and Python >= 3.11; everything else is installed into .venv, once.
# NO_INSTALL=1 installs nothing: $(PYTHON) runs this checkout with the packages it has, PYTHONPATH included.
PYTHON ?= python3
ARGS ?=
# Versions that installs keep to, so that all have what CI has; LOCK= takes the newest that pyproject.toml allows.
LOCK ?= constraints.txt
# TYPES=no checks no types: those of libraries are as the versions in LOCK have them, older ones say less of theirs.
TYPES ?=
ifdef NO_INSTALL
RUN := PYTHONPATH="$(CURDIR):$(CURDIR)/engine/plugins:$$PYTHONPATH" $(PYTHON)
else
BIN := .venv/bin
RUN := $(BIN)/python
INSTALL := $(RUN) -m pip install --quiet --disable-pip-version-check $(if $(LOCK),--constraint $(LOCK))
RUNTIME := .venv/.runtime
DEV := .venv/.dev
DOCS := .venv/.docs
GPU := .venv/.gpu
endif

.DEFAULT_GOAL := help
.PHONY: help backtest correlate docs test attack matrix lock audit format gpu clean

help:  ## List the targets
	@grep -E '^[a-z]+:.*## ' $(firstword $(MAKEFILE_LIST)) | sed -E 's/:.*## /|/' | awk -F'|' '{printf "  make %-11s %s\n", $$1, $$2}'

backtest: $(RUNTIME)  ## Backtest on the built-in synthetic market (ARGS="strategy=rich_correlation ..." to vary)
	@$(RUN) -m engine.run $(ARGS)

correlate: $(RUNTIME)  ## Implied correlation of every date, tenor and delta (ARGS="market=... market.path=...")
	@$(RUN) -m engine.correlate $(ARGS)

docs: $(DOCS)  ## Build the documentation into results/site
	$(RUN) -m mkdocs build --quiet --strict --config-file engine/mkdocs.yml
	@echo "Documentation: results/site/index.html"

test: $(DEV)  ## Lint, format check, type check, all tests and the lines they run, exactly as CI does it
	$(RUN) -m ruff check
	$(RUN) -m ruff format --check
	$(if $(filter no,$(TYPES)),,$(RUN) -m basedpyright --pythonpath "$$($(RUN) -c 'import sys; print(sys.executable)')")
	$(RUN) -m pytest -q -n auto --dist loadfile --cov --cov-report=
	$(RUN) tests/coverage_by_room.py

matrix: $(DEV)  ## Backtest and test fresh copies under every Python found, with the newest and the oldest packages
	@$(RUN) tests/matrix.py

lock: $(DEV)  ## Write the newest versions that fit together into constraints.txt, which installs keep to
	$(RUN) -m uv pip compile --quiet --universal --no-header --no-annotate --upgrade --extra dev --extra gpu --extra docs pyproject.toml --output-file constraints.txt

attack: $(DEV)  ## Kill, damage, poison, fill disks and misspell; print what survived (ARGS="--seed 1", minutes)
	@$(RUN) -m tests.attack $(ARGS)

audit: $(DEV)  ## Look up known vulnerabilities of the versions in constraints.txt
	$(RUN) -m pip_audit --requirement constraints.txt --no-deps --disable-pip

format: $(DEV)  ## Format the code and sort its imports
	$(RUN) -m ruff check --fix
	$(RUN) -m ruff format

gpu: $(GPU)  ## On a machine with a CUDA device: parity tests, then the benchmark (without a network: NO_INSTALL=1)
	$(RUN) -m pytest -q -m gpu
	$(RUN) -m engine.benchmark benchmark=full backend=cupy $(ARGS)

clean:  ## Remove .venv and caches; results stay
	rm -rf .venv .pytest_cache .ruff_cache .hypothesis .coverage htmlcov build dist *.egg-info

# Stamps inside .venv: a second call installs nothing, a changed pyproject.toml installs again.
.venv/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: Python 3.11 or newer is needed, $(PYTHON) is $$($(PYTHON) -V 2>&1 || true); try: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -m venv .venv || { echo "make: $(PYTHON) cannot make a virtual environment (on Debian and Ubuntu: apt install python3-venv)" >&2; exit 1; }
	@touch $@

.venv/.runtime: pyproject.toml $(LOCK) | .venv/.created
	@echo "Installing dispersion-engine into .venv (first time only: about a minute)"
	@$(INSTALL) --editable .
	@touch $@

.venv/.dev: pyproject.toml $(LOCK) | .venv/.created
	@echo "Installing dispersion-engine and its development tools into .venv (first time only: a few minutes)"
	@$(INSTALL) --editable '.[dev]'
	@touch .venv/.runtime $@

.venv/.docs: pyproject.toml $(LOCK) | .venv/.created
	@echo "Installing dispersion-engine and what builds its documentation into .venv (first time only: about a minute)"
	@$(INSTALL) --editable '.[docs]'
	@touch .venv/.runtime $@

.venv/.gpu: pyproject.toml $(LOCK) | .venv/.created
	@echo "Installing dispersion-engine with CuPy and the CUDA toolkit into .venv (first time only: some minutes)"
	@$(INSTALL) --editable '.[dev,gpu]'
	@touch .venv/.runtime .venv/.dev $@
