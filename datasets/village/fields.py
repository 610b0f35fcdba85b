"""Farmland: parcels, crop rows, vegetable beds, greenhouse tunnels."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from shapely import affinity
from shapely.geometry import Polygon, box

from datasets.village.canvas import Canvas, Colour, Floats, Material, Rect, mix, step
from datasets.village.noise import per_strip, wobble
from datasets.village.part import Part
from datasets.village.terrain import SOIL, grass_colour, soften, soil_colour


class Crop(StrEnum):
    """How a parcel looks."""

    RICE_GREEN = "rice_green"
    RICE_RIPE = "rice_ripe"
    STUBBLE = "stubble"
    VEGETABLES = "vegetables"
    SEEDLINGS = "seedlings"
    PLOUGHED = "ploughed"
    FALLOW = "fallow"
    CANE = "cane"
    POTATO = "potato"
    MULCH = "mulch"


@dataclass(frozen=True)
class Habit:
    """Numbers behind a crop's look.

    Attributes:
        leaf: Leaf colour.
        row_m: Distance between rows.
        cover: Share of a row's ground under leaves, 0 to 1.
        furrow: Depth of the bare gap between rows, 0 (closed canopy) to 1.
        height_m: Height of the plants.
        lumpy: How uneven the canopy is.
    """

    leaf: Colour
    row_m: float
    cover: float
    furrow: float
    height_m: float
    lumpy: float


HABITS: dict[Crop, Habit] = {
    Crop.RICE_GREEN: Habit((112, 128, 66), 0.9, 0.97, 0.16, 0.55, 0.25),
    Crop.RICE_RIPE: Habit((160, 150, 102), 0.9, 0.97, 0.14, 0.60, 0.25),
    Crop.STUBBLE: Habit((172, 160, 122), 1.1, 0.75, 0.35, 0.10, 0.20),
    Crop.VEGETABLES: Habit((92, 114, 62), 1.5, 0.88, 0.95, 0.32, 0.50),
    Crop.SEEDLINGS: Habit((118, 134, 76), 1.2, 0.45, 1.00, 0.12, 0.40),
    Crop.PLOUGHED: Habit((120, 122, 74), 1.0, 0.04, 1.00, 0.04, 0.30),
    Crop.FALLOW: Habit((118, 124, 76), 3.0, 0.75, 0.10, 0.35, 0.90),
    Crop.CANE: Habit((106, 122, 60), 1.2, 0.97, 0.40, 1.60, 0.70),
    Crop.POTATO: Habit((84, 106, 54), 1.1, 0.93, 0.55, 0.30, 0.60),
    Crop.MULCH: Habit((96, 122, 66), 1.4, 0.30, 1.00, 0.20, 0.30),
}


@dataclass(frozen=True, kw_only=True)
class Parcel(Part):
    """One field, with what grows there at each survey."""

    shape: Polygon
    angle_deg: float
    crop_before: Crop
    crop_after: Crop

    def draw(self, canvas: Canvas) -> None:
        """Paint bund, soil and crop."""
        rng = canvas.rng(self.name)
        crop = self.crop_before if canvas.date == "before" else self.crop_after
        habit = HABITS[crop]
        bund = canvas.patch(self.shape)
        patch = canvas.patch(self.shape.buffer(-0.45))
        if bund is None or patch is None:
            return
        path = mix(grass_colour(bund, rng, dry=0.5), SOIL, step(-0.3, 1.2, bund.noise("mid", rng)))
        bund.tint(path, 0.8)
        bund.lift(bund.terrain + 0.15)
        soften(patch, rng, width_m=0.5)
        centre = self.shape.centroid
        p, q = patch.axes(centre.x, centre.y, self.angle_deg)
        # Each season is sown anew: the rows do not come back where they were.
        rng = canvas.rng(f"{self.name}/{crop}", dated=True)
        q = q + 0.12 * wobble(p, rng, period_m=9.0) + 0.05 * patch.noise("mid", rng)
        phase = q / habit.row_m + float(rng.uniform(0, 1))
        row = 0.5 + 0.5 * np.cos(2.0 * np.pi * phase)
        profile = 1.0 - habit.furrow * (1.0 - step(0.18, 0.62, row.astype(np.float32)))
        mid, fine = patch.noise("mid", rng), patch.noise("fine", rng)
        grain, broad = patch.noise("grain", rng), patch.noise("broad", rng)
        growth = 0.80 + 0.16 * broad + 0.10 * mid
        # Bare spots where plants failed.
        thin = step(-2.6, -1.0, mid + 0.6 * broad + 1.2 * habit.cover)
        cover = np.clip(profile * thin * habit.cover * (0.85 + 0.15 * fine), 0.0, 1.0)
        if crop is Crop.SEEDLINGS or crop is Crop.MULCH:
            plants = 0.5 + 0.5 * np.cos(2 * np.pi * (p / 0.75 + wobble(q, rng, period_m=2.0)))
            cover = cover * step(0.3, 0.8, (plants + 0.15 * fine).astype(np.float32))
        if crop is Crop.FALLOW:
            cover = np.clip(0.6 + 0.35 * mid + 0.25 * fine, 0.0, 1.0).astype(np.float32)
        soil = soil_colour(patch, rng) * np.float32(rng.uniform(0.74, 0.92))
        leaf = self._leaf(habit, patch.alpha.shape, rng, p=p, q=q, crop=crop)
        leaf = leaf * (1.0 + 0.10 * broad + 0.06 * mid + 0.05 * fine + 0.07 * grain)[..., None]
        colour = mix(soil, np.clip(leaf, 0, 1).astype(np.float32), cover)
        if crop is Crop.MULCH:
            film = step(0.35, 0.55, row.astype(np.float32)) * (1.0 - cover)
            colour = mix(colour, (178, 180, 178), 0.75 * film * step(-2, 0, fine + mid))
        if crop is Crop.STUBBLE:
            # Straw lies in windrows behind the harvester.
            swath = 0.5 + 0.5 * np.cos(2 * np.pi * (q / 4.2 + 0.15 * wobble(p, rng, period_m=6)))
            colour = mix(colour, (188, 176, 138), 0.7 * step(0.55, 0.9, swath + 0.2 * fine))
        patch.tint(np.clip(colour, 0, 1))
        tall = habit.height_m * growth * (1.0 + habit.lumpy * 0.14 * fine)
        ridge = 0.12 * habit.furrow * row
        # Height follows the rows, not the leaves: a canopy is smoother than its colour.
        stand = profile * thin * habit.cover
        patch.lift((patch.terrain + ridge + stand * np.maximum(tall, 0.0)).astype(np.float32))
        patch.mark(Material.CROP)

    @staticmethod
    def _leaf(
        habit: Habit,
        shape: tuple[int, ...],
        rng: np.random.Generator,
        *,
        p: Floats,
        q: Floats,
        crop: Crop,
    ) -> Floats:
        """Return the leaf colour; vegetable beds change from bed to bed."""
        base = np.broadcast_to(np.asarray(habit.leaf, np.float32) / 255.0, (*shape, 3))
        if crop is Crop.VEGETABLES:
            stretch = np.where(per_strip(p, rng, width_m=float(rng.uniform(9, 16))) > 0, 97.0, 0.0)
            bed = per_strip((q + stretch).astype(np.float32), rng, width_m=6.0)
            hue = mix((78, 104, 60), (150, 158, 92), step(-1.3, 1.5, bed))
            return mix(hue, (120, 126, 104), 0.6 * step(1.0, 1.1, bed))
        return np.array(base, np.float32)


@dataclass(frozen=True, kw_only=True)
class Tunnels(Part):
    """A row of plastic greenhouse tunnels.

    Attributes:
        block: Ground they stand on; tunnels run along its p axis.
        count: How many.
    """

    block: Rect
    count: int

    def draw(self, canvas: Canvas) -> None:
        """Paint each tunnel as a half cylinder of milky film."""
        rng = canvas.rng(self.name)
        ground = canvas.patch(self.block.grown(1.0))
        if ground is not None:
            soften(ground, rng, width_m=0.8)
            ground.tint(soil_colour(ground, rng), 0.85)
            ground.lift(ground.terrain)
        pitch = self.block.depth / self.count
        for index in range(self.count):
            q_0 = -self.block.depth / 2 + (index + 0.5) * pitch
            length = self.block.width - float(rng.uniform(0, 3))
            tunnel = self.block.part(0.0, q_0, length, pitch - 1.1)
            patch = canvas.patch(tunnel)
            if patch is None:
                continue
            p, q = patch.axes(tunnel.u, tunnel.v, tunnel.angle_deg)
            half = tunnel.depth / 2
            arch = np.sqrt(np.clip(1.0 - (q / half) ** 2, 0.0, 1.0))
            fine, mid = patch.noise("fine", rng), patch.noise("mid", rng)
            film = mix((196, 200, 198), (160, 168, 160), step(-0.8, 1.6, mid))
            # Dirt gathers in the valleys; the crop inside shines through.
            film = mix(film, (140, 150, 120), 0.35 * step(0.0, 1.0, np.abs(q) / half + 0.2 * fine))
            hoop = step(0.86, 0.98, np.cos(2 * np.pi * p / 1.5).astype(np.float32))
            film = mix(film, (226, 228, 226), 0.4 * hoop)
            torn = step(1.7, 2.1, mid + 0.5 * fine)
            film = mix(film, (118, 122, 84), 0.8 * torn)
            film *= np.float32(rng.uniform(0.86, 1.04))
            patch.tint(np.clip(film, 0, 1))
            patch.lift((patch.ground_m() + 2.3 * arch).astype(np.float32))
            patch.mark(Material.STRUCTURE)


def divide(
    area: Polygon, rng: np.random.Generator, *, target_m2: float, angle_deg: float = 0.0
) -> list[Polygon]:
    """Cut an area into parcels of about ``target_m2``, long side halved first."""
    upright = affinity.rotate(area, -angle_deg, origin=(0, 0))
    todo, done = [upright], []
    while todo:
        piece = todo.pop()
        if piece.area <= target_m2 * float(rng.uniform(0.8, 1.7)):
            done.append(piece)
            continue
        u_0, v_0, u_1, v_1 = piece.bounds
        share = float(rng.uniform(0.38, 0.62))
        if u_1 - u_0 > (v_1 - v_0) * 0.8:
            cut = u_0 + share * (u_1 - u_0)
            halves = (box(u_0, v_0, cut, v_1), box(cut, v_0, u_1, v_1))
        else:
            cut = v_0 + share * (v_1 - v_0)
            halves = (box(u_0, v_0, u_1, cut), box(u_0, cut, u_1, v_1))
        for half in halves:
            part = piece.intersection(half)
            todo.extend(
                piece_
                for piece_ in getattr(part, "geoms", [part])
                if isinstance(piece_, Polygon) and piece_.area > 12.0
            )
    return [affinity.rotate(piece, angle_deg, origin=(0, 0)) for piece in done]
