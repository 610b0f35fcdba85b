"""Looks are close while there is time for them."""

from __future__ import annotations

from itertools import pairwise

import pytest

from vision.camera.pace import FIRST_WAIT_S, KEPT_UP_S, MOST_WAIT_S, WINDOW_S, Pace


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


class Workers:
    """Some workers, each busy for a share of every second."""

    def __init__(self, count=2):
        self.clock = Clock()
        self.count = count
        self.pace = Pace(count, self.clock)

    def work(self, seconds, *, close, coarse, late_a_second=0):
        """Look once a second each; what a look takes by its kind. Returns which were close."""
        looks = []
        for _ in range(round(seconds)):
            self.pace.late(late_a_second)
            for _ in range(self.count):
                began = self.clock.now
                with self.pace.look() as fine:
                    looks.append(fine)
                    self.clock.now += close if fine else coarse
                self.clock.now = began
            self.clock.now += 1.0
        return looks


def test_looks_are_close_where_there_is_time():
    assert all(Workers().work(3600, close=0.7, coarse=0.3))


@pytest.mark.parametrize("load", [{"close": 0.9}, {"close": 0.2, "late_a_second": 1}])
def test_who_falls_behind_looks_coarsely_within_two_windows(load):
    looks = Workers().work(2 * WINDOW_S + 2, coarse=0.6, **load)
    assert looks[0]
    assert not looks[-1]


def test_a_frame_that_came_to_nothing_now_and_then_changes_nothing():
    workers = Workers()
    for _ in range(20):
        assert all(workers.work(WINDOW_S, close=0.3, coarse=0.1))
        workers.pace.late(1)


def test_it_stays_with_coarse_looks_where_close_ones_would_take_too_long():
    workers = Workers()
    workers.work(60, close=0.95, coarse=0.4)
    assert not any(workers.work(7200, close=0.95, coarse=0.4))


def test_close_looks_come_back_when_the_rush_is_over():
    workers = Workers()
    workers.work(60, close=0.95, coarse=0.5)
    assert all(workers.work(3600, close=0.5, coarse=0.2)[-100:])


def test_close_looks_in_vain_are_tried_ever_less_often():
    workers = Workers()
    tries = workers.work(4 * 3600, close=0.9, coarse=0.3)
    began = [i // 2 for i in range(1, len(tries)) if tries[i] and not tries[i - 1]]
    waits = [after - before for before, after in pairwise(began)]
    assert waits == sorted(waits)
    assert FIRST_WAIT_S < waits[0] < 3 * FIRST_WAIT_S
    assert MOST_WAIT_S <= waits[-1] <= MOST_WAIT_S + 3 * WINDOW_S


def test_after_a_long_time_of_close_looks_the_waits_are_short_again():
    workers = Workers()
    workers.work(3600, close=0.9, coarse=0.3)
    # The last wait was half an hour; when it is over there is time, then there is not.
    workers.work(2 * MOST_WAIT_S + KEPT_UP_S, close=0.3, coarse=0.1)
    workers.work(2 * WINDOW_S + 2, close=0.9, coarse=0.3)
    assert workers.work(FIRST_WAIT_S + 3 * WINDOW_S, close=0.3, coarse=0.1)[-1]


def test_a_look_that_fails_counts_too():
    workers = Workers(1)
    for _ in range(30):
        with pytest.raises(ZeroDivisionError), workers.pace.look() as fine:
            workers.clock.now += 1.0
            raise ZeroDivisionError
    assert not fine
