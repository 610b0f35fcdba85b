"""How many pixels a metre takes at each row of a road frame, read from its labelled vehicles."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datasets.formats.boxes import LabelledBox

# Width seen from ahead, height, and length along the view on the average heading, in metres. The
# length shows on top of the height when the camera looks down. Passenger cars: ISO 3833 sizes;
# a rider with a two-wheeler is as high as a person,
# and the width of both (0 here) says nothing.
_SIZES_M = {
    "car": (1.9, 1.5, 2.6),
    "truck": (2.5, 3.0, 4.0),
    "bus": (2.5, 3.0, 5.0),
    "person": (0.0, 1.7, 0.3),
    "two_wheeler": (0.0, 1.7, 1.2),
}
# Focal length over the long side of the picture: 45 degrees, between the lenses of road cameras.
_FOCAL = 1.2
# Boxes this near to an edge are cut by it, and smaller ones are too coarse to measure.
_EDGE_PX, _SMALLEST_PX = 3.0, 10.0
# An object agrees with a line when its scale is within a factor of 1.3: cars differ that much.
_AGREES = math.log(1.3)
_ENOUGH = 3


@dataclass(frozen=True, slots=True)
class GroundScale:
    """Scale on level ground: linear in the row below the horizon, as of a camera without roll.

    Attributes:
        slope: pixels a metre, per row below the horizon; one over the camera's height in metres.
        horizon_y: row of the horizon in pixels; may lie above the picture.
        focal_px: focal length in pixels.
        support: objects that agree; 0 for a guess.
    """

    slope: float
    horizon_y: float
    focal_px: float
    support: int

    def px_per_m(self, y: float) -> float:
        """Return pixels a metre for a thing that stands on row ``y``; 0 above the horizon."""
        return max(0.0, self.slope * (y - self.horizon_y))

    def row_of(self, px_per_m: float) -> float:
        """Return the row on which things have the given pixels a metre."""
        return self.horizon_y + px_per_m / self.slope

    def pitch_deg(self, y: float) -> float:
        """Return how steeply the camera looks down at row ``y``, in degrees."""
        return math.degrees(math.atan2(y - self.horizon_y, self.focal_px))


def fit_ground_scale(boxes: Sequence[LabelledBox], size_wh: tuple[int, int]) -> GroundScale:
    """Fit the scale of a frame to its labelled vehicles and people.

    The line with the most agreeing objects wins (as RANSAC, over all pairs instead of random
    ones), and is fitted again to those. With too few objects the horizon is set at a quarter of
    the height and only the slope is measured; with none, the camera hangs at 6 m.
    """
    height = size_wh[1]
    focal = _FOCAL * max(size_wh)
    used = [box for box in boxes if _is_whole(box, size_wh)]
    rows = np.array([box.xyxy[3] for box in used])
    # The look-down angle needs the horizon, the horizon needs the scale: twice around is enough.
    scale = GroundScale(1 / 6.0, 0.25 * height, focal, 0)
    for _ in range(3):
        seen = np.array([_seen_px_per_m(box, scale.pitch_deg(box.xyxy[3])) for box in used])
        scale = _best_line(rows, seen, height, focal)
    return scale


def _is_whole(box: LabelledBox, size_wh: tuple[int, int]) -> bool:
    left, top, right, bottom = box.xyxy
    inside = left > _EDGE_PX and top > _EDGE_PX and right < size_wh[0] - _EDGE_PX
    inside &= bottom < size_wh[1] - _EDGE_PX
    return box.label in _SIZES_M and inside and min(right - left, bottom - top) >= _SMALLEST_PX


def _seen_px_per_m(box: LabelledBox, pitch_deg: float) -> float:
    """Return the smaller of what width and height say: turning an object only makes it wider."""
    wide_m, high_m, deep_m = _SIZES_M[box.label]
    pitch = math.radians(max(0.0, pitch_deg))
    seen_m = high_m * math.cos(pitch) + deep_m * math.sin(pitch)
    left, top, right, bottom = box.xyxy
    by_height = (bottom - top) / seen_m
    return min(by_height, (right - left) / wide_m) if wide_m else by_height


def _best_line(
    rows: NDArray[np.float64], seen: NDArray[np.float64], height: int, focal: float
) -> GroundScale:
    default_y = 0.25 * height
    best: tuple[int, float, float] = (0, 1 / 6.0, default_y)
    for i in range(len(rows)):
        for j in range(i):
            if abs(rows[i] - rows[j]) < 0.04 * height:
                continue
            slope = (seen[i] - seen[j]) / (rows[i] - rows[j])
            # Cameras over roads hang 2 to 40 m high and see the horizon, or nearly.
            if not 1 / 40.0 < slope < 1 / 2.0:
                continue
            horizon = rows[i] - seen[i] / slope
            count = int(_agreeing(rows, seen, slope, horizon).sum())
            if count > best[0] and -0.8 * height < horizon < 0.7 * height:
                best = (count, float(slope), float(horizon))
    if best[0] >= _ENOUGH:
        return _refit(rows, seen, best, focal)
    below = rows > default_y + 0.05 * height
    if not below.any():
        return GroundScale(1 / 6.0, default_y, focal, 0)
    slope = float(np.median(seen[below] / (rows[below] - default_y)))
    return GroundScale(slope, default_y, focal, int(below.sum()))


def _agreeing(
    rows: NDArray[np.float64], seen: NDArray[np.float64], slope: float, horizon: float
) -> NDArray[np.bool_]:
    expected = np.maximum(slope * (rows - horizon), 1e-3)
    return np.asarray(np.abs(np.log(seen / expected)) < _AGREES)


def _refit(
    rows: NDArray[np.float64],
    seen: NDArray[np.float64],
    line: tuple[int, float, float],
    focal: float,
) -> GroundScale:
    agreeing = _agreeing(rows, seen, line[1], line[2])
    x, y = rows[agreeing], seen[agreeing]
    # Errors grow with size: weights of one over the size make them equal.
    slope, offset = np.polyfit(x, y, 1, w=1.0 / y)
    if slope <= 0:
        return GroundScale(line[1], line[2], focal, line[0])
    return GroundScale(float(slope), float(-offset / slope), focal, int(agreeing.sum()))
