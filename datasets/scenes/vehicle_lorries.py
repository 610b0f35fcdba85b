"""Lorries that are no muck trucks: box, curtain side, flatbed, mixer, tanker, skip lorry."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from datasets.scenes.asset import Asset, Part
from datasets.scenes.shape import Paint, Shape
from datasets.scenes.vehicle_cabs import Cab, cab
from datasets.scenes.vehicle_shell import (
    BLACK,
    STEEL,
    TAIL_LAMP,
    PointXYZ,
    bar,
    body_paint,
    dirty,
    mudguards,
    plate,
    plate_paint,
    wheels,
)

_NAMES = ("white", "white", "silver", "red", "blue", "light_blue", "green", "yellow", "orange")
_DECK_M = 1.05


def lorry(rng: np.random.Generator, *, design: str) -> Asset:
    """Return a lorry, labelled ``truck``."""
    length = rng.uniform(4.5, 7.0)
    half, wheel = rng.uniform(1.15, 1.26), rng.uniform(0.44, 0.52)
    paint = body_paint(rng, _NAMES)
    shape = Shape()
    _BODIES[design](rng, shape, length, half)
    size = Cab(
        length=rng.uniform(1.7, 2.2),
        width=2 * half - 0.04,
        top_z=rng.uniform(2.6, 3.2),
        floor_z=wheel * 1.95,
        rake=rng.uniform(0.1, 0.45),
        round_m=rng.uniform(0.15, 0.4),
    )
    front = length + 0.25 + size.length
    shape.add(cab(rng, size, paint).moved(front))
    steel = dirty(BLACK, 0.3)
    for y in (-0.42, 0.42):
        shape.box((front - 0.8, 0.1, 0.28), (front / 2 - 0.3, y, _DECK_M - 0.2), steel)
    rim = (STEEL, dirty(STEEL, 0.4))[int(rng.integers(2))]
    wheels(shape, front - 1.35, half, wheel, rim=rim)
    double = length > 5.5 or design == "mixer"
    for x in (length * 0.25, length * 0.25 + wheel * 2.6)[: 2 if double else 1]:
        wheels(shape, x, half, wheel, rim=rim, dual=True)
        mudguards(shape, x, half, wheel, steel)
    for side in (-1.0, 1.0):
        low = (length * 0.25 + wheel * 4.0, side * half, wheel * 1.3)
        bar(shape, low, (front - 2.1, side * half, wheel * 1.3), STEEL, thick_m=0.08)
        shape.box((0.06, 0.4, 0.14), (-0.02, side * (half - 0.35), wheel * 1.6), TAIL_LAMP)
    shape.box((0.03, 0.5, 0.13), (-0.04, 0, wheel * 1.5), plate_paint(rng))
    return Asset("truck", design, (Part("truck", shape.moved(-front / 2)),))


def _box(rng: np.random.Generator, shape: Shape, length: float, half: float) -> None:
    high = rng.uniform(2.0, 2.6)
    paint = body_paint(rng, ("white", "white", "white", "silver", "blue", "yellow", "red"))
    middle = (length / 2, 0.0, _DECK_M + high / 2)
    shape.box((length, 2 * half, high), middle, paint)
    edge = paint.tinted(0.7)
    for y in (-half, half):
        for z in (_DECK_M + 0.03, _DECK_M + high - 0.03):
            shape.box((length + 0.03, 0.06, 0.09), (length / 2, y, z), edge)
    for x in (0.0, length):
        for y in (-half + 0.04, half - 0.04, 0.0):
            shape.box((0.06, 0.09, high), (x, y, middle[2]), edge)
    if rng.random() < 0.5:
        mark = body_paint(rng, _NAMES)
        size = (length * rng.uniform(0.3, 0.7), 2 * half + 0.02, high * rng.uniform(0.2, 0.5))
        shape.box(size, (length / 2, 0, middle[2] + rng.uniform(-0.3, 0.3)), mark)


def _curtain(rng: np.random.Generator, shape: Shape, length: float, half: float) -> None:
    high = rng.uniform(2.3, 2.7)
    paint = body_paint(rng, _NAMES, roughness=0.55, wear=0.1)
    shape.box((length, 2 * half, high), (length / 2, 0, _DECK_M + high / 2), paint)
    # The curtains hang in folds between straps.
    for x in np.linspace(0.2, length - 0.2, 11):
        strap = (0.06, 2 * half + 0.05, high - 0.15)
        shape.box(strap, (float(x), 0, _DECK_M + high / 2), paint.tinted(0.75))
    shape.box((length + 0.05, 2 * half + 0.06, 0.12), (length / 2, 0, _DECK_M + high), STEEL)


def _flatbed(rng: np.random.Generator, shape: Shape, length: float, half: float) -> None:
    wood = Paint((0.30, 0.20, 0.11), roughness=0.8, speckle=0.3, speckle_m=0.3)
    shape.box((length, 2 * half, 0.12), (length / 2, 0, _DECK_M), wood)
    shape.box((0.08, 2 * half, 1.2), (length, 0, _DECK_M + 0.6), STEEL)
    cargo = int(rng.integers(4))
    if cargo == 1:
        for _ in range(int(rng.integers(2, 7))):
            size = rng.uniform(0.6, 1.2, 3)
            spot = (rng.uniform(0.8, length - 0.9), rng.uniform(-0.5, 0.5), _DECK_M + size[2] / 2)
            shape.box((float(size[0]), float(size[1]), float(size[2])), spot, wood.tinted(1.3))
    elif cargo == 2:
        pipe = body_paint(rng, ("silver", "orange", "grey", "blue"))
        for number in range(int(rng.integers(3, 8))):
            y, row = (number % 4 - 1.5) * 0.4, number // 4
            spot = (length / 2, y, _DECK_M + 0.26 + 0.36 * row)
            shape.cylinder(0.19, length * 0.92, spot, pipe, axis="x", sides=10)
    elif cargo == 3:
        paint = body_paint(rng, _NAMES)
        long = min(length - 0.3, 5.9)
        shape.box((long, 2.35, 2.3), (length / 2, 0, _DECK_M + 1.2), paint)
        for x in np.linspace(length / 2 - long / 2 + 0.1, length / 2 + long / 2 - 0.1, 16):
            shape.box((0.12, 2.41, 2.0), (float(x), 0, _DECK_M + 1.2), paint.tinted(0.8))


def _mixer(rng: np.random.Generator, shape: Shape, length: float, half: float) -> None:
    paint = body_paint(rng, ("white", "silver", "yellow", "green", "red"), wear=0.15)
    stripe = body_paint(rng, _NAMES)
    z = _DECK_M + 1.25
    spans = ((0.2, 0.55, 1.0), (0.5, 1.05, 1.12), (0.3, 1.12, 0.75))
    x = 0.25
    for number, (share, start, end) in enumerate(spans):
        long = share * (length - 0.4)
        spot = (x + long / 2, 0.0, z + (0.12 if number == 0 else 0.0))
        shape.cylinder(start, long, spot, paint, axis="x", sides=18, end_radius=end)
        shape.cylinder(end + 0.02, 0.12, (x + long, 0, z), stripe, axis="x", sides=18)
        x += long
    for y in (-0.6, 0.6):
        bar(shape, (0.4, y, _DECK_M - 0.1), (0.5, y * 0.5, z), STEEL, thick_m=0.12)
        shape.box((0.5, 0.15, 1.3), (length - 0.2, y, _DECK_M + 0.5), STEEL)
    hopper = (0.1, 0.0, z + 0.85)
    shape.box((0.7, 1.0, 0.6), hopper, paint, top_scale=(1.3, 1.3))
    bar(shape, (0.1, 0, z - 0.1), (-0.75, half * 0.3, z - 0.75), STEEL, thick_m=0.3)


def _tanker(rng: np.random.Generator, shape: Shape, length: float, half: float) -> None:
    paint = body_paint(rng, ("silver", "white", "green", "yellow", "blue"), roughness=0.25)
    z = _DECK_M + half * 0.85
    radius = half * 0.85
    shape.cylinder(radius, length - 0.5, (length / 2, 0, z), paint, axis="x", sides=20)
    for x in (0.25, length - 0.25):
        shape.ball((0.22, radius, radius), (x, 0, z), paint, sides=14)
    for x in np.linspace(0.6, length - 0.6, 5):
        shape.cylinder(radius + 0.02, 0.06, (float(x), 0, z), STEEL, axis="x", sides=20)
    for x in np.linspace(1.0, length - 1.0, 3):
        shape.cylinder(0.25, 0.15, (float(x), 0, z + radius), STEEL, sides=10)
    for side in (-1.0, 1.0):
        shape.box((length, 0.25, 0.12), (length / 2, side * (half - 0.15), _DECK_M), BLACK)


def _skip(rng: np.random.Generator, shape: Shape, length: float, half: float) -> None:
    """A skip: an open trough that is narrow below, hung on two arms."""
    paint = dirty(body_paint(rng, ("blue", "yellow", "green", "red", "grey", "orange")), 0.2)
    inside = paint.tinted(0.35)
    shape.box((length, 1.2, 0.15), (length / 2, 0, _DECK_M - 0.02), dirty(BLACK, 0.3))
    middle, top = length * 0.48, _DECK_M + rng.uniform(1.0, 1.4)
    low, high = min(length * 0.26, 1.1), min(length * 0.44, 1.95)
    low_z, wide = _DECK_M + 0.1, half * 0.72
    foot = [
        (middle - low, -wide),
        (middle + low, -wide),
        (middle + low, wide),
        (middle - low, wide),
    ]
    brim = [
        (middle - high, -wide),
        (middle + high, -wide),
        (middle + high, wide),
        (middle - high, wide),
    ]
    out = ((0.0, -0.05, 0.0), (0.05, 0.0, 0.0), (0.0, 0.05, 0.0), (-0.05, 0.0, 0.0))
    for side in range(4):
        after = (side + 1) % 4
        wall: list[PointXYZ] = [
            (*foot[after], low_z),
            (*foot[side], low_z),
            (*brim[side], top),
            (*brim[after], top),
        ]
        plate(shape, wall, out[side], (inside, paint))
    floor: list[PointXYZ] = [(*corner, low_z) for corner in foot]
    plate(shape, floor, (0, 0, -0.06), (inside, paint))
    steel = body_paint(rng, ("yellow", "white", "grey", "red"))
    for way in (-1.0, 1.0):
        y = way * (half - 0.1)
        shape.box((2 * high, 0.08, 0.1), (middle, way * (wide + 0.03), top), paint)
        elbow = (middle + 0.4, y, top + 0.75)
        bar(shape, (length * 0.12, y, _DECK_M), elbow, steel, thick_m=0.2)
        bar(shape, elbow, (middle + 1.0, y, top + 0.7), steel, thick_m=0.16)
        for end in (-1.0, 1.0):
            hook = (middle + end * high * 0.7, way * wide, top - 0.2)
            bar(shape, elbow, hook, BLACK, thick_m=0.03)


_BODIES: dict[str, Callable[[np.random.Generator, Shape, float, float], None]] = {
    "box_lorry": _box,
    "flatbed": _flatbed,
    "mixer": _mixer,
    "skip_lorry": _skip,
    "curtain_side": _curtain,
    "tanker": _tanker,
}
