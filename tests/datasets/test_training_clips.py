"""Streets to learn from: of the designs for training, full, and labelled by what is seen."""

from collections import Counter
from dataclasses import replace

import cv2
import numpy as np
import pytest

from datasets.classes import STREET_CLASSES
from datasets.clip.frames import Studio
from datasets.clip.seen import seen_boxes
from datasets.formats.yolo import list_images, read_yolo_labels
from datasets.scenes import lookalikes, muck_trucks, people, vehicles, vending
from datasets.scenes.asset import Asset, Part
from datasets.scenes.clip_cast import Act, Actor
from datasets.scenes.clip_evaluation import clip_names, evaluation_clip
from datasets.scenes.clip_poses import act_keys
from datasets.scenes.clip_story import sample_clip
from datasets.scenes.clip_track import Track
from datasets.scenes.clip_training import SCENE_S, SCENES, training_clip
from datasets.scenes.shape import Paint, Shape
from scripts import make_training_clips

NUMBERS = (0, 1, 2)
BLANK = replace(sample_clip(), red_s=None, events=(), harmless=())


@pytest.fixture(scope="module")
def clips():
    return [training_clip(number) for number in NUMBERS]


def looks(clip):
    return [look for actor in clip.actors for act in actor.acts for look in act.looks]


def test_everything_is_of_the_designs_for_training(clips):
    allowed = {
        "muck_truck": muck_trucks.TRAIN_DESIGNS,
        "vending": vending.TRAIN_DESIGNS,
        "lookalike": lookalikes.TRAIN_DESIGNS,
        "person": people.TRAIN_DESIGNS,
        **vehicles.TRAIN_DESIGNS,
    }
    for clip in clips:
        assert all(look.design in allowed[look.kind] for look in looks(clip))
        assert {"vending", "lookalike", "person", "car"} <= {look.kind for look in looks(clip)}


def test_a_number_fixes_a_street_that_is_no_evaluation_clips(clips):
    assert training_clip(1).view == clips[1].view
    assert [actor.id for actor in training_clip(1).actors] == [a.id for a in clips[1].actors]
    evaluated = {evaluation_clip(number).seed for number in range(1, len(clip_names()) + 1)}
    assert not evaluated & {clip.seed for clip in clips}
    assert len({clip.view for clip in clips}) == len(clips)


def test_each_scene_has_traders_of_its_own(clips):
    for clip in clips:
        for scene in range(SCENES):
            for time in (scene * SCENE_S, (scene + 1) * SCENE_S - 1):
                stand = [a for a in clip.actors if a.does == "stands there" and a.act_at(time)]
                assert {a.id.split("-")[1] for a in stand} == {str(scene + 1)}
                assert Counter(a.acts[0].looks[0].kind for a in stand)["vending"] >= 3


def block(name, label, x, *, size=(2.0, 2.0, 2.0)):
    shape = Shape().box(size, (0, 0, size[2] / 2), Paint((0.5, 0.5, 0.5)))
    track = Track(((x, 0.0), (x + 1, 0.0)), ((0.0, 0.0), (4.0, 0.0)))
    return Actor(name, "stands", (Act((Asset("car", "block", (Part(label, shape),)),), track),))


def studio_of(folder, clip):
    """Make a studio whose pictures are plain."""
    width, height = clip.view.size_wh
    cv2.imwrite(str(folder / "street.png"), np.zeros((height, width, 3), np.uint8))
    for actor in clip.actors:
        for number in range(len(actor.acts)):
            for key in act_keys(actor, number, clip):
                x0, y0, x1, y1 = key.border
                white = np.full((y1 - y0, x1 - x0, 4), 255, np.uint8)
                cv2.imwrite(str(folder / key.name), white)
    return Studio(folder, clip)


def seen(folder, *actors):
    clip = replace(BLANK, actors=actors)
    return {box.label: box.xyxy for box in seen_boxes(studio_of(folder, clip), clip, 1.0)}


def test_labels_are_around_what_is_seen(tmp_path):
    far = block("far", "car", 20.0)
    whole = seen(tmp_path, far)["car"]
    corners = far.acts[0].looks[0].parts[0].shape.points() + np.array([20.0, 0.0, 0.0])
    pixels, _ = BLANK.view.project(corners)
    assert whole == pytest.approx((*pixels.min(axis=0), *pixels.max(axis=0)), abs=1.5)

    low = block("near", "stall", 18.0, size=(0.4, 6.0, 0.9))
    found = seen(tmp_path, low, far)
    assert found["car"][:3] == pytest.approx(whole[:3], abs=1.0)
    assert whole[1] + 20 < found["car"][3] < whole[3] - 10
    assert "stall" in found

    before = block("near", "bus", 16.0, size=(4.0, 4.0, 4.0))
    assert list(seen(tmp_path, before, far)) == ["bus"]


def test_the_script_writes_pictures_and_labels(tmp_path, clips):
    clip = clips[0]
    folder = tmp_path / "work" / clip.name
    folder.mkdir(parents=True)
    arguments = ["--work", str(tmp_path / "work"), "--count", "1", "--out", str(tmp_path / "out")]
    assert make_training_clips.main(arguments) == 3
    studio_of(folder, clip)
    assert make_training_clips.main(arguments) == 0
    images = list_images(tmp_path / "out" / "images" / "train")
    assert len(images) == SCENES * SCENE_S
    for image in images:
        labels = tmp_path / "out" / "labels" / "train" / f"{image.stem}.txt"
        boxes = read_yolo_labels(labels, clip.view.size_wh, STREET_CLASSES)
        assert {"person"} < {box.label for box in boxes}
