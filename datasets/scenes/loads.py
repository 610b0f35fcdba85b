"""What a muck truck carries: earth, rubble, sand, gravel, demolition waste."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from datasets.scenes.shape import Paint, Rgb, Shape, Vertices, rotation
from datasets.scenes.vehicle_shell import Width, bar, draw

Heights = NDArray[np.float64]
ALONG, ACROSS = 34, 18
"""Points of a load's surface along and across its box."""


@dataclass(frozen=True, slots=True)
class Room:
    """The inside of a load box, seen from above a rectangle.

    Attributes:
        back_x: of the inside of the tailgate, metres.
        front_x: of the inside of the front wall.
        floor_z: height of the floor.
        top_z: height of the side boards' upper edge.
        half_width: half the inner width by height.
    """

    back_x: float
    front_x: float
    floor_z: float
    top_z: float
    half_width: Width

    @property
    def deep(self) -> float:
        """Height of the boards above the floor."""
        return self.top_z - self.floor_z


@dataclass(frozen=True, slots=True)
class Material:
    """A bulk material: its colours, how coarse it is, what lies in it.

    Attributes:
        colours: one is taken.
        grain_m: size of its speckles.
        contrast: strength of its speckles.
        lumps: how many pieces lie on it, from and to.
        lump_m: their sizes, from and to.
        broken: whether pieces are angular (rubble) and not round (clods, stones).
        lump_colours: of the pieces; the material's own where empty.
        rods: how many reinforcing rods or laths stick out at most.
    """

    colours: tuple[Rgb, ...]
    grain_m: float
    contrast: float
    lumps: tuple[int, int]
    lump_m: tuple[float, float]
    broken: bool = False
    lump_colours: tuple[Rgb, ...] = ()
    rods: int = 0


_EARTHS: tuple[Rgb, ...] = (
    (0.20, 0.115, 0.06),
    (0.40, 0.27, 0.15),
    (0.33, 0.12, 0.055),
    (0.085, 0.06, 0.042),
    (0.27, 0.18, 0.10),
)
MATERIALS = {
    "earth": Material(_EARTHS, 0.16, 0.45, (25, 60), (0.05, 0.2)),
    "sand": Material(((0.52, 0.40, 0.23), (0.45, 0.36, 0.24)), 0.35, 0.18, (0, 8), (0.03, 0.08)),
    "gravel": Material(
        ((0.30, 0.29, 0.27), (0.22, 0.22, 0.23)), 0.07, 0.6, (30, 60), (0.03, 0.09), broken=True
    ),
    "rubble": Material(
        ((0.33, 0.32, 0.30), (0.42, 0.39, 0.35)),
        0.2,
        0.4,
        (45, 80),
        (0.10, 0.5),
        broken=True,
        lump_colours=((0.42, 0.41, 0.39), (0.30, 0.29, 0.28), (0.50, 0.47, 0.42)),
        rods=9,
    ),
    "demolition": Material(
        ((0.30, 0.23, 0.18), (0.26, 0.22, 0.2)),
        0.2,
        0.5,
        (50, 85),
        (0.08, 0.42),
        broken=True,
        lump_colours=(
            (0.38, 0.11, 0.06),
            (0.42, 0.41, 0.39),
            (0.45, 0.30, 0.15),
            (0.6, 0.6, 0.58),
            (0.08, 0.16, 0.35),
        ),
        rods=12,
    ),
}
_MATERIAL_SHARES = (0.45, 0.12, 0.12, 0.16, 0.15)


@dataclass(slots=True)
class Load:
    """A load in its box.

    Attributes:
        shape: what lies in or on the box.
        spill: what fell to the ground around the truck.
        probes: points spread over the load's face, shape ``(n, 3)``.
    """

    shape: Shape = field(default_factory=Shape)
    spill: Shape = field(default_factory=Shape)
    probes: Vertices = field(default_factory=lambda: np.zeros((0, 3)))


def bumps(rng: np.random.Generator, shape: tuple[int, int], cells: tuple[int, int]) -> Heights:
    """Return smooth noise from -1 to 1 with so many cells along each side."""
    coarse = rng.uniform(-1, 1, (cells[0] + 1, cells[1] + 1))
    rows = np.linspace(0, cells[0], shape[0])
    columns = np.linspace(0, cells[1], shape[1])
    along = np.stack(
        [np.interp(rows, np.arange(cells[0] + 1), column) for column in coarse.T], axis=1
    )
    across = [np.interp(columns, np.arange(cells[1] + 1), row) for row in along]
    return np.asarray(across, np.float64)


def _roughness(rng: np.random.Generator) -> Heights:
    shape = (ALONG, ACROSS)
    return np.asarray(
        0.5 * bumps(rng, shape, (6, 3))
        + 0.32 * bumps(rng, shape, (14, 7))
        + 0.18 * rng.uniform(-1, 1, shape),
        np.float64,
    )


def heap(rng: np.random.Generator, room: Room, *, rise: tuple[float, float]) -> Heights:
    """Return a heap's height above the boards over the box: mounds as an excavator leaves them.

    Args:
        rng: source of chance.
        room: the box.
        rise: highest point above the boards, from and to, metres.
    """
    half_long = (room.front_x - room.back_x) / 2
    half_wide = room.half_width(room.top_z)
    x = np.linspace(-half_long, half_long, ALONG)[:, None]
    y = np.linspace(-half_wide, half_wide, ACROSS)[None, :]
    top = min(draw(rng, rise), half_wide * 0.85)
    edge = rng.uniform(-0.14, 0.02)
    heights = np.full((ALONG, ACROSS), edge)
    count = int(rng.integers(1, 4))
    for mound in range(count):
        spread = half_long / count
        cx = -half_long + spread * (2 * mound + 1) + rng.uniform(-0.3, 0.3) * spread
        cy = rng.uniform(-0.12, 0.12) * half_wide
        long, wide = spread * rng.uniform(1.0, 1.5), half_wide * rng.uniform(0.95, 1.1)
        out = np.sqrt(((x - cx) / long) ** 2 + ((y - cy) / wide) ** 2 + 0.02)
        peak = top * (1.0 if mound == 0 else rng.uniform(0.7, 1.0)) - edge
        heights = np.maximum(heights, edge + peak * np.clip(1.14 - out, 0, None) / 1.0)
    return np.asarray(heights + _roughness(rng) * rng.uniform(0.06, 0.13), np.float64)


def _paint(rng: np.random.Generator, material: Material, rgb: Rgb) -> Paint:
    light = rng.uniform(0.8, 1.2)
    red, green, blue = (min(0.8, c * light) for c in rgb)
    return Paint(
        (red, green, blue),
        roughness=0.95,
        speckle=material.contrast,
        speckle_m=material.grain_m,
        relief=0.5,
    )


def lump(
    rng: np.random.Generator, at: Vertices, size: float, paint: Paint, *, broken: bool
) -> Shape:
    """Return a clod or a broken piece lying at a point."""
    spot = (float(at[0]), float(at[1]), float(at[2]))
    if broken:
        sizes = (size, size * rng.uniform(0.4, 0.9), size * rng.uniform(0.25, 0.6))
        yaw, pitch, roll = rng.uniform(-180, 180), rng.uniform(-35, 35), rng.uniform(-35, 35)
        turn = rotation(yaw_deg=yaw, pitch_deg=pitch, roll_deg=roll)
        keep = (rng.uniform(0.7, 1.0), rng.uniform(0.7, 1.0))
        return Shape().box(sizes, spot, paint, turn=turn, top_scale=keep)
    half = size / 2
    radii = (half * rng.uniform(0.8, 1.2), half * rng.uniform(0.8, 1.2), half * 0.8)
    return Shape().ball(radii, spot, paint, rings=3, sides=5)


def _strewn(
    rng: np.random.Generator,
    material: Material,
    surface: Vertices,
    paint: Paint,
    *,
    largest_m: float = 1.0,
) -> Shape:
    """Return lumps and rods on a surface given as points of shape ``(nx, ny, 3)``.

    Args:
        rng: source of chance.
        material: what they are of.
        surface: what they lie on.
        paint: of the surface.
        largest_m: no lump is larger and no rod stands up higher.
    """
    shape = Shape()
    paints = [_paint(rng, material, rgb) for rgb in material.lump_colours] or [
        paint.tinted(f) for f in (0.75, 1.0, 1.2)
    ]
    flat = surface[1:-1, 1:-1].reshape(-1, 3)
    for _ in range(int(rng.integers(material.lumps[0], material.lumps[1] + 1))):
        # Many small pieces, few big ones.
        share = rng.random() ** 2.5
        size = material.lump_m[0] + share * (material.lump_m[1] - material.lump_m[0])
        size = min(size, largest_m)
        shift = np.array([*rng.uniform(-0.06, 0.06, 2), size * 0.12])
        at = flat[rng.integers(len(flat))] + shift
        shape.add(
            lump(rng, at, size, paints[int(rng.integers(len(paints)))], broken=material.broken)
        )
    rod = Paint((0.13, 0.06, 0.035), roughness=0.8)
    for _ in range(int(rng.integers(0, material.rods + 1))):
        at = flat[rng.integers(len(flat))]
        way = at + np.array([*rng.uniform(-0.8, 0.8, 2), rng.uniform(0.0, min(0.4, largest_m))])
        thick = rng.uniform(0.02, 0.06)
        bar(shape, (at[0], at[1], at[2] - 0.05), (way[0], way[1], way[2]), rod, thick_m=thick)
    return shape


def spread(room: Room, heights: Heights, z: float) -> Vertices:
    """Return the points of a surface over the box, shape ``(nx, ny, 3)``."""
    half = room.half_width(z)
    x = np.linspace(room.back_x, room.front_x, heights.shape[0])
    y = np.linspace(-half, half, heights.shape[1])
    across, along = np.meshgrid(y, x)
    return np.stack([along, across, heights + z], axis=-1)


def _body(points: Vertices, paint: Paint) -> Shape:
    """Return the faces of a load's surface with sides that go down behind the boards."""
    skirted = np.pad(points, ((1, 1), (1, 1), (0, 0)), mode="edge")
    low = float(points[..., 2].min()) - 0.35
    skirted[[0, -1], :, 2] = low
    skirted[:, [0, -1], 2] = low
    return grid(skirted, paint)


def grid(points: Vertices, paint: Paint) -> Shape:
    """Return the faces over a grid of points of shape ``(nx, ny, 3)``."""
    long, wide = points.shape[:2]
    faces = [
        (i * wide + j, (i + 1) * wide + j, (i + 1) * wide + j + 1, i * wide + j + 1)
        for i in range(long - 1)
        for j in range(wide - 1)
    ]
    return Shape().mesh(points.reshape(-1, 3), faces, paint)


def probe_points(points: Vertices) -> Vertices:
    """Return some of the points of a load's surface, a little above it, shape ``(n, 3)``."""
    return np.asarray(points[2:-2:4, 2:-2:3].reshape(-1, 3) + np.array((0, 0, 0.04)))


def _draw_material(rng: np.random.Generator) -> tuple[Material, Paint]:
    name = list(MATERIALS)[int(rng.choice(len(MATERIALS), p=_MATERIAL_SHARES))]
    material = MATERIALS[name]
    rgb = material.colours[int(rng.integers(len(material.colours)))]
    return material, _paint(rng, material, rgb)


def level(rng: np.random.Generator, room: Room) -> Load:
    """Return a load that ends at the boards' edge or a bit below."""
    material, paint = _draw_material(rng)
    z = room.top_z - rng.uniform(0.02, 0.28) * room.deep
    half = room.half_width(z)
    # Bumps must not stand above the boards.
    high = min(0.12, 0.6 * (room.top_z - z) + 0.05)
    points = spread(room, _roughness(rng) * high, z)
    points[..., 1] = np.clip(points[..., 1], -half, half)
    # Nor may what lies on it: the boards' edge is what level is measured by.
    largest = 0.1 + (room.top_z - z)
    shape = _body(points, paint).add(_strewn(rng, material, points, paint, largest_m=largest))
    return Load(shape, probes=probe_points(points))


def heaped(rng: np.random.Generator, room: Room) -> Load:
    """Return a load that stands above the boards; some of it spills."""
    material, paint = _draw_material(rng)
    points = spread(room, heap(rng, room, rise=(0.35, 1.0)), room.top_z)
    shape = _body(points, paint).add(_strewn(rng, material, points, paint))
    load = Load(shape, probes=probe_points(points))
    if rng.random() < 0.45:
        _spill(rng, room, load, material, paint)
    return load


def _spill(
    rng: np.random.Generator, room: Room, load: Load, material: Material, paint: Paint
) -> None:
    """Let some of the load lie on the boards' edge and on the ground."""
    side = 1.0 if rng.random() < 0.5 else -1.0
    half = room.half_width(room.top_z)
    for _ in range(int(rng.integers(8, 25))):
        x = rng.uniform(room.back_x, room.front_x)
        size = rng.uniform(0.06, 0.22)
        on_edge = np.array([x, side * (half + rng.uniform(0.0, 0.1)), room.top_z + size * 0.3])
        load.shape.add(lump(rng, on_edge, size, paint, broken=material.broken))
    behind = rng.random() < 0.6
    for _ in range(int(rng.integers(10, 40))):
        size = rng.uniform(0.04, 0.16)
        spot = (
            (room.back_x - abs(rng.normal(0.5, 0.6)), rng.normal(0, 0.8), 0.0)
            if behind
            else (
                rng.uniform(room.back_x, room.front_x),
                side * (half + 0.25 + abs(rng.normal(0, 0.3))),
                0.0,
            )
        )
        load.spill.add(lump(rng, np.array(spot), size, paint, broken=material.broken))


def residue(rng: np.random.Generator, room: Room) -> Load:
    """Return what sticks in an empty box: a film of dirt in places, some clods."""
    material, paint = _draw_material(rng)
    half = room.half_width(room.floor_z)
    load = Load()
    for _ in range(int(rng.integers(0, 4))):
        length, width = rng.uniform(0.6, 1.8), min(rng.uniform(0.4, 1.2), half)
        x = rng.uniform(room.back_x + length / 2, room.front_x - length / 2)
        y = rng.uniform(-half + width / 2, half - width / 2)
        rise = np.outer(np.hanning(9), np.hanning(7)) * rng.uniform(0.05, 0.16)
        load.shape.surface(
            rise + rng.uniform(0, 0.02, rise.shape) - 0.02,
            (length, width),
            (x, y, room.floor_z + 0.015),
            paint,
        )
    for _ in range(int(rng.integers(0, 10))):
        spot = np.array(
            [
                rng.uniform(room.back_x + 0.1, room.front_x - 0.1),
                rng.uniform(-half, half) * 0.85,
                room.floor_z + 0.03,
            ]
        )
        load.shape.add(lump(rng, spot, rng.uniform(0.05, 0.15), paint, broken=material.broken))
    return load
