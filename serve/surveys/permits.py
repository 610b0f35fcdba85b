"""Building permits of the register, as the file that a comparison reads."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import shapely
import sqlalchemy as sa
from shapely.geometry import shape
from sqlalchemy.orm import Session

from serve.db.tables import RegisterEntry, RegisterVersion

REGISTER = "building_permits"
MOST = 100_000


def write_permits(session: Session, outline: dict[str, Any], path: Path, *, time_zone: str) -> bool:
    """Write the permits around a survey as GeoJSON.

    Args:
        session: To read in.
        outline: The survey's outline, WGS-84.
        path: File to write.
        time_zone: In which the days of permits are days.

    Returns:
        Whether there is such a register; where there is, an empty file says that nothing here is
        permitted.
    """
    version = session.scalar(
        sa.select(RegisterVersion.id)
        .where(RegisterVersion.register == REGISTER, RegisterVersion.active)
        .order_by(RegisterVersion.number.desc())
        .limit(1)
    )
    if version is None:
        return False
    west, south, east, north = shape(outline).bounds
    rows = session.scalars(
        sa.select(RegisterEntry)
        .where(
            RegisterEntry.version_id == version,
            RegisterEntry.geometry.is_not(None),
            RegisterEntry.west <= east,
            RegisterEntry.east >= west,
            RegisterEntry.south <= north,
            RegisterEntry.north >= south,
        )
        .limit(MOST)
    )
    features = [_feature(row, ZoneInfo(time_zone)) for row in rows]
    document = {"type": "FeatureCollection", "features": features}
    path.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
    return bool(features)


def _feature(row: RegisterEntry, zone: ZoneInfo) -> dict[str, Any]:
    fields: dict[str, Any] = {"permit_id": row.code}
    if row.valid_from is not None:
        fields["valid_from"] = row.valid_from.astimezone(zone).date().isoformat()
    if row.valid_to is not None:
        # The register keeps the moment at which it is over, the comparison reads the last day.
        last = row.valid_to.astimezone(zone) - timedelta(microseconds=1)
        fields["valid_to"] = last.date().isoformat()
    if row.properties.get("max_height_m") is not None:
        fields["max_height_m"] = row.properties["max_height_m"]
    return {
        "type": "Feature",
        "properties": fields,
        "geometry": json.loads(str(shapely.to_geojson(shapely.from_wkb(row.geometry)))),
    }
