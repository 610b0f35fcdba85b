"""Choosing what is placed into a frame, and where."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from datasets.composing.frame import Frame
from datasets.composing.sprites import Sprite
from datasets.formats.boxes import Xyxy

_VEHICLES = frozenset({"muck_truck", "car", "van", "bus", "truck"})
_TRIES = 60
# Beside the road there are some metres of verge or pavement before walls begin.
_ROADSIDE_M = 5.0
# Smaller, a detector's input shows too little of them to tell what they are.
_LEAST_PX_PER_M, _LEAST_SMALL_PX_PER_M = 6.0, 14.0
# A render enlarged more than this shows its own pixels; one reduced more holds no detail to keep.
_ZOOM = (0.06, 1.35)
# The drawing of an object changes little within this turn of the camera; then a poor fit is taken.
_PITCH_DEG, _PITCH_WIDE_DEG = 7.0, 14.0
_LEAST_SIDE_PX = 12.0
_OVER_REAL = 0.10
_OVER_OTHER, _OVER_CROWD = 0.10, 0.55
_CROWD_SHARE = 0.35
# Renders leave this share of their width on each side to the cast shadow.
_BORDER = 0.1


@dataclass(frozen=True, slots=True)
class Crowd:
    """What is placed into a frame, how much of it and how near.

    Attributes:
        kinds: share of each kind of sprite.
        counts: share of frames with one, two, … sprites.
        near: share of the sprites that stand in the nearer half of the road's scales.
    """

    kinds: Mapping[str, float]
    counts: tuple[float, ...]
    near: float


# What no public set has comes first; known kinds keep "pasted" from meaning "new class".
PLAIN = Crowd(
    {
        "muck_truck": 0.30,
        "vending": 0.36,
        "lookalike": 0.14,
        "car": 0.04,
        "van": 0.03,
        "bus": 0.02,
        "truck": 0.05,
        "two_wheeler": 0.03,
        "person": 0.03,
    },
    (0.12, 0.22, 0.28, 0.23, 0.15),
    0.0,
)
"""A few sprites anywhere: what is measured on."""
DENSE = Crowd(
    {
        "muck_truck": 0.20,
        "vending": 0.34,
        "lookalike": 0.19,
        "car": 0.03,
        "van": 0.04,
        "bus": 0.04,
        "truck": 0.12,
        "two_wheeler": 0.02,
        "person": 0.02,
    },
    (0.02, 0.08, 0.15, 0.2, 0.2, 0.15, 0.12, 0.08),
    0.6,
)
"""Many sprites, mostly near: what is learned from. As many other lorries, vans and buses as
tippers, or every lorry becomes one."""


@dataclass(frozen=True, slots=True)
class Placing:
    """A sprite and its place in a frame.

    Attributes:
        sprite: what.
        mirrored: whether left and right change places.
        zoom: frame pixels per sprite pixel.
        origin_xy: frame pixel of the sprite's upper left corner.
        ground_y: frame row where it stands; a larger one is nearer to the camera.
    """

    sprite: Sprite
    mirrored: bool
    zoom: float
    origin_xy: tuple[int, int]
    ground_y: float

    def to_frame(self, xyxy: Xyxy) -> Xyxy:
        """Return a box of the sprite in frame pixels."""
        left, top, right, bottom = xyxy
        if self.mirrored:
            left, right = self.sprite.size_wh[0] - right, self.sprite.size_wh[0] - left
        x, y = self.origin_xy
        return (
            x + left * self.zoom,
            y + top * self.zoom,
            x + right * self.zoom,
            y + bottom * self.zoom,
        )

    def outline(self) -> Xyxy:
        """Return the box around all parts; where none is labelled, the sprite less its border."""
        parts = [part.xyxy for part in self.sprite.parts]
        if not parts:
            width, height = self.sprite.size_wh
            border = _BORDER * width, _BORDER * height
            return self.to_frame((*border, width - border[0], height - border[1]))
        edges = np.array(parts)
        low, high = edges[:, :2].min(axis=0), edges[:, 2:].max(axis=0)
        return self.to_frame((float(low[0]), float(low[1]), float(high[0]), float(high[1])))


def choose_placings(
    frame: Frame,
    sprites: Sequence[Sprite],
    *,
    is_night: bool,
    rng: np.random.Generator,
    crowd: Crowd = PLAIN,
) -> list[Placing]:
    """Place a few sprites into a frame, far ones first.

    Args:
        frame: where to.
        sprites: to choose from.
        is_night: whether the frame was taken at night.
        rng: source of randomness.
        crowd: how many of what.

    Returns:
        From far to near; fewer than wanted, or none, where the frame has no room.
    """
    kinds = sorted({sprite.kind for sprite in sprites})
    weights = np.array([crowd.kinds.get(kind, 0.02) for kind in kinds])
    count = 1 + int(rng.choice(len(crowd.counts), p=crowd.counts))
    placed: list[Placing] = []
    for _ in range(count):
        kind = str(rng.choice(kinds, p=weights / weights.sum()))
        used = {placing.sprite.path for placing in placed}
        fitting = [s for s in sprites if s.kind == kind and s.path not in used]
        lit = [sprite for sprite in fitting if _is_lit_alike(sprite, is_night)]
        spot = _find_spot(frame, lit or fitting, placed, rng, near=crowd.near) if fitting else None
        if spot is not None:
            placed.append(spot)
    return sorted(placed, key=lambda placing: placing.ground_y)


def _is_lit_alike(sprite: Sprite, is_night: bool) -> bool:
    return (sprite.light == "night") == is_night or sprite.light == "dusk"


def _find_spot(
    frame: Frame,
    sprites: Sequence[Sprite],
    placed: Sequence[Placing],
    rng: np.random.Generator,
    *,
    near: float,
) -> Placing | None:
    largest = frame.scale.px_per_m(frame.size_wh[1] * 1.02)
    far = _LEAST_PX_PER_M if sprites[0].kind in _VEHICLES else _LEAST_SMALL_PX_PER_M
    far = max(far, frame.scale.px_per_m(frame.far_y))
    if largest <= far:
        return None
    # Drawn only where it can decide something: what is measured on stays as it was.
    nearer = near > 0 and rng.random() < near
    smallest = math.sqrt(far * largest) if nearer else far
    crowded = bool(placed) and rng.random() < _CROWD_SHARE
    for attempt in range(_TRIES):
        sprite = sprites[int(rng.integers(len(sprites)))]
        if crowded:
            neighbour = placed[int(rng.integers(len(placed)))]
            size = frame.scale.px_per_m(neighbour.ground_y)
            size *= math.exp(rng.uniform(0.08, 0.3) * rng.choice((-1, 1)))
            left, _, right, _ = neighbour.outline()
            lateral = frame.lateral_m((left + right) / 2, neighbour.ground_y)
            lateral += float(rng.uniform(1.2, 4.0)) * float(rng.choice((-1, 1)))
        else:
            size = math.exp(rng.uniform(math.log(smallest), math.log(largest)))
            lateral = _lateral(frame, sprite, rng)
        y = frame.scale.row_of(size)
        if y < frame.far_y:
            continue
        limit = _PITCH_DEG if attempt < _TRIES // 2 else _PITCH_WIDE_DEG
        if abs(sprite.pitch_deg - frame.scale.pitch_deg(y)) > limit:
            continue
        # Cars differ in size, and the frame's scale is known only about so well.
        zoom = size / sprite.px_per_m * math.exp(rng.normal(0.0, 0.06))
        if not _ZOOM[0] <= zoom <= _ZOOM[1]:
            continue
        spot = _stand(sprite, zoom, (frame.column_of(lateral, y), y), rng.random() < 0.5)
        if _is_free(frame, spot, placed, _OVER_CROWD if crowded else _OVER_OTHER):
            return spot
    return None


def _lateral(frame: Frame, sprite: Sprite, rng: np.random.Generator) -> float:
    low, high = frame.lanes_m
    if sprite.kind in _VEHICLES or (sprite.kind == "two_wheeler" and rng.random() < 0.6):
        return float(rng.uniform(low, high))
    outward = float(rng.uniform(-1.5, _ROADSIDE_M))
    return low - outward if rng.random() < 0.5 else high + outward


def _stand(sprite: Sprite, zoom: float, at_xy: tuple[float, float], mirrored: bool) -> Placing:
    ground_x, ground_y = sprite.ground_xy
    if mirrored:
        ground_x = sprite.size_wh[0] - ground_x
    origin = (round(at_xy[0] - ground_x * zoom), round(at_xy[1] - ground_y * zoom))
    return Placing(sprite, mirrored, zoom, origin, at_xy[1])


def _is_free(frame: Frame, spot: Placing, placed: Sequence[Placing], over_other: float) -> bool:
    width, height = frame.size_wh
    outline = spot.outline()
    left, top, right, bottom = outline
    if max(right - left, bottom - top) < _LEAST_SIDE_PX or bottom - top > 0.9 * height:
        return False
    if _shared(outline, (0.0, 0.0, float(width), float(height))) < 0.6 * _area(outline):
        return False
    for real in frame.boxes:
        if _shared(outline, real.xyxy) > _OVER_REAL * min(_area(real.xyxy), _area(outline)):
            return False
    for other in (placing.outline() for placing in placed):
        if _shared(outline, other) > over_other * min(_area(other), _area(outline)):
            return False
    foot = frame.ground[
        max(0, int(bottom - 0.2 * (bottom - top))) : max(0, int(bottom) + 2),
        max(0, int(left)) : max(0, int(right) + 1),
    ]
    wanted = 0.65 if spot.sprite.kind in _VEHICLES else 0.4
    return foot.size > 0 and float(foot.mean()) >= wanted


def _area(xyxy: Xyxy) -> float:
    return max(0.0, xyxy[2] - xyxy[0]) * max(0.0, xyxy[3] - xyxy[1])


def _shared(a: Xyxy, b: Xyxy) -> float:
    return _area((max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])))
