"""Make the street detector's data: real frames, frames with rendered sprites in them, and renders.

Everything is drawn from the seed: the same inputs give the same files. Validation frames come from
cameras that training never sees; test frames hold only sprites kept for testing.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import multiprocessing
import os
import shlex
import shutil
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from datasets.classes import STREET_CLASSES  # noqa: E402
from datasets.composing.composing import SeenTruck, compose  # noqa: E402
from datasets.composing.frame import Bgr, read_frame  # noqa: E402
from datasets.composing.lamps import hang_lamp  # noqa: E402
from datasets.composing.look import measure_look  # noqa: E402
from datasets.composing.placing import DENSE, PLAIN, choose_placings  # noqa: E402
from datasets.composing.sources import StreetFrame, list_frames, split_by_camera  # noqa: E402
from datasets.composing.sprites import Sprite, read_sprites  # noqa: E402
from datasets.composing.weather import weather  # noqa: E402
from datasets.formats.boxes import BadDataset, LabelledBox  # noqa: E402
from datasets.formats.card import DataSource, SplitCounts, write_dataset_card  # noqa: E402
from datasets.formats.yolo import (  # noqa: E402
    image_size,
    list_images,
    read_yolo_labels,
    write_data_yaml,
    write_yolo_labels,
)
from datasets.kept_out import KEPT_OUT  # noqa: E402
from vision.errors import CityEyeError  # noqa: E402

LONGEST_PX = 960
# Training cuts windows out of its pictures (see models/street/views.py): more pixels to cut from.
LONGEST_TRAIN_PX = 1280
JPEG_QUALITY = (70, 92)
# A scale read from fewer vehicles is a guess; such frames carry sprites less often.
MEASURED_SUPPORT = 6
GUESSED_WEIGHT = 0.01
VALIDATION_RENDERS = 12
PLACING_ROUNDS = 6


@dataclass(slots=True)
class Output:
    """The folder being written, and what is in it so far."""

    folder: Path
    images: Counter[str] = field(default_factory=Counter)
    objects: defaultdict[str, Counter[str]] = field(
        default_factory=lambda: defaultdict(lambda: Counter(dict.fromkeys(STREET_CLASSES, 0)))
    )
    trucks: list[dict[str, Any]] = field(default_factory=list)

    def label(
        self,
        split: str,
        name: str,
        *,
        boxes: Sequence[LabelledBox],
        size_wh: tuple[int, int],
        trucks: Iterable[SeenTruck],
    ) -> Path:
        """Write the labels of one picture and return where the picture must go."""
        path = self.folder / "images" / split / name
        path.parent.mkdir(parents=True, exist_ok=True)
        labels = self.folder / "labels" / split / f"{path.stem}.txt"
        write_yolo_labels(labels, boxes, size_wh, STREET_CLASSES)
        self.images[split] += 1
        self.objects[split].update(box.label for box in boxes)
        for truck in trucks:
            entry = {"image": f"images/{split}/{name}", "xyxy": [round(v, 2) for v in truck.xyxy]}
            self.trucks.append(entry | {"load_state": truck.state, "split": split})
        return path


def jpeg(pixels: Bgr, quality: int) -> bytes:
    """Return the content of a JPEG file."""
    return cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def write_picture(path: Path, content: bytes) -> None:
    """Write a file.

    Raises:
        BadDataset: It cannot be written.
    """
    try:
        path.write_bytes(content)
    except OSError as error:
        raise BadDataset(f"{path}: cannot be written ({error.strerror})") from error


def longest_px(split: str) -> int:
    """Return the longer side of a split's frames, at most."""
    return LONGEST_TRAIN_PX if split == "train" else LONGEST_PX


def add_real(output: Output, split: str, frames: Iterable[StreetFrame]) -> None:
    """Add real frames as they are, but for their size."""
    for frame in frames:
        pixels, boxes = frame.read(STREET_CLASSES, longest_px(split))
        size_wh = (pixels.shape[1], pixels.shape[0])
        # Names of exports are long and repeat between sets; a digest tells them apart.
        digest = hashlib.sha256(f"{frame.source}/{frame.image.stem}".encode()).hexdigest()[:12]
        name = f"real_{frame.source}_{digest}.jpg"
        path = output.label(split, name, boxes=boxes, size_wh=size_wh, trucks=())
        write_picture(path, jpeg(pixels, JPEG_QUALITY[1]))


def weights_of(frames: Sequence[StreetFrame]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return how often each frame carries sprites, adding up to one.

    A camera with many frames counts as the root of their number: its street must not be all that
    new classes are ever seen on.
    """
    of_camera = Counter((frame.source, frame.camera) for frame in frames)
    weights = np.empty(len(frames))
    for i, frame in enumerate(frames):
        pixels, boxes = frame.read(STREET_CLASSES, LONGEST_PX)
        support = read_frame(pixels, boxes).scale.support
        weights[i] = 1.0 if support >= MEASURED_SUPPORT else GUESSED_WEIGHT
        weights[i] /= math.sqrt(of_camera[frame.source, frame.camera])
    return np.asarray(weights / weights.sum())


@dataclass(frozen=True, slots=True)
class Composing:
    """What composed frames of one split are made of.

    Attributes:
        split: Theirs.
        frames: Streets to put sprites into.
        weights: How often each is taken, adding up to one.
        sprites: To put into them.
        seed: Each frame depends on it, the split and its own number, and on nothing else.
    """

    split: str
    frames: Sequence[StreetFrame]
    weights: np.ndarray[Any, np.dtype[np.float64]]
    sprites: Sequence[Sprite]
    seed: int

    def made(self, number: int) -> ComposedFrame:
        """Return a frame by its number."""
        rng = np.random.default_rng([self.seed, sum(self.split.encode()), number])
        learns = self.split == "train"
        # A frame without room is put back; after some rounds it is taken as it is, a negative.
        for _ in range(PLACING_ROUNDS):
            source = self.frames[int(rng.choice(len(self.frames), p=self.weights))]
            frame = read_frame(*source.read(STREET_CLASSES, longest_px(self.split)))
            look = measure_look(frame)
            placings = choose_placings(
                frame,
                self.sprites,
                is_night=look.is_night,
                rng=rng,
                crowd=DENSE if learns else PLAIN,
            )
            if placings:
                break
        composed = compose(frame, look, placings, rng)
        pixels = hang_lamp(composed.pixels, composed.boxes, rng) if learns else composed.pixels
        pixels = weather(pixels, rng)
        content = jpeg(pixels, int(rng.integers(JPEG_QUALITY[0], JPEG_QUALITY[1] + 1)))
        return ComposedFrame(content, composed.boxes, frame.size_wh, composed.trucks)


@dataclass(frozen=True, slots=True)
class ComposedFrame:
    """A picture with sprites in it: its JPEG file and what is seen in it."""

    jpeg: bytes
    boxes: Sequence[LabelledBox]
    size_wh: tuple[int, int]
    trucks: Sequence[SeenTruck]


def add_composed(output: Output, composing: Composing, count: int, *, processes: int) -> None:
    """Add frames with sprites in them."""
    split = composing.split
    if count == 0:
        return
    with multiprocessing.get_context("fork").Pool(processes, _become, (composing,)) as pool:
        for number, made in enumerate(pool.imap(_made, range(count), chunksize=4)):
            name = f"composed_{split}_{number:05d}.jpg"
            path = output.label(
                split, name, boxes=made.boxes, size_wh=made.size_wh, trucks=made.trucks
            )
            write_picture(path, made.jpeg)


def _become(composing: Composing) -> None:
    """Make this process one that composes: what frames are made of is inherited, not sent."""
    global _composing
    cv2.setNumThreads(1)
    _composing = composing


def _made(number: int) -> ComposedFrame:
    return _composing.made(number)


_composing: Composing


def add_copy(
    output: Output,
    split: str,
    image: Path,
    labels: Path,
    *,
    name: str,
    trucks: Iterable[SeenTruck],
) -> None:
    """Add a labelled picture as it is."""
    size_wh = image_size(image)
    boxes = read_yolo_labels(labels, size_wh, STREET_CLASSES)
    path = output.label(split, name, boxes=boxes, size_wh=size_wh, trucks=trucks)
    shutil.copyfile(image, path)


def add_renders(output: Output, folder: Path) -> None:
    """Add pure renders: their ``train`` but for one in twelve, which validates, and ``test``."""
    trucks = read_trucks(folder / "objects.jsonl")
    for origin in ("train", "test"):
        for image in list_images(folder / "images" / origin):
            split = "val" if origin == "train" and validates(image.stem) else origin
            labels = folder / "labels" / origin / f"{image.stem}.txt"
            seen = trucks[f"{origin}/{image.name}"]
            add_copy(output, split, image, labels, name=f"render_{image.name}", trucks=seen)


def add_clips(output: Output, folder: Path) -> None:
    """Add pictures of clips to learn from; one street in twelve validates."""
    for image in list_images(folder / "images" / "train"):
        street = image.stem.rpartition("_")[0]
        split = "val" if validates(street) else "train"
        labels = folder / "labels" / "train" / f"{image.stem}.txt"
        add_copy(output, split, image, labels, name=f"clip_{image.name}", trucks=())


def validates(name: str) -> bool:
    """Return whether what is rendered for training is kept for validation: one in twelve."""
    return hashlib.sha256(name.encode()).digest()[0] % VALIDATION_RENDERS == 0


def rendered_streets(folder: Path) -> list[StreetFrame]:
    """List the renders that are learned from: more is composed into their streets, too."""
    return [
        StreetFrame("renders", image, folder / "labels" / "train" / f"{image.stem}.txt", True)
        for image in list_images(folder / "images" / "train")
        if not validates(image.stem)
    ]


def read_trucks(path: Path) -> defaultdict[str, list[SeenTruck]]:
    """Read the muck trucks of the renders by "split/file name"; none where there is no list."""
    found: defaultdict[str, list[SeenTruck]] = defaultdict(list)
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    for number, line in enumerate(lines, start=1):
        try:
            entry = json.loads(line)
            left, top, right, bottom = (float(value) for value in entry["xyxy"])
            key = "/".join(Path(entry["image"]).parts[-2:])
            found[key].append(SeenTruck((left, top, right, bottom), str(entry["load_state"])))
        except (KeyError, TypeError, ValueError) as error:
            raise BadDataset(f"{path}, line {number}: not a truck: {error!r}") from error
    return found


def parse_frames(text: str) -> tuple[Path, Path, str]:
    """Split FOLDER:LABELS[:LICENCE]."""
    words = text.split(":", 2)
    if len(words) < 2:
        raise argparse.ArgumentTypeError(f"{text!r} is not FOLDER:LABELS[:LICENCE]")
    licence = words[2] if len(words) == 3 else "not stated"
    return Path(words[0]), Path(words[1]), licence


def source_name(images: Path) -> str:
    """Return the name of a set of frames: its folder, or the one above ``images``."""
    return images.resolve().parent.name if images.name == "images" else images.name


def arguments(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--frames",
        type=parse_frames,
        action="append",
        required=True,
        metavar="FOLDER:LABELS[:LICENCE]",
        help="real frames and their YOLO labels in the street classes (may be repeated)",
    )
    parser.add_argument("--sprites", type=Path, required=True, help="folder with sprites.jsonl")
    parser.add_argument("--renders", type=Path, help="YOLO folder of rendered scenes to add")
    parser.add_argument("--clips", type=Path, help="folder of scripts/make_training_clips.py")
    parser.add_argument("--count-train", type=int, default=900, help="composed frames to train on")
    parser.add_argument("--count-val", type=int, default=100, help="composed frames to validate")
    parser.add_argument("--count-test", type=int, default=150, help="composed frames to test")
    parser.add_argument("--seed", type=int, default=7, help="seed of all randomness, 0 or more")
    parser.add_argument(
        "--processes", type=int, default=os.cpu_count() or 1, help="that compose at the same time"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder to write; must be new")
    args = parser.parse_args(argv)
    if min(args.seed, args.count_train, args.count_val, args.count_test) < 0:
        parser.error("--seed and the counts must be 0 or more")
    return args


def make(args: argparse.Namespace, command: str) -> Output:
    """Write the whole data set."""
    if args.out.exists() and any(args.out.iterdir()):
        raise BadDataset(f"{args.out}: is not empty; name a new folder or remove it first")
    sprites = read_sprites(args.sprites)
    frames = [
        frame
        for images, labels, _ in args.frames
        for frame in list_frames(images, labels, source=source_name(images), excluded=KEPT_OUT)
    ]
    train, val = split_by_camera(frames)
    for_training = [s for s in sprites if s.split == "train" and not s.is_for_validation()]
    for_validation = [s for s in sprites if s.split == "train" and s.is_for_validation()]
    for_test = [s for s in sprites if s.split == "test"]
    output = Output(args.out)
    add_real(output, "train", train)
    add_real(output, "val", val)
    streets = rendered_streets(args.renders) if args.renders is not None else []
    for split, of_split, kept, count in (
        ("train", train + streets, for_training, args.count_train),
        ("val", val, for_validation, args.count_val),
        ("test", val, for_test, args.count_test),
    ):
        if count and not (of_split and kept):
            raise BadDataset(f"{split}: {len(of_split)} frames and {len(kept)} sprites to compose")
        weights = weights_of(of_split) if count else np.empty(0)
        composing = Composing(split, of_split, weights, kept, args.seed)
        add_composed(output, composing, count, processes=args.processes)
    if args.renders is not None:
        add_renders(output, args.renders)
    if args.clips is not None:
        add_clips(output, args.clips)
    write_card(output, args, command)
    return output


def write_card(output: Output, args: argparse.Namespace, command: str) -> None:
    """Write the list of trucks, ``data.yaml`` and the card."""
    text = "".join(json.dumps(truck) + "\n" for truck in output.trucks)
    (output.folder / "objects.jsonl").write_text(text, encoding="utf-8")
    splits = [split for split in ("train", "val", "test") if output.images[split]]
    write_data_yaml(output.folder, STREET_CLASSES, splits)
    sources = [
        DataSource(what=f"real frames {source_name(images)}", licence=licence)
        for images, _, licence in args.frames
    ]
    sources.append(
        DataSource(what="objects and scenes rendered by datasets/scenes", licence="this project's")
    )
    write_dataset_card(
        output.folder,
        name="street",
        command=command,
        seed=args.seed,
        splits={
            split: SplitCounts(images=output.images[split], objects=dict(output.objects[split]))
            for split in splits
        },
        sources=sources,
        notes=[
            "muck_truck, stall, cart and canopy are rendered or composed: none is real.",
            "Validation and test share real frames; their sprites and renders differ.",
        ],
    )


def main(argv: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    args = arguments(argv)
    cv2.setNumThreads(1)
    words = sys.argv[1:] if argv is None else argv
    try:
        output = make(args, shlex.join(["python", "scripts/make_street_dataset.py", *words]))
    except CityEyeError as error:
        sys.stderr.write(f"{error}\n")
        return 4
    for split, images in output.images.items():
        objects = ", ".join(f"{name} {n}" for name, n in output.objects[split].items())
        sys.stdout.write(f"{split}: {images} pictures; {objects}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
