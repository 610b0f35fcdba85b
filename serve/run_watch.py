"""What ``cityeye watch`` runs: sources opened, cameras watched, results told and written."""

from __future__ import annotations

import json
import math
import os
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import typer
from rich.console import Console
from rich.table import Table

from models.runtime import RuntimeOptions, fastest_engine
from serve.cli_exit import EXIT_FAILED, own_and_shipped
from serve.cli_watch import EngineChoice
from vision.camera.config import Camera, read_camera
from vision.camera.fleet import Station
from vision.camera.looking import StreetModels, open_street_models
from vision.camera.plates import PlateReader
from vision.camera.reporting import REPORT_FILE, write_report
from vision.camera.sources import Fault, Readers, Recovered, Source, Transport, open_source
from vision.camera.watch import Tell, station_of, utc_now, watch_stations
from vision.camera.writers import only_writer, replace_file
from vision.errors import InputError
from vision.finding import Finding

METRICS_FILE = "metrics.json"
METRICS_EVERY_S = 5.0
READ_HERE = 4
"""Up to so many cameras are read in the process that looks at them."""
READ_EACH = 16
"""Cameras that a process reads, unless there are no cores for more processes."""
REPORT_EVERY_S = 60.0
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What the command line asks for, as its options are named; cameras left out."""

    out: Path
    start: datetime | None
    interval_s: float | None
    max_seconds: float | None
    transport: Transport
    engine: EngineChoice
    plates: bool
    as_json: bool


def read_fleet(folder: Path) -> list[tuple[Camera, str]]:
    """Read all camera files of a folder, each with its source's address.

    Raises:
        InputError: There is none, one is wrong, or two cameras have the same id.
    """
    paths = sorted((*folder.glob("*.yaml"), *folder.glob("*.yml")))
    if not paths:
        raise InputError(f"{folder}: holds no camera files (*.yaml)")
    cameras = []
    known: dict[str, Path] = {}
    for path in paths:
        camera = read_camera(path)
        if camera.id in known:
            raise InputError(f"{path}: has the id {camera.id} of {known[camera.id].name}")
        known[camera.id] = path
        if camera.source is None:
            raise InputError(f"{path}: name the camera's stream under the key source")
        cameras.append((camera, _with_variables(camera.source, path)))
    return cameras


def _with_variables(address: str, path: Path) -> str:
    """Fill in ${NAME} from the environment."""

    def value(found: re.Match[str]) -> str:
        try:
            return os.environ[found[1]]
        except KeyError:
            raise InputError(
                f"{path}: source needs the environment variable {found[1]}, which is not set"
            ) from None

    return _VARIABLE.sub(value, address)


def watch_fleet(folder: Path, wanted: Wanted) -> None:
    """Watch every camera of a folder; each has a folder of its own in what is written."""
    cameras = read_fleet(folder)
    _watch(cameras, [wanted.out / camera.id for camera, _ in cameras], wanted)


def watch_one(source: str, camera: Path, wanted: Wanted) -> None:
    """Watch one camera or recording."""
    _watch([(read_camera(camera), source)], [wanted.out], wanted)


def _watch(cameras: list[tuple[Camera, str]], folders: list[Path], wanted: Wanted) -> None:
    cv2.setNumThreads(1)
    cores = os.cpu_count() or 1
    workers = min(cores, len(cameras))
    engine = fastest_engine() if wanted.engine == "auto" else wanted.engine
    # One camera gets all cores for each look; many share them, a look on each core.
    options = RuntimeOptions(engine=engine, threads=max(1, cores // workers), streams=workers)
    models = open_street_models(
        own_and_shipped(), [camera for camera, _ in cameras], options=options
    )
    reader = PlateReader() if wanted.plates else None
    began = time.monotonic()
    with (
        only_writer(wanted.out),
        _opened([address for _, address in cameras], wanted) as sources,
        _stoppable() as stop,
    ):
        stations = [
            station_of(source, camera, model=models, folder=folder, plates=reader)
            for source, (camera, _), folder in zip(sources, cameras, folders, strict=True)
        ]
        desk = _Desk(stations, models, wanted)
        for finding in watch_stations(
            stations, workers=workers, most_s=wanted.max_seconds, stop=stop, tell=desk.tell
        ):
            desk.finding(finding)
        desk.close()
    _print_result(stations, wanted, time.monotonic() - began)
    if any(station.figures.failed for station in stations):
        raise typer.Exit(EXIT_FAILED)


@contextmanager
def _opened(addresses: list[str], wanted: Wanted) -> Iterator[list[Source]]:
    """Open all sources; many cameras are read by processes of their own."""
    makes = [
        partial(
            open_source,
            address,
            start=wanted.start,
            interval_s=wanted.interval_s,
            transport=wanted.transport,
        )
        for address in addresses
    ]
    if len(makes) <= READ_HERE:
        yield [make() for make in makes]
        return
    with Readers(min(os.cpu_count() or 1, math.ceil(len(makes) / READ_EACH))) as readers:
        yield [readers.open(make) for make in makes]


@contextmanager
def _stoppable() -> Iterator[threading.Event]:
    """Let an interrupt or a termination end the watch in order: everything found is saved."""
    stop = threading.Event()
    before = {
        number: signal.signal(number, lambda *_: stop.set())
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Desk:
    """Shows what happens and keeps report and metrics up to date."""

    def __init__(
        self,
        stations: list[Station],
        models: StreetModels,
        wanted: Wanted,
    ) -> None:
        self._stations = {station.id: station for station in stations}
        self._models = models
        self._wanted = wanted
        self._console = Console(stderr=True, quiet=wanted.as_json)
        self._metrics_at = time.monotonic()
        self._report_at = time.monotonic()
        self.tell = Tell(trouble=self._trouble, beat=self._beat)

    def finding(self, finding: Finding) -> None:
        state = finding.attributes.get("state", "")
        name = getattr(finding.source, "camera_id", "")
        when = finding.last_seen or finding.first_seen or utc_now()
        local = when.astimezone(self._stations[name].session.camera.tz)
        self._say(
            f"{local:%H:%M:%S} {name} suspected {finding.kind.value} ({state}), "
            f"score {finding.score:.2f}"
        )
        if time.monotonic() - self._report_at > REPORT_EVERY_S:
            self._report()

    def close(self) -> None:
        self._report()
        self._metrics()

    def _trouble(self, camera: str, event: Fault | Recovered) -> None:
        if isinstance(event, Fault):
            words = f"{event.kind.value}: {event.message}"
        else:
            words = f"{event.kind.value} is over after {event.lasted_s:.0f} s"
        self._say(f"{utc_now():%H:%M:%S}Z {camera} {words}")

    def _say(self, words: str) -> None:
        self._console.print(words, highlight=False, soft_wrap=True)

    def _beat(self) -> None:
        if time.monotonic() - self._metrics_at > METRICS_EVERY_S:
            self._metrics()
            self._metrics_at = time.monotonic()

    def _metrics(self) -> None:
        figures = {name: figures_of(station) for name, station in self._stations.items()}
        replace_file(self._wanted.out / METRICS_FILE, json.dumps(figures, indent=1))

    def _report(self) -> None:
        for station in self._stations.values():
            write_report(station)
        self._report_at = time.monotonic()


def figures_of(station: Station) -> dict[str, Any]:
    """Return how a camera is served: frames, lag, faults, decoding, time by stage."""
    session, source = station.session, station.source
    return {
        **station.figures.summary(),
        "frames": dict(session.counts),
        "needed_fps": round(1 / station.step_s, 3),
        "decoding": source.decoding,
        "clock_offset_s": source.clock_offset_s,
        "stage_s": {name: round(value, 3) for name, value in session.stage_s.items()},
        "gates": session.measures,
    }


def _print_result(stations: list[Station], wanted: Wanted, wall_s: float) -> None:
    findings = [finding for station in stations for finding in station.folder.findings]
    counts = Counter(finding.kind.value for finding in findings)
    reports = [str(station.folder.folder / REPORT_FILE) for station in stations]
    if wanted.as_json:
        typer.echo(
            json.dumps(
                {
                    "findings": dict(counts),
                    "cameras": {station.id: figures_of(station) for station in stations},
                    "reports": reports,
                    "wall_s": round(wall_s, 1),
                },
                ensure_ascii=False,
            )
        )
        return
    console = Console()
    frames = sum(station.session.counts["frames"] for station in stations)
    console.print(f"Looked at {frames} frames in {wall_s:.0f} s", highlight=False)
    if findings:
        console.print(_table(stations))
    else:
        console.print("Nothing found.")
    for report in reports:
        console.print(f"Report: {report}", highlight=False, soft_wrap=True)


def _table(stations: list[Station]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("no.", "suspected", "zone", "first seen", "dwell s", "score"):
        right = name in ("no.", "dwell s", "score")
        table.add_column(name, justify="right" if right else "left", no_wrap=name != "zone")
    rows = [(station, finding) for station in stations for finding in station.folder.findings]
    for number, (station, finding) in enumerate(rows, 1):
        dwell = finding.measures.get("dwell_s")
        local = finding.first_seen and finding.first_seen.astimezone(station.session.camera.tz)
        table.add_row(
            str(number),
            finding.kind.value,
            getattr(finding.source, "zone", ""),
            "" if local is None else f"{local:%Y-%m-%d %H:%M:%S}",
            "" if dwell is None else f"{dwell.value:.0f}",
            f"{finding.score:.2f}",
        )
    return table
