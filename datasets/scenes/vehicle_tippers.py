"""Designs of muck trucks: the spans within which a truck of each design varies.

Proportions follow what is common on European and Chinese roads: rigid tippers 6 to 10 m long and
2.5 m wide with cabs 2.8 to 3.3 m high, lighter ones down to farm size, and a tipping semi-trailer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from datasets.scenes.vehicle_boxes import BoxForm
from datasets.scenes.vehicle_shell import Span


@dataclass(frozen=True, slots=True)
class Tipper:
    """What a design varies within; spans in metres.

    Attributes:
        cab_length: bumper to back wall, bonnet not counted.
        cab_top: height of the roof.
        width: of cab and box outside.
        rake: how far the windscreen leans back.
        round_m: how much of the roof's edge is cut off.
        body_length: of the load box.
        body_height: of its boards above its floor.
        floor_z: height of its floor.
        form: of the load box.
        wheel: radius.
        front_axles: one or two steered axles.
        rear_axles: one to three.
        ribs: posts on a side, from and to.
        gap: between cab and box.
        bonnet: length of a bonnet.
        rows: of side windows.
        slope: of the box's front wall.
        flare: of its sides.
        headboard: above the boards.
        canopies: share of the trucks with a roof over the cab.
        colours: of the cab.
        trailer: whether the box is a semi-trailer's.
        weight: how common it is among the designs of its split.
    """

    cab_length: Span
    cab_top: Span
    width: Span
    body_length: Span
    body_height: Span
    floor_z: Span
    form: BoxForm = "box"
    rake: Span = (0.1, 0.3)
    round_m: Span = (0.12, 0.3)
    wheel: Span = (0.48, 0.54)
    front_axles: int = 1
    rear_axles: int = 2
    ribs: tuple[int, int] = (5, 9)
    gap: Span = (0.2, 0.45)
    bonnet: Span = (0.0, 0.0)
    rows: int = 1
    slope: Span = (0.0, 0.25)
    flare: Span = (0.0, 0.08)
    headboard: Span = (0.0, 0.3)
    canopies: float = 0.4
    colours: tuple[str, ...] = (
        "white",
        "white",
        "white",
        "silver",
        "yellow",
        "orange",
        "red",
        "green",
        "blue",
        "grey",
        "light_blue",
    )
    trailer: bool = False
    weight: float = 1.0


_RIGID = Tipper(
    cab_length=(1.75, 2.2),
    cab_top=(2.75, 3.15),
    width=(2.45, 2.55),
    body_length=(4.5, 5.4),
    body_height=(0.85, 1.4),
    floor_z=(1.3, 1.5),
)
DESIGNS: dict[str, Tipper] = {
    "cabover_6x4": replace(_RIGID, weight=2.0),
    "cabover_8x4": replace(
        _RIGID,
        cab_top=(2.9, 3.3),
        body_length=(5.8, 6.5),
        body_height=(1.0, 1.6),
        front_axles=2,
        ribs=(8, 14),
        canopies=0.25,
        weight=1.6,
    ),
    "half_pipe_6x4": replace(
        _RIGID, form="half_pipe", ribs=(0, 4), body_height=(1.1, 1.5), slope=(0.2, 0.6)
    ),
    "light_4x2": Tipper(
        cab_length=(1.45, 1.7),
        cab_top=(2.15, 2.45),
        width=(1.95, 2.2),
        body_length=(3.0, 3.9),
        body_height=(0.4, 0.75),
        floor_z=(0.95, 1.1),
        form="dropside",
        rake=(0.3, 0.5),
        wheel=(0.37, 0.42),
        rear_axles=1,
        ribs=(3, 5),
        canopies=0.1,
        headboard=(0.1, 0.7),
    ),
    "bonneted_6x4": replace(
        _RIGID,
        cab_length=(1.4, 1.7),
        bonnet=(1.3, 1.7),
        cab_top=(2.6, 2.9),
        rake=(0.1, 0.25),
        ribs=(4, 8),
        canopies=0.7,
    ),
    "semi_trailer": replace(
        _RIGID,
        cab_length=(2.0, 2.3),
        cab_top=(3.0, 3.6),
        body_length=(7.0, 8.2),
        body_height=(1.2, 1.6),
        form="half_pipe",
        ribs=(0, 6),
        rear_axles=3,
        gap=(0.6, 0.9),
        canopies=0.0,
        trailer=True,
        weight=0.35,
    ),
    "farm_4x2": Tipper(
        cab_length=(1.2, 1.4),
        cab_top=(1.95, 2.15),
        width=(1.55, 1.8),
        body_length=(2.4, 3.1),
        body_height=(0.35, 0.6),
        floor_z=(0.8, 0.95),
        rake=(0.05, 0.3),
        wheel=(0.33, 0.4),
        rear_axles=1,
        ribs=(3, 6),
        canopies=0.0,
        headboard=(0.1, 0.5),
        weight=0.6,
        colours=("blue", "blue", "red", "green", "white", "light_blue"),
    ),
    "wide_flare_6x4": replace(
        _RIGID,
        body_length=(4.8, 5.6),
        body_height=(1.0, 1.4),
        flare=(0.12, 0.28),
        slope=(0.25, 0.55),
        rake=(0.3, 0.45),
        round_m=(0.3, 0.45),
        canopies=0.9,
        ribs=(4, 7),
    ),
    "dropside_6x4": replace(
        _RIGID,
        form="dropside",
        body_length=(4.6, 5.8),
        body_height=(0.5, 0.9),
        floor_z=(1.2, 1.4),
        canopies=0.1,
        ribs=(5, 9),
        headboard=(0.1, 0.6),
    ),
    "crew_box_4x2": Tipper(
        cab_length=(2.3, 2.6),
        cab_top=(2.3, 2.7),
        width=(2.1, 2.35),
        body_length=(3.0, 3.8),
        body_height=(0.6, 0.95),
        floor_z=(1.0, 1.2),
        rake=(0.15, 0.4),
        wheel=(0.4, 0.45),
        rear_axles=1,
        ribs=(3, 7),
        rows=2,
        canopies=0.2,
    ),
    "long_nose_8x4": replace(
        _RIGID,
        cab_length=(1.6, 1.9),
        bonnet=(1.4, 1.9),
        form="half_pipe",
        body_length=(5.2, 6.4),
        body_height=(1.1, 1.5),
        front_axles=2,
        ribs=(0, 6),
        canopies=0.4,
    ),
    "high_sides_6x4": replace(
        _RIGID, body_height=(1.5, 1.9), ribs=(7, 13), canopies=0.15, slope=(0.0, 0.1)
    ),
    "small_dropside_4x2": Tipper(
        cab_length=(1.2, 1.5),
        cab_top=(1.9, 2.2),
        width=(1.6, 1.9),
        body_length=(2.4, 3.2),
        body_height=(0.3, 0.5),
        floor_z=(0.75, 0.95),
        form="dropside",
        rake=(0.35, 0.6),
        round_m=(0.2, 0.4),
        wheel=(0.3, 0.37),
        rear_axles=1,
        ribs=(3, 5),
        canopies=0.0,
        headboard=(0.1, 0.5),
        weight=0.8,
    ),
    "rock_6x4": replace(
        _RIGID,
        form="rock",
        body_length=(5.0, 5.6),
        body_height=(1.1, 1.4),
        flare=(0.15, 0.3),
        rake=(0.35, 0.5),
        round_m=(0.35, 0.45),
        canopies=1.0,
        ribs=(4, 6),
        slope=(0.3, 0.6),
    ),
    "crew_dropside_4x2": Tipper(
        cab_length=(2.5, 2.8),
        cab_top=(2.35, 2.6),
        width=(2.05, 2.25),
        body_length=(3.0, 3.6),
        body_height=(0.45, 0.7),
        floor_z=(1.0, 1.15),
        form="dropside",
        rake=(0.45, 0.6),
        round_m=(0.25, 0.4),
        wheel=(0.38, 0.43),
        rear_axles=1,
        ribs=(4, 7),
        rows=2,
        canopies=0.0,
        flare=(0.0, 0.0),
    ),
    "short_nose_8x4": replace(
        _RIGID,
        cab_length=(1.5, 1.7),
        bonnet=(0.65, 0.9),
        form="half_pipe",
        body_length=(5.4, 6.2),
        body_height=(1.2, 1.5),
        front_axles=2,
        ribs=(2, 5),
        canopies=0.5,
        rake=(0.3, 0.45),
    ),
}

FREE = "free"
"""Name of the design that is another one for each truck, see `free_tipper`."""


def free_tipper(rng: np.random.Generator) -> Tipper:
    """Return a design put together at random: any box on any wheels behind any cab.

    A network that has seen a dozen designs knows these, and not tippers.
    """

    def around(low: float, high: float, spread: float) -> Span:
        middle = float(rng.uniform(low, high))
        return (middle * (1 - spread), middle * (1 + spread))

    big = bool(rng.random() < 0.65)
    scale = float(rng.uniform(0.85, 1.1) if big else rng.uniform(0.6, 0.85))
    bonnet = float(rng.uniform(0.4, 1.9)) if rng.random() < 0.35 else 0.0
    rows = 2 if rng.random() < 0.15 else 1
    # The fourth form is kept for testing.
    forms: tuple[BoxForm, ...] = ("box", "half_pipe", "dropside")
    return Tipper(
        cab_length=around((1.3 if bonnet else 1.6) * scale, 2.2 * scale + 0.6 * (rows - 1), 0.05),
        cab_top=around(2.5 * scale, 3.4 * scale, 0.03),
        width=around(2.3 * scale, 2.6 * scale, 0.02),
        body_length=around(3.4 * scale, 7.0 * scale, 0.05),
        body_height=around(0.4, 1.8 * scale, 0.08),
        floor_z=around(1.15 * scale, 1.6 * scale, 0.03),
        form=forms[int(rng.integers(len(forms)))],
        rake=around(0.1, 0.55, 0.2),
        round_m=around(0.1, 0.45, 0.2),
        wheel=around(0.44 * scale, 0.55 * scale, 0.03),
        front_axles=2 if big and rng.random() < 0.35 else 1,
        rear_axles=int(rng.integers(2, 4)) if big else 1,
        ribs=(0, 14),
        gap=around(0.2, 0.7, 0.2),
        bonnet=(bonnet, bonnet),
        rows=rows,
        slope=(0.0, 0.7),
        flare=(0.0, 0.35),
        headboard=(0.0, 0.8),
        canopies=float(rng.uniform(0.0, 0.8)),
    )
