"""Rendering survey scenes: an orthophoto of each flight. Needs ``bpy`` (extra ``render``)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from datasets.scenes.stage import Light, Stage
from datasets.scenes.survey_ground import hazed, paint_ground, to_linear
from datasets.scenes.survey_mesh import Mesh
from datasets.scenes.survey_parts import Date, Pattern
from datasets.scenes.view import View

FLIGHT_HEIGHT_M = 300.0
GROUND_MARGIN_M = 20.0
"""Ground painted beyond the picture, so that light from the side is right at its edge."""
GROUND_PX_PER_PX = 1.5
"""The ground is painted finer than the picture, so that rows and edges do not alias."""


@dataclass(frozen=True)
class Finish:
    """How a pattern is shaded: mottling, stripes and gloss.

    Attributes:
        mottle_m: Size of the lumps, metres.
        mottle: Strength of the mottling, relative.
        stripe_m: Spacing of stripes across the part, metres; 0 for none.
        stripe: Strength of the stripes, relative.
        roughness: 0 mirror, 1 chalk.
    """

    mottle_m: float
    mottle: float
    stripe_m: float = 0.0
    stripe: float = 0.0
    roughness: float = 0.8


_FINISHES = {
    Pattern.PLAIN: Finish(4.0, 0.08),
    Pattern.CONCRETE: Finish(1.6, 0.22),
    Pattern.TILE: Finish(0.9, 0.25, 0.9, 0.12),
    Pattern.SHEET: Finish(3.0, 0.10, 1.1, 0.10, 0.45),
    Pattern.LEAF: Finish(0.5, 0.75),
    Pattern.SOIL: Finish(0.8, 0.30),
    Pattern.NET: Finish(1.2, 0.25),
    Pattern.PAINT: Finish(5.0, 0.02, roughness=0.3),
}


class SurveyStage:
    """Renders one flight after another in one Blender scene."""

    def __init__(self, *, samples: int = 12) -> None:
        """Start an empty scene.

        Args:
            samples: Light paths a pixel.
        """
        self._stage = Stage(samples=samples)
        self._materials = {pattern: _material(_FINISHES[pattern]) for pattern in Pattern}

    def render(
        self, date: Date, meshes: Iterable[Mesh], path: Path, *, side_m: float, size_px: int
    ) -> None:
        """Render one flight from straight above, north up.

        Args:
            date: Ground and light.
            meshes: What stands on the ground.
            path: PNG to write, RGB.
            side_m: Side of the picture in metres.
            size_px: Side of the picture in pixels.
        """
        sky = date.sky
        self._stage.light(
            Light(
                kind="overcast" if sky.overcast else "day",
                sun_azimuth_deg=sky.sun_azimuth_deg,
                sun_elevation_deg=sky.sun_elevation_deg,
            )
        )
        bpy.context.scene.view_settings.exposure = sky.exposure_stops
        shown = self._stand(meshes, sky.haze)
        ground, picture = _ground(date, side_m + 2 * GROUND_MARGIN_M, size_px / side_m)
        view = View((0.0, 0.0, FLIGHT_HEIGHT_M), (0.0, 0.0, 0.0), 40.0, (size_px, size_px))
        self._stage.render(view, path, ortho_width_m=side_m)
        for body in (*shown, ground):
            mesh = body.data
            bpy.data.objects.remove(body)
            bpy.data.meshes.remove(mesh)
        bpy.data.images.remove(picture)

    def _stand(self, meshes: Iterable[Mesh], haze: float) -> list[Any]:
        """One Blender object per pattern: hundreds of small ones would be slow."""
        by_pattern: dict[Pattern, list[Mesh]] = defaultdict(list)
        for mesh in meshes:
            by_pattern[mesh.pattern].append(mesh)
        bodies = []
        for pattern, group in by_pattern.items():
            starts = np.cumsum([0] + [len(mesh.vertices) for mesh in group])
            triangles = [mesh.triangles + start for mesh, start in zip(group, starts, strict=False)]
            joined = bpy.data.meshes.new(pattern)
            joined.from_pydata(
                np.concatenate([mesh.vertices for mesh in group]),
                [],
                np.concatenate(triangles).tolist(),
            )
            _attribute(joined, "across", np.concatenate([mesh.uv[:, 0] for mesh in group]))
            tints = [
                np.tile(to_linear(hazed(mesh.tint, haze)), (len(mesh.vertices), 1))
                for mesh in group
            ]
            _attribute(joined, "tint", np.concatenate(tints))
            joined.materials.append(self._materials[pattern])
            bodies.append(_link(joined))
        return bodies


def _link(mesh: Any) -> Any:  # noqa: ANN401
    body = bpy.data.objects.new(mesh.name, mesh)
    bpy.context.scene.collection.objects.link(body)
    return body


def _attribute(mesh: Any, name: str, values: Any) -> None:  # noqa: ANN401
    """Give each vertex a number, (V,), or a vector, (V, 3)."""
    kind, field = ("FLOAT", "value") if values.ndim == 1 else ("FLOAT_VECTOR", "vector")
    mesh.attributes.new(name, kind, "POINT").data.foreach_set(
        field, np.ascontiguousarray(values, np.float32).ravel()
    )


def _ground(date: Date, side_m: float, px_per_m: float) -> tuple[Any, Any]:
    size = round(side_m * px_per_m * GROUND_PX_PER_PX)
    painted = paint_ground(date, side_m=side_m, size_px=size)
    picture = bpy.data.images.new("ground", size, size)
    pixels = np.ones((size, size, 4), np.float32)
    # Blender's first row is the lowest.
    pixels[..., :3] = painted[::-1]
    picture.pixels.foreach_set(pixels.ravel())
    half = side_m / 2
    mesh = bpy.data.meshes.new("ground")
    mesh.from_pydata(
        [(-half, -half, 0), (half, -half, 0), (half, half, 0), (-half, half, 0)],
        [],
        [(0, 1, 2, 3)],
    )
    corners = mesh.uv_layers.new(name="uv").data
    corners.foreach_set("uv", np.array([0, 0, 1, 0, 1, 1, 0, 1], np.float32))
    material = bpy.data.materials.new("ground")
    tree, surface = _surface(material)
    texture = tree.nodes.new("ShaderNodeTexImage")
    texture.image = picture
    texture.extension = "EXTEND"
    tree.links.new(texture.outputs["Color"], surface.inputs["Base Color"])
    surface.inputs["Roughness"].default_value = 0.95
    mesh.materials.append(material)
    return _link(mesh), picture


def _surface(material: Any) -> tuple[Any, Any]:  # noqa: ANN401
    tree = material.node_tree
    return tree, next(node for node in tree.nodes if node.type == "BSDF_PRINCIPLED")


def _material(finish: Finish) -> Any:  # noqa: ANN401
    """The part's own colour times mottling times stripes."""
    material = bpy.data.materials.new("survey")
    tree, surface = _surface(material)
    surface.inputs["Roughness"].default_value = finish.roughness
    tint = tree.nodes.new("ShaderNodeAttribute")
    tint.attribute_name = "tint"
    noise = tree.nodes.new("ShaderNodeTexNoise")
    noise.inputs["Scale"].default_value = 1.0 / finish.mottle_m
    noise.inputs["Detail"].default_value = 3.0
    place = tree.nodes.new("ShaderNodeTexCoord")
    tree.links.new(place.outputs["Object"], noise.inputs["Vector"])
    # Blender's noise keeps within about 0.3 to 0.7.
    factor = _span(tree, noise.outputs[0], (0.3, 0.7), finish.mottle)
    if finish.stripe_m:
        across = tree.nodes.new("ShaderNodeAttribute")
        across.attribute_name = "across"
        wave = _math(tree, "MULTIPLY", across.outputs["Fac"], 2 * np.pi / finish.stripe_m)
        stripes = _span(tree, _math(tree, "SINE", wave), (-1.0, 1.0), finish.stripe)
        factor = _math(tree, "MULTIPLY", factor, stripes)
    shaded = tree.nodes.new("ShaderNodeVectorMath")
    shaded.operation = "SCALE"
    tree.links.new(tint.outputs["Vector"], shaded.inputs[0])
    tree.links.new(factor, shaded.inputs["Scale"])
    tree.links.new(shaded.outputs[0], surface.inputs["Base Color"])
    return material


def _span(tree: Any, value: Any, source: tuple[float, float], amount: float) -> Any:  # noqa: ANN401
    """Map a value's range to 1 ± amount."""
    node = tree.nodes.new("ShaderNodeMapRange")
    for name, number in zip(
        ("From Min", "From Max", "To Min", "To Max"),
        (*source, 1 - amount, 1 + amount),
        strict=True,
    ):
        node.inputs[name].default_value = number
    tree.links.new(value, node.inputs["Value"])
    return node.outputs[0]


def _math(tree: Any, operation: str, *values: Any) -> Any:  # noqa: ANN401
    """Output of a math node; values are numbers or other nodes' outputs."""
    node = tree.nodes.new("ShaderNodeMath")
    node.operation = operation
    for socket, value in zip(node.inputs, values, strict=False):
        if isinstance(value, float):
            socket.default_value = value
        else:
            tree.links.new(value, socket)
    return node.outputs[0]
