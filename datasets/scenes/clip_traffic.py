"""Traffic of a drawn clip: who drives through when, so that nobody drives through anybody."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from datasets.scenes.asset import Asset
from datasets.scenes.clip_cast import Actor, again
from datasets.scenes.clip_casting import Casting
from datasets.scenes.clip_poses import placed
from datasets.scenes.clip_roles import (
    BEHIND_M,
    BEYOND_M,
    Timetable,
    drives,
    passing_times,
    tipper,
    turns_at_gate,
    vehicle,
)
from datasets.scenes.clip_scene import ClipEvent, EventKind, GroundZone, passage
from datasets.scenes.muck_trucks import load_seen

_AT_M = 15.0
"""Lanes are booked by when somebody is this far ahead of the camera."""
_HEADWAY_S = 3.6
_LONG_HEADWAY_S = 5.0
_TRIES = 80
_LOAD_SEEN_TIMES = 3
_QUEUE_GAP_M, _STOP_LINE_M = 6.4, 4.6
_REPORTED: dict[str, EventKind] = {
    "heaped": "muck_truck_overload",
    "level": "muck_truck_uncovered",
}
_TRUCK_KINDS: tuple[EventKind, ...] = ("muck_truck_overload", "muck_truck_uncovered")
_PASSERS = ("car", "car", "van", "two_wheeler", "car", "bus")
_LONG = ("bus", "truck", "muck_truck")
_GATE_WAYS = ("out", "out across", "in", "in across")


class Traffic:
    """Books lanes and adds vehicles to a casting."""

    def __init__(self, casting: Casting, *, red_s: tuple[float, float] | None) -> None:
        """Begin with what the casting's cars at the kerb take of the lanes.

        Args:
            casting: to add to.
            red_s: when the traffic lights are red.
        """
        self._casting = casting
        self._place = casting.place
        self._rng = casting.rng
        self._red_s = red_s
        self._speed = {side: float(self._rng.uniform(6.5, 8.5)) for side in (-1, 1)}
        self._outer = self._place.plan.lanes_each - 1
        self._booked: list[tuple[int, int, float, float]] = [
            (side, self._outer, start, end) for side, start, end in casting.kerb_stops
        ]

    def queue(self, count: int) -> None:
        """Let cars wait at the red light, in the zone, one behind the other."""
        assert self._red_s is not None  # noqa: S101 - stories with queues have lights
        assert self._place.plan.zebra_x is not None  # noqa: S101
        start, end = self._red_s
        line = self._place.x(0.0) - self._place.plan.zebra_x - _STOP_LINE_M
        for number in range(count):
            asset = self._vehicle(("car", "car", "van")[int(self._rng.integers(3))])
            at = line - _QUEUE_GAP_M * number
            comes = start - 2.0 + 3.6 * number
            goes = end + 0.8 + 1.4 * number
            halts = comes + 2.5 + (at - BEHIND_M) / 7.0
            when = [(comes, BEHIND_M), (halts, at), (goes, at), (goes + 13.0 + number, BEYOND_M)]
            self._add(asset, f"queue-{number + 1}", "waits at the light", 1, when, why="queue")
        self._book(1, self._outer, start - 8.0, end + 14.0)

    def jam(self, count: int) -> None:
        """Let cars creep through the zone, a few metres at a time."""
        first = float(self._rng.uniform(2.0, 6.0))
        for number in range(count):
            asset = self._vehicle("van" if number == 2 else "car")
            when = [(first + 3.4 * number, BEHIND_M)]
            at, time = 24.0 - 7.0 * number, first + 3.4 * number + 9.0 - number
            for _ in range(4):
                when += [(time, at), (time + float(self._rng.uniform(8.0, 8.5)), at)]
                at, time = at + 5.0, when[-1][0] + 3.5 - 0.3 * number
            when.append((time + 9.0 + 1.2 * number, BEYOND_M))
            self._add(asset, f"jam-{number + 1}", "creeps in a jam", 1, when, why="jam")
        self._book(1, self._outer, first - 4.0, first + 70.0)

    def bus_beside_parked(self) -> None:
        """Let a bus stop for some seconds before a car that parks at the far side, if one does."""
        parked = self._casting.parked
        eye_y = self._place.view.position[1]
        if parked is None or parked[0] * eye_y > 0:
            return
        side, ahead = parked
        asset = self._vehicle("bus")
        start = float(self._rng.uniform(34.0, 40.0))
        stay = float(self._rng.uniform(9.0, 14.0))
        comes, goes = (BEHIND_M, BEYOND_M) if side > 0 else (BEYOND_M, BEHIND_M)
        at = ahead - 1.0
        reach = start + abs(at - comes) / 7.0 + 2.0
        when = [(start, comes), (reach, at), (reach + stay, at)]
        when.append((reach + stay + abs(goes - at) / 7.0 + 2.0, goes))
        self._add(asset, "bus-1", "stops beside the parked car", side, when, why="stops briefly")
        self._book(side, self._outer, reach - 5.0, reach + stay + 7.0)

    def lorries(self, gate: GroundZone, *, third: str) -> None:
        """Let muck trucks and another lorry pass the gate across the road.

        Args:
            gate: the zone.
            third: load state of the truck that is neither heaped nor level.
        """
        for number, state in enumerate(("heaped", "level", third), start=1):
            self._truck(gate, f"muck-truck-{number}", state)
        asset = self._vehicle("truck")
        side, lane, at_s = self._slot(_LONG_HEADWAY_S)
        actor = self._pass(asset, "lorry-1", side, lane, at_s)
        self._spare_trucks(actor, "other lorry")

    def site_lorries(self, gate: GroundZone, *, third: str) -> None:
        """Let muck trucks and another lorry come and go by the site's gate."""
        order = self._rng.permutation(4)
        ways = self._rng.permutation(4)
        states = ("heaped", "level", third, None)
        for turn, (which, way) in enumerate(zip(order, ways, strict=True)):
            start = 1.0 + 26.0 * turn + float(self._rng.uniform(0.0, 2.0))
            state = states[int(which)]
            name = f"muck-truck-{int(which) + 1}" if state else "lorry-1"
            actor = self._at_gate(gate, name, state, _GATE_WAYS[int(way)], start)
            self._casting.actors.append(actor)
            self._note_truck(actor, gate, _GATE_WAYS[int(way)].split()[0])
            for side in (-1, 1):
                self._book(side, 0, actor.acts[0].track.start_s, actor.acts[0].track.end_s)

    def passers(self, count: int, *, kinds: Sequence[str] = _PASSERS) -> None:
        """Let cars and others pass; half of them come by again later.

        Args:
            count: how many.
            kinds: of vehicles, taken in turn.
        """
        for number in range(count):
            kind = kinds[number % len(kinds)]
            headway = _LONG_HEADWAY_S if kind in _LONG else _HEADWAY_S
            try:
                side, lane, at_s = self._slot(headway)
            except LaneFull:
                return
            actor = self._pass(self._vehicle(kind), f"{kind}-{number + 1}", side, lane, at_s)
            later = [
                time
                for time in np.arange(at_s + 20.0, self._casting.end_s - 6.0, 4.0)
                if self._is_free(side, lane, float(time), headway)
            ]
            if later and number % 2 == 0:
                at = float(later[int(self._rng.integers(len(later)))])
                back = again(actor, f"{kind}-{number + 1}-again", at - at_s)
                self._casting.actors.append(back)
                self._casting.spares("illegal_parking", back, "passes")
                self._book(side, lane, at, at)

    def _vehicle(self, kind: str) -> Asset:
        return vehicle(self._rng, kind, self._casting.split)

    def _truck(self, gate: GroundZone, name: str, state: str) -> None:
        """Let a muck truck pass whose load the camera can see on the way."""
        for _ in range(_TRIES):
            side, lane, at_s = self._slot(_LONG_HEADWAY_S)
            asset = tipper(self._rng, state)
            when = passing_times(side, at_s, speed_m_s=self._speed[side])
            y = self._place.lane_y(side, lane)
            actor = drives(name, asset, f"passes {state}", place=self._place, y=y, when=when)
            if self._load_is_seen(actor, gate):
                self._pass(asset, name, side, lane, at_s)
                self._note_truck(actor, gate, "in" if side > 0 else "out")
                return
        raise LaneFull(f"no truck was drawn whose load is seen: {name}")

    def _at_gate(
        self, gate: GroundZone, name: str, state: str | None, way: str, start_s: float
    ) -> Actor:
        for _ in range(_TRIES):
            asset = self._vehicle("truck") if state is None else tipper(self._rng, state)
            does = f"{'leaves' if way.startswith('out') else 'enters'} the site"
            does = does if state is None else f"{does} {state}"
            actor = turns_at_gate(name, asset, does, place=self._place, way=way, start_s=start_s)
            if state is None or self._load_is_seen(actor, gate):
                return actor
        raise LaneFull(f"no truck was drawn whose load is seen: {name}")

    def _load_is_seen(self, actor: Actor, gate: GroundZone) -> bool:
        """Return whether the camera can tell a truck's load at most of some times in the gate."""
        (act,) = actor.acts
        began, ended = passage(actor, gate)
        times = np.linspace(began, ended, 5)
        poses = [act.track.at(float(time)) for time in times]
        seen = [load_seen(placed(act.looks[0], pose, act.z), self._place.view) for pose in poses]
        return sum(seen) >= _LOAD_SEEN_TIMES

    def _note_truck(self, actor: Actor, gate: GroundZone, direction: str) -> None:
        state = actor.load_state
        if state is None:
            self._spare_trucks(actor, "other lorry")
            return
        kind = _REPORTED.get(state)
        if kind is not None:
            began, ended = passage(actor, gate)
            event = ClipEvent(kind, gate.name, actor.id, began, ended, state, direction)
            self._casting.events.append(event)
        for other in _TRUCK_KINDS:
            if other != kind:
                self._casting.spares(other, actor, state)

    def _spare_trucks(self, actor: Actor, why: str) -> None:
        for kind in _TRUCK_KINDS:
            self._casting.spares(kind, actor, why)

    def _pass(self, asset: Asset, name: str, side: int, lane: int, at_s: float) -> Actor:
        speed = self._speed[side]
        when = passing_times(side, at_s, speed_m_s=speed, at_m=_AT_M)
        does = "passes" if asset.load_state is None else f"passes {asset.load_state}"
        self._book(side, lane, at_s, at_s)
        return self._add(asset, name, does, side, when, lane=lane, why="passes")

    def _add(
        self,
        asset: Asset,
        name: str,
        does: str,
        side: int,
        when: Timetable,
        *,
        why: str,
        lane: int | None = None,
    ) -> Actor:
        y = self._place.lane_y(side, self._outer if lane is None else lane)
        actor = drives(name, asset, does, place=self._place, y=y, when=when)
        self._casting.actors.append(actor)
        self._casting.spares("illegal_parking", actor, why)
        return actor

    def _slot(self, headway_s: float) -> tuple[int, int, float]:
        for _ in range(_TRIES * 4):
            side = int(self._rng.choice([-1, 1]))
            lane = int(self._rng.integers(self._outer + 1))
            at_s = float(self._rng.uniform(3.0, self._casting.end_s - 5.0))
            if self._is_free(side, lane, at_s, headway_s):
                return side, lane, at_s
        raise LaneFull("no lane is free any more")

    def _is_free(self, side: int, lane: int, at_s: float, headway_s: float) -> bool:
        if self._red_s is not None and self._place.plan.zebra_x is not None:
            zebra = self._place.x(0.0) - self._place.plan.zebra_x
            there = at_s + side * (zebra - _AT_M) / self._speed[side]
            if self._red_s[0] - 1.0 < there < self._red_s[1] + 1.5:
                return False
        return not any(
            one == side and other == lane and start - headway_s < at_s < end + headway_s
            for one, other, start, end in self._booked
        )

    def _book(self, side: int, lane: int, start_s: float, end_s: float) -> None:
        self._booked.append((side, lane, start_s, end_s))


class LaneFull(RuntimeError):
    """No time is left at which a vehicle could pass."""
