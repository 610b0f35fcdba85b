"""Who stood where goods come to light: a vendor hides a cart while setting it up.

A cart that is pushed to its place is behind whoever pushed it, from where many a camera looks,
until they step aside. Dwell counts from when the vendor came, so who is seen to stand there is kept
in mind for a while.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from vision.camera import boxes
from vision.camera.events import Box
from vision.camera.tracks import Track
from vision.camera.zones import Tick

LONGEST = timedelta(seconds=10)
"""Before its goods are first seen, longest time from which a vendor is said to have been there: who
waits at a place for minutes, where somebody else then sells, is no vendor for those."""
STEP = timedelta(seconds=3)
"""Longest time from when somebody is last seen at a place to when the goods are first."""
KEPT = timedelta(seconds=30)
"""For how long they are kept in mind: that goods stand is known some looks after the first."""
INSIDE_SHARE = 0.5
"""Share of somebody's box that is inside the box of the goods they hid."""


@dataclass(slots=True)
class Stander:
    """Somebody who stood somewhere: where, since when, and when they were last seen there."""

    box_xyxy: Box
    since: datetime
    last: datetime


@dataclass(slots=True)
class Standers:
    """Those who stood somewhere a short time ago, by number of their tracks."""

    entries: dict[int, Stander] = field(default_factory=dict)

    def note(self, people: Sequence[Track], tick: Tick) -> None:
        """Take in who is seen in a frame."""
        for stander in self.entries.values():
            stander.since += tick.set_by
            stander.last += tick.set_by
        for person in people:
            if person.standing_since is not None:
                self.entries[person.number] = Stander(
                    person.anchor_xyxy, person.standing_since, tick.at
                )
        self.entries = {
            number: stander
            for number, stander in self.entries.items()
            if tick.at - stander.last <= KEPT
        }

    def came(self, since: datetime, place: Box) -> datetime:
        """Return since when a vendor is there.

        Args:
            since: When their goods were first seen.
            place: Where those are.
        """
        before = [
            stander.since
            for stander in self.entries.values()
            if stander.last >= since - STEP
            and boxes.covered_share(stander.box_xyxy, place) >= INSIDE_SHARE
        ]
        return min([since, *(max(came, since - LONGEST) for came in before)])
