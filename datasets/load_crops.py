"""Pictures of muck trucks in known load states: rendered trucks put into real road pictures.

What differs between a render and a camera is varied widely: size, light, colour cast, blur, noise,
compression, what stands in front, and how well the detector's box fits.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.classes import LOAD_STATES
from datasets.composing.sprites import Sprite, load_bgra
from datasets.kept_out import KEPT_OUT

Picture = NDArray[np.uint8]
Floats = NDArray[np.float32]
_BACKGROUND_SETS = ("mixed_traffic", "topview_vehicle")
_BACKGROUND_PX = 1280
# Longer side of a truck's box in a frame, pixels: from far off to where a crop is made smaller
# for the network anyhow.
_BOX_PX = (48.0, 230.0)
# Blur in a street camera's picture, pixels; of small boxes at most this share of the box.
_BLUR_PX = (0.3, 1.2)
_BLUR_SHARE = 0.011
_BOX_JITTER = 0.06
_STRETCH = 0.07
_TILT_DEG = 2.5
_DARKEST = 0.22
"""Trucks are not lit for less than this mean, 0–1: nobody could tell their load."""
_ROOM = 0.25
"""Background kept around a truck, in shares of its box: more than the margin of any crop."""


@dataclass(frozen=True, eq=False)
class LoadExample:
    """A picture with one vehicle whose load state is known.

    Attributes:
        picture_rgb: uint8 (H, W, 3).
        box_xyxy: float32 (4,), the vehicle's box as a detector might draw it, in pixels.
        state: Index into `LOAD_STATES`.
    """

    picture_rgb: Picture
    box_xyxy: Floats
    state: int


@dataclass(frozen=True, eq=False)
class RealCrop:
    """A vehicle in a real picture, judged by eye.

    Attributes:
        picture_rgb: uint8 (H, W, 3), the vehicle and its surroundings.
        box_xyxy: float32 (4,), its box in that picture.
        state: Index into `LOAD_STATES`.
        tipper: Whether it is a muck truck.
    """

    picture_rgb: Picture
    box_xyxy: Floats
    state: int
    tipper: bool


def background_paths(frames: Path) -> list[Path]:
    """List the road pictures that may be backgrounds, by name.

    Args:
        frames: Folder with ``<dataset>/images``.
    """
    return [
        path
        for name in _BACKGROUND_SETS
        for path in sorted((frames / name / "images").iterdir())
        if path.stem not in KEPT_OUT
    ]


def read_backgrounds(paths: Sequence[Path]) -> list[Picture]:
    """Read road pictures, RGB, made smaller to 1280 pixels at most.

    Raises:
        FileNotFoundError: A picture cannot be read.
    """
    return [_read_rgb(path, _BACKGROUND_PX) for path in paths]


def for_validation(path: Path) -> bool:
    """Return whether a background is kept for validation: one in six, by a hash of its name."""
    return hashlib.sha256(path.name.encode()).digest()[0] % 6 == 0


def read_real_crops(table: Path, frames: Path) -> list[RealCrop]:
    """Read the crops judged by eye.

    Args:
        table: CSV as datasets/truck_labels describes it; rows without a load state, and pictures
            that are kept for evaluation, are left out.
        frames: Folder with ``<dataset>/images``.

    Raises:
        FileNotFoundError: A picture is missing.
    """
    crops = []
    with table.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            if not row["load_state"] or row["image"] in KEPT_OUT:
                continue
            picture = _read_rgb(_find(frames / row["dataset"] / "images", row["image"]), 1920)
            height, width = picture.shape[:2]
            shares = np.array([float(row[key]) for key in ("x1", "y1", "x2", "y2")])
            box = (shares * (width, height, width, height)).astype(np.float32)
            state = LOAD_STATES.index(row["load_state"])
            crops.append(_with_room(picture, box, state, row["street_class"] == "muck_truck"))
    return crops


def _find(folder: Path, stem: str) -> Path:
    for suffix in (".jpg", ".jpeg", ".png"):
        if (path := folder / f"{stem}{suffix}").exists():
            return path
    raise FileNotFoundError(f"{folder}: no picture named {stem}")


def _read_rgb(path: Path, longest_px: int) -> Picture:
    pixels = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if pixels is None:
        raise FileNotFoundError(f"{path}: not a picture that can be read")
    share = longest_px / max(pixels.shape[:2])
    if share < 1:
        pixels = cv2.resize(pixels, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), np.uint8)


def _with_room(picture: Picture, box: Floats, state: int, tipper: bool) -> RealCrop:
    height, width = picture.shape[:2]
    room = _ROOM * (box[2:] - box[:2])
    left, top = np.maximum(np.floor(box[:2] - room), 0).astype(int)
    right, bottom = np.minimum(np.ceil(box[2:] + room), (width, height)).astype(int)
    moved = box - np.array([left, top, left, top], np.float32)
    return RealCrop(picture[top:bottom, left:right].copy(), moved, state, tipper)


class LoadExamples:
    """Makes examples from sprites, backgrounds and real crops."""

    def __init__(
        self,
        backgrounds: Sequence[Picture],
        *,
        occluders: Sequence[Sprite],
        stretch: float = _STRETCH,
        recoloured: float = 0.0,
    ) -> None:
        """Set what examples are made of.

        Args:
            backgrounds: Road pictures, RGB.
            occluders: Rendered objects that may stand in front of a truck.
            stretch: Deviation of the logarithm by which width and height of a vehicle vary.
            recoloured: Share of the vehicles whose colours are turned; more colours than designs
                have keep a learner from knowing designs by them.
        """
        self._backgrounds = backgrounds
        self._occluders = occluders
        self._stretch = stretch
        self._recoloured = recoloured
        self._cut: dict[Path, tuple[Picture, NDArray[np.float64]]] = {}

    def composed(self, sprite: Sprite, state: int, rng: np.random.Generator) -> LoadExample:
        """Put a rendered vehicle into a road picture.

        Args:
            sprite: The vehicle; its first labelled part is its box.
            state: Index into `LOAD_STATES`.
            rng: Source of randomness.
        """
        bgra, box = self._cut_out(sprite)
        if rng.random() < 0.5:
            bgra = bgra[:, ::-1]
            box = np.array([bgra.shape[1] - box[2], box[1], bgra.shape[1] - box[0], box[3]])
        longest = float(np.max(box[2:] - box[:2]))
        low, high = _BOX_PX
        wanted = low * (high / low) ** rng.random()
        # Never much larger than rendered: pixels that do not exist look like no camera's.
        scale = min(wanted / longest, 1.3)
        # Trucks differ in proportion more than the designs do, and lenses and roads are not level.
        stretch = np.exp(rng.normal(0, self._stretch, 2)) * scale
        if self._recoloured and rng.random() < self._recoloured:
            bgra = _recoloured(bgra, rng)
        small = _tilted(_scaled(_premultiplied(bgra), stretch), float(rng.normal(0, _TILT_DEG)))
        box = box * np.tile(stretch, 2)
        room = np.ceil(_ROOM * (box[2:] - box[:2])).astype(int)
        origin = np.floor(box[:2]).astype(int) - room
        size = np.ceil(box[2:] - box[:2]).astype(int) + 2 * room
        picture = self._background(size, rng)
        colour, alpha = _lit_like(small, picture, rng)
        _lay_over(picture, colour, alpha, -origin)
        box = (box - np.tile(origin, 2)).astype(np.float32)
        if rng.random() < 0.3:
            self._occlude(picture, box, rng)
        return LoadExample(
            _through_camera(picture, longest * scale, rng), _jittered(box, rng), state
        )

    def varied(self, crop: RealCrop, rng: np.random.Generator) -> LoadExample:
        """Vary a real crop: side, size, light, camera and box."""
        picture, box = crop.picture_rgb, crop.box_xyxy
        if rng.random() < 0.5:
            width = picture.shape[1]
            picture = picture[:, ::-1]
            box = np.array([width - box[2], box[1], width - box[0], box[3]], np.float32)
        longest = float(np.max(box[2:] - box[:2]))
        low, high = _BOX_PX
        scale = min(low * (high / low) ** rng.random() / longest, 1.0)
        small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        stretch = np.array(small.shape[1::-1]) / np.array(picture.shape[1::-1])
        box = (box * np.tile(stretch, 2)).astype(np.float32)
        pixels = np.asarray(small, np.float32) / np.float32(255)
        return LoadExample(
            _through_camera(pixels, longest * scale, rng), _jittered(box, rng), crop.state
        )

    def _cut_out(self, sprite: Sprite) -> tuple[Picture, NDArray[np.float64]]:
        """The sprite with the room around its box, BGRA, and its box in that; read once."""
        if sprite.path not in self._cut:
            box = np.asarray(sprite.parts[0].xyxy, np.float64)
            room = _ROOM * (box[2:] - box[:2])
            left, top = np.maximum(np.floor(box[:2] - room), 0).astype(int)
            right, bottom = np.ceil(box[2:] + room).astype(int)
            cut = load_bgra(sprite)[top:bottom, left:right].copy()
            self._cut[sprite.path] = cut, box - np.array([left, top, left, top])
        return self._cut[sprite.path]

    def _background(self, size_wh: NDArray[np.int64], rng: np.random.Generator) -> Floats:
        """A random part of a road picture, at a random scale, float32 0–1."""
        width, height = (int(value) for value in size_wh)
        source = self._backgrounds[int(rng.integers(len(self._backgrounds)))]
        rows, columns = source.shape[:2]
        zoom = max(float(rng.uniform(0.6, 2.2)), width / columns, height / rows)
        wide, high = min(columns, int(width / zoom)), min(rows, int(height / zoom))
        left = int(rng.integers(0, columns - wide + 1))
        top = int(rng.integers(0, rows - high + 1))
        part = source[top : top + max(high, 1), left : left + max(wide, 1)]
        resized = cv2.resize(part, (width, height), interpolation=cv2.INTER_LINEAR)
        return np.asarray(resized, np.float32) / np.float32(255)

    def _occlude(self, picture: Floats, box: Floats, rng: np.random.Generator) -> None:
        """Hide part of the lower half, where traffic stands in front."""
        size = box[2:] - box[:2]
        wide = float(size[0] * rng.uniform(0.2, 0.6))
        middle = float(box[0] + size[0] * rng.uniform(0.0, 1.0))
        top = float(box[1] + size[1] * rng.uniform(0.6, 0.85))
        if self._occluders and rng.random() < 0.7:
            occluder = self._occluders[int(rng.integers(len(self._occluders)))]
            bgra, part = self._cut_out(occluder)
            scale = wide / float(part[2] - part[0])
            small = _scaled(_premultiplied(bgra), np.array([scale, scale]))
            corner = np.array([middle - wide / 2 - part[0] * scale, top - part[1] * scale])
            colour, alpha = _lit_like(small, picture, rng)
            _lay_over(picture, colour, alpha, np.floor(corner).astype(int))
            return
        bottom = picture.shape[0]
        left, right = max(0, int(middle - wide / 2)), int(middle + wide / 2)
        if right > left and bottom > int(top):
            patch = self._background(np.array([right - left, bottom - int(top)]), rng)
            room = picture[int(top) :, left:right]
            room[:] = patch[:, : room.shape[1]]


def _recoloured(bgra: Picture, rng: np.random.Generator) -> Picture:
    """The vehicle in another hue, more or less of it, as another paint and another earth have."""
    hsv = cv2.cvtColor(np.ascontiguousarray(bgra[..., :3]), cv2.COLOR_BGR2HSV).astype(np.float32)
    hsv[..., 0] = (hsv[..., 0] + rng.uniform(0, 180)) % 180
    hsv[..., 1] *= rng.uniform(0.3, 1.3)
    turned = cv2.cvtColor(np.clip(hsv, 0, 255).astype(np.uint8), cv2.COLOR_HSV2BGR)
    return np.asarray(np.dstack([turned, bgra[..., 3]]), np.uint8)


def _scaled(pixels: Floats, scale_xy: NDArray[np.float64]) -> Floats:
    method = cv2.INTER_AREA if scale_xy.max() < 1 else cv2.INTER_LINEAR
    x, y = (float(value) for value in scale_xy)
    resized = cv2.resize(pixels, None, fx=x, fy=y, interpolation=method)
    return np.asarray(resized, np.float32)


def _tilted(pixels: Floats, degrees: float) -> Floats:
    """Turned by a little around the middle, same size."""
    height, width = pixels.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    return np.asarray(cv2.warpAffine(pixels, turn, (width, height)), np.float32)


def _premultiplied(bgra: Picture) -> Floats:
    """RGBA float32 0–1 with colour times alpha, so that resizing draws no fringe."""
    pixels = bgra[..., [2, 1, 0, 3]].astype(np.float32) / np.float32(255)
    pixels[..., :3] *= pixels[..., 3:]
    return np.asarray(pixels, np.float32)


def _lit_like(sprite: Floats, picture: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Colour (straight) and alpha of a sprite, brought roughly to the light of a picture."""
    alpha = sprite[..., 3:]
    colour = sprite[..., :3] / np.maximum(alpha, 1e-3)
    solid = alpha[..., 0] > 0.6
    if solid.any():
        own = float(colour[solid].mean())
        around = max(float(picture.mean()), _DARKEST)
        # Half-way: trucks are lighter and darker than what surrounds them.
        wanted = 0.5 * own + 0.5 * around
        colour = colour * (wanted / max(own, 0.05)) ** 0.8 * float(rng.uniform(0.75, 1.3))
        contrast = float(rng.uniform(0.75, 1.25))
        middle = float(np.clip(colour[solid].mean(), 0.1, 0.9))
        colour = (colour - middle) * contrast + middle
    colour = colour * rng.uniform(0.93, 1.07, 3).astype(np.float32)
    haze = float(rng.uniform(0, 0.12))
    colour = colour * (1 - haze) + haze * 0.7
    return np.clip(colour, 0, 1).astype(np.float32), alpha


def _lay_over(picture: Floats, colour: Floats, alpha: Floats, corner_xy: NDArray[np.int64]) -> None:
    """Put a sprite over a picture, its upper left corner at a place that may lie outside."""
    rows, columns = picture.shape[:2]
    x, y = (int(value) for value in corner_xy)
    left, top = max(0, x), max(0, y)
    right, bottom = min(columns, x + colour.shape[1]), min(rows, y + colour.shape[0])
    if right <= left or bottom <= top:
        return
    place = np.s_[top:bottom, left:right]
    cut = np.s_[top - y : bottom - y, left - x : right - x]
    picture[place] = picture[place] * (1 - alpha[cut]) + colour[cut] * alpha[cut]


def _through_camera(scene: Floats, box_px: float, rng: np.random.Generator) -> Picture:
    """Blur, light, colour, noise and compression of a street camera."""
    pixels = scene
    if rng.random() < 0.6:
        sigma = min(float(rng.uniform(*_BLUR_PX)), _BLUR_SHARE * box_px)
        pixels = np.asarray(cv2.GaussianBlur(pixels, (0, 0), sigma), np.float32)
    if rng.random() < 0.15:
        smear = _smear(3 + int(rng.integers(0, 5) * min(box_px / 200, 1.0)), rng)
        pixels = np.asarray(cv2.filter2D(pixels, -1, smear), np.float32)
    pixels = np.clip(pixels, 0, 1) ** np.float32(np.exp(rng.normal(0, 0.22)))
    gain = rng.uniform(0.9, 1.1, 3) * rng.uniform(0.75, 1.2)
    pixels = pixels * gain.astype(np.float32)
    grey = pixels.mean(axis=2, keepdims=True)
    pixels = grey + (pixels - grey) * np.float32(rng.uniform(0.2, 1.4))
    if rng.random() < 0.3:
        veil, glare = rng.uniform(0, (0.25, 0.2)).astype(np.float32)
        pixels = pixels * (1 - veil) + glare
    noise = np.float32(rng.uniform(0, 0.03))
    pixels = pixels + rng.standard_normal(pixels.shape, np.float32) * noise
    picture: Picture = np.clip(pixels * 255, 0, 255).astype(np.uint8)
    if rng.random() < 0.7:
        quality = int(rng.integers(25, 92))
        coded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        picture = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
    return picture


def _smear(length: int, rng: np.random.Generator) -> Floats:
    kernel = np.zeros((length, length), np.float32)
    end = length - 1
    lines = (((0, end // 2), (end, end // 2)), ((0, 0), (end, end)), ((0, end), (end, 0)))
    cv2.line(kernel, *lines[int(rng.integers(len(lines)))], (1.0,))
    return np.asarray(kernel / kernel.sum(), np.float32)


def _jittered(box: Floats, rng: np.random.Generator) -> Floats:
    size = np.tile(box[2:] - box[:2], 2)
    return np.asarray(box + size * rng.normal(0, _BOX_JITTER / 2, 4), np.float32)
