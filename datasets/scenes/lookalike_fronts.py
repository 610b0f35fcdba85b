"""What stands along pavements and shows goods or pictures, and sells to nobody in the street.

Shop windows with what is sold inside, machines, advertising; and things of no kind in particular.
"""

from __future__ import annotations

import math

import numpy as np

from datasets.scenes.asset import Part
from datasets.scenes.lookalike_places import someone, unlabelled
from datasets.scenes.shape import Shape, rotation
from datasets.scenes.vending_free import assorted
from datasets.scenes.vending_paints import (
    BODY,
    BRIGHT,
    CARD,
    CLOTHES,
    GLASS,
    IRON,
    PLASTIC,
    STEEL,
    STONE,
    WOOD,
    between,
    chance,
    metal,
    one_of,
    painted,
)
from datasets.scenes.vending_solids import cells, rod

_ANY = (*BODY, *BRIGHT, *WOOD, *PLASTIC, *STEEL, *IRON, *STONE)


def shop_window(rng: np.random.Generator) -> list[Part]:
    """A piece of a house's front with one to three windows: wares behind them, or bare glass."""
    wall = painted(rng, (*STONE, *BODY, *WOOD, "#d8d0c0", "#7a3a2a"))
    high, deep = between(rng, 2.7, 3.05), 0.7
    shape, x = Shape(), 0.0
    for _ in range(int(rng.integers(1, 4))):
        long, sill = between(rng, 1.4, 2.8), between(rng, 0.1, 0.7)
        head = between(rng, 2.0, 2.4)
        middle = x + long / 2
        shape.box((long, deep, sill), (middle, deep / 2, sill / 2), wall)
        shape.box((long, deep, high - head), (middle, deep / 2, (high + head) / 2), wall)
        shape.box((long, 0.05, head - sill), (middle, deep, (head + sill) / 2), painted(rng, _ANY))
        for edge in (x, x + long):
            shape.box((0.18, deep, high), (edge, deep / 2, high / 2), wall)
        _shown(rng, shape, (middle, sill), (long - 0.3, head - sill))
        x += long
    sign = painted(rng, (*BRIGHT, *BODY))
    shape.box((x, 0.06, between(rng, 0.3, 0.6)), (x / 2, -0.04, high - 0.35), sign)
    parts = unlabelled(shape.moved(-x / 2))
    if chance(rng, 0.6):
        pose = one_of(rng, ("standing", "walking"))
        parts += someone(rng, pose, (between(rng, -0.4, 0.4) * x, between(rng, -1.4, -0.6), 90))
    return parts


def _shown(
    rng: np.random.Generator, shape: Shape, at: tuple[float, float], size: tuple[float, float]
) -> None:
    """Put wares behind a window: on the sill, on shelves, on figures; posters on the pane."""
    (x, sill), (long, high) = at, size
    how = rng.random()
    if how < 0.45:
        shape.add(assorted(rng, (long, 0.4)).moved(x, 0.3, sill))
        for z in np.arange(sill + 0.5, sill + high - 0.3, between(rng, 0.4, 0.7)):
            shape.box((long, 0.3, 0.02), (x, 0.4, float(z)), painted(rng, WOOD))
            shape.add(assorted(rng, (long, 0.25)).moved(x, 0.4, float(z)))
    elif how < 0.75:
        for place in np.linspace(-0.4, 0.4, int(rng.integers(2, 5))):
            dressed = (x + float(place) * long, 0.35)
            cloth = painted(rng, CLOTHES, roughness=0.95)
            body = (0.4, 0.22, between(rng, 0.6, 1.1))
            shape.box(body, (*dressed, sill + 0.5 + body[2] / 2), cloth, top_scale=(0.9, 0.9))
            shape.ball((0.1, 0.1, 0.13), (*dressed, sill + 0.65 + body[2]), painted(rng, STONE))
            rod(shape, (*dressed, sill), (*dressed, sill + 0.5), 0.03, metal(rng))
    else:
        shape.box((long, 0.02, high), (x, 0.05, sill + high / 2), GLASS)
    for _ in range(int(rng.integers(0, 4))):
        poster = (between(rng, 0.2, 0.7), 0.01, between(rng, 0.2, 0.6))
        middle = (x + between(rng, -0.3, 0.3) * long, 0.0, sill + between(rng, 0.25, 0.8) * high)
        shape.box(poster, middle, painted(rng, BRIGHT))


def folding_board(rng: np.random.Generator) -> list[Part]:
    """Boards on the pavement with a shop's offers, of two leaves each."""
    shape = Shape()
    for number in range(int(rng.integers(1, 3))):
        wide, high = between(rng, 0.45, 0.8), between(rng, 0.8, 1.4)
        face, frame = painted(rng, (*BRIGHT, *CARD, *STEEL)), painted(rng, (*IRON, *WOOD))
        board, lean = Shape(), between(rng, 8, 16)
        middle = high / 2 * math.cos(math.radians(lean))
        for side in (-1, 1):
            leaf = rotation(roll_deg=side * lean)
            board.box((wide, 0.04, high), (0, side * 0.14, middle), frame, turn=leaf)
            shown = (wide * 0.85, 0.05, high * 0.75)
            board.box(shown, (0, side * 0.15, middle * 1.05), face, turn=leaf)
        turn = rotation(yaw_deg=between(rng, -40, 40))
        shape.add(board.moved(number * 1.1, between(rng, -0.2, 0.2), turn=turn))
    return unlabelled(shape)


def machines(rng: np.random.Generator) -> list[Part]:
    """Machines in a row: cash, tickets, drinks, parcels; a panel, a screen, a slot in a case."""
    shape = Shape()
    wide, deep, high = between(rng, 0.6, 1.1), between(rng, 0.5, 0.9), between(rng, 1.4, 2.1)
    count = int(rng.integers(1, 4))
    for number in range(count):
        x = (number - (count - 1) / 2) * (wide + 0.04)
        case = painted(rng, (*BODY, *STEEL, *BRIGHT))
        shape.box((wide, deep, high), (x, 0, high / 2), case)
        front = -deep / 2 - 0.01
        if chance(rng, 0.5):
            panes, step = cells((wide * 0.8, high * 0.6), (0.18, 0.25))
            for dx, dz in panes:
                packet = (step[0] * 0.7, 0.02, step[1] * 0.7)
                shape.box(packet, (x + dx, front, high * 0.6 + dz), painted(rng, BRIGHT))
        else:
            screen = (wide * 0.6, 0.02, high * 0.18)
            shape.box(screen, (x, front, high * 0.68), GLASS)
            shape.box((wide * 0.7, 0.02, high * 0.12), (x, front, high * 0.48), painted(rng, STEEL))
        shape.box((wide * 0.9, 0.03, high * 0.1), (x, front, high * 0.92), painted(rng, BRIGHT))
    parts = unlabelled(shape)
    if chance(rng, 0.5):
        parts += someone(rng, "standing", (0, -deep / 2 - 0.5, 90))
    return parts


def free_things(rng: np.random.Generator) -> list[Part]:
    """Closed cases, posts and boards side by side, in any colours: nothing that anybody sells."""
    shape, x = Shape(), 0.0
    for _ in range(int(rng.integers(1, 5))):
        size = (between(rng, 0.3, 1.3), between(rng, 0.25, 0.9), between(rng, 0.4, 1.9))
        paint = painted(rng, _ANY, roughness=between(rng, 0.3, 0.9))
        how = rng.random()
        if how < 0.5:
            shape.box(size, (x + size[0] / 2, 0, size[2] / 2), paint)
            if chance(rng, 0.5):
                face = (size[0] * 0.7, 0.02, size[2] * between(rng, 0.2, 0.6))
                middle = (x + size[0] / 2, -size[1] / 2 - 0.01, size[2] * 0.55)
                shape.box(face, middle, painted(rng, _ANY))
        elif how < 0.75:
            radius = size[1] / 2
            shape.cylinder(radius, size[2], (x + radius, 0, size[2] / 2), paint, sides=12)
        else:
            top = 1.1 + size[2]
            rod(shape, (x, 0, 0), (x, 0, top), 0.04, metal(rng), sides=6)
            shape.box((size[0], 0.04, size[1]), (x, 0, top - size[1] / 2), paint)
        x += size[0] + between(rng, 0.0, 0.5)
    parts = unlabelled(shape.moved(-x / 2))
    if chance(rng, 0.4):
        parts += someone(rng, one_of(rng, ("standing", "walking")), (0, -1.0, 90))
    return parts
