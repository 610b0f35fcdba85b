"""The learned cue: a change network of the model registry, as the comparison calls it."""

from __future__ import annotations

import math
from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from models.registry import RegisteredModel, Registry
from models.runtime import OnnxModel, RuntimeOptions
from vision.finding import ModelRef
from vision.survey.change import Probability

NAME = "change"
# What goes in must be a multiple of the network's coarsest step.
_STRIDE = 16
# Large windows are looked at in parts, so that what lies between the network's layers stays small;
# each part sees so much of its neighbours.
_PART_PX, _CONTEXT_PX = 400, 32


class ChangeModel:
    """A registered change network; may be shared between threads.

    Attributes:
        model: which model it is.
        gsd_m: pixel size it was trained for.
    """

    def __init__(self, registered: RegisteredModel) -> None:
        """Open a model; raises what :meth:`RegisteredModel.open` raises."""
        # Windows already run on every core.
        self._network: OnnxModel = registered.open(RuntimeOptions(threads=1))
        self.gsd_m = float(self._network.metadata["gsd_m"])
        self.model = ModelRef(
            name=registered.card.name,
            version=registered.card.version,
            sha256=registered.card.sha256,
        )

    def __call__(self, before: NDArray[np.uint8], after: NDArray[np.uint8]) -> Probability:
        """Return the probability of new built structure; see :class:`change.LearnedCue`.

        Args:
            before: uint8 RGB, shape ``(rows, cols, 3)``, at ``gsd_m``.
            after: the same ground later, same shape.
        """
        answer = np.empty(before.shape[:2], np.float32)
        for rows, seen_rows in _parts(before.shape[0]):
            for cols, seen_cols in _parts(before.shape[1]):
                part = self._look(before[seen_rows, seen_cols], after[seen_rows, seen_cols])
                top, left = rows.start - seen_rows.start, cols.start - seen_cols.start
                bottom, right = top + rows.stop - rows.start, left + cols.stop - cols.start
                answer[rows, cols] = part[top:bottom, left:right]
        return answer

    def _look(self, before: NDArray[np.uint8], after: NDArray[np.uint8]) -> Probability:
        rows, cols = before.shape[:2]
        answer = self._network.run({"before": _prepared(before), "after": _prepared(after)})
        return np.asarray(answer["probability"][0, 0, :rows, :cols], np.float32)


def open_change_model(registry: Registry, version: str | None = None) -> ChangeModel:
    """Open the newest change network, or a given version of it.

    Args:
        registry: where models lie.
        version: the card's; the newest where None.

    Raises:
        ModelError: there is none, or it is not what its card says.
    """
    return ChangeModel(registry.find(NAME, version))


def _parts(length: int) -> Iterator[tuple[slice, slice]]:
    """Cut a side into even parts; yield each one's own pixels and those it sees."""
    count = math.ceil(length / _PART_PX)
    for number in range(count):
        start, stop = length * number // count, length * (number + 1) // count
        yield (
            slice(start, stop),
            slice(max(0, start - _CONTEXT_PX), min(length, stop + _CONTEXT_PX)),
        )


def _prepared(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return float32 ``[1, 3, H, W]``, 0 to 1, the far edges repeated up to whole steps."""
    rows, cols = rgb.shape[:2]
    below, beyond = -rows % _STRIDE, -cols % _STRIDE
    whole = cv2.copyMakeBorder(rgb, 0, below, 0, beyond, cv2.BORDER_REPLICATE)
    planes = np.ascontiguousarray(np.moveaxis(np.asarray(whole), -1, 0)[None])
    return np.multiply(planes, np.float32(1 / 255), dtype=np.float32)
