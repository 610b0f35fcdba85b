"""RTSP cameras that play, die, freeze, refuse, talk nonsense and come back, over real sockets."""

from __future__ import annotations

import random
import socket
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import av
import pytest
from make_videos import number_of, write_video
from rtsp_server import RtspServer, require_rtsp_server

from vision.camera.frame import Frame
from vision.camera.sources import Fault, FaultKind, Patience, Recovered, open_source

QUICK = Patience(
    connect_s=3.0,
    silence_s=2.0,
    undecodable_s=3.0,
    first_retry_s=0.2,
    longest_retry_s=0.5,
    refused_retry_s=0.3,
)
# Where what comes is told from what does not come, a busy machine must not decide.
PATIENT = replace(QUICK, connect_s=20.0, silence_s=20.0)
SECRET = "p@ss/w?rd hunter2"  # noqa: S105 - of no camera
LONG_S = 30.0


@pytest.fixture(scope="module")
def street(tmp_path_factory):
    """10 pictures a second for 20 s, a key frame each second."""
    require_rtsp_server()
    return write_video(tmp_path_factory.mktemp("rtsp") / "street.mp4", count=200)


class Watched:
    """A source that is read in a thread, with its events as they come."""

    def __init__(self, url, step_s=0.2, patience=QUICK, **options):
        self.source = open_source(url, patience=patience, **options)
        self.events = []
        self.stop = threading.Event()
        self._thread = threading.Thread(target=self._read, args=(step_s,), daemon=True)
        self._thread.start()

    def _read(self, step_s):
        for event in self.source.events(step_s, self.stop):
            self.events.append(event)

    def until(self, wanted, since=0):
        """Wait for an event that fits; returns its place in the list."""
        deadline = time.monotonic() + LONG_S
        while time.monotonic() < deadline:
            for place, event in enumerate(self.events[since:], since):
                if wanted(event):
                    return place
            time.sleep(0.02)
        raise AssertionError(f"never came; there were {self.told()}")

    def told(self):
        return [event for event in self.events if not isinstance(event, Frame)]

    def frames(self):
        return [event for event in self.events if isinstance(event, Frame)]

    def end(self):
        """Stop it; seconds that took."""
        began = time.monotonic()
        self.stop.set()
        self._thread.join(LONG_S)
        assert not self._thread.is_alive()
        return time.monotonic() - began


@contextmanager
def watching(url, **options):
    watched = Watched(url, **options)
    try:
        yield watched
    finally:
        watched.end()


def is_frame(event):
    return isinstance(event, Frame)


def is_fault(*kinds):
    return lambda event: isinstance(event, Fault) and event.kind in kinds


def is_recovered(event):
    return isinstance(event, Recovered)


def many_frames(watched, count, since=0):
    """Wait until so many frames came after a place in the list of events."""
    return watched.until(
        lambda _: sum(is_frame(event) for event in watched.events[since:]) >= count
    )


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_playing(street, transport):
    with RtspServer(street) as server, watching(server.url, transport=transport) as watched:
        many_frames(watched, 25)
        assert watched.told() == []
        source, frames = watched.source, watched.frames()
    now = datetime.now(UTC)
    numbers = [number_of(frame.rgb) for frame in frames]
    for (number, frame), (following, later) in pairwise(zip(numbers, frames, strict=True)):
        # What is seen and when it was taken go together; the film is 20 s long.
        seen_s = (following - number) % 200 / 10
        taken_s = (later.taken_at - frame.taken_at).total_seconds()
        # The first ones are tied to their receipt until the server tells the time.
        if frame is not frames[0] and later is not frames[1]:
            assert taken_s == pytest.approx(seen_s, abs=0.35)
        assert later.received_at >= frame.received_at
    assert all(abs((frame.taken_at - now).total_seconds()) < LONG_S for frame in frames)
    # The server is this machine: its clock is ours, less what a packet waits.
    assert source.clock_offset_s == pytest.approx(0, abs=1.5)


def test_few_pictures_are_taken_from_key_frames_alone(street):
    with RtspServer(street) as server, watching(server.url, step_s=1.0) as watched:
        many_frames(watched, 6)
        assert watched.source.decoding == "key frames"
        numbers = [number_of(frame.rgb) for frame in watched.frames()]
        assert all(number % 10 == 0 for number in numbers[3:])


def test_h265(tmp_path_factory):
    require_rtsp_server()
    film = write_video(tmp_path_factory.mktemp("h265") / "street.mp4", count=100, codec="libx265")
    with RtspServer(film) as server, watching(server.url) as watched:
        many_frames(watched, 8)
        frames = watched.frames()
        path = film.with_name("clip.mp4")
        clip = watched.source.clip(frames[0].taken_at, frames[-1].taken_at, path)
    assert clip.reencoded
    with av.open(str(path)) as written:
        assert written.streams.video[0].codec_context.name == "h264"


def test_dying_and_coming_back_with_another_resolution(street, tmp_path):
    larger = write_video(tmp_path / "larger.mp4", count=100, size_wh=(640, 360))
    with RtspServer(street) as server, watching(server.url) as watched:
        place = watched.until(is_frame)
        server.kill()
        place = watched.until(is_fault(FaultKind.OFFLINE), place)
        time.sleep(1.0)
        assert len(watched.told()) == 1, "a fault is told once"
        with RtspServer(larger, port=server.port):
            place = watched.until(is_recovered, place)
            watched.until(lambda event: is_frame(event) and event.size_wh == (640, 360), place)
            many_frames(watched, 5, place)
            now = datetime.now(UTC)
            path = tmp_path / "clip.mp4"
            clip = watched.source.clip(now - timedelta(seconds=3), now, path)
    fault, recovered = watched.told()[:2]
    assert fault.kind is recovered.kind is FaultKind.OFFLINE
    assert recovered.at >= fault.since + timedelta(seconds=1)
    assert recovered.lasted_s == pytest.approx((recovered.at - fault.since).total_seconds())
    assert not clip.reencoded
    with av.open(str(path)) as written:
        shown = list(written.decode(video=0))
    assert {(frame.width, frame.height) for frame in shown} == {(640, 360)}


def test_freezing_and_thawing(street):
    with RtspServer(street) as server, watching(server.url) as watched:
        many_frames(watched, 3)
        server.freeze()
        froze = time.monotonic()
        place = watched.until(is_fault(FaultKind.OFFLINE))
        assert time.monotonic() - froze < 8
        server.thaw()
        watched.until(is_recovered, place)
        watched.until(is_frame, place)
    kinds = {event.kind for event in watched.told()}
    assert kinds == {FaultKind.OFFLINE}


def test_stopping_does_not_wait_for_a_frozen_camera(street):
    with RtspServer(street) as server:
        watched = Watched(server.url, patience=Patience())
        many_frames(watched, 3)
        server.freeze()
        time.sleep(0.5)
        assert watched.end() < 1.5
        server.thaw()


def test_a_password_with_every_awkward_character(street, caplog, capfd):
    with RtspServer(street, user="admin", password=SECRET) as server:
        assert "%40" in server.url
        with watching(server.url) as watched:
            watched.until(is_frame)
            assert watched.told() == []
            names = [thread.name for thread in threading.enumerate()]
        shown = f"{watched.source!r} {watched.source.address} {names}"
    out, err = capfd.readouterr()
    assert "hunter2" not in shown + caplog.text + out + err


@pytest.mark.parametrize("login", ["", "admin:hunter2@", "admin:p%40ss@"])
def test_a_wrong_password_is_refused_and_not_shown(street, login, caplog, capfd):
    with RtspServer(street, user="admin", password=SECRET) as server:
        with watching(f"rtsp://{login}127.0.0.1:{server.port}/stream?key=hunter2") as watched:
            place = watched.until(is_fault(FaultKind.REFUSED, FaultKind.OFFLINE))
            time.sleep(1.0)
        fault = watched.events[place]
    assert fault.kind is FaultKind.REFUSED
    assert watched.told() == [fault]
    out, err = capfd.readouterr()
    for word in ("hunter2", "p%40ss", "p@ss"):
        assert word not in fault.message + caplog.text + out + err


@contextmanager
def answering(answer):
    """A plain TCP server; `answer` is given each connection after its first words."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                try:
                    connection.settimeout(LONG_S)
                    connection.recv(4096)
                    answer(connection)
                except OSError:
                    pass

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"rtsp://admin:hunter2@127.0.0.1:{listener.getsockname()[1]}/stream"
    finally:
        listener.close()


def words(connection):
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html></html>")


def noise(connection):
    connection.sendall(random.Random(1).randbytes(50_000))  # noqa: S311 - the same each time


def hang(connection):
    connection.recv(4096)


def hang_up(_connection):
    pass


def status(code):
    def answer(connection):
        connection.sendall(f"RTSP/1.0 {code} x\r\nCSeq: 1\r\n\r\n".encode())
        connection.recv(4096)

    answer.__name__ = f"status_{code}"
    return answer


@pytest.mark.parametrize(
    ("answer", "patience", "kinds"),
    [
        (words, PATIENT, {FaultKind.BAD_STREAM}),
        (noise, PATIENT, {FaultKind.BAD_STREAM}),
        (hang, QUICK, {FaultKind.OFFLINE}),
        (hang_up, PATIENT, {FaultKind.OFFLINE, FaultKind.BAD_STREAM}),
        (status(401), PATIENT, {FaultKind.REFUSED}),
        (status(403), PATIENT, {FaultKind.REFUSED}),
        (status(404), PATIENT, {FaultKind.OFFLINE}),
        (status(500), PATIENT, {FaultKind.OFFLINE}),
    ],
)
def test_what_is_no_camera(answer, patience, kinds, capfd):
    with answering(answer) as url, watching(url, patience=patience) as watched:
        place = watched.until(is_fault(*FaultKind))
        fault = watched.events[place]
    assert fault.kind in kinds
    assert "127.0.0.1" in fault.message
    out, err = capfd.readouterr()
    assert "hunter2" not in fault.message + out + err


def test_nothing_listens():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with watching(f"rtsp://127.0.0.1:{port}/stream") as watched:
        watched.until(is_fault(FaultKind.OFFLINE))
    assert "nothing listens" in watched.told()[0].message
