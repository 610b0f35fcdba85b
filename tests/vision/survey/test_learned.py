"""The learned cue: a registered network is run as the comparison asks for it."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper

from models.errors import ModelNotFound
from models.registry import Registry
from tests.make_models import serialised, write_model
from tests.make_scenes import BLUE_ROOF, RED_ROOF, pair_window, village
from vision.survey.change import change_layers, learned_cue
from vision.survey.learned import open_change_model

SHED = (10.0, 10.0, 18.0, 16.0)


def brightening(gsd_m=0.5):
    """Bytes of a network whose probability is by how much the mean colour got brighter."""
    nodes = [
        helper.make_node("Sub", ["after", "before"], ["step"]),
        helper.make_node("ReduceMean", ["step"], ["mean"], axes=[1], keepdims=1),
        helper.make_node("Relu", ["mean"], ["probability"]),
    ]
    picture = ["n", 3, "h", "w"]
    return serialised(
        nodes,
        {"before": picture, "after": picture},
        {"probability": ["n", 1, "h", "w"]},
        metadata={"gsd_m": str(gsd_m)},
    )


def registry_with(folder, content, **fields):
    write_model(
        folder / "change", content, name="change", task="change", input=None,
        classes=["new_structure"], thresholds={}, **fields,
    )  # fmt: skip
    return Registry((folder,))


@pytest.fixture
def model(tmp_path):
    return open_change_model(registry_with(tmp_path, brightening(), version="7"))


def test_it_names_itself_and_its_pixel_size(model):
    assert (model.model.name, model.model.version) == ("change", "7")
    assert len(model.model.sha256) == 64
    assert model.gsd_m == 0.5


@pytest.mark.parametrize("shape", [(32, 48), (31, 50), (1, 1), (401, 30), (817, 905)])
def test_any_size_goes_in_and_comes_out(model, shape):
    before = np.full((*shape, 3), 50, np.uint8)
    after = before + np.uint8(51)
    answer = model(before, after)
    assert answer.shape == shape
    assert answer.dtype == np.float32
    assert answer == pytest.approx(0.2, abs=1e-6)
    assert model(after, before).max() == 0


def test_parts_of_a_large_window_lie_where_they_belong(model):
    after = np.random.default_rng(1).integers(0, 255, (850, 430, 3)).astype(np.uint8)
    answer = model(np.zeros_like(after), after)
    assert np.allclose(answer, after.mean(axis=2) / 255, atol=1e-5)


def test_a_window_is_asked_in_both_directions(model):
    before, after = village(), village()
    after.rgb[after.mask(SHED)] += 60
    before.rgb[before.mask((40, 40, 50, 50))] += 60
    pair = pair_window(before, after)
    built, razed = learned_cue(pair, model)
    assert built.shape == razed.shape == pair.valid.shape
    here, there = after.mask((11, 11, 17, 15)), after.mask((41, 41, 49, 49))
    assert built[here].mean() > 0.15 > razed[here].mean()
    assert razed[there].mean() > 0.15 > built[there].mean()


def test_no_model_is_said_so(tmp_path):
    with pytest.raises(ModelNotFound):
        open_change_model(Registry((tmp_path,)))


@pytest.mark.parametrize("colour", [BLUE_ROOF, RED_ROOF])
def test_the_model_that_ships_sees_a_new_shed_and_not_what_stayed(colour):
    before, after = village(), village()
    after.block(SHED, 3.0, colour)
    layers = change_layers(
        pair_window(before, after), min_height_m=2, learned=open_change_model(Registry())
    )
    core = after.mask((11, 11, 17, 15))
    assert layers.learned[core].mean() > 0.7
    assert layers.learned_gone[core].mean() < 0.3
    away = ~after.mask((6, 6, 22, 20))
    assert (layers.learned[away] > 0.5).mean() < 0.01
    assert (layers.learned_gone[away] > 0.5).mean() < 0.01
