"""Furrows: rows that all run one way are a field, earth without direction is a site."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.make_scenes import EARTH, GSD_M, Scene
from vision.survey.tillage import TENSOR_FEATURES, row_coherence, row_tensor, tilled

BOX = (20.0, 20.0, 60.0, 60.0)


def means(scene, box=BOX):
    core = scene.mask((box[0] + 2, box[1] + 2, box[2] - 2, box[3] - 2))
    tensor = row_tensor(scene.noisy(5), gsd_m=GSD_M)
    return {name: float(values[core].mean()) for name, values in tensor.items()}


def ploughed(turn_deg, spacing_m=1.2):
    scene = Scene()
    scene.furrows(BOX, spacing_m=spacing_m, turn_deg=turn_deg)
    return scene


def earth():
    scene = Scene()
    scene.field(BOX, EARTH)
    return scene


@settings(max_examples=8)
@given(st.floats(0, 180))
def test_furrows_are_seen_in_any_direction(turn_deg):
    found = means(ploughed(turn_deg))
    assert row_coherence(found) > 0.5
    assert tilled(found) > 0.95


def test_earth_of_a_site_has_no_direction():
    found = means(earth())
    assert row_coherence(found) < 0.15
    assert tilled(found) < 0.2


def test_the_sums_tell_the_direction_of_the_rows():
    along_x, along_y = means(ploughed(0)), means(ploughed(90))
    assert along_x["tensor_cos"] > 0 > along_y["tensor_cos"]
    diagonal = means(ploughed(45))
    assert abs(diagonal["tensor_sin"]) > 3 * abs(diagonal["tensor_cos"])


def test_two_fields_ploughed_across_each_other_have_no_common_direction():
    scene = Scene()
    scene.furrows((20, 20, 40, 60), spacing_m=1.2, turn_deg=0)
    scene.furrows((40, 20, 60, 60), spacing_m=1.2, turn_deg=90)
    assert row_coherence(means(scene)) < 0.3


def test_terms_add_up_over_windows():
    rgb = ploughed(30).noisy(5)
    whole = row_tensor(rgb, gsd_m=GSD_M)
    part = row_tensor(rgb[40:200, 60:220], gsd_m=GSD_M)
    assert tuple(whole) == TENSOR_FEATURES
    for name in TENSOR_FEATURES:
        assert whole[name].dtype == np.float32
        assert np.allclose(part[name][16:-16, 16:-16], whole[name][56:184, 76:204], atol=1e-3)


@given(st.floats(-1, 1), st.floats(-1, 1), st.floats(0, 10))
def test_coherence_of_what_tensors_can_be_is_a_share(cos, sin, size):
    scale = size / max(1.0, float(np.hypot(cos, sin)))
    found = {"tensor_cos": cos * scale, "tensor_sin": sin * scale, "tensor_size": size}
    assert 0 <= row_coherence(found) <= 1 + 1e-6
    assert 0 <= tilled(found) <= 1


def test_flat_ground_has_no_rows():
    flat = row_tensor(np.full((30, 30, 3), 150, np.uint8), gsd_m=GSD_M)
    found = {name: float(values.mean()) for name, values in flat.items()}
    assert row_coherence(found) == pytest.approx(0, abs=1e-6)
