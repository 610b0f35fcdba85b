"""Zones on the ground and on the clock: what stands in one, and when it is watched."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import shapely
from shapely.geometry import LineString, Polygon
from shapely.geometry import Point as ShapelyPoint

from vision.camera.config import Point, Zone
from vision.camera.events import Box
from vision.camera.tracks import CLOCK_TOLERANCE_S

GROUND_SHARE = 1 / 3
"""The lower part of a box that counts as touching the ground."""
ENTER_SHARE = 0.5
"""Share of that part inside the outline from which a thing is in the zone …"""
STAY_SHARE = 0.3
"""… and down to which it stays in it."""
_DAY_S = 86_400


@lru_cache(maxsize=512)
def _outline(polygon: tuple[Point, ...]) -> Polygon:
    outline = Polygon(polygon)
    shapely.prepare(outline)
    return outline


def ground_share(zone: Zone, box_xyxy: Box) -> float:
    """Return the share of a box's lower third that lies in a zone, 0 to 1.

    The lower third is where a thing meets the ground: the roof of a bus in the next lane may reach
    into a zone, its wheels do not.
    """
    x1, y1, x2, y2 = box_xyxy
    lower = shapely.box(x1, y2 - GROUND_SHARE * (y2 - y1), x2, y2)
    if lower.area == 0:
        return 0.0
    return float(_outline(zone.polygon).intersection(lower).area / lower.area)


def stands_in(zone: Zone, box_xyxy: Box, *, was_in: bool = False) -> bool:
    """Return whether a thing is in a zone, with some stickiness for what was in it already."""
    if box_xyxy[3] - box_xyxy[1] < zone.min_height:
        return False
    return ground_share(zone, box_xyxy) >= (STAY_SHARE if was_in else ENTER_SHARE)


def holds(zone: Zone, point: Point) -> bool:
    """Return whether a point lies in a zone."""
    return bool(_outline(zone.polygon).covers(ShapelyPoint(point)))


def crosses(zone: Zone, start: Point, end: Point) -> bool:
    """Return whether the straight way from one point to another touches a zone."""
    return bool(_outline(zone.polygon).intersects(LineString((start, end))))


def touches(zone: Zone, box_xyxy: Box) -> bool:
    """Return whether any part of a box lies in a zone."""
    return bool(_outline(zone.polygon).intersects(shapely.box(*box_xyxy)))


@lru_cache(maxsize=512)
def _spans(active_hours: tuple[str, ...]) -> tuple[tuple[int, int], ...]:
    """Active hours as seconds of the day, in order, without overlap; split at midnight."""
    spans = []
    for text in active_hours:
        start, end = (
            3600 * int(part[:2]) + 60 * int(part[3:]) for part in text.split("-", maxsplit=1)
        )
        spans += [(start, end)] if start < end else [(start, _DAY_S), (0, end)]
    joined: list[tuple[int, int]] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return tuple(joined)


def is_active(zone: Zone, at: datetime, tz: ZoneInfo) -> bool:
    """Return whether a zone is watched at an instant, by the wall clock of the camera's place."""
    if not zone.active_hours:
        return True
    local = at.astimezone(tz)
    second = (local.hour * 60 + local.minute) * 60 + local.second + local.microsecond / 1e6
    return any(start <= second < end for start, end in _spans(zone.active_hours))


def active_s(zone: Zone, start: datetime, end: datetime, tz: ZoneInfo) -> float:
    """Return for how many seconds between two instants a zone was watched.

    An hour that a change to winter time repeats is active twice, one that a change to summer time
    leaves out is never.
    """
    if end <= start:
        return 0.0
    if not zone.active_hours:
        return (end - start).total_seconds()
    spans = _spans(zone.active_hours)
    total = 0.0
    for first, last in _even_stretches(start, end, tz):
        # In a stretch of one offset to UTC, wall-clock times can be subtracted.
        opening = first.astimezone(tz).replace(tzinfo=None)
        closing = opening + (last - first)
        day = datetime.combine(opening.date(), time())
        while day < closing:
            for begin, finish in spans:
                a = max(opening, day + timedelta(seconds=begin))
                b = min(closing, day + timedelta(seconds=finish))
                total += max((b - a).total_seconds(), 0.0)
            day += timedelta(days=1)
    return total


def _even_stretches(
    start: datetime, end: datetime, tz: ZoneInfo
) -> Iterator[tuple[datetime, datetime]]:
    """Cut a time span so that in each part the offset to UTC stays the same."""
    while start < end:
        stop = min(end, start + timedelta(days=1))
        offset = start.astimezone(tz).utcoffset()
        if stop.astimezone(tz).utcoffset() != offset:
            early, late = start, stop
            while late - early > timedelta(milliseconds=1):
                middle = early + (late - early) / 2
                if middle.astimezone(tz).utcoffset() == offset:
                    early = middle
                else:
                    late = middle
            stop = late
        yield start, stop
        start = stop


@dataclass(frozen=True, slots=True)
class Tick:
    """One step in time, as a zone counts it.

    Attributes:
        at: The instant.
        elapsed_s: Seconds since the step before; 0 where the clock was set back.
        active_s: Those of them in which the zone was watched.
        active: Whether it is watched now.
        open_since: Start of the present hours, or of watching; None while it is not watched.
        set_by: By how much the clock was set back with this step.
    """

    at: datetime
    elapsed_s: float
    active_s: float
    active: bool
    open_since: datetime | None
    set_by: timedelta = timedelta(0)


def next_tick(zone: Zone, tz: ZoneInfo, before: Tick | None, at: datetime) -> Tick | None:
    """Return the step from one frame to the next.

    Args:
        zone: Its hours.
        tz: The camera's.
        before: The latest step; None before the first frame.
        at: Time of the frame, aware.

    Returns:
        None for a frame that is late or doubled and has to be left out.
    """
    active = is_active(zone, at, tz)
    if before is None:
        return Tick(at, 0.0, 0.0, active, at if active else None)
    elapsed_s = (at - before.at).total_seconds()
    if -CLOCK_TOLERANCE_S <= elapsed_s <= 0:
        return None
    if elapsed_s < 0:
        set_by = at - before.at
        moved = before.open_since + set_by if before.open_since else at
        return Tick(at, 0.0, 0.0, active, moved if active else None, set_by)
    watched_s = active_s(zone, before.at, at, tz)
    opened = before.open_since
    if active and (opened is None or watched_s < elapsed_s - 1e-3):
        opened = at - timedelta(seconds=watched_s)
    return Tick(at, elapsed_s, watched_s, active, opened if active else None)
