"""Tiny ONNX models and their cards, whose answers can be worked out by hand."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from models.cards import InputSpec, ModelCard, write_card

STATES = ["empty", "covered", "level", "heaped", "not_visible"]


def serialised(nodes, inputs, outputs, constants=None, metadata=None):
    """Bytes of a model; inputs and outputs are shapes by name, constants arrays by name."""
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in inputs.items()],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in outputs.items()],
        [numpy_helper.from_array(value, name) for name, value in (constants or {}).items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, metadata or {})
    onnx.checker.check_model(model)
    return model.SerializeToString()


def detector(
    output,
    names,
    /,
    *,
    end2end=False,
    size_hw=(64, 64),
    input_name="images",
    by_colour=None,
    **metadata,
):
    """A detector that answers `output`, plus the mean red, green and blue times `by_colour`.

    `output` is (4 + classes, anchors), end to end (boxes, 6); `by_colour` is (3, 4 + classes) or
    (3, 6), by default nought: then it answers the same whatever it is shown.
    """
    answer = np.asarray(output, np.float32)[None]
    fields = answer.shape[2 if end2end else 1]
    weight = np.zeros((3, fields), np.float32) if by_colour is None else np.float32(by_colour)
    nodes = [
        helper.make_node("ReduceMean", [input_name], ["colour"], axes=[2, 3], keepdims=0),
        helper.make_node("MatMul", ["colour", "weight"], ["change"]),
        helper.make_node("Unsqueeze", ["change", "axis"], ["change_of_each"]),
        helper.make_node("Add", ["answer", "change_of_each"], ["output0"]),
    ]
    return serialised(
        nodes,
        {input_name: [1, 3, *size_hw]},
        {"output0": list(answer.shape)},
        {"answer": answer, "weight": weight, "axis": np.array([1 if end2end else 2])},
        {"names": str(dict(enumerate(names))), "end2end": str(end2end), **metadata},
    )


def classifier(names=STATES, *, height=32, width=32, batch="n"):
    """Red, green, blue, dark and bright crops are the classes 0 to 4, by mean colour."""
    weight = 20 * np.array([[1, 0, 0, -1, 0.5], [0, 1, 0, -1, 0.5], [0, 0, 1, -1, 0.5]], np.float32)
    nodes = [
        helper.make_node("ReduceMean", ["crop"], ["colour"], axes=[2, 3], keepdims=0),
        helper.make_node("MatMul", ["colour", "weight"], ["by_colour"]),
        helper.make_node("Add", ["by_colour", "bias"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    return serialised(
        nodes,
        {"crop": [batch, 3, height, width]},
        {"probabilities": [batch, len(names)]},
        {"weight": weight, "bias": np.array([0, 0, 0, 4, 0], np.float32)},
        {"names": json.dumps(list(names))},
    )


def change(size=("h", "w"), **metadata):
    """Probability of change is the mean absolute difference of the three channels."""
    nodes = [
        helper.make_node("Sub", ["after", "before"], ["difference"]),
        helper.make_node("Abs", ["difference"], ["size"]),
        helper.make_node("ReduceMean", ["size"], ["probability"], axes=[1], keepdims=1),
    ]
    picture = ["n", 3, *size]
    return serialised(
        nodes,
        {"before": picture, "after": picture},
        {"probability": ["n", 1, *size]},
        metadata=metadata or {"gsd_m": "0.3"},
    )


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def write_model(folder: Path, content: bytes, **fields) -> Path:
    """Write a model with its card; returns the card's path."""
    folder.mkdir(parents=True, exist_ok=True)
    classes = fields.pop("classes", ["car", "bus"])
    values = {
        "name": "street",
        "version": "1",
        "task": "detect",
        "file": "model.onnx",
        "sha256": sha256(content),
        "input": InputSpec(size_wh=(64, 64), letterbox=True),
        "classes": classes,
        "thresholds": dict.fromkeys(classes, 0.25),
        "licence": "AGPL-3.0-or-later",
        "trained_from": "nothing",
    } | fields
    (folder / values["file"]).write_bytes(content)
    write_card(ModelCard.model_validate(values), folder / "card.yaml")
    return folder / "card.yaml"
