"""The whole scene: what stands where, on both dates, and how it is painted."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.village import changes as changed
from datasets.village import farmland, settlement
from datasets.village.canvas import Canvas, Date, Floats, Frame
from datasets.village.fittings import pole
from datasets.village.light import Sun, develop, illuminate
from datasets.village.noise import NoiseBank, stream
from datasets.village.part import Part
from datasets.village.roads import smooth_line
from datasets.village.site import site_parts
from datasets.village.terrain import Ground

SUNS: dict[Date, Sun] = {
    # Near 22.8 N 113.5 E the sun stands here on 3 September 2026 at 10:20 and on
    # 24 October 2026 at 14:40, China Standard Time (solar declination +7.5 and -11.9 degrees).
    "before": Sun(azimuth_deg=106.0, elevation_deg=56.5, warmth=0.1, haze=0.014, exposure=1.04),
    "after": Sun(azimuth_deg=231.0, elevation_deg=39.5, warmth=0.8, haze=0.010, exposure=1.12),
}


@dataclass(frozen=True, kw_only=True)
class Poles(Part):
    """Lamp and power poles along the main road and the lanes."""

    def draw(self, canvas: Canvas) -> None:
        """Put the poles."""
        line = smooth_line(farmland.MAIN_ROAD).offset_curve(4.6)
        for at in np.arange(12.0, line.length, 32.0):
            spot = line.interpolate(float(at))
            pole(canvas, spot.x, spot.y, height_m=8.0)
        for u, v in (
            (71.4, 166),
            (71.6, 194),
            (71.8, 224),
            (139.6, 176),
            (139.9, 216),
            (214.6, 178),
            (215.0, 214),
            (215.3, 248),
        ):
            pole(canvas, u, v, height_m=7.5)


@dataclass(frozen=True)
class Scene:
    """A village at two dates.

    Attributes:
        seed: Everything random follows from it.
        cell_m: Size of the cells it is painted in.
        parts: What there is, in drawing order.
        changes: True changes, without the dust hotspots, which follow from what lies bare.
        distractors: Differences that are no findings.
        permits: Permits on file.
    """

    seed: int
    cell_m: float
    parts: tuple[Part, ...]
    changes: tuple[changed.Change, ...]
    distractors: tuple[changed.Distractor, ...]
    permits: tuple[changed.Permit, ...]

    @property
    def frame(self) -> Frame:
        """The grid the scene is painted on."""
        return Frame(self.cell_m)

    @cached_property
    def _bank(self) -> NoiseBank:
        size = 2048 if self.cell_m < 0.2 else 1024
        return NoiseBank(self.seed, cell_m=self.cell_m, size=size)

    def paint(self, date: Date) -> Canvas:
        """Return the scene's colours, heights and materials on one date."""
        canvas = Canvas(self.seed, date, self.frame, self._bank)
        for part in self.parts:
            if date in part.dates:
                part.draw(canvas)
        return canvas


def build_scene(seed: int, *, cell_m: float = 0.12) -> Scene:
    """Return the scene that belongs to a seed.

    Args:
        seed: Any whole number from 0.
        cell_m: Size of the cells it is painted in; coarse cells make a quick sketch.

    Raises:
        ValueError: If ``cell_m`` is not between 0.05 and 2 m.
    """
    if not 0.05 <= cell_m <= 2.0:
        raise ValueError(f"cell_m is {cell_m}; give a cell size between 0.05 and 2 m")
    land = settlement.plots(seed)
    ground, standing, changes = changed.change_parts(land)
    road = smooth_line(farmland.MAIN_ROAD).buffer(farmland.ROAD_WIDTH_M / 2)
    traffic, distractors = changed.distractor_parts()
    parts: list[Part] = [
        Ground(name="ground"),
        *farmland.ground_parts(seed),
        *ground[:3],
        *settlement.village_parts(seed, road=road, gone_by_after=frozenset({changed.RAZED_PLOT})),
        *ground[3:],
        *site_parts(),
        *standing,
        *farmland.tree_parts(seed),
        *traffic,
        Poles(name="poles"),
    ]
    return Scene(
        seed, cell_m, tuple(parts), tuple(changes), tuple(distractors), tuple(changed.permits())
    )


def photograph(canvas: Canvas) -> tuple[NDArray[np.uint8], Floats]:
    """Return what a survey's software makes of a painted scene, in the true frame.

    Args:
        canvas: The painted scene.

    Returns:
        The orthophoto (H, W, 3) uint8 without sensor noise, and the surface model (H, W)
        float32 in metres with the rounded edges of image matching, without its noise.
    """
    sun, cell_m = SUNS[canvas.date], canvas.frame.cell_m
    rng = stream(canvas.seed, f"photograph@{canvas.date}")
    radiance = illuminate(canvas.albedo, canvas.height, sun, cell_m=cell_m)
    rgb = fray(develop(radiance, sun), canvas, rng)
    # Image matching loses what is thin and rounds what is sharp.
    matched = cv2.medianBlur(canvas.height, 5 if cell_m < 0.2 else 3)
    dsm = cv2.GaussianBlur(matched, (0, 0), max(0.30 / cell_m, 0.3))
    return np.rint(rgb).astype(np.uint8), dsm.astype(np.float32)


def fray(rgb: Floats, canvas: Canvas, rng: np.random.Generator) -> Floats:
    """Wobble the picture where the surface breaks, as orthophoto edges do."""
    cell_m = canvas.frame.cell_m
    smooth = cv2.GaussianBlur(canvas.height, (0, 0), 0.5 / cell_m)
    steep = cv2.magnitude(
        cv2.Sobel(smooth, cv2.CV_32F, 1, 0, scale=1 / (8 * cell_m)),
        cv2.Sobel(smooth, cv2.CV_32F, 0, 1, scale=1 / (8 * cell_m)),
    )
    reach = np.clip(steep / 2.5, 0.0, 1.0) * (0.045 / cell_m)
    rows, cols = canvas.frame.shape
    shape = (rows, cols)
    map_x = np.arange(cols, dtype=np.float32)[None, :] + reach * canvas.bank.window(
        "mid", shape, rng
    )
    map_y = np.arange(rows, dtype=np.float32)[:, None] + reach * canvas.bank.window(
        "mid", shape, rng
    )
    frayed = cv2.remap(
        rgb, map_x, map_y, interpolation=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return frayed.astype(np.float32, copy=False)


def render(scene: Scene, date: Date) -> tuple[NDArray[np.uint8], Floats]:
    """Return the orthophoto (H, W, 3) uint8 and surface model (H, W) float32 of one date."""
    return photograph(scene.paint(date))
