"""YOLO folders: ``images/<split>/``, ``labels/<split>/`` and ``data.yaml``.

The layout is that of ultralytics: a text file per picture, a line per object, ``class x y w h``
with the centre and the size as shares of the picture. A picture without a label file has no
objects. ``data.yaml`` holds no ``path``: the folder may be moved.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import cv2
import yaml

from datasets.formats.boxes import BadDataset, LabelledBox, LabelledImage

SPLITS = ("train", "val", "test")
IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})

# Six decimals keep a 10,000 px picture exact to a hundredth of a pixel.
_DECIMALS = 6
# Rounding lets real exports stray this far over the edge; more is a mistake.
_OVER_EDGE = 1e-3


def read_yolo_labels(
    path: Path, size_wh: tuple[int, int], classes: Sequence[str]
) -> tuple[LabelledBox, ...]:
    """Read the objects of one picture.

    Args:
        path: label file; one that does not exist holds no objects.
        size_wh: width and height of the picture in pixels.
        classes: names in the order of the class numbers.

    Raises:
        BadDataset: a line that is not ``class x y w h`` or lies outside of the picture.
    """
    if not path.exists():
        return ()
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadDataset(f"{path}: cannot be read as text: {error}") from error
    return tuple(
        _parse_line(line, f"{path}, line {number}", size_wh, classes)
        for number, line in enumerate(lines, start=1)
        if line.strip()
    )


def _parse_line(
    line: str, where: str, size_wh: tuple[int, int], classes: Sequence[str]
) -> LabelledBox:
    words = line.split()
    if len(words) != 5:
        raise BadDataset(f"{where}: expected 'class x y w h', found {len(words)} values")
    try:
        number, (x, y, w, h) = int(words[0]), (float(word) for word in words[1:])
    except ValueError as error:
        raise BadDataset(f"{where}: not a number: {error}") from error
    if not 0 <= number < len(classes):
        raise BadDataset(f"{where}: class {number} of {len(classes)} classes")
    edges = (x - w / 2, y - h / 2, x + w / 2, y + h / 2)
    inside = all(-_OVER_EDGE <= edge <= 1 + _OVER_EDGE for edge in edges)
    # A comparison with NaN is false, so NaN ends here too.
    if not (inside and w > 0 and h > 0):
        raise BadDataset(f"{where}: box {words[1:]} is empty or leaves the picture")
    left, top, right, bottom = (min(max(edge, 0.0), 1.0) for edge in edges)
    width, height = size_wh
    return LabelledBox(
        classes[number], (left * width, top * height, right * width, bottom * height)
    )


def write_yolo_labels(
    path: Path,
    boxes: Iterable[LabelledBox],
    size_wh: tuple[int, int],
    classes: Sequence[str],
) -> None:
    """Write the objects of one picture, cut at its edges; empty ones are left out.

    Raises:
        BadDataset: a label that is not among the classes, or a coordinate that is not finite.
    """
    width, height = size_wh
    lines = []
    for box in boxes:
        if box.label not in classes:
            raise BadDataset(f"{path}: label {box.label!r} is not among {list(classes)}")
        if not all(math.isfinite(value) for value in box.xyxy):
            raise BadDataset(f"{path}: box {box.xyxy} is not finite")
        left, right = (min(max(box.xyxy[i] / width, 0.0), 1.0) for i in (0, 2))
        top, bottom = (min(max(box.xyxy[i] / height, 0.0), 1.0) for i in (1, 3))
        shares = ((left + right) / 2, (top + bottom) / 2, right - left, bottom - top)
        words = [f"{share:.{_DECIMALS}f}" for share in shares]
        if float(words[2]) > 0 and float(words[3]) > 0:
            lines.append(" ".join([str(list(classes).index(box.label)), *words]))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def write_data_yaml(folder: Path, classes: Sequence[str], splits: Iterable[str]) -> Path:
    """Write ``data.yaml`` for the given splits and return its path."""
    content: dict[str, object] = {split: f"images/{split}" for split in splits}
    content["names"] = dict(enumerate(classes))
    path = folder / "data.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return path


def read_data_yaml(folder: Path) -> tuple[tuple[str, ...], dict[str, Path]]:
    """Return the class names and the picture folder of each split.

    Raises:
        BadDataset: ``data.yaml`` is missing, no YAML, or without names.
    """
    path = folder / "data.yaml"
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadDataset(f"{path}: cannot be read: {error}") from error
    names = content.get("names") if isinstance(content, dict) else None
    if isinstance(names, dict):
        if sorted(names) != list(range(len(names))):
            raise BadDataset(f"{path}: names must be numbered 0 to {len(names) - 1} without gaps")
        names = [names[i] for i in range(len(names))]
    if not isinstance(names, list) or not names:
        raise BadDataset(f"{path}: 'names' with the classes is missing")
    splits = {split: folder / str(content[split]) for split in SPLITS if content.get(split)}
    return tuple(str(name) for name in names), splits


def label_path(image: Path) -> Path:
    """Return where the labels of a picture under ``images/`` lie: beside it under ``labels/``."""
    parts = list(image.parts)
    at = len(parts) - 1 - parts[::-1].index("images")
    parts[at] = "labels"
    return Path(*parts).with_suffix(".txt")


def list_images(folder: Path) -> list[Path]:
    """Return the pictures of a folder by name; empty where there is no such folder."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)


def image_size(path: Path) -> tuple[int, int]:
    """Return width and height of a picture in pixels.

    Raises:
        BadDataset: the file is no picture.
    """
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise BadDataset(f"{path}: not a picture that can be read")
    return int(pixels.shape[1]), int(pixels.shape[0])


def read_yolo(folder: Path) -> dict[str, list[LabelledImage]]:
    """Read every split of a YOLO folder.

    Raises:
        BadDataset: as :func:`read_data_yaml`, :func:`read_yolo_labels` and :func:`image_size`.
    """
    classes, splits = read_data_yaml(folder)
    found: dict[str, list[LabelledImage]] = {}
    for split, images in splits.items():
        if not images.is_dir():
            raise BadDataset(f"{folder / 'data.yaml'}: split {split!r}: no folder {images}")
        found[split] = []
        for path in list_images(images):
            size_wh = image_size(path)
            boxes = read_yolo_labels(label_path(path), size_wh, classes)
            found[split].append(LabelledImage(path, size_wh, boxes))
    return found


def write_yolo(
    folder: Path, splits: Mapping[str, Iterable[LabelledImage]], classes: Sequence[str]
) -> None:
    """Write pictures and objects as a YOLO folder; the picture files are copied as they are.

    Raises:
        BadDataset: as :func:`write_yolo_labels`, or two pictures of a split share a name.
    """
    for split, images in splits.items():
        target = folder / "images" / split
        target.mkdir(parents=True, exist_ok=True)
        stems: set[str] = set()
        for image in images:
            if image.path.stem in stems:
                raise BadDataset(f"{image.path}: another picture of {split!r} has the same name")
            stems.add(image.path.stem)
            shutil.copyfile(image.path, target / image.path.name)
            labels = folder / "labels" / split / f"{image.path.stem}.txt"
            write_yolo_labels(labels, image.boxes, image.size_wh, classes)
    write_data_yaml(folder, classes, splits)
