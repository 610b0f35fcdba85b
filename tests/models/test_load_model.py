"""The load-state classifier that ships: its file is what its card says, and it does its work."""

import os
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets.classes import LOAD_STATES
from models.cards import read_card
from models.registry import SHIPPED_FOLDER, RegisteredModel
from models.runtime import RuntimeOptions
from vision.camera.load_state import LoadStateClassifier

FOLDER = SHIPPED_FOLDER / "load"
SHARED = Path(os.environ.get("CITYEYE_SHARED", Path(__file__).resolve().parents[2] / "../shared"))
FRAMES = SHARED / "data" / "cctv" / "fixedcam_street_seq" / "images"
# Some labelled boxes of the empty tipper: frame, x1 y1 x2 y2 in pixels.
EMPTY = {"013": (783, 190, 914, 318), "015": (829, 262, 979, 429), "019": (839, 323, 1008, 551)}


@pytest.fixture(scope="module")
def model():
    return RegisteredModel(read_card(FOLDER / "card.yaml"), FOLDER)


@pytest.fixture(scope="module")
def classifier(model):
    return LoadStateClassifier(model, options=RuntimeOptions(threads=1))


def test_card_and_file_agree(model):
    model.verify()
    assert tuple(model.card.classes) == LOAD_STATES
    assert (FOLDER / model.card.file).stat().st_size < 6_000_000


def test_the_card_says_what_the_model_learned_from(model):
    text = " ".join(model.card.limits)
    for word in ("rendered", "pilot", "review", "train again"):
        assert word in text
    assert {metric.key for metric in model.card.metrics} >= {
        "rendered_test",
        "fixedcam_tippers",
        "photos",
    }


def test_the_confusion_on_the_card_gives_its_accuracy(model):
    measured = next(m for m in model.card.metrics if m.key == "rendered_test").measured
    rows = measured["confusion"]
    assert sum(sum(row.values()) for row in rows.values()) == measured["crops"]
    right = sum(row.get(state, 0) for state, row in rows.items())
    assert measured["accuracy"] == pytest.approx(right / measured["crops"], abs=0.001)


def test_crops_of_any_shape_get_probabilities(classifier):
    frame = np.random.default_rng(0).integers(0, 255, (120, 400, 3), np.uint8)
    boxes = np.array([[0, 0, 400, 20], [-5, -5, 12, 110], [100, 50, 101, 52]], np.float32)
    found = classifier.classify(frame, boxes)
    assert found.shape == (3, len(LOAD_STATES))
    assert found.sum(axis=1) == pytest.approx(np.ones(3), abs=1e-4)


@pytest.mark.real
def test_a_real_empty_tipper_is_called_empty_by_majority(classifier):
    if not FRAMES.is_dir():
        pytest.skip(f"needs the street camera's frames in {FRAMES}; set CITYEYE_SHARED")
    votes = Counter()
    for frame, box in EMPTY.items():
        picture = cv2.cvtColor(cv2.imread(str(FRAMES / f"{frame}.jpg")), cv2.COLOR_BGR2RGB)
        row = classifier.classify(picture, np.array([box], np.float32))[0]
        votes[LOAD_STATES[int(row.argmax())]] += 1
    assert votes.most_common(1)[0][0] == "empty"
