"""Many cameras, one detector: who is looked at next, and what is late.

Every camera has a thread that takes the newest frame from its source; a few workers take the frames
from those threads and advance the sessions. A thread asks its source for the next frame only when
the last one was taken, and what came in between has given way to what is newer, so that lag cannot
pile up: under overload every camera is looked at less closely, then less often, evenly.
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
from functools import partial
from pathlib import Path

from vision.camera.frame import Frame
from vision.camera.pace import Pace
from vision.camera.sources import Fault, Recovered
from vision.camera.station import OVERLOAD_WINDOW, Station
from vision.errors import OutputError
from vision.finding import Finding

__all__ = ["Fleet", "Station", "Told"]

DELIVER_EVERY_S = 0.2
STOPPING_S = 0.02
SAVE_EVERY_S = 10.0
"""Each camera's state is written this often, one camera after the other."""
LOOK_EVERY_S = 0.5
"""How often a thread that waits for another looks whether all is over."""
OVERLOADED_SHARE = 0.2
"""A camera of whose frames more than this share came to nothing is sampled too rarely."""


class _Scheduler:
    """Holds the next frame of each camera and says which to look at next."""

    def __init__(self, stations: Sequence[Station], *, stay: bool = False) -> None:
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
        self._stay = stay

    def add(self, station: Station) -> None:
        """Take in another camera."""
        with self._ready:
            self._places[station] = threading.Semaphore(0)
            self._served_at[station] = 0.0
            self._open.add(station)

    def forget(self, station: Station) -> None:
        """Keep nothing of a camera that is over."""
        with self._ready:
            del self._places[station], self._served_at[station]
            self._waiting.pop(station, None)

    def end(self) -> None:
        """Let the workers go when the last camera is over; no more will come."""
        with self._ready:
            self._stay = False
            self._ready.notify_all()

    def put(self, station: Station, frame: Frame, stop: threading.Event) -> None:
        """Leave a frame; returns when it was taken, so that the next one asked for is new."""
        with self._ready:
            place = self._places.get(station)
            if place is None:
                return
            self._waiting[station] = frame
            self._ready.notify()
        while not place.acquire(timeout=LOOK_EVERY_S) and not stop.is_set():
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
                if not self._open and not self._waiting and not self._stay:
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


@dataclass(eq=False)
class _Watch:
    """How the watch of one camera is ended, and that it has."""

    stop: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None


class Fleet:
    """Watches many cameras at once; they may come and go while it runs."""

    def __init__(
        self,
        stations: Sequence[Station] = (),
        *,
        workers: int,
        clock: Callable[[], datetime],
        most_s: float | None = None,
        stay: bool = False,
    ) -> None:
        """Set who is watched.

        Args:
            stations: The cameras to begin with.
            workers: Threads that look; one for each processor core.
            clock: The time now, aware, UTC.
            most_s: Stop each camera after this much of its time, seconds.
            stay: Go on when no camera is left: others will be added.
        """
        self._stations: dict[Station, _Watch] = {station: _Watch() for station in stations}
        self._scheduler = _Scheduler(stations, stay=stay)
        self._workers = workers
        self._pace = Pace(workers)
        self._clock = clock
        self._most_s = most_s or math.inf
        self._stay = stay
        self._lock = threading.Lock()
        self._running = False
        self._ended = False
        self._tell: Told = lambda _station, _event: None
        self._broken: list[Exception] = []

    @property
    def stations(self) -> tuple[Station, ...]:
        """The cameras that are watched, those that are over left out."""
        with self._lock:
            return tuple(self._stations)

    def add(self, station: Station) -> None:
        """Watch another camera from now on; in a fleet that has ended it is over at once."""
        with self._lock:
            if self._ended:
                return
            self._scheduler.add(station)
            self._stations[station] = _Watch()
            if self._running:
                self._begin(station)

    def remove(self, station: Station, *, within_s: float = 30.0) -> bool:
        """End the watch of a camera; what has fired is reported and what is known is saved.

        Args:
            station: The camera.
            within_s: How long its end is waited for.

        Returns:
            Whether it is over: nothing uses the station any more.
        """
        with self._lock:
            watch = self._stations.get(station)
        if watch is None:
            return True
        watch.stop.set()
        return watch.over.wait(within_s)

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
        workers = [
            threading.Thread(target=self._work, name="fleet worker", daemon=True)
            for _ in range(self._workers)
        ]
        for worker in workers:
            worker.start()
        with self._lock:
            self._running = True
            for station in self._stations:
                self._begin(station)
        began_at = time.monotonic()
        save_at = began_at + SAVE_EVERY_S
        to_save: deque[Station] = deque()
        while not self._broken and (self.stations or (self._stay and not stop.is_set())):
            if stop.wait(DELIVER_EVERY_S):
                self._stop_all()
                # What was begun is brought to its end; asking for it all the time would hinder it.
                time.sleep(STOPPING_S)
            for station in self.stations:
                over = self._scheduler.is_over(station)
                self._deliver(station, last=over)
                if over:
                    self._retire(station)
            while time.monotonic() >= save_at:
                to_save = to_save or deque(self.stations)
                next_one = to_save.popleft() if to_save else None
                if next_one in self._stations:
                    self._save(next_one)
                save_at += SAVE_EVERY_S / max(1, len(self.stations))
            # A camera that sends nothing does not know that its time is over.
            if time.monotonic() - began_at >= self._most_s and all(
                station.source.live for station in self.stations
            ):
                stop.set()
        with self._lock:
            self._running, self._ended = False, True
            threads = [*workers, *(w.thread for w in self._stations.values() if w.thread)]
        stop.set()
        self._stop_all()
        self._scheduler.end()
        for thread in threads:
            thread.join(timeout=10)
        for station in self.stations:
            self._retire(station)
        if self._broken:
            raise self._broken[0]

    def _begin(self, station: Station) -> None:
        watch = self._stations[station]
        watch.thread = threading.Thread(
            target=self._read, args=(watch.stop, station), name="camera watcher", daemon=True
        )
        watch.thread.start()

    def _stop_all(self) -> None:
        with self._lock:
            for watch in self._stations.values():
                watch.stop.set()

    def _retire(self, station: Station) -> None:
        """Save what is known of a camera that is over, and let it go."""
        self._save(station)
        with self._lock:
            watch = self._stations.pop(station)
        self._scheduler.forget(station)
        watch.over.set()

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
            watch = self._stations.get(station)
            if watch is not None:
                watch.stop.set()

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
        self._pace.late(replaced)
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
                    self._look(station, frame)
                    if not station.source.live and station.session.is_due(frame.taken_at):
                        # What is recorded is read in no time: by the next round, what the clip
                        # needs might have been let go.
                        self._report(station, frame.taken_at)

    def _look(self, station: Station, frame: Frame) -> None:
        with self._pace.look() as fine:
            # What is recorded waits for whoever looks at it.
            fine = fine or not station.source.live
            look = partial(station.eyes.look, fine=fine)
            for event in station.session.advance(frame, look):
                self._hear(station, event)
            lag_s = (self._clock() - frame.received_at).total_seconds()
            station.figures.take(frame, lag_s=lag_s, fine=fine)

    def _deliver(self, station: Station, *, last: bool) -> None:
        session, live = station.session, station.source.live
        now = self._clock() if live else station.figures.newest_at
        # What is due of a recording is reported by whoever looks at it.
        if now is None or not (last or (live and session.is_due(now))):
            return
        with self._scheduler.held(station), self._alone(station):
            if last and not live:
                session.finish(now)
            self._report(station, now, last=last)

    def _report(self, station: Station, now: datetime, *, last: bool = False) -> None:
        """Report what is due; for who keeps all others off the station meanwhile."""

        def sink(finding: Finding) -> None:
            station.folder.append(finding)
            self._tell(station, finding)

        station.session.deliver(station.source, now, sink, last=last)
        # Remembered at once: what was reported need not be evidenced again after a crash.
        station.folder.save_state(station.session.state())

    def _save(self, station: Station) -> None:
        with self._scheduler.held(station):
            state = station.session.state()
        station.folder.save_state(state)
