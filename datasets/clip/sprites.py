"""Rendered poses of a clip's actors, moved and stretched to the poses between them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.clip.shadows import shade
from datasets.scenes.asset import Asset
from datasets.scenes.clip_cast import Act, Actor
from datasets.scenes.clip_poses import Key, act_keys, placed
from datasets.scenes.clip_scene import Clip
from datasets.scenes.clip_track import Pose
from datasets.scenes.shape import rotation
from datasets.scenes.view import View

# The faintest shadow, and the renderer's noise where there is none, are taken off all of alpha;
# what is left at a picture's border fades out.
_FAINT = 0.1
_FADE_PX = 5
_KEPT_PICTURES = 256
# What would have to be stretched to more than this many times its area has left the picture.
_MOST_STRETCHED = 8.0


@dataclass(frozen=True, slots=True)
class Cutout:
    """An actor as it goes into a frame of the wide view.

    Attributes:
        actor: its name.
        rgba: float32, shape ``(h, w, 4)``, 0 to 1, colour already times alpha, channels as OpenCV
            orders them.
        corner_xy: of its top left pixel in the wide view.
        depth_m: of the place where it stands.
        ground: x0, y0, x1, y1 of the ground that it covers, metres.
    """

    actor: str
    rgba: NDArray[np.float32]
    corner_xy: tuple[int, int]
    depth_m: float
    ground: tuple[float, float, float, float]


class MissingPicture(FileNotFoundError):
    """A rendered picture is not where the first step would have left it."""


class Wardrobe:
    """All rendered poses of all actors of a clip."""

    def __init__(self, folder: Path, clip: Clip) -> None:
        """Read nothing yet.

        Args:
            folder: with the rendered pictures.
            clip: whose actors they show.
        """
        self._folder = folder
        self._clip = clip
        self._view = clip.wide_view
        self._pictures: dict[str, NDArray[np.float32]] = {}
        self._boxes: dict[int, NDArray[np.float64]] = {}
        self._keys = {
            (actor.id, number): act_keys(actor, number, clip)
            for actor in clip.actors
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
        _, depth = self._view.project(np.array([[pose.x, pose.y, act.z]]))
        if key.pose == pose:
            rgba, corner = self._picture(key), (key.shaded[0], key.shaded[1])
        else:
            moved = self._moved(key, pose)
            if moved is None:
                return None
            rgba, corner = moved
        return Cutout(actor.id, rgba, corner, float(depth[0]), self._ground(act, pose))

    def _picture(self, key: Key) -> NDArray[np.float32]:
        """Return a pose as it was rendered, with its shadow drawn if it was rendered without."""
        if key.name not in self._pictures:
            if len(self._pictures) >= _KEPT_PICTURES:
                self._pictures.pop(next(iter(self._pictures)))
            self._pictures[key.name] = self._shaded(key)
        return self._pictures[key.name]

    def _shaded(self, key: Key) -> NDArray[np.float32]:
        path = self._folder / key.name
        if self._clip.keying.shadows == "rendered":
            return _without_haze(_read(path))
        thing = _read(path)
        thing[..., :3] *= thing[..., 3:]
        x0, y0, x1, y1 = key.shaded
        rgba = np.zeros((y1 - y0, x1 - x0, 4), np.float32)
        dark = shade(
            placed(key.look, key.pose, key.z),
            key.z,
            daylight=self._clip.daylight,
            view=self._view,
            border=key.shaded,
        )
        rgba[..., 3] = dark * _fade(*dark.shape)
        left, top = key.border[0] - x0, key.border[1] - y0
        high, wide = thing.shape[:2]
        part = rgba[top : top + high, left : left + wide]
        part *= 1.0 - thing[..., 3:]
        part += thing
        return rgba

    def _ground(self, act: Act, pose: Pose) -> tuple[float, float, float, float]:
        corners = self._anchors(act.looks[0]) @ rotation(yaw_deg=pose.yaw_deg).T
        (x0, y0), (x1, y1) = corners[:, :2].min(axis=0), corners[:, :2].max(axis=0)
        return float(x0 + pose.x), float(y0 + pose.y), float(x1 + pose.x), float(y1 + pose.y)

    def _anchors(self, look: Asset) -> NDArray[np.float64]:
        """Return the corners of the box around a look, known from the second time on."""
        # The clip holds its looks for as long as the wardrobe is there, so an id names one look.
        if id(look) not in self._boxes:
            self._boxes[id(look)] = _anchors(look)
        return self._boxes[id(look)]

    def _moved(self, key: Key, pose: Pose) -> tuple[NDArray[np.float32], tuple[int, int]] | None:
        """Return a rendered pose moved and stretched to a near one, and its new corner."""
        anchors = self._anchors(key.look)
        before = _seen(anchors, key.pose, key.z, self._view)
        after = _seen(anchors, pose, key.z, self._view)
        if before is None or after is None:
            return None
        known = np.column_stack([before, np.ones(len(before))])
        affine = np.linalg.lstsq(known, after, rcond=None)[0].T
        if abs(np.linalg.det(affine[:, :2])) > _MOST_STRETCHED:
            return None
        x0, y0, x1, y1 = key.shaded
        corners = np.array([(x0, y0, 1), (x1, y0, 1), (x1, y1, 1), (x0, y1, 1)]) @ affine.T
        width, height = self._view.size_wh
        low = np.clip(np.floor(corners.min(axis=0)).astype(int), 0, (width, height))
        high = np.clip(np.ceil(corners.max(axis=0)).astype(int), 0, (width, height))
        if min(high - low) < 1:
            return None
        shift = affine.copy()
        # Pixel centres lie half a pixel from the corners that projection counts in.
        shift[:, 2] += affine[:, :2] @ (x0 + 0.5, y0 + 0.5) - low - 0.5
        size = (int(high[0] - low[0]), int(high[1] - low[1]))
        warped = cv2.warpAffine(self._picture(key), shift, size, flags=cv2.INTER_LINEAR)
        return np.asarray(warped, np.float32), (int(low[0]), int(low[1]))


def _read(path: Path) -> NDArray[np.float32]:
    """Read a rendered picture, 0 to 1, colour not yet times alpha."""
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if picture is None or picture.ndim != 3 or picture.shape[2] != 4:
        raise MissingPicture(f"{path.name} is not in {path.parent}: render it first")
    return np.asarray(picture.astype(np.float32) / 255.0, np.float32)


def _without_haze(rgba: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a picture with a rendered shadow, its noise taken off, colour times alpha."""
    alpha = np.maximum(rgba[..., 3] - _FAINT, 0.0) / (1.0 - _FAINT)
    alpha *= np.where(alpha > 0.99, 1.0, _fade(rgba.shape[0], rgba.shape[1]))
    return np.concatenate([rgba[..., :3] * alpha[..., None], alpha[..., None]], axis=2)


def _fade(height: int, width: int) -> NDArray[np.float32]:
    """Return 1 inside a picture, falling to 0 at its border."""
    down, across = (
        np.minimum(np.arange(size) + 1, size - np.arange(size)) for size in (height, width)
    )
    nearest = np.minimum(down[:, None], across[None, :])
    return np.minimum(nearest / _FADE_PX, 1.0).astype(np.float32)


def _anchors(look: Asset) -> NDArray[np.float64]:
    """Return the corners of the box around a look."""
    points = np.vstack([part.shape.points() for part in look.parts if part.shape.vertices])
    low, high = points.min(axis=0), points.max(axis=0)
    return np.array(
        [(x, y, z) for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])]
    )


def _seen(
    anchors: NDArray[np.float64], pose: Pose, z: float, view: View
) -> NDArray[np.float64] | None:
    turned = anchors @ rotation(yaw_deg=pose.yaw_deg).T + (pose.x, pose.y, z)
    pixels, depth = view.project(turned)
    return pixels if depth.min() > 0.5 else None
