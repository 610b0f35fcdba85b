"""What the rules have in common: something watched from its beginning to its end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from vision.camera import boxes
from vision.camera.appearance import similarity
from vision.camera.config import Zone
from vision.camera.events import Box, RuleEvent, Step
from vision.camera.tracks import StoredDescriptor, Track
from vision.camera.zones import ENTER_SHARE, Tick
from vision.finding import FindingKind, Measure, RuleRef, stable_id

PLACE_STEPS = 100
"""Steps along the frame's sides in which the place goes into a key."""
COOLED_IOU = 0.3
LEAST_SIGHTINGS = 3
"""Detections at one place that a verdict needs: twice, a detector errs at the same bit of road."""


@dataclass(slots=True)
class Candidate:
    """Something that may become a finding. Belongs to its rule, which changes it.

    Attributes:
        key: Its name for good.
        first_seen: Since when it counts.
        last_seen: When it was last seen.
        box_xyxy: Where.
        name: Its class.
        score: How sure.
        descriptor: What it looks like.
        dwell_s: Seconds that count.
        pending_s: Seconds of an absence that will count if it ends within the grace gap.
        away_s: Seconds since it was first found away; None while it is there.
        known_s: Seconds since it was reported to have begun.
        unseen_s: Of its dwell, seconds in which it was not seen in its place.
        fired: Whether it is a finding.
    """

    key: str
    first_seen: datetime
    last_seen: datetime
    box_xyxy: Box
    name: str
    score: float
    descriptor: StoredDescriptor
    dwell_s: float = 0.0
    pending_s: float = 0.0
    away_s: float | None = None
    known_s: float = 0.0
    unseen_s: float = 0.0
    fired: bool = False

    def shift(self, tick: Tick) -> None:
        """Follow a clock that was set back."""
        self.first_seen += tick.set_by
        self.last_seen += tick.set_by

    def stay(self, tick: Tick) -> None:
        """Count a step in which it was there, and the absence that it ended."""
        self.dwell_s += tick.active_s + self.pending_s
        self.unseen_s += self.pending_s
        self.pending_s, self.away_s = 0.0, None

    def miss(self, tick: Tick) -> None:
        """Note a step in which it was not there; it counts only if it comes back in time."""
        self.pending_s += tick.active_s
        # When it left, before the first look that missed it, nobody saw.
        self.away_s = 0.0 if self.away_s is None else self.away_s + tick.elapsed_s

    def gone(self, grace_s: float) -> bool:
        """Whether it has been away for longer than the grace gap."""
        return self.away_s is not None and self.away_s > grace_s


@dataclass(frozen=True, slots=True)
class Standing:
    """Something that stands in a zone now, and for how long it may.

    Attributes:
        zone: Where.
        name: Its class.
        box_xyxy: Where in the frame.
        first_seen: Since when it counts.
        last_seen: When it was last seen.
        dwell_s: Seconds that count so far.
        allowed_s: Seconds from which it breaks the rule.
        fired: Whether it is a finding already.
    """

    zone: str
    name: str
    box_xyxy: Box
    first_seen: datetime
    last_seen: datetime
    dwell_s: float
    allowed_s: float
    fired: bool


def standing_in(zone: Zone, candidates: Iterable[Candidate]) -> tuple[Standing, ...]:
    """Return what a zone's rule watches now; a copy, which another thread may read."""
    return tuple(
        Standing(
            zone=zone.name,
            name=one.name,
            box_xyxy=one.box_xyxy,
            first_seen=one.first_seen,
            last_seen=one.last_seen,
            dwell_s=one.dwell_s,
            allowed_s=zone.dwell_of(one.name),
            fired=one.fired,
        )
        for one in tuple(candidates)
    )


@dataclass(slots=True)
class Cooled:
    """What had fired and ended a short time ago: the same again is no new finding."""

    box_xyxy: Box
    descriptor: StoredDescriptor
    left_s: float


@dataclass(slots=True)
class Cooldowns:
    """What had fired and ended a short time ago, in one zone."""

    entries: list[Cooled] = field(default_factory=list)

    def pass_time(self, elapsed_s: float) -> None:
        """Let time pass; what has cooled down is forgotten."""
        for entry in self.entries:
            entry.left_s -= elapsed_s
        self.entries = [entry for entry in self.entries if entry.left_s > 0]

    def add(self, box: Box, descriptor: StoredDescriptor, cooldown_s: float) -> None:
        """Remember what has just ended."""
        if cooldown_s > 0:
            self.entries.append(Cooled(box, descriptor, cooldown_s))

    def hold(self, track: Track, least_similarity: float) -> bool:
        """Whether a track is the same as something that ended, at the same place.

        Another thing at that place is never held: its event would be lost.
        """
        return any(
            boxes.iou(entry.box_xyxy, track.anchor_xyxy) >= COOLED_IOU
            and similarity(entry.descriptor, track.descriptor) >= least_similarity
            for entry in self.entries
        )


def key_of(zone: Zone, what: str, first_seen: datetime, box: Box, taken: Iterable[str]) -> str:
    """Return a candidate's name: of zone, rule, second and rough place, and of nothing else.

    Args:
        zone: Where.
        what: Name of the rule.
        first_seen: Since when it counts.
        box: Where it stands.
        taken: Names in use, for two that begin in one second at nearly one place.
    """
    second = first_seen.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    x, y = boxes.ground_point(box)
    place = f"{round(x * PLACE_STEPS)},{round(y * PLACE_STEPS)}"
    used = set(taken)
    number = 1
    while (key := stable_id(zone.name, what, second, place, *_nth(number))) in used:
        number += 1
    return key


def _nth(number: int) -> tuple[str, ...]:
    return () if number == 1 else (str(number),)


def thresholds_of(zone: Zone, **others: float | str) -> dict[str, float | str]:
    """Return the thresholds every zone has, and those of a rule."""
    thresholds: dict[str, float | str] = {
        "grace_s": zone.grace_s,
        "cooldown_s": zone.cooldown_s,
        "min_height": zone.min_height,
        "ground_share": ENTER_SHARE,
        **others,
    }
    if zone.active_hours:
        thresholds["active_hours"] = ", ".join(zone.active_hours)
    return thresholds


@dataclass(frozen=True)
class Reporter:
    """Words events for one rule in one zone.

    Attributes:
        zone: Where.
        name: Of the rule.
        version: Of the rule; raised when its answers change.
    """

    zone: Zone
    name: str
    version: str

    def event(
        self,
        step: Step,
        candidate: Candidate,
        at: datetime,
        *,
        kind: FindingKind,
        measures: Mapping[str, tuple[float, str]],
        attributes: Mapping[str, str],
        thresholds: Mapping[str, float | str],
        quality: float = 0.0,
    ) -> RuleEvent:
        """Return an event about a candidate as it is now.

        Args:
            step: What happened.
            candidate: To what.
            at: When.
            kind: Of the finding it is or may become.
            measures: Value and unit by name.
            attributes: Words about it.
            thresholds: All that applied.
            quality: Of a picture.
        """
        words = {"class": candidate.name, **attributes}
        if self.zone.jurisdiction is not None:
            words["jurisdiction"] = self.zone.jurisdiction
        return RuleEvent(
            step=step,
            key=candidate.key,
            kind=kind,
            zone=self.zone.name,
            at=at,
            box_xyxy=candidate.box_xyxy,
            first_seen=candidate.first_seen,
            last_seen=candidate.last_seen,
            score=min(max(candidate.score, 0.0), 1.0),
            measures={
                name: Measure(value=round(value, 3), unit=unit)
                for name, (value, unit) in measures.items()
            },
            attributes=words,
            rule=RuleRef(name=self.name, version=self.version, thresholds=dict(thresholds)),
            quality=quality,
        )
