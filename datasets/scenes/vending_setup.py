"""What a vending spot is set up from: tables, laid goods, crates, lamps, canopy, seller, customers.

A spot is sold from along x: customers stand on -y, the seller on +y.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from datasets.scenes import canopies, goods, people
from datasets.scenes.asset import Part
from datasets.scenes.shape import Shape, rotation
from datasets.scenes.vending_carts import Wheeled
from datasets.scenes.vending_paints import (
    CARD,
    CLOTH,
    PLASTIC,
    WOOD,
    between,
    chance,
    lamp_glow,
    metal,
    one_of,
    painted,
)
from datasets.scenes.vending_solids import Point, legs, rod

_CUSTOMERS = ("standing", "standing", "walking", "bending")
_TEST_CUSTOMERS = ("handing", "handing", "carrying", "stooping")


def put(parts: Sequence[Part], x: float, y: float, yaw_deg: float = 0.0) -> list[Part]:
    """Return parts turned about the spot's middle, then moved."""
    turn = rotation(yaw_deg=yaw_deg)
    return [Part(part.label, part.shape.moved(x, y, turn=turn)) for part in parts]


def folk_around(
    rng: np.random.Generator, *, span: float, front: float, back: float, sellers: Sequence[str]
) -> list[Part]:
    """Put a seller behind (+y) and some customers before the goods (-y).

    Args:
        rng: for who stands where.
        span: length of the goods along x.
        front: where the goods end on the customers' side.
        back: where they end on the seller's side.
        sellers: poses the seller may take.
    """
    tested = sellers[0] in people.TEST_DESIGNS
    parts: list[Part] = []
    if chance(rng, 0.75):
        seller = people.person(rng, design=one_of(rng, sellers))
        at = between(rng, -0.35, 0.35) * span
        facing = -90 + between(rng, -25, 25)
        parts += put(seller.parts, at, back + between(rng, 0.35, 0.6), facing)
    count = one_of(rng, (0, 0, 1, 1, 2, 3))
    slots = rng.permutation(4)[:count]
    for slot in slots:
        design = one_of(rng, _TEST_CUSTOMERS if tested else _CUSTOMERS)
        customer = people.person(rng, design=design)
        at = ((int(slot) + 0.5) / 4 - 0.5) * max(span, 1.8)
        facing = 90 + between(rng, -35, 35)
        parts += put(customer.parts, at, front - between(rng, 0.35, 0.7), facing)
    return parts


def overhead(
    rng: np.random.Generator, kinds: Sequence[str], size: tuple[float, float], share: float
) -> list[Part]:
    """Put a canopy over a rectangle in a share of the spots."""
    if not chance(rng, share):
        return []
    parts = canopies.canopy(rng, one_of(rng, kinds), size)
    off = (between(rng, -0.15, 0.15), between(rng, -0.1, 0.25))
    return put(parts, *off, between(rng, -4, 4))


def lamp_over(rng: np.random.Generator, length: float, share: float) -> list[Part]:
    """Hang a bulb or a tube over the goods in a share of the spots."""
    if not chance(rng, share):
        return []
    shape = Shape()
    high = between(rng, 1.65, 1.85)
    iron = metal(rng)
    if chance(rng, 0.6):
        at = (between(rng, -0.3, 0.3) * length, 0.1, high)
        shape.ball((0.07, 0.07, 0.09), at, lamp_glow(rng, 110.0), rings=4, sides=6)
        rod(shape, at, (at[0], at[1], high + 0.2), 0.01, iron, sides=3)
        rod(shape, (at[0], 0.6, 0), (at[0], 0.6, high + 0.2), 0.015, iron, sides=4)
        rod(shape, (at[0], 0.6, high + 0.2), (at[0], at[1], high + 0.2), 0.012, iron, sides=3)
    else:
        shape.box((min(1.2, length), 0.05, 0.05), (0, 0.2, high), lamp_glow(rng, 28.0))
        for x in (-0.4, 0.4):
            rod(shape, (x, 0.6, 0), (x, 0.25, high), 0.015, iron, sides=4)
    return [Part(None, shape)]


def table(rng: np.random.Generator, size: tuple[float, float], high: float) -> Shape:
    """Return a table: with a cloth down its sides, or bare on its legs."""
    shape = Shape()
    if chance(rng, 0.6):
        cloth = painted(rng, CLOTH, roughness=0.95, speckle=0.1, speckle_m=0.3)
        drop = between(rng, 0.3, high - 0.05)
        wide = (size[0] + 0.04, size[1] + 0.04, drop)
        shape.box(wide, (0, 0, high - drop / 2), cloth, top_scale=(0.98, 0.96))
    else:
        shape.box((*size, 0.04), (0, 0, high - 0.02), painted(rng, (*WOOD, *PLASTIC, "#e9e9e6")))
    return legs(shape, size, high - 0.02, metal(rng))


def goods_on(
    rng: np.random.Generator, kinds: Sequence[str], size: tuple[float, float], at: Point
) -> Shape:
    """Return one or two kinds of goods side by side along x over a rectangle."""
    shares = (1.0,) if size[0] < 1.3 or chance(rng, 0.4) else (0.5, 0.5)
    shape = Shape()
    x = -size[0] / 2
    for share in shares:
        long = share * size[0]
        layer = goods.lay(rng, one_of(rng, kinds), (long * 0.97, size[1] * 0.94))
        shape.add(layer.moved(at[0] + x + long / 2, at[1], at[2]))
        x += long
    return shape


def crates(
    rng: np.random.Generator, count: int, *, span: float, y: float, kind: str = "fruit"
) -> Shape:
    """Return crates and baskets in a row on the ground, some on an empty crate."""
    shape = Shape()
    for x in np.linspace(-span / 2, span / 2, max(count, 1)):
        lift = 0.0
        turn = rotation(yaw_deg=between(rng, -12, 12))
        at = (float(x), y + between(rng, -0.08, 0.08))
        if chance(rng, 0.3):
            lift = 0.25
            under = Shape().box((0.5, 0.35, lift), (0, 0, lift / 2), painted(rng, PLASTIC))
            shape.add(under.moved(*at, turn=turn))
        shape.add(goods.crate(rng, kind).moved(*at, lift, turn=turn))
    return shape


def clutter(rng: np.random.Generator, span: float, y: float) -> Part:
    """Return cartons, sacks and a bucket that stand behind the goods; not for sale."""
    shape = Shape()
    for _ in range(int(rng.integers(0, 4))):
        at = (between(rng, -0.5, 0.5) * span, y + between(rng, 0.0, 0.3))
        if chance(rng, 0.6):
            size = (between(rng, 0.3, 0.55), between(rng, 0.25, 0.4), between(rng, 0.2, 0.5))
            turn = rotation(yaw_deg=between(rng, 0, 90))
            shape.box(size, (*at, size[2] / 2), painted(rng, CARD), turn=turn)
        else:
            shape.cylinder(0.13, 0.3, (*at, 0.15), painted(rng, PLASTIC), end_radius=0.16, sides=10)
    return Part(None, shape)


def loaded(rng: np.random.Generator, cart: Wheeled, kinds: Sequence[str]) -> Shape:
    """Return a cart with goods over its bed, on a board that juts out a little."""
    size = (cart.bed_size[0] * 1.0, cart.bed_size[1] * 1.0)
    shape = Shape().add(cart.shape)
    x, y, z = cart.bed
    lift = z + between(rng, 0.1, 0.25)
    shape.box((*size, lift - z), (x, y, (lift + z) / 2), painted(rng, (*WOOD, *PLASTIC)))
    return shape.add(goods_on(rng, kinds, size, (x, y, lift)))
