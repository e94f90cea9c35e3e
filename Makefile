# What one can ask of this repository; `make` alone lists it.
#
# `install` makes .venv with the tested versions of constraints.txt, and does so again only when
# pyproject.toml or constraints.txt has changed. On Windows, do by hand what its recipe does.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
EXECUTED := build/notebooks
NOTEBOOKS := $(wildcard notebooks/*.ipynb)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install demo expectations docs test bench scale check format notebooks notebooks-run clean

help: ## list the targets
	@awk -F ':[^#]*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

install: $(STAMP) ## make .venv and install the package into it, editable, with all tools

$(STAMP): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || \
	  { echo "make: PYTHON: '$(PYTHON)' was not found: set it, as in make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "make: PYTHON: '$(PYTHON)' is older than 3.11: set it, as in make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "make: '$(PYTHON)' has no venv: on Debian, apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	  --constraint constraints.txt --editable '.[dev,notebooks,cluster]'
	@touch $@

demo: install ## run the main job: the answer, its table, charts and page go to demo/
	$(BIN)/mailflow compare --out demo

expectations: install ## check what every scenario expects of itself, and write what came out to scenarios/README.md
	$(BIN)/mailflow test scenarios --table scenarios/README.md

docs: install ## write the pages of docs/ that the program makes itself
	$(BIN)/mailflow show assumptions > docs/assumptions.md
	$(BIN)/mailflow show measures > docs/measures.md

test: install ## run the tests; ARGS goes to pytest, as in make test ARGS='-m "not wheel"'
	$(BIN)/pytest $(ARGS)

bench: install ## measure speed and memory, some minutes; ARGS goes to it, as in make bench ARGS='--only story'
	KERNEL_EXAMPLES=20000 $(BIN)/pytest -q tests/test_kernel.py
	$(BIN)/python -m bench $(ARGS)

scale: install ## measure time and memory of a thousand to a million mailboxes, and write chart and table into docs/; two minutes
	$(BIN)/python -m bench.scale docs

check: install ## format, lint, types, layers, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@$(MAKE) --no-print-directory test

format: install ## put the code into the one format, and correct what can be corrected
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

notebooks: install ## open the notebooks in Jupyter Lab
	$(BIN)/jupyter lab --notebook-dir=notebooks

notebooks-run: install ## execute every notebook; the results go to build/notebooks/
ifeq ($(NOTEBOOKS),)
	@echo "notebooks/ holds no notebook"
else
	@mkdir -p $(EXECUTED)
	$(BIN)/jupyter nbconvert --log-level=WARN --to notebook --execute \
	  --ExecutePreprocessor.timeout=900 --output-dir=$(EXECUTED) $(NOTEBOOKS)
endif

clean: ## remove all that the targets above have made
	rm -rf $(VENV) demo build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find sim tests bench -name __pycache__ -type d -prune -exec rm -rf {} +
