"""The ground of a street: carriageway, marks, kerbs, pavements, and the soil of a building site.

The street runs along x, its middle at y = 0, the carriageway at z = 0, pavements on top of kerbs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from datasets.scenes.shape import Paint, Shape

KERB_M = 0.12
_MARK_Z, _PATCH_Z = 0.012, 0.006
_WHITE = Paint((0.62, 0.62, 0.6), roughness=0.7, speckle=0.3, speckle_m=0.25)
_YELLOW = Paint((0.62, 0.4, 0.06), roughness=0.7, speckle=0.3, speckle_m=0.25)

Side = Literal["facades", "hoarding", "fence"]
Edge = Literal["cycle", "bays"]


@dataclass(frozen=True, slots=True)
class StreetPlan:
    """Measures of one street.

    Attributes:
        x0: where it begins, metres.
        x1: where it ends.
        lanes_each: lanes in each direction; traffic keeps right.
        lane_m: width of a lane.
        edge: what lies between lanes and kerb: a lane for bicycles, parking bays, or nothing.
        edge_m: its width.
        pavement_m: width of each pavement.
        zebra_x: middle of a crossing; None for none.
        gate_x: middle of a building site's gate on the left side; None for none.
        left: what lines the left pavement.
        right: what lines the right pavement.
        divider: whether a guard rail parts the directions.
        wet: whether it has rained.
        lit: whether lamps and some windows are lit.
        red: whether traffic lights at the crossing are red.
    """

    x0: float = -25.0
    x1: float = 75.0
    lanes_each: int = 1
    lane_m: float = 3.5
    edge: Edge | None = "cycle"
    edge_m: float = 2.2
    pavement_m: float = 4.0
    zebra_x: float | None = 30.0
    gate_x: float | None = None
    left: Side = "facades"
    right: Side = "facades"
    divider: bool = False
    wet: bool = False
    lit: bool = False
    red: bool = False

    @property
    def lanes_half_m(self) -> float:
        """Half the width of all lanes."""
        return self.lanes_each * self.lane_m

    @property
    def kerb_y(self) -> float:
        """How far the kerb is from the middle."""
        return self.lanes_half_m + (self.edge_m if self.edge else 0.0)

    @property
    def front_y(self) -> float:
        """How far the house fronts are from the middle."""
        return self.kerb_y + self.pavement_m


GATE_M = 8.0
"""Width of a site's gate."""


def edge_strip(plan: StreetPlan, side: int) -> tuple[float, float]:
    """Return from where to where across the street the strip at a kerb goes."""
    low, high = sorted((side * plan.lanes_half_m, side * plan.kerb_y))
    return low, high


def slab(
    shape: Shape,
    x: tuple[float, float],
    y: tuple[float, float],
    z: float,
    paint: Paint,
) -> None:
    """Add a level rectangle facing up."""
    shape.mesh(
        [(x[0], y[0], z), (x[1], y[0], z), (x[1], y[1], z), (x[0], y[1], z)], [(0, 1, 2, 3)], paint
    )


def ground(plan: StreetPlan, rng: np.random.Generator) -> Shape:
    """Return carriageway, marks, kerbs, pavements and the land around."""
    shape = Shape()
    far = 60.0
    land = Paint((0.16, 0.15, 0.13), roughness=0.95, speckle=0.3, speckle_m=2.0)
    slab(shape, (plan.x0 - far, plan.x1 + far), (-far, far), -0.02, land)
    _carriageway(shape, plan, rng)
    _marks(shape, plan)
    for side in (-1.0, 1.0):
        _pavement(shape, plan, side, rng)
    if plan.gate_x is not None:
        _gate_apron(shape, plan, plan.gate_x, rng)
    return shape


def _carriageway(shape: Shape, plan: StreetPlan, rng: np.random.Generator) -> None:
    grey = rng.uniform(0.055, 0.16)
    tint = rng.uniform(0.94, 1.06)
    roughness = rng.uniform(0.12, 0.3) if plan.wet else 0.9
    if plan.wet:
        grey *= 0.55
    asphalt = Paint(
        (grey * tint, grey, grey / tint), roughness=roughness, speckle=0.22, speckle_m=0.5
    )
    slab(shape, (plan.x0 - 30, plan.x1 + 30), (-plan.kerb_y, plan.kerb_y), 0.0, asphalt)
    if plan.edge == "cycle" and rng.uniform() < 0.3:
        red = Paint((0.22, 0.07, 0.05), roughness=roughness, speckle=0.25, speckle_m=0.4)
        for side in (-1, 1):
            slab(shape, (plan.x0, plan.x1), edge_strip(plan, side), _PATCH_Z / 2, red)
    for number in range(int(rng.integers(6, 16))):
        x, y = rng.uniform(plan.x0, plan.x1), rng.uniform(-plan.kerb_y, plan.kerb_y)
        long, wide = rng.uniform(0.6, 7.0), rng.uniform(0.5, 1.6)
        y = float(np.clip(y, -plan.kerb_y + wide, plan.kerb_y - wide))
        patch = asphalt.tinted(rng.uniform(0.65, 1.3))
        # No two in one plane: they would flicker.
        height = _PATCH_Z + 2e-4 * number
        slab(shape, (x, x + long), (y - wide / 2, y + wide / 2), height, patch)
    iron = Paint((0.06, 0.055, 0.05), roughness=0.5, metallic=1.0)
    for x in np.arange(plan.x0 + rng.uniform(0, 12), plan.x1, rng.uniform(14, 24)):
        y = rng.choice([-1, 1]) * plan.lane_m * rng.uniform(0.35, 0.65)
        shape.cylinder(0.36, 0.004, (float(x), float(y), _PATCH_Z + 0.004), iron, sides=16)


def _marks(shape: Shape, plan: StreetPlan) -> None:
    gap = (plan.zebra_x - 5.0, plan.zebra_x + 5.0) if plan.zebra_x is not None else None
    for x in np.arange(plan.x0, plan.x1, 6.0):
        for lane in range(1, plan.lanes_each):
            for side in (-1, 1):
                _line(shape, (x, x + 3.0), side * lane * plan.lane_m, gap)
    for y in (-0.12, 0.12):
        _line(shape, (plan.x0, plan.x1), y, gap, paint=_YELLOW, wide=0.13)
    if plan.edge:
        for side in (-1, 1):
            _line(shape, (plan.x0, plan.x1), side * plan.lanes_half_m, gap)
    if plan.edge == "bays":
        for x in np.arange(plan.x0, plan.x1, 6.0):
            for side in (-1, 1):
                if gap is None or not gap[0] < x < gap[1]:
                    slab(shape, (x, x + 0.12), edge_strip(plan, side), _MARK_Z, _WHITE)
    if plan.zebra_x is not None:
        for y in np.arange(-plan.kerb_y + 0.4, plan.kerb_y - 0.4, 0.9):
            slab(shape, (plan.zebra_x - 2.0, plan.zebra_x + 2.0), (y, y + 0.45), _MARK_Z, _WHITE)
        for side, x in ((-1, plan.zebra_x - 4.0), (1, plan.zebra_x + 4.0)):
            y0, y1 = sorted((side * 0.3, side * plan.lanes_half_m))
            slab(shape, (x - 0.2, x + 0.2), (y0, y1), _MARK_Z, _WHITE)


def _line(
    shape: Shape,
    x: tuple[float, float],
    y: float,
    gap: tuple[float, float] | None,
    *,
    paint: Paint = _WHITE,
    wide: float = 0.15,
) -> None:
    pieces = [x]
    if gap is not None:
        pieces = [(x[0], min(x[1], gap[0])), (max(x[0], gap[1]), x[1])]
    for start, end in pieces:
        if end > start:
            slab(shape, (start, end), (y - wide / 2, y + wide / 2), _MARK_Z, paint)


def _pavement(shape: Shape, plan: StreetPlan, side: float, rng: np.random.Generator) -> None:
    """Add kerb stones and slabs in two or three near colours, with a guiding strip."""
    y0, y1 = sorted((side * plan.kerb_y, side * (plan.front_y + 0.5)))
    grey = rng.uniform(0.18, 0.36)
    warm = rng.uniform(0.95, 1.12)
    rough = 0.35 if plan.wet else 0.9
    base = Paint((grey * warm, grey, grey / warm), roughness=rough, speckle=0.12, speckle_m=0.7)
    stone = Paint((0.3, 0.3, 0.29), roughness=rough, speckle=0.1, speckle_m=0.5)
    slab(shape, (plan.x0 - 30, plan.x1 + 30), (y0, y1), KERB_M, base)
    kerb_y = side * (plan.kerb_y + 0.07)
    for x0, x1 in _kerbs(plan, side):
        middle = ((x0 + x1) / 2, kerb_y, KERB_M / 2)
        shape.box((x1 - x0, 0.15, KERB_M + 0.012), middle, stone)
    tiles = [base.tinted(factor) for factor in (0.86, 0.95, 1.07, 1.16)]
    size = float(rng.choice([0.5, 0.8, 1.0, 1.2]))
    across = np.arange(y0 + 0.2, y1 - size, size)
    along = np.arange(plan.x0, plan.x1, size)
    for x in along:
        for y in across:
            if rng.uniform() < 0.5:
                paint = tiles[int(rng.integers(len(tiles)))]
                slab(shape, (x + 0.02, x + size), (y + 0.02, y + size), KERB_M + 0.003, paint)
    if rng.uniform() < 0.5:
        guide = Paint((0.5, 0.36, 0.06), roughness=0.8, speckle=0.2, speckle_m=0.3)
        y = side * (plan.kerb_y + plan.pavement_m * 0.55)
        slab(shape, (plan.x0, plan.x1), (y - 0.2, y + 0.2), KERB_M + 0.006, guide)


def _kerbs(plan: StreetPlan, side: float) -> list[tuple[float, float]]:
    if plan.gate_x is None or side < 0:
        return [(plan.x0 - 30, plan.x1 + 30)]
    half = GATE_M / 2 + 1.0
    return [(plan.x0 - 30, plan.gate_x - half), (plan.gate_x + half, plan.x1 + 30)]


def _gate_apron(shape: Shape, plan: StreetPlan, gate_x: float, rng: np.random.Generator) -> None:
    """Add the drive through the pavement, the soil behind it and the dirt carried out."""
    half = GATE_M / 2
    drive = Paint((0.27, 0.25, 0.22), roughness=0.9, speckle=0.25, speckle_m=0.6)
    soil = Paint((0.27, 0.17, 0.09), roughness=0.98, speckle=0.35, speckle_m=1.2, relief=0.4)
    y = plan.kerb_y
    slab(shape, (gate_x - half, gate_x + half), (y, plan.front_y + 2.0), KERB_M + 0.01, drive)
    # A ramp from the carriageway up to the pavement, as wide as the gap in the kerb.
    left, right = gate_x - half - 1.0, gate_x + half + 1.0
    shape.mesh(
        [
            (left, y - 0.4, 0.004),
            (right, y - 0.4, 0.004),
            (right, y + 0.3, KERB_M + 0.014),
            (left, y + 0.3, KERB_M + 0.014),
        ],
        [(0, 1, 2, 3)],
        drive,
    )
    slab(shape, (gate_x - 35, gate_x + 35), (plan.front_y + 0.4, 58.0), KERB_M + 0.005, soil)
    for number in range(60):
        out = rng.uniform(plan.lane_m * 0.3, plan.front_y)
        # On the carriageway wheels have turned right, against x.
        at = gate_x + rng.normal(0.0, 1.6) - max(0.0, plan.kerb_y - out) * rng.uniform(0.3, 2.0)
        high = 0.008 if out < plan.kerb_y - 0.5 else KERB_M + 0.018
        # Each a little higher than the last: faces in one plane flicker.
        _blot(shape, (at, out, high + 2e-4 * number), soil.tinted(rng.uniform(0.7, 1.1)), rng)


def _blot(
    shape: Shape, centre: tuple[float, float, float], paint: Paint, rng: np.random.Generator
) -> None:
    """Add a flat patch of dirt with a ragged edge."""
    turns = np.linspace(0, 2 * np.pi, 9, endpoint=False)
    size = rng.uniform(0.06, 0.45) * rng.uniform(0.5, 1.0, 9)
    x, y, z = centre
    long = rng.uniform(1.0, 2.2)
    outline = np.column_stack(
        [x + long * size * np.cos(turns), y + size * np.sin(turns), np.full(9, z)]
    )
    shape.mesh(outline, [tuple(range(9))], paint)
