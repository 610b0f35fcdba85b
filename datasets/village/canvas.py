"""The drawing surface: ground colour, height and material on one grid, painted in metres.

Parts of the scene are laid out in *layout* metres: ``u`` runs along the village's main road,
``v`` across it. The layout is turned against north, because villages do not follow the grid of a
map. *Scene* metres are east and north of the scene's centre.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property
from typing import Any, Final, Literal

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray
from shapely import affinity
from shapely.geometry import Polygon, box
from shapely.geometry.base import BaseGeometry

from datasets.village.noise import Band, NoiseBank, stream

Date = Literal["before", "after"]
Colour = tuple[float, float, float]
Floats = NDArray[np.float32]
AnyFloats = NDArray[np.floating[Any]]

EXTENT_M: Final = (392.0, 312.0)
"""East-west and north-south size of what is drawn; the surveys see about 360 m by 280 m of it."""
CENTRE_UV: Final = (178.0, 151.0)
TURN_DEG: Final = 8.0


class Material(IntEnum):
    """What the ground is made of, for the truth."""

    GRASS = 0
    SOIL = 1
    CROP = 2
    TREE = 3
    WATER = 4
    PAVED = 5
    STRUCTURE = 6
    VEHICLE = 7
    NET = 8


@dataclass(frozen=True)
class Frame:
    """Where the grid lies: ``cell_m`` metres a cell, row 0 in the north."""

    cell_m: float

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the grid."""
        return (round(EXTENT_M[1] / self.cell_m), round(EXTENT_M[0] / self.cell_m))

    def scene_from_layout(self, uv: ArrayLike) -> NDArray[np.float64]:
        """Return (N, 2) scene metres (east, north of the centre) of (N, 2) layout metres."""
        du, dv = (np.asarray(uv, np.float64) - CENTRE_UV).T
        cos, sin = math.cos(math.radians(TURN_DEG)), math.sin(math.radians(TURN_DEG))
        return np.stack([cos * du - sin * dv, sin * du + cos * dv], axis=1)

    def grid_from_layout(self, uv: ArrayLike) -> NDArray[np.float64]:
        """Return (N, 2) fractional (column, row), pixel centres at whole numbers."""
        east, north = self.scene_from_layout(uv).T
        return np.stack(
            [
                (east + EXTENT_M[0] / 2) / self.cell_m - 0.5,
                (EXTENT_M[1] / 2 - north) / self.cell_m - 0.5,
            ],
            axis=1,
        )

    def layout_of_cells(self, rows: slice, cols: slice) -> tuple[Floats, Floats]:
        """Return the layout coordinates u and v (float32 arrays) of a window's cell centres."""
        east = ((np.arange(cols.start, cols.stop) + 0.5) * self.cell_m - EXTENT_M[0] / 2)[None, :]
        north = (EXTENT_M[1] / 2 - (np.arange(rows.start, rows.stop) + 0.5) * self.cell_m)[:, None]
        cos, sin = math.cos(math.radians(TURN_DEG)), math.sin(math.radians(TURN_DEG))
        u = cos * east + sin * north + CENTRE_UV[0]
        v = -sin * east + cos * north + CENTRE_UV[1]
        return u.astype(np.float32), v.astype(np.float32)


@dataclass(frozen=True)
class Rect:
    """A rectangle in layout metres: centre, width along its own p axis, depth along q, turn."""

    u: float
    v: float
    width: float
    depth: float
    angle_deg: float = 0.0

    @property
    def polygon(self) -> Polygon:
        """The rectangle as a polygon."""
        half_w, half_d = self.width / 2, self.depth / 2
        return affinity.translate(
            affinity.rotate(box(-half_w, -half_d, half_w, half_d), self.angle_deg, origin=(0, 0)),
            self.u,
            self.v,
        )

    def part(
        self, p: float, q: float, width: float, depth: float, *, turn_deg: float = 0.0
    ) -> Rect:
        """Return a rectangle placed in this one's own axes, (p, q) from its centre."""
        cos, sin = math.cos(math.radians(self.angle_deg)), math.sin(math.radians(self.angle_deg))
        return Rect(
            self.u + cos * p - sin * q,
            self.v + sin * p + cos * q,
            width,
            depth,
            self.angle_deg + turn_deg,
        )

    def grown(self, margin: float) -> Rect:
        """Return the rectangle with ``margin`` metres added on every side."""
        return Rect(
            self.u, self.v, self.width + 2 * margin, self.depth + 2 * margin, self.angle_deg
        )


@dataclass
class Canvas:
    """Colour, height and material of the scene on one date.

    Attributes:
        albedo: (H, W, 3) float32, surface colour as sRGB 0 to 1 in flat, full sunlight.
        height: (H, W) float32 metres, top of everything.
        terrain: (H, W) float32 metres, the bare ground.
        material: (H, W) uint8 of `Material`.
    """

    seed: int
    date: Date
    frame: Frame
    bank: NoiseBank
    albedo: Floats = field(init=False)
    height: Floats = field(init=False)
    terrain: Floats = field(init=False)
    material: NDArray[np.uint8] = field(init=False)

    def __post_init__(self) -> None:
        """Start with an empty ground."""
        self.albedo = np.zeros((*self.frame.shape, 3), np.float32)
        self.height = np.zeros(self.frame.shape, np.float32)
        self.terrain = np.zeros(self.frame.shape, np.float32)
        self.material = np.zeros(self.frame.shape, np.uint8)

    def rng(self, name: str, *, dated: bool = False) -> np.random.Generator:
        """Return the random stream of a part; ``dated`` streams differ between the surveys."""
        return stream(self.seed, f"{name}@{self.date}" if dated else name)

    def whole(self) -> Patch:
        """Return a patch over the whole scene."""
        rows, cols = self.frame.shape
        return Patch(self, slice(0, rows), slice(0, cols), np.ones((rows, cols), np.float32))

    def patch(self, shape: BaseGeometry | Rect) -> Patch | None:
        """Return the patch a (multi)polygon covers, soft-edged; None where it is out of sight."""
        polygon = shape.polygon if isinstance(shape, Rect) else shape
        parts = [part for part in getattr(polygon, "geoms", [polygon]) if isinstance(part, Polygon)]
        rings = [
            self.frame.grid_from_layout(np.asarray(ring.coords)[:, :2])
            for part in parts
            if not part.is_empty
            for ring in (part.exterior, *part.interiors)
        ]
        if not rings:
            return None
        corners = np.concatenate(rings)
        rows_n, cols_n = self.frame.shape
        col_0, row_0 = np.maximum(np.floor(corners.min(0)).astype(int) - 1, 0)
        col_1, row_1 = np.minimum(np.ceil(corners.max(0)).astype(int) + 2, (cols_n, rows_n))
        if col_0 >= col_1 or row_0 >= row_1:
            return None
        mask = np.zeros((row_1 - row_0, col_1 - col_0), np.uint8)
        fixed = [np.rint((ring - (col_0, row_0)) * 16).astype(np.int32) for ring in rings]
        cv2.fillPoly(mask, fixed, 255, lineType=cv2.LINE_AA, shift=4)
        alpha = mask.astype(np.float32) / 255.0
        return Patch(self, slice(int(row_0), int(row_1)), slice(int(col_0), int(col_1)), alpha)


@dataclass
class Patch:
    """A window of a canvas with a coverage ``alpha`` (h, w) float32 in 0 to 1."""

    canvas: Canvas
    rows: slice
    cols: slice
    alpha: Floats

    @cached_property
    def uv(self) -> tuple[Floats, Floats]:
        """Layout coordinates of the cells."""
        return self.canvas.frame.layout_of_cells(self.rows, self.cols)

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Cells at least half covered."""
        inside: NDArray[np.bool_] = self.alpha >= 0.5
        return inside

    @property
    def albedo(self) -> Floats:
        """View on the canvas colour."""
        return self.canvas.albedo[self.rows, self.cols]

    @property
    def height(self) -> Floats:
        """View on the canvas height."""
        return self.canvas.height[self.rows, self.cols]

    @property
    def terrain(self) -> Floats:
        """View on the bare ground."""
        return self.canvas.terrain[self.rows, self.cols]

    def axes(self, u: float, v: float, angle_deg: float) -> tuple[Floats, Floats]:
        """Return the cells' coordinates p and q in axes at (u, v) turned by ``angle_deg``."""
        cos, sin = math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg))
        du, dv = self.uv[0] - np.float32(u), self.uv[1] - np.float32(v)
        return (
            (du * cos + dv * sin).astype(np.float32),
            (dv * cos - du * sin).astype(np.float32),
        )

    def noise(self, band: Band, rng: np.random.Generator) -> Floats:
        """Return noise for the window."""
        return self.canvas.bank.window(band, (self.alpha.shape[0], self.alpha.shape[1]), rng)

    def ground_m(self) -> float:
        """Return the median ground height under the patch."""
        inside = self.inside
        return float(np.median(self.terrain[inside])) if inside.any() else 0.0

    def tint(self, colour: Colour | AnyFloats, opacity: float | AnyFloats = 1.0) -> None:
        """Blend a colour (0-255 triple, or an (h, w, 3) array in 0 to 1) over the patch."""
        value = shade(colour) if isinstance(colour, tuple) else colour
        weight = (self.alpha * opacity)[..., None]
        view = self.albedo
        view += (value - view) * weight

    def modulate(self, factor: Floats, strength: float | Floats = 1.0) -> None:
        """Multiply the colour by ``1 + factor * strength`` where the patch lies."""
        view = self.albedo
        view *= (1.0 + factor * (self.alpha * strength))[..., None]
        np.clip(view, 0.0, 1.0, out=view)

    def lift(self, top_m: float | Floats) -> None:
        """Set the absolute height."""
        np.copyto(
            self.height, np.broadcast_to(np.float32(top_m), self.alpha.shape), where=self.inside
        )

    def mark(self, material: Material) -> None:
        """Set the material."""
        self.canvas.material[self.rows, self.cols][self.inside] = material


def shade(colour: Colour) -> Floats:
    """Return a 0-255 colour as a float32 triple in 0 to 1."""
    return np.asarray(colour, np.float32) / 255.0


def mix(first: Colour | AnyFloats, second: Colour | AnyFloats, weight: AnyFloats) -> Floats:
    """Return an (h, w, 3) blend of two colours; ``weight`` (h, w) is the share of the second."""
    one = shade(first) if isinstance(first, tuple) else first
    two = shade(second) if isinstance(second, tuple) else second
    share = np.clip(weight, 0.0, 1.0)[..., None]
    blended: Floats = (one * (1.0 - share) + two * share).astype(np.float32)
    return blended


def step(low: float, high: float, value: AnyFloats) -> Floats:
    """Return a smooth step from 0 at ``low`` to 1 at ``high``."""
    part = np.clip((value - low) / (high - low), 0.0, 1.0)
    stepped: Floats = (part * part * (3.0 - 2.0 * part)).astype(np.float32)
    return stepped
