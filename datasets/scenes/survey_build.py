"""Random buildings, things built onto them, and vehicles for survey scenes.

Sizes follow small-town building in the south of China: storeys of about 3 m, flat concrete roofs
with huts of coloured sheet metal, tiled gables, light works sheds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TypeVar

import numpy as np

from datasets.scenes.survey_parts import (
    Building,
    Colour,
    Part,
    Pattern,
    Rect,
    Roof,
    Vehicle,
)

Ids = Iterator[int]
T = TypeVar("T")

STOREY_M = 3.1
TILES = ((0.55, 0.30, 0.22), (0.47, 0.27, 0.22), (0.36, 0.34, 0.35), (0.60, 0.42, 0.32))
SLABS = ((0.66, 0.65, 0.62), (0.55, 0.54, 0.52), (0.74, 0.73, 0.70), (0.60, 0.50, 0.44))
SHEETS = (
    (0.20, 0.38, 0.62),
    (0.60, 0.22, 0.20),
    (0.72, 0.74, 0.76),
    (0.82, 0.83, 0.84),
    (0.30, 0.47, 0.42),
    (0.50, 0.51, 0.52),
    (0.45, 0.33, 0.28),
)
WALLS = ((0.72, 0.70, 0.66), (0.62, 0.55, 0.48), (0.80, 0.78, 0.74))
PAINTS = (
    (0.85, 0.85, 0.86),
    (0.12, 0.12, 0.13),
    (0.55, 0.56, 0.58),
    (0.55, 0.12, 0.12),
    (0.16, 0.26, 0.48),
    (0.75, 0.65, 0.25),
)


def pick(
    rng: np.random.Generator, values: tuple[T, ...], *, weights: tuple[float, ...] | None = None
) -> T:
    """One of the values; by weight where weights that sum to 1 are given."""
    return values[int(rng.choice(len(values), p=weights))]


def jitter(rng: np.random.Generator, colour: Colour, amount: float) -> Colour:
    """The colour, lighter or darker and slightly shifted; ``amount`` is relative."""
    shade = 1 + rng.normal(0, amount)
    red, green, blue = np.clip(
        np.asarray(colour) * shade * (1 + rng.normal(0, amount / 3, 3)), 0.02, 0.95
    )
    return float(red), float(green), float(blue)


def house(rng: np.random.Generator, ids: Ids, room: Rect, storeys: int = 3) -> list[Part]:
    """A house in the room given, with what stands on its roof or beside it."""
    length = float(min(room.length, rng.uniform(7, 20)))
    width = float(min(room.width, rng.uniform(6, 13)))
    slack_along, slack_across = (room.length - length) / 2, (room.width - width) / 2
    area = room.inside(
        along=float(rng.uniform(-1, 1)) * slack_along,
        across=float(rng.uniform(-1, 1)) * slack_across,
        length=length,
        width=width,
    )
    roof = pick(
        rng,
        (Roof.FLAT, Roof.GABLE, Roof.HIP, Roof.BARE_FRAME),
        weights=(0.5, 0.3, 0.14, 0.06),
    )
    flat = roof in (Roof.FLAT, Roof.BARE_FRAME)
    main = Building(
        id=next(ids),
        area=area,
        height=STOREY_M * int(rng.integers(1, storeys + 1)),
        roof=roof,
        rise=1.2 if roof is Roof.BARE_FRAME else width * float(rng.uniform(0.2, 0.34)),
        roof_tint=jitter(rng, pick(rng, SLABS if flat else TILES), 0.1),
        wall_tint=jitter(rng, pick(rng, WALLS), 0.08),
        pattern=Pattern.CONCRETE if flat else Pattern.TILE,
        overhang=0.3 if not flat or rng.random() < 0.7 else 0.0,
    )
    parts: list[Part] = [main]
    if roof is Roof.FLAT and rng.random() < 0.5:
        parts.append(roof_hut(rng, ids, main, share=0.35))
    if rng.random() < 0.25:
        parts.append(lean_to(rng, ids, main))
    return parts


def works_shed(rng: np.random.Generator, ids: Ids, room: Rect) -> list[Part]:
    """A light shed with a low-pitched roof of metal sheet."""
    length = room.length * float(rng.uniform(0.6, 0.95))
    width = min(room.width * float(rng.uniform(0.5, 0.9)), 32.0)
    shed = Building(
        id=next(ids),
        area=room.inside(along=0, across=0, length=length, width=width),
        height=float(rng.uniform(3.5, 9.0)),
        roof=Roof.GABLE if rng.random() < 0.8 else Roof.LEAN_TO,
        rise=width * float(rng.uniform(0.05, 0.12)),
        roof_tint=jitter(rng, pick(rng, SHEETS), 0.1),
        wall_tint=jitter(rng, pick(rng, WALLS), 0.08),
        pattern=Pattern.SHEET,
    )
    return [shed]


def roof_hut(rng: np.random.Generator, ids: Ids, main: Building, *, share: float = 1.0) -> Building:
    """A hut of metal sheet or another storey upon a flat roof; ``share`` caps its size."""
    length = main.area.length * float(rng.uniform(0.3, 0.95)) * share
    width = main.area.width * float(rng.uniform(0.4, 0.92)) * share
    sheet = rng.random() < 0.75
    area = main.area.inside(
        along=float(rng.uniform(-1, 1)) * (main.area.length - length) * 0.45,
        across=float(rng.uniform(-1, 1)) * (main.area.width - width) * 0.45,
        length=max(length, 2.2),
        width=max(width, 2.0),
    )
    return Building(
        id=next(ids),
        area=area,
        base=main.base + main.height,
        height=float(rng.uniform(2.2, 3.2)),
        roof=pick(rng, (Roof.LEAN_TO, Roof.GABLE)) if sheet else Roof.FLAT,
        rise=float(rng.uniform(0.3, 0.8)),
        roof_tint=jitter(rng, pick(rng, SHEETS if sheet else SLABS), 0.1),
        wall_tint=main.wall_tint,
        pattern=Pattern.SHEET if sheet else Pattern.CONCRETE,
        overhang=0.15 if sheet else 0.0,
    )


def lean_to(rng: np.random.Generator, ids: Ids, main: Building) -> Building:
    """A low annex against one side of a building."""
    side = float(rng.choice([-1, 1]))
    deep = float(rng.uniform(2.4, 5.5))
    if rng.random() < 0.5:
        wide = main.area.length * float(rng.uniform(0.4, 1.0))
        offset = float(rng.uniform(-0.5, 0.5)) * (main.area.length - wide)
        across = side * (main.area.width + deep) / 2
        area = main.area.inside(along=offset, across=across, length=wide, width=deep)
    else:
        wide = main.area.width * float(rng.uniform(0.4, 1.0))
        offset = float(rng.uniform(-0.5, 0.5)) * (main.area.width - wide)
        along = side * (main.area.length + deep) / 2
        area = main.area.inside(along=along, across=offset, length=deep, width=wide)
    return Building(
        id=next(ids),
        area=area,
        height=float(rng.uniform(2.2, 3.2)),
        roof=Roof.LEAN_TO,
        rise=float(rng.uniform(0.2, 0.6)),
        roof_tint=jitter(rng, pick(rng, SHEETS), 0.1),
        wall_tint=main.wall_tint,
        pattern=Pattern.SHEET,
        overhang=0.2,
    )


def vehicle(
    rng: np.random.Generator,
    ids: Ids,
    at: tuple[float, float],
    *,
    heading: float,
    lorries: bool = True,
) -> Vehicle:
    """A car or, one in six where allowed, a box lorry."""
    cargo = lorries and rng.random() < 1 / 6
    length, width, height = (7.5, 2.4, 3.3) if cargo else (4.5, 1.8, 1.5)
    scale = float(rng.uniform(0.92, 1.1))
    facing = heading + (math.pi if rng.random() < 0.5 else 0.0)
    return Vehicle(
        id=next(ids),
        area=Rect(*at, length * scale, width, facing),
        height=height * scale,
        tint=jitter(rng, pick(rng, PAINTS), 0.08),
        cargo=cargo,
    )
