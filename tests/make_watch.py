"""What tests of watching share: a model that sees one standing car, and a camera that minds it."""

from __future__ import annotations

import numpy as np
import yaml
from make_videos import numbered_picture, write_video

from models.registry import Registry
from tests.make_models import detector, write_model

NAMES = ["car", "muck_truck"]
CAR = {
    "id": "gate-1",
    "name": "Test street",
    "sample_step_s": 0.5,
    "zones": [
        {
            "name": "kerb",
            "kind": "no_parking",
            "polygon": [[0.2, 0.4], [0.8, 0.4], [0.8, 1.0], [0.2, 1.0]],
            "dwell_s": 6,
            "grace_s": 3,
        }
    ],
}


def write_models(folder):
    """A street model that sees a car in the lower middle of every picture; returns the folder."""
    car = np.array([[32, 40, 16, 10, 0.9, 0.0]], np.float32).T
    write_model(folder / "street", detector(car, NAMES), classes=NAMES, version="900")
    return folder


def registry(folder):
    """The same, opened."""
    return Registry((write_models(folder),))


def write_camera(path, **fields):
    """A camera file; returns its path."""
    path.write_text(yaml.safe_dump({**CAR, **fields}), encoding="utf-8")
    return path


def street_of_one_parked_car(number, *args, **more):
    """A picture in which only what lies above the car moves: a car that stands looks the same."""
    street = numbered_picture(0, *args, **more).copy()
    moving = numbered_picture(number, *args, **more)
    top = street.shape[0] * 3 // 10
    street[:top] = moving[:top]
    return street


def film_of_one_parked_car(path, count=200):
    """A video of such pictures; returns its path. Over gaps and restarts it shows the same car."""
    return write_video(path, count=count, picture=street_of_one_parked_car)
