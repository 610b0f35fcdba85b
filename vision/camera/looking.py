"""Look at a frame: what stands where, what it looks like, how its load lies.

The detector and the load classifier are shared by all cameras; what differs from camera to camera
is thresholds, tiles and zones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.cards import Precision
from models.registry import RegisteredModel, Registry
from models.runtime import Processor, RuntimeOptions, fastest_engine
from vision.camera.appearance import describe
from vision.camera.config import Camera, ZoneKind
from vision.camera.detector import Detections, Detector
from vision.camera.events import Box, Observation
from vision.camera.frame import Frame
from vision.camera.load_state import LoadStateClassifier
from vision.camera.zones import touches
from vision.finding import ModelRef

TILE_OVERLAP = 0.2
"""Share of a tile that it has in common with its neighbour: more than small objects are wide."""
LOAD_TRUCKS = frozenset({"muck_truck"})
VOTED_SCORES: Mapping[str, float] = {
    "person": 0.2,
    "muck_truck": 0.3,
    "canopy": 0.3,
}
"""Least scores of what rules vote over many frames, where the card's are higher.

A card's threshold is the best one for a single picture. Over a track, what is seen in every second
picture with half the score still stays, and what is made up does not. Not so with stalls and carts:
a shop's window that is taken for one is taken for one in every picture.
"""


@dataclass(frozen=True, eq=False)
class StreetModels:
    """The two models of the camera side, opened.

    Attributes:
        detector: Finds the objects.
        loads: Tells a muck truck's load; None where no camera watches a gate.
    """

    detector: Detector
    loads: LoadStateClassifier | None

    @property
    def refs(self) -> tuple[ModelRef, ...]:
        """Name, version and hash of each model."""
        return (self.detector.ref, *((self.loads.ref,) if self.loads else ()))


def open_street_models(
    registry: Registry, cameras: Iterable[Camera], *, options: RuntimeOptions | None = None
) -> StreetModels:
    """Open the newest ``street`` and ``load`` models for some cameras.

    The detector answers down to the lowest threshold that any of the cameras asks for.

    Args:
        registry: Where models are looked up.
        cameras: That will be watched.
        options: Engine and threads; by default the fastest engine there is, on all cores.

    Raises:
        ModelError: A model is missing or is not what its card says.
        InputError: A camera has a threshold for a class that the model does not know.
    """
    options = options or RuntimeOptions(engine=fastest_engine())
    street = registry.find("street")
    lowest = watch_thresholds(street.card.thresholds)
    gates = False
    for camera in cameras:
        gates |= any(zone.kind is ZoneKind.TRUCK_GATE for zone in camera.zones)
        for name, score in camera.thresholds.items():
            lowest[name] = min(lowest.get(name, 1.0), score)
    detector = Detector(
        street, thresholds=lowest, options=options, precision=best_precision(street, options)
    )
    load = registry.find("load") if gates else None
    return StreetModels(
        detector,
        None
        if load is None
        else LoadStateClassifier(load, options=options, precision=best_precision(load, options)),
    )


def watch_thresholds(card: Mapping[str, float]) -> dict[str, float]:
    """Return the least score of each class in watching, from those of a model's card."""
    return {name: min(score, VOTED_SCORES.get(name, 1.0)) for name, score in card.items()}


def best_precision(
    model: RegisteredModel, options: RuntimeOptions, processor: Processor | None = None
) -> Precision | None:
    """Return the variant to run.

    INT8 pays in OpenVINO, on CPUs that add its products up whole and so answer as its card says.
    Where OpenVINO computes in bfloat16, the file as trained is as quick and more exact.

    Args:
        model: Its card says which variants there are.
        options: How it will be run.
        processor: That it will run on; this machine's without.
    """
    processor = processor or Processor.this()
    quantised: Precision = "int8"
    there = quantised in model.card.precisions
    pays = (
        options.engine == "openvino"
        and not options.exact
        and processor.sums_int8_whole
        and not processor.has_bfloat16
    )
    return quantised if there and pays else None


class StreetEyes:
    """Looks at the frames of one camera."""

    def __init__(self, camera: Camera, models: StreetModels) -> None:
        """Set whose frames are looked at.

        Args:
            camera: Its thresholds, tiles and zones are used.
            models: Shared with other cameras.
        """
        self._camera = camera
        self._models = models
        self._least = watch_thresholds(models.detector.card_thresholds) | dict(camera.thresholds)
        self._gates = [zone for zone in camera.zones if zone.kind is ZoneKind.TRUCK_GATE]

    def look(self, frame: Frame, *, fine: bool = True) -> tuple[Observation, ...]:
        """Return what is seen in a frame; `fine` says whether there is time to look closely."""
        rgb = frame.rgb
        found = detect_in_tiles(self._models.detector, rgb, self._camera.tiles, fine=fine)
        width, height = frame.size_wh
        shares = found.boxes_xyxy / np.array([width, height, width, height], np.float32)
        kept = [
            index
            for index, (name, score) in enumerate(zip(found.names, found.scores, strict=True))
            if score >= self._least[name]
        ]
        boxes = {index: _box(shares[index]) for index in kept}
        loads = self._loads(rgb, found, boxes)
        return tuple(
            Observation(
                name=found.names[index],
                score=float(found.scores[index]),
                box_xyxy=box,
                descriptor=describe(rgb, box),
                load=loads.get(index, {}),
            )
            for index, box in boxes.items()
        )

    def _loads(
        self, rgb: NDArray[np.uint8], found: Detections, boxes: Mapping[int, Box]
    ) -> dict[int, dict[str, float]]:
        """Load states of the muck truck at each gate, by number of the detection."""
        classifier = self._models.loads
        trucks = [
            index
            for index, box in boxes.items()
            if found.names[index] in LOAD_TRUCKS and any(touches(g, box) for g in self._gates)
        ]
        if classifier is None or not trucks:
            return {}
        states = classifier.classify(rgb, found.boxes_xyxy[trucks])
        return {
            index: {
                name: round(float(share), 4)
                for name, share in zip(classifier.classes, row, strict=True)
            }
            for index, row in zip(trucks, states, strict=True)
        }


def detect_in_tiles(
    detector: Detector, rgb: NDArray[np.uint8], tiles: int, *, fine: bool = True
) -> Detections:
    """Find objects in a whole frame and, enlarged, in each of its tiles.

    A box that is cut by a tile's inner border is dropped: the neighbouring tile or the whole frame
    shows the object in full.

    Args:
        detector: Any.
        rgb: uint8 (H, W, 3).
        tiles: Tiles along each side; 1 looks at the whole frame only.
        fine: Whether to look closely.
    """
    whole = detector.detect(rgb, fine=fine)
    if tiles == 1:
        return whole
    height, width = rgb.shape[:2]
    parts = [whole]
    for top, bottom in _spans(height, tiles):
        for left, right in _spans(width, tiles):
            seen = detector.detect(np.ascontiguousarray(rgb[top:bottom, left:right]), fine=fine)
            x1, y1, x2, y2 = seen.boxes_xyxy.T
            inner = (
                ((x1 > 1) | (left == 0))
                & ((y1 > 1) | (top == 0))
                & ((x2 < right - left - 1) | (right == width))
                & ((y2 < bottom - top - 1) | (bottom == height))
            )
            parts.append(seen.only(inner, shift_xy=(left, top)))
    return detector.merged(parts)


def _spans(length: int, parts: int) -> list[tuple[int, int]]:
    """Cut a length into overlapping spans of one size that cover it."""
    size = min(length, round(length / (parts - (parts - 1) * TILE_OVERLAP)))
    starts = np.linspace(0, length - size, parts).round().astype(int)
    return [(int(start), int(start) + size) for start in starts]


def _box(shares: NDArray[np.float32]) -> Box:
    x1, y1, x2, y2 = (float(value) for value in shares)
    return x1, y1, x2, y2
