"""Roofs drawn from scratch: sheet metal, concrete, tiles, tarpaulin, containers.

Colours were set beside sunlit roofs in 0.15 m town orthophotos and are moved by each picture's
own grey.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from datasets.planting.footprint import Footprint
from datasets.planting.noise import Field, blur, rough_field, smooth_field

Colour = tuple[float, float, float]


@dataclass(slots=True)
class Face:
    """A roof on a fine grid: see :class:`datasets.planting.render.Sprite` for the fields."""

    colour: Field
    alpha: Field
    height_m: Field
    relief_m: Field
    wall_rgb: Colour
    gloss: float = 1.0


@dataclass(frozen=True, slots=True)
class Site:
    """Where a roof is drawn: its frame in metres, its footprint, its eaves, its scale."""

    along: Field
    across: Field
    inside_m: Field
    footprint: Footprint
    eave_m: float
    pixel_m: float
    gain_rgb: Field

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and cols of the fine grid."""
        rows, cols = self.along.shape
        return rows, cols


RoofMaker = Callable[[np.random.Generator, Site], Face]

_WALLS: tuple[Colour, ...] = (
    (172, 160, 148),
    (150, 104, 84),
    (190, 184, 172),
    (160, 150, 120),
    (178, 140, 128),
)
_BLUE: tuple[Colour, ...] = ((44, 112, 168), (30, 90, 150), (60, 130, 178), (80, 150, 190))
_RED: tuple[Colour, ...] = ((176, 84, 80), (186, 92, 86), (158, 72, 66), (196, 108, 100))
_GREY: tuple[Colour, ...] = ((150, 154, 156), (168, 172, 174), (132, 134, 134), (186, 190, 192))
_RUSTY: tuple[Colour, ...] = ((136, 116, 104), (122, 108, 102), (146, 132, 124))
_GREEN: tuple[Colour, ...] = ((74, 122, 104), (92, 140, 118))
_TARP: tuple[Colour, ...] = (
    (36, 100, 178),
    (40, 84, 150),
    (206, 206, 204),
    (196, 120, 78),
    (92, 100, 98),
    (60, 130, 100),
)
_BOX: tuple[Colour, ...] = (
    (46, 88, 140),
    (150, 66, 56),
    (176, 178, 178),
    (70, 110, 96),
    (196, 150, 84),
)


def _pick(rng: np.random.Generator, palette: tuple[Colour, ...]) -> Field:
    base = np.array(palette[int(rng.integers(len(palette)))], np.float32)
    return np.asarray(base * rng.normal(1.0, 0.06) + rng.normal(0, 2.5, 3), np.float32)


def _alpha(site: Site) -> Field:
    return np.asarray(np.clip(site.inside_m / np.float32(site.pixel_m) + 0.5, 0, 1), np.float32)


def _toned(colour: Field, tone: Field) -> Field:
    return np.asarray(colour * (1.0 + tone[..., None]), np.float32)


def _speckle(rng: np.random.Generator, site: Site) -> Field:
    """Weathering in which the small scales are as strong as the large ones."""
    return rough_field(rng, site.shape, 1.6 / site.pixel_m, octaves=4, gain=0.95)


def _per_cell(rng: np.random.Generator, values: Field, pitch_m: float, deviation: float) -> Field:
    """Return one random value for each strip of ``pitch_m`` along ``values``."""
    index = np.floor(values / np.float32(pitch_m)).astype(np.int32)
    index -= index.min()
    values_by_index = rng.normal(0, deviation, int(index.max()) + 1).astype(np.float32)
    return np.asarray(values_by_index[index], np.float32)


def _wall(rng: np.random.Generator) -> Colour:
    red, green, blue = _pick(rng, _WALLS)
    return float(red), float(green), float(blue)


def sheet_roof(rng: np.random.Generator, site: Site) -> Face:
    """Corrugated sheet on a gable or a single slope: sheets, ribs, patches, rust, dirt."""
    family = rng.choice(5, p=(0.34, 0.2, 0.26, 0.14, 0.06))
    palette = (_BLUE, _RED, _GREY, _RUSTY, _GREEN)[family]
    colour = np.broadcast_to(_pick(rng, palette), (*site.shape, 3)).copy()
    width = site.footprint.width_m
    gable = site.footprint.notch_m is None and width > 4.0 and rng.random() < 0.6
    pitch = rng.uniform(0.12, 0.32) if gable else rng.uniform(0.04, 0.12)
    if gable:
        slope = np.float32(pitch) * (np.float32(width / 2) - np.abs(site.across))
    else:
        slope = np.float32(pitch) * (site.across + np.float32(width / 2))
    sheet_m, row_m = rng.uniform(0.75, 1.0), rng.uniform(2.6, 5.5)
    shift = float(rng.uniform(0, 3))
    rows = site.across + shift
    patchy = float(rng.uniform(0.6, 2.0 if family in (2, 3) else 1.1))
    tone = patchy * _per_cell(rng, site.along, sheet_m, 0.045)
    tone += patchy * _per_cell(rng, rows, row_m, 0.03)
    # Every sheet of every row differs: hash strip and row together.
    strip = np.floor(site.along / np.float32(sheet_m)).astype(np.int32)
    row = np.floor(rows / np.float32(row_m)).astype(np.int32)
    table = patchy * rng.normal(0, 0.035, 997).astype(np.float32)
    tone += table[(strip * 131 + row * 37) % 997]
    tone += 0.02 * _speckle(rng, site) + 0.04
    joint = np.abs(site.along / np.float32(sheet_m) - np.round(site.along / np.float32(sheet_m)))
    tone -= 0.09 * np.exp(-((joint * np.float32(sheet_m) / 0.06) ** 2))
    near_seam = np.abs(rows / np.float32(row_m) - np.round(rows / np.float32(row_m))) * row_m
    tone -= (
        0.12
        * np.exp(-((near_seam / 0.09) ** 2))
        * np.clip(0.7 + 9.0 * table[strip % 997], 0.2, 1.2)
    )
    ribs = np.sin(site.along * np.float32(2 * np.pi / rng.uniform(0.55, 0.9)))
    tone += 0.035 * np.sign(ribs) * np.abs(ribs) ** 4
    colour = _toned(colour, tone)

    if family in (0, 1) and rng.random() < 0.35 and width > 4:
        lights = (table[(strip * 17 + row * 251) % 997] > 0.075) & (near_seam > 0.25)
        bright = np.array((150, 160, 150), np.float32) + rng.normal(0, 8, 3).astype(np.float32)
        colour[lights] = 0.35 * colour[lights] + 0.65 * bright
    rust_level = {2: 0.5, 3: 1.6}.get(int(family), 0.08)
    rust = rough_field(rng, site.shape, 1.8 / site.pixel_m, octaves=5, gain=0.7)
    rust += 16.0 * table[(strip * 91 + row * 53) % 997]
    amount = np.clip((rust - (2.3 - rust_level)) * 0.6, 0, 0.6)[..., None]
    rusty = np.array((118, 86, 68), np.float32)
    colour = colour * (1 - amount) + rusty * amount
    dust = np.clip(_speckle(rng, site) * 0.05 + rng.uniform(0, 0.12), 0, 0.4)[..., None]
    colour = colour * (1 - dust) + np.array((164, 152, 134), np.float32) * dust
    if rng.random() < 0.4:
        _scatter_on_roof(rng, site, colour, count=int(rng.integers(2, 9)))
    ridge = np.exp(-((site.across / 0.16) ** 2)) if gable else 0.0
    colour = colour * (1.0 + 0.10 * np.asarray(ridge, np.float32)[..., None]) if gable else colour
    return Face(
        colour=np.asarray(colour * site.gain_rgb, np.float32),
        alpha=_alpha(site),
        height_m=np.asarray(site.eave_m + slope, np.float32),
        relief_m=np.asarray(slope + 0.012 * ribs, np.float32),
        wall_rgb=_wall(rng),
        gloss=float(rng.uniform(1.0, 1.4)),
    )


def concrete_roof(rng: np.random.Generator, site: Site) -> Face:
    """Flat concrete with parapet, stains, and what stands on such roofs."""
    base = np.array((152, 145, 133), np.float32) * rng.uniform(0.88, 1.2)
    base += rng.normal(0, 4, 3).astype(np.float32)
    if rng.random() < 0.12:
        base = np.array((168, 104, 90), np.float32) * np.float32(rng.uniform(0.85, 1.1))
    colour = np.broadcast_to(base, (*site.shape, 3)).astype(np.float32)
    stain = _speckle(rng, site)
    tone = 0.05 * stain + 0.03 * rough_field(rng, site.shape, 6.0 / site.pixel_m, octaves=2)
    damp = np.exp(-np.maximum(site.inside_m, 0) / np.float32(rng.uniform(0.3, 0.9)))
    wet = np.clip(rough_field(rng, site.shape, 3.0 / site.pixel_m) + 0.4, 0, 2)
    tone -= 0.13 * damp * wet
    streaks = _per_cell(rng, site.along, 0.9, 0.02) + _per_cell(rng, site.across, 1.3, 0.02)
    tone += streaks
    pool = np.clip(rough_field(rng, site.shape, 3.5 / site.pixel_m) - 1.3, 0, 1)
    tone -= 0.10 * pool
    if rng.random() < 0.4:
        pitch = rng.uniform(2.5, 4.0)
        for values in (site.along, site.across):
            away = np.abs(values / pitch - np.round(values / pitch)) * pitch
            tone -= 0.10 * np.exp(-((away / 0.07) ** 2))
    colour = _toned(colour, np.asarray(tone, np.float32))
    height = np.full(site.shape, site.eave_m, np.float32)
    relief = 0.004 * stain

    wall = _pick(rng, _WALLS)
    if rng.random() < 0.75:
        thick, tall = rng.uniform(0.14, 0.26), rng.uniform(0.45, 1.0)
        rim = (site.inside_m < thick) & (site.inside_m > -0.3)
        height[rim] += tall
        bright = wall * rng.uniform(0.95, 1.12)
        weathered = bright * (1.0 + 0.06 * stain[..., None])
        colour[rim] = weathered[rim]
    _furnish(rng, site, colour, height)
    red, green, blue = wall
    return Face(
        colour=np.asarray(colour * site.gain_rgb, np.float32),
        alpha=_alpha(site),
        height_m=height,
        relief_m=np.asarray(relief, np.float32),
        wall_rgb=(float(red), float(green), float(blue)),
    )


def _scatter_on_roof(rng: np.random.Generator, site: Site, colour: Field, *, count: int) -> None:
    """Bricks, planks and tyres that hold sheets down, and rubbish."""
    a, b = site.footprint.length_m / 2, site.footprint.width_m / 2
    for _ in range(count):
        u, v = rng.uniform(-a, a), rng.uniform(-b, b)
        long, wide = rng.uniform(0.1, 0.6), rng.uniform(0.08, 0.22)
        if rng.random() < 0.5:
            long, wide = wide, long
        there = (np.abs(site.along - u) < long) & (np.abs(site.across - v) < wide)
        colour[there] = rng.choice(np.array(((120, 92, 76), (84, 80, 74), (176, 168, 156))))


def _furnish(rng: np.random.Generator, site: Site, colour: Field, height: Field) -> None:
    """Tanks, stair house, solar heater, pots, washing and rubbish; in place."""
    foot = site.footprint
    a, b = foot.length_m / 2 - 0.5, foot.width_m / 2 - 0.5
    free = site.inside_m > 0.35
    if foot.area_m2 > 45 and rng.random() < 0.6:
        long, wide = rng.uniform(2.6, 5.5), rng.uniform(2.0, 3.0)
        u = float(rng.choice((-1, 1))) * (a - long / 2)
        v = float(rng.choice((-1, 1))) * (b - wide / 2)
        edge = np.minimum(long / 2 - np.abs(site.along - u), wide / 2 - np.abs(site.across - v))
        there = (edge > 0) & (site.inside_m > 0)
        height[there] = site.eave_m + rng.uniform(2.1, 2.7)
        tone = np.array((158, 152, 140), np.float32) * np.float32(rng.uniform(0.85, 1.15))
        if rng.random() < 0.3:
            tone = _pick(rng, (*_BLUE, *_RED))
        stain = rough_field(rng, site.shape, 1.5 / site.pixel_m)
        colour[there] = (tone * (1.0 + 0.06 * stain[..., None]))[there]
        rim = there & (edge < 0.15)
        colour[rim] *= 1.08
    tanks = int(rng.integers(0, 4)) if foot.area_m2 > 25 else int(rng.random() < 0.3)
    for _ in range(tanks):
        u, v, radius = rng.uniform(-a, a), rng.uniform(-b, b), rng.uniform(0.45, 0.75)
        away = np.hypot(site.along - u, site.across - v)
        there = (away < radius) & free
        dome = np.sqrt(np.maximum(0.0, 1.0 - (away / radius) ** 2))
        tall = rng.uniform(1.0, 1.7)
        height[there] = (np.maximum(height, site.eave_m + tall * (0.75 + 0.25 * dome)))[there]
        tone = rng.choice(
            np.array(((34, 36, 38), (42, 128, 92), (150, 156, 160), (38, 40, 42), (60, 96, 140)))
        )
        colour[there] = (tone * (0.75 + 0.4 * dome[..., None]))[there]
    if foot.area_m2 > 35 and rng.random() < 0.4:
        u, v = rng.uniform(-a, a), rng.uniform(-b, b)
        there = (np.abs(site.along - u) < 1.0) & (np.abs(site.across - v) < 0.7) & free
        height[there] = site.eave_m + 0.9 + 0.3 * (site.across - v)[there]
        colour[there] = (38, 46, 62)
    for _ in range(int(rng.integers(3, 6 + int(foot.area_m2 / 6)))):
        near_rim = rng.random() < 0.6
        u, v = rng.uniform(-a, a), rng.uniform(-b, b)
        if near_rim:
            if rng.random() < 0.5:
                v = float(rng.choice((-1, 1))) * b * rng.uniform(0.86, 0.97)
            else:
                u = float(rng.choice((-1, 1))) * a * rng.uniform(0.9, 0.98)
        long, wide = rng.uniform(0.12, 0.7), rng.uniform(0.1, 0.3)
        if rng.random() < 0.5:
            long, wide = wide, long
        there = (np.abs(site.along - u) < long) & (np.abs(site.across - v) < wide) & free
        height[there] += rng.uniform(0.0, 0.5)
        tones = ((70, 90, 52), (96, 88, 78), (186, 180, 172), (150, 92, 76), (60, 58, 56))
        tone = np.array(tones[int(rng.integers(len(tones)))], np.float32)
        if rng.random() < 0.12:
            tone = rng.uniform(50, 200, 3).astype(np.float32)
        colour[there] = tone


def tile_roof(rng: np.random.Generator, site: Site) -> Face:
    """Fired tiles on a gable or hip."""
    half = np.float32(site.footprint.width_m / 2)
    pitch = np.float32(rng.uniform(0.3, 0.5))
    rise = half - np.abs(site.across)
    if rng.random() < 0.4:
        rise = np.minimum(rise, np.float32(site.footprint.length_m / 2) - np.abs(site.along))
    slope = pitch * rise
    base = _pick(rng, ((142, 96, 78), (126, 88, 76), (156, 108, 86)))
    courses = np.sin(site.across * np.float32(2 * np.pi / 0.34))
    tone = 0.05 * courses + 0.09 * rough_field(
        rng, site.shape, 3.0 / site.pixel_m, octaves=6, gain=0.75
    )
    return Face(
        colour=np.asarray(_toned(base, np.asarray(tone, np.float32)) * site.gain_rgb, np.float32),
        alpha=_alpha(site),
        height_m=np.asarray(site.eave_m + slope, np.float32),
        relief_m=np.asarray(slope, np.float32),
        wall_rgb=_wall(rng),
    )


def tarpaulin(rng: np.random.Generator, site: Site) -> Face:
    """A sheet of cloth or plastic over poles: sags, wrinkles, ragged edge."""
    base = _pick(rng, _TARP)
    sag = 0.5 * blur(np.abs(rough_field(rng, site.shape, 3.5 / site.pixel_m)), 0.3 / site.pixel_m)
    wrinkles = smooth_field(rng, site.shape, 0.9 / site.pixel_m)
    tone = 0.05 * _speckle(rng, site)
    ragged = site.inside_m + 0.10 * smooth_field(rng, site.shape, 1.5 / site.pixel_m)
    half = np.float32(site.footprint.width_m / 2)
    slope = np.float32(rng.uniform(0.05, 0.3)) * (half - np.abs(site.across))
    return Face(
        colour=np.asarray(_toned(base, np.asarray(tone, np.float32)) * site.gain_rgb, np.float32),
        alpha=np.clip(ragged / np.float32(site.pixel_m) + 0.5, 0.0, 1.0),
        height_m=np.asarray(site.eave_m + slope - 0.1 * sag, np.float32),
        relief_m=np.asarray(slope - 0.1 * sag + 0.015 * wrinkles, np.float32),
        wall_rgb=(90.0, 88.0, 84.0),
        gloss=1.3,
    )


def container(rng: np.random.Generator, site: Site) -> Face:
    """A shipping or office container: flat, ribbed across, dented, faded."""
    base = _pick(rng, _BOX)
    fade = 0.045 * _speckle(rng, site)
    ribs = np.sin(site.along * np.float32(2 * np.pi / 0.56))
    colour = _toned(base, np.asarray(fade + 0.03 * ribs, np.float32))
    rust = np.clip(rough_field(rng, site.shape, 1.2 / site.pixel_m) - 1.5, 0, 0.6)[..., None]
    colour = colour * (1 - rust) + np.array((112, 82, 66), np.float32) * rust
    rim = site.inside_m < 0.12
    colour[rim] *= 0.85
    red, green, blue = base * 0.9
    return Face(
        colour=np.asarray(colour * site.gain_rgb, np.float32),
        alpha=_alpha(site),
        height_m=np.full(site.shape, site.eave_m, np.float32),
        relief_m=np.asarray(0.01 * ribs, np.float32),
        wall_rgb=(float(red), float(green), float(blue)),
    )
