"""Muck trucks: tippers of several makes, sizes and colours, with their loads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datasets.scenes.asset import Asset, Part
from datasets.scenes.load_covers import covered
from datasets.scenes.loads import Load, Room, heaped, level, residue
from datasets.scenes.shape import Paint, Rgb, Shape
from datasets.scenes.vehicle_boxes import Box, load_box
from datasets.scenes.vehicle_cabs import Cab, cab
from datasets.scenes.vehicle_shell import (
    BLACK,
    DUST,
    STEEL,
    TAIL_LAMP,
    Span,
    bar,
    body_paint,
    dirty,
    draw,
    mudguards,
    plate_paint,
    wheels,
)
from datasets.scenes.vehicle_tippers import DESIGNS, FREE, Tipper, free_tipper
from datasets.scenes.view import View

_LOADS: dict[str, Callable[[np.random.Generator, Room], Load]] = {
    "empty": residue,
    "covered": covered,
    "level": level,
    "heaped": heaped,
}
LOADED_STATES = tuple(_LOADS)
_SEEN_SHARE = 0.07
"""A load of which the camera sees less than this share of its face counts as not visible."""
_ROUGH_M, _ON_WALL_M = 0.12, 0.02
"""What is so near to a point of a load, or of an empty box's walls, does not hide it."""
_TOLD_SHARE = 0.02
"""Share of the truck's box, as the camera sees it, that the seen part of the load has to fill for
its state to be told: of a box of 130 by 65 pixels, a strip of 56 by 3."""

TEST_DESIGNS = ("rock_6x4", "crew_dropside_4x2", "short_nose_8x4")
TRAIN_DESIGNS = (*(name for name in DESIGNS if name not in TEST_DESIGNS), FREE)
_FREE_SHARE = 0.5
_STATE_SHARES = (0.25, 0.25, 0.2, 0.3)


def draw_design(rng: np.random.Generator, designs: tuple[str, ...]) -> str:
    """Return one of the designs, common ones more often, the free one as often as all others."""
    if FREE in designs:
        if rng.random() < _FREE_SHARE:
            return FREE
        designs = tuple(name for name in designs if name != FREE)
    weights = np.array([DESIGNS[name].weight for name in designs])
    return designs[int(rng.choice(len(designs), p=weights / weights.sum()))]


@dataclass(frozen=True, slots=True)
class _Frame:
    """One truck's measures after chance has spoken: x from the rear end of the box, metres."""

    box: Box
    cab: Cab
    front_x: float
    wheel: float


def muck_truck(
    rng: np.random.Generator,
    *,
    design: str,
    load_state: str | None = None,
    load_rng: np.random.Generator | None = None,
) -> Asset:
    """Return a tipper with a load.

    The parts are the truck with what is on it (labelled), what spilled on the ground, and a piece
    without faces: points on the load's face for :func:`load_seen`.

    Args:
        rng: source of chance.
        design: a key of the designs, or the free one.
        load_state: ``empty``, ``covered``, ``level`` or ``heaped``; by chance where None.
        load_rng: source of chance of the load alone: the same truck with several loads is had from
            the same `rng`, started anew. It is `rng` where None.
    """
    kind = free_tipper(rng) if design == FREE else DESIGNS[design]
    state = load_state or str(rng.choice(LOADED_STATES, p=_STATE_SHARES))
    frame = _measures(rng, kind)
    paint = body_paint(rng, kind.colours, wear=rng.uniform(0.0, 0.12))
    other = body_paint(rng, kind.colours, roughness=0.55, wear=0.15)
    box_paint = paint if rng.random() < 0.55 else other
    if rng.random() < 0.5:
        box_paint = dirty(box_paint, rng.uniform(0.05, 0.3))
    box, probes = load_box(frame.box, box_paint, _inside(rng, box_paint))
    load = _LOADS[state](load_rng or rng, frame.box.room())
    truck = Shape().add(box).add(load.shape)
    front = cab(rng, frame.cab, paint)
    truck.add(front.moved(frame.front_x))
    _chassis(rng, truck, kind, frame, paint)
    middle = frame.front_x / 2
    points = probes if state == "empty" else load.probes
    marks = Shape(vertices=[(float(x), float(y), float(z)) for x, y, z in points])
    parts = [("muck_truck", truck), (None, load.spill), (None, marks)]
    return Asset(
        "muck_truck",
        design,
        tuple(Part(label, shape.moved(-middle)) for label, shape in parts),
        load_state=state,
    )


def load_seen(asset: Asset, view: View) -> bool:
    """Return whether a camera sees something of a muck truck's load; of an empty box, also a wall.

    Clips are cast by it; what a picture shows is told by :func:`told_state`.

    Args:
        asset: from :func:`muck_truck`, placed or not.
        view: the camera.
    """
    return _seen_share(asset, view, near_m=_ROUGH_M) >= _SEEN_SHARE


def told_state(asset: Asset, view: View) -> str:
    """Return the load state that a camera can tell: ``not_visible`` where it sees too little.

    Over the boards, a level load is a line, and so is the inside of an empty box.

    Args:
        asset: from :func:`muck_truck`, placed or not.
        view: the camera.
    """
    # Points of an empty box lie on its walls, which are thinner than what loads are rough by.
    seen = _seen_share(asset, view, near_m=_ON_WALL_M if asset.load_state == "empty" else _ROUGH_M)
    truck = np.ptp(view.project(asset.parts[0].shape.points())[0], axis=0)
    face = _hull_area(view.project(asset.parts[2].shape.points())[0])
    told = seen >= _SEEN_SHARE and seen * face >= _TOLD_SHARE * float(truck.prod())
    return str(asset.load_state) if told else "not_visible"


def _hull_area(points: NDArray[np.float64]) -> float:
    """Area of the convex hull of points, shape ``(n, 2)`` (Andrew's monotone chain)."""

    def half(ordered: list[list[float]]) -> list[list[float]]:
        hull: list[list[float]] = []
        for x, y in ordered:
            while len(hull) > 1:
                (x0, y0), (x1, y1) = hull[-2:]
                if (x1 - x0) * (y - y0) > (y1 - y0) * (x - x0):
                    break
                hull.pop()
            hull.append([x, y])
        return hull[:-1]

    ordered = sorted(points.tolist())
    x, y = np.array(half(ordered) + half(ordered[::-1])).T
    return float(abs(x @ np.roll(y, 1) - y @ np.roll(x, 1))) / 2


def _seen_share(asset: Asset, view: View, *, near_m: float) -> float:
    """Share of the points on a load's face that nothing of the truck hides but what is so near."""
    truck, marks = asset.parts[0].shape, asset.parts[2].shape.points()
    corners = truck.points()
    triangles = np.array(
        [(face[0], face[i], face[i + 1]) for face in truck.faces for i in range(1, len(face) - 1)]
    )
    a, b, c = (corners[triangles[:, i]] for i in range(3))
    eye = np.asarray(view.position, np.float64)
    edges = b - a, c - a
    from_a = eye - a
    across = np.cross(from_a, edges[0])
    reach = np.einsum("ij,ij->i", across, edges[1])
    seen = 0
    for mark in marks:
        # Möller and Trumbore's test of one ray against all triangles.
        ray = mark - eye
        normal = np.cross(ray, edges[1])
        scale = np.einsum("ij,ij->i", normal, edges[0])
        scale = np.where(np.abs(scale) < 1e-12, np.nan, scale)
        u = np.einsum("ij,ij->i", normal, from_a) / scale
        v = across @ ray / scale
        share = reach / scale
        near = 1.0 - near_m / float(np.linalg.norm(ray))
        with np.errstate(invalid="ignore"):
            hit = (u >= 0) & (v >= 0) & (u + v <= 1) & (share > 0) & (share < near)
        seen += not bool(hit.any())
    return seen / len(marks)


def _measures(rng: np.random.Generator, kind: Tipper) -> _Frame:
    wheel, width = draw(rng, kind.wheel), draw(rng, kind.width)
    floor, height = draw(rng, kind.floor_z), draw(rng, kind.body_height)
    back_x = 0.15
    front_x = back_x + draw(rng, kind.body_length)
    canopy = draw(rng, (0.4, 1.0)) if rng.random() < kind.canopies else 0.0
    bonnet, cab_top = draw(rng, kind.bonnet), draw(rng, kind.cab_top)
    headboard = draw(rng, kind.headboard) if rng.random() < 0.6 else 0.0
    if canopy:
        # A roof over the cab clears it.
        headboard = max(headboard, cab_top + 0.12 - floor - height)
    box = Box(
        form=kind.form,
        back_x=back_x,
        front_x=front_x,
        floor_z=floor,
        top_z=floor + height,
        half=width / 2 - 0.12,
        flare=draw(rng, kind.flare),
        slope=draw(rng, kind.slope),
        ribs=int(rng.integers(kind.ribs[0], kind.ribs[1] + 1)) if rng.random() < 0.75 else 0,
        headboard=headboard,
        canopy=canopy,
    )
    size = Cab(
        length=bonnet + draw(rng, kind.cab_length),
        width=width - 0.02,
        top_z=cab_top,
        floor_z=wheel * rng.uniform(1.85, 2.1),
        rake=draw(rng, kind.rake),
        round_m=draw(rng, kind.round_m),
        bonnet=bonnet,
        rows=kind.rows,
    )
    return _Frame(box, size, front_x + draw(rng, kind.gap) + size.length, wheel)


def _inside(rng: np.random.Generator, paint: Paint) -> Paint:
    """Return the paint of a load box's inside: rusty, dusty, or scoured bright by its loads."""
    bases: tuple[Rgb, ...] = (
        (0.10, 0.09, 0.085),
        (0.13, 0.075, 0.05),
        (0.22, 0.17, 0.12),
        _dark_mix(paint.rgb, DUST),
        (0.38, 0.35, 0.32),
        (0.42, 0.34, 0.25),
    )
    red, green, blue = bases[int(rng.integers(len(bases)))]
    light = rng.uniform(0.6, 1.15)
    return Paint((red * light, green * light, blue * light), 0.8, speckle=0.4, speckle_m=0.45)


def _dark_mix(one: Rgb, two: Rgb) -> Rgb:
    """Return a dark mixture of two colours."""
    red, green, blue = (0.22 * a + 0.3 * b for a, b in zip(one, two, strict=True))
    return (red, green, blue)


def _chassis(
    rng: np.random.Generator, truck: Shape, kind: Tipper, frame: _Frame, paint: Paint
) -> None:
    """Rails, wheels, mudguards, tanks, guards and rear lamps under box and cab."""
    box, wheel = frame.box, frame.wheel
    steel = dirty(BLACK, rng.uniform(0.15, 0.5))
    half = frame.cab.width / 2
    rail_z = box.floor_z - 0.3
    end = box.front_x if kind.trailer else frame.front_x - 0.5
    for y in (-0.42, 0.42):
        truck.box((end - 0.1, 0.1, 0.3), ((end + 0.1) / 2, y, rail_z), steel)
    # The tipping frame closes the view between rails and box.
    truck.box((box.front_x - 0.4, 1.1, 0.2), (box.front_x / 2 + 0.2, 0, box.floor_z - 0.18), steel)
    rim = (STEEL, dirty(paint, 0.4), dirty(STEEL, 0.5))[int(rng.integers(3))]
    steered = frame.front_x - frame.cab.bonnet * 0.35 - rng.uniform(1.25, 1.4) * (wheel / 0.5)
    for number in range(kind.front_axles):
        wheels(truck, steered - number * 1.9, half - 0.02, wheel, rim=rim)
        if number:
            mudguards(truck, steered - number * 1.9, half, wheel, steel, width=0.35)
    spacing = wheel * 2.6
    first = wheel + rng.uniform(0.35, 0.7)
    rear = [first + number * spacing for number in range(kind.rear_axles)]
    if kind.trailer:
        rear += [box.front_x + 0.25 - number * spacing * 0.98 for number in (0,)]
        truck.box((1.5, 0.9, 0.4), (box.front_x + 0.5, 0, 0.85), steel)
    dual = not kind.trailer
    for x in rear:
        wheels(truck, x, half - 0.02, wheel, rim=rim, dual=dual or x > box.front_x)
        if rng.random() < 0.7 and box.floor_z > wheel * 2.45:
            mudguards(truck, x, half, wheel, steel, width=0.55)
    _side_gear(rng, truck, (max(rear[: kind.rear_axles]) + wheel * 1.3, steered), frame, steel)
    truck.box((0.08, frame.cab.width * 0.9, 0.14), (0.2, 0, wheel * 1.1), steel)
    for side in (-1.0, 1.0):
        truck.box((0.06, 0.4, 0.14), (0.12, side * (half - 0.35), wheel * 1.55), TAIL_LAMP)
        flap = (0.02, 0.5, wheel * 0.8)
        truck.box(flap, (first - wheel * 1.3, side * (half - 0.3), wheel), BLACK)
    truck.box((0.03, 0.5, 0.13), (0.08, 0, wheel * 1.5), plate_paint(rng))


def _side_gear(
    rng: np.random.Generator, truck: Shape, free: Span, frame: _Frame, steel: Paint
) -> None:
    """Fuel tank, air bottles and side guards between the axles."""
    room = free[1] - frame.wheel * 1.3 - free[0]
    if room < 0.5:
        return
    half, wheel = frame.cab.width / 2, frame.wheel
    metal = (dirty(STEEL, 0.2), steel)[int(rng.integers(2))]
    for side in (-1.0, 1.0):
        length = min(room * 0.6, rng.uniform(0.6, 1.3))
        x = free[1] - wheel * 1.3 - length / 2 - rng.uniform(0.0, room - length) * 0.5
        spot = (x, side * (half - 0.38), wheel * 1.25)
        if rng.random() < 0.5:
            truck.cylinder(0.3, length, spot, metal, axis="x", sides=14)
        else:
            truck.box((length, 0.55, 0.55), spot, metal)
        if room > 1.0 and rng.random() < 0.5:
            for z in (wheel * 0.9, wheel * 1.5):
                low, high = (free[0], side * half, z), (free[1] - wheel * 1.3, side * half, z)
                bar(truck, low, high, STEEL, thick_m=0.07)
