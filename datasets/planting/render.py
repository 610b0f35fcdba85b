"""Drawing things with light, shadow and height into a picture and its surface model."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.planting.noise import Field, blur, rough_field
from datasets.planting.scene import Mask, Scene, Sun


@dataclass(slots=True)
class Canvas:
    """One epoch being made. Its arrays are changed in place by the painting functions.

    Attributes:
        scene: the picture as it was.
        rgb: float32, ``(rows, cols, 3)``, 0 to 255.
        height_m: float32, the surface without noise.
        terrain_m: float32, the ground under it.
        shaded: float32, 0 in the sun to 1 in full shadow.
        sun: this epoch's.
    """

    scene: Scene
    rgb: Field
    height_m: Field
    terrain_m: Field
    shaded: Field
    sun: Sun


@dataclass(frozen=True, slots=True)
class Sprite:
    """A thing drawn finely, before light falls on it.

    Attributes:
        colour: float32, ``(n, m, 3)``, as it looks flat in the sun, 0 to 255.
        alpha: float32, 0 to 1: what it covers.
        height_m: float32, above what it stands on; 0 outside.
        relief_m: float32, the smooth part of its height that shades its colour.
        left_px: picture column of the left edge.
        top_px: picture row of the upper edge.
        fine: sprite pixels per picture pixel.
        wall_rgb: colour of its walls, seen where the picture leans.
        gloss: how much more light a slope toward the sun sends, 1 for dull things.
    """

    colour: Field
    alpha: Field
    height_m: Field
    relief_m: Field
    left_px: int
    top_px: int
    fine: int
    wall_rgb: tuple[float, float, float] = (150.0, 135.0, 122.0)
    gloss: float = 1.0


@dataclass(frozen=True, slots=True)
class Raster:
    """A fine grid over a part of the picture.

    Attributes:
        left_px: picture column of its left edge.
        top_px: picture row of its upper edge.
        rows: of the fine grid.
        cols: of the fine grid.
        fine: grid pixels per picture pixel.
        fine_m: size of a grid pixel.
    """

    left_px: int
    top_px: int
    rows: int
    cols: int
    fine: int
    fine_m: float

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and cols."""
        return self.rows, self.cols

    def frame(self, x_px: float, y_px: float, angle_rad: float) -> tuple[Field, Field]:
        """Return metres along and across a frame turned by ``angle_rad`` about a picture point."""
        cols = (np.arange(self.cols, dtype=np.float32) + 0.5) / self.fine + self.left_px - x_px
        rows = (np.arange(self.rows, dtype=np.float32) + 0.5) / self.fine + self.top_px - y_px
        scale = self.fine_m * self.fine
        cos, sin = math.cos(angle_rad) * scale, math.sin(angle_rad) * scale
        along = cols[None, :] * np.float32(cos) + rows[:, None] * np.float32(sin)
        across = rows[:, None] * np.float32(cos) - cols[None, :] * np.float32(sin)
        return np.asarray(along, np.float32), np.asarray(across, np.float32)


def raster_around(
    bounds_px: tuple[float, float, float, float], *, gsd_m: float, margin_m: float
) -> Raster:
    """Return a fine grid over ``bounds_px`` (left, top, right, bottom) and a margin."""
    margin = margin_m / gsd_m
    left, top = math.floor(bounds_px[0] - margin), math.floor(bounds_px[1] - margin)
    right, bottom = math.ceil(bounds_px[2] + margin), math.ceil(bounds_px[3] + margin)
    widest_m = max(right - left, bottom - top) * gsd_m
    fine = max(2, min(6, round(gsd_m / (0.05 if widest_m < 45 else 0.08))))
    return Raster(left, top, (bottom - top) * fine, (right - left) * fine, fine, gsd_m / fine)


def shadow_reach_m(height_m: float, sun: Sun) -> float:
    """Return how far a thing of this height throws its shadow on level ground, 25 m at most."""
    return min(25.0, height_m / sun.rise)


def cast_shadow(
    height_m: Field, receiver_m: Field, sun: Sun, *, pixel_m: float, reach_m: float
) -> Mask:
    """Return where ``height_m`` keeps the sun from a surface at ``receiver_m``.

    Args:
        height_m: float32, what throws the shadow; negative or 0 where nothing stands.
        receiver_m: float32, same shape and datum: what may lie in it.
        sun: where the sun stands.
        pixel_m: size of a pixel.
        reach_m: longest shadow.
    """
    toward_x, toward_y = sun.toward_xy
    horizon = np.full_like(height_m, -np.inf)
    steps = max(1, math.ceil(reach_m / pixel_m))
    # A step of more than half a metre would leave gaps behind thin walls.
    stride = max(1, min(2, round(0.12 / pixel_m)))
    seen: set[tuple[int, int]] = set()
    rows, cols = height_m.shape
    for step in range(1, steps + 1, stride):
        dx, dy = round(toward_x * step), round(toward_y * step)
        if (dx, dy) in seen or abs(dx) >= cols or abs(dy) >= rows:
            continue
        seen.add((dx, dy))
        to = (
            slice(max(0, -dy), rows - max(0, dy)),
            slice(max(0, -dx), cols - max(0, dx)),
        )
        source = (
            slice(max(0, dy), rows - max(0, -dy)),
            slice(max(0, dx), cols - max(0, -dx)),
        )
        drop = np.float32(math.hypot(dx, dy) * pixel_m * sun.rise)
        np.maximum(horizon[to], height_m[source] - drop, out=horizon[to])
    return np.asarray(horizon > receiver_m + 0.06)


def slope_shade(relief_m: Field, sun: Sun, *, pixel_m: float, gloss: float = 1.0) -> Field:
    """Return by how much slopes are brighter or darker than level ground (Lambert and sky light).

    Args:
        relief_m: float32, smooth heights.
        sun: where the sun stands.
        pixel_m: size of a pixel.
        gloss: contrast of the sunlit part.
    """
    down, right = np.gradient(relief_m, pixel_m)
    limit = 1.2
    right, down = np.clip(right, -limit, limit), np.clip(down, -limit, limit)
    toward_x, toward_y = sun.toward_xy
    cos_elevation = math.cos(math.radians(sun.elevation_deg))
    sin_elevation = math.sin(math.radians(sun.elevation_deg))
    facing = (-right * toward_x - down * toward_y) * cos_elevation + sin_elevation
    facing = np.maximum(0.0, facing / np.sqrt(1.0 + right**2 + down**2)) / sin_elevation
    ambient = 0.35
    return np.asarray(ambient + (1.0 - ambient) * (1.0 + gloss * (facing - 1.0)), np.float32)


def _shrink(values: Field, fine: int) -> Field:
    rows, cols = values.shape[0] // fine, values.shape[1] // fine
    return np.asarray(cv2.resize(values, (cols, rows), interpolation=cv2.INTER_AREA), np.float32)


def _grow(values: Field, fine: int) -> Field:
    rows, cols = values.shape[0] * fine, values.shape[1] * fine
    return np.asarray(cv2.resize(values, (cols, rows), interpolation=cv2.INTER_LINEAR), np.float32)


def _window(canvas: Canvas, sprite: Sprite) -> tuple[slice, slice, slice, slice] | None:
    """Rows and cols on the canvas, then rows and cols of the shrunken sprite."""
    rows, cols = canvas.height_m.shape
    tall, wide = sprite.alpha.shape[0] // sprite.fine, sprite.alpha.shape[1] // sprite.fine
    top, left = max(0, sprite.top_px), max(0, sprite.left_px)
    bottom, right = min(rows, sprite.top_px + tall), min(cols, sprite.left_px + wide)
    if bottom <= top or right <= left:
        return None
    return (
        slice(top, bottom),
        slice(left, right),
        slice(top - sprite.top_px, bottom - sprite.top_px),
        slice(left - sprite.left_px, right - sprite.left_px),
    )


def _lean(sprite: Sprite, lean_xy: tuple[float, float], sun: Sun, pixel_m: float) -> Sprite:
    """Move roofs away from the picture's nadir and show the walls behind them."""
    standing = sprite.alpha > 0.5
    if not standing.any():
        return sprite
    height = float(np.median(sprite.height_m[standing]))
    dx, dy = lean_xy[0] * height / pixel_m, lean_xy[1] * height / pixel_m
    steps = math.ceil(math.hypot(dx, dy))
    if steps < 1:
        return sprite

    def moved(values: Field, share: float) -> Field:
        matrix = np.array(((1, 0, dx * share), (0, 1, dy * share)), np.float32)
        rows, cols = values.shape[:2]
        return np.asarray(cv2.warpAffine(values, matrix, (cols, rows)), np.float32)

    alpha = sprite.alpha.copy()
    for step in range(1, steps + 1):
        np.maximum(alpha, moved(sprite.alpha, step / steps), out=alpha)
    length = math.hypot(*lean_xy)
    facing = -(lean_xy[0] * sun.toward_xy[0] + lean_xy[1] * sun.toward_xy[1]) / length
    wall = np.array(sprite.wall_rgb, np.float32) * np.float32(0.5 + 0.45 * max(0.0, facing))
    roof = moved(sprite.alpha, 1.0)[..., None]
    colour = moved(sprite.colour, 1.0) * roof + wall * (1.0 - roof)
    return Sprite(
        colour=np.asarray(colour, np.float32),
        alpha=alpha,
        height_m=sprite.height_m,
        relief_m=moved(sprite.relief_m, 1.0),
        left_px=sprite.left_px,
        top_px=sprite.top_px,
        fine=sprite.fine,
        wall_rgb=sprite.wall_rgb,
        gloss=sprite.gloss,
    )


def paint(
    canvas: Canvas,
    sprite: Sprite,
    rng: np.random.Generator,
    *,
    base_m: float | Field | None = None,
    lean_xy: tuple[float, float] = (0.0, 0.0),
    shaded_already: bool = False,
    raises_surface: bool = True,
) -> None:
    """Draw a sprite with its light and shadow, and put its height into the surface.

    Args:
        canvas: changed in place.
        sprite: what to draw.
        rng: for the grain.
        base_m: height of what it stands on; the surface under each pixel where None.
        lean_xy: metres that a roof moves in the picture per metre of height.
        shaded_already: the colours come from a photo, with the light in them.
        raises_surface: False for things without height.
    """
    window = _window(canvas, sprite)
    if window is None:
        return
    rows, cols, from_rows, from_cols = window
    fine, pixel_m = sprite.fine, canvas.scene.gsd_m / sprite.fine
    tallest = float(sprite.height_m.max())

    surface = np.zeros((sprite.alpha.shape[0] // fine, sprite.alpha.shape[1] // fine), np.float32)
    surface[from_rows, from_cols] = canvas.height_m[rows, cols]
    ground = surface if base_m is None else np.broadcast_to(np.float32(base_m), surface.shape)
    standing = sprite.alpha > 0.5
    receiver = np.where(standing, sprite.height_m, _grow(surface - ground, fine))
    thrown = cast_shadow(
        np.where(standing, sprite.height_m, -np.inf).astype(np.float32),
        receiver.astype(np.float32),
        canvas.sun,
        pixel_m=pixel_m,
        reach_m=shadow_reach_m(tallest + max(0.0, -float(receiver.min())), canvas.sun),
    )
    shadow = blur(thrown.astype(np.float32), 0.08 / pixel_m)

    drawn = _lean(sprite, lean_xy, canvas.sun, pixel_m)
    factor = np.asarray(canvas.scene.shadow_rgb, np.float32)
    colour = drawn.colour
    if not shaded_already:
        light = slope_shade(drawn.relief_m, canvas.sun, pixel_m=pixel_m, gloss=sprite.gloss)
        inside = shadow * drawn.alpha
        colour = np.asarray(
            colour * light[..., None] * (1.0 - inside[..., None] * (1.0 - factor)), np.float32
        )

    alpha = blur(_shrink(drawn.alpha, fine), canvas.scene.psf_px)
    if shaded_already:
        # A photo is as blurred as the picture already; only its cut edge is not.
        premultiplied = np.asarray(
            _shrink(np.asarray(colour, np.float32), fine) * alpha[..., None], np.float32
        )
    else:
        premultiplied = blur(
            _shrink(np.asarray(colour * drawn.alpha[..., None], np.float32), fine),
            canvas.scene.psf_px,
        )
    outside = blur(_shrink(shadow * (1.0 - drawn.alpha * (drawn.alpha > 0.99)), fine), 0.45)
    near = np.clip(blur(_shrink(sprite.alpha, fine), 0.35 / canvas.scene.gsd_m), 0.0, 1.0)
    contact = 0.22 * near * min(1.0, tallest)

    local_alpha = alpha[from_rows, from_cols][..., None]
    sunlit = 1.0 - 0.9 * canvas.shaded[rows, cols]
    dark = (outside[from_rows, from_cols] * sunlit)[..., None]
    background = canvas.rgb[rows, cols] * (1.0 - dark * (1.0 - factor))
    background *= 1.0 - contact[from_rows, from_cols][..., None]
    grain = _grain(rng, alpha.shape, canvas.scene)[from_rows, from_cols][..., None]
    canvas.rgb[rows, cols] = np.clip(
        background * (1.0 - local_alpha)
        + premultiplied[from_rows, from_cols]
        + grain * local_alpha * (0.0 if shaded_already else 1.0),
        0.0,
        255.0,
    )
    canvas.shaded[rows, cols] = np.maximum(
        canvas.shaded[rows, cols] * (1.0 - alpha[from_rows, from_cols]),
        outside[from_rows, from_cols],
    )
    if raises_surface:
        weight = _shrink(sprite.alpha, fine)
        mean = _shrink(sprite.height_m * sprite.alpha, fine) / np.maximum(weight, 1e-3)
        covered = weight[from_rows, from_cols] > 0.5
        target = canvas.height_m[rows, cols]
        target[covered] = (ground + mean)[from_rows, from_cols][covered]


def _grain(rng: np.random.Generator, shape: tuple[int, int], scene: Scene) -> Field:
    """Texture at the pixel that no flat drawing has: two scales of it, as in the picture."""
    fine = blur(rng.standard_normal(shape).astype(np.float32), 0.4) * 1.8
    coarse = rough_field(rng, shape, 8.0, octaves=2)
    return np.asarray(scene.noise * (fine + 0.6 * coarse), np.float32)


def blend(
    canvas: Canvas, colour: NDArray[np.float32], alpha: Field, rows: slice, cols: slice
) -> None:
    """Lay colour on ground without height: ``alpha`` 0 keeps the picture, 1 covers it."""
    weight = alpha[..., None]
    canvas.rgb[rows, cols] = canvas.rgb[rows, cols] * (1.0 - weight) + colour * weight
