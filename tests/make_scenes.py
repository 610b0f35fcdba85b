"""Small made-up ground for tests: paving, grass, earth, and things that stand on it, with heights.

A scene is drawn twice, once for each survey; the texture of every surface depends on its kind and
place alone, so what is not drawn differently looks the same in both but for sensor noise.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from shapely.geometry import Polygon, mapping
from shapely.geometry.base import BaseGeometry
from shapely.ops import transform as move_shape

from tests.make_rasters import EAST_M, GROUND_CRS, NORTH_M, write_bands
from vision.survey.assessed import Assessed
from vision.survey.candidates import Candidate, candidate_masks
from vision.survey.change import PairWindow, change_layers, smooth_colour_distance
from vision.survey.comparison import CompareOptions
from vision.survey.grid import Grid
from vision.survey.landcover import LandCover, classify
from vision.survey.structures import assess

GSD_M = 0.25
SIDE_PX = 320
Box = tuple[float, float, float, float]
"""``(left, top, right, bottom)`` in metres from the scene's upper left corner."""

GRASS, PAVING, EARTH = (84, 112, 62), (128, 126, 122), (172, 138, 104)
RIPE = (110, 128, 80)
RED_ROOF, BLUE_ROOF, WHITE_ROOF = (166, 70, 56), (58, 96, 168), (214, 212, 206)
GREY_ROOF, NET = (150, 148, 146), (70, 128, 96)
_ROUGH = {GRASS: 9.0, PAVING: 5.0, EARTH: 5.0, NET: 3.0, RIPE: 9.0}


@lru_cache(maxsize=32)
def texture(seed: int, shape: tuple[int, int], sigma_px: float) -> NDArray[np.float32]:
    """Smooth noise of deviation 1."""
    noise = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), sigma_px)
    return np.asarray((smooth - smooth.mean()) / smooth.std(), np.float32)


@dataclass
class Scene:
    """One date of a piece of ground.

    Attributes:
        rgb: float32, shape ``(rows, cols, 3)``, 0 to 255.
        height_m: float32, shape ``(rows, cols)``.
    """

    side_px: int = SIDE_PX
    gsd_m: float = GSD_M
    seed: int = 1
    rgb: NDArray[np.float32] = field(init=False)
    height_m: NDArray[np.float32] = field(init=False)

    def __post_init__(self) -> None:
        shape = (self.side_px, self.side_px)
        self.rgb = np.zeros((*shape, 3), np.float32)
        slope = np.linspace(0, 1.5, self.side_px, dtype=np.float32)
        self.height_m = 20 + slope[None, :] + 0.5 * slope[:, None]
        self.surface(np.ones(shape, bool), PAVING)
        # What stays: joints, stains and kerbs that two dates can be matched by.
        for number in range(3):
            stain = texture(self.seed * 50 + number, shape, 6.0 + 4 * number)
            self.rgb += (7 * stain)[..., None]

    def mask(self, box: Box, *, turn_deg: float = 0.0) -> NDArray[np.bool_]:
        """Pixels whose centre lies in a box, turned about its middle."""
        left, top, right, bottom = box
        y, x = (np.mgrid[: self.side_px, : self.side_px] + 0.5) * self.gsd_m
        dx, dy = x - (left + right) / 2, y - (top + bottom) / 2
        a = math.radians(turn_deg)
        u, v = dx * math.cos(a) + dy * math.sin(a), dy * math.cos(a) - dx * math.sin(a)
        return np.asarray((np.abs(u) < (right - left) / 2) & (np.abs(v) < (bottom - top) / 2))

    def disc(self, x_m: float, y_m: float, radius_m: float) -> NDArray[np.bool_]:
        """Pixels within a radius."""
        return self._distance(x_m, y_m) < radius_m

    def _distance(self, x_m: float, y_m: float) -> NDArray[np.float64]:
        y, x = (np.mgrid[: self.side_px, : self.side_px] + 0.5) * self.gsd_m
        return np.asarray(np.hypot(x - x_m, y - y_m))

    def surface(self, where: NDArray[np.bool_], colour: tuple[int, int, int]) -> None:
        """Cover ground; its texture depends on the colour and the place alone."""
        fine = texture(self.seed * 1000 + sum(colour), where.shape, 0.9)
        coarse = texture(self.seed * 1000 + sum(colour) + 1, where.shape, 4.0)
        rough = _ROUGH.get(colour, 2.0)
        look = np.asarray(colour, np.float32) + (rough * (0.7 * fine + 0.7 * coarse))[..., None]
        self.rgb[where] = look[where]

    def field(self, box: Box, colour: tuple[int, int, int], *, turn_deg: float = 0.0) -> None:
        """Cover a box of ground."""
        self.surface(self.mask(box, turn_deg=turn_deg), colour)

    def block(
        self,
        box: Box,
        height_m: float,
        colour: tuple[int, int, int],
        *,
        turn_deg: float = 0.0,
        shadow: bool = True,
    ) -> None:
        """Put a box with a flat top; it stands ``height_m`` above what is there."""
        where = self.mask(box, turn_deg=turn_deg)
        if not where.any():  # beyond a small scene
            return
        if shadow:
            self.shade(where, height_m)
        self.surface(where, colour)
        self.height_m[where] = float(self.height_m[where].mean()) + height_m

    def shade(self, where: NDArray[np.bool_], height_m: float) -> None:
        """Cast a thing's shadow to the north-west."""
        reach = round(0.6 * height_m / self.gsd_m)
        cast = np.zeros_like(where)
        for step in range(1, reach + 1):
            cast |= np.roll(where, (-step, -step), (0, 1))
        cast &= ~where
        self.rgb[cast] *= np.array([0.27, 0.29, 0.33], np.float32)

    def tree(self, x_m: float, y_m: float, radius_m: float, height_m: float) -> None:
        """Put a crown: round, green, lumpy."""
        where = self.disc(x_m, y_m, radius_m)
        lumps = texture(self.seed + 77, where.shape, 1.6)
        self.surface(where, GRASS)
        self.rgb[where] += np.array([-14, -4, -14], np.float32) + (14 * lumps)[where][:, None]
        share = np.sqrt(np.clip(1 - (self._distance(x_m, y_m) / radius_m) ** 2, 0, 1))
        crown = height_m * (0.4 + 0.6 * share) + 0.6 * lumps
        self.height_m[where] += crown[where].astype(np.float32)

    def cone(self, x_m: float, y_m: float, radius_m: float, height_m: float) -> None:
        """Put a heap of earth."""
        where = self.disc(x_m, y_m, radius_m)
        self.surface(where, EARTH)
        rise = height_m * np.clip(1 - self._distance(x_m, y_m) / radius_m, 0, 1)
        self.height_m[where] += rise[where].astype(np.float32)

    def furrows(self, box: Box, *, spacing_m: float = 0.75, turn_deg: float = 20.0) -> None:
        """Plough: rows of light and dark, all one way."""
        where = self.mask(box)
        self.surface(where, EARTH)
        y, x = (np.mgrid[: self.side_px, : self.side_px] + 0.5) * self.gsd_m
        a = math.radians(turn_deg)
        rows = 16 * np.sin(2 * math.pi * (x * math.cos(a) + y * math.sin(a)) / spacing_m)
        self.rgb[where] += rows[where].astype(np.float32)[:, None]

    @property
    def picture(self) -> NDArray[np.uint8]:
        """The colours as a sensor without noise sees them."""
        return np.asarray(np.clip(np.rint(self.rgb), 0, 255), np.uint8)

    def noisy(self, seed: int, *, sigma: float = 1.5) -> NDArray[np.uint8]:
        """The colours with sensor noise."""
        noise = np.random.default_rng(seed).normal(0, sigma, self.rgb.shape)
        return np.asarray(np.clip(np.rint(self.rgb + noise), 0, 255), np.uint8)

    @property
    def grid(self) -> Grid:
        """The scene's pixels on the map."""
        half = self.side_px * self.gsd_m / 2
        return Grid(
            GROUND_CRS, EAST_M - half, NORTH_M + half, self.gsd_m, self.side_px, self.side_px
        )

    def outline(self, box: Box, *, turn_deg: float = 0.0) -> Polygon:
        """A box in map coordinates."""
        left, top, right, bottom = box
        mid_x, mid_y = (left + right) / 2, (top + bottom) / 2
        a = math.radians(turn_deg)
        grid = self.grid
        corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
        return Polygon(
            (
                grid.x0_m + mid_x + (x - mid_x) * math.cos(a) - (y - mid_y) * math.sin(a),
                grid.y0_m - mid_y - (x - mid_x) * math.sin(a) - (y - mid_y) * math.cos(a),
            )
            for x, y in corners
        )

    def write(
        self,
        path: Path,
        *,
        noise_seed: int,
        taken: str | None = None,
        hidden: NDArray[np.bool_] | None = None,
        transform: Affine | None = None,
        **profile: Any,
    ) -> Path:
        """Write the orthophoto; ``hidden`` is marked as no data."""
        bands = np.moveaxis(self.noisy(noise_seed), -1, 0)
        write_bands(
            path,
            np.ascontiguousarray(bands),
            transform=transform or self.grid.transform,
            mask=None if hidden is None else ~hidden,
            **profile,
        )
        if taken is not None:
            _stamp(path, taken)
        return path

    def write_dsm(
        self,
        path: Path,
        *,
        noise_seed: int,
        offset_m: float = 0.0,
        transform: Affine | None = None,
        **profile: Any,
    ) -> Path:
        """Write the surface model."""
        noise = np.random.default_rng(noise_seed).normal(0, 0.03, self.height_m.shape)
        heights = (self.height_m + noise + offset_m).astype(np.float32)
        write_bands(
            path,
            heights[None],
            transform=transform or self.grid.transform,
            nodata=-9999.0,
            **profile,
        )
        return path


def _stamp(path: Path, taken: str) -> None:
    import rasterio

    with rasterio.open(path, "r+") as target:
        target.update_tags(TIFFTAG_DATETIME=taken)


@dataclass(frozen=True)
class Surveys:
    """The files of a pair."""

    before: Path
    after: Path
    before_dsm: Path
    after_dsm: Path

    @property
    def dsms(self) -> dict[str, Path]:
        """The surface models as :func:`vision.survey.compare.compare` takes them."""
        return {"before_dsm": self.before_dsm, "after_dsm": self.after_dsm}


def write_pair(folder: Path, before: Scene, after: Scene) -> Surveys:
    """Write both dates of a scene, orthophotos and surface models."""
    folder.mkdir(parents=True, exist_ok=True)
    return Surveys(
        before.write(folder / "before.tif", noise_seed=11, taken="2026:09:03 10:20:00"),
        after.write(folder / "after.tif", noise_seed=12, taken="2026:10:24 14:40:00"),
        before.write_dsm(folder / "before_dsm.tif", noise_seed=13),
        after.write_dsm(folder / "after_dsm.tif", noise_seed=14, offset_m=0.7),
    )


def village(*, side_px: int = SIDE_PX, seed: int = 1) -> Scene:
    """Ground on which nothing happened yet: a lawn, an earth yard, two houses, a tree."""
    scene = Scene(side_px=side_px, seed=seed)
    scene.field((4, 4, 36, 34), GRASS)
    scene.field((52, 60, 66, 74), EARTH)
    scene.block((44, 6, 56, 16), 4.0, GREY_ROOF)
    scene.block((62, 20, 72, 28), 3.2, RED_ROOF)
    scene.tree(14, 52, 2.6, 5.0)
    return scene


def pair_window(
    before: Scene | NDArray[np.uint8],
    after: Scene | NDArray[np.uint8],
    *,
    gsd_m: float = GSD_M,
    heights: bool = False,
    valid: NDArray[np.bool_] | None = None,
) -> PairWindow:
    """Both dates of a scene as the cues see them, already aligned."""
    first = before.noisy(21) if isinstance(before, Scene) else before
    second = after.noisy(22) if isinstance(after, Scene) else after
    distance = smooth_colour_distance(first, second, gsd_m=gsd_m)
    with_heights = heights and isinstance(before, Scene) and isinstance(after, Scene)
    return PairWindow(
        before=first,
        after=second,
        valid=np.ones(first.shape[:2], bool) if valid is None else valid,
        before_m=before.height_m.copy() if with_heights else None,
        after_m=after.height_m.copy() if with_heights else None,
        cover_before=classify(first, gsd_m=gsd_m),
        cover_after=classify(second, gsd_m=gsd_m),
        gsd_m=gsd_m,
        colour_noise=float(np.percentile(distance, 70)),
        height_noise_m=0.03,
    )


def assessed(
    before: Scene,
    after: Scene,
    *,
    heights: bool,
    options: CompareOptions | None = None,
    candidates: Sequence[Candidate] = (
        Candidate.RAISED,
        Candidate.LOWERED,
        Candidate.RESURFACED,
    ),
) -> list[Assessed]:
    """Every candidate of a scene as it is judged, best first, without files or alignment."""
    options = options or CompareOptions()
    pair = pair_window(before, after, heights=heights)
    layers = change_layers(pair, min_height_m=options.min_height_m)
    found = []
    for candidate, mask in candidate_masks(pair, layers).items():
        if candidate not in candidates:
            continue
        count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
        for label in range(1, count):
            item = assess(
                candidate,
                np.asarray(labels == label),
                pair,
                layers,
                transform=after.grid.transform,
                options=options,
            )
            if item is not None:
                found.append(item)
    return sorted(found, key=lambda item: -item.score)


def bare_cover(shape: tuple[int, int], **classes: NDArray[np.float32]) -> LandCover:
    """Ground cover with the given classes and nothing else."""
    zero = np.zeros(shape, np.float32)
    names = ("soil", "vegetation", "shadow", "net", "water")
    return LandCover(**{name: classes.get(name, zero) for name in names})


def to_lonlat(geometry: BaseGeometry) -> BaseGeometry:
    """From the scene's CRS to WGS-84."""
    return move_shape(
        Transformer.from_crs(GROUND_CRS, CRS.from_epsg(4326), always_xy=True).transform, geometry
    )


def to_ground(geometry: BaseGeometry) -> BaseGeometry:
    """From WGS-84 to the scene's CRS."""
    return move_shape(
        Transformer.from_crs(CRS.from_epsg(4326), GROUND_CRS, always_xy=True).transform, geometry
    )


def write_polygons(path: Path, rows: Sequence[tuple[BaseGeometry, dict[str, Any]]]) -> Path:
    """Write polygons of the scene's CRS with their fields as GeoJSON."""
    features = [
        {"type": "Feature", "geometry": mapping(to_lonlat(shape)), "properties": fields}
        for shape, fields in rows
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path
