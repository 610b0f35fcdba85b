"""The last minute of a stream as its packets, so that a clip costs no decoding."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

RING_LIMIT_BYTES = 32 * 1024 * 1024
"""For one source; 60 s at 4 Mbit/s, what a 1080p camera sends, are 30 MB."""

_START_CODE = b"\x00\x00\x01"
# Types of the parameter sets: H.264 (ITU-T H.264, table 7-1), H.265 (ITU-T H.265, table 7-1).
_PARAMETER_TYPES = {"h264": frozenset({7, 8}), "hevc": frozenset({32, 33, 34})}


@dataclass(frozen=True, slots=True)
class Coding:
    """How a stretch of packets is coded.

    Attributes:
        codec: Name of its decoder ("h264", "hevc", "mjpeg" …).
        parameters: What a decoder needs to know first; H.264 and H.265 as Annex B.
    """

    codec: str
    parameters: bytes


@dataclass(frozen=True, slots=True)
class KeptPacket:
    """One packet, taken out of its stream.

    Attributes:
        data: Its bytes; H.264 and H.265 as Annex B.
        coding: How it is coded; the same object for a whole stretch.
        at: Time of its picture.
        decoding_lead_s: By how much it is decoded before it is shown; 0 without B-frames.
        is_key: Whether decoding may begin here.
    """

    data: bytes
    coding: Coding
    at: datetime
    decoding_lead_s: float
    is_key: bool


@dataclass(frozen=True, slots=True)
class KeptPicture:
    """One still picture, as the file that it came as.

    Attributes:
        data: JPEG or PNG.
        at: When it was taken.
    """

    data: bytes
    at: datetime
    is_key: bool = True


_Kept = TypeVar("_Kept", KeptPacket, KeptPicture)


class Ring(Generic[_Kept]):
    """Keeps what came last, up to a time and a size, from a key frame on; safe between threads."""

    def __init__(self, keep_s: float, limit_bytes: int = RING_LIMIT_BYTES) -> None:
        """Keep `keep_s` seconds, and never more than `limit_bytes`."""
        self._keep = timedelta(seconds=keep_s)
        self._limit_bytes = limit_bytes
        self._items: deque[_Kept] = deque()
        self._key_times: deque[datetime] = deque()
        self._bytes = 0
        self._lock = threading.Lock()

    def add(self, item: _Kept) -> None:
        """Keep one more, and let go what is too old or too much."""
        with self._lock:
            if not self._items and not item.is_key:
                return
            self._items.append(item)
            self._bytes += len(item.data)
            if item.is_key:
                self._key_times.append(item.at)
            while self._items and (
                self._bytes > self._limit_bytes or self._first_group_is_old(item.at)
            ):
                self._drop_first_group()

    def items(self) -> list[_Kept]:
        """Return what is kept, oldest first."""
        with self._lock:
            return list(self._items)

    def _first_group_is_old(self, now: datetime) -> bool:
        """Tell whether what follows the second key frame is enough."""
        return len(self._key_times) > 1 and self._key_times[1] < now - self._keep

    def _drop_first_group(self) -> None:
        self._key_times.popleft()
        self._bytes -= len(self._items.popleft().data)
        while self._items and not self._items[0].is_key:
            self._bytes -= len(self._items.popleft().data)


def parameter_sets(data: bytes, codec: str) -> bytes:
    """Return the parameter sets in an Annex B packet, empty where there are none.

    Cameras repeat them before each key frame, and they change when somebody changes the
    resolution, also without a new connection.
    """
    types = _PARAMETER_TYPES.get(codec)
    if types is None:
        return b""
    found: list[bytes] = []
    at = data.find(_START_CODE)
    while at >= 0:
        begin = at + len(_START_CODE)
        at = data.find(_START_CODE, begin)
        unit = data[begin:] if at < 0 else data[begin:at].rstrip(b"\x00")
        if not unit:
            continue
        kind = unit[0] & 0x1F if codec == "h264" else (unit[0] >> 1) & 0x3F
        if kind not in types:
            if found:
                # They come together and first; the picture behind them is long.
                break
            continue
        found.append(unit)
    return b"".join(b"\x00" + _START_CODE + unit for unit in found)
