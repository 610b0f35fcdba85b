"""Reading pixels of a raster file at the stored size that suits a wanted pixel size.

A file holds its full-size pixels and perhaps overviews. GDAL, asked for fewer pixels than a window
has, picks an overview and rounds the window to whole overview pixels, which shifts the picture by
up to half of one. So overviews are read here as pictures of their own, pixel for pixel, and where
none fits, full-size pixels are averaged block by block.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader
from rasterio.windows import Window as SourceWindow

from vision.errors import BadRaster, LimitExceeded
from vision.survey.intake import GDAL_OPTIONS, RasterInfo, open_geotiff

# Heights that no ground or building has, in metres: the Dead Sea's shore lies at -440 m, Everest at
# 8849 m. Values beyond are a "no data" that the file does not name (-9999, -32767, ±3.4e38 …).
_LEAST_HEIGHT_M, _GREATEST_HEIGHT_M = -1000.0, 10_000.0

_STRIP_BYTES = 64_000_000
_WINDOW_BYTES = 2_000_000_000


@dataclass(frozen=True, slots=True)
class Level:
    """A picture of the whole survey at one pixel size.

    Attributes:
        overview: number of the stored overview; None for the full-size pixels.
        shrink: stored pixels along a side that are averaged into one.
        width: columns of the averaged picture.
        height: rows of the averaged picture.
        scale_x: full-size columns to one column of this picture.
        scale_y: full-size rows to one row of this picture.
    """

    overview: int | None
    shrink: int
    width: int
    height: int
    scale_x: float
    scale_y: float


class Pyramid:
    """The full-size pixels and overviews of one file; safe to use from threads."""

    def __init__(self, info: RasterInfo) -> None:
        """Remember the file; nothing is opened yet."""
        self._info = info
        self._lock = threading.Lock()
        self._idle: dict[int | None, list[DatasetReader]] = {}
        self._closed = False

    def close(self) -> None:
        """Close every idle handle, and those in use as soon as they are given back."""
        with self._lock:
            self._closed = True
            handles = [handle for idle in self._idle.values() for handle in idle]
            self._idle.clear()
        for handle in handles:
            handle.close()

    def level(self, gsd_m: float) -> Level:
        """Return the level to interpolate pixels of ``gsd_m`` from.

        Its own pixels are between about half as large and as large as those wanted.
        """
        info = self._info
        ratio = gsd_m / info.gsd_m * 1.05
        overview, factor = None, 1.0
        # Overviews mix a "no data" that the file does not name into the heights around it.
        if info.role == "orthophoto" or info.mask != "none":
            for number, size in enumerate(info.overview_sizes):
                stored = math.sqrt((info.width / size[0]) * (info.height / size[1]))
                if factor < stored <= ratio:
                    overview, factor = number, stored
        shrink = max(1, int(ratio / factor)) if ratio / factor >= 2 else 1
        return self._level(overview, shrink)

    def coarsest(self) -> Level:
        """Return the smallest picture that the file stores."""
        sizes = self._info.overview_sizes
        smallest = min(range(len(sizes)), key=lambda n: sizes[n]) if sizes else None
        return self._level(smallest, 1)

    def _level(self, overview: int | None, shrink: int) -> Level:
        info = self._info
        width, height = (
            (info.width, info.height) if overview is None else info.overview_sizes[overview]
        )
        return Level(
            overview=overview,
            shrink=shrink,
            width=math.ceil(width / shrink),
            height=math.ceil(height / shrink),
            scale_x=info.width / width * shrink,
            scale_y=info.height / height * shrink,
        )

    def read(
        self, level: Level, *, left: int, top: int, right: int, bottom: int
    ) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
        """Read columns ``left`` to ``right`` and rows ``top`` to ``bottom`` of a level.

        Returns:
            The colours, shape ``(rows, cols, 3)``, uint8 as stored or else float32; or the heights
            in metres, float32, shape ``(rows, cols)``. Then where they are valid, bool, shape
            ``(rows, cols)``; None where all are. Values that are not valid are 0.

        Raises:
            BadRaster: the pixels cannot be decoded.
            LimitExceeded: the window would not fit into memory.
        """
        info = self._info
        size = (bottom - top) * (right - left) * len(info.colour_bands)
        if size * (1 if info.dtype == "uint8" else 4) > _WINDOW_BYTES:
            raise LimitExceeded(
                f"{info.path}: reading one window of it would take more than 2 GB. Ask for "
                "smaller windows."
            )
        with gdal_errors(info.path), self._borrowed(level.overview) as source:
            if level.shrink == 1:
                return self._read_stored(
                    source, SourceWindow(left, top, right - left, bottom - top)
                )
            return self._read_averaged(source, level.shrink, (left, top, right, bottom))

    @contextmanager
    def _borrowed(self, overview: int | None) -> Iterator[DatasetReader]:
        # Last given back, first lent: its decoded blocks are the ones GDAL still holds.
        with self._lock:
            idle = self._idle.setdefault(overview, [])
            handle = idle.pop() if idle else None
        if handle is None:
            handle = open_geotiff(self._info.path, overview=overview)
        try:
            yield handle
        finally:
            with self._lock:
                keep = not self._closed
                if keep:
                    self._idle.setdefault(overview, []).append(handle)
            if not keep:
                handle.close()

    def _read_stored(
        self, source: DatasetReader, window: SourceWindow
    ) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
        info = self._info
        bands = list(info.colour_bands)
        if info.mask == "alpha" and info.alpha_band is not None:
            bands.append(info.alpha_band)
        # One plane for each band, then merged, is four times quicker than interleaved by GDAL.
        planes = source.read(bands, window=window)
        valid: NDArray[np.bool_] | None = None
        if info.mask == "alpha":
            valid, planes = planes[-1] > 0, planes[:-1]
        elif info.mask == "internal":
            valid = source.read_masks(1, window=window) > 0
        elif info.mask == "nodata" and info.nodata is not None:
            valid = (planes != planes.dtype.type(info.nodata)).any(axis=0)
        if planes.dtype != np.uint8:
            planes = planes.astype(np.float32)
            if info.role == "DSM":
                planes = planes * np.float32(info.height_scale) + np.float32(info.height_offset_m)
                # Written so that NaN is refused as well.
                usable = (planes[0] > _LEAST_HEIGHT_M) & (planes[0] < _GREATEST_HEIGHT_M)
            else:
                usable = np.isfinite(planes).all(axis=0)
            if not usable.all():
                valid = usable if valid is None else valid & usable
        if valid is not None and valid.all():
            valid = None
        values = planes[0] if len(planes) == 1 else cv2.merge(list(planes))
        if valid is not None:
            values[~valid] = 0
        return values, valid

    def _read_averaged(
        self, source: DatasetReader, shrink: int, box: tuple[int, int, int, int]
    ) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
        left, top, right, bottom = box
        first, last = left * shrink, min(right * shrink, source.width)
        row_bytes = (last - first) * shrink * len(self._info.colour_bands) * 4
        rows_at_once = max(1, _STRIP_BYTES // row_bytes)
        parts, masks, whole = [], [], True
        for row in range(top, bottom, rows_at_once):
            start = row * shrink
            stop = min(min(row + rows_at_once, bottom) * shrink, source.height)
            values, valid = self._read_stored(
                source, SourceWindow(first, start, last - first, stop - start)
            )
            part, mask = _averaged(values, valid, shrink)
            parts.append(part)
            masks.append(mask)
            whole = whole and bool(mask.all())
        return np.concatenate(parts), None if whole else np.concatenate(masks)


def _averaged(
    values: NDArray[Any], valid: NDArray[np.bool_] | None, shrink: int
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Average blocks of ``shrink`` × ``shrink``; a block counts where half of it is valid."""
    rows, cols = math.ceil(values.shape[0] / shrink), math.ceil(values.shape[1] / shrink)
    short_rows, short_cols = rows * shrink - values.shape[0], cols * shrink - values.shape[1]
    pad = (0, short_rows, 0, short_cols, cv2.BORDER_REPLICATE)
    if short_rows or short_cols:
        values = cv2.copyMakeBorder(values, *pad)
    if valid is None:
        mean = cv2.resize(values, (cols, rows), interpolation=cv2.INTER_AREA)
        return np.asarray(mean), np.ones((rows, cols), np.bool_)
    weight = valid.astype(np.float32)
    if short_rows or short_cols:
        weight = np.asarray(cv2.copyMakeBorder(weight, *pad), np.float32)
    # Values that are not valid are 0 already, so the sum is that of the valid ones.
    total = cv2.resize(values.astype(np.float32), (cols, rows), interpolation=cv2.INTER_AREA)
    share = np.asarray(cv2.resize(weight, (cols, rows), interpolation=cv2.INTER_AREA), np.float32)
    counts = share >= 0.5
    divisor = np.where(counts, share, 1)
    mean = total / (divisor[..., None] if total.ndim == 3 else divisor)
    mean[~counts] = 0
    if values.dtype == np.uint8:
        mean = np.clip(mean + 0.5, 0, 255)
    return mean.astype(values.dtype), counts


@contextmanager
def gdal_errors(path: Path) -> Iterator[None]:
    """Run GDAL under CityEye's options and turn its errors into ours."""
    try:
        with rasterio.Env(**GDAL_OPTIONS):
            yield
    except RasterioError as error:
        reason = " ".join(str(error.__cause__ or error).split())
        raise BadRaster(
            f"{path}: its pixels cannot be decoded ({reason}). The file is damaged or was not "
            "copied whole; copy or export it again."
        ) from error
