"""Small things on roofs and in yards: tanks, solar heaters, pots, washing, junk."""

from __future__ import annotations

from typing import Final

import numpy as np
from shapely.geometry import Point

from datasets.village.canvas import Canvas, Colour, Material, Rect, mix, step
from datasets.village.roofs import block

JUNK_COLOURS: Final[tuple[Colour, ...]] = (
    (150, 144, 134),
    (118, 112, 104),
    (176, 170, 158),
    (96, 112, 132),
    (140, 104, 84),
    (88, 84, 80),
    (188, 186, 180),
    (96, 112, 88),
    (160, 138, 106),
    (72, 108, 152),
    (158, 84, 74),
)


def water_tank(canvas: Canvas, u: float, v: float, *, base_m: float, name: str) -> None:
    """Put a steel or plastic water tank on a roof."""
    rng = canvas.rng(name)
    radius = float(rng.uniform(0.55, 0.8))
    patch = canvas.patch(Point(u, v).buffer(radius))
    if patch is None:
        return
    colours: tuple[Colour, ...] = ((196, 198, 198), (204, 204, 200), (74, 108, 150), (64, 66, 70))
    p, q = patch.axes(u, v, 0.0)
    away = np.sqrt(p * p + q * q) / radius
    base = np.asarray(colours[int(rng.integers(0, 4))], np.float32) / 255.0
    tone = base * (1.08 - 0.28 * step(0.3, 1.0, away))[..., None]
    patch.tint(np.clip(tone, 0, 1).astype(np.float32))
    patch.lift((base_m + 1.5 - 0.35 * away**2).astype(np.float32))


def solar_heater(canvas: Canvas, rect: Rect, *, base_m: float, name: str) -> None:
    """Put a solar water heater: a rack of dark tubes under a bright tank."""
    patch = canvas.patch(rect)
    if patch is None:
        return
    p, q = patch.axes(rect.u, rect.v, rect.angle_deg)
    tube = 0.5 + 0.5 * np.cos(2 * np.pi * p / 0.3)
    patch.tint(mix((40, 46, 66), (78, 86, 104), 0.5 * tube.astype(np.float32)))
    patch.lift((base_m + 0.25 + 0.45 * (q + rect.depth / 2)).astype(np.float32))
    tank = rect.part(0.0, rect.depth / 2 + 0.15, rect.width + 0.3, 0.5)
    block(canvas, tank, top_m=base_m + 1.15, colour=(206, 208, 208), name=f"{name}/tank")


def clutter(
    canvas: Canvas,
    rect: Rect,
    *,
    base_m: float | None,
    name: str,
    count: int,
    largest_m: float = 1.4,
    dated: bool = False,
) -> None:
    """Scatter small boxes, buckets, boards and pots over a rectangle.

    Args:
        canvas: Where.
        rect: Area.
        base_m: Absolute height they stand on; None for the ground.
        name: Seed.
        count: How many.
        largest_m: Longest edge.
        dated: Whether they are moved between the surveys.
    """
    rng = canvas.rng(name, dated=dated)
    for _ in range(count):
        p = float(rng.uniform(-0.5, 0.5)) * max(0.2, rect.width - 0.6)
        q = float(rng.uniform(-0.5, 0.5)) * max(0.2, rect.depth - 0.6)
        size = 0.25 + (largest_m - 0.25) * float(rng.beta(1.2, 3.0))
        colour = JUNK_COLOURS[int(rng.integers(0, len(JUNK_COLOURS)))]
        pot = rng.uniform() < 0.25
        turn = float(rng.choice([0.0, 0.0, 90.0, rng.uniform(0, 90)]))
        item = rect.part(p, q, size, size * float(rng.uniform(0.4, 1.0)), turn_deg=turn)
        patch = (
            canvas.patch(Point(item.u, item.v).buffer(size * 0.45)) if pot else canvas.patch(item)
        )
        if patch is None:
            continue
        base = patch.ground_m() if base_m is None else base_m
        tone: Colour = (88, 104, 60) if pot else colour
        uneven = 1.0 + 0.10 * patch.noise("grain", rng)
        patch.tint(np.clip(np.asarray(tone, np.float32) / 255.0 * uneven[..., None], 0, 1), 0.9)
        patch.lift(base + float(rng.uniform(0.1, 0.35 + 0.5 * size)))


def washing(canvas: Canvas, rect: Rect, *, base_m: float, name: str) -> None:
    """Hang a line of washing across a roof: other clothes on every survey."""
    rng = canvas.rng(name, dated=True)
    colours: tuple[Colour, ...] = (
        (200, 200, 204),
        (168, 96, 100),
        (98, 116, 156),
        (176, 168, 128),
        (120, 136, 120),
        (74, 76, 84),
    )
    at = -0.5 * rect.width * 0.7
    while at < 0.5 * rect.width * 0.7:
        width = float(rng.uniform(0.4, 1.1))
        piece = canvas.patch(rect.part(at, 0.0, width, 0.28))
        if piece is not None and rng.uniform() < 0.75:
            piece.tint(colours[int(rng.integers(0, len(colours)))], 0.85)
            piece.lift(base_m + 1.6)
        at += width + 0.12


def pole(canvas: Canvas, u: float, v: float, *, height_m: float) -> None:
    """Put a lamp or power pole: little to see from above but its shadow."""
    patch = canvas.patch(Point(u, v).buffer(0.17))
    if patch is None:
        return
    patch.tint((166, 162, 154))
    patch.lift(patch.ground_m() + height_m)
    patch.mark(Material.PAVED)
