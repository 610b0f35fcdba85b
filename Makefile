# Everything a newcomer needs: `make demo` and `make test` set up what they use.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.set-up
XDIST ?= auto

.PHONY: setup demo test lint bench evaluate sample clean
.DEFAULT_GOAL := help

help:
	@echo "make demo      compare the sample surveys and print what was found"
	@echo "make test      run the tests"
	@echo "make lint      ruff and mypy"
	@echo "make bench     speed and memory of a survey comparison"
	@echo "make evaluate  accuracy on planted change (needs real orthophotos, see README)"
	@echo "make sample    make the sample surveys again"

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "CityEye needs Python 3.11 or newer; set PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev]"
	@touch $(STAMP)

setup: $(STAMP)

demo: $(STAMP)
	$(BIN)/python scripts/demo.py

test: $(STAMP)
	$(BIN)/python -m pytest -n $(XDIST) --dist loadfile

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(STAMP)
	$(BIN)/python scripts/bench_survey.py

evaluate: $(STAMP)
	$(BIN)/python scripts/evaluate_survey.py

sample: $(STAMP)
	$(BIN)/python scripts/make_sample_survey.py

clean:
	rm -rf $(VENV) out build *.egg-info .pytest_cache .mypy_cache .ruff_cache
