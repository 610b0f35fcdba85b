"""Streets and cameras of drawn clips, from a seed.

The cameras look against x from either side of the street; those of rendered streets to learn from
(:func:`datasets.scenes.streets.camera_view`) look along it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from datasets.scenes.clip_scene import Daylight, DaylightKind, GroundZone, Point, ZoneKind
from datasets.scenes.street_ground import Side, StreetPlan
from datasets.scenes.view import View

SIZE_WH = (960, 540)
Gate = Literal["site", "road"]
"""Whether trucks turn through a building site's gate, or pass a line across the road."""

_CAMERA_X = 60.0
_TRIES = 400
_PERSON_PX = 42.0
"""Zones end where a person is smaller than this in the picture."""
_PERSON_M = 1.7
_LEAST_STRIP_M = 9.0
_RIM = 0.02
_CLEAR_BEHIND_M, _CLEAR_AHEAD_M = 8.0, 34.0


@dataclass(frozen=True)
class Place:
    """A street, a camera over it, and where on the ground its picture is good enough for zones.

    ``ahead`` below is the distance in metres along the street from the camera's foot in the
    direction in which it looks; ``side`` is 1 for the left side of the street (y above 0, traffic
    goes away from the camera) and -1 for the right (traffic comes towards it).

    Attributes:
        plan: of the street.
        view: the camera.
        daylight: sun and sky.
        far_m: how far ahead zones go.
        gate: what kind of gate there is.
    """

    plan: StreetPlan
    view: View
    daylight: Daylight
    far_m: float
    gate: Gate

    def x(self, ahead_m: float) -> float:
        """Return the x of a distance ahead of the camera."""
        return _CAMERA_X - ahead_m

    def lane_y(self, side: int, lane: int = 0) -> float:
        """Return the middle of a lane, counted from the street's middle."""
        return side * (lane + 0.5) * self.plan.lane_m

    def edge_y(self, side: int) -> float:
        """Return the middle of the strip at the kerb."""
        return side * (self.plan.lanes_half_m + self.plan.edge_m / 2)

    def pavement_y(self, side: int, share: float = 0.5) -> float:
        """Return a line along a pavement: 0 near the kerb, 1 near the house fronts."""
        return side * (self.plan.kerb_y + 1.3 + share * (self.plan.pavement_m - 2.0))

    def nearest_m(self, y: float) -> float:
        """Return how far ahead a line along the street comes into the picture."""
        aheads = np.arange(0.0, 60.0, 0.5)
        points = np.column_stack([_CAMERA_X - aheads, np.full(len(aheads), y), 0.0 * aheads])
        pixels, depth = self.view.project(points)
        shares = pixels / np.array(self.view.size_wh)
        seen = ((shares > _RIM) & (shares < 1 - _RIM)).all(axis=1) & (depth > 1.0)
        return float(aheads[int(seen.argmax())]) if seen.any() else math.inf

    def strip(self, y0: float, y1: float) -> tuple[float, float]:
        """Return from where to where ahead both sides of a strip are in the picture."""
        return max(self.nearest_m(y0), self.nearest_m(y1)), self.far_m

    def kerb_strip(self, side: int) -> tuple[float, float]:
        """Return from where to where ahead cars at the kerb are watched."""
        return self.strip(self.plan.lanes_half_m * side, self.plan.kerb_y * side)

    def pavement_strip(self, side: int) -> tuple[float, float]:
        """Return from where to where ahead the pavement is watched."""
        return self.strip(self.plan.kerb_y * side, (self.plan.front_y - 0.2) * side)

    def zone(
        self,
        name: str,
        kind: ZoneKind,
        ys: tuple[float, float],
        *,
        aheads: tuple[float, float] | None = None,
        settings: Mapping[str, float | str] | None = None,
        inward: Point | None = None,
    ) -> GroundZone:
        """Return a zone along the street, as far as the picture shows it.

        Args:
            name: of the zone.
            kind: what must not happen there.
            ys: from where to where across the street.
            aheads: from where to where ahead of the camera; what the picture shows where None.
            settings: other keys of the zone.
            inward: of a gate, a place on the site's side.
        """
        near, far = aheads or (0.0, self.far_m)
        starts = [max(near, self.nearest_m(y)) for y in ys]
        outline = (
            (self.x(starts[0]), ys[0]),
            (self.x(far), ys[0]),
            (self.x(far), ys[1]),
            (self.x(starts[1]), ys[1]),
        )
        return GroundZone(name, kind, outline, settings or {}, inward)

    @property
    def clear_x(self) -> tuple[float, float]:
        """From where to where along the street nothing wide may stand in the camera's way."""
        return self.x(_CLEAR_AHEAD_M), self.x(-_CLEAR_BEHIND_M)

    @property
    def gate_ahead_m(self) -> float:
        """How far ahead the middle of the site's gate is."""
        assert self.plan.gate_x is not None  # noqa: S101 - only asked for where there is one
        return _CAMERA_X - self.plan.gate_x


def draw_place(
    rng: np.random.Generator, *, gate: Gate, zebra: bool, daylight: DaylightKind
) -> Place:
    """Return a place whose picture shows enough of both sides of the street.

    Args:
        rng: decides everything that is not given.
        gate: what kind of gate there is.
        zebra: whether there is a crossing with traffic lights.
        daylight: time of day and weather.

    Raises:
        RuntimeError: No such place was drawn; another seed will do.
    """
    light = _daylight(rng, daylight)
    for _ in range(_TRIES):
        plan = _plan(rng, gate=gate, zebra=zebra, lit=daylight == "dusk")
        place = _over(plan, rng, light, gate)
        strips = [strip for side in (-1, 1) for strip in _strips(place, side)]
        if all(far - near >= _LEAST_STRIP_M for near, far in strips):
            return place
    raise RuntimeError("no view shows enough of both pavements: take another seed")


def _strips(place: Place, side: int) -> tuple[tuple[float, float], tuple[float, float]]:
    return place.kerb_strip(side), place.pavement_strip(side)


def _daylight(rng: np.random.Generator, kind: DaylightKind) -> Daylight:
    low, high = (17.0, 25.0) if kind == "dusk" else (32.0, 64.0)
    power = float(rng.uniform(900.0, 1800.0)) if kind == "dusk" else 0.0
    return Daylight(kind, float(rng.uniform(-180.0, 180.0)), float(rng.uniform(low, high)), power)


def _plan(rng: np.random.Generator, *, gate: Gate, zebra: bool, lit: bool) -> StreetPlan:
    sides: tuple[Side, ...] = ("facades", "facades", "fence", "hoarding")
    left: Side = "hoarding" if gate == "site" else sides[int(rng.integers(3))]
    return StreetPlan(
        x0=-50.0,
        x1=80.0,
        lanes_each=int(rng.choice([1, 1, 2])) if gate == "road" else 1,
        lane_m=float(rng.uniform(3.2, 3.6)),
        edge="cycle",
        edge_m=float(rng.uniform(2.3, 2.7)),
        pavement_m=float(rng.uniform(4.6, 6.0)),
        zebra_x=_CAMERA_X - float(rng.uniform(27.0, 33.0)) if zebra else None,
        gate_x=_CAMERA_X - float(rng.uniform(15.0, 19.0)) if gate == "site" else None,
        left=left,
        right=sides[int(rng.integers(4))],
        lit=lit,
    )


def _over(plan: StreetPlan, rng: np.random.Generator, light: Daylight, gate: Gate) -> Place:
    height = float(rng.uniform(5.5, 10.0))
    # Along a hoarding its gate is not seen: such a camera stands over the road or opposite.
    reach = plan.front_y - 0.8
    y = float(rng.uniform(-reach, 0.0 if gate == "site" else reach))
    target_ahead = float(rng.uniform(13.0, 19.0))
    target_y = float(rng.uniform(-1.5, 1.5))
    fov = float(rng.uniform(50.0, 76.0))
    view = View((_CAMERA_X, y, height), (_CAMERA_X - target_ahead, target_y, 0.0), fov, SIZE_WH)
    far = min(26.0, _PERSON_M * view.focal_px / _PERSON_PX)
    return Place(plan, view, light, far, gate)
