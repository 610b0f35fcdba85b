"""Small solids that stalls, carts and people are made of: rods, lofts, heaps, crates, wheels."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from datasets.scenes.shape import Paint, Shape
from datasets.scenes.vending_paints import RUBBER

Point = tuple[float, float, float]
Ring = tuple[Point, float, float]
"""Centre, half depth along x and half width along y."""


def rod(
    shape: Shape,
    start: Point,
    end: Point,
    radius: float,
    paint: Paint,
    *,
    end_radius: float | None = None,
    sides: int = 6,
) -> Shape:
    """Add a straight rod, or a tapered one, between two points."""
    axis = np.subtract(end, start).astype(np.float64)
    length = float(np.linalg.norm(axis))
    if length < 1e-6:
        return shape
    axis /= length
    aside = np.cross(axis, (0.0, 1.0, 0.0) if abs(axis[1]) < 0.9 else (1.0, 0.0, 0.0))
    aside /= np.linalg.norm(aside)
    # Columns: where x, y and z of the upright rod go; right-handed, so faces stay outward.
    turn = np.column_stack([aside, np.cross(axis, aside), axis])
    upright = Shape().cylinder(
        radius, length, (0, 0, length / 2), paint, sides=sides, end_radius=end_radius
    )
    return shape.add(upright.moved(*start, turn=turn))


def loft(shape: Shape, rings: Sequence[Ring], paint: Paint, *, sides: int = 8) -> Shape:
    """Add a skin over oval level rings, lowest first, closed at both ends."""
    turns = 2 * math.pi * np.arange(sides) / sides
    points = [
        (x + deep * math.cos(turn), y + wide * math.sin(turn), z)
        for (x, y, z), deep, wide in rings
        for turn in turns
    ]
    faces: list[tuple[int, ...]] = [tuple(reversed(range(sides)))]
    for ring in range(len(rings) - 1):
        low, high = ring * sides, (ring + 1) * sides
        for side in range(sides):
            after = (side + 1) % sides
            faces.append((low + side, low + after, high + after, high + side))
    faces.append(tuple(range((len(rings) - 1) * sides, len(rings) * sides)))
    return shape.mesh(points, faces, paint)


def heap(
    shape: Shape,
    rng: np.random.Generator,
    *,
    size: tuple[float, float, float],
    centre: Point,
    paint: Paint,
    cells: int = 6,
) -> Shape:
    """Add a lumpy heap over a rectangle, standing on the centre's z."""
    line = np.linspace(-1, 1, cells + 1)
    across = (1 - np.abs(line) ** 3)[:, None] * (1 - np.abs(line) ** 3)[None, :]
    heights = size[2] * across * rng.uniform(0.75, 1.1, across.shape)
    return shape.surface(heights, (size[0], size[1]), centre, paint)


def open_box(
    shape: Shape, size: tuple[float, float, float], foot: Point, paint: Paint, *, wall: float = 0.02
) -> Shape:
    """Add a box without a lid, standing on ``foot``."""
    long, wide, high = size
    x, y, z = foot
    shape.box((long, wide, wall), (x, y, z + wall / 2), paint)
    for side in (-1, 1):
        shape.box((long, wall, high), (x, y + side * (wide - wall) / 2, z + high / 2), paint)
        shape.box((wall, wide, high), (x + side * (long - wall) / 2, y, z + high / 2), paint)
    return shape


def wheel(shape: Shape, radius: float, width: float, centre: Point, hub: Paint) -> Shape:
    """Add a car or cart wheel that rolls along x."""
    shape.cylinder(radius, width, centre, RUBBER, axis="y", sides=14)
    return shape.cylinder(radius * 0.55, width * 1.08, centre, hub, axis="y", sides=8)


def spoked_wheel(shape: Shape, radius: float, centre: Point, hub: Paint) -> Shape:
    """Add a bicycle wheel that rolls along x: a tyre that one sees through, and spokes."""
    x, y, z = centre
    sides, thick = 16, 0.028
    turns = 2 * math.pi * np.arange(sides) / sides
    middle = radius - thick
    corners = [(middle, -thick), (radius, 0.0), (middle, thick), (middle - thick, 0.0)]
    points = [
        (x + r * math.cos(turn), y + off, z + r * math.sin(turn))
        for turn in turns
        for r, off in corners
    ]
    faces = [
        (
            4 * s + c,
            4 * ((s + 1) % sides) + c,
            4 * ((s + 1) % sides) + (c + 1) % 4,
            4 * s + (c + 1) % 4,
        )
        for s in range(sides)
        for c in range(4)
    ]
    shape.mesh(points, faces, RUBBER)
    for turn in turns[:8:2]:
        along, up = radius * math.cos(turn), radius * math.sin(turn)
        rod(shape, (x - along, y, z - up), (x + along, y, z + up), 0.008, hub, sides=3)
    return shape


def legs(
    shape: Shape, size: tuple[float, float], height: float, paint: Paint, *, radius: float = 0.02
) -> Shape:
    """Add four legs under a rectangle."""
    for x in (-1, 1):
        for y in (-1, 1):
            at = (x * (size[0] / 2 - 0.05), y * (size[1] / 2 - 0.05))
            rod(shape, (*at, 0.0), (*at, height), radius, paint, sides=4)
    return shape


def cells(
    size: tuple[float, float], cell: tuple[float, float]
) -> tuple[list[tuple[float, float]], tuple[float, float]]:
    """Split a rectangle into even cells of about a size; return their middles and their size."""
    along, across = (max(1, round(size[axis] / cell[axis])) for axis in (0, 1))
    step = (size[0] / along, size[1] / across)
    middles = [
        ((i + 0.5) * step[0] - size[0] / 2, (j + 0.5) * step[1] - size[1] / 2)
        for i in range(along)
        for j in range(across)
    ]
    return middles, step
