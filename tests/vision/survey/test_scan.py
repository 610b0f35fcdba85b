"""Going over the ground: no seams, whatever the windows; totals and the change raster."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace

import numpy as np
import pytest
import rasterio

from tests.make_scenes import BLUE_ROOF, EARTH, NET, RED_ROOF, village, write_pair
from vision.errors import OutputError
from vision.survey.candidates import Candidate
from vision.survey.comparison import CompareOptions
from vision.survey.pair import make_pair, working_grid
from vision.survey.raster import open_ortho, open_surface
from vision.survey.scan import CHANGE_NODATA, CHANGE_SCALE, scan

SIDE_PX = 331  # no multiple of any window
HIDDEN = (2.0, 66.0, 10.0, 76.0)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    before, after = village(side_px=SIDE_PX), village(side_px=SIDE_PX)
    for scene in (before, after):
        scene.field((14, 40, 50, 79), EARTH)
    after.field((14, 40, 30, 79), NET)
    # Where windows of 256 px meet: 64 m from the corner.
    after.block((60, 58, 70, 68), 3.0, BLUE_ROOF)
    after.block((10, 10, 16, 14.5), 2.8, RED_ROOF)
    before.block((58, 34, 68, 42), 3.0, RED_ROOF)
    folder = tmp_path_factory.mktemp("scan")
    made = write_pair(folder, before, after)
    after.write(made.after, noise_seed=12, hidden=after.mask(HIDDEN))
    return made


@pytest.fixture(scope="module", params=[True, False], ids=["heights", "colour"])
def pair(request, files):
    with ExitStack() as stack:
        before, after = (stack.enter_context(open_ortho(p)) for p in (files.before, files.after))
        dsms = [None, None]
        if request.param:
            dsms = [stack.enter_context(open_surface(p)) for p in files.dsms.values()]
        grid = working_grid(before, after, options=CompareOptions())
        yield make_pair(
            # An odd number of pixels: halves of the last windows do not come out even.
            replace(grid, width=SIDE_PX, height=SIDE_PX),
            before,
            after,
            before_dsm=dsms[0],
            after_dsm=dsms[1],
            displacement=None,
            area=None,
        )


def scanned(pair, folder, tile_px, *, workers=2, told=None):
    path = folder / f"change-{tile_px}.tif"
    with ThreadPoolExecutor(workers) as pool:
        result = scan(
            pair,
            options=CompareOptions(tile_px=tile_px),
            learned=None,
            change_path=path,
            pool=pool,
            workers=workers,
            progress=(lambda _: None) if told is None else told.append,
        )
    with rasterio.open(path) as source:
        return result, source.read(1)


def regions(result):
    collectors = {**result.candidates, "g": result.bare_ground, "r": result.bare_road,
                  "s": result.sites}  # fmt: skip
    return {
        str(name): [(r.window, r.pixels, r.mask.tobytes()) for r in collector.regions()]
        for name, collector in collectors.items()
    }


def test_no_seams_whatever_the_windows(pair, tmp_path):
    whole, change = scanned(pair, tmp_path, 1024)
    tiled, pieces = scanned(pair, tmp_path, 256)
    known = change != CHANGE_NODATA
    assert np.array_equal(known, pieces != CHANGE_NODATA)
    apart = np.abs(change.astype(int) - pieces)[known]
    # One step, or a value on either side of where faint noise is cut off.
    assert (apart > 1).mean() < 1e-4
    assert apart.max() <= CHANGE_SCALE // 20 + 1
    assert regions(tiled) == regions(whole)
    assert tiled.ground == whole.ground


def test_the_change_raster_is_high_where_something_was_built(pair, tmp_path):
    _, change = scanned(pair, tmp_path, 1024)
    scene = village(side_px=SIDE_PX)
    for box in ((61, 59, 69, 67), (59, 35, 67, 41)):
        assert (change[scene.mask(box)] > 0.8 * CHANGE_SCALE).mean() > 0.9
    calm = change[scene.mask((20, 18, 34, 30))]
    assert calm.max() < 0.5 * CHANGE_SCALE
    assert (change[scene.mask((3, 67, 9, 75))] == CHANGE_NODATA).all()
    assert change[change != CHANGE_NODATA].max() <= CHANGE_SCALE


def test_totals_add_up(pair, tmp_path):
    told = []
    result, change = scanned(pair, tmp_path, 256, told=told)
    ground = result.ground
    pixel_m2 = pair.grid.gsd_m**2
    assert ground.compared_area_m2 == pytest.approx(
        (change != CHANGE_NODATA).sum() * pixel_m2, abs=0.1
    )
    assert ground.compared_area_m2 == pytest.approx((SIDE_PX * 0.25) ** 2 - 80, rel=0.01)
    assert ground.net_covered_after_m2 == pytest.approx(16 * 39, rel=0.1)
    assert ground.bare_soil_before_m2 - ground.bare_soil_after_m2 == pytest.approx(624, rel=0.25)
    assert ground.vegetation_before_m2 > ground.vegetation_after_m2 > 500
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert len(told) == 4


def test_candidates_follow_what_is_known(pair, tmp_path):
    result, _ = scanned(pair, tmp_path, 1024)
    found = {name for name, c in result.candidates.items() if list(c.regions())}
    expected = {Candidate.RAISED, Candidate.LOWERED} if pair.has_heights else {Candidate.RESURFACED}
    assert expected <= found
    if not pair.has_heights:
        assert found <= {Candidate.RESURFACED, Candidate.CLEARED}


def test_a_change_raster_that_cannot_be_written_is_an_output_error(pair, tmp_path):
    with pytest.raises(OutputError, match="cannot be written"):
        scanned(pair, tmp_path / "no" / "such", 1024)
