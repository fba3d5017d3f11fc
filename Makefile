# Everything sets itself up: on a machine with Python >= 3.11, git and make, start with `make demo` or `make test`.
.DEFAULT_GOAL := help
.PHONY: help setup demo test check proto errors-page pictures map bench bench-long fuzz storm serve
SHELL := /bin/sh
BIN := .venv/bin
READY := .venv/.ready
SOURCES := $(wildcard statemachine service tests bench clients/python/src/statewright)
ARGS ?=
# Python keeps what it compiles: without that every server of every test is compiled again, two thirds of its start.
unexport PYTHONDONTWRITEBYTECODE

help: ## the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 12

setup: $(READY) ## the environment in .venv, with locked versions

$(READY): uv.lock pyproject.toml clients/python/pyproject.toml scripts/setup.sh
	@echo "Setting up .venv ..."
	@PYTHON="$(PYTHON)" sh scripts/setup.sh
	@touch $@

demo: $(READY) ## a real server, real workflows, days in seconds
	@$(BIN)/statewright demo $(ARGS)

serve: $(READY) ## a development server on 127.0.0.1:50051
	@$(BIN)/statewright serve --dev $(ARGS)

test: $(READY) ## every test; of the storm a light form
	PYTHONHASHSEED=0 $(BIN)/pytest tests -n 2 --dist loadfile --no-loadscope-reorder -q $(ARGS)

storm: $(READY) ## kills and crashes under load, at full length
	STATEWRIGHT_STORM=full $(BIN)/pytest tests/storm -q $(ARGS)

fuzz: $(READY) ## strange definitions, chaos, and properties with fresh examples, for a minute; ARGS="--seconds 600"
	@$(BIN)/python -m tests.fuzz $(ARGS)

check: $(READY) ## format, lint, types, layers, protos
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy $(SOURCES)
	$(BIN)/lint-imports --no-logo
	sh scripts/proto-check.sh

proto: $(READY) ## the generated Python of protos/
	sh scripts/proto.sh clients/python/src

errors-page: $(READY) ## docs/errors.md from the table of codes
	@$(BIN)/python -m tests.docs.errors_page

pictures: $(READY) ## docs/pictures from the examples
	@$(BIN)/python -m tests.docs.pictures

map: $(READY) ## every file and what it is about; ARGS="wait" for those about waits
	@$(BIN)/python -m tests.docs.module_map $(ARGS)

bench: $(READY) ## speed beside raw SQL
	@$(BIN)/python -m bench $(ARGS)

bench-long: $(READY) ## the same, longer
	@$(BIN)/python -m bench --long $(ARGS)
