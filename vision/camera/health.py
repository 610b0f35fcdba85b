"""Whether a camera's pictures are worth watching: frozen, black, out of focus, turned away.

Told from the small grey picture of each frame, by the frames' times. Everything is compared with
what this camera showed before, at about the same light; nothing is told before that is learnt.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.camera.frame import Frame
from vision.camera.sources.source import Fault, FaultKind, Recovered
from vision.camera.views import View, ViewCheck, edges_of

Symptom = FaultKind | ViewCheck
"""What one look shows."""

_STATE_VERSION = 1
_LIGHT_STEPS = 6
"""Steps of brightness that are learnt apart: day, dusk, lamps, infrared look different."""

_BLOCKS = (9, 16)
_OVERLAY_SHARE = 0.08
"""A clock and a name written into the picture cover less of it; what else changes is alive."""

_BLACK_LEVEL = 40
"""Video's black is 16; a street by night under lamps has bright spots above this."""
_BLACK_SPREAD = 8

_SHARPNESS_GRID = (4, 6)
_TEXTURE_LEVEL = 4.0
_LEAST_TEXTURED = 4
_DEFOCUS_SHARE = 0.5
"""Of the sharpness learnt. Seen on real cameras: 0.69 to 1.2 while in focus (three clips, 74
stills); blurred by 4 pixels of 1920 0.51 to 0.78, by 6 0.34 to 0.64, by 8 0.24 to 0.55."""


_ELSEWHERE = (ViewCheck.SHIFTED, ViewCheck.OTHER)
_NOTHING: frozenset[Symptom] = frozenset()
_NO_CONTRADICTION: Mapping[Symptom, frozenset[Symptom]] = {
    # A look at which nothing can be told, as traffic passes, does not say that it is back.
    ViewCheck.SHIFTED: frozenset({ViewCheck.UNSURE, ViewCheck.OTHER}),
    ViewCheck.OTHER: frozenset({ViewCheck.SHIFTED}),
}


@dataclass(frozen=True, slots=True)
class HealthLimits:
    """How long something must last; seconds of the frames' time.

    Attributes:
        least_looks: Looks, at least, that agree before a fault begins or ends.
        frozen_s: Of pictures that do not change. Sensors have noise, but encoders drop it between
            key frames: where those are further apart than this, a street without any movement may
            be taken for frozen until the next one.
        black_s: Of black pictures.
        defocused_s: Of blur; longer than a truck stands before the lens.
        shifted_s: Of the same view at another place in the picture.
        other_s: Of a view in which nothing is recognised: a bus may stand before the lens.
        clear_s: Of good pictures, until a fault is over.
        gap_s: Looks further apart than this do not continue what was seen before.
        learn_s: Time of looks before anything is compared with them.
        memory_s: How slowly what was learnt follows changes.
    """

    least_looks: int = 4
    frozen_s: float = 18.0
    black_s: float = 10.0
    defocused_s: float = 60.0
    shifted_s: float = 15.0
    other_s: float = 90.0
    clear_s: float = 10.0
    gap_s: float = 120.0
    learn_s: float = 60.0
    memory_s: float = 1800.0


@dataclass
class _Light:
    """What was learnt at one step of brightness."""

    view: View
    sharpness: float
    sharp_looks: int
    seen_s: float


@dataclass
class _Run:
    """How long a symptom has been there without a break."""

    since: datetime
    looks: int


class PictureHealth:
    """Looks at the frames of one camera.

    Attributes:
        fault: What is wrong at present.
        since: Since when.
    """

    def __init__(self, limits: HealthLimits | None = None) -> None:
        """Begin without knowing the camera."""
        self._limits = limits or HealthLimits()
        self.fault: FaultKind | None = None
        self.since: datetime | None = None
        self._lights: dict[int, _Light] = {}
        self._runs: dict[Symptom, _Run] = {}
        self._well: _Run | None = None
        self._last_at: datetime | None = None
        self._still: NDArray[np.uint8] | None = None
        self._changed = np.zeros(_BLOCKS, bool)

    def look(self, frame: Frame) -> FaultKind | None:
        """Look at the next frame; return what is wrong with the camera, None where all is well."""
        at, luma = frame.taken_at, frame.luma
        step_s = 0.0 if self._last_at is None else (at - self._last_at).total_seconds()
        if not 0 <= step_s <= self._limits.gap_s:
            self._runs.clear()
            self._well = self._still = None
            step_s = 0.0
        self._last_at = at
        symptoms = self._symptoms(luma, step_s)
        self._count(symptoms, at)
        self._judge(symptoms, at)
        return self.fault

    def changes(self, frame: Frame) -> tuple[Fault | Recovered, ...]:
        """Look at the next frame and return what began and what ended with it."""
        before, since = self.fault, self.since
        now = self.look(frame)
        if now is before:
            return ()
        events: list[Fault | Recovered] = []
        if before is not None and since is not None:
            lasted_s = (frame.taken_at - since).total_seconds()
            events.append(Recovered(before, frame.taken_at, lasted_s))
        if now is not None and self.since is not None:
            events.append(Fault(now, self.since, _MESSAGES[now]))
        return tuple(events)

    def state(self) -> dict[str, Any]:
        """Return what was learnt, as JSON takes it; not what was seen in the last seconds."""
        return {
            "version": _STATE_VERSION,
            "fault": self.fault,
            "since": None if self.since is None else self.since.isoformat(),
            "lights": {
                str(step): {
                    "view": light.view.state(),
                    "sharpness": light.sharpness,
                    "sharp_looks": light.sharp_looks,
                    "seen_s": light.seen_s,
                }
                for step, light in self._lights.items()
            },
        }

    @classmethod
    def restored(
        cls, state: Mapping[str, Any], limits: HealthLimits | None = None
    ) -> PictureHealth:
        """Go on from what `state` gave; so a camera that was turned meanwhile is noticed.

        Raises:
            ValueError: It is not of that form; begin anew then.
        """
        health = cls(limits)
        try:
            if state["version"] != _STATE_VERSION:
                raise ValueError("of another version")
            health.fault = None if state["fault"] is None else FaultKind(state["fault"])
            since = state["since"]
            health.since = None if since is None else datetime.fromisoformat(since)
            health._lights = {
                int(step): _Light(
                    View.restored(light["view"]),
                    float(light["sharpness"]),
                    int(light["sharp_looks"]),
                    float(light["seen_s"]),
                )
                for step, light in state["lights"].items()
            }
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(f"not a state of a camera's health: {error}") from error
        return health

    def _symptoms(self, luma: NDArray[np.uint8], step_s: float) -> frozenset[Symptom]:
        """Tell what this one look shows; a picture without faults teaches what is normal."""
        still = frozenset({FaultKind.FROZEN} if self._is_still(luma) else ())
        if _is_black(luma):
            return frozenset({FaultKind.BLACK})
        step = min(_LIGHT_STEPS - 1, int(luma.mean() * _LIGHT_STEPS / 256))
        edges, sharpness = edges_of(luma), _sharpness(luma)
        light = self._known_light(step)
        if light is not None and _is_blurred(sharpness, light.sharpness):
            # Without focus no edges can be compared.
            return still | {FaultKind.DEFOCUSED}
        check = self._view_check(step, edges)
        if check in _ELSEWHERE:
            return still | {check}
        if self.fault is None and not still:
            self._learn(step, edges, sharpness, step_s)
        return still | {check}

    def _known_light(self, step: int) -> _Light | None:
        light = self._lights.get(step)
        return None if light is None or light.seen_s < self._limits.learn_s else light

    def _view_check(self, step: int, edges: NDArray[np.float32]) -> ViewCheck:
        """Compare the view with what is known of it at this light, else at the nearest."""
        light = self._known_light(step)
        if light is not None:
            return light.view.check(edges)
        known = [other for other in self._lights if self._known_light(other) is not None]
        if not known:
            return ViewCheck.UNSURE
        nearest = min(known, key=lambda other: abs(other - step))
        check = self._lights[nearest].view.check(edges)
        # A view that is not recognised may be the same one by night, for the first time.
        return ViewCheck.UNSURE if check is ViewCheck.OTHER else check

    def _learn(
        self, step: int, edges: NDArray[np.float32], sharpness: float | None, step_s: float
    ) -> None:
        light = self._lights.setdefault(step, _Light(View(edges), 0.0, 0, 0.0))
        weight = min(1.0, step_s / self._limits.memory_s)
        light.seen_s += step_s
        light.view.learn(edges, weight)
        if sharpness is not None:
            light.sharp_looks += 1
            share = max(weight, 1.0 / light.sharp_looks)
            light.sharpness += share * (sharpness - light.sharpness)

    def _is_still(self, luma: NDArray[np.uint8]) -> bool:
        """Tell whether the picture is the one that came before, but for a clock written into it.

        Pixels must be equal to the bit: each is the mean of dozens of the camera's, and yet of a
        motionless scene with little noise, packed at low quality, all blocks change with each key
        frame. Packed again and again, a picture that does not change soon gives the same bits; so
        do decoders that repeat the last picture.
        """
        if self._still is None or self._still.shape != luma.shape:
            self._still, self._changed = luma, np.zeros(_BLOCKS, bool)
            return False
        differs = (luma != self._still).astype(np.uint8)
        rows, columns = _BLOCKS
        blocks = cv2.resize(differs * 255, (columns, rows), interpolation=cv2.INTER_AREA)
        changed = self._changed | (blocks > 0)
        if changed.mean() > _OVERLAY_SHARE:
            self._still, self._changed = luma, np.zeros(_BLOCKS, bool)
            return False
        self._changed = changed
        return True

    def _count(self, symptoms: frozenset[Symptom], at: datetime) -> None:
        for symptom in tuple(self._runs):
            if symptom not in symptoms and not symptoms & _NO_CONTRADICTION.get(symptom, _NOTHING):
                del self._runs[symptom]
        for symptom in symptoms:
            run = self._runs.setdefault(symptom, _Run(at, 0))
            run.looks += 1

    def _judge(self, symptoms: frozenset[Symptom], at: datetime) -> None:
        limits = self._limits
        needed_s: tuple[tuple[Symptom, float, FaultKind], ...] = (
            (FaultKind.BLACK, limits.black_s, FaultKind.BLACK),
            (FaultKind.FROZEN, limits.frozen_s, FaultKind.FROZEN),
            (FaultKind.DEFOCUSED, limits.defocused_s, FaultKind.DEFOCUSED),
            (ViewCheck.SHIFTED, limits.shifted_s, FaultKind.MOVED),
            (ViewCheck.OTHER, limits.other_s, FaultKind.MOVED),
        )
        for symptom, lasting_s, kind in needed_s:
            run = self._runs.get(symptom)
            if run is not None and self._lasts(run, at, lasting_s):
                if kind is not self.fault:
                    self.fault, self.since = kind, run.since
                self._well = None
                return
        if self.fault is None:
            return
        if not _is_over(self.fault, symptoms):
            self._well = None
            return
        self._well = self._well or _Run(at, 0)
        self._well.looks += 1
        if self._lasts(self._well, at, limits.clear_s):
            self.fault = self.since = self._well = None

    def _lasts(self, run: _Run, at: datetime, lasting_s: float) -> bool:
        return run.looks >= self._limits.least_looks and (
            (at - run.since).total_seconds() >= lasting_s
        )


_MESSAGES = {
    FaultKind.FROZEN: "the picture does not change any more; restart the camera",
    FaultKind.BLACK: "the picture is black; look for a cover, a dead lamp or a dead sensor",
    FaultKind.DEFOCUSED: "the picture lost its sharpness; clean the lens or set the focus",
    FaultKind.MOVED: "the camera looks somewhere else; turn it back or draw its zones anew",
}


def _is_over(fault: FaultKind, symptoms: frozenset[Symptom]) -> bool:
    if fault is FaultKind.MOVED:
        return ViewCheck.SAME in symptoms
    return fault not in symptoms


def _is_blurred(sharpness: float | None, usual: float) -> bool:
    return sharpness is not None and sharpness < _DEFOCUS_SHARE * usual


def _is_black(luma: NDArray[np.uint8]) -> bool:
    # Without the twentieth at either end: a clock in white is no light.
    low, high = np.percentile(luma, (5, 95))
    return bool(high < _BLACK_LEVEL and high - low <= _BLACK_SPREAD)


def _sharpness(luma: NDArray[np.uint8]) -> float | None:
    """How much fine detail a picture has for its contrast; None where it has no contrast.

    The mean strength of the Laplacian of a block for the block's standard deviation does not
    change with light and haze; the median over blocks not with a truck in some of them.
    """
    values = luma.astype(np.float32)
    detail = np.abs(cv2.Laplacian(values, cv2.CV_32F))
    rows, columns = _SHARPNESS_GRID
    found = []
    for y in np.array_split(np.arange(values.shape[0]), rows):
        for x in np.array_split(np.arange(values.shape[1]), columns):
            if not len(y) or not len(x):
                continue
            block = slice(y[0], y[-1] + 1), slice(x[0], x[-1] + 1)
            spread = float(values[block].std())
            if spread > _TEXTURE_LEVEL:
                found.append(float(detail[block].mean()) / (spread + 2.0))
    return float(np.median(found)) if len(found) >= _LEAST_TEXTURED else None
