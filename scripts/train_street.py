"""Train the street detector: a first version from COCO weights, or the next one from reviews.

    python scripts/train_street.py --weights yolo11n_coco.pt --data DATASET --out models/street
    python scripts/train_street.py --from models/street --data EXPORT --replay DATASET --out OUT

The first form writes version 1. The second trains a model on from what reviewers decided: `EXPORT`
is a YOLO folder in the model's classes with the splits train and test; pictures without labels are
what the model took for something and a reviewer rejected. Nothing but the model's ONNX file is
needed. `--replay` is a data set of the old kind, so that what the model knows is not forgotten;
without it forgetting is neither held back nor measured.

Old and new are compared on pictures that neither was trained on: the test split of the export and
the val split of the replay set. Only a better model is written, under the next version, with the
comparison on its card; otherwise nothing is written and the exit status is 1.

Needs the `train` extra.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from datasets.classes import STREET_CLASSES
from datasets.formats.yolo import label_path, list_images, read_data_yaml, read_yolo_labels
from models.cards import (
    CARD_FILE,
    InputSpec,
    Metric,
    ModelCard,
    read_card,
    record_metric,
    write_card,
)
from models.errors import ModelError
from models.registry import RegisteredModel
from models.runtime import RuntimeOptions
from models.street.scoring import Frame, average_precision, count
from vision.camera.detector import Detector
from vision.errors import CityEyeError

if TYPE_CHECKING:
    from ultralytics.nn.tasks import DetectionModel

    from models.street.training import Recipe

ROOT = Path(__file__).resolve().parents[1]
INPUT_PX = 640
FIRST_THRESHOLD = 0.25
LOW_SCORE = 0.02
# Less is within what another seed gives.
LEAST_GAIN = 0.01
MOST_LOSS = 0.01
MOST_CLASS_LOSS = 0.05
# Detections in a hundred pictures without objects.
LEAST_QUIET = 2.0
# Pictures of the data set that hold rendered objects are shown this often for one that does not:
# what they teach is new, and the real frames they are composed on keep what is known.
RENDERED_TURNS = 2
FIRST_STAGES = ("train.yaml", "train_deep.yaml")


@dataclass(frozen=True)
class Score:
    """How a model does on a frozen set.

    Attributes:
        ap50: Average precision at IoU 0.5 of each class that is in the set.
        false_per_100: Detections at the card's thresholds in a hundred pictures with no object.
    """

    ap50: dict[str, float]
    false_per_100: float

    @property
    def map50(self) -> float:
        """Mean over the classes that are in the set."""
        return float(np.mean(list(self.ap50.values()))) if self.ap50 else 0.0

    def record(self) -> dict[str, Any]:
        """The score as a card records it."""
        return {
            "map50": round(self.map50, 3),
            "ap50": {name: round(value, 3) for name, value in self.ap50.items()},
            "false_per_100_empty_pictures": round(self.false_per_100, 1),
        }


def split_folder(data: Path, split: str, classes: Sequence[str]) -> Path:
    """Picture folder of a split, checked to be of the model's classes."""
    names, splits = read_data_yaml(data)
    if tuple(names) != tuple(classes):
        raise SystemExit(
            f"{data / 'data.yaml'}: classes {', '.join(names)}; the model has {', '.join(classes)}"
        )
    if split not in splits or not list_images(splits[split]):
        raise SystemExit(f"{data / 'data.yaml'}: needs pictures in a split '{split}'")
    return splits[split]


def read_rgb(path: Path) -> NDArray[np.uint8]:
    """A picture, uint8 (H, W, 3)."""
    picture = cv2.imread(str(path))
    if picture is None:
        raise SystemExit(f"{path}: not a picture that can be read")
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)


def measure(model: RegisteredModel, images: Path) -> Score:
    """Score a model on a folder of labelled pictures, as CityEye runs it."""
    classes = tuple(model.card.classes)
    detector = Detector(
        model,
        thresholds=dict.fromkeys(classes, LOW_SCORE),
        options=RuntimeOptions(threads=os.cpu_count()),
    )
    frames = []
    for path in list_images(images):
        rgb = read_rgb(path)
        boxes = read_yolo_labels(label_path(path), (rgb.shape[1], rgb.shape[0]), classes)
        found = detector.detect(rgb)
        frames.append(
            Frame(
                truth_xyxy=np.array([box.xyxy for box in boxes], np.float32).reshape(-1, 4),
                truth_labels=tuple(box.label for box in boxes),
                found_xyxy=found.boxes_xyxy,
                found_scores=found.scores,
                found_labels=found.names,
            )
        )
    empty = [frame for frame in frames if not frame.truth_labels]
    wrong = sum(
        count([frame.merged({name}, model.card.thresholds) for frame in empty]).wrong
        for name in classes
    )
    scores = {name: average_precision(frames, name) for name in classes}
    return Score(
        ap50={name: score for name, score in scores.items() if score is not None},
        false_per_100=100 * wrong / len(empty) if empty else 0.0,
    )


def next_version(version: str) -> str:
    """The version after this one: its last number, one up.

    >>> next_version("1"), next_version("rivertown-9")
    ('2', 'rivertown-10')
    """
    numbers = list(re.finditer(r"\d+", version))
    if not numbers:
        return f"{version}-2"
    last = numbers[-1]
    return f"{version[: last.start()]}{int(last[0]) + 1}{version[last.end() :]}"


def is_better(old: dict[str, Score], new: dict[str, Score]) -> bool:
    """Whether the new model gains on the export and loses on no set.

    Args:
        old: Scores by set; one of them is `export`.
        new: Scores of the same sets.
    """
    return _gained(old["export"], new["export"]) and not any(
        _lost(old[name], new[name]) for name in old
    )


def _gained(old: Score, new: Score) -> bool:
    quieter = new.false_per_100 <= old.false_per_100 - LEAST_QUIET
    return new.map50 >= old.map50 + LEAST_GAIN or quieter


def _lost(old: Score, new: Score) -> bool:
    forgot = any(new.ap50[name] < old.ap50[name] - MOST_CLASS_LOSS for name in old.ap50)
    louder = new.false_per_100 > old.false_per_100 + LEAST_QUIET
    return new.map50 < old.map50 - MOST_LOSS or forgot or louder


def train_network(
    network: DetectionModel, images: list[Path], classes: Sequence[str], recipe: Recipe
) -> float:
    """Train in place with all cores; returns the minutes it took."""
    import torch

    from models.street.training import train

    torch.set_num_threads(os.cpu_count() or 1)
    began = time.perf_counter()
    train(network, images, classes=classes, recipe=recipe, log=print)
    return (time.perf_counter() - began) / 60


def recipe_of(recipes: list[Recipe], command: str, minutes: float) -> dict[str, Any]:
    """What the card says about how the model was made."""
    return {
        "command": command,
        "minutes": round(minutes, 1),
        "machine": f"{os.cpu_count()} CPU cores, no GPU",
        "stages": [asdict(recipe) for recipe in recipes],
    }


def write_model(network: DetectionModel, card: ModelCard, folder: Path) -> RegisteredModel:
    """Write the ONNX file and a card that holds its hash.

    Variants and metrics of the card speak of another file and do not stay.
    """
    from models.street.surgery import write_onnx

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{card.name}-{card.version}.onnx"
    write_onnx(network, path, size_px=INPUT_PX)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    update = {"file": path.name, "sha256": sha256, "variants": [], "metrics": []}
    written = card.model_copy(update=update)
    write_card(written, folder / CARD_FILE)
    return RegisteredModel(written, folder)


def first_version(weights: Path, data: Path, out: Path) -> None:
    """Train version 1 from COCO weights. What stands in words on the shipped card stays."""
    from models.street.surgery import network_from_coco
    from models.street.training import read_recipe

    images = list_images(split_folder(data, "train", STREET_CLASSES))
    rendered = [path for path in images if not path.name.startswith("real_")]
    recipes = [read_recipe(ROOT / "models" / "street" / name) for name in FIRST_STAGES]
    network = network_from_coco(weights, STREET_CLASSES)
    minutes = sum(
        train_network(network, images + rendered * (RENDERED_TURNS - 1), STREET_CLASSES, recipe)
        for recipe in recipes
    )
    command = "python scripts/train_street.py --weights yolo11n_coco.pt --data DATASET --out OUT"
    update = {
        "version": "1",
        "classes": list(STREET_CLASSES),
        "thresholds": dict.fromkeys(STREET_CLASSES, FIRST_THRESHOLD),
        "input": InputSpec(size_wh=(INPUT_PX, INPUT_PX), letterbox=True),
        "recipe": recipe_of(recipes, command, minutes),
    }
    card = read_card(ROOT / "models" / "street" / CARD_FILE).model_copy(update=update)
    model = write_model(network, card, out)
    print(f"wrote {model.label} to {out} after {minutes:.0f} min; evaluate it before it is used")


def train_on(old_folder: Path, data: Path, replay: Path | None, out: Path) -> bool:
    """Train a model on from reviewed findings; write it only if it is better.

    Returns:
        Whether a new version was written.
    """
    from models.street.surgery import network_from_onnx
    from models.street.training import read_recipe

    old = RegisteredModel(read_card(old_folder / CARD_FILE), old_folder)
    if (out / CARD_FILE).exists():
        raise SystemExit(f"{out}: holds a model already; give another --out")
    classes = tuple(old.card.classes)
    images = list_images(split_folder(data, "train", classes))
    frozen = {"export": split_folder(data, "test", classes)}
    if replay is not None:
        images += list_images(split_folder(replay, "train", classes))
        frozen["replay"] = split_folder(replay, "val", classes)
    before = {name: measure(old, folder) for name, folder in frozen.items()}
    print("before", {name: score.record() for name, score in before.items()})
    old.content()  # refuses a file that is not the card's
    network = network_from_onnx(old.folder / old.card.file, classes)
    recipe = read_recipe(ROOT / "models" / "street" / "train_on.yaml")
    minutes = train_network(network, images, classes, recipe)
    command = (
        f"python scripts/train_street.py --from {old.card.name}-{old.card.version} --data EXPORT"
    )
    card = old.card.model_copy(
        update={
            "version": next_version(old.card.version),
            "trained_from": f"{old.label} (sha256 {old.card.sha256[:12]}…), {old.card.licence}",
            "recipe": recipe_of([recipe], command, minutes),
        }
    )
    with tempfile.TemporaryDirectory() as scratch:
        candidate = write_model(network, card, Path(scratch))
        after = {name: measure(candidate, folder) for name, folder in frozen.items()}
        print("after", {name: score.record() for name, score in after.items()})
        if not is_better(before, after):
            print(f"{card.name} {card.version} is not better than {old.card.version}: not written")
            return False
        comparison = Metric(
            key="against_previous",
            what=f"version {old.card.version} (old) and {card.version} (new) on pictures that "
            "neither was trained on: test split of the export, val split of the replay; IoU 0.5",
            measured={
                name: {"old": before[name].record(), "new": after[name].record()} for name in frozen
            },
            command=command,
            machine=f"{os.cpu_count()} CPU cores, no GPU",
        )
        record_metric(candidate.folder / CARD_FILE, comparison)
        out.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(candidate.folder / candidate.card.file, out / candidate.card.file)
        # The card goes last: a folder without one is no model.
        shutil.copyfile(candidate.folder / CARD_FILE, out / CARD_FILE)
    print(f"wrote {candidate.label} to {out} after {minutes:.1f} min of training")
    return True


def main() -> None:
    """Train as the command line says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    start = parser.add_mutually_exclusive_group(required=True)
    start.add_argument("--weights", type=Path, help="COCO checkpoint of YOLO11n")
    start.add_argument("--from", dest="old", type=Path, help="folder of the model to train on")
    parser.add_argument("--data", type=Path, required=True, help="YOLO folder")
    parser.add_argument("--replay", type=Path, help="YOLO folder of what must not be forgotten")
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "street")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    if arguments.weights:
        first_version(arguments.weights, arguments.data, arguments.out)
    elif not train_on(arguments.old, arguments.data, arguments.replay, arguments.out):
        raise SystemExit(1)


if __name__ == "__main__":
    try:
        main()
    except (CityEyeError, ModelError) as error:
        raise SystemExit(str(error)) from error
