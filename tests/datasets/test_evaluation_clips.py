"""The evaluation clips: enough of everything, seen as it should be, no design of the training."""

import json
from collections import Counter
from itertools import combinations

import numpy as np
import pytest
import yaml

from datasets.clip.shadows import shade
from datasets.clip.texts import write_texts
from datasets.clip.truth import boxes_at, camera_settings
from datasets.scenes import lookalikes, muck_trucks, people, vehicles, vending
from datasets.scenes.asset import Asset, Part
from datasets.scenes.clip_evaluation import DWELL_S, STORIES, clip_names, evaluation_clip
from datasets.scenes.clip_places import draw_place
from datasets.scenes.clip_poses import act_keys, placed, shadow_points
from datasets.scenes.clip_scene import Daylight, inside, passage
from datasets.scenes.shape import Paint, Shape
from datasets.scenes.streets import build_street, camera_view, random_plan
from datasets.scenes.view import View
from vision.camera.config import read_camera

NUMBERS = tuple(range(1, len(clip_names()) + 1))
KINDS = ("illegal_parking", "street_vending", "muck_truck_overload", "muck_truck_uncovered")
# One of each flow of traffic; the others are made the same way.
FEW = (1, 2, 3, 13)


@pytest.fixture(scope="module")
def clips():
    return [evaluation_clip(number) for number in NUMBERS]


def test_each_telling_has_twenty_of_each_kind_to_be_found_and_to_be_left_alone(clips):
    for first in range(0, len(clips), len(STORIES)):
        told = clips[first : first + len(STORIES)]
        events = Counter(event.kind for clip in told for event in clip.events)
        harmless = Counter(other.kind for clip in told for other in clip.harmless)
        assert all(events[kind] >= 20 for kind in KINDS)
        assert all(harmless[kind] >= 20 for kind in KINDS)
        assert {clip.daylight.kind for clip in told} == {"day", "overcast", "dusk"}
    assert len({clip.view for clip in clips}) == len(clips)
    assert len({clip.seed for clip in clips}) == len(clips)
    assert len({clip.name for clip in clips}) == len(clips) == len(clip_names())


def test_no_camera_looks_as_those_of_rendered_streets_to_learn_from_do(clips):
    rng = np.random.default_rng(1)
    street = build_street(random_plan(rng, lit=False, wet=False), rng)
    trained = camera_view(street, rng, size_wh=(64, 36), split="train")
    assert trained.axes()[2][0] > 0
    assert all(clip.view.axes()[2][0] < 0 for clip in clips)


def test_everything_is_of_the_designs_for_testing(clips):
    allowed = {
        "muck_truck": muck_trucks.TEST_DESIGNS,
        "vending": vending.TEST_DESIGNS,
        "lookalike": lookalikes.TEST_DESIGNS,
        "person": people.TEST_DESIGNS,
        **vehicles.TEST_DESIGNS,
    }
    for clip in clips:
        for actor in clip.actors:
            for act in actor.acts:
                for look in act.looks:
                    assert look.design in allowed[look.kind], actor.id


def test_events_are_of_actors_and_zones_and_last_long_enough(clips):
    for clip in clips:
        zones = {zone.name: zone for zone in clip.zones}
        names = [actor.id for actor in clip.actors]
        assert len(set(names)) == len(names)
        told = [(event.kind, event.actor) for event in clip.events]
        assert not set(told) & {(other.kind, other.actor) for other in clip.harmless}
        for event in clip.events:
            actor, zone = clip.actor(event.actor), zones[event.zone]
            ended = clip.duration_s if event.ended_s is None else event.ended_s
            if zone.kind == "truck_gate":
                assert (event.began_s, event.ended_s) == passage(actor, zone)
                assert event.direction in ("in", "out")
                continue
            assert ended - event.began_s >= 1.4 * DWELL_S, (clip.name, event)
            for time in np.arange(event.began_s + 0.4, ended, 2.0):
                pose = actor.act_at(float(time)).track.at(float(time))
                assert inside(zone.outline, pose.x, pose.y), (clip.name, event, time)


@pytest.mark.parametrize("number", FEW)
def test_what_is_to_be_found_is_large_enough_in_the_picture(number):
    clip = evaluation_clip(number)
    for event in clip.events:
        middle = (
            event.began_s + 5.0 if event.ended_s is None else ((event.began_s + event.ended_s) / 2)
        )
        boxes = [box for label, box in boxes_at(clip.actor(event.actor), middle, clip.view)
                 if label != "person"]  # fmt: skip
        assert max(box[2] - box[0] for box in boxes) >= 30, event


@pytest.mark.parametrize("number", FEW)
def test_nobody_drives_through_anybody_in_the_zones(number):
    clip = evaluation_clip(number)
    vehicles_there = [a for a in clip.actors if a.acts[0].track.wheelbase_m > 2.0]
    for time in np.arange(0.0, clip.duration_s, 1.0):
        poses = [
            (actor.id, act.track.at(float(time)))
            for actor in vehicles_there
            if (act := actor.act_at(float(time)))
        ]
        for (one, a), (other, b) in combinations(poses, 2):
            assert abs(a.x - b.x) > 3.6 or abs(a.y - b.y) > 1.6, (time, one, other)


def test_a_place_is_the_same_for_the_same_seed():
    one, other = (
        draw_place(np.random.default_rng(5), gate="road", zebra=True, daylight="dusk")
        for _ in range(2)
    )
    assert one == other
    for side in (-1, 1):
        near, far = one.kerb_strip(side)
        assert far - near >= 9.0
        points = np.array([(one.x(near), one.edge_y(side), 0.0), (one.x(far), one.edge_y(side), 0)])
        pixels, depth = one.view.project(points)
        assert (depth > 0).all()
        assert ((pixels >= 0) & (pixels <= one.view.size_wh)).all()


def test_texts_are_written_and_the_camera_can_be_watched_with(tmp_path):
    clip = evaluation_clip(2)
    write_texts(tmp_path, clip)
    camera = read_camera(tmp_path / "camera.yaml")
    assert [zone.name for zone in camera.zones] == [zone.name for zone in clip.zones]
    (gate,) = (zone for zone in camera.zones if zone.kind == "truck_gate")
    assert gate.inward is not None
    truth = json.loads((tmp_path / "truth.json").read_text(encoding="utf-8"))
    assert [entry["id"] for entry in truth["objects"]] == [actor.id for actor in clip.actors]
    told = json.loads((tmp_path / "events.json").read_text(encoding="utf-8"))
    assert len(told["events"]) == len(clip.events)
    assert yaml.safe_load((tmp_path / "camera.yaml").read_text("utf-8")) == camera_settings(clip)


def test_poses_that_are_mostly_outside_the_picture_are_not_rendered():
    clip = evaluation_clip(3)
    passing = next(actor for actor in clip.actors if actor.id == "lorry-1")
    keys = act_keys(passing, 0, clip)
    assert 4 <= len(keys) <= 30
    for key in keys:
        (x0, y0, x1, y1), (sx0, sy0, sx1, sy1) = key.border, key.shaded
        assert sx0 <= x0 < x1 <= sx1
        assert sy0 <= y0 < y1 <= sy1


VIEW = View((0.0, 0.0, 8.0), (12.0, 0.0, 0.0), 60.0, (320, 240))
BLOCK = Asset(
    "car", "block", (Part("car", Shape().box((2, 2, 2), (12.0, 0, 1), Paint((0.5, 0.5, 0.5)))),)
)


@pytest.mark.parametrize(
    ("daylight", "point", "darker"),
    [
        # The sun stands behind the camera's left: the shadow falls ahead to the right.
        (Daylight("day", 135.0, 45.0), (13.9, -1.9), 0.2),
        (Daylight("day", 135.0, 45.0), (10.0, 2.5), 0.0),
        (Daylight("overcast", 135.0, 45.0), (13.9, -1.9), 0.0),
        (Daylight("overcast", 135.0, 45.0), (12.0, 0.0), 0.2),
        (Daylight("dusk", 135.0, 45.0), (13.9, -1.9), 0.08),
    ],
)
def test_shadows_fall_away_from_the_sun(daylight, point, darker):
    dark = shade(BLOCK, 0.0, daylight=daylight, view=VIEW, border=(0, 0, 320, 240))
    x, y = VIEW.project(np.array([(*point, 0.0)]))[0][0]
    assert dark.shape == (240, 320)
    assert 0.0 <= dark.min() <= dark.max() < 0.8
    if darker:
        assert dark[int(y), int(x)] > darker
    else:
        assert dark[int(y), int(x)] < 0.02


def test_a_shadow_is_as_long_as_the_sun_is_low():
    points = np.array([(0.0, 0.0, 2.0)])
    for elevation, length in ((45.0, 2.0), (63.4349, 1.0), (10.0, 5.0)):
        fallen = shadow_points(points, 0.0, Daylight("day", 0.0, elevation))
        assert fallen[0] == pytest.approx((-length, 0.0, 0.0), abs=1e-3)


def test_things_that_stand_are_clear_of_each_other_in_the_picture(clips):
    for clip in clips:
        boxes = {}
        for actor in clip.actors:
            act = actor.acts[-1]
            if act.track.stops() and act.track.stops()[-1][1] >= clip.duration_s - 1:
                pose = act.track.at(clip.duration_s - 1)
                there = placed(act.looks[0], pose, act.z)
                points = np.vstack([p.shape.points() for p in there.parts if p.shape.vertices])
                pixels, _ = clip.view.project(points)
                boxes[actor.id] = (*pixels.min(axis=0), *pixels.max(axis=0))
        for (one, a), (other, b) in combinations(boxes.items(), 2):
            shared = max(min(a[2], b[2]) - max(a[0], b[0]), 0) * max(
                min(a[3], b[3]) - max(a[1], b[1]), 0
            )
            smaller = min((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
            assert shared <= 0.3 * smaller, (clip.name, one, other)
