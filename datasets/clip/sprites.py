"""Rendered poses of the sample clip's actors, moved and stretched to the poses between them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.scenes.asset import Asset
from datasets.scenes.clip_poses import Key, act_keys
from datasets.scenes.clip_story import WIDE_VIEW, Actor
from datasets.scenes.clip_track import Pose
from datasets.scenes.shape import rotation

# The faintest shadow, and the renderer's noise where there is none, are taken off all of alpha;
# what is left at a picture's border fades out.
_FAINT = 0.1
_FADE_PX = 5


@dataclass(frozen=True, slots=True)
class Cutout:
    """An actor as it goes into a frame of the wide view.

    Attributes:
        actor: its name.
        rgba: float32, shape ``(h, w, 4)``, 0 to 1, colour already times alpha, channels as OpenCV
            orders them.
        corner_xy: of its top left pixel in the wide view.
        depth_m: of the place where it stands.
    """

    actor: str
    rgba: NDArray[np.float32]
    corner_xy: tuple[int, int]
    depth_m: float


class MissingPicture(FileNotFoundError):
    """A rendered picture is not where the first step would have left it."""


class Wardrobe:
    """All rendered poses of all actors."""

    def __init__(self, folder: Path, actors: tuple[Actor, ...]) -> None:
        """Read nothing yet.

        Args:
            folder: with the rendered pictures.
            actors: of the clip.
        """
        self._folder = folder
        self._keys = {
            (actor.id, number): act_keys(actor, number, WIDE_VIEW)
            for actor in actors
            for number in range(len(actor.acts))
        }

    def cutout(self, actor: Actor, time_s: float) -> Cutout | None:
        """Return an actor at a time; None while it is not there or too far off."""
        act = actor.act_at(time_s)
        if act is None:
            return None
        keys = self._keys[actor.id, actor.acts.index(act)]
        if not keys:
            return None
        pose = act.track.at(time_s)
        key = min(keys, key=lambda key: abs(key.pose.along_m - pose.along_m))
        _, depth = WIDE_VIEW.project(np.array([[pose.x, pose.y, act.z]]))
        rgba, corner = _read(self._folder / key.name), (key.border[0], key.border[1])
        if key.pose != pose:
            moved = _moved(rgba, key, pose)
            if moved is None:
                return None
            rgba, corner = moved
        return Cutout(actor.id, rgba, corner, float(depth[0]))


@lru_cache(maxsize=256)
def _read(path: Path) -> NDArray[np.float32]:
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if picture is None or picture.ndim != 3 or picture.shape[2] != 4:
        raise MissingPicture(
            f"{path.name} is not in {path.parent}: run scripts/render_camera_sample.py first"
        )
    rgba = picture.astype(np.float32) / 255.0
    rgba[..., 3] = np.maximum(rgba[..., 3] - _FAINT, 0.0) / (1.0 - _FAINT)
    solid = rgba[..., 3] > 0.99
    rgba[..., 3] *= np.where(solid, 1.0, _fade(rgba.shape[0], rgba.shape[1]))
    rgba[..., :3] *= rgba[..., 3:]
    return rgba


def _fade(height: int, width: int) -> NDArray[np.float32]:
    """Return 1 inside a picture, falling to 0 at its border."""
    down, across = (
        np.minimum(np.arange(size) + 1, size - np.arange(size)) for size in (height, width)
    )
    nearest = np.minimum(down[:, None], across[None, :])
    return np.minimum(nearest / _FADE_PX, 1.0).astype(np.float32)


def _moved(
    rgba: NDArray[np.float32], key: Key, pose: Pose
) -> tuple[NDArray[np.float32], tuple[int, int]] | None:
    """Return a rendered pose moved and stretched to a near one, and its new corner."""
    anchors = _anchors(key.look)
    before = _seen(anchors, key.pose, key.z)
    after = _seen(anchors, pose, key.z)
    if before is None or after is None:
        return None
    known = np.column_stack([before, np.ones(len(before))])
    affine = np.linalg.lstsq(known, after, rcond=None)[0].T
    x0, y0, x1, y1 = key.border
    corners = np.array([(x0, y0, 1), (x1, y0, 1), (x1, y1, 1), (x0, y1, 1)]) @ affine.T
    width, height = WIDE_VIEW.size_wh
    low = np.clip(np.floor(corners.min(axis=0)).astype(int), 0, (width, height))
    high = np.clip(np.ceil(corners.max(axis=0)).astype(int), 0, (width, height))
    if min(high - low) < 1:
        return None
    shift = affine.copy()
    # Pixel centres lie half a pixel from the corners that projection counts in.
    shift[:, 2] += affine[:, :2] @ (x0 + 0.5, y0 + 0.5) - low - 0.5
    size = (int(high[0] - low[0]), int(high[1] - low[1]))
    warped = cv2.warpAffine(rgba, shift, size, flags=cv2.INTER_LINEAR)
    return np.asarray(warped, np.float32), (int(low[0]), int(low[1]))


def _anchors(look: Asset) -> NDArray[np.float64]:
    """Return the corners of the box around a look."""
    points = np.vstack([part.shape.points() for part in look.parts if part.shape.vertices])
    low, high = points.min(axis=0), points.max(axis=0)
    return np.array(
        [(x, y, z) for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])]
    )


def _seen(anchors: NDArray[np.float64], pose: Pose, z: float) -> NDArray[np.float64] | None:
    turned = anchors @ rotation(yaw_deg=pose.yaw_deg).T + (pose.x, pose.y, z)
    pixels, depth = WIDE_VIEW.project(turned)
    return pixels if depth.min() > 0.5 else None
