"""Clips: packets into an MP4 as they are, or packed anew where that must be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
from av.container import OutputContainer
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from vision.camera.config import Outline
from vision.camera.sources.pictures import decoded_picture
from vision.camera.sources.ring import Coding, KeptPacket, KeptPicture, parameter_sets
from vision.camera.sources.source import Clip
from vision.errors import OutputError

TIME_BASE = Fraction(1, 90_000)
"""Of RTP and MPEG; 25, 30 and 29.97 frames a second are all whole numbers of it."""

REENCODED_RATE = 12.5
"""Pictures a second of film that is packed anew; enough to see what happened, half the work."""
REENCODED_WIDTH_PX = 1280
SLIDE_S = 1.0
"""How long each picture of a slide show is shown."""

_BROWSERS_PLAY = ("yuv420p", "yuvj420p")
"""Formats of H.264 pictures that every browser plays."""
_ENCODERS = {
    "libx264": {"preset": "veryfast", "crf": "24"},
    "libopenh264": {},
}


@dataclass(frozen=True, slots=True)
class _Film:
    """What is known of a stretch of packets once its first picture is decoded."""

    size_wh: tuple[int, int]
    browsers_play: bool


def packets_to_clip(
    kept: Sequence[KeptPacket],
    start: datetime,
    end: datetime,
    path: Path,
    *,
    masks: Sequence[Outline] = (),
) -> Clip | None:
    """Write the packets between two times as an MP4; see `Source.clip`."""
    stretch = _stretch(kept, start, end)
    if len(stretch) < 2:
        return None
    film = _film(stretch)
    if film is None:
        return None
    first, last = stretch[0].at, max(packet.at for packet in stretch)
    if film.browsers_play and not masks:
        with _mp4(path) as out:
            _copy(out, stretch, film)
        return Clip(path, first, last, "h264", reencoded=False)
    with _mp4(path) as out:
        span = _encode(out, _thinned(_decoded(stretch)), masks)
    return None if span is None else Clip(path, *span, "h264", reencoded=True)


def pictures_to_clip(
    kept: Sequence[KeptPicture],
    start: datetime,
    end: datetime,
    path: Path,
    *,
    masks: Sequence[Outline] = (),
) -> Clip | None:
    """Write the pictures between two times as a slide show; two at least; see `Source.clip`."""
    within = [picture for picture in kept if start <= picture.at <= end]
    if len(within) < 2:
        return None
    shown = ((picture.at, decoded_picture(picture.data)) for picture in within)
    slides = [(at, rgb) for at, rgb in shown if rgb is not None]
    if len(slides) < 2:
        return None
    with _mp4(path) as out:
        _encode(
            out,
            ((at, index * SLIDE_S, rgb) for index, (at, rgb) in enumerate(slides)),
            masks,
        )
    return Clip(path, slides[0][0], slides[-1][0], "h264", reencoded=True)


def _stretch(kept: Sequence[KeptPacket], start: datetime, end: datetime) -> list[KeptPacket]:
    """The packets from the key frame at or before the start, of one coding.

    Where the coding changes in between, the stretch that shows most is taken.
    """
    groups: list[list[KeptPacket]] = []
    for packet in kept:
        if packet.is_key:
            groups.append([])
        if groups:
            groups[-1].append(packet)
    # Within a group times go forward but for reordering: one that ends before the start is not
    # needed, and packets after the end only where one that is wanted depends on them.
    wanted = []
    for group in groups:
        inside = [index for index, packet in enumerate(group) if packet.at <= end]
        if inside and max(packet.at for packet in group) >= start:
            wanted.append(group[: inside[-1] + 1])
    runs: list[list[KeptPacket]] = []
    for group in wanted:
        if runs and runs[-1][0].coding is group[0].coding:
            runs[-1].extend(group)
        else:
            runs.append(list(group))
    return max(runs, key=lambda run: run[-1].at - run[0].at, default=[])


def _decoder(coding: Coding) -> VideoCodecContext:
    decoder = av.CodecContext.create(coding.codec, "r")
    assert isinstance(decoder, VideoCodecContext)  # noqa: S101 - rings hold video only
    decoder.extradata = coding.parameters or None
    return decoder


def _film(stretch: Sequence[KeptPacket]) -> _Film | None:
    coding = stretch[0].coding
    decoder = _decoder(coding)
    for packet in (*stretch, None):
        try:
            pictures = decoder.decode(None if packet is None else av.Packet(packet.data))
        except FFmpegError:
            continue
        if pictures:
            playable = coding.codec == "h264" and pictures[0].format.name in _BROWSERS_PLAY
            return _Film((pictures[0].width, pictures[0].height), playable)
    return None


@contextmanager
def _mp4(path: Path) -> Iterator[OutputContainer]:
    """An MP4 with its index in front, so that browsers begin at once; whole or not at all."""
    part = path.with_name(f"{path.name}.part")
    try:
        with av.open(str(part), "w", format="mp4", options={"movflags": "+faststart"}) as out:
            yield out
        if part.exists():
            part.replace(path)
    except (FFmpegError, OSError) as error:
        reason = error.strerror or type(error).__name__
        raise OutputError(f"{path}: the clip cannot be written: {reason}") from error
    finally:
        part.unlink(missing_ok=True)


def _ticks(since_start: timedelta) -> int:
    return round(since_start.total_seconds() / TIME_BASE)


def _copy(out: OutputContainer, stretch: Sequence[KeptPacket], film: _Film) -> None:
    width, height = film.size_wh
    stream = out.add_mux_stream("h264", width=width, height=height, time_base=TIME_BASE)
    steps_s = [abs((b.at - a.at).total_seconds()) for a, b in pairwise(stretch)]
    usual_step = max(1, round(float(np.median(steps_s)) / TIME_BASE))
    first = stretch[0]
    last_dts: int | None = None
    for packet in stretch:
        data = packet.data
        if packet is first and not parameter_sets(data, packet.coding.codec):
            # A camera may tell them once, when the connection is made.
            data = packet.coding.parameters + data
        copy = av.Packet(data)
        copy.stream = stream
        copy.time_base = TIME_BASE
        pts = _ticks(packet.at - first.at)
        dts = pts - round(packet.decoding_lead_s / TIME_BASE)
        # Times may stand or step back where the camera's clock was set; an MP4 must not.
        copy.dts = dts if last_dts is None else max(dts, last_dts + 1)
        copy.pts = max(pts, copy.dts)
        copy.duration = usual_step
        copy.is_keyframe = packet.is_key
        last_dts = copy.dts
        out.mux(copy)


def _decoded(stretch: Sequence[KeptPacket]) -> Iterator[tuple[datetime, VideoFrame]]:
    decoder = _decoder(stretch[0].coding)
    first = stretch[0].at
    for packet in (*stretch, None):
        given = None
        if packet is not None:
            given = av.Packet(packet.data)
            given.pts = _ticks(packet.at - first)
        try:
            pictures = decoder.decode(given)
        except FFmpegError:
            continue
        for picture in pictures:
            if picture.pts is not None:
                yield first + timedelta(seconds=float(picture.pts * TIME_BASE)), picture


def _thinned(
    pictures: Iterable[tuple[datetime, VideoFrame]],
) -> Iterator[tuple[datetime, float, NDArray[np.uint8]]]:
    """Take every picture that is due; time, seconds since the first, uint8 (H, W, 3)."""
    first: datetime | None = None
    last: datetime | None = None
    for at, picture in pictures:
        first = first or at
        if last is not None and (at - last).total_seconds() < 0.95 / REENCODED_RATE:
            continue
        last = at
        rgb = np.asarray(picture.to_ndarray(format="rgb24"), np.uint8)
        yield at, (at - first).total_seconds(), rgb


def _encode(
    out: OutputContainer,
    pictures: Iterable[tuple[datetime, float, NDArray[np.uint8]]],
    masks: Sequence[Outline],
) -> tuple[datetime, datetime] | None:
    """Pack pictures as H.264; times of the first and the last, or None where there are none."""
    stream: VideoStream | None = None
    first = last = None
    for at, shown_at_s, rgb in pictures:
        if stream is None:
            first = at
            width, height = _fitting(rgb.shape[1], rgb.shape[0])
            name = _encoder()
            added = out.add_stream(name, rate=25, options=dict(_ENCODERS[name]))
            assert isinstance(added, VideoStream)  # noqa: S101 - the encoders are video's
            stream = added
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            stream.codec_context.time_base = TIME_BASE
        picture = VideoFrame.from_ndarray(_blackened(rgb, masks, (width, height)), format="rgb24")
        picture.pts = round(shown_at_s / TIME_BASE)
        picture.time_base = TIME_BASE
        out.mux(stream.encode(picture))
        last = at
    if stream is None or first is None or last is None:
        return None
    out.mux(stream.encode(None))
    return first, last


def _encoder() -> str:
    for name in _ENCODERS:
        if name in av.codecs_available:
            return name
    raise OutputError("clips cannot be packed anew: this build of PyAV has no H.264 encoder")


def _fitting(width: int, height: int) -> tuple[int, int]:
    """Width and height for H.264 with halved colour: even, and not wider than need be."""
    scale = min(1.0, REENCODED_WIDTH_PX / width)
    return max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)


def _blackened(
    rgb: NDArray[np.uint8], masks: Sequence[Outline], size_wh: tuple[int, int]
) -> NDArray[np.uint8]:
    """A picture in another size with masks in black, uint8 (H, W, 3)."""
    small = np.asarray(cv2.resize(rgb, size_wh, interpolation=cv2.INTER_AREA), np.uint8)
    for mask in masks:
        # Rounded outwards by a pixel, so that no edge of what is masked is left.
        corners = np.round(np.asarray(mask) * size_wh).astype(np.int32)
        cv2.fillPoly(small, [corners], (0, 0, 0))
        cv2.polylines(small, [corners], isClosed=True, color=(0, 0, 0), thickness=3)
    return small
