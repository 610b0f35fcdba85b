"""Who is who over time, on frames that may be a fifth of a second or half a minute apart.

Video trackers assume many frames a second. Here a thing that stands is known by its place and by
what the place looks like, so that it is found again after a missed detection, behind a passing bus
and after an outage, and so that another one in its place is not taken for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from vision.camera import boxes
from vision.camera.appearance import similarity
from vision.camera.config import Camera
from vision.camera.events import VEHICLES, VENDING, Box, Descriptor, Observation
from vision.camera.matching import (
    FILM_S,
    LEAST_SIMILARITY,
    SAME_BOX_IOU,
    assign,
    group_of,
)
from vision.camera.tracks import (
    CLOCK_TOLERANCE_S,
    GAP_S,
    MOVE_SHARE,
    SLOW_UPDATE,
    Presence,
    Track,
    absorbed,
    begin,
    blend,
    ready_to_settle,
    resting_place,
    settled,
    shifted,
    sighted,
)

PLACE_SAME = 0.75
"""A place that looks this much alike holds the same thing. 74 real stills: the standing car never
below 0.82 from one to the next; other cars at one place, three of four times below 0.66."""
PLACE_EMPTY = 0.65
"""A place that looks less alike, with nothing larger before it, was left. The same stills: 19 of 20
places that were left are below 0.63."""
SURE_SIMILARITY = 0.8
"""A detection this much alike needs no second look at the place in fast sampling."""
LOOK_EVERY_S = 5.0
EMPTY_LOOKS, EMPTY_S = 2, 5.0
"""A place is left when so many looks, over so many seconds, find it so and none finds it held."""
EXCHANGE_S = 2.0
"""Seconds between two looks in which no vehicle drives off and another comes to stand there."""
COVERING_SHARE = 0.15
"""Share of an anchor from which something that came before it changes what the place looks like."""
HIDING_SHARE = 0.4
"""Share of an anchor that something else has to cover to hide what is there."""
SAME_PLACE_IOU = 0.4
TAKEN_IOU = SAME_BOX_IOU
DOUBLED_IOU = 0.6
MERGED_SHARE = 0.7
PART_SHARE = 0.85
PART_IOU = 0.7
"""What lies so much inside an anchor, and is so much smaller, is a part of the thing there."""


@dataclass(frozen=True)
class AssociationOptions:
    """How tracks begin and end.

    Attributes:
        start_score: Least score that starts a track; less only continues one.
        absence_s: Seconds after which what stood and is absent is given up.
        lost_s: The same for what was moving.
        max_outage_s: Gap without frames, or time hidden, over which a standing thing is kept.
        undetected_s: Seconds over which the look of a place alone keeps what was there. Without
            a limit, one false detection on a wall would stand there for ever.
        replaced_s: Seconds over which a standing thing is kept in mind though another is taken to
            stand in its place since: it may be the same, in another light or half behind somebody.
    """

    start_score: float = 0.3
    absence_s: float = 60.0
    lost_s: float = 5.0
    max_outage_s: float = 900.0
    undetected_s: float = 300.0
    replaced_s: float = 30.0

    @classmethod
    def for_camera(cls, camera: Camera) -> AssociationOptions:
        """Keep what is absent at least as long as the most patient zone asks."""
        default = cls()
        grace_s = max(zone.grace_s for zone in camera.zones)
        return replace(default, absence_s=max(default.absence_s, grace_s), replaced_s=grace_s)


Look = Callable[[Box], Descriptor]
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
        frame = _Frame(at, elapsed_s, gap_s, observations, look and cache(look))
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

    def _associated(self, known: Sequence[Track], frame: _Frame) -> tuple[Track, ...]:
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
        self, frame: _Frame, tracks: Sequence[Track], users: Mapping[int, Track]
    ) -> list[Track]:
        new = []
        for column, observation in enumerate(frame.observations):
            if column in users or observation.score < self.options.start_score:
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
                and _is_part(observation.box_xyxy, track.anchor_xyxy)
                for track in tracks
            )
            if doubled or part or merged >= 2:
                continue
            new.append(begin(self._next_number, observation, frame.at))
            self._next_number += 1
        return new

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


def _stays(track: Track) -> bool:
    """Whether it is of a kind whose place says something: people do not keep still enough."""
    return track.name in VEHICLES or track.name in VENDING


def _is_part(box: Box, whole: Box) -> bool:
    return boxes.covered_share(box, whole) >= PART_SHARE and boxes.iou(box, whole) < PART_IOU


def _replaced(track: Track, others: Sequence[Track]) -> bool:
    """Whether something else of its group has come to stand in its place since it was last seen."""
    return any(
        other.standing
        and other.anchor_since > track.last_seen
        and group_of(other.name) == group_of(track.name)
        and boxes.iou(other.anchor_xyxy, track.anchor_xyxy) >= SAME_PLACE_IOU
        for other in others
        if other.number != track.number
    )


def _held_by_another(track: Track, others: Sequence[Track]) -> bool:
    """Whether what came to the place of a track since was there in the frame before."""
    return any(
        other.there
        and other.first_seen > track.last_seen
        and group_of(other.name) == group_of(track.name)
        and boxes.iou(other.footing_xyxy, track.anchor_xyxy) >= TAKEN_IOU
        for other in others
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


@dataclass(frozen=True)
class _Frame:
    """One frame as the tracks are held against it."""

    at: datetime
    elapsed_s: float
    gap_s: float
    observations: Sequence[Observation]
    look: Look | None

    @property
    def is_film(self) -> bool:
        """Whether it follows so soon that nothing was exchanged in a place in between."""
        return self.elapsed_s <= EXCHANGE_S

    def matches(self, known: Sequence[Track]) -> dict[int, int]:
        """Match what is known with what is seen: index of the observation by index of the track.

        What a look at the place refuses, another track may take, where nothing can have been
        exchanged since the frame before: without that, it would begin a new one beside the one
        that it belongs to. In 74 real stills ten seconds apart, it would be a third car's.
        """
        refused: set[tuple[int, int]] = set()
        while True:
            matches = assign(known, self.observations, self.at, refused)
            users = {column: known[row] for row, column in matches.items()}
            wrong = {
                (row, column)
                for row, column in matches.items()
                if not self.confirms(known[row], column, users)
            }
            if not (wrong and self.is_film):
                return {
                    row: column for row, column in matches.items() if (row, column) not in wrong
                }
            refused |= wrong

    def confirms(self, track: Track, column: int, users: Mapping[int, Track]) -> bool:
        """Whether a match holds when the place is looked at: it may be another of the same kind.

        The place is only looked at where the two looks differ, or there was time for one to leave
        and the other to come. Of a place that something covers since, no more likeness is asked
        than the part that shows can have.
        """
        observation = self.observations[column]
        if (
            self.look is None
            or not _stays(track)
            or (self.at - track.last_seen).total_seconds() <= FILM_S
        ):
            return True
        looked_s = (self.at - track.looked_at).total_seconds()
        alike = similarity(track.descriptor, observation.descriptor)
        if boxes.displacement(track.anchor_xyxy, observation.box_xyxy) > MOVE_SHARE:
            # It may have driven on; what stood is not taken for another that drives by.
            return alike >= SURE_SIMILARITY or not track.standing
        if alike >= SURE_SIMILARITY and looked_s < LOOK_EVERY_S:
            return True
        alike = similarity(track.place, self.look(track.anchor_xyxy))
        return alike >= PLACE_SAME or alike >= PLACE_SAME * (1 - self._cover(track, users))

    def seen(self, track: Track, column: int, users: Mapping[int, Track]) -> Track:
        """The track with its new sighting, its memory of the place refreshed now and then."""
        before = track
        observation = self.observations[column]
        if self._shows_in_part(track, column):
            observation = replace(observation, box_xyxy=track.anchor_xyxy)
        track = sighted(
            track,
            observation,
            self.at,
            gap_s=self.gap_s,
            doubles=self._doubles(column, users),
        )
        looked_s = (self.at - track.looked_at).total_seconds()
        if self.look is None or looked_s < LOOK_EVERY_S or not (track.standing and _stays(track)):
            return track
        if self._cover(before, users):
            return track
        place = self.look(track.anchor_xyxy)
        return replace(track, place=blend(track.place, place, SLOW_UPDATE), looked_at=self.at)

    def _shows_in_part(self, track: Track, column: int) -> bool:
        """Whether a box is of the part of a standing thing that something nearer leaves free.

        It shrinks from several sides at once, as if the thing went away.
        """
        box = self.observations[column].box_xyxy
        return (
            track.standing
            and _is_part(box, track.anchor_xyxy)
            and any(
                other.box_xyxy[3] > track.anchor_xyxy[3]
                and boxes.covered_share(track.anchor_xyxy, other.box_xyxy) >= COVERING_SHARE
                for number, other in enumerate(self.observations)
                if number != column
            )
        )

    def _doubles(self, column: int, users: Mapping[int, Track]) -> list[Observation]:
        """What else was said of a thing: boxes of its group about as large, of no other track."""
        one = self.observations[column]
        return [
            other
            for number, other in enumerate(self.observations)
            if number not in users
            and group_of(other.name) == group_of(one.name)
            and boxes.iou(other.box_xyxy, one.box_xyxy) >= DOUBLED_IOU
        ]

    def unseen(self, track: Track, users: Mapping[int, Track], known: Sequence[Track]) -> Track:
        """The track without a sighting: its place tells whether it is unchanged, hidden or left."""
        alike = None
        # While no frames came, nobody looked for it.
        undetected_s = track.undetected_s + self.elapsed_s - self.gap_s
        if self.look is not None and _stays(track):
            place = self.look(track.anchor_xyxy)
            alike = similarity(track.place, place)
            # The last sight of what drives off shows mostly road, and road goes on looking so.
            if alike >= PLACE_SAME and not track.driving:
                return replace(
                    track,
                    presence=Presence.UNCHANGED,
                    last_seen=self.at,
                    looked_at=self.at,
                    place=blend(track.place, place, SLOW_UPDATE),
                    unseen_s=track.unseen_s + self.gap_s,
                    undetected_s=undetected_s,
                    absent_s=0.0,
                    hidden_s=0.0,
                    empty_looks=0,
                    empty_s=0.0,
                )
        unseen_s = track.unseen_s + self.elapsed_s
        empty = alike is not None and alike < PLACE_EMPTY * (1 - self._cover(track, users))
        hidden = self._hidden(track, users)
        unsure_s = 0.0 if track.sure else self.elapsed_s
        hidden_s = 0.0 if track.sure else self.elapsed_s - self.gap_s
        taken = self._taken(track)
        # Who is there at the next look, with no time for another to come, may be the same looking
        # otherwise; in a queue, cars take each other's places within a few seconds.
        in_turns = self.is_film and (taken or _held_by_another(track, known))
        left = empty and not in_turns
        if hidden and not (empty and taken):
            return replace(
                track,
                presence=Presence.HIDDEN,
                unseen_s=unseen_s,
                undetected_s=undetected_s,
                hidden_s=track.hidden_s + hidden_s,
            )
        return replace(
            track,
            presence=Presence.ABSENT,
            unseen_s=unseen_s,
            undetected_s=undetected_s,
            # What happened before the first of the looks that found it absent, nobody saw.
            absent_s=track.absent_s + unsure_s,
            empty_looks=track.empty_looks + left,
            empty_s=track.empty_s + unsure_s if left and track.empty_looks else track.empty_s,
        )

    def settle(self, track: Track) -> Track:
        """Say of what has stayed long enough that it stands, if its place shows it."""
        if not (track.seen and ready_to_settle(track)):
            return track
        place = self.look and self.look(resting_place(track))
        if place is not None and similarity(track.descriptor, place) < LEAST_SIMILARITY:
            # Between two that drove by one after the other, there is road.
            return track
        return settled(track, place)

    def _cover(self, track: Track, users: Mapping[int, Track]) -> float:
        """Share of the anchor that is covered by what came since the place was last looked at.

        0 where it is less than `COVERING_SHARE`. What is farther away covers nothing, and a box
        about as large as the anchor is of the thing itself, or of one that took its place.
        """
        most = 0.0
        for column, observation in enumerate(self.observations):
            box, user = observation.box_xyxy, users.get(column)
            share = boxes.covered_share(track.anchor_xyxy, box)
            if share < COVERING_SHARE or share <= most or box[3] <= track.anchor_xyxy[3]:
                continue
            if boxes.iou(track.anchor_xyxy, box) >= SAME_BOX_IOU:
                continue
            own = user is not None and user.number == track.number
            stood = (
                user is not None
                and user.standing
                and user.anchor_since <= track.looked_at
                and boxes.covered_share(track.anchor_xyxy, user.anchor_xyxy) >= COVERING_SHARE
            )
            if not (own or stood):
                most = share
        return most

    def _hidden(self, track: Track, users: Mapping[int, Track]) -> bool:
        """Whether something covers the anchor that did not do so all along."""
        for column, observation in enumerate(self.observations):
            if boxes.covered_share(track.anchor_xyxy, observation.box_xyxy) < HIDING_SHARE:
                continue
            user = users.get(column)
            neighbour = (
                user is not None
                and user.standing
                and user.anchor_since <= track.last_seen
                and boxes.covered_share(track.anchor_xyxy, user.anchor_xyxy) >= HIDING_SHARE
            )
            if not neighbour:
                return True
        return False

    def _taken(self, track: Track) -> bool:
        """Whether another of its group and size is where it was: not before it, but instead."""
        return any(
            group_of(observation.name) == group_of(track.name)
            and boxes.iou(track.anchor_xyxy, observation.box_xyxy) >= TAKEN_IOU
            for observation in self.observations
        )
