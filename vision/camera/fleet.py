"""Many cameras, one detector: who is looked at next, and what is late.

Every camera has a thread that takes the newest frame from its source; a few workers take the frames
from those threads and advance the sessions. A thread asks its source for the next frame only when
the last one was taken, and what came in between has given way to what is newer, so that lag cannot
pile up: under overload every camera is looked at less often, evenly.
"""

from __future__ import annotations

import math
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from vision.camera.frame import Frame
from vision.camera.looking import StreetEyes
from vision.camera.session import CameraSession
from vision.camera.sources import Fault, Recovered, Source
from vision.camera.writers import WatchFolder
from vision.errors import OutputError
from vision.finding import Finding

DELIVER_EVERY_S = 0.2
STOPPING_S = 0.02
SAVE_EVERY_S = 10.0
"""Each camera's state is written this often, one camera after the other."""
LOOK_EVERY_S = 0.5
"""How often a thread that waits for another looks whether all is over."""
OVERLOAD_WINDOW = 60
"""Latest frames by which a camera's share of replaced ones is judged."""
OVERLOADED_SHARE = 0.2
"""A camera of whose frames more than this share came to nothing is sampled too rarely."""


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
        replaced: Frames that gave way to a newer one.
        trouble: Faults and recoveries, the latest ones.
        failed: Why the camera was given up; none while it is not.
    """

    def __init__(self) -> None:
        """Start at nothing."""
        self.lags_s: deque[float] = deque(maxlen=600)
        self.kept: deque[bool] = deque(maxlen=OVERLOAD_WINDOW)
        self.served = 0
        self.replaced = 0
        self.trouble: deque[Fault | Recovered] = deque(maxlen=1000)
        self.overloaded = False
        self.failed: str | None = None
        self.first_at: datetime | None = None
        self.newest_at: datetime | None = None
        self._since = time.monotonic()

    def take(self, frame: Frame, *, lag_s: float | None) -> None:
        """Count a frame that was looked at; `lag_s` is none for one of a recording."""
        self.first_at = self.first_at or frame.taken_at
        self.newest_at = frame.taken_at
        self.served += 1
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
            "replaced": self.replaced,
            "sampled_fps": round(self.served / max(time.monotonic() - self._since, 1e-9), 3),
            "lag_p50_s": round(float(np.percentile(lags, 50)), 3),
            "lag_p95_s": round(float(np.percentile(lags, 95)), 3),
            "faults": sum(isinstance(event, Fault) for event in self.trouble),
            "overloaded": self.overloaded,
            "failed": self.failed,
        }


class _Scheduler:
    """Holds the next frame of each camera and says which to look at next."""

    def __init__(self, stations: Sequence[Station]) -> None:
        lock = threading.Lock()
        # Who waits for what is told apart: waking dozens of threads for one frame costs more than
        # the frame.
        self._ready = threading.Condition(lock)
        self._freed = threading.Condition(lock)
        self._places = {station: threading.Semaphore(0) for station in stations}
        self._waiting: dict[Station, Frame] = {}
        self._busy: set[Station] = set()
        self._served_at = dict.fromkeys(stations, 0.0)
        self._open = set(stations)

    def put(self, station: Station, frame: Frame, stop: threading.Event) -> None:
        """Leave a frame; returns when it was taken, so that the next one asked for is new."""
        with self._ready:
            self._waiting[station] = frame
            self._ready.notify()
        while not self._places[station].acquire(timeout=LOOK_EVERY_S) and not stop.is_set():
            pass

    def close(self, station: Station) -> None:
        """No more frames will come from a camera."""
        with self._ready:
            self._open.discard(station)
            self._ready.notify_all()

    def is_over(self, station: Station) -> bool:
        """Return whether a camera's frames have all been looked at."""
        with self._ready:
            return not (station in self._open or station in self._waiting or station in self._busy)

    @contextmanager
    def next(self) -> Iterator[tuple[Station, Frame] | None]:
        """Give the frame whose camera has waited longest for its needs; none when all is over."""
        taken = self._take()
        try:
            yield taken
        finally:
            if taken is not None:
                self._free(taken[0])

    def _take(self) -> tuple[Station, Frame] | None:
        with self._ready:
            while True:
                ready = [station for station in self._waiting if station not in self._busy]
                if ready:
                    now = time.monotonic()
                    station = max(ready, key=lambda s: (now - self._served_at[s]) / s.step_s)
                    self._served_at[station] = now
                    self._busy.add(station)
                    self._places[station].release()
                    return station, self._waiting.pop(station)
                if not self._open and not self._waiting:
                    return None
                self._ready.wait(LOOK_EVERY_S)

    @contextmanager
    def held(self, station: Station) -> Iterator[None]:
        """Keep workers off a camera's session without making one of them wait for it."""
        with self._freed:
            while station in self._busy:
                self._freed.wait(LOOK_EVERY_S)
            self._busy.add(station)
        try:
            yield
        finally:
            self._free(station)

    def _free(self, station: Station) -> None:
        with self._ready:
            self._busy.discard(station)
            self._freed.notify_all()
            if station in self._waiting:
                self._ready.notify()


Told = Callable[[Station, Fault | Recovered | Finding], None]


class Fleet:
    """Watches many cameras at once."""

    def __init__(
        self,
        stations: Sequence[Station],
        *,
        workers: int,
        clock: Callable[[], datetime],
        most_s: float | None = None,
    ) -> None:
        """Set who is watched.

        Args:
            stations: The cameras.
            workers: Threads that look; one for each processor core.
            clock: The time now, aware, UTC.
            most_s: Stop each camera after this much of its time, seconds.
        """
        self.stations = tuple(stations)
        self._scheduler = _Scheduler(self.stations)
        self._workers = workers
        self._clock = clock
        self._most_s = most_s or math.inf
        self._tell: Told = lambda _station, _event: None
        self._broken: list[Exception] = []

    def run(self, stop: threading.Event, tell: Told) -> None:
        """Watch until all recordings are over, or `stop` is set.

        A camera whose data breaks something is given up, with a line in its log, and the others
        go on.

        Args:
            stop: Set to end the watch.
            tell: Hears of every fault, recovery and finding as it happens.

        Raises:
            OutputError: Results cannot be written any more.
        """
        self._tell = tell
        threads = [
            threading.Thread(
                target=self._read, args=(stop, station), name="camera watcher", daemon=True
            )
            for station in self.stations
        ]
        threads += [
            threading.Thread(target=self._work, name="fleet worker", daemon=True)
            for _ in range(self._workers)
        ]
        for thread in threads:
            thread.start()
        open_stations = list(self.stations)
        began_at = time.monotonic()
        to_save = deque(self.stations)
        save_at = began_at + SAVE_EVERY_S
        while open_stations and not self._broken:
            if stop.wait(DELIVER_EVERY_S):
                # What was begun is brought to its end; asking for it all the time would hinder it.
                time.sleep(STOPPING_S)
            over = [station for station in open_stations if self._scheduler.is_over(station)]
            for station in open_stations:
                self._deliver(station, last=station in over)
            open_stations = [station for station in open_stations if station not in over]
            while time.monotonic() >= save_at:
                self._save(to_save[0])
                to_save.rotate(-1)
                save_at += SAVE_EVERY_S / len(to_save)
            # A camera that sends nothing does not know that its time is over.
            if time.monotonic() - began_at >= self._most_s and all(
                station.source.live for station in open_stations
            ):
                stop.set()
        stop.set()
        for thread in threads:
            thread.join(timeout=10)
        for station in self.stations:
            self._save(station)
        if self._broken:
            raise self._broken[0]

    @contextmanager
    def _alone(self, station: Station) -> Iterator[None]:
        """Let what goes wrong with one camera be told, and harm no other."""
        try:
            yield
        except OutputError as error:
            self._broken.append(error)
        # Whatever it is: the other cameras must not go blind for it.
        except Exception as error:
            # The text of an unforeseen error may hold anything, a password too.
            place = traceback.extract_tb(error.__traceback__)[-1]
            reason = f"{type(error).__name__} in {Path(place.filename).name}:{place.lineno}"
            station.figures.failed = reason
            station.folder.log(
                {"at": self._clock().isoformat(), "event": "given up", "reason": reason}
            )
            self._scheduler.close(station)

    def _read(self, stop: threading.Event, station: Station) -> None:
        with self._alone(station):
            for event in station.source.events(station.step_s, stop):
                if station.figures.failed or station.figures.seen_s >= self._most_s:
                    break
                if isinstance(event, Frame):
                    self._count(station)
                    self._scheduler.put(station, event, stop)
                else:
                    self._hear(station, event)
        self._scheduler.close(station)

    def _count(self, station: Station) -> None:
        figures = station.figures
        replaced = station.source.passed_over - figures.replaced
        figures.replaced += replaced
        figures.kept.extend([False] * replaced)
        figures.kept.append(True)
        if len(figures.kept) < OVERLOAD_WINDOW:
            return
        late = figures.kept.count(False) / OVERLOAD_WINDOW
        if figures.overloaded != (late > OVERLOADED_SHARE):
            figures.overloaded = not figures.overloaded
            station.folder.log(
                {
                    "at": self._clock().isoformat(),
                    "event": "overloaded" if figures.overloaded else "keeping up",
                    "replaced_share": round(late, 3),
                }
            )

    def _hear(self, station: Station, event: Fault | Recovered) -> None:
        station.hear(event)
        self._tell(station, event)

    def _work(self) -> None:
        while True:
            with self._scheduler.next() as taken:
                if taken is None:
                    return
                station, frame = taken
                with self._alone(station):
                    for event in station.session.advance(frame, station.eyes.look):
                        self._hear(station, event)
                    lag_s = (self._clock() - frame.received_at).total_seconds()
                    station.figures.take(frame, lag_s=lag_s)

    def _deliver(self, station: Station, *, last: bool) -> None:
        session = station.session
        now = self._clock() if station.source.live else station.figures.newest_at
        if now is None or not (last or session.is_due(now)):
            return

        def sink(finding: Finding) -> None:
            station.folder.append(finding)
            self._tell(station, finding)

        with self._scheduler.held(station), self._alone(station):
            if last and not station.source.live:
                session.finish(now)
            session.deliver(station.source, now, sink, last=last)

    def _save(self, station: Station) -> None:
        with self._scheduler.held(station):
            state = station.session.state()
        station.folder.save_state(state)


def _as_log(event: Fault | Recovered) -> dict[str, Any]:
    """Return a fault or recovery as it stands in the log of events."""
    if isinstance(event, Fault):
        return {
            "at": event.since.isoformat(),
            "event": "fault",
            "kind": event.kind.value,
            "message": event.message,
        }
    return {
        "at": event.at.isoformat(),
        "event": "recovered",
        "kind": event.kind.value,
        "lasted_s": round(event.lasted_s, 1),
    }
