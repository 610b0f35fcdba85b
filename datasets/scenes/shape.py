"""Solid shapes as lists of faces, each with its paint: what every asset is put together from.

Axes: x forward, y to the left, z up; metres. An asset's origin is the middle of its footprint, on
the ground.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

Vertices = NDArray[np.float64]
"""float64, shape ``(n, 3)``, metres."""
Rgb = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Paint:
    """What a surface looks like.

    Attributes:
        rgb: linear colour, 0 to 1 each.
        roughness: 0 mirror, 1 chalk.
        metallic: 0 or 1.
        speckle: how much lighter and darker the colour gets from place to place, 0 to 1.
        speckle_m: size of the speckles.
        glow: light given off; 0 for none.
        relief: height of the bumps that the speckles make, 0 to 1.
    """

    rgb: Rgb
    roughness: float = 0.6
    metallic: float = 0.0
    speckle: float = 0.0
    speckle_m: float = 0.2
    glow: float = 0.0
    relief: float = 0.0

    def tinted(self, factor: float) -> Paint:
        """Return the paint lighter or darker by a factor."""
        red, green, blue = (min(1.0, channel * factor) for channel in self.rgb)
        return replace(self, rgb=(red, green, blue))


def rotation(*, yaw_deg: float = 0.0, pitch_deg: float = 0.0, roll_deg: float = 0.0) -> Vertices:
    """Return the 3x3 matrix that rolls about x, then pitches about y, then yaws about z."""
    yaw, pitch, roll = (math.radians(angle) for angle in (yaw_deg, pitch_deg, roll_deg))
    about_z = np.array(
        [[math.cos(yaw), -math.sin(yaw), 0], [math.sin(yaw), math.cos(yaw), 0], [0, 0, 1]]
    )
    about_y = np.array(
        [[math.cos(pitch), 0, math.sin(pitch)], [0, 1, 0], [-math.sin(pitch), 0, math.cos(pitch)]]
    )
    about_x = np.array(
        [[1, 0, 0], [0, math.cos(roll), -math.sin(roll)], [0, math.sin(roll), math.cos(roll)]]
    )
    return np.asarray(about_z @ about_y @ about_x, np.float64)


@dataclass(slots=True)
class Shape:
    """Faces with paint. The building methods add to the shape and return it, so they chain.

    Attributes:
        vertices: corner points.
        faces: indices into the points, counter-clockwise seen from outside.
        paints: one for each face.
    """

    vertices: list[tuple[float, float, float]] = field(default_factory=list)
    faces: list[tuple[int, ...]] = field(default_factory=list)
    paints: list[Paint] = field(default_factory=list)

    def mesh(
        self,
        points: Sequence[Sequence[float]] | Vertices,
        faces: Sequence[Sequence[int]],
        paint: Paint,
    ) -> Shape:
        """Add faces over points of their own."""
        first = len(self.vertices)
        self.vertices.extend((float(x), float(y), float(z)) for x, y, z in points)
        self.faces.extend(tuple(first + corner for corner in face) for face in faces)
        self.paints.extend([paint] * len(faces))
        return self

    def box(
        self,
        size: tuple[float, float, float],
        centre: tuple[float, float, float],
        paint: Paint,
        *,
        turn: Vertices | None = None,
        top_scale: tuple[float, float] = (1.0, 1.0),
    ) -> Shape:
        """Add a box.

        Args:
            size: along x, y, z.
            centre: of the box.
            paint: of all faces.
            turn: 3x3 rotation about the centre, from :func:`rotation`.
            top_scale: how much of its length and width the top keeps (a tapered box).
        """
        half = np.asarray(size) / 2
        corners = np.array(
            [(x, y, z) for z in (-1, 1) for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))], float
        )
        corners *= half
        corners[4:, :2] *= top_scale
        if turn is not None:
            corners = corners @ turn.T
        sides = [(3, 2, 1, 0), (4, 5, 6, 7), (0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7)]
        return self.mesh(corners + np.asarray(centre), sides, paint)

    def cylinder(
        self,
        radius: float,
        length: float,
        centre: tuple[float, float, float],
        paint: Paint,
        *,
        axis: str = "z",
        sides: int = 14,
        end_radius: float | None = None,
    ) -> Shape:
        """Add a cylinder, or a cone where ``end_radius`` differs.

        Args:
            radius: at the lower end along the axis.
            length: along the axis.
            centre: middle of the axis.
            paint: of all faces.
            axis: ``x``, ``y`` or ``z``.
            sides: of the polygon.
            end_radius: at the upper end; the same radius where None.
        """
        end = radius if end_radius is None else end_radius
        angles = 2 * math.pi * np.arange(sides) / sides
        circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
        low = np.column_stack([circle * radius, np.full(sides, -length / 2)])
        high = np.column_stack([circle * max(end, 1e-4), np.full(sides, length / 2)])
        points = np.vstack([low, high])
        # A cyclic change of axes keeps faces outward.
        order = {"z": [0, 1, 2], "x": [2, 0, 1], "y": [1, 2, 0]}[axis]
        points = points[:, order] + np.asarray(centre)
        walls = [(i, (i + 1) % sides, sides + (i + 1) % sides, sides + i) for i in range(sides)]
        ends = [tuple(reversed(range(sides))), tuple(range(sides, 2 * sides))]
        return self.mesh(points, [*walls, *ends], paint)

    def ball(
        self,
        radii: tuple[float, float, float],
        centre: tuple[float, float, float],
        paint: Paint,
        *,
        rings: int = 6,
        sides: int = 10,
    ) -> Shape:
        """Add an ellipsoid with the given radii along x, y, z."""
        points: list[tuple[float, float, float]] = [(0.0, 0.0, -1.0)]
        for ring in range(1, rings):
            polar = math.pi * ring / rings - math.pi / 2
            for side in range(sides):
                turn = 2 * math.pi * side / sides
                points.append(
                    (
                        math.cos(polar) * math.cos(turn),
                        math.cos(polar) * math.sin(turn),
                        math.sin(polar),
                    )
                )
        points.append((0.0, 0.0, 1.0))
        faces: list[tuple[int, ...]] = []
        for side in range(sides):
            after = (side + 1) % sides
            faces.append((0, 1 + after, 1 + side))
            for ring in range(rings - 2):
                low, high = 1 + ring * sides, 1 + (ring + 1) * sides
                faces.append((low + side, low + after, high + after, high + side))
            last = 1 + (rings - 2) * sides
            faces.append((last + side, last + after, len(points) - 1))
        return self.mesh(np.asarray(points) * radii + np.asarray(centre), faces, paint)

    def prism(
        self,
        outline_xz: Sequence[tuple[float, float]],
        width: float,
        paint: Paint,
        *,
        centre_y: float = 0.0,
    ) -> Shape:
        """Add an outline in the x-z plane (counter-clockwise, x right, z up), drawn out along y."""
        count = len(outline_xz)
        near = [(x, centre_y - width / 2, z) for x, z in outline_xz]
        far = [(x, centre_y + width / 2, z) for x, z in outline_xz]
        walls = [(i, count + i, count + (i + 1) % count, (i + 1) % count) for i in range(count)]
        faces = [tuple(range(count)), tuple(reversed(range(count, 2 * count))), *walls]
        return self.mesh([*near, *far], faces, paint)

    def surface(
        self,
        heights_m: NDArray[np.float64],
        size_xy: tuple[float, float],
        centre: tuple[float, float, float],
        paint: Paint,
    ) -> Shape:
        """Add a height field over a rectangle: heaps, cloths, ground.

        Args:
            heights_m: shape ``(nx, ny)`` above the centre's z, first index along x.
            size_xy: of the rectangle.
            centre: of the rectangle.
            paint: of the surface.
        """
        along, across = heights_m.shape
        xs = np.linspace(-size_xy[0] / 2, size_xy[0] / 2, along) + centre[0]
        ys = np.linspace(-size_xy[1] / 2, size_xy[1] / 2, across) + centre[1]
        points = [
            (xs[i], ys[j], heights_m[i, j] + centre[2]) for i in range(along) for j in range(across)
        ]
        faces = [
            (i * across + j, (i + 1) * across + j, (i + 1) * across + j + 1, i * across + j + 1)
            for i in range(along - 1)
            for j in range(across - 1)
        ]
        return self.mesh(points, faces, paint)

    def add(self, other: Shape) -> Shape:
        """Add another shape's faces."""
        first = len(self.vertices)
        self.vertices.extend(other.vertices)
        self.faces.extend(tuple(first + corner for corner in face) for face in other.faces)
        self.paints.extend(other.paints)
        return self

    def moved(
        self,
        x: float = 0.0,
        y: float = 0.0,
        z: float = 0.0,
        *,
        turn: Vertices | None = None,
        scale: float = 1.0,
    ) -> Shape:
        """Return the shape scaled and turned about the origin, then moved."""
        points = np.asarray(self.vertices, np.float64).reshape(-1, 3) * scale
        if turn is not None:
            points = points @ turn.T
        points = points + np.array((x, y, z), np.float64)
        return Shape(
            [(float(a), float(b), float(c)) for a, b, c in points],
            list(self.faces),
            list(self.paints),
        )

    def points(self) -> Vertices:
        """Return all corner points."""
        return np.asarray(self.vertices, np.float64).reshape(-1, 3)
