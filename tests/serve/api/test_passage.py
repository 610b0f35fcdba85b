"""What every request passes: ids, log lines, figures, limits, headers."""

import io
import json
import logging

import pytest
import structlog
from fastapi.testclient import TestClient
from prometheus_client import REGISTRY

from serve import logs
from serve.api.passage import MAX_BODY_BYTES
from serve.app import make_app
from serve.service import Service
from tests.serve.conftest import PASSWORD, settings_for


@pytest.fixture
def lines(service):
    root = logging.getLogger()
    kept = root.handlers[:], root.level
    stream = io.StringIO()
    logs.configure(service.settings, stream=stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers[:] = kept[0]
    root.setLevel(kept[1])
    structlog.reset_defaults()


def requests_in(lines):
    return [line for line in lines() if line["event"] == "request"]


def test_a_request_leaves_one_line_that_says_who_what_and_how_long(browser, lines):
    reviewer = browser("reviewer")
    answer = reviewer.get("auth/me?token=HUNTER2", headers={"X-Request-ID": "abcdef-12345"})
    (line,) = requests_in(lines)
    assert answer.headers["X-Request-ID"] == line["request_id"] == "abcdef-12345"
    assert (line["caller"], line["status"], line["route"]) == (reviewer.name, 200, "who_am_i")
    assert line["duration_ms"] > 0
    assert "HUNTER2" not in json.dumps(lines())


@pytest.mark.parametrize("sent", [None, "", "short", "x" * 65, "with space!", 'a"b"c"d"e', "é" * 9])
def test_an_id_that_is_not_sane_is_replaced(browser, sent):
    headers = {} if sent is None else {"X-Request-ID": sent.encode()}
    got = browser("reviewer").get("auth/me", headers=headers).headers["X-Request-ID"]
    assert got != sent
    assert len(got) == 32


def test_no_secret_that_was_sent_stands_in_the_log(browser, lines):
    admin = browser("admin")
    secret = admin.post("tokens", json={"name": "t", "scopes": ["*"]}).json()["secret"]
    admin.get("auth/me", headers={"Authorization": f"Bearer {secret}"})
    admin.post("auth/login", json={"name": "x", "password": "HUNTER2-HUNTER2"})
    admin.post("users", json={"name": "li", "role": "admin", "password": PASSWORD})
    admin.post("users", json={"name": "li", "role": "admin", "password": 5, "HUNTER2": PASSWORD})
    written = json.dumps(lines(), ensure_ascii=False)
    for word in (secret, "HUNTER2-HUNTER2", PASSWORD, admin.client.cookies["cityeye_session"]):
        assert word not in written
    assert len(requests_in(lines)) == 5


@pytest.mark.parametrize("path", ["auth/me", "nothing/here", "openapi.json", "auth/login"])
def test_every_answer_has_the_security_headers(browser, path):
    headers = browser("reviewer").get(path).headers
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["X-Frame-Options"] == "DENY"
    assert "Strict-Transport-Security" not in headers


def test_over_https_browsers_are_told_to_stay_there(tmp_path):
    service = Service(settings_for(tmp_path, public_url="https://city.example"))
    headers = TestClient(make_app(service)).get("/healthz").headers
    assert "max-age" in headers["Strict-Transport-Security"]
    service.close()


def test_a_failure_of_ours_has_id_headers_and_a_line_too(service, lines):
    app = make_app(service)

    def fail():
        raise RuntimeError("rtsp://u:HUNTER2@camera failed")

    app.add_api_route("/fail", fail)
    # Before the pages, which lie at every address that nothing else has.
    app.router.routes.insert(0, app.router.routes.pop())
    answer = TestClient(app, raise_server_exceptions=False).get("/fail")
    assert answer.status_code == 500
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    (line,) = requests_in(lines)
    assert line["status"] == 500
    failed = [each for each in lines() if each["event"] == "request_failed"]
    assert failed[0]["request_id"] == line["request_id"] == answer.headers["X-Request-ID"]
    assert "RuntimeError" in failed[0]["exception"]
    assert "HUNTER2" not in json.dumps(lines()) + answer.text


def count_of(route, status):
    labels = {"method": "GET", "route": route, "status": status}
    return REGISTRY.get_sample_value("cityeye_http_requests_total", labels) or 0


def test_requests_are_counted_by_route_and_not_by_address(browser):
    admin = browser("admin")
    before = count_of("get_user", "404"), count_of("none", "404")
    for name in ("a1", "b2"):
        admin.get(f"users/{name}")
        admin.get(f"nothing/{name}")
    now = count_of("get_user", "404"), count_of("none", "404")
    assert now == (before[0] + 2, before[1] + 2)


def chunks(size):
    for _ in range(size // 2**16 + 1):
        yield b" " * 2**16


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "application/octet-stream", ""])
@pytest.mark.parametrize("announced", [True, False])
def test_a_body_that_is_too_long_is_refused(browser, kind, announced):
    content = b" " * (MAX_BODY_BYTES + 1) if announced else chunks(MAX_BODY_BYTES)
    answer = browser("admin").post("users", content=content, headers={"Content-Type": kind})
    assert answer.status_code == 413
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_body_that_is_announced_too_long_is_not_even_read(browser):
    sent = []

    def content():
        for _ in range(3):
            sent.append(1)
            yield b" "

    headers = {"Content-Length": str(10**12), "Content-Type": "application/json"}
    answer = browser("admin").post("users", content=content(), headers=headers)
    assert answer.status_code == 413


def test_a_long_body_that_is_allowed_is_read(browser):
    body = json.dumps({"name": "li", "role": "admin", "password": PASSWORD}).encode()
    answer = browser("admin").post(
        "users", content=body + b" " * (MAX_BODY_BYTES - len(body)),
        headers={"Content-Type": "application/json"},
    )  # fmt: skip
    assert answer.status_code == 201


@pytest.mark.parametrize("body", [b"[" * 1_000_000, b'{"a":' * 100_000, b"1" * 100_000, b"\xff\xfe",
                                  b"NaN", b'{"name": 1e999}'])  # fmt: skip
def test_json_that_is_a_trap_is_refused(browser, body):
    answer = browser("admin").post(
        "users", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code in (400, 422)
