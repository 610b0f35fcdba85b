"""Street vending: whole spots, with goods, carts, canopies, sellers and customers.

The customers' side looks along -y, the seller stands on +y; every labelled thing is a part of its
own. What counts as what: goods on tables, cloths and in the bed of a car or lorry are a ``stall``;
carts and tricycles that carry goods or a kitchen are a ``cart``, wheels and goods in one; what is
above either is a ``canopy``, whether it stands beside a cart or on it. In what is learned from, all
that one trader sells from side by side is one thing, as an officer would count it
(:func:`joined`): two cloths that lie aslant are one stall, a wagon and the pots before it one cart.
In a clip a trader comes with the cart and sets out the rest: there they stay apart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from datasets.scenes import canopies, goods, people
from datasets.scenes.asset import Asset, Part
from datasets.scenes.shape import Shape, rotation
from datasets.scenes.vending_carts import (
    barrel_oven,
    box_tricycle,
    cargo_tricycle,
    cooking,
    food_cart,
    gas_bottle,
    hand_barrow,
    kiosk_tricycle,
    sales_vehicle,
    tiered_wagon,
)
from datasets.scenes.vending_free import free_cart, free_stall
from datasets.scenes.vending_paints import (
    CARD,
    CLOTH,
    PLASTIC,
    WOOD,
    between,
    chance,
    favouring,
    one_of,
    painted,
)
from datasets.scenes.vending_setup import (
    clutter,
    crates,
    folk_around,
    goods_on,
    lamp_over,
    loaded,
    overhead,
    put,
    table,
)
from datasets.scenes.vending_solids import open_box
from datasets.scenes.vending_trolleys import (
    glass_trolley,
    grill_cart,
    hanging_rack,
    loaded_bicycle,
    motor_tricycle,
    pots_on_stools,
)
from datasets.scenes.vending_wares import clothes_rail

_WARES = ("folded_clothes", "toys", "phone_cases", "shoes")
_FOOD = ("fruit", "vegetables", "snacks")

Build = Callable[[np.random.Generator], list[Part]]
# Nobody passes between two things that stand nearer to each other.
_APART_M = 0.6


def vending(rng: np.random.Generator, *, design: str) -> Asset:
    """Return one vending spot; its origin is the middle of what is sold from.

    Args:
        rng: for goods, colours, canopy and people.
        design: one of ``TRAIN_DESIGNS`` or ``TEST_DESIGNS``.
    """
    return Asset("vending", design, tuple(_BUILDERS[design](rng)))


def joined(spot: Asset) -> Asset:
    """Return a spot with what is sold from side by side made one part; with wheels, a cart."""
    parts: list[Part] = []
    for part in spot.parts:
        apart: list[Part] = []
        for other in parts:
            if _are_one(part, other):
                label = "cart" if "cart" in (part.label, other.label) else "stall"
                part = Part(label, Shape().add(part.shape).add(other.shape))
            else:
                apart.append(other)
        parts = [*apart, part]
    return replace(spot, parts=tuple(parts))


def _are_one(part: Part, other: Part) -> bool:
    if part.label not in ("stall", "cart") or other.label not in ("stall", "cart"):
        return False
    a, b = part.shape.points()[:, :2], other.shape.points()[:, :2]
    gap = np.maximum(a.min(axis=0) - b.max(axis=0), b.min(axis=0) - a.max(axis=0))
    return float(np.hypot(*np.maximum(gap, 0.0))) < _APART_M


def _table_food(rng: np.random.Generator) -> list[Part]:
    size = (between(rng, 1.4, 2.4), between(rng, 0.7, 0.9))
    high = between(rng, 0.7, 0.8)
    stall = table(rng, size, high).add(goods_on(rng, _FOOD, size, (0, 0, high)))
    front = -size[1] / 2
    if chance(rng, 0.7):
        front -= 0.5
        stall.add(crates(rng, int(rng.integers(2, 5)), span=size[0] * 0.8, y=front + 0.25))
    parts = [Part("stall", stall), clutter(rng, size[0], size[1] / 2 + 0.9)]
    parts += folk_around(
        rng, span=size[0], front=front, back=size[1] / 2, sellers=people.TRAIN_DESIGNS[:3:2]
    )
    parts += overhead(rng, canopies.TRAIN_KINDS, (size[0] + 0.7, size[1] + 1.3), 0.65)
    return parts + lamp_over(rng, size[0], 0.3)


def _table_wares(rng: np.random.Generator) -> list[Part]:
    size = (between(rng, 1.2, 2.2), between(rng, 0.6, 0.9))
    high = between(rng, 0.68, 0.78)
    stall = table(rng, size, high).add(goods_on(rng, _WARES, size, (0, 0, high)))
    if chance(rng, 0.35):
        second = table(rng, size, high).add(goods_on(rng, _WARES, size, (0, 0, high)))
        stall.add(second.moved(size[0] * 0.75, size[0] * 0.3, turn=rotation(yaw_deg=90)))
    parts = [Part("stall", stall), clutter(rng, size[0], size[1] / 2 + 0.8)]
    sellers = ("standing", "sitting", "sitting")
    parts += folk_around(rng, span=size[0], front=-size[1] / 2, back=size[1] / 2, sellers=sellers)
    parts += overhead(rng, canopies.TRAIN_KINDS, (size[0] + 0.6, size[1] + 1.3), 0.5)
    return parts + lamp_over(rng, size[0], 0.4)


def _clothes(rng: np.random.Generator) -> list[Part]:
    long = between(rng, 1.3, 1.8)
    stall = clothes_rail(rng, long).moved(0, 0.45)
    if chance(rng, 0.6):
        aside = rotation(yaw_deg=between(rng, 70, 95))
        stall.add(
            clothes_rail(rng, between(rng, 1.0, 1.4)).moved(long / 2 + 0.45, -0.1, turn=aside)
        )
    front = 0.1
    if chance(rng, 0.75):
        size = (long, between(rng, 0.6, 0.8))
        bench = table(rng, size, 0.6)
        bench.add(goods.lay(rng, one_of(rng, ("folded_clothes", "shoes")), size).moved(0, 0, 0.6))
        stall.add(bench.moved(-0.1, -0.35))
        front = -0.75
    parts = [Part("stall", stall)]
    sellers = ("standing", "sitting")
    parts += folk_around(rng, span=long, front=front, back=0.8, sellers=sellers)
    kinds = ("square_tent", "tarpaulin", "umbrella")
    parts += overhead(rng, kinds, (long + 1.2, 2.4), 0.5)
    return parts + lamp_over(rng, long, 0.3)


def _ground_cloth(rng: np.random.Generator) -> list[Part]:
    size = (between(rng, 1.2, 2.4), between(rng, 0.9, 1.5))
    cloth = painted(rng, CLOTH, roughness=0.95, speckle=0.15, speckle_m=0.4)
    ripples = rng.uniform(0.004, 0.03, (8, 6))
    stall = Shape().surface(ripples, size, (0, 0, 0), cloth)
    kinds = ("shoes", "toys", "folded_clothes", "vegetables", "phone_cases", "fruit")
    inner = (size[0] * 0.92, size[1] * 0.88)
    stall.add(goods_on(rng, kinds, inner, (0, 0, 0.02)))
    parts = [Part("stall", stall), clutter(rng, size[0], size[1] / 2 + 0.6)]
    sellers = ("sitting", "squatting", "squatting", "bending")
    parts += folk_around(rng, span=size[0], front=-size[1] / 2, back=size[1] / 2, sellers=sellers)
    parts += overhead(rng, ("umbrella",), size, 0.2)
    return parts + lamp_over(rng, size[0], 0.25)


def _ground_baskets(rng: np.random.Generator) -> list[Part]:
    rows, span = int(rng.integers(1, 4)), between(rng, 1.2, 2.4)
    stall = Shape()
    for row in range(rows):
        kind = one_of(rng, ("fruit", "vegetables"))
        count = int(span / 0.58) + 1
        stall.add(crates(rng, count, span=span, y=(row - (rows - 1) / 2) * 0.5, kind=kind))
    edge = rows * 0.25
    parts = [Part("stall", stall), clutter(rng, span, edge + 0.6)]
    sellers = ("squatting", "sitting", "standing")
    parts += folk_around(rng, span=span, front=-edge, back=edge, sellers=sellers)
    parts += overhead(rng, ("umbrella", "umbrella", "tarpaulin"), (span + 0.6, 2.2), 0.4)
    return parts + lamp_over(rng, span, 0.2)


def _tricycle_cart(rng: np.random.Generator) -> list[Part]:
    trike = cargo_tricycle(rng)
    shape = loaded(rng, trike, (*_FOOD, "melons", "toys"))
    parts = [Part("cart", shape)]
    side = trike.bed_size[1] / 2
    if chance(rng, 0.35):
        stall = crates(rng, 3, span=1.2, y=-side - 0.45, kind=one_of(rng, ("fruit", "vegetables")))
        parts.append(Part("stall", stall.moved(trike.bed[0])))
        side += 0.65
    folk = folk_around(
        rng, span=1.4, front=-side, back=trike.bed_size[1] / 2, sellers=("standing", "sitting")
    )
    parts += put(folk, trike.bed[0], 0.0)
    over = overhead(rng, ("umbrella", "umbrella", "square_tent"), (2.2, 2.0), 0.45)
    return parts + put(over, trike.bed[0], 0.0) + lamp_over(rng, 1.0, 0.25)


def _food_cart(rng: np.random.Generator) -> list[Part]:
    roofed = chance(rng, 0.5)
    cart = food_cart(rng, roofed=roofed)
    shape = Shape().add(cart.shape)
    shape.add(cooking(rng, cart.bed_size).moved(*cart.bed))
    parts = [Part("cart", shape), *cart.roof]
    x, y, _ = cart.bed
    parts.append(Part(None, gas_bottle(rng).moved(x - 0.3, y + 0.75)))
    parts += folk_around(rng, span=1.4, front=-0.45, back=0.42, sellers=("standing",))
    if not roofed:
        parts += overhead(
            rng, ("umbrella", "umbrella", "square_tent", "striped_awning"), (2.4, 2.2), 0.85
        )
    return parts + lamp_over(rng, 1.2, 0.5)


def _pickup(rng: np.random.Generator) -> list[Part]:
    car = sales_vehicle(rng, flatbed=False)
    x, _, z = car.bed
    long, wide = car.bed_size
    load = Shape().box((long, wide, 0.28), (x, 0, z + 0.14), painted(rng, (*PLASTIC, *CARD)))
    load.add(goods_on(rng, ("fruit", "vegetables", "melons"), car.bed_size, (x, 0, z + 0.28)))
    gate = goods.lay(rng, one_of(rng, ("fruit", "vegetables")), (0.5, wide * 0.9))
    load.add(gate.moved(x - long / 2 - 0.32, 0, z))
    row = crates(rng, 3, span=1.1, y=0.0).moved(x - long / 2 - 0.95, turn=rotation(yaw_deg=90))
    if chance(rng, 0.6):
        load.add(row)
    parts = [Part("car", car.shape), Part("stall", load)]
    folk = folk_around(rng, span=1.6, front=-0.2, back=0.3, sellers=("standing", "bending"))
    # People stand behind the tail gate, not along the car.
    parts += put(folk, x - long / 2 - 1.2, 0.0, -90)
    over = overhead(rng, ("umbrella", "tarpaulin"), (2.2, 2.4), 0.35)
    return parts + put(over, x - long / 2 - 0.3, 0.0)


def _hand_barrow(rng: np.random.Generator) -> list[Part]:
    barrow = hand_barrow(rng)
    shape = loaded(rng, barrow, (*_FOOD, "melons", "toys", "shoes", "folded_clothes"))
    side = barrow.bed_size[1] / 2
    parts = [Part("cart", shape)]
    parts += folk_around(rng, span=1.4, front=-side, back=side, sellers=("standing", "sitting"))
    return parts + overhead(rng, ("umbrella",), (2.2, 2.2), 0.4) + lamp_over(rng, 1.2, 0.25)


def _glass_trolley(rng: np.random.Generator) -> list[Part]:
    cart = glass_trolley(rng)
    shape = Shape().add(cart.shape)
    shape.add(goods_on(rng, ("snacks", "fruit", "toys"), cart.bed_size, cart.bed))
    parts = [Part("cart", shape)]
    parts += folk_around(rng, span=1.3, front=-0.45, back=0.4, sellers=("standing", "sitting"))
    return parts + overhead(rng, ("umbrella",), (2.2, 2.2), 0.35) + lamp_over(rng, 1.0, 0.3)


def _loaded_bicycle(rng: np.random.Generator) -> list[Part]:
    cart = loaded_bicycle(rng)
    shape = Shape().add(cart.shape)
    shape.add(goods_on(rng, (*_FOOD, "toys"), cart.bed_size, cart.bed))
    parts = [Part("cart", shape)]
    folk = folk_around(rng, span=1.2, front=-0.4, back=0.35, sellers=("standing",))
    return parts + folk + overhead(rng, ("umbrella",), (2.0, 2.0), 0.3)


def _motor_tricycle(rng: np.random.Generator) -> list[Part]:
    trike = motor_tricycle(rng)
    parts = [Part("cart", loaded(rng, trike, (*_FOOD, "melons", "folded_clothes", "shoes")))]
    parts += trike.roof
    folk = folk_around(rng, span=1.6, front=-0.65, back=0.6, sellers=("standing", "sitting"))
    return parts + put(folk, trike.bed[0], 0.0) + lamp_over(rng, 1.2, 0.25)


def _grill_cart(rng: np.random.Generator) -> list[Part]:
    parts = [Part("cart", grill_cart(rng).shape)]
    parts += folk_around(rng, span=1.5, front=-0.4, back=0.35, sellers=("standing", "bending"))
    over = overhead(rng, ("umbrella", "square_tent", "flat_sheet"), (2.4, 2.2), 0.35)
    return parts + over + lamp_over(rng, 1.2, 0.4)


def _hanging_rack(rng: np.random.Generator) -> list[Part]:
    stall = hanging_rack(rng)
    if chance(rng, 0.5):
        wares = goods_on(rng, _WARES, (1.4, 0.6), (0, -0.6, 0.02))
        stall.add(wares)
    parts = [Part("stall", stall)]
    parts += folk_around(rng, span=1.4, front=-0.9, back=0.4, sellers=("standing", "sitting"))
    over = overhead(rng, ("umbrella", "flat_sheet", "barrel_tent"), (2.2, 2.2), 0.45)
    return parts + over + lamp_over(rng, 1.2, 0.3)


def _pots(rng: np.random.Generator) -> list[Part]:
    parts = [Part("stall", pots_on_stools(rng)), clutter(rng, 1.4, 0.9)]
    parts += folk_around(rng, span=1.4, front=-0.7, back=0.4, sellers=("standing", "bending"))
    over = overhead(rng, ("square_tent", "flat_sheet", "barrel_tent"), (2.4, 2.6), 0.6)
    return parts + over + lamp_over(rng, 1.2, 0.4)


_FREE_SELLERS = ("standing", "standing", "sitting", "bending", "squatting")
_FREE_COVERS = (*canopies.TRAIN_KINDS, "umbrella", "umbrella")


def _free_cart(rng: np.random.Generator) -> list[Part]:
    shape, roof, (long, wide) = free_cart(rng)
    parts = [Part("cart", shape), *roof]
    parts += folk_around(rng, span=long, front=-wide / 2, back=wide / 2, sellers=_FREE_SELLERS)
    over = overhead(rng, _FREE_COVERS, (long + 0.5, wide + 1.2), 0.3)
    return parts + over + lamp_over(rng, long, 0.3)


def _free_stall(rng: np.random.Generator) -> list[Part]:
    stall, (long, deep) = free_stall(rng)
    parts = [Part("stall", stall), clutter(rng, long, deep / 2 + 0.7)]
    parts += folk_around(rng, span=long, front=-deep / 2, back=deep / 2, sellers=_FREE_SELLERS)
    over = overhead(rng, _FREE_COVERS, (long + 0.6, deep + 1.2), 0.4)
    return parts + over + lamp_over(rng, long, 0.3)


_TEST_SELLERS = ("handing", "stooping")


def _tiered_stand(rng: np.random.Generator) -> list[Part]:
    long, deep = between(rng, 1.6, 2.4), 0.45
    stall = Shape()
    wood = painted(rng, (*WOOD, *PLASTIC), speckle=0.15)
    for step in range(3):
        y, high = (step - 1) * deep, 0.35 + 0.28 * step
        stall.box((long, deep, high), (0, y, high / 2), wood.tinted(1 - 0.1 * step))
        layer = goods.lay(rng, one_of(rng, ("books", "drinks", "hats")), (long * 0.96, deep * 0.9))
        stall.add(layer.moved(0, y, high))
    parts = [Part("stall", stall)]
    parts += folk_around(rng, span=long, front=-0.75, back=0.75, sellers=_TEST_SELLERS)
    parts += overhead(rng, ("lean_to", "gable_tent"), (long + 0.5, 2.2), 0.7)
    return parts + lamp_over(rng, long, 0.4)


def _corner_cloths(rng: np.random.Generator) -> list[Part]:
    parts: list[Part] = []
    for x, y, yaw in ((0.0, 0.0, 0.0), (between(rng, 1.5, 1.9), 0.7, 90.0)):
        size = (between(rng, 1.2, 1.8), between(rng, 0.8, 1.1))
        paint = painted(rng, CLOTH, roughness=0.95, speckle=0.2, speckle_m=0.3)
        cloth = Shape().box((*size, 0.02), (0, 0, 0.01), paint)
        for side in (-1, 1):
            rolled = (0, side * size[1] / 2, 0.03)
            cloth.cylinder(0.04, size[0], rolled, paint, axis="x", sides=6)
        kind = one_of(rng, ("handbags", "hats", "books"))
        cloth.add(goods.lay(rng, kind, (size[0] * 0.92, size[1] * 0.85)).moved(0, 0, 0.02))
        parts += put([Part("stall", cloth)], x, y, yaw)
    parts += folk_around(rng, span=1.6, front=-0.55, back=0.6, sellers=_TEST_SELLERS)
    return parts + overhead(rng, ("side_parasol",), (2.4, 2.4), 0.3) + lamp_over(rng, 1.2, 0.3)


def _kiosk(rng: np.random.Generator) -> list[Part]:
    kiosk = kiosk_tricycle(rng)
    shape = Shape().add(kiosk.shape)
    shape.add(cooking(rng, kiosk.bed_size).moved(*kiosk.bed))
    parts = [Part("cart", shape), *kiosk.roof]
    parts.append(Part(None, gas_bottle(rng).moved(kiosk.bed[0] - 1.2, 0.3)))
    folk = folk_around(rng, span=1.6, front=-0.8, back=0.65, sellers=_TEST_SELLERS)
    return parts + put(folk, kiosk.bed[0], 0.0) + lamp_over(rng, 1.0, 0.3)


def _box_tricycle(rng: np.random.Generator) -> list[Part]:
    trike = box_tricycle(rng)
    parts = [Part("cart", loaded(rng, trike, ("drinks", "flowers", "books", "snacks")))]
    folk = folk_around(rng, span=1.2, front=-0.5, back=0.5, sellers=_TEST_SELLERS)
    parts += put(folk, trike.bed[0], 0.0)
    over = overhead(rng, ("side_parasol", "gable_tent"), (2.2, 2.0), 0.5)
    return parts + put(over, trike.bed[0], 0.0) + lamp_over(rng, 1.0, 0.25)


def _oven(rng: np.random.Generator) -> list[Part]:
    oven = barrel_oven(rng)
    shape = Shape().add(oven.shape)
    shape.add(goods.lay(rng, "snacks", oven.bed_size).moved(*oven.bed))
    parts = [Part("cart", shape)]
    parts += folk_around(rng, span=1.4, front=-0.5, back=0.45, sellers=_TEST_SELLERS)
    return parts + overhead(rng, ("side_parasol",), (2.2, 2.2), 0.4) + lamp_over(rng, 1.0, 0.3)


def _flower_wagon(rng: np.random.Generator) -> list[Part]:
    wagon, shelves = tiered_wagon(rng)
    for shelf in shelves:
        layer = goods.lay(rng, one_of(rng, ("flowers", "flowers", "drinks")), shelf.bed_size)
        wagon.add(layer.moved(*shelf.bed))
    parts = [Part("cart", wagon)]
    if chance(rng, 0.6):
        pots = goods.flowers(rng, (1.3, 0.4))
        parts.append(
            Part(
                "stall",
                open_box(pots, (1.35, 0.45, 0.08), (0, 0, 0), painted(rng, WOOD)).moved(0, -0.85),
            )
        )
    parts += folk_around(rng, span=1.5, front=-1.15, back=0.5, sellers=_TEST_SELLERS)
    return parts + overhead(rng, ("gable_tent", "side_parasol"), (2.4, 2.2), 0.4)


def _flatbed(rng: np.random.Generator) -> list[Part]:
    lorry = sales_vehicle(rng, flatbed=True)
    x, _, z = lorry.bed
    load = goods.melons(rng, lorry.bed_size).moved(x, 0, z)
    boxes = (lorry.bed_size[0] * 0.5, lorry.bed_size[1] * 0.4)
    load.add(goods.lay(rng, one_of(rng, ("drinks", "flowers")), boxes).moved(x, 0, z + 0.3))
    heaped = goods.melons(rng, (1.4, 0.6)).moved(x, -1.5)
    if chance(rng, 0.7):
        load.add(heaped)
    parts = [Part("truck", lorry.shape), Part("stall", load)]
    folk = folk_around(rng, span=2.0, front=-1.8, back=1.1, sellers=_TEST_SELLERS)
    return parts + put(folk, x, 0.0)


_TRAIN: dict[str, Build] = {
    "table_food": _table_food,
    "table_wares": _table_wares,
    "clothes": _clothes,
    "ground_cloth": _ground_cloth,
    "ground_baskets": _ground_baskets,
    "tricycle_cart": _tricycle_cart,
    "food_cart": _food_cart,
    "pickup": _pickup,
    "hand_barrow": _hand_barrow,
    "glass_trolley": _glass_trolley,
    "loaded_bicycle": _loaded_bicycle,
    "motor_tricycle": _motor_tricycle,
    "grill_cart": _grill_cart,
    "hanging_rack": _hanging_rack,
    "pots_on_stools": _pots,
    "free_cart": _free_cart,
    "free_stall": _free_stall,
}
_TEST: dict[str, Build] = {
    "tiered_stand": _tiered_stand,
    "corner_cloths": _corner_cloths,
    "kiosk_tricycle": _kiosk,
    "box_tricycle": _box_tricycle,
    "barrel_oven": _oven,
    "flower_wagon": _flower_wagon,
    "flatbed": _flatbed,
}
_BUILDERS = _TRAIN | _TEST
TRAIN_DESIGNS = tuple(_TRAIN)
TEST_DESIGNS = tuple(_TEST)
_FREE = ("free_cart", "free_stall")
_FREE_SHARE = 0.5


def draw_design(rng: np.random.Generator, designs: Sequence[str]) -> str:
    """Return one of the designs; those that are put together at random come as often as all others.

    They are never alike, which the others are.
    """
    return favouring(rng, designs, _FREE, _FREE_SHARE)
