"""A camera that streams by RTSP."""

from __future__ import annotations

import struct
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import av
from av.container import InputContainer
from av.error import (
    ExitError,
    FFmpegError,
    HTTPForbiddenError,
    HTTPNotFoundError,
    HTTPUnauthorizedError,
    InvalidDataError,
)
from av.video.stream import VideoStream

from vision.camera.config import Outline
from vision.camera.sources.address import AddressKind, split_address
from vision.camera.sources.clips import packets_to_clip
from vision.camera.sources.clock import LiveClock
from vision.camera.sources.keeping import PacketKeeper
from vision.camera.sources.live import LiveSource, Outbox, Trouble
from vision.camera.sources.ring import KeptPacket, Ring
from vision.camera.sources.sampling import VideoSampler, video_of
from vision.camera.sources.source import Clip, Decoding, FaultKind, Patience

Transport = Literal["tcp", "udp"]

_PROTOCOLS = "rtsp,rtsps,rtp,srtp,tcp,tls,udp,crypto"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class RtspStream(LiveSource):
    """A camera by RTSP or RTSPS; its video only, sound is not asked for.

    Certificates of RTSPS are not checked: cameras sign their own.
    """

    kind = AddressKind.RTSP

    def __init__(
        self,
        address: str,
        *,
        transport: Transport = "tcp",
        patience: Patience,
        keep_s: float,
    ) -> None:
        """Remember where the camera is; nothing is connected yet.

        Args:
            address: rtsp:// or rtsps://, user and password percent-encoded.
            transport: How packets come; over UDP they may get lost.
            patience: How long it is waited for.
            keep_s: For how long packets are kept for clips.

        Raises:
            InputError: The address cannot be used.
        """
        super().__init__(address, patience)
        split_address(address)
        self._url = address
        self._transport = transport
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

    def _read_once(self, outbox: Outbox, step_s: float) -> None:
        began_s = time.monotonic()
        try:
            with closing(self._connected()) as container:
                self._read(container, outbox, step_s)
        except (FFmpegError, OSError, ValueError) as error:
            # FFmpeg's own words hold the address with its password: ours do not.
            took_s = time.monotonic() - began_s
            raise self._trouble(error, took_s) from None

    def _connected(self) -> InputContainer:
        patience = self._patience
        options = {
            "rtsp_transport": self._transport,
            "allowed_media_types": "video",
            "protocol_whitelist": _PROTOCOLS,
            "timeout": str(round(patience.silence_s * 1_000_000)),
            # Else FFmpeg collects two seconds to tell the rate, which nobody asks for.
            "fpsprobesize": "0",
        }
        return av.open(
            self._url,
            "r",
            format="rtsp",
            options=options,
            timeout=(patience.connect_s, patience.silence_s),
        )

    def _read(self, container: InputContainer, outbox: Outbox, step_s: float) -> None:
        outbox.heard()
        stream = video_of(container)
        if stream is None:
            raise Trouble(
                FaultKind.BAD_STREAM, f"{self.address}: sends no video that can be decoded"
            )
        # One camera is one of many: each decodes in its own reader's thread.
        stream.thread_count = 1
        sampler = VideoSampler(stream.codec_context, step_s=step_s)
        self._sampler = sampler
        keeper = PacketKeeper(stream, self._ring)
        clock = LiveClock()
        began = datetime.now(UTC)
        for packet in container.demux(stream):
            if outbox.closed.is_set():
                return
            if packet.size == 0:
                continue
            outbox.heard()
            received_at = datetime.now(UTC)
            stamp = packet.pts if packet.pts is not None else packet.dts
            at = clock.note(
                None if stamp is None else float(stamp * packet.time_base),
                received_at,
                _sender_time(packet),
            )
            self.clock_offset_s = clock.offset_s
            keeper.keep(packet, at)
            for frame in sampler.take(packet, at, received_at):
                outbox.put(frame)
            self._check_decodable(sampler, began, received_at, step_s)

    def _check_decodable(
        self, sampler: VideoSampler, began: datetime, now: datetime, step_s: float
    ) -> None:
        # Key frames that are decoded alone may be 1.2 steps apart.
        limit_s = max(self._patience.undecodable_s, 2 * step_s)
        if (now - (sampler.decoded_at or began)).total_seconds() > limit_s:
            raise Trouble(
                FaultKind.BAD_STREAM,
                f"{self.address}: sends data that gave no picture for {limit_s:g} s",
            )

    def _trouble(self, error: Exception, took_s: float) -> Trouble:
        if isinstance(error, HTTPUnauthorizedError):
            return Trouble(
                FaultKind.REFUSED, f"{self.address}: user or password is wrong or missing (401)"
            )
        if isinstance(error, HTTPForbiddenError):
            return Trouble(
                FaultKind.REFUSED, f"{self.address}: this user may not see the stream (403)"
            )
        if isinstance(error, HTTPNotFoundError):
            return Trouble(
                FaultKind.OFFLINE, f"{self.address}: there is no stream at this path (404)"
            )
        # FFmpeg takes an answer that was broken off by the timeout for one that makes no sense.
        broken_off = took_s > 0.9 * min(self._patience.connect_s, self._patience.silence_s)
        if isinstance(error, InvalidDataError) and not broken_off:
            return Trouble(FaultKind.BAD_STREAM, f"{self.address}: sends what is no video stream")
        if isinstance(error, TimeoutError | ExitError | InvalidDataError):
            return Trouble(FaultKind.OFFLINE, f"{self.address}: does not answer in time")
        if isinstance(error, ConnectionRefusedError):
            return Trouble(FaultKind.OFFLINE, f"{self.address}: nothing listens at this port")
        return Trouble(
            FaultKind.OFFLINE, f"{self.address}: cannot be reached ({type(error).__name__})"
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
