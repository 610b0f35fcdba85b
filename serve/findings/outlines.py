"""Outlines of findings: kept as WKB in WGS-84, measured on the ellipsoid."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import shapely
from pyproj import Geod
from shapely.geometry.base import BaseGeometry

from serve.db.tables import FindingRow
from vision.errors import InputError
from vision.finding import GeoPolygon

MAX_VERTICES = 5_000
_ELLIPSOID = Geod(ellps="WGS84")
_METRES_PER_DEGREE = 111_320.0


def outline_of(row: FindingRow) -> BaseGeometry | None:
    """Return the outline of a finding, in WGS-84."""
    return None if row.geometry is None else shapely.from_wkb(row.geometry)


def place_outline(row: FindingRow, outline: BaseGeometry) -> None:
    """Give a finding an outline, and what follows from it: bounds, a point inside, the area."""
    row.geometry = shapely.to_wkb(outline)
    row.west, row.south, row.east, row.north = (float(v) for v in outline.bounds)
    point = outline.representative_point()
    row.longitude, row.latitude = float(point.x), float(point.y)
    row.area_m2 = round(area_m2(outline), 2)


def area_m2(outline: BaseGeometry) -> float:
    """Return the area of a WGS-84 polygon on the ellipsoid."""
    area, _ = _ELLIPSOID.geometry_area_perimeter(shapely.orient_polygons(outline))
    return abs(float(area))


def metric(outline: BaseGeometry, *, at_latitude: float) -> BaseGeometry:
    """Return a WGS-84 geometry in metres, true near a latitude; for shares and short distances."""
    scale = np.array([_METRES_PER_DEGREE * math.cos(math.radians(at_latitude)), _METRES_PER_DEGREE])
    return shapely.transform(outline, lambda xy: xy * scale)


def overlap(one: BaseGeometry, other: BaseGeometry) -> tuple[float, float]:
    """Return the intersection over union of two outlines, and the share of the smaller inside.

    Degrees will do: both shares are of areas at the same place.
    """
    shared = one.intersection(other).area
    if shared <= 0:
        return 0.0, 0.0
    return shared / (one.area + other.area - shared), shared / min(one.area, other.area)


def box_iou(one: list[Any] | tuple[float, ...], other: list[Any] | tuple[float, ...]) -> float:
    """Return the intersection over union of two boxes ``left, top, right, bottom``."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    areas = sum((b[2] - b[0]) * (b[3] - b[1]) for b in (one, other))
    return float(shared / (areas - shared))


def read_polygon(content: GeoPolygon | dict[str, Any], *, what: str) -> BaseGeometry:
    """Return a polygon that somebody drew, checked.

    Args:
        content: GeoJSON polygon or multipolygon, WGS-84, longitude first.
        what: What it is, for the error.

    Raises:
        InputError: It is no polygon, has no area, or lies nowhere on Earth.
    """
    content = content.model_dump() if isinstance(content, GeoPolygon) else content
    try:
        outline = shapely.force_2d(shapely.geometry.shape(content))
    except (shapely.errors.ShapelyError, ValueError, TypeError, KeyError, IndexError,
            AttributeError, OverflowError) as error:  # fmt: skip
        raise InputError(f"{what}: the coordinates make no polygon") from error
    return checked_polygon(outline, what=what)


def checked_polygon(outline: BaseGeometry, *, what: str) -> BaseGeometry:
    """Return a polygon after looking at its type, corners, place and area.

    Raises:
        InputError: As `read_polygon`.
    """
    if outline.geom_type not in ("Polygon", "MultiPolygon"):
        raise InputError(f"{what}: is a {outline.geom_type}, not a polygon")
    corners = shapely.get_coordinates(outline)
    if not len(corners) or not np.isfinite(corners).all():
        raise InputError(f"{what}: has no corners, or some that are no finite numbers")
    if len(corners) > MAX_VERTICES:
        raise InputError(f"{what}: has {len(corners):,} corners, at most {MAX_VERTICES:,} are read")
    west, south, east, north = outline.bounds
    if west < -180 or east > 180 or south < -90 or north > 90:
        raise InputError(f"{what}: is not in WGS-84 degrees, longitude first")
    if not outline.is_valid:
        raise InputError(f"{what}: crosses itself ({shapely.is_valid_reason(outline)})")
    if outline.area <= 0:
        raise InputError(f"{what}: has no area")
    return shapely.orient_polygons(outline)
