"""What of each labelled part a camera truly sees, with all that stands before it. Needs ``bpy``.

Every part is drawn once more in a flat colour of its own, one sample a pixel and no light: which
part a pixel shows is then read back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from datasets.scenes.asset import Asset, Part
from datasets.scenes.stage import Stage
from datasets.scenes.street_share import seen_box
from datasets.scenes.view import View


@dataclass(frozen=True, slots=True)
class SeenPart:
    """A labelled part in a picture.

    Attributes:
        asset: index of its asset.
        label: class of the street detector.
        xyxy: box around what is seen of it, pixels.
    """

    asset: int
    label: str
    xyxy: tuple[float, float, float, float]


class Cast:
    """Assets on a stage whose parts can be told apart."""

    def __init__(self, stage: Stage, assets: Sequence[Asset]) -> None:
        """Show the assets, part by part."""
        self._stage = stage
        self._parts: list[tuple[int, Part]] = []
        self._bodies: list[Any] = []
        for index, asset in enumerate(assets):
            for part in asset.parts:
                if not part.shape.faces:
                    continue
                before = set(bpy.data.objects)
                stage.show_shape(part.shape)
                self._bodies.append(next(iter(set(bpy.data.objects) - before)))
                self._parts.append((index, part))

    def seen(self, view: View, path: Path) -> list[SeenPart]:
        """Return the labelled parts that are seen well enough to be labelled.

        Args:
            view: the camera.
            path: of a PNG to draw the parts' colours into.
        """
        owners = self._owners(view, path)
        found = []
        for number, (index, part) in enumerate(self._parts):
            if part.label is None:
                continue
            box = seen_box(part, view, owners == number)
            if box is not None:
                found.append(SeenPart(index, part.label, box))
        return found

    def _owners(self, view: View, path: Path) -> NDArray[np.int64]:
        """Return the number of the part that each pixel shows, -1 for none."""
        for number, body in enumerate(self._bodies):
            red, green = divmod(number, 16)
            body.color = ((red + 0.5) / 16, (green + 0.5) / 16, 1.0, 1.0)
        with _flat_colours():
            self._stage.render(view, path)
        image = bpy.data.images.load(str(path))
        image.colorspace_settings.name = "Non-Color"
        width, height = view.size_wh
        pixels = np.empty(width * height * 4, np.float32)
        image.pixels.foreach_get(pixels)
        bpy.data.images.remove(image)
        rgba = pixels.reshape(height, width, 4)[::-1]
        owners = (rgba[..., 0] * 16).astype(np.int64) * 16 + (rgba[..., 1] * 16).astype(np.int64)
        return np.where(rgba[..., 2] > 0.9, owners, -1)


@contextmanager
def _flat_colours() -> Iterator[None]:
    """Draw every object in its own colour, whatever the light; black where it has none."""
    scene = bpy.context.scene
    layer = bpy.context.view_layer
    material = bpy.data.materials.get("flat") or _flat_material()
    settings = scene.cycles.samples, scene.cycles.use_denoising, scene.view_settings.view_transform
    world = scene.world
    scene.cycles.samples, scene.cycles.use_denoising = 1, False
    scene.view_settings.view_transform = "Raw"
    layer.material_override = material
    scene.world = None
    try:
        yield
    finally:
        scene.world = world
        layer.material_override = None
        scene.cycles.samples, scene.cycles.use_denoising = settings[:2]
        scene.view_settings.view_transform = settings[2]


def _flat_material() -> Any:  # noqa: ANN401
    material = bpy.data.materials.new("flat")
    material.use_nodes = True
    tree = material.node_tree
    tree.nodes.clear()
    info = tree.nodes.new("ShaderNodeObjectInfo")
    emission = tree.nodes.new("ShaderNodeEmission")
    out = tree.nodes.new("ShaderNodeOutputMaterial")
    tree.links.new(info.outputs["Color"], emission.inputs["Color"])
    tree.links.new(emission.outputs[0], out.inputs["Surface"])
    return material
