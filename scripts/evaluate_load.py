"""Measure the load-state classifier and write the figures into its card.

    python scripts/evaluate_load.py --sprites out/sprites out/tipper_views --data data/cctv

Measures on rendered tippers of the test split (seeds, designs and views that training never saw)
put into road pictures that training never saw, and on the few real tippers there are: those of one
street camera, frame by frame and by majority vote, and three web photos.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from datasets.classes import LOAD_STATES
from datasets.composing.sprites import Sprite, read_sprites
from datasets.load_crops import LoadExamples, background_paths, for_validation, read_backgrounds
from models.cards import Metric, read_card, record_metric
from models.registry import RegisteredModel
from models.runtime import RuntimeOptions
from vision.camera.load_state import LoadStateClassifier

ROOT = Path(__file__).resolve().parents[1]
CARD = ROOT / "models" / "load" / "card.yaml"
SEED = 7
VIEWS_PER_SPRITE = 2
# Boxes that a camera rule waits for: nearer trucks show more of their load.
LARGE_PX = 64
COMMAND = "python scripts/evaluate_load.py --sprites SPRITES TIPPER_VIEWS --data CCTV"

# Boxes x1 y1 x2 y2 in pixels: those of the set's own labels that lie on the two tippers, picked by
# eye. The states are those of the set's events.txt.
FIXEDCAM: dict[str, dict[str, tuple[int, int, int, int]]] = {
    "empty": {
        "010": (709, 66, 783, 157),
        "011": (754, 138, 865, 247),
        "012": (761, 160, 896, 279),
        "013": (783, 190, 914, 318),
        "014": (816, 251, 960, 410),
        "015": (829, 262, 979, 429),
        "016": (824, 264, 981, 434),
        "017": (822, 260, 1000, 432),
        "018": (818, 275, 975, 418),
        "019": (839, 323, 1008, 551),
        "020": (787, 673, 1041, 1069),
    },
    "heaped": {
        "037": (513, 36, 598, 127),
        "038": (442, 192, 588, 373),
    },
}
# Boxes in shares of width and height, from the set's labels.
PHOTOS = {
    "test_a3cffcdbff959432": ("heaped", (0.1100, 0.0871, 0.9501, 0.7590)),
    "valid_68778b3e66bd53d2": ("covered", (0.0036, 0.0901, 0.7632, 0.7416)),
    "train_031a836081712b50": ("not_visible", (0.0, 0.1154, 0.4808, 0.8077)),
}


@dataclass(frozen=True)
class Judged:
    """One crop of a rendered tipper.

    Attributes:
        true: Its load state.
        said: What the model called it.
        box_px: Longer side of the truck's box.
        views: Folder of its sprite: those seen as street cameras see traffic, or the hard ones.
    """

    true: str
    said: str
    box_px: float
    views: str


def main() -> None:
    """Measure, print, and write into the card."""
    asked = _parse()
    cv2.setNumThreads(1)
    card = read_card(asked.card)
    classifier = LoadStateClassifier(
        RegisteredModel(card, asked.card.parent), options=RuntimeOptions(threads=1)
    )
    sprites = {folder.name: read_sprites(folder) for folder in asked.sprites}
    metrics = [
        rendered_metric(judge_rendered(classifier, sprites, asked.data)),
        fixedcam_metric(classifier, asked.data / "fixedcam_street_seq" / "images"),
        photos_metric(classifier, asked.data / "vehicles_openimages" / "images"),
    ]
    for metric in metrics:
        record_metric(asked.card, metric)
        print(metric.key)
        for name, value in metric.measured.items():
            print(f"  {name}: {value}")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--sprites", type=Path, nargs="+", required=True, help="folders with sprites.jsonl"
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with the real pictures")
    parser.add_argument("--card", type=Path, default=CARD, help="card of the model to measure")
    return parser.parse_args()


def judge_rendered(
    classifier: LoadStateClassifier, sprites: dict[str, list[Sprite]], data: Path
) -> list[Judged]:
    """Judge every tipper of the test split, put into pictures kept for validation."""
    rng = np.random.default_rng(SEED)
    test = [
        (views, sprite)
        for views, group in sprites.items()
        for sprite in group
        if sprite.split == "test" and sprite.parts
    ]
    backgrounds = read_backgrounds([p for p in background_paths(data) if for_validation(p)])
    maker = LoadExamples(backgrounds, occluders=[s for _, s in test if s.kind == "car"])
    judged = []
    for views, sprite in test:
        if sprite.kind != "muck_truck" or sprite.load_state is None:
            continue
        for _ in range(VIEWS_PER_SPRITE):
            state = LOAD_STATES.index(sprite.load_state)
            example = maker.composed(sprite, state, rng)
            said, _ = _judge(classifier, example.picture_rgb, example.box_xyxy)
            size = float(np.max(example.box_xyxy[2:] - example.box_xyxy[:2]))
            judged.append(Judged(sprite.load_state, said, size, views))
    return judged


def _judge(
    classifier: LoadStateClassifier, picture_rgb: NDArray[np.uint8], box: NDArray[np.float32]
) -> tuple[str, float]:
    row = classifier.classify(picture_rgb, box[None])[0]
    best = int(row.argmax())
    return classifier.classes[best], float(row[best])


def rendered_metric(judged: list[Judged]) -> Metric:
    """Sum up the rendered test split."""
    confusion = Counter((one.true, one.said) for one in judged)
    table = {
        true: {said: confusion[true, said] for said in LOAD_STATES if confusion[true, said]}
        for true in LOAD_STATES
    }
    right = {true: table[true].get(true, 0) for true in LOAD_STATES}
    of = {true: sum(table[true].values()) for true in LOAD_STATES}
    large = [one for one in judged if one.box_px >= LARGE_PX]
    return _metric(
        "rendered_test",
        "rendered tippers of unseen seeds, designs and views in road pictures kept out of "
        f"training, each shown {VIEWS_PER_SPRITE} times with camera faults; confusion: true state, "
        "then how often it was called what",
        {
            "crops": len(judged),
            "accuracy": _accuracy(judged),
            "accuracy_by_state": {t: round(right[t] / of[t], 3) for t in LOAD_STATES if of[t]},
            "confusion": table,
            f"crops_of_{LARGE_PX}_px_or_more": len(large),
            f"accuracy_of_{LARGE_PX}_px_or_more": _accuracy(large),
            "accuracy_by_views": {
                views: _accuracy([one for one in judged if one.views == views])
                for views in sorted({one.views for one in judged})
            },
        },
    )


def _accuracy(judged: list[Judged]) -> float:
    return round(sum(one.true == one.said for one in judged) / max(len(judged), 1), 3)


def fixedcam_metric(classifier: LoadStateClassifier, images: Path) -> Metric:
    """Judge the tippers of the street camera, frame by frame and by majority."""
    measured: dict[str, Any] = {}
    for true, boxes in FIXEDCAM.items():
        said = {}
        for frame, box in boxes.items():
            picture = _read_rgb(images / f"{frame}.jpg")
            said[frame] = _judge(classifier, picture, np.array(box, np.float32))
        votes = Counter(state for state, _ in said.values())
        # Of states with as many votes the surer ones win.
        sums = {state: sum(sure for s, sure in said.values() if s == state) for state in votes}
        majority = max(votes, key=lambda state: (votes[state], sums[state]))
        measured[true] = {
            "majority": majority,
            "right": majority == true,
            "votes": dict(votes),
            "frames": {frame: f"{state} {sure:.2f}" for frame, (state, sure) in said.items()},
        }
    return _metric(
        "fixedcam_tippers",
        "two real tippers before one street camera (fixedcam_street_seq, never trained on): empty "
        "in frames 010-020, heaped in 037-038; boxes of the set's labels; majority over frames",
        measured,
    )


def photos_metric(classifier: LoadStateClassifier, images: Path) -> Metric:
    """Judge the three web photos."""
    measured: dict[str, Any] = {}
    right = 0
    for name, (true, shares) in PHOTOS.items():
        picture = _read_rgb(images / f"{name}.jpg")
        height, width = picture.shape[:2]
        box = np.array(shares, np.float32) * np.array([width, height] * 2, np.float32)
        said, sure = _judge(classifier, picture, box)
        right += said == true
        measured[name] = f"{true} called {said} {sure:.2f}"
    return _metric(
        "photos",
        "three web photos of tippers (vehicles_openimages, kept out of training)",
        {"right": f"{right} of {len(PHOTOS)}", **measured},
    )


def _read_rgb(path: Path) -> NDArray[np.uint8]:
    pixels = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if pixels is None:
        raise SystemExit(f"{path}: not a picture that can be read; name its folder with --data")
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), np.uint8)


def _metric(key: str, what: str, measured: dict[str, Any]) -> Metric:
    machine = f"{os.cpu_count()} cores {platform.machine()}, one thread, ONNX Runtime"
    return Metric(key=key, what=what, measured=measured, command=COMMAND, machine=machine)


if __name__ == "__main__":
    main()
