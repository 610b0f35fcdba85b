"""Boxes as four numbers: x1, y1, x2, y2 as shares of the frame, y down."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

from vision.camera.events import Box

GROWTH_WEIGHT = 1.0
"""How much a growth by the factor e counts as movement: a car that comes nearer grows."""
_LIFT, _LIFT_LESS, _LIFTS = 0.355, 0.136, (0.12, 0.34)
"""Share of a lorry's box below the middle of the ground under it: so much, less so much for each
width over height (as shares of a 16:9 frame), and never outside these. The longer it is across the
view, the less ground its box shows: one 8 m long and 3 m high that is seen from 27 degrees above
stands 0.29 of its box above the lower edge head on and 0.15 from the side. Least squares over 252
lorries at 63 rendered gates, cameras looking down by 20 to 32 degrees; a share of 0.2 for all said
0.4 s wrong or more in 7 of 100 when they entered, this in 4."""
_RIM = 0.002
"""Share of the frame within which a box reaches its side: detectors stop a pixel or two before."""


def width(box: Box) -> float:
    """Return the width, as a share of the frame's, never 0."""
    return max(box[2] - box[0], 1e-6)


def height(box: Box) -> float:
    """Return the height, as a share of the frame's, never 0."""
    return max(box[3] - box[1], 1e-6)


def area(box: Box) -> float:
    """Return the area, as a share of the frame's."""
    return width(box) * height(box)


def ground_point(box: Box) -> tuple[float, float]:
    """Return the middle of the lower edge: where the thing stands."""
    return (box[0] + box[2]) / 2, box[3]


def footprint_point(box: Box) -> tuple[float, float]:
    """Return where the middle of the ground under a lorry is, which its box hides."""
    x, y = ground_point(box)
    return x, y - footprint_lift(box)


def footprint_lift(box: Box) -> float:
    """Return how far above a lorry's lower edge that point is, as a share of the frame's height."""
    least, most = _LIFTS
    share = _LIFT - _LIFT_LESS * width(box) / height(box)
    return min(max(share, least), most) * height(box)


def cut_sides(box: Box) -> tuple[bool, bool, bool, bool]:
    """Say which sides of the frame cut a box: left, top, right, bottom."""
    left, top, right, bottom = box
    return left <= _RIM, top <= _RIM, right >= 1 - _RIM, bottom >= 1 - _RIM


def common(a: Box, b: Box) -> float:
    """Return the area that two boxes share, as a share of the frame's."""
    across = min(a[2], b[2]) - max(a[0], b[0])
    down = min(a[3], b[3]) - max(a[1], b[1])
    return max(across, 0.0) * max(down, 0.0)


def iou(a: Box, b: Box) -> float:
    """Return intersection over union, 0 to 1."""
    shared = common(a, b)
    return shared / (area(a) + area(b) - shared)


def covered_share(box: Box, by: Box) -> float:
    """Return the share of a box that another covers, 0 to 1."""
    return common(box, by) / area(box)


def moved_to(box: Box, other: Box) -> Box:
    """Return a box of the same size about the middle of another."""
    across = (other[0] + other[2] - box[0] - box[2]) / 2
    down = (other[1] + other[3] - box[1] - box[3]) / 2
    return box[0] + across, box[1] + down, box[2] + across, box[3] + down


def displacement(old: Box, new: Box) -> float:
    """Return how far a thing went, in own sizes.

    Only what moves *both* opposite edges the same way counts, or grows both ways at once: when a
    neighbour is taken into the box, or a part of it is hidden, one edge moves and the thing does
    not.
    """

    def both(first: float, second: float) -> float:
        return min(abs(first), abs(second)) if first * second > 0 else 0.0

    across = both(new[0] - old[0], new[2] - old[2]) / width(old)
    down = both(new[1] - old[1], new[3] - old[3]) / height(old)
    wider, higher = math.log(width(new) / width(old)), math.log(height(new) / height(old))
    return max(math.hypot(across, down), GROWTH_WEIGHT * both(wider, higher))


def middle(boxes: Sequence[Box]) -> Box:
    """Return the median of each edge: one odd box among three changes nothing."""
    x1, y1, x2, y2 = (median(box[edge] for box in boxes) for edge in range(4))
    return x1, y1, x2, y2
