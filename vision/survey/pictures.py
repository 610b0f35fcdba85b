"""The pictures a report shows: an overview of both surveys, and crops around each finding."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from vision.errors import OutputError
from vision.survey.comparison import FindingPictures, Picture, SurveyPictures
from vision.survey.grid import Grid, Window
from vision.survey.pair import SurveyPair

_OVERVIEW_SIDE_PX = 1500
_CROP_SIDE_PX = 420
_LEAST_CROP_M = 24.0
_QUALITY = 82
# Colours of the height picture reach full strength at this difference.
HEIGHT_RANGE_M = 6.0
# A page with more pictures than this no longer opens quickly; the rest is listed without.
MOST_PICTURED = 300


def survey_pictures(
    pair: SurveyPair, outlines: dict[str, BaseGeometry], *, pictured: list[str]
) -> SurveyPictures:
    """Return the pictures of a comparison.

    Args:
        pair: the surveys.
        outlines: each finding's outline in the working CRS, by finding id.
        pictured: ids of the findings that get crops.

    Raises:
        BadRaster: a file's pixels cannot be decoded.
    """
    grid = pair.grid
    side_m = max(grid.width, grid.height) * grid.gsd_m
    coarse = grid.coarser(max(grid.gsd_m, side_m / _OVERVIEW_SIDE_PX))
    before = pair.before.read_ortho(coarse, coarse.whole, displacement=pair.displacement)
    after = pair.after.read_ortho(coarse, coarse.whole)
    return SurveyPictures(
        before=_picture(_white_outside(before.rgb, before.valid), coarse, coarse.whole),
        after=_picture(_white_outside(after.rgb, after.valid), coarse, coarse.whole),
        crs=grid.crs,
        by_finding={name: _crops(pair, outlines[name]) for name in pictured},
        area=pair.area,
    )


def _crops(pair: SurveyPair, outline: BaseGeometry) -> FindingPictures:
    min_x, min_y, max_x, max_y = outline.bounds
    extent_m = max(max_x - min_x, max_y - min_y)
    half_m = max(_LEAST_CROP_M / 2, extent_m / 2 * 1.35 + 4.0)
    mid_x, mid_y = (min_x + max_x) / 2, (min_y + max_y) / 2
    finest_m = max(pair.after.info.gsd_m, pair.grid.gsd_m / 2)
    gsd_m = max(finest_m, 2 * half_m / _CROP_SIDE_PX)
    side = math.ceil(2 * half_m / gsd_m)
    grid = Grid(pair.grid.crs, mid_x - half_m, mid_y + half_m, gsd_m, side, side)
    before = pair.before.read_ortho(grid, grid.whole, displacement=pair.displacement)
    after = pair.after.read_ortho(grid, grid.whole)
    height = None
    if pair.before_dsm is not None and pair.after_dsm is not None and pair.datum is not None:
        low = pair.before_dsm.read_surface(grid, grid.whole, displacement=pair.displacement)
        high = pair.after_dsm.read_surface(grid, grid.whole)
        rise = pair.datum.remove(high.height_m, grid, grid.whole) - low.height_m
        height = _picture(height_colours(rise), grid, grid.whole)
    return FindingPictures(
        before=_picture(_white_outside(before.rgb, before.valid), grid, grid.whole),
        after=_picture(_white_outside(after.rgb, after.valid), grid, grid.whole),
        height=height,
        outline=outline,
        shift_m=_shift(pair, mid_x, mid_y),
    )


def _shift(pair: SurveyPair, x_m: float, y_m: float) -> tuple[float, float]:
    if pair.displacement is None:
        return 0.0, 0.0
    to_x, to_y = pair.displacement(np.array([x_m]), np.array([y_m]))
    return round(float(to_x[0]) - x_m, 3), round(float(to_y[0]) - y_m, 3)


def height_colours(difference_m: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return a picture of height differences: blue fell, white is the same, red rose.

    Args:
        difference_m: float32, shape ``(rows, cols)``; NaN where unknown (drawn grey).

    Returns:
        uint8 RGB, shape ``(rows, cols, 3)``.
    """
    share = np.clip(np.nan_to_num(difference_m, nan=0.0) / HEIGHT_RANGE_M, -1, 1)[..., None]
    white = np.array([247, 247, 247], np.float32)
    red, blue = np.array([178, 24, 43], np.float32), np.array([33, 102, 172], np.float32)
    towards = np.where(share > 0, red, blue)
    colours = white + np.sqrt(np.abs(share)) * (towards - white)
    colours[~np.isfinite(difference_m)] = 200
    return np.asarray(np.rint(colours), np.uint8)


def _white_outside(rgb: NDArray[np.uint8], valid: NDArray[np.bool_]) -> NDArray[np.uint8]:
    picture = rgb.copy()
    picture[~valid] = 255
    return picture


def _picture(rgb: NDArray[np.uint8], grid: Grid, window: Window) -> Picture:
    done, data = cv2.imencode(
        ".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
    )
    if not done:  # pragma: no cover - OpenCV encodes any 8-bit picture
        raise OutputError("a picture for the report could not be encoded")
    return Picture(data.tobytes(), (rgb.shape[1], rgb.shape[0]), grid.window_transform(window))
