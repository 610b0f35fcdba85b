"""A made-up street: things with a way through time, and what a detector would say of them.

No pictures: each thing has a look of its own, and a part of the picture looks like what is in front
there, or like the road. Times are seconds from the story's start.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import numpy as np

from vision.camera import boxes
from vision.camera.association import Association, AssociationOptions
from vision.camera.config import Camera
from vision.camera.events import Box, Observation, RuleEvent, Step
from vision.camera.rules import ZoneBook
from vision.camera.tracks import Track

START = datetime(2026, 11, 22, 0, 0, tzinfo=UTC)  # 08:00 in Shanghai
LOOK_SIZE = 64
ROAD = 999
"""Seed of the road's look."""


@lru_cache(maxsize=4096)
def look_of(seed: int) -> np.ndarray:
    """A look of its own, with as much in common with all others as grey cars have."""
    rng = np.random.default_rng(seed)
    common = np.random.default_rng(0).normal(size=LOOK_SIZE)
    own = rng.normal(size=LOOK_SIZE)
    mixed = 0.6 * common / np.linalg.norm(common) + 0.8 * own / np.linalg.norm(own)
    return (mixed / np.linalg.norm(mixed)).astype(np.float32)


@lru_cache(maxsize=4096)
def look_like(seed: int, similarity: float) -> np.ndarray:
    """A look that is so much alike another."""
    look, other = look_of(seed), look_of(seed + 10**6)
    across = other - (look @ other) * look
    mixed = similarity * look + (1 - similarity**2) ** 0.5 * across / np.linalg.norm(across)
    return mixed.astype(np.float32)


def at(seconds: float, start: datetime = START) -> datetime:
    return start + timedelta(seconds=seconds)


def box(x: float, y: float, w: float = 0.1, h: float = 0.1) -> Box:
    """A box by the middle of its lower edge."""
    return x - w / 2, y - h, x + w / 2, y


@dataclass
class Thing:
    """Something in the street.

    Attributes:
        name: Class, or the classes a detector takes it for in turns.
        way: Times and boxes; in between it moves evenly, before and after it is not there.
        look: Seed of its look.
        score: Of its detections.
        seen_share: Share of the frames in which the detector sees it.
        load: As in Observation.
        fades_to: Seed of the look that its own turns into over its time.
        turns: Times from and to which it looks otherwise: in another light, half behind somebody.
        turned_similarity: How much alike its two looks are then.
    """

    name: str | Sequence[str]
    way: Sequence[tuple[float, Box]]
    look: int = 1
    score: float = 0.8
    seen_share: float = 1.0
    load: dict[str, float] = field(default_factory=dict)
    fades_to: int | None = None
    turns: Sequence[tuple[float, float]] = ()
    turned_similarity: float = 0.6

    def box_at(self, t: float) -> Box | None:
        if not self.way[0][0] <= t <= self.way[-1][0]:
            return None
        for (t0, b0), (t1, b1) in zip(self.way, self.way[1:], strict=False):
            if t0 <= t <= t1:
                share = 0.0 if t1 == t0 else (t - t0) / (t1 - t0)
                return tuple(u + share * (v - u) for u, v in zip(b0, b1, strict=True))
        return self.way[0][1]

    def look_at(self, t: float) -> np.ndarray:
        if any(start <= t < end for start, end in self.turns):
            return look_like(self.look, self.turned_similarity)
        if self.fades_to is None:
            return look_of(self.look)
        share = (t - self.way[0][0]) / (self.way[-1][0] - self.way[0][0])
        mixed = (1 - share) * look_of(self.look) + share * look_of(self.fades_to)
        return (mixed / np.linalg.norm(mixed)).astype(np.float32)


def stands(name: str, place: Box, start: float, end: float, **more) -> Thing:
    return Thing(name, [(start, place), (end, place)], **more)


def passes(name: str, start: float, y: float = 0.8, seconds: float = 8.0, **more) -> Thing:
    """From the left edge to the right edge."""
    return Thing(name, [(start, box(-0.05, y)), (start + seconds, box(1.05, y))], **more)


@dataclass
class Story:
    """Things in a street and how well they are seen.

    Attributes:
        things: Those nearer hide those farther where they overlap by more than half.
        jitter: Share of their size by which each edge of a box wanders.
        hides: Whether a thing in front hides one behind from the detector.
        mixes: Whether a part of the picture looks like all that shows in it, each by its share,
            and not just like what covers most of it.
    """

    things: Sequence[Thing]
    jitter: float = 0.0
    hides: bool = True
    mixes: bool = False
    seed: int = 0

    def _there(self, t: float) -> list[tuple[Thing, Box]]:
        found = [(thing, thing.box_at(t)) for thing in self.things]
        return [(thing, place) for thing, place in found if place is not None]

    def observations(self, t: float) -> list[Observation]:
        rng = np.random.default_rng([self.seed, round(1000 * t) + 10**6])
        there = self._there(t)
        look = self.look(t)
        seen = []
        for thing, place in there:
            hidden = self.hides and any(
                other is not thing
                and other_place[3] > place[3]
                and boxes.covered_share(place, other_place) > 0.5
                for other, other_place in there
            )
            if hidden or rng.random() >= thing.seen_share:
                continue
            w, h = place[2] - place[0], place[3] - place[1]
            shifts = self.jitter * rng.uniform(-1, 1, 4) * (w, h, w, h)
            wobble = tuple(float(v + s) for v, s in zip(place, shifts, strict=True))
            name = thing.name if isinstance(thing.name, str) else str(rng.choice(list(thing.name)))
            seen.append(Observation(name, thing.score, wobble, look(place), thing.load))
        return seen

    def look(self, t: float) -> Callable[[Box], np.ndarray]:
        there = self._there(t)

        def mixed(place: Box) -> np.ndarray:
            whole = look_of(ROAD)
            for thing, other in sorted(there, key=lambda entry: entry[1][3]):
                share = boxes.covered_share(place, other)
                whole = (1 - share) * whole + share * thing.look_at(t)
            return (whole / np.linalg.norm(whole)).astype(np.float32)

        if self.mixes:
            return mixed

        def look(place: Box) -> np.ndarray:
            in_front = None
            for thing, other in there:
                covers = boxes.covered_share(place, other) > 0.5
                if covers and (in_front is None or other[3] > in_front[1][3]):
                    in_front = (thing, other)
            return look_of(ROAD) if in_front is None else in_front[0].look_at(t)

        return look


def times(end: float, step: float = 10.0, start: float = 0.0) -> list[float]:
    return [start + step * n for n in range(int((end - start) / step) + 1)]


def tracked(
    story: Story,
    when: Iterable[float],
    *,
    look: bool = True,
    association: Association | None = None,
) -> list[tuple[float, tuple[Track, ...]]]:
    """The tracks at each time."""
    association = association or Association()
    return [
        (t, association.advance(at(t), story.observations(t), story.look(t) if look else None))
        for t in when
    ]


def watched(
    story: Story,
    camera: Camera,
    when: Iterable[float],
    *,
    look: bool = True,
    restarts: Iterable[int] = (),
    start: datetime = START,
    clock: Callable[[float], float] = lambda t: t,
    finish: bool = True,
) -> list[RuleEvent]:
    """What the rules say of a story.

    Args:
        story: What happens.
        camera: With its zones.
        when: Times of the frames.
        look: Whether the association may look at the picture.
        restarts: Numbers of frames after which the process is ended and started anew.
        start: Time of day of the story's start.
        clock: What the camera's clock says at a time of the story.
        finish: Whether the source ends after the last frame.
    """
    options = AssociationOptions.for_camera(camera)
    association, book = Association(options), ZoneBook(camera)
    events: list[RuleEvent] = []
    told = start
    for number, t in enumerate(when):
        told = at(clock(t), start)
        tracks = association.advance(told, story.observations(t), story.look(t) if look else None)
        events += book.advance(told, tracks)
        if number in set(restarts):
            stored = json.loads(json.dumps([association.state(), book.state()]))
            association = Association.restore(stored[0], options)
            book = ZoneBook.restore(camera, stored[1])
    return events + list(book.finish(told)) if finish else events


def fired(events: Iterable[RuleEvent]) -> list[RuleEvent]:
    return [event for event in events if event.step is Step.FIRED]


def steps(events: Iterable[RuleEvent], key: str) -> list[Step]:
    return [event.step for event in events if event.key == key]


def camera_with(*zones: dict, **more) -> Camera:
    whole = [[0, 0], [1, 0], [1, 1], [0, 1]]
    return Camera.model_validate(
        {
            "id": "1",
            "name": "made up",
            "zones": [
                {"name": f"zone {n}", "polygon": whole, **zone} for n, zone in enumerate(zones)
            ],
            **more,
        }
    )
