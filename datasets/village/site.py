"""The construction site: hoarding, dust net, hardstanding, haul road, and its lay-out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from shapely.geometry import LineString, Point, Polygon
from shapely.geometry.base import BaseGeometry

from datasets.village.buildings import Containers
from datasets.village.canvas import Canvas, Material, Rect, mix, step
from datasets.village.noise import per_strip, wobble
from datasets.village.part import Part
from datasets.village.roads import smooth_line
from datasets.village.terrain import Earthwork, soften, soil_colour, wheel_tracks
from datasets.village.vehicles import Build, Vehicle
from datasets.village.works import ConcreteFrame, CraneBase, Heap, Pit, SiteStores

OUTLINE: Final = Polygon(
    [(226, 157), (262, 156), (272, 156), (338, 153), (341, 240), (330, 258), (227, 261)]
)
GATE: Final = Polygon([(262, 150), (271, 150), (271, 162), (262, 162)])
HAUL: Final = ((266.5, 146.0), (267.0, 168.0), (269.0, 198.0), (268.0, 222.0), (271.0, 252.0))


@dataclass(frozen=True, kw_only=True)
class Hoarding(Part):
    """The steel fence round the site."""

    def draw(self, canvas: Canvas) -> None:
        """Raise the fence, panel by panel."""
        rng = canvas.rng(self.name)
        ring = OUTLINE.exterior.buffer(0.2).difference(GATE)
        patch = canvas.patch(ring)
        if patch is None:
            return
        panel = per_strip(patch.uv[0] + patch.uv[1], rng, width_m=3.0)
        colour = mix((92, 128, 158), (190, 196, 198), step(0.4, 0.5, panel))
        patch.tint(colour * (1 + 0.05 * patch.noise("mid", rng))[..., None])
        patch.lift((patch.terrain + 2.3).astype(np.float32))
        patch.mark(Material.PAVED)


@dataclass(frozen=True, kw_only=True)
class DustNet(Part):
    """Green dust net laid in overlapping sheets over soil.

    Attributes:
        shape_before: What it covers at the earlier survey; None for nothing.
        shape_after: What it covers at the later survey.
        angle_deg: Direction of the sheets.
    """

    shape_before: Polygon | None
    shape_after: Polygon | None
    angle_deg: float

    def draw(self, canvas: Canvas) -> None:
        """Lay the sheets."""
        shape = self.shape_before if canvas.date == "before" else self.shape_after
        patch = None if shape is None else canvas.patch(shape)
        if shape is None or patch is None:
            return
        rng = canvas.rng(self.name)
        soften(patch, rng, width_m=0.7)
        # The sheets lie where they lie, however much of them is left.
        p, q = patch.axes(280.0, 200.0, self.angle_deg)
        mid, fine, grain = (patch.noise(band, rng) for band in ("mid", "fine", "grain"))
        sheet = per_strip(q, rng, width_m=4.0) + 0.5 * per_strip(p, rng, width_m=19.0)
        colour = mix((86, 112, 82), (62, 88, 66), step(-1.4, 1.4, sheet))
        colour = mix(colour, (118, 128, 98), 0.55 * step(0.2, 2.2, mid))
        wrinkle = wobble(p + 0.8 * mid, rng, period_m=0.7) * wobble(q, rng, period_m=5.0)
        colour = colour * (1 + 0.10 * wrinkle + 0.04 * fine + 0.05 * grain)[..., None]
        edge = np.abs(np.mod(q + 400.0, 4.0) - 2.0)
        overlap = 1.0 - step(0.08, 0.3, edge.astype(np.float32))
        colour = mix(colour.astype(np.float32), (44, 66, 50), 0.45 * overlap)
        torn = step(1.75, 2.1, patch.noise("mid", rng) + 0.35 * fine)
        patch.tint(np.clip(colour, 0, 1).astype(np.float32), 1.0 - 0.8 * torn)
        patch.lift((patch.height + 0.05 * wrinkle + 0.04 * fine).astype(np.float32))
        patch.mark(Material.NET)
        outline = shape.exterior
        for at in np.arange(1.0, outline.length, 2.6):
            spot = outline.interpolate(float(at + rng.uniform(-0.8, 0.8)))
            stone = canvas.patch(Point(spot.x, spot.y).buffer(float(rng.uniform(0.15, 0.3))))
            if stone is not None:
                stone.tint((170, 164, 154), 0.9)


@dataclass(frozen=True, kw_only=True)
class Hardstanding(Part):
    """Cast concrete: the office yard, the wash bay and the hardened end of the haul road."""

    shape: Polygon
    wet: bool = False

    def draw(self, canvas: Canvas) -> None:
        """Paint the slab with the mud on it."""
        patch = canvas.patch(self.shape)
        if patch is None:
            return
        rng = canvas.rng(self.name)
        mud = canvas.rng(f"{self.name}/mud", dated=True)
        u, v = patch.uv
        panel = per_strip(u + 0 * v, rng, width_m=5.0) + per_strip(v + 0 * u, rng, width_m=5.0)
        colour = mix((174, 170, 160), (152, 147, 136), step(-1, 1.5, patch.noise("mid", rng)))
        colour = colour * (1 + 0.02 * panel + 0.02 * patch.noise("fine", rng))[..., None]
        loose = np.clip(0.25 + 0.3 * patch.noise("mid", mud), 0.0, 0.6)
        colour = mix(colour.astype(np.float32), soil_colour(patch, mud), loose)
        if self.wet:
            colour = mix(colour, (96, 90, 80), 0.75 * step(-0.6, 0.9, patch.noise("mid", mud)))
        patch.tint(np.clip(colour, 0, 1).astype(np.float32))
        patch.lift((patch.terrain + 0.12).astype(np.float32))
        patch.mark(Material.PAVED)


@dataclass(frozen=True, kw_only=True)
class HaulRoad(Part):
    """The rolled way the trucks take: pale, dusty, rutted."""

    shape: BaseGeometry
    runs: int = 14

    def draw(self, canvas: Canvas) -> None:
        """Paint the dust and the ruts."""
        patch = canvas.patch(self.shape)
        if patch is None:
            return
        rng = canvas.rng(self.name)
        soften(patch, rng, width_m=0.8)
        patch.tint(mix(soil_colour(patch, rng), (188, 176, 154), np.full_like(patch.alpha, 0.45)))
        patch.mark(Material.SOIL)
        for index in range(self.runs):
            wheel_tracks(
                canvas, self.shape, f"{self.name}/run{index}", strength=0.05, pale=index % 3 != 0
            )


def site_parts() -> list[Part]:
    """Return everything on the construction site, in drawing order."""
    haul = smooth_line(HAUL).buffer(4.0, cap_style="flat")
    spur = LineString([(268, 196), (300, 194), (334, 192)]).buffer(3.6, cap_style="flat")
    heap_field = Polygon([(280, 159), (336, 156), (337, 187), (279, 188)])
    west = Polygon([(229, 186), (262, 184), (263, 228), (230, 229)])
    east = Polygon([(329.5, 198), (338.5, 197), (338.5, 238), (330.5, 250)])
    north = Polygon([(274, 244.5), (328, 243.5), (328, 256), (274, 258.5)])
    heap_net_after = Polygon([(279, 176), (296, 174), (298, 188), (279, 188.5)])
    west_after = Polygon([(229, 186), (262, 184), (263, 229), (255, 229), (254, 210), (230, 211)])
    corner = Polygon([(318, 188.5), (340, 187), (340, 200), (331, 201), (328, 198.5), (318, 199)])
    parts: list[Part] = [
        Earthwork(name="site/ground", shape=OUTLINE, raise_m=0.0, tracks=30, ragged_m=0.6),
        Hardstanding(
            name="site/yard", shape=Polygon([(228, 159), (263, 158), (263, 183), (229, 184.5)])
        ),
        Hardstanding(
            name="site/steel_yard",
            shape=Polygon([(228, 250.5), (264.5, 250.5), (264.5, 260), (228, 260.8)]),
        ),
        HaulRoad(name="site/haul", shape=haul.union(spur)),
        Hardstanding(
            name="site/gate", shape=Polygon([(262.3, 144), (271, 144), (271.5, 172), (262.5, 172)])
        ),
        Hardstanding(
            name="site/wash",
            shape=Polygon([(263, 163), (270.5, 163), (270.5, 170), (263, 170)]),
            wet=True,
        ),
        Pit(name="site/pit"),
        Heap(name="site/heap", u=318, v=172, size_before=(10.0, 2.6), size_after=(13.0, 4.4)),
        Heap(name="site/heap2", u=300, v=168, size_before=(5.5, 1.6), size_after=(6.5, 2.2)),
        Heap(
            name="site/sand",
            u=277.5,
            v=163.5,
            size_before=(3.6, 1.6),
            size_after=(3.0, 1.2),
            colour=(186, 168, 132),
        ),
        Heap(
            name="site/gravel",
            u=277.5,
            v=172.5,
            size_before=(3.2, 1.4),
            size_after=(3.7, 1.7),
            colour=(150, 150, 148),
        ),
        DustNet(
            name="site/net/heap",
            shape_before=heap_field,
            shape_after=heap_net_after,
            angle_deg=12.0,
        ),
        DustNet(name="site/net/west", shape_before=west, shape_after=west_after, angle_deg=-4.0),
        DustNet(name="site/net/east", shape_before=east, shape_after=None, angle_deg=84.0),
        DustNet(
            name="site/net/north",
            shape_before=north,
            shape_after=Polygon([(274, 244.5), (298, 244), (299, 257.8), (274, 258.5)]),
            angle_deg=2.0,
        ),
        DustNet(name="site/net/corner", shape_before=corner, shape_after=corner, angle_deg=30.0),
        ConcreteFrame(name="site/frame"),
        CraneBase(name="site/crane", u=259.0, v=222.0),
        Containers(
            name="site/office/a",
            rect=Rect(237, 178, 12.2, 6.1, 1.0),
            count=2,
            height_m=2.7,
            colour=(92, 128, 168),
        ),
        Containers(
            name="site/office/b",
            rect=Rect(234, 166, 6.1, 12.2, 1.0),
            count=5,
            height_m=5.4,
            colour=(196, 200, 202),
        ),
        Hoarding(name="site/hoarding"),
    ]
    parts += [
        Vehicle(
            name="site/digger/before",
            dates=("before",),
            u=306,
            v=180,
            angle_deg=40,
            build=Build.EXCAVATOR,
        ),
        Vehicle(
            name="site/digger/after",
            dates=("after",),
            u=333,
            v=163,
            angle_deg=130,
            build=Build.EXCAVATOR,
        ),
        Vehicle(
            name="site/truck/before",
            dates=("before",),
            u=267,
            v=190,
            angle_deg=88,
            build=Build.TRUCK,
            paint=6,
        ),
        Vehicle(
            name="site/truck/after",
            dates=("after",),
            u=296,
            v=194,
            angle_deg=178,
            build=Build.TRUCK,
            paint=5,
        ),
        Vehicle(
            name="site/truck/gate",
            dates=("after",),
            u=266,
            v=158,
            angle_deg=268,
            build=Build.TRUCK,
            paint=1,
        ),
        Vehicle(name="site/car/a", u=250, v=161.5, angle_deg=92, paint=0),
        Vehicle(name="site/car/b", dates=("before",), u=253.2, v=161.4, angle_deg=90, paint=2),
        Vehicle(name="site/car/c", dates=("after",), u=256.6, v=161.6, angle_deg=91, paint=4),
        SiteStores(name="site/stores"),
    ]
    return parts
