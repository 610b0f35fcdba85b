"""The sample clip's story: one street, one camera, and who does what when. Values only."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from datasets.scenes.asset import Asset, Part
from datasets.scenes.catalogue import CATALOGUE
from datasets.scenes.clip_cast import (
    Act,
    Actor,
    again,
    only,
    steps,
    straight,
    with_parts,
)
from datasets.scenes.clip_scene import (
    Clip,
    ClipEvent,
    Daylight,
    GroundZone,
    Harmless,
    passage,
)
from datasets.scenes.clip_track import Track
from datasets.scenes.muck_trucks import muck_truck
from datasets.scenes.people import person
from datasets.scenes.street_ground import KERB_M, StreetPlan
from datasets.scenes.vending import vending
from datasets.scenes.view import View

_SEED = 153
_DURATION_S = 180.0
_FRAMES_PER_S = 5
DWELL_S = 60
"""How long something has to stay in a zone of the sample; real zones wait longer."""
_RED_S = (28.0, 70.0)
_VIEW = View((-3.0, -10.4, 7.6), (17.0, 0.4, 0.0), 62.0, (960, 540))
_PLAN = StreetPlan(
    x0=-25.0,
    x1=100.0,
    pavement_m=5.0,
    zebra_x=30.0,
    gate_x=20.5,
    left="hoarding",
    right="fence",
)

_ZONES = (
    GroundZone(
        "kerb lane",
        "no_parking",
        ((9.0, -5.7), (24.5, -5.7), (24.5, -0.6), (9.0, -0.6)),
        {"dwell_s": DWELL_S, "jurisdiction": "carriageway"},
    ),
    GroundZone(
        "park pavement",
        "no_vending",
        ((7.5, -10.2), (25.0, -10.2), (25.0, -5.9), (7.5, -5.9)),
        {"dwell_s": DWELL_S},
    ),
    GroundZone(
        "site gate",
        "truck_gate",
        ((13.0, 0.3), (27.0, 0.3), (27.0, 10.5), (13.0, 10.5)),
        inward=(20.5, 16.0),
    ),
)


def _rng(seed: int) -> np.random.Generator:
    return np.random.default_rng((_SEED, seed))


def _drive(
    name: str,
    kind: str,
    seed: int,
    lane_y: float,
    timetable: Sequence[tuple[float, float]],
    does: str,
) -> Actor:
    asset = CATALOGUE[kind](_rng(seed), "train")
    return Actor(name, does, (Act((asset,), straight(lane_y, timetable, base_m=2.6)),))


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
    back = [again(passing[0], "car-3", 92.6), again(passing[0], "car-4", 149.6)]
    return passing + back + queue


def _parking() -> Actor:
    asset = CATALOGUE["car"](_rng(30), "train")
    way = Track(
        ((-5.0, -_LANE), (3.5, -_LANE), (9.0, -_CYCLE), (15.5, -_CYCLE), (30.0, -_CYCLE)),
        ((11.0, 0.0), (20.0, 20.8), (_DURATION_S, 20.8)),
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


def _walker(seed: int) -> tuple[Asset, Asset]:
    return steps(person(_rng(seed), design="walking"))


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


def _umbrella(spot: Asset) -> tuple[Part, ...]:
    """Return a spot's canopy and the pole that comes with it."""
    first = next(index for index, part in enumerate(spot.parts) if part.label == "canopy")
    return spot.parts[first : first + 2]


def _vendor_who_stays() -> Actor:
    """Return a trader: comes with a loaded tricycle, puts up a canopy, lays out goods, stays."""
    spot = vending(_rng(60), design="tricycle_cart")
    cart = only(spot, ("cart",))
    umbrella = _umbrella(vending(_rng(89), design="tricycle_cart"))
    reach = float(max(part.shape.points()[:, 0].max() for part in cart))
    pushes = [look.placed(reach - 0.35, 0.62).parts for look in _walker(61)]
    seller = _walker(61)[0].placed(-0.3, 1.0, yaw_deg=-80).parts
    coming = Track(((2.0, -8.9), (13.0, -8.9)), ((50.0, 0.0), (62.0, 11.0)))
    there = ((13.0, -8.9), (13.5, -8.9))

    def stands(start: float, end: float, parts: Sequence[Part]) -> Act:
        return Act((with_parts(spot, parts),), Track(there, ((start, 0.0), (end, 0.0))), KERB_M)

    alone = (*cart, *seller)
    canopy = (*alone, *umbrella)
    acts = (
        Act(tuple(with_parts(spot, (*cart, *push)) for push in pushes), coming, KERB_M),
        stands(62.0, 69.0, alone),
        stands(69.0, 76.0, canopy),
        stands(76.0, _DURATION_S, (*canopy, *only(spot, ("stall",)))),
    )
    return Actor("vendor-stays", "sets up a stall in the no-vending zone and stays", acts)


def _vendor_who_passes() -> Actor:
    spot = vending(_rng(70), design="hand_barrow")
    barrow = only(spot, ("cart",))
    back = float(min(part.shape.points()[:, 0].min() for part in barrow))
    looks = tuple(
        with_parts(spot, (*barrow, *look.placed(back - 0.1, 0.0).parts)) for look in _walker(71)
    )
    track = Track(((50.0, -7.0), (2.0, -7.0)), ((83.0, 0.0), (125.0, 48.0)), 1.4)
    return Actor(
        "vendor-passes", "walks through with a loaded barrow", (Act(looks, track, KERB_M),)
    )


def _actors() -> tuple[Actor, ...]:
    return (
        *_traffic(),
        _parking(),
        *_muck_trucks(),
        *_pedestrians(),
        _vendor_who_stays(),
        _vendor_who_passes(),
    )


_STANDS_OR_PASSES = {
    **{f"car-{number}": "passes" for number in range(1, 5)},
    **{f"queue-{number}": "queue" for number in range(1, 5)},
    "bus-1": "passes",
    "truck-1": "passes",
}


@cache
def sample_clip() -> Clip:
    """Return the sample clip."""
    cast = _actors()
    began_s, ended_s = passage(next(a for a in cast if a.id == "muck-truck-1"), _ZONES[2])
    events = (
        ClipEvent("illegal_parking", _ZONES[0].name, "car-parks", 20.0),
        ClipEvent("street_vending", _ZONES[1].name, "vendor-stays", 62.0),
        ClipEvent(
            "muck_truck_overload", _ZONES[2].name, "muck-truck-1", began_s, ended_s, "heaped", "out"
        ),
    )
    harmless = (
        *(Harmless("illegal_parking", name, why) for name, why in _STANDS_OR_PASSES.items()),
        Harmless("street_vending", "vendor-passes", "passes"),
        Harmless("muck_truck_overload", "muck-truck-2", "covered"),
        Harmless("muck_truck_uncovered", "muck-truck-2", "covered"),
        Harmless("muck_truck_uncovered", "muck-truck-1", "heaped"),
        Harmless("muck_truck_overload", "truck-1", "other lorry"),
        Harmless("muck_truck_uncovered", "truck-1", "other lorry"),
    )
    return Clip(
        name="sample",
        seed=_SEED,
        place="Sample street, site gate",
        duration_s=_DURATION_S,
        frames_per_s=_FRAMES_PER_S,
        plan=_PLAN,
        view=_VIEW,
        daylight=Daylight("day", -118.0, 47.0),
        zones=_ZONES,
        actors=cast,
        events=events,
        harmless=harmless,
        red_s=_RED_S,
    )
