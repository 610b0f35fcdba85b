"""Regions seen through windows are those of the whole picture."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS

from vision.survey.grid import Grid, Window
from vision.survey.regions import RegionCollector, region_outline


def grid_of(mask, gsd_m=1.0):
    rows, cols = mask.shape
    return Grid(CRS.from_epsg(32650), 500_000.0, 3_000_000.0, gsd_m, cols, rows)


def collect(mask, features, *, tile_px, min_pixels=1, order=None):
    collector = RegionCollector(tuple(features), min_pixels)
    windows = list(grid_of(mask).tiles(tile_px))
    for window in order.permutation(windows).tolist() if order is not None else windows:
        window = window if isinstance(window, Window) else Window(*window)
        part = np.s_[
            window.row : window.row + window.height, window.col : window.col + window.width
        ]
        collector.add(window, mask[part], {name: v[part] for name, v in features.items()})
    return list(collector.regions())


def placed(region, shape):
    full = np.zeros(shape, bool)
    w = region.window
    full[w.row : w.row + w.height, w.col : w.col + w.width] = region.mask
    return full


def whole(mask, min_pixels):
    count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    parts = [labels == label for label in range(1, count)]
    return {part.tobytes(): part for part in parts if part.sum() >= min_pixels}


@given(
    seed=st.integers(0, 2**32 - 1),
    rows=st.integers(1, 40),
    cols=st.integers(1, 40),
    tile_px=st.integers(1, 45),
    share=st.sampled_from([0.1, 0.4, 0.6, 0.8, 0.97]),
    min_pixels=st.sampled_from([1, 3, 9]),
    shuffled=st.booleans(),
)
def test_tiled_labelling_equals_labelling_of_the_whole(
    seed, rows, cols, tile_px, share, min_pixels, shuffled
):
    rng = np.random.default_rng(seed)
    mask = rng.random((rows, cols)) < share
    features = {
        "a": rng.random(mask.shape, np.float32),
        "b": rng.normal(0, 100, mask.shape).astype(np.float32),
    }
    found = collect(
        mask, features, tile_px=tile_px, min_pixels=min_pixels, order=rng if shuffled else None
    )
    expected = whole(mask, min_pixels)
    assert {placed(region, mask.shape).tobytes() for region in found} == set(expected)
    assert len(found) == len(expected)
    for region in found:
        here = placed(region, mask.shape)
        assert region.pixels == here.sum()
        assert region.mask.any(axis=1).all() or region.mask.any(axis=1)[[0, -1]].all()
        assert region.mask.any(axis=0)[[0, -1]].all()
        for name, values in features.items():
            assert region.means[name] == pytest.approx(
                values[here].astype(float).mean(), rel=1e-6, abs=1e-6
            )


@given(seed=st.integers(0, 2**32 - 1), tile_px=st.integers(2, 30))
def test_regions_come_in_reading_order_whatever_the_tiles(seed, tile_px):
    mask = np.random.default_rng(seed).random((24, 31)) < 0.3
    places = [(r.window.row, r.window.col) for r in collect(mask, {}, tile_px=tile_px)]
    assert places == sorted(places)


@pytest.mark.parametrize("tile_px", [5, 8, 64])
def test_a_spiral_through_many_windows_is_one_region(tile_px):
    mask = np.zeros((41, 41), bool)
    row, col, step, (dr, dc) = 0, 0, 40, (0, 1)
    mask[0, 0] = True
    while step > 0:
        for _ in range(2):
            for _ in range(step):
                row, col = row + dr, col + dc
                mask[np.clip(row, 0, 40), np.clip(col, 0, 40)] = True
            dr, dc = dc, -dr
        step -= 4
    assert cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)[0] == 2
    (region,) = collect(mask, {}, tile_px=tile_px)
    assert np.array_equal(placed(region, mask.shape), mask)


def test_what_touches_only_at_a_corner_is_two_regions():
    mask = np.array([[1, 0], [0, 1]], bool)
    assert len(collect(mask, {}, tile_px=1)) == 2


def test_outline_lies_on_the_map():
    mask = np.zeros((40, 60), bool)
    mask[10:20, 20:50] = True
    (region,) = collect(mask, {}, tile_px=16)
    outline = region_outline(region, grid_of(mask, 0.5), tolerance_m=0.4)
    assert outline.bounds == pytest.approx((500_010, 2_999_990, 500_025, 2_999_995))
    assert outline.area == pytest.approx(mask.sum() * 0.25)


def test_a_huge_region_is_outlined_at_a_coarser_step():
    mask = np.zeros((2100, 2300), bool)
    mask[50:2050, 100:2200] = True
    mask[900:1000, 1000:1100] = False
    (region,) = collect(mask, {}, tile_px=1024)
    outline = region_outline(region, grid_of(mask, 0.2), tolerance_m=0.4)
    assert outline.area == pytest.approx(mask.sum() * 0.04, rel=0.002)
    assert len(outline.interiors) == 1
