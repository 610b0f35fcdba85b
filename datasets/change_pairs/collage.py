"""Real roofs cut out, pasted and erased: two dates made of one picture (single-temporal pairs)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from shapely.geometry import Polygon

from datasets.planting.noise import Field, blur
from datasets.planting.scene import Mask, Sun, fill_polygons

_SHADOW_RGB = np.array((0.42, 0.45, 0.50), np.float32)
# Roofs are seen up to this much larger or smaller than they are.
_SCALES = (0.7, 1.35)


@dataclass(frozen=True, slots=True)
class Cutout:
    """A real roof without its surroundings.

    Attributes:
        rgb: float32, ``(rows, cols, 3)``, 0 to 255.
        alpha: float32, ``(rows, cols)``: 1 on the roof.
    """

    rgb: Field
    alpha: Field


def cut_roofs(
    rgb: NDArray[np.uint8],
    buildings: Sequence[Polygon],
    *,
    gsd_m: float,
    least_m2: float = 12.0,
    most_m2: float = 600.0,
) -> list[Cutout]:
    """Cut the roofs out of a picture; those under trees or cut by the frame are left out.

    Args:
        rgb: uint8, ``(rows, cols, 3)``.
        buildings: outlines in pixels.
        gsd_m: pixel size.
        least_m2: smallest roof to take.
        most_m2: largest.
    """
    rows, cols = rgb.shape[:2]
    found = []
    for polygon in buildings:
        left, top, right, bottom = polygon.bounds
        if left < 1 or top < 1 or right > cols - 1 or bottom > rows - 1:
            continue
        if not least_m2 <= polygon.area * gsd_m**2 <= most_m2:
            continue
        x, y = math.floor(left), math.floor(top)
        shape = (math.ceil(bottom) - y, math.ceil(right) - x)
        mask = fill_polygons([polygon], shape, left_px=x, top_px=y)
        piece = rgb[y : y + shape[0], x : x + shape[1]].astype(np.float32)
        total = piece.sum(axis=2) + 1
        green = (2 * piece[..., 1] - piece[..., 0] - piece[..., 2]) / total > 0.06
        green &= piece[..., 1] > 1.12 * piece[..., 2]
        if mask.sum() < 16 or green[mask].mean() > 0.15:
            continue
        found.append(Cutout(piece, mask.astype(np.float32)))
    return found


def transformed(cutout: Cutout, rng: np.random.Generator) -> Cutout:
    """Return the roof turned, scaled, mirrored and repainted."""
    scale = float(rng.uniform(*_SCALES))
    rows, cols = cutout.alpha.shape
    reach = math.ceil(math.hypot(rows, cols) * scale) + 2
    matrix = cv2.getRotationMatrix2D((cols / 2, rows / 2), float(rng.uniform(0, 360)), scale)
    matrix[:, 2] += (reach / 2 - cols / 2, reach / 2 - rows / 2)
    rgb, alpha = cutout.rgb, cutout.alpha
    if rng.random() < 0.5:
        rgb, alpha = rgb[:, ::-1].copy(), alpha[:, ::-1].copy()
    size = (reach, reach)
    edge = cv2.BORDER_REPLICATE
    turned = cv2.warpAffine(rgb, matrix, size, flags=cv2.INTER_LINEAR, borderMode=edge)
    cover = cv2.warpAffine(alpha, matrix, size, flags=cv2.INTER_LINEAR)
    painted = np.asarray(turned, np.float32) * np.float32(rng.uniform(0.85, 1.15))
    if rng.random() < 0.45:
        # Another paint: the roof's own pattern under one of the colours that sheet comes in.
        colour = np.asarray(rng.uniform(60, 230, 3), np.float32)
        light = painted.mean(axis=2, keepdims=True)
        typical = max(20.0, float(light[cover > 0.5].mean()) if (cover > 0.5).any() else 120.0)
        share = np.float32(rng.uniform(0.5, 0.95))
        painted = painted * (1 - share) + colour * (light / np.float32(typical)) * share
    return Cutout(np.clip(painted, 0, 255), np.asarray(cover, np.float32))


def paste_roof(
    picture: Field,
    cutout: Cutout,
    *,
    top_left: tuple[int, int],
    sun: Sun,
    height_m: float,
    gsd_m: float,
) -> Mask:
    """Lay a roof with its shadow into a picture, in place.

    Args:
        picture: float32, ``(rows, cols, 3)``; changed.
        cutout: the roof, wholly inside the picture.
        top_left: row and col of its corner.
        sun: where the shadow falls away from.
        height_m: how tall it stands.
        gsd_m: pixel size.

    Returns:
        Where the roof lies.
    """
    rows, cols = picture.shape[:2]
    alpha = np.zeros((rows, cols), np.float32)
    row, col = top_left
    part = np.s_[row : row + cutout.alpha.shape[0], col : col + cutout.alpha.shape[1]]
    alpha[part] = cutout.alpha
    shade = swept(alpha, sun, length_px=height_m / sun.rise / gsd_m)
    shade = blur(np.asarray(np.clip(shade - alpha, 0, 1), np.float32), 0.6)
    picture *= 1 - shade[..., None] * (1 - _SHADOW_RGB)
    soft = blur(cutout.alpha, 0.4)[..., None]
    picture[part] = picture[part] * (1 - soft) + cutout.rgb * soft
    return alpha > 0.5


def swept(alpha: Field, sun: Sun, *, length_px: float) -> Field:
    """Return what a mask covers when it is drawn away from the sun over a length."""
    toward_x, toward_y = sun.toward_xy
    out = alpha.copy()
    for step in range(1, max(1, round(length_px)) + 1):
        shift = np.array(((1, 0, -toward_x * step), (0, 1, -toward_y * step)), np.float32)
        moved = cv2.warpAffine(alpha, shift, (alpha.shape[1], alpha.shape[0]))
        np.maximum(out, moved, out=out)
    return out


def erase(
    picture: Field,
    area: Mask,
    ground: Mask,
    rng: np.random.Generator,
    *,
    keep: Mask,
) -> bool:
    """Cover an area with ground from elsewhere in the picture, in place.

    Args:
        picture: float32, ``(rows, cols, 3)``; changed.
        area: what is to vanish.
        ground: pixels that are open ground, to copy from.
        rng: chooses the ground.
        keep: pixels that must stay as they are.

    Returns:
        Whether there was ground enough.
    """
    where = np.argwhere(area)
    (top, left), (bottom, right) = where.min(axis=0), where.max(axis=0) + 1
    shape = (int(bottom - top), int(right - left))
    patch = ground_patch(picture, ground, shape, rng)
    if patch is None:
        return False
    mask = (area & ~keep)[top:bottom, left:right].astype(np.float32)
    soft = blur(mask, 0.7)[..., None]
    part = np.s_[top:bottom, left:right]
    picture[part] = picture[part] * (1 - soft) + patch * soft
    return True


def ground_patch(
    picture: Field, ground: Mask, shape: tuple[int, int], rng: np.random.Generator
) -> Field | None:
    """Return a piece of open ground of a shape; None where the picture has none so large."""
    rows, cols = ground.shape
    if shape[0] >= rows or shape[1] >= cols:
        return None
    total = cv2.integral(ground.astype(np.uint8))
    high, wide = shape
    share = (
        total[high:, wide:] - total[:-high, wide:] - total[high:, :-wide] + total[:-high, :-wide]
    ) / (high * wide)
    fit = np.argwhere(share > 0.9)
    if len(fit) == 0:
        return None
    row, col = fit[int(rng.integers(len(fit)))]
    piece = picture[row : row + high, col : col + wide].copy()
    turns = int(rng.integers(2)) * 2
    return np.ascontiguousarray(np.rot90(piece, turns)) * np.float32(rng.uniform(0.92, 1.08))


def blob(shape: tuple[int, int], rng: np.random.Generator, *, radius_px: float) -> Mask:
    """Return an irregular round or field-like area somewhere in a picture."""
    centre = (float(rng.uniform(0, shape[1])), float(rng.uniform(0, shape[0])))
    canvas = np.zeros(shape, np.uint8)
    if rng.random() < 0.5:
        size = (radius_px * float(rng.uniform(1.2, 3.5)), radius_px * float(rng.uniform(0.8, 2.0)))
        corners = cv2.boxPoints((centre, size, float(rng.uniform(0, 180))))
        corners = np.asarray(corners) + rng.normal(0, 0.15 * radius_px, (4, 2))
    else:
        angles = np.linspace(0, 2 * math.pi, 24, endpoint=False)
        radii = radius_px * np.exp(rng.normal(0, 0.18, 24))
        corners = np.stack(
            (centre[0] + radii * np.cos(angles), centre[1] + radii * np.sin(angles)), axis=1
        )
    cv2.fillPoly(canvas, [np.round(corners).astype(np.int32)], (1,))
    return canvas > 0
