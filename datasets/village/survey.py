"""Flying the scene: each survey's own grid, georeference error, outline and noise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import cv2
import numpy as np
from affine import Affine
from numpy.typing import ArrayLike, NDArray
from shapely.geometry import Polygon

from datasets.village.canvas import EXTENT_M, Canvas, Date, Floats, Frame
from datasets.village.light import expose
from datasets.village.noise import stream
from datasets.village.scene import photograph

SIZE_M: Final = (360.0, 280.0)
"""East-west and north-south size of a survey's raster."""


@dataclass(frozen=True)
class Georeference:
    """How far a survey's coordinates are off the truth, as tie points would find it.

    Attributes:
        shift_m: East and north.
        turn_deg: Counter-clockwise, about the centre.
        scale: Factor, about the centre.
        bend_m: Amplitude of the smooth local distortion.
        lift_m: Constant height error.
        tilt_per_m: Height error per metre east and north.
    """

    shift_m: tuple[float, float] = (0.0, 0.0)
    turn_deg: float = 0.0
    scale: float = 1.0
    bend_m: float = 0.0
    lift_m: float = 0.0
    tilt_per_m: tuple[float, float] = (0.0, 0.0)

    def true_from_survey(self, scene_m: ArrayLike) -> NDArray[np.float64]:
        """Return where (..., 2) survey coordinates (metres from the centre) truly lie."""
        given = np.asarray(scene_m, np.float64)
        moved = (given - self.shift_m) / self.scale
        cos, sin = math.cos(math.radians(self.turn_deg)), math.sin(math.radians(self.turn_deg))
        east = cos * moved[..., 0] + sin * moved[..., 1]
        north = cos * moved[..., 1] - sin * moved[..., 0]
        bend_e = np.sin(east / 41.0 + 0.7) * np.cos(north / 53.0)
        bend_n = np.cos(east / 61.0) * np.sin(north / 37.0 + 1.9)
        return np.stack([east - self.bend_m * bend_e, north - self.bend_m * bend_n], axis=-1)

    def height_error_m(self, scene_m: NDArray[np.float64]) -> Floats:
        """Return the height error at (..., 2) survey coordinates."""
        error: Floats = (
            self.lift_m
            + scene_m[..., 0] * self.tilt_per_m[0]
            + scene_m[..., 1] * self.tilt_per_m[1]
        ).astype(np.float32)
        return error


@dataclass(frozen=True)
class Flight:
    """One survey flight: when, how fine, how well georeferenced."""

    date: Date
    taken_at: datetime
    gsd_m: float
    dsm_gsd_m: float
    georeference: Georeference


FLIGHTS: Final[dict[Date, Flight]] = {
    "before": Flight(
        "before",
        # Without a zone, as TIFF's DateTime tag is: local time at the place.
        datetime(2026, 9, 3, 10, 20),
        0.20,
        0.40,
        Georeference((1.9, -1.4), 0.15, 1.001, 0.3, 0.6, (0.0008, -0.0006)),
    ),
    "after": Flight(
        "after",
        datetime(2026, 10, 24, 14, 40),
        0.18,
        0.40,
        Georeference(),
    ),
}


@dataclass(frozen=True)
class Survey:
    """What a flight delivers, in metres from the scene's centre.

    Attributes:
        flight: The flight.
        rgb: (H, W, 3) uint8.
        mask: (H, W) uint8, 255 where the orthophoto is valid.
        transform: Pixel to metres from the centre.
        dsm: (h, w) float32 metres, NaN outside.
        dsm_transform: The same for the surface model.
        outline: Valid area.
    """

    flight: Flight
    rgb: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    transform: Affine
    dsm: Floats
    dsm_transform: Affine
    outline: Polygon


def outline(seed: int, date: Date) -> Polygon:
    """Return the ragged valid area of a survey, in metres from the centre."""
    rng = stream(seed, f"outline@{date}")
    half_e, half_n = SIZE_M[0] / 2, SIZE_M[1] / 2
    corners = [(-half_e, -half_n), (half_e, -half_n), (half_e, half_n), (-half_e, half_n)]
    cut_corners = rng.uniform(6.0, 22.0, 4)
    ring: list[tuple[float, float]] = []
    for index, corner in enumerate(corners):
        after = corners[(index + 1) % 4]
        length = math.dist(corner, after)
        way = ((after[0] - corner[0]) / length, (after[1] - corner[1]) / length)
        inward = (-way[1], way[0])
        at, depth = float(cut_corners[index]), float(rng.uniform(2.0, 5.0))
        while at < length - float(cut_corners[(index + 1) % 4]):
            ring.append(
                (
                    corner[0] + way[0] * at + inward[0] * depth,
                    corner[1] + way[1] * at + inward[1] * depth,
                )
            )
            at += float(rng.uniform(2.0, 14.0))
            depth = float(np.clip(depth + rng.normal(0, 1.4), 0.8, 7.0))
    return Polygon(ring).buffer(0)


def fly(canvas: Canvas, *, scale: float = 1.0) -> Survey:
    """Return the survey of a painted scene.

    Args:
        canvas: The scene on the flight's date.
        scale: Makes all ground sample distances that much coarser, for quick sketches.
    """
    flight = FLIGHTS[canvas.date]
    picture, surface = photograph(canvas)
    edge = outline(canvas.seed, canvas.date)
    rng = stream(canvas.seed, f"flight@{canvas.date}")
    gsd_m, dsm_gsd_m = flight.gsd_m * scale, flight.dsm_gsd_m * scale

    cell_m = canvas.frame.cell_m
    soft = cv2.GaussianBlur(picture, (0, 0), max(0.42 * gsd_m / cell_m, 0.3))
    transform, metres = _grid(gsd_m)
    rgb = _sample(soft.astype(np.float32), flight, metres, canvas.frame)
    shot: NDArray[np.uint8] = np.rint(expose(rgb, rng)).astype(np.uint8)
    mask = _mask(edge, transform, shot.shape[:2])
    shot[mask == 0] = 0

    dsm_transform, dsm_metres = _grid(dsm_gsd_m)
    dsm = _sample(surface, flight, dsm_metres, canvas.frame)
    dsm += flight.georeference.height_error_m(dsm_metres)
    lumps = canvas.bank.window("mid", (dsm.shape[0], dsm.shape[1]), rng)
    dsm += 0.022 * lumps + 0.03 * rng.standard_normal(dsm.shape, dtype=np.float32)
    dsm = np.round(dsm, 2).astype(np.float32)
    dsm[_mask(edge, dsm_transform, dsm.shape) == 0] = np.nan
    return Survey(flight, shot, mask, transform, dsm, dsm_transform, edge)


def _grid(gsd_m: float) -> tuple[Affine, NDArray[np.float64]]:
    """Return a survey grid's transform and its (h, w, 2) pixel centres in survey metres."""
    cols, rows = math.ceil(SIZE_M[0] / gsd_m - 1e-9), math.ceil(SIZE_M[1] / gsd_m - 1e-9)
    transform = Affine(gsd_m, 0, -SIZE_M[0] / 2, 0, -gsd_m, SIZE_M[1] / 2)
    east = -SIZE_M[0] / 2 + (np.arange(cols) + 0.5) * gsd_m
    north = SIZE_M[1] / 2 - (np.arange(rows) + 0.5) * gsd_m
    return transform, np.stack(np.meshgrid(east, north), axis=-1)


def _sample(image: Floats, flight: Flight, metres: NDArray[np.float64], frame: Frame) -> Floats:
    """Return an image of the true frame as it lies in a survey's coordinates."""
    true = flight.georeference.true_from_survey(metres)
    map_x = ((true[..., 0] + EXTENT_M[0] / 2) / frame.cell_m - 0.5).astype(np.float32)
    map_y = ((EXTENT_M[1] / 2 - true[..., 1]) / frame.cell_m - 0.5).astype(np.float32)
    sampled = cv2.remap(
        image, map_x, map_y, interpolation=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return sampled.astype(np.float32, copy=False)


def _mask(edge: Polygon, transform: Affine, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return 255 inside a polygon given in metres from the centre."""
    inverse = ~transform
    ring = np.array([inverse @ point for point in edge.exterior.coords]) - 0.5
    mask = np.zeros((shape[0], shape[1]), np.uint8)
    cv2.fillPoly(mask, [np.rint(ring * 16).astype(np.int32)], 255, shift=4)
    return mask
