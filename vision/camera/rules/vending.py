"""Street vending: a stall, cart or canopy that stays in a no-vending zone and is traded at.

One vendor may be seen as a stall, a cart and a canopy at once, and may change its look as goods are
laid out, so a vendor is known by its place and not by one track. A stall has goods by what the
class means; a cart or a canopy is a vendor's only while somebody is close by for a good part of the
time, and nearer to it than to another vendor.

What lies beside a vendor's main part, or under its canopy, is the same vendor's. Beside is counted
from the main part only and up to a width, so that a row of stalls does not become one vendor: the
neighbour of a neighbour is another. Two vendors who stand wall to wall are told as one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter

from vision.camera import boxes
from vision.camera.config import Zone
from vision.camera.events import VENDING, Box, RuleEvent, Step
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
from vision.camera.rules.setting_up import LONGEST, Standers
from vision.camera.tracks import GAP_S, Track
from vision.camera.zones import ENTER_SHARE, Tick, ground_share, is_active, next_tick, stands_in
from vision.finding import FindingKind

VERSION = "3"
TRADING_SHARE = 0.4
"""Share of the dwell in which there have to be goods, or somebody close by."""
SHARE_PARTS = 20
"""Parts of the dwell, in which that share is counted; older ones are forgotten."""
WEAK_SCORE, DETECTED_SHARE = 0.3, 0.35
"""Mean score below which a vendor has to be detected in so large a share of the looks at its place:
a shop window, weakly taken for a stall in one look of four, is none, though it stays for ever."""
CLOSE_WIDTHS = 1.0
"""Own widths beside a cart within which somebody is close by."""
CLOSE_HEIGHTS = 0.75
"""Own heights by which their feet may be further or nearer than its wheels."""
SAME_VENDOR_SHARE = 0.4
"""Two that cover so much of the smaller are one vendor's."""
CANOPY_SHARE = 0.15
"""The same for a canopy and what is under it: its poles stand beside the goods."""
BESIDE_WIDTHS = 0.5
"""Widths of the narrower of two parts that may lie between them: crates stand beside the cart."""
BESIDE_HEIGHTS = 1.25
"""Heights of the higher by which they may stand nearer or further: a kerb runs aslant the view."""
WIDEST_VENDOR = 2.5
"""Widths of its main part that a vendor takes up at most: two cloths with a step between them."""
SAME_SIMILARITY = 0.7
"""Of a vendor that comes back. Its goods may lie otherwise, and then it is reported again: less
would take every second vendor for the one before, whose cooldown would swallow its event."""
UNDER_WIDTHS = 0.25
"""Own widths beside a sunshade within which somebody still stands at it."""
UNDER_HEIGHTS = 0.5
"""Own heights by which the head of somebody under it may be lower than its edge."""
SHADE_HEIGHTS = 2.0
"""Own heights, but no more than its width, by which a sunshade hangs above the ground."""
GROUND_WEIGHT = 0.1
"""Weight of the people of one frame in where the ground under a canopy is."""
_CORES = ("stall", "cart")


@dataclass(slots=True)
class _Vendor(Candidate):
    """A vendor at one place.

    Attributes:
        form: Classes it was seen as.
        core_xyxy: Where its largest part stands.
        ground_y: Where those stand who are under its canopy; None while nobody was.
        parts: Seconds, and those of them with trade, of the latest parts of the dwell.
        looks: How many frames showed its place.
        detected: In how many of them the detector saw any of it.
    """

    form: list[str] = field(default_factory=list)
    core_xyxy: Box = (0.0, 0.0, 0.0, 0.0)
    ground_y: float | None = None
    parts: list[tuple[float, float]] = field(default_factory=list)
    looks: int = 0
    detected: int = 0

    def note_trade(self, active_s: float, trading: bool, dwell_s: float) -> None:
        """Count a step with or without trade."""
        if active_s <= 0:
            return
        span_s, traded_s = self.parts.pop() if self.parts else (0.0, 0.0)
        self.parts.append((span_s + active_s, traded_s + (active_s if trading else 0.0)))
        if span_s + active_s >= dwell_s / SHARE_PARTS:
            self.parts = [*self.parts[-SHARE_PARTS:], (0.0, 0.0)]

    def note_ground(self, members: Sequence[Track], people: Sequence[Track]) -> None:
        """Learn from who stands under a canopy where the ground is that it covers."""
        feet = [
            person.box_xyxy[3]
            for person in people
            for track in members
            if track.name == "canopy" and _is_under(person.box_xyxy, track.anchor_xyxy)
        ]
        if feet:
            now = median(feet)
            before = now if self.ground_y is None else self.ground_y
            self.ground_y = before + GROUND_WEIGHT * (now - before)

    def place_of(self, members: Sequence[Track]) -> Box:
        """Return where it all is; of a canopy alone, down to the ground under it."""
        x1, y1, x2, y2 = _union([track.anchor_xyxy for track in members])
        if self.ground_y is None or any(track.name in _CORES for track in members):
            return x1, y1, x2, y2
        return x1, y1, x2, max(y2, self.ground_y)

    @property
    def trading_share(self) -> float:
        """Share of the latest dwell with trade, 0 to 1."""
        span_s = sum(part[0] for part in self.parts)
        return sum(part[1] for part in self.parts) / span_s if span_s else 0.0


@dataclass(slots=True)
class _Memory:
    tick: Tick | None = None
    vendors: list[_Vendor] = field(default_factory=list)
    cooldowns: Cooldowns = field(default_factory=Cooldowns)
    standers: Standers = field(default_factory=Standers)
    not_before: dict[int, datetime] = field(default_factory=dict)
    """By number of the track: it was judged until then, what follows counts anew."""


_MEMORY = TypeAdapter(_Memory)


class VendingRule:
    """Street vending in one zone.

    A cooldown holds back only what looks like the vendor that ended, at its place. Another vendor
    there is reported, and so is the same with other goods.

    The score is the mean of the detector's for the surest of the vendor's parts, less up to 30 %
    where trade was seen for only a part of the dwell.
    """

    def __init__(self, zone: Zone, tz: ZoneInfo, permitted: Sequence[Zone] = ()) -> None:
        """Watch a zone of the kind no_vending.

        Args:
            zone: The zone.
            tz: The camera's time zone.
            permitted: Zones of the kind vending_permitted; what stands in them, in their hours, is
                excused.
        """
        self._zone = zone
        self._tz = tz
        self._permitted = tuple(permitted)
        self._reporter = Reporter(zone, FindingKind.STREET_VENDING.value, VERSION)
        self._memory = _Memory()

    def advance(self, at: datetime, tracks: Sequence[Track]) -> list[RuleEvent]:
        """Take in the tracks of one frame."""
        memory = self._memory
        tick = next_tick(self._zone, self._tz, memory.tick, at)
        if tick is None:
            return []
        memory.tick = tick
        memory.cooldowns.pass_time(tick.elapsed_s)
        numbers = {track.number for track in tracks}
        memory.not_before = {
            number: when + tick.set_by
            for number, when in memory.not_before.items()
            if number in numbers
        }
        # What is excused now counts from the moment at which it is no more.
        excused = {track.number for track in tracks if self._is_excused(track, tick)}
        memory.not_before |= dict.fromkeys(excused, tick.at)
        people = [track for track in tracks if track.name == "person" and track.seen]
        memory.standers.note(people, tick)
        free = [
            track
            for track in tracks
            if track.number not in excused and self._concerns(track, people, tick)
        ]
        events = []
        # The longest there has the first claim on what stands at its place.
        for vendor in sorted(memory.vendors, key=lambda one: (not one.fired, one.first_seen)):
            vendor.shift(tick)
            others = [one.box_xyxy for one in memory.vendors if one is not vendor]
            members = _parts_of(vendor.core_xyxy, vendor.box_xyxy, free, others)
            free = [track for track in free if track not in members]
            here = _at_this(people, vendor.box_xyxy, others)
            events += self._continue(vendor, members, here, tick)
        for members in _grouped(free):
            events += self._begin(members, tick)
        return events

    def finish(self, at: datetime) -> list[RuleEvent]:
        """End everything: the source has ended."""
        vendors, self._memory.vendors = self._memory.vendors, []
        return [self._event(Step.ENDED if one.fired else Step.DROPPED, one, at) for one in vendors]

    def keys(self) -> frozenset[str]:
        """Names of what has begun and not ended."""
        return frozenset(vendor.key for vendor in self._memory.vendors)

    def standing(self) -> tuple[Standing, ...]:
        """What stands in the zone now, and for how long."""
        return standing_in(self._zone, self._memory.vendors)

    def state(self) -> dict[str, Any]:
        """Return what has to outlive a restart, fit for JSON."""
        return dict(_MEMORY.dump_python(self._memory, mode="json"))

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` returned; raises ValueError if it is not that."""
        self._memory = _MEMORY.validate_python(state)

    def _concerns(self, track: Track, people: Sequence[Track], tick: Tick) -> bool:
        if not (tick.active and track.name in VENDING and track.standing and track.there):
            return False
        at_vendor = any(_belongs(track, vendor.box_xyxy) for vendor in self._memory.vendors)
        if stands_in(self._zone, track.anchor_xyxy, was_in=at_vendor):
            return True
        # A sunshade hangs above the ground it covers: who stands under it says where that is.
        return track.name == "canopy" and (
            at_vendor
            or any(
                _is_under(person.box_xyxy, track.anchor_xyxy)
                and stands_in(self._zone, person.box_xyxy)
                for person in people
            )
        )

    def _is_excused(self, track: Track, tick: Tick) -> bool:
        return track.name in VENDING and any(
            is_active(zone, tick.at, self._tz)
            and ground_share(zone, track.footing_xyxy) >= ENTER_SHARE
            for zone in self._permitted
        )

    def _begin(self, members: Sequence[Track], tick: Tick) -> list[RuleEvent]:
        memory = self._memory
        if any(memory.cooldowns.hold(track, SAME_SIMILARITY) for track in members):
            memory.not_before |= {track.number: tick.at for track in members}
            return []
        box = _union([track.anchor_xyxy for track in members])
        since = min(self._since(track, tick) for track in members)
        if any(track.name == "cart" for track in members):
            since = self._not_sooner(memory.standers.came(since, box), members, tick)
        main = _main(members)
        vendor = _Vendor(
            key=key_of(self._zone, self._reporter.name, since, box, self.keys()),
            first_seen=since,
            last_seen=max(track.last_seen for track in members),
            box_xyxy=box,
            name=main.name,
            score=main.score,
            descriptor=main.descriptor,
            dwell_s=(tick.at - since).total_seconds(),
            form=sorted({track.name for track in members}),
            core_xyxy=_core(members).anchor_xyxy,
        )
        memory.vendors.append(vendor)
        return [self._event(Step.BEGAN, vendor, tick.at)]

    def _since(self, track: Track, tick: Tick) -> datetime:
        assert track.standing_since is not None  # noqa: S101
        return self._not_sooner(track.standing_since, [track], tick)

    def _not_sooner(self, since: datetime, members: Sequence[Track], tick: Tick) -> datetime:
        """Return a time, or the one from which on these things may count, if that is later."""
        assert tick.open_since is not None  # noqa: S101
        judged = [self._memory.not_before.get(track.number, since) for track in members]
        return max(since, tick.open_since, min(judged))

    def _continue(
        self,
        vendor: _Vendor,
        members: Sequence[Track],
        people: Sequence[Track],
        tick: Tick,
    ) -> list[RuleEvent]:
        vendor.known_s += tick.elapsed_s
        if not members:
            vendor.miss(tick)
            return self._end(vendor, tick) if vendor.gone(self._zone.grace_s) else []
        vendor.stay(tick)
        main = _main(members)
        vendor.note_ground(members, people)
        vendor.box_xyxy = vendor.place_of(members)
        vendor.core_xyxy = _core(members).anchor_xyxy
        vendor.last_seen = max(track.last_seen for track in members)
        vendor.descriptor = main.descriptor
        vendor.form = sorted({*vendor.form, *(track.name for track in members)})
        # What has once shown goods stays a stall while its goods are out of sight.
        vendor.name = next(name for name in ("stall", "cart", "canopy") if name in vendor.form)
        dwell_s = self._zone.dwell_of(vendor.name)
        shown = any(track.sure for track in members)
        vendor.looks += shown
        vendor.detected += any(track.seen for track in members)
        if shown and tick.elapsed_s <= GAP_S:
            vendor.note_trade(tick.active_s, _trades(members, people), dwell_s)
        else:
            vendor.unseen_s += tick.active_s
        share = vendor.trading_share
        vendor.score = max(track.score for track in members) * (0.7 + 0.3 * min(share, 1.0))
        due = (
            vendor.dwell_s >= dwell_s
            and vendor.known_s >= dwell_s
            and share >= TRADING_SHARE
            and (
                vendor.detected >= DETECTED_SHARE * vendor.looks
                or any(track.score >= WEAK_SCORE for track in members)
            )
            and any(track.seen and track.anchor_sightings >= LEAST_SIGHTINGS for track in members)
        )
        if vendor.fired or not due:
            return []
        vendor.fired = True
        return [self._event(Step.FIRED, vendor, tick.at)]

    def _end(self, vendor: _Vendor, tick: Tick) -> list[RuleEvent]:
        memory = self._memory
        memory.vendors.remove(vendor)
        if not vendor.fired:
            return [self._event(Step.DROPPED, vendor, tick.at)]
        memory.cooldowns.add(vendor.box_xyxy, vendor.descriptor, self._zone.cooldown_s)
        return [self._event(Step.ENDED, vendor, tick.at)]

    def _event(self, step: Step, vendor: _Vendor, at: datetime) -> RuleEvent:
        return self._reporter.event(
            step,
            vendor,
            at,
            kind=FindingKind.STREET_VENDING,
            measures={
                "dwell_s": (vendor.dwell_s, "s"),
                "unseen_s": (vendor.unseen_s, "s"),
                "trading_share": (vendor.trading_share, "1"),
            },
            attributes={"form": "+".join(vendor.form)},
            thresholds=thresholds_of(
                self._zone,
                dwell_s=self._zone.dwell_of(vendor.name),
                trading_share=TRADING_SHARE,
                weak_score=WEAK_SCORE,
                detected_share=DETECTED_SHARE,
                close_widths=CLOSE_WIDTHS,
                beside_widths=BESIDE_WIDTHS,
                widest_vendor=WIDEST_VENDOR,
                setting_up_s=LONGEST.total_seconds(),
            ),
        )


def _main(members: Sequence[Track]) -> Track:
    """The part that says most: goods before a cart before a canopy, then the surest."""
    order = {"stall": 2, "cart": 1}
    return max(members, key=lambda track: (order.get(track.name, 0), track.score))


def _union(all_boxes: Sequence[Box]) -> Box:
    return (
        min(box[0] for box in all_boxes),
        min(box[1] for box in all_boxes),
        max(box[2] for box in all_boxes),
        max(box[3] for box in all_boxes),
    )


def _overlap(a: Box, b: Box) -> float:
    """Share of the smaller box that both cover."""
    return boxes.common(a, b) / min(boxes.area(a), boxes.area(b))


def _belongs(track: Track, place: Box) -> bool:
    least = SAME_VENDOR_SHARE if track.name in _CORES else CANOPY_SHARE
    return _overlap(_reach(track), place) >= least


def _reach(track: Track) -> Box:
    """Its box; a sunshade's goes down to the ground, for what it covers stands below it."""
    x1, y1, x2, y2 = track.anchor_xyxy
    if track.name in _CORES:
        return track.anchor_xyxy
    return x1, y1, x2, y2 + min(SHADE_HEIGHTS * (y2 - y1), x2 - x1)


def _core(members: Sequence[Track]) -> Track:
    """The part that others lie beside: the largest of the goods and carts."""
    return max(members, key=lambda track: (track.name in _CORES, boxes.area(track.anchor_xyxy)))


def _parts_of(
    core: Box, place: Box, tracks: Sequence[Track], others: Sequence[Box] = ()
) -> list[Track]:
    """Return what is one vendor's: at its place, under its canopy, or beside its main part.

    Args:
        core: Its main part.
        place: All of it, as known so far.
        tracks: What may be its.
        others: Places of other vendors; what stands there is theirs, unless it is here, too.
    """
    members = [track for track in tracks if track.name in _CORES and _belongs(track, place)]
    rest = [track for track in tracks if track.name in _CORES and track not in members]
    canopies = [
        track
        for track in tracks
        if track.name not in _CORES
        and _belongs(track, place)
        # Each canopy is over what it covers best.
        and not any(
            _overlap(_reach(track), other.anchor_xyxy) > _overlap(_reach(track), place)
            for other in rest
        )
    ]
    rest = [track for track in rest if not any(_belongs(track, other) for other in others)]
    under = [track for track in rest if any(_belongs(track, _reach(canopy)) for canopy in canopies)]
    members += under
    whole = _union([core, *(track.anchor_xyxy for track in members)])
    beside = [track for track in rest if track not in under and _beside(track.anchor_xyxy, core)]
    for track in sorted(beside, key=lambda track: _aside(track.anchor_xyxy, core)):
        wider = _union([whole, track.anchor_xyxy])
        widest = max(boxes.width(core), boxes.width(track.anchor_xyxy))
        if boxes.width(wider) <= WIDEST_VENDOR * widest:
            whole = wider
            members.append(track)
    return members + canopies


def _beside(part: Box, core: Box) -> bool:
    narrower = min(boxes.width(part), boxes.width(core))
    higher = max(boxes.height(part), boxes.height(core))
    return (
        _aside(part, core) <= BESIDE_WIDTHS * narrower
        and abs(part[3] - core[3]) <= BESIDE_HEIGHTS * higher
    )


def _aside(a: Box, b: Box) -> float:
    """Width of what lies between two boxes, 0 where they meet."""
    return max(a[0] - b[2], b[0] - a[2], 0.0)


def _grouped(tracks: Sequence[Track]) -> list[list[Track]]:
    """Put together what is one vendor's, beginning with the largest goods and carts."""
    groups: list[list[Track]] = []
    left = list(tracks)
    while left:
        core = _core(left)
        parts = _parts_of(core.anchor_xyxy, core.anchor_xyxy, left)
        groups.append(parts)
        left = [track for track in left if track not in parts]
    return groups


def _trades(members: Sequence[Track], people: Sequence[Track]) -> bool:
    """Whether there are goods, or somebody is close by."""
    if any(track.name == "stall" for track in members):
        return True
    return any(
        _is_close(person.box_xyxy, track.anchor_xyxy)
        or (track.name == "canopy" and _is_under(person.box_xyxy, track.anchor_xyxy))
        for track in members
        for person in people
    )


def _at_this(people: Sequence[Track], place: Box, others: Sequence[Box]) -> list[Track]:
    """Return who is nearer to a vendor than to any other: nobody serves at two."""
    return [
        person
        for person in people
        if all(_apart(person.box_xyxy, place) <= _apart(person.box_xyxy, other) for other in others)
    ]


def _apart(person: Box, place: Box) -> float:
    """How far somebody's feet are from a vendor, in their own widths and heights."""
    below = max(place[1] - person[3], person[3] - place[3], 0.0)
    return math.hypot(_aside(person, place) / boxes.width(person), below / boxes.height(person))


def _is_under(person: Box, canopy: Box) -> bool:
    """Whether somebody stands under a sunshade, or at its edge: feet below it, head not far."""
    return (
        _aside(person, canopy) <= UNDER_WIDTHS * boxes.width(canopy)
        and person[3] > canopy[3]
        and person[1] <= canopy[3] + UNDER_HEIGHTS * boxes.height(person)
    )


def _is_close(person: Box, cart: Box) -> bool:
    """Whether somebody stands beside a cart, or behind it, where it hides their legs."""
    aside, below = _aside(person, cart), person[3] - cart[3]
    beside = aside <= CLOSE_WIDTHS * boxes.width(cart)
    behind = aside <= 0 and cart[1] <= person[3] <= cart[3]
    return behind or (beside and abs(below) <= CLOSE_HEIGHTS * boxes.height(cart))
