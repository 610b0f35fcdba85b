"""Show how a city teaches the street detector what it does not know, from end to end.

    python scripts/show_street_loop.py --model models/street --data DATASET

The made-up city of Rivertown sells fruit from hand barrows of its own make: crates on two wheels
under a striped roof. None is in the training data. They are drawn into real street pictures of the
data set, as if reviewers had marked them; beside them stand ticket machines in the same colours,
which the reviewers rejected. `scripts/train_street.py --from` then trains on. The city's train
pictures come from the data set's train split, its test pictures from cameras of the val split.

Writes the export, the new model and both scores under `--out`, and the comparison onto the model's
card (not with --print-only). Needs the `train` extra; about five minutes on two cores.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from datasets.classes import STREET_CLASSES
from datasets.formats.boxes import LabelledBox
from datasets.formats.yolo import (
    label_path,
    list_images,
    read_data_yaml,
    read_yolo_labels,
    write_data_yaml,
    write_yolo_labels,
)
from models.cards import CARD_FILE, Metric, read_card, record_metric
from models.errors import ModelError
from vision.errors import CityEyeError

ROOT = Path(__file__).resolve().parents[1]
SEED = 20
TRAIN_PICTURES = 80
REJECTED_SHARE = 0.25
TEST_PICTURES = 40
REPLAY_TRAIN = 250
REPLAY_VAL = 80
# Draw large and shrink: edges come out as a lens would give them.
DRAWN_PX = 240
VEHICLES = frozenset({"car", "bus", "truck", "muck_truck"})
FRUIT_BGR = ((40, 120, 235), (50, 60, 200), (60, 190, 90), (60, 200, 230), (110, 60, 150))

Bgr = NDArray[np.uint8]


def _striped_roof(canvas: Bgr, rng: np.random.Generator) -> None:
    """A roof of red or green and white stripes on four thin posts."""
    strong = [(45, 45, 190), (70, 130, 40), (160, 80, 40)][int(rng.integers(3))]
    left, right = 30, 210
    for x in (46, 90, 150, 194):
        cv2.line(canvas, (x, 78), (x, 150), (70, 75, 80), 4)
    stripes = int(rng.integers(6, 10))
    edges = np.linspace(0, 1, stripes + 1)
    for number in range(stripes):
        a, b = edges[number], edges[number + 1]
        top = [left + 25 + (right - left - 50) * t for t in (a, b)]
        low = [left + (right - left) * t for t in (b, a)]
        corners = np.array([(top[0], 28), (top[1], 28), (low[0], 78), (low[1], 78)], np.int32)
        cv2.fillPoly(canvas, [corners], strong if number % 2 else (225, 230, 232))


def _crates(canvas: Bgr, rng: np.random.Generator) -> None:
    """Two tilted rows of crates, heaped with fruit."""
    for row, y in enumerate((128, 152)):
        for x in range(32 - 4 * row, 196, 44):
            cv2.rectangle(canvas, (x, y), (x + 40, y + 22), (70, 110, 150), -1)
            colour = FRUIT_BGR[int(rng.integers(len(FRUIT_BGR)))]
            for _ in range(16):
                centre = (x + int(rng.integers(4, 37)), y + int(rng.integers(-4, 10)))
                shade = tuple(int(np.clip(v + rng.integers(-25, 25), 0, 255)) for v in colour)
                cv2.circle(canvas, centre, 5, shade, -1)


def draw_barrow(rng: np.random.Generator) -> NDArray[np.uint8]:
    """One barrow, uint8 (240, 240, 4) BGRA."""
    canvas = np.full((DRAWN_PX, DRAWN_PX, 3), 1, np.uint8)
    _striped_roof(canvas, rng)
    cv2.rectangle(canvas, (24, 172), (206, 190), (50, 80, 110), -1)
    cv2.line(canvas, (206, 180), (234, 166), (60, 60, 65), 6)
    for x in (64, 166):
        cv2.circle(canvas, (x, 202), 24, (35, 35, 38), 6)
        for angle in np.linspace(0, np.pi, 5)[:-1]:
            reach = (np.array([np.cos(angle), np.sin(angle)]) * 22).astype(int)
            cv2.line(canvas, (x - reach[0], 202 - reach[1]), (x + reach[0], 202 + reach[1]), 90, 2)
    _crates(canvas, rng)
    return _with_alpha(canvas)


def draw_ticket_machine(rng: np.random.Generator) -> NDArray[np.uint8]:
    """What the reviewers rejected: a machine in the barrows' colours, (240, 240, 4) BGRA."""
    canvas = np.full((DRAWN_PX, DRAWN_PX, 3), 1, np.uint8)
    colour = [(45, 45, 190), (70, 130, 40), (160, 80, 40)][int(rng.integers(3))]
    cv2.rectangle(canvas, (70, 30), (170, 226), colour, -1)
    for y in range(40, 90, 20):
        cv2.rectangle(canvas, (70, y), (170, y + 9), (225, 230, 232), -1)
    cv2.rectangle(canvas, (86, 104), (154, 140), (60, 50, 40), -1)
    cv2.rectangle(canvas, (100, 160), (140, 176), (30, 30, 30), -1)
    return _with_alpha(canvas)


def _with_alpha(canvas: Bgr) -> NDArray[np.uint8]:
    """Everything that was drawn is opaque; the ground value 1 is not."""
    alpha = np.where((canvas == 1).all(axis=2), 0, 255).astype(np.uint8)
    return np.dstack((canvas, alpha))


def paste(picture: Bgr, drawn: NDArray[np.uint8], left: int, top: int, size: int) -> None:
    """Put a drawn object into a picture, in its light and sharpness, in place."""
    small = cv2.resize(drawn, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32)
    alpha = cv2.GaussianBlur(small[..., 3:] / 255, (0, 0), 0.6)[..., None]
    place = picture[top : top + size, left : left + size]
    light = np.clip(place.mean() / 110, 0.35, 1.25)
    mixed = place * (1 - alpha) + np.clip(small[..., :3] * light, 0, 255) * alpha
    place[:] = cv2.GaussianBlur(mixed, (0, 0), 0.5).astype(np.uint8)


def free_place(
    boxes: Sequence[LabelledBox], size_wh: tuple[int, int], rng: np.random.Generator
) -> tuple[int, int, int] | None:
    """Left, top and size of a square that covers no labelled object, sized like the cars there."""
    width, height = size_wh
    cars = [max(b.xyxy[2] - b.xyxy[0], b.xyxy[3] - b.xyxy[1]) for b in boxes if b.label in VEHICLES]
    usual = float(np.median(cars)) if cars else height / 6
    for _ in range(40):
        size = int(np.clip(usual * rng.uniform(0.9, 1.4), 48, 0.4 * height))
        left = int(rng.integers(0, width - size))
        top = int(rng.integers(int(0.25 * height), height - size))
        clear = all(
            left + size < b.xyxy[0] or b.xyxy[2] < left or top + size < b.xyxy[1] or b.xyxy[3] < top
            for b in boxes
        )
        if clear:
            return left, top, size
    return None


def city_picture(source: Path, target: Path, *, rejected: bool, rng: np.random.Generator) -> bool:
    """Draw barrows, or what was rejected, into one picture; False where there is no room."""
    picture = np.asarray(cv2.imread(str(source)), np.uint8)
    size_wh = (picture.shape[1], picture.shape[0])
    boxes = list(read_yolo_labels(label_path(source), size_wh, STREET_CLASSES))
    before = len(boxes)
    for _ in range(int(rng.integers(1, 4))):
        place = free_place(boxes, size_wh, rng)
        if place is None:
            break
        left, top, size = place
        drawn = draw_ticket_machine(rng) if rejected else draw_barrow(rng)
        if rng.random() < 0.5:
            drawn = np.ascontiguousarray(drawn[:, ::-1])
        paste(picture, drawn, left, top, size)
        rows, columns = np.nonzero(drawn[..., 3])
        scale = size / DRAWN_PX
        edges = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        x1, y1, x2, y2 = (float(edge) * scale for edge in edges)
        boxes.append(LabelledBox("cart", (left + x1, top + y1, left + x2, top + y2)))
    if len(boxes) == before:
        return False
    kept = boxes[:before] if rejected else boxes
    target.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(target), picture, [cv2.IMWRITE_JPEG_QUALITY, 88])
    write_yolo_labels(label_path(target), kept, size_wh, STREET_CLASSES)
    return True


def make_split(
    pictures: Sequence[Path], folder: Path, wanted: int, rng: np.random.Generator
) -> None:
    """Draw the city into as many pictures as are wanted."""
    made = 0
    for index in rng.permutation(len(pictures)):
        rejected = rng.random() < REJECTED_SHARE
        source = pictures[int(index)]
        made += city_picture(source, folder / source.name, rejected=rejected, rng=rng)
        if made == wanted:
            return


def sample_split(source: Path, target: Path, wanted: int, rng: np.random.Generator) -> None:
    """Take some pictures of a split, with their labels."""
    pictures = list_images(source)
    for index in rng.permutation(len(pictures))[:wanted]:
        picture = pictures[int(index)]
        for one, other in (
            (picture, target / picture.name),
            (label_path(picture), label_path(target / picture.name)),
        ):
            other.parent.mkdir(parents=True, exist_ok=True)
            if one.exists():
                other.write_bytes(one.read_bytes())


def main() -> None:
    """Make the city, train on, say what it gained."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", type=Path, default=ROOT / "models" / "street")
    parser.add_argument("--data", type=Path, required=True, help="data set of the shipped model")
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "street_loop")
    parser.add_argument("--print-only", action="store_true")
    arguments = parser.parse_args()
    if arguments.out.exists():
        raise SystemExit(f"{arguments.out}: exists; remove it or give another --out")
    cv2.setNumThreads(1)
    began = time.perf_counter()
    rng = np.random.default_rng(SEED)
    _, splits = read_data_yaml(arguments.data)
    export, replay = arguments.out / "export", arguments.out / "replay"
    for split, source, wanted in (
        ("train", "train", TRAIN_PICTURES),
        ("test", "val", TEST_PICTURES),
    ):
        real = [path for path in list_images(splits[source]) if path.name.startswith("real_")]
        make_split(real, export / "images" / split, wanted, rng)
    write_data_yaml(export, STREET_CLASSES, ("train", "test"))
    for split, wanted in (("train", REPLAY_TRAIN), ("val", REPLAY_VAL)):
        sample_split(splits[split], replay / "images" / split, wanted, rng)
    write_data_yaml(replay, STREET_CLASSES, ("train", "val"))
    new_model = arguments.out / "street-next"
    command = [sys.executable, str(ROOT / "scripts" / "train_street.py")]
    command += ["--from", str(arguments.model), "--data", str(export)]
    command += ["--replay", str(replay), "--out", str(new_model)]
    done = subprocess.run(command, check=False)  # noqa: S603 - our own script
    if done.returncode:
        raise SystemExit("no better model came out of it")
    (comparison,) = read_card(new_model / CARD_FILE).metrics
    minutes = (time.perf_counter() - began) / 60
    print(f"{comparison.measured}\n{minutes:.1f} minutes in all")
    if not arguments.print_only:
        measured = {**comparison.measured, "minutes": round(minutes, 1)}
        record_metric(
            arguments.model / CARD_FILE,
            Metric(
                key="loop_made_up_city",
                what="a made-up city with barrows (class cart) that this model was not shown: "
                f"trained on with {TRAIN_PICTURES} reviewed pictures, old and new on "
                f"{TEST_PICTURES} of other cameras (export) and on the model's own kind of "
                "pictures (replay), IoU 0.5",
                measured=measured,
                command="python scripts/show_street_loop.py --model models/street --data DATASET",
                machine=f"{os.cpu_count()} CPU cores, no GPU",
            ),
        )


if __name__ == "__main__":
    try:
        main()
    except (CityEyeError, ModelError) as error:
        raise SystemExit(str(error)) from error
