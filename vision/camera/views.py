"""What a camera's view looks like, slowly learnt, and whether it still looks there."""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

VIEW_WH = (128, 72)
"""Size of the picture of edges; a pixel is 0.8 % of the width."""

# Measured on three real clips and 74 real stills: against the reference an unmoved view has a
# likeness of 0.48 to 0.95, down to 0.14 while a car fills a picture of bare asphalt; moved by 2 %
# of the width 0.23 to 0.42, by 5 % or more 0.03 to 0.27; other scenes 0.03 to 0.11. Moved back by
# the shift that was found it is 0.58 and more again, for shifts up to 40 % of the width.
_CERTAIN_LIKENESS = 0.8
_SAME_LIKENESS = 0.45
_SHIFTED_LIKENESS = 0.5
_SHIFT_GAIN = 0.15
_LEAST_SHIFT_PX = 2.5
"""2 % of the width; a mast in the wind sways by 1 % (seen)."""
_OTHER_LIKENESS = 0.15
_OTHER_SHARE = 0.45
"""Of the usual likeness: two views of which the horizon is at the same height are alike by 0.36
(made-up streets, with a usual likeness of 0.95)."""
_LEAST_OVERLAP = 0.25


class ViewCheck(StrEnum):
    """What a look says about the view."""

    SAME = "same"
    SHIFTED = "shifted"
    """What was seen is still seen, elsewhere in the picture."""
    OTHER = "other"
    """Nothing of what was seen is recognised: moved far, or something large stands in the way."""
    UNSURE = "unsure"


@dataclass
class View:
    """A reference: the mean of the edges over many looks, in which what moves is washed out.

    Attributes:
        edges: float32 (72, 128).
        looks: How many looks went into it.
        usual: Likeness of those looks with it.
    """

    edges: NDArray[np.float32]
    looks: int = 0
    usual: float = 0.0

    def learn(self, edges: NDArray[np.float32], weight: float) -> None:
        """Let a look change the reference; the first ones count in full."""
        self.looks += 1
        share = max(weight, 1.0 / self.looks)
        self.usual += share * (_likeness(self.edges, edges) - self.usual)
        self.edges = np.asarray((1.0 - share) * self.edges + share * edges, np.float32)

    def check(self, edges: NDArray[np.float32]) -> ViewCheck:
        """Compare a look with the reference."""
        likeness = _likeness(self.edges, edges)
        if likeness >= _CERTAIN_LIKENESS:
            return ViewCheck.SAME
        # A road that runs on, or marks at even distances, are alike where they are not the same.
        shift, moved_likeness = _shifted_likeness(self.edges, edges)
        if (
            moved_likeness >= _SHIFTED_LIKENESS
            and moved_likeness >= likeness + _SHIFT_GAIN
            and math.hypot(*shift) >= _LEAST_SHIFT_PX
        ):
            return ViewCheck.SHIFTED
        if likeness < max(_OTHER_LIKENESS, _OTHER_SHARE * self.usual):
            return ViewCheck.OTHER
        return ViewCheck.SAME if likeness >= _SAME_LIKENESS else ViewCheck.UNSURE

    def state(self) -> dict[str, Any]:
        """Return the reference as JSON takes it."""
        scale = float(self.edges.max()) or 1.0
        levels = np.round(self.edges / scale * 255).astype(np.uint8)
        text = base64.b64encode(levels.tobytes()).decode("ascii")
        return {"edges": text, "scale": scale, "looks": self.looks, "usual": self.usual}

    @classmethod
    def restored(cls, state: dict[str, Any]) -> View:
        """Make a reference of what `state` gave.

        Raises:
            ValueError: It is not of that form.
        """
        levels = np.frombuffer(base64.b64decode(state["edges"], validate=True), np.uint8)
        edges = levels.reshape(VIEW_WH[1], VIEW_WH[0]) * (float(state["scale"]) / 255)
        return cls(np.asarray(edges, np.float32), int(state["looks"]), float(state["usual"]))


def edges_of(luma: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return where the edges of a picture are, whatever its light and contrast; float32 (72, 128).

    Args:
        luma: uint8 (h, w), of any size and shape.
    """
    small = cv2.resize(luma, VIEW_WH, interpolation=cv2.INTER_AREA).astype(np.float32)
    # Of the logarithm a lamp or a cloud only changes the level, which has no edges.
    smooth = cv2.GaussianBlur(np.log1p(small), (0, 0), 1.0)
    strength = np.hypot(cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1))
    strength = np.minimum(strength, np.percentile(strength, 98))
    around = cv2.blur(strength, (15, 15))
    return np.asarray(strength / (around + strength.mean() + 1e-3), np.float32)


def _likeness(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Correlation, -1 to 1."""
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / math.sqrt(float((a * a).sum() * (b * b).sum()) + 1e-9))


def _shifted_likeness(
    reference: NDArray[np.float32], edges: NDArray[np.float32]
) -> tuple[tuple[float, float], float]:
    """Shift (x, y; pixels) by which two looks fit best, and the likeness of where they overlap."""
    # OpenCV 5 multiplies its inputs by the window in place.
    (x, y), _ = cv2.phaseCorrelate(reference.copy(), edges.copy(), _window())
    width, height = VIEW_WH
    dx, dy = round(x), round(y)
    if (width - abs(dx)) * (height - abs(dy)) < _LEAST_OVERLAP * width * height or (
        abs(dx) >= width or abs(dy) >= height
    ):
        return (x, y), 0.0
    there = reference[max(0, -dy) : height - max(0, dy), max(0, -dx) : width - max(0, dx)]
    here = edges[max(0, dy) : height - max(0, -dy), max(0, dx) : width - max(0, -dx)]
    return (x, y), _likeness(there, here)


@cache
def _window() -> NDArray[np.float32]:
    return np.asarray(cv2.createHanningWindow(VIEW_WH, cv2.CV_32F), np.float32)
