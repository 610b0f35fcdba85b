"""How closely there is time to look.

A detector that also looks closely at a frame finds more, and takes three times as long. While the
workers have time, frames are looked at closely; when they fall behind, all are looked at coarsely
before any camera is looked at less often.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

WINDOW_S = 10.0
"""Over so long it is judged whether there is time."""
BUSY_SHARE, LATE_SHARE = 0.8, 0.1
"""Workers that look for more than this share of the time, or frames of which more than this share
came to nothing, are a sign that there is not."""
IDLE_SHARE = 0.35
"""Workers that look coarsely for less than this share of the time may have enough for close looks.
They take three times as long, but looking is only a part of what workers do, and what is tried in
vain is not tried again soon."""
FIRST_WAIT_S, MOST_WAIT_S = 60.0, 3600.0
"""Seconds after which it is tried again to look closely, twice as long after each time in vain."""
KEPT_UP_S = 600.0
"""Seconds of looking closely after which that has not been in vain."""


class Pace:
    """Decides for a group of workers whether they look closely; any of them may ask."""

    def __init__(self, workers: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with close looks.

        Args:
            workers: How many look at the same time.
            clock: Seconds that pass.
        """
        self._workers = workers
        self._clock = clock
        self._lock = threading.Lock()
        self._fine = True
        self._changed_at = self._window_at = clock()
        self._wait_s = 0.0
        self._busy_s = 0.0
        self._looks = self._late = 0

    @contextmanager
    def look(self) -> Iterator[bool]:
        """Count what is done inside as a look; gives whether it is to be a close one."""
        began_at = self._clock()
        try:
            yield self._fine
        finally:
            now = self._clock()
            with self._lock:
                self._busy_s += now - began_at
                self._looks += 1
                if now - self._window_at >= WINDOW_S:
                    self._judge(now)

    def late(self, frames: int) -> None:
        """Count frames that came to nothing because nobody had time for them."""
        with self._lock:
            self._late += frames

    def _judge(self, now: float) -> None:
        busy = self._busy_s / (self._workers * (now - self._window_at))
        late = self._late / (self._late + self._looks)
        lasted_s = now - self._changed_at
        if self._fine:
            if busy > BUSY_SHARE or late > LATE_SHARE:
                again_s = 0.0 if lasted_s >= KEPT_UP_S else 2 * self._wait_s
                self._wait_s = min(max(FIRST_WAIT_S, again_s), MOST_WAIT_S)
                self._fine, self._changed_at = False, now
        elif busy < IDLE_SHARE and late == 0 and lasted_s >= self._wait_s:
            self._fine, self._changed_at = True, now
        self._window_at, self._busy_s, self._looks, self._late = now, 0.0, 0, 0
