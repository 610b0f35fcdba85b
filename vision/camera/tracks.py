"""One thing over time: where it is, since when it stands there, what it was taken for."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from statistics import median
from typing import Annotated

import numpy as np
from pydantic import PlainSerializer, PlainValidator

from vision.camera import boxes
from vision.camera.events import VEHICLES, Box, Descriptor, Observation

CLOCK_TOLERANCE_S = 5.0
"""A frame older than the latest by no more is late or doubled, and is left out; by more, the clock
was set back."""
GAP_S = 60.0
"""Seconds without a frame from which they are a gap and no slow sampling."""
MOVE_SHARE = 0.3
"""Own sizes away from its anchor at which a thing has moved; detectors' boxes wander by a tenth."""
LEAVE_S, LEFT_SHARE = 1.5, 1.0
"""Seconds, or own sizes, off its anchor before what stood is said to have left it. Of a parked car
that another passes closely, detectors see parts, or the other one, for about a second."""
RECENT = 3
"""Sightings whose median is taken for the place: one box that is off moves nothing."""
REST_SHARE = 0.1
"""Own sizes around its resting place within which a thing is not on its way any more: a car that
brakes for its last third of a length takes more than a second for it."""
SETTLE_S, VEHICLE_SETTLES_S = 3.0, 2.0
"""Seconds at one place, and two sightings, after which a thing is said to stand. At a red light the
next car is there two to three seconds later, and may hide the one before."""
PATH_POINTS = 24
PATH_STEP_S = 1.0
PATH_STEP_SHARE = 0.1
SLOW_UPDATE = 0.15
"""Weight of a new look in what is remembered: dusk is followed, a passer-by is not."""
SCORE_MEMORY = 50
"""Sightings over which the mean score runs at most."""


class Presence(StrEnum):
    """What is known of a track in the latest frame."""

    SEEN = "seen"
    UNCHANGED = "unchanged"
    """Not detected, but its place looks as it did."""
    HIDDEN = "hidden"
    """Something else stands or passes before its place."""
    ABSENT = "absent"


def _pack(descriptor: Descriptor) -> str:
    return base64.b64encode(descriptor.astype("<f2").tobytes()).decode()


def _unpack(value: object) -> Descriptor:
    if isinstance(value, np.ndarray):
        return value
    return np.frombuffer(base64.b64decode(str(value)), "<f2").astype(np.float32)


StoredDescriptor = Annotated[
    Descriptor, PlainValidator(_unpack), PlainSerializer(_pack, when_used="json")
]


def blend(old: Descriptor, new: Descriptor, share: float) -> Descriptor:
    """Move a descriptor towards another, in half precision, so that storing it changes nothing."""
    mixed = (1 - share) * old + share * new
    mixed /= max(float(np.linalg.norm(mixed)), 1e-6)
    return np.asarray(mixed.astype(np.float16), np.float32)


@dataclass(frozen=True, eq=False, slots=True)
class Track:
    """One thing over time. A track never changes; each frame makes a new one of the same number.

    Attributes:
        number: Unique in the camera.
        name: The class most of the votes are for.
        score: Mean of the detector's scores, 0 to 1.
        sightings: How often it was detected.
        box_xyxy: Where it was last detected.
        descriptor: What it looks like, following slowly.
        first_seen: When it was first detected.
        last_seen: When it was last detected, or its place last looked unchanged.
        presence: What is known of it in the latest frame.
        anchor_xyxy: Where it stands, or was when it last moved.
        anchor_since: Since when it has been there.
        anchor_sightings: How often it was detected there.
        place: What the anchor looks like with it.
        looked_at: When the anchor was last compared with `place`.
        standing_since: `anchor_since` once it is known to stand; None while it moves.
        stand: Counts its places: a higher number says that it has moved since.
        moved_share: Own sizes that it was off its anchor at most, never more than a jitter.
        off_since: Since when a standing thing is seen off its anchor; None while it is not.
        unseen_s: Of the time at its anchor, seconds in which nothing was known of it: hidden,
            absent, or no frames at all.
        undetected_s: Seconds since it was last detected, gaps in the frames left out.
        absent_s: Since it was last seen, seconds after the first look that found it absent.
        hidden_s: The same for hidden.
        empty_looks: Since it was last seen, how many looks found its place looking otherwise and
            nothing before it.
        empty_s: Seconds over which they did.
        recent: Time and box of the latest sightings, oldest first.
        path: Time and ground point, oldest first, thinned.
        class_votes: Sum of scores by class name.
        earlier_votes: The same before its latest sighting.
        load_votes: Sum of probabilities by load state, weighted by how well it was seen.
        load_sightings: How many sightings voted on the load.
        load_first, load_last: When the first and the latest of them did; None before.
    """

    number: int
    name: str
    score: float
    sightings: int
    box_xyxy: Box
    descriptor: StoredDescriptor
    first_seen: datetime
    last_seen: datetime
    presence: Presence
    anchor_xyxy: Box
    anchor_since: datetime
    anchor_sightings: int
    place: StoredDescriptor
    looked_at: datetime
    standing_since: datetime | None = None
    stand: int = 0
    moved_share: float = 0.0
    off_since: datetime | None = None
    unseen_s: float = 0.0
    undetected_s: float = 0.0
    absent_s: float = 0.0
    hidden_s: float = 0.0
    empty_looks: int = 0
    empty_s: float = 0.0
    recent: tuple[tuple[datetime, Box], ...] = ()
    path: tuple[tuple[datetime, tuple[float, float]], ...] = ()
    class_votes: Mapping[str, float] = field(default_factory=dict)
    earlier_votes: Mapping[str, float] = field(default_factory=dict)
    load_votes: Mapping[str, float] = field(default_factory=dict)
    load_sightings: int = 0
    load_first: datetime | None = None
    load_last: datetime | None = None

    @property
    def seen(self) -> bool:
        """Whether it was detected in the latest frame."""
        return self.presence is Presence.SEEN

    @property
    def sure(self) -> bool:
        """Whether the latest frame shows it: detected, or its place looks unchanged."""
        return self.presence in (Presence.SEEN, Presence.UNCHANGED)

    @property
    def there(self) -> bool:
        """Whether it is taken to be there still: all but absent."""
        return self.presence is not Presence.ABSENT

    @property
    def standing(self) -> bool:
        """Whether it is known to stand."""
        return self.standing_since is not None

    @property
    def driving(self) -> bool:
        """Whether it was seen to move and not to stand since."""
        return self.stand > 0 and not self.standing

    @property
    def footing_xyxy(self) -> Box:
        """The box that says where it is: the anchor, which does not jitter, while it stands."""
        return self.anchor_xyxy if self.standing else self.box_xyxy

    @property
    def load_s(self) -> float:
        """Seconds from the first to the latest sighting that voted on the load."""
        if self.load_first is None or self.load_last is None:
            return 0.0
        return (self.load_last - self.load_first).total_seconds()


def begin(number: int, observation: Observation, at: datetime) -> Track:
    """Return the track of something new."""
    descriptor = blend(observation.descriptor, observation.descriptor, 1.0)
    return Track(
        number=number,
        name=observation.name,
        score=observation.score,
        sightings=1,
        box_xyxy=observation.box_xyxy,
        descriptor=descriptor,
        first_seen=at,
        last_seen=at,
        presence=Presence.SEEN,
        anchor_xyxy=observation.box_xyxy,
        anchor_since=at,
        anchor_sightings=1,
        place=descriptor,
        looked_at=at,
        recent=((at, observation.box_xyxy),),
        path=((at, boxes.ground_point(observation.box_xyxy)),),
        class_votes=_with_class({}, observation),
        load_votes=_with_load({}, observation),
        load_sightings=int(bool(observation.load)),
        load_first=at if observation.load else None,
        load_last=at if observation.load else None,
    )


def sighted(
    track: Track,
    observation: Observation,
    at: datetime,
    *,
    gap_s: float,
    doubles: Sequence[Observation] = (),
) -> Track:
    """Return the track after it was detected again.

    Args:
        track: Before.
        observation: Of it.
        at: Time of the frame.
        gap_s: Seconds of a gap in the frames before this one; 0 for none.
        doubles: What the detector said of the same thing beside that: other classes, mostly.
    """
    recent = (*track.recent, (at, observation.box_xyxy))[-RECENT:]
    now = boxes.middle([box for _, box in recent])
    votes = track.class_votes
    for said in (observation, *doubles):
        votes = _with_class(votes, said)
    loaded = next((said for said in (observation, *doubles) if said.load), observation)
    weight = min(track.sightings, SCORE_MEMORY)
    track = replace(
        track,
        name=max(votes, key=lambda name: votes[name]),
        score=track.score + (observation.score - track.score) / (weight + 1),
        sightings=track.sightings + 1,
        box_xyxy=observation.box_xyxy,
        descriptor=blend(track.descriptor, observation.descriptor, SLOW_UPDATE),
        last_seen=at,
        presence=Presence.SEEN,
        unseen_s=track.unseen_s + gap_s,
        undetected_s=0.0,
        absent_s=0.0,
        hidden_s=0.0,
        empty_looks=0,
        empty_s=0.0,
        recent=recent,
        path=_with_point(track, at, observation.box_xyxy),
        class_votes=votes,
        earlier_votes=track.class_votes,
        load_votes=_with_load(track.load_votes, loaded),
        load_sightings=track.load_sightings + bool(loaded.load),
        load_first=track.load_first or (at if loaded.load else None),
        load_last=at if loaded.load else track.load_last,
    )
    moved = boxes.displacement(track.anchor_xyxy, now)
    if moved <= MOVE_SHARE:
        return replace(
            track,
            anchor_sightings=track.anchor_sightings + 1,
            moved_share=max(track.moved_share, moved) if track.standing else 0.0,
            off_since=None,
        )
    off_since = track.off_since or at
    if track.standing and moved < LEFT_SHARE and (at - off_since).total_seconds() < LEAVE_S:
        return replace(track, off_since=off_since)
    return _moved(track, observation)


def _moved(track: Track, observation: Observation) -> Track:
    """Anchor it anew, from the earliest of the latest sightings that are at the new place."""
    here = [
        (when, box)
        for when, box in track.recent
        if boxes.displacement(box, observation.box_xyxy) <= MOVE_SHARE
    ]
    return replace(
        track,
        anchor_xyxy=observation.box_xyxy,
        anchor_since=here[0][0],
        anchor_sightings=len(here),
        place=blend(observation.descriptor, observation.descriptor, 1.0),
        looked_at=track.last_seen,
        standing_since=None,
        stand=track.stand + 1,
        moved_share=0.0,
        off_since=None,
        unseen_s=0.0,
    )


def settled(track: Track, place: Descriptor | None) -> Track:
    """Return the track once it stands: its anchor is where it came to rest.

    Args:
        track: One for which :func:`ready_to_settle` holds.
        place: What the resting place looks like; none keeps what is remembered.
    """
    rest = resting_place(track)
    return replace(
        track,
        anchor_xyxy=rest,
        standing_since=_rested_since(track, rest),
        place=track.place if place is None else blend(place, place, 1.0),
        looked_at=track.last_seen,
    )


def absorbed(track: Track, other: Track) -> Track:
    """Return a standing track that takes over what another one, of the same thing, had seen.

    Args:
        track: The older.
        other: The one that is no longer needed.
    """
    stood_s = (other.last_seen - other.first_seen).total_seconds() - other.unseen_s
    votes = votes_of_both(track.class_votes, other.class_votes)
    return replace(
        track,
        name=max(votes, key=lambda name: votes[name]),
        class_votes=votes,
        earlier_votes=votes_of_both(track.earlier_votes, other.class_votes),
        sightings=track.sightings + other.sightings,
        anchor_sightings=track.anchor_sightings + other.anchor_sightings,
        unseen_s=max(0.0, track.unseen_s - max(0.0, stood_s)),
    )


def votes_of_both(votes: Mapping[str, float], more: Mapping[str, float]) -> dict[str, float]:
    """Return the sums of two counts of votes, by what was voted for."""
    return {name: votes.get(name, 0.0) + more.get(name, 0.0) for name in {**votes, **more}}


def resting_place(track: Track) -> Box:
    """Return the median of the latest sightings that are near the anchor."""
    near = [
        box for _, box in track.recent if boxes.displacement(track.anchor_xyxy, box) <= MOVE_SHARE
    ]
    return boxes.middle(near or [track.anchor_xyxy])


def _rested_since(track: Track, rest: Box) -> datetime:
    """Return when it came to its resting place, from medians of three points: boxes wander.

    What was never seen to move stood there from the first sight on.
    """
    if not track.stand:
        return track.anchor_since
    x, y = boxes.ground_point(rest)
    size = boxes.width(rest), boxes.height(rest)
    here = [(at, point) for at, point in track.path if at >= track.anchor_since]
    since = track.last_seen
    for number in range(len(here) - 1, -1, -1):
        points = [point for _, point in here[max(0, number - 1) : number + 2]]
        off = abs(median(p[0] for p in points) - x), abs(median(p[1] for p in points) - y)
        if off[0] > REST_SHARE * size[0] or off[1] > REST_SHARE * size[1]:
            break
        since = here[number][0]
    return since


def ready_to_settle(track: Track) -> bool:
    """Whether something that did not stand has been at one place long enough to say it does."""
    stayed_s = (track.last_seen - track.anchor_since).total_seconds()
    least_s = VEHICLE_SETTLES_S if track.name in VEHICLES else SETTLE_S
    return not track.standing and track.anchor_sightings >= 2 and stayed_s >= least_s


def _with_point(
    track: Track, at: datetime, box: Box
) -> tuple[tuple[datetime, tuple[float, float]], ...]:
    """Add a ground point; the latest is always kept, those before it are thinned."""
    point = boxes.ground_point(box)
    path = track.path
    if len(path) > 1:
        (before_at, before), (last_at, last) = path[-2:]
        near = abs(last[0] - before[0]) < PATH_STEP_SHARE * boxes.width(box) and abs(
            last[1] - before[1]
        ) < PATH_STEP_SHARE * boxes.height(box)
        if near and (last_at - before_at).total_seconds() < PATH_STEP_S:
            path = path[:-1]
    return (*path, (at, point))[-PATH_POINTS:]


def _with_class(votes: Mapping[str, float], observation: Observation) -> Mapping[str, float]:
    return {**votes, observation.name: votes.get(observation.name, 0.0) + observation.score}


def _with_load(votes: Mapping[str, float], observation: Observation) -> Mapping[str, float]:
    if not observation.load:
        return votes
    weight = view_quality(observation.box_xyxy) * observation.score
    return {
        state: votes.get(state, 0.0) + weight * observation.load.get(state, 0.0)
        for state in {**votes, **observation.load}
    }


def view_quality(box: Box) -> float:
    """How well a thing can be seen: its height, halved where the frame cuts it. 0 to 1."""
    return min(1.0, boxes.height(box)) * (0.5 if any(boxes.cut_sides(box)) else 1.0)


def heads_out(track: Track) -> bool:
    """Whether what moves was last seen on its way out of the frame, cut by the side it went for."""
    if track.standing or len(track.recent) < 2:
        return False
    (_, before), (_, last) = track.recent[-2:]
    right = last[0] + last[2] - before[0] - before[2]
    down = last[1] + last[3] - before[1] - before[3]
    outward = (right < 0, down < 0, right > 0, down > 0)
    return any(cut and out for cut, out in zip(boxes.cut_sides(last), outward, strict=True))


def shifted(track: Track, by: timedelta) -> Track:
    """Return the track as told by a clock that was set by so much."""
    return replace(
        track,
        first_seen=track.first_seen + by,
        last_seen=track.last_seen + by,
        anchor_since=track.anchor_since + by,
        looked_at=track.looked_at + by,
        standing_since=track.standing_since and track.standing_since + by,
        off_since=track.off_since and track.off_since + by,
        load_first=track.load_first and track.load_first + by,
        load_last=track.load_last and track.load_last + by,
        recent=tuple((at + by, box) for at, box in track.recent),
        path=tuple((at + by, point) for at, point in track.path),
    )
