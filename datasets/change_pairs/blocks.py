"""Blocks of two dates with a label for each pixel, made of one real orthophoto."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from shapely.affinity import scale as scaled
from shapely.geometry import Polygon

from datasets.change_pairs.clutter import scatter
from datasets.change_pairs.collage import Cutout, blob, erase, paste_roof, swept, transformed
from datasets.planting import PlantedObject, PlantOptions, Sun, plant_pair, relight
from datasets.planting.noise import Field
from datasets.planting.placing import Ground
from datasets.planting.scene import Mask, fill_polygons, read_scene

APPEARED, VANISHED, UNKNOWN = 1, 2, 255
"""Labels beside 0: a structure stands there only later, only earlier, or nobody can say."""

# Outlines are good to about half a metre: pixels this near to one teach nothing.
_EDGE_M = 0.45
_PASTES = (6, 16)
_SWAPS = (4, 12)
_ERASED_SHARE = 0.35
_ON_OPEN_GROUND = 0.75


@dataclass(frozen=True, slots=True)
class ChangeBlock:
    """The same ground on two dates, aligned.

    Attributes:
        before: uint8 RGB, ``(rows, cols, 3)``.
        after: same shape.
        label: uint8, ``(rows, cols)``: 0, :data:`APPEARED`, :data:`VANISHED`, :data:`UNKNOWN`.
    """

    before: NDArray[np.uint8]
    after: NDArray[np.uint8]
    label: NDArray[np.uint8]


def planted_block(
    rgb: NDArray[np.uint8],
    *,
    gsd_m: float,
    to_gsd_m: float,
    seed: int,
    buildings: Sequence[Polygon] = (),
    options: PlantOptions | None = None,
) -> ChangeBlock:
    """Plant change into a picture (:mod:`datasets.planting`) and bring it to the working GSD.

    Args:
        rgb: uint8, ``(rows, cols, 3)``.
        gsd_m: its pixel size.
        to_gsd_m: the block's pixel size.
        seed: the same seed gives the same block.
        buildings: outlines in pixels of ``rgb``.
        options: what to plant; drawn from the seed where None.
    """
    rng = np.random.default_rng([seed, 71])
    options = options or _drawn_options(rng)
    pair = plant_pair(rgb, gsd_m=gsd_m, seed=seed, options=options, buildings=buildings)
    factor = gsd_m / to_gsd_m
    size = (round(rgb.shape[1] * factor), round(rgb.shape[0] * factor))
    before = np.asarray(cv2.resize(pair.before_rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
    after = np.asarray(cv2.resize(pair.after_rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
    label = np.zeros((size[1], size[0]), np.uint8)
    for kind, value in (("new_structure", APPEARED), ("removed_structure", VANISHED)):
        outlines = _outlines(pair.truth, kind, factor)
        label[fill_polygons(outlines, (size[1], size[0]))] = value
    return _finished(before, after, label, rng, gsd_m=to_gsd_m)


def rendered_block(
    before: NDArray[np.uint8],
    after: NDArray[np.uint8],
    *,
    appeared: Mask,
    vanished: Mask,
    gsd_m: float,
    seed: int,
) -> ChangeBlock:
    """Make a block of a pair that was rendered with its masks, at the working GSD already."""
    label = np.where(vanished, np.uint8(VANISHED), np.uint8(0))
    label[appeared] = APPEARED
    return _finished(before, after, label, np.random.default_rng([seed, 73]), gsd_m=gsd_m)


def _drawn_options(rng: np.random.Generator) -> PlantOptions:
    return PlantOptions(
        new_structures=12,
        removed_structures=8,
        rooftop_share=0.3,
        light_before=float(rng.uniform(0.2, 1.1)),
        light_after=float(rng.uniform(0.1, 0.6)),
        season_before=float(rng.uniform(-0.6, 0.8)),
        misalign=None,
        with_surfaces=False,
    )


def _outlines(objects: Sequence[PlantedObject], kind: str, factor: float) -> list[Polygon]:
    return [
        scaled(thing.polygon, factor, factor, origin=(0, 0))
        for thing in objects
        if thing.kind == kind
    ]


def collage_block(
    rgb: NDArray[np.uint8],
    *,
    gsd_m: float,
    seed: int,
    roofs: Sequence[Cutout],
    buildings: Sequence[Polygon] = (),
) -> ChangeBlock:
    """Make two dates of one picture: real roofs pasted and erased, ground swapped, other light.

    Vehicles, heaps, trees and small things come and go (:mod:`datasets.change_pairs.clutter`).

    A third of the pictures get no structures at all: only what must not count.

    Args:
        rgb: uint8, ``(rows, cols, 3)``, at the working GSD.
        gsd_m: pixel size.
        seed: the same seed gives the same block.
        roofs: to paste.
        buildings: outlines in pixels of ``rgb``; some of them are erased from one date.
    """
    rng = np.random.default_rng([seed, 72])
    scene = read_scene(rgb, gsd_m=gsd_m, buildings=buildings)
    open_ = Ground.of(scene).open_
    dates = (scene.rgb.copy(), scene.rgb.copy())
    label = np.zeros(scene.shape, np.uint8)
    taken = ~scene.valid
    for _ in range(int(rng.integers(*_SWAPS))):
        _swap_ground(dates[int(rng.integers(2))], open_ & ~taken, rng, gsd_m=gsd_m)
    suns = [
        Sun(float(rng.uniform(0, 360)), float(rng.uniform(38, 68)))
        if rng.random() < 0.3
        else scene.sun
        for _ in dates
    ]
    if rng.random() > 1 / 3:
        for building in buildings:
            if rng.random() < _ERASED_SHARE:
                _erase_building(dates, building, open_, scene.structure, label, taken, rng, gsd_m)
        for _ in range(int(rng.integers(*_PASTES)) if roofs else 0):
            later = int(rng.random() < 0.5)
            roof = transformed(roofs[int(rng.integers(len(roofs)))], rng)
            _place_roof(
                dates[later],
                roof,
                open_,
                label,
                taken,
                rng,
                sun=suns[later],
                value=APPEARED if later else VANISHED,
                gsd_m=gsd_m,
            )
    for date, sun in zip(dates, suns, strict=True):
        scatter(date, scene, open_, taken, rng, sun=sun)
    lit = [
        relight(
            np.clip(date + 0.5, 0, 255).astype(np.uint8),
            seed=int(rng.integers(2**31)),
            strength=float(rng.uniform(0.15, 1.1)),
            gsd_m=gsd_m,
            season=float(rng.uniform(-0.7, 0.8)) if rng.random() < 0.7 else 0.0,
        )
        for date in dates
    ]
    return _finished(lit[0], lit[1], label, rng, gsd_m=gsd_m)


def _swap_ground(picture: Field, open_: Mask, rng: np.random.Generator, *, gsd_m: float) -> None:
    """Turn a patch of ground into other ground: ploughed, cut, flooded, dug, overgrown."""
    area = blob(open_.shape, rng, radius_px=float(np.exp(rng.normal(1.5, 0.6))) / gsd_m)
    area &= open_
    if area.sum() >= 8:
        erase(picture, area, open_, rng, keep=~open_)


def _erase_building(
    dates: tuple[Field, Field],
    building: Polygon,
    open_: Mask,
    structure: Mask,
    label: NDArray[np.uint8],
    taken: Mask,
    rng: np.random.Generator,
    gsd_m: float,
) -> None:
    mask = fill_polygons([building], label.shape)
    if mask.sum() * gsd_m**2 < 10 or taken[mask].any():
        return
    later = int(rng.random() < 0.5)
    # Its shadow and the foot of its walls go with it, its neighbours stay.
    reach = np.ones((3, 3), np.uint8)
    around = cv2.dilate(mask.astype(np.uint8), reach, iterations=round(1.8 / gsd_m))
    keep = structure & ~mask
    # Standing later means that the earlier date is the one without it.
    if erase(dates[1 - later], around > 0, open_, rng, keep=keep):
        label[mask] = APPEARED if later else VANISHED
        taken |= around > 0


def _place_roof(
    picture: Field,
    roof: Cutout,
    open_: Mask,
    label: NDArray[np.uint8],
    taken: Mask,
    rng: np.random.Generator,
    *,
    sun: Sun,
    value: int,
    gsd_m: float,
) -> None:
    high, wide = roof.alpha.shape
    rows, cols = label.shape
    if high >= rows - 2 or wide >= cols - 2 or (roof.alpha > 0.5).sum() * gsd_m**2 < 10:
        return
    need = 0.85 if rng.random() < _ON_OPEN_GROUND else 0.0
    body = roof.alpha > 0.5
    for _ in range(40):
        row, col = int(rng.integers(rows - high)), int(rng.integers(cols - wide))
        part = np.s_[row : row + high, col : col + wide]
        if taken[part][body].any() or open_[part][body].mean() < need:
            continue
        tall = float(rng.uniform(2.3, 4.5) if body.sum() * gsd_m**2 < 45 else rng.uniform(3, 9))
        mask = paste_roof(picture, roof, top_left=(row, col), sun=sun, height_m=tall, gsd_m=gsd_m)
        label[mask] = value
        reach = swept(mask.astype(np.float32), sun, length_px=tall / sun.rise / gsd_m)
        taken |= reach > 0.5
        return


def _finished(
    before: NDArray[np.uint8],
    after: NDArray[np.uint8],
    label: NDArray[np.uint8],
    rng: np.random.Generator,
    *,
    gsd_m: float,
) -> ChangeBlock:
    """Match tones as a comparison does before its cues look, and blank the outlines' own pixels."""
    matched = match_tone(before, after, label == 0, share=float(rng.uniform(0.6, 1.0)))
    out = label.copy()
    side = max(1, round(_EDGE_M / gsd_m))
    kernel = np.ones((2 * side + 1, 2 * side + 1), np.uint8)
    edge = cv2.dilate(label, kernel) != cv2.erode(label, kernel)
    inner = cv2.erode((label > 0).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    out[edge & ~inner] = UNKNOWN
    return ChangeBlock(matched, after, out)


def match_tone(
    before: NDArray[np.uint8], after: NDArray[np.uint8], same: Mask, *, share: float
) -> NDArray[np.uint8]:
    """Bring the earlier picture to the later one's mean and spread of each band.

    Args:
        before: uint8 RGB.
        after: same shape.
        same: bool, the pixels to compare.
        share: 0 leaves it, 1 matches wholly.
    """
    if same.sum() < 100:
        return before
    first, second = before[same].astype(np.float32), after[same].astype(np.float32)
    gain = np.clip(second.std(axis=0) / np.maximum(first.std(axis=0), 1.0), 0.5, 2.0)
    gain = 1 + share * (gain - 1)
    target = first.mean(axis=0) + share * (second.mean(axis=0) - first.mean(axis=0))
    moved = (before.astype(np.float32) - first.mean(axis=0)) * gain + target
    return np.asarray(np.clip(moved + 0.5, 0, 255), np.uint8)
