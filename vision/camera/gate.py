"""The motion gate: whether a picture is worth a look by the detector.

It compares with the picture that was *last looked at closely*, never with the one before, so that
a change too slow to be seen from one frame to the next still adds up. Where nothing changed, what
was seen then is still there: the gate saves work and hides nothing that stands still.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.camera.config import Outline
from vision.camera.frame import Frame

BLOCK_PX = 4
"""Side of a block of the small grey picture (240 px wide): a sixtieth of the frame's width."""
CHANGED_LEVELS = 7.0
"""A block whose mean brightness differs by more than this (of 255) has changed.

Compression and sensor noise of the real clips looked at moves a block's mean by 2 to 4; a person
80 px high in a 1080 px frame moves several blocks by 10 and more.
"""


class MotionGate:
    """Remembers the last picture that was looked at closely. One for each camera."""

    def __init__(self, *, refresh_s: float, urgent: Sequence[Outline] = ()) -> None:
        """Start with nothing seen.

        Args:
            refresh_s: Look again after this long though nothing changed, seconds: what the
                detector missed once it may find in the next picture.
            urgent: Parts of the frame in which things happen fast.
        """
        self._refresh = timedelta(seconds=refresh_s)
        self._urgent = urgent
        self._blocks: NDArray[np.float32] | None = None
        self._at: datetime | None = None

    def is_worth_a_look(self, frame: Frame, *, urgent_only: bool = False) -> bool:
        """Return whether a frame differs from the last one looked at, or that is long ago.

        Args:
            frame: Any of the camera.
            urgent_only: Only a change in the urgent parts counts.
        """
        if self._blocks is None or self._at is None:
            return True
        # A clock that was set back must not close the gate.
        if not timedelta(0) <= frame.taken_at - self._at < self._refresh:
            return True
        blocks = _blocks(frame)
        if blocks.shape != self._blocks.shape:
            return True
        difference = blocks - self._blocks
        # A cloud or the camera's own exposure moves all blocks alike.
        difference -= np.median(difference)
        changed = np.abs(difference) > CHANGED_LEVELS
        if urgent_only:
            changed &= _drawn(self._urgent, blocks.shape)
        return bool(changed.any())

    def looked_at(self, frame: Frame) -> None:
        """Remember a frame that the detector has looked at."""
        self._blocks, self._at = _blocks(frame), frame.taken_at

    def forget(self) -> None:
        """Look at the next frame whatever it shows."""
        self._blocks = None


def _blocks(frame: Frame) -> NDArray[np.float32]:
    """Mean brightness of every block, float32 (rows, columns)."""
    height, width = frame.luma.shape
    size_wh = (max(1, width // BLOCK_PX), max(1, height // BLOCK_PX))
    small = cv2.resize(frame.luma, size_wh, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32)


def _drawn(outlines: Sequence[Outline], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Blocks inside of outlines or next to them, bool of `shape`."""
    rows, columns = shape
    drawn = np.zeros((rows, columns), np.uint8)
    for outline in outlines:
        corners = np.round(np.array(outline) * (columns - 1, rows - 1)).astype(np.int32)
        cv2.fillPoly(drawn, [corners], 1)
    return np.asarray(cv2.dilate(drawn, np.ones((3, 3), np.uint8)) > 0)
