"""From candidates to findings: judged one by one, held against permits, named and ordered."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import UTC, date, datetime

import cv2
import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from shapely import set_precision
from shapely.geometry.base import BaseGeometry
from shapely.strtree import STRtree

from vision.finding import (
    Assessment,
    Finding,
    FindingKind,
    GeoPolygon,
    Measure,
    ModelRef,
    PermitMatch,
    RuleRef,
    SurveySource,
    stable_id,
)
from vision.survey import dust, structures
from vision.survey.assessed import Assessed
from vision.survey.candidates import Candidate
from vision.survey.change import LearnedCue, change_layers, margin_px
from vision.survey.comparison import CompareOptions
from vision.survey.dust import Hotspot, SiteFinder
from vision.survey.grid import Window
from vision.survey.pair import SurveyPair, even_window
from vision.survey.regions import Region
from vision.survey.scan import Scan
from vision.survey.soil_model import soil_model_ref
from vision.survey.vectors import Permit

# A larger window is looked at with coarser pixels, so that one huge roof does not need all memory.
_LARGEST_LOOK_PX = 1600
# Two outlines of one kind that share more of the smaller one than this are one thing.
_SAME_THING_SHARE = 0.3
# A permit covers a structure when this much of the outline lies inside it: outlines are good to
# about half a metre, permits to their survey.
_PERMIT_SHARE = 0.8
_PERMIT_HEIGHT_TOLERANCE_M = 0.5

_KIND_ORDER = (
    FindingKind.NEW_STRUCTURE,
    FindingKind.REMOVED_STRUCTURE,
    FindingKind.LAND_CLEARING,
    FindingKind.DUST_HOTSPOT,
)


@dataclass(frozen=True, slots=True)
class Judged:
    """A finding and its outline in the working CRS."""

    finding: Finding
    outline: BaseGeometry


def judge(
    pair: SurveyPair,
    scanned: Scan,
    *,
    options: CompareOptions,
    learned: LearnedCue | None,
    permits: tuple[Permit, ...],
    roads: BaseGeometry | None,
    pool: Executor,
    source: tuple[str, str],
    hashes: tuple[str, str],
    progress: Callable[[float], None],
) -> list[Judged]:
    """Look at every candidate and return what holds, most certain first within each kind.

    Args:
        pair: the surveys.
        scanned: candidates and bare ground.
        options: thresholds.
        learned: the learned cue, if there is one.
        permits: building permits in the working CRS.
        roads: roads in the working CRS, if given.
        pool: runs the looks.
        source: file names of the earlier and later survey.
        hashes: their SHA-256.
        progress: told the share done.

    Raises:
        BadRaster: a survey's pixels cannot be decoded.
    """
    assessed = without_doubles(assess_all(pair, scanned, options, pool, progress))
    hotspots = _hotspots(pair, scanned, options)
    context = _Context(pair, options, learned, permits, roads, source, hashes)
    judged = [context.structure(item) for item in assessed]
    judged += [context.hotspot(item) for item in hotspots]
    return sorted(
        judged,
        key=lambda j: (_KIND_ORDER.index(j.finding.kind), -j.finding.score, j.finding.id),
    )


def assess_all(
    pair: SurveyPair,
    scanned: Scan,
    options: CompareOptions,
    pool: Executor,
    progress: Callable[[float], None],
) -> list[Assessed]:
    """Look at every candidate as a whole; return those that score at least ``min_score``."""
    looks = []
    results: list[Assessed] = []
    for candidate, collector in scanned.candidates.items():
        for region in collector.regions():
            if candidate is Candidate.CLEARED:
                cleared = structures.assess_clearing(region, grid=pair.grid, options=options)
                if cleared is not None:
                    results.append(cleared)
            else:
                looks.append(pool.submit(_look, pair, candidate, region, options))
    for done, look in enumerate(looks, 1):
        found = look.result()
        if found is not None:
            results.append(found)
        progress(done / len(looks))
    return [item for item in results if item.score >= options.min_score]


def _look(
    pair: SurveyPair,
    candidate: Candidate,
    region: Region,
    options: CompareOptions,
) -> Assessed | None:
    factor = 1
    while max(region.window.height, region.window.width) / factor > _LARGEST_LOOK_PX:
        factor *= 2
    grid = pair.grid if factor == 1 else pair.grid.coarser(pair.grid.gsd_m * factor)
    row, col = region.window.row // factor, region.window.col // factor
    size = (math.ceil(region.window.width / factor), math.ceil(region.window.height / factor))
    mask = region.mask
    if factor > 1:
        shrunk = cv2.resize(mask.astype(np.uint8) * 255, size, interpolation=cv2.INTER_AREA)
        mask = shrunk >= 128
        if not mask.any():
            return None
    window = Window(row, col, mask.shape[0], mask.shape[1]).grown(margin_px(grid.gsd_m))
    window = even_window(window)
    placed = np.zeros((window.height, window.width), np.bool_)
    top, left = row - window.row, col - window.col
    placed[top : top + mask.shape[0], left : left + mask.shape[1]] = mask
    seen = pair.read(window, grid=grid)
    layers = change_layers(seen, min_height_m=options.min_height_m)
    return structures.assess(
        candidate,
        placed,
        seen,
        layers,
        transform=grid.window_transform(window),
        options=options,
        learned=region.means if "built" in region.means else None,
    )


def without_doubles(items: list[Assessed]) -> list[Assessed]:
    """Keep the better of two outlines of one kind that lie on each other."""
    ordered = sorted(items, key=lambda item: (-item.score, item.outline.bounds))
    if not ordered:
        return []
    tree = STRtree([item.outline for item in ordered])
    dropped: set[int] = set()
    for index, item in enumerate(ordered):
        if index in dropped:
            continue
        for other in tree.query(item.outline):
            rival = ordered[int(other)]
            if int(other) <= index or rival.kind is not item.kind:
                continue
            shared = item.outline.intersection(rival.outline).area
            if shared > _SAME_THING_SHARE * min(item.outline.area, rival.outline.area):
                dropped.add(int(other))
    return [item for index, item in enumerate(ordered) if index not in dropped]


def _hotspots(pair: SurveyPair, scanned: Scan, options: CompareOptions) -> list[Hotspot]:
    grid = pair.grid
    sites = tuple(scanned.sites.regions())
    finder = SiteFinder(sites)
    found: list[Hotspot | None] = []
    for form, collector in (("ground", scanned.bare_ground), ("road", scanned.bare_road)):
        for region in collector.regions():
            found.append(
                dust.hotspot(region, finder.of(region), form=form, grid=grid, options=options)
            )
    found += [dust.covered_site(site, grid=grid, options=options) for site in sites]
    return [item for item in found if item is not None and item.score >= options.min_score]


class _Context:
    """What every finding of one comparison shares."""

    def __init__(
        self,
        pair: SurveyPair,
        options: CompareOptions,
        learned: LearnedCue | None,
        permits: tuple[Permit, ...],
        roads: BaseGeometry | None,
        source: tuple[str, str],
        hashes: tuple[str, str],
    ) -> None:
        self._pair = pair
        self._options = options
        self._learned = learned
        self._permits = permits
        self._roads = roads
        self._tree = STRtree([permit.geometry for permit in permits])
        self._to_wgs84 = Transformer.from_crs(
            pair.grid.crs, CRS.from_epsg(4326), always_xy=True
        ).transform
        self._source = SurveySource(
            before=source[0], after=source[1], before_sha256=hashes[0], after_sha256=hashes[1]
        )
        self._seen_at = pair.after.info.taken_at

    def structure(self, item: Assessed) -> Judged:
        permit = self._permit(item) if item.kind is FindingKind.NEW_STRUCTURE else None
        permitted = permit is not None and permit.valid
        options = self._options
        thresholds: dict[str, float | str] = {"min_score": options.min_score}
        if item.kind is FindingKind.LAND_CLEARING:
            thresholds["min_area_m2"] = options.min_clearing_area_m2
        else:
            thresholds["min_area_m2"] = options.min_area_m2
            if self._pair.has_heights:
                thresholds["min_height_m"] = options.min_height_m
        finding = Finding(
            id=self._id(item.kind, item.outline),
            kind=item.kind,
            score=item.score,
            assessment=Assessment.PERMITTED if permitted else Assessment.SUSPECTED,
            geometry=self._geometry(item.outline),
            first_seen=self._seen_at,
            last_seen=self._seen_at,
            measures=item.measures,
            attributes=item.attributes,
            cues=item.cues,
            permit=permit,
            rule=RuleRef(
                name=item.kind.value, version=structures.RULE_VERSION, thresholds=thresholds
            ),
            model=self._model(item.kind),
            source=self._source,
        )
        return Judged(finding, item.outline)

    def _model(self, kind: FindingKind) -> ModelRef | None:
        """Return the learned model that decided: bare ground is told by the soil classifier."""
        if kind is FindingKind.LAND_CLEARING:
            return soil_model_ref()
        return None if self._learned is None else self._learned.model

    def hotspot(self, item: Hotspot) -> Judged:
        measures = dict(item.measures)
        if self._pair.area is not None:
            edge_m = float(item.outline.distance(self._pair.area.boundary))
            measures["distance_to_edge_m"] = Measure(value=round(edge_m, 1), unit="m")
        if self._roads is not None:
            road_m = float(item.outline.distance(self._roads))
            measures["distance_to_road_m"] = Measure(value=round(road_m, 1), unit="m")
        finding = Finding(
            id=self._id(FindingKind.DUST_HOTSPOT, item.outline),
            kind=FindingKind.DUST_HOTSPOT,
            score=item.score,
            geometry=self._geometry(item.outline),
            first_seen=self._seen_at,
            last_seen=self._seen_at,
            measures=measures,
            attributes=item.attributes,
            cues=item.cues,
            model=soil_model_ref(),
            rule=RuleRef(
                name=FindingKind.DUST_HOTSPOT.value,
                version=dust.RULE_VERSION,
                thresholds={
                    "min_area_m2": self._options.min_dust_area_m2,
                    "min_score": self._options.min_score,
                },
            ),
            source=self._source,
        )
        return Judged(finding, item.outline)

    def _id(self, kind: FindingKind, outline: BaseGeometry) -> str:
        point = outline.representative_point()
        source = self._source
        place = f"{point.x:.1f} {point.y:.1f} {outline.area:.0f}"
        return stable_id(kind.value, source.before_sha256, source.after_sha256, place)

    def _geometry(self, outline: BaseGeometry) -> GeoPolygon:
        # 1e-8 degrees is about a millimetre: enough, and the file stays small. RFC 7946 wants
        # exterior rings counter-clockwise.
        def positions(xy: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.column_stack(self._to_wgs84(xy[:, 0], xy[:, 1]))

        lonlat = shapely.transform(outline, positions)
        return GeoPolygon.from_shape(set_precision(lonlat, 1e-8).normalize().reverse())

    def _permit(self, item: Assessed) -> PermitMatch | None:
        """Hold a structure against the permit that covers most of it."""
        matches = []
        for index in self._tree.query(item.outline):
            permit = self._permits[int(index)]
            shared = permit.geometry.intersection(item.outline).area / item.outline.area
            if shared > 0.01:
                matches.append(self._match(permit, shared, item))
        return max(matches, key=lambda m: (m.valid, m.covered_share), default=None)

    def _match(self, permit: Permit, shared: float, item: Assessed) -> PermitMatch:
        on = self._permit_date()
        height = item.measures.get("height_gain_m")
        note = "covered"
        if shared < _PERMIT_SHARE:
            note = "beyond_permitted_area"
        elif permit.valid_from is not None and on < permit.valid_from:
            note = "not_yet_valid"
        elif permit.valid_to is not None and on > permit.valid_to:
            note = "expired"
        elif (
            permit.max_height_m is not None
            and height is not None
            and height.value > permit.max_height_m + _PERMIT_HEIGHT_TOLERANCE_M
        ):
            note = "higher_than_permitted"
        return PermitMatch(
            permit_id=permit.permit_id,
            covered_share=round(min(shared, 1.0), 3),
            valid=note == "covered",
            note=note,
        )

    def _permit_date(self) -> date:
        if self._options.permit_date is not None:
            return self._options.permit_date
        return (self._seen_at or datetime.now(UTC)).date()
