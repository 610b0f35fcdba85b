"""Scores: one finding for one true thing, best overlap first."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import Polygon, box

from datasets.scoring import MATCH_IOU, Score, area_agreement, iou, match

EVERYWHERE = box(-1000, -1000, 1000, 1000)
boxes = st.builds(
    lambda x, y, w, h: box(x, y, x + w, y + h),
    st.integers(0, 20), st.integers(0, 20), st.integers(1, 10), st.integers(1, 10),
)  # fmt: skip


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (box(0, 0, 4, 4), box(0, 0, 4, 4), 1.0),
        (box(0, 0, 4, 4), box(4, 0, 8, 4), 0.0),
        (box(0, 0, 4, 4), box(2, 0, 6, 4), 1 / 3),
        (box(0, 0, 4, 4), box(0, 0, 2, 2), 0.25),
        (Polygon(), Polygon(), 0.0),
        (Polygon(), box(0, 0, 1, 1), 0.0),
    ],
)
def test_iou(a, b, expected):
    assert iou(a, b) == pytest.approx(expected)
    assert iou(b, a) == pytest.approx(expected)


def test_each_true_thing_takes_its_best_finding():
    truth = [box(0, 0, 4, 4), box(10, 0, 14, 4), box(20, 0, 24, 4)]
    found = [box(10, 1, 14, 5), box(10, 0, 14, 4), box(0, 0, 4, 3), box(50, 0, 54, 4)]
    score = match(truth, found)
    assert score == Score(pairs=((0, 2), (1, 1)), missed=(2,), false=(0, 3))
    assert score.recall == pytest.approx(2 / 3)
    assert score.precision == pytest.approx(0.5)


def test_one_finding_over_two_things_counts_once():
    score = match([box(0, 0, 4, 4), box(4, 0, 8, 4)], [box(0, 0, 8, 4)])
    assert len(score.pairs) == 1
    assert len(score.missed) == 1


@pytest.mark.parametrize(("shift", "found"), [(2.0, True), (2.2, False)])
def test_a_pair_needs_its_overlap(shift, found):
    score = match([box(0, 0, 4, 4)], [box(shift, 0, 4 + shift, 4)], min_iou=1 / 3)
    assert bool(score.pairs) is found
    assert pytest.approx(0.3) == MATCH_IOU


@pytest.mark.parametrize(
    ("truth", "found", "recall", "precision"),
    [([], [], 1, 1), ([box(0, 0, 1, 1)], [], 0, 1), ([], [box(0, 0, 1, 1)], 1, 0)],
)
def test_nothing_to_find_or_nothing_found(truth, found, recall, precision):
    score = match(truth, found)
    assert (score.recall, score.precision) == (recall, precision)


@given(st.lists(boxes, max_size=6), st.lists(boxes, max_size=6))
def test_everything_is_paired_missed_or_false_once(truth, found):
    score = match(truth, found)
    assert sorted([i for i, _ in score.pairs] + list(score.missed)) == list(range(len(truth)))
    assert sorted([j for _, j in score.pairs] + list(score.false)) == list(range(len(found)))
    assert all(iou(truth[i], found[j]) >= MATCH_IOU for i, j in score.pairs)
    for i in score.missed:
        assert all(iou(truth[i], found[j]) < MATCH_IOU for j in score.false)


@given(st.lists(boxes, min_size=1, max_size=6))
def test_truth_matches_itself(truth):
    assert not match(truth, truth).missed


@pytest.mark.parametrize(
    ("within", "expected"),
    [(EVERYWHERE, (8, 24)), (box(0, 0, 2, 4), (0, 8)), (box(100, 100, 101, 101), (0, 0))],
)
def test_area_agreement_counts_ground_once_and_only_inside(within, expected):
    truth = [box(0, 0, 4, 4), box(1, 1, 3, 3)]
    found = [box(2, 0, 6, 4)]
    shared, joined = area_agreement(truth, found, within=within)
    assert (shared, joined) == pytest.approx(expected)
