"""Meshes of the parts of a survey scene, and the heights seen from above."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datasets.scenes.survey_parts import (
    Building,
    Colour,
    Heap,
    Net,
    Part,
    Pattern,
    Rect,
    Roof,
    Tree,
    Vehicle,
)

Floats = NDArray[np.float64]
NOTHING = -1
"""Id where only the ground is seen."""
PARAPET_M = 0.9
SLAB_M = 0.25
COLUMN_M = 0.4


@dataclass(frozen=True)
class Mesh:
    """Triangles of one colour and pattern.

    Attributes:
        vertices: (V, 3) metres in the scene.
        triangles: (T, 3) int indices of vertices.
        uv: (V, 2) metres along and across the part, for stripes.
        tint: Colour of the whole mesh.
        pattern: How the surface looks close by.
        part_id: The part it belongs to.
    """

    vertices: Floats
    triangles: NDArray[np.int64]
    uv: Floats
    tint: Colour
    pattern: Pattern
    part_id: int


def meshes_of(part: Part) -> list[Mesh]:
    """The meshes of one part."""
    if isinstance(part, Building):
        return _building(part)
    if isinstance(part, Tree):
        return _tree(part)
    if isinstance(part, Vehicle):
        return _vehicle(part)
    if isinstance(part, Heap):
        return [_heap(part)]
    return [_net(part)]


@dataclass(frozen=True)
class TopView:
    """What is seen from straight above.

    Attributes:
        height: (N, N) float32 metres above the ground; row 0 is the north edge.
        part_id: (N, N) int32 id of the topmost part, `NOTHING` on the ground.
    """

    height: NDArray[np.float32]
    part_id: NDArray[np.int32]


def top_view(meshes: Iterable[Mesh], *, side_m: float, size_px: int) -> TopView:
    """Heights and ids at the pixel centres of a square picture around the origin.

    Args:
        meshes: What stands in the scene.
        side_m: Side of the picture in metres.
        size_px: Side of the picture in pixels.
    """
    height = np.zeros((size_px, size_px), np.float32)
    part_id = np.full((size_px, size_px), NOTHING, np.int32)
    scale = size_px / side_m
    for mesh in meshes:
        # Pixel centres have whole numbers in this frame, y downwards.
        x = (mesh.vertices[:, 0] + side_m / 2) * scale - 0.5
        y = (side_m / 2 - mesh.vertices[:, 1]) * scale - 0.5
        corners = np.stack([x, y, mesh.vertices[:, 2]], axis=1)[mesh.triangles]
        for triangle in corners:
            _draw(triangle, mesh.part_id, height, part_id)
    return TopView(height, part_id)


def _draw(
    triangle: Floats, owner: int, height: NDArray[np.float32], part_id: NDArray[np.int32]
) -> None:
    size = height.shape[0]
    left, top = np.maximum(np.ceil(triangle[:, :2].min(axis=0)), 0).astype(int)
    right, bottom = np.minimum(np.floor(triangle[:, :2].max(axis=0)), size - 1).astype(int)
    if left > right or top > bottom:
        return
    (x0, y0, z0), (x1, y1, z1), (x2, y2, z2) = triangle
    area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
    if abs(area) < 1e-9:
        return
    xs = np.arange(left, right + 1)[None, :]
    ys = np.arange(top, bottom + 1)[:, None]
    second = ((xs - x0) * (y2 - y0) - (x2 - x0) * (ys - y0)) / area
    third = ((x1 - x0) * (ys - y0) - (xs - x0) * (y1 - y0)) / area
    z = z0 + second * (z1 - z0) + third * (z2 - z0)
    window = np.s_[top : bottom + 1, left : right + 1]
    seen = (second >= 0) & (third >= 0) & (second + third <= 1) & (z > height[window])
    height[window][seen] = z[seen]
    part_id[window][seen] = owner


def _faces(
    area: Rect,
    points: list[tuple[float, float, float]],
    polygons: list[tuple[int, ...]],
) -> tuple[Floats, NDArray[np.int64], Floats]:
    """Mesh arrays of polygons whose points are (along, across, z) from the area's centre."""
    local = np.array(points, np.float64)
    cos, sin = np.cos(area.heading), np.sin(area.heading)
    vertices = np.stack(
        [
            area.x + local[:, 0] * cos - local[:, 1] * sin,
            area.y + local[:, 0] * sin + local[:, 1] * cos,
            local[:, 2],
        ],
        axis=1,
    )
    triangles = [
        (polygon[0], polygon[i], polygon[i + 1])
        for polygon in polygons
        for i in range(1, len(polygon) - 1)
    ]
    return vertices, np.array(triangles, np.int64), local[:, :2].copy()


def _box(
    area: Rect, low: float, high: float, *, tint: Colour, pattern: Pattern, part_id: int
) -> Mesh:
    a, b = area.length / 2, area.width / 2
    ring = [(-a, -b), (a, -b), (a, b), (-a, b)]
    points = [(u, v, low) for u, v in ring] + [(u, v, high) for u, v in ring]
    sides = [(i, (i + 1) % 4, 4 + (i + 1) % 4, 4 + i) for i in range(4)]
    return Mesh(*_faces(area, points, [*sides, (4, 5, 6, 7)]), tint, pattern, part_id)


def _building(part: Building) -> list[Mesh]:
    top = part.base + part.height
    if part.roof is Roof.BARE_FRAME:
        return _bare_frame(part)
    walls = _box(
        part.area, part.base, top, tint=part.wall_tint, pattern=Pattern.PLAIN, part_id=part.id
    )
    if part.roof is Roof.FLAT:
        return [walls, *_flat_roof(part, top)]
    return [walls, _pitched_roof(part, top)]


def _flat_roof(part: Building, top: float) -> list[Mesh]:
    area = part.area
    roof = _box(area, top, top + 0.05, tint=part.roof_tint, pattern=part.pattern, part_id=part.id)
    if part.overhang == 0:
        return [roof]
    edge = 0.25
    a, b = (area.length - edge) / 2, (area.width - edge) / 2
    strips = [
        area.inside(along=0, across=side * b, length=area.length, width=edge) for side in (-1, 1)
    ] + [area.inside(along=side * a, across=0, length=edge, width=area.width) for side in (-1, 1)]
    return [roof] + [
        _box(
            strip,
            top,
            top + PARAPET_M,
            tint=part.wall_tint,
            pattern=Pattern.CONCRETE,
            part_id=part.id,
        )
        for strip in strips
    ]


def _pitched_roof(part: Building, top: float) -> Mesh:
    a = part.area.length / 2 + part.overhang
    b = part.area.width / 2 + part.overhang
    ridge = top + part.rise
    eaves = [(-a, -b, top), (a, -b, top), (a, b, top), (-a, b, top)]
    if part.roof is Roof.LEAN_TO:
        points = [(-a, -b, top), (a, -b, top), (a, b, ridge), (-a, b, ridge)]
        low = [(u, v, top - 0.1) for u, v, _ in points]
        polygons: list[tuple[int, ...]] = [(0, 1, 2, 3), (4, 5, 1, 0), (7, 6, 2, 3)]
        polygons += [(5, 6, 2, 1), (4, 7, 3, 0)]
        arrays = _faces(part.area, points + low, polygons)
    else:
        inset = 0.0 if part.roof is Roof.GABLE else min(b, a * 0.8)
        points = [*eaves, (-a + inset, 0.0, ridge), (a - inset, 0.0, ridge)]
        polygons = [(0, 1, 5, 4), (2, 3, 4, 5), (1, 2, 5), (3, 0, 4)]
        arrays = _faces(part.area, points, polygons)
    return Mesh(*arrays, part.roof_tint, part.pattern, part.id)


def _bare_frame(part: Building) -> list[Mesh]:
    """A floor slab on columns with the columns of the next floor standing free."""
    top = part.base + part.height
    slab = _box(
        part.area,
        top - SLAB_M,
        top,
        tint=part.roof_tint,
        pattern=Pattern.CONCRETE,
        part_id=part.id,
    )
    meshes = [slab]
    for along in np.linspace(-0.45, 0.45, max(2, round(part.area.length / 4))):
        for across in np.linspace(-0.45, 0.45, max(2, round(part.area.width / 4))):
            spot = part.area.inside(
                along=float(along) * part.area.length,
                across=float(across) * part.area.width,
                length=COLUMN_M,
                width=COLUMN_M,
            )
            meshes.append(
                _box(
                    spot,
                    part.base,
                    top + part.rise,
                    tint=part.wall_tint,
                    pattern=Pattern.CONCRETE,
                    part_id=part.id,
                )
            )
    return meshes


def _lump(
    centre: tuple[float, float, float],
    radii: tuple[float, float],
    rng: np.random.Generator,
) -> tuple[Floats, NDArray[np.int64]]:
    """An uneven ball: horizontal and vertical radius in metres."""
    rings, spokes = 6, 10
    polar = np.linspace(0, np.pi, rings)[:, None]
    turn = np.linspace(0, 2 * np.pi, spokes, endpoint=False)[None, :] + rng.uniform(0, 6)
    swell = rng.uniform(0.75, 1.15, (rings, spokes))
    swell[[0, -1]] = 1.0
    across, up = radii
    vertices = np.stack(
        [
            centre[0] + across * swell * np.sin(polar) * np.cos(turn),
            centre[1] + across * swell * np.sin(polar) * np.sin(turn),
            centre[2] + up * swell * np.cos(polar) * np.ones_like(turn),
        ],
        axis=-1,
    ).reshape(-1, 3)
    first = np.arange(spokes)
    following = (first + 1) % spokes
    triangles = []
    for ring in range(rings - 1):
        low, high = ring * spokes, (ring + 1) * spokes
        triangles += [
            np.stack([low + first, low + following, high + following], axis=1),
            np.stack([low + first, high + following, high + first], axis=1),
        ]
    return vertices, np.concatenate(triangles).astype(np.int64)


def _tree(part: Tree) -> list[Mesh]:
    rng = np.random.default_rng(part.id)
    meshes = []
    up = min(part.radius, part.height / 2)
    for _ in range(int(rng.integers(3, 6))):
        turn, out = rng.uniform(0, 2 * np.pi), rng.uniform(0.1, 0.5) * part.radius
        share = rng.uniform(0.5, 0.75)
        centre = (
            part.x + out * np.cos(turn),
            part.y + out * np.sin(turn),
            part.height - up * rng.uniform(0.7, 1.1),
        )
        vertices, triangles = _lump(centre, (part.radius * share, up * share), rng)
        shade = rng.uniform(0.85, 1.15)
        tint = (part.tint[0] * shade, part.tint[1] * shade, part.tint[2] * shade)
        meshes.append(Mesh(vertices, triangles, vertices[:, :2], tint, Pattern.LEAF, part.id))
    return meshes


def _vehicle(part: Vehicle) -> list[Mesh]:
    area, glass = part.area, (0.08, 0.09, 0.1)
    if part.cargo:
        cab = area.inside(
            along=area.length * 0.42, across=0, length=area.length * 0.16, width=area.width
        )
        box = area.inside(
            along=-area.length * 0.1, across=0, length=area.length * 0.8, width=area.width
        )
        return [
            _box(box, 0.8, part.height, tint=part.tint, pattern=Pattern.PAINT, part_id=part.id),
            _box(cab, 0.5, part.height * 0.8, tint=glass, pattern=Pattern.PAINT, part_id=part.id),
        ]
    cabin = area.inside(
        along=-area.length * 0.06, across=0, length=area.length * 0.5, width=area.width * 0.86
    )
    roof = cabin.inside(
        along=-area.length * 0.02,
        across=0,
        length=cabin.length * 0.62,
        width=cabin.width * 0.95,
    )
    low = part.height * 0.6
    return [
        _box(area, 0.3, low, tint=part.tint, pattern=Pattern.PAINT, part_id=part.id),
        _box(cabin, low, part.height * 0.95, tint=glass, pattern=Pattern.PAINT, part_id=part.id),
        _box(roof, low, part.height, tint=part.tint, pattern=Pattern.PAINT, part_id=part.id),
    ]


def _heap(part: Heap) -> Mesh:
    """A mound with an uneven foot; its slope follows the angle of repose by its height."""
    rng = np.random.default_rng(part.id)
    rings, spokes = 7, 24
    out = np.linspace(0, 1, rings)[:, None]
    turn = np.linspace(0, 2 * np.pi, spokes, endpoint=False)[None, :]
    outline = 1 + rng.uniform(-0.15, 0.15, 3) @ np.sin(np.arange(1, 4)[:, None] * turn)
    lift = np.clip(1 - out**1.3, 0, None) * np.ones_like(turn)
    lift[1:-1] *= rng.uniform(0.8, 1.1, (rings - 2, spokes))
    along = 0.5 * part.area.length * out * outline * np.cos(turn)
    across = 0.5 * part.area.width * out * outline * np.sin(turn)
    points = np.stack([along, across, part.height * lift], axis=-1).reshape(-1, 3)
    polygons: list[tuple[int, ...]] = []
    for ring in range(rings - 1):
        for spoke in range(spokes):
            following = (spoke + 1) % spokes
            a, b = ring * spokes, (ring + 1) * spokes
            polygons.append((a + spoke, b + spoke, b + following, a + following))
    arrays = _faces(part.area, [(p[0], p[1], p[2]) for p in points.tolist()], polygons)
    return Mesh(*arrays, part.tint, part.pattern, part.id)


def _net(part: Net) -> Mesh:
    rng = np.random.default_rng(part.id)
    columns = max(3, int(part.area.length / 1.5))
    rows = max(3, int(part.area.width / 1.5))
    along, across = np.meshgrid(
        np.linspace(-0.5, 0.5, columns) * part.area.length,
        np.linspace(-0.5, 0.5, rows) * part.area.width,
    )
    folds = rng.gamma(1.2, 0.12, along.shape) + 0.05
    points = np.stack([along, across, folds], axis=-1).reshape(-1, 3)
    polygons: list[tuple[int, ...]] = [
        (r * columns + c, r * columns + c + 1, (r + 1) * columns + c + 1, (r + 1) * columns + c)
        for r in range(rows - 1)
        for c in range(columns - 1)
    ]
    arrays = _faces(part.area, [(p[0], p[1], p[2]) for p in points.tolist()], polygons)
    return Mesh(*arrays, part.tint, Pattern.NET, part.id)
