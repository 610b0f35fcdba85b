"""Registers: read from files, refused row by row, versioned, and what they make of findings."""

import json
from datetime import timedelta
from pathlib import Path

import fiona
import pytest
import shapely
import sqlalchemy as sa

from serve.db.tables import FindingRow, RegisterVersion, WarningState
from serve.findings.coordinates import wgs84_to_gcj02
from serve.registers.lookup import ActiveRegisters
from serve.registers.reading import read_rows
from serve.registers.reasons import KINDS
from serve.registers.suspicion import apply
from serve.workflows import registers as workflow
from vision.errors import InputError

from ..city import EAST, MONDAY, NORTH, square, surveyed, watched

BOX = (0.1, 0.5, 0.3, 0.8)


def geojson(*features, crs=None):
    content = {
        "type": "FeatureCollection",
        "features": [
            {"type": "Feature", "properties": fields,
             "geometry": None if shape is None else shapely.geometry.mapping(shape)}
            for shape, fields in features
        ],
        **({"crs": {"type": "name", "properties": {"name": crs}}} if crs else {}),
    }  # fmt: skip
    return json.dumps(content, ensure_ascii=False).encode()


def load(browser, register, content, **params):
    return browser.post(f"registers/{register}/versions", content=content, params=params,
                        headers={"Content-Type": "application/octet-stream"})  # fmt: skip


GRID = geojson(
    (square(-500, -500, 500), {"code": "440113-01", "name": "A", "unit": "Street office 街道办"}),
    (square(0, -500, 500), {"code": "440113-02", "unit": "Parks"}),
    (square(-500, 0, 500), {"code": "440113-03", "unit": "Harbour"}),
    (square(0, 0, 500), {"code": "440113-04", "unit": "Parks"}),
)


def test_a_register_is_imported_looked_into_and_gone_back_from(signed_in):
    supervisor, auditor = signed_in("supervisor"), signed_in("auditor")
    first = load(supervisor, "unit_grid", GRID, file_name="grid.geojson")
    assert first.status_code == 201, first.text
    assert first.json()["version"] | {} == first.json()["version"]
    assert (first.json()["rows"], first.json()["version"]["number"]) == (4, 1)
    again = geojson((square(0, 0, 900), {"code": "big", "unit": "One"}))
    assert load(supervisor, "unit_grid", again).json()["version"]["number"] == 2
    versions = auditor.get("registers/unit_grid/versions").json()["items"]
    assert [(v["number"], v["active"]) for v in versions] == [(2, True), (1, False)]
    older = auditor.get("registers/unit_grid/versions/1/entries?limit=2").json()
    assert [e["code"] for e in older["items"]] == ["440113-01", "440113-02"]
    rest = auditor.get(f"registers/unit_grid/versions/1/entries?cursor={older['next']}").json()
    assert [e["code"] for e in rest["items"]] == ["440113-03", "440113-04"]
    assert auditor.get("registers/unit_grid/entries/440113-01").status_code == 404
    assert supervisor.post("registers/unit_grid/versions/1/activate").status_code == 200
    assert supervisor.post("registers/unit_grid/versions/1/activate").status_code == 409
    assert auditor.get("registers/unit_grid/entries/440113-01").json()["name"] == "A"
    assert supervisor.post("registers/unit_grid/versions/7/activate").status_code == 404
    assert load(auditor, "unit_grid", GRID).status_code == 403
    listed = {r["register"]: r["active"] for r in auditor.get("registers").json()}
    assert listed["unit_grid"]["number"] == 1
    assert listed["muck_trucks"] is None


def test_bad_rows_are_told_by_number_and_nothing_changes(signed_in):
    supervisor = signed_in("supervisor")
    load(supervisor, "building_permits", geojson((square(0, 0, 9), {"permit_id": "old"})))
    bad = geojson(
        (square(0, 0, 10), {"permit_id": "a", "valid_from": "2026-01-01"}),
        (None, {"permit_id": "b"}),
        (square(0, 0, 10), {"permit_id": "a"}),
        (square(0, 0, 10), {}),
        (square(0, 0, 10), {"permit_id": "e", "valid_from": "next week"}),
        (
            square(0, 0, 10),
            {"permit_id": "f", "valid_from": "2026-02-01", "valid_to": "2026-01-01"},
        ),
        (shapely.Point(EAST, NORTH), {"permit_id": "g"}),
        (shapely.box(500, 0, 501, 1), {"permit_id": "h"}),
        (square(0, 0, 10), {"permit_id": "i", "max_height_m": "tall"}),
        (square(0, 0, 10), {"permit_id": "j\u0000"}),
    )
    answer = load(supervisor, "building_permits", bad)
    assert answer.status_code == 422
    rows = [part["where"] for part in answer.json()["parts"]]
    assert rows == [f"row {n}" for n in (2, 3, 4, 5, 6, 7, 8, 9, 10)]
    listed = supervisor.get("registers/building_permits/versions").json()["items"]
    assert [v["number"] for v in listed] == [1]
    dry = geojson((square(0, 0, 10), {"permit_id": "a"}))
    answer = load(supervisor, "building_permits", dry, dry_run=True)
    assert (answer.status_code, answer.json()["rows"]) == (200, 1)
    assert len(supervisor.get("registers/building_permits/versions").json()["items"]) == 1


def geopackage(tmp_path, *, epsg=4547):
    from pyproj import Transformer

    move = Transformer.from_crs(4326, epsg, always_xy=True)
    place = shapely.transform(
        square(0, 0, 10), lambda xy: __import__("numpy").column_stack(move.transform(*xy.T))
    )
    path = tmp_path / "r.gpkg"
    schema = {"geometry": "Polygon", "properties": {"permit_id": "str"}}
    with fiona.open(path, "w", driver="GPKG", crs=f"EPSG:{epsg}", schema=schema) as layer:
        layer.write({"type": "Feature", "geometry": shapely.geometry.mapping(place),
                     "properties": {"permit_id": "g1"}})  # fmt: skip
    return path.read_bytes()


def csv_of(encoding, rows):
    return "\n".join(rows).encode(encoding)


POINT = shapely.Point(EAST, NORTH)
GCJ = wgs84_to_gcj02(EAST, NORTH)
FILES = [
    ("wkt", csv_of("utf-8-sig", ["object_id,name,wkt", f'1,甲,"{square(0, 0, 10).wkt}"']), None),
    ("gbk", csv_of("gb18030", ["对象编号,名称,经度,纬度", f"1,甲,{EAST},{NORTH}"]), None),
    ("tabs", csv_of("utf-8", ["id\tname\tlon\tlat", f"1\t甲\t{EAST}\t{NORTH}"]), None),
    ("gcj", csv_of("utf-8", ["id,name,lon,lat", f"1,甲,{GCJ[0]},{GCJ[1]}"]), "GCJ02"),
    ("cgcs", csv_of("utf-8", ["id,name,lon,lat", f"1,甲,{EAST},{NORTH}"]), "EPSG:4490"),
    ("geojson", geojson((POINT, {"id": 1, "name": "甲"})), None),
    ("old crs", geojson((POINT, {"id": 1, "name": "甲"}), crs="urn:ogc:def:crs:EPSG::4490"), None),
]


def test_rows_are_looked_up_by_place(signed_in):
    auditor = signed_in("auditor")
    assert load(signed_in("supervisor"), "unit_grid", GRID).status_code == 201
    entries = "registers/unit_grid/versions/1/entries"
    west, south, east, north = square(100, -300, 10).bounds
    near = auditor.get(entries, params={"bbox": f"{west},{south},{east},{north}"}).json()
    assert [entry["code"] for entry in near["items"]] == ["440113-02"]
    west, south, east, north = square(-5, -300, 10).bounds
    both = auditor.get(entries, params={"bbox": f"{west},{south},{east},{north}"}).json()
    assert [entry["code"] for entry in both["items"]] == ["440113-01", "440113-02"]
    assert auditor.get(entries, params={"bbox": "1,2,3,4"}).json()["items"] == []
    assert auditor.get(entries, params={"bbox": "1,2,3"}).status_code == 422


@pytest.mark.parametrize(("what", "content", "crs"), FILES)
def test_files_of_every_form_say_the_same(signed_in, what, content, crs):
    params = {"crs": crs} if crs else {}
    answer = load(signed_in("supervisor"), "supervised_objects", content, **params)
    assert answer.status_code == 201, (what, answer.text)
    entry = signed_in("auditor").get("registers/supervised_objects/entries/1").json()
    assert entry["name"] == "甲"
    place = shapely.geometry.shape(entry["geometry"]).representative_point()
    assert place.distance(POINT) < 1.5e-4


def test_a_geopackage_in_gauss_kruger_lands_where_it_lies(signed_in, tmp_path):
    answer = load(signed_in("supervisor"), "building_permits", geopackage(tmp_path))
    assert answer.status_code == 201, answer.text
    entry = signed_in("auditor").get("registers/building_permits/entries/g1").json()
    placed = shapely.geometry.shape(entry["geometry"])
    assert placed.symmetric_difference(square(0, 0, 10)).area < 0.02 * square(0, 0, 10).area


MALFORMED = [
    b"", b"\x00\x01\x02", b"{", b"[]", b'{"type": "FeatureCollection"}', b"[" * 100_000,
    b'{"type":"FeatureCollection","features":[{"geometry":{"type":"Point","coordinates":[NaN,1]}}]}',
    b'{"type":"FeatureCollection","features":[1,"a",null]}',
    b'{"type":"FeatureCollection","features":[],"crs":{"properties":{"name":"+proj=x"}}}',
    b"SQLite format 3\x00" + b"\x00" * 200, b"a,a\n1,2\n", b"id,name\n1,2,3\n",
    b'id,wkt\n1,"POLYGON((nope"\n', b'id,wkt\n1,"unclosed\n', b"\xff\xfe\xff",
    b'{"type":"FeatureCollection","features":[{"properties":{"id":"1"},"geometry":'
    b'{"type":"Point","coordinates":[1e999,1]}}]}',
    b'{"type":"FeatureCollection","features":[{"properties":{"id":{"a":1}},"geometry":'
    b'{"type":"Polygon","coordinates":[[[[[1]]]]]}}]}',
]  # fmt: skip


@pytest.mark.parametrize("content", MALFORMED)
def test_malformed_files_are_refused_in_words(signed_in, content):
    answer = load(signed_in("supervisor"), "supervised_objects", content)
    assert answer.status_code == 422, answer.text
    assert "cityeye-register" not in answer.text


def test_a_huge_file_is_refused(signed_in):
    answer = load(signed_in("supervisor"), "muck_trucks", b"plate\n" + b"x" * (50 * 2**20))
    assert answer.status_code == 413


def test_unknown_reference_systems_are_refused():
    with pytest.raises(InputError, match="EPSG:999999"):
        read_rows(b"id,lon,lat\n1,1,1\n", crs="EPSG:999999")


def judged(city, finding_id):
    with city.writing() as session:
        row = session.get_one(FindingRow, finding_id)
        apply(session, row, settings=city.service.settings)
    return row, [reason["code"] for reason in row.reasons]


PERMITS = [
    ("none", [], ["no_permit"], "suspected"),
    ("covers", [(square(0, 0, 20), {})], ["permitted"], "permitted"),
    ("half", [(square(5, 0, 20), {})], ["beyond_permit"], "suspected"),
    ("over", [(square(0, 0, 20), {"valid_to": "2026-01-01"})], ["permit_over"], "suspected"),
    ("early", [(square(0, 0, 20), {"valid_from": "2027-01-01"})], ["permit_not_yet"], "suspected"),
    ("the last day", [(square(0, 0, 20), {"valid_to": "2026-11-23"})], ["permitted"], "permitted"),
    ("low", [(square(0, 0, 20), {"max_height_m": 3})], ["higher_than_permit"], "suspected"),
    ("elsewhere", [(square(90, 0, 20), {})], ["no_permit"], "suspected"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "permits", "codes", "assessment"), PERMITS)
def test_permits_turn_change_into_suspicion(city, signed_in, what, permits, codes, assessment):
    rows = [(shape, {"permit_id": f"p{n}", **more}) for n, (shape, more) in enumerate(permits)]
    rows.append((square(400, 400, 5), {"permit_id": "far"}))
    taken = city.take(surveyed(square(0, 0, 10), height_gain_m=6.0))
    assert load(signed_in("supervisor"), "building_permits", geojson(*rows)).status_code == 201
    row, found = judged(city, taken.finding_id)
    assert found == codes, what
    assert row.assessment == assessment
    assert row.register_versions == {"building_permits": 1}


TRUCKS = "plate,haulier,valid_to\n粤A·12345,Sand Ltd,\n粤A54321,,2026-01-01\n".encode()


@pytest.mark.parametrize(
    ("plate", "code"),
    [("粤A12345", "truck_listed"), ("粤A54321", "truck_permit_over"),
     ("粤A99999", "truck_not_listed"), (None, "plate_not_read")],
)  # fmt: skip
def test_plates_are_held_against_the_permitted_list(city, signed_in, plate, code):
    assert load(signed_in("supervisor"), "muck_trucks", TRUCKS).status_code == 201
    taken = city.take(watched(BOX, kind="muck_truck_overload", plate=plate))
    assert judged(city, taken.finding_id)[1] == [code]


@pytest.mark.parametrize(
    ("hour", "code"), [(7, "vending_place"), (10, "vending_hours"), (23, "vending_place")]
)
def test_vending_places_have_hours_over_midnight_too(city, signed_in, hour, code):
    rows = geojson((square(-5, -5, 10), {"id": "v", "时段": "06:00-09:00;22:00-02:00"}))
    assert load(signed_in("supervisor"), "vending_permits", rows).status_code == 201
    at = MONDAY.replace(hour=0) - timedelta(hours=8) + timedelta(hours=hour)
    taken = city.take(watched(BOX, kind="street_vending", at=at))
    assert judged(city, taken.finding_id)[1] == [code]


def test_cell_unit_object_and_site_are_found(city, signed_in):
    supervisor = signed_in("supervisor")
    load(supervisor, "unit_grid", GRID)
    load(supervisor, "supervised_objects", geojson((square(60, 0, 9), {"id": "o1", "name": "O"})))
    load(supervisor, "construction_sites", geojson((square(0, 0, 90), {"id": "s", "name": "S"})))
    taken = city.take(surveyed(square(40, 1, 10), kind="dust_hotspot"))
    row, codes = judged(city, taken.finding_id)
    assert (row.cell_code, row.unit, row.supervised_id) == ("440113-04", "Parks", "o1")
    assert codes == ["supervised_object", "on_site_dust"]
    plain = 0.8 * 0.55
    assert row.risk == pytest.approx(plain + 0.1 + 0.1)
    assert {"zh", "en", "weight", "code"} == set(row.reasons[0])


def test_the_workflow_judges_undecided_findings_anew(city, signed_in):
    open_one = city.take(surveyed(square(0, 0, 10)))
    decided = city.take(surveyed(square(100, 0, 10), name="b"))
    with city.writing() as session:
        session.get_one(FindingRow, decided.finding_id).state = "confirmed"
    load(signed_in("supervisor"), "unit_grid", GRID)
    from serve import service as services

    services.install(city.service)
    with city.service.database.read() as session:
        version = session.scalars(sa.select(RegisterVersion)).one()
    workflow.reapply_registers.__wrapped__(version.id, version.activated_at.isoformat())
    with city.service.database.read() as session:
        assert session.get_one(FindingRow, open_one.finding_id).cell_code == "440113-04"
        assert session.get_one(FindingRow, decided.finding_id).cell_code is None
        assert session.get_one(RegisterVersion, version.id).applied_at is not None


def test_lookups_use_the_index_on_both_databases(tmp_path, any_database_url):
    from serve.registers.kinds import Register
    from serve.registers.rows import Entry
    from serve.registers.versions import Origin, add_version
    from serve.service import Service

    from .. import conftest

    service = Service(conftest.settings_for(tmp_path, database_url=any_database_url))
    cells = [
        Entry(f"c{x}-{y}", "", {"unit": "u"}, square(x * 100, y * 100, 100), None, None)
        for x in range(60) for y in range(60)
    ]  # fmt: skip
    with service.database.write() as session:
        add_version(session, Register.UNIT_GRID, cells, Origin("grid", b"", "tests"))
    with service.database.read() as session:
        found = ActiveRegisters(session).around(Register.UNIT_GRID, square(3010, 2010, 50))
        assert [entry.code for entry, _ in found] == ["c30-20"]
    statement = "SELECT * FROM register_entries WHERE version_id='x' AND west BETWEEN 1 AND 2"
    explain = "EXPLAIN QUERY PLAN " if service.database.is_sqlite else "EXPLAIN "
    with service.database.engine.connect() as connection:
        if not service.database.is_sqlite:
            connection.exec_driver_sql("ANALYZE register_entries")
        plan = connection.exec_driver_sql(explain + statement).all()
    assert "ix_register_entries_place" in str(plan)
    service.close()


def test_warnings_rise_with_confirmed_findings_and_fade_with_time(city, signed_in):
    from serve.warning_rules import Colour, Subject
    from serve.warnings import reconsider, subjects_to_weigh, weigh

    settings = city.service.settings
    load(signed_in("supervisor"), "unit_grid", GRID)
    now = MONDAY + timedelta(days=1)
    ids = [city.take(surveyed(square(n * 50, 0, 10), name=str(n))).finding_id for n in range(2)]
    colours = []
    for finding_id in ids:
        with city.writing() as session:
            row = session.get_one(FindingRow, finding_id)
            apply(session, row, settings=settings)
            row.state, row.decided_by, row.decided_at = "confirmed", "rita", now
            reconsider(session, row, settings)
            colours.append(session.get_one(WarningState, ("cell", "440113-04")).colour)
    assert colours == ["yellow", "red"]
    auditor = signed_in("auditor")
    listed = auditor.get("warnings").json()["items"]
    assert [(w["subject"], w["colour"]) for w in listed] == [("440113-04", "red")]
    assert auditor.get("warnings?colour=yellow").json()["items"] == []
    later = MONDAY + timedelta(days=91)
    with city.writing() as session:
        assert (Subject.CELL, "440113-04") in subjects_to_weigh(session, settings, now=later)
        assert (
            weigh(session, Subject.CELL, "440113-04", settings=settings, now=later) is Colour.GREEN
        )
    changes = auditor.get("warnings/changes?subject=440113-04").json()["items"]
    assert [(c["before"], c["after"]) for c in reversed(changes)] == [
        ("green", "yellow"), ("yellow", "red"), ("red", "green")
    ]  # fmt: skip


def test_the_docs_name_every_reason_with_its_weight():
    page = (Path(__file__).parents[3] / "docs" / "registers.md").read_text(encoding="utf-8")
    for code, kind in KINDS.items():
        (line,) = [row for row in page.splitlines() if f"| `{code}`" in row or f", `{code}`" in row]
        assert f"{abs(kind.weight):g}" in line
