"""Which packets of a stream are decoded, and which pictures are taken from it."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from vision.camera.frame import Frame
from vision.camera.sources.source import Decoding

MAX_VIDEO_PIXELS = 64_000_000
"""8 times what an 8-megapixel camera sends."""

_LONGEST_SHARE = 1.2
"""Key frames suffice where they are at most this times the wanted step apart; then pictures can be
taken from them 0.6 to 1.2 steps apart, whatever the spacing of key frames is."""
_SHORTEST_SHARE = 0.6
_DUE_SHARE = 0.98
"""Timestamps are rounded; a picture due in 20 ms is due."""
_GAPS_KEPT = 4
_GAPS_NEEDED = 2
_BACK_LIMIT_S = 10.0
"""Times of pictures that go back further than this are a clock that was set: go on from there."""
_SPARSE_STEP_S = 0.5
"""With steps from here on, pictures that no other depends on (where a camera makes such) need not
be decoded: the next one is near enough."""
_PENDING_LIMIT = 128
_DECODERS = threading.BoundedSemaphore(os.cpu_count() or 1)
"""As many pictures are decoded at a time as there are cores. Dozens of streams that decode at once
keep the threads that hold Python's lock off the cores, and then everybody waits for those."""


def video_of(container: InputContainer) -> VideoStream | None:
    """Return the first stream of moving pictures that can be decoded, None where there is none."""
    for stream in container.streams.video:
        # Without a decoder there is no context; cover pictures are video streams, too.
        known = getattr(stream, "codec_context", None) is not None
        if known and not stream.disposition & Disposition.attached_pic:
            stream.codec_context.options = {"max_pixels": str(MAX_VIDEO_PIXELS)}
            return stream
    return None


@dataclass(frozen=True, slots=True)
class KeyPicture:
    """A picture that can be decoded by itself, and was not yet.

    Attributes:
        sampler: Decodes it.
        packet: Its data.
        taken_at: Its time.
        received_at: When it came.
    """

    sampler: VideoSampler
    packet: av.Packet[VideoStream]
    taken_at: datetime
    received_at: datetime

    def developed(self) -> Frame | None:
        """Decode it; none where that cannot be done."""
        return self.sampler.develop(self)


class VideoSampler:
    """Takes packets of one stream in decoding order, gives a picture about every step.

    Key frames alone cost a small part of all frames, so they are used where they come often
    enough, which the stream shows by itself. Where they stop coming often enough, all frames are
    decoded from the next key frame on.

    Key pictures may be decoded by another thread than the one that brings packets.

    Attributes:
        decoding: What is decoded at present.
        undecodable: Packets so far that could not be decoded.
        decode_s: Processor time that decoding took.
    """

    def __init__(
        self, decoder: VideoCodecContext, *, step_s: float, trusting: bool = False
    ) -> None:
        """Sample a stream.

        Args:
            decoder: Fresh decoder of the stream.
            step_s: Wanted distance of pictures, seconds.
            trusting: Take key frames to come often enough until they do not. What came since the
                last one is decoded then, so that nothing is missed.
        """
        self._decoder = decoder
        self._step_s = step_s
        self._trusting = trusting and step_s >= _SPARSE_STEP_S
        self.decoding: Decoding = "key frames" if self._trusting else "all frames"
        self.undecodable = 0
        self.decode_s = 0.0
        self._lock = threading.Lock()
        self._decoded_at: datetime | None = None
        self._offered_at: datetime | None = None
        self._gaps_s: deque[float] = deque(maxlen=_GAPS_KEPT)
        self._last_key: datetime | None = None
        self._last_taken: datetime | None = None
        self._times: dict[int, datetime] = {}
        self._trusted_since: datetime | None = None
        self._since_key: list[tuple[av.Packet[VideoStream], datetime]] = []
        if step_s >= _SPARSE_STEP_S:
            decoder.skip_frame = "NONREF"

    @property
    def shown_at(self) -> datetime | None:
        """When a picture came last, whether it was taken or not, by the packets' time of receipt.

        A key picture that nobody had the time to decode counts as long as none has failed.
        """
        known = [at for at in (self._decoded_at, self._offered_at) if at is not None]
        return max(known, default=None)

    def take(
        self, packet: av.Packet[VideoStream], at: datetime, received_at: datetime
    ) -> list[Frame]:
        """Return the pictures that fell due with a packet.

        Args:
            packet: Next packet of the stream.
            at: Its time.
            received_at: When it came.
        """
        frames = []
        for each in self.offer(packet, at, received_at):
            frame = each.developed() if isinstance(each, KeyPicture) else each
            if frame is not None:
                frames.append(frame)
        return frames

    def offer(
        self, packet: av.Packet[VideoStream], at: datetime, received_at: datetime
    ) -> list[Frame | KeyPicture]:
        """Do as `take`, but leave it to others to decode pictures that stand by themselves."""
        offered: list[Frame | KeyPicture] = []
        if packet.is_keyframe:
            self._note_key(at)
            self._since_key.clear()
            self._trusting &= len(self._gaps_s) < _GAPS_NEEDED
            wanted: Decoding = "key frames" if self._key_frames_suffice() else "all frames"
            if wanted != self.decoding:
                offered += self.finish(received_at)
                self.decoding = wanted
        elif self._trusting and self.decoding == "key frames" and self._is_disappointed(at):
            self.decoding = "all frames"
            offered += self._caught_up(received_at)
        if self.decoding == "all frames":
            return offered + list(self._decoded(packet, at, received_at))
        if self._trusting:
            self._since_key.append((packet, at))
        if packet.is_keyframe and self._is_due(at):
            self._last_taken = at
            self._offered_at = received_at
            offered.append(KeyPicture(self, packet, at, received_at))
        return offered

    def develop(self, picture: KeyPicture) -> Frame | None:
        """Decode a picture that was offered; none where that cannot be done."""
        with self._lock, _DECODERS:
            if self.decoding == "all frames":
                # The decoder is in the midst of other pictures, and those are newer.
                return None
            began_s = time.thread_time()
            try:
                # Decoders hold a picture back until the next comes: it is asked for at once.
                pictures = self._decoder.decode(picture.packet) + self._decoder.decode(None)
            except (FFmpegError, OSError):
                pictures = []
            self._decoder.flush_buffers()
            self.decode_s += time.thread_time() - began_s
        if not pictures:
            self.undecodable += 1
            self._offered_at = self._last_taken = None
            return None
        self._decoded_at = picture.received_at
        return Frame(taken_at=picture.taken_at, received_at=picture.received_at, video=pictures[0])

    def finish(self, received_at: datetime) -> list[Frame]:
        """Return what the decoder still held back, at the end or before it starts anew."""
        frames = self._decoded(None, received_at, received_at)
        with self._lock:
            self._decoder.flush_buffers()
        self._times.clear()
        return frames

    def _is_disappointed(self, at: datetime) -> bool:
        """Return whether the key frame that was trusted in is overdue."""
        # The stream may begin anywhere; its first key frame is waited for as for the others.
        self._trusted_since = self._last_key or self._trusted_since or at
        return (at - self._trusted_since).total_seconds() > _LONGEST_SHARE * self._step_s

    def _caught_up(self, received_at: datetime) -> list[Frame]:
        """Decode all that came since the last key frame."""
        self._trusting = False
        since, self._since_key = self._since_key, []
        return [frame for packet, at in since for frame in self._decoded(packet, at, received_at)]

    def _decoded(
        self, packet: av.Packet[VideoStream] | None, at: datetime, received_at: datetime
    ) -> list[Frame]:
        if packet is not None and packet.pts is not None:
            # A picture comes out later than its packet went in, and its time is the packet's.
            self._times[packet.pts] = at
            if len(self._times) > _PENDING_LIMIT:
                del self._times[next(iter(self._times))]
        try:
            with self._lock, _DECODERS:
                began_s = time.thread_time()
                pictures = self._decoder.decode(packet)
                self.decode_s += time.thread_time() - began_s
        except (FFmpegError, OSError):
            self.undecodable += 1
            return []
        frames = []
        for picture in pictures:
            self._decoded_at = received_at
            taken_at = at if picture.pts is None else self._times.pop(picture.pts, at)
            if self._is_due(taken_at):
                self._last_taken = taken_at
                frames.append(Frame(taken_at=taken_at, received_at=received_at, video=picture))
        return frames

    def _is_due(self, at: datetime) -> bool:
        if self._last_taken is None:
            return True
        since_s = (at - self._last_taken) / timedelta(seconds=1)
        return since_s >= self._due_after_s() or since_s < -_BACK_LIMIT_S

    def _due_after_s(self) -> float:
        if self.decoding == "all frames":
            return _DUE_SHARE * self._step_s
        # Of key frames the one that is nearest to the step, unless the next could be too late.
        gap_s = max(self._gaps_s, default=self._step_s)
        nearest_s = min(self._step_s - gap_s / 2, _LONGEST_SHARE * self._step_s - gap_s)
        return max(_SHORTEST_SHARE * self._step_s, nearest_s)

    def _note_key(self, at: datetime) -> None:
        if self._last_key is not None:
            self._gaps_s.append(abs((at - self._last_key).total_seconds()))
        self._last_key = at

    def _key_frames_suffice(self) -> bool:
        known = len(self._gaps_s) >= _GAPS_NEEDED or self._trusting
        return known and max(self._gaps_s, default=0.0) <= _LONGEST_SHARE * self._step_s
