"""Live video as packets: kept for clips, timed, and offered to whoever decodes."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from vision.camera.config import Outline
from vision.camera.sources.clips import packets_to_clip
from vision.camera.sources.clock import LiveClock
from vision.camera.sources.keeping import PacketKeeper
from vision.camera.sources.live import LiveSource, Outbox, Trouble
from vision.camera.sources.ring import KeptPacket, Ring
from vision.camera.sources.sampling import VideoSampler, video_of
from vision.camera.sources.source import Clip, Decoding, FaultKind, Patience

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CHECK_EVERY = timedelta(seconds=0.2)
"""Time between two looks whether pictures come out."""


class PacketSource(LiveSource):
    """A live camera whose video comes packet by packet."""

    def __init__(self, address: str, patience: Patience, *, keep_s: float) -> None:
        """Remember where the camera is; nothing is connected yet.

        Args:
            address: Where it is; its secrets are not shown to anybody.
            patience: How long it is waited for.
            keep_s: For how long packets are kept for clips.
        """
        super().__init__(address, patience)
        self._ring: Ring[KeptPacket] = Ring(keep_s)
        self._sampler: VideoSampler | None = None

    @property
    def decoding(self) -> Decoding:
        """What is decoded at present."""
        return "all frames" if self._sampler is None else self._sampler.decoding

    def clip(
        self, start: datetime, end: datetime, path: Path, *, masks: Sequence[Outline] = ()
    ) -> Clip | None:
        """Write a clip of the last minute; see `Source.clip`."""
        return packets_to_clip(self._ring.items(), start, end, path, masks=masks)

    def _video(self, container: InputContainer) -> VideoStream:
        """Return what is watched of a connection.

        Raises:
            Trouble: It sends no video.
        """
        stream = video_of(container)
        if stream is None:
            raise Trouble(
                FaultKind.BAD_STREAM, f"{self.address}: sends no video that can be decoded"
            )
        return stream

    def _take_in(
        self,
        stream: VideoStream,
        packets: Iterable[av.Packet[VideoStream]],
        outbox: Outbox,
        step_s: float,
    ) -> None:
        """Keep packets and hand on pictures until they end or nobody reads any more.

        Raises:
            Trouble: No picture can be decoded.
        """
        # One camera is one of many: each decodes on one core.
        stream.thread_count = 1
        sampler = VideoSampler(stream.codec_context, step_s=step_s, trusting=True)
        self._sampler = sampler
        keeper = PacketKeeper(stream, self._ring)
        clock = LiveClock()
        decoded_s = self.decode_s
        began = checked = datetime.now(UTC)
        # Key frames that are decoded alone may be 1.2 steps apart.
        limit_s = max(self._patience.undecodable_s, 2 * step_s)
        for packet in packets:
            if outbox.closed.is_set():
                return
            if packet.size == 0:
                continue
            received_at = outbox.heard()
            stamp = packet.pts if packet.pts is not None else packet.dts
            at = clock.note(
                # Fractions are slow, and there are thousands of packets a second.
                None if stamp is None else stamp * float(packet.time_base),
                received_at,
                _sender_time(packet),
            )
            self.clock_offset_s = clock.offset_s
            keeper.keep(packet, at)
            for picture in sampler.offer(packet, at, received_at):
                outbox.put(picture)
            self.decode_s = decoded_s + sampler.decode_s
            if received_at - checked > _CHECK_EVERY:
                checked = received_at
                if (received_at - (sampler.shown_at or began)).total_seconds() > limit_s:
                    raise Trouble(
                        FaultKind.BAD_STREAM,
                        f"{self.address}: sends data that gave no picture for {limit_s:g} s",
                    )


def _sender_time(packet: av.Packet[VideoStream]) -> datetime | None:
    """The camera's time of a packet, from RTCP sender reports; None until one came.

    FFmpeg gives it as AVProducerReferenceTime: microseconds since 1970, int64.
    """
    if not packet.has_sidedata("prft"):
        return None
    (microseconds,) = struct.unpack_from("=q", bytes(packet.get_sidedata("prft")))
    try:
        return _EPOCH + timedelta(microseconds=microseconds)
    except OverflowError:
        return None
