"""One picture of a camera, with its times; converted only as far as somebody asks."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from av import VideoFrame

LUMA_WIDTH_PX = 240
"""Width of the small grey picture that motion and camera health are told from."""

_PLANAR = ("yuv420p", "yuvj420p", "nv12", "yuv422p", "yuvj422p", "yuv444p", "gray")
"""Formats whose first plane is the brightness, one byte a pixel."""


class Frame:
    """A picture and when it was taken.

    Most frames of a quiet street are only looked at in small and grey; the full picture is made
    when it is asked for, once.

    Attributes:
        taken_at: By the stream's clock (file: start time and timestamp; stills: start time and
            spacing), or the receive time where the stream has none; aware, UTC.
        received_at: By this machine's clock; aware, UTC.
        size_wh: Pixels.
    """

    def __init__(
        self,
        *,
        taken_at: datetime,
        received_at: datetime,
        rgb: NDArray[np.uint8] | None = None,
        video: VideoFrame | None = None,
    ) -> None:
        """Hold a picture, either as an array or as a decoded video frame.

        Args:
            taken_at: See the attributes.
            received_at: See the attributes.
            rgb: uint8 (H, W, 3).
            video: A decoded frame; used where there is no array.
        """
        if (rgb is None) == (video is None):
            raise ValueError("a frame holds either an array or a video frame")
        self.taken_at = taken_at
        self.received_at = received_at
        self._video = video
        if rgb is not None:
            # The array is the picture already: the cached property below is filled with it.
            self.__dict__["rgb"] = rgb
            self.size_wh = (int(rgb.shape[1]), int(rgb.shape[0]))
        elif video is not None:
            self.size_wh = (video.width, video.height)

    @property
    def video(self) -> VideoFrame | None:
        """The decoded video frame, where it was made of one."""
        return self._video

    @cached_property
    def rgb(self) -> NDArray[np.uint8]:
        """The picture, uint8 (H, W, 3)."""
        assert self._video is not None  # noqa: S101 - the constructor's promise
        return np.asarray(self._video.to_ndarray(format="rgb24"), np.uint8)

    @cached_property
    def luma(self) -> NDArray[np.uint8]:
        """The picture in small and grey, uint8 (h, LUMA_WIDTH_PX or the frame's width)."""
        width, height = self.size_wh
        scale = min(1.0, LUMA_WIDTH_PX / width)
        small_wh = (max(1, round(width * scale)), max(1, round(height * scale)))
        return np.asarray(cv2.resize(self._grey(), small_wh, interpolation=cv2.INTER_AREA))

    def _grey(self) -> NDArray[np.uint8]:
        if self._video is None or self._video.format.name not in _PLANAR:
            return np.asarray(cv2.cvtColor(self.rgb, cv2.COLOR_RGB2GRAY), np.uint8)
        plane = self._video.planes[0]
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        return np.asarray(rows[: self._video.height, : self._video.width])
