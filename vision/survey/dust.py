"""Dust hotspots: bare, uncovered ground on the later survey, and how it came about.

Two sets of regions are collected: ground that is bare now (the hotspots), and ground that is bare
or netted now or was bare before (the sites they belong to). A site tells whether the bare area
grew or shrank, and how much of it a green dust net covers.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from vision.finding import CueVote, Measure, Measures
from vision.survey.change import UNCHANGED_BELOW, PairWindow
from vision.survey.comparison import CompareOptions
from vision.survey.grid import Grid, Window
from vision.survey.masks import Mask, disc
from vision.survey.regions import Region, region_outline
from vision.survey.tillage import TENSOR_FEATURES, row_coherence, tilled

RULE_VERSION = "1"

# Ground narrower than this is a road or track and is reported apart from yards and sites, which
# it would otherwise tie together into one shapeless region.
ROAD_WIDTH_M = 5.0
_GREW = 1.25
_LEAST_HALVED_PX = 6

SITE_FEATURES = ("soil_before", "soil_after", "net_after", "netted_since")
GROUND_FEATURES = ("soil", "soil_before", *TENSOR_FEATURES)


class Trend(StrEnum):
    """How a site's bare ground changed since the earlier survey."""

    NEW = "new"
    GREW = "grew"
    SAME = "same"
    SHRANK = "shrank"
    COVERED_SINCE = "covered_since"


@dataclass(frozen=True, slots=True)
class DustMasks:
    """Masks of one window; see the module's text.

    Attributes:
        ground: bare ground at least :data:`ROAD_WIDTH_M` wide.
        road: bare ground narrower than that.
        site: ground that is bare or netted now, or was bare before.
        soil_before, soil_after, net_after: the classes the masks are made of.
    """

    ground: Mask
    road: Mask
    site: Mask
    soil_before: Mask
    soil_after: Mask
    net_after: Mask

    def part(self, rows: slice, cols: slice) -> DustMasks:
        """Return the masks of some rows and columns."""
        at = (rows, cols)
        return DustMasks(
            self.ground[at],
            self.road[at],
            self.site[at],
            self.soil_before[at],
            self.soil_after[at],
            self.net_after[at],
        )

    def site_features(self) -> dict[str, NDArray[np.float32]]:
        """Return the arrays named by :data:`SITE_FEATURES`."""
        return {
            "soil_before": self.soil_before.astype(np.float32),
            "soil_after": self.soil_after.astype(np.float32),
            "net_after": self.net_after.astype(np.float32),
            "netted_since": (self.net_after & self.soil_before).astype(np.float32),
        }


@dataclass(frozen=True, slots=True)
class Hotspot:
    """A dust hotspot.

    Attributes:
        outline: exposed ground (or, where covered since, the net) in map coordinates.
        score: mean probability of bare soil, or of net.
        measures: exposed area, covered share, areas before and after.
        attributes: ``form`` (ground or road), ``trend``, ``state`` (exposed or covered).
        cues: the soil cue's vote.
    """

    outline: BaseGeometry
    score: float
    measures: Measures
    attributes: dict[str, str]
    cues: tuple[CueVote, ...]


def dust_masks(pair: PairWindow, appearance: NDArray[np.float32]) -> DustMasks:
    """Return the window's masks of bare and netted ground.

    Args:
        pair: both surveys on the window.
        appearance: probability that the surface looks different. Where it looks the same it was
            what it is: ground at the edge of two classes must not seem to change between dates.
    """
    gsd_m = pair.gsd_m

    def tidy(mask: Mask) -> Mask:
        picture = cv2.morphologyEx(mask.view(np.uint8), cv2.MORPH_CLOSE, disc(0.6, gsd_m))
        return np.asarray(cv2.morphologyEx(picture, cv2.MORPH_OPEN, disc(0.6, gsd_m)) > 0)

    after = tidy((pair.cover_after.soil > 0.5) & pair.valid)
    same = appearance < UNCHANGED_BELOW
    was_soil = (pair.cover_after.soil > 0.5) & same
    was_soil |= (pair.cover_before.soil > 0.5) & ~same
    before = tidy(was_soil & pair.valid)
    net = tidy((pair.cover_after.net > 0.5) & pair.valid)
    wide = _coarsely(after, cv2.MORPH_OPEN, ROAD_WIDTH_M / 2, gsd_m)
    # What the opening rounded off belongs to the wide ground; what sticks out farther is road.
    ground = after & (cv2.dilate(wide.view(np.uint8), disc(1.0, gsd_m)) > 0)
    # A net lies a little apart from the soil around it; they are one site all the same.
    joined = after | before | net
    site = joined | _coarsely(joined, cv2.MORPH_CLOSE, 1.5, gsd_m)
    return DustMasks(ground, after & ~ground, site & pair.valid, before, after, net)


def _coarsely(mask: Mask, operation: int, radius_m: float, gsd_m: float) -> Mask:
    """Open or close a mask with a large disc at half its size, where a disc costs a sixteenth."""
    rows, cols = mask.shape
    if radius_m / gsd_m < _LEAST_HALVED_PX:
        opened = cv2.morphologyEx(mask.view(np.uint8), operation, disc(radius_m, gsd_m))
        return np.asarray(opened > 0)
    picture = mask.view(np.uint8)
    if rows % 2 or cols % 2:
        picture = np.asarray(
            cv2.copyMakeBorder(picture, 0, rows % 2, 0, cols % 2, cv2.BORDER_REPLICATE), np.uint8
        )
    size = (picture.shape[1] // 2, picture.shape[0] // 2)
    # The mean of four, rounded: set where at least two of them are.
    half = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    done = cv2.morphologyEx(half, operation, disc(radius_m, 2 * gsd_m))
    full = cv2.resize(done, picture.shape[::-1], interpolation=cv2.INTER_NEAREST)
    return np.asarray(full[:rows, :cols] > 0)


def hotspot(
    region: Region, site: Region | None, *, form: str, grid: Grid, options: CompareOptions
) -> Hotspot | None:
    """Describe a region of bare ground; None where it is too small.

    Args:
        region: bare ground, with the features of :data:`GROUND_FEATURES`.
        site: the site it lies on.
        form: ``ground`` or ``road``.
        grid: the working grid.
        options: thresholds.
    """
    pixel_m2 = grid.gsd_m**2
    exposed_m2 = region.pixels * pixel_m2
    if exposed_m2 < options.min_dust_area_m2:
        return None
    outline = _outline(region, grid)
    score = region.means["soil"] * (1 - tilled(region.means))
    measures = {
        "exposed_area_m2": Measure(value=round(exposed_m2, 1), unit="m2"),
        "area_m2": Measure(value=round(float(outline.area), 1), unit="m2"),
        "row_coherence": Measure(value=round(row_coherence(region.means), 3), unit="1"),
        "exposed_before_m2": Measure(
            value=round(region.means["soil_before"] * exposed_m2, 1), unit="m2"
        ),
    }
    trend = Trend.NEW if region.means["soil_before"] < 0.2 else Trend.SAME
    if site is not None:
        site_m2 = site.pixels * pixel_m2
        before_m2 = site.means["soil_before"] * site_m2
        after_m2 = site.means["soil_after"] * site_m2
        net_m2 = site.means["net_after"] * site_m2
        measures |= _site_measures(before_m2, after_m2, net_m2)
        trend = _trend(region.means["soil_before"], before_m2, after_m2)
    return Hotspot(
        outline,
        round(min(score, 1.0), 3),
        measures,
        {"form": form, "trend": trend.value, "state": "exposed"},
        (CueVote(cue="soil", probability=round(min(region.means["soil"], 1.0), 3)),),
    )


def covered_site(site: Region, *, grid: Grid, options: CompareOptions) -> Hotspot | None:
    """Describe a site whose bare ground was netted since; None where that is not so.

    It is reported so that an open dust case can be closed.
    """
    site_m2 = site.pixels * grid.gsd_m**2
    netted_m2 = site.means["netted_since"] * site_m2
    after_m2 = site.means["soil_after"] * site_m2
    if netted_m2 < options.min_dust_area_m2 or after_m2 >= options.min_dust_area_m2:
        return None
    before_m2 = site.means["soil_before"] * site_m2
    outline = _outline(site, grid)
    measures = {
        "exposed_area_m2": Measure(value=round(after_m2, 1), unit="m2"),
        "area_m2": Measure(value=round(float(outline.area), 1), unit="m2"),
    } | _site_measures(before_m2, after_m2, site.means["net_after"] * site_m2)
    share = min(netted_m2 / max(before_m2, 1.0), 1.0)
    return Hotspot(
        outline,
        round(share, 3),
        measures,
        {"form": "ground", "trend": Trend.COVERED_SINCE.value, "state": "covered"},
        (),
    )


def _site_measures(before_m2: float, after_m2: float, net_m2: float) -> Measures:
    covered = net_m2 / max(net_m2 + after_m2, 1.0)
    return {
        "covered_share": Measure(value=round(covered, 3), unit="1"),
        "site_exposed_before_m2": Measure(value=round(before_m2, 1), unit="m2"),
        "site_exposed_after_m2": Measure(value=round(after_m2, 1), unit="m2"),
    }


def _trend(share_before: float, before_m2: float, after_m2: float) -> Trend:
    if share_before < 0.2:
        return Trend.NEW
    if after_m2 > _GREW * before_m2:
        return Trend.GREW
    if before_m2 > _GREW * after_m2:
        return Trend.SHRANK
    return Trend.SAME


def _outline(region: Region, grid: Grid) -> BaseGeometry:
    return region_outline(region, grid, tolerance_m=max(0.4, 1.5 * grid.gsd_m))


@dataclass(frozen=True, slots=True)
class SiteFinder:
    """Finds the site that a piece of bare ground lies on."""

    sites: tuple[Region, ...]

    def of(self, region: Region) -> Region | None:
        """Return the site that holds the region's first pixel."""
        row, col = (int(v[0]) for v in np.nonzero(region.mask))
        place = Window(region.window.row + row, region.window.col + col, 1, 1)
        for site in self.sites:
            r, c = place.row - site.window.row, place.col - site.window.col
            if 0 <= r < site.window.height and 0 <= c < site.window.width and bool(site.mask[r, c]):
                return site
        return None
