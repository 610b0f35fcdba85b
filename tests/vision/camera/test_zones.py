"""Zones: what stands in them by its ground contact, and when they are watched by the wall clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vision.camera.config import Zone
from vision.camera.zones import (
    active_s,
    crosses,
    ground_share,
    holds,
    is_active,
    next_tick,
    stands_in,
    touches,
)

SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")
SQUARE = [[0.2, 0.5], [0.8, 0.5], [0.8, 0.9], [0.2, 0.9]]


def zone(*hours, **more):
    return Zone.model_validate(
        {"name": "z", "kind": "no_parking", "polygon": SQUARE, "active_hours": hours, **more}
    )


@pytest.mark.parametrize(
    ("box", "share", "inside", "stays"),
    [
        ((0.4, 0.6, 0.6, 0.8), 1.0, True, True),
        ((0.4, 0.2, 0.6, 0.6), 0.75, True, True),  # its middle is outside, its wheels inside
        ((0.4, 0.7, 0.6, 1.0), 0.0, False, False),  # its middle inside, its wheels outside
        ((0.11, 0.6, 0.3, 0.8), 0.5263, True, True),
        ((0.06, 0.6, 0.3, 0.8), 0.4167, False, True),
        ((0.0, 0.6, 0.25, 0.8), 0.2, False, False),
        ((0.4, 0.6, 0.6, 0.605), 1.0, False, False),  # too small
        ((0.5, 0.7, 0.5, 0.7), 0.0, False, False),
    ],
)
def test_what_stands_in_a_zone_is_told_from_its_lower_part(box, share, inside, stays):
    assert ground_share(zone(), box) == pytest.approx(share, abs=0.001)
    assert stands_in(zone(), box) is inside
    assert stands_in(zone(), box, was_in=True) is stays


def test_points_ways_and_boxes():
    assert holds(zone(), (0.5, 0.7))
    assert not holds(zone(), (0.5, 0.95))
    assert crosses(zone(), (0.1, 0.7), (0.9, 0.7))
    assert not crosses(zone(), (0.1, 0.4), (0.9, 0.4))
    assert touches(zone(), (0.0, 0.0, 0.25, 0.55))
    assert not touches(zone(), (0.0, 0.0, 0.15, 0.45))


def local(tz, *parts, fold=0):
    return datetime(*parts, tzinfo=tz, fold=fold).astimezone(UTC)


@pytest.mark.parametrize(
    ("hours", "at", "expected"),
    [
        ((), local(SHANGHAI, 2026, 11, 22, 3), True),
        (("07:00-08:30",), local(SHANGHAI, 2026, 11, 22, 6, 59, 59), False),
        (("07:00-08:30",), local(SHANGHAI, 2026, 11, 22, 7), True),
        (("07:00-08:30",), local(SHANGHAI, 2026, 11, 22, 8, 30), False),
        (("07:00-08:30", "16:00-18:00"), local(SHANGHAI, 2026, 11, 22, 17), True),
        (("22:00-06:00",), local(SHANGHAI, 2026, 11, 22, 23, 59, 59), True),
        (("22:00-06:00",), local(SHANGHAI, 2026, 11, 22, 0), True),
        (("22:00-06:00",), local(SHANGHAI, 2026, 11, 22, 6), False),
        (("22:00-24:00",), local(SHANGHAI, 2026, 11, 22, 0), False),
    ],
)
def test_hours_are_read_from_the_wall_clock(hours, at, expected):
    assert is_active(zone(*hours), at, SHANGHAI) is expected


@pytest.mark.parametrize(
    ("tz", "hours", "start", "end", "expected"),
    [
        (SHANGHAI, (), (2026, 11, 22, 0), (2026, 11, 22, 1), 3600),
        (SHANGHAI, ("07:00-08:30",), (2026, 11, 22, 6), (2026, 11, 22, 9), 5400),
        (SHANGHAI, ("07:00-08:30",), (2026, 11, 22, 8), (2026, 11, 23, 8), 5400),
        (SHANGHAI, ("07:00-09:00", "08:00-10:00"), (2026, 11, 22, 6), (2026, 11, 22, 12), 10800),
        (SHANGHAI, ("22:00-06:00",), (2026, 11, 22, 23), (2026, 11, 23, 1), 7200),
        (SHANGHAI, ("22:00-06:00",), (2026, 11, 22, 0), (2026, 11, 25, 0), 3 * 8 * 3600),
        # 2026-03-29 02:00 becomes 03:00: of half past one to half past two, half an hour is there.
        (BERLIN, ("01:30-02:30",), (2026, 3, 29, 0), (2026, 3, 29, 6), 1800),
        (BERLIN, ("01:30-03:30",), (2026, 3, 29, 0), (2026, 3, 29, 6), 3600),
        # 2026-10-25 03:00 becomes 02:00: the clock reads half past two twice.
        (BERLIN, ("02:15-02:45",), (2026, 10, 25, 0), (2026, 10, 25, 6), 3600),
        (BERLIN, ("22:00-06:00",), (2026, 10, 24, 20), (2026, 10, 25, 8), 9 * 3600),
        (BERLIN, ("22:00-06:00",), (2026, 3, 28, 20), (2026, 3, 29, 8), 7 * 3600),
        (SHANGHAI, (), (2026, 11, 22, 1), (2026, 11, 22, 0), 0),
    ],
)
def test_seconds_in_hours(tz, hours, start, end, expected):
    found = active_s(zone(*hours), local(tz, *start), local(tz, *end), tz)
    assert found == pytest.approx(expected, abs=0.01)


HOURS = st.sampled_from(
    [(), ("07:00-08:30",), ("22:00-06:00",), ("00:00-24:00",), ("01:30-02:30", "02:10-05:00")]
)
CHANGES = (datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC))


@given(
    tz=st.sampled_from([SHANGHAI, BERLIN]),
    hours=HOURS,
    near=st.sampled_from(CHANGES),
    offset_min=st.integers(-1500, 1500),
    minutes=st.integers(1, 300),
    cut=st.floats(0, 1),
)
def test_seconds_are_what_the_wall_clock_shows(tz, hours, near, offset_min, minutes, cut):
    start = near + timedelta(minutes=offset_min)
    end = start + timedelta(minutes=minutes)
    found = active_s(zone(*hours), start, end, tz)
    # All hours begin and end on whole minutes, so looking at each minute is exact.
    shown = sum(is_active(zone(*hours), start + timedelta(minutes=n), tz) for n in range(minutes))
    assert found == pytest.approx(60 * shown, abs=0.01)
    between = start + cut * (end - start)
    parts = active_s(zone(*hours), start, between, tz) + active_s(zone(*hours), between, end, tz)
    assert parts == pytest.approx(found, abs=0.01)


def test_steps_in_time():
    watched = zone("07:00-08:30")
    first = next_tick(watched, SHANGHAI, None, local(SHANGHAI, 2026, 11, 22, 6, 59))
    assert (first.active, first.open_since) == (False, None)
    second = next_tick(watched, SHANGHAI, first, local(SHANGHAI, 2026, 11, 22, 7, 1))
    assert (second.active, second.elapsed_s, second.active_s) == (True, 120, 60)
    assert second.open_since == local(SHANGHAI, 2026, 11, 22, 7)
    third = next_tick(watched, SHANGHAI, second, local(SHANGHAI, 2026, 11, 22, 7, 2))
    assert third.open_since == second.open_since
    assert next_tick(watched, SHANGHAI, third, third.at) is None
    assert next_tick(watched, SHANGHAI, third, third.at - timedelta(seconds=5)) is None
    back = next_tick(watched, SHANGHAI, third, third.at - timedelta(seconds=30))
    assert (back.elapsed_s, back.active_s, back.set_by) == (0, 0, timedelta(seconds=-30))
    assert back.open_since == third.open_since - timedelta(seconds=30)
    closed = next_tick(watched, SHANGHAI, third, local(SHANGHAI, 2026, 11, 22, 9))
    assert (closed.active, closed.open_since, closed.active_s) == (False, None, 88 * 60)
