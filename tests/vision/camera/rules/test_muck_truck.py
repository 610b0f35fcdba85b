"""Muck trucks at a gate: one passage, one direction, one load state, by votes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.vision.camera.street_story import (
    START,
    Story,
    Thing,
    at,
    box,
    camera_with,
    fired,
    look_of,
    stands,
    steps,
    times,
    watched,
)
from vision.camera.association import Association
from vision.camera.events import Observation, Step
from vision.camera.rules import ZoneBook
from vision.camera.rules.muck_truck import load_state
from vision.finding import FindingKind

GATE = [[0.4, 0.5], [0.6, 0.5], [0.6, 0.9], [0.4, 0.9]]
IN, OUT = [(0, 0.05), (8, 0.95)], [(0, 0.95), (8, 0.05)]
HEAPED = {"heaped": 0.8, "level": 0.15, "not_visible": 0.05}
HIDDEN = {"not_visible": 1.0}
LEVEL = {"heaped": 0.2, "level": 0.7, "covered": 0.1}
STATES = [
    (HEAPED, "heaped", FindingKind.MUCK_TRUCK_OVERLOAD),
    (LEVEL, "level", FindingKind.MUCK_TRUCK_UNCOVERED),
    ({"covered": 0.9, "level": 0.1}, "covered", None),
    ({"empty": 0.9, "level": 0.1}, "empty", None),
    ({"not_visible": 1.0}, "not_visible", None),
    ({}, "not_visible", None),
    ({"heaped": 0.26, "level": 0.25, "covered": 0.25, "empty": 0.24}, "uncertain", None),
    ({"not_visible": 0.7, "heaped": 0.3}, "heaped", FindingKind.MUCK_TRUCK_OVERLOAD),
]


def gate(**more):
    return camera_with({"kind": "truck_gate", "polygon": GATE, "inward": [0.95, 0.7], **more})


def truck(way=IN, name="muck_truck", load=HEAPED, start=0.0, look=1, y=0.7, **more):
    points = [(start + t, box(x, y, 0.16, 0.14)) for t, x in way]
    return Thing(name, points, look=look, load=load, **more)


def only(events):
    (event,) = fired(events)
    return event


@pytest.mark.parametrize(("load", "state", "kind"), STATES)
@pytest.mark.parametrize("step", [0.2, 1.0])
def test_the_state_of_the_load_decides(load, state, kind, step):
    story = Story([truck(load=load)], jitter=0.03)
    events = watched(story, gate(), times(30, step))
    found = fired(events)
    assert [event.kind for event in found] == ([] if kind is None else [kind])
    told = [event.step for event in events if event.step is not Step.PICTURE]
    assert told == [Step.BEGAN, *([Step.FIRED, Step.ENDED] if kind else [Step.DROPPED])]
    assert events[-1].attributes == {
        "class": "muck_truck", "direction": "in", "load_state": state,
    }  # fmt: skip


def test_a_finding_tells_the_whole_passage():
    events = watched(Story([truck()]), gate(), times(30, 0.2))
    event = only(events)
    assert 2.8 <= (event.first_seen - START).total_seconds() <= 3.4
    assert (event.last_seen - START).total_seconds() == pytest.approx(5, abs=0.4)
    assert event.measures["passage_s"].value == pytest.approx(1.8, abs=0.5)
    assert event.measures["class_share"].value == 1
    assert event.measures["state_share"].value == pytest.approx(0.8 / 0.95, abs=0.01)
    assert event.rule.name == "muck_truck"
    assert event.rule.thresholds["state_share"] == 0.4
    assert 0.7 <= event.score <= 1
    assert set(steps(events, event.key)) == {Step.BEGAN, Step.PICTURE, Step.FIRED, Step.ENDED}


@pytest.mark.parametrize("step", [0.2, 1.0])
@pytest.mark.parametrize(
    ("first_y", "last_y", "edge_y"),
    [(0.3, 0.99, 0.5), (0.99, 0.3, 0.9)],
    ids=["comes nearer", "goes away"],
)
def test_a_passage_begins_when_the_middle_of_its_ground_is_in(first_y, last_y, edge_y, step):
    way = [(0, box(0.5, first_y, 0.1, 0.25)), (10, box(0.5, last_y, 0.1, 0.25))]
    story = Story([Thing("muck_truck", way, load=HEAPED)])
    began_s = (only(watched(story, gate(), times(30, step))).first_seen - START).total_seconds()
    # Seen from before or behind, the middle of its ground is three tenths of its box up.
    entered_s = 10 * (edge_y + 0.3 * 0.25 - first_y) / (last_y - first_y)
    assert entered_s - 0.01 <= began_s <= entered_s + step + 0.01


def test_the_frames_worth_keeping_are_those_that_show_it_large():
    nearer = Thing(
        "muck_truck", [(0, box(0.5, 0.45, 0.1, 0.1)), (6, box(0.5, 0.99, 0.3, 0.4))], load=HEAPED
    )
    events = watched(Story([nearer]), gate(), times(30, 0.2))
    pictures = [event for event in events if event.step is Step.PICTURE]
    assert len(pictures) > 10
    best = sorted(pictures, key=lambda event: event.quality)[-3:]
    assert {event.at for event in best} == {event.at for event in pictures[-3:]}


@pytest.mark.parametrize(
    ("way", "inward", "direction"),
    [
        (IN, [0.95, 0.7], "in"),
        (OUT, [0.95, 0.7], "out"),
        (IN, None, "unknown"),
        ([(0, 0.05), (6, 0.55)], [0.95, 0.7], "in"),  # vanishes in the zone, behind the gate
        ([(0, 0.55), (6, 0.05)], [0.95, 0.7], "out"),  # comes out from behind it
    ],
)
def test_direction_is_towards_the_site_or_away(way, inward, direction):
    event = only(watched(Story([truck(way)]), gate(inward=inward), times(30, 0.2)))
    assert event.attributes["direction"] == direction


@pytest.mark.parametrize(
    ("thing", "why"),
    [
        (stands("muck_truck", box(0.5, 0.7, 0.16, 0.14), 0, 500, load=HEAPED), "only stands there"),
        (truck(name="truck"), "another lorry"),
        (truck(name=[*["truck"] * 5, "muck_truck"]), "hardly ever taken for one"),
        (truck(y=0.4), "passes beside the gate"),
        (truck([(0, 0.05), (6, 0.3)]), "turns off before it"),
    ],
)
def test_what_is_no_passage(thing, why):
    events = watched(Story([thing], jitter=0.03), gate(), times(60, 0.2))
    assert not fired(events), why
    assert not any(counted(Story([thing], jitter=0.03)).values()), why


def counted(story, end=60.0):
    """Passages by direction."""
    association, book = Association(), ZoneBook(gate())
    for t in times(end, 0.2):
        book.advance(at(t), association.advance(at(t), story.observations(t)))
    book.finish(at(end))
    (counts,) = book.measures()["zone 0"].values() or [{"in": 0, "out": 0, "unknown": 0}]
    return counts


def test_flipping_between_lorry_classes_does_not_hide_a_muck_truck():
    names = ["muck_truck", "muck_truck", "truck"]
    event = only(watched(Story([truck(name=names)], seed=2), gate(), times(30, 0.2)))
    assert 0.5 <= event.measures["class_share"].value < 1


@pytest.mark.parametrize(
    ("start", "end", "step", "count", "why"),
    [
        (4.0, 4.4, 0.4, 0, "two looks"),
        (4.0, 4.2, 0.1, 0, "three looks, but within a blink"),
        (4.0, 4.8, 0.8, 0, "two looks, far apart"),
        (4.0, 4.4, 0.2, 0, "three looks in 0.4 s"),
        (4.0, 4.6, 0.2, 1, "four looks in 0.6 s"),
        (3.0, 5.0, 1.0, 1, "three looks, one a second"),
    ],
)
def test_what_is_seen_for_a_moment_only_is_no_finding(start, end, step, count, why):
    """It flashes by at the gate, going half its size and more."""
    x = [0.42, 0.58]
    flash = Thing(
        "muck_truck",
        [(start, box(x[0], 0.7, 0.16, 0.14)), (end, box(x[1], 0.7, 0.16, 0.14))],
        load=LEVEL,
    )
    when = [start + step * n for n in range(round((end - start) / step) + 1)]
    when += [end + 0.2 * n for n in range(1, 60)]
    events = watched(Story([flash]), gate(), when)
    assert len(fired(events)) == count, why
    assert events[-1].step is (Step.ENDED if count else Step.DROPPED)


def test_one_that_is_too_quick_is_looked_at_until_it_has_left_the_gate_whole():
    """It is in the gate for two looks; with the one after it, its load was seen for 0.4 s."""
    frames = []
    for n, t in enumerate(times(2, 0.2)):
        place = box(0.3 + 0.45 * t, 0.7, 0.3, 0.14)
        frames.append((t, [seen("muck_truck", place, 1, HEAPED if n > 1 else {})]))
    event = only(advanced(frames))
    assert event.attributes["load_state"] == "heaped"
    assert event.measures["looks"].value == 4


def test_a_convoy_is_counted_truck_by_truck():
    convoy = [truck(start=3 * n, look=10 + n) for n in range(5)]
    back = [truck(OUT, start=40 + 4 * n, look=20 + n, load={"empty": 1.0}) for n in range(3)]
    story = Story([*convoy, *back], jitter=0.04, hides=False)
    assert counted(story, 80) == {"in": 5, "out": 3, "unknown": 0}
    found = fired(watched(story, gate(), times(80, 0.2)))
    assert len(found) == len({event.key for event in found}) == 5


def advanced(frames, camera=None):
    """What the rules say of frames: time and what a detector saw."""
    association, book = Association(), ZoneBook(camera or gate())
    events = []
    for t, seen in frames:
        events += book.advance(at(t), association.advance(at(t), seen))
    return events + list(book.finish(at(t)))


def times_of(step, events):
    return [(event.at - START).total_seconds() for event in events if event.step is step]


def seen(name, place, look=1, load=None):
    return Observation(name, 0.8, place, look_of(look), load or {})


def test_cab_and_bed_of_one_truck_are_one_passage():
    """Seen as two muck trucks side by side now, as the whole of it the next moment."""
    frames = []
    for n, t in enumerate(times(8, 0.2)):
        x = 0.05 + 0.11 * t
        whole, cab, bed = box(x, 0.7, 0.16, 0.14), box(x - 0.05, 0.7, 0.06, 0.13), (
            x - 0.02, 0.57, x + 0.08, 0.7)  # fmt: skip
        parts = [seen("muck_truck", cab, 1, HEAPED), seen("muck_truck", bed, 2, HEAPED)]
        frames.append((t, parts if n % 4 else [seen("muck_truck", whole, 2, HEAPED)]))
    frames += [(t, []) for t in times(30, 0.2, start=8.2)]
    events = advanced(frames)
    assert len({event.key for event in events}) > 1  # it was taken for two
    assert len(fired(events)) == 1


def test_parts_of_one_truck_hand_on_what_they_know():
    """Its front is seen first, then its front and its middle, then the whole of it."""
    frames = []
    for t in times(8, 0.2):
        x = 0.05 + 0.11 * t
        whole, front = box(x, 0.7, 0.3, 0.2), box(x + 0.1, 0.7, 0.09, 0.15)
        half = box(x + 0.05, 0.7, 0.19, 0.16)
        parts = [seen("muck_truck", front, 1, HIDDEN)] if t < 3.9 else []
        parts += [seen("muck_truck", half, 2, HEAPED)] if 3.5 < t < 4.5 else []
        parts += [seen("muck_truck", whole, 3, HEAPED)] if 4.1 < t else []
        frames.append((t, parts))
    events = advanced(frames)
    assert len({event.key for event in events}) > 1  # it was taken for two
    event = only(events)
    assert event.attributes["load_state"] == "heaped"
    assert (event.first_seen - START).total_seconds() == pytest.approx(2.4, abs=0.3)
    assert event.measures["looks"].value > 25
    assert times_of(Step.FIRED, events) == [pytest.approx(5.2, abs=0.3)]


@pytest.mark.parametrize(
    ("car_from", "car_until", "began_s"),
    [
        pytest.param(0.0, 4.1, 2.4, id="its cab, taken for a car until the whole of it is seen"),
        pytest.param(0.0, 8.0, 3.6, id="a car before it, which drives out of the gate"),
        pytest.param(-5.0, 4.1, 3.6, id="a car that waited there, which it hides"),
    ],
)
def test_a_passage_begins_with_the_cab_and_with_no_other_vehicle(car_from, car_until, began_s):
    frames = []
    for t in times(30, 0.2, start=car_from):
        x = 0.05 + 0.11 * t
        front = box(max(x + 0.1, 0.45) if car_from < 0 else x + 0.1, 0.7, 0.09, 0.15)
        parts = [seen("car", front, 1)] if t < car_until else []
        parts += [seen("muck_truck", box(x, 0.7, 0.3, 0.2), 3, HEAPED)] if 3.5 < t < 8 else []
        frames.append((t, parts))
    event = only(advanced(frames))
    assert (event.first_seen - START).total_seconds() == pytest.approx(began_s, abs=0.3)


def test_two_boxes_of_one_truck_are_told_by_where_they_are_when_one_leaves():
    """The box of its front lies inside that of the whole only as it leaves the gate."""
    frames = []
    for t in times(8, 0.2):
        x = 0.05 + 0.11 * t
        front, whole = box(x + 0.1, 0.7 if t < 4.1 else 0.74, 0.09, 0.08), box(x, 0.85, 0.3, 0.2)
        parts = [seen("muck_truck", front, 1, HEAPED), seen("muck_truck", whole, 2, HEAPED)]
        frames.append((t, parts))
    assert len(fired(advanced(frames))) == 1


def test_what_a_track_was_before_the_gate_does_not_count():
    """Far away it looks like a car for half a minute."""
    far = [(t, [seen("car", box(0.05, 0.7, 0.16, 0.14))]) for t in times(30, 0.2)]
    near = [
        (30 + t, [seen("muck_truck", box(0.05 + 0.11 * t, 0.7, 0.16, 0.14), 1, HEAPED)])
        for t in times(8, 0.2, start=0.2)
    ]
    event = only(advanced(far + near))
    assert event.measures["class_share"].value == 1


def test_the_look_at_which_it_enters_is_one_at_the_gate():
    """Of nine looks at the gate three say muck truck, the first of them when it enters."""
    frames = []
    for n, t in enumerate(times(8, 0.2)):
        dump = n <= 14 or n in (17, 18)
        place = box(0.05 + 0.13 * t, 0.7, 0.16, 0.14)
        frames.append((t, [seen("muck_truck" if dump else "truck", place, 1, HEAPED)]))
    event = only(advanced(frames))
    assert event.measures["class_share"].value == pytest.approx(3 / 9, abs=0.001)


def test_what_comes_nearer_passes_though_it_grows():
    frames = [
        (t, [seen("muck_truck", box(0.5, 0.55 + 0.2 * t, 0.2 + 0.1 * t, 0.3 + 0.15 * t), 1, LEVEL)])
        for t in times(1.4, 0.2)
    ]
    assert only(advanced(frames)).kind is FindingKind.MUCK_TRUCK_UNCOVERED


def test_passages_are_counted_by_the_hour_and_forgotten_after_two_days():
    trucks = [truck(start=3600 * n + 100, look=n) for n in range(60)]
    story = Story(trucks)
    association, book = Association(), ZoneBook(gate())
    for hour in range(60):
        for t in times(3600 * hour + 130, 0.5, start=3600 * hour + 95):
            book.advance(at(t), association.advance(at(t), story.observations(t)))
    hours = book.measures()["zone 0"]
    assert len(hours) == 48
    assert min(hours) == "2026-11-22T12:00:00+00:00"
    assert all(counts == {"in": 1, "out": 0, "unknown": 0} for counts in hours.values())


def test_one_that_waits_in_the_gate_is_one_passage():
    way = [(0, 0.05), (4, 0.5), (60, 0.5), (64, 0.95)]
    assert counted(Story([truck(way)], jitter=0.05), 90) == {"in": 1, "out": 0, "unknown": 0}


def test_one_that_comes_back_passes_again_and_is_judged_anew():
    frames = [
        (t, [seen("muck_truck", box(x, 0.7, 0.16, 0.14), 1, HEAPED if t < 15 else {"empty": 1.0})])
        for t in times(33, 0.2)
        for x in [float(np.interp(t, [0, 8, 25, 33], [0.05, 0.95, 0.95, 0.05]))]
    ]
    events = advanced(frames)
    assert only(events).attributes["direction"] == "in"
    last = events[-1]
    assert last.step is Step.DROPPED
    assert last.attributes["load_state"] == "empty"
    assert last.attributes["direction"] == "out"
    assert last.measures["passage_s"].value == pytest.approx(1.8, abs=0.5)


def test_one_that_shuffles_on_the_edge_is_one_passage():
    way = [(0, 0.05), (4, 0.62), (8, 0.58), (12, 0.62), (16, 0.58), (22, 0.95)]
    assert counted(Story([truck(way)], jitter=0.03), 60)["in"] == 1


def test_a_gate_that_is_crossed_between_two_looks_is_crossed():
    thin = [[0.49, 0.5], [0.51, 0.5], [0.51, 0.9], [0.49, 0.9]]
    story = Story([truck()])
    assert len(fired(watched(story, gate(polygon=thin), times(30, 1.0)))) == 1


def test_outside_its_hours_a_gate_sees_nothing():
    assert not watched(Story([truck()]), gate(active_hours=["22:00-06:00"]), times(30, 0.2))


def test_a_passage_at_the_end_of_a_recording_is_judged():
    event = only(watched(Story([truck()]), gate(), times(4, 0.2)))
    assert event.at == at(4)


@pytest.mark.parametrize(
    ("votes", "expected"),
    [
        ({}, ("not_visible", 1.0)),
        ({"not_visible": 5.0, "heaped": 0.3}, ("not_visible", 1.0)),
        ({"not_visible": 5.0, "heaped": 0.9}, ("heaped", 1.0)),
        ({"heaped": 3.0, "covered": 1.0}, ("heaped", 0.75)),
        ({"heaped": 1.0, "covered": 1.0, "level": 1.0}, ("uncertain", pytest.approx(1 / 3))),
    ],
)
def test_votes_on_the_load(votes, expected):
    assert load_state(votes) == expected


@settings(max_examples=30)
@given(
    drops=st.sets(st.integers(0, 150), max_size=40),
    restarts=st.sets(st.integers(0, 150), max_size=5),
    seed=st.integers(0, 10_000),
)
def test_lost_frames_wandering_boxes_and_restarts_change_no_verdict(drops, restarts, seed):
    story = Story(
        [truck(), truck(OUT, start=12, look=2, load=LEVEL, seen_share=0.8)], jitter=0.06, seed=seed
    )
    when = [0.2 * n for n in range(150) if n not in drops]
    events = watched(story, gate(), when, restarts=restarts)
    found = sorted(fired(events), key=lambda event: event.first_seen)
    assert [(event.kind.value, event.attributes["direction"]) for event in found] == [
        ("muck_truck_overload", "in"), ("muck_truck_uncovered", "out"),
    ]  # fmt: skip
