"""The one door to watching cameras.

    for finding in watch(source, camera, model=models, folder=Path("out")):
        ...

A recording is looked at as fast as it can be read, every frame in its turn, so that the same
recording gives the same findings. Live cameras are watched as they come, one or many at once.
"""

from __future__ import annotations

import math
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from vision.camera.config import Camera
from vision.camera.fleet import Fleet, Station
from vision.camera.frame import Frame
from vision.camera.looking import StreetEyes, StreetModels
from vision.camera.plates import PlateLooking
from vision.camera.rules import needed_step_s
from vision.camera.session import CameraSession, SessionOptions
from vision.camera.sources import Fault, Recovered, Source
from vision.camera.writers import WatchFolder
from vision.finding import Finding

BEAT_S = 0.5


def utc_now() -> datetime:
    """Return the time now."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Tell:
    """Who hears of what happens while a camera is watched.

    Attributes:
        trouble: Faults and recoveries, with the camera's id.
        beat: Called several times a second while frames come or may come.
    """

    trouble: Callable[[str, Fault | Recovered], None] = lambda _camera, _event: None
    beat: Callable[[], None] = lambda: None


def station_of(
    source: Source,
    camera: Camera,
    *,
    model: StreetModels,
    folder: Path,
    plates: PlateLooking | None = None,
    options: SessionOptions | None = None,
) -> Station:
    """Put together what watches one camera.

    Where `folder` holds what an earlier run remembered of a live camera, it goes on from there.

    Args:
        source: Its frames.
        camera: Its settings.
        model: The opened models.
        folder: Where its results go.
        plates: Reads number plates; none leaves them unread.
        options: How findings are evidenced.

    Raises:
        InputError: The folder holds findings that cannot be read.
        OutputError: The folder cannot be written to.
    """
    results = WatchFolder(folder)
    session = CameraSession(
        camera,
        models=model.refs,
        folder=folder,
        plates=plates,
        options=options,
        state=results.load_state() if source.live else None,
    )
    if session.begun_anew:
        results.log({"at": utc_now().isoformat(), "event": "begun anew", "reason": "state.json"})
    step_s = camera.sample_step_s or needed_step_s(camera)
    return Station(source, step_s, StreetEyes(camera, model), session, results)


def watch(
    source: Source,
    camera: Camera,
    *,
    model: StreetModels,
    folder: Path,
    clock: Callable[[], datetime] = utc_now,
    plates: PlateLooking | None = None,
    options: SessionOptions | None = None,
    stop: threading.Event | None = None,
    tell: Tell | None = None,
) -> Iterator[Finding]:
    """Watch one camera or recording.

    Yields each finding when its rule has fired and its evidence is complete, and once more, with
    the same id and the attribute ``state`` ``ended``, when it is over.

    Args:
        source: Where frames come from.
        camera: Zones, thresholds and masks.
        model: The opened models.
        folder: Where findings, events and evidence are written as they happen.
        clock: The time now, aware, UTC.
        plates: Reads number plates; none leaves them unread.
        options: How findings are evidenced.
        stop: Set to end the watch; what is known is saved.
        tell: Hears of faults and progress.

    Raises:
        InputError: The recording or the folder's findings cannot be read.
        OutputError: Results cannot be written.
    """
    station = station_of(source, camera, model=model, folder=folder, plates=plates, options=options)
    yield from watch_stations([station], clock=clock, stop=stop, tell=tell)


def watch_stations(
    stations: Sequence[Station],
    *,
    clock: Callable[[], datetime] = utc_now,
    workers: int = 1,
    most_s: float | None = None,
    stop: threading.Event | None = None,
    tell: Tell | None = None,
) -> Iterator[Finding]:
    """Watch cameras that are put together, until `stop` is set or all recordings are over.

    Args:
        stations: From `station_of`, one or many.
        clock: The time now, aware, UTC.
        workers: Threads that look; as many as the models have streams.
        most_s: Stop each camera after this much of its time, seconds; none goes on.
        stop: Set to end the watch; what is known is saved.
        tell: Hears of faults.

    Yields:
        Findings of all cameras, as `watch` does.

    Raises:
        InputError: A recording cannot be read.
        OutputError: Results cannot be written any more.
    """
    stop = stop or threading.Event()
    tell = tell or Tell()
    if len(stations) == 1 and not stations[0].source.live:
        yield from _watch_recording(stations[0], most_s, stop, tell)
    else:
        fleet = Fleet(stations, workers=workers, clock=clock, most_s=most_s)
        yield from _watch_fleet(fleet, stop, tell)


def _watch_recording(
    station: Station, most_s: float | None, stop: threading.Event, tell: Tell
) -> Iterator[Finding]:
    """Look at every frame in its turn, in this thread."""
    session, figures = station.session, station.figures
    found: list[Finding] = []

    def sink(finding: Finding) -> None:
        station.folder.append(finding)
        found.append(finding)

    def hear(event: Fault | Recovered) -> None:
        station.hear(event)
        tell.trouble(station.id, event)

    for event in station.source.events(station.step_s, stop):
        if not isinstance(event, Frame):
            hear(event)
            continue
        for trouble in session.advance(event, station.eyes.look):
            hear(trouble)
        figures.take(event, lag_s=None)
        session.deliver(station.source, event.taken_at, sink)
        yield from found
        found.clear()
        tell.beat()
        if figures.seen_s >= (most_s or math.inf):
            break
    if figures.newest_at is not None:
        session.finish(figures.newest_at)
        session.deliver(station.source, figures.newest_at, sink, last=True)
        yield from found


def _watch_fleet(fleet: Fleet, stop: threading.Event, tell: Tell) -> Iterator[Finding]:
    """Run a fleet in a thread of its own and hand on what it finds."""
    heard: queue.SimpleQueue[Finding | None] = queue.SimpleQueue()
    broken: list[Exception] = []

    def hear(station: Station, event: Fault | Recovered | Finding) -> None:
        if isinstance(event, Finding):
            heard.put(event)
        else:
            tell.trouble(station.id, event)

    def run() -> None:
        try:
            fleet.run(stop, hear)
        except Exception as error:
            broken.append(error)
        finally:
            heard.put(None)

    thread = threading.Thread(target=run, name="fleet", daemon=True)
    thread.start()
    try:
        while True:
            tell.beat()
            try:
                finding = heard.get(timeout=BEAT_S)
            except queue.Empty:
                continue
            if finding is None:
                break
            yield finding
    finally:
        stop.set()
        thread.join()
    if broken:
        raise broken[0]
