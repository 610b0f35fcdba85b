"""Find people, vehicles and stalls in one frame with a registered detection model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.cards import InputSpec, Precision
from models.registry import RegisteredModel, is_end_to_end
from models.runtime import RuntimeOptions
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


WIDE_PX, WIDE_HEIGHT_PX = 640, 384
"""Input for pictures that are at least as wide as this for their height, as street cameras' are: a
square one would be grey for two fifths. The size that the detector is trained on."""


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
        self._onnx = model.open(options, precision=precision)
        width, height = self._size_wh
        self._wide = self._onnx.narrowed(WIDE_HEIGHT_PX) if height == width == WIDE_PX else None
        self._decode = decode_end_to_end if is_end_to_end(self._onnx) else decode_classic

    def detect(self, frame_rgb: NDArray[np.uint8]) -> Detections:
        """Find the objects in a frame.

        Args:
            frame_rgb: uint8 (H, W, 3).

        Raises:
            InputError: The array is no RGB picture.
        """
        require_rgb(frame_rgb)
        onnx, size_wh = self._onnx, self._size_wh
        if self._wide is not None and _fits_wide(frame_rgb):
            onnx, size_wh = self._wide, (WIDE_PX, WIDE_HEIGHT_PX)
        canvas, letterbox = fit(frame_rgb, size_wh)
        source = onnx.inputs[0]
        blob = to_input(canvas, self._spec).astype(source.dtype, copy=False)
        (output,) = onnx.run({source.name: blob}).values()
        boxes, scores, class_ids = self._decode(output[0].astype(np.float32), self._thresholds)
        boxes = letterbox.to_picture(boxes)
        # What lay wholly in the padding has no extent left.
        seen = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
        return self._each_once(boxes[seen], scores[seen], class_ids[seen])

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


def _fits_wide(frame_rgb: NDArray[np.uint8]) -> bool:
    """Whether a frame is as large on the wide canvas as on the square one."""
    height, width = frame_rgb.shape[:2]
    return bool(height * WIDE_PX <= width * WIDE_HEIGHT_PX)


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
