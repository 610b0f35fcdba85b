"""Muck trucks for the load-state classifier, beside the sprites of :mod:`sprites`. Needs ``bpy``.

Hard views: from street level, and straight from the front. Sprites are seen as most street cameras
see traffic, where a load seldom hides; the classifier must also know when it cannot tell.

Load sets: one truck in one view and light with each load in turn. All that tells the pictures of a
set apart is the load, so nothing else about a truck can be learned for it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from datasets.scenes.asset import Asset
from datasets.scenes.catalogue import CATALOGUE, Split
from datasets.scenes.muck_trucks import (
    LOADED_STATES,
    TRAIN_DESIGNS,
    draw_design,
    muck_truck,
    told_state,
)
from datasets.scenes.sprites import (
    Pose,
    draw_light,
    draw_pose,
    faced_points,
    fade_file,
    frame,
    sprite_record,
    sprite_rng,
)
from datasets.scenes.stage import Light, Stage

KIND = "muck_truck"
_HARD_SHARE = 0.3
"""Share of the load sets that are hard views."""
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
    return _render(stage, asset, pose, light, split=split, seed=seed, size=size, path=path)


def render_load_set(
    stage: Stage, *, seed: int, size: int, paths: Mapping[str, Path]
) -> list[dict[str, Any]]:
    """Render one muck truck of the designs to learn from, with each load, and return the records.

    Args:
        stage: To render on; what it shows is taken off.
        seed: Of this set alone.
        size: Of a picture's sides, pixels.
        paths: Of the PNGs, by load as `LOADED_STATES` names them.
    """
    rng = sprite_rng("load_set", "train", seed)
    pose = draw_hard_pose(rng) if rng.random() < _HARD_SHARE else draw_pose(rng)
    light, design = draw_light(rng), draw_design(rng, TRAIN_DESIGNS)
    truck_seed, load_seed = (int(number) for number in rng.integers(2**32, size=2))
    records = []
    for number, state in enumerate(LOADED_STATES):
        asset = muck_truck(
            np.random.default_rng(truck_seed),
            design=design,
            load_state=state,
            load_rng=np.random.default_rng([load_seed, number]),
        ).placed(0, 0, yaw_deg=pose.yaw_deg)
        records.append(
            _render(
                stage, asset, pose, light, split="train", seed=seed, size=size, path=paths[state]
            )
        )
    return records


def _render(
    stage: Stage,
    asset: Asset,
    pose: Pose,
    light: Light,
    *,
    split: Split,
    seed: int,
    size: int,
    path: Path,
) -> dict[str, Any]:
    view = frame(faced_points(asset), pose, size)
    stage.clear()
    stage.light(light)
    stage.show([asset])
    stage.render(view, path, ground="catch")
    fade_file(path)
    off_axis = abs(math.degrees(math.asin(math.sin(math.radians(pose.yaw_deg)))))
    skirt_seen = asset.load_state == "covered" and off_axis > _SKIRT_YAW_DEG
    state = asset.load_state if skirt_seen else told_state(asset, view)
    return sprite_record(
        asset, view, kind=KIND, split=split, seed=seed, pose=pose, light=light, load_state=state
    )
