"""Changes of state from the other side: signed, once, forward, and never a 5xx."""

import json
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from pydantic import SecretStr

from serve.api.access import Role
from serve.app import make_app
from serve.cases.signing import SIGNATURE_HEADER, TIMESTAMP_HEADER, signature, signed_headers
from serve.db.tables import Case, CaseEvent, utc_now
from serve.service import Service
from tests.serve.cases.lead import SECRET, file_leads, write_targets
from tests.serve.conftest import settings_for, sign_in

HOOK = {"name": "city", "adapter": "webhook", "url": "https://cases.example/drafts"}


@pytest.fixture
def told(tmp_path, any_database_url):
    """A service with a case, on each database, and how its case system speaks to it."""
    file = write_targets(tmp_path, {**HOOK, "states": {"办结": "closed"}})
    service = Service(settings_for(tmp_path, database_url=any_database_url, targets_file=file))
    file_leads(service, 1)
    yield Told(service)
    service.close()


class Told:
    def __init__(self, service):
        self.service = service
        self.client = TestClient(make_app(service), base_url="http://testserver/api/v1")
        self.key = self.case().dedupe_key
        self.serial = 0

    def case(self):
        with self.service.database.read() as session:
            return session.scalars(sa.select(Case)).one()

    def events(self):
        with self.service.database.read() as session:
            query = sa.select(CaseEvent).where(CaseEvent.origin == "callback")
            return session.scalars(query.order_by(CaseEvent.at)).all()

    def say(self, state, **more):
        self.serial += 1
        said = {"event_id": f"e{self.serial}", "dedupe_key": self.key, "state": state, **more}
        return self.raw(json.dumps(said).encode())

    def raw(self, body, *, target="city", secret=SECRET, late_s=0, **headers):
        at = utc_now() - timedelta(seconds=late_s)
        signed = signed_headers(SecretStr(secret), body, now=at)
        return self.client.post(f"callbacks/{target}", content=body, headers={**signed, **headers})


def test_a_case_goes_through_the_flow(told):
    for state in ("立案", "dispatched", "处置", "REPORTED", "核查", "办结"):
        answer = told.say(state, id="C-1")
        assert (answer.status_code, answer.json()["taken"]) == (200, True)
    case = told.case()
    assert (case.state, case.external_id) == ("closed", "C-1")
    assert case.closed_at is not None
    assert [event.state for event in told.events()] == [
        "filed", "dispatched", "handling", "reported", "verified", "closed",
    ]  # fmt: skip


def test_the_same_event_counts_once(told):
    body = json.dumps({"event_id": "e1", "dedupe_key": told.key, "state": "filed"}).encode()
    assert told.raw(body).json()["taken"] is True
    assert told.raw(body).json()["taken"] is False
    assert len(told.events()) == 1


def test_late_news_is_recorded_and_moves_nothing_back(told):
    told.say("handling")
    answer = told.say("filed", at="2026-11-23T10:00:00+08:00", note="late")
    assert answer.json() == {"taken": True, "case_id": told.case().id, "state": "handling"}
    late = told.events()[1]
    assert (late.state, late.detail["moved"]) == ("filed", False)
    assert told.say("filed", correction=True).json()["state"] == "filed"


def test_an_end_is_not_undone_by_what_comes_late(told):
    told.say("closed")
    assert told.say("refused").json()["state"] == "closed"
    assert told.say("handling", correction=True).json()["state"] == "handling"
    assert told.case().closed_at is None


def test_an_unknown_state_is_recorded(told):
    answer = told.say("under the desk")
    assert (answer.status_code, answer.json()["state"]) == (200, "drafted")
    assert told.events()[0].state == "unknown"
    assert told.events()[0].detail["word"] == "under the desk"


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"secret": "not the shared secret"}, 401),
        ({"late_s": 301}, 401),
        ({"late_s": -400}, 401),
        ({"target": "elsewhere"}, 401),
        ({SIGNATURE_HEADER: ""}, 401),
        ({SIGNATURE_HEADER: "sha256=ü".encode()}, 401),
        ({TIMESTAMP_HEADER: "soon"}, 401),
    ],
)
def test_what_is_not_signed_just_now_is_refused(told, change, status):
    body = json.dumps({"event_id": "e", "dedupe_key": told.key, "state": "closed"}).encode()
    assert told.raw(body, **change).status_code == status
    assert told.case().state == "drafted"


def test_a_changed_body_is_refused(told):
    body = json.dumps({"event_id": "e", "dedupe_key": told.key, "state": "filed"}).encode()
    signed = signed_headers(SecretStr(SECRET), body, now=utc_now())
    changed = body.replace(b"filed", b"closed")
    answer = told.client.post("callbacks/city", content=changed, headers=signed)
    assert answer.status_code == 401


def test_a_timestamp_that_is_no_number_is_refused_even_when_signed(told):
    body = b"{}"
    for timestamp in ("soon", "9" * 19, "-1", "1e9", ""):
        given = signature(SecretStr(SECRET), timestamp, body)
        headers = {TIMESTAMP_HEADER: timestamp, SIGNATURE_HEADER: given}
        answer = told.client.post("callbacks/city", content=body, headers=headers)
        assert answer.status_code == 401, timestamp


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422), (b"[]", 422), (b"\xff", 422), (b"{" * 5000, 422), (b"{}", 422),
        (b'{"event_id": "e", "state": "filed"}', 422),
        (b'{"event_id": "e", "state": "filed", "id": "nobody"}', 404),
        (b'{"event_id": "e\\u0000", "state": "filed", "id": "x"}', 422),
        (b'{"event_id": "e", "state": "filed", "id": "x", "at": "2026-11-23T10:00:00"}', 422),
        (b" " * 70_000, 413),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_in_words(told, body, status):
    answer = told.raw(body)
    assert answer.status_code == status
    assert answer.json()["detail"]


def test_notes_may_hold_anything(told):
    assert told.say("filed", note="a\u0000b\nc").json()["taken"] is True
    assert told.events()[0].detail["note"] == "ab\nc"


def test_a_withdrawn_case_stays_withdrawn(told):
    with told.service.database.write() as session:
        session.execute(sa.update(Case).values(state="withdrawn"))
    assert told.say("filed").json()["state"] == "withdrawn"


def test_the_timeline_is_in_the_order_of_what_happened(told):
    told.say("dispatched", at="2026-11-24T12:00:00+00:00")
    told.say("filed", at="2026-11-24T11:00:00+00:00")
    told.say("under the desk", at="2026-11-24T13:00:00+00:00")
    reviewer = sign_in(told.service, Role.REVIEWER)
    seen = reviewer.get(f"cases/{told.case().id}").json()["timeline"]
    remote = [entry for entry in seen if entry["origin"] == "callback"]
    assert [entry["state"] for entry in remote] == ["filed", "dispatched", "unknown"]
    assert remote[0]["state_name"] == {"zh": "立案", "en": "filed"}
    assert remote[0]["at"] == datetime(2026, 11, 24, 11, tzinfo=UTC).isoformat().replace(
        "+00:00", "Z"
    )
