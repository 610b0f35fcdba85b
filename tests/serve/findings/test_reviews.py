"""Reviews over HTTP: claims that never collide, decisions, corrections, taking back."""

import threading
from datetime import timedelta

import pytest
import shapely
import sqlalchemy as sa

from serve.api.access import Role
from serve.app import make_app
from serve.db.tables import Case, FindingRow, LedgerEntry, OutboxEntry, Review, utc_now
from serve.findings import claiming
from serve.findings.filters import FindingFilters
from vision.finding import FindingKind

from .. import conftest
from ..city import square, surveyed, watched

BOX = (0.1, 0.5, 0.3, 0.8)


@pytest.fixture
def app(city):
    return make_app(city.service)


@pytest.fixture
def signed_in(city, app):
    return lambda role: conftest.sign_in(city.service, Role(role), app=app)


def etag(browser, finding_id):
    answer = browser.get(f"findings/{finding_id}")
    assert answer.status_code == 200, answer.text
    return {"If-Match": answer.headers["etag"]}


def state_of(city, finding_id):
    with city.service.database.read() as session:
        return session.get_one(FindingRow, finding_id).state


def test_eight_reviewers_claim_five_hundred_and_never_the_same(any_city):
    with any_city.writing() as session:
        for number in range(500):
            session.add(plain_row(number))
    claimed, errors = [], []

    def work(reviewer):
        try:
            while True:
                with any_city.service.database.write() as session:
                    rows = claiming.claim(session, reviewer, FindingFilters(), count=7)
                    ids = [row.id for row in rows]
                    for row in rows:
                        row.state = "confirmed"
                        row.claimed_until = None
                if not ids:
                    return
                claimed.extend(ids)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(f"r{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert len(claimed) == len(set(claimed)) == 500


def test_held_claims_collide_with_nobody_and_are_bounded(any_city):
    """The same without deciding: what is held stays away from the others."""
    with any_city.writing() as session:
        for number in range(500):
            session.add(plain_row(number))
    held = {}

    def work(reviewer):
        ids = []
        for _ in range(6):
            with any_city.service.database.write() as session:
                ids += [r.id for r in claiming.claim(session, reviewer, FindingFilters(), count=20)]
        held[reviewer] = ids

    threads = [threading.Thread(target=work, args=(f"r{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    everything = [finding for ids in held.values() for finding in ids]
    assert len(everything) == len(set(everything)) == 8 * claiming.MOST_HELD


def plain_row(number, **more):
    return FindingRow(
        **{
            "id": f"{number:020x}", "kind": "new_structure", "score": 0.5,
            "risk": (number * 7919 % 500) / 500, "title_zh": "", "title_en": "", "document": {},
            **more,
        }
    )  # fmt: skip


def test_claims_come_by_risk_and_run_out(city, signed_in):
    with city.writing() as session:
        for number in range(5):
            session.add(
                plain_row(number, document=surveyed(square(0, 0, 9)).model_dump(mode="json"))
            )
    first, second = signed_in("reviewer"), signed_in("reviewer")
    answer = first.post("reviews/claims", json={"count": 2})
    assert answer.status_code == 201
    risks = [item["risk"] for item in answer.json()["items"]]
    assert risks == sorted(risks, reverse=True)
    assert len(second.post("reviews/claims", json={"count": 20}).json()["items"]) == 3
    taken = answer.json()["items"][0]["id"]
    refused = second.post(f"findings/{taken}/reject", json={"reason": "unclear"},
                          headers=etag(second, taken))  # fmt: skip
    assert refused.status_code == 409
    assert first.name in refused.json()["detail"]
    assert "until" in refused.json()["detail"]
    # A lease that ran out is free again.
    with city.writing() as session:
        session.execute(sa.update(FindingRow).values(claimed_until=utc_now() - timedelta(1)))
    ids = {i["id"] for i in second.post("reviews/claims", json={"count": 20}).json()["items"]}
    assert taken in ids
    gone = first.post("reviews/claims/renew", json={"finding_ids": [taken]})
    assert gone.status_code == 404
    assert second.post("reviews/claims/release", json={"finding_ids": [taken]}).json() == {
        "released": 1
    }
    assert first.post("reviews/claims", json={"count": 20}).json()["items"][0]["id"] == taken


def test_the_same_claim_sent_again_gives_the_same(city, signed_in):
    with city.writing() as session:
        for number in range(4):
            session.add(
                plain_row(number, document=surveyed(square(0, 0, 9)).model_dump(mode="json"))
            )
    reviewer = signed_in("reviewer")
    key = {"Idempotency-Key": "k1"}
    one = reviewer.post("reviews/claims", json={"count": 2}, headers=key)
    two = reviewer.post("reviews/claims", json={"count": 2}, headers=key)
    assert one.json() == two.json()
    assert len(reviewer.get("reviews/claims").json()["items"]) == 2


def test_a_decision_needs_the_version_or_a_claim(city, signed_in):
    taken = city.take(surveyed(square(0, 0, 10)))
    reviewer = signed_in("reviewer")
    path = f"findings/{taken.finding_id}/reject"
    body = {"reason": "shadow_or_light"}
    assert reviewer.post(path, json=body).status_code == 428
    assert reviewer.post(path, json=body, headers={"If-Match": '"99"'}).status_code == 412
    assert reviewer.post("reviews/claims", json={}).json()["items"][0]["id"] == taken.finding_id
    answer = reviewer.post(path, json=body)
    assert answer.status_code == 200, answer.text
    item = answer.json()
    assert (item["state"], item["reject_reason"]) == ("rejected", "shadow_or_light")
    assert item["claimed_by"] is None
    assert (
        reviewer.post(path, json=body, headers=etag(reviewer, taken.finding_id)).status_code == 409
    )


REASONS = [
    ("shadow_or_light", "", 200),
    ("traffic", "", 422),  # of cameras only
    ("nonsense", "", 422),
    ("other", "", 422),
    ("other", "a film set", 200),
]


@pytest.mark.parametrize(("reason", "text", "status"), REASONS)
def test_each_kind_is_rejected_for_its_reasons(city, signed_in, reason, text, status):
    taken = city.take(surveyed(square(0, 0, 10)))
    reviewer = signed_in("reviewer")
    answer = reviewer.post(
        f"findings/{taken.finding_id}/reject", json={"reason": reason, "text": text},
        headers=etag(reviewer, taken.finding_id),
    )  # fmt: skip
    assert answer.status_code == status
    listed = reviewer.get("reviews/reasons").json()["kinds"]
    assert set(listed) == {kind.value for kind in FindingKind}
    assert "traffic" in [r["code"] for r in listed["illegal_parking"]]


def test_confirming_files_a_case_in_the_same_transaction_and_undo_takes_it_back(
    tmp_path, any_database_url
):
    from serve.service import Service

    from ..city import City

    targets = tmp_path / "targets.yaml"
    targets.write_text(
        "targets:\n  - name: city\n    adapter: webhook\n    url: http://127.0.0.1:9/\n"
        "    allow_plain_http: true\n    secret_env: CITYEYE_CITY_SECRET\n"
        "    kinds: [new_structure]\n"
    )
    service = Service(
        conftest.settings_for(tmp_path, database_url=any_database_url, targets_file=targets)
    )
    city = City(service)
    app = make_app(service)
    reviewer = conftest.sign_in(service, Role.REVIEWER, app=app)
    taken = city.take(surveyed(square(0, 0, 10)))
    key = {"Idempotency-Key": "c1"}
    headers = etag(reviewer, taken.finding_id) | key
    answer = reviewer.post(f"findings/{taken.finding_id}/confirm", json={}, headers=headers)
    assert answer.status_code == 200, answer.text
    again = reviewer.post(f"findings/{taken.finding_id}/confirm", json={}, headers=headers)
    assert again.json() == answer.json()
    with service.database.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Case)) == 1
        assert session.scalars(sa.select(OutboxEntry.state)).all() == ["waiting"]
    public = reviewer.get(f"findings/{taken.finding_id}").json()
    assert [case["target"] for case in public["cases"]] == ["city"]
    undone = reviewer.post(
        f"findings/{taken.finding_id}/undo", json={"text": "too hasty"},
        headers=etag(reviewer, taken.finding_id),
    )  # fmt: skip
    assert undone.status_code == 200, undone.text
    assert (undone.json()["state"], undone.json()["decided_by"]) == ("suspected", None)
    with service.database.read() as session:
        assert session.scalars(sa.select(Case.state)).all() == ["withdrawn"]
        assert session.scalars(sa.select(OutboxEntry.state)).all() == ["cancelled"]
        actions = session.scalars(
            sa.select(LedgerEntry.action).where(LedgerEntry.subject == taken.finding_id)
            .order_by(LedgerEntry.number)
        ).all()  # fmt: skip
    assert actions == ["finding.new", "finding.confirm", "finding.undo"]
    service.close()


def test_only_the_own_and_fresh_decision_is_taken_back_or_by_a_supervisor(city, signed_in):
    taken = city.take(surveyed(square(0, 0, 10)))
    first, second, supervisor = (signed_in(r) for r in ("reviewer", "reviewer", "supervisor"))
    path = f"findings/{taken.finding_id}"
    first.post(f"{path}/reject", json={"reason": "unclear"}, headers=etag(first, taken.finding_id))
    assert (
        second.post(f"{path}/undo", json={}, headers=etag(second, taken.finding_id)).status_code
        == 403
    )
    with city.writing() as session:
        session.execute(sa.update(Review).values(at=utc_now() - timedelta(minutes=11)))
    late = first.post(f"{path}/undo", json={}, headers=etag(first, taken.finding_id))
    assert late.status_code == 403
    by = supervisor.post(f"{path}/undo", json={}, headers=etag(supervisor, taken.finding_id))
    assert by.status_code == 200
    assert state_of(city, taken.finding_id) == "suspected"
    nothing = supervisor.post(f"{path}/undo", json={}, headers=etag(supervisor, taken.finding_id))
    assert nothing.status_code == 409
    history = first.get(path).json()["history"]
    assert [(h["action"], h["undone"]) for h in history] == [("reject", True), ("undo", False)]


def test_a_corrected_outline_is_measured_anew_and_undone(city, signed_in):
    taken = city.take(surveyed(square(0, 0, 10)))
    reviewer = signed_in("reviewer")
    path = f"findings/{taken.finding_id}"
    drawn = shapely.geometry.mapping(square(0, 0, 20))
    body = {"kind": "land_clearing", "geometry": drawn}
    answer = reviewer.post(f"{path}/correct", json=body, headers=etag(reviewer, taken.finding_id))
    assert answer.status_code == 200, answer.text
    item = answer.json()
    assert item["kind"] == "land_clearing"
    assert item["area_m2"] == pytest.approx(400, rel=0.01)
    assert item["title"]["en"].startswith("Suspected land clearing · about ")
    # The next sighting does not overwrite what a person said.
    city.take(surveyed(square(0, 0, 10), name="b", kind="land_clearing"), comparison=2)
    public = reviewer.get(path).json()
    assert public["sightings"] == 2
    assert public["area_m2"] == item["area_m2"]
    undone = reviewer.post(f"{path}/undo", json={}, headers=etag(reviewer, taken.finding_id))
    assert undone.json()["kind"] == "new_structure"
    assert undone.json()["area_m2"] == pytest.approx(100, rel=0.01)


CROSSED = {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [0, 1], [1, 0], [0, 0]]]}
WRONG = [
    ("survey", {"bbox_xyxy": [0.1, 0.1, 0.2, 0.2]}),
    ("survey", {"kind": "illegal_parking"}),
    ("survey", {}),
    ("survey", {"geometry": {"type": "Polygon", "coordinates": []}}),
    ("survey", {"geometry": {"type": "Polygon", "coordinates": "x"}}),
    ("survey", {"geometry": {"type": "Polygon", "coordinates": [[[500, 1], [2, 2], [3, 9]]]}}),
    ("survey", {"geometry": CROSSED}),
    ("survey", {"geometry": {"type": "Polygon", "coordinates": [[[10**400, 0], [1, 1], [0, 1]]]}}),
    ("camera", {"bbox_xyxy": [0.3, 0.1, 0.2, 0.2]}),
    ("camera", {"bbox_xyxy": [0.1, 0.1, 1.2, 0.2]}),
    ("camera", {"geometry": shapely.geometry.mapping(square(0, 0, 5))}),
    ("camera", {"text": "a\x00b", "kind": "street_vending"}),
]  # fmt: skip


@pytest.mark.parametrize(("door", "body"), WRONG)
def test_corrections_that_cannot_be_are_refused(city, signed_in, door, body):
    finding = surveyed(square(0, 0, 10)) if door == "survey" else watched(BOX)
    taken = city.take(finding)
    reviewer = signed_in("reviewer")
    answer = reviewer.post(
        f"findings/{taken.finding_id}/correct", json=body, headers=etag(reviewer, taken.finding_id)
    )
    assert answer.status_code == 422, answer.text
    assert reviewer.get(f"findings/{taken.finding_id}").json()["corrected"] is None


def test_a_corrected_box_stays(city, signed_in):
    taken = city.take(watched(BOX))
    reviewer = signed_in("reviewer")
    box = [0.2, 0.5, 0.4, 0.9]
    answer = reviewer.post(
        f"findings/{taken.finding_id}/correct", json={"bbox_xyxy": box, "kind": "street_vending"},
        headers=etag(reviewer, taken.finding_id),
    )  # fmt: skip
    assert answer.json()["bbox_xyxy"] == box
    assert answer.json()["kind"] == "street_vending"


def test_comments_need_no_claim_and_change_nothing(city, signed_in):
    taken = city.take(surveyed(square(0, 0, 10)))
    reviewer = signed_in("reviewer")
    before = etag(reviewer, taken.finding_id)
    answer = reviewer.post(
        f"findings/{taken.finding_id}/comments", json={"text": "look again 再看"}
    )
    assert answer.status_code == 201
    assert etag(reviewer, taken.finding_id) == before
    history = reviewer.get(f"findings/{taken.finding_id}").json()["history"]
    assert history[0]["detail"] == {"text": "look again 再看"}


def test_a_batch_decides_each_for_itself(city, signed_in):
    ids = [city.take(surveyed(square(n * 50, 0, 10), name=str(n))).finding_id for n in range(4)]
    one, two = signed_in("reviewer"), signed_in("reviewer")
    held = two.post("reviews/claims", json={"count": 1}).json()["items"][0]["id"]
    items = [{"finding_id": i, "revision": 1} for i in ids] + [{"finding_id": "nothing"}]
    answer = one.post(
        "reviews/batch", json={"action": "reject", "reason": "vegetation", "items": items}
    )
    assert answer.status_code == 200
    results = {r["finding_id"]: r["status"] for r in answer.json()["results"]}
    assert results.pop("nothing") == 404
    assert results.pop(held) == 409
    assert set(results.values()) == {200}
    again = one.post("reviews/batch", json={"action": "reject", "reason": "vegetation",
                                            "items": items[:1]})  # fmt: skip
    assert again.json()["results"][0]["status"] in (409, 412)


def test_operators_decide_nothing(city, signed_in):
    taken = city.take(surveyed(square(0, 0, 10)))
    operator = signed_in("operator")
    headers = etag(operator, taken.finding_id)
    path = f"findings/{taken.finding_id}/confirm"
    assert operator.post(path, json={}, headers=headers).status_code == 403
