"""Pictures keep their shape inside a canvas, and boxes find their way back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.cards import InputSpec
from vision.camera.letterbox import PAD_GREY, fit, to_input


def picture(width, height, colour=(10, 20, 30)):
    return np.full((height, width, 3), colour, np.uint8)


@pytest.mark.parametrize(
    ("size_wh", "canvas_wh", "offset_xy", "scale_xy"),
    [
        ((1920, 1080), (640, 640), (0, 140), (1 / 3, 1 / 3)),
        ((1080, 1920), (640, 640), (140, 0), (1 / 3, 1 / 3)),
        ((640, 640), (640, 640), (0, 0), (1, 1)),
        ((64, 32), (128, 128), (0, 32), (2, 2)),
        # 11 × 0.64 is 7.04: drawn on 7 rows, with 28 above and 29 below.
        ((100, 11), (64, 64), (0, 28), (0.64, 7 / 11)),
    ],
)
def test_where_a_picture_lies(size_wh, canvas_wh, offset_xy, scale_xy):
    canvas, letterbox = fit(picture(*size_wh), canvas_wh)
    assert canvas.shape == (canvas_wh[1], canvas_wh[0], 3)
    assert letterbox.offset_xy == offset_xy
    assert letterbox.scale_xy == pytest.approx(scale_xy)
    left, top = offset_xy
    drawn = np.all(canvas == (10, 20, 30), axis=2)
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    assert (columns[0], rows[0]) == (left, top)
    assert len(columns) == round(size_wh[0] * scale_xy[0])
    assert len(rows) == round(size_wh[1] * scale_xy[1])
    assert np.all(canvas[~drawn] == PAD_GREY)


side = st.integers(1, 3000)
share = st.floats(0, 1, width=32)


@given(width=side, height=side, ends=st.tuples(share, share, share, share))
def test_boxes_come_back_from_the_canvas(width, height, ends):
    _, letterbox = fit(np.zeros((height, width, 3), np.uint8), (64, 48))
    x, y = sorted(ends[:2]), sorted(ends[2:])
    boxes = np.array([[x[0], y[0], x[1], y[1]]], np.float32) * [width, height, width, height]
    boxes = boxes.astype(np.float32)
    on_canvas = letterbox.to_canvas(boxes)
    assert np.all(on_canvas >= -1e-3)
    assert np.all(on_canvas <= np.array([64, 48, 64, 48]) + 1e-3)
    np.testing.assert_allclose(letterbox.to_picture(on_canvas), boxes, atol=2e-5 * 3000)
    assert letterbox.to_picture(on_canvas).dtype == np.float32


def test_boxes_in_the_padding_are_cut_at_the_border():
    _, letterbox = fit(picture(64, 32), (64, 64))
    boxes = letterbox.to_picture(np.array([[-5, 0, 70, 20], [0, 50, 64, 64]], np.float32))
    np.testing.assert_allclose(boxes, [[0, 0, 64, 4], [0, 32, 64, 32]])


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        (InputSpec(), (1, 0.4, 0)),
        (InputSpec(scale=1), (255, 102, 0)),
        (InputSpec(mean=(0.5, 0.4, 0), std=(0.5, 2, 1)), (1, 0, 0)),
    ],
)
def test_pixels_become_red_green_blue_planes(spec, wanted):
    blob = to_input(picture(6, 4, (255, 102, 0)), spec)
    assert (blob.shape, blob.dtype) == ((1, 3, 4, 6), np.float32)
    for plane, value in zip(blob[0], wanted, strict=True):
        np.testing.assert_allclose(plane, value, atol=1e-6)
