"""What is built and stored on the site: pit, concrete frame, crane base, heaps, stacks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from shapely.geometry import Point

from datasets.village import fittings, roofs
from datasets.village.canvas import Canvas, Colour, Material, Rect, mix, step
from datasets.village.noise import wobble
from datasets.village.part import Part
from datasets.village.terrain import soil_colour

PIT: Final = Rect(301.0, 222.0, 46.0, 34.0, 2.0)
FRAME: Final = Rect(250.0, 240.0, 30.0, 17.0, -1.0)


@dataclass(frozen=True, kw_only=True)
class Heap(Part):
    """A stockpile: a rough cone with worn flanks.

    Attributes:
        u: Place.
        v: Place.
        size_before: Radius and height in metres at the earlier survey.
        size_after: The same at the later survey.
        colour: Material; None for excavated soil.
    """

    u: float
    v: float
    size_before: tuple[float, float]
    size_after: tuple[float, float]
    colour: Colour | None = None

    def draw(self, canvas: Canvas) -> None:
        """Raise the heap."""
        radius, tall = self.size_before if canvas.date == "before" else self.size_after
        rng = canvas.rng(self.name)
        patch = canvas.patch(Point(self.u, self.v).buffer(radius * 1.25))
        if patch is None:
            return
        p, q = patch.axes(self.u, self.v, float(rng.uniform(0, 180)))
        angle = np.arctan2(q, p)
        mid, fine, grain = (patch.noise(band, rng) for band in ("mid", "fine", "grain"))
        away = np.hypot(p, q * 1.2) / radius
        away = away * (1 + 0.05 * np.sin(2 * angle + 1.0) + 0.03 * np.sin(5 * angle)) + 0.05 * mid
        rise = tall * np.clip(1.0 - away, 0.0, 1.0) ** 0.85
        flat = tall * 0.86
        rise = np.where(rise > flat, flat + 0.2 * (rise - flat), rise)
        rise = rise + np.where(rise > 0.15, 0.03 * fine + 0.06 * mid, 0.0)
        patch.alpha = (1.0 - step(0.96, 1.04, away.astype(np.float32))) * patch.alpha
        if self.colour is None:
            colour = soil_colour(patch, rng)
        else:
            dark: Colour = (self.colour[0] * 0.8, self.colour[1] * 0.8, self.colour[2] * 0.8)
            colour = mix(self.colour, dark, step(-1, 2, mid))
            colour = colour * (1 + 0.04 * fine + 0.06 * grain)[..., None]
        gully = wobble((angle * radius).astype(np.float32), rng, period_m=0.9)
        colour = colour * (1 + 0.06 * gully * np.clip(away, 0, 1))[..., None]
        patch.tint(np.clip(colour, 0, 1).astype(np.float32))
        patch.lift((patch.terrain + np.maximum(rise, 0.0)).astype(np.float32))
        if self.colour is None:
            patch.mark(Material.SOIL)
        else:
            patch.mark(Material.PAVED)


@dataclass(frozen=True, kw_only=True)
class Pit(Part):
    """The excavation with its raft foundation, starter bars and formwork."""

    def draw(self, canvas: Canvas) -> None:
        """Dig, pour, and set the columns."""
        rng = canvas.rng(self.name)
        slope = canvas.patch(PIT.grown(3.2))
        raft = canvas.patch(PIT)
        if slope is None or raft is None:
            return
        ground = slope.ground_m()
        p, q = slope.axes(PIT.u, PIT.v, PIT.angle_deg)
        out = np.maximum(np.abs(p) - PIT.width / 2, np.abs(q) - PIT.depth / 2)
        bottom = ground - 3.0
        bank = np.clip(bottom + 3.0 * out / 3.2, bottom, ground)
        # The pit's sides are sprayed with concrete.
        spray = mix((158, 153, 143), (132, 124, 108), step(-0.8, 1.6, slope.noise("mid", rng)))
        slope.tint(spray * (1 + 0.05 * slope.noise("fine", rng))[..., None])
        slope.lift((bank + 0.05 * slope.noise("fine", rng)).astype(np.float32))
        slope.mark(Material.PAVED)
        roofs.concrete_roof(
            canvas, PIT.grown(-0.6), top_m=bottom + 0.2, look=self.name, colour=(164, 161, 153)
        )
        slope.mark(Material.PAVED)
        self._cages(canvas, bottom)

    def _cages(self, canvas: Canvas, bottom: float) -> None:
        rng = canvas.rng(f"{self.name}/cages")
        later = canvas.date == "after"
        # One half is poured; on the other the steel mat still shows.
        mat = canvas.patch(PIT.part(PIT.width * 0.24, 0, PIT.width * 0.48, PIT.depth - 3.0))
        if mat is not None:
            p, q = mat.axes(PIT.u, PIT.v, PIT.angle_deg)
            bars = np.maximum(np.cos(2 * np.pi * p / 0.6), np.cos(2 * np.pi * q / 0.6))
            weave = step(0.3, 0.9, bars.astype(np.float32))
            tone = mix((150, 144, 132), (112, 90, 76), 0.8 * weave)
            mat.tint(tone, 0.35 if later else 0.85)
        for column in np.arange(-PIT.width / 2 + 3.0, PIT.width / 2 - 2.0, 6.6):
            for row in np.arange(-PIT.depth / 2 + 3.0, PIT.depth / 2 - 2.0, 6.6):
                foot = PIT.part(float(column), float(row), 1.6, 1.6)
                roofs.block(
                    canvas,
                    foot,
                    top_m=bottom + 0.55,
                    colour=(172, 168, 158),
                    name=f"{self.name}/foot",
                    material=Material.PAVED,
                )
                roofs.block(
                    canvas,
                    foot.part(0, 0, 0.6, 0.6),
                    top_m=bottom + 1.5,
                    colour=(132, 104, 84),
                    name=f"{self.name}/bars",
                    material=Material.PAVED,
                )
        for index in range(5 if later else 3):
            at = PIT.part(
                -15 + 7.0 * index,
                float(rng.uniform(-9, 9)),
                4.4,
                2.2,
                turn_deg=float(rng.uniform(-8, 8)),
            )
            roofs.block(
                canvas,
                at,
                top_m=bottom + 0.7,
                colour=(168, 132, 88),
                name=f"{self.name}/board{index}",
                material=Material.PAVED,
                texture=0.1,
            )
        fittings.clutter(
            canvas,
            PIT.grown(-2),
            base_m=bottom + 0.2,
            name=f"{self.name}/junk",
            count=40,
            largest_m=2.2,
            dated=True,
        )


@dataclass(frozen=True, kw_only=True)
class ConcreteFrame(Part):
    """The block going up: a raw slab, column stubs, scaffold with green mesh."""

    def draw(self, canvas: Canvas) -> None:
        """Raise the slab and the scaffold."""
        rng = canvas.rng(self.name)
        base = canvas.patch(FRAME)
        if base is None:
            return
        top = base.ground_m() + 6.6
        scaffold = canvas.patch(FRAME.grown(1.5))
        if scaffold is not None:
            p, q = scaffold.axes(FRAME.u, FRAME.v, FRAME.angle_deg)
            bay = np.maximum(np.cos(2 * np.pi * p / 1.6), np.cos(2 * np.pi * q / 1.6))
            boards = mix((104, 118, 98), (158, 146, 120), step(-0.3, 0.9, bay.astype(np.float32)))
            scaffold.tint(boards * (1 + 0.08 * scaffold.noise("fine", rng))[..., None])
            scaffold.lift(top - 0.4)
            scaffold.mark(Material.STRUCTURE)
        roofs.parapet(
            canvas,
            FRAME.grown(1.6),
            top_m=top + 1.2,
            name=f"{self.name}/mesh",
            width_m=0.16,
            colour=(70, 108, 84),
        )
        roofs.concrete_roof(canvas, FRAME, top_m=top, look=self.name, colour=(172, 169, 161))
        for column in np.arange(-FRAME.width / 2 + 0.6, FRAME.width / 2, 4.8):
            for row in np.arange(-FRAME.depth / 2 + 0.6, FRAME.depth / 2, 5.2):
                stub = FRAME.part(float(column), float(row), 0.6, 0.6)
                roofs.block(
                    canvas, stub, top_m=top + 1.1, colour=(136, 112, 92), name=f"{self.name}/stub"
                )
        for index in range(6):
            stack = FRAME.part(
                float(rng.uniform(-11, 11)),
                float(rng.uniform(-5, 5)),
                3.2,
                1.4,
                turn_deg=float(rng.choice([0, 90])),
            )
            tone: Colour = (170, 134, 88) if index % 2 else (124, 116, 108)
            roofs.block(
                canvas,
                stack,
                top_m=top + 0.7,
                colour=tone,
                texture=0.1,
                name=f"{self.name}/stack{index}",
            )
        fittings.clutter(
            canvas, FRAME, base_m=top, name=f"{self.name}/junk", count=34, largest_m=1.8, dated=True
        )


@dataclass(frozen=True, kw_only=True)
class CraneBase(Part):
    """The tower crane's pad and the first sections of its mast."""

    u: float
    v: float

    def draw(self, canvas: Canvas) -> None:
        """Put pad and lattice."""
        pad = Rect(self.u, self.v, 6.4, 6.4, 10.0)
        patch = canvas.patch(pad)
        if patch is None:
            return
        ground = patch.ground_m()
        roofs.block(
            canvas,
            pad,
            top_m=ground + 0.5,
            colour=(168, 165, 157),
            name=self.name,
            material=Material.PAVED,
        )
        mast = canvas.patch(pad.part(0, 0, 1.9, 1.9))
        if mast is not None:
            p, q = mast.axes(self.u, self.v, 10.0)
            cross = np.minimum(np.abs(p - q), np.abs(p + q))
            rim = np.maximum(np.abs(p), np.abs(q)) > 0.7
            steel = (rim | (cross < 0.14)).astype(np.float32)
            mast.tint(mix((120, 112, 98), (196, 166, 62), steel))
            mast.lift(np.where(steel > 0, ground + 7.5, ground + 3.0).astype(np.float32))
        for index in range(3):
            section = pad.part(7.5, -3.0 + 2.4 * index, 5.8, 1.7)
            roofs.block(
                canvas,
                section,
                top_m=ground + 1.5,
                colour=(186, 156, 66),
                texture=0.14,
                name=f"{self.name}/section{index}",
                material=Material.PAVED,
            )


@dataclass(frozen=True, kw_only=True)
class SiteStores(Part):
    """Stacks of bars, pipes, boards and blocks about the site."""

    def draw(self, canvas: Canvas) -> None:
        """Put the stacks."""
        rng = canvas.rng(self.name)
        spots = (
            (244, 190),
            (250, 196),
            (240, 201),
            (257, 176),
            (262, 193),
            (236, 255),
            (252, 256),
            (258, 229),
            (249, 171),
            (243, 215),
        )
        tones: tuple[Colour, ...] = (
            (126, 104, 88),
            (168, 132, 88),
            (150, 148, 144),
            (110, 112, 116),
            (176, 170, 158),
        )
        for index, (u, v) in enumerate(spots):
            stack = Rect(
                u,
                v,
                float(rng.uniform(3, 8)),
                float(rng.uniform(1.0, 2.2)),
                float(rng.choice([0.0, 90.0])) + float(rng.uniform(-6, 6)),
            )
            patch = canvas.patch(stack)
            if patch is None:
                continue
            tone = tones[index % len(tones)]
            _, q = patch.axes(stack.u, stack.v, stack.angle_deg)
            bars = 0.5 + 0.5 * np.cos(2 * np.pi * q / 0.35)
            roofs.block(
                canvas,
                stack,
                top_m=patch.ground_m() + 0.9,
                colour=tone,
                texture=0.08,
                name=f"{self.name}/{index}",
                material=Material.PAVED,
            )
            patch.modulate((-0.22 * bars).astype(np.float32))
        fittings.clutter(
            canvas,
            Rect(246, 206, 30, 38),
            base_m=None,
            name=f"{self.name}/junk",
            count=46,
            largest_m=1.6,
            dated=True,
        )
