from __future__ import annotations

import json
import math
import sqlite3
from datetime import date
from pathlib import Path
from typing import Any

import fiona
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS, Transformer
from shapely.geometry import Polygon, box, mapping
from shapely.ops import transform

from vision.errors import BadVector, InputError, LimitExceeded
from vision.survey.vectors import VectorLimits, read_area, read_permits

UTM50 = CRS.from_epsg(32650)
TO_LONLAT = Transformer.from_crs(32650, 4326, always_xy=True).transform
SITE = box(500_100, 2_500_100, 500_200, 2_500_180)
OTHER = box(500_150, 2_500_150, 500_300, 2_500_250)


def lonlat(polygon) -> dict[str, Any]:
    return mapping(transform(TO_LONLAT, polygon))


def feature(geometry: object, **properties: object) -> dict[str, Any]:
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def geojson(path: Path, *features: object, **more: object) -> Path:
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features, **more}))
    return path


def geopackage(path: Path, layers: dict[str, list[tuple[Any, dict[str, Any]]]], epsg=32650) -> Path:
    for name, rows in layers.items():
        kind = rows[0][0].geom_type
        kinds = {int: "int", float: "float", str: "str", date: "date"}
        fields = {key: kinds[type(value)] for key, value in rows[0][1].items()}
        with fiona.open(
            path,
            "w",
            driver="GPKG",
            layer=name,
            crs=f"EPSG:{epsg}",
            schema={"geometry": kind, "properties": fields},
        ) as target:
            for shape, properties in rows:
                target.write(
                    {"type": "Feature", "geometry": mapping(shape), "properties": properties}
                )
    return path


def test_area_is_the_union_in_the_working_crs(tmp_path):
    path = geojson(tmp_path / "a.geojson", feature(lonlat(SITE)), feature(lonlat(OTHER)))
    area = read_area(path, UTM50)
    assert area.symmetric_difference(SITE.union(OTHER)).area < 0.01


@pytest.mark.parametrize("wrap", ["geometry", "feature", "collection", "bom", "multi"])
def test_every_form_of_geojson(tmp_path, wrap):
    path = tmp_path / "a.json"
    shape = lonlat(SITE)
    if wrap == "multi":
        shape = {"type": "MultiPolygon", "coordinates": [shape["coordinates"]]}
    document = {"geometry": shape, "multi": shape, "feature": feature(shape)}.get(
        wrap, {"type": "FeatureCollection", "features": [feature(shape)]}
    )
    path.write_text(json.dumps(document), encoding="utf-8-sig" if wrap == "bom" else "utf-8")
    assert read_area(path, UTM50).symmetric_difference(SITE).area < 0.01


@pytest.mark.parametrize(
    ("name", "epsg"),
    [
        ("urn:ogc:def:crs:OGC:1.3:CRS84", 4326),
        ("urn:ogc:def:crs:EPSG::4547", 4547),
        ("EPSG:32649", 32649),
    ],
)
def test_the_older_crs_member_is_honoured(tmp_path, name, epsg):
    move = Transformer.from_crs(32650, epsg, always_xy=True).transform
    crs = {"type": "name", "properties": {"name": name}}
    path = geojson(tmp_path / "a.geojson", feature(mapping(transform(move, SITE))), crs=crs)
    assert read_area(path, UTM50).symmetric_difference(SITE).area < 0.05


@pytest.mark.parametrize("epsg", [32650, 4326, 4547])
def test_geopackage_takes_the_first_layer_of_polygons(tmp_path, epsg):
    move = Transformer.from_crs(32650, epsg, always_xy=True).transform
    layers = {
        "points": [(transform(move, SITE.centroid), {"n": 1})],
        "sites; DROP TABLE x --": [(transform(move, SITE), {"n": 1})],
        "more": [(transform(move, OTHER), {"n": 1})],
    }
    path = geopackage(tmp_path / "a?b 城.dat", layers, epsg)
    assert read_area(path, UTM50).symmetric_difference(SITE).area < 0.05


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            {"permit_id": "A-1", "valid_from": "2026-01-02", "valid_to": "2026-11-22T08:00:00Z"},
            ("A-1", date(2026, 1, 2), date(2026, 11, 22), None),
        ),
        (
            {
                "许可证号": "建字第1号",
                "有效期起": "20260102",
                "有效期止": "2026/11/22",
                "许可高度": "24米",
            },
            ("建字第1号", date(2026, 1, 2), date(2026, 11, 22), 24.0),
        ),
        (
            {"编号": 17.0, "start": "2026-1-2", "end": "2026年11月22日", "height": "9.5 m"},
            ("17", date(2026, 1, 2), date(2026, 11, 22), 9.5),
        ),
        (
            {"ID": 5, "Start": 20260102, "EXPIRES": None, "max_height_m": 12},
            ("5", date(2026, 1, 2), None, 12.0),
        ),
        (
            {"id": "x", "permit_id": "y", "valid_to": "", "height": " "},
            ("y", None, None, None),
        ),
        (
            {"id": "'; DROP TABLE permits; --", "valid_from": "2026-11-22 08:00:00+08:00"},
            ("'; DROP TABLE permits; --", date(2026, 11, 22), None, None),
        ),
    ],
)
def test_fields_of_permits(tmp_path, fields, expected):
    path = geojson(tmp_path / "p.geojson", feature(lonlat(SITE), **fields))
    (permit,) = read_permits(path, UTM50)
    found = (permit.permit_id, permit.valid_from, permit.valid_to, permit.max_height_m)
    assert found == expected
    assert set(permit.properties) == set(fields)
    assert all(isinstance(value, str) for value in permit.properties.values())
    assert permit.geometry.symmetric_difference(SITE).area < 0.01


def test_permits_from_a_geopackage(tmp_path):
    rows = [
        (SITE, {"permit_id": "A", "valid_to": date(2026, 11, 22), "许可高度": 30.5}),
        (OTHER, {"permit_id": "B", "valid_to": date(2027, 1, 1), "许可高度": 8.0}),
    ]
    first, second = read_permits(geopackage(tmp_path / "p.gpkg", {"permits": rows}), UTM50)
    assert (first.permit_id, first.valid_to, first.max_height_m) == ("A", date(2026, 11, 22), 30.5)
    assert second.geometry.equals(OTHER)


def test_a_feature_id_serves_as_permit_number(tmp_path):
    path = geojson(tmp_path / "p.geojson", {**feature(lonlat(SITE)), "id": "F-9"})
    assert read_permits(path, UTM50)[0].permit_id == "F-9"


def test_no_permits_is_no_error(tmp_path):
    assert read_permits(geojson(tmp_path / "p.geojson"), UTM50) == ()


def test_crossing_outlines_are_mended(tmp_path):
    bow = Polygon(
        [(500_000, 2_500_000), (500_100, 2_500_100), (500_100, 2_500_000), (500_000, 2_500_100)]
    )
    area = read_area(geojson(tmp_path / "a.geojson", feature(lonlat(bow))), UTM50)
    assert area.is_valid and area.area == pytest.approx(5000, rel=0.001)


RING = lonlat(SITE)["coordinates"]


@pytest.mark.parametrize(
    ("geometry", "words"),
    [
        (None, "has no geometry"),
        ({"type": "Point", "coordinates": [117, 22]}, "is a Point, not a polygon"),
        ({"type": "LineString", "coordinates": [[117, 22], [117, 23]]}, "not a polygon"),
        ({"type": "GeometryCollection", "geometries": []}, "not a polygon"),
        ({"type": "Polygon", "coordinates": []}, "is empty"),
        ({"type": "Polygon", "coordinates": [[]]}, "(is empty|make no polygon)"),
        ({"type": "Polygon", "coordinates": [[[117, 22], [117, 23]]]}, "make no polygon"),
        ({"type": "Polygon", "coordinates": "many"}, "make no polygon"),
        ({"type": "Polygon", "coordinates": [[["a", "b"]] * 4]}, "make no polygon"),
        ({"type": "Polygon", "coordinates": [[[117, None]] * 4]}, "(make no|finite)"),
        ({"type": "Polygon", "coordinates": {"x": 1}}, "make no polygon"),
        ({"type": "Polygon"}, "make no polygon"),
        ({"type": "Polygon", "coordinates": [[[117, 1e999]] * 4]}, "finite"),
        ({"type": "Polygon", "coordinates": [[[117.0, 22.0]] * 4]}, "has no area"),
        ([1, 2], "not a polygon"),
        ("POLYGON", "not a polygon"),
        ({"type": "Polygon", "coordinates": [[[y, x] for x, y in RING[0]]]}, "are swapped"),
        (mapping(SITE), "must be in WGS-84"),
    ],
    ids=repr,
)
def test_rows_that_are_no_polygon_are_named(tmp_path, geometry, words):
    text = json.dumps(geometry).replace("Infinity", "1e999")
    rows = f'{json.dumps(feature(lonlat(SITE), id=1))}, {{"type":"Feature","geometry":{text}}}'
    path = tmp_path / "a.geojson"
    path.write_text(f'{{"type":"FeatureCollection","features":[{rows}]}}')
    for read in (read_area, read_permits):
        with pytest.raises(BadVector, match=words) as caught:
            read(path, UTM50)
        assert f"{path}: row 2: " in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "has no permit number"),
        ({"id": ""}, "has no permit number"),
        ({"id": {"a": 1}}, "has no permit number"),
        ({"id": 1, "valid_to": "soon"}, "valid_to = 'soon' is no date"),
        ({"id": 1, "valid_to": "20261399"}, "is no date"),
        ({"id": 1, "valid_to": ["2026-11-22"]}, "is no date"),
        ({"id": 1, "height": "tall"}, "height = 'tall' is no height"),
        ({"id": 1, "height": -3}, "is no height"),
        ({"id": 1, "height": True}, "is no height"),
        ({"id": 1, "height": "inf"}, "is no height"),
        ({"id": 1, "valid_from": "2026-11-22", "valid_to": "2026-01-01"}, "before it begins"),
        ({"id": "twice"}, "'twice' is already in row 1"),
    ],
    ids=repr,
)
def test_fields_that_are_wrong_are_named(tmp_path, fields, words):
    good, bad = feature(lonlat(OTHER), id="twice"), feature(lonlat(SITE), **fields)
    path = geojson(tmp_path / "p.geojson", good, bad)
    with pytest.raises(BadVector, match=words) as caught:
        read_permits(path, UTM50)
    assert "row 2: " in str(caught.value)


def test_ten_bad_rows_are_listed_and_the_rest_counted(tmp_path):
    path = geojson(tmp_path / "p.geojson", *[feature(lonlat(SITE)) for _ in range(25)])
    with pytest.raises(BadVector) as caught:
        read_permits(path, UTM50)
    message = str(caught.value)
    assert message.count("row ") == 10 and "row 10:" in message and "and 15 more" in message


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "neither GeoJSON nor GeoPackage"),
        (b"<OGRVRTDataSource></OGRVRTDataSource>", "neither GeoJSON nor GeoPackage"),
        (b"\0\0\x27\x0a" + bytes(96), "neither GeoJSON nor GeoPackage"),
        (b"PK\3\4" + bytes(96), "neither GeoJSON nor GeoPackage"),
        (b'{"type": "FeatureCollection", "features": [', "not valid JSON"),
        (b'{"type": "Polygon", "coordinates": [[[NaN, 1]]]}', "it holds NaN"),
        (b'{"type": "Polygon", "coordinates": [[[-Infinity, 1]]]}', "it holds -Infinity"),
        (b'{"a":' * 200_000, "nested too deeply"),
        (b"[" * 200_000, "nested too deeply"),
        (b'{"x": "\xff\xfe"}', "not valid JSON"),
        (b"[1, 2]", "not GeoJSON"),
        (b'{"type": "Topology"}', "not GeoJSON"),
        (b'{"type": ["FeatureCollection"]}', "not GeoJSON"),
        (b'{"type": "FeatureCollection", "features": {"a": 1}}', "without a list"),
        (b'{"type": "FeatureCollection", "features": [7, null]}', "row 1: has no geometry"),
        (b'{"type": "FeatureCollection", "features": []}', "holds no polygon"),
        (b'{"type": "FeatureCollection", "features": [], "crs": 4}', "'crs' member"),
        (
            b'{"type": "FeatureCollection", "features": [], "crs": {"type": "name", '
            b'"properties": {"name": "+proj=longlat +nadgrids=/etc/passwd"}}}',
            "'crs' member",
        ),
        (b"1" * 5000, "neither GeoJSON"),
        (b'{"type": "Polygon", "coordinates": [[[' + b"1" * 6000 + b",1]]]}", "not valid JSON"),
        (b"SQLite format 3\0" + bytes(4000), "not a GeoPackage"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_files_that_are_something_else(tmp_path, content, words, capfd):
    path = tmp_path / "a.geojson"
    path.write_bytes(content)
    with pytest.raises(BadVector, match=words) as caught:
        read_area(path, UTM50)
    assert str(caught.value).startswith(f"{path}: ") and len(str(caught.value)) < 500
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("make", [lambda _: None, Path.mkdir], ids=["missing", "folder"])
def test_no_file(tmp_path, make):
    make(tmp_path / "a.geojson")
    with pytest.raises(BadVector, match=r"no such file|not a regular file"):
        read_area(tmp_path / "a.geojson", UTM50)


def test_a_cut_geopackage_is_an_error_or_whole(tmp_path, capfd):
    rows = [(SITE, {"n": n, "text": "x" * 500}) for n in range(300)]
    content = geopackage(tmp_path / "p.gpkg", {"a": rows}).read_bytes()
    cut = tmp_path / "cut.gpkg"
    refused = 0
    for tenth in range(1, 10):
        cut.write_bytes(content[: len(content) * tenth // 10])
        try:
            assert read_area(cut, UTM50).equals(SITE)
        except InputError as error:
            assert str(cut) in str(error) and "\n" not in str(error)
            refused += 1
    assert refused == 9
    assert capfd.readouterr() == ("", "")


def test_views_and_other_databases_are_not_read(tmp_path):
    path = geopackage(tmp_path / "p.gpkg", {"a": [(SITE, {"n": 1})]})
    with sqlite3.connect(path) as database:
        database.execute("ALTER TABLE a RENAME TO hidden")
        database.execute("CREATE VIEW a AS SELECT * FROM hidden")
    with pytest.raises(BadVector, match="no layer of polygons"):
        read_area(path, UTM50)
    plain = tmp_path / "plain.gpkg"
    with sqlite3.connect(plain) as database:
        database.execute("CREATE TABLE a (x)")
    with pytest.raises(BadVector, match="not a GeoPackage"):
        read_area(plain, UTM50)


def test_reading_leaves_nothing_beside_the_file(tmp_path):
    path = geopackage(tmp_path / "p.gpkg", {"a": [(SITE, {"n": 1})]})
    before = path.read_bytes()
    read_area(path, UTM50)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "limits", [{"max_file_bytes": 100}, {"max_features": 1}, {"max_vertices": 9}], ids=str
)
@pytest.mark.parametrize("form", ["geojson", "gpkg"])
def test_each_limit_holds_and_is_named(tmp_path, limits, form):
    if form == "geojson":
        path = geojson(tmp_path / "a", feature(lonlat(SITE)), feature(lonlat(OTHER)))
    else:
        path = geopackage(tmp_path / "a", {"a": [(SITE, {"n": 1}), (OTHER, {"n": 2})]})
    with pytest.raises(LimitExceeded, match=next(iter(limits))):
        read_area(path, UTM50, limits=VectorLimits(**limits))


def test_two_hundred_thousand_vertices_are_read(tmp_path):
    turns = [2 * math.pi * n / 200_000 for n in range(200_000)]
    ring = [[117 + 0.01 * math.cos(t), 22.6 + 0.01 * math.sin(t)] for t in turns]
    path = geojson(
        tmp_path / "a.geojson", feature({"type": "Polygon", "coordinates": [[*ring, ring[0]]]})
    )
    assert read_area(path, UTM50).area == pytest.approx(math.pi * 1027 * 1108, rel=0.01)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["type", "features", "geometry", "coordinates", "properties", "id", "crs"]
            ),
            inner | st.sampled_from(["FeatureCollection", "Feature", "Polygon", "MultiPolygon"]),
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(json_values)
def test_any_json_gives_permits_or_an_input_error(tmp_path_factory, value):
    path = tmp_path_factory.mktemp("any") / "a.geojson"
    path.write_text(json.dumps(value))
    for read in (read_area, read_permits):
        try:
            read(path, UTM50)
        except InputError as error:
            assert str(path) in str(error)
