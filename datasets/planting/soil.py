"""Bare earth: its texture, sites and clearings, green net."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry

from datasets.planting.noise import Field, blur, rough_field, smooth_field
from datasets.planting.placing import Ground
from datasets.planting.render import Canvas, blend, slope_shade
from datasets.planting.scene import Scene, fill_polygons

_EARTH = ((172, 154, 128), (160, 138, 110), (182, 164, 140), (164, 132, 102))


@dataclass(frozen=True, slots=True)
class EarthSample:
    """Small squares of real earth from a picture.

    Attributes:
        squares: float32, ``(count, side, side, 3)``; empty where the picture shows none.
        mean_rgb: float32, their mean colour.
    """

    squares: Field
    mean_rgb: Field


def sample_earth(scene: Scene, rng: np.random.Generator, *, count: int = 48) -> EarthSample:
    """Cut squares of even, sunlit earth out of a picture."""
    side = max(12, round(3.0 / scene.gsd_m))
    good = (scene.soil & (scene.edges < 0.2) & (scene.shaded < 0.2)).astype(np.float32)
    share = cv2.boxFilter(good, -1, (side, side))
    half = side // 2
    rows, cols = scene.shape
    spots = np.argwhere(share > 0.97)
    keep = (
        (spots[:, 0] >= half)
        & (spots[:, 1] >= half)
        & (spots[:, 0] < rows - half - 1)
        & (spots[:, 1] < cols - half - 1)
    )
    spots = spots[keep]
    if len(spots) < 4:
        tone = np.array(_EARTH[int(rng.integers(len(_EARTH)))], np.float32) * scene.gain_rgb
        return EarthSample(np.zeros((0, side, side, 3), np.float32), np.asarray(tone, np.float32))
    chosen = spots[rng.choice(len(spots), min(4 * count, len(spots)), replace=False)]
    squares = np.stack(
        [scene.rgb[r - half : r - half + side, c - half : c - half + side] for r, c in chosen]
    )
    # Even squares of one kind of earth: those whose colour lies nearest to one of them.
    means = squares.mean(axis=(1, 2))
    # The warmer half: grey squares may be paving.
    warmth = (means[:, 0] - means[:, 2]) / means.sum(axis=1)
    warm = means[warmth >= np.median(warmth)]
    pivot = warm[int(rng.integers(len(warm)))]
    order = np.argsort(np.abs(means - pivot).sum(axis=1), kind="stable")[:count]
    squares = np.asarray(squares[order], np.float32)
    return EarthSample(squares, np.asarray(squares.mean(axis=(0, 1, 2)), np.float32))


def earth_texture(
    sample: EarthSample, rng: np.random.Generator, shape: tuple[int, int], *, scene: Scene
) -> Field:
    """Return earth, float32 ``(rows, cols, 3)``.

    Random squares are overlapped with weights that keep the variance (after Heitz and Neyret 2018,
    "High-performance by-example noise"), on a tone that varies over metres.
    """
    rows, cols = shape
    gsd_m = scene.gsd_m
    if len(sample.squares) == 0:
        rough = rough_field(rng, shape, 4.0 / gsd_m, octaves=7, gain=0.75)
        detail = np.asarray(rough[..., None] * np.array((9.0, 8.6, 8.0), np.float32), np.float32)
        fine = blur(rng.standard_normal(shape).astype(np.float32), 0.6)
        detail = np.asarray(detail + (scene.noise * 2.5 * fine)[..., None], np.float32)
    else:
        side = sample.squares.shape[1]
        step = side // 3
        centred = sample.squares - sample.squares.mean(axis=(1, 2), keepdims=True)
        ramp = np.hanning(side + 2)[1:-1].astype(np.float32)
        weight = (ramp[:, None] * ramp[None, :])[..., None]
        total = np.zeros((rows + 3 * side, cols + 3 * side, 3), np.float32)
        power = np.zeros((rows + 3 * side, cols + 3 * side, 1), np.float32)
        for top in range(0, rows + side, step):
            for left in range(0, cols + side, step):
                square = centred[int(rng.integers(len(centred)))]
                # Off the lattice by chance, or its rows and columns would show.
                y, x = (int(v) for v in rng.integers(0, step, 2))
                at = (slice(top + y, top + y + side), slice(left + x, left + x + side))
                total[at] += weight * square
                power[at] += weight**2
        cut = (slice(side, side + rows), slice(side, side + cols))
        detail = np.asarray(total[cut] / np.sqrt(np.maximum(power[cut], 1e-4)), np.float32)
    tone = 0.04 * rough_field(rng, shape, 25.0 / gsd_m, octaves=4, gain=0.5)
    damp = np.clip(rough_field(rng, shape, 18.0 / gsd_m, octaves=3) - 0.9, 0, 1.0)
    colour = sample.mean_rgb * (1.0 + tone[..., None]) * (1.0 - 0.10 * damp[..., None])
    return np.asarray(colour + detail, np.float32)


def earth_outline(
    rng: np.random.Generator,
    x_px: float,
    y_px: float,
    *,
    area_m2: float,
    angle_rad: float,
    gsd_m: float,
) -> Polygon:
    """Return an outline as machines leave it: a rounded, uneven plot."""
    ratio = rng.uniform(1.0, 2.2)
    a, b = math.sqrt(area_m2 * ratio) / 2, math.sqrt(area_m2 / ratio) / 2
    power = rng.uniform(2.4, 5.0)
    turns = np.linspace(0, 2 * math.pi, 97)[:-1]
    radius = (np.abs(np.cos(turns) / a) ** power + np.abs(np.sin(turns) / b) ** power) ** (
        -1 / power
    )
    wobble = np.zeros_like(turns)
    for order in range(2, 13):
        wobble += rng.normal(0, 0.09 / order**0.75) * np.cos(order * turns + rng.uniform(0, 6.3))
    radius = radius * np.clip(1.0 + wobble, 0.6, 1.4)
    along, across = radius * np.cos(turns), radius * np.sin(turns)
    cos, sin = math.cos(angle_rad), math.sin(angle_rad)
    outline = Polygon(
        np.stack(
            (
                x_px + (along * cos - across * sin) / gsd_m,
                y_px + (along * sin + across * cos) / gsd_m,
            ),
            axis=1,
        )
    )
    factor = math.sqrt(area_m2 / (outline.area * gsd_m**2))
    coords = (np.asarray(outline.exterior.coords) - (x_px, y_px)) * factor + (x_px, y_px)
    return Polygon(coords)


def place_earth(
    rng: np.random.Generator, ground: Ground, *, area_m2: float, green: bool
) -> Polygon | None:
    """Find open ground for an earth plot.

    Args:
        rng: source of randomness.
        ground: what is free.
        area_m2: of the plot; smaller ones are tried where it does not fit.
        green: whether the ground must be vegetated.
    """
    gsd_m = ground.scene.gsd_m
    mask = ground.scene.vegetation & ground.open_ if green else ground.open_
    # Without outlines a corner of a roof may lie in the rest: keep the rest small.
    wanted = 0.88 if green else 0.92
    for shrink in (1.0, 0.75, 0.5, 0.35):
        for x, y in ground.spots(rng, mask, 150):
            angle = float(ground.angle_rad[int(y), int(x)])
            outline = earth_outline(
                rng, x, y, area_m2=max(115.0, area_m2 * shrink), angle_rad=angle, gsd_m=gsd_m
            )
            if not ground.is_free(outline, margin_m=0.3):
                continue
            if ground.share(mask, outline) < wanted:
                continue
            already = ground.share(ground.scene.soil, outline)
            if already > 0.35 or ground.share(ground.scene.canopy, outline) > 0.5:
                continue
            return outline
    return None


def _box(polygon: BaseGeometry, scene: Scene, margin_m: float) -> tuple[int, int, int, int]:
    rows, cols = scene.shape
    margin = margin_m / scene.gsd_m
    left, top, right, bottom = polygon.bounds
    return (
        max(0, math.floor(left - margin)),
        max(0, math.floor(top - margin)),
        min(cols, math.ceil(right + margin)),
        min(rows, math.ceil(bottom + margin)),
    )


def _soft_cover(
    polygon: Polygon,
    scene: Scene,
    rng: np.random.Generator,
    box: tuple[int, int, int, int],
    *,
    ragged_m: float,
) -> tuple[Field, Field]:
    """Return cover 0 to 1 and metres inside, over a box of the picture."""
    left, top, right, bottom = box
    inside = fill_polygons([polygon], (bottom - top, right - left), left_px=left, top_px=top)
    within = cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, 5)
    beyond = cv2.distanceTransform((~inside).astype(np.uint8), cv2.DIST_L2, 5)
    metres = np.asarray((within - beyond) * scene.gsd_m, np.float32)
    ragged = ragged_m * rough_field(rng, inside.shape, 3.5 / scene.gsd_m, octaves=5, gain=0.75)
    cover = np.clip((metres + ragged) / (0.25 + scene.gsd_m) + 0.5, 0, 1)
    return blur(np.asarray(cover, np.float32), scene.psf_px), metres


def draw_earth(
    canvas: Canvas, polygon: Polygon, sample: EarthSample, rng: np.random.Generator
) -> None:
    """Turn the ground inside a polygon to earth: texture, ruts, small heaps, a graded surface."""
    scene = canvas.scene
    box = _box(polygon, scene, 1.5)
    left, top, right, bottom = box
    rows, cols = slice(top, bottom), slice(left, right)
    shape = (bottom - top, right - left)
    cover, metres = _soft_cover(polygon, scene, rng, box, ragged_m=0.45)
    colour = earth_texture(sample, rng, shape, scene=scene)

    relief = 0.03 * rough_field(rng, shape, 9.0 / scene.gsd_m, octaves=3, gain=0.5)
    lumps = np.clip(rough_field(rng, shape, 2.2 / scene.gsd_m, octaves=3) - 2.1, 0, 1.5)
    relief += 0.10 * blur(lumps.astype(np.float32), 1.0)
    colour *= (1.0 - 0.08 * _ruts(rng, polygon, shape, box, scene))[..., None]
    shade = slope_shade(relief.astype(np.float32), canvas.sun, pixel_m=scene.gsd_m)
    factor = scene.shadow_rgb
    colour *= np.clip(shade, 0.7, 1.25)[..., None]
    colour *= 1.0 - canvas.shaded[rows, cols][..., None] * (1.0 - factor)
    # Weeds that were left or came back.
    weeds = np.clip(rough_field(rng, shape, 2.5 / scene.gsd_m, octaves=5, gain=0.8) - 1.9, 0, 1)
    near_edge = np.exp(-np.maximum(metres, 0) / 2.0)
    keep = np.clip(weeds * (0.5 + 2.0 * near_edge), 0, 0.9)
    blend(
        canvas,
        np.asarray(colour, np.float32),
        np.asarray(cover * (1 - keep), np.float32),
        rows,
        cols,
    )

    graded = canvas.terrain_m[rows, cols] + relief + np.float32(rng.uniform(-0.25, 0.1))
    canvas.height_m[rows, cols] = canvas.height_m[rows, cols] * (1 - cover) + graded * cover


def _ruts(
    rng: np.random.Generator,
    polygon: Polygon,
    shape: tuple[int, int],
    box: tuple[int, int, int, int],
    scene: Scene,
) -> Field:
    """Wheel tracks: pairs of lines in wide curves; -1 to 1."""
    out = np.zeros(shape, np.float32)
    left, top, right, bottom = polygon.bounds
    for _ in range(int(rng.integers(1, 5))):
        points = np.stack((rng.uniform(left, right, 3), rng.uniform(top, bottom, 3)), axis=1) - (
            box[0],
            box[1],
        )
        share = np.linspace(-0.3, 1.3, 60)[:, None]
        curve = (
            (1 - share) ** 2 * points[0]
            + 2 * share * (1 - share) * points[1]
            + share**2 * points[2]
        )
        along = np.gradient(curve, axis=0)
        normal = np.stack((-along[:, 1], along[:, 0]), axis=1)
        normal /= np.maximum(np.hypot(normal[:, 0], normal[:, 1]), 1e-6)[:, None]
        gauge = 0.85 / scene.gsd_m
        layer = np.zeros(shape, np.uint8)
        for side in (-1, 1):
            line = np.round((curve + side * gauge * normal) * 16).astype(np.int32)
            width = max(1, round(0.3 / scene.gsd_m))
            cv2.polylines(layer, [line], False, 255, width, cv2.LINE_AA, 4)
        strength = float(rng.uniform(-0.7, 1.0))
        patchy = np.clip(0.6 + 0.6 * smooth_field(rng, shape, 6.0 / scene.gsd_m), 0, 1)
        out += strength * patchy * layer.astype(np.float32) / 255.0
    return np.clip(blur(out, 0.7), -1.5, 1.5)


def place_net(rng: np.random.Generator, polygon: Polygon) -> Polygon | None:
    """Return a part of an earth plot to cover with net: one side of a straight cut."""
    left, top, right, bottom = polygon.bounds
    angle = rng.uniform(0, 2 * math.pi)
    reach = math.hypot(right - left, bottom - top)
    middle = polygon.centroid
    shift = rng.uniform(-0.12, 0.12) * reach
    cos, sin = math.cos(angle), math.sin(angle)
    x, y = middle.x + shift * cos, middle.y + shift * sin
    half = Polygon(
        [
            (x - sin * reach, y + cos * reach),
            (x + sin * reach, y - cos * reach),
            (x + sin * reach + cos * reach, y - cos * reach + sin * reach),
            (x - sin * reach + cos * reach, y + cos * reach + sin * reach),
        ]
    )
    part = polygon.buffer(-0.02 * reach).intersection(half)
    return part if isinstance(part, Polygon) and part.area > 0.15 * polygon.area else None


def draw_net(canvas: Canvas, polygon: Polygon, rng: np.random.Generator) -> None:
    """Cover ground with green dust net: even saturated green, folds, overlaps, some tears."""
    scene = canvas.scene
    box = _box(polygon, scene, 0.6)
    left, top, right, bottom = box
    rows, cols = slice(top, bottom), slice(left, right)
    shape = (bottom - top, right - left)
    cover, _ = _soft_cover(polygon, scene, rng, box, ragged_m=0.12)
    green = np.array(
        ((52, 112, 76), (44, 118, 92), (70, 126, 74))[int(rng.integers(3))], np.float32
    )
    x = (np.arange(shape[1], dtype=np.float32) * scene.gsd_m)[None, :]
    y = (np.arange(shape[0], dtype=np.float32) * scene.gsd_m)[:, None]
    angle = rng.uniform(0, math.pi)
    across = x * math.cos(angle) + y * math.sin(angle)
    sway = 0.5 * smooth_field(rng, shape, 8.0 / scene.gsd_m)
    strip_m = rng.uniform(3.5, 6.0)
    phase = (across + 0.3 * sway) / strip_m
    seam = np.abs(phase - np.round(phase)) * strip_m
    strip = np.floor(phase + 0.5).astype(np.int32)
    strip -= strip.min()
    tone = rng.normal(0, 0.04, int(strip.max()) + 1).astype(np.float32)[strip]
    tone -= 0.14 * np.exp(-((seam / 0.12) ** 2))
    stretched = smooth_field(rng, shape, 1.6 / scene.gsd_m)
    folds = np.exp(-((np.abs(stretched) / 0.18) ** 2)) * np.clip(
        smooth_field(rng, shape, 5.0 / scene.gsd_m), 0, 1.5
    )
    relief = np.asarray(
        0.10 * folds + 0.06 * rough_field(rng, shape, 4.0 / scene.gsd_m), np.float32
    )
    shade = np.clip(slope_shade(relief, canvas.sun, pixel_m=scene.gsd_m), 0.65, 1.3)
    grain = blur(rng.standard_normal(shape).astype(np.float32), 0.6) * scene.noise * 2.0
    colour = green * scene.gain_rgb * ((1.0 + tone) * shade)[..., None] + grain[..., None]
    # A mesh lets a little of the ground through.
    colour = 0.86 * colour + 0.14 * canvas.rgb[rows, cols]
    tears = np.clip(rough_field(rng, shape, 2.5 / scene.gsd_m, octaves=4) - 2.7, 0, 1) * 2.0
    dark = canvas.shaded[rows, cols][..., None] * (1.0 - scene.shadow_rgb)
    blend(
        canvas,
        np.asarray(colour * (1.0 - dark), np.float32),
        np.asarray(cover * (1.0 - np.clip(tears, 0, 1)), np.float32),
        rows,
        cols,
    )
