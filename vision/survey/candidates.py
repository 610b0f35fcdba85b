"""Where on a window structures and cleared ground may be: the masks that regions are made of."""

from __future__ import annotations

from enum import StrEnum

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.survey.change import UNCHANGED_BELOW, ChangeLayers, PairWindow, row_strips
from vision.survey.masks import Mask, disc, tidy

# Where the learned cue makes a candidate; what it is worth is judged on the whole of it.
_LEARNED_FROM = 0.25


class Candidate(StrEnum):
    """What a region might be; decides how it is looked at.

    Raised and lowered by height; resurfaced and cleared by colour; built and razed by the learned
    cue.
    """

    RAISED = "raised"
    LOWERED = "lowered"
    RESURFACED = "resurfaced"
    BUILT = "built"
    RAZED = "razed"
    CLEARED = "cleared"


def _overridden(
    vegetation: NDArray[np.float32], colour: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Vegetation, less where the colour cue is sure: it already forgives the growth of plants."""
    return np.asarray(vegetation * (1 - colour), np.float32)


def built_likeness(
    vegetation: NDArray[np.float32],
    soil: NDArray[np.float32],
    shadow: NDArray[np.float32],
    net: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Return how likely a surface is none of plants, shadow or dust net, and rather not soil.

    Tiles and weathered concrete have the colour of earth, so soil only weighs a little here; a
    candidate's shape and edges tell the rest.
    """
    return np.asarray(
        (1 - vegetation) * (1 - 0.4 * soil) * (1 - 0.7 * shadow) * (1 - 0.5 * net), np.float32
    )


def _resurfaced(pair: PairWindow, layers: ChangeLayers, rows: slice) -> Mask:
    """Where on some rows something built appeared or vanished, by how it looks."""
    before, after = pair.cover_before, pair.cover_after
    colour = layers.colour[rows]
    built_after = built_likeness(
        _overridden(after.vegetation[rows], colour),
        after.soil[rows],
        after.shadow[rows],
        after.net[rows],
    )
    appeared = colour * built_after > 0.4
    # What is gone left bare ground or plants; it is told from grown crops by not being either.
    built_before = (1 - before.vegetation[rows]) * (1 - before.soil[rows])
    built_before *= 1 - before.shadow[rows]
    built_before *= layers.appearance[rows]
    return np.asarray(appeared | (built_before > 0.5), np.bool_)


def candidate_masks(pair: PairWindow, layers: ChangeLayers) -> dict[Candidate, Mask]:
    """Return where each kind of candidate may be on a window.

    With heights, buildings are seen by height alone where heights are known: a new roof on the
    same walls is not a new building, and a roof-top room in the colour of the roof is one. Colour
    then only looks for hard standing, which has no height, and the learned cue for nothing.
    """
    before, after, gsd_m = pair.cover_before, pair.cover_after, pair.gsd_m
    resurfaced = np.empty(pair.valid.shape, np.bool_)
    for _, rows, _ in row_strips(len(resurfaced)):
        resurfaced[rows] = _resurfaced(pair, layers, rows)
    # A dust net is green too; taking it off is no clearing.
    plants = (before.vegetation > 0.5) & (before.net < 0.3)
    cleared = plants & (after.soil > 0.5) & (layers.appearance >= UNCHANGED_BELOW) & pair.valid
    masks = {Candidate.CLEARED: tidy(cleared, gsd_m, open_m=1.2, close_m=0.8)}
    if layers.rise is not None and layers.fall is not None:
        masks[Candidate.RAISED] = tidy(layers.rise > 0.5, gsd_m, open_m=0.6, close_m=0.4)
        masks[Candidate.LOWERED] = tidy(layers.fall > 0.5, gsd_m, open_m=0.6, close_m=0.4)
        near_height = cv2.dilate(
            (masks[Candidate.RAISED] | masks[Candidate.LOWERED]).astype(np.uint8),
            disc(0.8, gsd_m),
        )
        resurfaced &= near_height == 0
    masks[Candidate.RESURFACED] = tidy(resurfaced, gsd_m, open_m=0.6, close_m=0.6)
    for candidate, by_model in (
        (Candidate.BUILT, layers.learned),
        (Candidate.RAZED, layers.learned_gone),
    ):
        if by_model is not None:
            built = by_model > _LEARNED_FROM
            if layers.height_known is not None:
                built &= ~layers.height_known
            masks[candidate] = tidy(built, gsd_m, open_m=0.4, close_m=0.4)
    return masks
