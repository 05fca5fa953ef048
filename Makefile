# The words of this project. `make demo` and `make test` are all that a fresh machine needs (Python 3.11 and make).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
ARGS ?=

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore

.PHONY: demo test check bench chaos fuzz score dev servers lock clean help

help: ## this list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: $(READY) ## broker, database, all services and a simulated site, until Ctrl-C (ARGS="--for 60 --json")
	@$(BIN)/cranewatch demo $(ARGS)

test: $(READY) servers ## the whole suite, on real servers (ARGS="-k overload")
	$(BIN)/pytest --numprocesses 3 --dist loadfile $(ARGS)

check: $(READY) ## lint, format, types, import contracts, generated docs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m scripts.wire_docs --check
	$(BIN)/python -m scripts.alarm_docs --check
	$(BIN)/python -m scripts.rule_docs --check
	$(BIN)/python -m scripts.site_docs --check
	$(BIN)/python -m scripts.catalogues --check

bench: $(READY) servers ## measurements, side by side in one run; results go to docs/benchmarks.md by hand
	$(BIN)/python -m bench $(ARGS)

chaos: $(READY) servers ## a campaign of faults on real servers, and an audit of what is left (ARGS="--seed 7 --json")
	@$(BIN)/cranewatch chaos $(ARGS)

fuzz: $(READY) ## coverage-guided fuzzing, a minute a target (ARGS="services --seconds 600")
	@$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements-fuzz.lock
	@if [ -n "$(ARGS)" ]; then $(BIN)/python -m tests.fuzz $(ARGS); else \
	  for target in frame payload topic services packets; do $(BIN)/python -m tests.fuzz $$target || exit 1; done; fi

score: $(READY) ## labelled scenarios: the alarm engine and three rivals on the same data (ARGS="--seed 7 --json")
	@$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements-score.lock
	@$(BIN)/cranewatch score $(ARGS)

dev: $(READY) servers ## everything a contributor needs, and no more
	@echo "ready: $(BIN)/cranewatch --help, $(BIN)/pytest, make check"

servers: ## TimescaleDB, Mosquitto, Chromium from Debian, where that is possible
	@bash scripts/servers.sh

lock: ## exact versions into requirements.lock (needs uv)
	uv pip compile pyproject.toml --extra embedded --group dev --universal --python-version 3.11 \
	  --generate-hashes --no-header --quiet --output-file requirements.lock
	uv pip compile --group fuzz --universal --python-version 3.11 \
	  --generate-hashes --no-header --quiet --output-file requirements-fuzz.lock
	uv pip compile --group score --constraint requirements.lock --universal --python-version 3.11 \
	  --generate-hashes --no-header --quiet --output-file requirements-score.lock

$(READY): requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing exact versions from requirements.lock into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements.lock
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

clean: ## remove what was built here
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
