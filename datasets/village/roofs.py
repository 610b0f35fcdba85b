"""Roof coverings: weathered concrete, clay tiles, colour-steel sheets."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from datasets.village.canvas import Canvas, Colour, Floats, Material, Patch, Rect, mix, step
from datasets.village.noise import per_strip, wobble

CONCRETES: Final[tuple[Colour, ...]] = (
    (168, 163, 153),
    (152, 148, 139),
    (180, 175, 164),
    (160, 152, 138),
    (140, 138, 132),
)
TERRACOTTA: Final[Colour] = (163, 122, 101)
GREY_TILE: Final[Colour] = (112, 110, 106)
RED_TILE: Final[Colour] = (140, 94, 80)
BLUE_STEEL: Final[Colour] = (84, 124, 168)
RED_STEEL: Final[Colour] = (150, 84, 76)
WHITE_STEEL: Final[Colour] = (196, 198, 198)
RUSTY_STEEL: Final[Colour] = (146, 126, 110)
GREY_STEEL: Final[Colour] = (158, 162, 164)


def concrete_roof(canvas: Canvas, rect: Rect, *, top_m: float, look: str, colour: Colour) -> None:
    """Paint a flat concrete roof: stains, algae at the foot of the parapet, screed joints.

    Args:
        canvas: Where.
        rect: Roof outline.
        top_m: Absolute height of the roof slab.
        look: Name that seeds the stains; two roofs with one look weather alike.
        colour: Concrete or tile colour.
    """
    patch = canvas.patch(rect)
    if patch is None:
        return
    rng = canvas.rng(look)
    p, q = patch.axes(rect.u, rect.v, rect.angle_deg)
    edge = np.minimum(rect.width / 2 - np.abs(p), rect.depth / 2 - np.abs(q))
    mid, fine = patch.noise("mid", rng), patch.noise("fine", rng)
    grain, broad = patch.noise("grain", rng), patch.noise("broad", rng)
    dark: Colour = (colour[0] * 0.66, colour[1] * 0.665, colour[2] * 0.66)
    pale: Colour = (
        min(255, colour[0] * 1.12),
        min(255, colour[1] * 1.12),
        min(255, colour[2] * 1.11),
    )
    base = mix(colour, pale, step(0.0, 2.2, broad + 0.8 * mid))
    base = mix(base, dark, 0.55 * step(0.2, 2.0, mid - 0.4 * broad + 0.35 * fine))
    algae = (1.0 - step(0.1, 1.4, edge + 0.45 * mid)) * 0.55
    base = mix(base, dark, algae)
    # Rain streaks run to the outlet on one side.
    side = 1.0 if rng.uniform() < 0.5 else -1.0
    streak = step(0.35, 0.9, wobble(p, rng, period_m=0.45)) * step(-1.0, 1.0, side * q / 2.0)
    base = mix(base, dark, 0.22 * streak.astype(np.float32))
    if colour == TERRACOTTA:
        tile = np.maximum(_seam(p, 0.8, 0.06), _seam(q, 0.8, 0.06))
        base = mix(base, (120, 98, 86), 0.35 * tile)
        odd = per_strip(p, rng, width_m=0.8) * per_strip(q, rng, width_m=0.8)
        base = base * (1 + 0.02 * odd)[..., None]
    else:
        joint = np.maximum(_seam(p, 4.1, 0.07), _seam(q, 3.7, 0.07))
        base = mix(base, dark, 0.35 * joint)
    base = base * (1.0 + 0.018 * fine + 0.02 * grain)[..., None]
    patch.tint(np.clip(base, 0, 1).astype(np.float32))
    patch.lift(top_m)
    patch.mark(Material.STRUCTURE)


def parapet(
    canvas: Canvas,
    rect: Rect,
    *,
    top_m: float,
    name: str,
    width_m: float = 0.24,
    colour: Colour = (186, 181, 170),
) -> None:
    """Raise a wall along a rectangle's inner edge."""
    rng = canvas.rng(name)
    ring = rect.polygon.difference(rect.grown(-width_m).polygon)
    patch = canvas.patch(ring)
    if patch is None:
        return
    worn = mix(colour, (132, 127, 116), step(-0.6, 1.8, patch.noise("mid", rng)))
    patch.tint(worn * (1 + 0.03 * patch.noise("fine", rng))[..., None])
    patch.lift(top_m)
    patch.mark(Material.STRUCTURE)


def pitched_roof(
    canvas: Canvas,
    rect: Rect,
    *,
    eave_m: float,
    pitch: float,
    look: str,
    colour: Colour,
    hipped: bool = False,
) -> None:
    """Paint a tiled gable or hip roof whose ridge runs along the p axis.

    Args:
        canvas: Where.
        rect: Outline of the eaves.
        eave_m: Absolute height of the eaves.
        pitch: Rise per metre.
        look: Seeds the weathering.
        colour: Tile colour.
        hipped: Whether the ends slope too.
    """
    patch = canvas.patch(rect)
    if patch is None:
        return
    rng = canvas.rng(look)
    p, q = patch.axes(rect.u, rect.v, rect.angle_deg)
    run = rect.depth / 2 - np.abs(q)
    end = rect.width / 2 - np.abs(p)
    on_end = (end < run) & hipped
    if hipped:
        run = np.minimum(run, end)
    along = np.where(on_end, q, p).astype(np.float32)
    sag = 0.05 * wobble(p, rng, period_m=3.0)
    course = 0.5 + 0.5 * np.cos(2 * np.pi * along / 0.42)
    rows = _seam(run.astype(np.float32), 0.62, 0.12)
    mid, fine, grain = (patch.noise(band, rng) for band in ("mid", "fine", "grain"))
    dark: Colour = (colour[0] * 0.62, colour[1] * 0.64, colour[2] * 0.66)
    base = mix(colour, dark, 0.6 * step(-0.1, 1.9, mid + 0.4 * fine))
    # Replaced tiles come in strips and are fresher.
    strip = per_strip(along, rng, width_m=1.3)
    base = base * (1.0 + 0.04 * strip + 0.03 * fine + 0.045 * grain)[..., None]
    base = base * (0.90 + 0.14 * course - 0.07 * rows)[..., None]
    moss = step(1.0, 2.2, patch.noise("mid", rng) - 0.35 * run)
    base = mix(base.astype(np.float32), (98, 102, 74), 0.5 * moss)
    ridge = np.exp(-((q / 0.20) ** 2)) * (1.0 - on_end)
    if hipped:
        ridge = np.where(end < rect.depth / 2 - 0.1, 0.0, ridge)
        ridge = np.maximum(ridge, np.exp(-(((end - (rect.depth / 2 - np.abs(q))) / 0.2) ** 2)))
    base = mix(base, (168, 160, 148), (0.38 * ridge).astype(np.float32))
    patch.tint(np.clip(base, 0, 1).astype(np.float32))
    patch.lift((eave_m + pitch * run + sag + 0.03 * course).astype(np.float32))
    patch.mark(Material.STRUCTURE)


def steel_roof(
    canvas: Canvas,
    rect: Rect,
    *,
    eave_m: float,
    pitch: float,
    look: str,
    colour: Colour,
    mono: bool = False,
    wear: float = 0.5,
) -> None:
    """Paint a profiled-sheet roof: ribs, sheet laps, fading per sheet, rust and skylights.

    Args:
        canvas: Where.
        rect: Outline; the ridge runs along p.
        eave_m: Absolute height of the lower eave.
        pitch: Rise per metre.
        look: Seeds the weathering.
        colour: Sheet colour.
        mono: One slope instead of two.
        wear: 0 new to 1 worn out.
    """
    patch = canvas.patch(rect)
    if patch is None:
        return
    rng = canvas.rng(look)
    p, q = patch.axes(rect.u, rect.v, rect.angle_deg)
    run = (rect.depth / 2 - q) if mono else (rect.depth / 2 - np.abs(q))
    rib = step(0.72, 0.95, np.cos(2 * np.pi * p / 0.78).astype(np.float32))
    sheet = per_strip(p, rng, width_m=0.78 * 2)
    lap = _seam(run.astype(np.float32), max(3.0, float(rng.uniform(3.0, 4.5))), 0.1)
    mid, fine, grain = (patch.noise(band, rng) for band in ("mid", "fine", "grain"))
    grey = sum(colour) / 3
    faded: Colour = tuple(0.72 * c + 0.28 * (grey + 28) for c in colour)  # type: ignore[assignment]
    base = mix(colour, faded, step(-1.2, 1.6, mid + 0.8 * sheet) * (0.4 + 0.6 * wear))
    base = base * (1.0 + 0.035 * sheet + 0.02 * fine + 0.015 * grain)[..., None]
    base = base * (1.0 + 0.07 * rib - 0.10 * lap)[..., None]
    streak = step(0.25, 0.9, wobble(p, rng, period_m=0.5) + 0.25 * mid)
    base = mix(base.astype(np.float32), (128, 122, 112), (0.34 * wear * streak).astype(np.float32))
    rust = step(1.5 - 0.9 * wear, 2.6 - 0.9 * wear, mid + 0.6 * fine + 0.5 * lap)
    base = mix(base, (128, 92, 70), (0.6 * wear * rust).astype(np.float32))
    if rect.width > 10 and rect.depth > 7:
        light = (np.abs(np.mod(p + 100.0, 6.2) - 3.1) < 0.45) & (
            np.abs(run - 0.3 * rect.depth) < rect.depth * 0.16
        )
        base = mix(base, (186, 194, 190), 0.6 * light.astype(np.float32))
    if not mono:
        base = mix(base, (206, 210, 212), (0.3 * np.exp(-((q / 0.22) ** 2))).astype(np.float32))
    patch.tint(np.clip(base, 0, 1).astype(np.float32))
    patch.lift((eave_m + pitch * run + 0.035 * rib).astype(np.float32))
    patch.mark(Material.STRUCTURE)


def _seam(across: Floats, spacing_m: float, width_m: float) -> Floats:
    """Return 1 on thin lines every ``spacing_m``, 0 between."""
    off = np.abs(np.mod(across + 50 * spacing_m, spacing_m) - spacing_m / 2)
    return 1.0 - step(0.4 * width_m, width_m, off.astype(np.float32))


def facing_south(rect: Rect) -> float:
    """Return the layout angle that makes a solar heater on this roof look south."""
    quarter = math.floor((rect.angle_deg + 45.0) / 90.0) * 90.0
    return rect.angle_deg - quarter


def block(
    canvas: Canvas,
    rect: Rect,
    *,
    top_m: float,
    colour: Colour,
    name: str,
    material: Material = Material.STRUCTURE,
    texture: float = 0.04,
) -> Patch | None:
    """Put a plain box with slightly uneven colour."""
    patch = canvas.patch(rect)
    if patch is None:
        return None
    rng = canvas.rng(name)
    uneven = 1.0 + texture * (patch.noise("fine", rng) + 0.6 * patch.noise("mid", rng))
    tone = np.asarray(colour, np.float32) / 255.0 * uneven[..., None]
    patch.tint(np.clip(tone, 0, 1).astype(np.float32))
    patch.lift(top_m)
    patch.mark(material)
    return patch
