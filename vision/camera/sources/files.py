"""A video file as a source."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

import av
from av.container import InputContainer
from av.error import FFmpegError

from vision.camera.config import Outline
from vision.camera.sources.address import AddressKind
from vision.camera.sources.clips import packets_to_clip
from vision.camera.sources.clock import FileClock
from vision.camera.sources.keeping import PacketKeeper
from vision.camera.sources.ring import KeptPacket, Ring
from vision.camera.sources.sampling import VideoSampler, video_of
from vision.camera.sources.source import Clip, Decoding, Fault, FaultKind, SourceEvent
from vision.errors import InputError

# Playlists (concat, HLS, DASH, image sequences …) would make FFmpeg open whatever other files and
# addresses they name; so these formats only, and nothing but files.
_FORMATS = "mov,matroska,webm,avi,mpegts,mpeg,flv,asf,dhav,h264,hevc,m4v,mpegvideo,ogg"
_OPTIONS = {"protocol_whitelist": "file", "format_whitelist": _FORMATS}
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)


class StartFrom(StrEnum):
    """Where the time of a file's first picture comes from."""

    GIVEN = "given"
    METADATA = "metadata"
    """The time of creation that the recorder wrote into the file."""
    FILE_DATE = "file date"
    """The file's last change, less its length: recorders change it until the end."""


class VideoFile:
    """A recording.

    Attributes:
        kind: `AddressKind.FILE`.
        live: False.
        address: The file.
        start: Time of the first picture; aware, UTC.
        start_from: Where that comes from.
        duration_s: Length, where the file tells.
    """

    kind = AddressKind.FILE
    live = False
    passed_over = 0
    clock_offset_s: float | None = None

    def __init__(self, path: Path, *, start: datetime | None = None, keep_s: float) -> None:
        """Look at a file.

        Args:
            path: MP4, MKV, AVI, MPEG-TS, MPEG-PS, FLV, ASF, DAV or a bare H.264 or H.265 stream.
            start: Time of the first picture; aware.
            keep_s: For how long packets are kept for clips.

        Raises:
            InputError: It is no video, or is of a format that could name other files.
        """
        self.address = str(path)
        self._path = path
        self._keep_s = keep_s
        self._ring: Ring[KeptPacket] = Ring(keep_s)
        self._sampler: VideoSampler | None = None
        with opened_film(path) as container:
            length = container.duration
            self.duration_s = None if length is None else length / 1_000_000
            self.start, self.start_from = _start_of(path, container, start, self.duration_s)

    @property
    def decoding(self) -> Decoding:
        """What is decoded at present."""
        return "all frames" if self._sampler is None else self._sampler.decoding

    @property
    def decode_s(self) -> float:
        """Processor time that decoding took."""
        return 0.0 if self._sampler is None else self._sampler.decode_s

    def events(self, step_s: float, stop: threading.Event) -> Iterator[SourceEvent]:
        """Yield frames; see `Source.events`.

        A file that is damaged further on yields a fault there and ends.
        """
        clock = FileClock(self.start)
        shown = False
        at = self.start
        with opened_film(self._path) as container:
            stream = video_of(container)
            assert stream is not None  # noqa: S101 - opened_film() has looked
            stream.thread_type = "AUTO"
            sampler = VideoSampler(stream.codec_context, step_s=step_s)
            self._sampler = sampler
            keeper = PacketKeeper(stream, self._ring)
            packets = container.demux(stream)
            while not stop.is_set():
                try:
                    packet = next(packets)
                except StopIteration:
                    break
                except (FFmpegError, OSError):
                    yield Fault(
                        FaultKind.BAD_STREAM,
                        at,
                        f"{self.address}: damaged after {at - self.start}; the rest is not read",
                    )
                    break
                received_at = datetime.now(UTC)
                if packet.size == 0:
                    continue
                stamp = packet.pts if packet.pts is not None else packet.dts
                at = clock.note(None if stamp is None else float(stamp * packet.time_base))
                keeper.keep(packet, at)
                for frame in sampler.take(packet, at, received_at):
                    shown = True
                    yield frame
            if stop.is_set():
                return
            for frame in sampler.finish(datetime.now(UTC)):
                shown = True
                yield frame
        if not shown:
            raise InputError(f"{self.address}: holds no picture that can be decoded")

    def clip(
        self, start: datetime, end: datetime, path: Path, *, masks: Sequence[Outline] = ()
    ) -> Clip | None:
        """Write a clip of what was read last; see `Source.clip`."""
        return packets_to_clip(self._ring.items(), start, end, path, masks=masks)


def opened_film(path: Path) -> InputContainer:
    """Open a video file, and nothing else that it may name.

    Raises:
        InputError: It is no video, or is of a format that could name other files.
    """
    try:
        container = av.open(f"file:{path.absolute()}", "r", options=dict(_OPTIONS))
    except (FFmpegError, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise InputError(
            f"{path}: not a video that can be opened ({reason}); give an MP4, MKV, AVI, TS, PS, "
            "FLV or DAV file"
        ) from error
    if video_of(container) is None:
        container.close()
        raise InputError(f"{path}: holds no video that can be decoded")
    return container


def _start_of(
    path: Path, container: InputContainer, given: datetime | None, duration_s: float | None
) -> tuple[datetime, StartFrom]:
    if given is not None:
        return given.astimezone(UTC), StartFrom.GIVEN
    changed = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    try:
        created = datetime.fromisoformat(container.metadata.get("creation_time", ""))
        if created.tzinfo is None:
            created = created.replace(tzinfo=UTC)
        # Recorders without a clock write 1904 or 1970.
        if _EARLIEST <= created <= datetime.now(UTC):
            return created.astimezone(UTC), StartFrom.METADATA
    except ValueError:
        # No date, or none that can be read.
        pass
    return changed - timedelta(seconds=duration_s or 0.0), StartFrom.FILE_DATE
