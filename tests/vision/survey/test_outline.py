"""Outlines: exact along pixels, square where something was built, round where it is round."""

from __future__ import annotations

import math

import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from shapely import affinity, contains_xy
from shapely.geometry import MultiPolygon, Point, Polygon, box

from vision.survey.grid import apply
from vision.survey.outline import mask_polygon, rectangle_fit, regular_outline, simple_outline

GSD_M = 0.2
PLACE = Affine(GSD_M, 0, 500_000.0, 0, -GSD_M, 3_000_000.0)
L_SHAPE = Polygon([(0, 0), (14, 0), (14, 5), (6, 5), (6, 12), (0, 12)])


def drawn(shape, *, side_m=32.0):
    """Pixels whose centre lies in a shape given in metres around (0, 0)."""
    centres = np.arange(-side_m / 2 + GSD_M / 2, side_m / 2, GSD_M)
    x, y = np.meshgrid(centres, -centres)
    mask = contains_xy(shape, x, y)
    return mask, Affine(GSD_M, 0, -side_m / 2, 0, -GSD_M, side_m / 2)


def iou(a, b):
    return a.intersection(b).area / a.union(b).area


def centred(shape):
    return affinity.translate(shape, -shape.centroid.x, -shape.centroid.y)


@given(
    seed=st.integers(0, 2**32 - 1),
    rows=st.integers(1, 24),
    cols=st.integers(1, 24),
    share=st.sampled_from([0.05, 0.3, 0.5, 0.8, 0.97, 1.0]),
)
def test_mask_polygon_covers_its_pixels_and_no_others(seed, rows, cols, share):
    mask = np.random.default_rng(seed).random((rows, cols)) < share
    area = mask_polygon(mask, PLACE)
    assert area.is_valid
    assert area.area == pytest.approx(mask.sum() * GSD_M**2, abs=1e-6)
    row, col = np.mgrid[:rows, :cols]
    x, y = apply(PLACE, col + 0.5, row + 0.5)
    assert np.array_equal(contains_xy(area, x, y), mask)


def test_mask_polygon_keeps_holes_and_what_stands_in_them():
    mask = np.ones((9, 9), bool)
    mask[2:7, 2:7] = False
    mask[4, 4] = True
    area = mask_polygon(mask, Affine.identity())
    assert isinstance(area, MultiPolygon)
    assert sorted(part.area for part in area.geoms) == [1, 56]
    assert sum(len(part.interiors) for part in area.geoms) == 1


def test_an_empty_mask_has_no_area():
    assert mask_polygon(np.zeros((4, 5), bool), PLACE).is_empty


def test_mask_polygon_follows_a_turned_transform():
    turned = Affine.translation(10, 20) @ Affine.rotation(30) @ Affine.scale(0.5, -0.5)
    mask = np.zeros((6, 8), bool)
    mask[1:4, 2:7] = True
    area = mask_polygon(mask, turned)
    corners = np.array([(2, 1), (7, 1), (7, 4), (2, 4)], float)
    expected = Polygon(np.column_stack(apply(turned, corners[:, 0], corners[:, 1])))
    assert iou(area, expected) == pytest.approx(1)


sizes = st.floats(4, 14)


shifts = st.floats(0, 1)


@given(width=sizes, length=sizes, turn_deg=st.floats(0, 180), dx=shifts, dy=shifts)
def test_a_rectangle_stays_one_under_any_turn(width, length, turn_deg, dx, dy):
    truth = affinity.rotate(box(-width / 2, -length / 2, width / 2, length / 2), turn_deg)
    truth = affinity.translate(truth, dx * GSD_M, dy * GSD_M)
    mask, transform = drawn(truth)
    outline = regular_outline(mask, transform, tolerance_m=0.6)
    assert len(outline.exterior.coords) == 5
    assert outline.area == pytest.approx(mask.sum() * GSD_M**2, rel=1e-6)
    # A quarter of a pixel on every side is what sampling loses.
    margin = (width + length) * 2 * GSD_M / 2 / (width * length)
    assert iou(outline, truth) > 1 - margin


@given(turn_deg=st.floats(0, 180), scale=st.floats(0.7, 1.2))
def test_an_l_shape_keeps_its_corners_under_any_turn(turn_deg, scale):
    truth = centred(affinity.rotate(affinity.scale(L_SHAPE, scale, scale), turn_deg))
    mask, transform = drawn(truth)
    outline = regular_outline(mask, transform, tolerance_m=0.6)
    assert outline.is_valid
    assert 6 <= len(outline.exterior.coords) - 1 <= 10
    assert iou(outline, truth) > 0.9
    assert rectangle_fit(mask_polygon(mask, transform)) < 0.86


@given(turn_deg=st.floats(0, 180))
def test_the_corners_of_an_l_shape_are_square(turn_deg):
    truth = centred(affinity.rotate(L_SHAPE, turn_deg))
    mask, transform = drawn(truth)
    points = np.asarray(regular_outline(mask, transform, tolerance_m=0.6).exterior.coords)
    if len(points) != 7:  # drawn with more corners where the squared one fits too badly
        return
    ways = np.degrees(np.arctan2(*np.diff(points, axis=0).T[::-1])) % 90
    apart = (ways - ways[0] + 45) % 90 - 45
    assert np.abs(apart).max() < 12


@pytest.mark.parametrize("radius_m", [2.0, 3.0, 5.0, 9.0])
def test_a_circle_becomes_no_rectangle(radius_m):
    truth = Point(0, 0).buffer(radius_m)
    mask, transform = drawn(truth)
    outline = regular_outline(mask, transform, tolerance_m=0.4)
    assert len(outline.exterior.coords) > 5
    assert iou(outline, truth) > 0.85
    assert rectangle_fit(mask_polygon(mask, transform)) < 0.84


def test_holes_are_filled_and_crumbs_dropped():
    mask, transform = drawn(box(-6, -5, 6, 5))
    mask[78:82, 78:82] = False
    mask[2:5, 2:5] = True
    outline = regular_outline(mask, transform, tolerance_m=0.6)
    assert not outline.interiors
    assert iou(outline, box(-6, -5, 6, 5)) > 0.97


def test_a_single_pixel_has_an_outline():
    mask = np.zeros((3, 3), bool)
    mask[1, 1] = True
    outline = regular_outline(mask, PLACE, tolerance_m=0.6)
    assert outline.area == pytest.approx(GSD_M**2)


@pytest.mark.parametrize(
    ("shape", "least", "most"),
    [
        (box(-5, -3, 5, 3), 0.95, 1.0),
        (affinity.rotate(box(-5, -3, 5, 3), 33), 0.93, 1.0),
        (Point(0, 0).buffer(5), 0.7, 0.84),
        (centred(Polygon([(0, 0), (12, 0), (0, 12)])), 0.3, 0.8),
    ],
    ids=["rectangle", "turned", "disc", "triangle"],
)
def test_rectangle_fit_tells_shapes_apart(shape, least, most):
    assert least <= rectangle_fit(mask_polygon(*drawn(shape))) <= most


def test_rectangle_fit_of_nothing():
    assert rectangle_fit(Polygon()) == 0


def test_simple_outline_smooths_and_drops_small_holes():
    field = Point(0, 0).buffer(12).difference(box(-1, -1, 1, 1)).difference(box(4, -2, 8, 2))
    mask, transform = drawn(field)
    area = simple_outline(mask, transform, tolerance_m=0.4, min_hole_m2=10.0)
    assert area.is_valid
    assert len(area.interiors) == 1
    assert area.area == pytest.approx(math.pi * 144 - 16, rel=0.02)
    assert len(area.exterior.coords) < len(mask_polygon(mask, transform).exterior.coords) / 4
