"""INT8 variants are made, checked and put on the card; speed is recorded beside them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from onnx import helper

from models.cards import read_card
from models.registry import RegisteredModel
from models.runtime import Processor, RuntimeOptions
from tests.make_models import serialised, write_model

ROOT = Path(__file__).parents[2]
SIDE = 64
RNG = np.random.default_rng(5)
WEIGHT = RNG.normal(0, 0.3, (8, 3, 3, 3)).astype(np.float32)
OUT = RNG.normal(0, 0.3, (6, 8, 1, 1)).astype(np.float32)


def conv(source, weight, target, **attributes):
    return helper.make_node("Conv", [source, weight], [target], name=f"{target}/conv", **attributes)


def tiny_detector(size_hw=(SIDE, SIDE), cells=64):
    """Two convolutions and a decoding that multiplies by the stride of a cell."""
    nodes = [
        conv("images", "w", "a", pads=[1, 1, 1, 1], strides=[8, 8]),
        helper.make_node("Relu", ["a"], ["b"], name="relu"),
        conv("b", "o", "c"),
        helper.make_node("Reshape", ["c", "shape"], ["d"], name="reshape"),
        helper.make_node("Mul", ["d", "stride"], ["output0"], name="decode"),
    ]
    constants = {
        "w": WEIGHT, "o": OUT, "shape": np.array([1, 6, -1]), "stride": np.float32([8]),
    }  # fmt: skip
    metadata = {"names": "{0: 'car', 1: 'bus'}", "end2end": "False"}
    return serialised(
        nodes, {"images": [1, 3, *size_hw]}, {"output0": [1, 6, cells]}, constants, metadata
    )


def tiny_detector_for_any_size():
    return tiny_detector(("h", "w"), "cells")


def tiny_change():
    nodes = [
        helper.make_node("Sub", ["after", "before"], ["difference"], name="sub"),
        conv("difference", "w", "a", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"], name="relu"),
        conv("b", "o", "c"),
        helper.make_node("Sigmoid", ["c"], ["probability"], name="sigmoid"),
    ]
    picture = ["n", 3, "h", "w"]
    return serialised(
        nodes, {"before": picture, "after": picture}, {"probability": ["n", 1, "h", "w"]},
        {"w": WEIGHT, "o": OUT[:1]}, {"gsd_m": "0.3"},
    )  # fmt: skip


def write_pictures(folder, count=4):
    folder.mkdir(parents=True)
    for index in range(count):
        picture = cv2.resize(RNG.integers(0, 256, (12, 12, 3), np.uint8), (300, 280))
        assert cv2.imwrite(str(folder / f"{index}.png"), picture)


def run(script, *arguments):
    return subprocess.run(  # noqa: S603 - our own program
        [sys.executable, str(ROOT / "scripts" / script), *(str(a) for a in arguments)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


CASES = {
    "detect": (tiny_detector, {}, ["images"], (1, 3, SIDE, SIDE), ["c/conv", "reshape", "decode"]),
    "detect at any size": (
        tiny_detector_for_any_size,
        {},
        ["images"],
        (1, 3, 96, SIDE),
        ["c/conv", "reshape", "decode"],
    ),
    "change": (
        tiny_change,
        {"task": "change", "classes": ["built"], "input": None},
        ["before", "after"],
        (1, 3, 96, 96),
        ["c/conv", "sigmoid"],
    ),
}


@pytest.mark.skipif(
    not Processor.this().sums_int8_whole, reason="this processor cuts sums of 8-bit products off"
)
@pytest.mark.parametrize("task", CASES)
def test_a_variant_is_made_and_its_speed_recorded(tmp_path, task):
    make, fields, names, shape, in_float = CASES[task]
    for part in ("A", "B") if task == "change" else (".",):
        write_pictures(tmp_path / "pictures" / part)
    path = write_model(tmp_path / "model", make(), **fields)
    done = run("quantise.py", path, "--pictures", tmp_path / "pictures")
    assert done.returncode == 0, done.stderr

    card = read_card(path)
    assert [(v.file, v.precision) for v in card.variants] == [("street-1-int8.onnx", "int8")]
    model = RegisteredModel(card, path.parent)
    model.verify()
    inputs = {name: RNG.random(shape, np.float32) for name in names}
    options = RuntimeOptions(threads=1)
    (wanted,) = model.open(options).run(inputs).values()
    (got,) = model.open(options, precision="int8").run(inputs).values()
    assert np.abs(got - wanted).max() < 0.1 * np.ptp(wanted)
    assert np.any(got != wanted)
    graph = onnx.load(str(path.parent / "street-1-int8.onnx")).graph
    floats = {name for node in graph.node if node.name in in_float for name in node.output}
    quantised = {n for node in graph.node if node.op_type == "QuantizeLinear" for n in node.input}
    assert floats
    assert quantised
    assert not floats & quantised

    done = run("bench_models.py", path, "--rounds", "2", "--record")
    assert done.returncode == 0, done.stderr
    (metric,) = read_card(path).metrics
    assert metric.key == "speed"
    assert {"as_trained_onnx_runtime", "int8_onnx_runtime", "int8_openvino_f32"} <= set(
        metric.measured
    )
    assert metric.measured["int8_onnx_runtime"]["threads_1_ms"] >= 0


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda card, _: card.write_text("name: x\n"), "Field required"),
        (lambda card, _: (card.parent / "model.onnx").write_bytes(b""), "SHA-256"),
        (lambda _, pictures: [p.unlink() for p in pictures.iterdir()], "holds no pictures"),
        (lambda _, pictures: (pictures / "0.png").write_bytes(b"x"), "no picture"),
    ],
)
def test_what_cannot_be_quantised_leaves_the_card_alone(tmp_path, spoil, words):
    write_pictures(tmp_path / "pictures")
    path = write_model(tmp_path / "model", tiny_detector())
    spoil(path, tmp_path / "pictures")
    before = path.read_bytes()
    done = run("quantise.py", path, "--pictures", tmp_path / "pictures")
    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert path.read_bytes() == before
