"""A real street: one car stands on the pavement for good, everything else waits or passes."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.cards import read_card
from models.registry import SHIPPED_FOLDER, RegisteredModel
from models.runtime import RuntimeOptions
from vision.camera import boxes
from vision.camera.appearance import describe
from vision.camera.association import Association
from vision.camera.config import Camera
from vision.camera.detector import Detector
from vision.camera.events import Observation, Step
from vision.camera.rules import ZoneBook

SHARED = Path(os.environ.get("CITYEYE_SHARED", Path(__file__).resolve().parents[4] / "../shared"))
FOLDER = SHARED / "data" / "cctv" / "fixedcam_street_seq"
SIZE_WH = (1920, 1080)
HALF_WH = (960, 540)  # enough to tell looks apart, and 74 of them fit into memory
STANDING = (429 / 1920, 125 / 1080, 495 / 1920, 197 / 1080)
STEP_S = 10.0  # the stills' real spacing is not known
NAMES = ("two_wheeler", "bus", "car", "truck")
START = datetime(2026, 11, 22, tzinfo=UTC)
pytestmark = pytest.mark.real


def camera(dwell_s):
    pavement = [[0.20, 0.10], [0.28, 0.10], [0.28, 0.22], [0.20, 0.22]]
    lanes = [[0.28, 0.05], [0.42, 0.05], [0.60, 1.0], [0.0, 1.0], [0.24, 0.30]]
    zones = [
        {"name": name, "kind": "no_parking", "dwell_s": dwell_s, "polygon": polygon}
        for name, polygon in (("pavement", pavement), ("lanes", lanes))
    ]
    return Camera.model_validate({"id": "street", "name": "street", "zones": zones})


@pytest.fixture(scope="module")
def stills():
    paths = sorted(FOLDER.glob("images/*.jpg"))
    if not paths:
        pytest.skip(f"needs the street camera's frames in {FOLDER}; set CITYEYE_SHARED")
    assert len(paths) == 74
    return [(path, cv2.resize(read(path), HALF_WH, interpolation=cv2.INTER_AREA)) for path in paths]


def read(path):
    return cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)


def labelled(path):
    text = (path.parents[1] / "labels" / f"{path.stem}.txt").read_text()
    for line in text.splitlines():
        kind, x, y, w, h = (float(part) for part in line.split())
        yield NAMES[int(kind)], 0.9, (x - w / 2, y - h / 2, x + w / 2, y + h / 2)


def detected(detector, path):
    found = detector.detect(read(path))
    for name, score, box in zip(found.names, found.scores, found.boxes_xyxy, strict=True):
        yield name, float(score), tuple(float(v) for v in box / (SIZE_WH * 2))


@pytest.fixture(scope="module", params=["labels", "detector"])
def observations(request, stills):
    if request.param == "labels":
        see = labelled
    else:
        folder = SHIPPED_FOLDER / "street"
        model = RegisteredModel(read_card(folder / "card.yaml"), folder)
        detector = Detector(model, options=RuntimeOptions(threads=1))

        def see(path):
            return detected(detector, path)

    return [
        [Observation(name, score, box, describe(rgb, box)) for name, score, box in see(path)]
        for path, rgb in stills
    ]


@pytest.mark.parametrize(
    ("dwell_s", "lost_share", "draw"),
    # With less dwell, stills so far apart and some of them lost, a queue is taken for a parked car.
    [(300, 0.0, 1), (150, 0.0, 1), *((300, share, n) for share in (0.2, 0.4) for n in range(1, 6))],
)
def test_the_car_on_the_pavement_is_the_only_one_that_parks(
    stills, observations, dwell_s, lost_share, draw
):
    association, book = Association(), ZoneBook(camera(dwell_s))
    lost = np.random.default_rng(draw).random(len(stills)) < lost_share
    lost[0] = False
    events = []
    for number, (_, rgb) in enumerate(stills):
        if lost[number]:
            continue
        at = START + timedelta(seconds=STEP_S * number)
        tracks = association.advance(
            at, observations[number], lambda box, rgb=rgb: describe(rgb, box)
        )
        events += book.advance(at, tracks)
    (event,) = [event for event in events if event.step is Step.FIRED]
    assert event.zone == "pavement"
    assert event.first_seen == START
    assert boxes.iou(event.box_xyxy, STANDING) >= 0.5
    assert (
        dwell_s <= (event.at - START).total_seconds() <= dwell_s + (30 if lost_share == 0 else 90)
    )
    assert event.key in book.keys()
