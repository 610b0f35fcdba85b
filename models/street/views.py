"""What the street network is shown while it learns: windows cut out of labelled pictures.

A window is no larger than the detector's coarse look at a wide frame, and shows the picture nearer
or farther than that: objects that are small in a street camera's picture are also met large.
Pictures are read from disk when they are needed.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Queue

import cv2
import numpy as np
from numpy.typing import NDArray

Rgb = NDArray[np.uint8]
Labels = NDArray[np.float32]

GREY = 114
"""What the detector's letterbox is filled with."""
# What is cut off by more than this, or smaller, is not labelled: nobody could tell what it is.
_LEAST_SHARE, _LEAST_PX = 0.3, 4.0
# Of the windows, how many are put where an object is; the others fall anywhere.
_AIMED = 0.7
# Enlarged more than this, pixels that no camera took look like no camera's.
_MOST_ENLARGED = 1.7
_AHEAD = 2


@dataclass(frozen=True)
class Views:
    """How windows are cut and varied.

    Attributes:
        size_wh: Of a window in pixels, both multiples of 32.
        zoom: Least and most size against what a coarse look of the detector sees.
        input_px: Longer side of a coarse look.
        hue: Most change of hue, as a share of the circle.
        saturation: Most change of saturation, as a share.
        brightness: Most change of brightness, as a share.
    """

    size_wh: tuple[int, int]
    zoom: tuple[float, float]
    input_px: int
    hue: float
    saturation: float
    brightness: float

    def window(self, picture: Rgb, labels: Labels, rng: np.random.Generator) -> tuple[Rgb, Labels]:
        """Cut one window.

        Args:
            picture: uint8 (H, W, 3).
            labels: float32 (n, 5): class, then centre, width and height in shares of the picture.
            rng: Source of randomness.

        Returns:
            The window, uint8 `size_wh`, and the labels that are in it, in shares of it.
        """
        height, width = picture.shape[:2]
        low, high = self.zoom
        zoom = low * (high / low) ** rng.random()
        scale = min(self.input_px / max(width, height) * zoom, _MOST_ENLARGED)
        xyxy = _corners(labels) * np.tile((width * scale, height * scale), 2)
        aim = _aim(labels, xyxy, rng) if rng.random() < _AIMED else None
        left, top = self._place((width * scale, height * scale), aim, rng)
        mirrored = rng.random() < 0.5
        move = np.array([[scale, 0.0, -left], [0.0, scale, -top]])
        xyxy -= np.tile((left, top), 2)
        if mirrored:
            move[0] = -scale, 0.0, self.size_wh[0] + left
            xyxy = np.column_stack([self.size_wh[0] - xyxy[:, 2], xyxy[:, 1],
                                    self.size_wh[0] - xyxy[:, 0], xyxy[:, 3]])  # fmt: skip
        # Pixel centres lie half a pixel from the corners that boxes count in.
        move[:, 2] += move[:, :2] @ (0.5, 0.5) - 0.5
        if scale < 0.7:
            # Reading every second pixel would leave jags that no camera shows.
            picture = np.asarray(cv2.blur(picture, (round(1 / scale),) * 2), np.uint8)
        window = cv2.warpAffine(
            picture, move, self.size_wh, flags=cv2.INTER_LINEAR, borderValue=(GREY,) * 3
        )
        return self._relit(np.asarray(window, np.uint8), rng), self._kept(labels[:, 0], xyxy)

    def _place(
        self, size: tuple[float, float], box: Labels | None, rng: np.random.Generator
    ) -> tuple[float, float]:
        """Where in the scaled picture the window's left top corner lies; a box (4,) is in it."""
        corner = []
        for axis in range(2):
            room = size[axis] - self.size_wh[axis]
            low, high = min(room, 0.0), max(room, 0.0)
            if box is not None and room > 0:
                middle = (box[axis] + box[axis + 2]) / 2
                low = float(np.clip(middle - 0.9 * self.size_wh[axis], 0.0, room))
                high = float(np.clip(middle - 0.1 * self.size_wh[axis], low, room))
            corner.append(float(rng.uniform(low, high)))
        return corner[0], corner[1]

    def _relit(self, window: Rgb, rng: np.random.Generator) -> Rgb:
        """The window in another light."""
        turn, fade, gain = rng.uniform(-1, 1, 3)
        steps = np.arange(256, dtype=np.float32)
        tables = (
            ((steps + 180 * self.hue * turn) % 180),
            np.clip(steps * (1 + self.saturation * fade), 0, 255),
            np.clip(steps * (1 + self.brightness * gain), 0, 255),
        )
        hsv = cv2.cvtColor(window, cv2.COLOR_RGB2HSV)
        table = np.stack(tables, axis=-1).astype(np.uint8)[None]
        return np.asarray(cv2.cvtColor(cv2.LUT(hsv, table), cv2.COLOR_HSV2RGB), np.uint8)

    def _kept(self, classes: Labels, xyxy: Labels) -> Labels:
        """Labels of what is still seen of the boxes."""
        width, height = self.size_wh
        inside = np.clip(xyxy, 0, np.tile((width, height), 2))
        sides = inside[:, 2:] - inside[:, :2]
        whole = np.maximum((xyxy[:, 2:] - xyxy[:, :2]).prod(axis=1), 1e-6)
        seen = (sides.min(axis=1, initial=math.inf) >= _LEAST_PX) & (
            sides.prod(axis=1) / whole >= _LEAST_SHARE
        )
        middle = (inside[:, :2] + inside[:, 2:]) / 2
        shares = np.hstack([middle, sides]) / np.tile((width, height), 2)
        return np.asarray(np.column_stack([classes, shares])[seen], np.float32)


def _aim(labels: Labels, xyxy: Labels, rng: np.random.Generator) -> Labels | None:
    """The box of an object of any class; cars are many and would take nearly all windows."""
    if not len(labels):
        return None
    classes = np.unique(labels[:, 0])
    alike = np.flatnonzero(labels[:, 0] == classes[int(rng.integers(len(classes)))])
    return np.asarray(xyxy[alike[int(rng.integers(len(alike)))]], np.float32)


def _corners(labels: Labels) -> Labels:
    half = labels[:, 3:5] / 2
    return np.asarray(np.hstack([labels[:, 1:3] - half, labels[:, 1:3] + half]), np.float32)


def read_picture(path: Path) -> tuple[Rgb, Labels]:
    """Read a picture and its YOLO label file, which lies in `labels` where it lies in `images`.

    Raises:
        FileNotFoundError: The picture cannot be read.
    """
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise FileNotFoundError(f"{path}: not a picture that can be read")
    parts = list(path.parts)
    place = len(parts) - 1 - parts[::-1].index("images")
    parts[place] = "labels"
    lines = Path(*parts).with_suffix(".txt")
    text = lines.read_text(encoding="utf-8") if lines.exists() else ""
    numbers = [float(word) for word in text.split()]
    labels = np.array(numbers, np.float32).reshape(-1, 5)
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8), labels


Batch = tuple[NDArray[np.uint8], NDArray[np.float32]]
"""Windows (N, H, W, 3), and labels (n, 6): number of the window, class, centre, width, height."""


def batches(
    images: Sequence[Path], views: Views, *, batch: int, epochs: int, seed: int
) -> Generator[Batch]:
    """Batches of all epochs; the next ones are made while one is learned from.

    Args:
        images: Pictures of an epoch; one that is named twice is shown twice.
        views: How windows are cut.
        batch: Pictures a step; what does not fill a step at an epoch's end is left out.
        epochs: How often all are shown.
        seed: Of order and windows.
    """
    made: Queue[Batch | BaseException | None] = Queue(_AHEAD)
    stopped = threading.Event()

    def work() -> None:
        rng = np.random.default_rng(seed)
        try:
            for _ in range(epochs):
                order = rng.permutation(len(images))
                for start in range(0, len(order) - batch + 1, batch):
                    chosen = [images[int(number)] for number in order[start : start + batch]]
                    made.put(_batch(chosen, views, rng))
                    if stopped.is_set():
                        return
            made.put(None)
        except BaseException as error:
            made.put(error)

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    try:
        while (item := made.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stopped.set()
        while worker.is_alive():
            # A full queue would keep the worker waiting for ever.
            while not made.empty():
                made.get_nowait()
            worker.join(0.05)


def _batch(chosen: Sequence[Path], views: Views, rng: np.random.Generator) -> Batch:
    windows, labels = [], []
    for number, path in enumerate(chosen):
        window, found = views.window(*read_picture(path), rng)
        windows.append(window)
        labels.append(np.column_stack([np.full(len(found), number, np.float32), found]))
    return np.stack(windows), np.concatenate(labels).astype(np.float32)
