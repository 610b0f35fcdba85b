"""Find people, vehicles and stalls in one frame with a registered detection model."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.cards import InputSpec, Precision
from models.registry import RegisteredModel, is_end_to_end
from models.runtime import OnnxModel, RuntimeOptions
from vision.camera.letterbox import fit, to_input
from vision.errors import InputError
from vision.finding import ModelRef

NMS_IOU = 0.45
"""Of two boxes of one class that overlap by more, the weaker is dropped.

On a real street camera 0.45 against 0.7 (ultralytics' default) raised the precision of vehicles
from 0.82 to 0.86 and cost half a point of recall.
"""

ALIKE = (("car", "bus", "truck", "muck_truck"), ("stall", "cart"))
"""Classes of which one object has one: a lorry seen as a truck and as a muck truck is one lorry."""
ALIKE_IOU = 0.7
"""Of two boxes of alike classes that overlap by more, the weaker is the same object again.

Higher than :data:`NMS_IOU`: a car before a lorry is a second object.
"""

GRID_PX = 32
"""Sides of a model's input are multiples of this: the coarsest stride of a YOLO head."""
COARSE = 2 / 3
"""Sides of a coarse look, against those of a fine one: it costs less than half."""
SMALL_SHARE, LARGE_SHARE = 0.17, 0.13
"""Longer side of an object as a share of the frame's: below the first a close look answers for it,
from the second on a coarse one. In between both do, or one that each takes for the other's would be
lost."""
GOODS, GOODS_SHARE = ("stall", "cart"), 0.05
"""Classes of which both looks answer from this share on. Goods are many small things and one large
one: on rendered scenes each look finds some that the other misses."""
MOST_SIZES = 16
"""Sizes of input that a model is kept ready for."""
MOST_SLENDER = 4.0
"""Pictures that are longer for their width than this are padded to it."""


@dataclass(frozen=True, eq=False)
class Detections:
    """What was seen in one frame, the surest first. The arrays cannot be written to.

    Attributes:
        boxes_xyxy: float32 (n, 4), frame pixels, inside the frame.
        scores: float32 (n,), 0 to 1.
        class_ids: int64 (n,), the model's class numbers.
        names: n class names.
    """

    boxes_xyxy: NDArray[np.float32]
    scores: NDArray[np.float32]
    class_ids: NDArray[np.int64]
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        """Close the arrays for writing."""
        for array in (self.boxes_xyxy, self.scores, self.class_ids):
            array.setflags(write=False)

    def __len__(self) -> int:
        """How many objects were seen."""
        return len(self.scores)

    @property
    def longer_px(self) -> NDArray[np.float32]:
        """Longer sides of the boxes, float32 (n,), frame pixels."""
        return np.asarray((self.boxes_xyxy[:, 2:] - self.boxes_xyxy[:, :2]).max(axis=1))

    def only(self, kept: NDArray[np.bool_], *, shift_xy: tuple[int, int] = (0, 0)) -> Detections:
        """Return some of them, moved.

        Args:
            kept: bool (n,), which.
            shift_xy: Pixels to move them by.
        """
        return Detections(
            boxes_xyxy=self.boxes_xyxy[kept] + np.array(shift_xy * 2, np.float32),
            scores=self.scores[kept],
            class_ids=self.class_ids[kept],
            names=tuple(name for name, is_kept in zip(self.names, kept, strict=True) if is_kept),
        )


class Detector:
    """A detection model, opened and checked, with the thresholds of its card."""

    def __init__(
        self,
        model: RegisteredModel,
        *,
        thresholds: Mapping[str, float] | None = None,
        options: RuntimeOptions | None = None,
        precision: Precision | None = None,
    ) -> None:
        """Open a model.

        Args:
            model: A registered model for the task ``detect``.
            thresholds: Least score by class name; where a class is not named, its card's holds.
            options: Engine and threads.
            precision: Which variant of the model; none for its main file.

        Raises:
            InputError: The model is for another task, or a threshold is for no class of it.
            ModelError: The model's file is not what its card says.
        """
        card = model.card
        if card.task != "detect" or card.input is None or card.input.size_wh is None:
            raise InputError(f"{model.label} is for the task {card.task}; name a detection model")
        unknown = sorted(set(thresholds or {}) - set(card.classes))
        if unknown:
            raise InputError(
                f"{model.label} has no class {', '.join(unknown)}; it has {', '.join(card.classes)}"
            )
        merged = {**card.thresholds, **(thresholds or {})}
        self.classes = tuple(card.classes)
        self.ref = ModelRef(name=card.name, version=card.version, sha256=model.sha256(precision))
        self._spec: InputSpec = card.input
        self._size_wh: tuple[int, int] = card.input.size_wh
        self.card_thresholds: Mapping[str, float] = dict(card.thresholds)
        self._thresholds = np.array([merged[name] for name in card.classes], np.float32)
        groups = {name: group[0] for group in ALIKE for name in group}
        heads = [groups.get(name, name) for name in card.classes]
        self._groups = np.array([heads.index(head) for head in heads], np.int64)
        self._goods = np.array([name in GOODS for name in card.classes])
        self._onnx = model.open(options, precision=precision)
        self._lock = threading.Lock()
        self._any_size = self._onnx.inputs[0].shape[2:] == (None, None)
        self._by_size = {} if self._any_size else {self._size_wh: self._onnx}
        self._decode = decode_end_to_end if is_end_to_end(self._onnx) else decode_classic

    def detect(self, frame_rgb: NDArray[np.uint8], *, fine: bool = True) -> Detections:
        """Find the objects in a frame.

        A model that takes any size sees the frame in its own shape: coarsely, and for a fine look
        once more with as many pixels as its card's size has. Each scale answers for the things that
        are of the size there that training showed it most (after Singh and Davis, An Analysis of
        Scale Invariance in Object Detection, CVPR 2018): small ones the fine one, large ones the
        coarse one.

        Args:
            frame_rgb: uint8 (H, W, 3).
            fine: Whether to look closely. A coarse look takes a third of the time, and small things
                are missed more often; a model of one size has one look.

        Raises:
            InputError: The array is no RGB picture.
        """
        require_rgb(frame_rgb)
        if not self._any_size:
            return self._look(frame_rgb, self._size_wh)
        picture_wh = frame_rgb.shape[1], frame_rgb.shape[0]
        pixels = math.prod(self._size_wh)
        coarse = self._look(frame_rgb, canvas_wh(picture_wh, pixels * COARSE**2))
        if not fine:
            return coarse
        close = self._look(frame_rgb, canvas_wh(picture_wh, pixels))
        longer_px = max(picture_wh)
        least = np.where(self._goods[coarse.class_ids], GOODS_SHARE, LARGE_SHARE)
        large = coarse.longer_px >= least * longer_px
        small = close.longer_px < SMALL_SHARE * longer_px
        return self.merged([coarse.only(large), close.only(small)])

    def _look(self, frame_rgb: NDArray[np.uint8], size_wh: tuple[int, int]) -> Detections:
        onnx = self._for_size(size_wh)
        canvas, letterbox = fit(frame_rgb, size_wh)
        source = onnx.inputs[0]
        blob = to_input(canvas, self._spec).astype(source.dtype, copy=False)
        (output,) = onnx.run({source.name: blob}).values()
        boxes, scores, class_ids = self._decode(output[0].astype(np.float32), self._thresholds)
        boxes = letterbox.to_picture(boxes)
        # What lay wholly in the padding has no extent left.
        seen = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
        return self._each_once(boxes[seen], scores[seen], class_ids[seen])

    def _for_size(self, size_wh: tuple[int, int]) -> OnnxModel:
        with self._lock:
            if size_wh not in self._by_size:
                # Cameras are of a few shapes, tiles of theirs; what is made up must not pile up.
                if len(self._by_size) >= MOST_SIZES:
                    self._by_size.clear()
                self._by_size[size_wh] = self._onnx.fixed((1, 3, size_wh[1], size_wh[0]))
            return self._by_size[size_wh]

    def merged(self, parts: Sequence[Detections]) -> Detections:
        """Join what was seen in overlapping parts of one frame, each object once.

        Args:
            parts: Detections of this model, all in the frame's pixels.
        """
        boxes = np.concatenate([part.boxes_xyxy for part in parts])
        scores = np.concatenate([part.scores for part in parts])
        class_ids = np.concatenate([part.class_ids for part in parts])
        surest = np.argsort(-scores, kind="stable")
        boxes, scores, class_ids = boxes[surest], scores[surest], class_ids[surest]
        alone = _without_duplicates(boxes, scores, class_ids, NMS_IOU)
        return self._each_once(boxes[alone], scores[alone], class_ids[alone])

    def _each_once(
        self,
        boxes: NDArray[np.float32],
        scores: NDArray[np.float32],
        class_ids: NDArray[np.int64],
    ) -> Detections:
        alone = _without_duplicates(boxes, scores, self._groups[class_ids], ALIKE_IOU)
        return Detections(
            boxes_xyxy=boxes[alone],
            scores=scores[alone],
            class_ids=class_ids[alone],
            names=tuple(self.classes[index] for index in class_ids[alone]),
        )


_Decoded = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]


def decode_classic(output: NDArray[np.float32], thresholds: NDArray[np.float32]) -> _Decoded:
    """Decode a head that leaves duplicates: best class, threshold, suppression within a class.

    Args:
        output: float32 (4 + classes, anchors): centre x, centre y, width, height, then the score
            of each class.
        thresholds: float32 (classes,), the least score of each class.

    Returns:
        Boxes float32 (n, 4) as x1, y1, x2, y2; scores float32 (n,); class numbers int64 (n,); the
        surest first.
    """
    all_ids = output[4:].argmax(axis=0)
    all_scores = np.take_along_axis(output[4:], all_ids[None], axis=0)[0]
    kept = np.flatnonzero(all_scores >= thresholds[all_ids])
    kept = kept[np.argsort(-all_scores[kept], kind="stable")]
    centre, half = output[:2, kept].T, output[2:4, kept].T / 2
    boxes = np.concatenate((centre - half, centre + half), axis=1, dtype=np.float32)
    scores, class_ids = all_scores[kept], all_ids[kept].astype(np.int64)
    survivors = _without_duplicates(boxes, scores, class_ids, NMS_IOU)
    return boxes[survivors], scores[survivors], class_ids[survivors]


def _without_duplicates(
    boxes_xyxy: NDArray[np.float32],
    scores: NDArray[np.float32],
    groups: NDArray[np.int64],
    most_iou: float,
) -> NDArray[np.int64]:
    """Indices of the boxes that no surer box of their group covers."""
    if not len(scores):
        return np.empty(0, np.int64)
    boxes_xywh = np.concatenate((boxes_xyxy[:, :2], boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]), axis=1)
    kept = cv2.dnn.NMSBoxesBatched(
        boxes_xywh.tolist(), scores.tolist(), groups.tolist(), 0.0, most_iou
    )
    return np.sort(np.asarray(kept, np.int64).ravel())


def decode_end_to_end(output: NDArray[np.float32], thresholds: NDArray[np.float32]) -> _Decoded:
    """Decode a head that gives each object once: threshold only.

    Args:
        output: float32 (most, 6): x1, y1, x2, y2, score, class number.
        thresholds: float32 (classes,), the least score of each class.

    Returns:
        As `decode_classic`.
    """
    class_ids = np.clip(output[:, 5].round(), 0, len(thresholds) - 1).astype(np.int64)
    scores = output[:, 4]
    kept = np.flatnonzero(scores >= thresholds[class_ids])
    kept = kept[np.argsort(-scores[kept], kind="stable")]
    return output[kept, :4], scores[kept], class_ids[kept]


def canvas_wh(picture_wh: tuple[int, int], pixels: float) -> tuple[int, int]:
    """Return the size of a canvas that has the shape of a picture, and hardly any padding.

    >>> canvas_wh((1920, 1080), 960 * 544), canvas_wh((1080, 1920), 960 * 544)
    ((960, 544), (544, 960))

    Args:
        picture_wh: Width and height of the picture.
        pixels: How many the canvas is to have, about.

    Returns:
        Width and height, multiples of `GRID_PX`.
    """
    width, height = picture_wh
    slender = min(max(width, height) / min(width, height), MOST_SLENDER)
    long = GRID_PX * max(1, round(math.sqrt(pixels * slender) / GRID_PX))
    short = GRID_PX * math.ceil(long / slender / GRID_PX)
    return (long, short) if width >= height else (short, long)


def require_rgb(frame_rgb: NDArray[np.uint8]) -> None:
    """Refuse what is no picture.

    Raises:
        InputError: Not uint8 (H, W, 3), or empty.
    """
    if frame_rgb.dtype != np.uint8 or frame_rgb.ndim != 3 or frame_rgb.shape[2] != 3:
        raise InputError(
            f"a frame must be uint8 (height, width, 3), not {frame_rgb.dtype} {frame_rgb.shape}"
        )
    if 0 in frame_rgb.shape:
        raise InputError("the frame is empty")
