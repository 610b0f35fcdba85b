"""Cars, vans, trucks and excavators, seen from above."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from datasets.village.canvas import Canvas, Colour, Material, Rect, mix, step
from datasets.village.part import Part
from datasets.village.roofs import block


class Build(StrEnum):
    """Kind of vehicle."""

    CAR = "car"
    VAN = "van"
    TRUCK = "truck"
    EXCAVATOR = "excavator"


PAINTS: tuple[Colour, ...] = (
    (214, 214, 212),
    (220, 220, 218),
    (62, 64, 68),
    (128, 132, 136),
    (172, 174, 176),
    (132, 50, 48),
    (58, 76, 112),
    (168, 156, 132),
)


@dataclass(frozen=True, kw_only=True)
class Vehicle(Part):
    """A vehicle at a place, heading along its own p axis."""

    u: float
    v: float
    angle_deg: float
    build: Build = Build.CAR
    paint: int = 0

    def draw(self, canvas: Canvas) -> None:
        """Put the vehicle."""
        colour = PAINTS[self.paint % len(PAINTS)]
        if self.build is Build.CAR:
            self._body(canvas, Rect(self.u, self.v, 4.6, 1.85, self.angle_deg), colour, top_m=1.0)
            self._cabin(canvas, -0.25, length=2.5, width=1.55, top_m=1.5, colour=colour)
        elif self.build is Build.VAN:
            self._body(canvas, Rect(self.u, self.v, 5.2, 1.95, self.angle_deg), colour, top_m=1.2)
            self._cabin(canvas, -0.45, length=4.1, width=1.75, top_m=2.0, colour=colour)
        elif self.build is Build.TRUCK:
            self._truck(canvas, colour)
        else:
            self._excavator(canvas)

    def _ground(self, canvas: Canvas) -> float:
        patch = canvas.patch(Rect(self.u, self.v, 3.0, 1.5, self.angle_deg))
        return 0.0 if patch is None else patch.ground_m()

    def _body(self, canvas: Canvas, rect: Rect, colour: Colour, *, top_m: float) -> None:
        outline = rect.grown(-0.35).polygon.buffer(0.35)
        patch = canvas.patch(outline)
        if patch is None:
            return
        _, q = patch.axes(self.u, self.v, self.angle_deg)
        round_off = step(0.0, 1.0, np.abs(q) / (rect.depth / 2))
        shine = 1.04 - 0.16 * round_off
        patch.tint(np.clip(np.asarray(colour, np.float32) / 255 * shine[..., None], 0, 1))
        patch.lift((patch.ground_m() + top_m - 0.2 * round_off).astype(np.float32))
        patch.mark(Material.VEHICLE)

    def _cabin(
        self,
        canvas: Canvas,
        p_0: float,
        *,
        length: float,
        width: float,
        top_m: float,
        colour: Colour,
    ) -> None:
        """Put glass all round and the roof in the middle."""
        ground = self._ground(canvas)
        whole = Rect(self.u, self.v, 1, 1, self.angle_deg).part(p_0, 0, length, width)
        glass = canvas.patch(whole.grown(-0.2).polygon.buffer(0.2))
        if glass is not None:
            glass.tint((44, 50, 56))
            glass.lift(ground + top_m - 0.15)
        roof = canvas.patch(whole.part(-0.05, 0, length - 1.0, width - 0.22))
        if roof is not None:
            roof.tint(
                (
                    min(255.0, colour[0] * 1.03),
                    min(255.0, colour[1] * 1.03),
                    min(255.0, colour[2] * 1.03),
                )
            )
            roof.lift(ground + top_m)

    def _truck(self, canvas: Canvas, colour: Colour) -> None:
        ground = self._ground(canvas)
        frame = Rect(self.u, self.v, 8.2, 2.45, self.angle_deg)
        bed = frame.part(-1.2, 0, 5.8, 2.45)
        block(
            canvas,
            bed,
            top_m=ground + 2.4,
            colour=(96, 104, 92),
            name=f"{self.name}/bed",
            material=Material.VEHICLE,
        )
        load = canvas.patch(bed.grown(-0.16))
        if load is not None:
            rng = canvas.rng(f"{self.name}/load")
            fine = load.noise("fine", rng)
            load.tint(mix((150, 134, 110), (116, 101, 82), step(-1, 1.5, fine)))
            load.lift((ground + 1.9 + 0.15 * fine).astype(np.float32))
        block(
            canvas,
            frame.part(2.95, 0, 1.9, 2.35),
            top_m=ground + 2.7,
            colour=colour,
            name=f"{self.name}/cab",
            material=Material.VEHICLE,
        )
        block(
            canvas,
            frame.part(3.85, 0, 0.35, 2.1),
            top_m=ground + 2.3,
            colour=(46, 52, 58),
            name=f"{self.name}/glass",
            material=Material.VEHICLE,
        )

    def _excavator(self, canvas: Canvas) -> None:
        ground = self._ground(canvas)
        frame = Rect(self.u, self.v, 4.0, 2.8, self.angle_deg)
        for side in (-1.1, 1.1):
            block(
                canvas,
                frame.part(0, side, 4.0, 0.6),
                top_m=ground + 0.9,
                colour=(62, 58, 54),
                name=f"{self.name}/crawler{side}",
                material=Material.VEHICLE,
            )
        turned = canvas.rng(self.name).uniform(-60, 60)
        house = frame.part(-0.3, 0, 3.2, 2.5, turn_deg=float(turned))
        block(
            canvas,
            house,
            top_m=ground + 2.3,
            colour=(198, 158, 62),
            name=f"{self.name}/house",
            material=Material.VEHICLE,
        )
        block(
            canvas,
            house.part(0.7, 0.7, 1.5, 0.95),
            top_m=ground + 2.9,
            colour=(66, 70, 70),
            name=f"{self.name}/cab",
            material=Material.VEHICLE,
        )
        block(
            canvas,
            house.part(3.4, -0.1, 4.6, 0.5),
            top_m=ground + 2.6,
            colour=(186, 148, 60),
            name=f"{self.name}/boom",
            material=Material.VEHICLE,
        )
        block(
            canvas,
            house.part(6.0, -0.1, 1.0, 1.1),
            top_m=ground + 0.8,
            colour=(84, 78, 70),
            name=f"{self.name}/bucket",
            material=Material.VEHICLE,
        )
