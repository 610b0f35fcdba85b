"""Rendered objects with alpha, as ``sprites*.jsonl`` lists them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.formats.boxes import BadDataset, LabelledBox

Bgra = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Sprite:
    """One rendered object on a transparent ground, its shadow included.

    Attributes:
        path: PNG file, 8-bit RGBA, straight alpha.
        size_wh: width and height in pixels.
        split: ``train`` or ``test``.
        kind: what was rendered, as ``muck_truck`` or ``vending``.
        parts: labelled objects in it; none for hard negatives.
        load_state: of a muck truck; None for other kinds.
        pitch_deg: how steeply the camera looked down on it.
        px_per_m: pixels a metre at the ground point.
        ground_xy: where its origin touches the ground, in pixels.
        light: ``day``, ``overcast``, ``dusk`` or ``night``.
    """

    path: Path
    size_wh: tuple[int, int]
    split: str
    kind: str
    parts: tuple[LabelledBox, ...]
    load_state: str | None
    pitch_deg: float
    px_per_m: float
    ground_xy: tuple[float, float]
    light: str

    def is_for_validation(self) -> bool:
        """Return whether this sprite of ``train`` is kept for validation: one in eight, by name."""
        name = f"{self.kind}/{self.path.name}"
        return hashlib.sha256(name.encode()).digest()[0] % 8 == 0


def read_sprites(folder: Path) -> list[Sprite]:
    """Read the lists of a folder's sprites: ``sprites*.jsonl``, one for each run that made any.

    Raises:
        BadDataset: no list, or a line that lacks something; names file and line.
    """
    paths = sorted(folder.glob("sprites*.jsonl"))
    if not paths:
        raise BadDataset(f"{folder}: holds no list of sprites (sprites*.jsonl)")
    found = []
    for path in paths:
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise BadDataset(f"{path}: cannot be read: {error}") from error
        for number, line in enumerate(lines, start=1):
            try:
                found.append(_parse(folder, json.loads(line)))
            except (KeyError, TypeError, ValueError) as error:
                raise BadDataset(f"{path}, line {number}: not a sprite: {error!r}") from error
    return found


def _parse(folder: Path, entry: dict[str, object]) -> Sprite:
    def numbers(value: object) -> list[float]:
        if not isinstance(value, list):
            raise TypeError(f"{value!r} is not a list of numbers")
        return [float(number) for number in value]

    parts = entry["parts"]
    light = entry["light"]
    if not isinstance(parts, list) or not isinstance(light, dict):
        raise TypeError("'parts' must be a list and 'light' an object")
    width, height = numbers(entry["size_wh"])
    ground_x, ground_y = numbers(entry["ground_xy"])
    boxes = []
    for part in parts:
        left, top, right, bottom = numbers(part["xyxy"])
        boxes.append(LabelledBox(str(part["label"]), (left, top, right, bottom)))
    state = entry["load_state"]
    return Sprite(
        path=folder / str(entry["file"]),
        size_wh=(int(width), int(height)),
        split=str(entry["split"]),
        kind=str(entry["kind"]),
        parts=tuple(boxes),
        load_state=None if state is None else str(state),
        pitch_deg=float(str(entry["pitch_deg"])),
        px_per_m=float(str(entry["px_per_m"])),
        ground_xy=(ground_x, ground_y),
        light=str(light["kind"]),
    )


def load_bgra(sprite: Sprite) -> Bgra:
    """Read the pixels of a sprite.

    Returns:
        uint8, shape ``(rows, cols, 4)``: blue, green, red, straight alpha.

    Raises:
        BadDataset: no picture, without alpha, or of another size than listed.
    """
    pixels = cv2.imread(str(sprite.path), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.ndim != 3 or pixels.shape[2] != 4 or pixels.dtype != np.uint8:
        raise BadDataset(f"{sprite.path}: not an 8-bit PNG with alpha")
    if (pixels.shape[1], pixels.shape[0]) != sprite.size_wh:
        raise BadDataset(f"{sprite.path}: its size is not the listed one")
    return np.asarray(pixels, np.uint8)
