"""What a part of a picture looks like, as a short vector that two frames can be compared by.

No learned model: it has to tell whether the thing at one place is still the same thing, which is a
question about form and colour at a fixed place and view. It costs well under a millisecond.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.camera.events import Box, Descriptor

PATCH_PX = 32
"""Side of the square that every patch is brought to."""
FORM_CELLS = 8
"""Cells along each side in which brightness is compared."""
EDGE_CELLS = 4
"""Cells along each side in which the directions of edges are counted."""
DIRECTIONS = 8
"""Directions of edges, over half a turn: a dark edge on light is the same as light on dark."""
COLOUR_CELLS = 2
COLOUR_RANGE = 32.0
"""Chroma, in CIELAB units, at which the colour's vote is full."""
FORM_WEIGHT, EDGE_WEIGHT, COLOUR_WEIGHT = 0.35, 0.35, 0.3
_EDGE_CELL_OF_PIXEL = np.add.outer(
    np.arange(PATCH_PX) * EDGE_CELLS // PATCH_PX * EDGE_CELLS,
    np.arange(PATCH_PX) * EDGE_CELLS // PATCH_PX,
)
_LEAST_CONTRAST = 4.0
"""Of CIELAB lightness (0 to 255): what is flatter than this is noise, and is not stretched."""
_LEAST_EDGES = 150.0
"""The same for the votes of edges: below it lies the grain of a picture without any."""


def describe(rgb: NDArray[np.uint8], box_xyxy: Box) -> Descriptor:
    """Describe what is inside a box.

    Three parts: brightness on a coarse grid with its mean and spread taken out (so that exposure
    and dusk change little), the directions of edges on a coarser one, and colour in four quarters
    (which fades to nothing at night instead of turning into something else).

    Args:
        rgb: The frame, uint8 (H, W, 3).
        box_xyxy: Shares of the frame; what lies outside the frame is left out.

    Returns:
        float32 (214,), of unit length.
    """
    lab = cv2.cvtColor(_patch(rgb, box_xyxy), cv2.COLOR_RGB2LAB).astype(np.float32)
    lightness = np.asarray(cv2.GaussianBlur(lab[..., 0], (3, 3), 0), np.float32)
    parts = (
        (FORM_WEIGHT, _form(lightness)),
        (EDGE_WEIGHT, _edges(lightness)),
        (COLOUR_WEIGHT, _colour(lab[..., 1:] - 128)),
    )
    return np.concatenate([np.float32(weight**0.5) * part for weight, part in parts])


def similarity(a: Descriptor, b: Descriptor) -> float:
    """Say how alike two descriptors are: 0 nothing in common, 1 the same."""
    return float(np.clip(np.dot(a, b), 0.0, 1.0))


def _patch(rgb: NDArray[np.uint8], box_xyxy: Box) -> NDArray[np.uint8]:
    height, width = rgb.shape[:2]
    left = int(np.clip(np.floor(box_xyxy[0] * width), 0, width - 1))
    top = int(np.clip(np.floor(box_xyxy[1] * height), 0, height - 1))
    right = int(np.clip(np.ceil(box_xyxy[2] * width), left + 1, width))
    bottom = int(np.clip(np.ceil(box_xyxy[3] * height), top + 1, height))
    patch = cv2.resize(
        rgb[top:bottom, left:right], (PATCH_PX, PATCH_PX), interpolation=cv2.INTER_AREA
    )
    return np.asarray(patch, np.uint8)


def _cells(plane: NDArray[np.float32], cells: int) -> NDArray[np.float32]:
    """Means of a square plane over a grid, float32 (cells, cells)."""
    return np.asarray(cv2.resize(plane, (cells, cells), interpolation=cv2.INTER_AREA), np.float32)


def _unit(values: NDArray[np.float32], full: float) -> NDArray[np.float32]:
    """Bring to unit length; what lacks strength for that is made up by one more value.

    Without it, what is flat would have no form, and would be judged by its colour alone.
    """
    flat = values.ravel()
    strength = float(np.linalg.norm(flat))
    scaled = flat / max(strength, full)
    rest = max(0.0, 1.0 - float(scaled @ scaled)) ** 0.5
    return np.append(scaled, rest).astype(np.float32)


def _form(lightness: NDArray[np.float32]) -> NDArray[np.float32]:
    grid = _cells(lightness, FORM_CELLS)
    return _unit(grid - grid.mean(), _LEAST_CONTRAST * FORM_CELLS)


def _edges(lightness: NDArray[np.float32]) -> NDArray[np.float32]:
    along_x = cv2.Sobel(lightness, cv2.CV_32F, 1, 0, ksize=3)
    along_y = cv2.Sobel(lightness, cv2.CV_32F, 0, 1, ksize=3)
    # The root keeps one strong edge, a roof against the sky, from drowning all others.
    strength = np.sqrt(np.hypot(along_x, along_y))
    place = (np.arctan2(along_y, along_x) % np.pi) / np.pi * DIRECTIONS
    lower = np.floor(place)
    upper_share = place - lower
    bins = EDGE_CELLS * EDGE_CELLS * DIRECTIONS
    counted = np.zeros(bins)
    # Each edge votes for the two directions it lies between.
    for step, share in ((0, 1 - upper_share), (1, upper_share)):
        index = _EDGE_CELL_OF_PIXEL * DIRECTIONS + (lower.astype(np.intp) + step) % DIRECTIONS
        counted += np.bincount(index.ravel(), (share * strength).ravel(), bins)
    by_cell = counted.reshape(-1, DIRECTIONS)
    # What all patches have in common says nothing: the mean over directions is taken out.
    by_cell = by_cell - by_cell.mean(axis=1, keepdims=True)
    return _unit(by_cell.astype(np.float32), _LEAST_EDGES)


def _colour(chroma: NDArray[np.float32]) -> NDArray[np.float32]:
    """Red, green, yellow and blue shares with grey as the rest, in each quarter."""
    red_green, yellow_blue = (np.clip(chroma[..., i] / COLOUR_RANGE, -1, 1) for i in range(2))
    grey = np.clip(1 - np.hypot(red_green, yellow_blue), 0, 1)
    planes = (
        np.maximum(red_green, 0),
        np.maximum(-red_green, 0),
        np.maximum(yellow_blue, 0),
        np.maximum(-yellow_blue, 0),
        # A grey thing and a grey road share their greyness; it must not count for much.
        0.5 * grey,
    )
    grids = [_cells(plane.astype(np.float32), COLOUR_CELLS) for plane in planes]
    shares = np.stack(grids).ravel()
    return np.asarray(shares / np.linalg.norm(shares), np.float32)
