"""Carts and stalls put together at random from parts, like no design in particular.

A network that has seen a dozen designs knows these. Who sells in the street builds with what there
is; here, too, nearly everything is left to chance: how long, how high, on what wheels, with what on
top, under what roof, in what colours, and what is sold.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from datasets.scenes import goods
from datasets.scenes.canopies import covering
from datasets.scenes.shape import Shape, rotation
from datasets.scenes.vending_carts import Roof, cooking
from datasets.scenes.vending_paints import (
    BODY,
    BRIGHT,
    CANOPY,
    CARD,
    CLEAR,
    CLOTH,
    IRON,
    PLASTIC,
    STEEL,
    STRAW,
    WOOD,
    between,
    chance,
    metal,
    one_of,
    painted,
)
from datasets.scenes.vending_setup import crates, goods_on, table
from datasets.scenes.vending_solids import Point, cells, heap, legs, open_box, rod, spoked_wheel
from datasets.scenes.vending_solids import wheel as solid_wheel
from datasets.scenes.vending_wares import clothes_rail

_ANY = (*BODY, *BRIGHT, *WOOD, *PLASTIC, *STEEL, *IRON)
_GOODS = ("fruit", "vegetables", "snacks", "toys", "shoes", "folded_clothes", "phone_cases")

Size = tuple[float, float]


def assorted(rng: np.random.Generator, size: Size) -> Shape:
    """Return things of no kind in particular over a rectangle on z = 0: lumps, packets, jars."""
    shape = Shape()
    grain = between(rng, 0.08, 0.3)
    middles, step = cells(size, (grain, grain * between(rng, 0.7, 1.4)))
    palette = one_of(rng, (BRIGHT, CLOTH, PLASTIC, CARD, STRAW, (*BRIGHT, *CARD)))
    colours = [painted(rng, palette, roughness=between(rng, 0.3, 0.9)) for _ in range(4)]
    tall, full = between(rng, 0.3, 1.8), between(rng, 0.6, 1.0)
    form = one_of(rng, ("lump", "packet", "jar", "any"))
    for x, y in middles:
        if not chance(rng, full):
            continue
        paint = one_of(rng, colours)
        wide, deep = step[0] * between(rng, 0.3, 0.47), step[1] * between(rng, 0.3, 0.47)
        high = min(0.5, grain * tall * between(rng, 0.6, 1.3))
        each = one_of(rng, ("lump", "packet", "jar")) if form == "any" else form
        if each == "lump":
            shape.ball((wide, deep, high / 2), (x, y, high / 2), paint, rings=4, sides=7)
        elif each == "packet":
            turn = rotation(yaw_deg=between(rng, -20, 20))
            shape.box((1.8 * wide, 1.8 * deep, high), (x, y, high / 2), paint, turn=turn)
        else:
            shape.cylinder(min(wide, deep), high, (x, y, high / 2), paint, sides=8)
    return shape


def _wares(rng: np.random.Generator, size: Size, at: Point) -> Shape:
    """Return goods over a rectangle: of a known kind, of none, a heap, or a kitchen."""
    how = rng.random()
    if how < 0.4:
        return goods_on(rng, _GOODS, size, at)
    if how < 0.75:
        return assorted(rng, size).moved(*at)
    if how < 0.9 or min(size) < 0.45:
        food = painted(rng, (*BRIGHT, *STRAW, *CARD), speckle=0.4, speckle_m=0.06)
        high = between(rng, 0.06, 0.3)
        return heap(Shape(), rng, size=(*size, high), centre=at, paint=food, cells=6)
    return cooking(rng, size).moved(*at)


def free_cart(rng: np.random.Generator) -> tuple[Shape, Roof, Size]:
    """Return a cart with what it carries, its roof, and the rectangle on the ground; along x."""
    long, wide = between(rng, 0.8, 2.3), between(rng, 0.5, 1.25)
    deck = between(rng, 0.35, 0.95)
    body, other, iron = painted(rng, _ANY), painted(rng, _ANY), metal(rng, IRON)
    shape = Shape().box((long, wide, 0.06), (0, 0, deck - 0.03), body)
    if chance(rng, 0.55):
        low = deck * between(rng, 0.2, 0.6)
        shape.box(
            (long * between(rng, 0.7, 1.0), wide * 0.94, deck - low), (0, 0, (deck + low) / 2), body
        )
        if chance(rng, 0.5):
            front = (long * between(rng, 0.4, 0.9), 0.02, (deck - low) * between(rng, 0.3, 0.8))
            shape.box(front, (0, -wide * 0.48, (deck + low) / 2), other)
    else:
        legs(shape, (long, wide), deck, iron)
        if chance(rng, 0.5):
            shelf = deck * between(rng, 0.3, 0.5)
            shape.box((long, wide, 0.03), (0, 0, shelf), other)
            shape.add(assorted(rng, (long * 0.9, wide * 0.8)).moved(0, 0, shelf))
    _wheels(rng, shape, long, wide, deck)
    _drawn_by(rng, shape, long, wide, deck)
    top = _ON_TOP[int(rng.choice(len(_ON_TOP), p=_TOP_SHARES))]
    roof = top(rng, shape, (long, wide), deck)
    return shape, roof, (long + 0.8, wide)


def _wheels(rng: np.random.Generator, shape: Shape, long: float, wide: float, deck: float) -> None:
    iron = metal(rng, IRON)
    radius = min(between(rng, 0.07, 0.38), deck * 0.9)
    spoked = radius > 0.22 and chance(rng, 0.5)
    out = wide / 2 + (0.05 if radius > 0.2 else -0.08)
    # Two under the middle, one pair at an end, or two pairs.
    at = one_of(rng, ((0.0,), (-0.35,), (-0.38, 0.38), (-0.4, 0.4)))
    for x in at:
        for side in (-1, 1):
            if spoked:
                spoked_wheel(shape, radius, (x * long, side * out, radius), iron)
            else:
                solid_wheel(
                    shape, radius, max(0.04, radius * 0.3), (x * long, side * out, radius), iron
                )
    if len(at) == 1:
        for side in (-1, 1):
            foot = (long * 0.45 * (-1 if at[0] == 0.0 else 1), side * wide * 0.35)
            rod(shape, (*foot, 0.0), (*foot, deck), 0.025, iron, sides=4)


def _drawn_by(
    rng: np.random.Generator, shape: Shape, long: float, wide: float, deck: float
) -> None:
    """Add what moves it: a bar, shafts, half a bicycle before or behind it, or nothing."""
    iron, paint = metal(rng, IRON), painted(rng, BODY)
    end = long / 2
    how = rng.random()
    if how < 0.35:
        high, reach = deck + between(rng, 0.0, 0.25), between(rng, 0.15, 0.4)
        rod(shape, (end + reach, -wide * 0.4, high), (end + reach, wide * 0.4, high), 0.02, iron)
        for side in (-1, 1):
            rod(
                shape,
                (end, side * wide * 0.4, deck),
                (end + reach, side * wide * 0.4, high),
                0.02,
                iron,
            )
    elif how < 0.55:
        for side in (-1, 1):
            tip = (end + between(rng, 0.5, 1.0), side * wide * 0.3, between(rng, 0.3, 1.0))
            rod(shape, (end, side * wide * 0.35, deck), tip, 0.025, paint)
    elif how < 0.9:
        way, radius = one_of(rng, (-1, 1)), between(rng, 0.24, 0.34)
        far = way * (end + between(rng, 0.75, 1.05))
        saddle = way * (end + 0.35)
        if chance(rng, 0.6):
            spoked_wheel(shape, radius, (far, 0, radius), iron)
        else:
            solid_wheel(shape, radius, 0.1, (far, 0, radius), iron)
            shape.box((0.6, 0.3, 0.25), (saddle, 0, 0.62), paint)
        rod(shape, (way * end, 0, deck * 0.8), (far, 0, radius + 0.05), 0.03, paint)
        rod(shape, (saddle, 0, deck * 0.8), (saddle, 0, 0.85), 0.025, iron)
        shape.box((0.3, 0.22, 0.08), (saddle, 0, 0.88), painted(rng, IRON))
        bar = far - way * 0.2 if chance(rng, 0.7) else way * (end + 0.05)
        rod(shape, (bar, 0, 0.6), (bar, 0, 1.0), 0.02, iron)
        rod(shape, (bar, -0.3, 1.02), (bar, 0.3, 1.02), 0.018, iron)


def _open_top(rng: np.random.Generator, shape: Shape, size: Size, deck: float) -> Roof:
    board = between(rng, 0.0, 0.35)
    inner = (size[0] * 0.96, size[1] * 0.94)
    if board > 0.08:
        open_box(shape, (*size, board), (0, 0, deck), painted(rng, _ANY), wall=0.03)
    shape.add(_wares(rng, inner, (0, 0, deck + board * between(rng, 0.4, 1.0))))
    return _roof(rng, size, deck) if chance(rng, 0.3) else ()


def _stepped_top(rng: np.random.Generator, shape: Shape, size: Size, deck: float) -> Roof:
    steps = int(rng.integers(2, 4))
    deep, rise = size[1] / steps, between(rng, 0.12, 0.35)
    paint = painted(rng, _ANY)
    for step in range(steps):
        y, high = -size[1] / 2 + (step + 0.5) * deep, 0.02 + step * rise
        shape.box((size[0], deep, high), (0, y, deck + high / 2), paint)
        shape.add(_wares(rng, (size[0] * 0.95, deep * 0.9), (0, y, deck + high)))
    return _roof(rng, size, deck + steps * rise) if chance(rng, 0.3) else ()


def _cased_top(rng: np.random.Generator, shape: Shape, size: Size, deck: float) -> Roof:
    high = between(rng, 0.35, 0.8)
    long = size[0] * between(rng, 0.5, 1.0)
    x = (size[0] - long) / 2 * one_of(rng, (-1, 1))
    shape.add(_wares(rng, (long * 0.9, size[1] * 0.85), (x, 0, deck)))
    frame = metal(rng)
    for dx in (-0.5, 0.5):
        for dy in (-0.5, 0.5):
            post = (x + dx * (long - 0.04), dy * (size[1] - 0.04))
            rod(shape, (*post, deck), (*post, deck + high), 0.018, frame, sides=4)
    # One looks in below the panes, as through glass that mirrors the sky in its upper part.
    pane = high * between(rng, 0.2, 0.5)
    shape.box((long, 0.01, pane), (x, -size[1] / 2, deck + high - pane / 2), CLEAR)
    shape.box((long, 0.01, pane), (x, size[1] / 2, deck + high - pane / 2), CLEAR)
    shape.box((long + 0.05, size[1] + 0.05, 0.04), (x, 0, deck + high), painted(rng, _ANY))
    if chance(rng, 0.5):
        sign = (long, 0.03, between(rng, 0.15, 0.4))
        shape.box(sign, (x, -size[1] / 2, deck + high + sign[2] / 2), painted(rng, BRIGHT))
    return ()


def _cooking_top(rng: np.random.Generator, shape: Shape, size: Size, deck: float) -> Roof:
    rim = painted(rng, (*STEEL, *IRON))
    count = int(rng.integers(1, 4))
    for number in range(count):
        x = ((number + 0.5) / count - 0.5) * size[0]
        radius = min(size[0] / count, size[1]) * between(rng, 0.25, 0.46)
        high = between(rng, 0.08, 0.55)
        shape.cylinder(radius, high, (x, 0, deck + high / 2), rim, sides=12)
        food = painted(rng, (*STRAW, "#7a3a14", "#c9b28a", "#2a1512"), speckle=0.3, speckle_m=0.05)
        shape.cylinder(radius * 0.9, 0.02, (x, 0, deck + high), food, sides=12)
    if chance(rng, 0.4):
        shape.add(assorted(rng, (size[0] * 0.5, size[1] * 0.3)).moved(0, -size[1] * 0.3, deck))
    return _roof(rng, size, deck + 0.3) if chance(rng, 0.5) else ()


def _piled_top(rng: np.random.Generator, shape: Shape, size: Size, deck: float) -> Roof:
    """Pile boxes, sacks and baskets, the higher the fewer."""
    z = deck
    for layer in range(int(rng.integers(1, 4))):
        share = 1.0 - 0.22 * layer
        high = between(rng, 0.18, 0.35)
        middles, step = cells((size[0] * share, size[1] * share), (0.45, 0.4))
        for x, y in middles:
            if chance(rng, 0.9 - 0.2 * layer):
                paint = painted(rng, (*CARD, *PLASTIC, *STRAW))
                box = (step[0] * 0.9, step[1] * 0.88, high * between(rng, 0.7, 1.0))
                shape.box(
                    box, (x, y, z + box[2] / 2), paint, turn=rotation(yaw_deg=between(rng, -6, 6))
                )
        z += high * 0.9
    shape.add(_wares(rng, (size[0] * 0.5, size[1] * 0.5), (0, 0, z)))
    return ()


_ON_TOP: tuple[Callable[[np.random.Generator, Shape, Size, float], Roof], ...] = (
    _open_top, _stepped_top, _cased_top, _cooking_top, _piled_top,
)  # fmt: skip
_TOP_SHARES = (0.3, 0.15, 0.25, 0.2, 0.1)


def _roof(rng: np.random.Generator, size: Size, above: float) -> Roof:
    """Return a roof on posts: flat, sloping, or in two slopes."""
    high = max(above + 0.5, between(rng, 1.6, 2.2))
    paint, iron = painted(rng, (*CANOPY, *BODY), roughness=0.8), metal(rng, IRON)
    over = (size[0] + between(rng, 0.0, 0.4), size[1] + between(rng, 0.0, 0.5))
    sides = one_of(rng, ((-1, 1), (-1, 1), (1,)))
    roof, posts = Shape(), Shape()
    for dx in (-0.48, 0.48):
        for dy in sides:
            post = (dx * size[0], dy * 0.46 * size[1])
            rod(posts, (*post, 0.3), (*post, high), 0.02, iron, sides=4)
    how = rng.random()
    if how < 0.45:
        roof.box((*over, between(rng, 0.03, 0.12)), (0, 0, high), paint)
    elif how < 0.75:
        turn = rotation(roll_deg=between(rng, -18, 18))
        roof.box((*over, 0.04), (0, 0, high), paint, turn=turn)
    else:
        slope = between(rng, 12, 28)
        for side in (-1, 1):
            half = (over[0], over[1] / 2 / math.cos(math.radians(slope)), 0.04)
            turn = rotation(roll_deg=-side * slope)
            roof.box(half, (0, side * over[1] / 4, high), paint, turn=turn)
    if chance(rng, 0.35):
        drop = between(rng, 0.1, 0.35)
        roof.box((over[0], 0.02, drop), (0, -over[1] / 2, high - drop / 2), painted(rng, BRIGHT))
    return covering(roof, posts)


def free_stall(rng: np.random.Generator) -> tuple[Shape, Size]:
    """Return goods set out side by side without wheels, and the rectangle they take.

    Customers are at -y.
    """
    stall = Shape()
    x = deepest = gap = 0.0
    for _ in range(int(rng.integers(1, 4))):
        size = (between(rng, 0.6, 1.8), between(rng, 0.4, 1.2))
        piece = one_of(rng, _PIECES)(rng, size)
        turn = rotation(yaw_deg=between(rng, -15, 15) if chance(rng, 0.8) else 90)
        stall.add(piece.moved(x + size[0] / 2, between(rng, -0.2, 0.3), turn=turn))
        gap = between(rng, -0.05, 0.6)
        x += size[0] + gap
        deepest = max(deepest, size[1])
    return stall.moved(-(x - gap) / 2), (x - gap, deepest + 0.4)


def _on_table(rng: np.random.Generator, size: Size) -> Shape:
    high = between(rng, 0.4, 0.95)
    return table(rng, size, high).add(_wares(rng, size, (0, 0, high)))


def _on_ground(rng: np.random.Generator, size: Size) -> Shape:
    cloth = painted(rng, (*CLOTH, *CARD, *PLASTIC), roughness=0.95, speckle=0.15, speckle_m=0.4)
    shape = Shape().box((*size, 0.02), (0, 0, 0.01), cloth)
    inner = (size[0] * between(rng, 0.6, 0.97), size[1] * between(rng, 0.6, 0.95))
    return shape.add(_wares(rng, inner, (0, 0, 0.02)))


def _on_crates(rng: np.random.Generator, size: Size) -> Shape:
    kind = one_of(rng, ("fruit", "vegetables"))
    return crates(rng, max(1, round(size[0] / 0.55)), span=size[0], y=0.0, kind=kind)


def _on_shelves(rng: np.random.Generator, size: Size) -> Shape:
    """Return a rack of shelves one above the other, seen into from the front."""
    deep, high = min(size[1], 0.5), between(rng, 0.9, 1.9)
    paint = painted(rng, (*WOOD, *STEEL, *PLASTIC))
    shape = legs(Shape(), (size[0], deep), high, metal(rng))
    for z in np.linspace(0.15, high, int(rng.integers(2, 5))):
        shape.box((size[0], deep, 0.03), (0, 0, float(z)), paint)
        shape.add(assorted(rng, (size[0] * 0.95, deep * 0.9)).moved(0, 0, float(z) + 0.015))
    return shape


def _in_tubs(rng: np.random.Generator, size: Size) -> Shape:
    """Return tubs, buckets and baskets that stand side by side, filled."""
    shape = Shape()
    middles, step = cells(size, (0.45, 0.45))
    for x, y in middles:
        radius, high = min(step) * between(rng, 0.35, 0.48), between(rng, 0.15, 0.6)
        tub = painted(rng, (*PLASTIC, *STRAW, *STEEL))
        shape.cylinder(radius * 0.85, high, (x, y, high / 2), tub, sides=10, end_radius=radius)
        fill = painted(rng, (*BRIGHT, *STRAW, *CARD), speckle=0.4, speckle_m=0.05)
        shape.ball((radius * 0.9, radius * 0.9, 0.1), (x, y, high), fill, rings=4, sides=9)
    return shape


def _on_rail(rng: np.random.Generator, size: Size) -> Shape:
    return clothes_rail(rng, size[0])


def _on_blocks(rng: np.random.Generator, size: Size) -> Shape:
    """Return a board over boxes, with goods and a back wall that things hang on, or none."""
    high = between(rng, 0.25, 0.7)
    shape = Shape().box((*size, 0.04), (0, 0, high), painted(rng, _ANY))
    for side in (-0.35, 0.35):
        block = (size[0] * 0.22, size[1] * 0.8, high)
        shape.box(block, (side * size[0], 0, high / 2), painted(rng, (*CARD, *PLASTIC)))
    shape.add(_wares(rng, (size[0] * 0.96, size[1] * 0.9), (0, 0, high + 0.02)))
    if chance(rng, 0.4):
        tall = between(rng, 0.5, 1.2)
        shape.box((size[0], 0.03, tall), (0, size[1] / 2, high + tall / 2), painted(rng, _ANY))
        middles, step = cells((size[0] * 0.95, tall * 0.9), (0.2, 0.25))
        for x, z in middles:
            hung = (step[0] * 0.7, 0.04, step[1] * 0.75)
            at = (x, size[1] / 2 - 0.04, high + tall / 2 + z)
            shape.box(hung, at, painted(rng, (*BRIGHT, *CLOTH)))
    return shape


def _in_bed(rng: np.random.Generator, size: Size) -> Shape:
    """Return a heap of large things on the ground: melons, cabbages, sacks."""
    pile = goods.lay(rng, "melons", size) if chance(rng, 0.5) else assorted(rng, size)
    under = painted(rng, (*STRAW, *CARD, *CLOTH))
    return Shape().box((*size, 0.05), (0, 0, 0.025), under).add(pile.moved(0, 0, 0.05))


_PIECES: tuple[Callable[[np.random.Generator, Size], Shape], ...] = (
    _on_table, _on_table, _on_ground, _on_ground, _on_crates, _on_shelves, _in_tubs, _on_rail,
    _on_blocks, _in_bed,
)  # fmt: skip
