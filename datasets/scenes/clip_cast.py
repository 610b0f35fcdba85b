"""Who is in a clip: actors, what they do one after the other, and ways to make common ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from datasets.scenes.asset import Asset, Part
from datasets.scenes.clip_track import Track
from datasets.scenes.shape import Shape


@dataclass(frozen=True, slots=True)
class Act:
    """What an actor does for a while.

    Attributes:
        looks: how it looks; several are taken in turn along the way, as steps are.
        track: where it is when; from its first time to its last.
        z: height of the ground there.
    """

    looks: tuple[Asset, ...]
    track: Track
    z: float = 0.0


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody or something that comes, and perhaps stays or goes.

    Attributes:
        id: its name.
        does: what it is there for, in a few words.
        acts: one after the other in time.
        load_state: of a muck truck, else None.
        rendered_as: the actor whose pictures it shares: the same looks on the same tracks at
            another time.
    """

    id: str
    does: str
    acts: tuple[Act, ...]
    load_state: str | None = None
    rendered_as: str = ""

    @property
    def pictures(self) -> str:
        """Return the name that its pictures go by."""
        return self.rendered_as or self.id

    def act_at(self, time_s: float) -> Act | None:
        """Return what the actor does at a time; None while it is not there."""
        for act in self.acts:
            if act.track.start_s <= time_s < act.track.end_s:
                return act
        return None


def straight(lane_y: float, timetable: Sequence[tuple[float, float]], *, base_m: float) -> Track:
    """Return a straight track along x; the timetable says when it is at which x."""
    first, last = timetable[0][1], timetable[-1][1]
    way = 1.0 if last > first else -1.0
    times = tuple((time, way * (x - first)) for time, x in timetable)
    return Track(((first, lane_y), (last, lane_y)), times, base_m)


def again(actor: Actor, name: str, later_s: float) -> Actor:
    """Return an actor that does the same later on, shown by the same pictures."""
    acts = []
    for act in actor.acts:
        times = tuple((time + later_s, way) for time, way in act.track.timetable)
        acts.append(replace(act, track=replace(act.track, timetable=times)))
    return replace(actor, id=name, acts=tuple(acts), rendered_as=actor.pictures)


def mirrored(asset: Asset) -> Asset:
    """Return an asset with left and right changed: the other step of somebody who walks."""
    parts = []
    for part in asset.parts:
        shape = Shape(
            [(x, -y, z) for x, y, z in part.shape.vertices],
            [tuple(reversed(face)) for face in part.shape.faces],
            list(part.shape.paints),
        )
        parts.append(Part(part.label, shape))
    return replace(asset, parts=tuple(parts))


def steps(asset: Asset) -> tuple[Asset, Asset]:
    """Return the two looks of somebody who walks."""
    return asset, mirrored(asset)


def only(asset: Asset, labels: Sequence[str | None]) -> tuple[Part, ...]:
    """Return an asset's parts of some labels, those without faces left out."""
    return tuple(part for part in asset.parts if part.label in labels and part.shape.faces)


def with_parts(asset: Asset, parts: Sequence[Part]) -> Asset:
    """Return an asset made of other parts."""
    return replace(asset, parts=tuple(parts))
