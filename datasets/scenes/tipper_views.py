"""Muck trucks from where their load is hard to see: street level, and straight from the front.

The sprites of :mod:`sprites` are seen as most street cameras see traffic, where a load seldom
hides. The load-state classifier must also know when it cannot tell. Needs ``bpy``.
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from datasets.scenes.asset import Asset
from datasets.scenes.catalogue import CATALOGUE, Split
from datasets.scenes.muck_trucks import load_seen
from datasets.scenes.shape import Rgb
from datasets.scenes.sprites import (
    Pose,
    draw_light,
    faced_points,
    fade_file,
    frame,
    sprite_record,
    sprite_rng,
)
from datasets.scenes.stage import Stage

KIND = "muck_truck"
_WORN_SHARE = 0.6
# Linear colours of the inside of boxes scoured by their loads: dust, light rust, bare steel.
_WORN: tuple[Rgb, ...] = (
    (0.46, 0.38, 0.29),
    (0.40, 0.27, 0.19),
    (0.48, 0.46, 0.44),
    (0.33, 0.24, 0.18),
)
_INSIDE = (0.8, 0.4, 0.45)
"""Roughness, speckle and size of speckles by which muck trucks paint the inside of their box."""
_LEVEL_SHARE = 0.55
_SKIRT_YAW_DEG = 25.0
"""A cover's edge hangs over the side boards: turned by this much, the camera sees it there."""


def draw_hard_pose(rng: np.random.Generator) -> Pose:
    """Return a pose at street level from any side, or one from above before the truck's front."""
    if rng.random() < _LEVEL_SHARE:
        pitch, yaw = rng.uniform(-1, 11), rng.uniform(-180, 180)
    else:
        pitch, yaw = rng.uniform(9, 30), 180 + rng.normal(0, 14)
    turned = (yaw + 180) % 360 - 180
    return Pose(float(pitch), float(turned), float(rng.uniform(14, 60)))


def with_worn_box(asset: Asset, rng: np.random.Generator) -> Asset:
    """Return a muck truck whose box is light inside, as loads scour it; dark ones are common too.

    Without these an empty box in the sun would look like one full of earth.
    """
    red, green, blue = _WORN[int(rng.integers(len(_WORN)))]
    shade = float(rng.uniform(0.75, 1.25))
    rgb = (red * shade, green * shade, blue * shade)
    parts = []
    for part in asset.parts:
        paints = [
            replace(paint, rgb=rgb)
            if (paint.roughness, paint.speckle, paint.speckle_m) == _INSIDE
            else paint
            for paint in part.shape.paints
        ]
        parts.append(replace(part, shape=replace(part.shape, paints=paints)))
    return replace(asset, parts=tuple(parts))


def render_hard_view(
    stage: Stage, *, split: Split, seed: int, size: int, path: Path
) -> dict[str, Any]:
    """Render one muck truck in a hard view and return its record, like a sprite's.

    Args:
        stage: To render on; what it shows is taken off.
        split: Whose designs and draws are used.
        seed: Of this picture alone.
        size: Of the picture's sides, pixels.
        path: Of the PNG.
    """
    rng = sprite_rng("hard_view", split, seed)
    pose, light = draw_hard_pose(rng), draw_light(rng)
    asset = CATALOGUE[KIND](rng, split).placed(0, 0, yaw_deg=pose.yaw_deg)
    if rng.random() < _WORN_SHARE:
        asset = with_worn_box(asset, rng)
    view = frame(faced_points(asset), pose, size)
    stage.clear()
    stage.light(light)
    stage.show([asset])
    stage.render(view, path, ground="catch")
    fade_file(path)
    off_axis = abs(math.degrees(math.asin(math.sin(math.radians(pose.yaw_deg)))))
    skirt_seen = asset.load_state == "covered" and off_axis > _SKIRT_YAW_DEG
    seen = skirt_seen or load_seen(asset, view)
    state = asset.load_state if seen else "not_visible"
    return sprite_record(
        asset, view, kind=KIND, split=split, seed=seed, pose=pose, light=light, load_state=state
    )
