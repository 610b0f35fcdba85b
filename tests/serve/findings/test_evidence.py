"""Evidence by range, originals under seal, and GCJ-02."""

import hashlib

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from serve.api.access import Role
from serve.app import make_app
from serve.db.tables import EvidenceRow, LedgerEntry, utc_now
from serve.findings.coordinates import gcj02_to_wgs84, wgs84_to_gcj02

from .. import conftest
from ..city import file_of, square, surveyed


def test_evidence_comes_by_range_and_originals_are_watched(city):
    shown, original = file_of(b"0123456789"), file_of(b"original", "sealed_scene", sealed=True)
    for file, content in ((shown, b"0123456789"), (original, b"original")):
        city.service.storage.put(file.key, content)
    taken = city.take(surveyed(square(0, 0, 10)), files=[shown, original])
    app = make_app(city.service)
    operator, reviewer = (
        conftest.sign_in(city.service, role, app=app) for role in (Role.OPERATOR, Role.REVIEWER)
    )
    public = operator.get(f"findings/{taken.finding_id}").json()
    assert [picture["role"] for picture in public["pictures"]] == ["before"]
    ids = {item["role"]: item["id"] for item in public["evidence"]}
    part = operator.get(f"evidence/{ids['before']}", headers={"Range": "bytes=2-4"})
    assert (part.status_code, part.content) == (206, b"234")
    sealed = f"evidence/{ids['sealed_scene']}"
    assert operator.get(sealed).status_code == 403
    assert reviewer.get(sealed, headers={"Range": "bytes=1-"}).content == b"riginal"
    assert hashlib.sha256(reviewer.get(sealed).content).hexdigest() == original.evidence.sha256
    with city.service.database.read() as session:
        views = session.scalars(
            sa.select(LedgerEntry).where(LedgerEntry.action == "evidence.view")
        ).all()
    assert [(v.actor, v.subject) for v in views] == [(reviewer.name, ids["sealed_scene"])]
    with city.writing() as session:
        session.execute(sa.update(EvidenceRow).values(deleted_at=utc_now()))
    assert reviewer.get(sealed).status_code == 410
    assert operator.get("evidence/none").status_code == 404


PUBLISHED = [
    # Pairs of WGS-84 and GCJ-02, latitude first, that the eviltransform project tests with.
    ((31.1774276, 121.5272106), (31.17530398364597, 121.531541859215)),
    ((22.543847, 113.912316), (22.540796131694766, 113.9171764808363)),
    ((39.911954, 116.377817), (39.91334545536069, 116.38404722455657)),
]


@pytest.mark.parametrize(("wgs84", "gcj02"), PUBLISHED)
def test_the_shift_is_the_published_one(wgs84, gcj02):
    longitude, latitude = wgs84_to_gcj02(wgs84[1], wgs84[0])
    assert (latitude, longitude) == pytest.approx(gcj02, abs=1e-6)


@given(st.floats(73, 136), st.floats(4, 53))
def test_the_inverse_takes_the_shift_back(longitude, latitude):
    back = gcj02_to_wgs84(*wgs84_to_gcj02(longitude, latitude))
    assert back == pytest.approx((longitude, latitude), abs=1e-9)


@given(st.floats(-180, 70), st.floats(-90, 90))
def test_outside_china_nothing_is_shifted(longitude, latitude):
    assert wgs84_to_gcj02(longitude, latitude) == (longitude, latitude)
