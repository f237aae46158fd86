# Everything a developer does with Confab. `make help` lists it.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help dev check test properties faults fuzz hostile bench bench-functions cost doctor lint format types imports build reset clean install lock audit deploy-check deploy prove destroy startable new-enough

PYTHON ?= python3
BIN := .venv/bin
FIRST := $(or $(wildcard $(BIN)/python),$(PYTHON))
PY_STAMP := .venv/.installed
PATH_STAMP := .venv/.importable
JS_STAMP := node_modules/.installed
CLIENT := public/client/dist/index.js
BUNDLE := public/app.bundle.js
RENDERER := public/reference/redoc.bundle.js
CLIENT_REFERENCE := public/reference/client/index.html
DEPLOY := PATH="$(CURDIR)/node_modules/.bin:$$PATH" $(BIN)/python -m infra.deploy
# Hundreds of processes start: each would compile Confab again where nothing may write bytecode.
PYTEST := env -u PYTHONDONTWRITEBYTECODE $(BIN)/pytest --dist loadscope --no-loadscope-reorder
LOCK := $(BIN)/uv pip compile --quiet --no-config --universal --python-version 3.11 --generate-hashes --only-binary=:all: --emit-build-options --no-emit-index-url --no-annotate --no-strip-extras --custom-compile-command "make lock"
SOURCES := functions infra tests
STARTS_NOTHING := $(filter -h --help --reset,$(ARGS))
LACKING := $(if $(PROJECT),,$(patsubst %,% PROJECT=my-project,$(filter deploy-check deploy prove destroy,$(MAKECMDGOALS))))
$(if $(strip $(LACKING)),$(error say which: make $(strip $(LACKING))))

##@ Try it

dev: $(if $(STARTS_NOTHING),new-enough,startable install build)  ## run the whole system on loopback until Ctrl-C; ARGS=--move takes free ports
	@exec $(if $(STARTS_NOTHING),$(FIRST),$(BIN)/python) -m infra.local $(ARGS)

reset: new-enough  ## empty .confab/: conversations, users, logs
	@$(FIRST) -m infra.local --reset

##@ Develop

check: install $(CLIENT)  ## lint, types, imports, and the tests that start no server; a minute
	@echo "lint, types, imports, unit tests and the contracts on memory: up to a minute"
	@$(MAKE) --no-print-directory -j2 lint types imports
	@$(PYTEST) -n $(or $(WORKERS),2) -q tests/unit tests/contract -k "unit or [memory or test_answers" $(PYTEST_ARGS)

test: install build  ## lint, types, imports and every test, with coverage; some 8 minutes
	@$(BIN)/python -m tests.support.prerequisites
	@$(MAKE) --no-print-directory -j2 lint types imports
	@$(PYTEST) -n $(or $(WORKERS),3) --cov --cov-report=term:skip-covered --cov-fail-under=95 $(PYTEST_ARGS)

properties: install  ## the property tests with 2,000 examples each; `make test` tries 100
	@$(PYTEST) -n $(or $(WORKERS),2) -q tests/unit -m hypothesis --hypothesis-profile=thorough --timeout=3600 $(PYTEST_ARGS)

lint: install  ## style and formatting, without changing a file
	@$(BIN)/ruff check $(SOURCES)
	@$(BIN)/ruff format --check $(SOURCES)

format: install  ## format the Python code and fix what ruff can fix
	@$(BIN)/ruff check --fix $(SOURCES)
	@$(BIN)/ruff format $(SOURCES)

types: install  ## mypy --strict
	@$(BIN)/mypy

imports: install  ## the direction of the imports
	@$(BIN)/lint-imports

##@ Measure

faults: install  ## break everything under load and account for every entry; SEED= MINUTES=
	@$(BIN)/python -m tests.faults.storm $(SEED:%=--seed %) $(MINUTES:%=--minutes %)

fuzz: install  ## send the sockets, the operations and the parsers anything; SEED= MINUTES= FUZZ_ARGS=
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r tests/fuzz/requirements.txt
	@$(PYTEST) -q tests/unit/test_socketio_core.py --hypothesis-profile=thorough --timeout=3600 $(SEED:%=--hypothesis-seed=%)
	@$(BIN)/python -m tests.fuzz $(SEED:%=--seed %) $(MINUTES:%=--minutes %) $(FUZZ_ARGS)

hostile: install  ## attack a real system beside a well-behaved pair of users; SEED= HOSTILE_ARGS=
	@$(BIN)/python -m tests.hostile $(SEED:%=--seed %) $(HOSTILE_ARGS)

bench: install  ## delivery, beside Socket.IO for Node; BENCH_ARGS=
	@$(BIN)/python -m tests.bench --write $(BENCH_ARGS)

bench-functions: install  ## cold start and cost of a request of each function, beside a bare one; BENCH_ARGS=
	@$(BIN)/python -m tests.bench.functions $(BENCH_ARGS)

cost: install  ## compute the tables of docs/cost.md again
	@$(BIN)/python -m infra.cost --write

##@ Deploy and operate

deploy-check: install  ## list what a deployment, and then your app's site, lacks; PROJECT=
	@$(DEPLOY) check $(PROJECT:%=--project %) $(ARGS)

deploy: install build  ## deploy beside your app, touching no Hosting site; PROJECT= ARGS=--dry-run
	@$(DEPLOY) up $(PROJECT:%=--project %) $(ARGS)

prove: install build  ## deploy to an EMPTY project, measure from outside, write docs/proof, destroy; PROJECT=
	@$(DEPLOY) prove $(PROJECT:%=--project %) $(ARGS)

doctor: install  ## diagnose a running system and suggest fixes; PROJECT= DOCTOR_ARGS=
	@$(BIN)/python -m infra.probes $(PROJECT:%=--project %) $(DOCTOR_ARGS)

destroy: install  ## destroy a deployment; PROJECT=
	@$(DEPLOY) destroy $(PROJECT:%=--project %) $(ARGS)

##@ Maintain

install: $(PY_STAMP) $(PATH_STAMP) $(JS_STAMP)  ## create the virtual environment and node_modules

lock: install  ## pin what pyproject.toml asks for, with hashes; ARGS=--upgrade takes newer indirect packages
	@$(LOCK) --group dev --output-file requirements-dev.txt $(ARGS)
	@$(LOCK) --group runtime --constraint requirements-dev.txt --output-file functions/requirements.txt $(ARGS)

audit: install  ## ask the registries which locked packages have known vulnerabilities; fails, too, if they cannot say
	@$(BIN)/python -m infra.audit

build: $(CLIENT) $(BUNDLE) $(RENDERER) $(CLIENT_REFERENCE)  ## build the client packages, the web app and the references

clean:  ## delete what these commands created, except .confab/
	@rm -rf .venv node_modules tests/bench/node/node_modules functions/venv public/*/dist public/reference/client $(BUNDLE) $(RENDERER) .coverage .mypy_cache .ruff_cache .pytest_cache .hypothesis

help:  ## list these targets
	@awk -F':.*## ' '/^##@ / { print "\n" substr($$0, 5) } /^[a-z-]+:.*## / { printf "  %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# The local stack's own program needs no package, so what keeps it from starting is said before the installation.
startable: new-enough
	@$(FIRST) -m infra.local --check $(ARGS)

new-enough:
	@$(FIRST) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, and $(FIRST) is " + sys.version.split()[0] + ": make $(MAKECMDGOALS) PYTHON=python3.11")'

$(PY_STAMP): requirements-dev.txt | new-enough
	@echo "installing Python packages into .venv"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-dev.txt
	@ln -sfn ../.venv functions/venv
	@touch $@

# `python -m infra.…` and `python -m confab.…` find the code: a line relative to the folder of the packages.
# `confab` is what installing the client makes of its entry point.
$(PATH_STAMP): $(PY_STAMP) functions/confab_client/pyproject.toml
	@$(BIN)/python -c 'import pathlib, sysconfig; pathlib.Path(sysconfig.get_path("purelib"), "confab.pth").write_text("../../../../functions\n")'
	@printf '#!/bin/sh\nexec "$${0%%/*}/python" -m confab_client.cli "$$@"\n' > $(BIN)/confab && chmod +x $(BIN)/confab
	@touch $@

$(JS_STAMP): package.json package-lock.json .npmrc
	@echo "installing Node packages into node_modules"
	@npm ci --ignore-scripts --no-fund --no-audit --loglevel=error
	@touch $@

# The packages first: the page, the examples and the tests import what is built.
$(CLIENT): $(JS_STAMP) $(shell find public/client public/react -type f -not -path '*/dist/*' -not -path '*/node_modules/*' 2>/dev/null)
	@npm run --silent build:packages
	@touch $@

$(BUNDLE): $(CLIENT) $(shell find public/src -type f)
	@npm run --silent build:page -- --log-level=warning

$(RENDERER): $(JS_STAMP)
	@cp node_modules/redoc/bundles/redoc.standalone.js $@

$(CLIENT_REFERENCE): $(CLIENT) typedoc.json
	@npm run --silent build:reference
