"""More of what goods are wheeled on: glass trolleys, loaded bicycles, motor tricycles, grills.

All head along x, as in :mod:`vending_carts`.
"""

from __future__ import annotations

import math

import numpy as np

from datasets.scenes.canopies import covering
from datasets.scenes.shape import Paint, Shape, rotation
from datasets.scenes.vending_carts import Roof, Wheeled
from datasets.scenes.vending_paints import (
    BODY,
    BRIGHT,
    CANOPY,
    CLEAR,
    IRON,
    PLASTIC,
    between,
    chance,
    metal,
    painted,
)
from datasets.scenes.vending_solids import heap, open_box, rod, spoked_wheel, wheel

_BLACK = Paint((0.02, 0.02, 0.02))


def glass_trolley(rng: np.random.Generator) -> Wheeled:
    """A trolley on four small wheels, glass all round above its counter, under a flat lid.

    Its bed is the floor behind the glass.
    """
    paint, sign, iron = painted(rng, (*BODY, *BRIGHT)), painted(rng, BRIGHT), metal(rng)
    long, wide = between(rng, 1.0, 1.6), between(rng, 0.55, 0.8)
    top, lid = between(rng, 0.7, 0.9), between(rng, 1.3, 1.65)
    shape = Shape().box((long, wide, top - 0.2), (0, 0, (top + 0.2) / 2), paint)
    shape.box((long * 0.9, 0.02, (top - 0.2) * 0.5), (0, -wide / 2 - 0.01, top * 0.6), sign)
    for x in (-long / 2 + 0.03, long / 2 - 0.03):
        for y in (-wide / 2 + 0.03, wide / 2 - 0.03):
            rod(shape, (x, y, top), (x, y, lid), 0.018, iron, sides=4)
            wheel(shape, 0.1, 0.05, (x * 0.85, y * 0.9, 0.1), iron)
    # Of the glass only the upper half shows; below it one sees what is sold.
    pane = (lid - top) * 0.35
    shape.box((long, 0.01, pane), (0, -wide / 2 + 0.02, lid - pane / 2), CLEAR)
    for side in (-1, 1):
        shape.box((0.01, wide, pane), (side * long / 2, 0, lid - pane / 2), CLEAR)
    shape.box((long + 0.06, wide + 0.06, 0.05), (0, 0, lid), (paint, iron)[chance(rng, 0.5)])
    if chance(rng, 0.6):
        shape.box((long, 0.04, 0.3), (0, -wide / 2, lid + 0.17), sign)
    rod(shape, (-long / 2 - 0.25, -wide / 3, top), (-long / 2 - 0.25, wide / 3, top), 0.018, iron)
    for y in (-wide / 3, wide / 3):
        rod(shape, (-long / 2, y, top - 0.05), (-long / 2 - 0.25, y, top), 0.015, iron)
    return Wheeled(shape, (0.0, 0.0, top), (long - 0.1, wide - 0.1))


def loaded_bicycle(rng: np.random.Generator) -> Wheeled:
    """A bicycle on its stand with a box over its hind wheel, and baskets at its sides or not."""
    paint, iron = painted(rng, (*BODY, *IRON), roughness=0.4), metal(rng, IRON)
    case = painted(rng, ("#f0efe9", "#e8e6df", *PLASTIC))
    shape = Shape()
    for x in (-0.55, 0.55):
        spoked_wheel(shape, 0.33, (x, 0, 0.33), iron)
    for start, end in (
        ((-0.55, 0, 0.33), (-0.1, 0, 0.33)),
        ((-0.1, 0, 0.33), (-0.25, 0, 0.85)),
        ((-0.1, 0, 0.33), (0.4, 0, 0.8)),
        ((0.55, 0, 0.33), (0.38, 0, 1.0)),
        ((-0.22, 0, 0.75), (0.4, 0, 0.8)),
    ):
        rod(shape, start, end, 0.022, paint)
    rod(shape, (0.36, -0.28, 1.02), (0.36, 0.28, 1.02), 0.015, iron)
    shape.box((0.26, 0.16, 0.07), (-0.26, 0, 0.9), _BLACK)
    high, wide = between(rng, 0.35, 0.6), between(rng, 0.5, 0.7)
    long = between(rng, 0.55, 0.75)
    open_box(shape, (long, wide, high), (-0.7, 0, 0.7), case, wall=0.03)
    if chance(rng, 0.6):
        for side in (-1, 1):
            basket = (-0.6, side * 0.3, 0.35)
            open_box(shape, (0.5, 0.28, 0.3), basket, painted(rng, PLASTIC), wall=0.02)
    for side in (-1, 1):
        rod(shape, (-0.5, side * 0.05, 0.4), (-0.5, side * 0.22, 0.0), 0.015, iron)
    return Wheeled(shape, (-0.7, 0.0, 0.7 + high - 0.12), (long - 0.06, wide - 0.06))


def motor_tricycle(rng: np.random.Generator) -> Wheeled:
    """A motor tricycle with a large flat bed behind its rider's seat; some have a cloth roof."""
    paint, iron = painted(rng, BODY, roughness=0.35), metal(rng, IRON)
    long, wide = between(rng, 1.5, 2.0), between(rng, 1.0, 1.25)
    middle, floor = -long / 2 + 0.1, between(rng, 0.6, 0.72)
    shape = Shape().box((long, wide, 0.06), (middle, 0, floor), iron)
    board = between(rng, 0.2, 0.38)
    for side in (-1, 1):
        shape.box((long, 0.03, board), (middle, side * wide / 2, floor + board / 2), paint)
        wheel(shape, 0.25, 0.14, (middle - long * 0.15, side * (wide / 2 - 0.1), 0.25), iron)
        rod(shape, (-long, side * 0.3, 0.45), (1.0, side * 0.08, 0.45), 0.035, iron)
    shape.box((0.03, wide, board), (middle + long / 2, 0, floor + board / 2), paint)
    # The rider's seat, the front wheel with its mudguard, the shield before the knees.
    shape.box((0.55, 0.34, 0.3), (0.4, 0, 0.62), paint)
    shape.box((0.6, 0.36, 0.1), (0.4, 0, 0.82), _BLACK)
    wheel(shape, 0.27, 0.11, (1.35, 0, 0.27), iron)
    shape.box((0.5, 0.16, 0.05), (1.35, 0, 0.58), paint)
    lean = rotation(pitch_deg=-20)
    shape.box((0.05, 0.62, 0.6), (1.05, 0, 0.8), paint, turn=lean, top_scale=(1.0, 0.7))
    shape.ball((0.09, 0.12, 0.1), (1.2, 0, 0.95), Paint((0.8, 0.8, 0.75)), rings=4, sides=8)
    rod(shape, (1.0, -0.38, 1.08), (1.0, 0.38, 1.08), 0.018, iron)
    above: Roof = ()
    if chance(rng, 0.4):
        roof = between(rng, 1.85, 2.1)
        cloth, posts = painted(rng, CANOPY, roughness=0.8), Shape()
        for x in (middle - long / 2 + 0.04, 0.9):
            for y in (-wide / 2 + 0.04, wide / 2 - 0.04):
                rod(posts, (x, y, floor), (x, y, roof), 0.02, iron, sides=4)
        over = 0.9 - (middle - long / 2)
        front = (0.9 + middle - long / 2) / 2
        sheet = Shape().box((over + 0.1, wide + 0.1, 0.05), (front, 0, roof), cloth)
        above = covering(sheet, posts)
    return Wheeled(shape, (middle, 0.0, floor + 0.03), (long - 0.08, wide - 0.08), above)


def grill_cart(rng: np.random.Generator) -> Wheeled:
    """A long trough of coals on a wheeled frame under a hood with a pipe; skewers lie over it."""
    steel, iron = metal(rng), metal(rng, IRON)
    long, wide = between(rng, 1.4, 2.0), between(rng, 0.4, 0.55)
    top = between(rng, 0.8, 0.9)
    shape = open_box(Shape(), (long, wide, 0.2), (0, 0, top - 0.2), steel, wall=0.02)
    coals = painted(rng, ("#2a1512", "#3a1a10", "#1c1a1a"), speckle=0.6, speckle_m=0.05)
    heap(shape, rng, size=(long - 0.1, wide - 0.08, 0.08), centre=(0, 0, top - 0.1), paint=coals)
    meat = painted(rng, ("#7a3216", "#9a5a24", "#5a2410"), speckle=0.3, speckle_m=0.03)
    for x in np.arange(-long / 2 + 0.12, long / 2 - 0.1, 0.07):
        if chance(rng, 0.75):
            shape.box((0.035, wide * 0.7, 0.03), (float(x), between(rng, -0.04, 0.04), top), meat)
    shelf = painted(rng, (*BODY, *IRON))
    shape.box((long, wide, 0.05), (0, 0, 0.35), shelf)
    shape.box((long * 0.5, wide * 0.8, 0.3), (long * 0.15, 0, 0.52), painted(rng, PLASTIC))
    for x in (-long / 2 + 0.05, long / 2 - 0.05):
        for y in (-wide / 2 + 0.03, wide / 2 - 0.03):
            rod(shape, (x, y, 0.16), (x, y, top - 0.1), 0.02, iron, sides=4)
            wheel(shape, 0.12, 0.05, (x, y, 0.12), iron)
    if chance(rng, 0.6):
        hood = between(rng, 1.7, 1.95)
        back = wide / 2
        for x in (-long / 2 + 0.05, long / 2 - 0.05):
            rod(shape, (x, back, top), (x, back, hood), 0.018, iron, sides=4)
        shape.box((long, wide * 1.1, 0.3), (0, 0, hood), steel, top_scale=(0.8, 0.4))
        shape.cylinder(0.09, 0.5, (0, 0, hood + 0.35), steel, sides=10)
    handle = (-long / 2 - 0.3, 0.0, top)
    for y in (-wide / 3, wide / 3):
        rod(shape, (-long / 2, y, top - 0.1), (handle[0], y, handle[2]), 0.016, iron)
    return Wheeled(shape, (-long * 0.32, 0.0, top + 0.02), (long * 0.25, wide))


def hanging_rack(rng: np.random.Generator) -> Shape:
    """An upright grid on feet, hung with small packets in rows: phone cases, socks, toys."""
    iron = metal(rng, IRON)
    long, high = between(rng, 1.0, 1.8), between(rng, 1.4, 1.9)
    shape = Shape()
    for x in (-long / 2, long / 2):
        rod(shape, (x, 0, 0), (x, 0, high), 0.02, iron, sides=4)
        rod(shape, (x, -0.3, 0.02), (x, 0.3, 0.02), 0.02, iron, sides=4)
    sides = (-1,) if chance(rng, 0.5) else (-1, 1)
    for z in np.arange(0.45, high, between(rng, 0.2, 0.3)):
        rod(shape, (-long / 2, 0, float(z)), (long / 2, 0, float(z)), 0.01, iron, sides=3)
        for x in np.arange(-long / 2 + 0.08, long / 2, between(rng, 0.12, 0.18)):
            for side in sides:
                if chance(rng, 0.85):
                    size = (0.09, 0.03, between(rng, 0.1, 0.18))
                    at = (float(x), side * 0.04, float(z) - size[2] / 2)
                    shape.box(size, at, painted(rng, BRIGHT))
    return shape


def pots_on_stools(rng: np.random.Generator) -> Shape:
    """A low table with soup pots and bowls, stools for guests around it: one stall."""
    long, wide = between(rng, 0.9, 1.4), between(rng, 0.6, 0.8)
    high = between(rng, 0.45, 0.6)
    shape = Shape().box((long, wide, 0.05), (0, 0, high), painted(rng, (*PLASTIC, "#e9e9e6")))
    for x in (-long / 2 + 0.08, long / 2 - 0.08):
        for y in (-wide / 2 + 0.08, wide / 2 - 0.08):
            rod(shape, (x, y, 0), (x, y, high), 0.025, metal(rng), sides=4)
    for number in range(int(rng.integers(2, 4))):
        x = (number - 1) * long * 0.3
        radius = between(rng, 0.14, 0.22)
        shape.cylinder(radius, 0.3, (x, 0.1, high + 0.17), metal(rng), sides=12)
        soup = painted(rng, ("#7a3a14", "#c9b28a", "#a8341c"))
        shape.cylinder(radius * 0.85, 0.02, (x, 0.1, high + 0.32), soup, sides=12)
    for _ in range(int(rng.integers(3, 8))):
        at = (between(rng, -0.45, 0.45) * long, between(rng, -0.45, -0.1) * wide, high + 0.06)
        shape.cylinder(0.05, 0.07, at, painted(rng, BRIGHT), end_radius=0.08, sides=8)
    stool = painted(rng, PLASTIC)
    for turn in np.linspace(math.pi, 2 * math.pi, int(rng.integers(3, 6))):
        x, y = (long / 2 + 0.3) * math.cos(turn), (wide / 2 + 0.35) * math.sin(turn)
        shape.cylinder(0.17, 0.28, (x, y, 0.14), stool, end_radius=0.13, sides=8)
    return shape
