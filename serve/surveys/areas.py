"""Areas that people draw: GeoJSON polygons in WGS-84, checked before they are kept."""

from __future__ import annotations

import json
from typing import Any, Literal

import numpy as np
import shapely
from pydantic import BaseModel, ConfigDict, Field
from shapely.errors import ShapelyError

from vision.errors import InputError

MOST_VERTICES = 20_000
WIDEST_DEG = 2.0
"""A site is ground that is flown, not a province; and what is this wide was not meant in WGS-84."""


class Area(BaseModel):
    """A GeoJSON polygon or multipolygon in WGS-84, longitude first (RFC 7946)."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["Polygon", "MultiPolygon"]
    coordinates: list[Any] = Field(min_length=1, max_length=MOST_VERTICES)


def checked_area(area: Area) -> dict[str, Any]:
    """Return an area as it is kept.

    Raises:
        InputError: It is no area on the ground.
    """
    try:
        polygon = shapely.from_geojson(json.dumps(area.model_dump(), allow_nan=False))
    except (ShapelyError, ValueError, TypeError, RecursionError) as error:
        raise InputError("area: not a GeoJSON polygon; rings of [longitude, latitude]") from error
    if polygon is None or polygon.is_empty or polygon.geom_type != area.type:
        raise InputError("area: an empty polygon; draw at least one ring")
    points = shapely.get_coordinates(polygon)
    if len(points) > MOST_VERTICES:
        raise InputError(f"area: more than {MOST_VERTICES} points; simplify it")
    if not np.isfinite(points).all() or (np.abs(points) > (180, 90)).any():
        raise InputError("area: coordinates beyond longitude ±180, latitude ±90; send WGS-84")
    if (np.ptp(points, axis=0) > WIDEST_DEG).any():
        raise InputError(f"area: wider than {WIDEST_DEG} degrees; one site is one piece of ground")
    if not polygon.is_valid:
        raise InputError(f"area: {shapely.is_valid_reason(polygon)}; draw it without crossings")
    kept: dict[str, Any] = json.loads(shapely.to_geojson(shapely.force_2d(polygon)))
    return kept
