"""``cityeye user`` and ``cityeye token``."""

import re

import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from serve.app import make_app
from serve.cli import app
from serve.service import Service
from tests.serve.conftest import PASSWORD, settings_for


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("CITYEYE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("CITYEYE_ENVIRONMENT", "development")
    monkeypatch.delenv("CITYEYE_DATABASE_URL", raising=False)
    monkeypatch.setenv("COLUMNS", "200")

    def invoke(*words, typed=None, code=0):
        done = CliRunner().invoke(app, list(words), input=typed)
        assert done.exit_code == code, done.output
        return done.output

    return invoke


@pytest.fixture
def client(run, tmp_path):
    run("user", "add", "root", "--role", "admin", "--password-stdin", typed=f"{PASSWORD}\n")
    service = Service(settings_for(tmp_path))
    yield TestClient(make_app(service), base_url="http://testserver/api/v1")
    service.close()


def log_in(client, name, password=PASSWORD):
    return client.post("auth/login", json={"name": name, "password": password}).status_code


def test_a_user_that_was_added_can_log_in_until_disabled(run, client):
    run("user", "add", "Wang", "--role", "reviewer", "--password-stdin", typed=f"{PASSWORD}\n")
    assert log_in(client, "wang") == 200
    listed = run("user", "list")
    assert re.search(r"wang\b.*reviewer.*enabled", listed)
    run("user", "disable", "wang")
    assert client.get("auth/me").status_code == 401
    assert log_in(client, "wang") == 401
    run("user", "enable", "wang")
    assert log_in(client, "wang") == 200


def test_a_new_password_is_set(run, client):
    run("user", "password", "root", "--password-stdin", typed="quite another long word\r\n")
    assert log_in(client, "root") == 401
    assert log_in(client, "root", "quite another long word") == 200


@pytest.mark.parametrize(
    ("words", "typed", "code", "said"),
    [
        (("user", "add", "root", "--role", "admin", "--password-stdin"), PASSWORD, 4, "already"),
        (("user", "add", "li", "--role", "admin", "--password-stdin"), "short", 3, "12 to 256"),
        (("user", "add", "li", "--role", "king", "--password-stdin"), PASSWORD, 2, "king"),
        (("user", "add", "a b", "--role", "admin", "--password-stdin"), PASSWORD, 3, "user name"),
        (("user", "add", "li", "--role", "admin"), PASSWORD, 3, "--password-stdin"),
        (("user", "disable", "root"), None, 4, "last administrator"),
        (("user", "disable", "nobody"), None, 4, "no user nobody"),
        (("token", "add", "nobody", "x", "--scope", "*"), None, 4, "no user nobody"),
        (("token", "add", "root", "x", "--scope", "kings:read"), None, 3, "kings:read"),
        (("token", "revoke", "nothing"), None, 4, "no token"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_told_in_one_line(run, client, words, typed, code, said):
    output = run(*words, typed=typed, code=code)
    assert said in output
    assert "Traceback" not in output
    assert client.get("auth/me").status_code == 401


def test_a_token_that_was_made_works_until_revoked(run, client):
    secret = run("token", "add", "root", "prometheus", "--scope", "metrics:read", "--scope",
                 "users:read", "--days", "3").strip()  # fmt: skip
    client.headers["Authorization"] = f"Bearer {secret}"
    assert client.get("users").status_code == 200
    listed = run("token", "list", "root")
    assert secret not in listed
    assert re.search(r"prometheus.*metrics:read users:read.*good until", listed)
    run("token", "revoke", re.search(r"[0-9a-f-]{36}", listed)[0])
    assert client.get("users").status_code == 401
    assert "revoked" in run("token", "list")
