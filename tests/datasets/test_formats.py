"""Data set readers and writers: what is written is read back, and errors name their place."""

from __future__ import annotations

import json
import tempfile
from datetime import UTC
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.formats.boxes import BadDataset, LabelledBox, LabelledImage
from datasets.formats.card import (
    DataSource,
    SplitCounts,
    read_dataset_card,
    verify_dataset,
    write_dataset_card,
)
from datasets.formats.change_pairs import (
    ChangePair,
    Georeference,
    list_change_pairs,
    read_change_pair,
    write_change_pairs,
)
from datasets.formats.coco import read_coco, write_coco
from datasets.formats.yolo import (
    label_path,
    read_data_yaml,
    read_yolo,
    read_yolo_labels,
    write_yolo,
    write_yolo_labels,
)

CLASSES = ("person", "car", "stall")


@st.composite
def sized_boxes(draw):
    width, height = draw(st.integers(8, 8000)), draw(st.integers(8, 8000))
    boxes = []
    for _ in range(draw(st.integers(0, 5))):
        left, right = sorted(draw(st.tuples(st.floats(0, width), st.floats(0, width))))
        top, bottom = sorted(draw(st.tuples(st.floats(0, height), st.floats(0, height))))
        if right - left >= 0.5 and bottom - top >= 0.5:
            label = draw(st.sampled_from(CLASSES))
            boxes.append(LabelledBox(label, (left, top, right, bottom)))
    return (width, height), tuple(boxes)


def same(found, wanted, tolerance_px):
    assert [box.label for box in found] == [box.label for box in wanted]
    for a, b in zip(found, wanted, strict=True):
        assert a.xyxy == pytest.approx(b.xyxy, abs=tolerance_px)


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "frame.png"
    cv2.imwrite(str(path), np.full((40, 60, 3), 90, np.uint8))
    return path


class TestYolo:
    @given(sized_boxes())
    def test_labels_come_back(self, drawn):
        size_wh, boxes = drawn
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "a.txt"
            write_yolo_labels(path, boxes, size_wh, CLASSES)
            same(read_yolo_labels(path, size_wh, CLASSES), boxes, 0.02)

    def test_a_folder_comes_back(self, tmp_path, picture):
        boxes = (LabelledBox("stall", (1.0, 2.0, 31.0, 22.0)),)
        splits = {"train": [LabelledImage(picture, (60, 40), boxes)], "val": []}
        write_yolo(tmp_path / "set", splits, CLASSES)
        found = read_yolo(tmp_path / "set")
        assert set(found) == {"train", "val"}
        assert found["val"] == []
        (image,) = found["train"]
        assert image.size_wh == (60, 40)
        same(image.boxes, boxes, 0.01)
        assert image.path.read_bytes() == picture.read_bytes()
        assert read_data_yaml(tmp_path / "set")[0] == CLASSES

    def test_boxes_are_cut_at_the_edge_and_nothing_remains_outside(self, tmp_path):
        path = tmp_path / "a.txt"
        boxes = [
            LabelledBox("car", (-20.0, -5.0, 30.0, 200.0)),
            LabelledBox("car", (120.0, 0.0, 150.0, 20.0)),
        ]
        write_yolo_labels(path, boxes, (100, 100), CLASSES)
        found = read_yolo_labels(path, (100, 100), CLASSES)
        same(found, [LabelledBox("car", (0.0, 0.0, 30.0, 100.0))], 0.01)

    def test_a_missing_label_file_means_nothing_is_there(self, tmp_path):
        assert read_yolo_labels(tmp_path / "none.txt", (10, 10), CLASSES) == ()

    @pytest.mark.parametrize(
        ("line", "word"),
        [
            ("0 0.5 0.5 0.1", "expected"),
            ("0 0.5 0.5 0.1 0.1 0.2 0.2", "expected"),
            ("car 0.5 0.5 0.1 0.1", "not a number"),
            ("3 0.5 0.5 0.1 0.1", "class 3 of 3"),
            ("-1 0.5 0.5 0.1 0.1", "class -1"),
            ("0 0.9 0.5 0.4 0.1", "leaves the picture"),
            ("0 nan 0.5 0.4 0.1", "leaves the picture"),
            ("0 0.5 0.5 0 0.1", "empty"),
        ],
    )
    def test_a_bad_line_is_named(self, tmp_path, line, word):
        path = tmp_path / "a.txt"
        path.write_text(f"0 0.5 0.5 0.1 0.1\n\n{line}\n")
        with pytest.raises(BadDataset, match=rf"a\.txt, line 3: .*{word}"):
            read_yolo_labels(path, (10, 10), CLASSES)

    def test_an_unknown_label_is_not_written(self, tmp_path):
        with pytest.raises(BadDataset, match="'dog'"):
            write_yolo_labels(tmp_path / "a.txt", [LabelledBox("dog", (0, 0, 1, 1))], (9, 9), "a")
        assert not (tmp_path / "a.txt").exists()

    def test_two_pictures_of_one_name_are_refused(self, tmp_path, picture):
        images = [LabelledImage(picture, (60, 40), ())] * 2
        with pytest.raises(BadDataset, match="same name"):
            write_yolo(tmp_path / "set", {"train": images}, CLASSES)

    @pytest.mark.parametrize("text", ["names: {0: a, 2: b}", "train: images/train", "[1", "a: [}"])
    def test_a_bad_data_yaml_is_named(self, tmp_path, text):
        (tmp_path / "data.yaml").write_text(text)
        with pytest.raises(BadDataset, match=r"data\.yaml"):
            read_data_yaml(tmp_path)

    def test_names_may_be_a_list(self, tmp_path):
        (tmp_path / "data.yaml").write_text("train: images/train\nnames: [a, b]\n")
        assert read_data_yaml(tmp_path) == (("a", "b"), {"train": tmp_path / "images/train"})

    def test_labels_lie_beside_the_last_images_folder(self):
        image = Path("/images/set/images/train/a.b.jpg")
        assert label_path(image) == Path("/images/set/labels/train/a.b.txt")


class TestCoco:
    @given(sized_boxes())
    def test_a_file_comes_back(self, drawn):
        size_wh, boxes = drawn
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "instances.json"
            images = [
                LabelledImage(Path(folder) / "a.jpg", size_wh, boxes),
                LabelledImage(Path(folder) / "b.jpg", (5, 7), ()),
            ]
            write_coco(path, images, CLASSES)
            classes, found = read_coco(path, Path(folder))
        assert classes == CLASSES
        assert [(image.path, image.size_wh) for image in found] == [
            (image.path, image.size_wh) for image in images
        ]
        same(found[0].boxes, boxes, 1e-6)
        assert found[1].boxes == ()

    @pytest.mark.parametrize(
        ("change", "word"),
        [
            ({"annotations": None}, "'annotations'"),
            ({"images": [{"id": 1}]}, r"images\[0\]: file_name, width, height"),
            ({"categories": []}, "annotation 9"),
            ({"bbox": [1, 2, -3, 4]}, "annotation 9: .*negative"),
            ({"bbox": [1, 2, 3]}, "annotation 9: .*four numbers"),
        ],
    )
    def test_what_is_wrong_is_named(self, tmp_path, change, word):
        annotation = {"id": 9, "image_id": 1, "category_id": 4, "bbox": [1, 2, 3, 4]}
        content = {
            "images": [{"id": 1, "file_name": "a.jpg", "width": 9, "height": 9}],
            "categories": [{"id": 4, "name": "car"}],
            "annotations": [annotation],
        }
        (annotation if "bbox" in change else content).update(change)
        path = tmp_path / "c.json"
        path.write_text(json.dumps(content))
        with pytest.raises(BadDataset, match=word):
            read_coco(path, tmp_path)

    def test_crowds_are_left_out_and_broken_json_names_its_line(self, tmp_path):
        path = tmp_path / "c.json"
        path.write_text(
            json.dumps(
                {
                    "images": [{"id": 1, "file_name": "a.jpg", "width": 9, "height": 9}],
                    "categories": [{"id": 4, "name": "car"}],
                    "annotations": [
                        {"id": 1, "image_id": 1, "category_id": 4, "bbox": [], "iscrowd": 1}
                    ],
                }
            )
        )
        assert read_coco(path, tmp_path)[1][0].boxes == ()
        path.write_text('{\n"images": [\n')
        with pytest.raises(BadDataset, match=r"c\.json, line 3"):
            read_coco(path, tmp_path)


def change_pair(name="p", size=(12, 16), place=None):
    rng = np.random.default_rng(len(name))
    before, after = rng.integers(0, 256, (2, *size, 3), dtype=np.uint8)
    return ChangePair(name, before, after, rng.random(size) < 0.3, place)


class TestChangePairs:
    def test_pairs_come_back_with_their_place(self, tmp_path):
        place = Georeference("EPSG:32645", (0.5, 0.0, 360000.0, 0.0, -0.5, 3058000.25))
        pairs = [change_pair("one", place=place), change_pair("second")]
        assert write_change_pairs(tmp_path, pairs) == 2
        assert list_change_pairs(tmp_path) == ["one", "second"]
        for pair in pairs:
            found = read_change_pair(tmp_path, pair.name)
            assert np.array_equal(found.before, pair.before)
            assert np.array_equal(found.after, pair.after)
            assert np.array_equal(found.changed, pair.changed)
            assert found.georeference == pair.georeference

    def test_files_hold_red_first_for_others_to_read(self, tmp_path):
        red = np.zeros((4, 4, 3), np.uint8)
        red[:, :, 0] = 200
        write_change_pairs(tmp_path, [ChangePair("r", red, red, np.zeros((4, 4), np.bool_))])
        assert cv2.imread(str(tmp_path / "A" / "r.png"))[0, 0].tolist() == [0, 0, 200]

    def test_a_missing_partner_is_named(self, tmp_path):
        write_change_pairs(tmp_path, [change_pair()])
        (tmp_path / "B" / "p.png").unlink()
        with pytest.raises(BadDataset, match=r"B/p\.png: missing"):
            list_change_pairs(tmp_path)
        with pytest.raises(BadDataset, match=r"B/p\.png"):
            read_change_pair(tmp_path, "p")

    def test_sizes_must_agree(self, tmp_path):
        pair = change_pair()
        with pytest.raises(BadDataset, match="differ in size"):
            write_change_pairs(
                tmp_path, [ChangePair("p", pair.before[:5], pair.after, pair.changed)]
            )
        write_change_pairs(tmp_path, [pair])
        cv2.imwrite(str(tmp_path / "label" / "p.png"), np.zeros((3, 3), np.uint8))
        with pytest.raises(BadDataset, match="differ in size"):
            read_change_pair(tmp_path, "p")

    @pytest.mark.parametrize("text", ['{"p": {"crs": "EPSG:1"}}', "{\n", "[]"])
    def test_a_bad_place_is_named(self, tmp_path, text):
        write_change_pairs(tmp_path, [change_pair()])
        (tmp_path / "georeference.json").write_text(text)
        with pytest.raises(BadDataset, match=r"georeference\.json"):
            read_change_pair(tmp_path, "p")


class TestCard:
    @pytest.fixture
    def made(self, tmp_path):
        (tmp_path / "images").mkdir()
        (tmp_path / "images" / "a b.bin").write_bytes(b"one")
        (tmp_path / "c.txt").write_text("two")
        card = write_dataset_card(
            tmp_path,
            name="street",
            command="make street",
            seed=7,
            splits={"train": SplitCounts(images=1, objects={"car": 2})},
            sources=[DataSource(what="frames", licence="CC BY 4.0")],
        )
        return tmp_path, card

    def test_the_card_comes_back_and_the_files_are_whole(self, made):
        folder, card = made
        assert read_dataset_card(folder) == card
        assert card.created.tzinfo == UTC
        verify_dataset(folder)
        lines = (folder / "files.sha256").read_text().splitlines()
        assert [line.split("  ", 1)[1] for line in lines] == ["c.txt", "images/a b.bin"]

    @pytest.mark.parametrize(
        ("name", "content", "word"),
        [
            ("c.txt", None, r"c\.txt: missing"),
            ("c.txt", "other", r"c\.txt: changed"),
            ("d.txt", "new", r"d\.txt: not part"),
            ("files.sha256", "", r"files\.sha256: is not the list"),
            ("files.sha256", None, r"files\.sha256: missing"),
            ("card.yaml", "name: x", r"card\.yaml: not a data set card"),
        ],
    )
    def test_what_changed_is_named(self, made, name, content, word):
        folder, _ = made
        path = folder / name
        path.unlink() if content is None else path.write_text(content)
        with pytest.raises(BadDataset, match=word):
            verify_dataset(folder)
