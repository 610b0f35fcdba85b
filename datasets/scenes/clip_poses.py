"""Which poses of a clip's actors are rendered, and where they fall in the picture."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from datasets.scenes.asset import Asset
from datasets.scenes.clip_cast import Actor
from datasets.scenes.clip_scene import Clip, Daylight
from datasets.scenes.clip_track import Pose
from datasets.scenes.shape import Vertices

_MARGIN_PX = 5
_SMALLEST_PX = 9.0
_LONGEST_SHADOW = 2.5
"""Of what casts it; what a low sun throws further is left out of the picture."""
_SOFT_SHADOW = 0.4
"""As long as this is what an overcast sky throws."""

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
        border: the part of the picture that is rendered: the thing with its shadow, or the thing
            alone where shadows are drawn.
        shaded: the part of the picture that holds the thing with its shadow.
    """

    name: str
    look: Asset
    pose: Pose
    z: float
    border: Border
    shaded: Border


def placed(look: Asset, pose: Pose, z: float) -> Asset:
    """Return a look where a pose puts it."""
    return look.placed(pose.x, pose.y, yaw_deg=pose.yaw_deg, z=z)


def act_keys(actor: Actor, number: int, clip: Clip) -> list[Key]:
    """Return the poses of one act that are rendered, in their order along the track.

    Between two of them a picture is moved and stretched; what shows of its sides changes with the
    angle it is seen at, so near things need more poses.
    """
    act, view, keying = actor.acts[number], clip.wide_view, clip.keying
    poses: list[Pose] = []
    for time_s in clip.frame_times(act.track.start_s, act.track.end_s):
        pose = act.track.at(float(time_s))
        depth = math.dist((pose.x, pose.y, act.z), view.position)
        step_m = max(keying.step_m, keying.step_share * depth)
        if not poses or _far_apart(poses[-1], pose, step_m, keying.turn_deg):
            poses.append(pose)
    # What stands still is shown as rendered.
    ends = [act.track.end_s, *(start for start, _ in act.track.stops())]
    poses = sorted({*poses, *map(act.track.at, ends)}, key=lambda pose: pose.along_m)
    keys = []
    for index, pose in enumerate(poses):
        look = act.looks[index % len(act.looks)]
        there = placed(look, pose, act.z)
        shaded = seen_border(there, act.z, clip)
        if shaded is not None:
            border = shaded if keying.shadows == "rendered" else seen_border(there, None, clip)
            assert border is not None  # noqa: S101 - what is seen with its shadow is seen
            name = f"{actor.pictures}_{number}_{index:03d}.png"
            keys.append(Key(name, look, pose, act.z, border, shaded))
    return keys


def _far_apart(one: Pose, other: Pose, step_m: float, turn_deg: float) -> bool:
    turned = abs((other.yaw_deg - one.yaw_deg + 180) % 360 - 180)
    return abs(other.along_m - one.along_m) >= step_m or turned >= turn_deg


def seen_border(asset: Asset, shadow_z: float | None, clip: Clip) -> Border | None:
    """Return the part of the wide picture that holds an asset; None if too little of it does.

    Args:
        asset: where it stands.
        shadow_z: height of the ground that its shadow falls on; None leaves the shadow out.
        clip: camera and light.
    """
    view = clip.wide_view
    points = np.vstack([part.shape.points() for part in asset.parts if part.shape.vertices])
    pixels, depth = view.project(points)
    if depth.min() < 1.0:
        return None
    if np.ptp(pixels, axis=0).max() < _SMALLEST_PX:
        return None
    if _share_inside(pixels, clip) < clip.keying.least_inside:
        return None
    if shadow_z is not None:
        pixels = np.vstack(
            [pixels, view.project(shadow_points(points, shadow_z, clip.daylight))[0]]
        )
    low = np.floor(pixels.min(axis=0)).astype(int) - _MARGIN_PX
    high = np.ceil(pixels.max(axis=0)).astype(int) + _MARGIN_PX
    width, height = view.size_wh
    x0, x1 = (int(value) for value in np.clip((low[0], high[0]), 0, width))
    y0, y1 = (int(value) for value in np.clip((low[1], high[1]), 0, height))
    return (x0, y0, x1, y1) if x1 - x0 > 2 and y1 - y0 > 2 else None


def shadow_points(points: Vertices, ground_z: float, daylight: Daylight) -> Vertices:
    """Return where the shadows of points fall on level ground.

    A shadow lies away from the sun, as long as the height over the tangent of its elevation.

    Args:
        points: shape ``(n, 3)``.
        ground_z: height of the ground.
        daylight: that throws the shadow.
    """
    reach = min(1.0 / math.tan(math.radians(daylight.sun_elevation_deg)), _LONGEST_SHADOW)
    if daylight.kind == "overcast":
        reach = _SOFT_SHADOW
    length = (points[:, 2] - ground_z) * reach
    away = math.radians(daylight.sun_azimuth_deg + 180.0)
    return np.column_stack(
        [
            points[:, 0] + length * math.cos(away),
            points[:, 1] + length * math.sin(away),
            np.full(len(points), ground_z),
        ]
    )


def _share_inside(pixels: Vertices, clip: Clip) -> float:
    """Return how much of a box around points in the wide picture is in the clip's own picture."""
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    start = np.array(clip.margin_px)
    inside = np.minimum(high, start + clip.view.size_wh) - np.maximum(low, start)
    return float(np.prod(np.maximum(inside, 0.0)) / max(float(np.prod(high - low)), 1.0))
