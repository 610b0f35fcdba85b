"""Holding the events that were found in a clip against those that happened in it.

A found event is a true one if it is of the same kind and in the same zone, if the times overlap,
and if its box is where the truth has the thing at some time while both last. Each true event is
found once; a second report of it is a false one.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from datasets.scoring import MATCH_IOU, Score
from vision.camera.boxes import iou
from vision.camera.events import Box
from vision.finding import CameraSource, Finding

SLACK_S = 3.0
"""Times may be off by this: truth has boxes for full seconds, a rule sees some frames later."""
STEP_S = 0.25
"""From one to the next of the times at which truth is held against a report: what drives through a
gate is a length further in half a second."""
_VEHICLES = frozenset({"car", "bus", "truck", "muck_truck"})
_VENDING = frozenset({"stall", "cart", "canopy"})
_LABELS: dict[str, frozenset[str]] = {
    "illegal_parking": _VEHICLES,
    "street_vending": _VENDING,
    "muck_truck_overload": frozenset({"muck_truck"}),
    "muck_truck_uncovered": frozenset({"muck_truck"}),
}
_ALL_LABELS = _VEHICLES | _VENDING | {"two_wheeler", "person"}


@dataclass(frozen=True)
class Presence:
    """Where something was in a clip.

    Attributes:
        name: of the actor.
        boxes: for full seconds from the clip's start, class and box of each of its parts.
        leaves_s: when it is gone, seconds from the clip's start; None while it stays.
    """

    name: str
    boxes: Mapping[int, tuple[tuple[str, Box], ...]]
    leaves_s: float | None = None

    def parts_at(self, time_s: float) -> list[tuple[str, Box]]:
        """Return class and box of each part at a time, moved evenly between full seconds."""
        second = int(time_s)
        before, after = self.boxes.get(second), self.boxes.get(second + 1)
        if before is None or (self.leaves_s is not None and time_s > self.leaves_s):
            return []
        if after is None or [label for label, _ in before] != [label for label, _ in after]:
            return list(before)
        share = time_s - second
        return [
            (label, _between(box, then, share))
            for (label, box), (_, then) in zip(before, after, strict=True)
        ]

    def places(self, labels: frozenset[str], start_s: float, end_s: float) -> list[Box]:
        """Return the boxes of parts of some classes in a span, and the box around each moment's."""
        found: list[Box] = []
        first, last = math.ceil(max(start_s, 0.0) / STEP_S), math.floor(end_s / STEP_S)
        for number in range(first, last + 1):
            here = [box for label, box in self.parts_at(number * STEP_S) if label in labels]
            found += here
            if len(here) > 1:
                found.append(around(here))
        return found


@dataclass(frozen=True, slots=True)
class TrueEvent:
    """Something that happened and is to be found.

    Attributes:
        kind: of the finding.
        zone: name of the zone.
        actor: name of who did it.
        began_s: from the clip's start.
        ended_s: from the clip's start; None for what went on at its end.
        load_state: of a muck truck.
        direction: of a muck truck.
    """

    kind: str
    zone: str
    actor: str
    began_s: float
    ended_s: float | None = None
    load_state: str | None = None
    direction: str | None = None


@dataclass(frozen=True, slots=True)
class HarmlessActor:
    """Who must not be found as what, and why it could be."""

    kind: str
    actor: str
    why: str


@dataclass(frozen=True, slots=True)
class FoundEvent:
    """Something that was reported; times are seconds from the clip's start."""

    kind: str
    zone: str
    box: Box
    first_s: float
    last_s: float
    attributes: Mapping[str, str]


@dataclass(frozen=True)
class ClipTruth:
    """What happened in a clip.

    Attributes:
        presences: everybody who was there, by name.
        events: what is to be found.
        harmless: who must not be found.
        size_wh: of the frames, pixels.
        duration_s: of the clip.
    """

    presences: Mapping[str, Presence]
    events: tuple[TrueEvent, ...]
    harmless: tuple[HarmlessActor, ...]
    size_wh: tuple[int, int]
    duration_s: float


def read_truth(folder: Path) -> ClipTruth:
    """Read ``truth.json`` and ``events.json`` of a clip's folder."""
    truth: dict[str, Any] = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    told: dict[str, Any] = json.loads((folder / "events.json").read_text(encoding="utf-8"))
    width, height = truth["size_wh"]
    presences = {}
    for entry in truth["objects"]:
        boxes = {
            int(second): tuple(
                (part["class"], _shares(part["xyxy"], width, height)) for part in parts
            )
            for second, parts in entry["boxes"].items()
        }
        presences[entry["id"]] = Presence(entry["id"], boxes, entry["leaves_s"])
    return ClipTruth(
        presences=presences,
        events=tuple(TrueEvent(**event) for event in told["events"]),
        harmless=tuple(HarmlessActor(**other) for other in told["harmless"]),
        size_wh=(width, height),
        duration_s=float(truth["duration_s"]),
    )


def found_event(finding: Finding, start: datetime) -> FoundEvent:
    """Return a camera's finding as an event in a clip that began at a time.

    Raises:
        ValueError: It is no finding of a camera.
    """
    times = finding.first_seen, finding.last_seen
    if not isinstance(finding.source, CameraSource) or finding.bbox_xyxy is None or None in times:
        raise ValueError(f"{finding.id} is no finding of a camera")
    first, last = (time for time in times if time is not None)
    return FoundEvent(
        kind=finding.kind.value,
        zone=finding.source.zone,
        box=finding.bbox_xyxy,
        first_s=(first - start).total_seconds(),
        last_s=(last - start).total_seconds(),
        attributes=finding.attributes,
    )


def score_events(
    truth: ClipTruth, found: Sequence[FoundEvent], *, min_iou: float = MATCH_IOU
) -> Score:
    """Pair what happened with what was found one to one, best overlap first.

    Args:
        truth: of the clip.
        found: all that was reported.
        min_iou: least intersection over union of a pair's boxes.
    """
    ranked = sorted(
        (
            (overlap, -index, -other)
            for index, event in enumerate(truth.events)
            for other, report in enumerate(found)
            if (overlap := _overlap(truth, event, report)) >= min_iou
        ),
        reverse=True,
    )
    pairs: list[tuple[int, int]] = []
    for _, index, other in ranked:
        if all(-index != one and -other != two for one, two in pairs):
            pairs.append((-index, -other))
    taken, used = {one for one, _ in pairs}, {two for _, two in pairs}
    return Score(
        tuple(sorted(pairs)),
        tuple(index for index in range(len(truth.events)) if index not in taken),
        tuple(other for other in range(len(found)) if other not in used),
    )


def who_was_it(truth: ClipTruth, report: FoundEvent) -> str:
    """Say what a false event was most likely about: a harmless actor, a double, or nothing."""
    places = {
        name: _best(presence, _ALL_LABELS, report) for name, presence in truth.presences.items()
    }
    name = max(places, key=lambda name: places[name], default=None)
    if name is None or places[name] < MATCH_IOU:
        return "nothing there"
    for event in truth.events:
        if event.actor == name and event.kind == report.kind:
            return f"{name}: a second report, or at the wrong time or zone"
    for other in truth.harmless:
        if other.actor == name and other.kind == report.kind:
            return f"{name}: {other.why}"
    return f"{name}"


def around(boxes: Sequence[Box]) -> Box:
    """Return the smallest box around some."""
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def _between(one: Box, other: Box, share: float) -> Box:
    x1, y1, x2, y2 = (a + share * (b - a) for a, b in zip(one, other, strict=True))
    return x1, y1, x2, y2


def _shares(xyxy: Sequence[float], width: int, height: int) -> Box:
    x1, y1, x2, y2 = xyxy
    return x1 / width, y1 / height, x2 / width, y2 / height


def _overlap(truth: ClipTruth, event: TrueEvent, report: FoundEvent) -> float:
    """Return how well a report fits an event; 0 where kind, zone or time do not."""
    if (event.kind, event.zone) != (report.kind, report.zone):
        return 0.0
    ended_s = truth.duration_s if event.ended_s is None else event.ended_s
    if report.last_s < event.began_s - SLACK_S or report.first_s > ended_s + SLACK_S:
        return 0.0
    return _best(truth.presences[event.actor], _LABELS[event.kind], report)


def _best(presence: Presence, labels: frozenset[str], report: FoundEvent) -> float:
    places = presence.places(labels, report.first_s - SLACK_S, report.last_s + SLACK_S)
    return max((iou(place, report.box) for place in places), default=0.0)
