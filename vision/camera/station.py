"""A camera with all that watches it, and how well it is served."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np

from vision.camera.frame import Frame
from vision.camera.looking import StreetEyes
from vision.camera.session import CameraSession
from vision.camera.sources import Fault, FaultKind, Recovered, Source
from vision.camera.writers import WatchFolder
from vision.camera_texts import FAULT_ADVICE

OVERLOAD_WINDOW = 60
"""Latest frames by which a camera's share of replaced ones is judged."""


@dataclass(eq=False)
class Station:
    """A camera with all that watches it.

    Attributes:
        source: Its frames.
        step_s: Seconds between looks that its rules need.
        eyes: Look at its frames.
        session: What is remembered of it.
        folder: Where its results go.
    """

    source: Source
    step_s: float
    eyes: StreetEyes
    session: CameraSession
    folder: WatchFolder
    figures: StationFigures = field(default_factory=lambda: StationFigures())

    @property
    def id(self) -> str:
        """The camera's id."""
        return self.session.camera.id

    def hear(self, event: Fault | Recovered) -> None:
        """Write down that the camera failed or recovered."""
        self.figures.trouble.append(event)
        self.folder.log(_as_log(event))


class StationFigures:
    """How well a camera is served.

    Attributes:
        lags_s: From receipt of a frame to its verdict, the latest ones.
        served: Frames looked at.
        coarse: Of those, how many while there was no time to look closely.
        fine: Whether the latest was looked at closely.
        replaced: Frames that gave way to a newer one.
        trouble: Faults and recoveries, the latest ones.
        failed: Why the camera was given up; none while it is not.
    """

    def __init__(self) -> None:
        """Start at nothing."""
        self.lags_s: deque[float] = deque(maxlen=600)
        self.kept: deque[bool] = deque(maxlen=OVERLOAD_WINDOW)
        self.served = 0
        self.coarse = 0
        self.fine = True
        self.replaced = 0
        self.trouble: deque[Fault | Recovered] = deque(maxlen=1000)
        self.overloaded = False
        self.failed: str | None = None
        self.first_at: datetime | None = None
        self.newest_at: datetime | None = None
        self._since = time.monotonic()

    def take(self, frame: Frame, *, lag_s: float | None, fine: bool = True) -> None:
        """Count a frame that was looked at; `lag_s` is none for one of a recording."""
        self.first_at = self.first_at or frame.taken_at
        self.newest_at = frame.taken_at
        self.served += 1
        self.fine = fine
        self.coarse += not fine
        if lag_s is not None:
            self.lags_s.append(lag_s)

    @property
    def seen_s(self) -> float:
        """Time from the first frame looked at to the newest, seconds."""
        if self.first_at is None or self.newest_at is None:
            return 0.0
        return (self.newest_at - self.first_at).total_seconds()

    def summary(self) -> dict[str, Any]:
        """Return the figures by name; lags are from receipt of a frame to its verdict."""
        lags = np.array(self.lags_s) if self.lags_s else np.zeros(1)
        return {
            "served": self.served,
            "coarse": self.coarse,
            "looks": "close" if self.fine else "coarse",
            "replaced": self.replaced,
            "sampled_fps": round(self.served / max(time.monotonic() - self._since, 1e-9), 3),
            "lag_p50_s": round(float(np.percentile(lags, 50)), 3),
            "lag_p95_s": round(float(np.percentile(lags, 95)), 3),
            "faults": sum(isinstance(event, Fault) for event in self.trouble),
            "overloaded": self.overloaded,
            "failed": self.failed,
        }


def _as_log(event: Fault | Recovered) -> dict[str, Any]:
    """Return a fault or recovery as it stands in the log of events."""
    if isinstance(event, Fault):
        return {
            "at": event.since.isoformat(),
            "event": "fault",
            "kind": event.kind.value,
            "message": event.message,
            **_in_both_languages(event.kind),
        }
    return {
        "at": event.at.isoformat(),
        "event": "recovered",
        "kind": event.kind.value,
        "lasted_s": round(event.lasted_s, 1),
        **_in_both_languages(event.kind),
    }


def _in_both_languages(kind: FaultKind) -> dict[str, str]:
    """What a fault is and how to mend it; `message` tells what was seen of it."""
    words = FAULT_ADVICE[kind.value]
    return {"zh": words.zh, "en": words.en}
