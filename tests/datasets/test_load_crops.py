"""Training crops of muck trucks: the truck is where its box says, in many looks."""

import csv

import cv2
import numpy as np
import pytest

from datasets.classes import LOAD_STATES
from datasets.composing.sprites import Sprite
from datasets.formats.boxes import LabelledBox
from datasets.load_crops import (
    LoadExamples,
    RealCrop,
    background_paths,
    read_backgrounds,
    read_real_crops,
)

GREEN = (40, 150, 60)
BOX = (40.0, 60.0, 160.0, 130.0)
FIELDS = ("dataset", "image", "x1", "y1", "x2", "y2", "street_class", "load_state", "note")


def make_sprite(folder, *, name="truck.png", left_half_only=False):
    """A green block with a red left end, standing in a transparent picture."""
    pixels = np.zeros((200, 200, 4), np.uint8)
    x1, y1, x2, y2 = (int(edge) for edge in BOX)
    pixels[y1:y2, x1:x2] = (*GREEN[::-1], 255)
    pixels[y1:y2, x1 : x1 + 30] = (30, 30, 200, 255)
    if left_half_only:
        pixels[:, 100:] = 0
    path = folder / name
    cv2.imwrite(str(path), pixels)
    return Sprite(
        path=path,
        size_wh=(200, 200),
        split="train",
        kind="muck_truck",
        parts=(LabelledBox("muck_truck", BOX),),
        load_state="heaped",
        pitch_deg=20.0,
        px_per_m=30.0,
        ground_xy=(100.0, 130.0),
        light="day",
    )


def grey_road(seed=0):
    rng = np.random.default_rng(seed)
    return np.repeat(rng.integers(90, 150, (240, 320, 1), np.uint8), 3, axis=2)


def colourfulness(picture):
    return np.ptp(picture.astype(float), axis=2)


@pytest.fixture
def maker():
    return LoadExamples([grey_road()], occluders=[])


def test_the_truck_is_in_its_box(tmp_path, maker):
    sprite, rng = make_sprite(tmp_path), np.random.default_rng(1)
    inside, outside, aspects = [], [], []
    for _ in range(40):
        example = maker.composed(sprite, 3, rng)
        assert example.state == 3
        assert example.picture_rgb.dtype == np.uint8
        height, width = example.picture_rgb.shape[:2]
        x1, y1, x2, y2 = example.box_xyxy
        assert 0 <= x1 < x2 <= width
        assert 0 <= y1 < y2 <= height
        aspects.append((x2 - x1) / (y2 - y1))
        colour = colourfulness(example.picture_rgb)
        middle = colour[int(y1 * 0.8 + y2 * 0.2) : int((y1 + y2) / 2), int(x1) : int(x2)]
        inside.append(middle.mean())
        outside.append(colour[: max(int(y1 * 0.6), 1)].mean())
    assert np.mean(inside) > 2 * np.mean(outside)
    assert np.median(aspects) == pytest.approx(120 / 70, rel=0.05)


def test_sizes_sides_and_looks_vary(tmp_path, maker):
    sprite, rng = make_sprite(tmp_path), np.random.default_rng(2)
    examples = [maker.composed(sprite, 0, rng) for _ in range(60)]
    widths = [example.box_xyxy[2] - example.box_xyxy[0] for example in examples]
    assert min(widths) < 70
    assert max(widths) > 130
    red_left = []
    for example in examples:
        x1, y1, x2, y2 = (int(edge) for edge in example.box_xyxy)
        band = example.picture_rgb[y1 : (y1 + y2) // 2, x1:x2].astype(float)
        red = band[..., 0] - band[..., 1]
        half = red.shape[1] // 2
        red_left.append(red[:, :half].mean() > red[:, half:].mean())
    assert 10 < sum(red_left) < 50


def test_the_same_seed_gives_the_same_crop(tmp_path, maker):
    sprite = make_sprite(tmp_path)
    one, two, other = (maker.composed(sprite, 0, np.random.default_rng(s)) for s in (5, 5, 6))
    assert (one.picture_rgb == two.picture_rgb).all()
    assert (one.box_xyxy == two.box_xyxy).all()
    assert one.picture_rgb.shape != other.picture_rgb.shape


def test_trucks_cut_by_the_sprites_border_and_occluders_do_no_harm(tmp_path):
    sprite = make_sprite(tmp_path)
    blocker = make_sprite(tmp_path, name="half.png", left_half_only=True)
    maker = LoadExamples([grey_road(), grey_road(1)[:90, :60]], occluders=[blocker])
    rng = np.random.default_rng(3)
    for _ in range(60):
        assert maker.composed(sprite, 1, rng).picture_rgb.size


def test_real_crops_keep_their_box_when_varied():
    picture = np.zeros((200, 300, 3), np.uint8)
    picture[60:120, 50:210] = (0, 255, 0)
    real = RealCrop(picture, np.array([50, 60, 210, 120], np.float32), 4, False)
    rng = np.random.default_rng(4)
    for _ in range(30):
        example = LoadExamples([], occluders=[]).varied(real, rng)
        assert example.state == 4
        x1, y1, x2, _ = (float(edge) for edge in example.box_xyxy)
        green = example.picture_rgb[..., 1].astype(int) - example.picture_rgb[..., 0]
        seen = green > 0.5 * max(green.max(), 1)
        rows, columns = np.nonzero(seen)
        slack = 0.15 * (x2 - x1)
        assert columns.min() == pytest.approx(x1, abs=slack)
        assert columns.max() == pytest.approx(x2, abs=slack)
        assert rows.min() == pytest.approx(y1, abs=slack)


def write_table(path, rows):
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, FIELDS)
        writer.writeheader()
        writer.writerows(rows)


def row(image, **changed):
    values = {"x1": 0.25, "y1": 0.5, "x2": 0.75, "y2": 0.9, "street_class": "truck"}
    return {"dataset": "set", "image": image, "load_state": "not_visible", **values, **changed}


def test_the_table_of_judged_crops(tmp_path):
    (tmp_path / "set" / "images").mkdir(parents=True)
    for name in ("a", "b", "train_0"):
        cv2.imwrite(str(tmp_path / "set" / "images" / f"{name}.jpg"), grey_road())
    table = tmp_path / "table.csv"
    write_table(
        table,
        [
            row("a"),
            row("b", street_class="muck_truck", load_state="empty"),
            row("b", load_state=""),
            row("train_0"),
        ],
    )
    crops = read_real_crops(table, tmp_path)
    assert [LOAD_STATES[crop.state] for crop in crops] == ["not_visible", "empty"]
    assert [crop.tipper for crop in crops] == [False, True]
    size = crops[0].box_xyxy[2:] - crops[0].box_xyxy[:2]
    assert size == pytest.approx([160, 96])
    write_table(table, [row("missing")])
    with pytest.raises(FileNotFoundError, match="missing"):
        read_real_crops(table, tmp_path)


def test_backgrounds_leave_out_what_is_kept_for_evaluation(tmp_path):
    for name in ("mixed_traffic", "topview_vehicle"):
        (tmp_path / name / "images").mkdir(parents=True)
    for stem in ("train_0", "train_1", "valid_2"):
        cv2.imwrite(str(tmp_path / "mixed_traffic" / "images" / f"{stem}.jpg"), grey_road())
    paths = background_paths(tmp_path)
    assert [path.stem for path in paths] == ["train_1", "valid_2"]
    assert read_backgrounds(paths)[0].shape == (240, 320, 3)


def test_learners_see_more_colours_and_proportions_than_are_measured_on(tmp_path):
    sprite = make_sprite(tmp_path)
    varied = LoadExamples([grey_road()], occluders=[], stretch=0.3, recoloured=1.0)
    plain = LoadExamples([grey_road()], occluders=[])
    spread = {}
    for name, maker in (("varied", varied), ("plain", plain)):
        rng = np.random.default_rng(5)
        aspects, strongest = [], []
        for _ in range(40):
            example = maker.composed(sprite, 3, rng)
            x1, y1, x2, y2 = example.box_xyxy
            aspects.append((x2 - x1) / (y2 - y1))
            inside = example.picture_rgb[int(y1) + 3 : int(y2) - 3, int(x1) + 3 : int(x2) - 3]
            strongest.append(int(inside.reshape(-1, 3).mean(axis=0).argmax()))
        spread[name] = np.std(np.log(aspects)), max(strongest.count(one) for one in range(3))
    assert spread["varied"][0] > 2 * spread["plain"][0]
    assert spread["varied"][1] < 30 < spread["plain"][1]
