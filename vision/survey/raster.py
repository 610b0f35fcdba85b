"""Opening surveys safely and reading windows of them on a common grid.

A survey is opened through :mod:`vision.survey.intake`, which checks all that can be known without
decoding a pixel.
"""

from __future__ import annotations

import hashlib
import math
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import ProjError

from vision.errors import BadRaster
from vision.survey.grid import Bounds, Grid, Window, apply
from vision.survey.intake import RasterInfo, Role, inspect_raster
from vision.survey.limits import RasterLimits
from vision.survey.pyramid import Pyramid

Displacement = Callable[
    [NDArray[np.float64], NDArray[np.float64]], tuple[NDArray[np.float64], NDArray[np.float64]]
]
"""Maps ground coordinates (x, y; metres) to where a survey shows that ground (x, y; metres)."""

_LATTICE_STEP_PX = 32
_BAND_PX = 64
"""Rows that are interpolated at a time; a multiple of the lattice's step."""

_REMAP_PX = 16_384
_PART_PX = 512
_RANGE_SAMPLE_PX = 2_000_000


@dataclass(frozen=True, slots=True)
class Ortho:
    """A window of an orthophoto: pixels, mask, place and CRS together.

    Attributes:
        rgb: uint8, shape ``(rows, cols, 3)``, red first.
        valid: bool, shape ``(rows, cols)``; False where the survey has no data.
        transform: pixel corners ``(col, row)`` to map coordinates.
        crs: the map coordinates' reference system.
    """

    rgb: NDArray[np.uint8]
    valid: NDArray[np.bool_]
    transform: Affine
    crs: CRS


@dataclass(frozen=True, slots=True)
class Surface:
    """A window of a surface model.

    Attributes:
        height_m: float32, shape ``(rows, cols)``; NaN where there is no data.
        transform: pixel corners ``(col, row)`` to map coordinates.
        crs: the map coordinates' reference system.
    """

    height_m: NDArray[np.float32]
    transform: Affine
    crs: CRS


def open_ortho(path: str | Path, *, limits: RasterLimits | None = None) -> SurveyRaster:
    """Open an orthophoto (GeoTIFF, 3 or 4 bands) after checking everything but its pixels.

    Raises:
        BadRaster: the file cannot be used as an orthophoto.
        LimitExceeded: the file is larger than ``limits`` allow.
    """
    return SurveyRaster(
        inspect_raster(Path(path), "orthophoto", limits or RasterLimits()), "orthophoto"
    )


def open_surface(path: str | Path, *, limits: RasterLimits | None = None) -> SurveyRaster:
    """Open a digital surface model (GeoTIFF, 1 band of heights in metres).

    Raises:
        BadRaster: the file cannot be used as a surface model.
        LimitExceeded: the file is larger than ``limits`` allow.
    """
    return SurveyRaster(inspect_raster(Path(path), "DSM", limits or RasterLimits()), "DSM")


@dataclass
class SurveyRaster:
    """An opened survey file that gives windows of itself on any grid; safe to use from threads."""

    info: RasterInfo
    role: Role
    _pyramid: Pyramid = field(init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)
    _stretch: tuple[float, float] | None = field(default=None, init=False, repr=False)
    _file_sha256: str | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        """Prepare reading; the file is opened again when first read."""
        self._pyramid = Pyramid(self.info)

    def close(self) -> None:
        """Close every handle on the file."""
        self._pyramid.close()

    def __enter__(self) -> SurveyRaster:
        """Return self."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self.close()

    def sha256(self) -> str:
        """Return the SHA-256 of the file's bytes, read once."""
        with self._lock:
            if self._file_sha256 is None:
                with self.info.path.open("rb") as stream:
                    self._file_sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
            return self._file_sha256

    def bounds_in(self, crs: CRS) -> Bounds:
        """Return the file's outer bounds in another CRS.

        Raises:
            BadRaster: the file's coordinates cannot be expressed in ``crs``.
        """
        info = self.info
        steps = np.linspace(0.0, 1.0, 9)
        edge = [(s, e) for s in steps for e in (0.0, 1.0)]
        points = np.array(edge + [(e, s) for s, e in edge])
        x, y = apply(info.transform, points[:, 0] * info.width, points[:, 1] * info.height)
        if info.crs != crs:
            try:
                x, y = Transformer.from_crs(info.crs, crs, always_xy=True).transform(x, y)
            except ProjError as error:  # pragma: no cover - depends on the PROJ database
                raise BadRaster(
                    f"{info.path}: no way from {info.crs.name} to {crs.name}: {error}"
                ) from error
        if not (np.isfinite(x).all() and np.isfinite(y).all()):
            raise BadRaster(
                f"{info.path}: its coordinates do not lie where {info.crs.name} is defined. "
                "Check the coordinate reference system that the file names."
            )
        return float(np.min(x)), float(np.min(y)), float(np.max(x)), float(np.max(y))

    def read_ortho(
        self, grid: Grid, window: Window, *, displacement: Displacement | None = None
    ) -> Ortho:
        """Read a window of the grid from an orthophoto.

        Args:
            grid: the working grid.
            window: the part wanted; may reach outside the grid and the survey.
            displacement: where this survey shows the ground; None where it is georeferenced right.

        Raises:
            BadRaster: the file's pixels cannot be decoded.
        """
        values, valid = self._sample(grid, window, displacement)
        if values.dtype != np.uint8:
            low, high = self._value_range()
            scaled = (values - np.float32(low)) * np.float32(255.0 / (high - low)) + np.float32(0.5)
            values = np.clip(scaled, 0, 255).astype(np.uint8)
        if not valid.all():
            values = np.asarray(cv2.bitwise_and(values, values, mask=valid.view(np.uint8)))
        return Ortho(values, valid, grid.window_transform(window), grid.crs)

    def read_surface(
        self, grid: Grid, window: Window, *, displacement: Displacement | None = None
    ) -> Surface:
        """Read a window of the grid from a surface model; see :meth:`read_ortho`.

        Raises:
            BadRaster: the file's pixels cannot be decoded.
        """
        height_m, valid = self._sample(grid, window, displacement)
        if not valid.all():
            height_m[~valid] = np.nan
        return Surface(height_m, grid.window_transform(window), grid.crs)

    def has_data(self) -> bool:
        """Tell whether any pixel holds data; quick unless none does and there are no overviews.

        Raises:
            BadRaster: the file's pixels cannot be decoded.
        """
        if not self.info.has_mask and self.info.dtype == "uint8":
            return True
        return any(valid is None or bool(valid.any()) for _, valid in self._survey_parts())

    def _survey_parts(self) -> Iterator[tuple[NDArray[Any], NDArray[np.bool_] | None]]:
        """Yield windows of the smallest stored picture: some spread over it, then all the others.

        Its overviews may have been made without regard to data, so where the smallest shows none,
        no other will.
        """
        level = self._pyramid.coarsest()
        size = _PART_PX
        across, down = math.ceil(level.width / size), math.ceil(level.height / size)
        numbers = range(across * down)
        # A step that shares no factor with the count visits every window once, far apart first.
        step = max(1, int(len(numbers) * 0.618))
        while math.gcd(step, len(numbers)) > 1:
            step += 1
        for number in numbers:
            row, col = divmod(number * step % len(numbers), across)
            yield self._pyramid.read(
                level,
                left=col * size,
                top=row * size,
                right=min((col + 1) * size, level.width),
                bottom=min((row + 1) * size, level.height),
            )

    def _value_range(self) -> tuple[float, float]:
        """Values that become 0 and 255: 8-bit numbers stay, others are stretched by percentile."""
        with self._lock:
            if self._stretch is None:
                self._stretch = self._measured_range()
            return self._stretch

    def _measured_range(self) -> tuple[float, float]:
        samples, count = [], 0
        for values, valid in self._survey_parts():
            seen = values.reshape(-1, 3) if valid is None else values[valid]
            samples.append(seen[:: max(1, len(seen) // 4096)])
            count += len(seen)
            if count >= _RANGE_SAMPLE_PX:
                break
        inside = np.concatenate(samples)
        if inside.size == 0:
            raise BadRaster(
                f"{self.info.path}: every pixel is marked as no data. Export the survey again with "
                "its data, or mend its nodata value or alpha band."
            )
        low, high = (float(v) for v in np.percentile(inside, (0.5, 99.5)))
        least, most = float(inside.min()), float(inside.max())
        if self.info.dtype.startswith("float") and least >= 0 and most <= 1:
            return 0.0, 1.0
        if least >= 0 and most <= 255:
            return 0.0, 255.0
        return (low, high) if high > low else (low, low + 1.0)

    def _sample(
        self, grid: Grid, window: Window, displacement: Displacement | None
    ) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Values at the window's pixel centres, as :meth:`Pyramid.read` gives them, and a mask."""
        info = self.info
        shape = (window.height, window.width)
        depth = (3,) if self.role == "orthophoto" else ()
        dtype = np.uint8 if info.dtype == "uint8" else np.float32
        nothing = np.zeros((*shape, *depth), dtype), np.zeros(shape, np.bool_)
        if min(shape) <= 0:
            return nothing
        if max(shape) > _REMAP_PX:
            return self._sample_in_parts(grid, window, displacement)

        level = self._pyramid.level(grid.gsd_m)
        col, row = _source_coordinates(grid, window, info, displacement)
        # Source coordinates count from pixel corners, interpolation from pixel centres.
        x, y = col / level.scale_x - 0.5, row / level.scale_y - 0.5
        left, right = max(0, math.floor(x.min())), min(level.width, math.ceil(x.max()) + 2)
        top, bottom = max(0, math.floor(y.min())), min(level.height, math.ceil(y.max()) + 2)
        if right <= left or bottom <= top:
            return nothing
        if max(right - left, bottom - top) > _REMAP_PX:
            if max(shape) > 1:
                return self._sample_in_parts(grid, window, displacement)
            return nothing
        values, mask = self._pyramid.read(level, left=left, top=top, right=right, bottom=bottom)
        cover = None if mask is None else mask.view(np.uint8) * np.uint8(255)
        sampled, covered = _interpolated(values, cover, x - left, y - top, shape)
        valid = np.ones(shape, np.bool_) if covered is None else covered == 255
        # All of the window may lie inside the survey: then there is nothing more to look at.
        reaches = (x.min(), y.min(), level.width - 1 - x.max(), level.height - 1 - y.max())
        if min(reaches) < 0:
            dense_x = _dense(_across(x, shape[1]), 0, shape[0])
            dense_y = _dense(_across(y, shape[1]), 0, shape[0])
            valid &= (dense_x >= -0.5) & (dense_x < level.width - 0.5)
            valid &= (dense_y >= -0.5) & (dense_y < level.height - 0.5)
        return sampled, valid

    def _sample_in_parts(
        self, grid: Grid, window: Window, displacement: Displacement | None
    ) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        # OpenCV addresses pixels of a picture with 16 bits.
        tall = window.height >= window.width
        half = (window.height if tall else window.width) // 2
        parts = (
            (
                Window(window.row, window.col, half, window.width),
                Window(window.row + half, window.col, window.height - half, window.width),
            )
            if tall
            else (
                Window(window.row, window.col, window.height, half),
                Window(window.row, window.col + half, window.height, window.width - half),
            )
        )
        first, second = (self._sample(grid, part, displacement) for part in parts)
        axis = 0 if tall else 1
        return np.concatenate((first[0], second[0]), axis), np.concatenate(
            (first[1], second[1]), axis
        )


def _interpolated(
    values: NDArray[Any],
    cover: NDArray[np.uint8] | None,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    shape: tuple[int, int],
) -> tuple[NDArray[Any], NDArray[np.uint8] | None]:
    """Bilinear values, and cover, at positions given by a lattice (see :func:`_dense`)."""
    rows, cols = shape
    sampled = np.empty((*shape, *values.shape[2:]), values.dtype)
    covered = None if cover is None else np.empty(shape, np.uint8)
    across_x, across_y = _across(x, cols), _across(y, cols)
    room = np.empty((2, _BAND_PX, cols), np.float32)
    # Band by band, so that the positions are still in the cache when the pixels are fetched.
    for top in range(0, rows, _BAND_PX):
        bottom = min(rows, top + _BAND_PX)
        at_x = _dense(across_x, top, bottom, out=room[0])
        at_y = _dense(across_y, top, bottom, out=room[1])
        pairs = [(values, sampled)]
        if cover is not None and covered is not None:
            pairs.append((cover, covered))
        for source, target in pairs:
            band = target[top:bottom]
            border = cv2.BORDER_REPLICATE
            # Not the quicker maps of 1/32 pixel: what they round off shows up as change.
            cv2.remap(source, at_x, at_y, cv2.INTER_LINEAR, dst=band, borderMode=border)
    return sampled, covered


def _source_coordinates(
    grid: Grid, window: Window, info: RasterInfo, displacement: Displacement | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Source pixel-corner coordinates (col, row) of a lattice of the window's pixel centres."""
    x_m, y_m = grid.centres(window, _LATTICE_STEP_PX)
    if displacement is not None:
        x_m, y_m = displacement(x_m, y_m)
    x, y = x_m, y_m
    if info.crs != grid.crs:
        x, y = _transformer(grid.crs, info.crs).transform(x_m, y_m)
    col, row = apply(~info.transform, x, y)
    # A point outside the CRS's domain is outside the survey too.
    col = np.where(np.isfinite(col), col, -1e9)
    row = np.where(np.isfinite(row), row, -1e9)
    return col, row


_transformers = threading.local()


def _transformer(source: CRS, target: CRS) -> Transformer:
    # pyproj transformers are not safe to share between threads, and slow to make.
    cache: dict[tuple[str, str], Transformer] | None = getattr(_transformers, "cache", None)
    if cache is None:
        cache = _transformers.cache = {}
    key = (source.to_wkt(), target.to_wkt())
    if key not in cache:
        cache[key] = Transformer.from_crs(source, target, always_xy=True)
    return cache[key]


def _across(lattice: NDArray[np.float64], cols: int) -> NDArray[np.float32]:
    """Interpolate the rows of a lattice with a point every ``_LATTICE_STEP_PX`` to every column."""
    nodes = lattice if lattice.shape[1] > 1 else np.repeat(lattice, 2, axis=1)
    share = np.arange(_LATTICE_STEP_PX) / _LATTICE_STEP_PX
    between = nodes[:, :-1, None] + np.diff(nodes, axis=1)[:, :, None] * share
    whole = np.concatenate((between.reshape(len(nodes), -1), nodes[:, -1:]), axis=1)
    return whole[:, :cols].astype(np.float32)


def _dense(
    across: NDArray[np.float32], top: int, bottom: int, *, out: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """Interpolate what :func:`_across` gave to every row from ``top``, a multiple of the step.

    ``out`` is room for as many whole steps as the rows need, or more.
    """
    step = _LATTICE_STEP_PX
    first, last = top // step, -(-bottom // step)
    nodes = across[first : last + 1]
    if len(nodes) < last + 1 - first:
        # The last row may lie on the lattice's last.
        nodes = np.concatenate((nodes, nodes[-1:]))
    share = (np.arange(step, dtype=np.float32) / np.float32(step))[:, None]
    rows, cols = (last - first) * step, across.shape[1]
    dense = np.empty((rows, cols), np.float32) if out is None else out[:rows]
    between = dense.reshape(-1, step, cols)
    np.multiply(np.diff(nodes, axis=0)[:, None], share, out=between)
    between += nodes[:-1, None]
    return dense[: bottom - top]
