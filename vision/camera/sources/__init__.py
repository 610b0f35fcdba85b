"""Where frames come from: live cameras, recordings, folders of pictures.

`open_source` is the one door; it takes an address and gives a `Source`.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from vision.camera.sources.address import AddressKind, kind_of, redacted
from vision.camera.sources.files import VideoFile
from vision.camera.sources.readers import Readers
from vision.camera.sources.rtsp import RtspStream, Transport
from vision.camera.sources.snapshot import Snapshots
from vision.camera.sources.source import (
    Clip,
    ClipLost,
    Fault,
    FaultKind,
    Patience,
    Recovered,
    Source,
    SourceEvent,
)
from vision.camera.sources.stills import Stills
from vision.errors import InputError

__all__ = [
    "DEFAULT_PATIENCE",
    "KEEP_S",
    "AddressKind",
    "Clip",
    "ClipLost",
    "Fault",
    "FaultKind",
    "Patience",
    "Readers",
    "Recovered",
    "Source",
    "SourceEvent",
    "Transport",
    "open_source",
    "redacted",
]

DEFAULT_PATIENCE = Patience()

KEEP_S = 60.0
"""Seconds of film that are kept for clips."""


def open_source(
    address: str,
    *,
    start: datetime | None = None,
    interval_s: float | None = None,
    keep_s: float = KEEP_S,
    transport: Transport = "tcp",
    patience: Patience = DEFAULT_PATIENCE,
) -> Source:
    """Return the source at an address; a live one is not connected to yet.

    Args:
        address: rtsp:// or rtsps://, http:// or https:// of a snapshot, a video file, or a folder
            of stills.
        start: Time of the first picture of a file or folder, aware; else the file tells.
        interval_s: Seconds from one picture to the next, of a folder; of snapshots None takes the
            step that is asked for.
        keep_s: For how long film is kept for clips.
        transport: How RTSP packets come.
        patience: How long a live camera is waited for.

    Raises:
        InputError: The address is of no kind that is read, there is no such file, it cannot be
            opened, or an argument does not fit the kind of source.
    """
    if start is not None and start.tzinfo is None:
        raise InputError(f"{start.isoformat()}: a start needs its time zone, such as +08:00")
    if interval_s is not None and not interval_s > 0:
        raise InputError(f"{interval_s:g} s: the spacing of pictures is more than 0")
    kind = kind_of(address)
    if kind is AddressKind.FOLDER:
        if interval_s is None:
            raise InputError(
                f"{address}: a folder of pictures needs the seconds from one to the next"
            )
        return Stills(Path(address), interval_s=interval_s, start=start, keep_s=keep_s)
    if kind is AddressKind.RTSP:
        return RtspStream(address, transport=transport, patience=patience, keep_s=keep_s)
    if kind is AddressKind.SNAPSHOT:
        return Snapshots(address, interval_s=interval_s, patience=patience, keep_s=keep_s)
    return VideoFile(Path(address), start=start, keep_s=keep_s)
