"""Houses, sheds, workshops, walls and yards."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from datasets.village import fittings, roofs
from datasets.village.canvas import Canvas, Colour, Material, Rect, mix, step
from datasets.village.noise import per_strip
from datasets.village.part import Part
from datasets.village.terrain import soften, soil_colour

STOREY_M = 3.2


class Roof(StrEnum):
    """Kind of roof."""

    FLAT = "flat"
    GABLE = "gable"
    HIP = "hip"
    STEEL = "steel"


@dataclass(frozen=True, kw_only=True)
class House(Part):
    """A village house.

    Attributes:
        rect: Outline; +q is the front.
        storeys: Number of storeys.
        roof: Kind of roof.
        colour: Roof colour.
        stair: Corner (-1 or 1 along p) of the stair tower on a flat roof; 0 for none.
        busy: How much stands on the roof, 0 to 1.
    """

    rect: Rect
    storeys: float
    roof: Roof
    colour: Colour
    stair: int = 1
    busy: float = 0.6

    def draw(self, canvas: Canvas) -> None:
        """Raise the house."""
        ground = canvas.patch(self.rect)
        if ground is None:
            return
        top = ground.ground_m() + self.storeys * STOREY_M
        if self.roof is Roof.FLAT:
            self._flat(canvas, top)
        elif self.roof is Roof.STEEL:
            roofs.steel_roof(
                canvas,
                self.rect,
                eave_m=top,
                pitch=0.12,
                look=self.name,
                colour=self.colour,
                wear=0.6,
            )
        else:
            roofs.pitched_roof(
                canvas,
                self.rect.grown(0.35),
                eave_m=top,
                pitch=0.48,
                look=self.name,
                colour=self.colour,
                hipped=self.roof is Roof.HIP,
            )

    def _flat(self, canvas: Canvas, top: float) -> None:
        rng = canvas.rng(f"{self.name}/flat")
        rect = self.rect
        balcony = rect.part(0.0, rect.depth / 2 + 0.6, rect.width * 0.72, 1.3)
        roofs.block(
            canvas,
            balcony,
            top_m=top - STOREY_M + 1.0,
            colour=(158, 153, 144),
            name=f"{self.name}/balcony",
        )
        roofs.concrete_roof(canvas, rect, top_m=top, look=self.name, colour=self.colour)
        tone = float(rng.uniform(0.9, 1.04))
        rail: Colour = (186 * tone, 180 * tone, 168 * tone)
        roofs.parapet(canvas, rect, top_m=top + 0.95, name=f"{self.name}/parapet", colour=rail)
        if self.stair:
            tower = rect.part(
                self.stair * (rect.width / 2 - 1.75), -(rect.depth / 2 - 2.1), 3.1, 3.8
            )
            roofs.concrete_roof(
                canvas, tower, top_m=top + 2.7, look=f"{self.name}/tower", colour=self.colour
            )
            roofs.parapet(
                canvas,
                tower,
                top_m=top + 3.0,
                name=f"{self.name}/tower/rim",
                colour=rail,
                width_m=0.18,
            )
            if rng.uniform() < 0.75:
                fittings.water_tank(
                    canvas, tower.u, tower.v, base_m=top + 2.7, name=f"{self.name}/tank"
                )
        inner = rect.grown(-0.7)
        if rng.uniform() < self.busy:
            heater = rect.part(
                -self.stair * rect.width * 0.22,
                -rect.depth * 0.28,
                1.9,
                1.5,
                turn_deg=roofs.facing_south(rect) - rect.angle_deg,
            )
            fittings.solar_heater(canvas, heater, base_m=top, name=f"{self.name}/solar")
        if rng.uniform() < self.busy * 0.8:
            line = rect.part(-self.stair * rect.width * 0.1, rect.depth * 0.1, rect.width * 0.6, 1)
            fittings.washing(canvas, line, base_m=top, name=f"{self.name}/washing")
        if rng.uniform() < self.busy * 0.4:
            lean = rect.part(-self.stair * (rect.width / 2 - 2.2), rect.depth / 2 - 2.0, 3.8, 3.2)
            tones: tuple[Colour, ...] = (roofs.BLUE_STEEL, roofs.RUSTY_STEEL, roofs.GREY_STEEL)
            roofs.steel_roof(
                canvas,
                lean,
                eave_m=top + 2.2,
                pitch=0.1,
                mono=True,
                look=f"{self.name}/lean",
                colour=tones[int(rng.integers(0, 3))],
                wear=0.7,
            )
        fittings.clutter(
            canvas,
            inner,
            base_m=top,
            name=f"{self.name}/clutter",
            count=int(4 + 14 * self.busy * rng.uniform()),
        )


@dataclass(frozen=True, kw_only=True)
class FlatAnnex(Part):
    """A flat concrete room: an extension at ground level or an added room on a roof.

    Attributes:
        rect: Outline.
        base_m: Height of its floor above the ground.
        height_m: Height of its roof above its floor.
        colour: Roof colour.
        look: Seeds the weathering; give the house's name for a roof that matches.
        rim: Whether it has a low rim.
    """

    rect: Rect
    base_m: float
    height_m: float
    colour: Colour
    look: str
    rim: bool = True

    def draw(self, canvas: Canvas) -> None:
        """Raise the room."""
        patch = canvas.patch(self.rect)
        if patch is None:
            return
        top = patch.ground_m() + self.base_m + self.height_m
        roofs.concrete_roof(canvas, self.rect, top_m=top, look=self.look, colour=self.colour)
        if self.rim:
            roofs.parapet(
                canvas,
                self.rect,
                top_m=top + 0.25,
                name=f"{self.name}/rim",
                width_m=0.2,
                colour=self.colour,
            )


@dataclass(frozen=True, kw_only=True)
class SteelShed(Part):
    """A colour-steel shed or workshop."""

    rect: Rect
    eave_m: float
    colour: Colour
    mono: bool = False
    wear: float = 0.5
    pitch: float = 0.13

    def draw(self, canvas: Canvas) -> None:
        """Raise the shed."""
        patch = canvas.patch(self.rect)
        if patch is None:
            return
        roofs.steel_roof(
            canvas,
            self.rect,
            eave_m=patch.ground_m() + self.eave_m,
            pitch=self.pitch,
            look=self.name,
            colour=self.colour,
            mono=self.mono,
            wear=self.wear,
        )


@dataclass(frozen=True, kw_only=True)
class Containers(Part):
    """Prefabricated office containers side by side."""

    rect: Rect
    count: int
    height_m: float
    colour: Colour

    def draw(self, canvas: Canvas) -> None:
        """Put the boxes with the gaps between them."""
        patch = canvas.patch(self.rect)
        if patch is None:
            return
        top = patch.ground_m() + self.height_m
        deep = self.rect.depth / self.count
        for index in range(self.count):
            q = -self.rect.depth / 2 + (index + 0.5) * deep
            body = self.rect.part(0.0, q, self.rect.width, deep - 0.04)
            roofs.steel_roof(
                canvas,
                body,
                eave_m=top - 0.05,
                pitch=0.02,
                mono=True,
                look=f"{self.name}/{index}",
                colour=self.colour,
                wear=0.25,
            )
            roofs.parapet(
                canvas,
                body,
                top_m=top + 0.06,
                name=f"{self.name}/{index}/frame",
                width_m=0.14,
                colour=(176, 180, 184),
            )


@dataclass(frozen=True, kw_only=True)
class Yard(Part):
    """Ground around a house: concrete, packed earth or a kitchen garden, with what lies about."""

    rect: Rect
    paved: float
    junk: int
    walled: bool
    gate_p: float = 0.0

    def draw(self, canvas: Canvas) -> None:
        """Paint the ground, the wall and the junk."""
        rng = canvas.rng(self.name)
        patch = canvas.patch(self.rect)
        if patch is None:
            return
        soften(patch, rng, width_m=0.5)
        p, q = patch.axes(self.rect.u, self.rect.v, self.rect.angle_deg)
        mid, fine, grain = (patch.noise(band, rng) for band in ("mid", "fine", "grain"))
        slab = mix((170, 165, 154), (142, 137, 127), step(-1.0, 1.6, mid + 0.3 * fine))
        panel = per_strip(p, rng, width_m=3.5) + per_strip(q, rng, width_m=3.5)
        slab = slab * (1 + 0.022 * panel + 0.02 * fine + 0.02 * grain)[..., None]
        earth = soil_colour(patch, rng)
        loose = 0.6 * patch.noise("mid", rng) + 0.5 * patch.noise("broad", rng) + 0.3 * fine
        share = step(-1.2, 0.9, loose + (self.paved - 0.5) * 4.5)
        patch.tint(mix(earth, np.clip(slab, 0, 1).astype(np.float32), share))
        patch.lift((patch.terrain + 0.03).astype(np.float32))
        if self.paved > 0.6:
            patch.mark(Material.PAVED)
        fittings.clutter(
            canvas,
            self.rect.grown(-0.8),
            base_m=None,
            name=f"{self.name}/junk",
            count=self.junk,
            largest_m=2.0,
        )
        if self.walled:
            self._wall(canvas)

    def _wall(self, canvas: Canvas) -> None:
        ring = self.rect.polygon.difference(self.rect.grown(-0.22).polygon)
        gate = self.rect.part(self.gate_p, self.rect.depth / 2, 3.4, 2.0).polygon
        patch = canvas.patch(ring.difference(gate))
        if patch is None:
            return
        rng = canvas.rng(f"{self.name}/wall")
        patch.tint(mix((172, 164, 150), (126, 116, 104), step(-0.8, 1.4, patch.noise("mid", rng))))
        patch.lift((patch.terrain + 1.9).astype(np.float32))


@dataclass(frozen=True, kw_only=True)
class Rubble(Part):
    """What is left where a building was pulled down."""

    rect: Rect

    def draw(self, canvas: Canvas) -> None:
        """Scatter broken brick and concrete."""
        rng = canvas.rng(self.name)
        patch = canvas.patch(self.rect.grown(0.9))
        if patch is None:
            return
        soften(patch, rng, width_m=1.4)
        fine, grain, mid = (patch.noise(band, rng) for band in ("fine", "grain", "mid"))
        colour = mix((164, 150, 132), (146, 112, 92), step(-0.4, 1.6, fine + 0.6 * mid))
        colour = mix(colour, (190, 184, 174), step(0.8, 1.8, grain + 0.5 * fine))
        patch.tint(np.clip(colour * (1 + 0.06 * grain)[..., None], 0, 1).astype(np.float32))
        patch.lift((patch.terrain + 0.14 + 0.10 * fine).astype(np.float32))
        patch.mark(Material.SOIL)
        fittings.clutter(
            canvas, self.rect, base_m=None, name=f"{self.name}/bits", count=18, largest_m=1.2
        )
