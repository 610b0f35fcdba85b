"""Labelled pictures as the readers and writers of this package pass them on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vision.errors import InputError

Xyxy = tuple[float, float, float, float]


class BadDataset(InputError):
    """A data set's file that cannot be read; the message names the file and the place in it."""


@dataclass(frozen=True, slots=True)
class LabelledBox:
    """One object in a picture.

    Attributes:
        label: class name.
        xyxy: left, top, right, bottom in pixels; 0 is the outer edge of the first pixel.
    """

    label: str
    xyxy: Xyxy


@dataclass(frozen=True, slots=True)
class LabelledImage:
    """A picture file with its objects.

    Attributes:
        path: image file.
        size_wh: width and height in pixels.
        boxes: objects; empty says that nothing of the classes is in it.
    """

    path: Path
    size_wh: tuple[int, int]
    boxes: tuple[LabelledBox, ...]
