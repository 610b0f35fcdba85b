"""Frames of a clip: the empty street, and everybody in it from back to front."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.clip.sprites import Cutout, MissingPicture, Wardrobe
from datasets.scenes.clip_scene import Clip
from datasets.scenes.shape import Shape
from datasets.scenes.street_ground import GATE_M
from datasets.scenes.view import View

_FINER = 4
_ROW_M = 9.0
_NOISE = 0.6

Frame = NDArray[np.uint8]
"""uint8, shape ``(height, width, 3)``, channels as OpenCV orders them."""


@dataclass(frozen=True, slots=True)
class _Screen:
    """Something fixed that hides what is behind it: its outline in the wide view.

    ``beyond_y`` is set for a row along the street, which is behind whoever is on the pavement.
    """

    mask: NDArray[np.float32]
    corner_xy: tuple[int, int]
    depth_m: float
    beyond_y: float | None = None


class Studio:
    """Puts frames together."""

    def __init__(self, folder: Path, clip: Clip) -> None:
        """Read the empty street.

        Args:
            folder: where the first step left its pictures.
            clip: whose pictures they are.
        """
        self._clip = clip
        self._green = _picture(folder / "street.png")
        self._red = self._green.copy()
        if clip.red_s:
            x0, y0, x1, y1 = json.loads((folder / "red.json").read_text(encoding="utf-8"))
            self._red[y0:y1, x0:x1] = _picture(folder / "red.png")
        self._wardrobe = Wardrobe(folder, clip)
        self._screens = _screens(clip)

    def frames(self, *, start_s: float = 0.0, end_s: float | None = None) -> Iterator[Frame]:
        """Yield the clip's frames from a start to before an end."""
        for time_s in self._clip.frame_times(start_s, end_s):
            yield self.frame(float(time_s))

    def frame(self, time_s: float) -> Frame:
        """Return the frame of a time from the clip's start, seconds."""
        clip = self._clip
        red = clip.red_s is not None and clip.red_s[0] <= time_s < clip.red_s[1]
        street = self._red if red else self._green
        across, down = clip.margin_px
        wide = cv2.copyMakeBorder(street, down, down, across, across, cv2.BORDER_REPLICATE)
        canvas = wide.astype(np.float32)
        for cutout in self.cutouts(time_s):
            self._paste(canvas, cutout)
        width, height = clip.view.size_wh
        seen = canvas[down : down + height, across : across + width]
        rng = np.random.default_rng((clip.seed, round(time_s * clip.frames_per_s)))
        grain = rng.standard_normal((height, width, 1), np.float32) * np.float32(_NOISE)
        return np.asarray(np.clip(seen + grain + np.float32(0.5), 0, 255), np.uint8)

    def cutouts(self, time_s: float) -> list[Cutout]:
        """Return who is there at a time, in the order in which they are painted."""
        found = (self._wardrobe.cutout(actor, time_s) for actor in self._clip.actors)
        cutouts = [cutout for cutout in found if cutout is not None]
        return from_back_to_front(cutouts, self._clip.view)

    def shown(self, cutout: Cutout) -> NDArray[np.float32]:
        """Return how much of each of a cut-out's pixels nothing fixed hides, 0 to 1."""
        seen = np.ones(cutout.rgba.shape[:2], np.float32)
        for screen in self._screens:
            hidden = _hidden(screen, cutout)
            if hidden is not None:
                seen *= 1.0 - hidden
        return seen

    def _paste(self, canvas: NDArray[np.float32], cutout: Cutout) -> None:
        x, y = cutout.corner_xy
        high, wide = cutout.rgba.shape[:2]
        rgba = cutout.rgba * self.shown(cutout)[..., None]
        part = canvas[y : y + high, x : x + wide]
        part *= 1.0 - rgba[..., 3:]
        part += rgba[..., :3] * 255.0


def _picture(path: Path) -> Frame:
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise MissingPicture(f"{path.name} is not in {path.parent}: render it first")
    return np.asarray(picture, np.uint8)


def _hidden(screen: _Screen, cutout: Cutout) -> NDArray[np.float32] | None:
    """Return how much of each of a cut-out's pixels a screen hides; None where it is behind."""
    if screen.depth_m >= cutout.depth_m:
        return None
    if screen.beyond_y is not None and cutout.ground[3] < screen.beyond_y:
        return None
    high, wide = cutout.rgba.shape[:2]
    left, top = np.subtract(screen.corner_xy, cutout.corner_xy)
    rows, columns = screen.mask.shape
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + columns, wide), min(top + rows, high)
    if x1 <= x0 or y1 <= y0:
        return None
    hidden = np.zeros((high, wide), np.float32)
    hidden[y0:y1, x0:x1] = screen.mask[y0 - top : y1 - top, x0 - left : x1 - left]
    return hidden


def from_back_to_front(cutouts: Sequence[Cutout], view: View) -> list[Cutout]:
    """Return cut-outs in the order in which they are painted.

    Of two whose ground a line along or across the street parts, the one on the camera's side of
    the line is in front; a long bus is in front of a car beside it though its middle is further
    away. Of two that no such line parts, the one whose middle is further away is behind.

    Args:
        cutouts: of one frame.
        view: the camera.
    """
    waiting = sorted(cutouts, key=lambda cutout: -cutout.depth_m)
    painted = []
    while waiting:
        ready = (
            one
            for one in waiting
            if not any(_hides(one, other, view) for other in waiting if other is not one)
        )
        # Three may hide each other in a ring; then the furthest is as good as any.
        following = next(ready, waiting[0])
        waiting.remove(following)
        painted.append(following)
    return painted


def _hides(one: Cutout, other: Cutout, view: View) -> bool:
    """Return whether one cut-out has to be painted after another."""
    for axis in (1, 0):
        eye = view.position[axis]
        low, high = one.ground[axis], one.ground[axis + 2]
        other_low, other_high = other.ground[axis], other.ground[axis + 2]
        if high <= other_low:
            return eye <= (high + other_low) / 2
        if other_high <= low:
            return eye > (other_high + low) / 2
    return one.depth_m < other.depth_m


def _screens(clip: Clip) -> list[_Screen]:
    gate_x = clip.plan.gate_x
    screens = []
    for shape in clip.street(red=False).standing:
        points = shape.points()
        if np.ptp(points[:, 0]) < _ROW_M:
            foot = points[points[:, 2] < 0.5].mean(axis=0)
            screens.append(_outline(shape, shape.faces, foot, clip.wide_view))
        elif points[:, 1].mean() > 0 and gate_x is not None:
            # Who comes through the hoarding's gate does so between its posts.
            row_y = float(points[:, 1].mean())
            for way in (-1, 1):
                half = [face for face in shape.faces if way * (points[face[0], 0] - gate_x) > 0]
                post = np.array((gate_x + way * GATE_M / 2, row_y, 0.0))
                screens.append(_outline(shape, half, post, clip.wide_view, beyond_y=row_y))
    return [screen for screen in screens if screen is not None]


def _outline(
    shape: Shape,
    faces: list[tuple[int, ...]],
    foot: NDArray[np.float64],
    view: View,
    *,
    beyond_y: float | None = None,
) -> _Screen | None:
    """Draw faces as one mask, finer than pixels; None if they are not in the picture."""
    pixels, depth = view.project(shape.points())
    kept = [face for face in faces if depth[list(face)].min() > 0.3]
    if not kept:
        return None
    used = pixels[[corner for face in kept for corner in face]]
    size = np.array(view.size_wh)
    low = np.clip(np.floor(used.min(axis=0)).astype(int), 0, size)
    high = np.clip(np.ceil(used.max(axis=0)).astype(int), 0, size)
    wide, tall = high - low
    if min(wide, tall) < 1:
        return None
    fine = np.zeros((tall * _FINER, wide * _FINER), np.uint8)
    for face in kept:
        corners = np.clip((pixels[list(face)] - low) * _FINER, -30000, 30000)
        cv2.fillPoly(fine, [np.round(corners).astype(np.int32)], 255)
    mask = cv2.resize(fine, (int(wide), int(tall)), interpolation=cv2.INTER_AREA)
    _, foot_depth = view.project(foot[None])
    shares = mask.astype(np.float32) / 255.0
    return _Screen(shares, (int(low[0]), int(low[1])), float(foot_depth[0]), beyond_y)
