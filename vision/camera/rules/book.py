"""All zones of a camera together: each frame's tracks go in, what the rules say comes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from vision.camera.config import Camera, Zone, ZoneKind
from vision.camera.events import RuleEvent
from vision.camera.rules.candidates import Standing
from vision.camera.rules.muck_truck import MuckTruckRule
from vision.camera.rules.parking import ParkingRule
from vision.camera.rules.vending import VendingRule
from vision.camera.tracks import Track
from vision.finding import stable_id

GATE_STEP_S = 0.2
"""A truck crosses a gate in a few seconds; five looks a second show its load from several sides."""
LOOKS_PER_DWELL = 30
SHORTEST_STEP_S, LONGEST_STEP_S = 1.0, 5.0
"""Dwell of minutes would need fewer looks; a camera that froze or was turned has to be noticed
soon."""


class ZoneRule(Protocol):
    """A rule that watches one zone."""

    def advance(self, at: datetime, tracks: Sequence[Track]) -> list[RuleEvent]:
        """Take in the tracks of one frame."""

    def finish(self, at: datetime) -> list[RuleEvent]:
        """End everything: the source has ended."""

    def keys(self) -> frozenset[str]:
        """Names of what has begun and not ended."""

    def state(self) -> dict[str, Any]:
        """Return what has to outlive a restart, fit for JSON."""

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` returned."""


class ZoneBook:
    """What goes on in all zones of a camera."""

    def __init__(self, camera: Camera) -> None:
        """Begin with nothing going on."""
        permitted = [zone for zone in camera.zones if zone.kind is ZoneKind.VENDING_PERMITTED]
        self._camera = camera
        self._rules: dict[str, ZoneRule] = {}
        self._gates: dict[str, MuckTruckRule] = {}
        self._dwelling: list[ParkingRule | VendingRule] = []
        for zone in camera.zones:
            if zone.kind is ZoneKind.NO_PARKING:
                self._add(ParkingRule(zone, camera.tz), zone)
            elif zone.kind is ZoneKind.NO_VENDING:
                self._add(VendingRule(zone, camera.tz, permitted), zone)
            elif zone.kind is ZoneKind.TRUCK_GATE:
                self._rules[zone.name] = self._gates[zone.name] = MuckTruckRule(zone, camera.tz)

    def _add(self, rule: ParkingRule | VendingRule, zone: Zone) -> None:
        self._rules[zone.name] = rule
        self._dwelling.append(rule)

    def advance(self, at: datetime, tracks: Sequence[Track]) -> tuple[RuleEvent, ...]:
        """Take in the tracks of one frame.

        Args:
            at: Time of the frame, aware; not the time it is now.
            tracks: What association gave for it.

        Returns:
            What began, fired, ended or was dropped, and what is worth a picture.
        """
        at = at.astimezone(UTC)
        return tuple(event for rule in self._rules.values() for event in rule.advance(at, tracks))

    def finish(self, at: datetime) -> tuple[RuleEvent, ...]:
        """End everything: the source has ended. What had fired ends, the rest is dropped."""
        at = at.astimezone(UTC)
        return tuple(event for rule in self._rules.values() for event in rule.finish(at))

    def keys(self) -> frozenset[str]:
        """Names of what has begun and not ended."""
        return frozenset(key for rule in self._rules.values() for key in rule.keys())

    def measures(self) -> dict[str, dict[str, dict[str, int]]]:
        """Return how many muck trucks passed each gate: by zone, start of the hour and direction.

        Hours are those of UTC, of the latest 48 with a passage; directions are ``in``, ``out`` and
        ``unknown``.
        """
        return {name: gate.measures() for name, gate in self._gates.items()}

    def standing(self) -> tuple[Standing, ...]:
        """Return what stands in the zones now, and for how long, against what is allowed."""
        return tuple(each for rule in self._dwelling for each in rule.standing())

    def state(self) -> dict[str, Any]:
        """Return everything that has to outlive a restart, fit for JSON."""
        return {
            name: {"zone": _digest(self._camera.zone(name)), "rule": rule.state()}
            for name, rule in self._rules.items()
        }

    @classmethod
    def restore(cls, camera: Camera, state: Mapping[str, Any]) -> ZoneBook:
        """Go on from what :meth:`state` returned.

        Args:
            camera: As it is now. What is remembered of a zone that has changed since is left out.
            state: What was stored.

        Raises:
            ValueError: The state is not one.
        """
        book = cls(camera)
        for name, rule in book._rules.items():
            stored = state.get(name)
            if stored is not None and stored["zone"] == _digest(camera.zone(name)):
                rule.load(stored["rule"])
        return book


def needed_step_s(camera: Camera) -> float:
    """Return how many seconds may lie between two looks for the zones' rules to hold."""
    steps = [LONGEST_STEP_S]
    for zone in camera.zones:
        if zone.kind is ZoneKind.TRUCK_GATE:
            steps.append(GATE_STEP_S)
        elif zone.kind is not ZoneKind.VENDING_PERMITTED:
            dwell_s = min([zone.dwell_s, *zone.dwell_s_by_class.values()])
            steps.append(max(dwell_s / LOOKS_PER_DWELL, SHORTEST_STEP_S))
    return min(steps)


def _digest(zone: Zone) -> str:
    return stable_id(zone.model_dump_json())
