"""Looks: the same thing in other light is the same, another thing is not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from vision.camera.appearance import describe, similarity

BOX = (0.25, 0.25, 0.75, 0.75)


def picture(seed=0, colour=(120, 120, 120), size=(240, 320)):
    """A made-up vehicle on a road: a few rectangles of its own."""
    rng = np.random.default_rng(seed)
    height, width = size
    rgb = np.full((height, width, 3), 110, np.uint8)
    rgb[height // 4 : 3 * height // 4, width // 4 : 3 * width // 4] = colour
    for _ in range(6):
        x, y = rng.integers(width // 4, width // 2), rng.integers(height // 4, height // 2)
        w, h = rng.integers(width // 16, width // 4), rng.integers(height // 16, height // 4)
        rgb[y : y + h, x : x + w] = rng.integers(20, 235) * np.ones(3)
    noise = np.random.default_rng(seed + 1000).normal(0, 3, rgb.shape)
    return np.clip(rgb + noise, 0, 255).astype(np.uint8)


def changed(rgb, gain=1.0, offset=0.0, noise=0.0):
    added = np.random.default_rng(5).normal(0, noise, rgb.shape) if noise else 0
    return np.clip(rgb * gain + offset + added, 0, 255).astype(np.uint8)


def test_a_descriptor_is_small_and_of_unit_length():
    found = describe(picture(), BOX)
    assert found.shape == (214,)
    assert found.dtype == np.float32
    assert np.linalg.norm(found) == pytest.approx(1, abs=1e-5)
    assert similarity(found, found) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    ("other", "least"),
    [
        (changed(picture(), gain=0.5), 0.95),
        (changed(picture(), gain=0.25), 0.9),
        (changed(picture(), gain=0.7, offset=40), 0.95),
        (changed(picture(), noise=12), 0.85),
        (cv2.resize(picture(), (160, 120), interpolation=cv2.INTER_AREA), 0.9),
        (cv2.cvtColor(cv2.cvtColor(picture(), cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB), 0.95),
        (cv2.GaussianBlur(picture(), (5, 5), 0), 0.85),
    ],
    ids=["dusk", "night", "haze", "noise", "smaller stream", "infrared", "out of focus"],
)
def test_the_same_in_other_light_looks_the_same(other, least):
    assert similarity(describe(picture(), BOX), describe(other, BOX)) >= least


@pytest.mark.parametrize("seed", range(1, 6))
def test_another_of_the_same_colour_looks_otherwise(seed):
    assert similarity(describe(picture(), BOX), describe(picture(seed), BOX)) < 0.75


def test_the_same_form_in_red_looks_less_alike_than_in_the_dark():
    red = describe(picture(colour=(190, 30, 30)), BOX)
    dark = describe(changed(picture(), gain=0.4), BOX)
    grey = describe(picture(), BOX)
    assert similarity(grey, red) < similarity(grey, dark) - 0.1


def test_a_place_that_was_left_looks_otherwise():
    road = np.full((240, 320, 3), 110, np.uint8)
    assert similarity(describe(picture(), BOX), describe(road, BOX)) < 0.5


@pytest.mark.parametrize("shift", [0.02, -0.03])
def test_a_box_that_wanders_costs_little(shift):
    moved = tuple(edge + shift for edge in BOX)
    assert similarity(describe(picture(), BOX), describe(picture(), moved)) > 0.6


@pytest.mark.parametrize(
    "box",
    [(-0.2, -0.2, 0.1, 0.1), (0.95, 0.95, 1.4, 1.4), (0.5, 0.5, 0.5, 0.5), (1.0, 1.0, 1.2, 1.2)],
)
def test_boxes_at_and_over_the_border_are_described(box):
    found = describe(picture(), box)
    assert np.isfinite(found).all()
    assert np.linalg.norm(found) == pytest.approx(1, abs=1e-5)


def test_a_black_picture_is_described():
    found = describe(np.zeros((40, 40, 3), np.uint8), BOX)
    assert np.linalg.norm(found) == pytest.approx(1, abs=1e-5)
