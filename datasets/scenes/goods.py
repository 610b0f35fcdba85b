"""Goods as they are laid out for sale: on a table, on a cloth, in a cart's bed, in crates.

Every layer of goods covers a rectangle around the origin and stands on z = 0.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from datasets.scenes import vending_wares as wares
from datasets.scenes.shape import Paint, Shape, rotation
from datasets.scenes.vending_paints import (
    BRIGHT,
    CARD,
    CLEAR,
    PLASTIC,
    STEAM_WOOD,
    STEEL,
    WOOD,
    between,
    chance,
    metal,
    one_of,
    painted,
)
from datasets.scenes.vending_solids import cells, heap, open_box

FRUIT = (
    ("#c8141c", "#a81a20"),  # apples, tomatoes
    ("#f08c14", "#e67a10"),  # oranges
    ("#f2c81e", "#e3d22c"),  # bananas, lemons, pears
    ("#7a1f4a", "#4b1d52"),  # grapes, plums
    ("#d8324a", "#e8566a"),  # strawberries, dragon fruit
    ("#8cae28", "#6f9a20"),  # limes, guavas
    ("#b0793c", "#8f6a36"),  # kiwis, longans
)
GREENS = ("#2f7a28", "#3f8f2c", "#5aa53a", "#245f2a", "#8fb84a")
ROOTS = ("#e06a18", "#e9e4d2", "#b08a52", "#5a2363", "#c41f1f")

Size = tuple[float, float]
Layer = Callable[[np.random.Generator, Size], Shape]


def lay(rng: np.random.Generator, kind: str, size: Size) -> Shape:
    """Return goods of a kind over a rectangle.

    Args:
        rng: for colours and places.
        kind: one of ``TRAIN_KINDS`` or ``TEST_KINDS``.
        size: of the rectangle along x and y, metres.
    """
    return _LAYERS[kind](rng, size)


def _balls_over(
    shape: Shape,
    rng: np.random.Generator,
    *,
    size: tuple[float, float, float],
    centre: tuple[float, float, float],
    paint: Paint,
    count: int,
) -> None:
    """Scatter fruit over the dome of a heap."""
    radius = between(rng, 0.035, 0.06)
    for _ in range(count):
        u, v = rng.uniform(-0.85, 0.85, 2)
        lift = size[2] * (1 - abs(u) ** 3) * (1 - abs(v) ** 3)
        at = (centre[0] + u * size[0] / 2, centre[1] + v * size[1] / 2, centre[2] + lift)
        shape.ball((radius, radius, radius * 0.9), at, paint, rings=3, sides=5)


def fruit(rng: np.random.Generator, size: Size) -> Shape:
    """Trays of fruit, each heaped with one kind."""
    shape = Shape()
    middles, step = cells(size, (0.42, 0.34))
    box = painted(rng, (*PLASTIC, *CARD, *WOOD))
    balls = max(3, min(14, 110 // len(middles)))
    before = -1
    for x, y in middles:
        kind = int(rng.integers(len(FRUIT)))
        # Sellers do not put the same fruit side by side.
        kind = (kind + 1) % len(FRUIT) if kind == before else kind
        before = kind
        paint = painted(rng, FRUIT[kind], roughness=0.4, speckle=0.35, speckle_m=0.05, relief=0.5)
        tray = (step[0] * 0.95, step[1] * 0.95, 0.1)
        open_box(shape, tray, (x, y, 0.0), box, wall=0.012)
        dome = (tray[0] * 0.95, tray[1] * 0.95, between(rng, 0.1, 0.2))
        heap(shape, rng, size=dome, centre=(x, y, 0.06), paint=paint, cells=5)
        _balls_over(
            shape, rng, size=dome, centre=(x, y, 0.07), paint=paint.tinted(1.1), count=balls
        )
    return shape


def vegetables(rng: np.random.Generator, size: Size) -> Shape:
    """Bundles of greens and heaps of roots."""
    shape = Shape()
    middles, step = cells(size, (0.4, 0.4))
    for x, y in middles:
        if chance(rng, 0.6):
            green = painted(rng, GREENS, speckle=0.4, speckle_m=0.06, relief=0.6)
            stem = painted(rng, ("#dfe6c2", "#b9cf8a"))
            for row in np.linspace(-0.36, 0.36, 4) * step[1]:
                long = step[0] * between(rng, 0.3, 0.42)
                turn = rotation(yaw_deg=between(rng, -12, 12))
                leaf = Shape().ball(
                    (long * 0.6, step[1] * 0.15, 0.07), (long * 0.3, 0, 0), green, rings=4, sides=6
                )
                leaf.ball(
                    (long * 0.5, step[1] * 0.07, 0.04), (-long * 0.4, 0, 0), stem, rings=3, sides=5
                )
                shape.add(leaf.moved(x, y + float(row), 0.06, turn=turn))
        else:
            root = painted(rng, ROOTS, speckle=0.3, speckle_m=0.05, relief=0.6)
            dome = (step[0] * 0.9, step[1] * 0.9, between(rng, 0.1, 0.2))
            heap(shape, rng, size=dome, centre=(x, y, 0.0), paint=root)
            for _ in range(5):
                off = rng.uniform(-0.3, 0.3, 2) * step
                piece = Shape().ball(
                    (0.1, 0.03, 0.03), (0, 0, 0), root.tinted(1.1), rings=4, sides=6
                )
                turn = rotation(yaw_deg=between(rng, 0, 180))
                shape.add(piece.moved(x + off[0], y + off[1], dome[2] * 0.85, turn=turn))
    return shape


def snacks(rng: np.random.Generator, size: Size) -> Shape:
    """Steel trays of food, jars, steamers and packets."""
    shape = Shape()
    middles, step = cells(size, (0.36, 0.36))
    food = ("#c4762a", "#8f4a1a", "#e2b04a", "#b0381c", "#e8d9b0", "#4a7a2a")
    for x, y in middles:
        form = one_of(rng, ("tray", "tray", "jars", "steamer", "packets"))
        if form == "tray":
            flat = (step[0] * 0.9, step[1] * 0.9, 0.07)
            open_box(shape, flat, (x, y, 0.0), metal(rng), wall=0.01)
            paint = painted(rng, food, speckle=0.5, speckle_m=0.04, relief=0.5)
            dome = (flat[0] * 0.9, flat[1] * 0.9, 0.08)
            heap(shape, rng, size=dome, centre=(x, y, 0.03), paint=paint, cells=4)
        elif form == "jars":
            for side in (-0.25, 0.25):
                at = (x + side * step[0], y)
                high = between(rng, 0.16, 0.26)
                shape.cylinder(0.07, high, (*at, high / 2), painted(rng, food), sides=8)
                shape.cylinder(0.074, 0.03, (*at, high), painted(rng, BRIGHT), sides=8)
        elif form == "steamer":
            shape.add(steamers(rng, min(step) * 0.45).moved(x, y))
        else:
            for _ in range(5):
                off = rng.uniform(-0.3, 0.3, 2) * step
                turn = rotation(yaw_deg=between(rng, 0, 90), pitch_deg=between(rng, -20, 20))
                packet = (0.16, 0.11, 0.05)
                middle = (x + float(off[0]), y + float(off[1]), 0.05)
                shape.box(packet, middle, painted(rng, BRIGHT, roughness=0.25), turn=turn)
    return shape


def steamers(rng: np.random.Generator, radius: float) -> Shape:
    """A stack of bamboo steamers with a domed lid."""
    shape = Shape()
    high = 0.0
    for _ in range(int(rng.integers(2, 5))):
        paint = painted(rng, STEAM_WOOD, speckle=0.2)
        shape.cylinder(radius, 0.1, (0, 0, high + 0.05), paint, sides=12)
        shape.cylinder(radius * 1.04, 0.02, (0, 0, high + 0.09), paint.tinted(0.6), sides=12)
        high += 0.1
    lid = painted(rng, STEAM_WOOD)
    return shape.cylinder(radius, 0.05, (0, 0, high + 0.025), lid, sides=12, end_radius=0.05)


def melons(rng: np.random.Generator, size: Size) -> Shape:
    """A pile of big melons, pumpkins or cabbages."""
    shape = Shape()
    green = painted(
        rng, ("#2c5a22", "#6f9a38", "#d8b83a", "#d0762a", "#9fc070"), speckle=0.5, speckle_m=0.08
    )
    floor = (size[0], size[1], 0.18)
    heap(shape, rng, size=floor, centre=(0, 0, 0), paint=green.tinted(0.6), cells=5)
    radius = between(rng, 0.1, 0.14)
    count = int(min(46, 1.5 * size[0] * size[1] / (2 * radius) ** 2))
    for _ in range(count):
        u, v = rng.uniform(-1, 1, 2)
        lift = 0.18 * (1 - abs(u) ** 3) * (1 - abs(v) ** 3)
        at = (u * (size[0] / 2 - radius), v * (size[1] / 2 - radius), radius + lift)
        tint = one_of(rng, (0.8, 1.0, 1.2))
        shape.ball((radius * 1.1, radius, radius), at, green.tinted(tint), rings=4, sides=7)
    return shape


def flowers(rng: np.random.Generator, size: Size) -> Shape:
    """Buckets of cut flowers."""
    shape = Shape()
    middles, step = cells(size, (0.32, 0.32))
    for x, y in middles:
        radius = min(step) * 0.36
        bucket = painted(rng, (*PLASTIC, *STEEL))
        shape.cylinder(radius * 0.8, 0.26, (x, y, 0.13), bucket, sides=8, end_radius=radius)
        leaf = painted(rng, GREENS, speckle=0.4, speckle_m=0.06, relief=0.7)
        shape.ball((radius * 1.1, radius * 1.1, 0.2), (x, y, 0.36), leaf, rings=4, sides=7)
        bloom = painted(rng, ("#d81e3c", "#f3d23a", "#f4eef2", "#e85fa0", "#8a3fb8", "#f28a2a"))
        for _ in range(9):
            u, v = rng.uniform(-1, 1, 2) * radius * 1.1
            at = (x + float(u), y + float(v), 0.5 + between(rng, -0.08, 0.1))
            shape.ball((0.055, 0.055, 0.045), at, bloom, rings=3, sides=5)
    return shape


def drinks(rng: np.random.Generator, size: Size) -> Shape:
    """Bottles and cans in rows, a cool box among them."""
    shape = Shape()
    middles, step = cells(size, (0.14, 0.14))
    kinds = [painted(rng, BRIGHT, roughness=0.2) for _ in range(4)]
    for index, (x, y) in enumerate(middles[:90]):
        paint = kinds[index // 4 % len(kinds)]
        high = between(rng, 0.16, 0.2)
        shape.cylinder(min(step) * 0.34, high, (x, y, high / 2), paint, sides=6)
        shape.cylinder(0.018, 0.06, (x, y, high + 0.03), CLEAR, sides=4)
    long, wide = min(0.5, size[0] * 0.4), size[1] * 0.7
    at = (-size[0] / 2 + long / 2, 0.0)
    shape.box((long, wide, 0.32), (*at, 0.16), painted(rng, PLASTIC, roughness=0.4))
    return shape.box((long * 1.04, wide * 1.04, 0.05), (*at, 0.34), painted(rng, ("#f0efea",)))


def crate(rng: np.random.Generator, kind: str) -> Shape:
    """Return a crate, carton or basket on the ground, full of goods; about 0.5 by 0.35 m."""
    shape = Shape()
    form = one_of(rng, ("crate", "crate", "carton", "basket"))
    colours = FRUIT[int(rng.integers(len(FRUIT)))] if kind == "fruit" else (*GREENS, *ROOTS)
    filling = painted(rng, colours, roughness=0.5, speckle=0.4, speckle_m=0.06, relief=0.6)
    if form == "basket":
        weave = painted(rng, (*STEAM_WOOD, *WOOD), speckle=0.3, speckle_m=0.03)
        shape.cylinder(0.19, 0.26, (0, 0, 0.13), weave, sides=12, end_radius=0.25)
        dome = (0.23, 0.23, between(rng, 0.08, 0.16))
        shape.ball(dome, (0, 0, 0.25), filling, rings=5, sides=10)
    else:
        high = between(rng, 0.22, 0.32)
        wall = painted(rng, PLASTIC if form == "crate" else CARD)
        open_box(shape, (0.52, 0.36, high), (0, 0, 0), wall)
        dome_size = (0.49, 0.33, between(rng, 0.06, 0.16))
        heap(shape, rng, size=dome_size, centre=(0, 0, high - 0.05), paint=filling, cells=5)
        _balls_over(shape, rng, size=dome_size, centre=(0, 0, high - 0.04), paint=filling, count=8)
    return shape


_LAYERS: dict[str, Layer] = {
    "fruit": fruit,
    "vegetables": vegetables,
    "folded_clothes": wares.folded_clothes,
    "toys": wares.toys,
    "phone_cases": wares.phone_cases,
    "shoes": wares.shoes,
    "snacks": snacks,
    "melons": melons,
    "flowers": flowers,
    "books": wares.books,
    "handbags": wares.handbags,
    "hats": wares.hats,
    "drinks": drinks,
}
TRAIN_KINDS = (
    "fruit",
    "vegetables",
    "folded_clothes",
    "toys",
    "phone_cases",
    "shoes",
    "snacks",
    "melons",
)
TEST_KINDS = ("flowers", "books", "handbags", "hats", "drinks")
