"""Muck trucks at a gate: each passage with its direction and how the load lay.

A passage is a muck truck that crosses the zone, or is first or last seen in it while it moves. How
it is loaded is voted over all frames that showed it at the gate: a heaped load is a suspected
overload, a level one is not covered. A weight is never claimed. What was seen for a moment only
is no finding: a detector takes a bus for a muck truck in one frame or two.

A detector that sees the cab and the bed of a lorry as two vehicles now, and the whole of it as one
the next moment, makes several passages of one. Of muck trucks of which one was once inside the box
of another, the one that leaves first hands on what it knows: one passage is counted, from the first
of them to the last. A cab that came first and was taken for a car says when it began.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter

from vision.camera import boxes
from vision.camera.config import Point, Zone
from vision.camera.events import VEHICLES, Box, RuleEvent, Step
from vision.camera.rules.candidates import Candidate, Reporter, key_of, thresholds_of
from vision.camera.tracks import Track, view_quality, votes_of_both
from vision.camera.zones import Tick, crosses, holds, next_tick, touches
from vision.finding import FindingKind

VERSION = "6"
MUCK_TRUCK = "muck_truck"
VOTE_SHARE = 0.3
"""Share of a vehicle's class votes from which it is a muck truck; seen from before, one looks like
any other lorry, so it need not be the most."""
STATE_SHARE = 0.4
"""Share of the load votes that a state needs; less is no statement."""
SEEN_SHARE = 0.1
"""Share of the load votes from which the load was seen at all."""
LEAST_LOOKS, LEAST_LOOKS_S = 3, 0.6
"""Sightings that voted on the load, and seconds from the first of them to the last, that a finding
needs. The slowest sampling of a gate that is of use gives more: a truck takes seconds to cross."""
NOT_VISIBLE = "not_visible"
UNCERTAIN = "uncertain"
MOVED_SIZES = 0.5
"""Own sizes that it has to go for a passage: what only stands at the gate passes nothing."""
AGAIN_S = 10.0
"""Seconds outside after which a track that has passed may pass again: what shuffles on the edge is
back sooner, and what comes out again later has been inside, or is another that looks alike."""
LEAP_S = 3.0
"""Seconds between two looks over which its way is taken to be straight."""
PART_SHARE, PART_S = 0.8, 1.0
"""What lies so much inside the box of another, seen within so many seconds, is a part of it."""
LEAD_S = 3.0
"""Seconds by which what was taken for another vehicle may have come to the gate before the muck
truck in whose box it vanished: longer, and it was another vehicle, which the truck hides."""
HOURS_KEPT = 48
FINDINGS = {
    "heaped": FindingKind.MUCK_TRUCK_OVERLOAD,
    "level": FindingKind.MUCK_TRUCK_UNCOVERED,
}


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of a vehicle at the gate, or of a part of it.

    Attributes:
        share: Of its class votes at the gate that are for a muck truck.
        load: Votes by load state.
        looks: How many sightings voted on the load.
        looks_s: Seconds from the first of them to the last.
    """

    share: float = 0.0
    load: Mapping[str, float] = field(default_factory=dict)
    looks: int = 0
    looks_s: float = 0.0

    @property
    def enough_looks(self) -> bool:
        """Whether its load was seen often and long enough for a finding."""
        # Times are of the camera, to the millisecond; three steps of 0.2 s may be a little less.
        return self.looks >= LEAST_LOOKS and self.looks_s >= LEAST_LOOKS_S - 0.01

    def with_more(self, other: _Known) -> _Known:
        """Return what two parts of a vehicle say; the class is told by the one that is surer."""
        return _Known(
            max(self.share, other.share),
            votes_of_both(self.load, other.load),
            self.looks + other.looks,
            max(self.looks_s, other.looks_s),
        )


@dataclass(slots=True)
class _Passage(Candidate):
    """A vehicle at the gate.

    Attributes:
        number: Of its track.
        start: Where it came from: the earliest point known when it entered.
        end: Where it was last.
        told: Whether it was reported to have begun: not before it is known for a muck truck.
        votes_before: Class votes of its track before it entered.
        size: Its longer side when it entered, as a share of the frame.
        parts: Numbers of the tracks in whose boxes it was, or that were in its own.
        counted: Whether another part of the same vehicle has been counted as a passage.
        handed: What parts that have left handed on.
        known: That and what its own track says.
    """

    number: int = 0
    start: Point = (0.0, 0.0)
    end: Point = (0.0, 0.0)
    told: bool = False
    votes_before: dict[str, float] = field(default_factory=dict)
    size: float = 0.0
    parts: set[int] = field(default_factory=set)
    counted: bool = False
    handed: _Known = field(default_factory=_Known)
    known: _Known = field(default_factory=_Known)

    def begin_with(self, part: _Passage) -> None:
        """Begin when a part began that was taken for another vehicle, a cab for a car mostly."""
        if self.first_seen - part.first_seen <= timedelta(seconds=LEAD_S):
            self._begin_no_later_than(part)

    def _begin_no_later_than(self, other: _Passage) -> None:
        if other.first_seen < self.first_seen:
            self.first_seen, self.start, self.size = other.first_seen, other.start, other.size

    def hand_on(self, heir: _Passage) -> None:
        """Leave what is known to another part of the same vehicle, which is still there."""
        heir._begin_no_later_than(self)
        heir.counted |= self.counted
        heir.handed = heir.handed.with_more(self.known)
        heir.known = heir.known.with_more(self.known)


@dataclass(slots=True)
class _Passed:
    """How a track has passed: when it left, what was known of its load by then.

    Attributes:
        at: When it left.
        outside_s: Seconds since it was last in the zone.
        load: As the track had it.
        looks: As the track had them.
    """

    at: datetime
    outside_s: float
    load: dict[str, float]
    looks: int


@dataclass(slots=True)
class _Memory:
    tick: Tick | None = None
    passages: list[_Passage] = field(default_factory=list)
    passed: dict[int, _Passed] = field(default_factory=dict)
    """By number of a track that has passed and is still known."""
    hours: dict[str, dict[str, int]] = field(default_factory=dict)
    """Passages by start of the hour in UTC and by direction."""


_MEMORY = TypeAdapter(_Memory)


class MuckTruckRule:
    """Muck trucks at one gate.

    The score is the geometric mean of the detector's mean score, the share of the class votes for a
    muck truck, and the share of the load votes for the state.
    """

    def __init__(self, zone: Zone, tz: ZoneInfo) -> None:
        """Watch a zone of the kind truck_gate, by the clock of its place."""
        self._zone = zone
        self._tz = tz
        self._reporter = Reporter(zone, "muck_truck", VERSION)
        self._memory = _Memory()

    def advance(self, at: datetime, tracks: Sequence[Track]) -> list[RuleEvent]:
        """Take in the tracks of one frame."""
        memory = self._memory
        tick = next_tick(self._zone, self._tz, memory.tick, at)
        if tick is None:
            return []
        memory.tick = tick
        by_number = {track.number: track for track in tracks}
        events, over = [], []
        for passage in memory.passages:
            passage.shift(tick)
            track = by_number.get(passage.number)
            if track is not None and track.seen:
                goes_on = self._follow(passage, track, tick)
                events += self._tell(passage, tick.at)
            else:
                passage.miss(tick)
                # A track that is given up says so itself; nobody has to wait for the gap to pass.
                goes_on = track is not None and not passage.gone(self._zone.grace_s)
            if not goes_on:
                over.append(passage)
        # By where all of them are now: of two that are one, one may leave in this very frame.
        self._find_parts(tick)
        for passage in over:
            events += self._close(passage, tick.at)
        self._forget(by_number, tick)
        busy = {passage.number for passage in memory.passages}
        busy |= {number for number, one in memory.passed.items() if one.outside_s <= AGAIN_S}
        for track in tracks:
            if track.number not in busy and self._enters(track, tick):
                events += self._begin(track, tick)
        return events

    def finish(self, at: datetime) -> list[RuleEvent]:
        """Judge what is at the gate: the source has ended."""
        return [event for one in list(self._memory.passages) for event in self._close(one, at)]

    def keys(self) -> frozenset[str]:
        """Names of what has begun and not ended."""
        return frozenset(passage.key for passage in self._memory.passages if passage.told)

    def measures(self) -> dict[str, dict[str, int]]:
        """Return the passages of the latest hours: by the hour's start, by direction."""
        return {hour: dict(counts) for hour, counts in self._memory.hours.items()}

    def state(self) -> dict[str, Any]:
        """Return what has to outlive a restart, fit for JSON."""
        return dict(_MEMORY.dump_python(self._memory, mode="json"))

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` returned; raises ValueError if it is not that."""
        self._memory = _MEMORY.validate_python(state)

    def _enters(self, track: Track, tick: Tick) -> bool:
        return (
            tick.active
            and track.seen
            and track.name in VEHICLES
            and boxes.height(track.box_xyxy) >= self._zone.min_height
            and self._is_at(track)
        )

    def _is_at(self, track: Track) -> bool:
        """Whether it is in the zone, or went through it since the look before."""
        if holds(self._zone, boxes.footprint_point(track.box_xyxy)):
            return True
        if len(track.path) < 2:
            return False
        (before_at, before), (now_at, now) = track.path[-2:]
        lift = boxes.footprint_lift(track.box_xyxy)
        return (now_at - before_at).total_seconds() <= LEAP_S and crosses(
            self._zone, (before[0], before[1] - lift), (now[0], now[1] - lift)
        )

    def _begin(self, track: Track, tick: Tick) -> list[RuleEvent]:
        passage = _Passage(
            key=key_of(
                self._zone,
                self._reporter.name,
                tick.at,
                track.box_xyxy,
                {other.key for other in self._memory.passages},
            ),
            first_seen=tick.at,
            last_seen=tick.at,
            box_xyxy=track.box_xyxy,
            name=track.name,
            score=track.score,
            descriptor=track.descriptor,
            number=track.number,
            start=self._start_of(track),
            votes_before=dict(track.earlier_votes),
            size=_size(track.box_xyxy),
        )
        self._memory.passages.append(passage)
        self._note(passage, track, tick)
        return self._tell(passage, tick.at)

    def _start_of(self, track: Track) -> Point:
        """Return where a track comes from: the earliest point known since it last passed."""
        before = self._memory.passed.get(track.number)
        points = [point for at, point in track.path if before is None or at > before.at]
        return points[0] if points else track.path[-1][1]

    def _known_of(self, track: Track, passage: _Passage) -> _Known:
        """Return what a track says: its class since it entered, its load since it last passed."""
        share = _share_since(passage.votes_before, track)
        before = self._memory.passed.get(track.number)
        if before is None or track.load_last is None:
            return _Known(share, track.load_votes, track.load_sightings, track.load_s)
        since_s = max((track.load_last - before.at).total_seconds(), 0.0)
        return _Known(
            share,
            _votes_since(before.load, track.load_votes),
            track.load_sightings - before.looks,
            min(since_s, track.load_s),
        )

    def _follow(self, passage: _Passage, track: Track, tick: Tick) -> bool:
        """Take in where its vehicle is now; returns whether it is at the gate still.

        A muck truck that was too quick for its looks is, as long as it reaches into the gate: it
        goes on showing its load.
        """
        passage.stay(tick)
        self._note(passage, track, tick)
        if holds(self._zone, boxes.footprint_point(track.box_xyxy)):
            return True
        quick = passage.told and not passage.known.enough_looks
        if quick and touches(self._zone, track.box_xyxy):
            return True
        self._memory.passed[track.number] = _Passed(
            tick.at, 0.0, dict(track.load_votes), track.load_sightings
        )
        return False

    def _find_parts(self, tick: Tick) -> None:
        """Note which of the vehicles at the gate are parts of one."""
        soon = timedelta(seconds=PART_S)
        for part, whole in permutations(self._memory.passages, 2):
            both = max(tick.at - part.last_seen, tick.at - whole.last_seen) <= soon
            if both and boxes.covered_share(part.box_xyxy, whole.box_xyxy) >= PART_SHARE:
                part.parts.add(whole.number)
                whole.parts.add(part.number)

    def _note(self, passage: _Passage, track: Track, tick: Tick) -> None:
        passage.last_seen, passage.box_xyxy = tick.at, track.box_xyxy
        passage.end = boxes.ground_point(track.box_xyxy)
        passage.known = known = passage.handed.with_more(self._known_of(track, passage))
        passage.name = MUCK_TRUCK if known.share >= VOTE_SHARE else track.name
        _, state_share = load_state(known.load)
        passage.score = (track.score * known.share * state_share) ** (1 / 3)

    def _tell(self, passage: _Passage, at: datetime) -> list[RuleEvent]:
        """Report that it has begun, once, and each frame that shows it."""
        if passage.known.share < VOTE_SHARE:
            return []
        events = [] if passage.told else [self._event(Step.BEGAN, passage, at)]
        passage.told = True
        quality = view_quality(passage.box_xyxy) * passage.score
        return [*events, self._event(Step.PICTURE, passage, at, quality=quality)]

    def _close(self, passage: _Passage, at: datetime) -> list[RuleEvent]:
        self._memory.passages.remove(passage)
        others = self._others_of(passage)
        for other in others:
            other.parts |= passage.parts - {other.number}
        if not passage.told:
            if not self._is_seen(passage, at):
                for other in others:
                    other.begin_with(passage)
            return []
        for other in others:
            if not other.told and not self._is_seen(other, at):
                passage.begin_with(other)
        heirs = [other for other in others if other.told and self._is_seen(other, at)]
        if heirs:
            passage.hand_on(max(heirs, key=lambda other: boxes.area(other.box_xyxy)))
            return [self._event(Step.DROPPED, passage, at)]
        for other in others:
            # Not seen any more: this one is what it has been seen as since.
            if other.told:
                other.hand_on(passage)
        known = passage.known
        gone = math.dist(passage.start, passage.end)
        # What comes nearer has gone no less far for being larger now.
        size = min(passage.size, _size(passage.box_xyxy))
        if passage.counted or known.share < VOTE_SHARE or gone < MOVED_SIZES * size:
            return [self._event(Step.DROPPED, passage, at)]
        self._count(passage)
        for other in others:
            other.counted = True
        if not known.enough_looks or load_state(known.load)[0] not in FINDINGS:
            return [self._event(Step.DROPPED, passage, at)]
        return [self._event(step, passage, at) for step in (Step.FIRED, Step.ENDED)]

    def _others_of(self, passage: _Passage) -> list[_Passage]:
        """Return what else at the gate is of this vehicle: its parts, their parts, and so on."""
        others: list[_Passage] = []
        numbers = set(passage.parts)
        while more := [
            other
            for other in self._memory.passages
            if other is not passage and other not in others and other.number in numbers
        ]:
            others += more
            numbers.update(*(other.parts for other in more))
        return others

    def _is_seen(self, passage: _Passage, at: datetime) -> bool:
        """Whether it was seen in this frame or in the one before."""
        tick = self._memory.tick
        return tick is not None and (at - passage.last_seen).total_seconds() <= tick.elapsed_s

    def _count(self, passage: _Passage) -> None:
        hour = passage.first_seen.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        hours = self._memory.hours
        counts = hours.setdefault(hour.isoformat(), {"in": 0, "out": 0, "unknown": 0})
        counts[self._direction_of(passage)] += 1
        for old in sorted(hours)[:-HOURS_KEPT]:
            del hours[old]

    def _forget(self, by_number: Mapping[int, Track], tick: Tick) -> None:
        """Note for how long those that have passed are outside; forget those that are gone."""
        memory = self._memory
        memory.passed = {n: one for n, one in memory.passed.items() if n in by_number}
        for number, one in memory.passed.items():
            track = by_number[number]
            one.at += tick.set_by
            if track.seen and holds(self._zone, boxes.footprint_point(track.box_xyxy)):
                # Not while it is on a way back: that is one of its own.
                one.outside_s = 0.0 if one.outside_s <= AGAIN_S else one.outside_s
            else:
                one.outside_s += tick.elapsed_s

    def _direction_of(self, passage: _Passage) -> str:
        """Return ``in``, ``out`` or ``unknown``."""
        inward = self._zone.inward
        if inward is None:
            return "unknown"
        nearer = math.dist(passage.start, inward) - math.dist(passage.end, inward)
        # A hundredth of the frame is what a box jitters by.
        if abs(nearer) < 0.01:
            return "unknown"
        return "in" if nearer > 0 else "out"

    def _event(
        self, step: Step, passage: _Passage, at: datetime, *, quality: float = 0.0
    ) -> RuleEvent:
        state, state_share = load_state(passage.known.load)
        seconds = (passage.last_seen - passage.first_seen).total_seconds()
        return self._reporter.event(
            step,
            passage,
            at,
            kind=FINDINGS.get(state, FindingKind.MUCK_TRUCK_OVERLOAD),
            measures={
                "passage_s": (seconds, "s"),
                "state_share": (state_share, "1"),
                "class_share": (passage.known.share, "1"),
                "looks": (passage.known.looks, "1"),
            },
            attributes={"direction": self._direction_of(passage), "load_state": state},
            thresholds=thresholds_of(
                self._zone,
                class_share=VOTE_SHARE,
                state_share=STATE_SHARE,
                moved_sizes=MOVED_SIZES,
                looks=LEAST_LOOKS,
                looks_s=LEAST_LOOKS_S,
            ),
            quality=quality,
        )


def _size(box: Box) -> float:
    return max(boxes.width(box), boxes.height(box))


def _votes_since(before: Mapping[str, float], votes: Mapping[str, float]) -> dict[str, float]:
    return {name: vote - before.get(name, 0.0) for name, vote in votes.items()}


def _share_since(before: Mapping[str, float], track: Track) -> float:
    """Share of the class votes since a track entered that are for a muck truck.

    At the gate it is seen best. Far away one looks like any other vehicle, and what was said of
    the track before may have been of another that it was lost to.
    """
    since = _votes_since(before, track.class_votes)
    return since.get(MUCK_TRUCK, 0.0) / sum(since.values())


def load_state(votes: Mapping[str, float]) -> tuple[str, float]:
    """Say how a load lies by the votes of all frames.

    Frames that do not show the load only count where hardly any other does.

    Args:
        votes: Sum of weighted probabilities by state.

    Returns:
        The state, ``not_visible``, or ``uncertain`` where no state has enough of the votes; and
        its share of the votes that count, 0 to 1.
    """
    total = sum(votes.values())
    seen = {state: vote for state, vote in votes.items() if state != NOT_VISIBLE}
    seen_total = sum(seen.values())
    if total <= 0 or seen_total < SEEN_SHARE * total:
        return NOT_VISIBLE, 1.0
    state = max(seen, key=lambda name: seen[name])
    share = seen[state] / seen_total
    return (state if share >= STATE_SHARE else UNCERTAIN), share
