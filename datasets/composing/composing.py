"""Pasting placed sprites into a frame, and labelling what can still be seen of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.composing.frame import Bgr, Frame, Mask
from datasets.composing.look import FrameLook, match_look
from datasets.composing.placing import Placing
from datasets.composing.sprites import load_bgra
from datasets.formats.boxes import LabelledBox, Xyxy
from datasets.planting.noise import blur

Field = NDArray[np.float32]

# Cast shadows in the renders are at most half opaque; what is above belongs to an object.
_SOLID = 0.6
_LEAST_SHARE, _LEAST_PX = 0.30, 8.0
# Pixels of a real edge are mixtures: about one pixel wide.
_FEATHER_PX = 0.5
# Few light paths leave speckles in the renders, which only making them smaller averages away.
_NOISY_ZOOM = 0.5


@dataclass(frozen=True, slots=True)
class SeenTruck:
    """A muck truck that can be seen in a composed frame.

    Attributes:
        xyxy: its visible box in pixels.
        state: its load state.
    """

    xyxy: Xyxy
    state: str


@dataclass(frozen=True, slots=True, eq=False)
class Composed:
    """A frame with sprites in it.

    Attributes:
        pixels: uint8, shape ``(rows, cols, 3)``, blue first.
        boxes: the frame's own labels and those of the sprites, as far as visible.
        trucks: muck trucks among them whose load state is known.
    """

    pixels: Bgr
    boxes: tuple[LabelledBox, ...]
    trucks: tuple[SeenTruck, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Pasted:
    placing: Placing
    solid: Mask
    left: int
    top: int


def compose(
    frame: Frame, look: FrameLook, placings: Sequence[Placing], rng: np.random.Generator
) -> Composed:
    """Paste sprites into a frame.

    Args:
        frame: real frame.
        look: how its camera renders.
        placings: from far to near, as :func:`datasets.composing.placing.choose_placings` gives.
        rng: source of randomness.
    """
    pixels = frame.pixels.astype(np.float32)
    pasted = [_paste(pixels, placing, look, rng) for placing in placings]
    boxes = list(frame.boxes)
    trucks = []
    covered = np.zeros(pixels.shape[:2], np.bool_)
    for item in reversed([item for item in pasted if item is not None]):
        for part in item.placing.sprite.parts:
            seen = _visible(item.placing.to_frame(part.xyxy), item, covered)
            if seen is None:
                continue
            boxes.append(LabelledBox(part.label, seen))
            state = item.placing.sprite.load_state
            if part.label == "muck_truck" and state is not None:
                trucks.append(SeenTruck(seen, state))
        rows, cols = item.solid.shape
        covered[item.top : item.top + rows, item.left : item.left + cols] |= item.solid
    return Composed(np.clip(np.rint(pixels), 0, 255).astype(np.uint8), tuple(boxes), tuple(trucks))


def _paste(
    pixels: Field, placing: Placing, look: FrameLook, rng: np.random.Generator
) -> _Pasted | None:
    """Blend one sprite into ``pixels`` in place; None where none of it is inside."""
    colour, alpha = _scaled(placing)
    rows, cols = pixels.shape[:2]
    x, y = placing.origin_xy
    left, top = max(0, x), max(0, y)
    right, bottom = min(cols, x + alpha.shape[1]), min(rows, y + alpha.shape[0])
    if right <= left or bottom <= top:
        return None
    inside = np.s_[top - y : bottom - y, left - x : right - x]
    solid = alpha[inside] > _SOLID
    around = look.lightness[top:bottom, left:right]
    matched = match_look(
        colour[inside],
        alpha[inside],
        look=look,
        light=placing.sprite.light,
        around=float(around[solid].mean() if solid.any() else around.mean()),
        rng=rng,
    )
    weight = blur(alpha, _FEATHER_PX)[inside][:, :, None]
    part = pixels[top:bottom, left:right]
    part += (matched.astype(np.float32) - part) * weight
    return _Pasted(placing, solid, left, top)


def _scaled(placing: Placing) -> tuple[Bgr, Field]:
    """Return colour and alpha (0–1) of a sprite at its size in the frame."""
    bgra = load_bgra(placing.sprite)
    if placing.mirrored:
        bgra = bgra[:, ::-1]
    layers = bgra.astype(np.float32)
    if placing.zoom > _NOISY_ZOOM:
        calm = cv2.bilateralFilter(np.ascontiguousarray(bgra[:, :, :3]), 5, 35.0, 1.5)
        layers[:, :, :3] = calm
    layers[:, :, :3] *= layers[:, :, 3:] / 255.0
    width, height = placing.sprite.size_wh
    size = (max(1, round(width * placing.zoom)), max(1, round(height * placing.zoom)))
    how = cv2.INTER_AREA if placing.zoom < 1 else cv2.INTER_LINEAR
    layers = np.asarray(cv2.resize(layers, size, interpolation=how), np.float32)
    # The feathered edge reaches past the sprite: it takes the colour of the pixels beside it.
    wide = blur(layers, 1.0)
    source = np.where(layers[:, :, 3:] > 12.0, layers, wide)
    colour = source[:, :, :3] * 255.0 / np.maximum(source[:, :, 3:], 1.0)
    return np.clip(np.rint(colour), 0, 255).astype(np.uint8), layers[:, :, 3] / np.float32(255)


def _visible(xyxy: Xyxy, item: _Pasted, covered: Mask) -> Xyxy | None:
    """Return the box of what can be seen of a part; None where that is too little."""
    rows, cols = covered.shape
    left, top = max(0.0, xyxy[0]), max(0.0, xyxy[1])
    right, bottom = min(float(cols), xyxy[2]), min(float(rows), xyxy[3])
    if right - left < _LEAST_PX or bottom - top < _LEAST_PX:
        return None
    share = (right - left) * (bottom - top) / ((xyxy[2] - xyxy[0]) * (xyxy[3] - xyxy[1]))
    mine = np.zeros((rows, cols), np.bool_)
    mine[item.top : item.top + item.solid.shape[0], item.left : item.left + item.solid.shape[1]] = (
        item.solid
    )
    x, y = int(left), int(top)
    mine = mine[y : int(np.ceil(bottom)), x : int(np.ceil(right))]
    seen = mine & ~covered[y : y + mine.shape[0], x : x + mine.shape[1]]
    whole, shown = int(mine.sum()), int(seen.sum())
    if whole == 0 or share * shown / whole < _LEAST_SHARE:
        return None
    if shown < whole:
        across, down = np.flatnonzero(seen.any(axis=0)), np.flatnonzero(seen.any(axis=1))
        left, right = max(left, float(x + across[0])), min(right, float(x + across[-1] + 1))
        top, bottom = max(top, float(y + down[0])), min(bottom, float(y + down[-1] + 1))
        if right - left < _LEAST_PX or bottom - top < _LEAST_PX:
            return None
    return left, top, right, bottom
