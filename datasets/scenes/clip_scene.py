"""A clip as values: one street in one light, one camera, who does what when, what is to be found.

Rendering, compositing and truth all take a :class:`Clip`; the sample and the evaluation clips are
two ways to make one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from datasets.scenes.clip_cast import Actor
from datasets.scenes.shape import Shape
from datasets.scenes.street_ground import StreetPlan
from datasets.scenes.streets import Street, build_street
from datasets.scenes.view import View

Point = tuple[float, float]
"""x, y on the ground, metres."""
ZoneKind = Literal["no_parking", "no_vending", "truck_gate"]
EventKind = Literal[
    "illegal_parking", "street_vending", "muck_truck_overload", "muck_truck_uncovered"
]
"""As :class:`vision.finding.FindingKind` calls them; Blender's environment has no ``vision``."""
DaylightKind = Literal["day", "overcast", "dusk"]
_TALL_M, _WIDE_M, _FOOT_M = 2.0, 1.2, 0.6
"""What is tall and this wide, or has a foot this wide, hides things."""
_ROW_M = 9.0
"""What is longer lines the street."""
_NEAR_M = 9.5
"""Whoever hangs up a camera looks past the post beside it."""


@dataclass(frozen=True, slots=True)
class Daylight:
    """Sun and sky of a clip; where street lamps burn, their power.

    Attributes:
        kind: time of day and weather.
        sun_azimuth_deg: where the sun stands, counter-clockwise from x.
        sun_elevation_deg: above the horizon.
        lamp_power_w: of each street lamp of the plan; 0 for none.
    """

    kind: DaylightKind
    sun_azimuth_deg: float
    sun_elevation_deg: float
    lamp_power_w: float = 0.0


@dataclass(frozen=True, slots=True)
class Keying:
    """How densely the poses of a track are rendered; poses between are moved and stretched.

    Attributes:
        step_share: of the distance to the camera that something moves from one to the next.
        step_m: least way from one to the next.
        turn_deg: most turn from one to the next.
        least_inside: share of a thing that has to be inside the picture for a pose to be rendered.
        samples: light paths a pixel.
        shadows: whether shadows are rendered with the actors, or drawn when the clip is put
            together, which costs a quarter.
    """

    step_share: float = 0.07
    step_m: float = 0.8
    turn_deg: float = 4.0
    least_inside: float = 0.0
    samples: int = 6
    shadows: Literal["rendered", "drawn"] = "rendered"


COARSE = Keying(
    step_share=0.22, step_m=2.0, turn_deg=9.0, least_inside=0.3, samples=3, shadows="drawn"
)
"""For clips of which there are many."""


@dataclass(frozen=True, slots=True)
class GroundZone:
    """A zone of the camera as an outline on the ground.

    Attributes:
        name: unique in the clip.
        kind: what must not happen there.
        outline: corners.
        settings: other keys of the zone in the camera's YAML file.
        inward: of a gate, a place on the site's side.
    """

    name: str
    kind: ZoneKind
    outline: tuple[Point, ...]
    settings: Mapping[str, float | str] = field(default_factory=dict)
    inward: Point | None = None


@dataclass(frozen=True, slots=True)
class ClipEvent:
    """Something that a watcher is to find.

    Attributes:
        kind: of the finding.
        zone: name of the zone.
        actor: name of who does it.
        began_s: when it begins: comes to stand in the zone, enters the gate.
        ended_s: when it is over; None for what goes on at the clip's end.
        load_state: of a muck truck.
        direction: of a muck truck: ``in`` or ``out``.
    """

    kind: EventKind
    zone: str
    actor: str
    began_s: float
    ended_s: float | None = None
    load_state: str | None = None
    direction: str | None = None


@dataclass(frozen=True, slots=True)
class Harmless:
    """Somebody who could be taken for an event and must not.

    Attributes:
        kind: of the finding that would be wrong.
        actor: its name.
        why: what it does instead, one word or two: ``queue``, ``passes`` …
    """

    kind: EventKind
    actor: str
    why: str


@dataclass(frozen=True)
class Clip:
    """A clip.

    Attributes:
        name: of its folder.
        seed: of its street and of the sensor's noise.
        place: name of its camera, for people.
        duration_s: its length.
        frames_per_s: a frame's time is its number over this.
        plan: of the street; its traffic lights are red in ``red_s`` and green else.
        view: the camera.
        daylight: sun and sky.
        zones: of the camera.
        actors: everybody and everything that moves or comes to stand.
        events: what is to be found.
        harmless: who must not be found, as what.
        red_s: from when to when the traffic lights are red; None for never.
        clear_x: from where to where along the street nothing stands that hides much.
        margin_px: what is rendered beyond each side of the picture: things that come in are whole.
        keying: of the actors.
        street_samples: light paths a pixel of the empty street.
    """

    name: str
    seed: int
    place: str
    duration_s: float
    frames_per_s: int
    plan: StreetPlan
    view: View
    daylight: Daylight
    zones: tuple[GroundZone, ...]
    actors: tuple[Actor, ...]
    events: tuple[ClipEvent, ...]
    harmless: tuple[Harmless, ...] = ()
    red_s: tuple[float, float] | None = None
    clear_x: tuple[float, float] | None = None
    margin_px: tuple[int, int] = (120, 80)
    keying: Keying = Keying()
    street_samples: int = 48

    @cached_property
    def wide_view(self) -> View:
        """The same camera with a larger sensor, by the margin on each side."""
        width, height = self.view.size_wh
        across, down = self.margin_px
        half = math.tan(math.radians(self.view.fov_deg / 2)) * (1 + 2 * across / width)
        return replace(
            self.view,
            size_wh=(width + 2 * across, height + 2 * down),
            fov_deg=2 * math.degrees(math.atan(half)),
        )

    def street(self, *, red: bool) -> Street:
        """Return the clip's street with its traffic lights red or green."""
        street = build_street(replace(self.plan, red=red), np.random.default_rng(self.seed))
        if self.clear_x is None:
            return street
        kept = tuple(shape for shape in street.standing if not self._in_the_way(shape))
        return replace(street, standing=kept)

    def _in_the_way(self, shape: Shape) -> bool:
        """Return whether a tree, board or cabinet stands where the clip wants none."""
        assert self.clear_x is not None  # noqa: S101 - asked for by street() alone
        points = shape.points()
        foot = points[points[:, 2] < points[:, 2].min() + 0.5]
        x = float(foot[:, 0].mean())
        size = np.ptp(points, axis=0)
        if size[0] > _ROW_M or not self.clear_x[0] < x < self.clear_x[1]:
            return False
        if math.dist((x, float(foot[:, 1].mean())), self.view.position[:2]) < _NEAR_M:
            return True
        # Further off, lamp posts and bollards stay: they hide next to nothing.
        crown = points[points[:, 2] > _TALL_M]
        return bool(min(size[0], size[1]) > _WIDE_M and len(crown)) or bool(
            max(np.ptp(foot[:, 0]), np.ptp(foot[:, 1])) > _FOOT_M
        )

    def frame_times(self, start_s: float = 0.0, end_s: float | None = None) -> NDArray[np.float64]:
        """Return the times of the frames from a start to before an end, seconds."""
        end = self.duration_s if end_s is None else end_s
        first = math.ceil(start_s * self.frames_per_s - 1e-9)
        last = math.ceil(end * self.frames_per_s - 1e-9)
        return np.arange(first, last) / self.frames_per_s

    def actor(self, name: str) -> Actor:
        """Return the actor of a name; raises KeyError where there is none."""
        for actor in self.actors:
            if actor.id == name:
                return actor
        raise KeyError(name)


def inside(outline: tuple[Point, ...], x: float, y: float) -> bool:
    """Return whether a place on the ground lies in an outline (even-odd rule)."""
    within = False
    for (x0, y0), (x1, y1) in zip(outline, (*outline[1:], outline[0]), strict=True):
        if (y0 > y) != (y1 > y) and x < x0 + (y - y0) / (y1 - y0) * (x1 - x0):
            within = not within
    return within


def passage(actor: Actor, zone: GroundZone, *, step_s: float = 0.2) -> tuple[float, float]:
    """Return when the middle of something first and last is in a zone, seconds.

    Raises:
        ValueError: It never is.
    """
    start, end = actor.acts[0].track.start_s, actor.acts[-1].track.end_s
    times = []
    for time in np.arange(math.ceil(start / step_s) * step_s, end, step_s):
        act = actor.act_at(float(time))
        if act is not None:
            pose = act.track.at(float(time))
            if inside(zone.outline, pose.x, pose.y):
                times.append(round(float(time), 3))
    if not times:
        raise ValueError(f"{actor.id} never comes through {zone.name}")
    return times[0], times[-1]
