"""Open load boxes of tippers: straight-sided, sloped, half-pipe, rock body, drop-side."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from datasets.scenes.loads import Room, grid
from datasets.scenes.shape import Paint, Shape, Vertices
from datasets.scenes.vehicle_shell import (
    Width,
    bar,
    dirty,
    plate,
    points_on,
)

BoxForm = Literal["box", "half_pipe", "rock", "dropside"]
_THICK_M = 0.06
_RAMP_M = 1.5
"""Length of a rock body's rising floor."""


@dataclass(frozen=True, slots=True)
class Box:
    """An open load box.

    Attributes:
        form: straight plates, rounded below, rising at the rear without tailgate, or low boards.
        back_x: rear end inside.
        front_x: front end inside.
        floor_z: height of the floor.
        top_z: height of the side boards' edge.
        half: half the inner width at the top.
        flare: how much narrower either side is at the floor.
        slope: how far the front wall's foot lies behind its top.
        ribs: number of posts on a side; 0 for smooth sides.
        headboard: how far the front wall stands above the boards.
        canopy: how far a roof reaches forward from the headboard over the cab.
    """

    form: BoxForm
    back_x: float
    front_x: float
    floor_z: float
    top_z: float
    half: float
    flare: float = 0.0
    slope: float = 0.0
    ribs: int = 0
    headboard: float = 0.0
    canopy: float = 0.0

    def room(self) -> Room:
        """Return the inside."""
        back = self.back_x + (0.3 if self.form == "rock" else 0.0)
        low = self.half - self.flare
        wide = Width(low, self.floor_z, self.half, self.top_z)
        return Room(back, self.front_x, self.floor_z, self.top_z, wide)


def load_box(box: Box, paint: Paint, inside: Paint) -> tuple[Shape, Vertices]:
    """Return an empty load box and points spread over its inner faces, shape ``(n, 3)``.

    Args:
        box: its form and size.
        paint: outside.
        inside: paint of floor and inner walls.
    """
    shape = Shape()
    if box.form == "half_pipe":
        probes = _half_pipe(shape, box, paint, inside)
    else:
        probes = _plates(shape, box, paint, inside)
    _posts(shape, box, paint)
    _front(shape, box, paint, inside)
    if box.form != "rock":
        _tailgate(shape, box, paint, inside)
    return shape, probes


def _plates(shape: Shape, box: Box, paint: Paint, inside: Paint) -> Vertices:
    low = box.half - box.flare
    foot_x = box.front_x - box.slope
    tail_z = box.floor_z
    floor_end = box.back_x
    probes = []
    if box.form == "rock":
        # The floor rises to the rear and holds the load without a tailgate.
        floor_end, tail_z = box.back_x + _RAMP_M, box.top_z - 0.15
        ramp = [
            (box.back_x, -low, tail_z),
            (floor_end, -low, box.floor_z),
            (floor_end, low, box.floor_z),
            (box.back_x, low, tail_z),
        ]
        plate(shape, ramp, (0, 0, -0.1), (inside, paint))
        probes.append(points_on(ramp, (3, 4)))
    floor = [
        (floor_end, -low, box.floor_z),
        (foot_x, -low, box.floor_z),
        (foot_x, low, box.floor_z),
        (floor_end, low, box.floor_z),
    ]
    plate(shape, floor, (0, 0, -0.12), (inside, paint))
    probes.append(points_on(floor, (9, 5)))
    for side in (-1.0, 1.0):
        wall = [
            (box.back_x, side * box.half, box.top_z),
            (box.front_x, side * box.half, box.top_z),
            (foot_x, side * low, box.floor_z),
            (floor_end, side * low, box.floor_z),
        ]
        if box.form == "rock":
            wall.append((box.back_x, side * low, tail_z))
        outward = np.array((0.0, side * _THICK_M, 0.0))
        inner = np.asarray(wall)
        corners = len(wall)
        shape.mesh(inner, [tuple(range(corners))], inside)
        shape.mesh(inner + outward, [tuple(range(corners))], paint)
        probes.append(points_on(wall[:4], (8, 3)))
    return np.vstack(probes)


def _half_pipe(shape: Shape, box: Box, paint: Paint, inside: Paint) -> Vertices:
    deep = box.top_z - box.floor_z
    radius = min(box.half, deep) * 0.95
    angles = np.linspace(-math.pi / 2, math.pi / 2, 13)
    y = (box.half - radius) * np.sign(angles) + radius * np.sin(angles)
    z = box.floor_z + radius * (1 - np.cos(angles))
    y = np.concatenate([[-box.half], y, [box.half]])
    z = np.concatenate([[box.top_z], z, [box.top_z]])
    probes = []
    for skin, out in ((inside, 0.0), (paint, _THICK_M)):
        # Outwards from a point above the floor: good enough for a round section.
        away = np.column_stack([y, np.minimum(z - box.floor_z - radius, 0)])
        away /= np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-6)
        section = np.column_stack([y, z]) + away * out
        rows = [np.column_stack([np.full(len(y), x), section]) for x in (box.back_x, box.front_x)]
        points = np.stack(rows)
        shape.add(grid(points, skin))
        if not out:
            along = np.linspace(box.back_x, box.front_x, 11)[1:-1]
            probes = [np.column_stack([np.full(len(y), x), y * 0.98, z + 0.02]) for x in along]
    return np.vstack(probes)


def _posts(shape: Shape, box: Box, paint: Paint) -> None:
    """Top rails, lower rails and upright posts outside."""
    long, middle = box.front_x - box.back_x, (box.front_x + box.back_x) / 2
    # Under a floor that rises to the rear there is no lower rail.
    low_back = box.back_x + (_RAMP_M if box.form == "rock" else 0.05)
    for side in (-1.0, 1.0):
        y = side * (box.half + 0.05)
        shape.box((long, 0.13, 0.12), (middle, y, box.top_z - 0.05), paint)
        if box.form == "half_pipe":
            deep = box.top_z - box.floor_z
            for x in np.linspace(box.back_x + 0.3, box.front_x - 0.3, box.ribs):
                shape.box((0.08, 0.08, deep * 0.55), (float(x), y, box.top_z - deep * 0.3), paint)
            continue
        low_y = side * (box.half - box.flare + 0.07)
        foot = dirty(paint, 0.35)
        low_long, low_middle = box.front_x - low_back, (box.front_x + low_back) / 2
        shape.box((low_long, 0.1, 0.18), (low_middle, low_y, box.floor_z - 0.02), foot)
        for x in np.linspace(low_back, box.front_x - 0.05, box.ribs):
            top, bottom = (float(x), y, box.top_z - 0.08), (float(x), low_y, box.floor_z - 0.05)
            bar(shape, bottom, top, paint, thick_m=0.11)


def _front(shape: Shape, box: Box, paint: Paint, inside: Paint) -> None:
    top = box.top_z + box.headboard
    low = box.half - box.flare
    wall = [
        (box.front_x - box.slope, low, box.floor_z),
        (box.front_x - box.slope, -low, box.floor_z),
        (box.front_x, -box.half, top),
        (box.front_x, box.half, top),
    ]
    plate(shape, wall, (0.07, 0, 0), (inside, paint))
    if box.headboard:
        for y in np.linspace(-box.half * 0.85, box.half * 0.85, 4):
            high = top - box.floor_z - 0.2
            shape.box((0.1, 0.08, high), (box.front_x + 0.1, float(y), top - high / 2), paint)
    if box.canopy:
        shape.box(
            (box.canopy, 2 * box.half + 0.05, 0.07),
            (box.front_x + box.canopy / 2, 0, top),
            paint,
        )
        lip = (box.front_x + box.canopy, 0, top + 0.05)
        shape.box((0.07, 2 * box.half + 0.05, 0.17), lip, paint)


def _tailgate(shape: Shape, box: Box, paint: Paint, inside: Paint) -> None:
    low = box.half - box.flare
    gate = [
        (box.back_x, -low, box.floor_z),
        (box.back_x, low, box.floor_z),
        (box.back_x, box.half, box.top_z),
        (box.back_x, -box.half, box.top_z),
    ]
    plate(shape, gate, (-_THICK_M, 0, 0), (inside, paint))
    high, middle = box.top_z - box.floor_z, (box.top_z + box.floor_z) / 2
    x = box.back_x - 0.1
    for z in (box.floor_z + 0.05, middle, box.top_z - 0.06):
        shape.box((0.08, 2 * low, 0.09), (x, 0, z), paint)
    for y in np.linspace(-low, low, 4):
        shape.box((0.09, 0.1, high), (x, float(y) * 0.95, middle), paint)
