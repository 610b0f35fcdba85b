"""Connected regions of a mask that is seen one window at a time.

Windows come one by one; regions that cross from one to the next are joined afterwards along the
windows' edges. What is kept is small: each region's own pixels as bits, and sums of its features.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import cv2
import numpy as np
from affine import Affine
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from vision.survey.grid import Grid, Window
from vision.survey.outline import simple_outline

_OUTLINE_PIXELS = 4_000_000


@dataclass(frozen=True, slots=True)
class Region:
    """A connected region of grid pixels.

    Attributes:
        window: its bounding box on the grid.
        mask: bool, the window's shape.
        pixels: how many pixels it holds.
        means: mean of each feature over its pixels.
    """

    window: Window
    mask: NDArray[np.bool_]
    pixels: int
    means: dict[str, float]


@dataclass(slots=True)
class _Piece:
    window: Window
    bits: NDArray[np.uint8]
    pixels: int
    sums: NDArray[np.float64]

    def mask(self) -> NDArray[np.bool_]:
        flat = np.unpackbits(self.bits, count=self.window.height * self.window.width)
        return flat.reshape(self.window.height, self.window.width).astype(np.bool_)


@dataclass(slots=True)
class RegionCollector:
    """Collects the pieces of regions window by window.

    Attributes:
        features: names of the features that are averaged over each region.
        min_pixels: smaller regions are dropped.
    """

    features: tuple[str, ...]
    min_pixels: int
    _pieces: dict[int, _Piece] = field(default_factory=dict)
    _rows: dict[tuple[int, int], NDArray[np.int64]] = field(default_factory=dict)
    _cols: dict[tuple[int, int], NDArray[np.int64]] = field(default_factory=dict)
    _parent: dict[int, int] = field(default_factory=dict)
    _next: int = 1

    def add(
        self,
        window: Window,
        mask: NDArray[np.bool_],
        features: Mapping[str, NDArray[np.float32]],
    ) -> None:
        """Add one window; windows must tile the grid without overlap.

        Args:
            window: where the window lies on the grid.
            mask: bool, the window's shape.
            features: float32 arrays of the same shape, one for each name in ``self.features``.
        """
        count, labels, stats, _ = cv2.connectedComponentsWithStats(
            mask.astype(np.uint8), connectivity=4, ltype=cv2.CV_32S
        )
        ids = np.zeros(count, np.int64)
        sums = np.zeros((len(self.features), count), np.float64)
        if self.features:
            # Only what lies in a region is summed: mostly that is little of the window.
            inside = np.flatnonzero(mask)
            flat = labels.ravel()[inside]
            for index, name in enumerate(self.features):
                values = features[name].ravel()[inside]
                sums[index] = np.bincount(flat, values, minlength=count)
        for label in range(1, count):
            col, row, width, height, pixels = (int(v) for v in stats[label])
            at_edge = (
                row == 0 or col == 0 or row + height == window.height or col + width == window.width
            )
            if pixels < self.min_pixels and not at_edge:
                continue
            own = labels[row : row + height, col : col + width] == label
            place = Window(window.row + row, window.col + col, height, width)
            ids[label] = self._next
            self._pieces[self._next] = _Piece(
                place, np.packbits(own.ravel()), pixels, sums[:, label].copy()
            )
            self._next += 1
        bottom, right = window.row + window.height, window.col + window.width
        # Keyed by the line between two windows, so that either side may come first.
        self._meet(self._rows, (window.row, window.col), ids[labels[0]])
        self._meet(self._rows, (bottom, window.col), ids[labels[-1]])
        self._meet(self._cols, (window.row, window.col), ids[labels[:, 0]])
        self._meet(self._cols, (window.row, right), ids[labels[:, -1]])

    def _meet(
        self,
        lines: dict[tuple[int, int], NDArray[np.int64]],
        key: tuple[int, int],
        ids: NDArray[np.int64],
    ) -> None:
        other = lines.pop(key, None)
        if other is None:
            lines[key] = ids
            return
        touching = (ids > 0) & (other > 0)
        pairs = {(int(a), int(b)) for a, b in zip(ids[touching], other[touching], strict=True)}
        for a, b in pairs:
            root_a, root_b = self._root(a), self._root(b)
            if root_a != root_b:
                self._parent[max(root_a, root_b)] = min(root_a, root_b)

    def _root(self, piece: int) -> int:
        while piece in self._parent:
            parent = self._parent[piece]
            self._parent[piece] = self._parent.get(parent, parent)
            piece = parent
        return piece

    def regions(self) -> Iterator[Region]:
        """Yield the joined regions, from top to bottom, then left to right."""
        groups: dict[int, list[_Piece]] = {}
        for number, piece in self._pieces.items():
            groups.setdefault(self._root(number), []).append(piece)
        ordered = sorted(
            groups.values(),
            key=lambda g: (min(p.window.row for p in g), min(p.window.col for p in g)),
        )
        for pieces in ordered:
            pixels = sum(piece.pixels for piece in pieces)
            if pixels >= self.min_pixels:
                yield self._join(pieces, pixels)

    def _join(self, pieces: list[_Piece], pixels: int) -> Region:
        row = min(p.window.row for p in pieces)
        col = min(p.window.col for p in pieces)
        bottom = max(p.window.row + p.window.height for p in pieces)
        right = max(p.window.col + p.window.width for p in pieces)
        mask = np.zeros((bottom - row, right - col), np.bool_)
        for piece in pieces:
            top, left = piece.window.row - row, piece.window.col - col
            mask[top : top + piece.window.height, left : left + piece.window.width] |= piece.mask()
        total = np.sum([piece.sums for piece in pieces], axis=0) / pixels
        means = {name: float(total[i]) for i, name in enumerate(self.features)}
        return Region(Window(row, col, bottom - row, right - col), mask, pixels, means)


def region_outline(region: Region, grid: Grid, *, tolerance_m: float) -> BaseGeometry:
    """Return a region's outline in map coordinates; very large regions at a coarser step."""
    mask, transform = region.mask, grid.window_transform(region.window)
    factor = 1
    while mask.size // factor**2 > _OUTLINE_PIXELS:
        factor *= 2
    if factor > 1:
        size = (max(1, mask.shape[1] // factor), max(1, mask.shape[0] // factor))
        part = cv2.resize(mask.astype(np.uint8) * 255, size, interpolation=cv2.INTER_AREA)
        transform = transform @ Affine.scale(mask.shape[1] / size[0], mask.shape[0] / size[1])
        mask = np.asarray(part >= 128)
    return simple_outline(mask, transform, tolerance_m=tolerance_m, min_hole_m2=10.0)
