"""Roads, lanes, tracks and water: everything that follows a line, and the pond."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from shapely.geometry import LineString, Polygon
from shapely.ops import substring

from datasets.village.canvas import Canvas, Floats, Material, Patch, Rect, mix, step
from datasets.village.noise import per_strip
from datasets.village.part import Part
from datasets.village.terrain import PALE_SOIL, SOIL, grass_colour, soften, soil_colour

Line = tuple[tuple[float, float], ...]


def off_line_m(canvas: Canvas, patch: Patch, line: LineString) -> Floats:
    """Return each cell's distance from a line in metres."""
    points = canvas.frame.grid_from_layout(np.asarray(line.coords))
    points -= (patch.cols.start, patch.rows.start)
    image = np.full(patch.alpha.shape, 255, np.uint8)
    cv2.polylines(image, [np.rint(points * 16).astype(np.int32)], False, 0, 1, shift=4)
    distance = cv2.distanceTransform(image, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    away: Floats = (distance * canvas.frame.cell_m).astype(np.float32)
    return away


def smooth_line(points: Line) -> LineString:
    """Return a line through the points with its corners cut twice (Chaikin)."""
    path = np.asarray(points, np.float64)
    for _ in range(3):
        first, second = path[:-1], path[1:]
        cut = np.stack([0.75 * first + 0.25 * second, 0.25 * first + 0.75 * second], axis=1)
        path = np.concatenate([path[:1], cut.reshape(-1, 2), path[-1:]])
    return LineString(path)


@dataclass(frozen=True, kw_only=True)
class Road(Part):
    """The paved main road: asphalt, markings, dusty shoulders.

    Attributes:
        line: Centre line.
        width_m: Carriageway.
        dirty: Where (metres along the line) trucks drag soil onto it, and how far.
    """

    line: Line
    width_m: float
    dirty: tuple[float, float] = (0.0, 0.0)

    def draw(self, canvas: Canvas) -> None:
        """Paint shoulder, asphalt, cracks, markings and dirt."""
        rng = canvas.rng(self.name)
        line = smooth_line(self.line)
        verge = canvas.patch(line.buffer(self.width_m / 2 + 1.6))
        patch = canvas.patch(line.buffer(self.width_m / 2))
        if verge is None or patch is None:
            return
        soften(verge, rng, width_m=1.2)
        verge.tint(mix(soil_colour(verge, rng), (150, 146, 136), np.full_like(verge.alpha, 0.5)))
        verge.lift(verge.terrain)
        away = off_line_m(canvas, patch, line)
        broad, mid = patch.noise("broad", rng), patch.noise("mid", rng)
        fine, grain = patch.noise("fine", rng), patch.noise("grain", rng)
        colour = mix((136, 134, 130), (122, 121, 118), step(-1, 1.5, broad + 0.4 * mid))
        lane = self.width_m / 4
        rut = np.exp(-(((np.abs(away - lane) - 0.8) / 0.35) ** 2))
        colour = colour * (1 + 0.045 * rut + 0.02 * fine + 0.025 * grain)[..., None]
        gutter = step(self.width_m / 2 - 1.3, self.width_m / 2, away + 0.25 * mid)
        colour = mix(colour.astype(np.float32), SOIL, 0.55 * gutter)
        patch.tint(colour)
        patch.lift(patch.terrain + 0.12)
        patch.mark(Material.PAVED)
        self._repairs(canvas, line, rng)
        self._markings(canvas, line, rng)
        start, reach = self.dirty
        if reach > 0:
            stretch = substring(line, max(0.0, start - reach), start + reach)
            spill = canvas.patch(stretch.buffer(self.width_m / 2 + 0.5))
            if spill is not None:
                dust = canvas.rng(f"{self.name}/dust", dated=True)
                soften(spill, dust, width_m=3.0)
                loose = 0.38 + 0.2 * spill.noise("mid", dust)
                more = 1.5 if canvas.date == "after" else 0.7
                spill.tint(soil_colour(spill, dust), np.clip(loose * more, 0.0, 0.75))

    def _repairs(self, canvas: Canvas, line: LineString, rng: np.random.Generator) -> None:
        """Paint patches of newer asphalt and tar-filled cracks."""
        for _ in range(9):
            at = float(rng.uniform(0, line.length))
            here = line.interpolate(at)
            ahead = line.interpolate(min(at + 1.0, line.length))
            angle = float(np.degrees(np.arctan2(ahead.y - here.y, ahead.x - here.x)))
            side = float(rng.uniform(-0.3, 0.3)) * self.width_m
            size = (float(rng.uniform(1.5, 6)), float(rng.uniform(0.8, 2.4)))
            patch = canvas.patch(Rect(here.x, here.y, 0, 0, angle).part(0, side, *size))
            if patch is not None:
                patch.tint((98, 98, 97), 0.6)
        for _ in range(30):
            at = float(rng.uniform(0, line.length - 10))
            path = [line.interpolate(at + step_m) for step_m in np.linspace(0, 7, 9)]
            side = float(rng.uniform(-0.45, 0.45)) * self.width_m
            jitter = np.cumsum(rng.normal(0, 0.22, (9, 2)), axis=0)
            across = rng.uniform() < 0.5
            points = [
                (
                    p.x * (1 if not across else 0) + (path[0].x if across else 0) + j[0],
                    (p.y + side if not across else path[0].y + (i / 8 - 0.5) * self.width_m) + j[1],
                )
                for i, (p, j) in enumerate(zip(path, jitter, strict=True))
            ]
            crack = canvas.patch(LineString(points).buffer(0.05))
            if crack is not None:
                crack.tint((92, 90, 88), 0.4)

    def _markings(self, canvas: Canvas, line: LineString, rng: np.random.Generator) -> None:
        """Paint the worn dashed centre line and the edge lines."""
        dashes = [
            substring(line, at, at + 4.0).buffer(0.085, cap_style="flat")
            for at in np.arange(0, line.length - 4, 10.0)
        ]
        edges = [
            line.offset_curve(side * (self.width_m / 2 - 0.45)).buffer(0.07) for side in (-1, 1)
        ]
        for shape, colour in [
            *((dash, (214, 196, 130)) for dash in dashes),
            *((edge, (206, 206, 202)) for edge in edges),
        ]:
            patch = canvas.patch(shape)
            if patch is not None:
                worn = np.clip(0.62 + 0.35 * patch.noise("mid", rng), 0.1, 0.95)
                patch.tint(colour, worn.astype(np.float32))


@dataclass(frozen=True, kw_only=True)
class Lane(Part):
    """A concrete village lane, cast in slabs; ``keep_off`` is the road it joins."""

    line: Line
    width_m: float
    keep_off: Polygon | None = None

    def draw(self, canvas: Canvas) -> None:
        """Paint slabs, joints, cracks and dirt."""
        rng = canvas.rng(self.name)
        line = smooth_line(self.line)
        road = Polygon() if self.keep_off is None else self.keep_off
        shape = line.buffer(self.width_m / 2, cap_style="flat").difference(road)
        verge = canvas.patch(line.buffer(self.width_m / 2 + 0.9).difference(road))
        patch = canvas.patch(shape)
        if verge is None or patch is None:
            return
        soften(verge, rng, width_m=0.8)
        verge.tint(soil_colour(verge, rng), 0.8)
        verge.lift(verge.terrain)
        first, last = line.coords[0], line.coords[-1]
        angle = float(np.degrees(np.arctan2(last[1] - first[1], last[0] - first[0])))
        p, _ = patch.axes(first[0], first[1], angle)
        mid, fine, grain = (patch.noise(band, rng) for band in ("mid", "fine", "grain"))
        colour = mix((176, 172, 162), (154, 150, 141), step(-1.2, 1.6, mid))
        slab = per_strip(p, rng, width_m=4.5)
        colour = colour * (1 + 0.03 * slab + 0.018 * fine + 0.025 * grain)[..., None]
        joint = step(0.985, 0.999, np.abs(np.cos(np.pi * p / 4.5)).astype(np.float32))
        colour = mix(
            np.clip(colour, 0, 1).astype(np.float32),
            (124, 119, 108),
            0.4 * joint * step(-1.2, 0.4, fine),
        )
        away = off_line_m(canvas, patch, line)
        edge = step(self.width_m / 2 - 0.9, self.width_m / 2 + 0.2, away + 0.3 * mid)
        colour = mix(colour, (138, 128, 106), 0.6 * edge)
        patch.tint(colour)
        patch.lift(patch.terrain + 0.08)
        patch.mark(Material.PAVED)


@dataclass(frozen=True, kw_only=True)
class Track(Part):
    """A dirt track: two worn ruts and a green crown between them."""

    line: Line
    width_m: float
    soil_marked: bool = False

    def draw(self, canvas: Canvas) -> None:
        """Paint soil, ruts and the grass between."""
        rng = canvas.rng(self.name)
        line = smooth_line(self.line)
        patch = canvas.patch(line.buffer(self.width_m / 2 + 0.5, cap_style="flat"))
        if patch is None:
            return
        away = off_line_m(canvas, patch, line)
        soften(patch, rng, width_m=0.9)
        rut = np.exp(-(((away - 0.8) / 0.38) ** 2)).astype(np.float32)
        colour = mix(soil_colour(patch, rng), PALE_SOIL, 0.75 * rut)
        crown = 1.0 - step(0.15, 0.75, away + 0.25 * patch.noise("fine", rng))
        patchy = step(-0.8, 0.6, patch.noise("mid", rng))
        if not self.soil_marked:
            colour = mix(colour, grass_colour(patch, rng, dry=0.4), 0.8 * crown * patchy)
        patch.tint(colour)
        patch.lift((patch.terrain - 0.06 * rut).astype(np.float32))
        patch.mark(Material.SOIL)


@dataclass(frozen=True, kw_only=True)
class Water(Part):
    """A pond or a stretch of canal.

    Attributes:
        shape: Water's edge.
        depth_m: Water level below the ground.
        bank_m: Width of the bank.
        lined: Whether the bank is concrete.
        aerators: Paddle-wheel aerators afloat (fish ponds have them).
    """

    shape: Polygon
    depth_m: float = 0.9
    bank_m: float = 2.0
    lined: bool = False
    aerators: int = 0

    def draw(self, canvas: Canvas) -> None:
        """Paint bank, water, algae and glints."""
        rng = canvas.rng(self.name)
        bank = canvas.patch(self.shape.buffer(self.bank_m))
        patch = canvas.patch(self.shape)
        if bank is None or patch is None:
            return
        level = patch.ground_m() - self.depth_m
        if self.lined:
            bank.tint(
                mix((168, 163, 152), (132, 128, 112), step(-0.5, 1.5, bank.noise("mid", rng)))
            )
            bank.lift(bank.terrain + 0.15)
        else:
            soften(bank, rng, width_m=1.0)
            soil = mix(
                soil_colour(bank, rng),
                grass_colour(bank, rng),
                step(-0.6, 0.8, bank.noise("mid", rng)),
            )
            bank.tint(soil, 0.9)
        tide = canvas.rng(self.name, dated=True)
        broad, mid = patch.noise("broad", tide), patch.noise("mid", tide)
        colour = mix((98, 104, 86), (84, 96, 88), step(-1.2, 1.4, broad))
        scum = step(1.2, 3.2, 0.5 * mid + 1.3 * broad)
        colour = mix(colour, (112, 122, 78), 0.35 * scum)
        colour = colour * (1 + 0.012 * patch.noise("fine", tide))[..., None]
        inside = patch.inside.astype(np.uint8)
        shore = cv2.distanceTransform(inside, cv2.DIST_L2, 3) * canvas.frame.cell_m
        colour = mix(
            colour.astype(np.float32),
            (112, 106, 82),
            0.7 * (1 - step(0.0, 1.6, shore.astype(np.float32))),
        )
        patch.tint(colour)
        patch.lift(level)
        patch.terrain[patch.inside] = level
        patch.mark(Material.WATER)
        centre = self.shape.centroid
        for index in range(self.aerators):
            spot = Rect(centre.x, centre.y, 0, 0, 20).part(
                (index - 0.5) * 14, 3 * (-1) ** index, 1.6, 0.9
            )
            float_ = canvas.patch(spot)
            foam = canvas.patch(spot.part(1.6, 0, 3.2, 2.2))
            if float_ is None or foam is None:
                continue
            soften(foam, tide, width_m=0.9)
            foam.tint((168, 174, 166), 0.5)
            float_.tint((60, 84, 140))
            float_.lift(level + 0.5)
