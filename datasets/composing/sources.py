"""Frames to compose into: where they lie, and which camera took them."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from datasets.composing.frame import Bgr
from datasets.formats.boxes import BadDataset, LabelledBox
from datasets.formats.yolo import list_images, read_yolo_labels

# Frames of one camera look alike: kept out of training as whole cameras, up to this share.
_VALIDATION_SHARE = 0.14
# Words of other sets' splits, the export's hash, then the number of the frame.
_SPLIT_WORD = re.compile(r"^(train|valid|val|test)_")
_EXPORT_HASH = re.compile(r"_(jpg|jpeg|png)\.rf\..*$")
_FRAME_NUMBER = re.compile(r"[-_]?\d+$")


@dataclass(frozen=True, slots=True)
class StreetFrame:
    """A frame of a street and its labels: a real one, or a rendered one to compose more into.

    Attributes:
        source: name of the set it belongs to.
        image: picture file.
        labels: YOLO label file.
        rendered: whether it is a render; no two of them show the same street.
    """

    source: str
    image: Path
    labels: Path
    rendered: bool = False

    @property
    def camera(self) -> str:
        """The part of the file's name that its camera's frames share."""
        return self.image.stem if self.rendered else camera_of(self.image.stem)

    def read(
        self, classes: tuple[str, ...], longest_px: int
    ) -> tuple[Bgr, tuple[LabelledBox, ...]]:
        """Return pixels, blue first, made smaller to ``longest_px`` at most, and the labels.

        Raises:
            BadDataset: the picture or its labels cannot be read.
        """
        pixels = cv2.imread(str(self.image), cv2.IMREAD_COLOR)
        if pixels is None:
            raise BadDataset(f"{self.image}: not a picture that can be read")
        longest = max(pixels.shape[:2])
        if longest > longest_px:
            share = longest_px / longest
            size = (round(pixels.shape[1] * share), round(pixels.shape[0] * share))
            pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
        size_wh = (pixels.shape[1], pixels.shape[0])
        return np.asarray(pixels, np.uint8), read_yolo_labels(self.labels, size_wh, classes)


def camera_of(stem: str) -> str:
    """Return what the frames of one camera share in their names.

    >>> camera_of("train_10_mp4-43_jpg.rf.4bcb6ffca030"), camera_of("test_A317")
    ('10_mp4', 'A')
    """
    plain = _SPLIT_WORD.sub("", _EXPORT_HASH.sub("", stem))
    return _FRAME_NUMBER.sub("", plain)


def list_frames(
    images: Path, labels: Path, *, source: str, excluded: frozenset[str]
) -> list[StreetFrame]:
    """Return the labelled frames of a folder by name; pictures without a label file are left out.

    Args:
        images: folder with pictures.
        labels: folder with YOLO label files of the same names.
        source: name of the set.
        excluded: file names without suffix that must not be used.

    Raises:
        BadDataset: none is found.
    """
    frames = [
        StreetFrame(source, image, labels / f"{image.stem}.txt")
        for image in list_images(images)
        if image.stem not in excluded and (labels / f"{image.stem}.txt").exists()
    ]
    if not frames:
        raise BadDataset(f"{images}: no picture has its label file in {labels}")
    return frames


def split_by_camera(frames: Iterable[StreetFrame]) -> tuple[list[StreetFrame], list[StreetFrame]]:
    """Return frames for training and for validation, source by source, no camera in both.

    Cameras go to validation in the order of a hash of their name as long as the share allows, so
    that one camera with most of the frames stays in training.
    """
    by_source: dict[str, dict[str, list[StreetFrame]]] = defaultdict(lambda: defaultdict(list))
    for frame in frames:
        by_source[frame.source][frame.camera].append(frame)
    train: list[StreetFrame] = []
    val: list[StreetFrame] = []
    for source, cameras in sorted(by_source.items()):
        room = _VALIDATION_SHARE * sum(len(group) for group in cameras.values())
        for camera in sorted(cameras, key=lambda name: _hash(f"{source}/{name}")):
            group = cameras[camera]
            if len(group) <= room:
                room -= len(group)
                val.extend(group)
            else:
                train.extend(group)
    return sorted(train, key=_order), sorted(val, key=_order)


def _order(frame: StreetFrame) -> tuple[str, str]:
    return frame.source, frame.image.name


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
