"""Sites, and what may be done to surveys and comparisons."""

import json
from datetime import timedelta

import pytest

from serve.db.tables import Comparison, Site, Survey, new_id, utc_now
from serve.surveys import comparing
from serve.surveys.pairs import compare_neighbours
from serve.workflows import stopping
from tests.serve.surveys.flying import flown, make_site, upload

SQUARE = [[[113.5, 22.7], [113.6, 22.7], [113.6, 22.8], [113.5, 22.7]]]


def polygon(coordinates):
    return {"name": "a", "area": {"type": "Polygon", "coordinates": coordinates}}


def survey_row(site, at, state="ready", **more):
    return Survey(
        id=new_id(), site_id=site, flown_at=at, state=state, ortho_key="surveys/x/ortho.tif",
        facts={"ortho": {}}, created_by="somebody", **more,
    )  # fmt: skip


def add(service, *rows):
    with service.database.write() as session:
        session.add_all(rows)
    return [row.id for row in rows]


def test_a_site_lives(browser):
    client = browser("operator")
    body = {"name": "江边", "area": {"type": "Polygon", "coordinates": SQUARE}}
    made = client.post("sites", json={**body, "options": {"min_area_m2": 20}})
    assert made.status_code == 201
    path = f"sites/{made.json()['id']}"
    assert made.headers["Location"] == f"/api/v1/{path}"
    assert client.post("sites", json=body).status_code == 409
    read = client.get(path)
    assert read.json()["options"] == {"min_area_m2": 20}
    change = {"name": "河边", "area": None}
    assert client.patch(path, json=change).status_code == 428
    tag = {"If-Match": read.headers["ETag"]}
    changed = client.patch(path, json=change, headers=tag)
    assert (changed.json()["name"], changed.json()["area"]) == ("河边", None)
    assert changed.json()["options"] == {"min_area_m2": 20}
    assert client.patch(path, json=change, headers=tag).status_code == 412
    other = make_site(client)
    taken = client.patch(f"sites/{other}", json={"name": "河边"}, headers={"If-Match": "*"})
    assert taken.status_code == 409
    assert len(browser("reviewer").get("sites").json()["items"]) == 2
    assert browser("reviewer").patch(path, json=change, headers=tag).status_code == 403
    assert client.delete(path, headers={"If-Match": changed.headers["ETag"]}).status_code == 204
    assert client.get(path).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": "a\0b"},
        {"name": "x" * 201},
        {"name": "a", "description": "\0"},
        {"name": "a", "unknown": 1},
        {"name": "a", "options": {"min_area_m2": -1}},
        {"name": "a", "options": {"limits": {}}},
        {"name": "a", "options": {"min_score": "NaN"}},
        {"name": "a", "area": {"type": "Point", "coordinates": [1, 2]}},
        polygon([]),
        polygon([[[0, 0], [1, 1]]]),
        polygon([[[0, 0], "x", [1, 1], [0, 0]]]),
        polygon([[[0, 95], [1, 95], [1, 96], [0, 95]]]),
        polygon([[[0, 0], [9, 0], [9, 9], [0, 0]]]),
        polygon([[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]),
        polygon([[[0, 0], [1e400, 0], [1, 1], [0, 0]]]),
        polygon({"a": 1}),
        {"name": "a", "area": {"type": "MultiPolygon", "coordinates": SQUARE}},
    ],
)  # fmt: skip
def test_sites_that_are_none(browser, body):
    headers = {"Content-Type": "application/json"}
    answer = browser("operator").post("sites", content=json.dumps(body), headers=headers)
    assert answer.status_code == 422, answer.text


def test_a_survey_needs_what_is_there(service, browser):
    client, other = browser("operator"), browser("operator")
    site = make_site(client)
    ortho, at = upload(client, b"x" * 10), "2026-05-01T08:00:00+08:00"
    half = client.post("uploads", headers={"Tus-Resumable": "1.0.0", "Upload-Length": "9"})
    refused = [
        ({"flown_at": at}, 422),
        ({"flown_at": at, "ortho_upload_id": new_id()}, 404),
        ({"flown_at": at, "ortho_upload_id": ortho, "dsm_upload_id": ortho}, 422),
        ({"flown_at": at, "ortho_upload_id": half.json()["id"]}, 409),
        ({"flown_at": "2026-05-01T08:00:00", "ortho_upload_id": ortho}, 422),
        ({"flown_at": "0001-01-01T00:00:00+14:00", "ortho_upload_id": ortho}, 422),
        ({"flown_at": "9999-12-31T23:59:59-14:00", "ortho_upload_id": ortho}, 422),
        ({"flown_at": at, "ortho_upload_id": upload(other, b"x")}, 404),
        ({"flown_at": at, "ortho_upload_id": "../" + ortho}, 422),
    ]
    for body, status in refused:
        answer = client.post(f"sites/{site}/surveys", json=body)
        assert answer.status_code == status, (body, answer.text)
    body = {"flown_at": at, "ortho_upload_id": ortho}
    assert client.post(f"sites/{new_id()}/surveys", json=body).status_code == 404
    key = {"Idempotency-Key": "k"}
    made = client.post(f"sites/{site}/surveys", json=body, headers=key)
    assert made.status_code == 201
    again = client.post(f"sites/{site}/surveys", json=body, headers=key)
    assert again.json()["id"] == made.json()["id"]
    assert client.post(f"sites/{site}/surveys", json=body).status_code == 409
    in_use = client.delete(f"uploads/{ortho}", headers={"Tus-Resumable": "1.0.0"})
    assert in_use.status_code == 409
    path = f"surveys/{made.json()['id']}"
    gone = client.delete(path, headers={"If-Match": "*"})
    assert gone.status_code == 409
    assert client.post(f"{path}/retry").status_code == 409
    assert client.post(f"{path}/cancel").json()["state"] == "cancelled"
    assert client.post(f"{path}/cancel").status_code == 200
    assert list(service.storage.list(f"uploads/{ortho}")) == []
    assert client.delete(path, headers={"If-Match": "*"}).status_code == 204
    assert client.get(path).status_code == 410
    assert client.delete(f"sites/{site}", headers={"If-Match": "*"}).status_code == 409


def test_neighbours_by_time_are_compared_whatever_the_order(service, browser):
    site = make_site(browser("operator"))
    made = []
    for day in (1, 20, 10, 15):
        (survey,) = add(service, survey_row(site, flown(2026, 5, day)))
        with service.database.write() as session:
            row = session.get(Survey, survey)
            ids = compare_neighbours(session, session.get(Site, site), row)
            assert compare_neighbours(session, session.get(Site, site), row) == ids
            pairs = [session.get(Comparison, i) for i in ids]
            days = {s.id: s.flown_at.day for s in session.query(Survey)}
            made.append([(days[p.before_id], days[p.after_id]) for p in pairs])
    assert made == [[], [(1, 20)], [(1, 10), (10, 20)], [(10, 15), (15, 20)]]


def test_comparisons_on_request(service, browser):
    client = browser("operator")
    site, elsewhere = make_site(client, options={"min_area_m2": 5}), make_site(client)
    first, second, bad = add(
        service, survey_row(site, flown(2026, 5, 1)), survey_row(site, flown(2026, 6, 1)),
        survey_row(site, flown(2026, 7, 1), "refused"),
    )  # fmt: skip
    (foreign,) = add(service, survey_row(elsewhere, flown(2026, 8, 1)))

    def ask(before, after, **options):
        body = {"before_id": before, "after_id": after, "options": options}
        return client.post(f"sites/{site}/comparisons", json=body)

    assert ask(second, first).status_code == 422
    assert ask(first, first).status_code == 422
    assert ask(first, bad).status_code == 409
    assert ask(first, foreign).status_code == 422
    assert ask(first, new_id()).status_code == 404
    made = ask(first, second, min_score=0.7)
    assert made.json()["options"] == {"min_area_m2": 5, "min_score": 0.7}
    path = f"comparisons/{made.json()['id']}"
    assert client.get(f"{path}/report").status_code == 409
    assert client.delete(f"surveys/{first}", headers={"If-Match": "*"}).status_code == 409
    assert client.post(f"{path}/cancel").json()["state"] == "cancelled"
    assert client.delete(f"surveys/{first}", headers={"If-Match": "*"}).status_code == 204
    assert ask(first, second).status_code == 410
    listed = client.get(f"sites/{site}/comparisons", params={"survey_id": first}).json()["items"]
    assert [row["state"] for row in listed] == ["cancelled"]
    assert client.get(f"sites/{site}/surveys", params={"state": "ready"}).json()["items"]
    assert browser("reviewer").post(f"{path}/cancel").status_code == 403


def test_what_is_cancelled_while_it_runs_leaves_off(service, browser):
    stopping.begin()
    site = make_site(browser("operator"))
    first, second = add(
        service, survey_row(site, flown(2026, 5, 1)), survey_row(site, flown(2026, 6, 1))
    )
    row = Comparison(id=new_id(), site_id=site, before_id=first, after_id=second, created_by="x")
    add(service, row)
    assert comparing.begin(service, row.id)
    path = f"comparisons/{row.id}/cancel"
    assert browser("operator").post(path).json()["state"] == "cancelled"
    assert comparing.make(service, row.id) == {"cancelled": True}
    assert not comparing.begin(service, row.id)
    comparing.end(service, row.id, "too late")
    with service.database.read() as session:
        kept = session.get(Comparison, row.id)
    assert (kept.state, kept.problem) == ("cancelled", None)
    assert kept.finished_at <= utc_now()


def test_the_list_of_sites_tells_what_was_flown_last(service, browser):
    client = browser("operator")
    empty, busy = make_site(client), make_site(client)
    now = utc_now()
    first, second, _ = add(
        service,
        survey_row(busy, now - timedelta(days=9)),
        survey_row(busy, now - timedelta(days=2), state="checking"),
        survey_row(busy, now, state="deleted"),
    )
    items = {item["id"]: item for item in client.get("sites").json()["items"]}
    assert (items[empty]["surveys"], items[empty]["last_survey"]) == (0, None)
    assert items[busy]["surveys"] == 2
    assert items[busy]["last_survey"]["id"] == second
    assert items[busy]["last_survey"]["state"] == "checking"
    assert items[busy]["last_ready_id"] == first
