"""Which poses of the sample clip's actors are rendered, and where they fall in the picture."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datasets.scenes.asset import Asset
from datasets.scenes.clip_story import (
    FRAMES_PER_S,
    SUN_AZIMUTH_DEG,
    SUN_ELEVATION_DEG,
    Actor,
)
from datasets.scenes.clip_track import Pose
from datasets.scenes.view import View

# Between two rendered poses a picture is moved and stretched; what shows of its sides changes with
# the angle it is seen at, so near things need more poses.
_STEP_SHARE = 0.07
_STEP_M = 0.8
_TURN_DEG = 4.0
_MARGIN_PX = 5
_SMALLEST_PX = 9.0

Border = tuple[int, int, int, int]
"""x0, y0, x1, y1 of a part of the picture, pixels."""


@dataclass(frozen=True, slots=True)
class Key:
    """A rendered pose.

    Attributes:
        name: of its picture.
        look: what is rendered, at the origin.
        pose: where it stands.
        z: height of the ground there.
        border: the part of the picture it needs with its shadow.
    """

    name: str
    look: Asset
    pose: Pose
    z: float
    border: Border


def placed(look: Asset, pose: Pose, z: float) -> Asset:
    """Return a look where a pose puts it."""
    return look.placed(pose.x, pose.y, yaw_deg=pose.yaw_deg, z=z)


def frame_times(start_s: float, end_s: float) -> NDArray[np.float64]:
    """Return the times of the clip's frames from a start to before an end, seconds."""
    first = math.ceil(start_s * FRAMES_PER_S - 1e-9)
    last = math.ceil(end_s * FRAMES_PER_S - 1e-9)
    return np.arange(first, last) / FRAMES_PER_S


def act_keys(actor: Actor, number: int, view: View) -> list[Key]:
    """Return the poses of one act that are rendered, in their order along the track."""
    act = actor.acts[number]
    poses: list[Pose] = []
    for time_s in frame_times(act.track.start_s, act.track.end_s):
        pose = act.track.at(float(time_s))
        depth = math.dist((pose.x, pose.y, act.z), view.position)
        if not poses or _far_apart(poses[-1], pose, max(_STEP_M, _STEP_SHARE * depth)):
            poses.append(pose)
    # What stands still is shown as rendered.
    ends = [act.track.end_s, *(start for start, _ in act.track.stops())]
    poses = sorted({*poses, *map(act.track.at, ends)}, key=lambda pose: pose.along_m)
    keys = []
    for index, pose in enumerate(poses):
        look = act.looks[index % len(act.looks)]
        border = seen_border(placed(look, pose, act.z), act.z, view)
        if border is not None:
            keys.append(
                Key(f"{actor.pictures}_{number}_{index:03d}.png", look, pose, act.z, border)
            )
    return keys


def _far_apart(one: Pose, other: Pose, step_m: float) -> bool:
    turned = abs((other.yaw_deg - one.yaw_deg + 180) % 360 - 180)
    return abs(other.along_m - one.along_m) >= step_m or turned >= _TURN_DEG


def seen_border(asset: Asset, ground_z: float, view: View) -> Border | None:
    """Return the part of the picture that holds an asset and its shadow; None if too little does.

    Args:
        asset: where it stands.
        ground_z: height that its shadow falls on.
        view: the camera.
    """
    points = np.vstack([part.shape.points() for part in asset.parts if part.shape.vertices])
    pixels, depth = view.project(points)
    if depth.min() < 1.0:
        return None
    size = pixels.max(axis=0) - pixels.min(axis=0)
    if size.max() < _SMALLEST_PX:
        return None
    # A shadow lies away from the sun, as long as the height over the tangent of its elevation.
    length = (points[:, 2] - ground_z) / math.tan(math.radians(SUN_ELEVATION_DEG))
    away = math.radians(SUN_AZIMUTH_DEG + 180.0)
    shadow = np.column_stack(
        [
            points[:, 0] + length * math.cos(away),
            points[:, 1] + length * math.sin(away),
            np.full(len(points), ground_z),
        ]
    )
    both = np.vstack([pixels, view.project(shadow)[0]])
    low = np.floor(both.min(axis=0)).astype(int) - _MARGIN_PX
    high = np.ceil(both.max(axis=0)).astype(int) + _MARGIN_PX
    width, height = view.size_wh
    x0, x1 = (int(value) for value in np.clip((low[0], high[0]), 0, width))
    y0, y1 = (int(value) for value in np.clip((low[1], high[1]), 0, height))
    return (x0, y0, x1, y1) if x1 - x0 > 2 and y1 - y0 > 2 else None
