"""What the works department, builders and shops leave at the kerb.

As large as a stall or as the back of a car, and neither.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from datasets.scenes.asset import Part
from datasets.scenes.lookalike_places import unlabelled
from datasets.scenes.shape import Paint, Shape, rotation
from datasets.scenes.vending_paints import (
    BODY,
    BRIGHT,
    CLOTH,
    IRON,
    PLASTIC,
    RUBBER,
    STEEL,
    STONE,
    WOOD,
    between,
    chance,
    metal,
    one_of,
    painted,
)
from datasets.scenes.vending_solids import cells, heap, legs, open_box, rod, wheel

_DARK = Paint((0.02, 0.02, 0.02))
_EARTH = ("#8a6a4a", "#b09468", "#77746e", "#5c4a38")


def bottle_bank(rng: np.random.Generator) -> list[Part]:
    """One to three round or square banks for bottles or clothes, with a hole to put them in."""
    shape = Shape()
    round_one = chance(rng, 0.5)
    for index in range(int(rng.integers(1, 4))):
        paint = painted(rng, ("#2f6d3a", "#e9e9e6", "#27508f", "#c6a01e", "#8d8b86"))
        bank, high = Shape(), between(rng, 1.3, 1.8)
        if round_one:
            bank.cylinder(0.72, high * 0.6, (0, 0, high * 0.3), paint, sides=14, end_radius=0.68)
            bank.ball((0.68, 0.68, high * 0.42), (0, 0, high * 0.6), paint.tinted(1.1))
        else:
            bank.box((1.15, 1.1, high), (0, 0, high / 2), paint)
            bank.box((1.2, 1.15, 0.1), (0, 0, high + 0.05), paint.tinted(0.8))
            bank.box((0.7, 0.02, 0.35), (0, -0.56, high * 0.45), painted(rng, BRIGHT))
        bank.cylinder(0.14, 0.06, (0, -0.62, high * 0.72), _DARK, axis="y", sides=10)
        shape.add(bank.moved(1.55 * index, between(rng, -0.06, 0.06)))
    return unlabelled(shape)


def skip(rng: np.random.Generator) -> list[Part]:
    """An open skip with builders' waste; no vehicle."""
    paint = painted(rng, ("#e0a31a", "#2f5d34", "#27508f", "#b3202a", "#8d8b86"), speckle=0.25)
    long, wide, high = between(rng, 2.0, 3.2), between(rng, 1.3, 1.7), between(rng, 0.9, 1.3)
    shape = Shape().box((long * 0.8, wide, high), (0, 0, high / 2), paint, top_scale=(1.3, 1.0))
    for x in (-long * 0.3, long * 0.3):
        shape.box((0.1, wide * 1.04, high * 0.8), (x, 0, high / 2), paint.tinted(0.7))
    earth = painted(rng, _EARTH, speckle=0.4, speckle_m=0.1, relief=0.6)
    size = (long, wide * 0.95, between(rng, 0.1, 0.5))
    heap(shape, rng, size=size, centre=(0, 0, high - 0.02), paint=earth)
    return unlabelled(shape)


def big_bags(rng: np.random.Generator) -> list[Part]:
    """Builders' bags of sand, some on pallets."""
    shape = Shape()
    for index in range(int(rng.integers(1, 5))):
        paint = painted(rng, ("#e9e9e6", "#d9d4c5", "#e8e6df", "#c9b890"), speckle=0.15, relief=0.5)
        side, high = between(rng, 0.8, 0.95), between(rng, 0.6, 0.95)
        bag = Shape().box((side, side, high), (0, 0, high / 2), paint, top_scale=(0.9, 0.9))
        earth = painted(rng, _EARTH, speckle=0.3, speckle_m=0.05)
        heap(
            bag, rng, size=(side * 0.85, side * 0.85, 0.18), centre=(0, 0, high - 0.01), paint=earth
        )
        if chance(rng, 0.5):
            bag = _pallet(rng).add(bag.moved(0, 0, 0.14))
        turn = rotation(yaw_deg=between(rng, -15, 15))
        shape.add(bag.moved(1.1 * index, between(rng, -0.15, 0.15), turn=turn))
    return unlabelled(shape)


def _pallet(rng: np.random.Generator) -> Shape:
    wood = painted(rng, WOOD, speckle=0.2)
    shape = Shape()
    for x in (-0.5, 0.0, 0.5):
        shape.box((0.12, 0.8, 0.1), (x, 0, 0.05), wood.tinted(0.8))
    for y in (-0.34, -0.11, 0.11, 0.34):
        shape.box((1.2, 0.14, 0.03), (0, y, 0.12), wood)
    return shape


def paving(rng: np.random.Generator) -> list[Part]:
    """Pallets of paving stones, bricks or pipes."""
    shape = Shape()
    for index in range(int(rng.integers(1, 4))):
        pile = _pallet(rng)
        paint = painted(rng, (*STONE, "#9a4a34", "#b5653f"), speckle=0.3, speckle_m=0.1)
        for layer in range(int(rng.integers(2, 6))):
            middles, size = cells((1.1, 0.75), (0.36, 0.25))
            for x, y in middles:
                box = (size[0] * 0.95, size[1] * 0.93, 0.14)
                tint = between(rng, 0.85, 1.15)
                pile.box(box, (x, y, 0.21 + 0.15 * layer), paint.tinted(tint))
        shape.add(pile.moved(1.35 * index, between(rng, -0.1, 0.1)))
    return unlabelled(shape)


def guide_posts(rng: np.random.Generator) -> list[Part]:
    """Striped posts on feet, or drums, with or without tape or a chain between them."""
    shape = Shape()
    hues = one_of(rng, (("#e2541c", "#f0efe9"), ("#e7c21d", "#17181c"), ("#c8202a", "#f0efe9")))
    first, second = (painted(rng, (hue,)) for hue in hues)
    drums, count = chance(rng, 0.3), int(rng.integers(2, 7))
    radius = between(rng, 0.2, 0.28) if drums else between(rng, 0.035, 0.06)
    step = between(rng, 0.7, 1.6)
    places = [((i - (count - 1) / 2) * step, between(rng, -0.12, 0.12)) for i in range(count)]
    for at in places:
        shape.cylinder(max(0.2, radius), 0.06, (*at, 0.03), _DARK, sides=10)
        for stripe in range(5):
            paint = first if stripe % 2 == 0 else second
            shape.cylinder(radius, 0.18, (*at, 0.15 + 0.18 * stripe), paint, sides=10)
    if not drums and chance(rng, 0.6):
        for one, two in pairwise(places):
            rod(shape, (*one, 0.85), (*two, 0.85), 0.03, first, sides=4)
    return unlabelled(shape)


def warning_sign(rng: np.random.Generator) -> list[Part]:
    """A sign of the road works, triangular, round or square, on a stand with sandbags."""
    shape, iron = Shape(), metal(rng, IRON)
    high = between(rng, 0.7, 1.3)
    for y in (-0.3, 0.3):
        rod(shape, (-0.25, y, 0), (0, y * 0.6, high), 0.02, iron, sides=4)
        rod(shape, (0.25, y, 0), (0, y * 0.6, high), 0.02, iron, sides=4)
    face = painted(rng, ("#e7c21d", "#f0efe9", "#1c57b0", "#e2541c"))
    edge = painted(rng, ("#c8202a", "#17181c"))
    wide = between(rng, 0.6, 1.1)
    turn = rotation(pitch_deg=between(rng, -12, 0))
    if chance(rng, 0.4):
        plate = Shape().cylinder(wide / 2, 0.03, (0, 0, 0), edge, axis="x", sides=16)
        plate.cylinder(wide * 0.4, 0.035, (0, 0, 0), face, axis="x", sides=16)
    else:
        plate = Shape().box((0.03, wide, wide * between(rng, 0.6, 1.0)), (0, 0, 0), edge)
        plate.box((0.035, wide * 0.88, wide * 0.5), (0, 0, 0), face)
    shape.add(plate.moved(0, 0, high + wide * 0.3, turn=turn))
    for _ in range(int(rng.integers(0, 3))):
        at = (between(rng, -0.3, 0.3), between(rng, -0.3, 0.3), 0.08)
        shape.ball((0.3, 0.18, 0.1), at, painted(rng, CLOTH, relief=0.4), rings=4, sides=7)
    return unlabelled(shape)


def parcel_locker(rng: np.random.Generator) -> list[Part]:
    """A wall of lockers, under a roof or without."""
    body, doors = painted(rng, (*BODY, *STEEL)), painted(rng, (*BRIGHT, *BODY, *STEEL))
    long, high, deep = between(rng, 1.6, 3.6), between(rng, 1.8, 2.2), between(rng, 0.5, 0.7)
    shape = Shape().box((long, deep, high), (0, 0, high / 2), body)
    middles, size = cells((long, high), (0.45, one_of(rng, (0.25, 0.4))))
    for x, z in middles:
        at = (x, -deep / 2 - 0.005, z + high / 2)
        shape.box((size[0] * 0.92, 0.02, size[1] * 0.9), at, doors.tinted(between(rng, 0.85, 1.1)))
    if chance(rng, 0.4):
        shape.box((long * 1.05, deep * 2.2, 0.08), (0, -deep * 0.5, high + 0.25), body.tinted(0.7))
    return unlabelled(shape)


def toilet_cabin(rng: np.random.Generator) -> list[Part]:
    """One to three cabins of a building site."""
    shape = Shape()
    paint = painted(rng, ("#1c74d8", "#2c7a53", "#8d8b86", "#e07b1c"))
    for index in range(int(rng.integers(1, 4))):
        cabin = Shape().box((1.1, 1.1, 2.1), (0, 0, 1.05), paint)
        cabin.box((1.15, 1.15, 0.16), (0, 0, 2.2), painted(rng, ("#e9e9e6",)), top_scale=(0.8, 0.8))
        cabin.box((0.75, 0.02, 1.8), (0, -0.56, 1.05), paint.tinted(1.25))
        cabin.box((0.1, 0.03, 0.1), (0.25, -0.57, 1.0), _DARK)
        shape.add(cabin.moved(1.25 * index))
    return unlabelled(shape)


def works_barrow(rng: np.random.Generator) -> list[Part]:
    """A wheelbarrow or a two-wheeled rubbish barrow without goods, its driver away."""
    paint, iron = painted(rng, (*PLASTIC, *BODY)), metal(rng, IRON)
    shape = Shape()
    if chance(rng, 0.5):
        open_box(shape, (0.85, 0.6, 0.3), (0.1, 0, 0.4), paint)
        wheel(shape, 0.2, 0.09, (0.65, 0, 0.2), iron)
        for y in (-0.25, 0.25):
            rod(shape, (0.6, y * 0.3, 0.25), (-0.85, y, 0.62), 0.02, iron)
            rod(shape, (-0.2, y, 0.42), (-0.3, y, 0.0), 0.02, iron)
        earth = painted(rng, _EARTH, speckle=0.3)
        heap(shape, rng, size=(0.8, 0.55, 0.2), centre=(0.1, 0, 0.6), paint=earth)
    else:
        for index in range(int(rng.integers(1, 3))):
            drum = painted(rng, PLASTIC)
            at = (0.0, (index - 0.5) * 0.55)
            shape.cylinder(0.24, 0.8, (*at, 0.6), drum, sides=12, end_radius=0.27)
            shape.cylinder(0.28, 0.05, (*at, 1.02), drum.tinted(0.7), sides=12)
        for y in (-0.6, 0.6):
            wheel(shape, 0.25, 0.06, (0.05, y, 0.25), iron)
        for y in (-0.4, 0.4):
            rod(shape, (0.2, y, 0.2), (-0.7, y, 0.95), 0.02, iron)
        rod(shape, (-0.7, -0.4, 0.95), (-0.7, 0.4, 0.95), 0.02, iron)
    return unlabelled(shape)


def generator(rng: np.random.Generator) -> list[Part]:
    """A generator or compressor on its trailer, or an air conditioner's box on legs."""
    paint, iron = painted(rng, (*BODY, "#e7c21d", "#2c7a53")), metal(rng, IRON)
    long, wide, high = between(rng, 1.2, 2.2), between(rng, 0.8, 1.1), between(rng, 0.7, 1.1)
    shape = Shape()
    if chance(rng, 0.5):
        foot = 0.45
        for y in (-wide * 0.55, wide * 0.55):
            shape.cylinder(0.28, 0.14, (0, y, 0.28), RUBBER, axis="y", sides=12)
        rod(shape, (long / 2, 0, foot), (long / 2 + 0.8, 0, 0.35), 0.035, iron)
        rod(shape, (long / 2 + 0.7, 0, 0.38), (long / 2 + 0.7, 0, 0.0), 0.025, iron)
    else:
        foot = 0.3
        legs(shape, (long, wide), foot, iron)
    shape.box((long, wide, high), (0, 0, foot + high / 2), paint, top_scale=(0.96, 0.94))
    for side in (-1, 1):
        for x in np.linspace(-0.3, 0.3, 4) * long:
            at = (float(x), side * wide * 0.5, foot + high * 0.5)
            shape.box((long * 0.1, 0.03, high * 0.5), at, _DARK)
    return unlabelled(shape)
