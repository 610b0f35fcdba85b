"""The open land round the village: parcels, ponds, canal, greenhouses, orchard, groves."""

from __future__ import annotations

import numpy as np
from shapely.geometry import Point, Polygon, box
from shapely.ops import unary_union

from datasets.village.canvas import Rect
from datasets.village.fields import Crop, Parcel, Tunnels, divide
from datasets.village.noise import stream
from datasets.village.part import BOTH, Part
from datasets.village.roads import Road, Track, Water, smooth_line
from datasets.village.vegetation import Tree, scatter

MAIN_ROAD = (
    (-60.0, 149.0),
    (40.0, 146.0),
    (110.0, 140.0),
    (200.0, 139.0),
    (290.0, 144.0),
    (430.0, 138.0),
)
ROAD_WIDTH_M = 7.4
CANAL = ((-60.0, 16.0), (60.0, 21.0), (170.0, 13.0), (280.0, 19.0), (430.0, 12.0))
TRACKS = (
    ((226.0, 137.0), (228.0, 100.0), (224.0, 60.0), (226.0, 24.0)),
    ((-60.0, 24.5), (60.0, 29.0), (170.0, 21.5), (280.0, 27.0), (430.0, 20.5)),
    ((86.0, 138.0), (84.0, 90.0), (86.0, 28.0)),
)
POND = Polygon(
    [(97, 74), (120, 71), (146, 74), (151, 90), (148, 114), (126, 117), (99, 114), (95, 92)]
)
POND_EAST = Polygon([(362, 62), (420, 58), (424, 112), (366, 116)])
TUNNELS = Rect(43.0, 56.0, 50.0, 38.0, -2.0)
ORCHARD = Polygon([(234, 66), (304, 62), (306, 112), (235, 116)])
CLEARED = Polygon([(264, 74), (301, 70), (303, 102), (284, 104), (265, 101)])
SHOPS = Polygon([(146, 100), (222, 98), (222, 134), (147, 134.5)])
FIELD_HOUSE = Polygon([(44, 106), (72, 106), (72, 132), (44, 133)])
GROVES = (
    Polygon([(-40, 254), (64, 253), (64, 330), (-40, 330)]),
    Polygon([(-40, 156), (-4, 156), (-5, 246), (-40, 246)]),
)
ROTATION: dict[Crop, Crop] = {
    Crop.RICE_GREEN: Crop.RICE_RIPE,
    Crop.VEGETABLES: Crop.VEGETABLES,
    Crop.SEEDLINGS: Crop.VEGETABLES,
    Crop.PLOUGHED: Crop.SEEDLINGS,
    Crop.FALLOW: Crop.FALLOW,
    Crop.CANE: Crop.CANE,
    Crop.POTATO: Crop.PLOUGHED,
    Crop.MULCH: Crop.VEGETABLES,
}


def ground_parts(seed: int) -> list[Part]:
    """Return fields, water, tracks and the main road in drawing order."""
    rng = stream(seed, "farmland")
    parts: list[Part] = []
    keep_out = unary_union(
        [
            smooth_line(CANAL).buffer(4.6),
            *(smooth_line(line).buffer(2.4) for line in TRACKS),
            smooth_line(MAIN_ROAD).buffer(6.2),
            POND.buffer(3.4),
            POND_EAST.buffer(3.0),
            TUNNELS.grown(2.0).polygon,
            ORCHARD.buffer(0.8),
            SHOPS,
            FIELD_HOUSE,
        ]
    )
    south = box(-50, -60, 420, 146).difference(keep_out)
    north = box(68, 252, 206, 340).union(box(216, 264, 420, 340))
    east = box(345, 148, 420, 262)
    regions = (
        (south, 1150.0, 0.0),
        (north.difference(keep_out), 800.0, 3.0),
        (east.difference(keep_out), 900.0, -4.0),
    )
    for region_index, (region, target_m2, angle) in enumerate(regions):
        for piece in getattr(region, "geoms", [region]):
            for index, shape in enumerate(divide(piece, rng, target_m2=target_m2, angle_deg=angle)):
                parts += _parcel(
                    shape,
                    rng,
                    name=f"field/{region_index}/{piece.area:.0f}/{index}",
                    angle_deg=angle,
                )
    parts += [
        Water(
            name="canal", shape=smooth_line(CANAL).buffer(2.6), depth_m=1.4, bank_m=0.8, lined=True
        ),
        Water(name="pond", shape=POND.buffer(-3).buffer(3), aerators=2),
        Water(name="pond/east", shape=POND_EAST.buffer(-3).buffer(3), aerators=1),
        *(
            Track(name=f"track/{index}", line=line, width_m=2.9)
            for index, line in enumerate(TRACKS)
        ),
        Tunnels(name="tunnels", block=TUNNELS, count=6),
        Road(name="road", line=MAIN_ROAD, width_m=ROAD_WIDTH_M, dirty=(328.0, 55.0)),
    ]
    return parts


def _parcel(shape: Polygon, rng: np.random.Generator, *, name: str, angle_deg: float) -> list[Part]:
    """Return a field, or nothing for slivers, which stay rough grass."""
    core = shape.buffer(-2.0)
    if core.is_empty or shape.area < 60.0:
        return []
    u_0, v_0, u_1, v_1 = shape.bounds
    along = angle_deg if (u_1 - u_0) > (v_1 - v_0) else angle_deg + 90.0
    choices = list(ROTATION)
    weights = np.array([0.26, 0.20, 0.08, 0.07, 0.11, 0.08, 0.12, 0.08])
    before = choices[int(rng.choice(len(choices), p=weights))]
    after = ROTATION[before]
    if before is Crop.RICE_GREEN and rng.uniform() < 0.35:
        after = Crop.STUBBLE
    return [
        Parcel(
            name=name,
            shape=shape,
            angle_deg=along + float(rng.uniform(-1.5, 1.5)),
            crop_before=before,
            crop_after=after,
        )
    ]


def tree_parts(seed: int) -> list[Part]:
    """Return groves, bank trees and the orchard; the cleared part stands only before."""
    rng = stream(seed, "trees")
    parts: list[Part] = []
    for index, grove in enumerate(GROVES):
        parts += scatter(
            f"grove/{index}",
            _places(grove, rng, apart_m=3.7),
            rng,
            radius_m=(1.7, 4.3),
            height_m=(4.0, 10.5),
        )
    bank = smooth_line(CANAL).offset_curve(-5.2)
    places = [
        (point.x + float(rng.normal(0, 0.8)), point.y + float(rng.normal(0, 0.5)))
        for point in (bank.interpolate(at) for at in np.arange(4, bank.length, 7.5))
        if rng.uniform() < 0.5
    ]
    places += [
        (point.x + float(rng.normal(0, 0.7)), point.y + float(rng.normal(0, 0.7)))
        for point in (POND.buffer(3.4).exterior.interpolate(at) for at in range(0, 170, 6))
        if rng.uniform() < 0.5
    ]
    road = smooth_line(MAIN_ROAD)
    for side in (-6.0, 6.0):
        line = road.offset_curve(side)
        places += [
            (point.x + float(rng.normal(0, 0.6)), point.y + float(rng.normal(0, 0.4)))
            for point in (line.interpolate(at) for at in np.arange(3, line.length, 9.0))
            if rng.uniform() < 0.42 and not 255 < point.x < 280
        ]
    parts += scatter("row", places, rng, radius_m=(1.3, 3.0), height_m=(3.2, 7.0))
    bushes = [(float(rng.uniform(-30, 400)), float(rng.uniform(-40, 134))) for _ in range(50)]
    blocked = unary_union(
        [
            POND.buffer(1),
            POND_EAST.buffer(1),
            TUNNELS.polygon.buffer(2),
            SHOPS,
            FIELD_HOUSE,
            smooth_line(CANAL).buffer(3),
            ORCHARD,
            *(smooth_line(line).buffer(2.5) for line in TRACKS),
        ]
    )
    parts += scatter(
        "bush",
        [at for at in bushes if not blocked.contains(Point(at))],
        rng,
        radius_m=(0.6, 1.7),
        height_m=(1.0, 2.6),
    )
    for row, v in enumerate(np.arange(67.0, 112.0, 4.3)):
        for column, u in enumerate(np.arange(237.0, 304.0, 4.6)):
            spot = (u + float(rng.normal(0, 0.25)), v + float(rng.normal(0, 0.25)))
            size, leaf = float(rng.uniform(1.35, 2.05)), int(rng.choice([0, 1, 3]))
            if rng.uniform() < 0.05 or not ORCHARD.buffer(-1).contains(Point(spot)):
                continue
            cleared = CLEARED.buffer(1.5).contains(Point(spot))
            parts.append(
                Tree(
                    name=f"orchard/{row}/{column}",
                    u=spot[0],
                    v=spot[1],
                    radius_m=size,
                    height_m=1.7 + 0.6 * size,
                    leaf=leaf,
                    growth_m=0.1,
                    dates=("before",) if cleared else BOTH,
                )
            )
    return parts


def _places(
    area: Polygon, rng: np.random.Generator, *, apart_m: float
) -> list[tuple[float, float]]:
    """Return places in an area, no two nearer than ``apart_m``."""
    u_0, v_0, u_1, v_1 = area.bounds
    kept: list[tuple[float, float]] = []
    for _ in range(int(area.area / apart_m**2 * 3)):
        at = (float(rng.uniform(u_0, u_1)), float(rng.uniform(v_0, v_1)))
        if area.contains(Point(at)) and all(
            (at[0] - u) ** 2 + (at[1] - v) ** 2 > apart_m**2 for u, v in kept
        ):
            kept.append(at)
    return kept
