"""Folders of pictures: their order, their times, and what is passed over."""

from __future__ import annotations

import os
import threading
from datetime import UTC, datetime, timedelta

import pytest
from make_videos import jpeg_of, number_of

from vision.camera.sources import open_source
from vision.errors import InputError

START = datetime(2026, 11, 22, 8, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path):
    for number in (1, 2, 9, 10, 11, 100):
        (tmp_path / f"gate_{number}.jpg").write_bytes(jpeg_of(number))
    (tmp_path / "notes.txt").write_text("seen at the gate")
    (tmp_path / "._gate_3.jpg").write_bytes(b"left by a copying program")
    (tmp_path / "older.jpg").mkdir()
    return tmp_path


def looked_at(folder, step_s=1.0, interval_s=10.0):
    source = open_source(str(folder), start=START, interval_s=interval_s)
    return source, list(source.events(step_s, threading.Event()))


def seconds(frames):
    return [(frame.taken_at - START).total_seconds() for frame in frames]


@pytest.mark.parametrize(
    ("step_s", "numbers", "times"),
    [
        (1, [1, 2, 9, 10, 11, 100], [0, 10, 20, 30, 40, 50]),
        (10, [1, 2, 9, 10, 11, 100], [0, 10, 20, 30, 40, 50]),
        (25, [1, 10], [0, 30]),
    ],
)
def test_pictures_come_in_natural_order_at_their_spacing(folder, step_s, numbers, times):
    _, frames = looked_at(folder, step_s)
    assert [number_of(frame.rgb) for frame in frames] == numbers
    assert seconds(frames) == times


def test_a_broken_picture_keeps_its_place_in_time(folder):
    (folder / "gate_9.jpg").write_bytes(b"\xff\xd8\xff broken")
    source, frames = looked_at(folder)
    assert seconds(frames) == [0, 10, 30, 40, 50]
    assert source.skipped == 1


def test_without_a_start_the_first_files_date_counts(folder):
    os.utime(folder / "gate_1.jpg", (START.timestamp(), START.timestamp()))
    source = open_source(str(folder), interval_s=5)
    assert source.start == START


def test_stopping(folder):
    stop = threading.Event()
    events = open_source(str(folder), start=START, interval_s=1).events(1.0, stop)
    next(events)
    stop.set()
    assert list(events) == []


def empty(folder):
    for path in folder.glob("*.jpg"):
        if path.is_file():
            path.unlink()


def broken(folder):
    for path in folder.glob("*.jpg"):
        if path.is_file():
            path.write_bytes(b"nothing")


@pytest.mark.parametrize(
    ("spoil", "interval_s", "says"),
    [
        (empty, 1.0, "holds no .jpg"),
        (broken, 1.0, "none of its pictures"),
        (None, None, "seconds from one to the next"),
        (None, 0.0, "more than 0"),
        (None, -1.0, "more than 0"),
    ],
)
def test_what_cannot_be_looked_at(folder, spoil, interval_s, says):
    if spoil:
        spoil(folder)
    with pytest.raises(InputError, match=says):
        list(open_source(str(folder), interval_s=interval_s).events(1.0, threading.Event()))


def test_clip_of_stills_is_a_slide_show(folder, tmp_path):
    source, _ = looked_at(folder)
    path = tmp_path / "clip.mp4"
    clip = source.clip(START + timedelta(seconds=15), START + timedelta(seconds=45), path)
    assert (clip.start - START).total_seconds() == 20
    assert (clip.end - START).total_seconds() == 40
    shown = list(open_source(str(path), start=START).events(0.1, threading.Event()))
    assert [number_of(frame.rgb) for frame in shown] == [9, 10, 11]
    assert seconds(shown) == pytest.approx([0, 1, 2], abs=0.01)


def test_one_picture_is_no_clip(folder, tmp_path):
    source, _ = looked_at(folder)
    assert source.clip(START, START + timedelta(seconds=5), tmp_path / "clip.mp4") is None
    assert not (tmp_path / "clip.mp4").exists()
