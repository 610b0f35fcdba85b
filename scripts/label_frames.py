"""Label the public road pictures in the street detector's classes.

    python scripts/label_frames.py --frames data/cctv --weights yolo11n_coco.pt --out labels

Their authors labelled other classes, left objects out and called some cars trucks. Their boxes are
kept; what they are is settled, first that applies: by `datasets/truck_labels/openimages_trucks.csv`
(judged by eye), by the starting weights where they are sure, by the source. Confident detections
of people and vehicles that have no label are added; less confident ones are left unlabelled.
Frames of the evaluation camera and the vehicles kept for evaluation are left out.

Writes `OUT/<dataset>/<stem>.txt` in YOLO's form. Needs the `train` extra.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from datasets.classes import STREET_CLASSES
from datasets.kept_out import KEPT_OUT
from vision.camera.boxes import iou

if TYPE_CHECKING:
    from ultralytics import YOLO

ROOT = Path(__file__).resolve().parents[1]
JUDGED = ROOT / "datasets" / "truck_labels" / "openimages_trucks.csv"
# None: what the source does not say. An ambulance is a van, and vans are cars here.
SOURCE_CLASSES: dict[str, dict[str, str | None]] = {
    "mixed_traffic": {"bike": "two_wheeler", "bus": "bus", "car": "car", "truck": "truck"},
    "topview_vehicle": {"Vehicle": None},
    "vehicles_openimages": {
        "Ambulance": "car",
        "Bus": "bus",
        "Car": "car",
        "Motorcycle": "two_wheeler",
        "Truck": "truck",
    },
}
COCO_TO_STREET = {
    0: "person",
    1: "two_wheeler",
    2: "car",
    3: "two_wheeler",
    5: "bus",
    7: "truck",
}
VEHICLES = frozenset({"car", "bus", "truck", "muck_truck"})
ADD_FROM = 0.4
OVERRULE_FROM = 0.5
SAME_BOX_IOU = 0.5
WIDE_FRAME_PX = 1000


@dataclass(frozen=True)
class Box:
    """A labelled or detected object; `xyxy` in shares of the picture's width and height."""

    label: str
    xyxy: tuple[float, float, float, float]
    confidence: float = 1.0


def kind(label: str) -> str:
    """What competes for one place: all vehicles are one kind."""
    return "vehicle" if label in VEHICLES else label


def settle(source: Box | None, seen: list[Box], judged: list[Box], place: Box) -> str:
    """Class of one labelled place, given what the model sees and what was judged by eye."""
    for box in judged:
        if iou(box.xyxy, place.xyxy) >= SAME_BOX_IOU:
            return box.label
    there = [
        box for box in seen if box.label in VEHICLES and iou(box.xyxy, place.xyxy) >= SAME_BOX_IOU
    ]
    best = max(there, key=lambda box: box.confidence, default=None)
    if source is None:
        sure = best is not None and best.confidence >= OVERRULE_FROM
        return best.label if best is not None and sure else "car"
    if (
        source.label == "truck"
        and best is not None
        and best.label == "car"
        and best.confidence >= OVERRULE_FROM
    ):
        return "car"
    return source.label


def merge(labelled: list[tuple[Box, bool]], detected: list[Box], judged: list[Box]) -> list[Box]:
    """Join a picture's own labels, the model's detections and the judgements.

    Args:
        labelled: Boxes of the source and whether the source says their class.
        detected: Detections in street classes.
        judged: Boxes judged by eye.
    """
    merged = [
        Box(settle(box if said else None, detected, judged, box), box.xyxy)
        for box, said in labelled
    ]
    for box in judged:
        if all(iou(box.xyxy, other.xyxy) < SAME_BOX_IOU for other in merged):
            merged.append(box)
    for box in sorted(detected, key=lambda box: -box.confidence):
        if box.confidence < ADD_FROM:
            break
        rivals = (other for other in merged if kind(other.label) == kind(box.label))
        if all(iou(box.xyxy, other.xyxy) < SAME_BOX_IOU for other in rivals):
            merged.append(Box(box.label, box.xyxy))
    return merged


def read_source(folder: Path, stem: str) -> list[tuple[Box, bool]]:
    """A picture's own labels, and whether each says its class."""
    names = (folder / "names.txt").read_text(encoding="utf-8").split()
    classes = SOURCE_CLASSES[folder.name]
    boxes = []
    for line in (folder / "labels" / f"{stem}.txt").read_text(encoding="utf-8").splitlines():
        number, *rest = line.split()
        x, y, width, height = map(float, rest)
        label = classes[names[int(number)]]
        xyxy = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
        boxes.append((Box(label or "car", xyxy), label is not None))
    return boxes


def read_judged(path: Path) -> dict[tuple[str, str], list[Box]]:
    """Boxes judged by eye of each (dataset, stem)."""
    judged: dict[tuple[str, str], list[Box]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            xyxy = (float(row["x1"]), float(row["y1"]), float(row["x2"]), float(row["y2"]))
            judged.setdefault((row["dataset"], row["image"]), []).append(
                Box(row["street_class"], xyxy)
            )
    return judged


def yolo_lines(boxes: list[Box]) -> str:
    """Label file of a picture."""
    lines = []
    for box in boxes:
        x1, y1, x2, y2 = np.clip(box.xyxy, 0.0, 1.0)
        centre = f"{(x1 + x2) / 2:.6f} {(y1 + y2) / 2:.6f} {x2 - x1:.6f} {y2 - y1:.6f}"
        lines.append(f"{STREET_CLASSES.index(box.label)} {centre}\n")
    return "".join(lines)


def pictures(frames: Path) -> Iterator[tuple[str, Path]]:
    """Dataset and path of every picture that may be trained on."""
    for dataset in SOURCE_CLASSES:
        for path in sorted((frames / dataset / "images").glob("*.jpg")):
            if path.stem not in KEPT_OUT:
                yield dataset, path


def detect(model: YOLO, image: NDArray[np.uint8]) -> list[Box]:
    """Detections of the starting weights in street classes; wide frames at 960 px."""
    size = 960 if image.shape[1] > WIDE_FRAME_PX else 640
    found = model.predict(image, imgsz=size, conf=OVERRULE_FROM / 2, iou=0.6, verbose=False)[0]
    boxes = []
    for xyxy, number, confidence in zip(
        found.boxes.xyxyn.tolist(), found.boxes.cls.tolist(), found.boxes.conf.tolist(), strict=True
    ):
        label = COCO_TO_STREET.get(int(number))
        if label is not None:
            boxes.append(Box(label, tuple(xyxy), confidence))
    return boxes


def main() -> None:
    """Label every picture and say what was labelled."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--frames", type=Path, required=True, help="folder of the three sets")
    parser.add_argument("--weights", required=True, help="starting weights, yolo11n_coco.pt")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    os.environ.setdefault("YOLO_OFFLINE", "true")
    import cv2
    from ultralytics import YOLO

    model = YOLO(arguments.weights)
    judged = read_judged(JUDGED)
    counts = dict.fromkeys(STREET_CLASSES, 0)
    for dataset, path in pictures(arguments.frames):
        source = read_source(arguments.frames / dataset, path.stem)
        seen = detect(model, np.asarray(cv2.imread(str(path)), np.uint8))
        boxes = merge(source, seen, judged.get((dataset, path.stem), []))
        for box in boxes:
            counts[box.label] += 1
        out = arguments.out / dataset / f"{path.stem}.txt"
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(yolo_lines(boxes), encoding="utf-8")
    print(counts)


if __name__ == "__main__":
    main()
