"""Hours of made-up observations through association and rules, with failing cameras and processes.

What is counted: events that must be found, found once; those that must not be; whether memory stays
flat.
"""

from __future__ import annotations

import gc
import json
import tracemalloc
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np

from datasets.made_up_shift import DWELL_S, Shift, event_kinds
from vision.camera import boxes
from vision.camera.association import Association, AssociationOptions
from vision.camera.config import Camera
from vision.camera.events import RuleEvent, Step
from vision.camera.rules import ZoneBook

START = datetime(2026, 11, 22, 0, 0, tzinfo=UTC)
QUARTERS = 4
_SLOW_S, _FAST_S = 10.0, 0.2
_OUTAGE_EVERY_S = 700.0
_OUTAGE_S = (5.0, 600.0)
_RESTART_SHARE = 0.01
"""Of the frames after which the process is stopped and started again."""
_SURE_S = 2.4 * DWELL_S
"""Who is seen at one place for this long must be found, even beside a queue."""
_SAFE_S = DWELL_S - 30.0
"""Who is seen for less must not be."""
_LEAST_IOU = 0.4
_EMPTY_LOOKS = 8
"""Looks at an empty place after which the next trader is another."""


@dataclass(frozen=True, slots=True)
class SoakResult:
    """What came of it.

    Attributes:
        frames: taken in.
        outages: times without frames.
        restarts: of the process, from its saved state.
        expected: events that must be found.
        found_once: of them, those that were, once.
        lost: names of those that were not.
        doubled: names of those that were found again.
        false: what was found and must not be.
        in_use_kb_by_quarter: memory in use at the end of each quarter of the time.
        state_kb_by_quarter: size of the largest state saved in each quarter.
    """

    frames: int
    outages: int
    restarts: int
    expected: int
    found_once: int
    lost: tuple[str, ...]
    doubled: tuple[str, ...]
    false: tuple[str, ...]
    in_use_kb_by_quarter: tuple[int, ...]
    state_kb_by_quarter: tuple[int, ...]


@dataclass
class _Sightings:
    """When each member could be seen: first and last frame, and the longest gap between two."""

    first_s: dict[str, float] = field(default_factory=dict)
    last_s: dict[str, float] = field(default_factory=dict)
    gap_s: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    frames_s: list[float] = field(default_factory=list)

    def note(self, name: str, time_s: float) -> None:
        """Take down that a member was there in a frame."""
        self.first_s.setdefault(name, time_s)
        gap = time_s - self.last_s.get(name, time_s)
        self.gap_s[name] = max(self.gap_s[name], gap)
        self.last_s[name] = time_s


class _Process:
    """Association and rules of one camera, which can be stopped and started again."""

    def __init__(self, camera: Camera) -> None:
        self._camera = camera
        self._options = AssociationOptions.for_camera(camera)
        self.association = Association(self._options)
        self.book = ZoneBook(camera)

    def advance(self, shift: Shift, time_s: float) -> tuple[RuleEvent, ...]:
        at = START + timedelta(seconds=time_s)
        tracks = self.association.advance(at, shift.observations(time_s), shift.look(time_s))
        return self.book.advance(at, tracks)

    def state(self) -> str:
        return json.dumps({"who": self.association.state(), "what": self.book.state()})

    def restart(self) -> None:
        stored = json.loads(self.state())
        self.association = Association.restore(stored["who"], self._options)
        self.book = ZoneBook.restore(self._camera, stored["what"])


def soak(*, hours: float, seed: int) -> SoakResult:
    """Run made-up hours through association and rules.

    Args:
        hours: of the street's time; a minute of ours is many hours of it.
        seed: of street, outages and restarts.
    """
    shift = Shift(hours=hours, seed=seed)
    process = _Process(shift.camera())
    rng = np.random.default_rng((seed, 5))
    sightings = _Sightings()
    fired: dict[str, list[str]] = defaultdict(list)
    false: list[str] = []
    kinds = event_kinds(shift.members)
    restarts = 0
    in_use_kb, state_kb = [0] * QUARTERS, [0] * QUARTERS
    schedule = _Schedule(shift, rng)
    tracemalloc.start()
    try:
        for time_s in schedule:
            sightings.frames_s.append(time_s)
            for member, _ in shift.there(time_s):
                sightings.note(member.name, time_s)
            for event in process.advance(shift, time_s):
                if event.step is Step.FIRED:
                    name = _who(event, shift, kinds)
                    if name is None:
                        false.append(f"{event.kind.value} at {time_s:.0f} s")
                    else:
                        fired[name].append(event.key)
            if schedule.restarts:
                process.restart()
                restarts += 1
                quarter = min(int(QUARTERS * time_s / shift.end_s), QUARTERS - 1)
                state_kb[quarter] = max(state_kb[quarter], len(process.state()) // 1024)
                gc.collect()
                in_use_kb[quarter] = _in_use_kb()
    finally:
        tracemalloc.stop()
    must = [name for name in kinds if _must_be_found(name, kinds[name], shift, sightings)]
    must_not = [
        f"{name}: {kinds[name]}"
        for name in fired
        if kinds[name] in ("illegal_parking", "street_vending")
        and sightings.last_s[name] - sightings.first_s[name] < _SAFE_S
    ]
    return SoakResult(
        frames=len(sightings.frames_s),
        outages=schedule.outages,
        restarts=restarts,
        expected=len(must),
        found_once=sum(len(fired[name]) == 1 for name in must),
        lost=tuple(name for name in must if not fired[name]),
        doubled=tuple(name for name, keys in fired.items() if len(keys) > 1),
        false=(*false, *must_not),
        in_use_kb_by_quarter=tuple(in_use_kb),
        state_kb_by_quarter=tuple(state_kb),
    )


def _in_use_kb() -> int:
    """Return the memory in use, but for what this file writes down to judge by."""
    own = tracemalloc.Filter(inclusive=False, filename_pattern=__file__)
    traces = tracemalloc.take_snapshot().filter_traces([own]).statistics("filename")
    return sum(trace.size for trace in traces) // 1024


class _Schedule:
    """Times of the frames: close together while a truck passes, none while the camera is dead."""

    def __init__(self, shift: Shift, rng: np.random.Generator) -> None:
        self._shift = shift
        self._rng = rng
        self.outages = 0
        self.restarts = False
        """Whether the process is stopped and started after this frame."""

    def __iter__(self) -> Iterator[float]:
        time_s = 0.0
        fails_s = float(self._rng.exponential(_OUTAGE_EVERY_S))
        while time_s < self._shift.end_s:
            fails = time_s >= fails_s
            self.restarts = bool(self._rng.random() < _RESTART_SHARE)
            yield time_s
            if fails:
                self.outages += 1
                time_s += float(self._rng.uniform(*_OUTAGE_S))
                fails_s = time_s + float(self._rng.exponential(_OUTAGE_EVERY_S))
            time_s = self._next(time_s)

    def _next(self, time_s: float) -> float:
        """Return the next time: a look in ten seconds, or five a second while a truck is there."""
        truck_s = self._shift.next_truck_s(time_s)
        return time_s + _FAST_S if truck_s == time_s else min(time_s + _SLOW_S, truck_s)


def _who(event: RuleEvent, shift: Shift, kinds: dict[str, str]) -> str | None:
    """Return whom an event is about; None if nobody of its kind was at its place."""
    time_s = (event.last_seen - START).total_seconds()
    for member in shift.members:
        box = member.box_at(time_s) if kinds.get(member.name) == event.kind.value else None
        if box is not None and boxes.iou(box, event.box_xyxy) >= _LEAST_IOU:
            return member.name
    return None


def _must_be_found(name: str, kind: str, shift: Shift, sightings: _Sightings) -> bool:
    if name not in sightings.first_s:
        return False
    seen_s = sightings.last_s[name] - sightings.first_s[name]
    member = shift.member(name)
    if kind == "illegal_parking":
        return seen_s >= _SURE_S
    if kind == "street_vending":
        # A trader is known by the place: another who took it unseen is no other for the rule.
        gone_s = shift.left_before(member)
        looks = sum(gone_s < time_s < member.start_s for time_s in sightings.frames_s)
        return seen_s >= _SURE_S and looks >= _EMPTY_LOOKS
    # A truck that passed while the camera was dead for a part of it may be missed.
    return sightings.gap_s[name] <= 2 * _FAST_S and seen_s >= member.end_s - member.start_s - 1.0
