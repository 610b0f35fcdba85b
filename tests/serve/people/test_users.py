"""Users and tokens, over HTTP."""

import json
import threading
from datetime import timedelta

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from serve.api.access import Role
from serve.app import make_app
from serve.db.tables import Token, User, utc_now
from serve.errors import Conflict
from serve.people import accounts
from serve.service import Service
from tests.serve.conftest import PASSWORD, settings_for, sign_in


def new_user(admin, name="li", role="reviewer", **more):
    return admin.post("users", json={"name": name, "role": role, "password": PASSWORD, **more})


def by_token(service, secret):
    client = TestClient(make_app(service), base_url="http://testserver/api/v1")
    client.headers["Authorization"] = f"Bearer {secret}"
    return client


def test_a_user_is_added_found_and_can_log_in(service, browser):
    admin = browser("admin")
    made = new_user(admin, "Li.Na@city", display_name="李娜", upload_quota_bytes=5)
    assert made.status_code == 201
    assert made.json()["name"] == "li.na@city"
    got = admin.get(f"http://testserver{made.headers['Location']}")
    assert got.json() == made.json()
    assert "password" not in got.text
    client = TestClient(make_app(service), base_url="http://testserver/api/v1")
    answer = client.post("auth/login", json={"name": "LI.NA@city", "password": PASSWORD})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"name": ""}, 422), ({"name": "a b"}, 422), ({"name": "a\0b"}, 422),
        ({"name": "x" * 65}, 422), ({"role": "king"}, 422), ({"password": "short"}, 422),
        ({"password": "x" * 5000}, 422), ({"display_name": "a\0b"}, 422),
        ({"display_name": "\ud800"}, 422), ({"upload_quota_bytes": -1}, 422),
        ({"upload_quota_bytes": 10**30}, 422), ({"extra": 1}, 422), ({"name": "WANG"}, 409),
    ],
)  # fmt: skip
def test_what_cannot_be_a_user_is_refused(browser, change, status):
    admin = browser("admin")
    assert new_user(admin, "wang").status_code == 201
    body = {"name": "li", "role": "reviewer", "password": PASSWORD, **change}
    answer = admin.post(
        "users", content=json.dumps(body), headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == status, answer.text
    assert len(admin.get("users").json()["items"]) == 2


def test_the_same_request_sent_again_adds_one_user(browser):
    admin = browser("admin")
    key = {"Idempotency-Key": "k1"}
    body = {"name": "li", "role": "reviewer", "password": PASSWORD}
    first = admin.post("users", json=body, headers=key)
    assert admin.post("users", json=body, headers=key).json() == first.json()


def test_a_change_names_the_version_it_changes(browser):
    admin = browser("admin")
    user = new_user(admin).json()
    path = f"users/{user['id']}"
    assert admin.patch(path, json={"role": "auditor"}).status_code == 428
    tag = admin.get(path).headers["ETag"]
    changed = admin.patch(path, json={"role": "auditor"}, headers={"If-Match": tag})
    assert changed.json()["role"] == "auditor"
    assert changed.json()["display_name"] == user["display_name"]
    assert (
        admin.patch(path, json={"role": "operator"}, headers={"If-Match": tag}).status_code == 412
    )


def test_a_quota_is_set_and_taken_back(browser):
    admin = browser("admin")
    path = f"users/{new_user(admin, upload_quota_bytes=7).json()['id']}"
    match = {"If-Match": "*"}
    assert (
        admin.patch(path, json={"language": "en"}, headers=match).json()["upload_quota_bytes"] == 7
    )
    assert (
        admin.patch(path, json={"upload_quota_bytes": None}, headers=match).json()[
            "upload_quota_bytes"
        ]
        is None
    )


def test_a_disabled_user_is_out_at_once_tokens_too_and_comes_back_without_sessions(
    service, browser
):
    admin, reviewer = browser("admin"), browser("reviewer")
    secret = reviewer.post("tokens", json={"name": "t", "scopes": ["*"]}).json()["secret"]
    path, match = f"users/{reviewer.user_id}", {"If-Match": "*"}
    assert admin.patch(path, json={"disabled": True}, headers=match).status_code == 200
    assert reviewer.get("auth/me").status_code == 401
    assert by_token(service, secret).get("auth/me").status_code == 401
    admin.patch(path, json={"disabled": False}, headers=match)
    assert reviewer.get("auth/me").status_code == 401
    assert by_token(service, secret).get("auth/me").status_code == 200


@pytest.mark.parametrize("change", [{"disabled": True}, {"role": "auditor"}])
def test_the_last_administrator_stays(browser, change):
    admin = browser("admin")
    path, match = f"users/{admin.user_id}", {"If-Match": "*"}
    assert admin.patch(path, json=change, headers=match).status_code == 409
    other = browser("admin")
    assert admin.patch(path, json=change, headers=match).status_code == 200
    assert other.patch(f"users/{other.user_id}", json=change, headers=match).status_code == 409


def test_two_administrators_cannot_put_each_other_out(tmp_path, any_database_url):
    service = Service(settings_for(tmp_path, database_url=any_database_url))
    for _ in range(5):
        ids = [sign_in(service, Role.ADMIN).user_id for _ in range(2)]
        with service.database.write() as session:
            session.execute(
                sa.update(User).where(User.id.not_in(ids)).values(role=Role.AUDITOR.value)
            )
        ready = threading.Barrier(2)
        outcomes = []

        def put_out(user_id, ready=ready, outcomes=outcomes):
            ready.wait()
            try:
                with service.database.write() as session:
                    accounts.change(session, session.get(User, user_id), actor="x", disabled=True)
                outcomes.append("done")
            except Conflict:
                outcomes.append("refused")

        threads = [threading.Thread(target=put_out, args=(user_id,)) for user_id in ids]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes) == ["done", "refused"]
    service.close()


def test_a_reset_password_logs_the_user_out(browser):
    admin, reviewer = browser("admin"), browser("reviewer")
    answer = admin.put(
        f"users/{reviewer.user_id}/password", json={"password": "quite another long word"}
    )
    assert answer.status_code == 204
    assert reviewer.get("auth/me").status_code == 401


# tokens


def test_a_token_s_secret_is_shown_once(service, browser):
    reviewer = browser("reviewer")
    body = {"name": "script", "scopes": ["auth:read"]}
    made = reviewer.post("tokens", json=body, headers={"Idempotency-Key": "a"})
    secret = made.json()["secret"]
    assert secret.startswith("cityeye_")
    assert made.headers["Cache-Control"] == "no-store"
    again = reviewer.post("tokens", json=body, headers={"Idempotency-Key": "a"})
    assert again.json() == {**made.json(), "secret": None}
    assert secret not in reviewer.get("tokens").text
    assert by_token(service, secret).get("auth/me").json()["scopes"] == ["auth:read"]
    with service.database.read() as session:
        assert secret not in str(session.execute(sa.text("SELECT * FROM tokens")).all())
        assert secret not in str(session.execute(sa.text("SELECT * FROM answered_requests")).all())


@pytest.mark.parametrize(
    ("scopes", "calls"),
    [
        (["auth:read"], {"me": 200, "change": 403, "users": 403}),
        (["auth:write"], {"me": 200, "change": 200, "users": 403}),
        (["users:read"], {"me": 403, "change": 403, "users": 200}),
        (["*"], {"me": 200, "change": 200, "users": 200}),
    ],
)
def test_a_token_may_what_its_scopes_say(service, browser, scopes, calls):
    secret = browser("admin").post("tokens", json={"name": "t", "scopes": scopes}).json()["secret"]
    client = by_token(service, secret)
    assert client.get("auth/me").status_code == calls["me"]
    assert client.patch("auth/me", json={"language": "en"}).status_code == calls["change"]
    assert client.get("users").status_code == calls["users"]


def test_a_token_may_no_more_than_its_owner(service, browser):
    reviewer = browser("reviewer")
    secret = reviewer.post("tokens", json={"name": "t", "scopes": ["*"]}).json()["secret"]
    assert by_token(service, secret).get("users").status_code == 403


@pytest.mark.parametrize("scopes", [[], ["users"], ["users:delete"], ["kings:read"], ["*:read"],
                                    ["users:read "], ["\0"], [1], "*"])  # fmt: skip
def test_scopes_of_nothing_are_refused(browser, scopes):
    answer = browser("reviewer").post("tokens", json={"name": "t", "scopes": scopes})
    assert answer.status_code == 422


def test_a_token_makes_no_token_that_may_more(service, browser):
    admin = browser("admin")
    secret = admin.post(
        "tokens", json={"name": "t", "scopes": ["tokens:write", "users:read"]}
    ).json()["secret"]
    client = by_token(service, secret)
    for scopes, status in ((["users:read"], 201), (["users:write"], 403), (["*"], 403)):
        answer = client.post("tokens", json={"name": "t", "scopes": scopes})
        assert answer.status_code == status


def test_only_administrators_make_see_and_revoke_tokens_of_others(browser):
    admin, one, other = browser("admin"), browser("reviewer"), browser("operator")
    body = {"name": "t", "scopes": ["*"], "user_id": other.user_id}
    assert one.post("tokens", json=body).status_code == 403
    token = admin.post("tokens", json=body).json()
    assert token["user_id"] == other.user_id
    assert one.get(f"tokens/{token['id']}").status_code == 404
    assert one.get("tokens", params={"user_id": other.user_id}).status_code == 403
    assert one.delete(f"tokens/{token['id']}").status_code == 404
    assert [t["id"] for t in other.get("tokens").json()["items"]] == [token["id"]]
    assert other.delete(f"tokens/{token['id']}").status_code == 204
    assert admin.get(f"tokens/{token['id']}").json()["revoked_at"] is not None


def test_a_token_ends_at_its_time_or_when_revoked(service, browser):
    reviewer = browser("reviewer")
    late = (utc_now() + timedelta(hours=1)).isoformat()
    body = {"name": "t", "scopes": ["*"], "expires_at": late}
    made = reviewer.post("tokens", json=body).json()
    client = by_token(service, made["secret"])
    assert client.get("auth/me").status_code == 200
    with service.database.write() as session:
        session.execute(sa.update(Token).values(expires_at=utc_now() - timedelta(seconds=1)))
    assert client.get("auth/me").status_code == 401
    early = (utc_now() - timedelta(hours=1)).isoformat()
    assert reviewer.post("tokens", json={**body, "expires_at": early}).status_code == 422
    naive = reviewer.post("tokens", json={**body, "expires_at": "2099-01-01T00:00:00"})
    assert naive.status_code == 422
    second = reviewer.post("tokens", json={"name": "t", "scopes": ["*"]}).json()
    client = by_token(service, second["secret"])
    assert client.get("auth/me").status_code == 200
    reviewer.delete(f"tokens/{second['id']}")
    assert client.get("auth/me").status_code == 401


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer  ", "Bearer x", "Basic eDp5", "é", "Bearer é"]
)
def test_a_wrong_bearer_token_is_nobody(service, header):
    client = TestClient(make_app(service), base_url="http://testserver/api/v1")
    answer = client.get("auth/me", headers={"Authorization": header.encode()})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_token_cannot_change_passwords_or_log_out(service, browser):
    secret = browser("admin").post("tokens", json={"name": "t", "scopes": ["*"]}).json()["secret"]
    client = by_token(service, secret)
    body = {"password": PASSWORD, "new_password": "another long battery staple"}
    assert client.post("auth/password", json=body).status_code == 403
    assert client.post("auth/logout").status_code == 403
