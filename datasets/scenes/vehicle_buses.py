"""Buses."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from datasets.scenes.asset import Asset, Part
from datasets.scenes.shape import Paint, Shape, rotation
from datasets.scenes.vehicle_shell import (
    BLACK,
    GLASS,
    HEADLAMP,
    STEEL,
    TAIL_LAMP,
    PointXZ,
    Span,
    Width,
    bar,
    body,
    body_paint,
    cross_panel,
    draw,
    plate_paint,
    side_panels,
    wheels,
)


@dataclass(frozen=True, slots=True)
class _Bus:
    length: Span
    height: Span
    belt_m: float
    axle_share: tuple[float, float]
    doors: int
    windows_m: float


BUSES: dict[str, _Bus] = {
    "city_bus": _Bus((10.5, 12.0), (2.95, 3.2), 1.05, (0.27, 0.77), 3, 1.5),
    "coach": _Bus((10.5, 12.5), (3.3, 3.7), 1.75, (0.25, 0.76), 1, 1.9),
    "midi_bus": _Bus((7.0, 8.3), (2.7, 2.95), 1.15, (0.22, 0.76), 2, 1.2),
}


def bus(rng: np.random.Generator, *, design: str) -> Asset:
    """Return a bus."""
    kind = BUSES[design]
    length, height = draw(rng, kind.length), draw(rng, kind.height)
    half = rng.uniform(1.22, 1.28)
    names = ("white", "red", "blue", "green", "yellow", "orange", "silver", "light_blue")
    paint = body_paint(rng, names, roughness=0.3)
    belt = kind.belt_m
    width = Width(half, belt, half * 0.96, height)
    front, back = length / 2, -length / 2
    shape = Shape()
    rake = rng.uniform(0.05, 0.45)
    outline = [
        (back, 0.4),
        (front - 0.1, 0.3),
        (front, 0.45),
        (front, belt),
        (front - rake, height - 0.25),
        (front - rake - 0.3, height),
        (back + 0.3, height),
        (back, height - 0.25),
    ]
    body(shape, outline, width, paint)
    if rng.random() < 0.6:
        band = body_paint(rng, names)
        corners = [
            (back, 0.42),
            (front - 0.05, 0.42),
            (front - 0.05, belt * 0.7),
            (back, belt * 0.6),
        ]
        side_panels(shape, corners, width, band, gap_m=0.004)
    high = height - 0.42
    count = max(4, round((length - 1.6) / kind.windows_m))
    edges = np.linspace(back + 0.5, front - rake - 0.35, count + 1)
    for start, end in itertools.pairwise(edges):
        a, b = float(start) + 0.04, float(end) - 0.04
        side_panels(shape, [(a, belt), (b, belt), (b, high), (a, high)], width, GLASS)
    for number in range(kind.doors):
        x = front - 0.95 - number * (length * 0.4 if kind.doors < 3 else length * 0.31)
        # Doors are on the kerb side only.
        for shift in (-0.3, 0.3):
            shape.box(
                (0.52, 0.03, high - 0.45), (x + shift, -half - 0.005, (high + 0.5) / 2), GLASS
            )
    _bus_ends(rng, shape, outline, width)
    for share in kind.axle_share:
        x, wheel = back + share * length, 0.48
        angles = np.linspace(0, np.pi, 9)
        disc = [(x + 0.58 * float(np.cos(a)), wheel + 0.58 * float(np.sin(a))) for a in angles]
        side_panels(shape, disc, width, BLACK, gap_m=0.008)
        wheels(shape, x, half + 0.02, wheel, rim=STEEL, dual=share < 0.5)
    for share in (0.3, 0.65)[: int(rng.integers(1, 3))]:
        roof = Paint((0.6, 0.6, 0.6), roughness=0.5)
        shape.box(
            (2.2, 1.6, 0.25), (back + share * length, 0, height + 0.1), roof, top_scale=(0.9, 0.9)
        )
    return Asset("bus", design, (Part("bus", shape),))


def _bus_ends(
    rng: np.random.Generator, shape: Shape, outline: Sequence[PointXZ], width: Width
) -> None:
    """Windscreen, rear window, route sign, lamps, mirrors."""
    back, (front, belt), (top_x, top) = outline[0][0], outline[3], outline[4]
    sill = min(belt, 1.15)
    cross_panel(
        shape, (front, width(sill) - 0.06, sill), (top_x, width(top) - 0.1, top - 0.02), GLASS
    )
    sign = Paint((0.8, 0.4, 0.05), glow=1.5)
    shape.box((0.05, 1.3, 0.16), (top_x + 0.03, 0, top - 0.12), sign)
    cross_panel(
        shape,
        (back, width(1.8) - 0.2, 1.5),
        (back, width(top) - 0.2, top - 0.1),
        GLASS,
        gap_m=-0.015,
    )
    for side in (-1.0, 1.0):
        y = side * (width.low_m - 0.25)
        shape.box((0.06, 0.34, 0.18), (front + 0.01, y, 0.72), HEADLAMP)
        shape.box((0.06, 0.2, 0.5), (back, side * (width.low_m - 0.15), 1.0), TAIL_LAMP)
        mirror = (front + 0.15, side * (width.low_m + 0.1), top - 0.35)
        shape.box((0.12, 0.2, 0.45), mirror, BLACK, turn=rotation(pitch_deg=8))
        bar(
            shape,
            (front - 0.2, side * width.low_m * 0.95, top),
            (mirror[0], mirror[1], top - 0.1),
            BLACK,
        )
    for x in (front + 0.02, back - 0.02):
        shape.box((0.03, 0.52, 0.13), (x, 0, 0.6), plate_paint(rng))
