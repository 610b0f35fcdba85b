"""Stored files by range."""

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient

from serve.api.ranged import ranged
from serve.storage import CHUNK_BYTES, Storage

CONTENT = bytes(range(256)) * 40
SHA = "ab" * 32


@pytest.fixture
def client(tmp_path):
    storage = Storage("", folder=tmp_path)
    storage.put("kept/file.bin", CONTENT)
    storage.put("kept/empty.bin", b"")
    storage.put("kept/large.bin", b"x" * (2 * CHUNK_BYTES + 5))
    app = FastAPI()

    @app.head("/{name}", include_in_schema=False)
    @app.get("/{name}")
    def file(request: Request, name: str, media: str = "image/png", title: str | None = None):
        return ranged(
            request, storage, f"kept/{name}", media_type=media, file_name=title,
            sha256=SHA if name == "file.bin" else None,
        )  # fmt: skip

    with TestClient(app) as client:
        yield client


@pytest.mark.parametrize(
    ("wanted", "status", "start", "end"),
    [
        (None, 200, 0, 10240),
        ("bytes=0-0", 206, 0, 1),
        ("bytes=10-19", 206, 10, 20),
        ("bytes=10240-", 416, 0, 0),
        ("bytes=10239-99999", 206, 10239, 10240),
        ("bytes=100-", 206, 100, 10240),
        ("bytes=-5", 206, 10235, 10240),
        ("bytes=-99999", 206, 0, 10240),
        ("bytes=-0", 416, 0, 0),
        ("bytes=5-2", 200, 0, 10240),
        ("bytes=-", 200, 0, 10240),
        ("bytes=0-1,4-5", 200, 0, 10240),
        ("lines=1-2", 200, 0, 10240),
        ("bytes=" + "9" * 5000 + "-", 200, 0, 10240),
        ("bytes=٣-٤", 200, 0, 10240),
    ],
)
def test_a_range_is_what_was_asked_for(client, wanted, status, start, end):
    headers = {} if wanted is None else {"Range": wanted.encode()}
    answer = client.get("/file.bin", headers=headers)
    assert answer.status_code == status
    if status == 416:
        assert answer.headers["Content-Range"] == "bytes */10240"
        return
    assert answer.content == CONTENT[start:end]
    assert int(answer.headers["Content-Length"]) == end - start
    if status == 206:
        assert answer.headers["Content-Range"] == f"bytes {start}-{end - 1}/10240"
    head = client.head("/file.bin", headers=headers)
    assert head.status_code == status
    assert head.content == b""
    assert head.headers["Content-Length"] == str(end - start)


def test_large_and_empty_files_come_whole(client):
    assert len(client.get("/large.bin").content) == 2 * CHUNK_BYTES + 5
    assert client.get("/empty.bin").content == b""
    assert client.get("/empty.bin", headers={"Range": "bytes=0-"}).status_code == 416


def test_what_is_held_already_is_not_sent_again(client):
    tag = client.get("/file.bin").headers["ETag"]
    assert tag == f'"{SHA}"'
    assert client.get("/file.bin", headers={"If-None-Match": f'"x", W/{tag}'}).status_code == 304
    modified = client.get("/file.bin").headers["Last-Modified"]
    assert client.get("/file.bin", headers={"If-Modified-Since": modified}).status_code == 304
    assert client.get("/file.bin", headers={"If-Modified-Since": "yesterday"}).status_code == 200
    for held, status in [(tag, 206), ('"other"', 200), (modified, 206), ("never", 200)]:
        answer = client.get("/file.bin", headers={"Range": "bytes=0-3", "If-Range": held})
        assert answer.status_code == status, held


@pytest.mark.parametrize(
    ("media", "title", "expected"),
    [
        ("image/png", None, "inline"),
        ("image/svg+xml", None, "attachment"),
        ("application/zip", "a.zip", "attachment; filename=\"a.zip\"; filename*=UTF-8''a.zip"),
        (
            "image/tiff",
            '../正\r\nSet-Cookie: a="1.tif',
            "inline; filename=\"..____Set-Cookie: a=_1.tif\"; "
            "filename*=UTF-8''.._%E6%AD%A3__Set-Cookie%3A%20a%3D_1.tif",
        ),
    ],
)  # fmt: skip
def test_names_and_kinds_cannot_break_out(client, media, title, expected):
    params = {"media": media} | ({"title": title} if title else {})
    answer = client.get("/file.bin", params=params)
    assert answer.headers["Content-Disposition"] == expected
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"].startswith("private")
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert "set-cookie" not in answer.headers
