# One command for each thing.  Everything is installed in .venv, which is made when it is missing
# and brought up to date when pyproject.toml changes.

# The newest Python that really runs (a version manager may put names on the path that do not).
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo "$$p" && break; done)
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
PYTEST := $(BIN)/python -m pytest
DATA ?= faunadb-data
PORT ?= 3306

.DEFAULT_GOAL := help
.PHONY: help demo install serve test test-long bench check format docs clean

help: ## what each target does
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: .venv/.compiled ## the blog, shop and inventory scenarios on a fresh server
	$(BIN)/faunadb demo

install: .venv/.compiled ## install FaunaDB in .venv
	@echo "installed: $(BIN)/faunadb"

serve: .venv/.compiled ## run a server (DATA=directory PORT=number)
	$(BIN)/faunadb serve --data $(DATA) --port $(PORT)

test: .venv/.tests ## every test except the long ones
	$(PYTEST) -m "not long" $(ARGS)

test-long: .venv/.tests ## the long tests too: compliance suites, 50 crashes, longer fuzzing
	$(PYTEST) $(ARGS)

bench: .venv/.bench ## compare speed with MariaDB on this machine
	$(BIN)/python -m bench $(ARGS)

check: .venv/.dev ## format, lint, types
	$(BIN)/ruff format --check bench tests
	$(BIN)/ruff check .
	$(BIN)/mypy

format: .venv/.dev ## rewrite the tests and the benchmark in the house format
	$(BIN)/ruff format bench tests

docs: .venv/.tests ## regenerate the reference pages that come from code
	$(BIN)/python -m fauna.settings > docs/reference/settings.md
	$(BIN)/python -m tests.scripts.compatibility > docs/reference/compatibility.md

clean: ## remove what these targets made
	find src -name '*.so' -delete
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache tests/drivers/node/node_modules

# --- stamps: each says "this was installed after pyproject.toml last changed" ---------------------------------------

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed (PYTHON=... names it)"; exit 1; }
	@$(PYTHON) -m venv .venv 2>/dev/null || { rm -rf .venv; test "$$(id -u)" = 0 && apt-get update -q >/dev/null && \
		DEBIAN_FRONTEND=noninteractive apt-get install -y -q python3-venv >/dev/null && $(PYTHON) -m venv .venv; } || \
		{ echo "cannot make .venv: install Python's venv module (Debian: python3-venv)"; exit 1; }

.venv/.installed: pyproject.toml | .venv/bin/python
	@echo "installing FaunaDB in .venv"
	@$(PIP) --upgrade pip setuptools wheel
	@$(PIP) --editable .
	@touch $@

# The hot path, compiled; FAUNA_COMPILE=0 leaves it out.
.venv/.compiled: .venv/.installed tools/compile.py $(shell $(PYTHON) tools/compile.py --list 2>/dev/null)
	@test "$(FAUNA_COMPILE)" = 0 || { PYTHON=$(BIN)/python tools/system_packages.sh compile; $(PIP) --editable '.[compile]'; }
	@$(BIN)/python tools/compile.py
	@touch $@

.venv/.tests: .venv/.compiled pyproject.toml tools/system_packages.sh tests/drivers/node/package.json
	@PYTHON=$(BIN)/python tools/system_packages.sh test
	@$(PIP) --editable '.[test]'
	@$(PIP) --editable '.[native]' 2>/dev/null || echo "mysqlclient could not be compiled: its tests are skipped"
	@if command -v npm >/dev/null; then cd tests/drivers/node && npm install --silent --no-audit --no-fund --no-package-lock >/dev/null || \
		echo "mysql2 could not be installed: the tests of Node's driver are skipped"; fi
	@touch $@

.venv/.bench: .venv/.compiled pyproject.toml tools/system_packages.sh
	@PYTHON=$(BIN)/python tools/system_packages.sh bench
	@$(PIP) --editable '.[bench]'
	@touch $@

.venv/.dev: .venv/.installed pyproject.toml
	@$(PIP) --editable '.[dev]'
	@touch $@
