"""What the report of a watched camera says, gathered from its station."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

import cv2
import numpy as np

from vision.camera.fleet import Station
from vision.camera.sources import AddressKind, Fault, Recovered
from vision.camera_report import CameraReport, FaultSpan, SourceKind, write_camera_report

REPORT_FILE = "report.html"


_KINDS: dict[AddressKind, SourceKind] = {
    AddressKind.RTSP: "stream",
    AddressKind.SNAPSHOT: "snapshot",
    AddressKind.FILE: "file",
    AddressKind.FOLDER: "stills",
}


def write_report(station: Station) -> Path:
    """Write the report of a camera into its folder; returns its path.

    Raises:
        OutputError: It could not be written; the report that was there still is.
    """
    path = station.folder.folder / REPORT_FILE
    write_camera_report(path, _report(station))
    return path


def _report(station: Station) -> CameraReport:
    session, figures, view = station.session, station.figures, station.session.snapshot
    pixels = None
    if view is not None:
        coded = np.frombuffer(view.jpeg, np.uint8)
        pixels = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR_RGB), np.uint8)
    first, newest = figures.first_at, figures.newest_at
    return CameraReport(
        camera=session.camera,
        folder=station.folder.folder,
        findings=station.folder.findings,
        span=None if first is None or newest is None else (first, newest),
        source=station.source.address,
        source_kind=_KINDS[station.source.kind],
        figures={
            "frames": session.counts["frames"],
            "looked": session.counts["looked"],
            "sample_step_s": station.step_s,
            "decoding": station.source.decoding,
            "clock_offset_s": station.source.clock_offset_s,
        },
        faults=fault_spans(tuple(figures.trouble)),
        gates=session.measures,
        models=session.models,
        snapshot=pixels,
        snapshot_seen=() if view is None else view.seen,
        versions={"cityeye": metadata.version("cityeye")},
    )


def fault_spans(trouble: Sequence[Fault | Recovered]) -> tuple[FaultSpan, ...]:
    """Join faults and recoveries, in the order in which they were told, to stretches of time."""
    spans: list[FaultSpan] = []
    for event in trouble:
        if isinstance(event, Fault):
            spans.append(FaultSpan(event.kind.value, event.since, None, event.message))
            continue
        for index in range(len(spans) - 1, -1, -1):
            span = spans[index]
            if span.kind == event.kind.value and span.lasted_s is None:
                spans[index] = FaultSpan(span.kind, span.since, event.lasted_s, span.message)
                break
    return tuple(spans)
