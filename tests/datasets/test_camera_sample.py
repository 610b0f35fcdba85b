"""The sample clip: its truth holds together, its picture is put together as the truth says."""

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import yaml

from datasets.classes import LOAD_STATES, STREET_CLASSES
from datasets.clip.frames import from_back_to_front
from datasets.clip.readme import readme
from datasets.clip.sprites import Cutout, MissingPicture, Wardrobe
from datasets.clip.texts import write_texts
from datasets.clip.truth import camera_settings, truth
from datasets.clip.video import write_video
from datasets.scenes.asset import Asset, Part
from datasets.scenes.clip_cast import Act, Actor
from datasets.scenes.clip_poses import act_keys
from datasets.scenes.clip_scene import inside
from datasets.scenes.clip_story import DWELL_S, sample_clip
from datasets.scenes.clip_track import Track
from datasets.scenes.shape import Paint, Shape
from vision.camera.config import read_camera
from vision.camera.zones import holds

CLIP = sample_clip()
DURATION_S, FRAMES_PER_S, SIZE_WH = CLIP.duration_s, CLIP.frames_per_s, CLIP.view.size_wh
SAMPLE = Path(__file__).parents[2] / "datasets" / "samples" / "camera"


@pytest.fixture(scope="module")
def happened():
    return truth(CLIP)


@pytest.fixture(scope="module")
def by_id(happened):
    return {entry["id"]: entry for entry in happened["objects"]}


def seconds_in_zone(name, kind):
    actor = CLIP.actor(name)
    (zone,) = (zone for zone in CLIP.zones if zone.kind == kind)
    poses = [
        act.track.at(float(time))
        for time in CLIP.frame_times()
        if (act := actor.act_at(float(time)))
    ]
    return sum(inside(zone.outline, pose.x, pose.y) for pose in poses) / FRAMES_PER_S


@pytest.mark.parametrize(
    ("name", "kind", "low_s", "high_s"),
    [
        ("car-parks", "no_parking", 2 * DWELL_S, DURATION_S),
        ("car-1", "no_parking", 0.5, 10.0),
        *((f"queue-{place}", "no_parking", 0.0, 0.9 * DWELL_S) for place in (1, 2, 3, 4)),
        ("vendor-stays", "no_vending", 1.5 * DWELL_S, DURATION_S),
        ("vendor-passes", "no_vending", 5.0, 0.6 * DWELL_S),
        ("muck-truck-1", "truck_gate", 5.0, 30.0),
        ("muck-truck-2", "truck_gate", 5.0, 30.0),
    ],
)
def test_who_stays_in_a_zone_for_how_long(name, kind, low_s, high_s):
    assert low_s <= seconds_in_zone(name, kind) <= high_s


def test_the_queue_stands_in_the_zone_for_most_of_the_red_light():
    assert seconds_in_zone("queue-1", "no_parking") > 30.0


def test_truth_speaks_the_models_words_and_keeps_its_boxes_in_the_picture(happened):
    for entry in happened["objects"]:
        assert set(entry["classes"]) <= set(STREET_CLASSES)
        assert entry.get("load_state", "empty") in LOAD_STATES
        assert entry["boxes"], entry["id"]
        for time, boxes in entry["boxes"].items():
            assert entry["enters_s"] <= int(time)
            assert entry["leaves_s"] is None or int(time) <= entry["leaves_s"]
            for box in boxes:
                x0, y0, x1, y1 = box["xyxy"]
                assert 0 <= x0 < x1 <= SIZE_WH[0]
                assert 0 <= y0 < y1 <= SIZE_WH[1]


@pytest.mark.parametrize("name", ["muck-truck-1", "muck-truck-2"])
def test_muck_trucks_are_large_enough_for_long_enough(by_id, name):
    widest = [max(box["xyxy"][2] - box["xyxy"][0] for box in boxes if box["class"] == "muck_truck")
              for boxes in by_id[name]["boxes"].values()]  # fmt: skip
    assert sum(width >= 120 for width in widest) >= 5


def test_standing_boxes_do_not_move(by_id):
    for name in ("car-parks", "vendor-stays"):
        ((start, end),) = by_id[name]["stands_s"]
        still = [
            [box["xyxy"] for box in boxes if box["class"] in ("car", "cart")]
            for time, boxes in by_id[name]["boxes"].items()
            if start + 1 <= int(time) <= end
        ]
        assert len(still) > DWELL_S
        assert all(boxes == still[0] for boxes in still)


def test_nobody_drives_through_anybody():
    """No two vehicles' places come closer than a car is wide."""
    vehicles = [actor for actor in CLIP.actors if actor.acts[0].track.wheelbase_m > 2.0]
    for time in np.arange(0.0, DURATION_S, 0.5):
        places = []
        for actor in vehicles:
            act = actor.act_at(float(time))
            if act is not None:
                pose = act.track.at(float(time))
                places.append((pose.x, pose.y))
        for index, (x, y) in enumerate(places):
            for other_x, other_y in places[:index]:
                assert abs(x - other_x) > 4.5 or abs(y - other_y) > 2.2, (time, places)


def test_the_camera_file_has_a_zone_of_each_kind_inside_the_picture():
    zones = camera_settings(CLIP)["zones"]
    assert {zone["kind"] for zone in zones} == {"no_parking", "no_vending", "truck_gate"}
    for zone in zones:
        assert np.min(zone["polygon"]) >= 0.0
        assert np.max(zone["polygon"]) <= 1.0


CUBE = Asset(
    "car", "cube", (Part("car", Shape().box((2, 2, 2), (0, 0, 1), Paint((0.5, 0.5, 0.5)))),)
)


def wardrobe_of(tmp_path, actor):
    """Make a wardrobe whose pictures are plain: white where the border is, with alpha 1."""
    clip = replace(CLIP, actors=(actor,))
    for key in act_keys(actor, 0, clip):
        x0, y0, x1, y1 = key.border
        cv2.imwrite(str(tmp_path / key.name), np.full((y1 - y0, x1 - x0, 4), 255, np.uint8))
    return Wardrobe(tmp_path, clip)


def test_a_cutout_stands_as_rendered_and_moves_as_the_camera_sees_it(tmp_path):
    track = Track(((12.0, 0.0), (16.0, 0.0)), ((0.0, 0.0), (4.0, 4.0), (9.0, 4.0)))
    actor = Actor("cube", "moves", (Act((CUBE,), track),))
    wardrobe = wardrobe_of(tmp_path, actor)
    last = act_keys(actor, 0, CLIP)[-1]
    standing = [wardrobe.cutout(actor, time) for time in (4.0, 6.0, 8.8)]
    for cutout in standing:
        assert cutout.corner_xy == last.border[:2]
        assert (cutout.rgba == standing[0].rgba).all()
    middles = []
    for time in (0.5, 1.1, 1.7, 2.3, 2.9):
        cutout = wardrobe.cutout(actor, time)
        pose = track.at(time)
        place = CLIP.wide_view.project(np.array([[pose.x, pose.y, 1.0]]))[0][0]
        high, wide = cutout.rgba.shape[:2]
        middles.append((np.add(cutout.corner_xy, (wide / 2, high / 2)) - place, cutout.depth_m))
    offsets = np.array([offset for offset, _ in middles])
    # The shadow draws the middle aside, by about the same all the way.
    assert np.ptp(offsets, axis=0).max() < 6.0
    assert all(far > near for near, far in pairwise(depth for _, depth in middles))
    assert wardrobe.cutout(actor, 9.5) is None


def test_a_missing_picture_says_what_to_run(tmp_path):
    track = Track(((12.0, 0.0), (16.0, 0.0)), ((0.0, 0.0), (4.0, 4.0)))
    actor = Actor("cube", "moves", (Act((CUBE,), track),))
    with pytest.raises(MissingPicture, match="render it first"):
        Wardrobe(tmp_path, replace(CLIP, actors=(actor,))).cutout(actor, 1.0)


def read_video(path):
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = [(frame.time, frame.key_frame, frame.to_ndarray(format="bgr24"))
                  for frame in container.decode(stream)]  # fmt: skip
        return stream.codec_context.name, frames


def test_a_video_keeps_times_and_pictures(tmp_path):
    shades = [np.full((64, 96, 3), 20 + 8 * number, np.uint8) for number in range(23)]
    paths = [tmp_path / name for name in ("one.mp4", "two.mp4")]
    for path in paths:
        count = write_video(path, shades, size_wh=(96, 64), frames_per_s=5, quality=20)
        assert count == 23
    codec, frames = read_video(paths[0])
    assert codec == "h264"
    assert [round(time, 3) for time, _, _ in frames] == [number / 5 for number in range(23)]
    assert [number for number, (_, key, _) in enumerate(frames) if key] == [0, 10, 20]
    for shade, (_, _, pixels) in zip(shades, frames, strict=True):
        assert abs(float(pixels.mean()) - float(shade.mean())) < 6.0
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_the_committed_texts_are_what_the_scripts_write(happened, tmp_path):
    for path in write_texts(tmp_path, CLIP):
        assert path.read_text(encoding="utf-8") == (SAMPLE / path.name).read_text(encoding="utf-8")
    assert json.loads((SAMPLE / "truth.json").read_text(encoding="utf-8")) == happened
    assert yaml.safe_load((SAMPLE / "camera.yaml").read_text("utf-8")) == camera_settings(CLIP)
    assert (SAMPLE / "README.md").read_text(encoding="utf-8") == readme(happened)


def test_the_camera_file_is_one_that_cameras_are_watched_with():
    camera = read_camera(SAMPLE / "camera.yaml")
    (gate,) = (zone for zone in camera.zones if zone.kind == "truck_gate")
    assert gate.inward is not None
    assert not holds(gate, gate.inward)


def test_what_is_to_be_found_is_in_its_zone_and_lasts(by_id):
    told = json.loads((SAMPLE / "events.json").read_text(encoding="utf-8"))
    assert {(event["kind"], event["actor"]) for event in told["events"]} == {
        ("illegal_parking", "car-parks"),
        ("street_vending", "vendor-stays"),
        ("muck_truck_overload", "muck-truck-1"),
    }
    zones = {zone.name: zone for zone in CLIP.zones}
    for event in told["events"]:
        pose = CLIP.actor(event["actor"]).act_at(event["began_s"]).track.at(event["began_s"])
        assert inside(zones[event["zone"]].outline, pose.x, pose.y)
    spared = {(other["kind"], other["actor"]) for other in told["harmless"]}
    assert not spared & {(event["kind"], event["actor"]) for event in told["events"]}
    assert {actor for _, actor in spared} <= set(by_id)


def cutout(name, ground, depth_m):
    return Cutout(name, np.zeros((2, 2, 4), np.float32), (0, 0), depth_m, ground)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        # A long bus in the near lane is before the car beside it, though its middle is further off.
        (("bus", (6.0, -3.0, 18.0, -0.6), 17.0), ("car", (8.0, 0.8, 12.0, 2.6), 16.0)),
        # Along the street the nearer is in front.
        (("car", (5.0, -2.6, 9.0, -0.8), 12.0), ("van", (11.0, -2.7, 16.0, -0.7), 18.0)),
        # Where no line parts them, the middle decides.
        (("truck", (5.0, -3.0, 13.0, 3.0), 14.0), ("car", (8.0, 1.0, 12.0, 3.5), 15.0)),
    ],
)
def test_what_is_in_front_is_painted_last(one, other):
    for pair in ((one, other), (other, one)):
        order = from_back_to_front([cutout(*each) for each in pair], CLIP.view)
        assert [each.actor for each in order] == [other[0], one[0]]


@pytest.fixture(scope="module")
def clip():
    path = SAMPLE / "street.mp4"
    assert path.stat().st_size <= 6_000_000
    times, keys, kept = [], [], {}
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert (stream.codec_context.width, stream.codec_context.height) == SIZE_WH
        for frame in container.decode(stream):
            times.append(frame.time)
            keys.append(frame.key_frame)
            if round(frame.time, 3) in (10.0, 100.0, 148.0, 178.0):
                kept[round(frame.time)] = frame.to_ndarray(format="gray").astype(np.int16)
    return times, keys, kept


def test_the_committed_clip_has_real_times_and_key_frames(clip):
    times, keys, _ = clip
    assert len(times) == DURATION_S * FRAMES_PER_S
    assert np.allclose(times, np.arange(len(times)) / FRAMES_PER_S, atol=1e-3)
    assert all(keys[:: 2 * FRAMES_PER_S])


@pytest.mark.parametrize(("name", "label"), [("car-parks", "car"), ("vendor-stays", "cart")])
def test_what_comes_to_stand_is_in_the_picture_and_does_not_jitter(clip, by_id, name, label):
    _, _, kept = clip
    (box,) = (box for box in by_id[name]["boxes"]["148"] if box["class"] == label)
    x0, y0, x1, y1 = (round(value) for value in box["xyxy"])
    before, there, still = (kept[time][y0:y1, x0:x1].astype(np.float32) for time in (10, 148, 178))
    assert np.abs(there - before).mean() > 8.0
    (across, down), likeness = cv2.phaseCorrelate(there, still)
    assert max(abs(across), abs(down)) < 0.1
    assert likeness > 0.5
