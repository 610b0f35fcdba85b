"""Reading polygons drawn by people: areas of interest, site boundaries, building permits.

Two formats are read, GeoJSON (RFC 7946, with the older ``crs`` member) and GeoPackage, each by its
content and not by its name. Everything is held against :class:`VectorLimits`, turned into the
working CRS, and mended or refused row by row.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from vision.errors import BadVector, LimitExceeded
from vision.survey.geopackage import read_geopackage

_ID_FIELDS = ("permit_id", "许可证号", "编号", "id")
_FROM_FIELDS = ("valid_from", "start", "有效期起")
_TO_FIELDS = ("valid_to", "end", "expires", "有效期止")
_HEIGHT_FIELDS = ("max_height_m", "height", "许可高度")

_DATE_PATTERNS = ("%Y-%m-%d", "%Y%m%d", "%Y/%m/%d", "%Y.%m.%d", "%Y年%m月%d日")
_ROWS_SHOWN = 10
_WGS84 = CRS.from_epsg(4326)
_GREATEST_HEIGHT_M = 1000.0
_MEND_AREA = "Draw the area as polygons."


_AREAS = ("Polygon", "MultiPolygon")
_LINES = ("LineString", "MultiLineString")


class VectorLimits(BaseModel):
    """What a vector file may hold."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_file_bytes: int = Field(
        default=100_000_000, gt=0, title="Largest file", description="bytes on disk"
    )
    max_features: int = Field(default=200_000, gt=0, title="Most features")
    max_vertices: int = Field(
        default=5_000_000, gt=0, title="Most vertices", description="of all features together"
    )


@dataclass(frozen=True, slots=True)
class Permit:
    """A permission to build.

    Attributes:
        permit_id: its number, as the file gives it.
        geometry: where, a polygon or multipolygon in the working CRS.
        valid_from: first day; None where open.
        valid_to: last day; None where open.
        max_height_m: height allowed above ground; None where not stated.
        properties: every field of the file as text.
    """

    permit_id: str
    geometry: BaseGeometry
    valid_from: date | None
    valid_to: date | None
    max_height_m: float | None
    properties: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Row:
    number: int
    geometry: object
    properties: dict[str, Any]


class _Faults:
    """What is wrong with rows of a file; all are looked at before one error is raised."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._texts: list[str] = []
        self._count = 0

    def add(self, row: int, text: str) -> None:
        self._count += 1
        if self._count <= _ROWS_SHOWN:
            self._texts.append(f"row {row}: {text}")

    def raise_any(self) -> None:
        if self._count:
            more = self._count - len(self._texts)
            tail = f"; and {more:,} more" if more else ""
            raise BadVector(f"{self._path}: {'; '.join(self._texts)}{tail}. Mend these rows.")


def read_area(path: str | Path, crs: CRS, *, limits: VectorLimits | None = None) -> BaseGeometry:
    """Read the polygons of a file as one area.

    Args:
        path: GeoJSON or GeoPackage.
        crs: the working CRS.
        limits: what the file may hold.

    Returns:
        The union of all polygons, in ``crs``.

    Raises:
        BadVector: the file cannot be read, or a row is no polygon.
        LimitExceeded: the file holds more than ``limits`` allow.
    """
    path = Path(path).absolute()
    polygons = [polygon for _, polygon in _polygons(path, crs, limits or VectorLimits())]
    area = shapely.union_all(polygons)
    if area.is_empty:
        raise BadVector(f"{path}: holds no polygon. {_MEND_AREA}")
    return area


def read_roads(path: str | Path, crs: CRS, *, limits: VectorLimits | None = None) -> BaseGeometry:
    """Read the lines and polygons of a GeoJSON file, or the polygons of a GeoPackage, as roads.

    Args:
        path: GeoJSON or GeoPackage.
        crs: the working CRS.
        limits: what the file may hold.

    Returns:
        The union of all, in ``crs``.

    Raises:
        BadVector: the file cannot be read, or a row is neither line nor polygon.
        LimitExceeded: the file holds more than ``limits`` allow.
    """
    path = Path(path).absolute()
    shapes = _polygons(path, crs, limits or VectorLimits(), kinds=_AREAS + _LINES)
    roads = shapely.union_all([shape for _, shape in shapes])
    if roads.is_empty:
        raise BadVector(f"{path}: holds no road. Give roads as lines or polygons.")
    return roads


def read_permits(
    path: str | Path, crs: CRS, *, limits: VectorLimits | None = None
) -> tuple[Permit, ...]:
    """Read building permits.

    Fields are known by name, upper or lower case: the number ``permit_id``, ``许可证号``, ``编号``
    or ``id``; the first day ``valid_from``, ``start`` or ``有效期起``; the last day ``valid_to``,
    ``end``, ``expires`` or ``有效期止``; the height ``max_height_m``, ``height`` or ``许可高度``.

    Args:
        path: GeoJSON or GeoPackage.
        crs: the working CRS.
        limits: what the file may hold.

    Raises:
        BadVector: the file cannot be read, or rows are wrong; the message numbers them.
        LimitExceeded: the file holds more than ``limits`` allow.
    """
    path = Path(path).absolute()
    faults = _Faults(path)
    permits: list[Permit] = []
    rows_of: dict[str, int] = {}
    for row, geometry in _polygons(path, crs, limits or VectorLimits(), faults):
        fields = {str(name).strip().casefold(): value for name, value in row.properties.items()}
        try:
            permit = Permit(
                permit_id=_identity(fields),
                geometry=geometry,
                valid_from=_day(fields, _FROM_FIELDS),
                valid_to=_day(fields, _TO_FIELDS),
                max_height_m=_height_m(fields),
                properties={str(k): _text(v) for k, v in row.properties.items()},
            )
            if permit.valid_from and permit.valid_to and permit.valid_to < permit.valid_from:
                raise ValueError(f"ends ({permit.valid_to}) before it begins ({permit.valid_from})")
            if permit.permit_id in rows_of:
                raise ValueError(
                    f"permit {permit.permit_id!r} is already in row {rows_of[permit.permit_id]}"
                )
        except ValueError as error:
            faults.add(row.number, str(error))
            continue
        rows_of[permit.permit_id] = row.number
        permits.append(permit)
    faults.raise_any()
    return tuple(permits)


def _polygons(
    path: Path,
    crs: CRS,
    limits: VectorLimits,
    faults: _Faults | None = None,
    kinds: tuple[str, ...] = _AREAS,
) -> Iterator[tuple[_Row, BaseGeometry]]:
    """Yield rows with their polygon in ``crs``; raise for faulty rows at the end if not given."""
    own = faults is None
    faults = faults or _Faults(path)
    source_crs, rows = _rows(path, limits)
    move = Transformer.from_crs(source_crs, crs, always_xy=True) if source_crs != crs else None
    vertices = 0
    for row in rows:
        try:
            polygon = _polygon(row.geometry, kinds)
            vertices += int(shapely.get_num_coordinates(polygon))
            if vertices > limits.max_vertices:
                raise LimitExceeded(
                    f"{path}: more than max_vertices = {limits.max_vertices:,} vertices. "
                    "Simplify its polygons."
                )
            _check_place(polygon, source_crs)
            if move is not None:
                polygon = _moved(polygon, move)
                if not math.isfinite(sum(polygon.bounds)):
                    raise ValueError(
                        f"does not lie where '{crs.name}' is defined; check the file's CRS, "
                        f"'{source_crs.name}'"
                    )
            if polygon.geom_type in _AREAS:
                polygon = _mended(polygon)
        except LimitExceeded:
            raise
        except ValueError as error:
            faults.add(row.number, str(error))
            continue
        yield row, polygon
    if own:
        faults.raise_any()


def _rows(path: Path, limits: VectorLimits) -> tuple[CRS, Iterable[_Row]]:
    try:
        if not path.is_file():
            what = "not a regular file" if path.exists() else "no such file"
            raise BadVector(f"{path}: {what}. Check the path.")
        size = path.stat().st_size
        if size > limits.max_file_bytes:
            raise LimitExceeded(
                f"{path}: {size:,} bytes, the limit max_file_bytes is {limits.max_file_bytes:,}."
            )
        with path.open("rb") as stream:
            head = stream.read(100)
    except (OSError, UnicodeError) as error:
        raise BadVector(f"{path}: cannot be read ({error}). Check the path.") from error
    if head.startswith(b"SQLite format 3\0"):
        crs, pairs = read_geopackage(path, head, max_features=limits.max_features)
        return crs, [_Row(n, geometry, fields) for n, (geometry, fields) in enumerate(pairs, 1)]
    if head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"["):
        return _geojson(path, limits)
    raise BadVector(
        f"{path}: neither GeoJSON nor GeoPackage; only these two are read. Convert it: "
        "ogr2ogr -f GPKG OUT.gpkg FILE"
    )


def _geojson(path: Path, limits: VectorLimits) -> tuple[CRS, list[_Row]]:
    mend = "Export it again as GeoJSON in UTF-8."
    try:
        text = path.read_bytes().decode("utf-8-sig")
        # Python's parser takes NaN and Infinity, which are not JSON.
        document = json.loads(text, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise BadVector(f"{path}: nested too deeply to be GeoJSON. {mend}") from error
    except ValueError as error:
        raise BadVector(f"{path}: not valid JSON ({error}). {mend}") from error
    if not isinstance(document, dict):
        raise BadVector(f"{path}: JSON, but not GeoJSON. {mend}")
    kind = document.get("type")
    if kind == "FeatureCollection":
        features = document.get("features")
    elif kind == "Feature":
        features = [document]
    elif isinstance(kind, str) and ("coordinates" in document or "geometries" in document):
        features = [{"type": "Feature", "geometry": document, "properties": {}}]
    else:
        raise BadVector(f"{path}: JSON, but not GeoJSON (its type is {str(kind)[:40]!r}). {mend}")
    if not isinstance(features, list):
        raise BadVector(f"{path}: a FeatureCollection without a list of features. {mend}")
    if len(features) > limits.max_features:
        raise LimitExceeded(
            f"{path}: {len(features):,} features, the limit max_features is "
            f"{limits.max_features:,}. Cut the file into parts."
        )
    rows = []
    for number, feature in enumerate(features, 1):
        if not isinstance(feature, dict):
            rows.append(_Row(number, None, {}))
            continue
        fields = feature.get("properties")
        fields = dict(fields) if isinstance(fields, dict) else {}
        if feature.get("id") is not None:
            fields.setdefault("id", feature["id"])
        rows.append(_Row(number, feature.get("geometry"), fields))
    return _geojson_crs(path, document.get("crs")), rows


def _refuse_constant(name: str) -> float:
    raise ValueError(f"it holds {name}")


def _geojson_crs(path: Path, member: object) -> CRS:
    """CRS of the ``crs`` member of GeoJSON 2008, which RFC 7946 dropped; WGS-84 without it."""
    if member is None:
        return _WGS84
    try:
        if not isinstance(member, dict) or member.get("type") != "name":
            raise ValueError
        name = member["properties"]["name"]
        # Only names of authorities: a PROJ string could name files of this machine.
        if not isinstance(name, str) or not name.upper().startswith(("URN:OGC:DEF:CRS:", "EPSG:")):
            raise ValueError
        return CRS.from_user_input(name)
    except (ValueError, KeyError, TypeError, CRSError) as error:
        raise BadVector(
            f"{path}: its 'crs' member {json.dumps(member)[:80]} is not understood. Export it in "
            "WGS-84 longitude and latitude, without that member."
        ) from error


def _polygon(geometry: object, kinds: tuple[str, ...]) -> BaseGeometry:
    """Return a geometry of one of ``kinds``, or raise ValueError that says why it is none."""
    if geometry is None:
        raise ValueError("has no geometry")
    if isinstance(geometry, BaseGeometry):
        read = geometry
    else:
        kind = geometry.get("type") if isinstance(geometry, dict) else None
        if not isinstance(geometry, dict) or kind not in kinds:
            raise ValueError(f"is a {str(kind)[:40]}, not a polygon")
        try:
            read = shape(geometry)
        except (shapely.errors.ShapelyError, ValueError, TypeError, KeyError, IndexError) as error:
            raise ValueError("its coordinates make no polygon") from error
    if read.geom_type not in kinds:
        raise ValueError(f"is a {read.geom_type}, not a polygon")
    if read.is_empty:
        raise ValueError("is empty")
    read = shapely.force_2d(read)
    if not np.isfinite(shapely.get_coordinates(read)).all():
        raise ValueError("has coordinates that are no finite numbers")
    return read


def _moved(polygon: BaseGeometry, move: Transformer) -> BaseGeometry:
    def positions(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack(move.transform(xy[:, 0], xy[:, 1]))

    return shapely.transform(polygon, positions)


def _mended(polygon: BaseGeometry) -> BaseGeometry:
    """Untangle crossing outlines; raise ValueError where no area is left."""
    if not polygon.is_valid:
        polygon = shapely.make_valid(polygon)
        if polygon.geom_type not in ("Polygon", "MultiPolygon"):
            parts = [p for p in shapely.get_parts(polygon) if p.geom_type.endswith("Polygon")]
            polygon = shapely.union_all(parts)
    if polygon.is_empty or polygon.area <= 0:
        raise ValueError("has no area")
    return polygon


def _check_place(polygon: BaseGeometry, crs: CRS) -> None:
    """Refuse coordinates that are no longitude and latitude where the CRS says they are."""
    if not crs.is_geographic:
        return
    west, south, east, north = polygon.bounds
    if west >= -180 and east <= 180 and south >= -90 and north <= 90:
        return
    if max(abs(west), abs(east)) <= 90 and max(abs(south), abs(north)) <= 180:
        raise ValueError("latitude and longitude are swapped; write longitude first")
    raise ValueError(
        f"({west:.6g}, {south:.6g}) is no longitude and latitude; GeoJSON must be in WGS-84 "
        "degrees, so transform it (ogr2ogr -t_srs EPSG:4326)"
    )


def _first(fields: dict[str, Any], names: tuple[str, ...]) -> tuple[str, object] | None:
    for name in names:
        value = fields.get(name)
        if value is not None and str(value).strip():
            return name, value
    return None


def _identity(fields: dict[str, Any]) -> str:
    found = _first(fields, _ID_FIELDS)
    if found is None or isinstance(found[1], (dict, list, bool)):
        raise ValueError(f"has no permit number (a field {', '.join(_ID_FIELDS)})")
    return _text(found[1]).strip()


def _day(fields: dict[str, Any], names: tuple[str, ...]) -> date | None:
    found = _first(fields, names)
    if found is None:
        return None
    name, value = found
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return parse_day(_text(value).strip())
    except ValueError as error:
        raise ValueError(f"{name} = {error}") from error


def parse_day(text: str) -> date:
    """Read a day as lists of permits and registers write it.

    Raises:
        ValueError: It is none; the message shows what was there.
    """
    for pattern in _DATE_PATTERNS:
        try:
            return datetime.strptime(text, pattern).date()
        except ValueError:
            continue
    try:
        return datetime.fromisoformat(text.replace("/", "-")).date()
    except ValueError as error:
        raise ValueError(f"{text[:40]!r} is no date; write 2026-11-22") from error


def _height_m(fields: dict[str, Any]) -> float | None:
    found = _first(fields, _HEIGHT_FIELDS)
    if found is None:
        return None
    name, value = found
    text = _text(value).strip().casefold().removesuffix("米").removesuffix("m").strip()
    try:
        height_m = float(text)
    except ValueError:
        height_m = math.nan
    if isinstance(value, bool) or not 0 < height_m <= _GREATEST_HEIGHT_M:
        raise ValueError(f"{name} = {_text(value)[:40]!r} is no height in metres")
    return height_m


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False)
    return str(value)
