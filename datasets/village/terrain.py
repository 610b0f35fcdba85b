"""The bare ground: gentle relief, grass, weeds and soil before anything stands on it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from shapely.geometry import LineString, Polygon
from shapely.geometry.base import BaseGeometry

from datasets.village.canvas import Canvas, Colour, Floats, Material, Patch, mix, step
from datasets.village.part import Part

SOIL: Colour = (166, 150, 124)
DARK_SOIL: Colour = (128, 111, 89)
PALE_SOIL: Colour = (191, 176, 150)
GRASS: Colour = (102, 113, 74)
DRY_GRASS: Colour = (148, 141, 106)
DARK_GRASS: Colour = (70, 87, 48)


def soil_colour(patch: Patch, rng: np.random.Generator) -> Floats:
    """Return an (h, w, 3) colour of bare, uneven earth."""
    broad, mid = patch.noise("broad", rng), patch.noise("mid", rng)
    fine, grain = patch.noise("fine", rng), patch.noise("grain", rng)
    colour = mix(SOIL, PALE_SOIL, step(-0.6, 2.2, broad + 0.6 * mid))
    colour = mix(colour, DARK_SOIL, 0.8 * step(0.1, 2.0, mid - 0.7 * broad + 0.3 * fine))
    colour *= (1.0 + 0.035 * fine + 0.04 * grain)[..., None]
    return np.clip(colour, 0.0, 1.0)


def grass_colour(patch: Patch, rng: np.random.Generator, *, dry: float = 0.0) -> Floats:
    """Return an (h, w, 3) colour of rough grass and weeds; ``dry`` 0 to 1."""
    broad, mid = patch.noise("broad", rng), patch.noise("mid", rng)
    fine, grain = patch.noise("fine", rng), patch.noise("grain", rng)
    colour = mix(GRASS, DRY_GRASS, step(-0.2, 2.0, broad + 0.5 * mid + 1.6 * dry - 0.4))
    colour = mix(colour, DARK_GRASS, 0.85 * step(0.0, 1.8, mid + 0.5 * fine - 0.2))
    colour *= (1.0 + 0.07 * fine + 0.08 * grain)[..., None]
    return np.clip(colour, 0.0, 1.0)


@dataclass(frozen=True, kw_only=True)
class Ground(Part):
    """The relief and the wild cover of the whole scene."""

    def draw(self, canvas: Canvas) -> None:
        """Fill the canvas."""
        rng = canvas.rng(self.name)
        patch = canvas.whole()
        relief = 0.5 * patch.noise("broad", rng) + 0.05 * patch.noise("mid", rng)
        u, v = patch.uv
        canvas.terrain[:] = 4.0 + relief + 0.004 * (v - 140.0) + 0.002 * (u - 180.0)
        dry = 0.15 if canvas.date == "before" else 0.5
        grass = grass_colour(patch, rng, dry=dry)
        bare = step(0.9, 1.9, patch.noise("mid", rng) + 0.35 * patch.noise("fine", rng))
        canvas.albedo[:] = mix(grass, soil_colour(patch, rng), 0.8 * bare)
        tuft = np.maximum(patch.noise("fine", rng), 0.0) * (1.0 - bare)
        canvas.height[:] = canvas.terrain + 0.05 * tuft


@dataclass(frozen=True, kw_only=True)
class Earthwork(Part):
    """Ground that was scraped, filled or rolled: bare soil with machine tracks.

    Attributes:
        shape: Outline.
        raise_m: Fill (or cut, negative) above the ground that was there.
        tracks: How many machine tracks cross it.
        ragged_m: How far the edge wanders.
        opacity: Share of the old cover that is gone.
    """

    shape: Polygon
    raise_m: float = 0.0
    tracks: int = 6
    ragged_m: float = 1.2
    opacity: float = 1.0

    def draw(self, canvas: Canvas) -> None:
        """Paint the soil, then the tracks."""
        rng = canvas.rng(self.name)
        patch = canvas.patch(self.shape.buffer(self.ragged_m, join_style="round"))
        if patch is None:
            return
        soften(patch, rng, width_m=self.ragged_m)
        patch.tint(soil_colour(patch, rng), self.opacity)
        lumps = 0.05 * patch.noise("mid", rng) + 0.03 * patch.noise("fine", rng)
        level = patch.ground_m() + self.raise_m
        blend = patch.alpha * (1.0 if self.raise_m else 0.0)
        patch.terrain[:] = patch.terrain * (1 - blend) + (level + lumps) * blend
        inside = patch.inside
        patch.height[inside] = (patch.terrain + lumps * (0.0 if self.raise_m else 1.0))[inside]
        if self.opacity > 0.7:
            patch.mark(Material.SOIL)
        for index in range(self.tracks):
            wheel_tracks(canvas, self.shape, f"{self.name}/track{index}")


def soften(patch: Patch, rng: np.random.Generator, *, width_m: float) -> None:
    """Make a patch's edge ragged: noise moves the outline by about ``width_m``."""
    cell = patch.canvas.frame.cell_m
    inside = (patch.alpha >= 0.5).astype(np.uint8)
    padded = cv2.copyMakeBorder(inside, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    depth = cv2.distanceTransform(padded, cv2.DIST_L2, 3)[1:-1, 1:-1] * cell
    wander = 0.5 * patch.noise("mid", rng) + 0.35 * patch.noise("fine", rng)
    patch.alpha = (
        step(-0.25 * width_m, 0.25 * width_m, depth + width_m * wander * 0.6 - width_m * 0.9)
        * inside
    )


def wheel_tracks(
    canvas: Canvas, area: BaseGeometry, name: str, *, strength: float = 0.06, pale: bool = True
) -> None:
    """Press one vehicle's pair of tracks, a bent line across an area, into the colour."""
    rng = canvas.rng(name, dated=True)
    u_0, v_0, u_1, v_1 = area.bounds
    points = np.stack([rng.uniform(u_0, u_1, 4), rng.uniform(v_0, v_1, 4)], axis=1)
    share = np.linspace(0, 1, 24)[:, None]
    # A cubic Bezier curve: how a driver turns.
    path = (
        (1 - share) ** 3 * points[0]
        + 3 * share * (1 - share) ** 2 * points[1]
        + 3 * share**2 * (1 - share) * points[2]
        + share**3 * points[3]
    )
    line = LineString(path)
    gauge, width = 0.95, 0.27
    for side in (-gauge, gauge):
        rut = line.offset_curve(side)
        if rut.is_empty:
            continue
        patch = canvas.patch(rut.buffer(width).intersection(area))
        if patch is None:
            continue
        tone = strength if pale else -strength
        uneven = np.clip(0.7 + 0.4 * patch.noise("fine", rng), 0.0, 1.3)
        patch.modulate(np.full_like(patch.alpha, tone), uneven.astype(np.float32))
        patch.height[:] -= 0.03 * patch.alpha
