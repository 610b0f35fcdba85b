"""Composition: scale from labels, sprites where their labels say, the same again for a seed."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets.classes import STREET_CLASSES
from datasets.composing.composing import compose
from datasets.composing.frame import read_frame
from datasets.composing.ground_scale import fit_ground_scale
from datasets.composing.lamps import hang_lamp
from datasets.composing.look import match_look, measure_look, sharpness_of
from datasets.composing.placing import DENSE, PLAIN, Placing, choose_placings
from datasets.composing.sources import StreetFrame, camera_of, list_frames, split_by_camera
from datasets.composing.sprites import load_bgra, read_sprites
from datasets.composing.weather import weather
from datasets.formats.boxes import BadDataset, LabelledBox
from datasets.formats.card import verify_dataset
from datasets.formats.yolo import read_yolo, read_yolo_labels, write_yolo_labels
from scripts import make_street_dataset

SIZE_WH = (960, 540)
HORIZON_Y, CAMERA_M = 110.0, 8.0


def scale_at(y):
    return (y - HORIZON_Y) / CAMERA_M


def planted_cars(rng, count=14):
    """Cars seen from ahead: 1.9 m wide, their height by the look-down angle."""
    boxes = []
    for i in range(count):
        y = 180.0 + 340.0 * i / count
        pitch = math.atan2(y - HORIZON_Y, 1.2 * SIZE_WH[0])
        size = scale_at(y) * rng.uniform(0.95, 1.05)
        high = size * (1.5 * math.cos(pitch) + 4.2 * math.sin(pitch))
        x = 480.0 + scale_at(y) * (-6.0 if i % 2 else 6.0)
        boxes.append(LabelledBox("car", (x - 0.95 * size, y - high, x + 0.95 * size, y)))
    return boxes


def road_frame(seed=0, lightness=1.0):
    rng = np.random.default_rng(seed)
    pixels = np.full((SIZE_WH[1], SIZE_WH[0], 3), 115.0)
    pixels[: int(HORIZON_Y)] = (220, 190, 150)
    pixels += rng.normal(0, 3.0, pixels.shape)
    boxes = planted_cars(rng, 6)
    for box in boxes:
        left, top, right, bottom = (int(v) for v in box.xyxy)
        pixels[top:bottom, left:right] = (70, 60, 60)
    return np.clip(pixels * lightness, 0, 255).astype(np.uint8), tuple(boxes)


def write_sprites(folder, *, kinds=("muck_truck",), per_kind=8, colour=(0, 0, 255)):
    """Plain boxes: 2.5 m high, 3 m wide, at 40 px/m, with a soft shadow on their left."""
    lines = []
    parts_of = {"muck_truck": ["muck_truck"], "vending": ["stall"], "lookalike": []}
    for kind in kinds:
        (folder / kind).mkdir(parents=True)
        for i in range(per_kind):
            bgra = np.zeros((150, 220, 4), np.uint8)
            bgra[120:132, 10:60] = (0, 0, 0, 110)
            bgra[30:130, 60:180] = (*colour, 255)
            name = f"{kind}/{i:03d}.png"
            cv2.imwrite(str(folder / name), bgra)
            entry = {
                "file": name, "size_wh": [220, 150], "split": "test" if i % 4 == 0 else "train",
                "kind": kind, "design": "box", "seed": i,
                "parts": [{"label": p, "xyxy": [60, 30, 180, 130]} for p in parts_of[kind]],
                "load_state": "heaped" if kind == "muck_truck" else None,
                "pitch_deg": 4.0 + 2.0 * i, "yaw_deg": 0.0, "distance_m": 20.0, "fov_deg": 40.0,
                "px_per_m": 40.0, "ground_xy": [120.0, 130.0],
                "light": {"kind": "day", "sun_azimuth_deg": 90, "sun_elevation_deg": 40},
            }  # fmt: skip
            lines.append(json.dumps(entry))
    (folder / "sprites.jsonl").write_text("\n".join(lines) + "\n")
    return read_sprites(folder)


@pytest.fixture
def sprites(tmp_path):
    return write_sprites(tmp_path / "sprites")


@pytest.fixture
def frame():
    return read_frame(*road_frame())


def red_box(pixels):
    """Return the box of what is red, whatever its brightness."""
    values = pixels.astype(np.int64)
    red = (values[:, :, 2] > values[:, :, 1] + 40) & (values[:, :, 2] > values[:, :, 0] + 40)
    rows, cols = np.flatnonzero(red.any(axis=1)), np.flatnonzero(red.any(axis=0))
    return cols[0], rows[0], cols[-1] + 1, rows[-1] + 1


class TestGroundScale:
    @pytest.mark.parametrize("seed", range(4))
    def test_it_finds_the_planted_scale_among_wrong_labels(self, seed):
        rng = np.random.default_rng(seed)
        boxes = planted_cars(rng)
        boxes += [
            LabelledBox("car", (10, 100, 300, 400)),
            LabelledBox("car", (700, 380, 712, 392)),
            LabelledBox("stall", (500, 200, 900, 500)),
            LabelledBox("car", (0, 300, 100, 539)),
        ]
        scale = fit_ground_scale(boxes, SIZE_WH)
        assert scale.support >= 12
        for y in (200.0, 350.0, 520.0):
            assert scale.px_per_m(y) == pytest.approx(scale_at(y), rel=0.12)
            assert scale.row_of(scale.px_per_m(y)) == pytest.approx(y)
        assert scale.pitch_deg(500) > scale.pitch_deg(200) > 0

    @pytest.mark.parametrize("label", ["person", "two_wheeler", "bus", "truck"])
    def test_every_kind_gives_a_scale(self, label):
        boxes = [
            LabelledBox(label, (400, y - 4 * scale_at(y), 400 + 3 * scale_at(y), y))
            for y in (200.0, 300.0, 400.0, 500.0)
        ]
        scale = fit_ground_scale(boxes, SIZE_WH)
        assert scale.support == 4
        assert 0.5 * scale_at(400) < scale.px_per_m(400) < 3 * scale_at(400)

    def test_without_labels_it_is_a_guess(self):
        scale = fit_ground_scale([], SIZE_WH)
        assert scale.support == 0
        assert 10 < scale.px_per_m(540) < 200
        assert scale.px_per_m(0) == 0

    def test_one_car_sets_the_slope_below_the_usual_horizon(self):
        scale = fit_ground_scale([LabelledBox("car", (400, 350, 457, 400))], SIZE_WH)
        assert scale.px_per_m(400) == pytest.approx(57 / 1.9, rel=0.3)


@pytest.mark.real
def test_real_road_cameras_give_a_scale_that_fits_their_cars():
    shared = Path(os.environ.get("CITYEYE_SHARED", Path(__file__).resolve().parents[3] / "shared"))
    folder = shared / "data" / "cctv" / "mixed_traffic"
    if not folder.is_dir():
        pytest.skip(f"real data is missing: {folder}; set CITYEYE_SHARED to where it lies")
    classes = ("two_wheeler", "bus", "car", "truck")
    fitted = 0
    frames = list_frames(
        folder / "images", folder / "labels", source="s", excluded=frozenset({"train_0"})
    )
    for frame in frames[::12]:
        size_wh = (1280, 720)
        boxes = read_yolo_labels(frame.labels, size_wh, classes)
        scale = fit_ground_scale(boxes, size_wh)
        # Cameras on bridges and masts, looking along the road.
        fitted += scale.support >= 6 and 3 < 1 / scale.slope < 25 and -80 < scale.horizon_y < 360
    assert fitted >= 0.8 * len(frames[::12])


class TestSprites:
    def test_the_list_is_read(self, sprites):
        assert len(sprites) == 8
        assert sprites[0].split == "test"
        assert sprites[0].parts == (LabelledBox("muck_truck", (60, 30, 180, 130)),)
        assert sprites[0].load_state == "heaped"
        assert load_bgra(sprites[0]).shape == (150, 220, 4)

    @pytest.mark.usefixtures("sprites")
    @pytest.mark.parametrize("line", ["{", "[]", '{"file": "a.png"}'])
    def test_a_bad_line_is_named(self, tmp_path, line):
        path = tmp_path / "sprites" / "sprites.jsonl"
        path.write_text(path.read_text() + line + "\n")
        with pytest.raises(BadDataset, match=r"sprites\.jsonl, line 9"):
            read_sprites(tmp_path / "sprites")

    def test_the_lists_of_several_runs_are_joined(self, tmp_path, sprites):
        folder = tmp_path / "sprites"
        lines = (folder / "sprites.jsonl").read_text().splitlines(keepends=True)
        (folder / "sprites.jsonl").unlink()
        (folder / "sprites-muck_truck-train-1.jsonl").write_text("".join(lines[:3]))
        (folder / "sprites-vending-train-2.jsonl").write_text("".join(lines[3:]))
        assert read_sprites(folder) == sprites

    def test_a_folder_without_a_list_is_refused(self, tmp_path):
        with pytest.raises(BadDataset, match="no list of sprites"):
            read_sprites(tmp_path)

    def test_a_picture_without_alpha_is_refused(self, sprites):
        cv2.imwrite(str(sprites[0].path), np.zeros((150, 220, 3), np.uint8))
        with pytest.raises(BadDataset, match=sprites[0].path.name):
            load_bgra(sprites[0])


class TestPlacing:
    @pytest.mark.parametrize("seed", range(8))
    def test_size_place_and_order_fit_the_frame(self, frame, sprites, seed):
        rng = np.random.default_rng(seed)
        placings = choose_placings(frame, sprites, is_night=False, rng=rng)
        assert placings
        rows = [placing.ground_y for placing in placings]
        assert rows == sorted(rows)
        for placing in placings:
            left, top, right, bottom = placing.outline()
            assert (right - left) / scale_at(placing.ground_y) == pytest.approx(3.0, rel=0.35)
            assert abs(bottom - placing.ground_y) < 3
            assert top > -40
            for real in frame.boxes:
                wide = min(right, real.xyxy[2]) - max(left, real.xyxy[0])
                high = min(bottom, real.xyxy[3]) - max(top, real.xyxy[1])
                area = (real.xyxy[2] - real.xyxy[0]) * (real.xyxy[3] - real.xyxy[1])
                assert max(0, wide) * max(0, high) <= 0.101 * area

    def test_what_is_learned_from_is_fuller_and_nearer(self, frame, sprites):
        placed = {
            crowd.near: [
                choose_placings(
                    frame, sprites, is_night=False, rng=np.random.default_rng(seed), crowd=crowd
                )
                for seed in range(12)
            ]
            for crowd in (PLAIN, DENSE)
        }
        counts = [sum(len(one) for one in placed[crowd.near]) for crowd in (PLAIN, DENSE)]
        assert counts[1] > 1.3 * counts[0]
        rows = [
            float(np.median([p.ground_y for one in placed[crowd.near] for p in one]))
            for crowd in (PLAIN, DENSE)
        ]
        assert rows[1] > rows[0]

    def test_mirrored_boxes_change_sides(self, sprites):
        plain = Placing(sprites[0], False, 2.0, (10, 20), 0.0)
        turned = Placing(sprites[0], True, 2.0, (10, 20), 0.0)
        assert plain.to_frame((0, 0, 50, 10)) == (10, 20, 110, 40)
        assert turned.to_frame((0, 0, 50, 10)) == (350, 20, 450, 40)


class TestCompose:
    @pytest.mark.parametrize("mirrored", [False, True])
    @pytest.mark.parametrize("zoom", [0.3, 0.77, 1.2])
    def test_the_label_is_where_the_pixels_are(self, frame, sprites, mirrored, zoom):
        placing = Placing(sprites[0], mirrored, zoom, (431, 301), 301 + 130 * zoom)
        composed = compose(frame, measure_look(frame), [placing], np.random.default_rng(1))
        (box,) = composed.boxes[len(frame.boxes) :]
        assert box.label == "muck_truck"
        assert composed.trucks[0].xyxy == box.xyxy
        assert composed.trucks[0].state == "heaped"
        assert np.array(red_box(composed.pixels)) == pytest.approx(np.array(box.xyxy), abs=1.6)
        assert np.array_equal(composed.pixels[:290], frame.pixels[:290])

    @pytest.mark.parametrize(
        ("origin_x", "kept"), [(-90, True), (-160, False), (800, True), (880, False), (2000, False)]
    )
    def test_what_leaves_the_frame_is_cut_or_dropped(self, frame, sprites, origin_x, kept):
        placing = Placing(sprites[0], False, 1.0, (origin_x, 350), 480.0)
        composed = compose(frame, measure_look(frame), [placing], np.random.default_rng(1))
        boxes = composed.boxes[len(frame.boxes) :]
        assert bool(boxes) is kept
        for box in boxes:
            assert 0 <= box.xyxy[0] < box.xyxy[2] <= SIZE_WH[0]
        assert len(composed.trucks) == len(boxes)

    def test_a_hidden_part_is_cut_off_the_label(self, frame, sprites):
        far = Placing(sprites[0], False, 1.0, (300, 300), 430.0)
        near = Placing(sprites[1], False, 1.0, (360, 310), 440.0)
        composed = compose(frame, measure_look(frame), [far, near], np.random.default_rng(1))
        in_front, behind = composed.boxes[len(frame.boxes) :]
        assert in_front.xyxy == (420, 340, 540, 440)
        # Above the nearer one a strip is still seen: its box stays whole in width.
        assert behind.xyxy == (360, 330, 480, 430)
        beside = Placing(sprites[1], False, 1.0, (360, 295), 440.0)
        composed = compose(frame, measure_look(frame), [far, beside], np.random.default_rng(1))
        assert composed.boxes[-1].xyxy == (360, 330, 480, 430)
        level = Placing(sprites[1], False, 1.2, (348, 280), 440.0)
        composed = compose(frame, measure_look(frame), [far, level], np.random.default_rng(1))
        assert composed.boxes[-1].xyxy == pytest.approx((360, 330, 420, 430), abs=1)

    def test_what_is_nearly_hidden_has_no_label(self, frame, sprites):
        far = Placing(sprites[0], False, 1.0, (300, 300), 430.0)
        near = Placing(sprites[1], False, 1.0, (310, 305), 435.0)
        composed = compose(frame, measure_look(frame), [far, near], np.random.default_rng(1))
        assert len(composed.boxes) == len(frame.boxes) + 1

    def test_what_is_tiny_has_no_label(self, frame, sprites):
        tiny = Placing(sprites[0], False, 0.05, (300, 300), 310.0)
        composed = compose(frame, measure_look(frame), [tiny], np.random.default_rng(1))
        assert composed.boxes == frame.boxes


class TestLamps:
    def test_a_lamp_hangs_at_an_edge_and_hides_nothing_labelled(self):
        pixels, boxes = road_frame()
        hung = 0
        for seed in range(40):
            lit = hang_lamp(pixels, boxes, np.random.default_rng(seed))
            changed = np.abs(lit.astype(int) - pixels).max(axis=2) > 12
            hung += changed.any()
            for box in boxes:
                left, top, right, bottom = (int(edge) for edge in box.xyxy)
                assert not changed[top + 2 : bottom - 2, left + 2 : right - 2].any()
            assert not changed[int(0.8 * SIZE_WH[1]) :].any()
        assert 4 <= hung <= 24

    def test_a_full_frame_has_no_room_for_one(self):
        pixels, _ = road_frame()
        whole = [LabelledBox("car", (0, 0, *SIZE_WH))]
        for seed in range(10):
            assert hang_lamp(pixels, whole, np.random.default_rng(seed)) is pixels


class TestLook:
    def test_night_darkens(self):
        alpha = np.ones((40, 40), np.float32)
        grey = np.full((40, 40, 3), 150, np.uint8)
        means = []
        for lightness in (1.0, 0.25):
            look = measure_look(read_frame(*road_frame(lightness=lightness)))
            assert look.is_night is (lightness < 0.5)
            rng = np.random.default_rng(0)
            around = float(look.lightness[400, 400])
            means.append(
                match_look(grey, alpha, look=look, light="day", around=around, rng=rng).mean()
            )
        assert means[1] < 0.6 * means[0]

    def test_noise_and_sharpness_are_measured(self):
        pixels, boxes = road_frame()
        sharp = measure_look(read_frame(pixels, boxes))
        soft = measure_look(read_frame(cv2.GaussianBlur(pixels, (0, 0), 2.0), boxes))
        assert soft.sharpness < 0.6 * sharp.sharpness
        assert sharp.noise == pytest.approx(2.0, rel=0.4)
        assert soft.noise < 0.5

    def test_a_soft_frame_makes_the_sprite_soft(self):
        pixels, boxes = road_frame()
        stripes = np.zeros((60, 60, 3), np.uint8)
        stripes[:, ::6] = stripes[:, 1::6] = stripes[:, 2::6] = 200
        alpha = np.ones((60, 60), np.float32)
        fine = []
        for seen in (pixels, cv2.GaussianBlur(pixels, (0, 0), 2.0)):
            look = measure_look(read_frame(seen, boxes))
            rng = np.random.default_rng(0)
            out = match_look(stripes, alpha, look=look, light="day", around=50.0, rng=rng)
            grey = cv2.cvtColor(out, cv2.COLOR_BGR2GRAY).astype(np.float32)
            fine.append(sharpness_of(grey, None))
        assert fine[1] < 0.9 * fine[0]

    def test_weather_keeps_the_size_and_mostly_leaves_the_frame_alone(self):
        pixels, _ = road_frame()
        same = 0
        for seed in range(40):
            out = weather(pixels, np.random.default_rng(seed))
            assert out.shape == pixels.shape
            assert out.dtype == np.uint8
            same += np.array_equal(out, pixels)
        assert 10 < same < 38


class TestSources:
    @pytest.mark.parametrize(
        ("stem", "camera"),
        [
            ("train_10_mp4-43_jpg.rf.4bcb6ffc", "10_mp4"),
            ("valid_test2_mp4-1_jpg.rf.6952", "test2_mp4"),
            ("test_A317", "A"),
            ("train_10260070018", ""),
            ("gate_cam_0007", "gate_cam"),
        ],
    )
    def test_a_camera_is_read_from_the_name(self, stem, camera):
        assert camera_of(stem) == camera

    def test_no_camera_is_on_both_sides(self, tmp_path):
        sizes = {"a": 30, "b": 5, "c": 4, "d": 3, "e": 3, "f": 2}
        frames = [
            StreetFrame("set", tmp_path / f"{camera}_{i}.jpg", tmp_path / "x.txt")
            for camera, count in sizes.items()
            for i in range(count)
        ]
        train, val = split_by_camera(frames)
        assert len(train) + len(val) == len(frames)
        assert not {f.camera for f in train} & {f.camera for f in val}
        assert 0 < len(val) <= 0.14 * len(frames)
        assert (train, val) == split_by_camera(reversed(frames))

    def test_no_two_renders_are_of_one_camera(self, tmp_path):
        names = [tmp_path / f"street_01_{i:05d}.png" for i in range(3)]
        renders = [StreetFrame("renders", name, name, rendered=True) for name in names]
        assert len({frame.camera for frame in renders}) == 3

    def test_frames_without_labels_and_the_excluded_are_left_out(self, tmp_path):
        for name in ("a", "b", "c"):
            cv2.imwrite(str(tmp_path / f"{name}.png"), np.zeros((8, 8, 3), np.uint8))
        for name in ("a", "b"):
            (tmp_path / f"{name}.txt").write_text("")
        excluded = frozenset({"b"})
        found = list_frames(tmp_path, tmp_path, source="s", excluded=excluded)
        assert [frame.image.stem for frame in found] == ["a"]
        with pytest.raises(BadDataset, match="no picture"):
            list_frames(tmp_path, tmp_path / "none", source="s", excluded=excluded)


class TestScript:
    @pytest.fixture
    def inputs(self, tmp_path):
        frames, labels = tmp_path / "town" / "images", tmp_path / "labels"
        frames.mkdir(parents=True)
        for camera, count in (("a", 7), ("b", 1), ("train_0", 1)):
            for i in range(count):
                stem = camera if camera == "train_0" else f"{camera}_{i}"
                pixels, boxes = road_frame(seed=i)
                cv2.imwrite(str(frames / f"{stem}.png"), pixels)
                write_yolo_labels(labels / f"{stem}.txt", boxes, SIZE_WH, STREET_CLASSES)
        write_sprites(
            tmp_path / "sprites", kinds=("muck_truck", "vending", "lookalike"), per_kind=16
        )
        renders = tmp_path / "renders"
        for split in ("train", "test"):
            (renders / "images" / split).mkdir(parents=True)
            cv2.imwrite(str(renders / "images" / split / "s1.jpg"), np.zeros((64, 96, 3), np.uint8))
            box = LabelledBox("muck_truck", (10, 10, 50, 50))
            path = renders / "labels" / split / "s1.txt"
            write_yolo_labels(path, [box], (96, 64), STREET_CLASSES)
        clips = tmp_path / "clips"
        (clips / "images" / "train").mkdir(parents=True)
        for street in range(12):
            for second in range(2):
                stem = f"street_{street:04d}_{second:02d}"
                picture = clips / "images" / "train" / f"{stem}.jpg"
                cv2.imwrite(str(picture), np.zeros((64, 96, 3), np.uint8))
                path = clips / "labels" / "train" / f"{stem}.txt"
                write_yolo_labels(path, [box], (96, 64), STREET_CLASSES)
        truck = {"image": "images/test/s1.jpg", "xyxy": [10, 10, 50, 50], "load_state": "level"}
        (renders / "objects.jsonl").write_text(json.dumps(truck | {"split": "test"}) + "\n")
        return tmp_path

    def run(self, inputs, out, *, seed="7"):
        frames = f"{inputs / 'town' / 'images'}:{inputs / 'labels'}:CC BY 4.0"
        sprites, renders = str(inputs / "sprites"), str(inputs / "renders")
        rendered = ["--sprites", sprites, "--renders", renders, "--clips", str(inputs / "clips")]
        inout = [*rendered, "--out", str(out)]
        counts = ["--count-train", "4", "--count-val", "2", "--count-test", "2"]
        return make_street_dataset.main(["--frames", frames, *inout, *counts, "--seed", seed])

    def test_the_same_seed_gives_the_same_files(self, inputs):
        outs = [inputs / name for name in ("one", "two", "three")]
        for out, seed in zip(outs, ("7", "7", "8"), strict=True):
            assert self.run(inputs, out, seed=seed) == 0
            verify_dataset(out)
        one, two, three = ((out / "files.sha256").read_text() for out in outs)
        assert one == two != three

        found = read_yolo(outs[0])
        names = {split: sorted(image.path.name for image in found[split]) for split in found}
        # Of eight usable frames one camera validates; the frame of the evaluation camera is gone.
        assert sum(name.startswith("real_") for name in names["train"]) == 7
        assert sum(name.startswith("real_") for name in names["val"]) == 1
        assert [name for name in names["test"] if "composed" not in name] == ["render_s1.jpg"]
        streets = {
            split: {n.split("_")[2] for n in names[split] if n.startswith("clip_")}
            for split in ("train", "val")
        }
        assert len(streets["train"]) + len(streets["val"]) == 12
        assert not streets["train"] & streets["val"]
        assert streets["val"]
        for split in found:
            for image in found[split]:
                for box in image.boxes:
                    left, top, right, bottom = box.xyxy
                    assert 0 <= left < right <= image.size_wh[0] + 1e-3
                    assert 0 <= top < bottom <= image.size_wh[1] + 1e-3
        trucks = [json.loads(line) for line in (outs[0] / "objects.jsonl").read_text().splitlines()]
        assert {"level", "heaped"} == {truck["load_state"] for truck in trucks}
        by_name = {f"images/{s}/{i.path.name}": i for s in found for i in found[s]}
        for truck in trucks:
            boxes = [b.xyxy for b in by_name[truck["image"]].boxes if b.label == "muck_truck"]
            assert any(truck["xyxy"] == pytest.approx(xyxy, abs=0.05) for xyxy in boxes)

    def test_a_folder_with_something_in_it_is_kept(self, inputs, capsys):
        out = inputs / "out"
        out.mkdir()
        (out / "mine.txt").write_text("keep")
        assert self.run(inputs, out) == 4
        assert "not empty" in capsys.readouterr().err
        assert [path.name for path in out.iterdir()] == ["mine.txt"]
