"""Where a lorry stands, by its box alone."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from vision.camera import boxes

LONG, WIDE, HIGH = 8.0, 2.5, 3.0
FOCAL = 0.9  # widths of the frame: a lens for a street


def seen(yaw_deg, away_m, pitch_deg, mast_m):
    """Box of a lorry in a 16:9 frame, and where the middle of its ground is."""
    pitch = math.radians(pitch_deg)
    cos, sin = math.cos(math.radians(yaw_deg)), math.sin(math.radians(yaw_deg))
    corners = itertools.product((-LONG / 2, LONG / 2), (-WIDE / 2, WIDE / 2), (0, HIGH))
    points = [
        (away_m + x * cos - y * sin, x * sin + y * cos, z) for x, y, z in (*corners, (0, 0, 0))
    ]
    picture = []
    for ahead, left, z in points:
        down = mast_m - z
        depth = ahead * math.cos(pitch) + down * math.sin(pitch)
        below = down * math.cos(pitch) - ahead * math.sin(pitch)
        picture.append((0.5 - FOCAL * left / depth, 0.5 + FOCAL * 16 / 9 * below / depth))
    *around, ground = np.array(picture)
    return (*np.min(around, axis=0), *np.max(around, axis=0)), ground


@pytest.mark.parametrize("yaw_deg", range(0, 181, 15))
@pytest.mark.parametrize(("pitch_deg", "mast_m", "away_m"), [(25, 8, 24), (28, 9, 22), (22, 7, 24)])
def test_the_middle_of_a_lorrys_ground_is_told_from_how_long_it_looks(
    yaw_deg, pitch_deg, mast_m, away_m
):
    box, (x, y) = seen(yaw_deg, away_m, pitch_deg, mast_m)
    assert 0 < box[1] < box[3] < 1
    told_x, told_y = boxes.footprint_point(box)
    assert told_x == pytest.approx(x, abs=0.12 * boxes.width(box))
    assert told_y == pytest.approx(y, abs=0.08 * boxes.height(box))


def test_the_lift_of_a_box_of_any_shape_is_inside_it():
    for wide, high in itertools.product((0.01, 0.3, 1.0), (0.01, 0.3, 1.0)):
        lift = boxes.footprint_lift((0.0, 0.0, wide, high))
        assert 0.1 * high <= lift <= 0.4 * high
