"""What covers the ground, pixel by pixel: bare earth, plants, shadow, green dust net, water.

Every answer depends on the pixel's surroundings within `CONTEXT_PX` and on the `SceneTone` alone,
so windows cut with that halo agree where they overlap. Statistics of a whole picture enter only
through `scene_tone`, computed once from an overview.

Not covered: black dust nets (they look like asphalt or shadow), and earth below about 2 m².
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.errors import InputError
from vision.survey.soil_model import CONTEXT_PX, FEATURES, reach_px, soil_features, soil_model

__all__ = [
    "CONTEXT_PX",
    "MAX_GSD_M",
    "MIN_GSD_M",
    "NEUTRAL_TONE",
    "LandCover",
    "SceneTone",
    "classify",
    "even_out",
    "net_probability",
    "scene_tone",
    "shadow_probability",
    "soil_probability",
    "vegetation_probability",
    "water_probability",
]

# The white of a town seen from the air (pale roofs, concrete, lane paint) is slightly warm.
# Colour of the brightest 2 % of the Banepa orthophoto, constant within ±0.02 over its quarters.
_WHITE_RED_LN = 0.04
_WHITE_BLUE_LN = -0.03
# A scene of fields holds nothing white: what is brightest is then earth or straw. A cast up to the
# first limit is taken out whole; beyond it the brightest is ever less likely white, and from the
# second on nothing is corrected.
_CAST_FULL_LN, _CAST_NONE_LN = 0.10, 0.18
_WHITE_LEVEL = 175.0
_BLACK_LEVEL = 16.0
# Only part of the dark end is haze: a scene without shadows has a high black point of its own.
_HAZE_SHARE = 0.6
_MAX_HAZE = 60.0
_MIN_STRETCH, _MAX_STRETCH = 0.7, 1.6
_MIN_TONE_PIXELS = 64

MIN_GSD_M, MAX_GSD_M = 0.1, 0.5
_MAX_LOG_ODDS = 30.0
_STRIP_PX = 1 << 18

# (value of probability 0, value of probability 1), logarithms of colour ratios; seen on plants,
# straw and shadows of the Banepa orthophoto at the common tone.
_LIVING_LN = (0.06, 0.14)
_LIVING_RED_LN = (0.06, 0.0)
_LIVING_BLUE_LN = (0.04, -0.06)
_STRAW_BLUE_LN = (-0.25, -0.40)
_STRAW_RED_LN = (0.12, 0.06)
_SHADOW_BRIGHT_LN = (-0.45, -0.80)
_SHADOW_BLUISH_LN = (-0.12, 0.0)
# A net's colour is that of green polyethylene: red far below green, blue between the two.
_NET_RED_LN = (-0.12, -0.24)
_NET_BLUER_LN = (-0.12, -0.06)
_NET_BLUE_LN = (0.10, 0.0)
_NET_ROUGH = (0.32, 0.22)
_WATER_SMOOTH = (0.07, 0.04)
_WATER_ROUGH = (0.10, 0.06)
_WATER_BRIGHT_LN = (0.0, -0.30)
_WATER_RED_LN = (0.0, -0.08)


@dataclass(frozen=True)
class SceneTone:
    """How a survey's colours were rendered: haze, exposure and colour cast.

    Attributes:
        black: Level that haze adds to every channel, 0–255.
        gain_rgb: Factor that brings each channel, less its black, to the common tone.
    """

    black: float
    gain_rgb: tuple[float, float, float]


NEUTRAL_TONE = SceneTone(black=0.0, gain_rgb=(1.0, 1.0, 1.0))
"""Leaves the picture as it is; used where no tone is given."""


@dataclass(frozen=True)
class LandCover:
    """Probabilities 0–1, each float32 (H, W). The classes are judged apart; they need not add up.

    Attributes:
        soil: Bare, uncovered earth: earth yards, unpaved roads, fill, heaps, tilled empty fields.
        vegetation: Living or drying plants.
        shadow: Cast shadow.
        net: Green dust net.
        water: Open water.
    """

    soil: NDArray[np.float32]
    vegetation: NDArray[np.float32]
    shadow: NDArray[np.float32]
    net: NDArray[np.float32]
    water: NDArray[np.float32]


def scene_tone(overview_rgb: NDArray[np.uint8], valid: NDArray[np.bool_]) -> SceneTone:
    """Measure haze, exposure and colour cast of a whole survey.

    White-patch correction (Land and McCann, "Lightness and Retinex theory", 1971) on the brightest
    pixels that are not clipped, with limits, because a survey of fields holds nothing white.

    Args:
        overview_rgb: uint8 (H, W, 3), the whole survey at a coarse size (0.5–2 m a pixel).
        valid: bool (H, W), where the survey has data.

    Returns:
        The tone; `NEUTRAL_TONE` where too few pixels are valid.

    Raises:
        InputError: The arrays do not fit together.
    """
    _check(overview_rgb)
    if valid.shape != overview_rgb.shape[:2]:
        raise InputError(
            f"scene tone: picture {overview_rgb.shape[:2]} and mask {valid.shape} differ in size"
        )
    # Pure black and pure white are collars of mosaics and burnt-out roofs more often than ground.
    usable = valid & (overview_rgb.max(axis=2) > 0) & (overview_rgb.max(axis=2) < 255)
    pixels = overview_rgb[usable]
    if len(pixels) < _MIN_TONE_PIXELS:
        return NEUTRAL_TONE
    # One level for all channels: the darkest of a scene without shade is coloured like its ground,
    # and taking that colour out would take out the difference between ground and paving.
    low = float(np.percentile(pixels, 0.5, axis=0).min())
    black = float(np.clip(_HAZE_SHARE * (low - _BLACK_LEVEL), 0.0, _MAX_HAZE))
    white = np.maximum(np.percentile(pixels, 98.0, axis=0) - black, 1.0)
    red = float(np.log(white[0] / white[1])) - _WHITE_RED_LN
    blue = float(np.log(white[2] / white[1])) - _WHITE_BLUE_LN
    trust = float(
        np.clip(
            (_CAST_NONE_LN - max(abs(red), abs(blue))) / (_CAST_NONE_LN - _CAST_FULL_LN), 0.0, 1.0
        )
    )
    stretch = float(np.clip(_WHITE_LEVEL / white.mean(), _MIN_STRETCH, _MAX_STRETCH))
    return SceneTone(
        black=black,
        gain_rgb=(stretch * math.exp(-trust * red), stretch, stretch * math.exp(-trust * blue)),
    )


def even_out(rgb: NDArray[np.uint8], tone: SceneTone) -> NDArray[np.uint8]:
    """Bring a window to the common tone; same shape and dtype as `rgb`."""
    _check(rgb)
    if tone == NEUTRAL_TONE:
        return rgb
    levels = np.arange(256, dtype=np.float64)
    table = np.empty((256, 1, 3), np.uint8)
    for channel in range(3):
        moved = (levels - tone.black) * tone.gain_rgb[channel]
        table[:, 0, channel] = np.clip(np.rint(moved), 0, 255)
    return np.asarray(cv2.LUT(rgb, table), np.uint8)


def classify(rgb: NDArray[np.uint8], *, gsd_m: float, tone: SceneTone = NEUTRAL_TONE) -> LandCover:
    """Judge all classes at once; they share the costly part, the features.

    Args:
        rgb: uint8 (H, W, 3), a window of the survey at the working GSD.
        gsd_m: Metres a pixel, 0.1–0.5.
        tone: Tone of the whole survey, from `scene_tone`.

    Returns:
        The probabilities of every pixel. Those nearer than `CONTEXT_PX` to an edge that is not the
        edge of the survey lack context: cut windows with that halo and drop it.

    Raises:
        InputError: The picture is not uint8 (H, W, 3), or the GSD is outside its range.
    """
    judges = (_soil, _vegetation, _shadow, _net, _water)
    soil, vegetation, shadow, net, water = _judge(rgb, gsd_m, tone, judges)
    return LandCover(soil=soil, vegetation=vegetation, shadow=shadow, net=net, water=water)


def soil_probability(
    rgb: NDArray[np.uint8], *, gsd_m: float, tone: SceneTone = NEUTRAL_TONE
) -> NDArray[np.float32]:
    """Probability of bare, uncovered earth, float32 (H, W); arguments as `classify`."""
    return _judge(rgb, gsd_m, tone, (_soil,))[0]


def vegetation_probability(
    rgb: NDArray[np.uint8], *, gsd_m: float = 0.2, tone: SceneTone = NEUTRAL_TONE
) -> NDArray[np.float32]:
    """Probability of living or drying plants, float32 (H, W); arguments as `classify`.

    Excess green in logarithms, ln G - (ln R + ln B)/2, which exposure does not move (after
    Woebbecke et al., "Color indices for weed identification", 1995), and for drying plants the
    straw colour: as red as green, and far less blue.
    """
    return _judge(rgb, gsd_m, tone, (_vegetation,))[0]


def shadow_probability(
    rgb: NDArray[np.uint8], *, gsd_m: float = 0.2, tone: SceneTone = NEUTRAL_TONE
) -> NDArray[np.float32]:
    """Probability of cast shadow, float32 (H, W): dark, and lit by the blue sky alone.

    Arguments as `classify`. Without a tone, "dark" is taken for a normally exposed picture.
    """
    return _judge(rgb, gsd_m, tone, (_shadow,))[0]


def net_probability(
    rgb: NDArray[np.uint8], *, gsd_m: float, tone: SceneTone = NEUTRAL_TONE
) -> NDArray[np.float32]:
    """Probability of green dust net, float32 (H, W); arguments as `classify`.

    A net is green like plants, but its blue lies well above its red, and its surface is smooth.
    A roof painted blue-green answers the same description; black nets are not looked for.
    """
    return _judge(rgb, gsd_m, tone, (_net,))[0]


def water_probability(
    rgb: NDArray[np.uint8], *, gsd_m: float, tone: SceneTone = NEUTRAL_TONE
) -> NDArray[np.float32]:
    """Probability of open water, float32 (H, W); arguments as `classify`.

    Finds dark, very smooth, blue-grey to green water. Brown rivers, glitter and ripples are missed,
    and deep shade on a smooth surface answers the same description.
    """
    return _judge(rgb, gsd_m, tone, (_water,))[0]


Judge = Callable[["_Seen"], NDArray[np.float32]]


def _judge(
    rgb: NDArray[np.uint8], gsd_m: float, tone: SceneTone, judges: tuple[Judge, ...]
) -> list[NDArray[np.float32]]:
    """Features once, every judge on them, in strips.

    Strips keep the feature planes small enough to be reused by the allocator and the cache; on
    windows of 1024² that halves the time.
    """
    _check(rgb)
    if not MIN_GSD_M <= gsd_m <= MAX_GSD_M:
        raise InputError(
            f"land cover works at {MIN_GSD_M}–{MAX_GSD_M} m a pixel, got {gsd_m}; resample first"
        )
    height, width = rgb.shape[:2]
    even, reach = even_out(rgb, tone), reach_px(gsd_m)
    out = [np.empty((height, width), np.float32) for _ in judges]
    rows = max(1, _STRIP_PX // max(1, width))
    for top in range(0, height, rows):
        bottom = min(height, top + rows)
        first, last = max(0, top - reach), min(height, bottom + reach)
        seen = _Seen(soil_features(even[first:last], gsd_m=gsd_m))
        for judge, plane in zip(judges, out, strict=True):
            plane[top:bottom] = judge(seen)[top - first : bottom - first]
    return out


class _Seen:
    """The features of a strip, and the judgements that others are made of, each made once."""

    def __init__(self, features: NDArray[np.float32]) -> None:
        self.features = features

    def plane(self, name: str) -> NDArray[np.float32]:
        plane: NDArray[np.float32] = self.features[FEATURES.index(name)]
        return plane

    @cached_property
    def living(self) -> NDArray[np.float32]:
        red, blue = self.plane("red_point"), self.plane("blue_point")
        excess_green = np.asarray(cv2.addWeighted(red, -0.5, blue, -0.5, 0.0), np.float32)
        return _all_of(
            _line(excess_green, *_LIVING_LN),
            _line(red, *_LIVING_RED_LN),
            # Blue roofs and blue sheet have so little red that they too count as "excess green".
            _line(blue, *_LIVING_BLUE_LN),
        )

    @cached_property
    def net(self) -> NDArray[np.float32]:
        red, blue = self.plane("red_patch"), self.plane("blue_patch")
        return _all_of(
            _line(red, *_NET_RED_LN),
            _line(blue - red, *_NET_BLUER_LN),
            _line(blue, *_NET_BLUE_LN),
            _line(self.plane("rough_patch"), *_NET_ROUGH),
        )


def _line(values: NDArray[np.float32], start: float, end: float) -> NDArray[np.float32]:
    """0 at `start`, 1 at `end` (which may lie below `start`), and on beyond both."""
    scale = 1.0 / (end - start)
    return np.asarray(cv2.addWeighted(values, scale, values, 0.0, -start * scale), np.float32)


def _all_of(*parts: NDArray[np.float32]) -> NDArray[np.float32]:
    """The least of several freshly made planes, held between 0 and 1; the first is overwritten."""
    out = parts[0]
    for part in parts[1:]:
        np.minimum(out, part, out=out)
    return np.clip(out, 0, 1, out=out)


def _soil(seen: _Seen) -> NDArray[np.float32]:
    count, height, width = seen.features.shape
    value = soil_model().log_odds(seen.features.reshape(count, -1)).reshape(height, width)
    np.negative(value, out=value)
    np.minimum(value, _MAX_LOG_ODDS, out=value)
    cv2.exp(value, dst=value)
    value += 1.0
    np.reciprocal(value, out=value)
    # The network judges a place; what is green in itself is no bare earth, whatever lies around.
    return _all_of(value, 1 - seen.living)


def _vegetation(seen: _Seen) -> NDArray[np.float32]:
    red, blue = seen.plane("red_point"), seen.plane("blue_point")
    drying = _all_of(_line(blue, *_STRAW_BLUE_LN), _line(red, *_STRAW_RED_LN))
    np.maximum(drying, seen.living, out=drying)
    return _all_of(drying, 1 - seen.net)


def _shadow(seen: _Seen) -> NDArray[np.float32]:
    bluish = seen.plane("blue_point") - seen.plane("red_point")
    dark = _line(seen.plane("bright_point"), *_SHADOW_BRIGHT_LN)
    return _all_of(dark, _line(bluish, *_SHADOW_BLUISH_LN))


def _net(seen: _Seen) -> NDArray[np.float32]:
    return seen.net


def _water(seen: _Seen) -> NDArray[np.float32]:
    return _all_of(
        _line(seen.plane("rough_patch"), *_WATER_SMOOTH),
        _line(seen.plane("rough_place"), *_WATER_ROUGH),
        _line(seen.plane("bright_patch"), *_WATER_BRIGHT_LN),
        _line(seen.plane("red_patch"), *_WATER_RED_LN),
        1 - seen.net,
    )


def _check(rgb: NDArray[np.uint8]) -> None:
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8:
        raise InputError(f"land cover needs uint8 (H, W, 3), got {rgb.dtype} {rgb.shape}")
