"""People on the street: limbs, clothes, hair, hats, bags; a plain head without a face.

Body proportions are those of the usual figure of seven and a half heads.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from datasets.scenes.asset import Asset, Part
from datasets.scenes.shape import Paint, Shape
from datasets.scenes.vending_paints import (
    CLOTHES,
    HAIR,
    PLASTIC,
    SKIN,
    STRAW,
    TROUSERS,
    between,
    chance,
    one_of,
    painted,
)
from datasets.scenes.vending_solids import Point, legs, loft, rod

TRAIN_DESIGNS = ("standing", "walking", "sitting", "bending", "squatting")
TEST_DESIGNS = ("handing", "carrying", "pushing", "stooping")

_HEIGHT_M = (1.5, 1.85)


@dataclass(frozen=True, slots=True)
class _Pose:
    """Angles in degrees from hanging straight down, forward positive; left then right."""

    lean: float
    thighs: tuple[float, float]
    shins: tuple[float, float]
    arms: tuple[float, float]
    forearms: tuple[float, float]


def person(rng: np.random.Generator, *, design: str) -> Asset:
    """Return a person who looks along x.

    Args:
        rng: for height, clothes and the exact pose.
        design: one of ``TRAIN_DESIGNS`` or ``TEST_DESIGNS``.
    """
    pose = _pose(rng, design)
    height = between(rng, *_HEIGHT_M)
    body, hands = _body(rng, pose, height)
    _bags(body, rng, design, hands, height)
    points = body.points()
    # The pelvis is the pose's origin: the feet say where the ground is.
    ground = float(points[:, 2].min())
    middle = float(points[:, 0].min() + points[:, 0].max()) / 2
    body = body.moved(-middle, 0.0, -ground)
    parts = [Part("person", body)]
    if design == "sitting":
        seat = -ground - 0.06 * height
        parts.append(Part(None, _stool(rng, -middle, seat)))
    return Asset("person", design, tuple(parts))


def _pose(rng: np.random.Generator, design: str) -> _Pose:
    def near(angle: float, spread: float = 8.0) -> float:
        return angle + between(rng, -spread, spread)

    busy = (near(45, 25), near(85, 25))
    idle = (near(2, 6), near(12, 10))
    hand = busy if chance(rng, 0.5) else idle
    if design == "walking":
        step = near(22, 6)
        return _Pose(near(5, 3), (step, -step), (-3.0, -step - 25), (-step, step), (0.0, step + 20))
    if design == "carrying":
        step = near(15, 6)
        return _Pose(near(3, 3), (-step, step), (-step - 18, 0.0), (near(4), near(-4)), (6.0, 6.0))
    if design == "sitting":
        return _Pose(near(14, 12), (near(82), near(82)), (near(-3), near(8)), (30.0, 25.0), busy)
    if design == "bending":
        return _Pose(near(62, 14), (near(-6, 4), near(4, 4)), (-8.0, -2.0), (near(62), 70.0), busy)
    if design == "stooping":
        return _Pose(near(40, 8), (near(28, 5), near(-8, 4)), (-12.0, -30.0), (55.0, 20.0), busy)
    if design == "squatting":
        return _Pose(near(32, 10), (near(112, 5), near(108, 5)), (-42.0, -40.0), (58.0, 64.0), busy)
    if design == "pushing":
        step = near(24, 6)
        return _Pose(near(24, 6), (step, -step), (-2.0, -step - 12), (58.0, 58.0), (78.0, 78.0))
    if design == "handing":
        return _Pose(near(8, 5), (near(2), near(-4)), (0.0, -4.0), (near(78), near(8)), busy)
    return _Pose(near(3, 4), (near(2, 4), near(-3, 4)), (-1.0, -3.0), (hand[0], near(4)), hand)


def _swing(start: Point, angle_deg: float, length: float, *, aside: float = 0.0) -> Point:
    angle = math.radians(angle_deg)
    x, y, z = start
    return x + length * math.sin(angle), y + aside, z - length * math.cos(angle)


def _body(rng: np.random.Generator, pose: _Pose, height: float) -> tuple[Shape, list[Point]]:
    """Return the body around its pelvis, and where the hands are."""
    stout = between(rng, 0.9, 1.2)
    skin = painted(rng, SKIN)
    top = painted(rng, CLOTHES, roughness=0.9, speckle=0.15, speckle_m=0.06)
    below = painted(rng, TROUSERS, roughness=0.9)
    shoes = painted(rng, ("#15161a", "#e6e6e2", "#5a4636", "#9a2d2d"))
    bare_legs = chance(rng, 0.15)
    bare_arms = chance(rng, 0.4)
    h = height
    body = Shape()
    for side, (thigh, shin) in enumerate(zip(pose.thighs, pose.shins, strict=True)):
        hip = (0.0, (0.055 if side == 0 else -0.055) * h, 0.0)
        knee = _swing(hip, thigh, 0.245 * h)
        ankle = _swing(knee, shin, 0.245 * h)
        rod(body, hip, knee, 0.055 * h * stout, below, end_radius=0.04 * h * stout, sides=7)
        rod(body, knee, ankle, 0.04 * h * stout, skin if bare_legs else below, end_radius=0.028 * h)
        body.box(
            (0.145 * h, 0.055 * h, 0.045 * h), (ankle[0] + 0.035 * h, ankle[1], ankle[2]), shoes
        )
    body.add(_torso(rng, pose, h, (top, below), stout))
    hands = []
    neck = _swing((0.0, 0.0, 0.0), 180.0 - pose.lean, 0.31 * h)
    for side, (arm, forearm) in enumerate(zip(pose.arms, pose.forearms, strict=True)):
        sign = 1.0 if side == 0 else -1.0
        shoulder = (neck[0], sign * 0.115 * h * stout, neck[2] - 0.02 * h)
        elbow = _swing(shoulder, arm, 0.17 * h, aside=sign * 0.035 * h)
        hand = _swing(elbow, forearm, 0.16 * h, aside=-sign * 0.02 * h)
        rod(body, shoulder, elbow, 0.034 * h * stout, top, end_radius=0.028 * h * stout)
        rod(body, elbow, hand, 0.027 * h, skin if bare_arms else top, end_radius=0.02 * h)
        body.ball((0.026 * h,) * 3, hand, skin, rings=3, sides=5)
        hands.append(hand)
    _head(body, rng, neck, pose.lean, h, skin)
    return body, hands


def _torso(
    rng: np.random.Generator, pose: _Pose, h: float, paints: tuple[Paint, Paint], stout: float
) -> Shape:
    top, below = paints
    wide = h * stout
    rings = [
        ((0.0, 0.0, -0.05 * h), 0.06 * wide, 0.098 * wide),
        ((0.0, 0.0, 0.08 * h), 0.058 * wide, 0.085 * wide),
        ((0.0, 0.0, 0.21 * h), 0.066 * wide, 0.105 * wide),
        ((0.0, 0.0, 0.29 * h), 0.055 * wide, 0.115 * wide),
        ((0.0, 0.0, 0.32 * h), 0.03 * wide, 0.05 * wide),
    ]
    torso = loft(Shape(), rings, top)
    torso.ball((0.064 * wide, 0.1 * wide, 0.075 * h), (0, 0, -0.02 * h), below, rings=4, sides=8)
    if chance(rng, 0.3):
        apron = painted(rng, (*CLOTHES, *PLASTIC), roughness=0.8)
        torso.box((0.015, 0.16 * wide, 0.26 * h), (0.066 * wide, 0, 0.09 * h), apron)
    lean = math.radians(pose.lean)
    turn = np.array(
        [[math.cos(lean), 0, math.sin(lean)], [0, 1, 0], [-math.sin(lean), 0, math.cos(lean)]]
    )
    leaned = torso.moved(turn=turn)
    upright = max(abs(angle) for angle in pose.thighs) < 30 and pose.lean < 15
    if upright and chance(rng, 0.25):
        skirt = painted(rng, CLOTHES, roughness=0.9)
        hem = between(rng, 0.2, 0.4) * h
        waist = ((0.0, 0.0, 0.06 * h), 0.06 * wide, 0.09 * wide)
        loft(leaned, [((0.0, 0.0, -hem), 0.13 * h, 0.13 * h), waist], skirt)
    return leaned


def _head(
    body: Shape, rng: np.random.Generator, neck: Point, lean: float, h: float, skin: Paint
) -> None:
    x, y, z = _swing(neck, 180.0 - lean * 0.6, 0.095 * h)
    rod(body, neck, (x, y, z), 0.03 * h, skin)
    body.ball((0.056 * h, 0.047 * h, 0.066 * h), (x, y, z), skin, rings=6, sides=8)
    hair = painted(rng, HAIR, roughness=0.5)
    body.ball(
        (0.06 * h, 0.054 * h, 0.062 * h), (x - 0.014 * h, y, z + 0.016 * h), hair, rings=5, sides=8
    )
    if chance(rng, 0.25):
        tail = (x - 0.05 * h, y, z - 0.06 * h)
        body.ball((0.035 * h, 0.05 * h, 0.085 * h), tail, hair, rings=4, sides=6)
    head_gear = one_of(rng, ("none", "none", "none", "cap", "straw", "brim", "cook"))
    top = z + 0.045 * h
    if head_gear == "straw":
        body.cylinder(
            0.15 * h, 0.085 * h, (x, y, top), painted(rng, STRAW), sides=10, end_radius=0.01
        )
    elif head_gear == "brim":
        felt = painted(rng, (*STRAW, *CLOTHES))
        body.cylinder(0.115 * h, 0.012, (x, y, top), felt, sides=10)
        body.cylinder(0.062 * h, 0.06 * h, (x, y, top + 0.03 * h), felt, sides=8)
    elif head_gear == "cap":
        cloth = painted(rng, (*CLOTHES, *PLASTIC))
        body.ball((0.063 * h, 0.057 * h, 0.045 * h), (x, y, top - 0.01), cloth, rings=4, sides=8)
        body.box((0.07 * h, 0.085 * h, 0.012), (x + 0.075 * h, y, top - 0.015 * h), cloth)
    elif head_gear == "cook":
        white = painted(rng, ("#f2f2ee",))
        body.cylinder(0.058 * h, 0.07 * h, (x, y, top + 0.02 * h), white, sides=8)


def _bags(body: Shape, rng: np.random.Generator, design: str, hands: list[Point], h: float) -> None:
    share = 1.0 if design == "carrying" else 0.25 if design in ("walking", "standing") else 0.0
    for x, y, z in hands:
        if chance(rng, share):
            bag = painted(rng, (*PLASTIC, *CLOTHES), roughness=0.5)
            size = between(rng, 0.14, 0.22) * h
            body.box((size, 0.05 * h, size), (x, y, z - size * 0.6), bag, top_scale=(0.8, 0.5))
    if design in ("walking", "standing") and chance(rng, 0.2):
        pack = painted(rng, CLOTHES)
        body.box(
            (0.09 * h, 0.17 * h, 0.24 * h), (-0.1 * h, 0, 0.19 * h), pack, top_scale=(0.7, 0.8)
        )


def _stool(rng: np.random.Generator, x: float, height: float) -> Shape:
    paint = painted(rng, PLASTIC, roughness=0.4)
    stool = legs(Shape(), (0.32, 0.32), height - 0.03, paint)
    return stool.box((0.32, 0.32, 0.04), (0, 0, height - 0.02), paint).moved(x)
