# Everything a newcomer needs: `make demo` and `make test` set up what they use.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.set-up
XDIST ?= auto
# Training wants CUDA's torch and the OpenCV with windows, rendering wants an older NumPy than
# OpenCV does: each has an environment of its own, and the product's stays small.
TRAIN_VENV := .venv-train
TRAIN_STAMP := $(TRAIN_VENV)/.set-up
RENDER_VENV := .venv-render
RENDER_STAMP := $(RENDER_VENV)/.set-up

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

$(TRAIN_STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(TRAIN_VENV)
	$(TRAIN_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[train,dev]"
	@touch $(TRAIN_STAMP)

$(RENDER_STAMP): datasets/scenes/requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || \
		{ echo "Blender's module needs Python 3.11; set PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(RENDER_VENV)
	$(RENDER_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --requirement datasets/scenes/requirements.txt
	@touch $(RENDER_STAMP)

setup: $(STAMP)

setup-train: $(TRAIN_STAMP)

setup-render: $(RENDER_STAMP)

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
