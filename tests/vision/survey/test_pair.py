"""Two surveys as one: the grid they share, and windows of both in one tone and one datum."""

from __future__ import annotations

from contextlib import ExitStack

import numpy as np
import pytest
from pyproj import CRS
from shapely.geometry import Polygon, box

from tests.make_rasters import EAST_M, NORTH_M, write_ortho
from tests.make_scenes import village, write_pair
from vision.errors import BadRaster, NoOverlap
from vision.survey.comparison import CompareOptions
from vision.survey.grid import Grid, Window
from vision.survey.pair import area_mask, make_pair, read_overview, working_crs, working_grid
from vision.survey.raster import open_ortho, open_surface

UTM, GAUSS_KRUGER = CRS.from_epsg(32650), CRS.from_epsg(4547)
FEET = CRS.from_epsg(2263)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    before, after = village(), village()
    after.rgb = after.rgb * 1.1 + 5
    return write_pair(tmp_path_factory.mktemp("pair"), before, after)


@pytest.fixture
def opened():
    with ExitStack() as stack:

        def open_(path, how=open_ortho):
            return stack.enter_context(how(path))

        yield open_


@pytest.fixture
def pair(files, opened):
    before, after = opened(files.before), opened(files.after)
    return make_pair(
        working_grid(before, after, options=CompareOptions()),
        before,
        after,
        before_dsm=opened(files.before_dsm, open_surface),
        after_dsm=opened(files.after_dsm, open_surface),
        displacement=None,
        area=None,
    )


@pytest.mark.parametrize(
    ("crs", "expected"),
    [
        (UTM, UTM),
        (GAUSS_KRUGER, GAUSS_KRUGER),
        (CRS.from_epsg(4326), UTM),
        (CRS.from_epsg(4490), UTM),
    ],
)
def test_work_is_done_in_metres(tmp_path, opened, crs, expected):
    assert working_crs(opened(write_ortho(tmp_path / "a.tif", crs=crs))) == expected


def test_feet_are_no_metres(tmp_path, opened):
    crs = working_crs(opened(write_ortho(tmp_path / "a.tif", crs=FEET)))
    assert crs.axis_info[0].unit_conversion_factor == 1.0


@pytest.mark.parametrize(
    ("wanted", "first", "second", "gsd_m"),
    [(0.2, 0.1, 0.15, 0.2), (0.2, 0.5, 0.1, 0.5), (0.2, 0.1, 0.3, 0.3), (1.0, 0.5, 0.5, 1.0)],
)
def test_the_grid_is_as_coarse_as_the_coarsest(tmp_path, opened, wanted, first, second, gsd_m):
    before = opened(write_ortho(tmp_path / "a.tif", gsd_m=first, size_wh=(200, 200)))
    after = opened(write_ortho(tmp_path / "b.tif", gsd_m=second, size_wh=(200, 200)))
    grid = working_grid(before, after, options=CompareOptions(working_gsd_m=wanted))
    assert grid.gsd_m == pytest.approx(gsd_m, rel=1e-3)
    side_m = 200 * min(first, second)
    assert grid.area_m2 == pytest.approx(side_m**2, rel=0.1)


def test_the_area_cuts_the_grid(files, opened):
    area = box(EAST_M - 10, NORTH_M - 20, EAST_M + 10, NORTH_M + 5)
    grid = working_grid(
        opened(files.before), opened(files.after), options=CompareOptions(), area=(area, UTM)
    )
    assert grid.bounds == pytest.approx(area.bounds, abs=0.3)


def test_an_area_elsewhere_is_an_error(files, opened):
    with pytest.raises(NoOverlap, match="area of interest"):
        working_grid(
            opened(files.before),
            opened(files.after),
            options=CompareOptions(),
            area=(box(0, 0, 1, 1), UTM),
        )


def test_both_dates_come_in_one_tone_and_one_datum(pair):
    seen = pair.read(Window(40, 40, 200, 200))
    assert seen.valid.all()
    assert pair.has_heights
    apart = np.median(np.abs(seen.before.astype(int) - seen.after))
    assert apart < 6
    assert np.median(np.abs(seen.after_m - seen.before_m)) < 0.1
    assert pair.datum.report.offset_m == pytest.approx(0.7, abs=0.05)
    assert pair.colour_noise < 4


def test_a_window_shows_what_the_whole_shows(pair):
    whole, part = pair.read(pair.grid.whole), pair.read(Window(64, 96, 128, 160))
    place = np.s_[64:192, 96:256]
    assert np.array_equal(part.after, whole.after[place])
    assert np.abs(part.before.astype(int) - whole.before[place]).max() <= 1
    assert np.allclose(part.after_m, whole.after_m[place], atol=1e-3)
    inner = np.s_[48:-48, 48:-48]
    for name in ("soil", "vegetation", "shadow", "net", "water"):
        a = getattr(part.cover_after, name)[inner]
        b = getattr(whole.cover_after, name)[place][inner]
        assert np.allclose(a, b, atol=1e-3), name


def test_windows_reach_outside_as_unknown(pair):
    seen = pair.read(Window(-50, -50, 100, 100))
    assert not seen.valid[:50].any()
    assert not seen.valid[:, :50].any()
    assert seen.valid[50:, 50:].all()
    assert np.isnan(seen.before_m[:49]).all()


def test_a_dsm_elsewhere_is_an_error(files, tmp_path, opened):
    moved = village().grid.transform.translation(900_000, 2_000_000) @ village().grid.transform
    far = village().write_dsm(tmp_path / "far2.tif", noise_seed=1, transform=moved)
    before, after = opened(files.before), opened(files.after)
    with pytest.raises(NoOverlap, match=r"far2\.tif.*outside"):
        make_pair(
            working_grid(before, after, options=CompareOptions()),
            before,
            after,
            before_dsm=opened(files.before_dsm, open_surface),
            after_dsm=opened(far, open_surface),
            displacement=None,
            area=None,
        )


def test_an_overview_names_the_survey_without_data(files, tmp_path, opened):
    scene = village()
    empty = scene.write(tmp_path / "empty.tif", noise_seed=1, hidden=scene.mask((-1, -1, 99, 99)))
    before, after = opened(files.before), opened(empty)
    grid = working_grid(before, after, options=CompareOptions())
    with pytest.raises(BadRaster, match=r"empty\.tif.*no data at all"):
        read_overview(grid, before, after, displacement=None, area=None)


def test_surveys_whose_data_do_not_meet_are_an_error(tmp_path, opened):
    scene = village()
    west, east = scene.mask((-1, -1, 40, 99)), scene.mask((38, -1, 99, 99))
    before = opened(scene.write(tmp_path / "a.tif", noise_seed=1, hidden=west))
    after = opened(scene.write(tmp_path / "b.tif", noise_seed=2, hidden=east))
    grid = working_grid(before, after, options=CompareOptions())
    with pytest.raises(NoOverlap, match="no ground on which both have data"):
        read_overview(grid, before, after, displacement=None, area=None)


GRID = Grid(UTM, 500_000.0, 3_000_000.0, 0.5, 100, 80)
TRIANGLE = Polygon([(500_005, 2_999_965), (500_045, 2_999_965), (500_005, 2_999_995)])


@pytest.mark.parametrize(
    ("area", "share"),
    [(box(499_000, 2_990_000, 501_000, 3_010_000), 1.0), (box(0, 0, 1, 1), 0.0), (TRIANGLE, 0.3)],
)
def test_area_mask(area, share):
    mask = area_mask(area, GRID, GRID.whole)
    assert mask.shape == (80, 100)
    assert mask.mean() == pytest.approx(share, abs=0.01)


def test_area_masks_of_windows_are_parts_of_the_whole():
    whole = area_mask(TRIANGLE, GRID, GRID.whole)
    for window in GRID.tiles(33):
        part = np.s_[
            window.row : window.row + window.height, window.col : window.col + window.width
        ]
        assert np.array_equal(area_mask(TRIANGLE, GRID, window), whole[part])
