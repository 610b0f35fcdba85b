"""Lists, counts and the map: right beside a plain search, by index, page by page."""

import random
from datetime import timedelta

import pytest
import shapely
import sqlalchemy as sa

from serve.api.access import Role
from serve.app import make_app
from serve.db.tables import CameraRow, FindingRow
from serve.findings import query as asking
from serve.findings.coordinates import gcj02_to_wgs84
from serve.findings.filters import FindingFilters
from serve.findings.query import Order, list_findings
from serve.service import Service
from vision.finding import FindingKind

from .. import conftest
from ..city import EAST, MONDAY, NORTH, City, square

ROWS = 3_000


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def filled(request, tmp_path_factory):
    """A city with some thousand findings, spread by a fixed seed."""
    url, name = ("", None) if request.param == "sqlite" else conftest.postgres_url()
    service = Service(conftest.settings_for(tmp_path_factory.mktemp("l"), database_url=url))
    City(service)
    rng = random.Random(5)  # noqa: S311
    rows = [made_row(rng, number) for number in range(ROWS)]
    with service.database.write() as session:
        session.execute(sa.insert(FindingRow), rows)
        for number in range(60):
            name = f"Harbour Road mast {number}"
            session.add(
                CameraRow(
                    id=f"camera-0{number}", code=name, name=name, settings={}, address="",
                    sealed_address=b"", created_by="tests",
                )
            )  # fmt: skip
    yield service, rows
    service.close()
    if name:
        conftest.drop_postgres(name)


def made_row(rng, number):
    kind = rng.choice(list(FindingKind)).value
    longitude, latitude = EAST + rng.uniform(-0.1, 0.1), NORTH + rng.uniform(-0.1, 0.1)
    at_camera = rng.random() < 0.5
    return {
        "id": f"{rng.getrandbits(80):020x}", "kind": kind, "score": round(rng.random(), 3),
        "state": rng.choice(["suspected"] * 5 + ["confirmed", "rejected", "expired"]),
        "risk": round(rng.random(), 2), "title_zh": "", "title_en": "",
        "seen_at": MONDAY + timedelta(minutes=rng.randrange(100_000)),
        "site_id": None if at_camera else rng.choice(["site-1", "site-2"]),
        "camera_id": "camera-1" if at_camera else None,
        "longitude": longitude, "latitude": latitude,
        "cell_code": f"4401{number % 40:03}", "unit": f"unit {number % 7}",
        "plate": f"粤A{number:05}" if number % 3 == 0 else None, "document": {},
    }  # fmt: skip


AREA = square(0, 0, 6000)
QUERIES = [
    ({}, lambda _: True),
    ({"kind": ["new_structure"]}, lambda r: r["kind"] == "new_structure"),
    (
        {"kind": ["new_structure", "dust_hotspot"], "state": ["confirmed", "rejected"]},
        lambda r: r["kind"] in ("new_structure", "dust_hotspot")
        and r["state"] in ("confirmed", "rejected"),
    ),
    ({"state": ["suspected"]}, lambda r: r["state"] == "suspected"),
    ({"camera_id": ["camera-1"]}, lambda r: r["camera_id"] == "camera-1"),
    (
        {"site_id": ["site-1", "site-2"], "state": ["expired"]},
        lambda r: r["site_id"] is not None and r["state"] == "expired",
    ),
    ({"cell": ["4401003", "4401004"]}, lambda r: r["cell_code"] in ("4401003", "4401004")),
    ({"unit": ["unit 3"], "kind": ["street_vending"]},
     lambda r: r["unit"] == "unit 3" and r["kind"] == "street_vending"),
    ({"plate": "粤A00300"}, lambda r: r["plate"] == "粤A00300"),
    ({"min_score": 0.9, "max_score": 0.95}, lambda r: 0.9 <= r["score"] <= 0.95),
    (
        {"seen_from": MONDAY.isoformat(), "seen_to": (MONDAY + timedelta(days=5)).isoformat()},
        lambda r: MONDAY <= r["seen_at"] < MONDAY + timedelta(days=5),
    ),
    (
        {"bbox": f"{EAST},{NORTH},{EAST + 0.03},{NORTH + 0.05}", "state": ["suspected"]},
        lambda r: EAST <= r["longitude"] <= EAST + 0.03
        and NORTH <= r["latitude"] <= NORTH + 0.05 and r["state"] == "suspected",
    ),
    ({"area": AREA.wkt}, lambda r: AREA.contains(shapely.Point(r["longitude"], r["latitude"]))),
    ({"text": "东门"}, lambda r: r["camera_id"] == "camera-1"),
    ({"text": "jinlong VILLAGE"}, lambda r: r["site_id"] == "site-1"),
    ({"text": "扬尘"}, lambda r: r["kind"] == "dust_hotspot"),
    ({"text": "扬尘 金龙村"}, lambda r: r["kind"] == "dust_hotspot" and r["site_id"] == "site-1"),
    ({"text": "440101"}, lambda r: r["cell_code"].startswith("440101")),
    ({"text": "粤a000"}, lambda r: (r["plate"] or "").startswith("粤A000")),
    # In the names of more cameras than are looked through one by one.
    ({"text": "road"}, lambda r: r["camera_id"] == "camera-1"),
    (
        {"text": "road", "state": ["rejected"], "kind": ["dust_hotspot", "street_vending"]},
        lambda r: r["camera_id"] == "camera-1" and r["state"] == "rejected"
        and r["kind"] in ("dust_hotspot", "street_vending"),
    ),
    ({"text": "road 扬尘"}, lambda r: r["camera_id"] == "camera-1" and r["kind"] == "dust_hotspot"),
    ({"text": "%"}, lambda _: False),
    ({"text": "no' OR 1=1 --"}, lambda _: False),
]  # fmt: skip


# Ranges that hold few are fetched and sorted, those that hold many are walked along the order.
@pytest.mark.parametrize("few", [asking.FEW, 20])
@pytest.mark.parametrize("number", range(len(QUERIES)))
def test_lists_hold_what_a_plain_search_finds_page_by_page(filled, number, few, monkeypatch):
    monkeypatch.setattr(asking, "FEW", few)
    service, rows = filled
    filters, fits = QUERIES[number]
    for order, key in ((Order.RISK, "risk"), (Order.TIME, "seen_at")):
        wanted = sorted((r for r in rows if fits(r)), key=lambda r: (r[key], r["id"]), reverse=True)
        found, cursor = [], None
        with service.database.read() as session:
            for _ in range(100):
                page, cursor = list_findings(
                    session, FindingFilters(**filters), order=order, limit=170, cursor=cursor
                )
                found += [row.id for row in page]
                if cursor is None:
                    break
        assert found == [r["id"] for r in wanted]


PLANS = [
    ({"state": "suspected"}, "risk", "ix_findings_queue"),
    ({"kind": "new_structure", "state": "suspected"}, "risk", "ix_findings_kind_risk"),
    ({"kind": "new_structure", "state": "suspected"}, "seen_at", "ix_findings_kind_seen"),
    ({"camera_id": "camera-1"}, "seen_at", "ix_findings_camera"),
    ({"site_id": "site-1"}, "risk", "ix_findings_site_risk"),
    ({"cell_code": "4401003"}, "seen_at", "ix_findings_cell"),
    ({}, "risk", "ix_findings_risk"),
]


@pytest.mark.parametrize(("where", "order", "index"), PLANS)
def test_each_way_has_its_index(filled, where, order, index):
    service, _ = filled
    conditions = " AND ".join(f"{name} = '{value}'" for name, value in where.items()) or "1=1"
    query = f"SELECT id FROM findings WHERE {conditions} ORDER BY {order} DESC, id DESC LIMIT 51"  # noqa: S608
    is_sqlite = service.database.is_sqlite
    with service.database.engine.connect() as connection:
        if not is_sqlite:
            connection.exec_driver_sql("ANALYZE findings")
            # With some thousand rows reading all would be as quick; with a million it is not.
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
            connection.exec_driver_sql("SET LOCAL enable_bitmapscan = off")
        plan = str(
            connection.exec_driver_sql(
                ("EXPLAIN QUERY PLAN " if is_sqlite else "EXPLAIN ") + query
            ).all()
        )
    assert f"{index} " in plan.replace("'", " "), plan
    assert "TEMP B-TREE" not in plan
    assert "Sort" not in plan


def test_counts_lists_and_the_map_over_http(filled):
    service, rows = filled
    operator = conftest.sign_in(service, Role.OPERATOR, app=make_app(service))
    counts = operator.get("findings/counts").json()
    assert counts["exact"] is True
    assert sum(c["count"] for c in counts["counts"]) == ROWS
    some = operator.get("findings/counts?camera_id=camera-1&state=rejected").json()["counts"]
    assert sum(c["count"] for c in some) == sum(
        r["camera_id"] == "camera-1" and r["state"] == "rejected" for r in rows
    )
    page = operator.get("findings?limit=5&order=time").json()
    newest = max(rows, key=lambda r: (r["seen_at"], r["id"]))
    assert page["items"][0]["id"] == newest["id"]
    assert page["next"]
    answer = operator.get("findings.geojson?limit=10&crs=gcj02")
    assert answer.headers["content-type"] == "application/geo+json"
    collection = answer.json()
    plain = operator.get("findings.geojson?limit=10").json()
    assert (collection["coordinates_in"], plain["coordinates_in"]) == ("gcj02", "wgs84")
    for shifted, feature in zip(collection["features"], plain["features"], strict=True):
        back = gcj02_to_wgs84(*shifted["geometry"]["coordinates"])
        assert back == pytest.approx(feature["geometry"]["coordinates"], abs=2e-8)
        assert shifted["geometry"] != feature["geometry"]


REFUSED = [
    "bbox=170,0,-170,10", "bbox=1,2,3", "bbox=1,5,2,4", "bbox=nan,1,2,3", "bbox=0,0,1e999,1",
    "area=POINT(1 1)", "area=POLYGON((0 0,1 1", "area=POLYGON((0 0,1 1,0 1,1 0,0 0))",
    "area=POLYGON((0 0,400 0,400 1,0 0))", "kind=nothing", "state=open", "limit=0", "limit=9999",
    "cursor=abc", "cursor=W10=", "cursor=W251bGwsbnVsbF0=", "min_score=nan", "min_score=2",
    "seen_from=2026-01-01", "seen_from=0001-01-01T00:00:00%2B08:00", "text=%00", "text=",
    "camera_id=%27", "order=score", "unknown=1", "seen_from=9999-12-31T23:59:59-12:00",
]  # fmt: skip


def test_what_makes_no_sense_is_refused_in_words(filled):
    service, _ = filled
    operator = conftest.sign_in(service, Role.OPERATOR, app=make_app(service))
    for query in REFUSED:
        answer = operator.get(f"findings?{query}")
        assert answer.status_code == 422, (query, answer.text)
        assert answer.json()["detail"]
    assert operator.get("findings/nothing").status_code == 404
    assert operator.get("findings/a%00b").status_code == 422
