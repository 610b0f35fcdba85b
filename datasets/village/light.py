"""From heights and colours to what a camera sees: sun, shadows, sky, haze, sensor."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from datasets.village.canvas import Floats


@dataclass(frozen=True)
class Sun:
    """Where the sun stands and how the day looks.

    Attributes:
        azimuth_deg: Clockwise from north, towards the sun.
        elevation_deg: Above the horizon.
        warmth: Colour shift of the sunlight, 0 neutral, 1 late-afternoon.
        haze: Share of veiling light, 0 to 1.
        exposure: Overall gain.
    """

    azimuth_deg: float
    elevation_deg: float
    warmth: float
    haze: float
    exposure: float


def shadow(height_m: Floats, sun: Sun, *, cell_m: float, reach_m: float = 17.0) -> Floats:
    """Return how far (metres) each cell lies below the shadow surface; 0 or less is sunlit.

    The height field is marched towards the sun one cell at a time; a cell is in shadow where any
    cell on its way to the sun rises above the ray.

    Args:
        height_m: (H, W) float32.
        sun: The sun.
        cell_m: Cell size.
        reach_m: Height of the tallest thing that casts a shadow.
    """
    azimuth, slope = math.radians(sun.azimuth_deg), math.tan(math.radians(sun.elevation_deg))
    east, north = math.sin(azimuth), math.cos(azimuth)
    rows, cols = height_m.shape
    ceiling = np.full_like(height_m, -np.inf)
    # One cell along the dominant axis a step, so that no cell is skipped.
    stride = 1.0 / max(abs(east), abs(north))
    for index in range(1, math.ceil(reach_m / slope / cell_m / stride) + 1):
        distance = index * stride
        shift_c, shift_r = round(east * distance), round(-north * distance)
        target = (
            slice(max(0, -shift_r), rows - max(0, shift_r)),
            slice(max(0, -shift_c), cols - max(0, shift_c)),
        )
        source = (
            slice(max(0, shift_r), rows - max(0, -shift_r)),
            slice(max(0, shift_c), cols - max(0, -shift_c)),
        )
        drop = np.float32(distance * cell_m * slope)
        np.maximum(ceiling[target], height_m[source] - drop, out=ceiling[target])
    below: Floats = ceiling - height_m
    return below


def _blur(image: Floats, sigma_cells: float) -> Floats:
    if sigma_cells < 0.2:
        return image
    if sigma_cells <= 8.0:
        return cv2.GaussianBlur(image, (0, 0), sigma_cells).astype(np.float32, copy=False)
    # Wide blurs run on a small copy: the result holds nothing finer anyway.
    factor = sigma_cells / 4.0
    rows, cols = image.shape[:2]
    small = cv2.resize(
        image,
        (max(2, round(cols / factor)), max(2, round(rows / factor))),
        interpolation=cv2.INTER_AREA,
    )
    wide = cv2.resize(
        cv2.GaussianBlur(small, (0, 0), 4.0), (cols, rows), interpolation=cv2.INTER_CUBIC
    )
    return wide.astype(np.float32, copy=False)


def sky_share(height_m: Floats, *, cell_m: float) -> Floats:
    """Return the share of the sky each cell sees, from what towers over it at several widths."""
    seen = np.ones_like(height_m)
    for width_m, strength in ((0.5, 0.30), (1.6, 0.20), (5.0, 0.10)):
        above = np.maximum(_blur(height_m, width_m / cell_m) - height_m, 0.0)
        seen *= 1.0 / (1.0 + strength * above)
    return seen


def illuminate(albedo: Floats, height_m: Floats, sun: Sun, *, cell_m: float) -> Floats:
    """Return the (H, W, 3) float32 linear radiance of a lit scene.

    Flat ground in full sun comes out as its own colour. Direct light is Lambertian on the
    height field's normals and cut by cast shadows; the sky lights the rest, bluer and weaker.
    """
    smooth = _blur(height_m, 0.11 / cell_m)
    slope_x = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, scale=1 / (8 * cell_m))
    slope_y = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, scale=1 / (8 * cell_m))
    # Walls are not seen from above: what is steeper than a roof or a crown is shaded as flat,
    # or the cells' staircase along every parapet would show as teeth.
    steep = np.sqrt(slope_x**2 + slope_y**2)
    seen = 1.0 / (1.0 + (steep / 1.3) ** 4)
    slope_x, slope_y = slope_x * seen, slope_y * seen
    azimuth, elevation = math.radians(sun.azimuth_deg), math.radians(sun.elevation_deg)
    to_sun = (
        math.sin(azimuth) * math.cos(elevation),
        math.cos(azimuth) * math.cos(elevation),
        math.sin(elevation),
    )
    facing = to_sun[2] - to_sun[0] * slope_x + to_sun[1] * slope_y
    facing /= np.sqrt(1.0 + slope_x**2 + slope_y**2)
    direct = np.clip(facing / to_sun[2], 0.0, 1.75)
    below = shadow(height_m, sun, cell_m=cell_m)
    lit = 1.0 - np.clip((below + 0.05) / 0.3, 0.0, 1.0)
    lit = _blur(lit.astype(np.float32), 0.14 / cell_m)
    direct *= lit
    sky = sky_share(height_m, cell_m=cell_m)
    linear = np.power(albedo, 2.2)
    sun_rgb = np.array([1.0 + 0.05 * sun.warmth, 1.0, 1.0 - 0.10 * sun.warmth], np.float32)
    sky_rgb = np.array([0.86, 0.99, 1.20], np.float32)
    for channel in range(3):
        light = direct * (0.79 * sun_rgb[channel]) + sky * (0.21 * sky_rgb[channel])
        linear[..., channel] *= light
    return linear


def develop(linear: Floats, sun: Sun) -> Floats:
    """Return the (H, W, 3) float32 picture, 0 to 255: haze, then the camera's tone curve."""
    veil = np.array([0.62, 0.66, 0.72], np.float32)
    hazy = linear * (sun.exposure * (1.0 - sun.haze)) + veil * sun.haze
    # A soft shoulder keeps white roofs from clipping.
    toned = hazy * (1.0 + hazy * 0.12) / (1.0 + hazy * 0.22)
    display = np.power(np.clip(toned, 0.0, 1.0), 1.0 / 2.2) * 255.0
    grey = display.mean(axis=2, keepdims=True)
    muted = grey + (display - grey) * 0.86
    # Contrast as the flight software's default profile sets it, about mid-grey.
    punchy: Floats = np.clip(112.0 + (muted - 112.0) * 1.16, 0.0, 255.0).astype(np.float32)
    return punchy


def expose(picture: Floats, rng: np.random.Generator, *, noise: float = 1.0) -> Floats:
    """Return a picture (0 to 255) with sensor noise and the flight software's sharpening.

    Args:
        picture: (H, W, 3) float32 on the survey's own grid.
        rng: Random stream.
        noise: Strength; 1 is a small drone camera in daylight.
    """
    shape = picture.shape[:2]
    luma = rng.standard_normal(shape, dtype=np.float32)[..., None]
    chroma = rng.standard_normal((*shape, 3), dtype=np.float32)
    noisy = picture + luma * (1.7 * noise) + chroma * (0.7 * noise)
    soft = _blur(noisy.astype(np.float32), 1.0)
    sharp: Floats = np.clip(noisy + 0.4 * (noisy - soft), 0.0, 255.0).astype(np.float32)
    return sharp
