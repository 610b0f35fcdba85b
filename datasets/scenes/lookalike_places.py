"""Places where people stay and nobody sells: stops, terraces, benches, booths, bare canopies."""

from __future__ import annotations

import math

import numpy as np

from datasets.scenes import canopies, people
from datasets.scenes.asset import Asset, Part
from datasets.scenes.shape import Paint, Shape, rotation
from datasets.scenes.vending_paints import (
    BODY,
    BRIGHT,
    CLEAR,
    GLASS,
    IRON,
    PLASTIC,
    WOOD,
    between,
    chance,
    metal,
    one_of,
    painted,
)
from datasets.scenes.vending_solids import legs, rod


def unlabelled(shape: Shape) -> list[Part]:
    """Return a shape as the one part of a thing without a label."""
    return [Part(None, shape)]


def someone(rng: np.random.Generator, design: str, at: tuple[float, float, float]) -> list[Part]:
    """Put a person at x, y, looking along an angle in degrees."""
    x, y, yaw = at
    return list(people.person(rng, design=design).placed(x, y, yaw_deg=yaw).parts)


def _bench_shape(rng: np.random.Generator, long: float) -> Shape:
    wood, iron = painted(rng, (*WOOD, *IRON), speckle=0.15), metal(rng, IRON)
    shape = Shape()
    for y in (-0.15, 0.0, 0.15):
        shape.box((long, 0.11, 0.04), (0, y, 0.45), wood)
    lean = rotation(roll_deg=-12)
    for z in (0.62, 0.78):
        shape.box((long, 0.03, 0.11), (0, 0.25 + (z - 0.6) * 0.2, z), wood, turn=lean)
    for x in (-long * 0.4, long * 0.4):
        shape.box((0.05, 0.42, 0.45), (x, 0, 0.22), iron, top_scale=(1, 0.9))
        rod(shape, (x, 0.2, 0.45), (x, 0.32, 0.85), 0.02, iron, sides=4)
    return shape


def bus_stop(rng: np.random.Generator) -> list[Part]:
    """A bus stop: shelter, bench, advertisement, people who wait."""
    long, deep, high = between(rng, 3.0, 4.5), between(rng, 1.2, 1.6), between(rng, 2.3, 2.6)
    frame, advert = metal(rng, (*IRON, "#9a9da1")), painted(rng, BRIGHT)
    shape = Shape().box((long + 0.2, deep + 0.3, 0.1), (0, 0, high), frame)
    for x in (-long / 2, 0, long / 2):
        rod(shape, (x, deep / 2, 0), (x, deep / 2, high), 0.05, frame, sides=4)
    for x in (-long / 4, long / 4):
        shape.box((long / 2 - 0.1, 0.03, 1.6), (x, deep / 2, 1.2), CLEAR)
    shape.box((0.12, deep * 0.8, 1.8), (long / 2, 0, 1.1), frame)
    shape.box((0.14, deep * 0.7, 1.5), (long / 2, 0, 1.15), advert)
    shape.box((long * 0.6, 0.35, 0.06), (-0.3, deep / 2 - 0.3, 0.46), metal(rng))
    for x in (-0.3 - long * 0.25, -0.3 + long * 0.25):
        shape.box((0.06, 0.3, 0.45), (x, deep / 2 - 0.3, 0.22), frame)
    parts = unlabelled(shape)
    for _ in range(int(rng.integers(0, 4))):
        at = (between(rng, -0.45, 0.45) * long, between(rng, -0.5, 0.0) * deep, -90.0)
        parts += someone(rng, one_of(rng, ("standing", "standing", "walking")), at)
    return parts


def _cafe_table(rng: np.random.Generator, paint: Paint, *, round_top: bool) -> Shape:
    shape = Shape()
    if round_top:
        shape.cylinder(0.38, 0.03, (0, 0, 0.74), paint, sides=14)
    else:
        shape.box((0.75, 0.75, 0.03), (0, 0, 0.74), paint)
    rod(shape, (0, 0, 0), (0, 0, 0.74), 0.03, metal(rng, IRON))
    shape.cylinder(0.22, 0.03, (0, 0, 0.02), metal(rng, IRON), sides=10)
    if chance(rng, 0.5):
        shape.cylinder(0.035, 0.11, (0.1, 0.1, 0.81), painted(rng, ("#f0efea", *BRIGHT)), sides=6)
    return shape


def _chair(paint: Paint) -> Shape:
    """Return a chair that looks along x."""
    shape = legs(Shape(), (0.42, 0.42), 0.45, paint, radius=0.015)
    shape.box((0.42, 0.42, 0.03), (0, 0, 0.46), paint)
    return shape.box((0.03, 0.42, 0.36), (-0.2, 0, 0.7), paint, turn=rotation(pitch_deg=-8))


def _terrace(rng: np.random.Generator, kinds: tuple[str, ...], *, round_top: bool) -> list[Part]:
    top = painted(rng, (*WOOD, "#e9e9e6", "#2b2d33"))
    seat = painted(rng, (*WOOD, *IRON, *PLASTIC))
    tables = one_of(rng, (2, 3, 4))
    furniture, parts = Shape(), []
    for index in range(tables):
        x, y = (index % 2 - 0.5) * 2.6, (index // 2 - 0.5) * 2.6 if tables > 2 else 0.0
        furniture.add(_cafe_table(rng, top, round_top=round_top).moved(x, y))
        first = between(rng, 0, 90)
        for place in range(one_of(rng, (2, 3, 4))):
            angle = math.radians(first + 90 * place)
            off = (x + 0.68 * math.cos(angle), y + 0.68 * math.sin(angle))
            facing = math.degrees(angle) + 180
            if chance(rng, 0.3):
                parts += someone(rng, "sitting", (*off, facing))
            else:
                furniture.add(_chair(seat).moved(*off, turn=rotation(yaw_deg=facing)))
        if chance(rng, 0.6):
            over = canopies.canopy(rng, one_of(rng, kinds), (2.3, 2.3))
            parts += [Part(part.label, part.shape.moved(x, y)) for part in over]
    return unlabelled(furniture) + parts


def cafe_round(rng: np.random.Generator) -> list[Part]:
    """A café terrace with round tables, some under round umbrellas."""
    return _terrace(rng, ("umbrella",), round_top=True)


def cafe_square(rng: np.random.Generator) -> list[Part]:
    """A café terrace with square tables, some under square parasols."""
    return _terrace(rng, ("side_parasol",), round_top=False)


def bare_umbrella(rng: np.random.Generator) -> list[Part]:
    """A market umbrella over nothing."""
    return list(canopies.canopy(rng, "umbrella", (between(rng, 2.0, 3.0),) * 2))


def empty_tent(rng: np.random.Generator) -> list[Part]:
    """A tent, awning or tarpaulin over nothing."""
    size = (between(rng, 2.4, 3.2), between(rng, 2.4, 3.0))
    kind = one_of(rng, ("square_tent", "striped_awning", "tarpaulin"))
    parts = list(canopies.canopy(rng, kind, size))
    if chance(rng, 0.4):
        parts += someone(rng, "standing", (between(rng, -0.8, 0.8), 0.3, between(rng, 0, 360)))
    return parts


def bare_parasol(rng: np.random.Generator) -> list[Part]:
    """A hanging parasol or a ridge tent over nothing."""
    kind = one_of(rng, ("side_parasol", "gable_tent"))
    return list(canopies.canopy(rng, kind, (between(rng, 2.2, 3.0), between(rng, 2.2, 2.8))))


def bench(rng: np.random.Generator) -> list[Part]:
    """A bench, someone on it at times."""
    parts = unlabelled(_bench_shape(rng, between(rng, 1.4, 2.0)))
    if chance(rng, 0.4):
        seated = people.person(rng, design="sitting")
        # The bench is the seat: the stool stays away.
        sitter = Asset("person", "sitting", seated.parts[:1])
        parts += sitter.placed(between(rng, -0.4, 0.4), -0.05, yaw_deg=-90).parts
    return parts


def guard_booth(rng: np.random.Generator) -> list[Part]:
    """A booth with windows and a shelf."""
    paint = painted(rng, (*BODY, "#e9e9e6"))
    shape = Shape().box((1.6, 1.4, 2.3), (0, 0, 1.15), paint)
    shape.box((1.8, 1.6, 0.12), (0, 0, 2.36), paint.tinted(0.7))
    shape.box((1.1, 0.02, 0.8), (0, -0.7, 1.4), GLASS)
    shape.box((0.02, 0.9, 0.8), (0.8, 0, 1.4), GLASS)
    return unlabelled(shape.box((1.2, 0.25, 0.04), (0, -0.8, 0.98), metal(rng)))


def phone_booth(rng: np.random.Generator) -> list[Part]:
    """A phone booth."""
    paint = painted(rng, ("#b3202a", "#27508f", "#9da2a8", "#e0a31a"))
    shape = Shape().box((0.95, 0.95, 0.2), (0, 0, 2.3), paint)
    for x in (-0.44, 0.44):
        for y in (-0.44, 0.44):
            shape.box((0.08, 0.08, 2.2), (x, y, 1.1), paint)
    for side in (-1, 1):
        shape.box((0.8, 0.02, 1.7), (0, side * 0.44, 1.25), CLEAR)
    shape.box((0.02, 0.8, 1.7), (-0.44, 0, 1.25), CLEAR)
    shape.box((0.3, 0.3, 0.6), (-0.25, 0, 1.3), metal(rng, IRON))
    return unlabelled(shape)
