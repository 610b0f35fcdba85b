"""From a stream's timestamps to times of day."""

from __future__ import annotations

from datetime import datetime, timedelta

DRIFT_LIMIT_S = 2.0
"""Times by the stream may lag this much behind times of receipt."""

LATE_FOR_S = 5.0
"""A stream that lags is a network that stalls and catches up, until it lasted this long."""

SENDER_LIMIT_S = 5.0
"""A camera whose clock is off by more keeps no network time: then ours counts. Cheap cameras
start in 1970 or send local time as UTC."""

BACK_LIMIT_S = 1.0
"""Timestamps in decoding order go back by the reordering of frames, which is far less."""

LONGEST_GAP_S = 86_400.0
"""Recorders that record movement only leave gaps; a day or more is a broken timestamp."""

_USUAL_SPACING_S = 0.04


class FileClock:
    """Times of a recording: its start, and its timestamps from there."""

    def __init__(self, start: datetime) -> None:
        """Start at the time of the first picture; aware, UTC."""
        self._origin = start
        self._origin_pts_s: float | None = None
        self._newest_pts_s = 0.0
        self._newest = start
        self._spacing_s = _USUAL_SPACING_S

    def note(self, pts_s: float | None) -> datetime:
        """Return the time of a packet; packets come in decoding order.

        A timestamp that is missing is guessed from the one before. One that jumps (two recordings
        joined, a counter that ran over) goes on from there: time does not run backwards.
        """
        if pts_s is None:
            pts_s = self._newest_pts_s + self._spacing_s if self._origin_pts_s is not None else 0.0
        if self._origin_pts_s is None:
            self._origin_pts_s = self._newest_pts_s = pts_s
        step_s = pts_s - self._newest_pts_s
        if step_s < -BACK_LIMIT_S or step_s > LONGEST_GAP_S:
            self._origin = self._newest + timedelta(seconds=self._spacing_s)
            self._origin_pts_s = self._newest_pts_s = pts_s
        elif step_s > 0:
            self._spacing_s = min(step_s, 1.0)
            self._newest_pts_s = pts_s
        at = self._origin + timedelta(seconds=pts_s - self._origin_pts_s)
        self._newest = max(self._newest, at)
        return at


class LiveClock:
    """Times of a live stream: timestamps, tied to the camera's clock or to this machine's.

    Attributes:
        offset_s: Camera's clock less ours, as last measured; None where the camera does not tell.
    """

    def __init__(self) -> None:
        """Start without a tie; the first packet makes one."""
        self.offset_s: float | None = None
        self._origin: datetime | None = None
        self._origin_pts_s = 0.0
        self._newest_pts_s = 0.0
        self._by_sender = False
        self._late_since: datetime | None = None

    def note(
        self, pts_s: float | None, received_at: datetime, sender_at: datetime | None = None
    ) -> datetime:
        """Return the time of a packet.

        Args:
            pts_s: Its timestamp, seconds of the stream.
            received_at: When it came, by this machine's clock.
            sender_at: When it was taken by the camera's clock, where the camera tells (RTCP
                sender reports).
        """
        trusted = False
        if sender_at is not None:
            self.offset_s = (sender_at - received_at).total_seconds()
            trusted = abs(self.offset_s) <= SENDER_LIMIT_S
        truth = sender_at if sender_at is not None and trusted else received_at
        if pts_s is None:
            return truth
        if self._origin is None or self._must_tie_anew(pts_s, truth, received_at, trusted):
            self._origin, self._origin_pts_s = truth, pts_s
            self._newest_pts_s, self._late_since = pts_s, None
            self._by_sender = trusted
        self._newest_pts_s = max(self._newest_pts_s, pts_s)
        return self._origin + timedelta(seconds=pts_s - self._origin_pts_s)

    def _must_tie_anew(
        self, pts_s: float, truth: datetime, received_at: datetime, trusted: bool
    ) -> bool:
        assert self._origin is not None  # noqa: S101 - asked only once there is one
        if trusted and not self._by_sender:
            return True
        if pts_s < self._newest_pts_s - BACK_LIMIT_S:
            return True
        expected_s = pts_s - self._origin_pts_s
        lag_s = (truth - self._origin).total_seconds() - expected_s
        if lag_s < 0:
            # Nothing is received before it is taken: the tie was made while packets were held up,
            # as they are when a connection begins, or the timestamps jumped.
            return True
        if lag_s <= DRIFT_LIMIT_S:
            self._late_since = None
            return False
        self._late_since = self._late_since or received_at
        return (received_at - self._late_since).total_seconds() > LATE_FOR_S
