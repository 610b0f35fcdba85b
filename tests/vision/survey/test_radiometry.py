"""Tone: another light is taken out, what was built is not, and windows agree."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.make_scenes import BLUE_ROOF, Scene, village
from vision.survey.grid import Grid, Window
from vision.survey.radiometry import fit_tone

SCENE = village()
GRID = SCENE.grid
ALL = np.ones((SCENE.side_px, SCENE.side_px), bool)


def relit(rgb, gain, offset):
    return np.clip(np.rint(rgb * np.asarray(gain) + offset), 0, 255).astype(np.uint8)


def apart(a, b, where=ALL):
    return np.abs(a.astype(float) - b.astype(float)).mean(axis=-1)[where]


@settings(max_examples=15)
@given(
    gain=st.tuples(*[st.floats(0.75, 1.25)] * 3),
    offset=st.floats(-15, 15),
)
def test_a_copy_in_another_light_is_matched(gain, offset):
    before = SCENE.noisy(1)
    after = relit(SCENE.noisy(2).astype(float), gain, offset)
    tone = fit_tone(before, after, ALL, grid=GRID)
    matched = tone.apply(before, GRID, GRID.whole)
    assert matched.dtype == np.uint8
    assert apart(matched, after).mean() < 4.0
    assert np.median(apart(matched, after)) < 3.0


@pytest.mark.parametrize("share", [0.1, 0.3])
def test_what_was_built_does_not_pull_the_match(share):
    side = 80 * share**0.5
    later = village()
    later.field((78 - side, 78 - side, 78, 78), BLUE_ROOF)
    before, after = SCENE.noisy(1), relit(later.noisy(2).astype(float), (1.15, 1.1, 1.0), 6)
    built = later.mask((78 - side, 78 - side, 78, 78))
    matched = fit_tone(before, after, ALL, grid=GRID).apply(before, GRID, GRID.whole)
    # A third of the ground may pull the match a little, never to the blue of the roof.
    limit = 8.0 if share < 0.2 else 20.0
    assert np.median(apart(matched, after, ~built)) < limit
    assert np.median(apart(matched, after, built)) > 30


def test_haze_that_grows_across_the_site_is_taken_out():
    side, coarse = 400, 1.0
    scene = Scene(side_px=side, gsd_m=coarse)
    rgb = scene.noisy(1)
    ramp = np.linspace(-12, 12, side)[None, :, None]
    after = np.clip(np.rint(scene.noisy(2) + ramp), 0, 255).astype(np.uint8)
    valid = np.ones((side, side), bool)
    tone = fit_tone(rgb, after, valid, grid=scene.grid)
    matched = tone.apply(rgb, scene.grid, scene.grid.whole)
    left, right = np.s_[:, 60:100], np.s_[:, 300:340]
    for part in (left, right):
        off = float(np.median(after[part].astype(float) - matched[part]))
        assert abs(off) < 3.0
    assert tone.field.max() - tone.field.min() > 10


def test_a_window_is_toned_as_the_whole_is():
    side = 400
    scene = Scene(side_px=side, gsd_m=1.0)
    rgb = scene.noisy(1)
    ramp = np.linspace(-12, 12, side)[None, :, None]
    after = np.clip(np.rint(scene.noisy(2) * 1.1 + ramp), 0, 255).astype(np.uint8)
    tone = fit_tone(rgb, after, np.ones((side, side), bool), grid=scene.grid)
    whole = tone.apply(rgb, scene.grid, scene.grid.whole)
    part = np.s_[37:163, 101:378]
    window = tone.apply(rgb[part], scene.grid, Window(37, 101, 126, 277))
    assert np.abs(window.astype(int) - whole[part]).max() <= 1


def test_places_without_data_take_no_part():
    before, after = SCENE.noisy(1), relit(SCENE.noisy(2).astype(float), (1.1, 1.0, 0.95), 5)
    valid = ~SCENE.mask((0, 0, 80, 40))
    spoilt = after.copy()
    spoilt[~valid] = 0
    good = fit_tone(before, after, valid, grid=GRID)
    same = fit_tone(before, spoilt, valid, grid=GRID)
    assert np.array_equal(good.matrix, same.matrix)
    assert np.array_equal(good.field, same.field)


def test_too_little_ground_leaves_colours_alone():
    before = SCENE.noisy(1)
    valid = np.zeros_like(ALL)
    valid[:10, :10] = True
    tone = fit_tone(before, relit(before.astype(float), (0.5, 0.5, 0.5), 0), valid, grid=GRID)
    assert np.array_equal(tone.apply(before, GRID, GRID.whole), before)


def test_one_flat_colour_gives_a_finite_match():
    grid = Grid(GRID.crs, GRID.x0_m, GRID.y0_m, 1.0, 60, 60)
    valid = np.ones((60, 60), bool)
    before = np.full((60, 60, 3), 90, np.uint8)
    after = np.full((60, 60, 3), 120, np.uint8)
    tone = fit_tone(before, after, valid, grid=grid)
    assert np.isfinite(tone.matrix).all()
    assert np.abs(tone.apply(before, grid, grid.whole).astype(int) - 120).max() <= 1
