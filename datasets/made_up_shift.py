"""Hours of a made-up street: who stands, trades and passes when, and what a detector would say.

There are no pictures. Each thing has a look of its own; a part of the picture looks like what is in
front there, or like the road. All is drawn from a seed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vision.camera import boxes
from vision.camera.config import Camera, Zone, ZoneKind
from vision.camera.events import Box, Observation

DWELL_S = 300.0
LOOK_SIZE = 64
PASSAGE_S = 12.0
_KERB_X = (0.12, 0.30, 0.48, 0.66, 0.84)
_KERB_Y, _TRADE_Y, _LANE_Y, _GATE_Y = 0.60, 0.36, 0.78, 0.95
_TRADE_X = (0.25, 0.55, 0.85)
_STEADY = frozenset({"stall", "cart"})

Doing = Literal["parks", "trades", "passes"]
Look = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Member:
    """One thing in the street.

    Attributes:
        name: unique.
        doing: what it is there for.
        label: class.
        start_s: when it comes.
        end_s: when it goes.
        first: its box when it comes.
        last: its box when it goes; the same for what stands.
        look: seed of its look.
        seen_share: share of the frames in which a detector sees it.
        load_state: of a muck truck.
    """

    name: str
    doing: Doing
    label: str
    start_s: float
    end_s: float
    first: Box
    last: Box
    look: int
    seen_share: float = 0.9
    load_state: str | None = None

    def box_at(self, time_s: float) -> Box | None:
        """Return its box; None while it is not there."""
        if not self.start_s <= time_s < self.end_s:
            return None
        share = (time_s - self.start_s) / (self.end_s - self.start_s)
        x1, y1, x2, y2 = (a + share * (b - a) for a, b in zip(self.first, self.last, strict=True))
        return x1, y1, x2, y2


class Shift:
    """Everything that happens in some hours."""

    def __init__(self, *, hours: float, seed: int) -> None:
        """Draw it."""
        self.end_s = 3600.0 * hours
        self._seed = seed
        rng = np.random.default_rng((seed, 1))
        self._numbers = iter(range(1, 10**9))
        members = [
            *(member for x in _KERB_X for member in self._parkers(rng, x)),
            *(member for x in _TRADE_X for member in self._traders(rng, x)),
            *self._passers(rng),
            *self._trucks(rng),
        ]
        self.members = tuple(sorted(members, key=lambda member: member.start_s))
        self._truck_ends = [each.end_s for each in self.members if each.label == "muck_truck"]
        self._by_name = {each.name: each for each in self.members}
        self._from = 0

    def camera(self) -> Camera:
        """Return the camera with a zone of each kind."""
        return Camera(
            id="soak",
            name="made-up street",
            zones=(
                Zone(name="kerb", kind=ZoneKind.NO_PARKING, polygon=_band(0.48, 0.66)),
                Zone(name="pavement", kind=ZoneKind.NO_VENDING, polygon=_band(0.2, 0.42)),
                Zone(
                    name="gate",
                    kind=ZoneKind.TRUCK_GATE,
                    polygon=((0.3, 0.84), (0.7, 0.84), (0.7, 1.0), (0.3, 1.0)),
                    grace_s=5.0,
                    inward=(1.0, 0.92),
                ),
            ),
        )

    def there(self, time_s: float) -> list[tuple[Member, Box]]:
        """Return who is there at a time, and where; times must not go back."""
        while (
            self._from < len(self.members)
            and self.members[self._from].end_s < time_s
            and self.members[self._from].start_s < time_s
        ):
            self._from += 1
        found = []
        for member in self.members[self._from :]:
            if member.start_s > time_s:
                break
            box = member.box_at(time_s)
            if box is not None:
                found.append((member, box))
        return found

    def member(self, name: str) -> Member:
        """Return the member of a name; raises KeyError where there is none."""
        return self._by_name[name]

    def left_before(self, member: Member) -> float:
        """Return when whoever stood at a member's place before it left; 0 where nobody did."""
        ends = [
            each.end_s
            for each in self.members
            if each.first == member.first and each.end_s <= member.start_s
        ]
        return max(ends, default=0.0)

    def next_truck_s(self, time_s: float) -> float:
        """Return when the next muck truck comes; the time itself while one passes."""
        index = int(np.searchsorted(self._truck_ends, time_s, side="right"))
        if index == len(self._truck_ends):
            return math.inf
        return max(time_s, self._truck_ends[index] - PASSAGE_S)

    def observations(self, time_s: float) -> list[Observation]:
        """Return what a detector would see: boxes off by a twentieth, some things missed."""
        rng = np.random.default_rng((self._seed, 2, round(10 * time_s)))
        there = self.there(time_s)
        seen = []
        for member, box in there:
            hidden = any(
                other is not member
                and nearer[3] > box[3]
                and boxes.covered_share(box, nearer) > 0.5
                for other, nearer in there
            )
            if hidden or rng.random() >= member.seen_share:
                continue
            size = np.array([box[2] - box[0], box[3] - box[1]] * 2)
            x1, y1, x2, y2 = (float(v) for v in np.array(box) + rng.uniform(-0.05, 0.05, 4) * size)
            label = "truck" if member.label == "car" and rng.random() < 0.05 else member.label
            seen.append(
                Observation(
                    name=label,
                    score=float(rng.uniform(0.45, 0.95)),
                    box_xyxy=(x1, y1, x2, y2),
                    descriptor=self._look(member.look, time_s),
                    load=_load(member.load_state),
                )
            )
        return seen

    def look(self, time_s: float) -> Callable[[Box], Look]:
        """Return what tells how a part of the picture looks at a time."""
        there = self.there(time_s)

        def look(place: Box) -> Look:
            nearest: tuple[Member, Box] | None = None
            for member, box in there:
                if boxes.covered_share(place, box) > 0.5 and (
                    nearest is None or box[3] > nearest[1][3]
                ):
                    nearest = (member, box)
            return self._look(0 if nearest is None else nearest[0].look, time_s)

        return look

    def _look(self, seed: int, time_s: float) -> Look:
        """Return a look in the light of the hour: dusk draws all looks towards one."""
        dusk = 0.4 * time_s / self.end_s
        return _mixed(_own_look(seed), _own_look(10**9), dusk)

    def _parkers(self, rng: np.random.Generator, x: float) -> Iterator[Member]:
        """Yield cars that stand at one place of the kerb, one after the other."""
        time_s = float(rng.uniform(0, 300))
        while time_s < self.end_s - 120:
            stays = rng.uniform(20, 200) if rng.random() < 0.5 else rng.uniform(700, 2400)
            end_s = min(time_s + float(stays), self.end_s)
            place = _box(x, _KERB_Y, 0.13, 0.11)
            yield self._member("parks", "car", time_s, end_s, place, place)
            # Often enough another takes the place within half a minute.
            time_s = end_s + float(rng.choice([rng.uniform(15, 40), rng.uniform(60, 600)]))

    def _traders(self, rng: np.random.Generator, x: float) -> Iterator[Member]:
        time_s = float(rng.uniform(60, 900))
        while time_s < self.end_s - 120:
            stays = rng.uniform(30, 180) if rng.random() < 0.4 else rng.uniform(700, 2400)
            end_s = min(time_s + float(stays), self.end_s)
            place = _box(x, _TRADE_Y, 0.09, 0.08)
            label = str(rng.choice(["stall", "cart"]))
            yield self._member("trades", label, time_s, end_s, place, place, seen_share=0.6)
            beside = _box(x + 0.06, _TRADE_Y, 0.03, 0.1)
            yield self._member("trades", "person", time_s, end_s, beside, beside, seen_share=0.7)
            time_s = end_s + float(rng.uniform(120, 1200))

    def _passers(self, rng: np.random.Generator) -> Iterator[Member]:
        """Yield cars and buses that pass before the kerb, and people with carts on the pavement."""
        time_s = 0.0
        while time_s < self.end_s:
            time_s += float(rng.exponential(25.0))
            bus = rng.random() < 0.15
            size = (0.3, 0.3) if bus else (0.14, 0.12)
            label = "bus" if bus else "car"
            first, last = (_box(end, _LANE_Y, *size) for end in (-0.1, 1.1))
            yield self._member("passes", label, time_s, time_s + 9.0, first, last)
            if rng.random() < 0.1:
                first, last = (_box(end, _TRADE_Y + 0.03, 0.08, 0.08) for end in (1.1, -0.1))
                yield self._member("passes", "cart", time_s, time_s + 60.0, first, last)

    def _trucks(self, rng: np.random.Generator) -> Iterator[Member]:
        time_s = float(rng.uniform(0, 200))
        while time_s < self.end_s - PASSAGE_S:
            state = str(rng.choice(["heaped", "level", "covered", "empty"]))
            first, last = (_box(end, _GATE_Y, 0.22, 0.16) for end in (-0.05, 1.05))
            end_s = time_s + PASSAGE_S
            yield self._member("passes", "muck_truck", time_s, end_s, first, last, load_state=state)
            time_s = end_s + float(rng.uniform(60, 500))

    def _member(
        self,
        doing: Doing,
        label: str,
        start_s: float,
        end_s: float,
        first: Box,
        last: Box,
        *,
        seen_share: float = 0.9,
        load_state: str | None = None,
    ) -> Member:
        number = next(self._numbers)
        return Member(
            name=f"{label}-{number}",
            doing=doing,
            label=label,
            start_s=start_s,
            end_s=end_s,
            first=first,
            last=last,
            look=number,
            seen_share=seen_share,
            load_state=load_state,
        )


def _box(x: float, y: float, width: float, height: float) -> Box:
    """Return a box by the middle of its lower edge."""
    return x - width / 2, y - height, x + width / 2, y


def _band(top: float, bottom: float) -> tuple[tuple[float, float], ...]:
    return ((0.0, top), (1.0, top), (1.0, bottom), (0.0, bottom))


def _load(state: str | None) -> dict[str, float]:
    if state is None:
        return {}
    states = ("empty", "covered", "level", "heaped", "not_visible")
    return {each: 0.8 if each == state else 0.05 for each in states}


@lru_cache(maxsize=256)
def _own_look(seed: int) -> Look:
    """Return a look that has as much in common with all others as grey cars have."""
    own = np.random.default_rng((3, seed)).normal(size=LOOK_SIZE)
    common = np.random.default_rng(4).normal(size=LOOK_SIZE)
    return _mixed(_unit(common), _unit(own), 4.0 / 7.0)


def _mixed(one: Look, other: Look, share: float) -> Look:
    return _unit((1.0 - share) * one + share * other)


def _unit(look: NDArray[np.floating]) -> Look:
    return np.asarray(look / np.linalg.norm(look), np.float32)


def event_kinds(members: Sequence[Member]) -> dict[str, str]:
    """Return what each member may be reported as, by its name."""
    kinds = {}
    for member in members:
        if member.doing == "parks":
            kinds[member.name] = "illegal_parking"
        elif member.doing == "trades" and member.label in _STEADY:
            kinds[member.name] = "street_vending"
        elif member.load_state == "heaped":
            kinds[member.name] = "muck_truck_overload"
        elif member.load_state == "level":
            kinds[member.name] = "muck_truck_uncovered"
    return kinds
