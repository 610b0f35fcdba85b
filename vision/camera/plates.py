"""Read the licence plate of a vehicle from its picture, or say that it is not legible.

Nothing is guessed: a plate counts only where the recogniser is sure, reads the same twice at two
sizes, and where what it read has the form of a Chinese plate.
"""

from __future__ import annotations

import logging
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.camera.events import Box

LEAST_CONFIDENCE = 0.85
"""Least mean confidence of the characters. The recogniser is sure of itself even where it is wrong
(a worn 挂 was read as 扫 with 0.99), so this only sorts out what is plainly blurred; the form and
the second reading do the rest."""
MIN_TEXT_PX = 9
"""A line of text lower than this in the picture is not read: strokes run into each other."""
_DETECTION_SIDE_PX = 480
"""The shorter side of a crop is brought to at least this for the detector of text."""

PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
"""First characters of plates (GA 36-2018)."""
_OTHER_SPELLING = str.maketrans("滬雲遼魯蘇贛晉陝閩貴粵寧瓊", "沪云辽鲁苏赣晋陕闽贵粤宁琼")
_SEPARATORS = re.compile(r"[\s·•・∙.:\-_]")

_LETTER = "A-HJ-NP-Z"
_SIGN = "A-HJ-NP-Z0-9"
_ENERGY = "A-HJK"
"""Letters of new-energy plates: D and F since 2016, A to C, E, G, H, J and K as those ran out."""
_FORMS = tuple(
    re.compile(form)
    for form in (
        rf"[{PROVINCES}][{_LETTER}][{_SIGN}]{{5}}",
        rf"[{PROVINCES}][{_LETTER}][{_SIGN}]{{4}}[挂学警领]",
        rf"粤Z[{_SIGN}]{{4}}[港澳]",
        # New energy, small: a letter first; large: a letter last.
        rf"[{PROVINCES}][{_LETTER}][{_ENERGY}][{_SIGN}]\d{{4}}",
        rf"[{PROVINCES}][{_LETTER}]\d{{5}}[{_ENERGY}]",
    )
)


@dataclass(frozen=True, slots=True)
class PlateText:
    """A plate that was read.

    Attributes:
        text: Without separators: 粤A12345.
        confidence: 0 to 1, of the less sure of two readings.
        box_xyxy: Where in the picture it was read from, shares of it.
    """

    text: str
    confidence: float
    box_xyxy: Box


@dataclass(frozen=True, slots=True)
class PlateLook:
    """What a look at a vehicle's picture gave.

    Attributes:
        texts_xyxy: Boxes of all lines of text, legible or not, pixels of the picture.
        plate: None where no plate is legible.
    """

    texts_xyxy: tuple[tuple[float, float, float, float], ...]
    plate: PlateText | None


class PlateLooking(Protocol):
    """Anything that looks for plates in the picture of a vehicle."""

    def look(self, rgb: NDArray[np.uint8]) -> PlateLook:
        """Find and read; see `PlateReader.look`."""
        ...


def plate_of(text: str) -> str | None:
    """Return the plate that a text is, None where it has not the form of one.

    Separators and spelling are evened out. The alphabet of plates has no I and no O after the
    letter of the city, so those can only be 1 and 0 there; no other character is exchanged.

    >>> plate_of("粵A·1234O"), plate_of("粤AD12345"), plate_of("粤A1234"), plate_of("8A·12345")
    ('粤A12340', '粤AD12345', None, None)
    """
    plain = _SEPARATORS.sub("", unicodedata.normalize("NFKC", text)).upper()
    plain = plain.translate(_OTHER_SPELLING)
    repaired = plain[:2] + plain[2:].replace("O", "0").replace("I", "1")
    return repaired if any(form.fullmatch(repaired) for form in _FORMS) else None


@dataclass(frozen=True, eq=False, slots=True)
class _Line:
    """A line of text: its four corners in the picture, clockwise from the top left, float32."""

    corners: NDArray[np.float32]

    @property
    def box(self) -> tuple[float, float, float, float]:
        x1, y1 = self.corners.min(axis=0).tolist()
        x2, y2 = self.corners.max(axis=0).tolist()
        return x1, y1, x2, y2

    @property
    def size_wh(self) -> tuple[float, float]:
        top, right, bottom, left = np.linalg.norm(
            np.roll(self.corners, -1, axis=0) - self.corners, axis=1
        ).tolist()
        return (top + bottom) / 2, (right + left) / 2

    def cut(self, rgb: NDArray[np.uint8], height_px: int) -> NDArray[np.uint8]:
        """Return the line turned upright, ``height_px`` high."""
        wide, high = self.size_wh
        width_px = max(8, round(wide * height_px / max(high, 1.0)))
        target = np.array(
            [(0, 0), (width_px, 0), (width_px, height_px), (0, height_px)], np.float32
        )
        turn = cv2.getPerspectiveTransform(self.corners, target)
        return np.asarray(
            cv2.warpPerspective(
                rgb,
                turn,
                (width_px, height_px),
                flags=cv2.INTER_CUBIC,
                borderMode=cv2.BORDER_REPLICATE,
            ),
            np.uint8,
        )


class PlateReader:
    """The text recogniser of rapidocr, whose models come with the package; it asks no network."""

    def __init__(self, *, least_confidence: float = LEAST_CONFIDENCE, threads: int = 1) -> None:
        """Prepare; the models are loaded at the first look.

        Args:
            least_confidence: See `LEAST_CONFIDENCE`.
            threads: Of the runtime.
        """
        self._least = least_confidence
        self._threads = threads

    @cached_property
    def _finder(self) -> Any:  # noqa: ANN401 - rapidocr has no types
        return self._engine(finds=True)

    @cached_property
    def _recogniser(self) -> Any:  # noqa: ANN401
        return self._engine(finds=False)

    def _engine(self, *, finds: bool) -> Any:  # noqa: ANN401
        """One of two engines: an engine keeps the switches of its last call for the next."""
        from rapidocr import RapidOCR  # takes a second to import, which few commands need

        engine = RapidOCR(
            params={
                "Global.use_det": finds,
                "Global.use_cls": False,
                "Global.use_rec": not finds,
                "Global.log_level": "critical",
                "Det.limit_side_len": _DETECTION_SIDE_PX,
                "EngineConfig.onnxruntime.intra_op_num_threads": self._threads,
                "EngineConfig.onnxruntime.inter_op_num_threads": 1,
            }
        )
        logging.getLogger("RapidOCR").setLevel(logging.CRITICAL)
        return engine

    def look(self, rgb: NDArray[np.uint8]) -> PlateLook:
        """Find the lines of text in the picture of one vehicle and read its plate.

        Args:
            rgb: uint8 (H, W, 3), the vehicle with a little around it.

        Returns:
            All lines of text, and the plate where exactly one is legible.
        """
        lines = self._lines(rgb)
        boxes = tuple(line.box for line in lines)
        plates: dict[str, PlateText] = {}
        for box, plate, confidence in self._plates(rgb, lines):
            height, width = rgb.shape[:2]
            share = (box[0] / width, box[1] / height, box[2] / width, box[3] / height)
            plates[plate] = PlateText(plate, confidence, share)
        # Two plates in one picture: whose is whose would be a guess.
        return PlateLook(boxes, next(iter(plates.values())) if len(plates) == 1 else None)

    def _lines(self, rgb: NDArray[np.uint8]) -> tuple[_Line, ...]:
        found = self._finder(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)).boxes
        if found is None:
            return ()
        return tuple(_Line(np.asarray(corners, np.float32)) for corners in found)

    def _plates(
        self, rgb: NDArray[np.uint8], lines: Sequence[_Line]
    ) -> list[tuple[tuple[float, float, float, float], str, float]]:
        """Return box, plate and confidence of each line or pair of lines that is a plate."""
        readings = {
            index: self._read_twice(rgb, line)
            for index, line in enumerate(lines)
            if line.size_wh[1] >= MIN_TEXT_PX and not _at_the_edge(line.box, rgb.shape)
        }
        sure = {
            index: reading
            for index, reading in readings.items()
            if reading is not None and reading[1] >= self._least
        }
        plates = []
        for index, (text, confidence) in sure.items():
            plate = plate_of(text)
            if plate is not None:
                if _colour_fits(lines[index].cut(rgb, 32), plate):
                    plates.append((lines[index].box, plate, confidence))
                continue
            for other, (lower, lower_confidence) in sure.items():
                plate = plate_of(text + lower) if len(text.strip("·• ")) <= 3 else None
                if plate is not None and _stands_on(lines[index].box, lines[other].box):
                    box = _around(lines[index].box, lines[other].box)
                    plates.append((box, plate, min(confidence, lower_confidence)))
        return plates

    def _read_twice(self, rgb: NDArray[np.uint8], line: _Line) -> tuple[str, float] | None:
        """Return text and confidence, None where two sizes of the same line read differently."""
        (first, sure), (second, as_sure) = (self._read(line.cut(rgb, high)) for high in (48, 32))
        same = plate_of(first) == plate_of(second) if plate_of(first) else first == second
        return (first, min(sure, as_sure)) if same and first else None

    def _read(self, line_rgb: NDArray[np.uint8]) -> tuple[str, float]:
        read = self._recogniser(cv2.cvtColor(line_rgb, cv2.COLOR_RGB2BGR))
        if not read.txts:
            return "", 0.0
        return str(read.txts[0]), float(read.scores[0])


def _at_the_edge(box: tuple[float, float, float, float], shape: tuple[int, ...]) -> bool:
    """Tell whether a line may go on outside the picture."""
    return box[0] < 2 or box[1] < 2 or box[2] > shape[1] - 2 or box[3] > shape[0] - 2


def _colour_fits(plate_rgb: NDArray[np.uint8], plate: str) -> bool:
    """Tell whether a plate has as many signs as its colour asks for.

    A green plate has eight: with one hidden, the other seven would have the form of a blue plate.
    By lamp light or infrared there is no colour, and nothing is said against it.
    """
    hue, saturation, _ = cv2.split(cv2.cvtColor(plate_rgb, cv2.COLOR_RGB2HSV))
    green = (hue > 38) & (hue < 90) & (saturation > 50)  # OpenCV counts hues to 180
    return len(plate) == 8 or float(green.mean()) < 0.3


def _stands_on(
    upper: tuple[float, float, float, float], lower: tuple[float, float, float, float]
) -> bool:
    """Tell whether two boxes are the lines of one two-line plate."""
    high = lower[3] - lower[1]
    gap = lower[1] - upper[3]
    middle = (upper[0] + upper[2]) / 2
    return -0.5 * high <= gap <= 0.6 * high and lower[0] < middle < lower[2]


def _around(
    a: tuple[float, float, float, float], b: tuple[float, float, float, float]
) -> tuple[float, float, float, float]:
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])
