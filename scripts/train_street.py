"""Train the street detector: a first version from COCO weights, or the next one from reviews.

    python scripts/train_street.py --weights yolo11n_coco.pt --data DATASET --out models/street
    python scripts/train_street.py --from models/street --data EXPORT --replay DATASET --out OUT

The first form trains from COCO weights, in two stages; from a street detector's ONNX file it takes
the second stage only. The second form trains a model on from what reviewers decided:
`EXPORT` is a YOLO folder in the model's classes with the splits train and test; pictures without
labels are what the model took for something and a reviewer rejected. Nothing but the model's ONNX
file is needed. `--replay` is a data set of the old kind, so that what the model knows is not
forgotten; without it forgetting is neither held back nor measured.

Old and new are compared on pictures that neither was trained on: the test split of the export and
the val split of the replay set. Only a model that is surely better (`models/street/gate.py` says
how that is judged) is written, under the next version, with the comparison on its card; otherwise
nothing is written and the exit status is 1.

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
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import yaml
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
from models.street.gate import EXPORT, Comparison, compare, reasons_against
from models.street.scoring import Frame
from vision.camera.detector import Detector
from vision.errors import CityEyeError

if TYPE_CHECKING:
    from ultralytics.nn.tasks import DetectionModel

    from models.street.training import Recipe

ROOT = Path(__file__).resolve().parents[1]
INPUT_WH = (960, 544)
FIRST_THRESHOLD = 0.25
LOW_SCORE = 0.02
FIRST_STAGES = ("train.yaml", "further.yaml")


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


def frames_of(model: RegisteredModel, images: Path) -> list[Frame]:
    """What a model finds in a folder of labelled pictures, as CityEye runs it."""
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
    return frames


def record(comparison: Comparison) -> dict[str, Any]:
    """A comparison as a card records it: old and new, and what other pictures might have shown."""
    figures = {
        "map50": comparison.mean,
        **{f"ap50_{name}": change for name, change in comparison.classes.items()},
    }
    measured: dict[str, Any] = {
        name: {
            "old": round(change.old, 3),
            "new": round(change.new, 3),
            "change_90_of_100": [
                round(float(v), 3) for v in np.quantile(change.draws, (0.05, 0.95))
            ],
        }
        for name, change in figures.items()
    }
    false = comparison.false_per_100
    measured["false_per_100_empty_pictures"] = {
        "old": round(false.old, 1),
        "new": round(false.new, 1),
    }
    return measured


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


def train_network(
    network: DetectionModel, images: list[Path], recipe: Recipe, processes: int
) -> float:
    """Train in place; returns the minutes it took."""
    from models.street.training import train_together

    began = time.perf_counter()
    train_together(network, images, recipe=recipe, processes=processes)
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
    assert card.input is not None and card.input.size_wh is not None  # noqa: S101 - it detects
    write_onnx(network, path, size_wh=card.input.size_wh)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    update = {"file": path.name, "sha256": sha256, "variants": [], "metrics": []}
    written = card.model_copy(update=update)
    write_card(written, folder / CARD_FILE)
    return RegisteredModel(written, folder)


def first_version(weights: Path, data: Path, out: Path, *, version: str, processes: int) -> None:
    """Train from COCO weights or on from a street detector's ONNX file.

    What stands in words on the shipped card stays.
    """
    from models.street.surgery import network_from_coco, network_from_onnx
    from models.street.training import read_recipe

    images = list_images(split_folder(data, "train", STREET_CLASSES))
    recipes = [read_recipe(ROOT / "models" / "street" / name) for name in FIRST_STAGES]
    if weights.suffix == ".onnx":
        network, recipes = network_from_onnx(weights, STREET_CLASSES), recipes[1:]
    else:
        network = network_from_coco(weights, STREET_CLASSES)
    minutes = sum(train_network(network, images, recipe, processes) for recipe in recipes)
    command = f"python scripts/train_street.py --weights {weights.name} --data DATASET --out OUT"
    update = {
        "version": version,
        "classes": list(STREET_CLASSES),
        "thresholds": dict.fromkeys(STREET_CLASSES, FIRST_THRESHOLD),
        "input": InputSpec(size_wh=INPUT_WH, letterbox=True),
        "recipe": recipe_of(recipes, command, minutes),
    }
    card = read_card(ROOT / "models" / "street" / CARD_FILE).model_copy(update=update)
    model = write_model(network, card, out)
    print(f"wrote {model.label} to {out} after {minutes:.0f} min; evaluate it before it is used")


def train_on(
    old_folder: Path, data: Path, replay: Path | None, out: Path, *, processes: int = 1
) -> bool:
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
    frozen = {EXPORT: split_folder(data, "test", classes)}
    if replay is not None:
        images += list_images(split_folder(replay, "train", classes))
        frozen["replay"] = split_folder(replay, "val", classes)
    before = {name: frames_of(old, folder) for name, folder in frozen.items()}
    old.content()  # refuses a file that is not the card's
    network = network_from_onnx(old.folder / old.card.file, classes)
    recipe = read_recipe(ROOT / "models" / "street" / "train_on.yaml")
    minutes = train_network(network, images, recipe, processes)
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
        compared = {
            name: compare(before[name], frames_of(candidate, folder), least=card.thresholds)
            for name, folder in frozen.items()
        }
        measured = {name: record(comparison) for name, comparison in compared.items()}
        print(yaml.safe_dump(measured, sort_keys=False))
        against = reasons_against(compared)
        if against:
            print(f"{card.name} {card.version} is not better than {old.card.version}: not written")
            print("\n".join(against))
            return False
        comparison = Metric(
            key="against_previous",
            what=f"version {old.card.version} (old) and {card.version} (new) on pictures that "
            "neither was trained on: test split of the export, val split of the replay; IoU 0.5; "
            "change_90_of_100: where 90 of 100 changes lie when the pictures are drawn anew",
            measured=measured,
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
    start.add_argument("--weights", type=Path, help="COCO checkpoint of YOLO11n, or ONNX")
    start.add_argument("--from", dest="old", type=Path, help="folder of the model to train on")
    parser.add_argument("--data", type=Path, required=True, help="YOLO folder")
    parser.add_argument("--replay", type=Path, help="YOLO folder of what must not be forgotten")
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "street")
    parser.add_argument("--version", default="1", help="of a model trained from COCO weights")
    parser.add_argument(
        "--processes",
        type=int,
        default=2,
        help="that share the work, one thread each; a divisor of the recipe's batch",
    )
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    if arguments.weights:
        first_version(
            arguments.weights,
            arguments.data,
            arguments.out,
            version=arguments.version,
            processes=arguments.processes,
        )
    elif not train_on(
        arguments.old,
        arguments.data,
        arguments.replay,
        arguments.out,
        processes=arguments.processes,
    ):
        raise SystemExit(1)


if __name__ == "__main__":
    try:
        main()
    except (CityEyeError, ModelError) as error:
        raise SystemExit(str(error)) from error
