"""Illegal parking: a vehicle that stands in a no-parking zone for as long as its dwell.

A vehicle that waits is not parked. While at least two others stand close by that came at about the
same time or later, it may be one of a queue, and the verdict waits: until the queue has moved on
and it has not, or until it has stood for twice its dwell. On a pavement nobody queues, so there the
verdict never waits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter

from vision.camera import boxes
from vision.camera.config import Zone
from vision.camera.events import VEHICLES, RuleEvent, Step
from vision.camera.rules.candidates import (
    LEAST_SIGHTINGS,
    Candidate,
    Cooldowns,
    Reporter,
    Standing,
    key_of,
    standing_in,
    thresholds_of,
)
from vision.camera.tracks import GAP_S, Track
from vision.camera.zones import Tick, next_tick, stands_in
from vision.finding import FindingKind

VERSION = "1"
PAVEMENT = "sidewalk"
"""The jurisdiction in which nobody waits in a queue."""
QUEUE_OTHERS = 2
"""Others that have to stand close by for a queue."""
QUEUE_LENGTHS = 3.0
"""Own sizes within which another is close by."""
QUEUE_ARRIVAL_SHARE = 0.4
"""Of the dwell: who came this much earlier, at most, came at about the same time."""
CLEAR_SHARE, LEAST_CLEAR_S, MOST_CLEAR_S = 0.1, 10.0, 30.0
"""Share of the dwell, within these seconds, that a verdict waits after a queue: its cars start one
after the other, some two seconds apart."""
HOLD_DWELLS = 2.0
"""Dwells after which the verdict waits no longer."""
CONGESTION_FACTOR = 0.6
"""What is left of the score when the queue was still there."""
SAME_SIMILARITY = 0.7


@dataclass(slots=True)
class _Parked(Candidate):
    """A vehicle that stands.

    Attributes:
        number: Of its track.
        stand: Which of the track's places.
        held_s: Seconds that the verdict waited.
        moved_share: See `Track`.
        neighbours: Place in the count of its stands, by number, of each that stood close by.
        moved_on: How many of those went on while this one stayed.
        calm_s: Seconds since a queue was last around; None if there was none.
        congested: Whether the verdict was given with the queue still there.
    """

    number: int = 0
    stand: int = 0
    held_s: float = 0.0
    moved_share: float = 0.0
    neighbours: dict[int, int] = field(default_factory=dict)
    moved_on: int = 0
    calm_s: float | None = None
    congested: bool = False


@dataclass(slots=True)
class _Memory:
    tick: Tick | None = None
    parked: list[_Parked] = field(default_factory=list)
    cooldowns: Cooldowns = field(default_factory=Cooldowns)
    not_before: dict[int, datetime] = field(default_factory=dict)
    """By number of the track: it was judged until then, what follows counts anew."""


_MEMORY = TypeAdapter(_Memory)


class ParkingRule:
    """Illegal parking in one zone.

    The score is the mean of the detector's, less up to 30 % for the share of the dwell in which
    nothing was known of the vehicle, and a tenth up as the dwell doubles.
    """

    def __init__(self, zone: Zone, tz: ZoneInfo) -> None:
        """Watch a zone of the kind no_parking, by the clock of its place."""
        self._zone = zone
        self._tz = tz
        self._reporter = Reporter(zone, FindingKind.ILLEGAL_PARKING.value, VERSION)
        self._memory = _Memory()

    def advance(self, at: datetime, tracks: Sequence[Track]) -> list[RuleEvent]:
        """Take in the tracks of one frame."""
        memory = self._memory
        tick = next_tick(self._zone, self._tz, memory.tick, at)
        if tick is None:
            return []
        memory.tick = tick
        memory.cooldowns.pass_time(tick.elapsed_s)
        by_number = {track.number: track for track in tracks}
        memory.not_before = {
            number: when + tick.set_by
            for number, when in memory.not_before.items()
            if number in by_number
        }
        events = []
        for parked in list(memory.parked):
            parked.shift(tick)
            events += self._continue(parked, by_number, tick)
        watched = {parked.number for parked in memory.parked}
        for track in tracks:
            if track.number not in watched and track.standing and self._concerns(track, tick):
                events += self._begin(track, by_number, tick)
        return events

    def finish(self, at: datetime) -> list[RuleEvent]:
        """End everything: the source has ended."""
        parked, self._memory.parked = self._memory.parked, []
        return [self._event(Step.ENDED if one.fired else Step.DROPPED, one, at) for one in parked]

    def keys(self) -> frozenset[str]:
        """Names of what has begun and not ended."""
        return frozenset(parked.key for parked in self._memory.parked)

    def standing(self) -> tuple[Standing, ...]:
        """What stands in the zone now, and for how long."""
        return standing_in(self._zone, self._memory.parked)

    def state(self) -> dict[str, Any]:
        """Return what has to outlive a restart, fit for JSON."""
        return dict(_MEMORY.dump_python(self._memory, mode="json"))

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` returned; raises ValueError if it is not that."""
        self._memory = _MEMORY.validate_python(state)

    def _concerns(self, track: Track, tick: Tick, *, was_in: bool = False) -> bool:
        return (
            tick.active
            and track.name in VEHICLES
            and track.there
            and stands_in(self._zone, track.footing_xyxy, was_in=was_in)
        )

    def _begin(self, track: Track, by_number: Mapping[int, Track], tick: Tick) -> list[RuleEvent]:
        memory = self._memory
        if memory.cooldowns.hold(track, SAME_SIMILARITY):
            memory.not_before[track.number] = tick.at
            return []
        assert track.standing_since is not None and tick.open_since is not None  # noqa: S101
        since = max(track.standing_since, tick.open_since)
        since = max(since, memory.not_before.get(track.number, since))
        parked = _Parked(
            key=key_of(self._zone, self._reporter.name, since, track.anchor_xyxy, self.keys()),
            first_seen=since,
            last_seen=track.last_seen,
            box_xyxy=track.box_xyxy,
            name=track.name,
            score=track.score,
            descriptor=track.descriptor,
            dwell_s=(tick.at - since).total_seconds(),
            number=track.number,
            stand=track.stand,
        )
        memory.parked.append(parked)
        self._look_around(parked, track, by_number, tick)
        return [self._event(Step.BEGAN, parked, tick.at)]

    def _continue(
        self, parked: _Parked, by_number: Mapping[int, Track], tick: Tick
    ) -> list[RuleEvent]:
        track = by_number.get(parked.number)
        parked.known_s += tick.elapsed_s
        if track is None or (track.stand != parked.stand and not parked.fired):
            return self._end(parked, track, tick)
        if self._concerns(track, tick, was_in=True):
            parked.stay(tick)
            if not track.sure or tick.elapsed_s > GAP_S:
                parked.unseen_s += tick.active_s
        else:
            parked.miss(tick)
            if parked.gone(self._zone.grace_s):
                return self._end(parked, track, tick)
            return []
        parked.last_seen, parked.box_xyxy = track.last_seen, track.box_xyxy
        parked.name, parked.descriptor = track.name, track.descriptor
        parked.moved_share = max(parked.moved_share, track.moved_share)
        if not parked.fired:
            self._look_around(parked, track, by_number, tick)
            parked.fired = self._is_broken(parked, track, tick)
            if parked.fired:
                parked.score = self._score(parked, track)
                return [self._event(Step.FIRED, parked, tick.at)]
        parked.score = self._score(parked, track)
        return []

    def _end(self, parked: _Parked, track: Track | None, tick: Tick) -> list[RuleEvent]:
        memory = self._memory
        memory.parked.remove(parked)
        if track is not None and track.stand == parked.stand:
            memory.not_before[track.number] = tick.at
        if not parked.fired:
            return [self._event(Step.DROPPED, parked, tick.at)]
        memory.cooldowns.add(parked.box_xyxy, parked.descriptor, self._zone.cooldown_s)
        return [self._event(Step.ENDED, parked, tick.at)]

    def _is_broken(self, parked: _Parked, track: Track, tick: Tick) -> bool:
        """Whether the verdict is due: long enough, shown by two pictures so far apart, no queue."""
        dwell_s = self._zone.dwell_of(parked.name)
        long_enough = parked.dwell_s >= dwell_s and parked.known_s >= dwell_s
        # The verdict needs a picture of it: it waits while the vehicle is hidden.
        if not (long_enough and track.seen and track.anchor_sightings >= LEAST_SIGHTINGS):
            return False
        clear_s = min(max(CLEAR_SHARE * dwell_s, LEAST_CLEAR_S), MOST_CLEAR_S)
        if parked.calm_s is None or parked.calm_s >= clear_s:
            return True
        if parked.dwell_s >= HOLD_DWELLS * dwell_s:
            parked.congested = parked.calm_s == 0
            return True
        parked.held_s += tick.active_s
        return False

    def _look_around(
        self, parked: _Parked, track: Track, by_number: Mapping[int, Track], tick: Tick
    ) -> None:
        """Note who stands close by, who has gone on, and whether that makes a queue."""
        if self._zone.jurisdiction == PAVEMENT:
            return
        for number, stand in list(parked.neighbours.items()):
            other = by_number.get(number)
            if other is None or other.stand != stand:
                del parked.neighbours[number]
                parked.moved_on += 1
        earlier = timedelta(seconds=QUEUE_ARRIVAL_SHARE * self._zone.dwell_of(track.name))
        close = [
            other
            for other in by_number.values()
            if other.number != track.number
            and other.name in VEHICLES
            and other.there
            and other.anchor_sightings >= LEAST_SIGHTINGS
            and other.standing_since is not None
            and track.standing_since is not None
            and other.standing_since >= track.standing_since - earlier
            and _close(track, other)
        ]
        parked.neighbours.update({other.number: other.stand for other in close})
        # A queue that has moved on without this one, and formed again, is not its queue.
        passed = parked.moved_on >= max(QUEUE_OTHERS, len(close))
        if len(close) >= QUEUE_OTHERS and not passed:
            parked.calm_s = 0.0
        elif parked.calm_s is not None:
            parked.calm_s += tick.elapsed_s

    def _score(self, parked: _Parked, track: Track) -> float:
        unseen_share = min(parked.unseen_s / max(parked.dwell_s, 1.0), 1.0)
        beyond = min(parked.dwell_s / self._zone.dwell_of(parked.name) - 1, 1.0)
        score = track.score * (1 - 0.3 * unseen_share) * (1 + 0.1 * max(beyond, 0.0))
        return score * (CONGESTION_FACTOR if parked.congested else 1.0)

    def _event(self, step: Step, parked: _Parked, at: datetime) -> RuleEvent:
        dwell_s = self._zone.dwell_of(parked.name)
        return self._reporter.event(
            step,
            parked,
            at,
            kind=FindingKind.ILLEGAL_PARKING,
            measures={
                "dwell_s": (parked.dwell_s, "s"),
                "unseen_s": (parked.unseen_s, "s"),
                "held_s": (parked.held_s, "s"),
                "moved_share": (parked.moved_share, "1"),
            },
            attributes={"congestion": "possible"} if parked.congested else {},
            thresholds=thresholds_of(
                self._zone,
                dwell_s=dwell_s,
                hold_s=0.0 if self._zone.jurisdiction == PAVEMENT else (HOLD_DWELLS - 1) * dwell_s,
                queue_others=float(QUEUE_OTHERS),
            ),
        )


def _close(track: Track, other: Track) -> bool:
    """Whether two vehicles stand within a few own sizes of each other."""
    a, b = track.anchor_xyxy, other.anchor_xyxy
    (ax, ay), (bx, by) = boxes.ground_point(a), boxes.ground_point(b)
    across = abs(ax - bx) / ((boxes.width(a) + boxes.width(b)) / 2)
    down = abs(ay - by) / ((boxes.height(a) + boxes.height(b)) / 2)
    return max(across, down) <= QUEUE_LENGTHS
