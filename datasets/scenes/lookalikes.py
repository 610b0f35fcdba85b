"""Street things that a detector takes for vending and must not.

Their parts carry no label, but for people, canopies without goods, and parked tricycles.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from datasets.scenes.asset import Asset, Part
from datasets.scenes.lookalike_fronts import folding_board, free_things, machines, shop_window
from datasets.scenes.lookalike_kerbside import (
    big_bags,
    bottle_bank,
    generator,
    guide_posts,
    parcel_locker,
    paving,
    skip,
    toilet_cabin,
    warning_sign,
    works_barrow,
)
from datasets.scenes.lookalike_places import (
    bare_parasol,
    bare_umbrella,
    bench,
    bus_stop,
    cafe_round,
    cafe_square,
    empty_tent,
    guard_booth,
    phone_booth,
    someone,
    unlabelled,
)
from datasets.scenes.shape import Paint, Shape, rotation
from datasets.scenes.vending_carts import box_tricycle, cargo_tricycle
from datasets.scenes.vending_paints import (
    BODY,
    BRIGHT,
    CARD,
    CLOTH,
    GLASS,
    IRON,
    PLASTIC,
    RUBBER,
    STONE,
    WOOD,
    between,
    chance,
    favouring,
    metal,
    one_of,
    painted,
)
from datasets.scenes.vending_solids import heap, open_box, rod, wheel

Build = Callable[[np.random.Generator], list[Part]]


def lookalike(rng: np.random.Generator, *, design: str) -> Asset:
    """Return one thing, or a group of its kind, around its origin.

    Args:
        rng: for colours, measures and number.
        design: one of ``TRAIN_DESIGNS`` or ``TEST_DESIGNS``.
    """
    return Asset("lookalike", design, tuple(_BUILDERS[design](rng)))


def _cartons(rng: np.random.Generator, size: tuple[float, float], layers: int) -> Shape:
    """Return closed boxes stacked over a rectangle."""
    shape, z = Shape(), 0.0
    for layer in range(layers):
        high = between(rng, 0.22, 0.4)
        count = max(1, round(size[0] / 0.45))
        for x in (np.arange(count) + 0.5) / count * size[0] - size[0] / 2:
            if layer and chance(rng, 0.3):
                continue
            box = (
                size[0] / count * between(rng, 0.8, 0.97),
                size[1] * between(rng, 0.7, 0.97),
                high,
            )
            turn = rotation(yaw_deg=between(rng, -5, 5))
            paint = painted(rng, (*CARD, *CARD, "#e9e9e6"))
            shape.box(box, (float(x), 0, z + high / 2), paint, turn=turn)
            tape = (box[0] * 0.98, 0.06, 0.005)
            shape.box(tape, (float(x), 0, z + high + 0.003), paint.tinted(1.3), turn=turn)
        z += high
    return shape


def _trolley(rng: np.random.Generator) -> list[Part]:
    long, wide = between(rng, 0.9, 1.3), between(rng, 0.6, 0.75)
    iron = metal(rng)
    shape = Shape().box((long, wide, 0.04), (0, 0, 0.2), painted(rng, (*BODY, *IRON)))
    for x in (-long * 0.4, long * 0.4):
        for y in (-wide * 0.4, wide * 0.4):
            wheel(shape, 0.09, 0.04, (x, y, 0.09), iron)
    for y in (-wide * 0.45, wide * 0.45):
        rod(shape, (-long / 2, y, 0.2), (-long / 2 - 0.08, y, 1.0), 0.018, iron)
    rod(
        shape,
        (-long / 2 - 0.08, -wide * 0.45, 1.0),
        (-long / 2 - 0.08, wide * 0.45, 1.0),
        0.018,
        iron,
    )
    shape.add(_cartons(rng, (long * 0.9, wide * 0.9), int(rng.integers(1, 4))).moved(0, 0, 0.22))
    parts = unlabelled(shape)
    if chance(rng, 0.6):
        parts += someone(rng, one_of(rng, ("walking", "standing")), (-long / 2 - 0.45, 0, 0))
    return parts


def _sack_truck(rng: np.random.Generator) -> list[Part]:
    iron = metal(rng, (*BODY, *IRON))
    load = _cartons(rng, (0.5, 0.5), int(rng.integers(2, 5))).moved(0.25, 0, 0.03)
    for y in (-0.2, 0.2):
        rod(load, (-0.03, y, 0.02), (-0.03, y, 1.25), 0.02, iron)
        wheel(load, 0.13, 0.06, (-0.1, y * 1.3, 0.13), iron)
    load.box((0.3, 0.45, 0.02), (0.12, 0, 0.02), iron)
    rod(load, (-0.03, -0.2, 1.25), (-0.03, 0.2, 1.25), 0.02, iron)
    leaned = load.moved(0, 0, 0.08, turn=rotation(pitch_deg=-18))
    return unlabelled(leaned) + someone(rng, "pushing", (-0.85, 0, 0))


def _wheelie_bins(rng: np.random.Generator) -> list[Part]:
    shape = Shape()
    count = int(rng.integers(1, 5))
    for index in range(count):
        paint = painted(rng, ("#2f5d34", "#2b2d33", "#27508f", "#7d5b2a", "#c6a01e", "#6b7079"))
        bin_ = Shape().box((0.46, 0.42, 0.9), (0, 0, 0.5), paint)
        bin_.box((0.58, 0.54, 0.06), (0.02, 0, 0.98), paint.tinted(0.8), turn=rotation(pitch_deg=5))
        for y in (-0.22, 0.22):
            wheel(bin_, 0.1, 0.05, (-0.22, y, 0.1), RUBBER)
        x = (index - (count - 1) / 2) * 0.64
        shape.add(
            bin_.moved(between(rng, -0.05, 0.05), x, turn=rotation(yaw_deg=between(rng, -8, 8)))
        )
    return unlabelled(shape)


def _round_bin(rng: np.random.Generator) -> list[Part]:
    shape = Shape()
    for index in range(int(rng.integers(1, 3))):
        paint = painted(rng, (*IRON, *BODY))
        at = (0.7 * index, 0.0)
        shape.cylinder(0.24, 0.85, (*at, 0.43), paint, sides=12, end_radius=0.28)
        shape.cylinder(0.3, 0.08, (*at, 0.88), paint.tinted(0.7), sides=12)
        shape.cylinder(0.17, 0.02, (*at, 0.925), Paint((0.01, 0.01, 0.01)), sides=10)
        if chance(rng, 0.4):
            bag = painted(rng, ("#17181c", "#e9e9e6", "#3f6fa8"))
            shape.ball((0.26, 0.24, 0.22), (at[0], 0.5, 0.2), bag, rings=5, sides=8)
    return unlabelled(shape)


def _container(rng: np.random.Generator) -> list[Part]:
    paint = painted(rng, ("#2f5d34", "#6b7079", "#27508f", "#c8602a"))
    long = between(rng, 1.4, 2.2)
    shape = Shape().box((1.0, long, 0.9), (0, 0, 0.65), paint.tinted(0.8), top_scale=(1.12, 1.05))
    shape.box((1.15, long * 1.07, 0.06), (0, 0, 1.13), paint.tinted(0.7))
    lid = rotation(pitch_deg=between(rng, -18, 0))
    shape.box((1.1, long * 1.05, 0.08), (0, 0, 1.25), paint, turn=lid)
    for x in (-0.4, 0.4):
        for y in (-long * 0.42, long * 0.42):
            wheel(shape, 0.12, 0.07, (x, y, 0.12), RUBBER)
    if chance(rng, 0.5):
        shape.add(_cartons(rng, (0.6, 0.4), 1).moved(0.2, long / 2 + 0.5))
    return unlabelled(shape)


def _planter(rng: np.random.Generator) -> list[Part]:
    paint = painted(rng, (*STONE, *WOOD), speckle=0.2)
    shape = Shape()
    count, boxy = int(rng.integers(1, 4)), chance(rng, 0.6)
    leaf = painted(rng, ("#2f5a28", "#3f6a2c", "#56753a"), speckle=0.5, speckle_m=0.08, relief=0.9)
    for index in range(count):
        x = (index - (count - 1) / 2) * 1.35
        size = (1.1, 0.5, 0.5) if boxy else (0.7, 0.7, 0.5)
        if boxy:
            open_box(shape, size, (x, 0, 0), paint, wall=0.05)
        else:
            shape.cylinder(0.28, 0.5, (x, 0, 0.25), paint, sides=12, end_radius=0.38)
        heap(shape, rng, size=(size[0] * 0.9, size[1] * 0.9, 0.12), centre=(x, 0, 0.42), paint=leaf)
        for _ in range(9):
            off = rng.uniform(-0.36, 0.36, 2) * size[:2]
            bush = between(rng, 0.12, 0.22)
            at = (x + float(off[0]), float(off[1]), 0.5 + between(rng, 0.0, 0.25))
            shape.ball((bush, bush, bush), at, leaf, rings=5, sides=7)
        if chance(rng, 0.4):
            bloom = painted(rng, ("#d81e3c", "#f3d23a", "#e85fa0", "#f4eef2"))
            for _ in range(10):
                off = rng.uniform(-0.4, 0.4, 2) * size[:2]
                at = (x + float(off[0]), float(off[1]), between(rng, 0.7, 0.85))
                shape.ball((0.04, 0.04, 0.04), at, bloom, rings=3, sides=5)
    return unlabelled(shape)


def _newspaper_boxes(rng: np.random.Generator) -> list[Part]:
    shape = Shape()
    count = int(rng.integers(1, 4))
    for index in range(count):
        paint = painted(rng, BRIGHT, roughness=0.4)
        x = (index - (count - 1) / 2) * 0.55
        shape.box((0.46, 0.4, 0.75), (x, 0, 0.75), paint)
        shape.box((0.38, 0.02, 0.4), (x, -0.205, 0.85), GLASS)
        shape.box((0.46, 0.42, 0.12), (x, 0, 1.15), paint.tinted(0.8), top_scale=(0.9, 0.5))
        shape.box((0.3, 0.3, 0.38), (x, 0, 0.19), metal(rng, IRON))
    return unlabelled(shape)


def _barriers(rng: np.random.Generator) -> list[Part]:
    shape = Shape()
    count = int(rng.integers(1, 4))
    water_filled = chance(rng, 0.5)
    hues = one_of(rng, (("#c8202a", "#f0efe9"), ("#e2671c", "#f0efe9"), ("#e7c21d", "#17181c")))
    paints = [painted(rng, (hue,)) for hue in hues]
    for index in range(count):
        turn = rotation(yaw_deg=between(rng, -10, 10))
        piece = Shape()
        if water_filled:
            piece.box((1.2, 0.42, 0.8), (0, 0, 0.4), paints[index % 2], top_scale=(0.95, 0.45))
        else:
            for stripe in range(6):
                piece.box((0.25, 0.03, 0.2), (-0.625 + 0.25 * stripe, 0, 0.85), paints[stripe % 2])
            for x in (-0.6, 0.6):
                rod(piece, (x, -0.25, 0), (x, 0, 0.95), 0.02, metal(rng), sides=4)
                rod(piece, (x, 0.25, 0), (x, 0, 0.95), 0.02, metal(rng), sides=4)
            piece.box((1.4, 0.03, 0.12), (0, 0, 0.45), paints[0])
        shape.add(piece.moved((index - (count - 1) / 2) * 1.5, between(rng, -0.1, 0.1), turn=turn))
    return unlabelled(shape)


def _cones(rng: np.random.Generator) -> list[Part]:
    shape = Shape()
    orange, white = painted(rng, ("#e2541c", "#d8361c")), painted(rng, ("#f0efe9",))
    count = int(rng.integers(2, 6))
    for index in range(count):
        at = ((index - (count - 1) / 2) * between(rng, 0.7, 1.2), between(rng, -0.3, 0.3))
        shape.box((0.38, 0.38, 0.04), (*at, 0.02), Paint((0.02, 0.02, 0.02)))
        shape.cylinder(0.14, 0.3, (*at, 0.19), orange, sides=10, end_radius=0.1)
        shape.cylinder(0.1, 0.18, (*at, 0.43), white, sides=10, end_radius=0.065)
        shape.cylinder(0.065, 0.2, (*at, 0.62), orange, sides=10, end_radius=0.025)
    return unlabelled(shape)


def _parked_tricycle(rng: np.random.Generator) -> list[Part]:
    return [Part("two_wheeler", cargo_tricycle(rng).shape)]


def _parked_box_tricycle(rng: np.random.Generator) -> list[Part]:
    return [Part("two_wheeler", box_tricycle(rng).shape)]


def _stacked_boxes(rng: np.random.Generator) -> list[Part]:
    shape = _cartons(rng, (between(rng, 0.9, 2.0), 0.5), int(rng.integers(2, 5)))
    if chance(rng, 0.5):
        for z in range(int(rng.integers(2, 6))):
            at = (between(rng, -0.02, 0.02) - 1.35, 0, 0.14 + 0.28 * z)
            shape.box((0.5, 0.36, 0.26), at, painted(rng, PLASTIC))
    parts = unlabelled(shape)
    if chance(rng, 0.35):
        parts += someone(rng, one_of(rng, ("bending", "standing")), (0.2, -0.8, 90))
    return parts


def _board(rng: np.random.Generator) -> list[Part]:
    paint, text = painted(rng, (*CLOTH, "#2b2d33")), painted(rng, ("#f0efe9", "#f0c020"))
    shape = Shape()
    if chance(rng, 0.5):
        for side in (-1, 1):
            turn = rotation(roll_deg=side * 14)
            shape.box((0.65, 0.03, 1.05), (0, side * 0.15, 0.515), paint, turn=turn)
            for z in (0.35, 0.55, 0.75):
                at = (0, side * (0.19 - (z - 0.515) * 0.25), z)
                shape.box((0.45, 0.02, 0.07), at, text, turn=turn)
    else:
        long, high = between(rng, 1.0, 1.6), between(rng, 1.8, 2.4)
        shape.box((long, 0.16, high - 0.3), (0, 0, high / 2 + 0.15), metal(rng, IRON))
        for side in (-1, 1):
            shape.box((long - 0.15, 0.01, high - 0.5), (0, side * 0.085, high / 2 + 0.15), paint)
            for z in (0.45, 0.6, 0.75):
                shape.box((long * 0.6, 0.01, 0.1), (0, side * 0.095, z * high), text)
        shape.box((long * 0.7, 0.3, 0.3), (0, 0, 0.15), metal(rng, IRON))
    return unlabelled(shape)


def _cabinet(rng: np.random.Generator) -> list[Part]:
    paint = painted(rng, ("#9aa095", "#7f8a80", "#c9ccc4", "#4f6a4a", "#8e9498"), speckle=0.08)
    long, deep, high = between(rng, 0.7, 1.6), between(rng, 0.35, 0.55), between(rng, 1.0, 1.6)
    shape = Shape().box((long + 0.1, deep + 0.1, 0.15), (0, 0, 0.075), painted(rng, STONE))
    shape.box((long, deep, high), (0, 0, 0.15 + high / 2), paint)
    shape.box((long + 0.06, deep + 0.06, 0.06), (0, 0, high + 0.18), paint.tinted(0.85))
    shape.box(
        (0.015, 0.01, high * 0.95), (0, -deep / 2, 0.15 + high / 2), Paint((0.02, 0.02, 0.02))
    )
    shape.box((0.14, 0.01, 0.14), (long * 0.2, -deep / 2 - 0.004, high), painted(rng, ("#e7c21d",)))
    return unlabelled(shape)


def _cable_drum(rng: np.random.Generator) -> list[Part]:
    wood = painted(rng, WOOD, speckle=0.25, speckle_m=0.15)
    radius, wide = between(rng, 0.5, 0.95), between(rng, 0.6, 0.9)
    shape = Shape()
    for side in (-1, 1):
        shape.cylinder(radius, 0.06, (0, side * wide / 2, radius), wood, axis="y", sides=18)
    cable = painted(rng, ("#17181c", "#c8602a", "#27508f"), speckle=0.3, speckle_m=0.03)
    shape.cylinder(radius * between(rng, 0.5, 0.85), wide, (0, 0, radius), cable, axis="y")
    return unlabelled(shape)


def _stroller(rng: np.random.Generator) -> list[Part]:
    cloth, iron = painted(rng, CLOTH, roughness=0.9), metal(rng, IRON)
    shape = Shape()
    for x in (-0.35, 0.35):
        for y in (-0.25, 0.25):
            wheel(shape, 0.12, 0.04, (x, y, 0.12), iron)
            rod(shape, (x, y, 0.12), (-x * 0.6, y, 0.85), 0.015, iron, sides=4)
    for y in (-0.25, 0.25):
        rod(shape, (-0.25, y, 0.8), (-0.55, y, 1.02), 0.015, iron, sides=4)
    rod(shape, (-0.55, -0.25, 1.02), (-0.55, 0.25, 1.02), 0.018, iron)
    shape.box((0.75, 0.42, 0.25), (0.05, 0, 0.6), cloth, top_scale=(1.05, 1.0))
    shape.cylinder(0.3, 0.42, (-0.15, 0, 0.74), cloth.tinted(0.8), axis="y", sides=12)
    return unlabelled(shape) + someone(rng, "pushing", (-1.0, 0, 0))


_BUILDERS: dict[str, Build] = {
    "bus_stop": bus_stop,
    "cafe_round": cafe_round,
    "trolley": _trolley,
    "wheelie_bins": _wheelie_bins,
    "umbrella": bare_umbrella,
    "empty_tent": empty_tent,
    "bench": bench,
    "planter": _planter,
    "newspaper_boxes": _newspaper_boxes,
    "barriers": _barriers,
    "parked_tricycle": _parked_tricycle,
    "stacked_boxes": _stacked_boxes,
    "board": _board,
    "cabinet": _cabinet,
    "round_bin": _round_bin,
    "shop_window": shop_window,
    "folding_board": folding_board,
    "machines": machines,
    "free_things": free_things,
    "bottle_bank": bottle_bank,
    "skip": skip,
    "big_bags": big_bags,
    "paving": paving,
    "guide_posts": guide_posts,
    "warning_sign": warning_sign,
    "parcel_locker": parcel_locker,
    "toilet_cabin": toilet_cabin,
    "works_barrow": works_barrow,
    "generator": generator,
    "cafe_square": cafe_square,
    "sack_truck": _sack_truck,
    "container": _container,
    "parasol": bare_parasol,
    "cones": _cones,
    "parked_box_tricycle": _parked_box_tricycle,
    "phone_booth": phone_booth,
    "cable_drum": _cable_drum,
    "stroller": _stroller,
    "guard_booth": guard_booth,
}
_TRAIN_COUNT = 29
TRAIN_DESIGNS = tuple(_BUILDERS)[:_TRAIN_COUNT]
TEST_DESIGNS = tuple(_BUILDERS)[_TRAIN_COUNT:]
_FRONTS = ("shop_window", "folding_board", "machines", "free_things")
_FRONTS_SHARE = 0.4


def draw_design(rng: np.random.Generator, designs: Sequence[str]) -> str:
    """Return one of the designs, more often one of those that differ most from each other."""
    return favouring(rng, designs, _FRONTS, _FRONTS_SHARE)
