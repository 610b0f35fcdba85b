"""What stands and lies in a survey scene: values only, no geometry and no rendering.

Coordinates are metres in the scene: x to the east, y to the north, z up, origin in the middle of
the picture. Colours are sRGB, 0–1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Rect:
    """A rectangle that may be turned.

    Attributes:
        x: East of its centre, in metres.
        y: North of its centre, in metres.
        length: Extent along its heading, in metres.
        width: Extent across its heading, in metres.
        heading: Direction of its length, in radians from east towards north.
    """

    x: float
    y: float
    length: float
    width: float
    heading: float

    def at(self, along: float, across: float) -> tuple[float, float]:
        """Scene position of a point given in metres from the centre, along and across."""
        cos, sin = math.cos(self.heading), math.sin(self.heading)
        return self.x + along * cos - across * sin, self.y + along * sin + across * cos

    def inside(self, *, along: float, across: float, length: float, width: float) -> Rect:
        """A rectangle of the same heading, placed relative to this one."""
        x, y = self.at(along, across)
        return Rect(x, y, length, width, self.heading)

    def shrunk(self, margin: float) -> Rect:
        """The rectangle with a margin taken off each side."""
        return Rect(self.x, self.y, self.length - 2 * margin, self.width - 2 * margin, self.heading)


class Surface(StrEnum):
    """What a part of the ground is covered with."""

    GRASS = "grass"
    CROP = "crop"
    SOIL = "soil"
    CONCRETE = "concrete"
    ASPHALT = "asphalt"
    RUBBLE = "rubble"


class Roof(StrEnum):
    """Shape of a roof."""

    FLAT = "flat"
    GABLE = "gable"
    HIP = "hip"
    LEAN_TO = "lean_to"
    BARE_FRAME = "bare_frame"


class Pattern(StrEnum):
    """How a surface of a part looks close by."""

    PLAIN = "plain"
    CONCRETE = "concrete"
    TILE = "tile"
    SHEET = "sheet"
    LEAF = "leaf"
    SOIL = "soil"
    NET = "net"
    PAINT = "paint"


@dataclass(frozen=True)
class Patch:
    """A part of the ground, painted over what was there before.

    ``row_m`` is the spacing of crop rows, 0 for none; ``seed`` fixes its mottling.
    """

    area: Rect
    surface: Surface
    tint: Colour
    seed: int
    row_m: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Building:
    """A building, an annex or something built on a roof (``base`` is where it starts)."""

    id: int
    area: Rect
    height: float
    roof: Roof
    rise: float
    roof_tint: Colour
    wall_tint: Colour
    pattern: Pattern
    base: float = 0.0
    overhang: float = 0.3


@dataclass(frozen=True, kw_only=True)
class Tree:
    """A tree or bush: a crown of a few lumps."""

    id: int
    x: float
    y: float
    radius: float
    height: float
    tint: Colour


@dataclass(frozen=True, kw_only=True)
class Vehicle:
    """A car, van, lorry or container: a body with a cabin or cargo box."""

    id: int
    area: Rect
    height: float
    tint: Colour
    cargo: bool


@dataclass(frozen=True, kw_only=True)
class Heap:
    """A stockpile of soil, sand or rubble, or the same under a net (``pattern``)."""

    id: int
    area: Rect
    height: float
    tint: Colour
    pattern: Pattern


@dataclass(frozen=True, kw_only=True)
class Net:
    """A dust net laid over the ground with folds."""

    id: int
    area: Rect
    tint: Colour


Part = Building | Tree | Vehicle | Heap | Net


@dataclass(frozen=True)
class Sky:
    """The light of one flight.

    Attributes:
        overcast: Whether clouds hide the sun.
        sun_azimuth_deg: Where the sun stands, from east towards north.
        sun_elevation_deg: Its height above the horizon.
        exposure_stops: How much lighter (or darker, below 0) the picture is exposed.
        haze: Share of pale grey that the air adds to every colour, 0–1.
    """

    overcast: bool
    sun_azimuth_deg: float
    sun_elevation_deg: float
    exposure_stops: float
    haze: float


@dataclass(frozen=True)
class Date:
    """The place as one flight sees it; patches are painted in their order."""

    ground: tuple[Patch, ...]
    parts: tuple[Part, ...]
    sky: Sky
    base_tint: Colour


@dataclass(frozen=True)
class Place:
    """One place at two dates.

    A structure is new where its id is in ``after`` only, gone where it is in ``before`` only.
    """

    seed: int
    side_m: float
    style: str
    before: Date
    after: Date

    def _structures(self, date: Date) -> set[int]:
        return {part.id for part in date.parts if isinstance(part, Building)}

    @property
    def added(self) -> set[int]:
        """Ids of the structures that stand at the second date only."""
        return self._structures(self.after) - self._structures(self.before)

    @property
    def removed(self) -> set[int]:
        """Ids of the structures that stand at the first date only."""
        return self._structures(self.before) - self._structures(self.after)
