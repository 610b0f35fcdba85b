"""What the watching process and those that read cameras say to each other, over a socket."""

from __future__ import annotations

import pickle
import socket
import struct
import threading
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from vision.camera.frame import Frame

_HEAD = struct.Struct("=IQ")
_SENT_AS_THEY_ARE = ("yuv420p", "yuvj420p")
"""Half the bytes of RGB, and nothing is converted that nobody looks at."""
BUFFER_BYTES = 4 * 1024 * 1024
"""Room for a 1080p picture, so that sending one does not wait for its reader piece by piece."""


@dataclass(frozen=True, slots=True)
class PictureHead:
    """What is to be known of a frame whose pixels follow.

    Attributes:
        taken_at: See `Frame`.
        received_at: See `Frame`.
        pixel_format: How its pixels are laid out.
        shape: Of the array of its pixels, uint8.
        color_range: As FFmpeg numbers it.
        colorspace: As FFmpeg numbers it.
    """

    taken_at: datetime
    received_at: datetime
    pixel_format: str
    shape: tuple[int, ...]
    color_range: int = 0
    colorspace: int = 0


class Wire:
    """One end of the socket: whole messages, from any thread."""

    def __init__(self, end: socket.socket) -> None:
        """Speak over a connected socket."""
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            end.setsockopt(socket.SOL_SOCKET, option, BUFFER_BYTES)
        self._end = end
        self._sending = threading.Lock()

    def wait_at_most(self, seconds: int) -> None:
        """Let `receive` fail when nothing comes for so long."""
        limit = struct.pack("ll", seconds, 0)
        self._end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)

    def send(self, words: Any, pixels: NDArray[np.uint8] | None = None) -> None:  # noqa: ANN401
        """Send something that can be pickled and, where there are, pixels.

        Raises:
            OSError: Nobody is at the other end.
        """
        said = pickle.dumps(words)
        body = b"" if pixels is None else pixels.reshape(-1).data
        with self._sending:
            self._end.sendall(_HEAD.pack(len(said), len(body)) + said)
            if pixels is not None:
                self._end.sendall(body)

    def receive(self) -> tuple[Any, NDArray[np.uint8] | None]:
        """Wait for the next message.

        Raises:
            EOFError: The other end was closed.
            OSError: This one was, or nothing came in time.
        """
        said_bytes, body_bytes = _HEAD.unpack(bytes(self._filled(_HEAD.size)))
        # Both ends are processes of ours that nobody else can reach.
        words = pickle.loads(self._filled(said_bytes).data)  # noqa: S301
        return words, self._filled(body_bytes) if body_bytes else None

    def close(self) -> None:
        """Hang up; who waits at either end is told."""
        try:
            self._end.shutdown(socket.SHUT_RDWR)
        except OSError:
            # The other end was faster.
            pass
        self._end.close()

    def _filled(self, size: int) -> NDArray[np.uint8]:
        space = np.empty(size, np.uint8)
        view = space.data
        while view:
            count = self._end.recv_into(view)
            if count == 0:
                raise EOFError
            view = view[count:]
        return space


def packed(frame: Frame) -> tuple[PictureHead, NDArray[np.uint8]]:
    """Return a frame as something to send."""
    video = frame.video
    width, height = frame.size_wh
    if (
        video is not None
        and video.format.name in _SENT_AS_THEY_ARE
        and width % 2 == height % 4 == 0
    ):
        pixels = np.empty((height * 3 // 2, width), np.uint8)
        at = 0
        for plane in video.planes:
            rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
            size = plane.width * plane.height
            pixels.reshape(-1)[at : at + size].reshape(plane.height, plane.width)[:] = rows[
                : plane.height, : plane.width
            ]
            at += size
        head = PictureHead(
            frame.taken_at,
            frame.received_at,
            video.format.name,
            pixels.shape,
            int(video.color_range),
            int(video.colorspace),
        )
        return head, pixels
    rgb = np.ascontiguousarray(frame.rgb)
    return PictureHead(frame.taken_at, frame.received_at, "rgb24", rgb.shape), rgb


def unpacked(head: PictureHead, pixels: NDArray[np.uint8]) -> Frame:
    """Return the frame that was sent; the same picture to the bit."""
    array = pixels.reshape(head.shape)
    if head.pixel_format not in _SENT_AS_THEY_ARE:
        return Frame(taken_at=head.taken_at, received_at=head.received_at, rgb=array)
    video = av.VideoFrame.from_numpy_buffer(array, format=head.pixel_format)
    video.color_range = head.color_range
    video.colorspace = head.colorspace
    return Frame(taken_at=head.taken_at, received_at=head.received_at, video=video)
