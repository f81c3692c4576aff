# `make` lists the targets. Everything goes into .venv and SYNC_HOME (.sync).

VENV ?= .venv
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3.14 python3; do \
	command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$p && break; done)
PY = $(VENV)/bin/python
JOBS ?= 6
PYTEST = -n $(JOBS) --dist loadfile --no-loadscope-reorder --durations=25
SOURCES = manage.py syncapp syncproject monitoring tests requirements
REQUIREMENT = cd requirements && ../$(PY) -m uv pip compile --quiet --universal --python-version 3.11 \
	--no-emit-index-url --no-emit-find-links --no-header $(UPGRADE)

.DEFAULT_GOAL := help
.PHONY: help setup run test test-fast test-fresh test-long test-services test-versions chaos fuzz lint format openapi bench screenshots docs docs-serve requirements clean

help: ## List these targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' Makefile

setup: $(VENV)/run.stamp ## Ask for your two databases, try them, and write .env (ARGS="--yes --local-uri … --atlas-uri …")
	@exec "$(PY)" manage.py sync_wizard $(ARGS)

run: $(VENV)/run.stamp .docs/stamp ## Start everything (PORT, SYNC_HOME, MONGODB_URI, … as in .env.example); Ctrl-C stops it
	@exec "$(PY)" manage.py sync_run

test: $(VENV)/dev.stamp ## Run all tests, on real servers (ARGS="-k name" for some, JOBS=1 for one at a time)
	@"$(PY)" -m tests.support.parts
	@exec "$(PY)" -m pytest $(PYTEST) $(ARGS)

test-fast: $(VENV)/dev.stamp ## Run what tells most in three minutes: unit, model, API, properties by few examples
	@"$(PY)" -m tests.support.parts
	@HYPOTHESIS_PROFILE=fast exec "$(PY)" -m pytest $(PYTEST) -m "not slow" $(addprefix tests/,unit model api property) $(ARGS)

test-fresh: ## Try `make run` and `make test` in a minimal Debian (as root; FRESH_HOME=folder, USERS="tester root")
	@exec python3 -m tests.fresh $(USERS)

test-long: $(VENV)/dev.stamp ## Search for rare schedules for hours: properties, a long fuzz, a long chaos run
	HYPOTHESIS_PROFILE=long "$(PY)" -m pytest tests/property --timeout=14400 $(ARGS)
	SECONDS="$(or $(SECONDS),1800)" "$(PY)" -m tests.fuzz
	SECONDS="$(or $(SECONDS),1800)" "$(PY)" -m tests.chaos

test-services: $(VENV)/dev.stamp ## Integration tests with RabbitMQ and PostgreSQL (ARGS="tests/integration/test_wizard.py")
	@exec "$(PY)" -m tests.services $(ARGS)

test-versions: $(VENV)/dev.stamp ## Tests on MongoDB 4.4, 5.0 and 6.0, alone and mixed (ARGS="4.4.2/6.0.27 -k name")
	@exec "$(PY)" -m tests.versions $(ARGS)

chaos: $(VENV)/dev.stamp ## Inject faults and check that nothing is lost (DEVICES=3 SECONDS=600 SEED=1)
	@DEVICES="$(DEVICES)" SECONDS="$(SECONDS)" SEED="$(SEED)" exec "$(PY)" -m tests.chaos

fuzz: $(VENV)/dev.stamp ## Unusual operations on both sides; every difference must be explained (SECONDS=600 SEED=1 COUNT=250)
	@SECONDS="$(SECONDS)" SEED="$(SEED)" COUNT="$(COUNT)" exec "$(PY)" -m tests.fuzz

lint: $(VENV)/dev.stamp ## Check style, types, and which module imports which
	$(PY) -m ruff check $(SOURCES)
	$(PY) -m ruff format --check $(SOURCES)
	$(PY) -m mypy
	$(PY) -c "from importlinter.cli import lint_imports_command as check; check()"

format: $(VENV)/dev.stamp ## Format the code and fix what can be fixed automatically
	$(PY) -m ruff check --fix-only --quiet $(SOURCES)
	$(PY) -m ruff format $(SOURCES)

openapi: $(VENV)/dev.stamp ## Write docs/openapi.json again, as the code has it
	@"$(PY)" manage.py spectacular --format openapi-json --file docs/openapi.json

bench: $(VENV)/dev.stamp ## Measure throughput, latency and cost beside baselines (ARGS="--quick", ARGS=--help)
	@exec "$(PY)" -m tests.benchmarks $(ARGS)

screenshots: $(VENV)/dev.stamp ## Take the pictures of pages in docs/ again
	@SCREENSHOTS="docs/screenshots" exec "$(PY)" -m pytest -q tests/browser/test_screenshots.py

docs: $(VENV)/run.stamp ## Build the pages that are served at /docs/; a link that leads nowhere fails
	@docs/build.sh "$(abspath $(PY))"
	@touch .docs/stamp

docs-serve: docs ## Show the pages without anything else (DOCS_PORT=8000)
	@exec "$(PY)" -m http.server --bind 127.0.0.1 --directory .docs/site "$(or $(DOCS_PORT),8000)"

requirements: $(VENV)/dev.stamp ## Pin the packages again (UPGRADE=--upgrade for newer ones)
	$(REQUIREMENT) base.in -o base.txt
	$(REQUIREMENT) embedded.in -o embedded.txt
	$(REQUIREMENT) docs.in -o docs.txt
	$(REQUIREMENT) dev.in -o dev.txt

clean: ## Remove the environment, caches and SYNC_HOME's default folder
	rm -rf "$(VENV)" .sync .docs .mongod-versions .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache bench-results
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer was not found: install it, or name it with PYTHON=…" >&2; exit 1; }
	@$(PYTHON) -m venv "$(VENV)" >/dev/null 2>&1 || { rm -rf "$(VENV)"; \
		echo "$(PYTHON) cannot make a virtual environment: install its venv package (on Debian: apt-get install python3-venv)" >&2; exit 1; }

# A stamp is younger than what is installed: an unchanged second run installs nothing
$(VENV)/run.stamp: requirements/base.txt requirements/embedded.txt requirements/docs.txt requirements/install.py | $(VENV)/bin/python
	@echo "Installing …"
	@$(PY) requirements/install.py base.txt embedded.txt docs.txt
	@touch "$@"

# As long as nothing in docs/ has changed, nothing is built; without pages everything else works
.docs/stamp: $(VENV)/run.stamp $(shell find docs -type f)
	@docs/build.sh "$(abspath $(PY))" >/dev/null 2>&1 || echo "The pages at /docs/ could not be built: make docs says why"
	@mkdir -p .docs && touch "$@"

$(VENV)/dev.stamp: $(VENV)/run.stamp requirements/dev.txt
	@echo "Installing what tests and checks need …"
	@$(PY) requirements/install.py dev.txt
	@touch "$@"
