"""GeoTIFFs for tests: smooth pictures of the ground, whole, odd and broken."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import rasterio.shutil
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from rasterio.enums import ColorInterp, Resampling

GROUND_CRS = CRS.from_epsg(32650)
EAST_M, NORTH_M = 500_300.0, 2_500_200.0
"""Centre of the ground that the pictures show, in GROUND_CRS."""

Floats = NDArray[np.float64]


def colours(x_m: Floats, y_m: Floats) -> Floats:
    """Red, green, blue (20–235) at ground coordinates; the shortest wave is 16 m long."""
    x, y = x_m - EAST_M, y_m - NORTH_M
    turn = 2 * math.pi
    return np.stack(
        [
            128 + 100 * np.sin(turn * x / 16) * np.cos(turn * y / 23),
            128 + 100 * np.cos(turn * (x + y) / 31),
            128 + 100 * np.sin(turn * y / 19),
        ],
        axis=-1,
    )


def heights(x_m: Floats, y_m: Floats) -> Floats:
    """Heights (40–60 m) at ground coordinates."""
    x, y = x_m - EAST_M, y_m - NORTH_M
    return 50 + 10 * np.sin(2 * math.pi * x / 40) * np.cos(2 * math.pi * y / 30)


def place(crs: CRS, gsd_m: float, width: int, height: int, *, turn_deg: float = 0.0) -> Affine:
    """Return a transform that puts the middle of a picture on the middle of the ground."""
    to_crs = Transformer.from_crs(GROUND_CRS, crs, always_xy=True)
    x, y = to_crs.transform(EAST_M, NORTH_M)
    x1, y1 = to_crs.transform(EAST_M + 1.0, NORTH_M)
    metre = math.hypot(x1 - x, y1 - y)  # units of the CRS in a metre
    return (
        Affine.translation(x, y)
        @ Affine.rotation(turn_deg)
        @ Affine.scale(gsd_m * metre, -gsd_m * metre)
        @ Affine.translation(-width / 2, -height / 2)
    )


def ground_of(crs: CRS, transform: Affine, width: int, height: int) -> tuple[Floats, Floats]:
    """Ground coordinates (GROUND_CRS) of pixel centres."""
    col, row = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    x = transform.a * col + transform.b * row + transform.c
    y = transform.d * col + transform.e * row + transform.f
    if crs == GROUND_CRS:
        return x, y
    return Transformer.from_crs(crs, GROUND_CRS, always_xy=True).transform(x, y)


def write_ortho(
    path: Path,
    *,
    crs: CRS = GROUND_CRS,
    gsd_m: float = 0.5,
    size_wh: tuple[int, int] = (240, 200),
    turn_deg: float = 0.0,
    dtype: str = "uint8",
    gain: float = 1.0,
    fourth: NDArray[Any] | str | None = None,
    mask: NDArray[np.bool_] | None = None,
    overviews: tuple[int, ...] = (),
    paint: Callable[[NDArray[Any]], None] | None = None,
    **profile: Any,
) -> Path:
    """Write a picture of :func:`colours`.

    Args:
        path: the file.
        crs, gsd_m, size_wh, turn_deg: where the picture lies.
        dtype: type of its bands.
        gain: what the colours are multiplied by.
        fourth: a fourth band, or ``"nir"`` for one that is no mask.
        mask: an internal mask; False hides.
        overviews: factors to build.
        paint: changes the bands, shape ``(bands, rows, cols)``, before they are written.
        profile: more creation options.
    """
    width, height = size_wh
    transform = place(crs, gsd_m, width, height, turn_deg=turn_deg)
    picture = colours(*ground_of(crs, transform, width, height)) * gain
    if np.dtype(dtype).kind != "f":
        picture = np.round(picture)
    bands = np.moveaxis(picture, -1, 0).astype(dtype)
    colour = [ColorInterp.red, ColorInterp.green, ColorInterp.blue]
    if fourth is not None:
        nir = isinstance(fourth, str)
        more = np.full((height, width), 90 * gain) if nir else fourth
        bands = np.concatenate([bands, np.asarray(more, dtype)[None]])
        colour.append(ColorInterp.undefined if nir else ColorInterp.alpha)
    if paint is not None:
        paint(bands)
    write_bands(path, bands, crs=crs, transform=transform, mask=mask, colour=colour, **profile)
    add_overviews(path, overviews)
    return path


def write_dsm(
    path: Path,
    *,
    crs: CRS = GROUND_CRS,
    gsd_m: float = 0.5,
    size_wh: tuple[int, int] = (240, 200),
    dtype: str = "float32",
    overviews: tuple[int, ...] = (),
    paint: Callable[[NDArray[Any]], None] | None = None,
    scale: float = 1.0,
    offset: float = 0.0,
    unit: str | None = None,
    **profile: Any,
) -> Path:
    """Write a surface model of :func:`heights`; stored values are ``(height - offset) / scale``."""
    width, height = size_wh
    transform = place(crs, gsd_m, width, height)
    stored = (heights(*ground_of(crs, transform, width, height)) - offset) / scale
    if np.dtype(dtype).kind != "f":
        stored = np.round(stored)
    band = stored.astype(dtype)[None]
    if paint is not None:
        paint(band[0])
    write_bands(path, band, crs=crs, transform=transform, **profile)
    if (scale, offset, unit) != (1.0, 0.0, None):
        with rasterio.open(path, "r+") as target:
            target.scales, target.offsets = (scale,), (offset,)
            if unit is not None:
                target.units = (unit,)
    add_overviews(path, overviews)
    return path


def write_bands(
    path: Path,
    bands: NDArray[Any],
    *,
    crs: CRS | None = GROUND_CRS,
    transform: Affine | None = None,
    mask: NDArray[np.bool_] | None = None,
    colour: list[ColorInterp] | None = None,
    **profile: Any,
) -> Path:
    """Write bands of shape ``(bands, rows, cols)`` as they are."""
    count, height, width = bands.shape
    options: dict[str, Any] = {
        "driver": "GTiff",
        "count": count,
        "width": width,
        "height": height,
        "dtype": bands.dtype.name,
        "crs": None if crs is None else crs.to_wkt(),
        **profile,
    }
    if transform is not None:
        options["transform"] = transform
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        rasterio.open(path, "w", **options) as target,
    ):
        if colour is not None and options.get("photometric") is None:
            target.colorinterp = colour
        target.write(bands)
        if mask is not None:
            target.write_mask(mask)
    return path


def add_overviews(path: Path, factors: tuple[int, ...]) -> None:
    """Build averaged overviews inside a file."""
    if factors:
        with (
            rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
            rasterio.open(path, "r+") as target,
        ):
            target.build_overviews(factors, Resampling.average)


def to_cog(path: Path, target: Path, **options: Any) -> Path:
    """Copy a file as a cloud-optimised GeoTIFF."""
    rasterio.shutil.copy(path, target, driver="COG", BLOCKSIZE=128, **options)
    return target
