"""Measure how well cameras are watched: events found and missed, on real and on rendered clips.

    python scripts/evaluate_camera.py fixedcam clips sample --shared SHARED
    python scripts/evaluate_camera.py rendered --rendered out/evaluation/clips --verbose
    python scripts/evaluate_camera.py rendered sample --truth-detections
    python scripts/evaluate_camera.py soak --soak-hours 8

- ``fixedcam``: 74 real stills of one street, taken as 10 s apart. One car stands on the pavement
  all the time, lanes fill with queues: one finding, the car, from the first still on.
- ``clips``: three real clips in which nothing stands and nobody trades: nothing is to be found.
- ``rendered``: the clips of ``scripts/make_evaluation_clips.py``: streets, cameras and designs that
  no model was trained on, with truth. What went wrong in them was looked at and mended.
- ``unfitted``: more such clips, the same stories in other streets, by which nothing was mended.
- ``sample``: the committed sample clip; its designs are those that models were trained on.
- ``soak``: hours of made-up observations, no pictures, through association and rules, with cameras
  that die and processes that restart.

``--truth-detections`` lets the rules see the truth's boxes and load states instead of a detector's:
what is wrong then, is wrong in association or rules. ``--coarse`` looks as a fleet does that has no
time for close looks. Prints tables; ``--out`` writes them as JSON.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from datasets.event_scoring import (  # noqa: E402
    ClipTruth,
    FoundEvent,
    found_event,
    read_truth,
    score_events,
    who_was_it,
)
from datasets.scenes.clip_evaluation import FITTED, clip_names  # noqa: E402
from datasets.soak import SoakResult, soak  # noqa: E402
from datasets.true_sight import TrueSight  # noqa: E402
from models.registry import Registry  # noqa: E402
from models.runtime import RuntimeOptions, fastest_engine  # noqa: E402
from vision.camera.boxes import iou  # noqa: E402
from vision.camera.config import Camera, Zone, ZoneKind, read_camera  # noqa: E402
from vision.camera.events import Box, Observation  # noqa: E402
from vision.camera.fleet import Station  # noqa: E402
from vision.camera.frame import Frame  # noqa: E402
from vision.camera.looking import StreetEyes, StreetModels, open_street_models  # noqa: E402
from vision.camera.rules import needed_step_s  # noqa: E402
from vision.camera.session import CameraSession  # noqa: E402
from vision.camera.sources import open_source  # noqa: E402
from vision.camera.watch import station_of, watch_stations  # noqa: E402
from vision.camera.writers import WatchFolder  # noqa: E402
from vision.errors import CityEyeError  # noqa: E402

PARTS = ("fixedcam", "clips", "rendered", "unfitted", "sample", "soak")
KINDS = ("illegal_parking", "street_vending", "muck_truck_overload", "muck_truck_uncovered")
START = datetime(2026, 11, 22, 0, 0, tzinfo=UTC)
"""Eight in the morning in Shanghai."""
VIDEO = "street.mp4"
STILL_WH = (1920, 1080)
STILL_STEP_S = 10.0
STANDING_CAR: Box = (429 / 1920, 125 / 1080, 495 / 1920, 197 / 1080)
"""From the events.txt beside the stills."""
PAVEMENT_PX = ((380, 90), (505, 90), (495, 235), (365, 235))
LANES_PX = ((520, 60), (700, 60), (1000, 400), (1120, 1075), (120, 1075), (440, 400), (500, 240))
WHOLE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
LEAST_IOU = 0.3


@dataclass
class Watched:
    """What came of watching one recording."""

    found: list[FoundEvent]
    step_s: float
    frames: int
    looked: int
    wall_s: float


@dataclass
class Tally:
    """Events of one kind over several clips."""

    true: int = 0
    hit: int = 0
    false: int = 0
    harmless: int = 0
    start_errors_s: list[float] = field(default_factory=list)

    def row(self) -> dict[str, Any]:
        """Return the figures, rounded."""
        return {
            "events": self.true,
            "found": self.hit,
            "false": self.false,
            "could_be_taken_for_one": self.harmless,
            "recall": round(self.hit / self.true, 3) if self.true else None,
            "precision": round(self.hit / (self.hit + self.false), 3) if self.hit else None,
            "start_error_s_median": _quantile(self.start_errors_s, 0.5),
            "start_error_s_90": _quantile(self.start_errors_s, 0.9),
        }


class CoarseEyes(StreetEyes):
    """Look as where there is no time for close looks."""

    def look(self, frame: Frame, *, fine: bool = False) -> tuple[Observation, ...]:  # noqa: ARG002
        """Return what is seen in a frame coarsely."""
        return super().look(frame, fine=False)


@dataclass(frozen=True)
class Watcher:
    """Watches recordings with the models, or with the truth in their place."""

    models: StreetModels | None
    coarse: bool = False

    def watch(
        self,
        address: Path,
        camera: Camera,
        *,
        interval_s: float | None = None,
        truth: ClipTruth | None = None,
    ) -> Watched:
        """Watch a recording from its start to its end.

        Args:
            address: of a file or a folder of stills.
            camera: its zones.
            interval_s: from one still to the next.
            truth: what to see instead of asking the detector.
        """
        began = time.perf_counter()
        source = open_source(str(address), start=START, interval_s=interval_s)
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            if truth is None:
                assert self.models is not None  # noqa: S101 - opened unless truth is given
                station = station_of(source, camera, model=self.models, folder=folder)
                if self.coarse:
                    station.eyes = CoarseEyes(camera, self.models)
            else:
                session = CameraSession(camera, models=(), folder=folder)
                step_s = camera.sample_step_s or needed_step_s(camera)
                eyes = TrueSight(camera, truth, start=START)
                station = Station(source, step_s, eyes, session, WatchFolder(folder))
            # Each finding comes when it fires and again when it is over; the last word counts.
            latest = {finding.id: finding for finding in watch_stations([station])}
        counts = station.session.counts
        return Watched(
            found=[found_event(finding, START) for finding in latest.values()],
            step_s=station.step_s,
            frames=counts["frames"],
            looked=counts["looked"],
            wall_s=time.perf_counter() - began,
        )


def evaluate_fixedcam(watcher: Watcher, shared: Path) -> dict[str, Any]:
    """Hold what is found on the stills against the one car that stands."""
    camera = Camera(
        id="fixedcam",
        name="real stills",
        zones=(
            _zone("pavement", ZoneKind.NO_PARKING, PAVEMENT_PX, jurisdiction="sidewalk"),
            _zone("lanes", ZoneKind.NO_PARKING, LANES_PX, jurisdiction="carriageway"),
        ),
    )
    stills = shared / "data" / "cctv" / "fixedcam_street_seq" / "images"
    watched = watcher.watch(stills, camera, interval_s=STILL_STEP_S)
    cars = [each for each in watched.found if iou(each.box, STANDING_CAR) >= LEAST_IOU]
    others = [each for each in watched.found if each not in cars]
    return {
        "findings": len(watched.found),
        "standing_car_found": len(cars),
        "first_seen_s": [each.first_s for each in cars],
        "last_seen_s": [each.last_s for each in cars],
        "iou": [round(iou(each.box, STANDING_CAR), 2) for each in cars],
        "false": [_words(each) for each in others],
        "frames": watched.frames,
        "as_it_should_be": len(cars) == 1 and not others and cars[0].first_s == 0.0,
    }


def evaluate_clips(watcher: Watcher, shared: Path) -> dict[str, Any]:
    """Count what is found on real clips on which there is nothing."""
    result: dict[str, Any] = {}
    for path in sorted((shared / "data" / "cctv" / "clips").glob("*.mp4")):
        camera = Camera(
            id="clip",
            name=path.stem,
            zones=(
                Zone(name="parking", kind=ZoneKind.NO_PARKING, polygon=WHOLE, dwell_s=10.0),
                Zone(name="vending", kind=ZoneKind.NO_VENDING, polygon=WHOLE, dwell_s=5.0),
                Zone(name="gate", kind=ZoneKind.TRUCK_GATE, polygon=WHOLE),
            ),
        )
        watched = watcher.watch(path, camera)
        result[path.stem] = {
            "findings": len(watched.found),
            "false": [_words(each) for each in watched.found],
            "frames": watched.frames,
        }
    return result


def evaluate_with_truth(
    watcher: Watcher, folders: Sequence[Path], *, truth_detections: bool, verbose: bool
) -> dict[str, Any]:
    """Hold what is found on clips with truth against it."""
    tallies: dict[str, Tally] = defaultdict(Tally)
    states: Counter[tuple[str, str]] = Counter()
    directions: Counter[bool] = Counter()
    errors: dict[str, list[str]] = {}
    frames = looked = 0
    wall_s = 0.0
    steps_s: set[float] = set()
    for folder in folders:
        truth = read_truth(folder)
        camera = read_camera(folder / "camera.yaml")
        watched = watcher.watch(folder / VIDEO, camera, truth=truth if truth_detections else None)
        frames, looked = frames + watched.frames, looked + watched.looked
        wall_s += watched.wall_s
        steps_s.add(watched.step_s)
        score = score_events(truth, watched.found)
        wrong, right = [], []
        for kind in KINDS:
            tallies[kind].true += sum(event.kind == kind for event in truth.events)
            tallies[kind].harmless += sum(other.kind == kind for other in truth.harmless)
        for index, other in score.pairs:
            event, report = truth.events[index], watched.found[other]
            tally = tallies[event.kind]
            tally.hit += 1
            late_s = report.first_s - event.began_s
            tally.start_errors_s.append(abs(late_s))
            right.append(
                f"found {event.kind} of {event.actor} from {event.began_s:.0f} s, {late_s:+.1f} s"
            )
            if event.direction is not None:
                directions[report.attributes.get("direction") == event.direction] += 1
        for index in score.missed:
            event = truth.events[index]
            wrong.append(f"missed {event.kind} of {event.actor} from {event.began_s:.0f} s")
        for other in score.false:
            report = watched.found[other]
            tallies[report.kind].false += 1
            wrong.append(f"false {_words(report)} ({who_was_it(truth, report)})")
        _count_states(truth, watched.found, states)
        errors[folder.name] = wrong
        if verbose:
            print(
                f"{folder.name}: {len(score.pairs)} found", *right, *wrong, sep="\n    ", flush=True
            )
    return {
        "seen_by": "the truth's boxes" if truth_detections else "the models",
        "clips": len(folders),
        "frames": frames,
        "frames_looked_at": looked,
        "sampling_step_s": max(steps_s),
        "wall_s": round(wall_s, 1),
        "kinds": {kind: tallies[kind].row() for kind in KINDS},
        "load_states": _state_table(states),
        "directions_right": f"{directions[True]} of {directions.total()}",
        "errors": errors,
    }


def _count_states(
    truth: ClipTruth, found: Sequence[FoundEvent], states: Counter[tuple[str, str]]
) -> None:
    """Count what each muck truck that passed was reported as, by the state of its load."""
    passed = {other.actor: other.why for other in truth.harmless if other.kind == KINDS[2]}
    passed |= {event.actor: event.load_state or "" for event in truth.events if event.load_state}
    for actor, state in passed.items():
        times = truth.presences[actor].boxes
        reports = [
            report.attributes.get("load_state", report.kind)
            for report in found
            if report.kind in KINDS[2:]
            and who_was_it(truth, report).startswith(f"{actor}:")
            and min(times) <= report.first_s <= max(times) + 1
        ]
        states[state, reports[0] if reports else "nothing"] += 1


def _state_table(states: Counter[tuple[str, str]]) -> dict[str, dict[str, int]]:
    table: dict[str, dict[str, int]] = defaultdict(dict)
    for (true, told), count in sorted(states.items()):
        table[true][told] = count
    return dict(table)


def evaluate_soak(hours: float, seed: int) -> dict[str, Any]:
    """Run made-up hours through association and rules."""
    began = time.perf_counter()
    result: SoakResult = soak(hours=hours, seed=seed)
    return {
        "hours": hours,
        "frames": result.frames,
        "outages": result.outages,
        "restarts": result.restarts,
        "events": result.expected,
        "found_once": result.found_once,
        "lost": list(result.lost),
        "doubled": list(result.doubled),
        "false": list(result.false),
        "in_use_kb_by_quarter": list(result.in_use_kb_by_quarter),
        "state_kb_by_quarter": list(result.state_kb_by_quarter),
        "wall_s": round(time.perf_counter() - began, 1),
    }


def _quantile(values: Sequence[float], share: float) -> float | None:
    """Return the smallest value that a share of all does not exceed; None where there is none."""
    if not values:
        return None
    return round(sorted(values)[math.ceil(share * len(values)) - 1], 1)


def _zone(
    name: str, kind: ZoneKind, outline_px: Sequence[tuple[int, int]], *, jurisdiction: str
) -> Zone:
    polygon = tuple((x / STILL_WH[0], y / STILL_WH[1]) for x, y in outline_px)
    return Zone(name=name, kind=kind, polygon=polygon, dwell_s=300.0, jurisdiction=jurisdiction)


def _words(event: FoundEvent) -> str:
    box = ", ".join(f"{value:.2f}" for value in event.box)
    told = event.attributes.get("load_state") or event.attributes.get("form") or ""
    return (
        f"{event.kind}{f' {told}' if told else ''} in {event.zone}, "
        f"{event.first_s:.0f}-{event.last_s:.0f} s at {box}"
    )


def _folders(rendered: Path, part: str, numbers: Sequence[int] | None) -> list[Path]:
    fitted = clip_names()[:FITTED]
    found = sorted(
        path.parent
        for path in rendered.glob(f"*/{VIDEO}")
        if (path.parent.name in fitted) == (part == "rendered")
    )
    if numbers:
        found = [path for path in found if int(path.name.rsplit("_", 1)[-1]) in numbers]
    if not found:
        raise SystemExit(f"{rendered}: no clips; make them with scripts/make_evaluation_clips.py")
    return found


def _table(name: str, result: dict[str, Any]) -> Iterator[str]:
    yield f"\n{name}"
    for key, value in result.items():
        if key == "kinds":
            columns = list(next(iter(value.values())))
            yield "  " + " | ".join(["kind", *columns])
            for kind, row in value.items():
                yield "  " + " | ".join([kind, *(str(row[column]) for column in columns)])
        elif key == "errors":
            yield f"  errors: {sum(map(len, value.values()))}"
        else:
            yield f"  {key}: {value}"


def main(argv: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="+", choices=PARTS)
    shared = Path(os.environ.get("CITYEYE_SHARED", ROOT.parent / "shared"))
    parser.add_argument("--shared", type=Path, default=shared, help="folder of real data")
    rendered = ROOT / "out" / "evaluation" / "clips"
    parser.add_argument("--rendered", type=Path, default=rendered, help="folder of rendered clips")
    parser.add_argument("--clips", type=int, nargs="+", help="numbers of rendered clips")
    parser.add_argument("--models", type=Path, help="folder of models beside the shipped ones")
    parser.add_argument("--exact", action="store_true", help="models in full precision")
    parser.add_argument("--coarse", action="store_true", help="coarse looks, as under load")
    parser.add_argument("--truth-detections", action="store_true", help="see the truth's boxes")
    parser.add_argument("--verbose", action="store_true", help="name each event")
    parser.add_argument("--soak-hours", type=float, default=8.0)
    parser.add_argument("--soak-seed", type=int, default=1)
    parser.add_argument("--out", type=Path, help="JSON file to write")
    args = parser.parse_args(argv)
    cv2.setNumThreads(1)
    blind = {"soak", "rendered", "unfitted", "sample"} if args.truth_detections else {"soak"}
    with_models = bool({*args.parts} - blind)
    own = Registry() if args.models is None else Registry((args.models, *Registry().folders))
    watcher = Watcher(_models(own, exact=args.exact) if with_models else None, coarse=args.coarse)
    results: dict[str, Any] = {}
    for part in args.parts:
        if part == "fixedcam":
            results[part] = evaluate_fixedcam(watcher, args.shared)
        elif part == "clips":
            results[part] = evaluate_clips(watcher, args.shared)
        elif part == "soak":
            results[part] = evaluate_soak(args.soak_hours, args.soak_seed)
        else:
            sample = [ROOT / "datasets" / "samples" / "camera"]
            results[part] = evaluate_with_truth(
                watcher,
                sample if part == "sample" else _folders(args.rendered, part, args.clips),
                truth_detections=args.truth_detections,
                verbose=args.verbose,
            )
        print(*_table(part, results[part]), sep="\n", flush=True)
    if watcher.models is not None:
        results["models"] = [f"{ref.name} {ref.version}" for ref in watcher.models.refs]
    if args.out is not None:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n", "utf-8")
    return 0


def _models(registry: Registry, *, exact: bool) -> StreetModels:
    """Open the newest models as for a camera with a gate."""
    gate = Zone(name="gate", kind=ZoneKind.TRUCK_GATE, polygon=WHOLE)
    options = RuntimeOptions(engine=fastest_engine(), exact=exact)
    camera = Camera(id="any", name="any", zones=(gate,))
    return open_street_models(registry, [camera], options=options)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except CityEyeError as error:
        raise SystemExit(str(error)) from error
