"""Change that nobody asked for: vehicles, trees, crops, heaps, clutter, puddles, washing."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from shapely.geometry import Point, Polygon

from datasets.planting.footprint import Footprint
from datasets.planting.noise import Field, blur, rough_field, smooth_field
from datasets.planting.placing import Ground
from datasets.planting.render import (
    Canvas,
    Raster,
    Sprite,
    blend,
    paint,
    raster_around,
    shadow_reach_m,
)
from datasets.planting.scene import Mask, Scene

_PAINTS = (
    ((226, 228, 228), 0.42),
    ((160, 164, 166), 0.14),
    ((52, 54, 58), 0.12),
    ((150, 40, 40), 0.1),
    ((44, 74, 128), 0.1),
    ((196, 160, 60), 0.04),
    ((120, 110, 96), 0.08),
)
_TRUCKS = ((58, 96, 148), (188, 110, 52), (172, 60, 50), (214, 214, 208), (120, 126, 122))
_HEAPS = ((176, 156, 128), (158, 156, 150), (190, 172, 140), (158, 108, 88), (140, 122, 102))


@dataclass(frozen=True, slots=True)
class Blob:
    """A round thing: where and how large; ``detail`` seeds its looks."""

    x_px: float
    y_px: float
    radius_m: float
    height_m: float
    detail: int

    def polygon(self, gsd_m: float) -> Polygon:
        """Return its outline in picture pixels."""
        return Polygon(Point(self.x_px, self.y_px).buffer(self.radius_m / gsd_m).exterior)


VEHICLE_SIZES_M = {
    "car": ((3.6, 4.6), (1.55, 1.82)),
    "van": ((4.8, 5.8), (1.8, 2.0)),
    "truck": ((6.2, 9.0), (2.25, 2.5)),
}


def _sprite_raster(canvas: Canvas, polygon: Polygon, tall_m: float) -> Raster:
    return raster_around(
        polygon.bounds,
        gsd_m=canvas.scene.gsd_m,
        margin_m=0.6 + shadow_reach_m(tall_m, canvas.sun),
    )


def draw_vehicle(canvas: Canvas, foot: Footprint, form: str, detail: int) -> float:
    """Draw a car, van or truck and return its height in metres; ``detail`` seeds its looks."""
    rng = np.random.default_rng(detail)
    raster = _sprite_raster(canvas, foot.polygon(canvas.scene.gsd_m), 3.2)
    along, across = raster.frame(foot.x_px, foot.y_px, foot.angle_rad)
    half_l, half_w = np.float32(foot.length_m / 2), np.float32(foot.width_m / 2)
    corner = np.float32(0.35 if form != "truck" else 0.12)
    out_l = np.maximum(np.abs(along) - (half_l - corner), 0)
    out_w = np.maximum(np.abs(across) - (half_w - corner), 0)
    alpha = np.clip((corner - np.hypot(out_l, out_w)) / np.float32(raster.fine_m) + 0.5, 0, 1)
    share = along / (2 * half_l) + 0.5
    side = np.abs(across) / half_w
    names, odds = zip(*_PAINTS, strict=True)
    body = np.array(names[int(rng.choice(len(names), p=odds))], np.float32)
    glass = np.array((44, 50, 56), np.float32)
    colour = np.broadcast_to(body, (*along.shape, 3)).astype(np.float32)
    if form == "truck":
        height = np.where(share > 0.74, 2.5, 2.2 + 0.9 * float(rng.random())).astype(np.float32)
        cab = np.array(_TRUCKS[int(rng.integers(len(_TRUCKS)))], np.float32)
        load = np.array(
            ((92, 88, 82), (168, 150, 124), (60, 96, 140), (188, 188, 184))[int(rng.integers(4))],
            np.float32,
        )
        rough = rough_field(rng, raster.shape, 1.2 / raster.fine_m)
        bed = load * (1.0 + 0.08 * rough[..., None])
        colour = np.where((share > 0.74)[..., None], cab, bed)
        rim = (share < 0.72) & ((side > 0.88) | (share < 0.02) | (share > 0.70))
        colour[rim] = cab * 0.85
        colour[(share > 0.95) & (side < 0.85)] = glass
        gap = (share > 0.72) & (share < 0.745)
        colour[gap] = (40, 40, 42)
        height[gap] = 1.0
    else:
        tall = 1.45 if form == "car" else 2.05
        points = (
            ((0, 0.85), (0.08, 1.0), (0.16, tall), (0.58, tall), (0.72, 1.0), (1, 0.75))
            if form == "car"
            else ((0, tall - 0.1), (0.05, tall), (0.78, tall), (0.92, 1.1), (1, 0.9))
        )
        xs, zs = zip(*points, strict=True)
        height = np.interp(share, xs, zs).astype(np.float32)
        height -= 0.18 * np.clip(side - 0.7, 0, 1) / 0.3
        front = (0.58, 0.72) if form == "car" else (0.79, 0.90)
        rear = (0.08, 0.16) if form == "car" else (0.01, 0.04)
        for low, high in (front, rear):
            colour[(share > low) & (share < high) & (side < 0.86)] = glass
        flank = (side > 0.80) & (side < 0.93) & (share > 0.2) & (share < front[0])
        colour[flank] = 0.5 * colour[flank] + 0.5 * glass
        lamp = (share > 0.97) & (side > 0.5)
        colour[lamp] = 0.7 * colour[lamp] + 0.3 * 240
    sprite = Sprite(
        colour=np.asarray(colour * canvas.scene.gain_rgb, np.float32),
        alpha=alpha,
        height_m=np.where(alpha > 0, np.maximum(height, 0.3), 0).astype(np.float32),
        relief_m=blur(0.5 * height, 0.1 / raster.fine_m),
        left_px=raster.left_px,
        top_px=raster.top_px,
        fine=raster.fine,
        gloss=1.2,
    )
    paint(canvas, sprite, rng)
    return float(height[alpha > 0.5].max())


def leaf_colour(scene: Scene) -> Field:
    """Return the colour of sunlit tree crowns in a picture."""
    crown = scene.canopy & (scene.shaded < 0.3)
    if crown.mean() > 0.002:
        return np.asarray(np.median(scene.rgb[crown], axis=0) * 1.12, np.float32)
    return np.asarray(np.array((84, 104, 62), np.float32) * scene.gain_rgb, np.float32)


def draw_tree(canvas: Canvas, tree: Blob, *, grown: float = 1.0) -> float:
    """Draw a crown of clumps and return its height; ``grown`` below 1 is the same tree younger."""
    rng = np.random.default_rng(tree.detail)
    radius, tall = tree.radius_m * math.sqrt(grown), tree.height_m * grown
    polygon = tree.polygon(canvas.scene.gsd_m)
    raster = _sprite_raster(canvas, polygon, tall)
    along, across = raster.frame(tree.x_px, tree.y_px, float(rng.uniform(0, 6.3)))
    height = np.zeros(raster.shape, np.float32)
    clumps = int(6 + 9 * tree.radius_m)
    rough = rough_field(rng, raster.shape, 0.9 / raster.fine_m, octaves=4, gain=0.75)
    for number in range(clumps):
        away = 0.0 if number == 0 else radius * 0.72 * math.sqrt(rng.random())
        turn = rng.uniform(0, 2 * math.pi)
        size = radius * rng.uniform(0.26, 0.48)
        centre_u, centre_v = away * math.cos(turn), away * math.sin(turn)
        top = tall * (1.0 - 0.45 * (away / max(radius, 0.1)) ** 2) * rng.uniform(0.85, 1.0)
        distance = np.hypot(along - centre_u, across - centre_v) / size + 0.22 * rough
        clump = top - 0.35 * tall + 0.35 * tall * np.sqrt(np.maximum(0.0, 1.0 - distance**2))
        np.maximum(height, np.where(distance < 1.0, clump, 0.0), out=height)
    leafy = height > 0.2 * tall
    alpha = blur(leafy.astype(np.float32), 0.05 / raster.fine_m)
    base = leaf_colour(canvas.scene) * (1.0 + rng.normal(0, 0.08, 3).astype(np.float32))
    depth = np.clip(height / tall, 0.3, 1.0)
    tone = (0.78 + 0.36 * depth) * (1.0 + 0.15 * rough)
    sprite = Sprite(
        colour=np.asarray(base * tone[..., None], np.float32),
        alpha=alpha,
        height_m=height,
        relief_m=blur(height + 0.08 * rough, 0.12 / raster.fine_m) * np.float32(0.55),
        left_px=raster.left_px,
        top_px=raster.top_px,
        fine=raster.fine,
        gloss=1.0,
    )
    paint(canvas, sprite, rng)
    return tall


def draw_heap(canvas: Canvas, heap: Blob, earth_rgb: Field) -> float:
    """Draw a tipped heap of earth, gravel or sand and return its height."""
    rng = np.random.default_rng(heap.detail)
    raster = _sprite_raster(canvas, heap.polygon(canvas.scene.gsd_m), heap.height_m)
    along, across = raster.frame(heap.x_px, heap.y_px, float(rng.uniform(0, 6.3)))
    stretch = float(rng.uniform(1.0, 1.2))
    lumpy = smooth_field(rng, raster.shape, 2.0 * heap.radius_m / raster.fine_m)
    fine = rough_field(rng, raster.shape, 0.8 / raster.fine_m, octaves=4, gain=0.7)
    distance = np.hypot(along / stretch, across * stretch) / heap.radius_m + 0.10 * lumpy
    distance += 0.008 * fine
    height = heap.height_m * np.clip(1.06 - distance, 0, None)
    height = np.minimum(height, heap.height_m * (0.93 + 0.02 * lumpy))
    if rng.random() < 0.5:
        base = earth_rgb * rng.uniform(0.88, 1.06)
    else:
        base = np.array(_HEAPS[int(rng.integers(len(_HEAPS)))], np.float32) * canvas.scene.gain_rgb
    tone = 1.0 + 0.07 * fine + 0.04 * lumpy
    alpha = np.clip((1.06 - distance) / 0.06, 0, 1).astype(np.float32)
    sprite = Sprite(
        colour=np.asarray(base * tone[..., None], np.float32),
        alpha=alpha,
        height_m=np.asarray(height * (alpha > 0), np.float32),
        relief_m=np.asarray(height + 0.007 * fine, np.float32),
        left_px=raster.left_px,
        top_px=raster.top_px,
        fine=raster.fine,
    )
    paint(canvas, sprite, rng)
    return heap.height_m


def draw_clutter(canvas: Canvas, foot: Footprint, height_m: float, detail: int) -> None:
    """Draw a crate, a stack, a small shelter: a box with a rough top, under 10 m2."""
    rng = np.random.default_rng(detail)
    raster = _sprite_raster(canvas, foot.polygon(canvas.scene.gsd_m), height_m)
    along, across = raster.frame(foot.x_px, foot.y_px, foot.angle_rad)
    ragged = 0.05 * smooth_field(rng, raster.shape, 0.8 / raster.fine_m)
    alpha = np.clip((foot.inside_m(along, across) + ragged) / np.float32(raster.fine_m) + 0.5, 0, 1)
    tones = ((140, 104, 84), (150, 146, 138), (108, 92, 74), (70, 108, 150), (176, 172, 164))
    base = np.array(tones[int(rng.integers(len(tones)))], np.float32) * canvas.scene.gain_rgb
    rough = rough_field(rng, raster.shape, 0.7 / raster.fine_m, octaves=4, gain=0.75)
    sprite = Sprite(
        colour=np.asarray(base * (1.0 + 0.13 * rough[..., None]), np.float32),
        alpha=np.asarray(alpha, np.float32),
        height_m=np.asarray(height_m * (1.0 + 0.12 * rough) * (alpha > 0), np.float32),
        relief_m=np.asarray(0.04 * rough, np.float32),
        left_px=raster.left_px,
        top_px=raster.top_px,
        fine=raster.fine,
    )
    paint(canvas, sprite, rng)


def draw_washing(canvas: Canvas, foot: Footprint, detail: int) -> None:
    """Hang a line of washing: small bright cloths in a row, without height."""
    rng = np.random.default_rng(detail)
    raster = _sprite_raster(canvas, foot.polygon(canvas.scene.gsd_m), 0.2)
    along, across = raster.frame(foot.x_px, foot.y_px, foot.angle_rad)
    colour = np.zeros((*raster.shape, 3), np.float32)
    alpha = np.zeros(raster.shape, np.float32)
    at = -foot.length_m / 2
    while at < foot.length_m / 2 - 0.3:
        long, wide = rng.uniform(0.35, 0.9), rng.uniform(0.25, foot.width_m / 2)
        cloth = (np.abs(along - at - long / 2) < long / 2) & (np.abs(across) < wide)
        colour[cloth] = rng.uniform(70, 225, 3)
        alpha[cloth] = 1.0
        at += long + rng.uniform(0.05, 0.5)
    flat = np.zeros(raster.shape, np.float32)
    sprite = Sprite(colour, alpha, flat, flat, raster.left_px, raster.top_px, raster.fine)
    paint(canvas, sprite, rng, raises_surface=False)


def draw_puddle(canvas: Canvas, puddle: Blob) -> Polygon | None:
    """Draw standing water and return its outline; None where none shows."""
    rng = np.random.default_rng(puddle.detail)
    scene = canvas.scene
    reach = math.ceil(1.6 * puddle.radius_m / scene.gsd_m)
    top, left = max(0, int(puddle.y_px) - reach), max(0, int(puddle.x_px) - reach)
    bottom = min(scene.shape[0], int(puddle.y_px) + reach)
    right = min(scene.shape[1], int(puddle.x_px) + reach)
    y, x = np.mgrid[top:bottom, left:right].astype(np.float32)
    away = np.hypot(x + 0.5 - puddle.x_px, y + 0.5 - puddle.y_px) * scene.gsd_m
    shape = (bottom - top, right - left)
    level = (
        1.0
        - away / puddle.radius_m
        + 0.3 * rough_field(rng, shape, 1.5 * puddle.radius_m / scene.gsd_m)
    )
    cover = blur(np.clip(level / 0.08, 0, 1).astype(np.float32), scene.psf_px)
    wet = blur(np.clip((level + 0.22) / 0.3, 0, 1).astype(np.float32), 1.5)
    rows, cols = slice(top, bottom), slice(left, right)
    canvas.rgb[rows, cols] *= 1.0 - 0.28 * wet[..., None]
    water = np.array(((92, 96, 92), (112, 104, 88), (76, 84, 88))[int(rng.integers(3))], np.float32)
    sky = smooth_field(rng, shape, 3.0 / scene.gsd_m)
    colour = water * (1.0 + 0.05 * sky[..., None])
    blend(canvas, np.asarray(colour, np.float32), cover * np.float32(0.92), rows, cols)
    return _outline(cover > 0.5, left, top)


def pick_parcel(rng: np.random.Generator, ground: Ground, avoid: Mask) -> Mask | None:
    """Return one field by its looks: even green, 150 to 6000 m2, off ``avoid``."""
    scene = ground.scene
    smooth = cv2.GaussianBlur(scene.rgb, (0, 0), 1.0 / scene.gsd_m)
    smooth = np.clip(smooth, 0, 255).astype(np.uint8)
    blocked = (ground.blocked | avoid).astype(np.uint8)
    barrier = np.zeros((scene.shape[0] + 2, scene.shape[1] + 2), np.uint8)
    for x, y in ground.spots(rng, scene.vegetation & ~scene.canopy & ~avoid, 25):
        barrier[:] = 1
        barrier[1:-1, 1:-1] = blocked
        reach = (14, 14, 14)
        cv2.floodFill(
            smooth,
            barrier,
            (int(x), int(y)),
            (0, 0, 0),
            reach,
            reach,
            8 | cv2.FLOODFILL_FIXED_RANGE | cv2.FLOODFILL_MASK_ONLY | (255 << 8),
        )
        field_ = (barrier[1:-1, 1:-1] == 255).astype(np.uint8)
        wide = max(3, round(1.2 / scene.gsd_m))
        field_ = cv2.morphologyEx(field_, cv2.MORPH_OPEN, np.ones((wide, wide), np.uint8))
        field_ = cv2.morphologyEx(field_, cv2.MORPH_CLOSE, np.ones((wide, wide), np.uint8))
        _, labels, stats, _ = cv2.connectedComponentsWithStats(field_)
        if len(stats) < 2:
            continue
        best = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
        area_m2 = stats[best, cv2.CC_STAT_AREA] * scene.gsd_m**2
        mask = labels == best
        if 150.0 < area_m2 < 6000.0 and scene.vegetation[mask].mean() > 0.7:
            return np.asarray(mask)
    return None


def change_crop(canvas: Canvas, parcel: Mask, detail: int) -> Polygon | None:
    """Change a field's crop: riper, greener or another; rows of plants; in place."""
    rng = np.random.default_rng(detail)
    scene = canvas.scene
    cover = blur(parcel.astype(np.float32), 0.5 / scene.gsd_m)
    where = np.argwhere(parcel)
    top, left = where.min(axis=0)
    bottom, right = where.max(axis=0) + 1
    rows, cols = slice(int(top), int(bottom)), slice(int(left), int(right))
    part = canvas.rgb[rows, cols]
    light = part.mean(axis=2, keepdims=True)
    target = np.array(
        ((1.14, 1.06, 0.62), (0.86, 1.18, 0.72), (1.08, 1.14, 0.60), (0.92, 1.06, 0.90))[
            int(rng.integers(4))
        ],
        np.float32,
    )
    gain = float(rng.uniform(0.85, 1.2))
    shape = (part.shape[0], part.shape[1])
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32) * np.float32(scene.gsd_m)
    angle = rng.uniform(0, math.pi)
    lines = np.sin(
        (x * math.cos(angle) + y * math.sin(angle)) * 2 * math.pi / rng.uniform(0.7, 1.6)
    )
    patchy = rough_field(rng, shape, 8.0 / scene.gsd_m, octaves=6, gain=0.7)
    tone = gain * (1.0 + 0.05 * lines + 0.07 * patchy)
    colour = 0.75 * light * target * tone[..., None] + 0.25 * part
    blend(canvas, np.asarray(colour, np.float32), cover[rows, cols] * np.float32(0.9), rows, cols)
    plants = np.float32(rng.uniform(-0.1, 0.6)) + 0.04 * patchy
    canvas.height_m[rows, cols] += cover[rows, cols] * plants
    return _outline(parcel[rows, cols], int(left), int(top))


def _outline(mask: Mask, left: int, top: int) -> Polygon | None:
    contours, _ = cv2.findContours(
        mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
    )
    big = max(contours, key=cv2.contourArea, default=None)
    if big is None or len(big) < 4:
        return None
    polygon = Polygon(big[:, 0, :] + (left + 0.5, top + 0.5)).buffer(0)
    return polygon if isinstance(polygon, Polygon) and polygon.area > 1 else None


def clear_of_roofs(ground: Ground) -> Mask:
    """Return ground where small things lie about: open or paved, in the sun."""
    return np.asarray((ground.open_ | ground.paved) & (ground.scene.shaded < 0.5))
