"""Change pairs, cut out of the surveys around what was found and decided on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from shapely.geometry.base import BaseGeometry

from datasets.formats.change_pairs import ChangePair, Georeference
from serve.db.tables import FindingRow
from serve.exports.lessons import Lesson
from serve.findings.outlines import outline_of
from vision.survey.grid import Grid, Window
from vision.survey.raster import Displacement, SurveyRaster, open_ortho

SIDE_PX = 512
"""Side of a pair; larger things are shown with larger pixels."""
AROUND = 0.5
"""Share of the outline's extent that is shown on each side of it."""
_LEAST_DATA = 0.5
"""Pairs of which either half holds less data than this are left out."""


def cut_pairs(
    found: list[tuple[FindingRow, Lesson]],
    before: Path,
    after: Path,
    *,
    alignment: dict[str, Any],
) -> Iterator[ChangePair | None]:
    """Cut a pair per finding of one comparison; none where a survey has no data there.

    Args:
        found: Findings and what they teach.
        before: Earlier orthophoto.
        after: Later orthophoto.
        alignment: How the earlier one was laid onto the later one, as the comparison says.

    Raises:
        BadRaster: A survey cannot be read.
    """
    with open_ortho(before) as earlier, open_ortho(after) as later:
        for row, lesson in found:
            outline = outline_of(row)
            yield None if outline is None else _cut(row, lesson, outline, earlier, later, alignment)


def _cut(
    row: FindingRow,
    lesson: Lesson,
    outline: BaseGeometry,
    earlier: SurveyRaster,
    later: SurveyRaster,
    alignment: dict[str, Any],
) -> ChangePair | None:
    crs = _metric_crs(later, outline)
    placed = _projected(outline, crs)
    west, south, east, north = placed.bounds
    extent_m = max(east - west, north - south) * (1 + 2 * AROUND)
    gsd_m = max(later.info.gsd_m, earlier.info.gsd_m, extent_m / SIDE_PX)
    half_m = SIDE_PX * gsd_m / 2
    x, y = (west + east) / 2, (south + north) / 2
    grid = Grid(crs, x - half_m, y + half_m, gsd_m, SIDE_PX, SIDE_PX)
    window = Window(0, 0, SIDE_PX, SIDE_PX)
    first = earlier.read_ortho(grid, window, displacement=_displacement(alignment))
    second = later.read_ortho(grid, window)
    if min(first.valid.mean(), second.valid.mean()) < _LEAST_DATA:
        return None
    changed = np.zeros((SIDE_PX, SIDE_PX), np.uint8)
    if lesson is Lesson.THERE:
        _fill(changed, placed, grid)
    a, b, c, d, e, f = tuple(grid.transform)[:6]
    code = crs.to_authority()
    place = Georeference(":".join(code) if code else crs.to_wkt(), (a, b, c, d, e, f))
    return ChangePair(row.id, first.rgb, second.rgb, changed > 0, place)


def _metric_crs(later: SurveyRaster, outline: BaseGeometry) -> CRS:
    """The later survey's reference system if it counts metres, else the UTM zone."""
    crs = later.info.crs
    if crs.is_projected and crs.axis_info[0].unit_name == "metre":
        return crs
    point = outline.representative_point()
    zone = min(int((point.x + 180) // 6) + 1, 60)
    return CRS.from_epsg((32600 if point.y >= 0 else 32700) + zone)


def _projected(outline: BaseGeometry, crs: CRS) -> BaseGeometry:
    move = Transformer.from_crs(CRS.from_epsg(4326), crs, always_xy=True)

    def positions(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack(move.transform(xy[:, 0], xy[:, 1]))

    return shapely.transform(outline, positions)


def _displacement(alignment: dict[str, Any]) -> Displacement | None:
    """The shift between the surveys; what is left of rotation and warp is in the card's notes."""
    east_m = float(alignment.get("offset_x_m") or 0.0)
    north_m = float(alignment.get("offset_y_m") or 0.0)
    if not alignment.get("matched") or (east_m == 0 and north_m == 0):
        return None
    return lambda x, y: (x + east_m, y + north_m)


def _fill(mask: NDArray[np.uint8], placed: BaseGeometry, grid: Grid) -> None:
    for polygon in shapely.get_parts(placed):
        for ring, value in [(polygon.exterior, 1), *((hole, 0) for hole in polygon.interiors)]:
            xy = shapely.get_coordinates(ring)
            col = (xy[:, 0] - grid.x0_m) / grid.gsd_m - 0.5
            row = (grid.y0_m - xy[:, 1]) / grid.gsd_m - 0.5
            corners = np.rint(np.column_stack((col, row))).astype(np.int32)
            cv2.fillPoly(mask, [corners], value)
