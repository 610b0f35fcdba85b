"""What of each labelled part a frame of a clip truly shows, with all that stands before it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.clip.frames import Studio
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


def seen_boxes(studio: Studio, clip: Clip, time_s: float) -> list[LabelledBox]:
    """Return the labels of a frame: boxes around what is seen of each part, where that is enough.

    Args:
        studio: that puts the clip's frames together.
        clip: the clip.
        time_s: of the frame, seconds from the clip's start.
    """
    width, height = clip.wide_view.size_wh
    owners = np.full((height, width), _NOBODY, np.int32)
    standing: list[Part] = []
    for cutout in studio.cutouts(time_s):
        actor = clip.actor(cutout.actor)
        act = actor.act_at(time_s)
        assert act is not None  # noqa: S101 - only who is there has a cut-out
        there = placed(act.looks[0], act.track.at(time_s), act.z)
        parts = [part for part in there.parts if part.shape.faces]
        drawn = _drawn(parts, len(standing), clip.wide_view)
        standing += parts
        x, y = cutout.corner_xy
        shown = studio.shown(cutout)
        drawn[y : y + shown.shape[0], x : x + shown.shape[1]][shown < _SHOWN] = _NOBODY
        np.copyto(owners, drawn, where=drawn != _NOBODY)
    across, down = clip.margin_px
    width, height = clip.view.size_wh
    owners = owners[down : down + height, across : across + width]
    found = []
    for number, part in enumerate(standing):
        if part.label is None:
            continue
        box = seen_box(part, clip.view, owners == number)
        if box is not None:
            found.append(LabelledBox(part.label, box))
    return found


def _drawn(parts: Sequence[Part], first: int, view: View) -> NDArray[np.int32]:
    """Return whose each pixel is, parts numbered from the first on, furthest faces drawn first."""
    width, height = view.size_wh
    owners = np.full((height, width), _NOBODY, np.int32)
    for _, outline, number in sorted(_faces(parts, first, view), key=lambda face: -face[0]):
        cv2.fillPoly(owners, [outline], number, shift=_FINER_BITS)
    return owners


def _faces(
    parts: Sequence[Part], first: int, view: View
) -> Iterator[tuple[float, NDArray[np.int32], int]]:
    """Yield depth, outline in parts of a pixel, and owner of each face before the camera."""
    for number, part in enumerate(parts, start=first):
        pixels, depth = view.project(part.shape.points())
        # Pixel centres lie half a pixel from the corners that projection counts in.
        fine = np.clip((pixels - 0.5) * 2**_FINER_BITS, -(2**20), 2**20).round().astype(np.int32)
        for corners in faces_by_corners(part.shape):
            before = corners[depth[corners].min(axis=1) > _NEAREST_M]
            depths = depth[before].mean(axis=1)
            for far, outline in zip(depths.tolist(), fine[before], strict=True):
                yield far, outline, number
