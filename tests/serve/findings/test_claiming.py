"""Claims by order, of certain findings, past others; and what one decided today."""

import json
from datetime import timedelta

import pytest
import sqlalchemy as sa

from serve.api.access import Role
from serve.app import make_app
from serve.db.tables import FindingRow, LedgerEntry, utc_now
from serve.findings import claiming
from serve.findings.filters import FindingFilters
from serve.findings.query import Order

from .. import conftest
from ..city import square, surveyed


@pytest.fixture
def signed_in(city):
    app = make_app(city.service)
    return lambda role: conftest.sign_in(city.service, Role(role), app=app)


def rows(count):
    """Findings whose risk falls while they get newer."""
    document = surveyed(square(0, 0, 9)).model_dump(mode="json")
    return [
        FindingRow(
            id=f"{number:020x}", kind="new_structure", score=0.5, risk=1 - number / 100,
            title_zh="", title_en="", document=document,
            seen_at=utc_now() - timedelta(hours=count - number),
        )
        for number in range(count)
    ]  # fmt: skip


def name(number):
    return f"{number:020x}"


def test_claims_come_by_risk_or_by_time_and_pass_over_what_was_left(any_city):
    with any_city.writing() as session:
        session.add_all(rows(6))
    with any_city.writing() as session:
        newest = claiming.claim(session, "a", FindingFilters(), count=2, order=Order.TIME)
        assert [row.id for row in newest] == [name(5), name(4)]
        past = claiming.claim(session, "b", FindingFilters(), count=2, except_ids=[name(0)])
        assert [row.id for row in past] == [name(1), name(2)]
        rest = claiming.claim(session, "c", FindingFilters(), count=9)
        assert [row.id for row in rest] == [name(0), name(3)]


def test_certain_findings_are_claimed_as_far_as_they_are_free(any_city):
    with any_city.writing() as session:
        session.add_all(rows(5))
    with any_city.writing() as session:
        session.get_one(FindingRow, name(3)).state = "confirmed"
        claiming.claim(session, "other", FindingFilters(), count=1)
    with any_city.writing() as session:
        asked = [name(4), name(0), name(3), name(1), name(99)]
        claimed = claiming.claim_these(session, "me", asked)
        assert [row.id for row in claimed] == [name(4), name(1)]
    # What is held already is held for a whole lease anew, and that is no news for the ledger.
    with any_city.writing() as session:
        soon = utc_now() + timedelta(seconds=5)
        session.get_one(FindingRow, name(4)).claimed_until = soon
        (again,) = claiming.claim_these(session, "me", [name(4)])
        assert again.claimed_until > soon + timedelta(seconds=claiming.LEASE_S - 60)
    with any_city.service.database.read() as session:
        claims = sa.select(sa.func.count()).where(LedgerEntry.action == "review.claim")
        assert session.scalar(claims) == 2


def test_no_more_are_held_than_allowed(city):
    with city.writing() as session:
        session.add_all(rows(claiming.MOST_HELD + 3))
    ids = [name(number) for number in range(claiming.MOST_HELD + 3)]
    with city.writing() as session:
        assert len(claiming.claim_these(session, "me", ids[:-5])) == claiming.MOST_HELD - 2
        assert len(claiming.claim_these(session, "me", ids)) == claiming.MOST_HELD
        assert claiming.claim_these(session, "me", ids[-1:]) == []


def test_claims_over_http_take_order_exceptions_and_certain_ones(city, signed_in):
    with city.writing() as session:
        session.add_all(rows(6))
    reviewer, other = signed_in("reviewer"), signed_in("reviewer")

    def claim(browser, **body):
        answer = browser.post("reviews/claims", json=body)
        assert answer.status_code == 201, answer.text
        return [item["id"] for item in answer.json()["items"]]

    assert claim(reviewer, order="time") == [name(5)]
    assert claim(reviewer, count=2, except_ids=[name(0)]) == [name(1), name(2)]
    assert claim(other, finding_ids=[name(5), name(0)]) == [name(0)]
    with city.service.database.read() as session:
        ledger = session.scalars(
            sa.select(LedgerEntry.detail).where(LedgerEntry.action == "review.claim")
        ).all()
    assert {"findings": [name(0)]} in [json.loads(detail) for detail in ledger]
    assert reviewer.post("reviews/claims", json={"order": "best"}).status_code == 422


def test_a_tally_counts_the_own_decisions_that_stand(city, signed_in):
    with city.writing() as session:
        session.add_all(rows(4))
    reviewer, other = signed_in("reviewer"), signed_in("reviewer")
    reviewer.post("reviews/claims", json={"count": 3})
    other.post("reviews/claims", json={"count": 1})
    began = (utc_now() - timedelta(minutes=1)).isoformat()
    for number in range(3):
        rejected = reviewer.post(f"findings/{name(number)}/reject", json={"reason": "unclear"})
        assert rejected.status_code == 200, rejected.text
    other.post(f"findings/{name(3)}/reject", json={"reason": "unclear"})
    version = {"If-Match": f'"{rejected.json()["revision"]}"'}
    assert reviewer.post(f"findings/{name(2)}/undo", json={}, headers=version).is_success

    def tally(since):
        return reviewer.get("reviews/tally", params={"since": since}).json()

    assert tally(began) == {"confirmed": 0, "rejected": 2}
    assert tally((utc_now() + timedelta(minutes=1)).isoformat()) == {"confirmed": 0, "rejected": 0}
    assert reviewer.get("reviews/tally").status_code == 422
