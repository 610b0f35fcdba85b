"""Muck trucks from where their load is hard to see: street level, and straight from the front.

The sprites of :mod:`sprites` are seen as most street cameras see traffic, where a load seldom
hides. The load-state classifier must also know when it cannot tell. Needs ``bpy``.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from datasets.scenes.catalogue import CATALOGUE, Split
from datasets.scenes.muck_trucks import load_seen
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
