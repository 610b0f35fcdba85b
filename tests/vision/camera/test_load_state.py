"""Crops of trucks are cut with a margin and judged one by one."""

from __future__ import annotations

import numpy as np
import pytest

from models.cards import InputSpec, read_card
from models.registry import RegisteredModel
from models.runtime import RuntimeOptions
from tests.make_models import STATES, classifier, detector, sha256, write_model
from vision.camera.load_state import LoadStateClassifier, crop
from vision.errors import InputError

RED, GREEN, BLUE, BLACK, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (0, 0, 0), (255,) * 3


def opened(folder, engine="onnxruntime"):
    card = write_model(
        folder / "load",
        classifier(),
        name="load",
        task="classify",
        classes=STATES,
        input=InputSpec(size_wh=(32, 32), letterbox=True),
    )
    model = RegisteredModel(read_card(card), card.parent)
    return LoadStateClassifier(model, options=RuntimeOptions(engine, 1, exact=True))


def stripes():
    """A frame of five stripes of 40 columns, one in each colour."""
    frame = np.zeros((40, 200, 3), np.uint8)
    for index, colour in enumerate((RED, GREEN, BLUE, BLACK, WHITE)):
        frame[:, 40 * index : 40 * (index + 1)] = colour
    return frame


def boxes(*rows):
    return np.array(rows, np.float32).reshape(-1, 4)


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_every_box_gets_the_probabilities_of_its_own_crop(tmp_path, engine):
    if engine == "openvino":
        pytest.importorskip("openvino")
    model = opened(tmp_path, engine)
    inside = boxes(*((40 * i + 5, 5, 40 * i + 35, 35) for i in (2, 0, 1, 4, 3)))
    answer = model.classify(stripes(), inside)
    assert (answer.shape, answer.dtype) == ((5, 5), np.float32)
    assert [model.classes[i] for i in answer.argmax(axis=1)] == [
        "level", "empty", "covered", "not_visible", "heaped",
    ]  # fmt: skip
    np.testing.assert_allclose(answer.sum(axis=1), 1, atol=1e-6)
    # Pure red: logits 20, 0, 0, -20 + 4, 10.
    logits = np.exp(np.array([20, 0, 0, -16, 10.0]))
    np.testing.assert_allclose(answer[1], logits / logits.sum(), atol=1e-6)


def test_a_long_crop_keeps_its_shape_on_grey(tmp_path):
    """Half of the canvas is grey 114, so red counts (1 + 114/255) / 2 and the others 114/510."""
    frame = np.full((100, 200, 3), RED, np.uint8)
    answer = opened(tmp_path).classify(frame, boxes((20, 20, 100, 60)))
    red, other = (1 + 114 / 255) / 2, 114 / 510
    total = red + 2 * other
    logits = np.exp(20 * np.array([red, other, other, 0.2 - total, total / 2]))
    np.testing.assert_allclose(answer[0], logits / logits.sum(), atol=1e-5)


def test_no_boxes_no_answers(tmp_path):
    assert opened(tmp_path).classify(stripes(), boxes()).shape == (0, 5)


@pytest.mark.parametrize(
    ("box", "left_top_right_bottom"),
    [
        ((50, 10, 70, 20), (48, 9, 72, 21)),
        ((0, 0, 200, 40), (0, 0, 200, 40)),
        ((190, 30, 230, 60), (186, 27, 200, 40)),
        ((-30, -5, 10, 5), (0, 0, 14, 6)),
        ((100.2, 10.2, 100.4, 10.3), (100, 10, 101, 11)),
    ],
)
def test_a_crop_takes_in_a_tenth_on_each_side_as_far_as_the_frame_goes(box, left_top_right_bottom):
    y, x = np.mgrid[0:40, 0:200]
    frame = np.dstack((x, y, y)).astype(np.uint8)
    left, top, right, bottom = left_top_right_bottom
    np.testing.assert_array_equal(
        crop(frame, np.array(box, np.float32)), frame[top:bottom, left:right]
    )


@pytest.mark.parametrize(
    "box", [(10, 10, 10, 20), (30, 10, 20, 20), (200, 0, 220, 10), (0, -9, 9, 0), (0, 0, np.nan, 9)]
)
def test_a_box_without_a_crop_is_refused(tmp_path, box):
    with pytest.raises(InputError, match="200 × 40"):
        opened(tmp_path).classify(stripes(), boxes(box))


def test_a_detector_is_no_load_state_model(tmp_path):
    card = write_model(tmp_path / "street", detector(np.zeros((6, 7)), ["car", "bus"]))
    with pytest.raises(InputError, match="detect"):
        LoadStateClassifier(RegisteredModel(read_card(card), card.parent))


def test_what_is_judged_names_its_model(tmp_path):
    ref = opened(tmp_path).ref
    assert (ref.name, ref.version, ref.sha256) == ("load", "1", sha256(classifier()))
