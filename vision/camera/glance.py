"""One frame as the tracks are held against it: what is where it was, what is hidden, what has left.

What a place looks like decides where the detector alone cannot: whether the thing that was missed
is still there, and whether the thing that is there now is the one from before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from vision.camera import boxes
from vision.camera.appearance import similarity
from vision.camera.events import VEHICLES, VENDING, Box, Descriptor, Observation
from vision.camera.matching import FILM_S, LEAST_SIMILARITY, SAME_BOX_IOU, assign, group_of
from vision.camera.tracks import (
    MOVE_SHARE,
    SLOW_UPDATE,
    Presence,
    Track,
    blend,
    ready_to_settle,
    resting_place,
    settled,
    sighted,
)

PLACE_SAME = 0.75
"""A place that looks this much alike holds the same thing. 74 real stills: the standing car never
below 0.82 from one to the next; other cars at one place, three of four times below 0.66."""
PLACE_EMPTY = 0.65
"""A place that looks less alike, with nothing larger before it, was left. The same stills: 19 of 20
places that were left are below 0.63."""
SWAYED_SAME = 0.9
"""A place that is not left, and looks this much alike where its thing is seen now, a little off,
has moved with the view. The same stills: between the first two the view moves by a ninth of the
standing car, whose place is alike by 0.72 where it was and by 0.97 where it is now."""
SURE_SIMILARITY = 0.8
"""A detection this much alike needs no second look at the place in fast sampling."""
LOOK_EVERY_S = 5.0
EXCHANGE_S = 2.0
"""Seconds between two looks in which no vehicle drives off and another comes to stand there."""
COVERING_SHARE = 0.15
"""Share of an anchor from which something that came before it changes what the place looks like."""
HIDING_SHARE = 0.4
"""Share of an anchor that something else has to cover to hide what is there."""
TAKEN_IOU = SAME_BOX_IOU
DOUBLED_IOU = 0.6
DRAWS_UP_S = 5.0
"""Seconds beside something that covers a part of it, after which that does not come to hide it any
more: a bus that stops beside a parked car creeps on before it for a second or two."""
PART_SHARE = 0.85
PART_IOU = 0.7
"""What lies so much inside an anchor, and is so much smaller, is a part of the thing there."""

Look = Callable[[Box], Descriptor]


@dataclass(frozen=True)
class Glance:
    """One frame, and what it says of each track.

    Attributes:
        at: Its time.
        elapsed_s: Seconds since the frame before.
        gap_s: The same where they are a gap in the frames; 0 for none.
        observations: What the detector saw.
        look: Describes a part of it; None where nothing but the detector tells.
    """

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
        if alike >= PLACE_SAME or alike >= PLACE_SAME * (1 - self._cover(track, users)):
            return True
        # A mast sways, and everything with it.
        swayed = boxes.moved_to(track.anchor_xyxy, observation.box_xyxy)
        return alike >= PLACE_EMPTY and similarity(track.place, self.look(swayed)) >= SWAYED_SAME

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
            and is_part(box, track.anchor_xyxy)
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
        rest = resting_place(track)
        if boxes.iou(rest, track.box_xyxy) < SAME_BOX_IOU:
            # A car where a van was a moment ago: what the van's place looks like is mostly road.
            return track
        place = self.look and self.look(rest)
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
                and user.standing_since is not None
                # What draws up covers little by little.
                and (track.last_seen - user.standing_since).total_seconds() >= DRAWS_UP_S
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


def is_part(box: Box, whole: Box) -> bool:
    """Whether a box is of a part of a thing: inside it, and so much smaller."""
    return boxes.covered_share(box, whole) >= PART_SHARE and boxes.iou(box, whole) < PART_IOU


def _stays(track: Track) -> bool:
    """Whether it is of a kind whose place says something: people do not keep still enough."""
    return track.name in VEHICLES or track.name in VENDING


def _held_by_another(track: Track, others: Sequence[Track]) -> bool:
    """Whether what came to the place of a track since was there in the frame before."""
    return any(
        other.there
        and other.first_seen > track.last_seen
        and group_of(other.name) == group_of(track.name)
        and boxes.iou(other.footing_xyxy, track.anchor_xyxy) >= TAKEN_IOU
        for other in others
    )
