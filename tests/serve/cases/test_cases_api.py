"""Cases, targets, evidence links and figures over HTTP, on both databases."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from serve.api.access import Role
from serve.app import make_app
from serve.cases.evidence_links import link_url
from serve.cases.filing import file_case
from serve.db.tables import CameraRow, Case, EvidenceRow, FindingRow, OutboxEntry, utc_now
from serve.service import Service
from tests.serve.cases.lead import (
    DECIDED,
    add_camera,
    add_evidence,
    add_finding,
    file_leads,
    write_targets,
)  # fmt: skip
from tests.serve.conftest import settings_for, sign_in

HOOK = {"name": "city", "adapter": "webhook", "url": "https://cases.example/drafts"}
PICTURE = b"a whole picture"


@pytest.fixture
def filed(tmp_path, any_database_url):
    """A service with three cases, one of them with evidence."""
    file = write_targets(tmp_path, HOOK, {**HOOK, "name": "dust", "kinds": ["dust_hotspot"]})
    service = Service(settings_for(tmp_path, database_url=any_database_url, targets_file=file))
    file_leads(service, 2)
    with service.database.write() as session:
        row = add_finding(
            session, "shown", camera_id=add_camera_again(session), kind="street_vending",
            unit="North office", cell_code="c1",
        )  # fmt: skip
        add_evidence(service, session, row, content=PICTURE)
        add_evidence(service, session, row, role="sealed_clip", content=b"s", sealed=True)
        file_case(session, row, reviewer="li", decided_at=DECIDED, settings=service.settings)
    yield service
    service.close()


def add_camera_again(session):
    camera = session.scalars(sa.select(CameraRow)).first()
    return camera.id if camera else add_camera(session)


def by(service, role):
    return sign_in(service, role)


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({}, 3), ({"kind": "street_vending"}, 1),
        ({"kind": ["street_vending", "illegal_parking"]}, 3),
        ({"unit": "North office"}, 1), ({"cell_code": "c1"}, 1), ({"target": "dust"}, 0),
        ({"state": "drafted"}, 3), ({"state": "closed"}, 0), ({"text": "流动"}, 1),
        ({"text": "STREET vending"}, 1), ({"text": "100%"}, 0), ({"overdue": True}, 3),
        ({"since": "2020-01-01T00:00:00Z"}, 3), ({"until": "2020-01-01T00:00:00Z"}, 0),
    ],
)  # fmt: skip
def test_lists_are_filtered(filed, query, count):
    if query.get("overdue"):
        with filed.database.write() as session:
            session.execute(sa.update(Case).values(due_at=utc_now() - timedelta(hours=1)))
    answer = by(filed, Role.REVIEWER).get("cases", params=query)
    assert (answer.status_code, len(answer.json()["items"])) == (200, count)


@pytest.mark.parametrize(
    "query",
    [{"state": "lost"}, {"text": "\x00"}, {"since": "2026-01-01T00:00:00"}, {"unit": "u" * 201}],
)
def test_wrong_filters_are_refused(filed, query):
    assert by(filed, Role.REVIEWER).get("cases", params=query).status_code == 422


def test_pages_follow_one_another(filed):
    browser, seen, cursor = by(filed, Role.REVIEWER), [], None
    while True:
        page = browser.get(
            "cases", params={"limit": 2, "cursor": cursor} if cursor else {"limit": 2}
        )
        seen += [item["id"] for item in page.json()["items"]]
        cursor = page.json()["next"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 3


def test_cases_tell_where_they_are(filed):
    with filed.database.write() as session:
        row = session.scalars(sa.select(FindingRow).where(FindingRow.cell_code == "c1")).one()
        row.longitude, row.latitude = 113.53, 22.79
        placed = row.id
    cases = by(filed, Role.AUDITOR).get("cases").json()["items"]
    places = {one["finding_id"]: (one["longitude"], one["latitude"]) for one in cases}
    assert places.pop(placed) == (113.53, 22.79)
    assert set(places.values()) == {(None, None)}


def test_a_case_with_its_messages(filed):
    auditor = by(filed, Role.AUDITOR)
    case_id = auditor.get("cases", params={"unit": "North office"}).json()["items"][0]["id"]
    answer = auditor.get(f"cases/{case_id}")
    assert answer.headers["ETag"] == '"1"'
    case = answer.json()
    assert case["state_name"] == {"zh": "待报送", "en": "drafted"}
    assert [message["state"] for message in case["messages"]] == ["waiting"]
    (message,) = auditor.get(f"cases/{case_id}/messages").json()
    assert message["payload"]["draft"] == case["draft"]
    assert auditor.get("cases/" + "0" * 36).status_code == 404
    assert auditor.get("cases/x").status_code == 422
    assert auditor.get("cases/%00" + "0" * 35).status_code == 422


def test_evidence_links_are_shown_to_whoever_holds_them_until_revoked(filed):
    supervisor = by(filed, Role.SUPERVISOR)
    case_id = supervisor.get("cases", params={"unit": "North office"}).json()["items"][0]["id"]
    evidence = supervisor.get(f"cases/{case_id}").json()["draft"]["evidence"]
    (url,) = [item["url"] for item in evidence if item["url"]]
    path = url.removeprefix(filed.settings.public_url)
    anybody = TestClient(make_app(filed))
    answer = anybody.get(path)
    assert (answer.status_code, answer.content) == (200, PICTURE)
    assert anybody.get(path, headers={"Range": "bytes=2-6"}).content == PICTURE[2:7]
    assert anybody.head(path).status_code == 200
    token = path.rsplit("/", 1)[1]
    for tampered in (
        token[:-2] + ("AA" if token[-2:] != "AA" else "BB"),
        "A" * 43,
        "A",
        token + "A",
    ):
        assert anybody.get(f"/api/v1/case-evidence/{tampered}").status_code == 404, tampered
    assert by(filed, Role.REVIEWER).post(f"cases/{case_id}/revoke-links").status_code == 403
    assert supervisor.post(f"cases/{case_id}/revoke-links").status_code == 200
    assert anybody.get(path).status_code == 410


def test_a_link_ends_and_never_leads_to_sealed_or_deleted_evidence(filed):
    with filed.database.read() as session:
        case = session.scalars(sa.select(Case).where(Case.unit == "North office")).one()
        rows = {row.sealed: row for row in session.scalars(sa.select(EvidenceRow))}
    anybody = TestClient(make_app(filed))

    def get(row, **more):
        settings = filed.settings
        args = {"issue": 1, "now": utc_now(), "days": 1, "settings": settings, **more}
        url, _ = link_url(case.id, row.id, **args)
        return anybody.get(url.removeprefix(settings.public_url)).status_code

    assert get(rows[False]) == 200
    assert get(rows[False], now=utc_now() - timedelta(days=2)) == 410
    assert get(rows[True]) == 404
    with filed.database.write() as session:
        session.get(EvidenceRow, rows[False].id).deleted_at = utc_now()
    assert get(rows[False]) == 410


def test_targets_tell_how_they_fare_and_no_secret(filed):
    answer = by(filed, Role.AUDITOR).get("targets")
    assert "shared with" not in answer.text
    city, dust = answer.json()
    assert (city["name"], city["host"], city["breaker"]) == ("city", "cases.example", "shut")
    assert (city["waiting"], city["dead"]) == (3, 0)
    assert city["oldest_waiting_at"]
    assert dust["waiting"] == 0
    assert by(filed, Role.OPERATOR).get("targets").status_code == 403
    assert by(filed, Role.SUPERVISOR).post("targets/nobody/replay").status_code == 404


def test_a_dead_letter_is_listed_and_its_replay_has_fresh_links(filed):
    with filed.database.write() as session:
        entry = session.scalars(
            sa.select(OutboxEntry)
            .join(Case, Case.id == OutboxEntry.case_id)
            .where(Case.unit == "North office")
        ).one()
        entry.state, entry.last_problem = "dead", "no"
        old = entry.payload["draft"]["evidence"]
    supervisor = by(filed, Role.SUPERVISOR)
    (letter,) = supervisor.get("dead-letters").json()["items"]
    case = supervisor.get(f"cases/{letter['case_id']}").json()
    assert {name: letter[name] for name in ("kind", "title_zh", "title_en")} == {
        name: case[name] for name in ("kind", "title_zh", "title_en")
    }
    assert letter["last_problem"] == "no"
    assert supervisor.get("dead-letters", params={"target": "dust"}).json()["items"] == []
    assert supervisor.post(f"dead-letters/{entry.id}/replay").json()["replayed"] == 1
    with filed.database.read() as session:
        again = session.get(OutboxEntry, entry.id)
    assert (again.state, again.attempts, again.replays) == ("waiting", 0, 1)
    fresh = again.payload["draft"]["evidence"]
    assert [item["sha256"] for item in fresh] == [item["sha256"] for item in old]
    assert max(item["url_ends_at"] or "" for item in fresh) > max(
        item["url_ends_at"] or "" for item in old
    )
    assert supervisor.post("dead-letters/" + "0" * 36 + "/replay").status_code == 404


def test_the_dashboard_counts_what_there_is(filed):
    with filed.database.write() as session:
        for finding_id, state in zip(
            session.scalars(sa.select(Case.finding_id)), ("rejected", "confirmed", "confirmed"),
            strict=True,
        ):  # fmt: skip
            row = session.get(FindingRow, finding_id)
            row.state, row.decided_at = state, utc_now()
        case = session.scalars(sa.select(Case).where(Case.unit == "North office")).one()
        case.state, case.closed_at = "closed", utc_now()
    seen = by(filed, Role.AUDITOR).get("dashboard").json()
    assert seen["totals"] == {
        "found": 3, "confirmed": 2, "rejected": 1, "closed": 1, "filed": 3, "open": 2,
    }  # fmt: skip
    assert sum(row["closed"] for row in seen["units"] if row["unit"] == "North office") == 1
    precision = {row["kind"]: row for row in seen["precision"]}
    assert sum(row["confirmed"] for row in precision.values()) == 2
    assert sum(row["rejected"] for row in precision.values()) == 1
    assert {row["precision"] for row in precision.values()} <= {0.0, 0.5, 1.0}
    assert seen["cameras"] == {}
    assert seen["outbox"] == {"waiting": 3}
    only = by(filed, Role.AUDITOR).get("dashboard", params={"unit": "North office"}).json()
    assert only["totals"]["found"] == 1
