"""Video files: which pictures are taken, at which times, and what is refused."""

from __future__ import annotations

import os
import threading
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import av
import pytest
from make_videos import number_of, write_video

from vision.camera.frame import Frame
from vision.camera.sources import Fault, FaultKind, open_source
from vision.errors import InputError

START = datetime(2026, 11, 22, 8, tzinfo=UTC)
LENGTH_BEFORE_START = START - timedelta(seconds=3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("videos")


@pytest.fixture(scope="module")
def dense(folder):
    """10 pictures a second for 12 s, a key frame each second."""
    return write_video(folder / "dense.mp4", count=120, rate=10, key_every=10)


def looked_at(path, step_s, **options):
    source = open_source(str(path), start=START, **options)
    events = list(source.events(step_s, threading.Event()))
    assert all(isinstance(event, Frame) for event in events)
    return source, events


def numbers(frames):
    return [number_of(frame.rgb) for frame in frames]


def seconds(frames):
    return [round((frame.taken_at - START).total_seconds(), 3) for frame in frames]


@pytest.mark.parametrize(
    ("step_s", "decoding", "expected"),
    [
        (0.1, "all frames", list(range(120))),
        (0.5, "all frames", list(range(0, 120, 5))),
        # The spacing of key frames is known from the third on; they are 1 s apart.
        (1.0, "key frames", list(range(0, 120, 10))),
        (2.0, "key frames", list(range(0, 120, 20))),
        (3.0, "key frames", None),
        (30.0, "key frames", [0]),
    ],
)
def test_pictures_are_taken_at_the_step_and_have_their_own_time(dense, step_s, decoding, expected):
    source, frames = looked_at(dense, step_s)
    assert source.decoding == decoding
    assert seconds(frames) == [round(number / 10, 3) for number in numbers(frames)]
    if expected is not None:
        assert numbers(frames) == expected
    steps = [b - a for a, b in pairwise(seconds(frames))]
    assert all(0.59 * step_s <= step <= 1.21 * step_s for step in steps)


@pytest.mark.parametrize("codec", ["libx264", "libx265", "mpeg4", "mjpeg"])
def test_codecs(folder, codec):
    path = write_video(folder / f"{codec}.mp4", count=30, codec=codec)
    _, frames = looked_at(path, 0.5)
    assert numbers(frames) == list(range(0, 30, 5))
    assert seconds(frames) == [0.0, 0.5, 1.0, 1.5, 2.0, 2.5]


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "avi", "flv"])
def test_containers(folder, suffix):
    path = write_video(folder / f"a.{suffix}", count=30)
    _, frames = looked_at(path, 1.0)
    assert numbers(frames) == [0, 10, 20]
    assert seconds(frames) == pytest.approx([0.0, 1.0, 2.0], abs=0.002)


def test_reordered_pictures_come_in_their_order(folder):
    path = write_video(folder / "b.mp4", count=40, b_frames=2)
    _, frames = looked_at(path, 0.1)
    assert numbers(frames) == list(range(40))
    assert seconds(frames) == [round(number / 10, 3) for number in range(40)]


def test_pictures_nothing_depends_on_are_not_waited_for(folder):
    """With long steps they are not decoded; the next one is taken, with its own time."""
    path = write_video(folder / "b5.mp4", count=60, b_frames=2, key_every=60)
    source, frames = looked_at(path, 0.5)
    assert source.decoding == "all frames"
    assert seconds(frames) == [round(number / 10, 3) for number in numbers(frames)]
    assert len(frames) >= 8


def test_all_frames_are_decoded_again_where_key_frames_get_rare(folder):
    """Key frames each second for 5 s, then none for 6 s."""
    times = [number / 10 for number in range(50)] + [5 + number for number in range(60)]
    path = write_video(folder / "rare.mp4", count=110, times=times, key_every=10)
    source, frames = looked_at(path, 1.0)
    assert source.decoding == "all frames"
    # One look is missed for the time between two key frames, no more.
    late = [at for at in seconds(frames) if at >= 25]
    assert all(1 <= b - a <= 1.01 for a, b in pairwise(late))


def test_pictures_at_uneven_times_keep_them(folder):
    times = [0, 0.1, 0.5, 7.0, 7.1, 7.2, 3600.0, 3600.5]
    _, frames = looked_at(write_video(folder / "gaps.mp4", count=8, times=times), 0.05)
    assert seconds(frames) == times


def test_a_change_of_resolution_within_a_stream(folder):
    parts = [
        write_video(folder / f"{size[0]}.ts", count=20, size_wh=size, container="mpegts")
        for size in ((320, 180), (640, 360))
    ]
    joined = folder / "joined.ts"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    _, frames = looked_at(joined, 0.5)
    assert [frame.size_wh for frame in frames] == [(320, 180)] * 4 + [(640, 360)] * 4
    assert seconds(frames) == sorted(seconds(frames))
    assert seconds(frames)[-1] == pytest.approx(3.5, abs=0.1)


@pytest.mark.parametrize(
    ("given", "metadata", "expected", "start_from"),
    [
        (START, {"creation_time": "2026-01-02T03:04:05Z"}, START, "given"),
        (None, {"creation_time": "2026-01-02T03:04:05Z"},
         datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "metadata"),
        # Recorders without a clock; the file changed last when the recording of 3 s ended.
        (None, {"creation_time": "1970-01-01T00:00:00Z"}, LENGTH_BEFORE_START, "file date"),
        (None, {"creation_time": "2999-01-01T00:00:00Z"}, LENGTH_BEFORE_START, "file date"),
        (None, {}, LENGTH_BEFORE_START, "file date"),
    ],
)  # fmt: skip
def test_when_a_recording_began(tmp_path, given, metadata, expected, start_from):
    path = write_video(tmp_path / "a.mp4", count=30, metadata=metadata)
    os.utime(path, (START.timestamp(), START.timestamp()))
    source = open_source(str(path), start=given)
    assert source.start == expected
    assert source.start_from == start_from
    first = next(source.events(1.0, threading.Event()))
    assert first.taken_at == expected


def test_a_start_needs_a_time_zone(dense):
    with pytest.raises(InputError, match="time zone"):
        open_source(str(dense), start=datetime(2026, 1, 1))


def test_stopping(dense):
    stop = threading.Event()
    events = open_source(str(dense), start=START).events(0.1, stop)
    next(events)
    stop.set()
    assert list(events) == []


def ffconcat(path, other):
    path.write_text(f"ffconcat version 1.0\nfile '{other}'\n")


def playlist(path, other):
    path.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{other}\n#EXT-X-ENDLIST\n")


def session(path, other):
    path.write_text(f"v=0\no=- 0 0 IN IP4 {other}\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n")


def text(path, _other):
    path.write_text("just some words\n" * 20)


def nothing(path, _other):
    path.write_bytes(b"")


def sound(path, _other):
    with av.open(str(path), "w", format="matroska") as out:
        stream = out.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame(format="s16", layout="mono", samples=800)
        frame.sample_rate, frame.pts = 8000, 0
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


@pytest.mark.parametrize("make", [ffconcat, playlist, session, text, nothing, sound])
@pytest.mark.parametrize("suffix", ["mp4", "m3u8", "ffconcat", "ts"])
def test_no_file_makes_others_be_opened(tmp_path, dense, make, suffix):
    path = tmp_path / f"a.{suffix}"
    make(path, dense)
    with pytest.raises(InputError, match=str(path)):
        list(open_source(str(path)).events(1.0, threading.Event()))


def test_a_damaged_recording_gives_what_it_has(folder):
    data = bytearray(write_video(folder / "whole.ts", count=120).read_bytes())
    middle = len(data) // 2
    data[middle : middle + 40_000] = os.urandom(40_000)
    damaged = folder / "damaged.ts"
    damaged.write_bytes(data)
    events = list(open_source(str(damaged), start=START).events(0.5, threading.Event()))
    frames = [event for event in events if isinstance(event, Frame)]
    assert numbers(frames)[:4] == [0, 5, 10, 15]
    assert seconds(frames) == sorted(seconds(frames))
    assert len(frames) >= 8


def test_a_recording_that_was_cut_off_says_so(folder, dense):
    whole = dense.read_bytes()
    # FFmpeg writes the index last; one in front is what a recording that is copied has.
    source = open_source(str(dense), start=START)
    frames = list(source.events(0.5, threading.Event()))
    last = frames[-1].taken_at
    fast = folder / "fast.mp4"
    assert source.clip(START, last, fast) is not None
    cut = folder / "cut.mp4"
    cut.write_bytes(fast.read_bytes()[: len(whole) // 2])
    events = list(open_source(str(cut), start=START).events(0.5, threading.Event()))
    assert isinstance(events[0], Frame)
    faults = [event for event in events if isinstance(event, Fault)]
    assert [fault.kind for fault in faults] in ([], [FaultKind.BAD_STREAM])
    assert len(events) < len(frames)


def test_a_recording_without_one_whole_picture_is_an_input_error(folder, dense):
    source = open_source(str(dense), start=START)
    fast = folder / "fast2.mp4"
    list(source.events(1.0, threading.Event()))
    source.clip(START, START + timedelta(seconds=12), fast)
    data = bytearray(fast.read_bytes())
    content = data.index(b"mdat") + 4
    data[content:] = bytes(len(data) - content)
    fast.write_bytes(data)
    with pytest.raises(InputError, match="no picture that can be decoded"):
        list(open_source(str(fast), start=START).events(1.0, threading.Event()))
