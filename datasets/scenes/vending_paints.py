"""Colours of street vending: few enough that the renderer keeps them, many enough to vary.

Colours are written as they are seen on a screen (sRGB) and kept as linear light.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from datasets.scenes.shape import Paint, Rgb

T = TypeVar("T")

CLOTH = (
    "#c8202a #1f4fa3 #0f7a45 #e0a31a #e8e6df #6a2c7a #2b2d33 #d9571e #2aa3b5 #b7b0a0 #8c1d2c"
    " #ed7fa3 #27406b #7f8b2f #4b4f56 #f2d9b0"
).split()
CANOPY = (
    "#1d5fb5 #c4232b #0d7d4c #f0efe9 #e2671c #f0c020 #6d1f52 #2f8fd0 #1c7f86 #3a3d42 #c9b890"
    " #d03a6a"
).split()
CLOTHES = (
    "#16181d #22304d #3b4a63 #e9e9e6 #8a8d91 #b5a98f #7a1f24 #b8323a #d58aa0 #2f5e4a #c9a227"
    " #5d4a3c #6f8fb3 #43356b #d3cfc2 #1e4f8a #e0702a"
).split()
BRIGHT = (
    "#e8242c #1c74d8 #f6cf1a #21a84a #ef5fa8 #f27a1a #7a35b8 #18b8c4 #f4f4f0 #17181c #9be02c"
).split()
TROUSERS = "#17191e #23304a #3d4d68 #55504a #8d8471 #6b7079 #c2b8a3 #2e3a2f".split()
SKIN = "#e2b48f #d19d75 #c58c66 #a86f4c #efc9a8 #7d4f35".split()
HAIR = "#0e0c0b #1a1512 #2e211a #4a3526 #8c8a88 #d8d6d2".split()
STRAW = "#d9bf84 #c8a866 #e6d3a3".split()
PLASTIC = "#1f57a8 #c3272b #1b8a4a #e07b1c #e7c21d #e6e6e2 #8b8f94 #35383c #d64f88 #2aa3b5".split()
WOOD = "#8a6238 #a97d4b #6b4a2c #c49a63 #9b8a72".split()
CARD = "#b08a5a #a37c4e #c39d6c #94704a".split()
STEEL = "#b9bcc0 #9a9da1 #d5d7d9 #7b7e83".split()
IRON = "#2a2c30 #3d4147 #4f5a3a #5a2f24 #27466e".split()
BODY = "#2367ad #b5242b #e9e9e6 #2c7a53 #9da2a8 #e0a31a #3c4046 #c8602a #7cb0c8".split()
STONE = "#8d8b86 #a8a49c #77746e #b8ad9c".split()
RUBBER = Paint((0.015, 0.015, 0.016), roughness=0.9)
GLASS = Paint((0.03, 0.045, 0.05), roughness=0.08)
CLEAR = Paint((0.42, 0.52, 0.54), roughness=0.1)
STEAM_WOOD = "#cfa566 #b98d4f".split()


def from_hex(code: str) -> Rgb:
    """Return linear light for an sRGB colour written ``#rrggbb`` (IEC 61966-2-1)."""
    red, green, blue = (
        channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4
        for channel in (int(code[start : start + 2], 16) / 255 for start in (1, 3, 5))
    )
    return red, green, blue


def one_of(rng: np.random.Generator, items: Sequence[T]) -> T:
    """Return any one of the items."""
    return items[int(rng.integers(len(items)))]


def favouring(
    rng: np.random.Generator, names: Sequence[str], favoured: Sequence[str], share: float
) -> str:
    """Return any one of the names; in a share of the calls a favoured one, if there are such."""
    there = [name for name in names if name in favoured]
    if there and chance(rng, share):
        return one_of(rng, there)
    return str(rng.choice([name for name in names if name not in favoured]))


def chance(rng: np.random.Generator, share: float) -> bool:
    """Return True in a share of the calls."""
    return float(rng.random()) < share


def between(rng: np.random.Generator, low: float, high: float) -> float:
    """Return a number between two others."""
    return float(rng.uniform(low, high))


def painted(
    rng: np.random.Generator,
    colours: Sequence[str],
    *,
    roughness: float = 0.7,
    speckle: float = 0.0,
    speckle_m: float = 0.1,
    relief: float = 0.0,
) -> Paint:
    """Return a paint of any one of the colours, a step lighter or darker."""
    paint = Paint(
        from_hex(one_of(rng, colours)),
        roughness=roughness,
        speckle=speckle,
        speckle_m=speckle_m,
        relief=relief,
    )
    return paint.tinted(one_of(rng, (0.6, 0.8, 0.9, 1.0)))


def metal(rng: np.random.Generator, colours: Sequence[str] = tuple(STEEL)) -> Paint:
    """Return a dull metal."""
    return painted(rng, colours, roughness=0.4)


def lamp_glow(rng: np.random.Generator, strength: float) -> Paint:
    """Return the light of a warm or a cold bulb."""
    return Paint(from_hex(one_of(rng, ("#ffd9a0", "#fff4e0", "#e8f0ff"))), glow=strength)
