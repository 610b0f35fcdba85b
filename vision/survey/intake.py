"""Checking a raster file before a pixel of it is read.

A file is opened with GDAL's GTiff driver alone, with sidecar files switched off. What it claims is
held against what it contains and against :class:`RasterLimits`; the result is a
:class:`RasterInfo`, or one error that says what to mend.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
import rasterio
from affine import Affine
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.errors import CRSError as RasterioCRSError
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import DatasetReader

from vision.errors import BadRaster, LimitExceeded
from vision.survey.limits import RasterLimits
from vision.survey.tiff_file import check_tiff_file, plain_path

Role = Literal["orthophoto", "DSM"]
Mask = Literal["none", "nodata", "alpha", "internal"]
"""How a file says which pixels hold no data."""

# What GDAL may do while CityEye reads: no sidecar files (.ovr, .aux.xml, .tfw, .msk), no files
# beside the one named, a block cache that does not grow with the machine's memory.
GDAL_OPTIONS: dict[str, Any] = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_PAM_ENABLED": "NO",
    "GDAL_GEOREF_SOURCES": "INTERNAL",
    # rasterio takes bytes here, whatever GDAL does with the same option elsewhere.
    "GDAL_CACHEMAX": 256_000_000,
    "GTIFF_VIRTUAL_MEM_IO": "NO",
}

_MAX_OVERVIEWS = 32

# Pixel sizes beyond which a number in the file must be wrong: 0.1 mm and 1 km.
_LEAST_GSD_M, _GREATEST_GSD_M = 1e-4, 1000.0

# Units of height as GDAL and common exporters write them, in metres.
_HEIGHT_UNITS_M = {
    "m": 1.0,
    "metre": 1.0,
    "meter": 1.0,
    "ft": 0.3048,
    "foot": 0.3048,
    "feet": 0.3048,
    "us-ft": 1200 / 3937,
    "us survey foot": 1200 / 3937,
    "cm": 0.01,
    "mm": 0.001,
}

_NEEDS: dict[Role, str] = {
    "orthophoto": "an orthophoto needs red, green and blue bands",
    "DSM": "a DSM needs one band of heights",
}


@dataclass(frozen=True, slots=True)
class RasterInfo:
    """What is known of a raster file without reading its pixels."""

    path: Path
    width: int
    height: int
    bands: int
    dtype: str
    crs: CRS
    transform: Affine
    gsd_m: float
    file_bytes: int
    taken_at: datetime | None
    has_mask: bool
    overviews: tuple[int, ...]
    colour_bands: tuple[int, ...]
    role: Role
    mask: Mask
    nodata: float | None
    alpha_band: int | None
    overview_sizes: tuple[tuple[int, int], ...]
    """``(width, height)`` of each stored overview, in GDAL's order."""
    height_scale: float
    """Metres of one stored unit of height (1 for an orthophoto)."""
    height_offset_m: float


def open_geotiff(path: Path, *, overview: int | None = None) -> DatasetReader:
    """Open a file with the GTiff driver and nothing else; call inside ``Env(**GDAL_OPTIONS)``.

    Args:
        path: the file; checked by :func:`inspect_raster` before.
        overview: number of a stored overview to open as a picture of its own.
    """
    options = {} if overview is None else {"overview_level": overview}
    return rasterio.open(path, driver="GTiff", sharing=False, **options)


def inspect_raster(path: Path, role: Role, limits: RasterLimits) -> RasterInfo:
    """Check a file and describe it, without decoding a pixel.

    Raises:
        BadRaster: the file cannot be used in this role.
        LimitExceeded: the file claims more than ``limits`` allow.
    """
    path = plain_path(path)
    file_bytes = check_tiff_file(path, max_file_bytes=limits.max_file_bytes)
    try:
        with warnings.catch_warnings(), rasterio.Env(**GDAL_OPTIONS):
            # A missing geotransform is an error of ours below, so no warning as well.
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with open_geotiff(path) as source:
                _check_references(path, source)
                _check_claims(path, source, role, file_bytes, limits)
                _check_blocks(path, source, file_bytes)
                overview_sizes = _check_overviews(path, source, file_bytes, limits)
                return _describe(path, source, role, file_bytes, overview_sizes)
    except RasterioError as error:
        reason = " ".join(str(error).split())
        raise BadRaster(
            f"{path}: not a readable GeoTIFF ({reason}). It may be cut short or damaged; copy or "
            "export it again."
        ) from error


def _check_references(path: Path, source: DatasetReader) -> None:
    """Refuse a file whose metadata make GDAL open other files.

    GDAL looks for overviews in any file, of any driver, that the metadata domain ``OVERVIEWS``
    names, and a TIFF can carry that domain inside itself. Asking for overviews before this check
    would open it.
    """
    for domain in ("OVERVIEWS", "ProxyOverviewRequest"):
        if source.tags(ns=domain):
            raise BadRaster(
                f"{path}: its metadata point at another file for overviews. Export it again with "
                "overviews inside: gdal_translate -of COG."
            )


def _check_claims(
    path: Path, source: DatasetReader, role: Role, file_bytes: int, limits: RasterLimits
) -> None:
    pixels = source.width * source.height
    if pixels > limits.max_pixels or max(source.width, source.height) > limits.max_side_px:
        raise LimitExceeded(
            f"{path}: claims {source.width:,} × {source.height:,} pixels; the limits are "
            f"max_pixels {limits.max_pixels:,} and max_side_px {limits.max_side_px:,}. Cut it into "
            "parts or export it at a coarser pixel size."
        )
    if source.count > limits.max_bands:
        raise LimitExceeded(
            f"{path}: {source.count} bands; the limit max_bands is {limits.max_bands}. Export "
            "red, green and blue only."
        )
    if len(set(source.dtypes)) > 1 or np.dtype(source.dtypes[0]).kind not in "iuf":
        raise BadRaster(
            f"{path}: bands of type {', '.join(sorted(set(source.dtypes)))} are not supported. "
            "Export it with one type of integer or real numbers."
        )
    _check_block_size(path, source, limits)
    decoded = pixels * source.count * np.dtype(source.dtypes[0]).itemsize
    if decoded > 1_000_000_000 and decoded > file_bytes * limits.max_expansion:
        raise LimitExceeded(
            f"{path}: {file_bytes:,} bytes claim to hold {decoded:,} bytes of pixels, more than "
            f"max_expansion = {limits.max_expansion} allows. The file is damaged or made up."
        )
    if source.colorinterp[0] == ColorInterp.palette:
        raise BadRaster(
            f"{path}: a palette picture; {_NEEDS[role]}. Export it without a palette "
            "(gdal_translate -expand rgb)."
        )
    if role == "orthophoto" and source.count < 3:
        doubt = " Is this the DSM?" if source.dtypes[0] != "uint8" else ""
        raise BadRaster(f"{path}: {source.count} band(s); {_NEEDS[role]}. Export it as RGB.{doubt}")
    if role == "DSM" and source.count > 2:
        raise BadRaster(
            f"{path}: {source.count} bands; a DSM has one band of heights. Is this the orthophoto?"
        )
    if role == "DSM" and source.dtypes[0] == "uint8":
        raise BadRaster(
            f"{path}: an 8-bit picture, not heights. Give the DSM as exported in metres."
        )


def _check_block_size(path: Path, source: DatasetReader, limits: RasterLimits) -> None:
    interleaved = source.count if str(source.profile.get("interleave")) == "pixel" else 1
    block_height, block_width = source.block_shapes[0]
    block_bytes = block_height * block_width * np.dtype(source.dtypes[0]).itemsize * interleaved
    if block_bytes > limits.max_block_bytes:
        raise LimitExceeded(
            f"{path}: stored in blocks of {block_width:,} × {block_height:,} pixels "
            f"({block_bytes:,} bytes decoded); the limit max_block_bytes is "
            f"{limits.max_block_bytes:,}. Store it in tiles: gdal_translate -of COG."
        )


def _check_overviews(
    path: Path, source: DatasetReader, file_bytes: int, limits: RasterLimits
) -> tuple[tuple[int, int], ...]:
    """Return the size of each overview after holding it against the full-size picture."""
    count = len(source.overviews(1))
    mend = "Build its overviews again: gdal_translate -of COG."
    if count > _MAX_OVERVIEWS:
        raise BadRaster(f"{path}: {count} overviews. {mend}")
    sizes = []
    for number in range(count):
        with open_geotiff(path, overview=number) as overview:
            _check_block_size(path, overview, limits)
            _check_blocks(path, overview, file_bytes)
            sizes.append((overview.width, overview.height))
            factor = source.width / overview.width, source.height / overview.height
            # Sizes are rounded up, or down, to whole pixels.
            tolerance = factor[0] * (1 / overview.width + 1 / overview.height)
            if min(factor) < 1 or abs(factor[0] - factor[1]) > tolerance + 1e-6:
                raise BadRaster(
                    f"{path}: overview {number + 1} of {overview.width} × {overview.height} pixels "
                    f"does not fit its {source.width} × {source.height} pixels. {mend}"
                )
    return tuple(sizes)


def _check_blocks(path: Path, source: DatasetReader, file_bytes: int) -> None:
    """Refuse a file whose blocks lie past its end, as those of a half-copied file do.

    GDAL's TIFF metadata tells each block's place without decoding it. Very large files are
    checked at every n-th block and at the last ones: those are what a cut takes first.
    """
    block_height, block_width = source.block_shapes[0]
    across = math.ceil(source.width / block_width)
    down = math.ceil(source.height / block_height)
    stride = max(1, across * down // 50_000)
    numbers = [*range(0, across * down, stride), across * down - 1]
    planes = (1,) if str(source.profile.get("interleave")) == "pixel" else source.indexes
    for band in planes:
        for number in numbers:
            key = f"{number % across}_{number // across}"
            offset = source.get_tag_item(f"BLOCK_OFFSET_{key}", "TIFF", bidx=band)
            if offset is None:  # a block that was never written: legal, reads as nodata
                continue
            size = source.get_tag_item(f"BLOCK_SIZE_{key}", "TIFF", bidx=band)
            if int(offset) + int(size or 0) > file_bytes:
                raise BadRaster(
                    f"{path}: cut short: a block of pixels lies at byte {int(offset):,}, but the "
                    f"file ends at byte {file_bytes:,}. Copy or upload it again."
                )


def _describe(
    path: Path,
    source: DatasetReader,
    role: Role,
    file_bytes: int,
    overview_sizes: tuple[tuple[int, int], ...],
) -> RasterInfo:
    crs = _crs(path, source)
    transform = source.transform
    numbers = tuple(transform)[:6]
    if transform.is_identity or not all(map(math.isfinite, numbers)) or not transform.determinant:
        raise BadRaster(
            f"{path}: has no place on the ground (no geotransform). Georeference it first."
        )
    gsd_m = _gsd_m(crs, transform, source.width, source.height)
    if not _LEAST_GSD_M <= gsd_m <= _GREATEST_GSD_M:  # NaN as well
        raise BadRaster(
            f"{path}: its pixels would be {gsd_m:.3g} m wide in '{crs.name}'. Check its "
            "coordinate reference system and its geotransform."
        )
    colour = tuple(
        source.colorinterp.index(c) + 1
        for c in (ColorInterp.red, ColorInterp.green, ColorInterp.blue)
        if c in source.colorinterp
    )
    nodata = _nodata(source)
    alpha = ColorInterp.alpha in source.colorinterp
    flags = source.mask_flag_enums[0]
    mask: Mask = "none"
    if alpha:
        mask = "alpha"
    elif nodata is not None:
        mask = "nodata"
    elif MaskFlags.per_dataset in flags:
        mask = "internal"
    unit_m = _height_unit_m(source, crs) if role == "DSM" else 1.0
    return RasterInfo(
        path=path,
        width=source.width,
        height=source.height,
        bands=source.count,
        dtype=source.dtypes[0],
        crs=crs,
        transform=transform,
        gsd_m=gsd_m,
        file_bytes=file_bytes,
        taken_at=_taken_at(source.tags().get("TIFFTAG_DATETIME")),
        has_mask=mask != "none",
        overviews=tuple(source.overviews(1)),
        colour_bands=(colour if len(colour) == 3 else (1, 2, 3)) if role == "orthophoto" else (1,),
        role=role,
        mask=mask,
        nodata=nodata,
        alpha_band=source.colorinterp.index(ColorInterp.alpha) + 1 if alpha else None,
        overview_sizes=overview_sizes,
        height_scale=source.scales[0] * unit_m if role == "DSM" else 1.0,
        height_offset_m=source.offsets[0] * unit_m if role == "DSM" else 0.0,
    )


def _crs(path: Path, source: DatasetReader) -> CRS:
    try:
        named = source.crs
        if named is None:
            raise BadRaster(
                f"{path}: names no coordinate reference system. Assign the one it was made in: "
                "gdal_edit.py -a_srs EPSG:… FILE"
            )
        crs = CRS.from_user_input(named.to_wkt())
    except (CRSError, RasterioCRSError) as error:
        raise BadRaster(
            f"{path}: its coordinate reference system is not understood. Assign the one it was "
            "made in: gdal_edit.py -a_srs EPSG:… FILE"
        ) from error
    if not (crs.is_projected or crs.is_geographic):
        raise BadRaster(
            f"{path}: its CRS '{crs.name}' is not tied to the earth. Assign a projected or "
            "geographic one: gdal_edit.py -a_srs EPSG:… FILE"
        )
    return crs


def _nodata(source: DatasetReader) -> float | None:
    """Return the named nodata value where a pixel can hold it; NaN never counts as a value."""
    nodata = source.nodata
    if nodata is None or math.isnan(nodata):
        return None
    dtype = np.dtype(source.dtypes[0])
    if dtype.kind == "f":
        return float(nodata)
    holds = np.iinfo(dtype).min <= nodata <= np.iinfo(dtype).max
    return float(nodata) if holds and nodata == int(nodata) else None


def _height_unit_m(source: DatasetReader, crs: CRS) -> float:
    named = (source.units[0] or "").strip().lower()
    if named in _HEIGHT_UNITS_M:
        return _HEIGHT_UNITS_M[named]
    for part in crs.sub_crs_list:
        if part.is_vertical and part.axis_info:
            return float(part.axis_info[0].unit_conversion_factor or 1.0)
    return 1.0


def _gsd_m(crs: CRS, transform: Affine, width: int, height: int) -> float:
    """Ground size of a pixel in the middle: the square root of its area; NaN where undefined.

    Measured on the ellipsoid, as in Web Mercator a map metre is 0.77 m of ground at 40° north. A
    map made for measuring (UTM, Gauss-Krüger) is off by less than 1 %: its own metres are kept, so
    that 0.2 m pixels are said to be 0.2 m.
    """
    step_px = 100
    middle = width / 2, height / 2
    points = [middle, (middle[0] + step_px, middle[1]), (middle[0], middle[1] + step_px)]
    x, y = zip(*(transform @ point for point in points), strict=True)
    geodetic, geod = crs.geodetic_crs, crs.get_geod()
    if geodetic is None or geod is None:  # pragma: no cover - every CRS taken here has both
        return math.nan
    if crs.is_projected:
        x, y = Transformer.from_crs(crs.to_2d(), geodetic.to_2d(), always_xy=True).transform(x, y)
    if not all(abs(degrees) <= 90 for degrees in y):
        return math.nan
    across = geod.inv(x[0], y[0], x[1], y[1])
    down = geod.inv(x[0], y[0], x[2], y[2])
    sine = abs(math.sin(math.radians(across[0] - down[0])))
    ground_m = math.sqrt(across[2] * down[2] * sine) / step_px
    if crs.is_projected and crs.axis_info:
        map_m = math.sqrt(abs(transform.determinant)) * crs.axis_info[0].unit_conversion_factor
        if abs(ground_m - map_m) < 0.01 * map_m:
            return map_m
    return ground_m


def _taken_at(text: str | None) -> datetime | None:
    """Time of the TIFF DateTime tag (TIFF 6.0, section 8). It has no zone: taken as UTC."""
    if not text:
        return None
    for pattern in ("%Y:%m:%d %H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S"):
        try:
            return datetime.strptime(text.strip(), pattern).replace(tzinfo=UTC)
        except ValueError:
            continue
    return None
