"""Writing planted surveys as GeoTIFF, in the forms that drone mapping software delivers."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS

_TILE_PX = 256
_NODATA_M = -9999.0


def north_up(left_m: float, top_m: float, gsd_m: float) -> Affine:
    """Return the transform of a north-up raster from its upper left corner."""
    return Affine(gsd_m, 0.0, left_m, 0.0, -gsd_m, top_m)


def write_survey(
    path: str | Path,
    rgb: NDArray[np.uint8],
    *,
    valid: NDArray[np.bool_] | None = None,
    transform: Affine,
    crs: CRS | str,
    compression: Literal["jpeg", "deflate"] = "deflate",
    jpeg_quality: int = 90,
) -> None:
    """Write an orthophoto as a tiled GeoTIFF with its mask inside the file.

    Args:
        path: file to write.
        rgb: uint8, shape ``(rows, cols, 3)``, red first.
        valid: bool, shape ``(rows, cols)``; all valid where None.
        transform: pixel corners to map coordinates.
        crs: of the map coordinates.
        compression: ``deflate`` keeps every value, ``jpeg`` is what most software delivers.
        jpeg_quality: 1 to 100, for ``jpeg``.
    """
    rows, cols, _ = rgb.shape
    extra: dict[str, object] = (
        {"compress": "jpeg", "jpeg_quality": jpeg_quality, "photometric": "ycbcr"}
        if compression == "jpeg"
        else {"compress": "deflate", "predictor": 2, "photometric": "rgb"}
    )
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        rasterio.open(
            path,
            "w",
            driver="GTiff",
            width=cols,
            height=rows,
            count=3,
            dtype="uint8",
            crs=CRS.from_user_input(crs).to_wkt(),
            transform=transform,
            tiled=True,
            blockxsize=_TILE_PX,
            blockysize=_TILE_PX,
            interleave="pixel",
            **extra,
        ) as target,
    ):
        target.write(np.moveaxis(rgb, 2, 0))
        mask = np.ones((rows, cols), np.bool_) if valid is None else valid
        target.write_mask(mask)


def write_dsm(
    path: str | Path,
    height_m: NDArray[np.float32],
    *,
    valid: NDArray[np.bool_] | None = None,
    transform: Affine,
    crs: CRS | str,
) -> None:
    """Write a surface model as a tiled float GeoTIFF; places without data hold -9999.

    Args:
        path: file to write.
        height_m: float32, shape ``(rows, cols)``; NaN counts as no data.
        valid: bool, shape ``(rows, cols)``; all valid where None.
        transform: pixel corners to map coordinates.
        crs: of the map coordinates.
    """
    rows, cols = height_m.shape
    known = np.isfinite(height_m)
    if valid is not None:
        known &= valid
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=cols,
        height=rows,
        count=1,
        dtype="float32",
        nodata=_NODATA_M,
        crs=CRS.from_user_input(crs).to_wkt(),
        transform=transform,
        tiled=True,
        blockxsize=_TILE_PX,
        blockysize=_TILE_PX,
        compress="deflate",
        predictor=3,
    ) as target:
        target.write(np.where(known, height_m, np.float32(_NODATA_M)).astype(np.float32), 1)
