"""Streets: where traffic, people and traders can be, and what stands around them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from datasets.scenes.shape import Shape, Vertices, rotation
from datasets.scenes.street_furniture import (
    bollard,
    cabinet,
    lamp_post,
    rail,
    sign,
    signal,
    tree,
)
from datasets.scenes.street_ground import GATE_M, KERB_M, Edge, Side, StreetPlan, ground
from datasets.scenes.street_sides import facades, fence, hoarding
from datasets.scenes.view import View

StripKind = Literal["lane", "cycle", "bays", "pavement", "gate"]
_LAMP_M = 8.0


@dataclass(frozen=True, slots=True)
class Strip:
    """A rectangle along the street in which things of one sort can be.

    Attributes:
        kind: what it is for.
        x: from, to.
        y: from, to.
        z: height of its ground.
        heading_deg: where traffic on it goes, counter-clockwise from x.
    """

    kind: StripKind
    x: tuple[float, float]
    y: tuple[float, float]
    z: float
    heading_deg: float

    @property
    def middle_y(self) -> float:
        """Its middle across the street."""
        return sum(self.y) / 2


@dataclass(frozen=True, slots=True)
class Street:
    """A street made from a plan.

    Attributes:
        plan: its measures.
        flat: ground and all that lies behind the pavements.
        standing: things on and beside the pavements that can hide others, each with its place.
        strips: where traffic, people and traders can be.
        lamps: where the lamps' lights hang.
    """

    plan: StreetPlan
    flat: Shape
    standing: tuple[Shape, ...]
    strips: tuple[Strip, ...]
    lamps: tuple[tuple[float, float, float], ...]


def random_plan(rng: np.random.Generator, *, lit: bool, wet: bool) -> StreetPlan:
    """Return a plan drawn at random."""
    sides: tuple[Side, ...] = ("facades", "facades", "hoarding", "fence")
    left, right = sides[int(rng.integers(4))], sides[int(rng.integers(4))]
    lanes = int(rng.choice([1, 1, 2, 2, 3]))
    edges: tuple[Edge | None, ...] = ("cycle", "cycle", "bays", None)
    return StreetPlan(
        lanes_each=lanes,
        lane_m=float(rng.uniform(3.1, 3.6)),
        edge=edges[int(rng.integers(4))],
        edge_m=float(rng.uniform(2.1, 2.6)),
        pavement_m=float(rng.uniform(3.2, 6.0)),
        zebra_x=float(rng.uniform(10, 45)) if rng.uniform() < 0.5 else None,
        gate_x=float(rng.uniform(10, 30)) if left == "hoarding" else None,
        left=left,
        right=right,
        divider=lanes > 1 and rng.uniform() < 0.4,
        wet=wet,
        lit=lit,
        red=bool(rng.uniform() < 0.5),
    )


def build_street(plan: StreetPlan, rng: np.random.Generator) -> Street:
    """Return the street of a plan; the generator decides colours, houses and furniture."""
    flat = ground(plan, rng)
    standing: list[Shape] = []
    # What faces -y on the left has to face +y on the right, and keep its place along x.
    about = rotation(yaw_deg=180.0)
    middle = plan.x0 + plan.x1
    for side, kind in ((1, plan.left), (-1, plan.right)):
        row, behind = _row(kind, plan, rng)
        for shape, hides in ((row, kind != "facades"), (behind, False)):
            if side < 0:
                shape = shape.moved(x=middle, turn=about)
            placed = shape.moved(y=side * plan.front_y, z=KERB_M)
            if hides:
                standing.append(placed)
            else:
                flat.add(placed)
    lamps = []
    for side in (-1, 1):
        things, lights = _furniture(plan, side, rng)
        standing.extend(things)
        lamps.extend(lights)
    if plan.divider:
        gap = plan.zebra_x
        for start in np.arange(plan.x0, plan.x1, 10.0):
            if gap is None or not start - 5 < gap < start + 15:
                standing.append(rail(10.0, rng).moved(x=float(start)))
    return Street(plan, flat, tuple(standing), _strips(plan), tuple(lamps))


def _row(kind: Side, plan: StreetPlan, rng: np.random.Generator) -> tuple[Shape, Shape]:
    if kind == "hoarding":
        return hoarding(plan, rng)
    if kind == "fence":
        return fence(plan, rng)
    return facades(plan, rng), Shape()


def _furniture(
    plan: StreetPlan, side: int, rng: np.random.Generator
) -> tuple[list[Shape], list[tuple[float, float, float]]]:
    """Return things in a row along a kerb, and lamp lights."""
    y = side * (plan.kerb_y + 0.7)
    turn = rotation(yaw_deg=0.0 if side < 0 else 180.0)
    things, lights = [], []
    trees = rng.uniform() < 0.7
    step = float(rng.uniform(6.5, 9.0))
    for index, x in enumerate(np.arange(plan.x0 + rng.uniform(0, step), plan.x1, step)):
        if not _free(plan, float(x), side):
            continue
        if index % 4 == 0:
            post = lamp_post(rng, height_m=_LAMP_M, lit=plan.lit)
            lights.append((float(x), y - side * 1.8, _LAMP_M - 0.3))
        elif trees:
            post = tree(rng)
        else:
            makers = (bollard, cabinet, sign, bollard)
            post = makers[int(rng.integers(4))](rng)
        things.append(post.moved(float(x), y, KERB_M, turn=turn))
    if plan.zebra_x is not None:
        x = plan.zebra_x - side * -2.6
        pole = signal(arm_m=plan.kerb_y * 0.7, red=plan.red)
        things.append(pole.moved(x, side * (plan.kerb_y + 0.5), KERB_M, turn=turn))
    return things, lights


def _free(plan: StreetPlan, x: float, side: float) -> bool:
    if plan.zebra_x is not None and abs(x - plan.zebra_x) < 4.0:
        return False
    return not (side > 0 and plan.gate_x is not None and abs(x - plan.gate_x) < GATE_M / 2 + 6.0)


def _strips(plan: StreetPlan) -> tuple[Strip, ...]:
    along = (plan.x0, plan.x1)
    strips = []
    for side, heading in ((-1, 0.0), (1, 180.0)):
        for lane in range(plan.lanes_each):
            y = sorted((side * lane * plan.lane_m, side * (lane + 1) * plan.lane_m))
            strips.append(Strip("lane", along, (y[0], y[1]), 0.0, heading))
        if plan.edge:
            y = sorted((side * plan.lanes_half_m, side * plan.kerb_y))
            strips.append(Strip(plan.edge, along, (y[0], y[1]), 0.0, heading))
        y = sorted((side * (plan.kerb_y + 1.1), side * (plan.front_y - 0.3)))
        strips.append(Strip("pavement", along, (y[0], y[1]), KERB_M, heading))
    if plan.gate_x is not None:
        x = (plan.gate_x - GATE_M / 2, plan.gate_x + GATE_M / 2)
        strips.append(Strip("gate", x, (plan.kerb_y, plan.front_y + 6), KERB_M, -90.0))
    return tuple(strips)


def camera_view(
    street: Street,
    rng: np.random.Generator,
    *,
    size_wh: tuple[int, int],
    split: Literal["train", "test"],
) -> View:
    """Return a street camera's view: 4–12 m high, looking 10–40° down, 35–90° wide.

    Views for training stand on the right or over the road and look along x; those for testing
    stand on the left and look against x: no test view repeats a training view.
    """
    plan = street.plan
    height = float(rng.uniform(4.0, 12.0))
    pitch = float(rng.uniform(10.0, 40.0) if height > 6 else rng.uniform(10.0, 28.0))
    fov = float(rng.uniform(35.0, 90.0))
    away = rng.uniform(0.0, plan.front_y - 0.8)
    # The nearer the camera to the house front, the more it can look across the street.
    turn = math.radians(float(rng.uniform(0.0, 20.0) + 45.0 * rng.uniform() * away / plan.front_y))
    reach = height / math.tan(math.radians(pitch))
    x, y = -5.0, -away
    tx, ty = x + reach * math.cos(turn), y + reach * math.sin(turn)
    view = View((x, y, height), (tx, ty, 0.0), fov, size_wh)
    if split == "train":
        return view
    middle = plan.x0 + plan.x1
    return replace(view, position=(middle - x, -y, height), target=(middle - tx, -ty, 0.0))


def seen_strip_points(street: Street, view: View, *, reach_m: float) -> Vertices:
    """Return points on the strips, a metre apart, that the view shows within reach.

    Returns:
        float64 rows of x, y, z, and the strip's index.
    """
    rows = []
    for index, strip in enumerate(street.strips):
        xs = np.arange(strip.x[0] + 0.5, strip.x[1], 1.0)
        ys = np.linspace(strip.y[0], strip.y[1], max(2, int(strip.y[1] - strip.y[0]) + 1))[1:-1]
        ys = ys if len(ys) else np.array([strip.middle_y])
        grid = np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2)
        points = np.column_stack(
            [grid, np.full(len(grid), strip.z), np.full(len(grid), float(index))]
        )
        rows.append(points)
    points = np.vstack(rows)
    pixels, depth = view.project(points[:, :3])
    width, height = view.size_wh
    inside = (pixels > 0).all(axis=1) & (pixels[:, 0] < width) & (pixels[:, 1] < height)
    away = np.linalg.norm(points[:, :3] - np.asarray(view.position), axis=1)
    return np.asarray(points[inside & (depth > 0.5) & (away < reach_m)], np.float64)
