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
from vision.camera.events import Box
from vision.camera.frame import Frame

BLOCK_PX = 4
"""Side of a block of the small grey picture (240 px wide): a sixtieth of the frame's width."""
CHANGED_LEVELS = 7.0
"""A block whose mean brightness differs by more than this (of 255) has changed.

Compression and sensor noise of the real clips looked at moves a block's mean by 2 to 4; a person
80 px high in a 1080 px frame moves several blocks by 10 and more.
"""


NEAR_BLOCKS = 1
"""Changes this near to a place count, too: wheels are seen beside where they stand."""


class MotionGate:
    """Remembers the last picture that was looked at closely. One for each camera."""

    def __init__(
        self,
        *,
        refresh_s: float,
        urgent: Sequence[Outline] = (),
        places: Sequence[Outline] | None = None,
        rest_s: float = 0.0,
    ) -> None:
        """Start with nothing seen.

        Args:
            refresh_s: Look again after this long though nothing changed, seconds: what the
                detector missed once it may find in the next picture.
            urgent: Parts of the frame in which things happen fast.
            places: Parts of the frame in which a change counts; none for all of it.
            rest_s: What is moving is looked at this often, seconds; what has just come to rest at
                once.
        """
        self._refresh = timedelta(seconds=refresh_s)
        self._urgent = urgent
        self._places = places
        self._rest = timedelta(seconds=rest_s)
        self._boxes: Sequence[Box] = ()
        self._blocks: NDArray[np.float32] | None = None
        self._before: NDArray[np.float32] | None = None
        self._changed: NDArray[np.bool_] | None = None
        self._at: datetime | None = None

    def is_worth_a_look(self, frame: Frame, *, urgent_only: bool = False) -> bool:
        """Return whether a frame differs from the last one looked at, or that is long ago.

        Args:
            frame: Any of the camera.
            urgent_only: Only a change in the urgent parts counts.
        """
        blocks = _blocks(frame)
        before = self._before
        if not urgent_only:
            self._before = blocks
        if self._blocks is None or self._at is None or blocks.shape != self._blocks.shape:
            return True
        changed = self._changed = _changed(blocks, self._blocks)
        since = frame.taken_at - self._at
        # A clock that was set back must not close the gate.
        if not timedelta(0) <= since < self._refresh:
            return True
        if urgent_only or self._urgent:
            urgent = bool((changed & _drawn(self._urgent, blocks.shape)).any())
            if urgent or urgent_only:
                return urgent
        if self._places is not None:
            changed = changed & self._watched(blocks.shape)
        if since >= self._rest or before is None:
            return bool(changed.any())
        return bool((changed & ~_changed(blocks, before)).any())

    def has_changed(self, box_xyxy: Box) -> bool:
        """Return whether anything inside a box, in shares, is not as it was when last looked at."""
        if self._changed is None:
            return False
        return bool(self._changed[_within(box_xyxy, self._changed.shape)].any())

    def looked_at(self, frame: Frame, boxes: Sequence[Box] = ()) -> None:
        """Remember a frame that the detector has looked at.

        Args:
            frame: The frame.
            boxes: Where what the rules are about was seen, in shares: changes there count, too.
        """
        self._blocks, self._at = _blocks(frame), frame.taken_at
        self._boxes = boxes
        self._changed = None

    def forget(self) -> None:
        """Look at the next frame whatever it shows."""
        self._blocks = self._before = self._changed = None

    def _watched(self, shape: tuple[int, ...]) -> NDArray[np.bool_]:
        watched = _drawn(self._places or (), shape, NEAR_BLOCKS)
        for box in self._boxes:
            watched[_within(box, shape)] = True
        return watched


def _blocks(frame: Frame) -> NDArray[np.float32]:
    """Mean brightness of every block, float32 (rows, columns)."""
    height, width = frame.luma.shape
    size_wh = (max(1, width // BLOCK_PX), max(1, height // BLOCK_PX))
    small = cv2.resize(frame.luma, size_wh, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32)


def _changed(blocks: NDArray[np.float32], than: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Blocks that differ from those of another frame."""
    difference = blocks - than
    # A cloud or the camera's own exposure moves all blocks alike.
    difference -= np.median(difference)
    return np.asarray(np.abs(difference) > CHANGED_LEVELS)


def _within(box_xyxy: Box, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """The blocks that a box touches."""
    rows, columns = shape
    x1, y1, x2, y2 = box_xyxy
    return (
        slice(int(max(0.0, y1) * rows), int(np.ceil(y2 * rows))),
        slice(int(max(0.0, x1) * columns), int(np.ceil(x2 * columns))),
    )


def _drawn(outlines: Sequence[Outline], shape: tuple[int, ...], near: int = 1) -> NDArray[np.bool_]:
    """Blocks inside of outlines or up to some blocks from them, bool of `shape`."""
    rows, columns = shape
    drawn = np.zeros((rows, columns), np.uint8)
    for outline in outlines:
        corners = np.round(np.array(outline) * (columns - 1, rows - 1)).astype(np.int32)
        cv2.fillPoly(drawn, [corners], 1)
    return np.asarray(cv2.dilate(drawn, np.ones((2 * near + 1,) * 2, np.uint8)) > 0)
