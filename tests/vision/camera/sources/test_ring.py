"""What is kept of a stream: the last while, from a key frame on, and not too much."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vision.camera.sources.ring import Coding, KeptPacket, Ring, parameter_sets

START = datetime(2026, 11, 22, 8, tzinfo=UTC)
CODING = Coding("h264", b"")


def packet(second, *, key=False, size=10):
    return KeptPacket(bytes(size), CODING, START + timedelta(seconds=second), 0.0, key)


def filled(ring, count, key_every=5, size=10):
    for second in range(count):
        ring.add(packet(second, key=second % key_every == 0, size=size))
    return [(item.at - START).total_seconds() for item in ring.items()]


@pytest.mark.parametrize(
    ("keep_s", "limit_bytes", "first"),
    [
        (1000, 10_000, 0),
        # Of 0 to 99: 60 s back from 99 is 39, so the group that begins at 35 is still needed.
        (60, 10_000, 35),
        (1000, 300, 70),
        (60, 300, 70),
    ],
)
def test_the_oldest_goes_by_whole_groups(keep_s, limit_bytes, first):
    times = filled(Ring(keep_s, limit_bytes), 100)
    assert times[0] == first
    assert times[-1] == 99
    assert len(times) == 100 - first


def test_it_begins_with_a_key_frame():
    ring = Ring(60)
    ring.add(packet(0))
    ring.add(packet(1, key=True))
    ring.add(packet(2))
    assert [item.is_key for item in ring.items()] == [True, False]


def test_one_group_larger_than_the_limit_does_not_stay():
    ring = Ring(60, 100)
    ring.add(packet(0, key=True, size=90))
    ring.add(packet(1, size=90))
    assert ring.items() == []


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 60), st.floats(-5, 5)), max_size=80),
    st.integers(1, 200),
)
def test_it_is_never_too_large_and_always_decodable(items, limit_bytes):
    ring = Ring(10, limit_bytes)
    at = 0.0
    for key, size, step in items:
        at += step
        ring.add(packet(at, key=key, size=size))
        kept = ring.items()
        assert sum(len(item.data) for item in kept) <= limit_bytes
        assert not kept or kept[0].is_key


SPS, PPS, SLICE = b"\x67\x42\x00\x1e", b"\x68\xce\x38", b"\x65\x88\x84\x00\x10"
VPS, SPS5, PPS5, SLICE5 = b"\x40\x01\x0c", b"\x42\x01\x01", b"\x44\x01\xc1", b"\x26\x01\xaf"
LONG, SHORT = b"\x00\x00\x00\x01", b"\x00\x00\x01"


@pytest.mark.parametrize(
    ("codec", "data", "expected"),
    [
        ("h264", LONG + SPS + LONG + PPS + SHORT + SLICE, LONG + SPS + LONG + PPS),
        ("h264", SHORT + b"\x09\x10" + SHORT + SPS + SHORT + PPS, LONG + SPS + LONG + PPS),
        ("h264", LONG + SLICE, b""),
        ("hevc", LONG + VPS + LONG + SPS5 + LONG + PPS5 + LONG + SLICE5,
         LONG + VPS + LONG + SPS5 + LONG + PPS5),
        ("mjpeg", b"\xff\xd8" + LONG + SPS, b""),
        ("h264", b"", b""),
    ],
)  # fmt: skip
def test_parameter_sets_are_found(codec, data, expected):
    assert parameter_sets(data, codec) == expected


@given(st.binary(max_size=200))
def test_any_bytes_may_come(data):
    for codec in ("h264", "hevc"):
        found = parameter_sets(data, codec)
        assert parameter_sets(found, codec) == found
