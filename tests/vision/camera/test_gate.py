"""The gate saves looks where nothing moves, and hides nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from vision.camera.frame import Frame
from vision.camera.gate import MotionGate

START = datetime(2026, 11, 22, tzinfo=UTC)
RNG = np.random.default_rng(5)
STREET = np.repeat(
    np.repeat(RNG.integers(40, 200, (45, 80, 3)).astype(np.uint8), 16, axis=0), 16, axis=1
)


def frame(rgb=STREET, at_s=0.0):
    at = START + timedelta(seconds=at_s)
    return Frame(taken_at=at, received_at=at, rgb=rgb)


def noisy(seed, sigma=3.0):
    noise = np.random.default_rng(seed).normal(0, sigma, STREET.shape)
    return np.clip(STREET + noise, 0, 255).astype(np.uint8)


def with_patch(height_px, *, levels=60):
    rgb = STREET.astype(np.int16)
    rgb[400 : 400 + height_px, 600 : 600 + height_px // 2] += levels
    return np.clip(rgb, 0, 255).astype(np.uint8)


def seen_gate():
    gate = MotionGate(refresh_s=20)
    gate.looked_at(frame())
    return gate


@pytest.mark.parametrize(
    ("rgb", "worth"),
    [
        pytest.param(STREET, False, id="the same"),
        pytest.param(noisy(1), False, id="noise"),
        pytest.param(np.clip(STREET.astype(int) + 12, 0, 255).astype(np.uint8), False, id="cloud"),
        pytest.param(with_patch(50), True, id="a person 50 px high"),
        pytest.param(STREET[:360], True, id="another size"),
    ],
)
def test_what_is_worth_a_look(rgb, worth):
    assert seen_gate().is_worth_a_look(frame(rgb, 1.0)) is worth


def test_the_first_frame_is_worth_a_look():
    assert MotionGate(refresh_s=20).is_worth_a_look(frame())


def test_slow_change_adds_up():
    """Each step is too small to be seen, their sum is not: the gate must not follow it along."""
    gate = seen_gate()
    worth = []
    for step in range(1, 13):
        worth.append(gate.is_worth_a_look(frame(with_patch(80, levels=2 * step), step * 0.5)))
    assert worth[0] is False
    assert worth[-1] is True


@pytest.mark.parametrize(("at_s", "worth"), [(19.9, False), (20.0, True), (-1.0, True)])
def test_it_opens_by_itself_after_a_while_and_when_the_clock_was_set_back(at_s, worth):
    assert seen_gate().is_worth_a_look(frame(at_s=at_s)) is worth


def test_forgetting_opens_it():
    gate = seen_gate()
    gate.forget()
    assert gate.is_worth_a_look(frame(at_s=1))


@pytest.mark.parametrize(
    ("outline", "worth"),
    [
        pytest.param(((0.4, 0.5), (0.6, 0.5), (0.6, 0.7), (0.4, 0.7)), True, id="there"),
        pytest.param(((0.0, 0.0), (0.3, 0.0), (0.3, 0.9), (0.0, 0.9)), False, id="elsewhere"),
    ],
)
def test_between_slow_looks_only_urgent_parts_count(outline, worth):
    gate = MotionGate(refresh_s=20, urgent=[outline])
    gate.looked_at(frame())
    person = frame(with_patch(60), 0.2)
    assert gate.is_worth_a_look(person) is True
    assert gate.is_worth_a_look(person, urgent_only=True) is worth


LEFT = ((0.0, 0.0), (0.3, 0.0), (0.3, 1.0), (0.0, 1.0))
HERE = ((0.4, 0.4), (0.7, 0.4), (0.7, 0.8), (0.4, 0.8))
"""Where `with_patch` puts something."""


@pytest.mark.parametrize(("place", "worth"), [(HERE, True), (LEFT, False)])
def test_only_changes_in_a_place_count(place, worth):
    gate = MotionGate(refresh_s=20, places=[place])
    gate.looked_at(frame())
    assert gate.is_worth_a_look(frame(with_patch(100), 1.0)) is worth
    assert gate.has_changed((0.45, 0.5, 0.6, 0.7))
    assert not gate.has_changed((0.0, 0.0, 0.2, 0.2))


def test_changes_at_what_stands_in_a_place_count_too():
    gate = MotionGate(refresh_s=20, places=[LEFT])
    gate.looked_at(frame(), [(0.2, 0.3, 0.6, 0.9)])
    assert gate.is_worth_a_look(frame(with_patch(100), 1.0))


def moved(at_px):
    rgb = STREET.copy()
    rgb[400:600, at_px : at_px + 200] = 255
    return rgb


def test_what_moves_waits_and_what_came_to_rest_does_not():
    """Something light crosses for some seconds, then stands."""
    gate = MotionGate(refresh_s=20, places=[HERE], rest_s=5)
    gate.looked_at(frame())
    looks = []
    for second in range(1, 13):
        here = frame(moved(min(500 + 25 * second, 700)), float(second))
        if gate.is_worth_a_look(here):
            looks.append(second)
            gate.looked_at(here)
    # A uniform thing that moves by less than its length is at rest where it covers itself.
    assert looks[0] <= 5
    assert looks[-1] in (8, 9)
    assert not gate.is_worth_a_look(frame(moved(700), 13.0))


def test_a_gate_is_urgent_however_often_the_rest_is_looked_at():
    gate = MotionGate(refresh_s=20, urgent=[HERE], places=[HERE], rest_s=5)
    gate.looked_at(frame())
    assert gate.is_worth_a_look(frame(moved(500), 0.2))
    gate.looked_at(frame(moved(500), 0.2))
    assert gate.is_worth_a_look(frame(moved(800), 0.4))
