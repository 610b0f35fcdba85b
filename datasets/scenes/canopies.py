"""Canopies and umbrellas: what is over a stall, a café table or nothing at all.

Only the cloth carries the label ``canopy``: poles are thin, and their box would swallow the stall.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from datasets.scenes.asset import Part
from datasets.scenes.shape import Paint, Shape, rotation
from datasets.scenes.vending_paints import (
    CANOPY,
    IRON,
    STEEL,
    STONE,
    WOOD,
    between,
    chance,
    metal,
    one_of,
    painted,
)
from datasets.scenes.vending_solids import Point, rod

TRAIN_KINDS = (
    "square_tent",
    "umbrella",
    "striped_awning",
    "tarpaulin",
    "barrel_tent",
    "flat_sheet",
)
TEST_KINDS = ("gable_tent", "side_parasol", "lean_to")

Parts = tuple[Part, Part]


def canopy(rng: np.random.Generator, kind: str, size: tuple[float, float]) -> Parts:
    """Return a canopy over a rectangle: its cloth (labelled), and its poles.

    Args:
        rng: for colours and exact measures.
        kind: one of ``TRAIN_KINDS`` or ``TEST_KINDS``.
        size: to be covered along x and y, metres; an umbrella covers its shorter side.
    """
    makers = {
        "square_tent": square_tent,
        "umbrella": umbrella,
        "striped_awning": striped_awning,
        "tarpaulin": tarpaulin,
        "barrel_tent": barrel_tent,
        "flat_sheet": flat_sheet,
        "gable_tent": gable_tent,
        "side_parasol": side_parasol,
        "lean_to": lean_to,
    }
    cloth, poles = makers[kind](rng, size)
    return covering(cloth, poles)


def covering(cloth: Shape, poles: Shape) -> Parts:
    """Return what covers something as parts, whether it stands beside a cart or on it.

    In a picture nobody can tell which of the two it is, so both are labelled alike.
    """
    return Part("canopy", cloth), Part(None, poles)


def _colours(rng: np.random.Generator) -> tuple[Paint, Paint]:
    """Return the colours of a canopy: two, or one twice."""
    first = painted(rng, CANOPY, roughness=0.8, speckle=0.08, speckle_m=0.5)
    second = painted(rng, ("#f0efe9", *CANOPY), roughness=0.8)
    return first, second if chance(rng, 0.45) else first


def _posts(
    shape: Shape, size: tuple[float, float], high: tuple[float, float], paint: Paint
) -> None:
    """Add corner posts; the first height at the back (+y), the second at the front."""
    for x in (-size[0] / 2, size[0] / 2):
        for y, top in ((size[1] / 2, high[0]), (-size[1] / 2, high[1])):
            rod(shape, (x, y, 0), (x, y, top), 0.025, paint, sides=5)


def _valance(cloth: Shape, size: tuple[float, float], z: float, drop: float, paint: Paint) -> None:
    """Hang a strip of cloth along all four eaves."""
    for side in (-1, 1):
        cloth.box((size[0], 0.01, drop), (0, side * size[1] / 2, z - drop / 2), paint)
        cloth.box((0.01, size[1], drop), (side * size[0] / 2, 0, z - drop / 2), paint)


def square_tent(rng: np.random.Generator, size: tuple[float, float]) -> tuple[Shape, Shape]:
    """A pop-up tent: a pyramid on four legs, with a valance."""
    first, second = _colours(rng)
    eaves, peak = between(rng, 1.95, 2.2), between(rng, 0.45, 0.85)
    x, y = size[0] / 2, size[1] / 2
    corners = [(-x, -y, eaves), (x, -y, eaves), (x, y, eaves), (-x, y, eaves)]
    # The cloth sags between eaves and top.
    rings = [
        [(px * share, py * share, eaves + peak * rise) for px, py, _ in corners]
        for share, rise in ((1.0, 0.0), (0.5, 0.38), (0.06, 1.0))
    ]
    cloth = Shape()
    for low, high in pairwise(rings):
        for side in range(4):
            after = (side + 1) % 4
            paint = first if side % 2 else second
            cloth.mesh([low[side], low[after], high[after], high[side]], [(0, 1, 2, 3)], paint)
    cloth.mesh(rings[-1], [(0, 1, 2, 3)], first)
    _valance(cloth, size, eaves, between(rng, 0.15, 0.3), second)
    poles = Shape()
    _posts(poles, size, (eaves, eaves), metal(rng, (*STEEL, "#e9e9e6")))
    return cloth, poles


def umbrella(rng: np.random.Generator, size: tuple[float, float]) -> tuple[Shape, Shape]:
    """A round market umbrella on a pole with a heavy foot."""
    first, second = _colours(rng)
    radius = min(1.6, max(1.0, min(size) / 2))
    rim, rise = between(rng, 1.95, 2.2), between(rng, 0.35, 0.6)
    panels = one_of(rng, (8, 8, 12))
    cloth = _dome(panels, radius, (rim, rise), (first, second))
    poles = rod(Shape(), (0, 0, 0), (0, 0, rim + rise), 0.022, metal(rng))
    poles.cylinder(0.24, 0.14, (0, 0, 0.07), painted(rng, (*STONE, *IRON)), sides=10)
    turns = 2 * math.pi * np.arange(panels) / panels
    for turn in turns[::2]:
        tip = (0.9 * radius * math.cos(turn), 0.9 * radius * math.sin(turn), rim + 0.02)
        rod(poles, (0, 0, rim + rise - 0.05), tip, 0.008, metal(rng), sides=3)
    return cloth, poles


def _dome(
    panels: int, radius: float, rim_rise: tuple[float, float], paints: tuple[Paint, Paint]
) -> Shape:
    rim, rise = rim_rise
    profile = ((1.0, -0.09), (1.0, 0.0), (0.62, 0.55), (0.0, 1.0))
    cloth = Shape()
    for panel in range(panels):
        ends = (2 * math.pi * panel / panels, 2 * math.pi * (panel + 1) / panels)
        points = [
            (radius * share * math.cos(end), radius * share * math.sin(end), rim + rise * up)
            for share, up in profile
            for end in ends
        ]
        faces = [(2 * row, 2 * row + 1, 2 * row + 3, 2 * row + 2) for row in range(3)]
        cloth.mesh(points, faces, paints[panel % 2])
    return cloth


def barrel_tent(rng: np.random.Generator, size: tuple[float, float]) -> tuple[Shape, Shape]:
    """Cloth over hoops: a half barrel along x on four posts."""
    first, second = _colours(rng)
    eaves, rise = between(rng, 1.75, 2.0), between(rng, 0.35, 0.7)
    turns = np.linspace(0, math.pi, 9)
    bays = int(rng.integers(2, 5))
    edges = np.linspace(-size[0] / 2, size[0] / 2, bays + 1)
    cloth = Shape()
    for bay, (left, right) in enumerate(pairwise(edges)):
        for start, end in pairwise(turns):
            strip = [
                (float(x), size[1] / 2 * math.cos(turn), eaves + rise * math.sin(turn))
                for x, turn in ((left, start), (right, start), (right, end), (left, end))
            ]
            cloth.mesh(strip, [(0, 1, 2, 3)], second if bay % 2 else first)
    poles = Shape()
    _posts(poles, size, (eaves, eaves), metal(rng, IRON))
    return cloth, poles


def flat_sheet(rng: np.random.Generator, size: tuple[float, float]) -> tuple[Shape, Shape]:
    """A sheet stretched nearly level between four posts, a strip hanging from its front."""
    first, second = _colours(rng)
    back, front = between(rng, 2.1, 2.4), between(rng, 2.0, 2.3)
    tilt = math.degrees(math.atan2(front - back, size[1]))
    turn = np.asarray(rotation(roll_deg=-tilt))
    deep = math.hypot(size[1], front - back)
    cloth = Shape().box((size[0], deep, 0.02), (0, 0, (back + front) / 2), first, turn=turn)
    drop = between(rng, 0.1, 0.3)
    cloth.box((size[0], 0.01, drop), (0, -size[1] / 2, front - drop / 2), second)
    poles = Shape()
    _posts(poles, size, (back, front), metal(rng, (*IRON, *STEEL, *WOOD)))
    return cloth, poles


def striped_awning(rng: np.random.Generator, size: tuple[float, float]) -> tuple[Shape, Shape]:
    """A striped cloth falling to the front (-y), with a valance, on four posts."""
    first = painted(rng, CANOPY, roughness=0.8)
    second = painted(rng, ("#f0efe9", "#f0efe9", "#f0c020"), roughness=0.8)
    back, front = between(rng, 2.3, 2.6), between(rng, 1.9, 2.1)
    stripes = int(rng.integers(6, 13))
    edges = np.linspace(-size[0] / 2, size[0] / 2, stripes + 1)
    cloth = Shape()
    y, drop = size[1] / 2, between(rng, 0.15, 0.28)
    for index in range(stripes):
        x0, x1 = float(edges[index]), float(edges[index + 1])
        outline = [
            *((x0, -y, front - drop), (x1, -y, front - drop), (x0, -y, front), (x1, -y, front)),
            *((x0, y, back), (x1, y, back)),
        ]
        cloth.mesh(outline, [(0, 1, 3, 2), (2, 3, 5, 4)], first if index % 2 else second)
    poles = Shape()
    _posts(poles, size, (back, front), metal(rng))
    return cloth, poles


def tarpaulin(rng: np.random.Generator, size: tuple[float, float]) -> tuple[Shape, Shape]:
    """A sagging tarpaulin tied to four poles of unequal height."""
    paints = one_of(
        rng,
        (
            [painted(rng, ("#1d5fb5", "#2f8fd0", "#0d7d4c", "#3a3d42", "#e2671c"), speckle=0.12)],
            [painted(rng, (code,)) for code in ("#1d4fa5", "#e9e9e6", "#c4232b")],
        ),
    )
    heights = [between(rng, 1.9, 2.6) for _ in range(4)]
    cells = 6
    line = np.linspace(0, 1, cells + 1)
    cloth, grid = Shape(), []
    sag = between(rng, 0.12, 0.3)
    for u in line:
        for v in line:
            level = (heights[0] * (1 - v) + heights[1] * v) * (1 - u)
            level += (heights[2] * (1 - v) + heights[3] * v) * u
            low = sag * 4 * (u * (1 - u) + v * (1 - v)) / 2
            droop = level - low + float(rng.normal(0, 0.012))
            grid.append(((u - 0.5) * size[0], (v - 0.5) * size[1], droop))
    for i in range(cells):
        row = i * (cells + 1)
        faces = [
            (row + j, row + cells + 1 + j, row + cells + 2 + j, row + j + 1) for j in range(cells)
        ]
        cloth.mesh(grid, faces, paints[i % len(paints)])
    poles = Shape()
    wood = painted(rng, (*WOOD, *STEEL))
    corners = ((-1, -1), (-1, 1), (1, -1), (1, 1))
    for (x, y), top in zip(corners, heights, strict=True):
        foot = (x * size[0] / 2 * 1.03, y * size[1] / 2 * 1.03, 0.0)
        rod(poles, foot, (x * size[0] / 2, y * size[1] / 2, top + 0.1), 0.025, wood, sides=5)
    return cloth, poles


def gable_tent(rng: np.random.Generator, size: tuple[float, float]) -> tuple[Shape, Shape]:
    """A ridge tent along x: two slopes and two gables."""
    first, second = _colours(rng)
    eaves, ridge = between(rng, 1.9, 2.1), between(rng, 2.5, 2.8)
    x, y = size[0] / 2, size[1] / 2
    cloth = Shape()
    for side, paint in ((-1, first), (1, second)):
        slope = [(-x, side * y, eaves), (x, side * y, eaves), (x, 0, ridge), (-x, 0, ridge)]
        cloth.mesh(slope, [(0, 1, 2, 3) if side < 0 else (3, 2, 1, 0)], paint)
        gable = [(side * x, -y, eaves), (side * x, y, eaves), (side * x, 0, ridge)]
        cloth.mesh(gable, [(0, 1, 2) if side > 0 else (2, 1, 0)], second)
    _valance(cloth, size, eaves, between(rng, 0.1, 0.2), first)
    poles = Shape()
    _posts(poles, size, (eaves, eaves), metal(rng, (*STEEL, *WOOD)))
    return cloth, poles


def side_parasol(rng: np.random.Generator, size: tuple[float, float]) -> tuple[Shape, Shape]:
    """A flat square parasol that hangs from an arm behind it."""
    first, second = _colours(rng)
    half = min(1.6, max(1.1, min(size) / 2))
    rim, rise = between(rng, 2.1, 2.3), between(rng, 0.22, 0.35)
    cloth = Shape()
    corners: list[Point] = [(-half, -half, rim), (half, -half, rim), (half, half, rim)]
    corners.append((-half, half, rim))
    for side in range(4):
        edge = [corners[side], corners[(side + 1) % 4], (0.0, 0.0, rim + rise)]
        cloth.mesh(edge, [(0, 1, 2)], first if side % 2 else second)
    _valance(cloth, (2 * half, 2 * half), rim, 0.1, second)
    iron = metal(rng, (*STEEL, *IRON))
    foot, top = (0.0, half * 1.15, 0.0), (0.0, half * 0.95, rim + rise + 0.3)
    poles = rod(Shape(), foot, top, 0.04, iron)
    rod(poles, top, (0, 0, rim + rise), 0.03, iron)
    poles.box((0.8, 0.8, 0.08), (0, half * 1.15, 0.04), painted(rng, STONE))
    return cloth, poles


def lean_to(rng: np.random.Generator, size: tuple[float, float]) -> tuple[Shape, Shape]:
    """A cloth falling steeply to the back (+y), held out on two raking poles."""
    first, second = _colours(rng)
    front, back = between(rng, 2.2, 2.5), between(rng, 1.1, 1.5)
    x, y = size[0] / 2, size[1] / 2
    steps = 5
    cloth = Shape()
    for step in range(steps):
        low, high = step / steps, (step + 1) / steps
        strip = [
            (side * x, -y + share * 2 * y, front + (back - front) * share**1.4)
            for share in (low, high)
            for side in (-1, 1)
        ]
        cloth.mesh(strip, [(0, 1, 3, 2)], first if step % 2 else second)
    poles = Shape()
    wood = painted(rng, WOOD)
    for side in (-1, 1):
        rod(poles, (side * x, -y - 0.25, 0), (side * x, -y, front), 0.03, wood, sides=5)
        rod(poles, (side * x, y, 0), (side * x, y, back), 0.03, wood, sides=5)
    return cloth, poles
