"""How a watched camera fares: its health, figures, what was seen, its latest picture."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import cv2
import numpy as np

from serve.watching.results import StoredResults
from vision.camera.rules import Standing
from vision.camera.session import Snapshot
from vision.camera.station import Station
from vision.evidence.privacy import blackened

SEEN_S = 3600.0
SEEN_STEP_S = 60.0
"""What was seen is kept for the last hour, once a minute."""
MOST_STANDING = 50
"""Of what stands in the zones, those nearest to their limit are told."""
SNAPSHOT_EVERY_S = 60.0
_QUALITY = 85


Counted = tuple[datetime, dict[str, Any]]
"""The end of an hour, and what passed a gate in it."""


class Health(StrEnum):
    """How a camera fares, in a word."""

    UNWATCHED = "unwatched"  # not enabled
    WAITING = "waiting"  # no worker has room
    STARTING = "starting"
    WATCHING = "watching"
    OVERLOADED = "overloaded"  # sampled too rarely: the worker has too much to do
    FAULTY = "faulty"
    FAILED = "failed"  # it cannot be watched, for a reason that is not the camera's
    ENDED = "ended"  # a recording that is over


WATCHED = frozenset({Health.WATCHING, Health.OVERLOADED, Health.FAULTY})
"""In these, what is told of a camera is of now."""


@dataclass
class Faring:
    """What is told of one camera while it is watched.

    Attributes:
        station: The camera.
        results: What happened to it.
    """

    station: Station
    results: StoredResults
    _seen: deque[tuple[datetime, dict[str, int]]] = field(
        default_factory=lambda: deque(maxlen=int(SEEN_S / SEEN_STEP_S))
    )
    _told: dict[str, Any] = field(default_factory=dict)
    _pictured_at: datetime | None = None
    _counted: set[tuple[datetime, str]] = field(default_factory=set)

    def columns(self) -> dict[str, Any] | None:
        """Return what belongs into the camera's row; none where nothing changed."""
        figures, session = self.station.figures, self.station.session
        fault = next(iter(dict(self.results.faults).values()), None)
        self._note_seen()
        columns = {
            "health": self._health(fault),
            "fault": fault,
            "last_frame_at": figures.newest_at,
            "figures": {
                **figures.summary(),
                "needed_fps": round(1 / self.station.step_s, 3),
                "decoding": self.station.source.decoding,
                "clock_offset_s": self.station.source.clock_offset_s,
                "frames": dict(session.counts),
                "gates": session.measures,
                "standing": _told_of(session.standing),
                "seen": [
                    {"at": at.isoformat(timespec="seconds"), "classes": classes}
                    for at, classes in tuple(self._seen)
                ],
            },
        }
        if columns == self._told:
            return None
        self._told = columns
        return columns

    def _health(self, fault: dict[str, Any] | None) -> Health:
        if fault is not None:
            return Health.FAULTY
        if self.station.figures.newest_at is None:
            return Health.STARTING
        return Health.OVERLOADED if self.station.figures.overloaded else Health.WATCHING

    def _note_seen(self) -> None:
        view = self.station.session.snapshot
        if view is None:
            return
        if self._seen and view.taken_at - self._seen[-1][0] < timedelta(seconds=SEEN_STEP_S):
            return
        self._seen.append((view.taken_at, dict(Counter(name for name, _ in view.seen))))

    def new_counts(self, now: datetime) -> list[Counted]:
        """Return the passages of gates in hours that are over and were not told yet."""
        hours = full_hours(self.station.session.measures, now)
        return [each for each in hours if (each[0], each[1]["zone"]) not in self._counted]

    def counted(self, hours: list[Counted]) -> None:
        """Note that these were told."""
        self._counted.update((at, detail["zone"]) for at, detail in hours)

    def picture(self) -> tuple[bytes, datetime] | None:
        """Return a new JPEG with its time, masks burnt in; none before the next one is due."""
        view: Snapshot | None = self.station.session.snapshot
        if view is None:
            return None
        before = self._pictured_at
        if before is not None and abs(view.taken_at - before) < timedelta(seconds=SNAPSHOT_EVERY_S):
            return None
        self._pictured_at = view.taken_at
        return masked(view.jpeg, self.station), view.taken_at


def _told_of(standing: Iterable[Standing]) -> list[dict[str, Any]]:
    """Return what stands in the zones as the row keeps it, the longest there first."""
    longest = sorted(standing, key=lambda one: -one.dwell_s / one.allowed_s)[:MOST_STANDING]
    return [
        {
            "zone": one.zone,
            "name": one.name,
            "box_xyxy": [round(share, 4) for share in one.box_xyxy],
            "first_seen": one.first_seen.isoformat(timespec="seconds"),
            "last_seen": one.last_seen.isoformat(timespec="seconds"),
            "dwell_s": round(one.dwell_s, 1),
            "allowed_s": one.allowed_s,
            "fired": one.fired,
        }
        for one in longest
    ]


def masked(jpeg: bytes, station: Station) -> bytes:
    """Return a picture of a camera with its privacy masks burnt in."""
    pixels = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    if pixels is None:
        raise ValueError("not a picture")
    burnt = blackened(np.asarray(pixels, np.uint8), station.session.camera.privacy_masks)
    return cv2.imencode(".jpg", burnt, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes()


def thumbnail(jpeg: bytes, width_px: int) -> bytes:
    """Return a picture made smaller, to at most so many pixels of width."""
    pixels = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    if pixels is None:
        raise ValueError("not a picture")
    scale = min(1.0, width_px / pixels.shape[1])
    small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes()


def full_hours(gates: dict[str, Any], now: datetime) -> list[Counted]:
    """Return the passages of each gate in each hour that is over: its end, and what was counted.

    Args:
        gates: Counts by gate, by the hour's start, by direction.
        now: The time, aware.
    """
    counted = []
    for zone, hours in gates.items():
        for start, counts in hours.items():
            began = datetime.fromisoformat(start)
            began = began if began.tzinfo else began.replace(tzinfo=UTC)
            if began + timedelta(hours=1) <= now:
                counted.append((began + timedelta(hours=1), {"zone": zone, **counts}))
    return counted
