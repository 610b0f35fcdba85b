"""What goods are wheeled on: tricycles, food carts, barrows. All head along x."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from datasets.scenes.asset import Part
from datasets.scenes.canopies import covering
from datasets.scenes.goods import steamers
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
from datasets.scenes.vending_solids import (
    Point,
    heap,
    legs,
    open_box,
    rod,
    spoked_wheel,
    wheel,
)

Roof = tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Wheeled:
    """A thing on wheels, and the flat place on it that holds goods.

    Attributes:
        shape: its faces.
        bed: middle of the place for goods, metres.
        bed_size: of that place along x and y.
        roof: its roof, and the posts of that if they are no part of the body; see
            `canopies.covering`.
    """

    shape: Shape
    bed: Point
    bed_size: tuple[float, float]
    roof: Roof = ()


def _steering(shape: Shape, at_x: float, radius: float, paint: Paint, iron: Paint) -> None:
    """Add a front wheel with fork and handlebar, and a saddle behind it."""
    spoked_wheel(shape, radius, (at_x, 0, radius), iron)
    head = (at_x - 0.18, 0.0, 0.88)
    for side in (-0.06, 0.06):
        rod(shape, (at_x, side, radius), (head[0], side, head[2]), 0.02, paint)
    rod(shape, head, (head[0] - 0.04, 0, 1.02), 0.02, iron)
    rod(shape, (head[0] - 0.1, -0.32, 1.04), (head[0] - 0.1, 0.32, 1.04), 0.016, iron)
    rod(shape, head, (at_x - 0.95, 0, 0.5), 0.03, paint)
    rod(shape, (at_x - 0.75, 0, 0.5), (at_x - 0.72, 0, 0.85), 0.02, iron)
    shape.box((0.3, 0.22, 0.08), (at_x - 0.72, 0, 0.88), Paint((0.02, 0.02, 0.02)))
    shape.cylinder(0.09, 0.04, (at_x - 0.55, 0, 0.36), iron, axis="y", sides=8)
    mudguard = rotation(pitch_deg=10)
    shape.box((0.45, 0.09, 0.02), (at_x - 0.1, 0, 2 * radius + 0.06), paint, turn=mudguard)


def cargo_tricycle(rng: np.random.Generator) -> Wheeled:
    """A tricycle with a bed between its two hind wheels; pedals, or a motor and a shield."""
    paint, iron = painted(rng, BODY, roughness=0.4), metal(rng, IRON)
    long, wide = between(rng, 1.2, 1.6), between(rng, 0.85, 1.05)
    bed = (-long / 2 + 0.05, 0.0, 0.55)
    shape = open_box(Shape(), (long, wide, between(rng, 0.16, 0.32)), bed, paint, wall=0.03)
    for side in (-1, 1):
        at = (bed[0] - 0.05, side * (wide / 2 - 0.06), 0.28)
        if chance(rng, 0.5):
            spoked_wheel(shape, 0.28, at, iron)
        else:
            wheel(shape, 0.26, 0.1, at, iron)
        rod(shape, (-long, side * wide * 0.4, 0.5), (0.3, side * 0.1, 0.45), 0.025, paint)
    _steering(shape, 0.98, 0.28, paint, iron)
    if chance(rng, 0.5):
        turn = rotation(pitch_deg=-14)
        shape.box((0.06, 0.55, 0.55), (0.86, 0, 0.72), paint, turn=turn, top_scale=(1.0, 0.7))
        shape.ball((0.07, 0.09, 0.09), (0.94, 0, 0.85), Paint((0.8, 0.8, 0.75)), rings=4, sides=6)
    return Wheeled(shape, (bed[0], 0.0, bed[2] + 0.05), (long - 0.08, wide - 0.08))


def box_tricycle(rng: np.random.Generator) -> Wheeled:
    """A tricycle with its box in front between two wheels, pushed by one wheel behind."""
    paint, iron = painted(rng, (*BODY, *WOOD), roughness=0.5), metal(rng, IRON)
    long, wide = between(rng, 0.95, 1.2), between(rng, 0.75, 0.9)
    bed = (0.55, 0.0, 0.4)
    shape = open_box(Shape(), (long, wide, between(rng, 0.4, 0.55)), bed, paint, wall=0.03)
    for side in (-1, 1):
        spoked_wheel(shape, 0.3, (bed[0], side * (wide / 2 + 0.06), 0.3), iron)
    spoked_wheel(shape, 0.32, (-0.95, 0, 0.32), iron)
    rod(shape, (0.1, 0, 0.45), (-0.95, 0, 0.35), 0.03, paint)
    rod(shape, (-0.95, 0, 0.35), (-0.6, 0, 0.9), 0.02, paint)
    shape.box((0.28, 0.2, 0.07), (-0.62, 0, 0.94), Paint((0.02, 0.02, 0.02)))
    rod(shape, (-0.02, -wide / 2, 1.02), (-0.02, wide / 2, 1.02), 0.02, iron)
    for end in (-0.35, 0.35):
        rod(shape, (0.05, end, 0.7), (-0.02, end, 1.02), 0.02, iron)
    return Wheeled(shape, (bed[0], 0.0, bed[2] + 0.3), (long - 0.08, wide - 0.08))


def kiosk_tricycle(rng: np.random.Generator) -> Wheeled:
    """A motor tricycle with a closed cab and, behind it, a kitchen with its flaps open."""
    paint, other = painted(rng, BODY, roughness=0.4), painted(rng, BRIGHT, roughness=0.4)
    iron = metal(rng, IRON)
    long, wide = between(rng, 1.5, 1.8), between(rng, 1.1, 1.25)
    middle = -long / 2 + 0.1
    shape = Shape().box((long, wide, 0.5), (middle, 0, 0.7), paint)
    roof = between(rng, 1.95, 2.15)
    for x in (middle - long / 2 + 0.04, middle + long / 2 - 0.04):
        for y in (-wide / 2 + 0.04, wide / 2 - 0.04):
            rod(shape, (x, y, 0.9), (x, y, roof), 0.03, paint, sides=4)
    above = Shape().box((long + 0.1, wide + 0.1, 0.08), (middle, 0, roof), other)
    above.box((long, 0.03, 0.22), (middle, -wide / 2 - 0.02, roof - 0.16), other)
    # The flap is held up on the selling side.
    flap = rotation(roll_deg=18)
    above.box((long, 0.6, 0.03), (middle, -wide / 2 - 0.3, roof - 0.02), paint, turn=flap)
    shape.box((long, 0.35, 0.04), (middle, -wide / 2 - 0.17, 0.95), metal(rng))
    cab = [(0.15, 0.35), (0.95, 0.35), (1.05, 0.8), (0.8, 1.6), (0.15, 1.65)]
    shape.prism(cab, wide * 0.85, paint)
    glass = [(0.55, 0.95), (0.95, 0.95), (0.76, 1.5), (0.3, 1.5), (0.3, 0.95)]
    shape.prism(glass, wide * 0.87, GLASS)
    pane = rotation(pitch_deg=-17)
    shape.box((0.03, wide * 0.72, 0.6), (0.93, 0, 1.25), GLASS, turn=pane)
    for at in ((0.9, 0.0), (middle - 0.15, -wide / 2 + 0.08), (middle - 0.15, wide / 2 - 0.08)):
        wheel(shape, 0.26, 0.13, (at[0], at[1], 0.26), iron)
    return Wheeled(shape, (middle, 0.0, 0.95), (long - 0.15, wide - 0.1), (Part("canopy", above),))


def food_cart(rng: np.random.Generator, *, roofed: bool) -> Wheeled:
    """A counter on two wheels with a glass case, with a roof of its own or without."""
    paint, sign = painted(rng, (*BODY, *BRIGHT), roughness=0.4), painted(rng, BRIGHT)
    long, wide = between(rng, 1.3, 1.9), between(rng, 0.65, 0.85)
    top = between(rng, 0.82, 0.92)
    shape = Shape().box((long, wide, top - 0.3), (0, 0, (top + 0.3) / 2), paint)
    shape.box((long * 0.8, 0.02, 0.28), (0, -wide / 2 - 0.01, 0.6), sign)
    shape.box((long + 0.12, wide + 0.12, 0.04), (0, 0, top + 0.02), metal(rng))
    for side in (-1, 1):
        wheel(shape, 0.26, 0.08, (-long * 0.22, side * wide / 2, 0.26), metal(rng))
        rod(
            shape, (-long / 2, side * 0.25, 0.75), (-long / 2 - 0.35, side * 0.25, 0.85), 0.02, sign
        )
    rod(shape, (long * 0.4, 0, 0.3), (long * 0.4, 0, 0), 0.03, metal(rng))
    case = (long * 0.45, wide * 0.5, 0.42)
    _glass_case(shape, rng, case, (long / 2 - case[0] / 2 - 0.03, -wide * 0.22, top + 0.04))
    above: Roof = ()
    if roofed:
        roof = between(rng, 1.95, 2.2)
        posts = Shape()
        for x in (-long / 2 + 0.03, long / 2 - 0.03):
            for y in (-wide / 2 + 0.03, wide / 2 - 0.03):
                rod(posts, (x, y, top), (x, y, roof), 0.02, metal(rng), sides=4)
        sheet = Shape().box((long + 0.4, wide + 0.5, 0.06), (0, 0, roof + 0.03), paint)
        sheet.box((long + 0.4, 0.03, 0.26), (0, -wide / 2 - 0.25, roof - 0.1), sign)
        above = covering(sheet, posts)
    place = (-long * 0.24, 0.0, top + 0.04)
    return Wheeled(shape, place, (long * 0.5, wide * 0.95), above)


def _glass_case(
    shape: Shape, rng: np.random.Generator, size: tuple[float, float, float], foot: Point
) -> None:
    x, y, z = foot
    iron = metal(rng)
    filling = painted(
        rng, ("#b05a1c", "#d89a3a", "#a8341c", "#e6cf9a"), speckle=0.5, speckle_m=0.05
    )
    heap(shape, rng, size=(size[0], size[1], 0.2), centre=(x, y, z + 0.03), paint=filling)
    shape.box((size[0], 0.01, size[2] * 0.5), (x, y - size[1] / 2, z + size[2] * 0.7), CLEAR)
    for along in (-0.5, 0.5):
        for across in (-0.5, 0.5):
            at = (x + along * size[0], y + across * size[1])
            rod(shape, (*at, z), (*at, z + size[2]), 0.015, iron, sides=4)
    shape.box((size[0] + 0.03, size[1] + 0.03, 0.03), (x, y, z + size[2]), iron)


def cooking(rng: np.random.Generator, size: tuple[float, float]) -> Shape:
    """Return pots, a griddle and steamers over a rectangle on z = 0."""
    shape = Shape()
    first = Shape().cylinder(0.2, 0.3, (0, 0, 0.15), metal(rng), sides=12)
    first.cylinder(0.17, 0.02, (0, 0, 0.3), painted(rng, ("#7a3a14", "#c9b28a", "#5a4a3a")))
    second = steamers(rng, 0.22)
    if chance(rng, 0.5):
        second = Shape().box((0.4, 0.36, 0.1), (0, 0, 0.05), metal(rng, IRON))
        food = painted(rng, ("#d8a24a", "#8a4a1c"), speckle=0.5, speckle_m=0.04)
        heap(second, rng, size=(0.36, 0.32, 0.05), centre=(0, 0, 0.1), paint=food, cells=4)
    shape.add(first.moved(-size[0] * 0.25, size[1] * 0.1))
    return shape.add(second.moved(size[0] * 0.25, size[1] * 0.05))


def gas_bottle(rng: np.random.Generator) -> Shape:
    """Return a gas bottle standing on the ground."""
    paint = painted(rng, ("#8e9498", "#b3272b", "#2a5ea8", "#c8c9c4"), roughness=0.4)
    shape = Shape().cylinder(0.16, 0.45, (0, 0, 0.25), paint, sides=12)
    shape.ball((0.16, 0.16, 0.1), (0, 0, 0.47), paint, rings=4, sides=12)
    return shape.cylinder(0.07, 0.1, (0, 0, 0.6), paint.tinted(0.6), sides=6)


def hand_barrow(rng: np.random.Generator) -> Wheeled:
    """A flat barrow on two big wheels with two shafts."""
    wood, iron = painted(rng, (*WOOD, *BODY), speckle=0.2), metal(rng, IRON)
    long, wide = between(rng, 1.3, 1.7), between(rng, 0.75, 0.95)
    top = between(rng, 0.6, 0.75)
    shape = Shape().box((long, wide, 0.06), (0, 0, top), wood)
    for side in (-1, 1):
        shape.box((long, 0.03, 0.14), (0, side * wide / 2, top + 0.08), wood)
        spoked_wheel(shape, 0.34, (0, side * (wide / 2 + 0.06), 0.34), iron)
        rod(shape, (-long / 2, side * 0.3, top), (-long / 2 - 0.6, side * 0.28, 0.85), 0.025, wood)
        rod(shape, (long * 0.42, side * 0.3, 0), (long * 0.42, side * 0.3, top), 0.025, wood)
    return Wheeled(shape, (0.0, 0.0, top + 0.03), (long - 0.06, wide - 0.08))


def tiered_wagon(rng: np.random.Generator) -> tuple[Shape, list[Wheeled]]:
    """A four-wheeled wagon with two steps of shelves; returns it and its shelves."""
    paint, iron = painted(rng, (*BODY, *WOOD)), metal(rng, IRON)
    long, deep = between(rng, 1.4, 1.8), 0.42
    shape = Shape().box((long, 2 * deep, 0.3), (0, 0, 0.35), paint)
    shelves = []
    for step, y in enumerate((-deep / 2, deep / 2)):
        z = 0.52 + 0.35 * step
        shape.box((long, deep, 0.05), (0, y, z), paint.tinted(0.8))
        shape.box((long, 0.03, 0.3), (0, y - deep / 2, z - 0.15), paint)
        shelves.append(Wheeled(shape, (0.0, y, z + 0.025), (long - 0.06, deep - 0.04)))
    for x in (-long * 0.36, long * 0.36):
        for y in (-deep, deep):
            wheel(shape, 0.18, 0.06, (x, y, 0.18), iron)
    rod(shape, (long / 2, 0, 0.35), (long / 2 + 0.6, 0, 0.9), 0.025, iron)
    arch = [(long / 2 * math.cos(a), 0.95 + 0.9 * math.sin(a)) for a in np.linspace(0, math.pi, 9)]
    for (x0, z0), (x1, z1) in pairwise(arch):
        rod(shape, (x0, deep, z0), (x1, deep, z1), 0.02, iron, sides=4)
    return shape, shelves


def barrel_oven(rng: np.random.Generator) -> Wheeled:
    """A roasting drum on a small two-wheeled frame, sweet potatoes on its lid."""
    drum = painted(rng, ("#5a4a3e", "#8a8d90", "#7a2a1c", "#35505a"), speckle=0.3, speckle_m=0.1)
    iron = metal(rng, IRON)
    shape = Shape().cylinder(0.34, 0.75, (0.3, 0, 0.62), drum, sides=14)
    shape.cylinder(0.36, 0.05, (0.3, 0, 1.0), iron, sides=14)
    shape.cylinder(0.06, 0.7, (0.52, 0.15, 1.3), iron, sides=8)
    shape.box((0.8, 0.6, 0.05), (-0.45, 0, 0.75), metal(rng))
    shape.box((0.7, 0.5, 0.4), (-0.45, 0, 0.5), painted(rng, (*PLASTIC, *WOOD)))
    shape.box((1.6, 0.6, 0.06), (-0.05, 0, 0.25), iron)
    for side in (-1, 1):
        wheel(shape, 0.24, 0.07, (0.3, side * 0.4, 0.24), iron)
        rod(shape, (-0.8, side * 0.25, 0.28), (-1.2, side * 0.25, 0.95), 0.022, iron)
    legs_at = legs(Shape(), (0.2, 0.5), 0.25, iron).moved(-0.7)
    shape.add(legs_at)
    for turn in np.linspace(0, 2 * math.pi, 9)[:-1]:
        root = Shape().ball((0.1, 0.045, 0.045), (0, 0, 0), painted(rng, ("#7a3a2a", "#94502c")))
        at = (0.3 + 0.2 * math.cos(turn), 0.2 * math.sin(turn), 1.07)
        shape.add(root.moved(*at, turn=rotation(yaw_deg=between(rng, 0, 180))))
    return Wheeled(shape, (-0.45, 0.0, 0.78), (0.76, 0.55))


def sales_vehicle(rng: np.random.Generator, *, flatbed: bool) -> Wheeled:
    """A pick-up with a double cab, or a small lorry with drop sides let down.

    The bed's floor is at ``bed``; both head along x.
    """
    paint = painted(rng, (*BODY, "#f2f2f0", "#f2f2f0"), roughness=0.3)
    dark = Paint((0.03, 0.03, 0.032))
    return _flatbed(rng, paint, dark) if flatbed else _pickup(rng, paint, dark)


def _pickup(rng: np.random.Generator, paint: Paint, dark: Paint) -> Wheeled:
    long, wide = between(rng, 4.9, 5.3), between(rng, 1.75, 1.9)
    nose, back = long / 2, -long / 2
    bed_long = one_of(rng, (1.5, 1.9, 2.2))
    side = [
        *((back + bed_long, 0.42), (nose, 0.42), (nose + 0.02, 0.75), (nose - 0.15, 0.98)),
        *((nose - 1.25, 1.08), (nose - 1.75, 1.68), (back + bed_long + 0.15, 1.72)),
        (back + bed_long, 1.1),
    ]
    shape = Shape().prism(side, wide, paint)
    glass = [
        *((back + bed_long + 0.25, 1.1), (nose - 1.4, 1.1), (nose - 1.82, 1.6)),
        (back + bed_long + 0.3, 1.62),
    ]
    shape.prism(glass, wide * 1.01, GLASS)
    pane = [(nose - 1.24, 1.1), (nose - 1.21, 1.1), (nose - 1.7, 1.64), (nose - 1.73, 1.64)]
    shape.prism(pane, wide * 0.86, GLASS)
    floor = 0.72
    middle = back + bed_long / 2
    shape.box((bed_long, wide, 0.1), (middle, 0, floor - 0.05), dark)
    shape.box((bed_long, wide * 0.9, 0.3), (middle, 0, 0.5), dark)
    for y in (-1, 1):
        shape.box((bed_long, 0.07, 0.42), (middle, y * (wide / 2 - 0.035), floor + 0.14), paint)
        for x in (nose - 0.85, back + 0.95):
            wheel(shape, 0.36, 0.24, (x, y * (wide / 2 - 0.1), 0.36), metal(rng))
        lamp = (nose - 0.02, y * wide * 0.38, 0.78)
        shape.box((0.08, 0.3, 0.14), lamp, Paint((0.85, 0.85, 0.8), roughness=0.2))
        shape.box((0.04, 0.12, 0.2), (back, y * wide * 0.44, 0.8), Paint((0.5, 0.02, 0.02)))
    shape.box((0.12, wide * 0.95, 0.2), (nose + 0.04, 0, 0.5), dark)
    # The tail gate hangs open: a shelf at the level of the floor.
    shape.box((0.45, wide * 0.9, 0.05), (back - 0.22, 0, floor - 0.03), paint)
    return Wheeled(shape, (middle, 0.0, floor), (bed_long - 0.08, wide - 0.18))


def _flatbed(rng: np.random.Generator, paint: Paint, dark: Paint) -> Wheeled:
    bed_long, wide = between(rng, 3.0, 3.6), between(rng, 1.85, 2.05)
    front = bed_long / 2 + 0.1
    cab = [
        *((front, 0.5), (front + 1.45, 0.5), (front + 1.5, 1.15), (front + 1.25, 2.0)),
        (front, 2.05),
    ]
    shape = Shape().prism(cab, wide * 0.92, paint).moved(-0.7)
    glass = [
        *((front + 0.35, 1.25), (front + 1.3, 1.25), (front + 1.12, 1.85), (front + 0.35, 1.85)),
    ]
    shape.add(Shape().prism(glass, wide * 0.93, GLASS).moved(-0.7))
    pane = [
        *((front + 1.47, 1.25), (front + 1.5, 1.25), (front + 1.32, 1.9), (front + 1.29, 1.9)),
    ]
    shape.add(Shape().prism(pane, wide * 0.8, GLASS).moved(-0.7))
    floor = 0.9
    shape.box((bed_long, wide, 0.12), (-0.7, 0, floor - 0.06), painted(rng, (*WOOD, *IRON)))
    shape.box((bed_long + 1.3, wide * 0.5, 0.2), (-0.1, 0, 0.65), dark)
    for y in (-1, 1):
        turned = (-0.7, y * (wide / 2 + 0.03), floor - 0.24)
        shape.box((bed_long, 0.04, 0.38), turned, paint)
        for x in (front - 0.7 + 0.75, -0.7 - bed_long * 0.28):
            wheel(shape, 0.38, 0.24, (x, y * (wide / 2 - 0.18), 0.38), metal(rng))
    shape.box((0.05, wide, 0.7), (-0.7 + bed_long / 2, 0, floor + 0.35), paint)
    return Wheeled(shape, (-0.7, 0.0, floor), (bed_long - 0.1, wide - 0.06))
