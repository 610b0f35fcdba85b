"""A seeded survey scene: a place of lots along roads, and what two flights see of it.

Numpy only: what is new, gone or merely different is decided here and can be checked without
rendering. Sizes are those of small-town plots; shares of what changes are set so that most pairs
hold a few new structures among many changes that are none.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import count

import numpy as np

from datasets.scenes.survey_build import (
    Ids,
    house,
    jitter,
    lean_to,
    pick,
    roof_hut,
    vehicle,
    works_shed,
)
from datasets.scenes.survey_parts import (
    Building,
    Colour,
    Date,
    Heap,
    Net,
    Part,
    Patch,
    Pattern,
    Place,
    Rect,
    Roof,
    Sky,
    Surface,
    Tree,
)

STYLES = ("village", "town", "works")
MARGIN_M = 18.0
"""How far the place goes on beyond the picture, for shadows that fall into it."""
ROAD_CUTS = 4
"""The first so many cuts of the land leave a road: blocks of about 60 m."""
UNCHANGED_SHARE = 0.2
"""Share of pairs without any built change: everything in them must not fire."""
_LOT_M = {"village": (20.0, 34.0), "town": (14.0, 26.0), "works": (32.0, 60.0)}
_ROAD_M = {"village": (3.0, 6.0), "town": (5.0, 9.0), "works": (7.0, 10.0)}
_USES = {
    "village": {"house": 0.45, "field": 0.22, "grove": 0.08, "garden": 0.15, "yard": 0.1},
    "town": {"house": 0.66, "garden": 0.12, "parking": 0.1, "yard": 0.12},
    "works": {"shed": 0.45, "yard": 0.2, "parking": 0.15, "field": 0.1, "house": 0.1},
}
_GROUND = {
    Surface.GRASS: ((0.33, 0.40, 0.20), (0.40, 0.42, 0.25), (0.27, 0.35, 0.18)),
    Surface.CROP: ((0.28, 0.40, 0.17), (0.50, 0.46, 0.26), (0.36, 0.44, 0.22), (0.46, 0.38, 0.28)),
    Surface.SOIL: ((0.58, 0.47, 0.36), (0.62, 0.53, 0.42), (0.50, 0.38, 0.28), (0.66, 0.50, 0.36)),
    Surface.CONCRETE: ((0.63, 0.62, 0.59), (0.70, 0.69, 0.66), (0.56, 0.55, 0.52)),
    Surface.ASPHALT: ((0.33, 0.33, 0.34), (0.42, 0.41, 0.41)),
    Surface.RUBBLE: ((0.60, 0.55, 0.50), (0.55, 0.48, 0.42)),
}
_LEAVES = ((0.16, 0.27, 0.10), (0.22, 0.32, 0.13), (0.13, 0.22, 0.11), (0.28, 0.33, 0.16))
_AUTUMN = ((0.42, 0.34, 0.16), (0.38, 0.28, 0.17), (0.36, 0.36, 0.18))
_NETS = ((0.10, 0.42, 0.22), (0.14, 0.50, 0.27), (0.08, 0.35, 0.20), (0.16, 0.16, 0.17))


@dataclass(frozen=True)
class Lot:
    """One plot: its area, use and ground, and what stands on it at the first date."""

    area: Rect
    use: str
    ground: Patch
    parts: tuple[Part, ...]


def plan_place(seed: int, *, side_m: float) -> Place:
    """Lay out one place at two dates.

    Args:
        seed: Everything random follows from it.
        side_m: Side of the picture in metres.
    """
    rng = np.random.default_rng(seed)
    ids = count()
    style = pick(rng, STYLES)
    lots, roads = _split_land(rng, ids, style=style, side_m=side_m + 2 * MARGIN_M)
    changed = _change_lots(rng, ids, lots)
    base = jitter(rng, pick(rng, _GROUND[Surface.GRASS]), 0.05)
    return Place(
        seed,
        side_m,
        style,
        _date(rng, ids, lots, roads, base),
        _date(rng, ids, changed, roads, jitter(rng, base, 0.12)),
    )


def _split_land(
    rng: np.random.Generator, ids: Ids, *, style: str, side_m: float
) -> tuple[list[Lot], list[Patch]]:
    """Cut a turned square into lots; the first cuts leave roads between."""
    reach = side_m * math.sqrt(2)
    todo = [(Rect(0.0, 0.0, reach, reach, float(rng.uniform(0, math.pi / 2))), 0)]
    lots: list[Lot] = []
    roads: list[Patch] = []
    low, high = _LOT_M[style]
    road = float(rng.uniform(*_ROAD_M[style]))
    surface = Surface.CONCRETE if style == "village" and rng.random() < 0.5 else Surface.ASPHALT
    road_tint = pick(rng, _GROUND[surface])
    while todo:
        area, depth = todo.pop()
        if max(area.length, area.width) < rng.uniform(low, high):
            if max(abs(area.x), abs(area.y)) < side_m / 2:
                lots.append(_lot(rng, ids, area, style))
            continue
        gap = road if depth < ROAD_CUTS else 0.4
        first, second, between = _cut(rng, area, gap)
        todo += [(first, depth + 1), (second, depth + 1)]
        if depth < ROAD_CUTS:
            roads.append(Patch(between, surface, road_tint, int(rng.integers(1 << 30))))
    return lots, roads


def _cut(rng: np.random.Generator, area: Rect, gap: float) -> tuple[Rect, Rect, Rect]:
    share = float(rng.uniform(0.38, 0.62))
    if area.length < area.width:
        turned = Rect(area.x, area.y, area.width, area.length, area.heading + math.pi / 2)
        return _cut(rng, turned, gap)
    first = (area.length - gap) * share
    second = area.length - gap - first
    start = -area.length / 2
    return (
        area.inside(along=start + first / 2, across=0, length=first, width=area.width),
        area.inside(along=-start - second / 2, across=0, length=second, width=area.width),
        area.inside(along=start + first + gap / 2, across=0, length=gap, width=area.width),
    )


def _patch(rng: np.random.Generator, area: Rect, surface: Surface) -> Patch:
    tint = jitter(rng, pick(rng, _GROUND[surface]), 0.08)
    rows = float(rng.uniform(0.9, 2.4)) if surface is Surface.CROP else 0.0
    return Patch(area, surface, tint, int(rng.integers(1 << 30)), rows)


def _lot(rng: np.random.Generator, ids: Ids, area: Rect, style: str) -> Lot:
    uses = _USES[style]
    use = pick(rng, tuple(uses), weights=tuple(uses.values()))
    parts: list[Part] = []
    if use == "house" and min(area.length, area.width) > 7:
        parts += house(rng, ids, area.shrunk(1.2), storeys=4 if style == "town" else 3)
    elif use == "shed":
        parts += works_shed(rng, ids, area.shrunk(2.5))
    elif use == "grove":
        parts += [_tree(rng, ids, area) for _ in range(int(area.length * area.width / 25))]
    elif use == "yard":
        parts += _stores(rng, ids, area)
    if use in ("garden", "house", "field"):
        parts += [_tree(rng, ids, area, beside=parts) for _ in range(int(rng.integers(0, 7)))]
    surfaces = {
        "house": (Surface.GRASS, Surface.CONCRETE, Surface.CONCRETE, Surface.SOIL),
        "field": (Surface.CROP,),
        "grove": (Surface.GRASS,),
        "garden": (Surface.GRASS, Surface.GRASS, Surface.SOIL),
        "yard": (Surface.SOIL, Surface.CONCRETE),
        "parking": (Surface.ASPHALT, Surface.CONCRETE),
        "shed": (Surface.CONCRETE, Surface.ASPHALT),
    }[use]
    return Lot(area, use, _patch(rng, area, pick(rng, surfaces)), tuple(_clear(parts)))


def _clear(parts: list[Part]) -> list[Part]:
    """Without the trees that would grow through a building."""
    buildings = [part for part in parts if isinstance(part, Building)]
    return [
        part
        for part in parts
        if not (isinstance(part, Tree) and any(_in_reach(part, other) for other in buildings))
    ]


def _in_reach(tree: Tree, building: Building) -> bool:
    area = building.area
    cos, sin = math.cos(area.heading), math.sin(area.heading)
    east, north = tree.x - area.x, tree.y - area.y
    along, across = abs(east * cos + north * sin), abs(north * cos - east * sin)
    room = tree.radius * 0.7
    return along < area.length / 2 + room and across < area.width / 2 + room


def _tree(rng: np.random.Generator, ids: Ids, area: Rect, beside: list[Part] | None = None) -> Tree:
    """A tree anywhere on the lot, or at its edge where something stands in the middle."""
    along, across = rng.uniform(-0.46, 0.46, 2)
    if beside:
        along = math.copysign(0.46, along)
    x, y = area.at(float(along) * area.length, float(across) * area.width)
    radius = float(rng.uniform(1.0, 3.6))
    height = radius * float(rng.uniform(1.4, 2.4))
    return Tree(
        id=next(ids),
        x=x,
        y=y,
        radius=radius,
        height=height,
        tint=jitter(rng, pick(rng, _LEAVES), 0.1),
    )


def _stores(rng: np.random.Generator, ids: Ids, area: Rect) -> list[Part]:
    """Heaps on a yard, some under a net."""
    heaps: list[Part] = []
    for _ in range(int(rng.integers(0, 4))):
        length, width = rng.uniform(3, max(4.0, area.width * 0.45), 2)
        along, across = rng.uniform(-0.25, 0.25, 2)
        spot = area.inside(
            along=float(along) * area.length,
            across=float(across) * area.width,
            length=float(length),
            width=float(width),
        )
        netted = rng.random() < 0.3
        tints = _NETS if netted else _GROUND[Surface.SOIL] + _GROUND[Surface.RUBBLE]
        heaps.append(
            Heap(
                id=next(ids),
                area=spot,
                height=float(rng.uniform(0.18, 0.34) * min(length, width)),
                tint=jitter(rng, pick(rng, tints), 0.1),
                pattern=Pattern.NET if netted else Pattern.SOIL,
            )
        )
    return heaps


def _change_lots(rng: np.random.Generator, ids: Ids, lots: list[Lot]) -> list[Lot]:
    """The lots at the second date."""
    built = rng.random() >= UNCHANGED_SHARE
    rate = float(rng.uniform(0.08, 0.3)) if built else 0.0
    return [_change_lot(rng, ids, lot, rate) for lot in lots]


def _change_lot(rng: np.random.Generator, ids: Ids, lot: Lot, rate: float) -> Lot:
    buildings = [part for part in lot.parts if isinstance(part, Building)]
    chance = rng.random()
    if chance < rate:
        return _build_on(rng, ids, lot, buildings)
    if chance < rate * 1.25 and buildings:
        return _cleared(rng, ids, lot)
    if lot.use in ("field", "garden", "yard") and rng.random() < 0.22:
        return _cleared(rng, ids, lot)
    if lot.use == "yard":
        return replace(lot, parts=tuple(_stores(rng, ids, lot.area)))
    return lot


def _build_on(rng: np.random.Generator, ids: Ids, lot: Lot, buildings: list[Building]) -> Lot:
    """New structures on a lot: beside or upon what stands, or where nothing stood."""
    if not buildings:
        room = lot.area.shrunk(1.2)
        if min(room.length, room.width) < 5:
            return lot
        new = (house if rng.random() < 0.7 else works_shed)(rng, ids, room)
        parts = _clear([part for part in lot.parts if isinstance(part, Tree)] + new)
        ground = lot.ground if rng.random() < 0.3 else _patch(rng, lot.area, Surface.SOIL)
        return Lot(lot.area, lot.use, ground, tuple(parts))
    main = max(buildings, key=lambda building: building.area.length * building.area.width)
    if main.roof is Roof.FLAT and rng.random() < 0.7:
        added: Part = roof_hut(rng, ids, main)
    else:
        added = lean_to(rng, ids, main)
    return replace(lot, parts=tuple(_clear([*lot.parts, added])))


def _cleared(rng: np.random.Generator, ids: Ids, lot: Lot) -> Lot:
    """Everything gone: bare soil or rubble, perhaps heaps, perhaps a net over it."""
    surface = Surface.RUBBLE if lot.use == "house" and rng.random() < 0.5 else Surface.SOIL
    parts: list[Part] = list(_stores(rng, ids, lot.area)) if rng.random() < 0.5 else []
    if rng.random() < 0.35:
        area = lot.area.shrunk(float(rng.uniform(0.5, 2.5)))
        half = replace(area, length=area.length * float(rng.uniform(0.4, 1.0)))
        parts.append(Net(id=next(ids), area=half, tint=jitter(rng, pick(rng, _NETS), 0.1)))
    return Lot(lot.area, "yard", _patch(rng, lot.area, surface), tuple(parts))


def _date(
    rng: np.random.Generator, ids: Ids, lots: list[Lot], roads: list[Patch], base_tint: Colour
) -> Date:
    """One flight: season, vehicles and light are drawn anew."""
    ground = [_season(rng, lot.ground) for lot in lots] + roads
    parts: list[Part] = [part for lot in lots for part in lot.parts]
    autumn = rng.random() < 0.25
    growth = float(rng.uniform(0.9, 1.1))
    parts = [
        _grown(rng, part, growth, autumn=autumn) if isinstance(part, Tree) else part
        for part in parts
        if not (isinstance(part, Tree) and rng.random() < 0.04)
    ]
    for lot in lots:
        if lot.use == "parking":
            parts += _parked(rng, ids, lot.area, rows=True)
        elif lot.use == "yard" and rng.random() < 0.4:
            parts += _parked(rng, ids, lot.area, rows=False)
    for road in roads:
        parts += _driving(rng, ids, road.area)
    sky = Sky(
        overcast=rng.random() < 0.25,
        # North of the tropic the sun stands in the southern half when drones fly.
        sun_azimuth_deg=float(rng.uniform(-200, 20)),
        sun_elevation_deg=float(rng.uniform(28, 68)),
        exposure_stops=float(rng.uniform(-0.25, 0.3)),
        haze=float(rng.uniform(0.1, 0.4)),
    )
    return Date(tuple(ground), tuple(parts), sky, base_tint)


def _season(rng: np.random.Generator, patch: Patch) -> Patch:
    """The same ground on another day: crops differ, grass dries or greens, the rest hardly."""
    if patch.surface is Surface.CROP:
        return _patch(rng, patch.area, Surface.CROP)
    amount = 0.1 if patch.surface is Surface.GRASS else 0.03
    return replace(patch, tint=jitter(rng, patch.tint, amount), seed=patch.seed + 1)


def _grown(rng: np.random.Generator, tree: Tree, growth: float, *, autumn: bool) -> Tree:
    tint = pick(rng, _AUTUMN) if autumn and rng.random() < 0.6 else tree.tint
    return replace(tree, radius=tree.radius * growth, tint=jitter(rng, tint, 0.08))


def _parked(rng: np.random.Generator, ids: Ids, area: Rect, *, rows: bool) -> list[Part]:
    """Vehicles on a lot: in rows, or a few anyhow."""
    if not rows:
        return [
            vehicle(
                rng,
                ids,
                area.at(
                    float(rng.uniform(-0.4, 0.4)) * area.length,
                    float(rng.uniform(-0.4, 0.4)) * area.width,
                ),
                heading=float(rng.uniform(0, math.pi)),
            )
            for _ in range(int(rng.integers(1, 4)))
        ]
    parked: list[Part] = []
    for across in np.arange(-area.width / 2 + 3.5, area.width / 2 - 3, 11.0):
        for along in np.arange(-area.length / 2 + 2, area.length / 2 - 2, 2.7):
            if rng.random() < 0.45:
                spot = area.at(float(along), float(across + rng.normal(0, 0.2)))
                heading = area.heading + math.pi / 2 + float(rng.normal(0, 0.04))
                parked.append(vehicle(rng, ids, spot, heading=heading, lorries=False))
    return parked


def _driving(rng: np.random.Generator, ids: Ids, road: Rect) -> list[Part]:
    """Vehicles on a road; a road's rectangle runs across its narrow side."""
    long, narrow = max(road.length, road.width), min(road.length, road.width)
    turned = road.width > road.length
    driving: list[Part] = []
    for _ in range(int(rng.poisson(long / 60))):
        ahead, lane = float(rng.uniform(-0.5, 0.5)) * long, float(rng.choice([-1, 1])) * narrow / 4
        spot = road.at(lane, ahead) if turned else road.at(ahead, lane)
        heading = road.heading + (math.pi / 2 if turned else 0.0)
        driving.append(vehicle(rng, ids, spot, heading=heading))
    return driving
