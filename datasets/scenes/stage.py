"""The stage: Blender's Cycles renderer behind a few calls. Needs ``bpy``.

Renders on the CPU with few samples and without denoising: a sprite is scaled down before use, and
noise goes with it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import bpy
import numpy as np
from mathutils import Matrix

from datasets.scenes.asset import Asset
from datasets.scenes.shape import Paint, Rgb, Shape
from datasets.scenes.view import View

LightKind = Literal["day", "overcast", "dusk", "night"]
_GROUND_SIZE_M = 120.0


@dataclass(frozen=True, slots=True)
class Lamp:
    """A street lamp's light: where it hangs, its colour, its power in watts."""

    position: tuple[float, float, float]
    rgb: Rgb = (1.0, 0.75, 0.45)
    power_w: float = 1500.0


@dataclass(frozen=True, slots=True)
class Light:
    """Sun or moon, sky and lamps.

    Attributes:
        kind: time of day and weather.
        sun_azimuth_deg: where the sun stands, counter-clockwise from x.
        sun_elevation_deg: above the horizon.
        lamps: other lights.
    """

    kind: LightKind = "day"
    sun_azimuth_deg: float = 45.0
    sun_elevation_deg: float = 50.0
    lamps: tuple[Lamp, ...] = ()


# Sun strength, sun's angle of view in degrees (soft shadows), sun colour, sky strength, sky colour.
_LIGHTS: dict[str, tuple[float, float, Rgb, float, Rgb]] = {
    "day": (3.2, 0.6, (1.0, 0.95, 0.86), 0.75, (0.55, 0.70, 1.0)),
    "overcast": (0.35, 60.0, (1.0, 1.0, 1.0), 0.95, (0.86, 0.90, 1.0)),
    "dusk": (0.7, 4.0, (1.0, 0.62, 0.35), 0.32, (0.55, 0.58, 0.85)),
    "night": (0.02, 10.0, (0.6, 0.7, 1.0), 0.035, (0.45, 0.5, 0.8)),
}


class Stage:
    """One Blender scene, filled and emptied again."""

    def __init__(self, *, samples: int = 8, denoise: bool = False) -> None:
        """Start an empty scene.

        Args:
            samples: light paths a pixel.
            denoise: smooth the noise away; takes longer than the render of a sprite.
        """
        bpy.ops.wm.read_factory_settings(use_empty=True)
        scene = bpy.context.scene
        scene.render.engine = "CYCLES"
        scene.cycles.device = "CPU"
        scene.cycles.samples = samples
        scene.cycles.use_adaptive_sampling = False
        scene.cycles.use_denoising = denoise
        scene.cycles.max_bounces = 3
        scene.cycles.caustics_reflective = False
        scene.cycles.caustics_refractive = False
        scene.render.resolution_percentage = 100
        scene.render.image_settings.file_format = "PNG"
        # What the camera sees is sRGB, not the film-like curve that Blender starts with.
        scene.view_settings.view_transform = "Standard"
        scene.world = bpy.data.worlds.new("sky")
        camera = bpy.data.cameras.new("camera")
        camera.clip_end = 2000.0
        self._camera = bpy.data.objects.new("camera", camera)
        scene.collection.objects.link(self._camera)
        scene.camera = self._camera
        self._scene = scene
        self._paints: dict[Paint, Any] = {}
        self._shown: list[Any] = []
        self._lights: list[Any] = []
        self._catcher: Any = None

    def light(self, light: Light) -> None:
        """Set sun, sky and lamps; what was lit before is forgotten."""
        for lamp in self._lights:
            data = lamp.data
            bpy.data.objects.remove(lamp)
            bpy.data.lights.remove(data)
        self._lights = []
        sun_power, sun_angle, sun_rgb, sky_power, sky_rgb = _LIGHTS[light.kind]
        background = next(
            node for node in self._scene.world.node_tree.nodes if node.type == "BACKGROUND"
        )
        background.inputs[0].default_value = (*sky_rgb, 1.0)
        background.inputs[1].default_value = sky_power
        sun = bpy.data.lights.new("sun", "SUN")
        sun.energy, sun.angle, sun.color = sun_power, math.radians(sun_angle), sun_rgb
        body = self._hang(sun)
        # A sun shines along its own -z: from straight above, tipped over, then turned to where
        # it stands.
        body.rotation_euler = (
            0.0,
            math.radians(90.0 - light.sun_elevation_deg),
            math.radians(light.sun_azimuth_deg),
        )
        for lamp in light.lamps:
            point = bpy.data.lights.new("lamp", "POINT")
            point.energy, point.color = lamp.power_w, lamp.rgb
            point.shadow_soft_size = 0.25
            self._hang(point).location = lamp.position

    def _hang(self, data: Any) -> Any:  # noqa: ANN401
        body = bpy.data.objects.new(data.name, data)
        self._scene.collection.objects.link(body)
        self._lights.append(body)
        return body

    def clear(self) -> None:
        """Take everything off the stage but lights and camera."""
        meshes = [body.data for body in self._shown]
        # One by one, each removal would look through the whole scene.
        bpy.data.batch_remove([*self._shown, *meshes])
        self._shown = []

    def show(self, assets: Iterable[Asset], *, seen: bool = True) -> None:
        """Put assets on the stage.

        Args:
            assets: each where it stands.
            seen: whether the camera sees them; unseen ones still throw shadows.
        """
        for asset in assets:
            whole = Shape()
            for part in asset.parts:
                whole.add(part.shape)
            self.show_shape(whole, seen=seen)

    def show_shape(self, shape: Shape, *, seen: bool = True) -> None:
        """Put one shape on the stage."""
        if not shape.faces:
            return
        mesh = bpy.data.meshes.new("shape")
        mesh.from_pydata(shape.vertices, [], shape.faces)
        slots: dict[Paint, int] = {}
        for paint in shape.paints:
            if paint not in slots:
                slots[paint] = len(slots)
                mesh.materials.append(self._material(paint))
        mesh.polygons.foreach_set(
            "material_index", np.array([slots[paint] for paint in shape.paints], np.int32)
        )
        mesh.update()
        body = bpy.data.objects.new("shape", mesh)
        body.visible_camera = seen
        self._scene.collection.objects.link(body)
        self._shown.append(body)

    def render(
        self,
        view: View,
        path: Path,
        *,
        ground: Literal["catch"] | None = None,
        ortho_width_m: float | None = None,
    ) -> None:
        """Render what is shown to a PNG.

        Args:
            view: the camera.
            path: of the PNG to write.
            ground: ``catch`` makes a picture with alpha that holds what is shown and the shadow it
                throws on level ground; None makes an opaque picture against the sky.
            ortho_width_m: width of the picture on the ground for a straight-down view without
                perspective (rows run towards -y); None for a pinhole camera.
        """
        render = self._scene.render
        render.resolution_x, render.resolution_y = view.size_wh
        render.film_transparent = ground is not None
        render.image_settings.color_mode = "RGB" if ground is None else "RGBA"
        self._catch_shadows(wanted=ground is not None)
        lens = self._camera.data
        if ortho_width_m is None:
            lens.type = "PERSP"
            lens.sensor_fit = "HORIZONTAL"
            lens.angle_x = math.radians(view.fov_deg)
            right, up, forward = view.axes()
            axes = np.stack([right, up, -forward], axis=1)
        else:
            lens.type = "ORTHO"
            # Blender counts the longer side.
            wide, high = view.size_wh
            lens.ortho_scale = ortho_width_m * max(wide, high) / wide
            axes = np.eye(3)
        matrix = np.eye(4)
        matrix[:3, :3] = axes
        matrix[:3, 3] = view.position
        self._camera.matrix_world = Matrix(matrix.tolist())
        path.parent.mkdir(parents=True, exist_ok=True)
        render.filepath = str(path)
        bpy.ops.render.render(write_still=True)

    def hide_ground(self) -> None:
        """Let pictures with alpha hold no shadow: the ground still keeps light from below away."""
        self._catch_shadows(wanted=True)
        self._catcher.is_shadow_catcher = False
        self._catcher.visible_camera = False

    def _catch_shadows(self, *, wanted: bool) -> None:
        if wanted and self._catcher is None:
            half = _GROUND_SIZE_M / 2
            mesh = bpy.data.meshes.new("catcher")
            mesh.from_pydata(
                [(-half, -half, 0), (half, -half, 0), (half, half, 0), (-half, half, 0)],
                [],
                [(0, 1, 2, 3)],
            )
            self._catcher = bpy.data.objects.new("catcher", mesh)
            self._catcher.is_shadow_catcher = True
            self._scene.collection.objects.link(self._catcher)
        if self._catcher is not None:
            self._catcher.hide_render = not wanted

    def _material(self, paint: Paint) -> Any:  # noqa: ANN401
        if paint in self._paints:
            return self._paints[paint]
        material = bpy.data.materials.new("paint")
        tree = material.node_tree
        surface = next(node for node in tree.nodes if node.type == "BSDF_PRINCIPLED")
        colour = (*paint.rgb, 1.0)
        surface.inputs["Base Color"].default_value = colour
        surface.inputs["Roughness"].default_value = paint.roughness
        surface.inputs["Metallic"].default_value = paint.metallic
        if paint.glow:
            surface.inputs["Emission Color"].default_value = colour
            surface.inputs["Emission Strength"].default_value = paint.glow
        if paint.speckle:
            self._speckle(tree, surface, paint)
        self._paints[paint] = material
        return material

    @staticmethod
    def _speckle(tree: Any, surface: Any, paint: Paint) -> None:  # noqa: ANN401
        place = tree.nodes.new("ShaderNodeTexCoord")
        noise = tree.nodes.new("ShaderNodeTexNoise")
        noise.inputs["Scale"].default_value = 1.0 / paint.speckle_m
        noise.inputs["Detail"].default_value = 3.0
        tree.links.new(place.outputs["Object"], noise.inputs["Vector"])
        spread = tree.nodes.new("ShaderNodeMapRange")
        spread.inputs["From Min"].default_value = 0.3
        spread.inputs["From Max"].default_value = 0.7
        tree.links.new(noise.outputs[0], spread.inputs["Value"])
        blend = tree.nodes.new("ShaderNodeMix")
        blend.data_type = "RGBA"
        blend.inputs[6].default_value = (*paint.tinted(1.0 - paint.speckle).rgb, 1.0)
        blend.inputs[7].default_value = (*paint.tinted(1.0 + paint.speckle).rgb, 1.0)
        tree.links.new(spread.outputs[0], blend.inputs[0])
        tree.links.new(blend.outputs[2], surface.inputs["Base Color"])
        if paint.relief:
            bump = tree.nodes.new("ShaderNodeBump")
            bump.inputs["Strength"].default_value = paint.relief
            bump.inputs["Distance"].default_value = paint.speckle_m
            tree.links.new(noise.outputs[0], bump.inputs["Height"])
            tree.links.new(bump.outputs[0], surface.inputs["Normal"])
