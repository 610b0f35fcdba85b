"""Measure the street detector and write the tables onto its card.

    python scripts/evaluate_street.py --model models/street --data DATASET \
        --fixedcam data/cctv/fixedcam_street_seq --clips data/cctv/clips --start yolo11n_coco.onnx

Runs the ONNX files through the detector that CityEye runs. `DATASET` is a YOLO folder with a test
split (rendered, unseen assets). `--start` is an ONNX export of the weights that training started
from; it is measured in the same run. Any of the sets may be left out; what cannot be measured
then keeps its old entry. `--coarse` measures what is seen where there is no time for close looks.
`--print-only` leaves the card as it is; `--set-thresholds` first chooses the classes' thresholds on
the validation split.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import os
import platform
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from datasets.classes import STREET_CLASSES
from datasets.formats.yolo import (
    image_size,
    label_path,
    list_images,
    read_data_yaml,
    read_yolo_labels,
)
from models.cards import InputSpec, Metric, ModelCard, Precision, read_card, write_card
from models.cards import record_metric as put_on_card
from models.errors import ModelError
from models.registry import RegisteredModel
from models.runtime import RuntimeOptions
from models.street.scoring import (
    Counts,
    Frame,
    average_precision,
    best_threshold,
    count,
    name_of,
    precision_at,
    share_called,
)
from vision.camera.detector import Detections, Detector
from vision.errors import CityEyeError

ROOT = Path(__file__).resolve().parents[1]
COMMAND = (
    "python scripts/evaluate_street.py --model models/street --data DATASET --fixedcam FIXEDCAM"
    " --clips CLIPS --start yolo11n_coco.onnx"
)
VEHICLES = ("car", "bus", "truck", "muck_truck")
VENDING = ("stall", "cart", "canopy")
RENDERED = ("stall", "cart", "canopy", "muck_truck")
LOW_SCORE = 0.02
COMMON_SCORE = 0.25
RECALL = 0.9
# Where the tippers of the fixed camera's frames are: centre of their label, share of the picture.
# Read off the frames; events.txt beside them says which frames.
EMPTY_TIPPER = {
    "010": (0.389, 0.103),
    "011": (0.421, 0.178),
    "012": (0.432, 0.203),
    "013": (0.442, 0.235),
    "014": (0.463, 0.306),
    "015": (0.471, 0.320),
    "016": (0.470, 0.323),
    "017": (0.474, 0.321),
    "018": (0.467, 0.321),
    "019": (0.481, 0.405),
    "020": (0.476, 0.807),
}
HEAPED_TIPPER = {"037": (0.289, 0.076), "038": (0.269, 0.262)}
FIXEDCAM_WH = (1920, 1080)
CLIP_STEP = 10
THRESHOLD_CANDIDATES = tuple(round(0.2 + 0.02 * step, 2) for step in range(21))
# A false stall or car sends somebody out; a missed one is seen in the next frame.
CAREFUL_BETA = 0.5
CAREFUL = ("car", "bus", "truck", "stall", "cart", "canopy")
NAME_IOU = 0.3
# Longer side of an object as a share of the picture's: 32 pixels of the detector's 640.
LARGE_SHARE = 0.05

Rgb = NDArray[np.uint8]
Look = Callable[[Rgb], Detections]


def read_rgb(path: Path) -> Rgb:
    """A picture, uint8 (H, W, 3)."""
    picture = cv2.imread(str(path))
    if picture is None:
        raise SystemExit(f"{path}: not a picture that can be read")
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)


def registered(folder: Path) -> RegisteredModel:
    """The model of a folder with a card."""
    return RegisteredModel(read_card(folder / "card.yaml"), folder)


def bare_model(path: Path, usual_wh: tuple[int, int]) -> RegisteredModel:
    """An exported detector without a card, as a model with one.

    Where it takes any size it is shown pictures as large as the other model.
    """
    content = path.read_bytes()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    names = ast.literal_eval(session.get_modelmeta().custom_metadata_map["names"])
    height, width = session.get_inputs()[0].shape[2:]
    size_wh = (width, height) if isinstance(width, int) else usual_wh
    card = ModelCard(
        name="start",
        version="0",
        task="detect",
        file=path.name,
        sha256=hashlib.sha256(content).hexdigest(),
        input=InputSpec(size_wh=size_wh, letterbox=True),
        classes=[names[number] for number in sorted(names)],
        thresholds=dict.fromkeys(names.values(), COMMON_SCORE),
        licence="unknown",
        trained_from="unknown",
    )
    return RegisteredModel(card, path.parent)


def low_detector(
    model: RegisteredModel, precision: Precision | None, options: RuntimeOptions
) -> Detector:
    """The model's detector, down to scores that curves need."""
    return Detector(
        model,
        thresholds=dict.fromkeys(model.card.classes, LOW_SCORE),
        options=options,
        precision=precision,
    )


def frame_of(
    found: Detections, truth: list[tuple[str, tuple[float, float, float, float]]]
) -> Frame:
    """Detections and labels of one picture."""
    return Frame(
        truth_xyxy=np.array([xyxy for _, xyxy in truth], np.float32).reshape(-1, 4),
        truth_labels=tuple(label for label, _ in truth),
        found_xyxy=found.boxes_xyxy,
        found_scores=found.scores,
        found_labels=found.names,
    )


def labelled_frames(look: Look, images: Path, classes: tuple[str, ...]) -> dict[str, Frame]:
    """Detections and labels of a folder of pictures, by stem."""
    frames = {}
    for path in list_images(images):
        rgb = read_rgb(path)
        size_wh = (rgb.shape[1], rgb.shape[0])
        boxes = read_yolo_labels(label_path(path), size_wh, classes)
        truth = [(box.label, box.xyxy) for box in boxes]
        frames[path.stem] = frame_of(look(rgb), truth)
    return frames


def clip_frames(clips: Path) -> Iterator[Rgb]:
    """Every tenth frame of every clip."""
    import av

    for path in sorted(clips.glob("*.mp4")):
        with av.open(str(path)) as container:
            for number, picture in enumerate(container.decode(video=0)):
                if number % CLIP_STEP == 0:
                    yield np.asarray(picture.to_ndarray(format="rgb24"), np.uint8)


def counts_text(counts: Counts) -> dict[str, float]:
    """Precision and recall to three places."""
    return {"precision": round(counts.precision, 3), "recall": round(counts.recall, 3)}


def vehicles(frames: dict[str, Frame], least: dict[str, float]) -> Counts:
    """Vehicles of all kinds taken for one class."""
    return count([frame.merged(VEHICLES, least) for frame in frames.values()])


def precision_at_recall(frames: dict[str, Frame], classes: list[str]) -> float:
    """Precision of merged vehicles where nine in ten are found, whatever score that takes."""
    least = flat(0.0, classes)
    return round(precision_at([f.merged(VEHICLES, least) for f in frames.values()], RECALL), 3)


def flat(score: float, classes: list[str]) -> dict[str, float]:
    """One least score for every class."""
    return dict.fromkeys(classes, score)


def tipper_names(
    frames: dict[str, Frame], places: dict[str, tuple[float, float]], least: dict[str, float]
) -> dict[str, str]:
    """What the tipper is called in each of its frames; 'nothing' where it is not found."""
    names = {}
    for stem, (x, y) in places.items():
        frame = frames[stem]
        centres = (frame.truth_xyxy[:, :2] + frame.truth_xyxy[:, 2:]) / 2
        wanted = np.array([x * FIXEDCAM_WH[0], y * FIXEDCAM_WH[1]])
        place = frame.truth_xyxy[int(np.hypot(*(centres - wanted).T).argmin())]
        name = name_of(frame, place, among=VEHICLES, least=least, min_iou=NAME_IOU)
        names[stem] = name or "nothing"
    return names


def measure_fixedcam(
    look: Look, folder: Path, card: ModelCard, start: Detector | None
) -> dict[str, Any]:
    """Vehicles, tippers and false vending on the fixed camera's frames."""
    classes = tuple((folder / "names.txt").read_text(encoding="utf-8").split())
    frames = labelled_frames(look, folder / "images", classes)
    own = card.thresholds
    common = flat(COMMON_SCORE, card.classes)
    cars = share_called(
        list(frames.values()), truth={"car"}, among=VEHICLES, called="muck_truck", least=own
    )
    measured: dict[str, Any] = {
        "frames": len(frames),
        "vehicles_at_0.25": counts_text(vehicles(frames, common)),
        "vehicles_at_card_thresholds": counts_text(vehicles(frames, own)),
        "vehicle_precision_at_recall_0.90": precision_at_recall(frames, card.classes),
        "empty_tipper_called": tipper_names(frames, EMPTY_TIPPER, own),
        "heaped_tipper_called": tipper_names(frames, HEAPED_TIPPER, own),
        "cars_called_muck_truck": f"{cars[0]} of {cars[1]}",
        "false_per_100_frames": false_vending(list(frames.values()), own),
    }
    if start is not None:
        known = labelled_frames(start.detect, folder / "images", classes)
        classes_known = [*start.classes, "muck_truck"]
        measured["starting_weights"] = {
            "vehicles_at_0.25": counts_text(vehicles(known, flat(COMMON_SCORE, classes_known))),
            "vehicle_precision_at_recall_0.90": precision_at_recall(known, classes_known),
        }
    return measured


def false_vending(frames: list[Frame], least: dict[str, float]) -> dict[str, float]:
    """Vending objects found per 100 frames of streets that have none."""
    return {
        name: round(100 * count([f.merged({name}, least) for f in frames]).wrong / len(frames), 2)
        for name in VENDING
    }


def measure_clips(look: Look, clips: Path, card: ModelCard) -> dict[str, Any]:
    """False vending on clips of real streets without any."""
    frames = [frame_of(look(rgb), []) for rgb in clip_frames(clips)]
    return {
        "frames": len(frames),
        "false_per_100_frames": false_vending(frames, card.thresholds),
    }


def split_frames(look: Look, data: Path, split: str) -> dict[str, Frame]:
    """Detections and labels of one split of a data set."""
    classes, splits = read_data_yaml(data)
    return labelled_frames(look, splits[split], classes)


def measure_rendered(look: Look, data: Path) -> dict[str, Any]:
    """mAP50 on the test split of what only renders have, of the rest, and of what is not small."""
    classes, splits = read_data_yaml(data)
    frames = labelled_frames(look, splits["test"], classes)
    longest = {path.stem: max(image_size(path)) for path in list_images(splits["test"])}
    large = [frame.without_small(LARGE_SHARE * longest[stem]) for stem, frame in frames.items()]
    return {
        "frames": len(frames),
        **precisions(list(frames.values())),
        f"objects_of_{LARGE_SHARE:.0%}_of_the_picture_or_more": precisions(large),
    }


def precisions(frames: list[Frame]) -> dict[str, Any]:
    """Average precision of each class, and of stall and cart taken for one; objects counted."""
    scores = {name: average_precision(frames, name) for name in STREET_CLASSES}
    there = Counter(label for frame in frames for label in frame.truth_labels)
    sold_from = average_precision(frames, "stall", "cart")
    return {
        "ap50": {name: round(score, 3) for name, score in scores.items() if score is not None},
        "map50_vending_and_muck_truck": round(
            float(np.mean([scores[name] or 0.0 for name in RENDERED])), 3
        ),
        "ap50_stall_or_cart": round(sold_from or 0.0, 3),
        "objects": {name: there[name] for name in STREET_CLASSES if there[name]},
    }


def choose_thresholds(frames: dict[str, Frame]) -> dict[str, float]:
    """Thresholds at the best F score of each class on the validation split.

    What real frames show is decided on real frames only.
    """
    every = list(frames.values())
    real = [frame for stem, frame in frames.items() if stem.startswith("real_")]
    chosen = {}
    for name in STREET_CLASSES:
        rendered = name in RENDERED
        shown = every if rendered else real
        there = any(name in frame.truth_labels for frame in shown)
        beta = CAREFUL_BETA if name in CAREFUL else 1.0
        chosen[name] = (
            best_threshold(shown, name, candidates=THRESHOLD_CANDIDATES, beta=beta)
            if there
            else COMMON_SCORE
        )
    return chosen


def machine(engine: str) -> str:
    """The machine, in words for the card."""
    name = {"onnxruntime": "ONNX Runtime", "openvino": "OpenVINO"}[engine]
    return f"{os.cpu_count()} CPU cores ({platform.machine()}), no GPU; {name}"


def main() -> None:
    """Measure what was given, print it, write it onto the card."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", type=Path, default=ROOT / "models" / "street")
    parser.add_argument("--data", type=Path, help="YOLO folder with val and test splits")
    parser.add_argument("--fixedcam", type=Path, help="folder of the fixed camera's frames")
    parser.add_argument("--clips", type=Path, help="folder of clips without vending")
    parser.add_argument("--start", type=Path, help="ONNX export of the starting weights")
    parser.add_argument("--precision", choices=("fp16", "int8"), help="measure this variant")
    parser.add_argument("--coarse", action="store_true", help="coarse looks, as under load")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--engine", choices=("onnxruntime", "openvino"), default="onnxruntime")
    parser.add_argument("--set-thresholds", action="store_true")
    parser.add_argument("--print-only", action="store_true")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    options = RuntimeOptions(engine=arguments.engine, threads=arguments.threads)
    if arguments.set_thresholds:
        model = registered(arguments.model)
        detector = low_detector(model, None, options)
        chosen = choose_thresholds(split_frames(detector.detect, arguments.data, "val"))
        print("thresholds", chosen)
        write_card(
            model.card.model_copy(update={"thresholds": chosen}), arguments.model / "card.yaml"
        )
    model = registered(arguments.model)
    card = model.card
    look = partial(
        low_detector(model, arguments.precision, options).detect, fine=not arguments.coarse
    )
    variant = f"_{arguments.precision}" if arguments.precision else ""
    variant += "_coarse" if arguments.coarse else ""
    start = None
    if arguments.start:
        assert card.input is not None and card.input.size_wh is not None  # noqa: S101 - it detects
        start = low_detector(bare_model(arguments.start, card.input.size_wh), None, options)
    tables: list[tuple[str, str, Callable[[], dict[str, Any]]]] = []
    if arguments.fixedcam:
        tables.append(
            (
                f"fixedcam{variant}",
                "74 real frames of one street camera, never trained on; vehicles of all kinds "
                "merged, IoU 0.5; tippers by the surest detection over their label, IoU 0.3; "
                "vending objects found although there are none",
                lambda: measure_fixedcam(look, arguments.fixedcam, card, start),
            )
        )
    if arguments.clips:
        tables.append(
            (
                f"clips{variant}",
                "every tenth frame of three real clips without vending, card thresholds",
                lambda: measure_clips(look, arguments.clips, card),
            )
        )
    if arguments.data:
        tables.append(
            (
                f"rendered_test{variant}",
                "rendered test split with assets, seeds and views that training never saw; average "
                "precision at IoU 0.5, over all labelled objects, and over those whose longer side "
                f"is {LARGE_SHARE:.0%} of the picture's or more (48 pixels of 960)",
                lambda: measure_rendered(look, arguments.data),
            )
        )
    for key, what, measure in tables:
        measured = measure()
        print(key, measured)
        if not arguments.print_only:
            command = COMMAND
            if arguments.engine != parser.get_default("engine"):
                command += f" --engine {arguments.engine}"
            if arguments.precision:
                command += f" --precision {arguments.precision}"
            if arguments.coarse:
                command += " --coarse"
            put_on_card(
                arguments.model / "card.yaml",
                Metric(
                    key=key,
                    what=what,
                    measured=measured,
                    command=command,
                    machine=machine(arguments.engine),
                ),
            )


if __name__ == "__main__":
    try:
        main()
    except (CityEyeError, ModelError) as error:
        raise SystemExit(str(error)) from error
