"""Snapshots over HTTP: a server on loopback that behaves, refuses, redirects, stalls, lies."""

from __future__ import annotations

import base64
import hashlib
import re
import socket
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise

import pytest
from make_videos import jpeg_of, number_of

from vision.camera.frame import Frame
from vision.camera.sources import Fault, FaultKind, Patience, Recovered, open_source
from vision.camera.sources.pictures import MAX_PICTURE_BYTES
from vision.camera.sources.snapshot import Snapshots

QUICK = Patience(
    connect_s=1.0,
    silence_s=1.0,
    first_retry_s=0.1,
    longest_retry_s=0.2,
    refused_retry_s=0.2,
)
# Where what comes is told from what does not come, a busy machine must not decide.
PATIENT = replace(QUICK, connect_s=20.0, silence_s=20.0)
USER = "admin"
PASSWORD = "p@ss:w/rd hunter2"  # noqa: S105 - of no camera
LOGIN = "admin:p%40ss%3Aw%2Frd%20hunter2@"


class Camera(BaseHTTPRequestHandler):
    """Answers as the server's `behaviour` says."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.asked.append((self.path, self.headers.get("Authorization", "")))
        self.server.behaviour(self)

    def answer(self, code, body=b"", **headers):
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@contextmanager
def camera(behaviour, login=""):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Camera)
    server.daemon_threads = True
    server.asked = []
    server.behaviour = behaviour
    server.url = f"http://{login}127.0.0.1:{server.server_address[1]}/snap.jpg?key=hunter2"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def taken(url, count, *, step_s=0.05, limit_s=30.0, patience=PATIENT, **options):
    """The source, and its first events."""
    source = open_source(url, patience=patience, **options)
    stop = threading.Event()
    timer = threading.Timer(limit_s, stop.set)
    timer.start()
    events = []
    for event in source.events(step_s, stop):
        events.append(event)
        if len(events) == count:
            break
    timer.cancel()
    assert len(events) == count, f"only {events}"
    return source, events


def counting():
    """A camera whose pictures are numbered."""
    lock, state = threading.Lock(), {"next": 0}

    def behave(request):
        with lock:
            number = state["next"] % 256
            state["next"] += 1
        request.answer(200, jpeg_of(number), Content_Type="image/jpeg")

    return behave


def test_pictures_come_one_after_the_other(tmp_path):
    with camera(counting()) as server:
        source, events = taken(server.url, 4, step_s=0.3)
        assert {path for path, _ in server.asked} == {"/snap.jpg?key=hunter2"}
    assert [number_of(event.rgb) for event in events] == [0, 1, 2, 3]
    steps = [(b.taken_at - a.taken_at).total_seconds() for a, b in pairwise(events)]
    assert sum(steps) / 3 == pytest.approx(0.3, abs=0.15)
    assert abs(datetime.now(UTC) - events[-1].taken_at) < timedelta(seconds=5)
    path = tmp_path / "clip.mp4"
    clip = source.clip(events[1].taken_at, events[3].taken_at, path)
    assert (clip.start, clip.end) == (events[1].taken_at, events[3].taken_at)
    shown = list(open_source(str(path)).events(0.1, threading.Event()))
    assert [number_of(frame.rgb) for frame in shown] == [1, 2, 3]


def test_the_interval_comes_before_the_step():
    with camera(counting()) as server:
        began = time.monotonic()
        taken(server.url, 3, step_s=60, interval_s=0.1)
        assert time.monotonic() - began < 5


def basic(request):
    told = request.headers.get("Authorization", "")
    if told == "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode():
        return request.answer(200, jpeg_of(7))
    return request.answer(401, WWW_Authenticate='Basic realm="camera"')


def digest(request):
    told = dict(re.findall(r'(\w+)="?([^",]+)"?', request.headers.get("Authorization", "")))

    def md5(text):
        return hashlib.md5(text.encode()).hexdigest()  # noqa: S324 - as RFC 2617 has it

    if told.get("response"):
        secret = md5(f"{USER}:camera:{PASSWORD}")
        asked = md5(f"GET:{told['uri']}")
        nonce = f"{told['nonce']}:{told['nc']}:{told['cnonce']}:auth"
        if told["response"] == md5(f"{secret}:{nonce}:{asked}"):
            return request.answer(200, jpeg_of(7))
    fresh = md5(str(time.monotonic()))
    challenge = f'Digest realm="camera", nonce="{fresh}", qop="auth", algorithm=MD5'
    return request.answer(401, WWW_Authenticate=challenge)


@pytest.mark.parametrize("behaviour", [basic, digest])
def test_passwords(behaviour, capfd):
    with camera(behaviour, LOGIN) as server:
        source, events = taken(server.url, 2)
    assert [number_of(event.rgb) for event in events] == [7, 7]
    out, err = capfd.readouterr()
    assert "hunter2" not in repr(source) + source.address + out + err


@pytest.mark.parametrize("behaviour", [basic, digest])
@pytest.mark.parametrize("login", ["", "admin:wrong@"])
def test_a_wrong_password_is_tried_once(behaviour, login):
    with camera(behaviour, login) as server:
        _, events = taken(server.url, 1)
        tries = [told for _, told in server.asked if told]
    assert events[0].kind is FaultKind.REFUSED
    # Once for each connection, of which there may have been a second by now.
    assert len(tries) <= 2 if login else not tries


def redirect(request):
    request.answer(302, Location="file:///etc/passwd")


def elsewhere(request):
    if request.path.startswith("/snap"):
        return request.answer(302, Location="/other")
    return request.answer(200, jpeg_of(1))


def page(request):
    request.answer(200, b"<html>please log in</html>", Content_Type="image/jpeg")


def endless(request):
    request.send_response(200)
    request.end_headers()
    for _ in range(MAX_PICTURE_BYTES // 1_000_000 + 2):
        request.wfile.write(bytes(1_000_000))


def no_http(request):
    request.wfile.write(b"\x00\x01\x02 nonsense\r\n\r\n")
    request.close_connection = True


def stalled(request):
    request.send_response(200)
    request.send_header("Content-Length", "100000")
    request.end_headers()
    request.wfile.write(b"\xff\xd8\xff")
    time.sleep(5)


def dripping(request):
    request.send_response(200)
    request.send_header("Content-Length", "100000")
    request.end_headers()
    for _ in range(100):
        request.wfile.write(b"x")
        request.wfile.flush()
        time.sleep(0.1)


def broken(request):
    request.answer(500)


def missing(request):
    request.answer(404)


def forbidden(request):
    request.answer(403)


@pytest.mark.parametrize(
    ("behaviour", "kind", "says"),
    [
        (redirect, FaultKind.BAD_STREAM, "redirects"),
        (elsewhere, FaultKind.BAD_STREAM, "redirects"),
        (page, FaultKind.BAD_STREAM, "no JPEG or PNG"),
        (endless, FaultKind.BAD_STREAM, "larger than"),
        (no_http, FaultKind.BAD_STREAM, "cannot be reached"),
        (stalled, FaultKind.OFFLINE, "in time"),
        (dripping, FaultKind.OFFLINE, "in time"),
        (broken, FaultKind.OFFLINE, "500"),
        (missing, FaultKind.OFFLINE, "404"),
        (forbidden, FaultKind.REFUSED, "403"),
    ],
)
def test_what_is_no_picture_is_told_without_the_password(behaviour, kind, says, capfd):
    def unhurt(request):
        try:
            behaviour(request)
        except OSError:
            # The source hung up, as it should.
            request.close_connection = True

    patience = QUICK if behaviour in (stalled, dripping) else PATIENT
    with camera(unhurt, LOGIN) as server:
        _, events = taken(server.url, 1, patience=patience)
    assert isinstance(events[0], Fault)
    assert events[0].kind is kind
    assert says in events[0].message
    out, err = capfd.readouterr()
    assert "hunter2" not in events[0].message + out + err


def test_a_camera_that_comes_back():
    well = counting()
    with camera(well) as server:
        state = {"asked": 0}

        def behave(request):
            state["asked"] += 1
            broken(request) if 3 <= state["asked"] <= 5 else well(request)

        server.behaviour = behave
        _, events = taken(server.url, 5)
    kinds = [type(event) for event in events]
    assert kinds == [Frame, Frame, Fault, Recovered, Frame]
    fault, recovered = events[2:4]
    assert fault.kind is recovered.kind is FaultKind.OFFLINE
    assert recovered.lasted_s > 0


def test_stopping_does_not_wait():
    def hang(_request):
        time.sleep(5)

    with camera(hang) as server:
        stop = threading.Event()
        threading.Timer(0.3, stop.set).start()
        began = time.monotonic()
        assert list(open_source(server.url).events(1.0, stop)) == []
        assert time.monotonic() - began < 1.5


def test_a_checked_address_is_connected_to_and_no_name_server_asked(monkeypatch):
    """The host's name goes into the request; where it leads is not looked up."""
    hosts = []

    def behaviour(request):
        hosts.append(request.headers["Host"])
        request.answer(200, jpeg_of(len(hosts)), Content_Type="image/jpeg")

    def refuse(host, *more, **options):
        if host != "127.0.0.1":
            raise AssertionError(f"{host} was looked up")
        return look_up(host, *more, **options)

    look_up = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    with camera(behaviour) as server:
        port = server.server_address[1]
        source = Snapshots(
            f"http://gate.example:{port}/snap.jpg",
            interval_s=0.1, patience=QUICK, keep_s=5.0, connect_to="127.0.0.1",
        )  # fmt: skip
        stop = threading.Event()
        first = next(event for event in source.events(0.1, stop))
        stop.set()
    assert isinstance(first, Frame)
    assert hosts[0] == f"gate.example:{port}"
