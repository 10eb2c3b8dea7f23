# `make` shows what there is. The two that matter: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip --disable-pip-version-check --quiet

.DEFAULT_GOAL := help
.PHONY: help setup setup-test demo test quick lint bench soak pins

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

setup: $(VENV)/.run ## Build the environment of the product; the command is then .venv/bin/recert

setup-test: $(VENV)/.test ## Build the environment of the tests as well
	@scripts/unpack-daemons.sh
	@scripts/install-identity-provider.sh

$(VENV)/.run: requirements.txt pyproject.toml scripts/install-system.sh
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; set PYTHON=..."; exit 1; }
	@scripts/install-system.sh run
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the pinned Python packages"
	@$(PIP) install --require-hashes -r requirements.txt
	@$(PIP) install --no-build-isolation --no-deps --editable .
	@touch $@

$(VENV)/.test: $(VENV)/.run requirements-dev.txt
	@scripts/install-system.sh test
	@$(PIP) install --require-hashes -r requirements-dev.txt
	@touch $@

demo: setup ## Run a whole fictitious company on this machine (http://127.0.0.1:8000)
	@exec $(BIN)/recert demo

test: setup-test lint ## Run all tests on SQLite and PostgreSQL, and the main job end to end
	@$(BIN)/pytest -n 2 --dist loadfile
	@$(BIN)/recert demo --check

quick: setup-test ## Run the fast tests on SQLite only (under a minute)
	@$(BIN)/pytest -n 2 --dist loadfile --db sqlite -m "not browser and not slow and not daemon"

lint: setup-test ## Check style, types, import contract and templates
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo >/dev/null || $(BIN)/lint-imports --no-logo
	@$(BIN)/djlint templates --lint --quiet
	@$(BIN)/python scripts/structure.py >/dev/null || $(BIN)/python scripts/structure.py

soak: setup-test ## The same tests with many more random worlds (minutes)
	@$(BIN)/pytest -n 2 --seeds 50 tests/connectors tests/daemons tests/evidence tests/changes
	@$(BIN)/pytest -n 2 --dist loadfile --everywhere -m one_database

bench: setup-test ## Measure against the raw driver; one JSON line each
	@$(BIN)/python -m bench

pins: setup-test ## Renew the pinned requirements
	@$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --upgrade --quiet --custom-compile-command "make pins" -o requirements.txt requirements.in
	@$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --upgrade --quiet --custom-compile-command "make pins" -o requirements-dev.txt requirements-dev.in
