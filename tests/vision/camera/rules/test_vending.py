"""Street vending: what stays and trades is reported once; what passes or only stands is not."""

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
    passes,
    stands,
    steps,
    times,
    watched,
)
from vision.camera.events import Step
from vision.camera_texts import CAMERA_THRESHOLDS
from vision.finding import FindingKind

PLACE = box(0.5, 0.6)
BEHIND = PLACE[1] + 0.015
"""Where the box of somebody ends whose legs a cart at that place hides."""
EVER = 99_999
VENDOR = box(0.5, 0.61, 0.03, 0.12)


def no_vending(*others, **more):
    return camera_with({"kind": "no_vending", "dwell_s": 300, **more}, *others)


def served(start, end, every=20, stays=10, place=VENDOR):
    """Customers who come one after the other."""
    return [
        stands("person", place, t, min(t + stays, end), look=round(500 + t))
        for t in range(start, end, every)
    ]


def passers_by(seed, places, way):
    """People who come every few seconds, each a way that begins at a time, at one of the places."""
    rng = np.random.default_rng(seed)
    starts = np.cumsum(rng.uniform(2, 4, 300))
    return [
        Thing("person", way(t, place), look=round(500 + 10 * t))
        for t, place in zip(starts, rng.uniform(*places, 300), strict=True)
    ]


def only(events):
    (event,) = fired(events)
    return event


@pytest.mark.parametrize("step", [2.0, 10.0])
def test_a_stall_that_stays_is_reported_once_with_its_whole_life(step):
    events = watched(Story([stands("stall", PLACE, 60, 800)]), no_vending(), times(1200, step))
    event = only(events)
    assert steps(events, event.key) == [Step.BEGAN, Step.FIRED, Step.ENDED]
    assert event.kind is FindingKind.STREET_VENDING
    assert 0 <= (event.first_seen - at(60)).total_seconds() <= step
    assert 360 <= (event.at - START).total_seconds() <= 360 + 3 * step
    assert event.measures["trading_share"].value == 1
    assert event.attributes == {"class": "stall", "form": "stall"}
    assert set(event.rule.thresholds) <= set(CAMERA_THRESHOLDS)
    ended = events[-1]
    assert ended.measures["dwell_s"].value == pytest.approx(740, abs=step)
    assert (ended.last_seen - at(800)).total_seconds() == pytest.approx(0, abs=step)


@pytest.mark.parametrize(
    ("things", "count", "why"),
    [
        ([stands("cart", PLACE, 0, 900)], 0, "a parked cart, nobody near"),
        ([stands("canopy", PLACE, 0, 900)], 0, "a sunshade over nothing"),
        ([stands("cart", PLACE, 0, 900), *served(0, 900)], 1, "a cart with customers"),
        ([stands("canopy", PLACE, 0, 900), *served(0, 900)], 1, "a canopy with customers"),
        (
            [stands("canopy", box(0.5, 0.45, 0.14, 0.05), 0, 900), *served(0, 900)],
            1,
            "a sunshade whose cart is not seen, customers under it",
        ),
        (
            [
                stands("canopy", box(0.5, 0.45, 0.14, 0.05), 0, 900),
                *served(0, 900, place=box(0.66, 0.61, 0.03, 0.12)),
            ],
            0,
            "a sunshade, and people who stand beside it",
        ),
        (
            [
                stands("cart", PLACE, 0, 900),
                stands("person", box(0.5, BEHIND, 0.03), 0, 900, look=3),
            ],
            1,
            "somebody behind the cart, who shows from the waist up",
        ),
        (
            [
                stands("cart", PLACE, 0, 900),
                stands("person", box(0.5, BEHIND - 0.03, 0.03), 0, 900, look=3),
            ],
            0,
            "somebody on the pavement behind it, who shows down to the feet",
        ),
        ([stands("cart", PLACE, 0, 900), *served(0, 900, every=100)], 0, "somebody now and then"),
        (
            [stands("cart", PLACE, 0, 900), stands("person", box(0.8, 0.6, 0.03), 0, 900, look=3)],
            0,
            "somebody, but far away",
        ),
        (
            [stands("cart", PLACE, 0, 900), stands("person", box(0.5, 0.9, 0.03), 0, 900, look=3)],
            0,
            "somebody on the other side of the street",
        ),
        ([stands("stall", PLACE, 0, 270), *served(0, 900)], 0, "packed up in time"),
        ([stands("car", PLACE, 0, 900), *served(0, 900)], 0, "a car"),
    ],
)
def test_it_takes_goods_or_somebody_close_by(things, count, why):
    events = watched(Story(things, hides=False), no_vending(), times(900))
    assert len(fired(events)) == count, why


def test_customers_who_come_late_make_a_parked_cart_a_vendor_then():
    things = [stands("cart", PLACE, 0, 1500), *served(700, 1500, every=60, stays=50)]
    event = only(watched(Story(things, hides=False), no_vending(), times(1500)))
    assert 700 + 60 <= (event.at - START).total_seconds() <= 700 + 250
    assert event.measures["trading_share"].value >= 0.4
    assert event.rule.thresholds["trading_share"] == 0.4


def test_a_sunshade_alone_is_reported_down_to_where_people_stand_under_it():
    shade = box(0.5, 0.45, 0.14, 0.05)
    things = [stands("canopy", shade, 0, 900), *served(0, 900)]
    event = only(watched(Story(things, hides=False), no_vending(), times(900)))
    assert event.box_xyxy == pytest.approx((*shade[:3], VENDOR[3]), abs=0.01)


SHADE = stands("canopy", box(0.5, 0.45, 0.14, 0.05), 0, EVER)


@pytest.mark.parametrize("seed", range(4))
def test_a_parasol_that_people_walk_under_all_day_sells_nothing(seed):
    """Straight towards the camera, where they seem to go slowly."""
    walkers = passers_by(
        seed,
        (0.44, 0.56),
        lambda t, x: [(t, box(x, 0.55, 0.03, 0.11)), (t + 6, box(x, 0.85, 0.04, 0.17))],
    )
    assert not fired(watched(Story([SHADE, *walkers], hides=False), no_vending(), times(900, 1)))


@pytest.mark.parametrize("seed", range(3))
def test_a_parked_cart_that_people_walk_past_all_day_sells_nothing(seed):
    """Along the pavement, at a step and a half a second."""
    walkers = passers_by(
        seed,
        (0.58, 0.64),
        lambda t, y: [(t, box(0.3, y, 0.03, 0.12)), (t + 8, box(0.7, y, 0.03, 0.12))],
    )
    cart = stands("cart", PLACE, 0, 900)
    assert not fired(watched(Story([cart, *walkers], hides=False), no_vending(), times(900, 1)))


def test_a_cart_that_halts_under_a_parasol_is_not_there_since_the_parasol_is():
    halts = [stands("cart", PLACE, 500, 640, look=2), *served(490, 640)]
    story = Story([SHADE, *halts], hides=False)
    assert not fired(watched(story, no_vending(grace_s=30), times(900, 2)))


def test_under_a_parasol_trade_counts_from_when_somebody_stays_there():
    things = [SHADE, *served(600, 1500, stays=20)]
    event = only(watched(Story(things, hides=False), no_vending(), times(1500, 2)))
    assert (event.first_seen - at(600)).total_seconds() == pytest.approx(0, abs=4)
    things = [SHADE, stands("cart", PLACE, 600, 1500, look=2), *served(600, 1500)]
    event = only(watched(Story(things, hides=False), no_vending(), times(1500, 2)))
    assert (event.first_seen - at(600)).total_seconds() == pytest.approx(0, abs=4)


def test_under_a_parasol_trade_is_over_when_nobody_stays_there_any_more():
    things = [SHADE, *served(0, 600, stays=20)]
    events = watched(Story(things, hides=False), no_vending(), times(1500, 2))
    assert only(events).kind is FindingKind.STREET_VENDING
    (ended,) = [event for event in events if event.step is Step.ENDED]
    assert 540 <= ended.measures["dwell_s"].value <= 640


@pytest.mark.parametrize("neighbour", [True, False])
def test_nobody_serves_at_two(neighbour):
    """Something like a sunshade beside a stall: who serves there says nothing of it."""
    things = [
        stands("canopy", box(0.36, 0.55, 0.07, 0.05), 0, 900),
        *served(0, 900, place=box(0.425, 0.61, 0.03, 0.12)),
    ]
    if neighbour:
        things.append(stands("stall", box(0.5, 0.6, 0.12), 0, 900, look=7))
    found = fired(watched(Story(things, hides=False), no_vending(), times(900)))
    assert [event.attributes["form"] for event in found] == ["stall" if neighbour else "canopy"]


def test_goods_that_are_seen_weakly_all_the_time_are_goods():
    weak = stands("stall", PLACE, 0, 900, score=0.22, seen_share=0.5)
    assert len(fired(watched(Story([weak]), no_vending(), times(900, 2)))) == 1


def test_a_window_that_is_taken_for_goods_now_and_then_is_none():
    window = stands("stall", PLACE, 0, 900, score=0.25, seen_share=0.25)
    assert not fired(watched(Story([window]), no_vending(), times(900, 2)))


@pytest.mark.parametrize(
    ("goods", "came", "began"),
    [
        ("cart", 94, 94),  # nobody sees a cart behind who pushed it
        ("cart", 60, 90),  # who waited there for longer, did not do so for its sake
        ("stall", 94, 100),  # before goods lie on the ground, nobody trades
    ],
)
def test_a_cart_counts_from_when_its_vendor_came(goods, came, began):
    things = [stands("person", VENDOR, came, 99), stands(goods, PLACE, 100, 800)]
    events = watched(Story([*things, *served(105, 800)]), no_vending(), times(900, 1.0))
    event = only(events)
    assert (event.first_seen - at(began)).total_seconds() == pytest.approx(0, abs=1)


def test_who_stands_elsewhere_did_not_bring_a_cart():
    aside = box(0.7, 0.61, 0.03, 0.12)
    things = [stands("person", aside, 94, 99), stands("cart", PLACE, 100, 800)]
    events = watched(Story([*things, *served(105, 800)]), no_vending(), times(900, 1.0))
    assert (only(events).first_seen - at(100)).total_seconds() == pytest.approx(0, abs=1)


def test_carts_that_are_pushed_through_never_begin():
    carts = [passes("cart", start, y=0.6, seconds=40, look=start) for start in range(0, 900, 50)]
    helpers = [
        passes("person", start, y=0.62, seconds=40, look=9000 + start)
        for start in range(0, 900, 50)
    ]
    assert not fired(watched(Story([*carts, *helpers], hides=False), no_vending(), times(900, 2)))


def test_what_overlaps_is_one_vendor_and_what_stands_apart_is_another():
    things = [
        stands("stall", box(0.3, 0.6), 0, EVER, look=1),
        stands("cart", box(0.32, 0.61), 0, EVER, look=2),
        stands("canopy", box(0.3, 0.57, 0.16, 0.2), 0, EVER, look=3),
        stands("stall", box(0.6, 0.6), 0, EVER, look=4),
        stands("stall", box(0.76, 0.6), 0, EVER, look=5),  # its neighbour, some steps away
    ]
    found = fired(watched(Story(things, hides=False), no_vending(), times(400)))
    assert sorted(event.attributes["form"] for event in found) == [
        "canopy+cart+stall", "stall", "stall",
    ]  # fmt: skip
    whole = next(event for event in found if "+" in event.attributes["form"])
    assert whole.box_xyxy == pytest.approx((0.22, 0.37, 0.38, 0.61))
    assert whole.attributes["class"] == "stall"


ROW = [stands("stall", box(0.1 + 0.12 * n, 0.6), 0, EVER, look=n + 1) for n in range(7)]
CART = stands("cart", box(0.5, 0.6, 0.07, 0.16), 0, EVER)
CRATES = stands("stall", box(0.555, 0.64, 0.036, 0.12), 60, EVER, look=2)


@pytest.mark.parametrize(
    ("things", "forms", "why"),
    [
        ([CART, CRATES, *served(0, 900)], ["cart+stall"], "crates laid out beside the cart, later"),
        (
            [CART, stands("stall", box(0.51, 0.74, 0.08, 0.12), 0, EVER, look=2), *served(0, 900)],
            ["cart", "stall"],
            "another's table before the cart: ground shows between them",
        ),
        (
            [
                CART,
                stands("stall", box(0.51, 0.71, 0.08, 0.12), 0, EVER, look=2),
                *served(0, 900, place=box(0.44, 0.61, 0.03, 0.12)),
            ],
            ["cart", "stall"],
            "another's table, half before the cart in the view along the kerb",
        ),
        (
            [
                CART,
                stands("stall", box(0.565, 0.66, 0.08, 0.12), 0, EVER, look=2),
                *served(0, 900, place=box(0.44, 0.61, 0.03, 0.12)),
            ],
            ["cart", "stall"],
            "another's table beside the cart, a third of its height nearer",
        ),
        (
            [CART, stands("stall", box(0.54, 0.64, 0.08, 0.1), 0, EVER, look=2), *served(0, 900)],
            ["cart+stall"],
            "a table at the cart, a little before it",
        ),
        (
            [
                stands("stall", box(0.4, 0.525, 0.064, 0.052), 0, EVER),
                stands("stall", box(0.472, 0.578, 0.091, 0.061), 0, EVER, look=2),
            ],
            ["stall"],
            "two cloths along a kerb that runs aslant",
        ),
        (
            [
                stands("stall", box(0.4, 0.6, 0.05), 0, EVER),
                stands("stall", box(0.5, 0.6, 0.05), 0, EVER, look=2),
                stands("canopy", box(0.45, 0.55, 0.2, 0.15), 0, EVER, look=3),
            ],
            ["canopy+stall"],
            "two tables under one canopy, further apart",
        ),
        (
            [
                stands("stall", box(0.4, 0.6, 0.1), 0, EVER),
                stands("canopy", box(0.4, 0.55, 0.12, 0.15), 0, EVER, look=2),
                stands("stall", box(0.57, 0.6, 0.1), 0, EVER, look=3),
                stands("canopy", box(0.52, 0.55, 0.16, 0.15), 0, EVER, look=4),
            ],
            ["canopy+stall", "canopy+stall"],
            "each under its own, of which one reaches over to the neighbour",
        ),
        (
            [
                stands("stall", box(0.4, 0.6, 0.09, 0.13), 0, EVER),
                stands("canopy", box(0.34, 0.65, 0.12, 0.13), 0, EVER, look=2),
            ],
            ["stall"],
            "a parasol nearer to the camera, which hides some of the table",
        ),
        (
            [
                stands("stall", box(0.4, 0.6, 0.09, 0.13), 0, EVER),
                stands("canopy", box(0.33, 0.5, 0.11, 0.11), 0, EVER, look=2),
            ],
            ["stall"],
            "a shop's awning behind the table and beside it",
        ),
        (
            [
                stands("canopy", box(0.4, 0.52, 0.14, 0.08), 0, EVER),
                stands("person", box(0.48, 0.53, 0.02, 0.1), 60, EVER, look=2),
                stands("stall", box(0.515, 0.54, 0.05, 0.06), 80, EVER, look=3),
            ],
            ["stall"],
            "a parasol beside which a trader lays out a table",
        ),
        (
            [CART, stands("canopy", box(0.5, 0.6, 0.08, 0.17), 0, EVER, look=2), *served(0, 900)],
            ["canopy+cart"],
            "a food cart that is taken for a cart and for a canopy",
        ),
        (ROW, ["stall"] * 4, "a long row is told in pairs, not as one"),
        (
            [
                stands("stall", box(0.4, 0.6), 0, EVER),
                stands("stall", box(0.46, 0.8), 0, EVER, look=2),
            ],
            ["stall", "stall"],
            "one behind the other, on two sides of a path",
        ),
    ],
)
def test_parts_side_by_side_or_under_one_canopy_are_one_vendor(things, forms, why):
    events = watched(Story(things, hides=False), no_vending(), times(600))
    found = fired(events)
    assert sorted(event.attributes["form"] for event in found) == forms, why
    for event in found:
        assert steps(events, event.key) == [Step.BEGAN, Step.FIRED, Step.ENDED], why


def test_what_stands_beside_one_vendor_but_is_another_one_s_stays_with_that_one():
    """The first of a row leaves: the places of the others do not move up."""
    first, second, third = ROW[:3]
    leaves = stands("stall", first.way[0][1], 0, 500, look=first.look)
    events = watched(Story([leaves, second, third]), no_vending(), times(1500))
    found = fired(events)
    assert len(found) == 2
    pair, other = sorted(found, key=lambda event: event.box_xyxy)
    assert pair.box_xyxy == pytest.approx((0.05, 0.5, 0.27, 0.6))
    assert other.box_xyxy == pytest.approx((0.29, 0.5, 0.39, 0.6))
    assert {event.at for event in events if event.step is Step.ENDED} == {at(1500)}


@pytest.mark.parametrize(
    ("look", "seen_share"), [(True, 0.3), (True, 0.45), (True, 0.6), (False, 0.45), (False, 0.6)]
)
@pytest.mark.parametrize("seed", range(3))
def test_a_stall_that_flickers_is_one_vendor(look, seen_share, seed):
    stall = stands(["stall", "stall", "cart"], PLACE, 0, EVER, seen_share=seen_share, score=0.35)
    camera = no_vending(grace_s=60)
    events = watched(Story([stall], jitter=0.06, seed=seed), camera, times(900, 5), look=look)
    event = only(events)
    assert steps(events, event.key) == [Step.BEGAN, Step.FIRED, Step.ENDED]
    assert (event.first_seen - START).total_seconds() <= 60
    assert (event.at - event.first_seen).total_seconds() <= 300 + 90


def test_a_vendor_who_lays_out_goods_stays_the_same_vendor():
    """Its look and its class change as the goods come out; the place does not."""
    things = [
        stands("cart", PLACE, 0, 120, look=1),
        stands("stall", box(0.51, 0.6, 0.12, 0.1), 120.1, 400, look=2),
        stands("stall", box(0.5, 0.6, 0.13, 0.11), 400.1, EVER, look=3),
        *served(0, 900),
    ]
    events = watched(Story(things, hides=False), no_vending(), times(900))
    event = only(events)
    assert (event.first_seen - START).total_seconds() <= 20
    assert event.at <= at(350)
    assert steps(events, event.key) == [Step.BEGAN, Step.FIRED, Step.ENDED]
    assert event.attributes["form"] == "cart+stall"


@pytest.mark.parametrize(
    ("permitted", "count"),
    [
        ({"polygon": [[0.3, 0.3], [0.7, 0.3], [0.7, 0.7], [0.3, 0.7]]}, 0),
        ({"polygon": [[0.7, 0.3], [0.9, 0.3], [0.9, 0.7], [0.7, 0.7]]}, 1),
        ({"active_hours": ["18:00-22:00"]}, 1),
        ({"active_hours": ["08:00-10:00"]}, 0),
    ],
)
def test_what_stands_where_and_when_vending_is_permitted_is_excused(permitted, count):
    camera = no_vending({"kind": "vending_permitted", **permitted})
    assert (
        len(fired(watched(Story([stands("stall", PLACE, 0, EVER)]), camera, times(600)))) == count
    )


def test_when_the_permitted_hours_are_over_dwell_begins():
    camera = no_vending({"kind": "vending_permitted", "active_hours": ["06:00-08:10"]})
    event = only(watched(Story([stands("stall", PLACE, 0, EVER)]), camera, times(1200)))
    assert (event.first_seen - START).total_seconds() == pytest.approx(600, abs=10)
    assert (event.at - START).total_seconds() == pytest.approx(900, abs=20)


def test_a_vendor_back_within_the_cooldown_is_no_new_finding_and_later_is():
    stalls = [stands("stall", PLACE, a, a + 500) for a in (0, 800, 3000)]
    found = fired(watched(Story(stalls), no_vending(), times(3600)))
    assert len(found) == len({event.key for event in found}) == 2
    assert (found[1].first_seen - START).total_seconds() == pytest.approx(3000, abs=10)


@pytest.mark.parametrize("similarity", [0.3, 0.5, 0.6, 0.65])
@pytest.mark.parametrize("name", ["stall", "cart"])
def test_another_vendor_within_the_cooldown_is_reported(similarity, name):
    """It counts from when it came, even where no frames come as the cooldown ends."""
    first = stands("cart", PLACE, 0, 800)
    other = stands(name, PLACE, 900, 2000, turns=((0, EVER),), turned_similarity=similarity)
    seller = stands("person", box(0.58, 0.6, 0.04, 0.12), 0, 2000, look=7)
    when = [*times(1150), *times(2200, start=1700)]
    found = fired(watched(Story([first, other, seller]), no_vending(cooldown_s=600), when))
    assert len(found) == len({event.key for event in found}) == 2
    assert (found[1].first_seen - START).total_seconds() == pytest.approx(900, abs=10)


def test_classes_have_their_own_dwell():
    camera = no_vending(dwell_s_by_class={"stall": 100})
    event = only(watched(Story([stands("stall", PLACE, 0, EVER)]), camera, times(600, 5)))
    assert event.at <= at(115)
    assert event.rule.thresholds["dwell_s"] == 100


def test_a_parked_van_that_hides_a_stall_ends_nothing():
    van = stands("truck", box(0.5, 0.75, 0.5, 0.5), 400, 500, look=9)
    events = watched(Story([stands("stall", PLACE, 0, 900), van]), no_vending(), times(900))
    event = only(events)
    assert [one.step for one in events if one.key == event.key] == [
        Step.BEGAN, Step.FIRED, Step.ENDED,
    ]  # fmt: skip
    assert events[-1].at == at(900)


THINGS = [
    stands("stall", box(0.2, 0.6), 30, 700, look=1, seen_share=0.7),
    stands("cart", box(0.6, 0.6), 100, EVER, look=2),
    stands("person", box(0.66, 0.6, 0.03, 0.12), 100, EVER, look=3, seen_share=0.8),
    stands("cart", box(0.9, 0.6), 0, EVER, look=4),
    *(passes("cart", start, y=0.95, seconds=20, look=start) for start in range(20, 900, 61)),
]


@settings(max_examples=25)
@given(
    drops=st.sets(st.integers(0, 179), max_size=20),
    restarts=st.sets(st.integers(0, 160), max_size=5),
    seed=st.integers(0, 10_000),
)
def test_lost_frames_wandering_boxes_and_restarts_change_no_verdict(drops, restarts, seed):
    when = [5 * n for n in range(180) if n not in drops]
    story = Story(THINGS, jitter=0.08, seed=seed, hides=False)
    events = watched(story, no_vending(), when, restarts=restarts)
    found = sorted(fired(events), key=lambda event: event.first_seen)
    assert [event.attributes["class"] for event in found] == ["stall", "cart"]
    for event, comes in zip(found, (30, 100), strict=True):
        assert 0 <= (event.first_seen - at(comes)).total_seconds() <= 120
        assert (event.at - event.first_seen).total_seconds() <= 300 + 120
        assert steps(events, event.key) == [Step.BEGAN, Step.FIRED, Step.ENDED]


def test_a_sunshade_stands_where_those_under_it_stand():
    """Its own box hangs above the zone on the ground; nobody under it, and it is not in it."""
    ground = [[0.3, 0.5], [0.7, 0.5], [0.7, 0.7], [0.3, 0.7]]
    shade = stands("canopy", box(0.5, 0.45, 0.14, 0.05), 0, 900)
    camera = no_vending(polygon=ground)
    assert len(fired(watched(Story([shade, *served(0, 900)]), camera, times(1000, 5)))) == 1
    assert fired(watched(Story([shade]), camera, times(1000, 5))) == []
