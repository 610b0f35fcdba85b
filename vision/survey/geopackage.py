"""Reading the features of a GeoPackage (OGC 12-128), with nothing but GDAL's GPKG driver."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import fiona
from fiona.errors import FionaError
from pyproj import CRS
from pyproj.exceptions import CRSError
from shapely.errors import ShapelyError
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from vision.errors import BadVector, LimitExceeded

# Application ids at byte 68 of an SQLite file, by version of the standard (clause 1.1.1.1.1).
_APPLICATION_IDS = (b"GPKG", b"GP10", b"GP11")

_OPTIONS: dict[str, Any] = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "OGR_SQLITE_LOAD_EXTENSIONS": "",
    "SQLITE_USE_OGR_VFS": "NO",
}

_MEND = "It may be cut short or damaged; copy or export it again."


def read_geopackage(
    path: Path, head: bytes, *, max_features: int, kinds: tuple[str, ...] = ("Polygon",)
) -> tuple[CRS, list[tuple[BaseGeometry | None, dict[str, Any]]]]:
    """Read the first layer of polygons, or of other kinds.

    Args:
        path: the file.
        head: its first 100 bytes.
        max_features: most features to read.
        kinds: what the layer may hold, in OGC's words; their multiples go with them.

    Returns:
        The layer's CRS, and the geometry and fields of each feature in it.

    Raises:
        BadVector: the file cannot be read or has no layer of polygons.
        LimitExceeded: the layer has more than ``max_features``.
    """
    if head[68:72] not in _APPLICATION_IDS:
        raise BadVector(
            f"{path}: an SQLite database, but not a GeoPackage. Convert it: "
            "ogr2ogr -f GPKG OUT.gpkg FILE"
        )
    try:
        with fiona.Env(**_OPTIONS):
            return _read(path, max_features, kinds)
    except (FionaError, ShapelyError, sqlite3.Error, UnicodeError, OSError) as error:
        reason = " ".join(str(error).split())
        raise BadVector(f"{path}: not a readable GeoPackage ({reason}). {_MEND}") from error


def _feature_tables(path: Path) -> list[str]:
    """Names of the layers that are plain tables.

    Views and virtual tables are left out: their SQL runs when they are read, and GDAL adds
    functions to SQL that open other files.
    """
    address = f"file:{quote(str(path))}?mode=ro&immutable=1"
    with closing(sqlite3.connect(address, uri=True)) as database:
        rows = database.execute(
            "SELECT c.table_name FROM gpkg_contents AS c JOIN sqlite_master AS m "
            "ON lower(m.name) = lower(c.table_name) WHERE c.data_type = 'features' "
            "AND m.type = 'table' AND m.sql NOT LIKE 'create virtual%' ORDER BY c.rowid"
        ).fetchall()
    return [str(name) for (name,) in rows]


def _read(
    path: Path, max_features: int, kinds: tuple[str, ...]
) -> tuple[CRS, list[tuple[BaseGeometry | None, dict[str, Any]]]]:
    for name in _feature_tables(path):
        # Immutable: a journal or write-ahead log beside the file must have no effect.
        with fiona.open(path, layer=name, enabled_drivers=["GPKG"], IMMUTABLE="YES") as layer:
            kind = str(layer.schema["geometry"])
            wanted = any(name in kind for name in kinds)
            if not wanted and kind not in ("Unknown", "GeometryCollection"):
                continue
            if len(layer) > max_features:
                raise LimitExceeded(
                    f"{path}: layer '{name}' has {len(layer):,} features, the limit max_features "
                    f"is {max_features:,}. Cut the file into parts."
                )
            try:
                crs = CRS.from_wkt(layer.crs_wkt)
            except CRSError as error:
                raise BadVector(
                    f"{path}: layer '{name}' names no coordinate reference system that is "
                    "understood. Assign it: ogr2ogr -a_srs EPSG:… OUT.gpkg FILE"
                ) from error
            rows = []
            for feature in layer:
                fields = dict(feature.properties)
                fields.setdefault("id", feature.id)
                geometry = None if feature.geometry is None else shape(feature.geometry)
                rows.append((geometry, fields))
            return crs, rows
    words = " or ".join(f"{name.lower()}s" for name in kinds)
    raise BadVector(f"{path}: has no layer of {words}. Draw the areas as polygons.")
