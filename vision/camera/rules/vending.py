"""Street vending: a stall, cart or canopy that stays in a no-vending zone and is traded at.

One vendor may be seen as a stall, a cart and a canopy at once, and may change its look as goods are
laid out, so a vendor is known by its place and not by one track. A stall has goods by what the
class means; a cart is a vendor's only while somebody stays close by for a good part of the time,
and nearer to it than to another vendor. A canopy under which neither is seen is a vendor's from
when somebody stays under it until they leave: it may have stood there for a year.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter

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
from vision.camera.rules.vendor_parts import (
    BESIDE_WIDTHS,
    CLOSE_WIDTHS,
    CORES,
    LINGERS,
    WIDEST_VENDOR,
    at_this,
    belongs,
    core_of,
    grouped,
    is_under,
    main_part,
    parts_of,
    shades,
    trades,
    under_this,
    union,
)
from vision.camera.tracks import GAP_S, Track
from vision.camera.zones import ENTER_SHARE, Tick, ground_share, is_active, next_tick, stands_in
from vision.finding import FindingKind

VERSION = "6"
TRADING_SHARE = 0.4
"""Share of the dwell in which there have to be goods, or somebody who stays close by."""
SHARE_PARTS = 20
"""Parts of the dwell, in which that share is counted; older ones are forgotten."""
WEAK_SCORE, DETECTED_SHARE = 0.3, 0.35
"""Mean score below which a vendor has to be detected in so large a share of the looks at its place:
a shop window, weakly taken for a stall in one look of four, is none, though it stays for ever."""
SAME_SIMILARITY = 0.7
"""Of a vendor that comes back. Its goods may lie otherwise, and then it is reported again: less
would take every second vendor for the one before, whose cooldown would swallow its event."""
GROUND_WEIGHT = 0.1
"""Weight of the people of one frame in where the ground under a canopy is."""


@dataclass(slots=True)
class _Vendor(Candidate):
    """A vendor at one place.

    Attributes:
        form: Classes it was seen as.
        core_xyxy: Where its largest part stands.
        core_name: Class of that.
        ground_y: Where those stand who are under its canopy; None while nobody was.
        parts: Seconds, and those of them with trade, of the latest parts of the dwell.
        looks: How many frames showed its place.
        detected: In how many of them the detector saw any of it.
    """

    form: list[str] = field(default_factory=list)
    core_xyxy: Box = (0.0, 0.0, 0.0, 0.0)
    core_name: str = "stall"
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
            if track.name == "canopy" and is_under(person.box_xyxy, track.anchor_xyxy)
        ]
        if feet:
            now = median(feet)
            before = now if self.ground_y is None else self.ground_y
            self.ground_y = before + GROUND_WEIGHT * (now - before)

    def place_of(self, members: Sequence[Track]) -> Box:
        """Return where it all is; of a canopy alone, down to the ground under it."""
        x1, y1, x2, y2 = union([track.anchor_xyxy for track in members])
        if self.ground_y is None or any(track.name in CORES for track in members):
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


def _has_core(members: Sequence[Track]) -> bool:
    return any(track.name in CORES for track in members)


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
            members = parts_of(vendor.core_xyxy, vendor.core_name, vendor.box_xyxy, free, others)
            free = [track for track in free if track not in members]
            here = (
                at_this(people, vendor.box_xyxy, others)
                if _has_core(members)
                else under_this(
                    people, vendor.core_xyxy, vendor.box_xyxy, others, self._goods(vendor)
                )
            )
            events += self._continue(vendor, members, here, tick)
        for members in grouped(free):
            events += self._begin(members, people, tick)
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
        at_vendor = any(belongs(track, vendor.box_xyxy) for vendor in self._memory.vendors)
        if stands_in(self._zone, track.anchor_xyxy, was_in=at_vendor):
            return True
        # A sunshade hangs above the ground it covers: who stands under it says where that is.
        return track.name == "canopy" and (
            at_vendor
            or any(
                shades(track, person) and stands_in(self._zone, person.box_xyxy)
                for person in people
            )
        )

    def _goods(self, apart_from: _Vendor | None = None) -> list[Box]:
        return [
            vendor.core_xyxy
            for vendor in self._memory.vendors
            if vendor is not apart_from and vendor.core_name in CORES
        ]

    def _is_excused(self, track: Track, tick: Tick) -> bool:
        return track.name in VENDING and any(
            is_active(zone, tick.at, self._tz)
            and ground_share(zone, track.footing_xyxy) >= ENTER_SHARE
            for zone in self._permitted
        )

    def _begin(
        self, members: Sequence[Track], people: Sequence[Track], tick: Tick
    ) -> list[RuleEvent]:
        memory = self._memory
        box = union([track.anchor_xyxy for track in members])
        cores = [track for track in members if track.name in CORES]
        came = []
        if not cores:
            others = [one.box_xyxy for one in memory.vendors]
            here = under_this(people, box, box, others, self._goods())
            came = [one.anchor_since for one in here if trades(members, [one])]
            if not came:
                return []
        if any(memory.cooldowns.hold(track, SAME_SIMILARITY) for track in members):
            memory.not_before |= {track.number: tick.at for track in members}
            return []
        # A canopy may have stood there for a year before somebody sells under it.
        since = min(self._since(track, tick) for track in cores or members)
        if came:
            since = max(since, min(came))
        if any(track.name == "cart" for track in members):
            since = self._not_sooner(memory.standers.came(since, box), members, tick)
        main, core = main_part(members), core_of(members)
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
            core_xyxy=core.anchor_xyxy,
            core_name=core.name,
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
        if not (_has_core(members) or trades(members, people)):
            vendor.miss(tick)
            return self._end(vendor, tick) if vendor.gone(self._zone.grace_s) else []
        vendor.stay(tick)
        main, core = main_part(members), core_of(members)
        vendor.note_ground(members, people)
        vendor.box_xyxy = vendor.place_of(members)
        vendor.core_xyxy, vendor.core_name = core.anchor_xyxy, core.name
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
            vendor.note_trade(tick.active_s, trades(members, people), dwell_s)
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
                visitor_stay_s=LINGERS.total_seconds(),
                beside_widths=BESIDE_WIDTHS,
                widest_vendor=WIDEST_VENDOR,
                setting_up_s=LONGEST.total_seconds(),
            ),
        )
