"""Surface models: a common datum in spite of change, and rises that forgive walls moved aside."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS

from tests.make_scenes import texture
from vision.errors import NoOverlap
from vision.survey.grid import Grid, Window
from vision.survey.surface import fit_datum, height_change

SHAPE = (120, 160)
GRID = Grid(CRS.from_epsg(32650), 500_000.0, 3_000_000.0, 1.0, SHAPE[1], SHAPE[0])


def ground():
    return 30 + 4 * texture(3, SHAPE, 12.0)


def plane(offset_m, tilt_x, tilt_y):
    """Height of the tilted datum; tilts in metres a kilometre, offset at the centre."""
    row, col = np.mgrid[: SHAPE[0], : SHAPE[1]] + 0.5
    return offset_m + tilt_x * (col - SHAPE[1] / 2) / 1000 - tilt_y * (row - SHAPE[0] / 2) / 1000


def changed(height_m, share, rng):
    """Raise or lower blocks of ground until ``share`` of it changed."""
    out, touched = height_m.copy(), np.zeros(SHAPE, bool)
    while touched.mean() < share:
        row, col = rng.integers(0, SHAPE[0] - 20), rng.integers(0, SHAPE[1] - 20)
        part = np.s_[row : row + 20, col : col + 20]
        out[part] += rng.choice([-4.0, 3.0, 7.0, 12.0])
        touched[part] = True
    return out


@settings(max_examples=20)
@given(
    seed=st.integers(0, 2**32 - 1),
    offset_m=st.floats(-40, 40),
    tilt_x=st.floats(-3, 3),
    tilt_y=st.floats(-3, 3),
)
def test_the_datum_is_found_though_a_third_of_the_ground_changed(seed, offset_m, tilt_x, tilt_y):
    rng = np.random.default_rng(seed)
    before = ground()
    after = changed(before, 0.3, rng) + plane(offset_m, tilt_x, tilt_y)
    after = (after + rng.normal(0, 0.05, SHAPE)).astype(np.float32)
    shift = fit_datum(before, after, grid=GRID)
    assert shift.report.offset_m == pytest.approx(offset_m, abs=0.05)
    assert shift.report.tilt_x_m_per_km == pytest.approx(tilt_x, abs=0.6)
    assert shift.report.tilt_y_m_per_km == pytest.approx(tilt_y, abs=0.6)
    assert 0.6 < shift.report.stable_share < 0.85
    assert shift.report.noise_m == pytest.approx(0.05, abs=0.02)
    assert shift.report.samples == before.size


def test_removing_the_datum_lays_stable_ground_onto_itself():
    before = ground()
    after = (before + plane(5.0, 2.0, -3.0)).astype(np.float32)
    shift = fit_datum(before, after, grid=GRID)
    assert np.abs(shift.remove(after, GRID, GRID.whole) - before).max() < 0.02
    window = Window(30, 50, 40, 60)
    part = np.s_[30:70, 50:110]
    assert np.allclose(
        shift.remove(after[part], GRID, window),
        shift.remove(after, GRID, GRID.whole)[part],
        atol=1e-5,
    )


def test_places_without_a_height_do_not_count():
    before = ground().copy()
    after = (before + np.float32(2.0)).astype(np.float32)
    before[:60] = np.nan
    after[:, :50] = np.nan
    report = fit_datum(before, after, grid=GRID).report
    assert report.offset_m == pytest.approx(2.0, abs=0.01)
    assert report.samples == 60 * 110


@pytest.mark.parametrize("known", [0, 99])
def test_too_little_common_ground_is_an_error_that_says_so(known):
    after = np.full(SHAPE, np.nan, np.float32)
    after.flat[:known] = 10.0
    with pytest.raises(NoOverlap, match="share no ground"):
        fit_datum(ground(), after, grid=GRID)


def with_block(rows, cols, height_m, base=None):
    out = np.full((60, 60), 20.0, np.float32) if base is None else base.copy()
    out[rows, cols] += height_m
    return out


@pytest.mark.parametrize(("dr", "dc"), [(2, 0), (0, 2), (-2, 1), (2, 2), (-1, -2)])
def test_a_wall_two_pixels_aside_is_no_change(dr, dc):
    before = with_block(slice(20, 40), slice(20, 40), 6.0)
    after = with_block(slice(20 + dr, 40 + dr), slice(20 + dc, 40 + dc), 6.0)
    gain, loss, known = height_change(before, after, tolerance_px=2)
    assert known.all()
    assert gain.max() == 0
    assert loss.max() == 0


@pytest.mark.parametrize("side", [8, 16])
def test_a_shed_is_seen_with_its_height_less_its_edge(side):
    before = np.full((60, 60), 20.0, np.float32)
    after = with_block(slice(20, 20 + side), slice(20, 20 + side), 3.0)
    gain, loss, _ = height_change(before, after, tolerance_px=2)
    assert gain.max() == pytest.approx(3.0)
    assert (gain > 2.9).sum() == side**2
    assert loss.max() == 0
    fell, rose, _ = height_change(after, before, tolerance_px=2)
    assert fell.max() == 0
    assert (rose > 2.9).sum() == side**2


def test_a_wall_three_pixels_aside_is_change():
    before = with_block(slice(20, 40), slice(20, 40), 6.0)
    gain, loss, _ = height_change(before, np.roll(before, 3, axis=1), tolerance_px=2)
    assert (gain > 0).any()
    assert (loss > 0).any()


def test_unknown_heights_are_no_change_and_hide_none():
    before = np.full((60, 60), 20.0, np.float32)
    after = with_block(slice(20, 40), slice(20, 40), 3.0)
    before[10:30, 10:30] = np.nan
    after[50:] = np.nan
    gain, loss, known = height_change(before, after, tolerance_px=2)
    assert np.array_equal(known, np.isfinite(before) & np.isfinite(after))
    assert np.isfinite(gain).all()
    assert np.isfinite(loss).all()
    assert (gain[~known] == 0).all()
    assert (loss[~known] == 0).all()
    assert gain[35, 35] == pytest.approx(3.0)
