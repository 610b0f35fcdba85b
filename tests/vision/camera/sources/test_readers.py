"""Cameras that another process reads: the same pictures, clips, faults; a process that dies."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import av
import numpy as np
import pytest
from make_videos import number_of, write_video

from vision.camera.frame import Frame
from vision.camera.sources import (
    ClipLost,
    Fault,
    FaultKind,
    Patience,
    Readers,
    Recovered,
    open_source,
)
from vision.camera.sources import readers as readers_module
from vision.camera.sources.looped import LoopedFilm
from vision.camera.sources.wire import Wire, packed, unpacked
from vision.errors import InputError, OutputError

LONG_S = 30.0


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """10 pictures a second for 4 s, a key frame each second."""
    return write_video(tmp_path_factory.mktemp("film") / "film.mp4", count=40)


@contextmanager
def watching(source, step_s):
    """Read a source in a thread; gives the list that its events go into."""
    events, stop = [], threading.Event()

    def read():
        for event in source.events(step_s, stop):
            events.append(event)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    yield events
    stop.set()
    thread.join(LONG_S)
    assert not thread.is_alive()


@contextmanager
def read_elsewhere(film):
    """A film that one process reads and that has begun: readers, source, events, the process."""
    with Readers(1) as readers:
        source = readers.open(partial(LoopedFilm, film, keep_s=60))
        with watching(source, 1.0) as events:
            frames_of(events, 2)
            (pid,) = readers.pids
            yield readers, source, events, pid


def wait_for(events, wanted, since=0):
    deadline = time.monotonic() + LONG_S
    while time.monotonic() < deadline:
        for place, event in enumerate(events[since:], since):
            if wanted(event):
                return place
        time.sleep(0.02)
    raise AssertionError([event for event in events if not isinstance(event, Frame)])


def frames_of(events, count, since=0):
    wait_for(events, lambda _: sum(isinstance(e, Frame) for e in events[since:]) >= count)
    return [event for event in events[since:] if isinstance(event, Frame)]


@pytest.mark.parametrize(
    ("step_s", "decoding", "spacing"), [(1.0, "key frames", 10), (0.2, "all frames", 2)]
)
def test_a_film_goes_round_and_round(film, step_s, decoding, spacing):
    source = LoopedFilm(film, begin_s=2.5, keep_s=60)
    with watching(source, step_s) as events:
        frames = frames_of(events, round(6 / step_s))
        assert source.decoding == decoding
    numbers = [number_of(frame.rgb) for frame in frames]
    assert numbers[0] == 30
    assert all((b - a) % 40 % spacing == 0 for a, b in itertools.pairwise(numbers))
    times = [frame.taken_at for frame in frames]
    gaps = [(b - a).total_seconds() for a, b in itertools.pairwise(times)]
    assert all(gap > 0 for gap in gaps)
    assert gaps[-1] == pytest.approx(step_s, abs=0.05)
    assert source.decode_s > 0


def test_another_process_gives_the_same_pictures_and_clips(film, tmp_path):
    with Readers(1) as readers:
        source = readers.open(partial(LoopedFilm, film, keep_s=60))
        assert source.live
        assert source.address == str(film)
        with watching(source, 1.0) as events:
            frames = frames_of(events, 4)
            assert {number_of(frame.rgb) % 10 for frame in frames} == {0}
            clip = source.clip(frames[0].taken_at, frames[2].taken_at, tmp_path / "clip.mp4")
            assert clip is not None
            assert not clip.reencoded
            with av.open(str(clip.path)) as shown:
                assert number_of(next(shown.decode(video=0)).to_ndarray(format="rgb24")) == 0
            with pytest.raises(OutputError, match="cannot be written"):
                source.clip(frames[0].taken_at, frames[2].taken_at, tmp_path / "no" / "clip.mp4")
        assert source.decoding == "key frames"
        assert source.decode_s > 0


def test_a_process_that_dies_is_a_fault_and_is_begun_anew(film):
    with Readers(1) as readers:
        sources = [readers.open(partial(LoopedFilm, film, keep_s=60)) for _ in range(2)]
        with watching(sources[0], 1.0) as first, watching(sources[1], 1.0) as second:
            for events in (first, second):
                frames_of(events, 2)
            (pid,) = readers.pids
            os.kill(pid, signal.SIGKILL)
            for events in (first, second):
                fault = wait_for(events, lambda event: isinstance(event, Fault))
                assert events[fault].kind is FaultKind.OFFLINE
                well = wait_for(events, lambda event: isinstance(event, Recovered), fault)
                assert events[well].kind is FaultKind.OFFLINE
                frames_of(events, 2, well)
            assert readers.pids != (pid,)


def test_a_process_that_hangs_is_a_fault_and_is_begun_anew(film, monkeypatch):
    monkeypatch.setattr(readers_module, "SILENT_S", 6)
    with read_elsewhere(film) as (readers, _, events, pid):
        os.kill(pid, signal.SIGSTOP)
        fault = wait_for(events, lambda event: isinstance(event, Fault))
        assert events[fault].kind is FaultKind.OFFLINE
        well = wait_for(events, lambda event: isinstance(event, Recovered), fault)
        frames_of(events, 2, well)
        assert readers.pids != (pid,)


def test_a_clip_that_a_process_took_with_it_is_said_to_be_lost(film, tmp_path):
    asked = (datetime.now(UTC) - timedelta(seconds=5), datetime.now(UTC), tmp_path / "clip.mp4")
    with read_elsewhere(film) as (_, source, events, pid):
        os.kill(pid, signal.SIGSTOP)
        threading.Timer(1.0, os.kill, (pid, signal.SIGKILL)).start()
        with pytest.raises(ClipLost, match="broken down"):
            source.clip(*asked)
        # It is not yet begun anew: nobody hears what is asked for now.
        began = time.monotonic()
        with pytest.raises(ClipLost, match="broken down"):
            source.clip(*asked)
        assert time.monotonic() - began < 1
        fault = wait_for(events, lambda event: isinstance(event, Fault))
        frames_of(events, 2, fault)
        now = datetime.now(UTC)
        assert source.clip(now - timedelta(seconds=5), now, tmp_path / "clip.mp4") is not None


def test_a_process_that_reads_gets_no_secrets(film, monkeypatch):
    monkeypatch.setenv("CITYEYE_SECRET", "hunter2")
    with Readers(1) as readers:
        source = readers.open(partial(LoopedFilm, film, keep_s=60))
        with watching(source, 1.0) as events:
            frames_of(events, 1)
            (pid,) = readers.pids
            for place in ("environ", "cmdline"):
                read = Path(f"/proc/{pid}/{place}").read_bytes()
                assert b"hunter2" not in read
                assert str(film).encode() not in read
            assert read, "nothing was looked at"


def test_processes_end_with_their_readers(film):
    with Readers(2) as readers:
        sources = [readers.open(partial(LoopedFilm, film, keep_s=60)) for _ in range(2)]
        with watching(sources[0], 1.0) as first, watching(sources[1], 1.0) as second:
            frames_of(first, 1), frames_of(second, 1)
        pids = readers.pids
        assert len(pids) == 2
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_faults_come_through_once_and_tell_no_password():
    patience = Patience(connect_s=1.0, silence_s=1.0, first_retry_s=0.1, longest_retry_s=0.2)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"rtsp://viewer:hunter2@127.0.0.1:{taken.getsockname()[1]}/stream"
        with Readers(1) as readers:
            source = readers.open(partial(open_source, url, patience=patience))
            with watching(source, 1.0) as events:
                wait_for(events, lambda event: isinstance(event, Fault))
                time.sleep(1.0)
    assert [event.kind for event in events] == [FaultKind.OFFLINE]
    assert "hunter2" not in events[0].message + source.address + repr(source)


def test_a_recording_is_read_here(film):
    with Readers(1) as readers:
        source = readers.open(partial(open_source, str(film)))
        assert not source.live
        assert readers.pids == ()


def test_what_cannot_be_opened_is_told_at_once(tmp_path):
    with Readers(1) as readers, pytest.raises(InputError, match=r"nothing\.mp4"):
        readers.open(partial(open_source, str(tmp_path / "nothing.mp4")))


@pytest.mark.parametrize(
    ("size_wh", "pixel_format", "as_it_is"),
    [
        ((640, 360), "yuv420p", True),
        ((322, 184), "yuvj420p", True),
        ((322, 182), "yuv420p", False),
        ((320, 180), "yuv444p", False),
        (None, "rgb24", True),
    ],
)
def test_frames_are_the_same_at_the_other_end(size_wh, pixel_format, as_it_is):
    rng = np.random.default_rng(3)
    rgb = rng.integers(0, 255, ((size_wh or (64, 48))[1], (size_wh or (64, 48))[0], 3), np.uint8)
    now = datetime.now(UTC)
    if size_wh is None:
        frame = Frame(taken_at=now, received_at=now, rgb=rgb)
    else:
        video = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format=pixel_format)
        frame = Frame(taken_at=now, received_at=now, video=video)
    ours, theirs = (Wire(end) for end in socket.socketpair())
    head, pixels = packed(frame)
    sending = threading.Thread(target=ours.send, args=(head, pixels))
    sending.start()
    there = unpacked(*theirs.receive())
    sending.join()
    assert (there.taken_at, there.received_at) == (now, now)
    assert np.array_equal(there.rgb, frame.rgb)
    if as_it_is:
        assert np.array_equal(there.luma, frame.luma)
    ours.close()
    with pytest.raises(EOFError):
        theirs.receive()
    theirs.close()
