"""All that is remembered of one camera while it is watched, advanced one frame at a time.

A session joins health, association, rules and evidence. It can be saved at any moment and restored
in another process: dwell goes on, and nothing is reported twice. One thread at a time may use it.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import cv2
from pydantic import TypeAdapter

from vision.camera.appearance import describe
from vision.camera.association import Association, AssociationOptions
from vision.camera.config import Camera, Zone, ZoneKind
from vision.camera.events import Box, Observation, RuleEvent, Step
from vision.camera.frame import Frame
from vision.camera.gate import MotionGate
from vision.camera.health import PictureHealth
from vision.camera.plates import PlateLooking
from vision.camera.rules import Standing, ZoneBook, needed_step_s
from vision.camera.sources import Clip, ClipLost, Fault, FaultKind, Recovered, Source
from vision.camera.zones import touches
from vision.evidence import EvidenceFolder
from vision.finding import CameraSource, Finding, FindingKind, Measure, ModelRef, stable_id

STATE_VERSION = 1
SNAPSHOT_WIDTH_PX = 1100
LOAD_PICTURES = 3
"""Pictures kept of a muck truck's passage: the best ones."""
GATE_REST_S = 2.0
"""A camera that watches nothing but gates is looked at this often while nothing moves there."""
_BLIND = frozenset({FaultKind.FROZEN, FaultKind.BLACK, FaultKind.MOVED})
"""Faults in which a picture says nothing about what stands in the zones now."""
_MUCK = frozenset({FindingKind.MUCK_TRUCK_OVERLOAD, FindingKind.MUCK_TRUCK_UNCOVERED})
_EVENT = TypeAdapter(RuleEvent)


@dataclass(frozen=True)
class SessionOptions:
    """How findings are evidenced.

    Attributes:
        pre_roll_s: Seconds of clip before a rule fired.
        post_roll_s: Seconds of clip after it; a finding is reported when they have passed.
        longest_clip_s: A passage that took longer is cut to this at its end.
        refresh_s: Longest time without a look by the detector though nothing moves, seconds.
        snapshot_every_s: How often the view is kept for reports, seconds.
    """

    pre_roll_s: float = 8.0
    post_roll_s: float = 4.0
    longest_clip_s: float = 40.0
    refresh_s: float = 20.0
    snapshot_every_s: float = 30.0


@dataclass(frozen=True, eq=False)
class Snapshot:
    """What a camera showed a short time ago.

    Attributes:
        jpeg: The picture as received, made smaller: nothing is masked or blurred in it.
        seen: Class names and boxes of what was in it.
        taken_at: When.
    """

    jpeg: bytes
    seen: tuple[tuple[str, Box], ...]
    taken_at: datetime


@dataclass(frozen=True)
class _Case:
    """What has fired: the event, the finding once it is reported, and its end once that came."""

    fired: RuleEvent
    finding: Finding | None = None
    ended: RuleEvent | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "fired": _EVENT.dump_python(self.fired, mode="json"),
            "finding": None if self.finding is None else self.finding.model_dump(mode="json"),
            "ended": None if self.ended is None else _EVENT.dump_python(self.ended, mode="json"),
        }

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> _Case:
        return cls(
            fired=_EVENT.validate_python(state["fired"]),
            finding=state["finding"] and Finding.model_validate(state["finding"]),
            ended=state["ended"] and _EVENT.validate_python(state["ended"]),
        )


class CameraSession:
    """One camera being watched.

    Attributes:
        camera: Its settings.
        models: Names and hashes of the models that look; the first is the detector's.
        counts: Frames by what became of them: ``frames``, ``looked``, ``gated``, ``blind``.
        stage_s: Seconds spent, by stage: gate (with health), detect, associate, rules, evidence.
        stage_cpu_s: Processor time of it, without that of the engine's own threads.
        snapshot: The view, at most `SessionOptions.snapshot_every_s` old; none before the first
            frame.
        begun_anew: Whether a saved state could not be read, so that dwell begins anew.
    """

    def __init__(
        self,
        camera: Camera,
        *,
        models: Sequence[ModelRef],
        folder: Path,
        plates: PlateLooking | None = None,
        options: SessionOptions | None = None,
        state: Mapping[str, Any] | None = None,
    ) -> None:
        """Start a session, or go on with a saved one.

        Args:
            camera: Whose zones are watched.
            models: Names and hashes of the models that look; the first is the detector's.
            folder: Of this camera's results; evidence goes into it.
            plates: Reads number plates; none leaves them unread.
            options: How findings are evidenced.
            state: What `state` gave. What was remembered of zones that have changed since is
                left out; who stands where is kept.
        """
        self.camera = camera
        self.counts: dict[str, int] = defaultdict(int)
        self.stage_s: dict[str, float] = defaultdict(float)
        self.stage_cpu_s: dict[str, float] = defaultdict(float)
        self.models = tuple(models)
        self._folder = folder
        self._evidence = EvidenceFolder(folder, camera, plates=plates)
        self._options = options or SessionOptions()
        gates = [zone for zone in camera.zones if zone.kind is ZoneKind.TRUCK_GATE]
        slow_step_s, rest_s = _slow_step_s(camera), _rest_s(camera)
        self._gate = MotionGate(
            refresh_s=self._options.refresh_s,
            urgent=[zone.polygon for zone in gates],
            places=[zone.polygon for zone in camera.zones],
            rest_s=rest_s if rest_s > slow_step_s else 0.0,
        )
        self._slow_step = timedelta(seconds=slow_step_s)
        self._rest = timedelta(seconds=max(slow_step_s, rest_s))
        self._advanced_at: datetime | None = None
        self._seen: tuple[Observation, ...] = ()
        self._cases: dict[str, _Case] = {}
        self.snapshot: Snapshot | None = None
        self.begun_anew = False
        self._zones = stable_id(*(zone.model_dump_json() for zone in camera.zones))
        limits = AssociationOptions.for_camera(camera)
        self._association = Association(limits)
        self._book = ZoneBook(camera)
        self._health = PictureHealth()
        if state is not None:
            try:
                self._restore(state, limits)
            except (ValueError, KeyError, TypeError):
                self.begun_anew = True
        known = {*self._book.keys(), *self._cases}
        for key in self._evidence.pending():
            if key not in known:
                self._evidence.drop(key)

    def _restore(self, state: Mapping[str, Any], limits: AssociationOptions) -> None:
        """Take over a saved state, all of it or nothing.

        Raises:
            ValueError: It is of another version, or not a state.
        """
        if state.get("version") != STATE_VERSION:
            raise ValueError("a state of another version")
        association = Association.restore(state["association"], limits)
        book = ZoneBook.restore(self.camera, state["book"])
        health = PictureHealth()
        # Who draws the zones anew has looked at the view: it is the one to be kept from then on.
        if state["zones"] == self._zones:
            health = PictureHealth.restored(state["health"])
        cases = {key: _Case.from_json(case) for key, case in state["cases"].items()}
        self._association, self._book, self._health = association, book, health
        self._cases = cases
        self._end_what_nobody_watches()

    def _end_what_nobody_watches(self) -> None:
        """End what had fired in a zone that is no longer there, or is another since."""
        watched = self._book.keys()
        for key, case in self._cases.items():
            if case.ended is None and key not in watched:
                self._cases[key] = replace(case, ended=replace(case.fired, step=Step.ENDED))

    def state(self) -> dict[str, Any]:
        """Return all that has to be remembered, as JSON knows it."""
        return {
            "version": STATE_VERSION,
            "zones": self._zones,
            "association": self._association.state(),
            "book": self._book.state(),
            "health": self._health.state(),
            "cases": {key: case.to_json() for key, case in self._cases.items()},
        }

    @property
    def measures(self) -> dict[str, Any]:
        """What the zones counted, by zone: passages of a gate an hour."""
        return self._book.measures()

    @property
    def standing(self) -> tuple[Standing, ...]:
        """What stands in the zones now, and for how long."""
        return self._book.standing()

    def advance(
        self, frame: Frame, look: Callable[[Frame], tuple[Observation, ...]]
    ) -> tuple[Fault | Recovered, ...]:
        """Take in a frame.

        Args:
            frame: The next one.
            look: Asks the detector; it is not called where nothing has changed.

        Returns:
            Faults of the picture that began or ended with this frame.
        """
        self.counts["frames"] += 1
        with self._stage("gate"):
            told = self._health.changes(frame)
        if self._health.fault in _BLIND:
            self.counts["blind"] += 1
            self._gate.forget()
            return told
        if self._see(frame, look):
            self._judge(frame, self._seen)
        elif self._has_passed(self._rest, frame):
            # Where nothing has changed, what was seen is still there; of the rest nothing is known.
            self._judge(
                frame,
                tuple(each for each in self._seen if not self._gate.has_changed(each.box_xyxy)),
            )
        return told

    def _judge(self, frame: Frame, seen: tuple[Observation, ...]) -> None:
        """Let association and rules take in what was seen."""
        self._advanced_at = frame.taken_at
        with self._stage("associate"):
            tracks = self._association.advance(
                frame.taken_at, seen, lambda box: describe(frame.rgb, box)
            )
        with self._stage("rules"):
            events = self._book.advance(frame.taken_at, tracks)
        with self._stage("evidence"):
            for event in events:
                self._take(event, frame)

    def finish(self, at: datetime) -> None:
        """End what is going on: the recording is over."""
        for event in self._book.finish(at):
            self._take(event, None)

    def is_due(self, now: datetime) -> bool:
        """Return whether `deliver` has something to report."""
        # A copy: it may be asked while a frame is taken in.
        return any(self._is_due(case, now) for case in tuple(self._cases.values()))

    def deliver(
        self, source: Source, now: datetime, sink: Callable[[Finding], None], *, last: bool = False
    ) -> None:
        """Report what has fired and what has ended since.

        A finding counts as reported only when `sink` has returned: whatever happens before that
        is done again after a restart, under the same id.

        Args:
            source: Clips are cut from it.
            now: Time of the newest frame, or of the clock where no frames come.
            sink: Takes each finding, twice: when it fires and when it has ended.
            last: Do not wait for more of the clip; none will come.
        """
        for key, case in list(self._cases.items()):
            if not last and not self._is_due(case, now):
                continue
            current = case
            if current.finding is None:
                with self._stage("evidence"):
                    finding = self._evidenced(current.fired, source)
                sink(finding)
                current = self._cases[key] = replace(current, finding=finding)
            if current.ended is not None and current.finding is not None:
                sink(_ended(current.finding, current.ended))
                del self._cases[key]

    def _is_due(self, case: _Case, now: datetime) -> bool:
        if case.finding is None:
            return now >= case.fired.at + timedelta(seconds=self._options.post_roll_s)
        return case.ended is not None

    def _see(self, frame: Frame, look: Callable[[Frame], tuple[Observation, ...]]) -> bool:
        """Look where it is worth it; returns whether that was done.

        A gate has to be looked at several times a second, dwell every second or more. In between,
        only what moves at a gate is looked at; frames in which nothing does say nothing new.
        """
        slow = self._has_passed(self._slow_step, frame)
        with self._stage("gate"):
            worth = self._gate.is_worth_a_look(frame, urgent_only=not slow)
        if not worth:
            self.counts["gated"] += 1
            return False
        with self._stage("detect"):
            self._seen = look(frame)
        self._gate.looked_at(
            frame,
            [
                each.box_xyxy
                for each in self._seen
                if any(touches(zone, each.box_xyxy) for zone in self.camera.zones)
            ],
        )
        self.counts["looked"] += 1
        with self._stage("evidence"):
            self._keep_view(frame)
        return True

    def _has_passed(self, time_since: timedelta, frame: Frame) -> bool:
        since = self._advanced_at
        return since is None or not timedelta(0) <= frame.taken_at - since < time_since

    def _keep_view(self, frame: Frame) -> None:
        """Keep a small picture of the view from time to time."""
        every = timedelta(seconds=self._options.snapshot_every_s)
        if self.snapshot and abs(frame.taken_at - self.snapshot.taken_at) < every:
            return
        width, _ = frame.size_wh
        scale = min(1.0, SNAPSHOT_WIDTH_PX / width)
        small = cv2.resize(frame.rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        coded = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR))[1]
        seen = tuple((each.name, each.box_xyxy) for each in self._seen)
        self.snapshot = Snapshot(coded.tobytes(), seen, frame.taken_at)

    def _take(self, event: RuleEvent, frame: Frame | None) -> None:
        """Keep, fire, end or drop what a rule says."""
        if event.step is Step.DROPPED:
            self._evidence.drop(event.key)
        elif event.step is Step.ENDED:
            case = self._cases.get(event.key)
            if case is not None:
                self._cases[event.key] = replace(case, ended=event)
        elif event.step is Step.FIRED:
            self._cases[event.key] = _Case(event)
        if frame is None or event.step in (Step.DROPPED, Step.ENDED):
            return
        if event.kind not in _MUCK:
            role = "scene_start" if event.step is Step.BEGAN else "scene_end"
            self._keep(event, frame, role)
        elif event.step is Step.PICTURE:
            self._keep(event, frame, "load", most=LOAD_PICTURES)

    def _keep(self, event: RuleEvent, frame: Frame, role: str, most: int | None = None) -> None:
        self._evidence.keep(
            event.key,
            frame,
            role=role,
            box_xyxy=event.box_xyxy,
            seen=[(each.name, each.box_xyxy) for each in self._seen],
            quality=event.quality,
            most=most,
        )

    def _evidenced(self, event: RuleEvent, source: Source) -> Finding:
        """Cut the clip, seal the evidence and word the finding."""
        finding_id = stable_id(self.camera.id, event.key)
        zone = self.camera.zone(event.zone)
        # An older file of this name is what a killed process left; it is written over.
        clip, why_none = self._cut(event, zone, source, self._folder / f".clip-{finding_id}.mp4")
        sealed = self._evidence.seal(
            event.key,
            finding_id,
            zone=zone,
            rule=event.rule,
            clip=None if clip is None else clip.path,
            clip_span=None if clip is None else (clip.start, clip.end),
            clock_offset_s=source.clock_offset_s,
        )
        attributes = {**event.attributes, "state": "ongoing"}
        if clip is None:
            # Who judges it is told that there should be one.
            attributes["no_clip"] = why_none
        measures = dict(event.measures)
        if sealed.plate is not None:
            attributes["plate_text"] = sealed.plate.text
            measures["plate_confidence"] = Measure(value=sealed.plate.confidence, unit="1")
        if event.kind in _MUCK and len(self.models) > 1:
            load = self.models[1]
            attributes["load_model"] = f"{load.name} {load.version} {load.sha256[:12]}"
        return Finding(
            id=finding_id,
            kind=event.kind,
            score=event.score,
            bbox_xyxy=event.box_xyxy,
            first_seen=event.first_seen,
            last_seen=event.last_seen,
            measures=measures,
            attributes=attributes,
            rule=event.rule,
            model=self.models[0] if self.models else None,
            evidence=sealed.evidence,
            source=CameraSource(camera_id=self.camera.id, zone=event.zone),
        )

    def _cut(
        self, event: RuleEvent, zone: Zone, source: Source, path: Path
    ) -> tuple[Clip | None, str]:
        """Cut the clip of what fired; returns it, and why there is none where there is none."""
        start, end = self._clip_span(event, is_passage=zone.kind is ZoneKind.TRUCK_GATE)
        try:
            return source.clip(start, end, path, masks=self.camera.privacy_masks), "nothing_kept"
        except ClipLost:
            return None, "reader_lost"

    def _clip_span(self, event: RuleEvent, *, is_passage: bool) -> tuple[datetime, datetime]:
        options = self._options
        end = event.at + timedelta(seconds=options.post_roll_s)
        start = event.at - timedelta(seconds=options.pre_roll_s)
        if is_passage:
            start = min(start, event.first_seen - timedelta(seconds=2))
        return max(start, end - timedelta(seconds=options.longest_clip_s)), end

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        began, cpu_began = time.perf_counter(), time.thread_time()
        try:
            yield
        finally:
            self.stage_s[name] += time.perf_counter() - began
            self.stage_cpu_s[name] += time.thread_time() - cpu_began


def _ended(finding: Finding, event: RuleEvent) -> Finding:
    """Return a finding as it stands when what it found is over."""
    return finding.model_copy(
        update={
            "last_seen": event.last_seen,
            "measures": {**finding.measures, **event.measures},
            "attributes": {**finding.attributes, **event.attributes, "state": "ended"},
        }
    )


def _rest_s(camera: Camera) -> float:
    """Seconds between looks that dwell needs, however often frames are sampled."""
    others = tuple(zone for zone in camera.zones if zone.kind is not ZoneKind.TRUCK_GATE)
    return needed_step_s(camera.model_copy(update={"zones": others})) if others else GATE_REST_S


def _slow_step_s(camera: Camera) -> float:
    """Seconds between looks that dwell gets, gates left out of it."""
    return _rest_s(camera) if camera.sample_step_s is None else camera.sample_step_s
