"""When a model that was trained on is taken: sure gains, no sure loss, and noise is neither."""

from __future__ import annotations

import numpy as np
import pytest

from models.street.gate import EXPORT, compare, reasons_against
from models.street.scoring import Frame, average_precision

BOX = (10.0, 10.0, 50.0, 50.0)
AWAY = (200.0, 200.0, 240.0, 240.0)
LEAST = {"car": 0.3, "cart": 0.3}


def frame(truth, found):
    """Objects all in one place, named; detections as (name, score, whether it is in that place)."""
    found = sorted(found, key=lambda one: -one[1])
    return Frame(
        truth_xyxy=np.array([BOX] * len(truth), np.float32).reshape(-1, 4),
        truth_labels=tuple(truth),
        found_xyxy=np.array([BOX if hit else AWAY for _, _, hit in found], np.float32).reshape(
            -1, 4
        ),
        found_scores=np.array([score for _, score, _ in found], np.float32),
        found_labels=tuple(name for name, _, _ in found),
    )


def frames(label, *, recall, pictures=40, empty=10, false=0.0, seed=0):
    """Pictures with one object each, found in a share of them; some pictures hold nothing."""
    rng = np.random.default_rng(seed)
    hits = rng.permutation(pictures) < recall * pictures
    shown = [frame([label], [(label, 0.8, True)] if hit else []) for hit in hits]
    wrong = np.arange(empty) < false * empty
    return shown + [frame([], [(label, 0.6, False)] if one else []) for one in wrong]


def judged(old, new):
    return reasons_against({name: compare(old[name], new[name], least=LEAST) for name in old})


@pytest.mark.parametrize(
    ("old", "new", "refused"),
    [
        ({EXPORT: ("cart", 0.2)}, {EXPORT: ("cart", 0.7)}, ()),
        ({EXPORT: ("cart", 0.5)}, {EXPORT: ("cart", 0.5)}, ("export: no sure gain",)),
        (
            {EXPORT: ("cart", 0.7)},
            {EXPORT: ("cart", 0.2)},
            ("export: no sure gain", "export: mean"),
        ),
        # What it knew before must stay.
        (
            {EXPORT: ("cart", 0.2), "replay": ("car", 0.9)},
            {EXPORT: ("cart", 0.7), "replay": ("car", 0.5)},
            ("replay: mean", "replay: car"),
        ),
        (
            {EXPORT: ("cart", 0.2), "replay": ("car", 0.8)},
            {EXPORT: ("cart", 0.7), "replay": ("car", 0.8)},
            (),
        ),
    ],
)
def test_sure_gains_are_taken_and_sure_losses_refused(old, new, refused):
    before = {name: frames(label, recall=recall) for name, (label, recall) in old.items()}
    after = {name: frames(label, recall=recall) for name, (label, recall) in new.items()}
    reasons = judged(before, after)
    assert len(reasons) >= len(refused)
    assert bool(reasons) is bool(refused)
    for start in refused:
        assert any(reason.startswith(start) for reason in reasons), reasons


@pytest.mark.parametrize(("taught", "refused"), [(0.75, False), (0.45, True)])
def test_one_class_that_was_taught_is_a_gain_among_many_that_chance_moves(taught, refused):
    others = ("bus", "truck", "person", "two_wheeler", "canopy")
    before = frames("cart", recall=0.4, pictures=60)
    after = frames("cart", recall=taught, pictures=60, seed=1)
    for seed, label in enumerate(others):
        before += frames(label, recall=0.5, pictures=6, empty=0, seed=seed)
        after += frames(label, recall=0.5, pictures=6, empty=0, seed=seed + 9)
    least = dict.fromkeys((*others, "cart"), 0.3)
    compared = compare(before, after, least=least)
    assert not compared.mean.rose()
    assert bool(reasons_against({EXPORT: compared})) is refused


def test_what_chance_may_have_done_is_no_loss():
    gain = {EXPORT: frames("cart", recall=0.2)}, {EXPORT: frames("cart", recall=0.7)}
    # 3 of 40 other cars are missed than before: another 40 might have said the opposite.
    few = frames("car", recall=0.80, seed=1), frames("car", recall=0.75, seed=2)
    assert not judged(gain[0] | {"replay": few[0]}, gain[1] | {"replay": few[1]})
    # The same share of very many is no chance.
    many = (
        frames("car", recall=0.80, pictures=4000, seed=1),
        frames("car", recall=0.75, pictures=4000, seed=2),
    )
    assert judged(gain[0] | {"replay": many[0]}, gain[1] | {"replay": many[1]})


@pytest.mark.parametrize(
    ("old", "new", "refused"), [(0.6, 0.1, False), (0.1, 0.6, True), (0.3, 0.3, True)]
)
def test_fewer_false_findings_are_a_gain_and_more_a_loss(old, new, refused):
    before = {EXPORT: frames("cart", recall=0.5, empty=30, false=old)}
    after = {EXPORT: frames("cart", recall=0.5, empty=30, false=new)}
    assert bool(judged(before, after)) is refused


def test_the_figures_are_those_of_the_other_scores():
    old, new = frames("cart", recall=0.3, seed=3), frames("cart", recall=0.6, false=0.5, seed=4)
    found = compare(old, new, least=LEAST)
    assert found.classes["cart"].old == pytest.approx(average_precision(old, "cart"))
    assert found.classes["cart"].new == pytest.approx(average_precision(new, "cart"))
    assert found.false_per_100.new == pytest.approx(50.0)


def test_without_any_object_only_false_findings_count():
    empty = [frame([], [("cart", 0.9, False)])] * 20
    quiet = [frame([], [])] * 20
    assert judged({EXPORT: empty}, {EXPORT: quiet}) == []
    assert judged({EXPORT: quiet}, {EXPORT: quiet})
