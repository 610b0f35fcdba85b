"""Frames of a clip without any rendered picture: each part a patch of its own colours where it is.

Association and rules that are given the truth's boxes need of a picture only that each thing looks
like itself and like nothing else. Such a clip takes seconds, a rendered one most of a minute.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.clip.frames import Frame
from datasets.event_scoring import ClipTruth
from datasets.scenes.clip_scene import Clip

_PATCH, _SPOTS = 24, 4
_CONTRAST = 60
_ROAD = (90, 150)
_ROAD_SPOT_PX = 8


class PaintedStudio:
    """Paints a clip's frames."""

    def __init__(self, clip: Clip, truth: ClipTruth) -> None:
        """Paint the empty street.

        Args:
            clip: of which frames are painted.
            truth: where everything is in it.
        """
        self._clip, self._truth = clip, truth
        width, height = clip.view.size_wh
        spots = -(-height // _ROAD_SPOT_PX), -(-width // _ROAD_SPOT_PX), 3
        road = np.random.default_rng(clip.seed).integers(*_ROAD, spots, dtype=np.uint8)
        self._street: Frame = np.asarray(cv2.resize(road, (width, height)), np.uint8)
        self._patches: dict[str, Frame] = {}

    def frames(self) -> Iterator[Frame]:
        """Yield the clip's frames, what is nearer before what is farther."""
        clip = self._clip
        width, height = clip.view.size_wh
        for time_s in clip.frame_times():
            frame = self._street.copy()
            parts = [
                (box, f"{name} {number} {label}")
                for name, presence in self._truth.presences.items()
                for number, (label, box) in enumerate(presence.parts_at(float(time_s)))
            ]
            for box, name in sorted(parts, key=lambda part: part[0][3]):
                x1, x2 = (round(min(max(x, 0.0), 1.0) * width) for x in (box[0], box[2]))
                y1, y2 = (round(min(max(y, 0.0), 1.0) * height) for y in (box[1], box[3]))
                if x2 > x1 and y2 > y1:
                    frame[y1:y2, x1:x2] = cv2.resize(self._patch(name), (x2 - x1, y2 - y1))
            yield frame

    def _patch(self, name: str) -> NDArray[np.uint8]:
        """Return a part's look: a colour, and lighter and darker spots."""
        if name not in self._patches:
            rng = np.random.default_rng((self._clip.seed, zlib.crc32(name.encode())))
            colour = [rng.integers(0, 180), rng.integers(30, 255), rng.integers(60, 220)]
            plain = np.full((_PATCH, _PATCH, 3), colour, np.uint8)
            spots = rng.integers(-_CONTRAST, _CONTRAST, (_SPOTS, _SPOTS, 1))
            spots = spots.repeat(_PATCH // _SPOTS, 0).repeat(_PATCH // _SPOTS, 1)
            painted = cv2.cvtColor(plain, cv2.COLOR_HSV2BGR).astype(int) + spots
            self._patches[name] = np.clip(painted, 0, 255).astype(np.uint8)
        return self._patches[name]
