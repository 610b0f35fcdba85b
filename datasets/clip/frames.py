"""Frames of the sample clip: the empty street, and everybody in it from back to front."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.clip.sprites import Cutout, MissingPicture, Wardrobe
from datasets.scenes.clip_story import (
    MARGIN_PX,
    RED_S,
    SIZE_WH,
    WIDE_VIEW,
    actors,
    clip_street,
)
from datasets.scenes.shape import Shape
from datasets.scenes.street_ground import GATE_M

_FINER = 4
_ROW_M = 9.0
_NOISE = 0.6

Frame = NDArray[np.uint8]
"""uint8, shape ``(height, width, 3)``, channels as OpenCV orders them."""


@dataclass(frozen=True, slots=True)
class _Screen:
    """Something fixed that hides what is behind it: its outline in the wide view."""

    mask: NDArray[np.float32]
    corner_xy: tuple[int, int]
    depth_m: float


class Studio:
    """Puts frames together."""

    def __init__(self, folder: Path) -> None:
        """Read the empty street.

        Args:
            folder: where the first step left its pictures.
        """
        self._green = _picture(folder / "street.png")
        self._red = self._green.copy()
        x0, y0, x1, y1 = json.loads((folder / "red.json").read_text(encoding="utf-8"))
        self._red[y0:y1, x0:x1] = _picture(folder / "red.png")
        self._actors = actors()
        self._wardrobe = Wardrobe(folder, self._actors)
        self._screens = _screens()

    def frame(self, time_s: float, rng: np.random.Generator) -> Frame:
        """Return the frame of a time.

        Args:
            time_s: from the clip's start.
            rng: for the sensor's noise.
        """
        red = RED_S[0] <= time_s < RED_S[1]
        street = self._red if red else self._green
        across, down = MARGIN_PX
        wide = cv2.copyMakeBorder(street, down, down, across, across, cv2.BORDER_REPLICATE)
        canvas = wide.astype(np.float32)
        found = (self._wardrobe.cutout(actor, time_s) for actor in self._actors)
        cutouts = [cutout for cutout in found if cutout is not None]
        for cutout in sorted(cutouts, key=lambda cutout: -cutout.depth_m):
            self._paste(canvas, cutout)
        width, height = SIZE_WH
        seen = canvas[down : down + height, across : across + width]
        grain = rng.normal(0.0, _NOISE, (height, width, 1)).astype(np.float32)
        return np.asarray(np.clip(seen + grain + 0.5, 0, 255), np.uint8)

    def _paste(self, canvas: NDArray[np.float32], cutout: Cutout) -> None:
        x, y = cutout.corner_xy
        high, wide = cutout.rgba.shape[:2]
        rgba = cutout.rgba
        for screen in self._screens:
            hidden = _hidden(screen, cutout)
            if hidden is not None:
                rgba = rgba * (1.0 - hidden[..., None])
        part = canvas[y : y + high, x : x + wide]
        part *= 1.0 - rgba[..., 3:]
        part += rgba[..., :3] * 255.0


def _picture(path: Path) -> Frame:
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise MissingPicture(
            f"{path.name} is not in {path.parent}: run scripts/render_camera_sample.py first"
        )
    return np.asarray(picture, np.uint8)


def _hidden(screen: _Screen, cutout: Cutout) -> NDArray[np.float32] | None:
    """Return how much of each of a cut-out's pixels a screen hides; None where it is behind."""
    if screen.depth_m >= cutout.depth_m:
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


def _screens() -> list[_Screen]:
    street = clip_street(red=False)
    gate_x = street.plan.gate_x or 0.0
    screens = []
    for shape in street.standing:
        points = shape.points()
        if np.ptp(points[:, 0]) < _ROW_M:
            foot = points[points[:, 2] < 0.5].mean(axis=0)
            screens.append(_outline(shape, shape.faces, foot))
        elif points[:, 1].mean() > 0:
            # Who comes through the hoarding's gate does so between its posts.
            for way in (-1, 1):
                half = [face for face in shape.faces if way * (points[face[0], 0] - gate_x) > 0]
                post = (gate_x + way * GATE_M / 2, points[:, 1].mean(), 0.0)
                screens.append(_outline(shape, half, np.array(post)))
    return [screen for screen in screens if screen is not None]


def _outline(
    shape: Shape, faces: list[tuple[int, ...]], foot: NDArray[np.float64]
) -> _Screen | None:
    """Draw faces as one mask, finer than pixels; None if they are not in the picture."""
    pixels, depth = WIDE_VIEW.project(shape.points())
    kept = [face for face in faces if depth[list(face)].min() > 0.3]
    if not kept:
        return None
    used = pixels[[corner for face in kept for corner in face]]
    size = np.array(WIDE_VIEW.size_wh)
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
    _, foot_depth = WIDE_VIEW.project(foot[None])
    shares = mask.astype(np.float32) / 255.0
    return _Screen(shares, (int(low[0]), int(low[1])), float(foot_depth[0]))
