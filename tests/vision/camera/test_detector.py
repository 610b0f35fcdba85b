"""Both kinds of detection head are decoded into the frame, with numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from models.cards import read_card
from models.errors import BadModelFile
from models.registry import RegisteredModel
from models.runtime import RuntimeOptions
from tests.make_models import STATES, classifier, detector, sha256, write_model
from vision.camera.detector import Detector, canvas_wh, decode_classic, decode_end_to_end
from vision.errors import InputError

NAMES = ["car", "bus"]
FRAME = np.zeros((64, 128, 3), np.uint8)  # drawn at half its size, 16 rows of padding above


def classic(*anchors):
    """Anchors as (centre x, centre y, width, height, score of car, score of bus)."""
    return np.array(anchors, np.float32).T


def opened(folder, output, options=None, *, end2end=False, thresholds=None, **fields):
    content = detector(output, NAMES, end2end=end2end)
    card = write_model(folder / "street", content, **fields)
    model = RegisteredModel(read_card(card), card.parent)
    return Detector(model, thresholds=thresholds, options=options)


TWO_CARS_AND_A_BUS = {
    "classic": (
        classic(
            (20, 30, 10, 8, 0.5, 0.1),
            (20, 31, 10, 8, 0.9, 0.2),  # the same car, surer
            (20, 29, 10, 8, 0.3, 0.4),  # behind it, a bus
            (50, 40, 8, 8, 0.6, 0.0),
            (50, 20, 8, 8, 0.2, 0.1),  # too unsure
            (32, 8, 20, 10, 0.9, 0.0),  # in the padding above the picture
        ),
        False,
    ),
    "end to end": (
        np.array(
            [
                [15, 27, 25, 35, 0.9, 0],
                [46, 36, 54, 44, 0.6, 0],
                [15, 25, 25, 33, 0.4, 1],
                [46, 16, 54, 24, 0.2, 0],
                [22, 3, 42, 13, 0.9, 0],
                [0, 0, 0, 0, 0, 0],
            ],
            np.float32,
        ),
        True,
    ),
}


@pytest.mark.parametrize("head", TWO_CARS_AND_A_BUS)
@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_both_heads_give_boxes_in_frame_pixels(tmp_path, head, engine):
    if engine == "openvino":
        pytest.importorskip("openvino")
    output, end2end = TWO_CARS_AND_A_BUS[head]
    options = RuntimeOptions(engine, 1, exact=True)
    found = opened(tmp_path, output, options, end2end=end2end).detect(FRAME)
    np.testing.assert_allclose(
        found.boxes_xyxy, [[30, 22, 50, 38], [92, 40, 108, 56], [30, 18, 50, 34]], atol=1e-4
    )
    np.testing.assert_allclose(found.scores, [0.9, 0.6, 0.4], atol=1e-6)
    assert found.class_ids.tolist() == [0, 0, 1]
    assert found.names == ("car", "car", "bus")
    assert len(found) == 3
    assert (found.boxes_xyxy.dtype, found.scores.dtype, found.class_ids.dtype) == (
        np.float32, np.float32, np.int64,
    )  # fmt: skip


def test_detections_do_not_change(tmp_path):
    found = opened(tmp_path, TWO_CARS_AND_A_BUS["classic"][0]).detect(FRAME)
    for array in (found.boxes_xyxy, found.scores, found.class_ids):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    with pytest.raises(AttributeError):
        found.names = ()


@pytest.mark.parametrize("head", TWO_CARS_AND_A_BUS)
@pytest.mark.parametrize(
    ("on_card", "given", "wanted"),
    [
        ({"car": 0.25, "bus": 0.25}, None, [0.9, 0.6, 0.4]),
        ({"car": 0.7, "bus": 0.25}, None, [0.9, 0.4]),
        ({"car": 0.7, "bus": 0.25}, {"bus": 0.5}, [0.9]),
        ({"car": 0.7, "bus": 0.25}, {"car": 0.5, "bus": 0.5}, [0.9, 0.6]),
        ({"car": 1, "bus": 1}, None, []),
    ],
)
def test_each_class_has_its_threshold(tmp_path, head, on_card, given, wanted):
    output, end2end = TWO_CARS_AND_A_BUS[head]
    card = write_model(
        tmp_path / "street", detector(output, NAMES, end2end=end2end), thresholds=on_card
    )
    model = Detector(RegisteredModel(read_card(card), card.parent), thresholds=given)
    assert model.detect(FRAME).scores.tolist() == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("shift", "kept"),
    # Boxes 10 wide, shifted: the overlap is (10 - s) / (10 + s), 0.48 and 0.43.
    [(3.5, 1), (4, 2)],
)
def test_boxes_are_the_same_object_over_an_overlap_of_45_percent(shift, kept):
    output = classic((20, 20, 10, 10, 0.8, 0), (20 + shift, 20, 10, 10, 0.7, 0))
    boxes, scores, _ = decode_classic(output, np.array([0.1, 0.1], np.float32))
    assert len(boxes) == kept
    assert scores[0] == pytest.approx(0.8)
    np.testing.assert_allclose(boxes[0], [15, 15, 25, 25])


@pytest.mark.parametrize(("shift", "names"), [(1, ("car",)), (2, ("car", "bus"))])
@pytest.mark.parametrize("head", ["classic", "end to end"])
def test_one_vehicle_has_one_name(tmp_path, head, shift, names):
    # Boxes 8 high: shifted by 1 they share 7 of 9 rows, by 2 they share 6 of 10.
    if head == "classic":
        output = classic((20, 30, 10, 8, 0.9, 0.1), (20, 30 + shift, 10, 8, 0.1, 0.6))
    else:
        output = np.array(
            [[15, 26, 25, 34, 0.9, 0], [15, 26 + shift, 25, 34 + shift, 0.6, 1]], np.float32
        )
    found = opened(tmp_path, output, end2end=head != "classic").detect(FRAME)
    assert found.names == names


def test_the_end_to_end_head_keeps_what_overlaps():
    output = np.array([[0, 0, 9, 9, 0.5, 1], [0, 0, 9, 9, 0.8, 1]], np.float32)
    boxes, scores, class_ids = decode_end_to_end(output, np.array([0.1, 0.1], np.float32))
    assert (len(boxes), class_ids.tolist()) == (2, [1, 1])
    assert scores.tolist() == pytest.approx([0.8, 0.5])


@pytest.mark.parametrize("decode", [decode_classic, decode_end_to_end])
def test_nothing_found_has_shapes_too(decode):
    boxes, scores, class_ids = decode(np.zeros((6, 6), np.float32), np.ones(2, np.float32))
    assert (boxes.shape, scores.shape, class_ids.shape) == ((0, 4), (0,), (0,))


def test_what_is_found_names_its_model(tmp_path):
    output, _ = TWO_CARS_AND_A_BUS["classic"]
    ref = opened(tmp_path, output, version="3").ref
    assert (ref.name, ref.version) == ("street", "3")
    assert ref.sha256 == sha256(detector(output, NAMES))


@pytest.mark.parametrize(
    ("colour", "size_wh", "centre_xy"),
    [
        # Red moves the box by 20 to the right, green by 10 down, blue nowhere.
        ((255, 0, 0), (64, 64), (30, 10)),
        ((0, 255, 0), (64, 64), (10, 20)),
        ((0, 0, 255), (64, 64), (10, 10)),
        # Half of the canvas is padding of 114 / 255.
        ((255, 0, 0), (64, 32), (10 + 20 * (1 + 114 / 255) / 2, 30 + 10 * 114 / 510 - 16)),
    ],
)
def test_the_model_sees_red_green_blue_between_0_and_1_on_grey(
    tmp_path, colour, size_wh, centre_xy
):
    base_y = 10 if size_wh[1] == 64 else 30
    by_colour = [[20, 0, 0, 0, 0, 0], [0, 10, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]]
    content = detector(classic((10, base_y, 2, 2, 0.9, 0)), NAMES, by_colour=by_colour)
    card = write_model(tmp_path / "street", content)
    model = Detector(RegisteredModel(read_card(card), card.parent))
    (box,) = model.detect(np.full((*size_wh[::-1], 3), colour, np.uint8)).boxes_xyxy
    x, y = centre_xy
    wanted = np.clip([x - 1, y - 1, x + 1, y + 1], 0, None)
    np.testing.assert_allclose(box, wanted, atol=1e-4)


@pytest.mark.parametrize(
    ("size_wh", "coarse_wh", "fine_wh"),
    [
        pytest.param((128, 64), (64, 32), (96, 64), id="wide"),
        pytest.param((64, 128), (32, 64), (64, 96), id="high"),
        pytest.param((200, 200), (32, 32), (64, 64), id="square"),
    ],
)
@pytest.mark.parametrize("fine", [True, False])
@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_large_things_are_of_the_coarse_look_and_small_ones_of_the_close_one(
    tmp_path, engine, fine, size_wh, coarse_wh, fine_wh
):
    """The card's size has 64 × 64 pixels; a frame is shown in its own shape.

    The model sees at any size a thing as large as the coarse canvas, and one of 4 pixels in the
    middle of the fine one: each must come out once, where the right canvas has it in the frame.
    """
    if engine == "openvino":
        pytest.importorskip("openvino")
    (coarse_w, coarse_h), (fine_w, fine_h) = coarse_wh, fine_wh
    output = classic(
        (coarse_w / 2, coarse_h / 2, coarse_w, coarse_h, 0.9, 0),
        (fine_w / 2, fine_h / 2, 4, 4, 0, 0.8),
    )
    card = write_model(tmp_path / "street", detector(output, NAMES, size_hw=("h", "w")))
    model = Detector(
        RegisteredModel(read_card(card), card.parent), options=RuntimeOptions(engine, 1)
    )
    width, height = size_wh
    large, small = model.detect(np.zeros((height, width, 3), np.uint8), fine=fine).boxes_xyxy
    np.testing.assert_allclose(large, [0, 0, width, height])
    px = max(size_wh) / max(fine_wh if fine else coarse_wh)
    assert small[2] - small[0] == pytest.approx(4 * px, rel=0.6)
    if fine:
        half = 2 * px
        middle = width / 2, height / 2
        wanted = [middle[0] - half, middle[1] - half, middle[0] + half, middle[1] + half]
        np.testing.assert_allclose(small, wanted, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "side_px", "count"),
    # On the coarse canvas of 32 × 32 a pixel is 3 % of the frame, on the close one 1.6 %.
    [("car", 2, 1), ("stall", 2, 2), ("stall", 1, 1), ("car", 4.3, 2)],
)
def test_goods_are_looked_for_at_both_sizes(tmp_path, name, side_px, count):
    """What the model sees at one place of any canvas is two things to the frame, if both count."""
    content = detector(
        classic((16, 16, side_px, side_px, 0.9, 0)), [name, "bus"], size_hw=("h", "w")
    )
    card = write_model(tmp_path / "street", content, classes=[name, "bus"])
    model = Detector(RegisteredModel(read_card(card), card.parent))
    assert model.detect(np.zeros((200, 200, 3), np.uint8)).names == (name,) * count


@pytest.mark.parametrize("fine", [True, False])
def test_a_model_of_one_size_has_one_look(tmp_path, fine):
    model = opened(tmp_path, classic((32, 32, 64, 32, 0.9, 0)))
    np.testing.assert_allclose(model.detect(FRAME, fine=fine).boxes_xyxy, [[0, 0, 128, 64]])


@pytest.mark.parametrize(
    ("picture_wh", "wanted"),
    [
        ((1920, 1080), (960, 544)),
        ((1080, 1920), (544, 960)),
        ((3840, 2160), (960, 544)),
        ((1600, 1200), (832, 640)),
        ((2560, 1440), (960, 544)),
        ((1000, 1000), (736, 736)),
        ((4000, 10), (1440, 384)),
        ((1, 1), (736, 736)),
    ],
)
def test_a_canvas_has_the_shape_of_the_picture(picture_wh, wanted):
    assert canvas_wh(picture_wh, 960 * 544) == wanted


def test_a_classifier_is_no_detector(tmp_path):
    card = write_model(
        tmp_path / "load", classifier(), name="load", task="classify", classes=STATES
    )
    with pytest.raises(InputError, match="classify"):
        Detector(RegisteredModel(read_card(card), card.parent))


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (np.zeros((64, 64), np.uint8), r"\(64, 64\)"),
        (np.zeros((64, 64, 4), np.uint8), r"\(64, 64, 4\)"),
        (np.zeros((64, 64, 3), np.float32), "float32"),
        (np.zeros((0, 64, 3), np.uint8), "empty"),
    ],
)
def test_what_is_no_frame_is_refused(tmp_path, frame, words):
    with pytest.raises(InputError, match=words):
        opened(tmp_path, TWO_CARS_AND_A_BUS["classic"][0]).detect(frame)


def test_a_threshold_for_an_unknown_class_is_refused(tmp_path):
    with pytest.raises(InputError, match="van; it has car, bus"):
        opened(tmp_path, TWO_CARS_AND_A_BUS["classic"][0], thresholds={"van": 0.5})


def test_an_altered_model_is_refused(tmp_path):
    with pytest.raises(BadModelFile, match="SHA-256"):
        opened(tmp_path, TWO_CARS_AND_A_BUS["classic"][0], sha256="0" * 64)
