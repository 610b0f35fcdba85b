"""The village: lanes, plots, houses, yards, and what grows and stands between them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from shapely.geometry import Polygon

from datasets.village.buildings import STOREY_M, FlatAnnex, House, Roof, SteelShed, Yard
from datasets.village.canvas import Colour, Date, Rect
from datasets.village.fields import Crop, Parcel
from datasets.village.noise import stream
from datasets.village.part import BOTH, Part
from datasets.village.roads import Lane
from datasets.village.roofs import (
    BLUE_STEEL,
    CONCRETES,
    GREY_STEEL,
    GREY_TILE,
    RED_TILE,
    RUSTY_STEEL,
    TERRACOTTA,
)
from datasets.village.vegetation import LEAVES, Tree
from datasets.village.vehicles import Vehicle

COLUMNS = ((4.0, 66.0), (72.0, 134.0), (140.0, 205.0))
ROWS = ((154.0, 197.0), (202.5, 246.0))


@dataclass(frozen=True)
class Plot:
    """A piece of village land; +q of its rectangle faces the lane.

    Attributes:
        index: Running number.
        rect: The land.
        house: Outline of the house, or None where there is a garden.
        roof: Kind of roof.
        colour: Roof colour.
        storeys: Number of storeys.
    """

    index: int
    rect: Rect
    house: Rect | None
    roof: Roof
    colour: Colour
    storeys: float


GARDENS = frozenset({3, 8, 13, 19, 24, 27, 33, 38, 43, 46})
RESERVED = frozenset({15, 21, 31})
"""Plots whose houses change; their yards and roofs are kept free."""
OLD = frozenset({1, 6, 11, 17, 22, 26, 31, 36, 40, 45})


def plots(seed: int) -> list[Plot]:
    """Return the village's plots, block by block."""
    rng = stream(seed, "plots")
    land: list[Plot] = []
    for u_0, u_1 in COLUMNS:
        for v_0, v_1 in ROWS:
            middle = (v_0 + v_1) / 2 + float(rng.uniform(-1.5, 1.5))
            for south, north, angle in ((v_0, middle, 180.0), (middle, v_1, 0.0)):
                count = 4 if u_1 - u_0 < 63 else 5
                cuts = np.linspace(u_0, u_1, count + 1)
                cuts[1:-1] += rng.uniform(-1.2, 1.2, count - 1)
                for left, right in pairwise(cuts):
                    land.append(
                        _plot(
                            len(land),
                            float(left),
                            float(right),
                            south=south,
                            north=north,
                            angle_deg=angle,
                            rng=rng,
                        )
                    )
    return land


def _plot(
    index: int,
    left: float,
    right: float,
    *,
    south: float,
    north: float,
    angle_deg: float,
    rng: np.random.Generator,
) -> Plot:
    width, depth = right - left - 0.5, north - south - 0.5
    rect = Rect(
        (left + right) / 2,
        (south + north) / 2,
        width,
        depth,
        angle_deg + float(rng.uniform(-1.2, 1.2)),
    )
    house_w = width - float(rng.uniform(1.0, 3.0))
    house_d = float(rng.uniform(10.2, 13.6))
    drift = float(rng.uniform(-0.5, 0.5)) * (width - house_w - 0.8)
    house = rect.part(
        drift,
        -depth / 2 + float(rng.uniform(0.5, 1.6)) + house_d / 2,
        house_w,
        house_d,
        turn_deg=float(rng.uniform(-2.5, 2.5)),
    )
    lucky = float(rng.uniform())
    if index in OLD:
        roof = Roof.GABLE
        house = rect.part(drift, -depth / 2 + 0.9 + 4.2, house_w, 8.4)
        colour: Colour = GREY_TILE if lucky < 0.6 else RED_TILE
        storeys = float(rng.choice([1.0, 1.2, 1.9]))
    elif lucky < 0.14:
        roof, colour, storeys = Roof.HIP, RED_TILE if lucky < 0.08 else (104, 112, 124), 2.2
    else:
        roof = Roof.FLAT
        colour = TERRACOTTA if lucky > 0.86 else CONCRETES[int(rng.integers(0, len(CONCRETES)))]
        storeys = float(rng.choice([1.0, 2.0, 2.0, 3.0, 3.0]))
    return Plot(index, rect, None if index in GARDENS else house, roof, colour, storeys)


def village_parts(seed: int, *, road: Polygon, gone_by_after: frozenset[int]) -> list[Part]:
    """Return the village's parts in drawing order.

    Args:
        seed: Scene seed.
        road: The main road, which the lanes join.
        gone_by_after: Plots whose house stands only at the earlier survey.
    """
    rng = stream(seed, "settlement")
    parts: list[Part] = [
        Lane(
            name="lane/we",
            line=((-40, 201.5), (30, 199.5), (120, 200.5), (212, 199.5)),
            width_m=3.8,
        ),
        Lane(name="lane/north", line=((-40, 250), (60, 249), (140, 249), (212, 250)), width_m=3.2),
        Lane(
            name="lane/a",
            line=((69, 140), (68.4, 170), (69.6, 200), (69, 249), (66, 330)),
            width_m=3.6,
            keep_off=road,
        ),
        Lane(
            name="lane/b",
            line=((137, 136), (136.4, 175), (137.6, 200), (137, 249)),
            width_m=3.6,
            keep_off=road,
        ),
        Lane(
            name="lane/c",
            line=((211, 136), (212, 200), (213, 262), (209, 330)),
            width_m=4.2,
            keep_off=road,
        ),
        Lane(name="lane/w", line=((0.5, 140), (0.5, 200), (0, 250)), width_m=3.0, keep_off=road),
    ]
    for index, left in enumerate(np.arange(5.0, 198.0, 13.0)):
        if rng.uniform() < 0.72:
            apron = Rect(float(left) + 6.0, 150.2 - 0.028 * float(left), 12.4, 7.4, -1.5)
            parts.append(
                Yard(
                    name=f"apron/{index}",
                    rect=apron,
                    walled=False,
                    paved=float(rng.uniform(0.5, 1.0)),
                    junk=int(rng.integers(2, 9)),
                )
            )
    trees: list[Part] = []
    upper: list[Part] = []
    for plot in plots(seed):
        if plot.house is None:
            parts += _garden(plot, rng)
        else:
            yards, houses = _homestead(plot, rng, gone=plot.index in gone_by_after)
            parts += yards
            upper += houses
        for number in range(int(rng.integers(0, 3 if plot.house else 4))):
            spot = plot.rect.part(
                float(rng.uniform(-0.45, 0.45)) * plot.rect.width,
                plot.rect.depth * float(rng.uniform(0.22, 0.46)),
                1,
                1,
            )
            size = float(rng.uniform(1.2, 2.9))
            trees.append(
                Tree(
                    name=f"plot/{plot.index}/tree/{number}",
                    u=spot.u,
                    v=spot.v,
                    radius_m=size,
                    height_m=1.6 + 1.5 * size,
                    leaf=int(rng.integers(0, len(LEAVES))),
                    growth_m=float(rng.uniform(0.05, 0.3)),
                )
            )
    return parts + upper + trees


def _garden(plot: Plot, rng: np.random.Generator) -> list[Part]:
    """Return a kitchen garden, some with a small shed that stands on both dates."""
    bed = plot.rect.part(0.0, -1.0, plot.rect.width - 1.0, plot.rect.depth - 4.0)
    crops = (Crop.VEGETABLES, Crop.SEEDLINGS, Crop.FALLOW, Crop.POTATO)
    first, second = (crops[int(rng.integers(0, 4))] for _ in range(2))
    parts: list[Part] = [
        Yard(name=f"plot/{plot.index}/yard", rect=plot.rect, paved=0.2, junk=8, walled=False),
        Parcel(
            name=f"plot/{plot.index}/garden",
            shape=bed.polygon,
            angle_deg=plot.rect.angle_deg,
            crop_before=first,
            crop_after=second,
        ),
    ]
    return parts


def _homestead(
    plot: Plot, rng: np.random.Generator, *, gone: bool
) -> tuple[list[Part], list[Part]]:
    """Return a yard with its house: (ground parts, standing parts)."""
    house, rect = plot.house, plot.rect
    if house is None:
        return [], []
    dates: tuple[Date, ...] = ("before",) if gone else BOTH
    busy = float(rng.uniform(0.2, 1.0))
    ground: list[Part] = [
        Yard(
            name=f"plot/{plot.index}/yard",
            rect=rect,
            paved=float(rng.uniform(0.35, 1.0)),
            junk=int(rng.integers(8, 26)),
            walled=bool(rng.uniform() < 0.55),
            gate_p=float(rng.uniform(-2.5, 2.5)),
        )
    ]
    standing: list[Part] = [
        House(
            name=f"plot/{plot.index}/house",
            rect=house,
            storeys=plot.storeys,
            roof=plot.roof,
            colour=plot.colour,
            stair=1 if rng.uniform() < 0.5 else -1,
            busy=busy,
            dates=dates,
        )
    ]
    if rng.uniform() < 0.45 and not gone:
        tones = (BLUE_STEEL, GREY_STEEL, RUSTY_STEEL, RUSTY_STEEL)
        shed = rect.part(
            (rect.width / 2 - 2.2) * (1 if rng.uniform() < 0.5 else -1),
            rect.depth / 2 - 3.0,
            3.6,
            float(rng.uniform(3.0, 5.0)),
        )
        standing.append(
            SteelShed(
                name=f"plot/{plot.index}/lean",
                rect=shed,
                eave_m=2.4,
                colour=tones[int(rng.integers(0, 4))],
                mono=True,
                wear=float(rng.uniform(0.3, 1.0)),
            )
        )
    side = 1 if rng.uniform() < 0.5 else -1
    if plot.index not in RESERVED and rng.uniform() < 0.5:
        deep = float(rng.uniform(3.0, 4.4))
        wing = house.part(
            side * (house.width / 2 - 2.4), house.depth / 2 + deep / 2 + 0.1, 4.6, deep
        )
        standing.append(
            FlatAnnex(
                name=f"plot/{plot.index}/wing",
                rect=wing,
                base_m=0.0,
                height_m=3.1,
                look=f"plot/{plot.index}/wing",
                colour=CONCRETES[int(rng.integers(0, len(CONCRETES)))],
                dates=dates,
            )
        )
    if plot.roof is Roof.FLAT and plot.index not in RESERVED and rng.uniform() < 0.4:
        tones = (BLUE_STEEL, GREY_STEEL, RUSTY_STEEL, (128, 150, 146))
        cover = house.part(
            0.0,
            -house.depth * 0.12,
            house.width * float(rng.uniform(0.5, 0.96)),
            house.depth * float(rng.uniform(0.4, 0.62)),
        )
        standing.append(
            SteelShed(
                name=f"plot/{plot.index}/cover",
                rect=cover,
                eave_m=plot.storeys * STOREY_M + 2.9,
                colour=tones[int(rng.integers(0, 4))],
                mono=bool(rng.uniform() < 0.4),
                wear=float(rng.uniform(0.2, 0.9)),
            )
        )
    if rng.uniform() < 0.4:
        car = rect.part(float(rng.uniform(-2, 2)), rect.depth / 2 - 2.8, 1, 1)
        choices: tuple[tuple[Date, ...], ...] = (("before",), ("after",), BOTH)
        when = choices[int(rng.integers(0, 3))]
        standing.append(
            Vehicle(
                name=f"plot/{plot.index}/car",
                u=car.u,
                v=car.v,
                angle_deg=rect.angle_deg + 90 + float(rng.uniform(-8, 8)),
                paint=int(rng.integers(0, 8)),
                dates=when,
            )
        )
    return ground, standing
