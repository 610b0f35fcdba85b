"""Logging in and out, over HTTP, on both databases."""

import threading
from datetime import timedelta

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from serve.api.access import Role
from serve.api.caller import COOKIE, CSRF_HEADER
from serve.app import make_app
from serve.db.tables import LedgerEntry, LoginAttempt, LoginSession, User, utc_now
from serve.people import accounts, logins
from serve.service import Service
from tests.serve.conftest import PASSWORD, settings_for

WRONG = "nonsense nonsense"
NEW = "another long battery staple"


@pytest.fixture
def service(tmp_path, any_database_url):
    made = Service(settings_for(tmp_path, database_url=any_database_url))
    with made.database.write() as session:
        for name, role in (("Wang", Role.REVIEWER), ("root", Role.ADMIN)):
            accounts.add(session, actor="system", name=name, role=role, password=PASSWORD)
    yield made
    made.close()


@pytest.fixture
def client(service):
    return lambda: TestClient(make_app(service), base_url="http://testserver/api/v1")


def log_in(client, name="wang", password=PASSWORD):
    answer = client.post("auth/login", json={"name": name, "password": password})
    if answer.status_code == 200:
        client.headers[CSRF_HEADER] = answer.json()["csrf"]
    return answer


def attempts_were(service, ago):
    with service.database.write() as session:
        session.execute(sa.update(LoginAttempt).values(at=utc_now() - ago))


def test_logging_in_says_who_one_is_and_sets_a_cookie_that_pages_cannot_read(client):
    browser = client()
    answer = log_in(browser, " WANG ")
    assert answer.status_code == 200
    assert answer.json()["name"] == "wang"
    assert answer.json()["role"] == "reviewer"
    cookie = answer.headers["Set-Cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "secure" not in cookie
    assert answer.headers["Cache-Control"] == "no-store"
    me = browser.get("auth/me").json()
    assert me["csrf"] == answer.json()["csrf"]
    assert me["scopes"] is None


def test_over_https_the_cookie_is_secure(tmp_path):
    service = Service(settings_for(tmp_path, public_url="https://city.example/"))
    with service.database.write() as session:
        accounts.add(session, actor="x", name="wang", role=Role.ADMIN, password=PASSWORD)
    client = TestClient(make_app(service), base_url="https://testserver/api/v1")
    assert "secure" in log_in(client).headers["Set-Cookie"].lower()
    service.close()


def test_logging_out_ends_the_session_for_good(client):
    browser = client()
    log_in(browser)
    secret = browser.cookies[COOKIE]
    assert browser.post("auth/logout").status_code == 204
    assert COOKIE not in browser.cookies
    stolen = client()
    stolen.cookies.set(COOKIE, secret)
    assert stolen.get("auth/me").status_code == 401


def test_asking_again_for_the_csrf_secret_leaves_other_tabs_alone(client):
    browser = client()
    first = log_in(browser).json()["csrf"]
    second = browser.get("auth/me").json()["csrf"]
    for csrf in (first, second):
        answer = browser.patch("auth/me", json={"language": "en"}, headers={CSRF_HEADER: csrf})
        assert answer.status_code == 200
    assert browser.get("auth/me").json()["language"] == "en"


@pytest.mark.parametrize("csrf", [None, "", "x" * 64, "é"])
def test_a_change_without_the_csrf_secret_is_refused(client, csrf):
    browser = client()
    log_in(browser)
    del browser.headers[CSRF_HEADER]
    headers = {} if csrf is None else {CSRF_HEADER: csrf.encode()}
    answer = browser.patch("auth/me", json={"language": "en"}, headers=headers)
    assert answer.status_code == 403
    assert browser.get("auth/me").json()["language"] == "zh"


def test_another_session_s_csrf_secret_does_not_do(client):
    mine, theirs = client(), client()
    log_in(mine)
    other = log_in(theirs, "root").json()["csrf"]
    answer = mine.patch("auth/me", json={"language": "en"}, headers={CSRF_HEADER: other})
    assert answer.status_code == 403


def test_wrong_name_wrong_password_and_disabled_get_one_answer(client, service):
    browser = client()
    wrong = log_in(browser, password=WRONG)
    unknown = log_in(browser, "nobody")
    with service.database.write() as session:
        accounts.change(session, accounts.find(session, "wang"), actor="root", disabled=True)
    disabled = log_in(browser)
    assert [answer.status_code for answer in (wrong, unknown, disabled)] == [401] * 3
    assert wrong.json() == unknown.json() == disabled.json()


@pytest.mark.parametrize("name", ["wang", "nobody"])
def test_wrong_logins_lock_a_name_for_longer_each_time(client, service, name):
    browser = client()
    waits = []
    for _ in range(logins.FREE_BY_NAME):
        assert log_in(browser, name, WRONG).status_code == 401
    for _ in range(3):
        locked = log_in(browser, name)
        assert locked.status_code == 429
        waits.append(int(locked.headers["Retry-After"]))
        attempts_were(service, timedelta(seconds=waits[-1] + 1))
        assert log_in(browser, name, WRONG).status_code == 401
    assert waits == sorted(set(waits))
    assert abs(waits[1] / waits[0] - 2) < 0.2
    assert log_in(browser, "root").status_code == 200


def test_after_the_wait_the_right_password_clears_the_count(client, service):
    browser = client()
    for _ in range(logins.FREE_BY_NAME):
        log_in(browser, password=WRONG)
    assert log_in(browser).status_code == 429
    attempts_were(service, timedelta(seconds=logins.FIRST_LOCK_S + 1))
    assert log_in(browser).status_code == 200
    for _ in range(logins.FREE_BY_NAME - 1):
        assert log_in(browser, password=WRONG).status_code == 401
    assert log_in(browser).status_code == 200


@pytest.mark.parametrize(("wrong", "seconds"), [(0, 0), (4, 0), (5, 30), (6, 60), (9, 480),
                                                (10, 900), (10_000, 900)])  # fmt: skip
def test_a_lock_grows_to_a_quarter_of_an_hour(wrong, seconds):
    assert logins.lock_s(wrong, 5) == seconds


def test_an_address_is_limited_whatever_names_it_tries(client, service):
    now = utc_now()
    with service.database.write() as session:
        for number in range(logins.FREE_BY_ADDRESS):
            session.add(LoginAttempt(name_sha256=f"{number:064}", address="testclient", at=now))
    assert log_in(client()).status_code == 429
    attempts_were(service, timedelta(days=2))
    assert log_in(client()).status_code == 200


def test_many_guesses_at_once_are_counted_one_by_one(service):
    outcomes = []

    def guess(number):
        try:
            logins.log_in(
                service.database, service.settings, name="wang", password=f"guess {number} guess",
                address=f"10.0.0.{number}",
            )  # fmt: skip
        except (logins.NotSignedIn, logins.TooMany) as error:
            outcomes.append(type(error).__name__)

    threads = [threading.Thread(target=guess, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count("NotSignedIn") == logins.FREE_BY_NAME
    assert outcomes.count("TooMany") == 20 - logins.FREE_BY_NAME


def test_a_new_password_ends_all_other_sessions(client):
    here, there = client(), client()
    log_in(here)
    log_in(there)
    answer = here.post("auth/password", json={"password": PASSWORD, "new_password": NEW})
    assert answer.status_code == 204
    assert here.get("auth/me").status_code == 200
    assert there.get("auth/me").status_code == 401
    assert log_in(there).status_code == 401
    assert log_in(there, password=NEW).status_code == 200


@pytest.mark.parametrize(
    ("present", "new", "status"),
    [(WRONG, NEW, 403), (PASSWORD, "short", 422), (PASSWORD, "a" * 20, 422),
     (PASSWORD, "x" * 300, 422)],
)  # fmt: skip
def test_a_password_is_not_changed_for_a_bad_one(client, present, new, status):
    browser = client()
    log_in(browser)
    answer = browser.post("auth/password", json={"password": present, "new_password": new})
    assert answer.status_code == status
    assert new not in answer.text
    assert log_in(client()).status_code == 200


def test_sessions_are_listed_and_ended_one_by_one(client):
    here, there, other = client(), client(), client()
    log_in(here)
    log_in(there)
    log_in(other, "root")
    sessions = here.get("auth/sessions").json()["items"]
    assert [item["this"] for item in sessions] == [False, True]
    assert here.delete(f"auth/sessions/{sessions[0]['id']}").status_code == 204
    assert there.get("auth/me").status_code == 401
    (root,) = other.get("auth/sessions").json()["items"]
    assert here.delete(f"auth/sessions/{root['id']}").status_code == 404
    assert other.get("auth/me").status_code == 200


def test_logging_in_anew_ends_what_the_browser_had(client, service):
    browser = client()
    log_in(browser)
    old = browser.cookies[COOKIE]
    log_in(browser)
    assert browser.cookies[COOKIE] != old
    with service.database.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(LoginSession)) == 1


def test_a_user_has_so_many_sessions_and_no_more(client, service):
    first = client()
    log_in(first)
    for _ in range(logins.SESSIONS_OF_A_USER):
        log_in(client())
    assert first.get("auth/me").status_code == 401
    with service.database.read() as session:
        count = session.scalar(sa.select(sa.func.count()).select_from(LoginSession))
    assert count == logins.SESSIONS_OF_A_USER


def test_a_session_is_over_at_its_time(client, service):
    browser = client()
    log_in(browser)
    with service.database.write() as session:
        session.execute(sa.update(LoginSession).values(expires_at=utc_now()))
    assert browser.get("auth/me").status_code == 401


def test_no_secret_is_kept_and_what_happened_is_in_the_ledger(client, service):
    browser = client()
    log_in(browser)
    browser.post("auth/password", json={"password": PASSWORD, "new_password": NEW})
    secret = browser.cookies[COOKIE]
    browser.post("auth/logout")
    with service.database.read() as session:
        entries = session.scalars(sa.select(LedgerEntry).order_by(LedgerEntry.number)).all()
        users = session.scalars(sa.select(User)).all()
    actions = [entry.action for entry in entries]
    assert actions[-3:] == ["auth.login", "user.password", "auth.logout"]
    kept = " ".join(entry.detail for entry in entries) + " ".join(u.password_hash for u in users)
    assert not any(word in kept for word in (PASSWORD, NEW, secret))
    assert all(user.password_hash.startswith("$argon2id$") for user in users)
