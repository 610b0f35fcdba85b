"""An uploaded raster: checked, turned into a COG, and drawn small."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import rasterio
import rasterio.shutil
import shapely
from pyproj import Transformer
from rasterio._err import CPLE_BaseError
from rasterio.enums import ColorInterp
from rasterio.errors import RasterioError
from shapely.geometry import mapping

from vision.errors import BadRaster, OutputError
from vision.survey.intake import GDAL_OPTIONS, Role, inspect_raster, open_geotiff
from vision.survey.limits import RasterLimits
from vision.survey.raster import SurveyRaster

PREVIEW_PX = 1024
BLOCK_PX = 512
_STEPS = 8
"""Points along each side of a survey when its outline is turned to WGS-84."""


def check(path: Path, role: Role, limits: RasterLimits) -> dict[str, Any]:
    """Check a file as the survey reader does, and say what it is.

    Raises:
        BadRaster: It cannot be used.
        LimitExceeded: It claims more than is allowed.
    """
    info = inspect_raster(path, role, limits)
    with SurveyRaster(info, role) as raster:
        if not raster.has_data():
            raise BadRaster(
                f"{path}: every pixel is marked as no data. Export it again with its data, or "
                "mend its nodata value or alpha band."
            )
        wgs84 = raster.info.crs
        west, south, east, north = raster.bounds_in(wgs84)
    outline = _outline_wgs84(path, info.crs, info.transform, info.width, info.height)
    return {
        "crs": info.crs.to_string(),
        "crs_name": info.crs.name,
        "gsd_m": info.gsd_m,
        "size_wh": [info.width, info.height],
        "bands": info.bands,
        "dtype": info.dtype,
        "file_bytes": info.file_bytes,
        "bounds": [west, south, east, north],
        "outline": outline,
        "taken_at": None if info.taken_at is None else info.taken_at.isoformat(),
    }


def _outline_wgs84(path: Path, crs: Any, transform: Any, width: int, height: int) -> dict[str, Any]:  # noqa: ANN401
    share = np.linspace(0.0, 1.0, _STEPS + 1)[:-1]
    zeros, ones = np.zeros(_STEPS), np.ones(_STEPS)
    col = np.concatenate([share, ones, 1 - share, zeros]) * width
    row = np.concatenate([zeros, share, ones, 1 - share]) * height
    x = transform.a * col + transform.b * row + transform.c
    y = transform.d * col + transform.e * row + transform.f
    longitude, latitude = Transformer.from_crs(crs, 4326, always_xy=True).transform(x, y)
    if not (np.isfinite(longitude).all() and np.isfinite(latitude).all()):
        raise BadRaster(
            f"{path}: its coordinates do not lie where {crs.name} is defined. Check the "
            "coordinate reference system that the file names."
        )
    polygon = shapely.Polygon(np.column_stack([longitude, latitude]).round(8))
    outline: dict[str, Any] = mapping(shapely.orient_polygons(polygon))
    return outline


def convert(
    source: Path,
    target: Path,
    role: Role,
    limits: RasterLimits,
    *,
    tell: Callable[[float], None],
) -> None:
    """Write a file as a cloud-optimised GeoTIFF. One that is one already stays as it is.

    Nothing is lost: heights and plain pictures are packed without loss. A picture that came as
    JPEG is packed as JPEG again, at a quality at which the difference is below its own noise;
    without loss it would be several times as large.

    Raises:
        BadRaster: Its pixels cannot be decoded.
        OutputError: The result cannot be written.
    """
    inspect_raster(source, role, limits)
    with rasterio.Env(**GDAL_OPTIONS, GDAL_NUM_THREADS="ALL_CPUS"):
        with open_geotiff(source) as raster:
            packed = str(raster.profile.get("compress", "")).upper()
            layout = raster.tags(ns="IMAGE_STRUCTURE").get("LAYOUT")
            small = max(raster.width, raster.height) <= BLOCK_PX
            whole = layout == "COG" and (small or raster.overviews(1))
            if not whole:
                _write_cog(source, raster, target, _packing(packed, raster, role))
        if whole:
            shutil.copyfile(source, target)
    # Pixels of a file that is copied as it is are decoded here for the first time.
    _read_through(target, tell)


def _packing(packed: str, raster: Any, role: Role) -> dict[str, str]:  # noqa: ANN401
    if role == "orthophoto" and "JPEG" in packed and raster.dtypes[0] == "uint8":
        if raster.count == 3 or (raster.count == 4 and ColorInterp.alpha in raster.colorinterp):
            return {"COMPRESS": "JPEG", "QUALITY": "95"}
    return {"COMPRESS": "DEFLATE", "LEVEL": "6", "PREDICTOR": "YES"}


def _write_cog(source: Path, raster: Any, target: Path, packing: dict[str, str]) -> None:  # noqa: ANN401
    resampling = "BILINEAR" if raster.count < 3 else "AVERAGE"
    try:
        rasterio.shutil.copy(
            raster,
            target,
            driver="COG",
            BLOCKSIZE=str(BLOCK_PX),
            OVERVIEW_RESAMPLING=resampling,
            NUM_THREADS="ALL_CPUS",
            BIGTIFF="IF_SAFER",
            **packing,
        )
    except (RasterioError, CPLE_BaseError, OSError) as error:
        reason = " ".join(str(error).split())
        if "space" in reason.lower():
            raise OutputError(f"the disk is full ({reason})") from error
        raise BadRaster(
            f"{source}: its pixels cannot be decoded ({reason}). It may be damaged; copy or "
            "export it again."
        ) from error


def _read_through(path: Path, tell: Callable[[float], None]) -> None:
    """Decode every block once."""
    with rasterio.Env(**GDAL_OPTIONS), open_geotiff(path) as raster:
        rows = math.ceil(raster.height / BLOCK_PX)
        for number, (_, window) in enumerate(raster.block_windows(1)):
            try:
                raster.read(window=window)
            except (RasterioError, CPLE_BaseError) as error:
                reason = " ".join(str(error).split())
                raise BadRaster(
                    f"{path}: its pixels cannot be decoded ({reason}). It may be damaged; copy "
                    "or export it again."
                ) from error
            across = math.ceil(raster.width / BLOCK_PX)
            if number % across == 0:
                tell(min(1.0, number / across / rows))


def draw_preview(cog: Path, target: Path, limits: RasterLimits) -> None:
    """Write a small picture of an orthophoto, see-through where there is no data."""
    info = inspect_raster(cog, "orthophoto", limits)
    with rasterio.Env(**GDAL_OPTIONS), open_geotiff(cog) as raster:
        factor = max(1.0, max(info.width, info.height) / PREVIEW_PX)
        shape = (max(1, round(info.height / factor)), max(1, round(info.width / factor)))
        bands = raster.read(list(info.colour_bands), out_shape=(3, *shape)).astype(np.float32)
        mask = raster.dataset_mask(out_shape=shape)
    if info.dtype != "uint8":
        seen = bands[:, mask > 0]
        seen = seen[np.isfinite(seen)]
        low, high = np.percentile(seen, (1, 99)) if seen.size else (0.0, 1.0)
        bands = (np.nan_to_num(bands) - low) / max(high - low, 1e-9) * 255
    red, green, blue = np.clip(bands, 0, 255).astype(np.uint8)
    picture = np.dstack([blue, green, red, mask])
    done, encoded = cv2.imencode(".png", picture)
    if not done:
        raise OutputError("the preview could not be drawn")
    target.write_bytes(encoded.tobytes())
