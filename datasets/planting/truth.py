"""What was planted, exactly."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from shapely.affinity import affine_transform
from shapely.geometry import Polygon, mapping

Attribute = str | float | int | bool


@dataclass(frozen=True, slots=True)
class PlantedObject:
    """One planted thing.

    Attributes:
        kind: ``new_structure``, ``removed_structure``, ``land_clearing`` or ``dust_hotspot``; for
            distractors ``vehicle``, ``tree``, ``crop``, ``stockpile``, ``clutter``, ``puddle``,
            ``laundry`` or ``netted_site`` (new earth, almost all of it under net).
        polygon: outline in pixels of the later picture, x to the right, y down; pixel ``(0, 0)``
            covers ``[0, 1] x [0, 1]``. Things that stood only in the earlier survey are given in
            the same frame.
        height_m: typical height above what it stands on.
        attributes: named words and numbers: ``form``, ``trend``, ``net_share`` …
    """

    kind: str
    polygon: Polygon
    height_m: float
    attributes: Mapping[str, Attribute] = field(default_factory=dict)

    def area_m2(self, gsd_m: float) -> float:
        """Return the outline's area in square metres."""
        return float(self.polygon.area) * gsd_m * gsd_m


def truth_features(
    objects: Iterable[PlantedObject], *, transform: Affine, crs: CRS | str, gsd_m: float
) -> list[dict[str, Any]]:
    """Return GeoJSON features in WGS-84 (RFC 7946).

    Args:
        objects: what was planted.
        transform: pixel corners of the later picture to map coordinates.
        crs: of the map coordinates.
        gsd_m: of the later picture.
    """
    to_wgs84 = Transformer.from_crs(CRS.from_user_input(crs), CRS.from_epsg(4326), always_xy=True)
    matrix = [transform.a, transform.b, transform.d, transform.e, transform.c, transform.f]

    def project(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.stack(to_wgs84.transform(points[:, 0], points[:, 1]), axis=1)

    features = []
    for number, planted in enumerate(objects):
        on_map = affine_transform(planted.polygon, matrix)
        features.append(
            {
                "type": "Feature",
                "geometry": mapping(shapely.transform(on_map, project)),
                "properties": {
                    "number": number,
                    "kind": planted.kind,
                    "height_m": round(planted.height_m, 3),
                    "area_m2": round(planted.area_m2(gsd_m), 2),
                    **planted.attributes,
                },
            }
        )
    return features


def write_truth(
    path: str | Path,
    objects: Iterable[PlantedObject],
    *,
    transform: Affine,
    crs: CRS | str,
    gsd_m: float,
) -> None:
    """Write what was planted as GeoJSON in WGS-84; see :func:`truth_features`."""
    features = truth_features(objects, transform=transform, crs=crs, gsd_m=gsd_m)
    text = json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False)
    Path(path).write_text(text, encoding="utf-8")
