"""Resumable uploads by tus 1.0."""

import base64
import hashlib
import os
import socket
import threading
import time
from datetime import timedelta

import pytest
import sqlalchemy as sa
import uvicorn

from serve.api.caller import COOKIE, CSRF_HEADER
from serve.app import make_app
from serve.db.tables import LedgerEntry, Upload, UploadPart, User, utc_now
from serve.service import Service
from serve.uploads import keeping
from serve.uploads.headers import NO_NAME, file_name_of, read_metadata
from serve.uploads.receiving import PART_BYTES
from tests.serve.conftest import settings_for, sign_in
from tests.serve.processes import wait_until
from vision.errors import InputError

TUS = {"Tus-Resumable": "1.0.0"}
STREAM = {**TUS, "Content-Type": "application/offset+octet-stream"}


def b64(content):
    return base64.b64encode(content if isinstance(content, bytes) else content.encode()).decode()


def announce(client, length, **headers):
    sent = {**TUS, "Upload-Length": str(length), **headers}
    return client.post("uploads", headers=sent)


def path_of(answer):
    return answer.headers["Location"].rsplit("/api/v1/", 1)[1]


def append(client, path, offset, content, **headers):
    return client.patch(
        path, headers={**STREAM, "Upload-Offset": str(offset), **headers}, content=content
    )


def offset_of(client, path):
    return int(client.head(path, headers=TUS).headers["Upload-Offset"])


def kept(service, upload_id, tmp_path):
    target = tmp_path / "assembled"
    digest = keeping.assemble(service, upload_id, target, tick=lambda _share: None)
    content = target.read_bytes()
    assert digest == hashlib.sha256(content).hexdigest()
    return content


@pytest.fixture
def on_either(tmp_path, any_database_url):
    made = Service(settings_for(tmp_path, database_url=any_database_url))
    yield made
    made.close()


def test_a_file_comes_in_pieces(on_either, tmp_path):
    client = sign_in(on_either, "operator")
    content = os.urandom(PART_BYTES + 1000)
    made = announce(
        client, len(content),
        **{"Upload-Metadata": f"filename {b64('五月 ortho.tif')},filetype {b64('image/tiff')}"},
    )  # fmt: skip
    assert made.status_code == 201, made.text
    assert made.headers["Tus-Resumable"] == "1.0.0"
    assert made.headers["Upload-Offset"] == "0"
    assert made.json()["file_name"] == "五月 ortho.tif"
    path = path_of(made)
    first = append(client, path, 0, content[:300])
    assert first.status_code == 204, first.text
    assert first.headers["Upload-Offset"] == "300"
    assert append(client, path, 200, b"x").status_code == 409
    assert append(client, path, 400, b"x").status_code == 409
    answer = append(client, path, 300, content[300:])
    assert answer.headers["Upload-Offset"] == str(len(content))
    head = client.head(path, headers=TUS)
    assert head.headers["Upload-Length"] == head.headers["Upload-Offset"] == str(len(content))
    assert head.headers["Cache-Control"] == "no-store"
    assert read_metadata(head.headers["Upload-Metadata"])["filename"] == "五月 ortho.tif"
    assert kept(on_either, made.json()["id"], tmp_path) == content
    # Nothing at the end of a whole one is fine, anything is not.
    assert append(client, path, len(content), b"").status_code == 204
    assert append(client, path, len(content), b"x").status_code in (409, 413)
    with on_either.database.read() as session:
        actions = session.scalars(sa.select(LedgerEntry.action).order_by(LedgerEntry.number)).all()
    assert actions == ["upload.create", "upload.complete"]


def test_bytes_may_come_with_the_announcement(service, browser, tmp_path):
    client = browser("operator")
    headers = {**STREAM, "Upload-Length": "10", "Idempotency-Key": "one"}
    made = client.post("uploads", headers=headers, content=b"01234")
    assert (made.status_code, made.headers["Upload-Offset"]) == (201, "5")
    again = client.post("uploads", headers=headers, content=b"01234")
    assert again.json()["id"] == made.json()["id"]
    assert again.headers["Upload-Offset"] == "5"
    assert append(client, path_of(made), 5, b"56789").status_code == 204
    assert kept(service, made.json()["id"], tmp_path) == b"0123456789"


def test_what_is_offered_is_told(browser):
    answer = browser("operator").options("uploads")
    assert answer.status_code == 204
    assert answer.headers["Tus-Version"] == "1.0.0"
    assert "checksum" in answer.headers["Tus-Extension"]
    assert answer.headers["Tus-Checksum-Algorithm"] == "sha1,sha256,md5"
    assert int(answer.headers["Tus-Max-Size"]) >= 10 * 2**30


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "md5"])
def test_a_wrong_checksum_keeps_nothing(service, browser, tmp_path, algorithm):
    client = browser("operator")
    content = os.urandom(PART_BYTES + 5)
    made = announce(client, len(content))
    path = path_of(made)
    wrong = f"{algorithm} {b64(hashlib.new(algorithm, b'other').digest())}"
    answer = append(client, path, 0, content, **{"Upload-Checksum": wrong})
    assert answer.status_code == 460
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Tus-Resumable"] == "1.0.0"
    assert offset_of(client, path) == 0
    assert list(service.storage.list("uploads")) == []
    right = f"{algorithm} {b64(hashlib.new(algorithm, content).digest())}"
    assert append(client, path, 0, content, **{"Upload-Checksum": right}).status_code == 204
    assert kept(service, made.json()["id"], tmp_path) == content


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Upload-Length": "-1"}, 422),
        ({"Upload-Length": "9" * 30}, 422),
        ({"Upload-Length": "9" * 6000}, 422),
        ({"Upload-Length": "ten"}, 422),
        ({"Upload-Length": str(2**61)}, 413),
        ({}, 422),
        ({"Upload-Defer-Length": "1"}, 422),
        ({"Upload-Length": "1", "Tus-Resumable": "0.2.0"}, 412),
        ({"Upload-Length": "1", "Upload-Metadata": "filename !!!"}, 422),
        ({"Upload-Length": "1", "Upload-Metadata": "a YQ==,a YQ=="}, 422),
        ({"Upload-Length": "1", "Upload-Metadata": "filename " + b64(b"\xff\xfe")}, 422),
        ({"Upload-Length": "1", "Upload-Metadata": "a " + "A" * 9000}, 422),
        ({"Upload-Length": "1", "Upload-Metadata": ",,,"}, 422),
        ({"Upload-Length": "1", "Upload-Checksum": "crc32 AAAA"}, 422),
        ({"Upload-Length": "1", "Upload-Checksum": "sha1 AAAA"}, 422),
        ({"Upload-Length": "1", "Upload-Checksum": "sha1 ***"}, 422),
    ],
)
def test_nonsense_is_refused(browser, headers, status):
    answer = browser("operator").post("uploads", headers={**TUS, **headers})
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\flights\\may.tif", "may.tif"),
        ("..", NO_NAME),
        ("a\0b\n.tif", "ab.tif"),
        ("", NO_NAME),
        ("x" * 500 + ".tif", "x" * 196 + ".tif"),
        ("/", NO_NAME),
    ],
)
def test_names_are_made_harmless(given, name):
    assert file_name_of({"filename": given}) == name


@pytest.mark.parametrize("text", ["filename", "filename ", "key YQ==", "", " "])
def test_metadata_as_clients_write_it(text):
    assert set(read_metadata(text)) <= {"filename", "key"}


def test_metadata_with_spaces_in_keys_is_refused():
    with pytest.raises(InputError, match="Upload-Metadata"):
        read_metadata("ключ YQ==")


@pytest.mark.parametrize(
    ("headers", "content", "status"),
    [
        ({"Upload-Offset": "0", "Content-Type": "text/plain"}, b"x", 415),
        ({"Upload-Offset": "0", "Tus-Resumable": "2"}, b"x", 412),
        ({}, b"x", 422),
        ({"Upload-Offset": "-1"}, b"x", 422),
        ({"Upload-Offset": "9" * 40}, b"x", 422),
        ({"Upload-Offset": "0"}, b"x" * 11, 413),
    ],
)
def test_bytes_that_do_not_fit_are_refused(browser, headers, content, status):
    client = browser("operator")
    path = path_of(announce(client, 10))
    answer = client.patch(path, headers={**STREAM, **headers}, content=content)
    assert answer.status_code == status, answer.text
    assert offset_of(client, path) == 0


def test_more_than_announced_of_unknown_length_is_refused(browser):
    client = browser("operator")
    path = path_of(announce(client, 10))
    headers = {**STREAM, "Upload-Offset": "0"}
    answer = client.patch(path, headers=headers, content=iter([b"x" * 8, b"x" * 8]))
    assert answer.status_code == 413
    assert offset_of(client, path) in (0, 8)


def test_uploads_are_their_owners(browser):
    mine, other, admin = browser("operator"), browser("operator"), browser("admin")
    path = path_of(announce(mine, 4))
    assert other.head(path, headers=TUS).status_code == 404
    assert append(other, path, 0, b"x").status_code == 404
    assert other.delete(path, headers=TUS).status_code == 404
    assert other.get("uploads").json()["items"] == []
    assert [item["id"] for item in mine.get("uploads").json()["items"]] == [path.split("/")[1]]
    assert admin.head(path, headers=TUS).status_code == 200
    assert browser("reviewer").post("uploads", headers=TUS).status_code == 403
    assert mine.head("uploads/" + "0" * 36, headers=TUS).status_code == 404


def test_termination_deletes_all(service, browser):
    client = browser("operator")
    path = path_of(announce(client, 100))
    append(client, path, 0, b"x" * 50)
    assert client.delete(path, headers=TUS).status_code == 204
    assert client.head(path, headers=TUS).status_code in (404, 410)
    assert append(client, path, 50, b"x").status_code in (404, 410)
    assert list(service.storage.list("uploads")) == []
    with service.database.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Upload)) == 0


def test_a_users_share_is_kept(tmp_path):
    service = Service(settings_for(tmp_path, upload_quota_bytes=1000, upload_max_bytes=800))
    client, other = sign_in(service, "operator"), sign_in(service, "operator")
    assert announce(client, 801).status_code == 413
    first = announce(client, 600)
    refused = announce(client, 401)
    assert refused.status_code == 413
    assert "your share of 1000 bytes" in refused.json()["detail"]
    assert announce(other, 800).status_code == 201
    client.delete(path_of(first), headers=TUS)
    assert announce(client, 401).status_code == 201
    with service.database.write() as session:
        session.get(User, client.user_id).upload_quota_bytes = 5000
    assert announce(client, 800).status_code == 201
    service.close()


def test_shares_hold_against_requests_at_once(tmp_path, any_database_url):
    service = Service(
        settings_for(tmp_path, database_url=any_database_url, upload_quota_bytes=1000)
    )
    client = sign_in(service, "operator")
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(announce(client, 300).status_code))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [201] * 3 + [413] * 5
    service.close()


def test_what_lies_too_long_is_swept(on_either):
    client = sign_in(on_either, "operator")
    old, new = path_of(announce(client, 100)), path_of(announce(client, 100))
    append(client, old, 0, b"x" * 50)
    append(client, new, 0, b"x" * 50)
    old_id = old.split("/")[1]
    with on_either.database.write() as session:
        session.get(Upload, old_id).expires_at = utc_now() - timedelta(seconds=1)
    assert client.head(old, headers=TUS).status_code == 410
    on_either.storage.put("uploads/nobody/0-x", b"left behind")
    assert keeping.sweep(on_either) == 1
    assert client.head(old, headers=TUS).status_code == 404
    assert offset_of(client, new) == 50
    lying = [stored.key for stored in on_either.storage.list("uploads")]
    # A stray is left for an hour: it may be of an upload that was made this moment.
    assert [key for key in lying if old_id in key] == []
    assert "uploads/nobody/0-x" in lying


def test_a_stale_view_loses_to_the_faster_request(on_either, tmp_path):
    """Two requests for one stretch, both begun before either was finished."""
    client = sign_in(on_either, "operator")
    path = path_of(announce(client, 2 * PART_BYTES))
    upload_id = path.split("/")[1]
    go_on = threading.Event()
    slow = []

    with live(on_either) as (address, _):
        sender = threading.Thread(
            target=lambda: slow.append(dribbling(address, client, path, go_on))
        )
        sender.start()
        time.sleep(0.5)
        assert append(client, path, 0, b"b" * PART_BYTES).status_code == 204
        go_on.set()
        sender.join()
    assert slow == [409]
    assert append(client, path, PART_BYTES, b"b" * PART_BYTES).status_code == 204
    assert kept(on_either, upload_id, tmp_path) == b"b" * (2 * PART_BYTES)
    assert len(list(on_either.storage.list(f"uploads/{upload_id}"))) == 2


class live:
    """The service on a real port, for connections that break."""

    def __init__(self, service):
        self.server = uvicorn.Server(
            uvicorn.Config(make_app(service), port=0, lifespan="off", log_config=None)
        )

    def __enter__(self):
        self.thread = threading.Thread(target=self.server.run)
        self.thread.start()
        while not self.server.started:
            time.sleep(0.01)
        return self.server.servers[0].sockets[0].getsockname(), self.server

    def __exit__(self, *_):
        self.server.should_exit = True
        self.thread.join()


def raw_patch(address, client, path, length, *, checksum=None):
    """A socket that has sent the head of a PATCH."""
    connection = socket.create_connection(address, timeout=120)
    more = f"Upload-Checksum: {checksum}\r\n" if checksum else ""
    head = (
        f"PATCH /api/v1/{path} HTTP/1.1\r\nHost: testserver\r\nTus-Resumable: 1.0.0\r\n"
        f"Content-Type: application/offset+octet-stream\r\nUpload-Offset: 0\r\n"
        f"{more}Content-Length: {length}\r\nCookie: {COOKIE}={client.client.cookies[COOKIE]}\r\n"
        f"{CSRF_HEADER}: {client.client.headers[CSRF_HEADER]}\r\n\r\n"
    )
    connection.sendall(head.encode())
    return connection


def dribbling(address, client, path, go_on):
    """Send half, wait, send the rest; returns the status."""
    with raw_patch(address, client, path, 20) as connection:
        connection.sendall(b"a" * 10)
        go_on.wait(120)
        connection.sendall(b"a" * 10)
        return int(connection.recv(4096).split()[1])


@pytest.mark.parametrize("checked", [False, True])
def test_a_broken_connection_loses_nothing_that_had_arrived(service, tmp_path, checked):
    client = sign_in(service, "operator")
    content = os.urandom(PART_BYTES + 70_000)
    made = announce(client, len(content))
    path = path_of(made)
    sent = PART_BYTES + 30_000
    with live(service) as (address, _):
        checksum = f"sha256 {b64(hashlib.sha256(content).digest())}" if checked else None
        connection = raw_patch(address, client, path, len(content), checksum=checksum)
        connection.sendall(content[:sent])
        connection.close()
        expected = 0 if checked else sent
        wait_until(lambda: offset_of(client, path) == expected, 20)
        time.sleep(0.3)
        assert offset_of(client, path) == expected
    if checked:
        assert list(service.storage.list("uploads")) == []
    assert append(client, path, expected, content[expected:]).status_code == 204
    assert kept(service, made.json()["id"], tmp_path) == content


def test_parts_gone_from_the_storage_are_noticed(service, browser, tmp_path):
    client = browser("operator")
    made = announce(client, 20)
    append(client, path_of(made), 0, b"x" * 10)
    append(client, path_of(made), 10, b"x" * 10)
    with service.database.read() as session:
        part = session.scalars(sa.select(UploadPart).where(UploadPart.offset_bytes == 10)).one()
    service.storage.put(part.key, b"short")
    with pytest.raises(OSError, match="10 of 20 bytes"):
        keeping.assemble(service, made.json()["id"], tmp_path / "x", tick=lambda _share: None)


def test_limits_tell_what_is_taken_of_the_share(service, browser):
    client = browser("operator")
    announce(client, 1000)
    limits = client.get("uploads/limits").json()
    assert limits == {
        "max_bytes": service.settings.upload_max_bytes,
        "quota_bytes": service.settings.upload_quota_bytes,
        "taken_bytes": 1000,
        "expires_s": service.settings.upload_expires_s,
        "accepts_photos": False,
    }
    assert browser("reviewer").get("uploads/limits").status_code == 403


def test_what_is_kept_is_told_part_by_part(browser, monkeypatch):
    monkeypatch.setattr("serve.api.uploads.DIGESTED_BYTES", 500)
    client = browser("operator")
    content = os.urandom(2000)
    path = path_of(announce(client, len(content)))
    assert client.get(f"{path}/parts").json() == {"items": [], "next_offset_bytes": None}
    for start, end in ((0, 700), (700, 900), (900, 1500)):
        append(client, path, start, content[start:end])
    told, offset = [], 0
    while offset is not None:
        answer = client.get(f"{path}/parts", params={"offset_bytes": offset}).json()
        assert sum(part["size_bytes"] for part in answer["items"]) < 1000
        told += answer["items"]
        offset = answer["next_offset_bytes"]
    assert told == [
        {
            "offset_bytes": start,
            "size_bytes": end - start,
            "sha256": hashlib.sha256(content[start:end]).hexdigest(),
        }
        for start, end in ((0, 700), (700, 900), (900, 1500))
    ]
    assert browser("operator").get(f"{path}/parts").status_code == 404
