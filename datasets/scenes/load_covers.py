"""What covers a muck truck's load: tarpaulins and hinged lids."""

from __future__ import annotations

import numpy as np

from datasets.scenes.loads import (
    ACROSS,
    ALONG,
    Load,
    Room,
    bumps,
    grid,
    heap,
    probe_points,
    spread,
)
from datasets.scenes.shape import Paint, Rgb
from datasets.scenes.vehicle_shell import STEEL, bar

_TARPAULINS: tuple[Rgb, ...] = (
    (0.025, 0.15, 0.06),
    (0.02, 0.10, 0.38),
    (0.22, 0.23, 0.24),
    (0.025, 0.025, 0.028),
    (0.10, 0.13, 0.07),
    (0.10, 0.28, 0.42),
)


def covered(rng: np.random.Generator, room: Room) -> Load:
    """Return a cover over the box: a tarpaulin, flat, domed or over a heap, or hinged lids."""
    return _lids(rng, room) if rng.random() < 0.2 else _tarpaulin(rng, room)


def _tarpaulin(rng: np.random.Generator, room: Room) -> Load:
    rgb = _TARPAULINS[int(rng.integers(len(_TARPAULINS)))]
    paint = Paint(rgb, roughness=rng.uniform(0.4, 0.7), speckle=0.18, speckle_m=0.5, relief=0.25)
    shape = (ALONG, ACROSS)
    over = rng.random()
    if over < 0.4:
        heights = heap(rng, room, rise=(0.15, 0.7)) + 0.1
        # Cloth smooths what it lies on.
        for _ in range(3):
            heights[1:-1, 1:-1] = (
                heights[:-2, 1:-1] + heights[2:, 1:-1] + heights[1:-1, :-2] + heights[1:-1, 2:]
            ) / 4
    else:
        dome = 1 - np.linspace(-1, 1, ACROSS)[None, :] ** 2
        heights = np.repeat(dome, ALONG, axis=0) * rng.uniform(-0.08, 0.28)
        hoops = int(rng.integers(3, 7))
        heights -= 0.05 * np.abs(np.sin(np.linspace(0, np.pi * hoops, ALONG)))[:, None]
    heights = heights + bumps(rng, shape, (9, 3)) * 0.025 + bumps(rng, shape, (20, 9)) * 0.015
    # The cloth lies on the boards' edge and does not cut into it.
    for rim, slack in ((1, 0.2), (0, 0.08)):
        ends = [rim, -1 - rim]
        heights[ends] = np.clip(heights[ends], 0.0, slack) + 0.02
        heights[:, ends] = np.clip(heights[:, ends], 0.0, slack) + 0.02
    points = spread(room, heights, room.top_z)
    points[..., 1] *= 1 + 0.14 / room.half_width(room.top_z)
    points[0, :, 0] -= 0.12
    points[-1, :, 0] += 0.12
    skirted = np.pad(points, ((1, 1), (1, 1), (0, 0)), mode="edge")
    drop = rng.uniform(0.12, 0.5)
    edge = np.ones(skirted.shape[:2], bool)
    edge[1:-1, 1:-1] = False
    hang = rng.uniform(0.75, 1.1, skirted.shape[:2])
    skirted[..., 2] = np.where(edge, room.top_z - drop * hang, skirted[..., 2])
    skirted[:, 0, 1] -= 0.03
    skirted[:, -1, 1] += 0.03
    cloth = grid(skirted, paint)
    if rng.random() < 0.7:
        rope = Paint(((0.5, 0.45, 0.35), (0.03, 0.03, 0.03))[int(rng.integers(2))], roughness=0.9)
        lines = skirted + np.array((0, 0, 0.02))
        lines[:, 0, 1] -= 0.02
        lines[:, -1, 1] += 0.02
        for row in np.linspace(3, len(lines) - 4, int(rng.integers(3, 7))).astype(int):
            line = np.stack([lines[row], lines[row] + np.array((0.035, 0, 0))])
            cloth.add(grid(line, rope))
    hanging = skirted[3:-3:4, [0, 0, -1, -1]] + np.array((0, 0, 0.05))
    hanging[..., 1] += np.array((-0.03, -0.03, 0.03, 0.03))
    hanging[:, 1::2, 2] += drop / 2
    sides = hanging.reshape(-1, 3)
    return Load(cloth, probes=np.vstack([probe_points(points), sides]))


def _lids(rng: np.random.Generator, room: Room) -> Load:
    """Return two lids hinged at the boards, meeting over the middle, with ribs."""
    paint = Paint(
        (_TARPAULINS[2], (0.5, 0.5, 0.5), _TARPAULINS[0])[int(rng.integers(3))],
        roughness=0.5,
        speckle=0.2,
        speckle_m=0.4,
    )
    half = room.half_width(room.top_z) + 0.05
    rise = rng.uniform(0.05, 0.3)
    ends = (room.back_x - 0.03, room.front_x + 0.03)
    y = np.array([-half, -half, -0.03, 0.03, half, half])
    z = room.top_z + 0.03 + np.array([-0.15, 0.0, rise, rise, 0.0, -0.15])
    points = np.stack([np.column_stack([np.full(6, x), y, z]) for x in ends])
    shape = grid(points, paint)
    ribs = int(rng.integers(4, 9))
    for x in np.linspace(ends[0] + 0.1, ends[1] - 0.1, ribs):
        for side in (-1.0, 1.0):
            low = (float(x), side * half, room.top_z + 0.05)
            bar(shape, low, (float(x), side * 0.03, room.top_z + rise + 0.05), STEEL, thick_m=0.05)
    gable = [(ends[1], float(a), float(b)) for a, b in zip(y[1:5], z[1:5], strict=True)]
    for x in ends:
        shape.mesh([(x, b, c) for _, b, c in gable], [(0, 1, 2, 3)], paint)
    xs = np.linspace(ends[0], ends[1], 8)[1:-1]
    ys = np.array([-0.75, -0.4, 0.4, 0.75]) * half
    probes = [(x, b, room.top_z + 0.08 + rise * (1 - abs(b) / half)) for x in xs for b in ys]
    return Load(shape, probes=np.asarray(probes, np.float64))
