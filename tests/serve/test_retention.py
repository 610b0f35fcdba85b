"""What is over is deleted, nothing else is, and the ledger says so."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from dbos import DBOS

from serve import retention
from serve.api.access import Role
from serve.db.tables import (
    AnsweredRequest,
    Case,
    Comparison,
    EvidenceRow,
    FindingRow,
    LedgerEntry,
    LoginAttempt,
    LoginSession,
    Review,
    Site,
    Survey,
    Worker,
    new_id,
    utc_now,
)
from serve.service import Service
from serve.settings import RetentionDays
from serve.workflows.retention import clear_away, retain
from serve.workflows.runtime import Runtime
from tests.serve.conftest import settings_for, sign_in

DAYS = RetentionDays(undecided=90, expired=30, rejected=30, confirmed=100, surveys=200)


@pytest.fixture
def service(tmp_path, any_database_url):
    made = Service(settings_for(tmp_path, database_url=any_database_url, retention_days=DAYS))
    yield made
    made.close()


def ago(days):
    return utc_now() - timedelta(days=days)


def add_finding(service, *, state="rejected", decided=40, made=50, files=2, case=None, **more):
    """A finding with evidence; times in days ago."""
    finding_id = new_id()
    values = {
        "id": finding_id, "kind": "illegal_parking", "state": state, "score": 0.5, "risk": 0.5,
        "title_zh": "违停", "title_en": "parking", "document": {}, "created_at": ago(made),
        "last_seen": ago(made), "seen_at": ago(made),
        "decided_at": None if decided is None else ago(decided),
    }  # fmt: skip
    with service.database.write() as session:
        session.add(FindingRow(**{**values, **more}))
        session.flush()
        for number in range(files):
            key = f"evidence/{finding_id}/{number}.jpg"
            service.storage.put(key, b"picture")
            session.add(
                EvidenceRow(
                    finding_id=finding_id, sighting_id="s", role=f"r{number}",
                    sha256=f"{number:064}", media_type="image/jpeg", key=key, size_bytes=7,
                    created_at=ago(made),
                )
            )  # fmt: skip
        if case is not None:
            session.add(
                Case(
                    finding_id=finding_id, dedupe_key=finding_id, target="t", kind="k",
                    event_code="e", table_version="1", title_zh="x", title_en="x", draft={},
                    state=case,
                )
            )  # fmt: skip
    return finding_id


def run(service):
    """A night, without the engine."""
    while retention.expire_undecided(service, limit=2):
        pass
    after = ""
    while ids := retention.findings_over(service, after=after, limit=2):
        for finding_id in ids:
            retention.delete_evidence(service, finding_id)
        after = ids[-1]
    while retention.erase_deleted(service, limit=3):
        pass


def left(service, finding_id):
    """How many files of a finding are there, by the tables and in the storage."""
    with service.database.read() as session:
        rows = session.scalars(
            sa.select(EvidenceRow).where(EvidenceRow.finding_id == finding_id)
        ).all()
    return (
        sum(row.deleted_at is None for row in rows),
        sum(service.storage.exists(row.key) for row in rows),
    )


def entries(service, action):
    with service.database.read() as session:
        return session.scalars(sa.select(LedgerEntry).where(LedgerEntry.action == action)).all()


@pytest.mark.parametrize(
    ("values", "stays"),
    [
        ({"state": "rejected", "decided": 31}, 0),
        ({"state": "rejected", "decided": 29}, 2),
        ({"state": "expired", "decided": 31}, 0),
        ({"state": "confirmed", "decided": 99, "made": 150}, 2),
        ({"state": "confirmed", "decided": 101, "made": 150}, 0),
        ({"state": "confirmed", "decided": 101, "made": 150, "case": "closed"}, 0),
        ({"state": "confirmed", "decided": 101, "made": 150, "case": "refused"}, 0),
        ({"state": "confirmed", "decided": 101, "made": 150, "case": "handling"}, 2),
        ({"state": "confirmed", "decided": 101, "made": 150, "case": "dead"}, 2),
        ({"state": "rejected", "decided": 31, "case": "drafted"}, 2),
        ({"state": "rejected", "decided": 31, "held": True}, 2),
        ({"state": "suspected", "decided": None}, 2),
    ],
)
def test_evidence_goes_at_its_time_and_never_while_it_is_needed(service, values, stays):
    finding_id = add_finding(service, **values)
    run(service)
    assert left(service, finding_id) == (stays, stays)
    deleted = entries(service, "evidence.delete")
    assert len(deleted) == (0 if stays else 1)
    if not stays:
        assert deleted[0].subject == finding_id
        assert f"{1:064}" in deleted[0].detail
    run(service)
    assert len(entries(service, "evidence.delete")) == len(deleted)


def test_rows_stay_and_say_that_it_is_gone(service):
    finding_id = add_finding(service)
    with service.database.read() as session:
        evidence = session.scalars(sa.select(EvidenceRow.id)).first()
    reviewer = sign_in(service, Role.REVIEWER)
    assert reviewer.get(f"evidence/{evidence}").status_code == 200
    run(service)
    assert reviewer.get(f"evidence/{evidence}").status_code == 410
    assert reviewer.get(f"findings/{finding_id}").status_code == 200


def test_many_findings_go_in_stretches(service):
    ids = [add_finding(service, files=1) for _ in range(7)]
    kept = add_finding(service, files=1, held=True)
    run(service)
    assert [left(service, each) for each in ids] == [(0, 0)] * 7
    assert left(service, kept) == (1, 1)


def test_evidence_that_came_after_the_decision_has_its_own_time(service):
    finding_id = add_finding(service, decided=40, made=50)
    with service.database.write() as session:
        newest = session.scalars(sa.select(EvidenceRow)).first()
        newest.created_at = ago(3)
    run(service)
    assert left(service, finding_id) == (1, 1)


def test_a_picture_that_two_findings_show_goes_with_the_last(service):
    first, second = add_finding(service, files=1), add_finding(service, files=1, decided=5)
    with service.database.write() as session:
        key = session.scalar(sa.select(EvidenceRow.key).where(EvidenceRow.finding_id == second))
        session.execute(
            sa.update(EvidenceRow).where(EvidenceRow.finding_id == first).values(key=key)
        )
    run(service)
    assert left(service, first) == (0, 1)
    assert left(service, second) == (1, 1)
    with service.database.write() as session:
        session.execute(sa.update(FindingRow).values(decided_at=ago(60)))
    run(service)
    assert left(service, second) == (0, 0)


def test_what_died_between_the_record_and_the_files_is_finished(service):
    finding_id = add_finding(service)
    retention.delete_evidence(service, finding_id)
    assert left(service, finding_id) == (0, 2)
    run(service)
    assert left(service, finding_id) == (0, 0)
    assert len(entries(service, "evidence.delete")) == 1


def test_a_decision_taken_back_in_the_meantime_keeps_the_evidence(service):
    finding_id = add_finding(service)
    assert retention.findings_over(service, after="") == [finding_id]
    with service.database.write() as session:
        session.get(FindingRow, finding_id).state = "suspected"
    assert retention.delete_evidence(service, finding_id) == 0


@pytest.mark.parametrize(
    ("values", "state"),
    [
        ({"made": 91}, "expired"), ({"made": 89}, "suspected"),
        ({"made": 91, "held": True}, "suspected"),
        ({"made": 200, "last_seen": datetime(2020, 1, 1, tzinfo=UTC)}, "expired"),
        ({"made": 200, "last_seen": utc_now()}, "suspected"),
        ({"made": 1, "last_seen": datetime(2020, 1, 1, tzinfo=UTC)}, "suspected"),
        ({"made": 91, "last_seen": None}, "expired"),
        ({"made": 91, "claimed_by": "wang", "claimed_until": utc_now() + timedelta(hours=1)},
         "suspected"),
        ({"made": 91, "claimed_by": "wang", "claimed_until": utc_now() - timedelta(hours=1)},
         "expired"),
    ],
)  # fmt: skip
def test_findings_that_nobody_decides_on_expire(service, values, state):
    finding_id = add_finding(service, state="suspected", decided=None, **values)
    run(service)
    with service.database.read() as session:
        row = session.get(FindingRow, finding_id)
        history = session.scalars(sa.select(Review.action)).all()
    assert row.state == state
    assert history == (["expire"] if state == "expired" else [])
    assert len(entries(service, "finding.expire")) == len(history)
    assert left(service, finding_id) == (2, 2)


def test_zero_days_means_for_ever(tmp_path):
    days = RetentionDays(undecided=0, expired=0, rejected=0, confirmed=0, surveys=0)
    service = Service(settings_for(tmp_path, retention_days=days))
    decided = add_finding(service, decided=5000, made=6000)
    undecided = add_finding(service, state="suspected", decided=None, made=6000)
    run(service)
    assert retention.surveys_over(service, after="") == []
    assert [left(service, each) for each in (decided, undecided)] == [(2, 2)] * 2
    service.close()


# surveys


def add_survey(service, *, days, finding=None, comparison="done"):
    """A survey, and a comparison with the one after it that found something."""
    with service.database.write() as session:
        site = Site(name=new_id())
        session.add(site)
        session.flush()
        rows = []
        for number in range(2):
            row = Survey(
                site_id=site.id, flown_at=ago(days), state="ready", created_by="x",
                created_at=ago(days if number == 0 else 1),
            )  # fmt: skip
            session.add(row)
            session.flush()
            row.ortho_key = f"surveys/{row.id}/ortho.tif"
            service.storage.put(row.ortho_key, b"tif")
            rows.append(row)
        made = Comparison(
            site_id=site.id, before_id=rows[1].id, after_id=rows[0].id, created_by="x",
            state=comparison,
        )  # fmt: skip
        session.add(made)
        session.flush()
        made.change_key = f"comparisons/{made.id}/change.tif"
        made.report_keys = {"zh": f"comparisons/{made.id}/report-zh.html"}
        for key in (made.change_key, *made.report_keys.values()):
            service.storage.put(key, b"x")
        ids = rows[0].id, made.id
    if finding is not None:
        add_finding(service, comparison_id=ids[1], **finding)
    return ids


@pytest.mark.parametrize(
    ("values", "goes"),
    [
        ({"days": 201}, True), ({"days": 199}, False),
        ({"days": 201, "comparison": "running"}, False),
        ({"days": 201, "finding": {"state": "confirmed", "case": "filed"}}, False),
        ({"days": 201, "finding": {"state": "confirmed", "case": "closed"}}, True),
        ({"days": 201, "finding": {"held": True}}, False),
    ],
)  # fmt: skip
def test_old_surveys_go_with_what_was_made_of_them(service, values, goes):
    survey_id, comparison_id = add_survey(service, **values)
    for each in retention.surveys_over(service, after=""):
        retention.delete_survey(service, each)
    files = [
        service.storage.exists(key)
        for key in (
            f"surveys/{survey_id}/ortho.tif", f"comparisons/{comparison_id}/change.tif",
            f"comparisons/{comparison_id}/report-zh.html",
        )
    ]  # fmt: skip
    assert files == [not goes] * 3
    assert len(entries(service, "survey.delete")) == goes
    reader = sign_in(service, Role.REVIEWER)
    assert reader.get(f"surveys/{survey_id}").status_code == (410 if goes else 200)


# what the service leaves behind, and the workflows


def leave_behind(service):
    user = sign_in(service, Role.REVIEWER).user_id
    with service.database.write() as session:
        for days in (1, 100):
            session.add_all(
                [
                    AnsweredRequest(
                        user_id=user, key=f"{days}", operation="o", request_sha256="0" * 64,
                        status=201, body={}, at=ago(days),
                    ),
                    LoginAttempt(name_sha256="0" * 64, address="a", at=ago(days - 0.5)),
                    LoginSession(user_id=user, secret_sha256=f"{days}", expires_at=ago(days - 2)),
                    Worker(
                        executor_id=f"{days}", host="h", process=1, version="1", queues=[],
                        heard_at=ago(days), gone_at=ago(days),
                    ),
                ]
            )  # fmt: skip


def test_what_the_service_leaves_behind_is_swept(service):
    leave_behind(service)
    assert retention.sweep(service) == {
        "answers": 1, "login_attempts": 1, "sessions": 1, "workers": 1,
    }  # fmt: skip
    assert sum(retention.sweep(service).values()) == 0


def test_the_workflows_do_a_night_s_work(service):
    gone, kept = add_finding(service), add_finding(service, held=True)
    undecided = add_finding(service, state="suspected", decided=None, made=91)
    survey_id, _ = add_survey(service, days=300)
    leave_behind(service)
    runtime = Runtime(service)
    runtime.launch()
    try:
        retain(utc_now(), None)
        clear_away(utc_now(), None)
        assert DBOS.list_workflows(status="ERROR") == []
    finally:
        runtime.close()
    assert left(service, gone) == (0, 0)
    assert left(service, kept) == (2, 2)
    with service.database.read() as session:
        assert session.get(FindingRow, undecided).state == "expired"
        assert session.get(Survey, survey_id).state == "deleted"
        assert session.get(Worker, "100") is None


# holds


def test_a_supervisor_holds_a_finding_and_lets_it_go(service):
    finding_id = add_finding(service)
    supervisor, reviewer = sign_in(service, Role.SUPERVISOR), sign_in(service, Role.REVIEWER)
    path, why = f"findings/{finding_id}/hold", {"reason": "行政复议"}
    assert reviewer.put(path, json=why).status_code == 403
    for _ in range(2):
        assert supervisor.put(path, json=why).status_code == 204
    run(service)
    assert left(service, finding_id) == (2, 2)
    for _ in range(2):
        assert supervisor.delete(path).status_code == 204
    run(service)
    assert left(service, finding_id) == (0, 0)
    with service.database.read() as session:
        history = session.execute(sa.select(Review.action, Review.detail).order_by(Review.at)).all()
    assert [tuple(each) for each in history] == [("hold", why), ("release", {})]
    assert len(entries(service, "finding.hold")) == len(entries(service, "finding.release")) == 1


@pytest.mark.parametrize(("body", "status"), [({}, 422), ({"reason": ""}, 422),
                                              ({"reason": "a\0"}, 422), ({"reason": "  "}, 422),
                                              ({"reason": "x"}, 404)])  # fmt: skip
def test_a_hold_needs_a_finding_and_a_reason(browser, body, status):
    path = "findings/00000000-0000-7000-8000-000000000000/hold"
    assert browser("supervisor").put(path, json=body).status_code == status
