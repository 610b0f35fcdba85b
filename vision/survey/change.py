"""Where two aligned surveys differ: three cues, each usable alone, fused per pixel.

*Height* compares surface models. *Colour* compares orthophotos after radiometric normalisation,
with shadows and vegetation treated as what they are. *Learned* is a slot for a trained model. Each
gives a probability; the fused one says how likely it is that something was built, removed or dug.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.finding import ModelRef
from vision.survey.landcover import LandCover
from vision.survey.surface import height_change

Probability = NDArray[np.float32]
"""float32, 0 to 1, shape ``(rows, cols)``."""

# How far a wall or an edge may lie aside without counting as change: what alignment leaves
# (about 0.1 m) plus the lean of buildings between two flights.
EDGE_TOLERANCE_M = 0.4
# How far around a pixel the cues, the ground classes and the mask clean-up look together. Windows
# are read with this margin, so that a pixel gets the same answer from every window that holds it.
_MARGIN_M = 16.0

# Colour distance (CIE76-like, lightness counted half) at which change is as likely as not: a base,
# and a multiple of what seven tenths of this very pair stay below. Set on planted pairs of the
# development split (scripts/evaluate_survey.py).
_COLOUR_BASE = 2.5
_COLOUR_NOISE_FACTOR = 3.0
# Beyond this the two dates differ so much that waiting for calm would see nothing at all.
_MOST_NOISE = 2.5
_COLOUR_SLOPE = 1.5
_TEXTURE_WEIGHT = 5.0
_TEXTURE_CENTRE = 0.6
# A jump in colour this large is no growth of plants, even if the new colour is green.
_PAINT_DISTANCE, _PAINT_RANGE = 8.0, 8.0
# Below this probability of looking different, ground counts as the same on both dates.
UNCHANGED_BELOW = 0.3
_COLOUR_REACH_M = 0.2
_TEXTURE_WINDOW_M = 3.0
# Rows worked on at a time, so that what is between two steps stays in the processor's cache: on a
# whole window most of the time would go into waiting for memory.
_STRIP_PX = 64


class LearnedCue(Protocol):
    """A trained model that tells from two aligned pictures where something was built.

    Attributes:
        model: which model it is; copied into every finding it took part in.
        gsd_m: pixel size it was trained for; pictures are resampled to it.
    """

    model: ModelRef
    gsd_m: float

    def __call__(self, before: NDArray[np.uint8], after: NDArray[np.uint8]) -> Probability:
        """Return the probability of new built structure for each pixel.

        It is asked a second time with the dates swapped, for what was removed.

        Args:
            before: uint8 RGB, shape ``(rows, cols, 3)``, at ``gsd_m``.
            after: the same ground later, same shape.
        """
        ...


@dataclass(frozen=True, slots=True)
class PairWindow:
    """Both surveys on one window of the working grid, aligned, in one datum.

    Attributes:
        before: uint8 RGB of the earlier survey in the later survey's colours.
        after: uint8 RGB of the later survey.
        valid: bool; both surveys have data.
        before_m: float32 heights, NaN where unknown; None without both DSMs.
        after_m: likewise, in the earlier survey's datum.
        cover_before: what the ground was.
        cover_after: what the ground is.
        gsd_m: pixel size.
        colour_noise: the colour distance that seven tenths of the pair stay below.
        height_noise_m: what unchanged ground shows in height.
    """

    before: NDArray[np.uint8]
    after: NDArray[np.uint8]
    valid: NDArray[np.bool_]
    before_m: NDArray[np.float32] | None
    after_m: NDArray[np.float32] | None
    cover_before: LandCover
    cover_after: LandCover
    gsd_m: float
    colour_noise: float
    height_noise_m: float


@dataclass(frozen=True, slots=True)
class ChangeLayers:
    """What each cue says on one window, and all of them together.

    Attributes:
        appearance: probability that the surface looks different, plants or not.
        colour: probability that something was built or dug, by colour and texture.
        gain_m: certain rise in metres; None without DSMs.
        loss_m: certain fall in metres; None without DSMs.
        height_known: bool; both heights are known. None without DSMs.
        rise: probability that something stands there that did not.
        fall: probability that something that stood there is gone.
        learned: probability of new structure by the learned cue; None without a model.
        learned_gone: likewise of removed structure.
        fused: probability of change by all cues.
    """

    appearance: Probability
    colour: Probability
    gain_m: NDArray[np.float32] | None
    loss_m: NDArray[np.float32] | None
    height_known: NDArray[np.bool_] | None
    rise: Probability | None
    fall: Probability | None
    learned: Probability | None
    learned_gone: Probability | None
    fused: Probability


def margin_px(gsd_m: float) -> int:
    """Return the margin that windows need, in pixels; a multiple of 8."""
    return max(48, 8 * math.ceil(_MARGIN_M / gsd_m / 8))


def tolerance_px(gsd_m: float) -> int:
    """Return :data:`EDGE_TOLERANCE_M` in pixels, at least one."""
    return max(1, round(EDGE_TOLERANCE_M / gsd_m))


def row_strips(rows: int, *, reach_px: int = 0) -> Iterator[tuple[slice, slice, slice]]:
    """Cut a window into strips of rows.

    Args:
        rows: the window's.
        reach_px: how far beyond its own rows a strip must see.

    Yields:
        The strip's rows with what it must see; the strip's own rows; and these, counted from the
        first of those it sees.
    """
    for top in range(0, rows, _STRIP_PX):
        bottom = min(rows, top + _STRIP_PX)
        first, last = max(0, top - reach_px), min(rows, bottom + reach_px)
        yield slice(first, last), slice(top, bottom), slice(top - first, bottom - first)


def colour_distance(
    before: NDArray[np.uint8], after: NDArray[np.uint8], *, reach_px: int
) -> NDArray[np.float32]:
    """Return how far apart two colours are, forgiving edges that lie a little aside.

    Each pixel is held against the range of colours around the same place in the other picture;
    the smaller of both directions counts, so what is thinner than the reach vanishes.

    Args:
        before: uint8 RGB, shape ``(rows, cols, 3)``.
        after: same shape.
        reach_px: how far an edge may lie aside.

    Returns:
        float32, shape ``(rows, cols)``: CIE L*a*b* distance, lightness counted half.
    """
    first = np.asarray(cv2.cvtColor(before, cv2.COLOR_RGB2LAB), np.uint8)
    second = np.asarray(cv2.cvtColor(after, cv2.COLOR_RGB2LAB), np.uint8)
    kernel = np.ones((2 * reach_px + 1, 2 * reach_px + 1), np.uint8)

    def beyond_range(of: NDArray[np.uint8], around: NDArray[np.uint8]) -> NDArray[np.uint8]:
        over = cv2.subtract(of, cv2.dilate(around, kernel))
        under = cv2.subtract(cv2.erode(around, kernel), of)
        return np.asarray(cv2.max(over, under), np.uint8)

    apart = cv2.min(beyond_range(second, first), beyond_range(first, second))
    # 8-bit L* runs to 255 for 100; a* and b* are at their own scale.
    weights = np.array([[(0.5 / 2.55) ** 2, 1.0, 1.0]], np.float32)
    squared = cv2.multiply(apart, apart, dtype=cv2.CV_32F)
    return np.asarray(cv2.sqrt(cv2.transform(squared, weights)), np.float32)


def smooth_colour_distance(
    before: NDArray[np.uint8], after: NDArray[np.uint8], *, gsd_m: float
) -> NDArray[np.float32]:
    """Return :func:`colour_distance` forgiving one pixel of 0.2 m, averaged over 1 m."""
    reach = max(1, round(_COLOUR_REACH_M / gsd_m))
    side = max(3, 2 * round(0.5 / gsd_m) + 1)
    smooth = np.empty(before.shape[:2], np.float32)
    for seen, own, inner in row_strips(len(before), reach_px=reach + side // 2):
        distance = colour_distance(before[seen], after[seen], reach_px=reach)
        smooth[own] = cv2.blur(distance, (side, side))[inner]
    return smooth


def texture_change(
    before: NDArray[np.uint8], after: NDArray[np.uint8], *, gsd_m: float
) -> Probability:
    """Return how unlike the local patterns are: 0 the same pattern, 1 nothing in common.

    One minus the local correlation of brightness in windows of 3 m, which no change of light
    touches; drawn to 0.5 where both pictures are too smooth to say. Worked out at half size.
    """
    size = (max(1, before.shape[1] // 2), max(1, before.shape[0] // 2))
    grey_b = cv2.resize(
        cv2.cvtColor(before, cv2.COLOR_RGB2GRAY), size, interpolation=cv2.INTER_AREA
    )
    grey_a = cv2.resize(cv2.cvtColor(after, cv2.COLOR_RGB2GRAY), size, interpolation=cv2.INTER_AREA)
    b, a = grey_b.astype(np.float32), grey_a.astype(np.float32)
    side = max(3, 2 * round(_TEXTURE_WINDOW_M / (4 * gsd_m)) + 1)
    window = (side, side)
    mean_b, mean_a = cv2.blur(b, window), cv2.blur(a, window)
    var_b = cv2.blur(b * b, window) - mean_b * mean_b
    var_a = cv2.blur(a * a, window) - mean_a * mean_a
    cov = cv2.blur(a * b, window) - mean_a * mean_b
    # Below a deviation of about 5 (of 255) the pattern is noise; the floor fades correlation out.
    floor = np.float32(25.0)
    correlation = cov / np.sqrt((var_b + floor) * (var_a + floor))
    certainty = np.maximum(var_b, var_a) / (np.maximum(var_b, var_a) + 4 * floor)
    unlike = 0.5 + certainty * (0.5 - np.clip(correlation, 0, 1))
    full = cv2.resize(unlike, (before.shape[1], before.shape[0]), interpolation=cv2.INTER_LINEAR)
    return np.asarray(full, np.float32)


def appearance_change(pair: PairWindow, distance: NDArray[np.float32]) -> Probability:
    """Return the probability that the surface looks different, whatever it is made of.

    Judged by colour and texture. Ground in shadow on either date says little: its probability is
    drawn down.

    Args:
        pair: both surveys on a window.
        distance: :func:`smooth_colour_distance` between them.
    """
    unlike = texture_change(pair.before, pair.after, gsd_m=pair.gsd_m)
    centre = _COLOUR_BASE + _COLOUR_NOISE_FACTOR * min(pair.colour_noise, _MOST_NOISE)
    offset = -centre / _COLOUR_SLOPE - _TEXTURE_WEIGHT * _TEXTURE_CENTRE
    probability = np.empty_like(distance)
    for _, rows, _ in row_strips(len(distance)):
        score = cv2.addWeighted(
            distance[rows], 1 / _COLOUR_SLOPE, unlike[rows], _TEXTURE_WEIGHT, offset
        )
        lit = np.maximum(pair.cover_before.shadow[rows], pair.cover_after.shadow[rows])
        lit *= np.float32(-0.75)
        lit += np.float32(1)
        np.multiply(sigmoid(np.asarray(score, np.float32)), lit, out=probability[rows])
    probability[~pair.valid] = 0
    return probability


def colour_cue(
    pair: PairWindow, appearance: Probability, distance: NDArray[np.float32]
) -> Probability:
    """Return the probability that something was built or dug, judged by colour and texture.

    Plants that changed, and plants that grew over bare ground, are neither; but a jump in colour
    too large for growth is a green roof.
    """
    before, after = pair.cover_before.vegetation, pair.cover_after.vegetation
    colour = np.empty_like(appearance)
    for _, rows, _ in row_strips(len(appearance)):
        # Not painted: 1 up to the distance that growth explains, 0 from the range's end on.
        plants = (_PAINT_DISTANCE + _PAINT_RANGE - distance[rows]) * np.float32(1 / _PAINT_RANGE)
        np.clip(plants, 0, 1, out=plants)
        plants *= after[rows]
        plants *= np.maximum(before[rows], np.float32(0.8))
        np.subtract(1, plants, out=plants)
        np.multiply(appearance[rows], plants, out=colour[rows])
    return colour


def height_cues(
    pair: PairWindow, *, min_height_m: float
) -> tuple[Probability, Probability, NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
    """Return the probabilities of rise and fall, and the certain rise and fall in metres.

    As likely as not at 70 % of the least height: the finding's own height, measured inside its
    outline, is what is held against ``min_height_m``.
    """
    if pair.before_m is None or pair.after_m is None:
        raise ValueError("height_cues needs both surface models")
    gain_m, loss_m, known = height_change(
        pair.before_m, pair.after_m, tolerance_px=tolerance_px(pair.gsd_m)
    )
    known &= pair.valid
    spread = max(0.12 * min_height_m, 1.5 * pair.height_noise_m)
    rise = sigmoid((gain_m - 0.7 * min_height_m) / spread)
    fall = sigmoid((loss_m - 0.7 * min_height_m) / spread)
    rise[~known] = 0
    fall[~known] = 0
    return rise, fall, gain_m, loss_m, known


def learned_cue(pair: PairWindow, cue: LearnedCue) -> tuple[Probability, Probability]:
    """Run the learned cue on a window at the pixel size it was trained for, in both directions.

    Returns:
        The probabilities of new and of removed structure.
    """
    rows, cols = pair.valid.shape
    scale = pair.gsd_m / cue.gsd_m
    size = (max(1, round(cols * scale)), max(1, round(rows * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    before = np.asarray(cv2.resize(pair.before, size, interpolation=how), np.uint8)
    after = np.asarray(cv2.resize(pair.after, size, interpolation=how), np.uint8)

    def on_window(probability: Probability) -> Probability:
        full = cv2.resize(probability, (cols, rows), interpolation=cv2.INTER_LINEAR)
        return np.asarray(np.where(pair.valid, full, 0), np.float32)

    return on_window(cue(before, after)), on_window(cue(after, before))


def change_layers(
    pair: PairWindow, *, min_height_m: float, learned: LearnedCue | None = None
) -> ChangeLayers:
    """Run every cue that has its input, and fuse them.

    The two looks at the surface (colour, learned) are averaged as log-odds, the learned one
    counting double: they err in the same places. Height errs elsewhere, so it is joined by
    noisy-or: ``1 - (1 - height) (1 - surface)``.
    """
    distance = smooth_colour_distance(pair.before, pair.after, gsd_m=pair.gsd_m)
    appearance = appearance_change(pair, distance)
    colour = colour_cue(pair, appearance, distance)
    surface = colour
    came: Probability | None = None
    gone: Probability | None = None
    if learned is not None:
        came, gone = learned_cue(pair, learned)
        built = logit(np.maximum(came, gone))
        surface = sigmoid(np.asarray((logit(colour) + 2 * built) / 3, np.float32))
    rise = fall = gain_m = loss_m = known = None
    fused = surface
    if pair.before_m is not None and pair.after_m is not None:
        rise, fall, gain_m, loss_m, known = height_cues(pair, min_height_m=min_height_m)
        fused = np.asarray(1 - (1 - np.maximum(rise, fall)) * (1 - surface), np.float32)
    return ChangeLayers(
        appearance=appearance,
        colour=colour,
        gain_m=gain_m,
        loss_m=loss_m,
        height_known=known,
        rise=rise,
        fall=fall,
        learned=came,
        learned_gone=gone,
        fused=fused,
    )


def sigmoid(x: NDArray[np.float32]) -> Probability:
    """Return the logistic function of ``x``, safe for large values."""
    value = np.clip(x, -30, 30).astype(np.float32, copy=False)
    np.negative(value, out=value)
    value = np.asarray(cv2.exp(value), np.float32)
    value += 1
    return np.asarray(np.reciprocal(value, out=value), np.float32)


def logit(p: Probability) -> NDArray[np.float32]:
    """Return log-odds, bounded to about ±7 so that no cue can be certain."""
    clipped = np.clip(p, 1e-3, 1 - 1e-3)
    return np.asarray(np.log(clipped / (1 - clipped)), np.float32)
