"""A made-up camera and its pictures, for tests of evidence and of the camera's report."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
from make_plates import plate
from numpy.typing import NDArray

from vision.camera.config import Camera
from vision.camera.events import Box
from vision.camera.frame import Frame
from vision.finding import RuleRef

START = datetime(2026, 11, 22, 0, 0, 5, tzinfo=UTC)
SIZE_WH = (640, 360)
CAR: Box = (0.3, 0.3, 0.6, 0.8)
PERSON: Box = (0.05, 0.2, 0.15, 0.9)
SEEN = (("car", CAR), ("person", PERSON))
RULE = RuleRef(name="illegal_parking", version="1", thresholds={"dwell_s": 300.0, "grace_s": 30.0})


def camera(**changes: object) -> Camera:
    """A camera over a pavement, a stall place and a gate."""
    square = [[0.2, 0.2], [0.8, 0.2], [0.8, 0.95], [0.2, 0.95]]
    values: dict[str, object] = {
        "id": "44011500081320000001",
        "name": "金龙路东门",
        "direction": "朝北 north",
        "zones": [
            {"name": "pavement", "kind": "no_parking", "polygon": square},
            {"name": "stalls", "kind": "no_vending", "polygon": square},
            {"name": "gate", "kind": "truck_gate", "polygon": square, "inward": [0.5, 0.1]},
        ],
    }
    return Camera.model_validate(values | changes)


def scene(seed: int = 0, *, plate_text: str | None = None) -> NDArray[np.uint8]:
    """A street of noise with a car and a person of stripes, uint8 (360, 640, 3)."""
    rng = np.random.default_rng(seed)
    width, height = SIZE_WH
    rgb = cv2.GaussianBlur(rng.integers(60, 180, (height, width, 3), np.uint8), (0, 0), 3)
    for name, box in SEEN:
        x1, y1, x2, y2 = (round(v) for v in np.multiply(box, SIZE_WH * 2))
        rgb[y1:y2, x1:x2] = (70, 80, 110) if name == "car" else (150, 90, 70)
        rgb[y1:y2, x1:x2:4] += 60
    if plate_text is not None:
        part = plate(plate_text, height_px=36)
        top, left = 230, 230
        rgb[top : top + part.shape[0], left : left + part.shape[1]] = part
    return np.asarray(rgb, np.uint8)


def frame(after_s: float = 0.0, *, seed: int = 0, plate_text: str | None = None) -> Frame:
    """A frame of `scene`, so many seconds after `START`, received a tenth later."""
    at = START + timedelta(seconds=after_s)
    return Frame(
        taken_at=at,
        received_at=at + timedelta(milliseconds=100),
        rgb=scene(seed, plate_text=plate_text),
    )


def clip(path: Path) -> Path:
    """A file that stands for a clip."""
    path.write_bytes(b"\x00\x00\x00\x18ftypisom" + bytes(range(256)) * 40)
    return path
