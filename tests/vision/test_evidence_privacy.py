"""What people see first shows no face and no plate, and nothing of them can be brought back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vision.evidence.privacy import (
    MIN_PLATE_BOX_PX,
    Region,
    blackened,
    head_regions,
    masked,
    overlap,
    plate_bands,
    text_region,
)

SIZE_WH = (200, 100)
shares = st.floats(0, 1)


def noise(size_wh=SIZE_WH, seed=1):
    return np.random.default_rng(seed).integers(0, 256, (size_wh[1], size_wh[0], 3), np.uint8)


@pytest.mark.parametrize(
    ("name", "box", "expected"),
    [
        # The upper quarter of a person, with an eighth of margin.
        ("person", (0.1, 0.2, 0.2, 1.0), (17.6, 17.6, 42.4, 42.4)),
        ("two_wheeler", (0.1, 0.2, 0.2, 1.0), (17.6, 16.16, 42.4, 55.84)),
        ("car", (0.1, 0.2, 0.2, 1.0), None),
        ("stall", (0.1, 0.2, 0.2, 1.0), None),
    ],
)
def test_heads_of_people_and_riders(name, box, expected):
    regions = head_regions([(name, box)], SIZE_WH)
    assert [region.box_xyxy for region in regions] == (
        [] if expected is None else [pytest.approx(expected)]
    )


@pytest.mark.parametrize(
    ("name", "width_px", "expected"),
    [
        ("car", MIN_PLATE_BOX_PX, True),
        ("muck_truck", MIN_PLATE_BOX_PX + 1, True),
        ("bus", 150, True),
        ("truck", 150, True),
        ("car", MIN_PLATE_BOX_PX - 1, False),
        ("person", 150, False),
        ("stall", 150, False),
    ],
)
def test_plates_of_vehicles_that_are_near_enough(name, width_px, expected):
    box = (0.1, 0.2, 0.1 + width_px / 200, 0.8)
    regions = plate_bands([(name, box)], SIZE_WH)
    assert len(regions) == expected
    if expected:
        x1, y1, x2, y2 = regions[0].box_xyxy
        assert (x1, x2) == pytest.approx((20, 20 + width_px))
        assert (y1, y2) == pytest.approx((50, 80))
        # Three cells or fewer take a whole plate, a quarter of a car's width.
        assert regions[0].cell_px >= 0.25 * width_px / 3


@given(st.tuples(shares, shares, shares, shares), st.floats(6, 60), st.integers(0, 5))
def test_of_a_masked_region_only_the_means_of_its_cells_are_left(corners, cell_px, seed):
    x1, x2 = sorted((corners[0] * 200, corners[2] * 200))
    y1, y2 = sorted((corners[1] * 100, corners[3] * 100))
    region = Region((x1, y1, x2, y2), cell_px)
    rgb = noise(seed=seed)
    before = rgb.copy()
    result = masked(rgb, [region])
    assert (rgb == before).all()
    left, top, right, bottom = int(x1), int(y1), int(np.ceil(x2)), int(np.ceil(y2))
    inside = np.zeros(rgb.shape[:2], bool)
    inside[top:bottom, left:right] = True
    assert (result[~inside] == rgb[~inside]).all()
    # Another picture with the same means of the cells gives the very same masked picture.
    wide, high = right - left, bottom - top
    if wide <= 0 or high <= 0:
        return
    cells = max(1, round(wide / cell_px)), max(1, round(high / cell_px))
    if wide % cells[0] or high % cells[1]:
        return
    other = rgb.copy()
    rng = np.random.default_rng(seed + 1)
    for row in range(cells[1]):
        for column in range(cells[0]):
            ys = slice(top + row * high // cells[1], top + (row + 1) * high // cells[1])
            xs = slice(left + column * wide // cells[0], left + (column + 1) * wide // cells[0])
            flat = other[ys, xs].reshape(-1, 3)
            other[ys, xs] = rng.permutation(flat).reshape(other[ys, xs].shape)
    # But for the rounding of sums that are added up in another order.
    apart = masked(other, [region])[inside].astype(int) - result[inside]
    assert np.abs(apart).max() <= 2


def test_a_region_is_nearly_even_afterwards():
    rgb = noise()
    result = masked(rgb, [text_region((50, 40, 110, 60))])
    assert rgb[40:60, 50:110].std() > 60
    assert result[40:60, 50:110].std() < 12


def test_regions_outside_the_picture_do_no_harm():
    rgb = noise()
    for box in ((-50, -50, -10, -10), (250, 10, 300, 50), (10, 10, 10, 50), (-5, -5, 3, 3)):
        assert masked(rgb, [Region(box, 8)]).shape == rgb.shape


def test_privacy_masks_leave_nothing():
    outline = ((0.25, 0.2), (0.75, 0.2), (0.75, 0.6), (0.25, 0.6))
    rgb = noise()
    before = rgb.copy()
    result = blackened(rgb, [outline])
    assert (rgb == before).all()
    assert not result[20:61, 50:151].any()
    assert (result[:19] == rgb[:19]).all()
    assert (result[62:] == rgb[62:]).all()
    assert blackened(rgb, []) is rgb


@given(st.tuples(shares, shares, shares, shares), st.tuples(shares, shares, shares, shares))
def test_overlap_is_a_share_and_the_same_both_ways(one, other):
    a, b = ((*np.minimum(v[:2], v[2:]), *np.maximum(v[:2], v[2:])) for v in (one, other))
    assert 0 <= overlap(a, b) <= 1 + 1e-9
    assert overlap(a, b) == pytest.approx(overlap(b, a))
    if a[2] - a[0] > 1e-6 and a[3] - a[1] > 1e-6:
        assert overlap(a, a) == pytest.approx(1)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ((0, 0, 1, 1), (0, 0, 1, 0.5), 0.5),
        ((0, 0, 0.5, 1), (0.5, 0, 1, 1), 0.0),
        ((0, 0, 0.2, 0.2), (0.1, 0, 0.3, 0.2), 1 / 3),
    ],
)
def test_overlap(a, b, expected):
    assert overlap(a, b) == pytest.approx(expected)
