"""Clips: the camera's own bytes where they can be, masks burnt in where they must be."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import av
import numpy as np
import pytest
from make_videos import number_of, numbered_picture, write_video

from vision.camera.sources import open_source
from vision.errors import OutputError

START = datetime(2026, 11, 22, 8, tzinfo=UTC)
SIZE = (320, 180)
RIGHT_HALF = ((0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0))


def after(seconds):
    return START + timedelta(seconds=seconds)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("videos")


def seen(path, **options):
    """A source that has read a file to its end."""
    source = open_source(str(path), start=START, **options)
    assert list(source.events(1.0, threading.Event()))
    return source


@pytest.fixture(scope="module")
def street(folder):
    """12 s, 10 pictures a second, a key frame every 2 s, with reordering."""
    return write_video(folder / "street.mp4", count=120, key_every=20, b_frames=2)


def pictures(path):
    with av.open(str(path)) as film:
        return [
            (round(frame.time, 3), frame.to_ndarray(format="rgb24"))
            for frame in film.decode(video=0)
        ]


def packets(path):
    with av.open(str(path)) as film:
        return [bytes(packet) for packet in film.demux(video=0) if packet.size]


def boxes(path):
    """Names of the outermost boxes of an MP4, in order."""
    data, at, names = path.read_bytes(), 0, []
    while at < len(data):
        names.append(data[at + 4 : at + 8].decode("latin1"))
        at += int.from_bytes(data[at : at + 4], "big")
    return names


def test_the_cameras_own_bytes_are_kept(street, tmp_path):
    path = tmp_path / "clip.mp4"
    clip = seen(street).clip(after(5), after(7.5), path)
    assert (clip.path, clip.codec, clip.reencoded) == (path, "h264", False)
    assert (clip.start, clip.end) == (after(4), after(7.5))
    kept = packets(path)
    # Slices are the same; only what is told apart from them may differ.
    assert all(any(packet[-200:] == own[-200:] for own in packets(street)) for packet in kept)
    shown = pictures(path)
    assert [number_of(rgb) for _, rgb in shown] == list(range(40, 76))
    assert [at for at, _ in shown] == pytest.approx([n / 10 for n in range(36)], abs=0.002)
    assert boxes(path).index("moov") < boxes(path).index("mdat")
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize(
    ("start", "end", "first", "last"),
    [
        (-100, 100, 0, 119),
        # Picture 30 is made from 32, which is decoded before it.
        (-100, 3, 0, 32),
        (11, 100, 100, 119),
        (6, 8, 60, 80),
    ],
)
def test_what_lies_between(street, tmp_path, start, end, first, last):
    path = tmp_path / "clip.mp4"
    clip = seen(street).clip(after(start), after(end), path)
    assert (clip.start, clip.end) == (after(first / 10), after(last / 10))
    shown = [number_of(rgb) for _, rgb in pictures(path)]
    assert (shown[0], shown[-1]) == (first, last)


@pytest.mark.parametrize(("start", "end"), [(-10, -1), (20, 30), (7, 6)])
def test_nothing_is_written_where_nothing_is_kept(street, tmp_path, start, end):
    path = tmp_path / "clip.mp4"
    assert seen(street).clip(after(start), after(end), path) is None
    assert not path.exists()


def test_only_the_last_while_is_kept(street, tmp_path):
    source = seen(street, keep_s=4)
    assert source.clip(after(0), after(5), tmp_path / "clip.mp4") is None
    clip = source.clip(after(0), after(20), tmp_path / "clip.mp4")
    # Of 12 s the last 4, from the key frame before.
    assert clip.start == after(6)


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_masks_are_burnt_into_every_picture(folder, tmp_path, codec):
    film = write_video(folder / f"m_{codec}.mp4", count=60, codec=codec)
    path = tmp_path / "clip.mp4"
    clip = seen(film).clip(after(1), after(5), path, masks=[RIGHT_HALF])
    assert clip.reencoded
    assert (clip.start, clip.end) == (after(1), after(5))
    shown = pictures(path)
    assert [number_of(rgb) for _, rgb in shown] == list(range(10, 51))
    for _, rgb in shown:
        assert rgb[:, 160:].max() < 24
        assert rgb[20:, :150].mean() > 60


@pytest.mark.parametrize("codec", ["libx265", "mpeg4", "mjpeg"])
def test_what_browsers_do_not_play_is_packed_anew(folder, tmp_path, codec):
    film = write_video(folder / f"c_{codec}.mp4", count=40, codec=codec)
    path = tmp_path / "clip.mp4"
    clip = seen(film).clip(after(0), after(3), path)
    assert clip.reencoded
    with av.open(str(path)) as written:
        context = written.streams.video[0].codec_context
        assert (context.name, context.format.name) == ("h264", "yuv420p")
    assert [number_of(rgb) for _, rgb in pictures(path)] == list(range(31))


def test_what_is_packed_anew_is_made_small(folder, tmp_path):
    film = write_video(folder / "large.mp4", count=25, rate=25, size_wh=(1442, 722))
    path = tmp_path / "clip.mp4"
    seen(film).clip(after(0), after(1), path, masks=[RIGHT_HALF])
    shown = pictures(path)
    assert shown[0][1].shape == (640, 1280, 3)
    assert [number_of(rgb, (1442, 722)) for _, rgb in shown] == list(range(0, 25, 2))


def test_a_clip_keeps_to_one_resolution(folder, tmp_path):
    parts = [
        write_video(folder / f"{size[0]}.ts", count=count, size_wh=size, container="mpegts")
        for size, count in (((320, 180), 20), ((640, 360), 40))
    ]
    joined = folder / "joined.ts"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    path = tmp_path / "clip.mp4"
    clip = seen(joined).clip(after(0), after(10), path)
    assert not clip.reencoded
    assert clip.start == pytest.approx(after(2), abs=timedelta(seconds=0.1))
    assert {rgb.shape for _, rgb in pictures(path)} == {(360, 640, 3)}


def test_a_clip_that_cannot_be_written_leaves_nothing(street, tmp_path):
    with pytest.raises(OutputError, match="cannot be written"):
        seen(street).clip(after(1), after(3), tmp_path / "missing" / "clip.mp4")
    assert not list(tmp_path.iterdir())


def test_pictures_differ_as_they_should():
    """What the tests above rest on: the numbers survive packing."""
    assert [number_of(numbered_picture(n)) for n in range(256)] == list(range(256))
    assert np.abs(numbered_picture(1).astype(int) - numbered_picture(2)).mean() > 1
