"""What is seen in a frame: thresholds of the camera, tiles, loads at gates only."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from models.registry import Registry
from models.runtime import Processor, RuntimeOptions
from tests.make_models import STATES, classifier, detector, sha256, write_model
from vision.camera.config import Camera, Zone
from vision.camera.frame import Frame
from vision.camera.looking import (
    StreetEyes,
    best_precision,
    detect_in_tiles,
    open_street_models,
)
from vision.errors import InputError

NAMES = ["car", "muck_truck"]
AT = datetime(2026, 11, 22, tzinfo=UTC)
ORT = RuntimeOptions("onnxruntime", 1)
LEFT, RIGHT = ((0, 0), (0.4, 0), (0.4, 1), (0, 1)), ((0.6, 0), (1, 0), (1, 1), (0.6, 1))


def registry(folder, *boxes):
    """Models that see the same boxes (x1, y1, x2, y2, car, muck truck of 64) in every picture."""
    answer = np.array(
        [((a + c) / 2, (b + d) / 2, c - a, d - b, car, truck) for a, b, c, d, car, truck in boxes],
        np.float32,
    ).T
    write_model(folder / "street", detector(answer, NAMES), classes=NAMES)
    write_model(
        folder / "load",
        classifier(),
        name="load",
        task="classify",
        classes=STATES,
        thresholds={},
        input={"size_wh": (32, 32), "letterbox": True},
    )
    return Registry((folder,))


def camera(*, kind="truck_gate", polygon=LEFT, **fields):
    zone = Zone(name="zone", kind=kind, polygon=polygon)
    return Camera(id="c", name="c", zones=(zone,), **fields)


def frame(rgb=None):
    picture = np.zeros((128, 128, 3), np.uint8) if rgb is None else rgb
    return Frame(taken_at=AT, received_at=AT, rgb=picture)


def seen(folder, watched, *boxes, rgb=None):
    models = open_street_models(registry(folder, *boxes), [watched], options=ORT)
    return StreetEyes(watched, models).look(frame(rgb))


def test_boxes_are_shares_of_the_frame(tmp_path):
    (car,) = seen(tmp_path, camera(), (16, 32, 32, 48, 0.9, 0))
    assert (car.name, round(car.score, 3)) == ("car", 0.9)
    assert car.box_xyxy == pytest.approx((0.25, 0.5, 0.5, 0.75))
    assert car.load == {}
    assert np.linalg.norm(car.descriptor) == pytest.approx(1, abs=1e-3)


def test_a_camera_may_ask_for_more_or_less_than_the_card(tmp_path):
    boxes = (16, 32, 32, 48, 0.2, 0), (40, 32, 60, 48, 0, 0.4)
    assert [each.name for each in seen(tmp_path, camera(), *boxes)] == ["muck_truck"]
    lower = camera(thresholds={"car": 0.1, "muck_truck": 0.5})
    assert [each.name for each in seen(tmp_path, lower, *boxes)] == ["car"]
    both = open_street_models(registry(tmp_path, *boxes), [camera(), lower], options=ORT)
    assert [each.name for each in StreetEyes(camera(), both).look(frame())] == ["muck_truck"]


def test_a_threshold_for_no_class_is_an_error(tmp_path):
    with pytest.raises(InputError, match="no class dragon"):
        seen(tmp_path, camera(thresholds={"dragon": 0.5}), (1, 1, 9, 9, 1, 0))


@pytest.mark.parametrize(
    ("watched", "states"),
    [
        pytest.param(camera(polygon=LEFT), ["empty", None], id="at the gate"),
        pytest.param(camera(polygon=RIGHT), [None, "empty"], id="the other one"),
        pytest.param(camera(kind="no_parking"), [None, None], id="no gate"),
    ],
)
def test_only_the_truck_at_a_gate_has_a_load(tmp_path, watched, states):
    red = np.zeros((128, 128, 3), np.uint8)
    red[..., 0] = 255
    trucks = (2, 20, 18, 40, 0, 0.9), (44, 20, 62, 40, 0, 0.8)
    found = seen(tmp_path, watched, *trucks, rgb=red)
    told = [max(each.load, key=each.load.get) if each.load else None for each in found]
    assert told == states


def test_tiles_find_what_is_small_and_name_nothing_twice(tmp_path):
    """The tiny detector sees its box wherever it looks: once in the whole, once in each tile."""
    models = open_street_models(
        registry(tmp_path, (24, 24, 40, 40, 0.9, 0)), [camera()], options=ORT
    )
    rgb = frame().rgb
    assert len(detect_in_tiles(models.detector, rgb, 1)) == 1
    assert len(detect_in_tiles(models.detector, rgb, 2)) == 5
    assert len(seen(tmp_path, camera(tiles=2), (24, 24, 40, 40, 0.9, 0))) == 5


@pytest.mark.parametrize(
    ("fine", "tiles", "widths"),
    [
        (True, 1, [6]),
        (False, 1, [12]),
        # A tile is 71 of the 128 pixels wide.
        (True, 2, [3.3, 6]),
        (False, 2, [6.7, 12]),
    ],
)
def test_a_close_look_sees_the_frame_and_its_tiles_larger(tmp_path, fine, tiles, widths):
    """The model sees a thing of 3 pixels on a canvas of 64 × 64, or of 32 × 32 in a coarse look."""
    registry(tmp_path)
    small = detector(np.array([[16, 16, 3, 3, 0.9, 0]], np.float32).T, NAMES, size_hw=("h", "w"))
    write_model(tmp_path / "street", small, classes=NAMES)
    watched = camera(tiles=tiles)
    eyes = StreetEyes(watched, open_street_models(Registry((tmp_path,)), [watched], options=ORT))
    seen_px = {
        round(128 * (each.box_xyxy[2] - each.box_xyxy[0]), 1)
        for each in eyes.look(frame(), fine=fine)
    }
    assert sorted(seen_px) == widths


def test_what_a_tile_cuts_off_is_left_to_its_neighbour(tmp_path):
    models = open_street_models(
        registry(tmp_path, (0, 24, 16, 40, 0.9, 0)), [camera()], options=ORT
    )
    found = detect_in_tiles(models.detector, frame().rgb, 2)
    # The left border of the left tiles is the frame's own; at that of the right ones it was cut.
    assert sorted(round(float(x)) for x in found.boxes_xyxy[:, 0]) == [0, 0, 0]


@pytest.mark.parametrize(
    ("options", "flags", "precision"),
    [
        (RuntimeOptions("openvino"), "avx512_vnni", "int8"),
        (RuntimeOptions("openvino"), "avx512_vnni avx512_bf16", None),
        (RuntimeOptions("openvino"), "avx2", None),
        (RuntimeOptions("openvino", exact=True), "avx512_vnni", None),
        (RuntimeOptions("onnxruntime"), "avx512_vnni", None),
    ],
)
def test_int8_is_taken_where_it_pays_and_is_right(tmp_path, options, flags, precision):
    content = detector(np.ones((6, 1), np.float32), NAMES)
    (tmp_path / "street").mkdir()
    (tmp_path / "street" / "small.onnx").write_bytes(content)
    write_model(
        tmp_path / "street",
        content,
        classes=NAMES,
        variants=[{"file": "small.onnx", "sha256": sha256(content), "precision": "int8"}],
    )
    model = Registry((tmp_path,)).find("street")
    assert best_precision(model, options, Processor.of(flags)) == precision
