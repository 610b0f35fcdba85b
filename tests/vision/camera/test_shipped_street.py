"""The shipped street detector says the same in every file and on every engine that may run it."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from models.registry import SHIPPED_FOLDER, Registry
from models.runtime import RuntimeOptions
from vision.camera.detector import Detector
from vision.camera.looking import best_precision

CLIP = Path(__file__).parents[3] / "datasets" / "samples" / "camera" / "street.mp4"
SEEN_AT_S = 90.0
# What stands large in the picture then, and where its middle is.
THERE = {"car": (618, 301), "canopy": (792, 298)}


@pytest.fixture(scope="module")
def frame():
    with av.open(str(CLIP)) as container:
        for picture in container.decode(video=0):
            if picture.time >= SEEN_AT_S:
                return np.asarray(picture.to_ndarray(format="rgb24"), np.uint8)
    raise AssertionError("the clip is shorter than it was")


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_what_is_plain_to_see_is_found(frame, engine):
    if engine == "openvino":
        pytest.importorskip("openvino")
    model = Registry((SHIPPED_FOLDER,)).find("street")
    options = RuntimeOptions(engine, 1)
    for precision in {None, best_precision(model, options)}:
        found = Detector(model, options=options, precision=precision).detect(frame)
        middles = (found.boxes_xyxy[:, :2] + found.boxes_xyxy[:, 2:]) / 2
        for name, place in THERE.items():
            far = np.hypot(*(middles - np.array(place)).T)
            near = [found.names[i] for i in np.flatnonzero(far < 25)]
            assert name in near, (engine, precision, near)
