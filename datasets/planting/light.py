"""Light, haze, camera and season: what makes an unchanged scene look different."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.planting.noise import Field, blur, rough_field, smooth_field
from datasets.planting.render import cast_shadow, slope_shade
from datasets.planting.scene import Mask, Sun, known_pixels


def relight(
    rgb: NDArray[np.uint8],
    *,
    seed: int,
    strength: float,
    gsd_m: float,
    surface: NDArray[np.float32] | None = None,
    season: float = 0.0,
    jpeg_quality: int | None = None,
) -> NDArray[np.uint8]:
    """Return an unchanged scene on another day: light, haze, white balance, camera, mosaic.

    Args:
        rgb: uint8, shape ``(rows, cols, 3)``.
        seed: the same seed gives the same picture.
        strength: 0 changes nothing but grain and compression, 1 is another season's flight.
        gsd_m: ground sample distance.
        surface: heights in metres; where given, the sun moves over it and shadows turn.
        season: vegetation toward yellow (+1) or deeper green (-1).
        jpeg_quality: drawn where None.
    """
    rng = np.random.default_rng([seed, 41])
    valid = known_pixels(rgb)
    image = rgb.astype(np.float32)
    if surface is not None and strength > 0:
        before = Sun(float(rng.uniform(0, 360)), 58.0)
        after = Sun(before.azimuth_deg + float(rng.uniform(40, 120)), float(rng.uniform(38, 55)))
        image = turn_sun(image, surface, before, after, gsd_m=gsd_m, strength=strength)
    lit = change_light(image, rng, strength=strength, gsd_m=gsd_m)
    lit = change_season(lit, rng, season=season, gsd_m=gsd_m)
    out = develop(lit, rng, strength=strength, jpeg_quality=jpeg_quality)
    out[~valid] = rgb[~valid]
    return out


def change_light(image: Field, rng: np.random.Generator, *, strength: float, gsd_m: float) -> Field:
    """Return the picture under other light: exposure, white balance, gamma, haze, mosaic seams."""
    rows, cols, _ = image.shape
    exposure = math.exp(rng.normal(0, 0.13) * strength)
    balance = np.exp(rng.normal(0, 0.045, 3) * strength).astype(np.float32)
    gamma = math.exp(float(np.clip(rng.normal(0, 0.12), -0.25, 0.25)) * strength)
    haze = float(rng.uniform(0, 0.12)) * strength
    saturation = math.exp(rng.normal(0, 0.13) * strength)
    contrast = math.exp(rng.normal(0, 0.07) * strength)
    seams = mosaic_gain((rows, cols), rng, gsd_m=gsd_m) * np.float32(0.045 * strength)
    slow = smooth_field(rng, (rows, cols), 130.0 / gsd_m) * np.float32(0.025 * strength)

    share = np.clip(image / 255.0, 0, 1) ** np.float32(gamma)
    share = share * (exposure * balance) * (1.0 + seams + slow)[..., None]
    middle = share.mean(axis=2, keepdims=True)
    share = middle + (share - middle) * np.float32(saturation)
    share = (share - 0.45) * np.float32(contrast) + 0.45
    veil = np.array((0.72, 0.75, 0.80), np.float32)
    share = share * (1 - haze) + veil * haze
    # A soft shoulder: cameras do not clip hard at white.
    bright = np.maximum(share - 0.85, 0.0)
    share = np.where(share > 0.85, 0.85 + 0.15 * np.tanh(bright / 0.15), share)
    return np.asarray(np.clip(share, 0, 1) * 255.0, np.float32)


def mosaic_gain(shape: tuple[int, int], rng: np.random.Generator, *, gsd_m: float) -> Field:
    """Return brightness steps along wandering seams, where photos of a mosaic meet; unit size."""
    rows, cols = shape
    coarse = max(1, round(1.2 / gsd_m))
    small = (rows // coarse + 2, cols // coarse + 2)
    pitch = 55.0 / (gsd_m * coarse)
    count = max(2, int(small[0] * small[1] / pitch**2) + 2)
    centres = rng.uniform((0, 0), small, (count, 2))
    gains = rng.normal(0, 1, count).astype(np.float32)
    y, x = np.mgrid[0 : small[0], 0 : small[1]].astype(np.float32)
    sway = 0.12 * pitch
    y += sway * smooth_field(rng, small, pitch / 2)
    x += sway * smooth_field(rng, small, pitch / 2)
    nearest = np.full(small, np.inf, np.float32)
    gain = np.zeros(small, np.float32)
    for (centre_y, centre_x), value in zip(centres, gains, strict=True):
        away = (y - centre_y) ** 2 + (x - centre_x) ** 2
        closer = away < nearest
        nearest[closer] = away[closer]
        gain[closer] = value
    soft = blur(gain, float(rng.uniform(1.5, 5.0)))
    grown = cv2.resize(soft, (small[1] * coarse, small[0] * coarse))
    return np.asarray(grown[:rows, :cols], np.float32)


def change_season(image: Field, rng: np.random.Generator, *, season: float, gsd_m: float) -> Field:
    """Return the picture with its vegetation more yellow and brown (+) or more green (-)."""
    if season == 0.0:
        return image
    total = image.sum(axis=2) + 1.0
    excess = (2 * image[..., 1] - image[..., 0] - image[..., 2]) / total
    green = blur(np.clip((excess - 0.02) / 0.08, 0, 1).astype(np.float32), 0.6)
    uneven = 1.0 + 0.45 * rough_field(rng, (image.shape[0], image.shape[1]), 25.0 / gsd_m)
    amount = np.clip(abs(season) * green * np.clip(uneven, 0.1, 1.8), 0, 1)[..., None]
    turn = (
        np.array((1.28, 1.02, 0.80), np.float32)
        if season > 0
        else np.array((0.80, 1.06, 0.82), np.float32)
    )
    return np.asarray(np.clip(image * (1.0 + amount * (turn - 1.0)), 0, 255), np.float32)


def turn_sun(
    image: Field,
    surface: Field,
    before: Sun,
    after: Sun,
    *,
    gsd_m: float,
    strength: float = 1.0,
    shaded: Field | None = None,
    shadow_rgb: Field | None = None,
) -> Field:
    """Return the picture with the sun moved: slopes, new cast shadows, old ones softened.

    Args:
        image: float32, 0 to 255.
        surface: heights, metres.
        before: the sun the picture was taken under.
        after: the sun wanted.
        gsd_m: ground sample distance.
        strength: 1 is full shadow.
        shaded: where the picture shows shadow, 0 to 1; taken from its darkness where None.
        shadow_rgb: factors by which full shadow darkens each band.
    """
    factor = np.array((0.40, 0.43, 0.47), np.float32) if shadow_rgb is None else shadow_rgb
    if shaded is None:
        light = image.mean(axis=2)
        typical = blur(np.asarray(light, np.float32), 8.0 / gsd_m)
        shaded = np.clip((0.62 - light / np.maximum(typical, 1.0)) / 0.16, 0, 1)
    surface = np.nan_to_num(surface, nan=float(np.nanmin(surface)))
    rough = float(np.percentile(np.abs(surface - blur(surface, 1.0)), 50))
    clear = surface + np.float32(0.5 + 3.0 * rough)
    reach_m = 18.0

    def thrown(sun: Sun) -> Field:
        # Only what stands well above its receiver throws: noise in the surface must not.
        mask = cast_shadow(surface, clear, sun, pixel_m=gsd_m, reach_m=reach_m)
        return mask.astype(np.float32)

    old, new = thrown(before), thrown(after)
    wide = cv2.dilate(old, np.ones((3, 3), np.uint8), iterations=max(1, round(0.9 / gsd_m)))
    near_old = blur(np.asarray(wide, np.float32), 1.5)
    lift = shaded * near_old * np.float32(0.8 * strength)
    lit = image / (1.0 - lift[..., None] * (1.0 - factor))
    left_over = shaded * (1.0 - 0.8 * near_old)
    fall = blur(new, 0.9) * (1.0 - left_over) * np.float32(min(1.0, 0.95 * strength))
    slopes = blur(surface, 1.5 / gsd_m)
    ratio = slope_shade(slopes, after, pixel_m=gsd_m) / np.maximum(
        slope_shade(slopes, before, pixel_m=gsd_m), 0.3
    )
    shade = 1.0 + 0.3 * np.float32(min(1.0, strength)) * (np.clip(ratio, 0.75, 1.3) - 1.0)
    return np.asarray(
        np.clip(lit * shade[..., None] * (1.0 - fall[..., None] * (1.0 - factor)), 0, 255),
        np.float32,
    )


def develop(
    image: Field,
    rng: np.random.Generator,
    *,
    strength: float,
    jpeg_quality: int | None = None,
    valid: Mask | None = None,
) -> NDArray[np.uint8]:
    """Return the picture as a file holds it: focus, sensor grain, JPEG; uint8."""
    focus = float(rng.uniform(0, 0.5)) * strength
    soft = blur(image, focus)
    level = 0.6 + 1.6 * strength * float(rng.uniform(0.3, 1.0))
    grain = blur(rng.standard_normal(image.shape[:2]).astype(np.float32), 0.5)[..., None] * 1.3
    colour = cv2.GaussianBlur(rng.standard_normal(image.shape).astype(np.float32), (0, 0), 0.8)
    noisy = soft + np.float32(level) * (grain + 0.8 * colour)
    out = np.clip(noisy + 0.5, 0, 255).astype(np.uint8)
    if valid is not None:
        out[~valid] = 0
    quality = jpeg_quality or int(rng.integers(82, 93))
    done, coded = cv2.imencode(".jpg", out[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:  # pragma: no cover - an encoder that fails on uint8 pictures is broken
        raise RuntimeError("the JPEG encoder of OpenCV failed")
    decoded = cv2.imdecode(coded, cv2.IMREAD_COLOR)
    result = np.ascontiguousarray(np.asarray(decoded, np.uint8)[..., ::-1])
    if valid is not None:
        result[~valid] = 0
    return result
