"""A real road frame, and what must be known of it before anything is placed into it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.composing.ground_scale import GroundScale, fit_ground_scale
from datasets.formats.boxes import LabelledBox

Bgr = NDArray[np.uint8]
Mask = NDArray[np.bool_]

_ON_ROAD = ("two_wheeler", "car", "bus", "truck", "muck_truck")
# Half a lane beside the outermost labelled vehicle.
_CORRIDOR_MARGIN_M = 1.8


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A frame with its labels, its scale and its ground.

    Attributes:
        pixels: uint8, shape ``(rows, cols, 3)``, blue first.
        boxes: what is labelled in it.
        scale: pixels a metre by row.
        vanishing_x: column to which the road runs.
        lanes_m: leftmost and rightmost of where vehicles drive, in metres from the line to the
            vanishing point.
        far_y: row of the farthest labelled vehicle; beyond it the road may have ended.
        ground: bool, shape ``(rows, cols)``: looks like the ground under the labelled vehicles.
    """

    pixels: Bgr
    boxes: tuple[LabelledBox, ...]
    scale: GroundScale
    vanishing_x: float
    lanes_m: tuple[float, float]
    far_y: float
    ground: Mask

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.pixels.shape[1], self.pixels.shape[0]

    def lateral_m(self, x: float, y: float) -> float:
        """Return how far to the right of the line to the vanishing point a ground point lies."""
        return (x - self.vanishing_x) / max(self.scale.px_per_m(y), 1e-3)

    def column_of(self, lateral_m: float, y: float) -> float:
        """Return the column of a ground point on row ``y``."""
        return self.vanishing_x + lateral_m * self.scale.px_per_m(y)


def read_frame(pixels: Bgr, boxes: tuple[LabelledBox, ...]) -> Frame:
    """Measure a frame."""
    size_wh = (pixels.shape[1], pixels.shape[0])
    scale = fit_ground_scale(boxes, size_wh)
    driven = [box.xyxy for box in boxes if box.label in _ON_ROAD]
    driven = [xyxy for xyxy in driven if scale.px_per_m(xyxy[3]) > 2.0]
    vanishing_x = _vanishing_x(driven, size_wh[0])
    return Frame(
        pixels=pixels,
        boxes=boxes,
        scale=scale,
        vanishing_x=vanishing_x,
        lanes_m=_lanes(driven, scale, vanishing_x, size_wh),
        far_y=min((xyxy[3] for xyxy in driven), default=scale.row_of(2.0)),
        ground=_ground(pixels, boxes, scale),
    )


def _vanishing_x(driven: list[tuple[float, float, float, float]], width: int) -> float:
    """Return the middle of the farthest quarter of the vehicles: there the road is narrow."""
    if len(driven) < 4:
        return width / 2
    far = sorted(driven, key=lambda xyxy: xyxy[3])[: max(2, len(driven) // 4)]
    return float(np.median([(left + right) / 2 for left, _, right, _ in far]))


def _lanes(
    driven: list[tuple[float, float, float, float]],
    scale: GroundScale,
    vanishing_x: float,
    size_wh: tuple[int, int],
) -> tuple[float, float]:
    width, height = size_wh
    if not driven:
        half = 0.3 * width / max(scale.px_per_m(0.8 * height), 1e-3)
        return -half, half
    lateral = [
        ((left + right) / 2 - vanishing_x) / scale.px_per_m(bottom)
        for left, _, right, bottom in driven
    ]
    low, high = np.percentile(lateral, (8, 92))
    return float(low) - _CORRIDOR_MARGIN_M, float(high) + _CORRIDOR_MARGIN_M


def _ground(pixels: Bgr, boxes: tuple[LabelledBox, ...], scale: GroundScale) -> Mask:
    """Return what has the colours seen just below vehicles: road, and pavement of its kind."""
    rows, cols = pixels.shape[:2]
    below = np.zeros((rows, cols), np.bool_)
    # Things are at least a few pixels a metre large where anything is placed.
    below[max(0, int(scale.row_of(2.0))) :] = True
    half = cv2.resize(pixels, (cols // 2, rows // 2), interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(half, cv2.COLOR_BGR2LAB).astype(np.float32)
    wanted = np.zeros(lab.shape[:2], np.bool_)
    for left, top, right, bottom in (box.xyxy for box in boxes if box.label in _ON_ROAD):
        strip = bottom + 2 + 0.3 * (bottom - top)
        wanted[int(bottom + 2) // 2 : int(strip) // 2, int(left) // 2 : int(right) // 2] = True
    for left, top, right, bottom in (box.xyxy for box in boxes):
        wanted[int(top) // 2 : int(bottom) // 2 + 1, int(left) // 2 : int(right) // 2 + 1] = False
    samples = lab[wanted]
    if len(samples) < 60:
        return below
    # Light and shade on a road differ more in lightness than its colour does.
    spread = np.maximum(samples.std(axis=0), (12.0, 4.0, 4.0))
    distance = (((lab - np.median(samples, axis=0)) / spread) ** 2).sum(axis=2)
    alike = cv2.boxFilter((distance < 8.0).astype(np.float32), -1, (9, 9)) > 0.55
    full = cv2.resize(alike.astype(np.uint8), (cols, rows), interpolation=cv2.INTER_NEAREST)
    return np.asarray((full > 0) & below)
