"""Trying a camera out: connect for some seconds, and say what it sends or what is wrong."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import av
import cv2
import numpy as np
from av.error import FFmpegError

from serve.network import CheckedAddress
from serve.watching.relay import Relay
from vision.camera.config import Outline
from vision.camera.frame import Frame
from vision.camera.sources import AddressKind, Fault, Patience, Source
from vision.evidence.privacy import blackened

LONGEST_S = 12.0
PROBE_S = 3.0
"""What is looked at of the stream itself, after a picture came."""
STEP_S = 0.5
PATIENCE = Patience(connect_s=6.0, silence_s=6.0, undecodable_s=10.0, refused_retry_s=60.0)
SNAPSHOT_WIDTH_PX = 1280
_PROTOCOLS = "rtsp,rtsps,rtp,srtp,tcp,tls,udp,crypto"


@dataclass(frozen=True)
class Trial:
    """What came of it.

    Attributes:
        problem: What is wrong, in a sentence; none where pictures came.
        problem_kind: The same in a word.
        took_s: Until the first picture, or until it was given up.
        size_wh: Of the picture.
        codec: What the stream is packed with.
        fps: Pictures a second.
        key_gap_s: Longest distance of key frames that was seen.
        clock_offset_s: The camera's clock less this machine's.
        snapshot: A JPEG, masks burnt in.
    """

    problem: str | None = None
    problem_kind: str | None = None
    took_s: float = 0.0
    size_wh: tuple[int, int] | None = None
    codec: str | None = None
    fps: float | None = None
    key_gap_s: float | None = None
    clock_offset_s: float | None = None
    snapshot: bytes | None = None


@dataclass(frozen=True)
class _Facts:
    codec: str | None = None
    fps: float | None = None
    key_gap_s: float | None = None


def try_source(source: Source, address: CheckedAddress, masks: tuple[Outline, ...]) -> Trial:
    """Connect, wait for a picture, and look at the stream.

    Args:
        source: The camera, opened with `PATIENCE`.
        address: The same, for a look at its stream.
        masks: Parts that nobody is to see.
    """
    stop = threading.Event()
    timer = threading.Timer(LONGEST_S, stop.set)
    timer.daemon = True
    timer.start()
    began = time.monotonic()
    try:
        frame: Frame | None = None
        for event in source.events(STEP_S, stop):
            if isinstance(event, Fault):
                took_s = time.monotonic() - began
                return Trial(event.message, event.kind.value, took_s=round(took_s, 1))
            if isinstance(event, Frame):
                frame = event
                break
        took_s = round(time.monotonic() - began, 1)
        if frame is None:
            words = f"{source.address}: sent no picture in {LONGEST_S:g} s"
            return Trial(words, "offline", took_s=took_s)
        facts = _facts(address) if address.kind is AddressKind.RTSP else _Facts()
        return Trial(
            took_s=took_s,
            size_wh=frame.size_wh,
            codec=facts.codec,
            fps=facts.fps,
            key_gap_s=facts.key_gap_s,
            clock_offset_s=source.clock_offset_s,
            snapshot=_jpeg(frame, masks),
        )
    finally:
        stop.set()
        timer.cancel()


def _jpeg(frame: Frame, masks: tuple[Outline, ...]) -> bytes:
    rgb = blackened(frame.rgb, masks)
    scale = min(1.0, SNAPSHOT_WIDTH_PX / rgb.shape[1])
    small = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    bgr = cv2.cvtColor(np.asarray(small, np.uint8), cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", bgr)[1].tobytes()


def _facts(address: CheckedAddress) -> _Facts:
    """Count packets and key frames for some seconds; nothing where that does not work out."""
    options = {
        "rtsp_transport": "tcp",
        "allowed_media_types": "video",
        "protocol_whitelist": _PROTOCOLS,
        "timeout": str(round(PATIENCE.silence_s * 1e6)),
    }
    times: list[float] = []
    keys: list[float] = []
    try:
        with av.open(
            Relay(address, timeout_s=PROBE_S)(),
            "r",
            format="rtsp",
            options=options,
            timeout=(PROBE_S, PROBE_S),
        ) as container:
            stream = container.streams.video[0]
            codec = stream.codec_context.name
            end = time.monotonic() + PROBE_S
            for packet in container.demux(stream):
                if packet.pts is not None:
                    at = float(packet.pts * packet.time_base)
                    times.append(at)
                    if packet.is_keyframe:
                        keys.append(at)
                if time.monotonic() > end:
                    break
    # FFmpeg's own words hold the address with its password; nothing of them is passed on.
    except (FFmpegError, OSError, ValueError, IndexError):
        return _Facts()
    span_s = max(times) - min(times) if times else 0.0
    gaps = [b - a for a, b in zip(sorted(keys), sorted(keys)[1:], strict=False)]
    return _Facts(
        codec=codec,
        fps=round((len(times) - 1) / span_s, 2) if span_s > 0 else None,
        key_gap_s=round(max(gaps), 2) if gaps else None,
    )
