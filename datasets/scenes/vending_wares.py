"""Goods that are not food: clothes, toys, phone cases, shoes, books, bags, hats."""

from __future__ import annotations

import numpy as np

from datasets.scenes.shape import Shape, rotation
from datasets.scenes.vending_paints import (
    BRIGHT,
    CARD,
    CLOTH,
    CLOTHES,
    STEEL,
    between,
    chance,
    metal,
    one_of,
    painted,
)
from datasets.scenes.vending_solids import cells, rod

SHOES = "#16171a #f0efea #7a4a2a #c22a2a #28406e #d98ca6 #b9a888".split()
BAGS = "#6a3a22 #15161a #a8222a #c9a06a #26405e #7f8a4a #d8b4a0".split()

Size = tuple[float, float]


def folded_clothes(rng: np.random.Generator, size: Size) -> Shape:
    """Stacks of folded shirts and trousers, some pulled out of place."""
    shape = Shape()
    middles, step = cells(size, (0.32, 0.34))
    for x, y in middles:
        z = 0.0
        for _ in range(int(rng.integers(1, 6))):
            thick = between(rng, 0.025, 0.05)
            turn = rotation(yaw_deg=between(rng, -10, 10))
            flat = (step[0] * 0.82, step[1] * 0.82, thick)
            paint = painted(rng, (*CLOTHES, *CLOTH), roughness=0.95)
            shape.box(flat, (x, y, z + thick / 2), paint, turn=turn, top_scale=(0.95, 0.95))
            z += thick
    return shape


def toys(rng: np.random.Generator, size: Size) -> Shape:
    """Bright plastic things: balls, boxes, figures."""
    shape = Shape()
    middles, step = cells(size, (0.2, 0.2))
    for x, y in middles:
        paint = painted(rng, BRIGHT, roughness=0.35)
        other = painted(rng, BRIGHT, roughness=0.35)
        big = min(step) * between(rng, 0.3, 0.46)
        form = one_of(rng, ("ball", "box", "figure", "car"))
        if form == "ball":
            shape.ball((big, big, big), (x, y, big), paint, rings=4, sides=7)
        elif form == "box":
            turn = rotation(yaw_deg=between(rng, -25, 25))
            tall = big * between(rng, 0.8, 2.2)
            shape.box((big * 1.7, big * 1.2, tall), (x, y, tall / 2), paint, turn=turn)
        elif form == "figure":
            shape.ball((big * 0.6, big * 0.6, big), (x, y, big), paint, rings=4, sides=6)
            shape.ball((big * 0.5,) * 3, (x, y, big * 2.2), other, rings=4, sides=6)
        else:
            shape.box((big * 1.8, big, big * 0.6), (x, y, big * 0.5), paint)
            shape.box((big, big * 0.9, big * 0.5), (x, y, big), other, top_scale=(0.7, 0.8))
    return shape


def phone_cases(rng: np.random.Generator, size: Size) -> Shape:
    """Flat rows of small cards, and a board of them standing behind."""
    shape = Shape()
    shape.box((size[0], size[1], 0.02), (0, 0, 0.01), painted(rng, ("#16171a", "#e9e9e6")))
    middles, step = cells((size[0], size[1] * 0.8), (0.13, 0.2))
    for x, y in middles:
        card = (step[0] * 0.72, step[1] * 0.8, 0.015)
        shape.box(card, (x, y - size[1] * 0.1, 0.03), painted(rng, BRIGHT, roughness=0.25))
    back = painted(rng, (*STEEL, "#e9e9e6"))
    high = between(rng, 0.4, 0.7)
    y = size[1] / 2 - 0.03
    shape.box((size[0], 0.02, high), (0, y, high / 2), back)
    middles, step = cells((size[0] * 0.96, high * 0.9), (0.13, 0.2))
    for x, z in middles:
        upright = (step[0] * 0.72, 0.015, step[1] * 0.8)
        at = (x, y - 0.02, high / 2 + z)
        shape.box(upright, at, painted(rng, BRIGHT, roughness=0.25))
    return shape


def shoes(rng: np.random.Generator, size: Size) -> Shape:
    """Pairs of shoes in rows, some on their boxes."""
    shape = Shape()
    middles, step = cells(size, (0.26, 0.34))
    for x, y in middles:
        upper = painted(rng, (*SHOES, *BRIGHT))
        sole = painted(rng, ("#f0efea", "#16171a", "#b9a888"))
        lift = 0.0
        if chance(rng, 0.3):
            lift = 0.11
            carton = (step[0] * 0.85, step[1] * 0.9, 0.11)
            shape.box(carton, (x, y, 0.055), painted(rng, (*CARD, *BRIGHT)))
        for side in (-0.055, 0.055):
            pair = Shape().box((0.09, 0.27, 0.03), (0, 0, 0.015), sole)
            pair.box((0.085, 0.26, 0.07), (0, 0, 0.06), upper, top_scale=(0.8, 0.65))
            shape.add(pair.moved(x + side, y, lift, turn=rotation(yaw_deg=between(rng, -6, 6))))
    return shape


def books(rng: np.random.Generator, size: Size) -> Shape:
    """Books lying flat and standing in rows."""
    shape = Shape()
    middles, step = cells(size, (0.26, 0.24))
    for x, y in middles:
        if chance(rng, 0.6):
            z = 0.0
            for _ in range(int(rng.integers(1, 5))):
                turn = rotation(yaw_deg=between(rng, -8, 8))
                cover = painted(rng, (*BRIGHT, *CLOTH), roughness=0.4)
                shape.box((0.15, 0.21, 0.025), (x, y, z + 0.0125), cover, turn=turn)
                z += 0.025
        else:
            for place in np.linspace(-0.4, 0.4, 6) * step[0]:
                cover = painted(rng, (*BRIGHT, *CLOTH), roughness=0.4)
                tall = between(rng, 0.18, 0.25)
                shape.box((step[0] * 0.12, 0.16, tall), (x + float(place), y, tall / 2), cover)
    return shape


def handbags(rng: np.random.Generator, size: Size) -> Shape:
    """Handbags standing in rows, with their handles up."""
    shape = Shape()
    middles, step = cells(size, (0.36, 0.3))
    for x, y in middles:
        paint = painted(rng, (*BAGS, *BRIGHT), roughness=0.4)
        wide, high = step[0] * between(rng, 0.6, 0.85), between(rng, 0.18, 0.28)
        shape.box((wide, 0.12, high), (x, y, high / 2), paint, top_scale=(0.8, 0.5))
        left, right, top = x - wide * 0.25, x + wide * 0.25, high + 0.12
        rod(shape, (left, y, high), (x, y, top), 0.012, paint, sides=4)
        rod(shape, (x, y, top), (right, y, high), 0.012, paint, sides=4)
    return shape


def hats(rng: np.random.Generator, size: Size) -> Shape:
    """Hats in rows, brims touching."""
    shape = Shape()
    middles, step = cells(size, (0.3, 0.3))
    for x, y in middles:
        paint = painted(rng, ("#d9bf84", "#e6d3a3", "#f0efea", *BRIGHT))
        radius = min(step) * 0.46
        shape.cylinder(radius, 0.02, (x, y, 0.02), paint, sides=10)
        shape.cylinder(radius * 0.58, 0.13, (x, y, 0.085), paint, sides=8, end_radius=radius * 0.4)
    return shape


def clothes_rail(rng: np.random.Generator, length: float) -> Shape:
    """Return a rail along x with garments on hangers."""
    shape = Shape()
    pipe = metal(rng)
    high = between(rng, 1.45, 1.75)
    for x in (-length / 2, length / 2):
        rod(shape, (x, 0, 0), (x, 0, high), 0.018, pipe)
        rod(shape, (x, -0.25, 0.03), (x, 0.25, 0.03), 0.018, pipe)
    rod(shape, (-length / 2, 0, high), (length / 2, 0, high), 0.018, pipe)
    x = -length / 2 + 0.06
    while x < length / 2 - 0.05:
        thick = between(rng, 0.035, 0.07)
        drop = between(rng, 0.55, 1.05)
        paint = painted(rng, (*CLOTHES, *CLOTH, *BRIGHT), roughness=0.95)
        garment = Shape().box(
            (thick, between(rng, 0.36, 0.46), drop), (0, 0, -drop / 2), paint, top_scale=(0.6, 0.9)
        )
        garment.box((thick * 0.8, 0.58, 0.22), (0, 0, -0.14), paint, top_scale=(0.6, 0.6))
        shape.add(garment.moved(x, 0, high - 0.04, turn=rotation(yaw_deg=between(rng, -14, 14))))
        x += thick + between(rng, 0.015, 0.06)
    return shape
