"""What comes and goes without being built: vehicles, heaps, trees, small things."""

from __future__ import annotations

import math

import numpy as np
from shapely.geometry import Polygon

from datasets.planting import distractors as small
from datasets.planting.footprint import Footprint
from datasets.planting.noise import Field
from datasets.planting.render import Canvas
from datasets.planting.scene import Mask, Scene, Sun, fill_polygons
from datasets.planting.soil import sample_earth

# Most of each on one date.
_VEHICLES, _HEAPS, _TREES, _SMALL = 14, 9, 6, 8
_ON_GROUND = 0.8


def scatter(
    picture: Field, scene: Scene, open_: Mask, taken: Mask, rng: np.random.Generator, *, sun: Sun
) -> None:
    """Put such things into one date of a picture, in place.

    Args:
        picture: float32, ``(rows, cols, 3)``; changed.
        scene: the picture as it was read.
        open_: bool, open ground; most things stand there.
        taken: bool, where nothing may be put; what is put is added.
        rng: draws how many, what and where.
        sun: of that date.
    """
    flat = np.zeros(scene.shape, np.float32)
    canvas = Canvas(scene, picture, flat, flat.copy(), scene.shaded.copy(), sun)
    earth = sample_earth(scene, rng).mean_rgb
    counts = [int(rng.integers(most + 1)) for most in (_VEHICLES, _HEAPS, _TREES, _SMALL)]
    if rng.random() < 0.15:
        counts = [0] * 4
    kinds = np.repeat(("vehicle", "heap", "tree", "thing"), counts)
    for kind in rng.permutation(kinds):
        _put_one(canvas, str(kind), earth, open_, taken, rng)


def _put_one(
    canvas: Canvas,
    kind: str,
    earth_rgb: Field,
    open_: Mask,
    taken: Mask,
    rng: np.random.Generator,
) -> None:
    gsd_m = canvas.scene.gsd_m
    looks = int(rng.integers(2**31))
    if kind in ("vehicle", "thing"):
        form = str(rng.choice(("car", "van", "truck"), p=(0.45, 0.15, 0.4)))
        lengths, widths = (
            small.VEHICLE_SIZES_M[form] if kind == "vehicle" else ((0.8, 3.3), (0.6, 2.6))
        )
        size = (float(rng.uniform(*lengths)), float(rng.uniform(*widths)))
        spot = _free_spot(max(size), canvas.scene, open_, taken, rng)
        if spot is None:
            return
        foot = Footprint(*spot, size[0], size[1], float(rng.uniform(0, math.pi)))
        _take(taken, foot.polygon(gsd_m))
        if kind == "vehicle":
            small.draw_vehicle(canvas, foot, form, looks)
        else:
            small.draw_clutter(canvas, foot, float(rng.uniform(0.3, 1.8)), looks)
        return
    radius = float(rng.uniform(1.2, 4.2))
    spot = _free_spot(2 * radius, canvas.scene, open_, taken, rng)
    if spot is None:
        return
    if kind == "tree":
        blob = small.Blob(*spot, radius, min(8.0, radius * 2), looks)
        small.draw_tree(canvas, blob)
    else:
        blob = small.Blob(*spot, radius, float(np.clip(radius * 0.6, 0.8, 4.0)), looks)
        # Earth, sand, gravel, coal: from the ground's own tone to grey, lighter and darker.
        grey = np.float32(rng.uniform(0, 1)) if rng.random() < 0.6 else np.float32(0)
        tone = earth_rgb * (1 - grey) + earth_rgb.mean() * grey
        small.draw_heap(canvas, blob, np.asarray(tone * rng.uniform(0.55, 1.25), np.float32))
    _take(taken, blob.polygon(gsd_m))


def _free_spot(
    span_m: float, scene: Scene, open_: Mask, taken: Mask, rng: np.random.Generator
) -> tuple[float, float] | None:
    rows, cols = scene.shape
    half = math.ceil(span_m / scene.gsd_m / 2) + 1
    if 2 * half >= min(rows, cols):
        return None
    on_ground = rng.random() < _ON_GROUND
    for _ in range(30):
        row, col = int(rng.integers(half, rows - half)), int(rng.integers(half, cols - half))
        part = np.s_[row - half : row + half + 1, col - half : col + half + 1]
        if not taken[part].any() and (not on_ground or open_[part].mean() > 0.7):
            return col + 0.5, row + 0.5
    return None


def _take(taken: Mask, polygon: Polygon) -> None:
    taken |= fill_polygons([polygon], (taken.shape[0], taken.shape[1]))
