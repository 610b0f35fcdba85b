"""What of each labelled part a frame of a clip truly shows, with all that stands before it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.clip.frames import Studio
from datasets.clip.sprites import Cutout
from datasets.formats.boxes import LabelledBox
from datasets.scenes.asset import Part
from datasets.scenes.clip_poses import placed
from datasets.scenes.clip_scene import Clip
from datasets.scenes.street_share import faces_by_corners, seen_box
from datasets.scenes.view import View

_NOBODY = -1
_FINER_BITS = 4
_SHOWN = 0.5
_NEAREST_M = 0.3


@dataclass(frozen=True, slots=True)
class _Standing:
    """A part where it stands, and the number that its pixels carry."""

    number: int
    part: Part


def seen_boxes(studio: Studio, clip: Clip, time_s: float) -> list[LabelledBox]:
    """Return the labels of a frame: boxes around what is seen of each part, where that is enough.

    Args:
        studio: that puts the clip's frames together.
        clip: the clip.
        time_s: of the frame, seconds from the clip's start.
    """
    width, height = clip.wide_view.size_wh
    owners = np.full((height, width), _NOBODY, np.int32)
    standing: list[_Standing] = []
    for cutout in studio.cutouts(time_s):
        actor = clip.actor(cutout.actor)
        act = actor.act_at(time_s)
        assert act is not None  # noqa: S101 - only who is there has a cut-out
        there = placed(act.looks[0], act.track.at(time_s), act.z)
        parts = [part for part in there.parts if part.shape.faces]
        own = [_Standing(len(standing) + i, part) for i, part in enumerate(parts)]
        standing += own
        drawn = _drawn(own, clip.wide_view)
        _hide(drawn, cutout, studio.shown(cutout))
        np.copyto(owners, drawn, where=drawn != _NOBODY)
    across, down = clip.margin_px
    width, height = clip.view.size_wh
    owners = owners[down : down + height, across : across + width]
    found = []
    for one in standing:
        if one.part.label is None:
            continue
        box = seen_box(one.part, clip.view, owners == one.number)
        if box is not None:
            found.append(LabelledBox(one.part.label, box))
    return found


def _hide(drawn: NDArray[np.int32], cutout: Cutout, shown: NDArray[np.float32]) -> None:
    """Take from a map of owners what something fixed hides of a cut-out."""
    x, y = cutout.corner_xy
    high, wide = shown.shape
    here = drawn[y : y + high, x : x + wide]
    here[shown[: here.shape[0], : here.shape[1]] < _SHOWN] = _NOBODY


def _drawn(parts: list[_Standing], view: View) -> NDArray[np.int32]:
    """Return whose each pixel is, faces drawn from the furthest to the nearest."""
    width, height = view.size_wh
    owners = np.full((height, width), _NOBODY, np.int32)
    for _, outline, number in sorted(_faces(parts, view), key=lambda face: -face[0]):
        cv2.fillPoly(owners, [outline], number, shift=_FINER_BITS)
    return owners


def _faces(parts: list[_Standing], view: View) -> Iterator[tuple[float, NDArray[np.int32], int]]:
    """Yield depth, outline in parts of a pixel, and owner of each face before the camera."""
    for one in parts:
        pixels, depth = view.project(one.part.shape.points())
        # Pixel centres lie half a pixel from the corners that projection counts in.
        fine = np.clip((pixels - 0.5) * 2**_FINER_BITS, -(2**20), 2**20).round().astype(np.int32)
        for corners in faces_by_corners(one.part.shape):
            before = corners[depth[corners].min(axis=1) > _NEAREST_M]
            depths = depth[before].mean(axis=1)
            for far, outline in zip(depths.tolist(), fine[before], strict=True):
                yield far, outline, one.number
