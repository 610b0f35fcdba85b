"""Streets from nothing: lanes keep right, things stand where they belong, cameras look as asked."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datasets.scenes.asset import Asset, Part
from datasets.scenes.clip_track import Track, smooth_way
from datasets.scenes.shape import Paint, Shape
from datasets.scenes.street_ground import KERB_M, StreetPlan
from datasets.scenes.street_placing import clear_of, footprint, populate, standing_footprints
from datasets.scenes.street_share import seen_share
from datasets.scenes.streets import build_street, camera_view, random_plan, seen_strip_points
from datasets.scenes.view import View

SIZES = {
    "muck_truck": (8.0, 2.5, 3.0),
    "bus": (10.0, 2.5, 3.0),
    "truck": (7.0, 2.4, 3.0),
    "car": (4.4, 1.8, 1.5),
    "van": (5.0, 1.9, 2.1),
    "two_wheeler": (1.8, 0.7, 1.6),
    "person": (0.4, 0.5, 1.7),
    "vending": (2.2, 2.0, 2.3),
    "lookalike": (1.2, 0.8, 1.0),
}
GREY = Paint((0.3, 0.3, 0.3))


def block(kind):
    size = SIZES[kind]
    return Asset(kind, "block", (Part(kind, Shape().box(size, (0, 0, size[2] / 2), GREY)),))


def street_of(seed, **changes):
    rng = np.random.default_rng(seed)
    plan = StreetPlan(**changes) if changes else random_plan(rng, lit=False, wet=False)
    return build_street(plan, rng)


def test_a_seed_makes_one_street():
    first, again, other = street_of(1), street_of(1), street_of(2)
    assert first.flat == again.flat
    assert first.standing == again.standing
    assert first.flat != other.flat


@pytest.mark.parametrize("seed", range(3))
def test_a_street_is_light_enough_to_render(seed):
    street = street_of(seed)
    shapes = (street.flat, *street.standing)
    assert sum(len(shape.faces) for shape in shapes) < 40_000
    for shape in shapes:
        assert len(shape.paints) == len(shape.faces)
        assert np.isfinite(shape.points()).all()


@pytest.mark.parametrize(
    ("changes", "kinds"),
    [
        ({"lanes_each": 1, "edge": "cycle"}, ["cycle", "lane", "pavement"]),
        ({"lanes_each": 3, "edge": None}, ["lane", "lane", "lane", "pavement"]),
        (
            {"edge": "bays", "left": "hoarding", "gate_x": 20.0},
            ["bays", "gate", "lane", "pavement"],
        ),
    ],
)
def test_strips_keep_right_and_do_not_overlap(changes, kinds):
    plan = StreetPlan(**changes)
    strips = build_street(plan, np.random.default_rng(1)).strips
    left = [strip for strip in strips if strip.middle_y > 0]
    assert sorted(strip.kind for strip in left) == kinds
    for strip in strips:
        if strip.kind != "gate":
            assert math.cos(math.radians(strip.heading_deg)) * strip.middle_y < 0
        assert (strip.z == KERB_M) == (strip.kind in ("pavement", "gate"))
    across = sorted(strip.y for strip in strips if strip.kind != "gate")
    for lower, upper in pairwise(across):
        assert lower[1] <= upper[0] + 1e-9


def test_nothing_stands_in_the_gate_or_on_the_crossing():
    for seed in range(3):
        street = street_of(seed, left="hoarding", gate_x=20.0, zebra_x=40.0)
        for x0, y0, x1, y1 in standing_footprints(street):
            assert not (y0 > 0 and x0 < 24.0 and x1 > 16.0)
            in_the_way = x0 < 41.5 and x1 > 38.5
            assert not (in_the_way and min(abs(y0), abs(y1)) < street.plan.kerb_y - 0.1)


@pytest.mark.parametrize(("split", "way"), [("train", 1), ("test", -1)])
def test_cameras_hang_and_look_as_asked(split, way):
    rng = np.random.default_rng(5)
    street = street_of(2)
    for _ in range(40):
        view = camera_view(street, rng, size_wh=(640, 384), split=split)
        assert 4.0 <= view.position[2] <= 12.0
        assert 10.0 <= view.pitch_deg <= 40.0 + 1e-6
        assert 35.0 <= view.fov_deg <= 90.0
        assert (view.target[0] - view.position[0]) * way > 0
        assert -view.position[1] * way >= 0


def test_points_on_strips_are_in_the_picture_and_within_reach():
    street = street_of(3)
    view = camera_view(street, np.random.default_rng(4), size_wh=(640, 384), split="train")
    points = seen_strip_points(street, view, reach_m=30.0)
    pixels, depth = view.project(points[:, :3])
    assert len(points) > 50
    assert (depth > 0).all()
    assert ((pixels >= 0) & (pixels <= (640, 384))).all()
    assert (np.linalg.norm(points[:, :3] - view.position, axis=1) < 30.0).all()


@pytest.mark.parametrize("seed", range(2))
def test_what_is_placed_keeps_its_distance_and_its_lane(seed):
    rng = np.random.default_rng(seed)
    street = street_of(seed + 20)
    view = camera_view(street, rng, size_wh=(640, 384), split="train")
    placed = populate(street, view, rng, make=block)
    assert len(placed) >= 5
    spots = [footprint(asset) for asset in placed]
    fixed = standing_footprints(street)
    for index, spot in enumerate(spots):
        assert clear_of(spot, spots[:index] + fixed, gap_m=0.2)
    for asset, (x0, y0, x1, y1) in zip(placed, spots, strict=True):
        if asset.kind in ("car", "van", "bus", "truck") and y1 - y0 < x1 - x0:
            assert max(abs(y0), abs(y1)) < street.plan.kerb_y + 0.6
        if asset.kind == "vending":
            assert max(abs(y0), abs(y1)) < street.plan.front_y + 0.5


@pytest.mark.parametrize(
    ("hidden", "share"), [(slice(0, 0), 1.0), (slice(0, 320), 0.5), (slice(0, 640), 0.0)]
)
def test_the_seen_share_follows_what_hides_a_thing(hidden, share):
    view = View((-20.0, 0.0, 1.0), (0.0, 0.0, 1.0), 20.0, (640, 384))
    part = Part("car", Shape().box((0.1, 2.0, 1.0), (0, 0, 1.0), GREY))
    corners = view.project(part.shape.points())[0]
    (x0, y0), (x1, y1) = corners.min(axis=0).astype(int), corners.max(axis=0).astype(int)
    shown = np.zeros((384, 640), bool)
    shown[y0 : y1 + 1, x0 : x1 + 1] = True
    shown[:, hidden] = False
    assert seen_share(part, view, shown) == pytest.approx(share, abs=0.12)


@given(
    steps=st.lists(
        st.tuples(st.floats(0.5, 20.0), st.one_of(st.just(0.0), st.floats(0.1, 50.0))),
        min_size=1,
        max_size=5,
    )
)
@settings(max_examples=60, deadline=None)
def test_the_way_never_goes_back_and_keeps_its_timetable(steps):
    times = np.cumsum([0.0, *(time for time, _ in steps)])
    ways = np.cumsum([0.0, *(way for _, way in steps)])
    table = list(zip(times.tolist(), ways.tolist(), strict=True))
    for time, way in table:
        assert smooth_way(table, time) == pytest.approx(way, abs=1e-6)
    covered = [smooth_way(table, time) for time in np.linspace(-1, times[-1] + 1, 80)]
    assert (np.diff(covered) >= -1e-9).all()


def test_a_track_heads_where_it_goes_and_stands_still_at_stops():
    track = Track(
        ((0.0, 0.0), (20.0, 0.0), (20.0, 20.0)),
        ((0.0, 0.0), (5.0, 10.0), (9.0, 10.0), (20.0, 34.0)),
        2.6,
    )
    assert track.at(1.0).yaw_deg == pytest.approx(0.0, abs=1e-6)
    assert track.at(20.0).yaw_deg == pytest.approx(90.0, abs=1e-6)
    assert track.at(6.0) == track.at(8.5)
    assert track.stops() == [(5.0, 9.0)]
    turns = [track.at(time).yaw_deg for time in np.linspace(9, 20, 60)]
    assert (np.diff(turns) >= -1e-6).all()
