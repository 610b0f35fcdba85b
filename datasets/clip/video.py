"""Encoding a clip: H.264 with real timestamps and a key frame every other second."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

_KEY_FRAME_S = 2
_TIME_BASE = Fraction(1, 90000)


def write_video(
    path: Path,
    frames: Iterable[NDArray[np.uint8]],
    *,
    size_wh: tuple[int, int],
    frames_per_s: int,
    quality: int,
    preset: str = "slow",
) -> int:
    """Write frames as an MP4 file with H.264; the same frames give the same file.

    Args:
        path: of the file.
        frames: uint8, shape ``(height, width, 3)``, blue first.
        size_wh: of a frame.
        frames_per_s: a frame's timestamp is its number over this.
        quality: x264's constant rate factor; larger is smaller and worse.
        preset: x264's trade of time for size.

    Returns:
        How many frames were written.
    """
    count = 0
    # Without threads x264 decides the same way each time.
    options = {"crf": str(quality), "preset": preset, "threads": "1"}
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=frames_per_s, options=options)
        stream.width, stream.height = size_wh
        stream.pix_fmt = "yuv420p"
        stream.gop_size = _KEY_FRAME_S * frames_per_s
        stream.codec_context.time_base = _TIME_BASE
        stream.thread_count = 1
        for number, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="bgr24")
            frame.pts = number * _TIME_BASE.denominator // frames_per_s
            frame.time_base = _TIME_BASE
            container.mux(stream.encode(frame))
            count += 1
        container.mux(stream.encode())
    return count
