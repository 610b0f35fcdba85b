"""The painted ground of a survey scene: grass, crops, soil, paving, seen from above."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from datasets.scenes.survey_parts import Colour, Date, Patch, Rect, Surface

Floats = NDArray[np.float64]
# Mottling of a surface: size of its lumps in metres, relative strength of the coarse and of the
# fine part (grass and soil are uneven, paving is stained).
_MOTTLE = {
    Surface.GRASS: (5.0, 0.22, 0.16),
    Surface.CROP: (9.0, 0.14, 0.10),
    Surface.SOIL: (4.0, 0.14, 0.10),
    Surface.CONCRETE: (7.0, 0.07, 0.04),
    Surface.ASPHALT: (9.0, 0.07, 0.05),
    Surface.RUBBLE: (1.2, 0.20, 0.28),
}
BASE_MOTTLE_SEED = 17
HAZE_GREY = 0.6


def paint_ground(date: Date, *, side_m: float, size_px: int) -> NDArray[np.float32]:
    """Paint the ground of one flight, without light.

    Args:
        date: What lies where.
        side_m: Side of the square painted, around the origin, in metres.
        size_px: Side of the picture in pixels.

    Returns:
        (N, N, 3) float32 sRGB 0–1, row 0 in the north.
    """
    steps = (np.arange(size_px) + 0.5) / size_px * side_m - side_m / 2
    x, y = np.meshgrid(steps, -steps)
    whole = Patch(Rect(0, 0, side_m, side_m, 0), Surface.GRASS, date.base_tint, BASE_MOTTLE_SEED)
    picture = np.zeros((size_px, size_px, 3), np.float32)
    for patch in (whole, *date.ground):
        _paint(picture, patch, x, y)
    return np.clip(hazed(picture, date.sky.haze), 0, 1)


def _paint(picture: NDArray[np.float32], patch: Patch, x: Floats, y: Floats) -> None:
    area = patch.area
    reach = np.hypot(area.length, area.width) / 2
    rows = np.flatnonzero(np.abs(y[:, 0] - area.y) <= reach)
    columns = np.flatnonzero(np.abs(x[0] - area.x) <= reach)
    if not rows.size or not columns.size:
        return
    window = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    east, north = x[window] - area.x, y[window] - area.y
    cos, sin = np.cos(area.heading), np.sin(area.heading)
    along, across = east * cos + north * sin, north * cos - east * sin
    step = x[0, 1] - x[0, 0]
    texture = _texture(patch, along, across, step)
    edge = np.minimum(area.length / 2 - np.abs(along), area.width / 2 - np.abs(across))
    # The edge of natural ground is frayed by about half a metre, that of paving is not.
    if patch.surface not in (Surface.CONCRETE, Surface.ASPHALT):
        edge = edge + 0.4 * (mottle(edge.shape, 1.0 / step, patch.seed + 5) - 0.2)
    cover = np.clip(edge / step + 0.5, 0, 1)[..., None]
    colour = np.asarray(patch.tint) * texture[..., None]
    picture[window] = picture[window] * (1 - cover) + colour * cover


def _texture(patch: Patch, along: Floats, across: Floats, step: float) -> Floats:
    size, coarse, fine = _MOTTLE[patch.surface]
    shape = along.shape
    texture = 1 + coarse * mottle(shape, size / step, patch.seed)
    texture += fine * mottle(shape, max(1.5, 0.5 / step), patch.seed + 1)
    if patch.row_m:
        texture += 0.09 * np.sin(2 * np.pi * across / patch.row_m + 0.3 * np.sin(along / 7))
    if patch.surface is Surface.CONCRETE:
        joints = np.minimum(np.abs(along) % 4.0, np.abs(across) % 4.0) < 0.15
        texture -= 0.06 * joints
    return texture


def mottle(shape: tuple[int, int], cell_px: float, seed: int) -> Floats:
    """Smooth random field of about unit range: random values on a grid, joined bilinearly."""
    rng = np.random.default_rng(seed)
    rows = np.arange(shape[0]) / cell_px
    columns = np.arange(shape[1]) / cell_px
    grid = rng.uniform(-1, 1, (int(rows[-1]) + 2, int(columns[-1]) + 2))
    r, c = rows.astype(int), columns.astype(int)
    u, v = (rows - r)[:, None], (columns - c)[None, :]
    upper = grid[np.ix_(r, c)] * (1 - v) + grid[np.ix_(r, c + 1)] * v
    lower = grid[np.ix_(r + 1, c)] * (1 - v) + grid[np.ix_(r + 1, c + 1)] * v
    blended: Floats = upper * (1 - u) + lower * u
    return blended


def hazed(srgb: NDArray[np.float32] | Colour, haze: float) -> NDArray[np.float32]:
    """Colours (..., 3), sRGB 0–1, with a share of pale grey: what the air adds from 100 m up."""
    mixed = np.asarray(srgb, np.float32) * (1 - haze) + np.float32(HAZE_GREY * haze)
    return mixed.astype(np.float32)


def to_linear(srgb: NDArray[np.float32] | Colour) -> NDArray[np.float32]:
    """Linear light of sRGB values 0–1 (IEC 61966-2-1)."""
    values = np.asarray(srgb, np.float32)
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    return linear.astype(np.float32)
