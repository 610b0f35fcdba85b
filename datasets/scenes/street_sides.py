"""What lines a street: house fronts with shops, hoardings with a site gate, fences with green."""

from __future__ import annotations

import numpy as np

from datasets.scenes.shape import Paint, Rgb, Shape
from datasets.scenes.street_furniture import crane
from datasets.scenes.street_ground import GATE_M, KERB_M, StreetPlan

_GLASS = Paint((0.035, 0.045, 0.055), roughness=0.12)
_WALLS: tuple[Rgb, ...] = (
    (0.50, 0.46, 0.40), (0.42, 0.28, 0.20), (0.55, 0.55, 0.53), (0.36, 0.36, 0.37),
    (0.58, 0.50, 0.36), (0.30, 0.14, 0.10), (0.45, 0.50, 0.52),
)  # fmt: skip
_SIGNS: tuple[Rgb, ...] = (
    (0.5, 0.02, 0.02), (0.02, 0.08, 0.4), (0.6, 0.35, 0.02), (0.02, 0.25, 0.1), (0.6, 0.6, 0.58),
    (0.05, 0.05, 0.06), (0.35, 0.03, 0.2),
)  # fmt: skip


def facades(plan: StreetPlan, rng: np.random.Generator) -> Shape:
    """Return a row of houses whose fronts face -y, along the line y = 0."""
    shape = Shape()
    x = plan.x0 - 10.0
    while x < plan.x1 + 10.0:
        width = float(rng.uniform(8, 20))
        if rng.uniform() < 0.12:
            x += float(rng.uniform(3, 6))
        shape.add(_house(width, plan, rng).moved(x=x))
        x += width
    return shape


def _house(width: float, plan: StreetPlan, rng: np.random.Generator) -> Shape:
    storeys = int(rng.integers(2, 8))
    storey = float(rng.uniform(2.9, 3.4))
    shop = 4.2
    height = shop + storey * storeys
    rgb = _WALLS[int(rng.integers(len(_WALLS)))]
    wall = Paint(rgb, roughness=0.9, speckle=0.08, speckle_m=1.5).tinted(rng.uniform(0.7, 1.1))
    shape = Shape().box((width, 12.0, height), (width / 2, 6.0, height / 2), wall)
    shape.box((width, 0.3, 0.25), (width / 2, -0.1, shop), wall.tinted(0.8))
    _windows(shape, (width, shop, storey), storeys, plan, rng)
    x = 0.3
    while x < width - 2.5:
        bay = float(rng.uniform(2.5, 5.0))
        bay = min(bay, width - 0.3 - x)
        _shop(shape, x, bay - 0.25, plan, rng)
        x += bay
    return shape


def _windows(
    shape: Shape,
    size: tuple[float, float, float],
    storeys: int,
    plan: StreetPlan,
    rng: np.random.Generator,
) -> None:
    width, shop, storey = size
    step = float(rng.uniform(1.9, 3.2))
    wide, high = step * float(rng.uniform(0.5, 0.75)), float(rng.uniform(1.2, 1.8))
    frame = Paint((0.55, 0.55, 0.55), roughness=0.5)
    glow = Paint((0.9, 0.7, 0.42), glow=0.9)
    unit = Paint((0.6, 0.6, 0.58), roughness=0.6)
    for row in range(storeys):
        z = shop + storey * (row + 0.5)
        for x in np.arange(step / 2 + 0.2, width - step / 2, step):
            lit = plan.lit and rng.uniform() < 0.25
            shape.box((wide + 0.14, 0.08, high + 0.14), (float(x), 0.0, z), frame)
            shape.box((wide, 0.1, high), (float(x), -0.02, z), glow if lit else _GLASS)
            if rng.uniform() < 0.2:
                at = (float(x) + wide * 0.3, -0.3, z - high * 0.75)
                shape.box((0.8, 0.35, 0.55), at, unit)


def _shop(shape: Shape, x: float, width: float, plan: StreetPlan, rng: np.random.Generator) -> None:
    middle = x + width / 2
    lit = plan.lit and rng.uniform() < 0.6
    kind = rng.uniform()
    board = Paint(_SIGNS[int(rng.integers(len(_SIGNS)))], roughness=0.5, glow=0.8 if lit else 0.0)
    shape.box((width, 0.25, 0.9), (middle, -0.15, 3.45), board)
    letters = Paint((0.7, 0.68, 0.6), glow=1.5 if lit else 0.0)
    for at in np.arange(middle - width * 0.3, middle + width * 0.3, 0.55):
        for z in (3.3, 3.55):
            wide = float(rng.uniform(0.15, 0.4))
            shape.box((wide, 0.05, 0.09), (float(at), -0.3, z), letters)
    if kind < 0.25:
        shutter = Paint((0.42, 0.43, 0.44), roughness=0.5, metallic=0.0)
        for z in np.arange(0.1, 2.9, 0.14):
            shade = shutter.tinted(0.85 if int(z * 7.2) % 2 else 1.0)
            shape.box((width, 0.08, 0.13), (middle, -0.02, float(z) + 0.06), shade)
        return
    glass = Paint((0.85, 0.72, 0.5), glow=1.2) if lit else _GLASS
    shape.box((width, 0.06, 2.7), (middle, -0.01, 1.5), glass)
    frame = Paint((0.3, 0.3, 0.31), roughness=0.4)
    for at in np.linspace(x, x + width, max(2, int(width / 1.2)) + 1):
        shape.box((0.08, 0.12, 2.8), (float(at), -0.03, 1.5), frame)
    shape.box((width, 0.14, 0.35), (middle, -0.04, 0.28), frame)
    if kind > 0.85:
        # A fixed awning over a shop front belongs to the house: no canopy of a stall.
        awning = board.tinted(0.9)
        shape.mesh(
            [
                (x, -0.05, 3.0),
                (x + width, -0.05, 3.0),
                (x + width, -0.9, 2.65),
                (x, -0.9, 2.65),
            ],
            [(0, 3, 2, 1), (0, 1, 2, 3)],
            awning,
        )


def hoarding(plan: StreetPlan, rng: np.random.Generator) -> tuple[Shape, Shape]:
    """Return a site's hoarding along y = 0 with its gate, and what shows behind it."""
    colours: tuple[Rgb, ...] = (
        (0.05, 0.2, 0.42), (0.08, 0.3, 0.12), (0.6, 0.6, 0.58), (0.5, 0.5, 0.1),
    )  # fmt: skip
    sheet = Paint(colours[int(rng.integers(len(colours)))], roughness=0.55)
    high = float(rng.uniform(2.2, 3.0))
    gate = plan.gate_x
    shape = Shape()
    base = Paint((0.5, 0.48, 0.44), roughness=0.9, speckle=0.1)
    for x in np.arange(plan.x0 - 5, plan.x1 + 5, 1.0):
        if gate is not None and abs(x + 0.5 - gate) < GATE_M / 2 + 0.5:
            continue
        shade = sheet.tinted(1.0 if int(x) % 2 else 0.93)
        shape.box((1.0, 0.05, high - 0.4), (float(x) + 0.5, 0, high / 2 + 0.2), shade)
        shape.box((1.0, 0.2, 0.4), (float(x) + 0.5, 0, 0.2), base)
        if int(x) % 3 == 0:
            shape.box((0.1, 0.12, high), (float(x), 0, high / 2), base.tinted(0.8))
    if gate is not None:
        for x in (gate - GATE_M / 2 - 0.5, gate + GATE_M / 2 + 0.5):
            shape.box((0.8, 0.8, high + 0.8), (x, 0, (high + 0.8) / 2), base)
    return shape, _site(plan, rng)


def _site(plan: StreetPlan, rng: np.random.Generator) -> Shape:
    """Add a concrete skeleton, soil heaps, and at times a crane behind a hoarding."""
    shape = Shape()
    concrete = Paint((0.36, 0.35, 0.33), roughness=0.95, speckle=0.15, speckle_m=1.0)
    net = Paint((0.05, 0.22, 0.1), roughness=0.9, speckle=0.2)
    away = float(rng.uniform(18, 26))
    for x in np.arange(plan.x0, plan.x1 + 25, 30.0):
        storeys = int(rng.integers(2, 7))
        wide = float(rng.uniform(14, 22))
        for storey in range(storeys + 1):
            shape.box((wide, 12, 0.3), (float(x), away + 6, storey * 3.2), concrete)
            for column in np.linspace(-wide / 2 + 0.4, wide / 2 - 0.4, 5):
                post = (float(x + column), away + 0.4, storey * 3.2 + 1.6)
                shape.box((0.5, 0.5, 3.2), post, concrete.tinted(0.9))
        if rng.uniform() < 0.5:
            covered = storeys * 3.2 * 0.6
            shape.box((wide, 0.1, covered), (float(x), away - 0.3, covered / 2), net)
    if rng.uniform() < 0.6:
        shape.add(crane(rng).moved(float(rng.uniform(0, 50)), away + 4))
    return shape


def fence(plan: StreetPlan, rng: np.random.Generator) -> tuple[Shape, Shape]:
    """Return a park's fence along y = 0, and hedges behind it."""
    shape, behind = Shape(), Shape()
    iron = Paint((0.03, 0.03, 0.03), roughness=0.5)
    stone = Paint((0.4, 0.37, 0.33), roughness=0.9, speckle=0.15)
    long = plan.x1 - plan.x0
    middle = (plan.x0 + plan.x1) / 2
    shape.box((long, 0.3, 0.4), (middle, 0, 0.2), stone)
    for z in (0.55, 1.7):
        shape.box((long, 0.05, 0.05), (middle, 0, z), iron)
    for x in np.arange(plan.x0, plan.x1, 0.3):
        shape.box((0.03, 0.03, 1.6), (float(x), 0, 1.1), iron)
    green = float(rng.uniform(0.07, 0.14))
    hedge = Paint((green * 0.5, green, green * 0.3), roughness=0.95, speckle=0.5, speckle_m=0.3)
    for x in np.arange(plan.x0, plan.x1, 1.6):
        radii = (float(rng.uniform(0.9, 1.5)), 0.9, float(rng.uniform(0.8, 1.6)))
        behind.ball(radii, (float(x), float(rng.uniform(1.2, 2.2)), radii[2] * 0.6), hedge, rings=5)
    grass = Paint((0.08, 0.13, 0.04), roughness=0.95, speckle=0.3, speckle_m=0.8)
    behind.box((long + 40, 40, 0.04), (middle, 20.5, KERB_M), grass)
    return shape, behind
