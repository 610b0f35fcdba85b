"""Weights half-way between two models; constants and strangers are left alone."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from scripts.average_street import averaged


def model(weight, *, name="layer.weight", constant=0.0):
    weights = np.asarray(weight, np.float32)
    held = [
        numpy_helper.from_array(weights, name),
        numpy_helper.from_array(np.array([constant], np.float32), "head.dfl.weight"),
    ]
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, weights.shape)
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, weights.shape)
    node = helper.make_node("Add", ["x", name], ["y"])
    return helper.make_model(helper.make_graph([node], "one", [value], [out], held))


def weights_of(found):
    return {t.name: numpy_helper.to_array(t).tolist() for t in found.graph.initializer}


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1.0), (0.25, 2.0), (1.0, 5.0)])
def test_weights_move_from_the_old_to_the_new(share, expected):
    old, new = model([1.0, 1.0], constant=7.0), model([5.0, 5.0], constant=9.0)
    found = weights_of(averaged(old, new, share))
    assert found == {"layer.weight": [expected, expected], "head.dfl.weight": [9.0]}
    assert weights_of(new)["layer.weight"] == [5.0, 5.0]


@pytest.mark.parametrize("other", [model([1.0]), model([1.0, 1.0], name="another.weight")])
def test_models_of_other_weights_are_refused(other):
    with pytest.raises(ValueError, match="do not hold the same weights"):
        averaged(other, model([5.0, 5.0]), 0.5)
