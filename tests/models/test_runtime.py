"""Both engines open the same bytes and give the same numbers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from models.errors import BadModelFile
from models.runtime import Processor, RuntimeOptions, Tensor, open_onnx
from tests.make_models import change

# OpenVINO must not round to bfloat16 where numbers are compared.
ENGINES = [RuntimeOptions("onnxruntime", 1), RuntimeOptions("openvino", 1, exact=True)]


@pytest.fixture(params=ENGINES, ids=lambda options: options.engine)
def options(request):
    if request.param.engine == "openvino":
        pytest.importorskip("openvino")
    return request.param


def test_inputs_outputs_and_metadata_are_told(options):
    model = open_onnx(change(gsd_m="0.25", note="a, b"), options)
    assert model.inputs == (
        Tensor("before", (None, 3, None, None), "float32"),
        Tensor("after", (None, 3, None, None), "float32"),
    )
    assert model.outputs == (Tensor("probability", (None, 1, None, None), "float32"),)
    assert (model.metadata["gsd_m"], model.metadata["note"]) == ("0.25", "a, b")


@pytest.mark.parametrize("shape", [(1, 3, 4, 5), (3, 3, 16, 8)])
def test_it_computes(options, shape):
    rng = np.random.default_rng(1)
    before, after = rng.random((2, *shape), np.float32)
    answer = open_onnx(change(), options).run({"before": before, "after": after})
    assert list(answer) == ["probability"]
    wanted = np.abs(after - before).mean(axis=1, keepdims=True)
    np.testing.assert_allclose(answer["probability"], wanted, atol=1e-6)


def test_one_model_serves_several_threads(options):
    model = open_onnx(change(), options)
    zeros = np.zeros((1, 3, 32, 32), np.float32)

    def answer(value):
        return model.run({"before": zeros, "after": zeros + np.float32(value)})["probability"]

    values = np.linspace(0, 1, 40)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(answer, values))
    for value, probability in zip(values, answers, strict=True):
        np.testing.assert_allclose(probability, value, atol=1e-6)


def test_what_is_no_model_is_refused(options):
    with pytest.raises(BadModelFile, match="cannot open it"):
        open_onnx(b"nothing of the kind", options)


@pytest.mark.parametrize(
    ("flags", "whole"),
    [
        ("flags : fpu sse4_2 avx2 avx512f avx512_vnni", True),
        ("flags : fpu avx2 avx_vnni", True),
        ("Features : fp asimd asimddp", True),
        ("flags : fpu sse4_2 avx2", False),
        ("flags : avx512_vnni_of_another_name", False),
        ("", False),
    ],
)
def test_only_some_processors_add_8_bit_products_up_whole(flags, whole):
    assert Processor.of(flags).sums_int8_whole is whole


@pytest.mark.parametrize(
    ("flags", "there"),
    [
        ("flags : fpu avx512_vnni avx512_bf16", True),
        ("flags : fpu avx512_vnni amx_bf16 amx_int8", True),
        ("flags : fpu avx512_vnni", False),
        ("", False),
    ],
)
def test_some_processors_multiply_bfloat16(flags, there):
    assert Processor.of(flags).has_bfloat16 is there
