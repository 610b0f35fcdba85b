"""Who is who over time: at one place, behind others, over gaps, with a detector that wanders.

What moves has a file of its own.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vision.camera.street_story import (
    ROAD,
    START,
    Story,
    Thing,
    at,
    box,
    look_like,
    look_of,
    passes,
    stands,
    times,
    tracked,
)
from vision.camera import boxes
from vision.camera.association import Association, AssociationOptions
from vision.camera.events import Observation
from vision.camera.tracks import Presence

PLACE = box(0.5, 0.6)
NEXT = box(0.61, 0.6)


def standing(history, place=PLACE):
    """Of each frame: number and seconds standing of what stands at a place."""
    return [
        (t, track.number, (at(t) - track.standing_since).total_seconds())
        for t, tracks in history
        for track in tracks
        if track.standing and track.there and boxes.iou(track.anchor_xyxy, place) > 0.3
    ]


def last(history, place=PLACE):
    return [entry for entry in standing(history, place) if entry[0] == history[-1][0]]


@pytest.mark.parametrize("step", [0.2, 2.0, 10.0, 30.0])
@pytest.mark.parametrize("look", [True, False])
def test_what_stood_before_the_start_counts_from_the_first_frame(step, look):
    history = tracked(Story([stands("car", PLACE, -1, 999)]), times(120, step), look=look)
    assert last(history) == [(history[-1][0], 1, history[-1][0])]


@pytest.mark.parametrize("step", [0.2, 1.0, 10.0])
def test_what_drives_by_never_stands(step):
    cars = [passes("car", start, look=start) for start in range(0, 120, 9)]
    assert not standing(tracked(Story(cars), times(120, step)), box(0.5, 0.8))
    assert not [
        track for _, tracks in tracked(Story(cars), times(120, step)) for track in tracks
        if track.standing
    ]  # fmt: skip


@pytest.mark.parametrize("look", [True, False])
def test_a_car_where_a_van_was_a_moment_ago_does_not_stand(look):
    """Ten seconds apart, they drove by; what is remembered of the van's place would be road."""
    van_at, car_at = (0.263, 0.369, 0.352, 0.606), (0.299, 0.428, 0.363, 0.567)
    van, car = Thing("bus", [(0, van_at), (5, van_at)]), Thing("car", [(8, car_at), (12, car_at)])
    (_, first), (_, second) = tracked(Story([van, car]), [0.0, 10.0], look=look)
    assert [track.number for track in first + second] == [1, 1], "taken for one, as it is meant"
    assert not second[0].standing


@pytest.mark.parametrize(
    ("second", "comes", "step", "look", "why"),
    [
        (2, 101, 10, True, "another look, nothing seen in between"),
        (2, 101, 10, False, "the same without looking at the place"),
        (2, 101, 1, True, "the same with a frame a second"),
        (1, 130, 10, True, "the same look, but the place was seen empty"),
        (1, 115, 2, True, "the same, for fifteen seconds"),
        (1, 280, 10, False, "the same, unseen for longer than anything is waited for"),
    ],
)
def test_a_car_that_takes_the_place_of_another_is_another(second, comes, step, look, why):
    cars = [stands("car", PLACE, 0, 100), stands("car", PLACE, comes, 999, look=second)]
    history = tracked(Story(cars), times(400, step), look=look)
    entries = standing(history)
    first_number, last_number = entries[0][1], entries[-1][1]
    assert first_number != last_number, why
    assert entries[-1][2] == pytest.approx(400 - comes, abs=step)
    assert len(last(history)) == 1


@pytest.mark.parametrize("look", [True, False])
@pytest.mark.parametrize("step", [2.0, 10.0])
def test_a_car_behind_a_bus_stays_the_same_car(look, step):
    bus = Thing(
        "bus", [(98, box(-0.3, 0.75, 0.5, 0.5)), (110, PLACE_OF_BUS), (160, PLACE_OF_BUS),
                (172, box(1.3, 0.75, 0.5, 0.5))], look=5,
    )  # fmt: skip
    history = tracked(Story([stands("car", PLACE, 0, 999), bus]), times(300, step), look=look)
    hidden = [t for t, tracks in history for track in tracks if track.presence is Presence.HIDDEN]
    assert {110.0 + 10 * n for n in range(6)} <= set(hidden)
    assert last(history) == [(300, 1, 300)]
    (track,) = [track for track in history[-1][1] if track.number == 1]
    assert 40 <= track.unseen_s <= 80


PLACE_OF_BUS = box(0.5, 0.75, 0.5, 0.5)


def test_a_car_behind_a_bus_that_draws_up_slowly_is_hidden():
    near = box(0.8, 0.75, 0.5, 0.5)  # from here on, it is within a third of its length of its rest
    ways = [(58, box(1.3, 0.75, 0.5, 0.5)), (62, near), (66, box(0.67, 0.75, 0.5, 0.5)),
            (110, box(0.67, 0.75, 0.5, 0.5)), (116, box(1.4, 0.75, 0.5, 0.5))]  # fmt: skip
    story = Story([stands("car", PLACE, 0, 999), Thing("bus", ways, look=5)])
    history = tracked(story, times(200, 0.2))
    meanwhile = [tracks[0] for t, tracks in history if 75 <= t <= 105]
    assert {(track.number, track.presence) for track in meanwhile} == {(1, Presence.HIDDEN)}
    assert last(history) == [(200, 1, 200)]


@pytest.mark.parametrize(
    ("creeps", "stops", "why"),
    [
        ((0.505, 0.5, 0.95, 0.7), (0.47, 0.5, 0.92, 0.7), "it creeps on, from 0.45 of it to 0.8"),
        ((0.6, 0.48, 0.8, 0.72), (0.44, 0.48, 0.58, 0.645), "it stands nearer, and looks as large"),
    ],
)
def test_a_bus_that_stops_before_a_parked_car_hides_it(creeps, stops, why):
    away = (1.2, creeps[1], 1.2 + creeps[2] - creeps[0], creeps[3])
    ways = [(56, away), (60, creeps), (62, creeps), (64, stops), (110, stops), (116, away)]
    story = Story([stands("car", PLACE, 0, 999), Thing("bus", ways, look=5)])
    history = tracked(story, times(200, 0.2))
    meanwhile = {tracks[0].presence for t, tracks in history if 70 <= t <= 105}
    assert meanwhile == {Presence.HIDDEN}, why
    assert last(history) == [(200, 1, 200)]


@pytest.mark.parametrize("step", [0.2, 2.0, 10.0])
@pytest.mark.parametrize("covered", [0.3, 0.5, 0.7])
def test_a_car_that_a_bus_covers_in_part_stays_the_same_car(step, covered):
    """The detector sees it all the time, but never as it looked before."""
    bus = covering(covered, look=5)
    story = Story([stands("car", PLACE, 0, 999), bus], hides=False, mixes=True)
    history = tracked(story, times(200, step))
    cars = {track.number for _, tracks in history for track in tracks if track.name == "car"}
    assert cars == {1}
    assert last(history) == [(200, 1, 200)]


def covering(share, **more):
    """A bus that stops before a part of the place, from 60 s to 160 s."""
    there = (PLACE[0] + (1 - share) * 0.1, PLACE[1] - 0.1, PLACE[2] + 0.4, PLACE[3] + 0.1)
    far = tuple(v + 1.2 * (n % 2 == 0) for n, v in enumerate(there))
    return Thing("bus", [(50, far), (60, there), (160, there), (170, far)], **more)


PART = (PLACE[0], PLACE[1] + 0.03, PLACE[0] + 0.04, PLACE[3] - 0.005)


def test_a_box_of_the_part_that_a_bus_leaves_free_is_no_movement():
    when = [100.0, 110.0, 120.0, 130.0, 140.0]
    story = Story([stands("car", PLACE, 0, 999), covering(0.6, look=5)], hides=False, mixes=True)
    association = Association()
    history = []
    for t in times(200):
        seen = story.observations(t)
        if t in when:
            seen = [replace(one, box_xyxy=PART) if one.name == "car" else one for one in seen]
        history.append((t, association.advance(at(t), seen, story.look(t))))
    assert last(history) == [(200, 1, 200)]
    (car,) = [track for track in history[-1][1] if track.name == "car"]
    assert car.moved_share < 0.3


def test_what_comes_to_light_bit_by_bit_is_one_car():
    left, top, right, bottom = PLACE

    def bus_from(x):
        return (x, top - 0.1, x + 0.5, bottom + 0.1)

    bus = Thing(
        "bus", [(110, bus_from(1.2)), (120, bus_from(left)), (160, bus_from(left)),
                (165, bus_from(left + 0.07)), (165.4, bus_from(1.2))], look=5,
    )  # fmt: skip
    story = Story([stands("car", PLACE, 0, 999), bus], mixes=True)
    association = Association()
    history = []
    for t in [*times(160, 5.0), *times(180, 0.5, start=160.5)]:
        seen = story.observations(t)
        if 161 <= t <= 165:
            part = (left, top + 0.01, left + (right - left) / 8 * (t - 160), bottom)
            seen = [one for one in seen if one.name == "bus"]
            seen.append(Observation("car", 0.8, part, story.look(t)(part)))
        history.append((t, association.advance(at(t), seen, story.look(t))))
    cars = {track.number for _, tracks in history for track in tracks if track.name == "car"}
    assert cars == {1}
    assert last(history) == [(180, 1, 180)]


def test_what_else_is_said_of_a_thing_is_a_vote_too():
    association = Association()
    for t in times(3, 0.2):
        place = box(0.2 + 0.1 * t, 0.6, 0.2, 0.2)
        both = [Observation("truck", 0.9, place, look_of(1)),
                Observation("muck_truck", 0.6, place, look_of(1), {"heaped": 1.0})]  # fmt: skip
        tracks = association.advance(at(t), both[: 1 + (t > 0)])
    (track,) = tracks
    assert track.class_votes["muck_truck"] > 0.3 * sum(track.class_votes.values())
    assert track.load_sightings > 10


@pytest.mark.parametrize("step", [2.0, 10.0])
@pytest.mark.parametrize("covered", [0.2, 0.3])
def test_behind_a_bus_that_covers_a_little_another_car_is_another(step, covered):
    cars = [stands("car", PLACE, 0, 100), stands("car", PLACE, 100.5, 999, look=2)]
    story = Story([*cars, covering(covered, look=5)], hides=False, mixes=True)
    ((_, number, stood_s),) = last(tracked(story, times(200, step)))
    assert number > 1
    assert stood_s == pytest.approx(100, abs=step)


@pytest.mark.parametrize("seed", range(5))
def test_a_car_that_the_detector_loses_is_still_there_while_its_place_looks_the_same(seed):
    seldom = Story([stands("car", PLACE, 0, 2000, seen_share=0.3)], seed=seed)
    assert last(tracked(seldom, times(1200))) == [(1200, 1, 1200 - first_sight(seldom))]


def first_sight(story):
    return next(t for t in times(1200) if story.observations(t))


def test_one_false_detection_on_a_wall_never_stands():
    flash = Thing("car", [(0, PLACE), (0.5, PLACE)])
    wall = stands("wall", PLACE, 0, 999, seen_share=0.0)
    history = tracked(Story([flash, wall]), times(600))
    assert not standing(history)
    assert not history[-1][1]


@pytest.mark.parametrize(
    ("story", "why"),
    [
        ([(0, 0.9), (20, 0.9), (22, 0.8), (60, 0.8), (62, 0.7), (100, 0.7)], "up by a car length"),
        ([(0, 0.9), (100, 0.7)], "creeping on all the time"),
        ([(0, 0.9), (50, 0.9), (100, 0.85)], "half a length at last"),
    ],
)
@pytest.mark.parametrize("step", [1.0, 5.0])
def test_a_queue_that_moves_up_is_not_standing(story, why, step):
    car = Thing("car", [(t, box(0.5, y)) for t, y in story])
    history = tracked(Story([car], jitter=0.03), times(100, step))
    stood = [seconds for _, _, seconds in last(history, box(0.5, story[-1][1]))]
    assert all(seconds <= 45 for seconds in stood), why


@pytest.mark.parametrize("step", [0.2, 2.0, 10.0])
@pytest.mark.parametrize("seed", range(4))
def test_boxes_that_wander_by_a_tenth_are_no_movement(step, seed):
    story = Story([stands("car", PLACE, 0, 999)], jitter=0.1, seed=seed)
    history = tracked(story, times(400, step))
    assert last(history)[0][2] == pytest.approx(400, abs=3 * step + 1)
    assert len({number for _, number, _ in standing(history)}) == 1


def test_a_box_that_takes_in_the_neighbour_now_and_then_is_no_movement():
    cars = Story([stands("car", PLACE, 0, 999), stands("car", NEXT, 0, 999, look=2)])
    both = (PLACE[0], PLACE[1], NEXT[2], NEXT[3])
    merged = Observation("car", 0.8, both, (look_of(1) + look_of(2)) / np.sqrt(2.72))
    association = Association()
    for n, t in enumerate(times(300)):
        seen = [merged] if n % 3 == 2 else cars.observations(t)
        tracks = association.advance(at(t), seen, cars.look(t))
    assert sorted((track.number, (at(300) - track.standing_since).seconds) for track in tracks) == [
        (1, 300), (2, 300),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("gap", "after", "goes_on"),
    [(600, 1, True), (890, 1, True), (1000, 1, False), (600, 2, False), (30, 1, True)],
)
def test_over_an_outage_the_same_vehicle_goes_on_standing(gap, after, goes_on):
    cars = [stands("car", PLACE, 0, 150), stands("car", PLACE, 150.1, 9999, look=after)]
    when = [*times(100), *times(200 + gap, start=100 + gap)]
    history = tracked(Story(cars), when)
    (entry,) = last(history)
    assert entry[2] == (200 + gap if goes_on else 100)
    (track,) = history[-1][1]
    assert track.unseen_s == (gap if goes_on and gap > 60 else 0)


@pytest.mark.parametrize("gap", [310, 600, 890])
@pytest.mark.parametrize(
    "first_look",
    ["missed by the detector", "behind a bus"],
)
def test_an_outage_is_no_time_in_which_a_thing_was_looked_for(gap, first_look):
    car = stands("car", PLACE, 0, 9999)
    back = 100 + gap
    bus = stands("bus", box(0.5, 0.68, 0.3, 0.3), back - 5, back + 5, look=5)
    story = Story([car, bus] if first_look == "behind a bus" else [car])
    association = Association()
    for t in [*times(100), *times(back + 100, start=back)]:
        missed = first_look != "behind a bus" and t == back
        tracks = association.advance(at(t), [] if missed else story.observations(t), story.look(t))
    assert [(track.number, track.standing_since) for track in tracks if track.name == "car"] == [
        (1, START)
    ]


@pytest.mark.parametrize("gap", [310, 600])
def test_what_was_hidden_before_an_outage_and_after_it_is_waited_for(gap):
    bus = stands("bus", box(0.5, 0.68, 0.3, 0.3), 95, 100 + gap + 15, look=5)
    story = Story([stands("car", PLACE, 0, 9999), bus])
    history = tracked(story, [*times(100), *times(200 + gap, start=100 + gap)])
    assert (1, 200.0 + gap) in [(number, stood_s) for _, number, stood_s in last(history)]


def test_what_moved_before_an_outage_did_not_stand_through_it():
    car = Thing("car", [(0, box(0.1, 0.6)), (9, PLACE), (999, PLACE)])
    history = tracked(Story([car]), [7, 8, 9, *times(800, start=600)])
    assert last(history)[0][2] == 200


def test_dusk_is_followed():
    car = stands("car", PLACE, 0, 3600, fades_to=77)
    history = tracked(Story([car]), times(3600))
    assert last(history) == [(3600, 1, 3600)]
    assert float(look_of(1) @ look_of(77)) < 0.5


@pytest.mark.parametrize("step", [0.2, 1.0])
def test_what_drives_off_is_not_kept_by_the_road_it_left(step):
    """Its last sight, cut by the frame's edge, looks like the empty road."""
    way = [(0, box(0.5, 0.5, 0.16, 0.14)), (4, box(0.5, 0.99, 0.2, 0.2))]
    first = Thing("muck_truck", way, fades_to=ROAD)
    second = Thing("muck_truck", [(13 + t, place) for t, place in way], look=2)
    history = tracked(Story([first, second]), times(20, step))
    numbers = {t: {track.number for track in tracks} for t, tracks in history}
    assert numbers[max(t for t in numbers if t <= 4)] == {1}
    assert not numbers[max(t for t in numbers if t <= 11)]
    assert numbers[max(t for t in numbers if t <= 16)] == {2}


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["car", "car", "truck"], "car"),
        (["muck_truck", "muck_truck", "truck", "bus"], "muck_truck"),
    ],
)
def test_classes_that_flip_are_voted_on(names, expected):
    story = Story([stands(names, PLACE, 0, 999)])
    (track,) = tracked(story, times(600))[-1][1]
    assert track.name == expected
    assert track.class_votes[expected] > 0.4 * sum(track.class_votes.values())
    assert sum(track.class_votes.values()) == pytest.approx(0.8 * track.sightings)


@pytest.mark.parametrize("first, second", [("stall", "cart"), ("cart", "canopy"), ("car", "bus")])
def test_what_may_be_confused_is_one_thing(first, second):
    association = Association()
    for t, name in enumerate([first, second, first, first]):
        tracks = association.advance(at(t), [Observation(name, 0.5, PLACE, look_of(1))])
    assert [(track.number, track.name) for track in tracks] == [(1, first)]


def test_a_person_before_a_stall_is_no_stall():
    association = Association()
    association.advance(at(0), [Observation("stall", 0.5, PLACE, look_of(1))])
    tracks = association.advance(at(1), [Observation("person", 0.5, PLACE, look_of(1))])
    assert sorted(track.name for track in tracks) == ["person", "stall"]


def test_a_low_score_goes_on_with_a_track_but_starts_none():
    association = Association(AssociationOptions(start_score=0.5))
    scores = [0.4, 0.4, 0.6, 0.3, 0.2]
    numbers = [
        len(association.advance(at(t), [Observation("car", score, PLACE, look_of(1))]))
        for t, score in enumerate(scores)
    ]
    assert numbers == [0, 0, 1, 1, 1]
    (track,) = association.tracks
    assert track.seen
    assert track.score == pytest.approx(np.mean(scores[2:]))


@pytest.mark.parametrize("offset", [0, -0.2, -4.9])
def test_a_frame_that_is_late_or_doubled_changes_nothing(offset):
    association = Association()
    seen = [Observation("car", 0.8, PLACE, look_of(1))]
    association.advance(at(0), seen)
    before = association.advance(at(10), seen)
    assert association.advance(at(10 + offset), []) is before


def test_when_the_clock_is_set_back_durations_stay():
    association = Association()
    seen = [Observation("car", 0.8, PLACE, look_of(1))]
    for t in times(200):
        association.advance(at(t), seen)
    for t in times(100):
        tracks = association.advance(at(t - 3600), seen)
    (track,) = tracks
    assert track.last_seen == at(100 - 3600)
    assert (track.last_seen - track.standing_since).total_seconds() == 300


@given(
    drops=st.sets(st.integers(0, 60)),
    cut=st.integers(0, 60),
    seed=st.integers(0, 1000),
)
def test_a_restart_at_any_frame_changes_nothing(drops, cut, seed):
    story = Story(
        [
            stands("car", PLACE, 0, 999),
            stands("car", NEXT, 40, 400, look=2, seen_share=0.7),
            *(passes("bus", start, look=start) for start in range(5, 600, 37)),
        ],
        jitter=0.08,
        seed=seed,
    )
    when = [t for n, t in enumerate(times(600)) if n not in drops]
    plain, restarted = Association(), Association()
    for n, t in enumerate(when):
        expected = plain.advance(at(t), story.observations(t), story.look(t))
        actual = restarted.advance(at(t), story.observations(t), story.look(t))
        assert [essence(track) for track in actual] == [essence(track) for track in expected]
        if n == cut:
            restarted = Association.restore(json.loads(json.dumps(restarted.state())))
    assert restarted.state() == plain.state()


def essence(track):
    return (track.number, track.name, track.presence, track.standing_since, track.anchor_xyxy)


def test_nothing_grows_for_ever():
    sizes = []
    association = Association()
    story = Story(
        [
            stands("car", PLACE, 0, 99_999, seen_share=0.8),
            stands("stall", box(0.2, 0.4), 0, 99_999, seen_share=0.4),
            *(passes("car", start, look=start) for start in range(0, 9000, 7)),
        ],
        jitter=0.1,
    )
    for t in times(9000, 10):
        association.advance(at(t), story.observations(t), story.look(t))
        sizes.append(len(json.dumps(association.state())))
    assert max(sizes[450:]) <= 1.5 * max(sizes[50:450])
    assert len(association.tracks) < 10


def test_a_state_of_another_kind_is_refused():
    with pytest.raises(ValueError, match="number"):
        Association.restore({"tracks": [{"number": "x"}], "next_number": 1, "last_at": None})


def test_times_are_utc_whatever_zone_they_come_in():
    association = Association()
    local = START.astimezone(tz=None) + timedelta(0)
    (track,) = association.advance(local, [Observation("car", 0.8, PLACE, look_of(1))])
    assert track.first_seen.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    ("there", "where_it_was", "same"),
    [
        pytest.param(0.97, 0.72, True, id="all has moved by a ninth of it"),
        pytest.param(0.85, 0.72, False, id="another of its kind, a little off"),
        pytest.param(0.97, 0.6, False, id="what it stood before is not there any more"),
    ],
)
def test_what_stands_goes_on_standing_when_the_mast_sways(there, where_it_was, same):
    place, swayed = box(0.5, 0.6), box(0.5, 0.6115)
    association = Association()
    for t in (0, 10, 20, 30):
        now = place if t < 20 else swayed

        def look(where, now=now, t=t):
            if t < 20:
                return look_of(7)
            return look_like(7, there if boxes.iou(where, now) > 0.95 else where_it_was)

        tracks = association.advance(at(t), [Observation("car", 0.9, now, look(now))], look)
    (first_seen,) = [track.first_seen for track in tracks if track.seen]
    assert first_seen == at(0 if same else 20)


def test_what_stands_is_not_carried_off_by_another_that_passes_closely():
    """For a second, a detector sees the two as one."""
    place = (0.25, 0.36, 0.36, 0.52)
    seen = {20.0 + 0.2 * n: [(0.25, 0.36, 0.36 + 0.016 * n, 0.52 + 0.032 * n)] for n in range(1, 6)}
    seen |= {
        21.2 + 0.2 * n: [place, (0.31 + 0.02 * n, 0.48, 0.45 + 0.02 * n, 0.7)] for n in range(5)
    }
    seen = {round(t, 1): found for t, found in seen.items()}
    association = Association()
    for number in range(120):
        t = round(0.2 * number, 1)
        found = seen.get(t, [place])
        observations = [
            Observation("car", 0.9, each, look_of(1) if each == place else look_like(1, 0.75))
            for each in found
        ]
        tracks = association.advance(at(t), observations)
    (standing,) = [track for track in tracks if track.standing]
    assert (standing.number, standing.stand, standing.standing_since) == (1, 0, START)


@pytest.mark.parametrize("step", [0.2, 1.0])
def test_standing_counts_from_rest_and_not_from_braking(step):
    """A car that goes its last length in three seconds, slower and slower."""
    way = [(t, box(0.5 - 0.1 * ((13 - t) / 3) ** 2 - 0.1 * max(0, 10 - t), 0.6))
           for t in np.arange(4, 13.1, 0.1)]  # fmt: skip
    car = Thing("car", [*way, (60.0, PLACE)])
    (track,) = tracked(Story([car], jitter=0.02), times(60, step))[-1][1]
    assert (track.standing_since - at(13)).total_seconds() == pytest.approx(0, abs=0.9 + step)
