"""Who is who over time, on frames that may be a fifth of a second or half a minute apart.

Video trackers assume many frames a second. Here a thing that stands is known by its place and by
what the place looks like, so that it is found again after a missed detection, behind a passing bus
and after an outage, and so that another one in its place is not taken for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from vision.camera import boxes
from vision.camera.config import Camera
from vision.camera.events import VEHICLES, VENDING, Observation
from vision.camera.glance import DOUBLED_IOU, Glance, Look, is_part
from vision.camera.matching import SAME_BOX_IOU, group_of
from vision.camera.tracks import (
    CLOCK_TOLERANCE_S,
    GAP_S,
    Presence,
    Track,
    absorbed,
    begin,
    heads_out,
    shifted,
)

START_SCORES: Mapping[str, float] = {"stall": 0.2, "cart": 0.2}
"""Least scores that start a track of a class, where they are not `start_score`: goods laid out are
seldom seen more surely, and what a rule makes of them has to stay for minutes."""
EMPTY_LOOKS, EMPTY_S = 2, 5.0
"""A place is left when so many looks, over so many seconds, find it so and none finds it held."""
SAME_PLACE_IOU = 0.4
BEFORE_HEIGHTS = 0.3
"""Own heights by which something nearer stands before a thing, and not in its place."""
MERGED_SHARE = 0.7


@dataclass(frozen=True)
class AssociationOptions:
    """How tracks begin and end.

    Attributes:
        start_score: Least score that starts a track, but for `START_SCORES`; less only continues
            one.
        absence_s: Seconds after which what stood and is absent is given up.
        lost_s: The same for what was moving.
        out_s: Seconds unseen after which a vehicle that was driving out of the frame is out: what
            comes in at the same place is another.
        max_outage_s: Gap without frames, or time hidden, over which a standing thing is kept.
        undetected_s: Seconds over which the look of a place alone keeps what was there. Without
            a limit, one false detection on a wall would stand there for ever.
        replaced_s: Seconds over which a standing thing is kept in mind though another is taken to
            stand in its place since: it may be the same, in another light or half behind somebody.
    """

    start_score: float = 0.3
    absence_s: float = 60.0
    lost_s: float = 5.0
    out_s: float = 0.7
    max_outage_s: float = 900.0
    undetected_s: float = 300.0
    replaced_s: float = 30.0

    @classmethod
    def for_camera(cls, camera: Camera) -> AssociationOptions:
        """Keep what is absent at least as long as the most patient zone asks."""
        default = cls()
        grace_s = max(zone.grace_s for zone in camera.zones)
        return replace(default, absence_s=max(default.absence_s, grace_s), replaced_s=grace_s)


_TRACKS = TypeAdapter(list[Track])
_TIME = TypeAdapter(datetime | None)


class Association:
    """The tracks of one camera."""

    def __init__(self, options: AssociationOptions | None = None) -> None:
        """Begin with nothing known."""
        self.options = options or AssociationOptions()
        self._tracks: tuple[Track, ...] = ()
        self._next_number = 1
        self._last_at: datetime | None = None

    @property
    def tracks(self) -> tuple[Track, ...]:
        """What is known after the latest frame."""
        return self._tracks

    def advance(
        self, at: datetime, observations: Sequence[Observation], look: Look | None = None
    ) -> tuple[Track, ...]:
        """Take in one frame.

        A frame that is late or doubled changes nothing. When the clock was set back, all times move
        with it, so that durations stay. After a gap over `max_outage_s`, everything starts anew.

        Args:
            at: Time of the frame, aware.
            observations: What the detector saw in it, of all scores.
            look: Describes a part of this frame; without it, what is not detected is only taken to
                be there while something hides its place.

        Returns:
            All tracks: those seen, and those not given up yet.
        """
        at = at.astimezone(UTC)
        elapsed_s = 0.0 if self._last_at is None else (at - self._last_at).total_seconds()
        if self._last_at is not None and -CLOCK_TOLERANCE_S <= elapsed_s <= 0:
            return self._tracks
        if elapsed_s < 0:
            by = timedelta(seconds=elapsed_s)
            self._tracks = tuple(shifted(track, by) for track in self._tracks)
            elapsed_s = 0.0
        gap_s = elapsed_s if elapsed_s > GAP_S else 0.0
        known = self._tracks
        if gap_s > self.options.max_outage_s:
            known = ()
        elif gap_s:
            known = tuple(track for track in known if track.standing)
        known = tuple(track for track in known if not self._has_driven_out(track, at))
        frame = Glance(at, elapsed_s, gap_s, observations, look and cache(look))
        self._tracks = self._associated(known, frame)
        self._last_at = at
        return self._tracks

    def state(self) -> dict[str, Any]:
        """Return everything that has to outlive a restart, fit for JSON."""
        return {
            "tracks": _TRACKS.dump_python(list(self._tracks), mode="json"),
            "next_number": self._next_number,
            "last_at": _TIME.dump_python(self._last_at, mode="json"),
        }

    @classmethod
    def restore(
        cls, state: Mapping[str, Any], options: AssociationOptions | None = None
    ) -> Association:
        """Go on from what :meth:`state` returned.

        Raises:
            ValueError: The state is not one.
        """
        association = cls(options)
        association._tracks = tuple(_TRACKS.validate_python(state["tracks"]))
        association._next_number = int(state["next_number"])
        association._last_at = _TIME.validate_python(state["last_at"])
        return association

    def _associated(self, known: Sequence[Track], frame: Glance) -> tuple[Track, ...]:
        matches = frame.matches(known)
        users = {column: known[row] for row, column in matches.items()}
        tracks = [
            frame.seen(track, matches[row], users)
            if row in matches
            else frame.unseen(track, users, known)
            for row, track in enumerate(known)
        ]
        tracks = [frame.settle(track) for track in tracks]
        tracks = [
            replace(track, presence=Presence.ABSENT) if _replaced(track, tracks) else track
            for track in _without_interludes(known, tracks)
        ]
        tracks += self._newcomers(frame, tracks, users)
        replaced_s = self.options.replaced_s
        return tuple(
            track
            for track in tracks
            if track.seen
            or not (
                self._given_up(track)
                or (_replaced(track, tracks) and _unsure_s(track) > replaced_s)
            )
        )

    def _newcomers(
        self, frame: Glance, tracks: Sequence[Track], users: Mapping[int, Track]
    ) -> list[Track]:
        new = []
        for column, observation in enumerate(frame.observations):
            least = START_SCORES.get(observation.name, self.options.start_score)
            if column in users or observation.score < least:
                continue
            group = group_of(observation.name)
            doubled = any(
                group_of(track.name) == group
                and boxes.iou(frame.observations[other].box_xyxy, observation.box_xyxy)
                >= DOUBLED_IOU
                for other, track in users.items()
            )
            merged = sum(
                track.standing
                and track.there
                and group_of(track.name) == group
                and boxes.covered_share(track.anchor_xyxy, observation.box_xyxy) >= MERGED_SHARE
                for track in tracks
            )
            # What was hidden comes to light bit by bit.
            part = any(
                track.standing
                and not track.seen
                and group_of(track.name) == group
                and is_part(observation.box_xyxy, track.anchor_xyxy)
                for track in tracks
            )
            if doubled or part or merged >= 2:
                continue
            new.append(begin(self._next_number, observation, frame.at))
            self._next_number += 1
        return new

    def _has_driven_out(self, track: Track, at: datetime) -> bool:
        """Whether it was on its way out of the frame and has been looked for in vain since."""
        unseen_s = (at - track.last_seen).total_seconds()
        return (
            track.name in VEHICLES
            and not track.seen
            and unseen_s > self.options.out_s
            and heads_out(track)
        )

    def _given_up(self, track: Track) -> bool:
        patient = track.standing or track.name in VENDING
        absence_s = self.options.absence_s if patient else self.options.lost_s
        # Hidden no longer than it was seen standing: traffic hides the place of what drove on, too.
        stood_s = (track.last_seen - track.anchor_since).total_seconds()
        hidden_s = min(self.options.max_outage_s, max(absence_s, stood_s))
        return (
            track.absent_s > absence_s
            or track.hidden_s > hidden_s
            or track.undetected_s > self.options.undetected_s
            or (track.empty_looks >= EMPTY_LOOKS and track.empty_s >= EMPTY_S)
        )


def _replaced(track: Track, others: Sequence[Track]) -> bool:
    """Whether something else of its group has come to stand in its place since it was last seen."""
    return any(
        other.standing
        and other.anchor_since > track.last_seen
        and group_of(other.name) == group_of(track.name)
        and boxes.iou(other.anchor_xyxy, track.anchor_xyxy) >= SAME_PLACE_IOU
        and other.anchor_xyxy[3] - track.anchor_xyxy[3]
        <= BEFORE_HEIGHTS * boxes.height(track.anchor_xyxy)
        for other in others
        if other.number != track.number
    )


def _unsure_s(track: Track) -> float:
    return track.absent_s + track.hidden_s


def _without_interludes(before: Sequence[Track], after: Sequence[Track]) -> list[Track]:
    """Take back what was begun at the place of a standing thing while that was not recognised.

    When it is detected there again, it never left: what was first detected in between, where it
    stands, and is not detected beside it, was the same thing looking otherwise.

    Args:
        before: What was known before a frame.
        after: The same tracks after it, in the same order.
    """
    kept = list(after)
    for old, track in zip(before, after, strict=True):
        if not (track.seen and old.standing and track.stand == old.stand):
            continue
        detected = old.recent[-1][0]
        same = [
            other
            for other in kept
            if other.first_seen > detected
            and not other.seen
            and group_of(other.name) == group_of(track.name)
            and boxes.iou(other.footing_xyxy, track.anchor_xyxy) >= SAME_BOX_IOU
        ]
        for other in same:
            kept.remove(other)
            kept[kept.index(track)] = track = absorbed(track, other)
    return kept
