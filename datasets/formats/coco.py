"""COCO detection files: one JSON with ``images``, ``annotations`` and ``categories``.

Only boxes are read and written (https://cocodataset.org/#format-data); crowds are left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from datasets.formats.boxes import BadDataset, LabelledBox, LabelledImage


def write_coco(path: Path, images: Iterable[LabelledImage], classes: Sequence[str]) -> None:
    """Write one COCO file; pictures stay where they are and are named by their file name.

    Raises:
        BadDataset: a label that is not among the classes.
    """
    records: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for image_id, image in enumerate(images, start=1):
        width, height = image.size_wh
        records.append(
            {"id": image_id, "file_name": image.path.name, "width": width, "height": height}
        )
        for box in image.boxes:
            if box.label not in classes:
                raise BadDataset(f"{path}: label {box.label!r} is not among {list(classes)}")
            left, top, right, bottom = box.xyxy
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image_id,
                    "category_id": list(classes).index(box.label) + 1,
                    "bbox": [left, top, right - left, bottom - top],
                    "area": (right - left) * (bottom - top),
                    "iscrowd": 0,
                }
            )
    categories = [{"id": i, "name": name} for i, name in enumerate(classes, start=1)]
    content = {"images": records, "annotations": annotations, "categories": categories}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def read_coco(path: Path, images_folder: Path) -> tuple[tuple[str, ...], list[LabelledImage]]:
    """Read one COCO file.

    Args:
        path: JSON file.
        images_folder: folder that its file names are relative to.

    Returns:
        The class names by category number, and the pictures in the order of the file.

    Raises:
        BadDataset: no JSON, a missing field, or a number that points nowhere.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise BadDataset(f"{path}, line {error.lineno}: not JSON: {error.msg}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise BadDataset(f"{path}: cannot be read: {error}") from error
    names = {
        entry["id"]: str(entry["name"]) for entry in _entries(content, path, "categories", "name")
    }
    records = _entries(content, path, "images", "file_name", "width", "height")
    boxes: dict[Any, list[LabelledBox]] = {record["id"]: [] for record in records}
    for entry in _entries(content, path, "annotations", "image_id", "category_id", "bbox"):
        where = f"{path}, annotation {entry['id']}"
        if entry["category_id"] not in names or entry["image_id"] not in boxes:
            raise BadDataset(f"{where}: its image or category is not in the file")
        if not entry.get("iscrowd"):
            label = names[entry["category_id"]]
            boxes[entry["image_id"]].append(LabelledBox(label, _xyxy(entry["bbox"], where)))
    images = [
        LabelledImage(
            images_folder / str(record["file_name"]),
            (int(record["width"]), int(record["height"])),
            tuple(boxes[record["id"]]),
        )
        for record in records
    ]
    return tuple(names[key] for key in sorted(names)), images


def _entries(content: Any, path: Path, key: str, *fields: str) -> list[dict[str, Any]]:  # noqa: ANN401
    entries = content.get(key) if isinstance(content, dict) else None
    if not isinstance(entries, list):
        raise BadDataset(f"{path}: the list {key!r} is missing")
    for number, entry in enumerate(entries):
        missing = [f for f in ("id", *fields) if not isinstance(entry, dict) or f not in entry]
        if missing:
            raise BadDataset(f"{path}, {key}[{number}]: {', '.join(missing)} missing")
    return entries


def _xyxy(bbox: Any, where: str) -> tuple[float, float, float, float]:  # noqa: ANN401
    try:
        left, top, width, height = (float(value) for value in bbox)
    except (TypeError, ValueError) as error:
        raise BadDataset(f"{where}: bbox {bbox!r} is not four numbers") from error
    if not (width >= 0 and height >= 0):
        raise BadDataset(f"{where}: bbox {bbox!r} has a negative size")
    return left, top, left + width, top + height
