"""A known error of georeference, and the one resampling that puts it into a survey."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.planting.noise import blur
from datasets.planting.options import MisalignOptions

Coordinates = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Wave:
    """One smooth distortion: a displacement along ``toward_rad`` that varies as a sine."""

    amplitude_m: float
    wavelength_m: float
    along_rad: float
    toward_rad: float
    phase_rad: float


@dataclass(frozen=True, slots=True)
class Misalignment:
    """Where the earlier survey shows the ground that the later survey shows.

    Ground coordinates are metres, x east, y north. Rotation and scale turn about the crop's centre.

    Attributes:
        size_m: width and height of the crop.
        offset_m: east and north.
        rotation_deg: anticlockwise.
        scale: 1.0 is none.
        waves: the smooth local distortion.
        origin_m: ground coordinates of the later raster's upper left corner.
    """

    size_m: tuple[float, float]
    offset_m: tuple[float, float] = (0.0, 0.0)
    rotation_deg: float = 0.0
    scale: float = 1.0
    waves: tuple[Wave, ...] = ()
    origin_m: tuple[float, float] = (0.0, 0.0)

    def at_origin(self, left_m: float, top_m: float) -> Misalignment:
        """Return the same error for a raster whose upper left corner lies at these coordinates."""
        return replace(self, origin_m=(left_m, top_m))

    def displacement(self, x_m: Coordinates, y_m: Coordinates) -> tuple[Coordinates, Coordinates]:
        """Return where the earlier survey shows what the later one shows at these coordinates.

        Args:
            x_m: ground coordinates in the later survey's georeference, metres east, any shape.
            y_m: metres north, same shape.

        Returns:
            Ground coordinates in the earlier survey's georeference, x and y.
        """
        east = np.asarray(x_m, np.float64) - self.origin_m[0]
        north = np.asarray(y_m, np.float64) - self.origin_m[1]
        middle_x, middle_y = self.size_m[0] / 2.0, -self.size_m[1] / 2.0
        dx, dy = east - middle_x, north - middle_y
        cos = self.scale * math.cos(math.radians(self.rotation_deg))
        sin = self.scale * math.sin(math.radians(self.rotation_deg))
        to_x = middle_x + cos * dx - sin * dy + self.offset_m[0]
        to_y = middle_y + sin * dx + cos * dy + self.offset_m[1]
        for wave in self.waves:
            along = east * math.cos(wave.along_rad) + north * math.sin(wave.along_rad)
            size = wave.amplitude_m * np.sin(
                2.0 * math.pi * along / wave.wavelength_m + wave.phase_rad
            )
            to_x = to_x + size * math.cos(wave.toward_rad)
            to_y = to_y + size * math.sin(wave.toward_rad)
        return to_x + self.origin_m[0], to_y + self.origin_m[1]

    def undo(self, x_m: Coordinates, y_m: Coordinates) -> tuple[Coordinates, Coordinates]:
        """Return the inverse of :meth:`displacement`, to well under a millimetre."""
        at_x = np.array(x_m, np.float64)
        at_y = np.array(y_m, np.float64)
        # The distortion's slope is below 0.1, so each pass leaves under a tenth of the error.
        for _ in range(8):
            there_x, there_y = self.displacement(at_x, at_y)
            at_x = at_x + (x_m - there_x)
            at_y = at_y + (y_m - there_y)
        return at_x, at_y


def draw_misalignment(
    rng: np.random.Generator, size_m: tuple[float, float], options: MisalignOptions
) -> Misalignment:
    """Draw an error of at least half and at most the whole of what ``options`` allow.

    Args:
        rng: source of randomness.
        size_m: width and height of the crop.
        options: the largest values.
    """

    def near_full(largest: float) -> float:
        return float(rng.uniform(0.5, 1.0) * rng.choice((-1.0, 1.0)) * largest)

    bearing = rng.uniform(0, 2 * math.pi)
    length = abs(near_full(options.max_offset_m))
    waves = []
    shares = rng.dirichlet(np.ones(3)) if options.max_distortion_m > 0 else ()
    for share in shares:
        waves.append(
            Wave(
                amplitude_m=float(share) * options.max_distortion_m,
                wavelength_m=float(options.min_wavelength_m * rng.uniform(1.0, 2.5)),
                along_rad=float(rng.uniform(0, 2 * math.pi)),
                toward_rad=float(rng.uniform(0, 2 * math.pi)),
                phase_rad=float(rng.uniform(0, 2 * math.pi)),
            )
        )
    return Misalignment(
        size_m=size_m,
        offset_m=(length * math.cos(bearing), length * math.sin(bearing)),
        rotation_deg=near_full(options.max_rotation_deg),
        scale=1.0 + near_full(options.max_scale_error),
        waves=tuple(waves),
    )


@dataclass(frozen=True, slots=True)
class Resampling:
    """Source pixels for every pixel of a moved survey (float32 maps, pixel centres)."""

    map_col: NDArray[np.float32]
    map_row: NDArray[np.float32]
    inside: NDArray[np.bool_]
    shrink: float


def plan_resampling(
    misalignment: Misalignment, shape: tuple[int, int], *, gsd_m: float, to_gsd_m: float
) -> Resampling:
    """Work out, once, where each pixel of the moved survey comes from.

    Args:
        misalignment: the error to put in.
        shape: (rows, cols) of the picture.
        gsd_m: of the picture.
        to_gsd_m: of the moved survey, whose upper left corner stays the same.
    """
    rows, cols = shape
    out_rows = max(1, round(rows * gsd_m / to_gsd_m))
    out_cols = max(1, round(cols * gsd_m / to_gsd_m))
    local = misalignment.at_origin(0.0, 0.0)
    x_m, y_m = np.meshgrid(
        (np.arange(out_cols) + 0.5) * to_gsd_m, -(np.arange(out_rows) + 0.5) * to_gsd_m
    )
    from_x, from_y = local.undo(x_m, y_m)
    map_col = (from_x / gsd_m - 0.5).astype(np.float32)
    map_row = (-from_y / gsd_m - 0.5).astype(np.float32)
    inside = (map_col >= 0) & (map_row >= 0) & (map_col <= cols - 1) & (map_row <= rows - 1)
    return Resampling(map_col, map_row, inside, to_gsd_m / gsd_m)


def resample_picture(rgb: NDArray[np.float32], plan: Resampling) -> NDArray[np.float32]:
    """Return the moved picture (Lanczos); float32, 0 outside of what was seen."""
    source = blur(rgb, 0.45 * math.sqrt(max(0.0, plan.shrink**2 - 1.0)))
    moved = cv2.remap(
        source,
        plan.map_col,
        plan.map_row,
        cv2.INTER_LANCZOS4,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    return np.asarray(np.where(plan.inside[..., None], moved, 0), np.float32)


def resample_surface(height_m: NDArray[np.float32], plan: Resampling) -> NDArray[np.float32]:
    """Return the moved surface (bicubic); float32, NaN outside of what was seen."""
    source = blur(height_m, 0.45 * math.sqrt(max(0.0, plan.shrink**2 - 1.0)))
    moved = cv2.remap(
        source, plan.map_col, plan.map_row, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101
    )
    return np.asarray(np.where(plan.inside, moved, np.nan), np.float32)


def resample_mask(valid: NDArray[np.bool_], plan: Resampling) -> NDArray[np.bool_]:
    """Return the moved mask; False wherever a pixel would lean on one without data."""
    share = cv2.remap(
        valid.astype(np.float32),
        plan.map_col,
        plan.map_row,
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=0.0,
    )
    return np.asarray((share > 0.999) & plan.inside, np.bool_)
