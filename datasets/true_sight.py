"""Eyes that see what truly is in a clip: they part errors of the rules from a detector's."""

from __future__ import annotations

from datetime import datetime

from datasets.event_scoring import ClipTruth
from vision.camera.appearance import describe
from vision.camera.boxes import covered_share
from vision.camera.config import Camera, ZoneKind
from vision.camera.events import Box, Observation
from vision.camera.frame import Frame
from vision.camera.looking import LOAD_TRUCKS, StreetEyes
from vision.camera.zones import touches

HIDDEN_SHARE = 0.7
"""What something nearer covers by more than this is not seen."""
_SCORE = 0.9
_SURE, _UNSURE = 0.9, 0.02


class TrueSight(StreetEyes):
    """Looks at a clip's truth instead of at its frames; only looks of things come from these."""

    def __init__(self, camera: Camera, truth: ClipTruth, *, start: datetime) -> None:
        """Know all beforehand.

        Args:
            camera: its gates decide which loads are seen.
            truth: of the clip.
            start: time of its first frame.
        """
        self._truth = truth
        self._start = start
        self._gates = [zone for zone in camera.zones if zone.kind is ZoneKind.TRUCK_GATE]
        harmless = {other.actor: other.why for other in truth.harmless}
        self._states = {
            actor: why for actor, why in harmless.items() if why in ("empty", "covered")
        } | {event.actor: event.load_state for event in truth.events if event.load_state}

    def look(self, frame: Frame, *, fine: bool = True) -> tuple[Observation, ...]:  # noqa: ARG002
        """Return what is in a frame, but for what is hidden, however close the look."""
        time_s = (frame.taken_at - self._start).total_seconds()
        there = [
            (name, label, box)
            for name, presence in self._truth.presences.items()
            for label, box in presence.parts_at(time_s)
        ]
        return tuple(
            Observation(
                name=label,
                score=_SCORE,
                box_xyxy=box,
                descriptor=describe(frame.rgb, box),
                load=self._load(name, label, box),
            )
            for name, label, box in there
            if not any(
                other != name and nearer[3] > box[3] and covered_share(box, nearer) > HIDDEN_SHARE
                for other, _, nearer in there
            )
        )

    def _load(self, name: str, label: str, box: Box) -> dict[str, float]:
        state = self._states.get(name)
        at_gate = any(touches(gate, box) for gate in self._gates)
        if state is None or label not in LOAD_TRUCKS or not at_gate:
            return {}
        states = ("empty", "covered", "level", "heaped", "not_visible")
        return {each: _SURE if each == state else _UNSURE for each in states}
