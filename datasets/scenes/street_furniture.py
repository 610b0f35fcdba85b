"""What stands on a street's pavements: trees, lamps, rails, signs, bollards, boxes."""

from __future__ import annotations

import numpy as np

from datasets.scenes.shape import Paint, Rgb, Shape, rotation

_STEEL = Paint((0.32, 0.33, 0.34), roughness=0.45, metallic=1.0)
_BARK = Paint((0.09, 0.065, 0.045), roughness=0.95, speckle=0.3, speckle_m=0.15)


def tree(rng: np.random.Generator, *, leaves: int = 420) -> Shape:
    """Return a street tree: a trunk, dark lumps, and loose leaves around them.

    Args:
        rng: decides height, crown and colour.
        leaves: how many leaves (a leaf stands for a twig of them).
    """
    height, crown = rng.uniform(5.0, 8.5), rng.uniform(1.5, 2.7)
    trunk = height - crown * 1.5
    shape = Shape().cylinder(
        0.16, trunk + 0.6, (0, 0, (trunk + 0.6) / 2), _BARK, sides=8, end_radius=0.1
    )
    green = rng.uniform(0.08, 0.16)
    leaf: Rgb = (green * rng.uniform(0.4, 0.8), green, green * rng.uniform(0.2, 0.4))
    dark = Paint(leaf, roughness=0.9, speckle=0.4, speckle_m=0.4).tinted(0.6)
    centre = np.array((0.0, 0.0, trunk + crown * 0.75))
    for _ in range(5):
        out = rng.normal(0, crown * 0.3, 3)
        radius = crown * rng.uniform(0.4, 0.6)
        at = centre + out
        shape.ball(
            (radius, radius, radius * 0.8),
            (float(at[0]), float(at[1]), float(at[2])),
            dark,
            rings=5,
            sides=8,
        )
    paints = [Paint(leaf, roughness=0.7).tinted(factor) for factor in (0.75, 1.0, 1.35)]
    ways = rng.normal(size=(leaves, 3))
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    out = ways * crown * rng.uniform(0.55, 1.05, (leaves, 1)) * (1.0, 1.0, 0.8) + centre
    for index in range(leaves):
        along, across = rng.normal(size=(2, 3)) * crown * 0.085
        at = out[index]
        shape.mesh(
            [at - along, at + across, at + along, at - across], [(0, 1, 2, 3)], paints[index % 3]
        )
    return shape


def lamp_post(rng: np.random.Generator, *, height_m: float, lit: bool) -> Shape:
    """Return a lamp post whose arm reaches towards +y over the carriageway."""
    arm = float(rng.uniform(1.2, 2.2))
    head = Paint((0.95, 0.8, 0.55), glow=12.0) if lit else Paint((0.75, 0.75, 0.72))
    return (
        Shape()
        .cylinder(0.09, height_m, (0, 0, height_m / 2), _STEEL, sides=10, end_radius=0.05)
        .box((0.06, arm, 0.06), (0, arm / 2, height_m - 0.05), _STEEL)
        .box((0.22, 0.7, 0.1), (0, arm, height_m - 0.02), _STEEL)
        .box((0.18, 0.6, 0.03), (0, arm, height_m - 0.09), head)
    )


def rail(length_m: float, rng: np.random.Generator) -> Shape:
    """Return a white or green guard rail along x, from 0."""
    rgb = (0.65, 0.66, 0.66) if rng.uniform() < 0.6 else (0.05, 0.2, 0.1)
    paint = Paint(rgb, roughness=0.5)
    shape = Shape()
    for z in (0.25, 0.95):
        shape.box((length_m, 0.05, 0.05), (length_m / 2, 0, z), paint)
    for x in np.arange(0.0, length_m + 0.1, 2.5):
        shape.box((0.09, 0.09, 1.1), (float(x), 0, 0.55), paint)
    for x in np.arange(0.25, length_m, 0.25):
        shape.box((0.02, 0.02, 0.7), (float(x), 0, 0.6), paint)
    return shape


def bollard(rng: np.random.Generator) -> Shape:
    """Return a bollard."""
    grey = float(rng.uniform(0.1, 0.4))
    height = float(rng.uniform(0.6, 0.9))
    band = Paint((0.6, 0.45, 0.05))
    return (
        Shape()
        .cylinder(0.09, height, (0, 0, height / 2), Paint((grey, grey, grey)), sides=8)
        .cylinder(0.095, 0.1, (0, 0, height * 0.8), band, sides=8)
    )


def cabinet(rng: np.random.Generator) -> Shape:
    """Return a switch cabinet."""
    grey = float(rng.uniform(0.2, 0.5))
    size = (float(rng.uniform(0.5, 1.2)), 0.45, float(rng.uniform(0.9, 1.6)))
    return Shape().box(size, (0, 0, size[2] / 2), Paint((grey, grey, grey * 0.92), roughness=0.6))


def sign(rng: np.random.Generator) -> Shape:
    """Return a traffic sign on a pole, facing -x."""
    height = float(rng.uniform(2.2, 3.0))
    colour: Rgb = ((0.02, 0.08, 0.45), (0.5, 0.02, 0.02), (0.6, 0.42, 0.02))[int(rng.integers(3))]
    shape = Shape().cylinder(0.035, height + 0.3, (0, 0, (height + 0.3) / 2), _STEEL, sides=8)
    if rng.uniform() < 0.6:
        return shape.cylinder(0.34, 0.03, (-0.05, 0, height), Paint(colour), axis="x", sides=20)
    return shape.box((0.03, 0.6, 0.6), (-0.05, 0, height), Paint(colour))


def signal(*, arm_m: float, red: bool) -> Shape:
    """Return a traffic light whose arm reaches ``arm_m`` towards +y and which faces -x."""
    height = 5.6
    case = Paint((0.02, 0.02, 0.02), roughness=0.5)
    shape = (
        Shape()
        .cylinder(0.12, height + 0.2, (0, 0, height / 2), _STEEL, sides=10)
        .box((0.1, arm_m, 0.1), (0, arm_m / 2, height), _STEEL)
        .box((0.2, 1.3, 0.42), (-0.1, arm_m, height), case)
    )
    for index, (rgb, on) in enumerate(
        (((0.9, 0.03, 0.02), red), ((0.9, 0.5, 0.02), False), ((0.02, 0.8, 0.25), not red))
    ):
        lens = Paint(rgb, glow=6.0) if on else Paint(rgb).tinted(0.12)
        shape.cylinder(
            0.15, 0.04, (-0.21, arm_m - 0.42 + 0.42 * index, height), lens, axis="x", sides=12
        )
    return shape


def crane(rng: np.random.Generator) -> Shape:
    """Return a tower crane seen over a hoarding."""
    paint = Paint((0.6, 0.38, 0.03), roughness=0.6)
    height, jib = float(rng.uniform(22, 34)), float(rng.uniform(18, 30))
    turn = rotation(yaw_deg=float(rng.uniform(0, 360)))
    shape = Shape()
    for x in (-0.7, 0.7):
        for y in (-0.7, 0.7):
            shape.box((0.16, 0.16, height), (x, y, height / 2), paint)
    for z in np.arange(0, height, 1.6):
        shape.box((1.4, 1.4, 0.1), (0, 0, float(z)), paint)
    shape.box((jib, 0.9, 0.9), (jib * 0.3, 0, height), paint)
    shape.box((2.0, 1.6, 2.2), (-jib * 0.18, 0, height - 1.0), Paint((0.3, 0.3, 0.3)))
    return shape.moved(turn=turn)
