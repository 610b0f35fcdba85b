"""Reading the rows of a register's file: GeoJSON, GeoPackage or CSV, known by their content."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError, ProjError
from shapely.geometry.base import BaseGeometry

from serve.findings.coordinates import gcj02_to_wgs84
from vision.errors import InputError, LimitExceeded
from vision.survey.geopackage import read_geopackage

MAX_FILE_BYTES = 50 * 2**20
MAX_ROWS = 200_000
MAX_VERTICES = 5_000_000
MAX_FIELD_CHARACTERS = 1_000_000
"""Of one cell of a CSV file: a polygon as WKT may be long."""
GCJ02 = "GCJ02"

_WGS84 = CRS.from_epsg(4326)
_LONGITUDES = ("lon", "lng", "longitude", "经度", "x")
_LATITUDES = ("lat", "latitude", "纬度", "y")
_WKT = ("wkt", "geometry", "geom", "几何")


@dataclass(frozen=True)
class Row:
    """A row as it was read.

    Attributes:
        number: From 1 as GIS shows it; of CSV the line of the file.
        fields: By heading in small letters.
        geometry: In WGS-84; none where it has none.
        fault: Why its geometry cannot be used; empty where it can.
    """

    number: int
    fields: Mapping[str, object]
    geometry: BaseGeometry | None
    fault: str = ""


def read_rows(content: bytes, *, crs: str | None = None) -> list[Row]:
    """Read all rows of a file.

    Args:
        content: The file.
        crs: What its coordinates are in, ``EPSG:…`` or ``GCJ02``, where the file does not say;
            WGS-84 otherwise.

    Raises:
        InputError: It is none of the three, or not readable; the message says why.
        LimitExceeded: It holds more than is read.
    """
    if len(content) > MAX_FILE_BYTES:
        raise LimitExceeded(f"the file has {len(content):,} bytes, {MAX_FILE_BYTES:,} are read")
    said: CRS | None = None
    if content.startswith(b"SQLite format 3\0"):
        said, rows = _geopackage(content)
    elif content.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"["):
        said, rows = _geojson(content)
    else:
        rows = _csv(content)
    if len(rows) > MAX_ROWS:
        raise LimitExceeded(f"the file has {len(rows):,} rows, {MAX_ROWS:,} are read; cut it")
    move = _mover(said, crs)
    moved: list[Row] = []
    vertices = 0
    for number, fields, geometry in rows:
        named = {str(k).strip().casefold(): v for k, v in fields.items() if k is not None}
        try:
            shape = _shape(geometry)
            if shape is not None:
                vertices += int(shapely.get_num_coordinates(shape))
                shape = _on_earth(move(shape))
            moved.append(Row(number, named, shape))
        except ValueError as error:
            moved.append(Row(number, named, None, str(error)))
        if vertices > MAX_VERTICES:
            raise LimitExceeded(f"more than {MAX_VERTICES:,} corners; simplify the polygons")
    return moved


_Raw = tuple[int, Mapping[Any, object], object]


def _geopackage(content: bytes) -> tuple[CRS, list[_Raw]]:
    with tempfile.TemporaryDirectory(prefix="cityeye-register-") as folder:
        path = Path(folder) / "register.gpkg"
        path.write_bytes(content)
        try:
            crs, pairs = read_geopackage(
                path, content[:100], max_features=MAX_ROWS, kinds=("Polygon", "Point")
            )
        except InputError as error:
            # Where it lay for a moment helps nobody.
            raise type(error)(str(error).replace(str(path), "the file")) from error
    return crs, [(number, fields, shape) for number, (shape, fields) in enumerate(pairs, 1)]


def _geojson(content: bytes) -> tuple[CRS | None, list[_Raw]]:
    mend = "export it again as a GeoJSON FeatureCollection in UTF-8"
    try:
        # Python's parser takes NaN and Infinity, which are not JSON.
        document = json.loads(content.decode("utf-8-sig"), parse_constant=_refuse)
    except RecursionError as error:
        raise InputError(f"the file is nested too deeply to be GeoJSON; {mend}") from error
    except ValueError as error:
        raise InputError(f"the file is not valid JSON ({error}); {mend}") from error
    if not isinstance(document, dict) or not isinstance(document.get("features"), list):
        raise InputError(f"the file is JSON, but no FeatureCollection; {mend}")
    rows: list[_Raw] = []
    for number, feature in enumerate(document["features"], 1):
        feature = feature if isinstance(feature, dict) else {}
        fields = feature.get("properties")
        fields = dict(fields) if isinstance(fields, dict) else {}
        if feature.get("id") is not None:
            fields.setdefault("id", feature["id"])
        rows.append((number, fields, feature.get("geometry")))
    return _named_crs(document.get("crs")), rows


def _refuse(name: str) -> float:
    raise ValueError(f"it holds {name}")


def _named_crs(member: object) -> CRS | None:
    """CRS of the ``crs`` member of GeoJSON 2008, which RFC 7946 dropped."""
    if member is None:
        return None
    try:
        name = member["properties"]["name"]  # type: ignore[index]
        # Only names of authorities: a PROJ string could name files of this machine.
        if not name.upper().startswith(("URN:OGC:DEF:CRS:", "EPSG:")):
            raise ValueError
        return CRS.from_user_input(name)
    except (ValueError, KeyError, TypeError, AttributeError, CRSError) as error:
        raise InputError(
            "the file's 'crs' member is not understood; export it in WGS-84 without that member"
        ) from error


def _csv(content: bytes) -> list[_Raw]:
    text = _text_of(content)
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    # Excel writes at most a few thousand characters a cell; polygons as WKT take more.
    csv.field_size_limit(MAX_FIELD_CHARACTERS)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[_Raw] = []
    try:
        headings = [h.strip().casefold() for h in reader.fieldnames or () if h and h.strip()]
        if len(headings) < 1 or len(set(headings)) != len(headings):
            raise InputError(
                "the file is neither GeoJSON nor GeoPackage, and as CSV its first line gives no "
                "headings, or one of them twice"
            )
        for fields in reader:
            if len(rows) > MAX_ROWS:
                break
            if None in fields:
                raise InputError(f"line {reader.line_num}: more cells than there are headings")
            if any(str(value or "").strip() for value in fields.values()):
                rows.append((reader.line_num, fields, _place_in(fields)))
    except csv.Error as error:
        raise InputError(f"the file is no readable CSV: line {reader.line_num}: {error}") from error
    return rows


def _text_of(content: bytes) -> str:
    if b"\0" in content:
        raise InputError("the file is neither GeoJSON, GeoPackage nor CSV in UTF-8 or GBK")
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise InputError("the file is text in neither UTF-8 nor GBK; save it as CSV UTF-8")


def _place_in(fields: Mapping[str, object]) -> object:
    named = {str(k).strip().casefold(): str(v or "").strip() for k, v in fields.items()}
    for name in _WKT:
        if named.get(name):
            return named[name]
    longitude = next((named[n] for n in _LONGITUDES if named.get(n)), "")
    latitude = next((named[n] for n in _LATITUDES if named.get(n)), "")
    return (longitude, latitude) if longitude or latitude else None


def _shape(geometry: object) -> BaseGeometry | None:
    """Return a geometry from GeoJSON, WKT or two numbers, or raise ValueError."""
    if geometry is None or isinstance(geometry, BaseGeometry):
        return geometry
    try:
        if isinstance(geometry, str):
            return shapely.from_wkt(geometry)
        if isinstance(geometry, tuple):
            return shapely.Point(float(geometry[0]), float(geometry[1]))
        if not isinstance(geometry, dict):
            raise TypeError
        return shapely.geometry.shape(geometry)
    except (shapely.errors.ShapelyError, ValueError, TypeError, KeyError, IndexError,
            AttributeError, OverflowError, RecursionError) as error:  # fmt: skip
        raise ValueError("its coordinates make no geometry") from error


def _mover(said: CRS | None, asked: str | None) -> Any:  # noqa: ANN401
    """Return what turns a geometry into WGS-84."""
    if asked == GCJ02:
        if said is not None and not said.is_geographic:
            raise InputError("GCJ02 is said of a file that is not in degrees")

        def unshift(xy: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.array([gcj02_to_wgs84(x, y) for x, y in xy]).reshape(-1, 2)

        return lambda shape: shapely.transform(_flat(shape), unshift)
    try:
        source = CRS.from_user_input(asked) if asked else said
    except CRSError as error:
        raise InputError(f"{asked} is no coordinate reference system that is known") from error
    if source is None or source == _WGS84:
        return _flat
    transformer = Transformer.from_crs(source, _WGS84, always_xy=True)

    def project(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        try:
            return np.column_stack(transformer.transform(xy[:, 0], xy[:, 1]))
        except ProjError as error:
            raise ValueError("does not lie where its reference system is defined") from error

    return lambda shape: shapely.transform(_flat(shape), project)


def _flat(shape: BaseGeometry) -> BaseGeometry:
    return shapely.force_2d(shape)


def _on_earth(shape: BaseGeometry) -> BaseGeometry:
    if shape.is_empty or not np.isfinite(shapely.get_coordinates(shape)).all():
        raise ValueError("is empty, or has coordinates that are no finite numbers")
    west, south, east, north = shape.bounds
    if west < -180 or east > 180 or south < -90 or north > 90:
        raise ValueError(
            f"({west:.6g}, {south:.6g}) is no longitude and latitude; name the file's reference "
            "system, or export it in WGS-84"
        )
    return shape
