"""Candidate masks: which places are looked at as what."""

from __future__ import annotations

import numpy as np
import pytest

from tests.make_scenes import (
    BLUE_ROOF,
    EARTH,
    GRASS,
    GSD_M,
    NET,
    PAVING,
    RED_ROOF,
    pair_window,
    village,
)
from vision.finding import ModelRef
from vision.survey.candidates import Candidate, built_likeness, candidate_masks
from vision.survey.change import change_layers

YARD = (16.0, 44.0, 40.0, 74.0)
BUILT = (24.0, 54.0, 32.0, 62.0)


class RedModel:
    """Says that what turned red was built."""

    model = ModelRef(name="red", version="1", sha256="ab" * 32)
    gsd_m = GSD_M

    def __call__(self, before, after):
        redness = [p[..., 0].astype(np.float32) - p[..., 2] for p in (before, after)]
        return np.clip((redness[1] - redness[0]) / 80, 0, 1)


def masks(before, after, *, heights, learned=None):
    pair = pair_window(before, after, heights=heights)
    return candidate_masks(pair, change_layers(pair, min_height_m=2, learned=learned))


def share(mask, scene, box=BUILT, inset_m=0.8):
    left, top, right, bottom = box
    return float(mask[scene.mask((left + inset_m, top + inset_m, right - inset_m,
                                  bottom - inset_m))].mean())  # fmt: skip


def build(scene):
    scene.block(BUILT, 3.0, BLUE_ROOF, shadow=False)


def raise_only(scene):
    scene.height_m[scene.mask(BUILT)] += 3.0


def repaint(scene):
    scene.field(BUILT, RED_ROOF)


@pytest.mark.parametrize(
    ("put", "heights", "expected"),
    [
        (build, True, {Candidate.RAISED}),
        (build, False, {Candidate.RESURFACED}),
        (raise_only, True, {Candidate.RAISED}),
        (raise_only, False, set()),
        (repaint, True, {Candidate.RESURFACED}),
        (repaint, False, {Candidate.RESURFACED}),
    ],
)
def test_what_appears_is_looked_at_as(put, heights, expected):
    before, after = village(), village()
    put(after)
    found = masks(before, after, heights=heights)
    assert {name for name, mask in found.items() if share(mask, after) > 0.8} == expected
    others = [mask for name, mask in found.items() if name not in expected]
    assert all(share(mask, after) < 0.2 for mask in others)


@pytest.mark.parametrize(
    ("heights", "expected"), [(True, Candidate.LOWERED), (False, Candidate.RESURFACED)]
)
def test_what_vanishes_is_looked_at_as(heights, expected):
    before, after = village(), village()
    build(before)
    assert share(masks(before, after, heights=heights)[expected], after) > 0.8


def test_without_heights_nothing_is_raised_or_lowered():
    assert set(masks(village(), village(), heights=False)) == {
        Candidate.CLEARED,
        Candidate.RESURFACED,
    }


@pytest.mark.parametrize(
    ("then", "now", "cleared"),
    [(GRASS, EARTH, True), (GRASS, PAVING, False), (EARTH, GRASS, False), (NET, EARTH, False)],
    ids=["dug", "paved", "grown over", "net taken off"],
)
def test_cleared_is_plants_turned_to_earth(then, now, cleared):
    before, after = village(), village()
    before.field(YARD, then)
    after.field(YARD, now)
    found = masks(before, after, heights=False)[Candidate.CLEARED]
    assert (share(found, after, YARD, 3) > 0.8) is cleared
    assert (share(found, after, YARD, 3) > 0.1) is cleared


def test_unchanged_ground_holds_no_candidates():
    for mask in masks(village(), village(), heights=True).values():
        assert mask.mean() < 0.001


def test_specks_are_dropped():
    before, after = village(), village()
    after.block((24, 54, 24.7, 54.7), 3.0, BLUE_ROOF, shadow=False)
    for mask in masks(before, after, heights=True).values():
        assert mask.sum() == 0


@pytest.mark.parametrize(
    ("vegetation", "soil", "shadow", "net", "least", "most"),
    [(0, 0, 0, 0, 1, 1), (1, 0, 0, 0, 0, 0), (0, 1, 0, 0, 0.5, 0.8), (0, 0, 1, 0, 0, 0.4),
     (0, 0, 0, 1, 0, 0.6)],
)  # fmt: skip
def test_built_likeness(vegetation, soil, shadow, net, least, most):
    values = (np.full((2, 2), v, np.float32) for v in (vegetation, soil, shadow, net))
    found = built_likeness(*values)
    assert (found >= least - 1e-6).all()
    assert (found <= most + 1e-6).all()


@pytest.mark.parametrize("heights", [False, True])
@pytest.mark.parametrize(("later", "expected"), [(True, Candidate.BUILT), (False, Candidate.RAZED)])
def test_the_learned_cue_makes_candidates_where_no_heights_are_known(heights, later, expected):
    before, after = village(), village()
    repaint(after if later else before)
    found = masks(before, after, heights=heights, learned=RedModel())
    other = Candidate.RAZED if later else Candidate.BUILT
    assert (share(found[expected], after) > 0.8) is not heights
    assert share(found[other], after) < 0.1
    assert not {Candidate.BUILT, Candidate.RAZED} & set(masks(before, after, heights=heights))
