"""Lorry cabs: cab-over-engine and bonneted. Built with the front bumper at x = 0, then moved."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from datasets.scenes.shape import Paint, Shape, rotation
from datasets.scenes.vehicle_shell import (
    BLACK,
    GLASS,
    HEADLAMP,
    STEEL,
    Width,
    bar,
    body,
    cross_panel,
    dirty,
    plate_paint,
    side_panels,
)


@dataclass(frozen=True, slots=True)
class Cab:
    """Proportions of a cab in metres.

    Attributes:
        length: from the bumper to the back wall.
        width: outside.
        top_z: height of the roof.
        floor_z: lower edge of the cab behind the bumper.
        rake: how far the windscreen leans back.
        round_m: how far the roof's edge is cut off.
        bonnet: length of a bonnet before the windscreen; 0 for a cab over the engine.
        rows: one or two rows of side windows.
    """

    length: float
    width: float
    top_z: float
    floor_z: float
    rake: float
    round_m: float
    bonnet: float = 0.0
    rows: int = 1


def cab(rng: np.random.Generator, size: Cab, paint: Paint) -> Shape:
    """Return a cab.

    Args:
        rng: source of chance for grille, bumper, lamps and fittings.
        size: its proportions.
        paint: of the body.
    """
    shape = Shape()
    front = -size.bonnet
    height = size.top_z - size.floor_z
    waist = size.floor_z + height * 0.42
    half = size.width / 2
    wide = Width(half, waist, half * 0.93, size.top_z)
    back = -size.length
    outline = [
        (back, size.floor_z),
        (front - 0.02, size.floor_z),
        (front, size.floor_z + 0.15),
        (front, waist),
        (front - size.rake, size.top_z - size.round_m),
        (front - size.rake - size.round_m, size.top_z - size.round_m * 0.25),
        (front - size.rake - size.round_m * 2.5, size.top_z),
        (back + 0.15, size.top_z),
        (back, size.top_z - 0.15),
    ]
    body(shape, outline, wide, paint)
    _windows(shape, size, wide, waist)
    _trim(rng, shape, size, wide, waist, paint)
    if size.bonnet:
        _bonnet(rng, shape, size, waist, paint)
    else:
        _face(rng, shape, size, waist, paint)
    return shape


def _windows(shape: Shape, size: Cab, wide: Width, waist: float) -> None:
    front, rise = -size.bonnet, size.top_z - size.round_m - waist

    def lean(z: float) -> float:
        return front - size.rake * float(np.clip((z - waist) / rise, 0, 1))

    low, high = waist + 0.06, size.top_z - size.round_m - 0.05
    cross_panel(
        shape,
        (lean(low), wide(low) - 0.09, low),
        (lean(high), wide(high) - 0.12, high),
        GLASS,
        gap_m=0.015,
    )
    sill, lintel = waist - 0.06, size.top_z - size.round_m - 0.08
    ends = np.linspace(front - 0.22, -size.length + 0.12, size.rows + 1)
    for number in range(size.rows):
        start, end = float(ends[number]) - 0.04, float(ends[number + 1])
        if size.rows == 1:
            end = max(end, start - 0.95)
        top_start = start - (size.rake * 0.9 + 0.06 if number == 0 else 0.0)
        # A sill that drops towards the front is what many lorry doors have.
        corners = [(end, sill + 0.1), (start, sill - 0.08), (top_start, lintel), (end, lintel)]
        side_panels(shape, corners, wide, GLASS)
        edge = BLACK
        for x in (start + 0.06, end - 0.06):
            line = [
                (x - 0.012, size.floor_z + 0.1),
                (x + 0.012, size.floor_z + 0.1),
                (x + 0.012, sill - 0.1),
                (x - 0.012, sill - 0.1),
            ]
            side_panels(shape, line, wide, edge, gap_m=0.006)
        handle = [
            (end + 0.06, sill - 0.2),
            (end + 0.26, sill - 0.2),
            (end + 0.26, sill - 0.14),
            (end + 0.06, sill - 0.14),
        ]
        side_panels(shape, handle, wide, edge, gap_m=0.02)


def _trim(
    rng: np.random.Generator, shape: Shape, size: Cab, wide: Width, waist: float, paint: Paint
) -> None:
    """Visor, mirrors, lower sides with steps, things on the roof."""
    front, half = -size.bonnet, size.width / 2
    if rng.random() < 0.6:
        visor = (BLACK, paint)[int(rng.integers(2))]
        z = size.top_z - size.round_m + 0.03
        shape.box(
            (0.24, size.width * 0.86, 0.06),
            (front - size.rake + 0.14, 0, z),
            visor,
            turn=rotation(pitch_deg=20),
        )
    mirror = (BLACK, paint)[int(rng.random() < 0.3)]
    z = waist + rng.uniform(0.25, 0.45)
    for side in (-1.0, 1.0):
        y = side * (half + 0.2)
        shape.box((0.12, 0.19, 0.44), (front - 0.02, y, z), mirror)
        bar(shape, (front - 0.2, side * wide(z) * 0.98, z + 0.2), (front - 0.02, y, z + 0.2), BLACK)
    if rng.random() < 0.4:
        beacon = Paint((0.85, 0.32, 0.0), roughness=0.2)
        for y in (-0.7, 0.7)[: int(rng.integers(1, 3))]:
            spot = (front - size.rake - 0.6, y, size.top_z + 0.08)
            shape.cylinder(0.08, 0.18, spot, beacon, sides=8)
    if rng.random() < 0.25:
        sign = ((0.05, 0.35, 0.1), (0.7, 0.5, 0.02), (0.6, 0.6, 0.6))[int(rng.integers(3))]
        spot = (front - size.rake - 0.5, 0, size.top_z + 0.11)
        shape.box((0.1, 0.9, 0.2), spot, Paint(sign, roughness=0.4))
    if rng.random() < 0.5:
        intake = (-size.length - 0.12, rng.choice((-1, 1)) * (half - 0.2), size.top_z - 0.7)
        shape.box((0.2, 0.3, 1.5), (float(intake[0]), float(intake[1]), float(intake[2])), BLACK)
    if rng.random() < 0.3:
        stack = (-size.length - 0.1, float(rng.choice((-1, 1))) * (half - 0.25), size.top_z - 0.6)
        shape.cylinder(0.07, 1.8, stack, STEEL, sides=10)


def _face(rng: np.random.Generator, shape: Shape, size: Cab, waist: float, paint: Paint) -> None:
    """Bumper, grille and lamps of a cab over the engine, the wheel's arch and the steps."""
    half, floor = size.width / 2, size.floor_z
    low = floor * 0.42
    dirt = dirty(paint, rng.uniform(0.2, 0.6))
    bumper = (dirt, dirty(BLACK, 0.15), Paint((0.3, 0.3, 0.31)))[int(rng.integers(3))]
    shape.box((0.5, size.width, floor - low), (-0.23, 0, (floor + low) / 2), bumper)
    # The steps behind the bumper end where the wheel begins.
    shape.box((0.35, size.width - 0.06, floor - low), (-0.6, 0, (floor + low) / 2), dirt)
    shape.box(
        (0.3, size.width - 0.08, floor - low - 0.12), (-size.length + 0.1, 0, floor * 0.72), dirt
    )
    arch = [
        (-size.length + 0.28, floor - 0.02),
        (-0.74, floor - 0.02),
        (-0.9, floor + 0.16),
        (-size.length + 0.42, floor + 0.16),
    ]
    side_panels(shape, arch, lambda _: half, BLACK, gap_m=0.015)
    style = int(rng.integers(3))
    top = waist - rng.uniform(0.08, 0.2)
    reach = half * rng.uniform(0.6, 0.95)
    if style != 2:
        grille = dirty(BLACK, 0.08)
        cross_panel(shape, (0, reach, floor + 0.16), (0, reach, top), grille)
        slats = int(rng.integers(2, 6))
        slat = (paint, STEEL, Paint((0.12, 0.12, 0.12)))[int(rng.integers(3))]
        for z in np.linspace(floor + 0.26, top - 0.08, slats):
            shape.box((0.05, reach * 1.9, 0.045), (0.02, 0, float(z)), slat)
    else:
        for z in np.linspace(floor + 0.25, top - 0.05, 3):
            shape.box((0.03, reach * 1.8, 0.07), (0.01, 0, float(z)), BLACK)
    lamp_z, lamp_high = low + (floor - low) * rng.uniform(0.5, 0.8), rng.uniform(0.13, 0.24)
    for side in (-1.0, 1.0):
        shape.box((0.04, 0.46, lamp_high + 0.05), (0.02, side * (half - 0.3), lamp_z), BLACK)
        shape.box((0.06, 0.38, lamp_high), (0.03, side * (half - 0.3), lamp_z), HEADLAMP)
        orange = Paint((0.7, 0.22, 0.0), roughness=0.3)
        shape.box((0.05, 0.1, lamp_high), (0.03, side * (half - 0.06), lamp_z), orange)
    shape.box((0.03, 0.52, 0.13), (0.04, 0, low + 0.2), plate_paint(rng))


def _bonnet(rng: np.random.Generator, shape: Shape, size: Cab, waist: float, paint: Paint) -> None:
    """Engine bonnet with wings over the front wheels, upright grille and round lamps."""
    half, floor, long = size.width / 2, size.floor_z, size.bonnet
    narrow = half * rng.uniform(0.6, 0.75)
    drop = rng.uniform(0.1, 0.3)
    outline = [
        (-long - 0.05, floor - 0.2),
        (-0.12, floor - 0.2),
        (-0.06, waist - drop - 0.12),
        (-0.16, waist - drop),
        (-long - 0.05, waist + 0.02),
    ]
    body(shape, outline, Width(narrow, waist - drop - 0.2, narrow * 0.86, waist), paint)
    for side in (-1.0, 1.0):
        wing = [
            (-long - 0.05, floor + 0.05),
            (-long + 0.1, floor - 0.05),
            (-long + 0.25, floor + 0.22),
            (-0.3, floor + 0.22),
            (-0.1, floor - 0.1),
            (0.0, floor - 0.1),
            (-0.02, floor + 0.3),
            (-0.25, floor + 0.42),
            (-long - 0.05, floor + 0.46),
        ]
        shape.prism(wing, half - narrow, paint, centre_y=side * (half + narrow) / 2)
        lamp = (0.02, side * (half - 0.22), floor + 0.08)
        shape.cylinder(0.13, 0.08, lamp, HEADLAMP, axis="x", sides=10)
    chrome = (STEEL, BLACK)[int(rng.integers(2))]
    grille = (-0.06, narrow * 0.85, floor - 0.05)
    cross_panel(shape, grille, (-0.05, narrow * 0.8, waist - drop - 0.1), BLACK, gap_m=0.03)
    for y in np.linspace(-narrow * 0.75, narrow * 0.75, 7):
        shape.box((0.05, 0.03, waist - drop - floor - 0.1), (-0.03, float(y), floor + 0.3), chrome)
    shape.box((0.25, size.width, 0.32), (-0.02, 0, floor * 0.62), chrome)
    shape.box((0.03, 0.5, 0.13), (0.12, 0, floor * 0.62), plate_paint(rng))
    step = (size.length - long - 0.1, size.width - 0.1, floor * 0.45)
    shape.box(step, (-(long + size.length) / 2, 0, floor * 0.75), dirty(paint, 0.5))
