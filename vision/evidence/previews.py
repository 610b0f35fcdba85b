"""The pictures that people see first: stamped, outlined, faces and plates unreadable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.camera.config import Outline
from vision.camera.events import VEHICLES, Box
from vision.camera.plates import PlateLook, PlateLooking, PlateText
from vision.evidence.privacy import (
    Region,
    blackened,
    head_regions,
    masked,
    overlap,
    plate_bands,
    text_region,
    to_pixels,
)
from vision.evidence.spool import KeptPicture

PREVIEW_QUALITY = 88
_CLOSE_UP_MARGIN = 0.18
_MIN_CLOSE_UP_PX = 480
_MAX_ENLARGEMENT = 4.0
_SAME_OBJECT_IOU = 0.5
# Largest line of text as shares of the vehicle's width and height: the large numbers painted on
# tailgates are within it, while a whole windscreen that was taken for text is not.
_MOST_TEXT_WH = (0.9, 0.3)

_PixelBox = tuple[int, int, int, int]


@dataclass(frozen=True, eq=False)
class Portrait:
    """A kept picture with what was found out about its subject.

    Attributes:
        kept: The picture.
        rgb: uint8 (H, W, 3), as received.
        crop_xyxy: The subject with a margin, whole pixels inside the picture.
        regions: What has to be unreadable in a preview.
        plate: Of the subject.
    """

    kept: KeptPicture
    rgb: NDArray[np.uint8]
    crop_xyxy: _PixelBox
    regions: tuple[Region, ...]
    plate: PlateText | None

    @property
    def crop(self) -> NDArray[np.uint8]:
        """The subject as received, a view of the picture."""
        x1, y1, x2, y2 = self.crop_xyxy
        return self.rgb[y1:y2, x1:x2]

    def scene(self) -> NDArray[np.uint8]:
        """The whole picture, masked."""
        return masked(self.rgb, self.regions)

    def close_up(self) -> NDArray[np.uint8]:
        """The subject, masked, enlarged where it is small so that its stamp can be read."""
        x1, y1, x2, y2 = self.crop_xyxy
        crop = self.scene()[y1:y2, x1:x2]
        scale = min(_MAX_ENLARGEMENT, max(1.0, _MIN_CLOSE_UP_PX / crop.shape[1]))
        if scale == 1.0:
            return crop
        return np.asarray(
            cv2.resize(crop, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC), np.uint8
        )


def masked_view(
    rgb: NDArray[np.uint8], seen: Sequence[tuple[str, Box]], masks: Sequence[Outline]
) -> NDArray[np.uint8]:
    """Return a picture that is nobody's portrait, with what must not be seen made unreadable.

    Args:
        rgb: uint8 (H, W, 3).
        seen: Class names and boxes of what is in it, shares of the frame.
        masks: Privacy masks, corners as shares of the frame.
    """
    size_wh = (rgb.shape[1], rgb.shape[0])
    regions = head_regions(seen, size_wh) + plate_bands(seen, size_wh)
    return masked(blackened(rgb, masks), regions)


def portrait(kept: KeptPicture, *, plates: PlateLooking | None) -> Portrait:
    """Look at a kept picture for plates, and decide what has to be masked in it.

    Args:
        kept: The picture.
        plates: Looks at the subject; none where it is no vehicle, or nobody can read here.
    """
    rgb = kept.rgb()
    size_wh = (rgb.shape[1], rgb.shape[0])
    subject = kept.note.box_xyxy
    crop = close_up_box(subject, size_wh)
    look = PlateLook((), None)
    if plates is not None:
        look = plates.look(np.ascontiguousarray(rgb[crop[1] : crop[3], crop[0] : crop[2]]))
    x1, y1, x2, y2 = to_pixels(subject, size_wh)
    most_wide, most_high = _MOST_TEXT_WH[0] * (x2 - x1), _MOST_TEXT_WH[1] * (y2 - y1)
    texts = [
        (left + crop[0], top + crop[1], right + crop[0], bottom + crop[1])
        for left, top, right, bottom in look.texts_xyxy
        if right - left <= most_wide and bottom - top <= most_high
    ]
    seen = kept.note.seen
    if look.plate is not None:
        # Its plate was read, so it is among the texts: the rest of it may stay to be seen.
        texts.append(_pixels_in(look.plate.box_xyxy, crop))
        seen = _without(seen, subject)
    regions = (
        head_regions(kept.note.seen, size_wh)
        + plate_bands(seen, size_wh)
        + tuple(text_region(text) for text in texts)
    )
    plate = None if look.plate is None else _in_the_scene(look.plate, crop, size_wh)
    return Portrait(kept, rgb, crop, regions, plate)


def _in_the_scene(plate: PlateText, crop: _PixelBox, size_wh: tuple[int, int]) -> PlateText:
    """Return a plate that was read from a crop with its box in shares of the whole picture."""
    width, height = size_wh
    x1, y1, x2, y2 = _pixels_in(plate.box_xyxy, crop)
    return replace(plate, box_xyxy=(x1 / width, y1 / height, x2 / width, y2 / height))


def _pixels_in(box: Box, crop: _PixelBox) -> tuple[float, float, float, float]:
    """Return a box in shares of a crop in pixels of the whole picture."""
    left, top, right, bottom = crop
    x1, y1, x2, y2 = to_pixels(box, (right - left, bottom - top))
    return left + x1, top + y1, left + x2, top + y2


def close_up_box(box: Box, size_wh: tuple[int, int]) -> _PixelBox:
    """Return a box with a margin in whole pixels, inside the picture, at least a pixel wide."""
    width, height = size_wh
    x1, y1, x2, y2 = to_pixels(box, size_wh)
    across, down = _CLOSE_UP_MARGIN * (x2 - x1), _CLOSE_UP_MARGIN * (y2 - y1)
    left = min(max(0, int(x1 - across)), width - 1)
    top = min(max(0, int(y1 - down)), height - 1)
    right = max(left + 1, min(width, int(np.ceil(x2 + across))))
    bottom = max(top + 1, min(height, int(np.ceil(y2 + down))))
    return left, top, right, bottom


def agreed_plate(portraits: Sequence[Portrait]) -> tuple[PlateText, Portrait] | None:
    """Return the surest reading and its picture, None where two pictures say different plates."""
    read = [(shown.plate, shown) for shown in portraits if shown.plate is not None]
    if len({plate.text for plate, _ in read}) != 1:
        return None
    return max(read, key=lambda pair: pair[0].confidence)


def _without(seen: Sequence[tuple[str, Box]], subject: Box) -> tuple[tuple[str, Box], ...]:
    return tuple(
        (name, box)
        for name, box in seen
        if name not in VEHICLES or overlap(box, subject) < _SAME_OBJECT_IOU
    )
