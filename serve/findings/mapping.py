"""Findings as GeoJSON (RFC 7946), in WGS-84 or in the forms that case systems ask for."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from serve.db.tables import FindingRow
from serve.findings.coordinates import wgs84_to_gcj02
from serve.findings.outlines import outline_of

_PRECISION_DEG = 1e-8
"""About a millimetre."""


class Coordinates(StrEnum):
    """What coordinates are given in."""

    WGS84 = "wgs84"
    CGCS2000 = "cgcs2000"
    GCJ02 = "gcj02"


def in_form(shape: BaseGeometry, form: Coordinates) -> BaseGeometry:
    """Return a WGS-84 geometry in another form.

    CGCS2000 (EPSG:4490) and WGS-84 differ by some centimetres, less than either is known here, and
    the EPSG registry's transformation between them changes nothing.
    """
    if form is not Coordinates.GCJ02:
        return shape

    def shifted(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.array([wgs84_to_gcj02(x, y) for x, y in xy]).reshape(-1, 2)

    return shapely.transform(shape, shifted)


def feature_collection(
    rows: Sequence[FindingRow], *, form: Coordinates, following: str | None
) -> dict[str, Any]:
    """Return a page of findings as a feature collection.

    Args:
        rows: The findings.
        form: What the coordinates shall be in. RFC 7946 knows only WGS-84, so the member
            ``coordinates_in`` says what it is.
        following: Cursor of the next page.
    """
    return {
        "type": "FeatureCollection",
        "coordinates_in": form.value,
        "next": following,
        "features": [_feature(row, form) for row in rows],
    }


def _feature(row: FindingRow, form: Coordinates) -> dict[str, Any]:
    shape = outline_of(row)
    if shape is None and row.longitude is not None and row.latitude is not None:
        shape = shapely.Point(row.longitude, row.latitude)
    geometry = None
    if shape is not None:
        placed = shapely.set_precision(in_form(shape, form), _PRECISION_DEG)
        geometry = shapely.geometry.mapping(shapely.orient_polygons(placed))
    return {
        "type": "Feature",
        "id": row.id,
        "geometry": geometry,
        "properties": {
            "kind": row.kind,
            "state": row.state,
            "assessment": row.assessment,
            "score": row.score,
            "risk": row.risk,
            "title_zh": row.title_zh,
            "title_en": row.title_en,
            "first_seen": row.first_seen.isoformat() if row.first_seen else None,
            "last_seen": row.last_seen.isoformat() if row.last_seen else None,
            "site_id": row.site_id,
            "camera_id": row.camera_id,
            "zone": row.zone,
            "area_m2": row.area_m2,
            "cell": row.cell_code,
            "unit": row.unit,
            "sightings": row.sightings,
        },
    }
