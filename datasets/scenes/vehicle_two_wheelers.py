"""Bicycles, scooters, motorcycles and tricycles, alone or with a rider."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from datasets.scenes.asset import Asset, Part
from datasets.scenes.shape import Paint, Rgb, Shape, rotation
from datasets.scenes.vehicle_shell import (
    BLACK,
    HEADLAMP,
    STEEL,
    TAIL_LAMP,
    TYRE,
    PointXYZ,
    bar,
    body_paint,
    dirty,
    plate,
    plate_paint,
)

_COLOURS = ("red", "blue", "black", "white", "silver", "green", "orange", "yellow", "light_blue")
_CLOTHES: tuple[Rgb, ...] = (
    (0.02, 0.02, 0.03),
    (0.03, 0.05, 0.15),
    (0.25, 0.03, 0.03),
    (0.5, 0.5, 0.48),
    (0.6, 0.42, 0.03),
    (0.05, 0.15, 0.09),
    (0.12, 0.3, 0.5),
    (0.18, 0.17, 0.16),
)
_SKIN: tuple[Rgb, ...] = ((0.55, 0.33, 0.22), (0.36, 0.2, 0.12), (0.14, 0.07, 0.045))


@dataclass(frozen=True, slots=True)
class _Seat:
    """Where a rider's body touches: seat, grips (right one; mirrored) and footrests, metres."""

    hips: PointXYZ
    grip: PointXYZ
    foot: PointXYZ


def two_wheeler(rng: np.random.Generator, *, design: str, ridden: bool | None = None) -> Asset:
    """Return a two-wheeler or tricycle.

    Args:
        rng: source of chance.
        design: a key of the designs.
        ridden: whether somebody sits on it (a part of its own, ``person``); by chance where None.
    """
    shape = Shape()
    paint = body_paint(rng, _COLOURS)
    seat = _BUILDERS[design](rng, shape, paint)
    parts = [Part("two_wheeler", shape)]
    if ridden is None:
        ridden = bool(rng.random() < 0.6)
    if ridden:
        parts.append(Part("person", rider(rng, seat)))
    return Asset("two_wheeler", design, tuple(parts))


def rider(rng: np.random.Generator, seat: _Seat) -> Shape:
    """Return a seated person with hands on the grips and feet on the rests."""
    shape = Shape()
    jacket, trousers = (Paint(_CLOTHES[int(i)], roughness=0.85) for i in rng.integers(0, 8, 2))
    skin = Paint(_SKIN[int(rng.integers(3))], roughness=0.6)
    hips = np.asarray(seat.hips)
    lean = math.radians(rng.uniform(5, 25))
    shoulder = hips + np.array([math.sin(lean), 0, math.cos(lean)]) * 0.52
    middle = (hips + shoulder) / 2
    turn = rotation(pitch_deg=math.degrees(lean))
    shape.box(
        (0.24, 0.36, 0.62), (middle[0], 0, middle[2]), jacket, turn=turn, top_scale=(0.9, 1.15)
    )
    head = shoulder + np.array([0.06, 0, 0.27])
    shape.ball((0.10, 0.085, 0.125), (head[0], 0, head[2]), skin, rings=7, sides=10)
    if rng.random() < 0.65:
        helmet = body_paint(rng, _COLOURS)
        shape.ball(
            (0.14, 0.13, 0.12), (head[0] - 0.02, 0, head[2] + 0.05), helmet, rings=7, sides=10
        )
    else:
        hair = Paint((0.015, 0.012, 0.01), roughness=0.7)
        shape.ball(
            (0.12, 0.105, 0.10), (head[0] - 0.03, 0, head[2] + 0.06), hair, rings=7, sides=10
        )
    for side in (-1.0, 1.0):
        grip = (seat.grip[0], side * seat.grip[1], seat.grip[2])
        top = (float(shoulder[0]), side * 0.21, float(shoulder[2]) - 0.04)
        elbow = (
            (top[0] + grip[0]) / 2 - 0.04,
            side * (0.16 + seat.grip[1] / 2 + 0.06),
            (top[2] + grip[2]) / 2 - 0.1,
        )
        bar(shape, top, elbow, jacket, thick_m=0.11)
        bar(shape, elbow, grip, jacket, thick_m=0.09)
        shape.ball((0.05, 0.04, 0.05), grip, skin, rings=4, sides=6)
        foot = (seat.foot[0], side * seat.foot[1], seat.foot[2])
        hip = (float(hips[0]), side * 0.11, float(hips[2]))
        knee = (max(foot[0], hip[0] + 0.3) + 0.06, side * 0.17, (hip[2] + foot[2]) / 2 + 0.14)
        bar(shape, hip, knee, trousers, thick_m=0.15)
        bar(shape, knee, foot, trousers, thick_m=0.11)
        shape.box((0.26, 0.09, 0.08), (foot[0] + 0.05, foot[1], foot[2]), BLACK)
    return shape


def _hoop(
    shape: Shape, x: float, radius: float, *, thick_m: float, y: float = 0.0, spokes: int = 8
) -> None:
    """Add a spoked wheel."""
    angles = 2 * math.pi * np.arange(18) / 18
    reach = radius - thick_m / 2
    points: list[PointXYZ] = [
        (x + reach * math.cos(a), y, radius + reach * math.sin(a)) for a in angles
    ]
    for start, end in zip(points, points[1:] + points[:1], strict=True):
        bar(shape, start, end, TYRE, thick_m=thick_m)
    shape.cylinder(radius * 0.13, 0.08, (x, y, radius), STEEL, axis="y", sides=8)
    for point in points[:: max(1, 18 // spokes)]:
        bar(shape, (x, y, radius), point, STEEL, thick_m=0.012 + thick_m * 0.1)


def _cycle(rng: np.random.Generator, shape: Shape, paint: Paint) -> _Seat:
    radius = rng.uniform(0.31, 0.35)
    base = 0.52
    for x in (-base, base):
        _hoop(shape, x, radius, thick_m=0.045, spokes=9)
    hub, crank, saddle = (-base, 0.0, radius), (-0.05, 0.0, 0.28), (-0.18, 0.0, 0.86)
    neck, low = (0.33, 0.0, 0.86), (0.36, 0.0, 0.72)
    for start, end in (
        (hub, crank),
        (hub, (-0.16, 0.0, 0.72)),
        (crank, saddle),
        (crank, low),
        ((-0.15, 0.0, 0.68 if rng.random() < 0.6 else 0.4), low),
        (low, (base, 0.0, radius)),
        (neck, low),
    ):
        bar(shape, start, end, paint, thick_m=0.04)
    shape.box((0.26, 0.15, 0.07), (-0.2, 0, 0.9), BLACK)
    bar(shape, (0.3, -0.29, 1.0), (0.3, 0.29, 1.0), STEEL, thick_m=0.035)
    bar(shape, neck, (0.3, 0, 1.0), STEEL, thick_m=0.035)
    for y in (-0.1, 0.1):
        shape.box((0.1, 0.08, 0.03), (-0.05, y, 0.28 + y), BLACK)
    if rng.random() < 0.5:
        shape.box((0.34, 0.28, 0.22), (0.5, 0, 0.85), Paint((0.2, 0.2, 0.2)))
    if rng.random() < 0.4:
        shape.box((0.4, 0.16, 0.03), (-0.5, 0, 0.74), STEEL)
    return _Seat((-0.18, 0.0, 0.98), (0.28, 0.28, 1.02), (0.0, 0.11, 0.24))


def _folding(rng: np.random.Generator, shape: Shape, paint: Paint) -> _Seat:
    for x in (-0.45, 0.45):
        _hoop(shape, x, 0.23, thick_m=0.05, spokes=9)
    bar(shape, (-0.45, 0, 0.28), (0.4, 0, 0.45), paint, thick_m=0.09)
    bar(shape, (-0.12, 0, 0.3), (-0.2, 0, 0.85), STEEL, thick_m=0.045)
    bar(shape, (0.45, 0, 0.23), (0.33, 0, 0.95), STEEL, thick_m=0.045)
    bar(shape, (0.33, -0.27, 0.97), (0.33, 0.27, 0.97), BLACK, thick_m=0.035)
    shape.box((0.26, 0.16, 0.08), (-0.22, 0, 0.88), BLACK)
    if rng.random() < 0.6:
        shape.box((0.36, 0.3, 0.3), (-0.52, 0, 0.7), body_paint(rng, _COLOURS))
    return _Seat((-0.2, 0.0, 0.97), (0.32, 0.26, 0.99), (0.02, 0.11, 0.22))


def _scooter(rng: np.random.Generator, shape: Shape, paint: Paint) -> _Seat:
    for x in (-0.62, 0.62):
        shape.cylinder(0.23, 0.11, (x, 0, 0.23), TYRE, axis="y", sides=16)
        shape.cylinder(0.13, 0.12, (x, 0, 0.23), STEEL, axis="y", sides=10)
    tail = [(-0.85, 0.55), (-0.7, 0.32), (-0.15, 0.28), (-0.1, 0.62), (-0.3, 0.72), (-0.85, 0.72)]
    shape.prism(tail, 0.34, paint)
    shape.box((0.75, 0.3, 0.12), (-0.42, 0, 0.77), BLACK, top_scale=(0.95, 0.8))
    shape.box((0.55, 0.34, 0.1), (0.1, 0, 0.28), paint.tinted(0.8))
    apron = [(0.28, 0.25), (0.4, 0.27), (0.5, 0.95), (0.42, 1.0)]
    shape.prism(apron, 0.4, paint)
    shape.prism([(0.4, 0.46), (0.8, 0.38), (0.78, 0.46), (0.62, 0.53)], 0.14, paint)
    bar(shape, (0.62, 0, 0.23), (0.45, 0, 0.95), STEEL, thick_m=0.06)
    shape.box((0.18, 0.3, 0.16), (0.47, 0, 1.04), paint)
    shape.box((0.05, 0.16, 0.11), (0.57, 0, 1.03), HEADLAMP)
    shape.box((0.05, 0.2, 0.09), (-0.87, 0, 0.66), TAIL_LAMP)
    bar(shape, (0.4, -0.34, 1.08), (0.4, 0.34, 1.08), BLACK, thick_m=0.04)
    for side in (-1.0, 1.0):
        bar(shape, (0.4, side * 0.28, 1.08), (0.42, side * 0.34, 1.26), BLACK, thick_m=0.02)
        shape.box((0.03, 0.14, 0.09), (0.42, side * 0.36, 1.29), BLACK)
    shape.box((0.02, 0.2, 0.13), (-0.9, 0, 0.5), plate_paint(rng))
    if rng.random() < 0.35:
        shape.box((0.42, 0.44, 0.42), (-0.78, 0, 1.02), body_paint(rng, _COLOURS))
    return _Seat((-0.3, 0.0, 0.9), (0.38, 0.3, 1.1), (0.12, 0.13, 0.36))


def _motorcycle(rng: np.random.Generator, shape: Shape, paint: Paint) -> _Seat:
    for x in (-0.66, 0.68):
        _hoop(shape, x, 0.31, thick_m=0.11, spokes=6)
    engine = Paint((0.2, 0.2, 0.2), roughness=0.4, metallic=1.0)
    shape.box((0.5, 0.3, 0.36), (0.02, 0, 0.42), engine)
    tank = [(-0.1, 0.72), (0.35, 0.74), (0.4, 0.9), (0.2, 0.98), (-0.1, 0.86)]
    shape.prism(tank, 0.28, paint)
    shape.box((0.7, 0.26, 0.1), (-0.45, 0, 0.81), BLACK, top_scale=(0.95, 0.8))
    shape.prism([(-0.9, 0.72), (-0.5, 0.6), (-0.15, 0.62), (-0.15, 0.76), (-0.9, 0.8)], 0.2, paint)
    shape.prism([(0.42, 0.6), (0.95, 0.6), (0.85, 0.68), (0.6, 0.7)], 0.13, paint)
    for y in (-0.09, 0.09):
        bar(shape, (0.68, y, 0.31), (0.42, y, 0.98), STEEL, thick_m=0.05)
        bar(shape, (-0.66, y, 0.31), (-0.1, y, 0.4), STEEL, thick_m=0.05)
    shape.cylinder(0.1, 0.1, (0.56, 0, 0.92), HEADLAMP, axis="x", sides=10)
    shape.box((0.05, 0.16, 0.08), (-0.93, 0, 0.76), TAIL_LAMP)
    bar(shape, (0.36, -0.37, 1.06), (0.36, 0.37, 1.06), BLACK, thick_m=0.035)
    bar(shape, (0.1, -0.18, 0.35), (-0.8, -0.2, 0.42), STEEL, thick_m=0.09)
    shape.box((0.02, 0.2, 0.13), (-0.95, 0, 0.6), plate_paint(rng))
    return _Seat((-0.32, 0.0, 0.95), (0.34, 0.34, 1.08), (-0.02, 0.2, 0.34))


def _sports(rng: np.random.Generator, shape: Shape, paint: Paint) -> _Seat:
    seat = _motorcycle(rng, shape, paint)
    shell = [(-0.05, 0.28), (0.4, 0.26), (0.62, 0.6), (0.72, 0.88), (0.5, 1.08), (0.2, 0.9)]
    shape.prism(shell, 0.36, paint)
    shape.prism([(0.5, 1.06), (0.68, 0.94), (0.52, 1.2)], 0.24, Paint((0.03, 0.03, 0.04), 0.1))
    shape.prism([(-1.0, 0.88), (-0.4, 0.76), (-0.3, 0.86), (-0.95, 0.96)], 0.22, paint)
    return seat


def _tricycle_frame(rng: np.random.Generator, shape: Shape, paint: Paint) -> _Seat:
    """The front of a cargo tricycle: one wheel, saddle, handlebar; two wheels under the bed."""
    motor = rng.random() < 0.5
    if motor:
        shape.cylinder(0.26, 0.12, (1.05, 0, 0.26), TYRE, axis="y", sides=16)
        shape.prism([(0.35, 0.35), (0.75, 0.3), (0.95, 0.95), (0.8, 1.0), (0.6, 0.5)], 0.42, paint)
        shape.box((0.06, 0.16, 0.12), (0.98, 0, 0.92), HEADLAMP)
    else:
        _hoop(shape, 1.05, 0.3, thick_m=0.05, spokes=9)
    for x, z in ((0.15, 0.45), (0.45, 0.35)):
        bar(shape, (x, 0, z), (0.85, 0, 0.72), paint, thick_m=0.06)
    bar(shape, (1.05, 0, 0.28), (0.82, 0, 1.02), STEEL, thick_m=0.05)
    bar(shape, (0.78, -0.33, 1.04), (0.78, 0.33, 1.04), BLACK, thick_m=0.04)
    bar(shape, (0.2, 0, 0.4), (0.22, 0, 0.75), paint, thick_m=0.06)
    shape.box((0.34, 0.26, 0.1), (0.22, 0, 0.8), BLACK)
    for side in (-1.0, 1.0):
        if motor:
            spot = (-0.55, side * 0.46, 0.26)
            shape.cylinder(0.26, 0.12, spot, TYRE, axis="y", sides=16)
        else:
            _hoop(shape, -0.55, 0.3, thick_m=0.05, y=side * 0.5, spokes=9)
        shape.box((0.05, 0.12, 0.08), (-1.28, side * 0.4, 0.5), TAIL_LAMP)
    return _Seat((0.2, 0.0, 0.92), (0.76, 0.3, 1.06), (0.5, 0.14, 0.32))


def _tricycle_bed(rng: np.random.Generator, shape: Shape, paint: Paint) -> _Seat:
    seat = _tricycle_frame(rng, shape, paint)
    outer = dirty(paint, rng.uniform(0.1, 0.4))
    inner = outer.tinted(0.5)
    low, high, half = 0.56, 0.56 + rng.uniform(0.18, 0.4), 0.5
    back, front = -1.25, 0.0
    shape.box((front - back, 2 * half, 0.05), ((front + back) / 2, 0, low), inner)
    for side in (-1.0, 1.0):
        y = side * half
        wall: list[PointXYZ] = [(back, y, low), (front, y, low), (front, y, high), (back, y, high)]
        plate(shape, wall, (0, side * 0.03, 0), (inner, outer))
    for x, out in ((back, -0.03), (front, 0.03)):
        gate: list[PointXYZ] = [(x, -half, low), (x, half, low), (x, half, high), (x, -half, high)]
        plate(shape, gate, (out, 0, 0), (inner, outer))
    return seat


def _tricycle_box(rng: np.random.Generator, shape: Shape, paint: Paint) -> _Seat:
    seat = _tricycle_frame(rng, shape, paint)
    high = rng.uniform(0.8, 1.2)
    closed = body_paint(rng, ("green", "yellow", "white", "blue", "orange", "red", "silver"))
    shape.box((1.35, 1.0, high), (-0.6, 0, 0.52 + high / 2), closed)
    for z in (0.55, 0.5 + high):
        shape.box((1.38, 1.03, 0.05), (-0.6, 0, z), closed.tinted(0.6))
    mark = body_paint(rng, _COLOURS)
    shape.box((0.7, 1.02, high * 0.3), (-0.6, 0, 0.55 + high / 2), mark)
    if rng.random() < 0.3:
        roof = body_paint(rng, _COLOURS)
        shape.box((1.0, 0.95, 0.04), (0.5, 0, 0.6 + high), roof)
        for y in (-0.4, 0.4):
            bar(shape, (0.9, y, 0.9), (0.95, y, 0.6 + high), STEEL, thick_m=0.03)
    return seat


_BUILDERS: dict[str, Callable[[np.random.Generator, Shape, Paint], _Seat]] = {
    "bicycle": _cycle,
    "scooter": _scooter,
    "motorcycle": _motorcycle,
    "tricycle_bed": _tricycle_bed,
    "tricycle_box": _tricycle_box,
    "folding_bicycle": _folding,
    "sports_motorcycle": _sports,
}
