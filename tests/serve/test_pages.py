"""What browsers are given as pages, and what they are not."""

import gzip

import pytest
from fastapi.testclient import TestClient

from serve.app import make_app
from serve.service import Service
from tests.serve.conftest import settings_for

HTML = {"Accept": "text/html"}


@pytest.fixture
def pages(tmp_path):
    folder = tmp_path / "pages"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>pages</title>")
    (folder / "assets" / "index-1a2b.js").write_text("let a = 1;")
    (folder / "assets" / "index-1a2b.js.gz").write_bytes(gzip.compress(b"let a = 1;"))
    (tmp_path / "secret.txt").write_text("not for browsers")
    return folder


@pytest.fixture
def client(tmp_path, pages):
    service = Service(settings_for(tmp_path, ui_folder=pages))
    yield TestClient(make_app(service))
    service.close()


@pytest.mark.parametrize(
    "path", ["/", "/review", "/review/0123", "/surveys/a/b?c=d", "/index.html"]
)
def test_all_addresses_of_pages_are_one_page(client, path):
    answer = client.get(path, headers=HTML)
    assert answer.status_code == 200
    assert "<title>pages</title>" in answer.text
    assert answer.headers["Cache-Control"] == "no-cache"
    policy = answer.headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy


def test_files_are_kept_for_ever_and_sent_compressed_to_who_takes_it(client):
    packed = client.get("/assets/index-1a2b.js", headers={"Accept-Encoding": "br;q=1.0, gzip"})
    plain = client.get("/assets/index-1a2b.js", headers={"Accept-Encoding": "identity"})
    assert packed.text == plain.text == "let a = 1;"
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Vary"] == plain.headers["Vary"] == "Accept-Encoding"
    assert "immutable" in packed.headers["Cache-Control"]
    assert packed.headers["Content-Type"].split(";")[0] == "text/javascript"


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/nothing",
        "/assets/gone.js",
        "/assets/../../secret.txt",
        "/..%2fsecret.txt",
        "/%2e%2e/secret.txt",
        "/assets/index-1a2b.js.gz",
        "/secret.txt",
    ],
)
def test_nothing_else_is_given(client, path):
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "not for browsers" not in answer.text


def test_the_api_s_unknown_addresses_stay_unknown(client):
    for answer in (client.get("/api/v1/nothing", headers=HTML), client.post("/api/nothing")):
        assert answer.status_code == 404
        assert answer.headers["Content-Type"] == "application/problem+json"
    assert client.post("/review").status_code == 405
    assert client.head("/review", headers=HTML).status_code == 200


def test_pages_that_were_not_built_are_said_so(tmp_path):
    service = Service(settings_for(tmp_path, ui_folder=tmp_path / "nothing"))
    answer = TestClient(make_app(service)).get("/review", headers=HTML)
    service.close()
    assert answer.status_code == 503
    assert "make setup" in answer.text
