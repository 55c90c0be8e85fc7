# `make demo` and `make test` do all the set-up themselves, in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test conformance lint format docs examples clean help

help: ## show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(READY): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("ivan needs Python 3.11 or newer; try make PYTHON=python3.11") if sys.version_info < (3, 11) else 0'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "pip>=25.1"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable . --group dev
	@touch $@

demo: $(READY) ## verify a model, update it, verify the update from the proof
	$(BIN)/python benchmarks/demo.py

test: $(READY) ## run all tests
	$(BIN)/python -m pytest -q --numprocesses auto --dist loadfile

conformance: $(READY) ## run the outside test suite of VNN-LIB 2.0 (some minutes)
	$(BIN)/python benchmarks/conformance.py

lint: $(READY) ## formatter, linter and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(READY) ## put everything into shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(READY) ## write docs/commands.md again from the program
	$(BIN)/python docs/generate_commands.py

examples: $(READY) ## train the example models again
	$(BIN)/python vnnlib_examples/make_examples.py

clean: ## remove what the targets above made
	rm -rf $(VENV) build .mypy_cache .ruff_cache .pytest_cache .hypothesis
