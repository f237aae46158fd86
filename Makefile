# Everything a developer does with Confab. `make help` lists it.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help dev test faults unit lint format types imports build reset clean install

PYTHON ?= python3
BIN := .venv/bin
PY_STAMP := .venv/.installed
JS_STAMP := node_modules/.installed
BUNDLE := public/app.bundle.js
REQUIREMENTS := requirements-dev.txt infra/realtime-requirements.txt functions/requirements.txt constraints.txt
SOURCES := functions infra tests

help:  ## list these targets
	@awk -F':.*## ' '/^[a-z]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

dev: install build  ## run the whole system on loopback; Ctrl-C stops it
	@exec $(BIN)/python -m infra.local

test: lint types imports build  ## lint, types, imports and every test, with coverage
	@$(BIN)/pytest --cov --cov-report=term:skip-covered --cov-fail-under=95 $(PYTEST_ARGS)

faults: install  ## the storm: break everything under load, account for every entry; SEED= MINUTES=
	@PYTHONPATH=functions $(BIN)/python -m tests.faults.storm $(SEED:%=--seed %) $(MINUTES:%=--minutes %) $(FAULTS_ARGS)

unit: install  ## only the unit tests, in seconds
	@$(BIN)/pytest -q tests/unit

lint: install  ## style, and formatting
	@$(BIN)/ruff check $(SOURCES)
	@$(BIN)/ruff format --check $(SOURCES)

format: install  ## format the Python code and fix what can be fixed
	@$(BIN)/ruff check --fix $(SOURCES)
	@$(BIN)/ruff format $(SOURCES)

types: install  ## mypy --strict
	@$(BIN)/mypy

imports: install  ## the direction of the imports
	@PYTHONPATH=functions $(BIN)/lint-imports

build: $(BUNDLE)  ## bundle the web app

reset: install  ## empty .confab/: conversations, users, logs
	@$(BIN)/python -m infra.local --reset

clean:  ## delete what these commands made, except .confab/
	@rm -rf .venv node_modules functions/venv $(BUNDLE) .coverage .mypy_cache .ruff_cache .pytest_cache .hypothesis

install: $(PY_STAMP) $(JS_STAMP)  ## the virtual environment and node_modules

$(PY_STAMP): $(REQUIREMENTS)
	@echo "installing Python packages into .venv"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt -c constraints.txt
	@ln -sfn ../.venv functions/venv
	@touch $@

$(JS_STAMP): package.json package-lock.json .npmrc
	@echo "installing Node packages into node_modules"
	@npm ci --ignore-scripts --no-fund --no-audit --loglevel=error
	@touch $@

$(BUNDLE): $(JS_STAMP) $(shell find public/src public/confab public/confab.js -type f)
	@npm run --silent build -- --log-level=warning
