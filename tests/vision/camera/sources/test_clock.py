"""Timestamps become times of day, whatever cameras and recorders do to them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vision.camera.sources.clock import FileClock, LiveClock

START = datetime(2026, 11, 22, 8, tzinfo=UTC)


def seconds(times):
    return [round((at - START).total_seconds(), 3) for at in times]


@pytest.mark.parametrize(
    ("name", "stamps", "expected"),
    [
        ("from zero", [0, 0.04, 0.08], [0, 0.04, 0.08]),
        ("a recorder's own beginning", [36_000, 36_000.5, 36_001], [0, 0.5, 1]),
        ("reordered frames", [0, 0.12, 0.04, 0.08, 0.24], [0, 0.12, 0.04, 0.08, 0.24]),
        ("a recording with a gap", [0, 1, 3601], [0, 1, 3601]),
        ("one stamp missing", [0, 0.5, None, 1.5], [0, 0.5, 1.0, 1.5]),
        ("no stamps at all", [None, None, None], [0, 0.04, 0.08]),
        ("two recordings joined", [0, 1, 2, 0, 1], [0, 1, 2, 3, 4]),
        ("a counter that ran over", [95_443, 95_444, 0, 1], [0, 1, 2, 3]),
        ("a broken stamp far ahead", [0, 1, 1e7, 1e7 + 1], [0, 1, 2, 3]),
    ],
)
def test_times_of_a_file(name, stamps, expected):
    clock = FileClock(START)
    assert seconds(clock.note(stamp) for stamp in stamps) == expected, name


@given(st.lists(st.none() | st.floats(-1e5, 1e5), min_size=1, max_size=50))
def test_a_file_never_runs_backwards_by_more_than_reordering(stamps):
    clock = FileClock(START)
    times = [clock.note(stamp) for stamp in stamps]
    newest = START
    for at in times:
        assert at >= newest - timedelta(seconds=1.001)
        newest = max(newest, at)


def live(packets):
    """Times of packets (stamp, received, sender's time less ours or None), and the clock."""
    clock = LiveClock()
    times = []
    for stamp, received, offset in packets:
        received_at = START + timedelta(seconds=received)
        sender_at = None if offset is None else received_at + timedelta(seconds=offset)
        times.append(clock.note(stamp, received_at, sender_at))
    return seconds(times), clock


def test_a_live_stream_is_tied_to_the_time_of_receipt():
    times, clock = live([(100 + t, t, None) for t in (0, 1, 2)])
    assert times == [0, 1, 2]
    assert clock.offset_s is None


def test_a_packet_that_is_late_keeps_its_own_time():
    times, _ = live([(0, 0, None), (1, 1, None), (2, 3.5, None), (3, 3.6, None), (4, 4, None)])
    assert times == [0, 1, 2, 3, 4]


def test_a_burst_at_the_beginning_is_not_spread():
    times, _ = live([(0, 2, None), (1, 2, None), (2, 2, None), (3, 3, None)])
    assert times[2:] == [2, 3]


def test_the_cameras_clock_counts_where_it_keeps_network_time():
    packets = [(0, 0, None), (1, 1, -0.3), (2, 2, -0.3)]
    times, clock = live(packets)
    assert times == [0, 0.7, 1.7]
    assert clock.offset_s == pytest.approx(-0.3)


@pytest.mark.parametrize("offset", [28_800.0, -3600.0, 9.0])
def test_a_camera_with_a_wrong_clock_is_not_believed_but_told(offset):
    times, clock = live([(t, t, offset) for t in (0, 1, 2)])
    assert times == [0, 1, 2]
    assert clock.offset_s == pytest.approx(offset)


@pytest.mark.parametrize(
    ("name", "stamps"),
    [
        ("ran over", [95_442, 95_443, 0, 1]),
        ("jumped ahead", [0, 1, 5000, 5001]),
        ("missing", [0, None, None, 3]),
    ],
)
def test_stamps_that_jump_do_not_move_time(name, stamps):
    times, _ = live([(stamp, t, None) for t, stamp in enumerate(stamps)])
    assert times == [0, 1, 2, 3], name


def test_a_camera_that_counts_slowly_is_tied_anew():
    """Stamps of 0.9 s a second: never off by more than the limit and what is waited for."""
    packets = [(0.9 * t, t, None) for t in range(300)]
    times, _ = live(packets)
    assert max(abs(at - t) for t, at in enumerate(times)) < 2.0 + 6.0
    assert all(later > earlier for earlier, later in pairwise(times))
