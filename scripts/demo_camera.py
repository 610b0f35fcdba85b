"""The camera part of the demo: what is found in the sample clip is held against its truth."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import cv2

from datasets.event_scoring import FoundEvent, found_event, read_truth, score_events, who_was_it
from models.registry import SHIPPED_FOLDER, Registry
from scripts.demo_words import shown
from vision.camera.config import read_camera
from vision.camera.looking import open_street_models
from vision.camera.plates import PlateReader
from vision.camera.reporting import write_report
from vision.camera.sources import open_source
from vision.camera.watch import station_of, watch_stations
from vision.errors import InputError
from vision.finding import FindingKind

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ROOT / "datasets" / "samples" / "camera"
START = datetime(2026, 11, 22, 0, 0, tzinfo=UTC)  # 08:00 in Guangzhou
KINDS = (
    FindingKind.ILLEGAL_PARKING,
    FindingKind.STREET_VENDING,
    FindingKind.MUCK_TRUCK_OVERLOAD,
    FindingKind.MUCK_TRUCK_UNCOVERED,
)


def run(out: Path) -> None:
    """Watch the clip, print the table and where the report lies.

    Args:
        out: Folder for the results.

    Raises:
        InputError: The sample is not there, or not what it was.
        OutputError: The results cannot be written.
    """
    if not (SAMPLE / "truth.json").exists():
        raise InputError(f"{SAMPLE}: the sample is missing. Get it again: git checkout {SAMPLE}")
    cv2.setNumThreads(1)
    began = time.perf_counter()
    print("Watching three minutes of a street camera …", flush=True)
    camera = read_camera(SAMPLE / "camera.yaml")
    models = open_street_models(Registry((SHIPPED_FOLDER,)), [camera])
    station = station_of(
        open_source(str(SAMPLE / "street.mp4"), start=START),
        camera,
        model=models,
        folder=out,
        plates=PlateReader(),
    )
    for _ in watch_stations([station]):
        pass
    report = write_report(station)
    counts = station.session.counts
    print(
        f"{counts['frames']} frames, of which the detector looked at {counts['looked']}; "
        f"{time.perf_counter() - began:.0f} s"
    )
    tell([found_event(finding, START) for finding in station.folder.findings])
    print(f"\nReport, to open in a browser: {shown(report)}")


def tell(found: list[FoundEvent]) -> None:
    """Print truth against found, and every miss and false finding by name."""
    truth = read_truth(SAMPLE)
    score = score_events(truth, found)
    print(f"\n  {'kind':<21} {'truth':>6} {'found':>6} {'missed':>7} {'false':>6}")
    for kind in KINDS:
        right = sum(truth.events[index].kind == kind for index, _ in score.pairs)
        missed = sum(truth.events[index].kind == kind for index in score.missed)
        false = sum(found[index].kind == kind for index in score.false)
        print(f"  {kind.value:<21} {right + missed:>6} {right:>6} {missed:>7} {false:>6}")
    for event in (truth.events[index] for index in score.missed):
        print(f"    missed  {event.kind}: {event.actor}, from {event.began_s:.0f} s")
    for report in (found[index] for index in score.false):
        print(f"    false   {report.kind}: at {report.first_s:.0f} s, {who_was_it(truth, report)}")
