"""What vehicles are put together from: drawn-out bodies, panels on them, plates, wheels, paints.

A body is an outline seen from the side, drawn out across; how wide it is depends on height only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from datasets.scenes.asset import Asset, Part
from datasets.scenes.shape import Paint, Rgb, Shape, Vertices, rotation

Span = tuple[float, float]
"""From and to."""
PointXZ = tuple[float, float]
PointXYZ = tuple[float, float, float]

GLASS = Paint((0.015, 0.02, 0.025), roughness=0.06)
TYRE = Paint((0.025, 0.024, 0.023), roughness=0.9, speckle=0.4, speckle_m=0.15)
BLACK = Paint((0.02, 0.02, 0.02), roughness=0.5)
STEEL = Paint((0.45, 0.45, 0.46), roughness=0.35, metallic=1.0)
TAIL_LAMP = Paint((0.45, 0.01, 0.01), roughness=0.2)
HEADLAMP = Paint((0.62, 0.62, 0.58), roughness=0.15)
DUST: Rgb = (0.30, 0.23, 0.16)

COLOURS: dict[str, Rgb] = {
    "white": (0.72, 0.72, 0.70),
    "silver": (0.42, 0.43, 0.44),
    "grey": (0.16, 0.17, 0.18),
    "black": (0.018, 0.018, 0.02),
    "yellow": (0.75, 0.43, 0.02),
    "orange": (0.68, 0.17, 0.015),
    "red": (0.42, 0.02, 0.018),
    "green": (0.03, 0.18, 0.06),
    "blue": (0.02, 0.08, 0.36),
    "light_blue": (0.12, 0.33, 0.55),
    "beige": (0.50, 0.42, 0.30),
    "brown": (0.11, 0.05, 0.03),
}
_PLATES: tuple[Rgb, ...] = ((0.75, 0.75, 0.72), (0.75, 0.5, 0.03), (0.03, 0.10, 0.45))


@dataclass(frozen=True, slots=True)
class Width:
    """Half the width of a body by height: straight up to a waist, then leaning in to the top.

    Attributes:
        low_m: half width up to the waist.
        waist_z: where the leaning begins.
        top_m: half width at the top.
        top_z: height of the top.
    """

    low_m: float
    waist_z: float
    top_m: float
    top_z: float

    def __call__(self, z: float) -> float:
        """Return half the width at a height."""
        return float(np.interp(z, (self.waist_z, self.top_z), (self.low_m, self.top_m)))


def draw(rng: np.random.Generator, span: Span) -> float:
    """Return a number from a span."""
    return float(rng.uniform(*span))


def body_paint(
    rng: np.random.Generator, names: Sequence[str], *, roughness: float = 0.35, wear: float = 0.0
) -> Paint:
    """Return car paint of one of the named colours, each time a little different.

    Args:
        rng: source of chance.
        names: keys of ``COLOURS``.
        roughness: of the paint.
        wear: how uneven it has become, 0 to 1.
    """
    red, green, blue = COLOURS[names[int(rng.integers(len(names)))]]
    light = rng.uniform(0.75, 1.15)
    mixed = [min(0.85, c * light * rng.uniform(0.88, 1.1)) for c in (red, green, blue)]
    return Paint((mixed[0], mixed[1], mixed[2]), roughness=roughness, speckle=wear, speckle_m=0.7)


def dirty(paint: Paint, share: float) -> Paint:
    """Return a paint with a share of dust over it, in patches."""
    red, green, blue = (
        own * (1 - share) + dust * share for own, dust in zip(paint.rgb, DUST, strict=True)
    )
    return Paint((red, green, blue), roughness=0.85, speckle=0.35, speckle_m=0.35)


def plate_paint(rng: np.random.Generator) -> Paint:
    """Return the paint of a blank number plate."""
    return Paint(_PLATES[int(rng.choice(3, p=(0.6, 0.25, 0.15)))], roughness=0.4)


def switched_on(asset: Asset) -> Asset:
    """Return an asset with its headlamps and tail lamps burning."""
    burning = {HEADLAMP: replace(HEADLAMP, glow=12.0), TAIL_LAMP: replace(TAIL_LAMP, glow=4.0)}
    parts = tuple(
        Part(
            part.label,
            replace(part.shape, paints=[burning.get(p, p) for p in part.shape.paints]),
        )
        for part in asset.parts
    )
    return replace(asset, parts=parts)


def body(
    shape: Shape, outline_xz: Sequence[PointXZ], half_width: Callable[[float], float], paint: Paint
) -> Shape:
    """Add an outline (counter-clockwise, x right, z up) drawn out to a width that varies by z."""
    count = len(outline_xz)
    right = [(x, -half_width(z), z) for x, z in outline_xz]
    left = [(x, half_width(z), z) for x, z in outline_xz]
    walls = [(i, count + i, count + (i + 1) % count, (i + 1) % count) for i in range(count)]
    faces = [tuple(range(count)), tuple(reversed(range(count, 2 * count))), *walls]
    return shape.mesh([*right, *left], faces, paint)


def side_panels(
    shape: Shape,
    corners_xz: Sequence[PointXZ],
    half_width: Callable[[float], float],
    paint: Paint,
    *,
    gap_m: float = 0.012,
) -> Shape:
    """Add one panel on either side of a body, a little outside of it: windows, doors' edges."""
    count = len(corners_xz)
    for side in (-1.0, 1.0):
        points = [(x, side * (half_width(z) + gap_m), z) for x, z in corners_xz]
        shape.mesh(points, [tuple(range(count))], paint)
    return shape


def cross_panel(
    shape: Shape, low: PointXYZ, high: PointXYZ, paint: Paint, *, gap_m: float = 0.012
) -> Shape:
    """Add a panel across a body's front or back: a windscreen, a grille.

    Args:
        shape: what to add to.
        low: x, half width and z of its lower edge.
        high: the same of its upper edge.
        paint: of the panel.
        gap_m: how far in front of the given edges it lies (negative for a back).
    """
    points = [
        (low[0] + gap_m, -low[1], low[2]),
        (low[0] + gap_m, low[1], low[2]),
        (high[0] + gap_m, high[1], high[2]),
        (high[0] + gap_m, -high[1], high[2]),
    ]
    return shape.mesh(points, [(0, 1, 2, 3)], paint)


def plate(
    shape: Shape,
    inner: Sequence[PointXYZ],
    outward: PointXYZ,
    paints: tuple[Paint, Paint],
) -> Shape:
    """Add a thick four-cornered plate.

    Args:
        shape: what to add to.
        inner: the corners of its inner face.
        outward: from the inner to the outer face, metres.
        paints: of the inner face and of all the others.
    """
    near = np.asarray(inner, np.float64)
    points = np.vstack([near, near + np.asarray(outward)])
    shape.mesh(points, [(0, 1, 2, 3)], paints[0])
    first = len(shape.vertices) - 8
    others = [(7, 6, 5, 4), (0, 4, 5, 1), (1, 5, 6, 2), (2, 6, 7, 3), (3, 7, 4, 0)]
    shape.faces.extend(tuple(first + corner for corner in face) for face in others)
    shape.paints.extend([paints[1]] * len(others))
    return shape


def bar(
    shape: Shape, start: PointXYZ, end: PointXYZ, paint: Paint, *, thick_m: float = 0.04
) -> Shape:
    """Add a square bar between two points."""
    a, b = np.asarray(start, np.float64), np.asarray(end, np.float64)
    along = b - a
    length = float(np.linalg.norm(along))
    yaw = math.degrees(math.atan2(along[1], along[0]))
    pitch = -math.degrees(math.asin(float(np.clip(along[2] / length, -1, 1))))
    middle = (a + b) / 2
    return shape.box(
        (length, thick_m, thick_m),
        (float(middle[0]), float(middle[1]), float(middle[2])),
        paint,
        turn=rotation(yaw_deg=yaw, pitch_deg=pitch),
    )


def wheels(
    shape: Shape,
    x: float,
    outside_y: float,
    radius: float,
    *,
    rim: Paint,
    width: float = 0.28,
    dual: bool = False,
    sides: int = 16,
) -> Shape:
    """Add the wheels of one axle, their outer faces at the given distance from the middle."""
    for side in (-1.0, 1.0):
        for inward in (0.0, width + 0.06) if dual else (0.0,):
            y = side * (outside_y - width / 2 - inward)
            shape.cylinder(radius, width, (x, y, radius), TYRE, axis="y", sides=sides)
        y = side * (outside_y - 0.01)
        shape.cylinder(radius * 0.56, 0.05, (x, y, radius), rim, axis="y", sides=12)
        # A driven dual wheel is dished, a single one stands out.
        deep = BLACK if dual else rim.tinted(0.6)
        shape.cylinder(radius * 0.40, 0.06, (x, y, radius), deep, axis="y", sides=10)
        shape.cylinder(radius * 0.20, 0.10, (x, y, radius), rim, axis="y", sides=8)
    return shape


def mudguards(
    shape: Shape, x: float, outside_y: float, radius: float, paint: Paint, *, width: float = 0.5
) -> Shape:
    """Add an arc over either wheel of an axle."""
    for side in (-1.0, 1.0):
        for angle in range(20, 161, 28):
            turn = math.radians(angle)
            reach = radius * 1.16
            shape.box(
                (0.03, width, reach * 0.52),
                (
                    x + reach * math.cos(turn),
                    side * (outside_y - width / 2),
                    radius + reach * math.sin(turn),
                ),
                paint,
                turn=rotation(pitch_deg=-angle),
            )
    return shape


def points_on(corners: Sequence[PointXYZ], counts: tuple[int, int]) -> Vertices:
    """Return a grid of points on a four-cornered face, away from its edges.

    Args:
        corners: in order around the face.
        counts: points from the first to the second corner, and from the first to the last.

    Returns:
        Shape ``(counts[0] * counts[1], 3)``.
    """
    a, b, c, d = (np.asarray(corner, np.float64) for corner in corners)
    u = ((np.arange(counts[0]) + 0.5) / counts[0])[:, None, None]
    v = ((np.arange(counts[1]) + 0.5) / counts[1])[None, :, None]
    grid = (1 - u) * (1 - v) * a + u * (1 - v) * b + u * v * c + (1 - u) * v * d
    return np.asarray(grid.reshape(-1, 3), np.float64)
