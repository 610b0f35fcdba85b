"""Cars and vans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from datasets.scenes.asset import Asset, Part
from datasets.scenes.shape import Paint, Shape
from datasets.scenes.vehicle_shell import (
    BLACK,
    GLASS,
    HEADLAMP,
    STEEL,
    TAIL_LAMP,
    PointXZ,
    Span,
    Width,
    bar,
    body,
    body_paint,
    cross_panel,
    draw,
    plate_paint,
    side_panels,
    wheels,
)

_COLOURS = (
    "white",
    "white",
    "silver",
    "silver",
    "grey",
    "grey",
    "black",
    "black",
    "red",
    "blue",
    "light_blue",
    "beige",
    "green",
    "brown",
)


@dataclass(frozen=True, slots=True)
class Car:
    """A car's or van's side view. Spans in metres; outlines in shares of length and height.

    Attributes:
        length: bumper to bumper.
        width: without mirrors.
        height: to the roof.
        lower: upper edge of the lower body from rear to front.
        cabin: rear foot, front foot, front top and rear top of the part with windows, as shares of
            the length; the feet lie on the lower body, the tops at full height.
        belt: where the windows begin, share of the height.
        axles: share of the length, rear and front.
        wheel: radius.
        windows: side windows behind one another; 0 for a panel van's single front one.
        bed: whether the rear is an open pick-up bed.
        lean: how much narrower the roof is.
    """

    length: Span
    width: Span
    height: Span
    lower: tuple[PointXZ, ...]
    cabin: tuple[float, float, float, float]
    belt: float = 0.63
    axles: tuple[float, float] = (0.19, 0.80)
    wheel: Span = (0.30, 0.33)
    windows: int = 2
    bed: bool = False
    lean: float = 0.80


_SEDAN = Car(
    length=(4.3, 4.9),
    width=(1.72, 1.85),
    height=(1.42, 1.5),
    lower=((0.0, 0.55), (0.03, 0.65), (0.18, 0.68), (0.70, 0.66), (0.95, 0.54), (1.0, 0.45)),
    cabin=(0.13, 0.73, 0.56, 0.27),
)
CARS: dict[str, Car] = {
    "sedan": _SEDAN,
    "hatchback": replace(
        _SEDAN,
        length=(3.7, 4.3),
        height=(1.45, 1.58),
        lower=((0.0, 0.5), (0.02, 0.62), (0.1, 0.64), (0.74, 0.62), (0.95, 0.54), (1.0, 0.44)),
        cabin=(0.02, 0.78, 0.60, 0.11),
        belt=0.6,
    ),
    "suv": replace(
        _SEDAN,
        length=(4.3, 4.9),
        width=(1.8, 1.95),
        height=(1.62, 1.82),
        lower=((0.0, 0.5), (0.01, 0.62), (0.1, 0.62), (0.72, 0.61), (0.95, 0.57), (1.0, 0.48)),
        cabin=(0.01, 0.75, 0.60, 0.06),
        belt=0.6,
        wheel=(0.34, 0.39),
        windows=3,
    ),
    "pickup": replace(
        _SEDAN,
        length=(4.9, 5.4),
        width=(1.78, 1.9),
        height=(1.7, 1.85),
        lower=((0.0, 0.42), (0.41, 0.42), (0.415, 0.6), (0.72, 0.6), (0.96, 0.55), (1.0, 0.46)),
        cabin=(0.41, 0.76, 0.64, 0.44),
        belt=0.6,
        wheel=(0.36, 0.4),
        bed=True,
    ),
    "panel_van": replace(
        _SEDAN,
        length=(4.6, 5.6),
        width=(1.85, 2.05),
        height=(1.95, 2.5),
        lower=((0.0, 0.45), (0.005, 0.5), (0.84, 0.5), (0.97, 0.42), (1.0, 0.36)),
        cabin=(0.005, 0.88, 0.73, 0.02),
        belt=0.5,
        windows=0,
        lean=0.9,
        wheel=(0.32, 0.36),
    ),
    "minibus": replace(
        _SEDAN,
        length=(4.4, 5.8),
        width=(1.75, 2.05),
        height=(1.9, 2.4),
        lower=((0.0, 0.45), (0.005, 0.5), (0.9, 0.49), (0.98, 0.42), (1.0, 0.36)),
        cabin=(0.005, 0.94, 0.82, 0.03),
        belt=0.5,
        windows=4,
        lean=0.88,
    ),
    "fastback": replace(
        _SEDAN,
        height=(1.35, 1.42),
        lower=((0.0, 0.58), (0.05, 0.69), (0.15, 0.7), (0.68, 0.66), (0.95, 0.5), (1.0, 0.42)),
        cabin=(0.06, 0.73, 0.52, 0.36),
        windows=1,
    ),
    "estate": replace(
        _SEDAN,
        length=(4.5, 4.9),
        cabin=(0.01, 0.72, 0.57, 0.08),
        lower=((0.0, 0.5), (0.01, 0.64), (0.1, 0.65), (0.70, 0.65), (0.95, 0.54), (1.0, 0.45)),
        windows=3,
    ),
    "high_roof_van": replace(
        _SEDAN,
        length=(5.6, 6.4),
        width=(1.95, 2.1),
        height=(2.55, 2.8),
        lower=((0.0, 0.38), (0.005, 0.42), (0.8, 0.42), (0.95, 0.36), (1.0, 0.28)),
        cabin=(0.005, 0.86, 0.68, 0.01),
        belt=0.45,
        windows=0,
        lean=0.93,
        wheel=(0.34, 0.37),
    ),
}


def car(rng: np.random.Generator, *, design: str) -> Asset:
    """Return a car or van; both are labelled ``car``."""
    kind = CARS[design]
    length, wide = draw(rng, kind.length), draw(rng, kind.width)
    height, wheel = draw(rng, kind.height), draw(rng, kind.wheel)
    names = ("white", "white", "silver", "grey", "blue") if kind.windows in (0, 4) else _COLOURS
    paint = body_paint(rng, names, roughness=rng.uniform(0.15, 0.35))

    def at(share: float) -> float:
        return (share - 0.5) * length

    belt = kind.belt * height
    width = Width(wide / 2, belt * 0.92, wide / 2 * kind.lean, height)
    shape = Shape()
    upper = [(at(x), z * height) for x, z in kind.lower]
    sill = 0.13 * height
    outline = [(at(0.02), sill), (at(0.98), sill), (at(1.0), sill + 0.12), *reversed(upper)]
    body(shape, outline, width, paint)
    foot_back, foot_front, top_front, top_back = (at(share) for share in kind.cabin)
    foot = belt * 0.97
    edge = 0.05
    cabin = [
        (foot_back, foot),
        (foot_front, foot),
        (top_front + edge, height - 0.06),
        (top_front - edge * 2, height),
        (top_back + edge * 2, height - 0.01),
        (top_back - edge * 0.5, height - 0.08),
    ]
    body(shape, cabin, width, paint)
    _glaze(shape, kind, cabin, width)
    _ends(rng, shape, (at(0.0), at(1.0)), (sill, kind.lower[-1][1] * height), width)
    rim = (STEEL, Paint((0.3, 0.3, 0.31)), BLACK)[int(rng.integers(3))]
    for share in kind.axles:
        arch = wheel * 1.17
        angles = np.linspace(0, np.pi, 9)
        disc = [(at(share) + arch * np.cos(a), wheel + arch * np.sin(a)) for a in angles]
        side_panels(shape, [(float(x), float(z)) for x, z in disc], width, BLACK, gap_m=0.008)
        wheels(shape, at(share), wide / 2 + 0.02, wheel, rim=rim, width=0.2)
    for side in (-1.0, 1.0):
        mirror = (foot_front - 0.28, side * (wide / 2 + 0.1), belt + 0.06)
        shape.box((0.12, 0.2, 0.14), mirror, paint)
    if kind.bed:
        _bed(shape, (at(0.0), at(0.40)), (0.42 * height, 0.61 * height), wide / 2, paint)
    elif rng.random() < 0.15:
        for side in (-0.5, 0.5):
            y = side * wide * kind.lean * 0.85
            bar(
                shape,
                (top_back + 0.2, y, height + 0.05),
                (top_front - 0.2, y, height + 0.05),
                BLACK,
            )
    van = kind.windows in (0, 4)
    return Asset("van" if van else "car", design, (Part("car", shape),))


def _glaze(shape: Shape, kind: Car, cabin: Sequence[PointXZ], width: Width) -> None:
    """Windows on a cabin given by its outline: foot and top of rear and front."""
    (back, foot), (front, _), (top_front, top), _, _, (top_back, _) = cabin
    low, high = foot + 0.05, top - 0.03

    def lean(z: float, start: float, end: float) -> float:
        return start + (end - start) * (z - foot) / (top - foot)

    for start, end, gap in ((front, top_front, 0.012), (back, top_back, -0.012)):
        cross_panel(
            shape,
            (lean(low, start, end), width(low) - 0.07, low),
            (lean(high, start, end), width(high) - 0.08, high),
            GLASS,
            gap_m=gap,
        )
    edges = (lean(low, back, top_back) + 0.12, lean(low, front, top_front) - 0.2)
    tops = (lean(high, back, top_back) + 0.14, lean(high, front, top_front) - 0.1)
    if kind.windows == 0:
        # A panel van has a window in the door only.
        reach = edges[1] - 0.85
        side_panels(
            shape, [(reach, low), (edges[1], low), (tops[1], high), (reach, high)], width, GLASS
        )
        return
    cuts = np.linspace(0, 1, kind.windows + 1)
    for number in range(kind.windows):
        feet = [edges[0] + (edges[1] - edges[0]) * float(c) for c in cuts[number : number + 2]]
        heads = [tops[0] + (tops[1] - tops[0]) * float(c) for c in cuts[number : number + 2]]
        corners = [
            (feet[0] + 0.03, low),
            (feet[1] - 0.03, low),
            (heads[1] - 0.03, high),
            (heads[0] + 0.03, high),
        ]
        side_panels(shape, corners, width, GLASS)
        seam = [
            (feet[1] - 0.008, foot * 0.4),
            (feet[1] + 0.008, foot * 0.4),
            (feet[1] + 0.008, low),
            (feet[1] - 0.008, low),
        ]
        side_panels(shape, seam, width, BLACK, gap_m=0.004)


def _ends(rng: np.random.Generator, shape: Shape, ends: Span, heights: Span, width: Width) -> None:
    """Lamps, grille, bumpers' dark parts and plates at rear and front."""
    half = width.low_m
    sill, top = heights
    for x, paint, lamp_z in ((ends[0], TAIL_LAMP, top + 0.08), (ends[1], HEADLAMP, top - 0.08)):
        for side in (-1.0, 1.0):
            shape.box((0.16, 0.36, 0.13), (x * 0.985, side * (half - 0.16), lamp_z), paint)
        shape.box((0.05, half * 1.6, 0.12), (x, 0, sill + 0.08), BLACK)
        shape.box((0.03, 0.46, 0.11), (x * 1.008, 0, sill + 0.25), plate_paint(rng))
    shape.box((0.06, half * 0.9, 0.14), (ends[1], 0, top - 0.12), BLACK)


def _bed(shape: Shape, span: Span, heights: Span, half: float, paint: Paint) -> None:
    """Sides and tailgate of an empty pick-up bed; its floor is the lower body's top."""
    (back, front), (low, high) = span, heights
    middle, long, tall = (back + front) / 2, front - back, high - low
    for side in (-1.0, 1.0):
        shape.box((long, 0.09, tall), (middle, side * (half - 0.05), (low + high) / 2), paint)
    shape.box((0.08, 2 * half - 0.06, tall), (back + 0.04, 0, (low + high) / 2), paint)
    shape.box((long - 0.1, 2 * half - 0.2, 0.02), (middle, 0, low + 0.012), BLACK)
