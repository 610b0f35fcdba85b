"""Faces and plates made unreadable, and parts of a picture that may not be stored at all.

What is masked cannot be brought back: of a region only the mean colours of a few cells remain,
each larger than the details that would tell a person or a plate.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.camera.config import Outline
from vision.camera.events import VEHICLES, Box

HEAD_SHARE = 0.25
"""Of a person's box, from above. People are about seven and a half heads tall; a bent or sitting
person's head takes more of the box."""
RIDER_SHARE = 0.4
"""The same of a two-wheeler's box, which holds the rider who sits on it."""
MIN_PLATE_BOX_PX = 80
"""A vehicle narrower than this shows no plate that could be read: a plate of 0.44 m on a car of
1.8 m then takes 20 pixels, under three a character."""
_PLATE_BAND = (0.5, 1.0)
"""Where plates hang, as shares of a vehicle's height: seen from a pole, bumpers are in the lower
half of the box from the front and from behind."""
_BAND_CELL_SHARE = 0.12
"""Side of a cell as a share of the vehicle's width: half a plate, so three to four characters."""
_MARGIN = 0.12
_MIN_CELL_PX = 6.0


@dataclass(frozen=True, slots=True)
class Region:
    """A part of a picture to be made unreadable.

    Attributes:
        box_xyxy: Pixels, may reach over the edge.
        cell_px: Side of a cell of which one mean colour remains.
    """

    box_xyxy: tuple[float, float, float, float]
    cell_px: float


def overlap(a: Box, b: Box) -> float:
    """Return the intersection over union of two boxes, 0 to 1."""
    wide = min(a[2], b[2]) - max(a[0], b[0])
    high = min(a[3], b[3]) - max(a[1], b[1])
    if wide <= 0 or high <= 0:
        return 0.0
    areas = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return wide * high / (areas - wide * high)


def to_pixels(box: Box, size_wh: tuple[int, int]) -> tuple[float, float, float, float]:
    """Return a box in shares of the frame in pixels."""
    width, height = size_wh
    return box[0] * width, box[1] * height, box[2] * width, box[3] * height


def head_regions(seen: Iterable[tuple[str, Box]], size_wh: tuple[int, int]) -> tuple[Region, ...]:
    """Return where the heads of people and riders are.

    Args:
        seen: Class names and boxes, shares of the frame.
        size_wh: Of the picture, pixels.
    """
    shares = {"person": HEAD_SHARE, "two_wheeler": RIDER_SHARE}
    regions = []
    for name, box in seen:
        if name in shares:
            x1, y1, x2, y2 = to_pixels(box, size_wh)
            head = (x1, y1, x2, y1 + shares[name] * (y2 - y1))
            regions.append(Region(_grown(head), max(_MIN_CELL_PX, (x2 - x1) / 2)))
    return tuple(regions)


def plate_bands(seen: Iterable[tuple[str, Box]], size_wh: tuple[int, int]) -> tuple[Region, ...]:
    """Return where the plates of vehicles may be, of vehicles near enough for a readable one."""
    regions = []
    for name, box in seen:
        x1, y1, x2, y2 = to_pixels(box, size_wh)
        if name in VEHICLES and x2 - x1 >= MIN_PLATE_BOX_PX:
            top, bottom = (y1 + share * (y2 - y1) for share in _PLATE_BAND)
            cell = max(_MIN_CELL_PX, _BAND_CELL_SHARE * (x2 - x1))
            regions.append(Region((x1, top, x2, bottom), cell))
    return tuple(regions)


def text_region(box_xyxy: tuple[float, float, float, float]) -> Region:
    """Return the region that hides a line of text, given in pixels."""
    x1, y1, x2, y2 = box_xyxy
    return Region(_grown(box_xyxy), max(_MIN_CELL_PX, min(x2 - x1, y2 - y1)))


def _grown(box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = box
    across, down = _MARGIN * (x2 - x1), _MARGIN * (y2 - y1)
    return x1 - across, y1 - down, x2 + across, y2 + down


def masked(rgb: NDArray[np.uint8], regions: Sequence[Region]) -> NDArray[np.uint8]:
    """Return a copy of a picture in which regions cannot be read any more.

    Each region is reduced to the mean colours of its cells, and the edges between the cells are
    blurred for the eye. Nothing else of the region is left.

    Args:
        rgb: uint8 (H, W, 3).
        regions: In pixels; parts outside the picture are ignored.
    """
    height, width = rgb.shape[:2]
    result = rgb.copy()
    for region in regions:
        x1, y1 = (max(0, int(np.floor(value))) for value in region.box_xyxy[:2])
        x2 = min(width, int(np.ceil(region.box_xyxy[2])))
        y2 = min(height, int(np.ceil(region.box_xyxy[3])))
        if x2 <= x1 or y2 <= y1:
            continue
        cells_wh = (
            max(1, round((x2 - x1) / region.cell_px)),
            max(1, round((y2 - y1) / region.cell_px)),
        )
        means = cv2.resize(result[y1:y2, x1:x2], cells_wh, interpolation=cv2.INTER_AREA)
        coarse = cv2.resize(means, (x2 - x1, y2 - y1), interpolation=cv2.INTER_NEAREST)
        result[y1:y2, x1:x2] = cv2.GaussianBlur(coarse, (0, 0), region.cell_px / 5)
    return result


def blackened(rgb: NDArray[np.uint8], outlines: Sequence[Outline]) -> NDArray[np.uint8]:
    """Return a picture with privacy masks burnt in; the same array where there are none.

    Args:
        rgb: uint8 (H, W, 3).
        outlines: Corners as shares of the frame.
    """
    if not outlines:
        return rgb
    height, width = rgb.shape[:2]
    result = rgb.copy()
    corners = [
        np.round(np.array(outline) * (width, height)).astype(np.int32) for outline in outlines
    ]
    for polygon in corners:
        cv2.fillPoly(result, [polygon], (0, 0, 0))
    return result
