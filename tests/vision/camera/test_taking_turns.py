"""One vehicle that looks otherwise for a while stays one; another in its place is another."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.vision.camera.street_story import (
    START,
    Story,
    at,
    box,
    camera_with,
    fired,
    look_of,
    stands,
    times,
    tracked,
    watched,
)
from vision.camera import boxes
from vision.camera.events import Observation
from vision.camera.matching import assign
from vision.camera.tracks import begin

PLACE = box(0.5, 0.6)
EVER = 99_999
GRACE_S = 30


def every(period, lasts, first=100, until=1000):
    """Times from and to, again and again."""
    return [(start, start + lasts) for start in range(first, until, period)]


def there(tracks):
    return [
        track
        for track in tracks
        if track.standing and track.there and boxes.iou(track.anchor_xyxy, PLACE) > 0.3
    ]


def most_at_once(history):
    return max(len(there(tracks)) for _, tracks in history)


def stood_s(history):
    """Seconds that what stands at the place in the end has stood there."""
    (track,) = there(history[-1][1])
    return (at(history[-1][0]) - track.standing_since).total_seconds()


LASTS = [
    *((step, lasts, likeness) for step, lasts in ((1.0, 12), (2.0, 25), (10.0, 8))
      for likeness in (0.3, 0.55, 0.62)),
    *((step, 25, likeness) for step in (1.0, 10.0) for likeness in (0.7, 0.78)),
]  # fmt: skip
"""Step, seconds that it looks otherwise, likeness. At slow steps, what looks quite otherwise at two
looks has been exchanged: in a queue, cars are."""


@pytest.mark.parametrize(("step", "lasts", "similarity"), LASTS)
def test_a_car_that_looks_otherwise_for_a_while_stays_one(step, lasts, similarity):
    car = stands(
        "car", PLACE, 0, EVER, turns=every(60, lasts), turned_similarity=similarity, seen_share=0.9
    )
    history = tracked(Story([car], jitter=0.05), times(1000, step))
    assert most_at_once(history) == 1
    assert stood_s(history) == pytest.approx(1000, abs=2 * step)


@settings(max_examples=25)
@given(
    turns=st.lists(st.tuples(st.integers(20, 500), st.integers(1, 200)), max_size=6),
    similarity=st.floats(0.0, 1.0),
    step=st.sampled_from([1.0, 3.0, 10.0]),
    seed=st.integers(0, 10_000),
)
def test_at_one_place_no_two_ever_stand_at_once(turns, similarity, step, seed):
    turns = [(start, start + lasts) for start, lasts in turns]
    car = stands("car", PLACE, 0, EVER, turns=turns, turned_similarity=similarity, seen_share=0.85)
    history = tracked(Story([car], jitter=0.08, seed=seed), times(600, step))
    assert most_at_once(history) == 1


@settings(max_examples=25)
@given(
    leaves=st.integers(60, 300),
    away=st.integers(0, 60),
    similarity=st.floats(0.0, 0.6),
    step=st.sampled_from([1.0, 3.0, 10.0]),
    seed=st.integers(0, 10_000),
)
def test_a_car_that_takes_the_place_of_another_is_another(leaves, away, similarity, step, seed):
    comes = leaves + 1.5 + away
    cars = [
        stands("car", PLACE, 0, leaves),
        stands("car", PLACE, comes, EVER, turns=((0, EVER),), turned_similarity=similarity),
    ]
    history = tracked(Story(cars, jitter=0.05, seed=seed), times(600, step))
    assert most_at_once(history) == 1
    assert stood_s(history) == pytest.approx(600 - comes, abs=2 * step)


@pytest.mark.parametrize(
    ("between", "place_between", "goes_on"),
    [
        ((101, 118), PLACE, True),
        ((101, 180), PLACE, False),
        ((103, 118), PLACE, True),
        ((109, 118), PLACE, False),
        ((101, 118), box(0.64, 0.6), False),
    ],
    ids=["taken", "taken for long", "seen empty for a moment", "seen empty", "empty, taken beside"],
)
def test_what_was_gone_while_another_stood_there_counts_on_only_if_nobody_saw_it_gone(
    between, place_between, goes_on
):
    """That it was gone for a moment nobody can tell from another light on it."""
    start, end = between
    cars = [
        stands("car", PLACE, 0, 100),
        stands("car", place_between, start, end, look=2),
        stands("car", PLACE, end + 0.1, EVER),
    ]
    history = tracked(Story(cars), times(300, 2.0))
    assert stood_s(history) == pytest.approx(300 if goes_on else 300 - end, abs=4)


def test_what_it_looked_like_in_between_is_no_time_unseen():
    car = stands("car", PLACE, 0, EVER, turns=[(100, 125)])
    (track,) = tracked(Story([car]), times(200, 2))[-1][1]
    assert track.number == 1
    assert track.unseen_s <= 6
    assert track.sightings == 101
    assert sum(track.class_votes.values()) == pytest.approx(0.8 * 101)


def test_two_that_stand_one_before_the_other_stay_two():
    """Seen at once or in turns: their boxes overlap by less than half."""
    behind, before = box(0.5, 0.6), box(0.53, 0.63)
    cars = [
        stands("car", behind, 0, EVER, seen_share=0.6),
        stands("car", before, 20, EVER, look=2, seen_share=0.6),
    ]
    assert boxes.iou(behind, before) > 0.3
    history = tracked(Story(cars, hides=False), times(600, 2))
    assert [(at(600) - track.standing_since).seconds for track in history[-1][1]] == pytest.approx(
        [600, 580], abs=10
    )


def test_what_one_track_is_refused_another_may_have():
    seen = [Observation("car", 0.8, PLACE, look_of(1))]
    near = begin(1, seen[0], START)
    far = begin(2, Observation("car", 0.8, box(0.52, 0.6), look_of(1)), START)
    assert assign([near, far], seen, at(1)) == {0: 0}
    assert assign([near, far], seen, at(1), {(0, 0)}) == {1: 0}
    assert assign([near, far], seen, at(1), {(0, 0), (1, 0)}) == {}


@pytest.mark.parametrize(("step", "lasts", "similarity"), LASTS)
def test_a_parked_car_in_changing_light_is_reported_once_and_is_no_congestion(
    step, lasts, similarity
):
    """With one neighbour, a double of itself would make a queue of two others."""
    cars = [
        stands("car", place, 0, 1000, look=look, turns=every(60, lasts, 100 + 7 * look),
               turned_similarity=similarity, seen_share=0.95)
        for look, place in ((1, PLACE), (2, box(0.62, 0.6)))
    ]  # fmt: skip
    camera = camera_with({"kind": "no_parking", "dwell_s": 300, "grace_s": GRACE_S})
    found = fired(watched(Story(cars, jitter=0.03), camera, times(1100, step)))
    assert len(found) == 2
    for event in found:
        assert event.first_seen <= at(2 * step)
        assert (event.at - START).total_seconds() <= 300 + GRACE_S + 2 * step
        assert event.measures["held_s"].value == 0
        assert "congestion" not in event.attributes


def test_a_look_halfway_between_two_is_halfway():
    """The story's own measure of likeness holds."""
    car = stands("car", PLACE, 0, 9, turns=[(3, 6)], turned_similarity=0.4)
    looks = [Story([car]).look(t)(PLACE) for t in (0, 4, 8)]
    assert looks[0] @ looks[1] == pytest.approx(0.4, abs=1e-5)
    assert np.array_equal(looks[0], looks[2])
