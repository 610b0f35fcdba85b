"""All zones together: each rule its own, states that fit, steps that suffice."""

from __future__ import annotations

import json

import pytest

from tests.vision.camera.street_story import (
    START,
    Story,
    at,
    box,
    camera_with,
    fired,
    stands,
    times,
    watched,
)
from vision.camera.association import Association
from vision.camera.events import Step
from vision.camera.rules import ZoneBook, needed_step_s

LEFT = [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]
EVER = 99_999


@pytest.mark.parametrize(
    ("zones", "expected"),
    [
        ([{"kind": "truck_gate"}], 0.2),
        ([{"kind": "no_parking", "dwell_s": 300}], 5),
        ([{"kind": "no_parking", "dwell_s": 3600}], 5),
        ([{"kind": "no_parking", "dwell_s": 60}], 2),
        ([{"kind": "no_vending", "dwell_s": 10}], 1),
        ([{"kind": "no_parking", "dwell_s": 300, "dwell_s_by_class": {"bus": 90}}], 3),
        ([{"kind": "no_parking"}, {"kind": "truck_gate"}], 0.2),
        ([{"kind": "vending_permitted", "dwell_s": 1}], 5),
    ],
)
def test_how_often_zones_need_a_look(zones, expected):
    assert needed_step_s(camera_with(*zones)) == pytest.approx(expected)


CAMERA = camera_with(
    {"kind": "no_parking", "dwell_s": 300},
    {"kind": "no_parking", "dwell_s": 100, "polygon": LEFT},
    {"kind": "no_vending", "dwell_s": 200},
    {"kind": "truck_gate"},
)
STORY = Story(
    [stands("car", box(0.3, 0.6), 0, EVER), stands("stall", box(0.7, 0.6), 0, EVER, look=2)]
)


def test_each_zone_judges_for_itself():
    found = fired(watched(STORY, CAMERA, times(400)))
    assert [(event.zone, (event.at - START).total_seconds()) for event in found] == [
        ("zone 1", 110), ("zone 2", 210), ("zone 0", 310),
    ]  # fmt: skip
    assert len({event.key for event in found}) == 3


def test_keys_say_what_is_going_on():
    association, book = Association(), ZoneBook(CAMERA)
    begun: set[str] = set()
    for t in times(400):
        tracks = association.advance(at(t), STORY.observations(t), STORY.look(t))
        begun |= {event.key for event in book.advance(at(t), tracks) if event.step is Step.BEGAN}
        assert book.keys() == begun
    assert {event.key for event in book.finish(at(400))} == begun
    assert not book.keys()


def restored(camera, cut=200):
    """A book that another process goes on with, and what it says from then on."""
    association, book = Association(), ZoneBook(CAMERA)
    for t in times(400):
        tracks = association.advance(at(t), STORY.observations(t), STORY.look(t))
        if t < cut:
            book.advance(at(t), tracks)
        elif t == cut:
            book = ZoneBook.restore(camera, json.loads(json.dumps(book.state())))
        else:
            yield from book.advance(at(t), tracks)


def test_after_a_restart_nothing_is_said_again():
    assert [(event.zone, event.step) for event in restored(CAMERA)] == [
        ("zone 2", Step.FIRED), ("zone 0", Step.FIRED),
    ]  # fmt: skip


def test_a_zone_that_has_changed_starts_anew_and_the_others_go_on():
    zones = [
        zone if zone.name != "zone 2" else zone.model_copy(update={"dwell_s": 50.0})
        for zone in CAMERA.zones
    ]
    events = list(restored(CAMERA.model_copy(update={"zones": tuple(zones)})))
    assert [(event.zone, event.step) for event in events] == [
        ("zone 2", Step.BEGAN), ("zone 2", Step.FIRED), ("zone 0", Step.FIRED),
    ]  # fmt: skip
    assert (events[1].at - START).total_seconds() == pytest.approx(260, abs=10)


def test_a_state_of_another_kind_is_refused():
    state = ZoneBook(CAMERA).state()
    state["zone 0"]["rule"]["parked"] = [{"key": 1}]
    with pytest.raises(ValueError, match="parked"):
        ZoneBook.restore(CAMERA, state)


def test_a_day_of_traffic_leaves_no_heap_behind():
    cars = [
        stands(
            "car", box(0.1 + 0.08 * (n % 10), 0.3 + 0.06 * (n % 11)), 60 * n, 60 * n + 400, look=n
        )
        for n in range(300)
    ]
    association, book = Association(), ZoneBook(CAMERA)
    sizes = []
    for t in times(18_000, 20):
        story = Story([car for car in cars if car.way[0][0] <= t <= car.way[-1][0]])
        book.advance(at(t), association.advance(at(t), story.observations(t), story.look(t)))
        sizes.append(len(json.dumps(book.state())))
    half = len(sizes) // 2
    assert max(sizes[half:]) <= 1.3 * max(sizes[:half])


def test_what_stands_is_told_with_what_is_allowed():
    book, association = ZoneBook(CAMERA), Association()
    for t in times(250):
        tracks = association.advance(at(t), STORY.observations(t), STORY.look(t))
        book.advance(at(t), tracks)
    told = {(one.zone, one.name): one for one in book.standing()}
    assert {key: one.fired for key, one in told.items()} == {
        ("zone 0", "car"): False, ("zone 1", "car"): True, ("zone 2", "stall"): True,
    }  # fmt: skip
    assert [one.allowed_s for one in told.values()] == [300, 100, 200]
    assert all(abs(one.dwell_s - 250) <= 15 for one in told.values())
    book.finish(at(250))
    assert book.standing() == ()
