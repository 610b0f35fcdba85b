"""Giving a sprite the light, colour cast, sharpness and noise of the frame around it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.composing.frame import Bgr, Frame
from datasets.planting.noise import blur

Field = NDArray[np.float32]

# CIE lightness below which ground is lit by lamps: sunlit asphalt has 40 to 65.
_NIGHT_LIGHTNESS = 30.0
# Lightness of asphalt in the renders by their light, to tell exposure from surface.
_RENDERED_GROUND = {"day": 52.0, "overcast": 48.0, "dusk": 45.0, "night": 34.0}
_BLURS_PX = (0.0, 0.35, 0.5, 0.7, 0.9, 1.2, 1.6)


@dataclass(frozen=True, slots=True, eq=False)
class FrameLook:
    """How the camera of a frame renders what it sees.

    Attributes:
        lightness: CIE lightness by pixel, blurred over a fifteenth of the width, 0–100.
        ground_lightness: median lightness of the ground.
        black: lightness of the darkest 1 % below the horizon.
        cast_ab: median CIE a and b of the ground, which is grey by daylight.
        chroma: 95th percentile of the CIE chroma.
        sharpness: as :func:`sharpness_of` over the lower half.
        noise: deviation of the pixel noise in grey levels.
    """

    lightness: Field
    ground_lightness: float
    black: float
    cast_ab: tuple[float, float]
    chroma: float
    sharpness: float
    noise: float

    @property
    def is_night(self) -> bool:
        """Whether lamps light the ground."""
        return self.ground_lightness < _NIGHT_LIGHTNESS


def measure_look(frame: Frame) -> FrameLook:
    """Measure the look of a frame."""
    lab = cv2.cvtColor(frame.pixels.astype(np.float32) / 255.0, cv2.COLOR_BGR2LAB)
    top = int(np.clip(frame.scale.horizon_y, 0, 0.6 * lab.shape[0]))
    lower = lab[top:]
    ground = lab[frame.ground] if frame.ground.any() else lower.reshape(-1, 3)
    grey = cv2.cvtColor(frame.pixels, cv2.COLOR_BGR2GRAY).astype(np.float32)
    a, b = (float(value) for value in np.median(ground[:, 1:], axis=0))
    chroma = np.hypot(lower[::3, ::3, 1], lower[::3, ::3, 2])
    around = cv2.boxFilter(lab[:, :, 0], -1, (lab.shape[1] // 15,) * 2)
    return FrameLook(
        lightness=np.asarray(around, np.float32),
        ground_lightness=float(np.median(ground[:, 0])),
        black=float(np.percentile(lower[::3, ::3, 0], 1.0)),
        cast_ab=(a, b),
        chroma=float(np.percentile(chroma, 95)),
        sharpness=sharpness_of(grey[top:], None),
        noise=_noise(grey),
    )


def sharpness_of(grey: Field, mask: NDArray[np.bool_] | None) -> float:
    """Return the share of fine in all edges: Laplacian over Sobel energy where edges are strong.

    Args:
        grey: float32, shape ``(rows, cols)``, 0–255.
        mask: bool, where to measure; everywhere for None.
    """
    across = cv2.Sobel(grey, cv2.CV_32F, 1, 0, scale=0.25)
    down = cv2.Sobel(grey, cv2.CV_32F, 0, 1, scale=0.25)
    energy = across**2 + down**2
    fine = cv2.Laplacian(grey, cv2.CV_32F) ** 2
    if mask is not None:
        if not mask.any():
            return 1.0
        energy, fine = energy[mask], fine[mask]
    strong = energy >= np.percentile(energy, 95)
    return float(np.sqrt(fine[strong].mean() / (energy[strong].mean() + 1e-6)))


def _noise(grey: Field) -> float:
    """Return the noise after Immerkær (1996), as the median of blocks to keep texture out."""
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    response = np.abs(cv2.filter2D(grey, cv2.CV_32F, kernel))
    blocks = cv2.resize(response, None, fx=1 / 16, fy=1 / 16, interpolation=cv2.INTER_AREA)
    return float(np.sqrt(np.pi / 2) / 6.0 * np.percentile(blocks, 30))


def match_look(
    colour: Bgr,
    alpha: Field,
    *,
    look: FrameLook,
    light: str,
    around: float,
    rng: np.random.Generator,
) -> Bgr:
    """Return a sprite's colours as the frame's camera would have taken them.

    Args:
        colour: uint8, shape ``(rows, cols, 3)``, blue first.
        alpha: float32, shape ``(rows, cols)``, 0–1.
        look: of the frame.
        light: light the sprite was rendered in.
        around: CIE lightness of the frame where the sprite will stand.
        rng: source of randomness.
    """
    lab = cv2.cvtColor(colour.astype(np.float32) / 255.0, cv2.COLOR_BGR2LAB)
    # Exposure: half by the whole frame's ground, half by the place (in shade or under a lamp).
    target = 0.5 * look.ground_lightness + 0.5 * around
    gain = (target / _RENDERED_GROUND.get(light, 48.0)) ** 0.75 * rng.uniform(0.9, 1.12)
    gain = float(np.clip(gain, 0.2, 1.35))
    lightness = lab[:, :, 0] * gain
    # Haze and flare lift the black; nothing pasted may be blacker than the frame.
    black = 0.8 * look.black
    lightness = black + lightness * (100.0 - black) / 100.0
    lab[:, :, 0] = np.clip(lightness, 0.0, 100.0)
    solid = alpha > 0.6
    own = np.hypot(lab[:, :, 1], lab[:, :, 2])
    vivid = float(np.percentile(own[solid], 95)) if solid.any() else 1.0
    fade = np.clip((max(look.chroma, 6.0) / max(vivid, 1.0)) ** 0.3, 0.5, 1.1)
    # In CIE Lab a colour made darker at the same saturation loses chroma with its lightness.
    fade *= min(gain, 1.0)
    # The ground's colour is the cast of light and camera, less what dust and earth give it.
    cast = np.clip(0.6 * np.array(look.cast_ab), -10.0, 10.0) * (lab[:, :, :1] / 100.0 + 0.3)
    lab[:, :, 1:] = lab[:, :, 1:] * np.float32(fade) + cast
    matched = cv2.cvtColor(np.asarray(lab, np.float32), cv2.COLOR_LAB2BGR) * 255.0
    matched = _match_sharpness(np.asarray(matched, np.float32), solid, look.sharpness)
    noise = rng.standard_normal(matched.shape[:2]).astype(np.float32)
    matched += (noise * np.float32(min(look.noise, 6.0)))[:, :, None]
    return np.clip(np.rint(matched), 0, 255).astype(np.uint8)


def _match_sharpness(matched: Field, solid: NDArray[np.bool_], wanted: float) -> Field:
    """Blur to the frame's sharpness; a blurred render cannot be sharpened back."""
    inner = cv2.erode(solid.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    best, best_gap = matched, np.inf
    for sigma in _BLURS_PX:
        tried = blur(matched, sigma)
        grey = cv2.cvtColor(tried, cv2.COLOR_BGR2GRAY)
        gap = abs(sharpness_of(np.asarray(grey, np.float32), inner) - wanted)
        if gap < best_gap:
            best, best_gap = tried, gap
    return best
