"""The evaluation clips: streets, cameras and stories that no model and no threshold was made on.

Each clip has a street, a camera, a light and actors of its own, all drawn from the clip's seed;
what kind of story it tells stands in a table. Everything is of the designs for testing. Streets to
learn from (:mod:`datasets.scenes.clip_training`) are drawn alike, from other seeds and of other
designs.

The table is told four times. What goes wrong in the first two tellings may be looked at and mended.
The last two show what that is worth: nothing may be fitted to them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np

from datasets.scenes.clip_casting import Casting, NoRoom
from datasets.scenes.clip_places import Gate, Place, draw_place
from datasets.scenes.clip_scene import COARSE, Clip, DaylightKind, GroundZone
from datasets.scenes.clip_traffic import LaneFull, Traffic

Flow = Literal["free", "queue", "jam", "site"]
"""Traffic: free; waiting at a red light; creeping in a jam; free, with a building site's gate."""
Parking = Literal["pulls in", "stood before", "takes turns", "on the pavement", "behind a bus"]
Trade = Literal["cart comes", "stall comes", "cart stays", "stall stays", "two stay"]

DURATION_S, FRAMES_PER_S = 110.0, 5
DWELL_S, GRACE_S, COOLDOWN_S = 25.0, 8.0, 20.0
"""Shorter than real ones by a factor of twelve, and so are the clips."""
_RED_S = (36.0, 72.0)
_FITTED_SEED, _UNFITTED_SEED = 7100, 7243
"""To which a clip's number is added, from the third telling on its number after the first two. The
streets of seeds between were looked at, too, while rules were made."""
_ATTEMPTS = 20


@dataclass(frozen=True, slots=True)
class Story:
    """What kind of things happen in a clip."""

    flow: Flow
    parking: Parking
    trade: Trade
    daylight: DaylightKind


STORIES: tuple[Story, ...] = (
    Story("queue", "pulls in", "cart comes", "day"),
    Story("site", "stood before", "stall stays", "overcast"),
    Story("free", "takes turns", "cart stays", "dusk"),
    Story("queue", "on the pavement", "two stay", "overcast"),
    Story("site", "pulls in", "cart comes", "day"),
    Story("jam", "stood before", "stall comes", "day"),
    Story("free", "behind a bus", "two stay", "overcast"),
    Story("queue", "stood before", "stall comes", "dusk"),
    Story("site", "takes turns", "cart stays", "overcast"),
    Story("free", "on the pavement", "stall stays", "day"),
    Story("queue", "takes turns", "cart comes", "overcast"),
    Story("site", "stood before", "two stay", "dusk"),
    Story("jam", "pulls in", "cart stays", "overcast"),
    Story("free", "behind a bus", "cart comes", "day"),
    Story("queue", "pulls in", "stall stays", "day"),
    Story("site", "pulls in", "stall comes", "dusk"),
    Story("free", "takes turns", "two stay", "day"),
    Story("queue", "stood before", "cart stays", "overcast"),
    Story("site", "stood before", "cart comes", "day"),
    Story("jam", "on the pavement", "stall stays", "dusk"),
    Story("free", "behind a bus", "stall comes", "overcast"),
)


TELLINGS = 4
FITTED = 2 * len(STORIES)
"""Clips of which the faults may be mended: the first so many."""


def clip_names() -> tuple[str, ...]:
    """Return the names of all evaluation clips."""
    return tuple(f"clip_{number:02d}" for number in range(1, TELLINGS * len(STORIES) + 1))


@cache
def evaluation_clip(number: int) -> Clip:
    """Return an evaluation clip.

    Args:
        number: from 1.
    """
    for attempt in range(_ATTEMPTS):
        try:
            return _attempt(number, attempt)
        except (NoRoom, LaneFull):
            continue
    raise RuntimeError(f"no street was drawn that has room for story {number}")


def _attempt(number: int, attempt: int) -> Clip:
    story = STORIES[(number - 1) % len(STORIES)]
    seed = _FITTED_SEED + number if number <= FITTED else _UNFITTED_SEED + number - FITTED
    gate: Gate = "site" if story.flow == "site" else "road"
    place = draw_place(
        np.random.default_rng((seed, 1, attempt)),
        gate=gate,
        zebra=story.flow == "queue",
        daylight=story.daylight,
    )
    red_s = _RED_S if story.flow == "queue" else None
    casting = Casting(place, np.random.default_rng((seed, 2, attempt)), end_s=DURATION_S)
    zones = _zones(place, story)
    _settle(casting, story, zones)
    traffic = Traffic(casting, red_s=red_s)
    _FLOWS[story.flow](traffic, zones["gate"], number)
    return Clip(
        name=clip_names()[number - 1],
        seed=seed,
        place=f"Evaluation street {number}",
        duration_s=DURATION_S,
        frames_per_s=FRAMES_PER_S,
        plan=place.plan,
        view=place.view,
        daylight=place.daylight,
        zones=tuple(zones.values()),
        actors=tuple(casting.actors),
        events=tuple(casting.events),
        harmless=tuple(casting.harmless),
        red_s=red_s,
        clear_x=place.clear_x,
        keying=COARSE,
        street_samples=8,
    )


def _zones(place: Place, story: Story) -> dict[str, GroundZone]:
    """Return the zones by what they are for: parking and trade by side, the gate."""
    plan = place.plan
    patience: dict[str, float | str] = {
        "dwell_s": DWELL_S,
        "grace_s": GRACE_S,
        "cooldown_s": COOLDOWN_S,
    }
    zones = {}
    for side, word in ((1, "left"), (-1, "right")):
        settings = {**patience, "jurisdiction": "carriageway"}
        ys = (side * 0.3, side * (plan.kerb_y + 0.15))
        zones[f"kerb {side}"] = place.zone(f"{word} kerb", "no_parking", ys, settings=settings)
        ys = (side * (plan.kerb_y + 0.15), side * (plan.front_y - 0.2))
        zones[f"trade {side}"] = place.zone(
            f"{word} pavement, trade", "no_vending", ys, settings=patience
        )
        if story.parking == "on the pavement" and side < 0:
            settings = {**patience, "jurisdiction": "sidewalk"}
            zones[f"pavement {side}"] = place.zone(
                f"{word} pavement, cars", "no_parking", ys, settings=settings
            )
    zones["gate"] = _gate(place)
    return zones


def _gate(place: Place) -> GroundZone:
    plan = place.plan
    if place.gate == "site":
        middle = place.gate_ahead_m
        aheads = (middle - 6.5, middle + 6.5)
        ys = (0.3, plan.front_y - 0.2)
        inward = (place.x(middle), plan.front_y + 6.0)
        return place.zone("site gate", "truck_gate", ys, aheads=aheads, inward=inward)
    half = plan.lanes_half_m
    near = max(place.nearest_m(half), place.nearest_m(-half)) + 1.0
    aheads = (near, min(near + 11.0, place.far_m - 2.0))
    inward = (place.x(50.0), 0.0)
    return place.zone("haul road", "truck_gate", (-half, half), aheads=aheads, inward=inward)


def _settle(casting: Casting, story: Story, zones: dict[str, GroundZone]) -> None:
    """Put in who parks, who trades, and what only looks like trade."""
    rng = casting.rng
    site = story.flow == "site"
    # A site's gate needs its pavement and kerb free.
    trade_side = -1 if site else int(rng.choice([-1, 1]))
    park_side = -1 if site or story.flow in ("queue", "jam") else int(rng.choice([-1, 1]))
    if story.flow in ("queue", "jam") and rng.random() < 0.5:
        # Beside those who wait.
        park_side = 1
    if story.parking == "behind a bus":
        park_side = 1 if casting.place.view.position[1] < 0 else -1
    if story.parking == "on the pavement":
        park_side, trade_side = -1, 1 if not site else -1
        casting.parks_on_pavement(zones["pavement -1"])
    else:
        casting.parks(story.parking, park_side, zones[f"kerb {park_side}"])
    for number in range(2 if story.trade == "two stay" else 1):
        casting.trades(story.trade, trade_side, zones[f"trade {trade_side}"], number)
    casting.looks_like_trade(trade_side)
    casting.looks_like_trade(-trade_side if not site else -1)
    casting.walks_through(-trade_side)
    if not site:
        # Nobody gets out of a jam to stop at the kerb.
        casting.stops_briefly(-1 if story.flow == "jam" else -park_side)


def _free(traffic: Traffic, gate: GroundZone, number: int) -> None:
    traffic.bus_beside_parked()
    traffic.lorries(gate, third=_third(number))
    traffic.passers(6)


def _queue(traffic: Traffic, gate: GroundZone, number: int) -> None:
    traffic.queue(3 + number % 2)
    traffic.lorries(gate, third=_third(number))
    traffic.passers(4)


def _jam(traffic: Traffic, gate: GroundZone, number: int) -> None:
    traffic.jam(4)
    traffic.lorries(gate, third=_third(number))
    traffic.passers(4)


def _site(traffic: Traffic, gate: GroundZone, number: int) -> None:
    traffic.site_lorries(gate, third=_third(number))
    traffic.passers(4)


def _third(number: int) -> str:
    return ("covered", "empty")[number % 2]


_FLOWS: dict[Flow, Callable[[Traffic, GroundZone, int], None]] = {
    "free": _free,
    "queue": _queue,
    "jam": _jam,
    "site": _site,
}
