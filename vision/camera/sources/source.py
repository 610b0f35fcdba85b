"""What every source of pictures offers: frames, faults, and clips of what was just seen."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Literal, Protocol

from vision.camera.config import Outline
from vision.camera.frame import Frame
from vision.camera.sources.address import AddressKind
from vision.errors import CityEyeError

Decoding = Literal["key frames", "all frames"]


class FaultKind(StrEnum):
    """What can be wrong with a camera."""

    OFFLINE = "offline"
    """It does not answer, or sends nothing."""
    REFUSED = "refused"
    """It answers, and does not let us in: user, password or right is wrong."""
    BAD_STREAM = "bad_stream"
    """It sends what cannot be decoded."""
    FROZEN = "frozen"
    """It sends the same picture again and again."""
    BLACK = "black"
    """The picture is black."""
    DEFOCUSED = "defocused"
    """The picture is far less sharp than it was."""
    MOVED = "moved"
    """It looks somewhere else; its zones are no longer where they were drawn."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something began to be wrong.

    Attributes:
        kind: What.
        since: When it began, as far as known; aware, UTC.
        message: For people; never holds a user name or a password.
    """

    kind: FaultKind
    since: datetime
    message: str


@dataclass(frozen=True, slots=True)
class Recovered:
    """Something that was wrong is well again.

    Attributes:
        kind: What was wrong.
        at: Since when it is well; aware, UTC.
        lasted_s: How long it was wrong.
    """

    kind: FaultKind
    at: datetime
    lasted_s: float


SourceEvent = Frame | Fault | Recovered


class ClipLost(CityEyeError):
    """What was kept of a camera for a clip is gone, and will not come back."""


@dataclass(frozen=True, slots=True)
class Clip:
    """A piece of film in a file.

    Attributes:
        path: An MP4 that browsers play.
        start: Time of its first picture; at or before what was asked for where it had to begin
            with a key frame; aware, UTC.
        end: Time of its last picture.
        codec: What the pictures are packed with; always "h264" today.
        reencoded: Whether they are the camera's own bytes (False) or were packed anew.
    """

    path: Path
    start: datetime
    end: datetime
    codec: str
    reencoded: bool


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a live camera is waited for; seconds.

    Attributes:
        connect_s: Until it has answered.
        silence_s: Without a byte, until it counts as offline.
        undecodable_s: With bytes and no picture, until its stream counts as bad. Cameras that
            save bits send a key frame only every 10 s or so.
        first_retry_s: Wait before the first new try; doubles with each.
        longest_retry_s: Longest wait between tries.
        refused_retry_s: Wait after a refusal: many cameras lock an account that tries often.
        settled_s: A connection that lasted this long lets the waits begin anew.
    """

    connect_s: float = 8.0
    silence_s: float = 8.0
    undecodable_s: float = 15.0
    first_retry_s: float = 1.0
    longest_retry_s: float = 30.0
    refused_retry_s: float = 60.0
    settled_s: float = 10.0


class Source(Protocol):
    """Where frames come from.

    Attributes:
        kind: How it is reached.
        live: Whether it runs by the clock on the wall and never ends by itself.
        address: Where it is, fit for logs and reports.
        clock_offset_s: The camera's clock less this machine's, where the camera tells.
        passed_over: Pictures that gave way to newer ones before anybody had the time for them.
    """

    kind: AddressKind
    live: bool
    address: str
    clock_offset_s: float | None
    passed_over: int

    @property
    def decoding(self) -> Decoding:
        """What is decoded at present."""
        ...

    @property
    def decode_s(self) -> float:
        """Processor time that decoding video took, seconds."""
        ...

    def events(self, step_s: float, stop: threading.Event) -> Iterator[SourceEvent]:
        """Yield a frame about every `step_s` seconds of the source's time, and its faults.

        A fault is yielded once when it begins and `Recovered` once when it ends. Trouble with a
        live source never raises. Ends with the file, or soon after `stop` is set.

        Raises:
            InputError: A file holds no picture that can be decoded.
        """
        ...

    def clip(
        self, start: datetime, end: datetime, path: Path, *, masks: Sequence[Outline] = ()
    ) -> Clip | None:
        """Write what was seen between two times, of what is still kept, as an MP4.

        Args:
            start: First moment wanted.
            end: Last moment wanted.
            path: File to write; appears when it is complete.
            masks: Parts to blacken; the film is packed anew then.

        Returns:
            What was written; None where nothing is kept of that time.

        Raises:
            OutputError: The file cannot be written.
            ClipLost: What was kept is gone.
        """
        ...
