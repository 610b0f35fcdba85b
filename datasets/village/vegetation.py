"""Trees, hedges and bushes: rough canopies built from many leafy lumps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from shapely.geometry import Point

from datasets.village.canvas import Canvas, Colour, Floats, Material, Patch, shade
from datasets.village.part import Part

LEAVES: tuple[Colour, ...] = (
    (66, 86, 44),
    (78, 96, 50),
    (92, 108, 58),
    (58, 76, 44),
    (104, 112, 62),
    (84, 92, 56),
)


@dataclass(frozen=True, kw_only=True)
class Tree(Part):
    """One crown.

    Attributes:
        u: Place.
        v: Place.
        radius_m: Crown radius.
        height_m: Top above ground.
        leaf: Index of the leaf colour.
        growth_m: How much taller it stands at the later survey.
    """

    u: float
    v: float
    radius_m: float
    height_m: float
    leaf: int = 0
    growth_m: float = 0.15

    def draw(self, canvas: Canvas) -> None:
        """Raise the crown's lumps where they top what is there."""
        grown = self.growth_m if canvas.date == "after" else 0.0
        rng = canvas.rng(self.name)
        # Leaves move between two flights; the crown's shape stays.
        breeze = canvas.rng(self.name, dated=True)
        radius = self.radius_m + 0.25 * grown
        patch = canvas.patch(Point(self.u, self.v).buffer(radius * 1.15))
        if patch is None:
            return
        top, tone = self._lumps(patch, rng, radius=radius, height_m=self.height_m + grown)
        ground = patch.ground_m()
        flutter = patch.noise("grain", breeze)
        top = top + 0.10 * patch.noise("fine", rng) + 0.07 * flutter
        visible = (top > 0.6) & (top + ground > patch.height)
        leaf = shade(LEAVES[self.leaf % len(LEAVES)]) * np.float32(rng.uniform(0.9, 1.12))
        if canvas.date == "after":
            leaf = leaf * np.array([1.05, 1.0, 0.98], np.float32)
        depth = np.clip(top / (self.height_m + grown), 0.0, 1.0)
        light = (0.80 + 0.32 * depth) * (1.0 + 0.13 * tone + 0.10 * flutter)
        colour = np.clip(leaf * light[..., None], 0.0, 1.0)
        # Yellow-green tips on the highest lumps.
        colour[..., 0] *= 1.0 + 0.10 * depth**2
        patch.albedo[visible] = colour[visible]
        patch.height[visible] = (top + ground)[visible]
        patch.canvas.material[patch.rows, patch.cols][visible] = Material.TREE

    @staticmethod
    def _lumps(
        patch: Patch, rng: np.random.Generator, *, radius: float, height_m: float
    ) -> tuple[Floats, Floats]:
        """Return crown height and tone per cell from overlapping spheres."""
        centre_u, centre_v = rng.normal(0, 0.02, 2)
        u, v = patch.uv
        mid_u, mid_v = float(u.mean()) + centre_u, float(v.mean()) + centre_v
        top = np.full(patch.alpha.shape, -1.0, np.float32)
        tone = np.zeros_like(top)
        # More lumps than a coarse grid can show would cost time for nothing.
        most = int(np.clip(0.08 * top.size, 8, 90))
        count = int(np.clip(7 + 7.0 * radius * radius, 8, most))
        for _ in range(count):
            away = radius * 0.86 * float(np.sqrt(rng.uniform()))
            angle = float(rng.uniform(0, 2 * np.pi))
            lump = max(0.38, radius * float(rng.uniform(0.15, 0.30)))
            fall = (away / radius) ** 2
            rise = height_m * (1.0 - 0.48 * fall) * float(rng.uniform(0.86, 1.0)) - 0.8 * lump
            apart = (u - (mid_u + away * np.cos(angle))) ** 2
            apart = apart + (v - (mid_v + away * np.sin(angle))) ** 2
            cap = rise + 0.8 * np.sqrt(np.maximum(lump * lump - apart, 0.0))
            wins = (apart < lump * lump) & (cap > top)
            top[wins] = cap[wins]
            tone[wins] = rng.normal()
        return top, tone


def scatter(
    name: str,
    places: list[tuple[float, float]],
    rng: np.random.Generator,
    *,
    radius_m: tuple[float, float],
    height_m: tuple[float, float],
) -> list[Tree]:
    """Return trees at the given places with random sizes."""
    trees = []
    for index, (u, v) in enumerate(places):
        size = float(rng.beta(2, 2))
        trees.append(
            Tree(
                name=f"{name}/{index}",
                u=u,
                v=v,
                radius_m=radius_m[0] + size * (radius_m[1] - radius_m[0]),
                height_m=height_m[0] + size * (height_m[1] - height_m[0]),
                leaf=int(rng.integers(0, len(LEAVES))),
                growth_m=float(rng.uniform(0.05, 0.35)),
            )
        )
    return trees
