"""Illegal parking: who stays is reported once, who waits or passes is not."""

from __future__ import annotations

from datetime import UTC, datetime

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
    passes,
    stands,
    steps,
    times,
    watched,
)
from vision.camera.events import Step
from vision.finding import FindingKind

PLACE = box(0.5, 0.6)
EVER = 99_999


def parking(**more):
    return camera_with({"kind": "no_parking", "dwell_s": 300, **more})


def row(count, first=0.0, gap=5.0, until=lambda _: EVER, y=0.6, pitch=0.1, **more):
    """Cars one behind the other, each some seconds after the one before."""
    return [
        Thing(
            "car",
            [
                (first + gap * n - 4, box(1.2, y, 0.09)),
                (first + gap * n, box(0.06 + pitch * n, y, 0.09)),
                (until(n), box(0.06 + pitch * n, y, 0.09)),
            ],
            look=100 + n,
            **more,
        )
        for n in range(count)
    ]


def only(events):
    (event,) = fired(events)
    return event


@pytest.mark.parametrize("step", [1.0, 10.0, 30.0])
@pytest.mark.parametrize("name", ["car", "bus", "truck", "muck_truck"])
def test_a_vehicle_that_stays_is_reported_once_with_its_whole_life(step, name):
    events = watched(Story([stands(name, PLACE, 60, 800)]), parking(), times(1200, step))
    event = only(events)
    assert steps(events, event.key) == [Step.BEGAN, Step.FIRED, Step.ENDED]
    began, _, ended = [one for one in events if one.key == event.key]
    assert event.kind is FindingKind.ILLEGAL_PARKING
    assert 0 <= (event.first_seen - at(60)).total_seconds() <= step
    assert 360 <= (event.at - START).total_seconds() <= 360 + 3 * step
    assert (event.at - began.at).total_seconds() >= 300  # two pictures so far apart
    assert event.measures["dwell_s"].value >= 300
    assert ended.measures["dwell_s"].value == pytest.approx(740, abs=step)
    assert (ended.last_seen - at(800)).total_seconds() == pytest.approx(0, abs=step)
    assert 800 < (ended.at - START).total_seconds() <= 800 + 30 + 3 * step
    assert event.attributes["class"] == name
    assert event.rule.thresholds["dwell_s"] == 300
    assert 0.7 <= event.score <= 1


def test_what_stood_there_before_the_start_counts_from_the_first_frame():
    event = only(watched(Story([stands("car", PLACE, -999, EVER)]), parking(), times(400)))
    assert event.first_seen == START


def test_who_passes_or_stops_shortly_is_not_reported():
    things = [
        *(passes("car", start, y=0.6, look=start) for start in range(0, 900, 11)),
        stands("car", box(0.3, 0.9), 100, 380),
    ]
    events = watched(Story(things), parking(), times(900, 5))
    assert not fired(events)
    assert {event.step for event in events} <= {Step.BEGAN, Step.DROPPED}


@pytest.mark.parametrize("name", ["person", "two_wheeler", "stall", "canopy"])
def test_other_things_do_not_park(name):
    assert not watched(Story([stands(name, PLACE, 0, EVER)]), parking(), times(900))


def test_a_vehicle_beside_the_zone_is_not_in_it():
    polygon = [[0.0, 0.62], [1, 0.62], [1, 1], [0, 1]]
    events = watched(Story([stands("car", PLACE, 0, EVER)]), parking(polygon=polygon), times(900))
    assert not events


def test_a_queue_that_moves_up_is_not_reported():
    cars = [
        Thing(
            "car",
            [
                point
                for hop in range(12)
                for point in (
                    (60 * hop, box(0.1 + 0.11 * (n - hop / 2), 0.6)),
                    (60 * hop + 56, box(0.1 + 0.11 * (n - hop / 2), 0.6)),
                )
            ],
            look=100 + n,
        )
        for n in range(12)
    ]
    assert not fired(watched(Story(cars), parking(), times(700)))


@pytest.mark.parametrize(
    ("flashes", "count"), [([0, 90], 0), ([0, 90, 200], 0), ([0, 90, 200, 400], 1)]
)
def test_a_bit_of_road_that_was_twice_taken_for_a_car_is_not_reported(flashes, count):
    road = stands("road", PLACE, 0, EVER, seen_share=0.0)
    ghosts = [Thing("car", [(t, PLACE), (t + 0.5, PLACE)], look=road.look) for t in flashes]
    assert len(fired(watched(Story([road, *ghosts]), parking(), times(900)))) == count


@pytest.mark.parametrize(("class_dwell", "count"), [({"bus": 1200}, 0), ({"bus": 100}, 1)])
def test_a_class_may_have_its_own_dwell(class_dwell, count):
    camera = parking(dwell_s_by_class=class_dwell)
    found = fired(watched(Story([stands("bus", PLACE, 0, EVER)]), camera, times(600)))
    assert len(found) == count
    assert all(event.rule.thresholds["dwell_s"] == 100 for event in found)


@pytest.mark.parametrize("jurisdiction", ["sidewalk", "carriageway"])
def test_two_cars_side_by_side_are_both_reported_without_delay(jurisdiction):
    cars = [stands("car", PLACE, 50, EVER), stands("car", box(0.61, 0.6), 70, EVER, look=2)]
    found = fired(watched(Story(cars), parking(jurisdiction=jurisdiction), times(3600)))
    assert [(event.at - START).total_seconds() for event in found] == pytest.approx(
        [360, 380], abs=25
    )
    assert all(event.measures["held_s"].value == 0 for event in found)
    assert all(event.attributes["jurisdiction"] == jurisdiction for event in found)


@pytest.mark.parametrize(("jurisdiction", "fires_at"), [("sidewalk", 330), ("carriageway", 600)])
def test_a_row_that_comes_together_waits_on_the_road_but_not_on_a_pavement(jurisdiction, fires_at):
    events = watched(Story(row(5)), parking(jurisdiction=jurisdiction), times(900))
    found = fired(events)
    assert len(found) == 5
    for event in found:
        assert (event.at - START).total_seconds() == pytest.approx(fires_at, abs=40)
    doubtful = {event.attributes.get("congestion") for event in found}
    assert doubtful == ({None} if jurisdiction == "sidewalk" else {"possible"})


def test_a_long_jam_that_dissolves_is_not_reported():
    lanes = [
        car
        for lane in range(10)
        for car in row(10, first=3 * lane, gap=8, y=0.1 + 0.09 * lane, until=lambda n: 480 + 2 * n)
    ]
    assert len(lanes) == 100
    lanes = [Thing(car.name, car.way, look=1000 + n) for n, car in enumerate(lanes)]
    assert not fired(watched(Story(lanes, jitter=0.05), parking(min_height=0.01), times(900, 20)))


def test_the_last_of_three_at_a_light_that_is_longer_than_the_dwell_is_not_parked():
    cars = row(3, first=40, gap=2, until=lambda n: 76 + 2.5 * (2 - n) + (0 if n else 1))
    assert not fired(watched(Story(cars), parking(dwell_s=30), times(120, 1)))


def test_at_a_light_each_may_hide_the_one_before_it():
    """Seen along the road: the first of three is out of sight as soon as the second stands."""
    rests = (0.52, 0.19, 0.58, 0.28), (0.51, 0.19, 0.6, 0.42), (0.49, 0.31, 0.62, 0.69)
    stops = 41.8, 44.4, 47.1
    queue = [
        Thing(
            "car",
            [(stop - 3, (0.4, 0.6, 0.66, 1.2)), (stop, rest), (80, rest), (83, rests[0])],
            look=n + 1,
        )
        for n, (stop, rest) in enumerate(zip(stops, rests, strict=True))
    ]
    assert not fired(watched(Story(queue), parking(dwell_s=25), times(110, 0.2)))


@pytest.mark.parametrize("leaves", [340, 420, 500])
def test_a_parked_car_in_a_queue_is_reported_once_the_queue_has_moved_on(leaves):
    parked = stands("car", box(0.06 + 0.3, 0.6, 0.09), 40, EVER)
    queue = [
        car for n, car in enumerate(row(8, first=60, until=lambda n: leaves + 3 * n)) if n != 3
    ]
    events = watched(Story([parked, *queue]), parking(), times(900))
    event = only(events)
    gone = leaves + 3 * 7
    assert gone - 10 <= (event.at - START).total_seconds() <= gone + 30 + 20
    assert event.measures["held_s"].value == pytest.approx(
        (event.at - START).total_seconds() - 350, abs=30
    )
    assert event.measures["dwell_s"].value > 300
    assert "congestion" not in event.attributes


def test_what_only_two_stills_show_beside_it_is_no_queue():
    """Ten seconds apart, others of the traffic are now and then twice at one place."""
    parked = stands("car", PLACE, -1, EVER)
    others = [
        stands("car", box(0.5 + side, 0.6), 285, 305, look=number)
        for number, side in enumerate((-0.12, 0.12), start=10)
    ]
    event = only(watched(Story([parked, *others]), parking(), times(400, 10)))
    assert (event.at - START).total_seconds() == 310, "as it would be alone"


def test_a_parked_car_is_not_saved_by_queues_that_come_and_go():
    """A red light beside it: every two minutes another queue, gone before its dwell is over."""
    parked = stands("car", box(0.06 + 0.3, 0.6, 0.09), 0, EVER)
    queues = [
        Thing(car.name, car.way, look=car.look + 10 * start)
        for start in range(60, 900, 120)
        for n, car in enumerate(row(8, first=start, gap=3, until=lambda n: start + 80 + n))  # noqa: B023
        if n != 3
    ]
    event = only(watched(Story([parked, *queues]), parking(), times(900, 5)))
    assert (event.at - START).total_seconds() <= 450


@pytest.mark.parametrize(
    ("away", "grace", "looks_empty", "count"),
    [(20, 30, False, 1), (20, 5, False, 0), (20, 30, True, 0), (45, 60, False, 1)],
)
def test_absence_within_the_grace_gap_counts(away, grace, looks_empty, count):
    """Dwell is reached only if the time before and after the absence is one."""
    car = Thing("car", [(0, PLACE), (200, PLACE)])
    again = Thing("car", [(200 + away, PLACE), (400, PLACE)])
    events = watched(Story([car, again]), parking(grace_s=grace), times(500, 2), look=looks_empty)
    assert len(fired(events)) == count
    for event in fired(events):
        assert event.first_seen == START
        assert event.measures["unseen_s"].value == pytest.approx(away, abs=4)


@pytest.mark.parametrize(
    ("returns", "look", "count"), [(900, 1, 1), (900, 2, 2), (1500, 1, 2), (2500, 1, 2)]
)
def test_the_same_again_within_the_cooldown_is_no_new_finding(returns, look, count):
    cars = [stands("car", PLACE, 0, 800), stands("car", PLACE, returns, returns + 450, look=look)]
    found = fired(watched(Story(cars), parking(cooldown_s=600), times(3100)))
    assert len(found) == count
    assert len({event.key for event in found}) == count


def test_who_stays_beyond_the_cooldown_counts_from_its_end():
    cars = [stands("car", PLACE, 0, 500), stands("car", PLACE, 600, EVER)]
    found = fired(watched(Story(cars), parking(cooldown_s=600), times(2000)))
    # Ended about 500 + grace, cooled 600 s later.
    assert len(found) == 2
    assert (found[1].first_seen - START).total_seconds() == pytest.approx(1130, abs=40)


@pytest.mark.parametrize("look", [True, False])
def test_a_car_that_takes_the_place_of_a_reported_one_is_reported_too(look):
    cars = [stands("car", PLACE, 0, 500), stands("car", PLACE, 501, EVER, look=2)]
    events = watched(Story(cars), parking(), times(1200), look=look)
    first, second = fired(events)
    assert first.key != second.key
    assert (second.first_seen - START).total_seconds() == pytest.approx(510, abs=10)
    (ended,) = [event for event in events if event.key == first.key and event.step is Step.ENDED]
    assert (ended.last_seen - START).total_seconds() == pytest.approx(500, abs=10)


def test_hidden_at_the_moment_of_the_verdict_it_is_given_with_the_next_picture():
    bus = stands("bus", box(0.5, 0.75, 0.5, 0.5), 280, 350, look=9)
    events = watched(Story([stands("car", PLACE, 0, EVER), bus]), parking(), times(600))
    event = only(events)
    assert (event.at - START).total_seconds() == 360
    assert event.measures["unseen_s"].value == pytest.approx(70, abs=20)


@pytest.mark.parametrize("gap", [100, 600, 880])
def test_an_outage_counts_and_is_noted(gap):
    when = [*times(100), *times(400 + gap, start=100 + gap)]
    event = only(watched(Story([stands("car", PLACE, 0, EVER)]), parking(), when))
    assert event.first_seen == START
    assert event.measures["unseen_s"].value == gap
    assert event.at == at(max(310, 100 + gap))


def test_a_finding_ends_with_the_source_and_the_rest_is_dropped():
    cars = [stands("car", PLACE, 0, EVER), stands("car", box(0.2, 0.6), 300, EVER, look=2)]
    events = watched(Story(cars), parking(), times(400))
    assert [event.step for event in events if event.at == at(400)] == [Step.ENDED, Step.DROPPED]


SHANGHAI_DAY = datetime(2026, 11, 21, 16, tzinfo=UTC)  # midnight there


@pytest.mark.parametrize(
    ("hours", "comes", "leaves", "first", "count", "why"),
    [
        (["07:00-08:30"], "06:50", "07:20", "07:00", 1, "counts from the hours' start"),
        (["07:00-08:30"], "06:00", "06:59", None, 0, "before the hours"),
        (["07:00-08:30"], "08:27", "09:30", None, 0, "too late for a whole dwell"),
        (["22:00-06:00"], "23:57", "24:10", "23:57", 1, "over midnight"),
        (["07:00-07:04", "07:10-07:14"], "06:50", "07:30", None, 0, "two halves make no dwell"),
        (["07:00-08:00", "12:00-13:00"], "06:50", "14:00", "07:00", 2, "a finding in either"),
    ],
)
def test_only_active_hours_count(hours, comes, leaves, first, count, why):
    def seconds(clock):
        return 3600 * int(clock[:2]) + 60 * int(clock[3:])

    car = stands("car", PLACE, seconds(comes), seconds(leaves))
    when = times(seconds(leaves) + 300, start=seconds(comes) - 300)
    events = watched(Story([car]), parking(active_hours=hours), when, start=SHANGHAI_DAY)
    found = fired(events)
    assert len(found) == count, why
    if first is not None:
        since = (found[0].first_seen - SHANGHAI_DAY).total_seconds()
        assert since == pytest.approx(seconds(first), abs=10)
        assert found[0].measures["dwell_s"].value == pytest.approx(310, abs=20)


def test_a_finding_ends_when_the_hours_do():
    camera = parking(active_hours=["08:00-08:10"])
    events = watched(Story([stands("car", PLACE, 0, EVER)]), camera, times(1200))
    ended = next(event for event in events if event.step is Step.ENDED)
    assert 600 <= (ended.at - START).total_seconds() <= 660
    assert ended.measures["dwell_s"].value == pytest.approx(600, abs=10)


def test_keys_of_two_that_begin_alike_differ():
    small = [box(0.5, 0.5, 0.004, 0.03), box(0.5045, 0.5, 0.004, 0.03)]
    cars = [stands("car", place, 0, EVER, look=n + 1) for n, place in enumerate(small)]
    found = fired(watched(Story(cars), parking(), times(400)))
    assert len({event.key for event in found}) == 2
    assert all(len(event.key) == 20 and event.key.isalnum() for event in found)


def truth(events):
    return sorted(
        (event.zone, event.kind.value, round((event.first_seen - START).total_seconds()))
        for event in fired(events)
    )


CARS = [
    stands("car", box(0.2, 0.6), 40, 700),
    stands("car", box(0.75, 0.6), -5, 220, look=2),
    stands("truck", box(0.5, 0.9), 130, EVER, look=3),
    *(passes("bus", start, y=0.98, look=start) for start in range(20, 900, 61)),
]


@given(
    drops=st.sets(st.integers(1, 90), max_size=15),
    wobble=st.lists(st.floats(-2, 2), min_size=91, max_size=91),
    restarts=st.sets(st.integers(0, 90), max_size=5),
    seed=st.integers(0, 10_000),
    day=st.sampled_from([0, 86_400 // 2, 58_000]),
)
def test_lost_frames_late_frames_wandering_boxes_and_restarts_change_no_verdict(
    drops, wobble, restarts, seed, day
):
    when = [10 * n + wobble[n] for n in range(91) if n not in drops]
    story = Story(CARS, jitter=0.08, seed=seed)
    events = watched(story, parking(), when, restarts=restarts, start=at(day))
    found = sorted(fired(events), key=lambda event: event.first_seen)
    # A row of lost frames moves what is seen first by its length.
    longest = 10 * (1 + longest_row(drops)) + 4
    assert len(found) == 2
    for event, comes in zip(found, (40, 130), strict=True):
        assert -3 <= (event.first_seen - at(day + comes)).total_seconds() <= 3 * longest
        assert (event.at - event.first_seen).total_seconds() <= 300 + 3 * longest
        told = steps(events, event.key)
        assert told == [Step.BEGAN, Step.FIRED, Step.ENDED]


def longest_row(numbers):
    best = run = 0
    for n in range(100):
        run = run + 1 if n in numbers else 0
        best = max(best, run)
    return best


@settings(max_examples=20)
@given(cut=st.integers(0, 90))
def test_a_restart_at_any_frame_gives_the_very_same_events(cut):
    story = Story(CARS, jitter=0.08)
    plain = watched(story, parking(), times(900))
    assert watched(story, parking(), times(900), restarts=[cut]) == plain


@given(
    jump=st.sampled_from([-86_400, -3600, -600, -30, -4, 3, 60, 600]),
    when=st.integers(5, 85),
)
def test_a_clock_that_jumps_neither_loses_nor_doubles_a_finding(jump, when):
    def clock(t):
        return t + (jump if t >= 10 * when else 0)

    story = Story([CARS[0], CARS[2]])
    events = watched(story, parking(), times(900), clock=clock)
    found = fired(events)
    assert len(found) == len({event.key for event in found}) == 2
    for event in found:
        assert steps(events, event.key) == [Step.BEGAN, Step.FIRED, Step.ENDED]
        assert event.first_seen <= event.last_seen <= event.at
        assert event.measures["dwell_s"].value >= 300
