"""What actors of drawn clips can do: drive through, queue, park, turn at a gate, trade.

In evaluation clips all are made of the designs that no model is trained on. A time is seconds from
the clip's start, a distance ahead is metres from the camera's foot (see
:mod:`datasets.scenes.clip_places`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from datasets.scenes.asset import Asset
from datasets.scenes.catalogue import CATALOGUE, Split
from datasets.scenes.clip_cast import Act, Actor, only, steps, straight, with_parts
from datasets.scenes.clip_places import Place
from datasets.scenes.clip_track import Track
from datasets.scenes.lookalikes import lookalike
from datasets.scenes.muck_trucks import TEST_DESIGNS as TIPPERS
from datasets.scenes.muck_trucks import muck_truck
from datasets.scenes.people import person
from datasets.scenes.street_ground import KERB_M
from datasets.scenes.vending import vending

BEHIND_M, BEYOND_M = -10.0, 75.0
"""From where to where ahead of the camera traffic goes."""
CARTS = ("box_tricycle", "barrel_oven", "flower_wagon", "kiosk_tricycle")
STALLS = ("tiered_stand", "corner_cloths")
STANDING_LOOKALIKES = (
    "container",
    "parasol",
    "parked_box_tricycle",
    "phone_booth",
    "cable_drum",
    "guard_booth",
    "cones",
)
WALKING_LOOKALIKES = ("sack_truck", "stroller")
_BASE_M, _LONG_BASE_M = 2.6, 4.0
_ON_ROAD = ("car", "van", "bus", "truck", "muck_truck")
_WALK_M_S = 1.25
_UNPACK_S = 4.0

Timetable = Sequence[tuple[float, float]]
"""Times in seconds and distances ahead of the camera, metres."""


def vehicle(rng: np.random.Generator, kind: str, split: Split) -> Asset:
    """Return a vehicle of a kind."""
    return CATALOGUE[kind](rng, split)


def tipper(rng: np.random.Generator, load_state: str) -> Asset:
    """Return a muck truck in a load state, of a design for testing."""
    return muck_truck(rng, design=str(rng.choice(TIPPERS)), load_state=load_state)


def drives(name: str, asset: Asset, does: str, *, place: Place, y: float, when: Timetable) -> Actor:
    """Return a vehicle that goes straight along a line; it may stop on the way."""
    base = _LONG_BASE_M if asset.kind in ("truck", "muck_truck", "bus") else _BASE_M
    track = straight(y, [(time, place.x(ahead)) for time, ahead in when], base_m=base)
    return Actor(name, does, (Act((asset,), track),), load_state=asset.load_state)


def passing_times(side: int, at_s: float, *, speed_m_s: float, at_m: float = 15.0) -> Timetable:
    """Return the timetable of something that passes a distance ahead at a time, without a stop."""
    ends = (BEHIND_M, BEYOND_M) if side > 0 else (BEYOND_M, BEHIND_M)
    return [(at_s + side * (ahead - at_m) / speed_m_s, ahead) for ahead in ends]


def stands(
    name: str,
    asset: Asset,
    does: str,
    *,
    spot: tuple[float, float, float],
    until_s: float,
    from_s: float = 0.0,
) -> Actor:
    """Return a thing that does not move while it is there.

    Args:
        name: of the actor.
        asset: the thing.
        does: what it is there for.
        spot: x, y and heading in degrees.
        until_s: when it is gone or the clip ends.
        from_s: when it is first there.
    """
    x, y, yaw = spot
    on = (x + math.cos(math.radians(yaw)), y + math.sin(math.radians(yaw)))
    z = 0.0 if asset.kind in _ON_ROAD else KERB_M
    track = Track(((x, y), on), ((from_s, 0.0), (until_s, 0.0)))
    return Actor(name, does, (Act((asset,), track, z),))


def parks(
    name: str,
    asset: Asset,
    does: str,
    *,
    place: Place,
    side: int,
    ahead_m: float,
    stop_s: float | None,
    leave_s: float | None,
    end_s: float,
) -> Actor:
    """Return a car that comes along a lane, stops at the kerb and may leave.

    Args:
        name: of the actor.
        asset: the car.
        does: what it is there for.
        place: where.
        side: of the street.
        ahead_m: where it stops.
        stop_s: when it stops; None where it stood there before the clip began.
        leave_s: when it leaves; None where it stays.
        end_s: when the clip ends.
    """
    lane, kerb = place.lane_y(side, place.plan.lanes_each - 1), place.edge_y(side)
    comes, goes = (BEHIND_M, BEYOND_M) if side > 0 else (BEYOND_M, BEHIND_M)
    # Into the strip over eight metres, out of it again over eight.
    path = [(ahead_m - side * 13.0, lane), (ahead_m - side * 5.0, kerb), (ahead_m, kerb)]
    path += [(ahead_m + side * 5.0, kerb), (ahead_m + side * 13.0, lane)]
    corners = tuple((place.x(ahead), y) for ahead, y in ((comes, lane), *path, (goes, lane)))
    stop_m = way_to(corners, 3)
    far_m = way_to(corners, len(corners) - 1)
    times: list[tuple[float, float]] = [(0.0, stop_m)]
    if stop_s is not None:
        slow_m = max(stop_m - 15.0, 1.0)
        times = [(stop_s - 4.0 - slow_m / 8.0, 0.0), (stop_s - 4.0, slow_m), (stop_s, stop_m)]
    if leave_s is None:
        times.append((end_s, stop_m))
    else:
        times += [(leave_s, stop_m), (leave_s + 4.0, stop_m + 12.0)]
        times.append((leave_s + 4.0 + (far_m - stop_m - 12.0) / 8.0, far_m))
    return Actor(name, does, (Act((asset,), Track(corners, tuple(times), _BASE_M)),))


def turns_at_gate(
    name: str, asset: Asset, does: str, *, place: Place, way: str, start_s: float
) -> Actor:
    """Return a lorry that comes out of the site or goes in.

    Args:
        name: of the actor.
        asset: the lorry.
        does: what it is there for.
        place: with a site's gate.
        way: ``out``, ``out across`` the other lane, ``in`` or ``in across``.
        start_s: when it is first there.
    """
    gate = place.x(place.gate_ahead_m)
    lane, inner = place.lane_y(1), place.plan.front_y + 13.0
    if way.endswith("across"):
        lane = -lane
        far = place.x(BEHIND_M if way.startswith("out") else BEYOND_M)
    else:
        far = place.x(BEYOND_M if way.startswith("out") else BEHIND_M)
    aside = math.copysign(1.0, far - gate)
    corners = [
        (gate, inner),
        (gate, lane + 2.75),
        (gate + 2.0 * aside, lane + 0.15),
        (gate + 7.5 * aside, lane),
        (far, lane),
    ]
    if way.startswith("in"):
        corners.reverse()
    path = tuple(corners)
    whole = way_to(path, len(path) - 1)
    yard = inner - lane
    # Slowly through the gate and round the corner, on the road at a usual speed.
    turn_s, road_s = (yard + 8.0) / 2.2, (whole - yard - 8.0) / 7.0
    if way.startswith("out"):
        times = ((start_s, 0.0), (start_s + turn_s, yard + 8.0), (start_s + turn_s + road_s, whole))
    else:
        slow = whole - yard - 8.0
        times = ((start_s, 0.0), (start_s + road_s, slow), (start_s + road_s + turn_s, whole))
    track = Track(path, times, _LONG_BASE_M)
    return Actor(name, does, (Act((asset,), track),), load_state=asset.load_state)


def way_to(corners: tuple[tuple[float, float], ...], index: int) -> float:
    """Return the way along a track's rounded path to where it is nearest to a corner, metres."""
    track = Track(corners, ((0.0, 0.0), (1.0, 0.0)))
    longest = sum(math.dist(one, other) for one, other in pairwise(corners))
    ways = np.arange(0.0, longest + 0.25, 0.25)
    places = np.array([track.point(float(way)) for way in ways])
    return float(ways[int(np.linalg.norm(places - corners[index], axis=1).argmin())])


def walks(
    name: str, looks: tuple[Asset, ...], does: str, *, place: Place, y: float, when: Timetable
) -> Actor:
    """Return somebody who goes along a pavement on foot, perhaps with halts."""
    track = straight(y, [(time, place.x(ahead)) for time, ahead in when], base_m=0.6)
    return Actor(name, does, (Act(looks, track, KERB_M),))


def walker(rng: np.random.Generator, split: Split) -> tuple[Asset, ...]:
    """Return the looks of somebody who walks."""
    return steps(person(rng, design="carrying" if split == "test" else "walking"))


def walking_times(
    start_s: float, aheads: tuple[float, float], *, halt: tuple[float, float] | None = None
) -> Timetable:
    """Return a timetable at walking speed, with a halt of some seconds at a distance ahead."""
    first, last = aheads
    if halt is None:
        return [(start_s, first), (start_s + abs(last - first) / _WALK_M_S, last)]
    at_m, wait_s = halt
    there_s = start_s + abs(at_m - first) / _WALK_M_S
    gone_s = there_s + wait_s
    return [
        (start_s, first),
        (there_s, at_m),
        (gone_s, at_m),
        (gone_s + abs(last - at_m) / _WALK_M_S, last),
    ]


def stands_aside(rng: np.random.Generator, design: str) -> Asset:
    """Return something that is taken for vending and is not."""
    return lookalike(rng, design=design)


def trade(rng: np.random.Generator, design: str) -> Asset:
    """Return a vending spot with somebody at it."""
    while True:
        spot = vending(rng, design=design)
        if any(part.label == "person" for part in spot.parts):
            return spot


def pushed_cart(rng: np.random.Generator, spot: Asset, split: Split) -> tuple[Asset, ...]:
    """Return the looks of a spot's cart on the move; a kiosk is driven, others are pushed."""
    if spot.design == "kiosk_tricycle":
        return (with_parts(spot, only(spot, ("cart", "canopy"))),)
    cart = only(spot, ("cart",))
    back = float(min(part.shape.points()[:, 0].min() for part in cart))
    looks = steps(person(rng, design="pushing" if split == "test" else "walking"))
    return tuple(with_parts(spot, (*cart, *look.placed(back - 0.25, 0.0).parts)) for look in looks)


def trade_begins_s(spot: Asset, stop_s: float) -> float:
    """Return when somebody who comes trades: with a cart at once, else once the goods lie there."""
    return stop_s if _is_pushed(spot) else stop_s + _UNPACK_S


def _is_pushed(spot: Asset) -> bool:
    return bool(only(spot, ("cart",)))


def sets_up(
    rng: np.random.Generator,
    name: str,
    spot: Asset,
    *,
    place: Place,
    side: int,
    at: tuple[float, float],
    stop_s: float,
    end_s: float,
) -> Actor:
    """Return a trader who comes along the pavement, unpacks and stays.

    Carts come as they are; what is sold from a stall is carried there and unpacked in seconds.

    Args:
        rng: for who comes.
        name: of the actor.
        spot: from :func:`trade`.
        place: where.
        side: of the street; customers stand on the side of the road.
        at: distance ahead and y.
        stop_s: when the trader is there.
        end_s: when the clip ends.
    """
    ahead, y = at
    first = ahead + side * 24.0
    looks = pushed_cart(rng, spot, "test") if _is_pushed(spot) else walker(rng, "test")
    track = straight(
        y, [(stop_s - 24.0 / _WALK_M_S, place.x(first)), (stop_s, place.x(ahead))], base_m=0.6
    )
    x, on = place.x(ahead), place.x(ahead - side)
    begins_s = stop_s + _UNPACK_S
    alone = Track(((x, y), (on, y)), ((stop_s, 0.0), (begins_s, 0.0)))
    there = Track(((x, y), (on, y)), ((begins_s, 0.0), (end_s, 0.0)))
    acts = (
        Act(looks, track, KERB_M),
        Act(looks[:1], alone, KERB_M),
        Act((spot,), there, KERB_M),
    )
    return Actor(name, "comes, unpacks and stays in the no-vending zone", acts)
