from __future__ import annotations

import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS

from vision.survey.grid import Grid, Window, apply

UTM50 = CRS.from_epsg(32650)

coordinate = st.floats(-1e7, 1e7, allow_nan=False)
extent = st.floats(0.01, 3000)
gsd = st.sampled_from([0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 1 / 3, 0.5, 1.0, 2.0])


@st.composite
def bounds(draw):
    west, south = draw(coordinate), draw(coordinate)
    return west, south, west + draw(extent), south + draw(extent)


@given(bounds(), gsd)
def test_covering_holds_the_bounds_and_little_more(box, gsd_m):
    grid = Grid.covering(UTM50, box, gsd_m)
    west, south, east, north = grid.bounds
    slack = 2e-6 * gsd_m + 1e-8 * max(map(abs, box))
    assert west <= box[0] + slack and north >= box[3] - slack
    assert east >= box[2] - slack and south <= box[1] + slack
    assert box[0] - west < gsd_m + slack and north - box[3] < gsd_m + slack
    assert east - box[2] < gsd_m + slack and box[1] - south < gsd_m + slack
    assert grid.area_m2 == pytest.approx((east - west) * (north - south))


@given(bounds(), gsd)
def test_grids_of_one_pixel_size_share_their_lattice(box, gsd_m):
    first = Grid.covering(UTM50, box, gsd_m)
    other = Grid.covering(UTM50, (box[0] - 7.3, box[1], box[2], box[3] + 11.9), gsd_m)
    steps = (first.x0_m - other.x0_m) / gsd_m
    assert abs(steps - round(steps)) < 1e-3


@given(st.integers(1, 150), st.integers(1, 150), st.integers(5, 200))
def test_tiles_cover_each_pixel_once(width, height, size_px):
    grid = Grid(UTM50, 0.0, 0.0, 0.5, width, height)
    count = np.zeros((height, width), int)
    for tile in grid.tiles(size_px):
        assert 0 < tile.width <= size_px and 0 < tile.height <= size_px
        count[tile.row : tile.row + tile.height, tile.col : tile.col + tile.width] += 1
    assert (count == 1).all()


@given(st.integers(-50, 250), st.integers(-50, 250), st.integers(1, 90), st.integers(1, 90))
def test_window_over_its_own_ground_is_the_window(row, col, height, width):
    grid = Grid(UTM50, 500_000.0, 2_500_000.0, 0.25, 200, 180)  # exact in binary
    window = Window(row, col, height, width)
    transform = grid.window_transform(window)
    west, north = transform @ (0, 0)
    east, south = transform @ (width, height)
    assert grid.window_over((west, south, east, north)) == window


@given(st.integers(-50, 250), st.integers(-50, 250), st.integers(0, 90), st.integers(0, 90))
def test_clipped_is_what_lies_on_the_grid(row, col, height, width):
    grid = Grid(UTM50, 0.0, 0.0, 1.0, 200, 180)
    window = Window(row, col, height, width)
    clipped = window.clipped(grid)
    inside = {
        (r, c)
        for r in range(row, row + height)
        for c in range(col, col + width)
        if 0 <= r < 180 and 0 <= c < 200
    }
    assert clipped.height * clipped.width == len(inside)
    if inside:
        assert (clipped.row, clipped.col) == min(inside)


@given(st.integers(0, 20), st.integers(1, 60), st.integers(1, 60))
def test_grown_adds_on_every_side(margin, height, width):
    window = Window(5, -3, height, width).grown(margin)
    assert (window.row, window.col) == (5 - margin, -3 - margin)
    assert (window.height, window.width) == (height + 2 * margin, width + 2 * margin)


@given(st.integers(1, 130), st.integers(1, 130), st.sampled_from([1, 7, 32]))
def test_centres_are_pixel_centres_and_reach_the_last(height, width, step_px):
    grid = Grid(UTM50, 1000.0, 2000.0, 0.5, 400, 400)
    window = Window(3, 9, height, width)
    x, y = grid.centres(window, step_px)
    assert x.shape == y.shape
    assert (x[0, 0], y[0, 0]) == (1000 + 9.5 * 0.5, 2000 - 3.5 * 0.5)
    assert x[0, -1] >= 1000 + (9 + width - 0.5) * 0.5
    assert y[-1, 0] <= 2000 - (3 + height - 0.5) * 0.5
    if x.shape[1] > 1:
        assert np.allclose(np.diff(x, axis=1), step_px * 0.5)


@given(bounds(), st.sampled_from([0.1, 0.2, 0.5]), st.sampled_from([0.7, 2.0, 8.0]))
def test_coarser_covers_the_same_ground(box, fine, coarse):
    grid = Grid.covering(UTM50, box, fine)
    other = grid.coarser(coarse)
    assert (other.x0_m, other.y0_m, other.gsd_m) == (grid.x0_m, grid.y0_m, coarse)
    slack = 1e-8 * max(map(abs, (*box, 1.0)))
    assert other.bounds[2] >= grid.bounds[2] - slack and other.bounds[1] <= grid.bounds[1] + slack
    assert other.bounds[2] - grid.bounds[2] < coarse + slack


def test_apply_is_the_transform():
    transform = Affine(1.5, -0.3, 10.0, 0.2, -2.0, 40.0)
    x, y = apply(transform, np.array([0.0, 3.0]), np.array([1.0, -4.0]))
    assert [(x[i], y[i]) for i in range(2)] == [
        pytest.approx(transform @ (0.0, 1.0)),
        pytest.approx(transform @ (3.0, -4.0)),
    ]
