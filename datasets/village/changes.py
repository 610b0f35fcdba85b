"""What changes between the two surveys: what must be found, and what must not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from shapely.geometry import Point, Polygon

from datasets.village import farmland
from datasets.village.buildings import (
    STOREY_M,
    Containers,
    FlatAnnex,
    House,
    Roof,
    Rubble,
    SteelShed,
    Yard,
)
from datasets.village.canvas import Rect
from datasets.village.part import Part
from datasets.village.roofs import BLUE_STEEL, CONCRETES, GREY_STEEL, RED_STEEL, RUSTY_STEEL
from datasets.village.settlement import Plot
from datasets.village.terrain import Earthwork
from datasets.village.vegetation import Tree
from datasets.village.vehicles import Build, Vehicle

ChangeKind = Literal["new_structure", "removed_structure", "land_clearing", "dust_hotspot"]


@dataclass(frozen=True)
class Change:
    """One true change.

    Attributes:
        kind: As in `vision.finding.FindingKind`.
        shape: Outline in layout metres.
        name_en: What it is.
        name_zh: The same in Chinese.
        note: What a permit says about it.
    """

    kind: ChangeKind
    shape: Polygon
    name_en: str
    name_zh: str
    note: str


@dataclass(frozen=True)
class Permit:
    """A building permit over a piece of land."""

    shape: Polygon
    permit_id: str
    valid_from: str
    valid_to: str
    max_height_m: float
    name_en: str
    name_zh: str


@dataclass(frozen=True)
class Distractor:
    """A difference that is no finding."""

    shape: Polygon
    name_en: str
    name_zh: str


EXTENDED_PLOT = 21
ROOFTOP_PLOT = 15
SHED_PLOT = 24
RAZED_PLOT = 31

WORKSHOP = Rect(186.0, 118.0, 19.0, 11.0, 2.0)
OFFICES = Rect(158.0, 125.5, 6.0, 4.9, -3.0)
FIELD_HOUSE = Rect(57.0, 121.0, 11.0, 10.0, -4.0)
HUT = Rect(22.0, 82.5, 4.0, 3.5, 9.0)
KIOSK = Rect(232.5, 132.2, 3.0, 2.0, 1.0)
OLD_SHED = Rect(210.0, 62.0, 8.0, 5.2, 6.0)
NO_PERMIT = "no permit on file"


def change_parts(land: list[Plot]) -> tuple[list[Part], list[Part], list[Change]]:
    """Return (ground parts, standing parts, true changes) for a village's plots."""
    extended, rooftop, garden, razed = (
        land[index] for index in (EXTENDED_PLOT, ROOFTOP_PLOT, SHED_PLOT, RAZED_PLOT)
    )
    if extended.house is None or rooftop.house is None or razed.house is None:
        raise ValueError("the plots named for changes must carry houses")
    extension = extended.house.part(1.0, extended.house.depth / 2 + 2.7, 6.6, 5.2)
    room = rooftop.house.part(0.0, 0.6, 5.4, 6.0)
    shed = garden.rect.part(0.6, 2.5, 7.2, 5.2, turn_deg=4.0)
    ground: list[Part] = [
        Earthwork(
            name="field_house/ground",
            shape=FIELD_HOUSE.grown(3.4).polygon,
            dates=("after",),
            tracks=5,
            ragged_m=1.5,
        ),
        Yard(
            name="workshop/yard",
            rect=Rect(184.0, 117.0, 68.0, 31.0, 1.0),
            paved=0.55,
            junk=70,
            walled=False,
        ),
        Earthwork(
            name="clearing",
            shape=farmland.CLEARED,
            dates=("after",),
            raise_m=0.45,
            tracks=16,
            ragged_m=1.0,
        ),
        Rubble(name="rubble/house", rect=razed.house.grown(0.3), dates=("after",)),
        Rubble(name="rubble/shed", rect=OLD_SHED, dates=("after",)),
    ]
    standing: list[Part] = [
        SteelShed(
            name="new/shed",
            rect=shed,
            eave_m=2.8,
            colour=RUSTY_STEEL,
            mono=True,
            wear=0.7,
            dates=("after",),
        ),
        FlatAnnex(
            name="new/extension",
            rect=extension,
            base_m=0.0,
            height_m=3.4,
            colour=CONCRETES[2],
            look="new/extension",
            dates=("after",),
        ),
        FlatAnnex(
            name="new/rooftop",
            rect=room,
            base_m=rooftop.storeys * STOREY_M,
            height_m=2.9,
            colour=rooftop.colour,
            look=f"plot/{rooftop.index}/house",
            dates=("after",),
        ),
        SteelShed(
            name="new/workshop",
            rect=WORKSHOP,
            eave_m=5.6,
            colour=BLUE_STEEL,
            wear=0.1,
            dates=("after",),
        ),
        Containers(
            name="new/offices",
            rect=OFFICES,
            count=2,
            height_m=2.7,
            colour=(198, 202, 204),
            dates=("after",),
        ),
        House(
            name="new/field_house",
            rect=FIELD_HOUSE,
            storeys=2.0,
            roof=Roof.FLAT,
            colour=(176, 172, 162),
            busy=0.0,
            dates=("after",),
        ),
        SteelShed(
            name="new/hut",
            rect=HUT,
            eave_m=2.5,
            colour=GREY_STEEL,
            mono=True,
            wear=0.5,
            dates=("after",),
        ),
        SteelShed(
            name="new/kiosk",
            rect=KIOSK,
            eave_m=2.4,
            colour=RED_STEEL,
            mono=True,
            wear=0.2,
            dates=("after",),
        ),
        SteelShed(
            name="old/shed",
            rect=OLD_SHED,
            eave_m=2.9,
            colour=BLUE_STEEL,
            wear=0.9,
            dates=("before",),
        ),
        # Neighbours of the new workshop that stand on both dates.
        SteelShed(
            name="shop/a",
            rect=Rect(208.5, 118.0, 17.0, 12.0, 2.0),
            eave_m=5.0,
            colour=(150, 158, 164),
            wear=0.6,
        ),
        SteelShed(
            name="shop/b",
            rect=Rect(164.0, 110.0, 13.0, 9.0, 1.0),
            eave_m=4.2,
            colour=RED_STEEL,
            wear=0.6,
        ),
    ]
    changes = [
        Change(
            "new_structure", shed.polygon, "shed in a kitchen garden", "菜地内新建棚屋", NO_PERMIT
        ),
        Change(
            "new_structure",
            extension.polygon,
            "one-storey house extension",
            "住宅旁加建平房",
            NO_PERMIT,
        ),
        Change(
            "new_structure", room.polygon, "room added on a flat roof", "屋顶加建房间", NO_PERMIT
        ),
        Change(
            "new_structure",
            WORKSHOP.polygon,
            "colour-steel workshop",
            "彩钢板厂房",
            "permit CE-2025-0117 ran out on 2025-12-31",
        ),
        Change(
            "new_structure",
            OFFICES.polygon,
            "pair of office containers",
            "集装箱活动板房(两个)",
            NO_PERMIT,
        ),
        Change(
            "new_structure",
            FIELD_HOUSE.polygon,
            "house on a field",
            "农田上新建住宅",
            "permit CE-2026-0042 covers it",
        ),
        Change("new_structure", HUT.polygon, "field hut", "田间小屋", NO_PERMIT),
        Change(
            "removed_structure",
            razed.house.grown(0.35).polygon,
            "old tiled house pulled down",
            "拆除旧瓦房",
            "not needed",
        ),
        Change(
            "removed_structure",
            OLD_SHED.polygon,
            "blue shed taken away",
            "拆除蓝色棚屋",
            "not needed",
        ),
        Change(
            "land_clearing",
            farmland.CLEARED,
            "orchard cleared and filled with earth",
            "果园毁林推填土",
            NO_PERMIT,
        ),
    ]
    return ground, standing, changes


def permits() -> list[Permit]:
    """Return the permits on file: one that holds, one that has run out."""
    return [
        Permit(
            FIELD_HOUSE.grown(1.2).polygon,
            "CE-2026-0042",
            "2026-06-01",
            "2027-05-31",
            9.0,
            "village house, two storeys",
            "农村宅基地住宅两层",
        ),
        Permit(
            WORKSHOP.grown(1.0).polygon,
            "CE-2025-0117",
            "2025-01-01",
            "2025-12-31",
            8.0,
            "temporary workshop",
            "临时厂房",
        ),
    ]


def distractor_parts() -> tuple[list[Part], list[Distractor]]:
    """Return what moves, grows or goes without being a finding."""
    parts: list[Part] = []
    spots: tuple[tuple[float, float, float, Build, int, str], ...] = (
        (61.0, 143.2, 178, Build.CAR, 0, "both"),
        (112.0, 141.5, -3, Build.VAN, 1, "before"),
        (176.0, 137.4, 181, Build.CAR, 2, "before"),
        (92.0, 143.3, 176, Build.CAR, 5, "after"),
        (205.0, 141.2, 1, Build.CAR, 6, "after"),
        (304.0, 141.9, 181, Build.TRUCK, 3, "after"),
        (330.0, 145.6, -2, Build.CAR, 4, "before"),
        (244.0, 144.0, 4, Build.CAR, 1, "after"),
        (154.0, 131.5, 92, Build.VAN, 1, "both"),
        (176.5, 129.4, 88, Build.CAR, 7, "before"),
        (172.5, 129.8, 95, Build.CAR, 4, "after"),
        (200.0, 129.2, 84, Build.TRUCK, 0, "before"),
        (168.6, 129.6, 91, Build.CAR, 2, "both"),
        (69.9, 171.0, 91, Build.CAR, 3, "before"),
        (68.2, 226.0, 89, Build.CAR, 0, "after"),
        (138.0, 182.0, 90, Build.VAN, 1, "both"),
        (104.0, 199.4, 2, Build.CAR, 4, "before"),
        (180.0, 200.9, 178, Build.CAR, 5, "after"),
        (212.8, 186.0, 88, Build.CAR, 0, "both"),
        (211.6, 232.0, 91, Build.CAR, 1, "before"),
        (84.8, 120.0, 84, Build.VAN, 3, "after"),
        (36.0, 200.6, 3, Build.CAR, 6, "both"),
    )
    listed: list[Distractor] = []
    for index, (u, v, angle, build, paint, when) in enumerate(spots):
        vehicle = Vehicle(
            name=f"traffic/{index}",
            u=u,
            v=v,
            angle_deg=angle,
            build=build,
            paint=paint,
            dates=("before", "after")
            if when == "both"
            else (("before",) if when == "before" else ("after",)),
        )
        parts.append(vehicle)
        if when != "both":
            listed.append(
                Distractor(
                    Rect(u, v, 8.4 if build is Build.TRUCK else 5.0, 2.4, angle).polygon,
                    f"{build} moved",
                    "车辆移动",
                )
            )
    parts.append(
        Tree(name="felled", u=230.5, v=112.0, radius_m=3.2, height_m=7.2, leaf=2, dates=("before",))
    )
    listed += [
        Distractor(Point(230.5, 112.0).buffer(3.2), "tree felled", "砍伐树木"),
        Distractor(
            KIOSK.polygon,
            "kiosk of 6 m2, below the 10 m2 minimum",
            "6平方米售货亭,小于10平方米下限",
        ),
        Distractor(Point(318.0, 172.0).buffer(13.0), "stockpile grown", "土堆增高"),
    ]
    return parts, listed
