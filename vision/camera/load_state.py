"""Tell from its crop how a muck truck is loaded."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.cards import InputSpec, Precision
from models.registry import RegisteredModel
from models.runtime import RuntimeOptions
from vision.camera.detector import require_rgb
from vision.camera.letterbox import fit, to_input
from vision.errors import InputError
from vision.finding import ModelRef

CROP_MARGIN = 0.1
"""Share of a box's width and height that the crop takes in on each side: a heap stands out."""


class LoadStateClassifier:
    """A load-state model, opened and checked."""

    def __init__(
        self,
        model: RegisteredModel,
        *,
        options: RuntimeOptions | None = None,
        precision: Precision | None = None,
    ) -> None:
        """Open a model.

        Args:
            model: A registered model for the task ``classify``.
            options: Engine and threads.
            precision: Which variant of the model; none for its main file.

        Raises:
            InputError: The model is for another task.
            ModelError: The model's file is not what its card says.
        """
        card = model.card
        if card.task != "classify" or card.input is None or card.input.size_wh is None:
            raise InputError(f"{model.label} is for the task {card.task}; name a classifier")
        self.classes = tuple(card.classes)
        self.ref = ModelRef(name=card.name, version=card.version, sha256=model.sha256(precision))
        self._spec: InputSpec = card.input
        self._size_wh: tuple[int, int] = card.input.size_wh
        self._onnx = model.open(options, precision=precision)

    def classify(
        self, frame_rgb: NDArray[np.uint8], boxes_xyxy: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Say how sure each load state is, for each box.

        Args:
            frame_rgb: uint8 (H, W, 3).
            boxes_xyxy: float32 (n, 4), frame pixels.

        Returns:
            float32 (n, len(classes)), in the order of `classes`; rows sum to 1.

        Raises:
            InputError: The frame is no RGB picture, or a box does not touch it.
        """
        require_rgb(frame_rgb)
        if not len(boxes_xyxy):
            return np.empty((0, len(self.classes)), np.float32)
        crops = [
            to_input(fit(crop(frame_rgb, box), self._size_wh)[0], self._spec) for box in boxes_xyxy
        ]
        source = self._onnx.inputs[0]
        batch = np.concatenate(crops).astype(source.dtype, copy=False)
        return self._onnx.run({source.name: batch})["probabilities"].astype(np.float32)


def crop(frame_rgb: NDArray[np.uint8], box_xyxy: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Cut a box out of a frame, with `CROP_MARGIN` around it as far as the frame reaches.

    Args:
        frame_rgb: uint8 (H, W, 3).
        box_xyxy: float32 (4,), frame pixels.

    Returns:
        uint8 (h, w, 3), at least one pixel; a view of the frame.

    Raises:
        InputError: The box is upside down, not finite, or does not touch the frame.
    """
    height, width = frame_rgb.shape[:2]
    x1, y1, x2, y2 = (float(value) for value in box_xyxy)
    if not (x1 < x2 and y1 < y2 and x1 < width and y1 < height and x2 > 0 and y2 > 0):
        raise InputError(
            f"the box {x1:.0f}, {y1:.0f}, {x2:.0f}, {y2:.0f} has no extent inside the frame of "
            f"{width} × {height} pixels"
        )
    margin_x, margin_y = CROP_MARGIN * (x2 - x1), CROP_MARGIN * (y2 - y1)
    left, top = int(max(0, np.floor(x1 - margin_x))), int(max(0, np.floor(y1 - margin_y)))
    right = int(min(width, np.ceil(x2 + margin_x)))
    bottom = int(min(height, np.ceil(y2 + margin_y)))
    return frame_rgb[top:bottom, left:right]
