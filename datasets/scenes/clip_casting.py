"""Casting of a drawn clip: who parks, trades, walks or only stands there, and where."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from datasets.scenes.asset import Asset
from datasets.scenes.catalogue import Split
from datasets.scenes.clip_cast import Actor
from datasets.scenes.clip_places import Place
from datasets.scenes.clip_poses import placed
from datasets.scenes.clip_roles import (
    CARTS,
    STALLS,
    STANDING_LOOKALIKES,
    WALKING_LOOKALIKES,
    parks,
    pushed_cart,
    sets_up,
    stands,
    stands_aside,
    trade,
    trade_begins_s,
    vehicle,
    walker,
    walking_times,
    walks,
)
from datasets.scenes.clip_scene import ClipEvent, EventKind, GroundZone, Harmless
from datasets.scenes.clip_track import Pose
from datasets.scenes.street_ground import KERB_M

_TRIES = 60
_GAP_M = 0.7
_HIDDEN_SHARE = 0.25
_RIM_M = 2.6
"""Things keep this far from the ends of their zones."""

Box = tuple[float, float, float, float]


class NoRoom(RuntimeError):
    """Nothing was left where a thing could stand and be seen."""


@dataclass(frozen=True, slots=True)
class _Spot:
    """A place taken by something that stands: on the ground and in the picture."""

    ground: Box
    pixels: Box


class Casting:
    """Collects actors, and what is to be found of them."""

    def __init__(
        self, place: Place, rng: np.random.Generator, *, end_s: float, split: Split = "test"
    ) -> None:
        """Begin with nobody.

        Args:
            place: where all happens.
            rng: decides what is not given.
            end_s: when the clip ends.
            split: whose designs vehicles, trucks and walkers are of.
        """
        self.place = place
        self.rng = rng
        self.end_s = end_s
        self.split = split
        self.actors: list[Actor] = []
        self.events: list[ClipEvent] = []
        self.harmless: list[Harmless] = []
        self.kerb_stops: list[tuple[int, float, float]] = []
        """Side, from when to when somebody moves in or out of the kerb strip's lane."""
        self.parked: tuple[int, float] | None = None
        """Side and distance ahead of the car that parks at a kerb."""
        self._spots: list[_Spot] = []

    def clears_away(self) -> None:
        """Forget who stands where: those put in from now on come when all the others are gone."""
        self._spots.clear()

    def spares(self, kind: EventKind, actor: Actor, why: str) -> None:
        """Note who must not be found as what."""
        self.harmless.append(Harmless(kind, actor.id, why))

    def parks(self, how: str, side: int, zone: GroundZone) -> None:
        """Put in a car that parks where it must not, or two, one after the other."""
        rng, place, end = self.rng, self.place, self.end_s
        car = self._car()
        near, far = place.kerb_strip(side)
        ahead = self.room(car, side, (near + 3.5, far - 3.0), place.edge_y(side), yaw=180)
        self.parked = (side, ahead)
        cars: list[tuple[float | None, float | None]] = [(None, None)]
        if how == "pulls in":
            cars = [(float(rng.uniform(14.0, 24.0)), None)]
        elif how == "takes turns":
            leaves = float(rng.uniform(38.0, 44.0))
            cars = [(None, leaves), (leaves + float(rng.uniform(9.0, 14.0)), None)]
        for number, (stop, leave) in enumerate(cars, start=1):
            does = "stands where parking is forbidden" if stop is None else f"{how} and stays"
            actor = parks(
                f"parked-{number}",
                car if number == 1 else self._car(),
                does,
                place=place,
                side=side,
                ahead_m=ahead,
                stop_s=stop,
                leave_s=leave,
                end_s=end,
            )
            self.actors.append(actor)
            self.events.append(
                ClipEvent("illegal_parking", zone.name, actor.id, stop or 0.0, leave)
            )
            for moment, before, after in ((stop, 9.0, 1.0), (leave, 1.0, 8.0)):
                if moment is not None:
                    self.kerb_stops.append((side, moment - before, moment + after))

    def parks_on_pavement(self, zone: GroundZone) -> None:
        """Put in two cars on the right pavement, one along it and one across."""
        place = self.place
        near, far = place.pavement_strip(-1)
        for number, yaw in enumerate((180.0, 90.0 + float(self.rng.normal(0.0, 6.0))), start=1):
            car = self._car()
            y = place.pavement_y(-1, 0.5)
            try:
                ahead = self.room(car, -1, (near + 2.5, far - _RIM_M), y, yaw=yaw)
            except NoRoom:
                if number == 1:
                    raise
                break
            actor = stands(
                f"parked-{number}",
                car,
                "stands on the pavement",
                spot=(place.x(ahead), y, yaw),
                until_s=self.end_s,
            )
            self.actors.append(actor)
            self.events.append(ClipEvent("illegal_parking", zone.name, actor.id, 0.0))

    def stops_briefly(self, side: int) -> None:
        """Put in a car that stops at the kerb for a few seconds, where there is room."""
        place, rng = self.place, self.rng
        near, far = place.kerb_strip(side)
        car = self._car()
        try:
            ahead = self.room(car, side, (near + 3.5, far - 3.0), place.edge_y(side), yaw=180)
        except NoRoom:
            return
        stop = float(rng.uniform(16.0, 22.0))
        leave = stop + float(rng.uniform(8.0, 13.0))
        actor = parks(
            "stops-1",
            car,
            "stops for some seconds",
            place=place,
            side=side,
            ahead_m=ahead,
            stop_s=stop,
            leave_s=leave,
            end_s=self.end_s,
        )
        self.actors.append(actor)
        self.spares("illegal_parking", actor, "stops briefly")
        self.kerb_stops += [(side, stop - 9.0, stop + 1.0), (side, leave - 1.0, leave + 8.0)]

    def trades(self, how: str, side: int, zone: GroundZone, number: int) -> None:
        """Put in somebody who trades where it is forbidden."""
        rng, place = self.rng, self.place
        kinds = {"cart": CARTS, "stall": STALLS}.get(how.split()[0])
        if kinds is None:
            kinds = (CARTS, STALLS)[number % 2]
        spot = trade(rng, str(rng.choice(kinds)))
        near, far = place.pavement_strip(side)
        y, yaw = place.pavement_y(side, 0.55), 0.0 if side > 0 else 180.0
        ahead = self.room(spot, side, (near + _RIM_M - 0.6, far - _RIM_M), y, yaw=yaw)
        name = f"vendor-{number + 1}"
        if how.endswith("comes"):
            stop = float(rng.uniform(20.0, 34.0))
            began = trade_begins_s(spot, stop)
            actor = sets_up(
                rng,
                name,
                spot,
                place=place,
                side=side,
                at=(ahead, y),
                stop_s=stop,
                end_s=self.end_s,
            )
            ended = None
        else:
            began = 0.0
            ended = float(rng.uniform(58.0, 80.0)) if number == 0 and rng.random() < 0.4 else None
            actor = stands(
                name,
                spot,
                "trades in the no-vending zone",
                spot=(place.x(ahead), y, yaw),
                until_s=ended or self.end_s,
            )
        self.actors.append(actor)
        self.events.append(ClipEvent("street_vending", zone.name, name, began, ended))

    def looks_like_trade(self, side: int) -> None:
        """Put in something on the pavement that is no trade, where there is room."""
        rng, place = self.rng, self.place
        design = str(rng.choice(STANDING_LOOKALIKES))
        asset = stands_aside(rng, design)
        near, far = place.pavement_strip(side)
        y, yaw = place.pavement_y(side, 0.75), 0.0 if side > 0 else 180.0
        try:
            ahead = self.room(asset, side, (near + 1.5, far - 1.5), y, yaw=yaw)
        except NoRoom:
            return
        count = sum(actor.id.startswith("lookalike") for actor in self.actors)
        name = f"lookalike-{count + 1}"
        spot = (place.x(ahead), y, yaw)
        actor = stands(name, asset, f"stands there: {design}", spot=spot, until_s=self.end_s)
        self.actors.append(actor)
        self.spares("street_vending", actor, design)

    def walks_through(self, side: int) -> None:
        """Put in who walks along a pavement: a vendor on the way, a delivery, people."""
        rng, place = self.rng, self.place
        y = place.pavement_y(side, 0.2)
        cart = pushed_cart(rng, trade(rng, str(rng.choice(CARTS[:3]))), self.split)
        halt = None
        if rng.random() < 0.5:
            halt = (sum(place.pavement_strip(side)) / 2, float(rng.uniform(7.0, 11.0)))
        when = walking_times(float(rng.uniform(4.0, 14.0)), (42.0, -2.0), halt=halt)
        does = "walks through with a cart" if halt is None else "halts with a cart and walks on"
        actor = walks("vendor-passes", cart, does, place=place, y=y, when=when)
        self.actors.append(actor)
        self.spares("street_vending", actor, "passes" if halt is None else "halts")
        design = str(rng.choice(WALKING_LOOKALIKES))
        looks = (stands_aside(rng, design),)
        when = walking_times(float(rng.uniform(52.0, 66.0)), (-2.0, 42.0))
        actor = walks(f"{design}-1", looks, f"walks by: {design}", place=place, y=y, when=when)
        self.actors.append(actor)
        self.spares("street_vending", actor, design)
        for number, start in enumerate((0.0, 30.0, 70.0), start=1):
            aheads = (42.0, 2.0) if number % 2 else (2.0, 42.0)
            when = walking_times(start + float(rng.uniform(0.0, 8.0)), aheads)
            line = place.pavement_y(-side if number == 2 else side, 0.0)
            self.actors.append(
                walks(
                    f"person-{number}",
                    walker(rng, self.split),
                    "walks by",
                    place=place,
                    y=line,
                    when=when,
                )
            )

    def _car(self) -> Asset:
        return vehicle(self.rng, "car" if self.rng.random() < 0.75 else "van", self.split)

    def room(
        self,
        asset: Asset,
        side: int,
        aheads: tuple[float, float],
        y: float,
        *,
        yaw: float,
        hidden_share: float = _HIDDEN_SHARE,
    ) -> float:
        """Take a distance ahead where a thing stands clear of all others and is seen; return it.

        Args:
            asset: the thing.
            side: of the street.
            aheads: from where to where ahead it may stand.
            y: of its middle.
            yaw: its heading in degrees.
            hidden_share: of the smaller of two things in the picture, the other may hide so much.

        Raises:
            NoRoom: There is none.
        """
        low, high = aheads
        if side > 0 and self.place.gate == "site":
            raise NoRoom("a site's pavement is kept free")
        for _ in range(_TRIES if high > low else 0):
            ahead = float(self.rng.uniform(low, high))
            z = 0.0 if abs(y) < self.place.plan.kerb_y else KERB_M
            there = placed(asset, Pose(self.place.x(ahead), y, yaw, 0.0), z)
            points = np.vstack([p.shape.points() for p in there.parts if p.shape.vertices])
            pixels, _ = self.place.view.project(points)
            spot = _Spot(_box(points[:, :2]), _box(pixels))
            if all(_apart(spot, other, hidden_share) for other in self._spots):
                self._spots.append(spot)
                return ahead
        raise NoRoom(f"no room for {asset.kind} {asset.design} on side {side}")


def _box(points: np.ndarray) -> Box:
    (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0)
    return float(x0), float(y0), float(x1), float(y1)


def _apart(one: _Spot, other: _Spot, hidden_share: float) -> bool:
    """Return whether two things are clear of each other on the ground and in the picture."""
    (ax0, ay0, ax1, ay1), (bx0, by0, bx1, by1) = one.ground, other.ground
    if ax0 < bx1 + _GAP_M and bx0 < ax1 + _GAP_M and ay0 < by1 + _GAP_M and by0 < ay1 + _GAP_M:
        return False
    width = min(one.pixels[2], other.pixels[2]) - max(one.pixels[0], other.pixels[0])
    height = min(one.pixels[3], other.pixels[3]) - max(one.pixels[1], other.pixels[1])
    shared = max(width, 0.0) * max(height, 0.0)
    smaller = min((box[2] - box[0]) * (box[3] - box[1]) for box in (one.pixels, other.pixels))
    return shared <= hidden_share * smaller
