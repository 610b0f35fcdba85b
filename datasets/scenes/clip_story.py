"""The sample clip's story: one street, one camera, and who does what when. Values only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from datasets.scenes.asset import Asset, Part
from datasets.scenes.catalogue import CATALOGUE
from datasets.scenes.clip_track import Track
from datasets.scenes.muck_trucks import muck_truck
from datasets.scenes.people import person
from datasets.scenes.shape import Shape
from datasets.scenes.street_ground import KERB_M, StreetPlan
from datasets.scenes.streets import Street, build_street
from datasets.scenes.vending import vending
from datasets.scenes.view import View

SEED = 153
DURATION_S = 180.0
FRAMES_PER_S = 5
SIZE_WH = (960, 540)
RED_S = (28.0, 70.0)
"""From when to when the traffic light is red."""
SUN_AZIMUTH_DEG, SUN_ELEVATION_DEG = -118.0, 47.0

_FOV_DEG = 62.0
VIEW = View((-3.0, -10.4, 7.6), (17.0, 0.4, 0.0), _FOV_DEG, SIZE_WH)
MARGIN_PX = (120, 80)
"""What is rendered beyond each side of the picture: things that come in are whole."""
WIDE_VIEW = replace(
    VIEW,
    size_wh=(SIZE_WH[0] + 2 * MARGIN_PX[0], SIZE_WH[1] + 2 * MARGIN_PX[1]),
    fov_deg=2
    * math.degrees(
        math.atan(math.tan(math.radians(_FOV_DEG / 2)) * (1 + 2 * MARGIN_PX[0] / SIZE_WH[0]))
    ),
)
"""The same camera with a larger sensor."""
_PLAN = StreetPlan(
    x0=-25.0,
    x1=100.0,
    pavement_m=5.0,
    zebra_x=30.0,
    gate_x=20.5,
    left="hoarding",
    right="fence",
)

ZoneKind = Literal["no_parking", "no_vending", "truck_gate"]
ZONES: dict[ZoneKind, tuple[float, float, float, float]] = {
    "no_parking": (9.0, -5.7, 24.5, -0.6),
    "no_vending": (7.5, -10.2, 25.0, -5.9),
    "truck_gate": (13.0, 0.3, 27.0, 10.5),
}
"""x0, y0, x1, y1 on the ground, metres."""


@dataclass(frozen=True, slots=True)
class Act:
    """What an actor does for a while.

    Attributes:
        looks: how it looks; several are taken in turn along the way, as steps are.
        track: where it is when; from its first time to its last.
        z: height of the ground there.
    """

    looks: tuple[Asset, ...]
    track: Track
    z: float = 0.0


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody or something that comes, and perhaps stays or goes.

    Attributes:
        id: its name.
        does: what it is there for, in a few words.
        acts: one after the other in time.
        load_state: of a muck truck, else None.
        rendered_as: the actor whose pictures it shares: the same looks on the same tracks at
            another time.
    """

    id: str
    does: str
    acts: tuple[Act, ...]
    load_state: str | None = None
    rendered_as: str = ""

    @property
    def pictures(self) -> str:
        """Return the name that its pictures go by."""
        return self.rendered_as or self.id

    def act_at(self, time_s: float) -> Act | None:
        """Return what the actor does at a time; None while it is not there."""
        for act in self.acts:
            if act.track.start_s <= time_s < act.track.end_s:
                return act
        return None


def clip_street(*, red: bool) -> Street:
    """Return the clip's street; it differs by its traffic light alone."""
    return build_street(replace(_PLAN, red=red), np.random.default_rng(SEED))


def _rng(seed: int) -> np.random.Generator:
    return np.random.default_rng((SEED, seed))


def _along(lane_y: float, timetable: Sequence[tuple[float, float]], *, base_m: float) -> Track:
    """Return a straight track; the timetable says when it is at which x."""
    first, last = timetable[0][1], timetable[-1][1]
    way = 1.0 if last > first else -1.0
    times = tuple((time, way * (x - first)) for time, x in timetable)
    return Track(((first, lane_y), (last, lane_y)), times, base_m)


def _drive(
    name: str,
    kind: str,
    seed: int,
    lane_y: float,
    timetable: Sequence[tuple[float, float]],
    does: str,
) -> Actor:
    asset = CATALOGUE[kind](_rng(seed), "train")
    return Actor(name, does, (Act((asset,), _along(lane_y, timetable, base_m=2.6)),))


_LANE, _CYCLE = 1.75, 4.6


def _traffic() -> list[Actor]:
    passing = [
        _drive("car-1", "car", 1, -_LANE, ((1.5, -4.0), (14.5, 105.0)), "passes"),
        _drive("car-2", "car", 2, _LANE, ((3.0, 95.0), (16.0, -6.0)), "passes"),
        _drive("two-wheeler-1", "two_wheeler", 3, _CYCLE, ((18.0, 80.0), (36.0, -4.0)), "passes"),
        _drive("bus-1", "bus", 5, _LANE, ((104.0, 100.0), (119.0, -10.0)), "passes"),
        _drive("truck-1", "truck", 7, _LANE, ((157.0, 95.0), (171.0, -8.0)), "passes"),
        _drive("two-wheeler-2", "two_wheeler", 8, _CYCLE, ((150.0, 80.0), (167.0, -4.0)), "passes"),
    ]
    stops = (23.4, 17.3, 11.4, 5.4)
    queue = []
    for place, (stop, kind) in enumerate(zip(stops, ("car", "car", "van", "car"), strict=True)):
        comes, goes = 25.5 + 4.0 * place, 70.8 + 1.4 * place
        halts = comes + 3.0 + (stop + 4.0) / 7.0
        leaves = goes + 12.0 + place
        times = ((comes, -5.0), (halts, stop), (goes, stop), (leaves, 105.0))
        queue.append(
            _drive(f"queue-{place + 1}", kind, 20 + place, -_LANE, times, "waits at the light")
        )
    back = [_again(passing[0], "car-3", 92.6), _again(passing[0], "car-4", 149.6)]
    return passing + back + queue


def _again(actor: Actor, name: str, later_s: float) -> Actor:
    """Return an actor that does the same later on."""
    acts = []
    for act in actor.acts:
        times = tuple((time + later_s, way) for time, way in act.track.timetable)
        acts.append(replace(act, track=replace(act.track, timetable=times)))
    return replace(actor, id=name, acts=tuple(acts), rendered_as=actor.id)


def _parking() -> Actor:
    asset = CATALOGUE["car"](_rng(30), "train")
    way = Track(
        ((-5.0, -_LANE), (3.5, -_LANE), (9.0, -_CYCLE), (15.5, -_CYCLE), (30.0, -_CYCLE)),
        ((11.0, 0.0), (20.0, 20.8), (DURATION_S, 20.8)),
        2.6,
    )
    return Actor("car-parks", "parks in the no-parking zone and stays", (Act((asset,), way),))


def _muck_trucks() -> list[Actor]:
    corners = ((20.5, 24.0), (20.5, 4.5), (18.5, 1.9), (13.0, _LANE), (-8.0, _LANE))
    actors = []
    for name, state, design, seed, start in (
        ("muck-truck-1", "heaped", "cabover_6x4", 40, 83.0),
        ("muck-truck-2", "covered", "cabover_8x4", 43, 127.0),
    ):
        asset = muck_truck(_rng(seed), design=design, load_state=state)
        # Slowly out of the gate and round the corner, then on.
        times = ((start, 0.0), (start + 6.5, 13.0), (start + 12.0, 26.0), (start + 18.0, 49.0))
        track = Track(corners, times, 4.0)
        actors.append(
            Actor(name, f"leaves the site {state}", (Act((asset,), track),), load_state=state)
        )
    return actors


def _mirrored(asset: Asset) -> Asset:
    """Return an asset with left and right changed: the other step of somebody who walks."""
    parts = []
    for part in asset.parts:
        shape = Shape(
            [(x, -y, z) for x, y, z in part.shape.vertices],
            [tuple(reversed(face)) for face in part.shape.faces],
            list(part.shape.paints),
        )
        parts.append(Part(part.label, shape))
    return replace(asset, parts=tuple(parts))


def _walker(seed: int) -> tuple[Asset, Asset]:
    asset = person(_rng(seed), design="walking")
    return asset, _mirrored(asset)


def _walk(
    name: str,
    seed: int,
    corners: tuple[tuple[float, float], ...],
    timetable: tuple[tuple[float, float], ...],
) -> Actor:
    act = Act(_walker(seed), Track(corners, timetable), KERB_M)
    return Actor(name, "walks by", (act,))


def _pedestrians() -> list[Actor]:
    crossing = (
        Act(_walker(54), Track(((29.3, 9.0), (29.3, -8.5)), ((38.0, 0.0), (51.0, 17.5)))),
        Act(_walker(55), Track(((31.0, -9.0), (31.0, 9.0)), ((41.0, 0.0), (55.0, 18.0)))),
    )
    comes = Track(((45.0, -7.4), (16.5, -7.4), (14.6, -10.0)), ((96.0, 0.0), (119.0, 31.2)))
    stays = Track(((14.4, -10.0), (14.38, -9.9)), ((119.0, 0.0), (150.0, 0.0)))
    return [
        _walk("person-1", 50, ((4.0, -7.6), (50.0, -7.6)), ((0.0, 0.0), (33.0, 46.0))),
        _walk("person-2", 51, ((40.0, -8.4), (4.0, -7.2)), ((14.0, 0.0), (40.0, 36.0))),
        _walk("person-3", 52, ((6.0, 7.2), (48.0, 7.2)), ((52.0, 0.0), (80.0, 42.0))),
        Actor("person-4", "crosses while the light is red", crossing[:1]),
        Actor("person-5", "crosses while the light is red", crossing[1:]),
        Actor(
            "customer-1",
            "comes to the stall and buys",
            (Act(_walker(56), comes, KERB_M), Act(_walker(56)[:1], stays, KERB_M)),
        ),
    ]


def _only(asset: Asset, labels: Sequence[str | None]) -> tuple[Part, ...]:
    return tuple(part for part in asset.parts if part.label in labels and part.shape.faces)


def _with(asset: Asset, parts: Sequence[Part]) -> Asset:
    return replace(asset, parts=tuple(parts))


def _umbrella(spot: Asset) -> tuple[Part, ...]:
    """Return a spot's canopy and the pole that comes with it."""
    first = next(index for index, part in enumerate(spot.parts) if part.label == "canopy")
    return spot.parts[first : first + 2]


def _vendor_who_stays() -> Actor:
    """Return a trader: comes with a loaded tricycle, puts up a canopy, lays out goods, stays."""
    spot = vending(_rng(60), design="tricycle_cart")
    cart = _only(spot, ("cart",))
    umbrella = _umbrella(vending(_rng(89), design="tricycle_cart"))
    reach = float(max(part.shape.points()[:, 0].max() for part in cart))
    pushes = [look.placed(reach - 0.35, 0.62).parts for look in _walker(61)]
    seller = _walker(61)[0].placed(-0.3, 1.0, yaw_deg=-80).parts
    coming = Track(((2.0, -8.9), (13.0, -8.9)), ((50.0, 0.0), (62.0, 11.0)))
    there = ((13.0, -8.9), (13.5, -8.9))

    def stands(start: float, end: float, parts: Sequence[Part]) -> Act:
        return Act((_with(spot, parts),), Track(there, ((start, 0.0), (end, 0.0))), KERB_M)

    alone = (*cart, *seller)
    canopy = (*alone, *umbrella)
    acts = (
        Act(tuple(_with(spot, (*cart, *push)) for push in pushes), coming, KERB_M),
        stands(62.0, 69.0, alone),
        stands(69.0, 76.0, canopy),
        stands(76.0, DURATION_S, (*canopy, *_only(spot, ("stall",)))),
    )
    return Actor("vendor-stays", "sets up a stall in the no-vending zone and stays", acts)


def _vendor_who_passes() -> Actor:
    spot = vending(_rng(70), design="hand_barrow")
    barrow = _only(spot, ("cart",))
    back = float(min(part.shape.points()[:, 0].min() for part in barrow))
    looks = tuple(
        _with(spot, (*barrow, *look.placed(back - 0.1, 0.0).parts)) for look in _walker(71)
    )
    track = Track(((50.0, -7.0), (2.0, -7.0)), ((83.0, 0.0), (125.0, 48.0)), 1.4)
    return Actor(
        "vendor-passes", "walks through with a loaded barrow", (Act(looks, track, KERB_M),)
    )


def actors() -> tuple[Actor, ...]:
    """Return everybody and everything that moves or comes to stand in the clip."""
    return (
        *_traffic(),
        _parking(),
        *_muck_trucks(),
        *_pedestrians(),
        _vendor_who_stays(),
        _vendor_who_passes(),
    )
