"""What a picture tells about itself: cover, shadows, light, tone, sharpness."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from shapely.geometry import Polygon

from datasets.planting.noise import Field, blur

Mask = NDArray[np.bool_]

_SUBPIXEL_BITS = 6
# Median colour of sunlit concrete in town orthophotos; the palettes of the generators are tuned
# beside it, and every picture's own grey shifts them.
_REFERENCE_GREY = np.array((152.0, 149.0, 141.0), np.float32)


@dataclass(frozen=True, slots=True)
class Sun:
    """Where the sun stands: clockwise from north, and above the horizon."""

    azimuth_deg: float
    elevation_deg: float

    @property
    def toward_xy(self) -> tuple[float, float]:
        """Direction to the sun in the picture (x right, y down), length 1."""
        azimuth = math.radians(self.azimuth_deg)
        return math.sin(azimuth), -math.cos(azimuth)

    @property
    def rise(self) -> float:
        """Tangent of the elevation: height lost per metre of shadow."""
        return math.tan(math.radians(self.elevation_deg))


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture and what was read from it. Masks are bool of the picture's rows and cols.

    Attributes:
        rgb: float32, 0 to 255.
        gsd_m: ground sample distance.
        valid: pixels with data.
        vegetation: green cover.
        canopy: dark, rough green: trees and bushes.
        soil: bare earth by colour, smooth; may hold some concrete.
        shaded: float32, 0 in the sun to 1 in full shadow.
        structure: pixels of the given buildings.
        edges: share of strong edges within about a metre and a half, float32.
        sun: given or estimated.
        shadow_rgb: factors by which full shadow darkens each band.
        gain_rgb: the picture's tone against the reference grey.
        psf_px: deviation of the blur that planted things get.
        noise: deviation of the fine grain, grey levels.
    """

    rgb: Field
    gsd_m: float
    valid: Mask
    vegetation: Mask
    canopy: Mask
    soil: Mask
    shaded: Field
    structure: Mask
    edges: Field
    sun: Sun
    shadow_rgb: Field
    gain_rgb: Field
    psf_px: float
    noise: float

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and cols."""
        rows, cols = self.valid.shape
        return rows, cols


def fill_polygons(
    polygons: Sequence[Polygon],
    shape: tuple[int, int],
    *,
    left_px: float = 0.0,
    top_px: float = 0.0,
    fine: float = 1.0,
) -> Mask:
    """Return which pixel centres lie in any polygon (interiors of holes left out).

    Args:
        polygons: pixel coordinates, pixel-corner convention.
        shape: rows and cols of the result.
        left_px: x of the result's left edge.
        top_px: y of its upper edge.
        fine: pixels of the result per pixel.
    """
    out = np.zeros(shape, np.uint8)
    unit = 1 << _SUBPIXEL_BITS
    for polygon in polygons:
        if polygon.is_empty:
            continue
        rings = [
            np.round(
                ((np.asarray(ring.coords)[:, :2] - (left_px, top_px)) * fine - 0.5) * unit
            ).astype(np.int32)
            for ring in (polygon.exterior, *polygon.interiors)
        ]
        one = np.zeros(shape, np.uint8)
        cv2.fillPoly(one, rings[:1], (1,), cv2.LINE_8, _SUBPIXEL_BITS)
        for ring in rings[1:]:
            cv2.fillPoly(one, [ring], (0,), cv2.LINE_8, _SUBPIXEL_BITS)
        out |= one
    return out > 0


def read_scene(
    rgb: NDArray[np.uint8],
    *,
    gsd_m: float,
    valid: Mask | None = None,
    buildings: Sequence[Polygon] = (),
    sun: Sun | None = None,
) -> Scene:
    """Read a picture's cover, light and tone.

    Args:
        rgb: uint8, shape ``(rows, cols, 3)``.
        gsd_m: ground sample distance.
        valid: pixels with data; pure black and pure white areas count as none where None.
        buildings: outlines in pixels.
        sun: estimated from the shadows beside the buildings where None.
    """
    if valid is None:
        valid = known_pixels(rgb)
    image = rgb.astype(np.float32)
    total = image.sum(axis=2) + 1.0
    light = total / 3.0
    red, green, blue = (image[..., band] for band in range(3))
    smooth = cv2.GaussianBlur(image, (0, 0), max(0.6, 0.25 / gsd_m))
    smooth_total = smooth.sum(axis=2) + 1.0
    excess = (2.0 * smooth[..., 1] - smooth[..., 0] - smooth[..., 2]) / smooth_total
    # Blue and turquoise sheet has a green excess too; leaves are greener than blue by far.
    leafy = smooth[..., 1] > 1.12 * smooth[..., 2]
    vegetation = (excess > 0.05) & leafy & valid
    typical = cv2.GaussianBlur(np.where(valid, light, np.median(light[valid])), (0, 0), 8.0 / gsd_m)
    shade = np.clip((0.62 - smooth_total / 3.0 / np.maximum(typical, 1.0)) / 0.16, 0.0, 1.0)
    # A shadow is dark and at least as blue as the ground it falls on; dark earth is not.
    shade *= (smooth[..., 0] - smooth[..., 2]) / smooth_total < 0.10
    strong = _gradient(light) > 26.0
    box = max(3, round(1.5 / gsd_m))
    edges = cv2.boxFilter(strong.astype(np.float32), -1, (box, box))
    warm = (smooth[..., 0] - smooth[..., 2]) / smooth_total
    soil = (
        (warm > 0.035)
        & (warm < 0.19)
        & (smooth[..., 0] > smooth[..., 1])
        # Red sheet and tiles are redder than earth.
        & ((smooth[..., 0] - smooth[..., 1]) / smooth_total < 0.075)
        & (smooth_total / 3.0 > 85.0)
        & (edges < 0.35)
        & ~vegetation
        & valid
    )
    structure = fill_polygons(buildings, (rgb.shape[0], rgb.shape[1]))
    canopy = vegetation & (smooth_total / 3.0 < 0.85 * typical) & (edges > 0.15) & ~structure
    grey = (np.abs(red - blue) < 25.0) & (np.abs(red - green) < 20.0) & (light > 95.0) & valid
    gain = np.ones(3, np.float32)
    if grey.mean() > 0.01:
        gain = np.clip(np.median(image[grey], axis=0) / _REFERENCE_GREY, 0.75, 1.35)
    if sun is None:
        sun = estimate_sun(shade, structure, buildings, gsd_m=gsd_m)
    shaded = np.asarray(shade, np.float32)
    return Scene(
        rgb=image,
        gsd_m=gsd_m,
        valid=valid,
        vegetation=vegetation,
        canopy=canopy,
        soil=soil & ~structure,
        shaded=shaded,
        structure=structure,
        edges=np.asarray(edges, np.float32),
        sun=sun,
        shadow_rgb=_shadow_factors(image, shaded, typical, valid),
        gain_rgb=np.asarray(gain, np.float32),
        psf_px=_sharpness(light, valid),
        noise=_grain(light, valid),
    )


def known_pixels(rgb: NDArray[np.uint8]) -> Mask:
    """Return False for areas of pure black or white, which stand for no data in orthophotos."""
    empty: NDArray[np.uint8] = np.asarray(
        (rgb <= 3).all(axis=2) | (rgb >= 252).all(axis=2), np.uint8
    )
    opened = cv2.morphologyEx(empty, cv2.MORPH_OPEN, np.ones((9, 9), np.uint8))
    return np.asarray(cv2.dilate(opened, np.ones((5, 5), np.uint8)) == 0)


def estimate_sun(
    shaded: Field, structure: Mask, buildings: Sequence[Polygon], *, gsd_m: float
) -> Sun:
    """Estimate where the sun stands from the side of the buildings that lies in shadow.

    Heights are not known, so the elevation is only a plausible one: from the width of the shadow
    beside buildings of 8 m. Without at least five buildings a sun in the south-west is taken.
    """
    default = Sun(215.0, 55.0)
    rows, cols = shaded.shape
    pull = np.zeros(2)
    weight = 0.0
    steps_m = (1.0, 2.0, 3.0, 4.5, 6.0)
    by_step = np.zeros((len(steps_m), 2))
    bearings: list[tuple[float, float, list[float]]] = []
    used = 0
    for building in buildings:
        outline = np.asarray(building.exterior.coords)[:, :2]
        if building.exterior.is_ccw:
            outline = outline[::-1]
        used += 1
        for start, end in itertools.pairwise(outline):
            along = end - start
            length = float(np.hypot(*along))
            if length * gsd_m < 2.0:
                continue
            # Shapely calls a ring anticlockwise with y up; with y down the outside is to the left.
            normal = np.array((-along[1], along[0])) / length
            middle = (start + end) / 2.0
            found: list[float] = []
            for step in steps_m:
                x, y = middle + normal * step / gsd_m
                col, row = int(x), int(y)
                if not (0 <= col < cols and 0 <= row < rows) or structure[row, col]:
                    break
                found.append(float(shaded[row, col]))
            if found:
                pull += normal * length * found[0]
                weight += length * found[0]
                bearings.append((float(normal[0]), float(normal[1]), found))
    if used < 5 or weight <= 0 or np.hypot(*pull) < 0.12 * weight:
        return default
    toward = pull / np.hypot(*pull)
    for normal_x, normal_y, found in bearings:
        if normal_x * toward[0] + normal_y * toward[1] > 0.75:
            for number, value in enumerate(found):
                by_step[number] += (value, 1.0)
    dark = by_step[:, 0] / np.maximum(by_step[:, 1], 1.0)
    reach_m = float(np.interp(0.5 * dark[0], dark[::-1], np.array(steps_m)[::-1]))
    elevation = math.degrees(math.atan2(8.0, max(2.5, reach_m * 1.1)))
    azimuth = math.degrees(math.atan2(-toward[0], toward[1])) % 360.0
    return Sun(azimuth, float(np.clip(elevation, 35.0, 70.0)))


def _gradient(light: Field) -> Field:
    across = cv2.Sobel(light, cv2.CV_32F, 1, 0, ksize=3, scale=0.25)
    down = cv2.Sobel(light, cv2.CV_32F, 0, 1, ksize=3, scale=0.25)
    return np.asarray(cv2.magnitude(across, down), np.float32)


def _shadow_factors(image: Field, shaded: Field, typical: Field, valid: Mask) -> Field:
    deep = (shaded > 0.9) & valid
    sunny = (shaded < 0.05) & valid & (image.mean(axis=2) > 0.8 * typical)
    if deep.mean() < 0.002 or sunny.mean() < 0.05:
        return np.array((0.40, 0.43, 0.47), np.float32)
    ratio = np.median(image[deep], axis=0) / np.maximum(np.median(image[sunny], axis=0), 1.0)
    level = float(np.clip(ratio.mean(), 0.34, 0.52))
    # Sky light is blue: shadow takes more from red than from blue.
    return level * np.array((0.95, 1.0, 1.06), np.float32)


def _sharpness(light: Field, valid: Mask) -> float:
    """Deviation of a Gaussian that gives planted edges the sharpness of the picture's sharpest."""
    slope = _gradient(light)[valid]
    fine = np.abs(cv2.Laplacian(light, cv2.CV_32F, ksize=1))[valid]
    strong = slope > np.percentile(slope, 97)
    ratio = float(np.median(fine[strong]) / max(1.0, float(np.median(slope[strong]))))
    return float(np.clip(0.65 - 0.45 * ratio, 0.25, 0.55))


def _grain(light: Field, valid: Mask) -> float:
    """Fine grain: what a one-pixel median takes away where the picture is smoothest."""
    smooth = blur(light, 1.0)
    difference = np.abs(light - smooth)
    local = cv2.boxFilter(difference, -1, (9, 9))[valid]
    return float(np.clip(1.25 * np.percentile(local, 10) * 1.2, 0.6, 3.5))
