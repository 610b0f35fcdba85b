"""Putting traffic, people and traders where they can be on a street."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from datasets.scenes.asset import Asset
from datasets.scenes.streets import Street, Strip, StripKind, seen_strip_points
from datasets.scenes.view import View

Footprint = tuple[float, float, float, float]
"""x0, y0, x1, y1 on the ground, metres."""
MakeAsset = Callable[[str], Asset]
"""From a kind to an asset of that kind, drawn at random."""

_TRIES = 14
_GAP_M = 0.35
# A person this many pixels high is the smallest that is worth a place.
_SMALLEST_PX = 24.0
_PERSON_M = 1.7


@dataclass(frozen=True, slots=True)
class _Wish:
    """So many things of one kind, and where they may be."""

    kind: str
    count: tuple[int, int]
    where: tuple[StripKind, ...]
    way: str


# Placed in this order: the big and rare first, so that they find room.
_WISHES = (
    _Wish("muck_truck", (0, 2), ("lane", "lane", "lane", "gate", "bays"), "along"),
    _Wish("vending", (1, 5), ("pavement", "pavement", "pavement", "cycle", "bays"), "square"),
    _Wish("lookalike", (0, 2), ("pavement",), "square"),
    _Wish("bus", (0, 1), ("lane",), "along"),
    _Wish("truck", (0, 2), ("lane", "bays"), "along"),
    _Wish("car", (2, 7), ("lane", "lane", "bays", "cycle"), "along"),
    _Wish("van", (0, 2), ("lane", "bays"), "along"),
    _Wish("two_wheeler", (0, 4), ("cycle", "lane", "pavement"), "along"),
    _Wish("person", (2, 9), ("pavement", "pavement", "pavement", "cycle"), "any"),
)


def footprint(asset: Asset, *, below_m: float = 50.0) -> Footprint:
    """Return the ground that an asset covers.

    Args:
        asset: where it stands.
        below_m: leaves out what is higher.
    """
    points = np.vstack([part.shape.points() for part in asset.parts if part.shape.vertices])
    points = points[points[:, 2] <= below_m]
    (x0, y0), (x1, y1) = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    return float(x0), float(y0), float(x1), float(y1)


def clear_of(spot: Footprint, others: list[Footprint], *, gap_m: float) -> bool:
    """Return whether a footprint keeps its distance from others."""
    x0, y0, x1, y1 = spot
    return not any(
        x0 < ox1 + gap_m and ox0 < x1 + gap_m and y0 < oy1 + gap_m and oy0 < y1 + gap_m
        for ox0, oy0, ox1, oy1 in others
    )


def standing_footprints(street: Street) -> list[Footprint]:
    """Return the ground that posts, trunks and boxes take; rows along the street are left out."""
    spots = []
    for shape in street.standing:
        points = shape.points()
        foot = points[points[:, 2] < 2.2]
        if len(foot) and np.ptp(foot[:, 0]) < 5.0:
            (x0, y0), (x1, y1) = foot[:, :2].min(axis=0), foot[:, :2].max(axis=0)
            spots.append((float(x0), float(y0), float(x1), float(y1)))
    return spots


def populate(
    street: Street,
    view: View,
    rng: np.random.Generator,
    *,
    make: MakeAsset,
    counts: Mapping[str, tuple[int, int]] | None = None,
) -> list[Asset]:
    """Return assets placed where the view shows them and where their kind belongs.

    Args:
        street: the place.
        view: the camera.
        rng: decides how many of each kind, where, and which way they face.
        make: draws an asset of a kind.
        counts: least and most of some kinds, where a street is to hold more or fewer than usual.
    """
    reach = min(70.0, _PERSON_M * view.focal_px / _SMALLEST_PX)
    points = seen_strip_points(street, view, reach_m=reach)
    taken = standing_footprints(street)
    placed: list[Asset] = []
    for wish in _WISHES:
        least, most = (counts or {}).get(wish.kind, wish.count)
        for _ in range(int(rng.integers(least, most + 1))):
            asset = _place(make(wish.kind), wish, (street, points, taken), rng)
            if asset is not None:
                placed.append(asset)
    return placed


def _place(
    asset: Asset,
    wish: _Wish,
    room: tuple[Street, np.ndarray, list[Footprint]],
    rng: np.random.Generator,
) -> Asset | None:
    street, points, taken = room
    kinds = np.array([street.strips[int(index)].kind for index in points[:, 3]])
    for _ in range(_TRIES):
        where = wish.where[int(rng.integers(len(wish.where)))]
        choice = points[kinds == where]
        if not len(choice):
            continue
        x, y, z, index = choice[int(rng.integers(len(choice)))]
        strip = street.strips[int(index)]
        yaw = _yaw(wish.way, strip, rng)
        if wish.way == "along" and strip.kind != "pavement":
            y = strip.middle_y + rng.uniform(-0.2, 0.2)
        if strip.kind == "gate":
            x, y = sum(strip.x) / 2 + rng.uniform(-1.0, 1.0), y - 2.0
        spot = asset.placed(float(x), float(y), yaw_deg=yaw, z=float(z))
        foot = footprint(spot)
        if strip.kind != "gate" and not _within(foot, strip):
            continue
        if clear_of(foot, taken, gap_m=_GAP_M):
            taken.append(foot)
            return spot
    return None


def _yaw(way: str, strip: Strip, rng: np.random.Generator) -> float:
    if way == "any":
        return float(rng.uniform(0, 360))
    if way == "square":
        return float(90 * rng.integers(4) + rng.normal(0, 6))
    if strip.kind == "pavement":
        # Parked in a row, across the pavement.
        return float(rng.choice([90.0, -90.0]) + rng.normal(0, 8))
    return float(strip.heading_deg + rng.normal(0, 1.5))


def _within(foot: Footprint, strip: Strip) -> bool:
    """Return whether a footprint stays in its strip, give or take half a metre."""
    return foot[1] >= strip.y[0] - 0.5 and foot[3] <= strip.y[1] + 0.5
